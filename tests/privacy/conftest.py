"""Odd and hostile values. Each carries the secret where it can, so that a leak shows in whatever comes out."""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import io
import itertools
import math
import pathlib
import string
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

SECRET = "S3cret-7f"
LARGEST = 2**53
Maker = Callable[[], object]


class BoomError(Exception):
    """What a caller's own method raises, secret and all."""


def boom(*_: object, **__: object) -> Any:
    """Raise the secret."""
    raise BoomError(SECRET)


def having(**methods: object) -> Any:
    """An object whose methods answer with these values (functions are called)."""
    body = {
        name: value if isinstance(value, (types.FunctionType, property)) else lambda *_, _value=value, **__: _value
        for name, value in methods.items()
    }
    return type("Odd", (), body)()


class SecretText(str):
    """A text that claims to be `json` wherever it is asked, and holds something else."""

    __slots__ = ()

    def __secret(self, *_: object) -> Any:
        return SECRET

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("json")

    def __len__(self) -> int:
        return 7_355_608

    __str__ = __repr__ = __format__ = lower = strip = encode = __getitem__ = __secret


class SecretInteger(int):
    """A number that answers every question with text."""

    def __secret(self, *_: object) -> Any:
        return SecretText(SECRET)

    def __true(self, _: object) -> bool:
        return True

    __add__ = __radd__ = __neg__ = __abs__ = __round__ = __repr__ = __str__ = __format__ = __secret
    __index__ = __int__ = __float__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __sub__ = __secret
    __lt__ = __le__ = __gt__ = __ge__ = __true


class SecretFloat(float):
    """The same for floats."""

    def __secret(self, *_: object) -> Any:
        return SecretText(SECRET)

    def __true(self, _: object) -> bool:
        return True

    __add__ = __radd__ = __neg__ = __abs__ = __round__ = __repr__ = __str__ = __format__ = __secret
    __int__ = __float__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __sub__ = __secret
    __lt__ = __le__ = __gt__ = __ge__ = __true


class SecretBytes(bytes):
    """Bytes that are something else when they are read."""

    def __secret(self, *_: object) -> Any:
        return SecretText(SECRET)

    __getitem__ = __bytes__ = __str__ = __repr__ = __iter__ = decode = __secret


class SecretDict(dict):
    """A mapping whose contents are never the ones that it shows."""

    def items(self) -> Any:
        return [(SecretText(SECRET), SecretInteger(3)), ("json", 2)]

    def values(self) -> Any:
        return [SecretInteger(7), SecretText(SECRET)]

    def get(self, *_: object) -> Any:
        return SecretText(SECRET)

    def keys(self) -> Any:
        return iter([SecretText(SECRET)])

    def __contains__(self, _: object) -> bool:
        return True

    __iter__ = keys
    __getitem__ = get


class SecretList(list):
    """A list whose length and items are lies."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Any]:
        return iter([SecretText(SECRET), SecretInteger(4)])


class Hue(str, enum.Enum):  # noqa: UP042  # the old kind, which is written as `Hue.json`
    """A text enum."""

    json = "json"
    secret = SECRET


class Level(enum.IntEnum):
    """A number enum."""

    HIGH = 3


class Plain(enum.Enum):
    """An enum that is neither."""

    SECRET = SECRET


def generator() -> Iterator[str]:
    """A generator of secrets."""
    yield SECRET
    yield "py"


def cyclic_list() -> list[Any]:
    """A list that holds itself."""
    found: list[Any] = [SECRET]
    found.append(found)
    return found


def cyclic_dict() -> dict[str, Any]:
    """A mapping that holds itself."""
    found: dict[str, Any] = {"json": SECRET}
    found["py"] = found
    return found


SCALARS = [
    None, True, 0, -1, 999_999_999, 10**9, LARGEST, LARGEST + 1, -LARGEST - 1, 10**400, -(10**400), 10**5000,
    0.5, -0.0, 1e300, 5e-324, math.nan, math.inf, -math.inf, 1j, complex(math.nan, 1),
    "", SECRET, "json", "\ud800", "\x00", "a\nb", "\x1b[31m", "\u202e", "x" * 100_000, "1" * 5000,
    "3.11.7\x00", "3.11.7", "3.12", "1.0rc1",
    b"", SECRET.encode(), bytearray(b"json"), memoryview(b"json"), Ellipsis, NotImplemented,
    Hue.json, Hue.secret, Level.HIGH, Plain.SECRET, Hue, object, int, print, len, boom, string, ValueError(SECRET),
    dt.datetime.max.replace(tzinfo=dt.UTC), dt.date.min, dt.timedelta.max, dt.UTC,
    *map(decimal.Decimal, ("NaN", "sNaN", "Infinity", "1e9999", "1.5")),
    fractions.Fraction(1, 3), fractions.Fraction(10**400, 3), fractions.Fraction(1, 10**400),
    pathlib.Path(SECRET), pathlib.PurePosixPath("json"), uuid.UUID(int=5), io.StringIO(SECRET),
    SecretText("json"), SecretText(SECRET), SecretInteger(5), SecretInteger(10**30), SecretFloat(0.5),
    SecretBytes(b"json"), SecretFloat("nan"), mock.MagicMock(name=SECRET), mock.sentinel.secret,
    types.SimpleNamespace(json=SECRET),
]  # fmt: skip
CONTAINERS = [
    [], {}, (), set(), [SECRET], (SECRET,), {SECRET}, frozenset({SECRET}), {SECRET: SECRET}, {SECRET: 1}, {1: {2: 3}},
    {"json": SECRET}, {"json": 10**400}, {"json": -1}, {"json": math.nan}, {"json": True}, {SecretText("n"): 1},
    [[[SECRET]]], [10**400, 0.5], [math.nan], [1e308, 1e308], [None], [SecretInteger(1), SecretFloat(2)],
    [SecretText("py"), SecretText(SECRET), Hue.json], range(10**400), range(2**60), range(-3), array.array("d", [0.5]),
    collections.deque([SECRET]), collections.Counter("abc"), collections.OrderedDict(json=SECRET),
    types.MappingProxyType({"json": SECRET}), SecretDict(json=1), SecretDict(), SecretList([1]), SecretList(),
]  # fmt: skip
LIES = (SECRET, SecretText(SECRET), SecretInteger(5), 10**400, -1, None, math.nan, 2**62, b"x", [SECRET])
METHODS = [
    "__len__", "__bool__", "__str__", "__repr__", "__hash__", "__eq__", "__float__", "__index__", "__int__", "__iter__",
    "__next__", "__fspath__", "__getattribute__", "__format__", "__bytes__", "__round__",
]  # fmt: skip
CLAIMS = (str, bytes, bytearray, int, float, bool, dict, list)
# Made anew for each use: what could be used up, and what is nothing but misbehaviour.
MADE: list[Maker] = [
    generator,
    cyclic_list,
    cyclic_dict,
    lambda: iter([SECRET, "py"]),
    lambda: map(boom, [1, 2]),
    lambda: having(**dict.fromkeys(METHODS, boom)),
    *(lambda name=name: having(**{name: boom}) for name in METHODS),
    *(lambda name=name, lie=lie: having(**{name: lie}) for name in METHODS for lie in LIES),
    *(lambda kind=kind: having(__class__=property(lambda _: kind)) for kind in CLAIMS),
    *(lambda lie=lie: having(__len__=2, __iter__=lambda _: iter([lie, "json"])) for lie in LIES),
    *(lambda lie=lie: having(__len__=2, items=[(lie, 1), ("json", 2)], values=[1, lie]) for lie in LIES),
    *(lambda lie=lie: having(__len__=2, items=[("json", lie)], values=lie) for lie in LIES),
    lambda: having(__len__=2, items=[(1, 2, SECRET)]),
    lambda: having(__len__=2, __iter__=lambda _: itertools.repeat("py")),  # for ever
    lambda: having(__len__=2, __iter__=lambda self: self, __next__=boom),
    lambda: having(__float__=0.5, dtype="float64", item=SECRET),  # a scalar as numpy has it
    lambda: having(__index__=7, __int__=7, __float__=7.0, dtype="int64"),
    lambda: having(__len__=3, __iter__=lambda _: iter([0.5, 1.5]), __bool__=boom, __eq__=boom, __float__=boom),
    lambda: type("Odd", (), {"__len__": None, "__iter__": None, "__bool__": None})(),
    lambda: type("Meta", (type,), {"__len__": lambda _: 2**60})("Odd", (), {}),
    lambda: dataclasses.make_dataclass("Odd", ["json"])(SECRET),
    lambda: collections.namedtuple("Odd", "json")(SECRET),  # noqa: PYI024  # made here, used once
]


@pytest.fixture(scope="session")
def odd_values() -> list[Maker]:
    """Functions that make the odd values, one each."""
    return [*(lambda value=value: value for value in SCALARS + CONTAINERS), *MADE]


def shape(value: object) -> object:
    """A row as something to compare: its class and all its slots, those of its bases included."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
    return type(value), {slot: getattr(value, slot, None) for slot in slots}
