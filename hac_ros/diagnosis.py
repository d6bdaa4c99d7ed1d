"""What is wrong with a run, in plain words: pure functions of what was measured.

The 2020 work found by rendering that its planner "seems to create the same point regardless of the state" while
all loss curves fell; each check here is one that its graphs could not make.
"""
from dataclasses import dataclass

import numpy as np

from hac_ros.config import Checked, option
from hac_ros.learning.decline import decline
from hac_ros.proposals import Proposals
from hac_ros.records import LAG
from hac_ros.run_history import RunHistory, StatisticsHistory

KINDS = ('collapse', 'decay', 'divergence', 'drift', 'reach', 'silent', 'untouched', 'rejected')
CROWD = 0.04     # [m] radius of a place: twice the tolerance of a subgoal


@dataclass(frozen=True)
class Thresholds(Checked):
    """From where on something counts as wrong. Measured on Reach unless said otherwise; docs/report.md tells more."""

    same_action: float = option(
        0.02, 'Collapse: least standard deviation of the planner\'s actions (uniform ones have 0.58, a trained '
        'planner on Reach 0.09, since at the goal there is nothing left to do, one of constant weights 0)',
        low=0.0, high=1.0)
    same_place: float = option(
        0.2, 'Collapse: least spread of the subgoals in the second half of the episodes as a share of that of the '
        'goals (a trained planner on Reach: about 1)', low=0.0, high=10.0)
    decay: float = option(
        0.1, 'Decay: loss of accuracy or success against the best of earlier evaluations, each the mean of three '
        '(an evaluation of 100 episodes has a standard error of up to 0.05)', low=0.0, high=1.0)
    optimism: float = option(
        0.25, 'Divergence: difference of what critics expect and what evaluations return, as a share of the range '
        'of values', low=0.0, high=10.0)
    outside: float = option(
        0.05, 'Divergence: how far the mean value may lie outside of the range of possible values, as a share of '
        'it (targets are clipped to the range, so only a diverging network leaves it)', low=0.0, high=10.0)
    growth: float = option(
        10.0, 'Divergence: factor by which the critic loss of the last fifth may exceed the median before it '
        '(a healthy run\'s falls, or rises by less than 3 when a task begins to be solved)', low=1.0, high=1e6)
    drift: float = option(
        1.0, 'Drift: distance of the mean of recent data from that of the statistics, in their standard deviations '
        '(the 2020 work had means that differed so; networks saw inputs beyond those they were trained on)',
        low=0.0, high=100.0)
    widening: float = option(
        3.0, 'Drift: factor by which recent data may be wider than the statistics say', low=1.0, high=1000.0)
    reached: float = option(
        0.3, 'Reach: least share of the subgoals whose place the controller reaches', low=0.0, high=1.0)
    goal_ignored: float = option(
        0.002, 'Collapse: least distance by which subgoals move when they get another goal [m] (a tenth of their '
        'tolerance)', low=0.0, high=1.0)
    out_of_reach: float = option(
        0.5, 'Reach: most of the subgoals that may be too far for an attempt (while the gripper is on its way to the '
        'object some are)', low=0.0, high=1.0)
    silent: float = option(
        0.4, 'Silent: most of the actor\'s hidden units that may answer none of the fixed states (Reach 0, Push 0.23 to '
        '0.38 after 210,000 steps, PickAndPlace 0.37 to 0.46 after 450,000, Slide, which had stopped to learn, 0.52 after 606,000)',
        low=0.0, high=1.0)
    solved: float = option(
        0.95, 'Reach: success of the newest evaluation from which on subgoals may be as far as they like', low=0.0, high=1.0)
    moved: float = option(
        0.05, 'Object: least share of evaluation episodes in which the object ends elsewhere', low=0.0, high=1.0)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: its kind, what was found in plain words, and what to try."""

    kind: str
    text: str
    advice: str


def diagnose(run: RunHistory, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """Return what is wrong with a run, the gravest first; nothing where all is well or nothing is known."""
    found = [decay(run, thresholds), *divergence(run, thresholds), drift(run.statistics, thresholds)]
    if not run.is_flat:
        judged = [proposed for proposed in run.proposals if has_learnt(run, proposed.round)]
        found.insert(0, collapse(judged, thresholds) or indifference(run, thresholds))
        if not is_solved(run, thresholds):
            found += [reach(judged, thresholds) or unreachable(run, thresholds), silence(run, thresholds)]
    if run.task.has_object:
        found.append(untouched(run, thresholds))
    if np.nansum(run.columns.get('normalizer/rejected', np.zeros(1))[-1:]) > 0:
        found.append(Finding('rejected', f'{run.columns["normalizer/rejected"][-1]:.0f} observations were left out '
                             'because a value was not finite.', 'Look at the bridge\'s log: a simulation or a sensor '
                             'gives values that are no numbers.'))
    return [each for each in found if each is not None]


def has_learnt(run: RunHistory, round_: int) -> bool:
    """Whether the planner of a round had gradient steps behind it: an untaught one proposes much the same everywhere."""
    if run.setting('planner', 'start_updates', 0.0) > 0:
        return True
    before = run.columns['environment_steps'][run.columns['round'] <= round_ - LAG]
    return before.max(initial=0.0) > run.setting('planner', 'start_steps', 0)


def is_solved(run: RunHistory, thresholds: Thresholds = Thresholds()) -> bool:
    """Whether the newest evaluation succeeded so often that its subgoals cannot be wrong."""
    _, success = run.measured('evaluation/success_rate')
    return bool(len(success)) and success[-1] >= thresholds.solved


def spread(positions: np.ndarray) -> float:
    """Return the standard deviation [m] of positions (A, 3), mean of x, y and z."""
    return float(positions[:, :3].std(axis=0).mean())


def is_collapsed(proposed: Proposals, thresholds: Thresholds = Thresholds()) -> bool:
    """Whether an evaluation's subgoals were the same whatever the state: in action, or in place.

    Place is judged in the second half of the episodes: subgoals relative to the gripper wander to where they end.
    """
    late = proposed.subgoal[proposed.step >= proposed.step.max() / 2]
    return (proposed.action_diversity < thresholds.same_action
            or spread(late) < thresholds.same_place * spread(proposed.goal))


def crowded(proposed: Proposals, radius: float = CROWD) -> tuple[np.ndarray, float]:
    """Return the subgoal (3,) with most others within ``radius`` [m], and the share of all that lie there."""
    positions = proposed.subgoal[:, :3]
    near = np.linalg.norm(positions[:, None] - positions[None], axis=-1) <= radius
    best = int(near.sum(axis=1).argmax())
    return positions[best], float(near[best].mean())


def collapse(evaluations: list[Proposals], thresholds: Thresholds = Thresholds()) -> Finding | None:
    """Find a planner whose newest subgoals do not depend on the state."""
    if not evaluations or not is_collapsed(evaluations[-1], thresholds):
        return None
    since = evaluations[-1].round
    for proposed in reversed(evaluations):
        if not is_collapsed(proposed, thresholds):
            break
        since = proposed.round
    last = evaluations[-1]
    place, share = crowded(last)
    where = ', '.join(f'{x:.2f}' for x in place)
    return Finding(
        'collapse', f'The planner proposes the same subgoal whatever the state, since round {since}: in round '
        f'{last.round}, {share:.0%} of its subgoals lie within {100 * CROWD:.0f} cm of ({where}) m, '
        f'while goals are spread by {100 * spread(last.goal):.1f} cm. Its actions vary by {last.action_diversity:.3f} '
        '(uniform ones: 0.58).',
        'Lower planner.learning_rate, raise planner.pretanh so that the actor does not saturate, and see that the '
        'controller reaches its subgoals before the planner learns (planner.start_steps).')


def indifference(run: RunHistory, thresholds: Thresholds = Thresholds()) -> Finding | None:
    """Find a planner whose subgoals depend on where the arm is, but not on what is wanted."""
    (_, moved), rounds = run.measured('planner/goal_dependence'), run.rounds('planner/goal_dependence')
    _, evaluated = run.measured('evaluation/success_rate')
    if len(evaluated) < 3 or not len(moved) or moved[-1] >= thresholds.goal_ignored or not has_learnt(run, rounds[-1]):
        return None
    return Finding('collapse', 'The planner proposes the same subgoal whatever the goal: with the goal of another '
                   f'episode its subgoals move by {1000 * moved[-1]:.1f} mm.',
                   'Raise the share of the episodes\' own goals (lower planner.future_share), and planner.updates.')


def silence(run: RunHistory, thresholds: Thresholds = Thresholds()) -> Finding | None:
    """Find a planner whose actor has lost much of its network: units that no state reaches do not come back."""
    _, silent = run.measured('planner/silent_units')
    if not len(silent) or silent[-1] <= thresholds.silent:
        return None
    return Finding('silent', f'{silent[-1]:.0%} of the hidden units of the planner\'s actor answer none of the states that '
                   'it is judged by: what is left of it must do all, and they do not come back.',
                   'Train anew with planner.actor_layer_norm, or with a lower planner.learning_rate.')


def decay(run: RunHistory, thresholds: Thresholds = Thresholds()) -> Finding | None:
    """Find a level that was better before: the controller on its probes first, since the planner builds on it."""
    for column, what in (('evaluation/probe_accuracy', 'low-level accuracy'),
                         ('evaluation/success_rate', 'success')):
        steps, values = run.measured(column)
        found = decline(values)
        if found is not None and found.fall > thresholds.decay:
            level = 'controller' if column.endswith('accuracy') else 'planner'
            return Finding(
                'decay', f'The {what} decays: {found.before:.2f} around step {steps[found.first + 1]:.0f}, '
                f'{found.now:.2f} now (means of three evaluations).',
                f'The best bundle is kept. Lower {level}.learning_rate or {level}.updates, stop the run earlier, or let '
                'training go back by itself (return_to_best:=0.15).')
    return None


def divergence(run: RunHistory, thresholds: Thresholds = Thresholds()) -> list[Finding]:
    """Find critics whose values leave what is possible, whose loss grows, or that expect what never comes."""
    found = []
    for level in ('controller',) if run.is_flat else ('planner', 'controller'):
        found += _impossible(run, level, thresholds) + _growing(run, level, thresholds)
        if level == 'planner':
            found += _optimistic(run, thresholds)
    return found


def _impossible(run: RunHistory, level: str, thresholds: Thresholds) -> list[Finding]:
    (_, values), lowest = run.measured(f'{level}/q_mean'), run.lowest(level)
    margin = thresholds.outside * -lowest
    if not len(values) or lowest - margin <= values[-1] <= margin:
        return []
    return [Finding('divergence', f'The {level}\'s critics diverge: their mean value is {values[-1]:.2f}, possible are '
                    f'{lowest:.1f} to 0.', _calmer(run, level))]


def _growing(run: RunHistory, level: str, thresholds: Thresholds) -> list[Finding]:
    _, loss = run.measured(f'{level}/critic_loss')
    newest = max(len(loss) // 5, 1)
    if len(loss) < 10:
        return []
    before, now = float(np.median(loss[:-newest])), float(np.median(loss[-newest:]))
    if now <= thresholds.growth * max(before, 1e-6):
        return []
    return [Finding('divergence', f'The {level}\'s critic loss grows: {now:.3g} lately, {before:.3g} before.',
                    _calmer(run, level))]


def _calmer(run: RunHistory, level: str) -> str:
    """Return what to try against diverging critics. The one level of a flat policy has the planner's settings (config.levels)."""
    section = 'planner' if run.is_flat else level
    return f'Lower {section}.learning_rate; set {section}.layer_norm.'


def _optimistic(run: RunHistory, thresholds: Thresholds) -> list[Finding]:
    at = np.intersect1d(run.rounds('planner/q_start'), run.rounds('evaluation/return_start'))
    if not len(at) or not has_learnt(run, at[-1]):
        return []
    expected, came = (run.columns[name][at[-1]] for name in ('planner/q_start', 'evaluation/return_start'))
    if abs(expected - came) <= thresholds.optimism * -run.lowest('planner'):
        return []
    word = 'more' if expected > came else 'less'
    return [Finding('divergence', f'The planner\'s critics expect {word} than comes: {expected:.2f} at the start of an '
                    f'episode, {came:.2f} was returned by the evaluation of round {at[-1]}.',
                    'Raise planner.testing_rate and the share of the episodes\' own goals (lower '
                    'planner.future_share); a critic that never sees failures does not know them.')]


def drift(statistics: StatisticsHistory | None, thresholds: Thresholds = Thresholds()) -> Finding | None:
    """Find dimensions whose recent data the running statistics do not describe."""
    if statistics is None or is_identity(statistics):
        return None
    shift, widening = statistics.shift[-1], statistics.widening[-1]
    bad = np.flatnonzero((np.abs(shift) > thresholds.drift) | (widening > thresholds.widening))
    if not len(bad):
        return None
    worst = sorted(bad, key=lambda i: -max(abs(shift[i]), widening[i] / thresholds.widening))[:3]
    words = '; '.join(f'{statistics.names[i]}: mean {statistics.mean[-1, i]:.3g} ± {statistics.std[-1, i]:.2g}, recent '
                      f'{statistics.recent_mean[-1, i]:.3g} ± {statistics.recent_std[-1, i]:.2g} {statistics.units[i]}'
                      for i in worst)
    return Finding('drift', f'The running statistics drift away from the recent data in {len(bad)} of {len(shift)} '
                   f'dimensions. {words}.',
                   'The policy has settled somewhere else than where it learnt: look at the subgoal map; restart with '
                   'normalizer.initial from a run that works, or with another seed.')


def is_identity(statistics: StatisticsHistory) -> bool:
    """Whether the newest statistics are those of no samples, as all are with normalizer.mode none: they describe no data."""
    return not statistics.mean[-1].any() and bool((statistics.std[-1] == 1.0).all())


def reach(evaluations: list[Proposals], thresholds: Thresholds = Thresholds()) -> Finding | None:
    """Find a planner that asks for what the controller cannot do. Openings are not judged: held objects prevent them."""
    ended = evaluations[-1].ended if evaluations else np.zeros(0, dtype=bool)
    if not ended.any() or evaluations[-1].placed[ended].mean() >= thresholds.reached:
        return None
    last = evaluations[-1]
    return Finding('reach', f'The controller reaches {last.placed[ended].mean():.0%} of the places that it is sent to; '
                   f'they are {100 * float(np.median(last.distance)):.0f} cm away in the median.',
                   'If the low-level accuracy on the probes is high the subgoals are too far: lower planner.reach. If '
                   'it is low the controller has not learnt yet: raise controller.updates.')


def unreachable(run: RunHistory, thresholds: Thresholds = Thresholds()) -> Finding | None:
    """Find a planner most of whose subgoals are too far, whoever the controller is."""
    _, share = run.measured('evaluation/out_of_reach')
    if not len(share) or share[-1] <= thresholds.out_of_reach:
        return None
    return Finding('reach', f'{share[-1]:.0%} of the subgoals lie farther away than the gripper moves in an attempt.',
                   'Lower planner.reach, or raise planner.horizon or planner.testing_penalty.')


def untouched(run: RunHistory, thresholds: Thresholds = Thresholds()) -> Finding | None:
    """Find a policy that leaves the object alone."""
    _, moved = run.measured('evaluation/object_moved')
    if not len(moved) or moved[-1] >= thresholds.moved:
        return None
    return Finding('untouched', f'The object ends where it began in {1 - moved[-1]:.0%} of the evaluation episodes: '
                   'the policy does not touch it.',
                   'Give it time, or raise planner.random_share; planner.directed_share and planner.moved_share are '
                   'domain knowledge that helps.')
