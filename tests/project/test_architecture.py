"""The picture of the architecture in CONTRIBUTING agrees with the imports."""

import pytest

from .architecture import DASHED, PICTURES, PURPOSES, arrows, imports, read_picture
from .test_imports import LEVEL


def test_every_module_has_a_purpose() -> None:
    assert set(PURPOSES) == {*LEVEL["autograd"], "nn"}


@pytest.mark.parametrize("theme", PICTURES)
def test_picture_shows_the_imports(theme: str) -> None:
    names, edges = read_picture(PICTURES[theme].read_text(encoding="utf-8"))
    assert names == set(PURPOSES), "draw it again: python -m tests.project.architecture"
    assert edges == arrows() | DASHED, "draw it again: python -m tests.project.architecture"


def test_import_left_out_of_the_picture_is_reached_by_another_way() -> None:
    edges = arrows()
    assert len(edges) < len(imports())
    for importer, imported in imports():
        modules = {importer}
        while beyond := {b for a, b in edges if a in modules} - modules:
            modules |= beyond
        assert imported in modules, (importer, imported)
