"""No peer is missing silently where it is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from interop import peers


@pytest.mark.parametrize("required", ["1", "true", "TRUE"])
def test_a_missing_peer_is_a_failure_where_it_is_required(required: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and so is the way to go without."""
    monkeypatch.setattr(peers, "REQUIRED", required)
    for fail in (peers.missing, peers.needed):
        with pytest.raises(pytest.fail.Exception, match=r"no such_a_peer.*DISCREET_INTEROP_REQUIRED=0"):
            fail("such_a_peer")


@pytest.mark.parametrize("required", ["", "0", "false"])
def test_else_it_skips_by_name(required: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody requires it, the report says which one there is not."""
    monkeypatch.setattr(peers, "REQUIRED", required)
    with pytest.raises(pytest.skip.Exception, match="no such_a_peer"):
        peers.missing("such_a_peer")


# What stands at the top of a file of tests, from the package index.
HIDDEN = "asyncclick click flask gevent google opentelemetry posthog pydantic PyInstaller typer werkzeug yaml"


def test_a_file_without_its_peer_is_skipped_by_name(tmp_path: Path) -> None:
    """Where nothing of the extra is installed, each file of tests here says what is missing, and none breaks."""
    (tmp_path / "hiding.py").write_text(f"import sys\nsys.modules |= dict.fromkeys({HIDDEN.split()!r})\n")
    collect = [sys.executable, "-m", "pytest", "-p", "hiding", "-p", "no:cacheprovider", "--collect-only", "-q", "-rs"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for required, broken in (("0", 0), ("1", 2)):
        environ["DISCREET_INTEROP_REQUIRED"] = required
        done = subprocess.run(
            [*collect, Path(__file__).parent], env=environ, capture_output=True, text=True, timeout=50, check=False
        )
        assert done.returncode == broken, done.stdout
        assert "Traceback" not in done.stdout
        for module in ("typer", "pydantic", "flask"):
            assert f"there is no {module} (pip install -e '.[interop]')" in done.stdout
