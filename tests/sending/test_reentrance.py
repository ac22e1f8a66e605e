"""Who tracks or raises in the middle of `track`: signal handlers and finalizers."""

import gc
import json
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from discreet import Telemetry, names
from discreet.sending import losses
from sending.conftest import Owner, refuse

LONG = 10.0  # seconds: a bound on hangs, never a measure
MakeTelemetry = Callable[..., Telemetry]
WaitUntil = Callable[[Callable[[], object]], None]

HANDLER = """
import signal, sys, time
import discreet

telemetry = discreet.Telemetry("mytool")
handled = 0


def handler(*_):
    global handled
    handled += 1
    telemetry.track("handled", n=handled)


signal.signal(signal.SIGALRM, handler)
"""
MANY_SIGNALS = """
telemetry.track("main", n=0)
assert telemetry.flush(10.0)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
end = time.monotonic() + 0.5
main = 0
while time.monotonic() < end and main < 20_000:
    main += 1
    telemetry.track("main", n=main)
    if main % 50 == 0:
        assert telemetry.flush(10.0)
signal.setitimer(signal.ITIMER_REAL, 0)
assert telemetry.flush(10.0)
print(main + 1, handled)
"""
ONE_SIGNAL = """
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
telemetry.track("main", n=1)
while not handled:
    time.sleep(0.001)
assert telemetry.flush(10.0)
print(sum(telemetry.losses.values()))
"""


def test_signal_handlers_that_track(make_telemetry: MakeTelemetry, run_python: Any, read_log: Any) -> None:
    """A handler that tracks in the middle of `track` and `flush`, hundreds of times, neither stops the program nor
    loses an event.
    """
    directory = make_telemetry().paths.directory
    result = run_python(HANDLER + MANY_SIGNALS)
    assert (result.returncode, result.stderr) == (0, "")
    main, handled = map(int, result.stdout.split())
    counted = Counter(record["event"] for record in read_log(directory))
    assert counted == {"main": main, "handled": handled}
    assert handled > 20


def test_a_signal_handler_within_the_first_call(make_telemetry: MakeTelemetry, run_python: Any, read_log: Any) -> None:
    """While the first call still loads the rooms behind it, a handler of the same thread finds them half loaded: its
    event is recorded or counted as lost, and the program's own event is recorded.
    """
    directory = make_telemetry().paths.directory
    dropped = 0
    for step in range(12):
        result = run_python(HANDLER + ONE_SIGNAL, str(0.0002 + 0.0004 * step), env={"DISCREET_DEBUG": ""})
        assert (result.returncode, result.stderr) == (0, "")
        dropped += int(result.stdout)
    counted = Counter(record["event"] for record in read_log(directory))
    saved = losses.read(f"{directory}/losses.json")
    assert counted["main"] == 12
    assert counted["handled"] + max(dropped, sum(saved.values())) == 12


INTERRUPTED = """
import sys
import discreet


class Interrupted:
    again = False

    def find_spec(self, name, path, target=None):
        if name == sys.argv[1] and not self.again:
            self.again = True
            raise KeyError(1)


sys.meta_path.insert(0, Interrupted())
telemetry = discreet.Telemetry("mytool")
{program}
assert sys.meta_path[0].again
assert telemetry.flush(10.0)
print(telemetry.losses)
"""


@pytest.mark.parametrize("module", ["names", "consent", "privacy", "sending", "log", "first"])
@pytest.mark.parametrize("program", ["telemetry.track('search')", "with telemetry.command('search'):\n    pass"])
def test_an_import_that_a_handler_has_spoilt(
    make_telemetry: MakeTelemetry, run_python: Any, read_log: Any, module: str, program: str
) -> None:
    """Before 3.12 an import ends in a `KeyError` where a handler of the same thread has imported meanwhile: it is done
    again, and nothing is lost by it.
    """
    directory = make_telemetry().paths.directory
    result = run_python(INTERRUPTED.format(program=program), f"discreet.{module}")
    assert (result.returncode, result.stdout, result.stderr) == (0, "{}\n", "")
    assert len(read_log(directory)) == 1


TOLD_MEANWHILE = """
import sys
import discreet

telemetry = discreet.Telemetry("mytool", events={"search": {"n": "number"}})
telemetry.track("search", n=0)
left = 0


def interrupt(frame, *_):
    global left
    if (frame.f_globals["__name__"], frame.f_code.co_name) == ("discreet.privacy.debug", "<module>"):
        left -= 1
        if left == 0:
            telemetry.track("search", n="a text")
            telemetry.track("search", n=1, q=1)
    return interrupt


line = 0
while left <= 0:
    line += 1
    left = line
    for properties in ({"n": "a text"}, {"n": 1, "q": 1}):
        sys.modules.pop("discreet.privacy.debug", None)
        vars(sys.modules["discreet.privacy"]).pop("debug", None)
        left = line
        sys.settrace(interrupt)
        telemetry.track("search", properties)
        sys.settrace(None)
assert line > 10
assert telemetry.flush(10.0)
"""


def test_a_signal_handler_within_the_first_telling(
    make_telemetry: MakeTelemetry, run_python: Any, read_log: Any
) -> None:
    """At whichever line of what tells an author of a drop a handler comes in that has its own dropped: neither call
    raises, and no event is lost by it.
    """
    directory = make_telemetry().paths.directory
    result = run_python(TOLD_MEANWHILE)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert "Error: " not in result.stderr.replace("ValueError: ", "").replace("TypeError: ", ""), result.stderr
    assert {record["properties"]["n"] for record in read_log(directory)} == {0, 1}


def test_finalizers_that_track(make_telemetry: MakeTelemetry, read_log: Any, wait_until: WaitUntil) -> None:
    """A `__del__` that tracks, run by the collector in the middle of `track`, neither stops the program nor loses an
    event.
    """
    telemetry = make_telemetry()
    deleted: list[int] = []

    class Dying:
        def __init__(self, n: int) -> None:
            self.n = n
            self.itself = self  # a cycle, so that the collector finds it some time later

        def __del__(self) -> None:
            telemetry.track("deleted", n=self.n)
            deleted.append(self.n)

    thresholds = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for n in range(1000):
            Dying(n)
            telemetry.track("main", {"n": n, "list": None})
    finally:
        gc.set_threshold(*thresholds)
    # While the other thread is at a collection, one that is asked for here is none.
    wait_until(lambda: gc.collect() >= 0 and len(deleted) == 1000)
    assert telemetry.flush(LONG)
    seen = Counter((record["event"], record["properties"]["n"]) for record in read_log(telemetry.paths.directory))
    assert seen == Counter((event, n) for event in ("main", "deleted") for n in range(1000))


class Interrupt:
    """Ctrl-C in the caller's thread at the step of that number: where a function begins, or after one of C's has ended.
    There the interpreter looks for signals.
    """

    def __init__(self, step: int) -> None:
        self.left = step

    def __call__(self, frame: FrameType, event: str, called: object) -> None:
        """What `sys.setprofile` is given; an exception of it is raised where the host is just then."""
        if event in ("call", "c_return") and called is not sys.setprofile:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    def during(self, *work: Callable[[], object]) -> bool:
        """Do the work; whether it came to the interruption."""
        gc.disable()  # hypothesis is called back at a collection, and would take the interruption
        sys.setprofile(self)
        try:
            for one in work:
                one()
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
            gc.enable()
        return False


class Kept:
    """A log in memory that locks nothing, or what was interrupted there might stay locked."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def append(self, lines: list[bytes]) -> int:
        """Take them."""
        self.lines += lines
        return len(lines)

    @property
    def numbers(self) -> set[int]:
        """The property `n` of each record."""
        return {json.loads(line)["properties"]["n"] for line in self.lines}


@pytest.mark.parametrize("when", ["new", "sleeping", "ended", "closed", "no threads"])
def test_interrupted_anywhere(paths: names.Paths, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever in `record` or `flush` a signal handler raises, recording goes on: nothing stays locked, and whatever
    was recorded before or after is on the log.
    """
    interrupted, step = True, 0
    while interrupted:
        owner, log = Owner(paths), Kept()
        owner.sender._log = log  # type: ignore[assignment]  # all that the sender asks of a log is `append`
        with monkeypatch.context() as patch:
            if when == "no threads":
                patch.setattr("_thread.start_new_thread", refuse)
            if when != "new":
                owner.record(1)
                assert owner.sender.flush(LONG)
            if when in ("ended", "closed"):
                assert (owner.sender.end if when == "ended" else owner.sender.close)(LONG)
            flush = partial(owner.sender.flush, LONG)
            interrupted = Interrupt(step).during(partial(owner.record, 2), flush)
            owner.record(3)
            owner.sender.flush(LONG)
            owner.record(4)
            assert owner.sender.flush(LONG), f"step {step}"
        assert owner.sender.close(LONG)
        assert not owner.sender.running.locked()
        assert {3, 4, *([1] if when != "new" else []), *([] if interrupted else [2])} <= log.numbers
        step += 1
    assert step > 20
