"""A lifecycle node that goes on when it is asked for what is not possible now, and tells why a transition failed."""
import functools

from rclpy._rclpy_pybind11 import RCLError
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn


def told(transition):
    """Log what ``transition``, a method of a ManagedNode, raises: rclpy says nothing of it."""
    @functools.wraps(transition)
    def wrapped(node, state):
        try:
            return transition(node, state)
        except Exception as error:
            node.get_logger().error(f'{transition.__name__}: {error!r}')
            raise
    return wrapped


class ManagedNode(LifecycleNode):
    """A LifecycleNode that refuses a transition which its state has not.

    rclpy of Jazzy (lifecycle/node.py) lets the RCLError of such a request leave its service, which ends the process: whoever
    activates a bridge twice would end it while the arm moves. Where rclpy names its method otherwise, its own behaviour holds.
    """

    def _LifecycleNodeMixin__change_state(self, transition_id):
        try:
            return super()._LifecycleNodeMixin__change_state(transition_id)
        except RCLError as error:
            label = self._state_machine.current_state[1]
            self.get_logger().error(f'transition {transition_id} came, which there is none from state {label!r}: {error}')
            return TransitionCallbackReturn.FAILURE
