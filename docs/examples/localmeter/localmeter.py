"""localmeter: deploy domains, with the usage of each target kept on this machine for its user alone.

    localmeter sync                    generate the inventory
    localmeter domain apply [DOMAIN]   deploy all domains, or one
    localmeter telemetry VERB          on, off, status, report, clear, log, ...

The work is done by the targets of the Makefile, and it is they that are recorded: by name, domain, duration and exit
code, as telemetry.toml declares. So `make sync` is recorded as well, and nothing is recorded twice.
"""

import argparse
import os
import sys
import tomllib
from pathlib import Path

import discreet

HERE = Path(__file__).resolve().parent

telemetry = discreet.Telemetry.from_manifest(HERE / "telemetry.toml")


def make(*words: str) -> int:
    """Become make, in the Makefile's folder."""
    os.execvp("make", ["make", "--no-print-directory", "-C", str(HERE), *words])  # noqa: S606, S607  # the user's own make


def sync(_: argparse.Namespace) -> int:
    """Generate the inventory."""
    return make("sync")


def apply(arguments: argparse.Namespace) -> int:
    """Deploy one domain, or all of them."""
    return make("apply-limit", f"G={arguments.domain}") if arguments.domain else make("apply")


def main() -> int:
    """Parse the command line and run what it asks for."""
    names = tomllib.loads((HERE / "domains.toml").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(prog="localmeter", description="Deploy domains.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("sync", help="generate the inventory").set_defaults(func=sync)
    domain = commands.add_parser("domain", help="deploy").add_subparsers(required=True, metavar="STEP")
    applying = domain.add_parser("apply", help="deploy one domain, or all")
    applying.add_argument("domain", nargs="?", choices=list(names))
    applying.set_defaults(func=apply)
    telemetry.mount(commands)
    arguments = parser.parse_args()
    status: int = arguments.func(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
