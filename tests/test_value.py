"""What a Value is as a Python object."""

import builtins
import copy
import inspect
import math
import operator
import pickle
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, enable_grad, is_grad_enabled, no_grad, topological_order
from autograd.operations import FUNCTIONS

from .table import bits

# What may be a Value ------------------------------------------------------------------------------

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
real_numbers = pytest.mark.parametrize(("given", "data"), REAL_NUMBERS, ids=lambda x: f"{type(x).__name__}")


@real_numbers
def test_any_real_number_becomes_a_float(given: object, data: float) -> None:
    value = Value(given)
    assert type(value.data) is float
    assert bits(value.data) == bits(data)


@real_numbers
def test_data_and_grad_take_any_real_number(given: object, data: float) -> None:
    value = Value(7.0)
    value.data = given
    value.grad = given
    assert type(value.data) is type(value.grad) is float
    assert bits(value.data) == bits(value.grad) == bits(data)


NO_NUMBERS = [
    ("1.5", "str '1.5'"),
    (b"1", "bytes b'1'"),
    (None, "NoneType None"),
    (1j, "complex 1j"),
    (np.complex128(1), "complex128"),
    ([1.0], "list [1.0]"),
    ((1.0,), "tuple"),
    ({}, "dict"),
    (np.array([1.0, 2.0]), "ndarray"),
    (np.array([1.0]), "ndarray"),
    (np.array(1.0), "ndarray"),
    (np.datetime64(1, "s"), "datetime64"),
    (object(), "object"),
    (float, "type"),
]
no_numbers = pytest.mark.parametrize(("given", "named"), NO_NUMBERS, ids=lambda x: type(x).__name__)


@no_numbers
def test_what_is_no_real_number_is_refused(given: object, named: str) -> None:
    with pytest.raises(TypeError, match="the data of a Value must be a real number, not ") as error:
        Value(given)
    assert named in str(error.value)


@no_numbers
def test_data_and_grad_refuse_what_is_no_real_number(given: object, named: str) -> None:
    value = Value(1.0)
    with pytest.raises(TypeError, match="the data of a Value must be a real number"):
        value.data = given
    if given is not None:
        with pytest.raises(TypeError, match="the grad of a Value must be a real number") as error:
            value.grad = given
        assert named in str(error.value)
    assert value.data == 1.0
    assert value.grad is None


def test_a_collection_is_refused_with_a_remedy() -> None:
    with pytest.raises(TypeError, match="make one Value for each element"):
        Value([1.0, 2.0])


def test_a_value_of_a_value_is_refused_naming_detach() -> None:
    with pytest.raises(TypeError, match=r"not Value Value\(2\.0\).*\.detach\(\)"):
        Value(Value(2.0))
    value = Value(1.0)
    with pytest.raises(TypeError, match=r"detach\(\)"):
        value.data = value
    with pytest.raises(TypeError, match=r"detach\(\)"):
        value.grad = value


def test_a_long_offender_is_shortened_in_the_message() -> None:
    with pytest.raises(TypeError, match="…") as error:
        Value("x" * 10_000)
    assert len(str(error.value)) < 250


# What it holds ------------------------------------------------------------------------------------


def test_a_new_value_is_a_leaf_without_a_gradient() -> None:
    value = Value(2.0)
    assert value.is_leaf
    assert value.grad is None
    assert value.primitive is None
    assert value.operands == ()
    assert value.label == ""


def test_grad_can_be_zeroed_and_taken_away() -> None:
    value = Value(2.0)
    value.zero_grad()
    assert bits(value.grad) == bits(0.0)
    value.grad = None
    assert value.grad is None


def test_there_are_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Value(2.0).gard = 1.0


def test_a_label_is_a_string() -> None:
    value = Value(2.0, label="w")
    assert value.label == "w"
    value.label = "v"
    assert value.label == "v"
    assert Value(2.0, "u").label == "u"
    with pytest.raises(TypeError, match="a label is a str, not int 3"):
        value.label = 3
    with pytest.raises(TypeError, match="a label is a str"):
        Value(1.0, label=None)


def test_a_computed_value_can_be_labelled() -> None:
    product = Value(2.0) * 3.0
    assert product.label == ""
    product.label = "p"
    assert repr(product) == "Value(6.0, label='p')"


def test_operands_are_values_and_plain_constants_in_order() -> None:
    a, b = Value(2.0), Value(3.0)
    assert (a * b).operands == (a, b)
    assert (a - 4).operands == (a, 4.0)
    assert (4 - a).operands == (4.0, a)
    assert (4 + a).operands[1] in (a, 4.0)
    assert a.exp().operands == (a,)
    assert autograd.dot([a, 1.0], [2.0, b], b).operands == (a, 1.0, 2.0, b, b)
    assert autograd.sum([a, 7, b]).operands == (a, 7.0, b)
    assert (a * b).primitive.name == "mul"


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
    assert repr(value) == shown


def test_repr_shows_the_gradient() -> None:
    value = Value(2.0, label="w")
    value.grad = -20.0
    assert repr(value) == "Value(2.0, grad=-20.0, label='w')"


def test_repr_stays_short_with_a_long_label() -> None:
    shown = repr(Value(2.0, label="long\n" * 2000))
    assert len(shown) < 100
    assert "\n" not in shown


# Identity and order -------------------------------------------------------------------------------


def test_equality_and_hash_go_by_identity() -> None:
    a, b = Value(2.0), Value(2.0)
    assert a == a
    assert a != b
    assert a != 2.0
    assert len({a, b, a}) == 2
    assert [b, a].index(a) == 1


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("x", [-1.0, 0.0, 2.0, math.inf, math.nan])
@pytest.mark.parametrize("y", [-1.0, 0.0, 2.0, math.inf, math.nan])
def test_order_is_that_of_the_numbers(compare: operator, x: float, y: float) -> None:
    expected = compare(x, y)
    assert compare(Value(x), Value(y)) is expected
    assert compare(Value(x), y) is expected
    assert compare(x, Value(y)) is expected


def test_order_takes_any_real_number_and_nothing_else() -> None:
    assert Value(1.0) < Fraction(3, 2) < Value(2.0)
    assert Value(1.0) < 10**400
    assert max([Value(1.0), Value(3.0), Value(2.0)]).data == 3.0
    with pytest.raises(TypeError):
        operator.lt(Value(1.0), "2")
    with pytest.raises(TypeError):
        operator.ge(None, Value(1.0))


@pytest.mark.parametrize("x", [0.0, -0.0, 1.0, -2.0, math.nan, math.inf])
def test_truth_is_that_of_the_number(x: float) -> None:
    assert bool(Value(x)) is bool(x)


def test_float_and_item_give_the_number() -> None:
    value = Value(2.0) * 1.5
    assert type(float(value)) is type(value.item()) is float
    assert float(value) == value.item() == 3.0
    assert math.floor(float(value)) == 3


def test_detach_makes_a_leaf_of_its_own() -> None:
    value = Value(2.0, label="w") * 3.0
    value.grad = 1.0
    detached = value.detach()
    assert detached is not value
    assert (detached.data, detached.is_leaf, detached.grad) == (6.0, True, None)
    detached.data = 1.0
    assert value.data == 6.0


# Operators ----------------------------------------------------------------------------------------

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
NUMBERS = [3, True, 2.5, -0.0, Fraction(1, 3), Decimal("0.1"), np.float64(2.5), np.float32(0.1), np.int64(3)]
NUMBERS += [np.bool_(True), 10**400, math.inf, math.nan, 0]


@pytest.mark.parametrize("apply", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda x: f"{type(x).__name__}-{float(Value(x))}")
@pytest.mark.parametrize("x", [2.0, -1.5, 0.0])
def test_numbers_on_either_side_are_as_values(apply: operator, number: object, x: float) -> None:
    constant = Value(number)
    for mixed, left, right in (
        (lambda v: apply(v, number), Value(x), constant),
        (lambda v: apply(number, v), constant, Value(x)),
    ):
        live = Value(x)
        ours = mixed(live)
        theirs = apply(left, right)
        assert isinstance(ours, Value)
        assert bits(ours.data) == bits(theirs.data)
        ours.backward()
        theirs.backward()
        assert bits(live.grad) == bits((right if left is constant else left).grad)
        left.grad = right.grad = None


def test_signs() -> None:
    assert bits((-Value(0.0)).data) == bits(-0.0)
    assert abs(Value(-2.0)).data == 2.0


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
    """Somebody else's class, which knows what to do with a Value."""

    def _answer(self, other: object) -> str:
        return f"asked with {type(other).__name__}"

    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = _answer
    __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = _answer
    __lt__ = __le__ = __gt__ = __ge__ = _answer


@pytest.mark.parametrize("apply", [*OPERATORS, operator.lt, operator.le, operator.gt, operator.ge])
def test_an_unknown_operand_gets_its_turn(apply: operator) -> None:
    assert apply(Value(1.0), Guest()) == "asked with Value"
    assert apply(Guest(), Value(1.0)) == "asked with Value"


@pytest.mark.parametrize("apply", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("stranger", ["1", None, 1j, [1.0], object()], ids=lambda x: type(x).__name__)
def test_what_is_no_number_is_no_operand(apply: operator, stranger: object) -> None:
    with pytest.raises(TypeError):
        apply(Value(1.0), stranger)
    with pytest.raises(TypeError):
        apply(stranger, Value(1.0))


@pytest.mark.parametrize("apply", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "array", [np.array([1.0, 2.0]), np.array([1.0]), np.array(1.0)], ids=lambda a: str(a.shape)
)
def test_an_array_is_no_operand(apply: operator, array: np.ndarray) -> None:
    with pytest.raises(TypeError):
        apply(Value(1.0), array)
    with pytest.raises(TypeError):
        apply(array, Value(1.0))


def test_the_builtin_sum_works() -> None:
    a, b = Value(1.0), Value(2.0)
    total = builtins.sum([a, b, a])
    total.backward()
    assert (total.data, a.grad, b.grad) == (4.0, 2.0, 1.0)


# Functions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exp", "maximum"])
@pytest.mark.parametrize(("stranger", "named"), [("1", "str '1'"), (None, "NoneType None"), ([1.0], "list")])
def test_a_function_names_the_operand_it_refuses(name: str, stranger: object, named: str) -> None:
    function = FUNCTIONS[name]
    operands = [stranger] if name == "exp" else [Value(1.0), stranger]
    with pytest.raises(TypeError, match=f"an operand of {name} must be a Value or a real number") as error:
        function(*operands)
    assert named in str(error.value)


@pytest.mark.parametrize("kind", [list, tuple, iter, np.array, lambda xs: (x for x in xs)])
def test_a_group_may_be_any_collection(kind: type) -> None:
    assert autograd.sum(kind([1.0, 2.5, 4.0])).data == 7.5
    assert autograd.dot(kind([1.0, 2.0]), kind([3.0, 4.0]), 0.5).data == 11.5


@pytest.mark.parametrize("name", ["exp", "maximum", "dot", "softmax"])
def test_a_public_function_pickles_to_itself(name: str) -> None:
    function = getattr(autograd, name)
    assert pickle.loads(pickle.dumps(function)) is function
    assert function.__module__.split(".")[0] == "autograd"


def test_a_group_of_mixed_values_may_be_a_generator() -> None:
    a, b = Value(2.0), Value(3.0)
    total = autograd.sum(x for x in (a, 1.0, b, 2))
    total.backward()
    assert (total.data, a.grad, b.grad) == (8.0, 1.0, 1.0)


@pytest.mark.parametrize("group", [Value(1.0), 1.0, None], ids=lambda x: type(x).__name__)
def test_a_group_must_be_a_collection(group: object) -> None:
    with pytest.raises(TypeError, match="the values of sum must be a sequence of Values or numbers, not"):
        autograd.sum(group)
    with pytest.raises(TypeError, match="the inputs of dot must be a sequence"):
        autograd.dot([1.0], group)


@pytest.mark.parametrize("stranger", ["1", None, [1.0], np.array([1.0])], ids=lambda x: type(x).__name__)
def test_an_element_of_a_group_must_be_a_number(stranger: object) -> None:
    with pytest.raises(TypeError, match=f"an operand of sum .* not {type(stranger).__name__}"):
        autograd.sum([Value(1.0), stranger])
    with pytest.raises(TypeError, match=f"an operand of dot .* not {type(stranger).__name__}"):
        autograd.dot([Value(1.0)], [2.0], stranger)


def test_groups_of_different_widths_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 weights and 3 inputs"):
        autograd.dot([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="2 weights and 3 inputs"):
        autograd.dot([1.0, 2.0], autograd.group([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("inputs", [(3.0, 4.0), (3, 4), (Value(3.0), Value(4.0)), (Value(3.0), 4), ()])
@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_operands_read_once_are_those_of_a_list(inputs: tuple[object, ...], kind: type) -> None:
    weights = [Value(2.0), Value(-1.0)][: len(inputs)]
    for v in inputs:
        if isinstance(v, Value):
            v.grad = None
    shared = autograd.group(kind(inputs))
    one, other = autograd.dot(weights, shared, 0.5), autograd.dot(weights, [*inputs], 0.5)
    assert (one.data, one.operands) == (other.data, other.operands)
    if inputs:
        one.backward()
        gradients = [v.grad for v in (*weights, *inputs) if isinstance(v, Value)]
        for v in (*weights, *inputs):
            if isinstance(v, Value):
                v.grad = None
        other.backward()
        assert gradients == [v.grad for v in (*weights, *inputs) if isinstance(v, Value)]
    else:
        assert one.is_leaf


def test_operands_read_once_keep_the_numbers_they_had() -> None:
    x = Value(3.0)
    shared = autograd.group([x])
    x.data = 10.0
    w = Value(2.0)
    product = autograd.dot([w], shared)
    product.backward()
    assert (product.data, w.grad, x.grad) == (6.0, 3.0, 2.0)


def test_operands_read_once_are_still_the_operands() -> None:
    x = Value(3.0)
    shared = autograd.group([x, 2])
    assert repr(shared) == "group([3.0, 2.0])"
    assert ([*shared], len(shared)) == ([x, 2], 2)
    assert autograd.group(shared) is shared
    assert [p.data for p in autograd.softmax(shared)] == [p.data for p in autograd.softmax([x, 2])]
    with pytest.raises(TypeError, match=r"an operand of group .* not str 'x'"):
        autograd.group([1.0, "x"])
    with pytest.raises(TypeError, match=r"the operands of group must be a sequence .* not float 1\.0"):
        autograd.group(1.0)


def test_a_list_given_to_a_function_is_not_kept() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    group = [a, b]
    total = autograd.sum(group)
    group[0] = c
    total.backward()
    assert (a.grad, b.grad, c.grad) == (1.0, 1.0, None)


# Recording ----------------------------------------------------------------------------------------


def test_nothing_is_recorded_inside_no_grad() -> None:
    a = Value(2.0)
    with no_grad():
        assert not is_grad_enabled()
        results = [a + 1, 1 + a, a * a, a - a, 2 / a, a**2, -a, a.exp(), a.maximum(3.0)]
        results += [autograd.sum([a, a]), autograd.dot([a], [a], a), *autograd.softmax([a, a])]
    assert is_grad_enabled()
    assert all(result.is_leaf for result in results)
    assert [r.data for r in results[:6]] == [3.0, 3.0, 4.0, 0.0, 1.0, 4.0]
    assert not (a + 1).is_leaf


def test_no_grad_nests() -> None:
    with no_grad():
        with no_grad():
            pass
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_no_grad_ends_with_an_exception() -> None:
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


def test_no_grad_can_decorate_a_function() -> None:
    @no_grad()
    def double(x: Value) -> Value:
        return x * 2.0

    assert double(Value(1.0)).is_leaf
    assert double(Value(1.0)).is_leaf
    assert is_grad_enabled()


def test_no_grad_holds_for_its_thread_alone() -> None:
    seen = []

    def other() -> None:
        seen.append(is_grad_enabled())
        seen.append((Value(1.0) * 2.0).is_leaf)

    with no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [True, False]


def test_threads_that_enter_and_leave_no_grad_at_once_do_not_record_for_one_another() -> None:
    wrong: list[str] = []

    def train() -> None:
        a, b = Value(1.0), Value(2.0)
        for _ in range(300):
            with no_grad():
                wrong.extend("recorded" for c in (a + b, a * b, a - b) if not c.is_leaf)
                with enable_grad():
                    wrong.extend("lost" for c in (a + b, a * b, a - b) if c.is_leaf)
            wrong.extend("lost" for c in (a + b, a * b, a - b) if c.is_leaf)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=train) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


# Copying ------------------------------------------------------------------------------------------


def _pickled(protocol: int):
    return lambda x: pickle.loads(pickle.dumps(x, protocol))


COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy}
COPIES |= {f"pickle-{n}": _pickled(n) for n in range(pickle.HIGHEST_PROTOCOL + 1)}
copies = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


@copies
@pytest.mark.parametrize("grad", [None, 0.0, -0.0, -20.0, math.nan])
@pytest.mark.parametrize("label", ["", "w"])
def test_a_leaf_is_copied(copied, grad: float | None, label: str) -> None:
    leaf = Value(0.1, label=label)
    leaf.grad = grad
    twin = copied(leaf)
    assert twin is not leaf
    assert twin.is_leaf
    assert (twin.data, twin.label) == (0.1, label)
    assert twin.grad is None if grad is None else bits(twin.grad) == bits(grad)
    (twin * 2.0).backward()
    assert twin.grad is not None
    assert leaf.grad is grad or bits(leaf.grad) == bits(grad)


@pytest.mark.parametrize("copied", [f for name, f in COPIES.items() if name != "copy"])
def test_containers_of_leaves_are_copied_with_their_sharing(copied) -> None:
    w = Value(1.0, label="w")
    model = {"layers": [w, w, (Value(2.0),)], "set": {w}}
    twin = copied(model)
    first, second, (third,) = twin["layers"]
    assert first is second
    assert first is not w
    assert twin["set"] == {first}
    assert third.data == 2.0


@copies
def test_a_computed_value_is_refused_with_a_remedy(copied) -> None:
    with pytest.raises(
        TypeError, match=r"only a leaf can be copied.*Value\(6\.0\), which mul computed.*detach"
    ):
        copied(Value(2.0) * 3.0)


@copies
def test_a_computed_value_is_refused_at_any_depth(copied) -> None:
    x = Value(1.0)
    for _ in range(10**5):
        x = x * 1.0
    with pytest.raises(TypeError, match="only a leaf can be copied"):
        copied(x)
    if copied is not copy.copy:
        with pytest.raises(TypeError, match="only a leaf can be copied"):
            copied([x])


@copies
def test_a_leaf_of_a_graph_is_copied_without_the_graph(copied) -> None:
    leaf = Value(2.0)
    output = leaf * 3.0
    output.backward()
    assert topological_order(copied(leaf))[0].grad == 3.0


def test_two_no_grads_may_end_in_any_order() -> None:
    def paused() -> Iterator[None]:
        with no_grad():
            yield

    first, second = paused(), paused()
    next(first), next(second)
    next(first, None)
    assert not is_grad_enabled()
    next(second, None)
    assert is_grad_enabled()


def test_enable_grad_records_inside_no_grad() -> None:
    a = Value(3.0)
    with no_grad():
        with enable_grad():
            assert not (a * 2.0).is_leaf
        assert (a * 2.0).is_leaf
    assert f"{a:.3f}" == "3.000"
    assert f"{a}" == repr(a)


@pytest.mark.parametrize("kind", [set, frozenset, dict.fromkeys, lambda xs: "".join(map(str, xs))])
def test_a_group_without_an_order_of_its_own_is_refused(kind: type) -> None:
    with pytest.raises(TypeError, match="must be a sequence of Values or numbers"):
        autograd.sum(kind([1.0, 2.5, 4.0]))


# Subclasses ---------------------------------------------------------------------------------------


class Named(Value):
    def __init__(self, name: str, *, data: float = 0.0) -> None:
        super().__init__(data, label=name)
        self.name = name


class Plain(Value):
    pass


def test_a_subclass_may_have_an_init_of_its_own() -> None:
    x = Named("x", data=3.0)
    assert (x.data, x.label, x.name, x.grad, x.is_leaf) == (3.0, "x", "x", None, True)
    (x * x).backward()
    assert x.grad == 6.0
    assert type(x * 2.0) is Value
    assert Plain(2.0, label="p").label == "p"
    assert repr(Plain(2.0)) == "Plain(2.0)"


@pytest.mark.parametrize("kind", [Value, Plain])
def test_a_value_is_called_as_if_it_had_an_init(kind: type) -> None:
    assert [*inspect.signature(kind).parameters] == ["data", "label"]
    with pytest.raises(TypeError, match=r"Value.__init__\(\) missing 1 required positional argument: 'data'"):
        kind()
    with pytest.raises(TypeError, match="unexpected keyword argument 'name'"):
        kind(1.0, name="w")


class Mixed:
    def __init__(self, name: str = "") -> None:
        raise AssertionError("the base beside Value has its turn only if it is called")


class Both(Value, Mixed):
    pass


class Old(Value):
    def __init__(self, data: float) -> None:
        Value.__init__(self, data, "old")


def test_the_init_of_value_is_that_of_its_subclasses() -> None:
    assert (Both(2.0) + 1.0).data == 3.0
    assert Old(2.0).label == "old"


class Slotted(Value):
    __slots__ = ("tag",)


@pytest.mark.parametrize("kind", [Plain, Slotted])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_has_what_a_subclass_adds(kind: type, copied: Any) -> None:
    x = kind(2.0, label="x")
    x.grad, x.tag = 3.0, [1, 2]
    y = copied(x)
    assert (type(y), y.data, y.grad, y.label, y.tag) == (kind, 2.0, 3.0, "x", [1, 2])


@pytest.mark.parametrize("stranger", ["1", None, [1.0]], ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_a_named_method_refuses_what_is_no_number(name: str, stranger: object) -> None:
    with pytest.raises(TypeError, match=f"an operand of {name} must be .* not {type(stranger).__name__}"):
        getattr(Value(1.0), name)(stranger)
