"""Measurements as plain numbers, each on a topic of its own, where rqt_plot and PlotJuggler draw them."""
import math

from hac_ros import topics

from std_msgs.msg import Float64


class Plots:
    """Publishers of topics.PLOTS on ``node``."""

    def __init__(self, node, run: str):
        self._publishers = {name: topics.publisher(node, topic, run) for name, topic in topics.PLOTS.items()}

    def show(self, row: dict[str, float]) -> None:
        """Publish what ``row``, column -> value, has of them; what was not measured in its round is left as it was."""
        for name, publisher in self._publishers.items():
            if math.isfinite(value := row.get(name, math.nan)):
                publisher.publish(Float64(data=float(value)))
