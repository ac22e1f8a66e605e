"""The verbs that record: `log`, for what a shell measured itself, and `run`, which measures a command.

The rule that keeps it honest: a wrong use is an error even where telemetry is off; where it is on, `log` says what the
declaration leaves out. The running itself is in hosts/shell.py, since a Makefile's `run` does not come through here.
"""

import argparse
import shlex
import shutil
from collections.abc import Iterator, Mapping

from .. import names
from ..hosts import exit_code, shell
from .session import Failure, Misuse, Session

_FLUSH_SECONDS = 1.0
# Conversions of text: what looks like a number stays text. For a distribution it is the one item.
_TEXTUAL = ("hash", "one_of", "text_count", "version", "distribution")
_LEGAL = f"a lower-case letter, then such, digits, _ and ., at most {names.NAME_LENGTH} in all"
_LONGEST_SECONDS = names.LARGEST_INTEGER / 1000


def log_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `log`."""
    parser.add_argument("event", metavar="EVENT", help="its name: lower-case letters, digits, _ and .")
    parser.add_argument("--duration", type=_seconds, metavar="SECONDS", help="recorded as duration_ms")
    parser.add_argument("--exit-code", type=int, metavar="N", help="recorded as exit_code and success")
    _set_argument(parser)


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `run`."""
    parser.usage = "%(prog)s [-h] [--event EVENT] [--set KEY=VALUE] -- COMMAND ..."
    parser.add_argument(
        "--event", default=shell.EVENT, metavar="EVENT", help="the name of the event (default: %(default)s)"
    )
    _set_argument(parser)
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND ...", help="the command and its arguments")


def log(session: Session, arguments: argparse.Namespace) -> int:
    """Record one event. Where telemetry is off, do nothing and succeed; a wrong use is an error all the same."""
    _check_event(arguments.event)
    _check_declared(session, arguments.event)
    properties, wrong, left = _declared(session, arguments.event, dict(map(_pair, arguments.set)))
    if wrong:
        raise Misuse("; ".join(wrong))
    if arguments.duration is not None:
        properties["duration_ms"] = round(arguments.duration * 1000)
    if arguments.exit_code is not None:
        properties["exit_code"] = exit_code(None, arguments.exit_code)
        properties["success"] = properties["exit_code"] == 0
    if session.telemetry.recording():
        _record(session, arguments.event, properties)
        for why, fields in left.items():
            session.complain(f"recorded without {', '.join(fields)}: {why}")
    return 0


def run(session: Session, arguments: argparse.Namespace) -> int:
    """Run a command, record it, and end as it ended."""
    _check_event(arguments.event)
    argv = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if argv[1:2] == ["--"] == arguments.argv[1:2] and arguments.event == shell.EVENT:
        _check_first(argv)
    if not argv or not argv[0]:
        raise Misuse(f"what is to be run? For example: {session.command} run -- make apply")
    properties, _, _ = _declared(session, arguments.event, dict(map(_pair, arguments.set)))
    own = session.standalone
    return shell.run(session.telemetry, arguments.event, argv, session.complain, properties, instead=own)


def _check_first(argv: list[str]) -> None:
    """Raise `Misuse` if the first word is no command, but may be meant as the event, which `log` takes there."""
    event, words = argv[0], argv[2:]
    if words and names.legal_name(event) and shutil.which(event) is None:
        meant = f"run --event {event} -- {shlex.join(words)}"
        raise Misuse(f"there is no command {event}; if that is the event: {meant}")


def _set_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a further property: a number, true or false; text only where the tool declares it",
    )


class _Watched(Mapping[str, object]):
    """Properties that note which of them the filter drops while it iterates over them."""

    def __init__(self, properties: dict[str, object], losses: dict[str, int]) -> None:
        self._properties = properties
        self._losses = losses
        self.left_out: list[str] = []
        self.beyond: list[str] = []  # what the filter did not ask for, as the event was full

    def __getitem__(self, key: str) -> object:
        return self._properties[key]

    def __len__(self) -> int:
        return len(self._properties)

    def __iter__(self) -> Iterator[str]:
        keys = list(self._properties)
        for at, key in enumerate(keys):
            before = sum(self._losses.values())
            # Set before the `yield`: only CPython tells us at once that the filter stopped, if full or by an error.
            self.beyond = keys[at:] if at - len(self.left_out) >= names.PROPERTIES else []
            yield key
            if sum(self._losses.values()) > before:
                self.left_out.append(key)
        self.beyond = []


def _record(session: Session, event: str, properties: dict[str, object]) -> None:
    telemetry = session.telemetry
    watched = _Watched(properties, telemetry.losses)
    dropped = telemetry.losses.get("conversion", 0)
    telemetry.track(event, watched)
    if telemetry.losses.get("conversion", 0) > dropped:
        telemetry.flush(_FLUSH_SECONDS)
        raise Failure(f"the event was dropped: a value of it could not be converted; see `{session.command} status`")
    if not telemetry.flush(_FLUSH_SECONDS):
        raise Failure(f"the event could not be written to {session.paths['log']}")
    if watched.left_out:
        session.complain(f"recorded without {', '.join(watched.left_out)}: {_only(session, event)}")
    if watched.beyond:
        beyond = ", ".join(watched.beyond)
        session.complain(f"recorded without {beyond}: an event holds {names.PROPERTIES} fields at most")


def _only(session: Session, event: str) -> str:
    """Why some properties were left out: what is recorded of this event."""
    declaration, name = session.telemetry.declaration, session.telemetry.name
    if declaration is None or not declaration.closed:
        return f"only true, false, numbers of up to nine digits and what {name} itself declares are recorded"
    fields = ", ".join(declaration.rows(event) or declaration.fields) or "none"
    return f"{name} declares what {event} may hold, and they are not among it; there are {fields}"


def _check_event(event: str) -> None:
    if not names.legal_name(event):
        raise Misuse(f"{event!r} is not a legal event name: {_LEGAL}")


def _check_declared(session: Session, event: str) -> None:
    """Raise `Misuse` for an undeclared event, in a tool that declares its events: it would never be recorded."""
    declaration = session.telemetry.declaration
    if declaration is not None and declaration.closed and event not in declaration.events:
        declared = ", ".join(sorted(declaration.events))
        raise Misuse(f"{session.telemetry.name} declares its events, and {event} is none of them; there are {declared}")


def _declared(
    session: Session, event: str, texts: dict[str, str]
) -> tuple[dict[str, object], list[str], dict[str, list[str]]]:
    """The values of `--set`, as text where the row wants text; a sentence for each that its row refuses, which would
    drop the whole event; and, by reason, the fields of which nothing would be recorded.
    """
    declaration = session.telemetry.declaration
    rows = (declaration.rows(event) or declaration.fields) if declaration is not None else {}
    level = session.decide().level if rows else "basic"
    properties: dict[str, object] = {}
    wrong: list[str] = []
    left: dict[str, list[str]] = {}
    for key, text in texts.items():
        row = rows.get(key)
        word = getattr(row, "word", "")
        value = text if word in _TEXTUAL else _guessed(text)
        if word == "boolean" and text.lower() in names.FALSE_WORDS:
            value = False  # any other text counts as true
        properties[key] = value
        if isinstance(row, dict):
            wrong.append(f"--set {key}: it is a field of fields, which is for the tool's own code to record")
        elif row is not None:
            try:
                # A hash takes any text, and cannot be tried without its salt.
                if row.word != "hash" and row.convert(value) is None:
                    left.setdefault("nothing of that is recorded", []).append(key)
                elif row.level not in ("basic", level):
                    left.setdefault(f"that is recorded only after `{session.command} on --enhanced`", []).append(key)
            except ValueError:
                wrong.append(f"--set {key}={text}: it is declared as {row.word}, and {text!r} is none")
    return properties, wrong, left


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not names.legal_name(key):
        raise Misuse(f"--set takes key=value with a legal key ({_LEGAL}), not {text!r}")
    return key, value


def _guessed(text: str) -> object:
    """A boolean, a number or a text, whichever it looks like."""
    if text in ("true", "false"):
        return text == "true"
    if not text.isascii() or "_" in text or text != text.strip():
        return text  # Python would read some of these as numbers
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _seconds(text: str) -> float:
    """Read a duration, as the `type` of an option: argparse makes a sentence of the error."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < _LONGEST_SECONDS:  # false for NaN, too
        raise argparse.ArgumentTypeError(f"must be a number of seconds, such as 1.5, not {text!r}")
    return seconds
