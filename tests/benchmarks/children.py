"""Run the programs in fresh interpreters, in an environment that says nothing, one at a time.

What a child inherits is written out here, not filtered: a variable of a CI, a test runner or another telemetry that
nobody thought of would decide the gate, and the benchmark would measure a library that is off.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import perf_counter_ns
from typing import TypeVar

from . import figures

Measured = TypeVar("Measured")
PROGRAMS = Path(__file__).resolve().parent / "programs"


@dataclass
class Bench:
    """Where a run takes place: the installed interpreter, a scratch directory, and how thorough to be."""

    python: Path
    scratch: Path
    quick: bool
    _fresh: Iterator[int] = field(default_factory=count)

    def times(self, full: int, quick: int) -> int:
        """How often to repeat: one number for a full run, one for a quick one."""
        return quick if self.quick else full

    def data_dir(self, consent: str | None = "true") -> Path:
        """A new data directory with this answer stored in `opt-in`; None stands for a user who was never asked."""
        directory = self.scratch / f"data-{next(self._fresh)}"
        directory.mkdir(mode=0o700)
        if consent is not None:
            answer = directory / "opt-in"
            answer.write_text(consent + "\n", encoding="ascii")
            answer.chmod(0o600)
        return directory

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The whole environment of a child: a home of its own, and nothing that would decide the gate but `more`."""
        home = self.scratch / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        return {"HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8", **(more or {})}

    def output(self, program: str, *arguments: object, python: Path | None = None) -> str:
        """What the program prints. Raises `CalledProcessError` when it fails."""
        done = subprocess.run(
            self.command(program, *arguments, python=python),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout.strip()

    def numbers(self, program: str, *arguments: object, python: Path | None = None) -> list[float]:
        """The numbers that the program prints, separated by any white space."""
        return [float(word) for word in self.output(program, *arguments, python=python).split()]

    def status(self, program: str, *arguments: object) -> int:
        """The exit status of the program, or minus the signal it died of."""
        command = self.command(program, *arguments)
        return subprocess.run(command, env=self.environment(), stdin=subprocess.DEVNULL, check=False).returncode

    def spent_ms(self, program: str, *arguments: object, more: Mapping[str, str] | None = None) -> tuple[float, float]:
        """Milliseconds of wall time, from before the program's start to its end as its parent sees them, and of CPU.

        The CPU time is that of the program with all its threads (wait4(2), `ru_utime` and `ru_stime`).
        """
        command = self.command(program, *arguments)
        environment = self.environment(more)
        null = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1)]
        start = perf_counter_ns()
        child = os.posix_spawn(command[0], command, environment, file_actions=null)
        _, status, usage = os.wait4(child, 0)
        end = perf_counter_ns()
        if status:
            raise RuntimeError(f"{command} ended with wait status {status}")
        return (end - start) / 1e6, (usage.ru_utime + usage.ru_stime) * 1e3

    def command(self, program: str, *arguments: object, python: Path | None = None) -> list[str]:
        """The program in a fresh, isolated interpreter: that with the package, or the one named."""
        return [str(python or self.python), "-I", str(PROGRAMS / program), *map(str, arguments)]


def in_turn(turn: int, bare: Callable[[], Measured], ours: Callable[[], Measured]) -> tuple[Measured, Measured]:
    """Measure both, one after the other. Who goes first changes, so that a drift or a warm cache helps neither."""
    if turn % 2:
        second = ours()
        return bare(), second
    return bare(), ours()


@dataclass
class Pairs:
    """Two things measured in turn, neighbours in time: `ours[i]` belongs to `bare[i]`."""

    bare: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    def add(self, bare: float, ours: float) -> None:
        """One more pair."""
        self.bare.append(bare)
        self.ours.append(ours)

    def difference(self, benchmark: str, what: str, unit: str, budget: float | None, note: str = "") -> figures.Row:
        """Judged by the median of the paired differences; the difference of the medians stands in the note."""
        differences = self.differences()
        apart = statistics.median(self.ours) - statistics.median(self.bare)
        medians = f"bare {statistics.median(self.bare):.3g}, difference of medians {apart:.3g}"
        note = f"{medians}; {note}" if note else medians
        return figures.row(benchmark, what, unit, differences, budget=budget, note=note)

    def differences(self) -> list[float]:
        """Ours less the bare neighbour, pair by pair."""
        return [ours - bare for bare, ours in zip(self.bare, self.ours, strict=True)]

    def ratio(self, benchmark: str, what: str, budget: float | None) -> figures.Row:
        """Judged by the median of the paired ratios."""
        ratios = [ours / bare for bare, ours in zip(self.bare, self.ours, strict=True)]
        note = f"{statistics.median(self.ours):.3g} ms against {statistics.median(self.bare):.3g} ms"
        return figures.row(benchmark, what, "times", ratios, budget=budget, note=note)


def progress(text: str) -> None:
    """Tell whoever waits what is being measured, apart from the table on stdout."""
    print(text, file=sys.stderr, flush=True)
