"""What a type checker sees of the public names. The linters read this file, where an `ignore` that is not needed counts
as an error; run, it only runs.
"""

import argparse
import ast
import asyncio
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import assert_type

import pytest

import discreet
from discreet import Destination, Event, Telemetry, destination, options
from discreet.privacy.randomized import estimate
from discreet.testing import assert_no_network, assert_overhead, assert_same_behaviour, assertions


def test_a_decorated_function_keeps_its_type(make_telemetry: Callable[..., Telemetry]) -> None:
    """Plain or `async`, with a name or without; a scope is entered with or without one, too."""
    telemetry = make_telemetry()

    @telemetry.command
    def bare(number: int) -> str:
        return str(number)

    @telemetry.command("search", kind="named")
    def named(number: int) -> str:
        return str(number)

    @telemetry.command()
    async def awaited(number: int) -> str:
        return str(number)

    with telemetry.command("import") as scope:
        scope.add(n=1)
    assert assert_type(bare(1), str) == assert_type(named(1), str) == assert_type(asyncio.run(awaited(1)), str) == "1"


def listed(source: str, name: str) -> dict[str, str]:
    """The options that a `TypedDict` has, which is there for type checkers only, with their types."""
    kind = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef) and node.name == name)
    rows = (node for node in kind.body if isinstance(node, ast.AnnAssign))
    return {ast.unparse(row.target): ast.unparse(row.annotation).strip("'\"") for row in rows}


def taken(function: Callable[..., object]) -> dict[str, str]:
    """The keyword-only options of a function, with their types as the code spells them."""
    arguments = ast.parse(inspect.cleandoc(inspect.getsource(function))).body[0].args  # type: ignore[attr-defined]
    return {each.arg: ast.unparse(each.annotation).strip("'\"") for each in arguments.kwonlyargs}


def test_options_for_type_checkers_are_those_there_are() -> None:
    """They are spelled once more for them, and nothing else would tell of a new one."""
    source = inspect.getsource(options)
    own = taken(Telemetry.__init__)
    assert listed(source, "Options") == own
    either = {option: kind if kind.endswith(" | None") else f"{kind} | None" for option, kind in own.items()}
    assert listed(source, "Overrides") == {"name": "str | None", **either}
    of_destination = taken(Destination.__init__)
    further = listed(inspect.getsource(destination), "Further")
    assert further == {
        option: of_destination[option] for option in of_destination if option not in ("format", "api_key")
    }
    assert listed(inspect.getsource(assertions), "Options") == taken(assertions._Trial.__init__)


def test_a_wrong_option_is_seen_before_it_runs(tmp_path: Path) -> None:
    """Misspelt or of another type, in whatever makes a `Telemetry` or a `Destination`, or runs a command."""
    manifest = tmp_path / "telemetry.toml"
    manifest.write_text('name = "mytool"')
    with pytest.raises(TypeError):
        discreet.init("mytool", versoin="1.4.0")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="version"):
        discreet.init("mytool", version=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="events"):
        discreet.init("mytool", events=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="destination"):
        Telemetry("mytool", destination=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Telemetry.from_manifest(manifest, versoin="1.4.0")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Destination.posthog("key", bach_size=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        assert_no_network(["true"], tol="mytool")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        assert_same_behaviour(["true"], tol="mytool")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        assert_overhead(["true"], 3, tol="mytool")  # type: ignore[call-arg]

    class Keystroke(Event, sample="often"):  # type: ignore[arg-type]
        """A key was pressed."""

    with pytest.raises(ValueError, match="sample"):
        Telemetry("mytool", events=[Keystroke])


def test_a_name_that_is_none_of_ours() -> None:
    """The names that are loaded late are known one by one."""
    with pytest.raises(AttributeError):
        assert discreet.Onoff  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        assert discreet.testing.captured  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        from discreet import Evnt  # type: ignore[attr-defined]  # noqa: F401  # it is not there to be used


def test_right_options_are_taken(tmp_path: Path) -> None:
    """In each spelling that the pages have."""

    class Own(Telemetry):
        pass

    class Search(Event, sample=0.1):
        """A search was made."""

    manifest = tmp_path / "telemetry.toml"
    manifest.write_text('name = "mytool"')
    assert_type(Own.from_manifest(manifest, consent="local", destination=None, name="other"), Own)
    place = Destination.posthog("key", batch_size=3, allow_http=True)
    Telemetry("mytool", destination=place, events=(Search,), data_dir=tmp_path)
    Telemetry("mytool", destination=["https://example.org/x", place], data_dir=str(tmp_path))
    assert_type(discreet.init("mytool", events={"search": {"n": "count"}}, fields={"n": "number"}), Telemetry)


def test_the_mounted_parser(make_telemetry: Callable[..., Telemetry]) -> None:
    """It is added to what `add_subparsers` returned, not to the parser."""
    telemetry, parser = make_telemetry(), argparse.ArgumentParser()
    with pytest.raises(TypeError, match=r"^mount takes what add_subparsers\(\) returned, not ArgumentParser\("):
        telemetry.mount(parser)  # type: ignore[arg-type]
    assert_type(telemetry.mount(parser.add_subparsers()), argparse.ArgumentParser)


def test_an_estimate_of_a_row() -> None:
    """The answers of a row are a choice of that row's."""
    editor, proxy = discreet.OneOf("vim", "emacs", epsilon=1.0), discreet.Boolean(epsilon=1.0)
    assert editor.epsilon is not None
    assert proxy.epsilon is not None
    found = assert_type(estimate({"vim": 3}, editor.domain, editor.epsilon), dict[str, tuple[float, float]])
    assert set(found) == {"vim", "emacs", "other"}
    shares = assert_type(estimate({True: 3}, proxy.domain, proxy.epsilon), dict[bool, tuple[float, float]])
    assert set(shares) == {True, False}


def test_the_stand_in_of_the_pages_is_no_riddle(tmp_path: Path) -> None:
    """Where this package is optional, a tool's calls are checked as if it were always there."""
    pytest.importorskip("mypy", reason="mypy is for the linters")
    page = (Path(__file__).parent.parent / "docs/adopting.md").read_text()
    for name in ("usage.py", "optional.py"):
        block = page.partition(f"```python\n# file: {name}\n")[2].partition("```\n")[0]
        (tmp_path / name).write_text(block.replace("    session.count(", "    session.cuont("))
    options = ["--config-file", os.devnull, "--cache-dir", str(tmp_path / "cache"), "--warn-unused-ignores"]
    argv = [sys.executable, "-m", "mypy", *options, "optional.py", "usage.py"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    *mistakes, _ = done.stdout.splitlines()
    assert len(mistakes) == 2, done.stdout + done.stderr
    assert all('has no attribute "cuont"' in mistake for mistake in mistakes)
