"""SIGKILL at any moment: of hosts, of the children that deliver, of several at once.

What must hold: the log has whole records and at most a torn line for each that was killed, closed by the next append;
what `flush` said is safe is there; each record that is whole on the log was delivered at least once when the last
`flush` has said so, each under one id; every place in the log is the end of a line of it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import names
from discreet.sending import state as states
from faults.servers import Server, Visit, serving
from process.hosts import Hosts, arrived, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")

AT_ONCE = 3
EACH = 4  # records of a host
# Says after each event that it is safe, so that the test knows what was promised when the death came.
TELLING = f"""
for n in range({EACH}):
    discreet.track("search", n=1000 * int(sys.argv[1]) + n)
    if discreet.flush(10.0):
        print("safe", 1000 * int(sys.argv[1]) + n, flush=True)
"""
FLUSH = "sys.exit(telemetry.main(['flush']))"


class World:
    """Hosts with a receiver, and what both know of the records."""

    def __init__(self, hosts: Hosts, server: Server) -> None:
        self.hosts = hosts
        self.server = server
        self.script = hosts.program(server.url, then=TELLING)
        self.safe: set[int] = set()
        self.killed = 0

    def start(self, number: int) -> "subprocess.Popen[bytes]":
        """A host whose events are `number`, which is not 0, and those that begin with `number` thousand."""
        return subprocess.Popen(
            self.hosts.command(self.script, number),
            env=self.hosts.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def end(self, host: "subprocess.Popen[bytes]") -> None:
        """Take what a host said, whose death has come or comes by itself."""
        said, _ = host.communicate(timeout=30)
        self.killed += host.returncode == -signal.SIGKILL
        self.safe |= {int(line.split()[1]) for line in said.splitlines() if line.startswith(b"safe")}

    def kill_children(self) -> int:
        """Kill the children that live; how many."""
        children = self.hosts.children()
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        return len(children)

    def deliver_the_rest(self) -> None:
        """What a user's `flush` does, once nobody else is at work; a host of its own records one more."""
        self.hosts.wait_for_the_end()
        script = self.hosts.program(self.server.url, then=FLUSH)
        said = wait_until(lambda: self._flushed(script))
        assert b"Traceback" not in said
        self.hosts.wait_for_the_end()

    def _flushed(self, script: Path) -> bytes:
        done = self.hosts.run(script, 999_999)
        return done.stdout + done.stderr if not done.returncode else b""

    def check(self) -> Counter[str]:
        """All that must hold; what was found, for whoever wants the figures."""
        records, torn = self._logged()
        ids = [record["id"] for record in records]
        content = Counter(json.dumps(record["properties"]) + record["run"] for record in records)
        assert len(ids) == len(set(ids)), "two records have one id"
        assert set(content.values()) == {1}, "a record is on the log twice"
        assert torn <= self.killed
        assert self.safe <= {record["properties"]["n"] for record in records}
        delivered = Counter(arrived(self.server.requests))
        assert delivered.keys() == set(ids), "delivered is what is on the log, all of it and nothing else"
        self._check_places()
        repeated = sum(delivered.values()) - len(delivered)
        return Counter(killed=self.killed, records=len(ids), torn=torn, delivered=len(delivered), repeated=repeated)

    def _logged(self) -> tuple[list[Any], int]:
        records, torn = [], 0
        for log in self.hosts.directory.glob("usage*.jsonl"):
            content = log.read_bytes()
            assert content.endswith(b"\n")  # the last host was not killed
            for line in filter(None, content.splitlines()):
                try:
                    records.append(json.loads(line))
                except ValueError:
                    torn += 1
        return records, torn

    def _check_places(self) -> None:
        """Every offset is where a line ends, in a file that is there; what was delivered has its receipt."""
        paths = names.Paths("mytool", {}, str(self.hosts.directory))
        contents = [log.read_bytes() for log in self.hosts.directory.glob("usage*.jsonl")]
        (place,) = states.load(paths["delivery"]).places.values()
        assert len(place.offsets) == len(contents)
        for file, (offset, _) in place.offsets.items():
            (content,) = (one for one in contents if file in one.partition(b"\n")[0].decode())
            assert offset == len(content)  # all is done
        noted = set()
        for line in Path(paths["receipts"]).read_bytes().splitlines():
            receipt = json.loads(line) if line.endswith(b"}") else {}  # one may be torn
            noted |= set(receipt.get("ids", ())) if receipt.get("verdict") == "delivered" else set()
        assert {one for content in contents for one in _ids(content)} <= noted


def _ids(content: bytes) -> list[str]:
    return [line.split(b'"')[5].decode() for line in content.splitlines() if line.startswith(b'{"v":1,"id":"')]


def taking_its_time(visit: Visit) -> None:
    """A receiver that has the request for some milliseconds before it answers: long enough to die in between."""
    visit.read()
    time.sleep(0.02)
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def test_hosts_killed_at_any_moment(hosts: Hosts, size: Callable[[int, int], int]) -> None:
    """Commands of which most are killed, three at a time, while their children deliver."""
    chance = random.Random(6)
    with serving(taking_its_time) as server:
        world = World(hosts, server)
        commands = size(36, 1_000)
        lives = []  # of hosts on this machine: a death may come at any moment of the shortest
        for number in range(commands + 1, commands + 1 + 4 * AT_ONCE, AT_ONCE):
            begun = time.monotonic()
            for host in [world.start(number + more) for more in range(AT_ONCE)]:
                world.end(host)
            lives.append(time.monotonic() - begun)
        for first in range(1, commands + 1, AT_ONCE):
            running = [world.start(number) for number in range(first, min(first + AT_ONCE, commands + 1))]
            deaths = sorted((chance.uniform(0, min(lives)), number) for number in range(len(running)))
            begun = time.monotonic()
            for moment, number in deaths:
                time.sleep(max(0.0, begun + moment - time.monotonic()))
                running[number].send_signal(signal.SIGKILL)
            for host in running:
                world.end(host)
        world.deliver_the_rest()
        found = world.check()
    assert found["killed"] > commands / 4  # else this has shown nothing
    print(dict(found))  # shown by -rP


def test_children_killed_at_any_moment(tmp_path: Path, size: Callable[[int, int], int]) -> None:
    """A child that dies at any moment of its delivery, a second and a third one too, each in a home of its own."""
    chance = random.Random(7)
    found: Counter[str] = Counter()
    with serving(taking_its_time) as server:
        for number in range(size(5, 100)):
            place = tmp_path / str(number)
            place.mkdir()
            del server.requests[:]
            world = World(Hosts(place), server)
            for death in range(AT_ONCE):
                host = world.start(1 + death)
                time.sleep(chance.uniform(0.05, 0.25))
                found["children"] += world.kill_children()
                world.end(host)
                found["children"] += world.kill_children()
            world.deliver_the_rest()
            found += world.check()
    assert found["children"]
    print(dict(found))  # shown by -rP
