"""A node that is started by itself, as ``ros2 launch`` does it, removes what killed nodes have left in shared memory."""
import contextlib
import os
from pathlib import Path

from hac_ros import topics
from hac_ros.launching import shared_memory
from hac_ros.launching.shared_memory import FOLDER, STARTED


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


def test_segments_of_a_killed_node_go_and_those_of_a_living_one_stay(processes, listener):
    killed, left = started(processes, listener, 'killed')
    living, kept = started(processes, listener, 'living')
    assert left and kept
    killed.kill()
    killed.wait()
    make_old(left | kept, STARTED + 1.0)
    started(processes, listener, 'third')
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept) and living.poll() is None
