"""A declaration as plain values: what comes back from the pipe has the same rows."""

import marshal
import math
from typing import Any

import pytest

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
from discreet.privacy.declaration import CONVERSIONS, Declaration
from discreet.privacy.event import Event
from discreet.privacy.plain import plain, restored

ROWS: dict[str, Conversion] = {
    "forbid": Forbidden(),
    "boolean": Boolean(),
    "count": Count(),
    "hash": Hash(),
    "text_count": TextCount(),
    "distribution": Distribution("py", "js, ts", "ä"),
    "aggregate": Aggregate(),
    "number": Number(),
    "number.round": Number(round_to=0.5, low=-3, high=2.5),
    "number.digits": Number(significant=2),
    "number.both": Number(round_to=7, significant=1),
    "number.buckets": Number(buckets=(0, 1, 10.5), low=0),
    "number.powers": Number(buckets="powers_of_two", high=1000),
    "boolean.lot": Boolean(epsilon=0.5),
    "one_of.lot": OneOf("json", "other", epsilon=math.log(3)),
    "one_of": OneOf("json", "a b", "x" * 256),
    "version": Version(),
}


class Search(Event):
    """A search was made."""

    found = Count(purpose="are results found at all?", example=3)
    kind = OneOf("json", level="enhanced")


def drawn(row: "Conversion | dict[str, Conversion]") -> Any:
    """What of a row decides what leaves."""
    if isinstance(row, dict):
        return {field: drawn(inner) for field, inner in row.items()}
    slots = [name for kind in type(row).__mro__ for name in getattr(kind, "__slots__", ())]
    hidden = ("purpose", "example", "_accepted")
    return type(row), {name: getattr(row, name) for name in slots if name not in hidden}


def same(declaration: Declaration) -> bool:
    """Whether a declaration comes through the pipe as it was."""
    again = restored(marshal.loads(marshal.dumps(plain(declaration))))
    return (
        again.closed == declaration.closed
        and again.samples == declaration.samples
        and {field: drawn(row) for field, row in again.fields.items()}
        == {field: drawn(row) for field, row in declaration.fields.items()}
        and again.events.keys() == declaration.events.keys()
        and all(
            {field: drawn(row) for field, row in rows.items()}
            == {field: drawn(row) for field, row in again.events[event].items()}
            and list(again.events[event]) == list(rows)
            for event, rows in declaration.events.items()
        )
    )


def test_every_conversion_is_here() -> None:
    """A new conversion must be added to the rows above."""
    assert {type(row) for row in ROWS.values()} == set(CONVERSIONS.values())


@pytest.mark.parametrize("field", ROWS)
@pytest.mark.parametrize("level", ["basic", "enhanced"])
def test_every_row(field: str, level: str) -> None:
    """A row of each conversion, with each of its options and levels, comes back: of an event, of all, and nested."""
    row = ROWS[field]
    row.level = level
    try:
        assert same(Declaration({"search": {field: row}}))
        assert same(Declaration(fields={field: row}))
        if not isinstance(row, Distribution):
            assert same(Declaration({"search": {"results": {field: row}}}))
    finally:
        row.level = "basic"


@pytest.mark.parametrize("field", [*CONVERSIONS, "level", "purpose", "example"])
def test_a_nested_field_with_the_name_of_a_conversion(field: str) -> None:
    """A field that is called like a conversion, or like an option of a row, is a field."""
    assert same(Declaration({"search": {"results": {field: Count()}}}))
    assert same(Declaration({"search": {"results": {field: Number(round_to=10), "level": Count()}}}))
    assert same(Declaration(fields={field: {field: OneOf("basic")}}))


@pytest.mark.parametrize(
    "declaration",
    [
        Declaration(),
        Declaration(fields={"error": OneOf("MyError", "Other")}),
        Declaration(fields={"error": Count(), "command": Hash()}),
        Declaration({"command": {"files": Count()}}),
        Declaration({"command": {"error": Forbidden(), "command": OneOf("a"), "success": Count()}}),
        Declaration({"session": {"searches": Count()}}, {"n": Number()}),
        Declaration([Search]),
        Declaration({"search": {}, "other": Search}),
        Declaration({"search": {"fields": {"found": Count()}, "sample": 0.1}, "other": Search}),
        Declaration({"command": {"fields": {}, "sample": 1}}, {"n": Number()}),
        Declaration({"search": {"fields": {"fields": {"n": Count()}}}}),
    ],
)
def test_whole_declarations(declaration: Declaration) -> None:
    """The package's own events, what an author adds to them or puts in their place, and closed worlds come back."""
    assert same(declaration)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"events": {}},
        {"events": {}, "fields": {}},
        {"events": {}, "fields": {"n": 5}, "samples": {}},
        {"events": {}, "fields": {"n": ["nothing", [], "basic"]}, "samples": {}},
        {"events": {}, "fields": {"n": ["count", [], "nothing"]}, "samples": {}},
        {"events": {}, "fields": {"n": ["number", {"nothing": 1}, "basic"]}, "samples": {}},
        {"events": {}, "fields": {"N": ["count", [], "basic"]}, "samples": {}},
        {"events": {"Search me": {}}, "fields": {}, "samples": {}},
        {"events": {"search": {}}, "fields": {}, "samples": {"search": 2}},
        {"events": {}, "fields": {"n": ["boolean", [], "basic", 0]}, "samples": {}},
        {"events": {}, "fields": {"n": ["count", [], "basic", 1.0]}, "samples": {}},
    ],
)
def test_what_was_not_made_here(values: dict[str, Any]) -> None:
    """Anything else raises one of the errors that a deliverer expects, and makes no declaration."""
    assert restored({"events": {"search": {}}, "fields": {}, "samples": {"search": 0.5}}).samples
    with pytest.raises((ValueError, KeyError, TypeError)):
        restored(values)
