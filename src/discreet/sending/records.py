"""A line of a log, read back as hostile input: a record, or nothing.

The rule that keeps it honest: every part of a line is checked to be what a record may hold, else the line is no record.
Anybody may have written to the log. Who takes records from here need not check them again, except against the current
declaration, and for what a terminal or a page makes of a text.
"""

import json
from functools import lru_cache

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Record: TypeAlias = dict[str, Any]

_TEXTS = ("id", "run", "version", "py", "os")  # "" if a line has none: not every wire format carries them all
_KEYS = frozenset(("v", "time", "event", "tool", "install", "properties", *_TEXTS))
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SHAPE = "0000-00-00T00:00:00Z"


def _refused(constant: str) -> None:
    raise ValueError(constant)  # NaN and the infinities are not JSON, and no record holds them


strictly = json.JSONDecoder(parse_constant=_refused).decode  # as `json.loads`, but it refuses these


def parse(line: str) -> "Record":
    """The record of a line; absent texts are "".

    Raises `ValueError` for a line that is not JSON (a torn one) and `LookupError` for JSON that is no record of this
    version (a foreign one).
    """
    try:
        value = json.loads(line)
    except RecursionError:  # from a line of opening brackets
        raise ValueError("nested too deeply") from None
    record = checked(value)
    if record is None:
        raise LookupError("not a record")
    return record


def checked(value: object) -> "Record | None":
    """The value as a record, absent texts filled in; None if it is none. `value` comes from `json`: exact types."""
    if not isinstance(value, dict) or not value.keys() <= _KEYS:
        return None
    for key in _TEXTS:
        value.setdefault(key, "")
    properties = value.get("properties")
    legal = (
        type(value.get("v")) is int  # True and 1.0 equal 1 as well
        and value["v"] == 1
        and is_time(value.get("time"))
        and names.legal_name(value.get("event"))
        and names.legal_tool(value.get("tool"))
        and all(is_text(value[key]) for key in _TEXTS)
        and is_text(value.get("install", ""))
        and isinstance(properties, dict)
        and all(names.legal_name(field) and _is_property(held) for field, held in properties.items())
    )
    return value if legal else None


def is_time(value: object) -> bool:
    """Whether a value is a real moment written as `2026-11-20T10:30:00Z`."""
    # The length first: what is cached below must not be a text of megabytes, which a collector may be sent.
    return isinstance(value, str) and len(value) == len(_SHAPE) and _is_moment(value)


@lru_cache(1024)  # many records of one reading share their hour, or their second
def _is_moment(value: str) -> bool:
    if "".join("0" if "0" <= c <= "9" else c for c in value) != _SHAPE:
        return False
    year, month, day = int(value[:4]), int(value[5:7]), int(value[8:10])
    if not (year and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (day <= 28 or month != 2 or leap) and value[11:13] < "24" and value[14:16] < "60" and value[17:19] < "60"


def _is_property(value: object) -> bool:
    """A flat value, or a mapping of texts (a distribution's items need not be legal names) to flat values."""
    if isinstance(value, dict):
        return all(is_text(key) and is_flat(item) for key, item in value.items())
    return is_flat(value)


def is_flat(value: object) -> bool:
    """Whether a value from `json` is a boolean, a number within bounds, or a text that a conversion may let out."""
    if isinstance(value, (int, float)):  # booleans too; the bounds refuse NaN and the infinities
        return -names.LARGEST_INTEGER <= value <= names.LARGEST_INTEGER
    return is_text(value)


def is_text(value: object) -> bool:
    """Whether a value is a text that a record may hold: no conversion lets anything else out.

    What is printable holds no control character and no lone surrogate.
    """
    return isinstance(value, str) and len(value) <= names.TEXT_LENGTH and value.isprintable()
