"""The disclosure as a person reads it on a terminal: the sentences of the Markdown, without its marks.

The rule that keeps it honest: nothing is left out. A row of a table becomes an item of a list, since a table that is
wider than the terminal cannot be read.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def plain(markdown: str) -> "Iterator[str]":
    """The lines of a page of `privacy.page`, however long."""
    head: list[str] = []  # of the table that is being read
    for line in markdown.splitlines():
        if not line.startswith("|"):
            head = []
            yield _text(line.lstrip("#").strip() if line.startswith("#") else line.replace("**", "", 2))
        elif not head:
            head = _cells(line)
        elif not line.startswith("| ---"):
            name, what, *rest = _cells(line)
            told = ((title, cell) for title, cell in zip(head[2:], rest, strict=True) if cell)
            more = "; ".join(f"{title}: {cell.strip('*') if title == 'level' else cell}" for title, cell in told)
            yield f"- {name}: {what} ({more})"


def _cells(line: str) -> list[str]:
    """The cells of a row; a bar within one has a backslash before it."""
    return [_text(cell.replace("\\|", "|")) for cell in line[2:-2].split(" | ")]


def _text(marked: str) -> str:
    return marked.replace("&lt;", "<")
