"""The verbs about the choice: on, off, status, explain.

The rule that keeps it honest: they tell the effective state, as the gate decides it, never merely what was asked for.
"""

import argparse
import json
import os
from collections.abc import Iterator

from .. import consent, names
from ..consent import explain as worded
from ..hosts import tree
from ..hosts.asking import whereabouts
from ..sending import losses, period, settings
from ..telemetry import facts_of
from .data import measured
from .delivery import additions, additions_while_off, destinations, disclosed, since, waiting
from .session import Failure, Session, counted

# What a host's `settings` may hold: keys for the gate, and where to send.
_SETTINGS = ("disable_telemetry", "tools_over_privacy", "tools_above_privacy", *map(str.lower, settings.KEYS))
_WORDS = ("", *names.TRUE_WORDS, *names.FALSE_WORDS)
_ADDITIONS = 6  # that are named one by one; the others are counted


def on_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `on`."""
    parser.add_argument("--enhanced", action="store_true", help="agree to the fields of the enhanced level, too")


def status_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `status`."""
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")


def on(session: Session, arguments: argparse.Namespace) -> int:
    """Store a yes as of now, and say whether it takes effect."""
    session.check_place()
    before = session.decide()
    added = _new(session, before)
    period.answer(session.paths, "enhanced" if arguments.enhanced else "true", disclosed(session))
    decision = session.decide()
    name = session.telemetry.name
    if decision.enabled:
        kept = f"kept in {session.paths['log']}."
        if not session.alone:  # else nobody knows where it is sent
            kept = whereabouts(session.telemetry, destinations(session)[0])
        told = session.debugged() or f"What it records is {kept}"
        session.say(f"Telemetry of {name} is on ({decision.level}). {told}")
    else:
        session.say(f"Your yes is stored, but telemetry of {name} stays off: {decision.reason}.")
    if added:  # that an earlier yes did not agree to
        session.say(f"This agrees to what is new since {since(before)}: {', '.join(added)}.")
    if decision.enabled:
        all_of_it = "" if session.alone else f", what it may be with `{session.command} disclosure`"
        session.say(f"See it with `{session.command} preview`{all_of_it}; stop it with `{session.command} off`.")
    else:
        _say_change(session, decision)
    session.say_where("on")
    return 0


def off(session: Session, arguments: argparse.Namespace) -> int:
    """Store a no as of now; the data stays."""
    session.check_place()
    try:
        period.answer(session.paths, "false")
    except OSError as error:
        raise Failure(_not_stored(session, error)) from None
    session.say(f"Telemetry of {session.telemetry.name} is off. Nothing more is recorded, and nothing is sent.")
    events, size = measured(session)
    if events:
        kept = f"{counted(events, 'event')} ({counted(size, 'byte')})"
        session.say(f"Kept in {session.paths.directory}: {kept}. Erase with `{session.command} clear`.")
    session.say_where("off")
    return 0


def _not_stored(session: Session, error: OSError) -> str:
    """What to say if a no could not be stored: what the state is, and what stops telemetry at once."""
    decision = session.decide()
    name = session.telemetry.name
    switch = f"{names.prefix(name)}_NO_TELEMETRY=1"
    helps = f"; `export {switch}` stops it" if decision.enabled or _may_be_on(session, decision) else ""
    return (
        f"your no could not be stored in {session.paths['consent']} ({error.strerror}), so telemetry of {name} "
        f"{_state(session, decision)}{helps}"
    )


def status(session: Session, arguments: argparse.Namespace) -> int:
    """The effective state, its reason, and how much lies where."""
    decision = session.decide()
    nowhere = session.paths.problem
    log = "" if nowhere else session.paths["log"]
    if not arguments.json:
        session.say(f"Telemetry of {session.telemetry.name} {_state(session, decision)}.")
    events, size = (0, 0) if nowhere else measured(session)
    if arguments.json:
        found = {
            "tool": session.telemetry.name,
            "enabled": decision.enabled,
            "level": decision.level,
            "reason": decision.reason,
            "source": decision.source,
            "events": events,
            "bytes": size,
            "log": log,
            "pending": max((number for _, number, _ in waiting(session, decision)), default=0),
        }
        session.put(json.dumps(found))
        return 0
    session.say(f"  events   {events:,} in {counted(size, 'byte')}")
    session.say(f"  log      {log or 'nowhere'}")
    session.say(f"  consent  {'nowhere' if nowhere else session.paths['consent']}")
    _say_receivers(session, decision)
    if debugged := session.debugged():
        session.say(f"  debug    {debugged}")
    _say_additions(session, decision)
    _say_dropped(session)
    _say_change(session, decision)
    if session.alone:
        session.say(
            f"Asked without {session.telemetry.name} itself: its consent mode and destinations are not known here."
        )
    return 0


def explain(session: Session, arguments: argparse.Namespace) -> int:
    """Every row of the gate, what it saw, which one decided, and what to type."""
    facts = facts_of(session.telemetry)
    decision = consent.decide(facts)
    name, unsure = session.telemetry.name, _may_be_on(session, decision)
    session.say("Every rule is read. The first `off` decides; without one, the first `on`; without any, it is off.")
    for line in worded.lines(facts):
        mark, told, saw = "  ", line.verdict or "-", line.saw or line.otherwise
        if line.row == decision.row:
            mark, told = "=>", consent.ON if decision.enabled else consent.OFF
            if unsure:
                told, saw = "?", f"its notice was shown: on if {name} records unless somebody says no, else off"
        session.say(f"{mark} {told:<4}{line.row:<19}{saw}")
    for problem in dict.fromkeys((*destinations(session)[1], *_remarks(session))):
        session.say(f"   {problem}")
    _say_additions(session, decision)
    session.say(f"So telemetry of {name} {_state(session, decision)}.")
    _say_change(session, decision)
    if session.alone:
        assumed = "" if unsure else ", opt-in is assumed"
        session.say(f"Asked without {name} itself: its consent mode is not known here{assumed}.")
    return 0


def _say_receivers(session: Session, decision: consent.Decision) -> None:
    """Say where records go, how each destination fares, and which settings for them are refused."""
    receivers, problems = destinations(session)
    only = "only if it is on" if _may_be_on(session, decision) else ""
    for destination, _, fortune in waiting(session, decision):
        session.say(f"  sent to  {destination.shown} ({destination.format}): {only or fortune}")
    if problems and not receivers:
        session.say("  sent to  nowhere")
    for problem in problems:
        session.say(f"  setting  {problem}")


def _remarks(session: Session) -> Iterator[str]:
    """What no row of the gate says: settings that are unknown or make no sense, `DEBUG`, and `once_per_tree`."""
    telemetry = session.telemetry
    if telemetry.mode != "local":
        yield from settings.Settings(telemetry.name, telemetry.environ, telemetry.settings).refused()
    for name, value in names.said(telemetry.name, telemetry.environ, "CI", "TOOLS_OVER_PRIVACY", "ENHANCED"):
        if names.word(value) not in _WORDS:
            yield f"{name} says neither true nor false, and changes nothing"
    if debugged := session.debugged():
        yield debugged
    for key in telemetry.settings:
        if key not in _SETTINGS:
            yield f"settings: {key} is no setting, and changes nothing"
        elif key.startswith("tools_") and names.word(telemetry.settings[key]) not in _WORDS:
            yield f"settings: {key} says neither true nor false, and changes nothing"
    if telemetry.once_per_tree:
        variable = tree.variable(telemetry.name)
        inside = f"; {variable} says that this is an inner one" if tree.inside(telemetry.name) else ""
        yield f"{telemetry.name} records the outermost of its commands that run one another{inside}"


def _say_additions(session: Session, decision: consent.Decision) -> None:
    """Say what a later version added to what the user agreed to, or was told in a notice."""
    again = "" if decision.row == "default" else " again"
    added = additions(session, decision)
    if added:
        shown = ", ".join(added[:_ADDITIONS]) + (f" and {len(added) - _ADDITIONS} more" if added[_ADDITIONS:] else "")
        session.say(f"  new      since {since(decision)}: {shown}. `{session.command} disclosure` says what it is.")
        session.say(f"           Of this nothing is sent until you agree{again}: {session.command} on")


def _new(session: Session, decision: consent.Decision) -> list[str]:
    """What a later version added; empty if that cannot be found out, which is no reason to refuse a yes."""
    try:
        return additions(session, decision) if decision.enabled else additions_while_off(session)
    except (Failure, OSError):
        return []


def _say_dropped(session: Session) -> None:
    if session.paths.problem:
        return
    try:
        dropped = losses.stored(session.paths["losses"])
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        session.say(f"  dropped  cannot be read: {error.strerror}")
        return
    if dropped:
        reasons = (f"{reason.replace('_', ' ')} ({number:,})" for reason, number in dropped.items())
        session.say("  dropped  " + ", ".join(reasons))


def _may_be_on(session: Session, decision: consent.Decision) -> bool:
    """Whether the consent mode decides, which is unknown without the tool: nobody has answered, and a notice was shown,
    as only opt-out tools do.
    """
    if not session.alone or decision.row != "default":
        return False
    telemetry = session.telemetry
    return consent.look(telemetry.name, "opt-out", telemetry.environ, telemetry.paths).noticed


def _state(session: Session, decision: consent.Decision) -> str:
    """The state of telemetry and the reason, as the end of a sentence."""
    if _may_be_on(session, decision):
        return "may be on: its notice was shown, and nobody has said no"
    state = f"on ({decision.level})" if decision.enabled else "off"
    return f"is {state}: {decision.reason}"


def _say_change(session: Session, decision: consent.Decision) -> None:
    """Say what to type to change the state; if only the tool itself knows it, how to see it and how to say no."""
    if _may_be_on(session, decision):
        session.say(f"To see whether it is: {session.telemetry.name} telemetry status")
        session.say(f"To say no: {session.command} off")
        return
    steps = [f"{session.command} off"] if decision.enabled else _steps_to_on(session)
    if len(steps) == 1:
        session.say(f"To change that: {steps[0]}")
        return
    session.say("To change that, all of this:")
    for step in steps:
        session.say(f"  {step}")


def _steps_to_on(session: Session) -> list[str]:
    """All that has to be done to turn it on, in order, and no more: every off has to go, and there has to be a yes."""
    facts = facts_of(session.telemetry)
    found = {line.row: line for line in worded.lines(facts)}
    if change := found["code"].change:
        return [change]  # nothing that the user types helps
    del found["stored consent"]  # two files, looked at below
    if found["test runner"].change:
        del found["CI"]  # discreet.testing lifts CI, too
    steps = [line.change for line in found.values() if line.change]
    # A variable that says off will say true after its step. The notice is a yes where nothing else is.
    yes = found["opt-in variable"].verdict != consent.PASS
    if not facts.home or facts.home.endswith(names.OPEN):  # else the files will lie elsewhere, and these will not count
        stored = facts.consent[0]
        if facts.marker[0] == consent.OFF:
            steps.append(f"remove {facts.marker_path}, which {facts.marker[1]}")
        if stored == consent.OFF and os.path.isdir(facts.consent_path) and not os.path.islink(facts.consent_path):
            steps.append(f"remove {facts.consent_path}, which is a directory")  # an answer cannot replace it
            stored = consent.PASS
        yes = stored != consent.OFF and (yes or facts.noticed or consent.ON in (stored, facts.marker[0]))
    return steps if yes else [*steps, f"{session.command} on"]
