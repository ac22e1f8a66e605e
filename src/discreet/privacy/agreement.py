"""Compares what was agreed to with the present declaration: what of an event is covered, and what was added since.

The rule that keeps it honest: what a later version adds (a new event or field, a conversion that lets out more, a new
host, an id) is not covered, and stays on this machine until the user agrees again. What lets out less needs no new
agreement. In doubt it counts as more.
"""

from . import SAMPLE_RATE
from .coverage import ANY, INSTALL, KEYED, LOST, PLAIN, PRECISIONS, digest, keyed, place
from .spelled import fields, read, spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .declaration import Declaration, Row
    from .spelled import Spelling


class Agreement:
    """Lines that were agreed to, compared with the present declaration. A line of no known form covers nothing."""

    def __init__(self, agreed: "Iterable[str]", declaration: "Declaration | None") -> None:
        if declaration is None:
            from .declaration import Declaration

            declaration = Declaration()
        self._declaration = declaration
        self._lines = set(agreed)
        self._spelled: dict[tuple[str, str], str] = {}
        # Fields agreed to for all events at once, and for one event alone. After two versions in turn, one may be both.
        self._common: set[tuple[str, str]] = set()
        self._single: set[tuple[str, str]] = set()
        for parts in (line.split(" ", 2) for line in self._lines):
            if parts[2:]:
                at, conversion = (parts[0], parts[1]), parts[2].removeprefix(f"{ANY} ")
                self._spelled[at] = conversion
                (self._common if parts[0] == ANY or conversion != parts[2] else self._single).add(at)
        self._own = {place(event, field) for event, field in self._spelled}
        self._events: dict[str, set[str] | None] = {}

    def precision(self, host: str) -> str:
        """To what the times of records for a host must at least be cut; "" if no record may go there."""
        for precision in PRECISIONS:
            if (f"> {host}" if precision == PLAIN else f"> {host} {precision}") in self._lines:
                return precision
        return ""

    @property
    def install(self) -> bool:
        """Whether records may carry the id of the installation."""
        return INSTALL in self._lines

    def narrowed(self, event: str, properties: "Mapping[str, object]") -> "dict[str, object] | None":
        """The properties that are covered; None if the whole event is not."""
        if event not in self._events:
            self._events[event] = self._held_back(event)
        held_back = self._events[event]
        if held_back is None:
            return None
        found: dict[str, object] = {}
        for field, value in properties.items():
            if field in held_back or (ANY in held_back and field not in self._rows(event)):
                continue
            if not isinstance(value, dict):
                found[field] = value
            elif inner := {name: held for name, held in value.items() if f"{field}/{name}" not in held_back}:
                found[field] = inner
        return found

    def additions(self, hosts: "Iterable[str]" = (), *, identity: str = "run") -> "list[str]":
        """What is not covered of the present declaration, `hosts` (as `coverage` names them) and `identity`, such as
        `the host x`, `search` or `search.fmt`.
        """
        if LOST in self._lines:
            return ["all of it, since what was agreed to has been lost"]
        found = self._of_hosts(hosts)  # first, since a list may be cut at its end
        found += ["the id of this installation"] if identity == "install" and not self.install else []
        for event in self._declaration.events:
            held_back = self._held_back(event)
            if held_back is None:
                found.append(event)
            else:
                found += sorted(f"{event}.{field}" for field in held_back if field != ANY)
        if not self._declaration.closed and ANY not in self._lines:
            found.append("undeclared events")
        return found

    def _of_hosts(self, hosts: "Iterable[str]") -> "list[str]":
        found = []
        for host, *words in (named.split(" ") for named in hosts):
            agreed = self.precision(host) or (self.precision(keyed(host)) if KEYED in words else "")
            precision = words[-1] if words and words[-1] != KEYED else PLAIN
            if not agreed:
                found.append(f"the host {host}")
            elif is_finer(precision, agreed):
                found.append(f"times to the {precision} for the host {host}")
        return found

    def _rows(self, event: str) -> "Mapping[str, Row]":
        return self._declaration.rows(event) or self._declaration.fields

    def _held_back(self, event: str) -> "set[str] | None":
        """The fields of an event that are not covered, `*` for those without a row; None for the whole event."""
        if event not in self._lines and ANY not in self._lines:
            return None
        declared = self._declaration.rows(event) is not None
        if declared and event not in self._lines:
            return None  # it was not declared then, so the user did not see its purpose
        if not self._as_rarely(event):
            return None
        found = set() if ANY in self._lines else {ANY}
        for field, row in fields(self._rows(event)):
            line = spelled(row)
            if line.startswith(("forbid", "sample_rate")):
                continue  # nothing leaves; or only the rate, which `_as_rarely` checks
            at = (event if place(event, field) in self._own else ANY), field
            if not self._covers(at, line) or not (row.epsilon is None or self._is_asked_once(event, field, at, line)):
                found.add(field)
        return found

    def _covers(self, at: "tuple[str, str]", line: str) -> bool:
        agreed = self._spelled.get(at)
        return agreed is not None and (agreed == line or agreed == digest(line) or narrower(agreed, line))

    def _is_asked_once(self, event: str, field: str, at: "tuple[str, str]", line: str) -> bool:
        """Whether the answer by lot that was agreed to `at` a place is the one given now, and not a new draw: a field
        common to all events is one question (see `rows`), a field of one event is another.
        """
        _, top = place(event, field)
        if self._declaration.fields.get(top) is self._rows(event)[top]:
            return at in self._common or self._covers((ANY, field), line)
        return at in self._single

    def _as_rarely(self, event: str) -> bool:
        """Whether an event is recorded no more often than was agreed to: at most at the old rate, if it had one."""
        said = self._spelled.get((event, SAMPLE_RATE))
        now = dict(fields(self._rows(event))).get(SAMPLE_RATE)
        return said is None or (now is not None and narrower(said, spelled(now)))


def is_finer(precision: str, other: str) -> bool:
    """Whether times of one precision say more than those of another."""
    return PRECISIONS.index(precision) < PRECISIONS.index(other)


def narrower(agreed: str, line: str) -> bool:
    """Whether the spelling `line` lets out no more than the `agreed` one. In doubt, no. Never raises."""
    try:
        old, new = read(agreed), read(line)
        less = all(name in new.options and _tightened(name, old, new) for name in old.options)
    except (ValueError, ArithmeticError):  # not the spelling of a row; or a step of 0, or too large, which no row has
        return False
    if old.word != new.word or (old.level, new.level) == ("enhanced", "basic") or not set(new.texts) <= set(old.texts):
        return False
    if "epsilon" in old.options and (old.options, old.texts) != (new.options, new.texts):
        return False  # another question, and a new draw: what the two answers give away adds up
    return less


def _tightened(name: str, old: "Spelling", new: "Spelling") -> bool:
    """Whether an option of both is the same, or lets out less."""
    before, after = old.options[name], new.options[name]
    if before == after:
        return True
    if isinstance(before, tuple) and isinstance(after, tuple):
        return set(after) <= set(before)
    if isinstance(before, (str, tuple)) or isinstance(after, (str, tuple)):
        return False
    if name == "low":
        return after >= before
    if name == "round_to":
        return after % before == 0
    return name in ("high", "significant", "rate") and after <= before
