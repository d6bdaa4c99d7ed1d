"""Short training runs through the real command, launch file, nodes and DDS."""
import csv
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

SHORT = {'task': 'reach', 'arms': 4, 'seed': 7, 'max_steps': 1600, 'evaluate_every': 4, 'evaluation_episodes': 4,
         'bar': 2.0}
KILLED_LIMIT = 240   # [s] for a run that takes ten alone on a free core


class TrainingRun:
    """One `hac train` in a process of its own; its folder is below ``root``. ``launch_file``: one to launch instead."""

    def __init__(self, root: Path, run: str, launch_file: Path | None = None, **arguments):
        self.folder, self.run = root / run, run
        pairs = {**SHORT, 'run': run, 'folder': root, **arguments}
        self.output = open(root / f'{run}.out', 'w+', encoding='utf-8')
        verb = ['train'] if launch_file is None else ['launch', str(launch_file)]
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'hac_ros.cli', *verb, *(f'{key}:={value}' for key, value in pairs.items())],
            stdout=self.output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(KILLED_LIMIT)

    def printed(self) -> str:
        """Return what the command has printed."""
        return Path(self.output.name).read_text(encoding='utf-8')

    def stop(self):
        """End it, if it still runs, as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
        self.output.close()

    def pids(self, executable: str) -> list[int]:
        """Return the process ids that the launch log names for ``executable``, oldest first."""
        log = (self.folder / 'log' / 'launch.log').read_text()
        return [int(pid) for pid in re.findall(rf'\[{executable}-\d+\]: process started with pid \[(\d+)\]', log)]

    def kill(self, executable: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to the newest process of ``executable`` and return its id."""
        pid = self.pids(executable)[-1]
        os.kill(pid, number)
        return pid

    def kill_running(self, executable: str) -> int | None:
        """SIGKILL ``executable`` and return its id; None while it is not running, since it was killed before."""
        pid = self.pids(executable)[-1]
        return None if self.has_died(pid) else self.kill(executable)

    def has_died(self, pid: int) -> bool:
        """Whether the launch log tells that process ``pid`` was killed."""
        return f'process has died [pid {pid}, exit code -9]' in (self.folder / 'log' / 'launch.log').read_text()

    def log(self, executable: str) -> str:
        """Return what all processes of ``executable`` have printed into the run's log."""
        return ''.join(path.read_text() for path in sorted((self.folder / 'log').glob(f'{executable}-*.log')))

    def rows(self) -> list[dict[str, str]]:
        """Return metrics.csv without the columns that hold wall-clock times."""
        with open(self.folder / 'metrics.csv', encoding='utf-8', newline='') as file:
            return [{k: v for k, v in row.items() if not k.startswith('wall/')} for row in csv.DictReader(file)]
