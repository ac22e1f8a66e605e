"""The terminal: whether a person is there, and one line that they type within a time limit.

The rule that keeps it honest: no mode of the terminal is ever changed. However a question ends, by an answer, by Ctrl-C
or by a kill, there is nothing to put back.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

_PAUSE = 0.05  # seconds between two looks at the keyboard, on Windows
# Elsewhere the system ends the wait at a key; but a Ctrl-C in the instant before it begins is noticed only after it.
_WAIT_SECONDS = 0.2
_LINE_BYTES = 4096  # a terminal keeps no longer line


def attended(*streams: "TextIO | None") -> bool:
    """Whether each stream is a terminal in whose foreground this process runs: reading in the background would stop the
    process. Never raises.
    """
    for stream in streams:
        try:
            number = stream.fileno()  # type: ignore[union-attr]  # None: caught
            if not os.isatty(number) or (os.name == "posix" and os.tcgetpgrp(number) != os.getpgrp()):
                return False
        except (AttributeError, OSError, ValueError):  # closed, replaced by something else, not our terminal
            return False
    return True


def is_idle(stream: "TextIO") -> bool:
    """Whether the terminal takes lines and nothing was typed ahead; that would be meant for something else."""
    if os.name == "nt":
        return not _keyboard().kbhit()
    import select
    import termios

    descriptor = stream.fileno()
    by_line = termios.tcgetattr(descriptor)[3] & termios.ICANON
    return bool(by_line) and not select.select([descriptor], [], [], 0)[0]


def line(stream: "TextIO", seconds: float) -> str | None:
    """What is typed until Enter; None if that takes longer, or the input ends. Raises `OSError`."""
    if os.name == "nt":
        return line_of_keys(_keyboard(), time.monotonic() + seconds)
    import select
    import termios

    descriptor, until = stream.fileno(), time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([descriptor], [], [], min(left, _WAIT_SECONDS))[0]:
            return os.read(descriptor, _LINE_BYTES).decode(errors="replace") or None
    termios.tcflush(descriptor, termios.TCIFLUSH)  # half an answer must not become a command of the shell
    return None


def line_of_keys(keyboard: "Any", until: float) -> str | None:
    """The same on Windows, whose console is read key by key; `keyboard` is its module `msvcrt`."""
    typed = ""
    while time.monotonic() < until:
        if not keyboard.kbhit():
            time.sleep(_PAUSE)
            continue
        key = keyboard.getwche()
        if key == "\x03":
            raise KeyboardInterrupt
        if key in "\r\n":
            return f"{typed}\n"
        if key == "\x1a":
            return None
        typed = typed[:-1] if key == "\b" else typed + key
    return None


def _keyboard() -> "Any":
    import msvcrt

    return msvcrt
