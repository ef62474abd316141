"""Derivation of one gradient: its paths, with local derivatives in symbols and in numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from ...backward import topological_order
from ...nodes import all_gradients
from ...system.checks import check_int
from ...system.messages import short
from ...value import Value
from ..notation.derivation import Derivation, Line
from ..notation.local_derivative import Local, local_derivative
from ..notation.names import Names, format_number, quantity
from ..notation.syntax import (
    PRODUCT,
    Formula,
    Infix,
    Name,
    Number,
    Partial,
    Row,
    Words,
    equals,
    product,
    total,
)
from ..notation.writers import text
from ..picture.cards import stale
from ..render.options import check_root, check_value
from .formula import Nested
from .paths import BLOCKED, ONE, ZERO, Edge, Paths, Size, plus, ratio, times

#: The default number of paths shown.
SHOWN = 10
#: Of a path with more factors only the first and last are shown.
FACTORS = 8
#: The largest number of intermediate results that are defined above the derivation.
DEFINED = 12
#: A number of paths with more digits than this is written as a power of ten.
DIGITS = 21

T = TypeVar("T")


class Path(NamedTuple):
    """One path from the root down to the Value.

    ``locals[i]`` is the local derivative ∂nodes[i]/∂nodes[i + 1], ``positions[i]`` the index of the
    operand of ``nodes[i]`` on the path, and ``product`` the product of the local derivatives.
    """

    nodes: tuple[Value, ...]
    positions: tuple[int, ...]
    locals: tuple[float, ...]
    product: float


class Explanation(Derivation):
    """Derivation of ∂root/∂wrt, shown as text, LaTeX or MathML.

    ``gradient`` is the value of the derivative, ``count`` the number of paths, and ``paths`` contains
    those with the largest products. ``share`` is their share of the sum of all |products|, 1.0 for all
    paths; it is nan if that sum is 0 or not finite.
    """

    def __init__(self, root: Value, wrt: Value, most: int = SHOWN) -> None:
        order = topological_order(root)
        paths = Paths(root, wrt, order)
        if not paths.exists:
            raise ValueError(
                f"explain() expected a root that was computed from wrt, got root = {short(root)} and "
                f"wrt = {short(wrt)}. Pass the very Value that was used."
            )
        self.root, self.wrt = root, wrt
        self.names = Names(order)
        self.count = paths.count
        edges = [*paths.largest(most)]
        self.paths = [_path(root, path) for path in edges]
        self.gradient = all_gradients(root).get(wrt, 0.0)  # a dead relu passes no gradient on
        self.share = 1.0 if len(edges) == self.count else _share(paths.whole, edges)
        super().__init__([*self._definitions(order), *self._derivation()])

    def _definitions(self, order: list[Value]) -> list[Line]:
        """Define the root and the intermediate results that occur in the chains."""
        on_paths = {node: None for path in self.paths for node in _ends(path.nodes[1:-1])}
        whole = Nested(order, self.names)
        nested = Nested(order, self.names, definitions=[*on_paths][:DEFINED])
        nodes = nested.intermediates if len(nested.intermediates) <= DEFINED else [*on_paths][:DEFINED]
        lines = [Line(whole.equation())]
        for node in nested.intermediates:
            if node in nodes:
                numbers = nested.in_numbers(node)
                middle = [nested.in_symbols(node), *([] if numbers is None else [numbers])]
                steps = _chain(Name(self.names[node]), *middle, quantity(node.data, "data"))
                lines.append(Line(steps, indent=True))
        if whole.cut or len(nodes) < len(nested.intermediates) or len(on_paths) > DEFINED:
            lines.append(Line("(some intermediate results are not defined here; formula(…) shows them)"))
        if warning := stale(order, self.names):
            lines.append(Line(f"({warning})"))
        return lines

    def _derivation(self) -> list[Line]:
        top, bottom = self.names.root, self.names[self.wrt]
        gradient = Partial(top, bottom, "gradient")
        result = quantity(self.gradient, "gradient")
        if self.root is self.wrt:
            return [Line(equals(gradient, result))]
        if self.count == 1:
            return [Line(_chain(gradient, *self._sides(self.paths[0]))), *self._reasons()]
        count = _format_count(self.count)
        if len(self.paths) == self.count:
            head = f"{count} paths lead from {top} to {bottom}; their products add up to the gradient:"
        else:
            head = (
                f"{count} paths lead from {top} to {bottom}; the {len(self.paths)} with the largest products:"
            )
        lines = [Line(head)]
        for i, path in enumerate(self.paths, 1):
            lines.append(Line(_chain(*self._sides(path)), mark=f"{i}.", indent=True))
        lines += self._reasons()
        if len(self.paths) == self.count:
            terms = total([quantity(path.product, "gradient") for path in self.paths])
            return [*lines, Line(_chain(gradient, terms, result))]
        return [*lines, Line(self._note_on_share()), Line(equals(gradient, result))]

    def _note_on_share(self) -> str:
        if math.isnan(self.share):
            return "(their share of the sum of all |products| is undefined: that sum is 0 or not finite)"
        percent = format_number(100 * self.share)
        return (
            f"(they contribute {percent} % of the sum of all |products|; "
            "the gradient is the sum over all paths)"
        )

    def _sides(self, path: Path) -> list[Formula]:
        """Return the sides of a path's equation: derivatives, rules in symbols, in numbers, the product."""
        places = _ends(range(len(path.locals)))
        partials = [
            Partial(self.names[path.nodes[i]], self.names[path.nodes[i + 1]], "local") for i in places
        ]
        cut = len(places) < len(path.locals)
        if path.product == 0.0 and math.isnan(math.prod(path.locals)):  # ∞·0, but no gradient flows
            return [_product(partials, cut), quantity(path.product, "gradient")]
        rules = [local_derivative(path.nodes[i], path.positions[i], self.names) for i in places]
        sides: list[Sequence[Formula]] = [
            partials,
            [local.in_symbols() for local in rules],
            [local.in_numbers() for local in rules],
        ]
        if not all(map(_is_plain, sides[-1])):
            sides.append([quantity(path.locals[i], "local") for i in places])
        products = [_product(factors, cut) for factors in sides]
        return [*products, quantity(path.product, "gradient")]

    def _reasons(self) -> list[Line]:
        """Return the conditions of the rules that select a branch: ``∂h/∂z = 1, since z > 0``."""
        lines: dict[str, Line] = {}
        for path in self.paths:
            for i in _ends(range(len(path.locals))):
                local = local_derivative(path.nodes[i], path.positions[i], self.names)
                if conditions := local.condition_formulas():
                    reason = self._reason(path.nodes[i], path.nodes[i + 1], local, conditions)
                    lines.setdefault(text(reason), Line(reason, indent=True))
        return [*lines.values()]

    def _reason(self, node: Value, operand: Value, local: Local, conditions: list[Formula]) -> Formula:
        partial = Partial(self.names[node], self.names[operand], "local")
        parts = [equals(partial, local.in_symbols())]
        for i, condition in enumerate(conditions):
            parts += [Words(" and " if i else ", since "), condition]
        return Row(tuple(parts))


def _ends(items: Sequence[T]) -> Sequence[T]:
    """Return the items of a path that are shown: all, or the first and last ones of a long path."""
    last = FACTORS // 2 - 1
    return items if len(items) <= FACTORS else [*items[: FACTORS - 1 - last], *items[-last:]]


def _product(factors: Sequence[Formula], cut: bool) -> Formula:
    if cut:
        at = len(factors) - (FACTORS // 2 - 1)
        factors = [*factors[:at], Name("…"), *factors[at:]]
    return product(factors, wide=True)


def _is_plain(factor: Formula) -> bool:
    """Return True for a number or a product of numbers."""
    if isinstance(factor, Infix):
        return factor.binds == PRODUCT and all(map(_is_plain, factor.parts))
    return isinstance(factor, Number)


def _chain(*sides: Formula) -> Formula:
    """Return ``a = b = c`` without sides whose text repeats the side before."""
    terms = [side for i, side in enumerate(sides) if i == 0 or text(side) != text(sides[i - 1])]
    return equals(*terms)


def _format_count(count: int) -> str:
    """Format the number of paths; if it has too many digits, as a power of ten."""
    digits = math.floor(math.log10(count))
    return f"{count:,}" if digits < DIGITS else f"about {10 ** (math.log10(count) - digits):.2f}e{digits:,}"


def _path(root: Value, edges: Sequence[Edge]) -> Path:
    result = 1.0
    for edge in edges:
        result *= edge.local
    if any(edge.size.kind == BLOCKED for edge in edges):
        result = 0.0  # even where 0·∞ would give nan
    return Path(
        (root, *(edge.operand for edge in edges)),
        tuple(edge.position for edge in edges),
        tuple(edge.local for edge in edges),
        result,
    )


def _share(whole: Size, paths: Sequence[Sequence[Edge]]) -> float:
    total = Size(ZERO)
    for path in paths:
        size = ONE
        for edge in path:
            size = times(size, edge.size)
        total = plus(total, size)
    return ratio(total, whole)


def explain(root: Value, wrt: Value, *, paths: int = SHOWN) -> Explanation:
    """Derive ∂root/∂wrt: the local derivatives along its paths, in symbols and then in numbers.

    If several paths lead to ``wrt``, the gradient is the sum of their products. The number of paths can
    be exponential: all are counted, and those with the largest products are shown, together with their
    share of the sum. No ``.grad`` is read or written.

    >>> w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    >>> p = w * x
    >>> d = p - y
    >>> loss = d**2
    >>> p.label, d.label, loss.label = "p", "d", "loss"
    >>> explain(loss, w)
    loss = (w·x − y)²
      p = w·x = 2·5 = 10
      d = p − y = 10 − 12 = −2
    ∂loss/∂w = ∂loss/∂d · ∂d/∂p · ∂p/∂w = 2·d · 1 · x = 2·(−2) · 1 · 5 = −20

    A graph of 10**6 Values takes about 17 s and 0.75 GB, and over a minute if nearly all are used twice.

    Args:
        root: The Value to differentiate.
        wrt: The Value with respect to which ``root`` is differentiated.
        paths: The number of paths to show.

    Returns:
        The derivation, which prints as text and is displayed as mathematics in a notebook.

    Raises:
        TypeError: If ``root`` or ``wrt`` is not a Value, or ``paths`` is not an int.
        ValueError: If ``root`` was not computed from ``wrt``, or ``paths`` is less than 1.
    """
    check_root("explain", root)
    check_value("explain", "wrt", wrt, "Pass a Value that root was computed from.")
    return Explanation(root, wrt, check_int("explain", "paths", paths, f"The default is {SHOWN}."))
