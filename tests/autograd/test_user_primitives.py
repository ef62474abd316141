"""primitive(): operations of the user, with all features of the built-in ones."""

import copy
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

import autograd
from autograd import Value, check_grads, grad, no_grad, primitive, user_primitives
from autograd.floats import FLOATS, IEEE
from autograd.nodes import local_derivatives
from autograd.operations import FUNCTIONS, VALUES
from autograd.primitives import PRIMITIVES


def add_cube(factor: float = 1.0) -> Callable[..., Value]:
    return primitive("cube", lambda m, x: factor * x * x * x, lambda m, out, x: 3.0 * factor * (x * x))


def add_mix() -> Callable[..., Value]:
    """a·b³, whose rules use another own primitive."""
    add_cube()
    return primitive(
        "mix",
        lambda m, a, b: a * m.cube(b),
        lambda m, out, a, b: m.cube(b),
        lambda m, out, a, b: a * (3.0 * (b * b)),
        doc="a·b³",
    )


def add_blend() -> Callable[..., Value]:
    return primitive(
        "blend",
        lambda m, a, b, t: a + t * (b - a),
        lambda m, out, a, b, t: 1.0 - t,
        lambda m, out, a, b, t: t,
        lambda m, out, a, b, t: b - a,
        operands="a b t",
    )


def add_norm() -> Callable[..., Value]:
    """√(scale · Σ x²)."""
    return primitive(
        "norm",
        lambda m, values, scale: m.sqrt(scale * m.dot(values, values, 0.0)),
        lambda m, out, values, scale: m.each(values, lambda x: scale * x / out),
        lambda m, out, values, scale: 0.5 * m.dot(values, values, 0.0) / out,
        operands="values* scale",
        template="√({scale}·({values}² + …))",
    )


# Of one, two, three operands, and of groups -------------------------------------------------------


def test_own_primitive_of_one_operand_is_a_function_and_a_method() -> None:
    cube = add_cube()
    x = Value(2.0)
    y = x.cube()
    y.backward()
    assert (y.data, x.grad, y.primitive, y._op) == (8.0, 12.0, PRIMITIVES["cube"], "cube")
    assert cube(3).data == autograd.cube(x).data + 19.0 == 27.0
    assert cube(x).operands == (x,)
    assert cube(3.0).is_leaf
    assert cube.__name__ == Value.cube.__name__ == "cube"


def test_own_primitive_of_two_operands_takes_constants_on_either_side() -> None:
    mix = add_mix()
    a, b = Value(2.0), Value(3.0)
    a.mix(b).backward()
    assert (a.grad, b.grad) == (27.0, 54.0)
    assert [x.data for x in (mix(1, 2), mix(a, 1), mix(1, b), a.mix(2.0))] == [8.0, 2.0, 27.0, 16.0]
    assert mix(1.0, b).operands == (1.0, b)
    with pytest.raises(TypeError, match=r"^mix\(\) expected a real number for b, got str 'x'"):
        mix(a, "x")


def test_own_primitive_of_three_operands_is_a_function_and_a_method() -> None:
    blend = add_blend()
    a, b, t = Value(2.0), Value(10.0), Value(0.25)
    y = blend(a, b, t)
    y.backward()
    assert (y.data, y.operands, [v.grad for v in (a, b, t)]) == (4.0, (a, b, t), [0.75, 0.25, 8.0])
    assert local_derivatives(blend(a, 10.0, t)) == [0.75, None, 8.0]
    assert blend(2, 10, 1).data == a.blend(b, 1.0).data == 10.0
    with pytest.raises(TypeError, match=r"^blend\(\) expected a, b, t, got 2 operands"):
        blend(a, b)


def test_own_primitive_of_a_group_takes_any_sequence_and_is_not_a_method() -> None:
    norm = add_norm()
    assert not hasattr(Value, "norm")
    x, y, scale = Value(3.0), Value(4.0), Value(4.0)
    out = norm([x, y], scale)
    out.backward()
    assert (out.data, x.grad, y.grad, scale.grad) == (10.0, 1.2, 1.6, 1.25)
    assert norm((v for v in (x, 4)), 1.0).data == 5.0
    assert PRIMITIVES["norm"].formula == "√(scale·(values² + …))"
    with pytest.raises(
        TypeError, match=r"^norm\(\) expected a sequence of Values or numbers for values, got float 3\.0"
    ):
        norm(3.0, 1.0)


def test_own_primitive_with_a_single_operand_before_the_group() -> None:
    primitive(
        "scaled",
        lambda m, scale, values: scale * m.sum(values),
        lambda m, out, scale, values: m.sum(values),
        lambda m, out, scale, values: m.each(values, lambda x: scale),
        operands="scale values*",
    )
    s, x = Value(2.0), Value(5.0)
    y = autograd.scaled(s, [x, 1.0, x])
    y.backward()
    assert (y.data, s.grad, x.grad) == (22.0, 11.0, 4.0)
    (first,) = grad(autograd.scaled(s, [x, 1.0, x]), s, create_graph=True)
    assert grad(first, x)[0].data == 2.0


@pytest.mark.parametrize(
    ("add", "f", "at"),
    [
        (add_cube, lambda x: x.cube().sin(), [0.7]),
        (add_mix, lambda a, b: a.mix(b) * b, [0.7, -1.2]),
        (add_blend, lambda a, b, t: autograd.blend(a, b, t) ** 2, [0.7, -1.2, 0.3]),
        (add_norm, lambda a, b, s: autograd.norm([a, b, 2.0], s), [0.7, -1.2, 0.9]),
    ],
)
def test_own_primitive_can_be_differentiated_three_times(add: Any, f: Callable[..., Value], at: Any) -> None:
    add()
    check_grads(f, at, order=3, tolerance=1e-5)


def test_own_primitive_computes_leaves_inside_no_grad() -> None:
    add_cube(), add_blend()
    x = Value(2.0)
    with no_grad():
        assert x.cube().is_leaf
        assert autograd.blend(x, x, x).is_leaf


def test_own_primitive_may_leave_an_operand_out() -> None:
    primitive("hold", lambda m, x: m.where(x < 0.0, 0.0, 1.0), lambda m, out, x: None)
    x = Value(2.0)
    y = x.hold()
    y.backward(math.inf)
    assert (y.data, y.is_leaf, x.grad) == (1.0, False, 0.0)


def test_own_primitive_returns_the_ieee_result() -> None:
    inverse = primitive("inverse", lambda m, x: 1.0 / x, lambda m, out, x: -out / x)
    x = Value(0.0)
    y = x.inverse()
    y.backward()
    assert (y.data, x.grad, inverse(0.0).data) == (math.inf, -math.inf, math.inf)
    grad(grad(x.inverse(), x, create_graph=True)[0], x)


def test_own_primitive_may_divide_by_a_constant_that_where_selects() -> None:
    primitive(
        "inverse_relu",
        lambda m, x: 1.0 / m.where(x > 0.0, x, 0.0),
        lambda m, out, x: m.where(x > 0.0, -out / x, 1.0 / m.where(x > 0.0, x, 0.0)),
    )
    x = Value(-1.0)
    assert x.inverse_relu().data == math.inf
    assert grad(x.inverse_relu(), x, create_graph=True)[0].data == math.inf


def test_own_primitive_that_returns_an_int_has_a_float_as_data() -> None:
    primitive("step", lambda m, x: m.where(x < 0.0, 0, 1), lambda m, out, x: None)
    assert type(Value(1.0).step().data) is type(autograd.step(-1.0).data) is float


@pytest.mark.parametrize("name", ["floor", "gamma", "cbrt", "dist", "erfinv"])
def test_own_primitive_named_like_a_function_of_math_uses_its_own_rule(name: str) -> None:
    function = primitive(name, lambda m, x: 2.0 * x, lambda m, out, x: 2.0)
    x = Value(3.5)
    y = getattr(x, name)()
    y.backward()
    assert (y.data, x.grad, function(3.5).data, function(x).data) == (7.0, 2.0, 7.0, 7.0)


def test_own_primitive_is_used_by_later_rules() -> None:
    add_mix()
    assert {FLOATS.cube(2.0), float(IEEE.cube(2.0)), VALUES.cube(2.0)} == {8.0}
    assert VALUES.cube(Value(2.0)).primitive is PRIMITIVES["cube"]


# Redefinition -------------------------------------------------------------------------------------


def test_running_the_cell_again_replaces_the_primitive_and_old_nodes_keep_their_rules() -> None:
    add_cube(5.0)
    x = Value(2.0)
    old = x.cube()
    cube = add_cube(1.0)
    new = x.cube()
    assert (old.data, new.data, cube(2).data, autograd.cube(2).data) == (40.0, 8.0, 8.0, 8.0)
    assert [grad(y, x)[0].data for y in (old, new)] == [60.0, 12.0]
    assert [grad(y, x, create_graph=True)[0].data for y in (old, new)] == [60.0, 12.0]
    assert old.primitive is not new.primitive


def test_primitive_may_be_replaced_by_one_of_other_operands() -> None:
    add_cube()
    primitive(
        "cube",
        lambda m, a, b: a * b,
        lambda m, out, a, b: b,
        lambda m, out, a, b: a,
    )
    assert Value(2.0).cube(3.0).data == autograd.cube(2, 3).data == 6.0
    primitive("cube", lambda m, xs: m.sum(xs), lambda m, out, xs: m.each(xs, lambda x: 1.0), operands="xs*")
    assert autograd.cube([1.0, 2.0]).data == 3.0
    assert not hasattr(Value, "cube")  # the method of the old one is gone


def test_replacing_a_primitive_by_a_wrong_one_keeps_the_old_one() -> None:
    add_cube()
    before = PRIMITIVES["cube"]
    with pytest.raises(TypeError):
        primitive("cube", lambda m, x: x, lambda m, x: 1.0)
    with pytest.raises(ValueError, match="one derivative for each"):
        primitive("cube", lambda m, x: x, *[lambda m, out, x: 1.0] * 3)
    assert PRIMITIVES["cube"] is before
    assert Value(2.0).cube().data == autograd.cube(2.0).data == 8.0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_own_primitive_pickles_to_the_entry_of_that_name(copied: Callable[[Any], Any]) -> None:
    add_cube()
    assert copied(PRIMITIVES["cube"]) is PRIMITIVES["cube"]


# Invalid arguments --------------------------------------------------------------------------------


def check_raises(error: Any, match: str, name: Any, *rules: Any, **more: Any) -> None:
    """Check that primitive() raises that error and changes nothing."""
    tables = PRIMITIVES, FUNCTIONS, user_primitives.added, vars(VALUES)
    before, attributes = [dict(table) for table in tables], [*vars(Value).items(), *vars(FLOATS).items()]
    with pytest.raises(error, match=match):
        primitive(name, *rules or (lambda m, x: x, lambda m, out, x: 1.0), **more)
    assert [dict(table) for table in tables] == before
    assert [*vars(Value).items(), *vars(FLOATS).items()] == attributes


TAKEN = [
    *("exp", "add", "mul", "dot", "sum", "take"),  # built-in primitives
    *("data", "grad", "label", "backward", "a", "many", "mark", "item"),  # of Value
    *("where", "eq", "each", "positions", "largest", "lt", "le"),  # the functions of m
    *("softmax", "group", "no_grad", "Value", "draw", "compile", "primitive"),  # public names
]


@pytest.mark.parametrize("name", TAKEN)
def test_name_that_is_taken_raises(name: str) -> None:
    message = rf"^primitive\(\) expected a new name, got '{name}', which is taken\. Choose another"
    check_raises(ValueError, message, name)


@pytest.mark.parametrize(
    "name", ["", "two words", "2nd", "soft-sign", "lambda", "None", "_x", "__x__", 3, None]
)
def test_name_that_is_not_an_identifier_raises(name: Any) -> None:
    message = r"^primitive\(\) expected an identifier for name, got .* Use a name such as 'softsign'"
    check_raises((ValueError, TypeError), message, name)


@pytest.mark.parametrize("count", [0, 3])
def test_wrong_number_of_derivatives_raises(count: int) -> None:
    rules = [lambda m, a, b: a * b, *[lambda m, out, a, b: b] * count]
    check_raises(
        ValueError, r"^twice\(\) expected one derivative for each of the operands a, b, ", "twice", *rules
    )
    check_raises(ValueError, "for each of the operands a, b, ", "twice", *rules, operands="a b")


def test_wrong_number_of_operands_raises() -> None:
    check_raises(TypeError, "argument", "twice", lambda m, x, y: x, lambda m, out, x: 1.0)
    check_raises(TypeError, "argument", "twice", lambda m, x: x, lambda m, x: 1.0)


@pytest.mark.parametrize(
    ("rules", "options", "expected"),
    [
        (("x", lambda m, out, x: 1.0), {}, "a function for value, got str 'x'. Pass a function of m"),
        ((lambda m, x: x, 1.0), {}, "a function for derivatives[0], got float 1.0. Pass a function of m"),
        ((), {"doc": None}, "a str for doc, got NoneType None. Leave it out for the default."),
        ((), {"operands": ["x"]}, "a str for operands, got list ['x']. Leave it out for the default."),
        ((), {"template": 1}, "a str for template, got int 1. Leave it out for the default."),
    ],
    ids=["value", "derivative", "doc", "operands", "template"],
)
def test_argument_of_primitive_of_wrong_type_raises_type_error(
    rules: tuple[Any, ...], options: dict[str, Any], expected: str
) -> None:
    check_raises(TypeError, rf"^primitive\(\) expected {re.escape(expected)}", "twice", *rules, **options)


def test_rule_with_an_unknown_function_of_m_raises() -> None:
    check_raises(AttributeError, "atan", "arc", lambda m, x: m.atan(x), lambda m, out, x: 1.0 / (1.0 + x * x))
    check_raises(AttributeError, "atan", "arc", lambda m, x: x, lambda m, out, x: m.atan(x))
    check_raises(
        AttributeError, "atan", "arc", lambda m, xs: m.sum(xs), lambda m, out, xs: m.each(xs, m.atan),
        operands="xs*",
    )  # fmt: skip


def test_rule_that_uses_a_function_of_math_raises() -> None:
    check_raises(TypeError, "Symbol|m offers", "power", lambda m, x: math.exp(x), lambda m, out, x: out)


def test_rule_with_an_if_raises() -> None:
    check_raises(TypeError, r"m\.where", "ramp", lambda m, x: x if x > 0.0 else 0.0, lambda m, out, x: 1.0)
    check_raises(TypeError, r"m\.where", "ramp", lambda m, x: x, lambda m, out, x: 1.0 if x > 0.0 else 0.0)


def test_rule_that_returns_a_str_or_none_raises_type_error() -> None:
    check_raises(TypeError, "text", "text", lambda m, x: "x", lambda m, out, x: 1.0)
    check_raises(TypeError, "nothing", "nothing", lambda m, x: None, lambda m, out, x: 1.0)


def test_derivative_of_a_group_that_is_not_a_list_raises_type_error() -> None:
    check_raises(TypeError, "total", "total", lambda m, xs: m.sum(xs), lambda m, out, xs: 1.0, operands="xs*")


def test_derivative_of_a_group_that_is_too_short_raises_at_the_first_call() -> None:
    primitive("total", lambda m, xs: m.sum(xs), lambda m, out, xs: [1.0], operands="xs*")
    with pytest.raises((ValueError, TypeError)):
        autograd.total([Value(1.0), Value(2.0)])


def test_own_primitive_is_an_attribute_of_the_package_and_an_unknown_name_is_not() -> None:
    with pytest.raises(AttributeError, match="module 'autograd' has no attribute 'cube'"):
        autograd.cube
    add_cube()
    assert autograd.cube is user_primitives.added["cube"]


@pytest.mark.parametrize("condition", [lambda x: x == 2.0, lambda x: x != 2.0], ids=["==", "!="])
def test_rule_with_an_equality_is_rejected(condition: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"A rule cannot use == or !=. Write m.eq\(a, b\)."):
        primitive("own", lambda m, x: m.where(condition(x), 1.0, x), lambda m, out, x: 1.0)


def test_value_rule_that_returns_none_raises_type_error() -> None:
    own = primitive("own", lambda m, x: m.where(x < 0.0, None, x), lambda m, out, x: 1.0)
    assert own(1.0).data == 1.0
    message = r"^primitive\(\) expected value to return a number, got None at .* Return a number"
    with pytest.raises(TypeError, match=message):
        own(-1.0)


def test_function_of_an_own_primitive_is_pickled_by_its_name() -> None:
    own = primitive("own", lambda m, x: x + 1.0, lambda m, out, x: 1.0)
    assert pickle.loads(pickle.dumps(own)) is own


@pytest.mark.parametrize("name", ["modes", "floats", "ﬁ"])
def test_name_of_a_module_or_not_normalized_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match=r"^primitive\(\) expected a"):
        primitive(name, lambda m, x: x, lambda m, out, x: 1.0)


def test_division_by_a_constant_rule_is_ieee() -> None:
    primitive("zero", lambda m, x: 0.0, lambda m, out, x: None)
    inverse = primitive("inverse", lambda m, x: 1.0 / m.zero(x), lambda m, out, x: None)
    assert inverse(1.0).data == math.inf
