"""Side by side with PyTorch: every primitive of the table, every number, and the truth about what differs."""

import math
import random
import sys

import pytest

import autograd
from autograd import Value, compare_with_torch, dot, logsumexp, topological_order
from autograd import sum as total_of
from autograd.primitives import PRIMITIVES, Primitive
from autograd.view.compare.ulps import same_number, ulps_between
from autograd.view.compare.with_torch import TorchComparison, TorchRow

from ...._support.graphs import first_example
from ...._support.html import PageText
from ...._support.pytorch import needs_torch
from ...._support.table import as_leaves, call, flat, shaped, temporary_primitive

pytestmark = [
    pytest.mark.torch,
    needs_torch,
]


def test_the_example() -> None:
    *_, loss = first_example()
    assert repr(compare_with_torch(loss)).split("\n") == [
        "name  data  PyTorch  ulps  grad  PyTorch  ulps",
        "────  ────  ───────  ────  ────  ───────  ────",
        "w        2        2     0   −20      −20     0",
        "x        5        5     0    −8       −8     0",
        "y       12       12     0     4        4     0",
        "loss     4        4     0     1        1     0",
        "bit-identical",
    ]
    assert compare_with_torch(loss).max_ulps == 0
    assert [row.name for row in compare_with_torch(loss, every=True).rows] == [
        "w",
        "x",
        "p",
        "y",
        "v₁",
        "loss",
    ]


# Every primitive ----------------------------------------------------------------------------------

entries = pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda entry: entry.name)


def _reference(root: Value) -> dict[Value, float]:
    """The engine's own gradients."""
    order = topological_order(root)
    for value in order:
        value.zero_grad()
    root.backward()
    grads = {value: value.grad for value in order}
    for value in order:
        value.zero_grad()
    return grads


@entries
@pytest.mark.parametrize("seed", range(5))
def test_every_primitive_is_compared(entry: Primitive, seed: int) -> None:
    rng = random.Random(f"{entry.name} {seed}")
    operands = as_leaves(shaped(entry, lambda: rng.uniform(0.1, 1.5), 1 + seed))
    root = call(entry, operands) * 1.5
    grads = _reference(root)
    comparison = compare_with_torch(root, every=True)
    order = topological_order(root)
    assert len(comparison.rows) == len(order) == len(flat(operands)) + 2
    for row, value in zip(comparison.rows, order, strict=True):
        assert same_number(row.data, value.data)
        assert same_number(row.grad, grads[value])
        assert math.isclose(row.torch_data, row.data, rel_tol=1e-12)
        assert math.isclose(row.torch_grad, row.grad, rel_tol=1e-11, abs_tol=1e-13)
        assert row.data_ulps == ulps_between(row.data, row.torch_data)
        assert row.grad_ulps == ulps_between(row.grad, row.torch_grad)
    assert comparison.max_ulps == max(max(row.data_ulps, row.grad_ulps) for row in comparison.rows)


@entries
def test_every_primitive_with_constants_and_with_one_operand_shared(entry: Primitive) -> None:
    rng = random.Random(entry.name)
    numbers = shaped(entry, lambda: rng.uniform(0.1, 1.5), 3)
    a = Value(0.7, label="a")
    index = [numbers.pop()] if "index" in entry.operands else []
    same = [[a] * 3 if isinstance(x, list) else a for x in numbers]
    mixed = [[a, *x[1:]] if isinstance(x, list) else x for x in numbers[:-1]]
    mixed.append([a, 0.3, a] if isinstance(numbers[-1], list) else a)
    for operands in (same, mixed):
        root = call(entry, [*operands, *index]) * a
        row = next(row for row in compare_with_torch(root).rows if row.name == "a")
        assert math.isclose(row.grad, row.torch_grad, rel_tol=1e-11)
        assert same_number(row.grad, _reference(root)[a])


def test_a_graph_of_everything() -> None:
    a, b = Value(0.3, label="a"), Value(-1.2, label="b")
    c = dot([a, b, 2.0], [b, 0.5, a], 1.0)
    root = total_of([logsumexp([a, b, c]), c.tanh() * 3.0, (a / b).exp(), 2.0, dot([], [], a)]) ** 2
    comparison = compare_with_torch(root, every=True)
    assert len(comparison.rows) == len(topological_order(root))
    assert comparison.max_ulps < 100
    grads = _reference(root)
    assert all(
        same_number(row.grad, grads[value])
        for row, value in zip(comparison.rows, topological_order(root), strict=True)
    )


# What differs -------------------------------------------------------------------------------------


def test_compare_with_torch_changes_no_gradient() -> None:
    w, _, _, loss = first_example()
    w.grad = 7.0
    compare_with_torch(loss)
    assert [v.grad for v in topological_order(loss)] == [7.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_gradients_of_earlier_passes_do_not_count() -> None:
    w, _, _, loss = first_example()
    loss.backward()
    loss.backward()
    assert w.grad == -40.0
    assert compare_with_torch(loss).rows[0].grad == -20.0


def test_numbers_that_differ_are_shown_with_distinguishing_digits() -> None:
    x = Value(9.0, label="x")
    comparison = compare_with_torch(x.tanh())
    assert comparison.max_ulps > 1000
    assert comparison.summary.endswith("ulps apart, in the gradient of x")
    cells = repr(comparison).split("\n")[2].split()
    assert cells[4] != cells[5]
    assert "font-weight:bold" in comparison._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("root", "grad"),
    [
        (Value(-1.0).log() * 2.0, -2.0),
        (Value(math.nan) + 1.0, 1.0),
        (Value(math.inf) - Value(math.inf), 1.0),
        (Value(0.0).log(), math.inf),
        (Value(0.0) * math.inf, math.inf),
    ],
)
def test_nan_and_infinity_are_equal_to_themselves(root: Value, grad: float) -> None:
    comparison = compare_with_torch(root)
    assert comparison.rows[0].grad == grad
    assert comparison.max_ulps == 0
    assert comparison.summary == "bit-identical"


def test_zeros_of_opposite_sign_are_reported() -> None:
    """The subgradient of |x| at 0: ours is 0, PyTorch multiplies the gradient by sign(0), here −1 · 0."""
    comparison = compare_with_torch(-abs(Value(0.0, label="a")))
    assert math.copysign(1.0, comparison.rows[0].torch_grad) == -1.0
    assert comparison.max_ulps == 0
    assert comparison.summary == "equal; 1 zero of opposite sign"
    assert repr(comparison).split("\n")[2].endswith("0        0  0 (sign)")
    assert "(sign)" not in repr(comparison).split("\n")[3]


def test_gradient_of_minus_zero_is_added_to_zero() -> None:
    """Ours starts at 0, and 0 + −0 is 0; PyTorch's is the first product itself."""
    x = Value(2.0)
    root = x * -0.0
    root.backward()
    row = compare_with_torch(root).rows[0]
    assert same_number(row.grad, x.grad)
    assert (math.copysign(1.0, row.grad), math.copysign(1.0, row.torch_grad)) == (1.0, -1.0)
    assert compare_with_torch(root).summary == "equal; 1 zero of opposite sign"


def test_behind_a_dead_relu_both_are_zero() -> None:
    a = Value(2.0, label="a")
    h = a * -3.0
    h.backward()  # which leaves gradients that are not those of what follows
    comparison = compare_with_torch((h * 5.0).relu() + 1.0, every=True)
    assert [row.grad for row in comparison.rows] == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert comparison.max_ulps == 0


def test_nan_on_one_side_is_reported() -> None:
    comparison = TorchComparison((TorchRow("a", 1.0, 1.0, 0, math.nan, 2.0, math.inf),))
    assert comparison.max_ulps == math.inf
    assert comparison.summary == "the gradient of a is nan on one side only"
    assert "one is nan" in repr(comparison)


def test_a_leaf_alone_and_a_constant_function() -> None:
    assert [row.grad for row in compare_with_torch(Value(3.0)).rows] == [1.0]
    assert [row.torch_grad for row in compare_with_torch(Value(3.0) * 0.0).rows] == [0.0, 1.0]


@pytest.mark.parametrize("context", ["no_grad", "inference_mode"])
def test_compare_ignores_pytorch_settings_of_the_caller(context: str) -> None:
    import torch

    *_, loss = first_example()
    with getattr(torch, context)(), autograd.no_grad():
        assert compare_with_torch(loss).max_ulps == 0


# Invalid arguments --------------------------------------------------------------------------------


def test_compare_of_overwritten_data_raises() -> None:
    w, _, _, loss = first_example()
    w.data = 3.0
    with pytest.raises(RuntimeError, match=r"an operand below p was overwritten\. Compute loss again"):
        compare_with_torch(loss)


def test_root_that_is_not_a_value_raises_type_error() -> None:
    with pytest.raises(
        TypeError, match=r"compare_with_torch\(\) expected a Value for root, got float 3.0. Pass"
    ):
        compare_with_torch(3.0)  # type: ignore[arg-type]


def test_import_error_without_pytorch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"glassgrad\[torch\]"):
        compare_with_torch(Value(1.0))


def test_primitive_unknown_to_pytorch_raises_lookup_error() -> None:
    with (
        temporary_primitive("treble", lambda m, x: 3.0 * x, lambda m, out, x: 3.0, doc="3x") as entry,
        pytest.raises(LookupError, match=r"PyTorch has too, got 'treble'\. Compare a part"),
    ):
        compare_with_torch(call(entry, [Value(1.0)]))


# How it is shown ----------------------------------------------------------------------------------


def test_labels_are_text() -> None:
    bundle = compare_with_torch(
        Value(9.0, label="<script>\x1b[31m" + "x" * 10_000).tanh()
    )._repr_mimebundle_()
    parser = PageText()
    parser.feed(bundle["text/html"])
    assert parser.tags == {"table", "thead", "tbody", "tr", "th", "td", "p"}
    assert "<script>" in parser.text
    assert "\x1b" not in bundle["text/html"] + bundle["text/plain"]
    assert len(bundle["text/plain"]) < 1000


def test_large_comparison_shows_the_largest_differences() -> None:
    leaves = [Value(0.1 * i, label=f"a{i}") for i in range(300)]
    root = total_of([leaf.tanh() for leaf in leaves])
    comparison = compare_with_torch(root)
    assert len(comparison.rows) == 301
    table = repr(comparison)
    assert table.endswith("shown: 120 of 301 rows, the largest differences first; .rows has all")
    assert len(table.split("\n")) == 2 + 120 + 2
    worst = max(comparison.rows, key=lambda row: row.ulps)
    assert table.split("\n")[2].split()[0] == worst.name


def test_a_deep_graph_is_compared() -> None:
    y = Value(1.0, label="x")
    for _ in range(20_000):
        y = y * 1.0
    assert compare_with_torch(y, every=True).rows[0].torch_grad == 1.0
