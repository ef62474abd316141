"""One gradient explained: all its paths, compared with a walk along each of them and with the engine."""

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import Value, explain, maximum, steps, topological_order
from autograd.nodes import local_derivatives
from autograd.primitives import PRIMITIVES
from autograd.view.explain.explain import DEFINED, FACTORS, SHOWN, Explanation
from autograd.view.explain.paths import (
    BLOCKED,
    FINITE,
    INFINITE,
    NAN,
    ONE,
    ZERO,
    Edge,
    Paths,
    Size,
    plus,
    ratio,
    size_of,
    times,
)
from autograd.view.notation.writers import text

from ...._support.graphs import graph_of, places, programs, random_graphs
from ...._support.growth import is_linear
from ...._support.hostile import each_hostile
from ...._support.reading import sides
from ...._support.table import bits, call, flat, shaped, temporary_primitive


def example_() -> tuple[Value, Value, Value, Value]:
    w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    p = w * x
    d = p - y
    loss = d**2
    p.label, d.label, loss.label = "p", "d", "loss"
    return w, x, y, loss


def diamond() -> tuple[Value, Value, Value]:
    a, b = Value(3.0, label="a"), Value(2.0, label="b")
    s = a * b
    q = s + a
    r = q * s
    y = r + q
    s.label, q.label, r.label, y.label = "s", "q", "r", "y"
    return a, b, y


# What is explanation -------------------------------------------------------------------------------------


def test_the_example_reads_in_full() -> None:
    w, _, _, loss = example_()
    assert repr(explain(loss, w)).splitlines() == [
        "loss = (w·x − y)²",
        "  p = w·x = 2·5 = 10",
        "  d = p − y = 10 − 12 = −2",
        "∂loss/∂w = ∂loss/∂d · ∂d/∂p · ∂p/∂w = 2·d · 1 · x = 2·(−2) · 1 · 5 = −20",
    ]


def test_all_paths_and_their_sum() -> None:
    a, _, y = diamond()
    assert repr(explain(y, a)).splitlines() == [
        "y = q·s + q",
        "  s = a·b = 3·2 = 6",
        "  q = s + a = 6 + 3 = 9",
        "  r = q·s = 9·6 = 54",
        "5 paths lead from y to a; their products add up to the gradient:",
        "  1. ∂y/∂r · ∂r/∂s · ∂s/∂a = 1 · q · b = 1 · 9 · 2 = 18",
        "  2. ∂y/∂r · ∂r/∂q · ∂q/∂s · ∂s/∂a = 1 · s · 1 · b = 1 · 6 · 1 · 2 = 12",
        "  3. ∂y/∂r · ∂r/∂q · ∂q/∂a = 1 · s · 1 = 1 · 6 · 1 = 6",
        "  4. ∂y/∂q · ∂q/∂s · ∂s/∂a = 1 · 1 · b = 1 · 1 · 2 = 2",
        "  5. ∂y/∂q · ∂q/∂a = 1 · 1 = 1",
        "∂y/∂a = 18 + 12 + 6 + 2 + 1 = 39",
    ]


def test_the_parts_can_be_read_one_by_one() -> None:
    a, _, y = diamond()
    explanation = explain(y, a)
    assert (
        explanation.root,
        explanation.wrt,
        explanation.count,
        explanation.share,
        explanation.gradient,
    ) == (y, a, 5, 1.0, 39.0)
    assert [path.product for path in explanation.paths] == [18.0, 12.0, 6.0, 2.0, 1.0]
    first = explanation.paths[0]
    assert [node.label for node in first.nodes] == ["y", "r", "s", "a"]
    assert first.locals == (1.0, 9.0, 2.0)
    assert first.positions == (0, 1, 0)
    for node, position, below in zip(first.nodes, first.positions, first.nodes[1:], strict=False):
        assert node.operands[position] is below


def test_the_root_itself_has_the_gradient_one() -> None:
    *_, loss = example_()
    explanation = explain(loss, loss)
    assert repr(explanation).splitlines()[-1] == "∂loss/∂loss = 1"
    assert (explanation.count, explanation.gradient, explanation.share) == (1, 1.0, 1.0)
    assert [(path.nodes, path.product) for path in explanation.paths] == [((loss,), 1.0)]
    leaf = Value(2.0, label="w")
    assert repr(explain(leaf, leaf)) == "w = 2\n∂w/∂w = 1"


def test_a_value_used_twice_by_an_operation_counts_twice() -> None:
    a = Value(3.0, label="a")
    explanation = explain(a * a, a)
    assert [path.positions for path in explanation.paths] == [(0,), (1,)]
    assert repr(explanation).splitlines() == [
        "out = a·a",
        "2 paths lead from out to a; their products add up to the gradient:",
        "  1. ∂out/∂a = a = 3",
        "  2. ∂out/∂a = a = 3",
        "∂out/∂a = 3 + 3 = 6",
    ]


def test_the_gradient_of_a_result_between() -> None:
    *_, loss = example_()
    d = loss.operands[0]
    assert isinstance(d, Value)
    explanation = explain(loss, d)
    assert repr(explanation).splitlines() == ["loss = (w·x − y)²", "∂loss/∂d = 2·d = 2·(−2) = −4"]


def test_conditions_of_a_rule_are_shown() -> None:
    a, b = Value(3.0, label="a"), Value(-2.0, label="b")
    h = a * b
    h.label = "h"
    explanation = repr(explain(h.relu() + maximum(a, b) + a.tanh(), a)).splitlines()
    assert "  ∂v₁/∂h = 0, since h ≤ 0" in explanation
    assert "  ∂v₂/∂a = 1, since a > b" in explanation
    assert sum("since" in line for line in explanation) == 2


def test_behind_a_dead_relu_the_gradient_is_0() -> None:
    a = Value(-1.0, label="a")
    h = a * 2.0
    h.label = "h"
    explanation = explain(h.relu() * 3.0, a)
    assert explanation.gradient == 0.0
    assert repr(explanation).splitlines()[-2:] == [
        "∂out/∂a = ∂out/∂v₁ · ∂v₁/∂h · ∂h/∂a = 3 · 0 · 2 = 0",
        "  ∂v₁/∂h = 0, since h ≤ 0",
    ]


def test_derivative_that_needs_computing_is_computed() -> None:
    a = Value(0.5, label="a")
    h = a.tanh()
    h.label = "h"
    assert repr(explain(h * 2.0, a)).splitlines()[-1] == (
        "∂out/∂a = ∂out/∂h · ∂h/∂a = 2 · sech(a)² = 2 · sech(0.5)² = 2 · 0.7864 = 1.573"
    )


def test_a_long_path_is_shown_by_its_ends_and_its_long_line_is_broken() -> None:
    y = x = Value(1.0, label="x")
    for _ in range(30):
        y = y * 2.0
    *definitions, first, second, third = repr(explain(y, x)).splitlines()
    assert first.startswith("∂out/∂x = ∂out/∂v₂₉ · ")
    assert first.endswith(" · ∂v₁/∂x")
    assert first.count("·") == FACTORS - 1
    assert second == "        = 2 · 2 · 2 · 2 · … · 2 · 2 · 2"
    assert third == "        = 1.074e9"
    assert definitions[0] == "out = x" + "·2" * 30
    assert definitions[1:3] == ["  v₁ = x·2 = 1·2 = 2", "  v₂ = v₁·2 = 2·2 = 4"]


def test_long_paths_of_many_lines() -> None:
    y = x = Value(1.0, label="x")
    for _ in range(30):
        y = y * x
    explanation = explain(y, x)
    assert explanation.count == 31
    assert len(explanation.paths) == SHOWN
    lines = repr(explanation).splitlines()
    assert "31 paths lead from out to x; the 10 with the largest products:" in lines
    assert (
        "(they contribute 32.26 % of the sum of all |products|; the gradient is the sum over all paths)"
        in lines
    )
    assert lines[-1] == "∂out/∂x = 31"
    assert max(map(len, lines)) < 110


def test_the_number_of_paths_shown_can_be_chosen() -> None:
    a, _, y = diamond()
    explanation = explain(y, a, paths=2)
    assert [path.product for path in explanation.paths] == [18.0, 12.0]
    assert explanation.share == pytest.approx(30 / 39)
    assert "(they contribute 76.92 % of the sum of all |products|" in repr(explanation)


def test_exponentially_many_paths_are_counted_exactly() -> None:
    y = a = Value(1.0, label="a")
    for _ in range(60):
        y = y + y
    explanation = explain(y, a)
    assert explanation.count == 2**60
    assert explanation.gradient == 2.0**60
    assert explanation.share == pytest.approx(10 / 2**60)
    lines = repr(explanation).splitlines()
    assert "1,152,921,504,606,846,976 paths lead from out to a; the 10 with the largest products:" in lines
    assert "(some intermediate results are not defined here; formula(…) shows them)" in lines
    assert sum(line.startswith("  h") for line in lines) <= DEFINED


def test_huge_path_count_is_a_power_of_ten() -> None:
    y = a = Value(1.0, label="a")
    for _ in range(20_000):
        y = y + y * 0.0
    explanation = explain(y, a, paths=1)
    assert explanation.count == 2**20_000
    assert explanation.share == 1.0  # all others go through a 0
    assert "about 3.98e6,020 paths lead" in repr(explanation)


def test_no_product_overflows_on_the_way_to_the_share() -> None:
    y = a = Value(1.0)
    for _ in range(2000):
        y = y * 1e300 + y * 1e300
    for _ in range(2000):
        y = y * 1e-300
    explanation = explain(y, a, paths=3)
    assert explanation.count == 2**2000
    assert explanation.share == pytest.approx(3 / 2**2000, abs=0.0)


def test_share_of_zero_is_undefined() -> None:
    a = Value(1.0, label="a")
    explanation = explain(a * 0.0 + a * 0.0 + a * 0.0, a, paths=2)
    assert math.isnan(explanation.share)
    assert "|products| is undefined: that sum is 0 or not finite" in repr(explanation)
    assert repr(explanation).splitlines()[-1] == "∂out/∂a = 0"


def test_blocked_path_has_product_zero_even_with_infinity() -> None:
    a = Value(-1.0, label="a")
    y = a.relu() * math.inf + a
    explanation = explain(y, a)
    assert [path.product for path in explanation.paths] == [1.0, 0.0]
    assert explanation.gradient == 1.0
    assert "  2. ∂out/∂v₂ · ∂v₂/∂v₁ · ∂v₁/∂a = 0" in repr(explanation).splitlines()
    assert "  ∂v₁/∂a = 0, since a ≤ 0" in repr(explanation).splitlines()
    assert "a.grad += v₁.grad · ∂v₁/∂a = 0, total 1" in map(str, steps(y))


def test_the_number_of_an_overwritten_leaf_is_not_substituted() -> None:
    w, x = Value(2.0, label="w"), Value(5.0, label="x")
    h = w * x
    s = w + x
    out = h * h * s * s
    h.label, s.label = "h", "s"
    w.data = 7.0
    explanation = repr(explain(out, w))
    assert "h = w·x = 10" in explanation
    assert "s = w + x = 7" in explanation
    assert "s · s · h · x = 7 · 7 · 10 · 5 = 2450" in explanation
    assert "overwritten after the forward pass" in explanation
    forward = [str(step) for step in steps(out, forward=True)]
    assert "h = w·x = 10" in forward
    assert "s = w + x = 7" in forward


def test_overwritten_value_is_noted() -> None:
    w, x, _, loss = example_()
    w.data = 100.0
    explanation = repr(explain(loss, w))
    assert "2·(−2) · 1 · 5 = −20" in explanation
    assert "overwritten after the forward pass" in explanation
    x.data = 50.0
    explanation = repr(explain(loss, w))
    assert "= 2·d · 1 · x = 2·(−2) · 1 · 5 = −20" in explanation  # the local derivative that is stored
    assert "50" not in explanation


def test_explain_of_unrelated_value_raises() -> None:
    w, *_, loss = example_()
    other = Value(2.0, label="w")
    with pytest.raises(
        ValueError, match=r"explain\(\) expected .* and wrt = Value\(2.0, label='w'\). Pass the very Value"
    ):
        explain(loss, other)
    with pytest.raises(ValueError, match="expected a root that was computed from wrt"):
        explain(w, loss)


@pytest.mark.parametrize("argument", [3.0, None, "loss"])
def test_root_that_is_not_a_value_raises_type_error(argument: object) -> None:
    with pytest.raises(
        TypeError, match=rf"explain\(\) expected a Value for .*, got {type(argument).__name__}.*Pass"
    ):
        explain(Value(1.0), argument)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=rf"explain\(\) expected a Value for .*, got {type(argument).__name__}.*Pass"
    ):
        explain(argument, Value(1.0))  # type: ignore[arg-type]


def test_explain_with_zero_paths_raises() -> None:
    with pytest.raises(ValueError, match=r"an int of 1 or more for paths, got int 0\. The default is 10"):
        explain(Value(1.0), Value(1.0), paths=0)


# In a notebook ------------------------------------------------------------------------------------


def _page(explanation: Explanation) -> ElementTree.Element:
    html = explanation._repr_mimebundle_()["text/html"]
    return ElementTree.fromstring(re.sub("<style>.*</style>", "", html))


def test_it_displays_as_html_latex_and_text() -> None:
    a, _, y = diamond()
    explanation = explain(y, a)
    bundle = explanation._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/latex", "text/plain"}
    assert bundle["text/plain"] == repr(explanation)
    assert len(_page(explanation).findall(".//math")) == 10
    assert bundle["text/latex"].startswith(r"$\displaystyle \begin{aligned} & y = q \cdot s + q \\")
    assert bundle["text/latex"].endswith(
        r"\frac{\partial y}{\partial a} = 18 + 12 + 6 + 2 + 1 = 39 \end{aligned}$"
    )


def test_a_broken_line_is_a_table() -> None:
    y = x = Value(1.0, label="x")
    for _ in range(30):
        y = y * 2.0
    explanation = explain(y, x)
    assert len(_page(explanation).find(".//p[last()]").findall(".//mtr")) == 3
    assert r"\begin{aligned}[t]" in explanation._repr_latex_()


@each_hostile
def test_a_hostile_label_is_shown_and_never_executed(label: str) -> None:
    a, b = Value(2.0, label=label), Value(-1.0, label=label)
    h = (a * b).relu()
    h.label = label
    explanation = explain(h / a + a, a)
    tags = {element.tag for element in _page(explanation).iter()}
    assert tags <= {
        "div", "p", "span", "math", "mrow", "mi", "mo", "mn", "mtext", "mfrac", "msup", "msub", "mtable",
        "mtr", "mtd",
    }  # fmt: skip
    assert repr(explanation).isprintable() or "\n" in repr(explanation)
    latex = explanation._repr_latex_()
    assert latex.count("$") - latex.count(r"\$") == 2


# Compared with the engine and a walk along every path ------------------------------------------------


def _walks(root: Value, wrt: Value) -> list[list[Edge]]:
    """Every path, by walking all of them."""
    edges = Paths(root, wrt).edges
    walks: list[list[Edge]] = []
    stack: list[list[Edge]] = [[]]
    while stack:
        walk = stack.pop()
        at = walk[-1].operand if walk else root
        if at is wrt:
            walks.append(walk)
        else:
            stack += [[*walk, edge] for edge in edges.get(at, [])]
    return walks


def _places(walk: list[Edge]) -> list[tuple[int, int]]:
    return [(id(edge.node), edge.position) for edge in walk]


def _size(walk: list[Edge]) -> Size:
    size = ONE
    for edge in walk:
        size = times(size, edge.size)
    return size


def _about(size: Size) -> tuple[float, ...]:
    """A size but for the last digits, which depend on the order of multiplication."""
    return (size.kind, round(size.exponent + math.log2(size.mantissa or 1.0), 9))


@settings(max_examples=300, deadline=None)
@given(random_graphs(8), st.integers(0, 100), st.integers(1, 20))
def test_the_paths_are_those_of_a_walk_and_the_largest_come_first(root: Value, index: int, most: int) -> None:
    order = topological_order(root)
    wrt = order[index % len(order)]
    paths = Paths(root, wrt)
    if paths.count > 2000:
        return
    walks = _walks(root, wrt)
    assert paths.count == len(walks)
    all_paths = [*paths.largest(len(walks) + 1)]
    assert sorted(map(_places, all_paths)) == sorted(map(_places, walks))
    expected = sorted(map(_size, walks), reverse=True)
    assert [_about(_size(walk)) for walk in all_paths] == [_about(size) for size in expected]
    assert [*map(_size, paths.largest(most))] == [_size(walk) for walk in all_paths[:most]]
    whole = Size(ZERO)
    for size in expected:
        whole = plus(whole, size)
    if whole.kind == FINITE:
        assert ratio(whole, paths.whole) == pytest.approx(1.0)
    else:
        assert (whole.kind > FINITE) == (paths.whole.kind > FINITE)  # 0·inf + 1·inf is explanation as inf


@settings(max_examples=300, deadline=None)
@given(random_graphs(8), st.integers(0, 100))
def test_the_gradient_is_that_of_backward_and_the_products_add_up_to_it(root: Value, index: int) -> None:
    order = topological_order(root)
    wrt = order[index % len(order)]
    if Paths(root, wrt).count > 200:
        return
    explanation = explain(root, wrt, paths=200)
    assert repr(explanation)
    assert all(value.grad == 0.0 for value in order)
    root.backward()
    assert bits(explanation.gradient) == bits(wrt.grad)
    products = [path.product for path in explanation.paths]
    magnitude = sum(map(abs, products))
    if math.isfinite(magnitude):
        assert abs(sum(products) - explanation.gradient) <= 1e-9 * magnitude + 1e-300
    for path in explanation.paths:
        assert path.nodes[0] is root
        assert path.nodes[-1] is wrt
        for i, local in enumerate(path.locals):
            assert path.nodes[i].operands[path.positions[i]] is path.nodes[i + 1]
            derivative = local_derivatives(path.nodes[i])[path.positions[i]]
            assert bits(local) == bits(0.0 if derivative is None else derivative)


plain = st.integers(-3000, 3000).map(lambda n: n / 1000)  # a tiny factor would depend on the order of factors


@settings(max_examples=300, deadline=None)
@given(
    st.builds(graph_of, st.lists(plain, min_size=1, max_size=3), programs(8)),
    st.integers(0, 100),
    st.lists(st.tuples(places, plain), max_size=3),
)
def test_equations_hold_after_any_overwrite(
    root: Value, index: int, changes: list[tuple[int, float]]
) -> None:
    order = topological_order(root)
    wrt = order[index % len(order)]
    if Paths(root, wrt).count > 50:
        return
    before = explain(root, wrt, paths=50)
    for place, x in changes:
        order[place % len(order)].data = x
    explanation = explain(root, wrt, paths=50)
    assert bits(explanation.gradient) == bits(before.gradient)
    assert repr([path.locals for path in explanation.paths]) == repr([path.locals for path in before.paths])
    for line in explanation._lines:
        if not isinstance(line.content, str) and (
            line.indent or explanation.count == 1
        ):  # the last line is a sum of rounded numbers
            equation = text(line.content)
            first, *others = sides(equation) or [0.0]
            assert all(_alike(first, x) for x in others), equation


def _alike(x: float, y: float) -> bool:
    """Return True if two numbers agree, given factors of about four digits."""
    return math.isclose(x, y, rel_tol=0.03 * FACTORS) or (math.isnan(x) and math.isnan(y))


@pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda entry: entry.name)
def test_every_primitive_is_explained(entry) -> None:
    check_a_primitive_is_explained(entry)


def check_a_primitive_is_explained(entry) -> None:
    rest = iter([0.5, 0.25, 0.75, 1.5, 0.125, 2.0, 1.25])
    operands = shaped(entry, lambda: Value(next(rest)), 3)
    result = call(entry, operands)
    for i, operand in enumerate(flat(operands[:-1] if "index" in entry.operands else operands)):
        explanation = explain(result, operand)
        assert explanation.gradient == explanation.paths[0].product == (local_derivatives(result)[i] or 0.0)
        assert explanation._repr_mimebundle_()


def test_a_new_primitive_is_explained() -> None:
    rules = [
        lambda m, a, b: a * b * b,
        lambda m, out, a, b: b * b,
        lambda m, out, a, b: 2.0 * a * b,
    ]
    with temporary_primitive("zigzag", *rules, doc="a·b²") as entry:
        check_a_primitive_is_explained(entry)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.floats(), st.floats())
@example(5e-324, 5e-324)
@example(1.7e308, 1.7e308)
def test_sizes_multiply_and_add_as_numbers_do(x: float, y: float) -> None:
    product_, total_ = times(size_of(x), size_of(y)), plus(size_of(x), size_of(y))
    assert (product_.kind == NAN) == math.isnan(x * y)
    if math.isfinite(x * y) and abs(x * y) > 1e-300:
        assert ratio(product_, size_of(x * y)) == pytest.approx(1.0)
    if math.isfinite(abs(x) + abs(y)) and (x or y):
        assert ratio(total_, size_of(abs(x) + abs(y))) == pytest.approx(1.0)
    if not math.isnan(x) and not math.isnan(y):
        assert (size_of(x) < size_of(y)) == (abs(x) < abs(y))


@pytest.mark.parametrize(
    ("above", "below", "kind"),
    [
        (INFINITE, BLOCKED, BLOCKED),
        (NAN, BLOCKED, BLOCKED),
        (BLOCKED, INFINITE, BLOCKED),
        (BLOCKED, NAN, BLOCKED),
        (BLOCKED, FINITE, BLOCKED),
        (INFINITE, ZERO, NAN),
        (ZERO, FINITE, ZERO),
        (INFINITE, FINITE, INFINITE),
        (NAN, ZERO, NAN),
    ],
)
def test_nonfinite_sizes_multiply_like_floats(above: int, below: int, kind: int) -> None:
    sizes = {FINITE: ONE}
    assert times(sizes.get(above, Size(above)), sizes.get(below, Size(below))).kind == kind


def test_a_large_graph_is_explained_in_linear_work() -> None:
    def work(size: int) -> Callable[[], object]:
        y = a = Value(1.1)
        for _ in range(size):
            y = y + y * 0.5

        def explain_long_chain() -> None:
            explanation = explain(y, a)
            repr(explanation)
            assert explanation.count == 2**size

        return explain_long_chain

    assert is_linear(work, 250)


def test_the_numbers_substituted_give_the_result() -> None:
    x = Value(8.8, label="x")
    assert repr(explain(x.tanh(), x)).endswith("∂out/∂x = sech(x)² = sech(8.8)² = 9.088e−8")
    a, b = Value(1.000001, label="a"), Value(1.0, label="b")
    assert str(steps(a * 1.0 - b, forward=True)[1]).endswith("= 1.000001 − 1 = 1e−6")
    assert "v₁ = a − b = 1.000001 − 1 = 1e−6" in repr(explain((a - b) ** 2, a))
