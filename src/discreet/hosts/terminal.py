"""The terminal: is a person there, and one line of theirs, for which is waited so long and no longer.

The rule that keeps it honest: no mode of the terminal is ever changed. However a question ends, by an answer, by Ctrl-C
or by a kill, there is nothing to put back.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

_PAUSE = 0.05  # seconds between two looks at the keyboard, on Windows
# Elsewhere the system wakes us; but a Ctrl-C in the very instant before the wait begins is noticed after it only.
_WAIT_SECONDS = 0.2
_LINE_BYTES = 4096  # a terminal keeps no longer line


def attended(*streams: "TextIO | None") -> bool:
    """Whether each stream is a terminal in whose foreground this process runs: from the background, reading would stop
    it. Never raises.
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
    """Whether the terminal takes lines, and nothing was typed ahead, which was meant for somebody else."""
    if os.name == "nt":
        return not _keyboard().kbhit()
    import select
    import termios

    descriptor = stream.fileno()
    by_line = termios.tcgetattr(descriptor)[3] & termios.ICANON
    return bool(by_line) and not select.select([descriptor], [], [], 0)[0]


def line(stream: "TextIO", seconds: float) -> str | None:
    """What is typed until Enter; None where that takes longer, or the input ends. Raises `OSError`."""
    if os.name == "nt":
        return line_of_keys(_keyboard(), time.monotonic() + seconds)
    import select
    import termios

    descriptor, until = stream.fileno(), time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([descriptor], [], [], min(left, _WAIT_SECONDS))[0]:
            return os.read(descriptor, _LINE_BYTES).decode(errors="replace") or None
    termios.tcflush(descriptor, termios.TCIFLUSH)  # half an answer is no command for the shell
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
