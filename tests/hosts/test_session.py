"""The session: what is added up, what of it leaves, and how it ends."""

import atexit
import gc
import json
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import discreet
from discreet import Telemetry
from discreet.hosts import session as sessions
from discreet.privacy.accept import Acceptor
from discreet.testing import allow

Make = Callable[..., Telemetry]
SECOND = 1_000_000_000
TWO_EVENTS = {"session": {"searches": "number"}, "search": {}}  # an event of the author's closes the world


def read(telemetry: Telemetry) -> list[dict[str, Any]]:
    """The properties of each session on the log, which is not closed by this."""
    assert telemetry.flush(10.0)
    log = Path(telemetry.paths["log"])
    records = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
    assert {record["event"] for record in records} <= {"session"}
    found = [record["properties"] for record in records]
    acceptor = Acceptor(telemetry.declaration, "basic")
    assert [acceptor.properties("session", properties) for properties in found] == found  # all of it may be sent
    return found


def only(telemetry: Telemetry) -> dict[str, Any]:
    """The properties of the one session on the log, without its duration."""
    (properties,) = read(telemetry)
    assert type(properties["duration_ms"]) is int
    assert properties["duration_ms"] >= 0
    return {name: value for name, value in properties.items() if name != "duration_ms"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The clock of sessions, in nanoseconds."""
    now = [5 * SECOND]

    class Time:
        monotonic_ns = staticmethod(lambda: now[0])

    monkeypatch.setattr(sessions, "time", Time)
    return now


def test_without_a_declaration(make_telemetry: Make) -> None:
    """Sums, successes and observations leave as bare numbers under names made of those in the code."""
    telemetry = make_telemetry()
    with telemetry.session(agent=True) as session:
        for ok in (True, False, True):
            session.count("searches", success=ok)
        session.count("tokens", 512)
        session.count("tokens", 0.5)
        for ms in (12, 40, 8.5):
            session.observe("ms", ms)
        session.add(files=143, query="a secret")
        session.count("languages", item="a secret")
    assert only(telemetry) == {
        "success": True,
        "agent": True,
        "files": 143,
        "searches": 3,
        "searches.success": 2,
        "tokens": 512.5,
        "languages": 1,
        "ms.count": 3,
        "ms.mean": 60.5 / 3,
        "ms.min": 8.5,
        "ms.max": 40,
        "ms.sum": 60.5,
    }
    assert telemetry.losses.keys() <= {"undeclared_value"}  # the secret text


SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "some of what is made": (
        {"searches": "number", "ms.mean": {"number": {"round_to": 10}}, "ms.count": "number"},
        {"searches": 2, "ms.mean": 30, "ms.count": 2},
    ),
    "the successes alone": ({"searches.success": "number"}, {"searches.success": 1}),
    "the name itself: the mean": ({"ms": {"number": {"round_to": 10}}}, {"ms": 30}),
    "the name itself: the sum": ({"ms": "aggregate"}, {"ms": 52}),
    "the name itself: how many": ({"ms": "count"}, {"ms": 2}),
    "a mapping": (
        {"ms": {"mean": "number", "max": "number", "count": "count"}},
        {"ms": {"count": 2, "mean": 26, "max": 40}},
    ),
    "a count as a count": ({"searches": "count"}, {"searches": 2}),
    "half a one as a count": ({"tokens": "count"}, {"tokens": 1}),
    "a distribution": ({"languages": {"distribution": ["py", "js"]}}, {"languages": {"py": 4, "other": 2}}),
    "nothing that is counted": ({}, {}),
}


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_declared(make_telemetry: Make, shape: str, closed: bool) -> None:
    """What a row names leaves by that row, and nothing else that is made of the same name; in a closed world nothing
    else at all.
    """
    rows, expected = SHAPES[shape]
    telemetry = make_telemetry(events={"session": rows, **({"search": {}} if closed else {})})
    with telemetry.session() as session:
        for ok in (True, False):
            session.count("searches", success=ok)
        session.count("tokens", 0.5)
        session.observe("ms", 12)
        session.observe("ms", 40)
        session.count("languages", 3, item="py")
        session.count("languages", item="py")
        session.count("languages", item="/home/ada")
        session.count("languages")
    found = only(telemetry)
    named = {field.partition(".")[0] for field in rows}
    ours = {field: value for field, value in found.items() if field != "success"}
    if closed:
        assert ours == expected
    assert {field: value for field, value in ours.items() if field.partition(".")[0] in named} == expected


def test_what_no_row_wants_is_counted_once(make_telemetry: Make) -> None:
    """In a closed world a name without a row is one loss a session, however many fields would be made of it."""
    telemetry = make_telemetry(events=TWO_EVENTS)
    lost: list[str] = []
    telemetry.lose = lambda reason, number=1: lost.extend([reason] * number)  # type: ignore[method-assign]
    with telemetry.session() as session:
        session.count("searches", success=True)
        session.observe("ms", 1)
        session.observe("ms", 2)
    assert only(telemetry) == {"success": True, "searches": 1}
    assert lost == ["undeclared_field"]


def test_a_subclass_adds_fields(make_telemetry: Make) -> None:
    """An `Event` class named `session` adds rows to those of the package, and closes nothing."""

    class Session(discreet.Event):
        """Searching, for a day."""

        backend = discreet.OneOf("qdrant", "memory")
        intents = discreet.Distribution("understand", "debug")

    telemetry = make_telemetry(events=[Session])
    with telemetry.session(backend="qdrant") as session:
        session.count("intents", item="debug")
    assert only(telemetry) == {"success": True, "backend": "qdrant", "intents": {"debug": 1}}


ENDINGS: dict[str, tuple[BaseException | None, dict[str, Any]]] = {
    "return": (None, {"success": True}),
    "exit": (SystemExit(), {"success": True}),
    "exit 3": (SystemExit(3), {"success": False}),
    "built-in": (ValueError("secret"), {"success": False, "error": "ValueError"}),
    "own": (type("MyError", (Exception,), {})("secret"), {"success": False, "error": "other"}),
    "Ctrl-C": (KeyboardInterrupt(), {"success": False, "error": "KeyboardInterrupt"}),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_endings(make_telemetry: Make, ending: str) -> None:
    """An exception ends a session with what there is, `success` as of a command, and passes unchanged."""
    error, expected = ENDINGS[ending]
    telemetry = make_telemetry()
    with pytest.raises(BaseException) if error is not None else nullcontext() as caught:  # noqa: PT011, SIM117  # one statement would be too long
        with telemetry.session() as session:
            session.count("n")
            if error is not None:
                raise error
    assert error is None or caught.value is error  # type: ignore[union-attr]
    assert only(telemetry) == {**expected, "n": 1}


def test_the_author_says_that_it_failed(make_telemetry: Make) -> None:
    """`add(success=...)` counts where no exception ends the session, and never beside one."""
    telemetry = make_telemetry()
    session = telemetry.session()
    session.add(success=False, duration_ms=-5)
    session.close()
    with pytest.raises(ValueError, match="secret"), telemetry.session(success=True):
        raise ValueError("secret")
    assert [properties["success"] for properties in read(telemetry)] == [False, False]
    assert min(properties["duration_ms"] for properties in read(telemetry)) >= 0


def test_it_ends_once(make_telemetry: Make) -> None:
    """Closed inside its block, and counted in afterwards, a session is still one event."""
    telemetry = make_telemetry()
    with telemetry.session() as session:
        session.count("n")
        session.close()
        session.count("n")
        session.observe("ms", 1)
        session.add(more=1)
    session.close()
    assert only(telemetry) == {"success": True, "n": 1}


def test_intervals(make_telemetry: Make, clock: list[int]) -> None:
    """With an interval each part holds what came since the last one, so that they add up to the whole; an interval
    without a call is no part, and only the last one says how it went.
    """
    telemetry = make_telemetry()
    with telemetry.session(60, agent=True) as session:
        session.count("n", 2)
        session.observe("ms", 5)
        clock[0] += 59 * SECOND
        session.count("n")
        assert read(telemetry) == []
        clock[0] += SECOND
        session.count("n", 4)
        clock[0] += 300 * SECOND
        session.observe("ms", 9)
        clock[0] += 2 * SECOND
        session.count("n", 8)
    made = {"ms.count": 1, "agent": True}
    fives, nines = ({f"ms.{part}": n for part in ("mean", "min", "max", "sum")} for n in (5, 9))
    assert read(telemetry) == [
        {"part": 1, "duration_ms": 60_000, **made, "n": 7, **fives},
        {"part": 2, "duration_ms": 300_000, **made, **nines},
        {"part": 3, "duration_ms": 2_000, "agent": True, "success": True, "n": 8},
    ]


def test_nothing_after_the_end(make_telemetry: Make, clock: list[int]) -> None:
    """What is counted once a session is closed makes no further part of it, however long after."""
    telemetry = make_telemetry()
    session = telemetry.session(60)
    session.count("n")
    session.close()
    clock[0] += 61 * SECOND
    session.count("n")
    session.observe("ms", 1)
    session.close()
    assert [properties["n"] for properties in read(telemetry)] == [1]


def test_the_shortest_interval(make_telemetry: Make, clock: list[int]) -> None:
    """An interval below a second is a second."""
    telemetry = make_telemetry()
    with telemetry.session(0.001) as session:
        for _ in range(20):
            clock[0] += SECOND // 10
            session.count("n")
    assert [properties.get("n") for properties in read(telemetry)] == [10, 10, None]


def test_a_wrong_interval(make_telemetry: Make, swallowed: list[tuple[str, Exception]]) -> None:
    """An interval that is no number makes a session that records nothing; the host does not feel it."""
    telemetry = make_telemetry()
    with telemetry.session("60") as session:  # type: ignore[arg-type]
        session.count("n")
    assert read(telemetry) == []
    assert [reason for reason, _ in swallowed] == ["session"]


@pytest.mark.parametrize("value", ["12", None, [1], float("nan"), float("inf"), 2**53 + 1], ids=repr)
def test_what_is_no_number(make_telemetry: Make, swallowed: list[tuple[str, Exception]], value: Any) -> None:
    """What is no finite number is not taken, and counted; the rest of the session is recorded."""
    telemetry = make_telemetry()
    with telemetry.session() as session:
        session.count("n")
        session.count("n", value)
        session.observe("ms", value)
    assert only(telemetry) == {"success": True, "n": 1}
    assert [reason for reason, _ in swallowed] == ["session"] * 2


@pytest.mark.parametrize("value", [-1, 0.5])
def test_a_part_of_an_item(make_telemetry: Make, swallowed: list[tuple[str, Exception]], value: Any) -> None:
    """Items are counted by whole numbers: another would make the whole event be dropped at its end."""
    telemetry = make_telemetry(events={"session": {"langs": {"distribution": ["py"]}}})
    with telemetry.session() as session:
        session.count("langs", item="py")
        session.count("langs", value, item="py")
    assert only(telemetry) == {"success": True, "langs": {"py": 1}}
    assert len(swallowed) == 1


def test_numbers_of_other_libraries(make_telemetry: Make) -> None:
    """A number that is one by `__index__` or `__float__` is taken as that."""

    class Whole:
        def __index__(self) -> int:
            return 3

    class Real:
        def __float__(self) -> float:
            return 2.5

    telemetry = make_telemetry()
    with telemetry.session() as session:
        session.count("n", Whole())  # type: ignore[arg-type]
        session.count("x", Real())  # type: ignore[arg-type]
        session.count("yes", True)
    assert only(telemetry) == {"success": True, "n": 3, "x": 2.5, "yes": 1}


def test_memory_is_bounded(make_telemetry: Make) -> None:
    """At most 32 names of a kind are held, no illegal one, and of items only declared ones."""
    telemetry = make_telemetry(events={"session": {"langs": {"distribution": ["py", "js"]}}})
    lost: list[str] = []
    telemetry.lose = lambda reason, number=1: lost.extend([reason] * number)  # type: ignore[method-assign]
    session = telemetry.session()
    assert isinstance(session, sessions.Session)
    for n in range(100):
        session.count(f"n{n}")
        session.observe(f"n{n}", n)
        session.add(**{f"n{n}": n})
        session.count("langs", item=f"secret {n}")
    session.count("a secret")
    assert (len(session._counts), len(session._observed), len(session._facts)) == (32, 32, 32)
    assert session._spread == {"langs": {"other": 100}}
    assert lost == ["too_many_fields"] * 3 * 68 + ["field_name"]
    session.close()
    assert len(read(telemetry)[0]) == 32


def test_threads(make_telemetry: Make) -> None:
    """Many threads count into one session; where the interpreter has a global lock, nothing is lost."""
    telemetry = make_telemetry()
    threads, times = 8, 3000
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with telemetry.session() as session:

            def work() -> None:
                for n in range(times):
                    session.count("n", success=n % 2 == 0)
                    session.observe("ms", n)

            workers = [threading.Thread(target=work) for _ in range(threads)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
    finally:
        sys.setswitchinterval(before)
    found = only(telemetry)
    assert (found["ms.min"], found["ms.max"]) == (0, times - 1)
    whole = {"n": threads * times, "n.success": threads * times // 2, "ms.count": threads * times}
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        assert {name: found[name] for name in whole} == whole
    else:
        assert all(0 < found[name] <= number for name, number in whole.items())


def test_a_changed_answer(make_telemetry: Make) -> None:
    """What was counted under one answer is not recorded under another: it is dropped and counted."""
    telemetry = make_telemetry()
    session = telemetry.session()
    session.count("before", 5)
    telemetry.track("session", early=1)
    assert telemetry.flush(10.0)
    answer = Path(telemetry.paths["consent"])
    os.utime(answer, (time.time() - 5000, time.time() - 5000))
    telemetry.track("session", late=1)  # the write of this one notices, and drops it
    telemetry.flush(10.0)
    session.count("between")
    telemetry.losses.clear()  # that of the one that was dropped
    session.close()
    assert telemetry.losses == {"consent": 1}
    with telemetry.session() as session:
        session.count("after")
    assert telemetry.flush(10.0)
    assert [set(properties) - {"duration_ms", "success"} for properties in read(telemetry)] == [{"early"}, {"after"}]


def test_off(make_telemetry: Make, home: Path) -> None:
    """Where telemetry is off a session is one silent object, takes everything, and makes no file."""
    telemetry = make_telemetry(opted_in=False)
    with telemetry.session(60, agent=True) as session:
        session.count("n", 2, success=True)
        session.count("langs", item="py")
        session.observe("ms", 5)
        session.add(n=1)
        session.close()
    assert session is telemetry.session()
    assert list(home.iterdir()) == []


def test_the_end_of_the_interpreter_is_told_once(make_telemetry: Make) -> None:
    """However many sessions there were, one function waits for the end: a server makes one for each connection."""
    telemetry = make_telemetry()
    telemetry.session().close()
    before = atexit._ncallbacks()
    for _ in range(100):
        with telemetry.session(), telemetry.session():
            pass
    assert atexit._ncallbacks() == before
    assert telemetry.__dict__["sessions"] == {}


def test_no_recorder_is_kept(home: Path) -> None:
    """What waits for the end of the interpreter holds no recorder whose session and log are closed."""
    place = home / ".mytool" / "telemetry"
    place.mkdir(parents=True)
    (place / "opt-in").write_text("true\n")
    telemetry = Telemetry("mytool")
    allow(telemetry)
    with telemetry.session() as session:
        session.count("n")
    assert only(telemetry) == {"success": True, "n": 1}
    assert telemetry.close(10.0)
    kept = weakref.ref(telemetry)
    del telemetry, session
    gc.collect()
    assert kept() is None


def test_two_at_once(make_telemetry: Make) -> None:
    """Sessions know nothing of one another."""
    telemetry = make_telemetry()
    with telemetry.session() as outer:
        with telemetry.session() as inner:
            inner.count("n")
            outer.count("n", 2)
        outer.count("n", 2)
    assert [properties["n"] for properties in read(telemetry)] == [1, 4]
