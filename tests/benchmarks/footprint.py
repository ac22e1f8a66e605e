"""Rows of the space: memory of a host that is on, and what the installation takes on the disk."""

from . import figures
from .children import Bench, Pairs
from .installed import kib, package

MEMORY_BUDGET = 1.5  # MiB
SIZE_BUDGET = 400.0  # KiB


def memory(bench: Bench) -> list[figures.Row]:
    """Resident memory at the end of a host, with and without, in pairs; after one event and after many."""
    rows = []
    for what, events, budget in (("one event", 1, MEMORY_BUDGET), ("5,000 events in a burst", 5_000, None)):
        resident, peak = Pairs(), Pairs()
        for _ in range(bench.times(40, 10)):
            bare = bench.numbers("memory.py", 0, "")
            ours = bench.numbers("memory.py", events, bench.data_dir())
            resident.add(bare[0] / 1024, ours[0] / 1024)
            peak.add(bare[1] / 1024, ours[1] / 1024)
        rows.append(resident.difference("memory", f"resident, {what}", "MiB", budget))
        rows.append(peak.difference("memory", f"peak, {what}", "MiB", budget))
    return rows


def size(bench: Bench) -> list[figures.Row]:
    """The installed files, in bytes as listed: the sources, which the budget means, and the compiled ones."""
    directory = package(bench.python)
    files = [file for file in directory.rglob("*") if file.is_file()]
    metadata = [file for info in directory.parent.glob("discreet-*.dist-info") for file in info.rglob("*")]
    sources = [file for file in files if file.suffix != ".pyc"]
    rows = []
    for what, counted, budget in (
        ("installed, without .pyc", sources, SIZE_BUDGET),
        ("installed, with .pyc and metadata", files + [file for file in metadata if file.is_file()], None),
    ):
        amount = kib(counted)
        rows.append(figures.Row("size", what, "KiB", amount, amount, amount, len(counted), budget))
    return rows
