"""Distrust: a value leaves only if the present declaration could have produced it, to its very type."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet import names
from discreet.privacy import Filter
from discreet.privacy.accept import _BETWEEN, Acceptor, is_hex, produces
from discreet.privacy.conversions import (
    Aggregate,
    Boolean,
    Conversion,
    Count,
    Distribution,
    Forbidden,
    Hash,
    Number,
    OneOf,
    TextCount,
    Version,
)
from discreet.privacy.declaration import CONVERSIONS, OWN_NUMBERS, Declaration
from discreet.privacy.plain import plain, restored
from discreet.sending.installation import drawn

DIGEST = "0123456789abcdef"
LARGEST = names.LARGEST_INTEGER
numbers = st.integers() | st.floats() | st.integers(-1000, 1000) | st.floats(-100, 100)
texts = st.sampled_from(["py", "js", "json", "other", "", "x", "3.11.7", "1.0rc1", "3.12"]) | st.text(max_size=8)
raw = st.one_of(
    st.none(), st.booleans(), numbers, texts, st.binary(max_size=4), st.lists(texts, max_size=5),
    st.lists(numbers, max_size=4), st.dictionaries(texts, st.integers(0, 9), max_size=4), st.sets(texts, max_size=3),
)  # fmt: skip


@st.composite
def number_rows(draw: st.DrawFn) -> Number:
    """Any `Number` that can be declared."""
    bound = st.none() | st.integers(-1000, 1000) | st.floats(-1000, 1000)
    low, high = draw(bound), draw(bound)
    if low is not None and high is not None and low > high:
        low, high = high, low
    if draw(st.booleans()):
        return Number(low=low, high=high, buckets="powers_of_two")
    if draw(st.booleans()):
        edges = draw(
            st.sets(st.integers(-1000, 1000) | st.floats(-1000, 1000, allow_nan=False), min_size=1, max_size=5)
        )
        return Number(low=low, high=high, buckets=sorted(edges))
    step = draw(st.none() | st.integers(1, 1000) | st.sampled_from([0.1, 0.25, 0.3, 1.5, 1e-3, 12.5]))
    return Number(step, draw(st.none() | st.integers(1, 15)), low, high)


rows = st.one_of(
    st.sampled_from(
        [
            Forbidden(),
            Boolean(),
            Count(),
            Hash(),
            TextCount(),
            Aggregate(),
            Version(),
            Distribution("py", "js"),
            Distribution("other", "py"),
            OneOf("json", "py"),
            OneOf("other"),
            Boolean(epsilon=0.5),
            OneOf("json", "py", epsilon=0.5),
            OneOf("other", "json", epsilon=1),
        ]
    ),
    number_rows(),
)


@given(row=rows, value=raw, salt=st.binary(min_size=32, max_size=32))
def test_what_was_produced_is_accepted(row: Conversion, value: Any, salt: bytes) -> None:
    """Whatever a conversion lets out, read back from JSON, is a value that it could have produced."""
    try:
        clean = row.bind("search", "n", lambda *_: DIGEST, lambda *place: drawn(salt, *place))(value)
    except (ValueError, TypeError, OverflowError):
        return  # the event was dropped
    if clean is not None:
        assert produces(row, json.loads(json.dumps(clean)))


@given(row=number_rows(), value=st.integers(-2000, 2000) | st.floats(-2000, 2000))
def test_what_is_accepted_could_have_been_produced(row: Number, value: float) -> None:
    """A number that is accepted keeps to what was declared: its bounds by no more than a step, its buckets."""
    if not produces(row, value):
        return
    if row.buckets == "powers_of_two":
        assert value in {0, *(sign * 2**power for power in range(54) for sign in (1, -1))}
    elif row.buckets is not None:
        assert value in row.buckets
    elif row.significant is not None:
        assert float(f"{value:.{row.significant - 1}e}") == pytest.approx(value)
    slack = (row.round_to or 0) + (abs(value) if row.significant else 0)
    if row.buckets is None:
        assert row.low is None or value >= row.low - slack
        assert row.high is None or value <= row.high + slack


def test_every_conversion_is_here() -> None:
    """A new conversion must be added to the tables of this module."""
    assert {type(row) for row, _ in REFUSED} == set(CONVERSIONS.values())


REFUSED: list[tuple[Conversion, list[Any]]] = [
    (Forbidden(), [0, "", False, 1, {}, "x"]),
    (Boolean(), [0, 1, 1.0, "true", "", {}]),
    (Count(), [-1, True, False, 1.0, "1", LARGEST + 1, {}]),
    (TextCount(), [-1, True, 1.0, "1", LARGEST + 1, {}]),
    (Hash(), [DIGEST[:15], DIGEST + "0", DIGEST.upper(), "g" * 16, "", 5, 10**15, True, DIGEST[:15] + "\n", {}]),
    (
        Distribution("py", "js"),
        [
            {"py": 1, "rb": 1},
            {"py": 0},
            {"py": -1},
            {"py": True},
            {"py": 1.0},
            {"py": "1"},
            {"": 1},
            "py",
            1,
            True,
            {"py": {"py": 1}},
            {"py": LARGEST + 1},
            {"py": None},
            {"PY": 1},
            {"py ": 1},
        ],
    ),
    (Aggregate(), [True, "1", "", {}, {"a": 1}, math.inf, -math.inf, math.nan, LARGEST * 2, 10**400]),
    (Number(), [True, "1", {}, math.inf, math.nan, LARGEST + 2, -(10**400)]),
    (Number(round_to=10), [5, 11, 10.0, True, "10", 10.000001]),
    (Number(round_to=0.5), [0.3, 1, "0.5"]),
    (Number(significant=2), [123, 1.23, 101, "12"]),
    (Number(round_to=7, significant=1), [7.0, 3, 11, 14, 15, 35.5]),
    (Number(low=0, high=10), [-1, 11, 10.5, -0.1, True]),
    (Number(buckets=(0, 10, 100)), [1, 9, 99, 101, -1, 10.0, True, False]),
    (Number(buckets="powers_of_two"), [3, -3, 0.5, 2.0, True, False, "2", 2**54, 2**53 - 1, math.nan, math.inf]),
    (Number(buckets="powers_of_two", low=3, high=100), [1, 0, 128, -2]),
    (Boolean(epsilon=1), [0, 1, 1.0, "true", "False", "", {}]),
    (OneOf("json", "table", epsilon=1), ["yaml", "", "JSON", 1, True, {}]),
    (OneOf("json", "table"), ["yaml", "", "JSON", "json ", " json", 1, True, {}, "Other"]),
    (
        Version(),
        ["", "1", "1.2.3.4", "3.11.7 ", "v3.11", "3.11.7\n", "3.11.7-dev", "12345.0", 3.11, 311, "\uff13.11", True],
    ),
]


@pytest.mark.parametrize(
    ("row", "value"),
    [(row, value) for row, values in REFUSED for value in [*values, None]],
    ids=lambda given: type(given).__name__ if isinstance(given, Conversion) else repr(given)[:24],
)
def test_near_misses_are_refused(row: Conversion, value: Any) -> None:
    """What is almost a result of a conversion is none: another type, another text, one item more, one digit less."""
    assert not produces(row, value)


ACCEPTED: list[tuple[Conversion, list[Any]]] = [
    (Boolean(), [True, False]),
    (Count(), [0, 1, LARGEST]),
    (TextCount(), [0, 1, LARGEST]),
    (Hash(), [DIGEST]),
    (Distribution("py", "js"), [{}, {"py": 1}, {"py": 2, "other": 3}]),
    (Aggregate(), [0, -1, 0.5, LARGEST]),
    (Number(), [0, -5, 0.5]),
    (Number(round_to=7, significant=1), [7, 10, 20, 0, -10]),
    (Number(buckets=(0, 10)), [0, 10]),
    (Number(buckets="powers_of_two"), [0, 1, 2, 2**53, -1, -8]),
    (Number(buckets="powers_of_two", low=3, high=100), [2, 4, 64]),
    (Boolean(epsilon=1), [True, False]),
    (OneOf("json", "table", epsilon=1), ["json", "table", "other"]),
    (OneOf("json"), ["json", "other"]),
    (Version(), ["3.11", "3.11.7", "1.0rc1"]),
]


@pytest.mark.parametrize(("row", "value"), [(row, value) for row, values in ACCEPTED for value in values])
def test_results_are_accepted(row: Conversion, value: Any) -> None:
    """The plain results of each conversion are accepted."""
    assert produces(row, value)


BOTH = {"found": 1, "shown": 2}
COMMAND = {"command": "import.from_code", "duration_ms": 5}
CLOSED = Declaration(
    {
        "search": {
            "n": Number(),
            "more": Number(level="enhanced"),
            "results": {"found": Count(), "shown": Count(level="enhanced")},
            "secret": Forbidden(),
        }
    },
    {"ok": Boolean()},
)


@pytest.mark.parametrize(
    ("event", "recorded", "basic", "enhanced"),
    [
        ("search", {}, {}, {}),
        ("search", {"n": 1, "ok": True}, {"n": 1, "ok": True}, {"n": 1, "ok": True}),
        ("search", {"n": 1, "more": 2}, {"n": 1}, {"n": 1, "more": 2}),
        ("search", {"results": {"found": 1}}, {"results": {"found": 1}}, {"results": {"found": 1}}),
        ("search", {"results": BOTH}, {"results": {"found": 1}}, {"results": BOTH}),
        ("search", {"results": {"shown": 2}}, {}, {"results": {"shown": 2}}),
        ("search", {"results": {}}, None, None),
        ("search", {"results": {"found": 1, "extra": 2}}, None, None),
        ("search", {"results": {"found": -1}}, None, None),
        ("search", {"results": {"found": {"found": 1}}}, None, None),
        ("search", {"results": 1}, None, None),
        ("search", {"n": {"n": 1}}, None, None),
        ("search", {"secret": 1}, None, None),
        ("search", {"more": "text"}, None, None),
        ("search", {"unknown": 1}, None, None),
        ("unknown", {}, None, None),
        ("command", COMMAND, COMMAND, COMMAND),
        ("command", {"error": "MyError"}, None, None),
    ],
)  # fmt: skip
def test_a_closed_world(event: str, recorded: Any, basic: Any, enhanced: Any) -> None:
    """Where events are declared nothing else leaves, and the enhanced fields under an enhanced consent alone."""
    assert Acceptor(CLOSED, "basic").properties(event, recorded) == basic
    assert Acceptor(CLOSED, "enhanced").properties(event, recorded) == enhanced


@pytest.mark.parametrize("value", [0, True, -999_999_999, 0.5, 999_999_999])
def test_an_open_world(value: Any) -> None:
    """Where nothing is declared short numbers and booleans leave."""
    assert Acceptor(None, "basic").properties("search", {"n": value}) == {"n": value}


@pytest.mark.parametrize("value", ["text", 10**9, -(10**9), 1e9, {"a": 1}, None, math.nan, math.inf])
def test_nothing_else_leaves_an_open_world(value: Any) -> None:
    """Text, long numbers and mappings do not, declared fields of other events included."""
    assert Acceptor(None, "basic").properties("search", {"n": value}) is None
    assert Acceptor(Declaration(fields={"m": OneOf("text")}), "basic").properties("search", {"n": value}) is None
    assert Acceptor(None, "enhanced").properties("command", {"command": "Not A Name"}) is None


@given(st.dictionaries(st.sampled_from(["n", "more", "ok", "results", "secret", "x"]), raw, max_size=6), st.booleans())
def test_whatever_the_filter_lets_out_is_accepted(properties: dict[str, Any], enhanced: bool) -> None:
    """An event that passed the filter passes this under the same declaration and level, unchanged."""
    level = "enhanced" if enhanced else "basic"
    for declaration in (CLOSED, None, Declaration(fields={"results": {"found": Count()}, "n": OneOf("json")})):
        try:
            clean = Filter(declaration, level, lambda *_: DIGEST, lambda _: None).clean("search", properties)
        except (ValueError, TypeError, OverflowError):
            continue
        again = json.loads(json.dumps(clean))
        assert Acceptor(declaration, level).properties("search", again) == again


def test_hex() -> None:
    """A digest has its length, and lower-case digits alone."""
    assert is_hex(DIGEST, 16)
    assert not any(is_hex(value, 16) for value in (DIGEST[:15], DIGEST.upper(), f"{DIGEST[:15]} ", 16, None, b"0" * 16))


@pytest.mark.parametrize("declaration", [None, Declaration({"search": {}}), Declaration({"command": {"n": "count"}})])
@pytest.mark.parametrize(
    ("event", "field", "value", "passes"),
    [
        ("command", "duration_ms", -5.5, False), ("command", "duration_ms", -1, False),
        ("command", "duration_ms", 0, True), ("command", "duration_ms", 4280.5, True),
        ("command", "exit_code", 99_999_999_999, False), ("command", "exit_code", 2**32, False),
        ("command", "exit_code", -(2**31) - 1, False), ("command", "exit_code", -15, True),
        ("command", "exit_code", 255, True), ("command", "exit_code", 0xC0000005, True),
        ("command", "exit_code", 2**32 - 1, True), ("command", "exit_code", -(2**31), True),
        ("command", "exit_code", 0xC0000005 - 2**32, True), ("session", "duration_ms", -1, False),
        ("session", "part", 0, False), ("session", "part", 1, True),
    ],
)  # fmt: skip
def test_what_no_command_can_have_come_to(
    declaration: Declaration | None, event: str, field: str, value: float, *, passes: bool
) -> None:
    """A forged duration below 0, or an exit status that no system keeps, stays; the rest of the record leaves. So it
    is with the declaration that a deliverer is handed.
    """
    for one in (declaration, restored(json.loads(json.dumps(plain(declaration or Declaration()))))):
        found = Acceptor(one, "basic").properties(event, {"success": True, field: value})
        assert found == {"success": True, **({field: value} if passes else {})}


def test_a_row_of_the_authors_own_in_their_place() -> None:
    """What is no number any more has no such bounds."""
    declaration = Declaration({"command": {"exit_code": {"one_of": ["good", "bad"]}, "duration_ms": "boolean"}})
    recorded = {"exit_code": "bad", "duration_ms": True}
    assert Acceptor(declaration, "basic").properties("command", recorded) == recorded


@pytest.mark.parametrize(
    ("event", "rows", "given"),
    [
        ("session", {"part": "count", "n": "number"}, {"part": [], "n": 5}),
        ("command", {"duration_ms": "number", "exit_code": {"number": {}}}, {"duration_ms": -3, "exit_code": 2**40}),
        ("session", {"duration_ms": "aggregate", "part": {"number": {"low": -9}}}, {"duration_ms": -3, "part": -9}),
    ],
)
def test_a_number_of_the_authors_own_in_their_place(event: str, rows: Any, given: dict[str, Any]) -> None:
    """What a row of the author's lets into the log under these names leaves as well: it means something else."""
    declaration = Declaration({event: rows})
    recorded = Filter(declaration, "basic", lambda *_: DIGEST, lambda _: None).clean(event, given)
    assert recorded is not None
    assert recorded.keys() == given.keys()
    assert Acceptor(declaration, "basic").properties(event, recorded) == recorded


def test_every_number_of_the_packages_own_has_bounds() -> None:
    """Those that the declaration names are those that are looked at here."""
    assert OWN_NUMBERS.keys() == _BETWEEN.keys()
    own = Declaration().events
    assert all(own[event][field] is row for (event, field), row in OWN_NUMBERS.items())
    numbers = {(event, field) for event in own for field, row in own[event].items() if isinstance(row, Number)}
    assert numbers == OWN_NUMBERS.keys()
