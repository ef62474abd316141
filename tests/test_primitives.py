"""Every entry of the table, held to what the table promises: a new entry is tested as it stands."""

import copy
import math
import pickle
import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, check_grads, grad
from autograd.backward import backpropagate, cotangents
from autograd.operations import FUNCTIONS
from autograd.primitives import ADD, MUL, PRIMITIVES, Primitive, primitive

from .table import (
    SPECIAL,
    Operands,
    all_bits,
    as_leaves,
    bits,
    call,
    careful_cotangents,
    careful_value,
    flat,
    is_group,
    like,
    shaped,
    special_operands,
    temporary_primitive,
)

UPSTREAM = [1.0, -2.5, 0.0, math.inf, math.nan]


def check_run_gives_the_careful_answer(entry: Primitive) -> None:
    for operands in special_operands(entry):
        out = entry.run(*operands)
        assert type(out) is float
        assert bits(out) == bits(careful_value(entry, operands)), operands


def check_float_rules_give_the_careful_answer(entry: Primitive) -> None:
    for operands in special_operands(entry):
        node = call(entry, as_leaves(operands))
        for g in UPSTREAM if node.operands else ():
            ours = cotangents(node, g)
            assert all_bits(ours) == all_bits(careful_cotangents(entry, g, node.data, operands)), operands


def check_rules_on_values_give_the_float_answer(entry: Primitive) -> None:
    for operands in special_operands(entry):
        leaves = as_leaves(operands)
        node = call(entry, leaves)
        recorded = grad(node, flat(leaves), create_graph=True) if node.operands else []
        ours = [g.data for g in recorded]
        assert all_bits(ours) == all_bits(cotangents(node, 1.0)), operands


def check_rules_on_values_take_constants(entry: Primitive) -> None:
    for operands in special_operands(entry):
        numbers = flat(operands)
        for i in range(len(numbers)):
            leaf = Value(numbers[i])
            node = call(entry, like(operands, [*numbers[:i], leaf, *numbers[i + 1 :]]))
            (recorded,) = grad(node, leaf, create_graph=True)
            (plain,) = grad(node, leaf)
            assert bits(recorded.data) == bits(plain.data) == bits(cotangents(node, 1.0)[i]), operands


def check_backward_gives_the_cotangents(entry: Primitive) -> None:
    rng = random.Random(0)
    for operands in special_operands(entry):
        numbers = flat(operands)
        live = [rng.random() < 0.7 for _ in numbers]
        if not any(live):
            continue
        cells = [Value(x) if alive else x for x, alive in zip(numbers, live)]
        node = call(entry, like(operands, cells))
        for g in UPSTREAM:
            for cell in cells:
                if isinstance(cell, Value):
                    cell.grad = None
            node.backward(g)
            for cell, expected in zip(cells, cotangents(node, g), strict=True):
                if isinstance(cell, Value):
                    assert bits(cell._grad) == bits(expected), (operands, live, g)


def _is_smooth(f: Callable[..., float], point: list[float]) -> bool:
    """Whether third differences near the point are small: a jump in f, f' or f'' makes them large."""
    h = 0.005
    for i in range(len(point)):
        moved = [f(*point[:i], point[i] + k * h, *point[i + 1 :]) for k in range(-32, 33)]
        if not all(map(math.isfinite, moved)):
            return False
        bound = 0.2 * h * h * max(1.0, *map(abs, moved))
        for a, b, c, d in zip(moved, moved[1:], moved[2:], moved[3:]):
            if abs(d - 3 * c + 3 * b - a) > bound:
                return False
    return True


def check_finite_differences_agree(entry: Primitive) -> None:
    rng = random.Random(1)
    shape = shaped(entry, lambda: 0.0, 2)
    index = [shape.pop()] if entry.numbered else []  # it selects, and is not moved
    checked = 0
    for _ in range(60):
        point = [rng.uniform(-2.5, 2.5) for _ in flat(shape)]

        def run(*numbers: float) -> float:
            return entry.run(*like(shape, numbers), *index)

        def f(*values: Value) -> Value:
            return call(entry, [*like(shape, values), *index])

        if checked < 8 and _is_smooth(run, point):
            check_grads(f, point, order=2)
            checked += 1
    assert checked == 8, f"only {checked} smooth points were found"


def check_is_a_documented_function(entry: Primitive) -> None:
    function = FUNCTIONS[entry.name]
    assert function.__name__ == entry.name
    assert entry.doc.strip()
    assert entry.doc in (function.__doc__ or "")
    operands = shaped(entry, lambda: 0.75, 2)
    assert bits(function(*operands).data) == bits(entry.run(*operands))
    assert function(*operands).is_leaf
    assert call(entry, as_leaves(operands)).primitive is entry


def check_is_a_method_unless_an_operator_or_nary(entry: Primitive) -> None:
    assert hasattr(Value, entry.name) == (not entry.operator and not entry.nary)
    if not entry.operator and not entry.nary:
        operands = shaped(entry, lambda: 0.75, 2)
        node = getattr(Value(0.75), entry.name)(*operands[1:])
        assert node.primitive is entry
        assert bits(node.data) == bits(entry.run(*operands))
        assert entry.doc in (getattr(Value, entry.name).__doc__ or "")


def check_writing_a_leaf_does_not_mix_old_and_new(entry: Primitive) -> None:
    rng = random.Random(2)
    for _ in range(20):
        operands = shaped(entry, lambda: rng.uniform(0.1, 2.0), 3)
        leaves = as_leaves(operands)
        node = call(entry, leaves)
        expected = cotangents(node, 1.5)
        for leaf in flat(leaves):
            leaf.data = 100.0
        node.backward(1.5)
        assert all_bits([leaf.grad for leaf in flat(leaves)]) == all_bits(expected)
        assert bits(node.data) == bits(entry.run(*operands))


def check_create_graph_refuses_an_overwritten_operand(entry: Primitive) -> None:
    operands = shaped(entry, lambda: 0.75, 2)
    leaves = as_leaves(operands)
    node = call(entry, leaves)
    flat(leaves)[0].data = 0.25
    if entry is ADD:  # whose rule reads no operand
        assert grad(node, flat(leaves), create_graph=True)[0].data == 1.0
    else:
        with pytest.raises(RuntimeError, match=r"0\.75.*overwritten"):
            grad(node, flat(leaves), create_graph=True)


def check_rules_are_linear_in_the_cotangent(entry: Primitive) -> None:
    rng = random.Random(3)
    tied = [1.0, -1.0, 0.0, 0.0]
    for i in range(20):
        operands = shaped(entry, lambda i=i: tied[i] if i < len(tied) else rng.uniform(-2.0, 2.0), 2)
        node = call(entry, as_leaves(operands))
        for g in (2.0, 0.5):  # powers of two: to the last bit
            expected = [g * slope for slope in cotangents(node, 1.0)]
            assert all_bits(cotangents(node, g)) == all_bits(expected), operands


CHECKS = [
    check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_grads"
]

each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__.removeprefix("check_"))
each_entry = pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda e: e.name)


@each_check
@each_entry
def test_entry(entry: Primitive, check: Callable[[Primitive], None]) -> None:
    check(entry)


@each_entry
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_operands(entry: Primitive, data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 4))
    index = st.integers(-1, width).map(float) | st.floats()
    operands = shaped(entry, lambda: data.draw(st.floats()), width, lambda: data.draw(index))
    g = data.draw(st.floats())
    leaves = as_leaves(operands)
    node = call(entry, leaves)
    assert bits(node.data) == bits(careful_value(entry, operands))
    node.backward(g)
    expected = careful_cotangents(entry, g, node.data, operands)
    assert all_bits([leaf._grad for leaf in flat(leaves)]) == all_bits(expected)


# A new entry --------------------------------------------------------------------------------------

NEW_ENTRIES = {
    "cube": partial(
        temporary_primitive,
        "cube",
        lambda m, x: x * x * x,
        lambda m, g, out, x: g * (3.0 * (x * x)),
        doc="x to the third",
    ),
    "softsign": partial(
        temporary_primitive,
        "softsign",
        lambda m, x: x / (1.0 + m.abs(x)),
        lambda m, g, out, x: g / ((1.0 + m.abs(x)) * (1.0 + m.abs(x))),
        doc="x / (1 + |x|)",
    ),
    "power_gap": partial(
        temporary_primitive,
        "power_gap",
        lambda m, a, b: a**3.0 - m.exp(b),
        lambda m, g, out, a, b: g * (3.0 * a**2.0),
        lambda m, g, out, a, b: -(g * m.exp(b)),
        doc="a³ − exp(b)",
    ),
    "sum_of_squares": partial(
        temporary_primitive,
        "sum_of_squares",
        lambda m, values: m.sum(m.each(values, lambda x: x * x)),
        lambda m, g, out, x: g * (2.0 * x),
        operands=("values*",),
        template="{lanes}",
        lane="{values}²",
        doc="Σ x²",
    ),
}


@pytest.fixture(params=NEW_ENTRIES)
def new_entry(request: pytest.FixtureRequest) -> Iterator[Primitive]:
    with NEW_ENTRIES[request.param]() as entry:
        yield entry


@each_check
def test_a_new_entry_passes_every_check(new_entry: Primitive, check: Callable[[Primitive], None]) -> None:
    check(new_entry)


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="already has a primitive named 'exp'"):
        primitive("exp", lambda m, x: x, lambda m, g, out, x: g, doc="again")


def test_operands_and_rules_are_as_many() -> None:
    with pytest.raises(ValueError, match="2 operands but 1 rules"):
        Primitive("half", lambda m, a, b: a, lambda m, g, out, a, b: g, operands=("a", "b"), doc="")


def test_a_single_operand_before_a_group_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"broken has the operands a, b\*; give groups, and after them one single"
    ):
        Primitive("broken", lambda m, a, b: a, lambda *x: x, lambda *x: x, operands=("a", "b*"), doc="")


def test_several_groups_may_come_before_the_single_operand() -> None:
    names = ("a*", "b*", "c")
    entry = Primitive("three", lambda *x: x, lambda *x: x, lambda *x: x, lambda *x: x, operands=names, doc="")
    assert entry.nary
    names = ("a*", "b", "c*")
    with pytest.raises(ValueError, match="give groups, and after them one single"):
        Primitive("three", lambda *x: x, lambda *x: x, lambda *x: x, lambda *x: x, operands=names, doc="")


def test_what_has_no_template_is_printed_as_a_call() -> None:
    assert [PRIMITIVES[name].formula for name in ("exp", "pow", "dot")] == [
        "exp(x)", "a^b", "weights·inputs + … + bias",
    ]  # fmt: skip


def test_python_operators_enter_their_primitives() -> None:
    x = Value(-2.0)
    made = [x + x, x - x, x * x, x / x, -x, x**x, abs(x)]
    names = [node.primitive.name for node in made if node.primitive is not None]
    assert names == [entry.name for entry in PRIMITIVES.values() if entry.operator]


# Where a power is flat, and where it only looks so ------------------------------------------------


@pytest.mark.parametrize("base", [0.5, 3.0])
def test_the_slope_of_a_power_as_the_exponent_leaves_zero(base: float) -> None:
    a, b = Value(base), Value(0.0)
    (slope,) = grad(a**b, a, create_graph=True)
    assert slope.data == 0.0
    (bend,) = grad(slope, b, create_graph=True)  # ∂/∂b of b·a**(b − 1), which is 1/a at b = 0
    assert bend.data == pytest.approx(1.0 / base, rel=1e-15)
    (third,) = grad(bend, b)  # and 2·log(a)/a
    assert third.data == pytest.approx(2.0 * math.log(base) / base, rel=1e-15)


@pytest.mark.parametrize(("exponent", "slope"), [(2.0, 0.0), (0.0, 0.0), (-0.5, -math.inf)])
def test_zero_to_a_power_is_flat_unless_the_power_is_negative(exponent: float, slope: float) -> None:
    b = Value(exponent)
    (Value(0.0) ** b).backward()
    assert b.grad == slope


@pytest.mark.parametrize("x", [0.1, 0.3, 0.55, 0.7, 0.9])
def test_where_no_digit_is_lost_the_slope_is_the_textbook_form(x: float) -> None:
    # To the last bit, as in PyTorch; the form for the tails differs there by an ulp or two.
    tanh, sigmoid = Value(x).tanh(), Value(x).sigmoid()
    assert cotangents(tanh, 1.0) == [1.0 - tanh.data * tanh.data]
    assert cotangents(sigmoid, 1.0) == [sigmoid.data * (1.0 - sigmoid.data)]


def test_a_primitive_pickles_to_itself() -> None:
    for entry in PRIMITIVES.values():
        assert pickle.loads(pickle.dumps(entry)) is entry
        assert copy.deepcopy(entry) is entry
        assert repr(entry).startswith(f"<primitive {entry.name}: ")


# What is written out in the engine ----------------------------------------------------------------


@pytest.mark.parametrize("entry", [ADD, MUL], ids=lambda e: e.name)
def test_the_written_out_operations_agree_with_the_table(entry: Primitive) -> None:
    operator = {"add": Value.__add__, "mul": Value.__mul__}[entry.name]
    for x, y in special_operands(entry):
        expected = careful_value(entry, [x, y])
        a, b = Value(x), Value(y)
        for node in (operator(a, b), operator(a, y), FUNCTIONS[entry.name](x, b)):
            assert bits(node.data) == bits(expected)
            for g in UPSTREAM:
                a.grad = b.grad = None
                backpropagate(node, g)
                slopes = careful_cotangents(entry, g, expected, [x, y])
                for operand, leaf, slope in zip(node.operands, (a, b), slopes):
                    assert bits(leaf._grad) == bits(slope if isinstance(operand, Value) else -0.0)


# Masks select, they do not multiply ---------------------------------------------------------------


@pytest.mark.parametrize("g", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(("name", "x"), [("relu", -1.0), ("relu", 0.0), ("abs", 0.0)])
def test_no_gradient_passes_a_dead_mask(name: str, x: float, g: float) -> None:
    leaf = Value(x)
    FUNCTIONS[name](leaf).backward(g)
    assert leaf.grad == 0.0


@pytest.mark.parametrize(("name", "loser"), [("maximum", 0), ("minimum", 1)])
@pytest.mark.parametrize("g", [math.inf, math.nan])
def test_no_gradient_reaches_the_loser(name: str, loser: int, g: float) -> None:
    leaves = [Value(1.0), Value(2.0)]
    FUNCTIONS[name](*leaves).backward(g)
    assert leaves[loser].grad == 0.0
    assert bits(leaves[1 - loser]._grad) == bits(g)


# IEEE answers, written down by hand ---------------------------------------------------------------

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("exp", [1000.0], INF),
        ("exp", [-1000.0], 0.0),
        ("expm1", [1000.0], INF),
        ("expm1", [-0.0], -0.0),
        ("log", [0.0], -INF),
        ("log", [-0.0], -INF),
        ("log", [-1.0], NAN),
        ("log1p", [-1.0], -INF),
        ("log1p", [-2.0], NAN),
        ("sqrt", [-1.0], NAN),
        ("sqrt", [-0.0], -0.0),
        ("sin", [INF], NAN),
        ("cos", [-INF], NAN),
        ("div", [1.0, 0.0], INF),
        ("div", [1.0, -0.0], -INF),
        ("div", [0.0, 0.0], NAN),
        ("div", [NAN, 0.0], NAN),
        ("div", [1e308, 1e-308], INF),
        ("mul", [0.0, INF], NAN),
        ("neg", [0.0], -0.0),
        ("abs", [-0.0], 0.0),
        ("pow", [0.0, 0.0], 1.0),
        ("pow", [NAN, 0.0], 1.0),
        ("pow", [1.0, NAN], 1.0),
        ("pow", [0.0, -1.0], INF),
        ("pow", [-0.0, -1.0], -INF),
        ("pow", [-0.0, -2.0], INF),
        ("pow", [-8.0, 0.5], NAN),
        ("pow", [-8.0, 3.0], -512.0),
        ("pow", [-10.0, 1001.0], -INF),
        ("pow", [10.0, 1000.0], INF),
        ("relu", [NAN], NAN),
        ("relu", [-0.0], 0.0),
        ("relu", [-INF], 0.0),
        ("maximum", [1.0, NAN], NAN),
        ("maximum", [NAN, 1.0], NAN),
        ("minimum", [NAN, 1.0], NAN),
        ("sigmoid", [-1000.0], 0.0),
        ("sigmoid", [1000.0], 1.0),
        ("softplus", [1000.0], 1000.0),
        ("softplus", [-1000.0], 0.0),
        ("logsumexp", [[1000.0, 1000.0]], 1000.0 + math.log(2.0)),
        ("logsumexp", [[-INF, -INF]], -INF),
        ("logsumexp", [[INF, 1.0]], INF),
        ("logsumexp", [[]], -INF),
        ("sum", [[]], 0.0),
        ("dot", [[], [], 3.0], 3.0),
    ],
)
def test_nothing_raises_for_a_number(name: str, operands: Operands, expected: float) -> None:
    assert bits(FUNCTIONS[name](*operands).data) == bits(expected)
    if flat(operands):
        assert bits(call(PRIMITIVES[name], as_leaves(operands)).data) == bits(expected)


@pytest.mark.parametrize(
    ("name", "operands", "slopes"),
    [
        ("pow", [0.0, 0.0], [0.0, 0.0]),
        ("pow", [0.0, 2.0], [0.0, 0.0]),
        ("pow", [0.0, 1.0], [1.0, 0.0]),
        ("relu", [0.0], [0.0]),
        ("relu", [-0.0], [0.0]),
        ("abs", [0.0], [0.0]),
        ("maximum", [3.0, 3.0], [0.5, 0.5]),
        ("minimum", [3.0, 3.0], [0.5, 0.5]),
        ("maximum", [0.0, -0.0], [0.5, 0.5]),
        ("div", [1.0, 0.0], [INF, -INF]),
        ("div", [1e200, 1e200], [1e-200, -1e-200]),
        ("log", [0.0], [INF]),
        ("sqrt", [0.0], [INF]),
    ],
)
def test_subgradients_and_limits(name: str, operands: Operands, slopes: list[float]) -> None:
    node = call(PRIMITIVES[name], as_leaves(operands))
    assert all_bits([abs(s) if s == 0.0 else s for s in cotangents(node, 1.0)]) == all_bits(slopes)


def test_division_is_rounded_once() -> None:
    rng = random.Random(3)
    for _ in range(1000):
        a, b = rng.uniform(-10, 10), rng.uniform(-10, 10)
        assert bits((Value(a) / Value(b)).data) == bits(a / b)


def test_power_is_the_librarys() -> None:
    rng = random.Random(4)
    for _ in range(1000):
        a, b = rng.uniform(0.01, 50), rng.uniform(-50, 50)
        assert bits((Value(a) ** Value(b)).data) == bits(math.pow(a, b))


@pytest.mark.parametrize("width", [0, 1, 2, 3, 10, 100])
def test_sums_go_from_left_to_right(width: int) -> None:
    rng = random.Random(width)
    xs = [rng.uniform(-1.0, 1.0) * 10.0 ** rng.randrange(-8, 9) for _ in range(width)]
    ws = [rng.uniform(-1.0, 1.0) for _ in range(width)]
    total, weighted = 0.0, 0.25
    for w, x in zip(ws, xs):
        total += x
        weighted += w * x
    assert bits(FUNCTIONS["sum"](xs).data) == bits(total)
    assert bits(FUNCTIONS["dot"](ws, xs, 0.25).data) == bits(weighted)


def test_the_special_numbers_are_special() -> None:
    assert {bits(x) for x in (0.0, -0.0, INF, -INF, NAN)} <= set(all_bits(SPECIAL))
    assert any(is_group(operand) for entry in PRIMITIVES.values() for operand in entry.operands)


def test_a_lane_rule_may_use_a_part_twice() -> None:
    with temporary_primitive(
        "sum_of_squares",
        lambda m, values: m.sum(m.each(values, lambda x: x * x)),
        lambda m, g, out, x: (x + x) * (g * (x + x)) / (x + x),
        operands=("values*",),
        template="{lanes}",
        lane="{values}²",
        doc="the sum of the squares",
    ):
        leaves = [Value(2.0), Value(3.0)]
        FUNCTIONS["sum_of_squares"](leaves).backward()
        assert [x.grad for x in leaves] == [4.0, 6.0]
