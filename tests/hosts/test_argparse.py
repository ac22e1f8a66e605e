"""`mytool telemetry ...` mounted in an argparse host, and `Telemetry.main` behind a host of any other kind."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import clean_environment
from discreet import Telemetry, cli
from discreet.hosts.argparse import mount

HOST = """
import argparse, sys
import discreet

telemetry = discreet.Telemetry("mytool", version="1.4.0")

@telemetry.command
def greet(arguments):
    print("hello", arguments.name)
    telemetry.scope.add(exit_code=5)
    return 5

def main():
    parser = argparse.ArgumentParser(prog="mytool")
    parser.add_argument("--loud", action="store_true")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    greeting = commands.add_parser("greet", help="say hello")
    greeting.add_argument("name")
    greeting.set_defaults(func=greet)
    telemetry.mount(commands)
    arguments = parser.parse_args()
    return arguments.func(arguments)

sys.exit(main())
"""

Host = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def host(home: Path, tmp_path: Path) -> Host:
    """Run the host as a child."""
    (tmp_path / "mytool.py").write_text(HOST)

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-W", "error", str(tmp_path / "mytool.py"), *arguments]
        options = {"env": clean_environment(home), "stdin": subprocess.DEVNULL, "timeout": 30, **options}
        return subprocess.run(argv, capture_output=True, text=True, check=False, **options)

    return run


@pytest.fixture
def mounted(make_telemetry: Any) -> tuple[argparse.ArgumentParser, Any, Telemetry]:
    """A host's parser, its sub-commands (with one of its own), and the telemetry of one who said nothing."""
    parser = argparse.ArgumentParser(prog="mytool")
    commands = parser.add_subparsers()
    commands.add_parser("greet").set_defaults(func=lambda _: 5)
    return parser, commands, make_telemetry(opted_in=False)


def test_a_life_with_it(host: Host, home: Path) -> None:
    """On, used, looked at, off, used again, cleared: all through the host's own command."""
    log = home / ".mytool" / "telemetry" / "usage.jsonl"
    assert host("greet", "Ada").stdout == "hello Ada\n"
    assert list(home.iterdir()) == []
    assert "`mytool telemetry off`" in host("telemetry", "on").stdout
    assert host("greet", "Ada").returncode == 5
    (line,) = log.read_text().splitlines()
    assert json.loads(line)["version"] == "1.4.0"
    assert json.loads(line)["properties"]["exit_code"] == 5
    assert host("telemetry", "preview").stdout == f"{line}\n"
    assert json.loads(host("telemetry", "status", "--json").stdout)["events"] == 1
    assert host("telemetry", "report").stdout.startswith("1 event on ")
    assert host("telemetry", "run", "--", "sh", "-c", "exit 3").returncode == 3
    assert host("telemetry", "off").returncode == 0
    assert host("greet", "Ada").stdout == "hello Ada\n"
    assert len(log.read_text().splitlines()) == 2
    assert host("telemetry", "clear", "--yes").returncode == 0
    assert list(home.iterdir()) == []


def test_the_host_stays_as_it_is(host: Host) -> None:
    """The host's own options, commands, help and errors work as before, with one command more."""
    assert host("--loud", "greet", "Ada").returncode == 5
    done = host("greet")
    assert (done.returncode, "required: name" in done.stderr) == (2, True)
    page = " ".join(host("--help").stdout.split())
    assert host("telemetry", "--help").stdout.startswith("usage: mytool telemetry [-h] VERB ...\n")
    assert "greet say hello" in page
    assert "telemetry what mytool records about its use: see it, switch it on and off, erase it" in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["telemetry"], "mytool telemetry: error: the following arguments are required: VERB"),
        (["telemetry", "nonsense"], "mytool telemetry: error: argument VERB: invalid choice: 'nonsense'"),
        (["telemetry", "log", "Bad"], "mytool telemetry: 'Bad' is not a legal event name"),
        (["telemetry", "--hel", "status"], "mytool telemetry status: error: unrecognized arguments: --hel"),
        (["telemetry", "preview", "-n", "0"], "mytool telemetry preview: error: argument -n: must be"),
    ],
)
def test_wrong_use(host: Host, arguments: list[str], sentence: str) -> None:
    """A wrong use exits 2 and speaks in the name of the host's command, without a traceback."""
    done = host(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(sentence)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.word)
def test_help_speaks_of_the_host(mounted: Any, capsys: pytest.CaptureFixture[str], verb: cli.Verb) -> None:
    """Usage and example of each verb are what the user of the host types."""
    parser, commands, telemetry = mounted
    mount(commands, telemetry)
    arguments = parser.parse_args(["telemetry", verb.word, "--help"])
    with pytest.raises(SystemExit) as ended:
        arguments.func(arguments)
    assert ended.value.code == 0
    page = capsys.readouterr().out
    assert page.startswith(f"usage: mytool telemetry {verb.word} ")
    assert page.endswith(f"example: mytool telemetry {verb.example}\n")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="argparse knows no colours")
@pytest.mark.parametrize("color", [False, None])  # argparse takes None as False, for sub-commands as well
@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["nothing"], ["status", "--nothing"]])
def test_a_host_without_colours(
    host: Host, tmp_path: Path, home: Path, arguments: list[str], color: bool | None
) -> None:
    """What the host decided for its own pages holds for those of the verbs."""
    env = {**clean_environment(home), "FORCE_COLOR": "1"}
    done = host("telemetry", *arguments, env=env)
    assert "\x1b" in done.stdout + done.stderr
    (tmp_path / "mytool.py").write_text(HOST.replace('prog="mytool"', f'prog="mytool", color={color}'))
    done = host("telemetry", *arguments, env=env)
    assert "usage: " in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_other_names(mounted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`name` names the sub-command and `dest` the attribute; the host's own commands keep theirs."""
    parser, commands, telemetry = mounted
    mount(commands, telemetry, name="usage-data", dest="action")
    arguments = parser.parse_args(["usage-data", "status"])
    assert not hasattr(arguments, "func")
    assert arguments.action(arguments) == 0
    assert "To change that: mytool usage-data on\n" in capsys.readouterr().out
    assert parser.parse_args(["greet"]).func(None) == 5


def test_the_exit_status_comes_back(mounted: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The function returns 0, 1 or 2, and the host decides how it ends."""
    parser, commands, _ = mounted
    (tmp_path / "file").write_text("")
    mount(commands, Telemetry("mytool", data_dir=str(tmp_path / "file" / "data")))
    statuses = []
    for line in ("status", "on", "log Bad"):
        arguments = parser.parse_args(["telemetry", *line.split()])
        statuses.append(arguments.func(arguments))
    assert statuses == [0, 1, 2]
    assert "Traceback" not in capsys.readouterr().err


def test_a_mounted_host_loads_no_verb(host: Host, tmp_path: Path, home: Path) -> None:
    """The host's other commands load none of the verbs' modules."""
    program = "import sys\nimport atexit\natexit.register(lambda: print(*sorted(sys.modules)))\n" + HOST
    (tmp_path / "mytool.py").write_text(program)
    modules = host("greet", "Ada").stdout.split()
    assert "discreet.hosts.argparse" in modules
    assert not [name for name in modules if name.startswith(("discreet.cli", "discreet.report", "json"))]


def test_options_of_a_command_to_run(host: Host) -> None:
    """`telemetry run` hands a command its own options and `--`, through the host's parser, too."""
    for head in (["run", "--"], ["run"], ["run", "--event", "x", "--"]):
        done = host("telemetry", *head, "printf", "%s|", "--help", "--loud", "--", "-h")
        assert (done.returncode, done.stdout, done.stderr) == (0, "--help|--loud|--|-h|", "")


def test_mounted_deeper(mounted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Below another sub-command, what is said to type holds the whole way there."""
    parser, commands, telemetry = mounted
    inner = commands.add_parser("config").add_subparsers()
    returned = mount(inner, telemetry)
    assert returned.prog == "mytool config telemetry"
    arguments = parser.parse_args(["config", "telemetry", "on"])
    assert arguments.func(arguments) == 0
    assert "`mytool config telemetry off`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prog", "argv0", "verbs"),
    [
        ("mytool", "/usr/bin/other", "admin telemetry"),
        ("mt", "/usr/bin/mt", "admin telemetry"),
        ("my", "/usr/bin/other", "admin telemetry"),  # as its host has said
        ("python -m mytool", "/site/mytool/__main__.py", "telemetry"),  # its words are no sub-commands
    ],
)
def test_what_is_typed_before_a_verb(
    prog: str, argv0: str, verbs: str, make_telemetry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below another sub-command the sentences name both, where it is plain which words those are."""
    monkeypatch.setattr(sys, "argv", [argv0])
    telemetry = make_telemetry()
    telemetry.program = "my" if prog == "my" else telemetry.program
    parser = argparse.ArgumentParser(prog=prog)
    mount(parser.add_subparsers().add_parser("admin").add_subparsers(), telemetry)
    assert telemetry.verbs == verbs


def test_without_argparse(make_telemetry: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """`Telemetry.main` is the same verbs for a host without argparse, on what it is given or on `sys.argv`."""
    telemetry = make_telemetry()
    assert telemetry.main(["status"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("Telemetry of mytool is on (basic): ")
    assert "To change that: mytool telemetry off\n" in page
    monkeypatch.setattr(sys, "argv", ["mytool", "status"])
    assert telemetry.main() == 0
    assert capsys.readouterr().out == page
    with pytest.raises(SystemExit) as ended:
        telemetry.main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: mytool telemetry [-h] VERB ...\n")
