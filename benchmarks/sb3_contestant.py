"""One of stable-baselines3's algorithms with HER on a Fetch task: a line of JSON for each evaluation.

    baselines/bin/python benchmarks/sb3_contestant.py --algorithm tqc --task push --seed 0 --limit 600

Run by baselines.py, in an environment with benchmarks/requirements.txt. Hyper-parameters: RL Baselines3 Zoo, tqc.yml and
her.yml (github.com/DLR-RM/rl-baselines3-zoo). Departures: SAC on Push without the zoo's history wrapper and normalisation,
which the library itself does not have, and Reach without the zoo's normalisation. Time is that of training: evaluations are not
counted, since ours run beside it.
"""
import argparse
import json
import time

import gymnasium
import gymnasium_robotics
import torch
from sb3_contrib import TQC
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback

ENVIRONMENTS = {'reach': 'FetchReach-v4', 'push': 'FetchPush-v4', 'pick_and_place': 'FetchPickAndPlace-v4',
                'slide': 'FetchSlide-v4'}
HER = {'replay_buffer_class': HerReplayBuffer, 'buffer_size': 1_000_000, 'gamma': 0.95,
       'replay_buffer_kwargs': {'n_sampled_goal': 4, 'goal_selection_strategy': 'future'}}
LARGE = {'learning_rate': 1e-3, 'tau': 0.05, 'policy_kwargs': {'net_arch': [512, 512, 512], 'n_critics': 2}}
SMALL = {'learning_rate': 1e-3, 'batch_size': 256, 'learning_starts': 1000, 'ent_coef': 'auto'}
EPISODE = {'train_freq': (1, 'episode'), 'gradient_steps': -1}
SETTINGS = {
    ('tqc', 'reach'): {**SMALL, 'policy_kwargs': {'net_arch': [64, 64], 'n_critics': 1}},
    ('tqc', 'push'): {**LARGE, 'batch_size': 2048},
    ('tqc', 'slide'): {**LARGE, 'batch_size': 2048},
    ('tqc', 'pick_and_place'): {**LARGE, 'batch_size': 1024},
    ('sac', 'reach'): SMALL,
    ('sac', 'push'): {**EPISODE, 'learning_rate': 7e-4, 'learning_starts': 1000, 'ent_coef': 'auto', 'use_sde': True,
                      'sde_sample_freq': 10},
    ('sac', 'pick_and_place'): {'learning_starts': 1000, 'ent_coef': 'auto'},
}
FIRST_SEED = 1_000_000     # of the evaluation's episodes: none of them is trained on


class Evaluations(BaseCallback):
    """Evaluates every so many steps, prints what came of it, and ends the training after ``limit`` seconds of it."""

    def __init__(self, environment, every: int, episodes: int, limit: float):
        super().__init__()
        self.environment, self.every, self.episodes, self.limit = environment, every, episodes, limit
        self.apart, self.began = 0.0, time.monotonic()

    def _on_step(self) -> bool:
        seconds = time.monotonic() - self.began - self.apart
        over = seconds >= self.limit
        if over or self.num_timesteps % self.every == 0:
            before = time.monotonic()
            print(json.dumps({'steps': self.num_timesteps, 'seconds': round(seconds, 2), 'success': self._success()}),
                  flush=True)
            self.apart += time.monotonic() - before
        return not over

    def _success(self) -> float:
        """Return the share of deterministic episodes with is_success at their last step."""
        found = 0.0
        for episode in range(self.episodes):
            observation, _ = self.environment.reset(seed=FIRST_SEED + episode)
            truncated = False
            while not truncated:
                action, _ = self.model.predict(observation, deterministic=True)
                observation, _, _, truncated, info = self.environment.step(action)
            found += float(info['is_success'])
        return found / self.episodes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--algorithm', choices=('tqc', 'sac'), required=True)
    parser.add_argument('--task', choices=tuple(ENVIRONMENTS), required=True)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--limit', type=float, default=600.0, help='seconds of training')
    parser.add_argument('--every', type=int, default=3200, help='environment steps between evaluations')
    parser.add_argument('--episodes', type=int, default=100)
    parser.add_argument('--threads', type=int, default=2)
    options = parser.parse_args()
    if (options.algorithm, options.task) not in SETTINGS:
        parser.error(f'the zoo has no settings of {options.algorithm} for {options.task}')
    torch.set_num_threads(options.threads)
    gymnasium.register_envs(gymnasium_robotics)
    training, evaluation = (gymnasium.make(ENVIRONMENTS[options.task]) for _ in range(2))
    kind = {'tqc': TQC, 'sac': SAC}[options.algorithm]
    model = kind('MultiInputPolicy', training, seed=options.seed, device='cpu',
                 **HER, **SETTINGS[options.algorithm, options.task])
    model.learn(10**9, Evaluations(evaluation, options.every, options.episodes, options.limit))


if __name__ == '__main__':
    main()
