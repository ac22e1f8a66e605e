"""What a consent covers: which fields, in which conversion, and which hosts the user has agreed to.

    search                              the event, whatever fields of it are covered
    search fmt one_of "json" "table"    a field of it, in its conversion (see `spelled`)
    *                                   the default rule: bare numbers and booleans of events that nobody declared
    * fmt count                         a field common to all events, where events need no declaration
    > telemetry.example.org             a host that records may go to
    + install                           an id of the installation, which links all its records

The rule that keeps it honest: what has no line is not covered; `agreement` asks. Light: a process writes this down at
the first run under a consent given without a disclosure.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .declaration import Declaration

ANY = "*"  # no event has this name
INSTALL = "+ install"
MOST_BYTES = 48 * 1024  # of all lines; what has no room is not covered
# Of a tool that declares nothing: the default rule, and the events of the package itself. A test holds these to what
# `_declared` says of an empty one, which would load the whole room of conversions.
UNDECLARED = (
    "*",
    "command",
    "command command command_name",
    "command duration_ms number",
    "command error error_name",
    "command exit_code number",
    "command success boolean",
    "session",
    "session duration_ms number",
    "session error error_name",
    "session part number",
    "session success boolean",
)


def lines(declaration: "Declaration | None", hosts: "Iterable[str]", *, identity: str = "run") -> "list[str]":
    """What a disclosure of this declaration, these hosts and this identity covers, a line each."""
    found = [*UNDECLARED] if declaration is None else _declared(declaration)
    found += sorted({f"> {host}" for host in hosts})
    found += [INSTALL] if identity == "install" else []
    size = 0
    for at, line in enumerate(found):
        size += len(line.encode()) + 1
        if size > MOST_BYTES:
            return found[:at]
    return found


def _declared(declaration: "Declaration") -> "list[str]":
    from .spelled import fields, spelled

    found = set()
    for event in declaration.events:
        rows = declaration.rows(event) or {}
        found |= {event} | {f"{event} {field} {spelled(row)}" for field, row in fields(rows)}
    if not declaration.closed:
        found |= {ANY} | {f"{ANY} {field} {spelled(row)}" for field, row in fields(declaration.fields)}
    return sorted(found)
