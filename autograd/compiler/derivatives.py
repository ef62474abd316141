"""The value of a compiled function, and its derivatives with respect to its arguments.

For the Hessian the backward pass is emitted twice: the emitted instructions are differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..functional import arguments_at, direction_at, scalar_output
from ..functional import gradient as gradient_of
from ..operations import FUNCTIONS, data_of
from ..structures import map_leaves, with_leaves
from ..value import Value
from .audit import Reference
from .backends.python import Outcome
from .build import Options
from .calls import Call, with_grad
from .ir.listing import stage
from .ir.tape import Meaning
from .passes.differentiate import gradient
from .passes.plan import Plan, plan, simplify, transcribe
from .record.arguments import Structured, as_floats
from .record.aux import split
from .record.trace import Recording, as_value
from .replay import Replay


class Derivative(Replay):
    """Replay of one derivative; ``kind`` is "value", "value_and_grad", "hessian" or "hvp"."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        options: Options,
        messages: list[str],
        kind: str,
    ) -> None:
        super().__init__(function, name, options, messages)
        self.kind = kind
        self.what = f"the {kind}"
        self._width = 0

    def at(self, point: Sequence[Any], v: Any = None) -> tuple[Outcome, list[Any]]:
        """Compute the derivatives at a point; for "hvp", the product with the vector ``v``.

        Returns:
            The outcome, and the derivatives in the containers of the point.
        """
        arguments, leaves = arguments_at(point, self.kind)
        floats = [map_leaves(argument, data_of) for argument in arguments]
        call = self.make_call([x if type(x) is float else Structured(x) for x in floats], {})
        if self.kind == "hvp":
            direction = direction_at(v, arguments, len(leaves))
            call.numbers = call.numbers + as_floats(direction)  # after the numbers of the arguments
        (outcome,) = self.take(1, call)
        width, gradients = len(leaves), outcome.gradients
        if self.kind != "hessian":
            return outcome, [*with_leaves(floats, gradients[:width])]
        rows = [with_leaves(floats, gradients[i * width : (i + 1) * width]) for i in range(width)]
        return outcome, [*with_leaves(floats, rows)]

    def settle(self, call: Call) -> None:
        """Store the count of numbers among the arguments, which is the number of derivatives."""
        self._width = len(call.flat)

    def plan(self, recording: Recording, leaves: list[Value]) -> Plan:
        """Return the plan of the value and its derivatives, row by row."""
        if self.kind == "value":
            return plan(recording, leaves, None, batch=self.options.backend != "python", with_gradients=False)
        tape, output, guards, aux = transcribe(recording, {leaf: i for i, leaf in enumerate(leaves)})
        stages = [stage("trace", tape, leaves, {output: "out"})]
        inputs = [tape.source("input", i) for i in range(self._width)]
        gradients = gradient(tape, output, inputs)
        stages.append(stage("backward", tape, leaves, {output: "out"}, stages[-1].size))
        if self.kind == "hessian":
            gradients = [place for first in gradients for place in gradient(tape, first, inputs)]
        elif self.kind == "hvp":
            v = [tape.handle(tape.source("input", self._width + i)) for i in range(self._width)]
            along = Meaning(tape, expand=False).apply("dot", [tape.handle(i) for i in gradients], v, 0.0)
            gradients = gradient(tape, along.place, inputs)
        if self.kind != "value_and_grad":
            stages.append(stage("again", tape, leaves, {output: "out"}, stages[-1].size))
        gradients += aux
        return simplify(Plan(tape, leaves, output, gradients, guards, stages=stages, aux=recording.aux))

    def eager(self, call: Call, leaves: Sequence[Value]) -> Reference:
        """Compute the same by grad() on the graph of the function."""
        with with_grad():
            if self.kind == "value":
                output, aux = split(call.run(self.function), self.options.has_aux)
                return Reference(as_value(output), (), (), (), aux=aux)
            point = [a.value if type(a) is Structured else a for a in call.args]
            arguments, inputs = arguments_at(point, self.kind)
            result, aux = split(self.function(*arguments), self.options.has_aux)
            output = scalar_output(lambda: result, [], self.kind)
            roots = [output]
            if self.kind != "value_and_grad":
                roots = gradient_of(output, inputs, create_graph=True)
            if self.kind == "hvp":
                roots = [FUNCTIONS["dot"](roots, call.numbers[len(inputs) :])]
            gradients = [g._data for root in roots for g in gradient_of(root, inputs)]
        return Reference(output, roots, inputs, gradients, aux=aux)
