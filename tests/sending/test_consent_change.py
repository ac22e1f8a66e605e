"""The stored consent, looked at before each write: what was queued under another one never reaches the log."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import Telemetry, first
from discreet.consent import signature
from discreet.sending import BATCH_BYTES, losses
from discreet.sending import state as states

LONG = 10.0  # seconds: a bound on hangs, never a measure
MakeTelemetry = Callable[..., Telemetry]


def numbers(records: list[dict[str, Any]]) -> list[int]:
    """What tells the records apart."""
    return [record["properties"]["n"] for record in records]


def say(directory: Path, text: str) -> None:
    """Rewrite the consent file, as `echo` does."""
    (directory / "opt-in").write_text(text)


@pytest.fixture
def running(make_telemetry: MakeTelemetry) -> Telemetry:
    """A process that has recorded the event 0."""
    telemetry = make_telemetry()
    telemetry.track("search", n=0)
    assert telemetry.flush(LONG)
    return telemetry


@pytest.fixture
def data(running: Telemetry) -> Path:
    """Its data directory."""
    return Path(running.paths.directory)


@pytest.mark.parametrize("text", ["false\n", "", "no", "perhaps\n", "\x00\xff"], ids=repr)
def test_a_no_is_noticed(running: Telemetry, data: Path, read_log: Any, text: str) -> None:
    """Anything but a yes in the consent file stops a running process: the queue is discarded and counted, the log stays
    as it is, later events are not even converted, and nothing is noted of a consent that is none.
    """
    noted = (data / "delivery.json").read_bytes()
    say(data, text)
    running.track("search", n=1)
    assert not running.flush(LONG)
    running.track("search", n=2)
    assert running.flush(LONG), "there is nothing to write any more"
    assert not running.enabled
    assert running.close(LONG)
    assert numbers(read_log(data)) == [0]
    assert losses.read(running.paths["losses"]) == {"consent": 1}
    assert (data / "delivery.json").read_bytes() == noted


def test_a_missing_answer_is_a_no(running: Telemetry, data: Path, read_log: Any) -> None:
    """Removing the consent file stops a running process too."""
    (data / "opt-in").unlink()
    running.track("search", n=1)
    assert not running.flush(LONG)
    assert not running.enabled
    assert numbers(read_log(data)) == [0]


def test_the_marker_counts_as_well(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """A yes by the marker `enabled` ends when the marker goes."""
    telemetry = make_telemetry(opted_in=False)
    directory = Path(telemetry.paths.directory)
    directory.mkdir(parents=True)
    (directory / "enabled").touch()
    telemetry.track("search", n=0)
    assert telemetry.flush(LONG)
    (directory / "enabled").unlink()
    telemetry.track("search", n=1)
    assert not telemetry.flush(LONG)
    assert numbers(read_log(directory)) == [0]


def test_a_removed_directory_stays_removed(running: Telemetry, data: Path) -> None:
    """Who removes everything takes the consent back; nothing is made again, no count either."""
    shutil.rmtree(data.parent)
    running.track("search", n=1)
    assert not running.flush(LONG)
    running.close(LONG)
    assert not data.parent.exists()


@pytest.mark.parametrize("answer", ["false\n", "enhanced\n"])
def test_the_whole_queue_is_discarded(running: Telemetry, data: Path, read_log: Any, answer: str) -> None:
    """What waits behind a slow disk when the answer changes is discarded to the last record, however many batches it
    would have been; nothing of it comes later.
    """
    sender = running._sender
    assert sender is not None
    real, number = sender._log.append, 3 * BATCH_BYTES // 200

    def slow(lines: list[bytes]) -> int:
        sender._log.append = real
        for n in range(1, number):
            running.track("search", n=n)
        say(data, answer)
        return int(real(lines))

    sender._log.append = slow
    running.track("search", n=0)
    for _ in range(2):  # the first one may be answered by the write that was under way
        running.flush(LONG)
    assert sum(losses.read(running.paths["losses"]).values()) == number - 1
    assert numbers(read_log(data)) == [0, 0]
    running.track("search", n=-1)
    running.flush(LONG)
    assert numbers(read_log(data)) == [0, 0] + [-1] * (answer == "enhanced\n")


def test_nobody_waits_for_what_was_discarded(owner: Any, wait_until: Any) -> None:
    """Whoever waits in `flush` when the queue is discarded is told at once, and not that all is written."""
    answers: list[bool] = []
    owner.log.block()
    owner.record(0)
    assert owner.log.waiting.wait(LONG)
    owner.record(*range(1, 2 * BATCH_BYTES // 200))
    records = len(owner.sender.queue)
    waiting = threading.Thread(target=lambda: answers.append(owner.sender.flush(6 * LONG)))
    waiting.start()
    wait_until(lambda: len(owner.sender.queue) > records)
    owner.agreed = False
    owner.log.open.set()
    waiting.join(LONG)
    assert answers == [False]
    assert owner.counted == {"consent": records}


def test_a_no_holds_for_what_comes_late(running: Telemetry, data: Path, read_log: Any) -> None:
    """A record that was under way when the no was noticed is not written by the next look, which sees no change."""
    say(data, "false\n")
    running.track("search", n=1)
    assert not running.flush(LONG)
    assert running._sender is not None
    # As a thread would that had passed the gate before.
    running._sender.record("search", {"n": 2}, running._sender.encoder)
    assert not running.flush(LONG)
    running.close(LONG)
    assert numbers(read_log(data)) == [0]
    assert losses.read(running.paths["losses"]) == {"consent": 2}


def test_another_yes_is_another_consent(running: Telemetry, data: Path, read_log: Any) -> None:
    """Where the answer changes from one yes to another, what was queued is discarded and recording goes on."""
    say(data, "enhanced 2026-11-20T10:30:00Z\n")
    running.track("search", n=1)
    assert not running.flush(LONG)
    running.track("search", n=2)
    assert running.flush(LONG)
    assert numbers(read_log(data)) == [0, 2]
    assert running.decision.level == "enhanced"


@pytest.mark.parametrize("delivery", ["auto", "none"])
def test_another_yes_is_noted(make_telemetry: MakeTelemetry, delivery: str) -> None:
    """A process that runs on under another yes notes, as one that starts does, what that yes covers, and from when its
    destination is given records; where nothing is ever to be delivered it notes nothing.
    """
    telemetry = make_telemetry(destination="https://one.example/t")
    telemetry.delivery = delivery
    telemetry.track("search", n=0)
    assert telemetry.flush(LONG)
    before = states.load(telemetry.paths["delivery"])
    say(Path(telemetry.paths.directory), "enhanced\n")
    telemetry.track("search", n=1)
    assert not telemetry.flush(LONG)
    noted = states.load(telemetry.paths["delivery"])
    if delivery == "none":
        assert not before.period
        assert not noted.period
    else:
        assert noted.period == repr(signature(telemetry.paths)) != before.period
        assert noted.covered == before.covered
        assert noted.seen
        assert not noted.empty, "there is a log of before"


def test_a_yes_of_the_environment_is_noted(make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first run, before which there is no directory, says what was disclosed and from when on there is a
    destination.
    """
    monkeypatch.setenv("MYTOOL_TELEMETRY_OPT_IN", "1")
    telemetry = make_telemetry(opted_in=False, destination="https://one.example/t")
    telemetry.track("search", n=0)
    assert telemetry.flush(LONG)
    noted = states.load(telemetry.paths["delivery"])
    assert noted.period == repr(signature(telemetry.paths))
    assert noted.covered
    assert noted.empty


def test_a_note_that_fails(
    running: Telemetry,
    data: Path,
    read_log: Any,
    monkeypatch: pytest.MonkeyPatch,
    swallowed: list[tuple[str, Exception]],
) -> None:
    """Where the note cannot be made the thread lives on, so whoever waits is answered, and recording goes on."""

    def broken(*_: object) -> None:
        raise ImportError("no descriptor is left")

    monkeypatch.setattr(first, "note", broken)
    say(data, "enhanced\n")
    running.track("search", n=1)
    assert not running.flush(LONG)
    assert running._sender is not None
    assert not running._sender.thread, "it has ended"
    running.track("search", n=2)
    assert running.flush(LONG)
    assert numbers(read_log(data)) == [0, 2]
    assert [reason for reason, _ in swallowed] == ["thread"]


@pytest.mark.usefixtures("no_threads")  # so that nothing is written before `flush`
def test_off_and_on_between_two_writes(running: Telemetry, data: Path, read_log: Any) -> None:
    """A no that was taken back before the next write still ends what was queued; the new yes holds from then on."""
    running.track("search", n=1)
    say(data, "false\n")
    os.utime(data / "opt-in", ns=(1, 1))
    say(data, "true\n")
    os.utime(data / "opt-in", ns=(2, 2))
    assert not running.flush(LONG)
    running.track("search", n=2)
    assert running.flush(LONG)
    assert numbers(read_log(data)) == [0, 2]


def test_a_new_yes_is_for_the_next_process(
    running: Telemetry, data: Path, read_log: Any, make_telemetry: MakeTelemetry
) -> None:
    """A process that has seen the no stays off: the decision is made once. The next one records again, and the old
    records are still there.
    """
    say(data, "false\n")
    running.track("search", n=1)
    running.flush(LONG)
    say(data, "true\n")
    running.track("search", n=2)
    running.flush(LONG)
    again = make_telemetry()
    again.track("search", n=3)
    assert again.flush(LONG)
    assert numbers(read_log(data)) == [0, 3]


def test_a_level_is_taken_back(make_telemetry: MakeTelemetry, read_log: Any) -> None:
    """After the change from `enhanced` to `true` a field of the enhanced level no longer leaves."""
    row = {"number": True, "level": "enhanced"}
    telemetry = make_telemetry(fields={"deep": row, "n": "number"})
    directory = Path(telemetry.paths.directory)
    say(directory, "enhanced\n")
    telemetry.track("search", n=0, deep=1)
    assert telemetry.flush(LONG)
    say(directory, "true\n")
    telemetry.track("search", n=1, deep=1)
    telemetry.flush(LONG)
    telemetry.track("search", n=2, deep=1)
    assert telemetry.flush(LONG)
    assert [record["properties"] for record in read_log(directory)] == [{"n": 0, "deep": 1}, {"n": 2}]


def test_a_home_that_cannot_be_looked_at(
    running: Telemetry, data: Path, read_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the consent file can be neither seen nor found missing, nothing is written and nothing discarded; when it
    can be seen again, unchanged, the held records follow.
    """
    real = os.stat

    def unreachable(path: Any, *arguments: Any, **named: Any) -> os.stat_result:
        if os.fspath(path) == running.paths["consent"]:
            raise OSError(116, "Stale file handle")
        return real(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", unreachable)
        running.track("search", n=1)
        assert not running.flush(LONG)
        assert numbers(read_log(data)) == [0]
    assert running.flush(LONG)
    assert numbers(read_log(data)) == [0, 1]


@pytest.mark.usefixtures("no_threads")  # so that nothing is written before `close`
def test_close_discards_too(running: Telemetry, data: Path, read_log: Any) -> None:
    """A no given in the last moment holds for the last write."""
    running.track("search", n=1)
    say(data, "false\n")
    assert not running.close(LONG)
    assert numbers(read_log(data)) == [0]
    running.track("search", n=2)
    assert numbers(read_log(data)) == [0]


def renumber(path: Path) -> None:
    """Give a file another inode, and leave the rest of it as it is: what a file system does that numbers its files
    anew at each mount, and whenever the system has forgotten one (sshfs, unionfs-fuse, mergerfs).
    """
    before = path.stat()
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert after.st_ino != before.st_ino


def test_a_file_with_another_number_is_no_other_answer(running: Telemetry, data: Path, read_log: Any) -> None:
    """A file system that gives the stored answer another inode number costs no record, and the run goes on."""
    renumber(data / "opt-in")
    running.track("search", n=1)
    assert running.flush(LONG)
    records = read_log(data)
    assert numbers(records) == [0, 1]
    assert len({record["run"] for record in records}) == 1
    assert losses.read(running.paths["losses"]) == {}


def test_another_number_is_no_new_period(make_telemetry: MakeTelemetry) -> None:
    """Nor does it make room for what a later version adds: the yes still covers what its first run disclosed."""
    first_version = make_telemetry(version="1.0", fields={"n": "number"})
    first_version.track("search", n=0)
    assert first_version.close(LONG)
    noted = Path(first_version.paths["delivery"]).read_bytes()
    renumber(Path(first_version.paths["consent"]))
    later = make_telemetry(opted_in=False, version="2.0", fields={"n": "number", "m": "number"})
    later.track("search", n=1, m=2)
    assert later.close(LONG)
    assert Path(later.paths["delivery"]).read_bytes() == noted
