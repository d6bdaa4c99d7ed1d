"""`hac doctor`: what is there, what is missing, how to mend it."""
import sys

from hac_ros import environment


def run(words: list[str]) -> int:
    """Run the verb."""
    return environment.main(['doctor', *words])
