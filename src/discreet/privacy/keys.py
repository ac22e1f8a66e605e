"""The protocol `_telemetry_keys()`: what a class of the host's own says about how its fields leave.

    class SearchResponse:                     # a plain class, a dataclass, a pydantic model, ...
        _telemetry_event = "search"           # else the class name in snake case
        @classmethod
        def _telemetry_keys(cls):             # a method of the instance, too; None is an empty mapping
            return {"results": "count", "query": Conversion.TEXT_COUNT, "cached": None}

The rule that keeps it honest: only what the mapping names is ever looked at, and it is looked for on the class, so that
no object that answers to every name (a mock, a proxy) is taken for one that speaks this protocol.

A conversion is spelled as in any declaration, or as a member of an enumeration with the names FORBIDDEN, BOOLEAN,
COUNT, HASH, DISTRIBUTION, AGGREGATE and TEXT_COUNT. None is a field without a row of its own.
"""

from .. import names
from . import OTHER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

METHOD, TITLE = "_telemetry_keys", "_telemetry_event"
FORBID = "forbid"
# A word that is written otherwise in an enumeration, and one that needs its items. Nothing declares items there, so a
# distribution tells how many there are, all of them as `other`.
_SPELLED: "dict[str, object]" = {"forbidden": FORBID, "distribution": {"distribution": [OTHER]}}


def speaks(kind: type) -> bool:
    """Whether a class has the method."""
    return callable(getattr(kind, METHOD, None))


def title(thing: object) -> str:
    """The event's name that an object or a class gives itself; "" where it gives none, or one that is no text."""
    name = getattr(thing, TITLE, "")
    return name if type(name) is str else ""


def specs(thing: "Any") -> "dict[str, object]":
    """The mapping of an object, or of a class with a class method: field to a row's spelling, or None.

    Raises `TypeError` for what is no mapping of texts, without its content, and whatever the method raises.
    """
    given = getattr(thing, METHOD)()
    if given is None:
        return {}
    if not hasattr(type(given), "items"):
        raise TypeError(f"{METHOD} must return a mapping or None")
    found: dict[str, object] = {}
    for field, spec in given.items():
        if not isinstance(field, str):
            raise TypeError(f"{METHOD} must return a mapping of field names")
        spelled = _spelled(spec)
        # What never leaves needs no legal name: attributes like `_client` are forbidden by the name they have.
        if not is_forbidden(spelled) or names.legal_name(field):
            found[str.__str__(field)] = spelled
    return found


def declared(kind: type) -> "dict[str, object]":
    """The rows that a class declares for all its objects. Raises `ValueError` where only an object could tell."""
    try:
        found = specs(kind)
    except TypeError as error:
        raise ValueError(f"events: {kind.__name__}: {METHOD} must be a class method to be declared: {error}") from error
    return {field: spec for field, spec in found.items() if spec is not None}


def purpose(kind: type) -> str:
    """The docstring of a class, without the one that `dataclasses` makes up: the signature."""
    text = (kind.__doc__ or "").strip()
    return "" if text.startswith(f"{kind.__name__}(") else text


def is_forbidden(spec: object) -> bool:
    """Whether a spelling says that nothing leaves."""
    return (spec if isinstance(spec, str) else getattr(spec, "word", "")) == FORBID


def _spelled(spec: object) -> object:
    """A row's spelling: a member of an enumeration by its name, everything else as it is."""
    word = getattr(spec, "name", "") if hasattr(type(spec), "__members__") else spec
    if not isinstance(word, str):
        return spec
    word = word.lower() if word is not spec else word
    return _SPELLED.get(word, word)
