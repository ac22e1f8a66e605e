"""The first system, as its user meets it: opted in by variable or file, its log, its fields, its collector, its end."""

import gzip
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment, kept_in
from discreet.names import FILES
from faults.servers import Received, Server, Visit, answering, serving
from terminal import Terminal

PROGRAM = Path(__file__).parents[2] / "docs" / "examples" / "brownfield.py"
TELEMETRY = [sys.executable, "-W", "error", str(PROGRAM)]
YES = {"BROWNFIELD_TELEMETRY_OPT_IN": "true"}
ALWAYS_DUE = {"BROWNFIELD_TELEMETRY_BATCH_INTERVAL_SECONDS": "0"}
SECRET = "canary"  # in the name of the project, of a file, of a class and of a method
CODE = f"""
class Cart:
    def add(self, item): ...
    def total(self): ...

class {SECRET.title()}:
    def {SECRET}_method(self): "{SECRET} text"

class _Hidden:
    def hidden(self): ...
"""
# What changes: a story gone and another one new (drift), and one with other arguments (contract).
CHANGED = CODE.replace("item", "item, n=1").replace("total", "sum")
Brownfield = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two modules, one of which cannot be parsed and so does not count."""
    folder = tmp_path / f"{SECRET}-project"
    folder.mkdir()
    (folder / f"{SECRET}.py").write_text(CODE)
    (folder / "old.py").write_text("print 'python 2'\n")
    for number in range(11):
        (folder / f"empty{number}.py").write_text("")
    return folder


@pytest.fixture
def brownfield(home: Path, project: Path) -> Brownfield:
    """Run the command in the project, in this test's home; `env` is added to a clean environment."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*TELEMETRY, *arguments],
            cwd=project,
            env={**clean_environment(home), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
        )

    return run


@pytest.fixture
def place(home: Path) -> Path:
    """The directory of the command's own files."""
    return home / ".brownfield"


@pytest.fixture
def collector() -> Iterator[Server]:
    """An OTLP collector on this machine."""
    with serving(answering(200, {"Content-Type": "application/json"}, b'{"partialSuccess":{}}')) as server:
        yield server


def traces(server: Server, **more: str) -> dict[str, str]:
    """The variables that route to it, with everything due at once."""
    return {**YES, **ALWAYS_DUE, "BROWNFIELD_TELEMETRY_ENDPOINT": f"{server.origin}/v1/traces", **more}


def body(request: Received) -> bytes:
    """The body of a request without its compression."""
    return gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body


def spans(request: Received) -> list[dict[str, Any]]:
    """The spans of a request, attributes as a mapping of Python values."""
    found = []
    for resource in json.loads(body(request))["resourceSpans"]:
        for span in resource["scopeSpans"][0]["spans"]:
            pairs = {one["key"]: next(iter(one["value"].items())) for one in span["attributes"]}
            values = {key: int(value) if kind == "intValue" else value for key, (kind, value) in pairs.items()}
            found.append({**span, "attributes": values})
    return found


def recorded(place: Path) -> list[dict[str, Any]]:
    """The properties of the records in the log."""
    log = place / "telemetry.log"
    return [json.loads(line)["properties"] for line in log.read_text().splitlines()] if log.exists() else []


def test_disabled_by_default(brownfield: Brownfield, home: Path, project: Path) -> None:
    """Nobody said yes: the command does its work, prints no other word and leaves no file in the home."""
    done = brownfield("import", "from-code", env={"BROWNFIELD_TELEMETRY_ENDPOINT": "https://example.org/v1/traces"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 features in 12 files: see brownfield.json\n", "")
    assert json.loads((project / "brownfield.json").read_text())["Cart"] == {"add": "self, item", "total": "self"}
    assert list(home.iterdir()) == []


def test_the_fields(brownfield: Brownfield, place: Path, project: Path) -> None:
    """Opted in by the variable, every field of the table is in the local log, with the value that is true."""
    assert brownfield("import", "from-code", env=YES).returncode == 0
    assert brownfield("import", "from-code", "--agent", env=YES).stdout.startswith("Describe, feature by feature")
    (project / f"{SECRET}.py").write_text(CHANGED)
    assert brownfield("repro", env=YES).stdout == (
        "contract: Cart.add was (self, item) and is (self, item, n=1)\n"
        "drift: Cart.sum is not in the plan\n"
        "drift: Cart.total is gone\n"
        "1 of 2 features are as planned\n"
    )
    first, second, third = recorded(place)
    for one in (first, second, third):
        assert isinstance(one.pop("duration_ms"), int)
    assert first == {
        "command": "import.from_code",
        "success": True,
        "exit_code": 0,
        "mode": "import",
        "execution_mode": "ast",
        "files_analyzed": 10,  # 12, rounded
        "features_detected": 2,
        "stories_detected": 3,
    }
    assert second == {**first, "execution_mode": "agent"}
    assert third == {
        "command": "repro",
        "success": False,
        "exit_code": 1,
        "mode": "repro",
        "execution_mode": "ast",
        "files_analyzed": 10,
        "checks_total": 2,
        "checks_failed": 1,
        "violations_detected": 3,
        "violations_by_kind": {"contract": 1, "drift": 2},
    }


def test_failures_are_recorded(brownfield: Brownfield, place: Path) -> None:
    """A command that cannot do its work is no success; a wrong use of the command line is no command."""
    done = brownfield("repro", env=YES)
    assert (done.returncode, done.stderr) == (1, "brownfield: brownfield.json: No such file or directory\n")
    assert brownfield("repro", "--wrong", env=YES).returncode == 2
    (one,) = recorded(place)
    assert (one["command"], one["success"], one["exit_code"]) == ("repro", False, 1)


def test_opt_in_by_file(brownfield: Brownfield, place: Path) -> None:
    """A file that says true is a yes; one that says false, and none at all, is a no."""
    place.mkdir()
    for content, expected in (("true\n", 1), ("false\n", 1), ("true", 2), (None, 2)):
        answer = place / "telemetry.opt-in"
        answer.unlink() if content is None else answer.write_text(content)
        assert brownfield("repro").returncode == 1
        assert len(recorded(place)) == expected, content


def test_the_local_log_is_all_there_is(brownfield: Brownfield, place: Path) -> None:
    """Without an endpoint there is the log, JSON line by line, and no place that anything could be sent to."""
    brownfield("repro", env=YES)
    (line,) = (place / "telemetry.log").read_text().splitlines()
    assert json.loads(line)["tool"] == "brownfield"
    assert "sent to" not in brownfield("telemetry", "status", env=YES).stdout
    done = brownfield("telemetry", "flush", env=YES)
    assert (done.returncode, "no destination is set" in done.stderr) == (1, True)
    assert all(path.name.startswith("telemetry.") for path in place.iterdir())


def test_spans_go_to_a_collector(brownfield: Brownfield, place: Path, collector: Server) -> None:
    """With an endpoint and headers, each command is a span there, with the fields of the log, which goes on."""
    environment = traces(collector, BROWNFIELD_TELEMETRY_HEADERS="Authorization: Bearer xxxx")
    brownfield("repro")  # not opted in: not recorded
    brownfield("repro", env=YES)  # recorded before there was a place to send it to: it stays here
    assert brownfield("import", "from-code", env=environment).returncode == 0
    (request,) = collector.wait(1)
    assert (request.method, request.target) == ("POST", "/v1/traces")
    assert request.headers["authorization"] == "Bearer xxxx"
    assert request.headers["content-type"] == "application/json"
    (span,) = spans(request)
    properties = recorded(place)[-1]
    assert len(recorded(place)) == 2
    assert span["name"] == properties["command"] == "import.from_code"
    assert properties.items() <= span["attributes"].items()
    took = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
    assert took == properties["duration_ms"] * 1_000_000


def test_spans_are_batched(brownfield: Brownfield, collector: Server) -> None:
    """What is not due waits; then all of it goes in one request, and its receipt is kept."""
    later = traces(collector, BROWNFIELD_TELEMETRY_BATCH_INTERVAL_SECONDS="3600")
    for _ in range(2):
        brownfield("repro", env=later)
    assert collector.requests == []
    done = brownfield("telemetry", "flush", env=later)
    assert (done.returncode, done.stdout) == (0, f"{collector.origin}/v1/traces: 2 records, 200: delivered\n")
    (request,) = collector.requests
    assert [span["name"] for span in spans(request)] == ["repro", "repro"]
    assert [span["status"] for span in spans(request)] == [{"code": 2}] * 2  # no plan: they failed
    assert "200" in brownfield("telemetry", "sent").stdout


def test_the_command_does_not_wait(brownfield: Brownfield, place: Path) -> None:
    """A collector that takes the request and never answers keeps no command: it has ended, and it is recorded."""

    def silent(visit: Visit) -> None:
        visit.read()
        visit.stay()

    with serving(silent) as server:
        done = brownfield("import", "from-code", env=traces(server))
        assert (done.returncode, done.stderr) == (0, "")
        assert len(recorded(place)) == 1
        assert len(server.wait(1)) == 1  # it is being asked, by a process of its own


def test_plain_http_stays_on_this_machine(brownfield: Brownfield) -> None:
    """A collector elsewhere needs https: another address is refused, `explain` says so, and nothing is sent."""
    elsewhere = {**YES, "BROWNFIELD_TELEMETRY_ENDPOINT": "http://collector.example.org/v1/traces"}
    assert "BROWNFIELD_TELEMETRY_ENDPOINT is refused" in brownfield("telemetry", "explain", env=elsewhere).stdout
    assert brownfield("telemetry", "flush", env=elsewhere).returncode == 1


def test_what_is_never_collected(brownfield: Brownfield, home: Path, project: Path, collector: Server) -> None:
    """No name or path of the project, no text of it, no user and no machine, on the disk or on the way."""
    user = {"USER": "ada-canary", "LOGNAME": "ada-canary", "EMAIL": "ada-canary@example.org"}
    environment = {**traces(collector), **user}
    brownfield("import", "from-code", str(project), env=environment)
    (request,) = collector.wait(1)
    kept = kept_in(home)
    assert b"import.from_code" in kept
    machine = socket.gethostname()
    for place in (kept, request.head, body(request)):
        for secret in (SECRET, SECRET.title(), str(home), *([machine] if len(machine) > 5 else [])):
            assert secret.encode() not in place, secret


def test_inspecting(brownfield: Brownfield, place: Path) -> None:
    """The log is read by tail and jq, or by any reader of JSON lines, and by the verbs."""
    for _ in range(2):
        brownfield("repro", env=YES)
    tail = subprocess.run(
        ["tail", "-n", "20", place / "telemetry.log"], capture_output=True, text=True, check=True
    ).stdout
    assert [json.loads(line)["properties"]["command"] for line in tail.splitlines()] == ["repro", "repro"]
    assert brownfield("telemetry", "preview").stdout == tail
    if jq := shutil.which("jq"):
        command = [jq, "-r", ".properties.command"]
        assert subprocess.run(command, input=tail, capture_output=True, text=True, check=True).stdout == "repro\n" * 2


def test_the_log_is_the_users_own(brownfield: Brownfield, place: Path) -> None:
    """Moved away or erased by hand, it begins anew with the next command; with the yes withdrawn it does not."""
    log = place / "telemetry.log"
    brownfield("repro", env=YES)
    log.rename(place / "old.log")
    brownfield("repro", env=YES)
    assert len(recorded(place)) == 1
    log.unlink()
    brownfield("repro")  # rm, unset: the immediate opt-out of the document
    assert not log.exists()


def test_deleting_by_the_verb(brownfield: Brownfield, home: Path, place: Path) -> None:
    """`clear` asks on the terminal, and erases every file of telemetry's and none of the tool's own, however called."""
    brownfield("repro", env=YES)
    own = {"settings.json", *FILES.values()}
    for name in own:
        (place / name).write_text("true")
    with Terminal([*TELEMETRY, "telemetry", "clear"], clean_environment(home)) as terminal:
        terminal.wait_for("Erase them? [y/N]")
        terminal.type("y\n")
        assert terminal.end() == 0
    assert str(place / "telemetry.log") in terminal.output
    assert {path.name for path in place.iterdir()} == own


def test_figures_to_pass_on(brownfield: Brownfield, project: Path) -> None:
    """What share of violations came from contracts and what from drift is in the exported summary."""
    brownfield("import", "from-code", env=YES)
    (project / f"{SECRET}.py").write_text(CHANGED)
    brownfield("repro", env=YES)
    page = brownfield("telemetry", "export", env=YES).stdout
    assert "| `violations_by_kind` | `drift` 2, `contract` 1 |" in page
    assert SECRET not in page


def test_the_disclosure_says_what_and_why(brownfield: Brownfield) -> None:
    """Each field of the document's table is disclosed with its purpose."""
    page = json.loads(brownfield("telemetry", "disclosure", "--format", "json").stdout)
    (event,) = (event for event in page["events"] if event["name"] == "command")
    fields = {field["name"]: field for field in event["fields"]}
    wanted = "command mode execution_mode files_analyzed features_detected stories_detected checks_total checks_failed"
    assert {*wanted.split(), "violations_detected", "duration_ms", "success"} <= fields.keys()
    assert all(field["purpose"] for field in fields.values())
