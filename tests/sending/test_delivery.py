"""Delivery, rule by rule: when it is due, what it sends, what it makes of an answer, and what it never sends."""

import itertools
import json
import marshal
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discreet import consent
from discreet.destination import Destination
from discreet.log import timestamp
from discreet.privacy.conversions import Boolean, Count, Number, OneOf
from discreet.privacy.declaration import Declaration
from discreet.sending import courier, delivery, handover, outbox, period, receipts, wire
from discreet.sending import plan as plans
from discreet.sending import state as states
from discreet.sending import work as working
from discreet.sending.delivery import Withdrawn
from discreet.sending.distrust import Distrust
from discreet.sending.http import Outcome
from discreet.sending.lock import DeliveryLock
from sending.outboxes import DAY, NOON, OTHER_RUN, RUN, URL, World, line, numbers, own_world

OTHER_URL = "https://other.example.org/t"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of this test's own."""
    yield from own_world(tmp_path, monkeypatch)


def every(world: World, batch_size: int = 1, batch_interval: float = 0, **options: Any) -> None:
    """Let the one destination have these options."""
    world.destinations = (Destination(URL, batch_size=batch_size, batch_interval=batch_interval, **options),)


# When


def test_due_by_number(world: World) -> None:
    """`batch_size` records are delivered at once, all that wait; fewer wait for their time."""
    every(world, 5, 1e6)
    world.record(1, 2, 3, 4)
    world.deliver()
    assert world.got() == []
    world.record(5, 6, 7)
    world.deliver()
    assert world.sizes() == [7]


def test_due_by_the_oldest_record(world: World) -> None:
    """Without an attempt before, `batch_interval` counts from the oldest pending record."""
    every(world, 100, 60)
    world.record(1)
    world.now += 59
    world.record(2)
    world.deliver()
    assert world.got() == []
    world.now += 2
    world.deliver()
    assert world.got() == [1, 2]


def test_due_by_the_last_attempt(world: World) -> None:
    """After an attempt, `batch_interval` counts from that, however old the record is."""
    every(world, 100, 60)
    world.record(1)
    world.now += 61
    world.deliver()
    world.record(2)
    world.now += 59
    world.deliver()
    assert world.got() == [1]
    world.now += 2
    world.deliver()
    assert world.got() == [1, 2]


def test_zero_is_always_due(world: World) -> None:
    """With `batch_interval` 0 a record is due in the very second that it was made, and of the last attempt."""
    every(world, 100, 0)
    for number in (1, 2, 3):
        world.record(number)
        world.deliver()
    assert world.got() == [1, 2, 3]


def test_nothing_waiting_is_never_due(world: World) -> None:
    """Where no record waits, no request is made, forced or not."""
    world.deliver()
    world.record(1)
    world.deliver()
    world.now += DAY
    world.deliver()
    world.deliver(force=True)
    assert world.sizes() == [1]


def test_before_ending_it_looks_once_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is appended while a deliverer takes its leave, or before, is delivered by it."""
    numbers_ = iter((2, 3))
    leave = DeliveryLock.take_leave

    def and_append(lock: DeliveryLock) -> None:
        for number in itertools.islice(numbers_, 1):
            world.record(number)
        leave(lock)

    monkeypatch.setattr(DeliveryLock, "take_leave", and_append)
    world.record(1)
    world.deliver()
    assert world.got() == [1, 2, 3]


def test_a_deliverer_says_that_it_is_at_work(world: World) -> None:
    """While a request is under way the lock holds the pid; afterwards nothing."""
    seen = []
    world.during = lambda _: seen.append((world.directory / "lock").read_text())
    world.record(1)
    world.deliver()
    assert seen == [f"{os.getpid()}\n"]
    assert (world.directory / "lock").read_text() == ""


def test_a_deliverer_ends_in_time(world: World) -> None:
    """However much waits, and however slow the receiver, no request begins after the time is up; the rest waits."""
    every(world, timeout=3)
    world.destinations[0].format = "beacon"  # one record a request
    world.record(*range(1, 100))
    bounds = []

    def slow(request: wire.Request) -> None:
        world.now += 4

    world.during = slow
    whole = world.exchange

    def exchange(request: wire.Request, *, timeout: float, deadline: float) -> Any:
        bounds.append((timeout, deadline - world.now))
        world.requests.append(request)
        slow(request)
        return Outcome(200, None, "", 0.0)

    world.exchange = exchange  # type: ignore[method-assign]  # beacons hold no numbers of ours
    world.deliver()
    assert [timeout for timeout, _ in bounds] == [3.0] * 7
    assert [round(left) for _, left in bounds] == [9, 9, 9, 9, 9, 5, 1]
    assert whole is not exchange


# What


def test_of_what_a_new_destination_gets(world: World) -> None:
    """A destination seen for the first time begins with the process that first saw it, whichever others are known."""
    world.record(1, run=OTHER_RUN)
    world.record(2)
    world.deliver()
    world.record(3, run=OTHER_RUN)
    world.record(4, run="c" * 16)
    world.destinations += (Destination(OTHER_URL, batch_size=1, batch_interval=0),)
    world.deliver(world.plan("c" * 16))
    world.record(5)
    world.deliver()
    assert (world.got(), world.got(OTHER_URL)) == ([2, 3, 4, 5], [4, 5])


def test_a_deliverer_without_a_run_begins_at_the_end(world: World) -> None:
    """A verb, which records nothing, sends nothing that was recorded before it first saw a destination."""
    world.record(1, 2)
    world.deliver(world.plan(""), force=True)
    world.record(3)
    world.deliver(world.plan(""), force=True)
    assert world.got() == [3]


@pytest.mark.parametrize("answer", ["true", "enhanced", "false"])
def test_an_answer_moves_every_place_to_the_end(world: World, answer: str) -> None:
    """After `on` or `off` nothing that lay on the log before is sent, to any destination, of the same second or not."""
    world.destinations += (Destination(OTHER_URL, batch_size=1, batch_interval=0),)
    world.record(1)
    world.deliver()
    world.record(2)
    world.agree(answer)
    period.begin(world.paths)
    if answer == "false":
        world.record(3)  # by a process that had not noticed
        world.agree("true")
        period.begin(world.paths)
    world.record(4)
    world.deliver()
    assert world.got() == world.got(OTHER_URL) == [1, 4]


def test_an_answer_is_stored_with_its_period(world: World) -> None:
    """The one step that `on`, `off` and the question take: the word and its date, and every place at the end."""
    world.record(1)
    world.deliver()
    world.record(2)
    period.answer(world.paths, "enhanced")
    word, since = Path(world.paths["consent"]).read_text().split()
    assert (word, since[-1]) == ("enhanced", "Z")
    assert states.load(world.paths["delivery"]).period == repr(consent.signature(world.paths))
    assert not list(outbox.pending(world.paths, world.state()))


def test_an_answer_while_a_deliverer_is_at_work(world: World) -> None:
    """Where a place could not be moved, the date of the answer does it: what was recorded before stays here."""
    world.record(1)
    world.deliver()
    world.now += 10
    world.record(2)
    with DeliveryLock(world.paths):
        world.now += 10
        world.agree("true")
        period.begin(world.paths)
    world.now += 10
    world.record(3, run=OTHER_RUN)
    world.deliver(world.plan(OTHER_RUN))
    assert world.got() == [1, 3]


def test_an_answer_written_by_hand_begins_a_period_at_its_date(world: World) -> None:
    """What was recorded before the date of an answer written by hand stays here; what was recorded since is sent."""
    world.record(1)
    world.deliver()
    world.now += 10
    world.record(2)
    world.agree("true", world.now + 5)
    world.now += 10
    world.record(3, run=OTHER_RUN)
    world.deliver(world.plan(""))
    assert world.got() == [1, 3]


def test_a_process_that_went_on_through_a_change_of_consent(world: World) -> None:
    """Of a process that recorded under one consent and under the next, a destination gets what is of the next alone."""
    before = world.plan().signature
    world.record(1)
    world.now += 10
    world.agree("false")
    world.agree("true", world.now + 1)
    world.now += 10
    world.record(2)
    world.deliver(world.plan(signature=before))
    assert world.got() == [2]
    world.now += 10
    world.record(3)
    world.agree("true", world.now + 1)
    world.now += 10
    world.record(4)
    world.deliver(world.plan(signature=before))
    assert world.got() == [2, 4]


@pytest.mark.parametrize("since", [NOON - 5000, NOON - 1])
def test_an_old_answer_put_back(world: World, since: float) -> None:
    """An answer with the date of long ago (out of a backup, say) sends nothing again, nor what an off kept."""
    world.record(1)
    world.deliver()
    world.record(2)
    world.agree("false")
    period.begin(world.paths)
    world.agree("true", since)
    world.now += 10
    world.record(3)
    world.deliver()
    assert world.got() == [1, 3]


@pytest.mark.parametrize("variable", ["DO_NOT_TRACK", "MYTOOL_NO_TELEMETRY", "MYTOOL_TELEMETRY_DISABLED"])
def test_a_variable_suspends_and_ends_no_period(world: World, variable: str) -> None:
    """While a variable says off, nothing is sent and no place is moved; afterwards what waited is delivered."""
    world.record(1)
    world.deliver()
    world.record(2)
    before = (world.directory / "delivery.json").read_bytes()
    world.environ = {variable: "1"}
    with pytest.raises(Withdrawn):
        world.deliver()
    assert (world.directory / "delivery.json").read_bytes() == before
    world.environ = {}
    world.deliver()
    assert world.got() == [1, 2]


CHANGES = {
    "off": lambda world: world.agree("false"),
    "another yes": lambda world: world.agree("enhanced"),
    "gone": lambda world: (world.directory / "opt-in").unlink(),
    "touched": lambda world: world.agree("true"),
    "a marker": lambda world: (world.directory / "enabled").touch(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["before the first request", "during it"])
def test_consent_is_read_again_before_each_request(world: World, change: str, when: str) -> None:
    """A consent that is not what it was ends the work before the next request; what was recorded before stays here."""
    every(world, format="json")
    world.record(*range(1, 601))  # two requests
    deliverer = world.delivery()
    if when == "during it":
        world.during = lambda _: CHANGES[change](world)
    else:
        CHANGES[change](world)
    with pytest.raises(Withdrawn):
        deliverer.work(_Lock())  # type: ignore[arg-type]  # announces to nobody
    assert world.sizes() == ([] if when == "before the first request" else [500])
    world.during = lambda _: None
    world.agree("true", world.now + 1)
    world.now += 10
    world.record(1000, run=OTHER_RUN)
    world.deliver(world.plan(OTHER_RUN))
    assert world.got()[-1] == 1000
    assert world.sizes() == [1]


class _Lock:
    def announce(self) -> None:
        """Say nothing."""

    take_leave = announce


def test_consent_is_read_after_the_state_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the last look at the consent and the exchange nothing is written, so that the look is the last thing."""
    order: list[str] = []
    save = delivery.states.save
    monkeypatch.setattr(delivery.states, "save", lambda *given: (order.append("save"), save(*given))[1])
    world.during = lambda _: order.append("exchange")
    world.record(1)
    plan = world.plan()
    decide = plan.decide
    plan.decide = lambda: (order.append("decide"), decide())[1]  # type: ignore[method-assign]  # watched
    world.deliver(plan)
    at = order.index("exchange")
    assert order[at - 2 : at + 1] == ["save", "decide", "exchange"]


def test_old_records_stay_here(world: World) -> None:
    """Records of more than 30 days are never sent, and are counted; younger ones are sent."""
    every(world, 100, 1e6)
    world.record(1)
    world.deliver()
    world.now += 10
    world.record(2)
    world.now += 30 * DAY
    world.record(3)
    world.deliver(force=True)
    assert world.got() == [2, 3]
    assert world.losses() == {"too_old_to_send": 1}


ALIEN = {
    "torn": b'{"v":1,"id":"',
    "text": b"hello",
    "not UTF-8": b"\xff\xfe",
    "another JSON": b"[1,2]",
    "deep": b"[" * 9000,
    "other tool": {"tool": "other"},
    "no id": {"id": None},
    "id": {"id": "x" * 36},
    "short id": {"id": "0" * 32},
    "an id of another version": {"id": "00000002-0000-1000-8000-000000000002"},
    "an id of another variant": {"id": "00000002-0000-4000-c000-000000000002"},
    "an id with its hyphens elsewhere": {"id": "----000000020000400080000000000000002"[:36]},
    "an id in upper case": {"id": "0000000A-0000-4000-8000-00000000000A"},
    "run": {"run": "me@example.org"},
    "install": {"install": "me"},
    "key": {"user": "me"},
    "version": {"version": "/home/me"},
    "a long version": {"version": "9" * 65},
    "py": {"py": "3.11 me"},
    "a telephone number for py": {"py": "4155550123"},
    "a long number in py": {"py": "3.11.4155"},
    "an empty part of py": {"py": "3..7"},
    "digits of another script for py": {"py": "\u0663.\u0661\u0661.\u0667"},
    "an address for py": {"py": "203.0.113.79"},
    "os": {"os": "Linux/me"},
    "a long os": {"os": "adalovelacehostname" * 2},
    "event": {"event": "Search me"},
    "time": {"time": "yesterday"},
    "future version": {"v": 2},
    "properties": {"properties": [1]},
    "text property": {"properties": {"n": "/home/me"}},
    "name": {"properties": {"N": 1}},
    "telephone": {"properties": {"n": 4155550123}},
    "nested": {"properties": {"n": {"a": 1}}},
    "null": {"properties": {"n": None}},
    "list": {"properties": {"n": [1]}},
    "huge": {"properties": {"n": 1e300}},
}


@pytest.mark.parametrize("kind", ALIEN)
def test_what_is_not_ours_is_never_sent(world: World, kind: str) -> None:
    """Forged, foreign and torn lines stay here and are counted once, whatever stands before and behind them."""
    forged = ALIEN[kind]
    world.record(1)
    world.write(forged + b"\n" if isinstance(forged, bytes) else line(2, world.now, **forged))
    world.record(3)
    world.answers = [503]
    world.deliver()
    world.now += 100
    world.deliver()
    world.deliver()
    assert world.got() == [1, 3]
    assert b"/home/me" not in b"".join(request.body for request in world.requests)
    assert world.losses() == {"line_not_ours": 1}


@pytest.mark.parametrize(
    "known",
    [
        {"version": "1.4.0+local." + "9" * 52}, {"version": ""}, {"py": ""}, {"py": "3.14.0"}, {"py": "3.9"},
        {"os": ""}, {"os": "win32"}, {"os": "freebsd14"}, {"os": "x" * 32},
        {"id": "00000002-0000-4abc-bfff-000000000002"},
    ],
    ids=str,
)  # fmt: skip
def test_what_this_package_writes_is_sent(known: dict[str, Any]) -> None:
    """The longest version, every system and interpreter, each id of version 4, and what a record may be without."""
    judged, why = Distrust("mytool", None, "basic").judge(line(2, NOON, **known), NOON)
    assert judged is not None
    assert why == ""
    assert {key: judged[key] for key in known} == known


def test_nothing_but_alien_lines(world: World) -> None:
    """Where nothing may leave no request is made, and the lines are not looked at again."""
    world.record(1)
    world.deliver()
    world.sizes()
    world.write(b"nonsense\n" * 1200)
    world.deliver()
    world.deliver()
    assert world.sizes() == []
    assert world.losses() == {"line_not_ours": 1200}
    assert world.state().offsets[next(iter(world.state().offsets))][0] == world.log.stat().st_size


def test_the_current_declaration_decides(world: World) -> None:
    """A record leaves only where the declaration of today could have made each of its values."""
    world.declaration = Declaration(
        {"search": {"n": Number(), "kind": OneOf("json"), "ok": Boolean(), "found": Count()}}
    )
    given: list[dict[str, Any]] = [
        {"n": 1}, {"n": 2, "kind": "json"}, {"n": 3, "kind": "other"}, {"n": 4, "ok": True, "found": 0},
        {"n": True}, {"n": 6, "kind": "yaml"}, {"n": 7, "ok": 1}, {"n": 8, "found": -1}, {"n": 9, "undeclared": 1},
        {"n": {"a": 1}}, {"n": "11"},
    ]  # fmt: skip
    for number, properties in enumerate(given, 1):
        world.record(number, properties=properties)
    world.record(12, event="undeclared", properties={})
    world.record(
        13, event="command", properties={"command": "import.from_code", "success": True, "error": "ValueError"}
    )
    world.record(14, event="command", properties={"command": "rm -rf /home/me"})
    world.deliver()
    assert world.got() == [1, 2, 3, 4, 13]
    assert world.losses() == {"line_not_ours": 9}


@pytest.mark.parametrize("level", ["basic", "enhanced"])
def test_enhanced_fields_leave_under_an_enhanced_consent_alone(world: World, level: str) -> None:
    """Under a basic consent the fields of the enhanced level stay here, though they are on the log."""
    rows = {"n": Number(), "more": Number(level="enhanced"), "deep": {"a": Number(), "b": Number(level="enhanced")}}
    world.declaration = Declaration({"search": rows})
    world.agree("enhanced" if level == "enhanced" else "true", world.now - 1000)
    world.record(1, properties={"n": 1, "more": 2, "deep": {"a": 3, "b": 4}})
    world.record(2, properties={"deep": {"b": 4}})
    world.deliver()
    sent = [record["properties"] for record in json.loads(world.requests[0].body)["records"]]
    if level == "enhanced":
        assert sent == [{"n": 1, "more": 2, "deep": {"a": 3, "b": 4}}, {"deep": {"b": 4}}]
    else:
        assert sent == [{"n": 1, "deep": {"a": 3}}, {}]


def test_batches_are_bounded(world: World) -> None:
    """A request carries all that is pending, in order, up to 500 records and 512 KiB."""
    world.declaration = Declaration(fields={f"f{at}": OneOf("x" * 250) for at in range(30)})
    world.record(*range(1, 1201))
    world.deliver()
    assert world.sizes() == [500, 500, 200]
    assert world.got() == list(range(1, 1201))
    world.record(*range(2000, 2200), properties={f"f{at}": "x" * 250 for at in range(30)})
    world.deliver()
    assert [len(request.body) <= 512 * 1024 for request in world.requests] == [True] * len(world.requests)
    assert len(world.requests) > 2
    assert world.got()[1200:] == list(range(2000, 2200))


# To whom


def test_each_destination_has_its_own_place(world: World) -> None:
    """A destination that fails is behind and catches up; the others go on without waiting for it."""
    world.destinations = tuple(Destination(url, batch_size=1, batch_interval=0) for url in (URL, OTHER_URL))
    for number in range(1, 6):
        world.answers = [lambda request: 503 if request.url == URL and number < 4 else 200 for _ in range(2)]  # noqa: B023  # used at once
        world.record(number)
        world.deliver()
        world.now += 1000
    assert world.got() == world.got(OTHER_URL) == [1, 2, 3, 4, 5]
    assert [number for url, number in world.accepted if url == OTHER_URL or number == 4][:5] == [1, 2, 3, 4, 4]


def test_destinations_that_are_gone_are_forgotten_in_time(world: World) -> None:
    """However many addresses are tried, the state stays small, and the place of one in force is never lost."""
    world.record(1)
    world.deliver()
    mine = world.destinations
    world.now += 10
    for number in range(60):
        world.destinations = (*mine, Destination(f"https://example.org/{'x' * 3000}{number}", batch_interval=DAY))
        world.deliver()
        world.now += 1
    assert (world.directory / "delivery.json").stat().st_size < 16 * 1024
    world.destinations = mine
    world.record(2)
    world.deliver()
    assert world.got() == [1, 2]


# What an answer means


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success(world: World, status: int) -> None:
    """Every 2xx delivers: a receipt, and the place moves on."""
    world.record(1)
    world.answers = [status]
    world.deliver()
    world.deliver()
    assert world.sizes() == [1]
    assert [(one["status"], one["verdict"]) for one in receipts.read(world.paths)] == [(status, "delivered")]
    assert (world.state().failures, world.state().wake, world.state().held) == (0, 0.0, False)


RETRIED = [408, 429, 500, 502, 503, 504, "timeout", "refused", "closed", "dns", "network", "tls", "protocol", "proxy"]


@pytest.mark.parametrize("answer", RETRIED)
def test_failures_are_tried_again(world: World, answer: Any) -> None:
    """What may pass leaves the place where it was, without a receipt, and is tried again later: all of it, in order."""
    every(world, 1, 60)
    world.record(1, 2)
    world.answers = [answer]
    world.deliver()
    assert world.got() == []
    assert list(receipts.read(world.paths)) == []
    world.deliver()
    assert world.sizes() == [2]
    world.now += 61
    world.record(3)
    world.deliver()
    assert world.sizes() == [3]
    assert world.got() == [1, 2, 3]


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_batch_is_skipped(world: World, status: int) -> None:
    """A batch that the receiver does not want is passed over and counted, with a receipt that says so; the next one
    goes on.
    """
    world.record(1, 2)
    world.answers = [status]
    world.deliver()
    world.record(3)
    world.deliver()
    assert world.got() == [3]
    assert [(one["records"], one["status"], one["verdict"]) for one in receipts.read(world.paths)] == [
        (2, status, "skip"),
        (1, 200, "delivered"),
    ]
    assert world.losses() == {"receiver_refused": 2}


@pytest.mark.parametrize("answer", [401, 403, 404, 405, 410, 300, 301, 302, 307, 308, 418, 501, 100, "request"])
def test_a_refusal_holds_the_destination(world: World, answer: Any) -> None:
    """A destination that refuses us is left alone for a day, its place unmoved, and says so; then it is tried again."""
    world.record(1)
    world.answers = [answer]
    world.deliver()
    assert world.state().held
    for hour in range(2, 25):
        world.now += 3600
        world.record(hour)
        world.deliver()
    assert world.sizes() == [1]
    world.now += 3601
    world.answers = [answer]
    world.deliver()
    assert world.sizes() == [24]
    world.now += DAY + 1
    world.deliver()
    assert world.got()[0] == 1
    assert len(world.got()) == 24
    assert not world.state().held


LONG = {f"field_{number:02}_{'x' * 55}": 1 for number in range(32)}  # too long for an address


@pytest.mark.parametrize(
    ("properties", "status", "verdicts"),
    [
        ({"n": 1}, 414, []),
        (LONG, 414, ["skip", "delivered"]),
        (LONG, 405, ["skip", "delivered"]),
        (LONG, 503, ["delivered", "delivered"]),
        ({"n": 1}, 405, []),
    ],
    ids=["414", "long, 414", "long, 405", "long, 503", "405"],
)
def test_a_long_beacon_that_is_refused(
    world: World, properties: dict[str, int], status: int, verdicts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that came as a POST, being long, and is refused for whatever reason, is skipped and holds up no others."""
    world.destinations[0].format = "beacon"
    world.record(1, properties=properties)
    world.record(2)
    answers = [status]

    def exchange(*_: object, **__: object) -> Outcome:
        return Outcome(answers.pop() if answers else 200, None, "", 0.1)

    monkeypatch.setattr(world, "exchange", exchange)
    world.deliver()
    assert [one["verdict"] for one in receipts.read(world.paths)] == verdicts
    assert world.state().held == (not verdicts)


def test_a_refusal_that_becomes_a_failure(world: World) -> None:
    """A destination that fails after it refused us is not held any more."""
    every(world, 1, 60)
    world.record(1)
    world.answers = [403, 503]
    world.deliver()
    world.now += DAY + 1
    world.deliver()
    assert (world.state().held, world.state().failures) == (False, 1)


def test_too_large_is_halved_down_to_one(world: World) -> None:
    """413 halves the batch until it fits, at once; a single record that is too large is skipped."""
    world.answers = [
        lambda request: 413 if len(numbers(request)) > 3 or 7 in numbers(request) else 200 for _ in range(99)
    ]
    world.record(*range(1, 21))
    world.deliver()
    assert world.sizes()[:4] == [20, 10, 5, 2]
    assert world.got() == [number for number in range(1, 21) if number != 7]
    assert [one["ids"] for one in receipts.read(world.paths) if one["verdict"] == "skip"] == [
        [f"{7:08x}-0000-4000-8000-{7:012x}"]
    ]
    assert world.losses() == {"receiver_refused": 1}


def test_a_batch_grows_again(world: World) -> None:
    """After 413 was an accident, requests are as large as before, in a while."""
    world.record(*range(1, 401))
    world.answers = [413, 413, 413]
    world.deliver()
    world.sizes()
    for start in range(1000, 5000, 500):
        world.record(*range(start, start + 500))
        world.deliver()
    assert world.sizes()[-1] == 500


def test_the_backoff_doubles_with_jitter_and_survives(world: World) -> None:
    """Each failure in a row doubles the pause, up to a day, with jitter; each deliverer here is a new one.

    Within a pause no request is made.
    """
    every(world, 1, 60)
    world.record(1)
    world.answers = [500] * 20
    pauses = []
    for _ in range(20):
        world.deliver()
        pauses.append(world.state().wake - world.now)
        world.now += pauses[-1] - 3  # nearer than `PATIENCE_SECONDS` it is waited for
        world.deliver()
        world.now += 4
    assert world.sizes() == [1] * 20
    for failures, pause in enumerate(pauses):
        longest = min(60 * 2**failures, DAY)
        assert longest / 2 <= pause <= longest
    assert len({pause / min(60 * 2**at, DAY) for at, pause in enumerate(pauses)}) > 15
    world.deliver()
    assert world.got() == [1]
    assert world.state().failures == 0


def test_a_short_pause_is_waited_for(world: World) -> None:
    """A deliverer about to end waits the short pause of a destination that is always due, and tries once more."""
    world.record(1)
    world.answers = [503]
    world.deliver()
    assert world.got() == [1]
    assert NOON < world.now < NOON + delivery.PATIENCE_SECONDS


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0), (600.0, 600), (86_400.0, DAY), (1e9, DAY)])
def test_retry_after(world: World, asked: float, waited: float) -> None:
    """What a server asks for with Retry-After is waited for, from its answer on, at most a day."""
    every(world, 1, 60)
    world.record(1)
    world.answers = [(429, asked)]
    world.during = lambda _: setattr(world, "now", world.now + 5)
    world.deliver()
    assert max(0, waited - 0.001) <= world.state().wake - world.now <= max(60, waited)
    if waited:
        world.now += waited - 3
        world.deliver()
        assert world.sizes() == [1]
    world.now += 62
    world.deliver()
    assert world.got() == [1]


@pytest.mark.parametrize("days", [-400, -3, 400])
def test_a_clock_that_is_set(world: World, days: int) -> None:
    """After the clock was set, back or forward, by days or years, delivery goes on; nothing waits for the old time."""
    every(world, 1, 60)
    world.record(1)
    world.answers = [503]
    world.deliver()
    world.now += days * DAY
    world.record(2)
    world.deliver()
    assert world.got() == ([1, 2] if days < 30 else [2])


@pytest.mark.parametrize("answer", [503, 403, (429, DAY)], ids=["failed", "held", "told to wait"])
@pytest.mark.parametrize("hours", [1, 12, 24, 47])
def test_a_clock_that_is_set_back_lengthens_no_pause(world: World, answer: Any, hours: int) -> None:
    """A day is the longest, whatever remains of it by a clock that was set back by hours; the host thinks so, too."""
    every(world, 1, 60)
    world.record(1)
    world.answers = [answer]
    world.deliver()
    world.now -= hours * 3600
    began = world.now
    while not world.got():
        world.now += 600
        assert world.now - began <= DAY + 1200
        world.record(2)
        due = handover.due(world.paths, world.destinations, world.now)
        world.deliver()
        assert due == bool(world.got())


def test_force_delivers_what_is_not_due(world: World) -> None:
    """`flush` delivers what is neither due by number nor by time, past a backoff and past a refusal."""
    every(world, 100, 1e6)
    world.record(1)
    world.answers = [403]
    world.deliver(force=True)
    assert world.state().held
    world.deliver(force=True)
    assert world.got() == [1]


@pytest.mark.parametrize("answer", [503, 403, "refused", (429, 0.0)])
def test_force_does_not_hammer(world: World, answer: Any) -> None:
    """A destination that fails while all is forced is tried once, and the others are not kept from theirs."""
    world.destinations = tuple(Destination(url, batch_size=1, batch_interval=60) for url in (URL, OTHER_URL))
    world.answers = [answer]
    world.record(1)
    world.deliver(force=True)
    assert world.sizes() == [1, 1]
    assert (world.got(), world.got(OTHER_URL)) == ([], [1])


def test_a_dry_run_changes_nothing(world: World) -> None:
    """A deliverer that only looks writes nothing and sends nothing, and shows what the next one sends."""
    world.record(1)
    world.deliver()
    world.record(2, 3)
    before = {path: path.read_bytes() for path in world.directory.iterdir()}
    looking = world.delivery(world.plan(""), dry=True)
    number, request = looking.next_request(world.destinations[0])
    assert looking.waiting(world.destinations[0]) == number == 2
    assert {path: path.read_bytes() for path in world.directory.iterdir()} == before
    world.deliver()
    assert request is not None
    assert (request.body, request.headers) == (world.requests[-1].body, world.requests[-1].headers)


def test_what_is_told(world: World) -> None:
    """One line for each request, without anything secret of the destination."""
    every(world, headers={"X-Key": "s3cret"})
    world.record(1, 2)
    world.answers = [413, "refused"]
    world.deliver()
    assert world.told == [
        f"{URL}: 2 records, 413: halve",
        f"{URL}: 1 record, failed (refused): retry",
        f"{URL}: 1 record, 200: delivered",
        f"{URL}: 1 record, 200: delivered",
    ]


def test_the_work_of_anybody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`work.deliver` raises nothing of a disk, a consent or a plan, and makes nothing where telemetry is off."""
    made: list[Any] = []
    monkeypatch.setattr(working, "Delivery", lambda *given, **options: made.append(given) or _Nothing())
    working.deliver(world.plan(), until=1e12)
    assert len(made) == 1
    working.deliver({"tool": "mytool"}, until=1e12)
    working.deliver({}, until=1e12)
    values = courier.plain(owner(world.plan()), world.destinations, RUN, None)
    options = {**world.destinations[0].options(), "of_another_version": 1}
    working.deliver({**values, "destinations": [options]}, until=1e12)
    world.environ = {"DO_NOT_TRACK": "1"}
    for path in world.directory.iterdir():
        path.unlink()
    world.directory.rmdir()
    working.deliver(world.plan(), until=1e12)
    assert not world.directory.exists()
    assert len(made) == 1


class _Nothing:
    def work(self, lock: DeliveryLock) -> None:
        """Meet a full disk."""
        raise OSError(28, "full")


def test_a_plan_crosses_the_pipe(world: World) -> None:
    """A plan made of its plain values delivers as the plan does."""
    world.declaration = Declaration({"search": {"n": Number(), "count": {"count": Count()}}})
    world.record(1, properties={"n": 1, "count": {"count": 3}})
    plan = world.plan()
    values = json.loads(json.dumps(courier.plain(owner(plan), plan.destinations, plan.run, None)))
    world.deliver(working.restored(values | {"signature": plan.signature, "own": plan.own}))
    assert world.got() == [1]
    assert json.loads(world.requests[0].body)["records"][0]["properties"] == {"n": 1, "count": {"count": 3}}


def test_the_consent_of_a_plan_crosses_the_pipe(world: World) -> None:
    """What a process recorded in the very second in which its user agreed is sent by its child, too."""
    world.agree("true")
    world.record(1)
    plan = world.plan()
    values = marshal.loads(marshal.dumps(courier.plain(owner(plan), plan.destinations, plan.run, plan.signature)))
    restored = plans.restored(values | {"own": plan.own})
    assert (restored.run, restored.signature) == (plan.run, plan.signature)
    world.deliver(restored)
    assert world.got() == [1]


def test_of_the_environment_a_child_is_told_what_the_gate_looks_at(world: World) -> None:
    """No other variable of the host crosses the pipe: no secret of another tool, and none of its own."""
    world.environ = {"AWS_SECRET_ACCESS_KEY": "s", "CI": "", "MYTOOL_TELEMETRY_OPT_IN": "true", "MYTOOL_TOKEN": "s"}
    plan = world.plan()
    values = courier.plain(owner(plan), plan.destinations, plan.run, None)
    assert values["environ"] == {"CI": "", "MYTOOL_TELEMETRY_OPT_IN": "true"}


def owner(plan: plans.Plan) -> Any:
    """Whoever would make that plan."""
    return SimpleNamespace(**vars(plan) | {"name": plan.tool, "flagged": None})


def test_times_on_the_wire_are_cut(world: World) -> None:
    """What leaves has its time cut to the precision of the destination; the log keeps the second."""
    world.record(1)
    world.deliver()
    (record,) = json.loads(world.requests[0].body)["records"]
    assert record["time"] == timestamp(world.now)[:13] + ":00:00Z"
    assert record["run"] == RUN
