"""Units: groups of instructions of a fused plan that become one instruction of the machine."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...ir.fused import Fused, SumOfProducts, Term
from ...ir.tape import SOURCES
from ...passes.plan import Plan
from ...passes.schedule import Schedule

#: The smallest group of unbatched instructions, and the fewest products with the same rows in a tile.
FEW, SHALLOW = 4, 3


class Unit(NamedTuple):
    """Instructions of one kind that do not depend on one another.

    ``kind`` is "alone"; "columns" of slots; "tile", sums of the same rows; or "grid", dot products of all
    pairs of left and right rows, or vectors of slots.
    """

    kind: str
    members: list[int]
    how: Any = None


def units_of(plan: Plan, fused: Fused, schedule: Schedule) -> list[Unit]:
    """Return the units of a plan, section by section and level by level."""
    tape, sums = plan.tape, fused.sums
    levels: dict[tuple[int, int], list[int]] = {}
    for i in fused.order:
        if tape.code[i][0] not in SOURCES:
            levels.setdefault((schedule.section[i], schedule.level[i]), []).append(i)
    units: list[Unit] = []
    for _, level in sorted(levels.items()):
        if len(level) < FEW and not tape.batch_size:
            units += [Unit("alone", [i]) for i in level]
            continue
        groups: dict[Any, list[int]] = {}
        for i in level:
            groups.setdefault(_kind(plan, i, sums.get(i)), []).append(i)
        for (kind, how), members in groups.items():
            if kind == "columns" and len(members) < FEW:
                units += [Unit("alone", [i]) for i in members]
            elif kind == "columns" and how[2:] == (0, 0, 0) and how[1] >= FEW:
                units += _grids({i: _vectors(sums[i]) for i in members})
            elif kind == "grid":
                units += _grids({i: sums[i].terms[0][1:] for i in members})
            else:
                units.append(Unit(kind, members, how))
    return units


def _kind(plan: Plan, i: int, total: SumOfProducts | None) -> tuple[str, Any]:
    is_batched = plan.tape.is_batched
    operation, operands = plan.tape.code[i]
    if total is None:
        return ("alone", i) if is_batched[i] else ("columns", (operation, len(operands)))
    if total.reduces:
        return "grid", ()
    if not is_batched[i]:
        if not total.commutes:
            return "columns", (repr(total.bias), *[(negative, b < 0) for negative, _, b in total.terms])
        total.terms.sort(key=lambda term: (term[2] < 0, term[0]))
        counts = [0, 0, 0, 0]
        for negative, _, b in total.terms:
            counts[2 * (b < 0) + negative] += 1
        return "columns", (repr(total.bias), counts[0], counts[1], counts[2], counts[3])
    rows = tuple([row for _, row in split_sum(total, is_batched).products])
    return ("tile", (total.ordered, rows)) if len(rows) >= SHALLOW else ("alone", i)


class Parts(NamedTuple):
    """A batched sum: the unbatched terms, the products of a scalar and a row, and the rest."""

    unbatched: list[Term]
    products: list[tuple[int, int]]
    rest: list[Term]


def split_sum(total: SumOfProducts, is_batched: list[bool]) -> Parts:
    """Split a sum into the parts that are added one after another.

    Products are sorted by the row. In an ordered sum the first two parts end where its order demands it.
    """
    kinds: list[int] = []
    for negative, a, b in total.terms:
        if not is_batched[a] and (b < 0 or not is_batched[b]):
            kinds.append(0)
        else:
            kinds.append(1 if not negative and b >= 0 and is_batched[a] != is_batched[b] else 2)
    if not total.commutes:
        latest = 0
        for k, kind in enumerate(kinds):
            kinds[k] = latest = 2 if kind < latest else kind
    parts = [[term for term, kind in zip(total.terms, kinds) if kind == k] for k in range(3)]
    products = [(b, a) if is_batched[a] else (a, b) for _, a, b in parts[1]]
    if total.commutes:
        products.sort(key=lambda pair: pair[1])
    return Parts(parts[0], products, parts[2])


def _vectors(total: SumOfProducts) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple([a for _, a, _ in total.terms]), tuple([b for _, _, b in total.terms])


def _grids(pairs: dict[int, tuple[Any, Any]]) -> list[Unit]:
    """Split sums of products into grids, each of all pairs of left and right factors."""
    by_pair = {pair: i for i, pair in pairs.items()}
    duplicates = [i for i, pair in pairs.items() if by_pair[pair] != i]
    rights: dict[Any, list[Any]] = {}
    for a, b in by_pair:
        rights.setdefault(a, []).append(b)
    parts: dict[tuple[Any, ...], list[Any]] = {}
    for a, row in rights.items():
        parts.setdefault(tuple(sorted(row)), []).append(a)
    grids = [
        Unit("grid", [by_pair[a, b] for a in lefts for b in row], (lefts, [*row]))
        for row, lefts in parts.items()
    ]
    return grids + [Unit("alone", [i]) for i in duplicates]
