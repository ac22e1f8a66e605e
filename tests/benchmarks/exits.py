"""Rows of the exit: what a command pays for having its event delivered, whatever the network is like.

The same command with a destination and without one (log only), in turn, each with a data directory of its own: so every
one with a destination starts a child, which is waited for before the next sample begins.
"""

import contextlib
import functools
import ssl
import statistics
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import detached, figures
from .children import Bench, Pairs, in_turn, progress
from .peers import Peers
from .receiver import Manner, Receiver, json_ids

BUDGET = 2.0  # milliseconds over log only, for the end of the process and for the closing of stdout
CHILD_BUDGET = 100.0  # milliseconds of CPU, of one child over http
CHILD_TLS_BUDGET = 150.0
AWAY_SECONDS = 0.1
SLOW_SECONDS = 0.3

HTTP = {
    "fast": Manner(),
    f"slow ({SLOW_SECONDS * 1e3:.0f} ms)": Manner(slow=SLOW_SECONDS),
    "500": Manner(status=500),
    "refused": None,
    "silent": Manner(silent=True),
}
"""The servers; None is a port where nobody listens."""
TLS = f"TLS, {AWAY_SECONDS * 1e3:.0f} ms away"


@dataclass
class Network:
    """One kind of server, and what was measured with it."""

    what: str
    server: Receiver
    answers: bool
    more: Mapping[str, str]
    ended: Pairs = field(default_factory=Pairs)
    closed: Pairs = field(default_factory=Pairs)
    cpu: Pairs = field(default_factory=Pairs)
    child: list[float] = field(default_factory=list)

    def add(self, log_only: detached.Sample, ours: detached.Sample) -> None:
        """One more pair. Raises `RuntimeError` unless the one started a child, the other none, and both were quiet."""
        if log_only.left or len(ours.left) != 1:
            raise RuntimeError(
                f"{self.what}: left behind {len(log_only.left)} log only, {len(ours.left)} with a server"
            )
        if log_only.printed or ours.printed:
            raise RuntimeError(f"{self.what}: something was printed")
        self.ended.add(log_only.ended, ours.ended)
        self.closed.add(log_only.closed, ours.closed)
        self.cpu.add(log_only.cpu, ours.cpu)
        self.child += ours.left

    def rows(self) -> list[figures.Row]:
        """End, stdout and child. Raises `RuntimeError` if the server did not hear of each of the commands."""
        samples = len(self.child)
        if self.answers and self.server.requests < samples:
            raise RuntimeError(f"{self.what}: {self.server.requests} requests of {samples} children")
        budget = CHILD_TLS_BUDGET if self.server.manner.tls else CHILD_BUDGET
        spent = f"CPU {statistics.median(self.cpu.differences()):.2f}"
        return [
            self.ended.difference("exit", f"{self.what}: process ended, over log only", "ms", BUDGET, spent),
            self.closed.difference("exit", f"{self.what}: stdout closed, over log only", "ms", BUDGET),
            figures.row("exit", f"{self.what}: CPU of the child", "ms", self.child, budget=budget),
        ]


def exits(bench: Bench) -> list[figures.Row]:
    """All networks in turn, the two halves of a pair beside each other."""
    rounds = bench.times(100, 8)  # ten seconds each: a child tries a broken server again for some seconds
    rows: list[figures.Row] = []
    with contextlib.ExitStack() as stack:
        networks = [_network(stack, what, manner) for what, manner in HTTP.items()]
        peers = Peers(bench.scratch / "trustme", "trustme")
        if peers.has("trustme"):
            tls, bundle = authority(peers.python, bench.scratch)
            manner = Manner(away=AWAY_SECONDS, tls=tls)
            networks.append(_network(stack, TLS, manner, {"SSL_CERT_FILE": str(bundle)}))
        else:
            note = f"not measured: {peers.why('trustme')}"
            rows.append(figures.Row("exit", TLS, "ms", 0, 0, 0, 0, note=note))
        stack.enter_context(detached.adopting())
        for turn in range(rounds):
            for network in networks:
                only = functools.partial(_sample, bench, "", network.more)
                ours = functools.partial(_sample, bench, f"{network.server.origin}/t", network.more)
                network.add(*in_turn(turn, only, ours))
            if turn % 10 == 9:
                progress(f"  exit: {turn + 1} rounds")
    return [row for network in networks for row in network.rows()] + rows


def _network(
    stack: contextlib.ExitStack, what: str, manner: Manner | None, more: Mapping[str, str] | None = None
) -> Network:
    server = Receiver(manner or Manner(), json_ids)
    stack.callback(server.close)
    if manner is not None:
        server.open()
    return Network(what, server, manner is not None, more or {})


def _sample(bench: Bench, url: str, more: Mapping[str, str]) -> detached.Sample:
    command = bench.command("command_sending.py", bench.data_dir(), url)
    return detached.run(command, bench.environment(more), bench.scratch / "stderr")


def authority(python: Path, directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side for 127.0.0.1 by an authority of this run, and the file by which clients believe it."""
    arguments = ("-m", "trustme", "--quiet", "--dir", str(directory), "--identities", "127.0.0.1")
    subprocess.run((str(python), "-I", *arguments), check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    return context, directory / "client.pem"
