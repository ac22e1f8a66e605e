"""The verb `report`: what was recorded, added up, as text, as a page, for programs.

The rule that keeps it honest: this room only asks, reads and hands on; what is counted is `report.summarize`, and each
form shows the figures of `report.document`. The room `report` is entered when the verb runs, and not before.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter

from .. import names
from ..log import timestamp
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

_PAGE = 100  # columns of a report at most: a line longer than that is hard to follow
_AGO = re.compile(r"([0-9]{1,5})([hdw])")
_UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_SOON = 1.0  # seconds that reading may take before a bar of progress is worth a look
_STEP = 0.1  # seconds between two looks at it
_BLOCKS = "\u2588\u258f\u2591\u00b1"


def report_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `report`."""
    add = parser.add_argument
    add("file", nargs="*", metavar="FILE", help="log files, also of gzip (default: the log of this user)")
    add("--since", metavar="WHEN", help="from then on: 7d, 24h, 2w ago, a day (2026-11-20) or a moment, in UTC")
    add("--until", metavar="WHEN", help="until then; a day is meant with all of it")
    add("--event", action="append", metavar="EVENT", help="this event only; may be repeated")
    add("--by", metavar="FIELD", help="the values of this field apart; also event, tool, version, py or os")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="all figures as one JSON object")
    forms.add_argument("--csv", action="store_true", help="all figures as one table of CSV")
    forms.add_argument("--html", metavar="FILE", help="write a page to this file, for a browser or a printer")


def report(session: Session, arguments: argparse.Namespace) -> int:
    """What was recorded, added up."""
    from ..report.document import document

    asked = _asked(arguments, time.time())
    for path in arguments.file:
        if not os.path.exists(path):
            raise Failure(f"{path}: no such file")
    skipped: Tally = Counter()
    summary = _summed(arguments.file or data.log_files(session), asked, skipped)
    declaration = session.telemetry.declaration
    found = document(summary, declaration, skipped)
    if arguments.json:
        import json

        session.put(json.dumps(found, indent=1), exactly=True)
    elif arguments.csv:
        from ..report.table import table

        session.put(table(found), exactly=True)
    elif arguments.html:
        from ..report.html import page

        text = page(summary, declaration, skipped, tool=session.telemetry.name, begin=f"{session.command} on")
        try:
            with open(arguments.html, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise Failure(f"{arguments.html}: {error.strerror}") from None
        session.say(f"Written: {os.path.abspath(arguments.html)}")
    else:
        _print(session, arguments, found)
    return 0


def _print(session: Session, arguments: argparse.Namespace, found: "Document") -> None:
    import shutil

    from ..report import charts, text

    if not (found["events"] or found["skipped"]):
        if arguments.since or arguments.until or arguments.event:
            session.say("Nothing was recorded that this asks for. Leave out --since, --until or --event to see more.")
            return
        if not arguments.file and session.decide().enabled:
            session.say("Nothing is recorded yet, but telemetry is on: what is used from now on will be.")
            return
        if arguments.file:
            session.say("There is no record in these files.")
            return
    width = min(shutil.get_terminal_size().columns, _PAGE)
    terminal = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    style = text.Style(width, _writable(_BLOCKS), terminal and not os.environ.get("NO_COLOR"))
    chart = charts.activity(found, style) if terminal and style.blocks else ""
    session.put(text.render(found, style, f"{session.command} on", chart))


def _writable(characters: str) -> bool:
    """Whether stdout has these characters."""
    try:
        characters.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _asked(arguments: argparse.Namespace, now: float) -> "Asked":
    from ..report.packs import EVERYTHING, Asked

    if arguments.by is not None and not names.legal_name(arguments.by):
        raise Misuse(f"--by wants the name of a field, not {arguments.by!r}")
    for event in arguments.event or ():
        if not names.legal_name(event):
            raise Misuse(f"--event wants the name of an event, not {event!r}")
    since = _moment("--since", arguments.since, now, "T00:00:00Z") if arguments.since is not None else ""
    until = _moment("--until", arguments.until, now, "T~") if arguments.until is not None else EVERYTHING.until
    return Asked(since, until, frozenset(arguments.event or ()), arguments.by or "")


def _moment(option: str, text: str, now: float, day: str) -> str:
    """A moment as a record has it, or as it compares with one; `day` is what completes a day."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return timestamp(max(now - int(ago[1]) * _UNITS[ago[2]], 0))
    if is_time(f"{text}T00:00:00Z"):
        return text + day
    if is_time(text):
        return text
    raise Misuse(f"{option} wants 7d, 24h or 2w, a day such as 2026-11-20 or a moment such as 2026-11-20T10:30:00Z")


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
    """A bar on stderr, a terminal, once reading has taken a second; gone at the end."""

    def __init__(self, size: int) -> None:
        self._size = max(size, 1)
        self._next = time.monotonic() + _SOON
        self._shown = False

    def at(self, read: int) -> None:
        """So many bytes are read."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _STEP
        self._shown = True
        share = min(read / self._size, 1)
        text = f"reading [{'#' * round(30 * share):30}] {100 * share:3.0f} %"
        print(f"\r{shown(text, sys.stderr)}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the bar away."""
        if self._shown:
            print(f"\r{'':50}\r", end="", file=sys.stderr, flush=True)
