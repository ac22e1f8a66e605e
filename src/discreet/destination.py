"""Where to deliver: a URL, its wire format, and how often.

The rule that keeps it honest: whatever could send the user's data in the clear, to another place than the one written,
or with a smuggled header, is refused when the destination is made. Values of headers, keys and the user information of
a URL are never printed. It imports nothing: a process that is off has no other use for `names`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypedDict, Unpack

    class Further(TypedDict, total=False):
        """The options of a destination that `posthog` passes on."""

        headers: "Mapping[str, str] | None"
        batch_size: int
        batch_interval: float
        timeout: float
        time_precision: str
        allow_http: bool


FORMATS = ("beacon", "json", "otlp", "posthog")
PRECISIONS = ("second", "minute", "hour", "day")
POSTHOG_HOST = "https://us.i.posthog.com"
TIMEOUT_SECONDS = 10.0  # for the connection, and for the answer
_LOOPBACK = ("localhost", "::1")
_PORTS = {"https": 443, "http": 80}  # of URLs that name none
# Headers that say what a request is and who makes it: a destination must not set them.
_OURS = ("host", "user-agent", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection")
_ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
TOKEN = _ALPHANUMERIC + "!#$%&'*+-.^_`|~"  # RFC 9110, section 5.6.2


class Destination:
    """Where records go. Raises `ValueError` naming what is wrong with an option.

    `url` is used as it is, but the bare host of a posthog destination gets `/batch/`. If `format` is not given, it is
    inferred from the path (`/v1/traces` is otlp, `/batch/` is posthog, else json). `batch_size` records, or
    `batch_interval` seconds since the last attempt, make a delivery due (0: always). `timeout` is in seconds, for
    the connection and for the answer. `time_precision` is what a record's time is cut to on the wire. Plain http
    beyond loopback is refused unless `allow_http`. `api_key` is PostHog's.
    """

    def __init__(
        self,
        url: str,
        *,
        format: "str | None" = None,  # noqa: A002  # the design's name
        headers: "Mapping[str, str] | None" = None,
        api_key: "str | None" = None,
        batch_size: int = 10,
        batch_interval: float = 60.0,
        timeout: float = TIMEOUT_SECONDS,
        time_precision: str = "hour",
        allow_http: bool = False,
    ) -> None:
        self.url = url
        self.scheme, self.user, self.host, self.port, self.target = split(url)
        if type(allow_http) is not bool:
            raise ValueError(f"allow_http must be true or false, not {allow_http!r}")
        if self.scheme == "http" and not allow_http and not is_loopback(self.host):
            raise ValueError("url: plain http is for loopback only; use https, or allow_http=True")
        self.format = format or inferred(self.target)
        if self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
        if self.format == "posthog" and self.target == "/":  # a host, where PostHog takes no events
            self.url, self.target = batch_url(url), "/batch/"
        if time_precision not in PRECISIONS:
            raise ValueError(f"time_precision must be one of {', '.join(PRECISIONS)}, not {time_precision!r}")
        if type(batch_size) is not int or not 1 <= batch_size <= 10_000:
            raise ValueError(f"batch_size must be a whole number from 1 to 10,000, not {batch_size!r}")
        for option, value, low, high in (
            ("batch_interval", batch_interval, 0, 30 * 86_400),
            ("timeout", timeout, 0.01, 300),
        ):
            if type(value) not in (int, float) or not low <= value <= high:
                raise ValueError(f"{option} must be a number of seconds from {low} to {high:,}, not {value!r}")
        if api_key is not None and not _printable(api_key):
            raise ValueError("api_key must be printable ASCII")
        self.headers, self.api_key = _checked_headers(headers or {}), api_key or ""
        self.batch_size = batch_size
        self.batch_interval, self.timeout = float(batch_interval), float(timeout)
        self.time_precision, self.allow_http = time_precision, allow_http

    @classmethod
    def posthog(cls, api_key: str, host: str = POSTHOG_HOST, **options: "Unpack[Further]") -> "Destination":
        """PostHog, cloud or self-hosted: `host` is its address, or the whole URL if that ends in `/batch/`."""
        if not isinstance(host, str):
            raise ValueError("host must be a text")
        return cls(batch_url(host), format="posthog", api_key=api_key, **options)

    @property
    def key(self) -> str:
        """What identifies this destination in `delivery.json` and `flags.json`: digits made from format, host and path.
        Not from user information, query or API key: anybody could check guesses of these secrets against the digits.
        """
        return identity(f"{self.format} {self.shown}")

    @property
    def origin(self) -> str:
        """Scheme, host and port: all that a disclosure may show, since a path may hold a key."""
        return f"{self.scheme}://{authority(self.scheme, self.host, self.port)}"

    @property
    def shown(self) -> str:
        """The URL as it may be printed: without user information and query."""
        return f"{self.origin}{self.target.partition('?')[0]}"

    def __repr__(self) -> str:
        return f"Destination({self.shown!r}, format={self.format!r})"

    def options(self) -> "dict[str, object]":
        """All options as plain values, from which `Destination(**options)` makes the same again."""
        return {
            "url": self.url,
            "format": self.format,
            "headers": dict(self.headers),
            "api_key": self.api_key or None,
            "batch_size": self.batch_size,
            "batch_interval": self.batch_interval,
            "timeout": self.timeout,
            "time_precision": self.time_precision,
            "allow_http": self.allow_http,
        }


def identity(text: str) -> str:
    """16 hex digits that identify a text: FNV-1a, 64 bits. Hides nothing, and needs no import."""
    digest = 0xCBF29CE484222325
    for byte in text.encode():
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"


def split(url: str) -> "tuple[str, str, str, int, str]":
    """Scheme, user information, host, port and request target of an http or https URL.

    Raises `ValueError`, whose text shows nothing of the URL.

    By hand, since `urllib.parse` costs a command 13 ms.
    """
    if not _printable(url) or " " in url:
        raise ValueError("url must be printable ASCII without spaces")
    scheme, found, rest = url.partition("://")
    scheme = scheme.lower()
    if not found or scheme not in _PORTS:
        raise ValueError("url must begin with https:// (or http://)")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    target = rest[end:]
    if "#" in target or "\\" in url:
        raise ValueError("url must have neither a fragment nor a backslash")
    user, _, place = rest[:end].rpartition("@")
    host, port = _host_and_port(place, _PORTS[scheme])
    return scheme, user, host, port, target if target.startswith("/") else f"/{target}"


def authority(scheme: str, host: str, port: int) -> str:
    """Host and port as a URL has them, without the scheme's own port."""
    host = f"[{host}]" if ":" in host else host
    return host if port == _PORTS.get(scheme) else f"{host}:{port}"


def batch_url(host: str) -> str:
    """The address that takes the events of a PostHog host; a URL that ends in `/batch/` is one."""
    return host if host.endswith("/batch/") else f"{host.rstrip('/')}/batch/"


def inferred(target: str) -> str:
    """The wire format that a URL's path implies."""
    path = target.partition("?")[0]
    return "otlp" if path.endswith("/v1/traces") else "posthog" if path.endswith("/batch/") else "json"


def is_loopback(host: str) -> bool:
    """Whether a host is `localhost`, ::1 or in 127.0.0.0/8, by its spelling: no name is looked up."""
    parts = host.split(".")
    return host.lower() in _LOOPBACK or (
        len(parts) == 4 and parts[0] == "127" and all(part.isdigit() and int(part) < 256 for part in parts)
    )


def made(given: object) -> "tuple[Destination, ...]":
    """Destinations from a URL, a `Destination`, or a list of these. Raises `ValueError`."""
    if given is None:
        return ()
    items = given if isinstance(given, (list, tuple)) else (given,)
    found = tuple(
        item if isinstance(item, Destination) else of_url("destination" if item is given else f"destination {at}", item)
        for at, item in enumerate(items, start=1)
    )
    if len({item.key for item in found}) < len(found):
        raise ValueError("destination: the same one is given twice; two must differ in format, host or path")
    return found


def of_url(where: str, url: str, **options: object) -> Destination:
    """`Destination(url, **options)`. Its error says where the URL was given, and shows of it what may be shown."""
    try:
        return Destination(url, **options)  # type: ignore[arg-type]  # checked there
    except ValueError as error:
        told = f"{where}: {error}"
        if str(error).startswith("url"):
            told += f": {_masked(url)!r}" if isinstance(url, str) else f", not of type {type(url).__name__}"
        raise ValueError(told) from None


def _masked(url: str) -> str:
    """An invalid URL, without what may be a user, a password, a query or a fragment."""
    shown, _, rest = url.replace("#", "?").partition("?")
    if "@" in rest:  # perhaps of a password with a question mark in it
        return "..."
    return f"...@{shown.rpartition('@')[2]}" if "@" in shown else shown


def _host_and_port(place: str, default: int) -> "tuple[str, int]":
    host, port = place, ""
    if place.startswith("["):
        host, closed, port = place[1:].partition("]")
        if not closed or ":" not in host or host.strip("0123456789abcdefABCDEF:.") or port[:1] not in ("", ":"):
            raise ValueError("url: what stands in brackets must be an IPv6 address")
    elif ":" in place:
        host, _, port = place.partition(":")
        port = f":{port}"
    if not host or (":" not in host and host.strip(_ALPHANUMERIC + "-_.")):
        raise ValueError("url must name a host")
    number = port.removeprefix(":") or str(default)
    if not number.isdigit() or len(number) > 5 or not 0 < int(number) < 65_536:
        raise ValueError("url: the port must be a number from 1 to 65,535")
    return host, int(number)


def _checked_headers(headers: "Mapping[str, str]") -> "dict[str, str]":
    if not hasattr(headers, "items"):
        raise ValueError("headers must be a mapping of names to values")
    for name, value in headers.items():
        if not isinstance(name, str) or not name or name.strip(TOKEN):
            raise ValueError("headers: a name must be a token (RFC 9110)")
        if not _printable(value):
            raise ValueError(f"headers: the value of {name} must be printable ASCII on one line")
        if name.lower() in _OURS:
            raise ValueError(f"headers: {name} is set by the delivery itself")
    return dict(headers)


def _printable(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()
