"""The second system, as its user meets it: a Makefile whose targets are recorded here, for their user alone."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment, kept_in
from discreet.testing import assert_no_network
from faults.servers import answering, serving
from terminal import Terminal

SOURCE = Path(__file__).parents[2] / "docs" / "examples" / "localmeter"
TRACKED = ("sync", "apply", "apply-infra", "apply-provision", "apply-limit", "test-generator")
Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("with_make")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example, copied: its targets write beside it."""
    return Path(shutil.copytree(SOURCE, tmp_path / "localmeter", ignore=shutil.ignore_patterns("build", "__pycache__")))


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    """A clean environment with this interpreter, and a `discreet` that notes in `starts` that it was started."""
    shim = tmp_path / "bin" / "discreet"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho >> "{tmp_path}/starts"\nexec {sys.executable} -W error -m discreet "$@"\n')
    shim.chmod(0o700)
    path = os.pathsep.join([str(shim.parent), os.defpath])
    return {**clean_environment(home), "PATH": path, "PYTHON": sys.executable}


@pytest.fixture
def run(folder: Path, environment: dict[str, str]) -> Run:
    """Run a command in the example's folder; `env` is added."""

    def run(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder,
            env={**environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return run


@pytest.fixture
def localmeter(run: Run) -> Run:
    """Run the tool's own command."""
    return lambda *words, **options: run(sys.executable, "-W", "error", "localmeter.py", *words, **options)


@pytest.fixture
def place(home: Path) -> Path:
    """The directory of its telemetry."""
    return home / ".localmeter" / "telemetry"


@pytest.fixture
def agreed(place: Path) -> None:
    """The marker file is there."""
    place.mkdir(parents=True)
    (place / "enabled").touch()


def records(place: Path) -> list[dict[str, Any]]:
    """The records of the log."""
    log = place / "usage.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_disabled_by_default(run: Run, home: Path) -> None:
    """Nobody said yes: a wrapped target does its work, prints no other word, and leaves no file in the home."""
    done = run("make", "sync")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sync: web\nsync: db\nsync: mail\n", "")
    assert list(home.iterdir()) == []


def test_the_quick_start(localmeter: Run, place: Path) -> None:
    """On, two commands, a report; then off, which keeps the data and records no more; the state is told each time."""
    assert localmeter("telemetry", "on").returncode == 0
    assert localmeter("sync").stdout.startswith("sync: web\n")
    assert localmeter("domain", "apply").returncode == 0
    assert [record["event"] for record in records(place)] == ["sync", "apply"]
    report = localmeter("telemetry", "report").stdout
    assert "sync" in report
    assert "apply" in report
    size = (place / "usage.jsonl").stat().st_size
    status = localmeter("telemetry", "status").stdout
    assert status.startswith("Telemetry of localmeter is on")
    assert f"2 in {size} bytes" in status
    assert localmeter("telemetry", "off").returncode == 0
    localmeter("sync")
    assert localmeter("telemetry", "status").stdout.startswith("Telemetry of localmeter is off")
    assert (place / "usage.jsonl").stat().st_size == size


@pytest.mark.usefixtures("agreed")
def test_the_tracked_targets(run: Run, place: Path) -> None:
    """Each wrapped target is one record under its name, whose fields are those of the document, and no others."""
    done = run("make", *TRACKED, "G=web")
    assert (done.returncode, done.stderr) == (0, "")
    found = records(place)
    assert [record["event"] for record in found] == [target.replace("-", "_") for target in TRACKED]
    for record in found:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["time"])
        assert isinstance(record["properties"].pop("duration_ms"), int)
        assert record["properties"] == {"success": True, "exit_code": 0, "domain": "web"}


@pytest.mark.usefixtures("agreed")
def test_a_target_without_a_domain_and_one_that_fails(run: Run, folder: Path, place: Path) -> None:
    """Without G there is no domain; a recipe's own exit code is recorded, and make fails as it does."""
    assert "which domain?" in run("make", "apply-limit").stderr
    (folder / "domains.toml").write_text("wrong")
    done = run("make", "sync")
    assert (done.returncode, "Error 1" in done.stderr) == (2, True)
    (record,) = records(place)
    assert record["properties"].items() >= {"success": False, "exit_code": 1}.items()
    assert "domain" not in record["properties"]


@pytest.mark.usefixtures("agreed")
def test_nothing_personal(run: Run, folder: Path, home: Path, place: Path) -> None:
    """A domain of the user's own is `other`; no name of it, of a machine, a file or the user is in any file."""
    with (folder / "domains.toml").open("a") as file:
        file.write('\n[canary]\nmachines = 1\npackages = ["canary-package"]\n')
    done = run("make", "apply-limit", "G=canary", env={"USER": "canary", "LOGNAME": "canary", "EMAIL": "canary@x.org"})
    assert done.stdout == "infra: canary\nprovision: canary\n"
    (record,) = records(place)
    assert record["properties"]["domain"] == "other"
    kept = kept_in(home)
    assert b"canary" not in kept
    assert str(home).encode() not in kept


@pytest.mark.usefixtures("agreed")
def test_other_targets_pay_nothing(run: Run, place: Path, tmp_path: Path) -> None:
    """For a target that is not wrapped `discreet` is not even started; for a wrapped one it is, once."""
    assert run("make", "lint", "clean").stdout == "3 domains\n"
    assert not (tmp_path / "starts").exists()
    assert records(place) == []
    run("make", "sync")
    assert (tmp_path / "starts").read_text() == "\n"


def test_without_discreet(run: Run) -> None:
    """Where it is not installed, the targets work as they are."""
    done = run("make", "sync", "apply-limit", "G=db", env={"PATH": os.defpath})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("infra: db\nprovision: db\n")


def test_the_marker_file(run: Run, place: Path) -> None:
    """Its presence is a yes, its absence is none."""
    place.mkdir(parents=True)
    run("make", "test-generator")
    (place / "enabled").touch()
    run("make", "sync")
    (place / "enabled").unlink()
    run("make", "apply")
    assert [record["event"] for record in records(place)] == ["sync"]


@pytest.mark.usefixtures("agreed")
def test_clear(localmeter: Run, environment: dict[str, str], folder: Path, home: Path) -> None:
    """All data and the state are erased, the marker too; on a terminal after a question, by `--yes` without."""
    localmeter("sync")
    assert localmeter("telemetry", "clear").returncode == 2  # no terminal, and no --yes
    command = [sys.executable, str(folder / "localmeter.py"), "telemetry", "clear"]
    with Terminal(command, environment) as terminal:
        terminal.wait_for("Erase them? [y/N]")
        terminal.type("y\n")
        assert terminal.end() == 0
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("agreed")
def test_no_network(run: Run, folder: Path, environment: dict[str, str]) -> None:
    """Whatever the environment names, nothing is sent and no connection opened."""
    with serving(answering(200)) as server:
        named = {
            "LOCALMETER_TELEMETRY_ENDPOINT": server.url,
            "LOCALMETER_TELEMETRY_BATCH_INTERVAL_SECONDS": "0",
        }
        assert run("make", "sync", env=named).returncode == 0
        told = run(sys.executable, "localmeter.py", "telemetry", "flush", env=named).stderr
        assert 'with consent="local" all stays on this machine' in told
        command = [sys.executable, "-m", "discreet", "--manifest", "telemetry.toml", "run", "--event", "sync", "--"]
        assert_no_network(
            [*command, sys.executable, "generate.py", "sync"],
            tool="localmeter",
            cwd=folder,
            env={**environment, **named},
        )
        assert server.visits == 0


@pytest.mark.usefixtures("agreed")
def test_log_from_a_script(localmeter: Run, run: Run, place: Path) -> None:
    """What a script measured itself is recorded by `log`; it can be looked at with cat."""
    assert localmeter("telemetry", "log", "sync", "--duration", "1.5", "--exit-code", "0").returncode == 0
    (record,) = records(place)
    assert record["properties"] == {"duration_ms": 1500, "success": True, "exit_code": 0}
    assert json.loads(run("cat", str(place / "usage.jsonl")).stdout) == record
    assert localmeter("telemetry", "log", "secret").returncode == 2  # no target of ours


@pytest.mark.usefixtures("agreed")
@pytest.mark.parametrize("plotext", [True, False])
def test_report(run: Run, environment: dict[str, str], folder: Path, place: Path, plotext: bool) -> None:
    """Invocations, successes and failures and the average duration of each target; the days by a chart, or without."""
    if plotext:
        pytest.importorskip("plotext")
    for seconds, code in ((40, 0), (44, 0), (60, 2)):
        words = f"localmeter.py telemetry log apply --duration {seconds} --exit-code {code}"
        run(sys.executable, *words.split())
    log = place / "usage.jsonl"
    first, *others = log.read_text().splitlines(keepends=True)
    assert len(others) == 2
    today = json.loads(first)["time"].partition("T")[0]
    yesterday = str(date.fromisoformat(today) - timedelta(days=1))  # a chart needs two days
    log.write_text("".join([first.replace(today, yesterday), *others]))
    # An entry of None makes an import fail, as if the package were not there.
    hide = "" if plotext else "sys.modules['plotext'] = None; "
    program = f"import runpy, sys; {hide}runpy.run_path({str(folder / 'localmeter.py')!r}, run_name='__main__')"
    command = [sys.executable, "-W", "error", "-c", program, "telemetry", "report"]
    with Terminal(command, {**environment, "TERM": "xterm", "NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0
    (line,) = (line for line in terminal.output.splitlines() if line.split()[:1] == ["apply"] and "48 s" in line)
    assert line.split()[1:4] == ["3", "2", "1"]  # runs, ok, failed
    assert ("events by day (UTC)" in terminal.output) is plotext  # the title of the chart
    assert ("\nday (UTC)   events" in terminal.output) is not plotext  # the head of the table


def test_the_files_agree(folder: Path) -> None:
    """The manifest declares the targets that the Makefile wraps, and the domains that the example has."""
    manifest = tomllib.loads((folder / "telemetry.toml").read_text())
    recipes = re.findall(r"^([a-z-]+):(?:\n\t.*)*\$\(RECORD\)", (folder / "Makefile").read_text(), re.MULTILINE)
    assert tuple(recipes) == TRACKED
    assert list(manifest["events"]) == [target.replace("-", "_") for target in TRACKED]
    assert manifest["fields"]["domain"]["one_of"] == list(tomllib.loads((folder / "domains.toml").read_text()))
