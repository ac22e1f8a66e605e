"""The examples: always something that the conversion could record."""

import pytest

from discreet import Aggregate, Boolean, Count, Distribution, Forbidden, Hash, Number, OneOf, TextCount, Version
from discreet.privacy.accept import produces
from discreet.privacy.conversions import Conversion
from discreet.privacy.examples import example
from privacy.rows import CASES, Case


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_example_of_our_own(case: Case) -> None:
    """Where the author gave none there is one, and the row could record it; nothing for what records nothing."""
    found = example(case.row)
    assert (found, type(found)) == (case.example, type(case.example))
    assert found is None or produces(case.row, found)


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (Number(round_to=10, example=140), 140),
        (Number(round_to=10, example=143), 140),  # the value before its conversion: shown is what it becomes
        (TextCount(example="how does login work"), 19),
        (Count(example=["a.py", "b.py"]), 2),
        (Count(example=7), 7),
        (Boolean(example="proxy.example.org"), True),
        (OneOf("json", "table", example="table"), "table"),
        (OneOf("json", "table", example="yaml"), "other"),
        (Distribution("py", "js", example=["py", "secret"]), {"py": 1, "other": 1}),
        (Distribution("py", "js", example={"js": 3}), {"js": 3}),
        (Aggregate(example=(1, 2)), 3),
        (Version(example="4.5"), "4.5"),
        (Version(example="10.0.0.1"), "3.11.7"),
        (Hash(example="/home/ada/secret"), "0fd53f1e62cbe0f5"),
        (Hash(example="00000000ffffffff"), "00000000ffffffff"),
        (Forbidden(example="secret"), None),
        (Number(example="many"), 42),
        (Number(example=float("nan")), 42),
        (Number(low=2**53, example=None), 2**53),
        (TextCount(example=object()), 19),
    ],
)
def test_the_author_s_example(row: Conversion, shown: object) -> None:
    """The author's example is shown as it would be recorded; one that could not be is replaced by ours."""
    found = example(row)
    assert (found, type(found)) == (shown, type(shown))


def test_no_code_of_the_author_is_run() -> None:
    """An example that is an object of the author's is not asked for anything."""

    class Asked:
        def __len__(self) -> int:
            raise AssertionError

        __bool__ = __len__

    assert example(Count(example=Asked())) == 3
    assert example(Boolean(example=Asked())) is True
