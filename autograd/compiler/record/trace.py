"""Tracing: the function runs on Values, and its operations are read from the graph.

The numbers of the arguments are :class:`Input`. Leaves that existed before are read at each call; numbers
created inside are constants. A :class:`FunctionTracer` raises an error for a number that would leave the
graph.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, SupportsFloat

from ...backward import operands_first, topological_order
from ...interop.reals import real_to_float
from ...modes import Mode, active, open_modes
from ...primitives import ADD, MUL, NEG, SUB
from ...scopes import scope
from ...system.messages import replace_controls, short, type_and_value, type_name
from ...tracing import Tracer, current_tracer, report_escape
from ...value import Value, operand_values
from .arguments import identities, rebuild
from .aux import Aux, split

#: Files whose lines are not the user's: this package, and library modules that may call it.
_NOT_THE_USERS = (
    str(Path(__file__).parents[2]) + os.sep,
    *(
        os.path.join(os.path.dirname(os.__file__), name)
        for name in ("contextlib.py", "copy.py", "copyreg.py")
    ),
)


class TraceError(RuntimeError):
    """Raised if a function uses a number in a way that cannot be traced, or if ``strict`` forbids a fallback.

    >>> from autograd import compile
    >>> try:
    ...     compile(lambda x: x.data * x)(2.0)
    ... except TraceError as error:
    ...     print(str(error).split(". ")[-1])
    Use the Value itself.
    """


class Untraceable(Exception):
    """Reason why a function falls back to eager execution.

    If ``is_final`` is set, it does so even if the state that it reads changes.
    """

    def __init__(self, reason: str, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Input(Value):
    """A number among the arguments."""

    __slots__ = ("is_int", "kind", "position")

    position: int
    is_int: bool

    def __init__(self, data: SupportsFloat, position: int) -> None:
        super().__init__(data)
        self.position = position
        self.kind = type(data)
        self.is_int = hasattr(data, "__index__")


class TracedInput(Input):
    """An Input while the function runs: it behaves as its number, and reports what cannot be traced.

    Afterwards it is a plain Input, because a ``__hash__`` in Python takes a third of the time of a trace.
    """

    __slots__ = ()

    if not TYPE_CHECKING:

        @property
        def __class__(self) -> type:
            """The class of the number, so that isinstance() returns what it returns in eager mode.

            ``isinstance(x, Value)`` is True as well, because it looks at ``type(x)`` first.
            """
            return self.kind

    def __index__(self) -> NoReturn:
        _raise_for(
            f"{_where()}: an argument is used as an index or a count while compile() traces the function, so "
            "every later call would use the same number. Use take(values, index), which reads the index at "
            "each call, or let the function close over the number."
        )

    def __eq__(self, other: object) -> Any:
        """Compare as the number does, so that nan != nan, and report the comparison to the tracer."""
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
        if active and current_tracer() and _is_called_by_user():
            _raise_for(
                f"{_where()}: an argument is looked up in a dict or set while compile() traces the function "
                "and would not be found. Use take(values, index)."
            )
        return object.__hash__(self)


#: The attribute itself, which TracedInput hides behind a property.
_CLASS: Any = vars(object)["__class__"]


class Constant(Value):
    """A number computed from Values through which no gradient flows, such as the shift in softmax."""

    __slots__ = ("operation", "sources")

    operation: str
    sources: tuple[Value, ...]

    def __init__(self, operation: str, sources: Sequence[Value], data: float) -> None:
        super().__init__(data)
        self.operation = operation
        self.sources = (*sources,)


_REMEDIES = {
    ".data": "Use the Value itself.",
    ".grad": "Take the gradient by grad(…, create_graph=True), or pass the number as an argument.",
    "float()": "Use the Value itself, and the functions of autograd (exp, tanh, …) instead of those of math.",
    "bool()": "Write a comparison, such as v > 0: it becomes a guard.",
    "formatting": "Print the result after the call.",
    "writing .data": "Write it outside the function.",
    "backward()": "Return the loss: the compiled step differentiates it.",
    "no_grad()": "Remove it: only the result of the function is differentiated.",
    "grad() without create_graph=True": "Pass create_graph=True, so that the gradient is traced.",
    "==": "Compare by <= and >=, which become guards (== between Values compares identity).",
    "jacobian(), hessian() or hvp()": "Use grad(…, create_graph=True), or the methods .hessian and .hvp of "
    "the compiled step.",
    "copying": "Copy it outside the function.",
    "a compiled step": "Call the original function instead.",
}


def _where() -> str:
    """Return the user's line that runs, as file:line."""
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(_NOT_THE_USERS):
        frame = frame.f_back
    return f"{replace_controls(frame.f_code.co_filename)}:{frame.f_lineno}"


def _is_called_by_user() -> bool:
    """Return True if the calling function was called from a user's line, not from a library."""
    caller = os.path.abspath(sys._getframe(2).f_code.co_filename)
    return not caller.startswith(_NOT_THE_USERS)


#: The reason for a fallback if two traces of the function differ.
_DIFFERS = "two runs with the same arguments had different operations"
#: The reason why two runs differ. State that the guard finds is restored, and random generators are, too.
_HIDDEN_STATE = "it depends on random numbers or on state that it changes, which these two runs have advanced"

#: For each Value that is a gradient: the output, the inputs, and the index of its input.
Gradients = dict[Value, tuple[Value, tuple[Value, ...], int]]


class Guard:
    """A comparison of two numbers, and its answer during tracing."""

    __slots__ = ("a", "answer", "b", "operation")

    def __init__(self, operation: str, a: Any, b: Any, answer: bool) -> None:
        self.operation, self.a, self.b, self.answer = operation, a, b, answer


def observes(mode: Mode) -> bool:
    """Return True if a mode has a hook for operations or backward passes, which a program does not call.

    A scope only names operations in pictures.
    """
    kind = type(mode)
    if kind is scope:
        return False
    return kind.recorded is not Mode.recorded or kind.after_backward is not Mode.after_backward


class FunctionTracer(Tracer):
    """Records the comparisons, constants and gradients of one run; raises TraceError if a number escapes."""

    records = True

    def __init__(self) -> None:
        self.guards: list[Guard] = []
        self.constants: list[Constant] = []
        self.indices: set[int] = set()
        self.gradients: Gradients = {}
        self._thread = threading.current_thread()
        self._before = {*threading.enumerate()} - {self._thread}
        #: This thread, if another context of it uses Values, and newer threads that do.
        self._missed: set[threading.Thread] = set()
        self._is_describing = False  # while it formats a Value itself, for an error
        #: The error for what cannot be traced. The function may catch it, and go on with another number.
        self.error: Exception | None = None

    def missed(self) -> None:
        """Notice an event in another thread, or in another context of this one.

        In this thread, the rules of primitives run in modes of their own.
        """
        thread = threading.current_thread()
        if thread not in self._before and not (thread is self._thread and open_modes()):
            self._missed.add(thread)

    def has_missed(self) -> bool:
        """Return True if the function used Values in another context, or in threads that it started.

        Those have ended: the function needs their results. A thread that goes on belongs to the rest of the
        program, which may start one at any time, or to a pool, which the guard has found by its name.
        """
        return any(thread is self._thread or not thread.is_alive() for thread in self._missed)

    def entering(self, inner: Mode) -> None:
        """Raise TraceError for a mode that a program cannot apply: no_grad() and modes with hooks."""
        if inner.records is False or observes(inner):
            self.escaped(None, f"{type_name(inner)}()")

    def escaped(self, value: Value | None, how: str) -> None:
        """Raise TraceError with the remedy."""
        self._is_describing = True
        try:
            action = how if value is None else f"{how} of {value!r}"
        finally:
            self._is_describing = False
        remedy = _REMEDIES.get(
            how, "Enter it around the call of the compiled step, which then falls back to eager execution."
        )
        reason = "" if value is None else ", because the number may change at a later call"
        self.error = TraceError(f"{_where()}: compile() cannot trace {action}{reason}. {remedy}")
        raise self.error

    def untraceable(self, why: str) -> None:
        """Raise the reason for a fallback."""
        if not self._is_describing:
            self.error = Untraceable(why)
            raise self.error

    def compared(self, symbol: str, a: Value | float, b: Value | float, answer: bool) -> None:
        """Record a guard."""
        self.guards.append(Guard(symbol, a, b, answer))

    def constant(self, name: str, operands: Sequence[Value], answer: float) -> Value:
        """Return a leaf that the program computes from the operands at each call."""
        self.constants.append(Constant(name, operands, answer))
        return self.constants[-1]

    def differentiated(self, output: Value, inputs: Sequence[Value], gradients: list[Any]) -> list[Any]:
        """Return each gradient as a new Value, and record its output and inputs.

        The program has a backward pass of ``output`` in its place. The graph of the gradient is not used,
        because the branches in the rules were taken for the numbers of this call.
        """
        copies = [None if gradient is None else gradient * 1.0 for gradient in gradients]
        self.gradients |= {x: (output, (*inputs,), i) for i, x in enumerate(copies) if x is not None}
        return copies

    def is_index(self, index: Value) -> bool:
        """Return True if it is computed from ints among the arguments by + − · only, and record those."""
        nodes = topological_order(index)
        for value in nodes:
            if isinstance(value, Input):
                is_int = value.is_int
            elif value.primitive is None:
                is_int = False
            else:
                numbers = [x for x in value.operands if not isinstance(x, Value)]
                is_int = value.primitive in (ADD, SUB, MUL, NEG) and all(
                    float(x).is_integer() for x in numbers
                )
            if not is_int:
                return False
        self.indices |= {value.position for value in nodes if isinstance(value, Input)}
        return True


def _raise_for(why: str) -> NoReturn:
    """Raise TraceError, also after the run if the function catches it."""
    error = TraceError(why)
    if isinstance(tracer := current_tracer(), FunctionTracer):
        tracer.error = error
    raise error


class Recording:
    """Trace of one run of the function: its result, its comparisons, and its nodes in topological order."""

    def __init__(self, output: Value, tracer: FunctionTracer, aux: Aux | None = None) -> None:
        self.output = output
        self.aux = aux
        self.guards = tracer.guards
        #: The positions of arguments that are indices, which must be ints.
        self.indices = tracer.indices
        self.gradients = tracer.gradients
        compared = [x for guard in self.guards for x in (guard.a, guard.b) if isinstance(x, Value)]
        roots = [*tracer.constants, output, *compared, *(aux.values if aux else ())]
        self.nodes = operands_first(roots, self._sources)

    def _sources(self, node: Value) -> Sequence[Value]:
        """Return the Values from which a program computes a node."""
        if node.is_leaf:
            return node.sources if isinstance(node, Constant) else ()
        if node in self.gradients:
            output, inputs, _ = self.gradients[node]
            return (output, *inputs)
        return operand_values(node)

    @property
    def dependencies(self) -> list[Value]:
        """The Values that the result depends on at each call.

        Values that are only compared are excluded. So are those that only a gradient inside the function
        depends on: behind a dead relu, eager execution does not use them.
        """
        return operands_first([self.output], lambda x: () if x in self.gradients else operand_values(x))


def run_traced(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    tracer: FunctionTracer,
    has_aux: bool = False,
    stand_ins: Mapping[int, Value] | None = None,
) -> tuple[Value, Aux | None]:
    """Run the function with Inputs in place of the numbers among its arguments, and return its results.

    Args:
        function: The function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        tracer: It receives what happens.
        has_aux: If it is set, the function returns a pair.
        stand_ins: By the ids of Values among the arguments, the leaves in their place.

    Raises:
        Untraceable: If it changes an argument in place.
    """
    numbers: list[Input] = []  # keeps them, so that no id is used twice

    def make(x: Value | SupportsFloat) -> Value:
        if isinstance(x, Value):
            return stand_ins.get(id(x), x) if stand_ins else x
        numbers.append(TracedInput(x, len(numbers)))
        return numbers[-1]

    inputs = [rebuild(a, make) for a in args]
    keywords = {name: rebuild(a, make) for name, a in kwargs.items()}
    before = identities([*inputs, *keywords.values()])
    with tracer:
        output, aux = split(function(*inputs, **keywords), has_aux)
    if tracer.error is not None:
        raise tracer.error
    if tracer.has_missed():
        raise Untraceable(
            "it uses Values in another thread or context, which cannot be traced: call it outside",
            is_final=True,
        )
    if identities([*inputs, *keywords.values()]) != before:
        raise Untraceable(
            "it changes an argument in place, which a program would not: change a copy", is_final=True
        )
    for x in numbers:
        _CLASS.__set__(x, Input)
    return as_value(output), aux


def as_value(output: Any) -> Value:
    """Convert the result of a function, a Value or a number, to a Value."""
    if isinstance(output, Value):
        return output
    x = real_to_float(output)
    if x is None:
        raise TypeError(
            f"compile() expected the function to return one Value or number, got {type_and_value(output)}. "
            "Return the loss, such as a sum."
        )
    return Value(x)


def live_leaves(first: Recording, second: Recording) -> list[Value]:
    """Return the leaves that both recordings share: those that existed before.

    Raises:
        Untraceable: If the recordings differ elsewhere, so that the function depends on hidden state.
    """
    if len(first.nodes) != len(second.nodes) or len(first.guards) != len(second.guards):
        raise Untraceable(_DIFFERS)
    leaves: list[Value] = []
    pairs = dict(zip(first.nodes, second.nodes))
    gradients = (first.gradients, second.gradients)
    for a, b in pairs.items():
        if a is b:
            if not a.is_leaf:
                raise Untraceable(
                    f"it uses {short(a)}, a non-leaf Value computed outside the function: compute it inside"
                )
            leaves.append(a)
        else:
            _check_same(a, b, gradients, pairs)
    for g, h in zip(first.guards, second.guards):
        same = (g.operation, g.answer) == (h.operation, h.answer)
        if not (same and _same_operands((g.a, g.b), (h.a, h.b), pairs)):
            raise Untraceable("two runs with the same arguments had different comparisons")
    aux, other = first.aux, second.aux
    if (
        aux is not None
        and other is not None
        and not (aux.is_like(other) and _same_operands(aux.values, other.values, pairs))
    ):
        raise Untraceable(f"two runs with the same arguments returned another aux: {_HIDDEN_STATE}")
    return leaves


def _check_same(
    a: Value, b: Value, gradients: tuple[Gradients, Gradients], pairs: Mapping[Value, Value]
) -> None:
    if a._primitive is not b._primitive or type(a) is not type(b):
        raise Untraceable(_DIFFERS)
    if a in gradients[0] or b in gradients[1]:
        (u, us, i), (v, vs, j) = (table.get(x, (x, (), -1)) for table, x in zip(gradients, (a, b)))
        if i != j or not _same_operands((u, *us), (v, *vs), pairs):
            raise Untraceable("two runs with the same arguments took different gradients")
    elif a._primitive is not None:
        if not _same_operands(a.operands, b.operands, pairs):
            raise Untraceable(
                f"two runs with the same arguments had different operations or constants: {_HIDDEN_STATE}"
            )
    elif isinstance(a, Input) and isinstance(b, Input):
        if a.position != b.position:
            raise Untraceable("two runs with the same arguments used them differently")
    elif isinstance(a, Constant) and isinstance(b, Constant):
        if not _same_operands(a.sources, b.sources, pairs):
            raise Untraceable(_DIFFERS)
    elif repr(a._data) != repr(b._data):
        raise Untraceable(
            f"two runs with the same arguments had different constants, {a._data!r} and {b._data!r}: "
            + _HIDDEN_STATE
        )


def _same_operands(us: Sequence[Any], vs: Sequence[Any], pairs: Mapping[Value, Value]) -> bool:
    """Return True if constants are equal, and Values correspond to each other."""
    if len(us) != len(vs):
        return False
    for u, v in zip(us, vs):
        if isinstance(u, Value):
            if pairs.get(u) is not v:
                return False
        elif u is not v and repr(u) != repr(v):
            return False
    return True
