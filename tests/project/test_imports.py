"""The order of imports, the modules that an import loads, and the public names."""

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
from typing import NamedTuple

import pytest

import autograd
import nn
from autograd.operations import FUNCTIONS

from .._support.table import OPERATORS

#: The order in each package: a module or folder imports only from earlier lines, or from its own folder.
ORDER = {
    "autograd": [
        ["system"],
        ["primitives", "ieee", "mode_decorators", "structures"],
        ["interop"],
        ["floats", "modes", "symbols"],
        ["tracing"],
        ["value"],
        ["operations"],
        ["backward"],
        ["nodes"],
        ["gradients"],
        ["user_primitives", "functional", "composed", "replacement", "scopes", "source_lines"],
        ["checking", "expression", "view"],
        ["anomaly", "compiler"],
        ["__init__"],
        ["__main__"],
    ],
    "autograd.view": [
        ["render"],
        ["notation"],
        ["picture"],
        ["network"],
        ["draw"],
        ["steps"],
        ["explain", "explore", "compare", "training"],
    ],
    "autograd.compiler": [
        ["record", "collector", "progress"],
        ["guards"],
        ["ir"],
        ["passes"],
        ["backends"],
        ["pickling", "audit"],
        ["calls", "update", "residence"],
        ["build"],
        ["replay"],
        ["explain", "derivatives", "c_source", "structure"],
        ["program"],
    ],
    "nn": [
        ["kinds", "attributes"],
        ["state", "inputs"],
        ["checks"],
        ["module", "draws"],
        ["layers", "optim", "saving", "losses", "penalties", "data"],
        ["init", "training", "pytorch"],
        ["__init__"],
        ["__main__"],
    ],
}
LAYERS = ORDER["autograd"]
LEVEL = {
    package: {name: level for level, names in enumerate(lines) for name in names}
    for package, lines in ORDER.items()
}

#: The one import in the other direction: inside a function, for Value.backward().
UPWARD = {("autograd.value", "autograd.backward")}

#: The others in that direction are for type checkers only.
FOR_TYPES = {("autograd.modes", "autograd.value"), ("autograd.tracing", "autograd.value")}

#: Modules that nn imports in addition to the public names. They do not use Value.
SHARED = {"autograd.system.files", "autograd.system.messages", "autograd.system.shell"}

ROOT = Path(autograd.__file__).parent


def _inside(tree: ast.AST, is_outer: Callable[[ast.AST], bool]) -> set[int]:
    """The ids of the nodes inside those that match the predicate."""
    return {id(node) for outer in ast.walk(tree) if is_outer(outer) for node in ast.walk(outer)}


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


class Import(NamedTuple):
    """An import of one module by another, in a function or not, for type checkers only or not."""

    importer: str
    imported: str
    in_function: bool
    for_types: bool


def _imports(path: Path) -> Iterator[Import]:
    """The imports of a file, from the packages of this repository and from others."""
    importer = _name_of(path)
    package = [*path.relative_to(ROOT.parent).parts[:-1]]
    tree = ast.parse(path.read_text())
    inner, for_types = _inside(tree, _is_function), _inside(tree, _is_for_types)
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *(node.module.split(".") if node.module else [])])
            modules = [name for alias in node.names if _is_module(name := f"{stem}.{alias.name}")]
            names = modules or [stem]
        for name in names:
            yield Import(importer, name, id(node) in inner, id(node) in for_types)


def _name_of(path: Path) -> str:
    """The dotted name of a module, or of the package of an ``__init__.py``."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_module(name: str) -> bool:
    path = ROOT.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def all_imports() -> list[Import]:
    """The imports between our modules; those of the lazy names of ``autograd`` are for type checkers."""
    statements = [
        statement
        for package in (ROOT, ROOT.parent / "nn")
        for path in sorted(package.rglob("*.py"))
        for statement in _imports(path)
    ]
    return [
        statement
        for statement in statements
        if statement.imported.split(".")[0] in ("autograd", "nn") and statement.importer != statement.imported
    ]


def imports_within(package: str) -> Iterator[tuple[str, str, Import]]:
    """The imports from one part of a package by another: (importer, imported, the whole import)."""

    def part(name: str) -> str | None:
        if name == package:
            return "__init__"
        head, _, rest = name.partition(package + ".")
        return rest.split(".")[0] if rest and not head else None

    for statement in all_imports():
        importer, imported = part(statement.importer), part(statement.imported)
        if importer and imported and importer != imported:
            yield importer, imported, statement


def _is_excepted(statement: Import) -> bool:
    pair = statement.importer, statement.imported
    return (statement.in_function and pair in UPWARD) or (statement.for_types and pair in FOR_TYPES)


packages_in_order = pytest.mark.parametrize("package", ORDER)


@packages_in_order
def test_every_module_has_a_place_in_the_order(package: str) -> None:
    folder = ROOT.parent.joinpath(*package.split("."))
    parts = {path.relative_to(folder).with_suffix("").parts[0] for path in folder.rglob("*.py")}
    assert parts - {"__init__"} == set(LEVEL[package]) - {"__init__"}


@packages_in_order
def test_imports_follow_the_order(package: str) -> None:
    edges = [*imports_within(package)]
    assert len(edges) > 20
    level = LEVEL[package]
    upward = [
        statement
        for importer, imported, statement in edges
        if level.get(importer, -1) <= level.get(imported, -1) and not _is_excepted(statement)
    ]
    assert not upward


def test_imports_form_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for statement in all_imports():
        lazy = statement.importer == "autograd" and statement.for_types  # loaded by its __getattr__
        if not _is_excepted(statement) and not lazy:
            graph.setdefault(statement.importer, set()).add(statement.imported)
    assert len(graph) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_every_listed_exception_is_needed() -> None:
    pairs = {
        (statement.importer, statement.imported) for statement in all_imports() if _is_excepted(statement)
    }
    assert pairs == UPWARD | FOR_TYPES


def test_autograd_never_imports_nn() -> None:
    for path in ROOT.rglob("*.py"):
        assert not [statement for statement in _imports(path) if statement.imported.split(".")[0] == "nn"], (
            path.name
        )


def test_nn_imports_public_names_only() -> None:
    assert not [
        statement
        for statement in all_imports()
        if statement.importer in SHARED and statement.imported not in SHARED
    ]
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
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT.parent, capture_output=True, text=True, check=True
    )
    modules = set(result.stdout.split())
    assert package in modules
    assert modules - {"autograd", "nn"} <= sys.stdlib_module_names


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
    public_names = getattr(package, "__all__", [])
    assert len(set(public_names)) == len(public_names)
    own = {
        name
        for name, x in vars(package).items()
        if not name.startswith("_")
        and (inspect.isfunction(x) or inspect.isclass(x))
        and x.__module__.split(".")[0] == package.__name__
    }
    assert own <= set(public_names)


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
