"""explore(): its picture, table and errors, without a browser."""

from pathlib import Path
from typing import Any

import pytest

from autograd import Value, draw, explore, sin, tanh, topological_order
from autograd.view.explore.explore import MOST
from autograd.view.explore.scene import program_of
from nn import MLP


def line() -> Value:
    w, x, y = (Value(v, label=name) for v, name in ((2.0, "w"), (5.0, "x"), (12.0, "y")))
    loss = (w * x - y) ** 2
    loss.label = "loss"
    return loss


def html(root: Value, **options: Any) -> str:
    text: str = explore(root, **options)._repr_mimebundle_()["text/html"]
    return text


def test_no_gradient_is_written() -> None:
    loss = line()
    before = [(x.data, x.grad) for x in (loss, *loss.operands) if isinstance(x, Value)]
    html(loss)
    assert [(x.data, x.grad) for x in (loss, *loss.operands) if isinstance(x, Value)] == before


def test_page_is_a_picture_and_a_table_without_scripts() -> None:
    before, _, script = html(line()).partition("<script>")
    assert script
    assert '<img src="data:image/png;base64,' in before
    assert "<details><summary>All 6 Values as a table, as they were recorded" in before
    assert "http" not in before.replace("http-equiv", "")


def test_program_shares_constants_and_keeps_their_signs() -> None:
    x = Value(2.0)
    y = (x * 3.0 + 3.0) * -0.0
    program = program_of(topological_order(y))
    assert program["constants"] == [3.0, -0.0]
    assert program["nodes"] == [0, ["mul", [0, 4]], ["add", [1, 4]], ["mul", [2, 5]]]


@pytest.mark.parametrize("count", [3, 8, 30, 300])
def test_picture_is_that_of_draw(count: int) -> None:
    """Whole, whole although it is wide, and folded."""
    x = Value(0.5)
    for _ in range(count):
        x = sin(x)
    x.backward()
    assert explore(x)._scene.picture == draw(x)._picture


def test_text_is_the_table_of_the_picture() -> None:
    assert "loss" in repr(explore(line()))


def test_large_graph_has_a_still_page_that_says_so() -> None:
    x = Value(0.5)
    for _ in range(MOST):
        x = sin(x)
    page = html(x)
    assert f"The page computes up to {MOST:,} Values, and this graph has {MOST + 1:,}." in page
    assert "<script>" not in page


def test_parameters_are_trained_by_default() -> None:
    model = MLP(2, [2, 1], seed=0)
    page = explore(model([1.0, 2.0]))
    assert page._trained == {*model.parameters()}
    assert explore(line())._trained == set()


def test_values_between_leaves_and_root_can_be_fixed() -> None:
    loss = line()
    order = topological_order(loss)
    between = [value for value in order[:-1] if not value.is_leaf]
    assert [*explore(loss)._scene.others.items()] == [*zip(between, ["v₁", "v₂"])]
    assert explore(Value(1.0) * 2.0)._scene.others == {}


def test_neurons_of_several_samples_cannot_be_fixed_but_labeled_values_can() -> None:
    model = MLP(2, [3, 1], seed=0)
    out = model([1.0, 2.0])
    assert {*explore(out)._scene.others.values()} == {"h₁", "h₂", "h₃"}
    total = out + model([2.0, 1.0])
    total.label = "total"
    assert {*explore(total * total)._scene.others} == {total}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"train": 3}, TypeError, "expected a Value or a list of Values for train, got int 3"),
        ({"train": "w"}, TypeError, "expected a Value or a list of Values for train, got str 'w'"),
        ({"train": [3.0]}, TypeError, "expected Values for train, got float 3.0 at index 0"),
        ({"train": [Value(1.0)]}, ValueError, "expected leaves of the graph for train, got Value"),
        ({"lr": "x"}, TypeError, "expected a number for lr, got str 'x'"),
        ({"lr": -1.0}, ValueError, "expected a finite number of 0 or more for lr, got float -1.0"),
        ({"lr": float("nan")}, ValueError, "expected a finite number of 0 or more for lr, got float nan"),
    ],
)
def test_invalid_option_raises(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"explore\(\) {message}"):
        explore(line(), **options)


def test_root_and_path_are_checked(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"explore\(\) expected"):
        explore(2.0)  # type: ignore[arg-type]
    page = explore(tanh(Value(1.0)))
    with pytest.raises(ValueError, match=r"save\(\) expected a path that ends in \.html, got 'a\.png'"):
        page.save(tmp_path / "a.png")
    assert page.save(tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
