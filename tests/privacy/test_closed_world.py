"""The closed world: once events are declared, no unknown event, field or value passes, whichever way it comes."""

import enum
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from discreet import Count, Distribution, Event, Hash, Number, OneOf, Telemetry, TextCount, Version
from discreet.privacy.declaration import Declaration
from discreet.sending import losses
from discreet.testing import allow

SECRET = "S3cret-7f"
MANIFEST = """
name = "mytool"
[fields]
files = {number = {round_to = 10}}
[events.search]
[events.search.fields]
fmt = {one_of = ["json", "table"]}
langs = {distribution = ["py"]}
query = "text_count"
who = "hash"
backend = "version"
[events.search.fields.results]
found = "count"
kind = {one_of = ["a"]}
"""
FIELDS = {"files": Number(10)}


class Search(Event):
    """A search was made."""

    fmt = OneOf("json", "table")
    langs = Distribution("py")
    query = TextCount()
    who = Hash()
    backend = Version()
    results = {"found": Count(), "kind": OneOf("a")}  # noqa: RUF012  # rows, never changed


class SearchModel:
    """The same, by the protocol."""

    _telemetry_event = "search"

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    @classmethod
    def _telemetry_keys(cls) -> dict[str, object]:
        return {name: row for name, row in vars(Search).items() if name in DECLARED}


DECLARED = ("fmt", "langs", "query", "who", "backend", "results")
Made = Callable[..., Telemetry]


@pytest.fixture(params=["mapping", "classes", "objects", "manifest"])
def telemetry(request: pytest.FixtureRequest, make_telemetry: Made, tmp_path: Path) -> Iterator[Telemetry]:
    """A tool that declares the same in one of four ways."""
    declared: dict[str, object] = {
        "mapping": {"search": {name: vars(Search)[name] for name in DECLARED}},
        "classes": [Search],
        "objects": [SearchModel],
    }
    if request.param != "manifest":
        yield make_telemetry(events=declared[request.param], fields=FIELDS)
        return
    (tmp_path / "telemetry.toml").write_text(MANIFEST)
    make_telemetry()  # the yes of its user
    made = Telemetry.from_manifest(tmp_path / "telemetry.toml")
    allow(made)
    yield made
    made.close(5.0)


def recorded(telemetry: Telemetry) -> list[tuple[str, dict[str, Any]]]:
    """What was recorded, in which nothing secret is."""
    assert telemetry.flush(5.0)
    if not os.path.exists(telemetry.paths["log"]):
        return []
    with open(telemetry.paths["log"]) as log:
        text = log.read()
    assert SECRET not in text
    return [(record["event"], record["properties"]) for record in map(json.loads, text.splitlines())]


def lost(telemetry: Telemetry) -> dict[str, int]:
    """The losses of this process."""
    telemetry.close(5.0)
    found = losses.read(telemetry.paths["losses"])
    return {reason: found.get(reason, 0) + telemetry.losses.get(reason, 0) for reason in {*found, *telemetry.losses}}


class Text(str):
    """A text that is equal to a declared one, and is written as another."""

    __slots__ = ()

    def __str__(self) -> str:
        return SECRET


class Liar(str):
    """A text that says it is a declared one."""

    __slots__ = ()

    def __eq__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("json")


class Member(str, enum.Enum):  # noqa: UP042  # the older of the two spellings
    """The same as an enumeration."""

    SEARCH = "search"
    FMT = "fmt"


Undeclared = type("Undeclared", (Search,), {})
Widened = type("Widened", (Search,), {"more": Count()}, name="search")  # the declared name, and a field more


class WidenedModel(SearchModel):
    """A subclass that names a field more, and lets a declared one out by another conversion."""

    @classmethod
    def _telemetry_keys(cls) -> dict[str, object]:
        return {**super()._telemetry_keys(), "more": "count", "query": OneOf(SECRET)}


EVENTS: list[tuple[object, str]] = [
    ("push", "undeclared_event"),
    ("search.local", "undeclared_event"),
    ("sessions", "undeclared_event"),
    ("Search", "event_name"),
    (SECRET, "event_name"),
    (Text("search"), "event_name"),
    (Member.SEARCH, "event_name"),
    (b"search", "event_name"),
    (Search, "event_name"),
    (None, "event_name"),
    (Undeclared(fmt="json"), "undeclared_event"),
    (type("Other", (SearchModel,), {"_telemetry_event": "other"})(fmt="json"), "undeclared_event"),
    (type("Other", (), {"_telemetry_keys": lambda _: {"fmt": OneOf(SECRET)}, "fmt": SECRET})(), "undeclared_event"),
]


@pytest.mark.parametrize(("event", "reason"), EVENTS, ids=lambda each: repr(each)[:40])
def test_no_unknown_event(telemetry: Telemetry, event: object, reason: str) -> None:
    """An event of an undeclared name is dropped and counted, numbers and all, in each of its forms."""
    telemetry.track(event, n=1)
    assert recorded(telemetry) == []
    assert lost(telemetry) == {reason: 1}


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("more", "undeclared_field"),
        ("results.found", "undeclared_field"),
        ("FMT", "field_name"),
        (SECRET, "field_name"),
        (Text("fmt"), "field_name"),
        (Member.FMT, "field_name"),
        (5, "field_name"),
        (None, "field_name"),
    ],
)
@pytest.mark.parametrize("value", [1, True, SECRET, ["json"]], ids=repr)
def test_no_unknown_field(telemetry: Telemetry, field: Any, reason: str, value: object) -> None:
    """A field of an undeclared name is dropped and counted, whatever its value; the rest stays."""
    telemetry.track("search", {field: value, "files": 143})
    assert recorded(telemetry) == [("search", {"files": 140})]
    assert lost(telemetry) == {reason: 1}


@pytest.mark.parametrize(
    ("properties", "left"),
    [
        ({"fmt": SECRET}, {"fmt": "other"}),
        ({"fmt": Text("json")}, {"fmt": "json"}),
        ({"fmt": Liar(SECRET)}, {"fmt": "other"}),
        ({"fmt": ["json"]}, {"fmt": "other"}),
        ({"langs": [SECRET, "py", Text("py"), Liar(SECRET)]}, {"langs": {"py": 2, "other": 2}}),
        ({"langs": {SECRET: 3}}, {"langs": {"other": 3}}),
        ({"query": SECRET}, {"query": len(SECRET)}),
        ({"backend": SECRET}, {}),
        ({"backend": "10.0.0.1"}, {}),
        ({"results": {"found": [SECRET], "kind": SECRET}}, {"results": {"found": 1, "kind": "other"}}),
        ({"results": {"found": {"found": SECRET}}}, {"results": {"found": 1}}),
        ({"results": SECRET}, {}),
        ({"results": [("found", 1)]}, {}),
    ],
    ids=repr,
)
def test_no_unknown_value(telemetry: Telemetry, properties: Mapping[str, object], left: dict[str, object]) -> None:
    """Of a declared field leaves what its conversion makes, and nothing else: as mapping, as event, as object."""
    telemetry.track("search", properties)
    telemetry.track(Search(**properties))
    telemetry.track(SearchModel(**{**dict.fromkeys(DECLARED), **properties}))
    assert recorded(telemetry) == [("search", left)] * 3


class Dict(dict[str, object]):
    """A mapping that shows something else than it holds."""

    def items(self) -> Any:
        return [("found", SECRET), (SECRET, 1)]

    __iter__ = keys = items

    def __getitem__(self, key: object) -> Any:
        return SECRET

    get = __getitem__


@pytest.mark.parametrize(
    ("value", "left", "reasons"),
    [
        ({"found": 1, "more": 1}, {"found": 1}, {"undeclared_field": 1}),
        ({"found": 1, SECRET: SECRET}, {"found": 1}, {"undeclared_field": 1}),
        ({"found": 1, 5: SECRET, None: 1}, {"found": 1}, {"undeclared_field": 1}),
        ({"more": {"found": 1}}, {"found": 0}, {"undeclared_field": 1}),
        ({}, {"found": 0}, {}),
        (Dict({"found": [1, 2], "kind": "a"}), {"found": 2, "kind": "a"}, {}),
    ],
    ids=repr,
)
def test_nested_mappings(telemetry: Telemetry, value: object, left: object, reasons: dict[str, int]) -> None:
    """A declared mapping is closed as well: by its own rows, one level deep, whatever its methods say."""
    telemetry.track("search", results=value)
    assert recorded(telemetry) == [("search", {"results": left})]
    assert lost(telemetry) == reasons


@pytest.mark.parametrize(
    "thing",
    [
        Widened(fmt=SECRET, more=[1], query=SECRET),
        WidenedModel(fmt=SECRET, more=[1], query=SECRET, langs=None, who=None, backend=None, results=None),
    ],
    ids=["event", "object"],
)
def test_a_subclass_adds_nothing(telemetry: Telemetry, thing: object) -> None:
    """A subclass under the name of a declared event has the declared rows and no other."""
    telemetry.track(thing)
    assert recorded(telemetry) == [("search", {"fmt": "other", "query": len(SECRET)})]
    assert lost(telemetry) == {"undeclared_field": 1}


def test_the_facts_of_a_command(telemetry: Telemetry) -> None:
    """The package's own event is there, and its facts are as closed as those of any other."""
    with telemetry.command("sync", files=143, more=1) as scope:
        scope.add(text=SECRET, fmt="json")
    ((event, properties),) = recorded(telemetry)
    assert (event, properties["files"]) == ("command", 140)
    assert set(properties) == {"command", "duration_ms", "success", "exit_code", "files"}
    assert lost(telemetry) == {"undeclared_field": 3}


def test_all_four_are_one_declaration(telemetry: Telemetry) -> None:
    """What these tests ran on has the same fields, whichever way it was declared."""
    declared = Declaration([Search], FIELDS)
    assert telemetry.declaration is not None
    assert telemetry.declaration.rows("search").keys() == declared.rows("search").keys()
    assert telemetry.declaration.closed
