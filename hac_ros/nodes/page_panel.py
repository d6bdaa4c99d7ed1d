"""The controls beside the scene of the page: pause, arm, level, state of the run, metrics."""
import math
import queue
import time

import numpy as np

from hac_ros import markers
from hac_ros.msg import RunStatus
from hac_ros.nodes.page_curves import CURVES, POINTS, SCALES, SERIES, columns, thinned

BOTH, PLANNER, CONTROLLER = 'both', 'planner', 'controller'
# What belongs to one level alone, and is not shown with the other
LAYERS = {PLANNER: ('goal', 'goal_region', 'subgoal_trail'), CONTROLLER: ('gripper_trail',)}
STATES = {RunStatus.RUNNING: 'running', RunStatus.STOPPING: 'bar reached, ending', RunStatus.DONE: 'done'}
ALL_ARMS = 'all'
SETTLED = 2.0     # [s] the step that was under way when the bridge was told to hold has been drawn by then
REFUSAL = 10.0    # [s] for so long a refusal is to be read
REDRAW = 1.0      # [s] from one drawing of the metrics to the next, at least


class PagePanel:
    """What the user chooses goes to ``wishes`` as (what, value), from viser's threads; what is known is shown."""

    def __init__(self, gui, run: str, worker: int, arms: int, clock=time.monotonic):
        self.clock = clock
        self.wishes: queue.SimpleQueue = queue.SimpleQueue()
        self.rows: dict[int, dict[str, float]] = {}      # round -> name -> value, of what has a curve; thinned
        self.latest: dict[str, tuple[int, float]] = {}   # name -> the newest round that measured it, value
        gui.configure_theme(show_logo=False, show_share_button=False, control_width='medium')
        gui.set_panel_label(f'{run}, worker {worker}')
        self.notice = gui.add_markdown('Waiting for a state ...')
        self.play = gui.add_button('Pause')
        self.arm = gui.add_dropdown('Arm', ('0',), initial_value='0')
        self.arm.options = [*map(str, range(arms)), ALL_ARMS]
        self.level = gui.add_dropdown('Level', (BOTH, PLANNER, CONTROLLER), initial_value=BOTH)
        self.status = gui.add_markdown('')
        self.plot = gui.add_uplot((np.zeros(1),) * (1 + len(CURVES)), SERIES, scales=SCALES, aspect=1.7,
                                  title='by round', visible=False)
        self.metrics = gui.add_markdown('')
        self._wire()

    def _wire(self) -> None:
        self.paused, self.paused_at, self.time, self.shown = False, 0.0, math.nan, 0
        self.said, self.refusal, self.refused_at = '', '', -math.inf
        self.stale, self.drawn_at = False, -math.inf
        self.play.on_click(lambda _: self.wishes.put(('pause', not self.paused)))
        self.arm.on_update(lambda event: event.client and self.wishes.put(('arm', self.chosen_arm())))
        self.level.on_update(lambda _: self.wishes.put(('level', self.level.value)))

    def chosen_arm(self) -> int:
        """Return the arm that is chosen, or markers.ALL."""
        return markers.ALL if self.arm.value == ALL_ARMS else int(self.arm.value)

    def show_arm(self, arm: int) -> None:
        """Show which arm is drawn, or markers.ALL, when that has changed: somebody else may have chosen."""
        option = ALL_ARMS if arm == markers.ALL else str(arm)
        if arm != self.shown and option in self.arm.options:
            self.arm.value = option
        self.shown = arm

    def hidden(self) -> tuple[str, ...]:
        """Return the namespaces of markers that the chosen level has nothing to do with."""
        return {PLANNER: LAYERS[CONTROLLER], CONTROLLER: LAYERS[PLANNER]}.get(self.level.value, ())

    def show_paused(self, paused: bool) -> None:
        """Show whether the bridge holds."""
        self.paused, self.play.label, self.paused_at = paused, 'Play' if paused else 'Pause', self.clock()

    def see(self, time_: float) -> None:
        """Take the time [s] of the state that is drawn: a bridge that goes on is not held, whoever let it, or started it."""
        if time_ != self.time and self.paused and self.clock() - self.paused_at > SETTLED:
            self.show_paused(False)
        self.time = time_

    def say(self, text: str) -> None:
        """Show what the arm is at, or why nothing is to be seen; a refusal stays beside it for a while."""
        self.said = text
        fresh = self.clock() - self.refused_at < REFUSAL
        content = f'{text}  \n**{self.refusal}**' if fresh else text
        if self.notice.content != content:
            self.notice.content = content

    def refuse(self, text: str) -> None:
        """Show why what the user chose was not done."""
        self.refusal, self.refused_at = text, self.clock()
        self.say(self.said)

    def show_status(self, status: RunStatus) -> None:
        """Show how far the run is."""
        self.status.content = (f'**{STATES.get(status.state, "?")}**, {status.environment_steps:,} environment steps'
                               + (f'; {status.reason}' if status.reason else ''))

    def add_metrics(self, round_: int, values: dict[str, float]) -> None:
        """Take what a source measured in a round; ``refresh`` shows it."""
        self.rows.setdefault(round_, {}).update((name, value) for name, value in values.items() if name in CURVES)
        for name, value in values.items():
            if math.isfinite(value) and (name not in self.latest or round_ >= self.latest[name][0]):
                self.latest[name] = round_, value
        if len(self.rows) > 2 * POINTS:
            self.rows = thinned(self.rows)
        self.stale = True

    def refresh(self) -> None:
        """Show what has come, unless metrics were drawn less than REDRAW ago."""
        if self.stale and self.clock() - self.drawn_at >= REDRAW:
            self.show_metrics()

    def show_metrics(self) -> None:
        """Show the newest value of every metric of the chosen level, and the curves."""
        self.stale, self.drawn_at = False, self.clock()
        levels = (PLANNER, CONTROLLER) if self.level.value == BOTH else (self.level.value,)
        lines = [f'| {name} | {value:.4g} |' for name, (_, value) in sorted(self.latest.items())
                 if name.partition('/')[0] in ('evaluation', *levels)]
        self.metrics.content = '\n'.join(['| metric | newest |', '| :-- | --: |', *lines]) if lines else ''
        self._show_curves()

    def _show_curves(self) -> None:
        if len(self.rows) > 1:
            self.plot.data = columns(thinned(self.rows))
            self.plot.visible = True
