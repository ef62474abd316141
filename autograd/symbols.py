"""Rules read on symbols: what a rule *says*, as an expression tree that can be printed.

Running a rule of the table on symbols gives a tree of :class:`Symbol`; :func:`python_source` prints
one as Python, which is how the float reading gets its fast functions (arithmetic.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeGuard

#: An operand of a symbolic expression: another expression, or a number.
Operand = Any


def is_group(x: Operand) -> TypeGuard[list[Operand]]:
    """Whether it is a group of operands, as n-ary operations have."""
    return isinstance(x, list)


class Symbol:
    """A name, or an operation on operands that has not been computed.

    >>> x = Symbol("x")
    >>> python_source(2.0 * x + 1.0)
    ('', '((2.0 * x) + 1.0)')
    """

    __slots__ = ("args", "bound", "op")

    op: str
    args: tuple[Operand, ...]
    bound: bool

    def __init__(self, op: str, args: tuple[Operand, ...] = (), bound: bool = False) -> None:
        self.op = op
        self.args = args
        #: Whether it mentions the lane of an enclosing ``each``, outside which it means nothing.
        self.bound = bound or any(isinstance(a, Symbol) and a.bound for a in args)

    def __repr__(self) -> str:
        return f"Symbol({inline(self)!r})"

    def __add__(self, other: Operand) -> Symbol:
        return Symbol("+", (self, other))

    def __radd__(self, other: Operand) -> Symbol:
        return Symbol("+", (other, self))

    def __sub__(self, other: Operand) -> Symbol:
        return Symbol("-", (self, other))

    def __rsub__(self, other: Operand) -> Symbol:
        return Symbol("-", (other, self))

    def __mul__(self, other: Operand) -> Symbol:
        return Symbol("*", (self, other))

    def __rmul__(self, other: Operand) -> Symbol:
        return Symbol("*", (other, self))

    def __truediv__(self, other: Operand) -> Symbol:
        return Symbol("/", (self, other))

    def __rtruediv__(self, other: Operand) -> Symbol:
        return Symbol("/", (other, self))

    def __pow__(self, other: Operand) -> Symbol:
        return Symbol("pow", (self, other))

    def __rpow__(self, other: Operand) -> Symbol:
        return Symbol("pow", (other, self))

    def __neg__(self) -> Symbol:
        return Symbol("neg", (self,))


class Symbols:
    """The meaning of the rule language on symbols: every function is only written down.

    >>> Symbols().where(Symbols().lt(Symbol("x"), 0.0), 0.0, Symbol("x"))
    Symbol('(0.0 if (x < 0.0) else x)')
    """

    def each(self, group: Symbol, rule: Callable[[Symbol], Operand]) -> Symbol:
        body = Symbol("", (rule(Symbol("lane", bound=True)),))
        body.bound = False
        return Symbol("each", (group, body))

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        return lambda *args: Symbol(name, args)


_INFIX = {"+": "+", "-": "-", "*": "*", "/": "/", "lt": "<", "le": "<=", "eq": "=="}


def inline(node: Operand, names: Mapping[Symbol, str] = MappingProxyType({})) -> str:
    """The expression on one line; what ``names`` holds appears by its name."""
    if not isinstance(node, Symbol):
        return repr(float(node))
    if node in names:
        return names[node]
    args = [inline(a, names) for a in node.args]
    if node.op in _INFIX:
        return f"({args[0]} {_INFIX[node.op]} {args[1]})"
    if node.op == "neg":
        return f"(-{args[0]})"
    if node.op == "where":
        return f"({args[1]} if {args[0]} else {args[2]})"
    if node.op == "each":
        return f"[{args[1]} for lane in {args[0]}]"
    if node.op == "":
        return args[0]
    return f"{node.op}({', '.join(args)})" if args else node.op


def python_source(root: Operand) -> tuple[str, str]:
    """The expression as Python: the assignments of what it uses twice, and the expression itself."""
    uses: dict[Symbol, int] = {}
    order: list[Symbol] = []

    def count(node: Operand) -> None:
        if isinstance(node, Symbol) and node.args:
            uses[node] = uses.get(node, 0) + 1
            if uses[node] == 1:
                for operand in node.args:
                    count(operand)
                order.append(node)

    count(root)
    names: dict[Symbol, str] = {}
    lines: list[str] = []
    for node in order:
        if uses[node] > 1 and not node.bound:
            source = inline(node, names)
            names[node] = f"t{len(names)}"
            lines.append(f"{names[node]} = {source}")
    return "\n".join(lines), inline(root, names)
