"""Expressions typed by a user, parsed and computed on Values. Nothing is ever evaluated as Python.

The grammar is Python's own, of which a small part is allowed: numbers, names, + − * / **, calls of
the table's functions, and assignments separated by semicolons.
"""

from __future__ import annotations

import ast
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from .composed import take
from .operations import FUNCTIONS
from .primitives import PRIMITIVES
from .value import Value

#: Deeper nesting than this is refused; nobody reads it and Python's own parser gives up soon after.
DEEPEST = 100

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
}
_CALLABLE: dict[str, Callable[..., Any]] = {
    **{name: f for name, f in FUNCTIONS.items() if name not in _BINARY.values()},
    "max": FUNCTIONS["maximum"],
    "min": FUNCTIONS["minimum"],
    "take": take,
}


class ExpressionError(ValueError):
    """An expression that can't be computed; the message shows the place."""

    def __init__(self, message: str, source: str, column: int, width: int = 1) -> None:
        start = max(0, column - 50)  # of a long line, what is near the place
        shown = source[start : start + 100]
        pointer = " " * (column - start) + "^" * max(1, min(width, len(shown) - (column - start)))
        super().__init__(f"{message}\n  {shown}\n  {pointer}")


def compute(source: str, inputs: Mapping[str, Value]) -> Value:
    """The value of an expression such as ``"p = w*x; (p - y)**2"``, recorded as a graph.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> compute("p = w*x; p**2", {"w": w, "x": x})
    Value(100.0)

    An assigned name becomes the label of its Value; ``^`` is refused, since it is not Python's
    power. Raises ExpressionError, which points at the place.
    """
    flat = " ".join(source.splitlines())
    if "#" in flat:
        raise ExpressionError("a comment has no place in an expression", flat, flat.index("#"))
    reader = _Reader(flat, {unicodedata.normalize("NFKC", name): x for name, x in inputs.items()})
    return reader.statements(_parse(flat))


def _parse(source: str) -> ast.Module:
    if (column := _too_deep(source)) is not None:
        raise ExpressionError(f"brackets are nested more than {DEEPEST} deep", source, column)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on what is refused below anyway
            return ast.parse(source.strip())
    except SyntaxError as error:
        column = min(max((error.offset or 1) - 1 + len(source) - len(source.lstrip()), 0), len(source))
        raise ExpressionError(f"this is not an expression: {error.msg}", source, column) from None
    except (RecursionError, MemoryError):
        raise ExpressionError(
            "the expression is too long or nested too deep to be read", source, 0, len(source)
        ) from None
    except ValueError as error:  # a null byte, or a number of too many digits
        raise ExpressionError(f"this is not an expression: {error}", source, 0) from None


def _too_deep(source: str) -> int | None:
    """The column of the first bracket that is nested too deep, if one is."""
    depth = 0
    for column, letter in enumerate(source):
        depth += (letter in "([{") - (letter in ")]}")
        if depth > DEEPEST:
            return column
    return None


def _did_you_mean(name: str) -> str:
    close = get_close_matches(name, _CALLABLE, 1)
    return f"did you mean {close[0]}? " if close else ""


class _Reader:
    """Walks a parsed expression and computes it."""

    def __init__(self, source: str, inputs: Mapping[str, Value]) -> None:
        self.source = source
        self.indent = len(source) - len(source.lstrip())
        self.names: dict[str, Value] = dict(inputs)
        self.depth = 0

    def error(self, message: str, node: ast.AST) -> ExpressionError:
        # ast counts columns in bytes of UTF-8.
        line = self.source[self.indent :].encode()
        start = len(line[: getattr(node, "col_offset", 0)].decode(errors="ignore"))
        end = len(line[: getattr(node, "end_col_offset", 1) or 1].decode(errors="ignore"))
        return ExpressionError(message, self.source, start + self.indent, end - start)

    def statements(self, module: ast.Module) -> Value:
        result: Value | None = None
        for statement in module.body:
            if isinstance(statement, ast.Assign):
                result = self.assign(statement)
            elif isinstance(statement, ast.Expr):
                result = self.value(statement.value)
            else:
                raise self.error("only expressions and assignments like p = w*x are understood", statement)
        if result is None:
            raise ExpressionError(
                "there is nothing to compute: give an expression such as (w*x - y)**2", "", 0
            )
        return result

    def assign(self, statement: ast.Assign) -> Value:
        target = statement.targets[0]
        if len(statement.targets) > 1 or not isinstance(target, ast.Name):
            raise self.error("one name can be assigned at a time, like p = w*x", statement)
        if target.id in self.names:
            raise self.error(f"{target.id} is taken already: choose another name", target)
        value = self.value(statement.value)
        if value.label:  # p = w: a second name for the same Value
            value = value * 1.0  # exact for every number, where + 0.0 makes 0.0 of -0.0
        value.label = target.id
        self.names[target.id] = value
        return value

    def value(self, node: ast.expr) -> Value:
        result = self.operand(node)
        return result if isinstance(result, Value) else Value(result)

    def operand(self, node: ast.expr) -> Value | float:
        """The Value of an expression; of one made of numbers alone, the number."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"the expression is nested more than {DEEPEST} deep: name a part of it", node)
        try:
            return self.dispatch(node)
        finally:
            self.depth -= 1

    def dispatch(self, node: ast.expr) -> Value | float:
        if isinstance(node, ast.BinOp):
            return self.chain(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            operand = self.operand(node.operand)
            return -operand if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.Name):
            if node.id not in self.names:
                known = ", ".join(self.names) or "none"
                raise self.error(
                    f"{node.id} has no value: add {node.id}=1.5, for example (known: {known})", node
                )
            return self.names[node.id]
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return Value(node.value).data
        if isinstance(node, ast.Call):
            return self.call(node)
        raise self.error("this is not understood: use numbers, names, + - * / ** and functions", node)

    def chain(self, node: ast.BinOp) -> Value | float:
        """a + b + c + …: Python nests it to the left, as deep as it is long, so walk it in a loop."""
        pending: list[ast.BinOp] = []
        leftmost: ast.expr = node
        while isinstance(leftmost, ast.BinOp):
            pending.append(leftmost)
            leftmost = leftmost.left
        result = self.operand(leftmost)
        for operation in reversed(pending):
            name = _BINARY.get(type(operation.op))
            if name is None:
                raise self.error("of the operators, + - * / ** are understood (a power is **)", operation)
            right = self.operand(operation.right)
            computed = FUNCTIONS[name](result, right)
            result = computed.data if computed.is_leaf else computed  # of numbers alone, a number
        return result

    def call(self, node: ast.Call) -> Value | float:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _CALLABLE:
            called = ast.get_source_segment(self.source.strip(), node.func) or ""
            raise self.error(
                f"there is no function {called[:40]!r}; {_did_you_mean(called)}"
                f"there are {', '.join(sorted(_CALLABLE))}",
                node.func,
            )
        if node.keywords:
            raise self.error(f"{name} is called with values alone, not with name=value", node)
        operands = [
            [self.operand(item) for item in argument.elts]
            if isinstance(argument, ast.List | ast.Tuple)
            else self.operand(argument)
            for argument in node.args
        ]
        entry = PRIMITIVES[_CALLABLE[name].__name__]
        groups = [operand.endswith("*") for operand in entry.operands]
        listed = [isinstance(operand, list) for operand in operands]
        if len(listed) < len(groups) - len(entry.defaults) or listed != groups[: len(listed)]:
            takes = ", ".join(f"[{o[:-1]}]" if o.endswith("*") else o for o in entry.operands)
            raise self.error(f"{name} is called as {name}({takes})", node)
        if name == "take" and isinstance(operands[1], float) and operands[1].is_integer():
            operands[1] = int(operands[1])
        try:
            result: Value = _CALLABLE[name](*operands)
        except (TypeError, ValueError, IndexError) as error:
            raise self.error(str(error), node) from None
        return result.data if result.is_leaf else result  # of numbers alone, a number
