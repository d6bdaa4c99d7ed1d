"""Every setting once: default, unit, range.

ROS parameters (``parameters.py``), launch arguments and run folders are made from these dataclasses. A preset
(launch/params/*.yaml) overrides defaults; nothing else holds a second copy.
"""
import dataclasses
from dataclasses import dataclass, field

from hac_ros import tasks


def option(default, description, *, low=None, high=None, choices=None, live=False):
    """Declare one setting: its default, what it means with its unit, its range or its choices.

    ``live``: it may be changed while the node runs.
    """
    metadata = {'description': description, 'low': low, 'high': high, 'choices': choices, 'live': live}
    return field(default=default, metadata=metadata)


class Checked:
    """Mixin: a dataclass whose values are checked against their ranges when it is made."""

    def __post_init__(self):
        for item in dataclasses.fields(self):
            check(item, getattr(self, item.name), type(self).__name__)


def check(item, value, owner: str):
    """Raise ValueError, naming setting, value and what is accepted, if ``value`` does not fit field ``item``."""
    name = f'{owner}.{item.name}'
    low, high, choices = (item.metadata.get(key) for key in ('low', 'high', 'choices'))
    kind = tuple if str(item.type).startswith('tuple') else {'int': int, 'float': (int, float), 'str': str,
                                                            'bool': bool}.get(str(getattr(item.type, '__name__', item.type)))
    if kind is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise ValueError(f'{name}: {value!r} came, a {getattr(item.type, "__name__", item.type)} is wanted')
    if choices is not None and value not in choices:
        raise ValueError(f'{name}: {value!r} came, one of {", ".join(map(str, choices))} is wanted')
    for number in value if isinstance(value, tuple) else (value,):
        if (low is not None and not number >= low) or (high is not None and not number <= high):
            raise ValueError(f'{name}: {number!r} came, {low} to {high} is wanted')


@dataclass(frozen=True)
class RunConfig(Checked):
    """What a run is: shared by all of its nodes."""

    run: str = option('default', 'Name of the run: its namespace and folder')
    task: str = option('reach', 'Task', choices=tuple(tasks.TASKS))
    policy: str = option('hierarchical', 'hierarchical: planner and controller; flat: one level commands the arm (HER)',
                         choices=('hierarchical', 'flat'))
    control: str = option('mocap', 'How commands move the arm: mocap equals FetchEnv, fetch a real Fetch',
                         choices=('mocap', 'fetch'))
    arms: int = option(16, 'Arms stepped as one batch by each worker', low=1, high=256)
    seed: int = option(0, 'Decides every random draw of the run', low=0, high=2**31 - 1)
    worker: int = option(0, 'Number of this worker', low=0, high=9999)
    workers: int = option(1, 'Workers that feed the run', low=1, high=9999)
    folder: str = option('runs', 'Folder in which the run has its own')
    start_from: str = option('', 'Bundle or run whose policy the run starts from (hac_ros/learning/origin.py); empty: none')
    resume: bool = option(False, 'Go on from the checkpoint in the run folder')
    checkpoint_every: int = option(10, 'Rounds between checkpoints', low=1, high=12)


@dataclass(frozen=True)
class ActingConfig(Checked):
    """Whose policy acts: the run's own learners', or a bundle's."""

    bundle: str = option('', 'Folder of a bundle to act from, without exploration; empty: from weights that are learnt')
    allow_control_mismatch: bool = option(False, 'Act from a bundle of another control mode: never on a robot')


@dataclass(frozen=True)
class ProcessConfig(Checked):
    """How the operating system runs a node that an arm waits for."""

    priority: int = option(0, 'Real-time priority of its threads (SCHED_FIFO), where the system permits it; the bridge has 1 and '
                          'the guard 2 more; 0: none', low=0, high=88)


@dataclass(frozen=True)
class BridgeConfig(Checked):
    """How the simulation is paced."""

    pace: float = option(0.0, 'Simulated seconds a second of wall clock for each arm; 0 as fast as possible', low=0.0, high=100.0)
    repeat_after: float = option(0.5, 'Repeat the last state when no command has come for this long [s]', low=0.01, high=60.0)
    threads: int = option(1, 'Threads that step the physics', low=1, high=64)
    clock: bool = option(True, 'Publish /clock (only one bridge of a network may)')
    standalone: bool = option(False, 'Run rounds without learners, normalizer and recorder')


@dataclass(frozen=True)
class NormalizerConfig(Checked):
    """Where the running statistics start and whether they move."""

    mode: str = option('live', 'live: updated every round; frozen: as given; none: identity', choices=('live', 'frozen', 'none'))
    initial: str = option('', 'JSON file with count, sum and sum_of_squares to start from; empty: none')
    patience: float = option(60.0, 'Go on without a worker that keeps the others waiting for so long [s]', low=0.1, high=86400.0)


@dataclass(frozen=True)
class EvaluationConfig(Checked):
    """How often a run is evaluated and when it ends."""

    every: int = option(4, 'Rounds between evaluations', low=1, high=12)
    episodes: int = option(100, 'Episodes of an evaluation', low=1, high=10000)
    usual_bar: float = option(0.95, 'Success rate at which a run of the task has reached its aim: a preset gives it', low=0.01, high=1.0)
    bar: float = option(0.0, 'Overrides usual_bar; above 1: never reached; 0: usual_bar holds', low=0.0, high=2.0)
    confirm: int = option(500, 'Fresh episodes that confirm the bar', low=1, high=100000)
    lag: int = option(4, 'Rounds that training may be ahead of the verdict of an evaluation', low=1, high=12)
    stop: bool = option(True, 'End the run when the bar is reached')
    max_steps: int = option(100_000, 'End the run after so many environment steps: a preset gives it', low=1, high=10**9)
    limit: int = option(0, 'Overrides max_steps; 0: max_steps holds', low=0, high=10**9)
    return_to_best: float = option(0.0, 'Learners go back to the networks of the best evaluation when the mean success of '
                                   'three lies so far below the best mean of three before; 0: never', low=0.0, high=1.0)
    render_every: int = option(0, 'Rounds from one film to the next, made at the next evaluation, in the run\'s films/; 0: none',
                               low=0, high=10**6)

    @property
    def aim(self) -> float:
        """Success rate at which the run has reached its bar."""
        return self.bar or self.usual_bar

    @property
    def last_step(self) -> int:
        """Environment steps after which the run ends."""
        return self.limit or self.max_steps


def check_shares(config, *names: str):
    """Raise ValueError, naming each, if shares of the same samples add up to more than 1."""
    values = [getattr(config, name) for name in names]
    if sum(values) > 1.0 + 1e-9:
        came = ', '.join(f'{name} {value}' for name, value in zip(names, values))
        raise ValueError(f'{type(config).__name__}: {came} came, at most 1 together is wanted')


def share_gone(steps: float, start: int, end: int) -> float:
    """Return which share of the way from ``start`` to ``end`` environment steps lies behind, 0 .. 1; 0 for an ``end`` of 0: never."""
    if not end:
        return 0.0
    return min(1.0, max(0.0, (steps - start) / max(1, end - start)))


@dataclass(frozen=True)
class LevelConfig(Checked):
    """What both levels' learners share (TD3 with hindsight)."""

    learning_rate: float = option(1e-3, 'Step size of Adam, actor and critics', low=1e-7, high=0.1)
    hidden: tuple[int, ...] = option((256, 256), 'Units of each hidden layer', low=1, high=4096)
    critics: int = option(2, 'Critics, the least of whose values is the target; 2: twins, as in TD3', low=1, high=10)
    layer_norm: bool = option(False, 'Normalise the hidden layers of the critics (LayerNorm)')
    actor_layer_norm: bool = option(False, 'Normalise those of the actor too: without it, units of a long training die')
    gamma: float = option(0.92, 'Discount over one decision', low=0.0, high=0.9999)
    tau: float = option(0.01, 'Share by which target networks follow in an update', low=1e-5, high=1.0)
    batch: int = option(256, 'Samples of a gradient step', low=1, high=65536)
    updates: float = option(150.0, 'Gradient steps a 1000 environment steps', low=0.0, high=10000.0)
    start_steps: int = option(0, 'Environment steps before `updates` holds', low=0, high=10**9)
    start_updates: float = option(0.0, 'Gradient steps a 1000 environment steps until start_steps',
                                  low=0.0, high=10000.0)
    policy_delay: int = option(1, 'Critic updates for each actor update', low=1, high=100)
    target_noise: float = option(0.03, 'Standard deviation of the noise on target actions (clipped at 2.5 of it)',
                                 low=0.0, high=1.0)
    pretanh: float = option(0.01, 'Weight of the squared pre-tanh output in the actor loss', low=0.0, high=10.0)
    averaging: float = option(0.005, 'Least share by which the averaged actor follows in an update of the actor',
                              low=1e-6, high=1.0)
    averaging_span: float = option(0.0, 'It averages over about this share of the updates so far, as far as `averaging` '
                                   'allows', low=0.0, high=1.0)
    capacity: int = option(20_000, 'Episodes kept for replay', low=1, high=10**7)
    clip: float = option(5.0, 'Normalised inputs are kept within +- this', low=0.1, high=1000.0)
    noise: float = option(0.1, 'Standard deviation of exploration noise on the action', low=0.0, high=2.0)
    random_share: float = option(0.1, 'Share of decisions drawn uniformly while exploring', low=0.0, high=1.0)
    exploration_until: int = option(0, 'Environment steps until which exploration falls to final_exploration; 0: never',
                                    low=0, high=10**9)
    final_exploration: float = option(0.3, 'Share of noise, random and directed decisions that is left by then',
                                      low=0.0, high=1.0)
    decay_from: int = option(0, 'Environment steps from which the learning rate falls', low=0, high=10**9)
    decay_until: int = option(0, 'Environment steps until which it falls to final_learning_rate; 0: never',
                              low=0, high=10**9)
    final_learning_rate: float = option(3e-4, 'Step size of Adam from decay_until on', low=0.0, high=0.1)
    mirrored_share: float = option(0.0, 'Domain knowledge: share of samples that are mirrored left to right',
                                   low=0.0, high=1.0)
    future_share: float = option(0.8, 'Share of samples whose goal was achieved later (hindsight goal)',
                                 low=0.0, high=1.0)

    def updates_after(self, steps: float) -> int:
        """Return how many gradient steps are due after so many environment steps."""
        start = min(steps, self.start_steps)
        return int((start * self.start_updates + (steps - start) * self.updates) / 1000.0)

    def steps_after(self, updates: int) -> float:
        """Return the least number of environment steps after which so many gradient steps are due."""
        of_start = self.start_steps * self.start_updates / 1000.0
        if updates <= of_start:
            return 1000.0 * updates / self.start_updates if self.start_updates else 0.0
        return self.start_steps + 1000.0 * (updates - of_start) / max(self.updates, 1e-6)

    def exploration_after(self, updates: int) -> float:
        """Return the share of the exploration that is left after so many gradient steps."""
        gone = share_gone(self.steps_after(updates), 0, self.exploration_until)
        return 1.0 + (self.final_exploration - 1.0) * gone

    def averaging_after(self, updates: int) -> float:
        """Return the share by which the averaged actor follows after so many gradient steps.

        A span that grows with the training filters a late actor well and lets an early one go ahead.
        """
        if not self.averaging_span:
            return self.averaging
        return min(1.0, max(self.averaging, self.policy_delay / (self.averaging_span * max(1, updates))))

    def learning_rate_after(self, updates: int) -> float:
        """Return the step size of Adam after so many gradient steps."""
        gone = share_gone(self.steps_after(updates), self.decay_from, self.decay_until)
        return self.learning_rate + (self.final_learning_rate - self.learning_rate) * gone


@dataclass(frozen=True)
class PlannerConfig(LevelConfig):
    """The high level: proposes subgoals. Domain knowledge is named so; its defaults are off."""

    final_gamma: float = option(0.0, 'Discount over one decision from gamma_until on: what decides how much success a sooner one is '
                                'worth', low=0.0, high=0.9999)
    gamma_from: int = option(0, 'Environment steps, of those kept for replay, from which the discount goes from gamma to final_gamma',
                             low=0, high=10**9)
    gamma_until: int = option(0, 'Environment steps, of those kept, until which it does; 0: never', low=0, high=10**9)
    horizon: int = option(5, 'Control steps of a subgoal attempt; at most a third of an episode', low=1, high=1000)
    evaluation_horizon: int = option(0, 'Control steps until a new decision without exploration; 0: horizon',
                                     low=0, high=1000)
    end_when_reached: bool = option(True, 'Decide anew as soon as the subgoal is reached')
    goal_tolerance: float = option(0.045, 'Distance within which the goal counts as reached in learning [m]',
                                   low=1e-4, high=1.0)
    position_tolerance: float = option(0.02, 'Distance within which a subgoal counts as reached [m]',
                                       low=1e-4, high=1.0)
    opening_tolerance: float = option(0.005, 'Difference of opening within which a subgoal counts as reached [m]',
                                      low=1e-4, high=0.1)
    centre: str = option('object', 'What the action displaces the subgoal from (object: the gripper, without one)',
                         choices=('object', 'gripper', 'workspace'))
    axes: str = option('world', 'Domain knowledge: axes of the displacement, and of what the planner sees; goal: x points '
                       'from the object to its goal', choices=('world', 'goal'))
    reach: float = option(0.15, 'Displacement of the subgoal at action 1 [m] (centre object or gripper)',
                          low=0.001, high=2.0)
    opening_gain: float = option(2.0, 'Opening at action a: half of the range x (1 + gain x a), kept in range',
                                 low=0.1, high=100.0)
    slowest: float = option(1.0, 'Speed at action 4 = -1 where the fingers are locked; 1: always full speed',
                            low=0.05, high=1.0)
    testing_rate: float = option(0.2, 'Share of attempts in which the controller is tested', low=0.0, high=1.0)
    testing_penalty: float = option(0.3, 'Share of missed tests that are learnt as the worst value', low=0.0, high=1.0)
    stay_share: float = option(0.1, 'Share of samples whose goal is where the object is', low=0.0, high=1.0)
    miss_share: float = option(0.0, 'Share of samples whose goal lies beside what was achieved last', low=0.0, high=1.0)
    miss_spread: float = option(0.1, 'Standard deviation of that displacement along x and y [m]', low=0.0, high=1.0)
    stay_noise: float = option(0.03, 'Half-width of the uniform displacement of such goals [m]', low=0.0, high=1.0)
    unsatisfied_share: float = option(0.7, 'Least share of samples whose goal is not yet reached', low=0.0, high=1.0)
    sliding_share: float = option(0.5, 'Share of samples that start at any step, with hindsight action',
                                  low=0.0, high=1.0)
    inside_share: float = option(0.5, 'Share of the other samples that start inside of an attempt', low=0.0, high=1.0)
    hindsight_share: float = option(0.5, 'Share of the other samples with hindsight action', low=0.0, high=1.0)
    hindsight_from: int = option(0, 'Environment steps, of those kept for replay, from which sliding_share and hindsight_share fall',
                                 low=0, high=10**9)
    hindsight_until: int = option(0, 'Environment steps, of those kept, until which they fall; 0: never', low=0, high=10**9)
    final_hindsight: float = option(0.15, 'What is left of both by then, as a share', low=0.0, high=1.0)
    exploiting_share: float = option(0.0, 'Share of the arms that act with the averaged actor and explore little',
                                     low=0.0, high=1.0)
    exploiting_exploration: float = option(0.25, 'Share of the exploration of the others that they keep',
                                           low=0.0, high=1.0)
    exploiting_horizon: int = option(0, 'Control steps of their attempts, at most horizon; 0: horizon', low=0, high=1000)
    critic_differences: bool = option(False, 'Critics also see subgoal - gripper and subgoal - goal')
    critic_duration: bool = option(False, 'Critics also see how long the decision lasts')
    fold_yaw: bool = option(False, 'Domain knowledge: the object looks the same after a quarter turn')
    skip_fallen: bool = option(False, 'Domain knowledge: what follows when the object has fallen is not replayed')
    fallen_penalty: float = option(0.0, 'Domain knowledge: share of decisions that make it fall that are learnt as the '
                                   'worst value (with skip_fallen)', low=0.0, high=1.0)
    fallen_from: int = option(0, 'Environment steps, of those kept for replay, from which fallen_penalty rises from 0',
                              low=0, high=10**9)
    fallen_until: int = option(0, 'Environment steps, of those kept, from which all of it holds; 0: from the start',
                               low=0, high=10**9)
    coasting: float = option(0.0, 'Domain knowledge: deceleration of an object that slides freely [m/s^2]: the planner also sees '
                             'how far from the goal it will come to rest; 0: it does not', low=0.0, high=100.0)
    goal_distance: bool = option(False, 'Planner also sees the distance to the goal, coarse and fine')
    moved_share: float = option(0.0, 'Domain knowledge: share of samples from episodes in which the object moved',
                                low=0.0, high=1.0)
    lifted_share: float = option(0.0, 'Domain knowledge: share of samples from episodes in which it was lifted',
                                 low=0.0, high=1.0)
    beside_share: float = option(0.0, 'Domain knowledge: share of samples that start while the gripper is beside the '
                                 'object', low=0.0, high=1.0)
    directed_share: float = option(0.0, 'Domain knowledge: share of decisions beside the centre, such as the object, while exploring',
                                   low=0.0, high=1.0)
    directed_spread: float = option(0.022, 'Standard deviation of such subgoals around the centre [m]',
                                    low=0.0, high=1.0)

    def __post_init__(self):
        super().__post_init__()
        check_shares(self, 'future_share', 'miss_share', 'stay_share')
        check_shares(self, 'moved_share', 'lifted_share')
        if self.gamma_until and self.final_gamma < self.gamma:
            raise ValueError(f'{type(self).__name__}.final_gamma: {self.final_gamma} came with gamma_until {self.gamma_until}, at least '
                             f'gamma ({self.gamma}) is wanted: the discount rises')

    def gamma_after(self, steps: float) -> float:
        """Return the discount over one decision by steps in replay: 1 - gamma falls geometrically.

        A success T decisions away is worth gamma ** T of one that is there, so that at 0.96 a decision more of aiming must make it 4 %
        likelier. A low discount learns sooner, a high one aims longer (a rising one: arXiv:1512.02011).
        """
        if not self.gamma_until:
            return self.gamma
        gone = share_gone(steps, self.gamma_from, self.gamma_until)
        return 1.0 - (1.0 - self.gamma) ** (1.0 - gone) * (1.0 - self.final_gamma) ** gone

    def fallen_penalty_after(self, steps: float) -> float:
        """Return the share of decisions that make the object fall that are learnt as the worst value, by steps in replay.

        Critics that do not know what a fall costs have the object touched more often: at first that is what is wanted.
        """
        if not self.fallen_until:
            return self.fallen_penalty
        return self.fallen_penalty * share_gone(steps, self.fallen_from, self.fallen_until)

    def hindsight_after(self, steps: float) -> float:
        """Return what is left of sliding_share and hindsight_share, as a share, by steps in replay.

        A window in which the gripper gets faster tells that its end, asked for, gives that strike: a controller that goes there
        evenly gives a softer one. Such samples start the learning; later their critics expect too much of what is asked for.
        """
        return 1.0 + (self.final_hindsight - 1.0) * share_gone(steps, self.hindsight_from, self.hindsight_until)


@dataclass(frozen=True)
class ControllerConfig(LevelConfig):
    """The low level: reaches subgoals."""

    gamma: float = option(0.9, 'Discount over one control step', low=0.0, high=0.9999)
    updates: float = option(60.0, 'Gradient steps a 1000 environment steps', low=0.0, high=10000.0)
    pretanh: float = option(0.005, 'Weight of the squared pre-tanh output in the actor loss', low=0.0, high=10.0)
    future_share: float = option(0.4, 'Share of samples whose subgoal was achieved later', low=0.0, high=1.0)
    elsewhere_share: float = option(0.2, 'Share of samples whose subgoal is drawn around the gripper',
                                    low=0.0, high=1.0)
    elsewhere: float = option(0.25, 'Half-width of that draw [m]', low=0.0, high=2.0)
    window: int = option(10, 'Control steps ahead from which hindsight subgoals are taken', low=1, high=1000)
    strictness: float = option(0.75, 'Tolerance of the reward as a share of the tolerance of the attempt',
                               low=0.01, high=1.0)
    gripper: str = option('servo', 'Who closes the fingers: a servo on the subgoal\'s opening, or the learnt policy',
                          choices=('servo', 'learned'))
    punctual: bool = option(False, 'Aim at each step at the point of the straight way where the gripper is due after it, so that '
                            'it arrives as the attempt ends')
    # FetchEnv's finger is slow and springy (30,000 N/m, 1,000 N s/m, 104 kg): at 0.04 s these two put both poles
    # of the closed loop at 0.2, so that it is within 2 mm in 5 steps and does not overshoot.
    servo_gain: float = option(1.74, 'Servo: command for each metre that a finger is away', low=0.0, high=100.0)
    servo_damping: float = option(2.17, 'Servo: command taken off for each metre a step that it moves',
                                  low=0.0, high=100.0)

    def __post_init__(self):
        super().__post_init__()
        check_shares(self, 'future_share', 'elsewhere_share')


@dataclass(frozen=True)
class FlatConfig(Checked):
    """What a flat policy has of its own; networks, updates, schedules and domain knowledge are the hierarchy's.

    The values are HER's, arXiv:1707.01495 and OpenAI Baselines: four of five goals achieved later in the episode.
    """

    gamma: float = option(0.98, 'Discount over one control step', low=0.0, high=0.9999)
    future_share: float = option(0.8, 'Share of samples whose goal was achieved later', low=0.0, high=1.0)
    noise: float = option(0.2, 'Standard deviation of exploration noise on the command', low=0.0, high=2.0)
    random_share: float = option(0.3, 'Share of commands drawn uniformly while exploring', low=0.0, high=1.0)
    miss_share: float = option(0.0, 'Share of samples whose goal lies beside what was achieved last', low=0.0, high=1.0)


@dataclass(frozen=True)
class FlatLevelConfig(PlannerConfig):
    """The one level of a flat policy: made by ``levels``, which lets it have what the hierarchy has."""

    stay_share: float = option(0.0, 'Not used: HER has no such goals', low=0.0, high=0.0)
    gamma_until: int = option(0, 'Not used: HER has one discount', low=0, high=0)


def levels(policy: str, planner: PlannerConfig, controller: ControllerConfig,
           flat: FlatConfig) -> dict[str, LevelConfig]:
    """Return the settings of both levels under RunConfig.policy.

    flat: a planner that learns nothing, since the goal itself is the subgoal; and a controller with the planner's
    networks and schedules and as many gradient steps as both levels make.
    """
    if policy != 'flat':
        return {'planner': planner, 'controller': controller}
    values = {item.name: getattr(planner, item.name) for item in dataclasses.fields(planner)} | vars(flat)
    values |= {name: getattr(planner, name) + getattr(controller, name) for name in ('updates', 'start_updates')}
    return {'planner': dataclasses.replace(planner, updates=0.0, start_updates=0.0),
            'controller': FlatLevelConfig(**values | {'stay_share': 0.0, 'gamma_until': 0})}


@dataclass(frozen=True)
class ViewConfig(Checked):
    """What is shown of a worker, and how often."""

    arm: int = option(0, 'Arm that is shown; -1: all of them, in a grid; may be changed at any time', low=-1, high=255,
                      live=True)
    spacing: float = option(1.5, 'Distance of neighbours in the grid [m]', low=0.1, high=100.0)
    rate: float = option(10.0, 'Most updates a second of wall clock', low=0.1, high=30.0)
    share: float = option(0.04, 'Most of a core that may be used: updates are left out beyond it', low=0.001, high=1.0)
    robot: bool = option(False, 'Leave out arm and gripper of the first arm that is shown, because RobotModel draws them')
    path: int = option(50, 'Positions in the trail of the gripper', low=2, high=1000)
    subgoals: int = option(12, 'Subgoals in the trail of ended attempts', low=1, high=1000)


@dataclass(frozen=True)
class SafetyConfig(Checked):
    """What no command to the arm may exceed. Positions in base_link."""

    safety_period: float = option(0.04, 'Time from one command to the next [s]', low=0.001, high=0.2)
    speed: float = option(0.18, 'Speed of the gripper [m/s]: a little over 0.10 along all three axes',
                          low=0.001, high=0.5)
    acceleration: float = option(1.0, 'Acceleration of the gripper [m/s^2]', low=0.01, high=5.0)
    jerk: float = option(25.0, 'Jerk of the gripper [m/s^3]', low=0.1, high=1000.0)
    turn: float = option(0.3, 'Angular speed of the gripper [rad/s]', low=0.001, high=1.0)
    turn_acceleration: float = option(1.5, 'Angular acceleration of the gripper [rad/s^2]', low=0.01, high=20.0)
    turn_jerk: float = option(37.5, 'Angular jerk of the gripper [rad/s^3]', low=0.1, high=1000.0)
    # A Fetch's joints brake at 1 rad/s^2 whatever they are told: from here it takes 0.28 s, after the 0.1 s in which a
    # dead partner is noticed, a period and the ramp's rounded corner.
    joint_speed: float = option(0.28, 'Speed of each joint [rad/s]: it must stand within 0.5 s of whatever fails',
                                low=0.01, high=0.5)
    joint_margin: float = option(0.1, 'Distance of each joint from its limits [rad]; MoveIt Servo\'s default',
                                 low=0.0, high=0.5)
    slow_condition: float = option(17.0, 'Condition number from which the arm is slowed; MoveIt Servo\'s default',
                                   low=1.0, high=1000.0)
    stop_condition: float = option(30.0, 'Condition number at which the arm stops; MoveIt Servo\'s default',
                                   low=1.0, high=1000.0)
    workspace_low: tuple[float, ...] = option((0.48, -0.20, 0.40), 'Least x, y, z of the gripper [m]',
                                              low=-2.0, high=2.0)
    workspace_high: tuple[float, ...] = option((0.77, 0.20, 0.62), 'Greatest x, y, z of the gripper [m]',
                                               low=-2.0, high=2.0)
    workspace_tolerance: float = option(0.01, 'Distance outside of the workspace at which the arm stops [m]',
                                        low=0.0, high=0.2)
    table_height: float = option(0.40, 'Height of the table [m]', low=0.0, high=1.5)
    table_clearance: float = option(0.003, 'Least height of the gripper\'s box over the table [m]', low=0.0, high=0.2)
    # Joints at 1 rad/s^2 change direction slowly. Measured with random twists on the emulated twist controller: with 0.2
    # and 0.08 s the arm overshoots by up to 21 mm, with these by 6 mm, and the fingers keep 5 mm from the table.
    braking: float = option(0.06, 'Deceleration that the arm surely has when it nears border or table [m/s^2]',
                            low=0.01, high=5.0)
    reaction_time: float = option(0.16, 'Time until the arm follows a command [s]: brakes that much earlier',
                                  low=0.0, high=1.0)
    stale_after: float = option(0.1, 'Stop when joint states, object pose or command are older [s]', low=0.01, high=1.0)
    dead_man: bool = option(False, 'Move only while the dead-man button is held')
    dead_man_timeout: float = option(0.25, 'Stop when the button has not been heard of for this long [s]',
                                     low=0.02, high=1.0)

    def __post_init__(self):
        super().__post_init__()
        if not self.slow_condition < self.stop_condition:
            raise ValueError(f'SafetyConfig: slow_condition {self.slow_condition} and stop_condition '
                             f'{self.stop_condition} came, the first must be the smaller')
        low, high = self.workspace_low, self.workspace_high
        if not (len(low) == len(high) == 3 and all(a < b for a, b in zip(low, high))):
            raise ValueError(f'SafetyConfig: workspace_low {low} and workspace_high {high} came, three values each '
                             'are wanted, the first smaller')


@dataclass(frozen=True)
class PageConfig(Checked):
    """Where the page is served that shows a worker in a browser."""

    host: str = option('127.0.0.1', 'Address to listen at; 0.0.0.0: everybody on the network may watch and pause')
    port: int = option(8080, 'Port to listen at', low=1, high=65535)


@dataclass(frozen=True)
class FetchConfig(Checked):
    """How commands become motions of a Fetch, and what is observed of it (control mode fetch)."""

    speed: float = option(0.10, 'Speed of the gripper along an axis at command 1 [m/s]', low=0.001, high=0.3)
    tilt_gain: float = option(2.0, 'Angular speed for each radian that the gripper does not point down [1/s]',
                              low=0.0, high=10.0)
    turn_speed: float = option(0.3, 'Most of that angular speed [rad/s]', low=0.0, high=1.0)
    # A command of 0.004 asks for 4 mm of each finger, as in FetchEnv: two steps of Fetch's gripper.
    gripper_band: float = option(0.004, 'Command from which the gripper opens, or closes; under half of it it stays',
                                 low=0.0001, high=0.99)
    smoothing: float = option(0.5, 'Share of a new difference in the velocity of the object; 1: unfiltered',
                              low=0.01, high=1.0)
    velocity_scale: float = option(1.0, 'Factor on all observed velocities; 0.705 imitates FetchEnv, for policies '
                                   'trained in mocap', low=0.1, high=2.0)


@dataclass(frozen=True)
class DeploymentConfig(Checked):
    """How fetch_bridge takes a policy to a robot."""

    rounds: str = option('goals', 'Who begins a round: a goal that comes, or learners, which an emulator sets up each for',
                         choices=('goals', 'learners'))
    clock: str = option('system', 'Whose time it is: the system\'s; /clock; or /clock that goes on with each twist only',
                        choices=('system', 'simulated', 'stepped'))
    shadow: bool = option(False, 'Dry run: do everything but send the robot anything')
    speed_share: float = option(1.0, 'Share of the speed: a first motion is made at 0.2', low=0.05, high=1.0)
    watched: bool = option(True, 'Move only while guard and normalizer are heard of')
    watched_timeout: float = option(0.1, 'Stop when one of them has not been heard of for this long [s]', low=0.02, high=1.0)
    robot_state: bool = option(True, 'Where watched: move only while the robot tells of its run-stop button and of faults; false: '
                               'for a robot that cannot, whose button is then not heard')
    robot_state_timeout: float = option(0.5, 'Stop when it has not told for this long [s]', low=0.1, high=2.0)
    repeat_after: float = option(0.5, 'Repeat a state that nobody has answered for so long [s]', low=0.01, high=60.0)
    frame: str = option('', 'Frame of goals and object poses beside base_link, not turned against it; empty: none')
    frame_origin: tuple[float, ...] = option((0.0, 0.0, 0.0), 'Where the origin of that frame is in base_link [m]',
                                             low=-10.0, high=10.0)
    object_correction: tuple[float, ...] = option((0.0, 0.0, 0.0), 'Added to the object\'s position: what calibration found [m]',
                                                  low=-0.2, high=0.2)
    click_height: float = option(0.025, 'Height over the table of a goal that comes without one, with z = 0 in base_link or '
                                        'world, as RViz\'s 2D tool gives it [m]', low=0.0, high=0.5)
    autostart: bool = option(False, 'Become active at once, not when somebody activates the node')
    alone: bool = option(True, 'Be activated only while nobody but guard and ros1_bridge publishes twists for the arm; not looked at '
                         'by a dry run or an autostart')
    log: bool = option(True, 'Keep every episode in the run\'s folder')

    def __post_init__(self):
        super().__post_init__()
        for name in ('frame_origin', 'object_correction'):
            if len(getattr(self, name)) != 3:
                raise ValueError(f'DeploymentConfig.{name}: {getattr(self, name)} came, x, y and z are wanted')

    @property
    def told_within(self) -> float | None:
        """How often [s] the robot must tell of run-stop and faults; None: it need not."""
        return self.robot_state_timeout if self.watched and self.robot_state else None


@dataclass(frozen=True)
class RandomizationConfig(Checked):
    """What differs from episode to episode in control mode fetch: least and greatest value, or noise.

    Each is drawn anew for every arm and round.
    """

    object_mass: tuple[float, ...] = option((0.1, 0.4), 'Mass of the object [kg]', low=0.001, high=5.0)
    object_size: tuple[float, ...] = option((0.95, 1.05), 'Factor on its edges', low=0.5, high=1.5)
    object_friction: tuple[float, ...] = option((0.7, 1.2), 'Factor on its sliding friction', low=0.05, high=5.0)
    table_height: tuple[float, ...] = option((-0.005, 0.005), 'Added to the height of the table [m]',
                                             low=-0.05, high=0.05)
    action_delay: tuple[float, ...] = option((0.0, 0.04), 'Time until a command is executed [s], in steps of 0.01',
                                             low=0.0, high=0.2)
    action_gain: tuple[float, ...] = option((0.9, 1.1), 'Factor on the commanded speed', low=0.1, high=2.0)
    joint_noise: float = option(0.0005, 'Standard deviation of measured joint angles [rad]', low=0.0, high=0.1)
    joint_velocity_noise: float = option(0.003, 'Standard deviation of measured joint velocities [rad/s]',
                                         low=0.0, high=1.0)
    object_noise: float = option(0.002, 'Standard deviation of the measured position of the object [m]',
                                 low=0.0, high=0.1)
    object_bias: float = option(0.003, 'Standard deviation of an error that stays for an episode [m]',
                                low=0.0, high=0.1)
    object_angle_noise: float = option(0.02, 'Standard deviation of its measured orientation [rad]', low=0.0, high=0.5)
    object_delay: tuple[int, ...] = option((0, 2), 'Control steps by which its pose is late', low=0, high=10)
    object_dropout: float = option(0.05, 'Share of control steps in which it is not seen', low=0.0, high=0.95)

    def __post_init__(self):
        super().__post_init__()
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, tuple) and (len(value) != 2 or value[0] > value[1]):
                raise ValueError(f'RandomizationConfig.{item.name}: {value} came, the least and the greatest value '
                                 'are wanted')


@dataclass(frozen=True)
class EmulatorConfig(Checked):
    """How the emulated robot's time goes."""

    pace: float = option(1.0, 'Simulated seconds a second: 1 real time on the system\'s clock; else with /clock; 0: one '
                         'control period for each twist', low=0.0, high=100.0)


@dataclass(frozen=True)
class GuardConfig(Checked):
    """When and how the guard takes the arm from a bridge that has died."""

    period: float = option(0.02, 'Time from one look at the heartbeat to the next, and between zero twists [s]',
                           low=0.005, high=0.04)
    heartbeat_timeout: float = option(0.1, 'Take over when the heartbeat is older [s]', low=0.02, high=0.4)
    obeyed_within: float = option(0.5, 'Take over when a bridge still moves the arm so long after a run-stop, a fault, or the end of '
                                  'word of them [s]', low=0.1, high=2.0)
    braking: float = option(2.0, 'Deceleration of the fastest joint [rad/s^2]; the twist controller\'s own is 1',
                            low=0.5, high=5.0)
    joints_timeout: float = option(0.1, 'Joint states that are older are not believed [s]', low=0.02, high=1.0)
    hold: float = option(3600.0, 'Hold the arm against twists for so long [s]', low=1.0, high=86400.0)


NOMINAL = RandomizationConfig((0.2, 0.2), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0), (1.0, 1.0),
                              0.0, 0.0, 0.0, 0.0, 0.0, (0, 0), 0.0)   # nothing differs, nothing is noisy


# Where parameters of each kind are found: the part of their names before the last point.
SECTIONS = {'': RunConfig, 'bridge': BridgeConfig, 'normalizer': NormalizerConfig, 'evaluation': EvaluationConfig, 'planner': PlannerConfig,
            'controller': ControllerConfig, 'flat': FlatConfig, 'fetch': FetchConfig, 'randomization': RandomizationConfig,
            'safety': SafetyConfig, 'deployment': DeploymentConfig, 'guard': GuardConfig, 'emulator': EmulatorConfig,
            'process': ProcessConfig, 'view': ViewConfig, 'page': PageConfig}
