"""`hac bench chaos`, small: the whole campaign is a command of its own."""
import json
import subprocess
import sys


def test_a_campaign_kills_recovers_checks_and_says_so(tmp_path):
    result = subprocess.run(
        [sys.executable, '-m', 'hac_ros.cli', 'bench', 'chaos', '--json', 'kills:=2', 'workers:=2', 'arms:=2', 'seed:=3',
         'limit:=100', f'folder:={tmp_path}'], capture_output=True, text=True, timeout=400)
    report = json.loads(result.stdout)
    assert len(report['kills']) == 2 and all(kill['recovery_s'] > 0 for kill in report['kills']), result.stderr
    # So short a training solves nothing: the rest must hold.
    checks = {name: ok for name, ok in report['checks'].items() if 'solved' not in name}
    assert len(checks) == 6 and all(checks.values()), report
    assert result.returncode == (0 if report['passed'] else 1)
