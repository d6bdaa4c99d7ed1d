"""`hac doctor`: what is there, what is missing, how to mend it."""
import os

from hac_ros import environment


def run(words: list[str]) -> int:
    """Run the verb. Only the script `hac` tells that the ROS 2 is the embedded one; without it, one is sourced."""
    os.environ.setdefault('HAC_WORLD', 'sourced')
    return environment.main(['doctor', *words])
