"""The hand-over at a host's end: the event arrives although the host is gone, and nobody could tell from the host."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from faults.servers import BEHAVIOURS, Visit, serving
from process.hosts import Hosts, arrived, high, same, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")

NETWORK = ("socket", "_socket", "ssl", "_ssl", "http.client", "json", "subprocess", "select", "urllib.request")
# Tells at the very end, after our own handler: the last one registered runs first.
TELL_MODULES = """
import atexit
atexit.register(lambda: print(sorted(set(sys.modules) & set({names!r}))))
"""


def test_the_event_arrives_although_the_host_is_gone(hosts: Hosts) -> None:
    """The host ends as if there were no telemetry, and what it tracked arrives once."""
    with serving(BEHAVIOURS["ok"]) as server:
        assert same(hosts.run(hosts.program(server.url)), hosts.bare())
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert len(hosts.logged()) == 1


def test_a_pipe_reaches_its_end_while_the_child_hangs(hosts: Hosts) -> None:
    """Whatever the host inherited is closed when the host ends: a pipe of its parent's, at any number."""
    with serving(BEHAVIOURS["silent"]) as server:
        reading, writing = os.pipe()
        copy = high(writing)
        try:
            hosts.run(hosts.program(server.url, timeout=300), pass_fds=(writing, copy))
        finally:
            os.close(writing)
            os.close(copy)
        with open(reading, "rb") as pipe:
            os.set_blocking(reading, False)
            assert wait_until(lambda: pipe.read() == b"")
        server.wait(1)
        assert len(hosts.children()) == 1


@pytest.mark.parametrize("line", ["said=$({host})", "said=$({host} 2>&1)", "said=$({host} | cat)"])
def test_the_shell_does_not_wait(hosts: Hosts, line: str) -> None:
    """`$(...)` and pipelines end with the host, not with the child."""
    with serving(BEHAVIOURS["silent"]) as server:
        host = shlex.join(hosts.command(hosts.program(server.url, timeout=300)))
        began = time.monotonic()
        script = line.format(host=host) + '; echo "[$said]"'
        told = subprocess.run(["sh", "-c", script], env=hosts.environment, capture_output=True, timeout=25, check=True)
        assert time.monotonic() - began < 20
        assert told.stdout.startswith("[to stdout, \N{SNOWMAN}".encode())
        server.wait(1)
        assert len(hosts.children()) == 1


@pytest.mark.usefixtures("with_make")
def test_make_does_not_wait(hosts: Hosts, tmp_path: Path) -> None:
    """Under `make -j2` the job server's pipe is not kept, and make ends with its jobs."""
    with serving(BEHAVIOURS["silent"]) as server:
        host = shlex.join(hosts.command(hosts.program(server.url, timeout=300)))
        rules = f"all: one two\none:\n\t+-{host}\ntwo:\n\t+-{host}\n"
        (tmp_path / "Makefile").write_text(rules)
        command = ["make", "-j2", "--no-print-directory", "-C", str(tmp_path)]
        told = subprocess.run(command, env=hosts.environment, capture_output=True, timeout=25, check=True)
        assert told.stdout.count(b"to stdout") == 2
        server.wait(1)
        for pid in hosts.children():
            links = []
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):  # closed since
                    links += [os.readlink(f"/proc/{pid}/fd/{descriptor}")] if int(descriptor) > 2 else []
            assert not [link for link in links if link.startswith("pipe:") or "GMfifo" in link]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams(hosts: Hosts, closed: str) -> None:
    """A host without some of its streams hands over all the same, though its pipe then takes their numbers."""
    with serving(BEHAVIOURS["ok"]) as server:
        script = hosts.program(server.url)
        quiet = script.read_text().replace('print("to', '("to').replace(", file=sys.stderr)", ")")
        script.write_text(quiet.replace(", flush=True)", ")"))
        line = f"exec {shlex.join(hosts.command(script))} {closed}"
        told = subprocess.run(["sh", "-c", line], env=hosts.environment, capture_output=True, timeout=25, check=False)
        assert (told.returncode, told.stdout, told.stderr) == (3, b"", b"")
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()


PRINTS = """
import socket
from discreet.sending.courier import plan_of
from discreet.sending.work import run
real = {name: getattr(os, name) for name in ("write", "ftruncate")}
send = socket.socket.send
def prints():
    for descriptor in (0, 1, 2):
        try:
            real["write"](descriptor, b"SECRET")
        except OSError:
            pass
def writing(name):
    def call(*given):
        prints()
        return real[name](*given)
    return call
def sending(connection, *given):
    prints()
    return send(connection, *given)
os.write, os.ftruncate, socket.socket.send = writing("write"), writing("ftruncate"), sending
for descriptor in (0, 1, 2):
    os.close(descriptor)
discreet.track("search", word="x")
discreet.flush(10)
run(plan_of(telemetry, telemetry.destinations, telemetry._sender.encoder.run), until=time.monotonic() + 20, force=True)
discreet.track("search", word="y")
"""


def test_what_a_host_prints_into_closed_streams(hosts: Hosts) -> None:
    """Another thread of the host prints into the numbers of streams that are closed, just when we write: nothing of it
    is in a file of ours, in a request, or in what the child is told.
    """
    with serving(BEHAVIOURS["ok"]) as server:
        more = "{'fields': {'word': 'hash', 'n': 'number'}, 'identity': 'install'}"
        hosts.run(hosts.program(server.url, more=more, then=PRINTS))
        server.wait(2)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
        assert len(hosts.logged()) == 3
        assert not [one for one in server.requests if b"SECRET" in one.head + one.body]
    files = {file.name: file.read_bytes() for file in hosts.directory.iterdir()}
    assert {"usage.jsonl", "lock", "receipts.jsonl", "delivery.json", "salt", "id"} <= files.keys()
    assert [name for name, content in files.items() if b"SECRET" in content] == []


def test_signals_of_the_host(hosts: Hosts) -> None:
    """A host that lets SIGPIPE kill it, ignores or blocks signals ends as ever, and its child delivers."""
    first = """
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, lambda *_: print("a child ended"))
signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGCHLD})
"""
    with serving(BEHAVIOURS["ok"]) as server:
        assert same(hosts.run(hosts.program(server.url, first=first)), hosts.bare())
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()


def test_no_network_in_the_host(hosts: Hosts) -> None:
    """A short command that hands over has loaded nothing of the network, nor `json`, nor `subprocess`."""
    tell = TELL_MODULES.format(names=NETWORK)
    with serving(BEHAVIOURS["ok"]) as server:
        result = hosts.run(hosts.program(server.url, first=tell))
        assert result.stdout.splitlines()[-1] == b"[]"
        server.wait(1)
        hosts.wait_for_the_end()
        assert len(server.requests) == 1
        control = hosts.run(hosts.program(server.url, first=tell + "\nimport json"))
        assert control.stdout.splitlines()[-1] == b"['json']"


def test_one_child_at_a_time(hosts: Hosts) -> None:
    """While a child is at work, further hosts start none, and are as quick about it as ever."""
    with serving(BEHAVIOURS["silent"]) as server:
        script = hosts.program(server.url, timeout=300)
        hosts.run(script, 0)
        server.wait(1)
        first = hosts.child()
        for number in range(1, 4):
            assert same(hosts.run(script, number), hosts.bare())
            assert hosts.children() == [first]
        assert server.visits == 1
    assert len(hosts.logged()) == 4


def test_an_old_system_without_sessions_at_the_start(hosts: Hosts) -> None:
    """Where `posix_spawn` cannot make a session the child makes its own."""
    first = """
plain_spawn = os.posix_spawn
def spawn(*arguments, setsid=False, **options):
    if setsid:
        raise NotImplementedError
    return plain_spawn(*arguments, **options)
os.posix_spawn = spawn
"""
    with serving(BEHAVIOURS["silent"]) as server:
        assert same(hosts.run(hosts.program(server.url, first=first, timeout=300)), hosts.bare())
        server.wait(1)
        pid = hosts.child()
        assert os.getsid(pid) == pid


def test_a_host_that_is_killed_as_it_starts_a_child(hosts: Hosts) -> None:
    """The child has all it needs before it is there: `with Pool()`, for one, kills its workers at their end."""
    first = """
import signal
plain_spawn = os.posix_spawn
def spawn(*arguments, **options):
    plain_spawn(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
os.posix_spawn = spawn
"""
    with serving(BEHAVIOURS["ok"]) as server:
        assert hosts.run(hosts.program(server.url, first=first)).returncode == -signal.SIGKILL
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert len(hosts.logged()) == 1


def test_a_child_starts_no_child(hosts: Hosts) -> None:
    """Where the guard is in the environment nothing is started; the event waits for a later run."""
    with serving(BEHAVIOURS["ok"]) as server:
        script = hosts.program(server.url)
        assert same(hosts.run(script, env={"DISCREET_CHILD": "1"}), hosts.bare())
        assert not hosts.children()
        time.sleep(0.3)
        assert server.visits == 0
    assert len(hosts.logged()) == 1


def test_many_hosts_at_once(hosts: Hosts) -> None:
    """Twenty that end together before a slow server, in a home where nobody has delivered yet: one deliverer works at a
    time, and everything arrives exactly once, after one further run at most.
    """
    busy: list[int] = []
    most = [0]

    def slow(visit: Visit) -> None:
        visit.read()
        busy.append(1)
        most[0] = max(most[0], len(busy))
        time.sleep(0.3)
        busy.pop()
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with serving(slow) as server:
        script = hosts.program(server.url)
        started = [
            subprocess.Popen(hosts.command(script, n), env=hosts.environment, stdout=subprocess.DEVNULL, stderr=-1)
            for n in range(20)
        ]
        assert {host.communicate(timeout=30)[1] for host in started} == {b"to stderr\n"}
        assert {host.returncode for host in started} == {3}
        hosts.wait_for_the_end()
        if len(arrived(server.requests)) < 20:
            hosts.run(script, 21)
            hosts.wait_for_the_end()
        assert most[0] == 1
        assert sorted(arrived(server.requests)) == sorted(hosts.logged())
    assert len(hosts.logged()) >= 20


def test_a_home_of_any_name(tmp_path: Path) -> None:
    """Paths reach the child as the bytes they are."""
    scratch = Path(
        os.fsdecode(os.fsencode(tmp_path) + "/J\N{LATIN SMALL LETTER O WITH DIAERESIS}rg ".encode() + b"\xf6")
    )
    scratch.mkdir()
    hosts = Hosts(scratch)
    with serving(BEHAVIOURS["ok"]) as server:
        script = hosts.program(server.url)
        (tmp_path / "host.py").write_bytes(script.read_bytes())
        assert same(hosts.run(tmp_path / "host.py"), hosts.bare())
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_a_home_where_the_language_has_another_encoding(encoding: str, hosts: Hosts, tmp_path: Path) -> None:
    """So they do although the child is told of no language, and takes every text for UTF-8."""
    language = tmp_path / "old.ISO-8859-1"
    compiling = ["localedef", "-c", "-i", "POSIX", "-f", "ISO-8859-1", str(language)]
    if shutil.which("localedef"):
        subprocess.run(compiling, capture_output=True, check=False)  # its warnings are a status of 1
    if not (language / "LC_CTYPE").exists():
        pytest.skip("no language can be made here")
    home = os.fsdecode(os.fsencode(tmp_path) + "/J\N{LATIN SMALL LETTER O WITH DIAERESIS}rg".encode(encoding))
    hosts.directory = hosts.home.rename(home) / ".mytool" / "telemetry"
    hosts.environment |= {"HOME": home, "LOCPATH": str(tmp_path), "LC_ALL": language.name}
    hosts.environment["PYTHONUTF8"] = "0"  # since Python 3.15 the language decides only then
    with serving(BEHAVIOURS["ok"]) as server:
        script = hosts.program(
            server.url,
            first="assert sys.getfilesystemencoding() == 'iso8859-1'",
            more="{'files': {'receipts': 'gesch\\xe4tzt'}}",
        )
        assert same(hosts.run(script), hosts.bare())
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
        assert b"gesch\xe4tzt" in os.listdir(os.fsencode(hosts.directory))


def test_not_started_before_it_is_due(hosts: Hosts) -> None:
    """A host before its batch is full starts nothing; the one that fills it does, and all of it arrives together."""
    with serving(BEHAVIOURS["ok"]) as server:
        script = hosts.program(server.url, batch_size=3, batch_interval=3600)
        hosts.run(script, 1)  # the destination is new: the child gives it its place
        hosts.wait_for_the_end()
        hosts.run(script, 2)
        assert not hosts.children()
        assert not server.requests
        hosts.run(script, 3)
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
        assert len(server.requests) == 1


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="of Linux alone")
@pytest.mark.parametrize("first", ["", "import os; os.close(0)"], ids=["plain", "without stdin"])
def test_a_large_declaration(hosts: Hosts, first: str) -> None:
    """What is more than a pipe takes at once is handed over as well: short commands of a tool that declares much
    deliver, and what they hand over lies on no disk.
    """
    declared = repr({"fields": {f"field_{n}": {"number": {"low": 0, "high": n}} for n in range(1, 1000)}})
    with serving(BEHAVIOURS["ok"]) as server:
        hosts.run(hosts.program(server.url, first=first, more=declared))
        server.wait(1)
        hosts.wait_for_the_end()
        assert arrived(server.requests) == hosts.logged()
    assert not [path for path in hosts.directory.iterdir() if path.suffix == ".tmp"]


def test_no_memory_for_a_large_declaration(
    monkeypatch: pytest.MonkeyPatch, make_telemetry: Any, tmp_path: Path
) -> None:
    """Then nobody is started, no descriptor stays open, and the host ends as ever."""
    from discreet.destination import Destination
    from discreet.sending import courier, handover

    rows = {f"field_{n}": {"number": {"low": 0, "high": n}} for n in range(1, 1000)}
    plan = courier.plain(make_telemetry(fields=rows), (Destination("http://127.0.0.1:9/t"),), "", None)
    before = os.listdir("/proc/self/fd")
    for broken in ("memfd_create", "pwrite", "dup"):
        with monkeypatch.context() as patched:
            patched.setattr(os, broken, refuse, raising=False)
            assert not handover.start(plan)
    assert os.listdir("/proc/self/fd") == before
    monkeypatch.delattr(os, "memfd_create")  # another system
    assert not handover.start(plan)


def test_a_plan_that_no_child_would_take(monkeypatch: pytest.MonkeyPatch, make_telemetry: Any) -> None:
    """Nobody is started for it in vain, and no other host is told to wait for one."""
    from discreet.destination import Destination
    from discreet.sending import child, courier, handover

    assert handover.MEMORY_BYTES == child._MOST_BYTES
    telemetry = make_telemetry()
    plan = courier.plain(telemetry, (Destination("http://127.0.0.1:9/t"),), "", None)
    monkeypatch.setattr(handover, "_spawn", refuse)
    assert not handover.start({**plan, "settings": {"x": "x" * handover.MEMORY_BYTES}})
    assert not Path(telemetry.paths["lock"]).exists()


def refuse(*_: object) -> None:
    """A system call that fails."""
    raise OSError(12, "no memory")


def test_a_pipe_that_takes_little(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_telemetry: Any) -> None:
    """Where a pipe takes a page only (a user with many of them) and nobody reads, the host gives up at once."""
    import fcntl

    from discreet.destination import Destination
    from discreet.sending import courier, handover

    idle = tmp_path / "python-idle"
    idle.write_text("#!/bin/sh\nsleep 5\n")
    idle.chmod(0o700)
    plain_pipe = os.pipe

    def small_pipe() -> tuple[int, int]:
        reading, writing = plain_pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        return reading, writing

    monkeypatch.setattr(sys, "executable", str(idle))
    telemetry = make_telemetry(fields={f"field_{n}": "number" for n in range(300)})
    plan = courier.plain(telemetry, (Destination("http://127.0.0.1:9/t"),), "", None)
    monkeypatch.setattr(os, "pipe", small_pipe)
    began = time.monotonic()
    assert not handover.start(plan)
    assert time.monotonic() - began < 4


def test_what_is_handed_over_has_an_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_telemetry: Any) -> None:
    """A child comes to it while the host lives, which keeps no descriptor open."""
    import marshal

    from discreet.destination import Destination
    from discreet.sending import courier, handover

    copies = tmp_path / "python-copies"
    copies.write_text(f"#!/bin/sh\ncd '{tmp_path}' && cat > part && mv part whole\n")
    copies.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(copies))
    plan = courier.plain(make_telemetry(), (Destination("http://127.0.0.1:9/t"),), "", None)
    before = os.listdir("/proc/self/fd")
    assert handover.start(plan)
    assert os.listdir("/proc/self/fd") == before
    assert wait_until((tmp_path / "whole").exists)
    assert marshal.loads((tmp_path / "whole").read_bytes())["tool"] == "mytool"
