"""What is wrong with a row: the key that nobody knows, the option that there is none of, and what was likely meant."""

from typing import Any

import pytest

from conftest import case
from discreet import Boolean, Count, Distribution, Number, OneOf, Version
from discreet.privacy.declaration import CONVERSIONS, Declaration

NUMBER = "round_to, significant, low, high, buckets, purpose, example, level"
TOLD: list[tuple[object, str]] = [
    ({"number": {"round_to": 10}, "purpos": "hi"}, ": unknown key 'purpos' beside 'number'; did you mean 'purpose'?"),
    ({"purpos": "hi", "one_of": ["a"]}, ": unknown key 'purpos' beside 'one_of'; did you mean 'purpose'?"),
    ({"count": True, "Level": "basic"}, ": unknown key 'Level' beside 'count'; did you mean 'level'?"),
    ({"count": True, "why": "x"}, ": unknown key 'why' beside 'count'; there are purpose, example, level, epsilon"),
    ({"count": True, 5: "x"}, ": unknown key 5 beside 'count'; there are purpose, example, level, epsilon"),
    ({"one_of": "a", "purpos": "hi"}, ": unknown key 'purpos' beside 'one_of'; did you mean 'purpose'?"),
    (
        {"number": True, "round_to": 10},
        ": 'round_to' is an option of number, and stands within it, as in {'number': {'round_to': ...}}",
    ),
    ({"number": {"roundto": 10}}, f": number has no option 'roundto'; it has {NUMBER}; did you mean 'round_to'?"),
    ({"number": {"zzz": 10}, "purpose": "p"}, f": number has no option 'zzz'; it has {NUMBER}"),
    ({"number": {5: 10}}, f": number has no option 5; it has {NUMBER}"),
    ({"number": {"one_of": ["a"]}}, f": number has no option 'one_of'; it has {NUMBER}"),
    ({"number": True, "epsilon": 1}, f": number has no option 'epsilon'; it has {NUMBER}"),
    ({"version": {"low": 1}}, ": version has no option 'low'; it has purpose, example, level"),
    ({"one_of": "x"}, ": one_of takes a list of texts, not 'x'"),
    ({"one_of": "x", "purpose": "p"}, ": one_of takes a list of texts, not 'x'"),
    ({"distribution": "py"}, ": distribution takes a list of texts, not 'py'"),
    ({"one_of": {"choices": ["a"]}}, ": one_of takes a list of texts, not {'choices': ['a']}"),
    ({"number": "ten"}, ": number takes true or a mapping of its options, not 'ten'"),
    ({"number": [1, 2, 3, 4, 5, 6]}, ": number takes true or a mapping of its options, not [1, 2, 3, 4, 5, 6]"),
    ({"count": ["x"]}, ": count takes true, not ['x']"),
    ({"count": False}, ": count takes true, not False"),
    ({"count": {"purpose": "a"}, "purpose": "b"}, ": purpose is given twice: to count, and beside it"),
    ({"boolean": [1], "epsilon": 2}, ": epsilon is given twice: to boolean, and beside it"),
    ({"one_of": ["a"], "count": True}, ": one_of and count are conversions; a row takes only one"),
    ({"oneof": ["a"], "purpose": "p"}, ": 'oneof' is not a conversion; did you mean 'one_of'?"),
    ({"numbr": {"round_to": 10}}, ": 'numbr' is not a conversion; did you mean 'number'?"),
    ({"purpose": "q"}, ": no conversion is given with 'purpose'; it is one of forbid, boolean, "),
    ({"level": "basic", "purpose": "q", "example": 5}, ": no conversion is given with 'level' and 'purpose' and "),
    ("one_of", ": one_of takes a list of texts, as in {'one_of': ['one', 'two']}"),
    ("distribution", ": distribution takes a list of texts, as in {'distribution': ['one', 'two']}"),
    ("nubmer", ": 'nubmer' is not a conversion; there are forbid, boolean, "),
    (Boolean, ": Boolean is a class; write discreet.Boolean()"),
    (OneOf, ": OneOf is a class; write discreet.OneOf(...)"),
    (int, ": a type is not a conversion of this package"),
    (dict, ": a type is not a conversion of this package"),
    (5, ": an int is not a conversion of this package"),
    (5.0, ": a float is not a conversion of this package"),
    ({"a": {"number": {"round_to": 1}, "purpos": "p"}}, ", field 'a': unknown key 'purpos' beside 'number'; did you "),
]


@pytest.mark.parametrize(("spec", "told"), TOLD, ids=case)
def test_what_was_meant(spec: object, told: str) -> None:
    """The sentence begins with the place, and names what is wrong by what was typed."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the text is looked at below
        Declaration({"search": {"f": spec}})
    assert str(caught.value).startswith(f"event 'search', field 'f'{told}")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"purpose": "A search was made."}, True),
        ({"purpose": "A search was made.", "results": "count"}, True),
        ({"sample": 0.1, "results": "count"}, True),
        ({"results": {"purpose": "why", "returned": "count"}}, False),
        ({"example": "x"}, False),
    ],
)
def test_what_is_said_of_an_event_among_its_fields(rows: dict[str, Any], told: bool) -> None:
    """Who writes an event's purpose or its share beside its fields hears where the fields stand then."""
    hint = "; if it describes the event, put the fields beside it, under 'fields'"
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the text is looked at below
        Declaration({"search": rows})
    assert str(caught.value).endswith(hint) is told
    assert Declaration({"search": {"purpose": "boolean", "sample": "number"}}).closed  # fields, as any others
    words = ", ".join(CONVERSIONS)
    with pytest.raises(ValueError, match=f"^fields, field 'purpose': 'why' is not a conversion; there are {words}$"):
        Declaration((), {"purpose": "why"})  # of no event


# Fields that are called like conversions: right, or wrong in one of them, which is named as the field that it is.
FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"count": "count", "number": {"number": True}}, ""),
    ({"count": {"boolean": True}, "size": "number"}, ""),
    ({"one_of": "count"}, ""),
    ({"count": {"boolean": True}, "size": "nubmer"}, ", field 'size': 'nubmer' is not a conversion; there are "),
    ({"count": {"boolean": {"epsilon": 99}}, "size": "number"}, ", field 'count': epsilon must be a number"),
    ({"number": {"round_to": 10}, "size": "count"}, ", field 'number', field 'round_to': an int is not a conversion"),
    ({"counts": {"boolean": True, "purpos": "p"}}, ", field 'counts': unknown key 'purpos' beside 'boolean'"),
    ({"purpose": "count", "level": "nubmer"}, ", field 'level': 'nubmer' is not a conversion; there are "),
    ({"purpose": "count", "level": {"number": True}}, ""),
    ({"counts": "nope"}, ", field 'counts': 'nope' is not a conversion"),
]


@pytest.mark.parametrize(("spec", "told"), FIELDS, ids=case)
def test_fields_that_are_called_like_conversions(spec: dict[str, Any], told: str) -> None:
    """They are fields, and what is wrong with one is no matter of unknown keys."""
    if not told:
        assert set(Declaration({"search": {"f": spec}}).events["search"]["f"]) == set(spec)  # type: ignore[arg-type]  # a mapping
        return
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the text is looked at below
        Declaration({"search": {"f": spec}})
    assert str(caught.value).startswith(f"event 'search', field 'f'{told}")


@pytest.mark.parametrize("word", CONVERSIONS)
def test_the_options_that_it_names(word: str) -> None:
    """Those that it says a conversion has are those that it takes, and all of them."""
    with pytest.raises(ValueError, match=f"{word} (has no option 'zzz'|takes a list of texts)") as caught:
        Declaration(fields={"f": {word: {"zzz": 1}}})
    examples = {"epsilon": 1, "round_to": 1, "significant": 1, "low": 1, "high": 1, "buckets": [1]}
    examples |= {"purpose": "p", "example": 1, "level": "basic"}
    listed = str(caught.value).partition("it has ")[2]
    if word in ("one_of", "distribution"):
        assert not listed
        return
    taken = []
    for option, value in examples.items():
        try:
            CONVERSIONS[word](**{option: value})
            taken.append(option)
        except TypeError:
            continue
    assert sorted(listed.split(", ")) == sorted(taken)


def test_a_deep_mistake_costs_no_more(home: Any) -> None:
    """Each level is looked at once: a row within a row, and so on, is refused as fast as it is deep."""
    spec: dict[str, Any] = {"round_to": 1}
    for _ in range(60):
        spec = {"number": spec, "x": 1}
    with pytest.raises(ValueError, match=r"^fields, field 'f'"):
        Declaration(fields={"f": spec})


def test_what_is_right_asks_nobody(run_python: Any) -> None:
    """A tool whose declaration is right never loads the sentences."""
    program = (
        "import sys, discreet\n"
        "discreet.init('mytool', fields={'a': {'one_of': ['x'], 'purpose': 'p'}, 'b': {'n': 'count'}, 'c': 'hash'})\n"
        "print('discreet.privacy.mistakes' in sys.modules)"
    )
    assert run_python(program).stdout == "False\n"


def test_classes_that_are_conversions() -> None:
    """What is told to write makes a row."""
    for kind in (Boolean, Count, Number, Version):
        assert Declaration(fields={"f": kind()}).fields.keys() == {"f"}
    for kind in (OneOf, Distribution):
        assert Declaration(fields={"f": kind("a")}).fields.keys() == {"f"}
