"""The gate in sentences: a line for every row, what to type, and nothing that a terminal could take for a command."""

import shlex
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from discreet import names
from discreet.consent import OFF, ON, PASS, ROWS, Facts, decide, look
from discreet.consent.explain import lines
from discreet.consent.sentences import sentence

HOSTILE = (
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[31mred",
    "a\nb\r\nfake: on",
    "\x00\x7f\x9b31m",
    "\u202eevil\u2066",
    "\ud800\udcff",
    "ünïcödé ✓ 🙂",
    "'\"`$(rm -rf ~)`",
    "{source} {0} %s %(x)s",
    "x" * 100_000,
)
PLAIN = set(string.printable) - set("\t\n\r\x0b\x0c")
CONSENT, MARKER = "/home/ada/.mytool/telemetry/opt-in", "/home/ada/.mytool/telemetry/enabled"


def facts_of(environ: Mapping[str, str] | None = None, mode: str = "opt-in", **attributes: Any) -> Facts:
    """Facts of `mytool` with these attributes."""
    facts = Facts("mytool", mode, environ or {})
    facts.consent_path, facts.marker_path = CONSENT, MARKER
    vars(facts).update(attributes)
    return facts


# Row -> what was set, and the sentence of the decision (or of the line, where it decides nothing).
SENTENCES = [
    ("code", OFF, facts_of(mode="off"), "the tool itself switched telemetry off"),
    (
        "machine policy",
        OFF,
        facts_of(policy=(("/etc/mytool/telemetry", (OFF, "says false")),)),
        "the policy file /etc/mytool/telemetry says false",
    ),
    (
        "machine policy",
        PASS,
        facts_of(policy=(("/etc/mytool/telemetry", (PASS, "says true")),)),
        "the policy file /etc/mytool/telemetry says true and leaves the choice to the user",
    ),
    ("DO_NOT_TRACK", OFF, facts_of({"DO_NOT_TRACK": "1"}), "DO_NOT_TRACK is set"),
    ("DO_NOT_TRACK", OFF, facts_of({"DISABLE_TELEMETRY": "1"}), "DISABLE_TELEMETRY is set"),
    ("DO_NOT_TRACK", PASS, facts_of({"DO_NOT_TRACK": "0"}), "DO_NOT_TRACK is set to '0', which says nothing"),
    ("no telemetry", OFF, facts_of({"MYTOOL_NO_TELEMETRY": "0"}), "MYTOOL_NO_TELEMETRY is set"),
    (
        "disable telemetry",
        OFF,
        facts_of({"MYTOOL__TELEMETRY__DISABLED": "1"}),
        "MYTOOL__TELEMETRY__DISABLED is set",
    ),
    (
        "disable telemetry",
        PASS,
        facts_of({"MYTOOL_TELEMETRY_DISABLED": "no"}),
        "MYTOOL_TELEMETRY_DISABLED is set to 'no', which says nothing",
    ),
    (
        "opt-in variable",
        OFF,
        facts_of({"MYTOOL_TELEMETRY_OPT_IN": "perhaps"}),
        "MYTOOL_TELEMETRY_OPT_IN is set to 'perhaps', which does not clearly say true",
    ),
    ("opt-in variable", ON, facts_of({"MYTOOL_TELEMETRY_OPT_IN": " Yes"}), "MYTOOL_TELEMETRY_OPT_IN says yes"),
    ("test runner", OFF, facts_of({"TOX_ENV_NAME": "x"}), "a test is running under tox (TOX_ENV_NAME)"),
    ("test runner", OFF, facts_of(unittest_running=True), "a test is running under unittest (unittest.main)"),
    (
        "test runner",
        PASS,
        facts_of({"TOX_ENV_NAME": "x"}, lifted=("test runner",)),
        "a test is running under tox (TOX_ENV_NAME), and it is lifted",
    ),
    ("CI", OFF, facts_of({"GITLAB_CI": "x"}), "this is CI: GitLab CI (GITLAB_CI)"),
    (
        "CI",
        PASS,
        facts_of({"GITLAB_CI": "x", "CI": " False"}),
        "CI is set to a false word, so this is not CI, whatever else is set",
    ),
    (
        "CI",
        PASS,
        facts_of({"GITLAB_CI": "x", "MYTOOL_TELEMETRY_CI": "1"}),
        "this is CI: GitLab CI (GITLAB_CI), and it is lifted",
    ),
    ("settings", OFF, facts_of(settings={"disable_telemetry": 1}), "the configuration says disable_telemetry"),
    (
        "settings",
        PASS,
        facts_of(settings={"disable_telemetry": False}),
        "the configuration says disable_telemetry = false, which consents to nothing",
    ),
    ("home", OFF, facts_of(home="HOME is not set"), "HOME is not set"),
    ("stored consent", OFF, facts_of(consent=(OFF, "is empty")), f"{CONSENT} is empty"),
    ("stored consent", ON, facts_of(consent=(ON, "says true")), f"{CONSENT} says true"),
    ("stored consent", ON, facts_of(marker=(ON, "is present")), f"{MARKER} is present"),
]


@pytest.mark.parametrize(("row", "verdict", "facts", "text"), SENTENCES, ids=[f"{s[0]} {s[1]}" for s in SENTENCES])
def test_a_row_says_what_it_saw(row: str, verdict: str, facts: Facts, text: str) -> None:
    """Each verdict of each row has its sentence, which names the variable or the file; the reason is the same one."""
    line = next(line for line in lines(facts) if line.row == row)
    assert (line.verdict, line.saw) == (verdict, text)
    if verdict != PASS:
        assert (decide(facts).row, decide(facts).reason) == (row, text)
    assert repr(decide(facts)).startswith("Decision(")


def test_the_default_in_words() -> None:
    """The last row says what holds where nothing above it spoke, and who objected to nothing in an opt-out tool."""
    assert decide(facts_of()).reason == "nobody has said yes"
    unseen, shown = facts_of(mode="opt-out"), facts_of(mode="opt-out", noticed=True)
    assert decide(unseen).reason == lines(unseen)[-1].saw == "the notice has not been shown yet"
    assert decide(shown).reason == "the notice of the tool was shown in an earlier run and nobody objected"
    assert lines(shown)[-1].saw == "the notice of mytool was shown in an earlier run and nobody objected"
    assert sentence("default", OFF, "default", "late") == "the yes, or the notice, came after this process had begun"


def test_a_decision_that_somebody_made_up() -> None:
    """Such as a test of the host's: the name of its row is all that is known of it."""
    assert sentence("by hand", ON, "", "") == "by hand"


@pytest.mark.parametrize("facts", [facts_of(), *(each[2] for each in SENTENCES)])
def test_a_line_for_every_row(facts: Facts) -> None:
    """Every row is shown, in table order: what it saw or looked for in vain, and for an off what to type."""
    found = lines(facts)
    assert [line.row for line in found] == [*ROWS]
    for line in found:
        assert line.otherwise
        assert "{" not in line.change + line.saw + line.otherwise
        assert bool(line.change) == (line.verdict == OFF)
        assert line.saw or line.verdict == PASS


def test_what_was_looked_for_names_the_variables_of_the_tool() -> None:
    """Where nothing was seen, the line says what was looked for, with the tool's name and variables filled in."""
    found = {line.row: line.otherwise for line in lines(Facts("my-tool", "opt-in", {}))}
    assert found["machine policy"] == "there is no policy file for my-tool or discreet"
    assert found["no telemetry"] == "MY_TOOL_NO_TELEMETRY: not set"
    assert found["opt-in variable"] == "MY_TOOL_TELEMETRY_OPT_IN: not set"
    assert "MY_TOOL_TELEMETRY_DISABLE_TELEMETRY" in found["disable telemetry"]
    assert all(name in found["DO_NOT_TRACK"] for name in names.SHARED_SWITCHES)
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize(
    ("row", "facts", "change"),
    [
        ("code", facts_of(mode="off"), "only the author of mytool can change this"),
        ("machine policy", facts_of(policy=(("/p", (OFF, "is empty")),)), "ask who administers this machine"),
        ("DO_NOT_TRACK", facts_of({"TELEMETRY_DISABLED": "1"}), "unset TELEMETRY_DISABLED"),
        (
            "DO_NOT_TRACK",
            facts_of({"DO_NOT_TRACK": "1", "TELEMETRY_DISABLED": "0", "DISABLE_TELEMETRY": "true"}),
            "unset DO_NOT_TRACK DISABLE_TELEMETRY",
        ),
        ("no telemetry", facts_of({"MYTOOL_NO_TELEMETRY": "1"}), "unset MYTOOL_NO_TELEMETRY"),
        ("disable telemetry", facts_of({"MYTOOL__TELEMETRY__DISABLED": "1"}), "unset MYTOOL__TELEMETRY__DISABLED"),
        ("opt-in variable", facts_of({"MYTOOL_TELEMETRY_OPT_IN": "no"}), "export MYTOOL_TELEMETRY_OPT_IN=true"),
        ("test runner", facts_of({"TOX_ENV_NAME": "x"}), "in a test of mytool itself use discreet.testing"),
        ("CI", facts_of({"CI": "1"}), "export MYTOOL_TELEMETRY_CI=true"),
        (
            "settings",
            facts_of(settings={"disable_telemetry": True}),
            "remove disable_telemetry from the configuration of mytool",
        ),
        (
            "opt-in variable",
            facts_of({"MYTOOL_TELEMETRY_OPT_IN": "no", "MYTOOL__TELEMETRY__OPT_IN": " "}),
            "export MYTOOL_TELEMETRY_OPT_IN=true MYTOOL__TELEMETRY__OPT_IN=true",
        ),
        (
            "disable telemetry",
            facts_of(
                {
                    "MYTOOL_TELEMETRY_DISABLED": "1",
                    "MYTOOL__TELEMETRY__DISABLED": "0",
                    "MYTOOL__TELEMETRY__DISABLE_TELEMETRY": "",
                }
            ),
            "unset MYTOOL__TELEMETRY__DISABLE_TELEMETRY MYTOOL_TELEMETRY_DISABLED",
        ),
        ("home", facts_of(home="x"), "set HOME, or MYTOOL_TELEMETRY_DIR, to a directory of your own"),
        (
            "home",
            facts_of({"MYTOOL_TELEMETRY_DIR": "", "MYTOOL__TELEMETRY__DIR": "/x"}, home="/x belongs to another user"),
            "set MYTOOL__TELEMETRY__DIR to a directory of your own",
        ),
        (
            "home",
            facts_of(home=f"/home/a b/.mytool {names.OPEN}"),
            (
                "chmod o-w '/home/a b/.mytool' "
                "(if that changes nothing, set MYTOOL_TELEMETRY_DIR to a directory on another disk)"
            ),
        ),
        (
            "home",
            facts_of({"MYTOOL__TELEMETRY__DIR": "/x"}, home=f"/x {names.OPEN}"),
            "chmod o-w /x (if that changes nothing, set MYTOOL__TELEMETRY__DIR to a directory on another disk)",
        ),
        (
            "home",
            facts_of(home=f"/home/\x1b[2J {names.OPEN}"),
            "chmod o-w " + shlex.quote(r"'/home/\x1b[2J'") + " "
            "(if that changes nothing, set MYTOOL_TELEMETRY_DIR to a directory on another disk)",
        ),
        ("home", facts_of(home=f"HOME {names.RELATIVE}"), "set HOME to an absolute path"),
        ("home", facts_of(home=f"X_DIR {names.RELATIVE}"), "set X_DIR to an absolute path, or unset it"),
        ("stored consent", facts_of(consent=(OFF, "is empty")), "mytool telemetry on"),
        ("stored consent", facts_of(consent=(OFF, names.OPEN)), "mytool telemetry on"),
    ],
)
def test_what_to_type(row: str, facts: Facts, change: str) -> None:
    """Each off comes with what changes it, and nothing else does."""
    assert {line.row: line.change for line in lines(facts) if line.change} == {row: change}


@pytest.mark.parametrize(
    ("row", "environ", "saw"),
    [
        (
            "DO_NOT_TRACK",
            {"DO_NOT_TRACK": "1", "TELEMETRY_DISABLED": "0", "DISABLE_TELEMETRY": "0"},
            "DO_NOT_TRACK is set",
        ),
        (
            "disable telemetry",
            {"MYTOOL_TELEMETRY_DISABLE_TELEMETRY": "1", "MYTOOL_TELEMETRY_DISABLED": "0"},
            "MYTOOL_TELEMETRY_DISABLE_TELEMETRY is set",
        ),
        (
            "DO_NOT_TRACK",
            {"DO_NOT_TRACK": "0", "TELEMETRY_DISABLED": "1", "DISABLE_TELEMETRY": "0"},
            "TELEMETRY_DISABLED is set",
        ),
    ],
)
def test_of_several_variables_of_a_row_the_deciding_one_is_told(row: str, environ: dict[str, str], saw: str) -> None:
    """Variables that say nothing, before or behind the one that says off, do not hide it, nor what changes it."""
    facts = facts_of(environ)
    line = next(line for line in lines(facts) if line.row == row)
    assert (line.verdict, line.saw) == (OFF, saw)
    assert (decide(facts).row, decide(facts).reason) == (row, saw)
    assert line.change.startswith("unset ")


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_is_quoted(value: str) -> None:
    """A variable's value is shown short, in plain ASCII and quoted, wherever it is shown at all."""
    heads = ("MYTOOL_TELEMETRY_", "MYTOOL__TELEMETRY__")
    environ = dict.fromkeys(("MYTOOL_NO_TELEMETRY", *names.SHARED_SWITCHES), value)
    environ |= {
        head + key: value for head in heads for key in ("OPT_IN", "DISABLE_TELEMETRY", "DISABLED", "CI", "ENHANCED")
    }
    environ |= {"CI": value, "GITHUB_ACTIONS": value, "PYTEST_CURRENT_TEST": value}
    for name in environ:
        facts = facts_of({name: value}, settings={"disable_telemetry": value})
        shown = [line.saw for line in lines(facts)] + [decide(facts).reason]
        assert set("".join(shown)) <= PLAIN
        assert max(map(len, shown)) < 160
    row = next(line for line in lines(facts_of({"MYTOOL_TELEMETRY_OPT_IN": value})) if line.row == "opt-in variable")
    assert "is set to '" in row.saw or 'is set to "' in row.saw


def test_how_much_of_a_value_is_quoted() -> None:
    """Twenty characters, and a mark where there are more."""
    for value, shown in (("x" * 20, "x" * 20), ("x" * 21, "x" * 20 + "...")):
        assert f" is set to '{shown}', " in decide(facts_of({"MYTOOL_TELEMETRY_OPT_IN": value})).reason


@pytest.mark.parametrize("value", HOSTILE[:6], ids=range(6))
def test_a_hostile_path_is_escaped(value: str) -> None:
    """A path that could reach a terminal as a command is escaped; a plain one is shown as it is."""
    path = f"/tmp/{value}"
    for facts in (
        facts_of(consent_path=path, consent=(OFF, "is empty")),
        facts_of(consent_path=path, consent=(ON, "says true")),
        facts_of(policy=((path, (OFF, "is empty")),)),
        facts_of(home=f"{path} belongs to another user"),
    ):
        for text in (decide(facts).reason, *(line.saw for line in lines(facts)), repr(decide(facts))):
            assert set(text) <= PLAIN
    kept = "/home/józef/.mytool"
    assert decide(facts_of(consent_path=kept, consent=(OFF, "is empty"))).reason == f"{kept} is empty"


def test_a_real_hostile_home(tmp_path: Path) -> None:
    """The same with real files: a home whose name is a command for the terminal, and a file in it that holds one."""
    home = tmp_path / "a\x1b[31mb\nc"
    (home / ".mytool/telemetry").mkdir(parents=True)
    (home / ".mytool/telemetry/opt-in").write_bytes(b"\x1b]0;x\x07 \x1b[2J\n")
    environ = {"HOME": str(home)}
    decision = decide(look("mytool", "opt-in", environ, names.Paths("mytool", environ)))
    assert decision.source == str(home / ".mytool/telemetry/opt-in")
    assert set(decision.reason) <= PLAIN
    assert decision.reason.endswith("says neither true nor false")
