"""Values with NumPy: scalars are numbers, object arrays work, and other arrays raise."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value

from ..._support.table import bits

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
SCALARS = [
    np.float64(2.5), np.float32(0.1), np.float16(1.5), np.longdouble(1.5), np.int64(3), np.int8(-2),
    np.uint64(7), np.bool_(True), np.float64("nan"), np.float64("inf"), np.float64(0.0),
]  # fmt: skip

each_scalar = pytest.mark.parametrize("scalar", SCALARS, ids=lambda x: f"{type(x).__name__}-{x}")


# Scalars ------------------------------------------------------------------------------------------


@each_scalar
@pytest.mark.parametrize("apply", ARITHMETIC, ids=lambda f: f.__name__)
def test_scalar_on_either_side_is_its_number(apply: Callable[..., Any], scalar: Any) -> None:
    for data in (2.0, -1.5, 0.0):
        for with_scalar, with_number in (
            (lambda v: apply(v, scalar), lambda v: apply(v, float(scalar))),
            (lambda v: apply(scalar, v), lambda v: apply(float(scalar), v)),
        ):
            x, y = Value(data), Value(data)
            actual, expected = with_scalar(x), with_number(y)
            assert type(actual) is Value
            assert bits(actual.data) == bits(expected.data)
            assert actual.primitive is expected.primitive
            actual.backward()
            expected.backward()
            assert bits(x.grad) == bits(y.grad)


@each_scalar
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)
def test_comparison_with_a_scalar_is_that_with_the_number(compare: Callable[..., Any], scalar: Any) -> None:
    for data in (2.5, 3.0, -1.5, 1.0):
        v = Value(data)
        assert bool(compare(v, scalar)) is compare(v, float(scalar))
        assert bool(compare(scalar, v)) is compare(float(scalar), v)


@each_scalar
def test_functions_accept_scalars(scalar: Any) -> None:
    v = Value(2.0)
    number = float(scalar)
    assert bits(autograd.maximum(v, scalar).data) == bits(autograd.maximum(v, number).data)
    assert bits(v.minimum(scalar).data) == bits(v.minimum(number).data)
    assert bits(autograd.sum([v, scalar]).data) == bits(2.0 + number)
    assert bits(autograd.dot([v], [scalar], scalar).data) == bits(number + 2.0 * number)
    assert bits(autograd.exp(scalar).data) == bits(autograd.exp(number).data)


@pytest.mark.parametrize(
    ("ufunc", "apply"),
    [
        (np.add, operator.add), (np.subtract, operator.sub), (np.multiply, operator.mul),
        (np.divide, operator.truediv), (np.true_divide, operator.truediv), (np.power, operator.pow),
    ],
)  # fmt: skip
def test_functions_of_numpy_for_operators_record(ufunc: Any, apply: Callable[..., Any]) -> None:
    x, y = Value(2.0), Value(3.0)
    for a, b in ((x, y), (x, 3.0), (2.0, y)):
        node = ufunc(a, b)
        assert (node.data, node.primitive) == (apply(a, b).data, apply(a, b).primitive)
    assert np.negative(x).data == -2.0
    assert np.absolute(x).data == 2.0


# Functions of numpy -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sqrt", "sin", "maximum", "minimum", "expm1"])
def test_function_of_numpy_raises_and_names_the_function_of_autograd(name: str) -> None:
    operands = [Value(2.0)] * (2 if "imum" in name else 1)
    message = rf"^numpy\.{name}\(\) expected numbers, got Value\(2\.0\)\. Use autograd\.{name}\(\), which "
    with pytest.raises(TypeError, match=message):
        getattr(np, name)(*operands)


WITHOUT_COUNTERPART: dict[str, Callable[[Value], Any]] = {
    "arctan": np.arctan,
    "isnan": np.isnan,
    "floor": np.floor,
    "sum": np.sum,
    "prod": np.prod,
    "mod": np.float64(2.0).__mod__,
    "out": lambda v: np.add(v, 1.0, out=np.zeros(1)),
}


@pytest.mark.parametrize("call", WITHOUT_COUNTERPART.values(), ids=WITHOUT_COUNTERPART)
def test_function_of_numpy_without_a_counterpart_raises_with_a_remedy(call: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"^numpy\.\w+\(\) expected numbers, got Value\(2\.0\)") as error:
        call(Value(2.0))
    message = str(error.value)
    name = message.partition("Use autograd.")[2].partition("(")[0]
    assert name in autograd.__all__ if name else "Use a function of autograd, or the .data" in message


# Arrays of numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("apply", ARITHMETIC, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "array", [np.array([1.0, 2.0]), np.array([1]), np.ones((2, 2))], ids=lambda a: str(a.shape)
)
def test_array_of_numbers_raises_on_either_side(apply: Callable[..., Any], array: Any) -> None:
    message = (
        rf"^numpy\.\w+\(\) expected numbers, got a Value and an array of {array.dtype}\. "
        r"Compute element by element, or with an array of Values: array\.astype\(object\)"
    )
    with pytest.raises(TypeError, match=message):
        apply(Value(1.0), array)
    with pytest.raises(TypeError, match=message):
        apply(array, Value(1.0))


def test_array_of_numbers_is_not_changed_in_place() -> None:
    array, v = np.array([1.0, 2.0]), Value(3.0)
    with pytest.raises(TypeError, match=r"array\.astype\(object\)"):
        array += v
    with pytest.raises(TypeError, match=r"array\.astype\(object\)"):
        v *= array
    assert array.tolist() == [1.0, 2.0]
    assert v.data == 3.0
    with pytest.raises(TypeError, match=r"^numpy\.greater\(\) expected"):
        v < array  # noqa: B015
    with pytest.raises(TypeError, match="Create one Value for each element"):
        Value(array)
    with pytest.raises(TypeError, match=r"^exp\(\) expected a real number for x, got ndarray"):
        autograd.exp(array)


# Arrays of Values ---------------------------------------------------------------------------------


@pytest.fixture
def values() -> list[Value]:
    return [Value(1.0, label="a"), Value(2.0, label="b")]


@pytest.mark.parametrize("apply", ARITHMETIC, ids=lambda f: f.__name__)
def test_array_of_values_computes_with_a_value_element_by_element(
    apply: Callable[..., Any], values: list[Value]
) -> None:
    array, v = np.array(values), Value(3.0)
    for result, pairs in (
        (apply(array, v), [(x, v) for x in values]),
        (apply(v, array), [(v, x) for x in values]),
    ):
        assert result.dtype == object
        assert [x.data for x in result] == [apply(*pair).data for pair in pairs]
        assert [x.operands for x in result] == [apply(*pair).operands for pair in pairs]


def test_array_of_values_computes_with_numbers_and_other_arrays(values: list[Value]) -> None:
    array = np.array(values)
    assert [x.data for x in array * 2.0 + np.array([10.0, 20.0])] == [12.0, 24.0]
    assert [x.data for x in np.float64(2.0) * array] == [2.0, 4.0]
    assert [x.data for x in (-array, abs(array), 2.0**array)[2]] == [2.0, 4.0]
    array += Value(1.0)
    assert [x.data for x in array] == [2.0, 3.0]


def test_array_of_values_has_sums_and_products(values: list[Value]) -> None:
    array = np.array(values)
    total = np.sum(array) + array.sum() + array @ array + np.array([10.0, 1.0]) @ array + np.mean(array)
    total.backward()
    assert total.data == 3.0 + 3.0 + 5.0 + 12.0 + 1.5
    assert [x.grad for x in values] == [1 + 1 + 2 + 10 + 0.5, 1 + 1 + 4 + 1 + 0.5]
    matrix = np.array([values, values[::-1]])
    assert [x.data for x in matrix @ array] == [5.0, 4.0]
    assert np.max(array) is values[1]
    assert [*np.sort(array[::-1])] == values


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sqrt", "sin", "cos", "expm1", "log1p"])
def test_function_of_numpy_applies_the_method_to_each_element(name: str, values: list[Value]) -> None:
    result = getattr(np, name)(np.array(values))
    assert [x.data for x in result] == [getattr(x, name)().data for x in values]
    assert [x.operands for x in result] == [(x,) for x in values]


def test_array_of_values_compares_numbers(values: list[Value]) -> None:
    array = np.array(values)
    assert (array < Value(1.5)).tolist() == (Value(1.5) > array).tolist() == [True, False]
    assert (array >= 2.0).tolist() == [False, True]
    assert (array == values[0]).tolist() == [True, False]  # identity, as for Values alone


def test_array_of_values_and_a_value_keep_further_arguments(values: list[Value]) -> None:
    array, v = np.array(values), Value(3.0)
    out = np.empty(2, dtype=object)
    assert np.add(array, v, out=out) is out
    assert [x.data for x in out] == [4.0, 5.0]
    assert [x.data for x in np.multiply.outer(v, array)] == [3.0, 6.0]


def test_unary_plus_is_the_value_itself() -> None:
    v = Value(2.0)
    assert +v is v
    assert [*+np.array([v])] == [v]


def test_complex_scalar_equals_no_value_and_is_not_computed_with() -> None:
    v = Value(1.0)
    assert not operator.eq(v, np.complex128(1))
    assert v != np.complex128(1)
    with pytest.raises(TypeError, match=r"^numpy\.multiply\(\) expected numbers, got Value\(1\.0\)"):
        np.complex128(1j) * v


@pytest.mark.parametrize("unit", ["ns", "s"])
def test_timedelta_raises_type_error(unit: Any) -> None:
    with pytest.raises(TypeError, match=r"^Value\(\) expected a real number for data, got timedelta64"):
        Value(np.timedelta64(5, unit))  # type: ignore[arg-type]
