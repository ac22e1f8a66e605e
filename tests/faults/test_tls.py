"""Whose certificate is believed, and that nothing is sent to anybody else."""

import datetime as dt
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet.sending.http import Trust
from faults.exchanges import SLACK, attempt, seen
from faults.servers import BEHAVIOURS, Authority, serving

Certificate = Callable[[Authority], Any]
YESTERDAY = dt.datetime.now(tz=dt.UTC) - dt.timedelta(days=1)
CERTIFICATES: dict[str, Certificate] = {
    "wrong_name": lambda authority: authority.tls("elsewhere.example"),
    "wrong_address": lambda authority: authority.tls("127.0.0.2"),
    "expired": lambda authority: authority.tls(not_before=YESTERDAY - dt.timedelta(days=9), not_after=YESTERDAY),
    "not_yet": lambda authority: authority.tls(
        not_before=YESTERDAY + dt.timedelta(days=9), not_after=YESTERDAY + dt.timedelta(days=99)
    ),
    "signed_by_itself": lambda authority: authority.tls_signed_by_itself(),
}


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_own_authority(variable: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is believed through any of the variables that name its authority, and without them it is not."""
    with serving(BEHAVIOURS["ok"], authority.tls()) as server:
        assert seen(attempt(server.url)) == (0, "tls", "retry")
        monkeypatch.setenv(variable, authority.bundle)
        assert seen(attempt(server.url)) == (200, "", "delivered")
    assert [request.body for request in server.requests] == [b'{"records":[]}']


@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_directory_of_certificates(
    variable: str, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A variable may name a directory, with the file names that OpenSSL looks for."""
    monkeypatch.setenv(variable, str(tmp_path))
    with serving(BEHAVIOURS["ok"], authority.tls()) as server:
        assert attempt(server.url).error == "tls"
        (tmp_path / f"{_subject_hash(authority.bundle)}.0").write_bytes(Path(authority.bundle).read_bytes())
        assert attempt(server.url).status == 200


def _subject_hash(bundle: str) -> str:
    try:
        asked = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", bundle], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("no openssl program, which alone computes the hash of a subject")
    return asked.stdout.strip()


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_bundle_that_cannot_be_read(
    content: str | None, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bundle that is missing or garbage fails: to go on without it would be to believe somebody else."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", authority.bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with serving(BEHAVIOURS["ok"], authority.tls()) as server:
        assert seen(attempt(server.url)) == (0, "tls", "retry")
    assert server.requests == []


@pytest.mark.parametrize("name", CERTIFICATES)
def test_bad_certificate(name: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate for somebody else, of another day or by nobody: not a byte of the request is sent."""
    trusted = Authority(tmp_path) if name == "signed_by_itself" else authority
    monkeypatch.setenv("SSL_CERT_FILE", trusted.bundle)
    with serving(BEHAVIOURS["ok"], CERTIFICATES[name](authority)) as server:
        assert seen(attempt(server.url)) == (0, "tls", "retry")
    assert server.requests == []


def test_tls_spoken_to_a_plain_server() -> None:
    """A server of plain http on the port of https gets no request out of us."""
    with serving(lambda visit: (visit.socket.recv(5), visit.send(b"HTTP/1.1 400 Bad\r\n\r\n"))) as server:
        assert seen(attempt(server.url.replace("http", "https"))) == (0, "tls", "retry")


def test_plain_http_spoken_to_a_tls_server(authority: Authority) -> None:
    """The other way round it is no answer of HTTP."""
    with serving(BEHAVIOURS["ok"], authority.tls()) as server:
        outcome = attempt(server.url.replace("https", "http"))
    assert (outcome.status, outcome.verdict) == (0, "retry")


def test_tls_server_that_never_shakes_hands() -> None:
    """A handshake ends with the phase of the connection."""
    with serving(BEHAVIOURS["deaf"]) as server:
        outcome = attempt(server.url.replace("http", "https"), timeout=0.5, seconds=20.0)
    assert seen(outcome) == (0, "timeout", "retry")
    assert outcome.seconds < 0.5 + SLACK


def test_certificates_are_read_once(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hands in its `Trust` pays for the certificates once."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.bundle)
    trust = Trust()
    with serving(BEHAVIOURS["ok"], authority.tls()) as server:
        assert attempt(server.url, trust=trust).status == 200
        monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
        assert attempt(server.url, trust=trust).status == 200
        assert attempt(server.url).error == "tls"
