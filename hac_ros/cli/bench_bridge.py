"""The bridge through DDS against MuJoCo alone: the same model, commands and number of threads, in alternation."""
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import rclpy
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.task import Future

from hac_ros import messages, records, tasks, topics
from hac_ros.simulation.raw_speed import draw_commands, physics_only
from hac_ros.simulation.simulation import Simulation
from std_msgs.msg import Header


class Driver(Node):
    """Answers every arm_state with the next command, and notes when states came."""

    def __init__(self, run: str, task, commands: np.ndarray):
        super().__init__('bench_driver')
        self.task, self.arms = task, commands.shape[1]
        self.commands = [messages.from_commands(records.Commands(records.StepId(run, 0, 0, 0, 0), value), Header())
                         for value in commands]   # made beforehand: it is the bridge that is measured
        self.publisher = topics.publisher(self, topics.ARM_COMMAND, run)
        self.state, self.first, self.done = None, Future(), Future()
        self.wanted = self.goal = 0
        self.latencies: list[float] = []
        topics.subscribe(self, topics.ARM_STATE, self.on_state, run)

    def on_state(self, msg):
        """Answer a new state while more steps are wanted."""
        now = time.perf_counter()
        step = messages.to_id(msg.id)
        if self.state == step:
            return
        self.state, self.id = step, msg.id
        if not self.first.done():
            self.first.set_result(True)
        if step.step > 0 and self.wanted:
            self.latencies.append(now - self.sent)
        # An episode's last state and the first of the next count as one; the former may be overwritten by the latter.
        self.wanted = max(0, self.goal - self.position)
        if step.step == 0 and not self.wanted and not self.done.done():
            self.done.set_result(True)
        elif self.wanted and step.step < msg.steps:
            self.send()

    @property
    def position(self) -> int:
        """Control steps since the first round began."""
        return self.state.round * self.task.steps + self.state.step

    def send(self):
        """Command the state that came last."""
        message = self.commands[-self.wanted]
        message.id = self.id
        self.sent = time.perf_counter()
        self.publisher.publish(message)

    def drive(self, executor, steps: int) -> float:
        """Make ``steps`` control steps, whole episodes, on every arm; return control steps/s over all arms."""
        self.wanted, self.goal, self.done = steps, self.position + steps, Future()
        begin = time.perf_counter()
        self.send()
        executor.spin_until_future_complete(self.done, timeout_sec=300)
        if not self.done.done():
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
    rclpy.init()
    driver, executor = Driver(run, task, draw_commands(simulation, steps)), EventsExecutor()
    try:
        executor.add_node(driver)
        executor.spin_until_future_complete(driver.first, timeout_sec=60)
        if not driver.first.done():
            raise RuntimeError('the bridge published no state within 60 s')
        return _row(driver, executor, simulation, pairs, steps)
    finally:
        bridge.terminate()
        bridge.wait(30)
        driver.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()


def _row(driver, executor, simulation, pairs: int, steps: int) -> dict:
    physics_only(simulation, steps), driver.drive(executor, steps)   # warm-up
    driver.latencies.clear()
    raw, bridge = [], []
    for _ in range(pairs):
        # The same rounds and commands on both sides: the work is the same.
        raw.append(physics_only(simulation, steps, first_round=driver.state.round))
        bridge.append(driver.drive(executor, steps))
    p50, p99 = np.percentile(driver.latencies, (50, 99)) * 1e3
    return {'arms': simulation.arms, 'threads': len(simulation.chunks),
            'raw_steps_per_s': round(statistics.median(raw), 1),
            'bridge_steps_per_s': round(statistics.median(bridge), 1),
            'ratio': round(statistics.median(b / r for b, r in zip(bridge, raw)), 4),
            'ratios': [round(b / r, 4) for b, r in zip(bridge, raw)],
            'round_trip_ms_p50': round(float(p50), 3), 'round_trip_ms_p99': round(float(p99), 3)}
