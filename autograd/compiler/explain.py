"""Compiled programs as text and as a picture."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from ..system.messages import replace_controls
from .calls import Program
from .ir.fused import Fused
from .ir.listing import KEPT, Listing, Stage, name_of
from .ir.tape import SOURCES
from .passes.fuse import fuse
from .passes.plan import Plan

if TYPE_CHECKING:
    from ..view.picture.cards import Card, Edge, Picture

#: What each pass does.
PASSES = {
    "trace": "the function as it ran, an instruction for each node",
    "batch": "like terms once, their numbers side by side in lanes, marked []",
    "backward": "and the backward pass, emitted from the rules of the table",
    "again": "and the backward pass of that",
    "update": "and the optimiser's rule for each parameter",
    "expand": "in simple instructions, each once, constants folded, nothing idle",
    "fuse": "sums of products as one instruction each",
}


def names_of_results(plan: Plan) -> dict[int, str]:
    """What the results of a plan are called."""
    labels = Counter(leaf.label for leaf in plan.leaves)
    leaves = [name_of(leaf, k, labels) for k, leaf in enumerate(plan.leaves)]
    names = {place: f"{leaves[k]}′" for k, place in plan.moved}
    if len(plan.gradients) == len(leaves):
        names |= {place: f"∂{leaf}" for leaf, place in zip(leaves, plan.gradients)}
    names[plan.loss] = "out"
    return {i: name for i, name in names.items() if plan.tape.code[i][0] not in SOURCES}


def fused_stage(plan: Plan) -> tuple[Stage, Fused, Listing]:
    """The last pass, which the backends that have one do for themselves."""
    fused = fuse(plan)
    listing = Listing(plan.tape, plan.leaves, names_of_results(plan), fused)
    computed = [i for i in fused.order if plan.tape.code[i][0] not in SOURCES]
    kinds = f"{len(computed):,} computed, {sum(i in fused.sums for i in computed):,} of them sums of products"
    return Stage("fuse", len(fused.order), kinds, [*map(listing.line, computed[:KEPT])]), fused, listing


def explained(program: Program, lines: int) -> list[str]:
    """What each pass left of a program, and the first instructions it made."""
    plan = program.plan
    text = [f"  {replace_controls(note)}" for note in plan.notes]
    stages = [*plan.stages]
    if program.runner is None or program.runner.name != "python":  # which runs it as it is
        stages.append(fused_stage(plan)[0])
    for name, count, kinds, shown in stages:
        text.append(f"  {name:9}{count:9,} instructions: {PASSES[name]}{kinds and f' ({kinds})'}")
        text += [f"    {line}" for line in shown[:lines]]
        if len(shown) > lines:
            text.append("    …")
    counts = {"guard": len(plan.guards), "leaf Value": len(plan.leaves), "call": program.calls}
    text.append("  " + ", ".join(f"{n:,} {what}{'s' * (n != 1)}" for what, n in counts.items()))
    if (guard := program.guard) is not None:
        text.append(f"  guarded: {replace_controls(', '.join(guard.described()))}")
        if opaque := [path for _, path in guard.reach.opaque]:
            text.append(f"  only audited: {replace_controls(', '.join(opaque))}")
    return text


def picture(program: Program, limit: int | None) -> Picture:
    """The instructions of a program as cards; of more than ``limit`` those nearest the result."""
    from ..view.picture.cards import Edge, Picture, Summary
    from ..view.render.time_limit import in_time

    plan = program.plan
    code, in_lane = plan.tape.code, plan.tape.in_lane
    _, fused, listing = fused_stage(plan)
    results = names_of_results(plan)
    shown = _nearest(plan, fused, limit)
    cards: list[Card] = []
    edges: list[Edge] = []
    for i in in_time(fused.order):
        if i not in shown or code[i][0] == "const":
            continue
        kind = "leaf" if code[i][0] in SOURCES else "output" if i in results else "operation"
        text = listing.text(i) if kind == "leaf" else f"= {listing.text(i)}"
        cards.append(Summary(f"i{i}", kind, listing.name(i), text, "", None))
        for o in dict.fromkeys(fused.reads[i]):
            if o in shown and code[o][0] != "const":
                edges.append(Edge(f"i{o}", f"i{i}", "", None, 0.8, False))
    notes = [f"a program of {len([i for i in fused.order if code[i][0] != 'const']):,} instructions"]
    if any(in_lane):
        notes[0] += f"; those marked [] have {plan.tape.lanes} lanes"
    if len(shown) < len(fused.order):
        notes.append(f"shown are the {len(cards):,} nearest the result; draw(…, limit=None) draws all")
    return Picture(cards, edges, "\n".join(notes))


def _nearest(plan: Plan, fused: Fused, limit: int | None) -> set[int]:
    found: dict[int, None] = {}
    for result in plan.results():  # the function itself comes first
        queue = deque([result])
        while queue and (limit is None or len(found) < limit):
            i = queue.popleft()
            if i not in found:
                found[i] = None
                queue.extend(fused.reads[i])
    return {*found}
