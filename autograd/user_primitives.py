"""primitive(): add a user's operation to the table."""

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

#: The functions that primitive() has added. They may be replaced, because a notebook cell may run twice.
added: dict[str, Callable[..., Value]] = {}
#: The names that a primitive cannot take: those of the package, which its ``__init__`` adds.
reserved: set[str] = set()


def primitive(
    name: str, value: Rule, *derivatives: Rule, doc: str = "", operands: str = "", template: str = ""
) -> Callable[..., Value]:
    """Add a primitive to the table, return its function, and make it a method of Value.

    A rule uses numbers, ``+ - * /``, ``< <= > >=`` and the functions of ``m``: those of the table by their
    names, ``m.where(c, a, b)`` and others, which the module ``autograd.primitives`` lists. The operation can
    then be differentiated twice, drawn, explained and compiled. Adding a name again replaces the primitive.
    Existing nodes keep their rules, but ``m.name`` inside any rule is the newest entry.

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

    Args:
        name: The name of the function and of the method. A primitive with a group of operands has no method.
        value: ``value(m, *operands)``, which returns the result.
        derivatives: For each operand, ``derivative(m, out, *operands)``, which returns ∂out/∂operand, or None
            where no gradient flows.
        doc: A description in a few words.
        operands: The names of the operands, by default "x" or "a b"; the name of a group ends in ``*``.
        template: The printed form, such as "⌊{x}⌋"; by default a call.

    Returns:
        The function, which takes Values and numbers and returns a Value.

    Raises:
        ValueError: If the name is taken or not an identifier, or the number of derivatives is wrong.
        TypeError: If a rule has a Python ``if``, is not a function of the operands, or does not return a
            number.
        AttributeError: If a rule uses something that ``m`` does not offer.
    """
    check_name(name)
    for rule_name, rule in (("value", value), *((f"derivatives[{i}]", d) for i, d in enumerate(derivatives))):
        if not callable(rule):
            raise TypeError(
                f"primitive() expected a function for {rule_name}, got {type_and_value(rule)}. "
                "Pass a function of m and the operands."
            )
    for text_name, text in (("doc", doc), ("operands", operands), ("template", template)):
        if not isinstance(text, str):
            raise TypeError(
                f"primitive() expected a str for {text_name}, got {type_and_value(text)}. "
                "Leave it out for the default."
            )
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
        raise ValueError(
            f"primitive() expected an identifier for name, got {short(name)}. Use a name such as 'softsign'."
        )
    is_taken = hasattr(FLOATS, name) or name in {"lt", "le", *dir(Value), *reserved}
    if is_taken and name not in added:
        raise ValueError(
            f"primitive() expected a new name, got {short(name)}, which is taken. Choose another."
        )


def check_rules(op: Primitive) -> None:
    """Run the rules on symbols; raise an error if they use or return anything that is not allowed."""
    symbols: list[Any] = [Symbol(operand.rstrip("*")) for operand in op.operands]
    check_result(op.name, "value", op.value(Symbols(), *symbols), (Symbol, int, float))
    for operand, rule in zip(op.operands, op.derivatives):
        kinds = (Symbol, list, tuple) if operand.endswith("*") else (Symbol, int, float)
        result = rule(Symbols(), Symbol("out"), *symbols)
        check_result(op.name, f"derivative for {operand}", result, (*kinds, type(None)))


def check_result(name: str, rule: str, result: object, kinds: tuple[type, ...]) -> None:
    """Raise TypeError unless a rule returned one of the kinds."""
    if not isinstance(result, kinds):
        expected = "a list" if list in kinds else "a number"
        remedy = "Return m.each(group, rule)." if list in kinds else "Compute it from the operands."
        raise TypeError(
            f"primitive() expected the {rule} of {name} to be {expected}, got {type_and_value(result)}. "
            f"{remedy}"
        )


def returning_float(value: Rule) -> Rule:
    """Return the rule with its result converted from int or bool to float. None raises TypeError."""

    def rule(m: Any, *operands: Any) -> Any:
        result = value(m, *operands)
        if result is None:
            raise TypeError(
                f"primitive() expected value to return a number, got None at {short(operands)}. "
                "Return a number in every case."
            )
        return float(result) if isinstance(result, (int, bool)) else result

    return rule


def checking_length(operand: str, derivative: Rule) -> Rule:
    """Return the rule; for a group, it raises ValueError unless it returns one derivative per element."""

    def rule(m: Any, out: Any, *operands: Any) -> Any:
        result: Any = derivative(m, out, *operands)
        widths = {len(group) for group in operands if type(group) in (list, tuple)}
        if result is None or not widths or (type(result) in (list, tuple) and {len(result)} == widths):
            return result  # symbols have no length
        raise ValueError(
            f"primitive() expected the derivative for {operand} to be a list with one item for each element, "
            f"got {short(result)}. Return m.each(group, rule)."
        )

    return rule if operand.endswith("*") else derivative
