"""A declaration that is made later: never one that would have been refused, and the same as the one made at once."""

import copy
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import discreet
from discreet import Boolean, Count, Distribution, Event, Hash, Number, OneOf, declared
from discreet.privacy.conversions import Conversion
from discreet.privacy.declaration import CONVERSIONS, Declaration, ErrorName
from discreet.privacy.spelled import spelled

NAMES: list[Any] = ["n", "a.b_2", "count", "error", "fields", "purpose", "sample_rate", "x" * 64, "x" * 65]
NAMES += ["", "N", "nN", "1n", "_n", ".n", "\u00e9", "n\u0131", "\u00b2", "a-b", "n\n", "a b", 1, None]
CHOICES: list[Any] = [[], [""], ["json"], ("json", "table"), ["json", 1], ["x" * 64], ["x" * 65], ["a\nb"], [None]]
NUMBERS = [0, 1, 10, 15, 16, 10**6, 10**7, 2**60, -1, True, 0.5, None, "powers_of_two", "1"]
OPTIONS = [True, False, 1, None, "x", {}, {"round_to": 10, "low": 5}, {"round_to": 10, "buckets": [1]}, *CHOICES]
OPTIONS += [{name: number} for name in ("round_to", "significant", "low", "high", "x") for number in NUMBERS]
BESIDE: list[dict[Any, Any]] = [{"example": 1}, {"epsilon": 0.5}, {"x": 1}, {1: 1}, {"count": True}, {"number": {}}]
BESIDE += [{"purpose": word} for word in ("why", 1, None)] + [
    {"level": word} for word in ("enhanced", "high", None, [])
]
OBJECTS: list[Any] = [
    Count(),
    Hash(purpose="p"),
    Number(round_to=10),
    OneOf("a"),
    OneOf("a", epsilon=1.0),
    Conversion(),
]
OBJECTS += [Boolean(epsilon=1.0), Distribution("a"), ErrorName(), Count, Event, object(), 1, None, {"n": "count"}, {}]


class Search(Event):
    """A search was made."""

    results = Count(purpose="are any found?")
    fmt = "boolean"


class Renamed(Event, name="search.local"):
    """Another name."""


class Sampled(Event, sample=0.5):
    """Seldom."""

    n = Count()


class Titled(Event):
    """With what is no row."""

    title = "no row"
    n = "count"


class Wrong(Event):
    """With a wrong row."""

    n = {"one_of": []}  # noqa: RUF012  # as an author might write it


class Below(Search):
    """Further down."""

    more = "count"


class Mixin:
    """With a wrong row, of a class that is no event."""

    n = {"one_of": []}  # noqa: RUF012  # as above


class Mixed(Event, Mixin):
    """With a wrong row from elsewhere."""


class ItsOwnName(Event, name="No"):
    """With a name that is not legal."""


class Documented(Event):
    """With a purpose that is no text."""

    __doc__ = property(lambda self: "of an instance")  # type: ignore[assignment]  # as an author might write it


Nameless = type("Nameless", (Event,), {"": "no row", "n": "count"})
CLASSES: list[Any] = [Search, Renamed, Sampled, Titled, Wrong, Below, Mixed, ItsOwnName, Documented, Nameless]
CLASSES += [Event, object, int, Search(), "x", None]


def rows() -> Iterator[Any]:
    """Rows in every spelling, right and wrong, with one thing wrong at a time."""
    yield from (*CONVERSIONS, "x", "", *OBJECTS)
    for word in (*CONVERSIONS, "x"):
        yield from ({word: options} for options in OPTIONS)
        yield from ({word: options, **more} for options in (True, ["a"]) for more in BESIDE)


def declarations() -> Iterator[tuple[Any, Any]]:
    """What might be given as `events` and as `fields`."""
    yield from (((), row) for row in (*rows(), {}))
    yield from ((row, None) for row in (*rows(), (), [], "", 0))
    yield from (({name: {}}, {}) for name in NAMES)
    yield from (({"search": {name: "count"}}, {name: "count"}) for name in NAMES)
    yield from (({"search": {"n": "count", "m": row}}, None) for row in rows())
    yield from (((), {"n": "count", "m": row}) for row in rows())
    yield from (((), {"error": row}) for row in rows())
    for more in (
        {},
        {"x": 1},
        {"sample": 0.5},
        {"sample": 2},
        {"sample": None},
        *({"purpose": word} for word in NAMES),
    ):
        yield {"search": {"fields": {"n": "count"}, **more}, "open": {}}, {"m": "count"}
        yield {"search": {"fields": "count", **more}}, None
    yield from (([first, second], {}) for first in CLASSES for second in CLASSES)
    yield tuple(CLASSES[:2]), {"n": "count"}


def shown(declaration: Declaration) -> Any:
    """All that is declared, rows by their spelling."""

    def of(row: Any) -> object:
        if isinstance(row, dict):
            return {field: of(inner) for field, inner in row.items()}
        return type(row), spelled(row), row.purpose, row.example, row.level

    events = {event: of(declaration.rows(event)) for event in declaration.events}
    return events, of(declaration.fields), declaration.closed, declaration.purposes, declaration.samples


def outcome(make: Any, events: object, fields: object) -> Any:
    """What is declared, or the refusal, which comes at once or never."""
    try:
        declaration = make(events, fields)
    except (ValueError, AttributeError) as error:
        return str(error)
    return shown(declaration)


def test_it_is_the_same() -> None:
    """Whatever is given, both ways refuse it with the same words, or declare the same."""
    for events, fields in declarations():
        assert outcome(declared.declaration, events, fields) == outcome(Declaration, events, fields), (events, fields)


def test_every_conversion_is_there() -> None:
    """One that is missing would cost a process that is off the whole declaration."""
    for word in CONVERSIONS:
        plain = ({"n": word}, {"n": {word: True}}, {"n": {word: ["json"]}})
        assert any(is_later(fields) for fields in plain), word


def is_later(fields: Any) -> bool:
    """Whether these fields are made later; not if they are refused."""
    try:
        return type(declared.declaration((), fields)) is declared.Later
    except ValueError:
        return False


PLAIN = [
    ({"search": {"n": "number", "found": "count"}}, None),
    ({"search": {"purpose": "A search.", "fields": {"n": {"number": {"round_to": 10}, "level": "enhanced"}}}}, {}),
    (
        (),
        {"fmt": {"one_of": ["json", "table"], "purpose": "which?", "example": "json"}, "n": Count(purpose="how many?")},
    ),
    ({"command": {"files": {"count": True}}}, {"error": {"one_of": ["ToolError"]}}),
    ([Search, Renamed], None),
]
AT_ONCE = [
    ({"search": {"n": {"boolean": {"epsilon": 1.0}}}}, None),
    ({"search": {"fields": {"n": "count"}, "sample": 0.1}}, None),
    ({"search": {"inner": {"n": "count"}}}, None),
    ([Sampled], None),
    ([Titled], None),
    ([Below], None),
]


@pytest.mark.parametrize(("events", "fields"), PLAIN)
def test_what_is_plain_is_made_later(events: Any, fields: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is off makes no declaration, and answers as if it had. It goes by what it was given then."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    telemetry = discreet.Telemetry("mytool", events=events, fields=fields)
    before = shown(Declaration(events, fields))
    assert type(telemetry.declaration) is declared.Later
    if isinstance(events, dict):
        next(iter(events.values())).clear()
        events["another"] = {"n": "hash"}
    if fields and "fmt" in fields:
        fields["fmt"]["one_of"].clear()
    assert shown(telemetry.declaration) == before
    assert telemetry.declaration.events is telemetry.declaration.events


@pytest.mark.parametrize(("events", "fields"), AT_ONCE)
def test_what_is_not_is_made_at_once(events: Any, fields: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is any declaration in a process that may record."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert type(discreet.Telemetry("mytool", events=events, fields=fields).declaration) is Declaration
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    monkeypatch.setenv("MYTOOL_TELEMETRY_OPT_IN", "1")
    assert type(discreet.Telemetry("mytool", fields={"n": "count"}).declaration) is Declaration


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copy_is_made_later_as_well(copied: Callable[[Any], Any]) -> None:
    """Copied, or pickled, it is the same declaration, before its first question and after."""
    later = declared.declaration([Search], {"n": "count"})
    assert type(copied(later)) is declared.Later
    assert shown(copied(later)) == shown(later) == shown(copied(later))


def test_two_copies_of_the_package(run_python: Any, tmp_path: Path) -> None:
    """A tool's own copy makes nothing of its own rows before it is asked, and refuses those of another copy at once."""
    own = tmp_path / "site" / "mytool" / "discreet"
    shutil.copytree(Path(discreet.__file__).parent, own, ignore=shutil.ignore_patterns("__pycache__"))
    (own.parent / "__init__.py").touch()
    result = run_python(
        "import sys\nsys.path.insert(0, sys.argv[1])\nimport discreet as other\nfrom mytool import discreet as own\n"
        "for package in (own, other):\n"
        "    class Search(package.Event):\n        n = package.Count()\n"
        "    for given in ({'events': [Search]}, {'fields': {'n': package.Count()}}):\n"
        "        try:\n            print(type(own.Telemetry('never', **given).declaration).__name__)\n"
        "        except ValueError as error:\n            print(error)\n",
        str(tmp_path / "site"),
    )
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "Later",
        "Later",
        "events: <class '__main__.Search'> is not an Event class, nor one with _telemetry_keys()",
        "fields, field 'n': a Count is not a conversion of this package",
    ]
