"""Text in the columns of a terminal: what may stand there, and how much room it takes.

The rule that keeps it honest: what is not printable, or not in the terminal's encoding, becomes an escape that names
it. Text is measured in the columns that a terminal gives it, not in characters.
"""

import unicodedata
from collections.abc import Iterable, Iterator

CUT = "..."  # the end of a text that had no room


def safe(text: str, encoding: str = "ascii") -> str:
    r"""The text for a terminal of this encoding: what is not printable (controls, changes of direction) or not in the
    encoding, and the backslash, become Python escapes such as `\x1b`. Never raises.
    """
    kept = (each if each.isprintable() and each != "\\" else each.encode("unicode_escape").decode() for each in text)
    return "".join(kept).encode(encoding, "backslashreplace").decode(encoding)


def width(text: str) -> int:
    """How many columns a terminal gives a safe text."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, room: int) -> str:
    """The text in `room` columns, or in more if it needs them."""
    return text + " " * (room - width(text))


def fitted(text: str, room: int) -> str:
    """The text if it fits `room` columns (4 or more), else its beginning and `CUT`."""
    return text if width(text) <= room else next(_pieces(text, room - len(CUT))) + CUT


def wrapped(words: Iterable[str], room: int) -> list[str]:
    """The words in lines of at most `room` columns (2 or more). Only a word that fits no line is split."""
    lines: list[str] = []
    for word in words:
        for piece in _pieces(word, room):
            # The next piece of a word never fits the line of the one before it.
            if lines and width(lines[-1]) + 1 + width(piece) <= room:
                lines[-1] += f" {piece}"
            else:
                lines.append(piece)
    return lines


def _pieces(text: str, room: int) -> Iterator[str]:
    piece, taken = "", 0
    for each in text:
        size = _columns(each)
        if taken + size > room:
            yield piece
            piece, taken = "", 0
        piece += each
        taken += size
    yield piece


def _columns(character: str) -> int:
    """The columns of a character, by Unicode Standard Annex 11. A combining mark takes none."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
