"""The spelling of a conversion: one line, complete, canonical, and read back exactly."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import discreet
from discreet import Count, Distribution, Number, OneOf
from discreet.privacy import spelled
from discreet.privacy.declaration import CONVERSIONS, Declaration
from privacy.rows import CASES, Case

TEXTS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=8)
    | st.sampled_from(['"', "\\", '\\"', '" "', "x=1", "@enhanced", "\\\\", "a b"]),
    min_size=1,
    max_size=6,
)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-(2**53), 2**53, allow_nan=False)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_spelled(case: Case) -> None:
    """Each conversion has its line, which is printable and of one line, and read back it is the same."""
    line = spelled.spelled(case.row)
    assert line == case.spelled
    assert line.isprintable()
    assert str(spelled.read(line)) == line


def test_no_conversion_is_missing() -> None:
    """Every word that an author can write has a case."""
    assert {case.row.word for case in CASES.values()} >= set(CONVERSIONS)


@given(TEXTS)
def test_any_texts(texts: list[str]) -> None:
    """Whatever is in declared texts, they come back one by one, in whatever order they were declared."""
    texts = [text for text in texts if text.isprintable()] or ["a"]
    line = spelled.spelled(OneOf(*texts))
    assert spelled.read(line).texts == tuple(sorted(set(texts)))
    assert spelled.spelled(OneOf(*reversed(texts))) == line


@given(st.lists(NUMBERS, min_size=2, max_size=5, unique=True), st.sampled_from(["basic", "enhanced"]))
def test_any_numbers(numbers: list[float], level: str) -> None:
    """Every bound and bucket comes back with its type, and the level with them."""
    edges = tuple(sorted(numbers))
    found = spelled.read(spelled.spelled(Number(low=edges[0], high=edges[-1], buckets=edges, level=level)))
    assert found.options == {"low": edges[0], "high": edges[-1], "buckets": edges}
    assert [type(edge) for edge in found.options["buckets"]] == [type(edge) for edge in edges]
    assert (found.word, found.texts, found.level) == ("number", (), level)


def test_purpose_and_example_say_nothing() -> None:
    """What does not decide what leaves is not in the line."""
    assert spelled.spelled(Count(purpose="why", example=3)) == spelled.spelled(Count()) == "count"


@pytest.mark.parametrize(
    "line",
    [
        "", " ", "raw", "Count", "count ", " count", "count  @enhanced", "count @basic", "count @high",
        "count enhanced", "count @enhanced @enhanced", 'count "a"', "count x=1", "one_of", "distribution",
        'one_of "b" "a"', 'one_of "a" "a"', 'one_of "a"x', 'one_of "a', 'one_of "a\\', 'one_of "\\a"', "one_of a",
        'one_of "a" round_to=1', "number round_to=", "number round_to=1_0", "number round_to=+1", "number low=0 ",
        "number round_to=1e1", "number round_to=nan", "number low=inf", "number low=--1", "number low=0 round_to=1",
        "number low=0 low=1", "number buckets=", "number buckets=0,", "number buckets=0, 1", "number round_to=ten",
        "number @enhanced low=0", "number low=0\n",
    ],
)  # fmt: skip
def test_what_is_no_spelling(line: str) -> None:
    """A line that the package would not have written is refused, without being shown."""
    with pytest.raises(ValueError, match=r"^not the spelling of a conversion$"):
        spelled.read(line)


def test_fields() -> None:
    """The fields of an event, those within a field by a path that no name of a field can be."""
    rows = {"results": {"returned": "count", "candidates": "count"}, "results.returned": "boolean"}
    declared = Declaration({"search": rows}).events["search"]
    assert {path: spelled.spelled(row) for path, row in spelled.fields(declared)} == {
        "results/returned": "count",
        "results/candidates": "count",
        "results.returned": "boolean",
    }


def test_it_is_light() -> None:
    """A line can be read with the package's first rooms alone, and no module of the standard library."""
    program = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1])\n"
        "from discreet.privacy import spelled; spelled.read('count')\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(Path(discreet.__file__).parent.parent)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    ours = {"discreet", "discreet.names", "discreet.telemetry", "discreet.privacy", "discreet.privacy.spelled"}
    assert {name for name in found if name.startswith("discreet")} == ours
    assert not {"json", "re", "typing", "enum", "functools", "collections"} & set(found)


def test_weaker_shows() -> None:
    """Whatever lets more out is another line."""
    rows = [
        Number(round_to=10),
        Number(round_to=1),
        Number(),
        Number(high=5),
        Distribution("a"),
        Distribution("a", "b"),
    ]
    assert len({spelled.spelled(row) for row in rows}) == len(rows)
