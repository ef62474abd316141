"""primitive(): operations of the user's own, added to the table."""

from __future__ import annotations

from collections.abc import Callable
from keyword import iskeyword
from typing import Any
from unicodedata import normalize

from .floats import FLOATS, define_on_floats
from .operations import function_for
from .primitives import PRIMITIVES, Primitive, Rule
from .symbols import Symbol, Symbols
from .system.messages import short, type_and_value
from .value import Value

#: The functions that primitive() has added. They may be replaced: a notebook cell runs twice.
added: dict[str, Callable[..., Value]] = {}
#: The names that no primitive may take: those of the package, which its ``__init__`` enters here.
reserved: set[str] = set()


def primitive(
    name: str, value: Rule, *derivatives: Rule, doc: str = "", operands: str = "", template: str = ""
) -> Callable[..., Value]:
    """Add a primitive to the table; return its function and make it a method of Value.

    >>> softsign = primitive(
    ...     "softsign",
    ...     lambda m, x: x / (1.0 + m.abs(x)),
    ...     lambda m, out, x: 1.0 / (1.0 + m.abs(x)) / (1.0 + m.abs(x)),
    ... )
    >>> x = Value(-1.0)
    >>> y = x.softsign()
    >>> y.backward()
    >>> y.data, softsign(3.0).data, x.grad
    (-0.5, 0.75, 0.25)

    A rule uses numbers, ``+ - * /``, ``< <= > >=`` and what ``m`` offers: every function of the table by its
    name, ``m.where(c, a, b)`` and more, as the module ``autograd.primitives`` lists. From then on the
    operation runs, differentiates twice, draws, explains itself and compiles. Adding it again replaces it.
    What was computed before keeps its old rules, but ``m.name`` inside any rule means the newest entry.

    Args:
        name: The name of the function and of the method. A primitive with a group of operands has no method.
        value: ``value(m, *operands)``, the result.
        derivatives: ``derivative(m, out, *operands)`` for each operand; None where it does not matter.
        doc: A description in a few words.
        operands: The names of the operands, by default "x" or "a b"; that of a group ends in ``*``.
        template: How it is printed, such as "⌊{x}⌋"; by default as a call.

    Raises:
        ValueError: If the name is taken or not an identifier, or the number of derivatives is not that of the
            operands.
        TypeError: If a rule has a Python ``if``, is not a function of the operands, or returns no number.
        AttributeError: If a rule uses something that ``m`` does not offer.
    """
    check_name(name)
    before = PRIMITIVES.get(name)
    op = Primitive(name, value, *derivatives, doc=doc, operands=operands, template=template)
    try:
        check_rules(op)
    except BaseException:
        del PRIMITIVES[name]
        if before is not None:
            PRIMITIVES[name] = before
        raise
    op.value = returning_float(value)
    op.derivatives = tuple(map(checking_length, op.operands, derivatives))
    define_on_floats(op)
    added[name] = function = function_for(op)
    function.__module__ = "autograd"  # where pickle looks for it
    if not any(operand.endswith("*") for operand in op.operands):
        setattr(Value, name, function)
    elif hasattr(Value, name):  # of an earlier definition
        delattr(Value, name)
    return function


def check_name(name: str) -> None:
    """Raise ValueError unless a primitive may have the name."""
    is_name = isinstance(name, str) and name.isidentifier() and normalize("NFKC", name) == name
    if not is_name or iskeyword(name) or name.startswith("_"):
        raise ValueError(f"primitive() expected a name such as 'softsign', got {short(name)}.")
    is_taken = hasattr(FLOATS, name) or name in {"lt", "le", *dir(Value), *reserved}
    if is_taken and name not in added:
        raise ValueError(f"primitive() expected a new name, got {short(name)}. Choose another one.")


def check_rules(op: Primitive) -> None:
    """Run the rules on symbols, which shows whether they use only what ``m`` offers, and what they return."""
    symbols: list[Any] = [Symbol(operand.rstrip("*")) for operand in op.operands]
    check_result(op.name, "value", op.value(Symbols(), *symbols), (Symbol, int, float))
    for operand, rule in zip(op.operands, op.derivatives):
        kinds = (Symbol, list, tuple) if operand.endswith("*") else (Symbol, int, float)
        result = rule(Symbols(), Symbol("out"), *symbols)
        check_result(op.name, f"derivative for {operand}", result, (*kinds, type(None)))


def check_result(name: str, rule: str, result: object, kinds: tuple[type, ...]) -> None:
    """Raise TypeError unless a rule returned one of the kinds."""
    if not isinstance(result, kinds):
        expected = "a list, for example by m.each()" if list in kinds else "a number"
        raise TypeError(
            f"primitive() expected the {rule} of {name} to be {expected}, got {type_and_value(result)}."
        )


def returning_float(value: Rule) -> Rule:
    """The same rule, but an int or bool that it returns becomes a float. None raises TypeError."""

    def rule(m: Any, *operands: Any) -> Any:
        result = value(m, *operands)
        if result is None:
            raise TypeError(f"The value of a primitive must be a number, got None at {short(operands)}.")
        return float(result) if isinstance(result, (int, bool)) else result

    return rule


def checking_length(operand: str, derivative: Rule) -> Rule:
    """The same rule; that of a group raises ValueError unless it returns one derivative for each element."""

    def rule(m: Any, out: Any, *operands: Any) -> Any:
        result: Any = derivative(m, out, *operands)
        widths = {len(group) for group in operands if type(group) in (list, tuple)}
        if result is None or not widths or (type(result) in (list, tuple) and {len(result)} == widths):
            return result  # on symbols there are no widths
        raise ValueError(
            f"The derivative for {operand} must be a list, one item for each element, got {short(result)}. "
            "Use m.each()."
        )

    return rule if operand.endswith("*") else derivative
