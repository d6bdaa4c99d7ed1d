"""The seconds of a run are those of all its starts: a recorder that was killed goes on counting."""
import json
import time

import pytest
from wire import ARMS, RUN, STAMP, TASK, Wire

from hac_ros import messages, topics
from hac_ros.run_folder import RunFolder

EARLIER = 5000.0


@pytest.fixture
def wire(listener, processes, tmp_path):
    return Wire(listener, processes, tmp_path)


def of_round(round_: int) -> dict[str, dict[str, float]]:
    """Return what each source measures: the run ends with the evaluation of round 1."""
    found = {'normalizer': {'wall/round': 700.0}, 'planner_learner': {}, 'controller_learner': {}}
    verdict = {'evaluation/success_rate': 0.5, 'evaluation/confirmed': float('nan')}
    return found | ({'evaluator': verdict} if round_ else {})


def record(wire, round_: int, done, **parameters):
    """Start the recorder and give it a round until ``done()``: its reader may be found late."""
    wire.start('recorder', evaluation__every=1, evaluation__limit=2 * ARMS * TASK.steps, **parameters)

    def sent():
        for source, values in of_round(round_).items():
            if not done():
                wire.send(topics.METRICS, messages.from_metrics(source, 0, round_, values, RUN, STAMP))
        return done()
    wire.listener.until(sent, f'the row of round {round_}')


@pytest.mark.parametrize('older, before', [(False, EARLIER), (True, 700.0)], ids=['kept', 'of before it was kept'])
def test_a_recorder_that_was_killed_goes_on_counting_seconds(wire, older, before):
    folder, began = RunFolder(wire.root, RUN), time.monotonic()
    record(wire, 0, lambda: folder.read_seconds() > 0.0)
    wire.process.kill()
    wire.process.wait(30)
    assert folder.read_seconds() < time.monotonic() - began
    folder.elapsed.unlink()
    if not older:
        folder.write_seconds(before)    # as if it had gone on for so long
    again = time.monotonic()
    record(wire, 1, lambda: wire.process.poll() is not None, resume=True)
    assert wire.process.wait(60) == 0, wire.said()
    seconds = json.loads((folder.path / 'result.json').read_bytes())['seconds']
    assert 0.0 < seconds - before < time.monotonic() - again
    assert folder.read_seconds() == pytest.approx(seconds, abs=1.0)
