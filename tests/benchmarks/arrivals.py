"""Rows of the arrivals: of so many short commands with one event each, how many events reach the server, and how often.

Ours and the peers in turn, each with a server of its own 100 ms away (see receiver.py for what that means): once up
all the time, once refusing connections for the first half. Wall time is that of the command over a bare one of the same
round. What a command leaves behind is waited for before the next begins, but for `back to back`, where ours runs alone
and its commands follow one another as fast as they end.
"""

import contextlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import detached, figures
from .children import Bench, progress
from .installed import package
from .peers import Peers
from .receiver import Manner, Receiver, json_ids
from .tools import OURS, SENDING

AWAY_SECONDS = 0.1
_BACKOFF_SECONDS = 900.0  # the longest that a further run waits for our own backoff
_SETTLE_SECONDS = 1.0  # for answers that are under way when the last command has ended
# The others are in beside.py: some of them wait minutes for a server that is down.
TOOLS = {name: SENDING[name] for name in (OURS, "posthog", "opentelemetry", "daemon-thread recipe")}


@dataclass
class Sender:
    """One tool in one scenario: its server, and what its commands took."""

    bench: Bench
    name: str
    python: Path
    server: Receiver
    data_dir: Path
    extra: list[float] = field(default_factory=list)
    printed: list[int] = field(default_factory=list)
    further: str = ""

    def run(self, number: int) -> float:
        """One command; its milliseconds."""
        arguments = ("command", self.name, self.server.origin, number, self.data_dir, "on")
        command = self.bench.command("peer.py", *arguments, python=self.python)
        sample = detached.run(command, self.bench.environment(), self.bench.scratch / "stderr")
        self.printed.append(sample.printed)
        return sample.ended

    def rows(self, scenario: str, commands: int, note: str = "") -> list[figures.Row]:
        """How many arrived, how many twice, at what cost."""
        arrived = len(set(self.server.ids))
        doubled = len(self.server.ids) - arrived
        ours = self.name == OURS
        notes = [
            f"of {commands}",
            self.further,
            f"{self.server.abandoned} connections given up before they stood" if self.server.abandoned else "",
            f"{max(self.printed):,} bytes on stderr at most" if any(self.printed) else "",
            note,
        ]
        text = "; ".join(part for part in notes if part)
        what = f"{scenario}: {self.name}"
        rows = [
            _count(f"{what}, arrived", arrived, commands if ours else None, text, at_least=True),
            _count(f"{what}, doubled", doubled, 0 if ours else None),
        ]
        if self.extra:
            rows.append(figures.row("arrivals", f"{what}, command over the bare one", "ms", self.extra))
        return rows


def arrivals(bench: Bench) -> list[figures.Row]:
    """Both scenarios with everybody, and ours back to back."""
    commands = bench.times(50, 10)
    packages = [name for tool in TOOLS.values() for name in tool.packages]
    progress("  arrivals: installing the peers")
    peers = Peers(bench.scratch / "peers", *packages)
    rows = []
    with detached.adopting():
        rows += _scenario(bench, peers, "100 ms away", commands, 0)
        rows += _scenario(bench, peers, f"down for the first {commands // 2}", commands, commands // 2)
    rows += _back_to_back(bench, commands)
    for name, tool in TOOLS.items():
        if not peers.has(*tool.packages):
            note = f"not measured: {peers.why(*tool.packages)}"
            rows.append(figures.Row("arrivals", name, "events", 0, 0, 0, 0, note=note))
    return rows


def _scenario(bench: Bench, peers: Peers, scenario: str, commands: int, down: int) -> list[figures.Row]:
    with contextlib.ExitStack() as stack:
        senders = [
            _sender(bench, stack, name, bench.python if name == OURS else peers.python)
            for name, tool in TOOLS.items()
            if peers.has(*tool.packages)
        ]
        bare = _sender(bench, stack, "bare", bench.python)
        for number in range(commands):
            if number == down:
                for sender in senders:
                    sender.server.open()
            _round(number, bare, senders)
            if number % 5 == 4:
                progress(f"  arrivals: {scenario}, {number + 1} rounds")
        time.sleep(_SETTLE_SECONDS)
        rows = []
        for sender in senders:
            if sender.name == OURS:
                _further(sender, commands)
            versions = peers.versions(*TOOLS[sender.name].packages)
            rows += sender.rows(scenario, commands, versions)
    return rows


def _round(number: int, bare: Sender, senders: list[Sender]) -> None:
    """Everybody once, beginning with another one each time."""
    everybody = [bare, *senders]
    first = number % len(everybody)
    walls = {sender.name: sender.run(number) for sender in everybody[first:] + everybody[:first]}
    for sender in senders:
        sender.extra.append(walls[sender.name] - walls[bare.name])


def _back_to_back(bench: Bench, commands: int) -> list[figures.Row]:
    """Ours alone. Its children are nobody's here, as in life: a dead one must not look alive to the next command."""
    with contextlib.ExitStack() as stack:
        sender = _sender(bench, stack, OURS, bench.python)
        sender.server.open()
        for number in range(commands):
            sender.run(number)
        children = str(package(bench.python) / "sending" / "child.py")
        detached.wait_for(children)
        _further(sender, commands)
        detached.wait_for(children)
        return sender.rows("back to back", commands)


def _sender(bench: Bench, stack: contextlib.ExitStack, name: str, python: Path) -> Sender:
    server = Receiver(Manner(away=AWAY_SECONDS), TOOLS[name].decode if name in TOOLS else json_ids)
    stack.callback(server.close)
    return Sender(bench, name, python, server, bench.data_dir())


def _further(sender: Sender, commands: int) -> None:
    """One further run where events are missing, once our own backoff has passed. Its own event does not count.

    Raises `RuntimeError` if the log does not hold one event a command, or something else arrived than is on the log.
    """
    logged = _logged(sender.data_dir)
    if len(logged) != commands:
        raise RuntimeError(f"{len(logged)} of {commands} events on the log")
    arrived = len(set(sender.server.ids))
    if arrived < commands:
        wait = _backoff_seconds(sender.data_dir)
        progress(f"  arrivals: {arrived} of {commands} so far, a further run in {wait:.0f} s")
        time.sleep(wait)
        sender.run(commands)
        detached.wait_for(str(package(sender.bench.python) / "sending" / "child.py"))
        sender.further = f"{arrived} after the last command, the rest by one further run {wait:.0f} s later"
        extra = set(_logged(sender.data_dir)) - set(logged)
        sender.server.ids[:] = [found for found in sender.server.ids if found not in extra]
    if not set(sender.server.ids) <= set(logged):
        raise RuntimeError("an event arrived that is not on the log")


def _logged(data_dir: Path) -> list[str]:
    return [json.loads(line)["id"] for file in data_dir.glob("usage*.jsonl") for line in file.open(encoding="utf-8")]


def _backoff_seconds(data_dir: Path) -> float:
    """Until the one destination may be tried again: the second word of its plan in delivery.json, a time."""
    plan = json.loads((data_dir / "delivery.json").read_text(encoding="ascii"))["plan"]
    return min(max(float(plan.split(" ")[1]) + 1 - time.time(), 0.0), _BACKOFF_SECONDS)


def _count(what: str, number: int, budget: float | None, note: str = "", *, at_least: bool = False) -> figures.Row:
    return figures.Row("arrivals", what, "events", number, number, number, 1, budget, at_least=at_least, note=note)
