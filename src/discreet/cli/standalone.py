"""The verbs without the host's own command: `discreet --tool NAME ...` and `discreet --manifest FILE ...`.

    discreet --tool NAME VERB ...             the files and the environment of a tool, and nothing else of it
    discreet --manifest FILE VERB ...         and all that its author declared, from the file
    discreet [--manifest FILE] collect ...    receive what tools send: no tool's own verb

The rule that keeps it honest: without a manifest it knows neither the consent mode nor the destinations of the tool,
says so, and assumes the strictest.
"""

import os
import shlex
from collections.abc import Sequence

from ..hosts import shell
from ..telemetry import Recorder
from . import Verb, add_verb, add_verbs, collect, run_verb
from .session import Parser, Session

USAGE = "%(prog)s [-h] [--version] {--tool NAME | --manifest FILE} [--data-dir DIR] VERB ..."

COLLECT = Verb(
    "collect",
    "receive what tools send, on this machine",
    "collect --out collected",
    collect.arguments,
    collect.collect,
)


def main(kind: type[Recorder], version: str, argv: Sequence[str]) -> int:
    """Run a verb on the files of a tool; the exit status. Raises `SystemExit` for `--help` and wrong options."""
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
    rows = add_verbs(parser, "discreet --tool NAME")
    add_verb(rows, COLLECT, "discreet")
    arguments = parser.parse_args(argv)
    tool, manifest, directory = arguments.tool, arguments.manifest, arguments.data_dir
    named = collect.UNNAMED if arguments.verb is COLLECT and tool is None and manifest is None else tool
    try:
        telemetry = shell.opened(kind, named, manifest, directory)
    except ValueError as error:
        parser.error(str(error).replace("data_dir", "--data-dir"))
    return run_verb(session(telemetry, tool, manifest, directory), arguments)


def session(telemetry: Recorder, tool: str | None, manifest: str | None, directory: str | None) -> Session:
    """What a verb works with, after these options; what it says to type can be typed from anywhere."""
    words = ["discreet"]
    words += ["--manifest", os.path.abspath(manifest)] if manifest is not None else []
    words += ["--tool", tool] if tool is not None else []
    words += ["--data-dir", shell.absolute(directory)] if directory is not None else []
    return Session(telemetry, shlex.join(words), alone=manifest is None)
