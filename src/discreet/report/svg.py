"""The drawings of a report's page, in SVG: widths are percentages of the space, heights are pixels.

The rule that keeps it honest: a drawing is made of numbers, and a text in it is escaped here. Lengths begin at zero; a
logarithmic scale, which has no zero, shows only positions.
"""

import html
import math

_HEIGHT, _FOOT = 200, 24  # pixels of the plot, and of the days below it
_DIGIT = 7.2  # pixels of a digit in the size of the style, rounded up


def bar(value: float, top: float, bad: float = 0, error: float = 0) -> str:
    """A bar of `value` on a scale up to `top`: its last part is `bad`, and its standard error is marked on both sides.
    Nothing is drawn below 0. Hidden from screen readers.
    """
    if not top or not math.isfinite(value / top):
        return ""
    good = _percent(value - bad, top)
    parts = f'<rect width="{good}%" height="12" class="good"/>'
    if bad:
        parts += f'<rect x="{good}%" width="{_percent(bad, top)}%" height="12" class="bad"/>'
    if error and value + error > 0:
        low, high = _percent(value - error, top), _percent(value + error, top)
        parts += f'<line x1="{low}%" x2="{high}%" y1="6" y2="6" class="error"/>'
        parts += "".join(f'<line x1="{x}%" x2="{x}%" y1="2" y2="10" class="error"/>' for x in (low, high))
    return _beside(parts)


def logarithmic(low: float, high: float) -> tuple[float, float]:
    """The ends of a logarithmic scale that holds these; the first is a power of ten, at least 1."""
    first = 10.0 ** math.floor(math.log10(max(low, 1)))
    return first, max(high, 10 * first)


def spread(median: float, p95: float, ends: tuple[float, float]) -> str:
    """A dot at the median and a line from there to the 95th percentile, on a logarithmic scale with a mark at each
    power of ten. Hidden from screen readers.
    """
    first, last = ends
    decades = math.log10(last / first)

    def place(value: float) -> str:
        return _percent(math.log10(max(value, first) / first), decades)

    marks = [f"{_percent(power, decades)}%" for power in range(math.floor(decades) + 1)]
    parts = "".join(f'<line x1="{x}" x2="{x}" y1="0" y2="12" class="mark"/>' for x in marks)
    at, end = place(median), place(p95)
    parts += f'<line x1="{at}%" x2="{end}%" y1="6" y2="6" class="reach"/>'
    return _beside(f'{parts}<circle cx="{at}%" cy="6" r="5" class="good"/>')


def columns(points: list[tuple[str, float]], title: str, told: str) -> str:
    """A column chart as wide as its space; `title` and `told` are for screen readers."""
    step = stride(max(held for _, held in points))
    lines = math.ceil(max(held for _, held in points) / step)
    scale, count = _HEIGHT / (step * lines), len(points)
    width = min(80 / count, 8)
    left = math.ceil(_DIGIT * len(f"{step * lines:,.0f}")) + 12  # for the figures
    axis, plot = "", ""
    for at in range(lines + 1):
        y = 8 + _HEIGHT - at * step * scale
        axis += f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{at * step:,.0f}</text>'
        plot += f'<line x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
    for at, (day, held) in enumerate(points):
        middle, height = 100 * (at + 0.5) / count, held * scale
        plot += (
            f'<rect x="{middle - width / 2:.2f}%" y="{8 + _HEIGHT - height:.1f}" width="{width:.2f}%" '
            f'height="{height:.1f}" class="good"><title>{html.escape(day)}: {held:,.0f}</title></rect>'
        )
    for at in sorted({0, count // 2, count - 1}):
        anchor = "middle" if count == 1 or 0 < at < count - 1 else "start" if not at else "end"
        x = {"start": 0.0, "middle": 100 * (at + 0.5) / count, "end": 100.0}[anchor]
        kind = ' class="between"' if 0 < at < count - 1 else ""
        place = f'x="{x:.2f}%" y="{8 + _HEIGHT + 18}" text-anchor="{anchor}"'
        plot += f"<text{kind} {place}>{html.escape(points[at][0])}</text>"
    height = 8 + _HEIGHT + _FOOT
    return (
        f'<div class="chart"><svg width="{left}" height="{height}" aria-hidden="true">{axis}</svg>'
        f'<svg role="img" aria-labelledby="chart-title" aria-describedby="chart-told" width="100%" height="{height}">'
        f'<title id="chart-title">{html.escape(title)}</title><desc id="chart-told">{html.escape(told)}</desc>'
        f"{plot}</svg></div>"
    )


def stride(most: float) -> float:
    """The distance of two grid lines: 1, 2 or 5 times a power of ten, at least 1, so that at most five are needed."""
    rough = max(most / 5, 1)
    power = 10 ** math.floor(math.log10(rough)) if math.isfinite(rough) else 1
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def _beside(parts: str) -> str:
    return f'<svg class="bar" width="100%" height="12" aria-hidden="true">{parts}</svg>'


def _percent(value: float, whole: float) -> str:
    return f"{min(max(100 * value / whole, 0), 100):.2f}"
