"""What an author is told under `DISCREET_DEBUG=1` of what was dropped: of which event it was, and of which field.

    discreet: dropped event serch: undeclared_event
    discreet: dropped field results/kind of event search: undeclared_field
    discreet: dropped event search at its field n: conversion

The rule that keeps it honest: names are shown and never a value; and of names only legal ones, since any other may be
a value, by a mistake of the author's. Only a process that was asked to tell loads this.
"""

import os
import sys

from .. import names

# What an error cost is read off the frames that it passed, so that an event that passes well pays nothing for it. By
# module and function: the variables that hold the event, the field and the one within it. An inner frame knows more.
_BORDER = f"{__package__.rpartition('.')[0]}.telemetry", "border"  # lets no error through
_FRAMES = {
    (f"{__package__.rpartition('.')[0]}.telemetry", "_record"): ("event",),
    (f"{__package__}.objects", "clean_object"): ("name",),
    (__package__, "clean"): ("event", "name"),
    (f"{__package__}.rows", "_nested"): ("event", "field", "name"),
}


def tell(reason: str, about: object, *fields: object) -> None:
    """Print a line: that the event `about`, or its field, was dropped for this reason; or which event an error cost, if
    it was one. Raises `OSError` where the stream was closed since.
    """
    failed = isinstance(about, Exception)
    place = _place(about) if isinstance(about, Exception) else (about, *fields)
    if not place:
        return
    event, field = f"event {_shown(place[0])}", "/".join(map(_shown, place[1:]))
    what = f"{event} at its field {field}" if failed else f"field {field} of {event}"
    what = what if field else event
    if sys.__stderr__ is not None:  # else 2 may be any file of the host's
        os.write(2, f"discreet: dropped {what}: {reason}\n".encode())


def _place(error: Exception) -> "tuple[object, ...]":
    """The event, its field and the one within it that were filtered when the error came; nothing of any other error."""
    found: tuple[object, ...] = ()
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        module = dict.get(frame.f_globals, "__name__")  # of a frame of the host's anything
        where = (module, frame.f_code.co_name) if type(module) is str else ("", "")
        if where == _BORDER and trace is not error.__traceback__:
            break  # it is raised once more, as that of a `Future` is: what follows is its way at an earlier event
        variables = _FRAMES.get(where, ())
        held = frame.f_locals if variables else {}
        place = tuple(held[name] for name in variables if name in held)
        if place and type(place[0]) is str:  # an object that is an event has its name found out further in
            found = place
        trace = trace.tb_next
    return found


def _shown(name: object) -> str:
    return str(name) if names.legal_name(name) else "(no legal name)"
