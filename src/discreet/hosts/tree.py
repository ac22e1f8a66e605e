"""One command a process tree: a tool that calls itself records the outer command only.

    MYTOOL_TELEMETRY_INSIDE=4711      the process whose command is running; seen by the processes that it starts

The rule that keeps it honest: the variable is there only while a command is being recorded, and holds a process number
and nothing else. One that names no living process, or this very one, says nothing: who `exec`s itself is the outer one.

Two races are accepted. Of two commands that run at once in one process the first to end takes the variable away, so
what the other one starts after that records as well. And a number may be in use again by another process.
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
    """Tell the processes that are started from now on; the number of this one."""
    process = os.getpid()
    os.environ[variable(tool)] = str(process)
    return process


def leave(tool: str, process: object) -> bool:
    """Take it back; False in a fork of the process that entered, which is not the outer one."""
    if process != os.getpid():
        return False
    if os.environ.get(variable(tool)) == str(process):
        del os.environ[variable(tool)]
    return True


def _lives(process: int) -> bool:
    if os.name == "nt":
        return True  # to ask there is to end it
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's, as under `sudo`
    return True
