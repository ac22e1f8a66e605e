"""Consent bound to what was said: what a later version adds stays on this machine until the user agrees again."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from discreet import consent, directories, first, names
from discreet.consent import stored
from discreet.destination import Destination
from discreet.log import timestamp
from discreet.privacy import coverage
from discreet.privacy.declaration import Declaration
from discreet.sending import courier, entering, handover, period, work
from discreet.sending import state as states
from sending.outboxes import OTHER_RUN, URL, World, line, own_world

OTHER_URL = "https://other.example/t"
ONE, OTHER = (Destination(url, batch_size=1, batch_interval=0) for url in (URL, OTHER_URL))
BEFORE, AFTER = Declaration({"search": {"n": "number"}}), Declaration({"search": {"n": "number", "m": "number"}})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of this test's own."""
    yield from own_world(tmp_path, monkeypatch)


class Noted:
    """A process that runs for the first time under a consent."""

    name, mode = "mytool", "opt-in"
    identity = "run"

    def __init__(self, world: World, declaration: Declaration | None) -> None:
        self.paths = world.paths
        self.environ = world.environ
        self.settings: dict[str, object] = {}
        self.destinations: tuple[Destination, ...] = ()
        self.declaration = declaration
        self.signature = consent.signature(world.paths)


@pytest.mark.parametrize("identity", ["run", "install"])
@pytest.mark.parametrize("declaration", [None, Declaration()])
@pytest.mark.parametrize("urls", [(), (URL,)])
def test_what_is_noted_without_a_declaration(
    world: World, identity: str, declaration: Declaration | None, urls: tuple[str, ...]
) -> None:
    """The short way, which loads no room for it, says what the long one does."""
    owner, destinations = Noted(world, declaration), tuple(map(Destination, urls))
    owner.identity = identity
    hosts = first.declared_hosts(owner, destinations)  # type: ignore[arg-type]  # all of one that it looks at
    assert bool(hosts) == bool(urls)
    told = first.disclosed(owner, destinations)  # type: ignore[arg-type]  # as above
    assert told == coverage.lines(declaration, hosts, identity=identity)


def strict(world: World) -> Any:
    """A plan in which no host is the user's own choice."""
    return world.plan(own=())


def later(world: World) -> Any:
    """The same of another process."""
    return world.plan(OTHER_RUN, own=())


def version(world: World, declaration: Declaration | None, *destinations: Destination) -> None:
    """The tool in another version."""
    world.declaration, world.destinations = declaration, destinations or (ONE,)


def agree(world: World, *destinations: Destination) -> None:
    """The user agrees to what the present version discloses, as the verb `on` does it."""
    covers = coverage.lines(world.declaration, [one.host for one in destinations])
    stored.store(world.paths, "true", timestamp(world.now), covers)
    period.begin(world.paths)


def properties(world: World) -> list[dict[str, Any]]:
    """The properties of all records that were sent, in order."""
    return [one["properties"] for request in world.requests for one in json.loads(request.body)["records"]]


def test_an_addition_stays_and_the_rest_goes_on(world: World) -> None:
    """The records of the new version go on without the new field, until the user agrees again."""
    version(world, BEFORE)
    agree(world, ONE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    version(world, AFTER)
    world.record(2, properties={"n": 2, "m": 7})
    world.deliver(strict(world))
    agree(world, ONE)
    world.record(3, properties={"n": 3, "m": 8})
    world.deliver(strict(world))
    assert properties(world) == [{"n": 1}, {"n": 2}, {"n": 3, "m": 8}]


def test_a_new_id_stays(world: World) -> None:
    """An id of the installation that a later version brings is taken out of its records, and of what asks for flags."""
    world.record(1)
    world.deliver(strict(world))
    world.record(2, install="ab" * 16)
    plan = world.plan(own=(), identity="install", flags="install")
    world.deliver(plan)
    assert plan.flags == "run"
    covers = coverage.lines(None, [ONE.host], identity="install")
    stored.store(world.paths, "true", timestamp(world.now), covers)
    period.begin(world.paths)
    world.record(3, install="ab" * 16)
    plan = world.plan(own=(), identity="install", flags="install")
    world.deliver(plan)
    assert plan.flags == "install"
    records = [one for request in world.requests for one in json.loads(request.body)["records"]]
    assert [one.get("install") for one in records] == [None, None, "ab" * 16]


def test_a_first_run_with_an_id_covers_it(world: World) -> None:
    """Where a yes was given without a disclosure, the first run under it notes the id, or the first deliverer does."""
    noted = Noted(world, None)
    noted.identity = "install"
    first.note(noted, (ONE,))
    assert "+ install" in json.loads((world.directory / "delivery.json").read_bytes())["covered"]
    (world.directory / "delivery.json").unlink()
    world.record(1, install="ab" * 16)
    world.deliver(world.plan(own=(), identity="install"))
    assert json.loads(world.requests[0].body)["records"][0]["install"] == "ab" * 16


@pytest.mark.parametrize("earlier", [False, True], ids=["no file", "a note of another period"])
def test_of_several_first_processes_one_notes(world: World, earlier: bool) -> None:
    """What the first of them has recorded by the time that the second gets to its note is delivered all the same."""
    noted = Noted(world, None)
    if earlier:
        first.note(noted, (ONE,))
        world.agree("true", world.now - 10)
        noted = Noted(world, None)
    first.note(noted, (ONE,))
    content = (world.directory / "delivery.json").read_bytes()
    world.record(1, run=OTHER_RUN)
    first.note(noted, (ONE,))
    assert (world.directory / "delivery.json").read_bytes() == content
    world.deliver(strict(world))
    assert world.got() == [1]


def test_a_new_event_is_counted(world: World) -> None:
    """An event of a later version is passed over, under a reason of its own."""
    version(world, BEFORE)
    agree(world, ONE)
    version(world, Declaration({"search": {"n": "number"}, "open": {}}))
    world.write(line(1, world.now).replace(b'"search"', b'"open"').replace(b'{"n":1}', b"{}"))
    world.record(2, properties={"n": 2})
    world.deliver(strict(world))
    assert properties(world) == [{"n": 2}]
    assert world.losses() == {"not_agreed_to": 1}


def test_a_new_host_gets_nothing(world: World) -> None:
    """A destination on a host that was not disclosed is left alone, until the user agrees; the others go on. For a day
    no host starts anybody for it.
    """
    version(world, BEFORE)
    agree(world, ONE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    version(world, BEFORE, ONE, OTHER)
    world.record(2, properties={"n": 2})
    world.deliver(strict(world), force=True)
    assert (world.got(), world.got(OTHER_URL)) == ([1, 2], [])
    hours = [hour for hour in (0, 1, 23, 25) if handover.due(world.paths, (OTHER,), world.now + 3600 * hour)]
    assert hours == [25]
    agree(world, ONE, OTHER)
    world.record(3, properties={"n": 3})
    world.deliver(strict(world))
    assert (world.got(), world.got(OTHER_URL)) == ([1, 2, 3], [3])


@pytest.mark.parametrize("noted", [False, True], ids=["a deliverer", "a first run"])
@pytest.mark.parametrize("by_hand", [False, True], ids=["with a disclosure", "by hand"])
def test_finer_times_stay_as_coarse_as_agreed(world: World, by_hand: bool, noted: bool) -> None:
    """The records of a version whose times are finer go on, with their times cut as before, until the user agrees
    again; what is coarser needs nothing.
    """
    coarse, fine = (Destination(URL, batch_size=1, batch_interval=0, time_precision=to) for to in ("day", "second"))
    version(world, BEFORE, coarse)
    if by_hand:
        world.agree("true")
    else:
        stored.store(world.paths, "true", timestamp(world.now), coverage.lines(BEFORE, coverage.hosts([coarse])))
    if noted:
        first.note(Noted(world, BEFORE), (coarse,))
    for number, destination in enumerate((coarse, fine, fine, coarse), 1):
        world.now += 10
        version(world, BEFORE, destination)
        if number == 3:
            period.answer(world.paths, "true", coverage.lines(BEFORE, coverage.hosts([fine])))
            os.utime(world.directory / "opt-in", (world.now, world.now))
            world.now += 10
        world.record(number, properties={"n": number})
        world.deliver(strict(world))
    times = [one["time"] for request in world.requests for one in json.loads(request.body)["records"]]
    whole = timestamp(world.now - 10)
    assert times == [f"{whole[:10]}T00:00:00Z", f"{whole[:10]}T00:00:00Z", whole, f"{whole[:10]}T00:00:00Z"]
    assert (coarse.time_precision, fine.time_precision) == ("day", "second")  # the tool's own are left as they are


def test_times_to_a_host_of_the_users_own(world: World) -> None:
    """What the user's environment names gets them as it is said there."""
    version(world, BEFORE, Destination(URL, batch_size=1, batch_interval=0, time_precision="second"))
    agree(world, ONE)
    world.record(1, properties={"n": 1})
    world.deliver()
    (record,) = json.loads(world.requests[0].body)["records"]
    assert record["time"] == timestamp(world.now)


def test_a_host_of_the_users_own_needs_no_agreement(world: World) -> None:
    """What the user's environment names is the user's choice, from one run to the next."""
    version(world, BEFORE)
    agree(world)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    assert world.got() == []
    world.record(2, properties={"n": 2})
    world.deliver(world.plan(own=(ONE.host,)))
    assert world.got() == [1, 2]


def test_a_yes_without_a_disclosure_covers_the_first_run(world: World) -> None:
    """A hand-written yes covers what the first run under it discloses, and nothing that a later version adds."""
    version(world, BEFORE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    version(world, AFTER, ONE, OTHER)
    world.record(2, properties={"n": 2, "m": 7})
    world.deliver(strict(world))
    assert properties(world) == [{"n": 1}, {"n": 2}]
    assert world.got(OTHER_URL) == []


@pytest.mark.parametrize("noted", [False, True], ids=["a deliverer", "a first run"])
@pytest.mark.parametrize("character", ["ж", '"', "é", "x"])
def test_however_much_it_covers(world: World, character: str, noted: bool) -> None:
    """A yes by hand to a declaration of thousands of texts in any script covers these, and not what a later version
    adds; nothing is sent twice and nothing that waits is lost.
    """
    choices = [f"{character * 5}{at:04}" for at in range(2000)]
    version(world, Declaration({"search": {"n": "number", "rule": {"one_of": choices}}}))
    if noted:
        first.note(Noted(world, world.declaration), (ONE,))
    for number in (1, 2):
        world.record(number, properties={"n": number, "rule": choices[number]})
        world.deliver(strict(world))
    assert not states.load(world.paths["delivery"]).lost
    version(world, Declaration({"search": {"n": "number", "rule": {"one_of": choices}}, "open": {"who": "hash"}}))
    world.record(3, event="open", properties={"who": "ab" * 8})
    world.record(4, properties={"n": 4, "rule": choices[0]})
    world.deliver(strict(world))
    assert [one["n"] for one in properties(world)] == [1, 2, 4]
    assert world.losses() == {"not_agreed_to": 1}


TORN = [b"", b'{"v":1,"plan":"","per', b"null", b"x" * 100_000]


@pytest.mark.parametrize("noted", [False, True], ids=["a deliverer", "a first run"])
@pytest.mark.parametrize("content", TORN, ids=["empty", "torn", "null", "too long"])
def test_what_a_yes_covered_may_be_lost(world: World, content: bytes, noted: bool) -> None:
    """Then it covers nothing, and not what is disclosed now: nothing is sent until the user agrees again, in whatever
    way, and until then every version says what it is that is not covered.
    """
    version(world, BEFORE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    (world.directory / "delivery.json").write_bytes(content)
    version(world, AFTER)
    if noted:
        first.note(Noted(world, AFTER), (ONE,))
    world.record(2, properties={"n": 2, "m": 7}, run=OTHER_RUN)
    for _ in range(2):
        world.deliver(later(world))
        assert properties(world) == [{"n": 1}]
        (told,) = world.delivery(later(world), dry=True).agreement.additions()
        assert told == "all of it, since what was agreed to has been lost"
    world.now += 10
    world.agree("true")
    world.now += 10
    first.note(Noted(world, AFTER), (ONE,))
    world.record(3, properties={"n": 3, "m": 8}, run="c" * 16)
    world.deliver(world.plan("c" * 16, own=()))
    assert properties(world) == [{"n": 1}, {"n": 3, "m": 8}]


# How other versions told answers apart: by the inode as well, without the notice, or as nobody does yet.
OTHER_WAYS = ["((7, 5, 9), None, None)", "((7, 5, 9), None)", "((5, 9), None, None, None)", "5f1c9a0b"]


def told_by(world: World, period: str) -> None:
    """Let another version have told the last answer apart, by `period`."""
    path = world.directory / "delivery.json"
    state = json.loads(path.read_bytes())
    path.write_text(json.dumps({**state, "noted" if "noted" in state else "period": period}))


@pytest.mark.parametrize("noted", [False, True])
@pytest.mark.parametrize("period", OTHER_WAYS)
def test_what_another_version_of_this_package_noted(world: World, period: str, noted: bool) -> None:
    """It may be of the answer that still stands, so the later version of the tool adds nothing to what that covered."""
    version(world, BEFORE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    told_by(world, period)
    version(world, AFTER, ONE, OTHER)
    if noted:
        first.note(Noted(world, AFTER), (ONE, OTHER))
    world.now += 10
    world.record(2, properties={"n": 2, "m": 7})
    world.deliver(strict(world))
    assert properties(world) == [{"n": 1}, {"n": 2}]
    assert not consent.is_first_run(world.paths, consent.signature(world.paths))


@pytest.mark.parametrize("since", [None, 1.0, -86_400.5])
def test_a_new_answer_by_hand(world: World, since: float | None) -> None:
    """After an answer whose file has any date, one from before 1970 included, another one covers what is new."""
    version(world, BEFORE)
    world.agree("true", since)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    version(world, AFTER)
    world.now += 10
    world.agree("enhanced")
    world.now += 10
    world.record(2, properties={"n": 2, "m": 7})
    world.deliver(strict(world))
    assert properties(world)[-1] == {"n": 2, "m": 7}


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside places"])
def test_a_first_run_that_another_version_of_this_package_noted(world: World, beside: bool) -> None:
    """The same where no deliverer has seen the note."""
    version(world, BEFORE)
    if beside:
        world.record(1, properties={"n": 1})
        world.deliver(strict(world))
        world.now += 10
        world.agree("true")
    first.note(Noted(world, BEFORE), (ONE,))
    told_by(world, OTHER_WAYS[0])
    version(world, AFTER)
    first.note(Noted(world, AFTER), (ONE,))
    world.now += 10
    world.record(2, properties={"n": 2, "m": 7})
    world.deliver(strict(world))
    assert properties(world)[beside:] == [{"n": 2}]


def test_an_answer_to_the_tool_is_another_one(world: World) -> None:
    """Whatever another version noted: `discreet --tool mytool on` is a yes to what is disclosed by the next run."""
    version(world, BEFORE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    told_by(world, OTHER_WAYS[0])
    version(world, AFTER)
    period.answer(world.paths, "true")
    world.now += 10
    world.record(2, properties={"n": 2, "m": 7})
    world.deliver(strict(world))
    assert properties(world) == [{"n": 1}, {"n": 2, "m": 7}]


def test_an_answer_that_cannot_be_read_just_now(world: World) -> None:
    """It may say less than what is disclosed now, so nobody goes on without it."""
    plan, signature = strict(world), consent.signature(world.paths)
    (world.directory / "opt-in").unlink()
    (world.directory / "opt-in").mkdir()
    with pytest.raises(OSError, match="opt-in"):
        entering.enter(plan, states.load(world.paths["delivery"]), signature, "stored consent", world.now)


@pytest.mark.parametrize("covers", [False, True], ids=["without a disclosure", "with one"])
def test_another_answer_needs_nothing_of_what_was_lost(world: World, covers: bool) -> None:
    """An answer that is given anew puts an end to it: all that it covers is sent from there on."""
    version(world, BEFORE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    (world.directory / "delivery.json").write_bytes(b"{")
    world.now += 10
    period.answer(world.paths, "true", coverage.lines(AFTER, [ONE.host]) if covers else [])
    os.utime(world.directory / "opt-in", (world.now, world.now))
    world.now += 10
    version(world, AFTER)
    first.note(Noted(world, AFTER), (ONE,))
    world.record(2, properties={"n": 2, "m": 7}, run=OTHER_RUN)
    world.deliver(later(world))
    assert properties(world) == [{"n": 1}, {"n": 2, "m": 7}]


def test_an_answer_that_says_what_it_covers_is_not_lost(world: World) -> None:
    """It stands in the file of the answer; of delivery.json only the places are gone, and nothing old is sent."""
    version(world, BEFORE)
    agree(world, ONE)
    world.record(1, properties={"n": 1}, run=OTHER_RUN)
    (world.directory / "delivery.json").write_bytes(b"{")
    world.now += 10
    world.record(2, properties={"n": 2, "m": 7})
    version(world, AFTER)
    world.deliver(strict(world))
    assert properties(world) == [{"n": 2}]


def test_the_first_run_of_a_tool_that_sends_nothing(world: World) -> None:
    """It said that everything stays on this machine: a host that a later version brings was not agreed to."""
    first.note(Noted(world, BEFORE), ())
    world.record(1, properties={"n": 1})
    version(world, BEFORE)
    first.note(Noted(world, BEFORE), (ONE,))
    world.record(2, properties={"n": 2})
    world.deliver(strict(world))
    assert world.got() == []
    agree(world, ONE)
    world.record(3, properties={"n": 3})
    world.deliver(strict(world))
    assert world.got() == [3]


def test_another_yes_begins_anew(world: World) -> None:
    """Another hand-written yes covers what the first run under it discloses, the additions too."""
    first.note(Noted(world, BEFORE), (ONE,))
    world.now += 10
    world.agree("true")
    world.now += 10
    assert consent.is_first_run(world.paths, consent.signature(world.paths))
    first.note(Noted(world, AFTER), (ONE,))
    assert not consent.is_first_run(world.paths, consent.signature(world.paths))
    version(world, AFTER)
    world.record(1, properties={"n": 1, "m": 7})
    world.deliver(strict(world))
    assert properties(world) == [{"n": 1, "m": 7}]


def note_a_second_yes(world: World) -> None:
    """A delivery under one yes, then another one, and what its first run notes."""
    version(world, BEFORE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    world.now += 10
    world.agree("true")
    first.note(Noted(world, BEFORE), (ONE,))


@pytest.mark.parametrize("then", ["a deliverer", "a verb"])
def test_a_note_of_another_consent_covers_nothing(world: World, then: str) -> None:
    """What was noted under a yes that has gone is not what the next one covers: its own first run says that."""
    note_a_second_yes(world)
    world.now += 10
    world.agree("true")
    if then == "a verb":
        period.begin(world.paths)
    world.now += 10
    version(world, AFTER)
    world.record(2, properties={"n": 2, "m": 7}, run=OTHER_RUN)
    world.deliver(later(world))
    assert properties(world)[-1] == {"n": 2, "m": 7}


@pytest.mark.parametrize("then", ["a deliverer", "a verb"])
def test_a_note_is_taken_over_once(world: World, then: str) -> None:
    """It becomes what is covered, and does not stay beside it: both may be more than is read of the file."""
    note_a_second_yes(world)
    told = states.load(world.paths["delivery"]).told
    if then == "a verb":
        period.begin(world.paths)
    else:
        world.deliver(strict(world))
    state = states.load(world.paths["delivery"])
    assert (state.covered, state.noted, state.told) == (told, "", [])
    assert b"noted" not in (world.directory / "delivery.json").read_bytes()


def test_enhanced_fields_are_withdrawn_with_the_level(world: World) -> None:
    """Back at the basic level nothing of the enhanced one is sent, recorded before or not."""
    version(world, Declaration({"search": {"n": "number", "m": {"number": True, "level": "enhanced"}}}))
    covers = coverage.lines(world.declaration, [ONE.host])
    stored.store(world.paths, "enhanced", timestamp(world.now), covers)
    period.begin(world.paths)
    world.record(1, properties={"n": 1, "m": 7})
    world.deliver(strict(world))
    world.record(2, properties={"n": 2, "m": 8})
    agree(world, ONE)
    world.record(3, properties={"n": 3, "m": 9})
    world.deliver(strict(world))
    assert properties(world) == [{"n": 1, "m": 7}, {"n": 3}]


def test_a_thread_delivers_under_the_consent_of_the_beginning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the process has seen since: not all of its records are of the answer that stands now."""
    seen: list[Any] = []
    monkeypatch.setattr(work, "deliver", lambda plan, **_: seen.append(plan.signature))
    monkeypatch.setattr(courier, "plan_of", lambda *_: world.plan(signature=None))
    monkeypatch.setattr(courier.Courier, "_due", lambda _: True)
    owner: Any = SimpleNamespace(delivery="thread", signature="of the beginning")
    made = courier.Courier(owner, world.destinations)
    owner.signature = "of now"
    made.work("a" * 16)
    assert seen == ["of the beginning"]


@pytest.mark.parametrize("call", ["lstat", "stat", "open", "read"])
def test_a_first_run_that_cannot_look(world: World, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Where a first run cannot look at what is there, it takes neither an older log for none nor a deliverer's places
    for none: nothing from before it is sent, and no place is lost.
    """
    world.record(1, run=OTHER_RUN)
    world.now += 10
    with monkeypatch.context() as patch:
        refuse(patch, call)
        first.note(Noted(world, None), (ONE,))
    world.record(2)
    world.deliver(strict(world))
    assert world.got() == [2]
    before = (world.directory / "delivery.json").read_bytes()
    with monkeypatch.context() as patch:
        refuse(patch, call)
        first.note(Noted(world, None), (ONE,))
    first.note(Noted(world, None), (ONE,))
    assert (world.directory / "delivery.json").read_bytes() == before


def test_a_first_run_makes_no_home(world: World, tmp_path: Path) -> None:
    """A home that is missing, of a disk that is not there yet say, stays so."""
    owner, home = Noted(world, None), tmp_path / "homes" / "mine"
    owner.paths = names.Paths("mytool", {"HOME": str(home)})
    owner.signature = consent.signature(owner.paths)
    for exists in (False, True):
        first.note(owner, (ONE,))
        assert home.exists() is (home / ".mytool" / "telemetry" / "delivery.json").exists() is exists
        home.mkdir(parents=True, exist_ok=True)


def test_who_comes_second_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process has noted since this one looked stays: its records may lie on the log already."""
    content, written = first._content, []

    def slowly(*given: Any) -> bytes:
        monkeypatch.setattr(first, "_content", content)
        first.note(Noted(world, None), (ONE,))
        written.append((world.directory / "delivery.json").read_bytes())
        return content(*given)

    monkeypatch.setattr(first, "_content", slowly)
    first.note(Noted(world, None), (OTHER,))
    assert [(world.directory / "delivery.json").read_bytes()] == written


def refuse(patch: pytest.MonkeyPatch, call: str) -> None:
    """Let a call of the system fail."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    patch.setattr(os, call, fail)


def test_who_comes_second_waits_for_who_notes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process is at it a note of an earlier period is not replaced a second time, but waited for."""
    first.note(Noted(world, None), (ONE,))
    world.agree("true", world.now - 10)
    noted, lock = Noted(world, None), directories.DirectoryLock(str(world.directory))
    written: list[bytes] = []

    def sleep(_: float) -> None:
        first._renew(noted, (ONE,))
        written.append((world.directory / "delivery.json").read_bytes())
        world.record(1, run=OTHER_RUN)
        lock.__exit__()

    monkeypatch.setattr(first.time, "sleep", sleep)
    assert lock.__enter__()
    first.note(noted, (ONE,))
    assert [(world.directory / "delivery.json").read_bytes()] == written
    world.deliver(strict(world))
    assert world.got() == [1]
