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
