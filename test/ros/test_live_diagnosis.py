"""The recorder says what is wrong with a run while it trains: once in words, and on /diagnostics as long as it is.

What it plots goes out on topics of its own.
"""
import numpy as np

from hac_ros import messages, proposals, tasks, topics
from hac_ros.learning import running_statistics
from hac_ros.learning.journal import ContributionJournal
from hac_ros.proposals import Proposals
from hac_ros.records import Contribution, ContributionId
from hac_ros.run_folder import RunFolder

from diagnostic_msgs.msg import DiagnosticStatus

RUN, ROUNDS = 'sick', 14
REACH = tasks.by_name('reach')
LEARNERS = {'planner_learner': 'planner', 'controller_learner': 'controller'}


def of_round(round_: int) -> dict[str, dict[str, float]]:
    """Return what each source would measure: critics that leave what is possible, a success that is lost."""
    found = {source: {f'{level}/q_mean': 5.0 if round_ > 1 else -1.0} for source, level in LEARNERS.items()}
    success = 0.9 if round_ < 7 else 0.3
    return found | {'normalizer': {'normalizer/rejected': 0.0}, 'evaluator': {
        'evaluation/success_rate': success, 'evaluation/confirmed': float('nan')}}


def same_place(round_: int) -> Proposals:
    """Return the subgoals of a planner that does not look."""
    goal = np.random.default_rng(0).normal(0.0, 0.08, (50, 3)).astype(np.float32)
    one = np.ones((50, 4), np.float32)
    return Proposals(round_, one, one[:, :2], one, goal, goal, goal, np.arange(50, dtype=np.uint16), np.ones(50, bool),
                     np.ones(50, bool), np.ones(50, bool), goal[:5], goal[5:10], np.ones(5, bool))


def test_what_is_wrong_with_a_run_is_a_live_warning(processes, listener, tmp_path):
    heard, plotted = {}, {}
    topics.subscribe(listener.node, topics.DIAGNOSTICS, lambda m: heard.update({s.name: s for s in m.status}), RUN)
    for name, topic in topics.PLOTS.items():
        topics.subscribe(listener.node, topic, lambda m, n=name: plotted.setdefault(n, []).append(m.data), RUN)
    recorder = processes.start('recorder', f'/{RUN}', run=RUN, task='reach', folder=tmp_path, arms=2,
                               evaluation__every=1, evaluation__limit=100 * ROUNDS)
    folder = RunFolder(tmp_path, RUN)
    publisher = topics.publisher(listener.node, topics.METRICS, RUN)
    listener.until(publisher.get_subscription_count, 'the recorder')
    proposals.write(folder.proposals, same_place(2))     # of weights that have learnt: they are two rounds behind
    journal, total = ContributionJournal(folder.journal / 'normalizer.jsonl'), None
    for round_ in range(12):
        part = running_statistics.of_samples(np.full((20, 10), 0.0) + np.random.default_rng(round_).normal(
            0.0, 0.1, (20, 10)) + (round_ > 6))[0]
        total = part if total is None else running_statistics.merge(total, part)
        journal.append(Contribution(ContributionId(0, 5, round_ + 1, 0, round_), REACH.observation.name, total))
    for round_ in range(ROUNDS - 1):
        for source, values in of_round(round_).items():
            if source != 'evaluator' or round_:
                publisher.publish(messages.from_metrics(source, 0, round_, values, RUN, listener.node.get_clock().now().to_msg()))
        listener.executor.spin_once(timeout_sec=0)
    newest, row = ROUNDS - 2, f'/{RUN}/recorder'
    values = listener.until(lambda: (s := heard.get(row)) and (found := {v.key: v.value for v in s.values})
                            and found.get('round') == str(newest) and found, 'the row of the newest round')
    measured = {name: value for source in of_round(newest).values() for name, value in source.items()}
    assert {name: float(values[name]) for name in measured if name in values} \
        == {name: value for name, value in measured.items() if np.isfinite(value)}
    listener.until(lambda: 0.3 in plotted.get('evaluation/success_rate', ()), 'the newest success on its topic')
    assert {name: set(values) - {0.9} for name, values in plotted.items()} == {'evaluation/success_rate': {0.3}}, \
        'nothing but what was measured'
    for kind, words in (('collapse', 'same subgoal whatever the state'), ('divergence', 'critics diverge'),
                        ('decay', 'The success decays: 0.90'), ('drift', 'statistics drift away')):
        status = listener.until(lambda: (s := heard.get(f'/{RUN}/recorder: {kind}')) and s.level == DiagnosticStatus.WARN
                                and s, f'a warning of {kind}')
        assert words in status.message
        assert recorder.log.read_text().count(words) == 1, 'it is told once'
    assert heard[f'/{RUN}/recorder: rejected'].level == DiagnosticStatus.OK
