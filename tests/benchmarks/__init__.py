"""What discreet costs its host, measured against the budgets of the design.

Run from a checkout with `python -m tests.benchmarks`. Every figure is a ratio or a difference of two things measured
in turn in the same run, because the speed of a machine changes by a third between two runs and hardly at all between
two neighbours. Nothing here is a test: a row over its budget is printed as such, and the exit status stays 0.

    figures.py      arithmetic: medians, paired differences, rows, the table
    installed.py    a virtual environment with the package as a user gets it: by pip, compiled, not editable
    children.py     fresh interpreters in a clean environment, timed from outside
    startup.py      rows of the process: import, modules, whole commands
    calls.py        rows of the call: track, disabled and enabled
    throughput.py   rows of the flood, beside its peers
    footprint.py    rows of the space: memory, installed size
    loss.py         how soon after track a violent death no longer loses the event
    programs/       the scripts these rows run, each a small host
"""
