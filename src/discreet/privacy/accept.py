"""Distrust: what of a record read back from the log may leave now.

The rule that keeps it honest: a value leaves only if the *current* declaration's conversion could have produced it. So
neither a forged line nor one that an older, more generous version wrote gets further than the disk.
"""

from .. import names
from . import UNDECLARED_LIMIT, conversions
from .declaration import OWN_NUMBERS, Declaration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .conversions import Conversion

_HEX = "0123456789abcdef"
# The least and the largest number in a field of the package's own events: a duration is not negative, and an exit
# status has 32 bits, signed or unsigned (Windows has both). The rows are plain numbers, as every consent says.
_BETWEEN = {
    ("command", "duration_ms"): (0, names.LARGEST_INTEGER),
    ("command", "exit_code"): (-(2**31), 2**32 - 1),
    ("session", "duration_ms"): (0, names.LARGEST_INTEGER),
    ("session", "part"): (1, names.LARGEST_INTEGER),
}
# For each conversion that does not turn its own result into the same again: what its results look like.
_RESULTS: "dict[type[Conversion], Callable[[object], bool]]" = {
    conversions.Forbidden: lambda _: False,
    conversions.Count: lambda value: type(value) is int and 0 <= value <= names.LARGEST_INTEGER,
    conversions.TextCount: lambda value: type(value) is int and 0 <= value <= names.LARGEST_INTEGER,
    conversions.Hash: lambda value: is_hex(value, 16),
}


class Acceptor:
    """What may leave under a declaration (None: nothing was declared) at a level of consent."""

    def __init__(self, declaration: Declaration | None, level: str) -> None:
        self._declaration = declaration or Declaration()
        self._level = level

    def properties(self, event: str, recorded: "Mapping[str, object]") -> "dict[str, object] | None":
        """The recorded properties that may leave; None if the current declaration could not have produced one of them.

        Left out are fields of a level that was not agreed to, and impossible numbers in the package's own events.
        `event` and the names are legal: `sending.records` has checked them. Never raises.
        """
        rows = self._declaration.rows(event)
        if rows is None:
            if self._declaration.closed:
                return None
            rows = self._declaration.fields
        found: dict[str, object] = {}
        for field, value in recorded.items():
            row = rows.get(field)
            if row is None:
                if self._declaration.closed or not _is_bare(value):
                    return None
                found[field] = value
            elif isinstance(row, dict):
                inner = self._inner(row, value)
                if inner is None:
                    return None
                if inner:
                    found[field] = inner
            elif not produces(row, value):
                return None
            elif (row.level == "basic" or self._level == "enhanced") and _can_be(event, field, row, value):
                found[field] = value
        return found

    def _inner(self, rows: "Mapping[str, Conversion]", value: object) -> "dict[str, object] | None":
        if not isinstance(value, dict) or not value:  # an empty one is never recorded
            return None
        if not all(name in rows and produces(rows[name], value[name]) for name in value):
            return None
        return {name: held for name, held in value.items() if rows[name].level == "basic" or self._level == "enhanced"}


def _can_be(event: str, field: str, row: "Conversion", value: object) -> bool:
    """Whether a number in the package's own events is possible there. `row` could have produced it."""
    if row is not OWN_NUMBERS.get((event, field)):
        return True  # the author's own row
    low, high = _BETWEEN[event, field]
    return low <= value <= high  # type: ignore[operator]  # a number, as its row is one


def produces(row: "Conversion", value: object) -> bool:
    """Whether `row` could have produced `value`. Never raises for a value that came out of `json`."""
    result = _RESULTS.get(type(row))
    if result is not None:
        return result(value)
    if value is None:
        return False
    try:
        return _same(row.convert(value), value) or (
            isinstance(row, conversions.Number)
            and any(_same(row.convert(raw), value) for raw in _multiples(row, value))
        )
    except (ValueError, OverflowError):
        return False


def _multiples(row: conversions.Number, value: object) -> "tuple[float, ...]":
    """The two multiples of the step next to a value: if `row` made it, it rounded one of these to its digits.

    With both a step and digits, a result does not always round to itself: 13 becomes 14 (by sevens) and then 10 (one
    digit), but 10 becomes 7.
    """
    if row.round_to is None or row.significant is None or type(value) not in (int, float):
        return ()
    below = value // row.round_to  # type: ignore[operator]  # a number, as the line above saw
    return below * row.round_to, (below + 1) * row.round_to


def is_hex(value: object, length: int) -> bool:
    """Whether a value is a text of `length` lower-case hex digits."""
    return isinstance(value, str) and len(value) == length and not value.strip(_HEX)


def _same(again: object, value: object) -> bool:
    """Whether both are equal and of the same types: neither True nor 1.0 passes for 1."""
    if isinstance(again, dict) and isinstance(value, dict):
        return again.keys() == value.keys() and all(_same(again[key], value[key]) for key in again)
    return type(again) is type(value) and again == value


def _is_bare(value: object) -> bool:
    """Whether the default rule lets a value out: a boolean, or a number too short for an account or a time."""
    return isinstance(value, (bool, int, float)) and -UNDECLARED_LIMIT < value < UNDECLARED_LIMIT
