"""The example command as a user runs it: true figures where telemetry is on, the same bytes and no file elsewhere."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import clean_environment

ROOT = Path(__file__).parent.parent.parent
PROGRAM = ROOT / "docs" / "examples" / "linecount.py"
LANGUAGES = {"py": "python", "md": "markdown", "toml": "toml", "c": "c", "js": "javascript", "sh": "shell"}
Linecount = Callable[..., subprocess.CompletedProcess[bytes]]


def run(home: Path, *arguments: str, env: dict[str, str | None] | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run the example as a child; `env` is added to a clean environment, None takes a variable out."""
    merged = {**clean_environment(home), **(env or {})}
    return subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), *arguments],
        env={name: value for name, value in merged.items() if value is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def linecount(home: Path) -> Linecount:
    """Run the example as a child in this test's home."""
    return lambda *arguments, **options: run(home, *arguments, **options)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository's own tree, copied: nobody changes it between our count and the example's."""
    tree = tmp_path_factory.mktemp("copy") / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist"))
    return tree


def counted(tree: Path) -> tuple[dict[str, int], int]:
    """The text files of a tree by language, and their lines, counted otherwise than the example does it."""
    files: Counter[str] = Counter()
    lines = 0
    for path in tree.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(tree).parts[:-1]):
            try:
                text = path.read_bytes().decode("utf-8")
            except UnicodeDecodeError:
                continue
            files[LANGUAGES.get(path.name.rpartition(".")[2] if "." in path.name[1:] else "", "other")] += 1
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            lines += text.count("\n") + (text != "" and not text.endswith("\n"))
    return dict(files), lines


def below(directory: Path) -> list[str]:
    """All names below a directory."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_the_figures_are_true(linecount: Linecount, home: Path, tree: Path) -> None:
    """Over this repository's own tree, what is recorded and what is printed equals an independent count."""
    files, lines = counted(tree)
    assert files["python"] > 20
    assert lines > 3000
    assert linecount("telemetry", "on").returncode == 0
    done = linecount("count", str(tree))
    assert (done.returncode, done.stderr) == (0, b"")
    (line,) = (home / ".linecount" / "telemetry" / "usage.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["tool"], record["event"], record["version"]) == ("linecount", "command", "1.0")
    properties = record["properties"]
    assert isinstance(properties.pop("duration_ms"), int)
    assert properties == {
        "command": "count",
        "success": True,
        "exit_code": 0,
        "files": sum(files.values()),
        "lines": lines,
        "languages": files,
    }
    last = done.stdout.decode().splitlines()[-1].split()
    assert last == ["total", str(sum(files.values())), "files", str(lines), "lines"]


def test_the_figures_of_a_small_tree(linecount: Linecount, home: Path, tmp_path: Path) -> None:
    """The same where every figure is known: empty files, missing last newlines, no text, hidden folders, no ending."""
    tree = tmp_path / "small"
    for name, content in {
        "a.py": b"one\ntwo\n",
        "b/c.py": b"one\r\ntwo\r\nthree",
        "b/empty.md": b"",
        "Makefile": b"all:\n",
        "picture.png": b"\x89PNG\xff\n",
        ".git/config.py": b"hidden\n",
        ".profile": b"x\n",
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    linecount("telemetry", "on")
    assert b"python" in linecount("count", str(tree)).stdout
    record = json.loads((home / ".linecount" / "telemetry" / "usage.jsonl").read_text())
    properties = record["properties"]
    assert (properties["files"], properties["lines"]) == (5, 7)
    assert properties["languages"] == {"python": 2, "markdown": 1, "other": 2} == counted(tree)[0]


def test_no_folder(linecount: Linecount, home: Path) -> None:
    """What is no folder is complained of, on or off, and recorded as a failure, without its name."""
    off = linecount("count", "/no/such-secret")
    linecount("telemetry", "on")
    on = linecount("count", "/no/such-secret")
    assert (on.returncode, on.stdout) == (2, b"")
    assert on.stderr == off.stderr == b"linecount: /no/such-secret: no such folder\n"
    assert off.returncode == 2
    line = (home / ".linecount" / "telemetry" / "usage.jsonl").read_text()
    assert "secret" not in line
    properties = json.loads(line)["properties"]
    assert properties.pop("duration_ms") >= 0
    assert properties == {"command": "count", "success": False, "exit_code": 2}


OFF: dict[str, dict[str, str | None]] = {
    "nobody said yes": {},
    "DO_NOT_TRACK": {"DO_NOT_TRACK": "1"},
    "TELEMETRY_DISABLED": {"TELEMETRY_DISABLED": "1"},
    "DISABLE_TELEMETRY": {"DISABLE_TELEMETRY": "1"},
    "no telemetry": {"LINECOUNT_NO_TELEMETRY": "0"},
    "disabled": {"LINECOUNT_TELEMETRY_DISABLED": "1"},
    "disable telemetry": {"LINECOUNT__TELEMETRY__DISABLE_TELEMETRY": "1"},
    "opt-in variable": {"LINECOUNT_TELEMETRY_OPT_IN": "false"},
    "test runner": {"TOX_ENV_NAME": "py"},
    "CI": {"CI": "true"},
    "no home": {"HOME": None},
    "relative home": {"HOME": "home"},
}


@pytest.fixture(scope="module")
def printed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the example prints about a part of the tree where telemetry is on, and recorded."""
    home = tmp_path_factory.mktemp("home")
    done = run(home, "count", str(tree / "src"), env={"LINECOUNT_TELEMETRY_OPT_IN": "true"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert (home / ".linecount" / "telemetry" / "usage.jsonl").exists()
    return done.stdout


@pytest.mark.parametrize("way", OFF)
def test_off_it_leaves_nothing(linecount: Linecount, tmp_path: Path, tree: Path, printed: bytes, way: str) -> None:
    """Off, by each way, with a yes beside it: the same bytes as with telemetry on, and no file anywhere."""
    yes = {} if way == "nobody said yes" else {"LINECOUNT_TELEMETRY_OPT_IN": "true"}
    done = linecount("count", str(tree / "src"), env={**yes, **OFF[way]})
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, b"")
    assert below(tmp_path) == ["home"]


@pytest.mark.parametrize("answer", ["false", "", "perhaps"])
def test_a_stored_no_leaves_nothing_else(
    linecount: Linecount, home: Path, tree: Path, printed: bytes, answer: str
) -> None:
    """Off by the stored answer (a no, or one that says nothing): no file beside that answer, which stays as it is."""
    place = home / ".linecount" / "telemetry"
    place.mkdir(parents=True)
    (place / "opt-in").write_text(answer)
    done = linecount("count", str(tree / "src"), env={"LINECOUNT_TELEMETRY_OPT_IN": "true"})
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, b"")
    assert below(home) == [".linecount", ".linecount/telemetry", ".linecount/telemetry/opt-in"]
    assert (place / "opt-in").read_text() == answer


def test_its_verbs(linecount: Linecount) -> None:
    """The mounted verbs speak in its name; its own help lists them."""
    assert b"telemetry" in linecount("--help").stdout
    done = linecount("telemetry", "status")
    assert done.stdout.startswith(b"Telemetry of linecount is off: nobody has said yes.\n")
    assert b"To change that: linecount telemetry on\n" in done.stdout
