"""Install the checkout the way a user does, into a throw-away virtual environment, and measure that, not `src/`.

An editable install would add a path hook to every start, and an uncompiled one the compiler: both would be counted
as ours. The environment holds nothing else, so no `.pth` file of a stranger runs in either half of a pair.
"""

import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def install(directory: Path) -> Path:
    """Make the environment in `directory`; the path of its interpreter. Raises `CalledProcessError` if pip fails."""
    venv.create(directory, with_pip=False, symlinks=True)
    python = directory / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python))
    subprocess.run((*pip, "install", "--no-deps", "--compile", str(CHECKOUT)), check=True)
    return python


def package(python: Path) -> Path:
    """The installed package's directory. Raises `RuntimeError` if it is a link into the checkout or not compiled."""
    program = "import importlib.util as u, os; print(os.path.dirname(u.find_spec('discreet').origin))"
    found = subprocess.run((python, "-I", "-c", program), check=True, capture_output=True, text=True).stdout.strip()
    directory = Path(found)
    if not directory.is_relative_to(python.parents[1]):
        raise RuntimeError(f"installed outside of the environment, in {directory}")
    if not any(directory.glob("__pycache__/*.pyc")):
        raise RuntimeError(f"not compiled: {directory}")
    return directory


def kib(files: list[Path]) -> float:
    """The bytes of these files, in KiB, as a file listing counts them (not in blocks)."""
    return sum(file.stat().st_size for file in files) / 1024
