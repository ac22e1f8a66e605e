"""More rules of the house, read off the source: relative names, docstrings, no state, and a facade without gaps."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import discreet

SOURCE = Path(discreet.__file__).parent
PATHS = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}


@functools.cache
def tree(name: str) -> ast.Module:
    """The source of a module, parsed."""
    return ast.parse(PATHS[name].read_bytes())


@functools.cache
def nodes(name: str) -> list[ast.AST]:
    """All of it, at whatever depth."""
    return list(ast.walk(tree(name)))


FACADE = tree("__init__.py")


def for_type_checkers(module: ast.AST) -> set[ast.AST]:
    """All nodes under `if TYPE_CHECKING:`."""
    guards = [
        node.body
        for node in ast.walk(module)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    return {inner for body in guards for statement in body for inner in ast.walk(statement)}


def own_imports(name: str) -> Iterator[tuple[Path, str]]:
    """Each relative import, as the folder or module it names and the name that it takes from there."""
    folders = [PATHS[name].parent, *PATHS[name].parent.parents]
    for node in nodes(name):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folders[node.level - 1].joinpath(*(node.module or "").split("."))
            for alias in node.names:
                yield base, alias.name


@functools.cache
def defined(module: Path) -> set[str]:
    """Every name that a module binds or reads, at whatever depth."""
    inner = nodes(module.relative_to(SOURCE).as_posix())
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.alias)
    return {node.id for node in inner if isinstance(node, ast.Name)} | {
        node.name for node in inner if isinstance(node, named)
    }


@pytest.mark.parametrize("name", PATHS)
def test_own_modules_are_named_relatively(name: str) -> None:
    """No module names the package: a copy under another name would load the wrong one, or none."""
    for node in nodes(name):
        named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        named += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        assert "discreet" not in {one.partition(".")[0] for one in named}


@pytest.mark.parametrize("name", PATHS)
def test_every_import_finds_something(name: str) -> None:
    """A relative import, in the least-used function too, names a module that is there, and never leaves the package."""
    for base, taken in own_imports(name):
        assert base.is_relative_to(SOURCE)
        module = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        is_module = (base / f"{taken}.py").exists() or (base / taken / "__init__.py").exists()
        assert module.exists(), f"{base}: {taken}"
        assert is_module or taken in defined(module), f"{base}: {taken}"


@pytest.mark.parametrize("name", PATHS)
def test_every_module_says_its_job(name: str) -> None:
    """The first lines of a module are its docstring, and no public class or function of it goes without one."""
    assert ast.get_docstring(tree(name))
    for node in tree(name).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_nothing_catches_more_than_an_exception() -> None:
    """No handler is bare or catches `BaseException`, in a tuple neither: Ctrl-C and `sys.exit` are the host's."""
    for name in PATHS:
        for node in nodes(name):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{name}, line {node.lineno}"
                caught = {inner.id for inner in ast.walk(node.type) if isinstance(inner, ast.Name)}
                assert "BaseException" not in caught, f"{name}, line {node.lineno}"


def test_every_exemption_from_a_linter_has_its_reason() -> None:
    """What a linter is told to pass over says why, behind that or in the line above."""
    exempted = re.compile(r"# noqa[^#]*")
    for path in (*PATHS.values(), *Path(__file__).parent.rglob("*.py")):
        above = ""
        for line in path.read_text().splitlines() if "node_modules" not in path.parts else ():
            told = exempted.search(line)
            assert not told or line[told.end() :] or "# " in above, f"{path}: {line}"
            above = line


def test_every_reason_has_its_row() -> None:
    """What is counted as dropped is explained in docs/design.md, and no row there is about what nothing counts."""
    page = (Path(__file__).parent.parent / "docs" / "design.md").read_text()
    table = page.partition("\n## What was dropped, and why\n")[2].partition("\n## ")[0]
    rows = {word for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`(\w+)`", line)}
    counting = {"border", "drop", "lose", "swallow", "_drop", "_lose", "_room"}
    texts: set[str] = set()
    counted: set[str] = set()
    for node in (node for name in PATHS for node in nodes(name)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
        if isinstance(node, ast.Call) and node.args and getattr(node.func, "attr", "") in counting:
            inner = ast.walk(node.args[0])
            counted |= {one.value for one in inner if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    assert counted - rows == set()
    assert rows - texts == set()


def test_no_state_at_module_level() -> None:
    """The default instance of the facade is the one thing that a function may put at module level."""
    found = {
        (name, changed)
        for name in PATHS
        for node in nodes(name)
        if isinstance(node, ast.Global)
        for changed in node.names
    }
    assert found == {("__init__.py", "_default")}


def test_the_facade_has_no_gaps() -> None:
    """`__all__` is exactly what the facade defines, what its rooms hold for it, and the version."""
    defined = {
        node.name
        for node in FACADE.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    }
    assert set(discreet.__all__) == defined | set(discreet._ROOMS) | {"__version__"}
    assert all(getattr(discreet, name) is not None for name in discreet.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = discreet.nothing


def test_lazy_names_for_type_checkers() -> None:
    """Every lazy name is imported under `TYPE_CHECKING` from the very room that it is loaded from."""
    guarded = for_type_checkers(FACADE)
    seen = {
        alias.name: node.module
        for node in ast.walk(FACADE)
        if isinstance(node, ast.ImportFrom) and node in guarded and node.level
        for alias in node.names
    }
    assert discreet._ROOMS.items() <= seen.items()
