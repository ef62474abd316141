"""The tracer of ``compile``, and the events that the engine reports to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .modes import Mode, active, open_modes
from .system.messages import short, type_name

if TYPE_CHECKING:
    from .value import Value


class Tracer(Mode):
    """Base class of the mode that traces a function to compile it, and receives events from the engine."""

    def escaped(self, value: Value | None, how: str) -> None:
        """Called if a number is read or written outside the graph by ``how``, such as "float()"."""

    def untraceable(self, why: str) -> None:
        """Called if the function does something that cannot be traced, such as drawing random numbers."""

    def compared(self, symbol: str, a: Value | float, b: Value | float, answer: bool) -> None:
        """Called after ``a < b`` or ``a <= b`` returned ``answer``, which may decide a branch."""

    def constant(self, name: str, operands: Sequence[Value], answer: float) -> Value:
        """Return a leaf for ``answer``, the function ``name`` of the operands, without a gradient to them."""
        raise TypeError(f"{type_name(self)} has no constants, got {name} of {short(operands)}.")

    def missed(self) -> None:
        """Called for an event in another context, such as another thread, while this tracer is entered."""

    def detached(self, value: Value) -> Value:
        """Return a leaf for the number of ``value``, through which no gradient flows."""
        return self.constant("largest", [value], value._data)  # the largest of one

    def is_index(self, index: Value) -> bool:
        """Return True if the Value stands for an int that may select an element."""
        return False

    def differentiated(self, output: Value, inputs: Sequence[Value], gradients: list[Any]) -> list[Any]:
        """Return replacements for the gradients that ``grad(create_graph=True)`` has computed."""
        return gradients


def current_tracer() -> Tracer | None:
    """Return the tracer of the function that is being compiled in this context."""
    for mode in open_modes():
        if isinstance(mode, Tracer):
            return mode
    for reference in tuple(active.values()):
        if isinstance(tracer := reference(), Tracer):
            tracer.missed()
    return None


def report_escape(value: Value | None, how: str) -> None:
    """Report to the tracer, if there is one, that a number leaves the graph."""
    if active and (tracer := current_tracer()):
        tracer.escaped(value, how)


def not_compiled(why: str) -> None:
    """Report that the following code cannot be traced; ``compile`` then falls back to eager execution.

    Call it in a layer before the first random draw, so that no draw is lost. Outside of tracing it is a
    no-op.

    Args:
        why: The reason, which the ``CompileWarning`` shows.
    """
    if active and (tracer := current_tracer()):
        tracer.untraceable(why)
