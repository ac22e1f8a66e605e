"""The question of an opt-in tool, and the notice of an opt-out one.

The rule that keeps it honest: everything is said on stderr, to a person at a terminal, once; and a question that nobody
answered is a no. consent/asking.py decides who may be spoken to.
"""

import os
import sys
import time

from .. import names
from ..telemetry import Recorder, facts_of
from . import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from ..destination import Destination

_SECONDS = (1.0, 600.0)  # of the time limit: in less nobody can read, and more is no limit
_TRIES = 5  # after so many lines that are no answer, it is no
_EVENTS = 5  # shown with their purpose
_WIDTH = 100  # columns of a line at most


def ask(recorder: Recorder, seconds: float) -> bool | None:
    """See `Telemetry.ask`."""
    if (
        recorder.mode not in ("opt-in", "local")
        or os.path.lexists(recorder.paths["consent"])  # first, so that it costs nothing after an answer
        or not _may_speak(recorder, sys.stdin, sys.stdout, sys.stderr)
        or not terminal.is_idle(sys.stdin)
    ):
        return None
    seconds = min(max(_SECONDS[0], seconds), _SECONDS[1])
    name, verbs = recorder.name, names.typed(recorder.program, recorder.verbs)
    _say(
        f"{name} asks once: may it record how it is used?",
        *_summary(recorder),
        f"{_default(seconds)} `?` shows all of it.",
    )
    try:
        answer = _answer(recorder, seconds)
    except KeyboardInterrupt:  # no answer; the host handles it, on a new line
        _say()
        raise
    if answer is None and os.path.lexists(recorder.paths["consent"]):
        return None  # answered meanwhile in another window
    from .. import first
    from ..sending import period

    try:
        if answer:
            period.answer(recorder.paths, "true", first.disclosed(recorder, _receivers(recorder)))
        else:
            period.answer(recorder.paths, "false")
    except OSError as error:
        _say(f"The answer could not be kept ({error.strerror}), so it is no for now.")
        return None
    if answer:
        _say(f"Telemetry of {name} is on. See what it records with `{verbs} preview`; stop it with `{verbs} off`.")
    else:
        _say(f"Nothing is recorded. `{verbs} on` would change that.")
    return bool(answer)


def tell(recorder: Recorder) -> bool:
    """See `Telemetry.notice`."""
    if recorder.mode != "opt-out" or not _may_speak(recorder, sys.stderr):
        return False
    from .. import first
    from ..consent import stored
    from ..sending import period

    told = first.disclosed(recorder, _receivers(recorder))
    known = stored.covered(recorder.paths, "notice")
    if known and not _added(recorder, told, known):
        return False
    # Off before a word is said, for this run and for whatever it starts.
    recorder.off = True
    switch = f"{names.prefix(recorder.name)}_NO_TELEMETRY"
    os.environ[switch] = "1"
    name, verbs = recorder.name, names.typed(recorder.program, recorder.verbs)
    _say(
        f"{name} records {'more of ' if known else ''}how it is used{' than it said before' if known else ''}, unless "
        "you say no. It begins with the next run; this one is not recorded.",
        *_summary(recorder),
        f"Say no with `{verbs} off`, or with {switch}=1. `{verbs} disclosure` shows all of it.",
    )
    from ..log import timestamp

    stored.note(recorder.paths, told, timestamp(time.time()))
    if known:  # what was recorded before this notice covered it stays here
        period.begin(recorder.paths)
    return True


def _added(recorder: Recorder, told: "list[str]", known: "list[str]") -> bool:
    """Whether a notice of the lines `told` says more than one of the lines `known` did."""
    if set(told) == set(known):  # as nearly always; then nothing more is loaded
        return False  # not for a subset, which may say more: without the line on its rate, an event is always recorded
    from ..privacy.agreement import Agreement

    hosts = [line[2:] for line in told if line[0] == ">"]
    return bool(Agreement(known, recorder.declaration).additions(hosts, identity=recorder.identity))


def _receivers(recorder: Recorder) -> "tuple[Destination, ...]":
    from ..sending import settings

    return settings.of(recorder).ready


def _may_speak(recorder: Recorder, *streams: "TextIO | None") -> bool:
    """Whether a person is there and may be spoken to, and the outcome can be kept: else it would come each time."""
    if not terminal.attended(*streams):
        return False
    from ..consent.asking import may_speak

    argv = getattr(sys, "argv", [])
    verbs = recorder.verbs.split()
    if (verbs and argv[1 : 1 + len(verbs)] == verbs) or not may_speak(facts_of(recorder), argv):
        return False
    paths = recorder.paths
    place = paths.directory
    while not os.path.lexists(place) and place not in (paths.below, os.path.dirname(place)):
        place = os.path.dirname(place)
    return os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)


def _answer(recorder: Recorder, seconds: float) -> bool | None:
    """The answer that is typed; None if nothing is, or only lines that are none. Raises `KeyboardInterrupt`."""
    tries = _TRIES
    while tries:
        _say("Record it? [y/N/?] ", end="")
        typed = terminal.line(sys.stdin, seconds)
        word = (typed or "").strip().lower()
        if not (typed or "").endswith("\n"):
            _say()  # no Enter has ended the line
        if typed is None:
            return None
        if word in ("y", "yes"):
            return True
        if word in ("", "n", "no"):
            return False
        if word == "?":
            from ..privacy.disclosure import content
            from ..privacy.page import markdown
            from .reading import plain

            seconds = _SECONDS[1]  # nobody who reads all of it is to be hurried
            _say(*plain(markdown(content(recorder))), "", _default(seconds))
        else:
            tries -= 1
            _say("Type y for yes, n for no, or ? to read all of it." if tries else "None of that is a yes.")
    return None


def _default(seconds: float) -> str:
    return f"No is the default: press Enter, or wait {seconds:g} seconds."


def _summary(recorder: Recorder) -> "Iterator[str]":
    """The disclosure in a few lines: events and purposes, what is never recorded, and where records go."""
    from ..privacy.disclosure import content

    found = content(recorder)
    events = found["events"]
    yield ""
    for event in events[:_EVENTS]:
        yield f"  {event['name']}: {event['purpose'] or 'no purpose stated'}"
    if len(events) > _EVENTS:
        yield f"  and {len(events) - _EVENTS} more"
    yield ""
    yield "Never recorded: what you type, text of yours, paths, names of files, hosts and users."
    yield f"Records are {whereabouts(recorder, _receivers(recorder))}"


def whereabouts(recorder: Recorder, receivers: "tuple[Destination, ...]") -> str:
    """Where records are kept, and where they are sent to: the end of a sentence."""
    from .. import first

    hosts, later = (", ".join(sorted({one.origin for one in found})) for found in (receivers, first.waiting(recorder)))
    sent = f", and sent to {hosts}." if hosts else ". Nothing is sent."
    if later:
        also = ", too" if hosts else ""
        sent += f" Once {names.prefix(recorder.name)}_TELEMETRY_POSTHOG_API_KEY is set, records go to {later}{also}."
    return f"kept in {recorder.paths['log']}{sent}"


def _say(*lines: str, end: str = "\n") -> None:
    """Print lines on stderr, none of them wider than a person likes to read."""
    import shutil
    import textwrap

    from ..cli.session import shown

    width = min(shutil.get_terminal_size().columns, _WIDTH)
    for text in lines or ("",):
        plain = shown(text, sys.stderr)
        if len(plain) > width:
            deeper = "  " if plain[:1] == "-" else 2 * (len(plain) - len(plain.lstrip())) * " "
            plain = textwrap.fill(
                plain, width, subsequent_indent=deeper, break_long_words=False, break_on_hyphens=False
            )
        sys.stderr.write(f"{plain}{end}")
    sys.stderr.flush()
