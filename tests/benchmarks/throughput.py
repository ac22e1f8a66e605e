"""Rows of the flood: events a second from one thread to the disk, beside what a host would use instead.

Every program checks its own file before it prints a figure: a fast row is never a row that lost something.
"""

from . import figures
from .children import Bench
from .peers import Peers

BUDGET = 120_000.0  # events a second, accepted and on the log

OURS = {
    "three numbers": ("three", "rotated", BUDGET),
    "six numbers": ("six", "rotated", BUDGET),
    "six declared fields": ("declared", "rotated", None),
    "three numbers, log not rotated": ("three", "whole", None),
}
PEERS = {
    "plain": "open, append, close",
    "logging": "logging, QueueHandler to a file",
    "structlog": "structlog to a file",
    "loguru": "loguru to a file, enqueued",
}


def flood(bench: Bench) -> list[figures.Row]:
    """Our variants and the peers in turn."""
    installed = Peers(bench.scratch / "loggers", "structlog", "loguru")
    events, peer_events = bench.times(300_000, 100_000), bench.times(50_000, 20_000)
    ours: dict[str, list[float]] = {what: [] for what in OURS}
    peers: dict[str, list[float]] = {peer: [] for peer in PEERS if installed.has(peer)}
    for _ in range(bench.times(7, 3)):
        for what, (size, rotation, _) in OURS.items():
            _, seconds = bench.numbers("flood.py", events, size, rotation, bench.data_dir())
            ours[what].append(events / seconds)
        for peer, rates in peers.items():
            file = bench.data_dir() / "peer.log"
            (seconds,) = bench.numbers("flood_peer.py", peer, peer_events, file, python=installed.python)
            rates.append(peer_events / seconds)
    rows = []
    for what, rates in ours.items():
        budget = OURS[what][2]
        rows.append(figures.row("throughput", what, "events/s", rates, budget=budget, at_least=True))
    for peer, rates in peers.items():
        rows.append(figures.row("throughput", f"peer: {PEERS[peer]}", "events/s", rates))
    rows += [
        figures.Row("throughput", f"peer: {peer}", "events/s", 0, 0, 0, 0, note=f"not measured: {why}")
        for peer, why in installed.missing.items()
    ]
    return rows
