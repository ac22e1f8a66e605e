"""argparse's `dispatch`: each sub-command is an event, and the host's functions notice nothing. And what it shares with
the other frameworks.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import Distribution, Telemetry
from discreet.hosts import terminal
from discreet.hosts.argparse import dispatch, mount
from discreet.hosts.dispatch import part, spelled

SECRET = "s3cret-7f"
Recorded = Callable[[], list[dict[str, Any]]]


class Host:
    """`mytool [-v] import from-code ...` and `mytool search`; `body` is what the former does."""

    def __init__(self) -> None:
        self.body: Callable[[], object] = lambda: None
        self.seen: list[argparse.Namespace] = []
        self.parser = argparse.ArgumentParser(prog="mytool")
        self.parser.add_argument("-v", "--verbose", action="store_true")
        self.parser.add_argument("--version", action="version", version="1.4.0")
        self.commands = self.parser.add_subparsers()
        self.imports = self.commands.add_parser("import", aliases=["imp"]).add_subparsers(required=True)
        from_code = self.imports.add_parser("from-code", aliases=["code", "c"])
        from_code.add_argument("-o", "--out-dir", default=".")
        from_code.add_argument("--fast", action=argparse.BooleanOptionalAction)
        from_code.add_argument("--level", "-l", type=int, choices=range(9), default=0)
        from_code.add_argument("rest", nargs="*")
        from_code.set_defaults(func=self.from_code)
        self.commands.add_parser("search").set_defaults(func=lambda _: None)

    def from_code(self, arguments: argparse.Namespace) -> object:
        """The function of a sub-command."""
        self.seen.append(arguments)
        return self.body()


@pytest.fixture
def host() -> Host:
    """A host that has recorded nothing yet."""
    return Host()


def names(recorded: Recorded) -> list[str]:
    """The recorded names of commands."""
    return [properties["command"] for properties in recorded()]


@pytest.mark.parametrize("words", ["import from-code", "imp from-code", "import code", "-v imp c --out-dir=x y"])
def test_a_nested_command(telemetry: Telemetry, recorded: Recorded, host: Host, words: str) -> None:
    """A command goes by the registered names of the way to it, whichever alias was typed."""
    dispatch(host.parser, telemetry, words.split())
    assert names(recorded) == ["import.from_code"]


def test_the_function_gets_what_argparse_gives(telemetry: Telemetry, host: Host) -> None:
    """The parsed arguments hold what they hold without `dispatch`, time and again."""
    words = ["-v", "import", "from-code", "--no-fast", SECRET]
    expected = Host().parser.parse_args(words)
    for flags in (False, True, True):
        dispatch(host.parser, telemetry, words, flags=flags)
    for seen in host.seen:
        assert {**vars(seen), "func": None} == {**vars(expected), "func": None}


@pytest.mark.parametrize(
    ("result", "status"), [(None, 0), (0, 0), (3, 3), (True, 1), (False, 0), (-1, 255), ("text", 1), (1.0, 1), ([], 1)]
)
def test_results(telemetry: Telemetry, recorded: Recorded, host: Host, result: object, status: int) -> None:
    """The result comes back as it is, and what `sys.exit` makes of it is the exit status."""
    host.body = lambda: result
    assert dispatch(host.parser, telemetry, ["import", "from-code"]) is result
    (properties,) = recorded()
    assert (properties["exit_code"], properties["success"]) == (status, not status)


def test_a_stated_status(telemetry: Telemetry, recorded: Recorded, host: Host) -> None:
    """A status that the command states itself is the one, for functions that return other numbers."""

    def body() -> int:
        telemetry.scope.add(exit_code=0, n=12)
        return 12

    host.body = body
    assert dispatch(host.parser, telemetry, ["import", "from-code"]) == 12
    assert [(each["exit_code"], each["n"]) for each in recorded()] == [(0, 12)]


@pytest.mark.parametrize("error", [ValueError(SECRET), SystemExit(4), KeyboardInterrupt()], ids=repr)
def test_exceptions(telemetry: Telemetry, recorded: Recorded, host: Host, error: BaseException) -> None:
    """The very exception passes, and is recorded as the command scope does."""

    def body() -> None:
        raise error

    host.body = body
    with pytest.raises(type(error)) as passed:
        dispatch(host.parser, telemetry, ["import", "from-code"])
    assert passed.value is error
    assert not recorded()[0]["success"]


@pytest.mark.parametrize(
    "words",
    ["", "--help", "--version", "nonsense", "import", "import --help", "import from-code --level 99", "search --x"],
)
def test_what_is_no_command(
    telemetry: Telemetry, recorded: Recorded, host: Host, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """Help, the version and what argparse refuses end as ever, and are not recorded; nor is a line without one."""
    with pytest.raises(SystemExit) as ended:
        dispatch(host.parser, telemetry, words.split())
    assert ended.value.code == (0 if words.endswith(("help", "version")) else 2)
    assert recorded() == []
    assert words or capsys.readouterr().err.endswith("mytool: error: a command is required\n")


def test_the_verbs(telemetry: Telemetry, recorded: Recorded, host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """The verbs work through `dispatch`, and are no command of the host's."""
    mount(host.commands, telemetry)
    assert dispatch(host.parser, telemetry, ["telemetry", "status"]) == 0
    with pytest.raises(SystemExit):
        dispatch(host.parser, telemetry, ["telemetry", "--help"])
    assert "usage: mytool telemetry [-h] VERB ...\n" in capsys.readouterr().out
    assert recorded() == []


def test_the_command_line(telemetry: Telemetry, recorded: Recorded, host: Host, monkeypatch: Any) -> None:
    """Without a list of words it is `sys.argv`, and `dest` is where the host keeps its functions."""
    monkeypatch.setattr("sys.argv", ["mytool", "run"])
    host.commands.add_parser("run").set_defaults(action=lambda _: 0)
    assert dispatch(host.parser, telemetry, dest="action") == 0
    assert names(recorded) == ["run"]


def test_no_sub_command(telemetry: Telemetry, recorded: Recorded) -> None:
    """A parser without sub-commands is a command that goes by its function."""
    parser = argparse.ArgumentParser()

    def greet(_: argparse.Namespace) -> None: ...

    parser.set_defaults(func=greet)
    dispatch(parser, telemetry, [])
    assert names(recorded) == ["greet"]


@pytest.mark.parametrize(
    ("argv", "told"), [([], "required\n"), (["db"], "after db\n"), (["db", "table"], "after table\n")]
)
def test_where_a_command_is_missing(
    argv: list[str], told: str, telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said behind which word."""
    parser = argparse.ArgumentParser(prog="mytool")
    parser.add_subparsers().add_parser("db").add_subparsers().add_parser("table").add_subparsers()
    with pytest.raises(SystemExit):
        dispatch(parser, telemetry, argv)
    assert capsys.readouterr().err.endswith(told)


def test_async(telemetry: Telemetry, recorded: Recorded, host: Host) -> None:
    """A function written with `async def` is recorded when the host has awaited it."""

    async def fetch(_: argparse.Namespace) -> int:
        await asyncio.sleep(0)
        telemetry.scope.add(n=7)
        return 3

    host.commands.add_parser("fetch").set_defaults(func=fetch)
    awaitable = dispatch(host.parser, telemetry, ["fetch"])
    assert recorded() == []
    assert asyncio.run(awaitable) == 3
    assert [(each["command"], each["exit_code"], each["n"]) for each in recorded()] == [("fetch", 3, 7)]


def test_flags(make_telemetry: Callable[..., Telemetry], recorded: Recorded, telemetry: Telemetry, host: Host) -> None:
    """With `flags` the names of typed options are counted: abbreviated, joined or short; never a value or a word."""
    for words in (
        ["-v", "import", "c", f"-o{SECRET}", "--lev", "3", "--no-fast"],
        ["import", "c", "--level=3", "--level=4", "--", "--out-dir", SECRET],
        ["import", "c", SECRET],
    ):
        dispatch(host.parser, telemetry, words, flags=True)
    assert telemetry.declaration is not None
    row = telemetry.declaration.events["command"]["flags_used"]
    assert isinstance(row, Distribution)
    assert list(row.items) == ["verbose", "out_dir", "fast", "level"]
    found = [each.get("flags_used") for each in recorded()]
    assert found == [{"verbose": 1, "out_dir": 1, "fast": 1, "level": 1}, {"level": 1}, None]
    assert SECRET not in Path(telemetry.paths["log"]).read_text()


def test_the_options_used_are_told_of(home: Path, host: Host, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """An opt-out tool that told before its commands were there tells of `flags_used`, once, before it is recorded."""
    monkeypatch.setattr(terminal, "attended", lambda *_: True)
    monkeypatch.setattr(sys, "argv", ["mytool"])
    log = home / ".mytool" / "telemetry" / "usage.jsonl"
    for told in ("how it is used, unless", "more of how it is used than it said before", "", ""):
        telemetry = Telemetry("mytool", consent="opt-out")
        telemetry.environ = {"HOME": str(home), "TERM": "xterm"}
        telemetry.notice()
        dispatch(host.parser, telemetry, ["import", "c", "-l", "3"], flags=True)
        assert telemetry.close(10.0)
        said = " ".join(capsys.readouterr().err.split())
        assert told in said
        assert bool(said) == bool(told) == (not telemetry.decision.enabled)
    assert log.read_text().count('"flags_used":{"level":1}') == 2
    assert log.read_text().count("\n") == 2


def test_options_that_could_not_be_told_of(
    make_telemetry: Callable[..., Telemetry], host: Host, monkeypatch: pytest.MonkeyPatch, swallowed: Any
) -> None:
    """Where the notice of an opt-out tool fails (its code cannot be loaded, say), the command runs and is recorded, and
    nothing of the options is.
    """
    telemetry = make_telemetry(consent="opt-out")
    monkeypatch.setitem(sys.modules, "discreet.hosts.asking", None)
    host.body = lambda: 5
    assert dispatch(host.parser, telemetry, ["import", "c", "-l", "3"], flags=True) == 5
    assert [(reason, type(error)) for reason, error in swallowed] == [("notice", ModuleNotFoundError)]
    assert telemetry.flush(5.0)
    found = Path(telemetry.paths["log"]).read_text()
    assert '"command":"import.from_code"' in found
    assert "flags_used" not in found


def test_flags_by_declaration(make_telemetry: Callable[..., Telemetry], host: Host) -> None:
    """An author's own row decides what is said of options, with `flags` and without; so does the closed world."""
    for options in ({"fields": {"flags_used": Distribution("level")}}, {"events": {"search": {"n": "number"}}}):
        telemetry = make_telemetry(**options)
        declared = "fields" in options
        dispatch(host.parser, telemetry, ["-v", "import", "c", "-l", "3"], flags=not declared)
        assert telemetry.flush(5.0)
        with open(telemetry.paths["log"]) as log:
            line = log.read().splitlines()[-1]
        assert ('"flags_used":{"level":1,"other":1}' if declared else '"flags_used":{"verbose":1,"level":1}') in line


def test_no_flags(make_telemetry: Callable[..., Telemetry], host: Host) -> None:
    """Where nobody asked for them nothing is said of options, nor counted as left out."""
    telemetry = make_telemetry()
    dispatch(host.parser, telemetry, ["import", "c", "-l", "3"])
    assert not telemetry.losses


@pytest.mark.parametrize("options", [{}, {"fields": {"n": "number"}}], ids=str)
def test_flags_after_other_events(make_telemetry: Callable[..., Telemetry], host: Host, options: Any) -> None:
    """A command that was recorded before `dispatch` does not keep the field from being declared."""
    telemetry = make_telemetry(**options)
    with telemetry.command("early"):
        pass
    dispatch(host.parser, telemetry, ["import", "c", "-l", "3"], flags=True)
    assert telemetry.flush(5.0)
    assert '"flags_used":{"level":1}' in Path(telemetry.paths["log"]).read_text()


def test_off(make_telemetry: Callable[..., Telemetry], host: Host) -> None:
    """Where the user said nothing, the function runs as ever and no file is made."""
    telemetry = make_telemetry(opted_in=False)
    host.body = lambda: 5
    assert dispatch(host.parser, telemetry, ["import", "from-code"], flags=True) == 5
    assert not Path(telemetry.paths.directory).exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("from-code", "from_code"), ("a.b", "a.b"), ("2to3", "2to3"), ("Import", "other"), ("", "other"), (None, "other")],
)
def test_a_step_of_a_name(name: object, expected: str) -> None:
    """A registered name is made legal, or is `other`."""
    assert part(name) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-o", "--out-dir", "--output"], "out_dir"),
        (["-o", "--to", "--dest"], "to"),
        (["-x"], "x"),
        (["-long"], "long"),
        (["+f"], "f"),
        (["/all"], "all"),
        (["-", "--stdin"], "stdin"),
        ([], ""),
    ],
)
def test_the_name_of_an_option(options: list[str], expected: str) -> None:
    """An option goes by its first long spelling."""
    assert spelled(options) == expected
