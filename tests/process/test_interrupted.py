"""A signal in a host: Ctrl-C in a program of `asyncio`, which makes a cancellation of it, is recorded as what it was,
and no other one is; and what a handler raises reaches the host, whatever it interrupts.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")

ReadLog = Callable[..., list[dict[str, Any]]]
PROGRAM = """
import asyncio
import discreet

telemetry = discreet.init("mytool")

async def wait():
    print("ready", flush=True)
    await asyncio.sleep(60)

@telemetry.command
async def decorated():
    await wait()

async def block():
    with telemetry.command("block"):
        await wait()

async def session():
    with telemetry.session():
        await wait()

async def grouped():
    async with asyncio.TaskGroup() as group:
        group.create_task(decorated())

async def timeout():
    try:
        async with asyncio.timeout(0.01):
            with telemetry.command("slow"):
                await asyncio.sleep(60)
    except TimeoutError:
        pass

async def cancelled():
    task = asyncio.create_task(decorated())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass

async def survived():
    try:
        await block()
    except asyncio.CancelledError:
        pass  # as a program does that asks for the next line
    await timeout()

async def taken_back():
    try:
        await block()
    except asyncio.CancelledError:
        asyncio.current_task().uncancel()
    await cancelled()

asyncio.run({main}())
"""
INTERRUPTED = {"success": False, "exit_code": 130, "error": "KeyboardInterrupt"}
FAILED = {"success": False, "exit_code": 1, "error": "other"}
# What the program does, its exit status, and what is recorded.
ROWS: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "decorated": (-signal.SIGINT, [{"command": "decorated", **INTERRUPTED}]),
    "block": (-signal.SIGINT, [{"command": "block", **INTERRUPTED}]),
    "grouped": (-signal.SIGINT, [{"command": "decorated", **INTERRUPTED}]),
    "session": (-signal.SIGINT, [{"success": False, "error": "KeyboardInterrupt"}]),
    "survived": (0, [{"command": "block", **INTERRUPTED}, {"command": "slow", **FAILED}]),
    "taken_back": (0, [{"command": "block", **INTERRUPTED}, {"command": "decorated", **FAILED}]),
    "timeout": (0, [{"command": "slow", **FAILED}]),
    "cancelled": (0, [{"command": "decorated", **FAILED}]),
}


@pytest.mark.parametrize("main", ROWS)
def test_a_coroutine(environment: dict[str, str], directory: Path, read_log: ReadLog, main: str) -> None:
    """A real SIGINT is recorded as it is of a plain function; a cancellation by anybody else is an error like others,
    after a SIGINT that the program went on from as well.
    """
    status, expected = ROWS[main]
    program = PROGRAM.replace("{main}", main)
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    if main not in ("timeout", "cancelled"):
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode == status
    assert bool(said) == bool(status)
    assert not (directory / "losses.json").exists()
    records = [record["properties"] for record in read_log()]
    assert [{k: v for k, v in one.items() if k != "duration_ms"} for one in records] == expected


LIMIT = """
import signal
import sys
import discreet


class Late(Exception):
    pass


class Limit:
    def by_method(self, number, frame):
        self.reach()

    def by_rest(*_):
        raise Late

    def reach(self):
        raise Late


class Slow:
    def __len__(self):
        signal.raise_signal(signal.SIGALRM)
        return 1


def waiting(timeout, wait):
    signal.raise_signal(signal.SIGALRM)
    return wait(timeout)


telemetry = discreet.init("mytool", fields={"x": "count"})
signal.signal(signal.SIGALRM, getattr(Limit(), sys.argv[1]))
"""
OWN = """
import sys
import discreet


class Names:
    def __getitem__(self, name):
        raise ValueError


class Local:
    def __len__(self):
        caller = sys._getframe(1)
        raise ValueError(caller.f_lineno)


class Within:
    def __len__(self):
        exec("x", {}, Names())


telemetry = discreet.init("mytool", fields={"x": "count"})
"""
WITHIN = {
    "track": "telemetry.track('search', x=Slow())",
    "command": "with telemetry.command('search', x=Slow()): pass",
    "session": "telemetry.session(x=Slow()).close()",
    "flush": "telemetry.track('search')\nmade = telemetry._sender.flush\ntelemetry._sender.flush = lambda timeout: "
    "waiting(timeout, made)\ntelemetry.flush()",
}

FORK = """
import os
from discreet.sending import fork

made = fork.rest
fork.rest = lambda sender: waiting(sender, made)
telemetry.track('search')
os.waitpid(os.fork() or os._exit(0), 0)
"""
ENTERED = """
from discreet.hosts import tree

telemetry.once_per_tree = True
made = tree.enter
tree.enter = lambda tool: waiting(tool, made)
try:
    with telemetry.command("first"):
        pass
except Late:
    tree.enter = made
with telemetry.command("second"):
    pass
"""


def run_limit(environment: dict[str, str], program: str, handler: str) -> "subprocess.CompletedProcess[str]":
    """Run a program in which a handler raises."""
    command = [sys.executable, "-c", LIMIT + program, handler]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("handler", ["by_method", "by_rest"])
@pytest.mark.parametrize("call", list(WITHIN))
def test_a_time_limit(environment: dict[str, str], directory: Path, call: str, handler: str) -> None:
    """A time limit, as of Celery and rq, is an exception of the host's raised in its handler of a signal. It ends what
    the host does, whatever call of ours it comes in, and is no loss.
    """
    program = f"{WITHIN[call]}\nprint('went on')"
    result = run_limit(environment, program, handler)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.endswith("\nLate\n")
    assert not (directory / "losses.json").exists()


@pytest.mark.usefixtures("directory")
def test_a_time_limit_before_a_command(environment: dict[str, str], read_log: ReadLog) -> None:
    """A command that could not begin is not the outer one of those that follow."""
    assert run_limit(environment, ENTERED, "by_method").returncode == 0
    assert [record["properties"]["command"] for record in read_log()] == ["second"]


@pytest.mark.parametrize(
    "left",
    [
        "left = telemetry.session(x=Slow())",
        WITHIN["flush"].replace("flush", "close").rpartition("\n")[0],
        FORK,
    ],
    ids=["session", "log", "fork"],
)
def test_a_time_limit_at_the_exit(environment: dict[str, str], directory: Path, left: str) -> None:
    """At the exit it has nothing left to end, and from a fork's preparation it cannot reach the host: the interpreter,
    which would print it, hears nothing of it.
    """
    result = run_limit({**environment, "DISCREET_DEBUG": ""}, left, "by_method")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", ["Local", "Within"])
def test_an_error_of_an_object(environment: dict[str, str], directory: Path, read_log: ReadLog, kind: str) -> None:
    """What an object of the host's raises itself stays inside, though it looks at who calls it, or has its own kind of
    namespace.
    """
    program = f"{OWN}telemetry.track('search', x={kind}())\ntelemetry.track('end')\n"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "DISCREET_DEBUG": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [record["event"] for record in read_log()] == ["end"]
    assert json.loads((directory / "losses.json").read_text())["conversion"] == 1
