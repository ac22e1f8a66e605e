"""The verbs about the choice: on, off, status, explain.

The rule that keeps it honest: they tell the effective state, the gate's own, and never what was merely asked for.
"""

import argparse
import json
import os
import time

from .. import consent, names
from ..consent import explain as worded
from ..consent import stored
from ..sending import losses
from ..sending.log import timestamp
from .session import Session, counted

_MARKS = {consent.OFF: "off", consent.ON: "on", consent.PASS: "-"}
_COUNT_BYTES = 1 << 16  # read at a time to count lines


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """A verb without arguments."""


def on_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `on`."""
    parser.add_argument("--enhanced", action="store_true", help="agree to the fields of the enhanced level, too")


def status_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `status`."""
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")


def on(session: Session, arguments: argparse.Namespace) -> int:
    """Store a yes as of now, and tell whether it takes effect."""
    session.check_place()
    stored.store(session.paths, "enhanced" if arguments.enhanced else "true", timestamp(time.time()))
    decision = session.decide()
    name = session.telemetry.name
    if decision.enabled:
        session.say(f"Telemetry of {name} is on ({decision.level}). It is kept in {session.paths['log']}.")
        session.say(f"See it with `{session.command} preview`; stop it with `{session.command} off`.")
    else:
        session.say(f"Your yes is stored, but telemetry of {name} stays off: {decision.reason}.")
        session.say(f"To change that: {_change(session, decision.row)}")
    return 0


def off(session: Session, arguments: argparse.Namespace) -> int:
    """Store a no as of now; the data stays."""
    session.check_place()
    stored.store(session.paths, "false", timestamp(time.time()))
    session.say(f"Telemetry of {session.telemetry.name} is off. Nothing more is recorded, and nothing is sent.")
    events, size = _measure(session)
    if events:
        kept = f"{counted(events, 'event')} ({counted(size, 'byte')})"
        session.say(f"Kept in {session.paths.directory}: {kept}. Erase with `{session.command} clear`.")
    return 0


def status(session: Session, arguments: argparse.Namespace) -> int:
    """The effective state, its reason, and how much lies where."""
    decision = session.decide()
    events, size = (0, 0) if session.paths.problem else _measure(session)
    if arguments.json:
        found = {
            "tool": session.telemetry.name,
            "enabled": decision.enabled,
            "level": decision.level,
            "reason": decision.reason,
            "source": decision.source,
            "events": events,
            "bytes": size,
            "log": session.paths["log"],
            "pending": 0,  # nothing is sent by now, so nothing waits
        }
        print(json.dumps(found))
        return 0
    state = f"on ({decision.level})" if decision.enabled else "off"
    session.say(f"Telemetry of {session.telemetry.name} is {state}: {decision.reason}.")
    session.say(f"  events   {events:,} in {counted(size, 'byte')}")
    session.say(f"  log      {session.paths['log']}")
    session.say(f"  consent  {session.paths['consent']}")
    dropped = losses.read(session.paths["losses"])
    if dropped:
        session.say("  dropped  " + ", ".join(f"{number} {reason}" for reason, number in dropped.items()))
    session.say(f"To change it: {session.command} {'off' if decision.enabled else 'on'}")
    if session.alone:
        session.say(
            f"Asked without {session.telemetry.name} itself: its consent mode and destinations are not known here."
        )
    return 0


def explain(session: Session, arguments: argparse.Namespace) -> int:
    """Every row of the gate, what it saw, which one decided, and what to type."""
    facts = session.telemetry.facts()
    decision = consent.decide(facts)
    session.say("Every rule is read. The first `off` decides; without one, the first `on`; without any, it is off.")
    for line in worded.lines(facts):
        mark = "=>" if line.row == decision.row else "  "
        session.say(f"{mark} {_MARKS[line.verdict]:<4}{line.row:<19}{line.saw or 'nothing'}")
    state = f"on ({decision.level})" if decision.enabled else "off"
    session.say(f"So telemetry of {session.telemetry.name} is {state}: {decision.reason}.")
    session.say(f"To change that: {_change(session, decision.row)}")
    if session.alone:
        session.say(
            f"Asked without {session.telemetry.name} itself: its consent mode is not known here, opt-in is assumed."
        )
    return 0


def _change(session: Session, row: str) -> str:
    decision = session.decide()
    if decision.enabled:
        return f"{session.command} off"
    if row in ("stored consent", "default"):
        return f"{session.command} on"
    return next(line.change for line in worded.lines(session.telemetry.facts()) if line.row == row)


def _measure(session: Session) -> tuple[int, int]:
    """The number of lines and of bytes on the log. Raises `OSError` for a log that cannot be read."""
    events = size = 0
    for number in range(names.LOG_FILES):
        try:
            with open(session.paths.log(number), "rb", opener=_open_without_waiting) as file:
                while block := file.read(_COUNT_BYTES):
                    events += block.count(b"\n")
                    size += len(block)
        except FileNotFoundError:
            continue
    return events, size


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | names.NO_WAIT)
