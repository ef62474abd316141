"""From two recordings to a plan: the tape of a step with its backward pass and its update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...primitives import PRIMITIVES, Primitive
from ...value import Value
from ..ir.listing import Stage, stage
from ..ir.patterns import Pattern
from ..ir.tape import RESERVED, Handle, Meaning, Tape
from ..record.trace import Constant, Input, Recording, Untraceable
from .differentiate import gradient
from .expand import rewritten
from .vectorize import BatchInputs, batch_terms


class Optimizer(Protocol):
    """What compile() asks of an optimiser; those of ``nn`` have it.

    One that has ``rule``, ``state`` and ``hyperparameters`` as well has its update compiled:
    ``rule(parameter, gradient, *state, **hyperparameters)`` gives the new parameter and the new state,
    by operators alone. Of another the own ``step()`` is called.
    """

    parameters: list[Value]

    def zero_grad(self) -> None:
        """Set every gradient to 0.0."""

    def step(self) -> None:
        """Move each parameter by its gradient."""


@dataclass
class Update:
    """How the optimiser's rule reads for a program: its numbers by parameter."""

    parameters: list[Value]
    rule: Callable[..., tuple[Any, ...]]
    width: int  # how many numbers of state each parameter has
    lr: bool  # whether the learning rate is a setting, read anew at each call
    fixed: dict[str, Any]  # all other hyperparameters
    #: The numbers of state that are one and the same for all parameters, as a count of steps.
    shared: tuple[int, ...] = ()

    def place_of_state(self, parameter: int, which: int) -> int:
        """Where a number of state is among all: first the first of each parameter, then the second, …"""
        return which * len(self.parameters) + (0 if which in self.shared else parameter)


@dataclass
class Plan:
    """A step as instructions: what it reads, and the places of what it gives."""

    tape: Tape
    leaves: list[Value]
    loss: int
    gradients: list[int]
    guards: list[tuple[int, bool]]
    #: For each parameter that moves: its number among the leaves, and its new value.
    moved: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    #: For each number of state that is kept: its number among all, and its new value.
    kept: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    #: The numbers of state that one place holds for all parameters.
    shared: tuple[int, ...] = ()
    lanes: BatchInputs | None = None
    #: What each pass left.
    stages: list[Stage] = field(default_factory=list[Stage])
    notes: list[str] = field(default_factory=list[str])

    @property
    def passes(self) -> list[tuple[str, int]]:
        """The passes and how many instructions each left."""
        return [(stage.name, stage.size) for stage in self.stages]

    def keep(self, name: str, since: int = 0) -> None:
        """Keep what a pass has left, for people to read."""
        self.stages.append(stage(name, self.tape, self.leaves, {self.loss: "out"}, since))

    def results(self) -> list[int]:
        """The instructions whose numbers are wanted."""
        return [
            self.loss,
            *self.gradients,
            *[place for place, _ in self.guards],
            *[place for _, place in self.moved],
            *[place for _, place in self.kept],
        ]


def transcribe(recording: Recording, leaves: dict[Value, int]) -> tuple[Tape, int, list[tuple[int, bool]]]:
    """The graph as a tape, one instruction a node and one for each time a constant is used."""
    tape = Tape(merges=False)
    append = tape.append
    places: dict[Value, int] = {}

    def place_of(x: Value | float) -> int:
        return places[x] if isinstance(x, Value) else append("const", (x,))

    derived: dict[tuple[Value, tuple[Value, ...]], list[int]] = {}

    def slope(output: Value, inputs: tuple[Value, ...], i: int) -> int:
        """The backward pass is emitted for all the inputs at once, but for those that were computed.

        What is computed passes nothing on to an input below it, so it has a pass of its own.
        """
        if inputs[i].primitive is not None:
            inputs, i = (inputs[i],), 0
        else:
            i = sum(x.primitive is None for x in inputs[:i])
            inputs = tuple([x for x in inputs if x.primitive is None])
        if (output, inputs) not in derived:
            found = gradient(tape, places[output], [places[x] for x in inputs])
            derived[output, inputs] = found
        return derived[output, inputs][i]

    for node in recording.nodes:
        op = node._primitive
        if node in recording.gradients:
            places[node] = slope(*recording.gradients[node])
        elif op is not None:
            operands = tuple([place_of(x) for x in node.operands])
            places[node] = append(_operation(op), operands)
        elif node in leaves:
            places[node] = tape.source("leaf", leaves[node])
        elif isinstance(node, Constant):
            places[node] = append(node.operation, tuple([places[x] for x in node.sources]))
        elif isinstance(node, Input):
            places[node] = tape.source("input", node.position)
        else:
            places[node] = append("const", (node._data,))
    guards: list[tuple[int, bool]] = []
    for guard in recording.guards:
        place = append(guard.operation, (place_of(guard.a), place_of(guard.b)))
        guards.append((place, guard.answer))
    return tape, places[recording.output], guards


def _operation(op: Primitive) -> str:
    """The name of a primitive on a tape; raises Untraceable for one that goes by another's name."""
    if op.name in RESERVED:
        raise Untraceable(f"a primitive named {op.name!r} cannot be compiled: choose another name")
    if PRIMITIVES.get(op.name) is not op:
        raise Untraceable(f"it uses the primitive {op.name!r} as it was before it was replaced")
    return op.name


def plan(
    recording: Recording,
    leaves: Sequence[Value],
    update: Update | None,
    batch: bool = True,
    slopes: bool = True,
) -> Plan:
    """Transcribe, batch, derive if ``slopes``, update and simplify."""
    return completed(traced(recording, leaves, update, batch), update, slopes)


@dataclass
class Traced:
    """A recording as a tape, in lanes if it has like terms."""

    tape: Tape
    output: int
    guards: list[tuple[int, bool]]
    lanes: BatchInputs | None
    order: list[Value]
    stages: list[Stage]
    notes: list[str]


def traced(recording: Recording, leaves: Sequence[Value], update: Update | None, batch: bool) -> Traced:
    """Transcribe, and batch if wanted."""
    every = [*(update.parameters if update else ()), *leaves]
    order = [*dict.fromkeys(every)]  # the optimiser's order first: it is that of the layers
    place = {leaf: i for i, leaf in enumerate(order)}
    tape, output, guards = transcribe(recording, place)
    stages = [stage("trace", tape, order, {output: "out"})]
    notes: list[str] = []
    lanes = None
    if batch:
        tape, output, guards, lanes = batch_terms(tape, output, guards, notes)
        if lanes is not None:
            stages.append(stage("batch", tape, order, {output: "out"}))
    return Traced(tape, output, guards, lanes, order, stages, notes)


def completed(found: Traced, update: Update | None, slopes: bool = True) -> Plan:
    """Derive if ``slopes``, update and simplify."""
    tape, order, output, stages, notes = found.tape, found.order, found.output, found.stages, found.notes
    sources = [tape.source("leaf", i) for i in range(len(order))]
    result = Plan(
        tape,
        order,
        output,
        gradient(tape, output, sources) if slopes else [],
        found.guards,
        lanes=found.lanes,
        stages=stages,
        notes=notes,
    )
    if slopes:
        result.keep("backward", since=stages[-1].size)
    if update is not None:
        try:
            _emit_update(result, update)
        except TypeError as error:  # a condition on a number of the program, or a function of floats alone
            notes.append(f"the rule of the optimiser can't be recorded: {error}")
            result.moved, result.kept = [], []
        result.keep("update", since=result.stages[-1].size)
    return simplified(result)


def simplified(result: Plan) -> Plan:
    """Primitives written out, equal instructions entered once, and nothing that is not needed."""
    tape, at = rewritten(result.tape, result.results())
    result.tape = tape
    result.loss = at[result.loss]
    result.gradients = [at[i] for i in result.gradients]
    result.guards = [*{(at[i], answer): None for i, answer in result.guards}]
    result.moved = [(k, at[i]) for k, i in result.moved]
    result.kept = [(k, at[i]) for k, i in result.kept]
    result.keep("expand")
    return result


def _rule_of(update: Update) -> Pattern:
    """The optimiser's rule, of a parameter, its gradient, its numbers of state and the learning rate.

    TypeError if it has a condition on one of these, or a function of floats alone.
    """

    def rule(m: Meaning, parameter: Handle, slope: Handle, *others: Handle) -> Sequence[Any]:
        state = others[: update.width]
        settings = {"lr": others[-1]} if update.lr else {}
        made: Sequence[Any] = update.rule(parameter, slope, *state, **settings, **update.fixed)
        return made

    return Pattern(rule, 2 + update.width + update.lr)


def steady(update: Update) -> tuple[int, ...]:
    """The numbers of state that depend on nothing of their parameter: once alike, they stay so."""
    try:
        rule = _rule_of(update)
    except TypeError:  # the plan says so
        return ()
    state = range(2, 2 + update.width)
    if rule.reads(0).isdisjoint(state):
        return ()
    found = {*state}
    while alone := {
        j for j in found if not rule.reads(j - 1) <= {*found, state.stop}
    }:  # the rate may be read
        found -= alone
    return tuple(sorted(j - 2 for j in found))


def _emit_update(result: Plan, update: Update) -> None:
    """The optimiser's own rule for each parameter."""
    tape = result.tape
    rule = _rule_of(update)
    settings = [tape.source("setting", 0)] if update.lr else []
    # A state that moves no parameter is kept as it was, as by the optimisers that then skip it.
    moves = not rule.reads(0).isdisjoint(range(2, 2 + update.width))
    states: dict[int, int] = {}
    for i, slope in enumerate(result.gradients[: len(update.parameters)]):
        places = [update.place_of_state(i, j) for j in range(update.width)]
        before = [tape.source("state", k) for k in places]
        moved, *after = rule.enter(tape, [tape.source("leaf", i), slope, *before, *settings])
        result.moved.append((i, moved))
        if moves:
            states.update(zip(places, after))
    result.shared = update.shared
    result.kept = [(k, place) for k, place in sorted(states.items()) if tape.code[place] != ("state", (k,))]
