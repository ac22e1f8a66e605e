"""receipts.jsonl: a line for each request that was answered, written before the place moves on, and read as hostile."""

import errno
import hashlib
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from discreet import files, names
from discreet.destination import FORMATS, Destination
from discreet.sending import receipts, wire
from discreet.sending.http import Outcome
from sending.outboxes import World, own_world, record_id

PLANTED = ("symbolic link", "FIFO", "directory")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of this test's own."""
    yield from own_world(tmp_path, monkeypatch)


def plant(world: World, kind: str) -> Path:
    """Put something else in place of the file; where a link leads to, which is empty."""
    path, target = world.directory / "receipts.jsonl", world.directory / "target"
    target.touch()
    if kind == "symbolic link":
        path.symlink_to(target)
    elif kind == "FIFO":
        os.mkfifo(path)
    else:
        path.mkdir()
    return target


def read(world: World) -> list[dict[str, Any]]:
    """All receipts."""
    return list(receipts.read(world.paths))


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_receipt_says(world: World, form: str) -> None:
    """Whither, when, how many, which, what came of it, and bytes and SHA-256 of the body, or of the target of a GET,
    without the address's own query: who guesses a token could try it out.
    """
    url = "https://u:s3cret@example.org/t?token=s3cret"
    world.destinations = (
        Destination(url, format=form, batch_size=1, batch_interval=0, api_key="k", time_precision="day"),
    )
    requests: list[wire.Request] = []

    def exchange(request: wire.Request, **_: float) -> Outcome:
        requests.append(request)
        return Outcome(202, None, "", 0.1)

    world.exchange = exchange  # type: ignore[method-assign]  # formats that hold no numbers of ours
    world.record(1, 2, 3)
    world.deliver()
    found = read(world)
    assert [number for one in found for number in one["ids"]] == [record_id(number) for number in (1, 2, 3)]
    for one, request in zip(found, requests, strict=True):
        content = request.target.replace("token=s3cret", "...").encode() if form == "beacon" else request.body
        assert list(one) == ["time", "destination", "format", "records", "bytes", "sha256", "status", "verdict", "ids"]
        assert (one["bytes"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert (one["destination"], one["format"], one["status"]) == ("https://example.org/t", form, 202)
        assert one["records"] == len(one["ids"]) == (1 if form == "beacon" else 3)
    assert "s3cret" not in (world.directory / "receipts.jsonl").read_text()
    assert (world.directory / "receipts.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_receipt_is_written_before_the_place_moves_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no receipt can be written after the answer the records are not taken for delivered, and come again: each
    time later, as after any failure.
    """
    world.record(1)
    world.during = lambda _: (world.directory / "receipts.jsonl").mkdir()
    for failures in (1, 2, 3):
        with pytest.raises(OSError, match="directory"):
            world.deliver()
        assert world.state().failures == failures
        (world.directory / "receipts.jsonl").rmdir()
        world.now += 100
    world.during = lambda _: None
    world.deliver()
    assert world.got() == [1, 1, 1, 1]
    assert len(read(world)) == 1
    assert world.state().failures == 0


@pytest.mark.parametrize("kind", PLANTED)
def test_nothing_is_sent_without_a_receipt(world: World, kind: str) -> None:
    """Where no receipt could be written nothing is sent, which would be sent again and again; it is a failure, tried
    again after a doubling pause, for which no deliverer waits.
    """
    plant(world, kind)
    world.record(1)
    for failures in (1, 2, 3):
        world.deliver()
        place = world.state()
        assert (place.failures, place.held, place.status) == (failures, False, 0)
        assert place.wake - world.now >= 0.5 * 2 ** (failures - 1) / 2
        world.now = place.wake
    assert world.requests == []
    assert world.told == ["https://example.org/t: 1 record, failed (receipts): retry"] * 3
    path = world.directory / "receipts.jsonl"
    path.rmdir() if kind == "directory" else path.unlink()
    world.deliver()
    assert world.got() == [1]
    assert len(read(world)) == 1


def test_a_receipt_cut_short(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt that the disk took half of is none: it raises, and the next one stands on a line of its own."""
    write = os.write
    with monkeypatch.context() as context:
        context.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content[: len(content) // 2])))
        with pytest.raises(OSError, match="cut short"):
            receipts.write(world.paths, {"n": 1})
    receipts.write(world.paths, {"n": 2})
    receipts.write(world.paths, {"n": 3})
    assert read(world) == [{"n": 2}, {"n": 3}]


def test_a_line_each(world: World) -> None:
    """For `cat`: no empty one between them."""
    for number in (1, 2, 3):
        receipts.write(world.paths, {"n": number})
    assert (world.directory / "receipts.jsonl").read_text() == '{"n":1}\n{"n":2}\n{"n":3}\n'


def test_the_file_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the file is full the older half goes, at the end of a line; the newest receipts are always there."""
    monkeypatch.setattr(receipts, "MOST_BYTES", 4096)
    for number in range(500):
        receipts.write(world.paths, {"n": number, "ids": ["x" * 36]})
        found = [one["n"] for one in read(world)]
        assert found == list(range(found[0], number + 1))
        assert (world.directory / "receipts.jsonl").stat().st_size < 4096 + 200
    assert len(found) > 20


def test_a_file_that_somebody_made_large(world: World) -> None:
    """It is cut to the bound by the next receipt, without being read whole, and keeps the newest ones."""
    receipts.write(world.paths, {"n": 1})
    with (world.directory / "receipts.jsonl").open("ab") as file:
        file.truncate(64 << 20)  # a hole: it takes no room on the disk
        file.seek(0, os.SEEK_END)
        file.write(b'\n{"n":2}\n')
    tracemalloc.start()
    try:
        receipts.write(world.paths, {"n": 3})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
    assert (world.directory / "receipts.jsonl").stat().st_size < receipts.MOST_BYTES
    assert read(world) == [{"n": 2}, {"n": 3}]


def test_a_full_file_that_cannot_be_halved(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receipt is written, which is what counts: the request is delivered, and not sent again."""
    write_private = files.write_private

    def refuse(path: str, content: bytes, **options: Any) -> None:
        if path == world.paths["receipts"]:
            refused.append(path)
            raise OSError(errno.ENOSPC, "No space left on device", path)
        write_private(path, content, **options)

    refused: list[str] = []
    monkeypatch.setattr(files, "write_private", refuse)
    monkeypatch.setattr(receipts, "MOST_BYTES", 64)
    for number in (1, 2, 3):
        world.record(number)
        world.deliver()
        assert world.state().failures == 0
        world.now += 100
    world.deliver()
    assert world.got() == [1, 2, 3]
    assert len(read(world)) == 3
    assert len(refused) == 2


def test_what_is_no_receipt_is_passed_over(world: World) -> None:
    """Torn, foreign, deep and huge lines are passed over; a missing file holds no receipt."""
    assert read(world) == []
    lines = [b"torn", b"[1]", b"null", b"\xff", b"[" * 9000, b'{"n":1}', b"x" * 200_000, b"", b'{"n":2}']
    (world.directory / "receipts.jsonl").write_bytes(b"\n".join(lines) + b'\n{"n":3')
    assert read(world) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_no_file(world: World, kind: str) -> None:
    """What somebody planted in place of the file raises `OSError`; a link is not written through."""
    target = plant(world, kind)
    with pytest.raises(OSError, match=r"receipts\.jsonl"):
        receipts.write(world.paths, {"n": 1})
    assert target.read_bytes() == b""


def test_a_receipt_of_the_largest_batch_fits(world: World) -> None:
    """500 ids make a line that is read back whole."""
    world.record(*range(1, 501))
    world.deliver()
    assert [len(one["ids"]) for one in read(world)] == [500]
    assert json.loads((world.directory / "receipts.jsonl").read_bytes())["records"] == 500
    assert names.FILES["receipts"] == "receipts.jsonl"


def test_no_descriptor_stays_open(world: World) -> None:
    """A host that lives long writes many of them."""

    def free() -> int:
        os.close(number := os.open(os.devnull, os.O_RDONLY))
        return number

    before = free()
    for number in range(3):
        receipts.write(world.paths, {"n": number})
        assert receipts.problem(world.paths) == ""
        assert len(read(world)) == number + 1
    assert free() == before
