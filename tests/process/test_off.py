"""Off, in a real process: no file, no output, and noticed by a process that runs on; and the switch that only shows."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import discreet

telemetry = discreet.init("mytool", version="1.0", fields={"word": "hash"}, identity="install")
discreet.track("search", n=1, word="secret")
with telemetry.command("import"):
    pass
print(discreet.flush(10.0), discreet.enabled())
"""
LONG_RUNNING = """
import sys
import discreet

discreet.init("mytool", version="1.0")
for line in sys.stdin:
    discreet.track("search", n=int(line))
    print(discreet.flush(10.0), discreet.enabled(), flush=True)
"""


def files_under(home: Path) -> list[str]:
    """Everything below a home, directories included."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_user_never_asked(run_python: Any, home: Path, debug: str) -> None:
    """Without a yes nothing is printed, and no file or directory is made, neither at home nor anywhere near."""
    place = home.parent / "place"
    place.mkdir()
    result = run_python(PROGRAM, cwd=place, env={"DISCREET_DEBUG": debug, "TMPDIR": str(place)})
    assert (result.returncode, result.stdout, result.stderr) == (0, "True False\n", "")
    assert files_under(home) == []
    assert files_under(place) == []


@pytest.mark.parametrize(
    "off",
    [
        {"DO_NOT_TRACK": "1"},
        {"MYTOOL_NO_TELEMETRY": "0"},
        {"MYTOOL_TELEMETRY_OPT_IN": "false"},
        {"MYTOOL_TELEMETRY_DISABLED": "yes"},
        {"CI": "true", "GITHUB_ACTIONS": "true"},
        {"PYTEST_CURRENT_TEST": "x"},
    ],
    ids=str,
)
def test_a_user_who_agreed_but_not_now(run_python: Any, home: Path, directory: Path, off: dict[str, str]) -> None:
    """With a switch that turns it off for this run, nothing is added to what is there."""
    before = files_under(home)
    result = run_python(PROGRAM, env=off)
    assert (result.returncode, result.stdout, result.stderr) == (0, "True False\n", "")
    assert files_under(home) == before
    assert (directory / "opt-in").read_text() == "true\n"


def test_all_that_a_yes_makes(run_python: Any, home: Path, directory: Path) -> None:
    """With a yes there are the log, what the first run disclosed and, as this author asked for both, salt and id."""
    result = run_python(PROGRAM)
    assert (result.returncode, result.stdout, result.stderr) == (0, "True True\n", "")
    assert files_under(home) == [".mytool", ".mytool/telemetry"] + [
        f".mytool/telemetry/{name}" for name in ("delivery.json", "id", "opt-in", "salt", "usage.jsonl")
    ]
    assert b"secret" not in b"".join(file.read_bytes() for file in directory.iterdir())


@pytest.mark.parametrize("value", ["1", "true", "YES", " on ", "perhaps"])
@pytest.mark.parametrize("variable", ["MYTOOL_TELEMETRY_DEBUG", "MYTOOL__TELEMETRY__DEBUG"])
def test_the_switch_that_only_shows(run_python: Any, home: Path, directory: Path, variable: str, value: str) -> None:
    """With `DEBUG`, in doubt too, each event is printed on stderr as the line that it would be, stdout is left alone,
    and nothing is recorded.
    """
    program = """
import discreet
rows = {"n": "count", "who": discreet.Hash(), "done": discreet.Boolean(epsilon=1.0)}
telemetry = discreet.init("mytool", fields=rows)
telemetry.flag("new", rollout=0.5)
discreet.track("Not a name")
discreet.track("search", n=[1], who="ada", done=True)
"""
    result = run_python(program, env={variable: value})
    assert (result.returncode, result.stdout) == (0, "")
    told, line = result.stderr.splitlines()
    assert told == "discreet: dropped event (no legal name): event_name"  # as the tests set DISCREET_DEBUG=1
    shown = json.loads(line)
    assert (shown["event"], shown["properties"]["n"], len(shown["properties"]["who"])) == ("search", 1, 16)
    assert files_under(home) == [".mytool", ".mytool/telemetry", ".mytool/telemetry/opt-in"]


@pytest.mark.parametrize("value", ["", " ", "0", "false", "OFF", "no"])
def test_the_switch_that_does_not(run_python: Any, directory: Path, value: str) -> None:
    """A plain no, or nothing, shows nothing, and records as usual."""
    program = 'import discreet\ndiscreet.init("mytool")\ndiscreet.track("search", n=1)\n'
    result = run_python(program, env={"MYTOOL_TELEMETRY_DEBUG": value})
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (directory / "usage.jsonl").exists()


@pytest.mark.usefixtures("directory")
def test_the_switch_without_stderr(tmp_path: Path, environment: dict[str, str]) -> None:
    """Where stderr is closed nothing is shown: its number may be that of a file of the host's by now."""
    script, file = tmp_path / "program.py", tmp_path / "precious"
    script.write_text(
        "import os, sys\nimport discreet\n"
        "descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\nassert descriptor == 2, descriptor\n"
        "discreet.init('mytool')\ndiscreet.track('search', n=1)\n"
    )
    command = ["sh", "-c", f'"{sys.executable}" "{script}" "{file}" 2>&-']
    subprocess.run(command, env={**environment, "MYTOOL_TELEMETRY_DEBUG": "1"}, check=True)
    assert file.read_bytes() == b""


def test_the_switch_without_a_yes(run_python: Any, home: Path) -> None:
    """Shown is what would be recorded, and without a yes that is nothing."""
    result = run_python(PROGRAM, env={"MYTOOL_TELEMETRY_DEBUG": "1"})
    assert (result.returncode, result.stdout, result.stderr) == (0, "True False\n", "")
    assert files_under(home) == []


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("value", [None, "", "0", "yes"])
def test_swallowed_errors_are_silent(run_python: Any, value: str | None) -> None:
    """Without `DISCREET_DEBUG=1` an error of our own is counted and never printed; with it, its traceback is, and which
    event it cost, at which field.
    """
    program = """
import discreet

class Bad:
    def __len__(self):
        raise ValueError("a bug of the host's")

telemetry = discreet.init("mytool", fields={"items": "count"})
discreet.track("search", items=Bad())
print(telemetry.losses)
"""
    result = run_python(program, env={"DISCREET_DEBUG": value or ""})
    assert (result.returncode, result.stdout, result.stderr) == (0, "{'conversion': 1}\n", "")
    if value is None:
        shown = run_python(program)
        assert shown.returncode == 0
        assert shown.stderr.endswith("ValueError: a bug of the host's\n")
        assert shown.stderr.startswith("discreet: dropped event search at its field items: conversion\nTraceback ")


@pytest.mark.parametrize("value", [None, "", "0", "yes"])
def test_drops_are_silent(run_python: Any, directory: Path, value: str | None) -> None:
    """What the declaration does not name is counted and never printed; with `DISCREET_DEBUG=1` each of it is, by name
    where the name is legal.
    """
    program = """
import discreet

discreet.init("mytool", events={"search": {"n": "number"}})
discreet.track("serch", n=1)
discreet.track("search", q="a secret")
discreet.track("search of a secret")
discreet.track("search", n=1)
"""
    result = run_python(program, env={} if value is None else {"DISCREET_DEBUG": value})
    told = "".join(
        f"discreet: dropped {what}\n"
        for what in (
            "event serch: undeclared_event",
            "field q of event search: undeclared_field",
            "event (no legal name): event_name",
        )
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", told if value is None else "")
    counted = {"event_name": 1, "undeclared_event": 1, "undeclared_field": 1}
    assert json.loads((directory / "losses.json").read_text()) == counted


# What becomes of stderr, by the program and by its shell; and whether Python's own traceback can be shown there, which
# it keeps otherwise to the end, and ends with a status of 120.
CLOSED = {
    "from the start": ("", "2>&-", True),  # its number is that of a file of the host's then
    "since": ("os.close(2)", "", False),
    "as a file": ("sys.stderr.close()", "", True),
    "taken away": ("sys.stderr = None", "", True),
    "full": ("", "2>/dev/full", False),
}


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("how", CLOSED)
def test_nobody_to_be_told(tmp_path: Path, environment: dict[str, str], read_log: Any, how: str) -> None:
    """Where stderr is closed nothing is raised, nothing else is lost, and no file of the host's gets a line."""
    script, file = tmp_path / "program.py", tmp_path / "precious"
    close, redirection, shows = CLOSED[how]
    script.write_text(
        f"import os, sys\nimport discreet\ntaken = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n{close}\n"
        "discreet.init('mytool', events={'search': {'n': 'number'}})\n"
        f"if {shows}:\n    discreet.track('search', n='a text')\n"
        "discreet.track('serch')\ndiscreet.track('search', n=1, q=2)\nassert discreet.flush(10.0)\n"
    )
    command = ["sh", "-c", f'"{sys.executable}" "{script}" "{file}" {redirection}']
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    done = subprocess.run(command, env={**environment, "DISCREET_DEBUG": "1"}, check=True, **streams)
    assert (done.stdout, file.read_bytes()) == (b"", b"")
    assert [record["properties"] for record in read_log()] == [{"n": 1}]


@pytest.fixture
def talk(directory: Path, tmp_path: Path, environment: dict[str, str]) -> Any:
    """A process that runs on: give it a number and it tracks, flushes and answers."""
    script = tmp_path / "long_running.py"
    script.write_text(LONG_RUNNING)
    child = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment,
        text=True,
        bufsize=1,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stdin, stdout = child.stdin, child.stdout
    assert stdin is not None
    assert stdout is not None

    def say(n: int) -> str:
        stdin.write(f"{n}\n")
        return stdout.readline().strip()

    yield say
    _, errors = child.communicate(timeout=30)
    assert (child.returncode, errors) == (0, "")


@pytest.mark.parametrize("no", ["false\n", "", None], ids=["no", "empty", "gone"])
def test_off_is_noticed_by_a_process_that_runs_on(
    directory: Path, talk: Callable[[int], str], read_log: Any, no: str | None
) -> None:
    """A no, given in another window, holds before the next write of a process that is running; a yes given after it is
    for the next process.
    """
    assert [talk(n) for n in (1, 2)] == ["True True"] * 2
    if no is None:
        (directory / "opt-in").unlink()
    else:
        (directory / "opt-in").write_text(no)
    assert talk(3) == "False False"
    assert talk(4) == "True False"
    (directory / "opt-in").write_text("true\n")
    assert talk(5) == "True False"
    assert [record["properties"]["n"] for record in read_log()] == [1, 2]


def test_a_new_yes_is_noticed_too(directory: Path, talk: Callable[[int], str], read_log: Any) -> None:
    """A yes renewed while a process runs discards what was queued under the old one, and recording goes on."""
    assert talk(1) == "True True"
    os.replace(directory / "opt-in", directory / "elsewhere")
    (directory / "opt-in").write_text("true 2026-11-20T10:30:00Z\n")
    assert talk(2) == "False True"
    assert talk(3) == "True True"
    assert [record["properties"]["n"] for record in read_log()] == [1, 3]


OUT_OF_SIGHT = {
    "no": "answer('false')\nsys.modules['discreet.sending.withdraw'] = None",
    "another yes": "answer('enhanced')\nsys.modules['discreet.sending.withdraw'] = None",
    "no descriptor": "answer('enhanced')\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 9))",
    "chroot": "os.chroot(sys.argv[1])",
}


@pytest.mark.usefixtures("directory")
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize("what", OUT_OF_SIGHT)
def test_a_change_when_nothing_can_be_loaded(run_python: Any, read_log: Any, tmp_path: Path, what: str) -> None:
    """The code that withdraws what waits is out of reach when the answer has changed, or is out of sight itself: what
    waits is never written, nobody waits for it, and nothing is printed.
    """
    if what == "chroot" and os.geteuid():
        pytest.skip("for root only")
    program = f"""
import os, resource, sys
import discreet

def answer(text):
    with open(os.path.expanduser("~/.mytool/telemetry/opt-in"), "w") as file:
        file.write(text + chr(10))

telemetry = discreet.init("mytool", version="1.0")
discreet.track("before", n=1)
assert discreet.flush(10.0)
{OUT_OF_SIGHT[what]}
discreet.track("after", n=2)
print(discreet.flush(600.0), discreet.flush(600.0), discreet.close(600.0))
"""
    result = run_python(program, str(tmp_path))
    assert (result.returncode, result.stdout, result.stderr) == (0, "False False False\n", "")
    assert [record["event"] for record in read_log()] == ["before"]
