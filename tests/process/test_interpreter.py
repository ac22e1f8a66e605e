"""The interpreter in its modes: flags, a vendored copy under another name, several tools, a sub-interpreter."""

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import discreet

SOURCE = Path(discreet.__file__).parent
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import {package} as discreet
from {package} import Count, Event, OneOf


class Search(Event):
    "A search was made."

    items = Count(purpose="are there any?")
    kind = OneOf("json", "table")


telemetry = discreet.init("mytool", version="1.0", events=[Search], fields={{"n": "number"}})


@telemetry.command
def run():
    telemetry.scope.add(n=1)
    return 5


if run() != 5:
    sys.exit("another value")
discreet.track(Search(items=[1, 2], kind="json"))
if not discreet.flush(10.0):
    sys.exit(f"not written: {{telemetry.decision}}")
"""
FLAGS = [
    ["-I"],
    ["-S"],
    ["-I", "-S"],
    ["-O"],
    ["-OO"],
    ["-E", "-s"],
    ["-B"],
    ["-b", "-b"],
    ["-W", "error"],
    ["-X", "dev", "-W", "error"],
    ["-X", "utf8=0"],
    ["-X", "frozen_modules=off"],
    ["-u"],
]


def check(read_log: Any) -> None:
    """Both events of the program are on the log, and nothing else."""
    records = read_log()
    assert [record["event"] for record in records] == ["command", "search"]
    assert records[1]["properties"] == {"items": 2, "kind": "json"}


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_flags(run_python: Any, read_log: Any, flags: list[str]) -> None:
    """With any flag of the interpreter it records as without, and prints nothing: no warning, no forgotten file."""
    result = run_python(PROGRAM.format(package="discreet"), str(SOURCE.parent), flags=flags)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    check(read_log)


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("language", ["C", "POSIX", "tr_TR.UTF-8", "C.UTF-8"])
def test_languages(run_python: Any, read_log: Any, language: str) -> None:
    """The language of the user changes neither the gate's words nor the bytes of the log."""
    result = run_python(PROGRAM.format(package="discreet"), str(SOURCE.parent), env={"LC_ALL": language})
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    check(read_log)


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("flags", [["-I", "-S"], ["-W", "error"]], ids=" ".join)
def test_a_vendored_copy(run_python: Any, read_log: Any, tmp_path: Path, flags: list[str]) -> None:
    """Copied whole into another package it works under that name, and never looks for a package called `discreet`."""
    copy = tmp_path / "site" / "mytool" / "_vendor" / "discreet"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    program = PROGRAM.format(package="mytool._vendor.discreet")
    program += "import importlib, pkgutil\n"
    program += "for module in pkgutil.walk_packages(discreet.__path__, discreet.__name__ + '.'):\n"
    program += "    try:\n        importlib.import_module(module.name)\n"
    program += "    except ModuleNotFoundError as missing:\n"
    program += "        if missing.name not in ('click', 'typer', 'pytest'):\n            raise\n"
    program += "if any(name.split('.')[0] == 'discreet' for name in sys.modules):\n    sys.exit('another copy')\n"
    for package in (copy.parent.parent, copy.parent):
        (package / "__init__.py").touch()
    result = run_python(program, str(tmp_path / "site"), flags=flags)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    check(read_log)


@pytest.mark.usefixtures("directory")
def test_two_copies_in_one_process(run_python: Any, read_log: Any, tmp_path: Path) -> None:
    """Two tools that brought a copy each share a process, and even a name, without disturbing one another."""
    for name in ("one", "two"):
        copy = tmp_path / "site" / name
        shutil.copytree(SOURCE, copy / "discreet", ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "__init__.py").touch()
    result = run_python(
        "import sys\nsys.path.insert(0, sys.argv[1])\n"
        "from one import discreet as one\nfrom two import discreet as two\n"
        "one.init('mytool')\ntwo.init('mytool')\n"
        "one.track('search', n=1)\ntwo.track('search', n=2)\none.close()\ntwo.track('search', n=3)\n",
        str(tmp_path / "site"),
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert sorted(record["properties"]["n"] for record in read_log()) == [1, 2, 3]


@pytest.mark.usefixtures("directory")
def test_two_tools_in_one_process(run_python: Any, read_log: Any, home: Path) -> None:
    """Each tool has its own consent, log and run; the no of one is not the no of the other."""
    (home / ".other" / "telemetry").mkdir(parents=True)
    (home / ".other" / "telemetry" / "opt-in").write_text("true\n")
    result = run_python(
        "import discreet\n"
        "tools = [discreet.Telemetry(name) for name in ('mytool', 'other', 'third')]\n"
        "for tool in tools:\n    tool.track('search', n=1)\n"
        "assert [tool.enabled for tool in tools] == [True, True, False]\n"
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    logs = [read_log(tool) for tool in ("mytool", "other", "third")]
    assert [[record["tool"] for record in log] for log in logs] == [["mytool"], ["other"], []]
    assert logs[0][0]["run"] != logs[1][0]["run"]
    assert not (home / ".third").exists()


@pytest.mark.usefixtures("directory")
def test_a_sub_interpreter(run_python: Any, read_log: Any) -> None:
    """In a sub-interpreter it records as in the main one, and neither end disturbs the other."""
    name = next((name for name in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(name)), None)
    if name is None:
        pytest.skip("no sub-interpreters here")
    inner = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "import discreet\n"
        "discreet.init('mytool')\n"
        "discreet.track('inner', n=1)\n"
        "discreet.close(10.0)\n"
    )
    result = run_python(
        f"import {name} as interpreters\nimport discreet\ndiscreet.init('mytool')\ndiscreet.track('outer', n=1)\n"
        f"inner = interpreters.create()\ninterpreters.run_string(inner, {inner!r})\ninterpreters.destroy(inner)\n"
        "discreet.track('outer', n=2)\n",
        flags=[],
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert sorted((record["event"], record["properties"]["n"]) for record in read_log()) == [
        ("inner", 1),
        ("outer", 1),
        ("outer", 2),
    ]
