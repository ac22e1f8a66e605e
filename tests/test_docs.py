"""The code in README and docs is run as it stands.

In each document, in order and in one fresh directory: a `python` block runs as a program (one that begins with
`# file: NAME` is saved under that name instead), blocks share what they define; an `sh` block runs in bash with this
environment's commands on PATH. `text` blocks are output and prose. The README's first two `sh` blocks are run by
`.ci/run` and by whoever follows it: they install this very project.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import clean_environment
from discreet.cli import VERBS
from discreet.cli.standalone import COLLECT
from discreet.destination import FORMATS
from discreet.privacy.declaration import CONVERSIONS

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INSTALLING = 2  # shell blocks of the README that install the project


def blocks(document: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a document that can be run, as (language, text)."""
    found = [(language, text) for language, text in BLOCK.findall(document.read_text()) if language in ("python", "sh")]
    shell = [block for block in found if block[0] == "sh"]
    skipped = shell[:INSTALLING] if document.name == "README.md" and document.parent == ROOT else []
    return [block for block in found if block not in skipped]


@pytest.mark.timeout(300)  # of the whole page; each of its programs has a minute
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_run(document: Path, home: Path, tmp_path: Path) -> None:
    """Every block of the document runs to its end with status 0, and Python warns of nothing."""
    place = tmp_path / "place"
    place.mkdir()
    environment = {
        **clean_environment(home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "DISCREET_DEBUG": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # a host's suite needs none of this project's
    }
    for command in commands(blocks(document), place):
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr


def commands(found: list[tuple[str, str]], place: Path) -> Iterator[list[str]]:
    """What the blocks run, one after the other; a row of Python blocks is one program, with those before it."""
    program, new = "", False
    for language, text in found:
        if language == "python" and not text.startswith("# file: "):
            program, new = program + text, True
            continue
        if new:
            yield [sys.executable, "-W", "error", "-c", program]
            new = False
        if language == "python":
            name, _, content = text.removeprefix("# file: ").partition("\n")
            (place / name).write_text(content)
        else:
            yield ["bash", "-euo", "pipefail", "-c", text]
    if new:
        yield [sys.executable, "-W", "error", "-c", program]


def test_what_figures_were_measured_by_still_runs() -> None:
    """A program of the benchmarks that a page names can be started; the simulation, which is quick, runs."""
    texts = [document.read_text() for document in DOCUMENTS]
    named = {name for text in texts for name in re.findall(r"python -m (tests(?:\.\w+)+)", text)}
    assert "tests.benchmarks.simulation" in named
    for name in sorted(named):
        arguments = ["--clients", "50"] if name.endswith(".simulation") else ["--help"]
        done = subprocess.run(
            [sys.executable, "-m", name, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{name}\n{done.stderr}"


def test_the_readme_begins_with_the_two_commands() -> None:
    """The first two shell blocks of the README are the trial and the tests, each making its own environment."""
    shell = [text for language, text in BLOCK.findall((ROOT / "README.md").read_text()) if language == "sh"]
    assert len(shell) >= INSTALLING
    assert all(text.startswith("python3 -m venv .venv\n") for text in shell[:INSTALLING])
    assert "linecount.py telemetry report" in shell[0]
    assert "-m pytest" in shell[1]


def test_links_lead_somewhere() -> None:
    """Every relative link of every document leads to a file of this repository; one with a `#`, to a heading there."""
    broken = []
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^):]+)\)", document.read_text()):
            target, _, heading = link.partition("#")
            page = document.parent / target if target else document
            if not page.exists() or (heading and heading not in headings(page)):
                broken.append(f"{document.relative_to(ROOT)}: {link}")
    assert not broken


def headings(document: Path) -> list[str]:
    """What a link to each heading of a document has after its `#`: as GitHub makes it, if no heading comes twice."""
    prose = BLOCK.sub("", document.read_text())
    words = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    found = [re.sub(r"[^\w\- ]", "", word.lower()).replace(" ", "-") for word in words]
    assert len(set(found)) == len(found), f"{document.name} has a heading twice"
    return found


def test_every_test_that_is_named_exists() -> None:
    """A claim's proof, `FOLDER/FILE.py::NAME`, `::NAME` of the file before it or `NAME` alone, is a test of this
    project.
    """
    modules = [*(ROOT / "tests").glob("test_*.py"), *(ROOT / "tests").glob("*/test_*.py")]
    every = {name for module in modules for name in re.findall(r"^def (test_\w+)\(", module.read_text(), re.MULTILINE)}
    missing = []
    for document in DOCUMENTS:
        file, text = "", document.read_text()
        alone = set(re.findall(r"`(test_\w+)`", text))
        missing += [f"{document.relative_to(ROOT)}: {name}" for name in sorted(alone - every)]
        for named, test in re.findall(r"`((?:[\w/]+\.py)?)::(test_\w+)`", text):
            file = named or file
            module = ROOT / "tests" / file
            if not module.is_file() or f"\ndef {test}(" not in module.read_text():
                missing.append(f"{document.relative_to(ROOT)}: {file}::{test}")
    assert not missing


def test_what_is_added_is_on_its_page() -> None:
    """Each verb, conversion and wire format has its row and its section, as the recipes of docs/contributing.md say."""
    cli, declaring, privacy, delivery = (
        (ROOT / "docs" / f"{name}.md").read_text() for name in ("cli", "declaring", "privacy", "delivery")
    )
    words = [verb.word for verb in (*VERBS, COLLECT)]
    assert [word for word in words if f"\n| [`{word}`](#{word}) |" not in cli or f"\n## {word}\n" not in cli] == []
    assert [word for word in CONVERSIONS if f" | `{word}` | " not in declaring] == []
    assert [kind.__name__ for kind in CONVERSIONS.values() if f"\n| `{kind.__name__}` |" not in privacy] == []
    assert [form for form in FORMATS if f"\n### {form}\n" not in delivery] == []


def test_every_module_and_name_in_one_exists() -> None:
    """A file of Python, `FOLDER/FILE.py`, and a name, `MODULE.NAME`, that the pages on the inside give is there."""
    paths = [path for folder in ("src", "tests", "docs") for path in (ROOT / folder).rglob("*.py")]
    texts = {f"/{path.relative_to(ROOT).as_posix()}": path.read_text() for path in paths}
    missing = []
    for page in ("contributing", "design", "reliability", "security"):
        for named in re.findall(r"`([\w/]+\.\w[\w.]*)(?<!\.json)`", (ROOT / "docs" / f"{page}.md").read_text()):
            *_, module, name = named.split(".")
            if name == "py":
                there = any(path.endswith(f"/{named}") for path in texts)
            elif named.split(".")[0] in sys.stdlib_module_names:
                there = True
            else:  # a module, a name in one, or no business of this test
                rooms = [path for path in texts if path.endswith((f"/{module}.py", f"/{module}/__init__.py"))]
                inside = any(f"/{module}/{name}" in path for path in texts)
                there = inside or not rooms or any(re.search(rf"\b{name}\b", texts[path]) for path in rooms)
            if not there:
                missing.append(f"{page}: {named}")
    assert not missing
