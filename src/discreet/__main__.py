"""`python -m discreet --tool NAME ...`, also installed as `discreet`: the verbs without the host's own command.

The rule that keeps it honest: a Makefile's `run` takes the short way, and loads no other verb. Everything else, and
every wrong use, goes to `cli.standalone`. Both ways end alike.
"""

import sys

from . import Telemetry, __version__
from .hosts import shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run a verb on the files of a tool; the exit status. Raises `SystemExit` for `--help` and wrong options."""
    words = sys.argv[1:] if argv is None else list(argv)
    call = shell.parsed(words)
    try:
        telemetry = None if call is None else shell.opened(Telemetry, *map(call.options.get, shell.OPTIONS))
    except ValueError:
        telemetry = None  # the verbs say what is wrong
    if call is None or telemetry is None:
        from .cli.standalone import main as run_any

        return run_any(Telemetry, __version__, words)

    def complain(text: str) -> None:
        from .cli.standalone import session

        session(telemetry, *map(call.options.get, shell.OPTIONS)).complain(text)

    try:
        return shell.run(telemetry, call.event, call.command, complain, instead=True)
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
