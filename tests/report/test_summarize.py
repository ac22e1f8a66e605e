"""The sums: that they are right, and that no log makes them large."""

import math
import random
from typing import Any

import pytest

from discreet.report.summarize import DAYS, ERROR, OTHERS, ROWS, UNKNOWN, Durations, Row, Summary, summarize


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


def test_an_empty_log_is_an_empty_summary() -> None:
    """No record makes no row, no day and no period."""
    assert summarize([]) == Summary()


def test_records_are_counted_by_each_of_their_facts() -> None:
    """Events, versions, systems, Pythons and days each get every record once; an absent text is `unknown`."""
    found = summarize(
        [
            record(),
            {**record("session", "2026-11-21"), "version": "1.5.0", "os": "darwin", "py": "3.12.1"},
            {**record(), "version": "", "os": "", "py": ""},
        ]
    )
    assert found.total == 3
    assert {name: row.count for name, row in found.rows.items()} == {"search": 2, "session": 1}
    assert found.versions == {"1.4.0": 1, "1.5.0": 1, UNKNOWN: 1}
    assert found.systems == {"linux": 1, "darwin": 1, UNKNOWN: 1}
    assert found.pythons == {"3.11.7": 1, "3.12.1": 1, UNKNOWN: 1}
    assert found.days == {"2026-11-20": 2, "2026-11-21": 1}


def test_the_period_does_not_depend_on_the_order() -> None:
    """First and last are the extremes of the days, wherever they stand in the log."""
    days = ["2026-11-20", "2025-01-02", "2027-03-04", "2026-11-21"]
    found = summarize(record(day=day) for day in days)
    assert (found.first, found.last) == ("2025-01-02", "2027-03-04")


@pytest.mark.parametrize(
    ("event", "command", "name"),
    [
        ("command", "import.from_code", "command import.from_code"),
        ("command", "\x1b[31m", "command"),
        ("command", 7, "command"),
        ("search", "import.from_code", "search"),
    ],
)
def test_only_the_event_command_has_a_row_for_each_command(event: str, command: object, name: str) -> None:
    """A legal command name makes a row of its own, in the event `command` and nowhere else."""
    assert list(summarize([record(event, command=command)]).rows) == [name]


def test_a_command_event_without_a_command_is_counted() -> None:
    """What carries no command is still a run."""
    assert summarize([record("command")]).rows["command"].count == 1


def test_success_is_a_boolean_or_no_fact() -> None:
    """Only True is a success and only False a failure; anything else is a run of which neither is known."""
    found = summarize(record(success=value) for value in (True, True, False, 1, 0, "true", 0.0))
    row = summarize([record()]).rows["search"]
    assert (found.rows["search"].count, found.rows["search"].ok, found.rows["search"].failed) == (7, 2, 1)
    assert (row.count, row.ok, row.failed) == (1, 0, 0)


@pytest.mark.parametrize(
    "value", [-1, -0.001, math.nan, math.inf, -math.inf, True, "12", {"sum": 12}, 2**53 + 1, 10**400, 1e300]
)
def test_an_impossible_duration_is_ignored_but_not_its_record(value: object) -> None:
    """What is no finite number from 0 to 2**53 leaves the run counted and the durations as they were."""
    row = summarize([record(duration_ms=value), record(duration_ms=40)]).rows["search"]
    assert row.count == 2
    assert (row.durations.count, row.durations.mean(), row.durations.percentile(95)) == (1, 40, 40)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [({"duration_ms": 0}, 0), ({"ms": 12}, 12), ({"ms": 12, "duration_ms": 30.5}, 30.5), ({"n": 12}, None)],
)
def test_duration_ms_is_preferred(properties: dict[str, Any], expected: float | None) -> None:
    """`duration_ms` is the duration, `ms` where there is none, and no other field."""
    assert summarize([record(**properties)]).rows["search"].durations.mean() == expected


def test_the_order_of_records_does_not_matter() -> None:
    """Summaries of a log and of the same log shuffled are equal."""
    chance = random.Random(1)
    log = [
        record("command", f"2026-11-{n % 28 + 1:02}", command=f"c{n % 7}", duration_ms=n, success=n % 3 > 0)
        for n in range(500)
    ]
    before = summarize(log)
    chance.shuffle(log)
    assert summarize(log) == before


CHANCE = random.Random(20261120)
SAMPLES = {
    "one": [4280.0],
    "two": [1.0, 1000.0],
    "all equal": [120.0] * 50,
    "one to a hundred": [float(n) for n in range(1, 101)],
    "uniform": [CHANCE.uniform(0.02, 60_000) for _ in range(2001)],
    "lognormal": [CHANCE.lognormvariate(5, 2) for _ in range(3000)],
    "over all magnitudes": [10 ** CHANCE.uniform(-2, 15.9) for _ in range(3000)],
    "the ends": [0.01, 2.0**53],
}


@pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)
def test_percentiles_keep_their_stated_error(values: list[float]) -> None:
    """Every percentile is within 1 % of the nearest-rank percentile of the sorted values, and the mean is the mean."""
    durations = Durations()
    for value in values:
        durations.add(value)
    ordered = sorted(values)
    for percent in range(1, 101):
        exact = ordered[math.ceil(percent * len(values) / 100) - 1]
        assert durations.percentile(percent) == pytest.approx(exact, rel=ERROR * (1 + 1e-9))
    assert durations.mean() == pytest.approx(math.fsum(values) / len(values), rel=1e-12)


def test_a_single_duration_is_exact() -> None:
    """The histogram never answers outside of what it saw: one value, or equal ones, come back unchanged."""
    for value in range(4280, 4480, 10):  # over the middles of some cells
        durations = Durations()
        durations.add(value)
        durations.add(value)
        assert [durations.percentile(percent) for percent in (1, 50, 95, 100)] == [value] * 4


def test_durations_below_the_shortest_cell_stay_below_it() -> None:
    """Zero and nearly zero share a cell, and the answer is off by less than a hundredth of a millisecond."""
    durations = Durations()
    for value in (0, 0.0, 1e-300, 0.004):
        durations.add(value)
    assert len(durations.cells) == 1
    assert 0 <= (durations.percentile(50) or 0) < 0.01


def test_no_duration_has_no_mean_and_no_percentile() -> None:
    """Where nothing was measured there is no figure, not a zero."""
    assert (Durations().mean(), Durations().percentile(50)) == (None, None)


def test_memory_is_bounded_whatever_the_log_holds() -> None:
    """Names, versions and days without end make no more rows than the constants say, and every sum stays right."""
    count = DAYS + 500
    found = summarize(
        {
            **record(f"e{n}", f"{n + 1:04}-01-01", ms=n),
            "version": f"1.{n}",
            "os": f"os{n}",
            "py": f"3.{n}",
        }
        for n in range(count)
    )
    assert found.total == count
    for table in (found.versions, found.systems, found.pythons):
        assert len(table) == ROWS + 1
        assert table[OTHERS] == count - ROWS
    assert len(found.days) == DAYS + 1
    assert sum(found.days.values()) == count
    assert len(found.rows) == ROWS + 1
    assert sum(row.count for row in found.rows.values()) == count
    assert found.rows[OTHERS].durations.count == count - ROWS


def test_the_histogram_has_no_more_cells_than_it_says() -> None:
    """Durations of every magnitude fill at most 2,100 cells."""
    durations = Durations()
    steps = 20_000
    for step in range(steps + 1):
        durations.add(min(0.001 * (2**53 / 0.001) ** (step / steps), 2.0**53))
    assert len(durations.cells) <= 2100


def test_a_known_row_still_grows_when_the_table_is_full() -> None:
    """A full table closes itself to new names only."""
    log = [record(f"e{n}") for n in range(ROWS + 1)] + [record("e0")]
    found = summarize(log)
    assert found.rows["e0"] == Row(count=2)
    assert found.rows[OTHERS] == Row(count=1)
