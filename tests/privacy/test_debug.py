"""What an author is told under `DISCREET_DEBUG=1`: which event was dropped, and which field; and never a value."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from discreet import Event, Number, Telemetry
from discreet.privacy import Filter
from discreet.privacy.declaration import Declaration
from discreet.privacy.objects import clean_object

SECRET = "S3cret-7f"  # as in conftest.py
DEBUG = {"DISCREET_DEBUG": "1"}
EVENTS = {"search": {"n": "number", "results": {"found": "number", "kind": "text_count"}}}


class Search(Event):
    """A search was made."""

    n = Number()


class Plain:
    """An object that says for itself how it leaves."""

    def __init__(self, n: object) -> None:
        self.n = n

    def _telemetry_keys(self) -> dict[str, object]:
        return {"n": "number"}


class Broken(Plain):
    """One that cannot be looked at."""

    @property
    def n(self) -> object:
        """Not to be had."""
        raise KeyError(SECRET)

    @n.setter
    def n(self, value: object) -> None:
        """Take nothing."""


def made(events: object = EVENTS, environ: dict[str, str] | None = DEBUG) -> Filter:
    """A filter that tells."""
    declaration = Declaration(events) if events else None
    return Filter(declaration, "basic", lambda *_: "0" * 16, lambda _: None, environ=environ)


def told(filtered: Filter, event: object, properties: Any, capfd: pytest.CaptureFixture[str]) -> str:
    """What is said on stderr of an event: as the recorder has it, of what is raised, too."""
    try:
        if isinstance(event, str):
            filtered.clean(event, properties)
        else:
            clean_object(filtered, event, properties)
    except Exception as error:  # noqa: BLE001  # whatever a value raises drops its event
        filtered.explain("conversion", error)
    out, err = capfd.readouterr()
    assert out == ""
    return err


MANY = {f"f{number}": number for number in range(33)}
DROPPED: dict[str, tuple[object, object, Any, str]] = {
    "an undeclared event": (EVENTS, "serch", {}, "event serch: undeclared_event"),
    "an undeclared field": (EVENTS, "search", {"n": 1, "q": SECRET}, "field q of event search: undeclared_field"),
    "a field within": (
        EVENTS,
        "search",
        {"results": {"found": 1, "q": SECRET}},
        "field results/q of event search: undeclared_field",
    ),
    "no mapping": (EVENTS, "search", {"results": SECRET}, "field results of event search: undeclared_value"),
    "text without a row": ((), "search", {"q": SECRET}, "field q of event search: undeclared_value"),
    "a large number": ((), "search", {"q": 10**9}, "field q of event search: undeclared_value"),
    "a large fraction": ((), "search", {"q": 1e9}, "field q of event search: undeclared_value"),
    "too many fields": ((), "search", MANY, "field f32 of event search: too_many_fields"),
    "an illegal event": (EVENTS, SECRET, {}, "event (no legal name): event_name"),
    "an illegal field": (EVENTS, "search", {SECRET: 1}, "field (no legal name) of event search: field_name"),
    "a field that is no text": (EVENTS, "search", {5: 1}, "field (no legal name) of event search: field_name"),
    "an illegal field within": (
        EVENTS,
        "search",
        {"results": {SECRET: 1}},
        "field results/(no legal name) of event search: undeclared_field",
    ),
    "no event": (EVENTS, object(), {}, "event (no legal name): event_name"),
}
FAILED: dict[str, tuple[object, object, Any, str]] = {
    "a value": (EVENTS, "search", {"n": SECRET}, "event search at its field n: conversion"),
    "a value within": (
        EVENTS,
        "search",
        {"n": 1, "results": {"found": SECRET}},
        "event search at its field results/found: conversion",
    ),
    "no mapping": (EVENTS, "search", [SECRET], "event search: conversion"),
    "an Event": ([Search], Search(n=SECRET), {}, "event search at its field n: conversion"),
    "an object": ((), Plain(SECRET), {}, "event plain at its field n: conversion"),
    "an object that raises": ((), Broken(1), {}, "event broken: conversion"),
}


@pytest.mark.parametrize("case", [*DROPPED.values(), *FAILED.values()], ids=[*DROPPED, *FAILED])
def test_what_is_told(case: tuple[object, object, Any, str], capfd: pytest.CaptureFixture[str]) -> None:
    """One line names the event and the field, as the author's code has them, and the reason it is counted under."""
    events, event, properties, line = case
    assert told(made(events), event, properties, capfd) == f"discreet: dropped {line}\n"


@pytest.mark.parametrize("environ", [None, {}, {"DISCREET_DEBUG": ""}, {"DISCREET_DEBUG": "0"}], ids=str)
def test_nothing_without_the_variable(environ: dict[str, str] | None, capfd: pytest.CaptureFixture[str]) -> None:
    """Where nobody asked to be told, nothing is."""
    for events, event, properties, _ in DROPPED.values():
        assert told(made(events, environ), event, properties, capfd) == ""


def test_every_time(capfd: pytest.CaptureFixture[str]) -> None:
    """Each event that is dropped is told of, and what passes well is not."""
    filtered = made()
    for _ in range(3):
        assert told(filtered, "search", {"n": 1, "results": {"found": 1}}, capfd) == ""
        assert told(filtered, "serch", {}, capfd) == "discreet: dropped event serch: undeclared_event\n"


def test_no_value_is_told(odd_values: list[Callable[[], object]], capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever stands in the place of a value, of an event's name or of a field's, nothing of it is shown."""
    for make in odd_values:
        for events in (EVENTS, ()):
            filtered = made(events)
            told(filtered, "search", {"n": make(), "results": {"found": make()}}, capfd)
            for event, properties in ((make(), {}), ("search", make()), ("search", {"results": make()})):
                lines = told(filtered, event, properties, capfd)
                assert SECRET not in lines
                assert all(line.startswith("discreet: dropped ") for line in lines.splitlines())


def test_other_errors(capfd: pytest.CaptureFixture[str]) -> None:
    """Of an error that has nothing to do with an event nothing is said; nor does a strange module's frame matter."""
    namespace: dict[str, Any] = {"__name__": [SECRET]}
    exec("def clean(event, name):\n    raise ValueError", namespace)  # a function of that name, in no module
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # any will do
        namespace["clean"]("search", SECRET)
    made().explain("command", caught.value)
    made().explain("command", ValueError(SECRET))
    assert capfd.readouterr() == ("", "")


def test_an_error_that_is_raised_again(
    make_telemetry: Callable[..., Telemetry],
    swallowed: list[tuple[str, Exception]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The event that it costs now is named, and not the one that it cost before."""
    telemetry, error = make_telemetry(events={**EVENTS, "other": {}}), ValueError("as that of a Future")

    class Lazy(dict[str, object]):
        """Properties that are not to be had."""

        def items(self) -> Any:
            """Fail, and always with the same error."""
            raise error

    for event in ("search", "other", "search"):
        telemetry.track(event, Lazy(n=1))
        made().explain(*swallowed[-1])
        assert capfd.readouterr().err == f"discreet: dropped event {event}: conversion\n"


def test_a_stream_that_was_closed() -> None:
    """What cannot be told costs the event nothing more."""
    held = os.dup(2)
    os.close(2)
    try:
        cleaned = made().clean("search", {"n": 1, "q": SECRET})
    finally:
        os.dup2(held, 2)
        os.close(held)
    assert cleaned == {"n": 1}


def test_near_the_end_of_the_stack() -> None:
    """Where a host has almost no frames left it is not told, and the host's own call goes on."""
    filtered, limit = made(), sys.getrecursionlimit()

    def down(number: int) -> None:
        if number:
            return down(number - 1)
        return filtered.explain("undeclared_field", "search", "q")

    ends = set()
    for frames in range(80):
        sys.setrecursionlimit(len(traceback.extract_stack()) + 60)
        try:
            down(frames)
            ends.add("")
        except RecursionError as error:
            ends.add(traceback.extract_tb(error.__traceback__)[-1].name)
        finally:
            sys.setrecursionlimit(limit)
    assert ends == {"", "down"}  # the call itself found no frame
