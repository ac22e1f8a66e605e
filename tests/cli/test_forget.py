"""The verb `forget`, as a user types it: what is shown is what is done, and what failed can be repeated."""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.hosts import SECRET, Host, receiving
from conftest import clean_environment
from discreet import Hash, files, names
from discreet.sending.lock import DeliveryLock
from faults.servers import answering, refusing, serving
from terminal import Terminal

UUIDS = [f"00000000-0000-4000-8000-{number:012x}" for number in range(1200)]
WHERE = "https://example.org/t"


def sent(host: Host, ids: list[str], where: str = WHERE, form: str = "json") -> None:
    """Let the receipts say that these ids were sent, at most 400 in one request."""
    with (host.directory / "receipts.jsonl").open("a") as file:
        for at in range(0, len(ids), 400):
            batch = ids[at : at + 400]
            line = {"time": "2026-11-20T10:30:00Z", "destination": where, "format": form, "records": len(batch)}
            file.write(json.dumps({**line, "bytes": 9, "sha256": "0" * 64, "status": 200, "verdict": "delivered",
                                   "ids": batch}) + "\n")  # fmt: skip


def everything(host: Host) -> dict[str, bytes]:
    """The data directory, but for the lock, which looking takes."""
    return {path.name: path.read_bytes() for path in host.directory.iterdir() if path.name != "lock"}


def test_what_is_shown_is_what_is_sent(host: Host) -> None:
    """Method, address, names of headers and body of each request are printed as the server gets them; no secret is."""
    with receiving(host) as requests:
        host.record(40)
        host.verb("flush")
        delivered = [one["id"] for one in map(json.loads, (host.directory / "usage.jsonl").read_bytes().splitlines())]
        title, address, headers, body, *more = host.verb("forget", "--yes").splitlines()
        _, request = requests
    assert title.endswith("/t: the deletion of 40 records")
    assert address == f"POST http://127.0.0.1:{request.headers['host'].partition(':')[2]}{request.target}"
    assert (request.method, request.body) == ("POST", body.encode())
    assert body == json.dumps({"forget": delivered}, separators=(",", ":"))
    named = headers.removeprefix("headers: ").lower().split(", ")
    assert set(named) == request.headers.keys() - {"host", "content-length", "connection"}
    assert request.headers["content-type"] == "application/json"
    assert (request.headers["user-agent"], request.headers["x-key"]) == ("mytool/1.4.0", SECRET)
    assert SECRET.encode() not in host.said
    assert "/t: 40 records, 200: asked" in "\n".join(more)
    assert not (host.home / ".mytool").exists()


def test_all_that_will_be_erased_is_shown(host: Host) -> None:
    """The path of each file is printed before it is erased."""
    sent(host, UUIDS[:1], form="otlp")
    (host.directory / "usage.2.jsonl").write_text("x")
    said = host.verb("forget", "--yes")
    for name in ("opt-in", "usage.2.jsonl", "receipts.jsonl", "lock"):
        assert f"  {host.directory / name}\n" in said.partition("Erased")[0]
    assert "Erased 4 files." in said
    assert list(host.home.iterdir()) == []


def test_many_ids_are_asked_for_in_turn(host: Host) -> None:
    """Every id of the receipts is in one request, in their order, at most 500 in each; a repeated one is named once."""
    with receiving(host) as requests:
        sent(host, UUIDS, host.destination.shown)
        sent(host, UUIDS[:3], host.destination.shown)
        host.verb("forget", "--yes")
    found = [json.loads(one.body)["forget"] for one in requests]
    assert [len(one) for one in found] == [500, 500, 200]
    assert [each for one in found for each in one] == UUIDS


@pytest.mark.parametrize("keys", ["\n", "n\n", "yes please\n", "\x04"])
def test_the_default_is_no(host: Host, keys: str) -> None:
    """On a terminal it shows it all and asks; anything but a yes sends nothing and keeps everything."""
    with receiving(host) as requests:
        sent(host, UUIDS[:2], host.destination.shown)
        before = everything(host)
        with Terminal([sys.executable, str(host.script), "telemetry", "forget"], clean_environment(host.home)) as it:
            it.wait_for("[y/N] ")
            assert json.dumps({"forget": UUIDS[:2]}, separators=(",", ":")) in it.output
            it.type(keys)
            assert it.end() == 0
        assert it.output.endswith("Nothing was sent or erased.\n")
        assert (requests, everything(host)) == ([], before)


def test_a_yes(host: Host) -> None:
    """A yes sends the request and erases it all."""
    with receiving(host) as requests:
        sent(host, UUIDS[:2], host.destination.shown)
        with Terminal([sys.executable, str(host.script), "telemetry", "forget"], clean_environment(host.home)) as it:
            it.wait_for("[y/N] ")
            assert requests == []
            it.type("y\n")
            assert it.end() == 0
        assert [json.loads(one.body) for one in requests] == [{"forget": UUIDS[:2]}]
    assert not (host.home / ".mytool").exists()


def test_an_interrupt(host: Host) -> None:
    """Ctrl-C at the question sends nothing and keeps everything."""
    with receiving(host) as requests:
        sent(host, UUIDS[:2], host.destination.shown)
        before = everything(host)
        with Terminal([sys.executable, str(host.script), "telemetry", "forget"], clean_environment(host.home)) as it:
            it.wait_for("[y/N] ")
            while it.process.poll() is None:  # Python may print the question just before it listens
                it.type("\x03")
                with contextlib.suppress(subprocess.TimeoutExpired):  # a second one would interrupt its end
                    it.process.wait(2)
            assert it.end() == 130
        assert "Traceback" not in it.output
        assert (requests, everything(host)) == ([], before)


def test_without_a_terminal(host: Host) -> None:
    """Where it cannot ask and `--yes` is missing nothing is done, not even shown."""
    with receiving(host) as requests:
        sent(host, UUIDS[:2], host.destination.shown)
        before = everything(host)
        assert "give --yes" in host.verb("forget", status=2)
        assert (requests, everything(host)) == ([], before)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 429, 503])
def test_a_refusal_can_be_repeated(host: Host, status: int) -> None:
    """Where the receiver does not take it all else is erased, and the ids are kept, until it does; exit status 1."""
    with receiving(host, status, 204) as requests:
        host.record(2)
        (host.directory / "salt").write_text("0" * 64)
        sent(host, UUIDS[:2], host.destination.shown)
        sent(host, UUIDS[2:3], WHERE, "otlp")
        done = host.run("telemetry", "forget", "--yes")
        assert done.returncode == 1
        assert f"/t: 2 records, {status}: not asked" in done.stdout.decode()
        assert "2 records could not be asked for; their ids are kept" in done.stderr.decode()
        assert len(requests) == 1
        assert [path.name for path in host.directory.iterdir()] == ["receipts.jsonl"]
        kept = json.loads((host.directory / "receipts.jsonl").read_bytes())
        assert kept == {"destination": host.destination.shown, "format": "json", "records": 2, "verdict": "forget",
                        "ids": UUIDS[:2]}  # fmt: skip
        assert "2" in host.verb("sent", "--ids").splitlines()[1]
        host.verb("forget", "--yes")
        assert requests[0].body == requests[1].body
    assert not (host.home / ".mytool").exists()


def test_what_was_taken_is_not_asked_again(host: Host) -> None:
    """After a refusal no further request goes there, and only the ids of those that were not taken are kept."""
    with receiving(host, 200, 500, 200) as requests:
        sent(host, UUIDS, host.destination.shown)
        assert "700 records could not be asked" in host.run("telemetry", "forget", "--yes").stderr.decode()
        assert len(requests) == 2
        host.verb("forget", "--yes")
    again = [json.loads(one.body)["forget"] for one in requests[2:]]
    assert [each for one in again for each in one] == UUIDS[500:]


def test_nobody_listens(host: Host) -> None:
    """Where nobody listens the ids are kept as well."""
    with refusing() as nobody:
        host.to(nobody.url)
        assert host.destination is not None
        sent(host, UUIDS[:1], host.destination.shown)
        done = host.run("telemetry", "forget", "--yes")
    assert (done.returncode, b"/t: 1 record, failed (refused): not asked\n" in done.stdout) == (1, True)
    assert UUIDS[0] in (host.directory / "receipts.jsonl").read_text()


@pytest.mark.parametrize("off", ["DO_NOT_TRACK", "CI", "MYTOOL_NO_TELEMETRY", "stored"])
def test_a_no_is_no_reason_to_keep(host: Host, off: str) -> None:
    """Whatever says off, this explicit word asks for the deletion: only ids leave, and for that."""
    with receiving(host) as requests:
        sent(host, UUIDS[:1], host.destination.shown)
        if off == "stored":
            host.verb("off")
        host.verb("forget", "--yes", env={} if off == "stored" else {off: "1"})
        assert len(requests) == 1


@pytest.mark.parametrize(
    ("form", "known", "shown"),
    [
        ("otlp", "trace id", UUIDS[7].replace("-", "")),
        ("posthog", "uuid", UUIDS[7]),
        ("beacon", "parameter i", UUIDS[7]),
    ],
)
def test_whom_to_ask(host: Host, form: str, known: str, shown: str) -> None:
    """Whom no request can be sent to is named with the ids, one a line, as the receiver knows them."""
    with receiving(host, form=form) as requests:
        sent(host, UUIDS[7:8], host.destination.shown, form)
        lines = host.verb("forget", "--yes").splitlines()
        assert requests == []
    assert host.destination.shown in lines[0]
    assert lines[0].endswith(f"ask them to delete, by {known}:")
    assert lines[1] == shown
    assert not (host.home / ".mytool").exists()


def test_only_a_destination_in_force_is_asked(host: Host) -> None:
    """An address that only the receipts name gets no request, whoever wrote it there; its ids are printed."""
    with serving(answering(200)) as old, receiving(host) as requests:
        sent(host, UUIDS[:1], old.url)
        sent(host, UUIDS[1:2], host.destination.shown, "otlp")
        said = host.verb("forget", "--yes")
        assert (old.visits, requests) == (0, [])
    assert f"whoever runs {old.url} (json) has 1 record" in said
    assert f"\n{UUIDS[0]}\n" in said


def test_the_users_own_endpoint_replaces(host: Host) -> None:
    """With `ENDPOINT` set, nothing is sent to the author's address, here as everywhere; its ids are printed."""
    with serving(answering(200)) as own, receiving(host) as requests:
        sent(host, UUIDS[:1], host.destination.shown)
        sent(host, UUIDS[1:2], own.url)
        said = host.verb("forget", "--yes", env={"MYTOOL_TELEMETRY_ENDPOINT": own.url})
        assert (requests, [json.loads(one.body) for one in own.requests]) == ([], [{"forget": UUIDS[1:2]}])
    assert f"\n{UUIDS[0]}\n" in said


def test_hostile_receipts(host: Host) -> None:
    """Of receipts that somebody wrote into only ids get into a request, and nothing that a terminal would obey."""
    with receiving(host) as requests:
        where = host.destination.shown
        sent(host, [UUIDS[0], "x" * 36, UUIDS[1].upper().replace("0", "A"), SECRET, ""], where)
        sent(host, [UUIDS[2]], "https://\x1b[31m.example/", "\x1b[2J")
        with (host.directory / "receipts.jsonl").open("a") as file:
            for one in ({"ids": 5}, {"ids": [None, 5, {}], "destination": where, "format": "json"},
                        {"ids": UUIDS, "destination": [], "format": {}}, "torn"):  # fmt: skip
                file.write(f"{json.dumps(one)}\n")
        said = host.verb("forget", "--yes")
    assert [json.loads(one.body) for one in requests] == [{"forget": [UUIDS[0]]}]
    assert said.replace("\n", "").isprintable()


def test_another_deliverer_at_work(host: Host) -> None:
    """While something may be on its way nothing is asked or erased."""
    with receiving(host) as requests:
        sent(host, UUIDS[:1], host.destination.shown)
        before = everything(host)
        with DeliveryLock(names.Paths("mytool", {}, str(host.directory))) as held:
            assert held
            assert "another deliverer is at work" in host.verb("forget", "--yes", status=1)
        assert (requests, everything(host)) == ([], before)


def test_a_deliverer_that_takes_its_leave(make_telemetry: Any) -> None:
    """One that has all but ended is waited for."""
    telemetry = make_telemetry()
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(DeliveryLock(telemetry.paths))
        threading.Timer(0.05, stack.close).start()
        assert telemetry.main(["forget", "--yes"]) == 0
    assert not os.path.exists(telemetry.paths["consent"])


def test_without_the_tool(host: Host) -> None:
    """`discreet --tool` knows no destinations: a wrong use, which says what to type, and erases no id."""
    sent(host, UUIDS[:1])
    before = everything(host)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "discreet", "--tool", "mytool", "forget", "--yes"],
        env=clean_environment(host.home), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "Try `mytool telemetry forget`" in done.stderr
    assert everything(host) == before


def test_nothing_there(host: Host) -> None:
    """Where there is nothing it says so, and leaves nothing."""
    (host.directory / "opt-in").unlink()
    assert "There is nothing of mytool" in host.verb("forget")
    assert list(host.directory.iterdir()) == []


@pytest.mark.parametrize("form", ["json", "otlp"])
@pytest.mark.parametrize("output", ["full", "closed pipe"])
def test_what_cannot_be_shown_is_not_done(host: Host, output: str, form: str) -> None:
    """Where stdout takes nothing, nothing is sent or erased, and the exit status says so."""
    with receiving(host) as requests, contextlib.ExitStack() as stack:
        sent(host, UUIDS[:2], host.destination.shown, form)
        before = everything(host)
        if output == "full":
            stdout: Any = stack.enter_context(Path("/dev/full").open("wb"))
        else:
            reader, writer = os.pipe()
            os.close(reader)
            stdout = stack.enter_context(os.fdopen(writer, "wb", 0))
        done = subprocess.run(
            shlex.split(f"{sys.executable} {host.script} telemetry forget --yes"), stdout=stdout,
            env={**clean_environment(host.home), "PYTHONUNBUFFERED": ""}, stderr=subprocess.PIPE, text=True,
            timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, "what cannot be shown is not done" in done.stderr) == (1, True)
        assert (requests, everything(host)) == ([], before)


def test_ids_that_cannot_be_kept(make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, home: Path, capsys: Any) -> None:
    """Where the disk refuses the ids that are to be kept, nothing is erased."""
    with refusing() as nobody:
        telemetry = make_telemetry(destination=nobody.url)
        place = home / ".mytool" / "telemetry"
        receipt = {"destination": nobody.url, "format": "json", "ids": UUIDS[:1]}
        (place / "receipts.jsonl").write_text(json.dumps(receipt))

        def full(path: str, content: bytes, **_: bool) -> None:
            raise OSError(28, "No space left on device", path)

        monkeypatch.setattr(files, "write_private", full)
        assert telemetry.main(["forget", "--yes"]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert {path.name for path in place.iterdir()} == {"opt-in", "receipts.jsonl", "lock"}
    assert json.loads((place / "receipts.jsonl").read_text()) == receipt


def test_a_new_salt(make_telemetry: Any, home: Path) -> None:
    """What is hashed after it has other digits: the salt is another one."""
    place, found = home / ".mytool" / "telemetry", []
    for _ in range(2):
        telemetry = make_telemetry(events={"search": {"project": Hash()}})
        telemetry.track("search", project="secret")
        assert telemetry.flush(10)
        found.append(((place / "salt").read_bytes(), json.loads((place / "usage.jsonl").read_bytes())["properties"]))
        assert telemetry.main(["forget", "--yes"]) == 0
        assert not place.exists()
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]


def test_an_opt_out_tool_keeps_the_no(make_telemetry: Any, home: Path) -> None:
    """A tool that would begin again by itself keeps a no, and nothing else."""
    telemetry = make_telemetry(consent="opt-out")
    place = home / ".mytool" / "telemetry"
    (place / "notice").write_text("x")
    assert telemetry.main(["forget", "--yes"]) == 0
    assert [path.name for path in place.iterdir()] == ["opt-in"]
    assert (place / "opt-in").read_text().startswith("false ")


@pytest.mark.parametrize("answer", ["false", "true", ""])
def test_what_stays_is_not_said_to_be_erased(make_telemetry: Any, home: Path, capsys: Any, answer: str) -> None:
    """A no that was stored is named as what is kept, and why; it is neither listed nor counted."""
    telemetry, place = make_telemetry(opted_in=False, consent="opt-out"), home / ".mytool" / "telemetry"
    place.mkdir(parents=True)
    (place / "notice").write_text("2026-11-20")
    if answer:
        (place / "opt-in").write_text(answer)
    assert telemetry.main(["forget", "--yes"]) == 0
    among = ", your stored answer among it" if answer == "true" else ""
    no = f"{place}/opt-in is kept" if answer == "false" else f"{place}/opt-in"
    no = f"{'Your no' if answer == 'false' else 'A no is left'} in {no}: without it mytool would begin again by itself."
    assert capsys.readouterr().out.splitlines()[:-1] == [
        f"# to be erased: all telemetry of mytool{among}",
        *([f"  {place}/opt-in"] if answer == "true" else []),
        f"  {place}/notice",
        f"  {place}/lock",
        f"# {no}",
        f"Erased {3 if answer == 'true' else 2} files.",
        no,
    ]
    assert telemetry.main(["forget", "--yes"]) == 0
    assert capsys.readouterr().out.startswith(f"There is nothing of mytool to erase in {place}.\nYour no in {place}/")
