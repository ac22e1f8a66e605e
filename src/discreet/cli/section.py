"""The section of a Markdown file that a program keeps up to date, between two markers.

    <!-- discreet:disclosure:begin -->
    ...
    <!-- discreet:disclosure:end -->

The rule that keeps it honest: no byte outside the markers is ever changed. A marker counts only if it stands alone on
its line, outside any block of code. What is doubtful (no marker, two of a kind, the end before the beginning) is
refused.

Source: CommonMark 0.31.2, sections 4.2 and 4.3 for headings, 4.5 for fences.
"""

import re

BEGIN, END = "<!-- discreet:disclosure:begin -->", "<!-- discreet:disclosure:end -->"
_DEEPEST = 6  # levels of headings that Markdown has
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)")


class Section:
    """The section of `text`. Raises `ValueError` that says what is wrong with the markers.

    `level` is where its own headings begin: one level below the heading above it, 2 if there is none, at most 6.
    """

    def __init__(self, text: str) -> None:
        self._lines = _LINE.findall(text)
        begins, ends, levels = self._look()
        for marker, found in ((BEGIN, begins), (END, ends)):
            if not found:
                raise ValueError(f"there is no line `{marker}`")
            if len(found) > 1:
                raise ValueError(f"the line `{marker}` is there {len(found)} times")
        self._first, self._last = begins[0] + 1, ends[0]
        if self._last < self._first:
            raise ValueError("the end stands before the beginning")
        above = [level for at, level in levels if at < self._first]
        self.level = min(above[-1] + 1 if above else 2, _DEEPEST)

    @property
    def content(self) -> str:
        """What stands between the markers, with a plain newline after each line."""
        return "".join(self._lines[self._first : self._last]).replace("\r\n", "\n")

    def renewed(self, content: str) -> str:
        """The whole text with `content` between the markers, with the line ends of the first marker's line."""
        line_end = "\r\n" if self._lines[self._first - 1].endswith("\r\n") else "\n"
        inner = content.replace("\n", line_end)
        return "".join([*self._lines[: self._first], inner, *self._lines[self._last :]])

    def _look(self) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        """The numbers of the lines with a begin marker and with an end marker, and (number, level) of each heading."""
        begins: list[int] = []
        ends: list[int] = []
        levels: list[tuple[int, int]] = []
        fence = before = ""
        for at, whole in enumerate(self._lines):
            line = whole.rstrip("\r\n")
            found = _FENCE.match(line)
            if fence:
                if found and found[1].startswith(fence) and not found[2].strip():
                    fence = ""
                line = ""
            elif found:
                fence = found[1]
            elif _stands(line, BEGIN):
                begins.append(at)
            elif _stands(line, END):
                ends.append(at)
            elif heading := _HEADING.match(line):
                levels.append((at, len(heading[1])))
                line = ""
            elif before and (underline := _UNDERLINE.match(line)):
                levels.append((at, 1 if underline[1][0] == "=" else 2))
                line = ""
            before = line.strip()
        return begins, ends, levels


def _stands(line: str, marker: str) -> bool:
    """Whether a line holds nothing but the marker, and is not indented as code is."""
    return line.strip() == marker and not line.startswith(("    ", "\t"))
