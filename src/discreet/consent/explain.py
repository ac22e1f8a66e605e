"""The gate in sentences: what each row saw, and what to type to change it.

The rule that keeps it honest: it only words what the gate decided. A value of the environment is quoted short and in
plain ASCII, so that nothing in it can reach a terminal as a command.
"""

from .. import names
from . import OFF, ON, PASS, ROWS, Facts

# Row -> (when it says off, when it says on, when it saw something that decides nothing, what to type to change it).
# {source} is where it was seen, {detail} what was seen, {tool} the tool, {head} the head of its variables.
_TEXTS = {
    "code": ("the tool itself switched telemetry off", "", "", "only the author of {tool} can change this"),
    "machine policy": (
        "the policy file {source} {detail}",
        "",
        "the policy file {source} {detail} and leaves the choice to the user",
        "ask who administers this machine",
    ),
    "DO_NOT_TRACK": (
        "{source} is set",
        "",
        "{source} is set to {quoted}, which says nothing",
        "unset " + " ".join(names.SHARED_SWITCHES),
    ),
    "no telemetry": ("{source} is set", "", "", "unset {head}_NO_TELEMETRY"),
    "disable telemetry": (
        "{source} is set",
        "",
        "{source} is set to {quoted}, which says nothing",
        "unset {head}_TELEMETRY_DISABLE_TELEMETRY {head}_TELEMETRY_DISABLED",
    ),
    "opt-in variable": (
        "{source} is set to {quoted}, which does not clearly say true",
        "{source} says {detail}",
        "",
        "export {head}_TELEMETRY_OPT_IN=true",
    ),
    "test runner": (
        "a test is running under {detail} ({source})",
        "",
        "a test is running under {detail} ({source}), and it is lifted",
        "in a test of {tool} itself use discreet.testing",
    ),
    "CI": (
        "this is CI: {detail} ({source})",
        "",
        "this is CI: {detail} ({source}), and it is lifted",
        "export {head}_TELEMETRY_CI=true",
    ),
    "settings": (
        "the configuration says disable_telemetry",
        "",
        "the configuration says disable_telemetry = false, which consents to nothing",
        "remove disable_telemetry from the configuration of {tool}",
    ),
    "home": ("{detail}", "", "", "set HOME, or {head}_TELEMETRY_DIR, to a directory of your own"),
    "stored consent": ("{source} {detail}", "{source} {detail}", "", "{tool} telemetry on"),
    "default": (
        "nobody has said yes",
        "the notice of {tool} was shown in an earlier run and nobody objected",
        "",
        "{tool} telemetry on",
    ),
}
_DEFAULTS = {
    "opt-out": "the notice has not been shown yet",
    "late": "the yes came after this process had begun",
}
_QUOTED = 20  # characters of a value shown


class Line:
    """One row of the gate, worded: its name, verdict (OFF, ON or PASS), what it saw ("" for nothing) and a command."""

    def __init__(self, row: str, verdict: str, saw: str, change: str) -> None:
        self.row = row
        self.verdict = verdict
        self.saw = saw
        self.change = change


def sentence(row: str, verdict: str, source: str, detail: str, tool: str = "the tool") -> str:
    """What a row says, in words. Never raises for a row of the gate."""
    off, on, passed, _ = _TEXTS[row]
    if row == "default" and verdict == OFF:
        return _DEFAULTS.get(detail, off)
    template = {OFF: off, ON: on, PASS: passed}[verdict]
    return template.format(source=_shown(source), detail=_shown(detail), quoted=_quote(detail), tool=tool)


def lines(facts: Facts) -> list[Line]:
    """Every row with what it saw and what to type to change it, in table order. Never raises."""
    found = []
    for row, read in ROWS:
        reading = read(facts)
        change = _TEXTS[row][3].format(tool=facts.tool, head=names.prefix(facts.tool))
        if reading is not None:
            found.append(Line(row, reading[0], sentence(row, *reading, tool=facts.tool), change))
        elif row == "default":
            found.append(Line(row, OFF, _DEFAULTS.get(facts.mode, "off unless a rule above says on"), change))
        else:
            found.append(Line(row, PASS, "", change))
    return found


def _shown(path: str) -> str:
    """A path as it is, unless something in it could reach a terminal as a command: then quoted and escaped."""
    return path if path.isprintable() else ascii(path)


def _quote(value: str) -> str:
    shown = value[:_QUOTED].encode("ascii", "replace").decode()
    return repr(shown + ("..." if len(value) > _QUOTED else ""))
