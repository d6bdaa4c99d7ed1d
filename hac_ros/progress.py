"""A run's progress: how long rounds take, and lines of plain text, one a round, for terminals, pipes and logs."""
import sys
import time

COLUMNS = (('success', 'planner/success', '.2f'), ('accuracy', 'controller/accuracy', '.2f'),
           ('subgoal std', 'planner/subgoal_std', '.3f'), ('critic', 'planner/critic_loss', '.3f'),
           ('actor', 'planner/actor_loss', '.2f'), ('low critic', 'controller/critic_loss', '.3f'),
           ('low actor', 'controller/actor_loss', '.2f'), ('evaluation', 'evaluation/success_rate', '.2f'),
           ('confirmed', 'evaluation/confirmed', '.3f'))


def duration(seconds: float) -> str:
    """Return seconds as h:mm:ss or m:ss."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{seconds:02}' if hours else f'{minutes}:{seconds:02}'


class RoundTimes:
    """Wall clock of rounds: from the moment at which one is told of to that of the next."""

    def __init__(self, clock=time.monotonic):
        self.clock, self.told = clock, {}      # round -> moment [s], environment steps by then

    def measure(self, round_: int, steps: float) -> dict[str, float]:
        """Return seconds and steps a second of ``round_``; nothing of the first that is told of, or of one told again."""
        if round_ in self.told:
            return {}
        self.told = {r: told for r, told in self.told.items() if r == round_ - 1}
        before, now = self.told.get(round_ - 1), (self.clock(), steps)
        self.told[round_] = now
        if before is None or now[0] <= before[0]:
            return {}
        seconds = now[0] - before[0]
        return {'wall/round': seconds, 'wall/steps_per_s': (steps - before[1]) / seconds}


class Progress:
    """Shows each row of metrics; ``total`` and ``done`` are environment steps of the run and at its start."""

    def __init__(self, total: int, done: int, stream=None):
        self.total, self.start, self.stream = total, done, stream or sys.stdout
        self.began = time.monotonic()

    def line(self, row: dict[str, float]) -> str:
        """Return the text of a row: round, steps, steps/s, time left at most, and what was measured."""
        steps, elapsed = int(row['environment_steps']), time.monotonic() - self.began
        speed = (steps - self.start) / elapsed if elapsed > 0 else 0.0
        missing = max(0, self.total - steps)    # a round of workers that joined adds more than the run asked for
        left = missing / speed if speed > 0 else 0.0
        parts = [f'round {int(row["round"])}', f'{steps} steps', f'{speed:.0f}/s', f'{duration(left)} left at most']
        parts += [f'{name} {row[key]:{form}}' for name, key, form in COLUMNS if key in row and row[key] == row[key]]
        return ' | '.join(parts)

    def show(self, row: dict[str, float]) -> None:
        """Print a row."""
        print(self.line(row), file=self.stream, flush=True)

    def close(self) -> None:
        """Nothing is left to print."""
        self.stream.flush()
