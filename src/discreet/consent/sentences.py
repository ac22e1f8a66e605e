"""The gate in sentences: what each row says when it is off, on, or decides nothing.

The rule that keeps it honest: it only words what the gate decided. A value of the environment is shortened and quoted
in plain ASCII, so that nothing in it can reach a terminal as a command.
"""

from .. import names

# Row -> (when it says off, when it says on, when it saw something that decides nothing, when it saw nothing, what to
# type to change an off). {source} is where it was seen, {sources} is every place that says off, {truths} the same
# variables saying true, {detail} what was seen, {tool} the tool, {head} the head of its variables.
TEXTS = {
    "code": (
        "the tool itself switched telemetry off",
        "",
        "",
        "the tool itself does not switch it off",
        "only the author of {tool} can change this",
    ),
    "machine policy": (
        "the policy file {source} {detail}",
        "",
        "the policy file {source} {detail} and leaves the choice to the user",
        "there is no policy file for {tool} or discreet",
        "ask who administers this machine",
    ),
    "DO_NOT_TRACK": (
        "{source} is set",
        "",
        "{source} is set to {quoted}, which says nothing",
        ", ".join(names.SHARED_SWITCHES) + ": not set",
        "unset {sources}",
    ),
    "no telemetry": ("{source} is set", "", "", "{head}_NO_TELEMETRY: not set", "unset {sources}"),
    "disable telemetry": (
        "{source} is set",
        "",
        "{source} is set to {quoted}, which says nothing",
        "{head}_TELEMETRY_DISABLE_TELEMETRY, {head}_TELEMETRY_DISABLED: not set",
        "unset {sources}",
    ),
    "opt-in variable": (
        "{source} is set to {quoted}, which does not clearly say true",
        "{source} says {detail}",
        "",
        "{head}_TELEMETRY_OPT_IN: not set",
        "export {truths}",
    ),
    "test runner": (
        "a test is running under {detail} ({source})",
        "",
        "a test is running under {detail} ({source}), and it is lifted",
        "no test is running",
        "in a test of {tool} itself use discreet.testing",
    ),
    "CI": (
        "this is CI: {detail} ({source})",
        "",
        "this is CI: {detail} ({source}), and it is lifted",
        "this is not CI",
        "export {head}_TELEMETRY_CI=true",
    ),
    "settings": (
        "the configuration says disable_telemetry",
        "",
        "the configuration says disable_telemetry = false, which consents to nothing",
        "no configuration says disable_telemetry",
        "remove disable_telemetry from the configuration of {tool}",
    ),
    "home": (
        "{detail}",
        "",
        "",
        "there is a place for the files",
        "set HOME, or {head}_TELEMETRY_DIR, to a directory of your own",
    ),
    "stored consent": (
        "{source} {detail}",
        "{source} {detail}",
        "",
        "no answer is stored",
        "{tool} telemetry on",
    ),
    "default": (
        "nobody has said yes",
        "the notice of {tool} was shown in an earlier run and nobody objected",
        "",
        "off unless a rule above says on",
        "{tool} telemetry on",
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
    off, on, passed, _, _ = TEXTS[row]
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
