"""What `explain` says beside the rows of the gate."""

import tomllib
from collections.abc import Callable
from typing import Any

import pytest

CONFIGURATION = """
[telemetry]
tools_above_privacy = true
endpoint = "https://mine.example.org/t"
opt_in = true
"odd\\u001bkey" = [1, {a = 1979-05-27}]
headers = {a = "b"}
"""


def test_what_each_row_saw(make_telemetry: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """A row that says something shows what it saw, whether it decides or not; any other what it looked for in vain."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("MYTOOL_TELEMETRY_OPT_IN", "true")
    make_telemetry().main(["explain"])
    page = capsys.readouterr().out
    assert "\n=> off DO_NOT_TRACK       DO_NOT_TRACK is set\n" in page
    assert "\n   on  opt-in variable    MYTOOL_TELEMETRY_OPT_IN says true\n" in page
    assert "\n   -   no telemetry       MYTOOL_NO_TELEMETRY: not set\n" in page


def test_settings_that_are_none(make_telemetry: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A key that means nothing, or a value of another kind, is told and is no error; the others mean what they say."""
    settings = tomllib.loads(CONFIGURATION)["telemetry"]
    telemetry = make_telemetry(settings=settings)
    telemetry.track("search", n=1)
    assert telemetry.flush(5.0)
    assert telemetry.main(["explain"]) == 0
    page = capsys.readouterr().out
    assert "   settings: opt_in is no setting, and changes nothing\n" in page
    assert "   settings: odd\\x1bkey is no setting, and changes nothing\n" in page
    assert "   settings: headers is refused: it must be a text or a number\n" in page
    assert page.count("settings: ") == 3
    assert "telemetry of mytool is on (enhanced)" in page


UNCLEAR = {
    "DEBUG": "maybe", "CI": "maybe", "TOOLS_OVER_PRIVACY": "maybe", "ENHANCED": "maybe", "FORMAT": "xml",
    "HEADERS": "nonsense", "BATCH_SIZE": "many", "BATCH_INTERVAL_SECONDS": "soon", "POSTHOG_HOST": "garbage",
    "POSTHOG_API_KEY": "k\u00e9y", "ENDPOINT": "garbage",
}  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"destination": "https://example.org/t"}], ids=["nowhere", "somewhere"])
@pytest.mark.parametrize("key", UNCLEAR)
def test_a_value_that_makes_no_sense(
    make_telemetry: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any, key: str, options: dict[str, Any]
) -> None:
    """Each setting of the environment is told where it makes no sense, whether anything asks for it or not."""
    make_telemetry(**options).main(["explain"])
    before = capsys.readouterr().out.splitlines()
    monkeypatch.setenv(f"MYTOOL_TELEMETRY_{key}", UNCLEAR[key])
    make_telemetry(**options).main(["explain"])
    added = [line for line in capsys.readouterr().out.splitlines() if line not in before]
    assert [line.partition(" ")[0] for line in map(str.strip, added)] == [f"MYTOOL_TELEMETRY_{key}"]
    if key not in ("POSTHOG_API_KEY", "FORMAT"):
        monkeypatch.setenv(f"MYTOOL_TELEMETRY_{key}", "false" if key in ("DEBUG", "CI", "ENHANCED") else "")
        make_telemetry(**options).main(["explain"])
        assert capsys.readouterr().out.splitlines() == before


def test_a_local_tool_has_no_settings_of_where_it_sends(
    make_telemetry: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """It sends nothing, so nothing is wrong with them."""
    for key, value in UNCLEAR.items():
        monkeypatch.setenv(f"MYTOOL_TELEMETRY_{key}", value)
    make_telemetry(consent="local").main(["explain"])
    assert " is refused: " not in capsys.readouterr().out


def test_every_value_that_makes_no_sense(
    make_telemetry: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """One that makes no sense hides no other."""
    for key, value in UNCLEAR.items():
        monkeypatch.setenv(f"MYTOOL_TELEMETRY_{key}", value)
    make_telemetry().main(["explain"])
    page = capsys.readouterr().out
    for key in UNCLEAR:
        assert page.count(f"   MYTOOL_TELEMETRY_{key} ") == 1
    monkeypatch.setenv("MYTOOL_TELEMETRY_ENDPOINT", "https://example.org/")
    make_telemetry().main(["explain"])
    assert "   MYTOOL_TELEMETRY_POSTHOG_HOST is refused: " in capsys.readouterr().out


def test_a_configuration_that_makes_no_sense(make_telemetry: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The same of the user's configuration."""
    settings = {"tools_over_privacy": "maybe", "format": "xml", "posthog_host": "garbage", "disable_telemetry": False}
    make_telemetry(settings=settings).main(["explain"])
    page = capsys.readouterr().out
    for key in ("tools_over_privacy says neither", "format is refused", "posthog_host is refused"):
        assert page.count(f"   settings: {key}") == 1
    assert page.count("   settings: ") == 3


@pytest.mark.parametrize("value", ["1", "maybe", "0 "])
def test_debug_is_told(make_telemetry: Any, capfd: pytest.CaptureFixture[str], monkeypatch: Any, value: str) -> None:
    """In doubt an event is shown, and neither written nor sent; `status`, `explain` and `on` say so."""
    monkeypatch.setenv("MYTOOL_TELEMETRY_DEBUG", value)
    telemetry = make_telemetry(destination="https://example.org/t")
    telemetry.track("search", n=1)
    assert telemetry.flush(5.0)
    assert ('"n":1' in capfd.readouterr().err) == (value != "0 ")
    for verb in ("status", "explain", "on"):
        telemetry.main([verb])
        told = "MYTOOL_TELEMETRY_DEBUG is set: events are shown on stderr, and neither written nor sent\n"
        assert (told in capfd.readouterr().out) == (value != "0 ")


def test_debug_is_told_by_the_variable_that_says_it(make_telemetry: Any, capfd: Any, monkeypatch: Any) -> None:
    """Not by the other spelling, which says no."""
    monkeypatch.setenv("MYTOOL_TELEMETRY_DEBUG", "0")
    monkeypatch.setenv("MYTOOL__TELEMETRY__DEBUG", "1")
    make_telemetry().main(["status"])
    assert "  debug    MYTOOL__TELEMETRY__DEBUG is set: " in capfd.readouterr().out


def test_settings_alone_consent_to_nothing(make_telemetry: Callable[..., Any]) -> None:
    """A configuration with everything in it but a no is no yes."""
    settings = {"opt_in": True, "enabled": True, "disable_telemetry": False, "tools_over_privacy": True}
    assert not make_telemetry(opted_in=False, settings=settings).enabled


def test_once_per_tree(
    make_telemetry: Callable[..., Any], capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """It is told where it holds, and that the variable is set; no row of the gate decides by it."""
    telemetry = make_telemetry(once_per_tree=True)
    telemetry.main(["explain"])
    page = capsys.readouterr().out
    assert "   mytool records the outermost of its commands that run one another\n" in page
    monkeypatch.setenv("MYTOOL_TELEMETRY_INSIDE", "1")
    telemetry.main(["explain"])
    assert "; MYTOOL_TELEMETRY_INSIDE says that this is an inner one\n" in capsys.readouterr().out
    assert telemetry.enabled
    make_telemetry().main(["explain"])
    assert "outermost" not in capsys.readouterr().out
