"""The verb `collect`: receive what tools send, on this machine.

The rule that keeps it honest: by default it listens to this machine alone, and a secret is never an argument, where
every user of the machine could read it.
"""

import argparse
import errno
import json
import os
import re
from typing import Any

from .. import names
from .session import Failure, Misuse, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..collector.desk import Desk

TOKEN = "DISCREET_COLLECT_TOKEN"  # noqa: S105  # the variable's name
_TOKEN_LENGTH = 16  # characters at least: a short one can be guessed
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "[::1]"))
UNNAMED = "unknown"  # the tool where neither --tool nor --manifest names one


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `collect`."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=4318, help="the port; 0 is any free one (default: %(default)s)")
    parser.add_argument("--out", default="collected", metavar="DIR", help="where to write (default: ./%(default)s)")
    parser.add_argument("--limit", type=int, default=1024, metavar="MIB", help="of all files (default: %(default)s)")
    parser.add_argument("--token-file", metavar="FILE", help=f"holds the token that is asked for; or set {TOKEN}")
    parser.add_argument("--no-token", action="store_true", help="listen beyond this machine and ask nobody")
    parser.add_argument("--accept-host", action="append", default=[], metavar="NAME", help="another name in `Host`")
    parser.add_argument("--flags", metavar="FILE", help="feature flags to answer with: a JSON object")


def collect(session: Session, arguments: argparse.Namespace) -> int:
    """Receive until SIGINT or SIGTERM."""
    import asyncio  # here: with `collector`, it would cost other verbs more than themselves

    from ..collector.check import Check
    from ..collector.desk import Desk
    from ..collector.store import Store

    _check_named(arguments)
    token = _token(arguments.token_file)
    alone = _is_loopback(arguments.host)
    if not (alone or token or arguments.no_token):
        _look_up(arguments.host, arguments.port)
        raise Misuse(f"--host {arguments.host} is open to other machines: set {TOKEN}, or say --no-token")
    if not 0 <= arguments.port < 65_536:
        raise Misuse(f"--port is a number from 0 to 65535, not {arguments.port}")
    if arguments.limit < 1:
        raise Misuse(f"--limit is a number of MiB, at least 1, not {arguments.limit}")
    telemetry = session.telemetry
    tool = "" if telemetry.name == UNNAMED else telemetry.name
    known = telemetry.identity == "install"
    check = Check(tool, telemetry.declaration, declared=not session.alone, install=known)
    hosts = frozenset(name.lower() for name in arguments.accept_host)
    if alone or hosts:
        own = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        hosts |= {*_LOOPBACK, own.lower()}
    answers = _flags(arguments.flags)
    store = Store(os.path.abspath(arguments.out), arguments.limit << 20)
    desk = Desk(store, check, hosts=hosts, token=token, tool=tool, flags=answers)
    try:
        asyncio.run(_serve(session, desk, arguments.host, arguments.port))
    finally:
        store.close()
    erased = f", {desk.erased:,} erased" if desk.erased else ""
    session.say(f"Events: {desk.stored:,} stored, {desk.repeated:,} that came again, {desk.refused:,} refused{erased}.")
    for reason, number in sorted(check.losses.items()):
        session.say(f"  {number:,} {reason}")
    return 0


def _check_named(arguments: argparse.Namespace) -> None:
    """Raise `Misuse` for an empty name, as a variable of a script leaves it that is not set: without the token that was
    asked for, say, it would take from everybody. Or for an address in the place of a name.
    """
    for option in ("host", "out", "token_file", "accept_host", "flags"):
        given = getattr(arguments, option)
        if "" in (given if isinstance(given, list) else [given]):
            raise Misuse(f"--{option.replace('_', '-')} is empty")
    for name in arguments.accept_host:
        if re.fullmatch(r"[^/:]+|\[[^]/]+\]", name) is None:
            raise Misuse(f"--accept-host is a name, without https:// and without a port, not {name}")


async def _serve(session: Session, desk: "Desk", host: str, port: int) -> None:
    import signal

    from ..collector.server import Server

    server = Server(desk, session.complain)

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second signal ends it at once
        server.stop()

    def ready(address: str, number: int) -> None:
        shown = f"[{address}]" if ":" in address else address
        desk.address = f"http://{shown}:{number}"
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, end)
        session.say(f"Listening at {desk.address}, writing to {desk.store.directory}; Ctrl-C ends it.")
        session.flush()

    try:
        await server.serve(host, port, ready)
    except (OSError, UnicodeError) as error:
        raise Failure(_unheard(error, host, port)) from None


def _look_up(host: str, port: int) -> None:
    """Raise `Failure` for a name that does not resolve: that one is open to no machine at all."""
    import socket  # loaded by then, with asyncio

    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        raise Failure(_unheard(error, host, port)) from None


def _unheard(error: OSError | UnicodeError, host: str, port: int) -> str:
    """Why it cannot listen there. The sentence of asyncio would show the address as a Python tuple."""
    from socket import gaierror  # as above

    if isinstance(error, UnicodeError):
        return f"{host}: this is no name of a host"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken; --port 0 takes any free one"
    if error.errno in (errno.EADDRNOTAVAIL, None):  # None: newer versions of asyncio only say that all failed
        return f"{host}: this is no address of this machine"
    number = 0 if isinstance(error, gaierror) else error.errno  # a gaierror counts in numbers of its own
    return f"{host}, port {port}: {os.strerror(number) if number else error.strerror}"


def _token(path: str | None) -> str:
    given = names.read_small(path).decode("ascii", "replace") if path else os.environ.get(TOKEN, "")
    token = given.strip()
    if (token or given or path) and (len(token) < _TOKEN_LENGTH or not token.isascii() or not token.isprintable()):
        raise Misuse(f"the token must have {_TOKEN_LENGTH} characters or more, all of them printable ASCII")
    return token


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _flags(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = json.loads(names.read_small(path))
    except ValueError as error:
        raise Misuse(f"{path}: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, (bool, str)) for value in found.values()):
        raise Misuse(f"{path}: it must be an object of flags that are true, false or the name of a variant")
    return flags(found)


def flags(given: dict[str, bool | str]) -> dict[str, Any]:
    """Flags such as `{"new-parser": true, "colour": "blue"}` in the form of PostHog's `/flags/?v=2`."""
    return {
        key: {
            "key": key,
            "enabled": value is not False,
            "variant": value if isinstance(value, str) else None,
            "reason": {"code": "condition_match" if value is not False else "no_condition_match"},
            "metadata": {"id": number, "version": 1, "payload": None},
        }
        for number, (key, value) in enumerate(given.items(), start=1)
    }
