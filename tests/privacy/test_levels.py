"""Levels of consent: what an enhanced row leaves under a basic yes is nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from discreet import Boolean, Count, Forbidden, Hash, Number, OneOf, Telemetry
from discreet.privacy import Filter
from discreet.privacy.declaration import Declaration

ENHANCED = {
    "basic": Count(),
    "forbidden": Forbidden(level="enhanced"),
    "yes": Boolean(level="enhanced"),
    "kind": OneOf("a", level="enhanced"),
    "hash": Hash(level="enhanced"),
    "results": {"found": Number(level="enhanced"), "kept": Number()},
    "more": {"found": Number(level="enhanced")},
}
GIVEN = {
    "basic": [1],
    "forbidden": 1,
    "yes": 0,
    "kind": "x",
    "hash": "secret",
    "results": {"found": 1, "kept": 2},
    "more": {"found": 3},
}


@pytest.mark.parametrize(
    ("events", "fields"), [({"search": ENHANCED}, None), (None, ENHANCED), ({"search": {}}, ENHANCED)]
)
def test_levels(events: Any, fields: Any) -> None:
    """Under basic consent nothing of an enhanced row leaves, not even that there was something, nor is it a loss."""
    declaration = Declaration(events or (), fields)
    asked: list[object] = []
    lost: list[str] = []

    def hashed(*place: object) -> str:
        asked.append(place)
        return "0123456789abcdef"

    assert Filter(declaration, "basic", hashed, lost.append).clean("search", GIVEN) == {
        "basic": 1,
        "results": {"kept": 2},
    }
    assert (asked, lost) == ([], [])
    assert Filter(declaration, "enhanced", hashed, lost.append).clean("search", GIVEN) == {
        "basic": 1,
        "yes": False,
        "kind": "other",
        "hash": "0123456789abcdef",
        "results": {"found": 1, "kept": 2},
        "more": {"found": 3},
    }
    assert asked == [("search", "hash", b"secret")]


@pytest.mark.parametrize("field", ENHANCED)
def test_a_value_of_an_enhanced_row_is_not_even_asked(field: str) -> None:
    """Under basic consent the value's own code does not run: neither its truth nor its length is taken."""

    class Touchy:
        def touched(self, *_: object) -> Any:
            raise AssertionError

        __bool__ = __len__ = __float__ = __index__ = __eq__ = __iter__ = __fspath__ = touched  # type: ignore[assignment]

    clean = Filter(Declaration({"search": ENHANCED}), "basic", lambda *_: "", lambda _: None).clean
    if field == "basic":
        with pytest.raises(AssertionError):
            clean("search", {field: Touchy()})
    else:
        assert clean("search", {field: Touchy()}) == {}


def test_the_level_of_a_user(make_telemetry: Callable[..., Telemetry]) -> None:
    """The level is that of the stored consent."""
    for answer, left in (("true", {}), ("enhanced", {"n": 1})):
        telemetry = make_telemetry(events={"search": {"n": Number(level="enhanced")}}, files={"log": f"{answer}.jsonl"})
        with open(telemetry.paths["consent"], "w") as file:
            file.write(answer)
        telemetry.track("search", n=1)
        assert telemetry.flush(5.0)
        with open(telemetry.paths["log"]) as log:
            assert json.loads(log.read())["properties"] == left
