"""Sampled events: how often, at which stated rate, and that what no lot falls on is no loss."""

import json
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from discreet import Count, Event, Number, Telemetry
from discreet.privacy import Filter, sampling
from discreet.privacy.accept import Acceptor
from discreet.privacy.conversions import Conversion
from discreet.privacy.declaration import Declaration, SampleRate

LONG = 10.0  # seconds: a bound on hangs, never a measure
NUMBER = 20_000


@pytest.fixture(autouse=True)
def _seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's random source, with a seed."""
    monkeypatch.setattr(sampling.os, "urandom", random.Random(11).randbytes)


class World:
    """A filter and what it lost."""

    def __init__(self, events: object, fields: Any = None) -> None:
        self.lost: Counter[str] = Counter()
        self.declaration = Declaration(events, fields)
        self.filter = Filter(self.declaration, "basic", lambda *_: "0" * 16, lambda reason: self.lost.update([reason]))

    def clean(self, event: Any, properties: Any) -> Any:
        """What leaves of one event."""
        return self.filter.clean(event, properties)


def sampled(rate: float, **rows: object) -> dict[str, object]:
    """The long form of an event with this rate."""
    return {"fields": rows or {"n": "count"}, "sample": rate}


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.01, 0.9])
def test_the_rate(rate: float) -> None:
    """Of many events the stated share is recorded, within four standard errors, and runs are as they should be."""
    world = World({"search": sampled(rate)})
    kept = [world.clean("search", {"n": [1]}) is not None for _ in range(NUMBER)]
    slack = 4 * (NUMBER * rate * (1 - rate)) ** 0.5
    assert sum(kept) == pytest.approx(NUMBER * rate, abs=slack)
    both = sum(one and other for one, other in pairwise(kept))  # independent of the one before
    assert both == pytest.approx(NUMBER * rate**2, abs=4 * (NUMBER * rate**2) ** 0.5 * 2)
    assert not world.lost


def test_the_extremes() -> None:
    """A rate of one records every event, and says so; the smallest rate there is records next to none."""
    world = World({"all": sampled(1), "none": sampled(5e-324)})
    assert all(world.clean("all", {"n": [1]}) == {"sample_rate": 1.0, "n": 1} for _ in range(1000))
    assert not any(world.clean("none", {"n": [1]}) for _ in range(1000))


def test_the_lowest_lot_falls_on_every_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lots are whole numbers from 0 to 2^53 - 1, and fall on an event where they are below its share of these."""
    for raw, falls in ((b"\x00" * 8, True), (b"\x7f" + b"\xff" * 7, True), (b"\x80" + b"\x00" * 7, False)):
        monkeypatch.setattr(sampling.os, "urandom", lambda number, raw=raw: raw * (number // 8))
        assert sampling.Lots().fall_on(0.5) is falls
        assert sampling.Lots().fall_on(1.0)


def test_what_is_recorded() -> None:
    """The rate comes first, as the declaration has it, whatever the caller puts into that field."""
    world = World({"search": sampled(1, n="number")}, {"ok": "boolean"})
    assert list(world.clean("search", {"n": 3, "ok": True}).items()) == [("sample_rate", 1.0), ("n", 3), ("ok", True)]
    for value in (0.5, None, "text", [1]):
        assert world.clean("search", {"sample_rate": value}) == {"sample_rate": 1.0}
    assert not world.lost


def test_what_is_left_out_is_no_loss() -> None:
    """What is wrong with an event is counted for those that a lot falls on, and for no other."""
    world = World({"search": sampled(0.1), "open": {"n": "count"}})
    recorded = sum(world.clean("search", {"nope": 1}) is not None for _ in range(1000))
    assert 50 < recorded < 150
    assert world.lost == {"undeclared_field": recorded}


def test_other_events_are_not_drawn() -> None:
    """Events without a rate are all recorded, without the field, and are not sampled with another one's rate."""
    world = World({"search": sampled(0.01), "open": {"n": "count", "sample_rate": "number"}})
    assert all(world.clean("open", {"n": [1], "sample_rate": 3}) == {"n": 1, "sample_rate": 3} for _ in range(500))
    assert all(world.clean("command", {"success": True}) == {"success": True} for _ in range(500))


def test_what_is_wrong_stays_wrong() -> None:
    """An event that is not declared, or has no legal name, is lost as ever where others are sampled."""
    world = World({"search": sampled(0.5)})
    for event in ("nope", "Not Legal", "", None, 5, ["search"], type("Text", (str,), {})("search")):
        assert world.clean(event, {}) is None
    assert world.lost == {"undeclared_event": 1, "event_name": 6}


def test_a_rate_is_among_the_fields_of_a_full_record() -> None:
    """Of more fields than a record takes, the rate is one that it has."""
    world = World({"search": sampled(1, **{f"f{number}": "number" for number in range(40)})})
    left = world.clean("search", {f"f{number}": number for number in range(40)})
    assert len(left) == 32
    assert left["sample_rate"] == 1.0
    assert world.lost == {"too_many_fields": 1}


def test_a_child_of_a_fork_draws_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lots drawn before a fork are the parent's alone."""
    lots = sampling.Lots()
    lots.fall_on(0.5)
    left = list(lots._drawn)
    monkeypatch.setattr(sampling.os, "getpid", lambda: 999_999_999)
    lots.fall_on(0.5)
    assert not set(left) & set(lots._drawn)
    assert len(lots._drawn) == len(left)


def test_the_row_of_the_rate() -> None:
    """A sampled event has the row by itself, with a purpose; no other event has it."""

    class Search(Event, sample=0.25):
        """A search was made."""

        n = Count()

    declaration = Declaration([Search, type("Open", (Event,), {"n": Count()})])
    row = declaration.events["search"]["sample_rate"]
    assert type(row) is SampleRate
    assert (row.rate, row.convert("anything"), row.level) == (0.25, 0.25, "basic")
    assert row.purpose
    assert list(declaration.events["search"]) == ["n", "sample_rate"]
    assert list(declaration.events["open"]) == ["n"]
    twice = Declaration([Search, type("More", (Event,), {"m": Count()}, name="search")])
    assert set(twice.events["search"]) == {"n", "m", "sample_rate"}


def test_the_field_is_not_the_authors() -> None:
    """Where an event is sampled a row of that name is refused, of the event and of all events; else it is a field."""
    wanted = "event 'search', field 'sample_rate'"
    with pytest.raises(ValueError, match=wanted):
        Declaration({"search": sampled(0.5, sample_rate="number")})
    with pytest.raises(ValueError, match=wanted):
        Declaration({"search": sampled(0.5)}, {"sample_rate": "number"})
    with pytest.raises(ValueError, match=wanted):
        Declaration([type("Search", (Event,), {"sample_rate": Number()}, sample=0.5)])
    with pytest.raises(ValueError, match="a SampleRate is not a conversion of this package"):
        Declaration({"search": {"n": SampleRate(0.5)}})
    Declaration({"search": {"sample_rate": "number"}}, {"sample_rate": "number"})


def test_a_rate_read_back() -> None:
    """Only the very rate that is declared now may leave."""
    acceptor = Acceptor(Declaration({"search": sampled(0.1), "all": sampled(1)}), "basic")
    assert acceptor.properties("search", json.loads('{"sample_rate":0.1,"n":1}')) == {"sample_rate": 0.1, "n": 1}
    assert acceptor.properties("all", json.loads('{"sample_rate":1.0}')) == {"sample_rate": 1.0}
    assert acceptor.properties("search", {"n": 1}) == {"n": 1}  # recorded before the event was sampled
    for value in (0.2, 1, 0, "0.1", True, None, [0.1], 0.1000001):
        assert acceptor.properties("search", {"sample_rate": value}) is None
    assert acceptor.properties("all", {"sample_rate": 1}) is None
    assert acceptor.properties("command", {"sample_rate": 0.1}) is None


@pytest.mark.parametrize("event", ["search", "command"])
def test_on_the_log(event: str, make_telemetry: Callable[..., Telemetry]) -> None:
    """A sampled event reaches the log with its rate, or not at all; the package's own `command` can be sampled too."""
    telemetry = make_telemetry(events={event: sampled(0.5)})
    for _ in range(40):
        telemetry.track(event, n=[1, 2])
    assert telemetry.flush(LONG)
    with open(telemetry.paths["log"]) as log:
        lines = [json.loads(line) for line in log]
    assert 8 < len(lines) < 32
    assert all(line["properties"] == {"sample_rate": 0.5, "n": 2} for line in lines)
    assert telemetry.losses == {}
    assert isinstance(telemetry.declaration and telemetry.declaration.events[event]["sample_rate"], Conversion)
