"""PyInstaller's executables: nobody can start a file of theirs, and everything else is as ever."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from interop.peers import Recorder, needed
from process.hosts import PACKAGE, STATUS, Hosts, same

pyinstaller = needed("PyInstaller")

PROGRAM = """
import multiprocessing, os, sys, time
from {package} import Destination, Number, init, serialize

telemetry = init(
    "mytool",
    version="1.0",
    events={{"search": {{"n": Number()}}}},
    destination=Destination(os.environ["COLLECTOR"], batch_size=1, batch_interval=0),
)


def work(n):
    telemetry.track("search", n=n)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    if sys.argv[1] == "telemetry":
        sys.exit(telemetry.main(sys.argv[2:]))
    if sys.argv[1] == "2":
        worker = multiprocessing.get_context("spawn").Process(target=work, args=(3,))
        worker.start()
        worker.join()
        # The helper of `multiprocessing` may still be starting, from a folder that goes when this process ends.
        from multiprocessing import resource_tracker

        resource_tracker._resource_tracker._stop()
    telemetry.track("search", n=int(sys.argv[1]))
    print("to stdout")
    print("to stderr", file=sys.stderr)
    receipts = os.path.expanduser("~/.mytool/telemetry/receipts.jsonl")
    end = time.monotonic() + (8 if sys.argv[2:] == ["long"] else 0)
    while time.monotonic() < end and not (os.path.exists(receipts) and os.path.getsize(receipts)):
        time.sleep(0.01)
    sys.exit(3)
"""
VERBS = ["status", "explain", "disclosure", "preview", "report", "export", "sent", "flush", "--help"]


class Application:
    """An executable, and one user of it."""

    def __init__(self, program: Path, hosts: Hosts, recorder: Recorder) -> None:
        self.program = program
        self.hosts = hosts
        self.environment = {**hosts.environment, "COLLECTOR": recorder.url}

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[bytes]":
        """Run it to its end."""
        return subprocess.run(
            [self.program, *arguments],
            env={**self.environment, **variables},
            capture_output=True,
            timeout=50,
            check=False,
        )

    def numbers(self) -> list[int]:
        """The `n` of all records of the log."""
        log = self.hosts.directory / "usage.jsonl"
        return sorted(json.loads(line)["properties"]["n"] for line in log.read_bytes().splitlines())


@pytest.fixture(scope="module", params=["--onedir discreet", "--onefile mytool._vendor.discreet"])
def executable(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program made into an application: a folder with the package, or one file with a vendored copy of it."""
    kind, package = request.param.split()
    work = tmp_path_factory.mktemp("frozen")
    copy = work.joinpath(*package.split("."))
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    if package != "discreet":
        for folder in (copy.parent, copy.parent.parent):
            (folder / "__init__.py").touch()
    (work / "app.py").write_text(PROGRAM.format(package=package))
    command = [sys.executable, "-m", "PyInstaller", kind, "--noconfirm", "--log-level", "ERROR"]
    environment = {"HOME": str(work), "PATH": "/usr/bin:/bin"}
    subprocess.run([*command, "--paths", work, "app.py"], cwd=work, env=environment, timeout=300, check=True)
    return work / "dist" / "app" / "app" if kind == "--onedir" else work / "dist" / "app"


@pytest.fixture
def application(executable: Path, tmp_path: Path, recorder: Recorder) -> Application:
    """The application of a user who agreed, and its receiver."""
    return Application(executable, Hosts(tmp_path), recorder)


@pytest.mark.timeout(400)
def test_a_frozen_application(application: Application, recorder: Recorder) -> None:
    """Built without a word about this package, it ends as one that records nothing. What it tracks is on the log, its
    worker's as well, no child is started, and a run that lives long enough delivers by its thread what is there.
    """
    for arguments in (["0"], ["1", "long"], ["2"]):
        recorded, bare = application.run(*arguments), application.run(arguments[0], DO_NOT_TRACK="1")
        assert (recorded.returncode, recorded.stdout, recorded.stderr) == (STATUS, b"to stdout\n", b"to stderr\n")
        assert same(recorded, bare)
        assert not application.hosts.children()
    assert application.numbers() == [0, 1, 2, 3]
    sent = [record["properties"]["n"] for record in recorder.records()]
    assert {1} <= set(sent) <= {0, 1, 2, 3}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("verb", VERBS)
def test_its_verbs(application: Application, verb: str) -> None:
    """Every room that a verb enters has been packed."""
    application.run("0")
    result = application.run("telemetry", verb)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout
