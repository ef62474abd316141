"""A mode is a ``with`` block. Inside it, operations are not recorded, or each is reported to the mode.

``no_grad``, ``enable_grad``, ``detect_anomaly`` and the tracer of ``compile`` are modes. The open modes
belong to the current context (``contextvars``): each thread and each asyncio task has its own, and a mode
ends with its block.
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

#: The open modes of all contexts, by their id. It is usually empty, so that it costs one truth test.
#: If it is not empty, operations in every thread look for modes of their own context.
active: dict[int, ref[Mode]] = {}

#: The modes that this context has entered, innermost first; another context may have closed some of them. The
#: references are weak, so that a mode whose ``__exit__`` was interrupted ends when the last reference to it,
#: such as an ``as`` name or a stored traceback, is gone.
_entered: ContextVar[tuple[ref[Mode], ...]] = ContextVar("autograd modes", default=())


class Mode:
    """Base class of modes: a subclass overrides hooks, which are called inside the ``with`` block.

    A hook runs inside the mode. If it computes with Values, it is called again for these, without end unless
    it guards against that. A mode is also a decorator: each call, and each step of a generator, runs inside a
    copy of it, so that an attribute that a hook assigns is lost.

    >>> from autograd import Value
    >>> class Count(Mode):
    ...     nodes = 0
    ...     def recorded(self, node):
    ...         self.nodes += 1
    >>> with Count() as count:
    ...     y = Value(2.0) * 3.0 + 1.0
    >>> count.nodes
    2

    A plain ``with`` block around a ``yield`` also covers the caller until the generator continues or ends, as
    in PyTorch; the decorator does not. The ``with`` statement keeps a mode alive: without it,
    ``no_grad().__enter__()`` ends at once unless its result is stored.

    Raises:
        RuntimeError: If a mode is entered that is already entered.
        TypeError: If a mode decorates a class.
    """

    #: True if operations inside are recorded, False if not, None to leave it to the next outer mode.
    records: bool | None = None
    _is_open: bool = False

    def recorded(self, node: Value) -> None:
        """Called after an operation is recorded.

        Args:
            node: The Value that the operation computed.
        """

    def after_backward(
        self, root: Value, order: Sequence[Value], gradient: Callable[[Value], float | None]
    ) -> None:
        """Called after a backward pass or ``grad()``.

        Args:
            root: The Value where the pass started.
            order: The intermediate Values that it visited, operands before results.
            gradient: ``gradient(value)`` is ∂root/∂value, or None if no gradient reached the Value. After
                ``backward()`` it is ``value.grad``, for a leaf the sum over all passes.
        """

    def entering(self, inner: Mode) -> None:
        """Called before another mode is entered inside this mode.

        Args:
            inner: The other mode.
        """

    def mode_for_rules(self) -> Mode | None:
        """Return the mode for the rules that ``grad(create_graph=True)`` evaluates on Values.

        Returns:
            A mode, which may be this one; None, as here, if the rules are not reported.
        """

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
    """Return the entered modes that are still open. Another thread may close one at any moment."""
    return [r for r in _entered.get() if (mode := r()) is not None and active.get(id(mode)) is r]


def open_modes() -> tuple[Mode, ...]:
    """Return the modes this code runs in, innermost first."""
    return tuple([mode for r in open_refs() if (mode := r()) is not None])


def is_grad_enabled() -> bool:
    """Return True unless this code runs inside ``no_grad()``.

    >>> with no_grad():
    ...     is_grad_enabled()
    False

    Returns:
        True if operations are recorded.
    """
    for r in _entered.get():  # as in open_refs(), whose list would take 0.2 µs per operation
        if (mode := r()) is not None and active.get(id(mode)) is r and mode.records is not None:
            return mode.records
    return True


@contextmanager
def recording_rules() -> Generator[None, None, None]:
    """Record the operations of rules. They are not reported to the open modes except by ``mode_for_rules()``.

    ``detect_anomaly`` returns a copy from it that only stores lines.
    """
    outside = _entered.get()
    inner_modes = [mode for outer in open_modes()[::-1] if (mode := outer.mode_for_rules()) is not None]
    # A mode may return itself; it is already open and stays open. The others are entered, outermost first.
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

    It is a context manager and a decorator, for the current thread or asyncio task.

    >>> from autograd import Value
    >>> a = Value(3.0)
    >>> with no_grad():
    ...     b = a * 2.0
    >>> b.is_leaf
    True
    """

    records = False


class enable_grad(Mode):
    """Record operations again, inside ``no_grad()``.

    It is a context manager and a decorator, for the current thread or asyncio task.

    >>> from autograd import Value
    >>> a = Value(3.0)
    >>> with no_grad(), enable_grad():
    ...     b = a * 2.0
    >>> b.is_leaf
    False
    """

    records = True
