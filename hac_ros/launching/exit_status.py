"""Exit statuses by which a node's process tells whoever started it why it ended."""
REFUSED = 2        # a setting or a run was refused: the next try would be, too
FAILED = 1         # a disk took no more, or anything else
