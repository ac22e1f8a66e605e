"""The host's own output, errors and exit status: byte for byte what they are without telemetry, in any world."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Completed = subprocess.CompletedProcess[str]

# A host that prints, uses telemetry in every way it can, and fails as told; `bare` is the same one without telemetry.
HOST = """
import sys

if sys.argv[1] == "bare":
    class Nothing:
        def __getattr__(self, name):
            return lambda *arguments, **named: self
        def __enter__(self):
            return self
        def __exit__(self, *_):
            return None
    discreet = telemetry = Nothing()
else:
    import discreet
    telemetry = discreet.init("mytool", version="1.0", fields={"word": "hash", "items": "count"})

print("on stdout")
print("on stderr", file=sys.stderr)
discreet.track("search", {"n": 1, "text": "dropped", "word": "hashed", "items": [1, 2]})
discreet.track("Not a name")
discreet.track(None)
discreet.track("search", 5)
with telemetry.command("import") as scope:
    scope.add(n=1)
discreet.flush(0.1)
print("more on stdout")
ends = {
    "well": lambda: None,
    "status": lambda: sys.exit(3),
    "error": lambda: {}["missing"],
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt),
}
ends[sys.argv[2]]()
"""
FULL_DISK = """
import os, sys
import discreet

home = os.environ["HOME"]
telemetry = discreet.init("mytool", version="1.0")
discreet.track("search", n=0)
assert discreet.flush(10.0)
with open(home + "/filler", "wb", buffering=0) as filler:
    for size in (65536, 4096, 1):
        try:
            while True:
                filler.write(b"x" * size)
        except OSError:
            pass
for n in range(1, 60):
    discreet.track("search", n=n)
print(discreet.flush(10.0))
os.unlink(home + "/filler")
discreet.track("search", n=60)
print(discreet.flush(10.0))
import json
whole = [line for line in open(home + "/.mytool/telemetry/usage.jsonl") if line.endswith("}\\n")]
print([json.loads(line)["properties"]["n"] for line in whole] == list(range(61)), telemetry.losses)
"""


def same(run: Callable[..., Completed], end: str, **options: Any) -> Completed:
    """Run the host bare and with telemetry; they must not differ in anything. The run with telemetry."""
    environment = {"DISCREET_DEBUG": "", **options.pop("env", {})}
    flags = options.pop("flags", [])
    bare = run(HOST, "bare", end, env=environment, flags=flags, **options)
    full = run(HOST, "full", end, env=environment, flags=flags, **options)
    assert "on stdout\nmore on stdout\n" in bare.stdout
    assert (full.returncode, full.stdout, full.stderr) == (bare.returncode, bare.stdout, bare.stderr)
    return full


@pytest.mark.parametrize("end", ["well", "status", "error", "interrupt"])
def test_where_all_is_well(run_python: Any, directory: Path, end: str) -> None:
    """Nothing is printed and no status changed where telemetry records."""
    same(run_python, end)
    assert (directory / "usage.jsonl").exists()


def make_nothing(home: Path) -> str:
    """A home that does not exist."""
    return str(home / "missing")


def make_file(home: Path) -> str:
    """A home that is a file."""
    (home / "file").write_text("")
    return str(home / "file")


def make_tool_file(home: Path) -> str:
    """A home in which a file has the name of our directory."""
    (home / ".mytool").write_text("")
    return str(home)


def make_log_directory(home: Path) -> str:
    """A home in which a directory has the name of the log."""
    (home / ".mytool/telemetry/usage.jsonl").mkdir(parents=True)
    return str(home)


def make_fifos(home: Path) -> str:
    """A home in which every file of ours is a FIFO that nobody else has open."""
    (home / ".mytool/telemetry").mkdir(parents=True)
    for name in ("usage.jsonl", "salt", "losses.json", "notice", "enabled"):
        os.mkfifo(home / ".mytool/telemetry" / name)
    return str(home)


def make_garbage(home: Path) -> str:
    """A home in which every file of ours holds garbage."""
    (home / ".mytool/telemetry").mkdir(parents=True)
    for name in ("usage.jsonl", "usage.1.jsonl", "salt", "losses.json", "id", "lock", "delivery.json"):
        (home / ".mytool/telemetry" / name).write_bytes(b"\x00\xff\n" * 1000)
    return str(home)


def make_closed(home: Path) -> str:
    """A home that may not be written to, nor looked into."""
    (home / ".mytool").mkdir()
    (home / ".mytool").chmod(0)
    return str(home)


HOMES = [make_nothing, make_file, make_tool_file, make_log_directory, make_fifos, make_garbage, make_closed]


@pytest.mark.parametrize("make", HOMES)
def test_whatever_the_home_is(run_python: Any, home: Path, make: Callable[[Path], str]) -> None:
    """Nothing of a broken home reaches the host, and nothing is made above a home that is missing."""
    world = {"HOME": make(home), "MYTOOL_TELEMETRY_OPT_IN": "true"}
    same(run_python, "well", env=world)
    same(run_python, "error", env=world)
    assert not (home / "missing").exists()


@pytest.mark.parametrize("named", ["", "relative", "/proc/1/nonexistent", "/proc", "/sys", "/dev/null", "/dev/full"])
def test_wherever_the_home_is(run_python: Any, named: str) -> None:
    """Nothing reaches the host from a home that is empty, relative, or in a world that takes no files."""
    world = {"HOME": named, "MYTOOL_TELEMETRY_OPT_IN": "true"}
    same(run_python, "well", env=world)
    assert not os.path.exists(os.path.join(named or ".", ".mytool"))


def test_no_home_at_all(run_python: Any, tmp_path: Path) -> None:
    """Nothing reaches the host where `HOME` is not set, and no file appears in the current directory."""
    script = tmp_path / "host.py"
    script.write_text(HOST)
    world = {name: value for name, value in os.environ.items() if name not in ("HOME", "PYTEST_CURRENT_TEST")}
    place = tmp_path / "place"
    place.mkdir()
    runs = [
        subprocess.run(
            [sys.executable, str(script), what, "status"],
            env={**world, "MYTOOL_TELEMETRY_OPT_IN": "true"},
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        for what in ("bare", "full")
    ]
    assert [(run.returncode, run.stdout, run.stderr) for run in runs] == [(3, runs[0].stdout, runs[0].stderr)] * 2
    assert list(place.iterdir()) == []


def in_a_mount(options: str, home: Path, arguments: list[str], environment: dict[str, str]) -> Completed:
    """Run a program in a name space of its own, with something mounted at its home."""
    mount = f'mount {options} "$0" && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, str(home), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def skip_without_mounts(home: Path, environment: dict[str, str]) -> None:
    """Only some may mount."""
    if shutil.which("unshare") is None or in_a_mount("-t tmpfs none", home, ["true"], environment).returncode:
        pytest.skip("no right to mount here")


def test_a_read_only_home(home: Path, directory: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Nothing reaches the host from a home mounted read-only, although the user agreed."""
    skip_without_mounts(home, environment)
    script = tmp_path / "host.py"
    script.write_text(HOST)
    quiet = {**environment, "DISCREET_DEBUG": ""}
    runs = [
        in_a_mount(f'-o bind,ro "{home}"', home, [sys.executable, str(script), what, "status"], quiet)
        for what in ("bare", "full")
    ]
    assert [(run.returncode, run.stdout, run.stderr) for run in runs] == [(3, runs[0].stdout, runs[0].stderr)] * 2
    assert "more on stdout" in runs[0].stdout
    assert [file.name for file in directory.iterdir()] == ["opt-in"]


def test_a_full_disk(home: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """On a disk that is full `flush` is False; when there is room again every event follows, in order, none doubled."""
    skip_without_mounts(home, environment)
    script = tmp_path / "full.py"
    script.write_text(FULL_DISK)
    world = {**environment, "MYTOOL_TELEMETRY_OPT_IN": "true"}
    run = in_a_mount("-t tmpfs -o size=128k none", home, [sys.executable, str(script)], world)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == ["False", "True", "True {}"]


def test_a_disk_full_to_the_end(home: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Nothing of a full disk reaches the host."""
    skip_without_mounts(home, environment)
    script = tmp_path / "host.py"
    script.write_text(HOST)
    world = {**environment, "DISCREET_DEBUG": "", "MYTOOL_TELEMETRY_OPT_IN": "true"}
    filler = 'cat /dev/zero > "$HOME/filler" 2>/dev/null; exec "$0" "$@"'
    runs = [
        in_a_mount(
            "-t tmpfs -o size=64k none", home, ["sh", "-c", filler, sys.executable, str(script), what, "error"], world
        )
        for what in ("bare", "full")
    ]
    assert [(run.returncode, run.stdout, run.stderr) for run in runs] == [(1, runs[0].stdout, runs[0].stderr)] * 2
    assert "KeyError" in runs[0].stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_streams_that_are_closed(
    directory: Path, tmp_path: Path, environment: dict[str, str], read_log: Any, closed: str
) -> None:
    """Without the usual streams, whose numbers our descriptors may get, nothing of the host's lands in the log, nothing
    of ours in the host's, and the exit status is the same.
    """
    script = tmp_path / "host.py"
    script.write_text(HOST)
    quiet = {**environment, "DISCREET_DEBUG": ""}
    outcomes = []
    for what in ("bare", "full"):
        command = ["sh", "-c", f'"{sys.executable}" "{script}" {what} status {closed}']
        run = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        outcomes.append((run.returncode, run.stdout, run.stderr))
    assert outcomes[0] == outcomes[1]
    if "full" not in closed:  # there the host fails at its first `print`
        assert {record["event"] for record in read_log()} == {"search", "command"}


@pytest.mark.usefixtures("directory")
@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGALRM"])
def test_signals_that_the_host_blocks(run_python: Any, read_log: Any, name: str) -> None:
    """A host blocks a signal while it must not be disturbed: our thread does not take it in the place of the host's."""
    program = f"""
import os, signal, time
import discreet
discreet.init("mytool", version="1.0")
discreet.track("search", n=1)
assert discreet.flush(10.0)  # the thread is there, and sleeps
before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.{name}])
os.kill(os.getpid(), signal.{name})
time.sleep(0.05)
discreet.track("search", n=2)
assert discreet.flush(10.0)
print(signal.sigpending() == {{signal.{name}}}, signal.sigwait([signal.{name}]).name)
signal.pthread_sigmask(signal.SIG_SETMASK, before)
print(len(before), len(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
"""
    result = run_python(program)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"True {name}\n0 0\n", "")
    assert len(read_log()) == 2


@pytest.mark.usefixtures("directory")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="POSIX")
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP"])
def test_faults_in_our_thread(run_python: Any, name: str) -> None:
    """What a thread's own fault raises (a finalizer of the host's, say, that the collector runs there) finds the host's
    handler: blocked, the process would end without a word.
    """
    program = f"""
import _thread, os, signal
import discreet
from discreet.log import Log

def fault(*arguments):
    # On a thread that blocks it, it would wait for ever here; of a real fault the process ends by it.
    signal.pthread_kill(_thread.get_ident(), signal.{name})
    faults.append(signal.{name} in signal.sigpending())
    return append(*arguments)

faults, append, Log.append = [], Log.append, fault
signal.signal(signal.{name}, lambda *_: None)
discreet.init("mytool", version="1.0")
discreet.track("search", n=1)
print(discreet.flush(10.0), faults)
"""
    result = run_python(program)
    assert (result.returncode, result.stdout, result.stderr) == (0, "True [False]\n", "")
