"""`hac doctor`: what is there, what is missing and how to mend it. The script `hac` asks the same before Python runs."""
import sys

from hac_ros import environment


def run(words: list[str]) -> int:
    """Run the verb."""
    return environment.main(['doctor', *words])
