"""A call of a compiled function, and the program that takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..modes import enable_grad, is_grad_enabled
from ..value import Value
from .backends.python import Runner
from .guards.guard import Guard
from .passes.plan import Plan
from .record.arguments import Flat, Static, flatten, is_array

#: A program runs for about so many seconds at a time. Ctrl-C takes effect between two stretches, and the
#: steps of those before are kept.
STRETCH = 0.05


class Program:
    """A plan, the runner of it, the guard under which it holds, and how often it was called."""

    def __init__(
        self,
        plan: Plan,
        runner: Runner,
        read: set[Value],
        indices: set[int],
        call: Call,
        guard: Guard,
        general: Any = None,
    ) -> None:
        self.plan = plan
        self.runner = runner
        self.guard = guard
        self.calls = 0
        #: The last call that was audited.
        self.audited = 0
        self.read = read  # the leaves the result depends on, not only a guard
        self.indices = indices  # the arguments that select something
        self.general = general  # what any size of batch is known by, if it was made of that
        self.key = call.key
        # The shape identifies some objects by their address, so they must not be freed.
        self.references: Any = [call.args, call.kwargs]
        #: The seconds that a step took the last time.
        self.seconds = STRETCH
        #: The leaves of the last call: with its arguments in place of their stand-ins.
        self.current: Sequence[Value] = plan.leaves
        #: The same for a few samples, by which it is audited, if there is one.
        self.sample: tuple[Plan, Runner] | None = None

    def in_a_stretch(self, steps: int) -> int:
        """Return how many of the steps to take before Ctrl-C is looked for."""
        return max(1, min(steps, int(STRETCH / self.seconds)))

    def takes(self, numbers: Flat) -> bool:
        """Return True if every number that selects an element is an int."""
        return not self.indices or numbers.are_ints(self.indices)


def with_grad() -> AbstractContextManager[Any]:
    """Record inside ``no_grad()`` too. Elsewhere enter no mode, because a mode slows every operation."""
    return nullcontext() if is_grad_enabled() else enable_grad()


class Arguments:
    """The arguments of a call as numbers, and their shape; stored for the calls that have the same."""

    def __init__(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        fingerprint: bytes | None,
        fixed: Sequence[Value] = (),
    ) -> None:
        self.flat = flat = Flat(fixed)

        def shape_of(argument: Any) -> Any:
            plain = flat.plain
            shape = flatten(argument, flat)
            flat.plain = flat.plain or (plain and is_array(argument))
            return shape

        shapes = [*map(shape_of, args)]
        self.shape: tuple[Any, ...] = (*shapes, None, *[(name, shape_of(a)) for name, a in kwargs.items()])
        self.objects = flat.objects
        self.values = flat.values
        self.has_arrays, self.reason = flat.has_arrays, flat.reason
        self.numbers = flat.as_floats()
        self.fingerprint = fingerprint if flat.plain else None


class Call:
    """The arguments of a call, as they are and as numbers; ``key`` distinguishes their programs."""

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any], read: Arguments) -> None:
        self.args = args
        self.kwargs = kwargs
        self.flat = read.flat
        self.numbers = read.numbers
        self.objects = read.objects
        self.has_arrays, self.reason = read.has_arrays, read.reason
        self.key: Any = read.shape
        #: The leaf Values among the arguments.
        self.values = read.values
        #: For each of them the leaf that stands for it in a program.
        self.stand_ins: list[Value] = []

    def bind(self, leaves: Sequence[Value]) -> Sequence[Value]:
        """Return leaves of a program, with the arguments of this call in place of their stand-ins."""
        if not self.stand_ins:
            return leaves
        arguments = dict(zip(self.stand_ins, self.values))
        return [arguments.get(leaf, leaf) for leaf in leaves]

    def run(self, function: Callable[..., Any]) -> Any:
        """Call a function with the arguments."""
        args = [a.value if type(a) is Static else a for a in self.args]
        kwargs = {name: a.value if type(a) is Static else a for name, a in self.kwargs.items()}
        return function(*args, **kwargs)
