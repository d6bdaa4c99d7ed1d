"""Names that are owned in a ROS domain."""
import pytest

from hac_ros import domain_names
from hac_ros.run_folder import RunInUse


def test_a_name_has_one_owner_in_a_domain_until_it_is_given_back(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', '77')
    with domain_names.claim('names_test.planner'):
        with pytest.raises(RunInUse, match='names_test.planner is at work already in ROS domain 77'):
            domain_names.claim('names_test.planner')
        domain_names.claim('names_test.controller').close()
        monkeypatch.setenv('ROS_DOMAIN_ID', '78')
        domain_names.claim('names_test.planner').close()
    monkeypatch.setenv('ROS_DOMAIN_ID', '77')
    domain_names.claim('names_test.planner').close()
