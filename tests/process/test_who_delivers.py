"""Where no child can be started, or none is wanted: the thread and later runs deliver, and the host feels nothing."""

import json
import os
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from discreet import names
from discreet.sending import handover
from discreet.sending.lock import DeliveryLock
from faults.servers import BEHAVIOURS, Visit, in_turn, serving
from process.hosts import PACKAGE, Hosts, arrived, same

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")

# What a host does to itself before it imports the package.
INTERPRETERS = {
    "unset": "sys.executable = ''",
    "none": "sys.executable = None",
    "relative": "sys.executable = 'python3'",
    "frozen": "sys.frozen = True",
    "embedded": "sys.executable = '/usr/sbin/uwsgi'",
}
# As in PyPy: what a delivery imports imports `threading`, which takes the thread that does so first for the main one.
THREADING = """
class Finder:
    def find_spec(name, path, target=None):
        if name.endswith("sending.work"):
            import threading
assert "threading" not in sys.modules
sys.meta_path.insert(0, Finder)
sys.implementation.name, sys.executable = "pypy", ""
"""
# Seen as good until it is tried: then no child comes of it, and nothing else either.
REFUSED = {
    "missing": "sys.executable = '/nonexistent/python3'",
    "no permission": "sys.executable = '/etc/passwd-py'",
    "no spawn": "os.posix_spawn = None\ndef os_posix_spawn(*_, **__): raise PermissionError(1, 'sandbox')\n"
    "os.posix_spawn = os_posix_spawn",
    "no pipe": "def no_pipe(): raise OSError(24, 'too many')\nos.pipe = no_pipe",
}
# A host that lives until its thread has delivered everything, or for a while.
LIVES = """
end = time.monotonic() + 8  # less than what makes any process a long-lived one
while time.monotonic() < end:
    try:
        if os.path.getsize({receipts!r}):
            break
    except OSError:
        pass
    time.sleep(0.01)
"""
LOCKED = """
end = time.monotonic() + 15
lock = {lock!r}
while time.monotonic() < end and not (os.path.exists(lock) and os.path.getsize(lock)):
    time.sleep(0.005)
"""
# More of a declaration than the pipe takes.
WIDE = "{'fields': {f'field_{n}': {'one_of': [f'choice_{i}_of_{n}' for i in range(20)]} for n in range(60)}}"


def lives(hosts: Hosts) -> str:
    """The end of a host that lives until it has delivered."""
    return LIVES.format(receipts=str(hosts.directory / "receipts.jsonl"))


def locked(hosts: Hosts) -> str:
    """A host that waits until its thread delivers; `lock` is the path of the lock."""
    return LOCKED.format(lock=str(hosts.directory / "lock"))


def packed(hosts: Hosts) -> str:
    """A zip archive of the package, and how a host imports from there."""
    archive = hosts.scratch / "library.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for source in PACKAGE.rglob("*.py"):
            file.write(source, Path("discreet") / source.relative_to(PACKAGE))
    return f"sys.path.insert(0, {str(archive)!r})\nimport discreet"


@pytest.mark.parametrize("why", [*INTERPRETERS, *REFUSED, "zip", "wide"])
def test_no_child_can_be_started(hosts: Hosts, why: str) -> None:
    """The host ends as ever, nobody is started, and the event is on the log."""
    with serving(BEHAVIOURS["ok"]) as server:
        first = packed(hosts) if why == "zip" else {**INTERPRETERS, **REFUSED}.get(why, "")
        more = WIDE if why == "wide" else "{}"
        first = first or "import os; vars(os).pop('memfd_create', None)"  # as in another system
        assert same(hosts.run(hosts.program(server.url, first=first, more=more)), hosts.bare())
        assert len(hosts.logged()) == 1
        assert not hosts.children()
        assert not server.requests


@pytest.mark.parametrize("why", [*INTERPRETERS, "zip", "asked for", "threading"])
def test_the_thread_delivers(hosts: Hosts, why: str) -> None:
    """In a host that lives long enough its thread does the child's work, where none can be or none is wanted."""
    with serving(BEHAVIOURS["ok"]) as server:
        first = packed(hosts) if why == "zip" else {**INTERPRETERS, "threading": THREADING}.get(why, "")
        more = "{'delivery': 'thread'}" if why == "asked for" else "{}"
        assert same(hosts.run(hosts.program(server.url, first=first, more=more, then=lives(hosts))), hosts.bare())
        assert not hosts.children()
        assert arrived(server.requests) == hosts.logged()
    assert len(hosts.logged()) == 1


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_no_thread_delivers_without_streams(hosts: Hosts, closed: int) -> None:
    """In a host that has closed a standard stream its thread opens no connection, not even to look up a name, since
    what the host prints might go there. A later run delivers.
    """
    looked = hosts.scratch / "looked"
    first = f"""
sys.path.insert(0, {str(hosts.library)!r})
from discreet.sending.courier import Courier
work = Courier.work
def looking(self, run):
    work(self, run)
    os.close(os.open({str(looked)!r}, os.O_CREAT))
Courier.work = looking
os.close({closed})
"""
    then = f"""
end = time.monotonic() + 15
while time.monotonic() < end and not os.path.exists({str(looked)!r}):
    time.sleep(0.01)
"""
    with serving(BEHAVIOURS["ok"]) as server:
        script = hosts.program(server.url, first=first, more="{'delivery': 'thread'}", then=then)
        hosts.run(script)
        assert looked.exists()
        assert server.visits == 0
        hosts.run(hosts.program(server.url), 2)
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert len(hosts.logged()) == 2


def test_a_later_run_delivers_for_a_thread(hosts: Hosts) -> None:
    """What a host's end cut off in its thread is delivered by a later run."""
    seen = hosts.scratch / "seen"
    then = f"""
end = time.monotonic() + 15
while time.monotonic() < end and not os.path.exists({str(seen)!r}):
    time.sleep(0.01)
"""

    def silent(visit: Visit) -> None:
        visit.read()
        seen.touch()
        visit.stay()

    with serving(in_turn(silent, BEHAVIOURS["ok"])) as server:
        script = hosts.program(server.url, more="{'delivery': 'thread'}", then=then, timeout=300)
        assert same(hosts.run(script, 1), hosts.bare())
        time.sleep(0.6)  # the shortest backoff
        hosts.run(hosts.program(server.url), 2)
        server.wait(2)
        hosts.wait_for_the_end()
        assert arrived(server.requests[1:]) == hosts.logged()
    assert len(hosts.logged()) == 2


def test_the_log_goes_on_while_the_thread_waits(hosts: Hosts) -> None:
    """While the thread hangs at a server, events reach the log, `flush` says so, and the end does not wait."""
    then = f"""
end = time.monotonic() + 15
while time.monotonic() < end and not os.path.exists({str(hosts.directory / "delivery.json")!r}):
    time.sleep(0.01)
time.sleep(0.2)
assert discreet.flush(5.0)
time.sleep(1.2)  # the thread would look again by now
for number in range(5):
    discreet.track("search", n=number)
    assert discreet.flush(5.0)
    with open({str(hosts.directory / "usage.jsonl")!r}) as log:
        assert len(log.readlines()) == 2 + number
discreet.track("search", n=9)
with open({str(hosts.scratch / "end")!r}, "w") as file:
    file.write(str(time.time()))
"""
    with serving(BEHAVIOURS["silent"]) as server:
        script = hosts.program(server.url, more="{'delivery': 'thread'}", then=then, timeout=300)
        assert same(hosts.run(script), hosts.bare())
        ended = time.time() - float((hosts.scratch / "end").read_text())
        assert ended < 5
        assert server.visits == 1
        assert not hosts.children()
    assert len(hosts.logged()) == 7


# Python 3.12 warns of the thread at a fork, rightly.
AT_IT = "import warnings; warnings.filterwarnings('ignore', 'This process', DeprecationWarning)"


def test_a_fork_does_not_keep_the_lock(hosts: Hosts) -> None:
    """A worker forked while the thread delivers, and that lives on, holds up no delivery after it."""
    then = f"""
{locked(hosts)}
{AT_IT}
worker = os.fork()
if not worker:
    time.sleep(20)
    os._exit(0)
{lives(hosts)}
import fcntl
answer = "held"
with open(lock) as file:
    for _ in range(100):  # the thread lets go of it a moment after the receipt
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            answer = "free"
            break
        except BlockingIOError:
            time.sleep(0.1)
with open({str(hosts.scratch / "held")!r}, "w") as file:
    file.write(answer)
os.kill(worker, 9)
os.waitpid(worker, 0)
"""
    with serving(slowly) as server:
        script = hosts.program(server.url, more="{'delivery': 'thread'}", then=then)
        result = hosts.run(script)
        assert result.returncode == 3, result.stderr
        assert arrived(server.requests) == hosts.logged()
    assert (hosts.scratch / "held").read_text() == "free"


def test_a_daemon_does_not_keep_the_lock(hosts: Hosts) -> None:
    """A host that delivers, forks and ends by `os._exit`, as daemons begin, leaves its child no lock to hold."""
    then = f"""
{locked(hosts)}
{AT_IT}
daemon = os.fork()
if daemon:
    with open({str(hosts.scratch / "daemon")!r}, "w") as file:
        file.write(str(daemon))
    os._exit(3)
os.close(1)
os.close(2)
time.sleep(20)
os._exit(0)
"""
    with serving(BEHAVIOURS["silent"]) as server:
        script = hosts.program(server.url, more="{'delivery': 'thread'}", then=then, timeout=300)
        assert hosts.run(script).returncode == 3
        daemon = int((hosts.scratch / "daemon").read_text())
        try:
            with DeliveryLock(names.Paths("mytool", {}, str(hosts.directory)), patience=5.0) as held:
                assert held
        finally:
            os.kill(daemon, signal.SIGKILL)


def slowly(visit: Visit) -> None:
    """Answer after a while, so that there is time to fork in the middle."""
    visit.read()
    time.sleep(0.5)
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("executable", "answer"),
    [
        ("/usr/bin/python3", True),
        ("/opt/pypy/bin/pypy3.11", True),
        ("/Library/Python.app/Contents/MacOS/Python", True),
        ("/usr/sbin/uwsgi", False),
        ("/opt/editor/editor", False),
        ("python3", False),
        ("", False),
        (None, False),
    ],
)
def test_which_interpreters_are_started_again(
    executable: str | None, answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is an interpreter by its name: an application with one inside would be started a second time."""
    monkeypatch.setattr(sys, "executable", executable)
    assert handover.can_start() is answer


def test_a_package_without_files_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where modules have no file, as in applications that carry them in memory, none is started and none fails."""
    monkeypatch.delattr(handover, "__file__")
    assert not handover.can_start()


def stale(hosts: Hosts, pid: int) -> None:
    """A text of a deliverer that did not take its leave."""
    (hosts.directory / "lock").write_text(f"{pid}\n")


OLD: dict[str, Callable[[], int]] = {"dead": lambda: 2**22 - 1, "another's": os.getpid, "init": lambda: 1}


@pytest.mark.parametrize("whose", OLD)
def test_a_stale_lock_delays_nobody(hosts: Hosts, whose: str) -> None:
    """A pid that a killed deliverer left in the lock, and that by now is a zombie's or another's, stops nobody."""
    stale(hosts, OLD[whose]())
    with serving(BEHAVIOURS["ok"]) as server:
        hosts.run(hosts.program(server.url))
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert json.loads((hosts.directory / "receipts.jsonl").read_bytes())["status"] == 200


def test_a_fork_while_the_thread_delivers_waits_for_nobody(hosts: Hosts) -> None:
    """The thread is at a request, and will not end soon: a fork neither waits for it nor looks whether it is gone."""
    then = f"""
{locked(hosts)}
{AT_IT}
from discreet.sending import fork
fork._see_off = lambda thread: print("waits for", thread, file=sys.stderr)
for _ in range(3):
    worker = os.fork()
    if not worker:
        os._exit(0)
    os.waitpid(worker, 0)
"""
    with serving(slowly) as server:
        result = hosts.run(hosts.program(server.url, more="{'delivery': 'thread'}", then=then))
    assert (result.returncode, result.stderr) == (3, b"to stderr\n")
