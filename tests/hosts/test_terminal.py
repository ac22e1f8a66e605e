"""One line from a terminal: in time or not at all; and whose terminal it is."""

import io
import os
import pty
import sys
import termios
import time
from collections.abc import Iterator
from typing import TextIO

import pytest

from discreet.hosts import terminal


@pytest.fixture
def ends() -> Iterator[tuple[int, TextIO]]:
    """A terminal that controls nobody: the end of who types, and that of who reads."""
    master, slave = pty.openpty()
    with open(slave, encoding="utf-8") as stream:
        yield master, stream
    os.close(master)


def test_a_line(ends: tuple[int, TextIO]) -> None:
    """What was typed until Enter, and nothing more of it."""
    master, stream = ends
    os.write(master, b"\xff y\nn\n")
    assert terminal.line(stream, 20.0) == "\ufffd y\n"
    assert terminal.line(stream, 20.0) == "n\n"


def test_no_line(ends: tuple[int, TextIO]) -> None:
    """Nothing in time, or the end of the input, is None; half a line is forgotten, not left to the next reader."""
    master, stream = ends
    os.write(master, b"rm -r")
    assert terminal.line(stream, 0.01) is None
    os.write(master, b"\n")
    assert terminal.line(stream, 20.0) == "\n"
    os.write(master, b"\x04")
    assert terminal.line(stream, 20.0) is None


def test_an_interrupt_in_the_instant_before_the_wait(ends: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """The system does not end a wait for a signal that came before it began: it is noticed after it, so it is short."""
    waits: list[float] = []

    def wait(*arguments: float) -> tuple[list[int], list[int], list[int]]:
        waits.append(arguments[3])
        if len(waits) == 2:
            raise KeyboardInterrupt
        return [], [], []

    monkeypatch.setattr("select.select", wait)
    with pytest.raises(KeyboardInterrupt):
        terminal.line(ends[1], 20.0)
    assert max(waits) < 1.0


def test_an_idle_terminal(ends: tuple[int, TextIO]) -> None:
    """One that takes lines and has none waiting."""
    master, stream = ends
    assert terminal.is_idle(stream)
    os.write(master, b"typed ahead\n")
    while terminal.is_idle(stream):
        time.sleep(0.001)
    assert terminal.line(stream, 20.0) == "typed ahead\n"
    raw = termios.tcgetattr(stream)
    raw[3] &= ~termios.ICANON
    termios.tcsetattr(stream, termios.TCSANOW, raw)
    assert not terminal.is_idle(stream)


def test_nobody_is_there(ends: tuple[int, TextIO]) -> None:
    """No stream, a closed or replaced one, a pipe, and a terminal that is not the one of this session."""
    _, stream = ends
    with open(os.devnull, encoding="utf-8") as nothing:
        for other in (None, nothing, io.StringIO(), stream, object()):
            assert not terminal.attended(other)  # type: ignore[arg-type]
    assert not terminal.attended(nothing)


class Keyboard:
    """Windows' console, at which these keys are pressed."""

    def __init__(self, keys: str) -> None:
        self._keys = list(keys)

    def kbhit(self) -> bool:
        return bool(self._keys)

    def getwche(self) -> str:
        return self._keys.pop(0)


@pytest.mark.parametrize(
    ("keys", "line"), [("yes\r", "yes\n"), ("n\by\n", "y\n"), ("\r", "\n"), ("y\x1a", None), ("y", None)]
)
def test_a_line_of_keys(keys: str, line: str | None) -> None:
    """On Windows a line is made of keys; its end, and the time limit, are None there, too."""
    assert terminal.line_of_keys(Keyboard(keys), time.monotonic() + 0.2) == line


def test_ctrl_c_among_keys() -> None:
    """Ctrl-C is an interrupt there as well."""
    with pytest.raises(KeyboardInterrupt):
        terminal.line_of_keys(Keyboard("y\x03\r"), time.monotonic() + 20.0)


def test_windows_reads_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no such thing as a line of the terminal, both ways in look at the keyboard."""
    monkeypatch.setattr(terminal.os, "name", "nt")
    monkeypatch.setitem(sys.modules, "msvcrt", Keyboard("y\r"))  # type: ignore[arg-type]
    assert not terminal.is_idle(sys.stdin)
    assert terminal.line(sys.stdin, 20.0) == "y\n"
    assert terminal.is_idle(sys.stdin)
