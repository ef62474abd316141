"""Tracing: the function is run on Values, and what it did is read off the graph.

The numbers of the arguments are :class:`Input`; leaves that existed before are read at each call; numbers
made inside are constants. A :class:`FunctionTracer` raises for a number that would escape the graph.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, SupportsFloat

from ...backward import operands_first, topological_order
from ...interop.reals import real_to_float
from ...modes import Mode, active
from ...primitives import ADD, MUL, NEG, SUB
from ...system.messages import replace_controls, short, type_and_value, type_name
from ...tracing import Tracer, current_tracer, report_escape
from ...value import Value, operand_values
from .arguments import rebuild

#: Whose lines are not the user's: this package, and the library (contextlib, copy) it may be called by.
_NOT_THE_USERS = (
    str(Path(__file__).parents[2]) + os.sep,
    *(
        os.path.join(os.path.dirname(os.__file__), name)
        for name in ("contextlib.py", "copy.py", "copyreg.py")
    ),
)


class TraceError(RuntimeError):
    """A function that is being compiled uses a number in a way that cannot be recorded."""


class Untraceable(Exception):
    """Why a function falls back to eager execution.

    ``is_final`` says that it stays so whatever changes outside.
    """

    def __init__(self, reason: str, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Input(Value):
    """A number of the arguments, while the function is recorded."""

    __slots__ = ("position", "whole")

    position: int
    whole: bool

    def __init__(self, data: SupportsFloat, position: int) -> None:
        super().__init__(data)
        self.position = position
        self.whole = type(data) is int

    def __index__(self) -> NoReturn:
        raise TraceError(
            f"{_where()}: a number of the arguments is used as an index or a count while the function is "
            "compiled, and would be the same at every later call. Select by take(values, index), which "
            "reads the index at each call, or let the function close over the number"
        )

    def __eq__(self, other: object) -> Any:
        """As that of the number it stands for."""
        if self is other:
            return True
        y = other._data if isinstance(other, Input) else real_to_float(other)
        if y is None:
            return NotImplemented
        answer = self._data == y
        if active and (tracer := current_tracer()):
            tracer.compared("eq", self, other if isinstance(other, Input) else y, answer)
        return answer

    def __format__(self, spec: str) -> str:
        report_escape(self, "formatting")
        return super().__format__(spec)

    def __str__(self) -> str:
        report_escape(self, "formatting")
        return super().__str__()

    def __hash__(self) -> int:
        if active and current_tracer() and _called_by_the_user():
            raise TraceError(
                f"{_where()}: a number of the arguments is looked up in a dict or a set while the function "
                "is compiled, and would not be found. Select by take(values, index)"
            )
        return object.__hash__(self)


class Constant(Value):
    """A number computed from Values through which no gradient flows back, such as softmax's shift."""

    __slots__ = ("operation", "sources")

    operation: str
    sources: tuple[Value, ...]

    def __init__(self, operation: str, sources: Sequence[Value], data: float) -> None:
        super().__init__(data)
        self.operation = operation
        self.sources = (*sources,)


_REMEDIES = {
    ".data": "use the Value itself",
    ".grad": "take the gradient by grad(…, create_graph=True), or pass the number as an argument",
    "float()": "use the Value itself, and autograd's functions (exp, tanh, …) instead of math's",
    "bool()": "write the comparison that is meant, such as v > 0: it is recorded as a guard",
    "formatting": "print after the call, from what it returns",
    "writing .data": "write it outside the function",
    "backward()": "return the loss: the compiled step differentiates it",
    "no_grad()": "leave it away: only what the function returns is differentiated",
    "grad() without create_graph=True": "pass create_graph=True, so that the gradient is recorded",
    "detect_anomaly()": "enter it around the call of the compiled step, which then runs as it is",
    "==": "compare by <= and >=, which are recorded as guards (== between Values goes by identity)",
    "jacobian(), hessian() or hvp()": "take the slopes by grad(…, create_graph=True), or call the .hessian "
    "and .hvp of what compile() gives",
    "copying": "copy it outside the function",
    "a compiled step": "call the function that was compiled instead",
}


def _where() -> str:
    """The line of the user's that runs, as file:line."""
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(_NOT_THE_USERS):
        frame = frame.f_back
    return f"{replace_controls(frame.f_code.co_filename)}:{frame.f_lineno}"


def _called_by_the_user() -> bool:
    """Whether the function that calls this one was called from a line of the user's, not from a library."""
    caller = os.path.abspath(sys._getframe(2).f_code.co_filename)
    return not caller.startswith(_NOT_THE_USERS)


#: For each Value that is a gradient: of which output, with respect to which inputs, and which of these.
Gradients = dict[Value, tuple[Value, tuple[Value, ...], int]]


class Guard:
    """A comparison of two numbers, and the answer by which the function went on."""

    __slots__ = ("a", "answer", "b", "operation")

    def __init__(self, operation: str, a: Any, b: Any, answer: bool) -> None:
        self.operation, self.a, self.b, self.answer = operation, a, b, answer


def observes(mode: Mode) -> bool:
    """Return True if a mode is called at each operation or backward pass, which a program does not have."""
    kind = type(mode)
    return kind.recorded is not Mode.recorded or kind.after_backward is not Mode.after_backward


class FunctionTracer(Tracer):
    """Stores what one run of a function does beyond its graph; raises TraceError where a number escapes."""

    def __init__(self) -> None:
        self.guards: list[Guard] = []
        self.constants: list[Constant] = []
        self.indices: set[int] = set()
        self.gradients: Gradients = {}

    def entering(self, inner: Mode) -> None:
        """Raise for a mode that a program cannot have inside: no_grad() and those that observe."""
        if inner.records is False or observes(inner):
            self.escaped(None, f"{type_name(inner)}()")

    def escaped(self, value: Value | None, how: str) -> None:
        """Raise TraceError with the remedy."""
        what = how if value is None else f"{how} of {value!r}"
        remedy = _REMEDIES.get(how, "enter it around the call of the compiled step, which then runs as it is")
        raise TraceError(
            f"{_where()}: {what} while the function is compiled would make a constant of a number that may "
            f"change from call to call: {remedy}"
        )

    def untraceable(self, why: str) -> None:
        """Raise the reason for a fallback."""
        raise Untraceable(why)

    def compared(self, symbol: str, a: Value | float, b: Value | float, answer: bool) -> None:
        """Store a guard."""
        self.guards.append(Guard(symbol, a, b, answer))

    def constant(self, name: str, operands: Sequence[Value], answer: float) -> Value:
        """Return a leaf that a program computes from the operands at each call."""
        self.constants.append(Constant(name, operands, answer))
        return self.constants[-1]

    def differentiated(self, output: Value, inputs: Sequence[Value], gradients: list[Any]) -> list[Any]:
        """Return each gradient as a Value of its own, stored with what it is the derivative of.

        A program has the backward pass of ``output`` there. The graph that the rules left is not used,
        because their branches were taken for the numbers of this call.
        """
        found = [None if gradient is None else gradient * 1.0 for gradient in gradients]
        self.gradients |= {x: (output, (*inputs,), i) for i, x in enumerate(found) if x is not None}
        return found

    def is_index(self, index: Value) -> bool:
        """Return True if it is computed from ints among the arguments by + − · alone; store which ones."""
        made = topological_order(index)
        for value in made:
            if isinstance(value, Input):
                whole = value.whole
            elif value.primitive is None:
                whole = False
            else:
                numbers = [x for x in value.operands if not isinstance(x, Value)]
                whole = value.primitive in (ADD, SUB, MUL, NEG) and all(
                    float(x).is_integer() for x in numbers
                )
            if not whole:
                return False
        self.indices |= {value.position for value in made if isinstance(value, Input)}
        return True


class Recording:
    """What one run of the function left: its result, the comparisons, its nodes in topological order."""

    def __init__(self, output: Value, tracer: FunctionTracer) -> None:
        self.output = output
        self.guards = tracer.guards
        #: The arguments that select something, which must be ints.
        self.indices = tracer.indices
        self.gradients = tracer.gradients
        compared = [x for guard in self.guards for x in (guard.a, guard.b) if isinstance(x, Value)]
        self.nodes = operands_first([*tracer.constants, output, *compared], self._sources)

    def _sources(self, node: Value) -> Sequence[Value]:
        """What a program computes a node from."""
        if node.is_leaf:
            return node.sources if isinstance(node, Constant) else ()
        if node in self.gradients:
            output, inputs, _ = self.gradients[node]
            return (output, *inputs)
        return operand_values(node)

    @property
    def reached(self) -> list[Value]:
        """What the result is computed from at each call.

        That is neither what is only compared, nor what only gradients inside the function depend on, for
        eager does not use that behind a dead relu.
        """
        return operands_first([self.output], lambda x: () if x in self.gradients else operand_values(x))


def record(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Recording:
    """Run the function on Inputs in the place of the numbers of its arguments."""
    positions = iter(range(sys.maxsize))

    def make(x: SupportsFloat) -> Input:
        return Input(x, next(positions))

    inputs = [rebuild(a, make) for a in args]
    named = {name: rebuild(a, make) for name, a in kwargs.items()}
    with FunctionTracer() as tracer:
        output = function(*inputs, **named)
    return Recording(as_value(output), tracer)


def as_value(output: Any) -> Value:
    """What a function returned, as a Value; it may be a plain number."""
    if isinstance(output, Value):
        return output
    x = real_to_float(output)
    if x is None:
        raise TypeError(f"a compiled function returns one Value or number, not {type_and_value(output)}")
    return Value(x)


def live_leaves(first: Recording, second: Recording) -> list[Value]:
    """The leaves that both recordings share: they were there before. All else must agree in number.

    Raises Untraceable where the two differ, for then the function depends on something unseen.
    """
    if len(first.nodes) != len(second.nodes) or len(first.guards) != len(second.guards):
        raise Untraceable("run twice on the same arguments it did different things")
    leaves: list[Value] = []
    twins = dict(zip(first.nodes, second.nodes))
    gradients = (first.gradients, second.gradients)
    for a, b in twins.items():
        if a is b:
            if not a.is_leaf:
                raise Untraceable(f"it uses {short(a)}, computed outside of it: compute it inside")
            leaves.append(a)
        else:
            _check_same(a, b, gradients, twins)
    for g, h in zip(first.guards, second.guards):
        same = (g.operation, g.answer) == (h.operation, h.answer)
        if not (same and _same_operands((g.a, g.b), (h.a, h.b), twins)):
            raise Untraceable("run twice on the same arguments it decided differently")
    return leaves


def _check_same(
    a: Value, b: Value, gradients: tuple[Gradients, Gradients], twins: Mapping[Value, Value]
) -> None:
    if a._primitive is not b._primitive or type(a) is not type(b):
        raise Untraceable("run twice on the same arguments it did different things")
    if a in gradients[0] or b in gradients[1]:
        (u, us, i), (v, vs, j) = (known.get(x, (x, (), -1)) for known, x in zip(gradients, (a, b)))
        if i != j or not _same_operands((u, *us), (v, *vs), twins):
            raise Untraceable("run twice on the same arguments it took other gradients")
    elif a._primitive is not None:
        if not _same_operands(a.operands, b.operands, twins):
            raise Untraceable(
                "run twice on the same arguments it did different things or used different constants: "
                "it depends on random numbers or on something that it changes"
            )
    elif isinstance(a, Input) and isinstance(b, Input):
        if a.position != b.position:
            raise Untraceable("run twice on the same arguments it used them differently")
    elif isinstance(a, Constant) and isinstance(b, Constant):
        if not _same_operands(a.sources, b.sources, twins):
            raise Untraceable("run twice on the same arguments it did different things")
    elif repr(a._data) != repr(b._data):
        raise Untraceable(
            f"run twice on the same arguments it made a constant {a._data!r} and then {b._data!r}: "
            "it depends on random numbers or on something that it changes"
        )


def _same_operands(us: Sequence[Any], vs: Sequence[Any], twins: Mapping[Value, Value]) -> bool:
    """Whether they are the same constants, and Values that stand for each other."""
    if len(us) != len(vs):
        return False
    for u, v in zip(us, vs):
        if isinstance(u, Value):
            if twins.get(u) is not v:
                return False
        elif u is not v and repr(u) != repr(v):
            return False
    return True
