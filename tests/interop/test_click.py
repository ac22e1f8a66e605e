"""Click as it is: what is recorded of a command line, what is not, and that Click's own business stays as it was."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import Distribution, OneOf, Telemetry
from discreet.hosts import terminal
from discreet.hosts.click import record, verbs
from interop.peers import needed

click = needed("click")
testing = needed("click.testing")
SECRET = "s3cret-7f"

Events = Callable[[], list[dict[str, Any]]]


class Host:
    """A command of a user who agreed, and what a test can see of it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.ends: BaseException | None = None

        @click.group()
        @click.version_option("1.4.0")
        @click.option("-v", "--verbose", is_flag=True)
        def cli(verbose: bool) -> None:
            """Do things."""

        @cli.group("import", invoke_without_command=True)
        def import_group() -> None: ...

        @import_group.command("from-code")
        @click.option("-o", "--out-dir", envvar="OUT_DIR")
        @click.option("--fast/--slow", default=None)
        @click.argument("number", type=int, default=1)
        def from_code(out_dir: str, fast: bool, number: int) -> int:
            self.telemetry.scope.add(n=number)
            if self.ends is not None:
                raise self.ends
            return number

        self.cli = cli
        self.group = import_group

    def __call__(self, *words: str, **options: Any) -> Any:
        return testing.CliRunner().invoke(self.cli, words, prog_name="mytool", **options)

    def events(self) -> list[dict[str, Any]]:
        """The properties of each event, without the duration."""
        assert self.telemetry.flush(10.0)
        log = Path(self.telemetry.paths.directory) / "usage.jsonl"
        records = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
        assert all(record["event"] == "command" for record in records)
        assert SECRET not in repr(records)
        return [{k: v for k, v in record["properties"].items() if k != "duration_ms"} for record in records]

    def names(self) -> list[str]:
        """The recorded names of commands."""
        return [event["command"] for event in self.events()]


@pytest.fixture
def host(make_telemetry: Any) -> Host:
    """A host whose commands are recorded."""
    made = Host(make_telemetry(fields={"n": "number"}))
    record(made.cli, made.telemetry)
    return made


def test_a_nested_command(host: Host) -> None:
    """A command is recorded once, under the names of its groups and its own, with the facts it adds."""
    assert host("import", "from-code", "--out-dir", SECRET, "3").exit_code == 0
    assert host.events() == [{"command": "import.from_code", "success": True, "exit_code": 0, "n": 3}]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["--version"],
        ["import", "--help"],
        ["import", "from-code", "--help"],
        ["nonsense"],
        ["import", SECRET],
        ["import", "from-code", "--nonsense"],
        ["import", "from-code", SECRET],
        ["import", "from-code", "1", SECRET],
    ],
    ids=" ".join,
)
def test_what_is_no_command(host: Host, words: list[str]) -> None:
    """Help, the version and what Click refuses are as without telemetry, and are not recorded."""
    plain = Host(host.telemetry)
    found, expected = host(*words), plain(*words)
    assert (found.exit_code, found.output) == (expected.exit_code, expected.output)
    assert host.events() == []


def test_completion(host: Host) -> None:
    """Completion answers as without telemetry, and is not recorded."""
    env = {"_MYTOOL_COMPLETE": "bash_complete", "COMP_WORDS": "mytool import f", "COMP_CWORD": "2"}
    done = testing.CliRunner(env=env).invoke(host.cli, prog_name="mytool", complete_var="_MYTOOL_COMPLETE")
    assert done.output == "plain,from-code\n"
    assert host.events() == []


ENDINGS: dict[str, tuple[Callable[[], BaseException], int, str | None]] = {
    "exit(0)": (lambda: click.exceptions.Exit(0), 0, None),
    "exit(3)": (lambda: click.exceptions.Exit(3), 3, None),
    "sys.exit(4)": (lambda: SystemExit(4), 4, None),
    "abort": (lambda: click.Abort(), 1, "Abort"),
    "Ctrl-C": (KeyboardInterrupt, 1, "KeyboardInterrupt"),
    "end of input": (EOFError, 1, "EOFError"),
    "usage error": (lambda: click.UsageError(SECRET), 2, "UsageError"),
    "bad parameter": (lambda: click.BadParameter(SECRET), 2, "other"),
    "click's error": (lambda: click.ClickException(SECRET), 1, "other"),
    "file error": (lambda: click.FileError(SECRET), 1, "other"),
    "a bug": (lambda: ValueError(SECRET), 1, "ValueError"),
}


@pytest.mark.parametrize("way", ENDINGS)
def test_endings(make_telemetry: Any, way: str) -> None:
    """What is recorded is the exit status that Click makes of each ending, and a declared name of the error."""
    made, status, error = ENDINGS[way]
    host = Host(make_telemetry(fields={"n": "number", "error": OneOf("Abort", "UsageError")}))
    record(host.cli, host.telemetry)
    host.ends = made()
    assert host("import", "from-code").exit_code == status
    expected = {"command": "import.from_code", "success": not status, "exit_code": status, "n": 1}
    assert host.events() == [expected if error is None else {**expected, "error": error}]


@pytest.mark.parametrize("way", ENDINGS)
def test_without_standalone_mode(host: Host, way: str) -> None:
    """With `standalone_mode=False` the host gets what it gets without telemetry, and the record is the same."""
    seen, same = [], True
    for each in (host, Host(host.telemetry)):
        each.ends = ENDINGS[way][0]()
        try:
            seen.append(each.cli.main(["import", "from-code"], "mytool", standalone_mode=False))
        except BaseException as error:  # noqa: BLE001  # whatever the host gets
            seen.append(type(error))
            same = same and (error is each.ends or isinstance(error, click.Abort))
    assert same
    assert seen[0] == seen[1]
    assert [event["exit_code"] for event in host.events()] == [ENDINGS[way][1]]


def test_results_pass(host: Host) -> None:
    """What a command returns reaches the caller as it is, and is no exit status."""
    assert host.cli.main(["import", "from-code", "7"], "mytool", standalone_mode=False) == 7
    assert host.events()[0]["exit_code"] == 0


def test_a_group_alone(host: Host) -> None:
    """A group that runs without a sub-command is a command; on the way to one it is not."""
    assert host("import").exit_code == 0
    assert host("import", "from-code").exit_code == 0
    assert host.names() == ["import", "import.from_code"]


def test_an_outermost_command(make_telemetry: Any) -> None:
    """A plain command, and an outermost group that runs alone, are called as the code names them, else as their
    functions: a package of several tools often has a `cli` in each.
    """
    host = Host(make_telemetry())

    @click.command()
    @click.option("--loud", is_flag=True)
    def greet_all_command(loud: bool) -> None: ...

    @click.group(invoke_without_command=True)
    def tool() -> None: ...

    @click.command("pip-compile")
    def cli() -> None: ...

    @click.command("Été")
    def summer() -> None: ...

    @click.command("2to3")
    def convert() -> None: ...

    for command in (greet_all_command, tool, cli, summer, convert):
        record(command, host.telemetry)
        assert testing.CliRunner().invoke(record(command, host.telemetry), []).exit_code == 0
    assert host.names() == ["greet_all", "tool", "pip_compile", "summer", "convert"]


def test_names_are_the_codes(make_telemetry: Any) -> None:
    """Aliases, abbreviations and normalized words count under the registered name; what is not legal is `other`."""

    class Abbreviating(click.Group):  # type: ignore[misc]  # it may not be installed
        def get_command(self, ctx: Any, name: str) -> Any:
            found = [each for each in self.list_commands(ctx) if each.startswith(name)]
            return super().get_command(ctx, found[0]) if found else None

    host = Host(make_telemetry(fields={"n": "number"}))
    host.cli.context_settings["token_normalize_func"] = str.lower
    host.cli.add_command(host.group, "imp")
    tool = Abbreviating("tool")
    tool.add_command(host.cli, "all")
    tool.add_command(click.Command("Été", callback=lambda: None))
    tool.add_command(click.Command("été", callback=lambda: None), "not legal")
    record(tool, host.telemetry)
    host.cli = tool
    for words in (["a", "IMPORT", "from-code"], ["all", "imp", "from-code"], ["Été"], ["not"]):
        assert host(*words).exit_code == 0
    assert host.names() == ["all.import.from_code", "all.import.from_code", "other", "other"]


def test_lazy_and_made_up_commands(make_telemetry: Any) -> None:
    """Commands that a group loads when they are typed go by their function: the typed word is nobody's name."""

    def load(ctx: Any, name: str) -> Any:
        if name == "late":
            return host.group
        made = click.Command(name, callback=outside)
        tool.add_command(made)  # under the word that was typed
        return made

    def outside() -> None: ...

    class Lazy(click.Group):  # type: ignore[misc]  # it may not be installed
        def get_command(self, ctx: Any, name: str) -> Any:
            return super().get_command(ctx, name) or load(ctx, name)

    host = Host(make_telemetry(fields={"n": "number"}))
    tool = Lazy("tool")
    record(tool, host.telemetry)
    host.cli = tool
    for words in (["late", "from-code"], [SECRET], [SECRET], ["late"]):
        assert host(*words).exit_code == 0
    assert host.names() == ["import.from_code", "outside", "outside", "import"]


def test_added_after(host: Host) -> None:
    """A command that is added after `record` is recorded, too."""
    host.cli.add_command(click.Command("late", callback=lambda: None))
    host("late")
    assert host.names() == ["late"]


def test_once(host: Host) -> None:
    """One event a command: recorded twice over, as a part of another group, and beside the same command elsewhere."""
    record(host.cli, host.telemetry)
    record(host.group, host.telemetry)
    outer = record(click.Group("outer", {"inner": host.cli, "alone": host.group}), host.telemetry)
    host("import", "from-code")
    host.cli = outer
    host("inner", "import", "from-code")
    host("alone", "from-code")
    assert host.names() == ["import.from_code", "inner.import.from_code", "alone.from_code"]


def test_chained_commands(make_telemetry: Any) -> None:
    """Each command of a chain is an event; a chain that is refused is none."""
    host = Host(make_telemetry())

    @click.group(chain=True)
    def cli() -> None: ...

    for name in ("one", "two"):
        cli.add_command(click.Command(name, callback=lambda n: n, params=[click.Option(["--n"], type=int)]))
    record(cli, host.telemetry)
    host.cli = cli
    assert cli.main(["one", "two", "--n", "1"], "mytool", standalone_mode=False) == [None, 1]
    assert host("one", "two", "--n", SECRET).exit_code == 2
    assert host.names() == ["one", "two"]


def test_a_collection(host: Host) -> None:
    """The commands of a `CommandCollection` go by the names of their groups."""
    plain = Host(host.telemetry)
    plain.cli.add_command(click.Command("late", callback=lambda: None))
    host.cli = record(click.CommandCollection("all", sources=[plain.cli]), host.telemetry)
    assert host("import", "from-code").exit_code == 0
    assert host("late").exit_code == 0
    assert host.names() == ["import.from_code", "late"]


def test_called_by_another(host: Host) -> None:
    """A command that another one calls with `ctx.invoke` is a part of it."""

    @host.cli.command()
    @click.pass_context
    def both(context: Any) -> None:
        assert context.invoke(host.group.commands["from-code"], number=5) == 5

    assert host("both").exit_code == 0
    assert host.events() == [{"command": "both", "success": True, "exit_code": 0, "n": 5}]


def test_flags(make_telemetry: Any) -> None:
    """With `flags` the names of typed options are counted, those of groups too; no value, default or variable is."""
    host = Host(make_telemetry(fields={"n": "number"}))
    record(host.cli, host.telemetry, flags=True)
    assert host.telemetry.declaration is not None
    row = host.telemetry.declaration.events["command"]["flags_used"]
    assert isinstance(row, Distribution)
    assert list(row.items) == ["verbose", "out_dir", "fast"]
    host("-v", "import", "from-code", f"-o{SECRET}", "--slow", "3")
    host("import", "from-code", env={"OUT_DIR": SECRET})
    host.group.add_command(click.Command("late", params=[click.Option([f"--{SECRET}"])], callback=lambda **_: None))
    host("import", "late", f"--{SECRET}", "1")
    found = [event.get("flags_used") for event in host.events()]
    assert found == [{"verbose": 1, "out_dir": 1, "fast": 1}, None, {"other": 1}]


def test_the_options_used_are_told_of(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """An opt-out tool that told before its commands were recorded tells of `flags_used` before one is."""
    monkeypatch.setattr(terminal, "attended", lambda *_: True)
    monkeypatch.setattr(sys, "argv", ["mytool"])
    for told in (True, True, False):
        telemetry = Telemetry("mytool", consent="opt-out", fields={"n": "number"})
        telemetry.environ = {"HOME": str(home), "TERM": "xterm"}
        telemetry.notice()
        host = Host(telemetry)
        record(host.cli, telemetry, flags=True)
        host("import", "from-code", "--fast")
        assert telemetry.close(10.0)
        assert telemetry.decision.enabled == (not told)
    assert (home / ".mytool" / "telemetry" / "usage.jsonl").read_text().count('"flags_used":{"fast":1}') == 1


def test_flags_by_declaration(make_telemetry: Any) -> None:
    """An author who declares the field gets it by that row; without either nothing is said of options."""
    host = Host(make_telemetry(fields={"n": "number", "flags_used": Distribution("fast")}))
    record(host.cli, host.telemetry)
    host("import", "from-code", f"-o{SECRET}", "--fast")
    assert host.events()[0]["flags_used"] == {"fast": 1, "other": 1}


def test_off(make_telemetry: Any) -> None:
    """Where the user said no, everything works as before and no file is made."""
    host = Host(make_telemetry(opted_in=False))
    record(host.cli, host.telemetry, flags=True)
    assert host("import", "from-code").exit_code == 0
    assert not Path(host.telemetry.paths.directory).exists()


VERBS: list[tuple[list[str], int, str]] = [
    (["--help"], 0, "usage: mytool telemetry [-h] VERB ...\n"),
    (["on", "--help"], 0, "usage: mytool telemetry on [-h] [--enhanced]\n"),
    (["status"], 0, "Telemetry of mytool is on (basic): "),
    ([], 2, "usage: mytool telemetry [-h] VERB ...\nmytool telemetry: error: "),
    (["nonsense"], 2, "usage: mytool telemetry [-h] VERB ...\nmytool telemetry: error: "),
    (["status", "--jso"], 2, "usage: mytool telemetry status [-h] [--json]\nmytool telemetry status: error: "),
    (["log", "Bad"], 2, "mytool telemetry: 'Bad' is not a legal event name"),
    (["run", "--", "--help"], 127, "mytool telemetry: --help: command not found\n"),
]


@pytest.mark.parametrize(("words", "status", "text"), VERBS, ids=str)
def test_verbs(host: Host, words: list[str], status: int, text: str) -> None:
    """The verbs speak in the host's name, end with their status in either mode, and are not recorded."""
    host.cli.add_command(verbs(host.telemetry))
    done = host("telemetry", *words)
    assert (done.exit_code, done.output.startswith(text)) == (status, True), done.output
    assert (host.cli.main(["telemetry", *words], "mytool", standalone_mode=False) or 0) == status
    assert host.events() == []
    assert "telemetry  what mytool records" in host("--help").output


def test_verbs_below_a_group(host: Host) -> None:
    """The verbs go by any name, anywhere, and say what is to be typed there."""
    host.group.add_command(verbs(host.telemetry, name="usage-data"))
    assert "`mytool import usage-data off`" in host("import", "usage-data", "on").output


def test_asyncclick(make_telemetry: Any) -> None:
    """The asynchronous fork of Click: a command is recorded when it has been awaited."""
    forked = needed("asyncclick")
    host = Host(make_telemetry(fields={"n": "number"}))

    @forked.group()
    def cli() -> None: ...

    @cli.command("from-code")
    @forked.argument("status", type=int)
    async def from_code(status: int) -> int:
        await asyncio.sleep(0)
        host.telemetry.scope.add(n=status)
        if status:
            raise forked.exceptions.Exit(status)
        return 7

    record(cli, host.telemetry)
    assert asyncio.run(cli.main(["from-code", "0"], "mytool", standalone_mode=False)) == 7
    assert asyncio.run(cli.main(["from-code", "3"], "mytool", standalone_mode=False)) == 3
    assert [(event["exit_code"], event["n"]) for event in host.events()] == [(0, 0), (3, 3)]
