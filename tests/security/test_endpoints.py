"""Addresses that somebody else chose, and secrets within those that the user chose: nothing goes where nobody agreed,
nothing plain leaves this machine by a detour, and no word of a secret stands anywhere but in the request.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from discreet import Telemetry, names
from discreet.consent import stored
from discreet.privacy import coverage
from discreet.sending.connection import through
from discreet.sending.lock import DeliveryLock
from faults.servers import BEHAVIOURS, serving

AGREED = coverage.lines(None, ["telemetry.example.org"])  # what `on` wrote when the tool named that host
SECRET = "s3cret-7f"


def record(make_telemetry: Callable[..., Telemetry], *, opted_in: bool = False, **options: object) -> Telemetry:
    """A tool that has recorded an event."""
    telemetry = make_telemetry(opted_in=opted_in, delivery="thread", **options)
    telemetry.track("search", n=1)
    assert telemetry.flush(5.0)
    return telemetry


@pytest.fixture
def agreed(home: Path) -> None:
    """A yes that covers one host."""
    stored.store(names.Paths("mytool", {"HOME": str(home)}), "true", "2026-11-20T10:30:00Z", AGREED)


@pytest.mark.usefixtures("agreed")
def test_a_configuration_agrees_to_no_host(
    make_telemetry: Callable[..., Telemetry], capsys: pytest.CaptureFixture[str]
) -> None:
    """A host that a configuration names gets nothing before the user agreed to it, not even by the word `flush`; and
    what it puts in the place of the tool's own address is not sent there instead.
    """
    with serving(BEHAVIOURS["ok"]) as server:
        telemetry = record(make_telemetry, settings={"endpoint": server.url, "batch_size": 1})
        telemetry.main(["flush"])
        assert "Not sent, being new since you agreed: the host 127.0.0.1" in capsys.readouterr().out
        telemetry.close(5.0)
        assert server.visits == 0
        with DeliveryLock(telemetry.paths, patience=5.0) as held:  # its thread may be at it yet
            assert held
        telemetry.main(["on"])
        again = record(make_telemetry, settings={"endpoint": server.url})
        again.main(["flush"])
        assert server.visits > 0
        again.close(5.0)
        with DeliveryLock(telemetry.paths, patience=5.0) as held:  # nor may its thread be when the server has gone
            assert held


def test_no_secret_of_an_address_stands_anywhere(
    home: Path,
    make_telemetry: Callable[..., Telemetry],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """User, password and query of an address of the environment, and headers, reach the receiver; no file, no verb."""
    with serving(BEHAVIOURS["ok"]) as server:
        address = server.url.replace("://", f"://user:{SECRET}@")
        monkeypatch.setenv("MYTOOL_TELEMETRY_ENDPOINT", f"{address}?key={SECRET}")
        monkeypatch.setenv("MYTOOL_TELEMETRY_HEADERS", f"X-Key={SECRET}")
        telemetry = record(make_telemetry, opted_in=True)
        for verb in (
            "explain",
            "preview --wire",
            "flush",
            "status",
            "status --json",
            "sent",
            "preview",
            "report",
            "disclosure",
            "off",
        ):
            telemetry.main(verb.split())
        telemetry.close(5.0)
        assert server.requests[0].headers["x-key"] == SECRET
        assert SECRET in server.requests[0].target
        assert server.requests[0].headers["authorization"].startswith("Basic ")
    said = capsys.readouterr()
    assert "delivered" in said.out
    assert SECRET not in said.out + said.err
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {"receipts.jsonl", "delivery.json", "usage.jsonl"} <= {path.name for path in files}
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_what_is_asked_to_be_forgotten_shows_no_token(
    make_telemetry: Callable[..., Telemetry], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The query of an address reaches the receiver with the request of `forget`, too, and is not printed."""
    with serving(BEHAVIOURS["ok"]) as server:
        monkeypatch.setenv("MYTOOL_TELEMETRY_ENDPOINT", f"{server.url}?key={SECRET}")
        telemetry = make_telemetry()
        telemetry.track("search", n=1)
        assert telemetry.flush(5.0)
        assert telemetry.main(["flush"]) == 0
        assert telemetry.main(["forget", "--yes"]) == 0
        assert SECRET in server.requests[-1].target
    said = capsys.readouterr()
    assert f"POST {server.url}?..." in said.out
    assert SECRET not in said.out + said.err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_what_is_plain_stays_on_this_machine(host: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http to this machine is not shown to a proxy on another one; one on this machine may see it."""
    monkeypatch.setenv(variable, "http://proxy.example.org:3128")
    assert through("http", host, 8080) is None
    assert through("http", "telemetry.example.org", 80) == ("proxy.example.org", 3128, "")
    monkeypatch.setenv(variable, "http://127.0.0.1:3128")
    assert through("http", host, 8080) == ("127.0.0.1", 3128, "")
