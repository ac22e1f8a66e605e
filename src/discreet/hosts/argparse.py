"""argparse: one call mounts `mytool telemetry ...`.

The rule that keeps it honest: it adds one sub-command and touches nothing else of the host's parser, and the verbs are
loaded only when that sub-command was typed: a host pays nothing for them at its other commands.
"""

import argparse
from typing import Any

from ..telemetry import Recorder

# No option is known to the sub-command's own parser, so `--help` and all the rest reach the verbs as they were typed.
_NO_PREFIX = "\0"


def mount(
    subparsers: "argparse._SubParsersAction[Any]",
    telemetry: Recorder,
    *,
    name: str = "telemetry",
    dest: str = "func",
) -> argparse.ArgumentParser:
    """Add the sub-command `name` with all verbs to what `parser.add_subparsers()` returned; the parser of it.

    The parsed arguments carry a function in the attribute `dest`, the usual place of a host's own: called with the
    arguments, it runs the verb and returns the exit status (0, 1 or 2); `--help` and a wrong use end in `SystemExit`,
    as they do everywhere with argparse.
    """
    summary = f"what {telemetry.name} records about its use: see it, switch it on and off, erase it"
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=summary, add_help=False, prefix_chars=_NO_PREFIX)
    parser.add_argument("verb", nargs=argparse.REMAINDER)

    def run(arguments: argparse.Namespace) -> int:
        from ..cli import main

        return main(telemetry, arguments.verb, command=parser.prog)

    parser.set_defaults(**{dest: run})
    return parser
