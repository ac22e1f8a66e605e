"""Rows of the loss window: how long an event that `flush` has not acknowledged can still die with its process.

Each death is repeated for each delay, the delays in turn. A row gives the share of lost events a delay, and as its
figure the shortest delay from which on none was lost, which is for docs/design.md and no budget.
"""

from pathlib import Path

from . import figures
from .children import Bench, progress

DELAYS_MS = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10)
DEATHS = {"_exit": 0, "SIGKILL": -9, "SIGTERM": -15}
"""How a process may die without its interpreter's exit handlers, and the return code that its parent then sees."""


def window(bench: Bench) -> list[figures.Row]:
    """Each death at each delay, for the event that starts the thread and for a later one."""
    rounds = bench.times(40, 10)
    rows = []
    for position in ("first", "later"):
        for death in DEATHS:
            lost = dict.fromkeys(DELAYS_MS, 0)
            for _ in range(rounds):
                for delay in DELAYS_MS:
                    lost[delay] += not _survived(bench, death, delay, position)
            rows.append(_row(f"{death} after the {position} event", lost, rounds))
        progress(f"  loss: {position} event done")
    return rows


def _survived(bench: Bench, death: str, delay: float, position: str) -> bool:
    data_dir = bench.data_dir()
    code = bench.status("dying.py", data_dir, death, delay, position)
    if code != DEATHS[death]:
        raise RuntimeError(f"died of {code}, not of {death}")
    return any('"event":"last"' in line for line in _lines(data_dir))


def _lines(data_dir: Path) -> list[str]:
    """The log's lines. A half line would be a finding of its own: the log promises one write of whole lines."""
    text = "".join(file.read_text(encoding="utf-8") for file in data_dir.glob("usage*.jsonl"))
    if text and not text.endswith("\n"):
        raise RuntimeError(f"half a line on the log in {data_dir}: {text!r}")
    return text.splitlines()


def _row(what: str, lost: dict[float, int], rounds: int) -> figures.Row:
    safe = next((delay for delay in DELAYS_MS if not any(lost[later] for later in DELAYS_MS if later >= delay)), None)
    shares = ", ".join(f"{delay:g} ms: {count}" for delay, count in lost.items())
    figure = float("inf") if safe is None else safe
    note = f"lost of {rounds}: {shares}"
    return figures.Row("loss", what, "ms", figure, figure, figure, rounds * len(DELAYS_MS), note=note)
