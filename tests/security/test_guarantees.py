"""The page of guarantees: each names its tests. That these are there is held by test_docs.py."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_no_guarantee_without_a_test() -> None:
    """Every row of a table of guarantees has one."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and line.count(" | ") == 2]
    heads = [line for line in rows if line.endswith("| how | test |")]
    proven = [line for line in rows if "::test_" in line]
    assert len(heads) == 4
    between = PAGE.read_text().partition("## The guarantees")[2].partition("## What is not")[0]
    assert len(proven) == sum(line.startswith("| ") for line in between.splitlines()) - len(heads)
