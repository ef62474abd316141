"""detect_anomaly(): find the operation that computed the first nan or inf."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import isfinite

from .modes import Mode, open_modes
from .nodes import local_derivatives
from .source_lines import is_own
from .value import Note, Value


class AnomalyError(FloatingPointError):
    """A number became nan or inf: the message says where, of what, and how it reaches the loss.

    ``value`` is the Value it happened at, to look at with ``draw`` or ``explain``.
    """

    def __init__(self, message: str, value: Value) -> None:
        super().__init__(message)
        self.value = value


class detect_anomaly(Mode):
    """Report the first nan or inf, of the forward or of the backward pass, and stop there.

    >>> x = Value(-2.0, label="x")
    >>> with detect_anomaly():
    ...     y = (x + 1.0).log()
    Traceback (most recent call last):
    autograd.anomaly.AnomalyError: log(−1) = nan, in the forward pass
    ...

    It raises :class:`AnomalyError`, which names the line, the expression, the operands and, of a
    gradient, the path to the loss. Enter it around the forward pass, as with PyTorch's: only Values
    computed inside store their line. It is a decorator too, and holds for the thread or the asyncio task
    that enters it. What is not recorded, in ``no_grad()``, is not checked; a compiled step falls back to
    eager execution, so that all of it is. An inf is reported if all operands are finite, so a mask of −inf
    may be used; nan, in any case. The gradients stay as the pass left them, for ``draw`` to show; zero them
    before the next pass.

    A training step takes two to three times as long inside, and nothing outside.

    Args:
        check_nan: Report nan.
        check_inf: Report inf and −inf.

    Raises:
        AnomalyError: If a number became nan or inf.
    """

    def __init__(self, check_nan: bool = True, check_inf: bool = True) -> None:
        self.check_nan, self.check_inf = check_nan, check_inf
        #: One note for each place in the source, by the id of its code object, which the note keeps alive.
        self._notes: dict[tuple[int, int], Note] = {}

    def is_anomaly(self, x: float) -> bool:
        """Return True if the number is to be reported."""
        return not isfinite(x) and (self.check_nan if x != x else self.check_inf)

    def is_innermost(self) -> bool:
        """Return True unless another ``detect_anomaly()`` is open inside this one, and decides instead."""
        return next((mode for mode in open_modes() if isinstance(mode, detect_anomaly)), self) is self

    def mode_for_rules(self) -> Mode:
        """Return a mode that only stores the lines: a rule may compute inf in a branch it does not choose."""
        return detect_anomaly(check_nan=False, check_inf=False)

    def recorded(self, node: Value) -> None:
        """Store the line of an operation, and check its result."""
        frame = sys._getframe(3)  # those between are of the engine: observed(), and a method or a function
        while is_own[frame.f_code.co_filename] and frame.f_back is not None:
            frame = frame.f_back
        code, at = frame.f_code, frame.f_lasti  # not the frame: it would keep its variables alive
        note = self._notes.get((id(code), at))
        if note is None:
            note = self._notes[id(code), at] = Note(place=(code, at))
        node._note = note
        x = node._data
        if not isfinite(x) and self.is_anomaly(x) and (x != x or _is_new(node)) and self.is_innermost():
            from .view.explain.anomaly_report import report_result

            raise AnomalyError(report_result(node), node)

    def after_backward(
        self, root: Value, order: Sequence[Value], gradient: Callable[[Value], float | None]
    ) -> None:
        """Raise if a backward pass computed a nan or inf, with the operation that passed it back."""
        gradients = {x: g for x in _visited(root, order) if (g := gradient(x)) is not None}
        if all(map(isfinite, gradients.values())) or not self.is_innermost():
            return
        from .view.explain.anomaly_report import report_contribution, report_sum

        for node in reversed(order):
            g = gradients[node]
            if self.is_anomaly(g):  # although every number that was passed back to it is finite
                raise AnomalyError(report_sum(root, node, gradients), node)
            for position, local in enumerate(local_derivatives(node)):
                # grad() visits only the operands that it was asked for.
                if local is not None and node.operands[position] in gradients and self.is_anomaly(g * local):
                    raise AnomalyError(report_contribution(root, node, position, gradients), node)
        for value, g in gradients.items():
            if self.is_anomaly(g):
                raise AnomalyError(report_sum(root, value, gradients), value)


def _is_new(node: Value) -> bool:
    """Return True if an infinity came up here. One among the operands, as a mask of −inf, may be meant."""
    return all(isfinite(x._data if isinstance(x, Value) else x) for x in node.operands)


def _visited(root: Value, order: Sequence[Value]) -> dict[Value, None]:
    """The Values that a backward pass visited, leaves included, results before operands."""
    visited = {root: None}
    groups: set[int] = set()  # the inputs of a layer are one tuple for all its neurons
    for node in reversed(order):
        if node.da is not None:
            visited[node.a] = None
        if node.db is not None:
            visited[node.b] = None
        for _, receivers, _ in node.many or ():
            if id(receivers) not in groups:
                groups.add(id(receivers))
                visited |= dict.fromkeys(receivers)
    return visited
