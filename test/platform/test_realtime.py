"""A process takes real-time priority with all of its threads, or is told that it may not and keeps what it had."""
import json
import subprocess
import sys

from privileges import GIVE_UP_REAL_TIME

CHILD = """
import json, os, sys, threading
from hac_ros import realtime

%s
def policies():
    return sorted({(os.sched_getscheduler(int(tid)), os.sched_getparam(int(tid)).sched_priority) for tid in os.listdir('/proc/self/task')})

ready, done = threading.Event(), threading.Event()
threading.Thread(target=lambda: (ready.set(), done.wait())).start()
ready.wait()
before = policies()
try:
    realtime.claim(7)
    permitted = True
except PermissionError:
    permitted = False
later = threading.Thread(target=lambda: (ready.set(), done.wait()))
ready.clear()
later.start()
ready.wait()
print(json.dumps({'before': before, 'permitted': permitted, 'after': policies()}))
done.set()
"""


def outcome(first=''):
    """What a process found that ran ``first`` and then claimed priority 7."""
    printed = subprocess.run([sys.executable, '-c', CHILD % first], capture_output=True, text=True, check=True, timeout=60).stdout
    return json.loads(printed)


def test_all_threads_of_a_process_have_the_priority_or_none_has():
    found = outcome()
    assert found['after'] == ([[1, 7]] if found['permitted'] else found['before'])     # 1: SCHED_FIFO


def test_without_the_privilege_it_is_refused_and_nothing_changes():
    found = outcome(GIVE_UP_REAL_TIME)
    assert not found['permitted'] and found['after'] == found['before']
