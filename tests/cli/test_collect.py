"""`discreet collect` as a process: what it says, what it refuses, how it ends, and what the other verbs make of it."""

import asyncio
import contextlib
import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.hosts import exit_status
from conftest import clean_environment
from discreet.__main__ import main
from discreet.cli.collect import _is_loopback
from discreet.collector.store import Store

TOKEN = "correct-horse-16"  # as short as one may be
MANIFEST = 'name = "mytool"\n[events.search]\npurpose = "p"\n[events.search.fields]\nn = "count"\n'


@pytest.fixture
def collect(home: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the verb, with options before and after it."""
    made: list[subprocess.Popen[str]] = []

    def start(*arguments: str, before: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-m", "discreet", *before, "collect", "--port", "0", *arguments]
        made.append(
            subprocess.Popen(
                command,
                cwd=tmp_path,
                env={**clean_environment(home), **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


def address(process: subprocess.Popen[str]) -> str:
    """Where it listens, as it says."""
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith("Listening at http://"), (line, process.communicate())
    return line.split()[2].rstrip(",")


def ask(url: str, content: object = None, **headers: str) -> tuple[int, bytes]:
    """A request of a program: its status and its body."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def ended(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str, str]:
    """Its exit status, and what it said, after a signal."""
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_from_start_to_end(collect: Callable[..., Any], tmp_path: Path, number: int) -> None:
    """It says where it listens and writes, and at a signal what came; the report reads what it wrote."""
    process = collect("--out", "here")
    url = address(process)
    assert ask(f"{url}/t?t=mytool&e=search&n=1") == (204, b"")
    assert ask(f"{url}/t?t=mytool&e=Search")[0] == 422
    assert ended(process, number) == (
        0,
        "Events: 1 stored, 0 that came again, 1 refused.\n  1 not a record\n",
        "",
    )
    (file,) = (tmp_path / "here").glob("*.jsonl")
    report = [sys.executable, "-m", "discreet", "--tool", "mytool", "report", str(file)]
    assert "1 event" in subprocess.run(report, capture_output=True, text=True, check=True).stdout


def test_the_limit(collect: Callable[..., Any], tmp_path: Path) -> None:
    """It is in MiB, of all files together; with room for more, the same record is taken."""
    process = collect("--out", "here")
    assert ask(f"{address(process)}/t?t=mytool&e=search")[0] == 204
    assert ended(process)[0] == 0
    (file,) = (tmp_path / "here").glob("*.jsonl")
    file.write_bytes(file.read_bytes() + b" " * (1 << 20) + b"\n")
    for limit, status in (("1", 503), ("2", 204)):
        process = collect("--out", "here", "--limit", limit)
        assert ask(f"{address(process)}/t?t=mytool&e=search")[0] == status
        assert ended(process)[0] == 0


def test_what_was_erased_is_told(collect: Callable[..., Any]) -> None:
    """How many records, at the end; of ids that were never here, none."""
    process = collect()
    url = address(process)
    ids = [f"f53ef912-8765-4a51-89ab-00000000000{number}" for number in range(3)]
    for one in ids[:2]:
        assert ask(f"{url}/t?t=mytool&e=search&i={one}")[0] == 204
    for _ in range(2):
        assert ask(f"{url}/t", {"forget": ids}) == (200, b'{"forgotten":3}')
    assert ended(process)[1] == "Events: 2 stored, 0 that came again, 0 refused, 2 erased.\n"


def test_the_help_names_what_an_option_takes(collect: Callable[..., Any]) -> None:
    """The limit is told in MiB, as the page of the verbs says."""
    out, _ = collect("--help", COLUMNS="200").communicate(timeout=20)
    assert "[--limit MIB]" in out


def test_the_default_directory(collect: Callable[..., Any], tmp_path: Path) -> None:
    """`collected`, where it was started."""
    process = collect()
    address(process)
    ended(process)
    assert (tmp_path / "collected").is_dir()


def test_a_manifest(collect: Callable[..., Any], tmp_path: Path) -> None:
    """Only what it declares, of its tool; what names no tool is its tool's."""
    (tmp_path / "telemetry.toml").write_text(MANIFEST)
    process = collect(before=("--manifest", "telemetry.toml"))
    url = address(process)
    asked = ("t=mytool&e=search&n=1", "t=mytool&e=search&x=1", "t=other&e=search&n=1", "t=mytool&e=find", "e=search")
    assert [ask(f"{url}/t?{query}")[0] for query in asked] == [204, 422, 422, 422, 204]
    assert ended(process)[1].endswith("  2 not declared\n  1 of another tool\n")


@pytest.mark.parametrize("identity", ["run", "install"])
def test_an_installation_by_the_manifest(collect: Callable[..., Any], tmp_path: Path, identity: str) -> None:
    """Its number is kept only where the manifest says that there is one."""
    (tmp_path / "telemetry.toml").write_text(MANIFEST.replace("\n", f'\nidentity = "{identity}"\n', 1))
    process = collect(before=("--manifest", "telemetry.toml"))
    assert ask(f"{address(process)}/t?t=mytool&e=search&n=1&install={'ab' * 16}")[0] == 204
    (file,) = (tmp_path / "collected").glob("*.jsonl")
    assert json.loads(file.read_text()).get("install", "") == ("ab" * 16 if identity == "install" else "")


def test_a_tool(collect: Callable[..., Any]) -> None:
    """With `--tool` alone: of that tool, whatever it sends."""
    process = collect(before=("--tool", "mytool"))
    url = address(process)
    assert [ask(f"{url}/t?{query}")[0] for query in ("e=a&x=1", "t=mytool&e=b", "t=other&e=c")] == [204, 204, 422]


@pytest.mark.parametrize("by", ["file", "variable"])
def test_a_token(collect: Callable[..., Any], tmp_path: Path, by: str) -> None:
    """From a file or the environment, never an argument; with it, other machines may send."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    if by == "file":
        process = collect("--host", "0.0.0.0", "--token-file", "token")
    else:
        process = collect("--host", "0.0.0.0", DISCREET_COLLECT_TOKEN=TOKEN)
    url = address(process).replace("0.0.0.0", "127.0.0.1")
    assert ask(f"{url}/t?t=mytool&e=search")[0] == 401
    assert ask(f"{url}/t?t=mytool&e=search", Authorization=f"Bearer {TOKEN}")[0] == 204
    assert ask(f"{url}/t?t=mytool&e=search", Authorization=f"Bearer {TOKEN}", Host="telemetry.example.org")[0] == 204
    assert TOKEN not in Path(f"/proc/{process.pid}/cmdline").read_text()
    assert TOKEN not in "".join(ended(process)[1:])


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("--host", "0.0.0.0"), {}, "set DISCREET_COLLECT_TOKEN, or say --no-token"),
        (("--host", "::"), {}, "set DISCREET_COLLECT_TOKEN, or say --no-token"),
        (("--host", "0"), {}, "--host 0 is open to other machines: set DISCREET_COLLECT_TOKEN, or say --no-token"),
        ((), {"DISCREET_COLLECT_TOKEN": "short"}, "the token must have 16 characters or more"),
        ((), {"DISCREET_COLLECT_TOKEN": " "}, "the token must have 16 characters or more"),
        ((), {"DISCREET_COLLECT_TOKEN": "correct-hörse-battery"}, "all of them printable ASCII"),
        ((), {"DISCREET_COLLECT_TOKEN": "correct\thorse-battery"}, "all of them printable ASCII"),
        (("--token-file", "empty"), {}, "the token must have 16 characters or more"),
        (("--token-file", ""), {}, "discreet: --token-file is empty\n"),
        (("--out", ""), {}, "discreet: --out is empty\n"),
        (("--host", ""), {}, "discreet: --host is empty\n"),
        (("--accept-host", "a", "--accept-host", ""), {}, "discreet: --accept-host is empty\n"),
        (("--flags", ""), {}, "discreet: --flags is empty\n"),
        (("--accept-host", "https://a"), {}, "a name, without https:// and without a port, not https://a\n"),
        (("--accept-host", "a:443"), {}, "a name, without https:// and without a port, not a:443\n"),
        (("--accept-host", "[::2]:443"), {}, "a name, without https:// and without a port, not [::2]:443\n"),
        (("--port", "65536"), {}, "discreet: --port is a number from 0 to 65535, not 65536\n"),
        (("--port", "-1"), {}, "discreet: --port is a number from 0 to 65535, not -1\n"),
        (("--limit", "0"), {}, "discreet: --limit is a number of MiB, at least 1, not 0\n"),
        (("--flags", "broken"), {}, "broken: "),
        (("--flags", "list"), {}, "list: it must be an object of flags"),
        (("--por", "1"), {}, "unrecognized arguments"),
    ],
)
def test_a_wrong_use(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: tuple[str, ...],
    *,
    environment: dict[str, str],
    said: str,
) -> None:
    """Exit status 2 and a sentence; nothing listens and nothing is made."""
    for name, content in (("empty", ""), ("broken", "{"), ("list", '{"a": 1}')):
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert exit_status("collect", "--port", "0", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert not (tmp_path / "collected").exists()


@pytest.mark.parametrize(
    ("host", "known", "status", "said"),
    [
        ("nohost.invalid", False, 1, "nohost.invalid, port 4318: Name or service not known\n"),
        ("host..invalid", True, 1, "host..invalid: this is no name of a host\n"),
        ("there.invalid", True, 2, "--host there.invalid is open to other machines: set DISCREET_COLLECT_TOKEN, or "),
    ],
)
def test_a_name_that_nobody_knows(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    host: str,
    said: str,
    *,
    known: bool,
    status: int,
) -> None:
    """It is open to nobody, and its user is told what is wrong with it before anything of a token."""
    monkeypatch.chdir(tmp_path)

    def look_up(name: str, *_: Any) -> list[Any]:
        name.encode("idna")  # as the real one begins
        if not known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [()]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert main(["collect", "--host", host]) == status
    assert f"discreet: {said}" in capsys.readouterr().err
    assert not (tmp_path / "collected").exists()


def test_what_cannot_be_done(collect: Callable[..., Any], tmp_path: Path) -> None:
    """Exit status 1: a port that is taken, a directory that is in use, a file in its place, no token file."""
    port = address(collect("--out", "one")).rpartition(":")[2]
    taken = f"port {port} of 127.0.0.1 is taken; --port 0 takes any free one\n"
    elsewhere = "192.0.2.1: this is no address of this machine"  # nor of any other (RFC 5737)
    (tmp_path / "file").write_text("")
    for arguments, said in (
        (("--out", "two", "--port", port), f"discreet: {taken}"),
        (("--out", "two", "--host", "192.0.2.1", "--no-token"), f"discreet: {elsewhere}\n"),
        (("--out", "one"), "another collector uses this directory"),
        (("--out", "file"), "file"),
        (("--token-file", "none"), "none: No such file"),
    ):
        process = collect(*arguments)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (1, ""), err
        assert said in err
        assert "Traceback" not in err


def test_without_a_token_if_told(collect: Callable[..., Any]) -> None:
    """Whoever says `--no-token` may be sent to by everybody, under any name."""
    process = collect("--host", "0.0.0.0", "--no-token")
    url = address(process).replace("0.0.0.0", "127.0.0.1")
    assert ask(f"{url}/t?t=mytool&e=search", Host="telemetry.example.org")[0] == 204


@pytest.mark.parametrize("where", ["", "--host 0.0.0.0 --no-token"])
def test_another_name(collect: Callable[..., Any], where: str) -> None:
    """For a proxy that passes the `Host` on as it came; this machine's own stay beside it."""
    process = collect("--accept-host", "Telemetry.example.org", *where.split())
    url = address(process).replace("0.0.0.0", "127.0.0.1")
    asked = ("telemetry.example.org", "127.0.0.1:80", "other.example.org")
    assert [ask(f"{url}/t?t=mytool&e=search", Host=host)[0] for host in asked] == [204, 204, 403]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
@pytest.mark.skipif(sys.platform == "darwin", reason="has 127.0.0.1 alone, unless told otherwise")
def test_the_address_that_it_says(collect: Callable[..., Any], host: str) -> None:
    """It answers at the address that it was told to listen at, whatever other names it knows."""
    url = address(collect("--accept-host", "telemetry.example.org", "--host", host))
    assert ask(f"{url}/t?t=mytool&e=search")[0] == 204


def test_flags(collect: Callable[..., Any], tmp_path: Path) -> None:
    """On, off and variants, as the second version of the question has them."""
    (tmp_path / "flags.json").write_text('{"new-parser": true, "old": false, "colour": "blue"}')
    flags = json.loads(ask(f"{address(collect('--flags', 'flags.json'))}/flags/?v=2", {"distinct_id": "x"})[1])["flags"]
    assert {key: (flag["enabled"], flag["variant"]) for key, flag in flags.items()} == {
        "new-parser": (True, None),
        "old": (False, None),
        "colour": (True, "blue"),
    }


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("LocalHost", True),
        ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("localhost.example.org", False), ("", False),
    ],
)  # fmt: skip
def test_which_hosts_are_this_machine_alone(host: str, alone: bool) -> None:
    """At the others a token is asked for."""
    assert _is_loopback(host) == alone


def test_all_is_on_the_disk_at_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The store is closed, however it ended: that brings everything to the disk."""
    closed: list[Store] = []

    def fail(served: Any) -> None:
        served.close()
        raise OSError(errno.EIO, "it ended")

    monkeypatch.setattr(asyncio, "run", fail)
    monkeypatch.setattr(Store, "close", lambda store: closed.append(store))  # to be bound
    assert main(["collect", "--port", "0", "--out", str(tmp_path / "out")]) == 1
    (store,) = closed
    monkeypatch.undo()
    store.close()


def test_an_address_with_colons(collect: Callable[..., Any]) -> None:
    """What it says to listen at can be typed as it stands."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this system has no IPv6")
    url = address(collect("--host", "::1"))
    assert url.startswith("http://[::1]:")
    assert ask(f"{url}/healthz")[0] == 200


def test_whoever_asks_twice_does_not_wait(collect: Callable[..., Any]) -> None:
    """At the first signal it waits for requests that are under way; at the second it ends by that."""
    process = collect()
    port = int(address(process).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as under_way:
        under_way.sendall(b"GET / HTTP/1.1\r\n")
        assert ask(f"http://127.0.0.1:{port}/healthz")[0] == 200  # by now it has read what came before
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(ConnectionError):
            while process.poll() is None:  # until it listens no more
                socket.create_connection(("127.0.0.1", port)).close()
        assert ended(process)[0] == -signal.SIGTERM


def test_a_crash_loses_nothing_that_was_answered(collect: Callable[..., Any], tmp_path: Path) -> None:
    """Killed at once after the answer: the record is there, and known to the next collector."""
    process = collect()
    assert ask(f"{address(process)}/t?t=mytool&e=search&i=f53ef912-8765-4a51-89ab-000000000001")[0] == 204
    process.kill()
    process.wait()
    store = Store(str(tmp_path / "collected"))
    assert store.add([("mytool", "f53ef912-8765-4a51-89ab-000000000001", "{}")]) == 0
    store.close()
    assert os.path.getsize(store.files()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="takes descriptors from a running process")
def test_no_descriptor_is_left(collect: Callable[..., Any], tmp_path: Path) -> None:
    """It says so and lives on: who is connected is answered, and once there are descriptors again, everybody is."""
    import resource

    process = collect("--out", "here")
    url = address(process)
    host, port = url.removeprefix("http://").split(":")
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=20)) as connection:

        def beacon(number: int) -> int:
            connection.request("GET", f"/t?t=mytool&e=search&n={number}")
            answer = connection.getresponse()
            answer.read()
            return answer.status

        assert beacon(1) == 204
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        assert beacon(2) == 204
        assert process.stderr.readline() == (
            "discreet: the disk did not take what was written: [Errno 24] Too many open files\n"
        )
        assert beacon(3) == 204
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
    assert ask(f"{url}/t?t=mytool&e=search&n=4") == (204, b"")
    status, out, _ = ended(process)
    assert (status, out) == (0, "Events: 4 stored, 0 that came again, 0 refused.\n")
    (file,) = (tmp_path / "here").glob("*.jsonl")
    assert len(file.read_text().splitlines()) == 4


def test_our_own_client_end_to_end(
    collect: Callable[..., Any], run_python: Callable[..., Any], home: Path, tmp_path: Path
) -> None:
    """A tool whose user said yes: its event arrives by the verb `flush`, and is erased by the verb `forget`."""
    url = address(collect())
    directory = home / ".mytool" / "telemetry"
    directory.mkdir(parents=True)
    (directory / "opt-in").write_text("true\n")
    program = (
        "import sys, discreet\n"
        "from discreet.testing import allow\n"
        f"telemetry = discreet.init('mytool', version='1.4.0', destination='{url}', delivery='thread')\n"
        "allow(telemetry)\n"
        "telemetry.track('search', n=12)\n"
        "assert telemetry.flush(10)\n"
        "sys.exit(telemetry.main(['flush']))\n"
    )
    done = run_python(program)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = (tmp_path / "collected").glob("*.jsonl")
    assert json.loads(file.read_text())["properties"] == {"n": 12}
    done = run_python(
        program.replace("['flush']", "['forget', '--yes']").replace("telemetry.track('search', n=12)\n", "")
    )
    assert done.returncode == 0, done.stderr
    assert file.read_text().isspace()
