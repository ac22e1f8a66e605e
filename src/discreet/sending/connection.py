"""A connection of one request: a socket bounded in time, direct or through a proxy, plain or under TLS.

The rule that keeps it honest: every step of the socket gets the time that is left and no more, so a peer that drips
bytes gains nothing. And every line that is written is printable ASCII, so a value cannot become a second line.
"""

import os
import socket
import sys
import time

from .. import files
from ..destination import authority, is_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

HEAD_BYTES = 32 * 1024  # of an answer, 1xx included; servers let clients send 8 KiB, and send less themselves
PIECE_BYTES = 64 * 1024  # of one read or write
ADDRESSES = 8  # of one name that are tried, each with its share of the time

# How errors of the system are named: the first class that fits decides.
_NAMES = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "closed"),
    (socket.gaierror, "dns"),
    (OSError, "network"),  # no route, no permission
)


class Failure(Exception):
    """An exchange failed with `error` (see `http.Outcome`), for which the library has no class."""

    def __init__(self, error: str, status: int = 0) -> None:
        self.error = error
        self.status = status


class Trust:
    """The certificates that this process trusts: read at its first https connection, in 40 ms, and kept."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None

    def context(self) -> "ssl.SSLContext":
        """What verifies certificates and names. Raises `ssl.SSLError`."""
        if self._context is None:
            from . import tls

            self._context = tls.context(os.environ)
        return self._context


class Connection:
    """One socket, with `timeout` seconds for each phase that `allow` begins, and none after `deadline` (monotonic)."""

    def __init__(self, timeout: float, deadline: float) -> None:
        self._timeout = timeout
        self._deadline = deadline
        self._socket: socket.socket | None = None
        self.allow()

    def allow(self, seconds: float | None = None) -> None:
        """Begin a phase of `seconds` (else the timeout)."""
        self._until = min(time.monotonic() + (self._timeout if seconds is None else seconds), self._deadline)

    def reach(self, scheme: str, host: str, port: int, proxy: "tuple[str, int, str] | None", trust: Trust) -> None:
        """Connect to a host, through the proxy (as of `through`) if there is one. Raises `OSError` and `Failure`."""
        if proxy is None:
            self._connect(host, port)
        else:
            try:
                self._connect(*proxy[:2])
                if scheme == "https":
                    self._tunnel(authority("", host, port), proxy[2])
            except OSError:
                raise Failure("proxy") from None
        if scheme == "https":
            context = trust.context()
            plain = self._in_time()
            # As bytes, which spares `encodings.idna`; without the dot of a rooted name, which no certificate has.
            self._socket = context.wrap_socket(plain, server_hostname=host.rstrip(".").encode("ascii"))

    def send(self, content: bytes) -> None:
        """Send all of `content`. Raises `OSError`."""
        view = memoryview(content)
        while view:
            view = view[self._in_time().send(view[:PIECE_BYTES]) :]

    def receive(self, size: int = PIECE_BYTES) -> bytes:
        """The next bytes, at most `size`, none at the end. Raises `OSError`."""
        return self._in_time().recv(size)

    def head(self) -> tuple[int, "dict[str, str]", bytes]:
        """Status, fields (lower-case names; of several, the first) and what followed the head of an answer.

        Answers of 100 to 199 are skipped. Raises `OSError`, and `Failure` for what is no answer of HTTP/1.
        """
        got, room = b"", HEAD_BYTES
        while True:
            end = min((at + len(blank) for blank in (b"\n\r\n", b"\n\n") if (at := got.find(blank)) >= 0), default=0)
            if not b"HTTP/1.".startswith(got[:7]) or (end or len(got)) > room:
                raise Failure("protocol")
            if not end:
                more = self.receive(4096)  # little: what was read is searched again for each of a flood of 100s
                if not more:
                    raise Failure("protocol" if got else "closed")
                got += more
                continue
            status = _status(got)
            if status >= 200:
                return status, _fields(got[:end]), got[end:]
            got, room = got[end:], room - end

    def close(self) -> None:
        """Close the socket, if there is one. Never raises."""
        if self._socket is not None:
            try:
                self._socket.close()
            except OSError:
                return  # the peer has reset it: some systems say so here, but it is closed

    def _connect(self, host: str, port: int) -> None:
        """Connect to the first address that lets us, each given its share of the time."""
        self._left()  # without time the name need not be looked up
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)[:ADDRESSES]
        failure: OSError = socket.gaierror(socket.EAI_NONAME)
        for place, (family, kind, protocol, _, address) in enumerate(found):
            self.close()
            try:
                self._socket = _made(family, kind, protocol)
                self._in_time(len(found) - place).connect(address)
                return
            except OSError as error:
                failure = error
        raise failure

    def _tunnel(self, place: str, credentials: str) -> None:
        """Have a proxy connect us to `place` (host:port). Raises `OSError` and `Failure`."""
        lines = (f"Host: {place}", *([f"Proxy-Authorization: {credentials}"] if credentials else []))
        self.send(written(f"CONNECT {place} HTTP/1.1", *lines))
        try:
            status, _, rest = self.head()
        except Failure:
            raise Failure("proxy") from None
        # A proxy's refusal is no verdict of the destination. But 407 holds it: trying again may lock out the user.
        if status >= 300 or rest:
            raise Failure("proxy", 407 if status == 407 else 0)

    def _in_time(self, shares: int = 1) -> socket.socket:
        """The socket, with its next step bounded by the time left, or a share of it. Raises `TimeoutError`."""
        left = self._left()
        if self._socket is None:
            raise ConnectionError  # `reach` comes first
        self._socket.settimeout(left / shares)
        return self._socket

    def _left(self) -> float:
        """Seconds that are left, more than 0. Raises `TimeoutError`."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _made(family: int, kind: int, protocol: int) -> socket.socket:
    """A socket that is no standard stream's number. Raises `OSError`."""
    made = socket.socket(family, kind, protocol)
    if made.fileno() > 2:
        return made
    (moved,) = files.past_streams(made.detach())
    return socket.socket(family, kind, protocol, fileno=moved)


def named(error: OSError) -> str:
    """The word of `http.Outcome` for an error of the system. It holds nothing of the error's text."""
    # By its module: naming `ssl.SSLError` would load `ssl` for connections without it.
    return "tls" if type(error).__module__ == "ssl" else next(name for kind, name in _NAMES if isinstance(error, kind))


def through(scheme: str, host: str, port: int) -> "tuple[str, int, str] | None":
    """The proxy on the way to a host: its host, its port and the credentials for it or "". None to connect directly.

    By the usual variables, else by the settings of macOS or Windows, which do not concern loopback. Raises `Failure`.
    """
    variables = (f"{scheme}_proxy", "all_proxy")
    if not any(value and name.lower() in variables for name, value in os.environ.items()) and (
        sys.platform not in ("darwin", "win32") or is_loopback(host)
    ):
        return None  # and save the 50 ms in which `proxies` loads `urllib.request`
    from . import proxies

    try:
        found = proxies.proxy(scheme, authority("", host, port))
    except ValueError:
        raise Failure("proxy") from None  # never directly instead: a user who names a proxy wants no other way
    if found is not None and scheme == "http" and is_loopback(host) and not is_loopback(found[0]):
        return None  # plain http is allowed to this machine because it stays here: so it must
    return found


def written(*lines: str) -> bytes:
    """The head of a request. Raises `ValueError` for a line not of printable ASCII, so for any CR, LF or NUL."""
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError("the head of a request must be printable ASCII")
    return "\r\n".join((*lines, "", "")).encode("ascii")


def _status(head: bytes) -> int:
    """The status of a status line (RFC 9112, section 4). Raises `Failure`."""
    version, _, rest = head.partition(b"\n")[0].rstrip(b"\r").partition(b" ")
    digits, _, _ = rest.partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or len(digits) != 3 or not digits.isdigit():
        raise Failure("protocol")
    status = int(digits)
    if not 100 <= status < 600 or status == 101:  # nobody asked for another protocol
        raise Failure("protocol")
    return status


def _fields(head: bytes) -> "dict[str, str]":
    fields: dict[str, str] = {}
    for line in head.decode("latin-1").split("\n")[1:]:
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), value.strip())
    return fields
