"""Run-stops and faults: what each was told to be last, and whether the robot tells of them at all."""
from hac_ros.safety.status import Status

SOFTWARE, BUTTON, FAULT = 'software run-stop', 'run-stop button', 'fault'
TOLD = (BUTTON, FAULT)      # what a robot tells again and again, pressed or not


class Switches:
    """What run-stops and faults say; times [s] are of our own clock, by receipt.

    Each speaks for itself: a software run-stop that is not set releases no button. pressed: those that stand.
    """

    def __init__(self, timeout: float | None = None):
        """``timeout`` [s]: TOLD must be heard of at least so often; None: they need not."""
        self.timeout, self.pressed = timeout, set()
        self._heard: dict[str, float] = {}

    def hear(self, now: float, name: str, pressed: bool) -> tuple[Status, ...]:
        """Take what was told; return the reasons to stop that stood until now, a silence too, and those that stand from now on."""
        before = self.causes(now)
        (self.pressed.add if pressed else self.pressed.discard)(name)
        self._heard[name] = now
        return before + self.causes(now)

    def forget_when(self) -> None:
        """Forget when TOLD were heard of, but not what they said: a silence from before is nobody's concern."""
        self._heard.clear()

    @property
    def runstopped(self) -> bool:
        """Whether a run-stop is pressed, by software or by hand."""
        return not self.pressed.isdisjoint((SOFTWARE, BUTTON))

    @property
    def faulted(self) -> bool:
        """Whether the robot reports a fault."""
        return FAULT in self.pressed

    def causes(self, now: float) -> tuple[Status, ...]:
        """Return the reasons to stop at ``now``."""
        return ((Status.RUNSTOP,) * self.runstopped + (Status.FAULT,) * self.faulted + self._silence(now))

    def _silence(self, now: float) -> tuple[Status, ...]:
        if self.timeout is None:
            return ()
        heard = [self._heard[name] for name in TOLD if name in self._heard]
        if any(now - at > self.timeout for at in heard):
            return (Status.ROBOT_SILENT,)       # what was pressed meanwhile nobody knows
        return (Status.ROBOT_UNHEARD,) * (len(heard) < len(TOLD))
