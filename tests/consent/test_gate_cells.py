"""Every cell of the gate's table (docs/privacy.md), beside a user's stored yes, with the variable or file it names."""

import io
import sys
import threading
import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from consent.conftest import setting
from discreet import names
from discreet.consent import Decision, Facts, decide, look

YES = ("on", "says true")
CONSENT = "/home/ada/.mytool/telemetry/opt-in"
FALSE = ("false", "0", "no", "off", "FALSE", " False ", "Off\n", "NO")
TRUE = ("true", "1", "yes", "on", "TRUE", " True ", "On\n")
UNCLEAR = ("x", "maybe", "2", "-1", "00", "tru", "truee", "y", "n", "f", "none", "null", "nope", "true false", "✓", "?")


class Silent:
    """A runner of tests that is not the one of `unittest`."""

    def run(self, test: unittest.TestSuite) -> unittest.TestResult:
        """Run them."""
        test.run(result := unittest.TestResult())
        return result


def decided(environ: Mapping[str, str] | None = None, mode: str = "opt-in", **attributes: Any) -> Decision:
    """The decision beside a stored yes, unless `consent` says otherwise."""
    facts = Facts("mytool", mode, environ or {})
    facts.consent_path, facts.consent = CONSENT, YES
    vars(facts).update(attributes)
    return decide(facts)


def no_yes(environ: Mapping[str, str] | None = None, mode: str = "opt-in", **attributes: Any) -> Decision:
    """The decision of somebody who stored nothing."""
    return decided(environ, mode, **{"consent": ("", ""), **attributes})


def off(decision: Decision, row: str, source: str) -> None:
    """It is off, at the basic level, for this row, and names this source also in words."""
    assert (decision.enabled, decision.level, decision.row, decision.source) == (False, "basic", row, source)
    assert source in decision.reason


def on(decision: Decision, row: str = "stored consent", level: str = "basic") -> None:
    """It is on at this level, for this row."""
    assert (decision.enabled, decision.row, decision.level) == (True, row, level)


def test_the_author_switches_off() -> None:
    """`consent="off"` is the first row: it beats a yes of any kind."""
    decision = decided({"MYTOOL_TELEMETRY_OPT_IN": "true", "DO_NOT_TRACK": "1"}, "off")
    assert (decision.enabled, decision.row, decision.source) == (False, "code", 'consent="off"')
    assert decision.reason == "the tool itself switched telemetry off"


@pytest.mark.parametrize("name", names.SHARED_SWITCHES)
@pytest.mark.parametrize("value", ["1", *TRUE, *UNCLEAR])
def test_a_shared_switch_is_set(name: str, value: str) -> None:
    """`DO_NOT_TRACK` and its like: anything but an empty or a false word is a no."""
    off(decided({name: value}), "DO_NOT_TRACK", name)


@pytest.mark.parametrize("name", names.SHARED_SWITCHES)
@pytest.mark.parametrize("value", ["", " ", "\t\n", *FALSE])
def test_a_shared_switch_says_nothing(name: str, value: str) -> None:
    """A false word is no opt-out, and no consent either."""
    on(decided({name: value}))
    assert not no_yes({name: value}).enabled


@pytest.mark.parametrize("value", ["1", "0", "false", "no", " ", "x"])
def test_no_telemetry_is_obeyed_whatever_it_says(value: str) -> None:
    """`MYTOOL_NO_TELEMETRY=0` is off too: for an opt-out the safe error is to obey."""
    off(decided({"MYTOOL_NO_TELEMETRY": value}), "no telemetry", "MYTOOL_NO_TELEMETRY")


def test_no_telemetry_empty_is_unset() -> None:
    """An empty variable is how a shell writes an unset one."""
    on(decided({"MYTOOL_NO_TELEMETRY": ""}))


@pytest.mark.parametrize("name", [*setting("DISABLE_TELEMETRY"), *setting("DISABLED")])
@pytest.mark.parametrize("value", ["", " ", *TRUE, *UNCLEAR])
def test_disable_telemetry(name: str, value: str) -> None:
    """Any value that is not clearly false disables, an empty one included."""
    off(decided({name: value}), "disable telemetry", name)


@pytest.mark.parametrize("name", [*setting("DISABLE_TELEMETRY"), *setting("DISABLED")])
@pytest.mark.parametrize("value", FALSE)
def test_disable_telemetry_false(name: str, value: str) -> None:
    """Not disabled is not enabled."""
    on(decided({name: value}))
    assert not no_yes({name: value}).enabled


@pytest.mark.parametrize("name", setting("OPT_IN"))
@pytest.mark.parametrize("value", [*FALSE, *UNCLEAR, " ", "\t\n"])
def test_an_unclear_opt_in_is_off(name: str, value: str) -> None:
    """What is set, not empty and not clearly true is a no, beside a stored yes too."""
    off(decided({name: value}), "opt-in variable", name)


@pytest.mark.parametrize("name", setting("OPT_IN"))
@pytest.mark.parametrize("value", [*TRUE, "enhanced", " Enhanced\n"])
def test_a_clear_opt_in_is_on(name: str, value: str) -> None:
    """The variable alone is a yes; `enhanced` raises the level as well."""
    decision = no_yes({name: value})
    on(decision, "opt-in variable", "enhanced" if "nhanced" in value else "basic")
    assert decision.source == name
    assert decision.reason == f"{name} says {value.strip().lower()}"


@pytest.mark.parametrize("name", setting("OPT_IN"))
def test_an_empty_opt_in_says_nothing(name: str) -> None:
    """`OPT_IN=` is neither a yes nor a no."""
    on(decided({name: ""}))
    assert no_yes({name: ""}).row == "default"


@pytest.mark.parametrize("words", [("true", "false"), ("false", "true"), ("enhanced", "maybe"), ("0", "1")])
def test_two_spellings_that_disagree_are_off(words: tuple[str, str]) -> None:
    """Both spellings are the same setting: a no in one beats a yes in the other."""
    decision = decided(dict(zip(setting("OPT_IN"), words, strict=True)))
    assert (decision.enabled, decision.row) == (False, "opt-in variable")


@pytest.mark.parametrize("tool", ["my-tool", "My_Tool", "MYTOOL", "x"])
def test_the_variables_of_a_tool(tool: str) -> None:
    """`<TOOL>` is the name in upper case, every other character a `_`; another tool's variables are not looked at."""
    head = tool.upper().replace("-", "_")
    other = Facts(tool, "opt-in", {"OTHER_TELEMETRY_OPT_IN": "true", "XMYTOOL_TELEMETRY_OPT_IN": "true"})
    assert decide(other).row == "default"
    assert decide(Facts(tool, "opt-in", {f"{head}__TELEMETRY__OPT_IN": "true"})).enabled


@pytest.mark.parametrize(
    "name", ["PYTEST_CURRENT_TEST", "PYTEST_VERSION", "TOX_ENV_NAME", "TOX_ENV_DIR", "NOX_CURRENT_SESSION"]
)
def test_a_test_runner(name: str) -> None:
    """A test of the host is no use of it; `lifted` silences this row and no other."""
    off(decided({name: "x"}), "test runner", name)
    on(decided({name: "x"}, lifted=("test runner",)))
    off(decided({name: "x"}, lifted=("CI",)), "test runner", name)
    off(decided({name: "x", "DO_NOT_TRACK": "1"}, lifted=("test runner", "CI")), "DO_NOT_TRACK", "DO_NOT_TRACK")


@pytest.mark.parametrize("runner", [unittest.TextTestRunner(io.StringIO()), Silent()], ids=["its own", "another one"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["in its thread", "in another thread"])
def test_unittest_is_a_test_runner(
    home: Path, monkeypatch: pytest.MonkeyPatch, runner: unittest.TextTestRunner | Silent, elsewhere: bool
) -> None:
    """`unittest` leaves no variable behind: it is found on the stack while `unittest.main` runs, and only then; from
    another thread by the result of its own runner, since the stack of a thread that runs on is not safe to look at.
    """
    monkeypatch.delattr(sys, "_current_frames")
    environ = {"HOME": str(home)}
    seen = []

    def see() -> None:
        seen.append(look("mytool", "opt-in", environ, names.Paths("mytool", environ)))

    class Case(unittest.TestCase):
        def runTest(self) -> None:
            if elsewhere:
                thread = threading.Thread(target=see)
                thread.start()
                thread.join()
            else:
                see()

    class Loader(unittest.TestLoader):
        def loadTestsFromModule(self, *_: object, **__: object) -> unittest.TestSuite:
            return self.suiteClass([Case()])

    unittest.main(module="unittest", argv=["x"], testLoader=Loader(), testRunner=runner, exit=False)
    if elsewhere and isinstance(runner, Silent):
        assert [decide(facts).row for facts in seen] == ["default"], "known: nothing tells of it there"
    else:
        assert [(decide(facts).row, decide(facts).source) for facts in seen] == [("test runner", "unittest.main")]
    see()
    assert not seen[-1].unittest_running
    monkeypatch.setitem(sys.modules, "xmlrunner", unittest)  # it registers no result, and is loaded for tests alone
    see()
    assert decide(seen[-1]).row == "test runner"


def test_ci() -> None:
    """A known vendor is off, named by the variable that gave it away; `CI=false` means that there is none."""
    off(decided({"CI": "true"}), "CI", "CI")
    off(decided({"GITHUB_ACTIONS": "true", "CI": "true"}), "CI", "GITHUB_ACTIONS")
    on(decided({"CI": "false"}))
    on(decided({"CI": "false", "GITHUB_ACTIONS": "true"}))
    assert not no_yes({"CI": "false"}).enabled


@pytest.mark.parametrize("name", setting("CI"))
def test_ci_is_lifted_by_its_variable_alone(name: str) -> None:
    """`MYTOOL_TELEMETRY_CI=true` silences the row of CI, consents to nothing, and lifts no other row."""
    for word in TRUE:
        on(decided({"CI": "true", name: word}))
    for word in (*FALSE, *UNCLEAR, ""):
        off(decided({"CI": "true", name: word}), "CI", "CI")
    assert not no_yes({"CI": "true", name: "true"}).enabled
    off(decided({"CI": "true", name: "true", "TOX_ENV_NAME": "x"}), "test runner", "TOX_ENV_NAME")
    off(decided({"CI": "true", name: "true", "DO_NOT_TRACK": "1"}), "DO_NOT_TRACK", "DO_NOT_TRACK")


def test_ci_is_lifted_for_a_test() -> None:
    """`lifted` silences the row of CI and no other."""
    on(decided({"CI": "true"}, lifted=("CI",)))
    off(decided({"CI": "true", "TOX_ENV_NAME": "x"}, lifted=("CI",)), "test runner", "TOX_ENV_NAME")
    off(decided({"CI": "true"}, lifted=("test runner",)), "CI", "CI")


@pytest.mark.parametrize(
    "value", [True, "true", "", " ", None, 1, 2, -1, 0.0, 1.5, [], {}, object(), b"false", *UNCLEAR]
)
def test_settings_disable(value: object) -> None:
    """A configuration that disables, or says something odd, is a no."""
    decision = decided(settings={"disable_telemetry": value})
    assert (decision.enabled, decision.row, decision.source) == (False, "settings", "settings")
    assert "disable_telemetry" in decision.reason


@pytest.mark.parametrize("value", [False, 0, *FALSE])
def test_settings_do_not_disable(value: object) -> None:
    """A configuration that does not disable says nothing: it never consents for others."""
    on(decided(settings={"disable_telemetry": value}))
    off_again = no_yes(settings={"disable_telemetry": value, "opt_in": True, "enabled": True, "enhanced": True})
    assert (off_again.enabled, off_again.row) == (False, "default")


@pytest.mark.parametrize("key", ["tools_over_privacy", "tools_above_privacy"])
def test_settings_raise_the_level_beside_a_yes(key: str) -> None:
    """The configuration raises the level beside the user's own yes, of any kind; alone it changes nothing."""
    for value in (True, 1, *TRUE):
        settings = {key: value}
        assert not no_yes(settings=settings).enabled
        on(decided(settings=settings), level="enhanced")
        on(no_yes({"MYTOOL_TELEMETRY_OPT_IN": "1"}, settings=settings), "opt-in variable", "enhanced")
        on(no_yes(marker=("on", "is present"), settings=settings), level="enhanced")
        on(no_yes(mode="opt-out", noticed=True, settings=settings), "default", "basic")
    for odd in (False, 0, None, "", "enhanced", [1], object(), 2, 1.0, *FALSE, *UNCLEAR):
        on(decided(settings={key: odd}))


@pytest.mark.parametrize("name", [*setting("TOOLS_OVER_PRIVACY"), *setting("ENHANCED")])
def test_variables_raise_the_level_beside_a_yes(name: str) -> None:
    """`TOOLS_OVER_PRIVACY` is `ENHANCED`: it raises the level of whatever said yes, and alone turns nothing on."""
    for word in TRUE:
        assert not no_yes({name: word}).enabled
        on(decided({name: word}), level="enhanced")
        on(no_yes({name: word}, "opt-out", noticed=True), "default", "enhanced")
        off(decided({name: word, "DO_NOT_TRACK": "1"}), "DO_NOT_TRACK", "DO_NOT_TRACK")
    for word in ("", "enhanced", *FALSE, *UNCLEAR):
        on(decided({name: word}))


def test_the_level_is_the_highest_that_any_yes_names() -> None:
    """Which yes decides says nothing about the level: the highest of them counts."""
    on(decided(consent=("on", "says enhanced")), level="enhanced")
    on(decided(consent=("on", "says enhanced since 2026-11-20T10:30:00Z")), level="enhanced")
    on(decided({"MYTOOL_TELEMETRY_OPT_IN": "true"}, consent=("on", "says enhanced")), "opt-in variable", "enhanced")
    on(decided({"MYTOOL_TELEMETRY_OPT_IN": "enhanced"}), "opt-in variable", "enhanced")


@pytest.mark.parametrize("mode", ["opt-in", "local"])
def test_nobody_said_yes(mode: str) -> None:
    """The default of `opt-in` and `local` is off, whether a notice was shown or not."""
    for noticed in (False, True):
        decision = no_yes(mode=mode, noticed=noticed)
        assert (decision.enabled, decision.source) == (False, "default")
        assert decision.reason == "nobody has said yes"


def test_an_opt_out_tool() -> None:
    """It records only after the notice was really shown in an earlier run, and every off still beats it."""
    before, after = no_yes(mode="opt-out"), no_yes(mode="opt-out", noticed=True)
    assert (before.enabled, before.reason) == (False, "the notice has not been shown yet")
    on(after, "default")
    assert "notice" in after.reason
    off(no_yes({"DO_NOT_TRACK": "1"}, "opt-out", noticed=True), "DO_NOT_TRACK", "DO_NOT_TRACK")
    off(no_yes(mode="opt-out", noticed=True, consent=("off", "says false")), "stored consent", CONSENT)
    on(no_yes(mode="opt-out", consent=YES))
