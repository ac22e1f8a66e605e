"""A world for tests of delivery: a user who agreed, a log, a clock to set, and receivers that answer as they are told.

    world.record(1, 2)                          two records of the running process, as of now
    world.deliver()                             one deliverer at work, in this process, until it ends
    world.got() == [1, 2]                       what the receiver has, by number, in the order of arrival
    world.answers = [503, (429, 60.0)]          what it says next: a status, or one with Retry-After; then 200

The log, the state, the lock and the receipts are real files. Time passes only where a test lets it, or where a
deliverer sleeps.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from discreet import names, rotation
from discreet.destination import Destination
from discreet.log import timestamp
from discreet.sending import delivery
from discreet.sending import state as states
from discreet.sending.http import Outcome
from discreet.sending.lock import DeliveryLock
from discreet.sending.plan import Plan
from discreet.sending.wire import Request

URL = "https://example.org/t"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from discreet.privacy.declaration import Declaration

RUN = "a" * 16  # of the process whose records are delivered
OTHER_RUN = "b" * 16
NOON = 1_795_000_000.0
DAY = 86_400.0


def record_id(number: int) -> str:
    """The id of the record of that number."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def line(number: int, now: float, /, **changes: Any) -> bytes:
    """A line of the log; `changes` are other values, or None for a key that is to be missing."""
    record = {
        "v": 1, "id": record_id(number), "time": timestamp(now), "run": RUN, "event": "search", "tool": "mytool",
        "version": "1.4.0", "py": "3.11.7", "os": "linux", "properties": {"n": number},
    }  # fmt: skip
    whole = {key: value for key, value in (record | changes).items() if value is not None}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


class Crash(BaseException):
    """The end of a process, in the middle of anything."""


class World:
    """Everything that one machine and its receivers are. `destinations` are in force."""

    def __init__(self, directory: Path) -> None:
        self.now = NOON
        self.paths = names.Paths("mytool", {}, str(directory))
        self.directory = directory
        directory.mkdir(mode=0o700)
        self.log = directory / "usage.jsonl"
        self.destinations: tuple[Destination, ...] = (Destination(URL, batch_size=1, batch_interval=0),)
        self.declaration: "Declaration | None" = None
        self.environ: dict[str, str] = {}
        self.settings: dict[str, object] = {}
        self.answers: list[Any] = []
        self.requests: list[Request] = []  # all, answered or not
        self.accepted: list[tuple[str, int]] = []  # (URL, number) of what was answered with 2xx
        self.during: Callable[[Request], object] = lambda _: None  # something that happens before an answer
        self.told: list[str] = []
        self.agree("true", self.now - 1000)

    # What a user and a host do.

    def agree(self, text: str, since: float | None = None) -> None:
        """Write the consent by hand, as of now or of `since`."""
        path = self.directory / "opt-in"
        path.write_text(f"{text}\n")
        os.utime(path, (since or self.now, since or self.now))

    def record(self, *numbers: int, **changes: Any) -> None:
        """Append records as of now."""
        self.write(b"".join(line(number, self.now, **changes) for number in numbers))

    def write(self, content: bytes) -> None:
        """Append anything."""
        with self.log.open("ab") as log:
            log.write(content)

    def rotate(self) -> None:
        """Rename the files of the log as the log does."""
        for number in range(names.LOG_FILES - 1, 0, -1):
            older = Path(rotation.nth(self.paths, number - 1))
            if older.exists():
                older.replace(rotation.nth(self.paths, number))

    # What a deliverer does.

    def plan(self, run: str = RUN, **changes: Any) -> Plan:
        """What a deliverer works with, for the process `run`, which began under the consent that stands now."""
        from discreet import consent

        options = {"mode": "opt-in", "environ": self.environ, "settings": self.settings, **changes}
        options.setdefault("signature", consent.signature(self.paths))
        options.setdefault("own", tuple(one.host for one in self.destinations))  # so consent need not cover them
        return Plan("mytool", self.paths, self.destinations, self.declaration, run=run, **options)

    def delivery(self, plan: Plan | None = None, **options: Any) -> delivery.Delivery:
        """A deliverer."""
        return delivery.Delivery(
            plan or self.plan(), clock=lambda: self.now, exchange=self.exchange, tell=self.told.append,
            **{"until": self.now + 25, **options},
        )  # fmt: skip

    def deliver(self, plan: Plan | None = None, **options: Any) -> None:
        """One deliverer at work, from its lock to its end."""
        lock = DeliveryLock(self.paths)
        with lock as held:
            assert held
            self.delivery(plan, **options).work(lock)

    def exchange(self, request: Request, *, timeout: float, deadline: float, keep: int = 0) -> Outcome:
        """The receiver."""
        self.requests.append(request)
        self.during(request)
        answer = self.answers.pop(0) if self.answers else 200
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, str):
            return Outcome(0, None, answer, 0.1)
        status, retry_after = answer if isinstance(answer, tuple) else (answer, None)
        if 200 <= status < 300:
            self.accepted += [(request.url, number) for number in numbers(request)]
        return Outcome(status, retry_after, "", 0.1)

    # What is seen.

    def got(self, url: str = URL) -> list[int]:
        """The numbers of the records that the receiver at `url` took, in the order of their arrival."""
        return [number for where, number in self.accepted if where == url]

    def sizes(self) -> list[int]:
        """How many records each request carried, and forget the requests."""
        found = [len(numbers(request)) for request in self.requests]
        self.requests.clear()
        return found

    def state(self, destination: Destination | None = None) -> states.Place:
        """What is on disk of a destination."""
        return states.load(self.paths["delivery"]).places[(destination or self.destinations[0]).key]

    def losses(self) -> dict[str, int]:
        """What is counted on disk."""
        path = self.directory / "losses.json"
        return json.loads(path.read_bytes()) if path.exists() else {}


class Time:
    """In place of the module `time`, as the deliverer sees it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def monotonic(self) -> float:
        """The world's time."""
        return self.world.now

    time = monotonic

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.world.now += seconds


def numbers(request: Request) -> list[int]:
    """The numbers of the records in a request in the format json; their ids must be theirs."""
    found = []
    for record in json.loads(request.body)["records"]:
        found.append(int(record["id"][:8], 16))
        assert record["id"] == record_id(found[-1])
    return found


def own_world(tmp_path: Path, monkeypatch: Any) -> Iterator[World]:
    """The body of the fixture `world`."""
    made = World(tmp_path / "data")
    monkeypatch.setattr(delivery, "time", Time(made))
    yield made
