"""The verbs without the host: `python -m discreet --tool NAME [--data-dir DIR]` and the script `discreet`."""

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import discreet
from conftest import clean_environment
from discreet.__main__ import main

MODULE = [sys.executable, "-W", "error", "-m", "discreet"]
USAGE = "usage: discreet [-h] [--version] {--tool NAME | --manifest FILE} [--data-dir DIR] VERB ..."
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Run:
    """Run a program in a clean environment, `env` added, in the directory `tmp_path`."""

    def run(argv: list[str], env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**clean_environment(home), **(env or {})}
        options = {"stdin": subprocess.DEVNULL, "cwd": tmp_path, "timeout": 30, **options}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, **options)

    return run


def typed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run `main` in this process: the exit status, stdout and stderr."""
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, *capsys.readouterr()


def test_the_module(run: Run, home: Path) -> None:
    """`python -m discreet --tool NAME` works on the files of that tool, `~/.NAME/telemetry`, and no other."""
    assert run([*MODULE, "--tool", "my-Tool2", "on"]).returncode == 0
    assert [path.name for path in home.iterdir()] == [".my-Tool2"]
    assert (home / ".my-Tool2" / "telemetry" / "opt-in").read_text().startswith("true ")
    found = json.loads(run([*MODULE, "--tool", "my-Tool2", "status", "--json"]).stdout)
    assert (found["tool"], found["enabled"]) == ("my-Tool2", True)


def test_the_script(run: Run) -> None:
    """The installed script `discreet` is the same program."""
    (entry,) = entry_points(group="console_scripts", name="discreet")
    assert entry.load() is main
    script = Path(sys.executable).parent / "discreet"
    if not script.exists():
        pytest.skip("this environment has the package, but not its scripts")
    arguments = ["--tool", "mytool", "status"]
    assert run([str(script), *arguments]).stdout == run([*MODULE, *arguments]).stdout != ""


def test_version(run: Run) -> None:
    """`--version` tells that of the package."""
    assert run([*MODULE, "--version"]).stdout == f"discreet {discreet.__version__}\n"


@pytest.mark.parametrize(("option", "begins"), [("--version", "discreet "), ("--help", "usage: "), ("-h", "usage: ")])
def test_what_ends_it_does_so_whatever_follows(capsys: pytest.CaptureFixture[str], option: str, begins: str) -> None:
    """As everywhere: a word behind it is no verb that is looked for."""
    status, out, err = typed([option, "word"], capsys)
    assert (status, err) == (0, "")
    assert out.startswith(begins)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: VERB; there are on, off, status, "),
        (["status"], "name the tool: --tool NAME, or --manifest FILE"),
        (["--tool"], "argument --tool: expected one argument"),
        (["--tool", "mytool"], "are required: VERB; there are on, off, status, "),
        (["--tool", "mytool", "--verbose"], ", forget, log, run, collect"),
        (["--tool", "1tool", "status"], "name must match [A-Za-z][A-Za-z0-9_-]{0,63}, not '1tool'"),
        (["--tool", "../etc", "status"], "not '../etc'"),
        (["--tool", "../etc", "--data-dir", "/tmp", "status"], "not '../etc'"),
        (["--tool", "mytool", "--data-dir", "", "clear", "--yes"], "--data-dir must be an absolute path"),
        (["--tool=mytool", "--data", "/tmp", "status"], "discreet: error: unrecognized arguments: --data"),
        (["--too", "mytool", "status"], "discreet: error: unrecognized arguments: --too"),
        (["-t", "mytool"], "discreet: error: unrecognized arguments: -t"),
        (["status", "--tool", "a"], "unrecognized arguments: --tool a; --tool stands before the verb: discreet --tool"),
        (["log", "x", "--manifest=a"], "; --manifest stands before the verb: discreet --manifest FILE log"),
        (["--tool", "a", "on", "--data-dir", "x"], "; --data-dir stands before the verb: discreet --data-dir DIR on"),
        (["--tool", "a", "run", "-x"], "arguments: -x; a command that begins with a dash stands after --: run -- -x"),
        (["--tool", "a", "run", "-x", "y z"], "; a command that begins with a dash stands after --: run -- -x 'y z'"),
    ],
)
def test_wrong_use(capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str) -> None:
    """A wrong use exits 2 and says on stderr what is wrong, after how it is used."""
    status, out, err = typed(arguments, capsys)
    assert (status, out) == (2, "")
    assert err.startswith(f"{USAGE}\n")
    assert sentence in err.splitlines()[-1]


@pytest.mark.parametrize("option", ["--eve", "--se", "--even=sync"])
def test_half_an_option_of_run_is_no_command(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """What begins like an option of `run` is meant for one: a command of that name would not be found."""
    status, _, err = typed(["--tool", "mytool", "run", option, "sync", "--", "make"], capsys)
    assert status == 2
    assert err.startswith("usage: discreet --tool mytool run [-h] [--event EVENT]")
    assert f"discreet --tool mytool run: error: unrecognized arguments: {option}" in err
    assert "stands after --" not in err


@pytest.mark.parametrize("verb", ["status", "sent", "log sync"])
def test_words_too_many_are_told_with_the_usage_of_their_verb(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """That of the whole would not say what the verb takes."""
    status, _, err = typed(["--tool", "mytool", *verb.split(), "--jso"], capsys)
    assert status == 2
    assert err.startswith(f"usage: discreet --tool mytool {verb.split(maxsplit=1)[0]} [-h]")


def test_an_option_before_its_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """The verb knows it, so a usage that has it would say nothing."""
    status, _, err = typed(["--tool", "mytool", "--json", "status"], capsys)
    assert status == 2
    assert err.endswith("unrecognized arguments: --json; --json belongs after the verb\n")
    status, _, err = typed(["--tool", "mytool", "--by=version", "report"], capsys)
    assert status == 2
    assert err.endswith("unrecognized arguments: --by=version; --by belongs after the verb\n")


def test_a_usage_in_colours_is_as_good(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal, argparse puts escapes into usage lines from Python 3.14 on."""
    plain = argparse.ArgumentParser.format_usage
    coloured = re.compile(r"(?<=\[)-[\w-]+")

    def usage(parser: argparse.ArgumentParser) -> str:
        return coloured.sub("\x1b[36m\\g<0>\x1b[0m", plain(parser))

    monkeypatch.setattr(argparse.ArgumentParser, "format_usage", usage)
    _, _, err = typed(["--tool", "mytool", "--json", "status"], capsys)
    assert err.endswith("; --json belongs after the verb\n")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help explains both options and ends in an example that is a right use."""
    status, out, _ = typed(["--help"], capsys)
    assert status == 0
    assert "--tool NAME" in out
    assert "--data-dir DIR" in out
    head, _, example = out.splitlines()[-1].partition("discreet ")
    assert head == "example: "
    assert typed(example.split(), capsys)[0] == 0


def test_words_that_are_no_options_get_no_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """A hint is given where it is likely right, and nowhere else."""
    for arguments in (["status", "--jso"], ["on", "now"], ["log", "sync", "tool"]):
        assert typed(["--tool", "mytool", *arguments], capsys)[2].endswith(f"arguments: {arguments[-1]}\n")


MANIFEST = 'name = "mytool"\n[events.sync.fields]\nfiles = "number"\n'


@pytest.mark.parametrize(
    ("before", "head"),
    [
        (["--manifest", "a b.toml"], "discreet --manifest 'a b.toml'"),
        (["--manifest=a b.toml", "--tool", "mytool"], "discreet '--manifest=a b.toml' --tool mytool"),
        (["--tool", "mytool"], "discreet --tool mytool"),
        (["--data-dir", "here", "--tool", "mytool"], "discreet --data-dir here --tool mytool"),
        (["--data-dir", "here"], "discreet --data-dir here --tool NAME"),
        ([], "discreet --tool NAME"),
    ],
)
def test_the_help_of_a_verb_says_what_was_typed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[str], head: str
) -> None:
    """Its usage and its example begin with the options before the verb; typed as it stands, the example works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "a b.toml").write_text(MANIFEST)
    status, out, _ = typed([*before, "log", "--help"], capsys)
    assert status == 0
    assert out.startswith(f"usage: {head} log [-h] ")
    example = out.splitlines()[-1].removeprefix("example: ")
    assert example.startswith(f"{head} log sync ")
    assert typed(shlex.split(example)[1:], capsys) == (0, "", "")
    assert typed([*before, "log"], capsys)[2].startswith(f"usage: {head} log [-h] ")
    received = head.removesuffix(" --tool NAME")  # it needs no tool
    assert typed([*before, "collect", "--help"], capsys)[1].endswith(f"example: {received} collect --out collected\n")


def test_the_help_of_a_verb_takes_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A file may be called as `argparse` would have its own name filled in, or as a terminal would obey."""
    for name in ("5% %(prog)x", "%(prog)s", "%(other)s", "a\x1b[2Jb", "\udcff"):
        for verb in ("log", "run", "collect"):
            status, out, _ = typed(["--manifest", name, verb, "--help"], capsys)
            assert (status, "\x1b" in out, "example: " in out) == (0, False, True)
    assert "example: discreet --manifest 5% collect " in typed(["--manifest", "5%", "collect", "--help"], capsys)[1]


def test_a_mistake_in_a_manifest_is_told_in_its_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The keys of a manifest are no options of the command line, the one for the directory neither."""
    path = tmp_path / "telemetry.toml"
    for text, sentence in (
        ("zzzzz = 1\n", ": unknown key 'zzzzz'; there are name, tool, "),
        ('data_dir = "here"\n', ": data_dir must be an absolute path"),
    ):
        path.write_text(text + MANIFEST)
        _, _, err = typed(["--manifest", str(path), "--data-dir", str(tmp_path), "status"], capsys)
        assert f"{path}{sentence}" in err
        assert "data_dir" in err.splitlines()[-1]
        assert "--data-dir" not in err.splitlines()[-1]


def test_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    """It says that the tool's consent mode and destinations are unknown to it, and which mode it assumes."""
    _, out, _ = typed(["--tool", "mytool", "status"], capsys)
    assert "Asked without mytool itself: its consent mode and destinations are not known here." in out
    _, out, _ = typed(["--tool", "mytool", "explain"], capsys)
    assert "its consent mode is not known here, opt-in is assumed" in out


NOTICE = "2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21\n"
MAY_BE_ON = "elemetry of mytool may be on: its notice was shown, and nobody has said no.\n"


@pytest.fixture
def place(home: Path) -> Path:
    """The tool's directory, where its notice was shown."""
    place = home / ".mytool" / "telemetry"
    place.mkdir(parents=True)
    (place / "notice").write_text(NOTICE)
    return place


def test_a_notice_that_was_shown(run: Run, place: Path) -> None:
    """A tool that has shown one may be on without a yes: `status` and `explain` say that, and not that it is off, and
    what to type to see it or to say no, which helps; the answer for programs is that of an opt-in tool.
    """
    whole = "import discreet, sys; sys.exit(discreet.Telemetry('mytool', consent='opt-out').main(sys.argv[1:]))"
    itself = [sys.executable, "-c", whole]
    tool = [*MODULE, "--tool", "mytool"]
    assert run([*itself, "status"]).stdout.startswith("Telemetry of mytool is on (basic): ")
    ways = "To see whether it is: mytool telemetry status\nTo say no: discreet --tool mytool off\n"
    out = run([*tool, "status"], {"MYTOOL_TELEMETRY_ENDPOINT": "https://example.org/t"}).stdout
    assert out.startswith(f"T{MAY_BE_ON}")
    assert "  sent to  https://example.org/t (json): only if it is on\n" in out
    known = "Asked without mytool itself: its consent mode and destinations are not known here.\n"
    assert out.endswith(ways + known)
    out = run([*tool, "explain"]).stdout
    row = "its notice was shown: on if mytool records unless somebody says no, else off"
    assert [line for line in out.splitlines() if line[:2] == "=>"] == [f"=> ?   {'default':<19}{row}"]
    ending = f"So t{MAY_BE_ON}{ways}Asked without mytool itself: its consent mode is not known here.\n"
    assert out.endswith(ending)
    found = json.loads(run([*tool, "status", "--json"]).stdout)
    assert (found["enabled"], found["source"], found["reason"]) == (False, "default", "nobody has said yes")
    assert run([*tool, "off"]).returncode == 0
    for command in (itself, tool):
        assert run([*command, "status"]).stdout.startswith(f"Telemetry of mytool is off: {place / 'opt-in'} says false")


@pytest.mark.parametrize(
    ("environ", "files", "says"),
    [
        ({"DO_NOT_TRACK": "1"}, {}, "is off: DO_NOT_TRACK is set"),
        ({"CI": "true"}, {}, "is off: this is CI"),
        ({}, {"opt-in": ""}, "is off: {place}/opt-in is empty"),
        ({}, {"opt-in": "true"}, "is on (basic): {place}/opt-in says true"),
        ({}, {"enabled": ""}, "is on (basic): {place}/enabled is present"),
        ({}, {"notice": "never"}, "is off: nobody has said yes"),
    ],
)
def test_a_notice_beside_an_answer(
    run: Run, place: Path, environ: dict[str, str], files: dict[str, str], says: str
) -> None:
    """What holds for any tool is said as it is, and so it is where the file is no notice."""
    for name, content in files.items():
        (place / name).write_text(content)
    for verb in ("status", "explain"):
        out = run([*MODULE, "--tool", "mytool", verb], environ).stdout
        assert f"elemetry of mytool {says.format(place=place)}" in out
        assert "may be on" not in out


def test_a_no_that_cannot_be_stored_beside_a_notice(run: Run, place: Path) -> None:
    """Nobody is told that it is off, and what helps at once is told."""
    program = (
        "import os, sys\n"
        "from discreet.__main__ import main\n"
        "def full(descriptor, content):\n"
        "    raise OSError(28, 'No space left on device')\n"
        "os.write = full\n"
        "sys.exit(main(['--tool', 'mytool', 'off']))\n"
    )
    done = run([sys.executable, "-c", program])
    assert (done.returncode, done.stdout) == (1, "")
    told = "so telemetry of mytool may be on: its notice was shown, and nobody has said no"
    assert done.stderr.endswith(f"(No space left on device), {told}; `export MYTOOL_NO_TELEMETRY=1` stops it\n")
    assert [path.name for path in place.iterdir()] == ["notice"]


@pytest.mark.parametrize("directory", ["/absolute", "relative", "./with space", "~/below home"])
def test_data_dir(run: Run, tmp_path: Path, home: Path, directory: str) -> None:
    """The files lie in `--data-dir`, a relative one seen from here; what it says to type can be typed from anywhere."""
    place = {"/": tmp_path / "absolute", "~": home / directory[2:]}.get(directory[0], tmp_path / directory)
    given = str(place) if directory[0] == "/" else directory
    done = run([*MODULE, "--tool", "mytool", "--data-dir", given, "on"])
    assert (done.returncode, done.stderr) == (0, "")
    assert str(place / "usage.jsonl") in done.stdout
    assert (place / "opt-in").exists()
    commands = re.findall(r"`discreet (.*?)`", done.stdout)
    assert len(commands) == 2
    line = "".join(f"{sys.executable} -m discreet {command} || exit 1\n" for command in commands)
    done = run(["bash", "-c", line], cwd="/")
    assert done.returncode == 0, done.stderr
    assert (place / "opt-in").read_text().startswith("false ")


@pytest.mark.skipif(sys.platform == "win32", reason="there a directory in use cannot be deleted")
@pytest.mark.parametrize("verb", ["status", "run -- echo started"])
def test_a_relative_data_dir_where_the_directory_is_gone(run: Run, tmp_path: Path, verb: str) -> None:
    """That is a wrong use, told in a sentence; nothing is run."""
    (tmp_path / "gone").mkdir()
    script = f'cd gone && rmdir ../gone && exec "$@" --tool mytool --data-dir here {verb}'
    done = run(["sh", "-c", script, "sh", *MODULE])
    assert (done.returncode, done.stdout) == (2, "")
    told = "discreet: error: --data-dir 'here' begins at the current directory, which is gone"
    assert done.stderr.splitlines() == [USAGE, told]


def test_the_typed_directory_beats_the_environment(run: Run, tmp_path: Path) -> None:
    """`--data-dir` is what the verb works on, whatever the environment names; what it runs still sees that."""
    env = {"MYTOOL_TELEMETRY_DIR": str(tmp_path / "environment"), "MYTOOL_TELEMETRY_OPT_IN": "true"}
    tool = [*MODULE, "--tool", "mytool"]
    typed = ["--data-dir", str(tmp_path / "typed")]
    for arguments in (["on"], ["log", "sync"], ["off"]):
        assert run([*tool, *typed, *arguments], env).returncode == 0
    assert {"opt-in", "usage.jsonl"} <= {path.name for path in (tmp_path / "typed").iterdir()}
    assert not (tmp_path / "environment").exists()
    done = run(
        [*tool, "--data-dir", str(tmp_path / "typed"), "run", "--", "sh", "-c", "echo $MYTOOL_TELEMETRY_DIR"], env
    )
    assert done.stdout == f"{tmp_path / 'environment'}\n"
    assert run([*tool, "on"], env).returncode == 0
    assert (tmp_path / "environment" / "opt-in").exists()


def test_a_tool_that_is_not_installed(run: Run) -> None:
    """A tool that nobody ever heard of has no files, is off, and needs no code of its own to be asked about."""
    done = run([*MODULE, "--tool", "unheard-of", "status"])
    assert done.returncode == 0
    assert done.stdout.startswith("Telemetry of unheard-of is off: nobody has said yes.\n")
