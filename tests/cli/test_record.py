"""The verbs that record, driven as shells, Makefiles and terminals drive them: log and run."""

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import clean_environment
from discreet import Boolean, Count, Distribution, Forbidden, Hash, Number, OneOf, TextCount, Version
from discreet.__main__ import main
from discreet.cli.record import _Watched
from discreet.hosts import child, shell
from terminal import SECONDS, Terminal, wait_for_lines

TOOL = [sys.executable, "-W", "error", "-m", "discreet", "--tool", "mytool"]
SETTLED = 0.1  # seconds in which a signal that is sent twice arrives twice
PASSED_ON = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP"]
Discreet = Callable[..., subprocess.CompletedProcess[Any]]

# Notes every signal that reaches it, as a byte, in the file that it is given: from the C handler itself, since Python's
# own handlers run once for two signals that come close together. Ends on SIGALRM, with status 7.
CATCHER = """
import os, signal, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK)
signal.set_wakeup_fd(file, warn_on_full_buffer=False)
for name in {names!r}:
    signal.signal(getattr(signal, name), lambda *_: None)
signal.signal(signal.SIGALRM, lambda *_: os._exit(7))
with open(sys.argv[1] + ".pid", "w") as ready:
    print(os.getpid(), file=ready)
while True:
    signal.pause()
""".replace("{names!r}", repr(PASSED_ON))


@pytest.fixture(autouse=True)
def _this_process_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """With telemetry off `run` becomes its command: one run by mistake would end all tests, and with success."""
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("exec"))


@pytest.fixture(params=["on", "off"])
def telemetry_is(request: pytest.FixtureRequest, place: Path) -> str:
    """Everything in a test that takes this holds with telemetry on and off."""
    answer: str = request.param
    store(place, "true" if answer == "on" else "false")
    return answer


@pytest.fixture
def place(home: Path) -> Path:
    """The data directory of the tool; not made yet."""
    return home / ".mytool" / "telemetry"


@pytest.fixture
def agreed(place: Path) -> None:
    """The user said yes."""
    store(place, "true")


@pytest.fixture
def discreet(home: Path) -> Discreet:
    """Run `discreet --tool mytool ...` as a child; `env` is added to a clean environment."""

    def run(*arguments: str, env: dict[str, str] | None = None, **options: Any) -> Any:
        return subprocess.run(
            [*TOOL, *arguments],
            env={**clean_environment(home), **(env or {})},
            **{
                "stdin": subprocess.DEVNULL,
                "capture_output": True,
                "text": True,
                "timeout": 30,
                "check": False,
                **options,
            },
        )

    return run


@pytest.fixture
def catcher(tmp_path: Path) -> list[str]:
    """A command that notes the signals it gets in the file `tmp_path / "caught"`."""
    (tmp_path / "catcher.py").write_text(CATCHER)
    return [sys.executable, str(tmp_path / "catcher.py"), str(tmp_path / "caught")]


def store(place: Path, answer: str) -> None:
    """Store the user's answer."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "opt-in").write_text(f"{answer}\n")


def recorded(place: Path) -> list[tuple[str, dict[str, Any]]]:
    """The events on the log and their properties."""
    log = place / "usage.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(line["event"], line["properties"]) for line in map(json.loads, lines)]


def only(place: Path) -> dict[str, Any]:
    """The properties of the one event on the log."""
    ((_, properties),) = recorded(place)
    return properties


def everything(directory: Path) -> bytes:
    """All bytes and names below a directory."""
    return b"\n".join(
        str(path).encode() + (path.read_bytes() if path.is_file() else b"") for path in directory.rglob("*")
    )


def typed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Type `discreet --tool mytool ...` in this process: the exit status, stdout and stderr."""
    try:
        status = main(["--tool", "mytool", *arguments])
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, *capsys.readouterr()


# ---- log


@pytest.mark.usefixtures("agreed")
def test_log_types_its_values(discreet: Discreet, place: Path) -> None:
    """Numbers and booleans are recorded as such; the duration in milliseconds; the exit code with success."""
    options = "--duration 1.2345 --exit-code 0 --set files=12 --set ratio=0.5 --set fast=true --set cached=false"
    done = discreet("log", "sync.all", *options.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    ((event, properties),) = recorded(place)
    assert event == "sync.all"
    expected = {
        "files": 12,
        "ratio": 0.5,
        "fast": True,
        "cached": False,
        "duration_ms": 1234,
        "exit_code": 0,
        "success": True,
    }
    assert properties == expected
    assert {name: type(value) for name, value in properties.items()} == {
        name: type(value) for name, value in expected.items()
    }


@pytest.mark.usefixtures("agreed")
@pytest.mark.parametrize(("typed_as", "code"), [("-1", 255), ("256", 0), ("300", 44), ("481516234", 202)])
def test_log_of_an_exit_code_as_the_system_keeps_it(discreet: Discreet, place: Path, typed_as: str, code: int) -> None:
    """Of a number of any size what a process can end with is recorded: a telephone number it is not."""
    discreet("log", "sync", f"--exit-code={typed_as}")
    assert recorded(place) == [("sync", {"exit_code": code, "success": code == 0})]


@pytest.mark.usefixtures("agreed")
def test_log_of_a_failure(discreet: Discreet, place: Path) -> None:
    """An exit code that is not 0 is no success; nothing that was not given is recorded."""
    discreet("log", "sync", "--exit-code", "3")
    discreet("log", "sync", "--duration", "0")
    discreet("log", "sync")
    assert [properties for _, properties in recorded(place)] == [
        {"exit_code": 3, "success": False},
        {"duration_ms": 0},
        {},
    ]


@pytest.mark.usefixtures("agreed")
def test_log_drops_text_and_says_so(discreet: Discreet, home: Path, place: Path) -> None:
    """Text, numbers too long and no numbers are left out, each named on stderr; the rest is recorded; exit 0."""
    pairs = ["n=1", "name=geheim", "empty=", "long=12345678901", "nan=nan", "huge=1e999", "n2=2"]
    done = discreet("log", "sync", *(f"--set={pair}" for pair in pairs))
    assert (done.returncode, done.stdout) == (0, "")
    assert "recorded without name, empty, long, nan, huge: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert only(place) == {"n": 1, "n2": 2}
    assert b"geheim" not in everything(home)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("", "required: EVENT"),
        ("Sync", "'Sync' is not a legal event name"),
        ("sync --duration nan", "--duration: must be a number of seconds, such as 1.5, not 'nan'"),
        ("sync --duration inf", "not 'inf'"),
        ("sync --duration 1e300", "not '1e300'"),
        ("sync --duration=-1", "not '-1'"),
        ("sync --duration soon", "not 'soon'"),
        ("sync --exit-code x", "--exit-code: invalid int value: 'x'"),
        ("sync --set files", "--set takes key=value with a legal key"),
        ("sync --set Files=1", "not 'Files=1'"),
        ("sync --set =1", "not '=1'"),
    ],
)
@pytest.mark.usefixtures("agreed")
def test_wrong_use_of_log(capsys: pytest.CaptureFixture[str], place: Path, arguments: str, sentence: str) -> None:
    """A wrong use exits 2, says on stderr what is wrong, and records nothing."""
    status, out, err = typed(["log", *arguments.split()], capsys)
    assert (status, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert recorded(place) == []


def test_log_where_telemetry_is_off(discreet: Discreet, home: Path) -> None:
    """Off, `log` is silent, succeeds and leaves no file, text among its values or not: a Makefile need not ask."""
    done = discreet("log", "sync", "--duration", "1", "--set", "name=text")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.iterdir()) == []


def test_log_that_cannot_be_written(discreet: Discreet, tmp_path: Path) -> None:
    """Where the event could not be written, exit 1 and a sentence that names the log, without a traceback."""
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "data"
    done = discreet("--data-dir", str(place), "log", "sync", env={"MYTOOL_TELEMETRY_OPT_IN": "true"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f": the event could not be written to {place / 'usage.jsonl'}\n")
    assert done.stderr.count("\n") == 1


def test_log_without_permission(make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, place: Path) -> None:
    """EACCES at the log itself: exit 1 and the same sentence."""
    telemetry = make_telemetry()
    real = os.open

    def refuse(path: Any, *arguments: Any, **named: Any) -> int:
        if str(path).endswith("usage.jsonl"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", refuse)
    assert telemetry.main(["log", "sync"]) == 1
    assert capsys.readouterr().err == f"mytool telemetry: the event could not be written to {place / 'usage.jsonl'}\n"


def test_log_in_a_tool_that_declares(make_telemetry: Any, capsys: Any, place: Path) -> None:
    """In the tool itself, declared text is recorded and undeclared left out; an undeclared event is a wrong use."""
    telemetry = make_telemetry(events={"sync": {"format": OneOf("json", "table")}})
    assert telemetry.main(["log", "sync", "--set", "format=json", "--set", "files=3"]) == 0
    assert capsys.readouterr().err == (
        "mytool telemetry: recorded without files: mytool declares what sync may hold, and they are not among it; "
        "there are format\n"
    )
    assert recorded(place) == [("sync", {"format": "json"})]
    for _ in ("on", "off"):
        assert telemetry.main(["log", "push", "--set", "files=3"]) == 2
        assert capsys.readouterr().err == (
            "mytool telemetry: mytool declares its events, and push is none of them; there are command, session, sync\n"
        )
        telemetry.off = True
    assert len(recorded(place)) == 1


@pytest.mark.parametrize(("fields", "there_are"), [({"common": Number()}, "common"), (None, "none")])
def test_log_of_what_an_event_may_not_hold(make_telemetry: Any, capsys: Any, fields: Any, there_are: str) -> None:
    """What it may hold is told: the fields of all events where it has none of its own, or none."""
    telemetry = make_telemetry(events={"sync": {}}, fields=fields)
    assert telemetry.main(["log", "sync", "--set", "files=3"]) == 0
    assert capsys.readouterr().err.endswith(f", and they are not among it; there are {there_are}\n")


def test_log_in_a_tool_that_declares_fields_alone(make_telemetry: Any, capsys: Any, place: Path) -> None:
    """Its events may have any name."""
    assert make_telemetry(fields={"n": Number()}).main(["log", "push", "--set", "n=3"]) == 0
    assert capsys.readouterr() == ("", "")
    assert recorded(place) == [("push", {"n": 3})]


def test_log_at_the_enhanced_level(make_telemetry: Any, capsys: Any, place: Path) -> None:
    """A field of that level is recorded, and nothing else is said."""
    telemetry = make_telemetry(events={"sync": ROWS})
    store(place, "enhanced")
    assert telemetry.main(["log", "sync", "--set", "deep=1"]) == 0
    assert capsys.readouterr() == ("", "")
    assert recorded(place) == [("sync", {"deep": 1})]


ROWS = {
    "kind": OneOf("full", "12"), "note": TextCount(), "v": Version(), "who": Hash(), "fast": Boolean(), "n": Number(),
    "secret": Forbidden(), "deep": Number(level="enhanced"), "files": {"count": Count()},
    "langs": Distribution("5", "true"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "recorded_as"),
    [
        ("kind=12", "12"),
        ("kind=half", "other"),
        ("note=1234", 4),
        ("note=true", 4),
        ("note=a=b", 3),
        ("v=3.11", "3.11"),
        ("fast=no", False),
        ("fast=OFF", False),
        ("common=12", "12"),
        ("fast=0", False),
        ("fast=/some/where", True),
        ("fast=", False),
        ("n=1.5", 1.5),
        ("langs=5", {"5": 1}),
        ("langs=true", {"true": 1}),
        ("langs=x", {"other": 1}),
    ],
)
def test_log_reads_a_value_as_its_row_does(
    make_telemetry: Any, capsys: Any, place: Path, pair: str, recorded_as: object
) -> None:
    """A text where the declaration wants one, though it looks like a number; a no where it wants a yes or no."""
    telemetry = make_telemetry(events={"sync": ROWS}, fields={"common": OneOf("12")})
    assert telemetry.main(["log", "sync", "--set", pair]) == 0
    assert recorded(place) == [("sync", {pair.partition("=")[0]: recorded_as})]
    assert capsys.readouterr() == ("", "")


def test_log_hashes_a_number_as_the_text_it_is(make_telemetry: Any, place: Path) -> None:
    """What was typed with a zero before it is not another one without."""
    telemetry = make_telemetry(events={"sync": ROWS})
    for text in ("7", "07"):
        assert telemetry.main(["log", "sync", "--set", f"who={text}"]) == 0
    first, second = (properties["who"] for _, properties in recorded(place))
    assert first != second


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("n=many", "--set n=many: it is declared as number, and 'many' is none"),
        ("n=1_000", "--set n=1_000: it is declared as number, and '1_000' is none"),
        ("n= 5", "--set n= 5: it is declared as number, and ' 5' is none"),
        ("n=\u0665", "--set n=\u0665: it is declared as number, and '\u0665' is none"),
        ("files=3", "--set files: it is a field of fields, which is for the tool's own code to record"),
    ],
)
def test_log_of_what_its_row_refuses(make_telemetry: Any, capsys: Any, place: Path, pair: str, sentence: str) -> None:
    """It would cost the whole event: a wrong use, on or off."""
    telemetry = make_telemetry(events={"sync": ROWS})
    for _ in ("on", "off"):
        assert telemetry.main(["log", "sync", "--set", pair]) == 2
        assert capsys.readouterr() == ("", f"mytool telemetry: {sentence}\n")
        telemetry.off = True
    assert recorded(place) == []
    assert telemetry.losses == {}


UNDECLARED = "only true, false, numbers of up to nine digits and what mytool itself declares are recorded"


def test_log_of_more_than_an_event_holds(make_telemetry: Any, capsys: Any, place: Path) -> None:
    """What is beyond the bound is named, and why."""
    pairs = [f"--set=f{number}={number}" for number in range(35)]
    assert make_telemetry().main(["log", "sync", "--set=text=x", *pairs]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"mytool telemetry: recorded without text: {UNDECLARED}",
        "mytool telemetry: recorded without f32, f33, f34: an event holds 32 fields at most",
    ]
    assert len(only(place)) == 32


@pytest.mark.parametrize("held", [True, False])
def test_the_bound_is_told_wherever_the_reading_of_it_is_ended(held: bool) -> None:
    """In a Python that ends a generator late (PyPy) as in one that does so at once; and only where it was the bound."""
    for number, beyond in ((31, []), (32, []), (33, ["f32"]), (40, [f"f{at}" for at in range(32, 40)])):
        watched = _Watched({f"f{at}": at for at in range(number)}, {})
        reading = iter(watched)
        for at, _ in enumerate(reading):
            if at == 32:
                break
        if not held:
            del reading
        assert watched.beyond == beyond


@pytest.mark.usefixtures("swallowed")
def test_log_of_what_an_error_costs(make_telemetry: Any, capsys: Any, place: Path) -> None:
    """Where no salt can be made, a hash costs the event. That is told, and is no matter of how many fields it has."""
    (place / "salt").mkdir(parents=True)
    assert make_telemetry(events={"sync": ROWS}).main(["log", "sync", "--set", "who=me", "--set", "n=1"]) == 1
    told = "the event was dropped: a value of it could not be converted; see `mytool telemetry status`"
    assert capsys.readouterr().err == f"mytool telemetry: {told}\n"
    assert recorded(place) == []


@pytest.mark.parametrize("pair", ["v=abc", "n=nan", "secret=x"])
def test_log_of_what_leaves_nothing(make_telemetry: Any, capsys: Any, place: Path, pair: str) -> None:
    """The event is recorded without it, and that is told."""
    telemetry = make_telemetry(events={"sync": ROWS})
    assert telemetry.main(["log", "sync", "--set", pair]) == 0
    field = pair.partition("=")[0]
    assert capsys.readouterr().err == f"mytool telemetry: recorded without {field}: nothing of that is recorded\n"
    assert recorded(place) == [("sync", {})]


@pytest.mark.parametrize("row", [Number(level="enhanced"), Hash(level="enhanced")], ids=["a number", "a hash"])
def test_log_of_what_needs_another_answer(make_telemetry: Any, capsys: Any, place: Path, row: Any) -> None:
    """What is of the enhanced level is told apart: it is for the user to agree to."""
    telemetry = make_telemetry(events={"sync": {"deep": row, "more": Count(level="enhanced"), "v": Version()}})
    command = ["log", "sync", "--set", "deep=1", "--set", "more=1", "--set", "v=abc"]
    assert telemetry.main(command) == 0
    assert capsys.readouterr().err.splitlines() == [
        "mytool telemetry: recorded without deep, more: that is recorded only after `mytool telemetry on --enhanced`",
        "mytool telemetry: recorded without v: nothing of that is recorded",
    ]
    assert recorded(place) == [("sync", {})]


# ---- run: as if it were not there

COPY = "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d); sys.stderr.buffer.write(d[::-1])"


def test_run_passes_bytes_through(discreet: Discreet, telemetry_is: str) -> None:
    """Stdin, stdout and stderr of the command are the caller's own, byte for byte, and nothing is added."""
    content = bytes(range(256)) * 1000
    done = discreet("run", "--", sys.executable, "-c", COPY, input=content, stdin=None, text=False)
    assert done.returncode == 0
    assert done.stdout == content
    assert done.stderr == content[::-1]


@pytest.mark.parametrize("status", [0, 3, 255])
def test_run_passes_the_exit_status(discreet: Discreet, place: Path, telemetry_is: str, status: int) -> None:
    """The command's exit status is that of `run`, and what is recorded, once."""
    done = discreet("run", "--", "sh", "-c", f"exit {status}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")
    if telemetry_is == "on":
        properties = only(place)
        assert properties == {"duration_ms": properties["duration_ms"], "success": status == 0, "exit_code": status}
    else:
        assert recorded(place) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGPIPE, signal.SIGINT])
def test_run_ends_by_the_signal_that_ended_the_command(
    discreet: Discreet, place: Path, telemetry_is: str, number: signal.Signals
) -> None:
    """A command killed by a signal ends `run` by the same one; the exit code recorded is 128 more, as in shells."""
    done = discreet("run", "--", "sh", "-c", f"kill -{number:d} $$; exit 5")
    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")
    if telemetry_is == "on":
        properties = only(place)
        assert (properties["exit_code"], properties["success"]) == (128 + number, False)


UNRUNNABLE = {
    "no-such-command": (127, "no-such-command: command not found"),
    "/etc/passwd/x": (127, "/etc/passwd/x: command not found"),
    "./plain": (126, "./plain: cannot be run: Permission denied"),
    "/": (126, "/: cannot be run: Permission denied"),
    "no\x1b[31msuch": (127, "no\\x1b[31msuch: command not found"),
}


def test_run_of_what_cannot_be_run(discreet: Discreet, tmp_path: Path, place: Path, telemetry_is: str) -> None:
    """As in shells: 127 where there is no such command, 126 where it cannot be run, and why; nothing is recorded."""
    (tmp_path / "plain").write_text("echo\n")
    commands = list(UNRUNNABLE.items())
    for command, (status, sentence) in commands if telemetry_is == "on" else commands[:3]:
        done = discreet("run", "--", command, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr == f"discreet --tool mytool: {sentence}\n"
    assert recorded(place) == []


def test_run_of_a_file_that_is_busy(discreet: Discreet, tmp_path: Path, place: Path, telemetry_is: str) -> None:
    """The first file of that name is what was meant: while somebody writes to it no other one is run in its place."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "program").write_text("#!/bin/sh\necho $0\n")
        (tmp_path / name / "program").chmod(0o700)
    path = ":".join([str(tmp_path / "none"), str(tmp_path / "first"), str(tmp_path / "second"), os.environ["PATH"]])
    with (tmp_path / "first" / "program").open("r+"):
        try:
            subprocess.run([str(tmp_path / "first" / "program")], check=True, capture_output=True, timeout=30)
            pytest.skip("this system runs what is written to")
        except OSError as error:
            busy = error.strerror
        done = discreet("run", "--", "program", env={"PATH": path})
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr == f"discreet --tool mytool: program: cannot be run: {busy}\n"
    assert recorded(place) == []


@pytest.mark.parametrize("command", ["./script", "script", "bin/script", "{path}/bin/script"])
def test_run_of_a_script_that_names_no_interpreter(
    discreet: Discreet, tmp_path: Path, place: Path, telemetry_is: str, command: str
) -> None:
    """The shell runs it, with its arguments, found by its path or by its name: as with `timeout` or `nice`."""
    for directory in (tmp_path, tmp_path / "bin"):
        directory.mkdir(exist_ok=True)
        (directory / "script").write_text('echo "$0" "$#" "$1"\nexit 3\n')
        (directory / "script").chmod(0o700)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "script").write_text("not to be run\n")
    (tmp_path / "directory" / "script").mkdir(parents=True)
    path = ":".join([*(str(tmp_path / name) for name in ("none", "plain", "directory", "bin")), os.environ["PATH"]])
    arguments = [command.format(path=tmp_path), "-a b", ""]
    done = discreet("run", "--", *arguments, cwd=tmp_path, env={"PATH": path})
    bare = subprocess.run(
        ["nice", "-n", "0", *arguments], cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, bare.stdout, "")
    assert "script 2 -a b\n" in done.stdout
    assert [properties["exit_code"] for _, properties in recorded(place)] == [3] * (telemetry_is == "on")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "what is to be run? For example: discreet --tool mytool run -- make apply"),
        (["--"], "what is to be run?"),
        (["--", ""], "what is to be run?"),
        (["--event"], "--event: expected one argument"),
        (["--event", "Apply", "--", "true"], "'Apply' is not a legal event name"),
        (["--quiet", "true"], "unrecognized arguments: --quiet"),
        (["--set", "Files=1", "--", "true"], "not 'Files=1'"),
        (["apply", "--", "true", "a b"], "no command apply; if that is the event: run --event apply -- true 'a b'"),
    ],
)
@pytest.mark.usefixtures("agreed")
def test_wrong_use_of_run(capsys: pytest.CaptureFixture[str], place: Path, arguments: list[str], sentence: str) -> None:
    """A wrong use exits 2, says on stderr what is wrong, runs nothing and records nothing."""
    status, out, err = typed(["run", *arguments], capsys)
    assert (status, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert recorded(place) == []


@pytest.mark.parametrize(
    "line", ["no_such --", "No_Such -- true", "--event apply no_such -- true", "-- no_such -- true"]
)
def test_a_word_that_is_no_event(make_telemetry: Any, capsys: pytest.CaptureFixture[str], line: str) -> None:
    """Where nothing follows, where no event is called so, or where that was said: it is a command that is not there."""
    name = "No_Such" if "No" in line else "no_such"
    assert make_telemetry().main(["run", *line.split()]) == 127
    assert capsys.readouterr() == ("", f"mytool telemetry: {name}: command not found\n")


@pytest.mark.parametrize(
    "command",
    [
        ["--", "printf", "%s|", "--event", "x", "--", "-n", "--help"],
        ["printf", "%s|", "--event", "x", "--", "-n", "--help"],
        ["--event", "print", "--", "printf", "%s|", "--event", "x", "--", "-n", "--help"],
        ["env", "--", "printf", "%s|", "--event", "x", "--", "-n", "--help"],
    ],
)
def test_the_commands_own_options(discreet: Discreet, place: Path, telemetry_is: str, command: list[str]) -> None:
    """Everything after the command belongs to it, `--` and options that `run` knows itself included."""
    done = discreet("run", *command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "--event|x|--|-n|--help|", "")
    if telemetry_is == "on":
        assert [event for event, _ in recorded(place)] == ["print" if command[0] == "--event" else "run"]


@pytest.mark.usefixtures("agreed")
def test_run_records_no_name_and_no_argument(discreet: Discreet, home: Path, place: Path) -> None:
    """Of the command, its arguments, its environment and its output nothing reaches a file."""
    done = discreet("run", "--", "sh", "-c", "echo out-geheim; echo err-geheim >&2", "name-geheim", env={"X": "geheim"})
    assert done.returncode == 0
    assert set(only(place)) == {"duration_ms", "success", "exit_code"}
    assert b"geheim" not in everything(home)
    assert b"sh" not in json.dumps(only(place)).encode()


def test_run_with_facts(discreet: Discreet, place: Path, home: Path, telemetry_is: str) -> None:
    """Facts that are given go with the event by the rules of `log`, in silence; what `run` measures stays measured."""
    facts = ["--set", "files=12", "--set=name=geheim", "--set", "exit_code=7"]
    done = discreet("run", *facts, "--event", "apply", "--", "sh", "-c", "exit 3", "--set", "x=1")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    if telemetry_is == "on":
        properties = only(place)
        assert properties == {
            "duration_ms": properties["duration_ms"],
            "success": False,
            "exit_code": 3,
            "files": 12,
        }
    assert b"geheim" not in everything(home)


def test_many_facts_leave_room_for_what_is_measured(make_telemetry: Any, place: Path) -> None:
    """Of more fields than a record has, those that `run` measures are not the ones that are left out."""
    facts = [f"--set=f{number}={number}" for number in range(40)]
    assert make_telemetry().main(["run", *facts, "--", "true"]) == 0
    assert len(only(place)) == 32
    assert only(place).keys() > {"duration_ms", "success", "exit_code"}


def test_run_rounds_what_it_measures(make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """As everything that takes a time is rounded here."""
    monkeypatch.setattr(shell, "time", SimpleNamespace(monotonic_ns=iter((0, 1_500_000)).__next__))
    assert make_telemetry().main(["run", "--", "true"]) == 0
    assert only(place)["duration_ms"] == 2


def test_off_run_on_windows(make_telemetry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a process cannot become another one, and `exec` would leave the command behind alone: `run` waits."""
    telemetry = make_telemetry()
    telemetry.off = True
    monkeypatch.setattr(shell, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(child, "replace", lambda _: pytest.fail("exec"))
    assert telemetry.main(["run", "--", "sh", "-c", "exit 3"]) == 3


@pytest.mark.parametrize("off", [True, False])
def test_run_on_windows_tells_the_tree_what_is_recorded(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, off: bool
) -> None:
    """Where nothing is recorded, the command is not told that another one is."""
    telemetry = make_telemetry(once_per_tree=True)
    telemetry.off = off
    monkeypatch.setattr(shell, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(child, "replace", lambda _: pytest.fail("exec"))
    told = ["sh", "-c", "exit ${MYTOOL_TELEMETRY_INSIDE:+7}"]
    assert telemetry.main(["run", "--event", "command", "--", *told]) == (0 if off else 7)


def test_run_within_a_command_of_the_same_process(make_telemetry: Any, place: Path) -> None:
    """The verbs of a tool that records every call of it: with `once_per_tree` that is the outermost command, and stays
    it until its end.
    """
    telemetry = make_telemetry(once_per_tree=True)
    with telemetry.command("telemetry"):
        inside = os.environ["MYTOOL_TELEMETRY_INSIDE"]
        assert telemetry.main(["run", "--event", "command", "--", "true"]) == 0
        assert os.environ["MYTOOL_TELEMETRY_INSIDE"] == inside
    assert telemetry.main(["run", "--event", "command", "--", "true"]) == 0
    assert "MYTOOL_TELEMETRY_INSIDE" not in os.environ
    assert [properties.get("command") for _, properties in recorded(place)] == ["telemetry", None]


@pytest.mark.usefixtures("agreed")
def test_run_measures_the_command(discreet: Discreet, place: Path) -> None:
    """The duration recorded is that of the command: not shorter, and not longer than all of `run`."""
    started = time.monotonic()
    discreet("run", "--", "sleep", "0.2")
    wall = (time.monotonic() - started) * 1000
    assert 200 <= only(place)["duration_ms"] <= wall


def test_off_run_becomes_the_command(home: Path, place: Path, telemetry_is: str) -> None:
    """With telemetry off `run` is `exec`: the command has its process id. With it on, `run` waits beside it."""
    command = [*TOOL, "run", "--", "sh", "-c", "echo $$"]
    with subprocess.Popen(command, env=clean_environment(home), stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=SECONDS)
    assert (int(output) == process.pid) == (telemetry_is == "off")


def test_run_where_the_log_cannot_be_written(discreet: Discreet, tmp_path: Path) -> None:
    """A log that cannot be written changes nothing for the command: no word, its own exit status."""
    (tmp_path / "file").write_text("")
    env = {"MYTOOL_TELEMETRY_OPT_IN": "true"}
    done = discreet("--data-dir", str(tmp_path / "file" / "data"), "run", "--", "sh", "-c", "echo out; exit 4", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (4, "out\n", "")


INHERITED = "import signal; print(*(signal.getsignal(n) == signal.SIG_IGN for n in (signal.SIGHUP, signal.SIGINT)))"


def test_ignored_signals_stay_ignored(home: Path, telemetry_is: str) -> None:
    """What the caller ignores (`nohup`) the command ignores; what it does not, the command gets as usual."""
    script = f"trap '' HUP; exec {shlex.join([*TOOL, 'run', '--', sys.executable, '-c', INHERITED])}"
    done = subprocess.run(
        ["sh", "-c", script], env=clean_environment(home), capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True False\n")


def test_no_signal_stays_blocked(discreet: Discreet, telemetry_is: str) -> None:
    """The command starts with the signal mask of the caller: what `run` holds back is not held back from it."""
    program = "import signal; print(len(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    assert discreet("run", "--", sys.executable, "-c", program).stdout == "0\n"


def test_a_caller_that_ignores_its_children(home: Path, place: Path, telemetry_is: str) -> None:
    """A caller that ignores SIGCHLD, for which the system throws statuses away, gets the exit status as well."""
    script = f"trap '' CHLD; exec {shlex.join([*TOOL, 'run', '--', 'sh', '-c', 'exit 4'])}"
    done = subprocess.run(
        ["bash", "-c", script], env=clean_environment(home), capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (4, "")


# ---- run: signals, each of them once


def command_of(tmp_path: Path) -> int:
    """The process id of the catcher, once it listens."""
    return int(wait_for_lines(tmp_path / "caught.pid", 1)[0])


def caught(tmp_path: Path, number: int = 1) -> list[str]:
    """The signals that reached the command, once there are `number` and no more have come for a while."""
    deadline = time.monotonic() + SECONDS
    while len((tmp_path / "caught").read_bytes()) < number:
        assert time.monotonic() < deadline, "the signal did not come"
        time.sleep(0.005)
    time.sleep(SETTLED)
    return [signal.Signals(byte).name for byte in (tmp_path / "caught").read_bytes()]


def end_command(tmp_path: Path) -> None:
    """Let the command end by itself, with status 7."""
    os.kill(command_of(tmp_path), signal.SIGALRM)


def run_and_signal(program: list[str], home: Path, tmp_path: Path, name: str) -> list[str]:
    """Start a program that runs the catcher, send a signal to the program alone, and end the catcher."""
    with subprocess.Popen(program, env=clean_environment(home), stdin=subprocess.DEVNULL) as process:
        try:
            command_of(tmp_path)
            process.send_signal(getattr(signal, name))
            found = caught(tmp_path)
            end_command(tmp_path)
            assert process.wait(SECONDS) == 7
        finally:
            process.kill()
    return found


@pytest.mark.parametrize("name", PASSED_ON)
@pytest.mark.usefixtures("agreed")
def test_a_signal_sent_to_run_reaches_the_command_once(
    home: Path, tmp_path: Path, place: Path, catcher: list[str], name: str
) -> None:
    """What is sent to `run` alone reaches the command, once; `run` waits for its end, however the command takes it."""
    assert run_and_signal([*TOOL, "run", "--", *catcher], home, tmp_path, name) == [name]
    assert (only(place)["exit_code"], only(place)["success"]) == (7, False)


@pytest.mark.usefixtures("agreed")
def test_a_signal_that_ends_the_command(home: Path, place: Path) -> None:
    """A command that does not catch a signal sent to `run` dies of it, and so does `run`, having recorded it."""
    command = [*TOOL, "run", "--", "sh", "-c", "echo ready; exec sleep 60"]
    with subprocess.Popen(command, env=clean_environment(home), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(SECONDS) == -signal.SIGTERM
    assert only(place)["exit_code"] == 128 + signal.SIGTERM


# `run` that passes a signal on so slowly that the command has taken its own by then, and not both as one.
SLOW = "import os, sys, time; kill = os.kill; os.kill = lambda *a: (time.sleep(0.03), kill(*a));"
WITHOUT_SIGINFO = "import _signal, sys; del _signal.sigtimedwait, _signal.sigwaitinfo, _signal.struct_siginfo;"
MAIN = "from discreet.__main__ import main; sys.exit(main())"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.usefixtures("agreed")
def test_signals_on_a_system_that_does_not_tell_the_sender(
    home: Path, tmp_path: Path, place: Path, catcher: list[str], name: str
) -> None:
    """On macOS, which has no `sigtimedwait`, what is sent to `run` alone reaches the command once, too."""
    program = [sys.executable, "-W", "error", "-c", WITHOUT_SIGINFO + MAIN, *TOOL[5:], "run", "--", *catcher]
    assert run_and_signal(program, home, tmp_path, name) == [name]
    assert only(place)["exit_code"] == 7


@pytest.mark.parametrize("how", ["siginfo", "siginfo, redirected", "no siginfo", "no siginfo, redirected"])
@pytest.mark.usefixtures("agreed")
def test_the_terminals_keys_reach_the_command_once(
    home: Path, tmp_path: Path, place: Path, catcher: list[str], how: str
) -> None:
    r"""Ctrl-C and Ctrl-\, which the terminal sends to `run` and the command alike, are not sent a second time."""
    program = SLOW + (WITHOUT_SIGINFO if how.startswith("no") else "") + MAIN
    argv = [sys.executable, "-c", program, *TOOL[5:], "run", "--", *catcher]
    stdin = "/dev/null" if how.endswith("redirected") else ""
    with Terminal(argv, clean_environment(home), stdin) as terminal:
        command_of(tmp_path)
        terminal.type("\x03")
        assert caught(tmp_path) == ["SIGINT"]
        terminal.type("\x1c")
        assert caught(tmp_path, 2) == ["SIGINT", "SIGQUIT"]
        end_command(tmp_path)
        assert terminal.end() == 7
    assert "Traceback" not in terminal.output
    assert only(place)["exit_code"] == 7


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="this system does not tell who sent a signal")
@pytest.mark.usefixtures("agreed")
def test_a_signal_sent_to_run_on_a_terminal(home: Path, tmp_path: Path, catcher: list[str], name: str) -> None:
    """On a terminal, too, what somebody sends to `run` alone reaches the command once."""
    with Terminal([*TOOL, "run", "--", *catcher], clean_environment(home)) as terminal:
        command_of(tmp_path)
        terminal.process.send_signal(getattr(signal, name))
        assert caught(tmp_path) == [name]
        end_command(tmp_path)
        assert terminal.end() == 7


@pytest.mark.parametrize("leader", [True, False], ids=["leader", "below a shell"])
@pytest.mark.usefixtures("agreed")
def test_a_closed_window_reaches_the_command_once(
    home: Path, tmp_path: Path, place: Path, catcher: list[str], leader: bool
) -> None:
    """A terminal that hangs up reaches the command once, whether `run` leads the session or a shell does."""
    argv = [sys.executable, "-c", SLOW + MAIN, *TOOL[5:], "run", "--", *catcher]
    # A shell that leads the session and ends with it: the system then tells its foreground.
    shell = ["sh", "-c", f"{shlex.join(argv)} & wait"]
    with Terminal(argv if leader else shell, clean_environment(home)) as terminal:
        command_of(tmp_path)
        terminal.hang_up()
        assert caught(tmp_path) == ["SIGHUP"]
        end_command(tmp_path)
        terminal.process.wait(SECONDS)
        wait_for_lines(place / "usage.jsonl", 1)
    assert only(place)["exit_code"] == 7


@pytest.mark.usefixtures("agreed")
def test_ctrl_c_ends_both(home: Path, place: Path) -> None:
    """A command that does not catch Ctrl-C dies of it, and so does `run`: a shell sees what it would have seen."""
    command = [*TOOL, "run", "--", "sh", "-c", "echo ready; exec sleep 60"]
    with Terminal(command, clean_environment(home)) as terminal:
        terminal.wait_for("ready")
        terminal.type("\x03")
        assert terminal.end() == -signal.SIGINT
    assert "Traceback" not in terminal.output
    assert only(place)["exit_code"] == 130


@pytest.mark.usefixtures("agreed")
def test_a_late_signal_does_not_take_the_record(home: Path, place: Path, tmp_path: Path) -> None:
    """A signal that comes when the command has just ended takes neither its exit status nor its record away."""
    program = """
import os, signal, sys
from discreet import __main__, telemetry
close = telemetry.Recorder.close
def interrupted(self, *arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    return close(self, *arguments)
telemetry.Recorder.close = interrupted
sys.exit(__main__.main())
"""
    argv = [sys.executable, "-c", program, *TOOL[5:], "run", "--", "sh", "-c", "exit 6"]
    done = subprocess.run(argv, env=clean_environment(home), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (6, "")
    assert only(place)["exit_code"] == 6


def test_everything_is_as_before(make_telemetry: Any, place: Path) -> None:
    """In a host's own process `run` leaves handlers, mask and the telemetry as they were."""
    telemetry = make_telemetry()
    handlers = [signal.getsignal(getattr(signal, name)) for name in (*PASSED_ON, "SIGPIPE", "SIGCHLD")]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert telemetry.main(["run", "--", "true"]) == 0
    assert telemetry.main(["run", "--", "no-such-command"]) == 127
    assert telemetry.main(["run", "--event", "other", "--", "sh", "-c", "exit 2"]) == 2
    telemetry.track("later")
    assert telemetry.flush()
    assert handlers == [signal.getsignal(getattr(signal, name)) for name in (*PASSED_ON, "SIGPIPE", "SIGCHLD")]
    assert mask == signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert [event for event, _ in recorded(place)] == ["run", "other", "later"]


def test_a_command_that_cannot_replace_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `exec` fails, SIGPIPE is ignored again, as Python's own code expects."""

    def refuse(*_: object) -> None:
        assert signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL
        raise PermissionError

    monkeypatch.setattr(os, "execve", refuse)
    with pytest.raises(PermissionError):
        child.replace(["true"])
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN


def test_the_end_of_a_host_is_its_own(home: Path, telemetry_is: str) -> None:
    """Whatever a host has to do after its `run` is done, with telemetry off too; its test runner, say, goes on."""
    program = """
import atexit, sys, discreet
atexit.register(print, "at the end")
try:
    status = discreet.Telemetry("mytool").main(sys.argv[1:])
finally:
    print("finally")
sys.exit(status)
"""
    argv = [sys.executable, "-c", program, "run", "--", "sh", "-c", "echo said; exit 3"]
    done = subprocess.run(argv, env=clean_environment(home), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "said\nfinally\nat the end\n", "")


def test_what_the_host_printed_comes_first(home: Path, telemetry_is: str) -> None:
    """What a host has printed before `run` comes before the output of the command, and is not lost."""
    program = "import sys, discreet; print('before'); sys.exit(discreet.Telemetry('mytool').main(sys.argv[1:]))"
    argv = [sys.executable, "-c", program, "run", "--", "echo", "after"]
    environment = {**clean_environment(home), "PYTHONUNBUFFERED": ""}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "before\nafter\n")


# ---- under make

MAKEFILE = """
RUN = {run}
SHELL = /bin/sh
.PHONY: all first second fails parallel inner a b

all: first second
first:
	@$(RUN) --event build.first -- sh -c 'echo one; exit 0'
second:
	@$(RUN) --event build.second -- sh -c 'echo two' # a comment

fails:
	@$(RUN) --event build.fails -- sh -c 'exit 3'

parallel:
	@+$(RUN) --event build.all -- $(MAKE) --no-print-directory a b
a:
	@$(RUN) --event build.a -- sh -c 'echo a > a.begun; for i in 1 2 3 4 5 6 7 8 9 10; do test -e b.begun && exit 0; sleep 0.5; done; exit 9'
b:
	@$(RUN) --event build.b -- sh -c 'echo b > b.begun; for i in 1 2 3 4 5 6 7 8 9 10; do test -e a.begun && exit 0; sleep 0.5; done; exit 9'
"""  # noqa: E501  # a recipe is one line


@pytest.fixture
def make(home: Path, tmp_path: Path, with_make: None) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `make` on the Makefile above."""
    (tmp_path / "Makefile").write_text(MAKEFILE.replace("{run}", shlex.join([*TOOL, "run"])))
    environment = {name: value for name, value in clean_environment(home).items() if not name.startswith("MAKE")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["make", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    return run


def test_under_make(make: Any, place: Path, telemetry_is: str) -> None:
    """Wrapped recipes print and fail as unwrapped ones do, and each is recorded."""
    done = make("all")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\ntwo\n", "")
    done = make("fails")
    assert done.returncode == 2
    assert "fails] Error 3" in done.stderr
    if telemetry_is == "on":
        assert [(event, properties["exit_code"]) for event, properties in recorded(place)] == [
            ("build.first", 0),
            ("build.second", 0),
            ("build.fails", 3),
        ]


def test_the_jobserver_reaches_the_command(make: Any, place: Path, telemetry_is: str) -> None:
    """A wrapped sub-make shares the jobs of `make -j2`: no warning, and its two targets run side by side."""
    done = make("-j2", "parallel")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    if telemetry_is == "on":
        assert sorted(event for event, _ in recorded(place)) == ["build.a", "build.all", "build.b"]


@pytest.mark.parametrize("verb", [["log", "sync"], ["run", "--", "true"]])
@pytest.mark.usefixtures("agreed")
def test_without_the_tool_nothing_is_noted(discreet: Discreet, place: Path, verb: list[str]) -> None:
    """What a first run under a yes discloses is for the tool to say, also where a script recorded before it."""
    assert discreet(*verb).returncode == 0
    assert len(recorded(place)) == 1
    assert not (place / "delivery.json").exists()
