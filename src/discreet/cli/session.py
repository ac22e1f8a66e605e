"""What one call of a verb works with: the tool, how the command is called, and how its failures are told.

The rule that keeps it honest: everything printed from a file or the environment passes `safe`, which leaves nothing
that a terminal would obey.
"""

from .. import consent, names
from ..report.text import safe
from ..telemetry import Recorder


class Misuse(Exception):
    """A wrong use of a verb: exit status 2, with the text on stderr."""


class Failure(Exception):
    """What was asked for could not be done: exit status 1, with the text on stderr."""


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
        print(safe(text))

    def decide(self) -> consent.Decision:
        """What the gate says now, whatever it said when the process began."""
        return consent.decide(self.telemetry.facts())

    def check_place(self) -> None:
        """Raise `Failure` where no directory of this user's can be written."""
        facts = self.telemetry.facts()
        if facts.home:
            raise Failure(f"there is no place for telemetry files: {facts.home}")


def counted(number: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
