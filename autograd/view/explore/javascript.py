"""The table evaluated on symbols and printed as JavaScript, for pages that compute without Python."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from ...primitives import PRIMITIVES, Primitive
from ...symbols import Operand, Symbol, Symbols, is_group

_KERNEL = re.compile(r"^const \$(\w+) = (.*?)(?=^const|\Z)", re.DOTALL | re.MULTILINE)
_INFIX = {"+": "+", "-": "-", "*": "*", "/": "/", "lt": "<", "le": "<=", "eq": "==="}


@cache
def kernels() -> dict[str, str]:
    """Return the definitions in kernels.js, without comments, by name."""
    text = (Path(__file__).parent / "kernels.js").read_text(encoding="utf-8")
    text = re.sub(r"^//.*\n", "", text, flags=re.MULTILINE)
    return {name: f"const ${name} = {source.strip()}" for name, source in _KERNEL.findall(text)}


def rules(names: Iterable[str]) -> str:
    """Return a JavaScript expression: an object with the value and the derivatives of some primitives.

    >>> print(rules(["mul", "sin"]))
    (() => {
    const $sin = Math.sin;
    const $cos = Math.cos;
    return {
    mul: { value: (a_, b_) => (a_ * b_), derivatives: [(out, a_, b_) => b_, (out, a_, b_) => a_] },
    sin: { value: (x_) => $sin(x_), derivatives: [(out, x_) => $cos(x_)] },
    };
    })()

    Args:
        names: Primitives of the table, with those of the user, whose rules ``primitive()`` has evaluated on
            symbols before.
    """
    printed = _Printer()
    entries = [printed.entry(PRIMITIVES[name]) for name in sorted({*names})]
    return "\n".join(["(() => {", *printed.functions(), "return {", *entries, "};", "})()"])


class _Printer:
    """Prints rules, and collects the functions that they call."""

    def __init__(self) -> None:
        self._called: dict[str, None] = {}

    def entry(self, primitive: Primitive) -> str:
        """Return the member of the object for a primitive."""
        operands = _parameters(primitive)
        symbols = [Symbol(operand) for operand in operands]
        value = self._function(operands, primitive.value(Symbols(), *symbols))
        derivatives = [
            self._function(["out", *operands], rule(Symbols(), Symbol("out"), *symbols))
            for rule in primitive.derivatives
        ]
        return f"{primitive.name}: {{ value: {value}, derivatives: [{', '.join(derivatives)}] }},"

    def functions(self) -> list[str]:
        """Return the definitions of all functions that the rules call."""
        lines: dict[str, str] = {}
        while new := [name for name in self._called if name not in lines]:
            for name in new:
                if name in kernels():
                    lines[name] = kernels()[name]
                    self._called.update(dict.fromkeys(re.findall(r"\$(\w+)\(", lines[name])))
                else:
                    operands = _parameters(PRIMITIVES[name])
                    value = PRIMITIVES[name].value(Symbols(), *map(Symbol, operands))
                    lines[name] = f"const ${name} = {self._function(operands, value)};"
        return [*lines.values()]

    def _function(self, parameters: Sequence[str], root: Operand) -> str:
        """Return an arrow function; what its expression uses twice is computed once."""
        uses: Counter[Symbol] = Counter()
        order: dict[Symbol, None] = {}

        def count(node: Operand, times: int) -> None:
            if is_group(node):
                for x in node:
                    count(x, times)
            elif isinstance(node, Symbol) and node.args:
                uses[node] += 1 if _uses_element(node) else times
                if node not in order:
                    for i, x in enumerate(node.args):
                        count(x, 2 if node.op == "each" and i == 1 else times)  # for each element
                    order[node] = None

        count(root, 1)
        names: dict[Symbol, str] = {}
        lines: list[str] = []
        for node in order:
            if uses[node] > 1 and not _uses_element(node):
                source = self._inline(node, names)
                names[node] = f"t{len(names)}"
                lines.append(f"const {names[node]} = {source};")
        result = self._inline(root, names)
        head = f"({', '.join(parameters)}) =>"
        return f"{head} {{ {' '.join(lines)} return {result}; }}" if lines else f"{head} {result}"

    def _inline(self, node: Operand, names: dict[Symbol, str]) -> str:
        if is_group(node):
            return f"[{', '.join(self._inline(x, names) for x in node)}]"
        if not isinstance(node, Symbol):
            return _number(node)
        if node in names:
            return names[node]
        args = [self._inline(x, names) for x in node.args]
        if node.op in _INFIX:
            return f"({args[0]} {_INFIX[node.op]} {args[1]})"
        if node.op == "neg":
            return f"(-{args[0]})"
        if node.op == "where":
            return f"({args[0]} ? {args[1]} : {args[2]})"
        if node.op == "each":
            return f"{args[0]}.map((element) => {args[1]})"
        if node.op == "positions":
            return f"{args[0]}.map((_, i) => i)"
        if not args:
            return node.op
        self._called[node.op] = None
        return f"${node.op}({', '.join(args)})"


def _parameters(primitive: Primitive) -> list[str]:
    """Return the names of the operands; with an underscore, none is a keyword of JavaScript."""
    return [f"{operand.rstrip('*')}_" for operand in primitive.operands]


def _uses_element(node: Operand) -> bool:
    """Return True if an expression depends on the element of a group: it belongs into its function."""
    stack, visited = [node], set[int]()
    while stack:
        x = stack.pop()
        if is_group(x):
            stack += x
        elif isinstance(x, Symbol) and id(x) not in visited:
            visited.add(id(x))
            if x.op == "element":
                return True
            stack += x.args[:1] if x.op == "each" else x.args
    return False


def _number(x: float | None) -> str:
    if x is None:
        return "null"
    x = float(x)
    return repr(x) if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
