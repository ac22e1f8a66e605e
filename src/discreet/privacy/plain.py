"""A declaration as plain values, and back: what crosses the pipe to a deliverer.

The rule that keeps it honest: `restored(plain(declaration))` returns the same rows or raises. A deliverer without a
declaration sends nothing that needs one.
"""

from . import conversions
from .declaration import CONVERSIONS, OWN_NUMBERS, Declaration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .conversions import Conversion

_NUMBER_OPTIONS = ("round_to", "significant", "low", "high")


def plain(declaration: Declaration) -> "dict[str, Any]":
    """Lists, mappings, texts and numbers from which `restored` makes the declaration again."""
    return {
        "fields": {field: _row(row) for field, row in declaration.fields.items()},
        "events": {
            event: {field: _row(row) for field, row in rows.items() if not _is_own(row)}
            for event, rows in declaration.events.items()
        },
        "samples": dict(declaration.samples),
    }


def restored(values: "Mapping[str, Any]") -> Declaration:
    """The declaration that `plain` was given. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    samples = values["samples"]
    # Always the long form: a lone field called `fields` would be taken for it.
    events = {
        event: {"fields": _made_all(rows), **({"sample": samples[event]} if event in samples else {})}
        for event, rows in values["events"].items()
    }
    return Declaration(events, _made_all(values["fields"]))


def _row(row: "Conversion | dict[str, Conversion]") -> "list[Any] | dict[str, Any]":
    """A row as [word, options, level], and its epsilon if it has one; for a mapping, its rows by name."""
    if isinstance(row, dict):
        return {field: _row(inner) for field, inner in row.items()}
    return [row.word, _options(row), row.level, *([] if row.epsilon is None else [row.epsilon])]


def _made_all(rows: "Mapping[str, Any]") -> "dict[str, Any]":
    return {field: _made_all(row) if isinstance(row, dict) else _made(*row) for field, row in rows.items()}


def _made(word: str, options: "list[str] | dict[str, Any]", level: str, *epsilon: float) -> "Conversion":
    # Made here, since to a declaration a mapping with one field called `count` is a conversion.
    more: dict[str, Any] = {"epsilon": epsilon[0]} if epsilon else {}
    if isinstance(options, dict):
        return CONVERSIONS[word](**options, **more, level=level)
    return CONVERSIONS[word](*options, **more, level=level)


def _options(row: "Conversion") -> "list[str] | dict[str, Any]":
    if isinstance(row, conversions.OneOf):
        return list(row.choices)
    if isinstance(row, conversions.Distribution):
        return list(row.items)
    if isinstance(row, conversions.Number):
        given = {name: getattr(row, name) for name in _NUMBER_OPTIONS if getattr(row, name) is not None}
        if row.buckets is not None:
            given["buckets"] = row.buckets if isinstance(row.buckets, str) else list(row.buckets)
        return given
    return []


def _is_own(row: "Conversion | dict[str, Conversion]") -> bool:
    """Whether a row is of the package's own events, which every declaration has anyway."""
    own = row in OWN_NUMBERS.values()  # these very objects, which could not be made again
    return own or (isinstance(row, conversions.Conversion) and (not row.word or type(row).__name__ == "ErrorName"))
