"""`python -m discreet --tool NAME ...`, also installed as `discreet`: the verbs without the host's own command.

    discreet --tool NAME VERB ...             the files and the environment of a tool, and nothing else of it
    discreet --manifest FILE VERB ...         and all that its author declared, from the file

The rule that keeps it honest: without a manifest it knows neither the consent mode nor the destinations of the tool,
says so, and assumes the strictest.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from . import Telemetry, __version__, names, options
from .cli import add_verbs, run_verb
from .cli.session import Session, shown


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb on the files of a tool; the exit status. Raises `SystemExit` for `--help` and wrong options."""
    parser = argparse.ArgumentParser(
        prog="discreet",
        usage="%(prog)s [-h] [--version] {--tool NAME | --manifest FILE} [--data-dir DIR] VERB ...",
        description="See and change the telemetry of a tool that embeds discreet, without the tool itself; or record "
        "from shells and Makefiles what a manifest declares.",
        epilog="example: discreet --tool mytool status",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"discreet {__version__}")
    parser.add_argument("--tool", metavar="NAME", help="the tool, as in its directory ~/.NAME/telemetry")
    parser.add_argument("--manifest", metavar="FILE", help="its telemetry.toml, which names the tool as well")
    parser.add_argument("--data-dir", metavar="DIR", help="where its files lie, if not there")
    add_verbs(parser, "discreet --tool NAME")
    arguments = parser.parse_args(argv)
    directory = arguments.data_dir
    if directory and not directory.startswith("~/"):
        directory = os.path.abspath(directory)
    try:
        telemetry = _in_directory(_telemetry(arguments.tool, arguments.manifest), directory)
    except ValueError as error:
        parser.error(shown(str(error).replace("data_dir", "--data-dir"), sys.stderr))
    place = os.path.abspath(arguments.manifest) if arguments.manifest is not None else None
    typed = (("--manifest", place), ("--tool", arguments.tool), ("--data-dir", directory))
    head = shlex.join(["discreet", *(word for option, value in typed if value for word in (option, value))])
    return run_verb(Session(telemetry, head, alone=place is None), arguments)


def _telemetry(tool: str | None, manifest: str | None) -> Telemetry:
    if manifest is not None:
        return _declared(tool, manifest)
    if tool is None:
        raise ValueError("name the tool: --tool NAME, or --manifest FILE")
    telemetry = Telemetry(tool)
    telemetry.delivery = "none"  # without the tool's declaration everything declared would be passed over as forged
    return telemetry


def _declared(tool: str | None, manifest: str) -> Telemetry:
    if tool is not None:
        from .manifest import read

        named = read(manifest).get("name", tool)
        if named != tool:
            raise ValueError(f"{manifest}: it is the manifest of {named}, not of {tool}")
    return Telemetry.from_manifest(manifest, name=tool)


def _in_directory(telemetry: Telemetry, directory: str | None) -> Telemetry:
    """The tool's telemetry; where a directory was typed, it beats the one that the environment names."""
    if directory is not None:
        head = names.prefix(telemetry.name)
        variables = (f"{head}_TELEMETRY_DIR", f"{head}__TELEMETRY__DIR")
        environ = {name: value for name, value in telemetry.environ.items() if name not in variables}
        telemetry.paths = names.Paths(telemetry.name, environ, options.directory(directory), telemetry.paths.files)
    return telemetry


if __name__ == "__main__":
    sys.exit(main())
