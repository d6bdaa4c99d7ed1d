"""Acting from a bundle, without learners: what it must fit, and the one pair that acts in every round."""
import dataclasses

from hac_ros import tasks
from hac_ros.config import ActingConfig, FetchConfig, RunConfig
from hac_ros.learning.bundle import Bundle, level_config, read_bundle
from hac_ros.records import LEVELS, Statistics, Weights

MOCAP_SCALE = 0.705    # FetchEnv's observed velocity as a share of the displacement in a step


def chosen_bundle(acting: ActingConfig, run: RunConfig) -> Bundle | None:
    """Return the bundle that the settings name, None if they name none.

    Raises BundleRefused for one that is damaged or does not fit the run's task or control mode. Another control mode
    is let pass with ``allow_control_mismatch``: then task, workspace and length of an episode are the run's.
    """
    if not acting.bundle:
        return None
    tasks.by_name(run.task, run.control)
    return read_bundle(acting.bundle, run.task, None if acting.allow_control_mismatch else run.control)


def motion(declared: FetchConfig, bundle: Bundle | None) -> FetchConfig:
    """Return how the commands of ``bundle`` become motions of a Fetch: as they did when it was trained.

    A policy that was trained in control mode mocap has no such settings: what is declared holds, with velocities as FetchEnv
    observes them. Raises ValueError for a setting that is declared otherwise than both its default and the bundle's.
    """
    if bundle is None:
        return declared
    if bundle.control == 'mocap':
        return dataclasses.replace(declared, velocity_scale=MOCAP_SCALE)
    trained, usual = level_config(FetchConfig, bundle.settings.get('fetch', vars(declared))), FetchConfig()
    for item in dataclasses.fields(FetchConfig):
        came, wanted = getattr(declared, item.name), getattr(trained, item.name)
        if came not in (wanted, getattr(usual, item.name)):
            raise ValueError(f'fetch.{item.name}: {came} came, the bundle was trained with {wanted}: leave it out; '
                             'speed:= slows a deployment down')
    return trained


class Frozen:
    """In place of ``protocol.Versions``: a bundle's weights act in every round, with the bundle's statistics.

    The statistics come from whoever owns them, as in training, and must be those of the bundle.
    """

    def __init__(self, bundle: Bundle, level: int):
        self._weights: Weights = (bundle.controller, bundle.planner)[level]
        self._wanted, self._statistics, self.level = bundle.statistics, None, level

    def add_weights(self, weights: Weights) -> None:
        """Raise ValueError: nobody learns here."""
        raise ValueError(f'weights {weights.version} came, but the {LEVELS[self.level]} acts from a bundle: end the '
                         'learners, or give the run another name')

    def add_statistics(self, statistics: Statistics) -> None:
        """Keep the bundle's statistics. Raises ValueError for any others."""
        wanted, came = self._wanted, statistics
        same = (came.version == wanted.version and came.moments.count == wanted.moments.count
                and (came.moments.mean == wanted.moments.mean).all() and (came.moments.m2 == wanted.moments.m2).all())
        if not same:
            raise ValueError(f'statistics {came.version} of {came.moments.count} values came, the bundle\'s '
                             f'{wanted.version} of {wanted.moments.count} are wanted: give the normalizer the same bundle')
        self._statistics = came

    def pair(self, round_: int):
        """Return (weights, statistics) for any round; None until the statistics are here."""
        return None if self._statistics is None else (self._weights, self._statistics)
