"""The gate explained: every row, what it saw, and what to type to change it.

The rule that keeps it honest: each row is shown by the reading that decides it, and each off with what changes it.
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
    offs: dict[str, list[str]] = {row: [] for row in ROWS}  # where each says off: all of these have to change
    for row, verdict, source, detail in readings(facts):
        if verdict == OFF:
            offs[row].append(source)
        # Of several readings of a row (two variables, two files), the one that decides it, else the last.
        if row not in seen or _RANKS[verdict] > _RANKS[seen[row][0]] or verdict == PASS == seen[row][0]:
            seen[row] = verdict, source, detail
    found = []
    for row in ROWS:
        verdict, source, detail = seen.get(row, (PASS, "", ""))
        saw = sentence(row, verdict, source, detail, tool=facts.tool) if source else ""
        if row == "default" and not saw:
            saw = DEFAULTS.get(facts.mode, "")
        if row == "CI" and not saw and names.word(facts.environ.get("CI")) in names.FALSE_WORDS:
            saw = "CI is set to a false word, so this is not CI, whatever else is set"
        words = {"tool": facts.tool, "head": names.prefix(facts.tool), "sources": " ".join(offs[row])}
        words["truths"] = " ".join(f"{variable}=true" for variable in offs[row])
        otherwise, change = (text.format_map(words) for text in TEXTS[row][1:3])
        if row == "home":
            change = _another_place(facts, detail) or change
        found.append(Line(row, verdict, saw, otherwise, change if verdict == OFF else ""))
    return found


def _another_place(facts: Facts, detail: str) -> str:
    """What to type if there is no place for the files; "" if the usual advice helps."""
    named = [variable for variable, directory in names.said(facts.tool, facts.environ, "DIR") if directory]
    if detail.endswith(names.OPEN):
        variable = named[0] if named else f"{names.prefix(facts.tool)}_TELEMETRY_DIR"
        command = f"chmod o-w {shlex.quote(shown(detail.removesuffix(names.OPEN).rstrip()))}"
        # Many mounts of FAT, exFAT and NTFS give every file the same mode, and take any other without a word.
        return f"{command} (if that changes nothing, set {variable} to a directory on another disk)"
    if detail.endswith(names.RELATIVE):
        variable = detail.split(" ", 1)[0]
        return f"set {variable} to an absolute path{'' if variable == 'HOME' else ', or unset it'}"
    return f"set {named[0]} to a directory of your own" if named else ""  # while it is set, HOME does not count
