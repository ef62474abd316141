"""Value as a Python object: construction, attributes, operators, copies, subclasses."""

import builtins
import copy
import inspect
import math
import operator
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, topological_order
from autograd.nodes import shown_gradient
from autograd.operations import FUNCTIONS

from .._support.table import bits

# Numbers of a Value -------------------------------------------------------------------------------

REAL_NUMBERS = [
    (3, 3.0),
    (True, 1.0),
    (2.5, 2.5),
    (-0.0, -0.0),
    (Fraction(1, 3), 1 / 3),
    (Decimal("0.1"), 0.1),
    (Decimal("NaN"), math.nan),
    (Decimal("sNaN"), math.nan),
    (Decimal("-Infinity"), -math.inf),
    (10**400, math.inf),
    (-(10**400), -math.inf),
    (Fraction(10**400, 3), math.inf),
    (np.float64(2.5), 2.5),
    (np.float32(0.1), float(np.float32(0.1))),
    (np.float16(1.5), 1.5),
    (np.longdouble(1.5), 1.5),
    (np.int8(-4), -4.0),
    (np.uint64(2**63), 2.0**63),
    (np.bool_(True), 1.0),
    (np.float64(math.nan), math.nan),
]
real_numbers = pytest.mark.parametrize(("x", "data"), REAL_NUMBERS, ids=lambda x: f"{type(x).__name__}")


@real_numbers
def test_real_number_becomes_a_float(x: Any, data: float) -> None:
    value = Value(x)
    assert type(value.data) is float
    assert bits(value.data) == bits(data)


@real_numbers
def test_data_and_grad_take_any_real_number(x: Any, data: float) -> None:
    value = Value(7.0)
    value.data = x
    value.grad = x
    assert type(value.data) is type(value.grad) is float
    assert bits(value.data) == bits(value.grad) == bits(data)


NO_NUMBERS = [
    ("1.5", "str '1.5'"),
    (b"1", "bytes b'1'"),
    (None, "NoneType None"),
    (1j, "complex 1j"),
    (np.complex128(1), "complex128"),
    ([1.0], r"list \[1.0\]"),
    ((1.0,), "tuple"),
    ({}, "dict"),
    (np.array([1.0, 2.0]), "ndarray"),
    (np.array([1.0]), "ndarray"),
    (np.array(1.0), "ndarray"),
    (np.datetime64(1, "s"), "datetime64"),
    (object(), "object"),
    (float, "type"),
]
no_numbers = pytest.mark.parametrize(("x", "description"), NO_NUMBERS, ids=lambda x: type(x).__name__)


@no_numbers
def test_value_of_other_objects_raises_type_error(x: Any, description: str) -> None:
    with pytest.raises(TypeError, match=rf"^Value\(\) expected a real number for data, got {description}"):
        Value(x)


@no_numbers
def test_assigning_other_objects_to_data_or_grad_raises_type_error(x: Any, description: str) -> None:
    value = Value(1.0)
    with pytest.raises(TypeError, match=rf"^Value\.data expected a real number, got {description}"):
        value.data = x
    if x is not None:
        with pytest.raises(TypeError, match=rf"^Value\.grad expected a real number, got {description}"):
            value.grad = x
    assert (value.data, value.grad) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("x", "remedy"),
    [
        ("1.5", r"Convert it first, for example with float\(\)\."),
        ([1.0, 2.0], r"Create one Value for each element\."),
        (np.array([1.0]), r"Create one Value for each element\."),
        (Value(2.0), r"got Value\(2\.0\)\. Use its \.item\(\), or \.detach\(\) for a new leaf"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_error_names_a_remedy(x: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        Value(x)
    with pytest.raises(TypeError, match=remedy):
        Value(1.0).data = x
    with pytest.raises(TypeError, match=remedy):
        Value(1.0).grad = x


def test_error_shortens_a_long_object() -> None:
    with pytest.raises(TypeError, match="…") as error:
        Value("x" * 10_000)
    assert len(str(error.value)) < 250


# Attributes ---------------------------------------------------------------------------------------


def test_new_value_is_a_leaf_with_a_gradient_of_zero() -> None:
    value = Value(2.0)
    assert value.is_leaf
    assert bits(value.grad) == bits(0.0)
    assert value.primitive is None
    assert value.operands == ()
    assert value.label == ""


def test_computed_value_has_a_gradient_of_zero_before_backward() -> None:
    a = Value(2.0)
    for node in (a + 1.0, a * a, a / 3.0, a.tanh(), autograd.dot([a], [a]), autograd.sum([a]), -a):
        assert bits(node.grad) == bits(0.0)


def test_grad_of_none_is_zero() -> None:
    value = Value(2.0)
    value.grad = 3
    value.grad = None
    assert bits(value.grad) == bits(0.0)
    value.grad = -0.0
    assert bits(value.grad) == bits(-0.0)  # as any number that was written
    value.zero_grad()
    assert bits(value.grad) == bits(0.0)


def test_grad_can_be_added_to() -> None:
    value = Value(2.0)
    value.grad += 1.5
    value.grad *= 2
    assert value.grad == 3.0
    (value * 4.0).backward()
    assert value.grad == 7.0


def test_attribute_that_does_not_exist_raises() -> None:
    with pytest.raises(AttributeError):
        Value(2.0).gard = 1.0
    with pytest.raises(AttributeError):
        Value(2.0).tahn()


@pytest.mark.parametrize("name", ["primitive", "operands", "is_leaf", "_prev", "_op", "note"])
def test_property_is_read_only(name: str) -> None:
    for value in (Value(1.0), Value(1.0) * 2.0):
        with pytest.raises(AttributeError):
            setattr(value, name, getattr(value, name))


def test_label_is_a_str() -> None:
    value = Value(2.0, label="w")
    assert value.label == "w"
    value.label = "v"
    assert value.label == "v"
    value.label = ""
    assert value.label == ""
    assert Value(2.0, "u").label == "u"
    with pytest.raises(TypeError, match=r"^Value\.label expected a str, got int 3\. Use str\(\) first\.$"):
        value.label = 3
    with pytest.raises(TypeError, match=r"^Value\.label expected a str, got NoneType None"):
        Value(1.0, label=None)


def test_computed_value_can_be_labeled() -> None:
    product = Value(2.0) * 3.0
    assert product.label == ""
    product.label = "p"
    assert repr(product) == "Value(6.0, label='p')"


def test_operands_are_values_and_float_constants_in_order() -> None:
    a, b = Value(2.0), Value(3.0)
    assert (a * b).operands == (a, b)
    assert (a - 4).operands == (a, 4.0)
    assert (4 - a).operands == (4.0, a)
    assert (4 + a).operands == (4.0, a)
    assert (4 * a).operands == (4.0, a)
    assert (a**2).operands == (a, 2.0)
    assert a.exp().operands == (a,)
    assert autograd.dot([a, 1.0], [2.0, b], b).operands == (a, 1.0, 2.0, b, b)
    assert autograd.sum([a, 7, b]).operands == (a, 7.0, b)
    assert type((a * 4).operands[1]) is float
    assert (a * b).primitive is autograd.primitives.MUL


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Value(2.0), "Value(2.0)"),
        (Value(-0.0), "Value(-0.0)"),
        (Value(math.nan), "Value(nan)"),
        (Value(2.0, label="w"), "Value(2.0, label='w')"),
        (Value(2.0, label="a\nb"), r"Value(2.0, label='a\nb')"),
        (Value(2.0) + 1.0, "Value(3.0)"),
    ],
)
def test_repr_is_one_short_line(value: Value, shown: str) -> None:
    assert repr(value) == str(value) == f"{value}" == shown


def test_repr_shows_a_gradient_that_is_not_zero() -> None:
    value = Value(2.0, label="w")
    value.grad = -20.0
    assert repr(value) == "Value(2.0, grad=-20.0, label='w')"
    value.grad = math.nan
    assert repr(value) == "Value(2.0, grad=nan, label='w')"
    value.grad = -0.0
    assert repr(value) == "Value(2.0, label='w')"


def test_repr_stays_short_with_a_long_label() -> None:
    text = repr(Value(2.0, label="long\n" * 2000))
    assert len(text) < 100
    assert "\n" not in text


def test_format_with_a_specification_formats_the_number() -> None:
    value = Value(2.0)
    value.grad = 1.0
    assert (f"{value:.3f}", f"{value:>6}", f"{value}") == ("2.000", "   2.0", "Value(2.0, grad=1.0)")


# Gradients in a picture ---------------------------------------------------------------------------


def test_shown_gradient_is_none_before_a_pass_has_visited_the_root() -> None:
    x = Value(3.0)
    y = x * 2.0
    root = y + 1.0
    assert [shown_gradient(v, root) for v in (x, y, root)] == [None, None, None]
    x.grad = 5.0  # of another graph, or the user's own
    assert shown_gradient(x, root) == 5.0
    (y * 1.0).backward()
    assert [shown_gradient(v, root) for v in (x, y, root)] == [7.0, None, None]


def test_shown_gradient_after_a_pass_is_the_gradient() -> None:
    x = Value(3.0)
    y = x * 0.0
    root = y + 1.0
    root.backward()
    assert [shown_gradient(v, root) for v in (x, y, root)] == [0.0, 1.0, 1.0]


def test_shown_gradient_behind_a_dead_relu_is_zero() -> None:
    x = Value(-1.0)
    behind = x * 3.0
    (behind * 5.0).backward()
    assert (behind.grad, x.grad) == (5.0, 15.0)
    root = behind.relu() + 1.0
    root.backward()
    assert behind.grad == 5.0  # the pass did not reach it
    assert shown_gradient(behind, root) == 0.0
    assert shown_gradient(behind.relu(), root) == 0.0
    assert shown_gradient(x, root) == 15.0  # of a leaf, the sum over all passes


def test_shown_gradient_of_a_root_that_is_a_leaf() -> None:
    x = Value(2.0)
    assert shown_gradient(x, x) is None
    x.backward()
    assert shown_gradient(x, x) == 1.0


# Names of other engines ---------------------------------------------------------------------------


def test_prev_is_the_set_of_operands_that_are_values() -> None:
    a, b = Value(2.0), Value(-3.0)
    assert a._prev == set()
    assert (a * b)._prev == {a, b}
    assert (a * a)._prev == {a}
    assert (a * 2.0)._prev == (2.0 - a)._prev == a.tanh()._prev == {a}
    assert autograd.dot([a, 1.0], [b, 2.0], 0.5)._prev == {a, b}


def test_op_is_the_operator_or_the_name() -> None:
    a = Value(2.0)
    nodes = [a, a + a, 1.0 - a, a * a, a / a, a**2, -a, a.tanh(), abs(a), autograd.dot([a], [a])]
    assert [v._op for v in nodes] == ["", "+", "-", "*", "/", "**", "neg", "tanh", "abs", "dot"]


def _trace(root: Any) -> tuple[set[Any], set[Any]]:
    """The function trace() of micrograd's notebook trace_graph.ipynb."""
    nodes, edges = set(), set()

    def build(v: Any) -> None:
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def test_trace_of_micrograd_runs_unchanged() -> None:
    x = Value(1.0)
    y = (x * 2 + 1).relu()
    nodes, edges = _trace(y)
    assert (len(nodes), len(edges)) == (4, 3)
    assert {f"{n.data:.4f} {n.grad:.4f} {n._op}" for n in nodes} == {
        "1.0000 0.0000 ", "2.0000 0.0000 *", "3.0000 0.0000 +", "3.0000 0.0000 relu",
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [((), "+"), ((Value(1.0),), "+"), ((Value(1.0),),), ({Value(1.0)},), ("w", ())]
)
def test_value_with_operands_raises_with_a_remedy(arguments: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r"^Value\(\) expected data and a label, got operands\. Write an operation: a \+ b\.$",
    ):
        Value(1.0, *arguments)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("_backward", r"autograd\.primitive\(\)"), ("value", r"Use \.data\."), ("gradient", r"Use \.grad\.")],
)
def test_name_of_another_engine_raises_with_a_remedy(name: str, remedy: str) -> None:
    for value in (Value(1.0), Value(1.0) * 2.0):
        with pytest.raises(AttributeError, match=rf"^Value has no attribute '{name}'\. .*{remedy}"):
            getattr(value, name)
        with pytest.raises(AttributeError, match=rf"^Value has no attribute '{name}'\. .*{remedy}"):
            setattr(value, name, lambda: None)
        assert not hasattr(value, name)


# Identity and order -------------------------------------------------------------------------------


def test_equality_and_hash_compare_identity() -> None:
    a, b = Value(2.0), Value(2.0)
    assert a == a
    assert a != b
    assert a != 2.0
    assert len({a, b, a}) == 2
    assert [b, a].index(a) == 1


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("x", [-1.0, 0.0, 2.0, math.inf, math.nan])
@pytest.mark.parametrize("y", [-1.0, 0.0, 2.0, math.inf, math.nan])
def test_comparison_compares_numbers(compare: Callable[..., bool], x: float, y: float) -> None:
    expected = compare(x, y)
    assert compare(Value(x), Value(y)) is expected
    assert compare(Value(x), y) is expected
    assert compare(x, Value(y)) is expected


def test_comparison_accepts_real_numbers_only() -> None:
    assert Value(1.0) < Fraction(3, 2) < Value(2.0)
    assert Value(1.0) < 10**400
    assert max([Value(1.0), Value(3.0), Value(2.0)], default=Value(0.0)).data == 3.0
    with pytest.raises(TypeError):
        operator.lt(Value(1.0), "2")
    with pytest.raises(TypeError):
        operator.ge(None, Value(1.0))


@pytest.mark.parametrize("x", [0.0, -0.0, 1.0, -2.0, math.nan, math.inf])
def test_bool_is_that_of_the_number(x: float) -> None:
    assert bool(Value(x)) is bool(x)


def test_item_is_the_number() -> None:
    value = Value(2.0) * 1.5
    assert type(value.item()) is float
    assert value.item() == value.data == 3.0


def test_detach_returns_a_new_leaf() -> None:
    value = Value(2.0, label="w") * 3.0
    value.grad = 1.0
    detached = value.detach()
    assert detached is not value
    assert (detached.data, detached.is_leaf, detached.grad, detached.label) == (6.0, True, 0.0, "")
    detached.data = 1.0
    assert value.data == 6.0


# Operators ----------------------------------------------------------------------------------------

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
NUMBERS: list[Any] = [3, True, 2.5, -0.0, Fraction(1, 3), Decimal("0.1"), 10**400, math.inf, math.nan, 0]


@pytest.mark.parametrize("apply", ARITHMETIC, ids=lambda f: f.__name__)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda x: f"{type(x).__name__}-{str(x)[:6]}")
@pytest.mark.parametrize("x", [2.0, -1.5, 0.0])
def test_number_on_either_side_is_like_a_value(apply: Callable[..., Any], number: Any, x: float) -> None:
    constant = Value(number)
    for mixed, left, right in (
        (lambda v: apply(v, number), Value(x), constant),
        (lambda v: apply(number, v), constant, Value(x)),
    ):
        leaf = Value(x)
        actual, expected = mixed(leaf), apply(left, right)
        assert isinstance(actual, Value)
        assert bits(actual.data) == bits(expected.data)
        actual.backward()
        expected.backward()
        assert bits(leaf.grad) == bits((right if left is constant else left).grad)
        constant.zero_grad()


def test_signs() -> None:
    value = Value(2.0)
    assert bits((-Value(0.0)).data) == bits(-0.0)
    assert abs(Value(-2.0)).data == 2.0
    assert +value is value


def test_augmented_assignment_rebinds_the_name() -> None:
    leaf = x = Value(1.0)
    x += 1
    x *= 3
    x -= 1
    x /= 2
    x **= 2
    assert (leaf.data, leaf.is_leaf) == (1.0, True)
    assert x.data == 6.25
    x.backward()
    assert leaf.grad == 2 * 2.5 * 1.5


class Guest:
    """A class of another library that can compute with a Value."""

    def _answer(self, other: object) -> str:
        return f"asked with {type(other).__name__}"

    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = _answer
    __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = _answer
    __lt__ = __le__ = __gt__ = __ge__ = _answer


@pytest.mark.parametrize("apply", [*ARITHMETIC, operator.lt, operator.le, operator.gt, operator.ge])
def test_unknown_operand_computes_the_reflected_operation(apply: Callable[..., Any]) -> None:
    assert apply(Value(1.0), Guest()) == "asked with Value"
    assert apply(Guest(), Value(1.0)) == "asked with Value"


@pytest.mark.parametrize("apply", ARITHMETIC, ids=lambda f: f.__name__)
@pytest.mark.parametrize("stranger", ["1", None, 1j, [1.0], object()], ids=lambda x: type(x).__name__)
def test_operand_of_another_type_raises_type_error(apply: Callable[..., Any], stranger: object) -> None:
    with pytest.raises(TypeError):
        apply(Value(1.0), stranger)
    with pytest.raises(TypeError):
        apply(stranger, Value(1.0))


def test_builtin_sum_adds_values() -> None:
    a, b = Value(1.0), Value(2.0)
    total = builtins.sum([a, b, a])
    total.backward()
    assert (total.data, a.grad, b.grad) == (4.0, 2.0, 1.0)


# Functions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exp", "maximum", "minimum"])
@pytest.mark.parametrize(("stranger", "named"), [("1", "str '1'"), (None, "NoneType None"), ([1.0], "list")])
def test_function_of_another_object_names_the_argument(name: str, stranger: object, named: str) -> None:
    operands = [stranger] if name == "exp" else [Value(1.0), stranger]
    argument = "x" if name == "exp" else "b"
    with pytest.raises(TypeError, match=rf"^{name}\(\) expected a real number for {argument}, got {named}"):
        FUNCTIONS[name](*operands)


@pytest.mark.parametrize("stranger", ["1", None, [1.0]], ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_method_of_another_object_names_the_argument(name: str, stranger: object) -> None:
    with pytest.raises(
        TypeError, match=rf"^{name}\(\) expected a real number for b, got {type(stranger).__name__}"
    ):
        getattr(Value(1.0), name)(stranger)


@pytest.mark.parametrize("kind", [list, tuple, iter, np.array, lambda xs: (x for x in xs)])
def test_group_may_be_any_sequence(kind: Callable[..., Any]) -> None:
    assert autograd.sum(kind([1.0, 2.5, 4.0])).data == 7.5
    assert autograd.dot(kind([1.0, 2.0]), kind([3.0, 4.0]), 0.5).data == 11.5
    a, b = Value(2.0), Value(3.0)
    total = autograd.sum(kind([a, 1.0, b, 2]))
    total.backward()
    assert (total.data, a.grad, b.grad, total.operands) == (8.0, 1.0, 1.0, (a, 1.0, b, 2.0))


@pytest.mark.parametrize(
    "group",
    [Value(1.0), 1.0, None, "12", {1.0, 2.5}, frozenset({1.0}), {1.0: 2.0}, {1.0: 2.0}.keys()],
    ids=lambda x: type(x).__name__,
)
def test_group_that_is_not_a_sequence_raises_type_error(group: Any) -> None:
    for call, name, argument in (
        (lambda: autograd.sum(group), "sum", "values"),
        (lambda: autograd.dot([1.0], group), "dot", "inputs"),
        (lambda: autograd.dot(group, [1.0]), "dot", "weights"),
        (lambda: autograd.logsumexp(group), "logsumexp", "values"),
        (lambda: autograd.softmax(group), "softmax", "values"),
        (lambda: autograd.take(group, 0), "take", "values"),
        (lambda: autograd.group(group), "group", "operands"),
    ):
        expected = rf"^{name}\(\) expected a sequence of Values or numbers for {argument}, got "
        with pytest.raises(
            TypeError, match=rf"{expected}{type(group).__name__}[ (].*\. Put it into a list\.$"
        ):
            call()


@pytest.mark.parametrize("stranger", ["1", None, [1.0], np.array([1.0])], ids=lambda x: type(x).__name__)
def test_wrong_element_of_a_group_raises_with_its_index(stranger: Any) -> None:
    kind = type(stranger).__name__
    with pytest.raises(TypeError, match=rf"^sum\(\) expected a real number for values\[1\], got {kind}"):
        autograd.sum([Value(1.0), stranger])
    for operands, argument in (
        (([Value(1.0)], [2.0], stranger), "bias"),
        (([Value(1.0)] * 2, [2.0, stranger]), r"inputs\[1\]"),
        (([stranger], [Value(1.0)]), r"weights\[0\]"),
    ):
        with pytest.raises(TypeError, match=rf"^dot\(\) expected a real number for {argument}, got {kind}"):
            autograd.dot(*operands)


def test_groups_of_different_lengths_raise() -> None:
    for weights, inputs in (
        ([1.0, 2.0], [1.0, 2.0, 3.0]),
        ([Value(1.0)] * 2, autograd.group([1.0, 2.0, 3.0])),
    ):
        with pytest.raises(
            ValueError, match=r"^dot\(\) expected weights and inputs of the same length, got 2 and 3\. Pass"
        ):
            autograd.dot(weights, inputs)


def test_function_of_many_with_too_few_operands_raises() -> None:
    with pytest.raises(TypeError):
        FUNCTIONS["take"]([1.0])
    with pytest.raises(TypeError):
        autograd.sum()


@pytest.mark.parametrize("inputs", [(3.0, 4.0), (3, 4), (Value(3.0), Value(4.0)), (Value(3.0), 4), ()])
@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_group_shared_by_calls_is_like_a_list(inputs: tuple[Any, ...], kind: Callable[..., Any]) -> None:
    weights = [Value(2.0), Value(-1.0)][: len(inputs)]
    leaves = [v for v in (*weights, *inputs) if isinstance(v, Value)]
    shared = autograd.group(kind(inputs))
    one, other = autograd.dot(weights, shared, 0.5), autograd.dot(weights, [*inputs], 0.5)
    assert (one.data, one.operands) == (other.data, other.operands)
    gradients = []
    for output in (one, other):
        for leaf in leaves:
            leaf.zero_grad()
        output.backward()
        gradients.append([leaf.grad for leaf in leaves])
    assert gradients[0] == gradients[1]
    assert one.is_leaf is not bool(inputs)


def test_group_is_a_tuple_of_its_operands() -> None:
    x = Value(3.0)
    shared = autograd.group([x, 2])
    assert shared == (x, 2)
    assert autograd.group(shared) is shared
    assert [p.data for p in autograd.softmax(shared)] == [p.data for p in autograd.softmax([x, 2])]


def test_list_argument_is_not_stored() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    group: list[Any] = [a, b]
    total, product = autograd.sum(group), autograd.dot(group, group)
    group[0] = c
    total.backward()
    product.backward()
    assert (a.grad, b.grad, c.grad) == (3.0, 5.0, 0.0)


# Copying ------------------------------------------------------------------------------------------


def _pickled(protocol: int) -> Callable[[Any], Any]:
    return lambda x: pickle.loads(pickle.dumps(x, protocol))


COPIES: dict[str, Callable[[Any], Any]] = {"copy": copy.copy, "deepcopy": copy.deepcopy}
COPIES |= {f"pickle-{n}": _pickled(n) for n in range(pickle.HIGHEST_PROTOCOL + 1)}
copies = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


@copies
@pytest.mark.parametrize("grad", [0.0, -0.0, -20.0, math.nan])
@pytest.mark.parametrize("label", ["", "w"])
def test_copy_of_a_leaf_keeps_data_grad_and_label(
    copied: Callable[[Any], Any], grad: float, label: str
) -> None:
    leaf = Value(0.1, label=label)
    leaf.grad = grad
    duplicate = copied(leaf)
    assert duplicate is not leaf
    assert duplicate.is_leaf
    assert (duplicate.data, duplicate.label, bits(duplicate.grad)) == (0.1, label, bits(grad))
    (duplicate * 2.0).backward()
    assert bits(leaf.grad) == bits(grad)
    assert bits(duplicate.grad) == bits(grad + 2.0)


@copies
def test_label_of_a_copy_is_independent(copied: Callable[[Any], Any]) -> None:
    leaf = Value(0.1, label="w")
    duplicate = copied(leaf)
    duplicate.label = "duplicate"
    assert (leaf.label, duplicate.label) == ("w", "duplicate")
    leaf.label = ""
    assert duplicate.label == "duplicate"
    named_later = copied(Value(0.1))
    named_later.label = "later"
    assert named_later.label == "later"


@pytest.mark.parametrize("copied", [f for name, f in COPIES.items() if name != "copy"])
def test_copy_of_a_container_keeps_its_sharing(copied: Callable[[Any], Any]) -> None:
    w = Value(1.0, label="w")
    model = {"layers": [w, w, (Value(2.0),)], "set": {w}}
    duplicate = copied(model)
    first, second, (third,) = duplicate["layers"]
    assert first is second
    assert first is not w
    assert duplicate["set"] == {first}
    assert third.data == 2.0


A_LEAF = Value(2.0)
COMPUTED = [A_LEAF * 3.0, 3.0 - A_LEAF, A_LEAF.tanh(), autograd.dot([A_LEAF], [2.0]), autograd.sum([A_LEAF])]


@copies
@pytest.mark.parametrize("value", COMPUTED, ids=lambda x: x.primitive.name)
def test_copy_of_a_computed_value_raises_with_a_remedy(copied: Callable[[Any], Any], value: Value) -> None:
    message = (
        r"^Only a leaf can be copied or pickled, got Value\(.*, which \w+ computed\. Copy its \.detach\(\)"
    )
    with pytest.raises(TypeError, match=message):
        copied(value)


@copies
def test_copy_of_a_deep_graph_raises_at_once(copied: Callable[[Any], Any]) -> None:
    x = Value(1.0)
    for _ in range(10**5):
        x = x * 1.0
    with pytest.raises(TypeError, match="Only a leaf can be copied"):
        copied(x)
    if copied is not copy.copy:
        with pytest.raises(TypeError, match="Only a leaf can be copied"):
            copied([x])


@copies
def test_copy_of_a_leaf_does_not_include_its_graph(copied: Callable[[Any], Any]) -> None:
    leaf = Value(2.0)
    output = leaf * 3.0
    output.backward()
    duplicate = copied(leaf)
    assert topological_order(duplicate) == [duplicate]
    assert duplicate.grad == 3.0


# Subclasses ---------------------------------------------------------------------------------------


class Named(Value):
    def __init__(self, name: str, *, data: float = 0.0) -> None:
        super().__init__(data, label=name)
        self.name = name


class Plain(Value):
    pass


def test_subclass_may_have_an_init_of_its_own() -> None:
    x = Named("x", data=3.0)
    assert (x.data, x.label, x.name, x.grad, x.is_leaf) == (3.0, "x", "x", 0.0, True)
    (x * x).backward()
    assert x.grad == 6.0
    assert type(x * 2.0) is Value
    assert Plain(2.0, label="p").label == "p"
    assert repr(Plain(2.0)) == "Plain(2.0)"


@pytest.mark.parametrize("kind", [Value, Plain])
def test_signature_is_data_and_label(kind: Any) -> None:
    assert [*inspect.signature(kind).parameters][:2] == ["data", "label"]
    with pytest.raises(TypeError, match=r"Value.__init__\(\) missing 1 required positional argument: 'data'"):
        kind()
    with pytest.raises(TypeError, match="unexpected keyword argument 'name'"):
        kind(1.0, name="w")


class Mixed:
    def __init__(self, name: str = "") -> None:
        raise AssertionError("the base beside Value is initialized only if it is called")


class Both(Value, Mixed):
    pass


class Old(Value):
    def __init__(self, data: float) -> None:
        Value.__init__(self, data, "old")


def test_init_of_value_is_that_of_its_subclasses() -> None:
    assert (Both(2.0) + 1.0).data == 3.0
    assert Old(2.0).label == "old"


class Slotted(Value):
    __slots__ = ("tag",)


@copies
@pytest.mark.parametrize("kind", [Plain, Slotted])
@pytest.mark.parametrize("label", ["", "x"])
def test_copy_keeps_attributes_of_a_subclass(kind: Any, copied: Callable[[Any], Any], label: str) -> None:
    x = kind(2.0, label=label)
    x.grad, x.tag = 3.0, [1, 2]
    y = copied(x)
    assert (type(y), y.data, y.grad, y.label, y.tag) == (kind, 2.0, 3.0, label, [1, 2])
    assert (y.tag is x.tag) is (copied is copy.copy)


def test_method_of_a_subclass_replaces_that_of_value() -> None:
    class Doubling(Value):
        def tanh(self) -> Value:
            return self * 2.0

    assert Doubling(3.0).tanh().data == 6.0
    assert autograd.tanh(Doubling(3.0)).data == math.tanh(3.0)
