"""Conversions: the only ways a value may leave, one class a row.

The rule that keeps it honest: `convert` returns a new value of a closed type (bool, int, float, a declared text, or a
mapping of declared names to counts), or None for nothing. What it cannot convert, it refuses by an exception, and the
whole event is dropped. It never changes its argument, and returns it only if that is already of such a type.
"""

from .. import names
from . import OTHER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn, TypeAlias

    Clean: TypeAlias = "bool | int | float | str | dict[str, Clean]"
    Pseudonymize: TypeAlias = Callable[[str, str, bytes], str]  # (event, field, raw value) -> 16 hex digits
    Draw: TypeAlias = Callable[[str, str, bytes], int]  # (event, field, message) -> its draw, below 2**256
    Convert: TypeAlias = Callable[[object], Clean | None]  # the conversion of one field of one event

LEVELS, _MOST = ("basic", "enhanced"), names.LARGEST_INTEGER


class Conversion:
    """What every conversion has: a `purpose` and an `example` for the disclosure, and the `level` it is collected at.
    Raises `ValueError` for a level other than "basic" and "enhanced", and for a purpose that is no text.
    """

    __slots__ = ("example", "level", "purpose")
    word = ""  # the same conversion in mappings and manifests
    domain: "tuple[bool, ...] | tuple[str, ...]" = ()  # of one that takes an epsilon: all that can come out
    epsilon: float | None = None  # of a row that is answered by lot; see privacy/randomized.py

    def __init__(self, *, purpose: str = "", example: object = None, level: str = "basic") -> None:
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
        if not isinstance(purpose, str):
            raise ValueError(f"purpose must be text, not {purpose!r}")
        self.purpose, self.example, self.level = purpose, example, level

    def convert(self, value: object) -> "Clean | None":
        """The clean value, or None for nothing. Even with an epsilon it is the truth: only what `bind` returns answers
        by lot. Raises `Refused`, and what the value itself raises.
        """
        _refuse("it needs its event, field and salt: bind it first")  # `Hash` alone has no conversion without these

    def bind(self, event: str, field: str, pseudonymize: "Pseudonymize", draw: "Draw | None" = None) -> "Convert":
        """The conversion of one field of one event, as a function of the value alone."""
        if self.epsilon is None:
            return self.convert
        from .randomized import bound

        return bound(self, event, field, draw)


class Forbidden(Conversion):
    """Nothing leaves."""

    __slots__ = ()
    word = "forbid"

    def convert(self, value: object) -> None:
        return None


class Boolean(Conversion):
    """`bool(value)`; None is False. With `epsilon` (0.01 to 10) an answer by lot, see privacy/randomized.py."""

    __slots__ = ("epsilon",)
    word = "boolean"
    domain: "tuple[bool, ...]" = (False, True)

    def __init__(
        self, epsilon: "float | None" = None, *, purpose: str = "", example: object = None, level: str = "basic"
    ) -> None:
        super().__init__(purpose=purpose, example=example, level=level)
        self.epsilon = _epsilon(epsilon, self.domain)

    def convert(self, value: object) -> bool:
        return bool(value)


class Count(Conversion):
    """The length of a container; 1 for another present value, text included; 0 for None."""

    __slots__ = ()
    word = "count"

    def convert(self, value: object) -> int:
        if value is None:
            return 0
        if isinstance(value, (str, bytes, bytearray)) or not any("__len__" in vars(cls) for cls in type(value).__mro__):
            return 1  # a member of an enumeration, too: `hasattr` would find the length of the enumeration
        length = len(value)  # type: ignore[arg-type]  # its type has __len__, as seen above
        return length if length <= _MOST else _refuse("not a count")


class Hash(Conversion):
    """16 hex digits of BLAKE2b, keyed by a random salt of this installation which never leaves. The event, the field
    and the UTC month go into the key, so equal values are linked within one field of one installation for at most a
    month. Takes text, bytes, integers and paths; refuses the rest.
    """

    __slots__ = ()
    word = "hash"

    def bind(self, event: str, field: str, pseudonymize: "Pseudonymize", draw: "Draw | None" = None) -> "Convert":
        from .numbers import raw

        return lambda value: None if value is None else pseudonymize(event, field, raw(value))


class TextCount(Conversion):
    """The number of characters (code points) of a text."""

    __slots__ = ()
    word = "text_count"

    def convert(self, value: object) -> "int | None":
        if value is None:
            return None
        if not isinstance(value, str):
            _refuse("not a text")
        return str.__len__(value)


class Distribution(Conversion):
    """How often each declared item occurs in a container of texts (or in a mapping of texts to counts), the rest as
    `other`. An iterator is refused: counting it would use it up, and the caller's objects are never changed.
    """

    __slots__ = ("items",)
    word = "distribution"

    def __init__(self, *items: str, purpose: str = "", example: object = None, level: str = "basic") -> None:
        super().__init__(purpose=purpose, example=example, level=level)
        self.items = _choices(items, names.NAME_LENGTH)

    def convert(self, value: object) -> "dict[str, Clean] | None":
        if value is None:
            return None
        from . import numbers

        counts = dict.fromkeys((*self.items, OTHER), 0)
        for item, count in numbers.occurrences(value):
            text = _text(item)
            counts[text if text in self.items else OTHER] += count
        return {item: numbers.bounded(count) for item, count in counts.items() if count}


class Aggregate(Conversion):
    """The sum of a container of numbers (of a mapping's values), or one number as it is."""

    __slots__ = ()
    word = "aggregate"

    def convert(self, value: object) -> "int | float | None":
        from . import numbers

        return None if value is None else numbers.finite(numbers.total(value))


class Number(Conversion):
    """A finite number: clamped to `low` and `high`, then put into its bucket, or rounded.

    `round_to` is the step to round to (10: to tens), `significant` the number of significant digits. `buckets` are
    ascending lower edges: the value leaves as the largest edge that is not above it, or as the first if all are. With
    "powers_of_two" for edges it leaves as 0, 1, 2, 4, 8, ..., and below 0 as their mirror images. Infinities and NaN
    leave nothing, nor do numbers beyond 2**53 that no clamp brings back. Text is refused. Raises `ValueError` for a
    step, digits or edges that make no sense.
    """

    __slots__ = ("_bare", "buckets", "high", "low", "round_to", "significant")
    word = "number"

    def __init__(
        self,
        round_to: "float | None" = None,
        significant: "int | None" = None,
        low: "float | None" = None,
        high: "float | None" = None,
        buckets: "Iterable[float] | str | None" = None,
        *,
        purpose: str = "",
        example: object = None,
        level: str = "basic",
    ) -> None:
        super().__init__(purpose=purpose, example=example, level=level)
        self.round_to, self.significant, self.low, self.high = round_to, significant, low, high
        self.buckets: tuple[float, ...] | str | None = None
        self._bare = all(option is None for option in (round_to, significant, low, high, buckets))
        if not self._bare:
            from .numbers import checked_options

            self.buckets = checked_options(round_to, significant, low, high, buckets)

    def bind(self, event: str, field: str, pseudonymize: "Pseudonymize", draw: "Draw | None" = None) -> "Convert":
        if self._bare:
            return self.convert
        from .numbers import shaped  # here, as at each call it would take thrice as long as all of the work

        return lambda value: None if value is None else shaped(value, self)

    def convert(self, value: object) -> "int | float | None":
        if value is None or (self._bare and (type(value) is int or type(value) is float) and -_MOST <= value <= _MOST):
            return value  # as nearly all are: they need no arithmetic, which would have to be loaded
        from .numbers import shaped

        return shaped(value, self)


class OneOf(Conversion):
    """The choice that a text equals; `other` for anything else. With `epsilon` (0.01 to 10) an answer by lot."""

    __slots__ = ("choices", "domain", "epsilon")
    word = "one_of"

    def __init__(
        self,
        *choices: str,
        epsilon: "float | None" = None,
        purpose: str = "",
        example: object = None,
        level: str = "basic",
    ) -> None:
        super().__init__(purpose=purpose, example=example, level=level)
        self.choices = _choices(choices, names.TEXT_LENGTH)
        self.domain: tuple[str, ...] = tuple(dict.fromkeys((*self.choices, OTHER)))
        self.epsilon = _epsilon(epsilon, self.domain)

    def convert(self, value: object) -> "str | None":
        if value is None:
            return None
        text = _text(value)
        return text if text in self.choices else OTHER


class Version(Conversion):
    """A version: two or three numbers of up to four digits with an optional aN, bN or rcN, such as `3.11.7`. Four parts
    (an address) and everything else leave nothing.
    """

    __slots__ = ("_accepted",)
    word = "version"

    def convert(self, value: object) -> "str | None":
        text = _text(value)
        if text == getattr(self, "_accepted", ""):  # a tool sends one version, over and over
            return text or None
        from .numbers import is_version

        if 0 < len(text) <= 24 and is_version(text):
            self._accepted = text
            return text
        return None


def _epsilon(epsilon: "float | None", domain: "tuple[object, ...]") -> "float | None":
    """The option `epsilon` as it is kept. Raises `ValueError`."""
    if epsilon is None:
        return None
    from .numbers import checked_epsilon

    return checked_epsilon(epsilon, domain)


def _refuse(why: str) -> "NoReturn":
    from .numbers import Refused

    raise Refused(why)


def _text(value: object) -> str:
    """A text as an exact `str`, whatever a subclass overrides; "" for what is no text."""
    if type(value) is str:
        return value
    return str.__str__(value) if isinstance(value, str) else ""


def _choices(items: "tuple[str, ...]", length: int) -> "dict[str, None]":
    """Declared texts in their order, checked here so that `convert` can trust them."""
    if not items:
        raise ValueError("at least one text must be declared")
    for item in items:
        if type(item) is not str or not 0 < len(item) <= length or not item.isprintable():
            raise ValueError(f"a declared text must be printable and of 1 to {length} characters: {item!r}")
    return dict.fromkeys(items)
