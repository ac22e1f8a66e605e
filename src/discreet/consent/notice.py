"""The file `notice` of an opt-out tool: when which disclosure was shown, and all that it covered.

    2026-11-20T10:30:00Z 5f1c9a0b7d3e4f21      when it was last shown, and a digest of the lines that stood in it
    *                                          any event, with short numbers and booleans: no event is declared
    * files number round_to=10                 a field that any event may hold
    + install                                  a number of this installation in every record
    > https://collector.example.org            where it goes
    search                                     an event
    search fmt one_of "json" "table"           EVENT FIELD SPELLING, as privacy/spelled.py writes it

The rule that keeps it honest: what is not on a line of the file was not said. Lines stay when a version without them is
shown, so two versions used in turn do not show theirs again and again.
"""

from .. import files, names
from ..privacy.declaration import Declaration
from ..privacy.spelled import fields, spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..privacy.author import Author


def lines(author: "Author") -> "list[str]":
    """All that a disclosure covers, one line each, in order."""
    declared = author.declaration or Declaration()
    found = list(declared.events) + ([] if declared.closed else ["*"])
    for event, rows in {"*": declared.fields, **declared.events}.items():
        found += [f"{event} {field} {spelled(row)}" for field, row in fields(rows) if row.word != "forbid"]
    found += ["+ install"] if author.identity == "install" else []
    found += [f"> {'/'.join(one.shown.split('/')[:3])}" for one in author.destinations]
    return sorted(set(found))


def shown(paths: names.Paths) -> "list[str]":
    """The lines that were shown so far; none where the file is missing, or is not this user's. Never raises OSError."""
    try:
        return names.read_small(paths["notice"], names.current_user()).decode("utf-8", "replace").splitlines()[1:]
    except OSError:
        return []


def store(paths: names.Paths, told: "list[str]", since: str) -> None:
    """Note that a disclosure of the lines `told` was shown at `since`. Raises `OSError` where that cannot be kept."""
    from hashlib import blake2b

    digest = blake2b("\n".join(told).encode(), digest_size=8).hexdigest()
    content = f"{since} {digest}\n"
    for line in sorted({*told, *shown(paths)}):
        content += f"{line}\n"
    if len(content.encode()) > names.SMALL_BYTES:
        content = "\n".join((f"{since} {digest}", *told, ""))
    files.make_directory(paths.directory, below=paths.below)
    files.write_private(paths["notice"], content.encode())
