"""The verbs about the choice and the data, driven as a user would: on, off, status, explain, preview, report, clear."""

import argparse
import contextlib
import errno
import io
import json
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from discreet import Telemetry, cli, consent, names
from discreet.__main__ import main
from discreet.cli import data
from discreet.cli.session import Failure, Session, shown
from discreet.consent import stored
from terminal import Terminal

TOOL = [sys.executable, "-W", "error", "-m", "discreet", "--tool", "mytool"]
ON = "discreet --tool mytool on"
OFF = "discreet --tool mytool off"
ROWS = [*consent.ROWS]
Discreet = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def discreet(home: Path) -> Discreet:
    """Run `discreet --tool mytool ...` as a child; `env` is added to a clean environment, None takes a variable out."""

    def run(*arguments: str, env: dict[str, str | None] | None = None, **options: Any) -> Any:
        merged = {**clean_environment(home), **(env or {})}
        return subprocess.run(
            [*TOOL, *arguments],
            env={name: value for name, value in merged.items() if value is not None},
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
def place(home: Path) -> Path:
    """The data directory of the tool; not made yet."""
    return home / ".mytool" / "telemetry"


def below(directory: Path) -> dict[str, bytes | None]:
    """Everything below a directory: files with their content, directories with None."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None for path in directory.rglob("*")
    }


def record(number: int, **changed: object) -> bytes:
    """A line of the log, `number` in its properties, as the package writes it."""
    values = {
        "v": 1,
        "id": f"00000000-0000-4000-8000-{number:012}",
        "time": "2026-11-20T10:30:00Z",
        "run": "0123456789abcdef",
        "event": "sync",
        "tool": "mytool",
        "version": "1.4.0",
        "py": "3.11.7",
        "os": "linux",
        "properties": {"number": number},
        **changed,
    }
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def fill(place: Path, lines: bytes = b"", **files: bytes) -> None:
    """Put a yes, a log and other files (`usage_1_jsonl=` for `usage.1.jsonl`) into the data directory."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "opt-in").write_text("true 2026-11-20T10:30:00Z\n")
    if lines:
        (place / "usage.jsonl").write_bytes(lines)
    for name, content in files.items():
        (place / name.replace("_", ".")).write_bytes(content)


def clean(text: str) -> bool:
    """Whether a terminal would only show this text, and obey nothing in it."""
    return all(letter == "\n" or letter.isprintable() for letter in text)


def said(done: Any, status: int, *sentences: str) -> bool:
    """Whether a child ended with `status` and one line on stderr that holds the sentences, without a traceback."""
    lines = done.stderr.splitlines()
    return done.returncode == status and len(lines) == 1 and all(sentence in lines[0] for sentence in sentences)


# ---- help and wrong use


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.word)
def test_help_has_an_example_that_works(verb: cli.Verb, capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb's help says what it does and ends in an example, on one line, which is a right use of this verb."""
    parser = argparse.ArgumentParser(prog="mytool telemetry")
    cli.add_verbs(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([verb.word, "--help"])
    assert ended.value.code == 0
    page = capsys.readouterr().out
    assert verb.summary.lower() in page.lower()
    head, _, example = page.splitlines()[-1].partition("mytool telemetry ")
    assert head == "example: "
    assert parser.parse_args(shlex.split(example)).verb is verb


def test_typed_as_the_author_says(make_telemetry: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a tool's program has another name, or its verbs another word, they call themselves so, as every other text
    does; the tool keeps its own.
    """
    telemetry = make_telemetry()
    telemetry.program, telemetry.verbs = "my", "--telemetry"
    assert telemetry.main(["status"]) == 0
    shown = capsys.readouterr().out
    assert "Telemetry of mytool is on" in shown
    assert "To change that: my --telemetry off" in shown
    with pytest.raises(SystemExit):
        telemetry.main(["status", "--nonsense"])
    assert capsys.readouterr().err.startswith("usage: my --telemetry status")
    assert "`my --telemetry off`" in telemetry.disclosure()
    telemetry.program, telemetry.verbs = "python3 scripts/telemetry.py", ""  # a script of nothing but verbs
    assert telemetry.main(["status"]) == 0
    assert "To change that: python3 scripts/telemetry.py off" in capsys.readouterr().out
    telemetry.program, telemetry.verbs = "my", "--telemetry"
    assert telemetry.main(["export"]) == 0
    assert "`my --telemetry export`" in capsys.readouterr().out


def test_help_lists_the_verbs(discreet: Discreet) -> None:
    """The help of the command names every verb with its summary, exits 0 and leaves no file."""
    done = discreet("--help")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert all(f"{verb.word} {verb.summary}" in text for verb in cli.VERBS)


def test_help_ends_in_an_example(make_telemetry: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """As that of each verb does, typed as the author says."""
    telemetry = make_telemetry()
    telemetry.program = "my"
    with pytest.raises(SystemExit):
        telemetry.main(["--help"])
    assert capsys.readouterr().out.endswith("\n\nexample: my telemetry status\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "required: VERB"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["on", "now"], "unrecognized arguments: now"),
        (["on", "--enh"], "unrecognized arguments: --enh"),
        (["status", "--yaml"], "unrecognized arguments: --yaml"),
        (["preview", "-n", "0"], "argument -n: must be a number of records, at least 1, not '0'"),
        (["preview", "-n", "x"], "argument -n: must be a number of records, at least 1, not 'x'"),
        (["preview", "-n", "9" * 30], "argument -n: must be a number of records"),
        (["preview", "-n", "9" * 19], "argument -n: must be a number of records"),  # beyond sys.maxsize
    ],
)
def test_wrong_use(capsys: pytest.CaptureFixture[str], home: Path, arguments: list[str], sentence: str) -> None:
    """A wrong use exits 2, says on stderr what is wrong, prints nothing else and does nothing."""
    with pytest.raises(SystemExit) as ended:
        main(["--tool", "mytool", *arguments])
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err.splitlines()[-1]
    assert below(home) == {}


# ---- places that cannot be written


@pytest.mark.parametrize(("verb", "kind"), [("on", "file"), ("off", "below a file"), ("on", "proc")])
def test_unwritable_directory(discreet: Discreet, tmp_path: Path, verb: str, kind: str) -> None:
    """Where no directory can be made (not even by root), a verb that writes exits 1 with one sentence naming it."""
    (tmp_path / "file").write_text("")
    directory = {"file": tmp_path / "file", "below a file": tmp_path / "file" / "data", "proc": Path("/proc/1/data")}[
        kind
    ]
    done = discreet("--data-dir", str(directory), verb)
    assert said(done, 1, str(directory))
    assert done.stdout == ""


@pytest.mark.parametrize("verb", ["status", "clear"])
def test_a_place_that_cannot_be_has_nothing_in_it(discreet: Discreet, tmp_path: Path, verb: str) -> None:
    """The verbs that only look work where no directory can be made: nothing is recorded there."""
    (tmp_path / "file").write_text("")
    done = discreet("--data-dir", str(tmp_path / "file" / "data"), *verb.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert "is off: nobody has said yes" in done.stdout
    assert "dropped" not in done.stdout


@pytest.mark.parametrize("call", ["mkdir", "open"])
def test_no_permission(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, place: Path, call: str
) -> None:
    """EACCES from the directory or from a file in it: exit 1, a sentence with the path and the system's reason."""
    telemetry = make_telemetry(opted_in=False)
    real = getattr(os, call)

    def refuse(path: Any, *arguments: Any, **named: Any) -> Any:
        if str(path).startswith(str(place)) and (call == "mkdir" or arguments[0] & os.O_CREAT):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, call, refuse)
    assert telemetry.main(["on"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"mytool telemetry: {place}")
    assert err.endswith(": Permission denied\n")
    assert ".tmp" not in err
    assert telemetry.main(["off"]) == 1
    assert capsys.readouterr() == (
        "",
        (
            f"mytool telemetry: your no could not be stored in {place / 'opt-in'} (Permission denied), so telemetry of "
            "mytool is off: nobody has said yes\n"
        ),
    )
    assert not (place / "opt-in").exists()


def test_a_full_disk_leaves_the_old_answer(make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """ENOSPC while a no is stored: exit 1 with a sentence that says so, and what helps at once; the old answer stands,
    no temporary file stays.
    """
    telemetry = make_telemetry()
    directory = Path(telemetry.paths.directory)
    before = below(directory)

    def full(descriptor: int, content: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert telemetry.main(["off"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"mytool telemetry: your no could not be stored in {directory / 'opt-in'} (No space left on ")
    assert "so telemetry of mytool is on (basic): " in err
    assert err.endswith("; `export MYTOOL_NO_TELEMETRY=1` stops it\n")
    assert below(directory) == before


def test_a_full_disk_takes_no_yes(make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """ENOSPC comes without a name: the sentence has that of the directory."""
    telemetry = make_telemetry(opted_in=False)

    def full(descriptor: int, content: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert telemetry.main(["on"]) == 1
    assert capsys.readouterr() == ("", f"mytool telemetry: {telemetry.paths.directory}: No space left on device\n")


def test_a_directory_in_the_place_of_the_answer(discreet: Discreet, place: Path) -> None:
    """Where a directory stands at the name of the answer, the sentence names it, and no temporary file."""
    (place / "opt-in").mkdir(parents=True)
    done = discreet("on")
    assert said(done, 1, f"{place / 'opt-in'}: Is a directory")


@pytest.mark.parametrize(
    ("verb", "home_is"),
    [("on", None), ("off", ""), ("preview", None), ("report", "relative"), ("clear --yes", "relative")],
)
def test_no_home(discreet: Discreet, tmp_path: Path, verb: str, home_is: str | None) -> None:
    """Without a home no verb writes anywhere: exit 1, and the sentence says what is wrong with HOME."""
    done = discreet(*verb.split(), env={"HOME": home_is}, cwd=tmp_path)
    assert said(done, 1, "there is no place for telemetry files: HOME is not ", "; set HOME")
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


# ---- on and off


def test_on(discreet: Discreet, place: Path) -> None:
    """`on` stores a dated yes in private files, says so, and the next command is recorded."""
    done = discreet("on")
    assert (done.returncode, done.stderr) == (0, "")
    # Nobody knows here whether it is sent, so of that nothing is said.
    told = f"Telemetry of mytool is on (basic). What it records is kept in {place / 'usage.jsonl'}."
    assert done.stdout.splitlines()[0] == told
    assert f"`{OFF}`" in done.stdout
    answer, since = (place / "opt-in").read_text().split()
    assert answer == "true"
    assert since.startswith("20")
    assert since.endswith("Z")
    assert stat.S_IMODE((place / "opt-in").stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place, place.parent)} == {0o700}
    discreet("log", "sync")
    assert (place / "usage.jsonl").read_bytes().count(b"\n") == 1


def test_on_enhanced(discreet: Discreet, place: Path) -> None:
    """`on --enhanced` raises the level, `on` alone takes it back."""
    assert "is on (enhanced)" in discreet("on", "--enhanced").stdout
    assert (place / "opt-in").read_text().startswith("enhanced ")
    assert json.loads(discreet("status", "--json").stdout)["level"] == "enhanced"
    discreet("on")
    assert json.loads(discreet("status", "--json").stdout)["level"] == "basic"


@pytest.mark.parametrize("error", [Failure("try again"), OSError(errno.EIO, os.strerror(errno.EIO))], ids=["", "EIO"])
def test_on_where_nobody_can_tell_what_is_new(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, place: Path, error: Exception
) -> None:
    """That is no reason to refuse a yes."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(cli.consent, "additions", refuse)
    assert make_telemetry().main(["on"]) == 0
    assert capsys.readouterr().out.startswith("Telemetry of mytool is on (basic). ")
    assert (place / "opt-in").read_text().startswith("true 20")


@pytest.mark.parametrize(
    ("env", "change"),
    [
        ({"DO_NOT_TRACK": "1"}, "unset DO_NOT_TRACK"),
        ({"DO_NOT_TRACK": "on", "TELEMETRY_DISABLED": "1"}, "unset DO_NOT_TRACK TELEMETRY_DISABLED"),
        ({"MYTOOL_NO_TELEMETRY": "0"}, "unset MYTOOL_NO_TELEMETRY"),
        ({"MYTOOL__TELEMETRY__DISABLE_TELEMETRY": "1"}, "unset MYTOOL__TELEMETRY__DISABLE_TELEMETRY"),
        ({"MYTOOL_TELEMETRY_OPT_IN": "perhaps"}, "export MYTOOL_TELEMETRY_OPT_IN=true"),
        ({"MYTOOL__TELEMETRY__OPT_IN": "no"}, "export MYTOOL__TELEMETRY__OPT_IN=true"),
        ({"GITHUB_ACTIONS": "true"}, "export MYTOOL_TELEMETRY_CI=true"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_on_where_something_else_says_off(discreet: Discreet, home: Path, env: dict[str, str], change: str) -> None:
    """`on` stores the yes, says that and why telemetry stays off, and what to type; typed as it stands, that helps."""
    done = discreet("on", env=env)
    assert done.returncode == 0
    first, then, where = done.stdout.splitlines()
    assert first.startswith("Your yes is stored, but telemetry of mytool stays off: ")
    assert next(iter(env)) in first
    assert then == f"To change that: {change}"
    assert where.startswith("Asked without mytool itself: ")
    shell = ["bash", "-euc", f"{change}\n{shlex.join([*TOOL, 'status', '--json'])}"]
    assert json.loads(subprocess.check_output(shell, env={**clean_environment(home), **env}))["enabled"] is True


def test_all_that_has_to_change_is_told(discreet: Discreet) -> None:
    """Where several rules say off and nobody said yes, every step is told, not only the first; `on` is none beside a
    variable that is to say yes.
    """
    for env, yes in (({"MYTOOL_NO_TELEMETRY": "1"}, ON), ({"MYTOOL_TELEMETRY_OPT_IN": "no"}, "")):
        done = discreet("status", env={"DO_NOT_TRACK": "1", "CI": "true", **env})
        steps = done.stdout.partition("To change that, all of this:\n")[2].splitlines()
        assert steps[:-1] == [
            "  unset DO_NOT_TRACK",
            "  unset MYTOOL_NO_TELEMETRY" if yes else "  export MYTOOL_TELEMETRY_OPT_IN=true",
            "  export MYTOOL_TELEMETRY_CI=true",
            *([f"  {yes}"] if yes else []),
        ]
        assert steps[-1].startswith("Asked without mytool itself")


def test_a_stored_no_has_to_change_beside_another_yes(discreet: Discreet, place: Path) -> None:
    """Where a stored no stands beside a yes in the environment, `on` is among the steps."""
    fill(place)
    (place / "opt-in").write_text("false\n")
    done = discreet("status", env={"DO_NOT_TRACK": "1", "MYTOOL_TELEMETRY_OPT_IN": "true"})
    assert f"  {ON}\n" in done.stdout


def test_where_nothing_helps_nothing_else_is_told(make_telemetry: Any, monkeypatch: Any, capsys: Any) -> None:
    """Where the tool itself says off, no other step is told, although other rules say off as well."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert make_telemetry(consent="off").main(["status"]) == 0
    assert capsys.readouterr().out.endswith("To change that: only the author of mytool can change this\n")


def test_off_keeps_the_data_and_ends_the_recording(discreet: Discreet, place: Path) -> None:
    """`off` keeps the log as it is and says how much there is; after it nothing is recorded, whatever else says yes."""
    fill(place, record(1) + record(2), enabled=b"")
    done = discreet("off")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Telemetry of mytool is off." in done.stdout
    assert f"Kept in {place}: 2 events ({len(record(1) + record(2))} bytes)." in done.stdout
    assert (place / "opt-in").read_text().startswith("false 20")
    assert not (place / "enabled").exists()
    for arguments in (["log", "sync"], ["run", "--", "true"]):
        done = discreet(*arguments, env={"MYTOOL_TELEMETRY_OPT_IN": "true"})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (place / "usage.jsonl").read_bytes() == record(1) + record(2)
    assert {path.name for path in place.iterdir()} <= {"opt-in", "usage.jsonl", "lock"}


def test_off_where_nothing_was_recorded(make_telemetry: Any, capsys: Any) -> None:
    """Nothing is said to be kept."""
    assert make_telemetry(opted_in=False).main(["off"]) == 0
    told = "Telemetry of mytool is off. Nothing more is recorded, and nothing is sent.\n"
    assert capsys.readouterr() == (told, "")


# ---- status


@pytest.mark.parametrize("answer", ["true", "false", None])
def test_status_as_json(discreet: Discreet, place: Path, answer: str | None) -> None:
    """`status --json` is one object with exactly the promised keys, true to the files, rotated ones included."""
    lines = [record(number) for number in range(5)]
    fill(place, b"".join(lines[2:]), usage_1_jsonl=lines[1], usage_3_jsonl=lines[0])
    (place / "opt-in").unlink()
    if answer:
        (place / "opt-in").write_text(answer)
    done = discreet("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert list(found) == ["tool", "enabled", "level", "reason", "source", "events", "bytes", "log", "pending"]
    assert found["reason"]
    assert found == {
        "tool": "mytool",
        "enabled": answer == "true",
        "level": "basic",
        "reason": found["reason"],
        "source": str(place / "opt-in") if answer else "default",
        "events": 5,
        "bytes": sum(map(len, lines)),
        "log": str(place / "usage.jsonl"),
        "pending": 0,
    }


def test_status(discreet: Discreet, place: Path) -> None:
    """`status` says state, reason, count, size, paths, what was dropped, and what to type to change it."""
    fill(place, record(1), losses_json=b'{"queue_full":1200,"undeclared_value":2}')
    lines = discreet("status").stdout.splitlines()
    assert lines[:6] == [
        f"Telemetry of mytool is on (basic): {place / 'opt-in'} says true since 2026-11-20T10:30:00Z.",
        f"  events   1 in {len(record(1))} bytes",
        f"  log      {place / 'usage.jsonl'}",
        f"  consent  {place / 'opt-in'}",
        "  dropped  queue full (1,200), undeclared value (2)",
        f"To change that: {OFF}",
    ]
    assert discreet("status", env={"DO_NOT_TRACK": "1"}).stdout.splitlines()[0].endswith("is off: DO_NOT_TRACK is set.")
    (place / "losses.json").unlink()
    (place / "losses.json").mkdir()
    assert discreet("status").stdout.splitlines()[4] == "  dropped  cannot be read: not a regular file"


@pytest.mark.parametrize("verb", ["status", "status --json", "explain", "preview", "report", "clear --yes"])
def test_looking_makes_nothing(discreet: Discreet, home: Path, verb: str) -> None:
    """The verbs that look, or erase what is not there, leave no file and no directory, and succeed."""
    assert discreet(*verb.split()).returncode == 0
    assert below(home) == {}


def test_status_without_a_home(discreet: Discreet, tmp_path: Path) -> None:
    """Where there is no place for files, `status` and `explain` still work and name none."""
    done = discreet("status", env={"HOME": None}, cwd=tmp_path)
    assert done.returncode == 0
    assert "is off: HOME is not set" in done.stdout
    assert "  events   0 in 0 bytes\n  log      nowhere\n" in done.stdout
    assert json.loads(discreet("status", "--json", env={"HOME": None}).stdout)["log"] == ""
    assert "=> off home" in discreet("explain", env={"HOME": ""}).stdout


# ---- explain


def explained(page: str) -> tuple[list[str], list[tuple[str, str]], str]:
    """What `explain` printed: its rows, those marked as deciding with their verdicts, and what to change."""
    rows = [line for line in page.splitlines() if line[:3] in ("=> ", "   ")]
    marked = [(line[7:26].strip(), line[3:7].strip()) for line in rows if line.startswith("=>")]
    return [line[7:26].strip() for line in rows], marked, page.partition("To change that")[2]


@pytest.mark.parametrize(
    ("env", "row", "change"),
    [
        ({"DO_NOT_TRACK": "1"}, "DO_NOT_TRACK", "unset DO_NOT_TRACK"),
        ({"TELEMETRY_DISABLED": "yes"}, "DO_NOT_TRACK", "TELEMETRY_DISABLED"),
        ({"DISABLE_TELEMETRY": "x"}, "DO_NOT_TRACK", "DISABLE_TELEMETRY"),
        ({"MYTOOL_NO_TELEMETRY": "0"}, "no telemetry", "unset MYTOOL_NO_TELEMETRY"),
        ({"MYTOOL_TELEMETRY_DISABLE_TELEMETRY": ""}, "disable telemetry", "MYTOOL_TELEMETRY_DISABLE_TELEMETRY"),
        ({"MYTOOL_TELEMETRY_OPT_IN": "false"}, "opt-in variable", "export MYTOOL_TELEMETRY_OPT_IN=true"),
        ({"PYTEST_VERSION": "9"}, "test runner", "discreet.testing"),
        ({"CI": "1"}, "CI", "export MYTOOL_TELEMETRY_CI=true"),
        ({"HOME": None}, "home", "set HOME"),
        ({"HOME": "relative"}, "home", "set HOME"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_explain_marks_what_decided(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, env: dict[str, str | None], row: str, change: str
) -> None:
    """For each way out through the environment: all twelve rows in order, one marked, and what to type."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # pytest sets it anew for each test
    for name, value in env.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    assert Telemetry("mytool").main(["explain"]) == 0
    page = capsys.readouterr().out
    rows, marked, changes = explained(page)
    assert rows == ROWS
    assert len(rows) == 12
    assert marked == [(row, "off")]
    assert change in changes
    assert "So telemetry of mytool is off: " in page


@pytest.mark.parametrize("answer", ["false", "", "perhaps", None])
def test_explain_marks_the_stored_answer(discreet: Discreet, place: Path, answer: str | None) -> None:
    """A stored no, an empty or a meaningless answer decide by themselves; without one the default does."""
    place.mkdir(parents=True)
    if answer is not None:
        (place / "opt-in").write_text(answer)
    rows, marked, changes = explained(discreet("explain").stdout)
    assert rows == ROWS
    assert marked == [("default" if answer is None else "stored consent", "off")]
    assert changes.splitlines()[0] == f": {ON}"


def test_explain_a_yes(discreet: Discreet, place: Path) -> None:
    """A yes is marked as on, no other row is said to be off, and the way back is told."""
    fill(place)
    page = discreet("explain").stdout
    rows, marked, changes = explained(page)
    assert (rows, marked) == (ROWS, [("stored consent", "on")])
    assert not [line for line in page.splitlines()[1:] if line[3:7] == "off "]
    assert changes.splitlines()[0] == f": {OFF}"


@pytest.mark.parametrize("row", ["code", "machine policy", "settings"])
def test_explain_marks_what_the_host_and_the_machine_say(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any, row: str
) -> None:
    """The author's switch, the administrator's file and the configuration are marked where they decide."""
    monkeypatch.setattr(consent, "POLICY_ROOT", str(tmp_path / "etc"))
    options: dict[str, Any] = {"code": {"consent": "off"}, "settings": {"settings": {"disable_telemetry": True}}}.get(
        row, {}
    )
    if row == "machine policy":
        (tmp_path / "etc" / "mytool").mkdir(parents=True)
        (tmp_path / "etc" / "mytool" / "telemetry").write_text("false\n")
    telemetry = make_telemetry(**options)
    assert telemetry.main(["explain"]) == 0
    rows, marked, changes = explained(capsys.readouterr().out)
    assert (rows, marked) == (ROWS, [(row, "off")])
    assert {
        "code": ": only the author of mytool can change this\n",
        "machine policy": ": ask who administers this machine\n",
        "settings": ": remove disable_telemetry from the configuration of mytool\n",
    }[row] == changes


def test_explain_in_an_opt_out_tool(make_telemetry: Any, capsys: Any, place: Path) -> None:
    """An opt-out tool explains that its notice was not shown yet, and afterwards that the default is on."""
    telemetry = make_telemetry(opted_in=False, consent="opt-out")
    telemetry.main(["explain"])
    page = capsys.readouterr().out
    assert explained(page)[1] == [("default", "off")]
    assert "the notice has not been shown yet" in page
    place.mkdir(parents=True)
    (place / "notice").write_text("2026-11-20\n")
    telemetry.main(["explain"])
    page = capsys.readouterr().out
    assert explained(page)[1] == [("default", "on")]
    assert explained(page)[2] == ": mytool telemetry off\n"


# ---- preview and report


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_preview_is_the_log_byte_for_byte(discreet: Discreet, place: Path, encoding: str) -> None:
    """`preview -n N` prints the last N lines of the log, over all its files, byte for byte in any locale."""
    lines = [record(number, version="1.0-größer") for number in range(15)]
    fill(place, b"".join(lines[12:]), usage_1_jsonl=b"".join(lines[6:12]), usage_2_jsonl=b"".join(lines[:6]))
    for arguments, number in (([], 10), (["-n", "2"], 2), (["-n", "5"], 5), (["-n", "1000"], 15)):
        done = discreet("preview", *arguments, env={"PYTHONIOENCODING": encoding}, text=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == b"".join(lines[-number:])


def test_preview_shows_what_was_recorded(discreet: Discreet, place: Path) -> None:
    """What the tool wrote to its log is what `preview` prints."""
    discreet("on")
    discreet("log", "sync", "--set", "files=12")
    assert discreet("preview").stdout.encode() == (place / "usage.jsonl").read_bytes()


def test_nothing_recorded_yet(discreet: Discreet) -> None:
    """`preview` and `report` of an empty log say so, on a line that no program takes for a record, and succeed."""
    done = discreet("preview")
    assert said(done, 0, "nothing is recorded yet", "`discreet --tool mytool status`")
    assert done.stdout == ""
    assert discreet("report").stdout.split() == f"Nothing is recorded yet. To begin, type: {ON}".split()


def test_the_log_is_a_directory(discreet: Discreet, place: Path) -> None:
    """A directory in the place of the log exits 1 with a sentence, whoever looks."""
    fill(place)
    (place / "usage.jsonl").mkdir()
    for verb in ("status", "preview", "report"):
        assert said(discreet(verb), 1, f"{place / 'usage.jsonl'}: Is a directory")


# ---- hostile content

_ESCAPE = "\x1b[31mred\x1b]0;title\x07"
HOSTILE = [
    record(90, version=_ESCAPE),
    record(91, event=_ESCAPE),
    record(92, properties={"note": _ESCAPE}),
    record(93, properties={"note": "\x9b31m \u202ebackwards"}),
    record(94)[:-40] + b"\n",  # torn
    b'{"hello":"\x1b[2J"}\n',  # raw, which JSON does not allow
    b"\x1b[2Jnot JSON at all\n",
    b'{"other":"record \xc2\x9b31m"}\n',  # foreign
    record(95).replace(b'"v":1', b'"v":1,\r\t \r'),  # legal between values, and it moves the cursor
    record(96).replace(b'"tool"', b'"tool":"\xc2\x9b31m\xe2\x80\xae","tool"', 1),  # the reader keeps the second one
    record(97, properties={"note": "x" * 20000}),  # too long
    b"\xff\xfe\x00\n",
]


@pytest.mark.parametrize("verb", ["status", "preview -n 100", "report", "explain", "clear --yes"])
def test_hostile_content_never_reaches_the_terminal(discreet: Discreet, tmp_path: Path, verb: str) -> None:
    """Nothing that a terminal obeys comes out of the log, other files, file names, paths or the environment."""
    place = tmp_path / f"data{_ESCAPE}\u202e"
    fill(place, b"".join(HOSTILE) + record(1))
    (place / "losses.json").write_text(json.dumps({_ESCAPE: 1, "queue_full": 2}))
    (place / "opt-in").write_text(f"true {_ESCAPE}\n")
    (place / f"opt-in.1.{_ESCAPE}.tmp").write_text("")
    env = {
        "DO_NOT_TRACK": "0" + _ESCAPE,
        "MYTOOL_TELEMETRY_OPT_IN": _ESCAPE,
        "MYTOOL_NO_TELEMETRY": _ESCAPE,
        "CI": _ESCAPE,
    }
    for added in ({}, env):
        done = discreet("--data-dir", str(place), *verb.split(), env=added)
        assert done.stdout + done.stderr
        assert clean(done.stdout), done.stdout
        assert clean(done.stderr), done.stderr


def test_the_good_lines_among_hostile_ones(discreet: Discreet, place: Path) -> None:
    """Records between hostile lines are shown and counted; how many lines could not be used is told."""
    fill(place, record(1) + b"".join(HOSTILE) + record(2))
    done = discreet("preview", "-n", "100", text=False)
    assert done.stdout == record(1) + record(2)
    assert f"{len(HOSTILE)} lines of the log could not be used".encode() in done.stderr
    fill(place, b"".join(HOSTILE))
    assert said(
        discreet("preview"), 0, f"{len(HOSTILE)} lines of the log could not be used"
    )  # and not that it is empty
    page = discreet("report").stdout
    assert "of the log could not be used" in page


@pytest.mark.parametrize(
    "text", ["plain", "/home/josé", "C:\\Users", "\x1b[31m", "\x9b", "\u202e", "\udcff", "a\nb\tc\x7f"]
)
def test_shown(text: str) -> None:
    """What is printable stays as it is; everything else is an escape; what the stream cannot take is one, too."""
    assert clean(shown(text, None))
    assert shown(text, None) == text or not clean(text)
    with open(os.devnull, "w", encoding="ascii") as stream:
        assert shown(text, stream).isascii()
        assert "?" not in shown(text, stream)


# ---- the output goes away


def broken(discreet: Discreet, *arguments: str, env: dict[str, str | None]) -> Any:
    """Run a verb whose reader has gone before it began."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return discreet(*arguments, env=env, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    ("verb", "unbuffered"),
    [
        ("on", ""),
        ("status", "1"),
        ("status --json", ""),
        ("preview -n 999", ""),
        ("preview -n 999", "1"),
        ("report", ""),
    ],
)
def test_broken_pipe(discreet: Discreet, place: Path, verb: str, unbuffered: str) -> None:
    """A reader that went away is no error: nothing on stderr, exit 0."""
    fill(place, b"".join(map(record, range(300))))
    done = broken(discreet, *verb.split(), env={"PYTHONUNBUFFERED": unbuffered})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["report", "preview -n 1000"])
def test_head(home: Path, place: Path, verb: str) -> None:
    """`... report | head -1` prints its line, and neither a complaint nor a failure."""
    fill(place, b"".join(map(record, range(1000))))
    pipeline = f"{shlex.join(TOOL)} {verb} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", pipeline], env=clean_environment(home), capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a device that is always full")
@pytest.mark.parametrize(
    ("verb", "unbuffered"), [("status", ""), ("status", "1"), ("preview -n 999", ""), ("preview -n 999", "1")]
)
def test_the_output_cannot_be_written(discreet: Discreet, place: Path, verb: str, unbuffered: str) -> None:
    """Output that a full disk refuses: exit 1, and the sentence blames the output, not the data directory."""
    fill(place, b"".join(map(record, range(300))))
    with open("/dev/full", "w") as full:
        done = discreet(
            *verb.split(),
            env={"PYTHONUNBUFFERED": unbuffered},
            capture_output=False,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert said(done, 1, "the output could not be written: No space left on device")


@pytest.mark.parametrize(
    ("verb", "closed"), [("on", "<&-"), ("status", ">&-"), ("report", "2>&-"), ("preview", "<&- >&- 2>&-")]
)
def test_closed_streams(home: Path, place: Path, verb: str, closed: str) -> None:
    """A verb started without stdin, stdout or stderr does its work and ends well."""
    fill(place, record(1))
    shell = ["bash", "-c", f"exec {shlex.join([*TOOL, verb])} {closed}"]
    done = subprocess.run(shell, env=clean_environment(home), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">&-" not in closed.split())


def test_a_complaint_that_nobody_can_read(home: Path, place: Path) -> None:
    """Without stderr it is not printed to stdout, where a program reads records."""
    fill(place, record(1) + b"torn\n")
    shell = ["bash", "-c", f"exec {shlex.join([*TOOL, 'preview'])} 2>&-"]
    done = subprocess.run(shell, env=clean_environment(home), capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, record(1))


# ---- clear

OURS = {
    **dict.fromkeys(names.FILES.values(), b"x"),
    "usage.1.jsonl": b"x",
    "usage.2.jsonl": b"x",
    "usage.3.jsonl": b"x",
    "opt-in.4711.0123abcd.tmp": b"x",
    "losses.json.4711.0123abcd.tmp": b"x",
}
NOT_OURS = {
    "notes.txt": b"mine",
    "usage.4.jsonl": b"mine",
    "usage.notes.tmp": b"mine",
    "id.tmp": b"mine",
    "id.4711.backup1.tmp": b"mine",
    "notes.txt.4711.0123abcd.tmp": b"mine",
    "usage.jsonl.bak": b"mine",
    "folder/usage.jsonl": b"mine",
}


def put(place: Path, files: dict[str, bytes]) -> None:
    """Write files below the data directory."""
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


@pytest.mark.parametrize("keys", ["\n", "n\n", "no\n", "yes please\n", "\x04"])
def test_clear_asks_and_the_default_is_no(home: Path, place: Path, keys: str) -> None:
    """On a terminal `clear` names what it would erase and asks; anything but a yes keeps everything."""
    put(place, OURS)
    before = below(home)
    with Terminal([*TOOL, "clear"], clean_environment(home)) as terminal:
        terminal.wait_for("[y/N] ")
        assert str(place / "usage.3.jsonl") in terminal.output
        terminal.type(keys)
        assert terminal.end() == 0
    assert terminal.output.endswith("\nNothing was erased.\n")
    assert below(home) == before


@pytest.mark.parametrize("verb", [["preview"], ["report"], ["export"], ["sent"], ["on"]], ids=" ".join)
def test_a_file_in_the_way(discreet: Discreet, home: Path, verb: list[str]) -> None:
    """Where a file stands in a directory's place it is named, and no path below it that nobody knows."""
    (home / ".mytool").write_text("mine")
    done = discreet(*verb)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"discreet --tool mytool: {home / '.mytool'}: Not a directory\n"


def test_clear_interrupted(home: Path, place: Path) -> None:
    """Ctrl-C at the question keeps everything, without a traceback; the exit status is that of an interrupt."""
    put(place, OURS)
    with Terminal([*TOOL, "clear"], clean_environment(home)) as terminal:
        terminal.wait_for("[y/N] ")
        while terminal.process.poll() is None:  # Python may print the question just before it listens
            terminal.type("\x03")
            with contextlib.suppress(subprocess.TimeoutExpired):
                terminal.process.wait(3.0)  # a second one would meet an interpreter that is at its end
        assert terminal.end() == 130
    assert "Traceback" not in terminal.output
    assert len(below(place)) == len(OURS)


def test_the_question_is_asked_where_the_answer_is_read(home: Path, place: Path) -> None:
    """On stdout, wherever stderr goes: else the verb would seem to hang."""
    put(place, OURS)
    quiet = ["sh", "-c", 'exec "$@" 2>/dev/null', "sh", *TOOL, "clear"]
    with Terminal(quiet, clean_environment(home)) as terminal:
        terminal.wait_for("Erase them? [y/N] ")
        terminal.type("n\n")
        assert terminal.end() == 0
    assert terminal.output.endswith("\nNothing was erased.\n")


@pytest.mark.parametrize(("typed", "said"), [(b"y\n", True), (b"\xff\n", False), (b"y\xff\n", False), (b"", False)])
def test_what_is_no_text_is_no_yes(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, typed: bytes, said: bool
) -> None:
    """What was typed in another encoding ends in no traceback."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed), "utf-8"))
    assert data.confirmed(Session(make_telemetry(), "mytool telemetry"), "Erase them?") is said
    assert capsys.readouterr().out == "Erase them? [y/N] " + ("" if typed else "\n")


@pytest.mark.parametrize("keys", ["y\n", " YES \n"])
def test_clear_erases_all_of_it(home: Path, place: Path, keys: str) -> None:
    """A yes erases every file of the table, rotated logs and leftovers, and the directories that are empty then."""
    put(place, {name: content for name, content in OURS.items() if name != "notice"})
    with Terminal([*TOOL, "clear"], clean_environment(home)) as terminal:
        terminal.wait_for("[y/N] ")
        terminal.type(keys)
        assert terminal.end() == 0
    assert f"Erased {len(OURS) - 1} files." in terminal.output
    assert "Telemetry of mytool is off: nobody has said yes." in terminal.output
    assert below(home) == {}


def test_clear_erases_what_came_while_it_asked(home: Path, place: Path) -> None:
    """A person takes a while, and the tool may run meanwhile."""
    put(place, {"usage.jsonl": b"x"})
    with Terminal([*TOOL, "clear"], clean_environment(home)) as terminal:
        terminal.wait_for("[y/N] ")
        put(place, {"usage.1.jsonl": b"x", "id": b"x", "salt": b"x"})
        terminal.type("y\n")
        assert terminal.end() == 0
    assert "Erased 4 files." in terminal.output
    assert below(home) == {}


@pytest.mark.parametrize("disk", ["well", "full"])
@pytest.mark.parametrize("mode", ["opt-in", "opt-out"])
def test_clear_killed_anywhere(
    make_telemetry: Callable[..., Telemetry], monkeypatch: pytest.MonkeyPatch, place: Path, mode: str, disk: str
) -> None:
    """After a no nothing is on in between: neither the marker nor the notice outlives the answer."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Killed(BaseException):
        pass

    def until(most: int, real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any, **options: Any) -> None:
            real(*arguments, **options)
            done.append(real)
            if len(done) == most:
                raise Killed

        return call

    done: list[object] = []
    for most in range(1, 100):
        put(place, OURS | {"opt-in": b"false\n", "notice": b"2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21\n"})
        telemetry = make_telemetry(consent=mode, opted_in=False)
        with monkeypatch.context() as patched, contextlib.suppress(Killed):
            for name in ("unlink", "replace", "rename"):
                patched.setattr(os, name, until(most, getattr(os, name)))
            if disk == "full":
                patched.setattr(stored, "store", refuse)
            done.clear()
            assert telemetry.main(["clear", "--yes"]) == (disk == "full")  # no stored no is left
        assert not make_telemetry(consent=mode, opted_in=False).enabled
        if len(done) < most:
            break
    assert most > len(OURS)


@pytest.mark.parametrize("stdin", ["null", "pipe", "closed"])
def test_clear_without_a_terminal(discreet: Discreet, home: Path, place: Path, stdin: str) -> None:
    """Without a terminal to ask on, `clear` exits 2, says how to do it, and keeps everything, whatever is piped in."""
    put(place, OURS)
    before = below(home)
    if stdin == "closed":
        shell = ["bash", "-c", f"{shlex.join([*TOOL, 'clear'])} <&-"]
        done = subprocess.run(shell, env=clean_environment(home), capture_output=True, text=True, check=False)
    else:
        done = discreet("clear", **({"input": "y\n", "stdin": None} if stdin == "pipe" else {}))
    assert said(done, 2, "--yes")
    assert done.stdout == ""
    assert below(home) == before


def test_clear_with_its_output_in_a_file(home: Path, place: Path, tmp_path: Path) -> None:
    """Whoever types cannot read what is asked, so it is not asked."""
    put(place, OURS)
    before = below(home)
    shell = f"{shlex.join([*TOOL, 'clear'])} > {tmp_path / 'out.txt'}; echo ended $?"
    with Terminal(["sh", "-c", shell], clean_environment(home)) as terminal:
        terminal.type("y\n")
        assert terminal.end() == 0
    assert terminal.output.endswith("give --yes to erase without being asked\nended 2\n")
    assert below(home) == before


def test_clear_of_nothing_leaves_the_directory(discreet: Discreet, place: Path) -> None:
    """It may be one that the user has made, and named by a variable."""
    place.mkdir(parents=True)
    assert discreet("clear", "--yes").returncode == 0
    assert place.is_dir()


def test_clear_leaves_what_is_not_ours(discreet: Discreet, place: Path) -> None:
    """Files that somebody else put into the directory survive, names that look like ours included."""
    put(place, {**OURS, **NOT_OURS})
    (place / "receipts.jsonl").unlink()
    (place / "receipts.jsonl").mkdir()
    (place / "notice").unlink()
    done = discreet("clear", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert below(place) == {**NOT_OURS, "folder": None, "receipts.jsonl": None}


def test_clear_does_not_follow_a_link(discreet: Discreet, place: Path, tmp_path: Path) -> None:
    """A symbolic link at a name of the table is erased itself, never what it leads to."""
    (tmp_path / "diary").write_text("mine")
    put(place, {"opt-in": b"true"})
    (place / "usage.jsonl").symlink_to(tmp_path / "diary")
    (tmp_path / "folder").mkdir()
    (place / "salt").symlink_to(tmp_path / "folder")
    assert discreet("clear", "--yes").returncode == 0
    assert (tmp_path / "diary").read_text() == "mine"
    assert (tmp_path / "folder").is_dir()
    assert not place.exists()


@pytest.mark.parametrize("recorded", [True, False])
def test_clear_in_an_opt_out_tool(make_telemetry: Any, capsys: Any, place: Path, recorded: bool) -> None:
    """An opt-out tool, which would begin again by itself, keeps a no: nothing but `opt-in: false` is left."""
    if recorded:
        put(place, OURS)
    telemetry = make_telemetry(opted_in=False, consent="opt-out")
    assert telemetry.main(["clear", "--yes"]) == 0
    assert [path.name for path in place.iterdir()] == ["opt-in"]
    assert (place / "opt-in").read_text().startswith("false ")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("Erased " if recorded else "There is nothing of mytool to erase in ")
    assert second == f"A no is left in {place}/opt-in: without it mytool would begin again by itself."
    assert third.startswith("Telemetry of mytool is off: ")


KEPT = "Your no in {place}/opt-in is kept: without it mytool {would} begin again by itself."
LEFT = "A no is left in {place}/opt-in: without it mytool {would} begin again by itself."
NOTHING = "There is nothing of mytool to erase in {place}."


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        ({"opt-in": b"false\n"}, NOTHING, KEPT),
        ({"opt-in": b"false\n", "usage.jsonl": b"x", "lock": b""}, "Erased 2 files.", KEPT),
        ({"opt-in": b"false\n", "notice": b"2026-11-20"}, "Erased 1 file.", KEPT),
        ({"opt-in": b"true\n", "notice": b"2026-11-20"}, "Erased 2 files.", LEFT),
        ({"opt-in": b"", "notice": b"2026-11-20"}, "Erased 2 files.", LEFT),
        ({"enabled": b"", "notice": b"2026-11-20"}, "Erased 2 files.", LEFT),
    ],
)
def test_what_stays_is_not_said_to_be_erased(
    make_telemetry: Any, capsys: Any, place: Path, case: tuple[dict[str, bytes], str, str], alone: bool
) -> None:
    """The no of an opt-out tool, and why it stays, each time anew. An answer whose place it takes counts as erased."""
    files, *told = case
    put(place, files)
    telemetry = make_telemetry(opted_in=False, consent="opt-out")
    for lines in (told, [NOTHING, KEPT]):
        if alone:
            main(["--tool", "mytool", "clear", "--yes"])
        else:
            telemetry.main(["clear", "--yes"])
        first, second, third, *_ = capsys.readouterr().out.splitlines()
        assert [first, second] == [line.format(place=place, would="may" if alone else "would") for line in lines]
        assert third.startswith("Telemetry of mytool is off: ")
    assert [path.name for path in place.iterdir()] == ["opt-in"]


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (b"false\n", ["This erases all telemetry of mytool:", "  {place}/notice", KEPT]),
        (b"true\n", ["This erases all telemetry of mytool, your stored answer among it:", "  {place}/opt-in",
                     "  {place}/notice", LEFT]),
    ],
)  # fmt: skip
def test_clear_asks_for_no_more_than_it_erases(home: Path, place: Path, answer: bytes, lines: list[str]) -> None:
    """What stays is not among what is named; where there is nothing else, nobody is asked."""
    put(place, {"opt-in": answer, "notice": b"2026-11-20"})
    would = {"place": place, "would": "may"}
    with Terminal([*TOOL, "clear"], clean_environment(home)) as terminal:
        terminal.wait_for("[y/N] ")
        asked = terminal.output.replace("\r", "").splitlines()
        assert asked == [*(line.format(**would) for line in lines), "Erase them? [y/N] "]
        terminal.type("y\n")
        assert terminal.end() == 0
    with Terminal([*TOOL, "clear"], clean_environment(home)) as terminal:
        assert terminal.end() == 0
    assert NOTHING.format(**would) in terminal.output


def test_clear_from_outside_an_opt_out_tool(discreet: Discreet, place: Path) -> None:
    """Asked without the tool, a notice that was shown tells that it is an opt-out tool: the no is kept as well."""
    put(place, {"notice": b"2026-11-20", "usage.jsonl": record(1)})
    assert discreet("clear", "--yes").returncode == 0
    assert [path.name for path in place.iterdir()] == ["opt-in"]
    assert (place / "opt-in").read_text().startswith("false ")


@pytest.mark.parametrize("answer", [b"false 2026-11-20T10:30:00Z\n", b"0", b" OFF since ever"])
def test_clear_from_outside_keeps_a_no(discreet: Discreet, place: Path, answer: bytes) -> None:
    """Without the tool nobody knows whether it is an opt-out tool, which without that no would show its notice and
    begin: so a no stays, and all else is erased.
    """
    put(place, {"opt-in": answer, "usage.jsonl": record(1), "salt": b"x"})
    done = discreet("clear", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in place.iterdir()] == ["opt-in"]
    assert (place / "opt-in").read_text().startswith("false ")
    assert f"Telemetry of mytool is off: {place / 'opt-in'} says false" in done.stdout


@pytest.mark.parametrize("answer", ["true", "false"])
def test_clear_in_an_opt_in_tool(make_telemetry: Any, place: Path, answer: str) -> None:
    """The tool itself, which is off until somebody says yes, keeps nothing: the no is erased as well."""
    put(place, {"opt-in": answer.encode(), "usage.jsonl": record(1)})
    assert make_telemetry(opted_in=False).main(["clear", "--yes"]) == 0
    assert not place.exists()


def test_clear_says_what_still_says_yes(discreet: Discreet, place: Path) -> None:
    """After `clear` the effective state is told: a yes in the environment still stands."""
    put(place, {"opt-in": b"true"})
    done = discreet("clear", "--yes", env={"MYTOOL_TELEMETRY_OPT_IN": "true"})
    assert "Telemetry of mytool is on: MYTOOL_TELEMETRY_OPT_IN says true." in done.stdout


def test_clear_where_one_file_stays(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, place: Path
) -> None:
    """A file that cannot be erased stops no other one; it is named, and the exit status is 1."""
    put(place, {name: content for name, content in OURS.items() if name != "notice"})
    telemetry = make_telemetry(opted_in=False)
    unlink = os.unlink

    def refuse(path: Any, *arguments: Any, **named: Any) -> None:
        if str(path).endswith("usage.jsonl"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        unlink(path, *arguments, **named)

    monkeypatch.setattr(os, "unlink", refuse)
    assert telemetry.main(["clear", "--yes"]) == 1
    assert capsys.readouterr().err.endswith(f"{place / 'usage.jsonl'}: Permission denied\n")
    assert [path.name for path in place.iterdir()] == ["usage.jsonl"]


# ---- another user


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize("owned", ["directory", "answer"])
@pytest.mark.parametrize("verb", ["on", "off", "clear --yes", "log sync"])
def test_another_users_directory(discreet: Discreet, place: Path, verb: str, owned: str) -> None:
    """In another user's directory, or beside their answer, nothing is written or erased: exit 1, naming whose it is."""
    fill(place, record(1))
    theirs = place if owned == "directory" else place / "opt-in"
    os.chown(theirs, 12345, 12345)
    before = below(place)
    done = discreet(*verb.split())
    assert below(place) == before
    if verb == "log sync":
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # it is off there
    else:
        assert said(done, 1, f"{theirs} belongs to another user")
    assert "is off: " in discreet("status").stdout


def test_a_directory_that_is_not_ours(
    make_telemetry: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, place: Path
) -> None:
    """The same, for who cannot give a directory away: our own user is another one."""
    telemetry: Telemetry = make_telemetry()
    (place / "enabled").touch()
    monkeypatch.setattr(names, "current_user", lambda: os.geteuid() + 1)
    before = below(place)
    for verb in (["on"], ["off"], ["clear", "--yes"]):
        assert telemetry.main(verb) == 1
        assert " belongs to another user; set HOME, or MYTOOL_TELEMETRY_DIR, " in capsys.readouterr().err
    assert below(place) == before
    assert telemetry.main(["status"]) == 0
    assert f"remove {place}" not in capsys.readouterr().out  # which is not this user's to do


@pytest.mark.parametrize("verb", ["on", "off", "clear --yes"])
def test_who_does_not_know_where_the_files_are_says_so(discreet: Discreet, verb: str) -> None:
    """A tool that keeps its files elsewhere, or under other names, sees nothing of what was asked for without it."""
    done = discreet(*verb.split())
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == (
        "Asked without mytool itself: if it keeps its files elsewhere, or under other names, this does not reach it. "
        f"Then type `mytool telemetry {verb.split(maxsplit=1)[0]}`."
    )


def test_the_tool_itself_reaches_its_files(make_telemetry: Any, capsys: Any) -> None:
    """Of that there is nothing to say."""
    for verb in ("on", "off", "clear --yes"):
        assert make_telemetry().main(verb.split()) == 0
        assert "Asked without" not in capsys.readouterr().out


def test_what_is_no_marker_is_said_to_be_removed(discreet: Discreet, home: Path) -> None:
    """A directory at the name of the marker is a doubt that `on` cannot settle: the way out is told."""
    marker = home / ".mytool" / "telemetry" / "enabled"
    marker.mkdir(parents=True)
    done = discreet("on")
    assert done.stdout.splitlines()[1] == f"To change that: remove {marker}, which cannot be read"
    marker.rmdir()
    assert discreet("status").stdout.startswith("Telemetry of mytool is on")


@pytest.mark.parametrize("verb", ["status", "explain"])
def test_what_is_no_answer_is_said_to_be_removed(discreet: Discreet, place: Path, verb: str) -> None:
    """A directory at the name of the answer is one that `on` cannot take the place of: what helps is told before it."""
    answer = place / "opt-in"
    answer.mkdir(parents=True)
    told = discreet(verb).stdout.partition("To change that, all of this:\n")[2]
    assert told.splitlines()[:2] == [f"  remove {answer}, which is a directory", f"  {ON}"]
    told = discreet(verb, env={"MYTOOL_TELEMETRY_OPT_IN": "true"}).stdout.partition("To change that")[2]
    assert told.splitlines()[0] == f": remove {answer}, which is a directory"
    answer.rmdir()
    assert discreet("on").stdout.startswith("Telemetry of mytool is on")
