"""The house itself: floors, doors, sizes, catch-alls, public names. What anybody could check, and would forget to."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import discreet

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "discreet"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in SOURCE.rglob("*.py")
}
# From the street down. A module imports from its own floor and from those below it, never from above.
FLOORS = (
    ("", "__main__", "cli", "hosts", "testing", "report", "collector"),
    ("telemetry", "declared", "options", "manifest"),
    ("sending", "first", "log", "rotation"),
    ("consent", "privacy"),
    ("names", "files", "directories", "toml", "destination"),
)
_HEAVY = """
    dataclasses typing enum re logging pathlib inspect http.client ssl urllib subprocess uuid datetime argparse tempfile
    tomllib json threading functools contextlib collections queue socket
"""
HEAVY = set(_HEAVY.split())


def floor(module: str) -> int:
    """The floor of a module, counted from the street down."""
    room = module.partition(".")[0]
    found = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"{room} is on no floor: choose one, here and in docs/contributing.md"
    return found[0]


@functools.cache
def nodes(module: str) -> list[ast.AST]:
    """The source of a module, parsed and walked: every node, the outer ones first."""
    return list(ast.walk(ast.parse(MODULES[module].read_text())))


def relative_imports(module: str, *, typed: bool) -> Iterator[str]:
    """The modules of the package that `module` imports, function-level imports included; with `typed` also those that
    only type checkers see.
    """
    package = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
    skipped: set[ast.AST] = set()
    for node in nodes(module):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING" and not typed:
            skipped |= {inner for statement in node.body for inner in ast.walk(statement)}
        if not isinstance(node, ast.ImportFrom) or not node.level or node in skipped:
            continue
        parts = [part for part in package if part]
        base = parts[: len(parts) - node.level + 1] + (node.module.split(".") if node.module else [])
        for name in node.names:
            inner = ".".join([*base, name.name])
            yield inner if inner in MODULES else ".".join(base)


@pytest.mark.parametrize("module", sorted(MODULES), ids=lambda name: name or "discreet")
def test_imports_go_down(module: str) -> None:
    """No import goes up a floor: not inside a function, and not for type checkers either."""
    own = floor(module)
    assert not [name for name in relative_imports(module, typed=True) if floor(name) < own]


def test_the_floors_are_those_of_the_page() -> None:
    """The table in docs/contributing.md names each room on its floor."""
    table = (ROOT / "docs" / "contributing.md").read_text().partition("| floor | rooms |")[2].splitlines()[2:]
    for rooms, row in zip(FLOORS, table, strict=False):
        assert not [room for room in rooms if f"`{room or '__init__'}`" not in row], row


def test_no_cycle() -> None:
    """No module imports itself through others, function-level imports included."""
    imports = {module: set(relative_imports(module, typed=False)) - {module} for module in MODULES}
    # A submodule's package is loaded before it, and so is no import of its own making.
    imports = {
        module: {name for name in found if not module.startswith(f"{name}.") or name not in ("", "hosts", "cli")}
        for module, found in imports.items()
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for name in imports[module]:
                visit(name, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize("module", sorted(MODULES), ids=lambda name: name or "discreet")
def test_sizes(module: str) -> None:
    """A module has at most 300 lines, a function 40, a class 12 public methods."""
    lines = len(MODULES[module].read_text().splitlines())
    assert lines <= 300, f"{lines} lines: split the module"
    for node in nodes(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            # The recorder's constructor is the host's one door, with a line or more for each of its options.
            assert length <= (70 if (module, node.name) == ("telemetry", "__init__") else 40), f"{node.name}: {length}"
        if isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")]
            assert len(methods) < 13, f"{node.name}: {len(methods)}"


def test_two_catch_alls() -> None:
    """Exactly two handlers catch everything: the caller's border and the thread's loop."""
    found = [
        module
        for module in MODULES
        for node in nodes(module)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
    ]
    assert sorted(found) == ["sending", "telemetry"]


# A framework is imported by the one module that plugs into it, and nothing else imports that.
FRAMEWORKS = {
    ("hosts.click", "click"),
    ("hosts.typer", "typer"),
    ("hosts.typer", "typer.core"),
    ("hosts.typer", "typer.main"),
    ("testing.pytest_plugin", "pytest"),
}


def test_standard_library_only() -> None:
    """What is not relative is the standard library, but for the modules that are for a framework."""
    foreign = {
        (module, name)
        for module in MODULES
        for node in nodes(module)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
        if name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert foreign == FRAMEWORKS | {("report.charts", "plotext")}  # tried, and done without where it is not there
    plugs = {module for module, _ in FRAMEWORKS} - {"hosts.click"}  # Typer is Click, dressed
    assert not [module for module in MODULES if set(relative_imports(module, typed=False)) & plugs]


def loaded_by(program: str, home: Path) -> tuple[set[str], set[str]]:
    """The modules of ours and the others that a program loads in a fresh interpreter that has loaded nothing else."""
    text = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1])\n"
        f"{program}\nprint(*(set(sys.modules) - before))"
    )
    environment = {"HOME": str(home)}
    command = [sys.executable, "-I", "-S", "-c", text, str(ROOT / "src")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    names = set(done.stdout.split())
    ours = {name for name in names if name.partition(".")[0] == "discreet"}
    return ours, names - ours


def test_what_the_import_loads(home: Path) -> None:
    """`import discreet` loads two modules of ours and none of anybody else's."""
    ours, others = loaded_by("import discreet", home)
    assert ours == {"discreet", "discreet.telemetry"}
    assert not others & HEAVY


def test_what_a_disabled_track_loads(home: Path) -> None:
    """The first `track` of a process whose user never said yes loads nothing more."""
    program = "import discreet; discreet.init('mytool', version='1'); discreet.track('search', {'n': 1})"
    ours, others = loaded_by(program, home)
    assert ours == {"discreet", "discreet.telemetry"}
    assert not others & HEAVY


@pytest.mark.parametrize(
    ("destination", "more"),
    [("", set()), (", destination='http://127.0.0.1:9/t'", {"sending.courier", "destination", "sending.handover"})],
)
def test_what_an_enabled_track_loads(home: Path, destination: str, more: set[str]) -> None:
    """Recording loads the stations of the road and no heavy module, with a destination as well."""
    (home / ".mytool" / "telemetry").mkdir(parents=True)
    (home / ".mytool" / "telemetry" / "opt-in").write_text("true")
    program = (
        f"import discreet; discreet.init('mytool', version='1'{destination}); discreet.track('search', {{'n': 1}})\n"
        "assert discreet.flush(5.0)"
    )
    loaded_by(program, home)  # the first run under a consent notes what it discloses
    ours, others = loaded_by(program, home)
    road = {"discreet", "discreet.names", "discreet.telemetry", "discreet.consent"}
    road |= {"discreet.privacy", "discreet.sending", "discreet.log", "discreet.files"}
    assert ours - {"discreet.files"} == road - {"discreet.files"} | {f"discreet.{name}" for name in more}
    assert not others & HEAVY


def test_public_names() -> None:
    """Every public name resolves, and nothing else is offered."""
    assert sorted(discreet.__all__) == discreet.__all__
    assert all(hasattr(discreet, name) for name in discreet.__all__)
    assert dir(discreet) == discreet.__all__


def test_the_top_level() -> None:
    """The repository's top level holds what the design allows, and dot-files."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.partition("/")[0] for line in listed.splitlines()}
    allowed = {"pyproject.toml", "README.md", "LICENSE", "src", "tests", "docs"}
    assert {name for name in top if not name.startswith(".")} <= allowed
