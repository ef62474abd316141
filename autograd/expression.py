"""Expressions typed by a user, parsed and computed on Values. They are never evaluated as Python.

The grammar is a small part of Python's: numbers, names, + − * / **, calls of the table's functions, lists and
their elements, and assignments separated by semicolons.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import reduce
from keyword import iskeyword
from typing import Any

from .composed import log_softmax, softmax, take
from .operations import FUNCTIONS, data_of
from .primitives import PRIMITIVES
from .system.messages import replace_controls
from .value import Value

#: The limit of nesting. Python's own parser fails not far beyond it.
MAX_DEPTH = 100

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
}
#: The result of a part of an expression: a number, a Value, or a list of them.
Item = Value | float | list[Any]


def _folded(name: str) -> Callable[..., Any]:
    """Return a function of two operands, extended to any number of them and to a list."""

    def fold(*operands: Any) -> Any:
        function: Callable[[Any, Any], Any] = FUNCTIONS[name]
        return reduce(function, operands[0] if len(operands) == 1 else operands)

    return fold


#: Functions with two operands in the table, and any number here.
_FOLDED = {
    "max": _folded("maximum"),
    "maximum": _folded("maximum"),
    "min": _folded("minimum"),
    "minimum": _folded("minimum"),
}
_CALLABLE: dict[str, Callable[..., Any]] = {
    **{name: f for name, f in FUNCTIONS.items() if name not in _BINARY.values()},
    **_FOLDED,
    "take": take,
    "softmax": softmax,
    "log_softmax": log_softmax,
}
#: Named numbers. An input of the same name takes precedence.
CONSTANTS = {"pi": math.pi, "e": math.e}

#: The operators for letters that a user may type instead.
_OPERATORS_BY_LETTER = {"^": "**", "·": "*", "×": "*", "−": "-", "÷": "/", "²": "**2", "³": "**3"}
_NUMBER = r"0[xXoObB]\w+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(rf"\s+|{_NUMBER}|\w+|.", re.DOTALL)
#: A longer suggestion is described, not repeated.
_MAX_SUGGESTION = 60


class ExpressionError(ValueError):
    """An expression cannot be computed. The message shows the place with marks below it.

    Args:
        message: The reason and the remedy.
        source: The expression.
        column: The place in it, counted in letters from 0.
        width: The number of letters that are marked.
    """

    def __init__(self, message: str, source: str, column: int, width: int = 1) -> None:
        start = max(0, column - 50)  # show only the part of a long line near the place
        excerpt = replace_controls(source[start : start + 100])
        pointer = " " * (column - start) + "^" * max(1, min(width, len(excerpt) - (column - start)))
        super().__init__(f"{replace_controls(message)}\n  {excerpt}\n  {pointer}")


def compute(source: str, inputs: Mapping[str, Value]) -> Value:
    """Compute an expression such as ``"p = w*x; (p - y)**2"``, recorded as a graph.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> compute("p = w*x; p**2", {"w": w, "x": x})
    Value(100.0)

    An assigned name becomes the label of its Value. A list, such as the result of ``softmax([a, b])``, may be
    assigned, indexed (``p[0]``) and passed to a function, but the last result is one Value.

    Args:
        source: The expression.
        inputs: The Values of the names in it.

    Returns:
        A Value.

    Raises:
        ExpressionError: If the expression cannot be computed. The message marks the place; for ``x^2`` and
            ``2x`` it suggests ``x**2`` and ``2*x``.
    """
    flat = " ".join(source.splitlines())
    if "#" in flat:
        raise ExpressionError("an expression cannot have a comment. Remove it", flat, flat.index("#"))
    reader = _Reader(flat, {unicodedata.normalize("NFKC", name): x for name, x in inputs.items()})
    return reader.statements(_parse(flat, reader.names))


def constant(source: str) -> float:
    """Compute an expression of numbers alone, such as the value of an input.

    >>> constant("1/4"), constant("2*sqrt(4)")
    (0.25, 4.0)

    Args:
        source: The expression.

    Returns:
        A float.

    Raises:
        ExpressionError: If it is not an expression of numbers.
    """
    flat = " ".join(source.splitlines())
    body = _parse(flat).body
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise ExpressionError("it is not one number", flat, 0, len(flat))
    return _NumberReader(flat, {}).number(body[0].value).data


def functions() -> list[str]:
    """Return every function that an expression may call, with its operands, such as ``sum([values])``."""
    return [_form(name) for name in sorted(_CALLABLE)]


def _operands(name: str) -> tuple[str, ...]:
    """Return the names of the operands of a function; the name of a list ends in ``*``."""
    return PRIMITIVES[name].operands if name in PRIMITIVES and name not in _FOLDED else ("values*",)


def _form(name: str) -> str:
    if name in _FOLDED:
        return f"{name}(a, b)"
    return f"{name}({', '.join(f'[{o[:-1]}]' if o.endswith('*') else o for o in _operands(name))})"


def _parse(source: str, names: Collection[str] = ()) -> ast.Module:
    if (column := _find_too_deep(source)) is not None:
        raise ExpressionError(
            f"brackets are nested more than {MAX_DEPTH} deep. Name a part of it: p = …;", source, column
        )
    try:
        return _parse_quietly(source)
    except SyntaxError as error:
        column = min(max((error.offset or 1) - 1 + len(source) - len(source.lstrip()), 0), len(source))
        advice = _advice(source, names)
        raise ExpressionError(f"this is not an expression: {error.msg}{advice}", source, column) from None
    except (RecursionError, MemoryError):
        raise ExpressionError(
            "the expression is too long or too deep. Name parts of it: p = …;", source, 0, len(source)
        ) from None
    except ValueError as error:  # a null byte, or a number with too many digits
        raise ExpressionError(f"this is not an expression: {error}", source, 0) from None


def _parse_quietly(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns about code that is rejected below
        return ast.parse(source.strip())


def _advice(source: str, names: Collection[str]) -> str:
    """Return the remedy for a missing or wrong operator, ``. Write 2*x**2.`` for 2x^2, or an empty string."""
    remedy = _with_operators(source.strip(), names)
    if remedy == source.strip():
        return ""
    try:
        _parse_quietly(remedy)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return f". Write {remedy if len(remedy) <= _MAX_SUGGESTION else '* for a product and ** for a power'}."


def _with_operators(source: str, known: Collection[str]) -> str:
    """Insert ``*`` where an operand follows an operand, and replace ``^`` by ``**``."""
    for letter, operator in _OPERATORS_BY_LETTER.items():
        source = source.replace(letter, operator)
    names = {*known, *CONSTANTS, *re.findall(r"(\w+)\s*=", source)}
    written: list[str] = []
    before = ""
    for token in _TOKEN.findall(source):
        begins = token == "(" or (token.isidentifier() and not iskeyword(token)) or _is_number(token)
        is_call = before.isidentifier() and (before in _CALLABLE or token == "(") and before not in names
        ends = before in (")", "]") or _is_number(before) or (before.isidentifier() and not is_call)
        if begins and ends and not iskeyword(before):
            written[len(written) - written[-1].isspace() :] = ["*"]
        written.append(token)
        before = before if token.isspace() else token
    result = "".join(written)
    return source if "*()" in result else result  # f() is a call, not a product


def _is_number(token: str) -> bool:
    return token[:1].isdigit() or (token[:1] == "." and token[1:2].isdigit())


def _values_in(items: Iterable[Item]) -> Iterator[Value]:
    for item in items:
        if isinstance(item, list):
            yield from _values_in(item)
        elif isinstance(item, Value):
            yield item


def _is_nested(items: Sequence[Item]) -> bool:
    """Return True if an item is a list that contains a list."""
    return any(isinstance(x, list) for item in items if isinstance(item, list) for x in item)


def _data(result: Item) -> float | list[Any]:
    """Return the number of a Value; for a list, the list of its numbers."""
    return [_data(x) for x in result] if isinstance(result, list) else data_of(result)


def _find_too_deep(source: str) -> int | None:
    """Return the column of the first bracket that is nested too deep, or None."""
    depth = 0
    for column, letter in enumerate(source):
        depth += (letter in "([{") - (letter in ")]}")
        if depth > MAX_DEPTH:
            return column
    return None


def _did_you_mean(name: str) -> str:
    close = get_close_matches(name, _CALLABLE, 1)
    return f"Did you mean {close[0]}? " if close else ""


class _Reader:
    """Visitor that computes a parsed expression."""

    def __init__(self, source: str, inputs: Mapping[str, Value]) -> None:
        self.source = source
        self.indent = len(source) - len(source.lstrip())
        self.names: dict[str, Value | list[Any]] = dict(inputs)
        self.depth = 0

    def error(self, message: str, node: ast.AST) -> ExpressionError:
        # ast counts columns in bytes of UTF-8.
        line = self.source[self.indent :].encode()
        start = len(line[: getattr(node, "col_offset", 0)].decode(errors="ignore"))
        end = len(line[: getattr(node, "end_col_offset", 1) or 1].decode(errors="ignore"))
        return ExpressionError(message, self.source, start + self.indent, end - start)

    def text(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.source.strip(), node) or ""

    def statements(self, module: ast.Module) -> Value:
        result: Item | None = None
        for statement in module.body:
            if isinstance(statement, ast.Assign):
                result = self.assign(statement)
            elif isinstance(statement, ast.Expr):
                result = self.operand(statement.value)
            else:
                raise self.error("expected an expression or an assignment such as p = w*x", statement)
        if result is None:
            raise ExpressionError(
                "there is nothing to compute. Write an expression such as (w*x - y)**2.", "", 0
            )
        if isinstance(result, list):
            raise self.error(
                f"expected one number as the result, got a list of {len(result)}. Choose one, such as "
                "softmax([a, b])[0], or add them with sum(…).",
                module.body[-1],
            )
        return result if isinstance(result, Value) else Value(result)

    def assign(self, statement: ast.Assign) -> Item:
        target = statement.targets[0]
        names = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        if len(statement.targets) > 1 or not names:
            raise self.error("expected an assignment to one name, such as p = w*x", statement)
        for name in names:
            if not isinstance(name, ast.Name):
                raise self.error("expected an assignment to one name, such as p = w*x", statement)
            if name.id in self.names:
                raise self.error(f"the name {name.id} is already used. Choose another name.", name)
        result = self.operand(statement.value)
        if isinstance(target, ast.Name):
            return self.name(target.id, result)
        if not isinstance(result, list) or len(result) != len(names):
            actual = f"a list of {len(result)}" if isinstance(result, list) else "one number"
            raise self.error(f"expected a list of {len(names)}, one for each name, got {actual}", statement)
        return [self.name(name.id, x) for name, x in zip(names, result) if isinstance(name, ast.Name)]

    def name(self, name: str, result: Item) -> Value | list[Any]:
        """Assign a name, which becomes the label of the Value; Values in a list get ``p[0]``, ``p[1]``."""
        if isinstance(result, list):
            for i, item in enumerate(result):
                if isinstance(item, Value) and not item.label:
                    item.label = f"{name}[{i}]"
            self.names[name] = result
            return result
        value = result if isinstance(result, Value) else Value(result)
        if value.label:  # p = w: a second name for the same Value
            value = value * 1.0  # exact for every number, unlike + 0.0, which changes -0.0
        value.label = name
        self.names[name] = value
        return value

    def number(self, node: ast.expr) -> Value:
        """Compute a part that may not be a list, as a Value."""
        result = self.single(node)
        return result if isinstance(result, Value) else Value(result)

    def single(self, node: ast.expr) -> Value | float:
        """Compute a part that may not be a list, as a Value or a number."""
        result = self.operand(node)
        if isinstance(result, list):
            raise self.error(
                f"expected a number, got a list of {len(result)}. Choose one of them, such as p[0].",
                node,
            )
        return result

    def operand(self, node: ast.expr) -> Item:
        """Compute a part of an expression, as a Value, or as a number if it has numbers alone."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(
                f"the expression is nested more than {MAX_DEPTH} deep. Name a part of it: p = …;", node
            )
        try:
            return self.dispatch(node)
        finally:
            self.depth -= 1

    def dispatch(self, node: ast.expr) -> Item:
        if isinstance(node, ast.BinOp):
            return self.chain(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            operand = self.single(node.operand)
            return -operand if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.Name):
            return self.named(node)
        number = node.value if isinstance(node, ast.Constant) else None
        if isinstance(number, int | float) and not isinstance(number, bool):
            return Value(number).data
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.List | ast.Tuple):
            return self.list_of(node)
        if isinstance(node, ast.Subscript):
            return self.element(node)
        raise self.error(
            "this is not supported. Use numbers, names, + - * / ** and functions"
            + _advice(self.text(node), self.names),
            node,
        )

    def named(self, node: ast.Name) -> Item:
        name = node.id
        if name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        names = ", ".join(self.names) or "none"
        if len(name) > 1 and all(letter in self.names for letter in name):
            names += f"; a product is written {'*'.join(name)}"
        raise self.error(f"{name} has no value. Add one, such as {name}=1.5 (known: {names})", node)

    def list_of(self, node: ast.List | ast.Tuple) -> list[Any]:
        items: list[Any] = [self.operand(item) for item in node.elts]
        if _is_nested(items):
            raise self.error("lists are nested more than two deep. Name a part of it: p = …;", node)
        return items

    def element(self, node: ast.Subscript) -> Item:
        """Compute an element of a list, such as ``p[0]``."""
        items = self.operand(node.value)
        if not isinstance(items, list):
            raise self.error(
                "expected a list before the index, such as softmax([a, b])[0], got one number", node
            )
        index = self.operand(node.slice) if not isinstance(node.slice, ast.Slice) else None
        if not isinstance(index, float) or not index.is_integer():
            raise self.error("expected a whole number as the index, such as p[0]", node)
        if not -len(items) <= index < len(items):
            raise self.error(
                f"index {index:.0f} is out of range for a list of {len(items)}. The first index is 0.", node
            )
        item: Item = items[int(index)]
        return item

    def chain(self, node: ast.BinOp) -> Value | float:
        """Compute a + b + c + … in a loop, because Python's parser nests it as deep as it is long."""
        pending: list[ast.BinOp] = []
        leftmost: ast.expr = node
        while isinstance(leftmost, ast.BinOp):
            pending.append(leftmost)
            leftmost = leftmost.left
        for operation in reversed(pending):
            if type(operation.op) not in _BINARY:
                advice = _advice(self.text(node), self.names)
                raise self.error(
                    f"this operator is not supported. Use + - * / ** (a power is **){advice}", operation
                )
        result = self.single(leftmost)
        for operation in reversed(pending):
            value = FUNCTIONS[_BINARY[type(operation.op)]](result, self.single(operation.right))
            result = value.data if value.is_leaf else value  # of numbers alone, a number
        return result

    def call(self, node: ast.Call) -> Item:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _CALLABLE:
            text = self.text(node.func)
            alternatives = f". {_did_you_mean(text)}The functions are {', '.join(sorted(_CALLABLE))}"
            advice = _advice(self.text(node), self.names) or alternatives
            raise self.error(f"there is no function {text[:40]!r}{advice}", node.func)
        if node.keywords:
            raise self.error(f"{name}() expected operands without names, got name=value", node)
        operands = self.arguments_of(name, node)
        try:
            result = _CALLABLE[name](*operands)
        except (TypeError, ValueError, IndexError) as error:
            raise self.error(str(error), node) from None
        if any(True for _ in _values_in(operands)):
            item: Item = result
            return item
        return _data(result)  # of numbers alone, a number

    def arguments_of(self, name: str, node: ast.Call) -> list[Item]:
        """Compute the operands of a call. If a function takes one list, several numbers become a list."""
        arguments: list[Any] = [self.operand(argument) for argument in node.args]
        groups = [operand.endswith("*") for operand in _operands(name)]
        if groups == [True] and len(arguments) > 1 and not any(isinstance(x, list) for x in arguments):
            arguments = [arguments]
        are_lists = [isinstance(operand, list) for operand in arguments]
        optional = len(PRIMITIVES[name].defaults) if name in PRIMITIVES else 0
        if len(are_lists) < len(groups) - optional or are_lists != groups[: len(are_lists)]:
            several = f", or with several: {name}(a, b, …)" if groups == [True] else ""
            raise self.error(f"{name} is called as {_form(name)}{several}", node)
        if name == "take":
            index = arguments[1]
            if isinstance(index, float) and index.is_integer():
                arguments[1] = int(index)
        elif _is_nested(arguments):
            raise self.error(f"{name}() expected numbers or a list of numbers, got a list of lists", node)
        if name in _FOLDED and arguments == [[]]:
            raise self.error(f"{name}() expected at least one number, got an empty list", node)
        return arguments


class _NumberReader(_Reader):
    """Visitor that computes an expression of numbers alone."""

    def named(self, node: ast.Name) -> Item:
        if node.id not in CONSTANTS:
            raise self.error(f"{node.id} is not a number", node)
        return CONSTANTS[node.id]
