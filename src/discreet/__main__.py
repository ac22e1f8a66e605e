"""`python -m discreet --tool NAME ...`, also installed as `discreet`: the verbs without the host's own command.

The rule that keeps it honest: it knows neither the consent mode nor the destinations of the tool, says so, and assumes
the strictest.
"""

import argparse
import sys
from collections.abc import Sequence

from . import Telemetry, __version__
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
    try:
        telemetry = Telemetry(arguments.tool, data_dir=arguments.data_dir)
    except ValueError as error:
        parser.error(str(error))
    head = f"discreet --tool {telemetry.name}" + (f" --data-dir {arguments.data_dir}" if arguments.data_dir else "")
    return run_verb(Session(telemetry, head, alone=True), arguments)


if __name__ == "__main__":
    sys.exit(main())
