"""Shells and Makefiles: `discreet --tool NAME run -- COMMAND`, and what it needs of the command line.

    discreet --tool NAME [--data-dir DIR] run [--event EVENT] [--] COMMAND ...
    discreet --manifest FILE [--tool NAME] [--data-dir DIR] run ...

The rule that keeps it honest: the command behaves as if `run` were not there. Its output, exit status and signals are
its own, whether telemetry is on or off, and nothing of its name or arguments is recorded.

A Makefile pays for `run` at each target, so the usual way to type it is read here, without `argparse` and the verbs.
Anything that is not plainly right is left to these, which can say what is wrong.
"""

import os
import time

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from ..telemetry import Recorder
    from .child import Child

    _Recorder = TypeVar("_Recorder", bound=Recorder)

EVENT, COMMAND = "run", "command"  # what `run` records by default; and the event that `once_per_tree` is about
OPTIONS = ("--tool", "--manifest", "--data-dir")
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells report it


class Call:
    """A call of `run` as it was typed: the options before the verb, the event, and the command with its arguments."""

    def __init__(self, options: "dict[str, str]", event: str, command: "list[str]") -> None:
        self.options = options
        self.event = event
        self.command = command


def parsed(words: "Sequence[str]") -> Call | None:
    """The call of `run` that was typed, if it is plainly right; None for every other command line."""
    options, rest = typed(words, OPTIONS)
    if rest[:1] != ["run"]:
        return None
    chosen, command = typed(rest[1:], ("--event",))
    if command[:1] == ["--"]:
        command = command[1:]
    elif command and (command[0].startswith("-") or ("--" in command[1:2] and not chosen)):
        return None
    event = chosen.get("--event", EVENT)
    return Call(options, event, command) if command and command[0] and names.legal_name(event) else None


def typed(words: "Sequence[str]", known: "tuple[str, ...]") -> "tuple[dict[str, str], list[str]]":
    """The options at the beginning, each with its value, and the words after them."""
    found: dict[str, str] = {}
    at = 0
    while at < len(words):
        option, joined, value = words[at].partition("=")
        if option not in known or (not joined and at + 1 == len(words)):
            break
        if not joined:
            at += 1
            value = words[at]
            if value.startswith("-"):  # `argparse` takes it for an option
                return {}, []
        found[option] = value
        at += 1
    return found, list(words[at:])


def opened(
    kind: "type[_Recorder]", tool: str | None, manifest: str | None = None, directory: str | None = None
) -> "_Recorder":
    """The telemetry that the options before a verb mean. Raises `ValueError` with a sentence about what is wrong.

    A directory that was typed beats the one that the environment names.
    """
    telemetry = _declared(kind, tool, manifest) if manifest is not None else _undeclared(kind, tool)
    if directory is not None:
        environ = dict(telemetry.environ)
        for variable, _ in names.said(telemetry.name, environ, "DIR"):
            del environ[variable]
        place = names.checked_directory(absolute(directory) if directory else directory)
        telemetry.located = names.Paths(telemetry.name, environ, place, telemetry.paths.files)
    return telemetry


def absolute(directory: str) -> str:
    """A directory as it can be typed from anywhere. Raises `ValueError` if it begins at one that was deleted."""
    try:
        return directory if directory.startswith("~/") else os.path.abspath(directory)
    except FileNotFoundError:
        raise ValueError(f"data_dir {directory!r} begins at the current directory, which is gone") from None


def _undeclared(kind: "type[_Recorder]", tool: str | None) -> "_Recorder":
    if tool is None:
        raise ValueError("name the tool: --tool NAME, or --manifest FILE")
    telemetry = kind(tool)
    # Nothing is delivered without the tool's declaration: all that it declares would be passed over as forged, and what
    # a first run discloses is not known.
    telemetry.delivery = "none"
    return telemetry


def _declared(kind: "type[_Recorder]", tool: str | None, manifest: str) -> "_Recorder":
    from ..manifest import made, read

    if tool is not None:
        named = read(manifest).get("name", tool)
        if named != tool:
            raise ValueError(f"{manifest}: it is the manifest of {named}, not of {tool}")
    return made(kind, manifest, {"name": tool})


def run(
    telemetry: "Recorder",
    event: str,
    argv: "list[str]",
    complain: "Callable[[str], None]",
    more: "Mapping[str, object] | None" = None,
    *,
    instead: bool = False,
) -> int:
    """Run a command, record it, with `more`, and end as it ended: its exit status, or by the signal that ended it.

    With `instead`, this process becomes the command if nothing is recorded. A host's process has an end of its own.
    """
    from . import child

    recording = telemetry.recording()
    once = recording and telemetry.once_per_tree and event == COMMAND
    try:
        if instead and os.name == "posix" and not recording:
            child.replace(argv)
        status = (_run_once if once else _run_and_record)(telemetry, event, child.Child(argv), more or {})
    except (FileNotFoundError, NotADirectoryError):
        complain(f"{argv[0]}: command not found")
        return _NOT_FOUND
    except OSError as error:
        complain(f"{argv[0]}: cannot be run: {error.strerror}")
        return _NOT_EXECUTABLE
    if status < 0:
        child.end_by(-status)
        return 128 - status  # still here: no signal of its own ends the first process of a container
    return status


def _run_once(telemetry: "Recorder", event: str, held: "Child", more: "Mapping[str, object]") -> int:
    """The same, but not recorded if another command of the tool started this process, or runs in it."""
    from . import SILENT, current, tree

    if current(telemetry) is not SILENT or tree.inside(telemetry.name):
        with held:
            return held.run()
    process = tree.enter(telemetry.name)
    try:
        return _run_and_record(telemetry, event, held, more)
    finally:
        tree.leave(telemetry.name, process)


def _run_and_record(telemetry: "Recorder", event: str, held: "Child", more: "Mapping[str, object]") -> int:
    """The exit status of the command, or minus the number of the signal that ended it. Raises `OSError` if it cannot be
    started.
    """
    with held:
        started = time.monotonic_ns()
        status = held.run()
        duration = (time.monotonic_ns() - started + 500_000) // 1_000_000
        code = 128 - status if status < 0 else status  # as shells report it
        measured = {"duration_ms": duration, "success": code == 0, "exit_code": code}
        telemetry.track(event, {**measured, **more, **measured})  # measured values come first, and are not replaced
        telemetry.close()
    return status
