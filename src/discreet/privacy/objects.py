"""Events that come as objects: instances of `Event`, and objects with `_telemetry_keys()`.

The rule that keeps it honest: an object can take away from the declaration and never add to it. Of its attributes only
those are read that its mapping names; each leaves by the declared row of the field, if there is one, and by the
object's own only where nothing is declared; what the object forbids stays, whatever is declared.
"""

from .. import names
from . import Filter, keys
from .declaration import Event, row, snake
from .numbers import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .conversions import Clean
    from .declaration import Row


def clean_object(cleaner: Filter, thing: object, more: "Mapping[str, object]") -> "tuple[str, dict[str, Clean] | None]":
    """The event's name and what of it may leave: `Filter.clean` for an object, with `more` properties beside its own.

    What is no event has an illegal name, and is counted as such. Raises what the object's methods, its attributes and
    its values raise; the text of an error of ours holds no value.
    """
    if isinstance(thing, Event):
        return thing.event_name, cleaner.clean(thing.event_name, {**thing.values, **more})
    if not keys.speaks(type(thing)):
        return "", cleaner.clean("", more)
    name = event_name(thing)
    specs = keys.specs(thing)
    legal = {field: spec for field, spec in specs.items() if names.legal_name(field)}
    rows = {field: _row(field, spec) for field, spec in legal.items() if spec is not None}
    narrowed = cleaner.narrowed(name, rows)
    if narrowed is None:
        return name, None
    read = (field for field, spec in specs.items() if not keys.is_forbidden(spec))
    values = {field: getattr(thing, field) if field in legal else None for field in read}
    filtered, itself = narrowed
    return name, filtered.clean(name, {**itself, **values, **more})


def event_name(thing: object) -> str:
    """The name under which an object with `_telemetry_keys()` is recorded."""
    return keys.title(thing) or snake(type(thing).__name__)


def _row(field: str, spec: "Any") -> "Row":
    try:
        return row(field, spec)
    except ValueError:
        # Without the spelling: somebody returned the value itself in the place of its conversion.
        raise Refused(f"{keys.METHOD}: field {field!r} has no conversion of this package") from None
