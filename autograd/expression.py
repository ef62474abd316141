"""Expressions typed by a user, parsed and computed on Values. Nothing is ever evaluated as Python.

The grammar is Python's own, of which a small part is allowed: numbers, names, + − * / **, calls of
the table's functions, lists and their elements, and assignments separated by semicolons.
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

#: Deeper nesting than this is refused; nobody reads it and Python's own parser gives up soon after.
DEEPEST = 100

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
}
#: What a part of an expression is: a number, a Value, or a list of them.
Item = Value | float | list[Any]


def _folded(name: str) -> Callable[..., Any]:
    """The function of two operands, of any number of them or of a list."""

    def fold(*operands: Any) -> Any:
        function: Callable[[Any, Any], Any] = FUNCTIONS[name]
        return reduce(function, operands[0] if len(operands) == 1 else operands)

    return fold


#: These have two operands in the table, and any number here.
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
#: Numbers with a name, unless an input has it.
CONSTANTS = {"pi": math.pi, "e": math.e}

#: The operators that a user may mean by other letters.
_MEANT = {"^": "**", "·": "*", "×": "*", "−": "-", "÷": "/", "²": "**2", "³": "**3"}
_NUMBER = r"0[xXoObB]\w+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(rf"\s+|{_NUMBER}|\w+|.", re.DOTALL)
#: A suggestion that is longer is not repeated.
_LONGEST = 60


class ExpressionError(ValueError):
    """An expression that can't be computed; the message shows the place."""

    def __init__(self, message: str, source: str, column: int, width: int = 1) -> None:
        start = max(0, column - 50)  # of a long line, what is near the place
        shown = replace_controls(source[start : start + 100])
        pointer = " " * (column - start) + "^" * max(1, min(width, len(shown) - (column - start)))
        super().__init__(f"{replace_controls(message)}\n  {shown}\n  {pointer}")


def compute(source: str, inputs: Mapping[str, Value]) -> Value:
    """The value of an expression such as ``"p = w*x; (p - y)**2"``, recorded as a graph.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> compute("p = w*x; p**2", {"w": w, "x": x})
    Value(100.0)

    An assigned name becomes the label of its Value. A list, such as the result of ``softmax([a, b])``, may
    be assigned, indexed (``p[0]``) and passed on, but the last result is one Value. Raises ExpressionError,
    which points at the place; for ``x^2`` and ``2x`` it names the form to write, ``x**2`` and ``2*x``.
    """
    flat = " ".join(source.splitlines())
    if "#" in flat:
        raise ExpressionError("a comment has no place in an expression", flat, flat.index("#"))
    reader = _Reader(flat, {unicodedata.normalize("NFKC", name): x for name, x in inputs.items()})
    return reader.statements(_parse(flat, reader.names))


def constant(source: str) -> float:
    """Compute an expression of numbers alone, such as the value of an input.

    >>> constant("1/4"), constant("2*sqrt(4)")
    (0.25, 4.0)
    """
    flat = " ".join(source.splitlines())
    body = _parse(flat).body
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise ExpressionError("it is not one number", flat, 0, len(flat))
    return _NumberReader(flat, {}).number(body[0].value).data


def functions() -> list[str]:
    """Return every function that an expression may call, with its operands: ``sum([values])``."""
    return [_form(name) for name in sorted(_CALLABLE)]


def _operands(name: str) -> tuple[str, ...]:
    """The operands of a function; the name of a list ends in ``*``."""
    return PRIMITIVES[name].operands if name in PRIMITIVES and name not in _FOLDED else ("values*",)


def _form(name: str) -> str:
    if name in _FOLDED:
        return f"{name}(a, b)"
    return f"{name}({', '.join(f'[{o[:-1]}]' if o.endswith('*') else o for o in _operands(name))})"


def _parse(source: str, known: Collection[str] = ()) -> ast.Module:
    if (column := _too_deep(source)) is not None:
        raise ExpressionError(f"brackets are nested more than {DEEPEST} deep", source, column)
    try:
        return _parsed(source)
    except SyntaxError as error:
        column = min(max((error.offset or 1) - 1 + len(source) - len(source.lstrip()), 0), len(source))
        advice = _advice(source, known)
        raise ExpressionError(f"this is not an expression: {error.msg}{advice}", source, column) from None
    except (RecursionError, MemoryError):
        raise ExpressionError(
            "the expression is too long or nested too deep to be read", source, 0, len(source)
        ) from None
    except ValueError as error:  # a null byte, or a number of too many digits
        raise ExpressionError(f"this is not an expression: {error}", source, 0) from None


def _parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's advice on code that is rejected below
        return ast.parse(source.strip())


def _advice(source: str, known: Collection[str]) -> str:
    """The remedy for an operator left out, or of mathematics: ``. Write 2*x**2.`` for 2x^2; else empty."""
    written = _with_operators(source.strip(), known)
    if written == source.strip():
        return ""
    try:
        _parsed(written)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return f". Write {written if len(written) <= _LONGEST else '* for a product and ** for a power'}."


def _with_operators(source: str, known: Collection[str]) -> str:
    """The source with ``*`` where an operand follows an operand, and ``**`` for ``^``."""
    for letter, operator in _MEANT.items():
        source = source.replace(letter, operator)
    names = {*known, *CONSTANTS, *re.findall(r"(\w+)\s*=", source)}
    written: list[str] = []
    before = ""
    for token in _TOKEN.findall(source):
        begins = token == "(" or (token.isidentifier() and not iskeyword(token)) or _is_number(token)
        called = before.isidentifier() and (before in _CALLABLE or token == "(") and before not in names
        ends = before in (")", "]") or _is_number(before) or (before.isidentifier() and not called)
        if begins and ends and not iskeyword(before):
            written[len(written) - written[-1].isspace() :] = ["*"]
        written.append(token)
        before = before if token.isspace() else token
    result = "".join(written)
    return source if "*()" in result else result  # f() is a call, of whatever f is


def _is_number(token: str) -> bool:
    return token[:1].isdigit() or (token[:1] == "." and token[1:2].isdigit())


def _values_in(items: Iterable[Item]) -> Iterator[Value]:
    for item in items:
        if isinstance(item, list):
            yield from _values_in(item)
        elif isinstance(item, Value):
            yield item


def _is_nested(items: Sequence[Item]) -> bool:
    """Return True if a list in it has a list in it."""
    return any(isinstance(x, list) for item in items if isinstance(item, list) for x in item)


def _data(result: Item) -> float | list[Any]:
    """The number of a Value; of a list, the list of them."""
    return [_data(x) for x in result] if isinstance(result, list) else data_of(result)


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
                raise self.error("only expressions and assignments like p = w*x are understood", statement)
        if result is None:
            raise ExpressionError(
                "there is nothing to compute: give an expression such as (w*x - y)**2", "", 0
            )
        if isinstance(result, list):
            raise self.error(
                f"the result is a list of {len(result)}, and a gradient is that of one number. Choose one, "
                "such as softmax([a, b])[0], or add them with sum(…).",
                module.body[-1],
            )
        return result if isinstance(result, Value) else Value(result)

    def assign(self, statement: ast.Assign) -> Item:
        target = statement.targets[0]
        names = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        if len(statement.targets) > 1 or not names:
            raise self.error("one name can be assigned at a time, like p = w*x", statement)
        for name in names:
            if not isinstance(name, ast.Name):
                raise self.error("one name can be assigned at a time, like p = w*x", statement)
            if name.id in self.names:
                raise self.error(f"{name.id} is taken already: choose another name", name)
        given = self.operand(statement.value)
        if isinstance(target, ast.Name):
            return self.name(target.id, given)
        if not isinstance(given, list) or len(given) != len(names):
            many = f"a list of {len(given)}" if isinstance(given, list) else "one number"
            raise self.error(f"{len(names)} names can't be given {many}", statement)
        return [self.name(name.id, x) for name, x in zip(names, given) if isinstance(name, ast.Name)]

    def name(self, name: str, given: Item) -> Value | list[Any]:
        """Give a name, which becomes the label of the Value; those in a list become ``p[0]``, ``p[1]``."""
        if isinstance(given, list):
            for i, item in enumerate(given):
                if isinstance(item, Value) and not item.label:
                    item.label = f"{name}[{i}]"
            self.names[name] = given
            return given
        value = given if isinstance(given, Value) else Value(given)
        if value.label:  # p = w: a second name for the same Value
            value = value * 1.0  # exact for every number, where + 0.0 makes 0.0 of -0.0
        value.label = name
        self.names[name] = value
        return value

    def number(self, node: ast.expr) -> Value:
        """The Value of a part that may not be a list."""
        result = self.single(node)
        return result if isinstance(result, Value) else Value(result)

    def single(self, node: ast.expr) -> Value | float:
        """The Value or the number of a part that may not be a list."""
        result = self.operand(node)
        if isinstance(result, list):
            raise self.error(
                f"a number is needed here, not a list of {len(result)}. Choose one of them, such as p[0].",
                node,
            )
        return result

    def operand(self, node: ast.expr) -> Item:
        """The Value of a part of an expression; of one made of numbers alone, the number."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"the expression is nested more than {DEEPEST} deep: name a part of it", node)
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
            "this is not understood: use numbers, names, + - * / ** and functions"
            + _advice(self.text(node), self.names),
            node,
        )

    def named(self, node: ast.Name) -> Item:
        name = node.id
        if name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        known = ", ".join(self.names) or "none"
        if len(name) > 1 and all(letter in self.names for letter in name):
            known += f"; a product is written {'*'.join(name)}"
        raise self.error(f"{name} has no value: add {name}=1.5, for example (known: {known})", node)

    def list_of(self, node: ast.List | ast.Tuple) -> list[Any]:
        items: list[Any] = [self.operand(item) for item in node.elts]
        if _is_nested(items):
            raise self.error("lists are nested more than two deep: name a part of it", node)
        return items

    def element(self, node: ast.Subscript) -> Item:
        """``p[0]``: an element of a list."""
        items = self.operand(node.value)
        if not isinstance(items, list):
            raise self.error("an index needs a list, such as softmax([a, b])[0], not one number", node)
        index = self.operand(node.slice) if not isinstance(node.slice, ast.Slice) else None
        if not isinstance(index, float) or not index.is_integer():
            raise self.error("an index is a whole number, such as p[0]", node)
        if not -len(items) <= index < len(items):
            raise self.error(f"there is no [{index:.0f}] in a list of {len(items)}: the first is [0]", node)
        item: Item = items[int(index)]
        return item

    def chain(self, node: ast.BinOp) -> Value | float:
        """a + b + c + …: Python nests it to the left, as deep as it is long, so walk it in a loop."""
        pending: list[ast.BinOp] = []
        leftmost: ast.expr = node
        while isinstance(leftmost, ast.BinOp):
            pending.append(leftmost)
            leftmost = leftmost.left
        for operation in reversed(pending):
            if type(operation.op) not in _BINARY:
                advice = _advice(self.text(node), self.names)
                raise self.error(
                    f"of the operators, + - * / ** are understood (a power is **){advice}", operation
                )
        result = self.single(leftmost)
        for operation in reversed(pending):
            computed = FUNCTIONS[_BINARY[type(operation.op)]](result, self.single(operation.right))
            result = computed.data if computed.is_leaf else computed  # of numbers alone, a number
        return result

    def call(self, node: ast.Call) -> Item:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _CALLABLE:
            called = self.text(node.func)
            there_are = f"; {_did_you_mean(called)}there are {', '.join(sorted(_CALLABLE))}"
            advice = _advice(self.text(node), self.names) or there_are
            raise self.error(f"there is no function {called[:40]!r}{advice}", node.func)
        if node.keywords:
            raise self.error(f"{name} is called with values alone, not with name=value", node)
        operands = self.arranged(name, node)
        try:
            result = _CALLABLE[name](*operands)
        except (TypeError, ValueError, IndexError) as error:
            raise self.error(str(error), node) from None
        if any(True for _ in _values_in(operands)):
            found: Item = result
            return found
        return _data(result)  # of numbers alone, a number

    def arranged(self, name: str, node: ast.Call) -> list[Item]:
        """The operands of a call; several numbers stand for a list where a function takes one list alone."""
        given: list[Any] = [self.operand(argument) for argument in node.args]
        groups = [operand.endswith("*") for operand in _operands(name)]
        if groups == [True] and len(given) > 1 and not any(isinstance(x, list) for x in given):
            given = [given]
        listed = [isinstance(operand, list) for operand in given]
        optional = len(PRIMITIVES[name].defaults) if name in PRIMITIVES else 0
        if len(listed) < len(groups) - optional or listed != groups[: len(listed)]:
            several = f", or with several: {name}(a, b, …)" if groups == [True] else ""
            raise self.error(f"{name} is called as {_form(name)}{several}", node)
        if name == "take":
            index = given[1]
            if isinstance(index, float) and index.is_integer():
                given[1] = int(index)
        elif _is_nested(given):
            raise self.error(f"{name} takes numbers or a list of numbers, not a list of lists", node)
        if name in _FOLDED and given == [[]]:
            raise self.error(f"{name} needs one number or more", node)
        return given


class _NumberReader(_Reader):
    """Computes an expression of numbers alone."""

    def named(self, node: ast.Name) -> Item:
        if node.id not in CONSTANTS:
            raise self.error(f"{node.id} is not a number", node)
        return CONSTANTS[node.id]
