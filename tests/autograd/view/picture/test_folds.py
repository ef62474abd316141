"""Repeated structure is folded to the first, a card for those between, and the last."""

import builtins
import math
from collections.abc import Callable

import pytest

import autograd
from autograd import Value, dot, draw, exp, scope, sin, softmax, tanh, topological_order
from autograd.view.picture.folds import find_folds

w, b, u = Value(0.5, label="w"), Value(0.1, label="b"), Value(0.8, label="u")


def titles(root: Value) -> list[str]:
    return [fold.title for fold in find_folds(topological_order(root))]


def sines(count: int) -> Value:
    x = Value(0.5, label="x")
    for _ in range(count):
        x = sin(x)
    return x


def gates(count: int) -> Value:
    """Make links of three operations, with two branches."""
    x = Value(0.5, label="x")
    for i in range(count):
        x = sin(x) * (x + float(i))
    return x


def recurrence(count: int) -> Value:
    h: Value | float = 0.0
    for t in range(count):
        h = tanh(w * Value(math.sin(t)) + u * h + b)
    assert isinstance(h, Value)
    return h


def samples(count: int) -> list[Value]:
    return [(w * float(i) + b - 2.0 * i) ** 2 for i in range(count)]


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (lambda: sines(30), "… × 28"),
        (lambda: sines(3000), "… × 2998"),
        (lambda: gates(10), "… × 8"),
        (lambda: recurrence(20), "… × 18"),
        (lambda: autograd.sum(samples(100)), "… × 98"),
        (lambda: builtins.sum(samples(100)) / 100.0, "… × 98"),
        (lambda: dot([Value(1.0) for _ in range(9)], [0.5] * 9), "… × 7"),
        (lambda: autograd.logsumexp([exp(w * i) for i in range(20)]), "… × 18"),
    ],
)
def test_equal_parts_are_folded(make: Callable[[], Value], title: str) -> None:
    root = make()
    assert titles(root) == [title]
    assert len(draw(root)._picture.cards) <= 30


def test_steps_that_share_an_input_that_is_computed_are_folded() -> None:
    x = factor = tanh(w * 3.0)
    for _ in range(12):
        x = sin(x) * factor
    assert titles(x * 2.0) == ["… × 10"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: sines(3),
        lambda: autograd.sum(samples(3)),
        lambda: w * w + w,
        lambda: builtins.sum([sin(w), tanh(w), exp(w), w * 2.0, w + 1.0]),
        lambda: softmax([w, b, u])[0],
    ],
)
def test_few_or_different_parts_are_not_folded(make: Callable[[], Value]) -> None:
    assert titles(make()) == []


def test_exponents_make_a_difference() -> None:
    assert titles(autograd.sum([w**k for k in range(2, 9)])) == []
    assert titles(autograd.sum([(w * k) ** 2 for k in range(2, 9)])) == ["… × 5"]


def test_a_part_that_is_also_used_elsewhere_stays() -> None:
    terms = samples(10)
    root = autograd.sum(terms) * terms[4]
    (fold,) = find_folds(topological_order(root))
    assert terms[4] not in fold.nodes
    assert fold.title == "… × 7"


def test_every_value_is_in_one_fold_at_most() -> None:
    root = builtins.sum(samples(50)) + recurrence(20)
    nodes = [x for fold in find_folds(topological_order(root)) for x in fold.nodes]
    assert len(nodes) == len({*nodes})


def test_picture_of_a_long_chain() -> None:
    root = sines(3000)
    root.backward()
    drawing = draw(root)
    picture = drawing._picture
    assert [card.name for card in picture.cards] == ["x", "v₁", "… × 2998", "out"]
    assert [(e.operand, e.result) for e in picture.edges] == [("v0", "v1"), ("v1", "f0"), ("f0", "v3000")]
    first, middle, last = picture.edges
    assert (first.local, middle.local, middle.contribution) == ("×0.8776", "", "")
    assert last.contribution
    assert (
        picture.note == "3,001 Values; equal parts are folded (… × n); draw(…, limit=None) draws every Value"
    )
    assert "v₁" in str(drawing)


def test_gradient_of_several_folded_operands_is_one_arrow_without_a_number() -> None:
    root = autograd.sum(samples(100))
    root.backward()
    picture = draw(root)._picture
    (arrow,) = (edge for edge in picture.edges if edge.operand == "f0")
    assert (arrow.local, arrow.contribution) == ("", "")
    sources = {edge.operand for edge in picture.edges if edge.result == "f0"}
    names = {card.key: card.name for card in picture.cards}
    assert {names[key] for key in sources} == {"w", "b"}


def test_small_graph_is_not_folded() -> None:
    assert draw(sines(4))._picture.note == ""


def test_scopes_are_folded_before_equal_parts() -> None:
    x = Value(0.5)
    for _ in range(10):
        with scope("step"):
            x = sin(x) * 2.0
    assert titles(x) == ["step", "… × 8", "step"]
