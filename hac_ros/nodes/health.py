"""Counts of what a node refused or noticed, published as diagnostics once a second and warned of, throttled."""
import math
import time
from collections import Counter
from dataclasses import dataclass

from hac_ros import topics
from hac_ros.nodes import process

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
FINE = 'OK'     # the message where there is nothing to say


@dataclass(frozen=True)
class Refusal:
    """The last of its kind: when [s] of the steady clock, how grave, and why."""

    at: float
    level: bytes
    text: str


class Health:
    """A node's counters: ``note`` for what is normal, ``refuse`` for what somebody should look at.

    Its status is at WARN, with the reason, for REMEMBER after a refusal, and at ERROR where nothing goes on until
    somebody acts: the disk took nothing (an OSError is the reason), or ``standing()`` names what holds.
    """

    WARN_EVERY = 5.0   # [s]
    REMEMBER = 30.0    # [s]

    def __init__(self, node, run: str, clock=time.monotonic):
        self._node, self._clock, self.counts, self.refused = node, clock, Counter(), Counter()
        self._last: dict[str, Refusal] = {}
        self._warned: dict[str, float] = {}
        self.findings: dict[str, str] = {}      # kind -> plain words; empty: all is well
        self.shown: dict[str, float] = {}       # name -> measurement
        self.standing = tuple                   # returns, in words, what nothing goes on with, as long as it lasts
        self._publisher = topics.publisher(node, topics.DIAGNOSTICS, run)
        self._timer = process.timer(node, 1.0, self.publish)

    def note(self, what: str) -> None:
        """Count ``what``."""
        self.counts[what] += 1

    def refuse(self, what: str, why) -> None:
        """Count ``what`` as refused and warn of it with the reason, of each ``what`` at most every WARN_EVERY."""
        self.refused[what] += 1
        last = Refusal(self._clock(), ERROR if isinstance(why, OSError) else WARN, f'{what}: {why}')
        self._last[what] = last
        if last.at - self._warned.get(what, -math.inf) >= self.WARN_EVERY:     # rclpy's own throttle knows no ``what``
            self._warned[what] = last.at
            self._node.get_logger().warning(last.text)

    def find(self, findings: dict[str, str]) -> None:
        """Publish ``findings``, kind -> what is wrong in plain words, '' where all is well, from now on and at once."""
        self.findings = dict(findings)
        self.publish()

    def show(self, values: dict[str, float]) -> None:
        """Publish ``values``, name -> measurement, from now on beside the counts; those that are not finite are left out."""
        self.shown = {name: value for name, value in values.items() if math.isfinite(value)}

    def publish(self) -> None:
        """Publish the counts on /diagnostics."""
        level, text = self._level()
        texts = {name: f'{value:.6g}' for name, value in self.shown.items()}
        counts = {key: str(count) for key, count in {**self.counts, **self.refused}.items()}
        status = DiagnosticStatus(level=level, name=self._node.get_fully_qualified_name(), message=text,
                                  hardware_id='hac_ros', values=[KeyValue(key=key, value=value)
                                                                 for key, value in {**texts, **counts}.items()])
        array = DiagnosticArray(status=[status, *self._findings(status.name)])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)

    def _level(self) -> tuple[bytes, str]:
        """Return the gravest level that holds, and its reason: of several the last."""
        if standing := self.standing():
            return ERROR, '; '.join(standing)
        recent = [last for last in list(self._last.values()) if self._clock() - last.at < self.REMEMBER]
        worst = max(recent, key=lambda last: (last.level, last.at), default=Refusal(0.0, OK, FINE))
        return worst.level, worst.text

    def _findings(self, name: str) -> list[DiagnosticStatus]:
        return [DiagnosticStatus(level=WARN if text else OK, name=f'{name}: {kind}', message=text or FINE,
                                 hardware_id='hac_ros') for kind, text in self.findings.items()]
