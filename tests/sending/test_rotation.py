"""The log's bound: four files by size, a year by age, whatever lies at the names."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from discreet import directories, names, rotation
from discreet.log import Encoder, Log

FILES = ["usage.jsonl", "usage.1.jsonl", "usage.2.jsonl", "usage.3.jsonl"]
DAY = 86400.0


def fill(log: Log, count: int, start: int = 0, days: float = 0.0) -> int:
    """Append so many numbered lines, one a batch, of so many days ago; the length of the longest."""
    encoder = Encoder("mytool", "1.0")
    longest = 0
    for n in range(start, start + count):
        line = encoder.encode("search", {"n": n}, lambda: time.time() - days * DAY)
        longest = max(longest, len(line))
        assert log.append([line]) == 1
    return longest


def numbers(records: list[dict[str, Any]]) -> list[int]:
    """What tells the records apart."""
    return [record["properties"]["n"] for record in records]


def test_rotation_at_size(paths: names.Paths, directory: Path, read_log: Any) -> None:
    """A file is rotated before it grows past its size; the newest records are in the log itself, none is lost."""
    log = Log(paths, file_bytes=2000)
    longest = fill(log, 25)
    assert longest * 8 < 2000 < longest * 13
    assert sorted(file.name for file in directory.iterdir()) == sorted(FILES[:3])
    assert all(file.stat().st_size <= 2000 for file in directory.iterdir())
    assert numbers(read_log()) == list(range(25))


def test_the_oldest_file_goes(paths: names.Paths, directory: Path, read_log: Any) -> None:
    """There are never more than four files; what is left is an unbroken row of the newest records."""
    log = Log(paths, file_bytes=2000)
    fill(log, 200)
    assert sorted(file.name for file in directory.iterdir()) == sorted(FILES)
    kept = numbers(read_log())
    assert kept == list(range(200 - len(kept), 200))
    assert len(kept) >= 3 * 2000 // 250


def test_a_batch_larger_than_a_file(paths: names.Paths, directory: Path, read_log: Any) -> None:
    """A batch that fits no file is written whole into an empty one rather than refused or cut."""
    log = Log(paths, file_bytes=1000)
    encoder = Encoder("mytool", "1.0")
    for start in (0, 20):
        batch = [encoder.encode("search", {"n": n}) for n in range(start, start + 20)]
        assert sum(map(len, batch)) > 2000
        assert log.append(batch) == 20
    assert numbers(read_log()) == list(range(40))
    assert sorted(file.name for file in directory.iterdir()) == sorted(FILES[:2])


@pytest.mark.parametrize("occupied", [[1], [2], [3], [1, 2], [2, 3], [1, 3], [1, 2, 3]], ids=str)
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "not empty"])
def test_an_occupied_name(paths: names.Paths, directory: Path, occupied: list[int], empty: bool) -> None:
    """With a directory at a rotated name recording goes on as far as it can, and the total stays bounded: at most four
    names, none over twice its size. The directory and what is in it survive.
    """
    for number in occupied:
        planted = directory / FILES[number]
        planted.mkdir(parents=True)
        if not empty:
            (planted / "precious").write_text("mine")
    log = Log(paths, file_bytes=2000)
    encoder = Encoder("mytool", "1.0")
    refused = 0
    for n in range(300):
        try:
            log.append([encoder.encode("search", {"n": n})])
        except OSError:
            refused += 1
    found = [file for file in directory.iterdir() if file.is_file()]
    assert {file.name for file in directory.iterdir()} <= set(FILES)
    assert found
    assert all(file.stat().st_size <= 2 * 2000 for file in found)
    assert empty or len(list(directory.glob("*/precious"))) == len(occupied)
    assert not refused or len(occupied) > 1, "one directory in the way stops nothing"


def test_a_link_at_a_rotated_name_is_replaced(paths: names.Paths, directory: Path, tmp_path: Path) -> None:
    """Rotation renames over a symbolic link and never writes through it."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    directory.mkdir()
    (directory / FILES[3]).symlink_to(victim)
    (directory / FILES[1]).symlink_to(victim)
    fill(Log(paths, file_bytes=1000), 100)
    assert victim.read_text() == "precious"
    assert not any(file.is_symlink() for file in directory.iterdir())


def test_only_the_file_that_was_too_large_is_shifted(paths: names.Paths, directory: Path) -> None:
    """Where another process has rotated meanwhile, the new log is left where it is; and nothing is shifted where there
    is none yet.
    """
    log = Log(paths, file_bytes=10**6)
    fill(log, 1)
    inode = (directory / FILES[0]).stat().st_ino
    rotation.rotate(paths, inode + 1)
    assert [file.name for file in directory.iterdir()] == [FILES[0]]
    for _ in range(2):
        rotation.rotate(paths, inode)
        assert [file.name for file in directory.iterdir()] == [FILES[1]]


def test_one_process_at_a_time_rotates(paths: names.Paths, directory: Path) -> None:
    """While another process holds the lock nobody renames: it may be half-way through the row."""
    fill(Log(paths), 1)
    inode = (directory / FILES[0]).stat().st_ino
    with directories.DirectoryLock(str(directory)) as held:
        assert held
        rotation.rotate(paths, inode)
    assert [file.name for file in directory.iterdir()] == [FILES[0]]


def test_files_older_than_a_year_are_erased(paths: names.Paths, directory: Path) -> None:
    """A file that nobody has written to for 365 days is gone at the first append after a silence; younger ones stay."""
    fill(Log(paths, file_bytes=2000), 200, days=365.1)
    now = time.time()
    for name, days in zip(FILES, (364.9, 364.9, 365.1, 800.0), strict=True):
        os.utime(directory / name, (now - days * DAY, now - days * DAY))
    fill(Log(paths, file_bytes=2000), 1)
    assert sorted(file.name for file in directory.iterdir()) == sorted(FILES[:2])


@pytest.mark.parametrize(("idle", "unwritten", "gone"), [(3601, 3601, True), (3500, 3601, False), (3601, 3500, False)])
def test_a_process_that_lives_for_years_erases_old_files(
    paths: names.Paths, monkeypatch: pytest.MonkeyPatch, idle: float, unwritten: float, gone: bool
) -> None:
    """It looks after each hour without a record, not after its first one only. Nor while the log is in use; and not
    because a clock was set.
    """
    log, directory = Log(paths), Path(paths.directory)
    fill(log, 1)
    steady, ahead = time.monotonic, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: steady() + ahead)
    now = time.time()
    for _ in range(2):
        (directory / FILES[2]).touch()
        os.utime(directory / FILES[2], (now - 366 * DAY, now - 366 * DAY))
        os.utime(directory / FILES[0], (now - unwritten, now - unwritten))
        ahead += idle
        fill(log, 1)
        assert (directory / FILES[2]).exists() is not gone


def test_an_old_log_begins_anew(paths: names.Paths, directory: Path, read_log: Any) -> None:
    """The log itself is erased too when it is a year old, and the record that found it so is kept."""
    fill(Log(paths), 3, days=366)
    os.utime(directory / FILES[0], (time.time() - 366 * DAY,) * 2)
    fill(Log(paths), 1, 7)
    assert numbers(read_log()) == [7]


@pytest.mark.parametrize("days", [5.0, -1.0, -800.0], ids=["", "after it was a day ahead", "after it was years ahead"])
@pytest.mark.parametrize("written", [20.0, -800 * DAY], ids=["1970", "years behind"])
def test_a_clock_that_was_behind_erases_nothing(
    paths: names.Paths, directory: Path, read_log: Any, written: float, days: float
) -> None:
    """One command before the network has set the clock right dates the whole log years back. What is in it is of the
    last year all the same, or of a time to come, and stays; so does what that command recorded.
    """
    now = time.time()
    behind = written if written > 0 else now + written
    fill(Log(paths), 3, days=days)
    fill(Log(paths, clock=lambda: behind), 1, 3, days=(now - behind) / DAY)
    os.utime(directory / FILES[0], (behind, behind))
    fill(Log(paths), 1, 4)
    assert numbers(read_log()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("days", "stays"), [(365.1, False), (364.9, True)])
def test_an_old_file_is_one_without_a_record_of_the_last_year(
    paths: names.Paths, directory: Path, days: float, stays: bool
) -> None:
    """To the hour, also of a file that was rotated; what follows it goes its own way."""
    fill(Log(paths), 3, days=days)
    with (directory / FILES[0]).open("ab") as log:
        log.write(b'{"time":"~"}\n{"time":""}\n\n"time":"yesterday"')  # says nothing
    (directory / FILES[0]).replace(directory / FILES[2])
    os.utime(directory / FILES[2], (time.time() - 366 * DAY,) * 2)
    fill(Log(paths), 1)
    rotation.erase_old(paths, time.time())
    assert sorted(file.name for file in directory.iterdir()) == sorted(FILES[0 : 3 if stays else 1 : 2])


@pytest.mark.parametrize("full", [False, True], ids=["after a silence", "at a rotation"])
def test_a_record_waits_for_no_look_at_old_files(
    paths: names.Paths, directory: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """To read two megabytes may take a slow file system longer than a short command lives: the record is written
    before that. Else no command wrote any, since each began with the same look.
    """
    fill(Log(paths), 3, days=366)
    (directory / FILES[0]).replace(directory / FILES[1])
    os.utime(directory / FILES[1], (time.time() - 366 * DAY,) * 2)
    fill(Log(paths), 3, days=1)
    os.utime(directory / FILES[0], (time.time() - DAY * (not full),) * 2)
    looks: list[bool] = []
    real = rotation.files.open_ours

    def look(path: str, flags: int) -> int:
        looks.append(b'"n":7}' in (directory / FILES[0]).read_bytes())
        return real(path, flags)

    monkeypatch.setattr(rotation.files, "open_ours", look)
    fill(Log(paths, file_bytes=1 if full else names.LOG_FILE_BYTES), 1, 7)
    assert looks == [True]
    assert sorted(file.name for file in directory.iterdir()) == sorted(FILES[: 1 + full])


def test_an_old_file_that_cannot_be_read_stays(
    paths: names.Paths, directory: Path, read_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it can be told what is in it."""

    def refuse(*_: object) -> int:
        raise OSError(5, "Input/output error")

    fill(Log(paths), 3, days=366)
    os.utime(directory / FILES[0], (time.time() - 366 * DAY,) * 2)
    with monkeypatch.context() as patched:
        patched.setattr(rotation.files, "open_ours", refuse)
        fill(Log(paths), 1, 7)
    assert numbers(read_log()) == [0, 1, 2, 7]


def test_what_the_dead_left_half_written_is_erased(paths: names.Paths, directory: Path) -> None:
    """After a day; what was begun since, or only looks alike, stays."""
    directory.mkdir(parents=True)
    now = time.time()
    alike = ("notes.1.0123abcd", "salt.x.0123abcd", "salt.1.0123abcx", "salt.1.0123abc", "salt")
    hers = [*(f"{name}.tmp" for name in alike), "tmp"]
    for name in ("delivery.json.77.0123abcd.tmp", "salt.1.deadbeef.tmp", *hers):
        (directory / name).touch()
        os.utime(directory / name, (now - DAY - 1, now - DAY - 1))
    (directory / "salt.2.deadbeef.tmp").touch()
    os.utime(directory / "salt.2.deadbeef.tmp", (now - DAY + 60, now - DAY + 60))
    fill(Log(paths), 1)
    assert len(list(directory.iterdir())) == 10  # nobody looks while the log is in use
    os.utime(directory / FILES[0], (now - 3601, now - 3601))
    fill(Log(paths), 1)
    assert {path.name for path in directory.iterdir()} == {FILES[0], "salt.2.deadbeef.tmp", *hers}


def test_a_directory_that_cannot_be_listed(
    paths: names.Paths, directory: Path, read_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that may be searched and not read takes records all the same, whenever it was last written to."""

    def refuse(*_: object) -> None:
        refused.append(True)
        raise PermissionError(13, "Permission denied")

    refused: list[bool] = []
    fill(Log(paths), 1)
    os.utime(directory / FILES[0], (time.time() - 3601, time.time() - 3601))
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", refuse)
        fill(Log(paths), 1, 1)
    assert refused
    assert numbers(read_log()) == [0, 1]


def test_old_files_are_looked_for_at_a_rotation(paths: names.Paths, directory: Path) -> None:
    """A process that never pauses still erases old files, whenever it rotates."""
    log = Log(paths, file_bytes=2000)
    fill(log, 1)
    (directory / FILES[3]).write_bytes(b"")
    os.utime(directory / FILES[3], (time.time() - 366 * DAY,) * 2)
    fill(log, 15)
    assert sorted(file.name for file in directory.iterdir()) == sorted(FILES[:2])


def test_an_old_directory_is_no_reason_to_stop(paths: names.Paths, directory: Path, read_log: Any) -> None:
    """What cannot be erased, such as an old directory at a rotated name, is left, and recording goes on."""
    planted = directory / FILES[2]
    planted.mkdir(parents=True)
    os.utime(planted, (time.time() - 366 * DAY,) * 2)
    fill(Log(paths, file_bytes=2000), 25)
    assert len(read_log_files(directory)) == 25


def read_log_files(directory: Path) -> list[bytes]:
    """The lines of all files of the log that are files."""
    return [line for file in directory.iterdir() if file.is_file() for line in file.read_bytes().splitlines()]


@pytest.mark.parametrize("refused", [1, 2])
def test_a_disk_that_refuses_one_of_the_renames(
    paths: names.Paths, directory: Path, read_log: Any, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    """A file that cannot be renamed is not renamed over: all lines stay, and a later append rotates."""
    log = Log(paths, file_bytes=1000)
    fill(log, 10)
    assert (directory / FILES[2]).exists()
    real, failed = os.replace, []

    def replace(source: str, target: str) -> None:
        if not failed and source == rotation.nth(paths, refused):
            failed.append(source)
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    fill(log, 4, 10)
    assert failed
    assert numbers(read_log()) == list(range(14))
