"""A bundle with untrained networks and statistics of its own: what acts does not matter, only that it is this."""
import dataclasses
from dataclasses import asdict

import numpy as np

from hac_ros import records, tasks
from hac_ros.config import ControllerConfig, PlannerConfig
from hac_ros.learning import running_statistics
from hac_ros.learning.bundle import Bundle, write_bundle
from hac_ros.learning.learner import Learner
from hac_ros.records import Moments, Statistics

PLANNER, CONTROLLER, VERSION = PlannerConfig(hidden=(16,)), ControllerConfig(hidden=(16,)), 3


def small_bundle(folder, task: str = 'reach', control: str = 'mocap') -> Bundle:
    """Write the bundle to ``folder`` and return it."""
    facts = tasks.by_name(task, control)
    rng = np.random.default_rng(1)
    moments = Moments(800, rng.normal(size=facts.observation.size), 800 * rng.random(facts.observation.size))
    digest = running_statistics.digest(facts.observation.name, moments)
    weights = [dataclasses.replace(Learner(level, facts, config, 5).initial_weights(), version=VERSION,
                                   statistics=VERSION, updates=VERSION, statistics_digest=digest)
               for level, config in ((records.PLANNER, PLANNER), (records.CONTROLLER, CONTROLLER))]
    bundle = Bundle(task, control, *weights, Statistics(VERSION, facts.observation.name, moments),
                    {'planner': asdict(PLANNER), 'controller': asdict(CONTROLLER)})
    return dataclasses.replace(bundle, hash=write_bundle(folder, bundle))
