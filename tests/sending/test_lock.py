"""One deliverer at a time on a machine, over real processes; and what hosts make of the text in the lock."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any

import pytest

from discreet import names
from discreet.sending import handover, work
from discreet.sending.courier import Courier
from discreet.sending.delivery import Withdrawn
from discreet.sending.lock import DeliveryLock
from faults.servers import answering, serving
from sending.outboxes import DAY, World, line, own_world

LONG = 10.0  # seconds: a bound on hangs, never a measure
HOLDER = """
import sys
from discreet import names
from discreet.sending.lock import DeliveryLock
lock = DeliveryLock(names.Paths("mytool", {}, sys.argv[1]))
with lock as held:
    if held:
        lock.announce()
    print(held, flush=True)
    sys.stdin.read()
"""
DELIVERER = """
import sys, time
from discreet import names
from discreet.sending import work
from discreet.destination import Destination
from discreet.sending.plan import Plan
paths = names.Paths("mytool", {}, sys.argv[1])
plan = Plan("mytool", paths, (Destination(sys.argv[2], batch_size=1, batch_interval=0),), None, mode="opt-in",
            environ={}, settings={}, run="a" * 16)
plan.signature = __import__("discreet.consent", fromlist=["signature"]).signature(paths)
sys.stdin.readline()
work.run(plan, until=time.monotonic() + 20)
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of this test's own."""
    yield from own_world(tmp_path, monkeypatch)


def started(program: str, *arguments: str) -> "subprocess.Popen[str]":
    """A child program that waits for a line on its stdin."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_file_system_without_locks(
    make_telemetry: Any, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no lock is to be had (a network file system, say) nothing is sent, and `flush` says so, and why."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with serving(answering(200)) as server:
        telemetry = make_telemetry(destination=server.url)
        telemetry.track("search", n=1)
        assert telemetry.flush(LONG)
        assert telemetry.main(["flush"]) == 1
        assert server.visits == 0
    lock = home / ".mytool" / "telemetry" / "lock"
    why = os.strerror(errno.ENOLCK)
    assert capsys.readouterr().err == f"mytool telemetry: {lock}: {why}; nothing is sent without a lock\n"


def test_one_at_a_time_over_processes(world: World) -> None:
    """While one process holds the lock no other gets it; it is free once its holder is gone, killed or not."""
    for end in (lambda child: child.stdin.close(), lambda child: child.send_signal(signal.SIGKILL)):
        with started(HOLDER, str(world.directory)) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "True\n"
            with started(HOLDER, str(world.directory)) as other:
                assert other.communicate()[0] == "False\n"
            with DeliveryLock(world.paths) as held:
                assert not held
            assert handover.somebody_at_work(world.paths, time.time())
            end(holder)
            holder.wait(10)
        with DeliveryLock(world.paths) as held:
            assert held
        # The text of one that was killed is stale, and is found out.
        assert not handover.somebody_at_work(world.paths, time.time())


def test_whoever_has_patience_gets_it(world: World) -> None:
    """Who asks with patience has the lock as soon as its holder lets go of it; who asks without has not."""
    with ExitStack() as holding:
        assert holding.enter_context(DeliveryLock(world.paths))
        with DeliveryLock(world.paths) as held:
            assert not held
        ending = Timer(0.1, holding.pop_all().close)
        ending.start()
        try:
            with DeliveryLock(world.paths, patience=10.0) as held:
                assert held
        finally:
            ending.join()


def test_a_deliverer_waits_for_one_that_takes_its_leave(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment; then it is at work itself."""
    other = DeliveryLock(world.paths)
    assert other.__enter__()
    monkeypatch.setattr(work.time, "sleep", lambda _: other.__exit__())
    monkeypatch.setattr(work, "Delivery", lambda plan, **_: world.delivery(plan))
    world.record(1)
    assert work.run(world.plan(), until=time.monotonic() + LONG)
    assert world.got() == [1]


def test_a_deliverer_that_waits_makes_nothing_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user erases all of it while it waits: it asks the gate again before it asks for the lock."""
    world.record(1)
    with DeliveryLock(world.paths):
        monkeypatch.setattr(work.time, "sleep", lambda _: shutil.rmtree(world.directory))
        with pytest.raises(Withdrawn):
            work.run(world.plan(), until=time.monotonic() + LONG)
    assert not world.directory.exists()


def test_many_deliverers_deliver_once(world: World) -> None:
    """Of several deliverers that begin together each record arrives once."""
    world.write(b"".join(line(number, time.time()) for number in range(1, 301)))
    with serving(answering(200)) as server:
        children = [started(DELIVERER, str(world.directory), server.url) for _ in range(3)]
        for child in children:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.close()
        for child in children:
            assert child.wait(30) == 0
            assert child.stdout is not None
            child.stdout.close()
        assert len(server.requests) == 1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # a worker of xdist has threads of its own
def test_the_lock_ends_with_its_holder_though_it_forked(world: World) -> None:
    """A process that was forked while the lock was held does not keep it."""
    with DeliveryLock(world.paths) as held:
        assert held
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        with DeliveryLock(world.paths) as held:
            assert held
    finally:
        os.close(writing)
        os.waitpid(child, 0)
        os.close(reading)


def test_a_fork_before_the_lock_is_taken(world: World) -> None:
    """While the thread has a plan, and asks the gate, there is no lock to let go of."""
    owner: Any = SimpleNamespace(delivery="thread", signature=None)
    courier = Courier(owner, world.destinations)
    courier._plan = world.plan()
    courier.forked()
    assert courier._plan is None


def test_a_lock_that_was_erased(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever locks a file that `clear` has just erased, or replaced, has not locked anything."""
    path = world.directory / "lock"
    check = names.check_ours
    for step in (path.unlink, lambda: (path.unlink(), path.touch())):
        monkeypatch.setattr(names, "check_ours", lambda *given, step=step: (check(*given), step())[0])
        with DeliveryLock(world.paths) as held:
            assert not held
    monkeypatch.setattr(names, "check_ours", check)
    with DeliveryLock(world.paths) as held:
        assert held


@pytest.mark.parametrize("kind", ["symbolic link", "directory", "FIFO"])
def test_what_is_no_lock(world: World, kind: str) -> None:
    """What somebody planted in place of the lock raises `OSError`, is not followed, and makes nobody wait."""
    path = world.directory / "lock"
    if kind == "symbolic link":
        path.symlink_to(world.directory / "opt-in")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(OSError, match=r"lock"), DeliveryLock(world.paths):
        pass
    assert (world.directory / "opt-in").read_text() == "true\n"
    assert not handover.somebody_at_work(world.paths, time.time())


@pytest.mark.parametrize("text", ["", "0", "-1", "9" * 5000, "garbage", "\x00", "our own"])
def test_what_the_text_says(world: World, text: str) -> None:
    """Somebody is at work where there is a text, and the lock is held; a text alone is of one that was killed."""
    text = str(os.getpid()) if text == "our own" else text
    path = world.directory / "lock"
    path.write_text(text)
    assert not handover.somebody_at_work(world.paths, time.time())
    lock = DeliveryLock(world.paths)
    with lock as held:
        assert held
        assert handover.somebody_at_work(world.paths, time.time()) is bool(text)
        lock.announce()
        assert path.read_text() == f"{os.getpid()}\n"
        assert handover.somebody_at_work(world.paths, time.time())
        lock.take_leave()
        assert not handover.somebody_at_work(world.paths, time.time())


def test_the_text_where_no_kernel_can_be_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: a text counts for 35 seconds, and not for as long as the clock was set back since."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    path = world.directory / "lock"
    path.write_text("4509\n")
    for seconds, counts in ((0, True), (-34, True), (-36, False), (3600, False), (400 * DAY, False)):
        os.utime(path, (world.now + seconds, world.now + seconds))
        assert handover.somebody_at_work(world.paths, world.now) is counts


def test_no_lock_at_all(world: World) -> None:
    """Without a lock nobody is at work, and a missing directory is made for it, for this user alone."""
    assert not handover.somebody_at_work(world.paths, time.time())
    paths = names.Paths("mytool", {}, str(world.directory / "new"))
    with DeliveryLock(paths) as held:
        assert held
    assert os.stat(paths.directory).st_mode & 0o777 == 0o700
    assert os.stat(paths["lock"]).st_mode & 0o777 == 0o600


CLAIMER = """
import sys
from discreet import names
from discreet.sending import handover
sys.stdin.readline()
print(handover._claim(names.Paths("mytool", {}, sys.argv[1])["lock"]))
"""


def test_of_several_hosts_one_starts_a_child(world: World) -> None:
    """Of hosts that end in the same instant one starts a child, and the others see it coming, for two seconds."""
    claimers = [started(CLAIMER, str(world.directory)) for _ in range(8)]
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("\n")
        claimer.stdin.flush()
    assert sorted(claimer.communicate()[0] for claimer in claimers) == [*["False\n"] * 7, "True\n"]
    path = world.directory / "lock"
    assert path.read_text()[0] == "+"
    assert handover.somebody_at_work(world.paths, time.time())
    for late in (-3, 3):  # it never came; or a clock was set
        os.utime(path, (time.time() + late, time.time() + late))
        assert not handover.somebody_at_work(world.paths, time.time())
        assert handover._claim(str(path))
        assert not handover._claim(str(path))
    with DeliveryLock(world.paths) as held:  # it comes
        assert held


NOTING = """
import os, sys
os.lockf(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600), os.F_LOCK, 0)
print("holds", flush=True)
sys.stdin.readline()
"""


def test_of_two_hosts_the_later_one_waits_for_nobody(world: World) -> None:
    """While another one notes that its child is about to come, this one starts none."""
    path = str(world.directory / "lock")
    other = started(NOTING, path)
    assert other.stdout is not None
    assert other.stdout.readline() == "holds\n"
    assert not handover._claim(path)
    other.communicate("\n")
    assert handover._claim(path)


def test_a_claim_takes_nothing_for_its_own(world: World) -> None:
    """A note is written to a file of ours and to nothing else; what cannot be noted hinders nobody."""
    path = world.directory / "lock"
    path.symlink_to(world.directory / "opt-in")
    assert handover._claim(str(path))
    assert (world.directory / "opt-in").read_text() == "true\n"
    path.unlink()
    os.mkfifo(path)
    assert handover._claim(str(path))
    assert handover._claim(str(world.directory / "none" / "lock"))
    path.unlink()
    path.write_text("1234\n")  # of a deliverer that was killed
    assert handover._claim(str(path))
    assert path.read_text() == f"+{os.getpid()}\n"
