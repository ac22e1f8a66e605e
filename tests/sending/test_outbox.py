"""The log as the outbox: a place stays right through rotation, truncation, deletion, editing and a clock set back."""

import itertools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from discreet import log as logs
from discreet import names, rotation
from discreet.sending import handover, outbox, period
from sending.outboxes import DAY, OTHER_RUN, RUN, World, line, own_world, record_id


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of this test's own."""
    yield from own_world(tmp_path, monkeypatch)


def passed(world: World, seconds: float = 10) -> World:
    """The world some seconds later."""
    world.now += seconds
    return world


def test_each_record_once_and_in_order(world: World) -> None:
    """What is appended between deliveries is sent by the next one, once, in the order of the log."""
    for number in range(1, 30):
        passed(world).record(number)
        if number % 4 == 0:
            world.deliver()
    world.deliver()
    world.deliver()
    assert world.got() == list(range(1, 30))


def test_a_place_stays_right_through_rotation(world: World) -> None:
    """However often the log is rotated, as long as the files are there nothing is lost or repeated."""
    count = itertools.count(1)
    for rotations in (0, 1, 0, 2, 3, 1, 3):
        passed(world).record(*(next(count) for _ in range(3)))
        for _ in range(rotations):
            world.rotate()
            passed(world).record(*(next(count) for _ in range(2)))
        world.deliver()
    world.deliver()
    assert world.got() == list(range(1, next(count)))


def test_a_late_line_in_a_rotated_file_is_sent(world: World) -> None:
    """A process that had the log open when another one rotated it writes to the old file: that line is sent too."""
    world.record(1)
    world.deliver()
    with world.log.open("ab") as late:
        world.rotate()
        passed(world).record(2)
        world.deliver()
        late.write(line(3, world.now))
    world.deliver()
    world.deliver()
    assert world.got() == [1, 2, 3]


def test_a_rotation_while_the_files_are_opened_loses_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation between the opening of two files makes a file be seen twice at most, never missed."""
    world.record(1)
    world.deliver()
    passed(world).record(2, 3)
    whole = rotation.nth
    for moment in range(4):
        looked = itertools.count()

        def nth(paths: names.Paths, number: int, moment: int = moment, looked: Iterator[int] = looked) -> str:
            if next(looked) == moment:
                monkeypatch.setattr(rotation, "nth", whole)
                world.rotate()
                passed(world).record(10 + moment)
            return whole(paths, number)

        if moment < 3:  # the fourth rotation would take the file of the first record away
            monkeypatch.setattr(rotation, "nth", nth)
            world.deliver()
            monkeypatch.setattr(rotation, "nth", whole)
    world.deliver()
    assert sorted(world.got()) == [1, 2, 3, 10, 11, 12]


def test_what_was_deleted_is_withdrawn(world: World) -> None:
    """Records that are gone from the log before they were sent are never sent; those that follow in a new one are."""
    world.record(1)
    world.deliver()
    passed(world).record(2)
    world.log.unlink()
    world.deliver()
    passed(world).record(3)
    world.deliver()
    assert world.got() == [1, 3]


@pytest.mark.parametrize("kept", [0, 1])
def test_truncation(world: World, kept: int) -> None:
    """After the log was cut down to its first records, or to nothing, only what is new is sent."""
    world.record(1, 2, 3)
    world.deliver()
    world.log.write_bytes(b"".join(world.log.read_bytes().splitlines(keepends=True)[:kept]))
    world.deliver()
    passed(world).record(4, 5, 6, 7)
    world.deliver()
    # What was cut away holds the anchor: what is left of the file may be sent again.
    assert [number for number in world.got() if number > 3] == [4, 5, 6, 7]
    assert world.got()[:3] == [1, 2, 3]


@pytest.mark.parametrize("unsent", [0, 3])
@pytest.mark.parametrize("removed", range(1, 7))
def test_a_line_deleted_by_hand(world: World, removed: int, unsent: int) -> None:
    """A line of any place may be deleted, though all are of the same length: what is there and unsent is sent."""
    world.record(1, 2, 3)
    world.deliver()
    passed(world).record(4, 5, 6)
    if not unsent:
        world.deliver()
    lines = world.log.read_bytes().splitlines(keepends=True)
    assert len({len(each) for each in lines}) == 1
    del lines[removed - 1]
    world.log.write_bytes(b"".join(lines))
    world.deliver()
    passed(world).record(7)
    world.deliver()
    expected = [number for number in range(1, 8) if number != removed or number <= 6 - unsent]
    assert sorted(set(world.got())) == expected
    if removed != (3 if unsent else 6):  # that line was what the place is known by: then all may come again
        assert world.got() == expected


def test_a_file_that_was_edited_all_over(world: World) -> None:
    """Whatever is deleted, added or reordered by hand: each record that is there in the end has been sent."""
    chance = random.Random(5)
    for round_ in range(30):
        passed(world).record(*range(10 * round_ + 1, 10 * round_ + 6))
        if chance.random() < 0.5:
            world.deliver()
        lines = world.log.read_bytes().splitlines(keepends=True)
        del lines[chance.randrange(len(lines))]
        if chance.random() < 0.5:
            lines.insert(chance.randrange(len(lines)), b"nonsense\n")
        world.log.write_bytes(b"".join(lines))
        if chance.random() < 0.3:
            world.rotate()
    passed(world).record(9999)
    world.deliver()
    files = [Path(rotation.nth(world.paths, number)) for number in range(4)]
    content = b"".join(file.read_bytes() for file in files if file.exists())
    there = {number for number in range(1, 10_000) if record_id(number).encode() in content}
    assert there <= set(world.got())


@pytest.mark.parametrize("edit", ["first line", "last line", "all but the last", "reordered", "a line added"])
def test_nothing_from_before_the_consent_however_the_log_is_edited(world: World, edit: str) -> None:
    """After a new yes, no editing of the log brings out what lay there before it."""
    world.record(1, 2, 3, 4)
    world.deliver()
    passed(world).record(5, 6, 7, 8)
    world.agree("true", passed(world).now)
    period.begin(world.paths)
    lines = world.log.read_bytes().splitlines(keepends=True)
    edited = {
        "first line": lines[1:],
        "last line": lines[:-1],
        "all but the last": lines[-2:],
        "reordered": lines[::-1],
        "a line added": [b"mine\n", *lines],
    }[edit]
    world.log.write_bytes(b"".join(edited))
    passed(world).record(9)
    world.deliver()
    assert world.got() == [1, 2, 3, 4, 9]


def test_the_same_log_twice(world: World) -> None:
    """A copy of the log beside it, as somebody makes who looks after his files, is not sent a second time."""
    world.record(1, 2)
    world.deliver()
    Path(rotation.nth(world.paths, 1)).write_bytes(world.log.read_bytes())
    for number in range(3, 9):
        passed(world).record(number)
        world.deliver()
    assert world.got() == list(range(1, 9))


def test_a_torn_last_line_waits_until_it_is_whole(world: World) -> None:
    """A line without its newline is no line yet, at any length; once it has it, it is sent."""
    world.record(1)
    world.deliver()
    whole = line(2, passed(world).now)
    for at in range(len(whole)):
        world.log.write_bytes(line(1, world.now - 10) + whole[:at])
        if at % 16 == 0 or at == len(whole) - 1:
            world.deliver()
    assert world.got() == [1]
    world.log.write_bytes(line(1, world.now - 10) + whole)
    world.deliver()
    assert world.got() == [1, 2]


def test_a_line_of_any_length(world: World) -> None:
    """A line longer than a record may be is passed over as one, and the place stays right."""
    for size in (16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 100_000):
        number = size
        passed(world).record(number)
        world.write(b"x" * size)
        world.deliver()
        assert world.got()[-1] == number
        world.write(b"\n")
        world.record(number + 1)
        world.deliver()
        world.deliver()
        assert world.got()[-2:] == [number, number + 1]
    assert world.losses() == {"line_not_ours": 4}


@pytest.mark.parametrize(
    "head", [b"torn", b'{"v":1,"id":"12', b"\x00" * 99, b'{"v":1,"id":"not ours; at all, but of this length"']
)
def test_a_file_that_begins_with_something_else(world: World, head: bytes) -> None:
    """A log whose first line is torn or foreign keeps its place like any other."""
    world.write(head + b"\n")
    world.record(1, 2)
    world.deliver()
    passed(world).record(3)
    world.rotate()
    world.deliver()
    passed(world).record(4)
    world.deliver()
    assert world.got() == [1, 2, 3, 4]
    assert world.losses() == {}  # it lay there before the first record of this process


def test_what_a_file_is_known_by_fits_into_the_plan() -> None:
    """Whatever a file begins with, its name has neither spaces nor the marks of the plan in `delivery.json`."""
    for head in (b'{"v":1,"id":"' + bytes([byte]) * 60 for byte in range(256)):
        name = handover.identity(head)
        assert not set(name) & set(' ;"\\\n')
        assert name.isascii()
    assert handover.identity(line(7, 0)) == record_id(7)
    assert handover.identity(b"") == ""


def test_a_clock_that_was_set_back_loses_nothing(world: World) -> None:
    """Records made while the clock is behind, in old files and in new ones, are sent like all others."""
    world.record(1)
    world.deliver()
    world.now -= 400 * DAY
    world.agree("true", world.now)
    period.begin(world.paths)
    passed(world).record(2)
    world.deliver()
    world.rotate()
    passed(world).record(3)
    world.deliver()
    assert world.got() == [1, 2, 3]


def test_a_log_that_cannot_be_read(world: World) -> None:
    """What stands in place of the log and is no file raises `OSError`, and nothing is known to be sent."""
    world.record(1)
    world.deliver()
    world.log.unlink()
    os.mkfifo(world.log)
    with pytest.raises(OSError, match="regular"):
        list(outbox.pending(world.paths, world.state()))


@pytest.mark.parametrize(
    ("begins", "expected"),
    [(lambda _: False, []), (lambda _: True, [1, 2, 3]), (lambda line: b'"n":2' in line, [2, 3])],
)
def test_where_a_destination_begins(world: World, begins: Callable[[bytes], bool], expected: list[int]) -> None:
    """The start is before the first line that is wanted, in any file, or the end; with the latest time before."""
    world.record(1)
    world.rotate()
    passed(world).record(2, 3)
    offsets, floor = outbox.start(world.paths, begins)
    place = type("Place", (), {"offsets": offsets, "anchor": ("", ""), "floor": floor})()
    found = [int(line_[13:21], 16) for _, _, line_ in outbox.pending(world.paths, place)]
    assert found == expected
    before = [1, 2, 3][: 3 - len(expected)]
    assert floor == ("" if not before else logs.timestamp(world.now - (10 if before == [1] else 0)))


def test_runs_are_told_apart(world: World) -> None:
    """A destination begins with the records of the process that first saw it; older ones stay here."""
    world.record(1, run=OTHER_RUN)
    passed(world).record(2, 3)
    passed(world).record(4, run=OTHER_RUN)
    assert RUN != OTHER_RUN
    world.deliver()
    assert world.got() == [2, 3, 4]


@pytest.mark.parametrize("agreed_anew", [False, True], ids=["the same consent", "a new consent"])
def test_a_file_that_was_away(world: World, agreed_anew: bool) -> None:
    """A file of the log that is moved away and put back goes on where it was: what lay in it from before the consent
    stays here, what was sent is not sent again; and where a new consent was given meanwhile, nothing of it is sent.
    """
    world.record(1, 2, run=OTHER_RUN)
    passed(world).record(3)
    world.deliver()
    world.rotate()
    passed(world).record(4)
    world.deliver()
    aside = world.directory / "aside"
    older = world.directory / "usage.1.jsonl"
    older.replace(aside)
    with aside.open("ab") as file:
        file.write(line(5, world.now))
    passed(world).record(6)
    world.deliver()
    if agreed_anew:
        passed(world).agree("true", world.now)
        period.begin(world.paths)
    aside.replace(older)
    for number in (7, 8):
        passed(world).record(number)
        world.deliver()
    assert world.got() == [3, 4, 6, *([] if agreed_anew else [5]), 7, 8]
