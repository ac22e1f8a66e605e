"""Where Python lacks what it has here, as on macOS, Windows and PyPy: every room can be entered, and a life lived."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import clean_environment
from faults.servers import BEHAVIOURS, serving
from process.hosts import Hosts, arrived, same
from process.systems import FRAMEWORKS, LACKS, PLATFORMS, SOURCE, become

MODULES = [
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if path.stem not in ("__main__", "pytest_plugin", *FRAMEWORKS)
]
ROOMS = """
for name in {modules!r}:
    importlib.import_module(name)
print(len(sys.modules))
"""
VERBS = """
from discreet.__main__ import main

for line in {lines!r}:
    try:
        print(line, "->", main(["--tool", "mytool", *line.split()]), flush=True)
    except SystemExit as end:
        print(line, "->", end.code, flush=True)
"""
LIFE = {
    "on": 0,
    "status": 0,
    "explain": 0,
    "log sync --duration 1.5 --exit-code 0": 0,
    "run --event apply -- true": 0,
    "run --event apply -- false": 1,
    "run -- no-such-command": 127,
    "preview": 0,
    "report": 0,
    "report --json": 0,
    "report --html page.html": 0,
    "export": 0,
    "sent": 0,
    "flush": 2,
    "off": 0,
    "clear --yes": 0,
}
HOST = """
import discreet

telemetry = discreet.init("mytool", version="1.0", destination=discreet.Destination({url!r}, batch_size=500))

@telemetry.command
def search():
    telemetry.scope.add(n=12)

search()
assert telemetry.flush(20.0)
for n in range(12_000):
    discreet.track("search", n=n)
    if n % 4_000 == 0:
        assert telemetry.flush(20.0)
with telemetry.session():
    discreet.track("search")
assert discreet.Telemetry("another").ask(0.1) is None
assert not discreet.Telemetry("another", consent="opt-out").notice()
assert telemetry.flush(20.0)
assert telemetry.losses == {{}}
raise SystemExit(telemetry.main(["flush"]))
"""
systems = pytest.mark.parametrize("system", LACKS)


def lived(program: str, home: Path, place: Path) -> str:
    """What a program prints, which nothing goes wrong in."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**clean_environment(home), "DISCREET_DEBUG": "1"},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@systems
def test_every_room_can_be_entered(system: str, home: Path, tmp_path: Path) -> None:
    """No module asks, when it is imported, for a name that is not there."""
    assert int(lived(become(system) + ROOMS.format(modules=MODULES), home, tmp_path)) > len(MODULES)


@systems
def test_the_verbs(system: str, home: Path, tmp_path: Path) -> None:
    """They say and do there what they do here, and `run` passes a status on."""
    said = lived(become(system) + VERBS.format(lines=list(LIFE)), home, tmp_path)
    told = dict(line.split(" -> ") for line in said.splitlines() if " -> " in line)
    assert told == {line: str(status) for line, status in LIFE.items()}
    assert f"systems   {PLATFORMS[system]}" in said
    (left,) = (home / ".mytool" / "telemetry").iterdir()  # asked without the tool, `clear` keeps the no
    assert left.read_text().startswith("false")


@systems
def test_a_host_that_lives_long(system: str, home: Path, tmp_path: Path, directory: Path) -> None:
    """Its log is rotated, and what it recorded is delivered in the process itself: all of it, once."""
    with serving(BEHAVIOURS["ok"]) as server:
        assert ": 3 records, 200: delivered" in lived(become(system) + HOST.format(url=server.url), home, tmp_path)
        received = arrived(server.requests)
    files = sorted(directory.glob("usage*.jsonl"))
    logged = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert len(files) == 2
    assert {record["os"] for record in logged} == {PLATFORMS[system]}
    assert sorted(received) == sorted(record["id"] for record in logged)
    assert len(logged) == 1 + 12_000 + 2


@systems
@pytest.mark.parametrize("streams", ["", "os.close(0)"], ids=["open", "closed"])
def test_a_child_delivers(system: str, streams: str, hosts: Hosts) -> None:
    """A command that ends leaves its record to a child, and feels nothing of it; also where it has closed a stream."""
    with serving(BEHAVIOURS["ok"]) as server:
        assert same(hosts.run(hosts.program(server.url, first=f"{become(system)}\n{streams}")), hosts.bare())
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert len(hosts.logged()) == 1
