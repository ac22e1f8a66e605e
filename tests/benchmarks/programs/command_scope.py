"""The same command with its one event recorded by the `command` decorator."""

import sys

import discreet

data_dir = sys.argv[1] or None
telemetry = discreet.init("bench", version="1.0", data_dir=data_dir)


@telemetry.command("search")
def main():
    """What the command does; its result is nobody's."""
    return sum(range(1000))


main()
