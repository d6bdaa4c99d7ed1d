"""The rows of metrics.csv as TensorBoard events, with environment steps as the horizontal axis.

TensorBoard's own EventFileWriter has a thread that a full disk ends for good; here each row is one write.
"""
import io
import os
import socket
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG, PLUGIN_NAME
from tensorboard.summary.writer.record_writer import RecordWriter

# The eight curves by which the 2020 work was steered, what they did not show, and Q against returns.
CURVES = {
    'High level: planner': {'success': ('planner/success', 'evaluation/success_rate'),
                            'actor loss': ('planner/actor_loss',), 'critic loss': ('planner/critic_loss',),
                            'mean reward': ('planner/mean_reward',),
                            'Q against return': ('planner/q_start', 'evaluation/return_start'),
                            'diversity of subgoals [m]': ('planner/subgoal_std', 'evaluation/subgoal_diversity'),
                            'diversity of actions': ('evaluation/action_diversity',),
                            'dependence of subgoals [m]': ('planner/state_dependence', 'planner/goal_dependence'),
                            'silent units': ('planner/silent_units',),
                            'share out of reach': ('planner/out_of_reach', 'evaluation/out_of_reach'),
                            'object moved': ('planner/object_moved', 'evaluation/object_moved'),
                            'without the planner': ('evaluation/success_rate', 'evaluation/goal_as_subgoal',
                                                    'evaluation/random_subgoals')},
    'Low level: controller': {'accuracy': ('controller/accuracy', 'evaluation/probe_accuracy'),
                              'actor loss': ('controller/actor_loss',), 'critic loss': ('controller/critic_loss',),
                              'mean reward': ('controller/mean_reward',),
                              'Q against return': ('controller/q_start', 'evaluation/controller_return_low',
                                                   'evaluation/controller_return_high')},
    'Normalizer': {'drift of the recent mean [std]': ('normalizer/drift',)}}


class MetricsEvents:
    """Event files in ``folder``; ``write(row)`` takes the rows that MetricsTable writes.

    What the disk does not take is counted in ``lost`` and stops nothing: metrics.csv has the same rows.

    ``kept_steps``: environment steps of the last row that a resumed run keeps: later events no longer count.
    """

    def __init__(self, folder, kept_steps: int = 0):
        self.lost = 0
        Path(folder).mkdir(parents=True, exist_ok=True)
        name = f'events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}'
        self._file = open(Path(folder) / name, 'xb', buffering=0)
        self._append(Event(file_version='brain.Event:2'))
        self._append(Event(session_log=SessionLog(status=SessionLog.START), step=kept_steps + 1))
        self._append(Event(summary=layout()))

    def write(self, row: dict[str, float]):
        """Write the values of one row, all but its round, at its environment steps."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items()
                  if name not in ('round', 'environment_steps')]
        self._append(Event(summary=Summary(value=values), step=row['environment_steps']))

    def close(self):
        """Close the file."""
        self._file.close()

    def _append(self, event: Event):
        """Write ``event`` whole; a disk that takes only a part of it is rid of that part."""
        event.wall_time = time.time()
        record, end = io.BytesIO(), self._file.tell()
        RecordWriter(record).write(event.SerializeToString())
        try:
            complete = self._file.write(record.getvalue()) == len(record.getvalue())
        except OSError:
            complete = False
        if not complete:
            self._file.truncate(end)
            self._file.seek(end)
            self.lost += 1


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
