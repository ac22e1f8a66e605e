"""Declarations: three spellings of a row, what each refuses and how it says so, and when the world is closed."""

import math
from types import MappingProxyType
from typing import Any

import pytest

from conftest import case
from discreet import (
    Aggregate,
    Boolean,
    Count,
    Distribution,
    Event,
    Forbidden,
    Hash,
    Number,
    OneOf,
    Telemetry,
    TextCount,
    Version,
)
from discreet.privacy import OWN, conversions
from discreet.privacy.conversions import Conversion
from discreet.privacy.declaration import CONVERSIONS, OWN_EVENTS, Declaration, ErrorName, row
from privacy.conftest import shape

SPELLINGS: list[tuple[object, ...]] = [
    (Forbidden(), "forbid", {"forbid": True}, {"forbid": []}, {"forbid": {}}),
    (Boolean(), "boolean", {"boolean": True}),
    (Count(), "count", {"count": True}),
    (Hash(), "hash", {"hash": True}),
    (TextCount(), "text_count", {"text_count": True}),
    (Aggregate(), "aggregate", {"aggregate": True}),
    (Number(), "number", {"number": True}, {"number": {}}),
    (Version(), "version", {"version": True}),
    (Distribution("py", "js"), {"distribution": ["py", "js"]}, {"distribution": ("py", "js")}),
    (OneOf("json", "table"), {"one_of": ["json", "table"]}, {"one_of": ("json", "table")}),
    (Number(10), {"number": {"round_to": 10}}, {"number": [10]}),
    (Number(low=0, high=9.5), {"number": {"low": 0, "high": 9.5}}),
    (Number(buckets=(1, 10)), {"number": {"buckets": [1, 10]}}),
    (Number(buckets="powers_of_two"), {"number": {"buckets": "powers_of_two"}}),
    (Boolean(epsilon=1), {"boolean": {"epsilon": 1}}, {"boolean": True, "epsilon": 1.0}, {"boolean": [1]}),
    (OneOf("a", "b", epsilon=0.5), {"one_of": ["a", "b"], "epsilon": 0.5}),
    (OneOf("a", epsilon=2, purpose="p"), {"one_of": ["a"], "epsilon": 2, "purpose": "p"}),
    ({"epsilon": Count(), "n": Boolean(1)}, {"epsilon": "count", "n": {"boolean": True, "epsilon": 1}}),
    (
        Count(purpose="why", example=3, level="enhanced"),
        {"count": True, "purpose": "why", "example": 3, "level": "enhanced"},
        {"count": {"purpose": "why", "example": 3, "level": "enhanced"}},
    ),
    (OneOf("a", purpose="p"), {"one_of": ["a"], "purpose": "p"}, {"purpose": "p", "one_of": ["a"]}),
    (
        {"candidates": Number(), "found": OneOf("yes")},
        {"candidates": "number", "found": {"one_of": ["yes"]}},
        {"candidates": {"number": True}, "found": OneOf("yes")},
    ),
    ({"count": Count(), "number": Number()}, {"count": "count", "number": "number"}),
]


@pytest.mark.parametrize("spellings", SPELLINGS, ids=lambda each: case(each[1]))
def test_the_spellings_of_a_row_are_equal(spellings: tuple[object, ...]) -> None:
    """An object, a word and a mapping declare the same row, in a mapping of events and in an Event class alike."""
    wanted = shape(spellings[0])
    for spelling in spellings:
        assert shape(row("here", spelling)) == wanted
        assert shape(Declaration({"search": {"n": spelling}}).events["search"]["n"]) == wanted
        assert shape(Declaration((), {"n": spelling}).fields["n"]) == wanted
        if not isinstance(spelling, str):
            kind = type("Search", (Event,), {"n": spelling})
            assert shape(Declaration([kind]).events["search"]["n"]) == wanted


class Mine(Count):
    """An author's own conversion, which would let anything through."""

    def convert(self, value: object) -> Any:
        return value


class MineToo(Conversion):
    """The same, from the base."""

    word = "mine"


LEGAL = r"is not a legal field name \(\[a-z\]\[a-z0-9_\.\]\{0,63\}\)"
WRONG: list[tuple[object, str]] = [
    ("nope", "'nope' is not a conversion; there are forbid, boolean"),
    ("Count", "'Count' is not a conversion"),
    ("", "'' is not a conversion"),
    (5, "an int is not a conversion of this package"),
    (None, "NoneType is not a conversion"),
    (True, "bool is not a conversion"),
    (["json"], "list is not a conversion"),
    (Count, r"Count is a class; write discreet.Count\(\)"),
    (len, "is not a conversion"),
    (Mine(), "a Mine is not a conversion of this package"),
    (MineToo(), "a MineToo is not a conversion of this package"),
    (Conversion(), "a Conversion is not a conversion of this package"),
    (type("Count", (Count,), {})(), "a Count is not a conversion of this package"),
    ({}, "an empty mapping declares nothing"),
    ({"one_of": []}, "at least one text"),
    ({"one_of": True}, "one_of takes a list of texts, not True"),
    ({"one_of": [1]}, "a declared text must be printable"),
    ({"one_of": None}, "one_of takes a list of texts, not None"),
    ({"count": False}, "count takes true"),
    ({"count": ["x"]}, "count takes true, not"),
    ({"number": {"round": 1}}, "number has no option 'round'; it has round_to, .*; did you mean 'round_to'"),
    ({"number": {"round_to": 0}}, "round_to must be above 0"),
    ({"number": 10}, "number takes true"),
    ({"number": {"buckets": "tens"}}, "buckets must be ascending numbers or 'powers_of_two', not 'tens'"),
    ({"number": {"buckets": "powers_of_two", "round_to": 5}}, "buckets and rounding exclude"),
    ({"one_of": ["a"], "epsilon": 0}, "epsilon must be a number from 0.01 to 10"),
    ({"number": True, "epsilon": 1}, "number has no option 'epsilon'"),
    ({"count": True, "level": "high"}, "level must be one of basic, enhanced"),
    ({"count": True, "purpose": 5}, "purpose must be text"),
    ({"one_of": ["a"], "porpoise": "x"}, "unknown key 'porpoise' beside 'one_of'; did you mean 'purpose'"),
    ({"one_of": "json"}, "one_of takes a list of texts, not 'json'"),
    ({"a": "nope"}, "field 'a': 'nope' is not a conversion"),
    ({"a": {"b": "count"}}, "field 'a': nested deeper than one level"),
    ({"a": {"distribution": ["x"]}}, "field 'a': a distribution is a mapping itself"),
    ({"A": "count"}, f"'A' {LEGAL}"),
    ({"a": "count", 5: "count"}, f"5 {LEGAL}"),
    ({"a": Mine()}, "field 'a': a Mine is not a conversion of this package"),
]


@pytest.mark.parametrize(("spec", "text"), WRONG, ids=case)
def test_an_error_names_event_and_field(spec: object, text: str) -> None:
    """A row that is none is refused with the event and the field, once, wherever it is written."""
    with pytest.raises(ValueError, match=text) as caught:
        Declaration({"search.local": {"n": "count", "query": spec}})
    assert str(caught.value).count("event 'search.local'") == str(caught.value).count("field 'query'") == 1
    assert str(caught.value).startswith("event 'search.local', field 'query'")
    with pytest.raises(ValueError, match=r"^fields, field 'query'"):
        Declaration((), {"query": spec})
    with pytest.raises(ValueError, match=r"event 'search.local', field 'query'"):
        Telemetry("mytool", events={"search.local": {"query": spec}})


@pytest.mark.parametrize("name", ["", "N", "1n", "n n", "n-m", "ünicode", "n" * 65, 5, None, "_n", "n\n"])
def test_names_of_events_and_fields(name: object) -> None:
    """An illegal name of an event or a field is refused."""
    with pytest.raises(ValueError, match=r"is not a legal event name"):
        Declaration({name: {"n": "count"}})
    with pytest.raises(ValueError, match=r"event 'e': .* is not a legal field name"):
        Declaration({"e": {name: "count"}})
    with pytest.raises(ValueError, match=r"fields: .* is not a legal field name"):
        Declaration((), {name: "count"})  # type: ignore[dict-item]  # the point of it


def test_the_longest_names() -> None:
    """Sixty-four characters are legal, dots and underscores too."""
    Declaration({"e" * 64: {"a.b_c9": "count", "n" * 64: "count"}})


@pytest.mark.parametrize(
    "events", [5, "search", b"x", [dict], [Event()], ["search"], [None], {"e": None}, {"e": "count"}]
)
def test_what_is_no_declaration(events: object) -> None:
    """Events are a mapping of mappings, or Event classes."""
    with pytest.raises(ValueError, match="event"):
        Declaration(events)


@pytest.mark.parametrize("fields", [5, "n", ["n"], MappingProxyType({"n": "count"})])
def test_what_are_no_fields(fields: Any) -> None:
    """Fields are a plain mapping."""
    with pytest.raises(ValueError, match="fields must be a mapping"):
        Declaration((), fields)


def test_when_the_world_is_closed() -> None:
    """Declaring an event closes the world; fields alone, more fields of `command` or `session`, or nothing do not."""

    class Search(Event):
        n = Count()

    assert not Declaration().closed
    assert not Declaration((), {"n": "count"}).closed
    assert not Declaration({}, {"n": "count"}).closed
    assert not Declaration([]).closed
    assert not Declaration({"command": {"files": "count"}, "session": {"n": "number"}}).closed
    assert not Declaration([type("Command", (Event,), {"files": Count()})]).closed
    assert Declaration({"search": {}, "command": {"files": "count"}}).closed
    assert Declaration({"search": {"n": "count"}}).closed
    assert Declaration({"search": {}}).closed
    assert Declaration([Search]).closed


def test_the_rows_of_an_event() -> None:
    """An event has its own rows and the common ones, its own first in doubt; an undeclared one has none."""
    declaration = Declaration({"search": {"n": "count"}}, {"n": "number", "kind": {"one_of": ["a"]}})
    rows = declaration.rows("search")
    assert rows is not None
    assert {name: type(each) for name, each in rows.items()} == {"n": Count, "kind": OneOf}
    assert declaration.rows("other") is None
    assert "kind" in (declaration.rows("command") or {})


@pytest.mark.parametrize("event", OWN)
def test_an_author_adds_to_an_own_event(event: str) -> None:
    """Own events keep their rows, and an author's fields, or a subclass, add more and close nothing."""

    class Mine(Event, name=event):
        files = Count()

    for declaration in (Declaration([Mine]), Declaration({event: {"files": "count"}})):
        rows = declaration.rows(event) or {}
        assert set(rows) == {*OWN[event], "files"}
        assert type(rows["error"]) is ErrorName
        assert not declaration.closed


def test_declared_error_names() -> None:
    """`fields={"error": OneOf(...)}` adds names to those of the built-in exceptions, which stay."""
    rows = Declaration((), {"error": OneOf("MyError")}).rows("command") or {}
    error = rows["error"]
    assert type(error) is ErrorName
    assert [error.convert(name) for name in ("MyError", "OSError", "YourError", None)] == [
        "MyError",
        "OSError",
        "other",
        None,
    ]


def test_changing_the_mapping_afterwards_changes_nothing() -> None:
    """A declaration is made once: what the author's mappings become later does not matter."""
    nested: dict[str, object] = {"a": "count"}
    fields: dict[str, object] = {"n": "count", "results": nested}
    declaration = Declaration({"search": fields}, fields)
    fields["more"] = nested["b"] = "number"
    rows = declaration.rows("search") or {}
    assert set(rows) == set(declaration.fields) == {"n", "results"}
    assert set(rows["results"]) == {"a"}  # type: ignore[arg-type]  # a mapping of rows


@pytest.mark.parametrize("event", OWN)
def test_the_quick_rows_of_own_events_are_the_declared_ones(event: str, odd_values: Any) -> None:
    """Without a declaration own events have rows of functions: the same fields, which let out the same or nothing."""
    assert set(OWN) == set(OWN_EVENTS) - {"flag_exposure"}  # which is recorded only where an author declares it
    declared = Declaration().rows(event) or {}
    assert set(OWN[event]) == set(declared)
    plain = ["import.x", "Import", "OSError", "MyError", "", 0, 12, -3, 0.5, 2**53, 2**53 + 1, 1e300, True, False, None]
    for name, quick in OWN[event].items():
        slow = declared[name]
        assert isinstance(slow, Conversion)
        same = 0
        for value in [*plain, *(make() for make in odd_values)]:
            try:
                left = quick(value)
            except Exception:  # noqa: BLE001  # it raises: the event is dropped
                continue
            if left is not None:
                assert type(left) in (bool, int, float, str)
                try:
                    again = slow.convert(value)
                except Exception:  # noqa: BLE001  # the declared row drops the event
                    again = "other"
                assert (left, type(left)) == (again, type(again)), (name, value)
                same += 1
        assert same > 5


def test_every_conversion_is_public() -> None:
    """Each class of the module that is a conversion has a word and a row in the table of words."""
    kinds = {
        kind
        for kind in vars(conversions).values()
        if isinstance(kind, type) and issubclass(kind, Conversion) and kind is not Conversion
    }
    assert set(CONVERSIONS.values()) == kinds


def test_the_long_form_of_an_event() -> None:
    """The long form gives the same rows as the short one, with a purpose and a rate; so does a class."""

    class Search(Event, sample=0.1):
        """A search was made."""

        n = Count()

    long = {"purpose": " A search was made.\n", "sample": 0.1, "fields": {"n": "count"}}
    for declaration in (Declaration({"search": long}), Declaration([Search]), Declaration({"search": Search})):
        assert shape(declaration.events["search"]["n"]) == shape(Count())
        assert declaration.purposes == {"search": "A search was made."}
        assert declaration.samples == {"search": 0.1}
        assert declaration.closed
    bare = Declaration({"search": {"fields": {"n": "count"}}, "open": {"n": "count"}})
    assert list(bare.events["search"]) == list(bare.events["open"]) == ["n"]
    assert bare.purposes == {"search": "", "open": ""}
    assert bare.samples == {}


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({"fields": {"fields": {"n": "count"}}}, {"fields": {"n": Count()}}),
        ({"fields": {}}, {}),
        ({"fields": "count"}, {"fields": Count()}),
        ({"fields": {"n": "count"}, "more": "count"}, {"fields": {"n": Count()}, "more": Count()}),
        ({"fields": {"n": "count"}, "sample": "count"}, {"fields": {"n": Count()}, "sample": Count()}),
        ({"fields": {"n": "count"}, "purpose": Hash()}, {"fields": {"n": Count()}, "purpose": Hash()}),
        ({"fields": {"n": "count"}, "purpose": "hash"}, {"n": Count()}),
        ({"purpose": "text_count", "sample": "number"}, {"purpose": TextCount(), "sample": Number()}),
    ],
    ids=case,
)
def test_which_mapping_is_the_long_form(spec: object, fields: dict[str, Any]) -> None:
    """Only one with a mapping under `fields`, and nothing beside it but a text `purpose` and a number `sample`."""
    assert shape(Declaration({"search": spec}).events["search"]) == shape(fields)


def test_a_class_may_have_a_field_called_fields() -> None:
    """A class says what its fields are by itself: no name is special in it, and a rate takes none."""
    kind = type("Search", (Event,), {"fields": {"n": Count()}, "sample": Count()}, sample=0.5)
    declaration = Declaration([kind])
    assert shape(declaration.events["search"]["fields"]) == shape({"n": Count()})
    assert shape(declaration.events["search"]["sample"]) == shape(Count())
    assert declaration.samples == {"search": 0.5}
    assert Declaration([type("Other", (kind,), {})]).samples == {}


@pytest.mark.parametrize("rate", [1, 1.0, 0.1, 5e-324])
def test_rates(rate: float) -> None:
    """A rate above nothing and at most one is kept as a float."""
    kept = Declaration({"search": {"fields": {}, "sample": rate}}).samples["search"]
    assert (kept, type(kept)) == (rate, float)


@pytest.mark.parametrize("rate", [0, -0.1, 1.1, 2, -0.0, math.nan, math.inf, -math.inf, 10**400, True, "0.1", [0.1]])
def test_wrong_rates(rate: Any) -> None:
    """A rate that is none is refused with the event and the word `sample`."""
    with pytest.raises(ValueError, match=r"^event 'search.local': sample must be a number above 0 and at most 1"):
        Declaration([type("Search", (Event,), {}, name="search.local", sample=rate)])
    with pytest.raises(ValueError, match=r"^event 'search.local'.*sample"):
        Telemetry("mytool", events={"search.local": {"fields": {"n": "count"}, "sample": rate}})
