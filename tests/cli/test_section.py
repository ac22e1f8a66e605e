"""The section between the markers: found where it stands, and replaced without touching anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.cli.section import BEGIN, END, Section

PAGE = f"# mytool\n\nText.\n\n## Telemetry\n\n{BEGIN}\nold\n{END}\n\n## Later\n"


def test_found_and_renewed() -> None:
    """What stands between the markers is found, and replaced; the rest is what it was."""
    section = Section(PAGE)
    assert section.content == "old\n"
    assert section.renewed("new\nlines\n") == PAGE.replace("old\n", "new\nlines\n")
    assert section.renewed(section.content) == PAGE


@given(st.text("ab#=-`~ \t\r\n\x0b\x0c\u2028é"), st.text("ab#`~ \r\n\x85"))
def test_nothing_else_is_touched(before: str, after: str) -> None:
    """Whatever stands around the markers stays, to the last control character; else the section is refused."""
    page = f"{before}\n{BEGIN}\nold\n{END}\n{after}"
    try:
        section = Section(page)
    except ValueError:
        assert "```" in before or "~~~" in before  # the marker stands within a block of code
        return
    assert section.renewed("new\n") == f"{before}\n{BEGIN}\nnew\n{END}\n{after}"


@pytest.mark.parametrize(
    ("above", "level"),
    [
        ("", 2),
        ("text\n", 2),
        ("# A\n", 2),
        ("## A\n", 3),
        ("# A\n## B\n\ntext\n", 3),
        ("## A\n# B\n", 2),
        ("###### A\n", 6),
        ("A\n===\n", 2),
        ("A\n---\n", 3),
        ("   ### A\n", 4),
        ("    ### A\n", 2),  # code
        ("####### A\n", 2),  # seven are none
        ("#A\n", 2),
        ("#\n", 2),
        ("### A ###\r\n", 4),
        ("\n---\n", 2),  # a line across the page
        ("# A\n---\n", 2),  # so is this
        ("A\n===\n---\n", 2),
        ("# A\n```\ntext\n```\n---\n", 2),
        ("# A\ntext\n--- and more\n", 2),
        ("# A\n```sh\n### a comment\n```\n", 2),
        ("# A\n~~~~\n~~~\n### a comment\n~~~~\n", 2),
        ("# A\n```\n### a\n``` no end\n### b\n```\n## B\n", 3),
        ("# A\n``` `in line` ```\n### B\n", 4),  # no fence
    ],
)
def test_the_level(above: str, level: int) -> None:
    """Its headings are a level below the heading that it stands under; what only looks like one is none."""
    assert Section(f"{above}{BEGIN}\n{END}\n# Below\n").level == level


@pytest.mark.parametrize(
    "marker", [f"{BEGIN}\r", f"  {BEGIN}", f"{BEGIN}  ", f"{BEGIN}"], ids=["CR LF", "indented", "blanks", "plain"]
)
def test_what_is_a_marker(marker: str) -> None:
    """A marker stands alone on its line; blanks around it do not matter."""
    assert Section(f"# A\n{marker}\nold\n{END}").content == "old\n"


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ("", f"there is no line `{BEGIN}`"),
        ("# A\n", f"there is no line `{BEGIN}`"),
        (f"{BEGIN}\n", f"there is no line `{END}`"),
        (f"{END}\n", f"there is no line `{BEGIN}`"),
        (f"{END}\n{BEGIN}\n", "the end stands before the beginning"),
        (f"{BEGIN}\n{BEGIN}\n{END}\n", f"the line `{BEGIN}` is there 2 times"),
        (f"{BEGIN}\n{END}\n{END}\n", f"the line `{END}` is there 2 times"),
        (f"see {BEGIN}\n{END}\n", f"there is no line `{BEGIN}`"),
        (f"    {BEGIN}\n{END}\n", f"there is no line `{BEGIN}`"),
        (f"\t{BEGIN}\n{END}\n", f"there is no line `{BEGIN}`"),
        (f"```\n{BEGIN}\n{END}\n```\n", f"there is no line `{BEGIN}`"),
        (f"{BEGIN}{END}\n", f"there is no line `{BEGIN}`"),
        (f"{BEGIN.upper()}\n{END}\n", f"there is no line `{BEGIN}`"),
    ],
)
def test_what_is_none(page: str, why: str) -> None:
    """Where it is not plain what is to be replaced, nothing is: a sentence says why."""
    with pytest.raises(ValueError, match=r"line|end") as caught:
        Section(page)
    assert str(caught.value) == why


def test_an_example_beside_it() -> None:
    """A page may show the markers in a block of code, and have its own section all the same."""
    page = f"```text\n{BEGIN}\n{END}\n```\n\n{BEGIN}\nold\n{END}\n"
    assert Section(page).content == "old\n"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_line_ends(line_end: str) -> None:
    """The section is written in the line ends of its first marker, and read with either."""
    page = PAGE.replace("\n", line_end)
    section = Section(page)
    assert section.content == "old\n"
    assert section.renewed("new\nlines\n") == PAGE.replace("old\n", "new\nlines\n").replace("\n", line_end)


def test_no_line_end_at_the_end() -> None:
    """A file that ends with its last marker stays without a newline."""
    assert Section(f"{BEGIN}\n{END}").renewed("new\n") == f"{BEGIN}\nnew\n{END}"
