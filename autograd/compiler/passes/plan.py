"""A plan: the tape of a step, with its backward pass and its update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...primitives import PRIMITIVES, Primitive
from ...value import Value
from ..ir.listing import Stage, stage
from ..ir.patterns import Pattern
from ..ir.tape import RESERVED, Handle, Meaning, Tape, place_of
from ..record.aux import Aux
from ..record.trace import Constant, Input, Recording, Untraceable
from .differentiate import gradient
from .expand import expand
from .vectorize import BatchInputs, batch_terms


class Optimizer(Protocol):
    """Interface of an optimizer for compile(); the optimizers of ``nn`` implement it.

    The update of an ``nn.Optimizer`` is compiled from its rule, unless a subclass or an attribute replaces
    one of the methods. ``step()`` of any other optimizer is called.
    """

    parameters: list[Value]

    def zero_grad(self) -> None:
        """Set every gradient to 0.0."""

    def step(self) -> None:
        """Update each parameter by its gradient."""


@dataclass
class Update:
    """The optimizer's rule, with its parameters and hyperparameters."""

    parameters: list[Value]
    rule: Callable[..., tuple[Any, ...]]
    width: int  # the count of state numbers for each parameter
    has_lr: bool  # the learning rate is a setting, read at each call
    fixed: dict[str, Any]  # all other hyperparameters
    key: Any  # the same, and the fields above, as a key
    #: The indices of state numbers that are equal for all parameters, such as a count of steps.
    shared: tuple[int, ...] = ()

    def place_of_state(self, parameter: int, index: int) -> int:
        """Return the place of a state number: the first number of each parameter, then the second, …"""
        return index * len(self.parameters) + (0 if index in self.shared else parameter)


@dataclass
class Clip:
    """The rule by which the optimizer's gradients are clipped: ``rule(m, gradients, max_norm)``."""

    parameters: list[Value]
    rule: Callable[..., Sequence[Any]]
    max_norm: float


@dataclass
class Plan:
    """A step as instructions: the leaves that it reads, and the places of its results."""

    tape: Tape
    leaves: list[Value]
    loss: int
    #: The gradients; after them the Values of ``aux``, if the function returns one.
    gradients: list[int]
    guards: list[tuple[int, bool]]
    #: For each updated parameter: its index among the leaves, and the place of its new value.
    leaf_updates: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    #: For each updated state number: its index in the state, and the place of its new value.
    state_updates: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    #: The indices of state numbers that are stored once for all parameters.
    shared: tuple[int, ...] = ()
    batch_inputs: BatchInputs | None = None
    #: The result of each pass, as text.
    stages: list[Stage] = field(default_factory=list[Stage])
    notes: list[str] = field(default_factory=list[str])
    #: The second result of the function, with ``has_aux``.
    aux: Aux | None = None

    @property
    def passes(self) -> list[tuple[str, int]]:
        """The passes, each with the number of instructions after it."""
        return [(stage.name, stage.size) for stage in self.stages]

    def keep(self, name: str, since: int = 0) -> None:
        """Store the result of a pass as text."""
        self.stages.append(stage(name, self.tape, self.leaves, {self.loss: "out"}, since))

    def results(self) -> list[int]:
        """Return the instructions whose values a runner returns."""
        return [
            self.loss,
            *self.gradients,
            *[place for place, _ in self.guards],
            *[place for _, place in self.leaf_updates],
            *[place for _, place in self.state_updates],
        ]


def transcribe(
    recording: Recording, leaves: dict[Value, int]
) -> tuple[Tape, int, list[tuple[int, bool]], list[int]]:
    """Return the graph as a tape: one instruction for each node and for each use of a constant.

    Returns:
        The tape, the places of the result, of the comparisons with their answers, and of the Values of aux.
    """
    tape = Tape(merges=False)
    append = tape.append
    places: dict[Value, int] = {}

    def place_of(x: Value | float) -> int:
        return places[x] if isinstance(x, Value) else append("const", (x,))

    gradients: dict[tuple[Value, tuple[Value, ...]], list[int]] = {}

    def gradient_of(output: Value, inputs: tuple[Value, ...], i: int) -> int:
        """Return the place of ∂output/∂inputs[i]; one backward pass is emitted for all leaves of the inputs.

        A non-leaf input has a backward pass of its own, because its cotangent must not flow on to other
        inputs.
        """
        if inputs[i].primitive is not None:
            inputs, i = (inputs[i],), 0
        else:
            i = sum(x.primitive is None for x in inputs[:i])
            inputs = tuple([x for x in inputs if x.primitive is None])
        if (output, inputs) not in gradients:
            gradients[output, inputs] = gradient(tape, places[output], [places[x] for x in inputs])
        return gradients[output, inputs][i]

    for node in recording.nodes:
        op = node._primitive
        if node in recording.gradients:
            places[node] = gradient_of(*recording.gradients[node])
        elif op is not None:
            operands = node.operands
            try:
                found = tuple([places[x] for x in operands])  # type: ignore[index]
            except KeyError:  # a constant is among them
                found = tuple([place_of(x) for x in operands])
            places[node] = append(_operation(op), found)
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
    aux = [places[x] for x in recording.aux.values] if recording.aux else []
    return tape, places[recording.output], guards, aux


def _operation(op: Primitive) -> str:
    """Return the name of a primitive on a tape; raise Untraceable if another one has that name."""
    if op.name in RESERVED:
        raise Untraceable(f"a primitive named {op.name!r} cannot be compiled: choose another name")
    if PRIMITIVES.get(op.name) is not op:
        raise Untraceable(
            f"it uses an earlier version of the primitive {op.name!r}, which was replaced since"
        )
    return op.name


def plan(
    recording: Recording,
    leaves: Sequence[Value],
    update: Update | None,
    batch: bool = True,
    with_gradients: bool = True,
    clip: Clip | None = None,
) -> Plan:
    """Run all passes; the backward pass only if ``with_gradients``."""
    transcript = make_transcript(recording, leaves, update or clip, batch)
    return complete(transcript, update, with_gradients, clip)


@dataclass
class Transcript:
    """A recording as a tape, with a batch axis if it has isomorphic terms."""

    tape: Tape
    output: int
    guards: list[tuple[int, bool]]
    batch_inputs: BatchInputs | None
    order: list[Value]
    stages: list[Stage]
    notes: list[str]
    aux: Aux | None = None
    #: The places of the Values of ``aux``.
    aux_places: Sequence[int] = ()


def make_transcript(
    recording: Recording, leaves: Sequence[Value], update: Update | Clip | None, batch: bool
) -> Transcript:
    """Transcribe a recording; merge isomorphic terms if ``batch``."""
    every = [*(update.parameters if update else ()), *leaves]
    order = [*dict.fromkeys(every)]  # parameters come in the optimizer's order, which is that of the layers
    place = {leaf: i for i, leaf in enumerate(order)}
    tape, output, guards, aux = transcribe(recording, place)
    stages = [stage("trace", tape, order, {output: "out"})]
    notes: list[str] = []
    batch_inputs = None
    if batch:
        tape, output, guards, batch_inputs, aux = batch_terms(tape, output, guards, notes, aux)
        if batch_inputs is not None:
            stages.append(stage("batch", tape, order, {output: "out"}))
    return Transcript(tape, output, guards, batch_inputs, order, stages, notes, recording.aux, aux)


def complete(
    transcript: Transcript, update: Update | None, with_gradients: bool = True, clip: Clip | None = None
) -> Plan:
    """Add the backward pass if ``with_gradients``, clipping and the update; simplify the tape."""
    tape, order, output = transcript.tape, transcript.order, transcript.output
    stages = transcript.stages
    sources = [tape.source("leaf", i) for i in range(len(order))]
    result = Plan(
        tape,
        order,
        output,
        gradient(tape, output, sources) if with_gradients else [],
        transcript.guards,
        batch_inputs=transcript.batch_inputs,
        stages=stages,
        notes=transcript.notes,
        aux=transcript.aux,
    )
    if with_gradients:
        result.keep("backward", since=stages[-1].size)
    if clip is not None:
        _emit_clipping(result, clip)
        result.keep("clip", since=result.stages[-1].size)
    if update is not None:
        _emit_update(result, update)
        result.keep("update", since=result.stages[-1].size)
    result.gradients += transcript.aux_places
    return simplify(result)


def simplify(result: Plan) -> Plan:
    """Expand primitives, merge equal instructions and drop those that are not needed."""
    tape, places = expand(result.tape, result.results())
    result.tape = tape
    result.loss = places[result.loss]
    result.gradients = [places[i] for i in result.gradients]
    result.guards = [*{(places[i], answer): None for i, answer in result.guards}]
    result.leaf_updates = [(k, places[i]) for k, i in result.leaf_updates]
    result.state_updates = [(k, places[i]) for k, i in result.state_updates]
    result.keep("expand")
    tape.known.clear()  # it is complete, and the table takes as much memory as the instructions
    return result


def rule_of(update: Update) -> Pattern:
    """Return the pattern of the optimizer's rule on a parameter, its gradient, its state and the rate.

    Raises:
        TypeError: If the rule has a condition on one of these, or calls a function that takes only floats.
    """

    def rule(m: Meaning, parameter: Handle, gradient: Handle, *others: Handle) -> Sequence[Any]:
        state = others[: update.width]
        settings = {"lr": others[-1]} if update.has_lr else {}
        results: Sequence[Any] = update.rule(parameter, gradient, *state, **settings, **update.fixed)
        return results

    return Pattern(rule, 2 + update.width + update.has_lr)


def shareable_state(rule: Pattern, update: Update) -> tuple[int, ...]:
    """Return the indices of state numbers that do not depend on the parameter: equal ones stay equal."""
    state = range(2, 2 + update.width)
    if rule.reads(0).isdisjoint(state):
        return ()
    indices = {*state}
    rate_index = state.stop  # the learning rate is the same for all parameters
    while dependent := {j for j in indices if not rule.reads(j - 1) <= {*indices, rate_index}}:
        indices -= dependent
    return tuple(sorted(j - 2 for j in indices))


def _emit_clipping(result: Plan, clip: Clip) -> None:
    """Emit the rule that clips the gradients of the parameters, which are the first leaves."""
    tape, count = result.tape, len(clip.parameters)
    handles = [tape.handle(place) for place in result.gradients[:count]]
    try:
        clipped = clip.rule(Meaning(tape, expand=False), handles, clip.max_norm)
    except MemoryError:
        raise
    except Exception as error:  # a rule of the user's own may raise anything
        raise Untraceable(f"the clip_rule of the optimizer cannot be compiled: {error}") from error
    result.gradients[:count] = [place_of(tape, x) for x in clipped]


def _emit_update(result: Plan, update: Update) -> None:
    """Emit the optimizer's rule for each parameter."""
    tape = result.tape
    rule = rule_of(update)
    settings = [tape.source("setting", 0)] if update.has_lr else []
    # A state that updates no parameter stays unchanged: the optimizers of nn skip it too.
    moves = not rule.reads(0).isdisjoint(range(2, 2 + update.width))
    states: dict[int, int] = {}
    for i, derivative in enumerate(result.gradients[: len(update.parameters)]):
        places = [update.place_of_state(i, j) for j in range(update.width)]
        before = [tape.source("state", k) for k in places]
        new, *after = rule.enter(tape, [tape.source("leaf", i), derivative, *before, *settings])
        result.leaf_updates.append((i, new))
        if moves:
            states.update(zip(places, after))
    result.shared = update.shared
    result.state_updates = [
        (k, place) for k, place in sorted(states.items()) if tape.code[place] != ("state", (k,))
    ]
