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

#: The description of each pass.
PASSES = {
    "trace": "the traced function, one instruction for each node",
    "batch": "isomorphic terms merged into one with a batch axis, marked []",
    "backward": "adds the backward pass, emitted from the table of primitives",
    "again": "adds the backward pass of the backward pass",
    "clip": "adds the rule that clips the gradients by their norm",
    "update": "adds the optimizer's rule for each parameter",
    "expand": "simple instructions without duplicates, constants folded, unused ones removed",
    "fuse": "each sum of products is one instruction",
}


def names_of_results(plan: Plan) -> dict[int, str]:
    """Return the names of the results of a plan, by their places."""
    labels = Counter(leaf.label for leaf in plan.leaves)
    leaves = [name_of(leaf, k, labels) for k, leaf in enumerate(plan.leaves)]
    names = {place: f"{leaves[k]}′" for k, place in plan.leaf_updates}
    if len(plan.gradients) - (len(plan.aux.values) if plan.aux else 0) == len(leaves):
        names |= {place: f"∂{leaf}" for leaf, place in zip(leaves, plan.gradients)}
    names[plan.loss] = "out"
    return {i: name for i, name in names.items() if plan.tape.code[i][0] not in SOURCES}


def fused_stage(plan: Plan) -> tuple[Stage, Fused, Listing]:
    """Run the pass that the numpy and numba backends run themselves, and list its result."""
    fused = fuse(plan)
    listing = Listing(plan.tape, plan.leaves, names_of_results(plan), fused)
    places = [i for i in fused.order if plan.tape.code[i][0] not in SOURCES]
    kinds = f"{len(places):,} computed, {sum(i in fused.sums for i in places):,} of them sums of products"
    return Stage("fuse", len(fused.order), kinds, [*map(listing.line, places[:KEPT])]), fused, listing


def describe(program: Program, lines: int) -> list[str]:
    """Return the result of each pass of a program, with its first instructions, as lines of text."""
    plan = program.plan
    text = [f"  {replace_controls(note)}" for note in plan.notes]
    stages = [*plan.stages]
    if program.runner.name != "python":  # the python backend does not fuse
        stages.append(fused_stage(plan)[0])
    for name, count, kinds, listing in stages:
        text.append(f"  {name:9}{count:9,} instructions: {PASSES[name]}{kinds and f' ({kinds})'}")
        text += [f"    {line}" for line in listing[:lines]]
        if len(listing) > lines:
            text.append("    …")
    counts = {"guard": len(plan.guards), "leaf Value": len(plan.leaves), "call": program.calls}
    text.append("  " + ", ".join(f"{n:,} {what}{'s' * (n != 1)}" for what, n in counts.items()))
    text.append(f"  guarded: {replace_controls(', '.join(program.guard.described()))}")
    if opaque := [path for _, path in program.guard.reach.opaque]:
        text.append(f"  only audited: {replace_controls(', '.join(opaque))}")
    return text


def picture(program: Program, limit: int | None) -> Picture:
    """Return the instructions of a program as cards; at most ``limit``, those nearest the result."""
    from ..view.picture.cards import Edge, Picture, Summary
    from ..view.render.time_limit import in_time

    plan = program.plan
    code, is_batched = plan.tape.code, plan.tape.is_batched
    _, fused, listing = fused_stage(plan)
    results = names_of_results(plan)
    nearest = _nearest(plan, fused, limit)
    cards: list[Card] = []
    edges: list[Edge] = []
    for i in in_time(fused.order):
        if i not in nearest or code[i][0] == "const":
            continue
        kind = "leaf" if code[i][0] in SOURCES else "output" if i in results else "operation"
        text = listing.text(i) if kind == "leaf" else f"= {listing.text(i)}"
        cards.append(Summary(f"i{i}", kind, listing.name(i), text, "", None))
        for o in dict.fromkeys(fused.reads[i]):
            if o in nearest and code[o][0] != "const":
                edges.append(Edge(f"i{o}", f"i{i}", "", None, 0.8, False))
    notes = [f"a program of {len([i for i in fused.order if code[i][0] != 'const']):,} instructions"]
    if any(is_batched):
        notes[0] += f"; those marked [] have a batch axis of {plan.tape.batch_size}"
    if len(nearest) < len(fused.order):
        notes.append(f"the {len(cards):,} nearest the result are shown; draw(…, limit=None) draws all")
    return Picture(cards, edges, "\n".join(notes))


def _nearest(plan: Plan, fused: Fused, limit: int | None) -> set[int]:
    nearest: dict[int, None] = {}
    for result in plan.results():  # the loss comes first
        queue = deque([result])
        while queue and (limit is None or len(nearest) < limit):
            i = queue.popleft()
            if i not in nearest:
                nearest[i] = None
                queue.extend(fused.reads[i])
    return {*nearest}
