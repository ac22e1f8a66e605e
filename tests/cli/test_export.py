"""The verb `export`: an aggregate of what could be sent and nothing finer, printed or written to a new file."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from discreet import Boolean, Hash, Number, OneOf, Telemetry

EVENTS = {
    "search": {
        "n": Number(),
        "fmt": OneOf("json", "table"),
        "project": Hash(),
        "proxy": Boolean(epsilon=1.0),
        "deep": Number(level="enhanced"),
    }
}


@pytest.fixture
def telemetry(make_telemetry: Callable[..., Telemetry]) -> Telemetry:
    """A tool that declares an event, of a user who agreed."""
    return make_telemetry(version="1.4.0", identity="install", events=EVENTS)


@pytest.fixture
def log(home: Path) -> Path:
    """The log."""
    return home / ".mytool" / "telemetry" / "usage.jsonl"


def line(number: int = 1, event: str = "search", **changed: Any) -> str:
    """A line of the log that the declaration could have produced."""
    values = {"v": 1, "id": f"00000000-0000-4000-8000-{number:012}", "time": "2026-11-20T10:31:42Z",
              "run": "0123456789abcdef", "event": event, "tool": "mytool", "version": "1.4.0", "py": "3.11.7",
              "os": "linux", "properties": {"n": number}}  # fmt: skip
    return json.dumps({**values, **changed}) + "\n"


def exported(telemetry: Telemetry, capsys: Any) -> str:
    """The page that is printed."""
    capsys.readouterr()
    assert telemetry.main(["export"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def test_nothing_finer_than_a_day_and_no_id(telemetry: Telemetry, log: Path, capsys: Any) -> None:
    """Of real records neither an id, a run, the installation, the digits of a hash nor a time of day is in the page."""
    for number in range(50):
        telemetry.track("search", n=number, fmt="json", project=f"/home/ada/{number % 3}", proxy=True)
    assert telemetry.flush(10)
    records = [json.loads(one) for one in log.read_bytes().splitlines()]
    page = exported(telemetry, capsys)
    secrets = {one[key] for one in records for key in ("id", "run", "install", "time")}
    secrets |= {one["properties"]["project"] for one in records} | {one["time"][11:16] for one in records}
    secrets |= {one["id"][-12:] for one in records} | {(log.parent / "salt").read_text().strip(), "ada"}
    assert len(secrets) > 100
    assert not [secret for secret in secrets if secret in page]
    assert not re.search(r"\d\d:\d\d|[0-9a-f]{12}|T\d\d", page)
    assert records[0]["time"][:10] in page
    assert "| `project` | 3 different" in page
    assert "nothing was sent" in page


FORGED = {
    "an undeclared event": line(event="secret"),
    "an undeclared field": line(properties={"secret": 1}),
    "a text": line(properties={"fmt": "secret"}),
    "a text for a number": line(properties={"n": "secret"}),
    "a hash that is none": line(properties={"project": "secret"}),
    "another tool": line(tool="secret"),
    "a system that is none": line(os="Secret Desk"),
    "an id that is none": line(id="secret"),
    "a version with blanks": line(version="my secret"),
    "torn": line()[:40] + "\n",
    "no record": '{"secret": 1}\n',
    "too long": f'"{"secret" * 5000}"\n',
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_could_not_be_sent_is_not_counted(telemetry: Telemetry, log: Path, capsys: Any, kind: str) -> None:
    """A line that the declaration could not have produced changes no figure; it is counted in a sentence."""
    good = line(1) + line(2, time="2026-11-21T00:00:00Z")
    log.write_text(good)
    before = exported(telemetry, capsys)
    log.write_text(FORGED[kind] + good)
    after = exported(telemetry, capsys)
    remark = "Not in it: 1 line of the log that could not come from this declaration.\n\n"
    assert remark in after
    assert after.replace(remark, "") == before


def test_old_records_count(telemetry: Telemetry, log: Path, capsys: Any) -> None:
    """What is too old to be sent is not too old to be shown, and the older parts of the log are read as well."""
    log.write_text(line(time="2001-02-03T04:05:06Z"))
    log.with_name("usage.1.jsonl").write_text(line(time="2000-02-03T04:05:06Z"))
    page = exported(telemetry, capsys)
    assert page.startswith("# What mytool recorded from 2000-02-03 to 2001-02-03\n")


@pytest.mark.parametrize("answer", ["true", "enhanced"])
def test_the_level(telemetry: Telemetry, log: Path, capsys: Any, answer: str) -> None:
    """Fields of the enhanced level are in it only while that level is agreed to."""
    (log.parent / "opt-in").write_text(answer)
    log.write_text(line(properties={"n": 5, "deep": 7}))
    assert ("`deep`" in exported(telemetry, capsys)) == (answer == "enhanced")


def test_without_a_declaration(make_telemetry: Any, log: Path, capsys: Any) -> None:
    """A tool that declares nothing has its commands, bare numbers and booleans counted, and no text."""
    telemetry = make_telemetry()
    log.write_text(
        line(properties={"n": 5, "on": True}) + line(properties={"text": "secret"}) + line(properties={"n": 10**9})
        + line(event="command", properties={"command": "go", "success": False, "error": "KeyError"})
    )  # fmt: skip
    page = exported(telemetry, capsys)
    assert "Not in it: 2 lines" in page
    assert "secret" not in page
    for row in (
        "| `n` | 1 number: sum 5",
        "| `on` | `yes` 1 |",
        "| `command` | `go` 1 |",
        "| `error` | `KeyError` 1 |",
    ):
        assert row in page


def test_without_the_tool(home: Path, log: Path) -> None:
    """Asked without the tool, it works by the default rule, and says so."""
    log.parent.mkdir(parents=True)
    log.write_text(line(properties={"n": 5, "fmt": "json"}) + line(properties={"n": 6}))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "discreet", "--tool", "mytool", "export"],
        env=clean_environment(home), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "by `discreet --tool mytool export`" in done.stdout
    assert "It was asked for without mytool itself" in done.stdout
    assert "## `search`: 1\n" in done.stdout
    assert "json" not in done.stdout


def test_a_page_without_an_event_says_so(telemetry: Telemetry, log: Path, capsys: Any) -> None:
    """Where nothing is recorded, or nothing can be used, the page does not just end after what it is about."""
    assert exported(telemetry, capsys).endswith("\n\nThere is no event in it.\n")
    log.write_text("torn\n")
    assert "\n\nNot in it: 1 line of the log" in (page := exported(telemetry, capsys))
    assert page.endswith("\n\nThere is no event in it.\n")
    log.write_text(line())
    assert "There is no event in it." not in exported(telemetry, capsys)


def test_while_it_is_off(telemetry: Telemetry, log: Path, capsys: Any) -> None:
    """What was recorded can be exported although telemetry is off now."""
    log.write_text(line())
    assert telemetry.main(["off"]) == 0
    assert "## `search`: 1\n" in exported(telemetry, capsys)


def test_the_file(telemetry: Telemetry, log: Path, capsys: Any, tmp_path: Path) -> None:
    """`--out` writes what would be printed to a new file, which others may read as any file of this user's."""
    log.write_text(line())
    page = exported(telemetry, capsys)
    mask = os.umask(0o022)
    try:
        assert telemetry.main(["export", "--out", str(tmp_path / "usage.md")]) == 0
    finally:
        os.umask(mask)
    assert (tmp_path / "usage.md").read_text() == page
    assert stat.S_IMODE((tmp_path / "usage.md").stat().st_mode) == 0o644
    assert capsys.readouterr().out == f"{tmp_path / 'usage.md'} is written. Nothing was sent.\n"


@pytest.mark.parametrize("there", ["file", "link", "dangling link", "directory", "FIFO"])
def test_nothing_is_written_over(telemetry: Telemetry, log: Path, capsys: Any, tmp_path: Path, there: str) -> None:
    """Whatever is at the name stays as it is, and is not written through; exit status 1 and a sentence."""
    log.write_text(line())
    path, target = tmp_path / "usage.md", tmp_path / "target"
    if there == "file":
        path.write_text("mine")
    elif there == "directory":
        path.mkdir()
    elif there == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    if there == "link":
        target.write_text("mine")

    def state() -> list[object]:  # without the time at which a link was last followed
        return [(one.name, one.lstat()[:7], one.lstat().st_mtime_ns) for one in sorted(tmp_path.iterdir())]

    before = state()
    assert telemetry.main(["export", "--out", str(path)]) == 1
    assert f"{path}: is there already" in capsys.readouterr().err
    assert state() == before
    assert not target.exists() or target.read_text() == "mine"


@pytest.mark.parametrize("name", ["enabled", "notice", "usage.2.jsonl", "usage.md"])
def test_not_among_the_files_of_telemetry(
    telemetry: Telemetry, log: Path, capsys: Any, tmp_path: Path, name: str
) -> None:
    """However the directory is spelled, nothing is put there: a file named `enabled` would be a yes."""
    log.write_text(line())
    (tmp_path / "link").symlink_to(log.parent)
    before = sorted(log.parent.iterdir())
    for path in (log.parent / name, tmp_path / "link" / name):
        assert telemetry.main(["export", "--out", str(path)]) == 2
        assert capsys.readouterr().err == (
            f"mytool telemetry: --out would write among the files of telemetry, to {path}; give it a file of its own, "
            "such as --out usage.md\n"
        )
    assert sorted(log.parent.iterdir()) == before


def test_a_place_that_cannot_be_written(telemetry: Telemetry, log: Path, capsys: Any, tmp_path: Path) -> None:
    """A directory that is not there is a sentence and exit status 1; no name at all is a wrong use."""
    log.write_text(line())
    assert telemetry.main(["export", "--out", str(tmp_path / "no" / "usage.md")]) == 1
    assert capsys.readouterr().err.endswith("usage.md: No such file or directory\n")
    assert telemetry.main(["export", "--out", ""]) == 2
    assert capsys.readouterr().err == "mytool telemetry: --out wants the name of a new file\n"


def test_a_full_disk(telemetry: Telemetry, log: Path, capsys: Any, tmp_path: Path) -> None:
    """A page that the disk does not take whole leaves no file."""
    log.write_text("".join(line(number, version=f"1.{number}") for number in range(40)))
    path = tmp_path / "usage.md"
    program = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    program += "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
    program += (
        f"from discreet.__main__ import main; sys.exit(main(['--tool', 'mytool', 'export', '--out', {str(path)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(log.parents[2]), capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, "File too large" in done.stderr) == (1, True)
    assert not path.exists()
