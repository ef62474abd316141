"""The options of views: invalid ones raise errors with the argument, the value and the remedy."""

import io
import math
import re
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
from autograd.system.messages import type_and_value

W = Value(2.0, label="w")
OUT = W * 3.0


class Model:
    def named_parameters(self) -> list[tuple[str, Value]]:
        return [("w", W)]


#: By function and option: the call, and True if None is valid.
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
    "draw timeout of a snapshot": lambda x: snapshot(OUT).draw(timeout=x),
    "draw timeout of a comparison": lambda x: compare(OUT, OUT).draw(timeout=x),
    "gradient_flow timeout": lambda x: gradient_flow(Model(), timeout=x),
    "watch interval": lambda x: watch(Model(), interval=x),
    **{
        f"{view.__name__} {name}": lambda x, view=view, name=name: view(Model(), **{name: x})
        for view in (gradient_flow, watch)
        for name in ("vanishing", "exploding", "saturated")
    },
}


@pytest.mark.parametrize("option", COUNTS)
@pytest.mark.parametrize("argument", [None, "3", True, 2.0, math.nan, -1, 0])
def test_count_option_expects_an_int(option: str, argument: object) -> None:
    view, is_optional = COUNTS[option]
    if argument is None and is_optional:
        view(argument)
        return
    function, name = option.split()
    error, remedy = (
        ValueError if type(argument) is int else TypeError,
        "Pass None" if is_optional else "The default",
    )
    value = re.escape(type_and_value(argument))
    with pytest.raises(
        error, match=rf"^{function}\(\) expected an int .* for {name}, got {value}\. {remedy}"
    ):
        view(argument)


@pytest.mark.parametrize("option", SIZES)
@pytest.mark.parametrize("argument", [None, "3", True, math.nan, math.inf, -1])
def test_size_option_expects_a_number(option: str, argument: object) -> None:
    function, name = option.split()[:2]
    error = ValueError if type(argument) in (int, float) else TypeError
    value = re.escape(type_and_value(argument))
    with pytest.raises(
        error, match=rf"^{function}\(\) expected a number .* for {name}, got {value}\. .*default"
    ):
        SIZES[option](argument)


def test_formula_and_explain_limits_are_keyword_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        formula(OUT, 3)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        explain(OUT, W, 3)  # type: ignore[misc]


@pytest.mark.parametrize("argument", [3, None, "w"])
def test_topological_order_of_no_value_raises_type_error(argument: object) -> None:
    with pytest.raises(
        TypeError, match=rf"topological_order\(\) expected a Value, got {type(argument).__name__}"
    ):
        topological_order(argument)  # type: ignore[arg-type]


def test_snapshot_limit_sets_the_size_of_its_picture() -> None:
    out = Value(1.0)
    for _ in range(200):
        out = out * 1.01
    assert "snapshot(…, limit=None) keeps them all" in snapshot(out).draw().alt
    whole = snapshot(out, limit=None).draw().alt
    assert "v₁₉₉" in whole
    assert "nearest" not in whole
    assert "the 3 Values nearest" in snapshot(out, limit=3).draw().alt
