"""Odd and hostile values against every conversion and the default rule: clean out, or nothing, or a dropped event.

Whatever becomes of a value, it is an exact bool, int, float or text (or an exact mapping of texts to such), finite and
within 2**53, and a text is one that the declaration names or one of the conversion's own alphabet. An exception is
fine: it drops the event. The odd values, and the secret that they carry, are those of conftest.py.
"""

import builtins
import collections
import copy
import inspect
import io
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet import Aggregate, Boolean, Count, Distribution, Forbidden, Hash, Number, OneOf, TextCount, Version
from discreet.privacy import Filter
from discreet.privacy.declaration import CONVERSIONS, CommandName, Declaration, ErrorName
from discreet.sending.installation import drawn, pseudonym

SECRET = "S3cret-7f"  # as in conftest.py
DECLARED = ("py", "js", "json", "n", "other")
ROWS: dict[str, Any] = {
    "forbid": Forbidden(),
    "boolean": Boolean(),
    "boolean, by lot": Boolean(epsilon=0.5),
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
    "number, in powers": Number(buckets="powers_of_two"),
    "one_of": OneOf("json", "py"),
    "one_of, by lot": OneOf("json", "py", epsilon=0.5),
    "version": Version(),
    "command name": CommandName(),
    "error name": ErrorName("json"),
    "nested": {"json": OneOf("json"), "py": Number(), "n": Hash(), "other": Boolean(epsilon=1)},
    "no row": None,
}
every_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


def hashed(event: str, field: str, raw: bytes) -> str:
    """What the recorder does, with a fixed salt and month."""
    assert type(raw) is bytes
    return pseudonym(b"salt" * 8, event, field, "2026-11", raw)


def lot(event: str, field: str, message: bytes) -> int:
    """What the recorder draws, with the same salt."""
    assert SECRET.encode() not in message  # a true answer is a declared one
    return drawn(b"salt" * 8, event, field, message)


def leaving(value: object, row: object) -> dict[str, Any] | None:
    """What leaves of an event whose one field holds this value; None where an error drops it."""
    declaration = Declaration({"e": {"n": row}}) if row is not None else None
    try:
        cleaned = Filter(declaration, "basic", hashed, lambda _: None, lot).clean("e", {"n": value})
    except AssertionError:
        raise
    except Exception:  # noqa: BLE001  # whatever a value raises drops its event
        return None
    assert cleaned is not None
    assert set(cleaned) <= {"n"}
    return cleaned


def legal_text(text: str, row: object) -> bool:
    """Whether a row may let this text out: a declared one, or one of the conversion's own alphabet."""
    if isinstance(row, (Hash, dict)) and len(text) == 16 and not text.strip("0123456789abcdef"):
        return True
    if isinstance(row, Version):
        return not text.strip(string.digits + ".abrc") and len(text) <= 24
    if isinstance(row, CommandName):
        return not text.strip(string.ascii_lowercase + string.digits + "_.")
    if isinstance(row, ErrorName) and text in vars(builtins):
        return issubclass(getattr(builtins, text), BaseException)
    return text in DECLARED


def assert_clean(value: Any, row: object, *, inner: bool = False) -> None:
    """Fail unless this may leave through this row (None: the default rule)."""
    kind = type(value)
    if kind is dict and isinstance(row, (Distribution, dict)) and not inner:
        for name, part in value.items():
            assert type(name) is str
            assert name in DECLARED
            assert_clean(part, row, inner=True)
    elif kind is str:
        assert row is not None
        assert legal_text(value, row), value
    elif kind is not bool:
        assert kind in (int, float)
        assert -(2**53) <= value <= 2**53  # and so no NaN
        assert row is not None or -(10**9) < value < 10**9
    assert SECRET not in repr(value)


def test_every_conversion_is_here() -> None:
    """A new conversion must be added to the rows above."""
    assert {type(row) for row in ROWS.values()} >= set(CONVERSIONS.values())


@every_row
def test_odd_values(row: object, odd_values: list[Callable[[], object]]) -> None:
    """Every odd value through every conversion, and through the default rule."""
    left = 0
    for make in odd_values:
        for value in (leaving(make(), row) or {}).values():
            assert_clean(value, row)
            left += 1
    assert left > 2 or row is ROWS["forbid"]  # or nothing was looked at


def test_odd_values_of_a_sampled_event(odd_values: list[Callable[[], object]]) -> None:
    """Whatever is given for a sampled event's field or for its rate, what leaves is clean, and the rate is the rate."""
    declaration = Declaration({"e": {"fields": {"n": OneOf("json", epsilon=1)}, "sample": 1}})
    filtered = Filter(declaration, "basic", hashed, lambda _: None, lot)
    for make in odd_values:
        try:
            cleaned = filtered.clean("e", {"n": make(), "sample_rate": make()})
        except AssertionError:
            raise
        except Exception:  # noqa: BLE001  # whatever a value raises drops its event
            continue
        assert cleaned is not None
        assert cleaned.pop("sample_rate") == 1.0
        for value in cleaned.values():
            assert_clean(value, OneOf("json"))


def test_the_odd_values_hold_the_secret(odd_values: list[Callable[[], object]]) -> None:
    """What the tests here look for is really in the values."""
    assert sum(type(make()) is str and make() == SECRET for make in odd_values) == 1


@every_row
def test_nothing_of_the_callers_is_changed(row: object) -> None:
    """Containers are as they were, and no generator, iterator or file is used up."""
    containers = [
        ["py", SECRET, 3], {"py": 2, "js": 1}, {"py", "js"}, bytearray(b"py"), collections.deque([1, 2]),
        collections.defaultdict(list, py=3), collections.OrderedDict(json=1), [[1], {"py": [2]}], {"json": {"py": 1}},
    ]  # fmt: skip
    before = copy.deepcopy(containers)
    once: Iterator[str] = (text for text in ("py", SECRET))
    numbers = iter([1, 2])

    class Lazy:
        """An iterator that knows how many items are left, as an array's `flat` does."""

        def __len__(self) -> int:
            return 2

        def __iter__(self) -> "Lazy":
            return self

        def __next__(self) -> int:
            return next(numbers)

    file = io.StringIO("12\n13\n")
    for value in (*containers, once, [once], (once, once), {"py": once}, numbers, Lazy(), file):
        for left in (leaving(value, row) or {}).values():
            assert left is not value
    assert containers == before
    assert inspect.getgeneratorstate(once) == inspect.GEN_CREATED  # type: ignore[arg-type]  # a generator
    assert list(numbers) == [1, 2]
    assert file.tell() == 0


def one_of(odd_values: list[Callable[[], object]]) -> st.SearchStrategy[Any]:
    """One of the odd values; not by `sampled_from`, which asks what it is, and some raise then."""
    return st.integers(0, len(odd_values) - 1).map(lambda index: odd_values[index]())


def anything(odd_values: list[Callable[[], object]]) -> st.SearchStrategy[object]:
    """Values of every kind, nested, with the odd ones among them."""
    numbers = st.integers() | st.floats() | st.booleans() | st.fractions() | st.decimals()
    texts = st.text() | st.text(st.characters(categories=["Cs", "Cc"])) | st.sampled_from(DECLARED)
    versions = st.from_regex(r"\A[0-9]{1,5}(\.[0-9]{1,5}){0,4}((a|b|rc)[0-9]{0,5})?\Z")
    plain = st.none() | st.binary() | st.complex_numbers() | st.datetimes() | st.timedeltas() | st.uuids()
    return st.recursive(
        numbers | texts | versions | plain | one_of(odd_values),
        lambda inner: (
            st.lists(inner | numbers | texts, max_size=4)
            | st.lists(numbers, max_size=4).map(tuple)
            | st.lists(texts, max_size=4).map(collections.Counter)
            | st.dictionaries(texts, inner | numbers, max_size=4)
        ),
        max_leaves=5,
    )


@every_row
def test_anything(row: object, odd_values: list[Callable[[], object]]) -> None:
    """Any object in, clean out."""

    @given(anything(odd_values))
    def holds(value: object) -> None:
        for left in (leaving(value, row) or {}).values():
            assert_clean(left, row)

    holds()


@pytest.mark.parametrize("closed", [False, True])
def test_any_properties(closed: bool, odd_values: list[Callable[[], object]]) -> None:
    """Whatever stands for a name in the properties, only legal names, as exact texts, are names of what leaves."""
    declaration = Declaration({"e": {"n": Number()}}) if closed else None

    values = st.integers(0, 5) | st.floats() | st.text() | one_of(odd_values)
    keys = st.from_regex(r"\A[a-z][a-z0-9_.]{0,5}\Z") | st.text() | one_of(odd_values)

    @given(st.lists(st.tuples(keys, values), max_size=5))
    def holds(pairs: list[tuple[Any, object]]) -> None:
        properties: dict[Any, object] = {}
        for key, value in pairs:
            try:
                properties[key] = value
            except Exception:  # noqa: BLE001  # some raise what they like when they are hashed or compared
                continue
        try:
            cleaned = Filter(declaration, "basic", hashed, lambda _: None, lot).clean("e", properties)
        except AssertionError:
            raise
        except Exception:  # noqa: BLE001  # whatever a value raises drops its event
            return
        for name, value in (cleaned or {}).items():
            assert type(name) is str
            assert name == "n" if closed else not name.strip(string.ascii_lowercase + string.digits + "_.")
            assert type(value) in (bool, int, float)

    holds()
