"""May a person be spoken to now? What the question and the notice ask first.

The rule that keeps it honest: in doubt nothing is said. It is enough that somebody has decided already, that a machine
or an agent is in a person's place, or that the call is about something else.
"""

import os

from . import PASS, Facts, readings
from .environments import agent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# A call with one of these, anywhere before a `--`, wants its answer and nothing before that.
OPTIONS = ("-h", "--help", "-V", "--version", "--install-completion", "--show-completion")
# Sub-commands of the same kind, as the first word; whoever types `mytool telemetry` needs no question.
COMMANDS = ("help", "version", "completion", "completions", "telemetry")
# A shell asks for completions: argcomplete; bash's own variables; `_MYTOOL_COMPLETE` of click and typer.
COMPLETION = ("_ARGCOMPLETE", "COMP_LINE", "COMP_POINT", "COMP_CWORD")
_COMPLETION_END = "_COMPLETE"
DUMB = ("", "dumb", "unknown")  # values of TERM: an editor's shell, a serial line, a program that reads along


def may_speak(facts: Facts, argv: "Sequence[str]") -> bool:
    """Whether nothing is decided yet and a person seems to have typed `argv`. Never raises.

    A test runner and CI count even if they are lifted: recording is allowed there then, but no question.
    """
    for row, verdict, _, _ in readings(facts):
        if row in ("test runner", "CI") or (verdict != PASS and row != "default"):
            return False
    environ = facts.environ
    if agent(environ) or (os.name == "posix" and environ.get("TERM", "") in DUMB):
        return False
    if any(name in COMPLETION or name.endswith(_COMPLETION_END) for name in environ):
        return False
    words = list(argv[1:])
    if "--" in words:
        del words[words.index("--") :]
    return set(OPTIONS).isdisjoint(words) and set(COMMANDS).isdisjoint(words[:1])
