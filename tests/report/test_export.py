"""The page to pass on: that its figures are right, and that it holds nothing finer than them."""

import random
from typing import Any

import pytest

from discreet import Boolean, Count, Distribution, Hash, Number, OneOf, Version
from discreet.privacy import randomized
from discreet.privacy.declaration import Declaration
from discreet.report.export import MOST, Aggregate

EVENTS = {
    "search": {
        "n": Number(),
        "ms": Number(buckets=[0, 10, 100]),
        "fmt": OneOf("json", "a|b"),
        "project": Hash(),
        "kinds": Distribution("py", "js"),
        "results": {"found": Count(), "cached": Boolean()},
        "engine": Version(),
    }
}


def record(event: str = "search", day: str = "2026-11-20", **properties: object) -> dict[str, Any]:
    """A record as `sending.distrust` lets it go."""
    return {
        "v": 1,
        "id": "d00f4479-d6a5-4029-a739-5750004ea1ba",
        "time": f"{day}T10:31:42Z",
        "run": "9250cc9eadbb82a8",
        "event": event,
        "tool": "mytool",
        "version": "1.4.0",
        "py": "3.11.7",
        "os": "linux",
        "properties": properties,
    }


def page(records: list[dict[str, Any]], events: object = None, *remarks: str) -> str:
    """The page of these records; without events nothing is declared."""
    aggregate = Aggregate(Declaration(events) if events is not None else None)
    for one in records:
        aggregate.add(one)
    return aggregate.page("mytool", remarks)


def figures(found: str, field: str) -> str:
    """What is said of a field."""
    (line,) = (line for line in found.splitlines() if line.startswith(f"| `{field}` |"))
    return line.removeprefix(f"| `{field}` | ").removesuffix(" |")


RECORDS = [
    record(n=4, ms=10, fmt="json", project="0123456789abcdef", kinds={"py": 2, "other": 1}, engine="3.1",
           results={"found": 3, "cached": True}),
    record(n=1, ms=0, fmt="a|b", project="0123456789abcdef", kinds={"py": 1}, results={"found": 1}, engine="3.1"),
    record(n=2.5, ms=10, fmt="other", project="fedcba9876543210", day="2026-11-22", results={"cached": False}),
    {**record("command", command="go", success=True), "version": "", "os": "darwin"},
]  # fmt: skip
PAGE = r"""# What mytool recorded from 2026-11-20 to 2026-11-22

Said first.

| day (UTC) | events |
| --- | --- |
| 2026-11-20 | 3 |
| 2026-11-22 | 1 |

| all events | 4 |
| --- | --- |
| version | `1.4.0` 3, `unknown` 1 |
| Python | `3.11.7` 4 |
| system | `linux` 3, `darwin` 1 |

## `search`: 3

| field | figures |
| --- | --- |
| `n` | 3 numbers: sum 7.5, mean 2.5, median 2.5, 1 to 4 |
| `ms` | buckets: `0` 1, `10` 2 |
| `fmt` | `a\|b` 1, `json` 1, `other` 1 |
| `project` | 2 different (one value counts anew each month) |
| `kinds` | `py` 3, `other` 1 |
| `results/found` | 2 numbers: sum 4, mean 2, median 1, 1 to 3 |
| `results/cached` | `no` 1, `yes` 1 |
| `engine` | `3.1` 2 |

## `command`: 1

| field | figures |
| --- | --- |
| `command` | `go` 1 |
| `success` | `yes` 1 |"""


def test_the_page() -> None:
    """Each kind of field has its figures; the same records, in any order, make the same page."""
    shuffled = random.Random(1)
    for _ in range(5):
        assert page(RECORDS, EVENTS, "Said first.") == PAGE
        shuffled.shuffle(RECORDS)


def test_an_empty_log() -> None:
    """No record makes a page that holds a title and the remarks, and says that there is nothing else."""
    assert page([], EVENTS, "One.", "Two.") == "# What mytool recorded\n\nOne.\n\nTwo.\n\nThere is no event in it."


def test_what_nobody_declared() -> None:
    """Numbers and booleans without a row are added up by what they are: True is not 1."""
    found = page([record(a=True, b=1), record(a=1, b=1.0), record(a=False)])
    assert figures(found, "a") == "`no` 1, `yes` 1; 1 number: sum 1, mean 1, median 1, 1 to 1"
    assert figures(found, "b") == "2 numbers: sum 2, mean 1, median 1, 1 to 1"


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([3], "1 number: sum 3, mean 3, median 3, 3 to 3"),
        ([1, 2, 3, 10], "4 numbers: sum 16, mean 4, median 2, 1 to 10"),
        ([-5, 1234567, 0], "3 numbers: sum 1,234,562, mean 411,521, median 0, -5 to 1,234,567"),
        (
            [12345678.9, -2345678.5],
            "2 numbers: sum 10,000,000, mean 5,000,000, median -2,345,678, -2,345,678 to 12,345,679",
        ),
        ([0.5, 99_999.75], "2 numbers: sum 100,000, mean 50,000.1, median 0.5, 0.5 to 99,999.8"),
        ([-0.0], "1 number: sum 0, mean 0, median 0, 0 to 0"),
        ([0.1] * 10, "10 numbers: sum 1, mean 0.1, median 0.1, 0.1 to 0.1"),
        ([2**53, 2**53], f"2 numbers: sum {2**54:,}, mean {2**53:,}, median {2**53:,}, {2**53:,} to {2**53:,}"),
    ],
)
def test_numbers(numbers: list[float], said: str) -> None:
    """Sum, mean, median and extremes are those of the numbers."""
    assert figures(page([record(n=number) for number in numbers], EVENTS), "n") == said


def test_many_names_are_one_sum() -> None:
    """Beyond so many names the rest of a field is one number, and the sum is right."""
    names = [f"go.{number:03}" for number in range(MOST + 7)]
    found = figures(page([record("command", command=name) for name in [*names, *names, names[0]]]), "command")
    assert found.startswith("`go.000` 3, `go.001` 2, ")
    assert found.endswith(", others 14")
    assert found.count("`") == 2 * MOST


def test_answers_by_lot() -> None:
    """Of answers by lot there are the raw counts, and what they say of the truth with the standard error."""
    events = {"search": {"proxy": Boolean(epsilon=1.0), "fmt": OneOf("a", "b", epsilon=2.0)}}
    answers = [record(proxy=True, fmt="a")] * 70 + [record(proxy=False, fmt="other")] * 30
    found = page(answers, events)
    truth = randomized.estimate({True: 70, False: 30}, (False, True), 1.0)
    assert figures(found, "proxy") == (
        "by lot (epsilon 1.0): `yes` 70, `no` 30; estimated: "
        f"`no` {truth[False][0]:.1f} ± {truth[False][1]:.1f}, `yes` {truth[True][0]:.1f} ± {truth[True][1]:.1f}"
    )
    assert "`b` -" in figures(found, "fmt").partition("estimated")[2]
    assert found.endswith("by up to the square root of their number.")
    assert "±" not in PAGE


def test_what_is_rounded_to_nothing_has_no_sign() -> None:
    """32 of 119 are a hair fewer than chance alone makes of none."""
    events = {"search": {"proxy": Boolean(epsilon=1.0)}}
    found = page([record(proxy=True)] * 32 + [record(proxy=False)] * 87, events)
    assert "`yes` 0.0 \xb1" in figures(found, "proxy")


def test_sampled_events() -> None:
    """A sampled event is weighted by its rate, with the standard error; what has no rate counts as it is."""
    events = {"search": {"fields": {"n": "number"}, "sample": 0.25}, "other": {"n": "number"}}
    found = page([record(n=1, sample_rate=0.25)] * 12 + [record(n=1)] * 2, events)
    assert (
        "## `search`: 14\n\nOnly a share of these is recorded (0.25): weighted by it, about 50 ± 12 happened." in found
    )
    assert "`sample_rate`" not in found
    assert figures(found, "n").startswith("14 numbers: sum 14")
    assert "share" not in page([record("other", n=1)], events)


@pytest.mark.parametrize("rate", [1.0, 1e-300])
def test_extreme_rates(rate: float) -> None:
    """No rate breaks the page."""
    events = {"search": {"fields": {}, "sample": rate}}
    assert f"({rate:g})" in page([record(sample_rate=rate)], events)
