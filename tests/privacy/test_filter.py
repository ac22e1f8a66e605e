"""The filter: the default rule, the closed world, levels, nested mappings and caps, and what it counts."""

import copy
import enum
import math
from collections import Counter
from types import MappingProxyType
from typing import Any

import pytest

from discreet import Distribution, Number
from discreet.privacy import UNDECLARED_LIMIT, Filter
from discreet.privacy.declaration import Declaration


class Text(str):
    """A text of a subclass, equal to what it is made of."""

    __slots__ = ()


class Name(str, enum.Enum):  # noqa: UP042  # the old kind, which is written as `Name.n`
    """Names kept in an enum, as some hosts do."""

    n = "n"


class Left(dict):
    """What left: equal to what holds the same values of the same types, so that 1 is neither True nor 1.0."""

    __hash__ = None  # type: ignore[assignment]  # as of any dict

    def __eq__(self, other: object) -> bool:
        return _alike(dict(self), other)

    def __ne__(self, other: object) -> bool:
        return not self == other


def _alike(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    return type(one) is type(other) and one == other


class Harness:
    """A filter, and what it counted."""

    def __init__(self, events: object = None, fields: Any = None, level: str = "basic") -> None:
        self.lost: Counter[str] = Counter()
        self.hashed: list[tuple[str, str, bytes]] = []
        declaration = Declaration(events or (), fields) if events or fields else None
        self.filter = Filter(declaration, level, self.pseudonymize, lambda reason: self.lost.update([reason]))

    def pseudonymize(self, event: str, field: str, raw: bytes) -> str:
        """Remember who asked."""
        self.hashed.append((event, field, raw))
        return "0123456789abcdef"

    def __call__(self, event: Any = "search", /, **properties: object) -> dict[str, Any] | None:
        """What leaves."""
        left = self.filter.clean(event, properties)
        return None if left is None else Left(left)


BARE = [
    (True, True),
    (False, False),
    (0, 0),
    (-7, -7),
    (UNDECLARED_LIMIT - 1, 999_999_999),
    (-UNDECLARED_LIMIT + 1, -999_999_999),
    (0.5, 0.5),
    (-0.0, 0.0),
    (999_999_999.5, 999_999_999.5),
]
NEVER = [
    "text", "", "1", b"1", bytearray(b"1"), [], [1], (1,), {}, {"n": 1}, {1}, object(), 1j, int, len, 10**9, -(10**9),
    1234567890, 1e9, -1e300, math.nan, math.inf, -math.inf, Name.n, range(3),
]  # fmt: skip


@pytest.mark.parametrize(("value", "left"), BARE, ids=repr)
def test_a_bare_number_or_boolean_passes(value: object, left: object) -> None:
    """Where the author declared nothing, integers under ten digits, floats of that size and booleans pass."""
    for harness in (Harness(), Harness(fields={"other": "count"})):
        assert harness(n=value) == {"n": left}  # a field seen for the first time,
        assert harness(n=value) == {"n": left}  # and one that is known
        assert not harness.lost


@pytest.mark.parametrize("value", NEVER, ids=lambda value: repr(value)[:20])
def test_everything_else_is_dropped(value: object) -> None:
    """Text, long numbers, containers and objects never pass without a row, and are counted."""
    for harness in (Harness(), Harness(fields={"other": "count"})):
        for time in (1, 2):  # a field that is known has a shorter way
            assert (harness(n=value, m=1), harness.lost) == ({"m": 1}, {"undeclared_value": time})


def test_nothing_is_nothing() -> None:
    """None leaves nothing and is no loss; an event without properties is an event."""
    harness = Harness()
    assert harness(n=None) == {}
    assert harness() == {}
    assert not harness.lost


@pytest.mark.parametrize(
    "name", ["", "N", "1", "n n", "n-m", "ü", "n" * 65, "secret text", "n\n", "n\x00", "_n", "a\ud800"]
)
def test_illegal_names(name: str) -> None:
    """A name that is not legal is dropped, of a field as of an event, with a declaration or without."""
    for harness in (Harness(), Harness({"search": {"n": "count"}})):
        assert harness(**{name: 1, "n": 1}) == {"n": 1}
        assert harness.lost == {"field_name": 1}
        assert harness(name, n=1) is None
        assert harness.lost == {"field_name": 1, "event_name": 1}


@pytest.mark.parametrize("name", [5, None, True, b"n", ("n",), frozenset()])
def test_names_that_are_no_text(name: object) -> None:
    """What is no text is no name."""
    for harness in (Harness(), Harness({"search": {"n": "count"}})):
        assert harness.filter.clean("search", {name: 1}) == {}  # type: ignore[dict-item]  # the point of it
        assert harness.filter.clean(name, {"n": 1}) is None  # type: ignore[arg-type]  # the same
        assert harness.lost == {"field_name": 1, "event_name": 1}


@pytest.mark.parametrize("name", [Text("n"), Name.n])
def test_names_of_a_subclass(name: str) -> None:
    """A name of a subclass of `str` may be written otherwise than it compares: it is not legal, even if declared."""
    for harness in (Harness(), Harness({"search": {"n": "count"}, "n": {}})):
        assert harness("n") == {}  # the name is known now, as an event's
        harness("n", n=1)  # and as a field's
        harness.lost.clear()
        assert harness.filter.clean("search", {name: 1}) == {}
        assert harness.filter.clean(name, {}) is None
        assert harness.lost == {"field_name": 1, "event_name": 1}


def test_sixty_four_characters() -> None:
    """The longest legal names pass."""
    assert Harness()("e" * 64, **{"n" * 64: 1}) == {"n" * 64: 1}


def test_an_undeclared_event_of_a_closed_world() -> None:
    """Once an event is declared, no other one passes, whatever it carries."""
    harness = Harness({"search": {"n": "count"}}, {"m": "number"})
    assert harness("other") is None
    assert harness("other", n=1, m=1) is None
    assert harness("search.local") is None
    assert harness.lost == {"undeclared_event": 3}


def test_an_undeclared_field_of_a_closed_world() -> None:
    """Once an event is declared, no field passes without a row: not a number, not a boolean, not in `command`."""
    harness = Harness({"search": {"n": "count"}}, {"m": "number"})
    assert harness(n=[1, 2], m=3, more=1, yes=True) == {"n": 2, "m": 3}
    assert harness.lost == {"undeclared_field": 2}
    assert harness("command", command="import", duration_ms=5, m=1, files=3) == {
        "command": "import",
        "duration_ms": 5,
        "m": 1,
    }
    assert harness.lost == {"undeclared_field": 3}


def test_an_undeclared_value_of_a_closed_world() -> None:
    """A declared field lets out what its conversion makes, and never the value itself."""
    harness = Harness({"search": {"kind": {"one_of": ["a"]}, "n": "forbid", "m": "count"}})
    assert harness(kind="secret", n=5, m="secret") == {"kind": "other", "m": 1}
    assert not harness.lost


def test_fields_alone_do_not_close() -> None:
    """`fields=` names rows of any event, and leaves the default rule for the rest."""
    harness = Harness(fields={"kind": {"one_of": ["a"]}})
    for event in ("search", "anything", "command"):
        assert harness(event, kind="a", n=5) == {"kind": "a", "n": 5}
    assert harness(kind="secret", text="secret") == {"kind": "other"}
    assert harness.lost == {"undeclared_value": 1}


def test_an_event_of_its_own_needs_no_fields() -> None:
    """An event declared without fields may happen, and carries the common ones."""
    harness = Harness({"started": {}}, {"m": "number"})
    assert harness("started", m=1) == {"m": 1}
    assert harness("started", n=1) == {}


def test_command_without_a_declaration() -> None:
    """The package's own event has its rows in every world; other facts fall under the default rule."""
    for harness in (Harness(), Harness(fields={"other": "count"})):
        left = harness("command", command="rm -rf", duration_ms=5, success=1, exit_code=2, error="MyError", files=3)
        assert left == {
            "command": "other",
            "duration_ms": 5,
            "success": True,
            "exit_code": 2,
            "error": "other",
            "files": 3,
        }
        assert harness("command", text="secret") == {}


NESTED = {"search": {"results": {"candidates": "number", "kind": {"one_of": ["a"]}, "who": "hash"}}}


def test_a_nested_mapping() -> None:
    """A declared mapping leaves its declared fields, each through its own row, in the order of the declaration."""
    harness = Harness(NESTED)
    left = harness(results={"who": "ada", "kind": "b", "candidates": 3})
    assert left == {"results": {"candidates": 3, "kind": "other", "who": "0123456789abcdef"}}
    assert list(left["results"]) == ["candidates", "kind", "who"]
    assert harness.hashed == [("search", "results/who", b"ada")]
    assert not harness.lost


@pytest.mark.parametrize("value", [3, "secret", [1], MappingProxyType({"candidates": 1}), [("candidates", 1)], True])
def test_what_is_no_mapping_leaves_nothing(value: object) -> None:
    """A declared mapping takes a dict and nothing else."""
    harness = Harness(NESTED)
    assert harness(results=value) == {}
    assert harness.lost == {"undeclared_value": 1}


def test_undeclared_fields_of_a_nested_mapping() -> None:
    """What the declaration does not name inside a mapping is dropped, in an open world too."""
    for harness in (Harness(NESTED), Harness(fields=NESTED["search"])):
        given = {"candidates": 1, "secret text": 2, "more": 3, 7: 1, "kind": {"candidates": 1}, Text("who"): "ada"}
        assert harness(results=given) == {"results": {"candidates": 1, "kind": "other", "who": "0123456789abcdef"}}
        assert harness.lost == {"undeclared_field": 1}
        assert harness(results={}) == {}
        assert harness(results={"more": 1}) == {}
        assert harness(results=None) == {}


def test_a_mapping_of_a_subclass() -> None:
    """Of a mapping that overrides its methods, what it really holds is converted, and none of its code runs."""

    class Lying(dict):
        def get(self, *_: object) -> Any:
            raise AssertionError

        __getitem__ = keys = items = __iter__ = __contains__ = __len__ = __eq__ = get

    harness = Harness(NESTED)
    assert harness(results=Lying(candidates=3, more=4)) == {"results": {"candidates": 3}}
    assert harness.lost == {"undeclared_field": 1}


def test_an_undeclared_mapping_never_passes() -> None:
    """Without a row no mapping passes, not even one of numbers."""
    assert Harness()(results={"candidates": 1}) == {}


def test_thirty_two_properties() -> None:
    """The thirty-third property is dropped and counted once; nothing that leaves nothing takes a place."""
    harness = Harness()
    many = {f"n{number}": number for number in range(40)}
    left = harness(**{"none": None, "text": "x", **many})
    assert left == {f"n{number}": number for number in range(32)}
    assert harness.lost == {"undeclared_value": 1, "too_many_fields": 1}
    exact = Harness()
    assert len(exact(**{f"n{number}": number for number in range(32)}) or {}) == 32
    assert not exact.lost


def test_thirty_two_declared_properties() -> None:
    """The bound holds for declared fields as well."""
    fields = {f"n{number}": Number() for number in range(40)}
    harness = Harness({"search": fields})
    assert len(harness(**dict.fromkeys(fields, 1)) or {}) == 32
    assert harness.lost == {"too_many_fields": 1}


def test_more_events_than_are_remembered() -> None:
    """A host that makes up names without end costs no memory without end, and each event is filtered."""
    harness = Harness(fields={"kind": {"one_of": ["a"]}})
    for number in range(2000):
        assert harness(f"event{number}", **{f"field{number}": 1, "kind": "secret"}) == {
            f"field{number}": 1,
            "kind": "other",
        }
    kept = [value for value in vars(harness.filter).values() if isinstance(value, (dict, set))]
    assert max(map(len, kept)) < 1000


def test_the_result_is_new() -> None:
    """What leaves shares nothing with what was given: changing one does not change the other."""
    harness = Harness({"search": {"results": {"n": "number"}, "items": Distribution("py"), "n": "count"}})
    given = {"results": {"n": 1}, "items": {"py": 3}, "n": [1, [2]]}
    before = copy.deepcopy(given)
    left = harness(**given)
    assert left == {"results": {"n": 1}, "items": {"py": 3}, "n": 2}
    left["results"]["n"] = left["items"]["py"] = 7
    left.clear()
    assert given == before
    assert harness(**given) == {"results": {"n": 1}, "items": {"py": 3}, "n": 2}
