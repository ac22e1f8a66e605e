"""The filter: what of an event may leave, in the caller's frame, before anything is queued.

The rule that keeps it honest: a value comes out of its row's conversion or it does not come out at all. A field without
a row passes only where the author declared no event, and only as a bare number or boolean. Everything else is dropped
and counted; an exception from a conversion (which may run the caller's own `__len__` or `__bool__`) drops the event.
"""

import builtins

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from .conversions import Clean, Conversion, Draw, Pseudonymize
    from .declaration import Declaration, Row
    from .sampling import Lots

    Convert: TypeAlias = Callable[[object], Clean | None]

OTHER = "other"  # what is not among the declared
SAMPLE_RATE = "sample_rate"  # the field of a sampled event that says at which rate
# An integer of ten digits may be a telephone number, an account or a time: none passes unnamed.
UNDECLARED_LIMIT = 10**9
_REMEMBERED = 256  # prepared rows and legal names kept; a host that makes up more pays for them each time


def command_name(value: object) -> str:
    """The name of a command, as the host's code gives it: a legal name, or `other`."""
    return value if names.legal_name(value) else OTHER  # type: ignore[return-value]  # a legal name is a str


def error_name(value: object) -> str | None:
    """The name of a built-in exception class, or `other`."""
    kind = vars(builtins).get(value) if type(value) is str else None
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return value  # type: ignore[return-value]  # a str: it was looked up as one
    return None if value is None else OTHER


def _number(value: object) -> "Clean | None":
    """An int or float that JSON holds exactly, or nothing."""
    if type(value) not in (int, float):
        return None
    return value if -names.LARGEST_INTEGER <= value <= names.LARGEST_INTEGER else None  # type: ignore[operator, return-value]


# The event that `Telemetry.command` records, where the author declared nothing. `declaration` has the same rows with
# their purposes, and a test holds the two together.
COMMAND: "dict[str, Convert]" = {
    "command": command_name,
    "duration_ms": _number,
    "success": bool,
    "exit_code": _number,
    "error": error_name,
}


class Filter:
    """The rows of one tool, prepared: `clean(event, properties)` is all that the caller's frame runs.

    `lose(reason)` is called for each thing dropped: `event_name`, `field_name`, `undeclared_event`, `undeclared_field`,
    `undeclared_value`, `too_many_fields`.
    """

    def __init__(
        self,
        declaration: "Declaration | None",
        level: str,
        pseudonymize: "Pseudonymize",
        lose: "Callable[[str], None]",
        draw: "Draw | None" = None,
    ) -> None:
        self._declaration = declaration
        self._closed = declaration is not None and declaration.closed
        self._level = level
        self._pseudonymize = pseudonymize
        self._lose = lose
        self._draw = draw
        self._rows: dict[str, dict[str, Convert]] = {}
        self._sampled: dict[str, dict[str, Convert]] = {}  # apart: these are not found at once, but drawn each time
        self._lots: Lots | None = None
        self._legal: set[str] = set()

    def clean(self, event: str, properties: "Mapping[str, object]") -> "dict[str, Clean] | None":
        """The properties that may leave, as new objects; None where the whole event may not.

        Raises whatever a value raises while it is converted: the caller drops the event then.
        """
        cleaned: dict[str, Clean] = {}
        rows = self._rows.get(event) if type(event) is str else None
        if rows is None:
            rows = self._prepare(event)
            if rows is None:
                return None
            if event in self._sampled:
                cleaned[SAMPLE_RATE] = rows[SAMPLE_RATE](None)  # type: ignore[assignment]  # the rate, whatever it is given
        for name, value in properties.items():
            # A subclass of `str` (a member of a text enum is one) may be equal to a name and yet be written as another.
            convert = rows.get(name) if type(name) is str else None
            result = convert(value) if convert is not None else self._undeclared(name, value)
            if result is not None:
                if len(cleaned) == names.PROPERTIES:
                    self._lose("too_many_fields")
                    break
                cleaned[name] = result
        return cleaned

    def narrowed(self, event: str, rows: "dict[str, Row]") -> "tuple[Filter, dict[str, object]] | None":
        """This filter for one object of an event, which has `rows` of its own, and the properties that the event has by
        itself; None where the event may not leave, or where no lot falls on it.

        A declared row comes before the object's; where the author declared events, a field without one has none. What
        the object forbids, or keeps for a level that is not agreed to, stays. So it lets out what the declaration lets
        out, or less.
        """
        declared = self._rows.get(event)
        if declared is None:
            declared = self._prepare(event)
            if declared is None:
                return None
        own = {field: self._bind(event, field, row, common=False) for field, row in rows.items()}
        taken = {field: own[field] for field, row in rows.items() if not isinstance(row, dict) and self._withheld(row)}
        itself = {SAMPLE_RATE: declared[SAMPLE_RATE]} if event in self._sampled else {}
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._rows = {event: {**({} if self._closed else own), **declared, **taken, **itself}}
        return made, dict.fromkeys(itself)

    def _withheld(self, row: "Conversion") -> bool:
        """Whether nothing leaves through a row, whatever its value."""
        return row.word == "forbid" or (row.level == "enhanced" and self._level != "enhanced")

    def _undeclared(self, name: object, value: object) -> "Clean | None":
        """The default rule for a field that no row names."""
        if type(name) is not str or not (name in self._legal or self._is_legal(name)):
            self._lose("field_name")
        elif self._closed:
            self._lose("undeclared_field")
        elif value is True or value is False:
            return value
        elif isinstance(value, int):
            number = int.__add__(value, 0)  # an exact int, whatever a subclass overrides
            if -UNDECLARED_LIMIT < number < UNDECLARED_LIMIT:
                return number
            self._lose("undeclared_value")
        elif isinstance(value, float):
            fraction = float.__add__(value, 0.0)
            if -UNDECLARED_LIMIT < fraction < UNDECLARED_LIMIT:  # neither NaN nor an infinity is
                return fraction
            self._lose("undeclared_value")
        elif value is not None:
            self._lose("undeclared_value")
        return None

    def _is_legal(self, name: str) -> bool:
        legal = names.legal_name(name)
        if legal and len(self._legal) < _REMEMBERED:
            self._legal.add(name)
        return legal

    def _prepare(self, event: str) -> "dict[str, Convert] | None":
        """The rows of an event that is new or sampled; None where it may not leave, or where no lot falls on it."""
        if not names.legal_name(event):
            self._lose("event_name")
            return None
        declaration = self._declaration
        if declaration is None:
            return COMMAND if event == "command" else {}
        rate = declaration.samples.get(event)
        if rate is not None:
            if not self._drawn(rate):
                return None
            if event in self._sampled:
                return self._sampled[event]
        rows = declaration.rows(event)
        if rows is None:
            if self._closed:
                self._lose("undeclared_event")
                return None
            rows = dict(declaration.fields)
        common = declaration.fields
        prepared = {field: self._bind(event, field, row, common.get(field) is row) for field, row in rows.items()}
        if rate is not None:
            self._sampled[event] = prepared
        elif len(self._rows) < _REMEMBERED:
            self._rows[event] = prepared
        return prepared

    def _drawn(self, rate: float) -> bool:
        if self._lots is None:
            from .sampling import Lots

            self._lots = Lots()
        return self._lots.fall_on(rate)

    def _bind(self, event: str, field: str, row: "Conversion | dict[str, Conversion]", common: bool) -> "Convert":
        if isinstance(row, dict):
            inner = {name: self._bind(event, f"{field}.{name}", held, common) for name, held in row.items()}
            return lambda value: self._nested(inner, value)
        if self._withheld(row):
            return lambda _: None
        # A row common to all events is one question: answered anew by each of them, the lots would average out.
        event = "" if common and row.epsilon is not None else event
        return row.bind(event, field, self._pseudonymize, self._draw)

    def _nested(self, inner: "dict[str, Convert]", value: object) -> "Clean | None":
        """A declared mapping, one level deep; what is no mapping leaves nothing."""
        if not isinstance(value, dict):
            if value is not None:
                self._lose("undeclared_value")
            return None
        cleaned: dict[str, Clean] = {}
        for name, convert in inner.items():
            result = convert(dict.get(value, name))
            if result is not None:
                cleaned[name] = result
        if any(name not in inner for name in dict.keys(value)):
            self._lose("undeclared_field")
        return cleaned or None
