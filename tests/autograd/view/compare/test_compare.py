"""Two moments of a graph, or two graphs: what differs is marked, what is not the same is not matched."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, compare, dot, snapshot, topological_order
from autograd import sum as total_of
from autograd.view.compare.compare import Comparison, Difference
from autograd.view.compare.matching import is_same_operation, match
from autograd.view.picture.cards import Changed
from autograd.view.render.tables import display_width

from ...._support.graphs import labeled_graphs
from ...._support.html import PageText


def leaf(label: str, x: float = 1.0) -> Value:
    return Value(x, label=label)


def loss_of(w: Value, x: Value, y: Value) -> Value:
    p = w * x
    p.label = "p"
    loss = (p - y) ** 2
    loss.label = "loss"
    return loss


def train() -> Comparison:
    """A gradient step on w, and the loss computed again."""
    w, x, y = leaf("w", 2.0), leaf("x", 5.0), leaf("y", 12.0)
    loss = loss_of(w, x, y)
    loss.backward()
    before = snapshot(loss)
    w.data += 0.2
    for value in (w, x, y):
        value.zero_grad()
    loss = loss_of(w, x, y)
    loss.backward()
    return compare(before, loss)


def marks(comparison: Comparison) -> dict[str, str]:
    return {row.name: row.mark for row in comparison.rows}


# Two moments of one graph -------------------------------------------------------------------------


def test_a_step_of_training() -> None:
    assert repr(train()).split("\n") == [
        "   name  how    data  → data  Δ data  grad  → grad  Δ grad",
        "─  ────  ─────  ────  ──────  ──────  ────  ──────  ──────",
        "≠  w               2     2.2    +0.2   −20     −10     +10",
        "≠  x               5                    −8    −4.4    +3.6",
        "≠  p     w·x      10      11      +1    −4      −2      +2",
        "≠  y              12                     4       2      −2",
        "≠  v₁    p − y    −2      −1      +1    −4      −2      +2",
        "≠  loss  v₁²       4       1      −3     1",
        "6 of 6 Values differ: 4 in data, 5 in grad",
        "the forward pass differs from w on",
    ]


def test_first_difference_is_where_two_runs_part() -> None:
    def run(factor: float) -> Value:
        w, x = leaf("w"), leaf("x")
        p = w * x
        p.label = "p"
        return (p * factor).tanh() + p

    before = run(1.0)
    first = compare(before, run(0.5)).first
    assert first is not None
    assert (first.name, first.how_differs) == ("v₁", True)
    assert compare(before, run(1.0)).first is None


def test_before_and_after_backward() -> None:
    loss = loss_of(leaf("w"), leaf("x"), leaf("y", 3.0))
    before = snapshot(loss)
    loss.backward()
    comparison = compare(before, loss)
    assert len(comparison.changed) == 6
    assert all(row.grad_differs and not row.data_differs and not row.how_differs for row in comparison.rows)
    assert comparison.summary == "6 of 6 Values differ: 6 in grad"


@settings(deadline=None)
@given(labeled_graphs())
def test_nothing_differs_from_itself(root: Value) -> None:
    comparison = compare(root, snapshot(root))
    assert comparison.changed == ()
    nodes = comparison.before.nodes, comparison.after.nodes
    for row, before, after in zip(comparison.rows, *nodes, strict=True):
        assert row.before is before
        assert row.after is after
    assert comparison.summary == f"no difference in {len(topological_order(root)):,} Values"


@settings(deadline=None)
@given(labeled_graphs(), st.data())
def test_the_one_value_that_was_changed_is_the_one_that_differs(root: Value, data: st.DataObject) -> None:
    root.backward()  # without which a gradient is not shown
    before = snapshot(root)
    order = topological_order(root)
    at = data.draw(st.integers(0, len(order) - 1))
    attribute = data.draw(st.sampled_from(["data", "grad"]))
    setattr(order[at], attribute, 0.123456789)
    comparison = compare(before, root)
    (changed,) = comparison.changed
    assert changed is comparison.rows[at]
    assert (changed.data_differs, changed.grad_differs) == (attribute == "data", attribute == "grad")


def test_later_label_is_shown_without_a_difference() -> None:
    root = leaf("w") * leaf("x") + 1.0
    before = snapshot(root)
    topological_order(root)[2].label = "p"
    comparison = compare(before, root)
    assert comparison.changed == ()
    assert [row.name for row in comparison.rows] == ["w", "x", "v₁ → p", "out"]


@pytest.mark.parametrize(
    ("before", "after", "differs", "change"),
    [
        (0.0, -0.0, True, "0"),
        (math.nan, math.nan, False, ""),
        (math.nan, 1.0, True, ""),
        (math.inf, math.inf, False, ""),
        (math.inf, -math.inf, True, "−inf"),
        (1.0, 1.0 + 2**-52, True, "+2.22e−16"),
        (-1e308, 1e308, True, "+inf"),
    ],
)
def test_numbers_differ_by_any_bit(before: float, after: float, differs: bool, change: str) -> None:
    a = leaf("a", before)
    moment = snapshot(a)
    a.data = after
    comparison = compare(moment, a)
    assert comparison.rows[0].data_differs is differs
    line = repr(comparison).split("\n")[2].split()
    assert line[0] == ("≠" if differs else "a")
    if differs:
        assert line[2] != line[3]
        assert (line[4] if change else "") == change.replace("0", "−0" if change == "0" else "0", 1)


def test_inconsistent_numbers_are_noted() -> None:
    a = leaf("a", 2.0)
    root = a * 3.0
    before = snapshot(root)
    a.data = 5.0
    assert compare(before, root).notes == [
        "after: an operand below out was overwritten after the forward pass: results and local derivatives "
        "are those of the old data; run the forward pass again for new ones"
    ]
    assert "after: an operand below out was overwritten" in repr(compare(before, root))
    assert "<p>before: an operand below out" in compare(root, before)._repr_mimebundle_()["text/html"]


# Two graphs ---------------------------------------------------------------------------------------


def test_the_same_code_run_twice_is_matched_node_by_node() -> None:
    def build(w: float) -> Value:
        units = [dot([Value(w), Value(2.0)], [1.0, 3.0], Value(0.1)).tanh() for _ in range(3)]
        return total_of(units)

    comparison = compare(build(1.0), build(1.5))
    assert comparison.summary.startswith("10 of 16 Values differ: 10 in data")
    assert comparison.notes == []
    assert {row.mark for row in comparison.rows} == {"", "≠"}


def test_node_of_one_graph_is_listed_at_its_position() -> None:
    w, x, b = leaf("w"), leaf("x", 2.0), leaf("b", 0.5)
    short, long = (w * x).tanh(), (w * x + b).tanh()
    comparison = compare(short, long)
    assert marks(comparison) == {"w": "", "x": "", "v₁": "", "b": "+", "v₂": "+", "out": "≠"}
    assert comparison.summary == (
        "3 of 6 Values differ: 1 in data, 1 in how they are computed, 2 only after (+)"
    )
    back = compare(long, short)
    assert marks(back) == {"w": "", "x": "", "v₁": "", "b": "−", "v₂": "−", "out": "≠"}
    assert "tanh(v₂) → tanh(v₁)" in repr(back)


w, x, y = leaf("w", 2.0), leaf("x", 3.0), leaf("y", 5.0)

ways: list[tuple[str, Callable[[], Value], Callable[[], Value], dict[str, str]]] = [
    ("another order", lambda: w + x, lambda: x + w, {"w": "", "x": "", "out": "≠"}),
    ("another operation", lambda: w + x, lambda: w * x, {"w": "", "x": "", "out": "+", "out ": "−"}),
    ("another constant", lambda: w * 3.0, lambda: w * 4.0, {"w": "", "out": "≠"}),
    ("a constant for a Value", lambda: w * x, lambda: w * 3.0, {"w": "", "x": "−", "out": "≠"}),
    ("another leaf", lambda: w * x, lambda: w * y, {"w": "", "x": "−", "y": "+", "out": "≠"}),
    ("shared or not", lambda: w * w, lambda: w * leaf("w", 2.0), {"w": "", "w₂": "+", "out": "≠"}),
    ("more operands", lambda: total_of([w, x]), lambda: total_of([w, x, y]),
     {"w": "", "x": "", "y": "+", "out": "+", "out ": "−"}),
    ("a label on the other side", lambda: leaf("a") - leaf(""), lambda: leaf("") - leaf("a"),
     {"a": "", "x₁": "−", "x₁ ": "+", "out": "≠"}),
    ("labels swapped", lambda: leaf("a", 1.0) - leaf("b", 2.0), lambda: leaf("b", 1.0) - leaf("a", 2.0),
     {"b": "≠", "a": "≠", "out": "≠"}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), [w[1:] for w in ways], ids=[w[0] for w in ways])
def test_graphs_of_different_shape(
    before: Callable[[], Value], after: Callable[[], Value], expected: dict[str, str]
) -> None:
    comparison = compare(before(), after())
    marks = sorted((row.name, row.mark) for row in comparison.rows)
    assert marks == sorted((name.strip(), mark) for name, mark in expected.items())


def test_removed_node_is_listed_once_in_any_order() -> None:
    p, gone, q, r = (leaf(name) for name in ("p", "gone", "q", "r"))
    comparison = compare(total_of([p, gone, q, r]), total_of([r, p, q]))
    assert [(row.mark, row.name) for row in comparison.rows] == [
        ("−", "gone"), ("", "r"), ("", "p"), ("", "q"), ("+", "out"), ("−", "out"),
    ]  # fmt: skip


def test_leaves_matched_by_position_are_noted() -> None:
    one = (Value(1.0) * Value(2.0)).tanh() + 1.0
    other = (Value(7.0) * Value(2.0)).tanh() + Value(1.0)
    comparison = compare(one, other)
    assert comparison.notes == [
        "the graphs have different shapes, and 2 leaves were matched by position alone: "
        "label the leaves to be sure"
    ]
    labeled = compare(leaf("a").tanh() + 1.0, leaf("a").tanh() + leaf("b"))
    assert labeled.notes == []


def test_the_same_operation_twice_is_not_mixed_up() -> None:
    """Two products of the same leaves can only be distinguished by their uses."""

    def build(is_swapped: bool) -> Value:
        a, b = leaf("a", 2.0), leaf("b", 3.0)
        first, second = a * b, a * b
        return (second.exp() - first.tanh() if is_swapped else first.exp() - second.tanh()) + leaf("c")

    before, after = build(False), build(True) * 2.0
    before.backward()
    after.backward()
    comparison = compare(before, after)
    (exp,) = (row for row in comparison.rows if row.after and row.after.primitive == "exp")
    assert exp.mark == "≠"
    assert not exp.how_differs
    a, b = comparison.before.nodes, comparison.after.nodes
    assert exp.before
    assert exp.after
    factor = exp.after.grad or 0.0, exp.before.grad or 0.0
    assert factor == (2.0, 1.0)
    product = next(row for row in comparison.rows if row.after is b[int(exp.after.operands[0])])
    assert product.before is a[int(exp.before.operands[0])]


@settings(deadline=None)
@given(labeled_graphs(), labeled_graphs())
def test_matched_nodes_are_compatible_and_matched_once(one: Value, other: Value) -> None:
    a, b = snapshot(one).nodes, snapshot(other).nodes
    pairs = match(a, b).pairs
    assert len({*pairs.values()}) == len(pairs)
    comparison = compare(one, other)
    assert [row.after for row in comparison.rows if row.after] == [*b]
    assert sorted(id(row.before) for row in comparison.rows if row.before) == sorted(
        map(id, comparison.before.nodes)
    )
    assert len(comparison.before) == len(a)
    for row in comparison.rows:
        if row.before and row.after:
            same = row.before.label == row.after.label
            assert same or not row.before.label or not row.after.label
            if row.mark == "":
                assert is_same_operation(row.before, row.after, pairs)


# How it is shown ----------------------------------------------------------------------------------


def test_the_picture_marks_the_cards_that_differ() -> None:
    comparison = train()
    drawing = comparison.draw()
    assert "w = 2 → 2.2, gradient −20 → −10; x = 5, gradient −8 → −4.4" in drawing.alt
    thick = re.compile(r"penwidth=3\b(?!\.)")
    assert len(thick.findall(drawing.graph.source)) == 6
    assert comparison.draw(theme="dark").graph.source != drawing.graph.source
    same = compare(comparison.after, comparison.after).draw()
    assert not thick.findall(same.graph.source)
    assert "thick" not in same.alt


def test_picture_notes_nodes_that_are_not_drawn() -> None:
    picture = compare((leaf("w") + leaf("b")).tanh(), leaf("w").tanh())._picture()
    assert picture.note.endswith("only before, not drawn: b, v₁")
    assert [type(card) is Changed for card in picture.cards] == [False, True]
    new = compare(leaf("w").tanh(), (leaf("w") + leaf("b")).tanh()).draw().alt
    assert "+ b = 1" in new


def test_html_marks_differences_and_escapes_labels() -> None:
    a = leaf("<script>\x1b[31m" + "x" * 10_000)
    before = snapshot(a * 2.0)
    a.data = 3.0
    bundle = compare(before, a * 2.0)._repr_mimebundle_()
    parser = PageText()
    parser.feed(bundle["text/html"])
    assert parser.tags == {"table", "thead", "tbody", "tr", "th", "td", "p"}
    assert "<script>" in parser.text
    assert "\x1b" not in bundle["text/html"] + bundle["text/plain"]
    assert len(bundle["text/html"]) < 5000
    assert bundle["text/html"].count("font-weight:bold") == 4


@pytest.mark.parametrize("columns", [40, 80])
def test_the_table_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    table = repr(train()).split("\n")
    assert max(map(display_width, table)) <= columns
    assert sum(line.startswith("≠  w ") for line in table) == (2 if columns == 40 else 1)


def test_large_comparison_shows_only_differences() -> None:
    y = a = leaf("a")
    for _ in range(20_000):
        y = y + 1.0
    before = snapshot(y)
    a.grad = 2.0
    one = repr(compare(before, y))
    assert "1 of 20,001 Values differ: 1 in grad\nshown: those that differ; .rows has all" in one
    y.backward()
    assert "shown: the first 120 that differ; .rows has all" in repr(compare(before, y))


@pytest.mark.parametrize("pair", [(3.0, Value(1.0)), (Value(1.0), None)])
def test_compare_of_no_value_or_snapshot_raises_type_error(pair: tuple[Any, Any]) -> None:
    with pytest.raises(
        TypeError, match=r"a Value or a snapshot for (before|after), got (float 3.0|NoneType None)\. Take one"
    ):
        compare(*pair)


def test_a_difference_names_both_names() -> None:
    a, b = snapshot(leaf("a")).nodes[0], snapshot(leaf("b")).nodes[0]
    assert [Difference(a, a).name, Difference(a, b).name, Difference(None, b).name] == ["a", "a → b", "b"]
