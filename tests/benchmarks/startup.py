"""Rows of the process: the import alone, what it loads, and whole commands beside the bare one.

A command is measured from outside, in wall time of its parent, because much of what a library costs comes after its
last line: exit handlers, the thread's end, the teardown of its modules.
"""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import figures
from .children import Bench, Pairs, in_turn, progress

IMPORT_BUDGET = 0.5  # of `import threading`
MODULES_BUDGET = 8
DISABLED_BUDGET = 1.0  # milliseconds, the whole command
ENABLED_BUDGET = 3.0
BARE_DECLARED = "command_bare_declared.py"  # the interpreter compiles a script each time: its declaration is not ours

# fmt: off
HEAVY = (
    "argparse", "dataclasses", "datetime", "email", "enum", "hashlib", "http", "http.client", "inspect", "json",
    "logging", "pathlib", "queue", "re", "socket", "ssl", "subprocess", "tempfile", "threading", "tomllib", "typing",
    "urllib", "urllib.parse", "urllib.request", "uuid",
)
# fmt: on
"""What the design keeps out of a host's start, and what a short command should not load either."""


@dataclass(frozen=True)
class Way:
    """One kind of command: its program, the data directory of the next run ("" for the default), more environment, and
    the same command without telemetry.
    """

    program: str
    directory: Callable[[], str]
    more: Mapping[str, str] = field(default_factory=dict)
    bare: str = "command_bare.py"

    def halves(self, bench: Bench) -> tuple[Callable[[], tuple[float, float]], Callable[[], tuple[float, float]]]:
        """The bare command and ours, ready to run, with the same argument and the same environment."""
        directory = self.directory()
        return (
            lambda: bench.spent_ms(self.bare, directory, more=self.more),
            lambda: bench.spent_ms(self.program, directory, more=self.more),
        )


def imports(bench: Bench) -> list[figures.Row]:
    """`import discreet` as a share of `import threading`, each in an interpreter of its own."""
    pairs = Pairs()
    for turn in range(bench.times(200, 40)):
        bare, ours = in_turn(
            turn,
            lambda: bench.numbers("import_one.py", "threading")[0],
            lambda: bench.numbers("import_one.py", "discreet")[0],
        )
        pairs.add(bare, ours)
    return [pairs.ratio("import", "import discreet / import threading", IMPORT_BUDGET)]


def modules(bench: Bench) -> list[figures.Row]:
    """How many modules are loaded, by name: a count, the same in every run."""
    printed = bench.output("modules.py", bench.data_dir(None), bench.data_dir("true"))
    rows = []
    for when, line in zip(("import", "disabled track", "enabled track"), printed.split("\n"), strict=True):
        names = line.split()
        ours = [name for name in names if name.partition(".")[0] == "discreet"]
        heavy = [name for name in names if name in HEAVY]
        off = when != "enabled track"
        others = " ".join(name for name in names if name not in ours)
        budget = MODULES_BUDGET if when == "import" else None
        rows.append(_count(f"modules of ours, {when}", ours, budget, " ".join(ours)))
        rows.append(_count(f"modules of others, {when}", [*others.split()], None, others))
        rows.append(_count(f"heavy modules, {when}", heavy, 0 if off else None, " ".join(heavy)))
    return rows


def _count(what: str, names: list[str], budget: float | None, note: str) -> figures.Row:
    return figures.Row("modules", what, "modules", len(names), len(names), len(names), 1, budget, note=note)


def disabled(bench: Bench) -> list[figures.Row]:
    """A command whose telemetry is off, for each way to be off, against the bare one."""
    never, agreed, refused = bench.data_dir(None), bench.data_dir("true"), bench.data_dir("false")
    ways = {
        "never asked": Way("command.py", lambda: str(never)),
        "never asked, default directory": Way("command.py", lambda: ""),
        "DO_NOT_TRACK=1, default directory": Way("command.py", lambda: "", {"DO_NOT_TRACK": "1"}),
        "DO_NOT_TRACK=1 over a stored yes": Way("command.py", lambda: str(agreed), {"DO_NOT_TRACK": "1"}),
        "stored no": Way("command.py", lambda: str(refused)),
        "never asked, declared in words": Way("command_declared.py", lambda: "", bare=BARE_DECLARED),
        "never asked, declared by a class": Way("command_event.py", lambda: ""),
    }
    rows = _commands(bench, "disabled", ways, DISABLED_BUDGET)
    for data_dir in (never, agreed, refused):
        if any(data_dir.glob("usage*")):
            raise RuntimeError(f"something was recorded in {data_dir}")
    return rows


def enabled(bench: Bench) -> list[figures.Row]:
    """A command that logs one event, by `track` or by the `command` decorator, against the bare one."""
    logs = [bench.data_dir("true")]

    def first_run() -> str:
        logs.append(bench.data_dir("true"))
        return str(logs[-1])

    ways = {
        "track, a log is there": Way("command.py", lambda: str(logs[0])),
        "track, the first run": Way("command.py", first_run),
        "command decorator": Way("command_scope.py", lambda: str(logs[0])),
        "track, declared in words": Way("command_declared.py", lambda: str(logs[0]), bare=BARE_DECLARED),
        "track, declared by a class": Way("command_event.py", lambda: str(logs[0])),
    }
    rows = _commands(bench, "enabled", ways, ENABLED_BUDGET)
    for data_dir in logs:
        if not any(data_dir.glob("usage*")):
            raise RuntimeError(f"nothing was recorded in {data_dir}")
    return rows


def _commands(bench: Bench, benchmark: str, ways: dict[str, Way], budget: float) -> list[figures.Row]:
    walls = {what: Pairs() for what in ways}
    cpu = {what: Pairs() for what in ways}
    for turn in range(bench.times(300, 40)):
        for what, way in ways.items():
            bare, ours = in_turn(turn, *way.halves(bench))
            walls[what].add(bare[0], ours[0])
            cpu[what].add(bare[1], ours[1])
        if turn % 50 == 49:
            progress(f"  {benchmark}: {turn + 1} rounds")
    rows = []
    for what in ways:
        spent = f"CPU {statistics.median(cpu[what].differences()):.2f}"
        rows.append(walls[what].difference(benchmark, f"command, {what}", "ms", budget, spent))
    return rows
