"""The figures of a report: what stands in the document, and that JSON can write it."""

import json
import math
import random
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from discreet.privacy.conversions import OneOf
from discreet.privacy.declaration import Declaration
from discreet.privacy.randomized import answer, estimate
from discreet.report.document import FEW, Document, document, labels, spans, timeline
from discreet.report.summarize import OTHERS, ROWS
from report.test_summarize import record, summed

DECLARED = Declaration(
    events={
        "search": {
            "fmt": {"one_of": ["json", "table"]},
            "private": {"boolean": {"epsilon": 1.0}},
            "kind": {"one_of": ["a", "b"], "epsilon": 2.0},
            "who": "hash",
            "lang": {"distribution": ["py", "js"]},
            "results": {"kind": {"one_of": ["x"]}, "found": "number"},
        }
    }
)


def field(found: Document, name: str) -> dict[str, Any]:
    """The one entry of a field."""
    (entry,) = [one for one in found["fields"] if one["field"] == name]
    return dict(entry)


def counts(entry: dict[str, Any]) -> dict[Any, float]:
    """Its values with how often each occurred."""
    return {one["value"]: one["count"] for one in entry["values"]}


def test_an_empty_document() -> None:
    """Nothing recorded: the same keys, no figures."""
    assert document(summed([])) == {
        "report": 1,
        "events": 0,
        "estimate": None,
        "first": None,
        "last": None,
        "by": None,
        **{name: [] for name in ("rows", "days", "tools", "versions", "systems", "pythons", "fields")},
        "skipped": {},
    }


def test_a_document() -> None:
    """A row has what was counted and how long it took; the most frequent is first; it is JSON."""
    log = [record("command", command="sync", success=n > 0, duration_ms=100 * n) for n in range(4)] + [record()]
    found = document(summed(log), None, {"torn": 2, "foreign": 0})
    assert found["rows"][0] == {
        "event": "command",
        "command": "sync",
        "by": None,
        "count": 4,
        "estimate": None,
        "ok": 3,
        "failed": 1,
        "duration_ms": {
            "count": 4,
            "mean": 150,
            "low": 0,
            "median": 100,
            "p95": 300,
            "high": 300,
            "sum": 600,
            "exact": True,
        },
    }
    assert found["rows"][1]["duration_ms"] is found["rows"][1]["command"] is None
    assert found["days"] == [{"day": "2026-11-20", "count": 5, "estimate": None}]
    assert found["versions"] == [{"value": "1.4.0", "count": 5, "estimate": None}]
    assert found["skipped"] == {"torn": 2}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_rows_stand_by_their_weight() -> None:
    """The most used first, equal ones by name, and what was added up beyond a full table last, however much it is."""
    found = document(summed(record(f"e{number:03}") for number in [*range(ROWS + 50), 7]))
    names = [row["event"] for row in found["rows"]]
    assert names == ["e007", *sorted({f"e{number:03}" for number in range(ROWS)} - {"e007"}), OTHERS]
    assert found["rows"][-1]["count"] == 50


def test_estimates_stand_beside_counts() -> None:
    """A sampled event has both, as have its days and the whole; the order of rows is that of what they stand for."""
    found = document(summed([record("rare", sample_rate=0.01)] * 4 + [record("often")] * 9))
    assert [(row["event"], row["count"]) for row in found["rows"]] == [("rare", 4), ("often", 9)]
    assert found["rows"][0]["estimate"] == {"value": 400, "error": pytest.approx(math.sqrt(4 * 0.99 / 1e-4))}
    assert found["rows"][1]["estimate"] is None
    assert found["days"][0]["estimate"]["value"] == found["estimate"]["value"] == 409


def test_what_was_answered_by_lot_is_estimated() -> None:
    """The truth is estimated with its standard error, and nothing else is; from seeded lots it is within four."""
    chance = random.Random(11)
    truth = [n < 600 for n in range(2000)]
    log = [record(private=bool(answer(int(one), 2, 1.0, chance.getrandbits(256))), fmt="json") for one in truth]
    found = document(summed(log), DECLARED)
    entry = field(found, "private")
    assert entry["epsilon"] == 1.0
    guess = next(one["estimate"] for one in entry["values"] if one["value"] is True)
    assert abs(guess["value"] - 600) < 4 * guess["error"]
    assert abs(counts(entry)[True] - 600) > 4 * guess["error"]  # the answers alone say something else
    assert field(found, "fmt")["epsilon"] is None
    assert all(one["estimate"] is None for one in field(found, "fmt")["values"])
    assert field(document(summed(log)), "private")["epsilon"] is None  # nobody told that it was by lot


def test_a_forged_answer_is_no_answer_by_lot() -> None:
    """What the declaration cannot have produced is shown, and takes no part in the estimate."""
    honest = [record(kind="a")] * 50 + [record(kind="b")] * 30
    forged = [record(kind="forged")] * 1000
    entry = field(document(summed(honest + forged), DECLARED), "kind")
    assert counts(entry)["forged"] == 1000
    estimates = {one["value"]: one["estimate"] for one in entry["values"]}
    assert estimates["forged"] is None
    alone = field(document(summed(honest), DECLARED), "kind")
    assert estimates["a"] == next(one["estimate"] for one in alone["values"] if one["value"] == "a")


def test_declared_choices_that_nobody_made_are_told() -> None:
    """A choice that never occurred is there with 0, where the declaration is known."""
    log = [record(fmt="json")]
    assert counts(field(document(summed(log), DECLARED), "fmt")) == {"json": 1, "other": 0, "table": 0}
    assert counts(field(document(summed(log)), "fmt")) == {"json": 1}


def test_choices_beyond_a_full_table_are_not_told_as_absent() -> None:
    """They occurred, among the others; so the estimates of the choices that are listed are those of all answers."""
    choices = [f"c{number}" for number in range(ROWS + 50)]
    log = [record(plain=choice, lot=choice) for choice in [*choices, "c7", "other"]]
    lot = OneOf(*choices, epsilon=4.0)
    found = document(summed(log), Declaration(fields={"plain": OneOf(*choices), "lot": lot}))
    expected = {**dict.fromkeys(choices[:ROWS], 1), "c7": 2, OTHERS: 51}
    assert counts(field(found, "plain")) == counts(field(found, "lot")) == expected
    whole = estimate({**dict.fromkeys(choices, 1), "c7": 2, "other": 1}, lot.domain, 4.0)
    told = {one["value"]: one["estimate"] for one in field(found, "lot")["values"]}
    assert told.pop(OTHERS) is None
    assert told == {choice: {"value": whole[choice][0], "error": whole[choice][1]} for choice in choices[:ROWS]}


@pytest.mark.parametrize("declared", [DECLARED, None])
def test_of_pseudonyms_only_the_number_is_told(declared: Declaration | None) -> None:
    """No digest stands in a report; how many different ones there are does, as long as that is known."""
    found = document(summed(record(who=f"{n % 150:016x}") for n in range(300)), declared)
    assert field(found, "who") == {
        "event": "search",
        "field": "who",
        "kind": "hash",
        "count": 300,
        "epsilon": None,
        "values": [],
        "different": 150,
    }
    most = document(summed(record(who=f"{n:016x}") for n in range(ROWS)), declared)
    assert field(most, "who")["different"] == ROWS
    many = document(summed(record(who=f"{n:016x}") for n in range(ROWS + 50)), declared)
    assert field(many, "who")["different"] is None


def test_mappings() -> None:
    """A distribution is told by its items' sums; a declared mapping by its fields."""
    log = [record(lang={"py": 3, "js": 1}, results={"kind": "x", "found": 7})] * 2
    found = document(summed(log), DECLARED)
    assert counts(field(found, "lang")) == {"py": 6, "js": 2}
    assert field(found, "lang")["kind"] == "items"
    assert counts(field(found, "results/kind")) == {"x": 2, "other": 0}
    assert field(found, "results/found")["numbers"]["sum"] == 14
    unknown = document(summed(log))
    assert counts(field(unknown, "lang")) == {"py": 6, "js": 2}
    assert field(unknown, "results/kind")["kind"] == "choice"


@pytest.mark.parametrize("odd", [0, -1, 2.5, 3.0])
def test_what_is_no_count_is_not_added_up(odd: float) -> None:
    """Without a row, a mapping with such a number is no distribution: a sum of means says nothing. With one it is."""
    log = [record(lang={"py": 3, "js": odd}), record(lang={"py": 5, "js": 1})]
    unknown = document(summed(log))
    assert [one["field"] for one in unknown["fields"]] == ["lang/js", "lang/py"]
    assert field(unknown, "lang/py")["numbers"]["mean"] == 4
    assert counts(field(document(summed(log), DECLARED), "lang")) == {"py": 8, "js": 1 + odd}
    assert field(document(summed([*log, record(lang={"py": "x"})]), DECLARED), "lang/js")["kind"] == "number"


@pytest.mark.parametrize("declared", [DECLARED, None])
def test_a_field_of_several_kinds(declared: Declaration | None) -> None:
    """Each part counts its own records, as after a version that records a distribution in place of a number."""
    log = [*[record(lang={"py": 1, "js": 2})] * 3, *[record(lang=4)] * 2, record(lang="x"), record(lang=True)]
    parts = [one for one in document(summed(log), declared)["fields"] if one["field"] == "lang"]
    assert [(one["kind"], one["count"]) for one in parts] == [("choice", 2), ("number", 2), ("items", 3)]


def test_few_numbers_are_told_one_by_one() -> None:
    """Numbers that occur over and over (exit codes, buckets) are listed; others have their figures only."""
    found = document(summed(record(code=n % 3, size=n) for n in range(90)))
    assert counts(field(found, "code")) == {0: 30, 1: 30, 2: 30}
    assert field(found, "code")["numbers"]["median"] == 1
    assert field(found, "size")["values"] == []
    many = document(summed(record(code=n % (FEW + 1)) for n in range(90)))
    assert field(many, "code")["values"] == []


def test_a_field_of_several_kinds_has_an_entry_for_each() -> None:
    """Texts and numbers under one name are both told."""
    found = document(summed([record(n="x"), record(n=4)]))
    assert [one["kind"] for one in found["fields"]] == ["choice", "number"]


@pytest.mark.parametrize(
    ("row", "by", "expected"),
    [
        ({"event": "search", "command": None, "by": None}, None, "search"),
        ({"event": "command", "command": "sync", "by": None}, None, "command sync"),
        ({"event": "search", "command": None, "by": "json"}, "fmt", "search, json"),
        ({"event": "command", "command": "sync", "by": "sync"}, "command", "command sync"),
        ({"event": "command", "command": "sync", "by": "command"}, "event", "command sync"),
        ({"event": "command", "command": "json", "by": "json"}, "fmt", "command json, json"),
        ({"event": "search", "command": None, "by": "sync"}, "command", "search, sync"),
    ],
)
def test_labels(row: dict[str, Any], by: str | None, expected: str) -> None:
    """A row is called by its event, its command and its value, unless that is one of the two by its own name."""
    assert "".join(labels(row, by)) == expected


def days_of(*days: str) -> list[dict[str, Any]]:
    """The days of a document, one event each."""
    return [{"day": day, "count": 1, "estimate": None} for day in days]


def test_a_timeline_has_no_holes() -> None:
    """Days without an event are there, with 0; what has no day is not."""
    days, points = timeline(days_of("2026-11-18", "2026-11-21", OTHERS), 14)
    assert points == [("2026-11-18", 1), ("2026-11-19", 0), ("2026-11-20", 0), ("2026-11-21", 1)]
    assert days == 1
    assert timeline([], 14) == timeline(days_of(OTHERS), 14) == (1, [])


@pytest.mark.parametrize("length", [1, 2, 13, 14, 15, 98, 99, 400, 3000, 3_652_059])
@pytest.mark.parametrize("most", [1, 14, 60])
def test_a_timeline_is_short_and_complete(length: int, most: int) -> None:
    """However long the time: at most so many spans, all of one length, the last day in the last, no event lost."""
    last = date.max if length > 700_000 else date(2026, 11, 20)
    held = days_of(str(last - timedelta(days=length - 1)), str(last))
    days, points = timeline(held, most)
    assert 1 <= len(points) <= most
    assert sum(count for _, count in points) == min(length, 2)
    assert points[-1][1] >= 1
    assert points[-1][0] <= str(last)
    assert points[0][0] == held[0]["day"]  # not before there was anything
    begins = [date.fromisoformat(day) for day, _ in points]
    assert {(two - one).days for one, two in pairwise(begins[1:])} <= {days}
    assert days == 1 or days % 7 == 0 or days > 364  # as people say it, where they can


@pytest.mark.parametrize(
    ("days", "expected"), [(1, "day"), (7, "week"), (28, "4 weeks"), (364, "52 weeks"), (365, "365 days")]
)
def test_what_a_span_of_days_is_called(days: int, expected: str) -> None:
    """As people say it."""
    assert spans(days) == expected


def test_how_long_the_slow_ones_take() -> None:
    """Half of them less than the median, and 95 of 100 less than the percentile."""
    found = document(summed(record("command", command="sync", duration_ms=100 * n) for n in range(1, 101)))
    (row,) = found["rows"]
    assert row["duration_ms"]["median"] == pytest.approx(5000, abs=50)
    assert row["duration_ms"]["p95"] == pytest.approx(9500, abs=50)


def test_the_timeline_shows_estimates() -> None:
    """A sampled event counts for what it stands for."""
    assert timeline([{"day": "2026-11-20", "count": 3, "estimate": {"value": 30.0, "error": 1}}], 5) == (
        1,
        [("2026-11-20", 30)],
    )
