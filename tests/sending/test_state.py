"""delivery.json: read as hostile input. Whatever stands in it, nothing is raised and nothing old is sent."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discreet import names
from discreet.destination import Destination
from discreet.log import timestamp
from discreet.privacy import coverage
from discreet.privacy.conversions import OneOf
from discreet.privacy.declaration import Declaration
from discreet.sending import handover
from discreet.sending import state as states
from sending.outboxes import NOON, OTHER_RUN, World, own_world

KEYS = st.sampled_from(["v", "plan", "period", "destinations", "offsets", "anchor"])
WRONG: list[Any] = [
    None, True, -1, 1.5, 1e308, float("inf"), 2**53, 10**30, -(10**30), "", "x", "ä\ud800", "9" * 5000, [], [[]], {},
    {"a": 1}, [1, 2, 3], "x" * 70_000, {"x": [0, 0]}, ["", ""], [None, None],
]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world in which two records are too old for the destination, one is delivered, and one waits."""
    for made in own_world(tmp_path, monkeypatch):
        made.record(1, 2, run=OTHER_RUN)
        made.now += 10
        made.record(3)
        made.deliver()
        made.now += 10
        made.record(4)
        yield made


def endure(world: World, content: bytes) -> None:
    """Let a deliverer meet this state: it must not raise, and must not send what is too old; the next one goes on."""
    world.accepted.clear()
    (world.directory / "delivery.json").write_bytes(content)
    handover.due(world.paths, world.destinations, world.now)
    world.deliver()
    assert set(world.got()) <= {3, 4}
    world.deliver()
    assert states.load(world.paths["delivery"]).places.keys() >= {world.destinations[0].key}
    assert len(world.accepted) <= 2


def test_truncated(world: World) -> None:
    """A file cut off anywhere counts as none."""
    whole = (world.directory / "delivery.json").read_bytes()
    for end in range(0, len(whole) - 2, 5):
        endure(world, whole[:end])
    endure(world, whole[: len(whole) // 2] * 2)


@pytest.mark.parametrize("key", ["v", "plan", "period", "destinations", "place", *vars(states.Place("", ""))])
def test_a_wrong_value(world: World, key: str) -> None:
    """A value of a wrong type, too large, nested or missing, anywhere, counts as never seen at the worst."""
    whole = json.loads((world.directory / "delivery.json").read_bytes())
    (name,) = whole["destinations"]
    for value in WRONG:
        if key == "offsets" and value in ({}, [], ""):
            continue  # as drawn: there was no file of the log
        broken = json.loads(json.dumps(whole))
        inner = broken if key in broken else broken["destinations"]
        inner = inner if key in inner else inner if key == "place" else inner[name]
        inner[name if key == "place" else key] = value
        endure(world, json.dumps(broken).encode())
        if value is None:
            del inner[name if key == "place" else key]
            endure(world, json.dumps(broken).encode())


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("part", ["offset", "mark", "file"])
def test_a_wrong_offset(world: World, value: Any, part: str) -> None:
    """An offset that is none, or stands where no handled line ends, sends nothing that is too old."""
    whole = json.loads((world.directory / "delivery.json").read_bytes())
    (place,) = whole["destinations"].values()
    ((file, (offset, mark)),) = place["offsets"].items()
    changed = {"offset": {file: [value, mark]}, "mark": {file: [offset, value]}, "file": {str(value): [offset, mark]}}
    place["offsets"] = changed[part]
    endure(world, json.dumps(whole).encode())
    place["anchor"] = ["", ""]
    endure(world, json.dumps(whole).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00" * 5000, b"[" * 9000, b"{}", b"null", b"\xff\xfe", b'{"v":1}',
        b'{"v":1,"destinations":{},"period":""}',
        b'{"plan":"' + b"x 1 2 3 4;" * 900 + b'"}', b"x" * 100_000,
    ],
)  # fmt: skip
def test_nonsense(world: World, content: bytes) -> None:
    """Anything else counts as none."""
    endure(world, content)


LARGE = "9" * 20


@pytest.mark.parametrize(
    "entry",
    [
        "{k} 0 0 {f} " + LARGE, "{k} 0 9e9 {f} 0", "{k} -1 0 {f} 0", "{k} 0 0 {f} -7", "{k} " + LARGE + " 0 {f} 0",
        "{k} 0 " + LARGE + " {f} 0", "{k} 0 " + "9" * 5000 + " {f} 0", "{k}", "",
    ],
)  # fmt: skip
def test_a_wrong_plan(world: World, entry: str) -> None:
    """What a host at its exit reads may say anything: it is in doubt then, and starts a deliverer."""
    whole = json.loads((world.directory / "delivery.json").read_bytes())
    key, _, _, file, _ = whole["plan"].split(" ")
    whole["plan"] = entry.format(k=key, f=file)
    (world.directory / "delivery.json").write_text(json.dumps(whole, separators=(",", ":")))
    assert handover.due(world.paths, world.destinations, world.now)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["v", "plan", "period", "destinations", "offsets", "anchor"]), inner, max_size=4
            )
        ),
    )
)
def test_any_json(world: World, content: Any) -> None:
    """Any JSON at all counts as none."""
    endure(world, json.dumps(content).encode())


def test_it_comes_back_as_it_was(world: World) -> None:
    """A state is read back as it was written, with the places of the first named before the others."""
    state = states.load(world.paths["delivery"])
    before = {key: dict(vars(place)) for key, place in state.places.items()}
    states.save(world.paths, state, [])
    again = states.load(world.paths["delivery"])
    assert {key: vars(place) for key, place in again.places.items()} == before
    assert again.period == state.period


def test_what_is_no_text_was_not_told(world: World) -> None:
    """Nor is a log empty where anything but that is said."""
    content = {"v": 1, "plan": "", "period": "p", "covered": [], "noted": "n", "destinations": {}}
    content |= {"told": ["search", 1, None], "seen": timestamp(NOON), "empty": 1}
    (world.directory / "delivery.json").write_text(json.dumps(content))
    state = states.load(world.paths["delivery"])
    assert (state.told, state.seen, state.empty) == (["search"], timestamp(NOON), False)


@pytest.mark.parametrize("character", ["x", "ж", '"', "\\", "😀"])
def test_it_is_never_longer_than_what_is_read(world: World, character: str) -> None:
    """However much a consent covers, in whatever script: what is written is read back whole, the places in force too.
    What has no room beside them is the place of a destination that is not, and then the last of what was covered.
    """
    world.destinations = tuple(
        Destination(f"https://example.org/{at}{'x' * 200}", batch_size=1, batch_interval=0)
        for at in range(states.MOST_PLACES)
    )
    world.deliver()
    state = states.load(world.paths["delivery"])
    choices = [f"{at:04}{character * 12}" for at in range(30)]
    declaration = Declaration({f"event_{at:03}": {"fmt": OneOf(*choices)} for at in range(1000)})
    state.covered = covered = coverage.lines(declaration, [])
    for place in state.places.values():
        place.away = {f"?{at:098}": (2**40, 2**32 - 1) for at in range(8)}
    named = list(state.places)
    for first, whole in ((named[:2], True), (named, False)):
        states.save(world.paths, copy.deepcopy(state), first)
        assert (world.directory / "delivery.json").stat().st_size <= names.SMALL_BYTES
        again = states.load(world.paths["delivery"])
        assert again.places.keys() >= set(first)
        assert (again.covered == covered, 400 < len(again.covered) <= len(covered)) == (whole, True)
        assert set(again.covered) <= set(covered)


def test_more_places_than_there_is_room_for(world: World) -> None:
    """Nothing is written that could not be read again: that would be a state that was lost."""
    before = (world.directory / "delivery.json").read_bytes()
    state = states.load(world.paths["delivery"])
    state.places |= {f"{at:0200}": states.Place("x" * 256, "") for at in range(200)}
    with pytest.raises(OSError, match="no room"):
        states.save(world.paths, state, list(state.places))
    assert (world.directory / "delivery.json").read_bytes() == before


def test_only_a_missing_one_is_none(world: World) -> None:
    """A file that is not there was never written; one that says nothing that can be believed has been lost."""
    path = world.directory / "delivery.json"
    for content in (
        b"",
        path.read_bytes()[:-5],
        b"null",
        b"x" * 100_000,
        path.read_bytes().replace(b'"v":1', b'"v":2'),
    ):
        path.write_bytes(content)
        assert states.load(str(path)).lost
    path.write_bytes(b"{}")
    path.unlink()
    assert not states.load(str(path)).lost
    path.mkdir()
    assert states.load(str(path)).lost


@pytest.mark.parametrize("lines", [None, ["\x1b[2J"], [5, "a\nb"], [None]], ids=repr)
def test_a_consent_of_which_nothing_is_left(world: World, lines: Any) -> None:
    """One without a legible line covers nothing: it is lost what was agreed to, and not left to what is disclosed now.
    Nothing is sent.
    """
    path = world.directory / "delivery.json"
    content = json.loads(path.read_bytes())
    assert content.pop("covered")
    path.write_text(json.dumps(content if lines is None else {**content, "covered": lines}))
    world.accepted.clear()
    for _ in range(2):
        told = world.delivery(world.plan(own=()), dry=True).agreement.additions()
        assert told == ["all of it, since what was agreed to has been lost"]
        world.deliver(world.plan(own=()))
        assert world.got() == []


def test_what_the_exit_reads_agrees_with_the_deliverer(world: World) -> None:
    """Due for the host at its exit is what a deliverer finds due: by number, by time, in a backoff."""
    world.destinations = (Destination("https://example.org/n", batch_size=3, batch_interval=60),)
    number = 100
    assert handover.due(world.paths, world.destinations, world.now)  # never seen: somebody has to give it its place
    for step in range(60):
        world.answers = [503] if step % 7 == 3 else []
        before = len(world.requests)
        expected = handover.due(world.paths, world.destinations, world.now)
        world.deliver()
        if step:
            assert expected == (len(world.requests) > before), step
        world.now += (5, 61, 17, 200)[step % 4]
        if step % 3:
            number += 1
            world.record(number)
    assert world.now > NOON


def test_without_a_log_nothing_is_due(world: World) -> None:
    """Somebody has erased it, or a rotation is about to make a new one: nobody is started for nothing."""
    assert handover.due(world.paths, world.destinations, world.now)
    world.log.unlink()
    assert not handover.due(world.paths, world.destinations, world.now)


def test_the_exit_waits_for_a_full_batch_and_for_the_end_of_a_backoff(world: World) -> None:
    """Until then no host starts a deliverer, which would find nothing to do."""
    world.destinations = (Destination("https://example.org/n", batch_size=5, batch_interval=60),)
    world.deliver()  # gives it its place, before two records
    due = []
    for number in (101, 102, 103):
        world.record(number)
        due.append(handover.due(world.paths, world.destinations, world.now))
    assert due == [False, False, True]
    world.answers = [(503, 200.0)]
    world.deliver()
    for seconds, expected in ((0, False), (199, False), (2, True)):
        world.now += seconds
        assert handover.due(world.paths, world.destinations, world.now) is expected
