"""A chart of the activity by `plotext`, if that is installed.

The rule that keeps it honest: no form of a report depends on it. Whatever release is installed, a chart that cannot be
made leaves its place to the table. The axis begins at zero, its figures are whole, and no bar covers another one.
"""

import math

from .columns import wrapped
from .document import Document, spans, timeline
from .svg import stride
from .text import NARROWEST, Style

_HEIGHT = 13  # lines
_APART = 13  # columns from one day named below the axis to the next
_BESIDE = 20  # columns: the figures beside the axis, with room for billions
_BEYOND = 5  # columns: the last day is centred below its bar, so half of it is beyond the chart


def activity(document: Document, style: Style) -> str:
    """Events by day, or by longer spans if there is less room; "" without `plotext` 5.3, whose functions it calls."""
    width = max(style.width, NARROWEST)
    days, points = timeline(document["days"], min(width - _BESIDE, width * 3 // 5))
    try:
        import plotext  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
    except ImportError:
        return ""
    if len(points) < 2 or not hasattr(plotext, "clear_figure"):  # 6.0 has other functions
        return ""
    places, most = list(range(len(points))), max(held for _, held in points)
    shown = places[:: math.ceil(len(places) * _APART / (width - _BESIDE))]
    step = stride(most)
    ticks = [step * at for at in range(math.floor(most / step) + 1)]
    about = "estimated events" if document["estimate"] else "events"
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)  # else a low terminal gets a part of the axis, and a narrow one bars in one piece
    plotext.plotsize(width - _BEYOND, _HEIGHT)
    # plotext rounds a bar up to whole columns: a wide one would cover the place of a day without events.
    plotext.bar(places, [held for _, held in points], width=0.3, color="cyan+")
    plotext.xticks(shown, [points[place][0] for place in shown])
    plotext.yticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    plotext.ylim(0, most)
    title = wrapped(f"{about} by {spans(days)} (UTC)".split(" "), width)  # plotext leaves it out where it has no room
    built = str(plotext.build()).rstrip()
    return "\n".join([*title, built if style.colour else str(plotext.uncolorize(built))])
