"""source("c"): the exported program compiles without a warning and prints the losses of run()."""

import math
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value, compile, maximum, minimum, softmax
from autograd.floats import KERNELS
from autograd.operations import FUNCTIONS
from nn import MLP, SGD, Adam, AdamW, RMSprop, cross_entropy, hinge_loss, mse_loss
from nn.data import two_moons

from ..._support.compiled import BACKENDS

each_backend = pytest.mark.parametrize("backend", BACKENDS)
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]

RNG = random.Random(3)
XS = [[RNG.gauss(0.0, 1.0) for _ in range(3)] for _ in range(9)]
YS = [RNG.gauss(0.0, 1.0) for _ in XS]


def losses_of(source: str, folder: Path, steps: int = 5) -> list[float]:
    """Compile the source with all warnings as errors; return the losses that the program prints."""
    path = folder / "step.c"
    path.write_text(source, encoding="utf-8")
    subprocess.run(["cc", *FLAGS, str(path), "-o", str(folder / "step"), "-lm"], check=True)
    output = subprocess.run([str(folder / "step"), str(steps)], check=True, capture_output=True, text=True)
    return [*map(float, output.stdout.split())]


OPTIMIZERS = {
    "SGD": lambda p: SGD(p, lr=0.05),
    "momentum": lambda p: SGD(p, lr=0.02, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "RMSprop": lambda p: RMSprop(p, lr=0.01, momentum=0.5),
    "Adam": lambda p: Adam(p, lr=0.01),
    "AdamW": lambda p: AdamW(p, lr=0.01),
}


@needs_cc
@each_backend
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("limit", [None, 0.1])
def test_training_in_c_has_the_losses_of_run(
    optimizer: str, limit: float | None, backend: str, tmp_path: Path
) -> None:
    model = MLP(3, [4, 1], activation="gelu", seed=1)
    decay = 1e-3

    def objective(xs: Any, ys: Any) -> Value:
        penalty = autograd.sum([p * p for p in model.parameters()])
        return mse_loss([model(x) for x in xs], ys) + decay * penalty

    moving = OPTIMIZERS[optimizer](model.parameters())
    step = compile(objective, moving, backend=backend, clip_grad_norm=limit)
    step.run(3, XS, YS)
    source = step.source("c")
    losses = losses_of(source, tmp_path, 8)  # the rounding of sums in another order grows from step to step
    assert losses == pytest.approx(step.run(8, XS, YS), rel=1e-12)
    assert ("for (int i = 0; i < SAMPLES; i++)" in source) == (backend != "python")
    assert "for (int k = 0; k < 21; k++)" in source  # the update of all parameters
    assert not step.fallbacks


@needs_cc
@each_backend
def test_moons_in_c(backend: str, tmp_path: Path) -> None:
    """The network of tests/benchmarks, which has a program in C by hand."""
    X, y = two_moons(40, noise=0.1, seed=0)
    model = MLP(2, [16, 16, 1], seed=0)
    step = compile(
        lambda X, y: hinge_loss([model(x) for x in X], y), SGD(model.parameters(), lr=0.1), backend=backend
    )
    step(X, y)
    source = step.source("c")
    assert losses_of(source, tmp_path, 10) == pytest.approx(step.run(10, X, y), rel=1e-12)
    if backend != "python":
        assert len(source.splitlines()) < 1_000


@needs_cc
@each_backend
def test_classification_with_a_shift_by_the_largest(backend: str, tmp_path: Path) -> None:
    model = MLP(3, [4, 3], activation="tanh", seed=0)
    labels = [i % 3 for i in range(len(XS))]
    step = compile(
        lambda xs, labels: cross_entropy([model(x) for x in xs], labels),
        Adam(model.parameters(), lr=0.1),
        backend=backend,
    )
    step(XS, labels)
    assert losses_of(step.source(), tmp_path) == pytest.approx(step.run(5, XS, labels), rel=1e-12)


@needs_cc
@each_backend
def test_samples_that_depend_on_a_sum_over_the_samples(backend: str, tmp_path: Path) -> None:
    w, b = Value(0.5), Value(0.1, label="b")

    def spread(xs: Any) -> Value:
        outputs = [(w * x + b).tanh() for x in xs]
        mean = autograd.sum(outputs) / len(xs)
        return autograd.sum([(out - mean) ** 2 for out in outputs])

    step = compile(spread, SGD([w, b], lr=0.1), backend=backend)
    step(YS)
    assert losses_of(step.source(), tmp_path) == pytest.approx(step.run(5, YS), rel=1e-12)


@needs_cc
@each_backend
def test_every_primitive_in_c(backend: str, tmp_path: Path) -> None:
    """Each function of one Value, and those of two, of groups, and with constants that are not finite."""
    w = Value(0.4)
    unary = [name for name, function in FUNCTIONS.items() if _takes_one(function)]
    assert {*KERNELS} <= {*unary}

    def function(x: Any) -> Value:
        terms = [FUNCTIONS[name](w * x) for name in unary]
        terms += [abs(-w), w**x, x / w, x - w, maximum(w, x), minimum(w, math.inf), -(-w * 2.0)]
        return autograd.sum(terms) + autograd.dot([w, x], [x, x], w) + softmax([w, x, 0.5])[0]

    step = compile(function, SGD([w], lr=0.001), backend=backend)
    step(0.8)
    assert losses_of(step.source(), tmp_path) == pytest.approx(step.run(5, 0.8), rel=1e-12)


def _takes_one(function: Any) -> bool:
    try:
        return isinstance(function(Value(0.5)), Value)
    except TypeError:
        return False


@needs_cc
def test_labels_become_names_unless_c_uses_them(tmp_path: Path) -> None:
    labels = [
        "w",
        "double",
        "exp",
        "v12",
        "two words",
        "w",
        "bias",
        "größe",
        "*/",
        "p",
        "x",
        "loss",
        "_a",
        "d_w",
    ]
    leaves = [Value(0.1 * i, label=label) for i, label in enumerate(labels)]
    step = compile(
        lambda x: autograd.sum([leaf * x for leaf in leaves]) ** 2, SGD(leaves, lr=0.01), backend="python"
    )
    step(2.0)
    source = step.source()
    assert losses_of(source, tmp_path) == pytest.approx(step.run(5, 2.0), rel=1e-12)
    assert "static double p_bias = " in source
    assert "static double p_double = " in source


@needs_cc
def test_a_failed_comparison_ends_the_program(tmp_path: Path) -> None:
    w = Value(2.0)
    step = compile(lambda x: w * w if w > x else -w, SGD([w], lr=0.25), backend="python")
    step(1.0)
    with pytest.raises(subprocess.CalledProcessError) as failure:
        losses_of(step.source(), tmp_path)  # w = 1, and 1 > 1 is False
    assert failure.value.returncode == 1
    assert "a comparison has another answer" in failure.value.stderr


@needs_cc
@each_backend
def test_without_an_optimizer_the_gradients_are_computed(backend: str, tmp_path: Path) -> None:
    w = Value(2.0, label="w")
    step = compile(lambda x, y: (w * x - y) ** 2, backend=backend)
    step(5.0, 12.0)
    step(3.0, 12.0)  # the last arguments
    source = step.source()
    assert losses_of(source, tmp_path, 3) == [36.0] * 3
    assert "gradient[0] = d_w;" in source


@needs_cc
@each_backend
def test_the_source_has_the_current_numbers(backend: str, tmp_path: Path) -> None:
    w, x = Value(2.0), Value(5.0)
    step = compile(lambda x: w * x, SGD([w], lr=0.5), backend=backend)
    step(x)
    step.each([(Value(1.0),), (Value(3.0),)])
    w.data = 7.0
    assert losses_of(step.source(), tmp_path, 1) == [21.0]


def test_errors_name_the_remedy() -> None:
    step = compile(lambda x: Value(2.0) * x)
    with pytest.raises(
        ValueError, match=r"source\(\) expected a compiled step with a program, .* Call the step"
    ):
        step.source()
    step(1.0)
    with pytest.raises(ValueError, match=r"source\(\) expected a language, got str 'fortran'\. Use 'c'\."):
        step.source("fortran")
