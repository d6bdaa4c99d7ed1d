"""The same interface: training goes through the robot's bridge and an emulated Fetch, with nothing else changed."""
from training_run import TrainingRun


def test_a_training_runs_through_the_robots_bridge_and_the_stepped_emulator(tmp_path):
    training = TrainingRun(tmp_path, 'robot', control='fetch', arms=1, bridge='fetch_bridge', max_steps=500,
                           evaluate_every=1, evaluation_episodes=1)
    try:
        assert training.wait() == 0, training.printed()
        rows = training.rows()
    finally:
        training.stop()
    assert [int(row['round']) for row in rows][:2] == [0, 1]
    assert [float(row['environment_steps']) for row in rows][:2] == [250.0, 500.0]
    assert [float(row['normalizer/count']) for row in rows][:2] == [251.0, 502.0]
    assert not training.pids('mujoco_bridge') and len(training.pids('fetch_bridge')) == 1
