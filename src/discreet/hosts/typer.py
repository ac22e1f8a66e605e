"""Typer: one call mounts `mytool telemetry ...`, another records every command of an app.

The rule that keeps it honest: Typer makes its commands anew each time an app is called. So only the class of the
outermost command is replaced, and that command is recorded as by `click.record`.
"""

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from ..telemetry import Recorder
from . import click
from . import dispatch as common


def mount(app: typer.Typer, telemetry: Recorder, *, name: str = "telemetry") -> None:
    """Add the command `name` with all verbs. It ends with the verb's exit status, 0, 1 or 2."""
    telemetry.verbs = name
    run = click.runner(telemetry)
    run.__annotations__ = {"context": typer.Context}
    settings: Any = click.RAW
    app.command(name, help=common.summary(telemetry), context_settings=settings, add_help_option=False)(run)


def record(app: typer.Typer, telemetry: Recorder, *, flags: bool = False) -> None:
    """Record every command of an app, nested ones as `import.from_code`; see `discreet.hosts.click.record`. Ctrl-C is
    130, as in Typer since 0.15.

    Call it after the commands were added. With `flags` the names of the options used are recorded as `flags_used`.
    """
    recording = click.Recording(telemetry, common.records_flags(telemetry, flags, lambda: _options(app)), _Called)
    places: list[tuple[Any, Any]] = [(each, TyperCommand) for each in app.registered_commands]
    given = getattr(app.registered_callback, "cls", None)
    places.append((app.registered_callback if isinstance(given, type) else app.info, TyperGroup))
    for place, usual in places:
        place.cls = _recorded(place.cls if isinstance(place.cls, type) else usual, recording)


def _options(app: typer.Typer) -> Iterator[str]:
    """The names of the options of an app, without Typer's own about completion."""
    return (name for name in click.options(get_command(app)) if name not in ("install_completion", "show_completion"))


def _recorded(base: Any, recording: click.Recording) -> type:
    """A class of commands that are recorded if they are the outermost one: `main` is called on no other."""

    def main(self: Any, *arguments: Any, **named: Any) -> Any:
        if click._DRESSED not in vars(self):
            recording.dress(self, ())
        return base.main(self, *arguments, **named)

    return type(base.__name__, (base,), {"main": main, "__doc__": base.__doc__})


class _Running(click._Running):
    interrupted = 130  # as shells report it


class _Called(click.Called):
    kind = _Running
