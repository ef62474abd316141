"""Who may import whom, what an import loads, and which names are public."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import autograd
import nn
from autograd.operations import FUNCTIONS

#: A module imports those of earlier lines only, or of its own package.
LAYERS = [
    ["primitives", "files", "shell"],
    ["symbols"],
    ["arithmetic"],
    ["value"],
    ["operations"],
    ["backward"],
    ["functional", "composed", "anomaly"],
    ["checking", "expression", "view", "compiler"],
    ["__init__"],
    ["__main__"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

#: Between modules of one line.
SIDEWAYS = {("compiler", "view")}

#: Inside a function, where a method of Value, or an error, is written in terms of what comes later.
UPWARD = {("value", "backward"), ("anomaly", "view")}

#: What nn imports besides the public names: what knows of no Value.
SHARED = {"autograd.files", "autograd.shell"}

ROOT = Path(autograd.__file__).parent


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """What a file imports, as dotted names from the top, and whether inside a function."""
    package = [ROOT.name, *path.relative_to(ROOT).parts[:-1]]
    tree = ast.parse(path.read_text())
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = [*base, *(node.module.split(".") if node.module else [])]
            names = [".".join(stem)]
            if len(stem) == 1 and stem[0] == ROOT.name:  # from . import arithmetic
                names = [f"{stem[0]}.{alias.name}" for alias in node.names]
        for name in names:
            yield name, id(node) in inner


def imports_within() -> Iterator[tuple[str, str, bool]]:
    """Imports from one part of autograd to another: (importer, imported, inside a function)."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        for name, inside in _imports(path):
            top, *rest = name.split(".")
            if top == ROOT.name and rest and rest[0] != parts[0]:
                yield parts[0], rest[0] if rest[0] in LEVEL else "__init__", inside


def test_every_module_has_its_layer() -> None:
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


def test_autograd_never_imports_nn() -> None:
    for path in ROOT.rglob("*.py"):
        assert not [name for name, _ in _imports(path) if name.split(".")[0] == "nn"], path.name


def test_nn_uses_public_names_and_what_knows_of_no_value() -> None:
    found = set(imports_within())
    assert not [pair for pair in found for name in SHARED if pair[0] == name.partition(".")[2]]
    for path in Path(nn.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                assert not node.module.startswith("autograd.") or node.module in SHARED, path.name
                if node.module == "autograd":
                    assert {alias.name for alias in node.names} <= set(autograd.__all__), path.name


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_an_import_loads_the_standard_library_alone(package: str) -> None:
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
def test_no_module_bears_the_name_of_a_public_function(package: ModuleType) -> None:
    public = getattr(package, "__all__", ())
    functions = {name for name in public if not inspect.ismodule(getattr(package, name))}
    assert not {name.split(".")[1] for name in _modules(package)} & functions


@packages
def test_public_names_are_there_and_documented(package: ModuleType) -> None:
    for name in getattr(package, "__all__", ()):
        assert not name.startswith("_")
        assert inspect.getdoc(getattr(package, name)), name


@packages
def test_the_list_of_public_names_is_complete(package: ModuleType) -> None:
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


def test_the_list_of_public_names_is_sorted() -> None:
    written = [name for name in autograd.__all__ if name not in FUNCTIONS]
    assert written == sorted(written)


def test_every_function_without_an_operator_is_public() -> None:
    operators = {"add", "sub", "mul", "div", "neg", "pow", "abs"}
    assert {name for name in autograd.__all__ if name in FUNCTIONS} == set(FUNCTIONS) - operators
    assert not operators & set(vars(autograd))


@packages
def test_every_module_imports_and_opens_with_a_docstring(package: ModuleType) -> None:
    for name in [package.__name__, *_modules(package)]:
        if not name.endswith("__main__"):
            assert importlib.import_module(name).__doc__, name
