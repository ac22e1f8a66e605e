"""The page of guarantees: each names tests, and each of these is there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "security.md"
NAMED = sorted(set(re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", PAGE.read_text())))


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_it_is_there(module: str, name: str) -> None:
    """A test that was renamed or taken away is no proof of anything."""
    assert re.search(rf"^def {name}\(", (TESTS / module).read_text(), re.MULTILINE)


def test_no_guarantee_without_a_test() -> None:
    """Every row of a table of guarantees has one."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and line.count(" | ") == 2]
    heads = [line for line in rows if line.endswith("| how | test |")]
    proven = [line for line in rows if "::test_" in line]
    assert len(heads) == 4
    between = PAGE.read_text().partition("## The guarantees")[2].partition("## What is not")[0]
    assert len(proven) == sum(line.startswith("| ") for line in between.splitlines()) - len(heads)
