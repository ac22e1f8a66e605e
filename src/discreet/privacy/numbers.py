"""Arithmetic of the conversions: what a number is, how it is bounded, rounded and summed, what a version is, and which
bytes are hashed. Whole numbers, booleans and declared texts do not need it.

The rule that keeps it honest: what comes out is an exact `int` or `float`, finite and within 2**53, or None; never an
instance of a subclass, whatever that overrides.
"""

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from .conversions import Number

POWERS = "powers_of_two"  # in place of the edges of the buckets
# Below the lowest epsilon, it takes a hundred million answers to know a share within a percent. Above the highest, one
# answer in 22,000 is a lie: that is hardly chance, and a row without epsilon is more honest.
LOWEST_EPSILON, HIGHEST_EPSILON = 0.01, 10.0
ITEMS = 2**20  # at most, of one container, in its caller's thread: about a tenth of a second


class Refused(ValueError):
    """A value of a kind that the conversion does not take. The error's text never holds the value."""


def plain(value: object) -> "int | float":
    """A number as an exact int or float. Takes ints, floats, their subclasses, and what has `__index__` or `__float__`.

    Raises `Refused` for anything else, above all for text, and whatever the value's own method raises.
    """
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[return-value]  # seen one line above, by identity
    if isinstance(value, int):
        return int.__add__(value, 0)
    if isinstance(value, float):
        return float.__add__(value, 0.0)
    if hasattr(kind, "__index__"):
        return int.__add__(kind.__index__(value), 0)
    if hasattr(kind, "__float__"):
        return float.__add__(kind.__float__(value), 0.0)  # not `float(...)`, which would read a text
    raise Refused("not a number")


def finite(number: "int | float") -> "int | float | None":
    """The number, or None if it is infinite, not a number, or beyond 2**53 and so not exact everywhere."""
    return number if -names.LARGEST_INTEGER <= number <= names.LARGEST_INTEGER else None


def bounded(count: int) -> int:
    """A count that JSON holds exactly. Raises `Refused` for any other."""
    if 0 <= count <= names.LARGEST_INTEGER:
        return count
    raise Refused("not a count")


def rounded(number: "int | float", step: "float | None", digits: "int | None") -> "int | float":
    """`number` to the nearest multiple of `step`, or to `digits` significant digits; halves go to the even one."""
    if step is digits is None:
        return number
    if step is not None:
        number = round(number / step) * step
    if digits is not None and number:
        number = type(number)(float(f"{number:.{digits - 1}e}"))
    # 3 * 0.1 is 0.30000000000000004, which does not look rounded. A double always holds 15 digits.
    return float(f"{number:.15g}") if type(number) is float else number


def shaped(value: object, row: "Number") -> "int | float | None":
    """A number as its row lets it out: clamped, then put into its bucket, or rounded; None if it is not finite then."""
    number = plain(value)
    if number - number != 0:  # NaN or an infinity, which no clamp makes a number
        return None
    number = number if row.low is None or number >= row.low else row.low
    number = number if row.high is None or number <= row.high else row.high
    if finite(number) is None:
        return None
    if row.buckets is not None:
        return bucket(number, row.buckets)
    return finite(rounded(number, row.round_to, row.significant))


def bucket(number: "int | float", edges: "tuple[float, ...] | str") -> "int | float":
    """The largest of the ascending `edges` that is not above `number`; the first, for a number below them all.

    With `POWERS` for edges, the largest power of two (or 0) whose magnitude is not above the number's, with its sign.
    """
    if isinstance(edges, str):
        power = (1 << abs(int(number)).bit_length()) >> 1  # int() cuts a fraction off towards 0
        return power if number >= 0 else -power
    found = edges[0]
    for edge in edges:
        if edge > number:
            break
        found = edge
    return found


def total(value: object) -> "int | float":
    """The sum of a container of numbers, of a mapping's values, or of one number. Raises `Refused` for an iterator."""
    if isinstance(value, (int, float)) or not hasattr(type(value), "__len__"):  # as a member of an enumeration seems to
        return plain(value)
    if isinstance(value, (str, bytes, bytearray)):
        raise Refused("not numbers")
    result: int | float = 0
    for item in _contents(value, "values"):
        result += plain(item)
    return plain(result)


def occurrences(value: object) -> "Iterator[tuple[object, int]]":
    """Each item of a container, and how many it counts for: 1, or what a mapping says. One text is one item."""
    if isinstance(value, (str, bytes, bytearray)):
        yield value, 1
    elif hasattr(type(value), "items"):
        for item, count in _contents(value, "items"):
            whole = plain(count)
            if whole != whole or int(whole) != whole or whole < 0:
                raise Refused("not a count")
            yield item, int(whole)
    else:
        for item in _contents(value, ""):
            yield item, 1


def _contents(value: object, method: str) -> "Iterator[Any]":
    """The items of a container (those from its `method`, if it has that), never more than its length says.

    Raises `Refused` for an iterator, which this would use up, and for more than `ITEMS`.
    """
    kind = type(value)
    if not hasattr(kind, "__len__") or hasattr(kind, "__next__"):
        raise Refused("not a container")
    number = len(value)  # type: ignore[arg-type]  # its type has __len__, as seen above
    if number > ITEMS:
        raise Refused("too large a container")
    items: Iterable[object] = getattr(value, method)() if hasattr(kind, method) else value  # type: ignore[assignment]
    for _, item in zip(range(number), items, strict=False):  # an `__iter__` may go on without end
        yield item


def checked_options(
    round_to: "float | None",
    significant: "int | None",
    low: "float | None",
    high: "float | None",
    buckets: "Iterable[float] | str | None",
) -> "tuple[float, ...] | str | None":
    """The option `buckets` of `Number` as it is kept. Raises `ValueError` naming the option that makes no sense."""
    for name, option in (("round_to", round_to), ("low", low), ("high", high)):
        if option is not None and (type(option) not in (int, float) or finite(option) is None):
            raise ValueError(f"{name} must be a finite number, not {option!r}")
    if round_to is not None and round_to <= 0:
        raise ValueError(f"round_to must be above 0, not {round_to!r}")
    if significant is not None and (type(significant) is not int or not 1 <= significant <= 15):
        raise ValueError(f"significant must be a whole number from 1 to 15, not {significant!r}")
    if low is not None and high is not None and low > high:
        raise ValueError(f"low must not be above high: {low!r} > {high!r}")
    if buckets is None:
        return None
    if buckets != POWERS if isinstance(buckets, str) else not hasattr(buckets, "__iter__"):
        raise ValueError(f"buckets must be ascending numbers or {POWERS!r}, not {buckets!r}")
    if round_to is not None or significant is not None:
        raise ValueError("buckets and rounding exclude one another")
    return buckets if isinstance(buckets, str) else _checked_edges(tuple(buckets))


def _checked_edges(edges: "tuple[float, ...]") -> "tuple[float, ...]":
    if not edges or any(type(edge) not in (int, float) or finite(edge) is None for edge in edges):
        raise ValueError("buckets must be at least one finite number")
    from itertools import pairwise

    if any(lower >= higher for lower, higher in pairwise(edges)):
        raise ValueError("buckets must ascend")
    return edges


def checked_epsilon(epsilon: object, domain: "tuple[object, ...]") -> float:
    """Epsilon of a choice among the answers of `domain`, as a float. Raises `ValueError` for anything but a number from
    0.01 to 10, and where there is only one answer.
    """
    if type(epsilon) not in (int, float) or not LOWEST_EPSILON <= epsilon <= HIGHEST_EPSILON:  # type: ignore[operator]  # a number then
        raise ValueError(f"epsilon must be a number from {LOWEST_EPSILON} to {HIGHEST_EPSILON:g}, not {epsilon!r}")
    if len(domain) < 2:
        raise ValueError("epsilon needs at least two possible answers")
    return float(epsilon)  # type: ignore[arg-type]  # as above


def raw(value: object) -> bytes:
    """The bytes to hash: of a text, bytes, an integer or a path."""
    if not isinstance(value, (str, bytes)) and hasattr(type(value), "__fspath__"):
        value = type(value).__fspath__(value)  # type: ignore[attr-defined]  # seen one line above
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(None))
    if isinstance(value, int):
        return b"%d" % int.__index__(value)
    raise Refused("neither text, bytes, an integer nor a path")


def is_version(text: str) -> bool:
    """Whether a text is two or three numbers of up to four digits with an optional aN, bN or rcN."""
    for mark in ("rc", "a", "b"):
        head, found, tail = text.partition(mark)
        if found:
            return _is_digits(tail) and _is_release(head)
    return _is_release(text)


def _is_release(text: str) -> bool:
    parts = text.split(".")
    return len(parts) in (2, 3) and all(map(_is_digits, parts))


def _is_digits(text: str) -> bool:
    return 0 < len(text) <= 4 and text.isascii() and text.isdigit()
