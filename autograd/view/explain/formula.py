"""A graph as one expression, as a person writes it: ``loss = (w·x − y)²``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import islice

from ...backward import topological_order
from ...system.messages import type_and_value
from ...value import Value
from ..notation.derivation import Derivation, Line
from ..notation.names import Names, computed_from, computed_on, constant, operation_formula, quantity, telling
from ..notation.syntax import Formula, Name, equals
from ..picture.breadth_first import by_distance
from ..render.options import check_int

#: How many operations are written out; of the others the names are told.
LIMIT = 40
#: What is nested deeper than this is given a line of its own.
DEEPEST = 50
#: How many elements of a group are written out.
LANES = 8


class Nested:
    """Which operations of a graph are written within others, and which have a line of their own.

    An operation whose result is used twice has a line of its own, and so have those in ``apart``
    and what would be nested too deep.
    """

    def __init__(
        self, order: Sequence[Value], names: Names, limit: int = LIMIT, apart: Collection[Value] = ()
    ) -> None:
        root = order[-1]
        self.root, self.names = root, names
        uses = Counter(x for node in order for x in node.operands if isinstance(x, Value))
        self.operations = sum(not node.is_leaf for node in order)
        computed = ((node, depth) for node, depth in by_distance(root) if not node.is_leaf)
        #: The first operations by their distance from the root, with that distance.
        self.told = dict(islice(computed, limit))
        named = {node for node, depth in self.told.items() if uses[node] > 1 or depth % DEEPEST == 0}
        named |= {*apart}
        #: What has a line of its own, besides the root: operands before results.
        self.named = [node for node in order if node in named and node is not root]
        self._apart = named

    def formula(self, value: Value, leaf: Callable[[Value], Formula]) -> Formula:
        """How a computed Value came about; what has a name of its own is written by ``leaf``."""
        return operation_formula(value, partial(self._part, leaf), LANES)

    # a method and no closure: a function that calls itself is a cycle, which would keep the graph alive
    def _part(self, leaf: Callable[[Value], Formula], operand: Value | float) -> Formula:
        if not isinstance(operand, Value):
            return constant(operand)
        if operand.is_leaf or operand in self._apart or operand not in self.told:
            return leaf(operand)
        return self.formula(operand, leaf)

    def in_symbols(self, value: Value) -> Formula:
        return self.formula(value, lambda x: Name(self.names[x]))

    def in_numbers(self, value: Value) -> Formula | None:
        """With the numbers of the Values; None if they do not give the result: one was overwritten."""
        numbers: dict[Value, float] = {}
        within = [value]
        for node in within:
            _, then = computed_from(node)
            if not then:
                return None
            numbers |= then
            within += [x for x in then if not (x.is_leaf or x in self._apart or x not in self.told)]

        def on(shown: Callable[[float], float]) -> float:
            found = {x: shown(n) for x, n in numbers.items()}
            for node in reversed(within):
                found[node] = computed_on(node, found)
            return found[value]

        digits = telling(value.data, on)
        return self.formula(value, lambda x: quantity(numbers[x], "data", digits))

    def equation(self) -> Formula:
        """The root and how it came about; of a leaf, its number."""
        root = Name(self.names[self.root])
        return equals(
            root, quantity(self.root.data, "data") if self.root.is_leaf else self.in_symbols(self.root)
        )

    @property
    def cut(self) -> str:
        """What is not written out, in words; empty if everything is."""
        told = len(self.told)
        if told == self.operations:
            return ""
        return f"of {self.operations:,} operations the {told:,} nearest {self.names.root} are written out"


def formula(root: Value, *, limit: int = LIMIT) -> Derivation:
    """The graph below ``root`` as an expression; displayed as mathematics in a notebook.

    >>> w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    >>> loss = (w * x - y) ** 2
    >>> loss.label = "loss"
    >>> formula(loss)
    loss = (w·x − y)²
    >>> h = w + x
    >>> formula(h * h)
    out = h₁·h₁
      where h₁ = w + x

    What is used twice is written once, under its label or a name made up for it. Beyond ``limit``
    operations the farthest from the root are told by their names alone, and the last line says so.

    A graph of 10**6 Values is read in about 4 s with 0.2 GB.
    """
    if not isinstance(root, Value):
        raise TypeError(f"formula() takes the Value to write out, not {type_and_value(root)}")
    order = topological_order(root)
    nested = Nested(order, Names(order), check_int("limit", limit))
    lines = [Line(nested.equation())]
    for node in reversed(nested.named):
        definition = equals(Name(nested.names[node]), nested.in_symbols(node))
        lines.append(Line(definition, mark="where" if len(lines) == 1 else "and", indent=True))
    if nested.cut:
        lines.append(Line(f"({nested.cut}: formula(…, limit=…) writes more)"))
    return Derivation(lines)
