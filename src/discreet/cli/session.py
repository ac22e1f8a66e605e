"""What one call of a verb works with: the tool, the command as it was typed, and the ways to print.

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
    """A parser whose errors pass `shown`, too: a word of the command line may be a file's name that somebody else chose
    and a shell put in place of `*`.
    """

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong, and exit with status 2."""
        super().error(shown(message, sys.stderr))


class Session:
    """One call. `command` is what was typed before the verb, `alone` is whether the tool's declaration is unknown, and
    `standalone` whether no host's code runs in this process.
    """

    def __init__(self, telemetry: Recorder, command: str, *, alone: bool = False, standalone: bool = False) -> None:
        self.telemetry = telemetry
        self.command = command
        self.alone, self.standalone = alone, standalone

    @property
    def paths(self) -> names.Paths:
        """Where the tool's files lie."""
        return self.telemetry.paths

    def say(self, text: str = "") -> None:
        """Print one line for a person."""
        self.put(shown(text, sys.stdout))

    def put(self, text: str, *, exactly: bool = False) -> None:
        """Print text that holds nothing a terminal would obey; with `exactly`, in UTF-8 with plain newlines, whatever
        the terminal's encoding and line ends.
        """
        # Neither a closed stdout has a `buffer`, nor a text stream that a host put there.
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
        """Write out what was printed. Raises `OutputLost`."""
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
        """What the gate says now, whatever it said when the process started."""
        return consent.decide(facts_of(self.telemetry))

    def debugged(self) -> str:
        """A sentence if the environment has events shown in place of being recorded, else ""."""
        for variable, value in names.said(self.telemetry.name, self.telemetry.environ, "DEBUG"):
            if names.shows(self.telemetry.name, {variable: value}):
                return f"{variable} is set: events are shown on stderr, and neither written nor sent"
        return ""

    def say_where(self, verb: str) -> None:
        """If asked without the tool: say that its files may lie elsewhere, and what to type then."""
        if self.alone:
            name = self.telemetry.name
            self.say(
                f"Asked without {name} itself: if it keeps its files elsewhere, or under other names, this does not "
                f"reach it. Then type `{name} telemetry {verb}`."
            )

    def check_tool(self, verb: str, otherwise: str = "") -> None:
        """Raise `Misuse` if the tool itself is not asked, whose destinations nobody else knows."""
        if self.alone:
            raise Misuse(
                f"{verb} needs the tool itself: its destinations are not known here. "
                f"Try `{self.telemetry.name} telemetry {verb}`{otherwise}."
            )

    def check_place(self) -> None:
        """Raise `Failure` if there is no directory that this user's files may lie in."""
        facts = facts_of(self.telemetry)
        if facts.home:
            (place,) = (line for line in lines(facts) if line.row == "home")
            raise Failure(f"there is no place for telemetry files: {facts.home}; {place.change}")


def shown(text: str, stream: TextIO | None) -> str:
    r"""The text with escapes such as `\x1b` in place of what is not printable, or not in the terminal's encoding.

    What is printable stays, so that a path can be copied from the screen. Never raises.
    """
    plain = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return plain.encode(encoding, "backslashreplace").decode(encoding)


def positive(text: str) -> int:
    """Read a number of records, as the `type` of an option: argparse makes a sentence of the error."""
    number = int(text) if text.isdecimal() and len(text) < 19 else 0  # below sys.maxsize
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a number of records, at least 1, not {text!r}")
    return number


def counted(number: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
