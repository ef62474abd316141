"""Random functions of Values, to compare compiled with eager execution. A seed determines a function."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograd import Value
from autograd.operations import FUNCTIONS
from autograd.primitives import PRIMITIVES

SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-300, 1e200, 800.0, -800.0]

#: The instruction for each value: the name of a primitive, and for each operand the index of an earlier value
#: or a float; a list for a group.
Recipe = list[tuple[str, list[Any]]]


@dataclass
class Case:
    """A function with the leaves it uses from outside, and arguments to call it on."""

    function: Callable[..., Value]
    leaves: list[Value]
    calls: list[tuple[Any, ...]]
    recipe: Recipe


def _recipe(rng: random.Random, start: int, length: int, constant: Callable[[], float]) -> Recipe:
    recipe: Recipe = []
    names = [*PRIMITIVES]

    def one(have: int) -> Any:
        return constant() if rng.random() < 0.15 else rng.randrange(max(0, have - 9), have)

    for i in range(length):
        entry = PRIMITIVES[rng.choice(names)]
        have = start + i
        width = rng.choice([1, 2, 2, 3, 5])
        operands = [
            [one(have) for _ in range(width)] if o.endswith("*") else one(have) for o in entry.operands
        ]
        recipe.append((entry.name, operands))
    return recipe


def _cook(recipe: Recipe, values: list[Any]) -> list[Any]:
    values = [*values]
    for name, operands in recipe:
        chosen = [
            [values[x] if isinstance(x, int) else x for x in o] if isinstance(o, list)
            else values[o] if isinstance(o, int) else o
            for o in operands
        ]  # fmt: skip
        values.append(FUNCTIONS[name](*chosen))
    return values


def case(seed: int) -> Case:
    """Return a function, flat or a sum over samples; one in four is called on special numbers."""
    rng = random.Random(seed)
    special = rng.random() < 0.25

    def number() -> float:
        if special and rng.random() < 0.1:
            return rng.choice(SPECIAL)
        return rng.choice([rng.gauss(0.0, 1.0), rng.uniform(0.2, 2.0), float(rng.randint(-3, 3))])

    leaves = [Value(number()) for _ in range(rng.randint(1, 5))]
    width = rng.randint(1, 3)
    samples = rng.choice([1, 2, 4, 5, 9, 33])
    before = _recipe(rng, len(leaves), rng.randint(0, 3), number)
    each = _recipe(rng, len(leaves) + len(before) + width + 1, rng.randint(1, 12), number)
    after = _recipe(rng, len(leaves) + 1, rng.randint(0, 4), number)
    labels = [number() for _ in range(samples)]  # constants, another one for each sample
    chained = rng.random() < 0.5

    def function(rows: list[list[float]], scale: float) -> Value:
        shared = _cook(before, leaves)
        terms = [_cook(each, [*shared, *row, label])[-1] for row, label in zip(rows, labels, strict=True)]
        if chained:
            total: Any = 0.0
            for term in terms:
                total = total + term
        else:
            total = FUNCTIONS["sum"](terms)
        return _cook(after, [*leaves, total * scale])[-1] + 0.0 * leaves[0]

    calls = [([[number() for _ in range(width)] for _ in range(samples)], number()) for _ in range(3)]
    return Case(function, leaves, calls, before + each + after)
