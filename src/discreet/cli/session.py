"""What one call of a verb works with: the tool, how the command is called, and how things are said.

The rule that keeps it honest: everything printed for a person, errors included, passes `shown`, which leaves nothing
that a terminal would obey.
"""

import argparse
import sys
from typing import NoReturn, TextIO

from .. import consent, names
from ..consent.explain import lines
from ..telemetry import Recorder, facts_of


class Misuse(Exception):
    """A wrong use of a verb: exit status 2, with the text on stderr."""


class Failure(Exception):
    """What was asked for could not be done: exit status 1, with the text on stderr."""


class OutputLost(Exception):
    """Stdout takes no more; the cause is the `OSError`."""


class Parser(argparse.ArgumentParser):
    """A command line. What is wrong with it is told like everything else: a word of it may be the name of a file that
    somebody else gave, in a directory that was typed as `*`.
    """

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and how it is used; exit status 2."""
        super().error(shown(message, sys.stderr))


class Session:
    """One call. `command` is what was typed before the verb; `alone` is whether no host's declaration is at hand."""

    def __init__(self, telemetry: Recorder, command: str, *, alone: bool = False) -> None:
        self.telemetry = telemetry
        self.command = command
        self.alone = alone

    @property
    def paths(self) -> names.Paths:
        """Where the tool's files lie."""
        return self.telemetry.paths

    def say(self, text: str = "") -> None:
        """Print one line for a person."""
        self.put(shown(text, sys.stdout))

    def put(self, text: str, *, exactly: bool = False) -> None:
        """Print text that holds nothing a terminal would obey; `exactly` as its bytes in UTF-8, whatever the terminal's
        encoding and line ends.
        """
        # A closed stdout has none, nor a text stream that a host put there.
        stream = getattr(sys.stdout, "buffer", None)
        try:
            if exactly and stream is not None:
                sys.stdout.flush()
                stream.write(f"{text}\n".encode())
            else:
                print(text)
        except OSError as error:
            raise OutputLost from error

    def flush(self) -> None:
        """Write out what was printed."""
        try:
            if sys.stdout is not None:  # closed when the process was started
                sys.stdout.flush()
        except OSError as error:
            raise OutputLost from error

    def complain(self, text: str) -> None:
        """Print one line on stderr, after the name of the command."""
        if sys.stderr is not None:  # closed: `print` would take stdout instead
            print(shown(f"{self.command}: {text}", sys.stderr), file=sys.stderr)

    def decide(self) -> consent.Decision:
        """What the gate says now, whatever it said when the process began."""
        return consent.decide(facts_of(self.telemetry))

    def debugged(self) -> str:
        """That the environment has events shown in the place of being recorded; "" where it has not."""
        for variable, value in names.said(self.telemetry.name, self.telemetry.environ, "DEBUG"):
            if names.shows(self.telemetry.name, {variable: value}):
                return f"{variable} is set: events are shown on stderr, and neither written nor sent"
        return ""

    def say_where(self, verb: str) -> None:
        """Where no host's declaration is at hand: that the tool's files may lie elsewhere, and what to type then."""
        if self.alone:
            name = self.telemetry.name
            self.say(
                f"Asked without {name} itself: if it keeps its files elsewhere, or under other names, this does not "
                f"reach it. Then type `{name} telemetry {verb}`."
            )

    def check_place(self) -> None:
        """Raise `Failure` where no directory of this user's can be written."""
        facts = facts_of(self.telemetry)
        if facts.home:
            (place,) = (line for line in lines(facts) if line.row == "home")
            raise Failure(f"there is no place for telemetry files: {facts.home}; {place.change}")


def shown(text: str, stream: TextIO | None) -> str:
    r"""The text as a terminal may have it: what is not printable, or unknown to it, as an escape such as `\x1b`.

    What is printable stays, so that a path can be copied from the screen. Never raises.
    """
    plain = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return plain.encode(encoding, "backslashreplace").decode(encoding)


def positive(text: str) -> int:
    """How many records are to be shown. The type of an option: argparse makes a sentence of what is wrong."""
    number = int(text) if text.isdecimal() and len(text) < 19 else 0  # below sys.maxsize
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a number of records, at least 1, not {text!r}")
    return number


def counted(number: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
