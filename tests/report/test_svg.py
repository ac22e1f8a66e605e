"""The drawings: that places and lengths say what the figures say."""

import re

import pytest

from discreet.report.svg import bar, columns, logarithmic, spread


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [
        (20, 8_280_000, (10, 8_280_000)),
        (1000, 1000, (1000, 10_000)),
        (0, 0, (1, 10)),
        (0, 500, (1, 500)),
        (999.9, 1000, (100, 1000)),
        (2.0**53, 2.0**53, (10.0**15, 10.0**16)),
    ],
)
def test_the_scale_holds_what_is_shown(low: float, high: float, ends: tuple[float, float]) -> None:
    """It begins at a power of ten from 1 on, holds both, and is never a point."""
    assert logarithmic(low, high) == ends


@pytest.mark.parametrize(
    ("median", "p95", "places"),
    [(10, 1000, (0, 100)), (100, 100, (50, 50)), (0, 100, (0, 50)), (10, 31.6227766, (0, 25))],
)
def test_a_spread_is_placed_by_its_logarithm(median: float, p95: float, places: tuple[float, float]) -> None:
    """The dot is at the median, its line ends at the percentile; what is below the scale is at its beginning."""
    text = spread(median, p95, (10, 1000))
    assert float(re.findall(r'<circle cx="([\d.]+)%"', text)[0]) == places[0]
    assert tuple(map(float, re.findall(r'x1="([\d.]+)%" x2="([\d.]+)%"[^>]*class="reach"', text)[0])) == places
    assert re.findall(r'x1="([\d.]+)%"[^>]*class="mark"', text) == ["0.00", "50.00", "100.00"]


def test_a_bar_begins_at_zero() -> None:
    """Its length is the share, and of nothing there is no bar."""
    assert re.findall(r'<rect width="([\d.]+)%"', bar(3, 12)) == ["25.00"]
    assert bar(0, 0) == ""


def test_the_last_part_of_a_bar_is_bad() -> None:
    """It begins where the good one ends, and both together are as long as the whole."""
    parts = re.findall(r'<rect(?: x="([\d.]+)%")? width="([\d.]+)%" height="12" class="(\w+)"/>', bar(4, 8, bad=1))
    assert parts == [("", "37.50", "good"), ("37.50", "12.50", "bad")]


@pytest.mark.parametrize("days", [1, 2, 3, 10, 11, 366])
def test_columns_stand_side_by_side(days: int) -> None:
    """Each in its part of the width and as high as its number, with the name of the one in the middle below it."""
    text = columns([(f"day {at}", at + 1) for at in range(days)], "a title", "what is told")
    found = re.findall(r'<rect x="([\d.]+)%" y="[\d.]+" width="([\d.]+)%" height="([\d.]+)"', text)
    assert len(found) == days
    tallest = float(found[-1][2])
    for at, (left, width, height) in enumerate(found):
        middle = float(left) + float(width) / 2
        assert middle == pytest.approx(100 * (2 * at + 1) / (2 * days), abs=0.02)
        assert 0 < float(width) < 100 / days
        assert float(height) == pytest.approx(tallest * (at + 1) / days, abs=0.1)
    names = re.findall(r'<text(?: class="between")? x="([\d.]+)%"[^>]*text-anchor="middle">day (\d+)<', text)
    assert [at for _, at in names] == ([] if days == 2 else [str(days // 2)])
    assert text.count('<text class="between"') == (days > 2)
    assert all(float(x) == pytest.approx(100 * (2 * int(at) + 1) / (2 * days), abs=0.02) for x, at in names)
    ends = re.findall(r'<text x="([\d.]+)%"[^>]*text-anchor="(start|end)">day (\d+)<', text)
    assert ends == ([("0.00", "start", "0"), ("100.00", "end", str(days - 1))] if days > 1 else [])


@pytest.mark.parametrize("most", [1, 90, 1234, 12_000_000, 10**13])
def test_the_figures_of_the_axis_have_room(most: int) -> None:
    """Left of the plot there are seven pixels for each of their characters, and more."""
    text = columns([("2026-11-20", most)], "a title", "what is told")
    ticks = re.findall(r'text-anchor="end">([\d,]+)</text>', text)
    assert int(re.findall(r'<svg width="(\d+)"', text)[0]) - 8 >= 7 * max(map(len, ticks))


@pytest.mark.parametrize("most", [1, 3, 90, 1234, 12_000_000])
def test_a_column_is_as_high_as_the_axis_says(most: int) -> None:
    """Its end is where its number would stand, and the lines of the grid are where theirs do."""
    text = columns([("2026-11-19", most / 3), ("2026-11-20", most)], "a title", "what is told")
    ticks = re.findall(r'y="([\d.]+)" text-anchor="end">([\d,]+)</text>', text)
    zero, scale = float(ticks[0][0]), (float(ticks[0][0]) - float(ticks[-1][0])) / int(ticks[-1][1].replace(",", ""))
    assert all(zero - float(y) == pytest.approx(int(told.replace(",", "")) * scale, abs=0.2) for y, told in ticks)
    assert [float(y) + 4 for y in re.findall(r'<line x2="100%" y1="([\d.]+)"', text)] == [float(y) for y, _ in ticks]
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" class="good"', text)]
    assert heights == [pytest.approx(most / 3 * scale, abs=0.2), pytest.approx(most * scale, abs=0.2)]


def test_what_is_told_is_text() -> None:
    """A title is no tag."""
    assert "<b>" not in columns([("2026-11-20", 1)], "<b>", "<b>")


@pytest.mark.parametrize(("value", "places"), [(-12.0, []), (-3.0, [("0.00", "1.00")]), (50.0, [("46.00", "54.00")])])
def test_an_error_is_drawn_around_the_value(value: float, places: list[tuple[str, str]]) -> None:
    """What of it lies below zero is not there, instead of being moved to where it is none."""
    assert re.findall(r'x1="([\d.]+)%" x2="([\d.]+)%" y1="6"', bar(value, 100, error=4)) == places
