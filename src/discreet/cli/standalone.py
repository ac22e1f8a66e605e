"""The verbs without the host's own command: `discreet --tool NAME ...` and `discreet --manifest FILE ...`.

    discreet --tool NAME VERB ...             knows the files and the environment of a tool, and nothing else of it
    discreet --manifest FILE VERB ...         also knows what its author declared in the file
    discreet [--manifest FILE] collect ...    receive what tools send: no tool's own verb

The rule that keeps it honest: without a manifest it knows neither the consent mode nor the destinations of the tool,
says so, and assumes the strictest.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Container, Sequence

from .. import names
from ..hosts import shell
from ..telemetry import Recorder
from . import Verb, add_verb, add_verbs, collect, parsed, run_verb
from .session import Parser, Session, shown

USAGE = "%(prog)s [-h] [--version] {--tool NAME | --manifest FILE} [--data-dir DIR] VERB ..."

COLLECT = Verb(
    "collect", "receive what tools send, on this machine", "collect --out collected", collect.collect, collect.arguments
)
_VALUES = dict(zip(shell.OPTIONS, ("NAME", "FILE", "DIR"), strict=True))  # of the options before the verb


def main(kind: type[Recorder], version: str, argv: Sequence[str]) -> int:
    """Run a verb on the files of a tool; its exit status. Raises `SystemExit` for `--help` and wrong options."""
    parser = Parser(
        prog="discreet",
        usage=USAGE,
        description="See and change the telemetry of a tool that embeds discreet, without the tool itself; or record "
        "from shells and Makefiles what a manifest declares.",
        epilog="example: discreet --tool mytool status",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"discreet {version}")
    parser.add_argument("--tool", metavar="NAME", help="the tool, as in its directory ~/.NAME/telemetry")
    parser.add_argument("--manifest", metavar="FILE", help="its telemetry.toml, which names the tool as well")
    parser.add_argument("--data-dir", metavar="DIR", help="where its files lie, if not there")
    head, named = _head(argv)
    rows = add_verbs(parser, head if named else f"{head} --tool NAME")
    add_verb(rows, COLLECT, head)
    if unknown := _unknown(argv, rows.choices):
        parser.error(f"unrecognized arguments: {unknown}")
    arguments = parsed(parser, rows, argv, _hint)
    tool, manifest, directory = arguments.tool, arguments.manifest, arguments.data_dir
    received = collect.UNNAMED if arguments.verb is COLLECT and tool is None and manifest is None else tool
    try:
        telemetry = shell.opened(kind, received, manifest, directory)
    except ValueError as error:
        told = str(error)  # about a manifest, it begins with the file's path
        parser.error(f"--data-dir {told[9:]}" if told.startswith("data_dir ") else told)
    own = arguments.verb is not COLLECT
    return run_verb(session(telemetry, tool, manifest, directory, own=own), arguments)


def _head(argv: Sequence[str]) -> tuple[str, bool]:
    """What was typed before the verb, for usage lines and examples, and whether it names a tool."""
    typed, rest = shell.typed(argv, shell.OPTIONS)
    words = argv[: len(argv) - len(rest)] if typed else []
    head = shown(shlex.join(["discreet", *words]), sys.stdout)
    if "%(prog)" in head:  # `argparse` would replace it, and fail at any other %
        head = head.replace("%", "%%")
    return head, "--tool" in typed or "--manifest" in typed


def _unknown(argv: Sequence[str], verbs: Container[str]) -> str:
    """An unknown option before the verb, if `argparse` would take the option's value for the verb; else ""."""
    _, rest = shell.typed(argv, shell.OPTIONS)
    if len(rest) < 2 or rest[1] in verbs or not rest[0].startswith("-"):
        return ""
    return "" if rest[0].partition("=")[0] in ("--help", "-h", "--version", "--") else rest[0]


def _hint(arguments: argparse.Namespace, rest: list[str]) -> str:
    """Where words that the verb does not take belong, if that is likely; else ""."""
    verb = arguments.verb.word
    for word in rest:
        option = word.partition("=")[0]
        if option in _VALUES:
            return f"; {option} stands before the verb: discreet {option} {_VALUES[option]} {verb}"
    first = rest[0].partition("=")[0]  # what begins like an option of `run` is meant for one
    if verb == "run" and not any(option.startswith(first) for option in ("--event", "--set")):
        return f"; a command that begins with a dash stands after --: run -- {shlex.join([*rest, *arguments.argv])}"
    return ""


def session(
    telemetry: Recorder, tool: str | None, manifest: str | None, directory: str | None, *, own: bool = True
) -> Session:
    """What a verb works with, after these options. What it tells users to type is the command that the manifest names,
    for the tool's `own` verbs; else it repeats the options, so that it works in any directory.
    """
    if own and manifest is not None and "verbs" in vars(telemetry) and directory is None:
        return Session(telemetry, names.typed(telemetry.program, telemetry.verbs), standalone=True)
    words = ["discreet"]
    words += ["--manifest", os.path.abspath(manifest)] if manifest is not None else []
    words += ["--tool", tool] if tool is not None else []
    words += ["--data-dir", shell.absolute(directory)] if directory is not None else []
    return Session(telemetry, shlex.join(words), alone=manifest is None, standalone=True)
