"""A plugin for pytest, to be named: `pytest_plugins = ["discreet.testing.pytest_plugin"]` in a `conftest.py`.

The rule that keeps it honest: it changes nothing except during a test that asks for its fixture.
"""

from collections.abc import Iterator
from typing import NoReturn

import pytest

from ..sending import handover
from ..sending.connection import Connection
from ..telemetry import Recorder
from .captures import Events, capture


@pytest.fixture
def discreet_telemetry() -> Recorder | None:
    """What `discreet_events` captures. Override this fixture to return your tool's object. None, the default, stands
    for the default instance and every one made in the test; another object that exists already is not captured.
    """
    return None


@pytest.fixture
def discreet_events(monkeypatch: pytest.MonkeyPatch, discreet_telemetry: Recorder | None) -> Iterator[Events]:
    """What `discreet_telemetry` would record of a user who agreed: see `capture`.

    In its test no instance of this process can send, not even one that exists already, nor the verb `flush`: no child
    is started, and no thread opens a socket of this package.
    """

    def refused(*_: object) -> NoReturn:
        raise ConnectionRefusedError("nothing is sent in a test that asked for discreet_events")

    monkeypatch.setattr(Connection, "reach", refused)
    monkeypatch.setattr(handover, "start", lambda _: False)
    with capture(discreet_telemetry) as events:
        yield events
