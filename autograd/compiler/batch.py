"""Lanes: a loss that is a long sum of like terms becomes the term once, with its leaves in lanes.

Terms are alike if they are isomorphic: the same operations, wired alike, on the same shared Values;
only arguments and constants may differ. What is not exactly so stays as it is: flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .tape import SOURCES, Tape

#: A sum of fewer terms is not worth it.
FEWEST = 4


@dataclass
class Lanes:
    """Where each row of lane numbers comes from: for each lane ("input", position) or ("const", x)."""

    width: int
    rows: list[list[tuple[str, Any]]]


def into_lanes(
    tape: Tape, output: int, guards: list[tuple[int, bool]], notes: list[str]
) -> tuple[Tape, int, list[tuple[int, bool]], Lanes | None]:
    """The tape with its largest sum of like terms in lanes, if there is one."""
    best: tuple[int, int, int, list[dict[int, int]], list[int]] | None = None
    for place, terms in _long_sums(tape, output):
        if (found := _alike(tape, terms)) is None:
            continue
        template, maps, others = found
        work = len(maps[0]) * len(maps)
        if template in _varying(tape.code, template, maps) and (best is None or work > best[0]):
            best = work, place, template, maps, others
    if best is None:
        notes.append("no long sum of like terms: the program is flat")
        return tape, output, guards, None
    _, place, template, maps, others = best
    notes.append(f"a sum of {len(maps)} like terms: the term once, in {len(maps)} lanes")
    return _rebuild(tape, output, guards, place, template, maps, others)


def _long_sums(tape: Tape, output: int) -> list[tuple[int, list[int]]]:
    """Sums with their terms; a chain of additions is one sum, unless part of it is used elsewhere."""
    code = tape.code
    uses = [0] * len(code)
    for operation, operands in code:
        if operation not in SOURCES:
            for o in operands:
                uses[o] += 1
    inside = bytearray(len(code))  # additions that are part of a longer chain
    found = []
    for place in range(output, -1, -1):
        operation, operands = code[place]
        if inside[place] or operation not in ("add", "sum"):
            continue
        terms: list[int] = []
        waiting = [*reversed(operands)]
        while waiting:
            term = waiting.pop()
            if code[term][0] in ("add", "sum") and uses[term] == 1:
                inside[term] = 1
                waiting += reversed(code[term][1])
            else:
                terms.append(term)
        if len(terms) >= FEWEST:
            found.append((place, terms))
    return found


def _alike(tape: Tape, terms: list[int]) -> tuple[int, list[dict[int, int]], list[int]] | None:
    """Of the terms the most that are alike: their model, the map of each from it, and the other terms."""
    rest = [t for t in terms if tape.code[t][0] not in SOURCES]
    for _ in range(3):  # the first may be of another kind, as a term that regularises
        if len(rest) < FEWEST:
            return None
        template = rest[0]
        matched, maps, unlike = [], [], []
        for term in rest:
            mapping = _isomorphism(tape.code, template, term)
            if mapping is None:
                unlike.append(term)
            else:
                matched.append(term)
                maps.append(mapping)
        if len(matched) >= max(FEWEST, len(unlike)):
            remaining = [*terms]
            for term in matched:
                remaining.remove(term)
            return template, maps, remaining
        rest = unlike
    return None


def _isomorphism(code: list[tuple[str, Any]], template: int, term: int) -> dict[int, int] | None:
    """What in ``term`` stands for each instruction of ``template``, or None if they are not alike."""
    mapping = {template: term}
    waiting = [(template, term)]
    while waiting:
        a, b = waiting.pop()
        operation, operands = code[a]
        other, others = code[b]
        if operation != other:
            return None
        if operation in SOURCES:
            if operation == "leaf" and a != b:
                return None
            continue
        if len(operands) != len(others):
            return None
        for o, p in zip(operands, others):
            if (seen := mapping.get(o)) is None:
                mapping[o] = p
                waiting.append((o, p))  # below shared ones too, or one might be shared and not shared
            elif seen != p:
                return None
    return mapping


def _rebuild(
    tape: Tape,
    output: int,
    guards: list[tuple[int, bool]],
    place: int,
    template: int,
    maps: list[dict[int, int]],
    others: list[int],
) -> tuple[Tape, int, list[tuple[int, bool]], Lanes]:
    code = tape.code
    new = Tape(len(maps))
    lanes = Lanes(len(maps), [])
    flat: dict[int, int] = {}  # what is not in lanes, or is wanted outside of them as well
    laned: dict[int, int] = {}
    varying = _varying(code, template, maps)

    def move(i: int, lane: bool) -> int:
        """The new place of an instruction, as it is in the lanes or outside of them."""
        moved = laned if lane else flat
        waiting = [(i, lane)]
        while waiting:
            j, here = waiting[-1]
            moved = laned if here else flat
            if j in moved:
                waiting.pop()
                continue
            operation, operands = code[j]
            if here and j not in varying:
                if j in flat:
                    moved[j] = flat[j]
                    waiting.pop()
                else:
                    waiting.append((j, False))
                continue
            if operation in SOURCES:
                moved[j] = _source(j, here)
                waiting.pop()
                continue
            if not here and j == place:
                operands, missing = (), _missing_sum()
            else:
                missing = [(o, here) for o in operands if o not in moved]
            if missing:
                waiting += missing
                continue
            if j == place and not here:
                moved[j] = _sum_of_lanes()
            else:
                moved[j] = new.append(operation, tuple([moved[o] for o in operands]), here)
            waiting.pop()
        return (laned if lane else flat)[i]

    def _missing_sum() -> list[tuple[int, bool]]:
        wanted = [(template, True)] + [(o, False) for o in others]
        return [(o, here) for o, here in wanted if o not in (laned if here else flat)]

    def _sum_of_lanes() -> int:
        term = laned[template]
        total = new.append("lanesum", (term,), False)
        return new.append("sum", (total, *[flat[o] for o in others]), False) if others else total

    def _source(j: int, here: bool) -> int:
        operation, (which,) = code[j]
        if not here:
            return new.source(operation, which)
        row = [(code[m[j]][0], code[m[j]][1][0]) for m in maps]
        lanes.rows.append(row)
        return new.source("lane", len(lanes.rows) - 1)

    # Only what the results need is moved: the flat twins of what went into lanes are left behind.
    result = move(output, False)
    return new, result, [(move(g, False), answer) for g, answer in guards], lanes


def _varying(code: list[tuple[str, Any]], template: int, maps: list[dict[int, int]]) -> set[int]:
    """The instructions of the template that each lane has one of its own of, and constants that differ.

    What each lane works out anew is in lanes even if it gives the same number in all, so that its
    gradient is that lane's.
    """
    varying: set[int] = set()
    for i in maps[0]:
        if code[i][0] == "const":
            if len({repr(code[m[i]][1][0]) for m in maps}) > 1:
                varying.add(i)
        elif any(m[i] != i for m in maps):
            varying.add(i)
    return varying
