"""GradientLostWarning: conversions of a Value to a plain number that warn, and uses that do not."""

import copy
import math
import os
import pickle
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import GradientLostWarning, Value, check_grads, enable_grad, grad, hessian, jacobian, no_grad


@contextmanager
def record_warnings(action: str = "default") -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter(action)  # type: ignore[arg-type]
        yield records


LOSING: dict[str, Callable[[Value], Any]] = {
    "float": float,
    "math.exp": math.exp,
    "math.floor": math.floor,
    "math.isnan": math.isnan,
    "complex": complex,
    "percent format": lambda v: "%.2f" % v,  # noqa: UP031
    "array[0] =": lambda v: np.zeros(2).__setitem__(0, v),
    "np.array(dtype=float)": lambda v: np.array([v], dtype=float),
    "np.float64": np.float64,
    "array.astype": lambda v: np.array([v]).astype(float),
}


@pytest.mark.parametrize("lose", LOSING.values(), ids=LOSING)
def test_value_that_becomes_a_number_warns(lose: Callable[[Value], Any]) -> None:
    with pytest.warns(
        GradientLostWarning, match=r"^A Value became a float.*autograd\.exp\(v\) for math\.exp"
    ):
        lose(Value(1.0) * 2.0)
    with pytest.warns(GradientLostWarning):
        lose(Value(1.0))  # of a leaf too: it may be a parameter


def test_warning_names_the_line_of_the_user_once_per_line() -> None:
    v = Value(1.0) * 2.0
    array = np.zeros(3)
    with record_warnings() as records:
        for i in range(3):
            math.exp(v)
            float(v)
            array[i] = v
    first = test_warning_names_the_line_of_the_user_once_per_line.__code__.co_firstlineno
    assert [w.filename for w in records] == [__file__] * 3
    assert [w.lineno - first for w in records] == [5, 6, 7]
    assert (
        len({str(w.message) for w in records}) == 1
    )  # a constant text, so that Python shows it once per line
    assert {w.category for w in records} == {GradientLostWarning}
    assert issubclass(GradientLostWarning, UserWarning)


def test_number_is_correct_after_the_warning() -> None:
    v = Value(1.0) * 2.0
    array = np.zeros(1)
    with record_warnings():
        assert (float(v), math.exp(v), complex(v)) == (2.0, math.exp(2.0), 2 + 0j)
        assert type(float(v)) is float
        array[0] = v
    assert array.tolist() == [2.0]


def test_warning_as_an_error_stops_before_the_number_is_used() -> None:
    array = np.zeros(1)
    with record_warnings("error"), pytest.raises((GradientLostWarning, ValueError)):
        array[0] = Value(2.0)
    assert array.tolist() == [0.0]


@pytest.mark.parametrize("lose", LOSING.values(), ids=LOSING)
def test_no_grad_does_not_warn(lose: Callable[[Value], Any]) -> None:
    v = Value(1.0) * 2.0
    with record_warnings() as records, no_grad():
        lose(v)
    assert not records
    with no_grad(), enable_grad(), pytest.warns(GradientLostWarning):
        lose(v)


KEEPING: dict[str, Callable[[Value], Any]] = {
    "repr": repr,
    "str": str,
    "f-string": lambda v: f"{v} {v!r} {v:.3f} {v:>10}",
    "format": lambda v: format(v, "e"),
    "bool": bool,
    "not": lambda v: not v,
    ".data": lambda v: v.data,
    ".item": lambda v: v.item(),
    ".grad": lambda v: v.grad,
    ".detach": lambda v: v.detach(),
    "comparison": lambda v: [v < 3.0, v <= v, v > 1, v >= np.float64(2.0), v == 2.0, v != v],
    "max": lambda v: max([v, Value(1.0)], default=None),
    "sorted": lambda v: sorted([v, Value(1.0)]),
    "hash": hash,
    "sum": lambda v: sum([v, v]),
    "sum of autograd": lambda v: autograd.sum([v, 1.0]),
    "+v": lambda v: +v,
    "copy": lambda v: (copy.copy(v.detach()), pickle.dumps(v.detach())),
    "numpy scalars": lambda v: [np.float64(2.0) * v, v / np.float32(2.0)],
    "object array": lambda v: np.exp(np.array([v, v]) * 2.0),
    "backward": lambda v: v.backward(),
    "topological_order": autograd.topological_order,
}


@pytest.mark.parametrize("keep", KEEPING.values(), ids=KEEPING)
def test_reading_and_computing_do_not_warn(keep: Callable[[Value], Any]) -> None:
    v = Value(1.0) * 2.0
    with record_warnings("always") as records:
        keep(v)
    assert not records


def test_nothing_inside_the_package_warns() -> None:
    x, y = Value(0.5), Value(0.25)
    with record_warnings("always") as records:
        total = autograd.sum([x.tanh() ** 3, y / 0.0, *autograd.softmax([x, y]), autograd.take([x, y], 1)])
        (first,) = grad(total, x, create_graph=True)
        grad(first, x, allow_unused=True)
        first.backward()
        hessian(lambda a, b: a.exp() * b, [x, y])
        jacobian(lambda a, b: [a, b, a * b], [x, 1])
        autograd.hvp(lambda a, b: a * b, [x, y], [y, x])
        check_grads(lambda a: a.sigmoid(), [x])
        with autograd.detect_anomaly():
            (x * y).backward()
    assert not records


#: A notebook cell, or a file: the line of the user is named, also where the package is installed elsewhere.
SCRIPT = """
    import math, warnings
    from autograd import Value
    v = Value(2.0)
    for _ in range(2):
        math.exp(v)
    print("done")
"""


def test_script_shows_the_warning_once_and_continues() -> None:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout == "done\n"
    assert result.stderr.count("GradientLostWarning") == 1
    assert result.stderr.startswith("<string>:6: GradientLostWarning: A Value became a float")
