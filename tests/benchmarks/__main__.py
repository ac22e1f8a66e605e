"""`python -m tests.benchmarks [--quick] [--only NAME] [--json FILE]`: run the rows and print the table."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import (
    arrivals,
    beside,
    calls,
    collecting,
    exits,
    figures,
    footprint,
    loss,
    machine,
    reading,
    startup,
    throughput,
)
from .children import Bench, progress
from .installed import install

BENCHMARKS: dict[str, Callable[[Bench], list[figures.Row]]] = {
    "import": startup.imports,
    "modules": startup.modules,
    "off-call": calls.off,
    "disabled": startup.disabled,
    "enabled": startup.enabled,
    "call": calls.on,
    "throughput": throughput.flood,
    "memory": footprint.memory,
    "size": footprint.size,
    "loss": loss.window,
    "exit": exits.exits,
    "arrivals": arrivals.arrivals,
    "beside": beside.beside,
    "collector": collecting.collecting,
    "report": reading.reading,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Always 0: a budget that does not hold is a finding, and a slow machine is none."""
    options = _parser().parse_args(arguments)
    chosen = options.only or list(BENCHMARKS)
    begun = time.monotonic()
    stolen, ticks = machine.stolen_ticks()
    facts = machine.facts()
    rows: list[figures.Row] = []
    with tempfile.TemporaryDirectory(prefix="discreet-bench-") as directory:
        progress("installing the checkout")
        bench = Bench(install(Path(directory) / "installed"), Path(directory), options.quick)
        for name in chosen:
            progress(name)
            rows += BENCHMARKS[name](bench)
    stolen_after, ticks_after = machine.stolen_ticks()
    facts["stolen by the hypervisor, %"] = round(100 * (stolen_after - stolen) / max(ticks_after - ticks, 1), 1)
    facts["seconds"] = round(time.monotonic() - begun)
    facts["settings"] = "quick" if options.quick else "full"
    print(figures.table(rows))
    print()
    print(*(f"{fact}: {value}" for fact, value in facts.items()), sep="\n")
    if options.json:
        content = {"machine": facts, "rows": [row.as_json() for row in rows]}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description="Measure the budgets of the design.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: a minute or two, wider intervals")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows and the machine's facts there, too")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
