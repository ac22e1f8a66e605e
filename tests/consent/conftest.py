"""For tests of the gate: the files of `mytool`, its variables, and its decision."""

import os
from pathlib import Path

import pytest

from discreet import names
from discreet.consent import Decision, decide, look


@pytest.fixture
def directory(home: Path) -> Path:
    """The data directory of `mytool`."""
    path = home / ".mytool" / "telemetry"
    path.mkdir(parents=True)
    return path


def gate(mode: str = "opt-in", **environ: str) -> Decision:
    """The decision in this test's home, or in the environment given."""
    world = environ or {"HOME": os.environ["HOME"]}
    return decide(look("mytool", mode, world, names.Paths("mytool", world)))


def setting(key: str) -> tuple[str, str]:
    """Both spellings of a setting's variable."""
    return f"MYTOOL_TELEMETRY_{key}", f"MYTOOL__TELEMETRY__{key}"
