"""Where did that nan come from? ``detect_anomaly()``, under which every number is looked at as it is made."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from threading import get_ident
from types import CodeType
from typing import Any

from .backward import cotangents
from .operations import GENERATED
from .primitives import Primitive
from .value import MANY, PLAIN, UNSET, Recorder, Value, record_by, recorders, tell, witnesses

_HERE = os.path.dirname(os.path.abspath(__file__))


class _Ours(dict[str, bool]):
    """Whether a file is of the engine or of the networks upon it: their lines are not the user's."""

    PREFIXES = (_HERE + os.sep, os.path.join(os.path.dirname(_HERE), "nn") + os.sep, GENERATED)

    def __missing__(self, filename: str) -> bool:
        self[filename] = ours = filename.startswith(self.PREFIXES)
        return ours


_ours = _Ours()


class AnomalyError(FloatingPointError):
    """A number became nan or inf: the message says where, of what, and how it reaches the loss.

    ``value`` is the Value it happened at, to look at with ``draw`` or ``explain``.
    """

    def __init__(self, message: str, value: Value) -> None:
        super().__init__(message)
        self.value = value


class Located(Value):
    """A computed Value that knows the line of the user's it was computed in.

    It keeps code and no frame, so it keeps alive nothing that was computed; the line goes with the Value.
    """

    __slots__ = ("_at", "_code")

    _at: int
    _code: CodeType


Located.__name__ = Value.__name__  # it is one to whoever prints it
_located: Callable[[type[Located]], Located] = object.__new__


def place(value: Value) -> tuple[str, int, list[str]] | None:
    """The file or notebook cell, the line, and that line with marks below the operation.

    None for a Value that was not made under detect_anomaly().
    """
    if not isinstance(value, Located):
        return None
    code = value._code
    nowhere = (code.co_firstlineno, None, None, None)
    line, last, start, end = next(islice(code.co_positions(), value._at // 2, None), nowhere)
    line = line or code.co_firstlineno
    linecache.checkcache(code.co_filename)
    source = linecache.getline(code.co_filename, line).rstrip()
    shown = source.lstrip()
    if not shown or start is None or end is None:
        return _file(code.co_filename), line, [shown] if shown else []
    raw = source.encode()  # positions count bytes
    before = len(raw[:start].decode(errors="replace")) - (len(source) - len(shown))
    width = len(raw[start : end if last == line else None].decode(errors="replace"))
    marks = " " * before + "^" * width
    return _file(code.co_filename), line, [shown] if width == len(shown) else [shown, marks]


def _file(filename: str) -> str:
    """A file as a traceback names it; a cell of a notebook as IPython does."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if shell and (name := shell.compile.format_code_name(filename)):
        return " ".join(name)
    return f'File "{filename}"'


def _finite(x: float) -> bool:
    return x - x == 0.0


class Anomalies:
    """What looks at the numbers of a thread: see :class:`autograd.value.Watch`."""

    __slots__ = ("check_inf", "check_nan")

    def __init__(self, check_nan: bool, check_inf: bool) -> None:
        self.check_nan, self.check_inf = check_nan, check_inf

    def wrong(self, x: float | None) -> bool:
        """Whether the number is to be reported."""
        return x is not None and x - x != 0.0 and (self.check_nan if x != x else self.check_inf)

    def silent(self) -> Anomalies:
        """One that only notes the lines."""
        return Anomalies(False, False)

    def made(self, op: Primitive, datum: float, a: Value | None, b: Value | None, pa: Any, pb: Any) -> Value:
        """The node of an operation, which knows its line."""
        node = _located(Located)
        node._datum = datum
        node._grad = UNSET
        node._op = op
        node._a = a
        node._b = b
        node._pa = pa
        node._pb = pb
        frame = sys._getframe(3)
        while _ours[frame.f_code.co_filename] and frame.f_back is not None:
            frame = frame.f_back
        node._code = frame.f_code
        node._at = frame.f_lasti
        if datum - datum != 0.0 and self.wrong(datum) and (datum != datum or _finite_operands(node)):
            from .view.anomalies import made

            raise AnomalyError(made(node), node)
        return node

    def passed(self, root: Value, order: Sequence[Value]) -> None:
        """After a backward pass: raise if it left a nan or inf, with where that came up."""
        if _all_finite(root, order):
            return
        from .view.anomalies import added

        gradients = {node: node._grad for node in order}
        for node, g in gradients.items():
            if self.wrong(g):  # though whatever was passed back to it was not, or it had been told of
                raise AnomalyError(added(root, node, order), node)
            self.pulled(root, node, g, cotangents(node, g), gradients)
        for leaf in _leaves(root, order):
            if self.wrong(leaf._grad):
                raise AnomalyError(added(root, leaf, order), leaf)

    def pulled(
        self,
        root: Value,
        node: Value,
        g: float,
        products: Sequence[float | None],
        gradients: Mapping[Value, float],
    ) -> None:
        """Raise if one of the products that ``node`` passes back is nan or inf."""
        for position, product in enumerate(products):
            if self.wrong(product) and isinstance(node.operands[position], Value):
                from .view.anomalies import pulled

                raise AnomalyError(pulled(root, node, position, g, gradients), node)


def _finite_operands(node: Value) -> bool:
    """Whether an infinity came up here. One that was put in, as a mask of −inf is, may be meant."""
    return all(_finite(x._datum if isinstance(x, Value) else x) for x in node.operands)


def _all_finite(root: Value, order: Sequence[Value]) -> bool:
    """Whether a pass left nothing but finite gradients."""
    been: set[int] = set()
    bad = root._grad - root._grad != 0.0
    for node in order:
        a, b = node._a, node._b
        if a is not None and a._grad - a._grad != 0.0:
            bad = True
        if b is MANY:
            single = node._pa[1]
            if single is not None and single._grad - single._grad != 0.0:
                bad = True
            for group in node._pb:
                if id(group) not in been:
                    been.add(id(group))
                    for operand in group:
                        if operand._grad - operand._grad != 0.0:
                            bad = True
        elif b is not None and b._grad - b._grad != 0.0:
            bad = True
    return not bad


def _leaves(root: Value, order: Sequence[Value]) -> Iterator[Value]:
    if root.is_leaf:
        yield root
    for node in order:
        for operand in node.operands:
            if isinstance(operand, Value) and operand.is_leaf:
                yield operand


@contextmanager
def detect_anomaly(check_nan: bool = True, check_inf: bool = True) -> Generator[None, None, None]:
    """Report the first nan or inf, of the forward or of the backward pass, and stop there.

    >>> x = Value(-2.0, label="x")
    >>> with detect_anomaly():
    ...     y = (x + 1.0).log()
    Traceback (most recent call last):
    autograd.anomaly.AnomalyError: log(−1) = nan, in the forward pass
    ...

    It raises :class:`AnomalyError`, which names the line, the expression, the operands and, of a
    gradient, the path to the loss. Enter it around the forward pass, as with PyTorch's: only Values made
    inside know their line. Holds for the thread that enters it. What is not recorded, in ``no_grad()``,
    is not looked at; a compiled step runs as it is, so that all of it is. An inf is reported where finite
    numbers gave it, so a mask of −inf may be used; nan, in any case. The gradients stay as the pass left
    them, for ``draw`` to show; zero them before the next pass.

    A training step takes two to four times as long inside, and nothing outside.
    """
    if witnesses:
        tell(None, "detect_anomaly()")
    me = get_ident()
    before = recorders.get(me, PLAIN)
    try:
        record_by(me, Recorder(before.depth, Anomalies(check_nan, check_inf)))
        yield
    finally:
        record_by(me, Recorder(recorders.get(me, PLAIN).depth, before.watch))
