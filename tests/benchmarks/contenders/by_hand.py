"""The forward and the backward pass written out by hand: in C (moons.c), and in NumPy."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from array import array
from collections.abc import Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from problems import RATE, Perceptron

from . import Program, UnavailableError

SOURCE = Path(__file__).parent.parent / "moons.c"


def library_of(source: Path) -> ctypes.CDLL:
    """Compile a C file with a function ``train`` that returns a double."""
    if shutil.which("cc") is None:
        raise UnavailableError("needs a C compiler: cc, of Debian's gcc")
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/moons.so"
        flags = ["-O3", "-march=native", "-shared", "-fPIC"]
        subprocess.run(["cc", *flags, "-o", library, str(source)], check=True)
        code = ctypes.CDLL(library)
    code.train.restype = ctypes.c_double
    return code


def in_c(problem: Perceptron) -> Program:
    code = library_of(SOURCE)
    start = [number for rows in problem.start for row in rows for number in row]
    parameters, gradients = _doubles(start), _doubles([0.0] * len(start))
    ((inputs, labels),) = problem.batches
    code.prepare(_doubles(x for row in inputs for x in row), _doubles(labels))
    rate = ctypes.c_double(RATE)
    return Program(lambda n: code.train(n, rate, parameters, gradients), lambda: list(parameters))


def _doubles(numbers: Iterable[Any]) -> Any:
    buffer = array("d", numbers)
    return (ctypes.c_double * len(buffer)).from_buffer(buffer)


def in_numpy(problem: Perceptron) -> Program:
    import numpy as np

    batches = cycle([(np.array(inputs), np.array(targets)) for inputs, targets in problem.batches])
    layers = [(rows[:, :-1].T.copy(), rows[:, -1].copy()) for rows in map(np.array, problem.start)]
    parameters = [p for layer in layers for p in layer]

    def judged(scores: Any, targets: Any) -> tuple[float, Any]:
        """Return the loss and its gradient with respect to the scores."""
        if problem.hinge:
            margins = 1.0 - targets * scores[:, 0]
            decay = problem.decay * sum(float(np.vdot(p, p)) for p in parameters)
            slopes = np.where(margins > 0.0, -targets, 0.0) / len(targets)
            return np.maximum(margins, 0.0).mean() + decay, slopes[:, None]
        errors = scores - targets
        return np.vdot(errors, errors) / errors.size, errors * (2.0 / errors.size)

    def train(n: int) -> float:
        for x, targets in islice(batches, n):
            activations = [x]
            for w, b in layers[:-1]:
                activations.append(np.maximum(activations[-1] @ w + b, 0.0))
            w, b = layers[-1]
            loss, slopes = judged(activations[-1] @ w + b, targets)
            for (w, b), below in zip(reversed(layers), reversed(activations)):
                dw = below.T @ slopes + 2.0 * problem.decay * w
                db = slopes.sum(0) + 2.0 * problem.decay * b
                if below is not x:
                    slopes = slopes @ w.T * (below > 0.0)
                w -= RATE * dw
                b -= RATE * db
        return float(loss)

    return Program(train, lambda: np.concatenate([p.ravel() for p in parameters]).tolist())
