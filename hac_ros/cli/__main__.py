"""`python -m hac_ros.cli`."""
import sys

from hac_ros.cli import main

sys.exit(main())
