"""`python -m tests.benchmarks.picture ROWS.json [--svg FILE]`: the rows side by side, as Markdown and as a picture.

ROWS.json is what `python -m tests.benchmarks --only beside --json ROWS.json` wrote.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from .figures import short
from .tools import KEEPING, SENDING

Rows = dict[tuple[str, str], dict[str, object]]
EVERYBODY = (*SENDING, *KEEPING)
_DRAWN = {"off": "o", "answers at once": "s", "100 ms away": "D", "refuses": "v", "is silent": "X"}
_LEAST = 0.3  # milliseconds: what is less is drawn there, for a logarithm has no room for it


def rows_of(file: Path) -> tuple[Rows, dict[str, float]]:
    """The rows by what was measured and for whom, and the limits."""
    found: Rows = {}
    limits = {}
    for row in json.loads(file.read_text(encoding="utf-8"))["rows"]:
        if row["benchmark"] != "beside":
            continue
        what, _, name = row["what"].rpartition(": ")
        if what == "limit":
            limits[name] = row["value"]
        else:
            found[what, name] = row
    return found, limits


def markdown(rows: Rows) -> Iterator[str]:
    """A line for each thing measured, a column for each tool: medians, and how many events arrived."""
    names = [name for name in EVERYBODY if any(name == found for _, found in rows)]
    yield "| | " + " | ".join(names) + " |"
    yield "|---|" + "--:|" * len(names)
    for what in dict.fromkeys(what for what, _ in rows):
        unit = next(row["unit"] for (found, _), row in rows.items() if found == what)
        yield f"| {what}, {unit} | " + " | ".join(_cell(rows.get((what, name))) for name in names) + " |"


def _cell(row: dict[str, object] | None) -> str:
    if row is None or not row["n"]:
        return ""
    note = str(row["note"])
    arrived = note.partition(" arrived")[0] if " arrived" in note else ""
    marks = ("†" if "command itself failed" in note else "") + ("‡" if "killed" in note else "")
    return short(float(str(row["value"]))) + marks + (f" ({arrived})" if arrived else "")


def draw(rows: Rows, limits: dict[str, float], file: Path) -> None:
    """What a command costs, a line for each tool, as SVG: the same figures are the same bytes."""
    import matplotlib as mpl  # of the extra `bench`, and only for this

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "discreet", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    names = [name for name in EVERYBODY if ("command, off", name) in rows]
    places = range(len(names), 0, -1)
    figure, axes = plt.subplots(figsize=(9, 4))
    for what, marker in _DRAWN.items():
        values = [max(float(str(rows[f"command, {what}", name]["value"])), _LEAST) for name in names]
        axes.scatter(values, places, marker=marker, s=36, label=what, zorder=3)
    axes.axvline(limits["import threading"], color="grey", linewidth=0.8, label="import threading")
    axes.set(xscale="log", xlim=(_LEAST * 0.8, 30_000), yticks=list(places), yticklabels=names)
    axes.set(xlabel="milliseconds over the bare command", title="One command with one event")
    axes.set_xticks([1, 10, 100, 1_000, 10_000], ["1", "10", "100", "1,000", "10,000"])
    axes.grid(axis="x", linewidth=0.4)
    axes.legend(loc="lower right", fontsize="small")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    """Print the table, and draw where it is asked for."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.picture", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the whole commands (needs matplotlib)")
    options = parser.parse_args()
    rows, limits = rows_of(options.rows)
    print(*markdown(rows), sep="\n")
    if options.svg:
        draw(rows, limits, options.svg)


if __name__ == "__main__":
    main()
