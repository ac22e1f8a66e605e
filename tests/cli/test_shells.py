"""Manifests for shells: `discreet --manifest FILE VERB ...`, and a Makefile of wrapped targets."""

import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from discreet import Telemetry
from discreet.cli import standalone
from discreet.hosts import shell
from faults.servers import answering, serving

SECONDS = 30.0
MANIFEST = """
name = "mytool"
version = "1.4.0"
{more}

[fields]
duration_ms = "number"
success = "boolean"
exit_code = "number"

[events."make.apply"]
purpose = "how long does it take to apply?"

[events.sync]
[events.sync.fields]
kind = {{one_of = ["full", "partial"]}}
files = {{number = {{round_to = 10}}}}
"""
MODULE = [sys.executable, "-W", "error", "-m", "discreet"]
Discreet = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """Write the manifest, with `more` at its top; its path."""

    def write(more: str = "", text: str = MANIFEST) -> Path:
        path = tmp_path / "place with space" / "telemetry.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(more=more))
        return path

    return write


@pytest.fixture
def discreet(home: Path, tmp_path: Path, manifest: Callable[..., Path]) -> Discreet:
    """Run `discreet --manifest ...` as a child in the manifest's directory; `env` is added to a clean environment."""
    path = manifest()

    def run(*arguments: str, env: dict[str, str] | None = None, **options: Any) -> Any:
        return subprocess.run(
            [*MODULE, "--manifest", "telemetry.toml", *arguments],
            env={**clean_environment(home), "DISCREET_DEBUG": "1", **(env or {})},
            **{"cwd": path.parent, "stdin": subprocess.DEVNULL, "timeout": SECONDS, **options},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def place(home: Path) -> Path:
    """The data directory of the tool; its user agreed."""
    directory = home / ".mytool" / "telemetry"
    directory.mkdir(parents=True)
    (directory / "opt-in").write_text("true\n")
    return directory


def recorded(place: Path) -> list[tuple[str, dict[str, Any]]]:
    """The events on the log, each with its properties."""
    path = place / "usage.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(record["event"], record["properties"]) for record in map(json.loads, lines)]


def lost(place: Path) -> dict[str, int]:
    """What was dropped, by reason."""
    path = place / "losses.json"
    found: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    return found


def test_log_as_declared(discreet: Discreet, place: Path) -> None:
    """`log` records what the manifest declares, text and the tool's version too; the rest is left out and told."""
    done = discreet("log", "sync", "--duration", "1.5", "--set", "kind=full", "--set", "files=143", "--set", "n=1")
    assert (done.returncode, done.stdout) == (0, "")
    assert "recorded without n: " in done.stderr
    assert recorded(place) == [("sync", {"kind": "full", "files": 140, "duration_ms": 1500})]
    assert '"version":"1.4.0"' in (place / "usage.jsonl").read_text()
    discreet("log", "sync", "--set", "kind=s3cret")
    assert recorded(place)[1] == ("sync", {"kind": "other"})


@pytest.mark.parametrize("answer", ["true", "false"])
def test_log_of_an_undeclared_event(discreet: Discreet, place: Path, answer: str) -> None:
    """An undeclared event is a wrong use of `log`, on or off: exit 2, and the declared ones are named."""
    (place / "opt-in").write_text(answer)
    done = discreet("log", "push")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        ": mytool declares its events, and push is none of them; there are command, make.apply, session, sync\n"
    )
    assert recorded(place) == []


def test_run_as_declared(discreet: Discreet, place: Path) -> None:
    """`run` passes output and status of the command and records the declared event."""
    done = discreet("run", "--event", "make.apply", "--", "sh", "-c", "echo out; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "")
    ((event, properties),) = recorded(place)
    assert (event, properties["success"], properties["exit_code"]) == ("make.apply", False, 3)


@pytest.mark.parametrize(
    ("once", "events"),
    [("true", ["make.apply", "command"]), ("false", ["command", "command", "make.apply", "command"])],
)
def test_runs_that_run_one_another(
    discreet: Discreet, manifest: Callable[..., Path], place: Path, once: str, events: list[str]
) -> None:
    """With `once_per_tree` of the commands only the outermost is recorded, and other events as ever; what it runs ends
    as it would, and the next one is an outermost again.
    """
    manifest(f"once_per_tree = {once}")
    words = shlex.join([*MODULE, "--manifest", "telemetry.toml", "run", "--event"])
    inner = f"{words} command -- sh -c 'exit 3'"
    done = discreet(
        "run", "--event", "command", "--", "sh", "-c", f"{inner} || {inner}; echo $?; {words} make.apply true"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")
    assert [event for event, _ in recorded(place)] == events
    discreet("run", "--event", "command", "--", "true")
    assert len(recorded(place)) == len(events) + 1


@pytest.mark.parametrize("event", [(), ("--event", "push")])
def test_run_of_an_undeclared_event(discreet: Discreet, place: Path, event: tuple[str, ...]) -> None:
    """`run` is as if it were not there: the command runs as ever, nothing is recorded, and the drop is counted."""
    arguments = "run", *event, "--", "sh", "-c", "echo out; exit 3"
    done = discreet(*arguments, env={"DISCREET_DEBUG": ""})
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "")
    assert recorded(place) == []
    assert lost(place) == {"undeclared_event": 1}
    told = f"discreet: dropped event {event[1] if event else 'run'}: undeclared_event\n"
    assert discreet(*arguments).stderr == told
    assert "undeclared event (2)" in discreet("status").stdout


def test_the_verbs_know_the_tool(discreet: Discreet, manifest: Callable[..., Path], place: Path) -> None:
    """The manifest's name, consent mode and files hold; `status` and `explain` do not claim to know less."""
    discreet("log", "sync")
    for verb in ("status", "explain"):
        done = discreet(verb)
        assert done.stdout.startswith("Telemetry of mytool is on") == (verb == "status")
        assert "Asked without" not in done.stdout
    assert discreet("preview").stdout == (place / "usage.jsonl").read_text()
    assert "sync" in discreet("report").stdout
    assert json.loads(discreet("status", "--json").stdout)["tool"] == "mytool"
    manifest('consent = "off"')
    assert "Telemetry of mytool is off" in discreet("status").stdout
    manifest('files = {log = "other.log"}')
    discreet("log", "sync")
    assert (place / "other.log").exists()


def test_typed_as_the_manifest_says(discreet: Discreet, manifest: Callable[..., Path], place: Path) -> None:
    """A script that has a sub-command of its own for the verbs says so in its manifest, and every text then does."""
    manifest('verbs = "telemetry"')
    assert "To change that: mytool telemetry off" in discreet("status").stdout
    assert "mytool telemetry: clear asks on a terminal only" in discreet("clear").stderr
    assert "mytool telemetry preview" in discreet("on").stdout
    path = manifest('program = "./my"\nverbs = "usage data"')
    assert "To change that: ./my usage data off" in discreet("status").stdout
    refused = discreet("collect", "--port", "70000").stderr  # which is no verb of the script's
    head = f"discreet --manifest '{path.resolve()}'"
    assert refused == f"{head}: --port is a number from 0 to 65535, not 70000\n"
    manifest()
    assert f"To change that: {head} off" in discreet("status").stdout


def test_a_directory_that_was_typed_is_typed_again(discreet: Discreet, manifest: Callable[..., Path]) -> None:
    """What the manifest says of the script's own command does not reach the files in it."""
    path = manifest('verbs = "telemetry"')
    words = f"discreet --manifest '{path.resolve()}' --data-dir '{path.parent.resolve()}/files'"
    assert f"To change that: {words} on" in discreet("--data-dir", "files", "status").stdout


def test_deliveries(discreet: Discreet, manifest: Callable[..., Path], place: Path) -> None:
    """`preview --wire`, `flush`, `sent` and `status` work with the manifest's destination."""
    with serving(answering(200)) as server:
        manifest(f'destination = {{url = "{server.url}", batch_size = 1000, batch_interval = 86400}}')
        assert discreet("log", "sync", "--set", "kind=full").returncode == 0
        assert '"kind":"full"' in discreet("preview", "--wire").stdout
        assert "1 waiting" in discreet("status").stdout
        done = discreet("flush")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{server.url}: 1 record, 200: delivered" in done.stdout
        assert server.url in discreet("sent").stdout
        (request,) = server.requests
    (record,) = json.loads(request.body)["records"]
    assert (record["tool"], record["event"], record["properties"]) == ("mytool", "sync", {"kind": "full"})


@pytest.mark.parametrize(("command", "status"), [("exit 3", 3), ("kill -KILL $$", -signal.SIGKILL)])
def test_run_delivers_by_itself(
    discreet: Discreet, manifest: Callable[..., Path], place: Path, command: str, status: int
) -> None:
    """What is due leaves after the command, however that ended, by a process of its own, and `run` does not wait."""
    with serving(answering(200)) as server:
        manifest(f'destination = {{url = "{server.url}", batch_interval = 0}}')
        assert discreet("run", "--event", "make.apply", "--", "sh", "-c", command).returncode == status
        (request,) = server.wait(1, SECONDS)
    body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    assert json.loads(body)["records"][0]["event"] == "make.apply"


def test_a_local_manifest_sends_nothing(discreet: Discreet, manifest: Callable[..., Path], place: Path) -> None:
    """In the mode "local" there is no destination, whatever the file or the environment names."""
    manifest('consent = "local"\ndestination = "https://example.org/"')
    done = discreet("flush", env={"MYTOOL_TELEMETRY_ENDPOINT": "https://example.org/"})
    assert (done.returncode, done.stdout) == (1, "")
    assert 'with consent="local" all stays on this machine' in done.stderr


def test_what_it_says_to_type(discreet: Discreet, home: Path, place: Path) -> None:
    """A command that it says to type can be typed from anywhere."""
    done = discreet("on")
    commands = re.findall(r"`discreet (.*?)`", done.stdout)
    assert len(commands) == 3
    line = "".join(f"{sys.executable} -m discreet {command} || exit 1\n" for command in commands)
    again = subprocess.run(
        ["bash", "-c", line], cwd="/", env=clean_environment(home), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert (place / "opt-in").read_text().startswith("false ")


def test_the_typed_directory(discreet: Discreet, manifest: Callable[..., Path], tmp_path: Path) -> None:
    """`--data-dir` beats the environment and the file; its other names for files stay."""
    manifest(f'data_dir = "{tmp_path / "file"}"\nfiles = {{consent = "agreed"}}')
    env = {"MYTOOL_TELEMETRY_DIR": str(tmp_path / "environment")}
    assert discreet("--data-dir", str(tmp_path / "typed"), "on", env=env).returncode == 0
    assert (tmp_path / "typed" / "agreed").exists()
    assert discreet("on", env=env).returncode == 0
    assert (tmp_path / "environment" / "agreed").exists()
    assert discreet("on").returncode == 0
    assert (tmp_path / "file" / "agreed").exists()
    assert discreet("--data-dir", "", "on").returncode == 2


def test_the_name_of_the_tool(discreet: Discreet, manifest: Callable[..., Path]) -> None:
    """`--tool` may be given beside a manifest: the same name, or the name of one that has none."""
    assert discreet("--tool", "mytool", "status").returncode == 0
    done = discreet("--tool", "other", "status")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("telemetry.toml: it is the manifest of mytool, not of other\n")
    manifest(text="[events.sync]\n")
    assert discreet("--tool", "other", "status").stdout.startswith("Telemetry of other is off")
    done = discreet("status")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith('telemetry.toml: it names no tool; write name = "..." at its top\n')


@pytest.mark.parametrize("verb", [("status",), ("log", "sync"), ("run", "--", "sh", "-c", "echo ran")])
def test_a_wrong_manifest(discreet: Discreet, manifest: Callable[..., Path], verb: tuple[str, ...]) -> None:
    """A mistake in the file is a wrong use: exit 2, one sentence with the file, nothing run, no traceback."""
    manifest('nme = "\\u001b"')
    done = discreet(*verb)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith("telemetry.toml: unknown key 'nme'; did you mean 'name'?")
    manifest(text='name = "a\\u001b[31m"')
    done = discreet(*verb)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    done = discreet(*verb, cwd="/")
    assert done.returncode == 2
    assert done.stderr.endswith("discreet: error: telemetry.toml: No such file or directory\n")


# ---- the short way of `run`

ENTER = "import sys; from discreet.__main__ import main; sys.exit(main())"
HEAVY = """
    argparse json re enum typing tomllib datetime functools collections contextlib shlex signal subprocess
"""


@pytest.mark.parametrize("answer", ["true", "false"])
@pytest.mark.parametrize("options", [("--tool", "mytool"), ("--manifest", "telemetry.toml")], ids=" ".join)
def test_what_run_loads(
    manifest: Callable[..., Path], place: Path, home: Path, answer: str, options: tuple[str, ...]
) -> None:
    """What a target pays for `run`, on or off: the interpreter's start and nothing heavy, and no other verb."""
    (place / "opt-in").write_text(answer)
    source = Path(sys.modules["discreet"].__file__ or "").parent.parent
    program = f"import sys; sys.path.insert(0, {str(source)!r}); {ENTER}"
    command = [sys.executable, "-I", "-S", "-X", "importtime", "-c", program]
    done = subprocess.run(
        [*command, *options, "run", "--event", "make.apply", "--", "true"],
        env=clean_environment(home),
        cwd=manifest().parent,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "discreet.hosts.child" in loaded
    assert not loaded & set(HEAVY.split())
    assert not [name for name in loaded if name.startswith("discreet.cli")]
    assert len(recorded(place)) == (answer == "true")


def test_who_delivers(manifest: Callable[..., Path]) -> None:
    """Without the declaration nothing may deliver: what it does not know it would pass over. With it, as it says."""
    assert shell.opened(Telemetry, "mytool").delivery == "none"
    assert shell.opened(Telemetry, None, str(manifest())).delivery == "auto"
    assert shell.opened(Telemetry, None, str(manifest('delivery = "thread"'))).delivery == "thread"


LINES = [
    (["--tool", "t", "run", "x"], ({"--tool": "t"}, "run", ["x"])),
    (["--tool=t", "run", "--", "x"], ({"--tool": "t"}, "run", ["x"])),
    (["--manifest", "m", "run", "x"], ({"--manifest": "m"}, "run", ["x"])),
    (["--manifest", "m", "--data-dir=d", "run", "x"], ({"--manifest": "m", "--data-dir": "d"}, "run", ["x"])),
    (["run", "x", "-y"], ({}, "run", ["x", "-y"])),
    (["run", "--event=e", "x"], ({}, "e", ["x"])),
    (["--tool", "a", "--tool", "b", "run", "--event", "c", "--event", "d", "x"], ({"--tool": "b"}, "d", ["x"])),
    (["--tool", "t", "run", "--", "--", "x"], ({"--tool": "t"}, "run", ["--", "x"])),
    (["run", "x"], ({}, "run", ["x"])),
    (["--tool", "t", "run", "x", "--event", "e"], ({"--tool": "t"}, "run", ["x", "--event", "e"])),
    ([], None),
    (["run"], None),
    (["run", "--"], None),
    (["run", "--", ""], None),
    (["run", "--help"], None),
    (["run", "-x", "y"], None),
    (["run", "apply", "--", "y"], None),
    (["run", "--event", "e", "env", "--", "y"], ({}, "e", ["env", "--", "y"])),
    (["run", "--event"], None),
    (["run", "--event", "-x", "y"], None),
    (["run", "--event", "--", "y"], None),
    (["run", "--event", "E", "y"], None),
    (["run", "--set", "a=1", "y"], None),
    (["--tool", "t", "status"], None),
    (["--tool", "run", "x"], None),
    (["--tool", "--manifest", "run", "x"], None),
    (["--version", "run", "x"], None),
    (["--too", "t", "run", "x"], None),
]  # fmt: skip


@pytest.mark.parametrize(("words", "wanted"), LINES, ids=repr)
def test_the_short_way_means_the_same(monkeypatch: pytest.MonkeyPatch, words: list[str], wanted: Any) -> None:
    """What is read without `argparse` is what `argparse` makes of it; everything else is left to it."""
    call = shell.parsed(words)
    assert (None if call is None else (call.options, call.event, call.command)) == wanted
    if wanted is None:
        return
    seen: list[Any] = []

    def opened(kind: type, *options: str | None) -> Telemetry:
        seen.append({name: value for name, value in zip(shell.OPTIONS, options, strict=True) if value is not None})
        telemetry = Telemetry("mytool")
        telemetry.verbs = "telemetry"  # as a manifest may say
        return telemetry

    def run(_: Telemetry, event: str, command: list[str], __: object, more: dict[str, object], *, instead: bool) -> int:
        assert instead
        assert not more
        seen.append((event, command))
        return 0

    monkeypatch.setattr(shell, "opened", opened)
    monkeypatch.setattr(shell, "run", run)
    assert standalone.main(Telemetry, "0", words) == 0
    assert seen == [wanted[0], wanted[1:]]


# ---- make

MAKEFILE = """
RECORD = discreet --manifest telemetry.toml run --event

.PHONY: apply lint fail all

apply:
	@$(RECORD) make.apply -- sh -c 'echo applied'

lint:
	@echo linted

fail:
	@$(RECORD) make.apply -- sh -c 'exit 3'

all: lint apply
"""


@pytest.fixture
def make(home: Path, tmp_path: Path, manifest: Callable[..., Path], with_make: None) -> Discreet:
    """Run make with nothing but the system's programs and the command `discreet`, which notes each of its starts."""
    directory = manifest().parent
    (directory / "Makefile").write_text(MAKEFILE)
    shim = tmp_path / "bin" / "discreet"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho started >> "{tmp_path}/starts"\nexec {" ".join(MODULE)} "$@"\n')
    shim.chmod(0o700)

    def run(*arguments: str) -> Any:
        return subprocess.run(
            ["make", *arguments],
            env={**clean_environment(home), "PATH": f"{shim.parent}{os.pathsep}{os.defpath}"},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return run


def test_a_makefile(make: Discreet, place: Path, tmp_path: Path) -> None:
    """Wrapped targets are recorded and print what they print; for the others `discreet` is not even started."""
    done = make("lint")
    assert (done.returncode, done.stdout, done.stderr) == (0, "linted\n", "")
    assert not (tmp_path / "starts").exists()
    done = make("-j2", "all")
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, ["applied", "linted"])
    assert (tmp_path / "starts").read_text().count("started") == 1
    ((event, properties),) = recorded(place)
    assert (event, properties["success"]) == ("make.apply", True)


def test_the_status_of_a_target(make: Discreet, place: Path) -> None:
    """A recipe that fails fails with its own status, which make reports, and is recorded with it."""
    done = make("fail")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error 3" in done.stderr
    ((_, properties),) = recorded(place)
    assert (properties["success"], properties["exit_code"]) == (False, 3)


@pytest.mark.parametrize("answer", ["false", None])
def test_a_makefile_of_a_user_who_did_not_agree(make: Discreet, place: Path, home: Path, answer: str | None) -> None:
    """Without a yes every target does what it does, and nothing is left behind."""
    if answer is None:
        shutil.rmtree(home / ".mytool")
    else:
        (place / "opt-in").write_text(answer)
    before = sorted(home.rglob("*"))
    assert make("all").stdout == "linted\napplied\n"
    assert "Error 3" in make("fail").stderr
    assert sorted(home.rglob("*")) == before
