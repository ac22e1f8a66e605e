"""Reading by the hundred counts what reading one by one yields, whatever the lines are."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from discreet import names
from discreet.log import Encoder
from discreet.report import packs as bulk
from discreet.report.packs import KEYS, Asked, Pack, Span, packs
from discreet.report.read import TORN
from report.test_read import BAD, GOOD, line, records
from report.test_summarize import pack

Counted = Counter[str]


def flat(properties: dict[str, Any]) -> list[tuple[str, Any]]:
    """Each field with its value, those within a mapping by themselves."""
    return [
        pair
        for name, value in properties.items()
        for pair in (
            [(f"{name}/{item}", held) for item, held in value.items()] if type(value) is dict else [(name, value)]
        )
    ]


def one_by_one(path: Path, losses: Counted) -> tuple[Counted, Counted]:
    """How often each fact, day and value occurs, by the strict reader."""
    facts: Counted = Counter()
    values: Counted = Counter()
    for record in records([str(path)], losses):
        facts[repr([*(record[key] for key in KEYS), record["time"][:10]])] += 1
        values.update(f"{record['event']} {name} {value!r}" for name, value in flat(record["properties"]))
    return facts, values


def values_of(column: Any) -> Counter[Any]:
    """A column as counts by the value's own spelling."""
    return (
        Counter(map(repr, column.numbers))
        if isinstance(column, Span)
        else Counter({repr(v): n for v, n in column.items()})
    )


def by_the_hundred(found: list[Pack]) -> tuple[Counted, Counted]:
    """The same, from packs."""
    facts: Counted = Counter()
    values: Counted = Counter()
    for one in found:
        assert len(one.facts) == len(one.days) == one.number
        for held, day in zip(one.facts, one.days, strict=True):
            facts[repr([*(getattr(held, key) for key in KEYS), day.decode()])] += 1
        for name, column in one.fields.items():
            inner = (
                {f"{name}/{item}": held for item, held in column.items()} if type(column) is dict else {name: column}
            )
            for label, held in inner.items():
                for value, number in values_of(held).items():
                    values[f"{one.event} {label} {value}"] += number
    return facts, values


def check(path: Path) -> list[Pack]:
    """Both ways through a file agree: on what there is, and on what is lost for which reason."""
    slow: Counted = Counter()
    fast: Counted = Counter()
    expected = one_by_one(path, slow)
    found = list(packs([str(path)], fast))
    assert by_the_hundred(found) == expected
    assert fast == slow
    return found


def written(number: int = 40) -> list[bytes]:
    """Lines as the log writes them, of a few kinds."""
    encoder = Encoder("mytool", "1.4.0")
    lines = []
    for n in range(number):
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("command", {"command": f"c{n % 3}", "duration_ms": n, "success": n % 4 > 0}),
            ("search", {"fmt": "größer" if n % 5 else 'q"\\', "results": {"kind": "table", "found": n}}),
            ("session", {"lang": {"C++": n, "other": 1}, "ratio": n / 7}),
            ("open", {}),
        ]
        lines.append(encoder.encode(*kinds[n % 4]))
    return lines


def test_lines_of_the_log_are_read_in_bulk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them goes the slow way, and both ways agree."""
    (tmp_path / "log").write_bytes(b"".join(written()))
    check(tmp_path / "log")
    monkeypatch.setattr(bulk, "record_of", None)
    assert sum(one.number for one in packs([str(tmp_path / "log")])) == 40


@pytest.mark.parametrize("content", [*GOOD.values(), *(content for content, _ in BAD.values())], ids=[*GOOD, *BAD])
def test_any_line_among_others(tmp_path: Path, content: bytes) -> None:
    """A line of any kind counts the same, alone and among lines of the log, and costs none of its neighbours."""
    path = tmp_path / "log"
    path.write_bytes(content)
    check(path)
    path.write_bytes(b"".join(written(30)) + content.rstrip(b"\n") + b"\n" + b"".join(written(30)))
    assert sum(one.number for one in check(path)) >= 60


ODD = {
    "a time beyond the day": lambda line: line.replace(b"T10:", b"T24:"),
    "a minute too many": lambda line: line.replace(b":30:", b":60:"),
    "a day that never was": lambda line: line.replace(b"11-20", b"02-30"),
    "other digits": lambda line: line.replace(b"2026", "٢٠٢٦".encode()),
    "a second time": lambda line: line.replace(b'"event"', b'"time":"2020-01-01T00:00:00Z","event"'),
    "a second time at the end": lambda line: line.replace(b"}}", b'},"time":"2020-01-01T00:00:00Z"}'),
    "a second event": lambda line: line.replace(b'"py"', b'"event":"other","py"'),
    "an escape in a fact": lambda line: line.replace(b'"linux"', b'"lin\\u0075x"'),
    "a quote in the id": lambda line: line.replace(b"3f8e2a52", b'3f8"2a52'),
    "properties in properties": lambda line: line.replace(b'"command":', b'"properties":{"a":1},"command":', 1),
    "two properties": lambda line: line.replace(b'"properties":', b'"properties":{},"properties":'),
    "a field given twice": lambda line: line.replace(b'"duration_ms":', b'"duration_ms":1,"duration_ms":'),
    "open to the next line": lambda line: line.replace(b'"success":true}}', b'"success":true,"x":"}}'),
    "closed from the line before": lambda line: line.replace(b'{"command"', b'"},{"command"'),
    "two mappings": lambda line: line.replace(b'"success":true}', b'"success":true},{"n":1}'),
    "a number more": lambda line: line.replace(b'"success":true}', b'"success":true},7'),
    "a list of the next": lambda line: line.replace(b'"success":true}}', b'"success":[{}}'),
    "NaN": lambda line: line.replace(b"4280", b"NaN"),
    "an installation": lambda line: line.replace(b'"properties"', b'"install":"abababababababab","properties"'),
    "an installation that is a number": lambda line: line.replace(b'"properties"', b'"install":7,"properties"'),
    "an illegal event": lambda line: line.replace(b'"event":"command"', b'"event":"Command"'),
    "true and 1": lambda line: line.replace(b"4280", b"true"),
    "text for a number": lambda line: line.replace(b"4280", b'"4280"'),
    "a mapping for a number": lambda line: line.replace(b"4280", b'{"a":1}'),
    "a mapping of both": lambda line: line.replace(b"4280", b'{"a":true,"b":1}'),
    "null": lambda line: line.replace(b"4280", b"null"),
    "too deep": lambda line: line.replace(b"4280", b'{"a":{"b":1}}'),
    "a command that is a list": lambda line: line.replace(b'"import.from_code"', b"[1]"),
    "a command that is a mapping": lambda line: line.replace(b'"import.from_code"', b'{"a":1}'),
    "a field name with a capital": lambda line: line.replace(b'"success"', b'"Success"'),
    "cut": lambda line: line[:-9],
    "an escape sequence": lambda line: line.replace(b'"import.from_code"', b'"\\u001b[31m"'),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_lines_made_to_deceive(tmp_path: Path, odd: Any) -> None:
    """A line that is nearly as the log writes it counts as the strict reader has it, alone, twice and in company."""
    good = line(properties={"command": "import.from_code", "duration_ms": 4280, "success": True})
    bad = odd(good.rstrip(b"\n")) + b"\n"
    assert bad != good
    for content in (bad, bad * 2, good * 20 + bad + good * 3 + bad, bad + good * 30):
        (tmp_path / "log").write_bytes(content)
        check(tmp_path / "log")


def test_lines_changed_at_random(tmp_path: Path) -> None:
    """Of lines with some bytes changed, both ways make the same."""
    chance = random.Random(20261120)
    lines = written(4000)
    for n in chance.sample(range(4000), 400):
        changed = bytearray(lines[n][:-1])
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.choice(b'\x00\x1b{}[]",:\\eE9.-Nu\xc3 ')
        lines[n] = bytes(changed) + b"\n"
    (tmp_path / "log").write_bytes(b"".join(lines))
    check(tmp_path / "log")


def test_versions_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More different facts than are known again still count right."""
    monkeypatch.setattr(bulk, "_HEADS", 5)
    (tmp_path / "log").write_bytes(b"".join(line(version=f"1.{n % 23}") for n in range(2000)))
    assert sum(one.number for one in check(tmp_path / "log")) == 2000


def test_the_reading_is_in_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more records are held at a time than a block and the constant say, and the last ones are not forgotten."""
    monkeypatch.setattr(bulk, "_PENDING", 100)
    (tmp_path / "log").write_bytes(b"".join(written(10_003)))
    found = check(tmp_path / "log")
    assert sum(one.number for one in found) == 10_003
    assert max(one.number for one in found) < 1500


def asked_for(tmp_path: Path, asked: Asked, lines: list[bytes]) -> list[Pack]:
    """The packs of these lines, written as the log does and once more in a way that it does not."""
    (tmp_path / "log").write_bytes(b"".join(lines))
    (tmp_path / "spaced").write_bytes(b"".join(json.dumps(json.loads(one)).encode() + b"\n" for one in lines))
    found = list(packs([str(tmp_path / "log")], None, asked))
    again = list(packs([str(tmp_path / "spaced")], None, asked))
    assert by_the_hundred(found) == by_the_hundred(again)
    assert {one[:5] for one in found} == {one[:5] for one in again}
    return found


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    """From `since` on and before `until`, and only the events named; both ways of reading agree."""
    lines = [line(time=f"2026-11-20T{hour:02}:00:00Z", event=event) for hour in range(24) for event in ("a", "b")]
    found = asked_for(tmp_path, Asked("2026-11-20T03:00:00Z", "2026-11-20T05:00:00Z", frozenset(["a"])), lines)
    assert [(one.event, one.number) for one in found] == [("a", 2)]
    assert sum(one.number for one in asked_for(tmp_path, Asked(since="2026-11-20T23:00:00Z"), lines)) == 2
    assert sum(one.number for one in asked_for(tmp_path, Asked(until="2026-11-20T01:00:00Z"), lines)) == 2


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("fmt", {"json": 2, "table": 1, None: 2}),
        ("n", {"1": 1, "2.5": 1, None: 3}),
        ("found", {"true": 1, None: 4}),
        ("results/kind", {"x": 1, None: 4}),
        ("os", {"linux": 5}),
    ],
)
def test_values_kept_apart(tmp_path: Path, by: str, expected: dict[str | None, int]) -> None:
    """Records are apart by the text of the field's value, of one within a mapping and of a fact as well."""
    fields: list[dict[str, Any]] = [
        {"fmt": "json", "n": 1},
        {"fmt": "json", "n": 2.5},
        {"fmt": "table"},
        {"found": True},
        {"results": {"kind": "x"}},
    ]
    found = asked_for(tmp_path, Asked(by=by), [line(properties=held) for held in fields])
    counts: Counter[str | None] = Counter()
    for one in found:
        counts[one.by] += one.number
    assert counts == expected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(0.25, 0.25), (1.0, 1.0), (0.0, 1.0), (-0.5, 1.0), (1e-300, 1.0), (1.5, 1.0), (1, 1.0), ("x", 1.0)],
)
def test_a_rate_is_above_0_and_at_most_1(rate: object, expected: float) -> None:
    """What can be no rate stands for one event each: no forged line drowns the others."""
    record = json.loads(line(properties={"sample_rate": rate}))
    assert pack({**record, "run": ""}).rate == expected


def test_one_record() -> None:
    """A record by itself makes the pack that reading it makes."""
    record = {**json.loads(line()), "properties": {"command": "x", "fmt": "json", "n": 3}}
    one = pack(record, "fmt")
    assert (one.event, one.command, one.by, one.number, one.days) == ("command", "x", "json", 1, [b"2026-11-20"])
    assert one.fields == {"command": {"x": 1}, "fmt": {"json": 1}, "n": ([3], 3, 3)}


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    """What is told grows, over all files, up to their size."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"".join(written(3000)))
    told: list[int] = []
    list(packs([str(tmp_path / "a"), str(tmp_path / "missing"), str(tmp_path / "b")], None, Asked(), told.append))
    assert told == sorted(told)
    assert told[-1] == sum((tmp_path / name).stat().st_size for name in ("a", "b"))


def test_a_torn_line_is_torn_in_bulk_too(tmp_path: Path) -> None:
    """The reason of a loss does not depend on the company that a line is in."""
    losses: Counted = Counter()
    (tmp_path / "log").write_bytes(b"".join(written(50)) + written(1)[0][:150] + b"\n")
    list(packs([str(tmp_path / "log")], losses))
    assert losses == {TORN: 1}
    assert names.RECORD_BYTES > 150


@pytest.mark.parametrize("short", [b"", b"a", b'{"v":1}'])
def test_a_log_of_short_lines_is_not_halved_down_to_each(
    short: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that are shorter than any of ours are set aside at once, or a log of newlines would take minutes."""
    looked = []
    in_bulk = bulk._bulk

    def counted(lines: list[bytes], heads: Any) -> Any:
        looked.append(len(lines))
        return in_bulk(lines, heads)

    monkeypatch.setattr(bulk, "_bulk", counted)
    (tmp_path / "log").write_bytes((short + b"\n") * 1000)
    assert list(packs([str(tmp_path / "log")])) == []
    assert sum(looked) <= 2000
