"""Feature flags asked for anew: when, with what, and what an answer or none changes. A world of deliverers."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from discreet.consent import stored
from discreet.destination import Destination
from discreet.sending import flags, receipts
from discreet.sending.delivery import Withdrawn
from discreet.sending.http import Outcome
from discreet.sending.wire import Request
from sending.outboxes import DAY, World, own_world

HOUR = 3600.0
POSTHOG = Destination.posthog("phc_key")
RECORDS = Destination("https://example.org/t", batch_size=1, batch_interval=0)
CAPTURES = Path(__file__).parent.parent / "wire" / "answers"


class Receiver:
    """PostHog in a world: what it was asked, and what it says: JSON, the bytes of a 200, or an outcome."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[Request] = []
        self.says: Any = {"flags": {}}
        self.during: Any = lambda: None
        self.events = world.exchange

    def exchange(self, request: Request, *, timeout: float, deadline: float, keep: int = 0) -> Outcome:
        """One exchange."""
        assert request.url.endswith("/flags/?v=2") is bool(keep)
        if not keep:
            return self.events(request, timeout=timeout, deadline=deadline)
        self.asked.append(request)
        self.during()
        if isinstance(self.says, Outcome):
            return self.says
        body = self.says if isinstance(self.says, bytes) else json.dumps(self.says).encode()
        return Outcome(200, None, "", 0.1, body)

    def renew(self, wanted: str = "run", **changes: Any) -> None:
        """One deliverer of a process that looked up a flag."""
        self.world.deliver(self.world.plan(flags=wanted, **{"identity": wanted or "run", **changes}))

    @property
    def cache(self) -> flags.Cache:
        """What is known."""
        return flags.read(self.world.paths["flags"])

    @property
    def known(self) -> dict[str, object]:
        """The flags that are known, by value."""
        return {key: flags.decoded(text) for key, text in self.cache.values.items()}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of this test's own."""
    yield from own_world(tmp_path, monkeypatch)


@pytest.fixture
def receiver(world: World) -> Receiver:
    """PostHog, in force there."""
    made = Receiver(world)
    world.exchange = made.exchange  # type: ignore[method-assign]
    world.destinations = (POSTHOG,)
    return made


def said(**values: object) -> dict[str, Any]:
    """An answer."""
    return {"flags": {key: {"enabled": bool(value), "variant": value or None} for key, value in values.items()}}


def test_once_an_hour(world: World, receiver: Receiver) -> None:
    """However many deliverers there are."""
    receiver.says = said(ranking="test")
    for minute in range(0, 130, 10):
        receiver.renew()
        assert len(receiver.asked) == 1 + minute // 60
        world.now += 600
    assert receiver.known == {"ranking": "test"}


def test_nobody_asks_where_nobody_wants_to_know(world: World, receiver: Receiver) -> None:
    """A process that looked up no flag, or none that a receiver decides, has none asked for."""
    receiver.renew("")
    assert not receiver.asked
    assert not os.path.exists(world.paths["flags"])


def test_nobody_is_asked_who_does_not_know(world: World, receiver: Receiver) -> None:
    """Without a PostHog destination in force there is no request."""
    world.destinations = (RECORDS,)
    receiver.renew()
    assert not receiver.asked


def test_after_the_records(world: World, receiver: Receiver) -> None:
    """Records are delivered first, by the same deliverer."""
    world.destinations = (RECORDS, POSTHOG)
    order: list[str] = []
    world.during = lambda _: order.append("records")
    receiver.during = lambda: order.append("flags")
    world.answers = [200, 503]
    world.record(1)
    receiver.renew()
    assert (order[0], order[-1]) == ("records", "flags")
    assert world.got() == [1]


def test_a_random_number_each_time(world: World, receiver: Receiver) -> None:
    """Two requests have nothing in common that tells one installation from another."""
    bodies = []
    for _ in range(5):
        receiver.renew()
        world.now += HOUR
        bodies.append(json.loads(receiver.asked[-1].body))
    assert len({body["distinct_id"] for body in bodies}) == 5
    assert all(len(body.pop("distinct_id")) == 32 for body in bodies)
    assert bodies == [{"api_key": "phc_key", "geoip_disable": True}] * 5
    assert not (world.directory / "id").exists()


def test_the_installation_where_the_author_asked_for_it(world: World, receiver: Receiver) -> None:
    """With `identity="install"` it is the id that records carry; where that cannot be kept, a random number."""
    for _ in range(2):
        receiver.renew("install")
        world.now += HOUR
    kept = (world.directory / "id").read_text().strip()
    assert [json.loads(request.body)["distinct_id"] for request in receiver.asked] == [kept] * 2
    (world.directory / "id").write_text("spoiled")
    receiver.renew("install")
    assert json.loads(receiver.asked[-1].body)["distinct_id"] not in ("spoiled", kept)


def test_a_receipt(world: World, receiver: Receiver) -> None:
    """A request that was answered has its line, with the digest of the very body."""
    receiver.renew()
    (line,) = receipts.read(world.paths)
    assert line == {
        "time": line["time"],
        "destination": "https://us.i.posthog.com/flags/",
        "format": "flags",
        "records": 0,
        "bytes": len(receiver.asked[0].body),
        "sha256": hashlib.sha256(receiver.asked[0].body).hexdigest(),
        "status": 200,
        "verdict": "delivered",
        "ids": [],
    }
    assert world.told == ["https://us.i.posthog.com/flags/: flags, 200: delivered"]


NO_ANSWER = {
    "offline": Outcome(0, None, "dns", 0.1),
    "timeout": Outcome(0, None, "timeout", 0.1),
    "500": Outcome(500, None, "", 0.1, b'{"flags":{}}'),
    "portal": b"<html>Welcome to the hotel</html>",
    "nothing": b"{}",
    "half": b'{"flags":{"ranking":{"enabled":tr',
    "quota": {"quotaLimited": ["feature_flags"], "flags": {}},
}


@pytest.mark.parametrize("why", NO_ANSWER)
def test_without_an_answer_what_was_known_stays(why: str, world: World, receiver: Receiver) -> None:
    """As it was, and as old as it was; the next attempts are ever further away, and not before an hour."""
    receiver.says = said(ranking="test")
    receiver.renew()
    fetched = receiver.cache.fetched
    receiver.says = NO_ANSWER[why]
    waited = []
    world.now += HOUR
    for _ in range(8):
        receiver.renew()
        assert receiver.known == {"ranking": "test"}
        assert receiver.cache.fetched == fetched
        waited.append(receiver.cache.due - world.now)
        world.now = receiver.cache.due
    assert min(waited) >= HOUR - 1
    assert max(waited) <= DAY
    assert waited[-1] > 4 * waited[0]
    assert len(receiver.asked) == 9
    receiver.says = said(ranking="control")
    receiver.renew()
    assert (receiver.known, receiver.cache.failures) == ({"ranking": "control"}, 0)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413, 422])
def test_a_refusal_is_for_a_day(status: int, world: World, receiver: Receiver) -> None:
    """Whoever refuses us is asked again after a day."""
    receiver.says = Outcome(status, None, "", 0.1, b'{"flags":{}}')
    receiver.renew()
    assert receiver.cache.due == int(world.now + DAY)


def test_retry_after(world: World, receiver: Receiver) -> None:
    """A server that names a time is not asked before it."""
    receiver.says = Outcome(503, 10 * HOUR, "", 0.1)
    receiver.renew()
    assert receiver.cache.due == int(world.now + 10 * HOUR)


def test_an_answer_replaces_what_was_known(world: World, receiver: Receiver) -> None:
    """A flag that is gone is gone, its payload with it."""
    receiver.says = CAPTURES.joinpath("v2.json").read_bytes()
    receiver.renew()
    assert receiver.known["v1-variant"] == "control"
    assert json.loads(receiver.cache.payloads["v1-variant"]) == {"columns": 2}
    world.now += HOUR
    receiver.says = said(ranking="test")
    receiver.renew()
    assert (receiver.known, receiver.cache.payloads) == ({"ranking": "test"}, {})


def test_errors_while_computing_erase_nothing(world: World, receiver: Receiver) -> None:
    """What the answer has replaces what was known, and what it lacks stays: of all where it says that it lacks some,
    of one that failed by itself otherwise.
    """
    receiver.says = said(a="old", b="old") | {"featureFlagPayloads": {}}
    receiver.says["flags"]["b"]["metadata"] = {"payload": "1"}
    receiver.renew()
    world.now += HOUR
    receiver.says = {**said(a="new", c="new"), "errorsWhileComputingFlags": True}
    receiver.renew()
    assert receiver.known == {"a": "new", "b": "old", "c": "new"}
    world.now += HOUR
    receiver.says = said(a="newer", b="newer", d="newer")
    receiver.says["flags"]["b"]["failed"] = True
    receiver.says["flags"]["d"]["failed"] = True
    receiver.renew()
    assert (receiver.known, receiver.cache.payloads) == ({"a": "newer", "b": "old"}, {"b": "1"})


def test_what_is_too_old_is_not_merged(world: World, receiver: Receiver) -> None:
    """Errors make nothing fresh again that nobody goes by any more."""
    receiver.says = said(a="old")
    receiver.renew()
    world.now += 8 * DAY
    receiver.says = {**said(c="new"), "errorsWhileComputingFlags": True}
    receiver.renew()
    assert receiver.known == {"c": "new"}


def test_another_host(world: World, receiver: Receiver) -> None:
    """Where the user names another host, what the author's said counts no more, and that one is asked."""
    receiver.says = said(a="ours")
    receiver.renew()
    world.destinations = (Destination.posthog("phc_key", "https://eu.i.posthog.com"),)
    receiver.says = {"flags": {}, "errorsWhileComputingFlags": True}
    receiver.renew()
    assert receiver.asked[-1].url.startswith("https://eu.i.posthog.com/")
    assert receiver.known == {}


def test_another_key(world: World, receiver: Receiver) -> None:
    """Another project at the same host is asked when the flags are due, and its answer takes the place of the former:
    nothing in the file tells one key from another.
    """
    receiver.says = said(a="ours", b="ours")
    receiver.renew()
    world.destinations = (Destination.posthog("phc_mine"),)
    receiver.renew()
    assert len(receiver.asked) == 1
    world.now += HOUR
    receiver.says = said(a="theirs")
    receiver.renew()
    assert json.loads(receiver.asked[-1].body)["api_key"] == "phc_mine"
    assert receiver.known == {"a": "theirs"}


def test_the_next_attempt_is_put_off_before_one_is_made(world: World, receiver: Receiver) -> None:
    """Whoever kills a deliverer, or takes back the consent, cannot make it hurry."""
    seen = []
    receiver.during = lambda: seen.append(receiver.cache.due - world.now)
    receiver.renew()
    assert seen[0] >= HOUR - 1


@pytest.mark.parametrize("how", ["off", "gone", "variable"])
def test_nothing_is_asked_while_it_is_off(how: str, world: World, receiver: Receiver) -> None:
    """Consent is read again just before the socket."""
    world.destinations = (RECORDS, POSTHOG)

    def withdraw(_: Request) -> None:
        if how == "gone":
            (world.directory / "opt-in").unlink()
        elif how == "off":
            world.agree("false")
        else:
            world.environ["DO_NOT_TRACK"] = "1"

    world.during = withdraw
    world.record(1)
    with pytest.raises(Withdrawn):
        receiver.renew()
    assert not receiver.asked


def test_a_host_that_is_new(world: World, receiver: Receiver) -> None:
    """Whom a later version of the tool names is asked for nothing until the user agrees again; nor is a deliverer
    started for it more than once a day.
    """
    stored.store(world.paths, "true", "2026-11-20T10:30:00Z", ["> other.example.org"])
    receiver.renew(own=())
    assert not receiver.asked
    assert not flags.due(world.paths, world.destinations, world.now + DAY - 60)
    stored.store(world.paths, "true", "2026-11-20T10:30:00Z", ["> us.i.posthog.com"])
    world.now += DAY
    receiver.renew(own=())
    assert len(receiver.asked) == 1


def test_hostile_files(world: World, receiver: Receiver) -> None:
    """Whatever lies at the name of the file, it is replaced by what the receiver says, or the deliverer ends."""
    receiver.says = said(ranking="test")
    for content in (b"", b"\xff", b'{"v":1', b"x" * 100_000):
        Path(world.paths["flags"]).write_bytes(content)
        receiver.renew()
        assert receiver.known == {"ranking": "test"}
    victim = world.directory / "victim"
    victim.write_text("untouched")
    os.unlink(world.paths["flags"])
    os.symlink(victim, world.paths["flags"])
    receiver.renew()
    assert victim.read_text() == "untouched"
