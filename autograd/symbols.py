"""The table evaluated on symbols.

A rule of the table, run on symbols, returns its formula as a tree of :class:`Symbol`, which can be printed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

from .primitives import PRIMITIVES

#: An operand of a symbolic expression: another expression, a number, a group as a list, or None, the
#: derivative where no gradient flows.
Operand = Any


def is_group(x: Operand) -> TypeGuard[list[Operand]]:
    """Return True if ``x`` is a group of operands that are listed."""
    return isinstance(x, list)


class Symbol:
    """A name, or an operation on operands that is not computed.

    >>> x = Symbol("x")
    >>> 2.0 * x + 1.0
    Symbol('((2.0 * x) + 1.0)')
    """

    __slots__ = ("args", "op")

    def __init__(self, op: str, args: tuple[Operand, ...] = ()) -> None:
        self.op = op
        self.args = args

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

    def __neg__(self) -> Symbol:
        return Symbol("neg", (self,))

    def __eq__(self, other: object) -> bool:
        raise TypeError("A rule cannot use == or !=. Write m.eq(a, b).")

    __hash__ = object.__hash__

    def __lt__(self, other: Operand) -> Symbol:
        return Symbol("lt", (self, other))

    def __le__(self, other: Operand) -> Symbol:
        return Symbol("le", (self, other))

    def __gt__(self, other: Operand) -> Symbol:
        return Symbol("lt", (other, self))

    def __ge__(self, other: Operand) -> Symbol:
        return Symbol("le", (other, self))

    def __pow__(self, other: Operand) -> Symbol:
        raise TypeError("A rule cannot use a ** b. Write m.pow(a, b).")

    __rpow__ = __pow__

    def __bool__(self) -> bool:
        raise TypeError("A rule cannot use if, and, or, not. Write m.where(condition, a, b).")


class Symbols:
    """The namespace ``m`` of rules that are evaluated on symbols. Every function returns a Symbol.

    >>> Symbols().where(Symbol("x") < 0.0, 0.0, Symbol("x"))
    Symbol('(0.0 if (x < 0.0) else x)')
    """

    def where(self, condition: Operand, a: Operand, b: Operand) -> Symbol:
        return Symbol("where", (condition, a, b))

    def eq(self, a: Operand, b: Operand) -> Symbol:
        return Symbol("eq", (a, b))

    def largest(self, group: Operand) -> Symbol:
        return Symbol("largest", (group,))

    def each(self, group: Operand, rule: Callable[[Operand], Operand]) -> Operand:
        """Return the list of ``rule(x)``; for a group that is itself a symbol, the rule for an element."""
        if is_group(group):
            return [rule(x) for x in group]
        return Symbol("each", (group, rule(Symbol("element"))))

    def positions(self, group: Operand) -> Operand:
        return [float(i) for i in range(len(group))] if is_group(group) else Symbol("positions", (group,))

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if name not in PRIMITIVES:
            offered = "where, eq, largest, each, positions and the functions of the table"
            raise AttributeError(f"A rule cannot use m.{name}. m offers {offered}.", name=name, obj=self)
        return lambda *args: Symbol(name, args)


_INFIX = {"+": "+", "-": "-", "*": "*", "/": "/", "lt": "<", "le": "<=", "eq": "=="}


def inline(node: Operand) -> str:
    """Return the expression on one line.

    >>> inline(Symbols().each(Symbol("xs"), lambda x: 2.0 * x))
    '[(2.0 * element) for element in xs]'
    """
    if is_group(node):
        return f"[{', '.join(map(inline, node))}]"
    if not isinstance(node, Symbol):
        return repr(None if node is None else float(node))
    args = [inline(a) for a in node.args]
    if node.op in _INFIX:
        return f"({args[0]} {_INFIX[node.op]} {args[1]})"
    if node.op == "neg":
        return f"(-{args[0]})"
    if node.op == "where":
        return f"({args[1]} if {args[0]} else {args[2]})"
    if node.op == "each":
        return f"[{args[1]} for element in {args[0]}]"
    return f"{node.op}({', '.join(args)})" if args else node.op
