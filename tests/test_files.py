"""Private files: whole or not at all, nobody else's to read, never through a link; directories; and the lock."""

import ast
import contextlib
import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discreet import directories, files
from discreet.sending import handover

FULL = OSError(errno.ENOSPC, "No space left on device")
HOLDER = """
import os, sys
from discreet.directories import DirectoryLock

with DirectoryLock(sys.argv[1]) as held:
    print(held, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file is to be."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "file"


@pytest.fixture
def open_mask() -> Iterator[None]:
    """A user whose umask forbids nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


STREAMLESS = """
import fcntl, os, sys
from discreet import files

for descriptor in (0, 1):
    os.close(descriptor)
ends = os.pipe()
if sys.argv[1:]:
    real = [fcntl.fcntl]
    def once(*given):
        if not real:
            raise OSError(24, "Too many open files")
        return real.pop()(*given)
    fcntl.fcntl = once
try:
    moved = files.past_streams(*ends)
except OSError:
    moved = ()
held = []
for number in range(64):
    try:
        os.fstat(number)
        held.append(number)
    except OSError:
        pass
os.write(2, repr((ends, moved, held, [os.get_inheritable(one) for one in moved])).encode())
"""


@pytest.mark.skipif(os.name == "nt", reason="no such numbers")
@pytest.mark.parametrize("closed", [0, 1, 2])
@pytest.mark.parametrize("move", [files.past_streams, handover._past_streams])
def test_past_one_stream(closed: int, move: Callable[..., tuple[int, ...]]) -> None:
    """Whichever of the three a host has closed, nothing of ours has its number."""
    held = os.dup(closed)
    os.close(closed)
    try:
        ends = os.pipe()
        moved = move(*ends)
    finally:
        os.dup2(held, closed)
        os.close(held)
    assert min(ends) == closed
    assert min(moved) > 2
    for descriptor in moved:
        os.close(descriptor)


@pytest.mark.skipif(os.name == "nt", reason="no such numbers")
@pytest.mark.parametrize(
    ("refused", "said"), [([], ((0, 1), (3, 4), [2, 3, 4], [False, False])), (["once"], ((0, 1), (), [2], []))]
)
def test_past_the_streams(run_python: Any, refused: list[str], said: object) -> None:
    """What has the number of a closed stream is moved past them all, and inherited by nobody; where the system refuses
    that all of it is closed.
    """
    assert ast.literal_eval(run_python(STREAMLESS, *refused).stderr) == said


@pytest.mark.usefixtures("open_mask")
@pytest.mark.parametrize("replace", [True, False])
def test_a_file_is_private_and_alone(path: Path, replace: bool) -> None:
    """The file holds the content, is for its owner only, has one name, and no temporary file stays."""
    files.write_private(str(path), b"content", replace=replace)
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    assert list(path.parent.iterdir()) == [path]


def test_an_existing_file_is_replaced_or_wins(path: Path) -> None:
    """By default the new content replaces the old; told not to, the old one stays, and the caller hears of it."""
    files.write_private(str(path), b"old")
    files.write_private(str(path), b"new")
    assert path.read_bytes() == b"new"
    with pytest.raises(FileExistsError):
        files.write_private(str(path), b"newer", replace=False)
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("replace", [True, False])
def test_without_hard_links(path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool) -> None:
    """On a file system that knows no hard links both still hold."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    files.write_private(str(path), b"old", replace=replace)
    assert path.read_bytes() == b"old"
    with pytest.raises(FileExistsError):
        files.write_private(str(path), b"new", replace=False)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_two_at_once_without_hard_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, too, one of two that make the file in the same moment is told that the other was first."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    made: list[bytes] = []

    def make(content: bytes) -> None:
        with contextlib.suppress(OSError):
            files.write_private(str(path), content, replace=False)
            made.append(content)

    exists, other = os.path.lexists, threading.Thread(target=make, args=(b"other",))

    def overtaken(name: str) -> bool:
        found = exists(name)
        if not other.ident:
            other.start()
            other.join(0.02)  # it cannot end before the first has its name
        return found

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os.path, "lexists", overtaken)
    make(b"first")
    other.join()
    assert made == [b"first"]
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


def test_a_lock_that_another_has_for_a_moment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, over an empty file too, or the note of a first run would be left to chance."""
    path.touch()
    lock = directories.DirectoryLock(str(path.parent))
    assert lock.__enter__()
    monkeypatch.setattr(directories, "time", SimpleNamespace(sleep=lambda _: lock.__exit__()))
    files.write_private(str(path), b"new", replace=False)
    assert path.read_bytes() == b"new"


def test_a_short_write_is_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system takes a byte at a time, the file is whole all the same."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:1]))
    files.write_private(str(path), b"content")
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("call", ["open", "write", "close", "replace"])
def test_a_failure_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Whatever call fails, the error comes through, the old content is untouched, and no temporary file stays."""
    files.write_private(str(path), b"old")
    real: Callable[..., Any] = getattr(os, call)

    def fail(*arguments: Any, **named: Any) -> None:
        if call == "close":
            real(*arguments, **named)
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space"):
            files.write_private(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_was_made_although_its_opening_failed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system over a network may do what it says that it did not: nothing is left beside the old file."""
    path.write_bytes(b"old")
    opened = os.open

    def lost(*arguments: Any) -> int:
        os.close(opened(*arguments))
        raise FULL

    monkeypatch.setattr(os, "open", lost)
    with pytest.raises(OSError, match="No space left"):
        files.write_private(str(path), b"new")
    monkeypatch.undo()
    assert [path.read_bytes(), *path.parent.iterdir()] == [b"old", path]


@pytest.mark.parametrize("replace", [True, False])
def test_a_link_is_never_followed(path: Path, tmp_path: Path, replace: bool) -> None:
    """A symbolic link at the name is replaced, or wins as the thing it is; what it points to is never written."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    if replace:
        files.write_private(str(path), b"content")
        assert not path.is_symlink()
    else:
        with pytest.raises(FileExistsError):
            files.write_private(str(path), b"content", replace=False)
    assert victim.read_text() == "precious"


def test_readers_see_the_old_or_the_new(path: Path) -> None:
    """A reader at any moment finds one content or the other, whole."""
    contents = [b"a" * 50_000, b"b" * 70_000]
    files.write_private(str(path), contents[0])
    seen = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        files.write_private(str(path), contents[number % 2])
    done.set()
    reader.join(10.0)
    assert seen <= set(contents)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("opt-in.12.0123abcd.tmp", "opt-in"),
        ("a.b.12.0123abcd.tmp", "a.b"),
        ("opt-in.12.0123abc.tmp", ""),
        ("opt-in.12.0123abcde.tmp", ""),
        ("opt-in.\u0661\u0662.0123abcd.tmp", ""),
        ("opt-in.12.0123ABCD.tmp", ""),
        ("opt-in.x.0123abcd.tmp", ""),
        ("12.0123abcd.tmp", ""),
    ],
)
def test_what_was_not_finished(name: str, of: str) -> None:
    """The names that a file has while it is written, and no others."""
    assert files.unfinished(name) == of


@pytest.mark.usefixtures("open_mask")
def test_directories_are_private(tmp_path: Path) -> None:
    """All missing directories down to the named one are made, each for its owner only; those that exist stay alone."""
    (tmp_path / "home").chmod(0o755)  # made by a fixture
    target = tmp_path / "home" / ".mytool" / "telemetry"
    for _ in range(2):
        directories.make_directory(str(target), below=str(tmp_path / "home"))
    assert [stat.S_IMODE(one.stat().st_mode) for one in (target, target.parent, target.parent.parent)] == [
        0o700,
        0o700,
        0o755,
    ]


def test_no_home_is_made(tmp_path: Path) -> None:
    """A home that is missing stays missing, and the caller hears of it."""
    home = tmp_path / "missing"
    with pytest.raises(FileNotFoundError):
        directories.make_directory(str(home / ".mytool" / "telemetry"), below=str(home))
    assert not home.exists()


@pytest.mark.parametrize("where", [".mytool", ".mytool/telemetry"])
def test_a_file_in_the_way(tmp_path: Path, where: str) -> None:
    """A file where a directory should be is an error, and stays as it is."""
    (tmp_path / where).parent.mkdir(exist_ok=True)
    (tmp_path / where).write_text("precious")
    with pytest.raises(OSError, match=r"[Nn]ot a directory"):
        directories.make_directory(str(tmp_path / ".mytool" / "telemetry"), below=str(tmp_path))
    assert (tmp_path / where).read_text() == "precious"


def test_directories_at_once(tmp_path: Path) -> None:
    """Threads that make the same directories at once all succeed."""
    errors: list[OSError] = []

    def make(number: int) -> None:
        for attempt in range(50):
            try:
                directories.make_directory(str(tmp_path / str(attempt) / "a" / "b"), below=str(tmp_path))
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert errors == []


def test_empty_directories_go(tmp_path: Path) -> None:
    """Empty directories go, up to but never with `below`; the first one that holds something ends it."""
    target = tmp_path / "home" / ".mytool" / "telemetry"
    target.mkdir(parents=True)
    directories.remove_empty_directories(str(target), below=str(tmp_path / "home"))
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]
    target.mkdir(parents=True)
    (target.parent / "config").write_text("precious")
    directories.remove_empty_directories(str(target), below=str(tmp_path / "home"))
    assert list(target.parent.iterdir()) == [target.parent / "config"]
    directories.remove_empty_directories(str(target), below=str(tmp_path / "home"))
    assert (target.parent / "config").read_text() == "precious"


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of a directory."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "True\n"
    yield child
    child.communicate("\n", timeout=30)


def test_one_holds_the_lock(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """While another process holds the lock nobody else does, nor waits for it; when that one dies it is free."""
    with directories.DirectoryLock(str(tmp_path)) as held:
        assert not held
    holder.kill()
    holder.wait(30)
    with directories.DirectoryLock(str(tmp_path)) as held:
        assert held


def test_threads_and_the_lock(tmp_path: Path) -> None:
    """The lock holds between the threads of one process too, and can be taken again when it was given back."""
    for _ in range(2):
        with directories.DirectoryLock(str(tmp_path)) as held:
            assert held
            with directories.DirectoryLock(str(tmp_path)) as again:
                assert not again
            with directories.DirectoryLock(str(tmp_path)) as still:
                assert not still, "whoever failed to get it must not give it back"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_keeps_no_lock(tmp_path: Path, run_python: Any) -> None:
    """A child that was forked while the lock was held, and lives on, does not keep it."""
    program = """
import os, signal, sys
from discreet.directories import DirectoryLock

with DirectoryLock(sys.argv[1]):
    child = os.fork()
    if not child:
        signal.pause()
with DirectoryLock(sys.argv[1]) as held:
    print(held)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
"""
    result = run_python(program, str(tmp_path))
    assert (result.returncode, result.stdout, result.stderr) == (0, "True\n", "")


def test_where_no_lock_is_to_be_had(tmp_path: Path) -> None:
    """Where the directory cannot even be opened everybody holds the lock: a count is not worth a failure."""
    with directories.DirectoryLock(str(tmp_path / "missing")) as held:
        assert held
