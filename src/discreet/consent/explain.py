"""The gate explained: every row, what it saw, and what to type to change it.

The rule that keeps it honest: a row is told by the reading that decides it, and an off never without what changes it.
"""

import shlex
from typing import NamedTuple

from .. import names
from . import OFF, ON, PASS, ROWS, Facts, readings
from .sentences import DEFAULTS, TEXTS, sentence, shown

_RANKS = {PASS: 0, ON: 1, OFF: 2}


class Line(NamedTuple):
    """One row of the gate, worded: its name, verdict (OFF, ON or PASS), what it saw ("" for nothing), `otherwise` (what
    it looked for in vain) and what to type to change an off ("" for any other verdict).
    """

    row: str
    verdict: str
    saw: str
    otherwise: str
    change: str


def lines(facts: Facts) -> list[Line]:
    """Every row with what it saw and what to type to change it, in table order. Never raises."""
    seen: dict[str, tuple[str, str, str]] = {}
    for row, *reading in readings(facts):
        # Of several in one row (two variables, two files) the one that decides it, else the last.
        if row not in seen or _RANKS[reading[0]] > _RANKS[seen[row][0]] or reading[0] == PASS == seen[row][0]:
            seen[row] = reading[0], reading[1], reading[2]
    found = []
    for row in ROWS:
        verdict, source, detail = seen.get(row, (PASS, "", ""))
        saw = sentence(row, verdict, source, detail, tool=facts.tool) if source else ""
        if row == "default" and not saw:
            saw = DEFAULTS.get(facts.mode, "")
        if row == "CI" and not saw and names.word(facts.environ.get("CI")) in names.FALSE_WORDS:
            saw = "CI is set to a false word, so this is not CI, whatever else is set"
        words = {"tool": facts.tool, "head": names.prefix(facts.tool), "source": source}
        otherwise, change = (text.format_map(words) for text in TEXTS[row][3:])
        if row == "home" and detail.endswith(names.OPEN):
            change = f"chmod o-w {shlex.quote(shown(detail.removesuffix(names.OPEN).rstrip()))}"
        if row == "home" and detail.endswith(names.RELATIVE):
            variable = detail.split(" ", 1)[0]
            change = f"set {variable} to an absolute path{'' if variable == 'HOME' else ', or unset it'}"
        found.append(Line(row, verdict, saw, otherwise, change if verdict == OFF else ""))
    return found
