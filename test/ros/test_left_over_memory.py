"""A node that is started by itself, as ``ros2 launch`` does it, removes what killed nodes have left in shared memory."""
import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix

from hac_ros import topics
from hac_ros.launching import shared_memory
from hac_ros.launching.shared_memory import FOLDER, STARTED
from hac_ros.nodes.process import REFUSED

PROFILE = Path(__file__).resolve().parents[2] / 'dds' / 'network.xml'
DEAD, YOUNG = 'fastrtps_0123456789abcdef', 'fastrtps_fedcba9876543210'     # nobody holds their locks
# A /dev/shm of its own, that nobody else cleans, and what lies there when the command has ended.
PRIVATE = ('unshare', '--mount', 'sh', '-ec', f"""mount -t tmpfs memory {FOLDER}
for name in {DEAD} {DEAD}_el; do touch -d '1 minute ago' {FOLDER}/$name; done; touch {FOLDER}/{YOUNG} {FOLDER}/{YOUNG}_el
FASTRTPS_DEFAULT_PROFILES_FILE='{PROFILE}' "$@" || echo "status $?"; cd {FOLDER}; ls -d fastrtps_*""", 'sh')


def started(processes, listener, name: str) -> tuple:
    """Start a marker publisher and wait until it speaks; return its process and its segments of shared memory."""
    heard = []
    subscription = topics.subscribe(listener.node, topics.DIAGNOSTICS, heard.append, name)
    process = processes.start('marker_publisher', f'/{name}', run=name, folder=processes.folder)
    listener.until(lambda: any(status.name.startswith(f'/{name}/') for message in heard for status in message.status),
                   f'diagnostics of {name}')
    listener.node.destroy_subscription(subscription)
    return process, locked(process.pid)


def make_old(paths, seconds: float):
    """Have files look as old as that."""
    for path in paths:
        for there in FOLDER.glob(f'{path.name}*'):
            with contextlib.suppress(FileNotFoundError):     # others that run beside may clean too
                made = there.stat().st_mtime - seconds
                os.utime(there, (made, made))


def locked(pid: int) -> set[Path]:
    """Return the segments whose lock a process holds: it has mapped those of others too."""
    inodes = {line.split()[5].rpartition(':')[2] for line in Path('/proc/locks').read_text().splitlines()
              if line.split()[4] == str(pid)}
    found = set()
    for path in FOLDER.glob('fastrtps_*_el'):
        with contextlib.suppress(FileNotFoundError):         # others that run beside start and end too
            if '_port' not in path.name and str(path.stat().st_ino) in inodes:
                found.add(path.with_name(path.name.removesuffix('_el')))
    return found


def test_segments_of_a_killed_node_go_and_those_of_a_living_one_stay(through_memory, processes, listener):
    killed, left = started(processes, listener, 'killed')
    living, kept = started(processes, listener, 'living')
    assert left and kept
    killed.kill()
    killed.wait()
    make_old(left | kept, STARTED + 1.0)
    started(processes, listener, 'third')
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept) and living.poll() is None


def test_what_is_young_stays_since_a_node_that_starts_just_then_has_not_locked_it_yet():
    if subprocess.run([*PRIVATE, 'true'], capture_output=True).returncode:
        pytest.skip('a /dev/shm of its own wants unshare and root')
    node = Path(get_package_prefix('hac_ros')) / 'lib' / 'hac_ros' / 'normalizer'
    done = subprocess.run([*PRIVATE, node, '--ros-args', '-p', 'arms:=0'], capture_output=True, text=True, check=True)
    assert 'arms' in done.stderr
    assert done.stdout.split('\n') == [f'status {REFUSED}', YOUNG, f'{YOUNG}_el', '']
