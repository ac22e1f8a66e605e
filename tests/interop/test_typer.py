"""Typer as it is: what is recorded of an app's commands, and that the app stays as it was. Of the machinery that it
shares with Click the tests are in test_click.py.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import Distribution, OneOf, Telemetry
from interop.peers import needed

typer = needed("typer")
from discreet.hosts.typer import mount, record  # noqa: E402  # it imports Typer

testing = needed("typer.testing")
SECRET = "s3cret-7f"


class Host:
    """An app with a nested one, of a user who agreed, and what a test can see of it."""

    def __init__(self, telemetry: Telemetry, **options: Any) -> None:
        self.telemetry = telemetry
        self.ends: BaseException | None = None
        self.app = typer.Typer(**options)
        imports = typer.Typer()

        @self.app.command()
        def search(text: str) -> None: ...

        @imports.command()
        def from_code(
            number: int = typer.Argument(1), out_dir: str = typer.Option("", "-o", "--out-dir"), fast: bool = False
        ) -> int:
            telemetry.scope.add(n=number)
            if self.ends is not None:
                raise self.ends
            return number

        self.app.add_typer(imports, name="import")

    def __call__(self, *words: str, **options: Any) -> Any:
        return testing.CliRunner().invoke(self.app, words, prog_name="mytool", **options)

    def events(self) -> list[dict[str, Any]]:
        """The properties of each event, without the duration."""
        assert self.telemetry.flush(10.0)
        log = Path(self.telemetry.paths.directory) / "usage.jsonl"
        records = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
        assert SECRET not in repr(records)
        return [{k: v for k, v in record["properties"].items() if k != "duration_ms"} for record in records]


@pytest.fixture
def host(make_telemetry: Any) -> Host:
    """An app whose commands are recorded."""
    made = Host(make_telemetry(fields={"n": "number", "error": OneOf("Abort")}))
    record(made.app, made.telemetry)
    return made


def test_commands(host: Host) -> None:
    """Each command is recorded once, under the names of its apps and its own; so it is when the app is called again."""
    assert host("search", SECRET).exit_code == 0
    assert host("import", "from-code", "3", "--out-dir", SECRET).exit_code == 0
    assert host.app(["import", "from-code", "7"], standalone_mode=False) == 7
    assert host.events() == [
        {"command": "search", "success": True, "exit_code": 0},
        {"command": "import.from_code", "success": True, "exit_code": 0, "n": 3},
        {"command": "import.from_code", "success": True, "exit_code": 0, "n": 7},
    ]


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["import", "from-code", "--help"], [SECRET], ["import", "from-code", SECRET]], ids=str
)
def test_what_is_no_command(host: Host, words: list[str]) -> None:
    """Help and what Typer refuses are as without telemetry, and are not recorded."""
    plain = Host(host.telemetry)
    found, expected = host(*words), plain(*words)
    assert (found.exit_code, found.output) == (expected.exit_code, expected.output)
    assert host.events() == []


def test_completion(host: Host) -> None:
    """Completion answers, and is not recorded."""
    env = {"_MYTOOL_COMPLETE": "complete_bash", "COMP_WORDS": "mytool import f", "COMP_CWORD": "2"}
    assert host(env=env).output.split() == ["from-code"]
    assert host.events() == []


ENDINGS: dict[str, tuple[Callable[[], BaseException], int, str | None]] = {
    "Exit()": (lambda: typer.Exit(), 0, None),
    "Exit(3)": (lambda: typer.Exit(3), 3, None),
    "Abort": (lambda: typer.Abort(), 1, "Abort"),
    "Ctrl-C": (KeyboardInterrupt, 130, "KeyboardInterrupt"),
    "bad parameter": (lambda: typer.BadParameter(SECRET), 2, "other"),
    "a bug": (lambda: ValueError(SECRET), 1, "ValueError"),
}


@pytest.mark.parametrize("way", ENDINGS)
def test_endings(host: Host, way: str) -> None:
    """What is recorded is the exit status that Typer makes of each ending."""
    made, status, error = ENDINGS[way]
    host.ends = made()
    assert host("import", "from-code").exit_code == status
    expected = {"command": "import.from_code", "success": not status, "exit_code": status, "n": 1}
    assert host.events() == [expected if error is None else {**expected, "error": error}]


def test_a_single_command(make_telemetry: Any) -> None:
    """An app of one command has no sub-commands: it goes by the name in the code, else by its function. Called twice,
    it is recorded twice.
    """
    telemetry = make_telemetry()
    host = Host(telemetry)
    for given in (None, "say-hello"):
        host.app = app = typer.Typer()

        @app.command(given)
        def greet(name: str) -> None: ...

        record(app, telemetry)
        made = typer.main.get_command(app)
        for _ in range(2):
            made.main([SECRET], "mytool", standalone_mode=False)
    assert [event["command"] for event in host.events()] == ["greet", "greet", "say_hello", "say_hello"]


def test_a_callback_and_classes_of_its_own(make_telemetry: Any) -> None:
    """An app with a callback that runs alone, and with a group class of the author's, is recorded as well."""

    class Shouting(typer.core.TyperGroup):  # type: ignore[misc]  # it may not be installed
        def get_command(self, ctx: Any, name: str) -> Any:
            return super().get_command(ctx, name.lower())

    for number, options in enumerate(({}, {"cls": Shouting}), 1):
        host = Host(make_telemetry(), cls=Shouting)

        @host.app.callback(invoke_without_command=True, **options)
        def tool() -> None: ...

        record(host.app, host.telemetry)
        assert host("SEARCH", "x").exit_code == 0
        assert host().exit_code == 0
        assert [event["command"] for event in host.events()] == ["search", "tool"] * number


def test_flags(make_telemetry: Any) -> None:
    """With `flags` the names of typed options are counted; the row knows those of nested apps, and not Typer's own."""
    host = Host(make_telemetry(fields={"n": "number"}))
    record(host.app, host.telemetry, flags=True)
    assert host.telemetry.declaration is not None
    row = host.telemetry.declaration.events["command"]["flags_used"]
    assert isinstance(row, Distribution)
    assert list(row.items) == ["out_dir", "fast"]
    host("import", "from-code", "-o", SECRET)
    assert host.events()[0]["flags_used"] == {"out_dir": 1}


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["--help"], 0, "usage: mytool telemetry [-h] VERB ...\n"),
        (["preview", "--help"], 0, "usage: mytool telemetry preview [-h]"),
        (["status"], 0, "Telemetry of mytool is on (basic): "),
        ([], 2, "usage: mytool telemetry [-h] VERB ...\nmytool telemetry: error: "),
        (["log", "Bad"], 2, "mytool telemetry: 'Bad' is not a legal event name"),
    ],
    ids=str,
)
def test_verbs(host: Host, words: list[str], status: int, text: str) -> None:
    """The verbs speak in the host's name, end with their status, and are not recorded."""
    mount(host.app, host.telemetry)
    record(host.app, host.telemetry)
    done = host("telemetry", *words)
    assert (done.exit_code, done.output.startswith(text)) == (status, True), done.output
    assert host.events() == []
    assert "what mytool records about its use" in host("--help").output
