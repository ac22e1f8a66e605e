"""What `DISCREET_DEBUG=1` shows an author of each thing dropped: the event, and the field of it.

    discreet: dropped event serch: undeclared_event
    discreet: dropped field results/kind of event search: undeclared_field
    discreet: dropped event search at its field n: conversion

The rule that keeps it honest: it shows names, never values; and only legal names, since any other may be a value, by
the author's mistake. Only a process with that setting loads it.
"""

import os
import sys

from .. import names

# Which event an error cost is read from the frames that it passed, so an event without an error pays nothing. For each
# module and function: the variables that hold the event, the field and the field within it. An inner frame knows more.
_BORDER = f"{__package__.rpartition('.')[0]}.telemetry", "border"  # lets no error through
_FRAMES = {
    (f"{__package__.rpartition('.')[0]}.telemetry", "_record"): ("event",),
    (f"{__package__}.objects", "clean_object"): ("name",),
    (__package__, "clean"): ("event", "name"),
    (f"{__package__}.rows", "_nested"): ("event", "field", "name"),
}


def tell(reason: str, about: object, *fields: object) -> None:
    """Print a line: that the event `about`, or its field, was dropped for this reason. If `about` is an error, the line
    names the event that it cost; if it cost none, there is no line. Raises `OSError` if the stream has been closed.
    """
    failed = isinstance(about, Exception)
    place = _place(about) if isinstance(about, Exception) else (about, *fields)
    if not place:
        return
    event, field = f"event {_shown(place[0])}", "/".join(map(_shown, place[1:]))
    what = f"{event} at its field {field}" if failed else f"field {field} of {event}"
    what = what if field else event
    if sys.__stderr__ is not None:  # else descriptor 2 may be any file of the host
        os.write(2, f"discreet: dropped {what}: {reason}\n".encode())


def _place(error: Exception) -> "tuple[object, ...]":
    """The event, its field and the field within it that were being filtered when the error was raised; else nothing."""
    found: tuple[object, ...] = ()
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        module = dict.get(frame.f_globals, "__name__")  # the host may have anything there
        where = (module, frame.f_code.co_name) if type(module) is str else ("", "")
        if where == _BORDER and trace is not error.__traceback__:
            break  # raised a second time, as by a `Future`: the frames from here are of an earlier event
        variables = _FRAMES.get(where, ())
        held = frame.f_locals if variables else {}
        place = tuple(held[name] for name in variables if name in held)
        if place and type(place[0]) is str:  # an event that is an object has its name in a frame further in
            found = place
        trace = trace.tb_next
    return found


def _shown(name: object) -> str:
    return str(name) if names.legal_name(name) else "(no legal name)"
