"""Whose thread delivers, and when the others look again."""

import _thread
import time
from types import SimpleNamespace
from typing import Any

import pytest

from discreet import Destination
from discreet.sending.courier import Courier


def test_a_thread_beside_the_one_that_delivers_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """While another thread of the process delivers, a slow receiver say, it goes on writing, and looks once a second.
    Without a pause it would take a whole processor from the host.
    """
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    running, seen = _thread.allocate_lock(), []
    running.acquire()
    owner: Any = SimpleNamespace(delivery="thread", signature="", border=lambda _, work, run: work(run))
    sender: Any = SimpleNamespace(encoder=SimpleNamespace(run="a" * 16), closed=False)
    courier = Courier(owner, (Destination("https://example.org/t"),))
    monkeypatch.setattr(courier, "work", lambda _: seen.append((courier.deliver(sender, running), courier.pause())))
    assert courier.deliver(sender, running)
    assert seen == [(True, 1.0)]
