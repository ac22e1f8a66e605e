"""What the tests of the verbs share."""

from pathlib import Path

import pytest

from cli.hosts import Host


@pytest.fixture
def host(home: Path, tmp_path: Path) -> Host:
    """A host that delivers nowhere yet."""
    return Host(home, tmp_path)
