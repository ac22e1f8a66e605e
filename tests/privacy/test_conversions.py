"""What each conversion lets out of plain values. The odd ones are in test_odd_values.py, the hashes in test_hash.py."""

import datetime as dt
import enum
import math
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from conftest import case
from discreet import Aggregate, Boolean, Count, Distribution, Forbidden, Hash, Number, OneOf, TextCount, Version
from discreet.privacy.conversions import Conversion
from discreet.privacy.declaration import CONVERSIONS, CommandName, ErrorName
from discreet.privacy.numbers import Refused

NOTHING = None


class Colour(enum.StrEnum):
    """A text enum: its members are texts of a subclass."""

    RED = "red"
    RELEASE = "3.11.7"


class Size(enum.IntEnum):
    """A number enum."""

    BIG = 3


class Plain(enum.Enum):
    """An enumeration of nothing else: it has a length, a member has none."""

    ONE = "one"
    TWO = "two"


LANGUAGES = Distribution("py", "js")
FORMATS = OneOf("json", "table")
RESULTS = [
    # nothing leaves
    (Forbidden(), True, NOTHING),
    (Forbidden(), "secret", NOTHING),
    (Forbidden(), None, NOTHING),
    # bool(value); None is False
    (Boolean(), True, True),
    (Boolean(), None, False),
    (Boolean(), 0, False),
    (Boolean(), "", False),
    (Boolean(), "false", True),
    (Boolean(), [], False),
    (Boolean(), [0], True),
    (Boolean(), math.nan, True),
    (Boolean(), object(), True),
    # the length of a container; 1 for another present value, text included; 0 for None
    (Count(), None, 0),
    (Count(), [], 0),
    (Count(), [1, 2], 2),
    (Count(), (None,), 1),
    (Count(), {"a": 1}, 1),
    (Count(), {1, 2, 3}, 3),
    (Count(), deque(range(4)), 4),
    (Count(), range(5), 5),
    (Count(), "text", 1),
    (Count(), "", 1),
    (Count(), b"bytes", 1),
    (Count(), bytearray(b"x" * 9), 1),
    (Count(), 12, 1),
    (Count(), False, 1),
    (Count(), object(), 1),
    (Count(), iter([1, 2]), 1),
    (Count(), Plain.ONE, 1),
    # the number of characters
    (TextCount(), "text", 4),
    (TextCount(), "", 0),
    (TextCount(), "héé🙂", 4),
    (TextCount(), "\ud800", 1),
    (TextCount(), Colour.RED, 3),
    (TextCount(), None, NOTHING),
    # how often each declared item occurs, the rest as `other`
    (LANGUAGES, ["py", "js", "py", "secret", 7, None], {"py": 2, "js": 1, "other": 3}),
    (LANGUAGES, ("js",), {"js": 1}),
    (LANGUAGES, {"py", "rs"}, {"py": 1, "other": 1}),
    (LANGUAGES, {"py": 3, "rs": 2, "js": 0}, {"py": 3, "other": 2}),
    (LANGUAGES, Counter(["py", "py", "js"]), {"py": 2, "js": 1}),
    (LANGUAGES, {"py": 2.0, "js": True}, {"py": 2, "js": 1}),
    (LANGUAGES, "py", {"py": 1}),
    (LANGUAGES, "secret", {"other": 1}),
    (LANGUAGES, "PY", {"other": 1}),
    (LANGUAGES, b"py", {"other": 1}),
    (LANGUAGES, [], {}),
    (LANGUAGES, None, NOTHING),
    (Distribution("red"), [Colour.RED], {"red": 1}),
    (Distribution("a", "other"), ["a", "other", "b"], {"a": 1, "other": 2}),
    # the sum of numbers
    (Aggregate(), [1, 2, 3], 6),
    (Aggregate(), [1, 2.5], 3.5),
    (Aggregate(), [], 0),
    (Aggregate(), {"a": 1, "b": 2}, 3),
    (Aggregate(), OrderedDict(a=4), 4),
    (Aggregate(), 7, 7),
    (Aggregate(), 7.5, 7.5),
    (Aggregate(), Size.BIG, 3),
    (Aggregate(), [True, Size.BIG], 4),
    (Aggregate(), [Decimal("0.5"), Fraction(1, 2)], 1.0),
    (Aggregate(), [math.inf, -math.inf], NOTHING),
    (Aggregate(), [2**53, 1], NOTHING),
    (Aggregate(), None, NOTHING),
    # a finite number
    (Number(), 12, 12),
    (Number(), -0.5, -0.5),
    (Number(), True, 1),
    (Number(), Size.BIG, 3),
    (Number(), Decimal("1.5"), 1.5),
    (Number(), Fraction(1, 4), 0.25),
    (Number(), 2**53, 2**53),
    (Number(), 2**53 + 1, NOTHING),
    (Number(), -(2**53) - 1, NOTHING),
    (Number(), 1e300, NOTHING),
    (Number(), math.nan, NOTHING),
    (Number(), math.inf, NOTHING),
    (Number(), None, NOTHING),
    # ... clamped
    (Number(low=0, high=100), -5, 0),
    (Number(low=0, high=100), 105.5, 100),
    (Number(low=0, high=100), 50, 50),
    (Number(high=100), 10**400, 100),
    (Number(high=100), math.inf, NOTHING),
    (Number(low=0), -math.inf, NOTHING),
    (Number(low=0, high=1), math.nan, NOTHING),
    # ... rounded
    (Number(round_to=10), 14, 10),
    (Number(round_to=10), 15, 20),
    (Number(round_to=10), 25, 20),
    (Number(round_to=10), -14, -10),
    (Number(round_to=0.1), 0.30000000000000004, 0.3),
    (Number(round_to=0.1), 3, 3.0),
    (Number(round_to=100), 14.9, 0),
    (Number(significant=2), 12345, 12000),
    (Number(significant=2), 0.0012345, 0.0012),
    (Number(significant=1), 0, 0),
    (Number(significant=3), -98765.4, -98800.0),
    (Number(low=0, round_to=5), -3, 0),
    # ... or its bucket: the largest edge not above it, the first edge for what is below all
    (Number(buckets=[1, 10, 100]), 0, 1),
    (Number(buckets=[1, 10, 100]), 1, 1),
    (Number(buckets=[1, 10, 100]), 9.99, 1),
    (Number(buckets=[1, 10, 100]), 10, 10),
    (Number(buckets=[1, 10, 100]), 10**6, 100),
    # or the power of two: the largest not above it, mirrored below zero
    *((Number(buckets="powers_of_two"), size, power) for size, power in ((0, 0), (0.99, 0), (1, 1), (7, 4), (8.5, 8))),
    *((Number(buckets="powers_of_two"), -size, -power) for size, power in ((0.5, 0), (1, 1), (7, 4), (2**53, 2**53))),
    (Number(buckets="powers_of_two"), True, 1),
    (Number(buckets="powers_of_two"), 2**53 - 1, 2**52),
    (Number(buckets="powers_of_two"), 2**53 + 1, NOTHING),
    (Number(buckets="powers_of_two"), math.inf, NOTHING),
    (Number(buckets="powers_of_two", low=0), -7, 0),
    (Number(buckets="powers_of_two", high=1000), 10**30, 512),
    (Number(buckets=[0.5]), 7, 0.5),
    (Number(buckets=[1, 10, 100]), 2**60, NOTHING),
    (Number(buckets=[1, 10, 100]), math.inf, NOTHING),
    (Number(high=50, buckets=(1, 10, 100)), 1000, 10),
    # that choice, or `other`
    (FORMATS, "json", "json"),
    (FORMATS, "JSON", "other"),
    (FORMATS, "json ", "other"),
    (FORMATS, "", "other"),
    (FORMATS, 12, "other"),
    (FORMATS, ["json"], "other"),
    (FORMATS, b"json", "other"),
    (FORMATS, None, NOTHING),
    (OneOf("red"), Colour.RED, "red"),
    # two or three numbers with an optional aN, bN or rcN
    (Version(), "3.11.7", "3.11.7"),
    (Version(), "3.11", "3.11"),
    (Version(), Colour.RELEASE, "3.11.7"),
    (Version(), "3.12.0rc1", "3.12.0rc1"),
    (Version(), "3.12a4", "3.12a4"),
    (Version(), "1.0b12", "1.0b12"),
    (Version(), "2026.11.20", "2026.11.20"),
    *(
        (Version(), text, NOTHING)
        for text in (
            "", "3", "192.168.0.1", "1.2.3.4.5", "v1.2", "1.2.", ".1.2", "1..2", "1.2-3", "1.2+local", "1.2 ", " 1.2",
            "1.2\n", "1.2rc", "1.2c1", "1.2rc1a1", "1.2a1b2", "rc1", "1.2.dev3", "1.2.post1", "12345.1", "1.2rc12345",
            "\u0661.\u0662", "1.\xb2", "1.2\x00", "main", "9999.9999.9999rc99999",
        )
    ),
    (Version(), (3, 11, 7), NOTHING),
    (Version(), 3.11, NOTHING),
    (Version(), b"3.11.7", NOTHING),
    (Version(), None, NOTHING),
    (Version(), "9999.9999.9999rc9999", "9999.9999.9999rc9999"),
    # the name of a command, as the code gives it
    (CommandName(), "import.from_code", "import.from_code"),
    (CommandName(), "Import", "other"),
    (CommandName(), "rm -rf", "other"),
    (CommandName(), "x" * 65, "other"),
    (CommandName(), Colour.RED, "other"),
    (CommandName(), None, "other"),
    # the name of a built-in exception class, or a declared one
    (ErrorName(), "ValueError", "ValueError"),
    (ErrorName(), "KeyboardInterrupt", "KeyboardInterrupt"),
    (ErrorName(), "MyError", "other"),
    (ErrorName("MyError"), "MyError", "MyError"),
    (ErrorName(), "print", "other"),
    (ErrorName(), "int", "other"),
    (ErrorName(), ValueError("secret"), "other"),
    (ErrorName(), ValueError, "other"),
    (ErrorName(), None, NOTHING),
]  # fmt: skip


@pytest.mark.parametrize(("conversion", "value", "result"), RESULTS, ids=case)
def test_what_leaves(conversion: Conversion, value: object, result: object) -> None:
    """The value leaves as the table of docs/declaring.md says, of an exact type."""
    left = conversion.convert(value)
    assert left == result
    assert type(left) is type(result)


REFUSED = [
    *((TextCount(), value) for value in (12, b"text", ["text"], True, object())),
    *(
        (LANGUAGES, value)
        for value in (12, iter(["py"]), (x for x in "py"), object(), {"py": -1}, {"py": 0.5}, {"a": -1, "b": 3})
    ),
    *((LANGUAGES, value) for value in ({"py": "many"}, {"py": None}, {"py": math.nan}, {"py": 2**53 + 1})),
    *((Aggregate(), value) for value in ("12", b"12", ["12"], [None], [[1]], {"a": "1"}, object(), 1j, iter([1]))),
    *((Number(), value) for value in ("12", b"12", [12], "", object(), 1j, dt.datetime(2026, 11, 20, tzinfo=dt.UTC))),
    *((Number(low=0), value) for value in ("12", [12], Path("12"))),
    *((Hash(), value) for value in ("text", None)),
]


@pytest.mark.parametrize(("conversion", "value"), REFUSED, ids=case)
def test_what_is_refused(conversion: Conversion, value: object) -> None:
    """A kind of value that a conversion has no row for is an error, which drops the event; its text holds no value."""
    with pytest.raises(Refused) as caught:
        conversion.convert(value)
    assert "12" not in str(caught.value)
    assert "text" not in str(caught.value) or isinstance(conversion, TextCount)


def test_a_text_that_lies_about_its_length() -> None:
    """The characters are counted, whatever a subclass says."""

    class Lying(str):
        __slots__ = ()

        def __len__(self) -> int:
            return 7

    assert TextCount().convert(Lying("abc")) == 3


def test_a_version_that_was_seen_before() -> None:
    """The same version again, or another one in between, is converted like the first."""
    row = Version()
    seen = ["3.11.7", Colour.RELEASE, "3.11.7", "", "1.2.3.4", "3.12", "3.11.7", None, "3.12\n", "3.12"]
    left = [row.convert(value) for value in seen]
    assert left == ["3.11.7", "3.11.7", "3.11.7", None, None, "3.12", "3.11.7", None, None, "3.12"]
    assert {type(each) for each in left} == {str, type(None)}


def test_an_overflow_is_an_error() -> None:
    """A sum that no float holds drops the event."""
    with pytest.raises(OverflowError):
        Aggregate().convert([10**400, 0.5])
    with pytest.raises(OverflowError):
        LANGUAGES.convert({"py": math.inf})


@pytest.mark.parametrize("row", [Number(), Number(round_to=10), Number(buckets=(0, 10)), FORMATS, Hash()])
def test_a_call_imports_nothing(row: Conversion, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a row needs is loaded with it: an import takes longer than most conversions, even of what is loaded."""
    convert = row.bind("search", "field", lambda *_: "0" * 16)
    value = 10 if isinstance(row, Number) else "json"
    expected = row.convert(value) if row.word != "hash" else "0" * 16
    with monkeypatch.context() as none:
        none.setattr("builtins.__import__", None)
        left = convert(value), convert(None)
    assert left == (expected, None)


def test_a_range_longer_than_any_integer_of_ours() -> None:
    """A length beyond 2**53 is no count."""
    with pytest.raises(Refused):
        Count().convert(range(2**60))


def test_the_items_of_other_containers() -> None:
    """Containers that make items when asked are not asked for any."""
    counted = defaultdict(int, py=1)
    assert LANGUAGES.convert(counted) == {"py": 1}
    assert dict(counted) == {"py": 1}


@pytest.mark.parametrize("kind", [*CONVERSIONS.values(), CommandName])
def test_a_conversion_has_no_place_for_another_method(kind: type[Conversion]) -> None:
    """Nobody turns a conversion into one that lets values through by assigning to it."""
    made = kind("a") if kind in (OneOf, Distribution) else kind()
    with pytest.raises(AttributeError):
        made.convert = lambda value: value


@pytest.mark.parametrize("kind", CONVERSIONS.values())
def test_remarks(kind: type[Conversion]) -> None:
    """Purpose, example and level are taken as they are; a wrong one is refused by name."""
    choices = ("a",) if kind in (OneOf, Distribution) else ()
    made = kind(*choices, purpose="why", example=3, level="enhanced")
    assert (made.purpose, made.example, made.level) == ("why", 3, "enhanced")
    assert (kind(*choices).purpose, kind(*choices).example, kind(*choices).level) == ("", None, "basic")
    for level in ("high", "", None, "BASIC", []):
        with pytest.raises(ValueError, match="level must be one of basic, enhanced"):
            kind(*choices, level=level)
    with pytest.raises(ValueError, match="purpose"):
        kind(*choices, purpose=7)


@pytest.mark.parametrize("kind", [OneOf, Distribution])
def test_declared_texts_are_checked(kind: type[OneOf] | type[Distribution]) -> None:
    """A declared text is an exact, printable str of bounded length: it goes out as it is."""
    longest = 256 if kind is OneOf else 64
    for wrong in (
        (),
        ("",),
        (7,),
        (None,),
        (["json"],),
        ("a", b"b"),
        (Colour.RED,),
        ("a\n",),
        ("\ud800",),
        ("\x1b[0m",),
    ):
        with pytest.raises(ValueError, match="declared"):
            kind(*wrong)
    with pytest.raises(ValueError, match=f"1 to {longest} characters"):
        kind("x" * (longest + 1))
    kind("x" * longest, "two words", "é")


def test_every_conversion_has_a_word() -> None:
    """The table of words is the design's."""
    words = [
        "forbid",
        "boolean",
        "count",
        "hash",
        "text_count",
        "distribution",
        "aggregate",
        "number",
        "one_of",
        "version",
    ]
    assert list(CONVERSIONS) == words
