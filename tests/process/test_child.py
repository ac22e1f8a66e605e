"""The child itself: what it holds of the host, what it runs, and when it is gone."""

import json
import marshal
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from discreet import Destination
from discreet.sending import courier
from faults.servers import BEHAVIOURS, Server, in_turn, serving
from process.hosts import PACKAGE, Hosts, arrived, high, same, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")

SECRETS = ("hunter2", "xyzzy", "plugh")  # in a header, in a header by the environment, in a variable of the host's
KEPT = {"PATH", "DISCREET_CHILD", "LC_CTYPE"}  # the last one is made by the interpreter, where no language is set
# A filter of calls (seccomp) that answers one of them with EPERM.
REFUSED = """
import ctypes, struct
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, {number}), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
call = ctypes.CDLL(None).prctl
if call(38, 1, 0, 0, 0) or call(22, 2, struct.pack("HP", len(steps), ctypes.addressof(program)), 0, 0):
    sys.exit("no filter")
"""
MASK = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])"
MARK = "import os; open({marker!r}, 'a').write({name!r} + chr(10))\n"


class Hanging(NamedTuple):
    """A child that waits for a server that never answers."""

    pid: int
    server: Server
    inherited: list[str]  # what the host's own further descriptors were

    def seen(self, name: str) -> str:
        """A file of its directory in /proc."""
        return Path(f"/proc/{self.pid}/{name}").read_text()


@pytest.fixture
def hanging(hosts: Hosts) -> Iterator[Hanging]:
    """A child of a host with secrets, a salt and open descriptors."""
    then = "discreet.track('query', word='swordfish')"
    more = "{'fields': {'word': 'hash'}}"
    environment = {
        "MYTOOL_TELEMETRY_HEADERS": f"X-Other={SECRETS[1]}",
        "MYTOOL_SECRET": SECRETS[2],
        "PYTHONPATH": "/tmp",
        "LD_PRELOAD": "",
    }
    reading, writing = os.pipe()
    copy = high(writing)
    with serving(BEHAVIOURS["silent"]) as server, open(__file__) as some_file:
        script = hosts.program(server.url, then=then, more=more, headers={"X-Key": SECRETS[0]}, timeout=300)
        hosts.run(script, env=environment, pass_fds=(writing, copy, some_file.fileno()))
        inherited = [os.readlink(f"/proc/self/fd/{fd}") for fd in (writing, some_file.fileno())]
        for descriptor in (reading, writing, copy):
            os.close(descriptor)
        assert server.wait(1)
        yield Hanging(hosts.child(), server, inherited)
        hosts.kill()


def test_nothing_of_the_records_or_the_secrets_is_on_show(hosts: Hosts, hanging: Hanging) -> None:
    """Arguments and environment, which other users may read, hold a path and what the network needs; what is secret
    came by the pipe, as the request shows.
    """
    program = str(hosts.library / "discreet" / "sending" / "child.py")
    assert hanging.seen("cmdline").split("\0")[:-1] == [sys.executable, "-I", "-S", program]
    environment = dict(entry.split("=", 1) for entry in hanging.seen("environ").split("\0") if entry)
    assert environment.keys() <= KEPT
    on_show = hanging.seen("cmdline") + hanging.seen("environ")
    salt = (hosts.directory / "salt").read_bytes()
    for secret in (*SECRETS, "swordfish", *hosts.logged(), salt.hex(), salt.decode("latin-1").strip(), str(hosts.home)):
        assert secret not in on_show
    (request,) = hanging.server.requests
    assert (request.headers["x-key"], request.headers["x-other"]) == SECRETS[:2]


def test_it_has_left_the_host(hanging: Hanging) -> None:
    """Its own session, the root directory, a lower priority, and silence."""
    assert os.getsid(hanging.pid) == hanging.pid != os.getsid(0)
    assert os.readlink(f"/proc/{hanging.pid}/cwd") == "/"
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, hanging.pid) == min(own + 5, 19)
    assert [os.readlink(f"/proc/{hanging.pid}/fd/{number}") for number in (1, 2)] == ["/dev/null"] * 2


def test_it_holds_nothing_that_the_host_had_open(hosts: Hosts, hanging: Hanging) -> None:
    """Above 2 there are its own socket and its own lock, whatever the host had inherited."""
    entries = list(os.scandir(f"/proc/{hanging.pid}/fd"))
    links = [os.readlink(entry.path) for entry in entries if int(entry.name) > 2]
    assert not set(hanging.inherited) & {os.readlink(entry.path) for entry in entries}
    assert sorted(link.partition(":")[0] for link in links) == [str(hosts.directory / "lock"), "socket"]


def test_a_visitor_names_no_proxy(hosts: Hosts) -> None:
    """`HTTP_PROXY` of a CGI script, which is a header of its visitor's, leads the child nowhere."""
    with serving(BEHAVIOURS["ok"]) as server, serving(BEHAVIOURS["ok"]) as proxy:
        hosts.run(hosts.program(server.url), env={"HTTP_PROXY": proxy.origin, "REQUEST_METHOD": "GET"})
        hosts.wait_for_the_end()
        assert (server.visits, proxy.visits) == (1, 0)
        hosts.run(hosts.program(server.url), 2, env={"HTTP_PROXY": proxy.origin})  # but without one it does
        hosts.wait_for_the_end()
        assert (server.visits, proxy.visits) == (1, 1)


def test_where_nobody_may_set_a_priority(hosts: Hosts) -> None:
    """Under a filter of calls that services are often given (systemd's `~@resources`), it delivers all the same."""
    number = {"x86_64": 141, "aarch64": 140}.get(platform.machine())
    if sys.platform != "linux" or number is None:
        pytest.skip("this system's number of the call is not known here")
    with serving(BEHAVIOURS["ok"]) as server:
        host = hosts.run(hosts.program(server.url, first=REFUSED.format(number=number)))
        if host.stderr.endswith(b"no filter\n"):
            pytest.skip("no filter of calls can be set here")
        assert same(host, hosts.bare())
        assert server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()


@pytest.mark.parametrize(
    "signals", ["", "signal.signal(signal.SIGALRM, signal.SIG_IGN)", MASK, f"del os.posix_spawn; {MASK}"]
)
def test_its_life_is_bounded(tmp_path: Path, signals: str) -> None:
    """Before a server that never answers it is gone after its lifetime, whatever the host did with signals; the next
    run delivers what it could not.
    """
    package = tmp_path / "short" / "discreet"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    child = package / "sending" / "child.py"
    assert "LIFETIME_SECONDS = 30\n" in child.read_text()
    child.write_text(child.read_text().replace("LIFETIME_SECONDS = 30\n", "LIFETIME_SECONDS = 2\n"))
    hosts = Hosts(tmp_path, package)
    with serving(in_turn(BEHAVIOURS["silent"], BEHAVIOURS["ok"])) as server:
        script = hosts.program(server.url, first=signals, timeout=300)
        hosts.run(script)
        server.wait(1)
        assert hosts.children()
        hosts.wait_for_the_end(15)
        assert server.visits == 1
        hosts.run(script, 2)
        server.wait(2)
        hosts.wait_for_the_end()
        assert arrived(server.requests[1:]) == hosts.logged()


def test_killed_in_the_middle(hosts: Hosts) -> None:
    """A child that is killed while a server has its request loses nothing: a later run delivers all."""
    with serving(in_turn(BEHAVIOURS["silent"], BEHAVIOURS["ok"])) as server:
        script = hosts.program(server.url, timeout=300)
        hosts.run(script, 1)
        server.wait(1)
        os.kill(hosts.child(), signal.SIGKILL)
        hosts.wait_for_the_end()
        place = hosts.place()
        assert place["wake"] > place["attempt"]  # whoever kills it cannot make it hurry
        time.sleep(max(0.0, place["wake"] - time.time()))
        hosts.run(script, 2)
        server.wait(2)
        hosts.wait_for_the_end()
        assert arrived(server.requests[1:]) == hosts.logged()
    assert len(hosts.logged()) == 2


def test_planted_modules_are_never_run(hosts: Hosts) -> None:
    """Files with the names of modules, wherever a Python might find them, are run by a host's interpreter at most."""
    marker = hosts.scratch / "run"
    planted = hosts.scratch / "planted"
    beside = hosts.scratch  # of the host's program
    modules = ("json", "ssl", "socket", "marshal", "encodings", "importlib", "os", "time", "sitecustomize", "work")
    shadow = "_discreet_delivery"
    for directory in (planted, planted / "sending", beside / "sending"):
        directory.mkdir(exist_ok=True)
        for name in (*modules, "usercustomize", shadow, "delivery", "plan"):
            (directory / f"{name}.py").write_text(MARK.format(marker=str(marker), name=name))
    user_site = hosts.home / ".local/lib/python{}.{}/site-packages".format(*sys.version_info)
    user_site.mkdir(parents=True)
    (user_site / "usercustomize.py").write_text(MARK.format(marker=str(marker), name="usercustomize"))
    for name in ("json", "ssl", "socket", "discreet", shadow):
        (beside / f"{name}.py").write_text(MARK.format(marker=str(marker), name=name))
    python = planted / "python3"
    python.write_text(f"#!/bin/sh\necho python3 >> {marker}\n")
    python.chmod(0o700)
    # The host itself is kept from them, so that whatever runs is run by the child.
    first = f"sys.path[:] = [one for one in sys.path if {str(hosts.scratch)!r} not in one]"
    first += (
        f"\nos.environ.update(PYTHONPATH={str(planted)!r}, PYTHONSTARTUP={str(planted / 'json.py')!r}, "
        f"PYTHONHOME={str(planted)!r}, PYTHONUSERBASE={str(planted)!r}, PYTHONINSPECT='1', "
        f"PATH={str(planted)!r} + ':' + os.environ['PATH'])"
    )
    with serving(BEHAVIOURS["ok"]) as server:
        result = hosts.run(hosts.program(server.url, first=first), cwd=planted, env={"PYTHONSAFEPATH": "1"})
        assert same(result, hosts.bare())
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert not marker.exists() or not marker.read_text()


def test_a_vendored_copy(tmp_path: Path) -> None:
    """A copy in `mytool/_vendor/` delivers, and its child runs none of the packages around it."""
    hosts = Hosts(tmp_path)
    tool = tmp_path / "tools" / "mytool"
    vendored = tool / "_vendor" / "discreet"
    shutil.copytree(PACKAGE, vendored, ignore=shutil.ignore_patterns("__pycache__"))
    marker = tmp_path / "pids"
    tell = f"\nimport os\nwith open({str(marker)!r}, 'a') as file:\n    file.write(f'{{os.getpid()}} ')\n"
    for package in (tool, tool / "_vendor", vendored):  # not even its own `__init__`, which is not needed either
        init = package / "__init__.py"
        init.write_text((init.read_text() if init.exists() else "") + tell)
    first = f"sys.path.insert(0, {str(tool.parent)!r})\nfrom mytool._vendor import discreet\n"
    first += "sys.modules['discreet'] = discreet"
    with serving(BEHAVIOURS["ok"]) as server:
        assert same(hosts.run(hosts.program(server.url, first=first)), hosts.bare())
        server.wait(1)
        assert arrived(server.requests) == hosts.logged()
        time.sleep(0.2)
    pids = marker.read_text().split()
    assert len(pids) == 3
    assert len(set(pids)) == 1


def test_no_bytecode_where_the_host_writes_none(tmp_path: Path) -> None:
    """The child of a host that writes no bytecode leaves none beside the package either."""
    package = tmp_path / "copy" / "discreet"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    hosts = Hosts(tmp_path, package)
    with serving(BEHAVIOURS["ok"]) as server:
        hosts.run(hosts.program(server.url), env={"PYTHONDONTWRITEBYTECODE": "1"})
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert not list(package.rglob("__pycache__"))


@pytest.mark.parametrize("prefix", ["absolute", "relative"])
def test_bytecode_lies_where_the_host_has_its_own(tmp_path: Path, prefix: str) -> None:
    """The child of a host that has its bytecode elsewhere puts its own there, and none beside the package; it puts it
    nowhere where that place is a relative one, since the child is at the root.
    """
    package = tmp_path / "copy" / "discreet"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    hosts = Hosts(tmp_path, package)
    elsewhere = tmp_path / "elsewhere"
    named = str(elsewhere) if prefix == "absolute" else "elsewhere"
    with serving(BEHAVIOURS["ok"]) as server:
        hosts.run(hosts.program(server.url), env={"PYTHONPYCACHEPREFIX": named}, cwd=tmp_path)
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert not list(package.rglob("__pycache__"))
    compiled = [file for file in elsewhere.rglob("*.pyc") if file.name.startswith("delivery.")]
    assert len(compiled) == (prefix == "absolute")


def test_bytecode_is_as_readable_as_the_host_has_it(tmp_path: Path) -> None:
    """What the child compiles may be read by whoever may read what the host compiles."""
    package = tmp_path / "copy" / "discreet"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    hosts = Hosts(tmp_path, package)
    with serving(BEHAVIOURS["ok"]) as server:
        hosts.run(hosts.program(server.url), umask=0o022)
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    compiled = list(package.rglob("*.pyc"))
    assert any("delivery." in file.name for file in compiled)
    assert [file.name for file in compiled if file.stat().st_mode & 0o777 != 0o644] == []


@pytest.mark.parametrize("change", ["off", "deleted", "changed", "none"])
def test_off_between_the_end_of_the_host_and_the_start_of_the_child(hosts: Hosts, change: str) -> None:
    """A child that starts after the user changed their mind connects to nobody; one that starts late still delivers."""
    opt_in, gate = hosts.directory / "opt-in", hosts.scratch / "gate"
    gate.touch()
    late = hosts.scratch / "late-python"
    late.write_text(f'#!/bin/sh\nwhile [ -e {gate} ]; do sleep 0.05; done\nexec {sys.executable} "$@"\n')
    late.chmod(0o700)
    with serving(BEHAVIOURS["ok"]) as server:
        assert same(hosts.run(hosts.program(server.url, then=f"sys.executable = {str(late)!r}")), hosts.bare())
        hosts.child()
        if change == "off":
            opt_in.write_text("false\n")
        elif change == "deleted":
            opt_in.unlink()
        elif change == "changed":  # off, and on again: another period
            opt_in.unlink()
            time.sleep(1.1)  # times of records are whole seconds
            opt_in.write_text("true\n")
        gate.unlink()
        hosts.wait_for_the_end()
        assert server.visits == (1 if change == "none" else 0)
    assert len(hosts.logged()) == 1


def test_a_switch_of_one_run_only_suspends(hosts: Hosts) -> None:
    """`DO_NOT_TRACK` in one run sends nothing and ends nothing: the run after it delivers what was waiting."""
    with serving(in_turn(BEHAVIOURS["closes_after_request"], BEHAVIOURS["ok"])) as server:
        script = hosts.program(server.url)
        hosts.run(script, 1)
        server.wait(1)
        os.kill(hosts.child(), signal.SIGKILL)
        hosts.wait_for_the_end()
        seen = server.visits
        time.sleep(0.6)
        assert same(hosts.run(script, 2, env={"DO_NOT_TRACK": "1"}), hosts.bare())
        assert not hosts.children()
        assert server.visits == seen
        assert len(hosts.logged()) == 1
        hosts.run(script, 3)
        server.wait(seen + 1)
        hosts.wait_for_the_end()
        assert arrived(server.requests[seen:]) == hosts.logged()
    assert len(hosts.logged()) == 2


def plan_for(hosts: Hosts, telemetry: Any, url: str) -> bytes:
    """What a host at its end writes into the pipe."""
    destination = Destination(url, batch_size=1, batch_interval=0)
    assert telemetry.decision.enabled
    run = json.loads((hosts.directory / "usage.jsonl").read_bytes().splitlines()[0])["run"]
    return marshal.dumps(courier.plain(telemetry, (destination,), run, telemetry.signature))


@pytest.mark.parametrize("content", ["nothing", "garbage", "half", "other", "too much"])
def test_what_comes_by_the_pipe_is_not_believed(hosts: Hosts, make_telemetry: Any, content: str) -> None:
    """A child that is told nothing, half of it or nonsense ends, and sends nothing."""
    telemetry = make_telemetry()
    with serving(BEHAVIOURS["ok"]) as server:
        hosts.run(hosts.program(server.url), env={"DISCREET_CHILD": "1"})
        whole = plan_for(hosts, telemetry, server.url)
        given = {
            "nothing": b"",
            "garbage": b"\xff" * 99,
            "half": whole[: len(whole) // 2],
            "other": marshal.dumps({"tool": "mytool"}),
            "too much": whole + bytes(1 << 20),
        }[content]
        command = [sys.executable, "-I", "-S", str(PACKAGE / "sending" / "child.py")]
        ended = subprocess.run(command, input=given, env={}, capture_output=True, timeout=25, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
        assert server.visits == 0
        subprocess.run(command, input=whole, env={}, timeout=25, check=True)
        assert arrived(server.requests) == hosts.logged()


def test_one_that_waits_for_the_lock_gives_up(hosts: Hosts) -> None:
    """Two hosts that could not see each other's children: the second child leaves, and the first delivers for both."""
    with serving(in_turn(BEHAVIOURS["silent"], BEHAVIOURS["ok"])) as server:
        script = hosts.program(server.url, timeout=300)
        hosts.run(script, 1)
        server.wait(1)
        first = hosts.child()
        (hosts.directory / "lock").write_text("")  # what tells hosts, not what locks
        hosts.run(script, 2)
        wait_until(lambda: hosts.children() == [first])
        assert server.visits == 1
    assert len(hosts.logged()) == 2
