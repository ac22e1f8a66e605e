"""argparse: one call mounts `mytool telemetry ...`, another records whichever sub-command was typed.

The rule that keeps it honest: `mount` adds one sub-command and touches nothing else of the host's parser; the verbs are
loaded only if it is typed. `dispatch` parses and calls as the host would, and returns or raises the same.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..telemetry import Recorder
from . import Command, Scope, is_coroutine
from . import dispatch as common

# With this prefix the sub-command's parser knows no option, so `--help` and the rest reach the verbs as typed.
_NO_PREFIX = "\0"
_PATH = "_discreet_path"  # an attribute of the parsed arguments, taken away before the host sees them


def mount(
    subparsers: "argparse._SubParsersAction[Any]", telemetry: Recorder, *, name: str = "telemetry", dest: str = "func"
) -> argparse.ArgumentParser:
    """Add the sub-command `name` with all verbs to what `parser.add_subparsers()` returned. Returns its parser.

    The parsed arguments carry a function in the attribute `dest`, the usual place of a host's own. Called with the
    arguments, it runs the verb and returns the exit status (0, 1 or 2). `--help` and a wrong use end in `SystemExit`,
    as always with argparse. Raises `TypeError` for anything else, such as a parser.
    """
    if not hasattr(subparsers, "add_parser"):
        raise TypeError(f"mount takes what add_subparsers() returned, not {subparsers!r}")
    summary = common.summary(telemetry)
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=summary, add_help=False, prefix_chars=_NO_PREFIX)
    parser.add_argument("verb", nargs=argparse.REMAINDER)
    program, *words = parser.prog.split()
    # The words after the program are the sub-commands that lead here, unless the program's name has several words.
    telemetry.verbs = " ".join(words) if program in (telemetry.program, os.path.basename(sys.argv[0])) else name

    def run(arguments: argparse.Namespace) -> int:
        from ..cli import main

        # From Python 3.14 on, a sub-command's parser has the `color` that the host's was made with; None is no colour.
        color = bool(getattr(parser, "color", True))
        return main(telemetry, arguments.verb, command=parser.prog, color=color)

    setattr(run, common.VERBS, True)
    parser.set_defaults(**{dest: run})
    return parser


def dispatch(
    parser: argparse.ArgumentParser,
    telemetry: Recorder,
    argv: Sequence[str] | None = None,
    *,
    dest: str = "func",
    flags: bool = False,
) -> Any:
    """Parse `argv` (by default `sys.argv[1:]`), call the function in the attribute `dest` of the parsed arguments with
    these, record the command, and return what the function returned.

    The command's name is made of the registered names of the sub-commands, as in `import.from_code`; without any, it is
    the function's. Its exit status is that of `sys.exit(dispatch(...))`. `--help`, `--version` and what the parser
    refuses end in `SystemExit` and are not recorded, nor are the verbs. With `flags` the names of the options used are
    recorded as `flags_used`.
    """
    used: dict[str, None] = {}
    tree = dict(_tree(parser, ()))
    noted = common.records_flags(telemetry, flags, lambda: (name for each in tree for name in _options(each)))
    for each, path in tree.items():
        each.set_defaults(**{_PATH: path})
        if noted:
            _note(each, used)
    arguments = parser.parse_args(argv)
    steps = vars(arguments).pop(_PATH)
    function = getattr(arguments, dest, None)
    if function is None:
        parser.error(f"a command is required{f' after {steps[-1]}' if steps else ''}")
    if hasattr(function, common.VERBS):
        return function(arguments)
    if noted and not common.announce(telemetry):
        used.clear()
    name = ".".join(steps) or common.part(getattr(function, "__name__", ""))
    command = Command(telemetry, name, {common.FLAGS: list(used)} if used else {})
    return _run(command, function, arguments)


def _run(command: Command, function: Any, arguments: argparse.Namespace) -> Any:
    if is_coroutine(function):

        async def awaited() -> Any:
            with command as scope:
                return _stated(scope, await function(arguments))

        return awaited()
    with command as scope:
        return _stated(scope, function(arguments))


def _stated(scope: object, result: object) -> object:
    """The result. The exit status recorded is that of `sys.exit(result)`, unless the command itself stated one."""
    if isinstance(scope, Scope):
        scope._facts.setdefault("exit_code", result)
    return result


def _tree(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Each parser with the registered names of the sub-commands that lead to it, without their aliases."""
    yield parser, path
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            seen: list[object] = []
            for name, child in action.choices.items():
                if child not in seen:
                    seen.append(child)
                    yield from _tree(child, (*path, common.part(name)))


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if action.option_strings and not isinstance(action, (argparse._HelpAction, argparse._VersionAction)):
            yield common.spelled(action.option_strings)


def _note(parser: Any, used: dict[str, None]) -> None:
    """Have the parser note the options that were typed: argparse calls its `_get_values` for each."""

    def get_values(action: argparse.Action, words: list[str]) -> object:
        if action.option_strings:
            used[common.spelled(action.option_strings)] = None
        return type(parser)._get_values(parser, action, words)

    parser._get_values = get_values
