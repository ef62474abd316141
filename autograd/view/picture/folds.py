"""Repeated structure and named parts of a graph, each folded to one card.

The graph is seen as *parts*: each is a Value at first. Parts are joined in three steps: the Values of a
:class:`~autograd.scope`, equal operands of one operation (the samples of a loss), and equal links of a chain
(time steps). Of equal parts the first and the last stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import Any, NamedTuple

from ...nodes import regroup
from ...scopes import scope, scopes_of
from ...symbols import is_group
from ...value import Value
from ..notation.names import is_exponent
from ..render.time_limit import in_time

#: So many equal parts are folded: the first, "… × 2" and the last.
FEWEST = 4
#: So many lengths of a link are tried.
CANDIDATES = 8
#: Larger graphs are not searched, which would take seconds.
LARGEST = 30_000


#: What equal parts have in common: a name, and details.
Head = tuple[str, object]


class Fold(NamedTuple):
    """Values that one card stands for."""

    title: str
    nodes: list[Value]
    #: The part that the user named; None for repeated structure.
    scope: scope | None


class _Part:
    """A Value, or several that are joined. Its operands are parts, one for each operand that is a Value."""

    __slots__ = ("fold", "head", "nodes", "operands")

    def __init__(self, nodes: list[Value], head: Head, fold: Fold | None = None) -> None:
        self.nodes, self.head, self.fold = nodes, head, fold
        self.operands: list[_Part] = []


def find_folds(order: Sequence[Value], open_scopes: Collection[scope] = ()) -> list[Fold]:
    """Return what to fold in a graph, given in topological order.

    Args:
        order: All Values, operands before results.
        open_scopes: The scopes that stay open; those inside them are folded.

    >>> from autograd import Value, sin, topological_order
    >>> x = Value(0.5)
    >>> for _ in range(30):
    ...     x = sin(x)
    >>> [fold.title for fold in find_folds(topological_order(x))]
    ['… × 28']
    """
    if len(order) > LARGEST:
        return []
    parts = _Parts(order)
    parts.fold_scopes(open_scopes)
    parts.fold_operands()
    parts.fold_links()
    return [part.fold for part in parts.order if part.fold is not None]


class _Parts:
    """The parts of a graph, operands before results."""

    def __init__(self, order: Sequence[Value]) -> None:
        self._of: dict[Value, _Part] = {}
        for value in in_time(order):
            part = self._of[value] = _Part([value], _head(value))
            part.operands = [self._of[x] for x in value.operands if isinstance(x, Value)]
        self.root = self._of[order[-1]]
        self.order: list[_Part] = []
        self._sort()

    def _sort(self) -> None:
        """Put the parts in an order in which each link of a chain is contiguous: the longest branch first."""
        depths: dict[_Part, int] = {}
        for part in _operands_first(self.root, lambda part: part.operands):
            depths[part] = 1 + max((depths.get(x, 0) for x in part.operands), default=0)
        self.order = _operands_first(
            self.root, lambda part: sorted(part.operands, key=lambda x: depths.get(x, 0), reverse=True)
        )

    def _join(self, members: list[list[_Part]], folds: list[Fold], heads: Sequence[Head]) -> None:
        """Replace each list of parts by one part."""
        targets: dict[_Part, _Part] = {}
        for parts, fold, head in zip(members, folds, heads, strict=True):
            target = _Part(fold.nodes, head, fold)
            targets.update(dict.fromkeys(parts, target))
            target.operands = [
                x for part in parts for x in part.operands if x not in targets or targets[x] is not target
            ]
        for part in {*self.order, *targets.values()}:
            part.operands = [targets.get(x, x) for x in part.operands if targets.get(x, x) is not part]
        self.root = targets.get(self.root, self.root)
        self._sort()

    # Scopes ---------------------------------------------------------------------------------------

    def fold_scopes(self, open_scopes: Collection[scope]) -> None:
        """Join the Values of each outermost scope that is not opened."""
        members: dict[scope, list[_Part]] = {}
        for part in self.order:
            inside = next((s for s in scopes_of(part.nodes[-1]) if s not in open_scopes), None)
            if inside is not None:
                members.setdefault(inside, []).append(part)
        folds = [Fold(s.name, [part.nodes[0] for part in parts], s) for s, parts in members.items()]
        heads = [(s.name, tuple(part.head for part in parts)) for s, parts in members.items()]
        self._join([*members.values()], folds, heads)

    # Equal operands of one operation --------------------------------------------------------------

    def fold_operands(self) -> None:
        """Join what only the operands in the middle of a run of equal ones lead to."""
        shapes = self._shapes()
        runs: list[list[_Part]] = []
        visited, stack = {self.root}, [self.root]
        while stack:
            part = stack.pop()
            frontier = {*part.operands}
            for run in _equal_operands(part, shapes):
                runs.append(run[1:-1])
                frontier -= {*run[1:-1]} - {run[0], run[-1]}
            stack += frontier - visited
            visited |= frontier
        for run in runs:
            if len({*run} - visited) < FEWEST - 2:  # the others are used elsewhere too
                visited |= {*_find_ancestors(run, visited)}
        members: list[list[_Part]] = []
        folds: list[Fold] = []
        for run in runs:
            count = len({*run} - visited)
            if own := _find_ancestors(run, visited):
                visited |= {*own}
                members.append(own)
                folds.append(_fold(f"… × {count}", own))
        self._join(members, folds, [("operands", len(own)) for own in members])

    def _shapes(self) -> dict[_Part, int]:
        """Return a number for each part, equal for parts that are computed by the same operations."""
        numbers: dict[object, int] = {}
        shapes: dict[_Part, int] = {}
        for part in in_time(self.order):
            shape = (part.head, *(shapes[x] for x in part.operands if x in shapes))
            shapes[part] = numbers.setdefault(shape, len(numbers))
        return shapes

    # Equal links of a chain -----------------------------------------------------------------------

    def fold_links(self) -> None:
        """Join the links in the middle of each chain, such as time steps."""
        parts = [part for part in self.order if part.operands]
        place = {part: i for i, part in enumerate(parts)}
        crossings = self._crossings(parts, place)
        members: list[list[_Part]] = []
        folds: list[Fold] = []
        for first, length, total in _repeats(self._places(parts, place)):
            start, count = _middle(parts, crossings, first, length, total)
            if count >= FEWEST - 2:
                own = parts[start : start + length * count]
                members.append(own)
                folds.append(_fold(f"… × {count}", own))
        self._join(members, folds, [("links", ()) for _ in members])

    def _users(self) -> dict[_Part, list[_Part]]:
        users: dict[_Part, list[_Part]] = {}
        for part in self.order:
            for x in {*part.operands}:
                users.setdefault(x, []).append(part)
        return users

    def _places(self, parts: list[_Part], place: dict[_Part, int]) -> list[int]:
        """Return a number for each computed part, equal where the same operation reads equal places.

        A place is the distance to an operand. Operands that many parts read, such as a weight, are the same
        for all of them.
        """
        users = self._users()
        first = {x: min(place[part] for part in of) for x, of in users.items()}
        numbers: dict[object, int] = {}
        shapes: list[int] = []
        for i, part in enumerate(in_time(parts)):
            operands: list[object] = [part.head]
            for x in part.operands:
                if x in place and len(users[x]) < FEWEST:
                    operands.append(i - place[x])
                elif x in place or len(users[x]) >= FEWEST:
                    operands.append(("shared", id(x)))
                else:
                    operands.append(("leaf", i - first[x]))
            shapes.append(numbers.setdefault(tuple(operands), len(numbers)))
        return shapes

    def _crossings(self, parts: list[_Part], place: dict[_Part, int]) -> list[int]:
        """Return for each position how many earlier parts are used from there on; few parts read them."""
        changes = [0] * (len(parts) + 1)
        for x, of in self._users().items():
            if x in place and len(of) < FEWEST:
                changes[place[x] + 1] += 1
                changes[max(place[part] for part in of) + 1] -= 1
        return [*accumulate(changes)]


def _operands_first(root: _Part, operands_of: Callable[[_Part], Iterable[_Part]]) -> list[_Part]:
    """Return a part and all that it leads to, operands before results; a scope may lead back to itself."""
    order: dict[_Part, None] = {}
    path: set[_Part] = set()
    stack = [root]
    while stack:
        part = stack[-1]
        operands: Iterable[_Part] = () if part in order or part in path else operands_of(part)
        path.add(part)
        new = [x for x in operands if x not in order and x not in path]
        if new:
            stack += new[::-1]
        else:
            order[stack.pop()] = None
    return list(order)


def _find_ancestors(parts: Sequence[_Part], visited: set[_Part]) -> list[_Part]:
    """Return what the parts lead to, and themselves, except what is known and what that leads to."""
    ancestors: dict[_Part, None] = {}
    stack = [*parts]
    while stack:
        part = stack.pop()
        if part not in visited and part not in ancestors:
            ancestors[part] = None
            stack += part.operands
    return [*ancestors]


def _head(value: Value) -> Head:
    """Return what equal operations have in common, without the numbers of constants."""
    if value.primitive is None:
        return "leaf", ()
    exponents = [x for x in value.operands if not isinstance(x, Value) and is_exponent(value, x)]
    return value.primitive.name, (*(isinstance(x, Value) for x in value.operands), *exponents)


def _middle(parts: list[_Part], crossings: list[int], first: int, length: int, total: int) -> tuple[int, int]:
    """Return where to begin in a repeated stretch, and how many links to fold.

    A link begins where the fewest parts lead into it. The first link of a chain often begins with a number
    instead of a Value. If such a link precedes, it is the one that stays.
    """

    def follows_first(start: int) -> bool:
        link = _operations(parts[start : start + length])
        return start >= length and _operations(parts[start - length : start]) == link

    starts = range(first, first + length)
    start = min(starts, key=lambda i: (crossings[i], not follows_first(i), i))
    count = (first + total - start) // length
    return (start, count - 1) if follows_first(start) else (start + length, count - 2)


def _operations(parts: list[_Part]) -> list[str]:
    """Return the names of the operations, in alphabetical order."""
    return sorted(part.head[0] for part in parts)


def _fold(title: str, parts: list[_Part]) -> Fold:
    return Fold(title, [node for part in parts for node in part.nodes], None)


def _equal_operands(part: _Part, shapes: dict[_Part, int]) -> Iterator[list[_Part]]:
    """Yield the runs of equal operands of one operation."""
    if len(part.operands) < FEWEST or part.fold is not None:
        return
    rest = iter(part.operands)
    node = part.nodes[0]
    values = [next(rest) if isinstance(x, Value) else None for x in node.operands]
    groups: list[Any] = regroup(node, values)
    for group in groups:
        if is_group(group):
            for shape, run in groupby(group, lambda x: None if x is None else shapes[x]):
                equal = [x for x in run if x is not None]
                if shape is not None and len({*equal}) >= FEWEST:
                    yield equal


def _repeats(shapes: Sequence[int]) -> Iterable[tuple[int, int, int]]:
    """Yield the stretches that repeat something: where one begins, the length of a link, and its own length.

    >>> [*_repeats([7, 1, 2, 1, 2, 1, 2, 1, 2, 1, 8])]
    [(1, 2, 9)]
    """
    best = (0, 0, 0)
    for length in _likely_lengths(shapes):
        start = 0
        for is_equal, run in groupby(a == b for a, b in zip(shapes, shapes[length:])):
            size = len([*run])
            total = size + length
            if is_equal and total >= (FEWEST - 1) * length and (total, -length) > (best[2], -best[1]):
                best = (start, length, total)
            start += size
    first, length, total = best
    if total:
        end = first + total
        yield from _repeats(shapes[:first])
        yield best
        yield from ((end + start, size, part) for start, size, part in _repeats(shapes[end:]))


def _likely_lengths(shapes: Sequence[int]) -> list[int]:
    """Return the most frequent distances from one number to the next equal one."""
    last: dict[int, int] = {}
    distances: Counter[int] = Counter()
    for i, shape in enumerate(shapes):
        if shape in last:
            distances[i - last[shape]] += 1
        last[shape] = i
    return [length for length, _ in distances.most_common(CANDIDATES)]
