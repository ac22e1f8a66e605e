"""One command for each process tree: a tool that calls itself records the outer command only.

    MYTOOL_TELEMETRY_INSIDE=4711      the process whose command is running; seen by the processes that it starts

The rule that keeps it honest: the variable is set only while a command is being recorded, and holds a process number
and nothing else. If that process is dead, or this very one, it says nothing: one that `exec`s itself is the outer one.

Three races are accepted. If two commands run at once in one process, the first to end removes the variable, so what the
other one starts after that records as well. The number may meanwhile be that of another process. And a signal handler
that raises in the microseconds in which a command is entered or left may leave it the outer one of all that follows.
"""

import os

from .. import names

_DIGITS = 10  # of the largest process number of any system


def variable(tool: str) -> str:
    """The variable of a tool."""
    return f"{names.prefix(tool)}_TELEMETRY_INSIDE"


def inside(tool: str) -> bool:
    """Whether this process was started within a command of the tool in another process, which still lives."""
    text = os.environ.get(variable(tool), "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text)):
        return False
    return int(text) != os.getpid() and _lives(int(text))


def enter(tool: str) -> int:
    """Set the variable for the processes started from now on. Returns the number of this one."""
    process = os.getpid()
    os.environ[variable(tool)] = str(process)
    return process


def leave(tool: str, process: object) -> bool:
    """Remove the variable. False in a fork of the process that entered: the fork is not the outer one."""
    if process != os.getpid():
        return False
    if os.environ.get(variable(tool)) == str(process):
        del os.environ[variable(tool)]
    return True


def _lives(process: int) -> bool:
    if os.name == "nt":
        return True  # `os.kill` would end it there
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's, as under `sudo`
    return True
