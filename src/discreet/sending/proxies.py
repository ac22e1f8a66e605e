"""Which proxy is on the way, as the standard library reads the variables and the system's settings.

The rule that keeps it honest: a proxy that is named but cannot be used is an error, never a reason to go without.

A room of its own because it loads `urllib.request`: 50 ms.
"""

import urllib.request

from ..destination import split
from .wire.request import credentials


def proxy(scheme: str, authority: str) -> "tuple[str, int, str] | None":
    """The proxy for `authority` (host:port): its host, its port and the credentials for it or "". None for no proxy.

    `NO_PROXY` and the rest are read as by `urllib.request`; `ALL_PROXY` counts if nothing is named for the scheme, as
    with curl. Raises `ValueError` for a proxy that does not speak plain http: for socks, and for TLS up to the proxy,
    into which the library cannot put the TLS of a tunnel. To speak plainly there instead would show the password.
    """
    found = urllib.request.getproxies()
    url = found.get(scheme) or found.get("all")
    if not url or urllib.request.proxy_bypass(authority):
        return None
    kind, user, host, port, _ = split(url if "://" in url else f"http://{url}")
    if kind != "http":
        raise ValueError("only proxies by plain http are known")
    return host, port, credentials(user) if user else ""
