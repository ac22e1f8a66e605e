"""The verbs about what leaves, as a user types them after a host's own command: sent, flush, preview --wire, status."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.hosts import SECRET, Host, opened, receiving
from conftest import clean_environment
from discreet import Telemetry, cli, names
from discreet.destination import Destination
from discreet.sending import delivery, handover, losses
from discreet.sending.lock import DeliveryLock
from faults.servers import Visit, answering, in_turn, refusing, serving


@pytest.mark.parametrize(("form", "number"), [("beacon", 1), ("json", 1), ("json", 40), ("otlp", 40), ("posthog", 40)])
def test_what_is_previewed_is_what_is_sent(host: Host, form: str, number: int) -> None:
    """What `preview --wire` printed is, byte for byte, what the server receives and the receipt vouches for."""
    with receiving(host, form=form) as requests:
        host.record(number)
        title, address, headers, *body = host.previewed()
        assert not requests
        told = host.verb("flush")
        request = requests[0]
    method, url = address.decode().split(" ")
    assert (method, "/" + url.split("/", 3)[3]) == (request.method, request.target)
    assert body == ([] if form == "beacon" else [opened(request)])
    if form != "beacon":
        assert ("content-encoding" in request.headers) == (number == 40)
    named = headers.decode().removeprefix("headers: ").lower().split(", ")
    assert set(named) == request.headers.keys() - {"host", "content-length", "connection"}
    (receipt, *_) = map(json.loads, (host.directory / "receipts.jsonl").read_bytes().splitlines())
    content = request.target.encode() if form == "beacon" else opened(request)
    assert (receipt["sha256"], receipt["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    records = f"{receipt['records']} record" + ("" if receipt["records"] == 1 else "s")
    assert title.decode().endswith(f"({form}): {records}")
    assert told.splitlines()[0].endswith(f": {records}, 200: delivered")


def test_a_preview_writes_nothing(host: Host) -> None:
    """`preview --wire` leaves every file as it was, the very same file with the same bytes, and makes no new one."""
    with receiving(host) as requests:
        host.record(2)
        before = {path: (path.stat().st_ino, path.read_bytes()) for path in host.directory.iterdir()}
        assert host.directory / "delivery.json" in before
        assert host.previewed()[0].endswith(b": 2 records")
        assert {path: (path.stat().st_ino, path.read_bytes()) for path in host.directory.iterdir()} == before
        assert not requests


def test_flush_says_what_it_does(host: Host) -> None:
    """`flush` delivers what is not due, says a line for each request, and ends with 0; or that nothing waits."""
    with receiving(host) as requests:
        host.record(3)
        said = host.verb("flush")
        assert said.endswith("/t: 3 records, 200: delivered\n")
        assert said.startswith("http://127.0.0.1:")
        assert host.verb("flush") == "Nothing waits to be sent.\n"
        assert len(requests) == 1
        assert host.previewed()[-1].endswith(b"nothing waits")


@pytest.mark.parametrize(("status", "verdict"), [(503, "retry"), (403, "hold"), (400, "skip"), (301, "hold")])
def test_flush_that_does_not_succeed(host: Host, status: int, verdict: str) -> None:
    """Where the receiver does not take it, `flush` asks once, says what came of it, and ends with 1."""
    with receiving(host, status) as requests:
        host.record(1)
        done = host.run("telemetry", "flush")
        assert done.returncode == 1
        assert done.stdout.decode().endswith(f": 1 record, {status}: {verdict}\n")
        ending = {"retry": "tried again later", "hold": "left alone for a day", "skip": "not sent again"}[verdict]
        assert done.stderr.decode().startswith("mytool telemetry: not everything was delivered; ")
        assert ending in done.stderr.decode()
        assert done.stderr.count(b";") == 1
        assert len(requests) == 1
        sent = host.verb("sent")
        assert ("Nothing has been sent." in sent) == (verdict != "skip")
        assert ("400 skip" in sent) == (verdict == "skip")


def test_flush_after_a_batch_was_too_large(host: Host) -> None:
    """A batch that was halved and then taken is a success."""
    with receiving(host, 413, 200) as requests:
        host.record(4)
        said = host.verb("flush").splitlines()
        assert [line.partition("/t: ")[2] for line in said] == [
            "4 records, 413: halve", "2 records, 200: delivered", "2 records, 200: delivered",
        ]  # fmt: skip
        assert len(requests) == 3


def test_flush_says_each_line_at_once(host: Host) -> None:
    """What came of one request can be read, also through a pipe, while the next one takes its time."""
    read, was_read = threading.Event(), []

    def slow(visit: Visit) -> None:
        visit.read()
        was_read.append(read.wait(3.0))
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with serving(in_turn(answering(413), slow)) as server:
        host.to(server.url)
        host.see()
        host.record(2)
        command = [sys.executable, "-W", "error", str(host.script), "telemetry", "flush"]
        with subprocess.Popen(command, env=clean_environment(host.home), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline().endswith(": 2 records, 413: halve\n")
            read.set()
            assert process.stdout.read().count(": 1 record, 200: delivered\n") == 2
        assert (process.returncode, was_read) == (0, [True, True])


def test_flush_while_events_are_only_shown(host: Host) -> None:
    """`DEBUG` sends nothing, whoever asks."""
    with receiving(host) as requests:
        host.record(1)
        told = host.verb("flush", status=1, env={"MYTOOL_TELEMETRY_DEBUG": "1"})
        assert "MYTOOL_TELEMETRY_DEBUG is set: events are shown on stderr, and neither written nor sent" in told
        assert not requests


@pytest.mark.parametrize("verb", ["off", "clear --yes"])
@pytest.mark.parametrize("noticed", [True, False])
def test_a_process_whose_consent_has_ended(
    make_telemetry: Callable[..., Telemetry], monkeypatch: pytest.MonkeyPatch, verb: str, noticed: bool
) -> None:
    """It starts no deliverer, and leaves no file behind that `clear` erased, in a directory that stays."""
    monkeypatch.setattr(handover, "start", lambda _: pytest.fail("a child"))
    monkeypatch.setattr(handover, "due", lambda *_, **__: True)
    telemetry = make_telemetry(destination=Destination("http://127.0.0.1:9/"))
    (Path(telemetry.paths.directory) / "not-ours").touch()
    telemetry.track("search", n=1)
    assert telemetry.flush(10.0)
    assert telemetry.main(verb.split()) == 0
    telemetry.track("Not a name")
    if noticed:
        telemetry.track("search", n=2)
    telemetry.close(10.0)
    if verb == "off":
        assert Path(telemetry.paths["lock"]).read_bytes() == b""  # of a child that is to come it says which host it has
    else:
        assert os.listdir(telemetry.paths.directory) == ["not-ours"]


def test_flush_to_nobody(host: Host) -> None:
    """Where nobody listens `flush` says so and ends with 1, at once; what waits is delivered when somebody does."""
    with refusing() as nobody:
        host.to(nobody.url)
        host.see()
        host.record(1)
        done = host.run("telemetry", "flush")
        assert (done.returncode, done.stdout.endswith(b": 1 record, failed (refused): retry\n")) == (1, True)
        assert "failed 1 time in a row; tried again in" in host.verb("status")


@pytest.mark.parametrize(("status", "said"), [(503, "failed 1 time in a row"), (403, "it refuses us (status 403)")])
def test_a_time_that_has_come(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, status: int, said: str
) -> None:
    """Where a destination may be tried again since a while, or by a clock that was set back since its last attempt, the
    next run does so, and not in so many hours.
    """
    with serving(answering(status)) as server:
        telemetry = make_telemetry(destination=server.url, delivery="thread")
        assert telemetry.main(["on"]) == 0
        telemetry.track("search", n=1)
        assert telemetry.flush(10.0)
        assert telemetry.main(["flush"]) == 1
        now = time.time()
        for later in (200_000, -200_000):
            monkeypatch.setattr(cli.delivery, "time", SimpleNamespace(time=lambda later=later: now + later))
            capsys.readouterr()
            assert telemetry.main(["status"]) == 0
            assert f"1 waiting, {said}; tried again by the next run\n" in capsys.readouterr().out
    assert len(server.requests) == 1


def test_flush_without_a_receipt(host: Host) -> None:
    """Where no receipt can be written nothing is sent, and `status` says what is wrong for as long as it is."""
    with serving(answering(200)) as server:
        host.to(server.url)
        host.see()
        host.record(1)
        planted = host.directory / "receipts.jsonl"
        planted.mkdir()
        done = host.run("telemetry", "flush")
        assert (done.returncode, done.stdout.endswith(b": 1 record, failed (receipts): retry\n")) == (1, True)
        assert "failed 1 time in a row (receipts.jsonl: Is a directory); tried again in" in host.verb("status")
        assert server.visits == 0
        planted.rmdir()
        host.verb("flush")
        assert len(server.wait(1)) == 1


@pytest.mark.parametrize("verb", [["flush"], ["preview", "--wire"]])
def test_where_nothing_is_to_be_sent(host: Host, verb: list[str]) -> None:
    """Without a destination, or while telemetry is off, the verb says which, and ends with 1."""
    assert "no destination is set" in host.verb(*verb, status=1)
    with serving(answering(200)) as server:
        host.to(server.url)
        assert "DO_NOT_TRACK" in host.verb(*verb, status=1, env={"DO_NOT_TRACK": "1"})
        host.verb("off")
        assert "opt-in says false" in host.verb(*verb, status=1)
        assert not server.requests


def test_flush_while_another_one_is_at_work(host: Host) -> None:
    """While a deliverer is at work `flush` says so, after a moment, and ends with 1; looking goes on."""
    with receiving(host) as requests:
        host.record(1)
        with DeliveryLock(names.Paths("mytool", {}, str(host.directory))) as held:
            assert held
            assert "another deliverer is at work" in host.verb("flush", status=1)
            assert len(host.previewed()) == 4
        assert not requests


def test_sent(host: Host) -> None:
    """`sent` shows the newest receipts last: when, how many, bytes, status, digest, where; and on request the ids."""
    with receiving(host):
        assert host.verb("sent") == "Nothing has been sent.\n"
        for number in (1, 2, 3):
            host.record(number)
            host.verb("flush")
        receipts = [json.loads(line) for line in (host.directory / "receipts.jsonl").read_bytes().splitlines()]
        title, *lines = host.verb("sent").splitlines()
        assert title.split() == ["when", "(UTC)", "records", "bytes", "status", "sha256", "where"]
        for line, one in zip(lines, receipts, strict=True):
            assert line.split() == [
                one["time"], str(one["records"]), str(one["bytes"]), "200", one["sha256"][:16], one["destination"],
                "(json)",
            ]  # fmt: skip
        assert len(host.verb("sent", "-n", "2").splitlines()) == 3
        with_ids = host.verb("sent", "-n", "1", "--ids").splitlines()
        assert [line.strip() for line in with_ids[2:]] == receipts[-1]["ids"]


def test_sent_of_a_large_file(make_telemetry: Callable[..., Telemetry], capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is shown is held, however many receipts somebody has put there."""
    telemetry = make_telemetry()
    Path(telemetry.paths.directory).mkdir(parents=True, exist_ok=True)
    one = json.dumps({"time": "2026-11-20T10:30:00Z", "ids": ["f53ef912-8765-4a51-89ab-0123456789ab"] * 500})
    Path(telemetry.paths["receipts"]).write_text(f"{one}\n" * 500)
    tracemalloc.start()
    try:
        assert telemetry.main(["sent", "-n", "2"]) == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20  # all of them would be 20 MB
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("arguments", [[], ["--ids"]])
def test_sent_is_not_fooled(host: Host, arguments: list[str]) -> None:
    """Whatever somebody wrote into the receipts, `sent` shows it without a traceback and without control characters."""
    forged: list[Any] = [{}, {"ids": 5}, {"ids": ["\x1b[31m", None, {}]}]
    forged.append({"time": [], "records": {}, "status": "\x1b]0;x"})
    lines = [json.dumps(one) for one in forged] + ["torn", "[1]"]
    (host.directory / "receipts.jsonl").write_text("\n".join(lines) + "\n")
    said = host.verb("sent", *arguments)
    assert said.replace("\n", "").isprintable()
    assert len(said.splitlines()) == 1 + len(forged) + (3 if arguments else 0)


def test_status(host: Host) -> None:
    """`status` says what waits for whom and how it fares; in JSON, the largest number that waits."""
    with receiving(host, 200, 403, 200):
        assert "0 waiting, nothing sent yet" in host.verb("status")
        host.record(2)
        assert json.loads(host.verb("status", "--json"))["pending"] == 2
        assert "2 waiting, nothing sent yet" in host.verb("status")
        host.verb("flush")
        assert "0 waiting, last answer 200" in host.verb("status")
        host.record(1)
        assert host.run("telemetry", "flush").returncode == 1
        assert "1 waiting, it refuses us (status 403); tried again in 24 hours" in host.verb("status")
        host.verb("flush")
        assert "0 waiting, last answer 200" in host.verb("status")


def test_status_where_nothing_is_sent(host: Host) -> None:
    """While it is off it says that, and no number that would not be true; a refused address is told, and why."""
    with receiving(host) as requests:
        host.record(2)
        assert "(json): nothing is sent while it is off\n" in host.verb("status", env={"DO_NOT_TRACK": "1"})
        refused = {"MYTOOL_TELEMETRY_ENDPOINT": "http://x.example.org/"}
        sentence = "MYTOOL_TELEMETRY_ENDPOINT is refused: url: plain http is for loopback only; use https\n"
        assert f"  sent to  nowhere\n  setting  {sentence}" in host.verb("status", env=refused)
        assert "sends nothing anywhere: no destination can be used\n" in host.verb("flush", status=1, env=refused)
        waiting = {"MYTOOL_TELEMETRY_ENDPOINT": "https://x.example.org/batch/"}
        assert "  sent to  nowhere\n  setting  PostHog gets nothing before " in host.verb("status", env=waiting)
        told = host.verb("status", env={"MYTOOL_TELEMETRY_HEADERS": "nonsense"})
        assert "(json): 2 waiting, " in told
        assert "nowhere" not in told
        assert "  setting  MYTOOL_TELEMETRY_HEADERS is refused: " in told
    assert not requests


def test_without_a_home(make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """`status` says where it would be sent, and looks at no file of a root directory; `flush` says what to type."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(losses, "stored", lambda _: pytest.fail("a file is looked at"))
    telemetry = make_telemetry(opted_in=False, destination="https://example.org/t")
    assert telemetry.main(["status"]) == 0
    assert "  sent to  https://example.org/t (json): nothing is sent while it is off\n" in capsys.readouterr().out
    for verb in ("flush", "preview --wire"):
        assert telemetry.main(verb.split()) == 1
        assert "there is no place for telemetry files: HOME is not set; set HOME, " in capsys.readouterr().err


def test_what_is_pending_for_several(make_telemetry: Any, capsys: Any) -> None:
    """The largest number that waits for one of them."""
    later: Any = {"batch_size": 1000, "batch_interval": 86_400}
    telemetry = make_telemetry(destination=[Destination(f"https://{one}.example.org/t", **later) for one in "ab"])
    assert telemetry.main(["on"]) == 0
    telemetry.track("search", n=1)
    telemetry.track("search", n=2)
    assert telemetry.flush(5.0)
    capsys.readouterr()
    assert telemetry.main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pending"] == 2
    assert telemetry.main(["status"]) == 0
    assert capsys.readouterr().out.count(": 2 waiting, ") == 2


def test_an_answer_that_changes_while_one_looks(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Then `status` says neither that it is on nor that nothing is sent since it is off: it is to be asked again."""

    def withdrawn(*_: object, **__: object) -> None:
        raise delivery.Withdrawn("the stored consent has changed")

    monkeypatch.setattr(delivery, "Delivery", withdrawn)
    telemetry = make_telemetry(destination="https://example.org/t")
    assert telemetry.main(["status"]) == 1
    out, err = capsys.readouterr()
    assert err == "mytool telemetry: try again: the stored consent has changed\n"
    assert "while it is off" not in out


def test_what_an_opt_out_tool_added_since_is_told(make_telemetry: Any, capsys: Any, home: Path) -> None:
    """Whoever never agreed is told what is new since the notice."""
    telemetry = make_telemetry(opted_in=False, consent="opt-out", destination="https://example.org/t")
    place = home / ".mytool" / "telemetry"
    place.mkdir(parents=True, exist_ok=True)
    (place / "notice").write_text("2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21\n> example.org\n*\nsession\n")
    assert telemetry.main(["status"]) == 0
    assert "  new      since its notice: command, " in (out := capsys.readouterr().out)
    assert "Of this nothing is sent until you agree: mytool telemetry on\n" in out


def test_of_much_that_was_added_some_is_named(make_telemetry: Any, capsys: Any) -> None:
    """Six by their names, and how many more there are."""
    url = "https://example.org/t"
    assert make_telemetry(destination=url, events={"a": {"n": "count"}}).main(["on"]) == 0
    for more in (6, 8):
        fields = {"n": "count", **{f"f{number}": "count" for number in range(more)}}
        capsys.readouterr()
        assert make_telemetry(opted_in=False, destination=url, events={"a": fields}).main(["status"]) == 0
        told = "a.f5 and 2 more. `" if more == 8 else "a.f5. `"
        assert f"a.f4, {told}" in capsys.readouterr().out


def test_what_was_added_since_is_told(host: Host) -> None:
    """What a later version adds to what was agreed to is named by `status`, `explain` and `flush`, and not sent."""
    with receiving(host) as requests:
        host.verb("on")
        stored = (host.directory / "opt-in").read_text().splitlines()
        assert 'search kind one_of "json" "täble"' in stored
        assert "> 127.0.0.1" in stored
        host.script.write_text(host.script.read_text().replace('"kind": OneOf', '"m": Number(), "kind": OneOf'))
        host.record(1)
        for verb in ("status", "explain"):
            told = host.verb(verb)
            assert "new      since you agreed: search.m. `mytool telemetry disclosure` says what it is.\n" in told
            assert "Of this nothing is sent until you agree again: mytool telemetry on\n" in told
        assert host.verb("flush").splitlines()[-1] == "Not sent, being new since you agreed: search.m."
        told = host.verb("on")
        assert f"is kept in {host.directory / 'usage.jsonl'}, and sent to http://127.0.0.1:" in told
        assert "This agrees to what is new since you agreed: search.m.\n" in told
        assert "since you agreed" not in host.verb("status")
        assert "This agrees" not in host.verb("on")
    assert len(requests) == 1


def test_a_yes_that_does_not_hold_yet_tells_of_what_is_new(host: Host) -> None:
    """Where something else says off, `on` stores a yes to all the same, and so names what it agrees to beyond the
    earlier one; what had no earlier one, or a no, is not compared with any.
    """
    host.verb("on")
    quiet = {"DO_NOT_TRACK": "1"}
    with serving(answering(200)) as server:
        host.to(server.url)
        off, new, *_ = host.verb("on", env=quiet).splitlines()
        assert off.endswith("stays off: DO_NOT_TRACK is set.")
        assert new == "This agrees to what is new since you agreed: the host 127.0.0.1."
        assert "This agrees" not in host.verb("on", env=quiet)
        for no in ("false", "maybe"):  # which somebody wrote over it, or in its place
            (host.directory / "opt-in").write_text(f"{no} 2026-11-20T10:30:00Z\nsearch\n")
            assert "This agrees" not in host.verb("on", env=quiet)
        host.verb("off")
        assert "This agrees" not in host.verb("on", env=quiet)
        (host.directory / "opt-in").unlink()
        assert "This agrees" not in host.verb("on", env=quiet)
    assert server.requests == []


def test_a_new_host_is_told(host: Host) -> None:
    """A destination on a host that the user has not agreed to is named, and nothing is sent there."""
    host.verb("on")
    with serving(answering(200)) as server:
        host.to(server.url)
        host.record(1)
        status = host.verb("status")
        assert "its host is new, so nothing is sent there until you agree" in status
        assert "since you agreed: the host 127.0.0.1." in status
        assert b"its host is new" in b"".join(host.previewed())
        held, rest = host.verb("flush").splitlines()
        assert held == "Not sent, being new since you agreed: the host 127.0.0.1."
        assert rest == "Nothing else waits to be sent."
    assert server.requests == []


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_waits_for_a_key_is_agreed_to(host: Host, *, by_hand: bool) -> None:
    """The disclosure names its host, and so does `on`: once the user sets a key it gets what is recorded, but not where
    a later version has another host, or a key of its own.
    """
    key = {"MYTOOL_TELEMETRY_POSTHOG_API_KEY": "phc_mine"}
    with serving(answering(200)) as server:
        host.to(server.url, "posthog", None)
        if not by_hand:
            later = f"Nothing is sent. Once {next(iter(key))} is set, records go to {server.url.removesuffix('/t')}.\n"
            assert later in host.verb("on")
        host.record(1)
        assert host.verb("flush", env=key) == "Nothing waits to be sent.\n"  # what was recorded before stays
        host.run("1", env=key)
        assert "1 record, 200: delivered" in host.verb("flush", env=key)
        (request,) = server.requests
        assert json.loads(opened(request))["api_key"] == "phc_mine"
        host.to(server.url.replace("127.0.0.1", "localhost"), "posthog", None)
        host.run("1", env=key)
        assert "Not sent, being new since you agreed: the host localhost." in host.verb("flush", env=key)
        host.to(server.url, "posthog", "phc_author")  # which nobody was told of
        host.run("1")
        assert "Not sent, being new since you agreed: the host 127.0.0.1." in host.verb("flush")
    assert len(server.requests) == 1


def test_on_leaves_what_lies_there(host: Host) -> None:
    """After `off` and `on` nothing recorded before is sent, though it is kept."""
    with receiving(host) as requests:
        host.record(2)
        host.verb("off")
        host.verb("on")
        assert host.verb("flush") == "Nothing waits to be sent.\n"
        host.record(1)
        host.verb("flush")
        (request,) = requests
    assert len(json.loads(opened(request))["records"]) == 1
    assert len((host.directory / "usage.jsonl").read_bytes().splitlines()) == 3


@pytest.mark.parametrize("form", ["json", "posthog"])
def test_no_verb_shows_a_secret(host: Host, form: str) -> None:
    """No verb prints the value of a header, the user information of a URL or a key; but posthog's body holds it."""
    with receiving(host, 403, 200, form=form, key=f"phc_{SECRET}") as requests:
        host.record(1)
        wire = host.previewed()
        for verb in (["status"], ["explain"], ["preview"]):
            host.verb(*verb)
        host.said += host.run("telemetry", "flush").stdout
        host.verb("flush")
        for verb in (["status"], ["sent", "--ids"]):
            host.verb(*verb)
        assert requests[0].headers["x-key"] == SECRET
        assert requests[0].headers["authorization"].startswith("Basic ")
    shown = host.said + b"\n".join(line for line in wire if not line.startswith(b'{"api_key"'))
    assert SECRET.encode() not in shown
    assert requests[0].headers["authorization"].split()[1].encode() not in shown
    for path in (host.directory / "delivery.json", host.directory / "receipts.jsonl"):
        assert SECRET not in path.read_text()


SETTINGS = {
    "MYTOOL_TELEMETRY_ENDPOINT": f"http://{SECRET}.example.org/t",
    "MYTOOL_TELEMETRY_HEADERS": f"X-Key: {SECRET}\r\x01",
    "MYTOOL_TELEMETRY_BATCH_SIZE": SECRET,
}


@pytest.mark.parametrize("variable", SETTINGS)
def test_refused_settings_are_told(host: Host, variable: str) -> None:
    """A setting that is refused is told by `explain`, and by `flush` on stderr, by its name and without its value."""
    with receiving(host) as requests:
        env = {variable: SETTINGS[variable]}
        assert f"{variable} is refused: " in host.verb("explain", env=env)
        host.record(1)
        done = host.run("telemetry", "flush", env=env)
        assert f"{variable} is refused: " in done.stderr.decode()
        host.said += done.stdout + done.stderr
        assert SECRET.encode() not in host.said
        # Another address than the author's was wanted: then nothing goes to the author's.
        refused = "ENDPOINT" in variable
        assert (done.returncode, len(requests)) == ((1, 0) if refused else (0, 1))


@pytest.mark.parametrize("verb", [["flush"], ["preview", "--wire"]])
def test_without_the_tool(host: Host, verb: list[str]) -> None:
    """`discreet --tool` knows no destinations: both verbs are a wrong use of it, and say what to type."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "discreet", "--tool", "mytool", *verb],
        env=clean_environment(host.home), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Try `mytool telemetry {' '.join(verb)}`." in done.stderr


def test_flags_are_shown_before_they_are_asked_for(make_telemetry: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`preview --wire` shows the request that is due, `flush` makes it, `sent` has its receipt; then none is due."""

    def behave(visit: Visit) -> None:
        visit.read()
        visit.send(b'HTTP/1.1 200 OK\r\n\r\n{"flags":{"ranking":{"enabled":true}}}')

    with serving(behave) as server:
        place = Destination.posthog("phc_key", server.origin)
        telemetry = make_telemetry(destination=place, identity="install", delivery="thread")
        assert telemetry.main(["preview", "--wire"]) == 0
        assert "flags" not in capsys.readouterr().out  # nobody has looked one up
        Path(telemetry.paths["flags"]).touch()
        Path(telemetry.paths["id"]).write_text("0" * 32)  # as a record has made it
        assert telemetry.main(["preview", "--wire"]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert shown[-4:-1] == [
            "# feature flags; the distinct_id is the id of the installation",
            f"POST {server.origin}/flags/?v=2",
            "headers: User-Agent, Content-Type",
        ]
        assert telemetry.main(["flush"]) == 0
        assert capsys.readouterr().out == f"{server.origin}/flags/: flags, 200: delivered\n"
        assert server.requests[-1].body.decode() == shown[-1]
        assert telemetry.main(["sent"]) == 0
        digest = hashlib.sha256(server.requests[-1].body).hexdigest()[:16]
        assert (
            capsys.readouterr().out.splitlines()[-1].endswith(f"200            {digest} {server.origin}/flags/ (flags)")
        )
        assert telemetry.main(["preview", "--wire"]) == 0
        assert "/flags/" not in capsys.readouterr().out
        assert telemetry.flag("ranking") is True


@pytest.mark.parametrize("debug", ["", "1"])
def test_what_is_shown_makes_no_id(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], debug: str
) -> None:
    """The id of the installation is made by who asks, not by who looks: before that, what is shown says so."""
    monkeypatch.setenv("MYTOOL_TELEMETRY_DEBUG", debug)
    telemetry = make_telemetry(destination=Destination.posthog("phc_key"), identity="install", delivery="thread")
    Path(telemetry.paths["flags"]).touch()
    before = sorted(os.listdir(telemetry.paths.directory))
    assert telemetry.main(["preview", "--wire"]) == 0
    *_, said, _, _, body = capsys.readouterr().out.splitlines()
    assert said == (
        "# feature flags; the distinct_id is the id of the installation, which is made by the first request: here a "
        "random number"
    )
    assert len(json.loads(body)["distinct_id"]) == 32
    assert sorted(os.listdir(telemetry.paths.directory)) == before
    Path(telemetry.paths["id"]).write_text("0" * 32)
    assert telemetry.main(["preview", "--wire"]) == 0
    *_, said, _, _, body = capsys.readouterr().out.splitlines()
    assert said == "# feature flags; the distinct_id is the id of the installation"
    assert json.loads(body)["distinct_id"] == "0" * 32


def test_a_random_number_is_shown_as_one(make_telemetry: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The request that is shown has another `distinct_id` than the one that is made, and says so."""
    telemetry = make_telemetry(destination=Destination.posthog("phc_key"), delivery="thread")
    Path(telemetry.paths["flags"]).touch()
    bodies = []
    for _ in range(2):
        assert telemetry.main(["preview", "--wire"]) == 0
        *_, said, url, _, body = capsys.readouterr().out.splitlines()
        assert said == "# feature flags; the distinct_id is a random number, another one each time"
        assert url == "POST https://us.i.posthog.com/flags/?v=2"
        bodies.append(json.loads(body)["distinct_id"])
    assert bodies[0] != bodies[1]
    assert not os.path.exists(telemetry.paths["id"])
