"""The rows of metrics.csv as TensorBoard events, with environment steps as the horizontal axis."""
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG, PLUGIN_NAME
from tensorboard.summary.writer.event_file_writer import EventFileWriter

# The eight curves by which the 2020 work was steered, and the diversity of the proposed subgoals.
CURVES = {
    'High level: planner': {'success': ('planner/success', 'evaluation/success_rate'),
                            'actor loss': ('planner/actor_loss',), 'critic loss': ('planner/critic_loss',),
                            'mean reward': ('planner/mean_reward',),
                            'diversity of subgoals [m]': ('planner/subgoal_std', 'evaluation/subgoal_diversity')},
    'Low level: controller': {'accuracy': ('controller/accuracy', 'evaluation/probe_accuracy'),
                              'actor loss': ('controller/actor_loss',), 'critic loss': ('controller/critic_loss',),
                              'mean reward': ('controller/mean_reward',)}}


class MetricsEvents:
    """Event files in ``folder``; ``write(row)`` takes the rows that MetricsTable writes.

    ``kept_steps``: environment steps of the last row that a resumed run keeps: later events no longer count.
    """

    def __init__(self, folder, kept_steps: int = 0):
        self._writer = EventFileWriter(str(Path(folder)))
        self._writer.add_event(Event(session_log=SessionLog(status=SessionLog.START), step=kept_steps + 1))
        self._writer.add_event(Event(summary=layout()))

    def write(self, row: dict[str, float]):
        """Write the values of one row, all but its round, at its environment steps."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items()
                  if name not in ('round', 'environment_steps')]
        self._writer.add_event(Event(summary=Summary(value=values), step=row['environment_steps'],
                                     wall_time=time.time()))
        self._writer.flush()

    def close(self):
        """Write what is left and close the file."""
        self._writer.close()


def layout():
    """Return the summary that lays out the CURVES on TensorBoard's page of custom scalars.

    Made by hand, because TensorBoard's own function for it imports TensorFlow.
    """
    categories = [layout_pb2.Category(title=title, chart=[_chart(name, tags) for name, tags in charts.items()])
                  for title, charts in CURVES.items()]
    tensor = TensorProto(dtype='DT_STRING', tensor_shape=TensorShapeProto(),
                         string_val=[layout_pb2.Layout(category=categories).SerializeToString()])
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME))
    return Summary(value=[Summary.Value(tag=CONFIG_SUMMARY_TAG, metadata=metadata, tensor=tensor)])


def _chart(title: str, tags: tuple[str, ...]):
    return layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=[f'^{tag}$' for tag in tags]))
