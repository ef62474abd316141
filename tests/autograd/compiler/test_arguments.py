"""Arguments: what distinguishes their programs, and which of them fall back to eager execution."""

import enum
import math
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from autograd import CompileWarning, TraceError, Value, compile

from ..._support.compiled import BACKENDS
from ..._support.pytorch import needs_torch


class Mode(enum.IntEnum):
    TRAIN = 1
    TEST = 2


class Name(str, enum.Enum):  # noqa: UP042
    A = "a"
    B = "b"


class Color(enum.Enum):
    RED = (1.0,)
    BLUE = (2.0,)


class Point(NamedTuple):
    x: float
    y: float


class Rate(float):
    scale = 3.0


def agrees(function: Callable[..., Value], *calls: tuple[Any, ...], backend: str = "python") -> Any:
    """Compare four calls with the first arguments, and one with each of the others, with eager execution."""
    step = compile(function, backend=backend)
    for call in (*calls[:1] * 4, *calls, *calls):
        expected, actual = function(*call).data, step(*call)
        assert actual == expected or (math.isnan(actual) and math.isnan(expected)), (call, actual, expected)
    return step


def test_isinstance_of_a_number_returns_what_it_returns_in_eager_mode() -> None:
    w = Value(2.0)

    def loss(x: Any) -> Value:
        return w * x * (2.0 if isinstance(x, int) else 3.0 if isinstance(x, float) else 5.0)

    step = agrees(loss, (0,), (3,), (4,), (3.0,), (0.0,))
    assert [cause for _, cause in step._step.program_causes] == [
        "for the first call",
        "for argument 1 is a number, not an int",
    ]
    assert not step.fallbacks
    for xs in ([0.0, 0], [0, 0.0], [0, 0], (0.0, 0.0)):
        agrees(lambda xs: loss(xs[0]) + 0.5 * loss(xs[1]), (xs,), (type(xs)(x + 3 for x in xs),))


def test_number_that_is_converted_to_a_value_unless_it_is_one() -> None:
    assert not agrees(lambda x: (x if isinstance(x, Value) else Value(x)) * 2.0, (2.0,), (3.0,)).fallbacks


def test_ints_that_change_share_a_program() -> None:
    w = Value(2.0)
    step = compile(lambda xs, k: w * xs[0] * xs[1] * k["n"], backend="python")
    for i in range(20):
        assert step([i, 0.5], {"n": i + 1}) == 2.0 * i * 0.5 * (i + 1)
    assert len(step._step.program_causes) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_ints_and_floats_in_rows_have_programs_of_their_own(backend: str) -> None:
    w = Value(2.0)

    def loss(rows: Any) -> Value:
        total = w * 0.0
        for row in rows:
            for x in row:
                total = total + w * x * (2.0 if isinstance(x, int) else 3.0)
        return total

    for size in (2, 16, 20):
        rows = [[0, 0.0], [1, 2.0]] * size
        agrees(
            loss, (rows,), ([[y, x] for x, y in rows],), ([[1, 1]] * 2 * size,), (rows[:2] + rows[::-1][2:],)
        )


def test_keys_of_a_dict_are_distinguished_by_type() -> None:
    w = Value(2.0)

    def loss(numbers: Any) -> Value:
        (key,) = numbers
        number: Any = numbers[key]
        return w * number * (2.0 if isinstance(key, float) else 3.0 if isinstance(key, bool) else 4.0)

    agrees(loss, ({1: 0.0},), ({1.0: 5.0},), ({True: 5.0},), ({1: 7.0},), ({"one": 7.0},))
    agrees(lambda d: w * d[Color.RED] if Color.RED in d else w, ({Color.RED: 1.0},), ({Color.BLUE: 1.0},))


def test_nan_is_not_equal_to_itself() -> None:
    w = Value(2.0)
    agrees(lambda x: w * 1.0 if x != x else w * x, (1.0,), (math.nan,), (3.0,))
    agrees(lambda x: w * x if x == x else w, (math.nan,), (3.0,))


def test_enum_members_select_a_program() -> None:
    w = Value(2.0)
    agrees(lambda x, m: w * x * (2 if m is Mode.TEST else 1), (1.0, Mode.TRAIN), (1.0, Mode.TEST), (1.0, 1.0))
    agrees(lambda x, m: w * x * m.value, (0.0, Mode.TRAIN), (1.0, Mode.TEST))
    agrees(lambda x, m: w * x * (2 if m == "b" else 1), (1.0, Name.A), (1.0, Name.B), (1.0, "b"))
    agrees(lambda x, m: w * x * m.value[0], (0.0, Color.RED), (1.0, Color.BLUE))
    agrees(lambda m: w * m[0].value, ([Mode.TRAIN, 1.0],), ([Mode.TEST, 1.0],))


def changes(function: Callable[[Any], Value], make: Callable[[], Any]) -> None:
    """Compare a function that changes its argument in place with eager execution, as often as it does."""
    step, expected, actual = compile(function, backend="python"), make(), make()
    with pytest.warns(CompileWarning, match=r"falls back to eager: it changes an argument in place"):
        assert step(actual) == function(expected).data
    for _ in range(4):
        assert step(actual) == function(expected).data
        assert repr(actual) == repr(expected)


def test_argument_changed_in_place_falls_back() -> None:
    w = Value(2.0)

    def count(d: Any) -> Value:
        d["n"] += 1
        return w * d["n"]

    def reverse(xs: Any) -> Value:
        xs.reverse()
        return w * xs[0]

    def pop(d: Any) -> Value:
        d["xs"].append(d["xs"][0] + 1.0)
        return w * d["xs"].pop(0)

    def rename(d: Any) -> Value:
        d["y"], d["x"] = d.pop("x"), 3.0
        return w * d["y"]

    changes(count, lambda: {"n": 0.0})
    changes(reverse, lambda: [1.0, 2.0, 3.0])
    changes(pop, lambda: {"xs": [1.0, 2.0]})
    changes(rename, lambda: {"x": 1.0})
    changes(lambda p: reverse(p[1]), lambda: (1.0, [1.0, 2.0]))
    with pytest.raises(TraceError, match="changes an argument in place"):
        compile(count, strict=True)({"n": 0.0})


def test_array_changed_in_place_falls_back() -> None:
    np = pytest.importorskip("numpy")
    w = Value(2.0)

    def double(xs: Any) -> Value:
        xs *= 2.0
        return w * xs[0, 0]

    changes(double, lambda: np.ones((2, 2)))
    changes(double, lambda: np.ones((2, 3)).T)


def test_copy_of_an_argument_may_be_changed() -> None:
    w = Value(2.0)

    def loss(xs: Any, p: Any) -> Value:
        xs = [*xs]
        xs.append(xs.pop(0))
        return w * xs[0] + p._replace(x=3.0).x * p.y

    assert not agrees(loss, ([1.0, 2.0], Point(1.0, 2.0)), ([3.0, 4.0], Point(5.0, 6.0))).fallbacks


def test_dtype_of_an_array_selects_a_program() -> None:
    np = pytest.importorskip("numpy")
    w = Value(2.0)

    def loss(xs: Any) -> Value:
        return w * xs[0] * (2.0 if isinstance(xs[0], np.integer) else 3.0)

    calls = [(np.array([x]),) for x in (0.0, 0, 3, 3.0)]
    step = agrees(loss, *calls)
    assert len(step._step.program_causes) == 2
    assert not step.fallbacks
    assert not agrees(loss, ([np.float64(0.0)],), ([np.int64(3)],), ([np.float64(3.0)],), ([3.0],)).fallbacks


def test_array_in_fortran_order_is_an_argument() -> None:
    np = pytest.importorskip("numpy")
    w = Value(2.0)
    agrees(
        lambda xs: w * xs[0][1] + 3.0 * xs[1][0],
        (np.ones((2, 2)).T,),
        (np.array([[1.0, 2.0], [3.0, 4.0]]).T,),
    )


def test_array_with_nan_falls_back() -> None:
    """Its elements are objects while it is traced, and NumPy orders objects by comparisons alone."""
    np = pytest.importorskip("numpy")
    w = Value(2.0)
    arrays = [(np.array(xs),) for xs in ([1.0, 2.0], [math.nan, 2.0], [2.0, math.nan], [5.0, 3.0])]
    with pytest.warns(CompileWarning, match="falls back to eager: its arguments have an array with nan"):
        agrees(lambda xs: w * xs.max(), *arrays)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64", "float32", "float16", ">i2"])
def test_array_of_other_arithmetic_falls_back(dtype: str) -> None:
    np = pytest.importorskip("numpy")
    w = Value(2.0)

    def loss(xs: Any) -> Value:
        return w * (xs[0] - xs[1]) * (xs[0] * xs[0] / 3)

    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        agrees(loss, *[(np.array(xs, dtype=dtype),) for xs in ((0, 0), (3, 200), (100, 7))])
    messages = [str(w.message) for w in records if w.category is CompileWarning]
    assert len(messages) == 1
    assert re.search(
        rf"its arguments have an array of {np.dtype(dtype)}, .* convert it with \.astype\(float\)$",
        messages[0],
    )


def test_number_of_other_arithmetic_falls_back() -> None:
    np = pytest.importorskip("numpy")
    w = Value(2.0)
    for number in (np.float32(0.7), np.uint8(200), Rate(0.5)):
        with pytest.warns(
            CompileWarning, match=rf"have {type(number).__name__} .* convert it with float\(\)$"
        ):
            agrees(lambda x: w * (x / 3) * getattr(x, "scale", 1.0), (number,), (0.5,))


def test_function_that_reads_the_dtype_of_an_array_falls_back() -> None:
    np = pytest.importorskip("numpy")
    w = Value(2.0)

    def loss(xs: Any) -> Value:
        return w * xs[0] * (2.0 if xs.dtype.kind == "i" else 3.0)

    with pytest.warns(CompileWarning, match=r"falls back to eager: it reads \.dtype"):
        agrees(loss, (np.array([0.0]),), (np.array([3]),), (np.array([3.0]),))


def test_division_by_an_argument_of_zero_is_ieee() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * (1.0 / x), backend="python", audit=0)
    assert [step(x) for x in (2.0, 0.0)] == [1.0, math.inf]  # eager raises ZeroDivisionError


class Tensor:
    """Stands for a tensor of a library that is not installed."""

    def __len__(self) -> int:
        return 2

    def tolist(self) -> list[float]:
        return [1.0, 2.0]


class Frame(Tensor):
    """Stands for a table of pandas."""

    def to_numpy(self, dtype: type) -> None: ...


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (Tensor, "Convert it with .tolist()."),
        (Frame, "Convert it with .to_numpy(dtype=float)."),
        (lambda: {1.0, 2.0}, "Convert it to a list of numbers."),
        (lambda: 1j, "Pass its .real and .imag."),
    ],
)
def test_an_argument_that_is_not_made_of_numbers_names_the_conversion(make: Any, remedy: str) -> None:
    for argument in (make(), [make()], {"x": make()}):
        with pytest.raises(TypeError, match=re.escape(remedy)):
            compile(lambda x: Value(1.0))(argument)


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (
            lambda np: np.array([True, False]),
            "got ndarray array([ True, False]). Convert it with .astype(float).",
        ),
        (lambda np: np.array([1j]), "Pass its .real and .imag."),
        (lambda np: np.array([1.0, None]), "Convert it with .tolist()."),
        (lambda np: np.array(["1"]), "Convert it with .tolist()."),
    ],
)
def test_an_array_of_another_kind_names_the_conversion(make: Any, remedy: str) -> None:
    np = pytest.importorskip("numpy")
    with pytest.raises(TypeError, match=re.escape(remedy)):
        compile(lambda x: Value(1.0))(make(np))


@pytest.mark.torch
@needs_torch
def test_a_tensor_of_pytorch_names_the_conversion() -> None:
    import torch

    step = compile(lambda x: Value(2.0) * x[0])
    for tensor in (torch.tensor([1.0, 2.0]), torch.tensor([True]), torch.tensor(1.0)):
        with pytest.raises(TypeError, match=r"got Tensor tensor\(.*\. Convert it with \.tolist\(\)\."):
            step(tensor)
    assert step(torch.tensor([3.0, 2.0]).tolist()) == 6.0
