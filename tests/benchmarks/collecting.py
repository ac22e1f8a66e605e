"""Rows of the collector: what one of it takes a second, and that nothing of it is lost or doubled.

The collector is a process of its own, and the load comes from another one: on a machine of two cores each has one. A
rate counts requests that were answered, repeats among them; after each pass the files are counted, id by id.
"""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path

from . import figures
from .children import Bench

REQUESTS, EVENTS = 1_000.0, 20_000.0  # a second: the budgets
_BATCH = 500


def collecting(bench: Bench) -> list[figures.Row]:
    """One event a request, by two formats, and batches by three."""
    rows = []
    lost = doubled = 0
    cpu: list[float] = []
    for form, records, budget in (
        ("beacon", 1, REQUESTS),
        ("json", 1, REQUESTS),
        ("json", _BATCH, EVENTS),
        ("otlp", _BATCH, EVENTS),
        ("posthog", _BATCH, EVENTS),
    ):
        rates = []
        number = bench.times(10_000, 3_000) if records == 1 else bench.times(400, 100)
        for _ in range(bench.times(7, 3)):
            rate, ids, spent = _pass(bench, form, number, records)
            rates.append(rate)
            cpu.append(spent)
            lost += number * records - len(ids)
            doubled += ids.total() - len(ids)
        what = f"{form}, one event a request" if records == 1 else f"{form}, {records} events a request"
        unit = "requests/s" if records == 1 else "events/s"
        note = f"{min(cpu[-len(rates) :]) * 1e6:.0f} us of the collector's CPU each, in the best pass"
        rows.append(figures.row("collector", what, unit, rates, budget=budget, at_least=True, note=note))
    rows.append(figures.Row("collector", "lost of all these", "events", lost, lost, lost, 1, 0))
    rows.append(figures.Row("collector", "doubled of all these", "events", doubled, doubled, doubled, 1, 0))
    return rows


def _pass(bench: Bench, form: str, number: int, records: int) -> tuple[float, Counter[str], float]:
    """Events a second, how often each id is in the files, and CPU seconds of the collector for each event sent."""
    out = bench.data_dir(None)
    command = [str(bench.python), "-I", "-m", "discreet", "collect", "--port", "0", "--out", str(out)]
    with subprocess.Popen(command, env=bench.environment(), stdout=subprocess.PIPE, text=True) as collector:
        assert collector.stdout
        port = collector.stdout.readline().split()[2].rstrip(",").rpartition(":")[2]
        before = _cpu(collector.pid)
        seconds, sent, refused = bench.numbers("load.py", port, form, number, records, 4)
        spent = _cpu(collector.pid) - before
        collector.send_signal(signal.SIGTERM)
    if refused or collector.returncode:
        raise RuntimeError(f"{refused:.0f} requests refused, exit status {collector.returncode}")
    ids = Counter(json.loads(line)["id"] for file in out.glob("*.jsonl") for line in file.open(encoding="utf-8"))
    return sent * records / seconds, ids, spent / (sent * records)


def _cpu(pid: int) -> float:
    """Seconds of CPU a process has used (proc(5), fields 14 and 15; a tick is a hundredth of a second)."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100
