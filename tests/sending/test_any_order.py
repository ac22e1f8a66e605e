"""The promises, whatever happens in whatever order: a model of what may be sent, beside the real thing.

Runs of two versions of a tool, verbs, hands that edit files, deliverers that come late or crash, and receivers with
answers of every kind, drawn by hypothesis. Recorder, gate, log, plan, deliverer and files are the real ones; the clock,
the start of a child and the exchange with a receiver are the test's. `--thorough` draws twenty times as many.
"""

import contextlib
import io
import json
import marshal
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from discreet import Telemetry, files, first
from discreet.cli import data
from discreet.cli import delivery as verbs
from discreet.consent import stored
from discreet.destination import Destination
from discreet.log import Encoder, timestamp
from discreet.privacy import coverage
from discreet.sending import courier, delivery, handover, period, work
from discreet.sending.delivery import Delivery, Withdrawn
from discreet.sending.http import Outcome
from discreet.sending.lock import DeliveryLock
from discreet.sending.plan import Plan
from sending.outboxes import DAY, Crash, World

HOSTS = ("one.example", "two.example")  # the second came with a later version
FIELD = "m"  # and so did this
EVENTS = {"search": {"n": "number"}}
LATER = {"search": {"n": "number", FIELD: "number"}}
SENT_DAYS = 30
UNANSWERED, UNREACHABLE, CRASH_BEFORE, CRASH_AFTER = "unanswered", "unreachable", "crash before", "crash after"
ANSWERS = (200, 204, 302, 400, 401, 413, 429, 503, UNANSWERED, UNREACHABLE, CRASH_BEFORE, CRASH_AFTER)
CHANGES = ("off", "on", "clear", "true", "false", "gone", "marker", "no marker")
LONG = 20.0  # seconds: a bound on hangs


class Run:
    """A run of the tool; the later version of it delivers to a second host, and may have a further field."""

    def __init__(self, machine: "AnyOrder", *, later: bool, variable: str = "") -> None:
        hosts = HOSTS if later else HOSTS[:1]
        self.discloses = {*hosts, FIELD} if later else {*hosts}
        self.later = later
        self.environ = {variable: "1"} if variable else {}
        self.period: int | None = None  # in which it recorded last
        self.answers: list[int] = []  # when the files of the answer were changed that it last went by
        self.telemetry = Telemetry(
            "mytool",
            data_dir=machine.world.directory,
            consent=machine.mode,
            events=LATER if later and machine.grows else EVENTS,
            destination=[Destination(f"https://{host}/t", batch_size=1, batch_interval=0) for host in hosts],
        )
        self.telemetry.lifted = ("test runner", "CI")
        self.telemetry.environ = self.environ


class AnyOrder(RuleBasedStateMachine):
    """A user's machine. `period` counts the user's answers, and whatever else may be one.

    What is certain is asserted. Where the promises leave room (a running process that meets a new answer, the state of
    deliveries erased by hand, a deliverer that comes long after its run), either outcome is let pass.
    """

    mode = "opt-in"

    def __init__(self) -> None:
        super().__init__()
        self.world = self.new_world()
        self.ticks = 0
        self.grows = False
        # The answers: in the file, by the marker, by a notice; and what each named.
        self.stored: bool | None = None
        self.marker = self.noticed = False
        self.named: set[str] | None = None
        self.told: set[str] = set()
        self.period = 0
        self.alike: set[int] = set()  # earlier periods since which a second yes has come or gone, and no more
        self.taken = 0  # the last period that began with an answer taken away by hand
        self.covered: set[str] | None = None  # hosts and fields that were agreed to; None until a first run says so
        # What there is.
        self.runs: list[Run] = []
        self.children: list[tuple[int, dict[str, Any]]] = []  # started in which period, and their plans
        self.made: dict[int, tuple[int, float, Run]] = {}  # records, by number
        self.agreed: dict[int, set[str]] = {}  # what was covered when they were made
        self.logged: set[int] = set()
        self.ids: dict[int, str] = {}
        # What has happened to deliveries.
        self.answers: list[Any] = []
        self.got: dict[str, set[int]] = {host: set() for host in HOSTS}
        self.confirmed: dict[str, set[int]] = {host: set() for host in HOSTS}  # the receiver has said so
        self.late = 0  # the last period in which a child of an earlier one came
        self.seen: dict[str, int] = {}  # the first record of a run that delivers to a host
        self.noted, self.noting = 0, set[int]()  # the last period with a first run; records of the second of its note
        self.erased, self.unknown = False, 0  # the state of deliveries; the last record that nobody knows the place of

    def new_world(self) -> World:
        """An empty machine."""
        raise NotImplementedError

    @initialize(grows=st.booleans(), answer=st.sampled_from(["on", "true", "marker"]))
    def begin_with(self, *, grows: bool, answer: str) -> None:
        """Whether the later version has a further field; and what the user says at first."""
        self.grows = grows
        self.change(answer, later=False)

    def says_yes(self, environ: dict[str, str]) -> bool:
        """Whether the gate lets a run with this environment record."""
        if self.stored is False or "DO_NOT_TRACK" in environ:
            return False
        return bool(self.stored or self.marker or self.by_default() or "MYTOOL_TELEMETRY_OPT_IN" in environ)

    def by_default(self) -> bool:
        """Whether it is the notice alone that says yes."""
        return self.mode == "opt-out" and self.noticed and not self.stored and not self.marker

    def begin(self, *, alike: bool = False) -> None:
        """Begin a period of consent."""
        self.alike = {*self.alike, self.period} if alike else set()
        self.period += 1
        self.covered = {*self.told} if self.by_default() else self.named

    # What the tool does.

    @rule(later=st.booleans(), variable=st.sampled_from(["", "", "", "DO_NOT_TRACK", "MYTOOL_TELEMETRY_OPT_IN"]))
    def start(self, *, later: bool, variable: str) -> None:
        """Somebody runs it, in either version."""
        self.wait(2)
        self.runs.append(Run(self, later=later, variable=variable))

    @precondition(lambda self: self.runs)
    @rule(which=st.integers(0, 9))
    def record(self, which: int) -> None:
        """A run tracks an event, and waits for the log."""
        self.wait(2)
        run = self.runs[which % len(self.runs)]
        number = len(self.made) + 1
        self.made[number] = self.period, self.world.now, run
        allowed, was_off, before = self.says_yes(run.environ), run.telemetry.off, self.on_the_log()
        run.telemetry.track("search", {"n": number, FIELD: 1} if run.later and self.grows else {"n": number})
        run.telemetry.flush(LONG)
        if number in self.on_the_log():
            assert allowed, f"{number} was recorded without consent"
            assert not was_off, f"{number} was recorded by a run that was off"
            self.logged.add(number)
        else:
            assert not allowed or was_off or run.period not in (None, self.period), f"{number} was not recorded"
        if allowed and not run.telemetry.off:
            for host in {*HOSTS} & run.discloses:
                self.seen.setdefault(host, number)
            if self.covered is None and (run.period is None or run.answers != self.changed()):
                self.covered = run.discloses
            if before and run.period is None and self.noted != self.period:
                self.noting.add(number)  # beside an older log it may stay, if another run's child is quicker
            self.noted, run.period, run.answers = self.period, self.period, self.changed()
        self.agreed[number] = self.covered or set()
        if self.erased:
            self.unknown = number

    @precondition(lambda self: self.runs)
    @rule(which=st.integers(0, 9))
    def end(self, which: int) -> None:
        """A run ends, and leaves a child where it finds that one is due."""
        self.runs.pop(which % len(self.runs)).telemetry.close(LONG)

    @rule(later=st.booleans(), answers=st.none() | st.lists(st.sampled_from((*ANSWERS, *CHANGES)), max_size=4))
    def use(self, *, later: bool, answers: list[Any] | None) -> None:
        """A short run, from its start to its end; and, unless it is late, its child."""
        self.start(later=later, variable="")
        self.record(-1)
        self.end(-1)
        if self.children and answers is not None:
            self.work(*self.children.pop(), answers)

    @precondition(lambda self: self.children)
    @rule(which=st.integers(0, 9), answers=st.lists(st.sampled_from((*ANSWERS, *CHANGES)), max_size=4))
    def deliver(self, which: int, answers: list[Any]) -> None:
        """A child comes to work; a change in the place of an answer happens while a receiver takes its time."""
        self.wait(1)
        self.work(*self.children.pop(which % len(self.children)), answers)

    def work(self, started: int, values: dict[str, Any], answers: list[Any]) -> None:
        """What a child does with its plan."""
        self.erased, self.answers = False, answers
        self.late = self.late if started == self.period else self.period
        plan = work.restored(marshal.loads(marshal.dumps(values)))
        if self.covered is None and self.says_yes(plan.environ):
            self.covered = self.disclosed(plan)
        lock = plan.lock = DeliveryLock(plan.paths)
        with contextlib.suppress(Withdrawn, Crash), lock as held:
            assert held
            Delivery(plan, clock=self.now, exchange=self.exchange, until=self.world.now + 25).work(lock)

    def disclosed(self, plan: Plan) -> set[str]:
        """What that version's disclosure names."""
        return {one.host for one in plan.destinations} | ({FIELD} if len(plan.destinations) > 1 else set())

    def exchange(self, request: Any, **_: Any) -> Outcome:
        """A receiver, and what must be true of all that comes to it."""
        self.wait(1)
        host = request.url.split("/")[2]
        records = {record["properties"]["n"]: record for record in json.loads(request.body)["records"]}
        assert self.covered is not None, "nobody has agreed to anything"
        assert host in self.covered, f"{host} was never agreed to"
        for number, record in records.items():
            period, made, _run = self.made[number]
            assert number in self.logged, f"{number} is not on the log"
            known = number >= self.seen[host] or host in self.agreed[number]
            assert known, f"{number} was recorded before anybody knew {host}"
            assert period in (self.period, *self.alike), f"{number} is of another consent"
            assert self.world.now - made <= SENT_DAYS * DAY + 60, f"{number} is too old"
            assert FIELD not in record["properties"] or FIELD in self.covered, f"{number} has a field of later"
            assert number not in self.confirmed[host], f"{host} has said that it has {number}"
            assert self.ids.setdefault(number, record["id"]) == record["id"], f"{number} has two ids"
        return self.answer(host, set(records))

    def answer(self, host: str, numbers: set[int]) -> Outcome:
        """The next answer, and what it means."""
        answer = self.answers.pop(0) if self.answers else 200
        if answer == CRASH_BEFORE:
            raise Crash
        change, answer = (answer, 200) if answer in CHANGES else ("", answer)
        if answer in (200, 204, UNANSWERED, CRASH_AFTER):
            self.got[host] |= numbers
        if answer == CRASH_AFTER:
            raise Crash
        if change:
            self.change(change, later=False)
        if answer in (200, 204, 400) or (answer == 413 and len(numbers) == 1):
            self.confirmed[host] |= numbers  # or it is given up
        return Outcome(0, None, answer, 0.1) if isinstance(answer, str) else Outcome(answer, None, "", 0.1)

    # What the user does.

    @rule(seconds=st.sampled_from([1, 60, 3600, DAY, 10 * DAY, 31 * DAY]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.now += seconds

    @rule(later=st.booleans())
    def agree(self, *, later: bool) -> None:
        """A yes to what that version discloses."""
        self.change("on", later=later)

    @rule(what=st.sampled_from(CHANGES), later=st.booleans())
    def change(self, what: str, *, later: bool) -> None:
        """An answer: by a verb of either version, or by hand."""
        self.wait(2)
        if what in ("on", "off", "clear"):
            self.type(what, later=later)
        else:
            self.edit(what)
        self.wait(2)

    def type(self, verb: str, *, later: bool) -> None:
        """A verb about the answer."""
        run = Run(self, later=later)
        with contextlib.redirect_stdout(io.StringIO()):
            assert run.telemetry.main([verb, *(["--yes"] if verb == "clear" else [])]) == 0
        if verb == "clear":
            assert not self.on_the_log()
            self.noticed, self.told = False, set()
        if verb != "on":
            self.marker = False
        self.stored = None if verb == "clear" and self.mode != "opt-out" else verb == "on"
        self.named = run.discloses if verb == "on" else None
        self.begin()

    def edit(self, what: str) -> None:
        """The same by hand."""
        self.world.directory.mkdir(mode=0o700, exist_ok=True)
        answer, marker = self.world.directory / "opt-in", self.world.directory / "enabled"
        if what in ("true", "false"):
            answer.write_text(f"{what}\n")
            self.touch(answer)
            self.stored, self.named = what == "true", None
            self.begin()
        elif what == "gone" and self.stored is not None:
            answer.unlink()
            self.stored = self.named = None
            self.take_back()
        elif what == "marker":
            alike = bool(self.stored)
            marker.touch()
            self.touch(marker)
            self.marker = True
            self.begin(alike=alike)
        elif what == "no marker" and self.marker:
            marker.unlink()
            self.marker = False
            self.take_back()

    def take_back(self) -> None:
        """An answer is taken away by hand: all may be as it was at any time before (accepted, see docs/design.md)."""
        self.begin()
        self.alike, self.taken = {*range(self.period)}, self.period

    @precondition(lambda self: self.runs)
    @rule(which=st.integers(0, 9), what=st.sampled_from(CHANGES))
    def change_beside(self, which: int, *, what: str) -> None:
        """A change while a run that has recorded goes on."""
        self.record(which)
        self.change(what, later=False)
        self.record(which)

    @precondition(lambda self: self.mode == "opt-out")
    @rule(later=st.booleans())
    def tell(self, *, later: bool) -> None:
        """A notice is shown, of either version."""
        self.wait(2)
        run = Run(self, later=later)
        declaration, hosts = run.telemetry.declaration, [one.host for one in run.telemetry.destinations]
        stored.note(self.world.paths, coverage.lines(declaration, hosts), timestamp(self.world.now))
        self.noticed, self.told = True, self.told | run.discloses
        self.begin()
        self.wait(2)

    @rule()
    def rotate(self) -> None:
        """The log has grown."""
        self.world.rotate()

    @rule(what=st.sampled_from(["delivery.json", "usage.jsonl", "receipts.jsonl", "lock"]))
    def erase(self, what: str) -> None:
        """A hand that erases a file."""
        path = self.world.directory / what
        if path.exists():
            path.unlink()
            if what == "usage.jsonl" and self.children:
                self.late = self.period  # a child that finds nothing of its run begins at the end of the log
            if what == "delivery.json":
                self.covered = {*self.told} if self.by_default() else self.named
                self.erased, self.unknown = True, len(self.made)
                self.confirmed = {host: set() for host in HOSTS}

    @rule()
    def settle(self) -> None:
        """All receivers answer, and somebody runs the tool: then everything has arrived that was to."""
        self.wait(2 * DAY)
        last = Run(self, later=True)
        self.runs.append(last)
        self.record(-1)
        self.record(-1)  # the first one may be of the second of an answer
        self.end(-1)
        while self.children:
            self.work(*self.children.pop(0), [])
        if not self.says_yes({}) or self.late == self.period:
            return
        for number in self.logged & self.on_the_log():
            period, made, run = self.made[number]
            unseen = run.later and self.grows  # the earlier version knows no such field
            undated = self.taken == self.period and run is not last  # nobody knows since when it is agreed to
            passed_over = unseen or undated or number <= self.unknown or number in self.noting
            if period == self.period and self.world.now - made < SENT_DAYS * DAY and not passed_over:
                for host in {*HOSTS} & run.discloses & (self.covered or set()):
                    assert number in self.got[host] | self.confirmed[host], f"{number} never came to {host}"

    # What there is to be seen.

    def now(self) -> float:
        """The time, in seconds of the epoch."""
        return self.world.now

    def on_the_log(self) -> set[int]:
        """The numbers of the records in its files."""
        lines = [line for file in self.world.directory.glob("usage*.jsonl") for line in file.read_bytes().splitlines()]
        return {json.loads(line)["properties"]["n"] for line in lines if line}

    def changed(self) -> list[int]:
        """When each file of the answer was changed, in nanoseconds; 0 where there is none."""
        files = [self.world.directory / name for name in ("opt-in", "enabled", "notice")]
        return [file.stat().st_mtime_ns if file.exists() else 0 for file in files]

    def touch(self, path: Path | str) -> None:
        """Let a file be of now, to the nanosecond."""
        self.ticks += 1
        now = int(self.world.now) * 10**9 + self.ticks
        os.utime(path, ns=(now, now))

    def teardown(self) -> None:
        """Let no thread live on."""
        for run in self.runs:
            run.telemetry.close(LONG)


class Clock:
    """In place of the module `time` in a module."""

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def __init__(self, now: Callable[[], float]) -> None:
        self.time = now


@pytest.mark.parametrize("mode", ["opt-in", "opt-out"])
def test_in_any_order(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent that was recorded under another answer, to a host or with a field that was not agreed to, or
    again after the receiver has said that it has it; and all the rest arrives.
    """
    machine: AnyOrder

    class Machine(AnyOrder):
        def new_world(self) -> World:
            nonlocal machine
            machine = self
            made = World(tmp_path / f"data-{len(list(tmp_path.iterdir()))}")
            (made.directory / "opt-in").unlink()
            return made

    write = files.write_private

    def write_now(path: str, *arguments: Any, **options: Any) -> None:
        write(path, *arguments, **options)
        machine.touch(path)

    def now() -> float:
        return machine.world.now

    def sleep(seconds: float) -> None:
        machine.world.now += seconds

    monkeypatch.setattr(Machine, "mode", mode)
    monkeypatch.setattr(files, "write_private", write_now)
    monkeypatch.setattr(Encoder.encode, "__defaults__", (now,))
    monkeypatch.setattr(handover, "start", lambda plan: machine.children.append((machine.period, plan)))
    for module in (courier, first, period, data, verbs, delivery):
        monkeypatch.setattr(module, "time", Clock(now))
    delivery.time.monotonic, delivery.time.sleep = now, sleep  # type: ignore[assignment]
    run_state_machine_as_test(Machine, settings=settings(phases=[Phase.generate], stateful_step_count=25))
