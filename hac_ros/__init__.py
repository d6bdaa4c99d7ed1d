"""Hierarchical Actor-Critic for the Fetch arm, as ROS 2 nodes.

Importing this package costs nothing: it loads neither ROS nor torch nor MuJoCo.
"""

from pkgutil import extend_path

__version__ = '0.1.0'

# The build installs the generated hac_ros.msg beside an installed copy of these modules.
# Run from the source tree, this package would hide it; an extended path finds both.
__path__ = extend_path(__path__, __name__)
