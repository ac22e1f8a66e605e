"""The verbs: `mytool telemetry VERB ...`, one row each, read by people and by scripts.

The rule that keeps it honest: answers go to stdout, in sentences; errors go to stderr, never as a traceback. The exit
status is 0, 1 (it could not be done), 2 (a wrong use) or 130 (Ctrl-C); `run` has that of its command.

A new verb is one function in a module of this room and one row here.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .. import files, names
from ..telemetry import Recorder
from . import consent, data, delivery, disclosure, export, forget, record, report
from .session import Failure, Misuse, OutputLost, Parser, Session

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class Verb(NamedTuple):
    """A row: the word, what it does, an example without the command's head, its function, and its arguments, if any."""

    word: str
    summary: str
    example: str
    run: Callable[[Session, argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None


VERBS = (
    Verb("on", "agree: record from now on", "on", consent.on, consent.on_arguments),
    Verb("off", "stop recording; recorded data is kept, and never sent", "off", consent.off),
    Verb("status", "is it on, why, and what is stored", "status --json", consent.status, consent.status_arguments),
    Verb("explain", "every rule, what it saw, and what to type", "explain", consent.explain),
    Verb(
        "disclosure",
        "what is recorded, what never, where it goes, every way to turn it off",
        "disclosure --check README.md",
        disclosure.disclosure,
        disclosure.disclosure_arguments,
    ),
    Verb("preview", "the last records, as they stand in the log", "preview -n 3", data.preview, data.preview_arguments),
    Verb(
        "report",
        "what was recorded, added up: tables, a page, JSON or CSV",
        "report --since 7d",
        report.report,
        report.report_arguments,
    ),
    Verb(
        "export",
        "a summary to read and to pass on: sums and counts by day, no ids",
        "export --out usage.md",
        export.export,
        export.export_arguments,
    ),
    Verb(
        "sent",
        "what left: when, where, how much, and the receiver's answer",
        "sent -n 5",
        delivery.sent,
        delivery.sent_arguments,
    ),
    Verb("flush", "deliver what waits now, in the foreground", "flush", delivery.flush),
    Verb("clear", "erase all data and the stored answer", "clear --yes", data.clear, data.clear_arguments),
    Verb(
        "forget",
        "ask receivers to delete what was sent, then erase it all here",
        "forget --yes",
        forget.forget,
        forget.forget_arguments,
    ),
    Verb(
        "log",
        "record one event, from a shell or a Makefile",
        "log sync --duration 1.5 --exit-code 0 --set files=12",
        record.log,
        record.log_arguments,
    ),
    Verb(
        "run",
        "run a command and record how long it took and how it ended",
        "run --event apply -- make apply",
        record.run,
        record.run_arguments,
    ),
)


def add_verbs(parser: argparse.ArgumentParser, head: str = "") -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """Add the verbs to `parser` as sub-commands. Each sets `verb`, which `run_verb` runs.

    `head` is what is typed before a verb, for usage lines and examples; "" is the parser's own name.
    """
    head = head or parser.prog
    rows = parser.add_subparsers(title="verbs", metavar="VERB", prog=head)
    for verb in VERBS:
        add_verb(rows, verb, head)
    return rows


def parsed(
    parser: Parser,
    rows: "argparse._SubParsersAction[argparse.ArgumentParser]",
    argv: Sequence[str] | None,
    hint: "Callable[[argparse.Namespace, list[str]], str]" = lambda _arguments, _rest: "",
) -> argparse.Namespace:
    """The arguments. Raises `SystemExit` as `parse_args` does. The error lists the verbs if none was typed. For words
    that the verb does not take, it shows the verb's usage, unless `hint` says where they belong.
    """
    arguments, rest = parser.parse_known_args(argv)
    if "verb" not in arguments:
        parser.error(f"the following arguments are required: VERB; there are {', '.join(rows.choices)}")
    if rest:
        verb = rows.choices[arguments.verb.word]
        belongs, option = hint(arguments, rest), rest[0].partition("=")[0]
        if not belongs and any(option in action.option_strings for action in verb._actions):
            belongs = f"; {option} belongs after the verb"
        (parser if belongs else verb).error(f"unrecognized arguments: {' '.join(rest)}{belongs}")
    return arguments


def add_verb(rows: "argparse._SubParsersAction[argparse.ArgumentParser]", verb: Verb, head: str) -> None:
    """Add one more verb to those of `add_verbs`."""
    child = rows.add_parser(
        verb.word,
        prog=f"{head} {verb.word}",
        help=verb.summary,
        description=f"{verb.summary[0].upper()}{verb.summary[1:]}.",
        epilog=f"example: {head} {verb.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # an example broken over two lines cannot be copied
        allow_abbrev=False,
    )
    verb.arguments(child)
    child.set_defaults(verb=verb)


def run_verb(session: Session, arguments: argparse.Namespace) -> int:
    """Run the verb that `arguments` chose, and return the exit status. An error becomes a sentence on stderr."""
    try:
        status: int = arguments.verb.run(session, arguments)
        session.flush()
    except Misuse as error:
        session.complain(str(error))
        return 2
    except Failure as error:
        session.complain(str(error))
        return 1
    except OutputLost as lost:
        return _without_output(session, lost.__cause__)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        session.complain(f"{_culprit(error, str(error.filename or session.paths.directory))}: {error.strerror}")
        return 1
    return status


def _culprit(error: OSError, path: str) -> str:
    """The path that a person knows: not a temporary file's, nor one inside what is no directory."""
    head, name = os.path.split(path)
    path = os.path.join(head, files.unfinished(name) or name)
    while isinstance(error, NotADirectoryError) and not os.path.isdir(head) and head != os.path.dirname(head):
        path, head = head, os.path.dirname(head)
    return path


def _without_output(session: Session, cause: BaseException | None) -> int:
    """End although stdout takes no more. Unwritten output goes to the null device, or Python would complain at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    if isinstance(cause, BrokenPipeError):
        return 0  # `... report | head`: the reader has what it wanted
    session.complain(f"the output could not be written: {getattr(cause, 'strerror', cause)}")
    return 1


def main(telemetry: Recorder, argv: Sequence[str] | None = None, *, command: str = "", color: bool = True) -> int:
    """The verbs of a host's own command, by default `mytool telemetry ...`. See `Telemetry.main`. `color` is whether
    the pages may have the colours of `argparse`.
    """
    command = command or names.typed(telemetry.program, telemetry.verbs)
    parser = Parser(
        prog=command,
        description=f"What {telemetry.name} records about its use: see it, switch it on and off, erase it.",
        epilog=f"example: {command} status",
        allow_abbrev=False,
    )
    if not color:
        parser.color = False  # type: ignore[attr-defined]  # that host's Python has it; verbs added later take it over
    rows = add_verbs(parser)
    arguments = parsed(parser, rows, argv)
    return run_verb(Session(telemetry, command), arguments)
