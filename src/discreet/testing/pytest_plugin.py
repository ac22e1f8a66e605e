"""A plugin for pytest, to be named: `pytest_plugins = ["discreet.testing.pytest_plugin"]` in a `conftest.py`.

The rule that keeps it honest: it changes nothing but for a test that asks for its fixture, and nothing after it.
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
    """Whom `discreet_events` captures. None, unless a tool says otherwise by a fixture of this name that returns its
    object: the default instance, and every one made in the test. An object that exists already is not seen by itself.
    """
    return None


@pytest.fixture
def discreet_events(monkeypatch: pytest.MonkeyPatch, discreet_telemetry: Recorder | None) -> Iterator[Events]:
    """What `discreet_telemetry` would record of a user who agreed: see `capture`.

    In its test no instance of this process can send, not even one that exists already, or by the verb `flush`: no child
    is started, and neither a thread nor the caller opens a socket of this package.
    """

    def refused(*_: object) -> NoReturn:
        raise ConnectionRefusedError("nothing is sent in a test that asked for discreet_events")

    monkeypatch.setattr(Connection, "reach", refused)
    monkeypatch.setattr(handover, "start", lambda _: False)
    with capture(discreet_telemetry) as events:
        yield events
