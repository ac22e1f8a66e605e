"""One command a process tree: a tool that calls itself records the outer command only."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from discreet import Telemetry
from discreet.hosts import tree

INSIDE = "MYTOOL_TELEMETRY_INSIDE"
HOST = """
import os, subprocess, sys
import discreet

telemetry = discreet.init("mytool", once_per_tree={once})

@telemetry.command
def inner():
    discreet.track("seen")

@telemetry.command
def outer():
    seen = os.environ.get("MYTOOL_TELEMETRY_INSIDE", "")
    print(seen == str(os.getpid()), flush=True)
    subprocess.run([sys.executable, __file__, "inner"], check=True)
    {more}

{{"inner": inner, "outer": outer}}[sys.argv[1]]()
print(os.environ.get("MYTOOL_TELEMETRY_INSIDE", "nothing"))
"""

Host = Callable[..., list[str]]


@pytest.fixture
def host(home: Path, tmp_path: Path) -> Host:
    """Run the host as a child of a user who agreed; what it printed, and then what was recorded of all processes."""
    directory = home / ".mytool" / "telemetry"
    directory.mkdir(parents=True)
    (directory / "opt-in").write_text("true\n")

    def run(word: str = "outer", *, once: bool = True, more: str = "", **variables: str) -> list[str]:
        script = tmp_path / "mytool.py"
        script.write_text(HOST.format(once=once, more=more))
        environment = {**clean_environment(home), "DISCREET_DEBUG": "1", **variables}
        command = [sys.executable, "-W", "error", str(script), word]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
        assert done.stderr == ""
        log = directory / "usage.jsonl"
        records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        assert not (directory / "losses.json").exists()
        return done.stdout.split() + [record["properties"].get("command", record["event"]) for record in records]

    return run


def test_the_outer_command_only(host: Host) -> None:
    """The inner process records its other events and no command; the variable ends with the command."""
    inner_saw_a_number = host()
    assert inner_saw_a_number[0] == "True"
    assert inner_saw_a_number[1].isdecimal()
    assert inner_saw_a_number[2:] == ["nothing", "seen", "outer"]


def test_not_asked_for(host: Host) -> None:
    """Without the option both are recorded, and no variable is set."""
    assert host(once=False) == ["False", "nothing", "nothing", "seen", "inner", "outer"]


def test_nothing_is_set_while_off(host: Host) -> None:
    """Where nothing is recorded nothing is told to the children."""
    assert host(DO_NOT_TRACK="1") == ["False", "nothing", "nothing"]


@pytest.mark.parametrize("value", ["", "0", "garbage", "-1", "\u0661", "9" * 10, "9" * 5000])
def test_a_variable_that_says_nothing(host: Host, value: str) -> None:
    """What names no living process is passed over, and is gone after a command of our own."""
    found = host("inner", **{INSIDE: value})
    assert found[-2:] == ["seen", "inner"]


def test_a_variable_of_a_living_process(host: Host) -> None:
    """The variable of a process that lives makes an inner one, whoever's it is; it is left as it was."""
    assert host("inner", **{INSIDE: str(os.getpid())}) == [str(os.getpid()), "seen"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork(host: Host) -> None:
    """A fork within a command is no outer one: neither at the end of what it copied nor by a command of its own."""
    more = "child = os.fork()\n    if not child: inner(); return\n    os.waitpid(child, 0)"
    assert host(more=more)[-3:] == ["seen", "seen", "outer"]


@pytest.mark.skipif(os.name == "nt", reason="exec starts another process there")
def test_exec(host: Host) -> None:
    """Who becomes another command by `exec` is the outer one of that: the first one never ended."""
    assert host(more='os.execv(sys.executable, [sys.executable, __file__, "inner"])')[-2:] == ["seen", "inner"]


def test_a_host_that_clears_its_environment(host: Host) -> None:
    """The command is recorded although the variable was taken away."""
    assert host(more="os.environ.clear()")[-1] == "outer"


def test_within_one_process(make_telemetry: Callable[..., Telemetry], monkeypatch: Any) -> None:
    """Of commands nested in one process the outer one is recorded, with the facts of both; the next is a new one."""
    telemetry = make_telemetry(once_per_tree=True)
    for number in (1, 2):
        with telemetry.command("outer"):
            assert os.environ[INSIDE] == str(os.getpid())
            with telemetry.command("inner"):
                telemetry.scope.add(n=number)
        assert INSIDE not in os.environ
    assert telemetry.flush(5.0)
    assert telemetry.losses == {}
    with open(telemetry.paths["log"]) as log:
        found = [json.loads(line)["properties"] for line in log]
    assert [(each["command"], each["n"]) for each in found] == [("outer", 1), ("outer", 2)]


def test_two_at_once(make_telemetry: Callable[..., Telemetry]) -> None:
    """Commands of two threads are both recorded, in whichever order they end."""
    telemetry = make_telemetry(once_per_tree=True)

    def other() -> None:
        with telemetry.command("second"):
            pass

    with telemetry.command("first"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert telemetry.flush(5.0)
    with open(telemetry.paths["log"]) as log:
        assert [json.loads(line)["properties"]["command"] for line in log] == ["second", "first"]


def test_a_task_that_outlives_its_command(make_telemetry: Callable[..., Telemetry]) -> None:
    """What a task does when the command is over that it was started in is no part of that command."""
    telemetry = make_telemetry(once_per_tree=True)

    async def outlive(ended: asyncio.Event) -> None:
        for name in ("inside", "late"):
            with telemetry.command(name):
                pass
            await ended.wait()

    async def main() -> None:
        ended = asyncio.Event()
        with telemetry.command("first"):
            task = asyncio.create_task(outlive(ended))
            await asyncio.sleep(0)
        ended.set()
        await task

    asyncio.run(main())
    assert telemetry.flush(5.0)
    with open(telemetry.paths["log"]) as log:
        assert [json.loads(line)["properties"]["command"] for line in log] == ["first", "late"]


def test_a_process_that_ended() -> None:
    """The number of a process that ended is no living one."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert not tree._lives(process.pid)
    assert tree._lives(os.getpid())
    assert not tree._lives(2**80)


@pytest.mark.parametrize("value", ["yes", 1, None, "true"])
def test_a_wrong_option(value: object) -> None:
    """The option is True or False."""
    with pytest.raises(ValueError, match="once_per_tree must be True or False"):
        Telemetry("mytool", once_per_tree=value)  # type: ignore[arg-type]
