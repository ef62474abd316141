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
    """A number became nan or inf. The message names the line, the operation and the path to the loss.

    Args:
        message: The message.
        value: The Value of the operation; it is an attribute, to use with ``draw`` or ``explain``.
    """

    def __init__(self, message: str, value: Value) -> None:
        super().__init__(message)
        self.value = value


class detect_anomaly(Mode):
    """Raise an error for the first nan or inf of the forward or the backward pass.

    Enter it around the forward pass, as in PyTorch: only Values computed inside store their source line. It
    is also a decorator, and applies to the current thread or asyncio task.

    >>> x = Value(-2.0, label="x")
    >>> with detect_anomaly():
    ...     y = (x + 1.0).log()
    Traceback (most recent call last):
    autograd.anomaly.AnomalyError: log(−1) = nan, in the forward pass
    ...

    An inf is reported if all operands are finite, so that a mask of −inf can be used; a nan is always
    reported. Operations inside ``no_grad()`` are not checked. A compiled step falls back to eager execution,
    so that all its operations are checked. After an error the gradients are those of the interrupted pass:
    ``draw`` shows them, and they must be zeroed before the next pass. A training step takes two to three
    times as long inside the block.

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
        """Return True if a number is reported.

        Args:
            x: A float.

        Returns:
            True for a nan or inf of a kind that this mode checks.
        """
        return not isfinite(x) and (self.check_nan if x != x else self.check_inf)

    def is_innermost(self) -> bool:
        """Return True unless another ``detect_anomaly()`` is open inside this one; the inner one decides."""
        return next((mode for mode in open_modes() if isinstance(mode, detect_anomaly)), self) is self

    def mode_for_rules(self) -> Mode:
        """Return a mode that only stores lines: a rule may compute inf in a branch that is not selected."""
        return detect_anomaly(check_nan=False, check_inf=False)

    def recorded(self, node: Value) -> None:
        """Store the source line of an operation, and check its result."""
        frame = sys._getframe(3)  # skip this method, observed(), and a method or function of the engine
        while is_own[frame.f_code.co_filename] and frame.f_back is not None:
            frame = frame.f_back
        code, at = frame.f_code, frame.f_lasti  # not the frame: it would keep its variables alive
        note = self._notes.get((id(code), at))
        if note is None:
            note = self._notes[id(code), at] = Note(place=(code, at))
        scopes = node.note.scopes
        node._note = Note(place=note.place, scopes=scopes) if scopes else note
        x = node._data
        if not isfinite(x) and self.is_anomaly(x) and (x != x or _is_new(node)) and self.is_innermost():
            from .view.explain.anomaly_report import report_result

            raise AnomalyError(report_result(node), node)

    def after_backward(
        self, root: Value, order: Sequence[Value], gradient: Callable[[Value], float | None]
    ) -> None:
        """Raise if a backward pass computed a nan or inf, and name the operation that propagated it."""
        gradients = {x: g for x in _visited(root, order) if (g := gradient(x)) is not None}
        if all(map(isfinite, gradients.values())) or not self.is_innermost():
            return
        from .view.explain.anomaly_report import report_contribution, report_sum

        for node in reversed(order):
            g = gradients[node]
            if self.is_anomaly(g):  # although every contribution to it is finite
                raise AnomalyError(report_sum(root, node, gradients), node)
            for position, local in enumerate(local_derivatives(node)):
                # grad() visits only the operands that lead to an input.
                if local is not None and node.operands[position] in gradients and self.is_anomaly(g * local):
                    raise AnomalyError(report_contribution(root, node, position, gradients), node)
        for value, g in gradients.items():
            if self.is_anomaly(g):
                raise AnomalyError(report_sum(root, value, gradients), value)


def _is_new(node: Value) -> bool:
    """Return True if no operand is infinite. An infinite operand, such as a mask of −inf, may be intended."""
    return all(isfinite(x._data if isinstance(x, Value) else x) for x in node.operands)


def _visited(root: Value, order: Sequence[Value]) -> dict[Value, None]:
    """Return the Values that a backward pass visited, leaves included, results before operands."""
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
