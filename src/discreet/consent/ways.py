"""Every way to be off, in plain words: one line for each row of the gate.

The rule that keeps it honest: a row of the gate without a line here, or a line that does not do what it says, fails a
test; so what a disclosure promises is what the gate does.
"""

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

YOU, ADMINISTRATOR, AUTHOR, AUTOMATIC = "you", "administrator", "author", "automatic"
_SWITCHES = [f"`{name}=1`" for name in names.SHARED_SWITCHES]

# (row of the gate, who does it, how), the plainest first. {tool} is the tool, {head} the head of its variables,
# {consent} the file with the stored answer, {verbs} what is typed before a verb.
_WAYS = (
    ("stored consent", YOU, "`{verbs} off`, for good. The same by hand: `false` in the file `{consent}`"),
    ("DO_NOT_TRACK", YOU, f"{', '.join(_SWITCHES[:-1])} or {_SWITCHES[-1]}: for every tool that knows the word"),
    ("no telemetry", YOU, "`{head}_NO_TELEMETRY=1`: for {tool} alone"),
    ("disable telemetry", YOU, "`{head}_TELEMETRY_DISABLED=1` or `{head}_TELEMETRY_DISABLE_TELEMETRY=1`: the same"),
    ("opt-in variable", YOU, "`{head}_TELEMETRY_OPT_IN=false`: the same"),
    ("settings", YOU, "`disable_telemetry = true` in your configuration of {tool}, if {tool} looks there"),
    (
        "machine policy",
        ADMINISTRATOR,
        (
            "the word `false` in `/etc/{tool}/telemetry`, or for all tools in `/etc/discreet/telemetry` (on Windows "
            "below `%PROGRAMDATA%`)"
        ),
    ),
    ("code", AUTHOR, '`consent="off"` in the code of {tool}'),
    ("CI", AUTOMATIC, "On CI: GitHub Actions, GitLab CI, Jenkins and many others"),
    ("test runner", AUTOMATIC, "In tests: under pytest, tox, nox or unittest"),
    ("home", AUTOMATIC, "Without a home directory, or where the files would be another user's (under `sudo`, say)"),
    ("default", AUTOMATIC, "{default}"),
)
_DEFAULTS = {
    "opt-in": "As long as you have said nothing",
    "local": "As long as you have said nothing",
    "opt-out": "Until its notice was shown in an earlier run",
    "off": "Always: the code says so",
}


def ways(tool: str, mode: str, consent: str, verbs: str) -> "Iterator[tuple[str, str, str]]":
    """Each way as (row of the gate, who, words), for a tool, its consent mode, the path of the stored answer, and what
    is typed before a verb.
    """
    head = names.prefix(tool)
    for row, who, text in _WAYS:
        yield row, who, text.format(tool=tool, head=head, consent=consent, verbs=verbs, default=_DEFAULTS[mode])
