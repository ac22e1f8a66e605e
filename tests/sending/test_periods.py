"""Where a period of consent begins, and a destination in it, whatever else happens in that moment."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consent.test_home import STRANGER
from discreet import consent, first
from discreet.cli.data import ours, remove
from discreet.cli.session import Session
from discreet.consent import stored
from discreet.destination import Destination
from discreet.log import Log, timestamp
from discreet.privacy import coverage
from discreet.sending import delivery, entering, outbox, period
from discreet.sending import state as states
from discreet.sending.delivery import Withdrawn
from discreet.sending.lock import DeliveryLock
from sending.outboxes import OTHER_RUN, Crash, World, line, own_world
from sending.test_entering import (
    AFTER,
    BEFORE,
    ONE,
    OTHER,
    OTHER_URL,
    Noted,
    note_a_second_yes,
    properties,
    strict,
    version,
)

THIRD_RUN = "c" * 16


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of this test's own."""
    yield from own_world(tmp_path, monkeypatch)


@pytest.fixture
def _own_clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """First runs go by the clock of the world."""
    monkeypatch.setattr(first.time, "time", lambda: world.now)


def answer(world: World, word: str = "true") -> None:
    """What the verb `on` or `off` does."""
    covers = coverage.lines(world.declaration, [one.host for one in world.destinations])
    stored.store(world.paths, word, timestamp(world.now), covers)
    os.utime(world.directory / "opt-in", (world.now, world.now))
    period.begin(world.paths)


def tell(world: World, *, at: float | None = None) -> None:
    """What an opt-out tool does: the notice of the present version."""
    stored.note(world.paths, coverage.lines(world.declaration, [ONE.host]), timestamp(world.now))
    os.utime(world.directory / "notice", (at or world.now, at or world.now))


def sent_to_a_first_destination(world: World) -> list[int]:
    """Let the tool have its first one, for a record 10; which records are sent there."""
    world.now += 100
    answer(world)
    world.now += 100
    first.note(Noted(world, None), world.destinations)
    world.now += 1
    world.record(10)
    world.deliver(strict(world))
    return world.got()


@pytest.mark.parametrize("how", ["rotated in this moment", "erased by the user"])
@pytest.mark.usefixtures("_own_clock")
def test_a_log_without_its_newest_file_is_no_empty_one(world: World, how: str) -> None:
    """What lies in older files was recorded before there was any destination, and stays."""
    world.record(1, 2, run=OTHER_RUN)
    world.rotate()
    if how.startswith("erased"):
        world.record(3, run=OTHER_RUN)
        world.log.unlink()
    assert sent_to_a_first_destination(world) == [10]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.usefixtures("_own_clock")
def test_the_oldest_file_is_a_log_too(world: World, number: int) -> None:
    """What lies in a rotated file alone was recorded before there was any destination, and stays."""
    world.record(1, run=OTHER_RUN)
    for _ in range(number):
        world.rotate()
    assert sent_to_a_first_destination(world) == [10]


@pytest.mark.parametrize("by", ["verb", "hand", "new destination"])
def test_a_last_line_without_a_newline_stays_behind(world: World, by: str) -> None:
    """An editor left it so; the next append does not carry it over into a new period, or to a new destination."""
    world.record(1)
    world.deliver()
    world.now += 10
    world.record(2)
    world.write(line(3, world.now)[:-1])
    world.now += 10
    if by == "verb":
        answer(world, "false")
        world.now += 10
        answer(world)
    elif by == "hand":
        world.agree("false")
        world.now += 10
        world.agree("true")
        world.deliver(world.plan(run=OTHER_RUN))
    else:
        world.accepted.clear()
        world.destinations = (Destination("https://new.example/t", batch_size=1, batch_interval=0),)
        world.deliver(world.plan(run=OTHER_RUN))
    world.now += 10
    Log(world.paths).append([line(4, world.now, run=OTHER_RUN)])
    world.deliver(world.plan(run=OTHER_RUN))
    assert [number for _, number in world.accepted] == ([4] if by == "new destination" else [1, 4])


@pytest.mark.parametrize("plant", ["a link", "another user's"])
def test_no_line_is_closed_in_what_is_not_ours(world: World, tmp_path: Path, plant: str) -> None:
    """A file that somebody linked to, or that is somebody's, stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    if plant == "a link":
        world.log.symlink_to(victim)
    elif not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("gives files to other users")
    else:
        os.chown(victim, STRANGER, -1)
        victim.rename(world.log)
        victim = world.log
    with pytest.raises(OSError, match=r"usage\.jsonl"):
        outbox.close_torn(world.paths)
    assert victim.read_text() == "precious"


def test_an_empty_log(world: World) -> None:
    """Somebody emptied it: nothing waits, and what comes is delivered."""
    world.log.touch()
    world.deliver()
    world.record(1)
    world.deliver()
    assert world.got() == [1]


def test_looking_closes_no_line(world: World) -> None:
    """`status` and `preview` change nothing, an unfinished line neither."""
    world.record(1)
    world.write(b"{")
    before = world.log.read_bytes()
    assert world.delivery(world.plan(), dry=True).waiting(world.destinations[0]) == 1
    assert world.log.read_bytes() == before


def test_an_empty_line_is_no_loss(world: World) -> None:
    """Two writers that close a torn line at once leave one."""
    world.record(1)
    world.write(b"\n")
    world.record(2)
    world.deliver()
    assert world.got() == [1, 2]
    assert world.losses() == {}


def test_a_process_that_decided_long_ago_notes_nothing(world: World) -> None:
    """The first run under the new yes has noted what that covers, and this one does not write over it."""
    version(world, BEFORE)
    stale = Noted(world, BEFORE)
    world.now += 10
    world.agree("true")
    first.note(Noted(world, BEFORE), (ONE,))
    noted = (world.directory / "delivery.json").read_bytes()
    assert consent.is_first_run(world.paths, stale.signature)
    first.note(stale, (ONE,))
    assert (world.directory / "delivery.json").read_bytes() == noted


@pytest.mark.parametrize("then", ["a deliverer", "a verb"])
def test_what_a_second_yes_covers_is_for_its_first_run_to_say(world: World, then: str) -> None:
    """Not for whoever delivers first under it, which may be a later version."""
    note_a_second_yes(world)
    assert not consent.is_first_run(world.paths, consent.signature(world.paths))
    world.record(2, properties={"n": 2}, run=OTHER_RUN)
    version(world, AFTER, ONE, OTHER)
    if then == "a verb":
        period.begin(world.paths)
    world.now += 10
    first.note(Noted(world, AFTER), (ONE, OTHER))
    world.record(3, properties={"n": 3, "m": 7})
    world.deliver(strict(world))
    assert {"n": 3, "m": 7} not in properties(world)
    assert properties(world)[-1] == {"n": 3}
    assert world.got(OTHER_URL) == []


def test_two_answers_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ends that were found for the first are not taken for those of the last."""
    start = outbox.start
    ran: list[bool] = []

    def overtaken(paths: Any, begins: Any) -> Any:
        found = start(paths, begins)
        if not ran:
            ran.append(True)
            world.record(2, run=OTHER_RUN)
            for word in ("false", "true"):  # in another window: the lock is taken, so they are only stored
                world.now += 5
                answer(world, word)
        return found

    world.record(1)
    world.deliver()
    monkeypatch.setattr(outbox, "start", overtaken)
    world.now += 5
    answer(world)
    assert ran
    world.now += 5
    world.record(3, run=THIRD_RUN)
    world.deliver(world.plan(run=THIRD_RUN))
    assert world.got() == [1, 3]


def test_a_file_server_whose_clock_is_slow(world: World) -> None:
    """An answer that could not move the places begins by the date that it gives itself, not by an earlier one that a
    file server's clock gave its file.
    """
    world.record(1)
    world.deliver()
    world.now += 10
    world.record(2, run=OTHER_RUN)
    with DeliveryLock(world.paths) as held:  # somebody is delivering, so the answers are only stored
        assert held
        for word in ("false", "true"):
            world.now += 10
            answer(world, word)
            os.utime(world.directory / "opt-in", (world.now - 7200, world.now - 7200))
    world.now += 10
    world.record(3, run=THIRD_RUN)
    world.deliver(world.plan(run=THIRD_RUN))
    assert world.got() == [1, 3]


def test_an_answer_dated_ahead(world: World) -> None:
    """A date that has not come yet says nothing: the file's own counts, and no record is held back."""
    world.record(1)
    world.deliver()
    world.now += 10
    world.agree(f"true {timestamp(world.now + 86_400)}")
    world.now += 10
    world.record(2, run=OTHER_RUN)
    world.deliver(world.plan(run=THIRD_RUN))
    assert world.got() == [1, 2]


def test_an_answer_dated_ahead_and_a_notice(world: World) -> None:
    """Nor does it hide the date of a notice that came after it, where a file server's clock is slow."""
    world.record(1)
    world.deliver()
    world.now += 10
    world.agree(f"true {timestamp(world.now + 86_400)}", since=world.now - 7200)
    world.record(2, run=OTHER_RUN)
    world.now += 10
    tell(world, at=world.now - 7200)
    world.now += 10
    world.record(3, run=THIRD_RUN)
    world.deliver(world.plan(run=THIRD_RUN, mode="opt-out"))
    assert world.got() == [1, 3]


def test_a_record_of_the_very_second_of_an_answer_stays(world: World) -> None:
    """Whether it was made before the answer or after it, nobody knows."""
    world.record(1)
    world.deliver()
    world.now += 10
    world.agree("false")
    world.record(2)
    world.agree("true")
    world.now += 1
    world.record(3)
    world.now += 10
    world.deliver(world.plan(run=OTHER_RUN))
    assert world.got() == [1, 3]


def test_an_answer_while_a_deliverer_is_at_work_leaves_its_state(world: World) -> None:
    """Whoever holds the lock writes the state, and looks after the answer itself."""
    world.record(1)
    world.deliver()
    before = (world.directory / "delivery.json").read_bytes()
    world.now += 10
    with DeliveryLock(world.paths):
        answer(world)
    assert (world.directory / "delivery.json").read_bytes() == before


def test_a_file_that_was_away_at_an_answer_of_the_verb(world: World) -> None:
    """An editor had it, and puts it back: what lies in it is from before, all of it."""
    world.record(1)
    world.deliver()
    world.record(2)
    world.log.rename(world.directory / "away")
    world.now += 10
    answer(world)
    (world.directory / "away").rename(world.log)
    world.now += 10
    world.deliver(world.plan(run=OTHER_RUN))
    world.record(3, run=OTHER_RUN)
    world.deliver(world.plan(run=OTHER_RUN))
    assert world.got() == [1, 3]


@pytest.mark.parametrize("ahead", [False, True], ids=["", "a clock that was ahead"])
def test_a_new_destination_of_a_process_across_an_answer(world: World, ahead: bool) -> None:
    """It is given what the process recorded after the answer; a time to come, of a clock that was ahead, is none."""
    world.record(1)
    world.deliver()
    earlier = consent.signature(world.paths)
    world.now += 3600 if ahead else 10
    world.record(2)
    world.now -= 3500 if ahead else 0
    world.now += 10
    world.agree("true")
    world.now += 10
    world.record(3)
    world.destinations = (OTHER,)
    world.deliver(world.plan(signature=earlier))
    assert world.got(OTHER_URL) == [3]


@pytest.mark.parametrize("by", ["hand", "a first run"])
@pytest.mark.usefixtures("_own_clock")
def test_a_clock_that_was_ahead(world: World, by: str) -> None:
    """A record from before, with a time to come, does not begin the period, nor does what lies behind it."""
    if by == "hand":
        world.record(1)
        world.deliver()
    world.now += 3600
    world.record(2)
    world.now -= 3590
    world.record(3)
    world.now += 10
    if by == "hand":
        world.agree("false")
        world.now += 10
        world.agree("true")
    else:
        first.note(Noted(world, None), world.destinations)
    world.now += 10
    world.record(4, run=OTHER_RUN)
    world.deliver(world.plan(run=OTHER_RUN))
    assert world.got() == ([1, 4] if by == "hand" else [4])


@pytest.mark.parametrize("yes", ["a variable", "a notice"])
@pytest.mark.usefixtures("_own_clock")
def test_a_no_before_the_first_delivery_is_not_forgotten(world: World, yes: str) -> None:
    """What was recorded before `off` stays, although the no was taken away by hand and no file differs from before."""
    (world.directory / "opt-in").unlink()
    mode = "opt-in" if yes == "a variable" else "opt-out"
    if yes == "a variable":
        world.environ["MYTOOL_TELEMETRY_OPT_IN"] = "1"
    else:
        tell(world)
        world.now += 10
    first.note(Noted(world, None), world.destinations)
    world.record(1, run=OTHER_RUN)
    world.now += 10
    answer(world, "false")
    (world.directory / "opt-in").unlink()
    world.now += 10
    first.note(Noted(world, None), world.destinations)
    world.now += 1
    world.record(2)
    world.deliver(world.plan(mode=mode))
    assert world.got() == [2]


@pytest.mark.usefixtures("_own_clock")
def test_a_notice_forgets_no_note_of_a_process_behind_it(world: World) -> None:
    """A process that begins between the notice and its period has noted, and what it records is delivered."""
    (world.directory / "opt-in").unlink()
    version(world, BEFORE)
    tell(world)
    first.note(Noted(world, BEFORE), (ONE,))
    world.record(1, properties={"n": 1}, run=THIRD_RUN)
    world.now += 10
    version(world, AFTER)
    tell(world)
    first.note(Noted(world, AFTER), (ONE,))
    world.now += 1
    world.record(2, properties={"n": 2}, run=OTHER_RUN)
    period.begin(world.paths)
    first.note(Noted(world, AFTER), (ONE,))
    world.now += 1
    world.record(3, properties={"n": 3})
    world.deliver(world.plan(own=(), mode="opt-out"))
    assert world.got() == [2, 3]


@pytest.mark.usefixtures("_own_clock")
def test_a_note_does_not_undo_a_deliverers_places(world: World) -> None:
    """Whoever notes does so while nobody delivers."""
    first.note(Noted(world, None), (ONE,))
    world.now += 10
    world.agree("true")
    with DeliveryLock(world.paths):
        before = (world.directory / "delivery.json").read_bytes()
        first.note(Noted(world, None), (ONE,))
        assert (world.directory / "delivery.json").read_bytes() == before
    first.note(Noted(world, None), (ONE,))
    assert (world.directory / "delivery.json").read_bytes() != before


def test_a_yes_that_was_taken_away(world: World) -> None:
    """In an opt-out tool: what was recorded under it is not sent under the default, whose notice is older."""
    (world.directory / "opt-in").unlink()
    tell(world, at=world.now - 50)
    answer(world)
    world.record(1)
    world.deliver(world.plan(mode="opt-out"))
    world.now += 10
    world.record(2)
    world.now += 10
    (world.directory / "opt-in").unlink()
    world.now += 10
    world.record(3, run=OTHER_RUN)
    world.deliver(world.plan(run=OTHER_RUN, mode="opt-out"))
    assert world.got() == [1, 3]


def test_a_killed_deliverer_has_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was passed over is counted before the place moves behind it, for each destination."""
    world.destinations = (ONE, OTHER)
    world.record(1)
    world.write(b'{"v":1}\n')
    world.record(2)

    class Killed(BaseException):
        pass

    def kill(request: Any) -> None:
        if request.url == OTHER_URL:
            monkeypatch.setattr(delivery, "save_losses", lambda *_, **__: None)  # a SIGKILL runs no `finally`
            raise Killed

    world.during = kill
    with pytest.raises(Killed):
        world.deliver()
    monkeypatch.undo()
    assert world.losses() == {"line_not_ours": 1}


def test_a_deliverer_killed_at_its_place_has_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice rather than never: the count is on disk before the place is behind what was passed over."""
    save = states.save

    def kill(*arguments: Any) -> None:
        if world.got():
            monkeypatch.setattr(delivery, "save_losses", lambda *_, **__: None)  # a SIGKILL runs no `finally`
            raise Crash
        save(*arguments)

    monkeypatch.setattr(states, "save", kill)
    world.record(1)
    world.write(b'{"v":1}\n')
    world.record(2)
    with pytest.raises(Crash):
        world.deliver()
    assert world.losses() == {"line_not_ours": 1}


def test_a_count_that_was_refused_is_kept_at_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk refused it once, the end of the work has it kept."""
    save = delivery.save_losses
    refused: list[OSError] = []

    def refuse(*arguments: Any, **options: Any) -> None:
        if not refused:
            refused.append(OSError(28, "No space left on device"))
            raise refused[0]
        save(*arguments, **options)

    monkeypatch.setattr(delivery, "save_losses", refuse)
    world.record(1)
    world.write(b'{"v":1}\n')
    world.record(2)
    world.deliver()
    assert world.got() == [1, 2]
    assert refused
    assert world.losses() == {"line_not_ours": 1}


def test_counts_that_cannot_be_kept_hold_up_nothing(world: World) -> None:
    """Where the file of the losses is refused, what was delivered is not sent again."""
    (world.directory / "losses.json").mkdir()
    world.record(1)
    world.write(b'{"v":1}\n')
    world.record(2)
    for _ in range(3):
        world.deliver()
        world.now += 100_000
    assert world.got() == [1, 2]


def test_a_state_of_before_the_notice_was_looked_at(world: World) -> None:
    """A period told by two files, as an earlier version of this package wrote it, is followed by what waits."""
    world.record(1)
    world.deliver()
    state = states.load(world.paths["delivery"])
    state.period = repr(consent.signature(world.paths)[:2])
    states.save(world.paths, state, [])
    world.now += 10
    world.record(2, run=OTHER_RUN)
    world.deliver(world.plan(run=THIRD_RUN))
    assert world.got() == [1, 2]


def test_what_is_noted_beside_places_fits(world: World) -> None:
    """What the answer before covered goes: both together may be more than is read of the file."""
    version(world, BEFORE)
    world.record(1, properties={"n": 1})
    world.deliver(strict(world))
    assert states.load(world.paths["delivery"]).covered
    world.now += 10
    world.agree("true")
    first.note(Noted(world, BEFORE), (ONE,))
    state = states.load(world.paths["delivery"])
    assert (state.covered, state.told) == ([], first.disclosed(Noted(world, BEFORE), (ONE,)))


def test_a_run_without_a_destination_undoes_no_place(world: World) -> None:
    """Its endpoint may be set in another shell, whose deliverer is at work."""
    world.record(1)
    world.deliver()
    world.now += 10
    world.agree("true")
    before = (world.directory / "delivery.json").read_bytes()
    with DeliveryLock(world.paths):
        first.note(Noted(world, None), ())
    assert (world.directory / "delivery.json").read_bytes() == before
    (world.directory / "delivery.json").unlink()
    (world.directory / "lock").unlink()
    for _ in range(2):
        first.note(Noted(world, None), ())
        world.now += 10
        world.agree("true")
    assert not (world.directory / "lock").exists()


@pytest.mark.parametrize("flags", ["run", "install"])
def test_flags_are_asked_for_under_the_consent_that_stands(world: World, flags: str) -> None:
    """A deliverer of a process that began under an earlier answer makes the id for the present one; and an answer that
    comes after `clear` is kept nowhere.
    """
    world.destinations = (Destination.posthog("phc_example"),)
    earlier = consent.signature(world.paths)
    world.now += 10
    world.agree("true")
    plan = world.plan(flags=flags, identity=flags, signature=earlier)
    plan.lock = DeliveryLock(world.paths)
    seen: list[bytes] = []

    def erase(request: Any) -> None:
        kept = world.directory / "id"
        seen.append(request.body)
        assert kept.exists() == (flags == "install")
        assert not kept.exists() or kept.read_bytes().strip() in request.body
        for path in world.directory.iterdir():
            path.unlink()

    world.during = erase
    world.answers = [503]
    with plan.lock, pytest.raises(Withdrawn):
        world.delivery(plan).work(plan.lock)
    assert len(seen) == 1
    assert os.listdir(world.directory) == []


def test_a_lock_that_somebody_closed(world: World) -> None:
    """In the child of a fork another hook may have closed every descriptor."""
    lock = DeliveryLock(world.paths)
    with lock:
        os.close(lock._descriptor)
        lock.abandon()
        lock.abandon()


def test_clear_ends_a_delivery_in_flight(world: World, make_telemetry: Any) -> None:
    """Its answer is of files that are no more: it puts none of them back, nor its state over that of a new consent."""
    session = Session(make_telemetry(data_dir=str(world.directory), opted_in=False), "mytool telemetry")
    left: list[list[str]] = []

    def clear(_: Any) -> None:
        assert remove(session, ours(session)) is None
        left.append(sorted(os.listdir(world.directory)))

    world.record(1)
    world.during = clear
    lock = DeliveryLock(world.paths)
    plan = world.plan()
    plan.lock = lock
    with lock, pytest.raises(Withdrawn):
        world.delivery(plan).work(lock)
    assert left == [[]]
    assert os.listdir(world.directory) == []


def test_clear_while_a_period_is_looked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state that was being found is not written over what was erased meanwhile."""
    enter = entering.enter

    def erased(*arguments: Any, **options: Any) -> Any:
        found = enter(*arguments, **options)
        for path in world.directory.iterdir():
            path.unlink()
        return found

    monkeypatch.setattr(entering, "enter", erased)
    world.record(1)
    plan = world.plan()
    plan.lock = DeliveryLock(world.paths)
    with plan.lock, pytest.raises(Withdrawn):
        world.delivery(plan)
    assert os.listdir(world.directory) == []
