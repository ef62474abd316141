"""Docstrings of public functions, classes and methods describe each argument."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import autograd
import nn
import nn.data
import nn.init

#: Catch what a caller passes by mistake, for a clear error.
CATCH_ALL = ("others", "unknown")
SECTIONS = re.compile(r"^\s*(Returns|Raises|Yields|Shape|Reference|Attributes):", re.MULTILINE)


def public() -> Iterator[tuple[str, Any]]:
    """Yield the public names of the packages, and the methods of the classes, except those that override."""
    for module in (autograd, nn, nn.data, nn.init):
        for name in getattr(module, "__all__", vars(module)):
            x = getattr(module, name)
            is_imported = module not in (autograd, nn) and getattr(x, "__module__", "") != module.__name__
            if name.startswith("_") or is_imported:
                continue
            yield f"{module.__name__}.{name}", x
            for key, entry in vars(x).items() if inspect.isclass(x) else ():
                method = getattr(entry, "__func__", entry)
                overrides = any(key in vars(base) for base in x.__mro__[1:])
                is_method = inspect.isfunction(method) or isinstance(method, property)
                if is_method and not overrides and not key.startswith("_"):
                    yield f"{module.__name__}.{name}.{key}", method


PUBLIC = {name: x for name, x in public() if not inspect.isclass(x) or not issubclass(x, BaseException)}


def parameters_of(x: Any) -> list[str]:
    if isinstance(x, property) or dataclasses.is_dataclass(x) or not callable(x):
        return []
    if inspect.isclass(x) and "__init__" not in vars(x):
        return []
    names = inspect.signature(x).parameters
    return [name for name in names if name not in ("self", "cls", *CATCH_ALL) and not name.startswith("_")]


def lacking(docstring: str, parameters: list[str]) -> list[str]:
    """Return the parameters that a section Args does not describe."""
    _, _, arguments = docstring.partition("Args:")
    arguments = SECTIONS.split(arguments)[0]
    return [name for name in parameters if not re.search(rf"\b{name}\b", arguments)]


def test_lacking_parameter_is_found() -> None:
    assert lacking("Do.\n\nArgs:\n    x: A number.\n\nReturns:\n    y.", ["x", "y"]) == ["y"]
    assert lacking("Do.", ["x"]) == ["x"]
    assert len(PUBLIC) > 150
    assert parameters_of(autograd.grad)[:2] == ["output", "inputs"]


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_describes_each_argument(name: str) -> None:
    x = PUBLIC[name]
    docstring = inspect.getdoc(x) or ""
    assert docstring, f"{name} has no docstring"
    assert not lacking(docstring, parameters_of(x)), f"{name}: {lacking(docstring, parameters_of(x))}"
