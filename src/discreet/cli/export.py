"""The verb `export`: a page to read, and to pass on by hand.

The rule that keeps it honest: it sends nothing, overwrites nothing, and counts only what the tool could send.
"""

import argparse
import os
from collections import Counter
from typing import TYPE_CHECKING

from .. import names
from . import data
from .session import Failure, Misuse, Session, counted

if TYPE_CHECKING:
    from ..report.read import Tally


def export_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `export`."""
    parser.add_argument("--out", metavar="FILE", help="a new file to write it to (default: print it)")


def export(session: Session, arguments: argparse.Namespace) -> int:
    """Add the log up: counts and sums by event and by day, as Markdown."""
    if arguments.out == "":
        raise Misuse("--out wants the name of a new file")
    if arguments.out is not None:
        data.check_target(session, "--out", arguments.out, "usage.md")
    from ..report.export import Aggregate
    from ..report.read import lines
    from ..sending.distrust import OLDEST_SECONDS, Distrust

    telemetry = session.telemetry
    aggregate = Aggregate(telemetry.declaration)
    distrust = Distrust(telemetry.name, telemetry.declaration, session.decide().level)
    skipped: Tally = Counter()
    for line, _ in lines(data.log_files(session), skipped):
        # At this time no record is too old: the bound on age is for what is sent, not for what is shown.
        record, why = distrust.judge(line.encode(), OLDEST_SECONDS)
        if record is None:
            skipped[why] += 1
        else:
            aggregate.add(record)
    page = aggregate.page(telemetry.name, list(_remarks(session, skipped.total())))
    if arguments.out is None:
        session.put(page, exactly=True)
    else:
        _write(arguments.out, f"{page}\n")
        session.say(f"{arguments.out} is written. Nothing was sent.")
    return 0


def _remarks(session: Session, skipped: int) -> "list[str]":
    telemetry, tool = session.telemetry, session.telemetry.name
    command = f"discreet --tool {tool}" if session.alone else names.typed(telemetry.program, telemetry.verbs)
    head = (
        f"Added up from the log on one machine by `{command} export`; nothing was sent. These are counts, sums "
        "and declared names: there is no id in it, no hash, and no time finer than a day. A figure of a single event "
        "says what that event said, so read it before you pass it on."
    )
    remarks = [head]
    if session.alone:
        remarks.append(
            f"It was asked for without {tool} itself, whose declaration is not known here: only commands, bare "
            "numbers, and yes or no are counted."
        )
    if skipped:
        remarks.append(f"Not in it: {counted(skipped, 'line')} of the log that could not come from this declaration.")
    return remarks


def _write(path: str, page: str) -> None:
    """Write a new file, whole or not at all. Raises `Failure`."""
    made = False
    try:
        with open(path, "x", encoding="utf-8") as file:  # "x" refuses a name that exists, a link's too
            made = True
            file.write(page)
    except FileExistsError:
        raise Failure(f"{path}: is there already, and is left as it is; name a new file") from None
    except OSError as error:
        if made:
            os.unlink(path)
        raise Failure(f"{path}: {error.strerror}") from None
