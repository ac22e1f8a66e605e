"""The line of a record: the bytes that `json.dumps` would write, in a fixed order, and nothing but the closed types."""

import json
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import case
from discreet import names
from discreet.log import Encoder, new_ids, quote, timestamp

KEYS = ["v", "id", "time", "run", "event", "tool", "version", "py", "os", "properties"]
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=names.TEXT_LENGTH)
scalars = st.booleans() | st.integers() | texts | st.floats(allow_nan=False, allow_infinity=False)
legal = st.text(names.NAME_CHARACTERS, max_size=names.NAME_LENGTH - 1).map("e".__add__)
properties = st.dictionaries(legal, scalars | st.dictionaries(texts, scalars, max_size=4), max_size=8)


def dumped(record: object) -> bytes:
    """The record as the standard library writes it."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@given(event=legal, given_properties=properties, version=texts)
def test_a_line_is_what_json_dumps_writes(event: str, given_properties: dict[str, Any], version: str) -> None:
    """For any closed values the line is byte for byte the compact JSON of the record that it parses to."""
    line = Encoder("mytool", version).encode(event, given_properties)
    record = json.loads(line)
    assert line == dumped(record)
    assert record["properties"] == given_properties
    assert (record["event"], record["version"], record["v"]) == (event, version, 1)
    assert list(record) == KEYS


@given(texts)
def test_quoting_is_json_quoting(text: str) -> None:
    """Any text is quoted as `json.dumps` quotes it, non-ASCII characters as they are."""
    assert quote(text) == json.dumps(text, ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'a "quoted" word',
        "back\\slash",
        "\x00\x1f\x7f",
        "tab\tnewline\nreturn\r",
        "\u2028\u2029\x85",
        "grün 漢字 🦀",
    ],
)
def test_no_text_breaks_the_line(text: str) -> None:
    """Quotes, control characters and line separators end neither a line nor a string, and come back as they were."""
    line = Encoder("mytool", text).encode("search", {"choice": text, "spread": {text: 1}})
    assert line.count(b"\n") == 1
    record = json.loads(line)
    assert record["version"] == record["properties"]["choice"] == text
    assert record["properties"]["spread"] == {text: 1}


def test_the_install_id_follows_the_system() -> None:
    """Only where the author asked for it is there an `install`, and it stands right after `os`."""
    line = Encoder("mytool", "1.0", "ab" * 16).encode("search", {})
    at = KEYS.index("os") + 1
    assert list(json.loads(line)) == [*KEYS[:at], "install", *KEYS[at:]]
    assert json.loads(line)["install"] == "ab" * 16


def test_what_every_record_says_of_the_process() -> None:
    """`py` is three numbers, `os` the platform's short name; no other fact of the machine is in a record."""
    record = json.loads(Encoder("mytool", "1.0").encode("search", {}))
    assert record["py"] == ".".join(map(str, sys.version_info[:3]))
    assert record["os"] == sys.platform


def test_ids_are_random_version_4_uuids() -> None:
    """Every id has the form of RFC 9562, section 5.4, all four variants occur, and none occurs twice."""
    ids = {one for _ in range(100) for one in new_ids(20)}
    assert len(ids) == 2000
    assert all(UUID4.fullmatch(one) for one in ids)
    assert {one[19] for one in ids} == set("89ab")


def test_each_record_has_an_id_of_its_own() -> None:
    """However many records of the same event there are, each has an `id` of its own, and all share `run`."""
    encoder = Encoder("mytool", "1.0")
    records = [json.loads(encoder.encode("search", {"n": 1})) for _ in range(1000)]
    assert len({record["id"] for record in records}) == 1000
    assert {record["run"] for record in records} == {encoder.run}


def test_the_run_is_random_a_process() -> None:
    """`run` is 16 hex digits, another one for each encoder, and not derived from what both share."""
    runs = [Encoder("mytool", "1.0").run for _ in range(100)]
    assert all(re.fullmatch("[0-9a-f]{16}", run) for run in runs)
    assert len(set(runs)) == 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399.999, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_795_170_600, "2026-11-20T10:30:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_utc_to_the_second(seconds: float, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is cut, not rounded, and in UTC whatever the zone of the machine is."""
    monkeypatch.setenv("TZ", "XXX-13")
    time.tzset()
    try:
        assert timestamp(seconds) == text
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_the_time_follows_the_clock() -> None:
    """Each record has the second in which it was encoded; a clock set back is followed too."""

    def ticks() -> Iterator[float]:
        yield from (10.2, 10.9, 11.0, 5.5)

    clock = ticks().__next__
    encoder = Encoder("mytool", "1.0")
    seconds = [json.loads(encoder.encode("search", {}, clock))["time"][-3:-1] for _ in range(4)]
    assert seconds == ["10", "10", "11", "05"]


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        None,
        b"bytes",
        [1],
        (1,),
        {1},
        object(),
        1j,
        type("Int", (int,), {})(1),
    ],
    ids=case,
)
def test_anything_else_is_refused(value: object) -> None:
    """What is not of a closed type, or no JSON number, raises `TypeError`, within a mapping too: nothing is guessed."""
    encoder = Encoder("mytool", "1.0")
    with pytest.raises(TypeError):
        encoder.encode("search", {"n": value})
    with pytest.raises(TypeError):
        encoder.encode("search", {"n": {"inner": value}})


def test_a_lone_surrogate_is_refused() -> None:
    """Text that no UTF-8 can hold raises, instead of being written in a form that readers reject."""
    with pytest.raises(UnicodeEncodeError):
        Encoder("mytool", "1.0").encode("search", {"choice": "\ud800"})


@pytest.mark.parametrize("seconds", [1e300, float("inf"), float("nan")])
def test_a_clock_beyond_the_calendar_is_refused(seconds: float) -> None:
    """A clock that no calendar holds raises an error of its kind; it never writes another time instead."""
    with pytest.raises((OverflowError, ValueError)):
        Encoder("mytool", "1.0").encode("search", {}, lambda: seconds)
