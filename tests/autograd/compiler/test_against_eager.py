"""Compiled and eager on random programs: the same loss and gradients, or the same nan and inf.

Run as a module for more of them: ``python -m tests.autograd.compiler.test_against_eager 10000``.
"""

import math
import sys
import warnings

import pytest

from autograd import Value

from ..._support.compiled import BACKENDS, apart, differences
from ..._support.programs import case


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("block", range(10))
def test_random_programs(block: int, backend: str) -> None:
    by_seed = {seed: d for seed in range(block * 30, block * 30 + 30) if (d := differences(seed, backend))}
    assert not by_seed


def test_comparison_with_eager_finds_differences() -> None:
    assert apart(1.0, 1.1, 1.0)
    assert apart(math.inf, 1.0, 1.0)
    assert apart(1.0, math.nan, 1.0)
    assert not apart(math.nan, math.nan, 0.0)
    assert isinstance(case(0).function(*case(0).calls[0]), Value)


if __name__ == "__main__":
    warnings.simplefilter("error")
    counts = {"reported": 0, "silent": 0}
    for backend in sys.argv[2:] or BACKENDS:
        for seed in range(int(sys.argv[1])):
            if d := differences(seed, backend):
                counts["reported" if d[0].startswith("reported") else "silent"] += 1
                print(backend, seed, d[:2], flush=True)
    print(f"{sys.argv[1]} programs on {sys.argv[2:] or BACKENDS}; that differ: {counts}")
