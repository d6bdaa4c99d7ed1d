"""What a learner hears of evaluations, where it goes back to the best."""
from hac_ros import messages, topics
from hac_ros.learning.return_rule import ReturnRule
from hac_ros.metrics_table import read_rows
from hac_ros.nodes import process

SUCCESS = 'evaluation/success_rate'


class Verdicts:
    """metrics of the evaluator -> ``rule``; ``waits()``: whether one is lacking; ``advance()``: one has come.

    What was told while this process was not there, and by an evaluator that has ended since, is in metrics.csv: the
    recorder permits rounds by the same verdicts, and writes each down.
    """

    def __init__(self, node, run: str, table, rule: ReturnRule, waits, advance):
        """``node`` has the ``health`` that counts what is refused; ``table``: path of metrics.csv."""
        self.run, self.table, self.rule = run, table, rule
        self.health, self.waits, self.advance = node.health, waits, advance
        topics.subscribe(node, topics.METRICS, self.on_metrics, run)
        process.timer(node, 1.0, self.look)

    def on_metrics(self, msg):
        """Take the verdict of an evaluation."""
        if msg.run != self.run or msg.source != 'evaluator':
            return
        try:
            self.rule.hear(msg.round, messages.to_metrics(msg).get(SUCCESS, float('nan')))
        except ValueError as error:
            self.health.refuse('metrics refused', error)
        self.advance()

    def look(self):
        """Read what metrics.csv has, if a verdict is lacking."""
        if not self.waits():
            return
        for row in read_rows(self.table) if self.table.is_file() else []:
            if row[SUCCESS]:
                self.rule.hear(int(row['round']), float(row[SUCCESS]))
        self.advance()
