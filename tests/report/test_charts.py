"""The chart of plotext: with the release that it is made for, with another, and with none."""

import builtins
import re
import sys
import types
from datetime import date, timedelta
from typing import Any

import pytest

from discreet.report.charts import activity
from discreet.report.document import Document, document
from discreet.report.text import NARROWEST, Style
from report.test_summarize import record, summed
from report.test_text import SGR


def busy() -> Document:
    """Three days of a small log."""
    return document(summed(record(day=f"2026-11-{day:02}") for day in (18, 18, 19, 20, 20, 20)))


def test_the_chart() -> None:
    """Bars on an axis from zero, the days below, no line wider than the page."""
    pytest.importorskip("plotext")
    chart = activity(busy(), Style(80, blocks=True))
    lines = chart.splitlines()
    assert "events by day (UTC)" in lines[0]
    assert max(map(len, lines)) <= 80
    assert re.search(r"^ *0(\.0+)?┤", chart, re.MULTILINE)
    assert "█" in chart
    assert all(day in chart for day in ("2026-11-18", "2026-11-19", "2026-11-20"))


@pytest.mark.parametrize("width", [40, 60, 90, 100, 101])
@pytest.mark.parametrize("days", [2, 5, 28, 400])
def test_no_line_is_wider_than_the_page(width: int, days: int) -> None:
    """Whatever the number of bars, the names of the days below them included."""
    pytest.importorskip("plotext")
    log = [record(day=str(date(2026, 11, 28) - timedelta(days=number))) for number in range(days)]
    chart = activity(document(summed(log)), Style(width, blocks=True))
    assert max(map(len, chart.splitlines())) <= width


@pytest.mark.parametrize("most", [1, 2, 3, 14, 900, 30_465])
def test_the_axis_counts_in_whole_events(most: int) -> None:
    """No figure beside it is between two events, and large ones have their commas; the first is 0."""
    pytest.importorskip("plotext")
    log = [record(day="2026-11-18"), *[record(day="2026-11-19")] * most]
    chart = activity(document(summed(log)), Style(80, blocks=True))
    figures = [line.partition("┤")[0].strip() for line in chart.splitlines() if "┤" in line]
    assert figures[-1] == "0"
    assert len(figures) >= 2
    assert all(figure == f"{int(figure.replace(',', '')):,}" for figure in figures)


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100])
@pytest.mark.parametrize("days", [9, 19, 21, 39, 59])
def test_a_day_without_events_can_be_seen(width: int, days: int) -> None:
    """Between two bars there is room for the day that has none; where there is no room for days, spans are longer."""
    pytest.importorskip("plotext")
    log = [record(day=str(date(2026, 11, 28) - timedelta(days=number))) for number in range(0, days, 2)]
    title, *chart = activity(document(summed(log)), Style(width, blocks=True)).splitlines()
    assert title.startswith("events by ")
    bars = re.findall("█+", next(line for line in chart if "█" in line))
    assert len(bars) == days // 2 + 1 or "day" not in title
    assert all(len(line) <= max(width, 30) for line in chart)


def test_a_small_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chart has its lines and columns in a terminal that has fewer; there its own limit left a part of an axis."""
    pytest.importorskip("plotext")
    for columns, lines in ((80, 24), (80, 4), (20, 24)):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", str(lines))
        _, *chart = activity(busy(), Style(columns, blocks=True)).splitlines()
        assert len(chart) == 13
        assert len(chart[-1]) == max(columns, NARROWEST) - 5
        assert len(re.findall("█+", chart[-3])) == 3


def test_colours_only_where_they_are_wanted() -> None:
    """Without colours there is no escape in it; with them only colours."""
    pytest.importorskip("plotext")
    plain, coloured = (activity(busy(), Style(80, blocks=True, colour=colour)) for colour in (False, True))
    assert "\x1b" not in plain
    assert "\x1b" in coloured
    assert SGR.sub("", coloured).split() == plain.split()


def test_a_long_time_and_estimates_are_told() -> None:
    """What a bar stands for is in the title."""
    pytest.importorskip("plotext")
    log = [record(day=f"2026-{month:02}-01", sample_rate=0.5) for month in range(1, 13)]
    assert "estimated events by week (UTC)" in activity(document(summed(log)), Style(80, blocks=True))


@pytest.mark.parametrize("log", [[], [record()]])
def test_nothing_to_draw(log: list[dict[str, Any]]) -> None:
    """No day and one day make no chart."""
    assert activity(document(summed(log)), Style(80, blocks=True)) == ""


def test_without_plotext(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed there is no chart, and no complaint."""
    real = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name == "plotext":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert activity(busy(), Style(80, blocks=True)) == ""


def test_with_a_release_of_other_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """6.0 has none of the calls of 5.3: no chart, and no complaint."""
    monkeypatch.setitem(sys.modules, "plotext", types.ModuleType("plotext"))
    assert activity(busy(), Style(80, blocks=True)) == ""
