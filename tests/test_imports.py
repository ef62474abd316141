"""Who may import whom, what an import loads, and which names are public."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import autograd
import nn
from autograd.operations import FUNCTIONS

from .table import OPERATORS

#: A module imports those of earlier lines only, or of its own package.
LAYERS = [
    ["primitives", "ieee", "mode_decorators", "system"],
    ["interop"],
    ["floats", "modes", "symbols"],
    ["tracing"],
    ["value"],
    ["operations"],
    ["backward"],
    ["nodes"],
    ["gradients"],
    ["user_primitives", "functional", "composed", "anomaly"],
    ["checking", "expression", "view", "compiler"],
    ["__init__"],
    ["__main__"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

#: Between modules of one line.
SIDEWAYS = {("compiler", "view")}

#: Inside a function: a method of Value, an error and a list of names that stand on what comes later.
UPWARD = {("value", "backward"), ("anomaly", "view"), ("user_primitives", "__init__")}

#: Modules that nn imports besides the public names: they use no Value.
SHARED = {"autograd.system.files", "autograd.system.shell"}

ROOT = Path(autograd.__file__).parent


def _inside(tree: ast.AST, is_outer: Callable[[ast.AST], bool]) -> set[int]:
    """The ids of the nodes inside those that the predicate names."""
    return {id(node) for outer in ast.walk(tree) if is_outer(outer) for node in ast.walk(outer)}


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The imports of a file, as dotted names from the top, and whether inside a function.

    What is imported for a type checker alone is left out.
    """
    package = [*path.relative_to(ROOT.parent).parts[:-1]]
    tree = ast.parse(path.read_text())
    inner, for_types = _inside(tree, _is_function), _inside(tree, _is_for_types)
    for node in ast.walk(tree):
        names = []
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *(node.module.split(".") if node.module else [])])
            modules = [name for alias in node.names if _is_module(name := f"{stem}.{alias.name}")]
            names = modules or [stem]
        for name in names:
            yield name, id(node) in inner


def _is_module(name: str) -> bool:
    path = ROOT.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imports_within() -> Iterator[tuple[str, str, bool]]:
    """Imports from one part of autograd to another: (importer, imported, inside a function)."""
    for path in sorted(ROOT.rglob("*.py")):
        part = path.relative_to(ROOT).with_suffix("").parts[0]
        for name, inside in _imports(path):
            top, *rest = name.split(".")
            imported = rest[0] if rest and rest[0] in LEVEL else "__init__"
            if top == ROOT.name and imported != part:
                yield part, imported, inside


def test_every_module_has_a_layer() -> None:
    assert {path.relative_to(ROOT).with_suffix("").parts[0] for path in ROOT.rglob("*.py")} <= set(LEVEL)


def test_imports_go_one_way() -> None:
    found = set(imports_within())
    assert ("value", "primitives", False) in found
    wrong = {
        (importer, imported)
        for importer, imported, inside in found
        if LEVEL[importer] <= LEVEL[imported]
        and (importer, imported) not in SIDEWAYS
        and not (inside and (importer, imported) in UPWARD)
    }
    assert not wrong


def test_every_listed_exception_is_needed() -> None:
    found = {(importer, imported): inside for importer, imported, inside in imports_within()}
    assert found.keys() >= SIDEWAYS | UPWARD
    assert all(found[pair] for pair in UPWARD)


@pytest.mark.parametrize("package", [autograd, nn], ids=lambda p: p.__name__)
def test_no_module_level_imports_form_a_circle(package: ModuleType) -> None:
    root = Path(package.__file__).parent
    graph: dict[str, set[str]] = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        graph[name] = {imported for imported, inside in _imports(path) if not inside} - {name}
    order = [*TopologicalSorter(graph).static_order()]  # raises CycleError
    assert {*graph} <= {*order}


def test_autograd_never_imports_nn() -> None:
    for path in ROOT.rglob("*.py"):
        assert not [name for name, _ in _imports(path) if name.split(".")[0] == "nn"], path.name


def test_nn_imports_public_names_only() -> None:
    found = set(imports_within())
    assert not [pair for pair in found for name in SHARED if pair[0] == name.split(".")[1]]
    for path in Path(nn.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                assert not node.module.startswith("autograd.") or node.module in SHARED, path.name
                if node.module == "autograd":
                    assert {alias.name for alias in node.names} <= set(autograd.__all__), path.name


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_import_loads_only_the_standard_library(package: str) -> None:
    script = (
        "import sys; before = set(sys.modules); "
        f"import {package}; print(*{{name.split('.')[0] for name in set(sys.modules) - before}})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT.parent, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert package in loaded
    assert loaded - {"autograd", "nn"} <= sys.stdlib_module_names


def _modules(package: ModuleType) -> Iterator[str]:
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield module.name


packages = pytest.mark.parametrize("package", [autograd, nn], ids=lambda p: p.__name__)


@packages
def test_no_module_has_the_name_of_a_public_function(package: ModuleType) -> None:
    public = getattr(package, "__all__", ())
    functions = {name for name in public if not inspect.ismodule(getattr(package, name))}
    assert not {name.split(".")[1] for name in _modules(package)} & functions


@packages
def test_public_names_exist_and_are_documented(package: ModuleType) -> None:
    for name in getattr(package, "__all__", ()):
        assert not name.startswith("_")
        assert inspect.getdoc(getattr(package, name)), name


@packages
def test_list_of_public_names_is_complete(package: ModuleType) -> None:
    listed = getattr(package, "__all__", [])
    assert len(set(listed)) == len(listed)
    own = {
        name
        for name, x in vars(package).items()
        if not name.startswith("_")
        and (inspect.isfunction(x) or inspect.isclass(x))
        and x.__module__.split(".")[0] == package.__name__
    }
    assert own <= set(listed)


def test_list_of_public_names_is_sorted() -> None:
    assert autograd.__all__ == sorted(autograd.__all__)


def test_every_function_without_an_operator_is_public() -> None:
    assert {name for name in autograd.__all__ if name in FUNCTIONS} == set(FUNCTIONS) - {*OPERATORS}
    assert not {*OPERATORS} & set(vars(autograd))


@packages
def test_every_module_imports_and_begins_with_a_docstring(package: ModuleType) -> None:
    for name in [package.__name__, *_modules(package)]:
        if not name.endswith("__main__"):
            assert importlib.import_module(name).__doc__, name
