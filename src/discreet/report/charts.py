"""A chart of the activity by `plotext`, if that is installed.

The rule that keeps it honest: no form of a report depends on it. Whatever release is installed, a chart that cannot be
made leaves its place to the table. The axis begins at zero.
"""

from .document import Document, spans, timeline
from .text import BAR, Style

_HEIGHT = 14  # lines
_TICKS = 6  # days named below the axis
_BEYOND = 5  # columns: the last day is centred below its bar, so half of it is beyond the chart


def activity(document: Document, style: Style) -> str:
    """Events by day, or by longer spans if there is less room; "" without `plotext` 5.3, whose functions it calls."""
    days, points = timeline(document["days"], max(style.width - 20, BAR))
    try:
        import plotext  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
    except ImportError:
        return ""
    if len(points) < 2 or not hasattr(plotext, "clear_figure"):  # 6.0 has other functions
        return ""
    places = list(range(len(points)))
    shown = places[:: -(-len(places) // _TICKS)]
    about = "estimated events" if document["estimate"] else "events"
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(style.width - _BEYOND, _HEIGHT)
    plotext.title(f"{about} by {spans(days)} (UTC)")
    plotext.bar(places, [held for _, held in points], width=0.8, color="cyan+")
    plotext.xticks(shown, [points[place][0] for place in shown])
    plotext.ylim(0, max(held for _, held in points))
    built = str(plotext.build()).rstrip()
    return built if style.colour else str(plotext.uncolorize(built))
