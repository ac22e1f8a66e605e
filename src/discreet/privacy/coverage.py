"""What a consent covers: which fields, in which conversion, and which hosts the user has agreed to.

    > telemetry.example.org             a host that records may go to, with their times cut to the hour
    > telemetry.example.org day         the same with another precision
    > telemetry.example.org key         a host that records may go to with the user's own key, and no other
    + install                           an id of the installation, which links all its records
    search                              the event itself; each field has a line of its own
    search fmt one_of "json" "table"    a field of it, in its conversion (see `spelled`)
    search fmt #5f1c9a0b7d3e4f21...     the same by a digest, if the full lines would be too many bytes
    *                                   the default rule: bare numbers and booleans that nobody declared
    * n count                           a field common to all events that are covered
    search n * count                    the same for one event, beside lines of a declaration with other events
    -                                   nothing any more: what was agreed to has been lost

The rule that keeps it honest: what has no line is not covered; `agreement` compares. It loads little, since a process
writes these lines at its first run under a consent that was given without a disclosure.
"""

from . import UNDECLARED_LINES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..destination import Destination
    from .declaration import Declaration

ANY = "*"  # no event has this name
INSTALL = "+ install"
PRECISIONS = ("second", "minute", "hour", "day")  # of times, finest first; a test compares them with a destination's
PLAIN = "hour"  # not written in a line
KEYED = "key"  # behind a host, before the precision
LOST = "-"  # no event has this name either
MOST_BYTES = 48 * 1024  # of all lines, as delivery.json holds them; what has no room is not covered
_LONG = 60  # characters; a shorter conversion is hardly longer than its digest


def lines(declaration: "Declaration | None", hosts: "Iterable[str]", *, identity: str = "run") -> "list[str]":
    """What a disclosure of this declaration, these hosts (as returned by `hosts`) and this identity covers: a line
    each, at most `MOST_BYTES` in all.
    """
    found = sorted({f"> {host}" for host in hosts})
    found += [INSTALL] if identity == "install" else []
    found += [*UNDECLARED_LINES] if declaration is None else _declared(declaration)
    return bounded(found, MOST_BYTES)


def hosts(destinations: "Iterable[Destination]", own: "tuple[str, ...]" = ()) -> "list[str]":
    """The hosts of destinations, as their lines name them: each with the finest precision of the times it gets. Not
    those that are the user's `own`, which may hold the `keyed` names of others.
    """
    finest: dict[str, str] = {}
    for one in destinations:
        now = "" if one.format == "beacon" else one.time_precision  # a beacon has no time
        waits = (one.format == "posthog" and not one.api_key) or keyed(one.host) in own
        name = keyed(one.host) if waits else one.host
        if one.host not in own:
            finest[name] = min(finest.get(name, ""), now, key=(*PRECISIONS, "").index)
    return [host if precision in ("", PLAIN) else f"{host} {precision}" for host, precision in finest.items()]


def keyed(host: str) -> str:
    """How a host is named that gets nothing before the user sets a key."""
    return f"{host} {KEYED}"


def bounded(lines: "list[str]", most: int) -> "list[str]":
    """As many of the lines as fit into `most` bytes, the long ones by their digests if need be. Never an empty list:
    that would be read as a consent to what is disclosed now.
    """
    if size(lines) < most:
        return lines
    held = at = 0
    short = [*map(_shortened, lines)]
    while at < len(short) and held + size(short[at : at + 1]) < most:
        held += size(short[at : at + 1])
        at += 1
    # An event keeps all of its lines or none: for a field whose own line was cut, the common one would count.
    cut = short[at].partition(" ")[0] if at < len(short) else ""
    return [line for line in short[:at] if cut in ("", ">") or line.partition(" ")[0] != cut] or [LOST]


def size(lines: "Iterable[str]") -> int:
    """How many bytes printable lines take as JSON strings, in which only these two characters are escaped."""
    return sum(len(line.encode()) + line.count('"') + line.count("\\") + len('"",') for line in lines)


def apart(lines: "Iterable[str]") -> "list[str]":
    """The lines, with each line of a common field replaced by one for each of these events, marked `*`: beside lines
    of another declaration it would cover that one's events, too. In an open world it stays as well, since it covers
    any event there.
    """
    held = list(lines)
    events = [line for line in held if " " not in line and line != ANY]
    common = [line.split(" ", 2)[1:] for line in held if line.startswith(f"{ANY} ") and line.count(" ") > 1]
    kept = [line for line in held if ANY in held or not line.startswith(f"{ANY} ")]
    own = {place(*line.split(" ", 2)[:2]) for line in kept if " " in line}
    return kept + [
        f"{event} {field} {ANY} {row}" for event in events for field, row in common if place(event, field) not in own
    ]


def place(event: str, field: str) -> tuple[str, str]:
    """The place of a field, single or a mapping: if an event has its own line there, no common line counts for it."""
    return event, field.partition("/")[0]


def digest(conversion: str) -> str:
    """What stands for the spelling of a conversion that is too long."""
    from _blake2 import blake2b

    return f"#{blake2b(conversion.encode(), digest_size=16).hexdigest()}"


def _shortened(line: str) -> str:
    event, _, rest = line.partition(" ")
    field, _, conversion = rest.partition(" ")
    return f"{event} {field} {digest(conversion)}" if len(conversion) > _LONG else line


def _declared(declaration: "Declaration") -> "list[str]":
    from .spelled import fields, spelled

    found = set()
    for event, rows in declaration.events.items():
        found |= {event} | {f"{event} {field} {spelled(row)}" for field, row in fields(rows)}
    found |= {f"{ANY} {field} {spelled(row)}" for field, row in fields(declaration.fields)}
    return sorted(found if declaration.closed else found | {ANY})
