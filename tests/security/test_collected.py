"""A collector in a directory that came with somebody else's files, a repository's `collected` say: it writes through no
link, waits for nothing, and is not upset by numbers that no 64 bits hold.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collector.conftest import Collector
from conftest import clean_environment
from discreet.collector.store import Store
from discreet.log import timestamp

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has neither these links nor these owners")
HANG = 20.0  # seconds after which the verb is said to hang
ID = "5b7c1d2e-0000-4000-8000-000000000001"
ERASED = f'{{"v":1,"id":"{ID}","note":"a line that looks like a record which is to be forgotten"}}\n'.encode()


def today(name: str) -> str:
    """The name of a file of the store as of now."""
    return f"{timestamp(time.time())[:10]}.{name}"


@posix
@pytest.mark.parametrize("content", [b"a file without an end of its line", b"whole\ntorn", ERASED])
def test_a_link_that_came_with_the_directory(content: bytes, tmp_path: Path) -> None:
    """Neither are torn ends cut off where it leads, nor lines erased: the collector does not begin."""
    victim, out = tmp_path / "victim", tmp_path / "collected"
    victim.write_bytes(content)
    out.mkdir()
    (out / today("mytool.jsonl")).symlink_to(victim)
    (out / today("forgotten")).write_text(f"{ID}\n")
    with pytest.raises(OSError, match=r".*"):
        Store(str(out))
    assert victim.read_bytes() == content
    (out / today("mytool.jsonl")).unlink()
    Store(str(out)).close()


@posix
def test_the_verb_says_so(tmp_path: Path, home: Path) -> None:
    """Exit status 1 and a sentence, at once, at a FIFO as well."""
    out = tmp_path / "collected"
    out.mkdir()
    path = out / today("mytool.jsonl")
    os.mkfifo(path)
    command = [sys.executable, "-m", "discreet", "collect", "--port", "0", "--out", str(out)]
    done = subprocess.run(command, env=clean_environment(home), capture_output=True, timeout=HANG, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert str(path).encode() in done.stderr


@pytest.mark.parametrize("end", [10**400, 1e308], ids=["no float holds it", "a float"])
def test_a_number_that_is_too_large(end: float, tmp_path: Path) -> None:
    """A span that ends after all clocks is a span without an end: it is taken, and nobody complains."""
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "x", "startTimeUnixNano": 1, "endTimeUnixNano": end}
    running = Collector(tmp_path / "out")
    try:
        answer = running.post("/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    finally:
        running.stop()
    assert answer.status == 200
    assert running.complaints == []
    (record,) = running.records()
    assert record["properties"] == {"success": True}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may act as another user")
def test_another_users_file(tmp_path: Path) -> None:
    """Nothing is added to a file that another user keeps, and can go on writing to."""
    out = tmp_path / "collected"
    out.mkdir()
    (out / today("mytool.jsonl")).write_bytes(b"")
    os.chown(out / today("mytool.jsonl"), 65534, -1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        Store(str(out))
