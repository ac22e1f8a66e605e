"""Objects with `_telemetry_keys()`: what is read of them, how it leaves, and that they never add to a declaration."""

import dataclasses
import enum
import json
import os
import traceback
from collections import UserDict
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, ClassVar
from unittest.mock import MagicMock

import pytest

from conftest import case
from discreet import (
    Aggregate,
    Boolean,
    Count,
    Distribution,
    Event,
    Hash,
    Number,
    OneOf,
    Telemetry,
    TextCount,
    serialize,
)
from discreet.log import timestamp
from discreet.privacy.declaration import Declaration
from discreet.sending.distrust import Distrust

SECRET = "S3cret-7f"
Made = Callable[..., Telemetry]


class Conversion(enum.Enum):
    """The enumeration of a system that has the protocol already."""

    FORBIDDEN = "forbidden"
    BOOLEAN = "boolean"
    COUNT = "count"
    HASH = "hash"
    DISTRIBUTION = "distribution"
    AGGREGATE = "aggregate"
    TEXT_COUNT = "text_count"


class Model:
    """Looks like a pydantic model: fields by annotation, values by keyword, attributes that are refused by hand."""

    model_fields: ClassVar[dict[str, object]] = {}

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    def __iter__(self) -> Iterator[tuple[str, object]]:
        return iter(self.__dict__.items())

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError("frozen")


class SearchModel(Model):
    """A search was made."""

    _telemetry_event: ClassVar[str] = "search"

    @classmethod
    def _telemetry_keys(cls) -> dict[str, object]:
        return {"query": Conversion.TEXT_COUNT, "paths": Conversion.COUNT, "token": Conversion.FORBIDDEN}


class LocalEvent(Event):
    """A declared event beside the classes."""


@dataclasses.dataclass(frozen=True, slots=True)
class LocalSearch:
    """A dataclass, frozen and with slots."""

    query: str = SECRET
    paths: tuple[str, ...] = (SECRET, SECRET)
    fmt: str = "json"
    unnamed: int = 5

    def _telemetry_keys(self) -> dict[str, object]:
        return {"query": "text_count", "paths": Count(), "fmt": {"one_of": ["json"]}}


class Ordinary:
    """An ordinary object, whose mapping depends on itself, and whose field is a property."""

    def __init__(self, *, agreed: bool) -> None:
        self.agreed = agreed

    @property
    def files(self) -> list[str]:
        """What the mapping names, or not."""
        return [SECRET]

    def _telemetry_keys(self) -> dict[str, object] | None:
        return {"files": "count"} if self.agreed else None


def lines(telemetry: Telemetry) -> list[tuple[str, dict[str, Any]]]:
    """What was recorded: the event and its properties."""
    assert telemetry.flush(5.0)
    if not os.path.exists(telemetry.paths["log"]):
        return []
    with open(telemetry.paths["log"]) as log:
        found = log.read()
    assert SECRET not in found
    return [(record["event"], record["properties"]) for record in map(json.loads, found.splitlines())]


def lost(telemetry: Telemetry) -> dict[str, int]:
    """The losses of this process, on disk and not yet."""
    telemetry.close(5.0)
    from discreet.sending import losses

    found = losses.read(telemetry.paths["losses"])
    return {reason: found.get(reason, 0) + telemetry.losses.get(reason, 0) for reason in {*found, *telemetry.losses}}


def test_objects_of_every_kind(make_telemetry: Made) -> None:
    """Dataclass instances, what looks like a pydantic model and ordinary objects: the named fields, converted."""
    telemetry = make_telemetry()
    telemetry.track(LocalSearch())
    telemetry.track(SearchModel(query=SECRET, paths=[SECRET], token=SECRET, more=SECRET))
    telemetry.track(Ordinary(agreed=True))
    telemetry.track(Ordinary(agreed=False))
    assert lines(telemetry) == [
        ("local_search", {"query": len(SECRET), "paths": 2, "fmt": "json"}),
        ("search", {"query": len(SECRET), "paths": 1}),
        ("ordinary", {"files": 1}),
        ("ordinary", {}),
    ]
    assert lost(telemetry) == {}


@pytest.mark.parametrize(
    ("conversion", "value", "left"),
    [
        (Conversion.FORBIDDEN, SECRET, None),
        (Conversion.BOOLEAN, SECRET, True),
        (Conversion.COUNT, [SECRET], 1),
        (Conversion.DISTRIBUTION, [SECRET, "b"], {"other": 2}),
        (Conversion.AGGREGATE, [1, 2], 3),
        (Conversion.TEXT_COUNT, SECRET, len(SECRET)),
        ("forbid", SECRET, None),
        ("distribution", {SECRET: 4}, {"other": 4}),
        (Number(round_to=10), 143, 140),
        ({"one_of": ["a"]}, SECRET, "other"),
        ({"inner": "count"}, {"inner": [SECRET], SECRET: 1}, {"inner": 1}),
        (None, 5, 5),
        (None, True, True),
        (None, SECRET, None),
        (None, [SECRET], None),
    ],
)
def test_every_spelling_of_a_conversion(make_telemetry: Made, conversion: object, value: object, left: object) -> None:
    """A member of the enumeration is the conversion of its name; None leaves a field to the default rules."""
    kind = type("Thing", (), {"_telemetry_keys": lambda _: {"it": conversion}, "it": value})
    telemetry = make_telemetry()
    telemetry.track(kind())
    wanted = {} if left is None else {"it": left}
    assert lines(telemetry) == [("thing", wanted)]
    assert serialize(kind()) == wanted


def test_a_hash(make_telemetry: Made) -> None:
    """HASH is the installation's own, keyed by event and field."""
    kind = type("Thing", (), {"_telemetry_keys": lambda _: {"it": Conversion.HASH}, "it": SECRET})
    telemetry = make_telemetry(events={"thing": {"it": "hash"}})
    telemetry.track(kind())
    telemetry.track("thing", it=SECRET)
    first, second = (properties["it"] for _, properties in lines(telemetry))
    assert first == second
    assert len(first) == 16
    assert serialize(kind()) == {"it": "0" * 16} != {"it": first}


@pytest.mark.parametrize("wrap", [dict, MappingProxyType, UserDict])
def test_any_mapping(make_telemetry: Made, wrap: Any) -> None:
    """The mapping may be of any kind, its keys of any kind of text."""
    key = type("FilteredKey", (str,), {"__str__": lambda _: SECRET})("n")
    kind = type("Thing", (), {"_telemetry_keys": lambda _: wrap({key: "count"}), "n": [1, 2]})
    telemetry = make_telemetry()
    telemetry.track(kind())
    assert lines(telemetry) == [("thing", {"n": 2})]


def test_only_what_is_named_is_read(make_telemetry: Made) -> None:
    """What the mapping does not name, or forbids, is not even looked at."""
    read: list[str] = []

    class Thing:
        def _telemetry_keys(self) -> dict[str, object]:
            return {"n": "count", "secret": Conversion.FORBIDDEN, "_client": "forbid"}

        def __getattr__(self, name: str) -> Any:
            read.append(name)
            return [1]

    telemetry = make_telemetry()
    telemetry.track(Thing())
    assert lines(telemetry) == [("thing", {"n": 1})]
    assert set(read) <= {"n", "_telemetry_event"}
    assert lost(telemetry) == {}


def test_more_by_keyword(make_telemetry: Made) -> None:
    """Properties beside the object are as beside any event; what the object forbids stays forbidden."""
    kind = type("Thing", (), {"_telemetry_keys": lambda _: {"n": "count", "it": "forbid"}, "n": [1]})
    telemetry = make_telemetry()
    telemetry.track(kind(), {"more": 5}, it=7, text=SECRET)
    telemetry.track(kind(), n=[1, 2, 3])
    assert lines(telemetry) == [("thing", {"n": 1, "more": 5}), ("thing", {"n": 3})]


def test_an_illegal_field_is_dropped(make_telemetry: Made) -> None:
    """A field that has no legal name is counted and not read; the rest of the event stays."""
    kind = type("Thing", (), {"_telemetry_keys": lambda _: {"n": "count", "_it": "count", SECRET: None}, "n": [1]})
    telemetry = make_telemetry()
    telemetry.track(kind())
    assert lines(telemetry) == [("thing", {"n": 1})]
    assert lost(telemetry) == {"field_name": 2}


# ---- the declaration


def test_a_declared_row_wins(make_telemetry: Made) -> None:
    """Where a row is declared, the object's own has no say in how the value leaves."""
    kind = type("Thing", (), {"_telemetry_keys": lambda _: {"it": OneOf(SECRET)}, "it": SECRET})
    telemetry = make_telemetry(events={"thing": {"it": TextCount()}})
    telemetry.track(kind())
    assert lines(telemetry) == [("thing", {"it": len(SECRET)})]
    common = make_telemetry("other", fields={"it": TextCount()})
    common.track(kind())
    assert lines(common) == [("thing", {"it": len(SECRET)})]


@pytest.mark.parametrize("row", ["forbid", Conversion.FORBIDDEN, Boolean(level="enhanced")], ids=case)
def test_what_the_object_takes_away(make_telemetry: Made, row: object) -> None:
    """What the object forbids, or keeps for a level that is not agreed to, stays, whatever is declared."""
    kind = type("Thing", (), {"_telemetry_keys": lambda _: {"it": row, "n": None}, "it": SECRET, "n": [1]})
    telemetry = make_telemetry(events={"thing": {"it": TextCount(), "n": Count(), "unnamed": Count()}})
    telemetry.track(kind())
    telemetry.track(kind(), it=SECRET)
    assert lines(telemetry) == [("thing", {"n": 1})] * 2
    assert lost(telemetry) == {}


@pytest.mark.parametrize("row", ["forbid", Boolean(level="enhanced")], ids=case)
@pytest.mark.parametrize(
    ("declared", "left"),
    [
        ({"kept": "count", "given": "count", "missing": "count"}, {"given": 2, "missing": 0}),
        ({"kept": "count"}, None),
        (Distribution("kept", "given"), {"given": 2}),
        (Aggregate(), 2),
        (Count(), 1),
    ],
    ids=case,
)
def test_what_the_object_takes_away_within_a_field(
    make_telemetry: Made, declared: object, left: object, row: object
) -> None:
    """Neither does a part of a field leave that the object keeps, whatever the declared row makes of the others."""
    value = {"kept": 7, "given": 2}
    if isinstance(declared, dict):
        value |= {"given": [1, 2]}  # type: ignore[dict-item]  # of which a count is 2
    keys = {"it": {"kept": row, "given": "count"}}
    kind = type("Thing", (), {"_telemetry_keys": lambda _: keys, "it": value})
    telemetry = make_telemetry(events={"thing": {"it": declared}})
    telemetry.track(kind())
    telemetry.track(kind(), it=value)
    telemetry.track(kind(), it=[1, 2, 3])
    telemetry.track(kind(), it=None)
    assert lines(telemetry) == [("thing", {} if left is None else {"it": left})] * 2 + [("thing", {})] * 2
    assert value["kept"] == 7
    telemetry.track("thing", it=value)
    assert lines(telemetry)[-1] != ("thing", {"it": left})  # of another event than this object's nothing is taken


def test_an_object_cannot_add(make_telemetry: Made) -> None:
    """In a closed world a field without a declared row is dropped, and an undeclared event's object as a whole."""
    telemetry = make_telemetry(events={"search": {"query": "text_count"}})
    telemetry.track(SearchModel(query=SECRET, paths=[SECRET], token=SECRET))
    telemetry.track(LocalSearch())
    telemetry.track(type("Derived", (SearchModel,), {"_telemetry_event": "derived"})(query="", paths=[]))
    assert lines(telemetry) == [("search", {"query": len(SECRET)})]
    assert lost(telemetry) == {"undeclared_field": 1, "undeclared_event": 2}


def test_rows_of_one_object_are_its_own(make_telemetry: Made) -> None:
    """What one object says of its fields holds for that object, and for no later event of the name."""
    telemetry = make_telemetry()
    telemetry.track(LocalSearch())
    telemetry.track("local_search", query=SECRET, paths=[SECRET], fmt="json")
    kind = type("LocalSearch", (), {"_telemetry_keys": lambda _: {"query": "boolean"}, "query": SECRET})
    telemetry.track(kind())
    assert [properties for _, properties in lines(telemetry)][1:] == [{}, {"query": True}]


def test_a_class_is_a_declaration(make_telemetry: Made) -> None:
    """A class with a class method is declared in `events=`, by itself or under a name, and closes the world."""
    for events in ([SearchModel], {"search": SearchModel}, [SearchModel, LocalEvent]):
        declaration = Declaration(events)
        assert {field: type(row) for field, row in declaration.events["search"].items() if field != "token"} == {
            "query": TextCount,
            "paths": Count,
        }
        assert declaration.purposes["search"] == "A search was made."
        assert declaration.closed
    telemetry = make_telemetry(events=[SearchModel])
    telemetry.track(SearchModel(query=SECRET, paths=[SECRET], token=SECRET))
    telemetry.track("search", query=SECRET, unknown=1)
    telemetry.track("push", n=1)
    assert lines(telemetry) == [("search", {"query": len(SECRET), "paths": 1}), ("search", {"query": len(SECRET)})]
    assert lost(telemetry) == {"undeclared_field": 1, "undeclared_event": 1}


def test_what_a_class_declares() -> None:
    """None declares no row, a forbidden attribute needs no legal name, and a made-up docstring is no purpose."""

    @dataclasses.dataclass
    class PushRepo:
        n: int = 0

        @staticmethod
        def _telemetry_keys() -> dict[str, object]:
            return {"n": None, "_client": Conversion.FORBIDDEN, "langs": Conversion.DISTRIBUTION}

    declaration = Declaration([PushRepo])
    assert list(declaration.events["push_repo"]) == ["langs"]
    assert declaration.purposes == {"push_repo": ""}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (lambda _: {"n": "count"}, r"events: Thing: _telemetry_keys must be a class method to be declared"),
        (classmethod(lambda _: ["n"]), r"Thing: .*: _telemetry_keys must return a mapping or None"),
        (classmethod(lambda _: {5: "count"}), r"Thing: .*: _telemetry_keys must return a mapping of field names"),
        (classmethod(lambda _: {"n": "cuont"}), r"event 'thing', field 'n': 'cuont' is not a conversion"),
        (classmethod(lambda _: {"_n": "count"}), r"event 'thing': '_n' is not a legal field name"),
        ({"n": "count"}, r"events: Thing: _telemetry_keys must be a class method"),
    ],
)
def test_a_wrong_class(keys: object, sentence: str) -> None:
    """A class that cannot be a declaration is refused by its name when the declaration is made."""
    with pytest.raises(ValueError, match=sentence):
        Telemetry("mytool", events=[type("Thing", (), {"_telemetry_keys": keys})])


def test_delivery_knows_declared_classes(make_telemetry: Made) -> None:
    """What a declared class lets out may leave; of an undeclared one only what any undeclared event may tell."""
    now = 1_790_000_000.0

    def may_leave(telemetry: Telemetry, thing: object) -> bool:
        telemetry.track(thing)
        assert telemetry.flush(5.0)
        with open(telemetry.paths["log"]) as log:
            record = json.loads(log.readlines()[-1])
        line = json.dumps({**record, "time": timestamp(now)}, separators=(",", ":")).encode()
        return Distrust(telemetry.name, telemetry.declaration, "basic").judge(line, now)[0] is not None

    kind = type(
        "Thing", (), {"_telemetry_keys": classmethod(lambda _: {"it": OneOf("a"), "who": Hash()}), "it": "a", "who": 1}
    )
    assert may_leave(make_telemetry("first", events=[kind]), kind())
    assert not may_leave(make_telemetry("second"), kind())
    assert may_leave(make_telemetry("third"), SearchModel(query=SECRET, paths=[]))


@pytest.mark.parametrize("keys", [{"n": "count"}, {"n": "count", "sample_rate": "forbid"}], ids=str)
def test_a_sampled_object(make_telemetry: Made, keys: dict[str, object]) -> None:
    """An object of a sampled event is drawn once, as any other, and tells the rate, whatever it says itself."""
    kind = type("Thing", (), {"_telemetry_keys": lambda _: keys, "n": [1], "sample_rate": 1})
    telemetry = make_telemetry(events={"thing": {"fields": {"n": "count"}, "sample": 1.0}})
    for _ in range(3):
        telemetry.track(kind())
    assert lines(telemetry) == [("thing", {"sample_rate": 1.0, "n": 1})] * 3
    rare = make_telemetry("other", events={"thing": {"fields": {"n": "count"}, "sample": 1e-12}})
    for _ in range(20):
        rare.track(kind())
    assert lines(rare) == []
    assert lost(rare) == {}


def test_an_answer_by_lot(make_telemetry: Made) -> None:
    """An object's own row with an epsilon answers as the declared one does, and the same each time."""
    row = OneOf("a", "b", "c", epsilon=0.5)
    kind = type("Thing", (), {"_telemetry_keys": lambda _: {"it": row}, "it": "a"})
    first, second = make_telemetry(), make_telemetry(events={"thing": {"it": row}})
    for telemetry in (first, first, second):
        telemetry.track(kind())
        assert telemetry.flush(5.0)
    assert len({properties["it"] for _, properties in lines(first)}) == 1
    assert len(lines(first)) == 3


# ---- what goes wrong


def failing(error: BaseException) -> Any:
    """A method that raises."""

    def fail(*_: object) -> Any:
        raise error

    return fail


FAULTS: dict[str, dict[str, Any]] = {
    "keys raise": {"_telemetry_keys": failing(RuntimeError(SECRET))},
    "keys raise TypeError": {"_telemetry_keys": failing(TypeError(SECRET))},
    "no mapping": {"_telemetry_keys": lambda _: [SECRET]},
    "a text": {"_telemetry_keys": lambda _: SECRET},
    "no text as key": {"_telemetry_keys": lambda _: {5: "count"}},
    "missing attribute": {"_telemetry_keys": lambda _: {"n": "count"}},
    "attribute raises": {"_telemetry_keys": lambda _: {"n": "count"}, "n": property(failing(OSError(SECRET)))},
    "value in the place of a conversion": {"_telemetry_keys": lambda _: {"n": SECRET}, "n": SECRET},
    "no conversion": {"_telemetry_keys": lambda _: {"n": 5}, "n": 5},
    "unfit value": {"_telemetry_keys": lambda _: {"n": "number"}, "n": SECRET},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_drops_the_event(make_telemetry: Made, swallowed: list[tuple[str, Exception]], fault: str) -> None:
    """Whatever the object's own code does, `track` is silent, the event is dropped and counted; so is `serialize`."""
    kind = type("Thing", (), FAULTS[fault])
    telemetry = make_telemetry()
    telemetry.track(kind())
    assert lines(telemetry) == []
    assert lost(telemetry) == {"conversion": 1}
    assert serialize(kind()) == {}
    assert [reason for reason, _ in swallowed] == ["conversion"] * 2
    for _, error in swallowed if "raise" not in fault else ():  # an exception of the object's own says what it says
        assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("name", ["", "Search", "a b", 5, None, type("Text", (str,), {})("search")], ids=repr)
def test_names_of_objects(make_telemetry: Made, name: object) -> None:
    """A name that is no plain text falls back on the class; an illegal one drops the event."""
    kind = type("Thing", (), {"_telemetry_keys": lambda _: {}, "_telemetry_event": name})
    telemetry = make_telemetry()
    telemetry.track(kind())
    illegal = name in ("Search", "a b")
    assert lines(telemetry) == ([] if illegal else [("thing", {})])
    assert lost(telemetry) == ({"event_name": 1} if illegal else {})


@pytest.mark.parametrize(
    "thing", [MagicMock(), SearchModel, LocalSearch, object(), 5, None, {"n": 1}, dataclasses.make_dataclass("X", [])()]
)
def test_what_does_not_speak(make_telemetry: Made, thing: object) -> None:
    """A mock that answers to everything, a class, and any object without the method are no events."""
    telemetry = make_telemetry()
    telemetry.track(thing, n=1)
    assert lines(telemetry) == []
    assert lost(telemetry) == {"event_name": 1}
    with pytest.raises(TypeError, match="neither an Event nor an object with _telemetry_keys"):
        serialize(thing)


def test_an_interrupt_passes(make_telemetry: Made) -> None:
    """Ctrl-C inside an object's own method is the host's."""
    kind = type("Thing", (), {"_telemetry_keys": failing(KeyboardInterrupt())})
    with pytest.raises(KeyboardInterrupt):
        make_telemetry().track(kind())


def test_off_asks_nothing(make_telemetry: Made) -> None:
    """Where telemetry is off, an object's method is not called."""
    kind = type("Thing", (), {"_telemetry_keys": failing(KeyboardInterrupt())})
    make_telemetry(opted_in=False).track(kind())


@pytest.mark.parametrize("turn", [0, 1])
def test_a_name_that_changes_between_two_looks(make_telemetry: Made, turn: int) -> None:
    """The name of an event is read once: what is judged is what is recorded."""

    class Search(Event):
        n = Count()

        def __getattribute__(self, name: str) -> Any:
            return names.pop(0) if name == "event_name" and names else super().__getattribute__(name)

    names = ["search", "search"]
    names[turn] = f'{SECRET}"}}\n{{"v":1,"forged":"'
    telemetry = make_telemetry(events=[Search])
    telemetry.track(Search(n=[1]))
    names.clear()
    telemetry.track(Search(n=[1, 2]))
    assert lines(telemetry) == [("search", {"n": 1})] * turn + [("search", {"n": 2})]
    assert lost(telemetry) == ({} if turn else {"event_name": 1})
