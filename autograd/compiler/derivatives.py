"""The value of a compiled function, and its derivatives with respect to its arguments.

For the Hessian the backward pass is emitted twice: the emitted instructions are differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, SupportsFloat

from ..functional import direction_at, leaves_at, scalar_output
from ..functional import gradient as gradient_of
from ..operations import FUNCTIONS
from ..value import Value
from .audit import Reference
from .backends.python import Outcome
from .build import Options
from .calls import Call, with_grad
from .ir.listing import stage
from .ir.tape import Meaning
from .passes.differentiate import gradient
from .passes.plan import Plan, plan, simplify, transcribe
from .record.arguments import as_floats
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

    def at(self, point: Sequence[Value | SupportsFloat], v: Any = None) -> Outcome:
        """Compute the derivatives at a point; for "hvp", the product with the vector ``v``."""
        at = [x._data for x in leaves_at(point, self.kind)]
        call = self.make_call(at, {})
        if self.kind == "hvp":
            direction = direction_at(v, len(at))
            call.numbers = call.numbers + as_floats(direction)  # after the numbers of the arguments
        (outcome,) = self.take(1, call)
        return outcome

    def settle(self, call: Call) -> None:
        """Store the number of arguments, which is the number of derivatives."""
        self._width = len(call.args)

    def plan(self, recording: Recording, leaves: list[Value]) -> Plan:
        """Return the plan of the value and its derivatives, row by row."""
        if self.kind == "value":
            return plan(recording, leaves, None, batch=self.options.backend != "python", with_gradients=False)
        tape, output, guards = transcribe(recording, {leaf: i for i, leaf in enumerate(leaves)})
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
        return simplify(Plan(tape, leaves, output, gradients, guards, stages=stages))

    def eager(self, call: Call, leaves: Sequence[Value]) -> Reference:
        """Compute the same by grad() on the graph of the function."""
        with with_grad():
            if self.kind == "value":
                return Reference(as_value(call.run(self.function)), (), (), ())
            inputs = [Value(x) for x in call.args]
            output = scalar_output(self.function, inputs, self.kind)
            roots = [output]
            if self.kind != "value_and_grad":
                roots = gradient_of(output, inputs, create_graph=True)
            if self.kind == "hvp":
                roots = [FUNCTIONS["dot"](roots, call.numbers[len(inputs) :])]
            gradients = [g._data for root in roots for g in gradient_of(root, inputs)]
        return Reference(output, roots, inputs, gradients)
