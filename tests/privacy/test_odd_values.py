"""Odd and hostile values against every conversion and the default rule: clean out, or nothing, or a dropped event.

Each odd value carries `SECRET` where it can. Whatever a conversion makes of it, it is an exact bool, int, float or text
(or an exact mapping of texts to counts), finite and within 2**53, and a text is one that the declaration names or one of
the conversion's own alphabet. An exception is fine: it drops the event.
"""

import array
import collections
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import inspect
import io
import math
import pathlib
import string
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discreet import Aggregate, Boolean, Count, Distribution, Forbidden, Hash, Number, OneOf, TextCount, Version
from discreet.privacy import Filter
from discreet.privacy.declaration import CommandName, Declaration, ErrorName
from discreet.sending.installation import pseudonym

SECRET = "S3cret-7f"
LARGEST = 2**53
DECLARED = ("py", "js", "json", "n", "other")


class Boom(Exception):
    """What a caller's own method raises, secret and all."""


def boom(*_: object, **__: object) -> Any:
    """Raise the secret."""
    raise Boom(SECRET)


def having(*bases: type, **methods: object) -> Any:
    """A class whose methods answer with these values, or call them if they are functions."""
    body = {
        name: value if isinstance(value, types.FunctionType) else (lambda self, *_, _value=value, **__: _value)
        for name, value in methods.items()
    }
    return type("Odd", bases, body)


class SecretText(str):
    """A text that claims to be `json` wherever it is asked, and holds the secret."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("json")

    def __str__(self) -> str:
        return SECRET

    __repr__ = __format__ = lower = strip = encode = __str__  # type: ignore[assignment]

    def __len__(self) -> int:
        return 7_355_608


class SecretInteger(int):
    """A number that answers every question with text."""

    def __secret(self, *_: object) -> Any:
        return SecretText(SECRET)

    __add__ = __radd__ = __neg__ = __abs__ = __round__ = __repr__ = __str__ = __format__ = __secret
    __index__ = __int__ = __float__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __secret
    __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True


class SecretFloat(float):
    """The same for floats."""

    __add__ = __radd__ = __neg__ = __abs__ = __round__ = __repr__ = __str__ = __format__ = lambda *_: SecretText(SECRET)
    __int__ = __float__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = lambda *_: SecretText(SECRET)
    __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True


class SecretBytes(bytes):
    """Bytes that are something else when they are read."""

    __getitem__ = __bytes__ = __str__ = __repr__ = decode = __iter__ = lambda *_: SecretText(SECRET)


class SecretDict(dict):
    """A mapping whose contents are never the ones that it shows."""

    items = lambda self: [(SecretText(SECRET), SecretInteger(3)), ("json", SecretText(SECRET))]  # noqa: E731  # one a line
    values = lambda self: [SecretText(SECRET)]  # noqa: E731  # the same
    keys = __iter__ = lambda self: iter([SecretText(SECRET)])
    get = __getitem__ = lambda self, *_: SecretText(SECRET)
    __contains__ = lambda self, _: True


class SecretList(list):
    """A list whose length and items are lies."""

    __len__ = lambda self: 3
    __iter__ = lambda self: iter([SecretText(SECRET), SecretInteger(4)])
    __getitem__ = lambda self, _: SecretText(SECRET)


class Hue(str, enum.Enum):
    """A text enum of the old kind: it is written as `Hue.json`."""

    json = "json"
    secret = SECRET


class Level(enum.IntEnum):
    """A number enum."""

    HIGH = 3


class Plain(enum.Enum):
    """An enum that is neither."""

    SECRET = SECRET


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


def generator() -> Iterator[str]:
    """A generator of secrets."""
    yield SECRET
    yield "py"


DUNDERS = [
    f"__{name}__"
    for name in "len bool str repr hash eq float index int iter next fspath getattribute class format bytes round".split()
]
MAKERS: dict[str, Callable[[], object]] = {
    **{
        f"{value!r:.20}": (lambda value=value: value)  # type: ignore[misc]  # the default binds it
        for value in (
            None, True, 0, -1, 999_999_999, 10**9, LARGEST, LARGEST + 1, -LARGEST - 1, 10**400, -(10**400), 10**5000,
            0.5, -0.0, 1e300, 5e-324, math.nan, math.inf, -math.inf, 1j, complex(math.nan, 1),
            "", SECRET, "json", "\ud800", "\x00", "a\nb", "\x1b[31m", "\u202e", "x" * 100_000, "1" * 5000, "3.11.7\x00",
            b"", SECRET.encode(), bytearray(b"json"), memoryview(b"json"), [], {}, (), set(), [SECRET], (SECRET,), {SECRET},
            {SECRET: SECRET}, {SECRET: 1}, {"json": SECRET}, {"json": 10**400}, {"json": -1}, {"json": math.nan}, {1: {2: 3}},
            [[[SECRET]]], [10**400, 0.5], [math.nan], [1e308, 1e308], frozenset({SECRET}), range(10**400), range(2**60),
            range(-3), Ellipsis, NotImplemented, object, int, print, len, boom, string, Hue.json, Hue.secret, Level.HIGH,
            Plain.SECRET, Hue, dt.datetime.max, dt.date.min, dt.timedelta.max, dt.UTC, decimal.Decimal("NaN"),
            decimal.Decimal("sNaN"), decimal.Decimal("Infinity"), decimal.Decimal("1e9999"), decimal.Decimal("1.5"),
            fractions.Fraction(1, 3), fractions.Fraction(10**400, 3), fractions.Fraction(1, 10**400),
            pathlib.Path(SECRET), pathlib.PurePosixPath("json"), uuid.UUID(int=5), ValueError(SECRET), array.array("d", [0.5]),
            collections.deque([SECRET]), collections.Counter("abc"), collections.OrderedDict(json=SECRET),
            types.MappingProxyType({"json": SECRET}), types.SimpleNamespace(json=SECRET), io.StringIO(SECRET),
            SecretText("json"), SecretText(SECRET), SecretInteger(5), SecretInteger(10**30), SecretFloat(0.5), SecretFloat("nan"),
            SecretBytes(b"json"), SecretDict(json=1), SecretDict(), SecretList([1]), SecretList(),
            mock.MagicMock(name=SECRET), mock.sentinel.secret,
        )
    },
    "cyclic list": cyclic_list,
    "cyclic mapping": cyclic_dict,
    "generator": generator,
    "iterator": lambda: iter([SECRET, "py"]),
    "map": lambda: map(boom, [1, 2]),
    "deep": lambda: eval("[" * 90 + "]" * 90),
    "released view": lambda: memoryview(b"json").release() or memoryview(b"json").cast("B")[::2],
    "raises everything": lambda: having(**{name: boom for name in DUNDERS if name not in ("__class__", "__getattribute__")})(),
    **{f"{name} raises": (lambda name=name: having(**{name: boom})()) for name in DUNDERS},  # type: ignore[misc]
    **{
        f"{name} lies: {lie!r:.12}": (lambda name=name, lie=lie: having(**{name: lie})())  # type: ignore[misc]
        for name in DUNDERS
        for lie in (SECRET, SecretText(SECRET), SecretInteger(5), 10**400, -1, None, math.nan, 2**62, iter([SECRET]))
        if name != "__class__"
    },
    **{
        f"claims to be {kind.__name__}": (lambda kind=kind: having(__class__=property(lambda self: kind))())  # type: ignore[misc]
        for kind in (str, bytes, int, float, bool, dict, list, bytearray)
    },
    "a length and secrets": lambda: having(__len__=2, __iter__=lambda self: iter([SECRET, SecretText("py")]))(),
    "a length, and an iterator": lambda: having(__len__=2, __iter__=lambda self: self, __next__=boom)(),
    "a mapping of secrets": lambda: having(
        __len__=2, items=lambda self: [(SECRET, 1), (SecretText("py"), SecretInteger(2))], values=lambda self: [SECRET]
    )(),
    "items of three": lambda: having(__len__=2, items=lambda self: [(1, 2, SECRET)])(),
    "a scalar as numpy has": lambda: having(__float__=0.5, dtype="float64", item=SECRET)(),
    "an integer as numpy has": lambda: having(__index__=7, __int__=7, __float__=7.0, dtype="int64")(),
    "an array as numpy has": lambda: having(
        __len__=3, __iter__=lambda self: iter([0.5, 1.5, math.nan]), __bool__=boom, __eq__=boom, __float__=boom
    )(),
    "no length, said so": lambda: type("Odd", (), {"__len__": None, "__iter__": None, "__bool__": None})(),
    "a dataclass": lambda: dataclasses.make_dataclass("Odd", ["json"])(SECRET),
    "a named tuple": lambda: collections.namedtuple("Odd", "json")(SECRET),
    "a type with a length": lambda: type("Meta", (type,), {"__len__": lambda cls: 2**60})("Odd", (), {}),
}  # fmt: skip

CONVERSIONS = {
    "forbid": Forbidden(),
    "boolean": Boolean(),
    "count": Count(),
    "hash": Hash(),
    "text_count": TextCount(),
    "distribution": Distribution("py", "js", "json"),
    "aggregate": Aggregate(),
    "number": Number(),
    "number, clamped": Number(low=-5, high=100),
    "number, rounded": Number(round_to=0.1),
    "number, significant": Number(significant=3),
    "number, in buckets": Number(buckets=(0, 1, 10.5)),
    "one_of": OneOf("json", "py"),
    "version": Version(),
    "command name": CommandName(),
    "error name": ErrorName("json"),
    "nested": {"json": OneOf("json"), "py": Number(), "n": Hash()},
}


def legal_text(text: str, row: object) -> bool:
    """Whether a row may let this text out: declared, or of the conversion's own alphabet."""
    if isinstance(row, (Hash, dict)) and len(text) == 16 and not text.strip("0123456789abcdef"):
        return True
    if isinstance(row, Version):
        return not text.strip(string.digits + ".abrc") and len(text) <= 24
    if isinstance(row, CommandName):
        return not text.strip(string.ascii_lowercase + string.digits + "_.")
    if isinstance(row, ErrorName) and isinstance(getattr(__import__("builtins"), text, None), type):
        return True
    return text in DECLARED


def assert_clean(value: object, row: object, *, inner: bool = False) -> None:
    """Fail unless this may leave through this row (None: the default rule)."""
    kind = type(value)
    if kind is dict and not inner:
        for name, part in value.items():  # type: ignore[attr-defined]  # a dict, as the line above saw
            assert type(name) is str
            assert name in DECLARED
            assert_clean(part, row, inner=True)
    elif kind is str:
        assert row is not None
        assert legal_text(value, row), value  # type: ignore[arg-type]  # the same
    elif kind is not bool:
        assert kind in (int, float)
        assert abs(value) <= LARGEST if row else abs(value) < 10**9  # type: ignore[arg-type, operator]  # NaN is not
    assert SECRET not in repr(value)


def hashed(event: str, field: str, raw: bytes) -> str:
    """What the recorder does, with a fixed salt."""
    assert type(raw) is bytes
    return pseudonym(b"salt" * 8, event, field, "2026-11", raw)


def leaving(value: object, row: object) -> dict[str, Any]:
    """What leaves of an event whose one field holds this value; `Boom`, or another error, if the event is dropped."""
    declaration = Declaration({"e": {"n": row}}) if row is not None else None
    cleaned = Filter(declaration, "basic", hashed, lambda _: None).clean("e", {"n": value})
    assert cleaned is not None
    assert set(cleaned) <= {"n"}
    return cleaned


@pytest.mark.parametrize("row", [*CONVERSIONS.values(), None], ids=[*CONVERSIONS, "no row"])
def test_odd_values(row: object) -> None:
    """Every odd value through every conversion, and through the default rule."""
    for name, make in MAKERS.items():
        try:
            cleaned = leaving(make(), row)
        except Exception as error:  # noqa: BLE001  # whatever a value raises drops its event
            assert not isinstance(error, AssertionError), name  # noqa: PT017  # this test's own
            continue
        for value in cleaned.values():
            assert_clean(value, row)


@pytest.mark.parametrize("row", [*CONVERSIONS.values(), None], ids=[*CONVERSIONS, "no row"])
def test_nothing_of_the_callers_is_changed(row: object) -> None:
    """Containers are as they were, and no generator, iterator or file was advanced."""
    containers = [
        ["py", SECRET, 3], {"py": 2, "js": 1}, {"py", "js"}, bytearray(b"py"), collections.deque([1, 2]),
        collections.defaultdict(list, py=3), collections.OrderedDict(json=1), [[1], {"py": [2]}], {"json": {"py": 1}},
    ]  # fmt: skip
    before = copy.deepcopy(containers)
    once = generator()
    twice = iter([1, 2])
    file = io.StringIO("12\n13\n")
    lazy = having(__len__=2, __iter__=lambda self: self, __next__=lambda self: next(twice))()
    for value in (*containers, once, [once], twice, file, lazy, map(boom, [1])):
        try:
            cleaned = leaving(value, row)
        except Exception as error:  # noqa: BLE001  # a refusal is fine, a change is not
            assert not isinstance(error, Boom)  # noqa: PT017  # nobody asked the map for an item
        else:
            assert all(each is not value for each in cleaned.values())
    assert containers == before
    assert inspect.getgeneratorstate(once) == inspect.GEN_CREATED
    assert list(twice) == [1, 2]
    assert file.tell() == 0


SIMPLE = (
    st.none() | st.booleans() | st.integers() | st.integers(min_value=-(10**40), max_value=10**40) | st.floats()
    | st.text() | st.text(st.characters(categories=["Cs", "Cc"])) | st.binary() | st.sampled_from(DECLARED)
    | st.from_regex(r"\A[0-9]{1,5}(\.[0-9]{1,5}){0,4}((a|b|rc)[0-9]{0,5})?\Z") | st.decimals() | st.fractions()
    | st.complex_numbers() | st.datetimes() | st.timedeltas() | st.uuids()
    | st.sampled_from(sorted(MAKERS)).map(lambda name: MAKERS[name]())
)  # fmt: skip
OVERRIDDEN = (
    st.text().map(SecretText) | st.integers().map(SecretInteger) | st.floats().map(SecretFloat)
    | st.binary().map(SecretBytes) | st.text().map(lambda text: having(__len__=3, __iter__=lambda self: iter([text]))())
    | st.tuples(st.sampled_from(DUNDERS[:-4]), st.none() | st.integers() | st.text() | st.floats()).map(
        lambda pair: having(**{pair[0]: pair[1]})()
    )
)  # fmt: skip


def hashable(value: object) -> bool:
    """Whether it may be a key."""
    try:
        hash(value)
    except Exception:  # noqa: BLE001  # some raise what they like
        return False
    return True


NUMBERS = st.integers() | st.floats() | st.booleans() | st.integers(0, 9).map(SecretInteger) | st.fractions()
ANYTHING = st.recursive(
    SIMPLE | OVERRIDDEN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(NUMBERS, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(SecretList)
        | st.dictionaries(st.text() | st.sampled_from(DECLARED), inner | NUMBERS, max_size=4)
        | st.dictionaries(st.sampled_from(DECLARED), st.integers(-1, 5), max_size=4).map(SecretDict)
        | st.lists(st.text() | st.sampled_from(DECLARED), max_size=4).map(collections.Counter)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("row", [*CONVERSIONS.values(), None], ids=[*CONVERSIONS, "no row"])
def test_anything(row: object) -> None:
    """Any object in, clean out: whatever hypothesis makes up."""

    @settings(max_examples=150, derandomize=True, database=None, deadline=None)
    @given(ANYTHING)
    def holds(value: object) -> None:
        try:
            cleaned = leaving(value, row)
        except AssertionError:
            raise
        except Exception:  # noqa: BLE001  # whatever a value raises drops its event
            return
        for left in cleaned.values():
            assert_clean(left, row)

    holds()


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.dictionaries((st.text() | ANYTHING).filter(hashable), ANYTHING, max_size=5), st.booleans())
def test_any_properties(properties: dict[Any, object], closed: bool) -> None:
    """Whatever is a key of the properties: only legal names, as exact texts, are keys of what leaves."""
    declaration = Declaration({"e": {"n": Number()}} if closed else ())
    try:
        cleaned = Filter(declaration, "basic", hashed, lambda _: None).clean("e", properties)
    except Exception as error:  # noqa: BLE001  # as above
        assert not isinstance(error, AssertionError)  # noqa: PT017  # as above
        return
    for name, value in (cleaned or {}).items():
        assert type(name) is str
        assert name == "n" if closed else name[0] in string.ascii_lowercase
        assert type(value) in (bool, int, float)
