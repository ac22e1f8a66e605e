"""`python -m discreet --tool NAME ...`, also installed as `discreet`: the verbs without the host's own command.

The rule that keeps it honest: it knows neither the consent mode nor the destinations of the tool, says so, and assumes
the strictest.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from . import Telemetry, __version__, names
from .cli import add_verbs, run_verb
from .cli.session import Session


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb on the files of a tool; the exit status. Raises `SystemExit` for `--help` and wrong options."""
    parser = argparse.ArgumentParser(
        prog="discreet",
        description="See and change the telemetry of a tool that embeds discreet, without the tool itself.",
        epilog="example: discreet --tool mytool status",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"discreet {__version__}")
    parser.add_argument("--tool", required=True, metavar="NAME", help="the tool, as in its directory ~/.NAME/telemetry")
    parser.add_argument("--data-dir", metavar="DIR", help="where its files lie, if not there")
    add_verbs(parser, "discreet --tool NAME")
    arguments = parser.parse_args(argv)
    directory = arguments.data_dir
    if directory and not directory.startswith("~/"):
        directory = os.path.abspath(directory)
    try:
        telemetry = _telemetry(arguments.tool, directory)
    except ValueError as error:
        parser.error(str(error).replace("data_dir", "--data-dir"))
    head = f"discreet --tool {telemetry.name}" + (f" --data-dir {shlex.quote(directory)}" if directory else "")
    return run_verb(Session(telemetry, head, alone=True), arguments)


def _telemetry(tool: str, directory: str | None) -> Telemetry:
    """The tool's telemetry; where a directory was typed, it beats the one that the environment names."""
    telemetry = _in_directory(tool, directory)
    telemetry.delivery = "none"  # without the tool's declaration everything declared would be passed over as forged
    return telemetry


def _in_directory(tool: str, directory: str | None) -> Telemetry:
    if directory is None or not names.legal_tool(tool):
        return Telemetry(tool)
    head = names.prefix(tool)
    variables = (f"{head}_TELEMETRY_DIR", f"{head}__TELEMETRY__DIR")
    hidden = {name: os.environ.pop(name) for name in variables if name in os.environ}
    try:
        return Telemetry(tool, data_dir=directory)
    finally:
        os.environ.update(hidden)  # `run` hands it on


if __name__ == "__main__":
    sys.exit(main())
