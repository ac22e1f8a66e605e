"""The protocol `_telemetry_keys()`: a class of the host says how its fields leave.

    class SearchResponse:                     # a plain class, a dataclass, a pydantic model, ...
        _telemetry_event = "search"           # else the class name in snake case
        @classmethod
        def _telemetry_keys(cls):             # or an instance method; None is an empty mapping
            return {"results": "count", "query": Conversion.TEXT_COUNT, "cached": None}

The rule that keeps it honest: only attributes that the mapping names are ever read. The method is looked up on the
class, so that an object which answers to every name (a mock, a proxy) is not taken for one that speaks this protocol.

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
# In an enumeration one word is written differently, and one lacks its items. Since none are declared there, a
# distribution says how many items there are, all of them as `other`.
_SPELLED: "dict[str, object]" = {"forbidden": FORBID, "distribution": {"distribution": [OTHER]}}


def speaks(kind: type) -> bool:
    """Whether a class has the method."""
    return callable(getattr(kind, METHOD, None))


def title(thing: object) -> str:
    """The event name that an object or a class gives itself; "" if it gives none, or one that is no text."""
    name = getattr(thing, TITLE, "")
    return name if type(name) is str else ""


def specs(thing: "Any") -> "dict[str, object]":
    """The mapping of an object, or of a class with a class method: field to a row's spelling, or None.

    Raises `TypeError`, which shows no content, for anything but None or a mapping of texts, and what the method raises.
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
        # What never leaves needs no legal name: an attribute such as `_client` is forbidden under its own.
        if not is_forbidden(spelled) or names.legal_name(field):
            found[str.__str__(field)] = spelled
    return found


def declared(kind: type) -> "dict[str, object]":
    """The rows that a class declares for all its objects. Raises `ValueError` if it takes an object to know them."""
    try:
        found = specs(kind)
    except TypeError as error:
        raise ValueError(f"events: {kind.__name__}: {METHOD} must be a class method to be declared: {error}") from error
    return {field: spec for field, spec in found.items() if spec is not None}


def purpose(kind: type) -> str:
    """The docstring of a class; "" for the one that `dataclasses` makes up (the signature)."""
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
