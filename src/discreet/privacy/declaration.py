"""What the author declared: events, their fields, and the conversion of each, checked when it is made.

The rule that keeps it honest: a field's row is one of the package's own conversions and nothing else, so no declaration
can be written that lets a raw value through. A wrong one raises `ValueError` naming the event and the field.

Three spellings of the same row: an object (`Count()`), a word (`"count"`), or a mapping with one word as its key
(`{"one_of": ["json", "table"], "purpose": "..."}`, `{"number": {"round_to": 10}}`). A mapping of names to rows is a
value with fields of its own, one level deep.

Four spellings of an event: an `Event` class, another class with a class method `_telemetry_keys` (see keys.py), the
short form (`{"results": "count"}`, its rows alone), and the long form (`{"fields": {"results": "count"}, "purpose":
"...", "sample": 0.1}`). A mapping is the long form if its key `fields` holds a mapping, and its only other keys are
`purpose` with a text and `sample` with a number. So an event whose only field is called `fields` and is a mapping needs
the long form: `{"fields": {"fields": {...}}}`.
"""

from .. import names
from . import OTHER, SAMPLE_RATE, command_name, conversions, error_name
from .conversions import Conversion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    from .event import Event

    Row: TypeAlias = Conversion | dict[str, Conversion]
    Rows: TypeAlias = dict[str, Row]

# A new conversion is one more class in that module.
CONVERSIONS: "dict[str, type[Conversion]]" = {
    kind.word: kind
    for kind in vars(conversions).values()
    if isinstance(kind, type) and issubclass(kind, Conversion) and kind is not Conversion
}
OWN_EVENTS = ("command", "session", "flag_exposure")  # the package's: fields added to them do not close the world
# Their numbers. accept.py knows these very objects, and so tells them from rows that an author put in their place.
OWN_NUMBERS: "dict[tuple[str, str], Conversion]" = {
    ("command", "duration_ms"): conversions.Number(purpose="how long it took, in milliseconds", example=4280),
    ("command", "exit_code"): conversions.Number(purpose="the exit status", example=0),
    ("session", "part"): conversions.Number(purpose="which part, of a session recorded at intervals", example=1),
    ("session", "duration_ms"): conversions.Number(purpose="how long it took, in milliseconds", example=3_600_000),
}
_BESIDE = ("purpose", "example", "level", "epsilon")  # what may stand beside a word in a mapping


class CommandName(Conversion):
    """The name of a command, as the host's code gives it: a legal name, or `other`."""

    __slots__ = ()

    def convert(self, value: object) -> str:
        return command_name(value)


class ErrorName(conversions.OneOf):
    """The name of a built-in exception class, or one that the author declared, else `other`."""

    __slots__ = ()

    def __init__(self, *declared: str) -> None:
        Conversion.__init__(self, purpose="the kind of error it ended with, never its text", example="ValueError")
        self.choices = dict.fromkeys(declared)
        self.domain, self.epsilon = (), None  # any built-in name can come out, and never by lot

    def convert(self, value: object) -> "str | None":
        name = error_name(value)
        return name if name != OTHER else super().convert(value)


class SampleRate(Conversion):
    """The rate at which an event is recorded, whatever value it is given."""

    __slots__ = ("rate",)

    def __init__(self, rate: float) -> None:
        super().__init__(purpose="which share of these events is recorded, so that all can be estimated", example=rate)
        self.rate = rate

    def convert(self, value: object) -> float:
        return self.rate


class Declaration:
    """All rows of a tool: `events` by name, `fields` common to all events, and whether the world is `closed`.

    By event name, `purposes` holds why an event is recorded ("" if that was not stated), and `samples` its rate (above
    0, at most 1) if one was given. An event with a rate has another row, `sample_rate`.
    """

    __slots__ = ("closed", "events", "fields", "purposes", "samples")

    def __init__(self, events: object = (), fields: "Mapping[str, object] | None" = None) -> None:
        self.fields = _rows("fields", fields or {})
        self.purposes: dict[str, str] = {}
        self.samples: dict[str, float] = {}
        self.events = _own_rows(self.fields)
        self.closed = False
        for name, rows, purpose, sample in _declared(events):
            if not names.legal_name(name):
                raise ValueError(f"events: {name!r} is not a legal event name ([a-z][a-z0-9_.]{{0,63}})")
            own = _rows(f"event {name!r}", rows)
            self.events[name] = {**self.events.get(name, {}), **own}
            self.purposes[name] = purpose
            if sample is not None:
                self.samples[name] = _rate(f"event {name!r}", sample)
            if name in self.samples:
                if SAMPLE_RATE in own or SAMPLE_RATE in self.fields:
                    raise ValueError(f"event {name!r}, field {SAMPLE_RATE!r}: a sampled event has this field by itself")
                self.events[name][SAMPLE_RATE] = SampleRate(self.samples[name])
            self.closed = self.closed or name not in OWN_EVENTS

    def rows(self, event: str) -> "Rows | None":
        """The rows of an event, the common ones included; None if the event is not declared."""
        own = self.events.get(event)
        return None if own is None else {**self.fields, **own}


def row(where: str, spec: object) -> "Row":
    """One row from any of its spellings; `where` names it in the `ValueError` that a wrong one raises."""
    if type(spec) in CONVERSIONS.values() or type(spec) in (CommandName, ErrorName):
        return spec  # type: ignore[return-value]  # one of the package's own conversions: looked up by its type
    refused: Exception | None = None
    try:
        if isinstance(spec, str):
            return CONVERSIONS[spec]()
        if isinstance(spec, dict):
            found = _from_mapping(spec)
            return _nested(where, spec) if found is None else found
    except (KeyError, TypeError, ValueError) as error:
        refused = error
    from .mistakes import mistake

    raise ValueError(mistake(where, spec, refused, CONVERSIONS, _BESIDE))


def _from_mapping(spec: "dict[Any, Any]") -> "Conversion | None":
    """`{"one_of": [...], "purpose": ...}`; None if the mapping is not of this form."""
    words = [key for key in spec if key in CONVERSIONS and not isinstance(spec[key], (str, Conversion))]
    if len(words) != 1 or any(key not in _BESIDE for key in spec if key != words[0]):
        return None
    kind, options = CONVERSIONS[str(words[0])], spec[words[0]]
    remarks = {str(key): value for key, value in spec.items() if key != words[0]}
    if options is True:
        return kind(**remarks)
    if isinstance(options, dict):
        return kind(**options, **remarks)
    if isinstance(options, (list, tuple)):
        return kind(*options, **remarks)
    raise TypeError  # mistakes.py says what it takes


def _nested(where: str, spec: "dict[object, object]") -> "dict[str, Conversion]":
    rows = _rows(where, spec)
    if not rows:
        raise ValueError(f"{where}: an empty mapping declares nothing")
    for field, inner in rows.items():
        if isinstance(inner, dict):
            raise ValueError(f"{where}, field {field!r}: nested deeper than one level")
        if isinstance(inner, conversions.Distribution):
            raise ValueError(f"{where}, field {field!r}: a distribution is a mapping itself and cannot be nested")
    return rows  # type: ignore[return-value]  # no dict among the values, as the loop saw


def _rows(where: str, specs: object) -> "Rows":
    if not isinstance(specs, dict):
        raise ValueError(f"{where} must be a mapping of field names to conversions, and a dict, not {specs!r}")
    for field in specs:
        if not names.legal_name(field):
            raise ValueError(f"{where}: {field!r} is not a legal field name ([a-z][a-z0-9_.]{{0,63}})")
    return {field: row(f"{where}, field {field!r}", spec) for field, spec in specs.items()}


def _declared(events: object) -> "Iterable[tuple[str, object, str, object]]":
    """Each declared event as name, rows, purpose and rate, from a mapping or from `Event` classes."""
    if isinstance(events, dict):
        for name, spec in events.items():
            yield (name, *_unpack(spec))
        return
    if isinstance(events, (str, bytes)) or not hasattr(events, "__iter__") or hasattr(events, "keys"):
        raise ValueError(f"events must be a dict, or a sequence of Event classes, not {events!r}")
    for kind in events:
        if not _declares(kind):
            raise ValueError(f"events: {kind!r} is not an Event class, nor one with _telemetry_keys()")
        yield (_title(kind), *_unpack(kind))


def _declares(kind: object) -> bool:
    from .event import Event

    return isinstance(kind, type) and (issubclass(kind, Event) or hasattr(kind, "_telemetry_keys"))


def _unpack(spec: object) -> "tuple[object, str, object]":
    """The rows, the purpose and the rate (None: none was given) of an event in any of its spellings."""
    if isinstance(spec, type):
        from .event import Event

        if issubclass(spec, Event):
            return _class_rows(spec), (spec.__doc__ or "").strip(), spec._sample
        if hasattr(spec, "_telemetry_keys"):
            from . import keys

            return keys.declared(spec), keys.purpose(spec), None
    if isinstance(spec, dict) and _is_long(spec):
        return spec["fields"], spec.get("purpose", "").strip(), spec.get("sample")
    return spec, "", None


def _title(kind: type) -> str:
    from .event import Event, snake

    if issubclass(kind, Event):
        return kind.event_name
    from . import keys

    return keys.title(kind) or snake(kind.__name__)


def _is_long(spec: "dict[Any, Any]") -> bool:
    """Whether a mapping is the long form of an event; if so, its purpose and its rate are of the right types."""
    return (
        isinstance(spec.get("fields"), dict)
        and all(key in ("fields", "purpose", "sample") for key in spec)
        and isinstance(spec.get("purpose", ""), str)
        and type(spec.get("sample", 1)) in (int, float)
    )


def _rate(where: str, sample: object) -> float:
    if type(sample) not in (int, float) or not 0 < sample <= 1:  # type: ignore[operator]  # a number: looked at first
        raise ValueError(f"{where}: sample must be a number above 0 and at most 1, not {sample!r}")
    return float(sample)  # type: ignore[arg-type]  # as above


def _class_rows(kind: "type[Event]") -> "dict[str, object]":
    """The fields that a class declares, inherited ones first. Not a method: a field of the class may have its name."""
    found: dict[str, object] = {}
    for parent in reversed(kind.__mro__):
        found |= {name: row for name, row in vars(parent).items() if _is_meant(row) and name[0] != "_"}
    found.pop("event_name", None)  # for `class Count(Event)` it is `count`, a conversion's word
    return found


def _is_meant(row: object) -> bool:
    """Whether an attribute is meant as a row. So are a conversion's class and any mapping: a wrong one gets refused."""
    if isinstance(row, str):
        return row in CONVERSIONS  # any other text is not a row: a title, say
    if isinstance(row, type):
        return issubclass(row, Conversion)
    return isinstance(row, Conversion) or hasattr(type(row), "keys")


def _own_rows(fields: "Rows") -> "dict[str, Rows]":
    """The events that the package records itself; `fields={"error": OneOf(...)}` adds names to the built-in ones."""
    declared = fields.get("error")
    if isinstance(declared, conversions.OneOf) and declared.epsilon is not None:
        # The names of built-in exceptions are not answered by lot, so these would not be either.
        raise ValueError("fields, field 'error': the names of errors cannot have an epsilon")
    error = ErrorName(*(declared.choices if isinstance(declared, conversions.OneOf) else ()))
    success = conversions.Boolean(purpose="whether it worked", example=True)
    return {
        "command": {
            "command": CommandName(purpose="which command was used", example="import.from_code"),
            "duration_ms": OWN_NUMBERS["command", "duration_ms"],
            "success": success,
            "exit_code": OWN_NUMBERS["command", "exit_code"],
            "error": error,
        },
        "session": {
            "part": OWN_NUMBERS["session", "part"],
            "duration_ms": OWN_NUMBERS["session", "duration_ms"],
            "success": success,
            "error": error,
        },
    }
