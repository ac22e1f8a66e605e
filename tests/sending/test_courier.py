"""Whose thread delivers, and when the others look again."""

import _thread
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discreet import Destination
from discreet.sending import elsewhere
from discreet.sending.courier import Courier
from faults.servers import answering, serving


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


def test_the_thread_looks_again_without_another_record(
    make_telemetry: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not due at one look is delivered at a later one, although nothing more is recorded meanwhile."""
    monkeypatch.setattr("discreet.sending.courier._LOOK_SECONDS", 0.05)
    with serving(answering(200)) as server:
        destination = Destination(server.url, batch_size=10, batch_interval=0.5)  # so it looks twice in that time
        telemetry = make_telemetry(destination=destination, delivery="thread")
        for number in (1, 2):  # the first one is due at once
            telemetry.track("search", n=number)
            assert len(server.wait(number)) == number
        assert telemetry.close(10.0)


@pytest.mark.skipif(not hasattr(os, "getsid"), reason="there are no sessions")
def test_a_child_without_posix_spawn_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    """What ends its host, as Ctrl-C or the terminal's end, does not reach it."""
    program = "import os, sys; open(sys.argv[1], 'w').write(str(os.getsid(0) == os.getpid())); os.rename(*sys.argv[1:])"
    reading, told = os.open(os.devnull, os.O_RDONLY), tmp_path / "told"
    elsewhere.spawn([sys.executable, "-c", program, str(tmp_path / "writing"), str(told)], dict(os.environ), reading)
    os.close(reading)
    end = time.monotonic() + 30
    while not told.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert told.read_text() == "True"
