"""The libraries that ours is compared with, from the package index, in a virtual environment that is thrown away.

Their versions are those of the extra `bench` in pyproject.toml. What cannot be installed is named, never left out in
silence, and the rest is measured without it.
"""

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

from .installed import CHECKOUT

_LONGEST_SECONDS = 600.0


class Peers:
    """An environment for some of the extra's requirements; `missing` says of those not installed why not."""

    def __init__(self, directory: Path, *names: str) -> None:
        self.python = directory / "bin" / "python"
        self.missing: dict[str, str] = {}
        venv.create(directory, with_pip=False, symlinks=True)
        for name in names:
            self._install(name)

    def has(self, *names: str) -> bool:
        """Whether all of these could be installed."""
        return not self.missing.keys() & set(names)

    def why(self, *names: str) -> str:
        """What is missing of these, and why, in one line."""
        return "; ".join(f"{name}: {self.missing[name]}" for name in names if name in self.missing)

    def versions(self, *names: str) -> str:
        """The installed versions, as in `posthog 7.91.1`."""
        program = "import sys; from importlib.metadata import version; [print(n, version(n)) for n in sys.argv[1:]]"
        command = (str(self.python), "-I", "-c", program, *names)
        return ", ".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[:-1])

    def files(self, *names: str) -> tuple[int, list[Path]]:
        """How many distributions these are with all that they need, and the files of all."""
        program = (
            "import sys, re; from importlib.metadata import distribution, PackageNotFoundError as P\n"
            "seen, todo = {}, sys.argv[1:]\n"
            "while todo:\n"
            "    name = re.split('[^A-Za-z0-9._-]', todo.pop())[0].lower().replace('_', '-')\n"
            "    try: found = seen.get(name) or distribution(name)\n"
            "    except P: continue\n"
            "    if name not in seen: todo += [r for r in found.requires or [] if 'extra' not in r]\n"
            "    seen[name] = found\n"
            "print(len(seen)); [print(f.locate()) for d in seen.values() for f in d.files or []]"
        )
        command = (str(self.python), "-I", "-c", program, *names)
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        return int(lines[0]), [Path(line) for line in lines[1:]]

    def _install(self, name: str) -> None:
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(self.python))
        try:
            done = subprocess.run(
                (*pip, "install", "--compile", requirement(name)),
                capture_output=True,
                text=True,
                check=False,
                timeout=_LONGEST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            self.missing[name] = f"pip had not installed it in {_LONGEST_SECONDS:.0f} s"
            return
        if done.returncode:
            self.missing[name] = (done.stderr.strip().split("\n") or [""])[-1]


def requirement(name: str) -> str:
    """The line of the extra `bench` that asks for the package of that name. Raises `LookupError` if there is none."""
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["optional-dependencies"]["bench"]
    for line in wanted:
        if isinstance(line, str) and line.split(" ")[0].partition(">")[0] == name:
            return line
    raise LookupError(f"{name} is not in the extra `bench`")
