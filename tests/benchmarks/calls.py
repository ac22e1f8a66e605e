"""Rows of the call: what one `track` costs the thread that makes it.

Off, it is a difference of nanoseconds to an empty function, loop against loop; on, a distribution, because the daemon
thread writes at the same time and now and then holds the interpreter.
"""

from . import figures
from .children import Bench

DISABLED_BUDGET = 80.0  # nanoseconds over an empty call
MEDIAN_BUDGET = 8.0  # microseconds
P99_BUDGET = 60.0


def off(bench: Bench) -> list[figures.Row]:
    """The disabled call, with its facts as a mapping and as keywords."""
    processes, pairs, loop = bench.times(10, 4), bench.times(50, 15), 2_000
    rows = []
    for how in ("mapping", "keywords"):
        numbers: list[float] = []
        for _ in range(processes):
            numbers += bench.numbers("disabled_call.py", pairs, loop, bench.data_dir(None), how)
        empty, track = numbers[0::2], numbers[1::2]
        net = [ours - bare for bare, ours in zip(empty, track, strict=True)]
        note = f"empty call {figures.percentile(empty, 0.5):.0f} ns; loops of {loop} in {processes} processes"
        rows.append(figures.row("off-call", f"disabled track, {how}", "ns", net, budget=DISABLED_BUDGET, note=note))
    return rows


def on(bench: Bench) -> list[figures.Row]:
    """The enabled call of six declared fields: back to back, and one a millisecond for information.

    The budget judges the median process: each process gives one median and one 99th percentile.
    """
    rows = []
    for pace, pause, calls, processes in (
        ("back to back", 0, 5_000, bench.times(30, 8)),
        ("one a ms", 1, bench.times(1_000, 300), bench.times(10, 3)),
    ):
        runs = [bench.numbers("enabled_call.py", calls, pause, bench.data_dir()) for _ in range(processes)]
        first, median, p99, worst, yardstick = zip(*runs, strict=True)
        judged = not pause
        note = f"json.dumps of the same facts: {figures.percentile(yardstick, 0.5):.2f} us" if judged else ""
        rows += [
            figures.row(
                "call", f"track, {pace}, median", "us", median, budget=MEDIAN_BUDGET if judged else None, note=note
            ),
            figures.row("call", f"track, {pace}, p99", "us", p99, budget=P99_BUDGET if judged else None),
            figures.row("call", f"track, {pace}, worst", "us", worst),
            figures.row("call", f"track, {pace}, the first", "us", first),
        ]
    return rows
