"""Declared events as classes: their names, their fields, and that none of their names is taken from the author."""

import builtins
import json
import os
from collections import UserDict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

from discreet import Boolean, Count, Event, Number, OneOf, Telemetry
from discreet.privacy import spelled as spelling
from discreet.privacy.conversions import Conversion
from discreet.privacy.declaration import CONVERSIONS, Declaration


def test_the_names_of_classes() -> None:
    """A class is called by its name in snake case, or as it says."""

    class Search(Event):
        """A search was made."""

        n = Count()

    class LocalSearch2(Search):
        m = Count()

    class Other(Event, name="search.remote"):
        pass

    declaration = Declaration([Search, LocalSearch2, Other])
    assert set(declaration.events) == {"command", "session", "search", "local_search2", "search.remote"}
    assert declaration.purposes["search"] == "A search was made."
    assert list(declaration.events["local_search2"]) == ["n", "m"]
    assert Declaration({"search": Search}).rows("search") == Declaration([Search]).rows("search")
    with pytest.raises(ValueError, match=r"'9' is not a legal event name"):
        Declaration([type("X", (Event,), {}, name="9")])


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("Search", "search"), ("LocalSearch", "local_search"), ("HTTPError", "http_error"), ("HTTP", "http"),
        ("OpenURL", "open_url"), ("ABTestEnded", "ab_test_ended"), ("S3", "s3"), ("S3Upload", "s3_upload"),
        ("Run2D", "run2_d"), ("X", "x"), ("AOpened", "a_opened"), ("search", "search"),
        ("Local_Search", "local__search"),
    ],
)  # fmt: skip
def test_snake_case(kind: str, event: str) -> None:
    """A word begins at a capital letter; several in a row are one word, but for the last if it begins another."""
    assert type(kind, (Event,), {}).event_name == event


def test_the_rows_of_a_class_are_spelled_as_any() -> None:
    """A field of a class is an object, a word or a mapping; a text that is no word declares nothing."""

    class Search(Event):
        title = "Searches"
        query = "text_count"
        results = {"candidates": "count", "returned": "count"}  # noqa: RUF012  # nobody changes it
        fmt = {"one_of": ["json", "table"]}  # noqa: RUF012  # as above
        n = Number(round_to=10)

    mapping = {"query": "text_count", "results": Search.results, "fmt": Search.fmt, "n": Search.n}
    assert spelled(Declaration([Search])) == spelled(Declaration({"search": mapping}))


@pytest.mark.parametrize("word", CONVERSIONS)
def test_a_class_that_is_called_like_a_conversion(word: str) -> None:
    """The name of its event is no field of it, though it is a word as well."""
    kind = type(word.title().replace("_", ""), (Event,), {"n": "number"})
    assert kind.event_name == word
    assert list(Declaration([kind]).events[word]) == ["n"]


def spelled(declaration: Declaration) -> dict[str, str]:
    """The rows of the event `search`."""
    return {field: spelling.spelled(row) for field, row in spelling.fields(declaration.events["search"])}


def test_inherited_fields() -> None:
    """Of a class and its bases the nearest one declares a field; what is no row, or private, declares nothing."""

    class Base(Event):
        n = Count()
        kept = Boolean()

    class Derived(Base):
        n = Number()
        note = "not a row"
        _hidden = Count()

        def method(self) -> None:
            """Not a row either."""

    assert {name: type(each) for name, each in Declaration([Derived]).events["derived"].items()} == {
        "n": Number,
        "kept": Boolean,
    }


@pytest.mark.parametrize("field", ["rows", "values", "name", "self", "purpose", "cls", "items", "events"])
def test_a_field_may_have_any_name(field: str) -> None:
    """No name of the base's own is taken from the author: neither in the class nor in making an instance."""
    kind = type("Search", (Event,), {field: Count()})
    assert set(Declaration([kind]).events["search"]) == {field}
    assert kind(**{field: [1, 2]}).values == {field: [1, 2]}


def test_an_event_never_raises() -> None:
    """An instance takes whatever it is given: only `track` looks at it, and only what is declared leaves."""

    class Search(Event):
        n = Count()

    assert Search(n=1, more=object()).values["n"] == 1
    assert Search().values == {}


def test_an_instance_is_tracked(make_telemetry: Callable[..., Telemetry]) -> None:
    """`track` takes an instance: under the name of its class, with what its rows let out, and more by keyword."""

    class Search(Event):
        n = Count()
        found = Boolean()

    telemetry = make_telemetry(events=[Search])
    telemetry.track(Search(n=["a", "b"], query="secret"), found="yes")
    telemetry.track(Search(n=None), {"found": None})
    assert telemetry.flush(5.0)
    with open(telemetry.paths["log"]) as log:
        lines = [json.loads(line) for line in log]
    assert [line["event"] for line in lines] == ["search", "search"]
    assert [line["properties"] for line in lines] == [{"n": 2, "found": True}, {"n": 0, "found": False}]


def test_what_is_no_event_is_dropped(make_telemetry: Callable[..., Telemetry]) -> None:
    """An undeclared class, or any other object, is no event."""

    class Search(Event):
        n = Count()

    class Undeclared(Event):
        n = Count()

    telemetry = make_telemetry(events=[Search])
    for thing in (Undeclared(n=1), Search, None, 5, b"search", ["search"], object(), {"search": 1}):
        telemetry.track(thing, n=1)
    telemetry.flush(5.0)
    assert not os.path.exists(telemetry.paths["log"])


FROZEN = [MappingProxyType, UserDict, getattr(builtins, "frozendict", MappingProxyType)]  # the last since Python 3.15


@pytest.mark.parametrize("kind", FROZEN)
def test_a_mapping_in_the_place_of_a_row(kind: Any) -> None:
    """A row that is a mapping, and no dict, is refused: else nobody would notice that the field is not declared."""
    search = type("Search", (Event,), {"n": kind({"one_of": ["json"]})})
    said = rf"^event 'search', field 'n': a row that is a mapping must be a dict, not of type {kind.__name__}$"
    with pytest.raises(ValueError, match=said):
        Declaration([search])
    with pytest.raises(ValueError, match=said):
        Declaration({"search": {"n": kind({"one_of": ["json"]})}})


@pytest.mark.parametrize("kind", FROZEN)
def test_a_declaration_that_is_another_mapping(kind: Any) -> None:
    """What is a mapping is told that it must be a dict, and not that it is none; a name is no sequence of classes."""
    rows = {"n": "count"}
    with pytest.raises(ValueError, match=r"^fields must be a mapping of field names to conversions, and a dict, not "):
        Declaration((), kind(rows))
    with pytest.raises(ValueError, match=r"^event 'search' must be a mapping of field names to .*, and a dict, not "):
        Declaration({"search": kind(rows)})
    for events in (kind({"search": rows}), "search", b"search"):
        with pytest.raises(ValueError, match=r"^events must be a dict, or a sequence of Event classes, not "):
            Declaration(events)


@pytest.mark.parametrize("kind", [Count, OneOf])
def test_a_class_in_the_place_of_a_row(kind: type[Conversion]) -> None:
    """A field whose conversion was not made is refused: else nobody would notice that it is none."""
    search = type("Search", (Event,), {"n": kind})
    with pytest.raises(ValueError, match=rf"^event 'search', field 'n': {kind.__name__} is a class; write discreet\."):
        Declaration([search])
