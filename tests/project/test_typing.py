"""The file of API uses for the type checkers is complete, and runs."""

import re
from pathlib import Path

import pytest

import autograd
import nn

from . import typing_api


@pytest.mark.parametrize("package", [autograd, nn], ids=lambda package: package.__name__)
def test_every_public_name_is_used(package: object) -> None:
    source = Path(typing_api.__file__).read_text(encoding="utf-8")
    name = package.__name__  # type: ignore[attr-defined]
    names = {*re.findall(rf"\b{name}\.(\w+)", source)}
    for line in re.findall(rf"^from {name} import (.+)$", source, re.MULTILINE):
        names |= {*line.split(", ")}
    assert {*package.__all__} - names == set()  # type: ignore[attr-defined]


def test_uses_run(tmp_path: Path) -> None:
    typing_api.a_value()
    typing_api.functions()
    typing_api.own_operations()
    typing_api.modes()
    typing_api.derivatives()
    typing_api.views(tmp_path)
    typing_api.compiled()
    typing_api.networks(tmp_path)
    typing_api.losses()
    typing_api.training()


def test_uses_with_torch_run() -> None:
    pytest.importorskip("torch")
    typing_api.with_torch(nn.MLP(2, [2, 1]))
