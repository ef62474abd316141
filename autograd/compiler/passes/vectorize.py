"""Batching: a loss that is a long sum of like terms becomes the term once, with its leaves in lanes.

Terms are alike if they are isomorphic: the same operations, wired alike, on the same shared Values;
only arguments and constants may differ. What is not exactly so stays as it is: flat. The order of
additions over the batch axis is unspecified, so brackets among the terms of such a sum are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..ir.tape import SOURCES, Tape

#: A sum of fewer terms is not worth it.
FEWEST = 4


@dataclass
class BatchInputs:
    """Where each row of lane numbers comes from: for each lane ("input", position) or ("const", x)."""

    width: int
    rows: list[list[tuple[str, Any]]]


Guards = list[tuple[int, bool]]


@dataclass
class _Isomorphism:
    """Terms of a sum that are the same for each lane: those of the first, and what each is in the others."""

    place: int
    templates: list[int]
    maps: list[dict[int, int]]
    others: list[int]  # terms that are not in lanes
    guards: dict[int, bool]  # those of the first lane, with the answer
    guarded: set[int]  # those of all lanes


def batch_terms(
    tape: Tape, output: int, guards: Guards, notes: list[str]
) -> tuple[Tape, int, Guards, BatchInputs | None]:
    """The tape with its largest sum of like terms in lanes, if there is one."""
    best: _Isomorphism | None = None
    most = 0
    signatures = _signatures(tape.code)
    for place, terms in _long_sums(tape, output):
        found = _alike(tape.code, signatures, place, terms, guards)
        if found is not None and (work := len(found.maps[0]) * len(found.maps)) > most:
            best, most = found, work
    if best is None:
        notes.append("no long sum of like terms: the program is flat")
        return tape, output, guards, None
    kinds = f" of {len(best.templates)} kinds" if len(best.templates) > 1 else ""
    width = len(best.maps)
    notes.append(f"a sum of {width} like terms{kinds}: the term once, in {width} lanes")
    return _rebuild(tape, output, guards, best)


def _signatures(code: list[tuple[str, Any]]) -> list[int]:
    """A number for each instruction, the same for those that may be alike: arguments and constants are."""
    known: dict[Any, int] = {}
    found: list[int] = []
    for operation, operands in code:
        if operation in SOURCES:
            key: Any = operation if operation in ("const", "input") else (operation, operands[0])
        elif len(operands) == 2:
            key = operation, found[operands[0]], found[operands[1]]
        else:
            key = operation, *[found[o] for o in operands]
        found.append(known.setdefault(key, len(known)))
    return found


def _long_sums(tape: Tape, output: int) -> list[tuple[int, list[int]]]:
    """Sums with their terms; a chain of additions is one sum, unless part of it is used elsewhere."""
    code = tape.code
    uses = [0] * len(code)
    for operation, operands in code:
        if operation not in SOURCES:
            for o in operands:
                uses[o] += 1
    inside = bytearray(len(code))  # additions that are part of a longer chain
    found: list[tuple[int, list[int]]] = []
    for place in range(output, -1, -1):
        operation, operands = code[place]
        if inside[place] or operation not in ("add", "sum"):
            continue
        terms: list[int] = []
        waiting: list[int] = [*reversed(operands)]
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


def _alike(
    code: list[tuple[str, Any]], signatures: list[int], place: int, terms: list[int], guards: Guards
) -> _Isomorphism | None:
    """Of the terms the most that are alike, one of each kind for each lane."""
    kinds: dict[int, list[int]] = {}
    for term in terms:
        if code[term][0] not in SOURCES:
            kinds.setdefault(signatures[term], []).append(term)
    sizes: dict[int, int] = {}
    for like in kinds.values():
        sizes[len(like)] = sizes.get(len(like), 0) + len(like)
    lanes = max((n for n in sizes if n >= FEWEST), key=lambda n: sizes[n], default=0)
    if not lanes:
        return None
    chosen = [like for like in kinds.values() if len(like) == lanes]
    decided: dict[tuple[int, bool], list[int]] = {}
    for guard, answer in dict.fromkeys(guards):
        decided.setdefault((signatures[guard], answer), []).append(guard)

    def checks(times: int) -> dict[tuple[bool, int], list[int]]:
        """What each lane decides by, up to so many times alike: one after another, lane by lane."""
        return {
            (answer, first): like[k :: len(like) // lanes]
            for (_, answer), like in decided.items()
            if len(like) % lanes == 0 and len(like) <= times * lanes
            for k, first in enumerate(like[: len(like) // lanes])
        }

    # With all that the lanes decide by, with what each decides by once, or else without.
    for along in (checks(len(guards)), checks(1), {}) if guards else ({},):
        roots = [*chosen, *along.values()]
        maps = [_matched(code, [(like[0], like[lane]) for like in roots]) for lane in range(lanes)]
        if None in maps:
            continue
        found = [m for m in maps if m is not None]
        varying = _varying(code, found)
        chosen = [like for like in chosen if like[0] in varying]
        if not chosen:
            return None
        inside = {term for like in chosen for term in like}
        return _Isomorphism(
            place,
            [like[0] for like in chosen],
            found,
            [t for t in terms if t not in inside],
            {like[0]: answer for (answer, _), like in along.items() if like[0] in varying},
            {g for like in along.values() if like[0] in varying for g in like},
        )
    return None


def _matched(code: list[tuple[str, Any]], pairs: list[tuple[int, int]]) -> dict[int, int] | None:
    """What stands for each instruction of the first of the pairs in the second, or None if not alike."""
    mapping: dict[int, int] = {}
    for a, b in pairs:
        if mapping.setdefault(a, b) != b:
            return None
    waiting = [*mapping.items()]
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
    tape: Tape, output: int, guards: Guards, like: _Isomorphism
) -> tuple[Tape, int, Guards, BatchInputs]:
    place, maps, others = like.place, like.maps, like.others
    code = tape.code
    new = Tape(len(maps), merges=False)
    lanes = BatchInputs(len(maps), [])
    flat: dict[int, int] = {}  # what is not in lanes, or is wanted outside of them as well
    laned: dict[int, int] = {}
    varying = _varying(code, maps)

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
        wanted = [(t, True) for t in like.templates] + [(o, False) for o in others]
        return [(o, here) for o, here in wanted if o not in (laned if here else flat)]

    def _sum_of_lanes() -> int:
        terms = tuple([laned[t] for t in like.templates])
        term = terms[0] if len(terms) == 1 else new.append("sum", terms, True)
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
    moved = [(move(g, False), answer) for g, answer in guards if g not in like.guarded]
    moved += [(move(g, True), answer) for g, answer in like.guards.items()]
    return new, result, moved, lanes


def _varying(code: list[tuple[str, Any]], maps: list[dict[int, int]]) -> set[int]:
    """The instructions of the first lane that each lane has one of its own of, and constants that differ.

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
