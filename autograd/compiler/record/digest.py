"""The structure of a trace of many samples, read while the function runs, so that no graph is stored.

A graph of 10,000 samples takes hundreds of megabytes. Here each node gets two numbers, its key and its
sample, and lets go of its operands. Nodes of two samples have the same key if they apply the same operations,
in the same structure, to the same leaves and constants and to the same places of their samples. If a trace of
all samples leads to the keys of a trace of a few, their programs differ in the size of the batch alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import is_
from typing import Any, NamedTuple

from ...primitives import PRIMITIVES
from ...value import Value
from .arguments import kind_of
from .aux import Aux
from .trace import Constant, FunctionTracer, TracedInput

#: Additions over samples are described as one sum; their brackets and order are unspecified.
_ADDITIONS = ("add", "sum")


class Irregular(Exception):
    """The structure of a trace differs between samples, is not known, or cannot be described."""


class _Sum(NamedTuple):
    """A sum over samples that may go on: its operands, as (key, sample) or sums."""

    operands: Sequence[Any]


class Structures:
    """The keys of the structures that were met. Once ``is_closed``, a new one raises Irregular."""

    def __init__(self, leaves: Sequence[Value]) -> None:
        self._keys: dict[Any, int] = {}
        self.is_closed = False
        self.leaves = {leaf: self.key("a leaf", i) for i, leaf in enumerate(leaves)}

    def key(self, *structure: Any) -> int:
        """Return the key of a structure; its name is that of a primitive, or is not an identifier."""
        key = self._keys.get(structure)
        if key is None:
            if self.is_closed:
                raise Irregular
            key = self._keys[structure] = len(self._keys)
        return key


class DigestTracer(FunctionTracer):
    """Gives each node its key, in the slot ``mark``, and its sample, in ``a``; its ``many`` is this tracer.

    Args:
        structures: The keys so far.
        size: The count of samples.
        locate: Returns the argument, the sample (−1 if there is none) and the place of a number.
        sized: The constants that depend on the size.
        foreign: What they would be for another size; none of the constants may have these numbers.
    """

    def __init__(
        self,
        structures: Structures,
        size: int,
        locate: Callable[[int], tuple[int, int, int]],
        sized: Sequence[float],
        foreign: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self._structures = structures
        self._size = size
        self._locate = locate
        self._sized, self._foreign = sized, foreign
        #: The parts of the last groups that contain a Value of a sample, by their place among the operands.
        self._last: dict[int, tuple[Any, Any]] = {}
        #: Those of groups of leaves.
        self._of_leaves: dict[Any, Any] = {}
        self._comparisons: list[tuple[int, int | None]] = []
        #: Set before Irregular is raised, which the function may catch.
        self.is_irregular = False

    def digest(self, output: Value, aux: Aux | None) -> tuple[Any, ...]:
        """Return the structure of the results and of the comparisons."""
        results = [self._settled(self._of(x)) for x in (output, *(aux.values if aux else ()))]
        if self.is_irregular:
            raise self._irregular()
        return *results, *self._by_sample(self._comparisons)

    # Events ---------------------------------------------------------------------------------------

    def recorded(self, node: Value) -> None:
        """Describe an operation, and let go of its operands."""
        op = node.primitive
        if op is None or PRIMITIVES.get(op.name) is not op:
            raise self._irregular()
        name = op.name
        if node.many is None:
            operands = (node.a,) if len(op.derivatives) == 1 else (node.a, node.b)
            parts = [*map(self._of, operands)]
            self._describe(node, name, (), parts)
        else:
            groups = [self._of_group(name, i, group) for i, (group, _, _) in enumerate(node.many)]
            self._describe(node, name, (*[len(g) for g, _, _ in node.many],), groups)

    def compared(self, symbol: str, a: Value | float, b: Value | float, answer: bool) -> None:
        """Describe a comparison."""
        key, sample = self._combined(symbol, (answer,), [self._settled(self._of(x)) for x in (a, b)])
        self._comparisons.append((key, sample))

    def constant(self, name: str, operands: Sequence[Value], answer: float) -> Value:
        """Describe a leaf that a program computes from the operands."""
        result = Constant(name, (), answer)
        self._describe(result, f"constant {name}", (len(operands),), [*map(self._of, operands)])
        return result

    def differentiated(self, output: Value, inputs: Sequence[Value], gradients: list[Any]) -> list[Any]:
        """Gradients inside the function need its graph."""
        raise self._irregular()

    def is_index(self, index: Value) -> bool:
        """Return True for an int among the arguments; a computed index needs its graph."""
        if type(index) is not TracedInput:
            raise self._irregular()
        return index.is_int

    # Keys -----------------------------------------------------------------------------------------

    def _irregular(self) -> Irregular:
        self.is_irregular = True
        return Irregular()

    def _of(self, x: Any) -> Any:
        """Return (key, sample) of an operand, or a sum over samples."""
        if not isinstance(x, Value):
            return self._of_constant(x), None
        if x.many is self:  # type: ignore[comparison-overlap]
            return x.a if type(x.a) is _Sum else (x.mark, x.a)
        if type(x) is TracedInput:
            argument, sample, place = self._locate(x.position)
            return self._key("an input", argument, place), sample if sample >= 0 else None
        if (key := self._structures.leaves.get(x)) is None:
            raise self._irregular()  # a Value from elsewhere, or made by the function
        return key, None

    def _of_constant(self, x: float) -> int:
        for i, sized in enumerate(self._sized):
            if x == sized or math.isclose(x, sized, rel_tol=1e-12):
                return self._key("sized constant", i)
        if x in self._foreign:
            raise self._irregular()
        return self._key("a constant", repr(x))

    def _of_group(self, name: str, place: int, group: Any) -> Any:
        """Return the same for a group of operands.

        The neurons of a layer have the group of their inputs in common, and all samples that of the weights.
        """
        last, described = self._last.get(place, ((), None))
        if len(group) == len(last) and all(map(is_, group, last)):
            return described
        is_of_leaves = kind_of(group) is tuple and self._structures.leaves.keys() >= {*group[:1]}
        if is_of_leaves and group in self._of_leaves:
            return self._of_leaves[group]
        parts = [*map(self._of, group)]
        if name in _ADDITIONS and _is_sum(parts):
            return _Sum(parts)
        described = self._combined("group of operands", (), [*map(self._settled, parts)])
        if is_of_leaves and all(map(self._structures.leaves.__contains__, group)):
            self._of_leaves[group] = described
        else:
            self._last[place] = group, described
        return described

    def _describe(self, node: Value, name: str, shape: tuple[Any, ...], parts: list[Any]) -> None:
        """Store the key and the sample of a node, or the sum that it is."""
        described: Any
        if name in _ADDITIONS and _is_sum(parts):
            described = _Sum(parts)
        else:
            described = self._combined(name, shape, [*map(self._settled, parts)])
        node.many, node.b = self, None  # type: ignore[assignment]
        if type(described) is _Sum:
            node.a = described
        else:
            node.mark, node.a = described

    def _combined(self, name: str, shape: tuple[Any, ...], parts: Sequence[Any]) -> tuple[int, int | None]:
        samples = {sample for _, sample in parts} - {None}
        if len(samples) > 1:
            raise self._irregular()
        return self._key(name, *shape, *[key for key, _ in parts]), samples.pop() if samples else None

    def _key(self, *structure: Any) -> int:
        try:
            return self._structures.key(*structure)
        except Irregular:
            raise self._irregular() from None

    def _settled(self, part: Any) -> tuple[int, int | None]:
        """Return the key of a sum over samples that ends here; other parts are settled already."""
        if type(part) is not _Sum:
            result: tuple[int, int | None] = part
            return result
        terms: list[tuple[int, int | None]] = []
        stack: list[Any] = [part]
        met: set[int] = set()
        while stack:
            x = stack.pop()
            if type(x) is _Sum:
                if id(x) in met:  # its terms would double at each such addition
                    raise self._irregular()
                met.add(id(x))
                stack += reversed(x.operands)
            else:
                terms.append(x)
        return self._key("sum over samples", *self._by_sample(terms)), None

    def _by_sample(self, items: Sequence[tuple[int, int | None]]) -> tuple[Any, ...]:
        """Return the keys that belong to no sample, to the first, and to each other one; these are equal."""
        others = tuple([key for key, sample in items if sample is None])
        of: dict[int, list[int]] = {}
        for key, sample in items:
            if sample is not None:
                of.setdefault(sample, []).append(key)
        if not of:
            return others, (), ()
        rest = of.get(1)
        if len(of) != self._size or any(keys != rest for sample, keys in of.items() if sample):
            raise self._irregular()
        return others, (*of[0],), (*(rest or ()),)


def _is_sum(parts: Sequence[Any]) -> bool:
    """Return True if parts, added up, are a sum over samples."""
    return any(type(part) is _Sum for part in parts) or len({s for _, s in parts} - {None}) > 1
