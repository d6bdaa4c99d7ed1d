"""Scripted policies for control mode ``fetch``: they show that a task can be done in its time."""
import numpy as np


def towards(simulation, target, gripper, gain=8.0):
    """Return commands (N, 4) that lead the gripper to ``target`` (N, 3) [m], and ``gripper`` (N,)."""
    velocity = gain * (target - simulation.observation[:, :3]) / 0.1
    return np.concatenate([np.clip(velocity, -1, 1), gripper[:, None]], axis=1)


def reach(simulation):
    """Straight to the goal."""
    return towards(simulation, simulation.desired_goal, np.zeros(simulation.arms))


class Push:
    """Around the object to its far side, down, and through it towards the goal."""

    def __init__(self, simulation):
        self.simulation, self.phase = simulation, np.zeros(simulation.arms, dtype=int)

    def __call__(self):
        simulation = self.simulation
        grip, thing, goal = simulation.observation[:, :3], simulation.observation[:, 3:6], simulation.desired_goal
        way = (goal - thing)[:, :2]
        away = way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
        behind = np.concatenate([thing[:, :2] - 0.07 * away, np.full((len(grip), 1), 0.49)], axis=1)
        low = behind * (1, 1, 0) + (0, 0, 0.435)
        through = np.concatenate([thing[:, :2] - 0.03 * away, np.full((len(grip), 1), 0.435)], axis=1)
        side = np.linalg.norm((grip - thing)[:, :2] + 0.04 * away, axis=1)
        self.phase = np.where((self.phase == 2) & (side > 0.06), 0, self.phase)
        targets = np.stack([behind, low, through])[self.phase, np.arange(len(grip))]
        rise = (self.phase == 0) & (grip[:, 2] < 0.475) & (np.linalg.norm((behind - grip)[:, :2], axis=1) > 0.02)
        targets[rise, :2] = grip[rise, :2]
        near = np.linalg.norm(targets - grip, axis=1) < 0.012
        self.phase = np.minimum(self.phase + (near & (self.phase < 2) & ~rise), 2)
        command = towards(simulation, targets, np.zeros(len(grip)), gain=4.0)
        command[np.linalg.norm(way, axis=1) < 0.02] = 0.0
        return command


class Lift:
    """Over the object, down, close, to the goal."""

    def __init__(self, simulation):
        self.simulation, self.phase = simulation, np.zeros(simulation.arms, dtype=int)
        self.closing = np.zeros(simulation.arms)

    def __call__(self):
        simulation = self.simulation
        grip, thing, goal = simulation.observation[:, :3], simulation.observation[:, 3:6], simulation.desired_goal
        low = np.maximum(thing, (0, 0, 0.43))
        targets = np.stack([thing + (0, 0, 0.08), low, low, np.maximum(goal, (0, 0, 0.43))])
        target = targets[self.phase, np.arange(len(grip))]
        near = np.linalg.norm(target - grip, axis=1) < 0.012
        self.closing += self.phase == 2
        opened = simulation.observation[:, 9] > 0.045
        self.phase = self.phase + np.select([self.phase == 0, self.phase == 1, self.phase == 2],
                                            [near & opened, near, self.closing > 25], 0)
        return towards(simulation, target, np.where(self.phase < 2, 1.0, -1.0))
