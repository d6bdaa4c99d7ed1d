"""Names that one process of this machine owns in a ROS domain.

Two nodes of one name would hear each other whatever folders they use. The kernel keeps the name, a socket without a
file, for as long as the process lives, and for as many processes as can reach each other: a network namespace.
"""
import hashlib
import os
import socket

from hac_ros.run_folder import RunInUse


def claim(name: str) -> socket.socket:
    """Own ``name``, such as "reach.planner", until the socket is closed; raises RunInUse if another process does."""
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    owner = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        owner.bind(b'\0hac_ros.' + hashlib.sha256(f'{domain}/{name}'.encode()).hexdigest().encode())
    except OSError as error:
        owner.close()
        raise RunInUse(f'{name} is at work already in ROS domain {domain} on this machine, in whatever folder: wait for '
                       'it, end it, or choose another name with run:=<name> or another ROS_DOMAIN_ID') from error
    return owner
