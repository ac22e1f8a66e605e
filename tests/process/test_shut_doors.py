"""Rooms that cannot be entered: no descriptor is left, or the package was deleted while the process runs. Each call
that never raises returns what it returns where telemetry is off, and what is then lost is counted.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import discreet

PACKAGE = Path(discreet.__file__).parent
NO_DESCRIPTOR = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
"""
DELETED = """
import shutil
shutil.rmtree(os.path.dirname(discreet.__file__))
"""
WARM = "discreet.track('search', n=1)\nassert discreet.flush(10.0)"
PROGRAM = """
import os
import discreet

telemetry = discreet.init("mytool")
{before}
{shut}
def work():
    return 5

assert telemetry.command(work) is work
assert telemetry.command("work", n=1)(work) is work
with telemetry.command("block") as scope:
    scope.add(n=1)
telemetry.command("other").add(n=1)
telemetry.scope.add(n=1)
with telemetry.session(60, n=1) as session:
    session.count("searches", 2, success=True)
    session.observe("ms", 40.5)
    session.add(n=1)
session.close()
error = ValueError("a text")
for make in (telemetry.command, telemetry.session):
    try:
        with make():
            raise error
    except ValueError as caught:
        assert caught is error
assert telemetry.flag("new-ui", 5) == 5
assert telemetry.flag("new-ui", rollout=1) is None
assert telemetry.flags() == {{}}
assert telemetry.ask() is None
assert telemetry.notice() is False
lost = dict(telemetry.losses)
{after}
print(lost)
"""
LOST = {"command": 6, "session": 2, "flag": 3, "ask": 1, "notice": 1}


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("before", ["", WARM], ids=["at first", "later"])
def test_without_descriptors(run_python: Any, read_log: Any, home: Path, before: str) -> None:
    """Nothing raises or prints where no file can be opened; what was lost is counted, and once there are descriptors
    again all of it works.
    """
    pytest.importorskip("resource")
    after = (
        "for one in held:\n    os.close(one)\nwith telemetry.command('well'):\n    pass\ntelemetry.session().close()"
    )
    done = run_python(PROGRAM.format(before=before, shut=NO_DESCRIPTOR, after=after), env={"DISCREET_DEBUG": ""})
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{LOST}\n")
    assert [record["event"] for record in read_log()] == (["search"] if before else []) + ["command", "session"]
    assert json.loads((home / ".mytool" / "telemetry" / "losses.json").read_text()) == LOST


@pytest.mark.parametrize("answer", ["true", "false"])
@pytest.mark.parametrize("before", ["", WARM], ids=["at first", "later"])
def test_deleted_while_it_runs(run_python: Any, directory: Path, tmp_path: Path, before: str, answer: str) -> None:
    """Nothing raises or prints where the package is no longer there, as in the middle of its update, on or off."""
    (directory / "opt-in").write_text(f"{answer}\n")
    shutil.copytree(PACKAGE, tmp_path / "library" / "discreet", ignore=shutil.ignore_patterns("__pycache__"))
    program = f"import sys\nsys.path.insert(0, {str(tmp_path / 'library')!r})\n" + PROGRAM
    done = run_python(program.format(before=before, shut=DELETED, after=""), env={"DISCREET_DEBUG": ""})
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{LOST}\n")


@pytest.mark.usefixtures("directory")
def test_what_cannot_be_told(run_python: Any, read_log: Any) -> None:
    """Where what tells an author of a drop cannot be loaded, nothing raises, and no more is lost than would be."""
    pytest.importorskip("resource")
    program = (
        "import os\nimport discreet\ntelemetry = discreet.init('mytool', events={'search': {'n': 'number'}})\n"
        f"{WARM}\n{NO_DESCRIPTOR}\n"
        "discreet.track('serch')\ndiscreet.track('search', n='a text')\ndiscreet.track('search', n=2, q=1)\n"
        "print(dict(telemetry.losses))\nfor one in held:\n    os.close(one)\nassert discreet.flush(10.0)\n"
    )
    done = run_python(program)
    lost = {"undeclared_event": 1, "conversion": 1, "undeclared_field": 1}
    assert (done.returncode, done.stdout) == (0, f"{lost}\n"), done.stderr
    assert "discreet: dropped" not in done.stderr
    assert [record["properties"] for record in read_log()] == [{"n": 1}, {"n": 2}]
