"""A directory that plants modules: whoever stands in it and types `discreet`, or a tool, runs none of them.

What a host's own interpreter is told to import is the host's: `python -m` and `python -c` look into the current
directory before they know of us. What the detached child runs is tested in tests/process/test_child.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import clean_environment

SCRIPT = Path(sys.executable).parent / ("discreet.exe" if os.name == "nt" else "discreet")
# Of this package, of the standard library where it is loaded late, of what is loaded where it is installed, of `site`.
MODULES = (
    *("discreet", "cli", "report", "sending", "names", "files"),
    *("json", "marshal", "socket", "ssl", "argparse", "re", "os", "time", "gzip", "html", "tomllib", "zlib", "fcntl"),
    *("asyncio", "hashlib", "select", "termios", "shutil", "shlex", "textwrap", "urllib", "_blake2", "atexit"),
    *("plotext", "sitecustomize", "usercustomize", "encodings", "typing"),
)
VERBS = ("on", "log sync --set n=1", "explain", "report", "export", "run -- true", "clear --yes")
TOOL = """
import sys
import discreet
telemetry = discreet.init("mytool", version="1.0", fields={"word": "hash"}, settings={})
discreet.track("search", word="apple", n=1)
telemetry.flag("new-ui")
sys.exit(telemetry.main(sys.argv[1:]))
"""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A directory with modules, packages and programs that leave a mark, and with configuration of ours."""
    place = tmp_path / "repository"
    place.mkdir()
    for name in MODULES:
        (place / f"{name}.py").write_text(f"open({str(place / 'mark')!r}, 'a').write({name!r})\n")
    for name in ("python", "python3", "discreet", "true"):
        (place / name).write_text(f"#!/bin/sh\necho {name} >> {place / 'mark'}\n")
        (place / name).chmod(0o700)
    (place / "telemetry.toml").write_text('name = "mytool"\ndestination = "https://example.invalid/t"\n')
    (place / ".env").write_text("MYTOOL_TELEMETRY_ENDPOINT=https://example.invalid/t\n")
    return place


@pytest.mark.skipif(not SCRIPT.exists(), reason="the package is not installed with its program")
def test_the_program_runs_nothing_of_the_directory(planted: Path, home: Path) -> None:
    """Neither is a module of it imported, nor a program started, nor a configuration read that nobody named."""
    for verb in VERBS:
        done = subprocess.run(
            [str(SCRIPT), "--tool", "mytool", *verb.split()],
            cwd=planted,
            env=clean_environment(home),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "example.invalid" not in done.stdout + done.stderr
    assert not (planted / "mark").exists()


def test_a_tool_runs_nothing_of_the_directory(planted: Path, home: Path, tmp_path: Path) -> None:
    """A tool that is started in it, as a program, with all that is only loaded once something happened."""
    script = tmp_path / "tools" / "mytool.py"
    script.parent.mkdir()
    script.write_text(TOOL)
    environment = {**clean_environment(home), "MYTOOL_TELEMETRY_OPT_IN": "true"}
    kept = {name: value for name, value in environment.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, str(script), "report"], cwd=planted, env=kept, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"search" in done.stdout
    assert (home / ".mytool" / "telemetry" / "usage.jsonl").exists()
    assert not (planted / "mark").exists()
