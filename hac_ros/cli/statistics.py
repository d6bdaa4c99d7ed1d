"""`hac statistics REQUEST run:=NAME`: asks the normalizer of a running training, where there is no `ros2 service call`."""
import argparse
import os
import time

import rclpy

from hac_ros import topics
from hac_ros.cli import Parser, Refused, key_values
from hac_ros.cli.evaluate import number
from hac_ros.launching.launch_file import Argument
from hac_ros.run_folder import RunFolder
from std_srvs.srv import SetBool, Trigger

ARGUMENTS = {argument.name: argument for argument in (
    Argument('run', '', 'Name of the run', ()),
    Argument('limit', '20', 'Longest time to wait for the normalizer, and for its answer [s]', ()),
)}
REQUESTS = {
    'freeze': (topics.FREEZE, SetBool.Request(data=True), 'hold the statistics as they are'),
    'unfreeze': (topics.FREEZE, SetBool.Request(data=False), 'go on with all that has come'),
    'save': (topics.SAVE, Trigger.Request(), "write the newest version to the run's statistics.json"),
    'load': (topics.LOAD, Trigger.Request(), "go on from the run's statistics.json"),
    'reset': (topics.RESET_STATISTICS, Trigger.Request(), 'begin again at count 0'),
}


def run(words: list[str]) -> int:
    """Run the verb; the exit status is 1 if the normalizer refuses."""
    parser = Parser(prog='hac statistics', description='Change the running statistics of a training that goes on.',
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    epilog='requests:\n' + ''.join(f'  {name:<10} {text}\n' for name, (*_, text) in REQUESTS.items()) +
                           '\narguments:\n' + key_values.table(ARGUMENTS))
    parser.add_argument('request', choices=REQUESTS, metavar='request')
    parser.add_argument('arguments', nargs='*', metavar='key:=value')
    options = parser.parse_intermixed_args(words)
    given = key_values.read(options.arguments, ARGUMENTS)
    if not given.get('run'):
        raise Refused('run:= did not come: the name of a run is wanted, such as run:=reach')
    service, request, _ = REQUESTS[options.request]
    name = RunFolder('', given['run']).run
    answer = ask(service, name, request, number('limit', given.get('limit', ARGUMENTS['limit'].default), 1))
    print(answer.message)
    return 0 if answer.success else 1


def ask(service: topics.Topic, run: str, request, limit: int):
    """Return the answer of the normalizer of ``run``. Raises TimeoutError where none comes."""
    end = time.monotonic() + limit
    rclpy.init(args=[])     # it would read our key:=value as rules that rename topics
    try:
        node = rclpy.create_node(f'statistics_{os.getpid()}')
        client = node.create_client(service.type, service.path(run))
        if client.wait_for_service(limit):
            future = client.call_async(request)
            rclpy.spin_until_future_complete(node, future, timeout_sec=max(0.1, end - time.monotonic()))
            if future.done():
                return future.result()
    finally:
        rclpy.try_shutdown()
    raise TimeoutError(f'no normalizer of a run {run} has answered within {limit} s: does it run, in this ROS_DOMAIN_ID?')
