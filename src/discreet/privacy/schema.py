"""A record of one tool as JSON Schema: each event a branch, each field as narrow as its conversion.

    {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "a record of mytool",
     "properties": {"v": ..., "event": ..., "properties": ...}, "additionalProperties": false,
     "oneOf": [{"title": "search", "properties": {"event": {"const": "search"}, "properties": {...}}}, ...]}

    x-conversion   the line of `spelled`          x-purpose   why, where the author said it
    x-level        basic or enhanced              x-sample    the rate of an event that is sampled
    x-epsilon      of an answer by lot

The rule that keeps it honest: every record that the tool can write is valid. What JSON Schema cannot say exactly (a
multiple of 0.1, which readers compute differently; the built-in exceptions, which differ from Python to Python) it says
more widely, and `x-conversion` says it in full.

Source: JSON Schema, draft 2020-12 (Core and Validation).
"""

from .. import names
from . import OTHER, UNDECLARED_LIMIT, numbers
from .conversions import Number
from .declaration import Declaration
from .spelled import spelled, spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from .conversions import Conversion
    from .declaration import Row

    Schema: TypeAlias = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_NAME = f"^[a-z][a-z0-9_.]{{0,{names.NAME_LENGTH - 1}}}$"
_VERSION = "^[0-9]{1,4}(\\.[0-9]{1,4}){1,2}((a|b|rc)[0-9]{1,4})?$"
# What the names of all built-in exceptions end in, in every Python so far; a test looks at the present one.
_ERROR = "^[A-Za-z]*(Error|Exception|ExceptionGroup|Exit|Interrupt|Iteration|Warning)$"


def _text(pattern: str, most: int) -> "Schema":
    return {"type": "string", "pattern": pattern, "maxLength": most}


_COUNT = {"type": "integer", "minimum": 0, "maximum": names.LARGEST_INTEGER}
_PLAIN: "dict[str, Schema]" = {
    "aggregate": {"type": "number", "minimum": -names.LARGEST_INTEGER, "maximum": names.LARGEST_INTEGER},
    "boolean": {"type": "boolean"},
    "command_name": {"type": "string", "pattern": _NAME},
    "count": _COUNT,
    "forbid": {"not": {}},
    "hash": _text("^[0-9a-f]{16}$", 16),
    "text_count": _COUNT,
    "version": _text(_VERSION, 24),
}
_UP = tuple([2**power for power in range(names.LARGEST_INTEGER.bit_length())])
_POWERS = (*[-power for power in reversed(_UP)], 0, *_UP)
# What the default rule lets out without a row.
_BARE = {"type": ["boolean", "number"], "exclusiveMinimum": -UNDECLARED_LIMIT, "exclusiveMaximum": UNDECLARED_LIMIT}


def schema(tool: str, declaration: Declaration | None, *, install: bool = False) -> "Schema":
    """The schema of a line of the log; `install` is whether each carries the id of its installation.

    What the wire format `json` sends is valid too.
    """
    declared = declaration or Declaration()
    branches = [_branch(event, declared) for event in declared.events]
    if not declared.closed:
        branches.append(_undeclared(declared))
    head = _head(tool)
    if install:
        head["install"] = _text("^[0-9a-f]{32}$", 32)
    head["properties"] = {"type": "object", "maxProperties": names.PROPERTIES}
    return {
        "$schema": DRAFT,
        "title": f"a record of {tool}",
        "type": "object",
        "properties": head,
        "required": list(head),
        "additionalProperties": False,
        "oneOf": branches,
    }


def field(row: "Row") -> "Schema":
    """The schema of one field's value."""
    if isinstance(row, dict):
        inner = {name: field(conversion) for name, conversion in row.items()}
        return {"type": "object", "properties": inner, "additionalProperties": False, "minProperties": 1}
    schema = {**_values(row), "x-conversion": spelled(row), "x-level": row.level}
    if row.epsilon is not None:
        schema["x-epsilon"] = row.epsilon
    return {**schema, "x-purpose": row.purpose} if row.purpose else schema


def _head(tool: str) -> "dict[str, Schema]":
    return {
        "v": {"const": 1},
        "id": _text("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", 36),
        "time": _text("^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$", 20),
        "run": _text("^[0-9a-f]{16}$", 16),
        "event": {"type": "string", "pattern": _NAME},
        "tool": {"const": tool},
        "version": _text("^[A-Za-z0-9_.+!~-]*$", names.NAME_LENGTH),
        "py": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
        "os": {"type": "string", "pattern": "^[a-z0-9]+$"},
    }


def _branch(event: str, declaration: Declaration) -> "Schema":
    """What else holds for a record of one declared event."""
    branch: Schema = {"title": event}
    if declaration.purposes.get(event):
        branch["x-purpose"] = declaration.purposes[event]
    if event in declaration.samples:
        branch["x-sample"] = declaration.samples[event]
    facts = _properties(declaration.rows(event) or {}, declaration)
    return {**branch, "properties": {"event": {"const": event}, "properties": facts}}


def _undeclared(declaration: Declaration) -> "Schema":
    """Any other event, if the author left the world open."""
    return {
        "title": "any other event",
        "properties": {
            "event": {"not": {"enum": list(declaration.events)}},
            "properties": _properties(declaration.fields, declaration),
        },
    }


def _properties(rows: "Mapping[str, Row]", declaration: Declaration) -> "Schema":
    found: Schema = {"properties": {name: field(row) for name, row in rows.items()}}
    if declaration.closed:
        return {**found, "additionalProperties": False}
    return {**found, "propertyNames": {"pattern": _NAME}, "additionalProperties": _BARE}


def _values(row: "Conversion") -> "Schema":
    if isinstance(row, Number):
        return _number(row)
    found = spelling(row)
    texts = list(dict.fromkeys((*found.texts, OTHER)))
    if found.word == "one_of":
        return {"enum": texts}
    if found.word == "distribution":
        counts = {**_COUNT, "minimum": 1}  # what does not occur is left out
        return {"type": "object", "properties": dict.fromkeys(texts, counts), "additionalProperties": False}
    if found.word == "error_name":
        return {"type": "string", "anyOf": [{"enum": texts}, {"pattern": _ERROR}]}
    if found.word == "sample_rate":
        return {"const": found.options["rate"]}
    return dict(_PLAIN[found.word])


def _number(row: Number) -> "Schema":
    low = -names.LARGEST_INTEGER if row.low is None else row.low
    high = names.LARGEST_INTEGER if row.high is None else row.high
    if row.buckets is not None:
        first, last = numbers.bucket(low, row.buckets), numbers.bucket(high, row.buckets)
        edges = _POWERS if isinstance(row.buckets, str) else row.buckets
        return {"enum": [edge for edge in edges if first <= edge <= last]}
    schema: Schema = {
        "type": "integer" if type(row.round_to) is int else "number",
        # Rounding never changes the order of two numbers, so every result lies between the rounded ends.
        "minimum": max(numbers.rounded(low, row.round_to, row.significant), -names.LARGEST_INTEGER),
        "maximum": min(numbers.rounded(high, row.round_to, row.significant), names.LARGEST_INTEGER),
    }
    if type(row.round_to) is int and row.significant is None:
        schema["multipleOf"] = row.round_to
    return schema
