"""Finalizers that run while the interpreter takes its modules apart: whatever they call, nothing is printed."""

import sys
from typing import Any

import pytest

PROGRAM = """
import os, sys
import discreet

telemetry = discreet.init("mytool")
{before}

class Last:
    def __init__(self, work, *held):
        self.work, self.held = work, held

    def __del__(self):
        self.work(*self.held)

def enter(command):
    with command as scope:
        scope.add(n=1)

def leave(generator):
    generator.close()

def hold():
    with telemetry.command("held"):
        yield

def count(session):
    session.count("n")
    session.close()

held = hold()
next(held)
assert type(telemetry.scope).__name__ == "Scope"
{place} = {last}
"""
WORK = {
    "track": "Last(lambda telemetry: telemetry.track('late', n=2), telemetry)",
    "discreet.track": "Last(lambda track: track('late', n=2), discreet.track)",
    "a command": "Last(enter, telemetry.command('late'))",
    "a command that is made then": "Last(lambda telemetry: enter(telemetry.command('late')), telemetry)",
    "a decorated function": "Last(telemetry.command('late')(len), 'a')",
    "the end of a command": "Last(leave, held)",
    "a session": "Last(count, telemetry.session())",
    "a session that is made then": "Last(lambda telemetry: count(telemetry.session()), telemetry)",
    "the scope": "Last(lambda telemetry: telemetry.scope.add(n=1), telemetry)",
    "a flag": "Last(lambda telemetry: telemetry.flag('new-ui', 5), telemetry)",
}
# What holds the object to the end: the modules go one after another.
PLACES = ["last", "sys.last", "import threading; threading.last", "import os; os.last"]
IMPORTS = ["normal", "all"] if sys.version_info >= (3, 15) else ["normal"]  # which of them are lazy


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("lazy", IMPORTS)
@pytest.mark.parametrize("before", ["", "discreet.track('first', n=1)"], ids=["at first", "later"])
@pytest.mark.parametrize("work", WORK)
def test_nothing_is_printed(run_python: Any, work: str, before: str, lazy: str) -> None:
    """Neither an error nor a traceback, wherever the object was held and whether anything was recorded before."""
    environment = {"DISCREET_DEBUG": "", "PYTHON_LAZY_IMPORTS": lazy}
    for place in PLACES:
        done = run_python(PROGRAM.format(before=before, last=WORK[work], place=place), env=environment, flags=[])
        assert (place, done.returncode, done.stdout, done.stderr) == (place, 0, "", "")


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("work", WORK)
def test_nothing_is_raised_where_errors_are_shown(run_python: Any, work: str) -> None:
    """What `DISCREET_DEBUG=1` shows at the very end fails in no way of its own, which Python would print."""
    for place in PLACES:
        done = run_python(
            PROGRAM.format(before="discreet.track('first', n='1')", last=WORK[work], place=place), flags=[]
        )
        assert (place, done.returncode, done.stdout) == (place, 0, "")
        assert "Exception ignored" not in done.stderr, done.stderr
