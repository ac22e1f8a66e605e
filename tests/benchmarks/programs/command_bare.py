"""A command without telemetry: the other half of every pair. It takes the same argument."""

import sys

data_dir = sys.argv[1] or None
answer = sum(range(1000))
