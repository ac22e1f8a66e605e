"""Every call of a deliverer, and of a collector, to the file system, failing in every way, one at a time.

What must hold of a deliverer: it ends with an `OSError`, or as if the consent were withdrawn, and with nothing else;
nothing from before the consent leaves, nothing leaves under a second id, the order stays; and once the disk is well the
next one finishes: nothing is lost, and what is repeated is one request. Of a collector: what it took is in its files,
once, and what it refused can be given again.
"""

import contextlib
import errno
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from discreet.collector.store import Store
from discreet.consent import stored
from discreet.log import timestamp
from discreet.privacy import coverage
from discreet.privacy.declaration import Declaration
from discreet.sending import delivery, period, receipts
from discreet.sending.delivery import Withdrawn
from discreet.sending.lock import DeliveryLock
from faults.disk import Disk, Fault, chosen
from sending.outboxes import NOON, OTHER_RUN, Time, World, line, record_id

SORE = ("stat opt-in", "open delivery.json", "open opt-in")
TO_SEND = [3, 4, 5, 6, 7]
ANSWERS = [413, 503, (429, 1.0), 200, 200, 200, 200, 200]
DAY = 86_400.0


def a_world(place: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Records from before the consent wait, a forged line, five that may be sent, and losses that are counted."""
    world = World(place)
    monkeypatch.setattr(delivery, "time", Time(world))
    world.record(1, 2, run=OTHER_RUN)
    world.now += 10
    world.agree("true")
    period.begin(world.paths)
    world.now += 10
    world.record(3, 4)
    world.write(b"forged\n")
    world.rotate()
    world.record(5, 6, 7)
    (world.directory / "losses.json").write_text('{"disk":1}\n')
    world.answers = list(ANSWERS)
    return world


def work(world: World, disk: Disk, **changes: Any) -> BaseException | None:
    """One deliverer at work on this disk, as `sending.work` has it; what it ended with."""
    with disk.installed():
        try:
            plan = world.plan(**changes)
            if not plan.decide().enabled:
                return Withdrawn()
            lock = DeliveryLock(world.paths)
            with lock as held:
                if not held:  # as the file of a lock that was erased is not
                    return None
                delivery.Delivery(
                    plan,
                    clock=lambda: world.now,
                    exchange=world.exchange,
                    tell=world.told.append,
                    until=world.now + 25,
                ).work(lock)
        except (OSError, Withdrawn) as error:
            return error
    return None


def finish(world: World) -> None:
    """What later deliverers do on a disk that is well, after the longest pause."""
    world.answers.clear()
    for _ in range(2):
        world.now += 2 * 86_400
        world.deliver()


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    """Make worlds in which the same waits."""
    made: list[World] = []

    def make() -> World:
        made.append(a_world(tmp_path / f"world{len(made)}", monkeypatch))
        return made[-1]

    return make


@pytest.mark.parametrize("halving", [False, True], ids=["receipts", "full receipts"])
def test_a_deliverer(
    worlds: Callable[[], World], monkeypatch: pytest.MonkeyPatch, halving: bool, size: Any, figures: Any
) -> None:
    """Whatever call fails, and in whatever way, all that this module promises of a deliverer holds."""
    if halving:
        monkeypatch.setattr(receipts, "MOST_BYTES", 500)
    well, disk = worlds(), Disk()
    assert work(well, disk) is None
    faults = chosen(disk.calls, SORE, size(5, 1_000_000), halving, each=not halving)
    figures(f"{len(disk.calls)} calls, {len(faults)} faults")
    # A file that is said to be missing when a destination is first seen is taken for a new one when it is there.
    first_look = disk.calls.index("open delivery.tmp")
    wrong = []
    for fault in faults:
        world = worlds()
        disk = Disk(fault, str(world.directory))
        work(world, disk)
        problems = list(judge(world, fault, halving=halving, first_look=fault.number <= first_look))
        if problems:
            wrong.append(f"{fault} at {disk.calls[fault.number - 1]}: {'; '.join(problems)}")
    assert not wrong, "\n".join((f"{len(wrong)} of {len(faults)}", *wrong[:40]))


def judge(world: World, fault: Fault, *, halving: bool, first_look: bool) -> Iterator[str]:
    """What is wrong once later deliverers have finished."""
    sent = len(world.requests)
    if fault.how == "gone":
        if not set(world.got()) <= set(TO_SEND):
            yield f"sent {world.got()}"
        world.directory.mkdir(exist_ok=True)
        world.agree("true")
        world.record(8)
        finish(world)
        if world.got()[-1] != 8:
            yield f"{world.got()}"
        return
    finish(world)
    got = world.got()
    if fault.error == errno.ENOENT:
        if not set(TO_SEND) <= set(got) <= {*TO_SEND, *((1, 2) if first_look else ())}:
            yield f"arrived: {got}"
        return
    if list(dict.fromkeys(got)) != TO_SEND:
        yield f"arrived: {got}"
    if len(got) > len(set(got)) + 3:
        yield f"repeated: {got}, by {sent} requests"
    vouched = {one for receipt in receipts.read(world.paths) for one in receipt.get("ids", ())}
    if not halving and vouched != set(map(record_id, TO_SEND)):
        yield f"receipts: {vouched}"
    if world.losses().get("disk") != 1:
        yield f"losses: {world.losses()}"


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "by the verb"])
def test_what_was_not_agreed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_hand: bool, size: Any, figures: Any
) -> None:
    """Whatever call fails, a field that a later version brought is sent by no deliverer, nor is what was recorded
    before the process that first saw the destination; all that was agreed to arrives.
    """
    number = iter(range(1_000_000))

    def prepared() -> World:
        world = World(tmp_path / f"agreed{next(number)}")
        monkeypatch.setattr(delivery, "time", Time(world))
        world.declaration = Declaration({"search": {"n": "number"}})
        world.record(1, run=OTHER_RUN)
        if not by_hand:
            covers = coverage.lines(world.declaration, [world.destinations[0].host])
            stored.store(world.paths, "true", timestamp(world.now), covers)
        world.now += 10
        world.record(2)
        world.deliver(world.plan(own=()))
        world.declaration = Declaration({"search": {"n": "number", "m": "number"}})
        world.record(3, properties={"n": 3, "m": 7})
        return world

    well, disk = prepared(), Disk()
    assert work(well, disk, own=()) is None
    faults = chosen(disk.calls, SORE, size(5, 1_000_000), by_hand, each=True)
    figures(f"{len(disk.calls)} calls, {len(faults)} faults")
    wrong = []
    for fault in faults:
        if fault.how == "gone" or fault.error == errno.ENOENT:
            continue  # an answer that is not there does not say what it covers
        world = prepared()
        disk = Disk(fault, str(world.directory))
        work(world, disk, own=())
        world.now += 2 * DAY
        world.deliver(world.plan(own=()))
        sent = [one["properties"] for request in world.requests for one in json.loads(request.body)["records"]]
        if any("m" in one for one in sent) or list(dict.fromkeys(world.got())) != [2, 3]:
            wrong.append(f"{fault} at {disk.calls[fault.number - 1]}: {sent}")
    assert not wrong, "\n".join((f"{len(wrong)} of {len(faults)}", *wrong[:40]))


def taken(store: Store, now: list[float], *, kept: list[str], forgotten: list[str]) -> Iterator[str]:
    """Give a collector records of two tools on two days, have one forgotten, and try again what it refuses once; where
    it says that all are in files, the ids are in `kept`.
    """
    for day, numbers in ((0, range(3)), (0, range(2, 5)), (1, range(5, 8))):
        now[0] = NOON + day * DAY
        records = [("mytool" if n % 2 else "other", record_id(n), line(n, now[0]).decode().strip()) for n in numbers]
        for _ in range(2):
            with contextlib.suppress(OSError):
                store.add(records)
                kept += [one for _, one, _ in records]
                break
    for _ in range(2):
        with contextlib.suppress(OSError):
            store.forget([record_id(0)])()
            forgotten.append(record_id(0))
            break
    yield ""


def collect(place: Path, disk: Disk) -> tuple[list[str], list[str]]:
    """A collector at work on this disk: what it says it took, and forgot."""
    kept: list[str] = []
    forgotten: list[str] = []
    now = [NOON]
    with disk.installed(), contextlib.suppress(OSError):
        store = Store(str(place), clock=lambda: now[0])
        try:
            list(taken(store, now, kept=kept, forgotten=forgotten))
            store.sync()()
        finally:
            store.close()
    return kept, forgotten


def test_a_collector(tmp_path: Path, size: Any, figures: Any) -> None:
    """Whatever call fails, and in whatever way, all that this module promises of a collector holds."""
    disk = Disk()
    assert len(set(collect(tmp_path / "well", disk)[0])) == 8
    faults = chosen(disk.calls, (), size(20, 1_000_000), "collector")
    faults += [Fault(place, "short full") for place, call in enumerate(disk.calls, 1) if call.startswith("write ")]
    figures(f"{len(disk.calls)} calls, {len(faults)} faults")
    wrong = []
    for number, fault in enumerate(faults):
        if fault.how == "gone":
            continue
        place = tmp_path / str(number)
        kept, forgotten = collect(place, Disk(fault, str(place)))
        place.mkdir(exist_ok=True)
        again = Store(str(place), clock=lambda: NOON + DAY)
        files = again.files()
        again.close()
        found = [one for path in files for one in Path(path).read_text().splitlines() if one.strip()]
        spoiled = [one for one in found if one.count('{"v":') != 1 or not one.rstrip().endswith("}}")]
        ids = [json.loads(one)["id"] for one in found if one not in spoiled]
        problems = [f"spoiled {one}" for one in spoiled]
        # What was to be forgotten may be, although the asker was told to ask again.
        problems += [f"missing {one}" for one in set(kept) - {*ids, record_id(0)}]
        problems += [f"{times} times {one}" for one, times in Counter(ids).items() if times > 1 and fault.how != "done"]
        problems += [f"not forgotten {one}" for one in forgotten if one in ids]
        if problems:
            wrong.append(f"{fault} at {disk.calls[fault.number - 1]}: {'; '.join(problems)}")
    assert not wrong, "\n".join((f"{len(wrong)} of {len(faults)}", *wrong[:40]))
