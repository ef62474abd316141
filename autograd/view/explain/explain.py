"""The derivation of one gradient: its paths, their local derivatives in symbols and in numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from ...backward import topological_order
from ...nodes import all_gradients
from ...system.messages import type_and_value
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
from ..render.options import check_int
from .formula import Nested
from .paths import BLOCKED, ONE, ZERO, Edge, Paths, Size, plus, ratio, times

#: How many paths are shown.
SHOWN = 10
#: A path of more factors is shown by its first and last.
FACTORS = 8
#: How many results on the paths are told how they came about.
DEFINED = 12
#: A count of paths with more digits than this is told as a power of ten.
DIGITS = 21

T = TypeVar("T")


class Path(NamedTuple):
    """One way from the root down to the Value: ``locals[i]`` is ∂nodes[i]/∂nodes[i + 1].

    ``positions[i]`` says which operand of ``nodes[i]`` it goes through; ``product`` is what arrives
    when 1 starts at the root.
    """

    nodes: tuple[Value, ...]
    positions: tuple[int, ...]
    locals: tuple[float, ...]
    product: float


class Explanation(Derivation):
    """How ∂root/∂wrt comes about, shown as text, LaTeX or MathML.

    ``gradient`` is its number, ``count`` how many paths there are, ``paths`` the largest of them, and
    ``share`` the part these carry of the sum of all |products|: 1.0 is all of it; nan where that sum
    is 0 or no finite number.
    """

    def __init__(self, root: Value, wrt: Value, most: int = SHOWN) -> None:
        order = topological_order(root)
        found = Paths(root, wrt, order)
        if not found.exists:
            raise ValueError(
                f"{root!r} was not computed from {wrt!r}, so there is no gradient to explain: check that "
                "it is the very Value used"
            )
        self.root, self.wrt = root, wrt
        self.names = Names(order)
        self.count = found.count
        edges = [*found.largest(most)]
        self.paths = [_path(root, path) for path in edges]
        self.gradient = all_gradients(root).get(wrt, 0.0)  # behind a dead relu there is none
        self.share = 1.0 if len(edges) == self.count else _share(found.whole, edges)
        super().__init__([*self._definitions(order), *self._derivation()])

    def _definitions(self, order: list[Value]) -> list[Line]:
        """The root as an expression, and how what stands in the chains came about."""
        on_paths = {node: None for path in self.paths for node in _ends(path.nodes[1:-1])}
        whole = Nested(order, self.names)
        nested = Nested(order, self.names, apart=[*on_paths][:DEFINED])
        told = nested.named if len(nested.named) <= DEFINED else [*on_paths][:DEFINED]
        lines = [Line(whole.equation())]
        for node in nested.named:
            if node in told:
                numbers = nested.in_numbers(node)
                middle = [nested.in_symbols(node), *([] if numbers is None else [numbers])]
                steps = _chain(Name(self.names[node]), *middle, quantity(node.data, "data"))
                lines.append(Line(steps, indent=True))
        if whole.cut or len(told) < len(nested.named) or len(on_paths) > DEFINED:
            lines.append(Line("(not every result is told here: formula(…) tells how they came about)"))
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
        count = _counted(self.count)
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
        return [*lines, Line(self._told_of_the_rest()), Line(equals(gradient, result))]

    def _told_of_the_rest(self) -> str:
        what = "of the sum of all |products|"
        if math.isnan(self.share):
            return f"(what share they carry {what} can't be said: it is 0, or no finite number)"
        return (
            f"(they carry {format_number(100 * self.share)} % {what}; all paths together give the gradient)"
        )

    def _sides(self, path: Path) -> list[Formula]:
        """The chain of a path: derivatives, what the rules say in symbols, in numbers, the product."""
        shown = _ends(range(len(path.locals)))
        partials = [Partial(self.names[path.nodes[i]], self.names[path.nodes[i + 1]], "local") for i in shown]
        cut = len(shown) < len(path.locals)
        if path.product == 0.0 and math.isnan(math.prod(path.locals)):  # ∞·0, but nothing is passed back
            return [_product(partials, cut), quantity(path.product, "gradient")]
        said = [local_derivative(path.nodes[i], path.positions[i], self.names) for i in shown]
        sides: list[Sequence[Formula]] = [
            partials,
            [local.in_symbols() for local in said],
            [local.in_numbers() for local in said],
        ]
        if not all(map(_is_plain, sides[-1])):
            sides.append([quantity(path.locals[i], "local") for i in shown])
        written = [_product(factors, cut) for factors in sides]
        return [*written, quantity(path.product, "gradient")]

    def _reasons(self) -> list[Line]:
        """What the rules that select presuppose: ``∂h/∂z = 1, since z > 0``."""
        lines: dict[str, Line] = {}
        for path in self.paths:
            for i in _ends(range(len(path.locals))):
                local = local_derivative(path.nodes[i], path.positions[i], self.names)
                if conditions := local.since():
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
    """What is shown of the items along a path: all, or of a long one the first and the last."""
    last = FACTORS // 2 - 1
    return items if len(items) <= FACTORS else [*items[: FACTORS - 1 - last], *items[-last:]]


def _product(factors: Sequence[Formula], cut: bool) -> Formula:
    if cut:
        at = len(factors) - (FACTORS // 2 - 1)
        factors = [*factors[:at], Name("…"), *factors[at:]]
    return product(factors, wide=True)


def _is_plain(factor: Formula) -> bool:
    """Return True if it is a number or a product of numbers, which nobody needs computed."""
    if isinstance(factor, Infix):
        return factor.binds == PRODUCT and all(map(_is_plain, factor.parts))
    return isinstance(factor, Number)


def _chain(*sides: Formula) -> Formula:
    """``a = b = c`` without a side that reads as the one before."""
    kept = [side for i, side in enumerate(sides) if i == 0 or text(side) != text(sides[i - 1])]
    return equals(*kept)


def _counted(count: int) -> str:
    """The count, or of one too long to read its power of ten."""
    digits = math.floor(math.log10(count))
    return f"{count:,}" if digits < DIGITS else f"about {10 ** (math.log10(count) - digits):.2f}e{digits:,}"


def _path(root: Value, edges: Sequence[Edge]) -> Path:
    passed = 1.0
    for edge in edges:
        passed *= edge.local
    if any(edge.size.kind == BLOCKED for edge in edges):
        passed = 0.0  # not even 0·∞
    return Path(
        (root, *(edge.operand for edge in edges)),
        tuple(edge.position for edge in edges),
        tuple(edge.local for edge in edges),
        passed,
    )


def _share(whole: Size, paths: Sequence[Sequence[Edge]]) -> float:
    carried = Size(ZERO)
    for path in paths:
        size = ONE
        for edge in path:
            size = times(size, edge.size)
        carried = plus(carried, size)
    return ratio(carried, whole)


def explain(root: Value, wrt: Value, *, paths: int = SHOWN) -> Explanation:
    """The derivation of ∂root/∂wrt: its paths, their local derivatives in symbols, then in numbers.

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

    A Value reached on several paths gets the sum of their products. There can be exponentially many
    paths: all are counted, the ``paths`` with the largest products are shown, and it is said what
    share they carry. No ``.grad`` is read or written. Raises ValueError where ``root`` was not
    computed from ``wrt``.

    A graph of 10**6 Values takes about 17 s and 0.75 GB, and over a minute if nearly all are used twice.
    """
    for value in (root, wrt):
        if not isinstance(value, Value):
            raise TypeError(
                f"explain() takes a Value and the one to differentiate by, not {type_and_value(value)}"
            )
    return Explanation(root, wrt, check_int("paths", paths))
