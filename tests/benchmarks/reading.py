"""Rows of the report: a large log read to its figures, beside `json.loads` of the same lines."""

from . import figures
from .children import Bench, Pairs, in_turn

RATIO_BUDGET = 1.5  # times the seconds of json.loads, line by line
MEMORY_BUDGET = 100.0  # MiB, resident at most


def reading(bench: Bench) -> list[figures.Row]:
    """One log, read in turn by both, each in a fresh interpreter."""
    records = bench.times(1_000_000, 200_000)
    log = bench.scratch / "large.jsonl"
    bench.output("reading.py", "make", log, records)
    pairs = Pairs()
    peaks: list[float] = []
    for turn in range(bench.times(7, 5)):
        bare, ours = in_turn(
            turn,
            lambda: bench.numbers("reading.py", "loads", log),
            lambda: bench.numbers("reading.py", "report", log),
        )
        pairs.add(bare[0] * 1000, ours[0] * 1000)
        peaks.append(ours[1] / 1024)
    log.unlink()
    what = f"{records:,} records"
    return [
        pairs.ratio("report", f"{what}, against json.loads", RATIO_BUDGET),
        figures.row("report", f"{what}, most memory", "MiB", peaks, budget=MEMORY_BUDGET),
    ]
