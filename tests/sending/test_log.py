"""The log on disk: one write a batch, whole lines, shared by processes, and never anything but a file of ours."""

import errno
import json
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import names
from discreet.log import Encoder, Log

PROCESSES, BATCHES, LINES = 8, 40, 5
WRITER = """
import errno
import sys
import time
from discreet import names
from discreet.log import Encoder, Log

directory, file_bytes, batches, lines = sys.argv[1], *map(int, sys.argv[2:])
encoder = Encoder("mytool", "1.0")
log = Log(names.Paths("mytool", {}, directory), file_bytes=file_bytes)
print("ready", flush=True)
sys.stdin.readline()
for batch in range(batches):
    todo = [encoder.encode("search", {"n": batch * lines + line}) for line in range(lines)]
    while todo:
        try:
            todo = todo[log.append(todo):]
        except OSError as error:
            # Whoever rotates was held up, and the others have filled the log to its bound: refused, and tried again.
            if error.errno != errno.EFBIG:
                raise
            time.sleep(0.001)
"""


def lines_of(count: int, start: int = 0) -> list[bytes]:
    """Lines that can be told apart."""
    encoder = Encoder("mytool", "1.0")
    return [encoder.encode("search", {"n": start + n}) for n in range(count)]


def numbers(records: list[dict[str, Any]]) -> list[int]:
    """What tells them apart."""
    return [record["properties"]["n"] for record in records]


@pytest.fixture
def write_at_once(tmp_path: Path, directory: Path) -> Callable[..., None]:
    """Let eight real processes append to one log at the same time."""

    def write(file_bytes: int, *, batches: int = BATCHES, lines: int = LINES) -> None:
        script = tmp_path / "writer.py"
        script.write_text(WRITER)
        command = [
            sys.executable,
            "-W",
            "error",
            str(script),
            str(directory),
            str(file_bytes),
            str(batches),
            str(lines),
        ]
        writers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(PROCESSES)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write(b"go\n")
            writer.stdin.flush()
        errors = [writer.communicate(timeout=30)[1] for writer in writers]
        assert errors == [b""] * PROCESSES

    return write


def test_a_batch_is_one_write(paths: names.Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lines a batch has, the system is asked to write once: other processes' lines cannot come between."""
    written = []
    real = os.write

    def counting(descriptor: int, data: bytes) -> int:
        written.append(bytes(data))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", counting)
    batch = lines_of(100)
    assert Log(paths).append(batch) == 100
    assert written == [b"".join(batch)]


def test_lines_are_appended(paths: names.Paths, read_log: Any) -> None:
    """Later batches, of this log object and of another one, follow the earlier ones."""
    log = Log(paths)
    log.append(lines_of(2))
    log.append(lines_of(2, 2))
    Log(paths).append(lines_of(2, 4))
    assert numbers(read_log()) == [0, 1, 2, 3, 4, 5]


def test_eight_processes_share_a_log(write_at_once: Any, read_log: Any) -> None:
    """Of eight processes that write at once no line is torn, lost or doubled, and each one's order is kept."""
    write_at_once(names.LOG_FILE_BYTES)
    records = read_log()
    runs = Counter(record["run"] for record in records)
    assert set(runs.values()) == {BATCHES * LINES}
    assert len(runs) == PROCESSES
    for run in runs:
        assert numbers([record for record in records if record["run"] == run]) == list(range(BATCHES * LINES))


def test_eight_processes_share_a_rotation(write_at_once: Any, read_log: Any, directory: Path) -> None:
    """Nothing is lost or doubled where eight processes rotate at once, as long as nothing goes over the edge."""
    total = PROCESSES * BATCHES * LINES * len(lines_of(1, 100)[0])
    write_at_once(total // 3)  # so that the fourth file is never needed for long, and none is dropped
    records = read_log()
    # Two, but where a busy machine interrupts who rotates: the second file may then grow to twice its size.
    assert any(directory.glob("usage.*.jsonl")), "no rotation happened: the test would be empty"
    assert len({record["id"] for record in records}) == len(records) == PROCESSES * BATCHES * LINES


@pytest.mark.parametrize("torn", [b'{"v":1,"id":"3f8e', b"x", b"\x00\xff"], ids=repr)
def test_a_torn_line_is_closed(paths: names.Paths, directory: Path, torn: bytes) -> None:
    """What somebody's crash left without a newline gets one, so the next record is a line of its own."""
    log = Log(paths)
    log.append(lines_of(1))
    with (directory / "usage.jsonl").open("ab") as file:
        file.write(torn)
    batch = lines_of(2, 1)
    assert log.append(batch) == 2
    content = (directory / "usage.jsonl").read_bytes().split(b"\n")
    assert content[1] == torn
    assert content[2:] == [*(line[:-1] for line in batch), b""]


def test_a_whole_line_gets_no_second_newline(paths: names.Paths, directory: Path) -> None:
    """After a log that ends as it should, no empty line appears."""
    for number in range(3):
        Log(paths).append(lines_of(1, number))
    assert b"\n\n" not in (directory / "usage.jsonl").read_bytes()


@pytest.mark.parametrize("torn_before", [False, True])
@pytest.mark.parametrize(
    "cut", ["nothing", "one byte", "in a line", "before a newline", "after a line", "last newline"]
)
def test_a_short_write_doubles_nothing(
    paths: names.Paths, directory: Path, monkeypatch: pytest.MonkeyPatch, cut: str, torn_before: bool
) -> None:
    """Where the disk takes a part, exactly the lines that are whole on it count as written; writing the rest again, as
    the sender does, leaves each record on the log once.
    """
    log = Log(paths)
    first = lines_of(1)
    log.append(first)
    if torn_before:
        with (directory / "usage.jsonl").open("ab") as file:
            file.write(b"torn")
    batch = lines_of(3, 1)
    length = len(batch[0])
    cuts = {"nothing": 0, "one byte": 1, "in a line": length + length // 2, "before a newline": 2 * length - 1}
    taken = {**cuts, "after a line": 2 * length, "last newline": 3 * length - 1}[cut]
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[: taken + torn_before]))
        whole = log.append(batch)
    assert whole == {"nothing": 0, "one byte": 0, "in a line": 1, "last newline": 3}.get(cut, 2)
    rest = batch[whole:]
    assert log.append(rest) == len(rest) if rest else True
    log.append(lines_of(1, 9))
    seen = Counter()
    for line in (directory / "usage.jsonl").read_bytes().splitlines():
        try:
            seen[json.loads(line)["id"]] += 1
        except ValueError:
            assert line.startswith((b"torn", b"{"))
    assert set(seen.values()) == {1}
    assert len(seen) == 5


def test_an_error_of_the_disk_is_raised(paths: names.Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is the sender's to deal with: the error comes through, and no descriptor stays open."""
    log = Log(paths)
    log.append(lines_of(1))

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            log.append(lines_of(1, 1))
    assert not before or len(os.listdir("/proc/self/fd")) == before


def test_modes(paths: names.Paths, directory: Path) -> None:
    """Nobody else may look: the log is 0600, its directory 0700, whatever a usual umask would allow."""
    before = os.umask(0)
    try:
        Log(paths).append(lines_of(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "usage.jsonl").stat().st_mode) == 0o600


def test_the_directory_comes_back(paths: names.Paths, directory: Path, read_log: Any) -> None:
    """A directory removed while the process runs is made again for the next batch."""
    log = Log(paths)
    log.append(lines_of(1))
    (directory / "usage.jsonl").unlink()
    directory.rmdir()
    log.append(lines_of(1, 1))
    assert numbers(read_log()) == [1]


def make_directory(path: Path) -> None:
    """A directory at the name."""
    path.mkdir()


def make_fifo(path: Path) -> None:
    """A FIFO at the name, with nobody at the other end."""
    os.mkfifo(path)


def make_link(path: Path) -> None:
    """A symbolic link at the name, to a file that exists."""
    victim = path.parent / "victim"
    victim.write_text("precious\n")
    path.symlink_to(victim)


def make_dangling_link(path: Path) -> None:
    """A symbolic link at the name, to a file that does not exist."""
    path.symlink_to(path.parent / "victim")


def make_device_link(path: Path) -> None:
    """A symbolic link at the name, to a device."""
    path.symlink_to("/dev/full")


def make_device(path: Path) -> None:
    """A device at the name: one that swallows everything."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


@pytest.mark.parametrize(
    "plant", [make_directory, make_fifo, make_link, make_dangling_link, make_device_link, make_device]
)
def test_only_a_regular_file_is_a_log(paths: names.Paths, directory: Path, plant: Callable[[Path], None]) -> None:
    """A directory, FIFO, symbolic link or device at the name is refused at once, left as it is, never followed."""
    directory.mkdir()
    plant(directory / "usage.jsonl")
    before = {path.name: os.lstat(path).st_mode for path in directory.iterdir()}
    with pytest.raises(OSError, match=r".") as caught:
        Log(paths).append(lines_of(1))
    assert caught.value.errno in (errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO)
    assert {path.name: os.lstat(path).st_mode for path in directory.iterdir()} == before
    if (directory / "victim").exists():
        assert (directory / "victim").read_text() == "precious\n"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused(paths: names.Paths, directory: Path) -> None:
    """A log that belongs to somebody else is not written to, although root could."""
    Log(paths).append(lines_of(1))
    os.chown(directory / "usage.jsonl", 12345, -1)
    content = (directory / "usage.jsonl").read_bytes()
    with pytest.raises(PermissionError):
        Log(paths).append(lines_of(1, 1))
    assert (directory / "usage.jsonl").read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="no such numbers")
@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_host_that_has_closed_a_stream(
    paths: names.Paths, monkeypatch: pytest.MonkeyPatch, read_log: Any, directory: Path, closed: int
) -> None:
    """What it prints, to nobody as it thinks, does not get into the log, which never has that number while it is open
    for writing.
    """
    used: list[int] = []
    real, held = os.write, os.dup(closed)
    os.close(closed)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda descriptor, content: used.append(descriptor) or real(descriptor, content))
            Log(paths).append(lines_of(1))
    finally:
        os.dup2(held, closed)
        os.close(held)
    assert numbers(read_log(directory)) == [0]
    assert used
    assert min(used) > 2
