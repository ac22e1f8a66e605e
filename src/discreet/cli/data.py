"""The verbs about the data: preview, report, clear.

The rule that keeps it honest: what is shown is what lies on disk, and what is erased is all of it and nothing else.
"""

import argparse
import os
import shutil
import sys
import time
from collections import Counter, deque

from .. import files, names
from ..consent import stored
from ..report import read, summarize, text
from ..sending.log import timestamp
from .session import Failure, Misuse, Session, counted

_SHOWN = 10  # records of `preview`
_PAGE = 100  # columns of a report at most: a line longer than that is hard to follow


def preview_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `preview`."""
    parser.add_argument("-n", type=_positive, default=_SHOWN, metavar="N", help="how many (default: %(default)s)")


def report_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `report`."""
    parser.add_argument("file", nargs="*", metavar="FILE", help="log files (default: the log of this user)")


def clear_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clear`."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def preview(session: Session, arguments: argparse.Namespace) -> int:
    """The last records, byte for byte as they stand in the log."""
    found = deque(read.lines(_log_files(session)), arguments.n)
    for line, _ in found:
        print(line)
    if not found:
        print(f"{session.command}: nothing is recorded yet; `{session.command} status` says why", file=sys.stderr)
    return 0


def report(session: Session, arguments: argparse.Namespace) -> int:
    """A table of what was recorded."""
    for path in arguments.file:
        if not os.path.exists(path):
            raise Failure(f"{path}: no such file")
    skipped: read.Tally = Counter()
    summary = summarize.summarize(read.records(arguments.file or _log_files(session), skipped))
    width = min(shutil.get_terminal_size().columns, _PAGE)
    print(text.render(summary, width, f"{session.command} on", skipped))
    return 0


def clear(session: Session, arguments: argparse.Namespace) -> int:
    """Erase data and state, after asking."""
    session.check_place()
    found = _ours(session)
    if not found:
        session.say(f"There is nothing of {session.telemetry.name} in {session.paths.directory}.")
        return 0
    if not arguments.yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Misuse("clear asks on a terminal only; give --yes to erase without being asked")
        session.say(f"This erases all telemetry of {session.telemetry.name}, your stored answer among it:")
        for name in found:
            session.say(f"  {os.path.join(session.paths.directory, name)}")
        if input("Erase them? [y/N] ").strip().lower() not in ("y", "yes"):
            session.say("Nothing was erased.")
            return 0
    for name in found:
        _remove(os.path.join(session.paths.directory, name))
    after = "as if it had never been on"
    if session.telemetry.mode == "opt-out":
        after = "off"  # without a stored no it would begin again by itself
        stored.store(session.paths, "false", timestamp(time.time()))
    else:
        files.remove_empty_directories(session.paths.directory, below=session.paths.below)
    session.say(f"Erased {counted(len(found), 'file')}. Telemetry of {session.telemetry.name} is {after}.")
    return 0


def _ours(session: Session) -> list[str]:
    """The names of the files of the table that are there, the stored answer first: running processes look at it."""
    wanted = list(session.paths.files.values())
    wanted += [names.rotated(session.paths.files["log"], number) for number in range(1, names.LOG_FILES)]
    try:
        present = sorted(os.listdir(session.paths.directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    left_over = [name for name in present if name.endswith(".tmp") and name.split(".", 1)[0] in _stems(wanted)]
    return [name for name in wanted if name in present] + left_over


def _stems(wanted: list[str]) -> set[str]:
    return {name.split(".", 1)[0] for name in wanted}


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # another process was quicker: gone is gone


def _log_files(session: Session) -> list[str]:
    if session.paths.problem:
        raise Failure(f"there is no place for telemetry files: {session.paths.problem}")
    return read.log_files(session.paths.directory, session.paths.files["log"])


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
