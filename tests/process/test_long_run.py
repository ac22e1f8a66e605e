"""A host that runs on and on: what an hour of work leaves in memory, descriptors, threads and on the disk; what becomes
of its records when its clocks do what clocks do; and how many processes there are while everything fails.

What must hold: nothing grows but the log, and that to its bound; a record is whole, and in UTC by the clock of its
moment; no duration is negative; at most one deliverer is at work, and none starts another.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from discreet import names
from faults.servers import BEHAVIOURS, answering, serving
from process.hosts import Hosts, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

RECEIVERS = {"well": answering(200), "ill": answering(503), "silent": BEHAVIOURS["silent"]}
GROWTH_KIB = 4096  # of the second half of an hour; the allocator keeps a little more for itself now and then
AN_HOUR = 100 * 3600  # events: a hundred a second

WORKING = """
import json, os, sys, time
sys.path.insert(0, {library!r})
import discreet
from discreet.sending import courier
from pathlib import Path
courier.LONG_LIVED_SECONDS = 0.0  # so that a host that may have a child, too, delivers by itself from the first on
events = {{
    "search": {{"n": "number", "words": "hash", "langs": {{"distribution": ["py", "js"]}}, "fmt": {{"one_of": ["a"]}}}},
    "command": {{"files": "count"}},
    "session": {{"searches": "number", "ms": {{"aggregate": {{}}}}}},
}}
destination = discreet.Destination({url!r}, batch_size=1, batch_interval=0, timeout=0.1) if {url!r} else None
telemetry = discreet.init("mytool", version="1.0", events=events, destination=destination, delivery={delivery!r})

def seen():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    size = sum(file.stat().st_size for file in Path({directory!r}).glob("usage*"))
    tasks = len(os.listdir("/proc/self/task"))
    for _ in range(3000):  # the log, and a deliverer's files, lock and connection are open now and then
        descriptors = len(os.listdir("/proc/self/fd"))
        if descriptors <= 4:
            break
        time.sleep(0.01)
    return {{"rss": int(status["VmRSS"].split()[0]), "descriptors": descriptors, "threads": tasks, "bytes": size}}

marks, total = [], {events}
with telemetry.session(3600) as session:
    for n in range(total):
        if n % 50 == 0:
            assert any(discreet.flush(10.0) for _ in range(10))  # so that no queue is full, and all goes to the disk
        if n % (total // 8) == 0:
            marks.append(seen())
        if n % 10 == 0:
            with telemetry.command("work") as scope:
                scope.add(files=[n])
            telemetry.flag("new-ui", rollout=0.5)
        elif n % 97 == 0:
            telemetry.track("search", n="not a number", undeclared=n)
        else:
            telemetry.track("search", n=n, words="a query " + str(n), langs={{"py": n % 7, "c": 1}}, fmt="a")
        session.count("searches")
        session.observe("ms", n % 100)
discreet.flush(10.0)
marks.append(seen())
print(json.dumps([marks, telemetry.losses]))
"""


@pytest.mark.parametrize(
    ("server", "delivery"),
    [("", "auto"), ("well", "thread"), ("ill", "thread"), ("silent", "thread"), ("well", "auto")],
)
def test_an_hour_of_work(hosts: Hosts, size: Callable[[int, int], int], server: str, delivery: str) -> None:
    """After the warming up memory and descriptors stay, and the log keeps its bound, whatever the receiver does."""
    with serving(RECEIVERS[server or "well"]) as receiver:
        program = WORKING.format(
            library=str(hosts.library),
            url=receiver.url if server else "",
            delivery=delivery,
            directory=str(hosts.directory),
            events=size(5_000, AN_HOUR),
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={**hosts.environment, "DISCREET_DEBUG": ""},  # a value that its conversion refuses is part of it
            capture_output=True,
            timeout=3000,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        hosts.kill()
    marks, losses = json.loads(done.stdout)
    middle, end = marks[len(marks) // 2], marks[-1]
    print({"middle": middle, "end": end, "losses": losses})  # shown by -rP
    assert end["rss"] - middle["rss"] < GROWTH_KIB
    assert {mark["descriptors"] for mark in marks} == {4}
    # The host's own and ours; while that delivers, another one writes the log.
    assert {mark["threads"] for mark in marks} <= ({1, 2, 3} if server else {1, 2})
    assert max(mark["bytes"] for mark in marks) <= names.LOG_FILES * names.LOG_FILE_BYTES
    assert set(losses) <= {"conversion", "undeclared_field"}, losses


CLOCKS = """
import calendar, json, os, sys, time
sys.path.insert(0, {library!r})
wall, steady, steady_ns = time.time, time.monotonic, time.monotonic_ns
ahead = {{"wall": 0.0, "steady": 0.0}}
time.time = lambda: wall() + ahead["wall"]
time.monotonic = lambda: steady() + ahead["steady"]
time.monotonic_ns = lambda: steady_ns() + int(ahead["steady"] * 1e9)
import discreet
telemetry = discreet.init("mytool", version="1.0")
YEAR = 365 * 86400.0

def at(*when):
    ahead["wall"] = calendar.timegm(when) - wall()

def zone(name):
    os.environ["TZ"] = name
    time.tzset()

def sleep(seconds):
    ahead["steady"] += seconds
    ahead["wall"] += seconds

MOMENTS = [
    lambda: None,
    lambda: ahead.update(wall=10 * YEAR),
    lambda: ahead.update(wall=-10 * YEAR),
    lambda: ahead.update(wall=0.0),
    lambda: sleep(8 * 3600.0),
    lambda: ahead.update(wall=0.0),  # set right by the network, hours back
    lambda: zone("Asia/Kathmandu"),
    lambda: zone("Europe/Berlin"),
    lambda: at(2026, 3, 29, 0, 59, 59),  # a second before an hour that does not exist there
    lambda: sleep(2.0),
    lambda: at(2026, 10, 25, 0, 59, 59),  # and before one that comes twice
    lambda: sleep(2.0),
    lambda: zone("UTC"),
    lambda: at(2028, 2, 28, 23, 59, 59),
    lambda: sleep(2.0),
    lambda: at(1970, 1, 1, 0, 0, 1),
    lambda: ahead.update(wall=0.0),
]
expected = []
with telemetry.session(1.0) as session:
    for n, change in enumerate(MOMENTS):
        change()
        now = time.time()
        with telemetry.command("work", n=n):
            change() if n % 2 else None  # also while a command runs
        telemetry.track("search", n=n)
        session.count("searches")
        expected.append(now)
        assert discreet.flush(10.0)
assert discreet.close(10.0)
assert not telemetry.losses, telemetry.losses
print(json.dumps(expected))
"""


def test_clocks(hosts: Hosts) -> None:
    """Set back and forward by years, a suspend, time zones, the hours that are missing or come twice: every record is
    there, with the time that its clock showed in UTC, and no duration is below zero.
    """
    program = CLOCKS.format(library=str(hosts.library))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=hosts.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    expected = json.loads(done.stdout)
    records = [json.loads(line) for line in (hosts.directory / "usage.jsonl").read_bytes().splitlines()]
    found = {record["properties"]["n"]: record for record in records if record["event"] == "search"}
    assert found.keys() == set(range(len(expected)))
    for n, moment in enumerate(expected):
        shown = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment + late)) for late in range(-9, 10))
        assert found[n]["time"] in shown
    durations = [record["properties"]["duration_ms"] for record in records if "duration_ms" in record["properties"]]
    assert min(durations) >= 0
    assert Counter(record["event"] for record in records)["command"] == len(expected)
    assert sum(record["properties"].get("searches", 0) for record in records) == len(expected)


FORKING = """
import multiprocessing
for n in range({forks}):
    pid = os.fork()
    if not pid:
        discreet.track("search", n=n)
        sys.exit(0)
    os.waitpid(pid, 0)
def work(n):
    discreet.track("search", n=n)
workers = [multiprocessing.get_context("fork").Process(target=work, args=(n,)) for n in range({forks})]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
"""


@contextlib.contextmanager
def counted(hosts: Hosts) -> Iterator[list[int]]:
    """How many deliverers are alive, looked at again and again meanwhile."""
    alive: list[int] = []
    ended = threading.Event()

    def count() -> None:
        while not ended.wait(0.005):
            alive.append(len(hosts.children()))

    counting = threading.Thread(target=count)
    counting.start()
    try:
        yield alive
    finally:
        ended.set()
        counting.join()


@pytest.mark.parametrize("server", ["ill", "silent"])
def test_no_fork_bomb(hosts: Hosts, size: Callable[[int, int], int], server: str) -> None:
    """Before a broken receiver, with forks and workers and many hosts at once: one deliverer at a time is at work,
    and those who come in the same instant wait a moment for it and go.
    """
    bursts, burst, forks = size(1, 12), size(6, 24), size(2, 10)
    with serving(RECEIVERS[server]) as receiver, counted(hosts) as alive:
        script = hosts.program(receiver.url, then=FORKING.format(forks=forks), timeout=0.5)
        started = 0
        for _ in range(bursts):
            running = [
                subprocess.Popen(
                    hosts.command(script, n), env=hosts.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
                )
                for n in range(burst)
            ]
            started += len(running)
            assert {host.communicate(timeout=60)[1] for host in running} == {b"to stderr\n"}
        wait_until(lambda: len(hosts.children()) <= 1)  # the others have gone soon; no child has made another
        hosts.kill()
        time.sleep(0.2)
        assert not hosts.children()  # nobody is left who starts one
    print({"hosts": started, "deliverers alive at once, at most": max(alive), "requests": receiver.visits})
    # One is at work, one takes its leave, one was just started; on a busy machine one is longer in coming than hosts
    # believe in it. Each process that ends would else start one.
    assert max(alive) <= 8
    # Each attempt is by the one at work, and after a failure it pauses: far fewer requests than processes.
    assert receiver.visits <= 2 + bursts * 8
    # Who appends in the middle of another one's write leaves an empty line, which is nobody's.
    lines = list(filter(None, (hosts.directory / "usage.jsonl").read_bytes().splitlines()))
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == started * (1 + 2 * forks)
