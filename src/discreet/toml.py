"""Read the plain part of TOML, which manifests are written in, without the reader of the standard library.

To load `tomllib`, with regular expressions, `datetime` and `typing`, costs a command as much as the start of the
interpreter. A tool with a manifest would pay that at each start, and so would each wrapped target of a Makefile.

The rule that keeps it honest: what it returns is what `tomllib` returns, as a test shows with generated documents and
with damaged ones. Whatever is outside the plain part raises `Unplain`, right or wrong, and `tomllib` decides.

    plain       # comments; [tables] with bare, 'quoted' and dotted names; key = value
    values      "text" without a backslash, 'text', whole numbers, 1.5, true, false, [arrays], {inline = "tables"}
    not plain   [[arrays of tables]], dotted.keys = 1, '''long texts''', escapes, 1_000, 1e3, 0x1f, dates, inf, nan
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BARE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_ENDS = " \t\n,]}#"  # what ends a number or a word
_DIGITS = 15  # of a number: what a double holds exactly


class Unplain(Exception):
    """The document is wrong, or not all of it is of the plain part."""


def read(text: str) -> "dict[str, Any]":
    """The document as `tomllib.loads` would return it. Raises `Unplain`, and `RecursionError` for very deep values."""
    if any(letter < " " and letter not in "\t\n" for letter in set(text)) or "\x7f" in text:
        raise Unplain
    return _Reader(text).document()


class _Reader:
    """A text, and how far it is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> "dict[str, Any]":
        """The whole document."""
        root: dict[str, Any] = {}
        table = root
        # The tables that headers made, by identity: True if a header named it, False if only on the way to another.
        named = {id(root): True}
        while first := self._next(" \t\n"):
            if first == "[":
                self._at += 1
                table = self._header(root, named)
            elif first != "#":
                self._pair(table)
            self._end_line()
        return root

    def _header(self, root: "dict[str, Any]", named: "dict[int, bool]") -> "dict[str, Any]":
        """The table that `[a.b]` names. A table on the way is made, unless a header has made it already."""
        table, key = root, self._key()
        while self._next(" \t") == ".":
            self._at += 1
            table = self._inner(table, key, named)
            key = self._key()
        table = self._inner(table, key, named)
        if named[id(table)]:
            raise Unplain
        named[id(table)] = True
        self._take("]")
        return table

    def _inner(self, table: "dict[str, Any]", key: str, named: "dict[int, bool]") -> "dict[str, Any]":
        if key not in table:
            table[key] = {}
            named[id(table[key])] = False
        inner: dict[str, Any] = table[key]
        if id(inner) not in named:
            raise Unplain
        return inner

    def _pair(self, table: "dict[str, Any]") -> None:
        key = self._key()
        self._take("=")
        if key in table:
            raise Unplain
        table[key] = self._value()

    def _key(self) -> str:
        if self._next(" \t") in ('"', "'"):
            return self._quoted()
        start = self._at
        while self._next("") and self._next("") in _BARE:
            self._at += 1
        if start == self._at:
            raise Unplain
        return self._text[start : self._at]

    def _value(self) -> "Any":
        first = self._next(" \t")
        if first in ('"', "'"):
            return self._quoted()
        if first == "[":
            return self._array()
        if first == "{":
            return self._inline()
        start = self._at
        while self._next("") not in _ENDS:
            self._at += 1
        return _word(self._text[start : self._at])

    def _quoted(self) -> str:
        mark, start = self._text[self._at], self._at + 1
        end = self._text.find(mark, start)
        found = self._text[start:end]  # "" for a long text, whose third mark then ends no value
        self._at = end + 1
        if end < 0 or "\n" in found or (mark == '"' and "\\" in found):
            raise Unplain
        return found

    def _array(self) -> "list[Any]":
        found: list[Any] = []
        self._at += 1
        while self._skip_lines() != "]":
            found.append(self._value())
            if self._skip_lines() == "]":
                break
            self._take(",")
        self._at += 1
        return found

    def _inline(self) -> "dict[str, Any]":
        found: dict[str, Any] = {}
        self._at += 1
        if self._next(" \t") != "}":
            self._pair(found)
            while self._next(" \t") == ",":
                self._at += 1
                self._pair(found)
        self._take("}")
        return found

    def _next(self, skipped: str) -> str:
        """The next character that is none of `skipped`; "" at the end."""
        while self._at < len(self._text) and self._text[self._at] in skipped:
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _skip_lines(self) -> str:
        """The next character beyond blanks, line ends and comments."""
        while self._next(" \t\n") == "#":
            self._skip_comment()
        return self._next("")

    def _skip_comment(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = end if end >= 0 else len(self._text)

    def _take(self, wanted: str) -> None:
        if self._next(" \t") != wanted:
            raise Unplain
        self._at += 1

    def _end_line(self) -> None:
        """What may follow a header or a value on its line: nothing but a comment."""
        if self._next(" \t") == "#":
            self._skip_comment()
        if self._next("") not in ("", "\n"):
            raise Unplain


def _word(word: str) -> bool | int | float:
    if word in ("true", "false"):
        return word == "true"
    digits = word.removeprefix("-")
    whole, point, fraction = digits.partition(".")
    if len(digits) > _DIGITS or not _is_digits(whole) or (whole[0] == "0" and len(whole) > 1):
        raise Unplain
    if not point:
        return int(word)
    if not _is_digits(fraction):
        raise Unplain
    return float(word)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
