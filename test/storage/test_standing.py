"""Claims about which policy is kept, and which success is confirmed by fresh episodes."""
import math

import pytest

from hac_ros.standing import Standing, wants_confirmation

AIM = 0.95


def standing(success: float, confirmed: float = math.nan, version: int = 8, distance: float = 0.02) -> Standing:
    return Standing(version, success, confirmed, distance)


@pytest.mark.parametrize('better, worse', [
    (standing(0.95, 0.951), standing(0.94)),
    (standing(0.95, 0.951), standing(0.99, 0.949)),        # confirmed, against a success that fresh episodes refuted
    (standing(0.93, 0.95), standing(0.94, distance=0.0)),
    (standing(0.96, 0.96), standing(0.99, 0.955)),
    (standing(0.90), standing(0.89, distance=0.0)),
    (standing(0.96, 0.96, distance=0.01), standing(0.96, 0.96)),
])
def test_a_confirmed_aim_ranks_first_then_success_then_distance(better, worse):
    assert better.rank(AIM) > worse.rank(AIM)


def test_what_is_no_worse_is_kept_in_place_of_the_best():
    best = standing(0.94)
    assert best.holds_against(None, AIM) and standing(0.94).holds_against(best, AIM)
    assert standing(0.95).holds_against(best, AIM) and not standing(0.93).holds_against(best, AIM)


def test_a_success_below_the_aim_is_not_confirmed():
    assert not wants_confirmation(None, 8, 0.949, AIM)


@pytest.mark.parametrize('best', [None, standing(0.94), standing(0.99, 0.949)])
def test_every_success_at_the_aim_is_confirmed_until_one_was(best):
    assert wants_confirmation(best, 12, 0.95, AIM)


def test_after_a_confirmation_only_what_seems_better_is_confirmed():
    best = standing(0.97, 0.966)
    assert wants_confirmation(best, 12, 0.97, AIM) and not wants_confirmation(best, 12, 0.96, AIM)


@pytest.mark.parametrize('success, confirmed', [(1.0, 1.0), (0.96, 0.966)])
def test_a_version_that_was_confirmed_before_its_process_ended_is_confirmed_again(success, confirmed):
    assert wants_confirmation(standing(success, confirmed, version=8), 8, success, AIM)


def test_a_lower_aim_after_a_resume_is_confirmed_though_a_greater_success_was_seen():
    best = standing(0.94)
    assert wants_confirmation(best, 12, 0.93, 0.90)
    assert standing(0.93, 0.92).rank(0.90) > best.rank(0.90)


def test_a_report_without_a_confirmation_says_none():
    found = Standing.of_report({'round': 4, 'success_rate': 0.5, 'confirmed': None, 'mean_final_distance': 0.1})
    assert found == Standing(4, 0.5, found.confirmed, 0.1) and math.isnan(found.confirmed)
