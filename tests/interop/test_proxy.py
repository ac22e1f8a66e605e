"""mitmproxy in the way: through it or past it as the variables say, and nobody is shown its password."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from faults.servers import BEHAVIOURS, serving
from interop.authority import Authority
from interop.mitmproxy import Proxy
from interop.nginx import Nginx
from interop.peers import Recorder
from interop.tool import Tool, check_arrived_once

USER, PASSWORD = "employee", "P@ss/Wörd#7"
LOGIN = f"{quote(USER)}:{quote(PASSWORD, safe='')}"
ASKING = ("--proxyauth", f"{USER}:{PASSWORD}")
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
AT_ONCE: dict[str, Any] = {"batch_size": 1, "batch_interval": 0}

Start = Callable[..., Proxy]
Make = Callable[..., Tool]


@pytest.fixture
def server(nginx: Nginx, recorder: Recorder) -> Nginx:
    """A server with TLS and a certificate that only the proxy is told to believe; it passes on to the recorder."""
    nginx.start(f"proxy_pass {recorder.url};")
    return nginx


@pytest.fixture
def believing(authority: Authority) -> tuple[str, str]:
    """The option of a proxy that believes the server's authority."""
    return "--set", f"ssl_verify_upstream_trusted_ca={authority.bundle}"


def check_secrets_are_kept(tool: Tool) -> None:
    """No verb says the password, in any form, and no file holds it."""
    for arguments in (
        ["status"],
        ["status", "--json"],
        ["explain"],
        ["sent"],
        ["preview"],
        ["preview", "--wire"],
        ["report"],
        ["flush"],
    ):
        done = tool.run(*arguments)
        assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr], arguments
    files = [file for file in tool.hosts.home.rglob("*") if file.is_file()]
    assert {"usage.jsonl", "delivery.json"} <= {file.name for file in files}
    for file in files:
        assert not [secret for secret in SECRETS if secret.encode() in file.read_bytes()], file


@pytest.mark.parametrize("login", ["", LOGIN + "@"])
def test_https_through_a_tunnel(
    *,
    login: str,
    tmp_path: Path,
    server: Nginx,
    recorder: Recorder,
    proxy: Start,
    believing: tuple[str, str],
) -> None:
    """A proxy that opens TLS with an authority of its own: the detached child believes it where the user's variable
    names that authority, and every record arrives once.
    """
    between = proxy(*believing, *(ASKING if login else ()))
    tool = Tool(tmp_path, server.url, **AT_ONCE)
    tool.environment |= {"HTTPS_PROXY": f"http://{login}{between.place}", "SSL_CERT_FILE": str(between.bundle)}
    tool.work()
    tool.hosts.wait_for_the_end()
    check_arrived_once(tool, recorder)
    assert len(recorder.received) == 1
    assert f"POST {server.url}" in between.seen()
    assert server.seen() == ["POST /t 200"]
    check_secrets_are_kept(tool)


def test_https_without_its_authority(
    *, tmp_path: Path, server: Nginx, recorder: Recorder, proxy: Start, believing: tuple[str, str], authority: Authority
) -> None:
    """Who is not told to believe the proxy's authority sends nothing through it, though the server's own is believed;
    nothing is lost.
    """
    between = proxy(*believing)
    tool = Tool(tmp_path, server.url)
    tool.environment |= {"https_proxy": f"http://{between.place}", "SSL_CERT_FILE": str(authority.bundle)}
    tool.work()
    assert tool.flush() == ["3 records, failed (tls): retry"]
    assert (recorder.received, server.seen()) == ([], [])
    tool.environment["SSL_CERT_FILE"] = str(between.bundle)
    assert tool.flush() == ["3 records, 200: delivered"]
    check_arrived_once(tool, recorder)


def test_a_server_that_the_proxy_does_not_believe(
    tmp_path: Path, server: Nginx, recorder: Recorder, proxy: Start
) -> None:
    """The proxy answers in the server's place that it will not go on: tried again later, and nothing is lost."""
    between = proxy()
    tool = Tool(tmp_path, server.url)
    tool.environment |= {"https_proxy": f"http://{between.place}", "SSL_CERT_FILE": str(between.bundle)}
    tool.work()
    (said,) = tool.flush()
    assert said.endswith(": retry")
    assert (recorder.received, tool.receipts()) == ([], [])


@pytest.mark.parametrize("login", ["", LOGIN + "@"])
def test_plain_http(login: str, tmp_path: Path, recorder: Recorder, proxy: Start) -> None:
    """A proxy is asked for the whole URL, and passes on no word of its user."""
    between = proxy(*(ASKING if login else ()))
    tool = Tool(tmp_path, f"{recorder.url}/t", **AT_ONCE)
    tool.environment["http_proxy"] = f"http://{login}{between.place}"
    tool.work()
    tool.hosts.wait_for_the_end()
    check_arrived_once(tool, recorder)
    assert f"POST {recorder.url}/t" in between.seen()
    assert "proxy-authorization" not in recorder.received[0].headers
    check_secrets_are_kept(tool)


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "localhost,127.0.0.1", "*"])
def test_past_the_proxy(no_proxy: str, tmp_path: Path, recorder: Recorder, proxy: Start) -> None:
    """`NO_PROXY` names hosts that are reached straight."""
    between = proxy()
    tool = Tool(tmp_path, f"{recorder.url}/t", **AT_ONCE)
    tool.environment |= {"http_proxy": f"http://{between.place}", "NO_PROXY": no_proxy}
    tool.work()
    tool.hosts.wait_for_the_end()
    check_arrived_once(tool, recorder)
    assert between.seen() == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_to_know_who_asks(
    *, scheme: str, tmp_path: Path, server: Nginx, recorder: Recorder, proxy: Start, believing: tuple[str, str]
) -> None:
    """Without user and password, or with wrong ones, 407 holds the destination; with them all arrives, once."""
    between = proxy(*believing, *ASKING)
    tool = Tool(tmp_path, server.url if scheme == "https" else f"{recorder.url}/t")
    tool.environment["SSL_CERT_FILE"] = str(between.bundle)
    tool.work()
    for login in ("", f"{USER}:guess@", f"{USER}@"):
        tool.environment[f"{scheme}_proxy"] = f"http://{login}{between.place}"
        assert tool.flush() == ["3 records, 407: hold"]
        assert (tool.place()["held"], recorder.received, tool.receipts()) == (True, [], [])
    tool.environment[f"{scheme}_proxy"] = f"http://{LOGIN}@{between.place}"
    check_secrets_are_kept(tool)  # among the verbs is `flush`
    check_arrived_once(tool, recorder)
    assert len(recorder.received) == 1


def test_arguments_hold_no_password(tmp_path: Path, proxy: Start) -> None:
    """What other users may read of a child that talks to the proxy, its arguments, has no word of it."""
    between = proxy(*ASKING)
    with serving(BEHAVIOURS["silent"]) as silent:
        tool = Tool(tmp_path, silent.url, **AT_ONCE, timeout=300)
        tool.environment["http_proxy"] = f"http://{LOGIN}@{between.place}"
        tool.work()
        assert silent.wait(1)
        arguments = Path(f"/proc/{tool.hosts.child()}/cmdline").read_text()
        tool.hosts.kill()
    assert arguments.split("\0")[1:-1] == ["-I", "-S", str(tool.hosts.library / "discreet" / "sending" / "child.py")]


def test_a_proxy_that_went_away(tmp_path: Path, recorder: Recorder, proxy: Start) -> None:
    """While the proxy is gone nothing goes straight; the records wait for it."""
    tool = Tool(tmp_path, f"{recorder.url}/t")
    tool.environment["http_proxy"] = "http://127.0.0.1:1"
    tool.work()
    assert tool.flush() == ["3 records, failed (proxy): retry"]
    assert recorder.received == []
    tool.environment["http_proxy"] = f"http://{proxy().place}"
    assert tool.flush() == ["3 records, 200: delivered"]
    check_arrived_once(tool, recorder)
