"""Files of what arrived: once each, across restarts, torn ends, failed writes, erasures and days."""

import errno
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from discreet.collector import store as room
from discreet.collector.store import Store
from discreet.report import read

NOON = 1_795_176_000.0  # 2026-11-20
DAY = 86_400.0


def row(number: int, tool: str = "mytool", **more: Any) -> tuple[str, str, str]:
    """A record as the store takes it."""
    one = f"f53ef912-8765-4a51-89ab-{number:012x}"
    properties = "".join(f'"{name}":{value}' for name, value in more.items())
    return (
        tool,
        one,
        (
            f'{{"v":1,"id":"{one}","time":"2026-11-20T10:00:00Z","run":"","event":"e","tool":"{tool}","version":"",'
            f'"py":"","os":"","properties":{{{properties}}}}}'
        ),
    )


class Clock:
    """A clock that is set."""

    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Noon of 2026-11-20."""
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Store]]:
    """Open the directory; whoever had it open before has let it go."""
    made: list[Store] = []

    def again(**options: Any) -> Store:
        if made:
            made.pop().close()
        made.append(Store(str(tmp_path / "out"), clock=clock, **options))
        return made[-1]

    yield again
    for one in made:
        one.close()


def lines(path: Path) -> list[str]:
    """The lines of all files that hold records, without the erased ones."""
    return [line for file in sorted(path.glob("*.jsonl")) for line in file.read_text().splitlines() if line.strip()]


def test_each_id_is_written_once(opened: Callable[..., Store], tmp_path: Path) -> None:
    """Within a request, between requests and after a restart; and the report reads what is written."""
    store = opened()
    assert store.add([row(1), row(2), row(1)]) == 2
    assert store.add([row(2), row(3)]) == 1
    store = opened()
    assert store.add([row(3), row(4), row(1)]) == 1
    assert lines(tmp_path / "out") == [row(number)[2] for number in (1, 2, 3, 4)]
    assert [record["id"] for _, record in read.lines(store.files())] == [row(number)[1] for number in (1, 2, 3, 4)]


def test_what_is_no_file_is_not_kept_open(opened: Callable[..., Store], tmp_path: Path) -> None:
    """A FIFO in the place of a file is refused each time, and once it is gone everything is written."""
    store = opened()
    fifo = tmp_path / "out" / "2026-11-20.mytool.jsonl"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # else nobody could open it for writing
    for _ in range(2):
        with pytest.raises(OSError, match="not a regular file"):
            store.add([row(1)])
    os.close(reader)
    fifo.unlink()
    assert store.add([row(1)]) == 1
    assert lines(tmp_path / "out") == [row(1)[2]]


def test_files_go_by_day_and_tool(opened: Callable[..., Store], tmp_path: Path, clock: Clock) -> None:
    """Private files; those of one tool are found, oldest first, as far back as is asked."""
    store = opened()
    store.add([row(1), row(2, "other")])
    clock.now += DAY
    store.add([row(3)])
    names = sorted(file.name for file in (tmp_path / "out").glob("*.jsonl"))
    assert names == ["2026-11-20.mytool.jsonl", "2026-11-20.other.jsonl", "2026-11-21.mytool.jsonl"]
    assert {(tmp_path / "out" / name).stat().st_mode & 0o777 for name in names} == {0o600}
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert [Path(path).name for path in store.files("mytool")] == [names[0], names[2]]
    assert [Path(path).name for path in store.files("mytool", days=0)] == [names[2]]
    assert store.tools() == ["mytool", "other"]


def test_old_files_are_erased(opened: Callable[..., Store], tmp_path: Path, clock: Clock) -> None:
    """A file of records after 365 days, one of the forgotten after 31; nothing else in the directory is touched."""
    store = opened()
    store.add([row(1)])
    store.forget([row(9)[1]])
    foreign = tmp_path / "out" / "2020-01-01.notes"
    foreign.write_text("mine")
    clock.now += 32 * DAY
    store.add([row(2)])
    assert sorted(os.listdir(tmp_path / "out")) == [
        "2020-01-01.notes",
        "2026-11-20.mytool.jsonl",
        "2026-12-22.mytool.jsonl",
        "lock",
    ]
    clock.now += 334 * DAY
    opened()
    assert [file.name for file in (tmp_path / "out").glob("*.jsonl")] == ["2026-12-22.mytool.jsonl"]


def test_old_files_are_erased_although_nothing_comes(
    opened: Callable[..., Store], tmp_path: Path, clock: Clock
) -> None:
    """The tool may be given up long before its collector."""
    store = opened()
    store.add([row(1)])
    clock.now += 365 * DAY
    store.sync()()
    assert len(lines(tmp_path / "out")) == 1
    clock.now += DAY
    store.sync()()
    assert list((tmp_path / "out").glob("*.jsonl")) == []


def test_a_torn_end_is_cut_off(opened: Callable[..., Store], tmp_path: Path) -> None:
    """It was never acknowledged, so it is taken when it comes again, and no line is spoiled by it."""
    file = tmp_path / "out" / "2026-11-20.mytool.jsonl"
    opened()
    file.write_text(row(1)[2])  # all that there is
    opened()
    assert file.read_bytes() == b""
    opened().add([row(1)])
    for torn in (row(2)[2], row(2)[2][:60], "x" * 40_000):
        with file.open("a") as stream:
            stream.write(torn)
        opened()
        assert lines(tmp_path / "out") == [row(1)[2]]
    assert opened().add([row(2), row(1)]) == 1
    assert lines(tmp_path / "out") == [row(1)[2], row(2)[2]]


@pytest.mark.parametrize("written", [0, 200, 230, 300])
def test_a_write_that_fails_leaves_nothing(
    opened: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """However much of it the disk took: given again, each record is there once; also when the day has changed."""
    store = opened()
    store.add([row(1)])
    real = os.write

    def failing(descriptor: int, content: Any) -> int:
        if len(content) < 400:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content[: max(written, len(content) - 399)])

    monkeypatch.setattr(os, "write", failing)
    with pytest.raises(OSError, match="No space"):
        store.add([row(2), row(3), row(4)])
    monkeypatch.setattr(os, "write", real)
    assert store.add([row(4), row(3), row(2)]) == 3
    assert lines(tmp_path / "out") == [row(number)[2] for number in (1, 4, 3, 2)]


def test_a_failed_write_is_cut_off_when_the_day_ends(
    opened: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Else its whole lines would be there once more beside those of the next day."""
    store = opened()
    real = os.write
    half = len(row(1)[2]) + 10

    def failing(descriptor: int, content: Any) -> int:
        if len(content) < half + 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content[:half])

    monkeypatch.setattr(os, "write", failing)
    with pytest.raises(OSError, match="No space"):
        store.add([row(1), row(2)])
    monkeypatch.setattr(os, "write", real)
    clock.now += DAY
    assert store.add([row(1), row(2)]) == 2
    assert lines(tmp_path / "out") == [row(1)[2], row(2)[2]]


@pytest.mark.parametrize("taken", [os.unlink, lambda path: os.rename(path, f"{path}.old")])
def test_a_file_that_is_taken_away(
    opened: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: Callable[[Path], None]
) -> None:
    """By whoever keeps the files, while it is open: what comes then is in a new one; the old one is whole."""
    brought: list[int] = []
    store = opened()
    store.add([row(1)])
    (old,) = (tmp_path / "out").glob("*.jsonl")
    inode = old.stat().st_ino
    taken(old)
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (brought.append(os.fstat(descriptor).st_ino), real(descriptor)))
    assert store.add([row(2)]) == 1
    assert store.add([row(3)]) == 1
    assert lines(tmp_path / "out") == [row(2)[2], row(3)[2]]
    assert brought == [inode]


def test_a_directory_that_is_taken_away(opened: Callable[..., Store], tmp_path: Path) -> None:
    """Nothing is taken; once it is back, everything is."""
    store = opened()
    store.add([row(1)])
    (tmp_path / "out").rename(tmp_path / "away")
    with pytest.raises(OSError, match="No such file"):
        store.add([row(2)])
    (tmp_path / "away").rename(tmp_path / "out")
    assert store.add([row(2)]) == 1
    assert lines(tmp_path / "out") == [row(1)[2], row(2)[2]]


def test_a_file_that_is_erased_to_make_room(
    opened: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a write that failed: the new file begins with its first line, not with as many zeros as the old one had."""
    store = opened()
    store.add([row(1)])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            store.add([row(2)])
    (old,) = (tmp_path / "out").glob("*.jsonl")
    old.unlink()
    assert store.add([row(2)]) == 1
    assert old.read_text() == row(2)[2] + "\n"


def test_the_room_of_a_file_that_was_erased(
    opened: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there at once, although nothing more comes from that tool: an open file would keep it until midnight."""
    made: list[int] = []
    real = room.files.open_ours

    def noted(path: str, flags: int) -> int:
        made.append(real(path, flags))
        return made[-1]

    monkeypatch.setattr(room.files, "open_ours", noted)
    store = opened()
    store.add([row(1), row(2, "other")])
    (tmp_path / "out" / "2026-11-20.mytool.jsonl").unlink()
    store.sync()()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(made[-2])
    assert os.fstat(made[-1]).st_size
    assert store.add([row(3), row(4, "other")]) == 2
    assert lines(tmp_path / "out") == [row(3)[2], row(2, "other")[2], row(4, "other")[2]]


def test_the_end_does_no_more_than_it_must(opened: Callable[..., Store], tmp_path: Path, clock: Clock) -> None:
    """What was written is on the disk and the directory is free, even if it was taken away, on a new day, too."""
    store = opened()
    store.add([row(1)])
    (tmp_path / "out").rename(tmp_path / "away")
    clock.now += DAY
    with pytest.raises(OSError, match="No such file"):
        store.sync()
    store.close()
    (tmp_path / "away").rename(tmp_path / "out")
    assert opened().add([row(1), row(2)]) == 1


def test_room_that_was_made(
    opened: Callable[..., Store], tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the bound, once a file of another day is taken away, there is room on the same day; none on a full disk."""
    store = opened(limit=40_000)
    store.add([row(number) for number in range(170)])
    clock.now += DAY
    assert store.full()
    (old,) = (tmp_path / "out").glob("*.jsonl")
    old.unlink()
    assert store.add([row(number) for number in range(170, 340)]) == 170
    assert store.full()
    for total, full in ((80_000, True), (0, False)):  # of 0 bytes is a tmpfs without a bound, by its own words
        usage = SimpleNamespace(total=total, free=min(total, 1_000))
        monkeypatch.setattr(room, "disk_usage", lambda _, usage=usage: usage)
        assert opened(limit=80_000).full() is full


def test_the_bound_of_all_files(opened: Callable[..., Store], tmp_path: Path) -> None:
    """Over it nothing is taken, and it says so before; with more room it is taken."""
    store = opened(limit=40_000)
    assert not store.full()
    store.add([row(number) for number in range(170)])
    assert store.full()
    with pytest.raises(OSError, match="bound"):
        store.add([row(number) for number in range(170, 500)])
    assert opened(limit=40_000).full()
    assert opened(limit=80_000).add([row(170), row(1)]) == 1


def test_only_so_many_tools(opened: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends under ever new names opens no more files than the bound."""
    monkeypatch.setattr(room, "TOOLS", 2)
    store = opened()
    assert [store.takes(tool) for tool in ("one", "two", "three", "one")] == [True, True, False, True]
    store.add([row(1, "one"), row(2, "two")])
    assert not store.takes("three")
    assert not opened().takes("three")


def test_the_newest_ids_are_known(opened: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one whole generation of them, whenever it is looked."""
    monkeypatch.setattr(room, "GENERATION", 10)
    store = opened()
    for number in range(100):
        store.add([row(number)])
        assert store.add([row(back) for back in range(max(0, number - 9), number + 1)]) == 0
    assert opened().add([row(back) for back in range(90, 100)]) == 0


def test_what_is_forgotten_is_erased_and_stays_away(opened: Callable[..., Store], tmp_path: Path, clock: Clock) -> None:
    """From every file, byte for byte, and for every restart; a record that comes later is not taken."""
    store = opened()
    store.add([row(1), row(2, secret=4711), row(3)])
    clock.now += DAY
    store.add([row(4, secret=4711)])
    store.forget([row(2)[1], row(4)[1], row(5)[1]])()
    kept = [row(1)[2], row(3)[2]]
    assert lines(tmp_path / "out") == kept
    assert not any(b"4711" in file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert [record["id"] for _, record in read.lines(store.files())] == [row(1)[1], row(3)[1]]
    for _ in range(2):
        assert store.add([row(2), row(4), row(5)]) == 0
        store = opened()
    assert store.add([row(6)]) == 1
    assert lines(tmp_path / "out") == [*kept, row(6)[2]]


def test_an_erasure_over_the_bound(opened: Callable[..., Store], tmp_path: Path) -> None:
    """Whoever fills the files keeps nobody from being forgotten."""
    store = opened(limit=40_000)
    store.add([row(number) for number in range(200)])
    with pytest.raises(OSError, match="bound"):
        store.add([row(number) for number in range(200, 500)])
    assert store.forget([row(number)[1] for number in range(200)])() == 200
    assert lines(tmp_path / "out") == []


def test_an_erasure_while_files_are_moved_away(opened: Callable[..., Store], tmp_path: Path, clock: Clock) -> None:
    """In those that are left, it is done."""
    store = opened()
    store.add([row(1)])
    clock.now += DAY
    store.add([row(2)])
    erase = store.forget([row(1)[1], row(2)[1]])
    (tmp_path / "out" / "2026-11-20.mytool.jsonl").rename(tmp_path / "away")
    assert erase() == 1
    assert lines(tmp_path / "out") == []


def test_an_erasure_that_a_crash_cut_short_is_done_at_the_start(opened: Callable[..., Store], tmp_path: Path) -> None:
    """The request was written down before anything was erased."""
    store = opened()
    store.add([row(1), row(2)])
    store.forget([row(1)[1]])  # and its work is never done
    opened()
    assert lines(tmp_path / "out") == [row(2)[2]]


@pytest.mark.parametrize("name", ["2026-11-20.mytool.jsonl", "2026-11-20.forgotten"])
def test_a_line_without_an_end_fills_no_memory(opened: Callable[..., Store], tmp_path: Path, name: str) -> None:
    """Whatever lies in the directory, it is read in pieces, at the start and by an erasure; what follows is found."""
    opened().add([row(1)])
    file = tmp_path / "out" / name
    with file.open("ab") as stream:
        stream.truncate(stream.tell() + (64 << 20))  # a hole: it takes no room on the disk
        stream.write(f"\n{row(2)[2 if name.endswith('jsonl') else 1]}\n".encode())
    tracemalloc.start()
    try:
        store = opened()
        store.forget([row(3)[1]])()
        opened()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
    assert opened().add([row(1), row(2)]) == 0


def test_a_line_longer_than_a_record_is_erased_whole(opened: Callable[..., Store], tmp_path: Path) -> None:
    """Nothing of it is left, and nothing beside it is touched, however many pieces it is read in."""
    opened().add([row(1)])
    file = tmp_path / "out" / "2026-11-20.mytool.jsonl"
    with file.open("a") as stream:
        for length in (16 * 1024 - 1, 16 * 1024, 40_000):
            stream.write(f"{row(2)[2][:60].ljust(length, 'x')}\n")
        stream.write(f"{row(3)[2]}\n")
    size = file.stat().st_size
    opened().forget([row(2)[1]])()
    assert lines(tmp_path / "out") == [row(1)[2], row(3)[2]]
    assert file.stat().st_size == size
    assert b"x" not in file.read_bytes()


def test_an_erasure_beside_writing(opened: Callable[..., Store], tmp_path: Path) -> None:
    """What is written between the two halves of it stays."""
    store = opened()
    store.add([row(1)])
    erase = store.forget([row(1)[1]])
    store.add([row(2)])
    erase()
    store.add([row(3)])
    assert lines(tmp_path / "out") == [row(2)[2], row(3)[2]]


def test_erasures_that_wait(opened: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of them there are, none holds its ids; the first one does the work of all, those after it none."""
    store = opened()
    store.add([row(1), row(2), row(3)])
    store.forget([row(number)[1] for number in range(1000)])  # as many as are to be kept
    tracemalloc.start()
    try:
        works = [store.forget([row(number)[1] for number in range(1000)]) for _ in range(100)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 256 << 10  # 100 lists would be 20 MB
    assert works[0]() == 3
    monkeypatch.setattr(room, "opened", Mock(side_effect=AssertionError("no file is read again")))
    assert [work() for work in works[1:]] == [0] * 99


def test_an_id_more_to_forget(opened: Callable[..., Store]) -> None:
    """It does not copy those that are forgotten already, of which there may be a million."""
    store = opened()
    store.forget([row(number)[1] for number in range(50_000)])
    tracemalloc.start()
    try:
        store.forget([row(50_000)[1]])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 << 10  # a copy would be 2 MiB


def test_an_erasure_that_failed_is_not_done(opened: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits behind it does the work of both."""
    store = opened()
    store.add([row(1), row(2)])
    works = [store.forget([row(number)[1]]) for number in (1, 2)]
    with monkeypatch.context() as patched:
        patched.setattr(room, "opened", Mock(side_effect=OSError(errno.EIO, "the disk")))
        with pytest.raises(OSError, match="the disk"):
            works[0]()
    assert works[1]() == 2


def test_ids_are_forgotten_for_as_long_as_they_may_come(
    opened: Callable[..., Store], monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """After 31 days they take no room among those that can be forgotten, without a restart; before, they do."""
    monkeypatch.setattr(room, "FORGOTTEN", 2)
    store = opened()
    store.forget([row(1)[1]])
    clock.now += 20 * DAY
    store.forget([row(2)[1]])
    clock.now += 10 * DAY
    with pytest.raises(OSError, match="too many"):
        store.forget([row(3)[1]])
    clock.now += 2 * DAY
    store.forget([row(3)[1]])
    assert store.add([row(1), row(2), row(3)]) == 1


def test_only_so_many_ids_are_forgotten(opened: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has ever more of them is told that it cannot be kept; the same ones again are no more."""
    monkeypatch.setattr(room, "FORGOTTEN", 2)
    store = opened()
    store.forget([row(1)[1], row(2)[1]])
    store.forget([row(2)[1]])
    with pytest.raises(OSError, match="too many"):
        store.forget([row(3)[1]])


def test_one_collector_a_directory(opened: Callable[..., Store], tmp_path: Path) -> None:
    """A second one is refused, until the first has ended."""
    opened()
    with pytest.raises(BlockingIOError):
        Store(str(tmp_path / "out"))
    opened()


def test_a_planted_link_is_not_followed(opened: Callable[..., Store], tmp_path: Path) -> None:
    """A symbolic link at a file's name: nothing is written, and nothing is taken."""
    store = opened()
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "out" / "2026-11-20.mytool.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r".*"):
        store.add([row(1)])
    (tmp_path / "out" / "2026-11-20.mytool.jsonl").unlink()
    assert store.add([row(1)]) == 1
    assert (tmp_path / "elsewhere").read_text() == ""


def test_what_was_written_is_brought_to_the_disk(opened: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file that was written to, once, and the last ones at the end."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(descriptor))
    store = opened()
    store.add([row(1), row(2, "other")])
    store.sync()()
    assert len(synced) == 2
    store.sync()()
    assert len(synced) == 2
    store.add([row(3)])
    opened()
    assert len(synced) == 3


@pytest.mark.parametrize("call", ["dup", "fsync"])
def test_a_file_that_could_not_be_brought_to_the_disk(
    opened: Callable[..., Store], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Without a descriptor, or on a disk that refuses: it says so, and no copy is left open."""
    store = opened()
    store.add([row(1), row(2, "other"), row(3, "third")])
    made: list[int] = []
    real, fsync = os.dup, os.fsync

    def dup(descriptor: int) -> int:
        if call == "dup" and made:
            raise OSError(errno.EMFILE, "Too many open files")
        made.append(real(descriptor))
        return made[-1]

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "dup", dup)
        patched.setattr(os, "fsync", refuse if call == "fsync" else fsync)
        with pytest.raises(OSError, match=r"Too many|Input/output"):
            store.sync()()
    assert len(made) == (1 if call == "dup" else 3)
    for descriptor in made:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(descriptor)
    brought: list[int] = []
    monkeypatch.setattr(os, "fsync", brought.append)
    store.sync()()
    assert len(brought) == (3 if call == "dup" else 0)
