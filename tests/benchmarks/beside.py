"""Rows side by side: what ours and its peers cost one command, in turn in the same run, over the bare command.

Import and setting up, the call on and off, the command for every kind of server, memory and the size on the disk. Each
command works for 30 ms, sends one event and ends as its library pleases; one that has not ended after twenty seconds is
killed, and counted as that. `import threading`, `json.dumps` and an append are the limits to look at: nobody is below.
"""

import contextlib
import signal
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import detached, figures
from .children import Bench, progress
from .exits import AWAY_SECONDS, SLOW_SECONDS, authority
from .installed import kib, package
from .peers import Peers
from .receiver import Manner, Receiver, json_ids
from .tools import APPEND, KEEPING, LOG_ONLY, OURS, SENDING

LONGEST_SECONDS = 20.0
BARE = "bare"
_NOWHERE = "http://127.0.0.1:9"  # for those who are off, or are only set up
_SYNCHRONOUS = ("scarf",)  # each call is a request: fewer of them


def servers(tls: ssl.SSLContext) -> dict[str, Manner | None]:
    """The kinds of server; None is a port where nobody listens."""
    return {
        "answers at once": Manner(),
        f"{AWAY_SECONDS * 1e3:.0f} ms away": Manner(away=AWAY_SECONDS),
        f"answers after {SLOW_SECONDS * 1e3:.0f} ms": Manner(slow=SLOW_SECONDS),
        "answers 500": Manner(status=500),
        "refuses": None,
        "is silent": Manner(silent=True),
        f"TLS, {AWAY_SECONDS * 1e3:.0f} ms away": Manner(away=AWAY_SECONDS, tls=tls),
    }


@dataclass
class Field:
    """All who run, and how: the interpreter of each, and what it takes to believe the server's certificate."""

    bench: Bench
    peers: Peers
    bundle: Path
    names: list[str]
    logs: dict[tuple[str, str], Path] = field(default_factory=dict)

    def python(self, name: str) -> Path:
        """The interpreter that has what this one needs; the others live in an environment with all of them."""
        return self.peers.python if name in SENDING and SENDING[name].packages else self.bench.python

    def arguments(self, what: str, name: str, origin: str, number: int, switch: str) -> tuple[object, ...]:
        """Of programs/peer.py. Each has one data directory for all of its commands to one server, as in life."""
        data_dir = self.logs.setdefault((name, origin), self.bench.data_dir())
        return what, name, "" if name == LOG_ONLY else origin, number, data_dir, switch

    def numbers(self, what: str, name: str, number: int, origin: str = _NOWHERE, switch: str = "on") -> list[float]:
        """What the program prints."""
        arguments = self.arguments(what, name, origin, number, switch)
        return self.bench.numbers("peer.py", *arguments, python=self.python(name))

    def command(self, name: str, origin: str, number: int, switch: str = "on") -> detached.Sample:
        """One command, and what it left behind."""
        arguments = self.arguments("command", name, origin, number, switch)
        command = self.bench.command("peer.py", *arguments, python=self.python(name))
        trust = {"SSL_CERT_FILE": str(self.bundle), "REQUESTS_CA_BUNDLE": str(self.bundle)}
        environment = self.bench.environment(trust)
        return detached.run(command, environment, self.bench.scratch / "stderr", LONGEST_SECONDS)


def beside(bench: Bench) -> list[figures.Row]:
    """Everybody, for everything."""
    progress("  beside: installing the peers")
    peers = Peers(bench.scratch / "peers", "trustme", *(name for tool in SENDING.values() for name in tool.packages))
    if not peers.has("trustme"):
        note = f"not measured: {peers.why('trustme')}"
        return [figures.Row("beside", "everything", "ms", 0, 0, 0, 0, note=note)]
    missing = {name for name, tool in SENDING.items() if not peers.has(*tool.packages)}
    tls, bundle = authority(peers.python, bench.scratch)
    all_of_them = Field(bench, peers, bundle, [name for name in (*SENDING, *KEEPING) if name not in missing])
    rows = [
        figures.Row("beside", name, "ms", 0, 0, 0, 0, note=f"not measured: {peers.why(*SENDING[name].packages)}")
        for name in missing
    ]
    rows += _limits(bench)
    rows += _imports(all_of_them)
    rows += _calls(all_of_them)
    rows += _commands(all_of_them, "off", None, "off")
    for what, manner in servers(tls).items():
        rows += _commands(all_of_them, what, manner)
    rows += _memory(all_of_them)
    return [*rows, *_sizes(all_of_them)]


def _limits(bench: Bench) -> list[figures.Row]:
    """What nobody in Python is below."""
    threading = [bench.numbers("import_one.py", "threading")[0] for _ in range(bench.times(40, 10))]
    dumps = [bench.numbers("enabled_call.py", 2_000, 0, bench.data_dir())[-1] for _ in range(bench.times(10, 3))]
    return [
        figures.row("beside", "limit: import threading", "ms", threading),
        figures.row("beside", "limit: json.dumps of six facts", "us", dumps),
    ]


def _imports(everybody: Field) -> list[figures.Row]:
    found = _in_turn(everybody, everybody.bench.times(30, 6), lambda name: everybody.numbers("import", name, 0))
    return [figures.row("beside", f"import and set up: {name}", "ms", column[0]) for name, column in found]


def _calls(everybody: Field) -> list[figures.Row]:
    """On, against a server that answers at once; off, in a loop."""
    rows = []
    rounds = everybody.bench.times(10, 3)
    with contextlib.closing(Receiver(Manner(), lambda _: []).open()) as server:

        def call(name: str) -> list[float]:
            return everybody.numbers("call", name, 100 if name in _SYNCHRONOUS else 2_000, server.origin)

        for name, (median, p99) in _in_turn(everybody, rounds, call):
            rows.append(figures.row("beside", f"call, on, median: {name}", "us", median))
            rows.append(figures.row("beside", f"call, on, p99: {name}", "us", p99))
    found = _in_turn(everybody, rounds, lambda name: everybody.numbers("off-call", name, 2_000, switch="off"))
    return rows + [figures.row("beside", f"call, off: {name}", "ns", column[0]) for name, column in found]


def _commands(everybody: Field, what: str, manner: Manner | None, switch: str = "on") -> list[figures.Row]:
    """The command over the bare one of its round, how many of the events arrived, and what was printed."""
    rounds = everybody.bench.times(15, 3)
    walls: dict[str, list[float]] = {name: [] for name in everybody.names}
    printed: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    with contextlib.ExitStack() as stack, detached.adopting():
        places = {}
        for name in (BARE, *everybody.names):
            decode = SENDING[name].decode if name in SENDING else json_ids
            places[name] = stack.enter_context(contextlib.closing(Receiver(manner or Manner(), decode)))
            if manner is not None:
                places[name].open()
        for number in range(rounds):
            bare = everybody.command(BARE, "", number).ended
            for name in _turned(everybody.names, number):
                sample = everybody.command(name, places[name].origin, number, switch)
                walls[name].append(sample.ended - bare)
                printed[name] = max(printed[name], sample.printed)
                killed[name] += sample.status == signal.SIGKILL
                failed[name] += sample.status not in (0, signal.SIGKILL)
        progress(f"  beside: {what}")
        rows = []
        for name in everybody.names:
            notes = [
                f"{len(set(places[name].ids))} of {rounds} arrived" if name in SENDING and switch == "on" else "",
                f"killed after {LONGEST_SECONDS:.0f} s, {killed[name]} times" if killed[name] else "",
                f"the command itself failed {failed[name]} times" if failed[name] else "",
                f"{printed[name]:,} bytes on stderr" if printed[name] else "",
            ]
            note = "; ".join(part for part in notes if part)
            rows.append(figures.row("beside", f"command, {what}: {name}", "ms", walls[name], note=note))
    return rows


def _memory(everybody: Field) -> list[figures.Row]:
    rows = []
    with contextlib.closing(Receiver(Manner(), lambda _: []).open()) as server:

        def spent(name: str) -> list[float]:
            bare = everybody.numbers("memory", BARE, 0)[0]
            return [(everybody.numbers("memory", name, 0, server.origin)[0] - bare) / 1024]

        for name, column in _in_turn(everybody, everybody.bench.times(10, 3), spent):
            rows.append(figures.row("beside", f"memory, one event: {name}", "MiB", column[0]))
    return rows


def _sizes(everybody: Field) -> Iterator[figures.Row]:
    """What installing it brings, with all that it needs; compiled files apart."""
    for name in everybody.names:
        if name in (APPEND, LOG_ONLY):
            continue
        if name == OURS:
            files, packages = list(package(everybody.bench.python).rglob("*.py")), 1
        elif not SENDING[name].packages:
            continue
        else:
            packages, files = everybody.peers.files(*SENDING[name].packages)
        amount = kib([file for file in files if file.is_file() and file.suffix != ".pyc"])
        note = f"{packages} packages" if packages > 1 else "nothing else"
        yield figures.Row("beside", f"installed: {name}", "KiB", amount, amount, amount, len(files), note=note)


def _in_turn(
    everybody: Field, rounds: int, measure: Callable[[str], list[float]]
) -> Iterator[tuple[str, list[list[float]]]]:
    """Everybody once a round, beginning with another one each time; each with the columns of what was measured."""
    found: dict[str, list[list[float]]] = {name: [] for name in everybody.names}
    for number in range(rounds):
        for name in _turned(everybody.names, number):
            found[name].append(measure(name))
    for name, values in found.items():
        yield name, [list(column) for column in zip(*values, strict=True)]


def _turned(names: list[str], number: int) -> list[str]:
    first = number % len(names)
    return names[first:] + names[:first]
