"""The numbers that views are told: what makes no sense is refused, and said how."""

import io
import math
from collections.abc import Callable

import pytest

from autograd import (
    Value,
    compare,
    draw,
    explain,
    formula,
    gradient_flow,
    show,
    snapshot,
    topological_order,
    watch,
)

W = Value(2.0, label="w")
OUT = W * 3.0


class Model:
    def named_parameters(self) -> list[tuple[str, Value]]:
        return [("w", W)]


#: By the name of the option; whether None says something, as no limit does.
COUNTS: dict[str, tuple[Callable[..., object], bool]] = {
    "draw limit": (lambda x: draw(OUT, limit=x), True),
    "show limit": (lambda x: show(OUT, limit=x, file=io.StringIO()), True),
    "show width": (lambda x: show(OUT, width=x, file=io.StringIO()), True),
    "snapshot limit": (lambda x: snapshot(OUT, limit=x), True),
    "formula limit": (lambda x: formula(OUT, limit=x), False),
    "explain paths": (lambda x: explain(OUT, W, paths=x), False),
}
SIZES: dict[str, Callable[..., object]] = {
    "draw timeout": lambda x: draw(OUT, timeout=x),
    "snapshot timeout": lambda x: snapshot(OUT).draw(timeout=x),
    "compare timeout": lambda x: compare(OUT, OUT).draw(timeout=x),
    "gradient_flow timeout": lambda x: gradient_flow(Model(), timeout=x),
    "watch interval": lambda x: watch(Model(), interval=x),
    **{
        f"{view.__name__} {name}": lambda x, view=view, name=name: view(Model(), **{name: x})
        for view in (gradient_flow, watch)
        for name in ("vanishing", "exploding", "saturated")
    },
}


@pytest.mark.parametrize("option", COUNTS)
@pytest.mark.parametrize("given", [None, "3", True, 2.0, math.nan, -1, 0])
def test_a_count_is_a_whole_number(option: str, given: object) -> None:
    view, unlimited = COUNTS[option]
    if given is None and unlimited:
        view(given)
        return
    name, error = option.split()[-1], ValueError if type(given) is int else TypeError
    with pytest.raises(error, match=rf"^{name} must be .*not .*{given}"):
        view(given)


@pytest.mark.parametrize("option", SIZES)
@pytest.mark.parametrize("given", [None, "3", True, math.nan, math.inf, -1])
def test_a_size_is_a_number(option: str, given: object) -> None:
    name, error = option.split()[-1], ValueError if type(given) in (int, float) else TypeError
    with pytest.raises(error, match=rf"^{name} must be .*not .*{given}"):
        SIZES[option](given)


def test_the_limits_of_formula_and_explain_are_told_by_name() -> None:
    with pytest.raises(TypeError, match="positional"):
        formula(OUT, 3)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        explain(OUT, W, 3)  # type: ignore[misc]


@pytest.mark.parametrize("given", [3, None, "w"])
def test_only_a_value_has_an_order(given: object) -> None:
    with pytest.raises(
        TypeError, match=rf"topological_order\(\) expected a Value, got {type(given).__name__}"
    ):
        topological_order(given)  # type: ignore[arg-type]


def test_a_snapshot_keeps_a_picture_of_as_much_as_it_is_told() -> None:
    out = Value(1.0)
    for _ in range(200):
        out = out * 1.01
    assert "snapshot(…, limit=None) keeps them all" in snapshot(out).draw().alt
    whole = snapshot(out, limit=None).draw().alt
    assert "h₁₉₉" in whole
    assert "nearest" not in whole
    assert "the 3 Values nearest" in snapshot(out, limit=3).draw().alt
