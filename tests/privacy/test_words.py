"""The words of a conversion: one sentence or two that name every parameter."""

import pytest

from discreet import Number, OneOf
from discreet.privacy import words
from privacy.rows import CASES, Case


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_words(case: Case) -> None:
    """Each conversion says what it records, in one line of whole sentences."""
    said = words.words(case.row)
    assert said == case.words
    assert said.isprintable()
    assert said[0].isupper() or said[0].isdigit()
    assert said.endswith(".")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_parameter_is_named(case: Case) -> None:
    """Every declared text and every number of the line that spells a row is in its words, too."""
    from discreet.privacy.spelled import read

    found = read(case.spelled)
    said = words.words(case.row)
    for text in found.texts:
        assert words.code(text) in said
    for value in found.options.values():
        for number in value if isinstance(value, tuple) else (value,):
            assert str(number).replace("powers_of_two", "1, 2, 4, 8") in said


def test_in_the_order_of_the_author() -> None:
    """Texts stand as they were declared: small before large means something to a reader."""
    assert "`small`, `medium`, `large`" in words.words(OneOf("small", "medium", "large"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("json", "`json`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("``", "``` `` ```"),
        (" a", "`  a `"),
        ("a|b", "`a|b`"),
        ("<b>", "`<b>`"),
    ],
)
def test_code(text: str, shown: str) -> None:
    """Whatever is in a text, as code it stays a text."""
    assert words.code(text) == shown


def test_rounding_is_shown() -> None:
    """What rounding to digits does is shown on a number, computed by the conversion's own arithmetic."""
    for digits in range(1, 6):
        assert f"({12345} becomes {Number(significant=digits).convert(12345)})" in words.words(
            Number(significant=digits)
        )
