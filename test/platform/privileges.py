"""What a child process runs first that shall not be permitted any real-time priority, as an ordinary user is not."""

GIVE_UP_REAL_TIME = """
import os, resource
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
if os.geteuid() == 0:
    os.setuid(65534)
"""
