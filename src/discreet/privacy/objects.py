"""Events that come as objects: instances of `Event`, and objects with `_telemetry_keys()`.

The rule that keeps it honest: an object can take away from the declaration and never add to it. Only the attributes
that its mapping names are read. Each leaves by the declared row of the field; by the object's own only if there is none
and the author declared no event. What the object forbids stays, whatever is declared.
"""

from .. import names
from . import SAMPLE_RATE, Filter, keys
from .declaration import Declaration, row
from .event import Event, snake
from .numbers import Refused
from .rows import Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .conversions import Clean
    from .declaration import Row


def clean_object(cleaner: Filter, thing: object, more: "Mapping[str, object]") -> "tuple[str, dict[str, Clean] | None]":
    """The event's name and what of it may leave: `Filter.clean` for an object, with `more` properties beside its own.

    Anything that is no event has an illegal name, and is counted as such. Raises what the object's methods, attributes
    and values raise. The text of this package's own errors holds no value.
    """
    if isinstance(thing, Event):
        name = thing.event_name  # read once, so that the name judged is the name recorded
        return name, cleaner.clean(name, {**thing.values, **more})
    if not keys.speaks(type(thing)):
        return "", cleaner.clean("", more)
    name = event_name(thing)
    specs = keys.specs(thing)
    legal = {field: spec for field, spec in specs.items() if names.legal_name(field)}
    rows = {field: _row(field, spec) for field, spec in legal.items() if spec is not None}
    narrowed = _narrowed(cleaner, name, rows)
    if narrowed is None:
        return name, None
    read = (field for field, spec in specs.items() if not keys.is_forbidden(spec))
    values = {field: getattr(thing, field) if field in legal else None for field in read}
    filtered, itself = narrowed
    return name, filtered.clean(name, {**itself, **values, **more})


def event_name(thing: object) -> str:
    """The name under which an object with `_telemetry_keys()` is recorded."""
    return keys.title(thing) or snake(type(thing).__name__)


def _narrowed(cleaner: Filter, event: str, own: "Mapping[str, Row]") -> "tuple[Filter, dict[str, object]] | None":
    """The filter for one object of an event, which has rows of its `own`, and the properties that the event has by
    itself; None if the event may not leave, or was not drawn this time.

    A declared row beats the object's. If the author declared events, a field without a declared row has none. What the
    object forbids, or keeps for a level that was not agreed to, stays. So the filter lets out what the declaration
    does, or less.
    """
    declared = cleaner._rows.get(event) or cleaner._prepare(event)
    if declared is None:
        return None
    binder = cleaner._declared or Rows(Declaration(), *cleaner._installation)
    bound, less = binder.own(event, own, declared)
    itself = {SAMPLE_RATE: declared[SAMPLE_RATE]} if event in binder.sampled else {}
    made = object.__new__(Filter)
    made.__dict__.update(cleaner.__dict__)
    made._rows = {event: {**({} if cleaner._closed else bound), **declared, **less, **itself}}
    return made, dict.fromkeys(itself)


def _row(field: str, spec: "Any") -> "Row":
    try:
        return row(field, spec)
    except ValueError:
        # The spelling is not shown: it may be the value itself, returned in place of its conversion.
        raise Refused(f"{keys.METHOD}: field {field!r} has no conversion of this package") from None
