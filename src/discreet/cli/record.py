"""The verbs that record: log, for what a shell measured itself, and run, which measures a command.

The rule that keeps it honest: `run` is as if it were not there. The command's output, exit status and signals are its
own, whether telemetry is on or off, and nothing of its name or arguments is recorded.
"""

import argparse
import os
import signal
import sys
import time
from typing import Any

from .. import names
from .session import Failure, Misuse, Session

_FLUSH_SECONDS = 1.0
_FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
# The terminal sends these to the command as well; only what somebody sent to us alone is passed on.
_SHARED = ("SIGINT", "SIGQUIT")
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells report it


def log_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `log`."""
    parser.add_argument("event", metavar="EVENT", help="its name: [a-z][a-z0-9_.]{0,63}")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="recorded as duration_ms")
    parser.add_argument("--exit-code", type=int, metavar="N", help="recorded as exit_code and success")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a further property: a number, true or false; text only where the tool declares it",
    )


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `run`."""
    parser.add_argument("--event", default="run", metavar="E", help="the name of the event (default: %(default)s)")
    parser.add_argument(
        "argv", nargs=argparse.REMAINDER, metavar="-- COMMAND ...", help="the command and its arguments"
    )


def log(session: Session, arguments: argparse.Namespace) -> int:
    """Record one event. Silent and successful where telemetry is off."""
    _check_event(arguments.event)
    properties = dict(_pair(text) for text in arguments.set)
    if arguments.duration is not None:
        if not 0 <= arguments.duration < names.LARGEST_INTEGER / 1000:
            raise Misuse(f"--duration must be a number of seconds, not {arguments.duration!r}")
        properties["duration_ms"] = round(arguments.duration * 1000)
    if arguments.exit_code is not None:
        properties["exit_code"] = arguments.exit_code
        properties["success"] = arguments.exit_code == 0
    _record(session, arguments.event, properties)
    return 0


def run(session: Session, arguments: argparse.Namespace) -> int:
    """Run a command, record it, and end as it ended."""
    _check_event(arguments.event)
    argv = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if not argv:
        raise Misuse(f"what is to be run? For example: {session.command} run -- make apply")
    recording = session.telemetry.recording()
    started = time.monotonic_ns()
    try:
        if not recording and os.name == "posix":
            os.execvp(argv[0], argv)
        status = _spawn(argv)
    except FileNotFoundError:
        print(f"{session.command}: {argv[0]}: command not found", file=sys.stderr)
        return _NOT_FOUND
    except PermissionError:
        print(f"{session.command}: {argv[0]}: cannot be run", file=sys.stderr)
        return _NOT_EXECUTABLE
    code = 128 - status if status < 0 else status
    duration = (time.monotonic_ns() - started + 500_000) // 1_000_000
    properties = {"duration_ms": duration, "success": code == 0, "exit_code": code}
    session.telemetry.track(arguments.event, properties)
    session.telemetry.close()
    if status < 0:  # ended by a signal: so do we, for the shell to see the same
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return code


def _record(session: Session, event: str, properties: dict[str, object]) -> None:
    telemetry = session.telemetry
    if not telemetry.recording():
        return
    telemetry.track(event, properties)
    left_out = sorted(telemetry.losses)  # now, since the thread takes them to the disk
    if not telemetry.flush(_FLUSH_SECONDS):
        raise Failure(f"the event could not be written to {session.paths['log']}")
    if left_out:
        print(f"{session.command}: something was left out: {', '.join(left_out)}", file=sys.stderr)


def _spawn(argv: list[str]) -> int:
    """Run a command to its end: its exit status, or minus the number of the signal that ended it."""
    if os.name != "posix":
        import subprocess

        return subprocess.run(argv, check=False).returncode
    # Python ignores these two; a command expects to find them as usual.
    child = os.posix_spawnp(argv[0], argv, os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
    before = _forward_to(child)
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return os.waitstatus_to_exitcode(status)


def _forward_to(child: int) -> dict[int, Any]:
    """Pass signals that reach only us on to the child; the handlers that were there before."""
    foreground = _in_foreground()

    def forward(number: int, _: object) -> None:
        if not (foreground and signal.Signals(number).name in _SHARED):
            os.kill(child, number)

    numbers = [getattr(signal, name) for name in (*_FORWARDED, *_SHARED)]
    return {number: signal.signal(number, forward) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}


def _in_foreground() -> bool:
    """Whether a terminal's keys reach the child as well, being in the same process group."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _check_event(event: str) -> None:
    if not names.legal_name(event):
        raise Misuse(f"{event!r} is not a legal event name: lower-case letters, digits, _ and ., at most 64")


def _pair(text: str) -> tuple[str, object]:
    """`key=value` with the value as a boolean, a number or a text."""
    key, found, value = text.partition("=")
    if not found or not names.legal_name(key):
        raise Misuse(f"--set takes key=value with a legal key (lower-case letters, digits, _ and .), not {text!r}")
    if value in ("true", "false"):
        return key, value == "true"
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value
