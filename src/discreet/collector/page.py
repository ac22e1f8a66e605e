"""The page at `/`: what was received, for people, as it stands now.

The rule that keeps it honest: it is made from the files alone, as by `report --html`. The browser is told to load
nothing, run nothing and let no page frame it, and what comes from a sender is escaped.
"""

from collections import Counter
from html import escape

from ..privacy.declaration import Declaration
from ..report import document, html, packs, read, summarize

DAYS = 30  # that the page looks at
_REFRESH_SECONDS = 15
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def report(paths: list[str], tool: str, declaration: Declaration | None = None) -> str:
    """The page of one tool's files, as HTML. Raises `OSError`."""
    skipped: read.Tally = Counter()
    summary = summarize.summarize(packs.packs(paths, skipped))
    received = f"received in the last {DAYS} days"
    only = f"It was {received}; the page is loaded again every {_REFRESH_SECONDS} seconds."
    nothing = f"Nothing was {received}."
    found = document.document(summary, declaration, skipped)
    return html.page(found, tool=tool, only=only, nothing=nothing, refresh=_REFRESH_SECONDS)


def index(tools: list[str], address: str) -> str:
    """The page of links to the pages of several tools; if there is none, it says where to send."""
    items = "".join(f'<li><a href="?tool={escape(tool)}">{escape(tool)}</a></li>' for tool in tools)
    body = f"<ul>{items}</ul>" if tools else f"<p>Send to <code>{escape(address)}</code></p>"
    title = "Tools" if tools else "Nothing was received yet"
    return html.sheet(title, f"<section>{body}</section>", refresh=_REFRESH_SECONDS)
