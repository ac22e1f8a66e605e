"""`discreet.serialize`: what would leave of an object, the same as what is recorded, without an installation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import discreet
from conftest import case
from discreet import Boolean, Count, Event, Hash, Number, OneOf, Telemetry, TextCount


class Search(Event):
    """A search was made."""

    fmt = OneOf("json", "table")
    query = TextCount()
    n = Number(round_to=10)
    domain = OneOf("lab", level="enhanced")
    results = {"candidates": Count(), "who": Hash()}  # noqa: RUF012  # rows, never changed


VALUES: dict[str, Any] = {
    "fmt": "yaml",
    "query": "how does login work",
    "n": 143,
    "domain": "lab",
    "results": {"candidates": ["a"], "who": "ada"},
    "undeclared": 5,
}


def test_an_event() -> None:
    """An instance of `Event` is shown as its class declares it: a plain new dict, without what is undeclared."""
    assert discreet.serialize(Search(**VALUES)) == {
        "fmt": "other",
        "query": 19,
        "n": 140,
        "results": {"candidates": 1, "who": "0" * 16},
    }
    assert discreet.serialize(Search(**VALUES), level="enhanced")["domain"] == "lab"
    assert discreet.serialize(Search()) == {}
    assert type(discreet.serialize(Search())) is dict


def test_it_is_what_is_recorded(make_telemetry: Callable[..., Telemetry]) -> None:
    """But for the hash, the properties are those that the log gets."""
    telemetry = make_telemetry(events=[Search])
    telemetry.track(Search(**VALUES))
    assert telemetry.flush(5.0)
    with open(telemetry.paths["log"]) as log:
        recorded = json.loads(log.read())["properties"]
    recorded["results"]["who"] = "0" * 16
    assert list(discreet.serialize(Search(**VALUES)).items()) == list(recorded.items())


def test_what_chance_decides() -> None:
    """An answer by lot is shown as a text that is none, and a sampled event always, with its rate."""

    class Asked(Event, sample=1e-9):
        """Something private."""

        tabs = Boolean(epsilon=1.0)
        editor = OneOf("vi", "emacs", epsilon=1.0)
        both = {"tabs": Boolean(epsilon=1.0)}  # noqa: RUF012  # rows, never changed
        hidden = Boolean(epsilon=1.0, level="enhanced")

    asked = Asked(tabs=True, editor=None, both={"tabs": True}, hidden=True)
    wanted = {"sample_rate": 1e-9, "tabs": "<by lot>", "both": {"tabs": "<by lot>"}}
    assert all(discreet.serialize(asked) == wanted for _ in range(20))


def test_it_leaves_no_trace(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is made, not even the salt; and neither consent nor a switch changes what is shown."""
    shown = discreet.serialize(Search(**VALUES))
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert discreet.serialize(Search(**VALUES)) == shown
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("thing", [None, 5, "search", {"fmt": "json"}, Search, object(), []], ids=case)
def test_anything_else(thing: object) -> None:
    """What is neither an event nor an object that speaks the protocol raises `TypeError` with its type, not itself."""
    with pytest.raises(TypeError, match=rf"^{type(thing).__name__!r} object is neither an Event"):
        discreet.serialize(thing)
