"""What all formats do to the facts of a record: cut its time, flatten its properties, keep their names apart.

The rule that keeps it honest: a fact is coarser afterwards, or it is the same; none is replaced by another, none is
made up, and none is lost.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

# Characters of `2026-11-20T10:30:00Z` that each precision keeps; the rest is that of `_BEGINNING`.
_KEPT = {"second": 19, "minute": 16, "hour": 13, "day": 10}
_BEGINNING = "0000-01-01T00:00:00Z"


def cut(time: str, precision: str) -> str:
    """A time like `2026-11-20T10:30:00Z`, cut down to its "second", "minute", "hour" or "day"."""
    kept = _KEPT[precision]
    return time[:kept] + _BEGINNING[kept:]


def flat(properties: "Mapping[str, Any]") -> "dict[str, Any]":
    """Properties without nesting: `{"results": {"candidates": 40}}` is `{"results.candidates": 40}`.

    A field's own name may hold dots. If it is the name that a flattened one would get, the flattened one gets as many
    `_` at its end as it takes.
    """
    taken = {name for name, value in properties.items() if type(value) is not dict}
    found: dict[str, Any] = {}
    for name, value in properties.items():
        if type(value) is not dict:
            found[name] = value
            continue
        for inner, fact in value.items():
            whole = f"{name}.{inner}"
            while whole in taken:
                whole += "_"
            taken.add(whole)
            found[whole] = fact
    return found


def apart(name: str, reserved: "Collection[str]") -> str:
    """`name`, with one more `_` at its end if it is a reserved name, or one with such marks already.

    So a property never stands in for a fact of the record, no two become one, and a receiver that takes the mark off
    has every name as it was.
    """
    return f"{name}_" if name.rstrip("_") in reserved else name
