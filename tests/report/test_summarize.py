"""The sums: that they are right, and that no log makes them large."""

import json
import math
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from discreet.report import packs as bulk
from discreet.report.packs import Facts, Pack, packs
from discreet.report.summarize import DAYS, NONE, OTHERS, ROWS, UNKNOWN, Row, Summary, summarize


def record(event: str = "search", day: str = "2026-11-20", **properties: object) -> dict[str, Any]:
    """A record as the reader yields it."""
    return {
        "v": 1,
        "id": "",
        "time": f"{day}T10:30:00Z",
        "run": "",
        "event": event,
        "tool": "mytool",
        "version": "1.4.0",
        "py": "3.11.7",
        "os": "linux",
        "properties": properties,
    }


def pack(record: dict[str, Any], by: str = "") -> Pack:
    """One record, as the reader yields it, as a pack."""
    return next(bulk._packed([bulk._legal(record)], by, Counter()))


def summed(records: Iterable[dict[str, Any]], by: str = "") -> Summary:
    """The summary of these records."""
    return summarize((pack(one, by) for one in records), by)


def row(summary: Summary, event: str, command: str = "", by: str = "") -> Row:
    """One row of a summary."""
    return summary.rows[event, command, by]


def shape(summary: Summary) -> Any:
    """All that a summary says, to be compared."""
    return (
        summary.total,
        summary.period,
        {name: (one.count, one.ok, one.failed, one.durations.exact) for name, one in summary.rows.items()},
        (summary.tools, summary.versions, summary.systems, summary.pythons, summary.days),
        {name: (one.count, one.table, one.numbers.exact) for name, one in summary.fields.items()},
    )


def test_an_empty_log_is_an_empty_summary() -> None:
    """No record makes no row, no day and no period."""
    assert shape(summed([])) == shape(Summary())
    assert summed([]).period == ("", "")


def test_records_are_counted_by_each_of_their_facts() -> None:
    """Events, tools, versions, systems, Pythons and days each get every record once; an absent text is `unknown`."""
    found = summed(
        [
            record(),
            {**record("session", "2026-11-21"), "version": "1.5.0", "os": "darwin", "py": "3.12.1", "tool": "other"},
            {**record(), "version": "", "os": "", "py": ""},
        ]
    )
    assert found.total.count == 3
    assert {name[0]: one.count for name, one in found.rows.items()} == {"search": 2, "session": 1}
    assert found.tools == {"mytool": 2, "other": 1}
    assert found.versions == {"1.4.0": 1, "1.5.0": 1, UNKNOWN: 1}
    assert found.systems == {"linux": 1, "darwin": 1, UNKNOWN: 1}
    assert found.pythons == {"3.11.7": 1, "3.12.1": 1, UNKNOWN: 1}
    assert {day: held.count for day, held in found.days.items()} == {"2026-11-20": 2, "2026-11-21": 1}


def test_the_period_does_not_depend_on_the_order() -> None:
    """First and last are the extremes of the days, wherever they stand in the log."""
    days = ["2026-11-20", "2025-01-02", "2027-03-04", "2026-11-21"]
    assert summed(record(day=day) for day in days).period == ("2025-01-02", "2027-03-04")


@pytest.mark.parametrize(
    ("event", "command", "name"),
    [
        ("command", "import.from_code", ("command", "import.from_code", "")),
        ("command", "Upper Case", ("command", "", "")),
        ("command", 7, ("command", "", "")),
        ("search", "import.from_code", ("search", "", "")),
    ],
)
def test_only_the_event_command_has_a_row_for_each_command(event: str, command: object, name: Any) -> None:
    """A legal command name makes a row of its own, in the event `command` and nowhere else."""
    assert list(summed([record(event, command=command)]).rows) == [name]


def test_a_command_event_without_a_command_is_counted() -> None:
    """What carries no command is still a run."""
    assert row(summed([record("command")]), "command").count == 1


def test_success_is_a_boolean_or_no_fact() -> None:
    """Only True is a success and only False a failure; anything else is a run of which neither is known."""
    found = row(summed(record(success=value) for value in (True, True, False, 1, 0, "true", 0.0)), "search")
    assert (found.count, found.ok, found.failed) == (7, 2, 1)
    found = row(summed([record()]), "search")
    assert (found.count, found.ok, found.failed) == (1, 0, 0)


@pytest.mark.parametrize("value", [-1, -0.001, True, "12", {"sum": 12}])
def test_an_impossible_duration_is_ignored_but_not_its_record(value: object) -> None:
    """What is no number from 0 on leaves the run counted and the durations as they were."""
    found = row(summed([record(duration_ms=value), record(duration_ms=40)]), "search")
    assert found.count == 2
    assert (found.durations.count, found.durations.mean(), found.durations.percentile(95)) == (1, 40, 40)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [({"duration_ms": 0}, 0), ({"ms": 12}, 12), ({"ms": 12, "duration_ms": 30.5}, 30.5), ({"n": 12}, None)],
)
def test_duration_ms_is_preferred(properties: dict[str, Any], expected: float | None) -> None:
    """`duration_ms` is the duration, `ms` where there is none, and no other field."""
    assert row(summed([record(**properties)]), "search").durations.mean() == expected


def test_fields_are_counted_by_event() -> None:
    """What a field held is told by its kind; what the rows are made of is not told twice."""
    found = summed(
        [
            record("command", command="x", success=True, duration_ms=3, exit_code=0, fuzzy=True),
            record("command", command="y", success=False, duration_ms=3, exit_code=2, fuzzy=False),
            record("search", fmt="json", lang={"py": 2, "C++": 1}, command="x"),
            record("search", fmt="table", lang={"py": 5}),
        ]
    )
    assert sorted(found.fields) == [
        ("command", "exit_code"),
        ("command", "fuzzy"),
        ("search", "command"),
        ("search", "fmt"),
        ("search", "lang"),
    ]
    assert found.fields["command", "exit_code"].numbers.exact == {0: 1, 2: 1}
    assert found.fields["command", "fuzzy"].table == {True: 1, False: 1}
    assert found.fields["search", "fmt"].table == {"json": 1, "table": 1}
    lang = found.fields["search", "lang"]
    assert lang.count == 2
    assert {item: (held.count, held.numbers.total) for item, held in lang.items.items()} == {
        "py": (2, 7),
        "C++": (1, 1),
    }


def test_a_mapping_is_counted_once_a_record(tmp_path: Path) -> None:
    """Whatever is within it, and however the records are read: in one batch, or one by one."""
    log = [record(lang={"py": 2}), record(lang={"js": 1}), record(lang={"py": 1, "go": 4}), record(lang={})]
    (tmp_path / "log").write_text("".join(f"{json.dumps(one)}\n" for one in log))
    (batch,) = packs([str(tmp_path / "log")])
    assert batch.number == 4
    for found in (summarize([batch]), summed(log)):
        lang = found.fields["search", "lang"]
        assert lang.count == 4
        assert {item: held.count for item, held in lang.items.items()} == {"py": 2, "js": 1, "go": 1}


def test_booleans_and_numbers_are_not_one() -> None:
    """True in one record and 1 in another are told apart, as are a text and a boolean of its name."""
    found = summed([record(n=True), record(n=1), record(n=1.0), record(n="True")]).fields["search", "n"]
    assert found.table == {True: 1, "True": 1}
    assert found.numbers.exact == {1: 2}


def test_a_sampled_event_stands_for_more() -> None:
    """Counts divided by their rate, with the standard error of Horvitz and Thompson, for rows, days and in all."""
    log = [record("rare", sample_rate=0.1)] * 30 + [record("rare", "2026-11-21", sample_rate=0.5)] * 8 + [record()] * 5
    found = summed(log)
    rare = row(found, "rare")
    assert (rare.count, rare.weight) == (38, pytest.approx(316))
    assert rare.variance == pytest.approx(30 * 0.9 / 0.01 + 8 * 0.5 / 0.25)
    assert (found.total.count, found.total.weight) == (43, pytest.approx(321))
    assert found.days["2026-11-20"].weight == pytest.approx(305)
    assert found.days["2026-11-21"].weight == pytest.approx(16)
    assert (row(found, "search").weight, row(found, "search").variance) == (5, 0)
    assert ("rare", "sample_rate") not in found.fields


def test_the_estimate_keeps_its_error() -> None:
    """Over many seeded samples of 1,000 events at one in ten, the mean is right, and the spread is the stated error."""
    chance = random.Random(4)
    weights, errors = [], []
    for _ in range(300):
        kept = sum(chance.random() < 0.1 for _ in range(1000))
        found = row(summarize([Pack("rare", "", 0.1, None, kept, [b"2026-11-20"] * kept, FACTS * kept, {})]), "rare")
        weights.append(found.weight)
        errors.append(math.sqrt(found.variance))
    mean = sum(weights) / len(weights)
    spread = math.sqrt(sum((weight - mean) ** 2 for weight in weights) / (len(weights) - 1))
    assert mean == pytest.approx(1000, abs=4 * spread / math.sqrt(300))
    assert spread == pytest.approx(sum(errors) / len(errors), rel=0.15)


FACTS = [Facts("rare", "mytool", "", "", "")]


def test_rows_by_a_field() -> None:
    """Each event has a row for each value of the field, and one for what does not have it."""
    log = [record(fmt="json"), record(fmt="json"), record(fmt="table"), record(), record("other", fmt="json")]
    found = summed(log, "fmt")
    assert {name: one.count for name, one in found.rows.items()} == {
        ("search", "", "json"): 2,
        ("search", "", "table"): 1,
        ("search", "", NONE): 1,
        ("other", "", "json"): 1,
    }


def test_the_order_of_records_does_not_matter() -> None:
    """Summaries of a log and of the same log shuffled are equal."""
    chance = random.Random(1)
    log = [
        record("command", f"2026-11-{n % 28 + 1:02}", command=f"c{n % 7}", duration_ms=n, success=n % 3 > 0)
        for n in range(500)
    ]
    before = shape(summed(log))
    chance.shuffle(log)
    assert shape(summed(log)) == before


def test_memory_is_bounded_whatever_the_log_holds() -> None:
    """Names, values, versions and days without end make no more rows than the constants say; every sum stays right."""
    count = DAYS + 500
    found = summed(
        {
            **record(f"e{n}", f"{n + 1:04}-01-01", ms=n, text=f"t{n}"),
            "version": f"1.{n}",
            "os": f"os{n}",
            "py": f"3.{n}",
            "tool": f"t{n}",
        }
        for n in range(count)
    )
    assert found.total.count == count
    for table in (found.tools, found.versions, found.systems, found.pythons):
        assert len(table) == ROWS + 1
        assert table[OTHERS] == count - ROWS
    assert len(found.days) == DAYS + 1
    assert sum(held.count for held in found.days.values()) == count
    assert found.period == ("0001-01-01", f"{DAYS:04}-01-01")
    assert len(found.rows) == ROWS + 1
    assert sum(held.count for held in found.rows.values()) == count
    assert row(found, OTHERS).durations.count == count - ROWS
    assert len(found.fields) == ROWS + 1
    others = found.fields[OTHERS, OTHERS]
    assert others.count == count - ROWS
    assert len(others.table) == ROWS + 1
    assert sum(others.table.values()) == others.count


def test_items_of_a_mapping_are_bounded() -> None:
    """Items without end make no more rows than the constant says, and the last holds the rest."""
    found = summed(record(**{f"f{n % 9}": {f"item {n}": 1}}) for n in range(500)).fields
    assert sum(len(held.items) for held in found.values()) <= ROWS + 9
    assert sum(held.items[OTHERS].numbers.total for held in found.values()) == 500 - ROWS


def test_a_known_row_still_grows_when_the_table_is_full() -> None:
    """A full table closes itself to new names only."""
    found = summed([record(f"e{n}") for n in range(ROWS + 1)] + [record("e0")])
    assert row(found, "e0").count == 2
    assert row(found, OTHERS).count == 1


def test_very_many_rates() -> None:
    """Each pack looks at all rates that are not settled yet: they are settled before they are many."""
    summary = Summary()
    for n in range(1, 101):
        summary.add(pack(record(sample_rate=n / 100)))
        assert len(summary._new_days) < 20
    assert summary.settle().days["2026-11-20"].count == 100


def test_what_is_not_settled_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts are brought into their tables before they are many, and nothing is counted twice."""
    monkeypatch.setattr("discreet.report.summarize.UNSETTLED", 10)
    summary = Summary()
    for n in range(100):
        summary.add(pack(record(day=f"2026-11-{n % 28 + 1:02}")))
        assert len(summary._new_facts) <= 11
    assert summary.settle().settle().versions == {"1.4.0": 100}
    assert Counter({day: held.count for day, held in summary.days.items()}).total() == 100
