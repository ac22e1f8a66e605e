"""What all formats do to the facts: times get coarser, names stay apart, and nothing is lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.sending.wire.facts import apart, cut, flat
from wire.cases import precisions, properties, times

RESERVED = ("t", "e", "error.type")


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("second", "2026-11-20T10:30:59Z"),
        ("minute", "2026-11-20T10:30:00Z"),
        ("hour", "2026-11-20T10:00:00Z"),
        ("day", "2026-11-20T00:00:00Z"),
    ],
)
def test_a_time_is_cut_and_never_rounded(precision: str, expected: str) -> None:
    """What is finer than the precision is zero, and no unit is carried over."""
    assert cut("2026-11-20T10:30:59Z", precision) == expected


@given(time=times, precision=precisions)
def test_cutting_is_idempotent_and_never_later(time: str, precision: str) -> None:
    """A time that was cut stays as it is, and lies at or before the one it was cut from."""
    once = cut(time, precision)
    assert cut(once, precision) == once <= time
    assert len(once) == len(time)


def test_nesting_becomes_dots_in_place() -> None:
    """A mapping's facts stand where it stood, under its name, a dot and their own; an empty mapping leaves nothing."""
    nested = {"a": 1, "results": {"candidates": 40, "c++ ü": 2}, "none": {}, "z": True}
    assert list(flat(nested).items()) == [("a", 1), ("results.candidates", 40), ("results.c++ ü", 2), ("z", True)]


def test_a_field_keeps_its_name_before_a_flattened_one() -> None:
    """Where names meet, wherever they stand, the field's own wins, and the other is marked and kept."""
    assert flat({"r": {"a": 1}, "r.a": 2}) == {"r.a_": 1, "r.a": 2}
    assert flat({"r.a": 1, "r": {"a": 2, "a_": 3}, "r.a_": 4}) == {"r.a": 1, "r.a__": 2, "r.a___": 3, "r.a_": 4}
    assert flat({"r": {"a.b": 1}, "r.a": {"b": 2}}) == {"r.a.b": 1, "r.a.b_": 2}


@given(properties)
def test_flattening_loses_nothing(given_properties: dict[str, Any]) -> None:
    """Every flat value is there once, whatever the names are, and fields that were flat are under their own name."""
    flattened = flat(given_properties)
    values = [
        fact for value in given_properties.values() for fact in (value.values() if isinstance(value, dict) else [value])
    ]
    assert list(map(repr, flattened.values())) == list(map(repr, values))
    assert all(flattened[name] is value for name, value in given_properties.items() if not isinstance(value, dict))


@given(st.sets(st.sampled_from([f"{name}{'_' * marks}" for name in (*RESERVED, "other") for marks in range(5)])))
def test_no_name_is_reserved_and_no_two_become_one(names: set[str]) -> None:
    """Names set apart are never reserved, are as many as before, and lose the mark to be what they were."""
    marked = {apart(name, RESERVED): name for name in names}
    assert len(marked) == len(names)
    assert not marked.keys() & set(RESERVED)
    for mark, name in marked.items():
        assert name == (mark[:-1] if mark.rstrip("_") in RESERVED else mark)
