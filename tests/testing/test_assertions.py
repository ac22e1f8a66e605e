"""The assertions for authors' CI: each passes for a good command, and fails for a bad one, saying why."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import discreet
from discreet.testing import (
    assert_disclosed,
    assert_no_network,
    assert_overhead,
    assert_same_behaviour,
    assertions,
    network,
)

Script = Callable[..., list[str]]
TOOL = """
import os, sys, time
on = "MYTOOL_TELEMETRY_OPT_IN" in os.environ
import discreet
destination = discreet.Destination({url!r}, batch_size=1, batch_interval=0)
telemetry = discreet.init("mytool", version="1.0", destination=destination)
with telemetry.command("run"):
    print("out", *sys.argv[1:])
    print("err", file=sys.stderr)
{more}
sys.exit({status})
"""
ALL = (assert_no_network, assert_same_behaviour, lambda command, **more: assert_overhead(command, 1e6, pairs=3, **more))


@pytest.fixture
def listening() -> Any:
    """A server on loopback that nobody may reach; what did is found by `accept`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield server
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.fixture
def script(tmp_path: Path, listening: Any) -> Script:
    """Write `mytool.py`, which runs `more` at its end, and sends wherever that is due; the command that runs it."""

    def write(more: str = "", *arguments: str, status: str = "0", name: str = "mytool.py") -> list[str]:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/t"
        (tmp_path / name).write_text(TOOL.format(more=more, status=status, url=url))
        return [sys.executable, str(tmp_path / name), *arguments]

    return write


@pytest.mark.parametrize("number", range(3))
def test_a_good_command(script: Script, number: int, home: Path) -> None:
    """A command that only records passes them all, with an exit status of its own, and leaves the user's home alone."""
    ALL[number](script("", "a", "b c", status="3"))
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("number", range(3))
def test_nobody_delivers(script: Script, number: int, tmp_path: Path) -> None:
    """No deliverer is started, though a delivery is due and the destination is new: not one outlives the assertion."""
    note = "open(os.environ['STARTED'], 'w').close()"
    more = f"from discreet.sending import handover; handover.start = lambda plan: {note}"
    ALL[number](script(more), env={"STARTED": str(tmp_path / "started")})
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("number", range(3))
def test_a_command_that_records_nothing(script: Script, number: int) -> None:
    """Where nothing was recorded nothing was tested, and it fails: a wrong name, no telemetry, no such program."""
    command = script()
    with pytest.raises(AssertionError, match=r"recorded nothing .*'mytol'"):
        ALL[number](command, tool="mytol")
    with pytest.raises(AssertionError, match="recorded nothing"):
        ALL[number]([sys.executable, "-c", "pass"], tool="mytool")
    with pytest.raises((AssertionError, FileNotFoundError)):
        ALL[number](["no.such.program"], tool="mytool")
    with pytest.raises(ValueError, match="tool"):
        ALL[number]([sys.executable, "-c"])
    with pytest.raises(TypeError, match="tols"):
        ALL[number](command, tols="mytool")


def test_the_environment_of_a_test(script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A test runner, CI and a developer's own no do not keep it off; variables, stdin and a place can be given."""
    for name in ("PYTEST_CURRENT_TEST", "GITHUB_ACTIONS", "DO_NOT_TRACK", "MYTOOL_NO_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    place = tmp_path / "place"
    place.mkdir()
    more = "assert os.environ['MINE'] == 'x' and sys.stdin.read() == 'y' and os.path.basename(os.getcwd()) == 'place'"
    assert_same_behaviour(script(more), env={"MINE": "x"}, input=b"y", cwd=place, normalize=lambda _: b"")
    with pytest.raises(AssertionError, match="exit status"):
        assert_same_behaviour(script(f"{more} or not on"), env={"MINE": "x"}, input=b"y", normalize=lambda _: b"")


DIFFERENT = {
    "stdout": ("print('more' if on else '')", "0", "stdout"),
    "stdout, by one blank": ("print('x', end=' ' if on else '')", "0", "stdout"),
    "stderr": ("print('more', file=sys.stderr) if on else None", "0", "stderr"),
    "the status": ("", "1 if on else 0", "exit status"),
    "the stage": ("print(os.environ.get('MYTOOL_TELEMETRY_OPT_IN'))", "0", "stdout"),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_another_behaviour(script: Script, case: str) -> None:
    """A difference of one byte in stdout, stderr or the status fails, and says where."""
    more, status, where = DIFFERENT[case]
    with pytest.raises(AssertionError, match=f"{where} of .* is another one with telemetry on"):
        assert_same_behaviour(script(more, status=status))


def test_what_differs_is_shown(script: Script) -> None:
    """Both outputs, of which a long one is cut."""
    command = script("print('x' * 100_000, end='the end') if on else print('short')")
    with pytest.raises(AssertionError, match=r"\noff: out\nshort\n\non:  out\nx+\.\.\. and \d+ more") as caught:
        assert_same_behaviour(command)
    assert len(str(caught.value)) < 20_000


def test_a_command_that_differs_anyway(script: Script) -> None:
    """One that prints something else each time fails with a hint, and passes with a normalization."""
    command = script("print('took', time.perf_counter_ns())")
    with pytest.raises(AssertionError, match=r"differs from run to run .*normalize="):
        assert_same_behaviour(command)
    assert_same_behaviour(command, normalize=lambda output: output.split(b"took")[0])


def test_a_slow_command(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is slow with telemetry on fails with its figures; one that is slow anyway does not. By a clock of the
    test's own, which the real runs put forward.
    """
    now, run, slow = [0.0], subprocess.run, {"on": 0.4, "off": 0.0}

    def timed(*arguments: Any, **options: Any) -> Any:
        now[0] += slow["on" if "MYTOOL_TELEMETRY_OPT_IN" in options["env"] else "off"]
        return run(*arguments, **options)

    monkeypatch.setattr(assertions, "subprocess", SimpleNamespace(run=timed))
    monkeypatch.setattr(assertions, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    with pytest.raises(AssertionError, match=r"takes 400\.0 ms more with telemetry on, and 350 are allowed.*off.*on"):
        assert_overhead(script(), 350, pairs=3)
    slow["off"] = 0.4
    assert assert_overhead(script(), 1, pairs=3) == pytest.approx(0, abs=1e-6)


CONNECT = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
CHILD = f"import subprocess; subprocess.run([sys.executable, '-c', {CONNECT!r}])"
OPEN = {
    "off": (f"if not on: {CONNECT}", "off.*connect .*127.0.0.1"),
    "on": (f"if on: {CONNECT}", "on.*connect .*127.0.0.1"),
    "in a child": (CHILD, "off.*connect .*127.0.0.1"),
    "a datagram": (
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "off.*sendto .*127.0.0.1",
    ),
    "a name": ("import socket; socket.getaddrinfo('localhost', 80)", "off.*getaddrinfo .*localhost"),
    "asyncio": (
        "import asyncio\ntry: asyncio.run(asyncio.open_connection('127.0.0.1', 9))\nexcept OSError: pass",
        "off.*127.0.0.1",
    ),
}


@pytest.mark.parametrize("spaces", [True, False], ids=["as it is", "without namespaces"])
@pytest.mark.parametrize("case", OPEN)
def test_a_connection(script: Script, case: str, spaces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection, a datagram or a look for a name fails, whether telemetry was off or on, and says which."""
    if not spaces:
        monkeypatch.setattr(network, "_unshare", list)
    more, match = OPEN[case]
    with pytest.raises(AssertionError, match=rf"(?s)opened a connection with telemetry {match}"):
        assert_no_network(script(more))


@pytest.mark.skipif(not network._unshare(), reason="needs network namespaces")
@pytest.mark.parametrize(
    "more",
    [
        "import subprocess; subprocess.run(['bash', '-c', ': > /dev/tcp/127.0.0.1/9'], stderr=subprocess.DEVNULL)",
        f"import subprocess; subprocess.run([sys.executable, '-I', '-S', '-c', {CONNECT!r}])",
    ],
    ids=["another program", "isolated"],
)
def test_a_connection_that_no_hook_sees(script: Script, more: str) -> None:
    """Where there are network namespaces, the kernel counts what programs do that are not Python, or hide."""
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    with pytest.raises(AssertionError, match=r"(?s)opened a connection with telemetry off.*counted by the kernel"):
        assert_no_network(script(more))


def test_what_is_no_connection(script: Script, tmp_path: Path) -> None:
    """Unix sockets, a pair and a loop of asyncio, and a `sitecustomize` of the user's, which has its turn."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "sitecustomize.py").write_text("import sys; sys.theirs = sys.modules[__name__]\n")
    more = """
import asyncio, socket
asyncio.run(asyncio.sleep(0))
one, other = socket.socketpair()
one.sendall(b"x")
socket.socket(socket.AF_UNIX).connect_ex("/nowhere")
assert sys.modules["sitecustomize"] is sys.theirs
telemetry.track("done")
telemetry.close(5.0)
"""
    command = script(more.replace("telemetry.close", "os.path.exists('/') and telemetry.close"))
    assert_no_network(command, env={"PYTHONPATH": str(tmp_path / "theirs")})
    done = "\nimport pathlib; pathlib.Path(os.environ['DONE']).write_text('x')"
    assert_no_network(script(more + done), env={"PYTHONPATH": str(tmp_path / "theirs"), "DONE": str(tmp_path / "done")})
    assert (tmp_path / "done").exists()


def test_a_disclosure(tmp_path: Path) -> None:
    """An up-to-date section passes; an outdated one, one without markers and a missing file fail, saying what to do."""
    telemetry = discreet.Telemetry("mytool", events={"search": {"n": "count"}})
    readme = tmp_path / "README.md"
    with pytest.raises(AssertionError, match=r"README\.md: No such file"):
        assert_disclosed(telemetry, readme)
    readme.write_text("# Mine\n")
    with pytest.raises(AssertionError, match="there is no line"):
        assert_disclosed(telemetry, readme)
    readme.write_text("# Mine\n<!-- discreet:disclosure:begin -->\n<!-- discreet:disclosure:end -->\n")
    assert telemetry.main(["disclosure", "--write", str(readme)]) == 0
    assert_disclosed(telemetry, readme)
    changed = discreet.Telemetry("mytool", events={"search": {"n": "count", "m": "count"}})
    with pytest.raises(AssertionError, match=r"(?s)`m`.*renew it with `mytool telemetry disclosure --write"):
        assert_disclosed(changed, str(readme))
