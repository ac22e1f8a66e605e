"""Processes that fork: the child's events are its own, each exactly once, and the parent's are not repeated."""

import os
import sys
import time
from collections import Counter
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

HEAD = """
import os, sys, threading, time
import discreet


def wait_for(child):
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        sys.exit(f"the child ended with {status}")


telemetry = discreet.init("mytool", version="1.0")
"""
FORKS = {
    "before the first event": """
child = os.fork()
discreet.track("child" if not child else "parent", n=1)
""",
    "after an event": """
discreet.track("parent", n=1)
child = os.fork()
if not child:
    discreet.track("child", n=1)
""",
    "after a flush": """
discreet.track("parent", n=1)
assert discreet.flush(10.0)
child = os.fork()
if not child:
    discreet.track("child", n=1)
""",
    "after close": """
discreet.track("parent", n=1)
assert discreet.close(10.0)
child = os.fork()
if not child:
    discreet.track("child", n=1)
""",
    "with a full queue": """
for _ in range(500):
    discreet.track("busy", n=1)
discreet.track("parent", n=1)
child = os.fork()
if not child:
    discreet.track("child", n=1)
""",
    "with losses": """
discreet.track("Not a name")
discreet.track("parent", n=1)
child = os.fork()
if not child:
    discreet.track("child", n=1)
""",
    "from a thread": """
discreet.track("parent", n=1)
def work():
    global child
    child = os.fork()
    if not child:
        discreet.track("child", n=1)
        assert discreet.flush(10.0)
        os._exit(0)
thread = threading.Thread(target=work)
thread.start()
thread.join()
""",
    "inside a command": """
with telemetry.command("parent"):
    child = os.fork()
if not child:
    discreet.track("child", n=1)
else:
    discreet.track("parent", n=1)
""",
}
WORKERS = """
import multiprocessing, sys
import discreet


def work(n):
    telemetry = discreet.init("mytool", version="1.0")
    telemetry.track("child", n=n)
    {flush}


def forked(n):
    discreet.track("child", n=n)
    {flush}


if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    discreet.init("mytool", version="1.0")
    discreet.track("parent", n=0)
    children = [context.Process(target={target}, args=(n,)) for n in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(20)
    sys.exit(any(child.exitcode for child in children))
"""


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("fork", FORKS)
def test_a_forked_child_tracks(run_python: Any, read_log: Any, fork: str) -> None:
    """Parent and child each find their event on the log exactly once, under different runs, and what was queued or
    counted before the fork is the parent's alone.
    """
    end = "\nif child:\n    wait_for(child)\n"
    # Python 3.12 warns of threads at a fork, but raises nothing before 3.15; here it may, where the host has two.
    flags = ["-W", "always::DeprecationWarning" if fork != "from a thread" else "ignore"]
    result = run_python(HEAD + FORKS[fork] + end, flags=flags)
    told = "discreet: dropped event (no legal name): event_name\n" if fork == "with losses" else ""
    assert (result.returncode, result.stdout, result.stderr) == (0, "", told)
    records = read_log()
    commands = 2 if fork == "inside a command" else 0  # both processes leave the scope
    expected = {"parent": 1, "child": 1, "busy": 500 * (fork == "with a full queue"), "command": commands}
    assert Counter(record["event"] for record in records) == +Counter(expected)
    assert len({record["id"] for record in records}) == len(records)
    runs = {event: {record["run"] for record in records if record["event"] == event} for event in ("parent", "child")}
    assert len(runs["parent"] | runs["child"]) == 2


def test_losses_are_not_doubled(run_python: Any, directory: Any) -> None:
    """What the parent dropped before the fork, and has not saved yet, is counted once."""
    program = HEAD + "discreet.track('Not a name')\nchild = os.fork()\nif child:\n    wait_for(child)\n"
    assert run_python(program, flags=[]).returncode == 0
    assert (directory / "losses.json").read_text() == '{"event_name":1}\n'


@pytest.mark.usefixtures("directory")
def test_a_fork_is_silent(run_python: Any, read_log: Any) -> None:
    """A host that forks with our thread about gets no warning of threads and forks (the interpreter has one since
    Python 3.12), and no event is lost over many forks.
    """
    program = HEAD + "for n in range(30):\n    discreet.track('parent', n=n)\n    child = os.fork()\n"
    program += "    if not child:\n        os._exit(0)\n    wait_for(child)\n"
    result = run_python(program, flags=["-W", "always"])
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [record["properties"]["n"] for record in read_log()] == list(range(30))


@pytest.mark.usefixtures("directory")
def test_the_hooks_of_a_fork_hold_nothing(run_python: Any) -> None:
    """The interpreter keeps the hooks to its very end: a room of ours that they reached would live till then, and every
    command end later for it.
    """
    program = """
import builtins, gc, os
hooks = []
os.register_at_fork = lambda **named: hooks.append([*named.values()])
"""
    program += (
        HEAD
        + """
discreet.track("parent", n=1)
ours = hooks[-1]  # the others are the standard library's
reached, ahead = [], list(ours)
while ahead:
    found = ahead.pop()
    if found is not vars(builtins) and not any(found is other for other in reached):
        reached.append(found)
        ahead += gc.get_referents(found)
print(len(ours), sum(type(found) is dict for found in reached), *[found for found in reached if found is telemetry])
"""
    )
    result = run_python(program)
    assert (result.stdout, result.stderr) == ("2 2\n", "")  # their globals, which hold nothing


@pytest.mark.usefixtures("directory")
def test_a_fork_of_a_compiled_program(run_python: Any, read_log: Any) -> None:
    """Where a function is of a class that makes none, as Nuitka's, parent and child record as ever."""
    program = """
import types
from discreet import sending

class Compiled:
    def __init__(self, *_):
        raise TypeError("arg 5 (closure) expected cell, found compiled_cell")

sending.type = lambda thing: Compiled if isinstance(thing, types.FunctionType) else type(thing)
"""
    end = """
discreet.track("parent", n=1)
child = os.fork()
if child:
    wait_for(child)
else:
    discreet.track("child", n=1)
"""
    result = run_python(program + HEAD + end, flags=[])
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert sorted(record["event"] for record in read_log()) == ["child", "parent"]


@pytest.mark.usefixtures("directory")
def test_no_thread_at_the_moment_of_a_fork(run_python: Any, read_log: Any) -> None:
    """When the fork happens our thread has ended, so that the child inherits nothing half done; the next event starts
    another one.
    """
    program = """
import _thread, os
THREADS = "/proc/self/task"
def threads():
    return len(os.listdir(THREADS)) - 1 if os.path.isdir(THREADS) else _thread._count()
os.register_at_fork(before=lambda: print(threads()))  # runs last: the hook registered first
from discreet.sending import fork
fork.FORK_SECONDS = 10.0  # on a busy machine the real ones may pass before its turn
"""
    program += (
        HEAD
        + """
class Slow:  # lets the thread take its time, after the last line of ours, until it is gone
    def __del__(self):
        time.sleep(0.02)
mine = _thread._local()
append = discreet.log.Log.append
def slowly(log, lines):
    mine.held = Slow()
    return append(log, lines)
discreet.log.Log.append = slowly
for n in range(4):
    discreet.track("parent", n=n)
    assert discreet.flush(10.0)
    assert threads() == 1
    if n == 3:
        assert discreet.close(10.0)
    child = os.fork()
    if not child:
        os._exit(0)
    wait_for(child)
"""
    )
    result = run_python(program, flags=["-u", "-W", "always::DeprecationWarning"])
    assert (result.returncode, result.stdout, result.stderr) == (0, "0\n" * 4, "")
    assert len(read_log()) == 4


@pytest.mark.usefixtures("directory")
def test_a_fork_does_not_wait_for_a_disk(run_python: Any) -> None:
    """With a disk that hangs a fork goes on all the same, and the child is not stuck in the parent's write."""
    program = (
        HEAD
        + """
import _thread
telemetry.track("parent", n=1)
assert discreet.flush(10.0)
hanging = _thread.allocate_lock()
hanging.acquire()
telemetry._sender._log.append = lambda lines: hanging.acquire() and len(lines)
telemetry.track("parent", n=2)
time.sleep(0.05)
started = time.monotonic()
child = os.fork()
if not child:
    os._exit(0)
wait_for(child)
assert time.monotonic() - started < 10.0
print("on it goes", flush=True)
os._exit(0)
"""
    )
    result = run_python(program, flags=[])  # Python 3.12 warns of the thread, rightly
    assert (result.returncode, result.stdout) == (0, "on it goes\n")


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("flush", [True, False], ids=["flushed", "not flushed"])
def test_workers(run_python: Any, read_log: Any, method: str, flush: bool) -> None:
    """Workers of `multiprocessing`, however they are started, have their events on the log, each with a run of its own.

    A forked one inherits the instance, the others make theirs; most end by `os._exit`, which runs no exit handlers.
    """
    program = WORKERS.format(
        method=method,
        target="forked" if method == "fork" else "work",
        flush="assert discreet.flush(10.0)" if flush else "pass",
    )
    result = run_python(program, flags=[], timeout=50)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    records = read_log()
    assert Counter(record["event"] for record in records) == {"parent": 1, "child": 4}
    assert sorted(record["properties"]["n"] for record in records if record["event"] == "child") == [0, 1, 2, 3]
    assert len({record["run"] for record in records}) == 5


@pytest.mark.usefixtures("directory")
def test_a_worker_that_is_interrupted_at_its_end(run_python: Any) -> None:
    """A second Ctrl-C, which reaches the workers, too, is no failure of one that has done its work."""
    program = """
import multiprocessing, os, signal, sys, time
import discreet
from discreet.log import Log

def append(log, lines):
    while not telemetry._sender.closed:  # until the worker ends
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
    return real(log, lines)

def work():
    telemetry.track("child", n=1)

real, Log.append = Log.append, append
telemetry = discreet.init("mytool", version="1.0")
worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join(20)
sys.exit(worker.exitcode)
"""
    result = run_python(program)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("how", ["hang()", "by_hand()", "None"])
def test_a_worker_closes_once(run_python: Any, method: str, how: str) -> None:
    """A worker ends by several doors. It waits at one of them for a disk that hangs; and what it closed itself is not
    closed, and handed over, again.
    """
    program = f"""
import multiprocessing, sys, time
import discreet
from discreet.log import Log
from discreet.sending import Sender

def closed(sender, timeout):
    print("closed", flush=True)
    return close(sender, timeout)

def hang():
    Log.append = lambda *_: time.sleep(60)
    discreet.track("child", n=2)

def by_hand():
    assert discreet.close(10.0)

def work():
    discreet.init("mytool", version="1.0")
    discreet.track("child", n=1)
    assert discreet.flush(10.0)
    {how}

close, Sender.close = Sender.close, closed
if __name__ == "__main__":
    worker = multiprocessing.get_context("{method}").Process(target=work)
    worker.start()
    worker.join()
    sys.exit(worker.exitcode)
"""
    result = run_python(program, flags=[])
    assert (result.returncode, result.stdout, result.stderr) == (0, "closed\n", "")


@pytest.mark.usefixtures("directory")
def test_a_worker_of_a_parent_that_has_closed(run_python: Any, read_log: Any) -> None:
    """What the parent closed before the fork the worker's end closes for the worker, and so hands over its events."""
    program = """
import multiprocessing, sys
import discreet

class Loud(discreet.Telemetry):
    def close(self, timeout=10.0):
        print("closed", flush=True)
        return super().close(timeout)

telemetry = Loud("mytool", version="1.0")
telemetry.track("parent", n=1)
telemetry.close()
worker = multiprocessing.get_context("fork").Process(target=telemetry.track, args=("child", {"n": 1}))
worker.start()
worker.join()
"""
    result = run_python(program, flags=[])
    assert (result.returncode, result.stdout, result.stderr) == (0, "closed\nclosed\n", "")
    assert [record["event"] for record in read_log()] == ["parent", "child"]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_an_object_that_holds_telemetry(run_python: Any, read_log: Any, method: str) -> None:
    """A pool is given a method of an object that has the telemetry in an attribute: it is that of the worker there,
    which records.
    """
    program = f"""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import discreet


class Tool:
    def __init__(self):
        self.telemetry = telemetry

    def work(self, n):
        with self.telemetry.command("child"):
            return n


telemetry = discreet.init("mytool", version="1.0")
if __name__ == "__main__":
    telemetry.track("parent", n=1)
    with ProcessPoolExecutor(2, multiprocessing.get_context("{method}")) as pool:
        print(*pool.map(Tool().work, range(4)))
"""
    result = run_python(program, flags=[])  # concurrent.futures has warnings of its own about threads and forks
    assert (result.returncode, result.stdout, result.stderr) == (0, "0 1 2 3\n", "")
    assert Counter(record["event"] for record in read_log()) == {"parent": 1, "command": 4}


@pytest.mark.usefixtures("directory")
def test_a_program_that_is_started(run_python: Any, read_log: Any) -> None:
    """A tool that runs another program of the same tool has both events, each once, under two runs."""
    program = HEAD + "discreet.track('child' if sys.argv[1:] else 'parent', n=1)\nif not sys.argv[1:]:\n"
    program += "    import subprocess\n    subprocess.run([sys.executable, __file__, 'again'], check=True)\n"
    result = run_python(program)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    records = read_log()
    assert Counter(record["event"] for record in records) == {"parent": 1, "child": 1}
    assert len({record["run"] for record in records}) == 2


@pytest.mark.usefixtures("directory")
@pytest.mark.skipif(sys.platform == "win32", reason="no file descriptors to inherit")
def test_a_daemon(run_python: Any, read_log: Any) -> None:
    """A program that forks twice, closes everything and leaves its directory records as before."""
    program = (
        HEAD
        + """
discreet.track("parent", n=1)
child = os.fork()
if child:
    wait_for(child)
    sys.exit()
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
os.closerange(0, 100)
discreet.track("daemon", n=1)
discreet.flush(10.0)
os._exit(0)
"""
    )
    result = run_python(program)  # returns when the daemon has let go of the output
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    for _ in range(1000):
        if len(read_log()) == 2:
            break
        time.sleep(0.01)
    assert Counter(record["event"] for record in read_log()) == {"parent": 1, "daemon": 1}
