"""argparse: one call mounts `mytool telemetry ...`.

The rule that keeps it honest: it adds one sub-command and touches nothing else of the host's parser.
"""

import argparse
from typing import Any

from ..cli import add_verbs, run_verb
from ..cli.session import Session
from ..telemetry import Recorder


def mount(
    subparsers: "argparse._SubParsersAction[Any]",
    telemetry: Recorder,
    *,
    name: str = "telemetry",
    dest: str = "func",
) -> argparse.ArgumentParser:
    """Add the sub-command `name` with all verbs to what `parser.add_subparsers()` returned; the parser of it.

    The parsed arguments carry a function in the attribute `dest`, the usual place of a host's own: called with the
    arguments, it runs the verb and returns the exit status (0, 1 or 2).
    """
    summary = f"what {telemetry.name} records about its use: see it, switch it on and off, erase it"
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    add_verbs(parser)
    session = Session(telemetry, parser.prog)
    parser.set_defaults(**{dest: lambda arguments: run_verb(session, arguments)})
    return parser
