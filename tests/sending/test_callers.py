"""Whoever tracks: threads at once, conversions, other tools in the same process, the facade."""

import _thread
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import discreet
from discreet import Telemetry, sending
from discreet.testing import allow

LONG = 10.0  # seconds: a bound on hangs, never a measure
MakeTelemetry = Callable[..., Telemetry]

FIRST_CALL = """
import sys, threading
import discreet

sys.setswitchinterval(1e-6)
telemetry = discreet.Telemetry("mytool", fields={"items": "count", "word": "hash"})
barrier = threading.Barrier(50)


def work(number):
    barrier.wait(10.0)
    telemetry.track("search", thread=number, items="text", word="text")


threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(10.0)
"""


@pytest.fixture
def eager_switches() -> Iterator[None]:
    """An interpreter that hands over between threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_switches")
def test_fifty_threads(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """Fifty threads that make the first call at the same moment lose nothing, double nothing, and are one run."""
    telemetry = make_telemetry()
    barrier = threading.Barrier(50)

    def work(number: int) -> None:
        barrier.wait(LONG)
        for n in range(40):
            telemetry.track("search", thread=number, n=n)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert telemetry.flush(LONG)
    records = read_log(telemetry.paths.directory)
    seen = Counter((record["properties"]["thread"], record["properties"]["n"]) for record in records)
    assert seen == Counter((number, n) for number in range(50) for n in range(40))
    assert len({record["id"] for record in records}) == len(records)
    assert len({record["run"] for record in records}) == 1
    assert telemetry.losses == {}


def test_one_sender(make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that comes while the first one is still building the road (another thread's, a signal handler's) does not
    end up with a second queue that nobody would wait for.
    """
    telemetry = make_telemetry()
    made = []
    real = sending.Sender.__init__

    def building(self: sending.Sender, *arguments: Any, **named: Any) -> None:
        made.append(self)
        if len(made) == 1:
            telemetry.track("search", n=2)
        real(self, *arguments, **named)

    monkeypatch.setattr(sending.Sender, "__init__", building)
    telemetry.track("search", n=1)
    assert telemetry._sender is not None
    assert telemetry.flush(LONG)
    unused = next(sender for sender in made if sender is not telemetry._sender)
    assert len(made) == 2
    assert not unused.queue
    assert not unused.running.locked()


def test_threads_that_flush(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """Several threads that track and flush at the same time each find their own events on the log."""
    telemetry = make_telemetry()
    missing: list[str] = []

    def work(number: int) -> None:
        for n in range(20):
            telemetry.track("search", thread=number, n=n)
            if not telemetry.flush(LONG):
                missing.append(f"{number}: {n}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert missing == []
    assert len(read_log(telemetry.paths.directory)) == 160


def test_close_while_others_track(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """Events tracked during and after `close` by other threads are on the log when these threads are done."""
    telemetry = make_telemetry()
    telemetry.track("search", thread=-1, n=0)
    barrier = threading.Barrier(9)

    def work(number: int) -> None:
        barrier.wait(LONG)
        for n in range(100):
            telemetry.track("search", thread=number, n=n)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    barrier.wait(LONG)
    telemetry.close(LONG)
    for thread in threads:
        thread.join(LONG)
    assert telemetry.flush(LONG)
    assert len(read_log(telemetry.paths.directory)) == 801
    assert telemetry.losses == {}


def test_the_very_first_call_by_fifty_threads(make_telemetry: MakeTelemetry, run_python: Any, read_log: Any) -> None:
    """In a fresh process, where that call also loads the rooms behind it, fifty threads at once lose nothing either."""
    directory = make_telemetry().paths.directory
    for done in range(1, 4):
        result = run_python(FIRST_CALL)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        records = read_log(directory)
        assert len(records) == 50 * done
        assert len({record["run"] for record in records}) == done
    assert len({record["properties"]["word"] for record in records}) == 1
    assert not (Path(directory) / "losses.json").exists()


def test_a_conversion_that_tracks(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """A value whose `__len__` tracks an event of its own gets both events recorded."""
    telemetry = make_telemetry(fields={"items": "count", "n": "number"})

    class Telling:
        def __len__(self) -> int:
            telemetry.track("asked", n=1)
            return 7

    telemetry.track("search", items=Telling())
    assert telemetry.flush(LONG)
    assert [(record["event"], record["properties"]) for record in read_log(telemetry.paths.directory)] == [
        ("asked", {"n": 1}),
        ("search", {"items": 7}),
    ]


def test_two_tools_in_one_process(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """Two tools have two logs and two runs, and the end or the refusal of one leaves the other alone."""
    one, two = make_telemetry("one"), make_telemetry("two")
    off = make_telemetry("three", opted_in=False)
    for telemetry in (one, two, off):
        telemetry.track("search", n=1)
    assert one.close(LONG)
    two.track("search", n=2)
    assert two.flush(LONG)
    logs = [read_log(telemetry.paths.directory) for telemetry in (one, two, off)]
    assert [[record["tool"] for record in log] for log in logs] == [["one"], ["two", "two"], []]
    assert logs[0][0]["run"] != logs[1][0]["run"]


def test_the_default_instance_can_be_replaced(home: Any, read_log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `init` closes the first instance, whose events are on its log, and takes over `track`."""
    monkeypatch.setattr(discreet, "_default", discreet._default)
    directories, senders = [home / name for name in ("first", "second")], []
    for n, directory in enumerate(directories):
        directory.mkdir()
        (directory / "opt-in").write_text("true\n")
        allow(discreet.init("mytool", data_dir=directory))
        discreet.track("search", n=n)
        senders.append(discreet._default._sender)
    assert [sender.closed for sender in senders] == [True, False]
    assert discreet.flush(LONG)
    assert discreet.enabled()
    assert discreet.close(LONG)
    assert [[record["properties"] for record in read_log(directory)] for directory in directories] == [
        [{"n": 0}],
        [{"n": 1}],
    ]


def test_the_facade_before_init(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before `init` every function of the facade does nothing, and says that nothing is left to do."""
    monkeypatch.setattr(discreet, "_default", discreet.telemetry.Recorder)
    discreet.track("search", n=1)
    assert (discreet.flush(), discreet.close(), discreet.enabled()) == (True, True, False)


def test_off_is_found_out_once(make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first event of a process that is off, each further one is a look at one attribute."""
    telemetry = make_telemetry(opted_in=False)
    telemetry.track("search", n=1)
    assert telemetry.off
    monkeypatch.setattr(telemetry, "_record", None)
    telemetry.track("search", n=2)


def test_no_thread_before_the_first_event(make_telemetry: MakeTelemetry) -> None:
    """Making an instance, looking at its decision and closing it starts no thread and makes no file."""
    before = _thread._count()
    telemetry = make_telemetry()
    assert telemetry.enabled
    assert telemetry.decision.enabled
    assert telemetry.close(LONG)
    assert _thread._count() == before
    assert telemetry._sender is None
    assert [file.name for file in Path(telemetry.paths.directory).iterdir()] == ["opt-in"]
