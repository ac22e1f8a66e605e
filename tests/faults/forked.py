"""Programs on a disk that fails, run in forked processes by `faults.zygote`, and what they leave in a home."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import discreet
from faults.disk import Fault

TESTS, PACKAGES = str(Path(__file__).parent.parent), str(Path(discreet.__file__).parent.parent)
TOOL = ".mytool"


class Run(NamedTuple):
    """How a program ended, and what was seen of it on the way."""

    status: int
    out: str
    err: str
    calls: list[str]  # of the package, in their order
    swallowed: list[str]  # "<reason> <type of the error> <its errno>"
    sent: list[Any]  # bodies of requests
    end: dict[str, Any]  # `off`, `losses` and `leaked`, the number of descriptors left open

    @property
    def felt(self) -> tuple[int, str, str]:
        """What the user feels of it."""
        return self.status, self.out, self.err


class Programs:
    """A zygote at work. `without` names rooms of the package that it does not load."""

    def __init__(self, *without: str) -> None:
        environment = {
            "PYTHONPATH": f"{TESTS}{os.pathsep}{PACKAGES}",
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PYTHONIOENCODING": "utf-8",
        }
        self._zygote = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "faults.zygote", *without],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def run(self, program: str, home: "Home", *argv: str, fault: Fault | None = None, **options: Any) -> Run:
        """Run a program text in a home."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        environment = {"HOME": str(home.path), **options.pop("env", {})}
        order = {"program": program, "argv": argv, "env": environment, "fault": fault, "directory": str(home.directory)}
        self._zygote.stdin.write(f"{json.dumps({**order, **options})}\n".encode())
        self._zygote.stdin.flush()
        answer = self._zygote.stdout.readline()
        assert answer, "the zygote is gone"
        return Run(**json.loads(answer))

    def close(self) -> None:
        """Let it end."""
        self._zygote.communicate(timeout=30)


class Home:
    """A home with files of the tool, and others. `fresh` makes it what it was when `keep` was called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = path / TOOL / "telemetry"
        self._kept = path.parent / f"{path.name}.kept"
        path.mkdir(exist_ok=True)
        (path / ".profile").write_text("export EDITOR=vi\n")
        (path / TOOL).mkdir(exist_ok=True)
        (path / TOOL / "config").write_text("colour = true\n")

    def agree(self, text: str = "true\n") -> None:
        """Store a yes by hand, in a file of its own."""
        self.directory.mkdir(exist_ok=True)
        (self.directory / "opt-in").unlink(missing_ok=True)
        (self.directory / "opt-in").write_text(text)

    def keep(self) -> None:
        """Remember all of it."""
        shutil.copytree(self.path, self._kept, symlinks=True, copy_function=_copied)

    def copied(self) -> "Home":
        """What was kept, in another place."""
        place = Path(tempfile.mkdtemp(dir=self.path.parent)) / self.path.name
        shutil.copytree(self._kept, place, symlinks=True, copy_function=_copied)
        return Home(place)

    def fresh(self) -> None:
        """As it was, down to the time of the stored answer, by which a consent is told from another."""
        shutil.rmtree(self.path)
        shutil.copytree(self._kept, self.path, symlinks=True, copy_function=_copied)

    def others(self) -> dict[str, bytes]:
        """What is not the package's to touch."""
        files = (path for path in self.path.rglob("*") if path.is_file() and self.directory not in path.parents)
        return {str(path.relative_to(self.path)): path.read_bytes() for path in files}

    def lines(self) -> tuple[list[dict[str, Any]], list[bytes]]:
        """The records on the log, and the lines that are none."""
        records, torn = [], []
        for path in sorted(self.directory.glob("usage*.jsonl"), reverse=True):
            for line in path.read_bytes().splitlines():
                try:
                    records.append(json.loads(line))
                except ValueError:
                    torn.append(line)
        return records, [line for line in torn if line]

    def losses(self) -> int:
        """How many are counted on disk."""
        path = self.directory / "losses.json"
        return sum(json.loads(path.read_bytes()).values()) if path.exists() else 0


def numbers(records: list[dict[str, Any]]) -> Counter[int]:
    """How often each event is there that carries a number, by the number."""
    return Counter(record["properties"]["n"] for record in records if "n" in record.get("properties", ()))


def _copied(source: str, target: str) -> None:
    """The stored answer is never written in place, so a second name of it is as good as a copy."""
    (os.link if os.path.basename(source) == "opt-in" else shutil.copy2)(source, target)
