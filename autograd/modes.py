"""A mode is a ``with`` block. Inside it, operations are not recorded, or each is reported to the mode.

``no_grad``, ``enable_grad``, ``detect_anomaly`` and the tracing of ``compile`` are modes. The modes that are
open belong to the current context (``contextvars``): a thread or an asyncio task has its own, and none
outlives its block.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from copy import copy
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import ref

from .system.messages import type_name

if TYPE_CHECKING:
    from .value import Value

F = TypeVar("F", bound=Callable[..., Any])

#: The open modes of all contexts, by their id. While it is empty, as nearly always, an operation only tests
#: its truth; while it is not, operations in every thread look for modes of their own context.
active: dict[int, ref[Mode]] = {}

#: The modes that this context has entered, innermost first. One may have been closed elsewhere. References
#: are weak: a mode whose ``__exit__`` was interrupted is over once nothing refers to it, neither an ``as``
#: name nor a stored traceback.
_entered: ContextVar[tuple[ref[Mode], ...]] = ContextVar("autograd modes", default=())


class Mode:
    """Base class of modes. Override the hooks you need.

    >>> from autograd import Value
    >>> class Count(Mode):
    ...     nodes = 0
    ...     def recorded(self, node):
    ...         self.nodes += 1
    >>> with Count() as count:
    ...     y = Value(2.0) * 3.0 + 1.0
    >>> count.nodes
    2

    Hooks run inside the mode: one that computes with Values is called again for these, without end unless it
    guards against that.

    A mode is also a decorator: each call, and each step of a generator, runs inside a copy of it, so an
    attribute that a hook assigns is lost. A plain ``with`` block around a ``yield`` also covers the caller
    until the generator continues or ends, as in PyTorch; the decorator does not.

    The ``with`` statement keeps a mode alive. Without it, ``no_grad().__enter__()`` is over at once unless
    the result is stored.
    """

    #: Whether operations inside are recorded. The innermost mode that is not None decides.
    records: bool | None = None
    _is_open: bool = False

    def recorded(self, node: Value) -> None:
        """An operation has been recorded as ``node``."""

    def after_backward(
        self, root: Value, order: Sequence[Value], gradient: Callable[[Value], float | None]
    ) -> None:
        """A backward pass, or ``grad()``, went from ``root`` through ``order``, operands first.

        ``gradient(value)`` is ∂root/∂value, or None if no gradient reached the Value. After ``backward()`` it
        is ``value.grad``, for a leaf the sum over all passes.
        """

    def entering(self, inner: Mode) -> None:
        """``inner`` is about to be entered inside this mode."""

    def mode_for_rules(self) -> Mode | None:
        """The mode to use while ``grad(create_graph=True)`` evaluates the rules of the table on Values."""

    def __enter__(self) -> Self:
        if self._is_open:
            raise RuntimeError(f"{type_name(self)} is already entered. Create another one.")
        for mode in open_modes():
            mode.entering(self)
        self._is_open = True
        key = id(self)
        own = active[key] = ref(self, lambda _: active.pop(key, None))
        _entered.set((own, *open_refs()))
        return self

    def __exit__(self, *error: object) -> None:
        # A generator may be closed in another context than it ran in, so the mode itself stores that it is
        # closed, and no ContextVar token is kept.
        if self._is_open:
            self._is_open = False
            active.pop(id(self), None)
            _entered.set(tuple(open_refs()))

    def __call__(self, function: F) -> F:
        from .mode_decorators import decorate  # it imports inspect, which is slow to load

        return decorate(function, self._copy)

    def _copy(self) -> Self:
        mode = copy(self)
        mode._is_open = False
        return mode


def open_refs() -> list[ref[Mode]]:
    """Return those of ``_entered`` that are still open. Another thread may close one at any moment."""
    return [r for r in _entered.get() if (mode := r()) is not None and active.get(id(mode)) is r]


def open_modes() -> tuple[Mode, ...]:
    """Return the modes this code runs in, innermost first."""
    return tuple([mode for r in open_refs() if (mode := r()) is not None])


def is_grad_enabled() -> bool:
    """Return True unless this code runs inside ``no_grad()``."""
    for r in _entered.get():  # as open_refs(), without its list, which costs an operation 0.2 µs
        if (mode := r()) is not None and active.get(id(mode)) is r and mode.records is not None:
            return mode.records
    return True


@contextmanager
def recording_rules() -> Generator[None, None, None]:
    """Record what a rule computes. The open modes do not see it, except through ``mode_for_rules()``.

    ``detect_anomaly`` returns a copy from it that only stores lines.
    """
    outside = _entered.get()
    inner_modes = [mode for outer in open_modes()[::-1] if (mode := outer.mode_for_rules()) is not None]
    # A mode may return itself: it is open already, and stays. The others are entered, outermost first.
    closed_modes = [mode for mode in (enable_grad(), *inner_modes) if not mode._is_open]
    _entered.set(tuple([r for r in open_refs() if r() in inner_modes]))
    try:
        with ExitStack() as stack:
            for mode in closed_modes:
                stack.enter_context(mode)
            yield
    finally:
        _entered.set(outside)


class no_grad(Mode):
    """Compute without recording: results are leaves, and no local derivative is computed.

    >>> from autograd import Value
    >>> a = Value(3.0)
    >>> with no_grad():
    ...     b = a * 2.0
    >>> b.is_leaf
    True
    """

    records = False


class enable_grad(Mode):
    """Record again, inside ``no_grad()``.

    >>> from autograd import Value
    >>> a = Value(3.0)
    >>> with no_grad(), enable_grad():
    ...     b = a * 2.0
    >>> b.is_leaf
    False
    """

    records = True
