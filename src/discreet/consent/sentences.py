"""The gate in sentences: what each row says when it is off, on, or decides nothing.

The rule that keeps it honest: it only words what the gate decided. A value of the environment is shortened and quoted
in plain ASCII, so that nothing in it can reach a terminal as a command.
"""

from .. import names

# Row -> (when it says off, when it saw nothing, what to type to change an off; and, of rows that can: when it saw
# something that decides nothing, when it says on). {source} is where it was seen, {sources} every place that says off,
# {truths} the same variables saying true, {detail} what was seen, {tool} the tool, {head} the head of its variables.
TEXTS: "dict[str, tuple[str, ...]]" = {
    "code": (
        "the tool itself switched telemetry off",
        "the tool itself does not switch it off",
        "only the author of {tool} can change this",
    ),
    "machine policy": (
        "the policy file {source} {detail}",
        "there is no policy file for {tool} or discreet",
        "ask who administers this machine",
        "the policy file {source} {detail} and leaves the choice to the user",
    ),
    "DO_NOT_TRACK": (
        "{source} is set",
        ", ".join(names.SHARED_SWITCHES) + ": not set",
        "unset {sources}",
        "{source} is set to {quoted}, which says nothing",
    ),
    "no telemetry": ("{source} is set", "{head}_NO_TELEMETRY: not set", "unset {sources}"),
    "disable telemetry": (
        "{source} is set",
        "{head}_TELEMETRY_DISABLE_TELEMETRY, {head}_TELEMETRY_DISABLED: not set",
        "unset {sources}",
        "{source} is set to {quoted}, which says nothing",
    ),
    "opt-in variable": (
        "{source} is set to {quoted}, which does not clearly say true",
        "{head}_TELEMETRY_OPT_IN: not set",
        "export {truths}",
        "",
        "{source} says {detail}",
    ),
    "test runner": (
        "a test is running under {detail} ({source})",
        "no test is running",
        "in a test of {tool} itself use discreet.testing",
        "a test is running under {detail} ({source}), and it is lifted",
    ),
    "CI": (
        "this is CI: {detail} ({source})",
        "this is not CI",
        "export {head}_TELEMETRY_CI=true",
        "this is CI: {detail} ({source}), and it is lifted",
    ),
    "settings": (
        "the configuration says disable_telemetry",
        "no configuration says disable_telemetry",
        "remove disable_telemetry from the configuration of {tool}",
        "the configuration says disable_telemetry = false, which consents to nothing",
    ),
    "home": (
        "{detail}",
        "there is a place for the files",
        "set HOME, or {head}_TELEMETRY_DIR, to a directory of your own",
    ),
    "stored consent": ("{source} {detail}", "no answer is stored", "{tool} telemetry on", "", "{source} {detail}"),
    "default": (
        "nobody has said yes",
        "off unless a rule above says on",
        "{tool} telemetry on",
        "",
        "the notice of {tool} was shown in an earlier run and nobody objected",
    ),
}
DEFAULTS = {
    "opt-out": "the notice has not been shown yet",
    "late": "the yes, or the notice, came after this process had begun",
}
_QUOTED = 20  # characters of a value shown


def sentence(row: str, verdict: str, source: str, detail: str, tool: str = "the tool") -> str:
    """What a row says, in words. Never raises."""
    if row not in TEXTS:
        return row  # of a decision that was not made here
    off, _, _, passed, on = (*TEXTS[row], "", "")[:5]
    if row == "default" and verdict == names.OFF:
        return DEFAULTS.get(detail, off)
    template = {names.OFF: off, names.ON: on, names.PASS: passed}[verdict]
    return template.format(source=shown(source), detail=shown(detail), quoted=_quote(detail), tool=tool)


def shown(path: str) -> str:
    """A path as it is, unless something in it could reach a terminal as a command: then quoted and escaped."""
    return path if path.isprintable() else ascii(path)


def _quote(value: str) -> str:
    shown = value[:_QUOTED].encode("ascii", "replace").decode()
    return repr(shown + ("..." if len(value) > _QUOTED else ""))
