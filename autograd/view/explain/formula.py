"""A graph as one expression, in the usual notation: ``loss = (w·x − y)²``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import islice

from ...backward import topological_order
from ...system.checks import check_int
from ...value import Value
from ..notation.derivation import Derivation, Line
from ..notation.names import (
    Names,
    computed_from,
    computed_on,
    constant,
    digits_needed,
    operation_formula,
    quantity,
    round_number,
)
from ..notation.syntax import Formula, Name, equals
from ..picture.breadth_first import by_distance
from ..render.options import check_root

#: The default number of operations that are written out; the others appear by name.
LIMIT = 40
#: An operation that is nested deeper than this has its own line.
DEEPEST = 50
#: The number of elements of a group that are written out.
ELEMENTS = 8


class Nested:
    """Graph as nested expressions, in which some operations have a name and their own line.

    These are operations whose result is used more than once, those in ``definitions``, and those that would
    be nested too deep.
    """

    def __init__(
        self, order: Sequence[Value], names: Names, limit: int = LIMIT, definitions: Collection[Value] = ()
    ) -> None:
        root = order[-1]
        self.root, self.names = root, names
        uses = Counter(x for node in order for x in node.operands if isinstance(x, Value))
        self.operations = sum(not node.is_leaf for node in order)
        non_leaves = ((node, depth) for node, depth in by_distance(root) if not node.is_leaf)
        #: The first operations by their distance from the root, with that distance.
        self.depths = dict(islice(non_leaves, limit))
        own_lines = {node for node, depth in self.depths.items() if uses[node] > 1 or depth % DEEPEST == 0}
        own_lines |= {*definitions}
        #: The operations with their own line, except the root: operands before results.
        self.intermediates = [node for node in order if node in own_lines and node is not root]
        self._own_lines = own_lines

    def formula(self, value: Value, leaf: Callable[[Value], Formula], digits: int = 4) -> Formula:
        """Return the expression of a non-leaf Value; ``leaf`` writes leaves and named operations."""
        return operation_formula(value, partial(self._part, leaf, digits), ELEMENTS)

    # A method, not a closure: a closure that calls itself is a reference cycle and keeps the graph alive.
    def _part(self, leaf: Callable[[Value], Formula], digits: int, operand: Value | float) -> Formula:
        if not isinstance(operand, Value):
            return constant(operand, digits)
        if operand.is_leaf or operand in self._own_lines or operand not in self.depths:
            return leaf(operand)
        return self.formula(operand, leaf, digits)

    def in_symbols(self, value: Value) -> Formula:
        return self.formula(value, lambda x: Name(self.names[x]))

    def in_numbers(self, value: Value) -> Formula | None:
        """Return the expression in numbers; None if a Value was overwritten after the forward pass."""
        numbers: dict[Value, float] = {}
        within = [value]
        for node in within:
            _, operands = computed_from(node)
            if not operands:
                return None
            numbers |= operands
            within += [x for x in operands if not (x.is_leaf or x in self._own_lines or x not in self.depths)]

        def recompute(digits: int) -> float:
            results = {x: round_number(data, digits) for x, data in numbers.items()}
            for node in reversed(within):
                results[node] = computed_on(node, results, digits)
            return results[value]

        digits = digits_needed(value.data, recompute)
        return self.formula(value, lambda x: quantity(numbers[x], "data", digits), digits)

    def equation(self) -> Formula:
        """Return the root with its expression, or with its number if it is a leaf."""
        root = Name(self.names[self.root])
        return equals(
            root, quantity(self.root.data, "data") if self.root.is_leaf else self.in_symbols(self.root)
        )

    @property
    def cut(self) -> str:
        """Note on the operations that are not written out; empty if there are none."""
        count = len(self.depths)
        if count == self.operations:
            return ""
        return f"of {self.operations:,} operations the {count:,} nearest {self.names.root} are written out"


def formula(root: Value, *, limit: int = LIMIT) -> Derivation:
    """Write the graph of ``root`` as an expression; a notebook displays it as mathematics.

    A result that is used more than once is written once, under its label or a generated name. If there
    are more than ``limit`` operations, those farthest from the root appear by name only, with a note.

    >>> w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    >>> loss = (w * x - y) ** 2
    >>> loss.label = "loss"
    >>> formula(loss)
    loss = (w·x − y)²
    >>> h = w + x
    >>> formula(h * h)
    out = v₁·v₁
      where v₁ = w + x

    Reading a graph of 10**6 Values takes about 4 s and 0.2 GB.

    Args:
        root: A Value.
        limit: The number of operations to write out.

    Returns:
        The expression, with a line for each named result.

    Raises:
        TypeError: If ``root`` is not a Value, or ``limit`` is not an int.
        ValueError: If ``limit`` is less than 1.
    """
    check_root("formula", root)
    most = check_int("formula", "limit", limit, f"The default is {LIMIT}.")
    order = topological_order(root)
    nested = Nested(order, Names(order), most)
    lines = [Line(nested.equation())]
    for node in reversed(nested.intermediates):
        definition = equals(Name(nested.names[node]), nested.in_symbols(node))
        lines.append(Line(definition, mark="where" if len(lines) == 1 else "and", indent=True))
    if nested.cut:
        lines.append(Line(f"({nested.cut}: formula(…, limit=…) shows more)"))
    return Derivation(lines)
