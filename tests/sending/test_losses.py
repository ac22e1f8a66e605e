"""The count of what was dropped: by reason, added up over processes, never a reason to fail."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discreet import Telemetry, directories, names
from discreet.sending import losses

PROCESSES = 8
LONG = 10.0  # seconds: a bound on hangs, never a measure
LOSER = """
import sys, discreet
telemetry = discreet.Telemetry("mytool", data_dir=sys.argv[1])
telemetry.track("search", n=1)
telemetry.flush(10.0)
print("ready", flush=True)
sys.stdin.readline()
for n in range(5):
    telemetry.track("search", query="text")
telemetry.track("Not a name")
telemetry.close(10.0)
"""
# What an author is told of that. A fault of ours would come with a traceback.
TOLD = b"discreet: dropped field query of event search: undeclared_value\n" * 5
TOLD += b"discreet: dropped event (no legal name): event_name\n"


def test_reasons(make_telemetry: Callable[..., Telemetry], swallowed: Any) -> None:
    """Each thing that is dropped on its way is counted under its reason."""

    class Bad:
        def __len__(self) -> int:
            raise ValueError("a bug of the host's")

    telemetry = make_telemetry(fields={"items": "count"})
    telemetry.track("Search")
    telemetry.track("search", {"Bad name": 1})
    telemetry.track("search", query="text", big=10**12)
    telemetry.track("search", items=Bad())
    telemetry.track("search", {f"n{number}": number for number in range(40)})
    assert telemetry.close(5.0)
    assert [(reason, type(error)) for reason, error in swallowed] == [("conversion", ValueError)]
    assert losses.read(telemetry.paths["losses"]) == {
        "event_name": 1,
        "field_name": 1,
        "undeclared_value": 2,
        "conversion": 1,
        "too_many_fields": 1,
    }


def test_the_file(paths: names.Paths, directory: Path) -> None:
    """It is JSON, private, sorted and one line, and the counts in memory are zero again."""
    counts = {"queue_full": 3, "consent": 1}
    losses.save(counts, paths)
    file = directory / "losses.json"
    assert file.read_text() == '{"consent":1,"queue_full":3}\n'
    assert json.loads(file.read_text()) == losses.read(str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert counts == {}
    assert [entry.name for entry in directory.iterdir()] == ["losses.json"]


def test_counts_add_up(paths: names.Paths) -> None:
    """What a later process drops is added to what is there; what it does not mention stays."""
    losses.save({"queue_full": 3, "consent": 1}, paths)
    losses.save({"queue_full": 4, "disk": 2}, paths)
    assert losses.read(paths["losses"]) == {"queue_full": 7, "consent": 1, "disk": 2}


def test_processes_add_up(tmp_path: Path, directory: Path, environment: dict[str, str]) -> None:
    """Of eight processes that end at the same time each one's losses are in the sum."""
    directory.mkdir()
    (directory / "opt-in").write_text("true\n")
    script = tmp_path / "loser.py"
    script.write_text(LOSER)
    command = [sys.executable, "-W", "error", str(script), str(directory)]
    losers = [subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, stderr=-1) for _ in range(PROCESSES)]
    for loser in losers:
        assert loser.stdout is not None
        assert loser.stdout.readline() == b"ready\n"
    for loser in losers:
        assert loser.stdin is not None
        loser.stdin.write(b"go\n")
        loser.stdin.flush()
    errors = [loser.communicate(timeout=30)[1] for loser in losers]
    assert errors == [TOLD] * PROCESSES
    expected = {"undeclared_value": 5 * PROCESSES, "event_name": PROCESSES}
    assert losses.read(str(directory / "losses.json")) == expected


def test_somebody_else_at_it(paths: names.Paths, directory: Path) -> None:
    """Where the lock is held all the time the counts wait in memory, and the file is left as it is."""
    directory.mkdir()
    counts = {"disk": 1}
    with directories.DirectoryLock(str(directory)) as held:
        assert held
        losses.save(counts, paths)
    assert counts == {"disk": 1}
    losses.save(counts, paths)
    assert losses.read(paths["losses"]) == {"disk": 1}


def test_a_late_record_waits_for_no_other_process(owner: Any, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process adds up, the caller of a record after `close` does not wait for it, nor is a count lost: it
    goes to the disk with the next write. The thread would wait, for 0.2 s at most.
    """
    owner.sender.close(LONG)
    slept: list[float] = []
    monkeypatch.setattr(directories.time, "sleep", slept.append)
    with directories.DirectoryLock(str(directory)) as held:
        assert held
        owner.lose("event_name")
        owner.record(1)
        assert owner.log.numbers == [1]
        assert (slept, owner.losses) == ([], {"event_name": 1})
        losses.save_of(owner)
        assert 0.1 < sum(slept) <= 0.2
    owner.record(2)
    assert (owner.losses, losses.read(owner.paths["losses"])) == ({}, {"event_name": 1})


def test_a_failure_loses_no_count(paths: names.Paths, directory: Path) -> None:
    """Where the file cannot be written the counts are kept for the next time, and no temporary file stays."""
    planted = directory / "losses.json"
    planted.mkdir(parents=True)
    counts = {"disk": 1}
    with pytest.raises(OSError, match=r"."):
        losses.save(counts, paths)
    assert counts == {"disk": 1}
    assert [entry.name for entry in directory.iterdir()] == ["losses.json"]
    planted.rmdir()
    losses.save(counts, paths)
    assert losses.read(str(planted)) == {"disk": 1}


def test_no_directory_is_made_for_a_count(paths: names.Paths, directory: Path) -> None:
    """Told not to make the directory, `save` raises where there is none, keeps the counts and makes nothing."""
    counts = {"consent": 1}
    with pytest.raises(FileNotFoundError):
        losses.save(counts, paths, make=False)
    assert counts == {"consent": 1}
    assert not directory.exists()


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (b'{"disk": 2, "consent":1}', {"disk": 2, "consent": 1}),
        (b'{\n  "disk": 2,\n  "consent": 1\n}\n', {"disk": 2, "consent": 1}),
        (b"", {}),
        (b"{}", {}),
        (b"null", {}),
        (b'["disk", 2]', {}),
        (b'{"disk": -2}', {}),
        (b'{"disk": 0}', {}),
        (b'{"disk": true}', {}),
        (b'{"disk": 1.5}', {}),
        (b'{"disk": "2"}', {}),
        (b'{"disk": 9007199254740992}', {}),
        (b'{"disk": %s}' % (b"9" * 5000), {}),
        (b'{"disk": \xc2\xb2}', {}),
        (b'{"disk": 00000000000000001999999999999999999}', {}),
        (b'{"a text with blanks": 2, "disk": 1}', {"disk": 1}),
        (b'{"%s": 2}' % (b"a" * 65), {}),
        (b"\x00\xff\xfe", {}),
        (b"{" * 60_000, {}),
        (b'{"disk": 2', {"disk": 2}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_whatever_is_in_the_file(paths: names.Paths, directory: Path, content: bytes, counts: dict[str, int]) -> None:
    """Reading never raises: what is not a count of ours is not there, and adding to it makes a sound file again."""
    directory.mkdir()
    (directory / "losses.json").write_bytes(content)
    assert losses.read(paths["losses"]) == counts
    losses.save({"queue_full": 1}, paths)
    assert json.loads((directory / "losses.json").read_text()) == {**counts, "queue_full": 1}


def test_reasons_are_bounded(paths: names.Paths, directory: Path) -> None:
    """However many reasons somebody wrote into the file, 64 are read."""
    directory.mkdir()
    (directory / "losses.json").write_text(json.dumps({f"reason_{number}": 1 for number in range(500)}))
    assert len(losses.read(paths["losses"])) == 64


@pytest.mark.parametrize("plant", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_counts_nothing(paths: names.Paths, directory: Path, plant: Callable[[str], object]) -> None:
    """A directory, FIFO or device at the name reads as no count, at once."""
    directory.mkdir()
    plant(paths["losses"])
    assert losses.read(paths["losses"]) == {}


def test_a_link_is_replaced(paths: names.Paths, directory: Path, tmp_path: Path) -> None:
    """A symbolic link at the name is replaced by the file, and what it points to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    directory.mkdir()
    (directory / "losses.json").symlink_to(victim)
    losses.save({"disk": 1}, paths)
    assert victim.read_text() == "precious"
    assert not (directory / "losses.json").is_symlink()


@pytest.mark.parametrize(
    ("mode", "off", "there", "kept"),
    [
        ("opt-in", True, "opt-in", True),  # a no came before the first write: the directory is as `off` left it
        ("opt-in", True, "usage.jsonl", True),
        ("opt-in", True, "losses.json", True),
        ("opt-in", True, "not-ours", False),
        ("opt-in", False, "not-ours", False),  # the process has not noticed yet
        ("opt-out", True, "opt-in", False),  # that file is all that `clear` leaves
        ("opt-out", True, "usage.jsonl", True),
        ("opt-out", True, "losses.json", True),
    ],
)
def test_what_is_counted_after_a_no(mode: str, off: bool, there: str, kept: bool, tmp_path: Path) -> None:
    """What a no drops is counted, but nothing is written again where `clear` erased all of it, noticed or not."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / there).write_text("{}" if there == "losses.json" else "false")
    paths = names.Paths("mytool", {}, str(directory))
    owner: Any = SimpleNamespace(paths=paths, mode=mode, off=off, signature=((1, 2), None, None), losses={"consent": 2})
    losses.save_of(owner)
    assert losses.read(paths["losses"]) == ({"consent": 2} if kept else {})
    assert sorted(os.listdir(directory)) == sorted({there, *(["losses.json"] if kept else [])})
