"""The reference lists every public name, and every page of the documentation can be reached."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import autograd
import nn

ROOT = Path(__file__).parents[2]

#: Functions of nn.init that only the layers and nn.data use.
INTERNAL = {"kaiming_uniform", "generator"}


def _names() -> list[str]:
    """The full names that the pages document."""
    names = []
    for page in sorted((ROOT / "docs" / "reference").glob("*.rst")):
        module = ""
        for directive, name in re.findall(
            r"^\.\. (currentmodule|autofunction|autoclass|autoexception):: ([\w.]+)",
            page.read_text(),
            re.MULTILINE,
        ):
            if directive == "currentmodule":
                module = name
            else:
                names.append(name if name.startswith("autograd.") else f"{module}.{name}")
    return names


def _functions(module: str) -> set[str]:
    own = importlib.import_module(module)
    return {
        name
        for name, x in vars(own).items()
        if inspect.isfunction(x) and x.__module__ == module and not name.startswith("_")
    }


def test_names_are_listed_once() -> None:
    names = _names()
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("module", "public"),
    [
        ("autograd", set(autograd.__all__)),
        ("nn", set(nn.__all__) - {"data", "init"}),
        ("nn.data", _functions("nn.data")),
        ("nn.init", _functions("nn.init") - INTERNAL),
    ],
)
def test_every_public_name_is_listed(module: str, public: set[str]) -> None:
    names = {name.rpartition(".")[2] for name in _names() if name.rpartition(".")[0] == module}
    assert names == public


def test_listed_names_exist_with_a_docstring() -> None:
    for name in _names():
        module, _, own = name.rpartition(".")
        assert inspect.getdoc(getattr(importlib.import_module(module), own)), name


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert "lessons/*" in index
    for folder, pages in (("reference", "*.rst"), ("guide", "*.md")):
        for page in (ROOT / "docs" / folder).glob(pages):
            assert f"{folder}/{page.stem}\n" in index
