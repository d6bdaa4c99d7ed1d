"""Counts of what a node refused or noticed, published as diagnostics once a second and warned of, throttled."""
from collections import Counter

from hac_ros import topics
from hac_ros.nodes import process

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue


class Health:
    """A node's counters: ``note`` for what is normal, ``refuse`` for what somebody should look at."""

    WARN_EVERY = 5.0   # [s]

    def __init__(self, node, run: str):
        self._node, self.counts, self.refused = node, Counter(), Counter()
        self._last_text = ''
        self.findings: dict[str, str] = {}      # kind -> plain words; empty: all is well
        self._publisher = topics.publisher(node, topics.DIAGNOSTICS, run)
        self._timer = process.timer(node, 1.0, self.publish)

    def note(self, what: str) -> None:
        """Count ``what``."""
        self.counts[what] += 1

    def refuse(self, what: str, why) -> None:
        """Count ``what`` as refused and warn of it with the reason, at most every few seconds."""
        self.refused[what] += 1
        self._last_text = f'{what}: {why}'
        self._node.get_logger().warning(self._last_text, throttle_duration_sec=self.WARN_EVERY)

    def find(self, findings: dict[str, str]) -> None:
        """Publish ``findings``, kind -> what is wrong in plain words, '' where all is well, from now on and at once."""
        self.findings = dict(findings)
        self.publish()

    def publish(self) -> None:
        """Publish the counts on /diagnostics."""
        level = DiagnosticStatus.WARN if self.refused else DiagnosticStatus.OK
        values = [KeyValue(key=key, value=str(count)) for key, count in {**self.counts, **self.refused}.items()]
        status = DiagnosticStatus(level=level, name=self._node.get_fully_qualified_name(), message=self._last_text,
                                  hardware_id='hac_ros', values=values)
        array = DiagnosticArray(status=[status, *self._findings(status.name)])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)

    def _findings(self, name: str) -> list[DiagnosticStatus]:
        levels = {True: DiagnosticStatus.WARN, False: DiagnosticStatus.OK}
        return [DiagnosticStatus(level=levels[bool(text)], name=f'{name}: {kind}', message=text, hardware_id='hac_ros')
                for kind, text in self.findings.items()]
