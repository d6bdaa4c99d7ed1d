"""What a run says over its topics in a window of rounds: bytes by topic, and how old the weights are that act.

``python -m hac_ros.cli.bench_traffic RUN WORKERS FIRST LAST``, on one of the machines of the run, prints ``begin`` when
statistics FIRST are out with contributions of all workers, and one JSON object when those of LAST - FIRST rounds more are.
"""
import json
import statistics
import sys
import time
from collections import Counter

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from hac_ros import topics
from hac_ros.records import LAG, LEVELS

PER_RUN = (topics.PLANNER_EPISODES, topics.CONTROLLER_EPISODES, topics.CONTRIBUTION, topics.RECEIPT, topics.STATISTICS,
           topics.PLANNER_WEIGHTS, topics.CONTROLLER_WEIGHTS, topics.METRICS, topics.STATUS)
PER_WORKER = (topics.ARM_STATE, topics.SUBGOAL, topics.ARM_COMMAND)
READ = (*topics.EPISODES, *topics.WEIGHTS, topics.STATISTICS)


class Traffic(Node):
    """Hears all topics of a run, and of its first worker, which stands for the others: theirs would have to cross the network."""

    def __init__(self, run: str, workers: int, first: int, rounds: int):
        super().__init__('bench_traffic')
        self.workers, self.first, self.rounds = workers, first, rounds
        self.bytes, self.behind, self.ages = Counter(), [[] for _ in LEVELS], [[] for _ in LEVELS]
        self.newest, self.published = [-1 for _ in LEVELS], {}     # (level, version) -> when it was out, by our own clock
        self.began = self.ended = None
        for topic in (*PER_RUN, *PER_WORKER):
            self.create_subscription(topic.type, topic.path(run, 0), self._reader(topic), topic.reader_qos, raw=True)

    def _reader(self, topic):
        writers = self.workers if topic in PER_WORKER else 1

        def on_message(data: bytes):
            if self.began is not None:
                self.bytes[topic.name.rpartition('}/')[2]] += writers * len(data)
            if topic in READ:
                self._read(topic, deserialize_message(data, topic.type))
        return on_message

    def _read(self, topic, msg) -> None:
        if topic is topics.STATISTICS:
            self._on_version(msg)
        elif topic in topics.WEIGHTS:
            self.newest[msg.level] = max(self.newest[msg.level], msg.version)
            self.published.setdefault((msg.level, msg.version), time.monotonic())
        elif self.began is not None:
            self.behind[msg.level].append(self.newest[msg.level] - msg.weights)
            self.ages[msg.level].append(time.monotonic() - self.published.get((msg.level, msg.weights), time.monotonic()))

    def _on_version(self, msg) -> None:
        newest = {c.worker for c in msg.includes if c.last_round == msg.version - LAG}
        if self.began is None and msg.version >= self.first and len(newest) == self.workers:
            self.began, self.first = time.monotonic(), msg.version
            print('begin', flush=True)
        elif self.began is not None and msg.version >= self.first + self.rounds:
            self.ended = time.monotonic()

    def report(self) -> dict:
        """Return what was seen in the window."""
        seconds = self.ended - self.began
        return {'seconds': round(seconds, 3), 'first_round': self.first, 'rounds': self.rounds,
                'bytes_per_s': {name: round(count / seconds) for name, count in sorted(self.bytes.items())},
                'weights': {name: {'behind_mean': round(statistics.fmean(behind), 3), 'behind_max': max(behind),
                                   'age_s': round(statistics.fmean(ages), 3)}
                            for name, behind, ages in zip(LEVELS, self.behind, self.ages)}}


def main(words: list[str]) -> None:
    """Hear the run until the window has ended, and print the report."""
    rclpy.init(args=[])
    node, executor = Traffic(words[0], *map(int, words[1:])), SingleThreadedExecutor()
    executor.add_node(node)
    while node.ended is None:
        executor.spin_once(timeout_sec=0.2)
    print(json.dumps(node.report()), flush=True)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main(sys.argv[1:])
