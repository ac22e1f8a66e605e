"""Feature flags of real commands: a child asks for them, and the next run has them."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from discreet.sending import flags
from faults.servers import BEHAVIOURS, Server, Visit, refusing, serving
from process.hosts import Hosts, same, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")

SAYS = b'{"flags":{"ranking":{"key":"ranking","enabled":true,"variant":"test"}},"errorsWhileComputingFlags":false}'
LOOKS = "with open({out!r}, 'a') as out:\n    print(repr(telemetry.flag('ranking', 'default')), file=out)\n"


@contextlib.contextmanager
def posthog() -> Iterator[Server]:
    """A PostHog that takes every event and has one flag."""

    def behave(visit: Visit) -> None:
        received = visit.read()
        body = SAYS if received.target == "/flags/?v=2" else b'{"status":"Ok"}'
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with serving(behave) as server:
        yield server


def looking(hosts: Hosts, origin: str, track: bool = True, more: str = "{}", **options: Any) -> Path:
    """A host that looks up a flag, and tracks an event or none."""
    then = LOOKS.format(out=str(hosts.scratch / "flags"))
    script = hosts.program(f"{origin}/batch/", more=more, then=then, api_key="phc_key", **options)
    if not track:
        script.write_text(script.read_text().replace("discreet.track(", "str("))
        script.write_text(script.read_text().replace('str("search", n=int(sys.argv[1]))', ""))
    return script


def seen(hosts: Hosts) -> list[str]:
    """What the runs so far have seen."""
    return (hosts.scratch / "flags").read_text().split()


def asked(server: Server) -> list[Any]:
    """The bodies of the requests for flags."""
    return [json.loads(request.body) for request in server.requests if request.target == "/flags/?v=2"]


@pytest.mark.parametrize("track", [True, False], ids=["with an event", "without"])
def test_the_next_run_has_them(hosts: Hosts, track: bool) -> None:
    """The first run has the default and does not wait; its child asks once, an hour long; events or not."""
    with posthog() as server:
        script = looking(hosts, server.origin, track)
        assert same(hosts.run(script), hosts.bare())
        wait_until(lambda: flags.read(str(hosts.directory / "flags.json")).fetched)
        hosts.wait_for_the_end()
        for _ in range(3):
            assert same(hosts.run(script), hosts.bare())
            hosts.wait_for_the_end()
        assert seen(hosts) == ["'default'", "'test'", "'test'", "'test'"]
        (body,) = asked(server)
        assert body.keys() == {"api_key", "distinct_id", "geoip_disable"}
        assert len(server.requests) == (5 if track else 1)
        receipts = (hosts.directory / "receipts.jsonl").read_text().splitlines()
        assert [json.loads(line)["format"] for line in receipts].count("flags") == 1


def test_who_looks_up_none_asks_for_none(hosts: Hosts) -> None:
    """A tool with the same destination and no lookup has no such request, and no such file."""
    with posthog() as server:
        hosts.run(hosts.program(f"{server.origin}/batch/", api_key="phc_key"))
        server.wait(1)
        hosts.wait_for_the_end()
        assert [request.target for request in server.requests] == ["/batch/"]
    assert not (hosts.directory / "flags.json").exists()


def test_an_hour_later(hosts: Hosts) -> None:
    """A run that records nothing starts a child for flags alone, once they are due again."""
    with posthog() as server:
        script = looking(hosts, server.origin, track=False)
        for number in (1, 2):
            hosts.run(script)
            wait_until(lambda number=number: len(asked(server)) == number)
            hosts.wait_for_the_end()
            cache = hosts.directory / "flags.json"
            cache.write_text(cache.read_text().replace('"due":1', '"due":'))
        assert asked(server)[0]["distinct_id"] != asked(server)[1]["distinct_id"]


def test_nobody_is_started_for_who_looks_up_none(hosts: Hosts) -> None:
    """Flags that are due are no reason to start a child for a run that wants to know none."""
    with posthog() as server:
        script = hosts.program(f"{server.origin}/batch/", api_key="phc_key", batch_size=1000, batch_interval=86_400)
        hosts.run(script)
        wait_until(lambda: "shown" in (hosts.directory / "delivery.json").read_text())
        hosts.wait_for_the_end()
        before = os.stat(hosts.directory / "delivery.json").st_mtime_ns
        hosts.run(script)
        hosts.wait_for_the_end()
        assert os.stat(hosts.directory / "delivery.json").st_mtime_ns == before


@pytest.mark.parametrize(
    "variables", [{"DO_NOT_TRACK": "1"}, {"MYTOOL_TELEMETRY_DEBUG": "1"}, {"MYTOOL_TELEMETRY_ENDPOINT": "{}"}], ids=str
)
def test_nothing_is_asked_for(hosts: Hosts, variables: dict[str, str]) -> None:
    """While it is off, under `DEBUG`, and where the user's own address is in force."""
    with posthog() as server, serving(BEHAVIOURS["ok"]) as own:
        env = {name: value.format(own.url) for name, value in variables.items()}
        hosts.run(looking(hosts, server.origin), env=env)
        hosts.wait_for_the_end()
        assert not server.requests
    assert seen(hosts) == ["'default'"]


def test_local_tools_ask_nobody(hosts: Hosts) -> None:
    """With `consent="local"` there is no request, and the author's own shares are as good as ever."""
    with posthog() as server:
        script = looking(hosts, server.origin, more="{'consent': 'local'}")
        script.write_text(script.read_text().replace("'default')", "'default', rollout={'test': 1})"))
        hosts.run(script)
        assert not hosts.children()
        assert not server.requests
    assert seen(hosts) == ["'test'"]


def test_offline(hosts: Hosts) -> None:
    """Nobody is there: the run ends as ever, and no later one tries within the hour."""
    with refusing() as server:
        script = looking(hosts, server.origin, track=False)
        assert same(hosts.run(script), hosts.bare())
        wait_until(lambda: flags.read(str(hosts.directory / "flags.json")).failures)
        hosts.wait_for_the_end()
        due = flags.read(str(hosts.directory / "flags.json")).due
        hosts.run(script)
        assert not hosts.children()
        assert flags.read(str(hosts.directory / "flags.json")).due == due
    assert seen(hosts) == ["'default'", "'default'"]


def test_the_thread_of_a_long_run(hosts: Hosts) -> None:
    """Where no child is wanted the thread renews them, and the same run has them then."""
    then = """
end = time.monotonic() + 15
while time.monotonic() < end and telemetry.flag('ranking') != 'test':
    time.sleep(0.01)
assert telemetry.flag('ranking') == 'test'
"""
    with posthog() as server:
        script = hosts.program(f"{server.origin}/batch/", more="{'delivery': 'thread'}", then=then, api_key="phc_key")
        assert same(hosts.run(script), hosts.bare())
        assert len(asked(server)) == 1
    assert not hosts.children()


def test_the_installation_s_number(hosts: Hosts) -> None:
    """With `identity="install"` flags are decided for the id that records carry."""
    with posthog() as server:
        hosts.run(looking(hosts, server.origin, more="{'identity': 'install'}"))
        wait_until(lambda: asked(server))
        hosts.wait_for_the_end()
        assert asked(server)[0]["distinct_id"] == (hosts.directory / "id").read_text().strip()


def test_a_portal(hosts: Hosts) -> None:
    """A page in the place of an answer changes nothing, however long it is."""

    def behave(visit: Visit) -> None:
        visit.read()
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        visit.send(b"<html>" + b"x" * 2_000_000)

    with serving(behave) as server:
        hosts.run(looking(hosts, server.origin, track=False))
        wait_until(lambda: flags.read(str(hosts.directory / "flags.json")).failures)
        hosts.wait_for_the_end()
    assert os.path.getsize(hosts.directory / "flags.json") < 1000
