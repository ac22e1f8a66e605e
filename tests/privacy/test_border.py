"""The caller's border, through the whole `Telemetry`: raw values end in the caller's frame, and a failure is a count.

No thread is started here, so what was tracked stays in the queue, where it can be looked at.
"""

import _thread
import enum
import gc
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from discreet import Aggregate, Count, Distribution, Event, Hash, Number, OneOf, Telemetry, TextCount
from discreet.sending import losses

SECRET = "S3cret-7f"  # as in conftest.py
Swallowed = list[tuple[str, Exception]]


class Boom:
    """A value that raises its content whatever is asked of it."""

    def __init__(self) -> None:
        self.secret = SECRET

    def fail(self, *_: object) -> Any:
        """Raise the secret."""
        raise ValueError(self.secret)

    __bool__ = __len__ = __iter__ = __float__ = __index__ = __fspath__ = __repr__ = __str__ = __eq__ = fail
    __hash__ = None  # type: ignore[assignment]  # nor may it be a key


@pytest.fixture(autouse=True)
def _no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing drains the queue before a test has looked at it."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)


def queued(telemetry: Telemetry) -> list[Any]:
    """What waits for the thread."""
    return list(telemetry._sender.queue) if telemetry._sender is not None else []


def on_disk(home: Path) -> str:
    """All that any file of this user holds, as text."""
    return "".join(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file())


def lost(telemetry: Telemetry) -> dict[str, int]:
    """The losses counted so far, on disk and not yet."""
    found = losses.read(telemetry.paths["losses"])
    for reason, number in telemetry.losses.items():
        found[reason] = found.get(reason, 0) + number
    return found


def reachable(top: object) -> Iterator[object]:
    """Every object that hangs on this one, except modules, classes and functions."""
    seen: set[int] = set()
    waiting = [top]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type) or type(each) in (type(os), type(reachable)):
            continue
        seen.add(id(each))
        yield each
        waiting += gc.get_referents(each)


DECLARED = {
    "n": Count(),
    "total": Aggregate(),
    "number": Number(),
    "kind": OneOf("a", "b"),
    "items": Distribution("a", "b"),
    "length": TextCount(),
    "who": Hash(),
    "results": {"kind": OneOf("a"), "who": Hash()},
}


def test_nothing_raw_is_queued(make_telemetry: Callable[..., Telemetry], home: Path) -> None:
    """Behind `track` there are only lines of bytes; no raw value is in one, nor held anywhere by the telemetry."""
    telemetry = make_telemetry(events={"search": DECLARED})
    container = [SECRET + "1", SECRET + "2"]
    telemetry.track(
        "search",
        n=container,
        total=[1, 2],
        kind=SECRET + "3",
        items=(SECRET + "4", "a"),
        length=SECRET + "5",
        who=SECRET + "6",
        results={"kind": SECRET + "7", "who": SECRET + "8", SECRET + "9": 1},
        undeclared=SECRET + "0",
    )
    lines = queued(telemetry)
    assert [type(line) for line in lines] == [bytes]
    assert SECRET.encode() not in lines[0]
    properties = json.loads(lines[0])["properties"]
    assert set(properties) == {"n", "total", "kind", "items", "length", "who", "results"}
    assert properties["items"] == {"a": 1, "other": 1}
    for each in reachable(telemetry):
        assert each is not container
        assert not (isinstance(each, str) and SECRET in each)
        assert not (isinstance(each, bytes) and SECRET.encode() in each)
    assert telemetry.flush(5.0)
    assert SECRET not in on_disk(home)
    assert lost(telemetry) == {"undeclared_field": 2}


@pytest.mark.parametrize("field", [field for field in DECLARED if field not in ("kind", "results")])
def test_a_conversion_that_raises_drops_the_event(
    field: str, make_telemetry: Callable[..., Telemetry], home: Path, swallowed: Swallowed
) -> None:
    """One value that raises: the whole event is dropped and counted, and the next one is recorded."""
    telemetry = make_telemetry(events={"search": DECLARED})
    telemetry.track("search", {"kind": "a", field: Boom()})
    telemetry.track("search", {field: Boom()}, kind="a")
    assert queued(telemetry) == []
    assert [reason for reason, _ in swallowed] == ["conversion"] * 2
    telemetry.track("search", kind="b")
    assert telemetry.flush(5.0)
    log = Path(telemetry.paths["log"]).read_text().splitlines()
    assert [json.loads(line)["properties"] for line in log] == [{"kind": "b"}]
    assert SECRET not in on_disk(home)
    assert lost(telemetry) == {"conversion": 2}


@pytest.mark.parametrize(
    "properties",
    [{"total": SECRET}, {"number": SECRET}, {"length": SECRET.encode()}, {"items": {"a": SECRET}}, {"who": [SECRET]}],
    ids=str,
)
def test_a_conversion_that_refuses_drops_the_event(
    properties: dict[str, object], make_telemetry: Callable[..., Telemetry], home: Path, swallowed: Swallowed
) -> None:
    """A value of a kind that the row does not take drops the event, and the error's text does not hold it."""
    telemetry = make_telemetry(events={"search": DECLARED})
    telemetry.track("search", {"n": 1, **properties})
    assert queued(telemetry) == []
    assert telemetry.flush(5.0)
    assert [reason for reason, _ in swallowed] == ["conversion"]
    assert SECRET not in str(swallowed[0][1])
    assert SECRET not in on_disk(home)


class Keyed(dict):
    """Properties that fail when they are looked at."""

    def items(self) -> Any:
        raise ValueError(SECRET)

    __iter__ = keys = items


@pytest.mark.parametrize(
    "properties",
    [
        Boom(),
        SECRET,
        SECRET.encode(),
        5,
        [SECRET],
        [("n", 1)],
        {SECRET},
        Keyed(n=1),
        object,
        (text for text in [SECRET]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_properties_that_are_none(
    properties: Any, make_telemetry: Callable[..., Telemetry], home: Path, swallowed: Swallowed
) -> None:
    """What is no mapping, or a broken one, drops the event; `track` never raises."""
    telemetry = make_telemetry()
    telemetry.track("search", properties)
    telemetry.track("search", properties, n=1)
    assert queued(telemetry) == []
    assert [reason for reason, _ in swallowed] == ["conversion"] * 2
    assert SECRET not in on_disk(home)


def test_an_event_name_is_no_way_out(make_telemetry: Callable[..., Telemetry], home: Path) -> None:
    """A name that is not legal is dropped with all it carries, be it the name of an event or of a field."""

    class Name(enum.StrEnum):
        SEARCH = "search"

    telemetry = make_telemetry()
    for name in (SECRET, "", "a b", 5, None, b"search", Name.SEARCH, ("search",), [SECRET], {}, Boom(), Event()):
        telemetry.track(name, n=1)
    assert queued(telemetry) == []
    telemetry.track("search", {SECRET: 1, Name.SEARCH: 2, 5: 3}, n=4)
    assert [json.loads(line)["properties"] for line in queued(telemetry)] == [{"n": 4}]
    assert telemetry.flush(5.0)
    assert SECRET not in on_disk(home)
    assert lost(telemetry) == {"event_name": 12, "field_name": 3}


def test_the_odd_values_through_the_whole_road(
    make_telemetry: Callable[..., Telemetry], home: Path, odd_values: list[Callable[[], object]], swallowed: Swallowed
) -> None:
    """Every odd value in every field, with a declaration and without: no secret on disk, and every line is JSON."""
    closed = make_telemetry(events={"search": DECLARED})
    bare = make_telemetry("other")
    for make in odd_values:
        for field in DECLARED:
            closed.track("search", {field: make()})
        closed.track("search", {"results": {"kind": make(), "who": make()}})
        bare.track("search", n=make())
        bare.track("command", command=make(), error=make(), success=make(), duration_ms=make(), exit_code=make())
    kept = 0
    for telemetry in (closed, bare):
        kept += len(queued(telemetry))
        assert telemetry.flush(5.0)
        for line in Path(telemetry.paths["log"]).read_text().splitlines():
            json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert kept > 500
    assert SECRET not in on_disk(home)
    assert {reason for reason, _ in swallowed} == {"conversion"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_meant_for_the_host_passes(
    error: type[BaseException], make_telemetry: Callable[..., Telemetry], home: Path
) -> None:
    """An interrupt during a conversion is the host's: it is not swallowed, and nothing is recorded."""

    class Interrupted:
        def __len__(self) -> int:
            raise error

    telemetry = make_telemetry(events={"search": DECLARED})
    with pytest.raises(error):
        telemetry.track("search", n=Interrupted())
    assert queued(telemetry) == []
