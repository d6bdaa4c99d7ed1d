"""`hac train seeds:=`: which seeds, at most so many at a time, and what is said of them."""
import json
import signal
import sys

import pytest

from hac_ros.cli import Refused, seeds, train


def test_ranges_and_lists_of_seeds():
    assert seeds.numbers('0..4') == [0, 1, 2, 3, 4] and seeds.numbers('7..7') == [7] and seeds.numbers('3,0') == [3, 0]


@pytest.mark.parametrize('text', ['', '4..0', '0..', 'a', '-1..2', '1,1', '1,', '0..100', '0..99999999999999'])
def test_what_is_no_list_of_seeds_is_refused(text):
    with pytest.raises(Refused, match='seeds:='):
        seeds.numbers(text)


@pytest.mark.parametrize('words, said', [(['side_by_side:=2'], 'without seeds:='),
                                         (['seeds:=0..1', 'seed:=3'], 'one of them is wanted')])
def test_arguments_that_do_not_go_together_are_refused(words, said):
    with pytest.raises(Refused, match=said):
        train.split(words)


def test_a_run_gets_the_words_of_all_but_its_own_name_and_seed():
    own, rest = train.split(['task:=push', 'seeds:=0..1', 'run:=a', 'resume:=true'])
    assert own == {'seeds': '0..1'}
    assert seeds.command(rest, 'a_1', 1, False)[4:] == ['task:=push', 'run:=a_1', 'seed:=1', 'resume:=false']


def script(text: str) -> list[str]:
    return [sys.executable, '-c', text]


def test_all_are_run_at_most_so_many_at_a_time_and_what_they_print_has_their_name(tmp_path):
    present = ("import os, sys; folder, name = sys.argv[1:]; open(f'{folder}/{name}', 'w').close(); "
               "print(len(os.listdir(folder))); [print('x' * 1000) for _ in range(500)]; os.remove(f'{folder}/{name}'); "
               'print("end"); sys.exit(int(name))')
    lines = []
    found = seeds.train({name: [*script(present), str(tmp_path), name] for name in '01234'}, 2, lines.append)
    assert found == {'0': 0, '1': 1, '2': 2, '3': 3, '4': 4}
    assert {line for line in lines if line.endswith('end')} == {f'{name}: end' for name in '01234'}
    counts = [int(line.split()[1]) for line in lines if line.split()[1].isdigit()]
    assert len(counts) == 5 and max(counts) <= 2 and len(lines) == 5 * 502


@pytest.mark.parametrize('number', (signal.SIGINT, signal.SIGTERM))
def test_ctrl_c_and_a_wish_to_end_end_those_that_run_and_begin_no_other(number):
    before = [signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)]   # as in a background job
    waits = ("import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
             "try:\n    print('here', flush=True)\n    signal.pause()\nexcept KeyboardInterrupt:\n    sys.exit(7)")
    told = []

    def tell(line):
        told.append(line)
        if len(told) == 1:
            signal.raise_signal(number)
    assert seeds.train({'a': script(waits), 'b': script(waits)}, 1, tell) == {'a': 7, 'b': 130}
    assert told == ['a: here']
    assert [signal.signal(each, handler) for each, handler in zip((signal.SIGINT, signal.SIGTERM), before)] == [
        signal.SIG_IGN, signal.SIG_IGN], 'what was there before is there again'


def test_the_table_has_median_and_worst_and_says_what_was_not_reached(tmp_path):
    def result(steps):
        reached = steps and {'environment_steps': steps, 'success_rate': 0.97, 'confirmed': 0.96, 'round': 4}
        return {'reached': reached, 'environment_steps': 90000, 'seconds': 61.5}
    found = seeds.summary('push', {n: (f'a_{n}', 0, result(steps)) for n, steps in enumerate((40000, 60000, 50000))})
    assert (found['median_steps'], found['worst_steps'], found['reached']) == (50000, 60000, 3)
    assert seeds.table(found)[-1] == '3 of 3 runs of push have reached the bar: median 50000 steps, worst 60000.'
    some = seeds.summary('push', {0: ('a_0', 0, result(40000)), 1: ('a_1', 0, result(None)), 2: ('a_2', 130, None)})
    assert some['worst_steps'] is None and seeds.table(some)[-1] == '1 of 3 runs of push have reached the bar.'
    assert seeds.table(some)[3].split() == ['2', *['-'] * 7, 'a_2']
    assert json.loads(seeds.write(str(tmp_path), 'a', some).read_bytes()) == some


def test_how_far_a_run_fell_after_its_bar_is_the_least_mean_of_five_successive_evaluations():
    success = [0.2, 0.96, '', 1.0, 1.0, 0.9, 0.9, 0.8, 1.0]       # one round has no evaluation
    rows = [{'evaluation/success_rate': str(value), 'evaluation/probe_accuracy': '0.99' if value else ''} for value in success]
    reached = {'reached': {'round': 1}}
    assert seeds.afterwards(reached, rows) == {'least_success': 0.92, 'least_accuracy': 0.99}
    nothing = {'least_success': None, 'least_accuracy': None}
    assert seeds.afterwards(reached, rows[:5]) == seeds.afterwards({'reached': None}, rows) == seeds.afterwards(None, []) == nothing
