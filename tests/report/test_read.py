"""The reader against a hostile log: what it yields, what it counts, what it costs."""

import gzip
import json
import os
import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from discreet import names
from discreet.report.read import FOREIGN, TOO_LONG, TORN, lines, log_files

RECORD: dict[str, Any] = {
    "v": 1,
    "id": "3f8e2a52-6d0f-4c0e-9a44-5f3f6f6f4a10",
    "time": "2026-11-20T10:30:00Z",
    "run": "0123456789abcdef",
    "event": "command",
    "tool": "mytool",
    "version": "1.4.0",
    "py": "3.11.7",
    "os": "linux",
    "properties": {"command": "import.from_code", "duration_ms": 4280, "success": True},
}


def line(**changes: object) -> bytes:
    """A line of the log, with some keys changed; `...` takes a key away."""
    record = {key: value for key, value in {**RECORD, **changes}.items() if value is not ...}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def holding(value: object) -> bytes:
    """A line with one property."""
    return line(properties={"x": value})


GOOD = {
    "as recorded": line(),
    "with an installation": line(install="ab" * 8),
    "no properties": line(properties={}),
    "no run, as from a beacon": line(run=...),
    "text, number, boolean": line(properties={"a": "other", "b": 1.5, "c": False, "d": -3}),
    "the largest integer": holding(names.LARGEST_INTEGER),
    "a distribution with free item names": holding({"C++": 2, "other": 1}),
    "a mapping of declared fields": holding({"kind": "table", "found": True}),
    "an empty mapping": holding({}),
    "a leap day": line(time="2028-02-29T23:59:59Z"),
    "carriage return": line()[:-1] + b"\r\n",
    "no newline at the end": line()[:-1],
    "as long as allowed": line().rjust(names.RECORD_BYTES),
}

BAD = {
    "garbage": (b"\x00\xff\x1b[2J\n", TORN),
    "half a record": (line()[:90] + b"\n", TORN),
    "two in one line": (line()[:-1] + line(), TORN),
    "not UTF-8": (line().replace(b"linux", b"lin\xffx"), TORN),
    "UTF-16": (line().decode().encode("utf-16-le")[:-2] + b"\n", TORN),
    "byte order mark": (b"\xef\xbb\xbf" + line(), TORN),
    "nested without end": (b"[" * 16000 + b"\n", TORN),
    "no moment but its drawing": (line().replace(b"2026-11-20T10:30:00Z", b"dddd-dd-ddTdd:dd:ddZ"), FOREIGN),
    "an integer of 5000 digits": (line().replace(b"4280", b"9" * 5000), TORN),
    "a list": (b"[1]\n", FOREIGN),
    "null": (b"null\n", FOREIGN),
    "an empty object": (b"{}\n", FOREIGN),
    "no version of the format": (line(v=...), FOREIGN),
    "a later version": (line(v=2), FOREIGN),
    "true is not 1": (line(v=True), FOREIGN),
    "1.0 is not 1": (line(v=1.0), FOREIGN),
    "an unknown key": (line(host="example"), FOREIGN),
    "no event": (line(event=...), FOREIGN),
    "an event with a capital": (line(event="Command"), FOREIGN),
    "an event with a newline": (line(event="command\n"), FOREIGN),
    "an event of 65 characters": (line(event="a" * 65), FOREIGN),
    "an event that is a list": (line(event=["command"]), FOREIGN),
    "no tool": (line(tool=...), FOREIGN),
    "a tool with a path": (line(tool="../tool"), FOREIGN),
    "no time": (line(time=...), FOREIGN),
    "a time that is a number": (line(time=1795170600), FOREIGN),
    "a time with a zone": (line(time="2026-11-20T10:30:00+01:00"), FOREIGN),
    "a time with fractions": (line(time="2026-11-20T10:30:00.5Z"), FOREIGN),
    "a week date": (line(time="2026-W47-5T10:30:00Z"), FOREIGN),
    "a day that never was": (line(time="2026-02-30T10:30:00Z"), FOREIGN),
    "the year 0": (line(time="0000-01-01T00:00:00Z"), FOREIGN),
    "other digits": (line(time="٢٠٢٦-11-20T10:30:00Z"), FOREIGN),
    "no properties": (line(properties=...), FOREIGN),
    "properties in a list": (line(properties=[]), FOREIGN),
    "an illegal field": (line(properties={"X y": 1}), FOREIGN),
    "null as a value": (holding(None), FOREIGN),
    "a list as a value": (holding([1]), FOREIGN),
    "two levels": (holding({"a": {"b": 1}}), FOREIGN),
    "a list in a mapping": (holding({"a": [1]}), FOREIGN),
    "an item with an escape": (holding({"\x1b[31m": 1}), FOREIGN),
    "NaN": (holding(float("nan")), FOREIGN),
    "Infinity": (holding(float("inf")), FOREIGN),
    "a number that overflows": (line().replace(b"4280", b"1e999"), FOREIGN),
    "NaN in a mapping": (holding({"a": float("nan")}), FOREIGN),
    "an integer beyond 2**53": (holding(names.LARGEST_INTEGER + 1), FOREIGN),
    "a text with an escape": (holding("\x1b]0;title\x07"), FOREIGN),
    "a text that turns the writing": (holding("\u202egnp.exe"), FOREIGN),
    "half a surrogate pair": (holding("\ud800"), FOREIGN),
    "a text of 257 characters": (holding("a" * 257), FOREIGN),
    "a version that is a number": (line(version=1.4), FOREIGN),
    "a version with a newline": (line(version="1.4\n"), FOREIGN),
    "an installation that is null": (line(install=None), FOREIGN),
    "one byte too long": (line().rjust(names.RECORD_BYTES + 1), TOO_LONG),
    "twice a buffer": (line().rjust(2 * names.RECORD_BYTES + 2), TOO_LONG),
}


def records(paths: list[str], losses: Counter[str] | None = None) -> Iterator[dict[str, Any]]:
    """The records of these files, without their lines."""
    return (record for _, record in lines(paths, losses))


def read(path: Path, content: bytes) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The records of one file with this content, and what was lost."""
    path.write_bytes(content)
    losses: Counter[str] = Counter()
    return list(records([str(path)], losses)), losses


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_a_legal_line_comes_back_as_it_was_written(tmp_path: Path, content: bytes) -> None:
    """A legal record is yielded with the values of its line, `""` for an absent text, and nothing is counted."""
    found, losses = read(tmp_path / "log", content)
    assert found == [{"run": "", **json.loads(content)}]
    assert not losses


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_a_bad_line_is_counted_and_its_neighbours_survive(tmp_path: Path, content: bytes, reason: str) -> None:
    """A hostile line yields nothing, is counted once under its reason, and costs neither neighbour."""
    found, losses = read(tmp_path / "log", line(event="before") + content + line(event="after"))
    assert [record["event"] for record in found] == ["before", "after"]
    assert losses == {reason: 1}


def test_all_bad_lines_in_one_file_are_each_counted(tmp_path: Path) -> None:
    """Bad lines in a row do not swallow one another, and counting is optional."""
    found, losses = read(tmp_path / "log", b"".join(content for content, _ in BAD.values()) + line())
    assert len(found) == 1
    assert losses == Counter(reason for _, reason in BAD.values())
    assert list(records([str(tmp_path / "log")])) == found


def test_a_log_cut_at_any_byte_keeps_every_whole_line(tmp_path: Path) -> None:
    """Whatever byte a crash stopped at, the lines before it are read and at most one loss is counted."""
    whole, last = line(event="whole"), line(event="last")
    for cut in range(len(last) + 1):
        found, losses = read(tmp_path / "log", whole + last[:cut])
        complete = cut >= len(last) - 1  # the newline itself is no part of the record
        assert [record["event"] for record in found] == ["whole", "last"][: 1 + complete]
        assert losses == ({TORN: 1} if cut > 0 and not complete else {})


def test_lines_changed_at_random_never_raise_and_never_smuggle(tmp_path: Path) -> None:
    """Of lines with a few bytes changed, all are yielded or counted, and what is yielded is legal and printable."""
    chance = random.Random(20261120)
    lines = []
    for _ in range(3000):
        changed = bytearray(line()[:-1])
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.choice(b'\x00\x1b{}[]",:\\eE9.-Nu\xc3 ')
        lines.append(bytes(changed) + b"\n")
    found, losses = read(tmp_path / "log", b"".join(lines))
    assert len(found) + losses.total() == len(lines)
    assert found  # else the test would say nothing
    for record in found:
        assert names.legal_name(record["event"])
        assert names.legal_tool(record["tool"])
        assert all(text.isprintable() for text in record.values() if isinstance(text, str))
        json.dumps(record, allow_nan=False, ensure_ascii=False).encode()


def test_empty_lines_are_no_loss(tmp_path: Path) -> None:
    """A line that holds nothing loses nothing."""
    found, losses = read(tmp_path / "log", b"\n \r\n" + line() + b"\n")
    assert len(found) == 1
    assert not losses


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path) -> None:
    """A line of 32 MiB is one loss, costs under 1 MiB of memory, and the line after it is read."""
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(32 * 1024 * 1024)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + line())
    losses: Counter[str] = Counter()
    tracemalloc.start()
    try:
        found = list(records([str(path)], losses))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 1
    assert losses == {TOO_LONG: 1}
    assert peak < 1024 * 1024


def test_gzip_is_read(tmp_path: Path) -> None:
    """A file of gzip holds the lines it was made of, whatever its name, also in several parts."""
    content = line(event="first") + BAD["garbage"][0]
    packed = gzip.compress(content) + gzip.compress(line(event="second"))
    found, losses = read(tmp_path / "usage.jsonl", packed)
    assert [record["event"] for record in found] == ["first", "second"]
    assert losses == {TORN: 1}


def test_damaged_gzip_ends_there(tmp_path: Path) -> None:
    """Cut at any byte, or with any byte changed, it raises nothing, and what was read before it stays."""
    packed = gzip.compress(b"".join(line(event=f"e{n}") for n in range(40)), mtime=0)
    for at in range(2, len(packed)):
        found, losses = read(tmp_path / "cut", packed[:at])
        assert losses[TORN] >= 1
        assert [record["event"] for record in found] == [f"e{n}" for n in range(len(found))]
        read(tmp_path / "changed", packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :])
    (tmp_path / "after").write_bytes(line(event="after"))
    found = list(records([str(tmp_path / "cut"), str(tmp_path / "after")]))
    assert found[-1]["event"] == "after"


def test_a_bomb_of_gzip_is_not_read_into_memory(tmp_path: Path) -> None:
    """64 MiB without a newline, compressed to some KiB, cost under 2 MiB of memory and are one loss."""
    (tmp_path / "log").write_bytes(gzip.compress(b"a" * (64 * 1024 * 1024)))
    losses: Counter[str] = Counter()
    tracemalloc.start()
    try:
        assert list(records([str(tmp_path / "log")], losses)) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert losses == {TOO_LONG: 1}
    assert peak < 2 * 1024 * 1024


def test_records_come_one_by_one(tmp_path: Path) -> None:
    """A file is opened only when the records before it were taken."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(line(event="first"))
    found = records([str(first), str(second)])
    assert next(found)["event"] == "first"
    second.write_bytes(line(event="second"))
    assert [record["event"] for record in found] == ["second"]


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    """A log that was never written is empty, without an error and without a loss."""
    losses: Counter[str] = Counter()
    assert list(records(log_files(str(tmp_path / "nowhere"), "usage.jsonl"), losses)) == []
    assert not losses


def test_what_is_no_file_is_an_error_not_an_empty_log(tmp_path: Path) -> None:
    """A directory or a pipe in the place of the log raises `OSError` at once: no wait, and no "nothing recorded"."""
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError, match="directory"):
        list(records([str(tmp_path / "directory")]))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="not a regular file"):
            list(records([str(tmp_path / "pipe")]))


@pytest.mark.parametrize(
    ("log_name", "expected"),
    [
        ("usage.jsonl", ["usage.3.jsonl", "usage.2.jsonl", "usage.1.jsonl", "usage.jsonl"]),
        ("telemetry.log", ["telemetry.3.log", "telemetry.2.log", "telemetry.1.log", "telemetry.log"]),
    ],
)
def test_the_files_of_a_log_come_oldest_first(log_name: str, expected: list[str]) -> None:
    """The highest rotation is the oldest, and the log itself is the last."""
    assert log_files("/data", log_name) == [os.path.join("/data", name) for name in expected]
