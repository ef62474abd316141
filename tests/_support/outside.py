"""Functions that read from outside what changes at some calls, and their comparison with eager execution."""

import dataclasses
import enum
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import nn
from autograd import Value, compile

CALLS, CHANGES = 700, (131, 601)


@dataclasses.dataclass
class Config:
    beta: float = 0.5
    items: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])


class Settings:
    beta = 0.5


class Slots:
    __slots__ = ("beta",)

    def __init__(self) -> None:
        self.beta = 0.5


class Kind(enum.Enum):
    SQUARE, LINE = 1, 2


class Gate(nn.Module):
    """A module of the user's own, which decides by its mode."""

    def __init__(self) -> None:
        self.w = nn.Parameter(2.0)
        self.gain = 0.5

    def __call__(self, x: Any) -> Value:
        return self.w * x if self.training else self.w * self.w * x * self.gain


class Trainer:
    def __init__(self) -> None:
        self.w, self.beta, self.steps = Value(2.0), 0.5, 0
        self.history: list[float] = []

    def loss(self, x: Any) -> Value:
        return self.w * x * self.beta

    def __call__(self, x: Any) -> Value:
        return self.loss(x)


class Case(NamedTuple):
    """A function of x, the leaves it uses, and what changes outside: ``change(i)`` for the i-th time."""

    function: Callable[..., Any]
    leaves: Callable[[], Sequence[Value]]
    change: Callable[[int], object]


RATES = (2.0, -3.0)  # what takes the place of 0.5


def on(w: Value, by: Callable[[Any], Any], change: Callable[[int], object]) -> Case:
    return Case(lambda x: by(w * x), lambda: [w], change)


def agrees(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-12 * abs(b)


def eager(function: Callable[..., Any], leaves: Sequence[Value], *args: Any) -> list[float]:
    for leaf in leaves:
        leaf.zero_grad()
    loss = function(*args)
    loss.backward()
    return [loss.data, *[leaf.grad for leaf in leaves]]


def registry() -> tuple[dict[str, Callable[[], Case]], Callable[[Callable[[], Case]], Callable[[], Case]]]:
    """Return a dict of cases by name, and a decorator that adds a function that makes one."""
    cases: dict[str, Callable[[], Case]] = {}

    def case(make: Callable[[], Case]) -> Callable[[], Case]:
        cases[make.__name__] = make
        return make

    return cases, case


def check_every_call(case: Case) -> None:
    """Compare each call with eager execution; no change may need a warning, a fallback or more than a trace.

    A program with nothing to hide never warns: pytest turns warnings into errors.
    """
    step = compile(case.function, backend="python")
    for call in range(1, CALLS + 1):
        if call in CHANGES:
            case.change(CHANGES.index(call))
        x = 1.0 + call % 5
        expected = eager(case.function, case.leaves(), x)
        actual = [step(x), *[leaf.grad for leaf in case.leaves()]]
        assert all(map(agrees, actual, expected)), (call, actual, expected)
    assert not step.fallbacks
    assert len(step._step.causes) <= 3, step._step.causes
