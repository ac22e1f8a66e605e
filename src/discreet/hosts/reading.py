"""The disclosure as a person reads it on a terminal: the sentences of the Markdown, without its marks.

The rule that keeps it honest: nothing is left out. A row of a table becomes an item of a list, since a table that is
wider than the terminal cannot be read.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BETWEEN_CELLS = re.compile(r"(?<!\\) \| ")


def plain(markdown: str) -> "Iterator[str]":
    """The lines of a page of `privacy.page`, however long."""
    head: list[str] = []  # of the table that is being read
    for line in markdown.splitlines():
        if not line.startswith("|"):
            head = []
            yield line.lstrip("#").strip() if line.startswith("#") else line.replace("**", "")
        elif not head:
            head = _cells(line)
        elif not line.startswith("| ---"):
            name, what, *rest = _cells(line)
            more = "; ".join(f"{title}: {cell}" for title, cell in zip(head[2:], rest, strict=True) if cell)
            yield f"- {name}: {what} ({more})"


def _cells(line: str) -> list[str]:
    return [cell.replace("\\|", "|") for cell in _BETWEEN_CELLS.split(line[2:-2])]
