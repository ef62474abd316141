"""A function that reads random state from outside, which changes between calls: compiled, and eager.

The state is in attributes, items, closures, globals, defaults and so on. Later samples may have another
formula than the first ones, a module may change its mode, parameters may be swapped, and random numbers may
be drawn.
"""

from __future__ import annotations

import dataclasses
import math
import random
import types
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import nn
from autograd import CompileWarning, Value, compile, topological_order
from autograd import sum as sum_of

CALLS = 14


class Place(NamedTuple):
    """A number outside the function, with functions that read and change it."""

    read: Callable[[], Any]
    write: Callable[[float], object]


@dataclasses.dataclass
class Config:
    beta: float
    inner: Any = None


class Slotted:
    __slots__ = ("beta",)


class Doubled:
    def __init__(self, half: float) -> None:
        self.half = half

    @property
    def beta(self) -> float:
        return 2.0 * self.half

    def __call__(self) -> float:
        return 2.0 * self.half


def attribute(x: float) -> Place:
    config = Config(x)
    return Place(lambda: config.beta, lambda new: setattr(config, "beta", new))


def nested(x: float) -> Place:
    config = Config(0.0, {"list": [Config(x), Value(1.0)]})
    return Place(
        lambda: config.inner["list"][0].beta, lambda new: setattr(config.inner["list"][0], "beta", new)
    )


def exchanged(x: float) -> Place:
    holder = types.SimpleNamespace(config=Config(x))
    return Place(lambda: holder.config.beta, lambda new: setattr(holder, "config", Config(new)))


def item(x: float) -> Place:
    config = {"beta": x}
    return Place(lambda: config["beta"], lambda new: config.update(beta=new))


def element(x: float) -> Place:
    numbers = [1.0, x]
    return Place(lambda: numbers[1], lambda new: numbers.__setitem__(1, new))


def next_to_values(x: float) -> Place:
    mixed = {"w": Value(1.0), "beta": x}
    return Place(lambda: mixed["beta"], lambda new: mixed.update(beta=new))


def class_attribute(x: float) -> Place:
    class Local:
        beta = x

    inherits = type("Inherits", (Local,), {})()
    return Place(lambda: inherits.beta, lambda new: setattr(Local, "beta", new))


def slot(x: float) -> Place:
    slotted = Slotted()
    slotted.beta = x
    return Place(lambda: slotted.beta, lambda new: setattr(slotted, "beta", new))


def behind_a_property(x: float) -> Place:
    doubled = Doubled(x / 2.0)
    return Place(lambda: doubled.beta, lambda new: setattr(doubled, "half", new / 2.0))


def callable_object(x: float) -> Place:
    doubled = Doubled(x / 2.0)
    return Place(doubled, lambda new: setattr(doubled, "half", new / 2.0))


def variable(x: float) -> Place:
    def write(new: float) -> None:
        nonlocal x
        x = new

    return Place(lambda: x, write)


def global_variable(x: float) -> Place:
    namespace: dict[str, Any] = {"beta": x}
    exec("def helper():\n return beta\ndef read():\n return helper()", namespace)
    return Place(namespace["read"], lambda new: namespace.update(beta=new))


def default(x: float) -> Place:
    def read(beta: list[float] = [x]) -> float:  # noqa: B006
        return beta[0]

    return Place(read, lambda new: setattr(read, "__defaults__", ([new],)))


def method(x: float) -> Place:
    class Local:
        def read(self) -> float:
            return x

    local = Local()

    def write(new: float) -> None:
        Local.read = lambda self: new

    return Place(lambda: local.read(), write)


def computed_name(x: float) -> Place:
    config = Config(x)
    return Place(lambda: getattr(config, "".join(["be", "ta"])), lambda new: setattr(config, "beta", new))


def dispatched(x: float) -> Place:
    table = {"read": lambda: x}

    def write(new: float) -> None:
        table["read"] = lambda: new

    return Place(lambda: table["read"](), write)


def array(x: float) -> Place:
    np = __import__("numpy")
    numbers = np.array([x, 1.0])
    return Place(lambda: float(numbers[0]), lambda new: numbers.__setitem__(0, new))


def of_a_module(x: float) -> Place:
    class Local(nn.Module):
        def __init__(self) -> None:
            self.beta, self.w = x, nn.Parameter(1.0)

    outer = nn.Module()
    outer.parts = [Local()]
    inner = outer.parts[0]
    return Place(lambda: outer.parts[0].beta, lambda new: setattr(inner, "beta", new))


PLACES = (
    attribute, nested, exchanged, item, element, next_to_values, class_attribute, slot, behind_a_property,
    callable_object, variable, global_variable, default, method, computed_name, dispatched, array,
    of_a_module,
)  # fmt: skip

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "tanh": lambda a, b: (a + b).tanh(),
    "relu": lambda a, b: (a - b).relu(),
    "sin": lambda a, b: a.sin() * b,
}

Tree = tuple[Any, ...]


class Gate(nn.Module):
    """A factor that differs between training and evaluation."""

    def __init__(self, rng: random.Random) -> None:
        self.w = nn.Parameter(rng.gauss(0.0, 1.0))
        self.gain = (rng.uniform(0.5, 2.0), rng.uniform(0.5, 2.0))

    def __call__(self, v: Any) -> Any:
        return v * self.w * (self.gain[0] if self.training else self.gain[1])


class Case:
    """A function of a list of samples, its leaves, and the changes before each call."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.places = [rng.choice(PLACES)(self.number()) for _ in range(rng.randint(1, 3))]
        self.leaves = [Value(rng.gauss(0.0, 1.0)) for _ in range(rng.randint(1, 3))]
        self.gate = Gate(rng)
        self.size = rng.choice([1, 2, 4, 16, 19])
        self.formulas = [self.tree(3), self.tree(3)]
        self.special = {rng.randrange(self.size) for _ in range(rng.choice([0, 0, 1, 2]))}
        self.draws = random.Random(seed) if rng.random() < 0.1 else None
        self.warm_up = rng.choice([None, 0.0, 1.0])
        self.function = self.build()

    def number(self) -> float:
        return self.rng.choice([0.0, -0.0, 1.0, 2.0, self.rng.gauss(0.0, 1.0)])

    def tree(self, depth: int) -> Tree:
        rng = self.rng
        if depth == 0 or rng.random() < 0.2:
            kind = rng.choice(["x", "x", "leaf", "place", "number"])
            return kind, rng.randrange(3) if kind != "number" else self.number()
        return rng.choice([*OPERATIONS]), self.tree(depth - 1), self.tree(depth - 1)

    def build(self) -> Callable[[Any], Any]:
        places, leaves, gate, draws = [p.read for p in self.places], self.leaves, self.gate, self.draws
        formulas, special = self.formulas, self.special

        def evaluate(tree: Tree, x: Any) -> Any:
            kind, *rest = tree
            if kind == "x":
                return x
            if kind == "leaf":
                return leaves[rest[0] % len(leaves)]
            if kind == "place":
                return places[rest[0] % len(places)]() + 0.0 * x
            if kind == "number":
                return rest[0] + 0.0 * x
            a, b = (evaluate(part, x) for part in rest)
            return OPERATIONS[kind](a, b)

        def function(xs: Any) -> Any:
            terms = [evaluate(formulas[i in special], x * leaves[0]) for i, x in enumerate(xs)]
            total = gate(sum_of(terms)) * places[0]()
            return total if draws is None else total * draws.random()

        return function

    def all_leaves(self) -> list[Value]:
        return [*self.leaves, self.gate.w]

    def change(self, call: int) -> None:
        """Change something outside, at one call in four."""
        rng = self.rng
        for leaf in self.all_leaves():
            leaf.data = leaf.data + rng.choice([0.0, 0.0, 0.25, -0.5])
        if call and rng.random() < 0.25:
            what = rng.choice(["place", "place", "mode", "swap", "gain"])
            if what == "place":
                rng.choice(self.places).write(self.number())
            elif what == "mode":
                self.gate.train(rng.random() < 0.5)
            elif what == "gain":
                self.gate.gain = (rng.uniform(0.5, 2.0), self.gate.gain[1])
            else:
                self.leaves[rng.randrange(len(self.leaves))] = Value(rng.gauss(0.0, 1.0))

    def arguments(self, call: int) -> list[float]:
        if call < 3 and self.warm_up is not None:
            return [self.warm_up] * self.size
        return [self.rng.gauss(0.0, 1.0) for _ in range(self.size)]


def _eager(case: Case, xs: list[float]) -> tuple[list[float], float]:
    """Return the loss, the gradients, and the largest intermediate number, the scale of rounding errors."""
    leaves = case.all_leaves()
    for leaf in leaves:
        leaf.zero_grad()
    loss = case.function(xs)
    loss.backward()
    nodes = topological_order(loss)
    largest = max(abs(x) for v in nodes for x in (v.data, v.grad, v.data * v.grad))
    return [loss.data, *[leaf.grad for leaf in leaves]], largest


def _agrees(a: float, b: float, largest: float) -> bool:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    return abs(a - b) <= 1e-12 * abs(b) + 1e-14 * largest < math.inf


def differences(seed: int, backend: str = "python") -> list[str]:
    """Return the first wrong number; "reported: …" if a warning announced it.

    A warning without a wrong number is returned as "needless: …".
    """
    case = Case(seed)
    step = compile(case.function, backend=backend)
    messages: list[str] = []
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always", CompileWarning)
        for call in range(CALLS):
            case.change(call)
            xs = case.arguments(call)
            state = case.draws.getstate() if case.draws else None
            expected, largest = _eager(case, xs)
            if case.draws:
                case.draws.setstate(state)
            actual = [step(xs), *[leaf.grad for leaf in case.all_leaves()]]
            messages = [str(warning.message) for warning in records]
            for k, (a, b) in enumerate(zip(actual, expected)):
                if not _agrees(a, b, largest):
                    what = f"call {call}: {'loss' if k == 0 else f'gradient {k - 1}'} {a!r}, eager {b!r}"
                    return [f"reported: {messages[0]}: {what}"] if messages else [what]
    return [f"needless: {messages[0]}"] if messages and case.draws is None else []
