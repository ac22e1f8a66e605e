"""What discreet costs its host, measured against the budgets of the design.

Run from a checkout with `python -m tests.benchmarks`. Every figure is a ratio or a difference of two things measured
in turn in the same run, because the speed of a machine changes by a third between two runs and hardly at all between
two neighbours. Nothing here is a test: a row over its budget is printed as such, and the exit status stays 0.

    figures.py      arithmetic: medians, paired differences, rows, the table
    installed.py    a virtual environment with the package as a user gets it: by pip, compiled, not editable
    machine.py      the machine: what a reader needs to know before comparing figures
    children.py     fresh interpreters in a clean environment, timed from outside
    startup.py      rows of the process: import, modules, whole commands
    calls.py        rows of the call: track, disabled and enabled
    throughput.py   rows of the flood, beside its peers
    footprint.py    rows of the space: memory, installed size
    loss.py         how soon after track a violent death no longer loses the event
    exits.py        rows of the exit: delivery beside log only, for networks of every kind
    arrivals.py     rows of the arrivals: whose events reach the server, beside the peers
    beside.py       rows side by side: ours and the peers, for everything, in one run
    tools.py        who that is
    picture.py      the rows side by side as a table of Markdown and as a picture
    collecting.py   rows of the collector: what it takes a second, and that nothing is lost or doubled
    reading.py      rows of the report: a large log beside `json.loads` of its lines, and the memory for that
    detached.py     a command and the child it leaves behind, timed and waited for
    receiver.py     servers on loopback: far away, slow, broken, down
    peers.py        the peers, from the package index, in an environment of their own
    simulation.py   a program of its own: a million installations for three days
    programs/       the scripts these rows run, each a small host
"""
