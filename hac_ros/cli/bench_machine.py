"""What the benches tell of the machine that they ran on."""
import os


def load() -> list[float]:
    """Return how many processes wanted a core, on average over the last 1, 5 and 15 minutes."""
    return [round(average, 1) for average in os.getloadavg()]
