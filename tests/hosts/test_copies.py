"""An object of the host's that holds telemetry is copied, and sent to another process, whether it is on or off."""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import discreet
from discreet import Telemetry
from discreet.hosts import Silent
from discreet.hosts.session import SilentSession


def logged(telemetry: Telemetry) -> list[dict[str, Any]]:
    """The properties of each event so far, without what was measured."""
    assert telemetry.flush(10.0)
    lines = (Path(telemetry.paths.directory) / "usage.jsonl").read_bytes().splitlines()
    found = [json.loads(line)["properties"] for line in lines]
    return [{key: value for key, value in each.items() if key in ("command", "n")} for each in found]


@pytest.mark.parametrize("opted_in", [True, False], ids=["on", "off"])
def test_a_copy_is_the_object_itself(make_telemetry: Callable[..., Telemetry], opted_in: bool) -> None:
    """Alone or within something else, before the first event and after it."""
    telemetry = make_telemetry(opted_in=opted_in)
    for _ in range(2):
        assert copy.copy(telemetry) is telemetry
        assert copy.deepcopy({"telemetry": [telemetry]})["telemetry"][0] is telemetry
        telemetry.track("search", n=1)


def test_copies_of_what_runs(telemetry: Telemetry) -> None:
    """A scope and a session are themselves as well: what a copy is told is recorded, and once."""
    with telemetry.command("search") as scope, telemetry.session() as session:
        for each in (scope, session):
            assert copy.copy(each) is each
            assert copy.deepcopy([each])[0] is each
        copy.deepcopy(scope).add(n=1)
        copy.deepcopy(session).count("n", 2)
    assert logged(telemetry) == [{"n": 2}, {"command": "search", "n": 1}]


@pytest.mark.parametrize("opted_in", [True, False], ids=["on", "off"])
def test_what_is_pickled(make_telemetry: Callable[..., Telemetry], opted_in: bool, monkeypatch: Any) -> None:
    """It holds the name and nothing of this process: neither the environment nor a key. Where it is read it is the
    default object of that name; where there is none, or one of another tool, an object that is off.
    """
    monkeypatch.setenv("TOKEN", "canary")
    headers = {"authorization": "Bearer canary"}
    destination = discreet.Destination("http://127.0.0.1:9/", headers=headers)
    telemetry = make_telemetry(opted_in=opted_in, destination=destination)
    telemetry.track("search", n=1)
    content = pickle.dumps(telemetry)
    assert b"canary" not in content
    for default in (discreet.telemetry.Recorder, Telemetry("another")):
        monkeypatch.setattr(discreet, "_default", default)
        found = pickle.loads(content)
        assert type(found) is Telemetry
        assert (found.name, found.enabled) == ("mytool", False)
    monkeypatch.setattr(discreet, "_default", telemetry)
    assert pickle.loads(content) is telemetry


class Mine(Telemetry):
    """A host's own kind of it, made with an option of its own."""

    def __init__(self, site: str) -> None:
        super().__init__("mytool")
        self.site = site

    def shout(self) -> str:
        """Something that the host calls."""
        return self.name.upper()


def test_a_class_of_the_hosts_own(make_telemetry: Callable[..., Telemetry], monkeypatch: Any) -> None:
    """It stays one, so that what the host calls is there; a default of another class is none of it."""
    content = pickle.dumps(Mine("lab"))
    for default in (discreet.telemetry.Recorder, make_telemetry()):
        monkeypatch.setattr(discreet, "_default", default)
        found = pickle.loads(content)
        assert type(found) is Mine
        assert (found.shout(), found.enabled, hasattr(found, "site")) == ("MYTOOL", False, False)


def test_what_runs_is_silent_elsewhere(telemetry: Telemetry) -> None:
    """A scope and a session measure in the process that began them; a command object records where it is."""
    with telemetry.command("search") as scope, telemetry.session() as session:
        sent = pickle.loads(pickle.dumps((scope, session)))
        assert list(map(type, sent)) == [Silent, SilentSession]
        sent[0].add(n=1)
        sent[1].count("n")
    made = telemetry.command("sync")
    with made:
        pass
    assert pickle.loads(pickle.dumps(made))._name == "sync"
    assert logged(telemetry) == [{}, {"command": "search"}, {"command": "sync"}]
