"""What stands between a policy and the arm: limits, watchdog, admission of subgoals. numpy only."""
