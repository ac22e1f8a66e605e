"""The fourth system, as its user meets it: a notice, one beacon an event, every way out, its README, its receiver."""

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from conftest import clean_environment, kept_in
from faults.servers import Server, Visit, answering, refusing, serving
from process.hosts import wait_until
from terminal import Terminal

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "beacon"
COMMAND = [sys.executable, "-W", "error", str(FOLDER / "beacon.py")]
SECRET = "canary"  # in names of notes, in their texts, and in what is searched for
Beacon = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder with three notes."""
    folder = tmp_path / f"{SECRET}-folder"
    (folder / "notes").mkdir(parents=True)
    for name, text in ((f"{SECRET}.txt", f"bread and {SECRET}\n"), ("a.txt", "bread\n"), ("b.txt", "milk\n")):
        (folder / "notes" / name).write_text(text)
    return folder


@pytest.fixture
def receiver() -> Iterator[Server]:
    """A receiver of beacons on this machine."""
    with serving(answering(204)) as server:
        yield server


def to(server: Server, **more: str) -> dict[str, str]:
    """The variables that route to it, as the code does: one beacon an event, at once."""
    return at(server.url, **more)


def at(url: str, **more: str) -> dict[str, str]:
    """The same for a URL."""
    at_once = {"BEACON_TELEMETRY_BATCH_INTERVAL_SECONDS": "0"}
    return {"BEACON_TELEMETRY_ENDPOINT": url, "BEACON_TELEMETRY_FORMAT": "beacon", **at_once, **more}


@pytest.fixture
def beacon(home: Path, notes: Path) -> Beacon:
    """Run the command in the folder, in this test's home, its streams on pipes."""

    def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=notes,
            env={**clean_environment(home), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
        )

    return run


def on_a_terminal(home: Path, notes: Path, env: dict[str, str], *arguments: str) -> str:
    """Run the command as a person does; what it printed."""
    shell = ["sh", "-c", 'cd "$0" && exec "$@"', str(notes), *COMMAND, *arguments]
    with Terminal(shell, {**clean_environment(home), "TERM": "xterm", **env}) as terminal:
        assert terminal.end() == 0
    return terminal.output


@pytest.fixture
def told(home: Path, notes: Path, receiver: Server) -> None:
    """A person who was told, in an earlier run."""
    assert "BEACON_NO_TELEMETRY" in on_a_terminal(home, notes, to(receiver), "list")


def sent(server: Server, number: int) -> list[dict[str, str]]:
    """The queries of the beacons, once there are so many, without the random `i`."""
    found = [dict(parse_qsl(urlsplit(request.target).query, strict_parsing=True)) for request in server.wait(number)]
    assert len(found) == number
    assert all(len(one.pop("i")) == 36 for one in found)
    return found


def recorded(home: Path) -> list[dict[str, Any]]:
    """The records in the log."""
    log = home / ".beacon" / "telemetry" / "usage.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_three_lines(home: Path, tmp_path: Path, receiver: Server) -> None:
    """An import, an object, a call: that is all of it, and a user who agreed sends a beacon."""
    program = tmp_path / "three.py"
    program.write_text(
        'import discreet\ndiscreet.init("beacon", version="1.0.0")\ndiscreet.track("search", {"n": 5, "ms": 45})\n'
    )
    environment = to(receiver, BEACON_TELEMETRY_OPT_IN="true")
    done = subprocess.run(
        [sys.executable, str(program)], env={**clean_environment(home), **environment}, timeout=25, check=True
    )
    assert done.returncode == 0
    (one,) = sent(receiver, 1)
    assert (one["t"], one["e"], one["n"], one["ms"]) == ("beacon", "search", "5", "45")


def test_on_after_a_notice(beacon: Beacon, home: Path, notes: Path, receiver: Server) -> None:
    """Nobody is recorded who was not told: not before the notice, nor in the run that shows it; the next one is."""
    assert beacon("list", env=to(receiver)).stderr == ""  # nobody to tell
    assert not home.joinpath(".beacon").exists()
    first = on_a_terminal(home, notes, to(receiver), "list")
    assert receiver.origin in first
    assert "BEACON_NO_TELEMETRY" in first
    assert recorded(home) == []
    assert "BEACON_NO_TELEMETRY" not in on_a_terminal(home, notes, to(receiver), "list")
    assert [record["event"] for record in recorded(home)] == ["list"]
    assert [one["e"] for one in sent(receiver, 1)] == ["list"]


@pytest.mark.usefixtures("told")
def test_the_query_string(beacon: Beacon, receiver: Server) -> None:
    """One GET an event with the document's keys, after the command, and neither time nor run nor anybody in it."""
    done = beacon("search", "--fmt", "json", "bread", SECRET, env=to(receiver))
    assert json.loads(done.stdout) == [{"name": f"{SECRET}.txt", "score": 1.0}, {"name": "a.txt", "score": 0.5}]
    (one,) = sent(receiver, 1)
    (request,) = receiver.requests
    assert (request.method, urlsplit(request.target).path, request.body) == ("GET", "/t", b"")
    assert request.headers["user-agent"] == "beacon/1.0.0"
    assert int(one.pop("ms")) >= 0
    python = ".".join(map(str, sys.version_info[:3]))
    assert one == {
        "t": "beacon",
        "e": "search",
        "v": "1.0.0",
        "py": python,
        "os": sys.platform,
        "n": "2",
        "score": "1.0",
        "fmt": "json",
    }


@pytest.mark.usefixtures("told")
def test_the_common_patterns(beacon: Beacon, home: Path, receiver: Server) -> None:
    """An operation that is timed, one that fails, and a fact that is there only where there are results."""
    beacon("search", "bread", env=to(receiver))
    beacon("search", "nothing", env=to(receiver))
    beacon("search", "--page", "2", "bread", env=to(receiver))
    beacon("get", "a.txt", env=to(receiver))
    failed = beacon("get", f"no-{SECRET}", env=to(receiver))
    assert (failed.returncode, failed.stderr) == (1, f"beacon: notes/no-{SECRET}: No such file or directory\n")
    beacon("init", env=to(receiver))
    found, nothing, paged, good, bad, init = recorded(home)
    assert isinstance(found["properties"].pop("ms"), int)
    assert found["properties"] == {"n": 2, "score": 1, "fmt": "table"}
    assert (nothing["properties"]["n"], "score" in nothing["properties"]) == (0, False)
    assert paged["event"] == "search_paged"
    assert (good["properties"], bad["properties"]) == ({"success": True}, {"success": False})
    assert (init["event"], init["properties"]) == ("init", {})


GATES = (
    *("BEACON_NO_TELEMETRY", "DO_NOT_TRACK"),
    *("CI", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "TRAVIS", "BUILDKITE", "JENKINS_URL"),
)


@pytest.mark.usefixtures("told")
def test_every_gate(beacon: Beacon, home: Path, receiver: Server) -> None:
    """Each variable of the document turns it off for a user who was told and one who said yes; nothing else changes."""
    plain = beacon("search", "bread", env=to(receiver))
    assert len(sent(receiver, 1)) == len(recorded(home)) == 1
    for gate, more in itertools.product(GATES, ({}, {"BEACON_TELEMETRY_OPT_IN": "true"})):
        value = "https://jenkins.example.org/" if gate == "JENKINS_URL" else "true" if gate == "CI" else "1"
        done = beacon("search", "bread", env=to(receiver, **{gate: value}, **more))
        assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, "")
        first, *_ = beacon("telemetry", "status", env={gate: value, **more}).stdout.splitlines()
        assert "is off" in first
        assert gate in first
        assert len(recorded(home)) == 1, gate
    beacon("search", "bread", env=to(receiver))  # what is sent now would have had the others before it
    assert [one["e"] for one in sent(receiver, 2)] == ["search", "search"]


@pytest.mark.usefixtures("told")
def test_off_for_good(beacon: Beacon, home: Path, receiver: Server) -> None:
    """The verb does what a line in a shell's profile does."""
    assert beacon("telemetry", "off", env={}).returncode == 0
    beacon("list", env=to(receiver))
    assert recorded(home) == []


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("status", [0, 404, 500])
def test_silent_failures(beacon: Beacon, home: Path, status: int) -> None:
    """A receiver that is gone (0), refusing or broken is never seen: same output and status, and the event is kept."""
    plain = beacon("list", env={"DO_NOT_TRACK": "1"})
    with serving(answering(status)) if status else refusing() as server:
        done = beacon("list", env=to(server))
        assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, "")
        assert not status or server.wait(1)
    assert len(recorded(home)) == 1


@pytest.mark.usefixtures("told")
def test_never_blocks(beacon: Beacon, home: Path) -> None:
    """A receiver that takes the request and never answers keeps nobody: the command has ended while it is asked."""

    def silent(visit: Visit) -> None:
        visit.read()
        visit.stay()

    with serving(silent) as server:
        done = beacon("list", env=to(server))
        assert (done.returncode, done.stderr) == (0, "")
        assert len(server.wait(1)) == 1


@pytest.mark.usefixtures("told")
def test_no_content(beacon: Beacon, home: Path, receiver: Server) -> None:
    """No query, no name, no path and no user, neither on the disk nor on the way."""
    user = {"USER": "ada-canary", "LOGNAME": "ada-canary"}
    beacon("search", SECRET, "bread", env=to(receiver, **user))
    beacon("get", f"{SECRET}.txt", env=to(receiver, **user))
    sent(receiver, 2)
    kept = kept_in(home)
    for place in (kept, *(request.head for request in receiver.requests)):
        assert SECRET.encode() not in place
        assert str(home).encode() not in place


def test_the_readme_is_true(beacon: Beacon, tmp_path: Path) -> None:
    """The disclosure in the README is what the command declares, and a README that says otherwise is found out."""
    assert beacon("telemetry", "disclosure", "--check", str(FOLDER / "README.md"), env={}).returncode == 0
    wrong = tmp_path / "README.md"
    wrong.write_text((FOLDER / "README.md").read_text().replace("rounded to the nearest multiple of 0.01", "exact"))
    done = beacon("telemetry", "disclosure", "--check", str(wrong), env={})
    assert (done.returncode, "0.01" in done.stdout) == (1, True)


def test_the_readme_says_what_the_template_says() -> None:
    """A prominent notice, what is collected and what is not, both variables, CI, and where the source is."""
    page = (FOLDER / "README.md").read_text()
    assert page.index("**Notice:**") < page.index("### What is recorded") < page.index("### What is never recorded")
    for wanted in ("enabled by default", "export BEACON_NO_TELEMETRY=1", "export DO_NOT_TRACK=1", "GitHub Actions"):
        assert wanted in page
    assert "](beacon.py)" in page


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The example's own receiver, running: its URL, and the file that it writes."""
    folder = tmp_path / "receiving"
    folder.mkdir()
    command = [sys.executable, "-W", "error", str(FOLDER / "receiver.py")]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/t", folder / "telemetry.jsonl"
        finally:
            process.terminate()


@pytest.mark.usefixtures("told")
def test_the_receiving_end(beacon: Beacon, home: Path, receiving: tuple[str, Path]) -> None:
    """What the command records arrives as a line of JSON, with the id of its record and nothing of the sender."""
    url, file = receiving
    beacon("search", "bread", env=at(url))
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
    (line,) = file.read_text().splitlines()
    (record,) = recorded(home)
    found = json.loads(line)
    assert found.keys() == {"t", "e", "v", "py", "os", "i", "n", "ms", "score", "fmt"}
    assert (found["i"], found["e"], found["n"]) == (record["id"], "search", "2")
    wait_until(lambda: " 204 " in beacon("telemetry", "sent", env={}).stdout)


def test_the_receiver_takes_both_and_nothing_else(receiving: tuple[str, Path]) -> None:
    """A POST of a long beacon is kept with its types; what is no beacon is refused, and not kept."""
    if not (curl := shutil.which("curl")):
        pytest.skip("there is no curl")
    url, file = receiving

    def status(*arguments: str) -> str:
        command = [curl, "--silent", "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}"]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, timeout=25).stdout

    assert status("--data", '{"t":"beacon","e":"search","n":5}', url) == "204"
    assert status(f"{url}?t=beacon&e=list") == "204"
    assert status("--data", "no json", url) == status(url) == "400"
    assert status(f"{url}/elsewhere?e=list") == "404"
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"t": "beacon", "e": "search", "n": 5},
        {"t": "beacon", "e": "list"},
    ]
