"""Each way in which a run goes wrong is named, and only that."""
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from hac_ros import config, diagnosis, run_history, tasks
from hac_ros.diagnosis import Thresholds, diagnose
from hac_ros.learning import running_statistics
from hac_ros.learning.ledger import Ledger
from hac_ros.proposals import Proposals
from hac_ros.records import Contribution, ContributionId
from hac_ros.run_history import RunHistory

ROUNDS = 40
SETTINGS = {'run': {'task': 'push', 'seed': 0}, 'planner': {'gamma': 0.9}, 'controller': {'gamma': 0.9}}
SPACE = tasks.by_name('push').observation


def run(**columns) -> RunHistory:
    """Return a healthy run of Push, but for ``columns``, whose names have __ for /."""
    healthy = {'evaluation/probe_accuracy': np.full(ROUNDS, 0.98), 'evaluation/success_rate': np.full(ROUNDS, 0.9),
               'evaluation/object_moved': np.full(ROUNDS, 0.9), 'evaluation/return_start': np.full(ROUNDS, -3.0),
               'planner/q_start': np.full(ROUNDS, -2.5), 'planner/q_mean': np.full(ROUNDS, -4.0),
               'controller/q_mean': np.full(ROUNDS, -2.0), 'planner/critic_loss': np.full(ROUNDS, 0.1),
               'controller/critic_loss': np.full(ROUNDS, 0.1), 'normalizer/rejected': np.zeros(ROUNDS)}
    given = {name.replace('__', '/'): np.asarray(values, dtype=float) for name, values in columns.items()}
    return RunHistory('a', Path('a'), {'settings': SETTINGS}, None,
                      {'round': np.arange(float(ROUNDS)), 'environment_steps': 800.0 * np.arange(ROUNDS), **healthy,
                       **given}, [proposed()], None)


def proposed(round_: int = 8, spread: float = 0.08, action: float = 0.3, hit: float = 0.9,
             placed: float | None = None) -> Proposals:
    rng = np.random.default_rng(3)
    count = 200
    goal = rng.normal(0.0, 0.08, (count, 3)).astype(np.float32)
    subgoal = np.append(rng.normal(0.0, 1.0, (count, 3)) * spread, np.zeros((count, 1)), axis=1).astype(np.float32)
    return Proposals(round_, subgoal, np.full((count, 2), 0.02, np.float32),
                     (rng.normal(0.0, 1.0, (count, 4)) * action).astype(np.float32), goal, goal, goal,
                     (np.arange(count) % 50).astype(np.uint16), rng.random(count) < hit,
                     rng.random(count) < (hit if placed is None else placed), np.ones(count, bool),
                     goal[:10], goal[10:20], np.ones(10, bool))


def with_proposals(*several: Proposals) -> RunHistory:
    return dataclasses.replace(run(), proposals=list(several))


def falling(best: float, last: float) -> np.ndarray:
    return np.concatenate([np.full(ROUNDS // 2, best), np.linspace(best, last, ROUNDS // 2 - 6), np.full(6, last)])


def test_a_healthy_run_is_well():
    assert diagnose(run()) == []


@pytest.mark.parametrize('sick, kind, words', [
    (run(evaluation__probe_accuracy=falling(0.95, 0.6)), 'decay', 'low-level accuracy decays: 0.95 .* 0.60 now'),
    (run(evaluation__success_rate=falling(0.9, 0.5)), 'decay', 'The success decays'),
    (run(planner__q_mean=np.full(ROUNDS, 1.2)), 'divergence', "planner's critics diverge: .* 1.20, possible are -10.0"),
    (run(controller__q_mean=np.full(ROUNDS, -30.0)), 'divergence', "controller's critics diverge"),
    (run(planner__critic_loss=np.append(np.full(30, 0.1), np.full(10, 5.0))), 'divergence', 'loss grows: 5 lately'),
    (run(planner__q_start=np.full(ROUNDS, -0.1)), 'divergence', 'expect more than comes: -0.10 .* -3.00'),
    (run(evaluation__object_moved=np.full(ROUNDS, 0.02)), 'untouched', 'does not touch it'),
    (run(normalizer__rejected=np.full(ROUNDS, 7.0)), 'rejected', '7 observations were left out'),
    (run(planner__goal_dependence=np.full(ROUNDS, 0.001)), 'collapse', 'whatever the goal: .* move by 1.0 mm'),
    (run(planner__silent_units=np.full(ROUNDS, 0.52)), 'silent', '52% of the hidden units'),
    (run(evaluation__out_of_reach=np.full(ROUNDS, 0.8)), 'reach', '80% of the subgoals lie farther away'),
    (with_proposals(proposed(hit=0.1)), 'reach', 'The controller reaches 1?.% of the places'),
    (with_proposals(proposed(spread=0.004)), 'collapse', 'same subgoal whatever the state'),
    (with_proposals(proposed(action=0.004)), 'collapse', 'same subgoal whatever the state')],
    ids=lambda value: value if isinstance(value, str) else '')
def test_what_is_wrong_is_named_alone(sick, kind, words):
    found, = diagnose(sick)
    assert found.kind == kind
    assert re.search(words, found.text), found.text
    assert found.advice


@pytest.mark.parametrize('well', [
    run(evaluation__probe_accuracy=falling(0.95, 0.90)), run(evaluation__success_rate=np.linspace(0.0, 0.95, ROUNDS)),
    run(planner__critic_loss=np.linspace(0.1, 0.3, ROUNDS)), run(planner__q_start=np.full(ROUNDS, -1.0)),
    run(planner__silent_units=np.full(ROUNDS, 0.2)),
    run(planner__silent_units=np.full(ROUNDS, 0.5), evaluation__success_rate=np.full(ROUNDS, 0.96)),
    with_proposals(proposed(4, spread=0.001), proposed(8)),
    dataclasses.replace(run(evaluation__success_rate=np.full(ROUNDS, 0.96)), proposals=[proposed(hit=0.1)])])
def test_what_is_usual_is_not_warned_of(well):
    assert diagnose(well) == []


def test_a_flat_policy_is_not_blamed_for_what_only_a_planner_does():
    settings = {**SETTINGS, 'run': {**SETTINGS['run'], 'policy': 'flat'}, 'flat': {'gamma': 0.98}}
    flat = dataclasses.replace(with_proposals(proposed(hit=0.0, spread=0.001)), config={'settings': settings})
    flat.columns['controller/q_mean'][:] = -30.0      # of -50 to 0
    assert diagnose(flat) == []
    flat.columns['controller/q_mean'][:] = -60.0
    assert [found.kind for found in diagnose(flat)] == ['divergence']


@pytest.mark.parametrize('policy, section', [('flat', 'planner'), ('hierarchical', 'controller')])
@pytest.mark.parametrize('sick', [{'controller__q_mean': np.full(ROUNDS, -60.0)},
                                  {'controller__critic_loss': np.append(np.full(30, 0.1), np.full(10, 5.0))}],
                         ids=['q_mean', 'critic_loss'])
def test_against_divergence_settings_are_named_that_the_level_has(policy, section, sick):
    settings = {**SETTINGS, 'run': {**SETTINGS['run'], 'policy': policy}, 'flat': {'gamma': 0.98}}
    found, = diagnose(dataclasses.replace(run(**sick), config={'settings': settings}))
    assert (found.kind, found.advice) == ('divergence', f'Lower {section}.learning_rate; set {section}.layer_norm.')
    given = {'planner': config.PlannerConfig(), 'controller': config.ControllerConfig()}
    given[section] = dataclasses.replace(given[section], learning_rate=1e-5, layer_norm=True)
    made = config.levels(policy, given['planner'], given['controller'], config.FlatConfig())['controller']
    assert (made.learning_rate, made.layer_norm) == (1e-5, True)


# Weights are two rounds behind.
@pytest.mark.parametrize('round_, kinds', [(8, []), (9, []), (10, ['collapse', 'divergence'])])
def test_a_planner_that_has_not_begun_to_learn_is_not_blamed(round_, kinds):
    settings = {**SETTINGS, 'planner': {'gamma': 0.9, 'start_steps': 800 * 7}}
    begun = np.where(np.arange(ROUNDS) <= round_, -3.0, np.nan)
    early = dataclasses.replace(run(planner__q_start=np.zeros(ROUNDS), evaluation__return_start=begun),
                                config={'settings': settings}, proposals=[proposed(round_, spread=0.001)])
    assert [found.kind for found in diagnose(early)] == kinds


@pytest.mark.parametrize('round_, kinds', [(9, []), (10, ['collapse'])])
def test_nor_for_goals_that_it_does_not_look_at_yet(round_, kinds):
    settings = {**SETTINGS, 'planner': {'gamma': 0.9, 'start_steps': 800 * 7}}
    ignored = np.where(np.arange(ROUNDS) == round_, 0.001, np.nan)
    early = dataclasses.replace(run(planner__goal_dependence=ignored), config={'settings': settings})
    assert [found.kind for found in diagnose(early)] == kinds


def test_openings_that_a_held_object_prevents_are_not_held_against_the_planner():
    assert diagnose(with_proposals(proposed(hit=0.1, placed=0.8))) == []


def test_a_collapse_is_dated_from_its_beginning():
    several = [proposed(4, spread=0.001), proposed(8), proposed(12, spread=0.001), proposed(16, spread=0.001)]
    found = diagnosis.collapse(several)
    assert 'since round 12: in round 16' in found.text


def test_thresholds_are_settings_with_ranges():
    assert diagnose(with_proposals(proposed(hit=0.1)), Thresholds(reached=0.05)) == []
    with pytest.raises(ValueError, match='Thresholds.decay: 2.0 came, 0.0 to 1.0 is wanted'):
        Thresholds(decay=2.0)
    assert all(len(field.metadata['description']) > 40 for field in dataclasses.fields(Thresholds))


def moments(mean: float, count: int = 200):
    rng = np.random.default_rng(int(1000 * mean) % 1000)
    return running_statistics.of_samples(rng.normal(mean, 0.1, (count, SPACE.size)))[0]


def history(parts, initial=None, live=True):
    """Return what a report sees of statistics that got these parts, round -> moments, from one worker."""
    total, entries = running_statistics.empty(SPACE.size), []
    for round_, part in parts.items():
        total = running_statistics.merge(total, part)
        entries.append(Contribution(ContributionId(0, 1, round_ + 1, 0, round_), SPACE.name, total))
    return run_history.follow(entries, Ledger(SPACE, 1, initial, live))


def test_statistics_that_recent_data_left_are_named_by_dimension():
    parts = {round_: moments(0.5 if round_ < 30 else 0.5 + 0.3 * (round_ >= 30)) for round_ in range(36)}
    for round_ in range(30, 36):
        part = parts[round_]
        mean = np.full(SPACE.size, 0.5)
        mean[SPACE.index('object_x')] = part.mean[0]
        parts[round_] = dataclasses.replace(part, mean=mean)
    found = diagnosis.drift(history(parts))
    assert found.kind == 'drift'
    assert 'in 1 of 25 dimensions. object_x: mean 0.55' in found.text and ' m.' in found.text
    assert diagnosis.drift(history({r: moments(0.5) for r in range(36)})) is None


def test_given_statistics_stay_and_drift_from_the_data():
    parts = {round_: moments(0.5) for round_ in range(6)}
    held = history(parts, moments(0.0, 5000), live=False)
    assert np.ptp(held.mean, axis=0).max() == 0.0
    assert diagnosis.drift(held).text.startswith('The running statistics drift away from the recent data in 25 of 25')


def test_statistics_of_no_samples_are_not_said_to_drift():
    parts = {round_: moments(5.0) for round_ in range(6)}
    identity = history(parts, live=False)      # normalizer.mode none
    assert not identity.mean.any() and (identity.std == 1.0).all() and (identity.recent_mean > 4.0).all()
    assert diagnosis.drift(identity) is None
    assert diagnose(dataclasses.replace(run(), statistics=identity)) == []
    assert diagnosis.drift(history(parts, moments(0.0, 5000), live=False)) is not None


def test_rounds_are_recovered_from_cumulative_contributions():
    parts = [moments(0.1 * number + 0.1, 50) for number in range(4)]
    sent, total = [], None
    for round_, part in enumerate(parts):
        total = part if total is None else running_statistics.merge(total, part)
        sent.append(Contribution(ContributionId(0, 1, round_ + 1, 0, round_), SPACE.name, total))
    sent.append(Contribution(ContributionId(0, 2, 1, 4, 4), SPACE.name, parts[0]))    # a planner that lost its file
    sent.append(Contribution(ContributionId(1, 1, 1, 0, 0), SPACE.name, parts[3]))    # another worker
    found = run_history.by_round(sent)
    assert [found[round_].count for round_ in range(5)] == [100, 50, 50, 50, 50]
    for round_, part in ((1, parts[1]), (2, parts[2]), (4, parts[0])):
        assert found[round_].mean == pytest.approx(part.mean)
        assert found[round_].m2 == pytest.approx(part.m2)


def test_what_was_merged_can_be_removed():
    a, b = moments(0.2, 40), moments(0.9, 70)
    rest = running_statistics.remove(running_statistics.merge(a, b), b)
    assert rest.count == 40 and rest.mean == pytest.approx(a.mean) and rest.m2 == pytest.approx(a.m2)
    assert running_statistics.remove(a, a).count == 0
    with pytest.raises(ValueError, match='70 samples cannot be removed from 40'):
        running_statistics.remove(a, b)


def test_every_kind_of_warning_is_in_the_page_on_troubleshooting():
    page = (Path(__file__).resolve().parents[2] / 'docs' / 'troubleshooting.md').read_text(encoding='utf-8')
    table = page.partition('## It learns badly')[2].partition('\n## ')[0]
    stems = {'divergence': 'diverge', 'reach': 'reaches', 'decay': 'decays'}      # as the sentence has it
    assert [kind for kind in diagnosis.KINDS if f'**{stems.get(kind, kind)}**' not in table] == []
