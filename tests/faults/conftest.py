"""Tests of the network get one without proxies and without anybody's own certificates."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.servers import Authority

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, and nobody else's certificates."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in VARIABLES:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the machine does not trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def directory(home: Path) -> Path:
    """The data directory of `mytool`."""
    path = home / ".mytool" / "telemetry"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def environment() -> dict[str, str]:
    """For child processes: this one's, which is clean already, without the traces of pytest."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tell how large a campaign was, in what `--junitxml` writes."""
    return lambda text: request.node.user_properties.append(("figures", text))
