"""Hosts and children before servers of every bad kind: the host ends as without telemetry, nothing is lost, the child
is gone in time, and what it leaves behind is what the table of statuses says.

All rows of the table are run at once, before the first test looks at any of them.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from faults.servers import BEHAVIOURS, Authority, Behaviour, Server, answering, in_turn, refusing, serving
from process.hosts import Hosts, arrived, same

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")

LIFETIME = 30.0  # seconds that a child has
HOUR, DAY = 3_600.0, 86_400.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
TIMEOUT = 0.4  # of one phase of an exchange: short, so that those who never answer are tried several times

Opened = contextlib.AbstractContextManager[Server]


class Row(NamedTuple):
    """A server, and what is to come of it: "retry", "day" (silent for a day), "hold", "skip" or "delivered"."""

    open: Callable[[Authority], Opened]
    follows: str
    url: str = ""  # where it is not the server's own


def plain(behave: Behaviour) -> Callable[[Authority], Opened]:
    """A server without TLS."""
    return lambda _: serving(behave)


HOSTILE = {
    "refuses": Row(lambda _: refusing(), "retry"),
    "never answers": Row(plain(BEHAVIOURS["silent"]), "retry"),
    "never reads": Row(plain(BEHAVIOURS["deaf"]), "retry"),
    "drips a status line": Row(plain(BEHAVIOURS["drips_status"]), "retry"),
    "drips a header": Row(plain(BEHAVIOURS["drips_head"]), "retry"),
    "closes at once": Row(plain(BEHAVIOURS["closes"]), "retry"),
    "resets": Row(plain(BEHAVIOURS["resets_after_request"]), "retry"),
    "500": Row(plain(answering(500)), "retry"),
    "429 with a huge Retry-After": Row(plain(answering(429, {"Retry-After": "9" * 5000})), "day"),
    "503 with a date far off": Row(plain(answering(503, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"})), "day"),
    "a redirect": Row(plain(answering(301, {"Location": "https://elsewhere.invalid/"})), "hold"),
    "401": Row(plain(answering(401)), "hold"),
    "400": Row(plain(answering(400)), "skip"),
    "413 for a single record": Row(plain(BEHAVIOURS["early_413"]), "skip"),
    "200 with garbage": Row(plain(BEHAVIOURS["ok_garbage_body"]), "delivered"),
    "a body of a gigabyte": Row(plain(BEHAVIOURS["ok_gigabyte"]), "delivered"),
    "no HTTP": Row(plain(BEHAVIOURS["other_protocol"]), "retry"),
    "an endless head": Row(plain(BEHAVIOURS["endless_head"]), "retry"),
    "an endless line": Row(plain(BEHAVIOURS["endless_line"]), "retry"),
    "TLS": Row(lambda authority: serving(BEHAVIOURS["ok"], authority.tls()), "delivered"),
    "TLS with a wrong name": Row(lambda authority: serving(BEHAVIOURS["ok"], authority.tls("other.example")), "retry"),
    "plain where TLS should be": Row(
        plain(BEHAVIOURS["other_protocol"]), "retry", url="https://127.0.0.1:{server.port}/t"
    ),
    "a name that nobody has": Row(lambda _: refusing(), "retry", url="https://nowhere.invalid/t"),
}


class Seen(NamedTuple):
    """What came of a row."""

    untouched: bool  # the host ended as it does without telemetry
    host_seconds: float
    child_seconds: float  # from the end of the host to that of the child; more than the lifetime for never
    logged: int
    place: dict[str, Any]
    receipts: list[dict[str, Any]]
    requests: int


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """All rows, run at once."""
    scratch = tmp_path_factory.mktemp("hostile")
    authority = Authority(scratch)
    began: dict[str, tuple[Hosts, Server, bool, float, float]] = {}
    with contextlib.ExitStack() as stack:
        for number, (name, row) in enumerate(HOSTILE.items()):
            (scratch / str(number)).mkdir()
            hosts = Hosts(scratch / str(number))
            stack.callback(hosts.kill)
            server = stack.enter_context(row.open(authority))
            script = hosts.program(row.url.format(server=server) or server.url, timeout=TIMEOUT)
            bare = hosts.bare()
            start = time.monotonic()
            result = hosts.run(script, env={"SSL_CERT_FILE": authority.bundle})
            end = time.monotonic()
            began[name] = hosts, server, same(result, bare), end - start, end
        gone: dict[str, float] = {}
        while len(gone) < len(began) and time.monotonic() < max(one[-1] for one in began.values()) + LIFETIME + 5:
            for name, (hosts, *_, end) in began.items():
                if name not in gone and not hosts.children():
                    gone[name] = time.monotonic() - end
            time.sleep(0.05)
    return {
        name: Seen(
            untouched,
            spent,
            gone.get(name, 2 * LIFETIME),
            len(hosts.logged()),
            hosts.place(),
            list(receipts(hosts)),
            server.visits,
        )
        for name, (hosts, server, untouched, spent, _) in began.items()
    }


def receipts(hosts: Hosts) -> Iterator[dict[str, Any]]:
    """What the user is told of what left."""
    path = hosts.directory / "receipts.jsonl"
    return map(json.loads, path.read_bytes().splitlines() if path.exists() else ())


@pytest.mark.parametrize("name", HOSTILE)
def test_the_host_feels_nothing(name: str, table: dict[str, Seen]) -> None:
    """Status, stdout and stderr are those of the program without telemetry; the event is on the log; the host does not
    wait, and its child is gone within its lifetime.
    """
    seen = table[name]
    assert seen.untouched
    assert seen.logged == 1
    assert seen.host_seconds < 10  # a hang's bound: benchmarks measure the cost
    assert seen.child_seconds < LIFETIME


@pytest.mark.parametrize("name", HOSTILE)
def test_what_follows(name: str, table: dict[str, Seen]) -> None:
    """Delivered and passed over leave a receipt; a failure is put off longer each time; a refusal waits for a day."""
    seen, place = table[name], table[name].place
    put_off = place["wake"] - place["attempt"]
    follows = HOSTILE[name].follows
    verdicts = [receipt["verdict"] for receipt in seen.receipts]
    assert verdicts == ([follows] if follows in ("delivered", "skip") else [])
    assert place["held"] is (follows == "hold")
    assert place["attempt"] > 0
    if follows == "retry":
        assert place["failures"] >= 2
        assert put_off >= 0.25 * 2 ** (place["failures"] - 1) - 0.01
    elif follows == "day":
        assert place["failures"] == 1
        assert DAY - HOUR < put_off <= DAY + HOUR
    elif follows == "hold":
        assert DAY - HOUR < put_off <= DAY + HOUR
        assert seen.requests == 1
    else:
        assert (place["failures"], place["wake"]) == (0, 0)
        assert seen.requests == 1


def test_no_redirect_is_followed(tmp_path: Path) -> None:
    """Where a server sends us somewhere else, somewhere else hears nothing."""
    hosts = Hosts(tmp_path)
    with serving(BEHAVIOURS["ok"]) as elsewhere, serving(answering(307, {"Location": elsewhere.url})) as server:
        hosts.run(hosts.program(server.url))
        server.wait(1)
        hosts.wait_for_the_end()
        assert (server.visits, elsewhere.visits) == (1, 0)


@pytest.mark.parametrize("name", ["silent", "closes", "drips_head", "other_protocol", "500"])
def test_it_arrives_once_the_server_is_well(hosts: Hosts, name: str) -> None:
    """A server that is bad once: the event arrives at the next attempt, which the same child makes, and once."""
    bad = answering(500) if name == "500" else BEHAVIOURS[name]
    good: list[Any] = []
    with serving(in_turn(bad, lambda visit: (good.append(visit.read()), visit.send(OK)))) as server:
        assert same(hosts.run(hosts.program(server.url, timeout=TIMEOUT)), hosts.bare())
        hosts.wait_for_the_end()
        assert server.visits == 2
        assert arrived(good) == hosts.logged()
    assert [receipt["status"] for receipt in receipts(hosts)] == [200]
