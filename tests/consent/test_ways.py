"""The ways to be off, each held against the gate: what is promised is what it does."""

import re
from typing import Any

import pytest

from discreet import consent, names
from discreet.consent import Facts, decide, environments
from discreet.consent.ways import ADMINISTRATOR, AUTHOR, AUTOMATIC, YOU, ways

TOOL = "my-tool"
LINES = {
    row: (who, text) for row, who, text in ways(TOOL, "opt-in", "~/.my-tool/telemetry/opt-in", "my-tool telemetry")
}
YES = ("on", "says true")


def decided(environ: dict[str, str] | None = None, mode: str = "opt-in", **attributes: Any) -> consent.Decision:
    """What the gate decides beside a stored yes, unless `consent` says otherwise."""
    facts = Facts(TOOL, mode, environ or {})
    facts.consent_path, facts.consent = "/home/ada/.my-tool/telemetry/opt-in", YES
    vars(facts).update(attributes)
    return decide(facts)


def test_every_row_has_its_line() -> None:
    """Each row of the gate can make it off, and has one line that says how; no line is about anything else."""
    assert decided().enabled
    assert sorted(LINES) == sorted(consent.ROWS)
    assert len(list(ways(TOOL, "opt-in", "", ""))) == len(consent.ROWS)


@pytest.mark.parametrize("row", LINES)
def test_each_variable_does_what_its_line_says(row: str) -> None:
    """Typed as it stands there, each `NAME=value` of a line makes it off, by this very row."""
    pairs = re.findall(r"`([A-Z][A-Z_]+)=(\w+)`", LINES[row][1])
    assert bool(pairs) == (row in ("DO_NOT_TRACK", "no telemetry", "disable telemetry", "opt-in variable"))
    for name, value in pairs:
        decision = decided({name: value})
        assert (decision.enabled, decision.row, decision.source) == (False, row, name)


def test_no_switch_is_missing() -> None:
    """Each variable that the gate knows for an off by hand stands in a line."""
    text = " ".join(text for _, text in LINES.values())
    own = ["NO_TELEMETRY", "TELEMETRY_DISABLED", "TELEMETRY_DISABLE_TELEMETRY", "TELEMETRY_OPT_IN"]
    for name in (*names.SHARED_SWITCHES, *(f"MY_TOOL_{key}" for key in own)):
        assert f"`{name}=" in text


@pytest.mark.parametrize(
    ("row", "who", "off", "said"),
    [
        ("code", AUTHOR, {"mode": "off"}, '`consent="off"`'),
        ("machine policy", ADMINISTRATOR, {"policy": (("/etc/my-tool/telemetry", ("off", "says false")),)}, "`false`"),
        ("settings", YOU, {"settings": {"disable_telemetry": True}}, "`disable_telemetry = true`"),
        ("test runner", AUTOMATIC, {"unittest_running": True}, "unittest"),
        ("CI", AUTOMATIC, {"environ": {"GITHUB_ACTIONS": "true"}}, "GitHub Actions"),
        ("home", AUTOMATIC, {"home": "HOME is not set"}, "home directory"),
        ("stored consent", YOU, {"consent": ("off", "says false")}, "`false` in the file"),
        ("default", AUTOMATIC, {"consent": ("", "")}, "said nothing"),
    ],
)
def test_what_is_no_variable(row: str, who: str, off: dict[str, Any], said: str) -> None:
    """The other lines name what makes it off by their row, and whose hand it takes."""
    decision = decided(**off)
    assert (decision.enabled, decision.row) == (False, row)
    assert LINES[row][0] == who
    assert said in LINES[row][1]


def test_the_policy_files() -> None:
    """The files of an administrator are those that are looked at."""
    facts = consent.look(TOOL, "opt-in", {}, names.Paths(TOOL, {"HOME": "/home/ada"}))
    for path, _ in facts.policy:
        assert f"`{path}`" in LINES["machine policy"][1]


def test_who_is_recognized() -> None:
    """The test runners that are named are all that are known, and the CI systems that are named are recognized."""
    known = {who for who, _ in environments.rows(environments.TEST_RUNNERS)}
    assert set(re.split(r", | or ", LINES["test runner"][1].partition("under ")[2])) == {*known, "unittest"}
    found = [environments.ci({name: "1"}) for name in ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL")]
    named = ", ".join(who for who, _ in filter(None, found))
    assert LINES["CI"][1] == f"On CI: {named} and many others"


@pytest.mark.parametrize(
    ("mode", "said"),
    [("opt-in", "said nothing"), ("local", "said nothing"), ("opt-out", "notice was shown"), ("off", "Always")],
)
def test_by_default(mode: str, said: str) -> None:
    """Without a word from anybody it is off, as long as each mode says."""
    assert not decided(mode=mode, consent=("", "")).enabled
    (text,) = (text for row, _, text in ways(TOOL, mode, "", "") if row == "default")
    assert said in text
