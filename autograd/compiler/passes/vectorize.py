"""Batching: a long sum of isomorphic terms becomes one term with a batch axis.

Terms are isomorphic if they apply the same operations, in the same graph structure, to the same shared
Values; only arguments and constants may differ. Other terms stay unbatched. The order of additions over the
batch axis is unspecified, so brackets among the terms of such a sum are not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..ir.tape import SOURCES, Tape

#: A sum of fewer terms is not batched.
FEWEST = 4


@dataclass
class BatchInputs:
    """Rows of inputs: the source of each batch element is ("input", position) or ("const", x)."""

    size: int
    rows: list[list[tuple[str, Any]]]


Guards = list[tuple[int, bool]]


@dataclass
class _Isomorphism:
    """Terms of a sum that have the same graph structure for each batch element."""

    place: int
    templates: list[int]  # the terms of the first element, one of each kind
    maps: list[dict[int, int]]  # for each element: its instruction for each instruction of the first element
    others: list[int]  # terms that are not batched
    guards: dict[int, bool]  # the comparisons of the first element, with the answer
    guarded: set[int]  # the comparisons of all elements


def batch_terms(
    tape: Tape, output: int, guards: Guards, notes: list[str], results: Sequence[int] = ()
) -> tuple[Tape, int, Guards, BatchInputs | None, list[int]]:
    """Return the tape with its largest sum of isomorphic terms batched, if there is one.

    The last item returned has the new places of ``results``, which stay unbatched.
    """
    best: _Isomorphism | None = None
    most = 0
    signatures = _signatures(tape.code)
    for place, terms in _long_sums(tape, output):
        isomorphism = _isomorphic(tape.code, signatures, place, terms, guards)
        if isomorphism is not None and (work := len(isomorphism.maps[0]) * len(isomorphism.maps)) > most:
            best, most = isomorphism, work
    if best is None:
        notes.append("no long sum of isomorphic terms: the program is not batched")
        return tape, output, guards, None, [*results]
    kinds = f" of {len(best.templates)} kinds" if len(best.templates) > 1 else ""
    size = len(best.maps)
    notes.append(f"a sum of {size} isomorphic terms{kinds} becomes one term with a batch axis of {size}")
    return _rebuild(tape, output, guards, best, results)


def _signatures(code: list[tuple[str, Any]]) -> list[int]:
    """Return a number for each instruction; isomorphic ones have the same number.

    All arguments have one number, and so have all constants.
    """
    numbers: dict[Any, int] = {}
    signatures: list[int] = []
    for operation, operands in code:
        if operation in SOURCES:
            key: Any = operation if operation in ("const", "input") else (operation, operands[0])
        elif len(operands) == 2:
            key = operation, signatures[operands[0]], signatures[operands[1]]
        else:
            key = operation, *[signatures[o] for o in operands]
        signatures.append(numbers.setdefault(key, len(numbers)))
    return signatures


def _long_sums(tape: Tape, output: int) -> list[tuple[int, list[int]]]:
    """Find long sums with their terms; a chain of additions is one sum if no part is used elsewhere."""
    code = tape.code
    uses = [0] * len(code)
    for operation, operands in code:
        if operation not in SOURCES:
            for o in operands:
                uses[o] += 1
    inside = bytearray(len(code))  # additions that are part of a longer chain
    sums: list[tuple[int, list[int]]] = []
    for place in range(output, -1, -1):
        operation, operands = code[place]
        if inside[place] or operation not in ("add", "sum"):
            continue
        terms: list[int] = []
        stack: list[int] = [*reversed(operands)]
        while stack:
            term = stack.pop()
            if code[term][0] in ("add", "sum") and uses[term] == 1:
                inside[term] = 1
                stack += reversed(code[term][1])
            else:
                terms.append(term)
        if len(terms) >= FEWEST:
            sums.append((place, terms))
    return sums


def _isomorphic(
    code: list[tuple[str, Any]], signatures: list[int], place: int, terms: list[int], guards: Guards
) -> _Isomorphism | None:
    """Find the largest set of isomorphic terms, with one term of each kind for each batch element."""
    kinds: dict[int, list[int]] = {}
    for term in terms:
        if code[term][0] not in SOURCES:
            kinds.setdefault(signatures[term], []).append(term)
    sizes: dict[int, int] = {}
    for group in kinds.values():
        sizes[len(group)] = sizes.get(len(group), 0) + len(group)
    size = max((n for n in sizes if n >= FEWEST), key=lambda n: sizes[n], default=0)
    if not size:
        return None
    chosen = [group for group in kinds.values() if len(group) == size]
    comparisons: dict[tuple[int, bool], list[int]] = {}
    for guard, answer in dict.fromkeys(guards):
        comparisons.setdefault((signatures[guard], answer), []).append(guard)

    def batched_guards(most: int) -> dict[tuple[bool, int], list[int]]:
        """Group the comparisons by kind, one for each element; an element has at most ``most`` of a kind."""
        return {
            (answer, first): group[k :: len(group) // size]
            for (_, answer), group in comparisons.items()
            if len(group) % size == 0 and len(group) <= most * size
            for k, first in enumerate(group[: len(group) // size])
        }

    # Batch all comparisons if the terms match; else those of which each element has one; else none.
    for checks in (batched_guards(len(guards)), batched_guards(1), {}) if guards else ({},):
        roots = [*chosen, *checks.values()]
        maps = [_match(code, [(group[0], group[element]) for group in roots]) for element in range(size)]
        if None in maps:
            continue
        mappings = [m for m in maps if m is not None]
        varying = _varying(code, mappings)
        chosen = [group for group in chosen if group[0] in varying]
        if not chosen:
            return None
        inside = {term for group in chosen for term in group}
        return _Isomorphism(
            place,
            [group[0] for group in chosen],
            mappings,
            [t for t in terms if t not in inside],
            {group[0]: answer for (answer, _), group in checks.items() if group[0] in varying},
            {g for group in checks.values() if group[0] in varying for g in group},
        )
    return None


def _match(code: list[tuple[str, Any]], pairs: list[tuple[int, int]]) -> dict[int, int] | None:
    """Map the instructions under the first of each pair to those under the second; None if they differ.

    Leaves are the same in both, and are left out.
    """
    mapping: dict[int, int] = {}
    for a, b in pairs:
        if mapping.setdefault(a, b) != b:
            return None
    stack = [*mapping.items()]
    while stack:
        a, b = stack.pop()
        operation, operands = code[a]
        other, others = code[b]
        if operation != other:
            return None
        if operation == "leaf" and a != b:
            return None
        if operation in SOURCES:
            continue
        if len(operands) != len(others):
            return None
        for o, p in zip(operands, others):
            if o == p and code[o][0] == "leaf":
                continue
            if (image := mapping.get(o)) is None:
                mapping[o] = p
                stack.append((o, p))  # even if o is p: another path may map an instruction below it elsewhere
            elif image != p:
                return None
    return mapping


def _rebuild(
    tape: Tape, output: int, guards: Guards, isomorphism: _Isomorphism, results: Sequence[int]
) -> tuple[Tape, int, Guards, BatchInputs, list[int]]:
    place, maps, others = isomorphism.place, isomorphism.maps, isomorphism.others
    code = tape.code
    new = Tape(len(maps), merges=False)
    batch_inputs = BatchInputs(len(maps), [])
    # The new place of each instruction; some are needed both with and without the batch axis.
    unbatched: dict[int, int] = {}
    batched: dict[int, int] = {}
    varying = _varying(code, maps)

    def move(i: int, is_batched: bool) -> int:
        """Add an instruction and those that it depends on; return its new place."""
        stack = [(i, is_batched)]
        while stack:
            j, in_batch = stack[-1]
            copies = batched if in_batch else unbatched
            if j in copies:
                stack.pop()
                continue
            operation, operands = code[j]
            if in_batch and j not in varying:
                if j in unbatched:
                    copies[j] = unbatched[j]
                    stack.pop()
                else:
                    stack.append((j, False))
                continue
            if operation in SOURCES:
                copies[j] = _source(j, in_batch)
                stack.pop()
                continue
            if not in_batch and j == place:
                operands, missing = (), _missing_terms()
            else:
                missing = [(o, in_batch) for o in operands if o not in copies]
            if missing:
                stack += missing
                continue
            if j == place and not in_batch:
                copies[j] = _batch_sum()
            else:
                copies[j] = new.append(operation, tuple([copies[o] for o in operands]), in_batch)
            stack.pop()
        return (batched if is_batched else unbatched)[i]

    def _missing_terms() -> list[tuple[int, bool]]:
        terms = [(t, True) for t in isomorphism.templates] + [(o, False) for o in others]
        return [(t, in_batch) for t, in_batch in terms if t not in (batched if in_batch else unbatched)]

    def _batch_sum() -> int:
        terms = tuple([batched[t] for t in isomorphism.templates])
        term = terms[0] if len(terms) == 1 else new.append("sum", terms, True)
        total = new.append("batch_sum", (term,), False)
        return new.append("sum", (total, *[unbatched[o] for o in others]), False) if others else total

    def _source(j: int, in_batch: bool) -> int:
        operation, (datum,) = code[j]
        if not in_batch:
            return new.source(operation, datum)
        row = [(code[m[j]][0], code[m[j]][1][0]) for m in maps]
        batch_inputs.rows.append(row)
        return new.source("row", len(batch_inputs.rows) - 1)

    # Only instructions that the results need are moved, so unbatched copies of the other elements are
    # dropped.
    result = move(output, False)
    new_guards = [(move(g, False), answer) for g, answer in guards if g not in isomorphism.guarded]
    new_guards += [(move(g, True), answer) for g, answer in isomorphism.guards.items()]
    return new, result, new_guards, batch_inputs, [move(i, False) for i in results]


def _varying(code: list[tuple[str, Any]], maps: list[dict[int, int]]) -> set[int]:
    """Return the instructions of the first element that differ between elements, and constants that differ.

    An instruction that each element computes for itself is batched even if the results are equal, so that
    each element has its own gradient.
    """
    varying: set[int] = set()
    for i in maps[0]:
        if code[i][0] == "const":
            if len({repr(code[m[i]][1][0]) for m in maps}) > 1:
                varying.add(i)
        elif any(m[i] != i for m in maps):
            varying.add(i)
    return varying
