"""The bridge through DDS against MuJoCo alone: the same model, commands and number of threads, in alternation."""
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from hac_ros import messages, records, tasks, topics
from hac_ros.msg import ArmState
from hac_ros.serialised import Serialised, places
from hac_ros.simulation.raw_speed import draw_commands, physics_only
from hac_ros.simulation.simulation import Simulation
from std_msgs.msg import Header


def span(message) -> slice:
    """Return where round, take and step of an ArmState or ArmCommand stand once it is serialised."""
    begin = {path: offset for path, offset, _, _ in places(message)}['id.round']
    return slice(begin, begin + messages.STEP_ID.size)


class Driver(Node):
    """Answers every arm_state with the next command, and notes when states came.

    It does no more than that, on serialised messages made beforehand, and asks for the next state again and again
    instead of sleeping until it is woken: it is the bridge that is measured.
    """

    def __init__(self, run: str, task, commands: np.ndarray):
        super().__init__('bench_driver')
        self.task, self.arms = task, commands.shape[1]
        header = Header(frame_id=records.ArmState.frame)    # a controller echoes the state's
        made = [messages.from_commands(records.Commands(records.StepId(run, 0, 0, 0, 0), value), header)
                for value in commands]
        self.commands, self.command_step = [Serialised(message).data for message in made], span(made[0])
        self.publisher = topics.publisher(self, topics.ARM_COMMAND, run)
        self.state_step, self.step_id, self.done = None, b'', False
        self.wanted = self.goal = self.round = self.step = 0
        self.latencies: list[float] = []
        self.states = topics.subscribe(self, topics.ARM_STATE, self.on_state, run, raw=True).handle

    def poll_until(self, condition, limit: float) -> bool:
        """Take states as they come until ``condition()`` or for ``limit`` [s]; return whether the condition was met."""
        end = time.perf_counter() + limit
        with self.states:
            while not condition() and time.perf_counter() < end:
                taken = self.states.take_message(ArmState, True)
                if taken is None:
                    os.sched_yield()    # to the thread that receives, where other work has the other core
                else:
                    self.on_state(taken[0])
        return condition()

    def on_state(self, data: bytes):
        """Answer a new state while more steps are wanted."""
        now = time.perf_counter()
        if self.state_step is None:
            self.state_step = span(deserialize_message(data, ArmState))
        step_id = data[self.state_step]
        if step_id == self.step_id:
            return
        self.step_id = step_id
        self.round, _, self.step = messages.STEP_ID.unpack(step_id)
        if self.step > 0 and self.wanted:
            self.latencies.append(now - self.sent)
        # An episode's last state and the first of the next count as one; the former may be overwritten by the latter.
        self.wanted = max(0, self.goal - self.position)
        if self.step == 0 and not self.wanted:
            self.done = True
        elif self.wanted and self.step < self.task.steps:
            self.send()

    @property
    def position(self) -> int:
        """Control steps since the first round began."""
        return self.round * self.task.steps + self.step

    def send(self):
        """Command the state that came last."""
        command = self.commands[-self.wanted]
        command[self.command_step] = self.step_id
        self.sent = time.perf_counter()
        self.publisher.publish(bytes(command))

    def drive(self, steps: int) -> float:
        """Make ``steps`` control steps, whole episodes, on every arm; return control steps/s over all arms."""
        self.wanted, self.goal, self.done = steps, self.position + steps, False
        begin = time.perf_counter()
        self.send()
        if not self.poll_until(lambda: self.done, 300.0):
            raise RuntimeError(f'the bridge made {steps - self.wanted} of {steps} steps in 300 s')
        return steps * self.arms / (time.perf_counter() - begin)


def measure(task_name: str, arms: int, pairs: int, steps: int, seed: int, threads: int = 1) -> dict:
    """Return one row: medians of control steps/s of both, of their ratio pair by pair, and round-trip times [ms]."""
    task = tasks.by_name(task_name)
    simulation = Simulation(task, arms, seed, threads=threads)
    run = f'bench_{os.getpid()}_{arms}'
    bridge = subprocess.Popen([
        sys.executable, '-c', 'import sys; from hac_ros.nodes.mujoco_bridge import main; sys.exit(main())', '--ros-args',
        '-p', f'run:={run}', '-p', f'task:={task_name}', '-p', f'arms:={arms}', '-p', f'seed:={seed}',
        '-p', f'bridge.threads:={threads}', '-p', 'bridge.standalone:=true', '-p', 'bridge.clock:=false',
        '-r', f'__ns:=/{run}/worker_0'],
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'})
    rclpy.init(args=[])     # it would read our key:=value as rules that rename topics
    driver = Driver(run, task, draw_commands(simulation, steps))
    try:
        if not driver.poll_until(lambda: driver.step_id, 60.0):
            raise RuntimeError('the bridge published no state within 60 s')
        return _row(driver, simulation, pairs, steps)
    finally:
        bridge.terminate()
        bridge.wait(30)
        driver.destroy_node()
        rclpy.try_shutdown()


def _row(driver, simulation, pairs: int, steps: int) -> dict:
    physics_only(simulation, steps), driver.drive(steps)   # warm-up
    driver.latencies.clear()
    raw, bridge = [], []
    for _ in range(pairs):
        # The same rounds and commands on both sides: the work is the same.
        raw.append(physics_only(simulation, steps, first_round=driver.round))
        bridge.append(driver.drive(steps))
    p50, p99 = np.percentile(driver.latencies, (50, 99)) * 1e3
    return {'arms': simulation.arms, 'threads': len(simulation.chunks),
            'raw_steps_per_s': round(statistics.median(raw), 1),
            'bridge_steps_per_s': round(statistics.median(bridge), 1),
            'ratio': round(statistics.median(b / r for b, r in zip(bridge, raw)), 4),
            'ratios': [round(b / r, 4) for b, r in zip(bridge, raw)],
            'round_trip_ms_p50': round(float(p50), 3), 'round_trip_ms_p99': round(float(p99), 3)}
