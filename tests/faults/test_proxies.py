"""Which way a request takes, and that a proxy gets to see no more than it must, and judges nothing."""

import pytest

from faults.exchanges import IMPATIENT, SECRET, attempt, seen
from faults.servers import BEHAVIOURS, Authority, answering, forwarding, refusing, serving

ME = "Basic bWU6cEBzcw=="  # me:p@ss


def test_proxy_for_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is told the whole URL, and the name is never looked up here."""
    with serving(BEHAVIOURS["ok"]) as server, serving(forwarding(server)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.origin)
        assert seen(attempt("http://telemetry.invalid:8080/t?a=b"))[0] == 200
    assert proxy.requests[0].target == "http://telemetry.invalid:8080/t?a=b"
    assert server.requests[0].headers["host"] == "telemetry.invalid:8080"
    assert server.requests[0].body == b'{"records":[]}'


def test_proxy_for_https(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tunnel: the proxy sees a name and a port, and the certificate must be that of the name."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.bundle)
    with serving(BEHAVIOURS["ok"], authority.tls("telemetry.invalid")) as server, serving(forwarding(server)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")  # without a scheme, as many write it
        outcome = attempt("https://telemetry.invalid/t", headers={"Authorization": SECRET})
        assert seen(outcome) == (200, "", "delivered")
        assert attempt("https://other.invalid/t").error == "tls"
    assert proxy.requests[0].head == b"CONNECT telemetry.invalid:443 HTTP/1.1\r\nHost: telemetry.invalid:443"
    assert [request.headers["host"] for request in server.requests] == ["telemetry.invalid"]
    assert server.requests[0].headers["authorization"] == SECRET


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_with_a_user(scheme: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """User and password go to the proxy alone; without them, or with others, 407 holds the destination."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.bundle)
    tls = authority.tls("telemetry.invalid") if scheme == "https" else None
    with serving(BEHAVIOURS["ok"], tls) as server, serving(forwarding(server, ME)) as proxy:
        results = []
        for user in ("me:p%40ss@", "", "me:wrong@", "me@"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://{user}127.0.0.1:{proxy.port}")
            results.append(seen(attempt(f"{scheme}://telemetry.invalid/t")))
    assert results == [(200, "", "delivered"), *[(407, "proxy", "hold")] * 3]
    sent = [request.headers.get("proxy-authorization") for request in proxy.requests]
    assert sent == [ME, None, "Basic bWU6d3Jvbmc=", "Basic bWU6"]
    assert len(server.requests) == 1
    if scheme == "https":
        assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("variables", "visits"),
    [
        ({"http_proxy": "PROXY"}, 1),
        ({"HTTP_PROXY": "PROXY"}, 1),
        ({"all_proxy": "PROXY"}, 1),
        ({"https_proxy": "PROXY"}, 0),
        ({"http_proxy": "PROXY", "no_proxy": "127.0.0.1"}, 0),
        ({"http_proxy": "PROXY", "NO_PROXY": "localhost, 127.0.0.1"}, 0),
        ({"http_proxy": "PROXY", "NO_PROXY": "*"}, 0),
        ({"http_proxy": "PROXY", "no_proxy": "127.0.0.1:PORT"}, 0),
        ({"http_proxy": "PROXY", "no_proxy": "127.0.0.1:1"}, 1),
        ({"http_proxy": "PROXY", "no_proxy": "example.org"}, 1),
        ({"HTTP_PROXY": "PROXY", "REQUEST_METHOD": "GET"}, 0),  # in a CGI script it is a header of the visitor's
        ({"http_proxy": ""}, 0),
        ({"http_proxy": "", "HTTP_PROXY": "PROXY"}, 0),
        ({"no_proxy": "*"}, 0),
    ],
)
def test_variables_of_proxies(variables: dict[str, str], visits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables mean what they mean to `urllib.request`, for loopback too."""
    with serving(BEHAVIOURS["ok"]) as server, serving(forwarding(server)) as proxy:
        for name, value in variables.items():
            monkeypatch.setenv(name, value.replace("PROXY", proxy.origin).replace("PORT", str(server.port)))
        assert attempt(server.url).status == 200
        assert (proxy.visits, len(server.requests)) == (visits, 1)


@pytest.mark.parametrize(
    "url",
    ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://127.0.0.1:99999", "http://a b"],
)
def test_proxy_that_cannot_be_used(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names a proxy wants no other way: one that cannot be spoken to is no reason to go straight."""
    with serving(BEHAVIOURS["ok"]) as server:
        for variable in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(variable, url)
            assert seen(attempt(server.url)) == (0, "proxy", "retry")
            monkeypatch.delenv(variable)
        assert server.visits == 0


@pytest.mark.parametrize(
    "name", ["silent", "deaf", "closes", "resets", "drips_head", "endless_head", "floods_100", "other_protocol"]
)
def test_hostile_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is as bounded as a server."""
    with serving(BEHAVIOURS[name]) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin)
        assert seen(attempt("https://telemetry.invalid/t", **IMPATIENT)) == (0, "proxy", "retry")


@pytest.mark.parametrize("status", [200, 301, 400, 403, 413, 422, 502])
def test_what_a_proxy_refuses(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy without a tunnel judges nothing of the destination's: nothing is skipped, halved or followed."""
    with serving(answering(status, {"Location": "http://127.0.0.1:1/"}, b"chatter")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin)
        assert seen(attempt("https://telemetry.invalid/t")) == (0, "proxy", "retry")


def test_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses connections is named as what is wrong."""
    with refusing() as proxy:
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", proxy.origin)
            assert seen(attempt(f"{scheme}://telemetry.invalid/t")) == (0, "proxy", "retry")
