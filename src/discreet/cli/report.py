"""The verb `report`: what was recorded, added up, as text, as a page, for programs.

The rule that keeps it honest: this module parses the request and passes data on. `report.summarize` counts, and every
form shows the figures of `report.document`. The room `report` is loaded only when the verb runs.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter

from .. import names
from ..log import timestamp
from ..privacy.spelled import BELOW
from ..sending.records import is_time
from . import data
from .session import Failure, Misuse, Session, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..report.document import Document
    from ..report.packs import Asked
    from ..report.read import Tally
    from ..report.summarize import Summary

_STDOUT = ("-", "/dev/stdout")  # opened by name, it starts anew: the sentence after the page would overwrite the page
_PAGE_BEGINS = b"<!doctype html"  # in lower case
_PAGE = 100  # columns of a report at most: longer lines are hard to follow
_AGO = re.compile(r"([0-9]{1,5})([hdw])")
_UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_SOON = 1.0  # seconds of reading before a progress bar is shown
_STEP = 0.1  # seconds between two updates of it
_BLOCKS = "\u2588\u258f\u2591\u00b1"


def report_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `report`."""
    add = parser.add_argument
    add("file", nargs="*", metavar="FILE", help="log files, also of gzip (default: the log of this user)")
    when = "an age (24h, 7d or 2w), a day (2026-11-20) or a moment (2026-11-20T10:30:00Z), in UTC"
    add("--since", metavar="WHEN", help=f"from then on: {when}")
    add("--until", metavar="WHEN", help="until then, written in the same way; a day is meant with all of it")
    add("--event", action="append", metavar="EVENT", help="this event only; may be repeated")
    add("--by", metavar="FIELD", help="the values of this field apart; also event, tool, version, py or os")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="all figures as one JSON object")
    forms.add_argument("--csv", action="store_true", help="all figures as one table of CSV")
    forms.add_argument(
        "--html", metavar="FILE", help="write a page to this file (-: stdout), for a browser or a printer"
    )


def report(session: Session, arguments: argparse.Namespace) -> int:
    """What was recorded, added up."""
    from ..report.document import document

    asked = _asked(arguments, time.time())
    paths = _once(arguments.file) if arguments.file else data.log_files(session)
    if arguments.html is not None:
        _check_target(session, arguments.html, paths)
    skipped: Tally = Counter()
    summary = _summed(paths, asked, skipped)
    found = document(summary, session.telemetry.declaration, skipped)
    if arguments.json:
        import json

        session.put(json.dumps(found, indent=1), exactly=True)
    elif arguments.csv:
        from ..report.table import table

        session.put(table(found), exactly=True)
    elif arguments.html is not None:
        from ..report.html import page

        nothing, begin = _nothing(session, arguments, found)
        begin = shown(begin, None)  # it may hold a directory, whose name may hold anything
        tool, only = session.telemetry.name, shown(_only(arguments), None)  # so may the name of a file
        text = page(found, tool=tool, only=only, nothing=nothing, begin=begin)
        _write(session, arguments.html, text)
    else:
        _print(session, arguments, found)
    _tell_of_by(session, found)
    return 0


def _once(paths: "Sequence[str]") -> list[str]:
    """These paths, each file once, whatever its names. Raises `Failure` for one that does not exist."""
    found: dict[tuple[int, int], str] = {}
    for path in paths:
        try:
            held = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Failure(f"{path}: no such file") from None
        found.setdefault((held.st_dev, held.st_ino), path)
    return list(found.values())


def _check_target(session: Session, path: str, logs: "Sequence[str]") -> None:
    """Raise `Misuse` if the page would destroy something: in `report --html *.jsonl`, a shell makes the first log the
    file to write to. Race: another process may create a file between this check and the writing; it is overwritten.
    """
    if not path:
        raise Misuse("--html wants the name of a file, or - for stdout")
    if path in _STDOUT:
        return
    instead = "give it a file of its own, such as --html page.html"
    if any(data.same(log, path) for log in logs):
        raise Misuse(f"--html would write over {path}, a log to be read; {instead}")
    data.check_target(session, "--html", path, "page.html")
    if os.path.isfile(path):
        with open(path, "rb") as file:
            begun = file.read(len(_PAGE_BEGINS))
        if begun and begun.lower() != _PAGE_BEGINS:
            raise Misuse(f"--html would write over {path}, which is no page; {instead}")


def _write(session: Session, path: str, page: str) -> None:
    if path in _STDOUT:
        session.put(page.removesuffix("\n"), exactly=True)
        return
    content = page.encode()  # an error here must not have emptied the older page
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    session.say(f"Written: {os.path.abspath(path)}")


def _nothing(session: Session, arguments: argparse.Namespace, found: "Document") -> tuple[str, str]:
    """What to say if there is no record, and what to type then ("" for nothing)."""
    if found["events"]:
        return "", ""
    if arguments.since or arguments.until or arguments.event:
        return "Nothing was recorded that this asks for. Leave out --since, --until or --event to see more.", ""
    if arguments.file:
        return "There is no record in these files.", ""
    if session.decide().enabled:
        return "Nothing is recorded yet, but telemetry is on: what is used from now on will be.", ""
    return "Nothing is recorded yet.", f"{session.command} on"


def _only(arguments: argparse.Namespace) -> str:
    """A sentence on the part of the log that was asked for; "" for all of this user's."""
    events, files = arguments.event or [], arguments.file
    parts = [
        f"event{'s' * (len(events) > 1)} {', '.join(events)}" if events else "",
        f"since {arguments.since}" if arguments.since else "",
        f"until {arguments.until}" if arguments.until else "",
        (os.path.basename(files[0]) if len(files) == 1 else f"{len(files)} files") if files else "",
    ]
    return f"Asked for: {', '.join(filter(None, parts))}." if any(parts) else ""


def _tell_of_by(session: Session, found: "Document") -> None:
    from ..report.summarize import NONE, OTHERS

    if not found["rows"] or any(row["by"] != NONE for row in found["rows"] if row["event"] != OTHERS):
        return
    by, within = found["by"], []
    for one in found["fields"]:
        if one["field"].startswith(by + BELOW):
            within.append(one["field"])
        elif one["field"] == by and one["kind"] == "items":
            within += [f"{by}{BELOW}{item['value']}" for item in one["values"]]
    told = "no record has a field of this name"
    if within:
        told = "that is a mapping, and nothing within it can be asked for"
        if field := next(filter(_may_be_asked, within), ""):
            told = f"that is a mapping; what can be asked for is a field within it, such as --by {field}"
    session.complain(f"--by {by}: {told}")


def _may_be_asked(by: str) -> bool:
    return all(map(names.legal_name, by.split(BELOW, 1)))


def _print(session: Session, arguments: argparse.Namespace, found: "Document") -> None:
    import shutil

    from ..report import charts, text

    width = min(shutil.get_terminal_size().columns, _PAGE)
    terminal = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    style = text.Style(width, _writable(_BLOCKS, encoding), terminal and not os.environ.get("NO_COLOR"), encoding)
    chart = charts.activity(found, style) if terminal and style.blocks else ""
    nothing, begin = _nothing(session, arguments, found)
    session.put(text.render(found, style, begin, chart, only=_only(arguments), nothing=nothing))


def _writable(characters: str, encoding: str) -> bool:
    try:
        characters.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _asked(arguments: argparse.Namespace, now: float) -> "Asked":
    from ..report.packs import EVERYTHING, Asked

    if arguments.by is not None and not _may_be_asked(arguments.by):
        raise Misuse(f"--by wants the name of a field, not {arguments.by!r}")
    for event in arguments.event or ():
        if not names.legal_name(event):
            raise Misuse(f"--event wants the name of an event, not {event!r}")
    since = _moment("--since", arguments.since, now, "T00:00:00Z") if arguments.since is not None else ""
    until = _moment("--until", arguments.until, now, "T~") if arguments.until is not None else EVERYTHING.until
    if since >= until:
        raise Misuse(f"--since {arguments.since} is not before --until {arguments.until}")
    return Asked(since, until, frozenset(arguments.event or ()), arguments.by or "")


def _moment(option: str, text: str, now: float, day: str) -> str:
    """A text that compares with the times of records; `day` completes a day without a time."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return timestamp(max(now - int(ago[1]) * _UNITS[ago[2]], 0))
    if is_time(f"{text}T00:00:00Z"):
        return text + day
    if is_time(text):
        return text
    wanted = "7d, 24h or 2w, a day such as 2026-11-20 or a moment such as 2026-11-20T10:30:00Z"
    raise Misuse(f"{option} wants {wanted}, not {text!r}")


def _summed(paths: "Sequence[str]", asked: "Asked", skipped: "Tally") -> "Summary":
    from ..report.packs import packs
    from ..report.summarize import summarize

    if sys.stderr is None or not sys.stderr.isatty():
        return summarize(packs(paths, skipped, asked), asked.by)
    progress = _Progress(sum(os.path.getsize(path) for path in paths if os.path.exists(path)))
    try:
        return summarize(packs(paths, skipped, asked, progress.at), asked.by)
    finally:
        progress.end()


class _Progress:
    """A progress bar on stderr, a terminal: shown once reading has taken a second, removed at the end."""

    def __init__(self, size: int) -> None:
        self._size = max(size, 1)
        self._next = time.monotonic() + _SOON
        self._shown = False

    def at(self, read: int) -> None:
        """Take note that `read` bytes are read."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _STEP
        self._shown = True
        share = min(read / self._size, 1)
        text = f"reading [{'#' * round(30 * share):30}] {100 * share:3.0f} %"
        print(f"\r{shown(text, sys.stderr)}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Remove the bar."""
        if self._shown:
            print(f"\r{'':50}\r", end="", file=sys.stderr, flush=True)
