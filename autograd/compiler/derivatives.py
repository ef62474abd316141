"""What a compiled function gives besides steps: its value alone, and derivatives by its arguments.

The Hessian is the reverse pass emitted twice: what was emitted is a tape like any other.
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
from .passes.plan import Plan, plan, simplified, transcribe
from .record.arguments import as_floats
from .record.trace import Recording, as_value
from .replay import Replay


class Derivative(Replay):
    """``kind`` is "value", "value_and_grad", "hessian" or "hvp"."""

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

    def at(
        self, point: Sequence[Value | SupportsFloat], v: Sequence[Value | SupportsFloat] | None = None
    ) -> Outcome:
        """The derivatives at a point, along ``v``."""
        at = [x._data for x in leaves_at(point, self.kind)]
        call = self.called(at, {})
        if v is not None:
            direction = direction_at(v, len(at))
            call.numbers = call.numbers + as_floats(direction)  # those of the arguments are kept
        (outcome,) = self.take(1, call)
        return outcome

    def settle(self, call: Call) -> None:
        """As many directions as arguments."""
        self._width = len(call.args)

    def plan(self, recording: Recording, leaves: list[Value]) -> Plan:
        """The value, and the derivatives in a row."""
        if self.kind == "value":
            return plan(recording, leaves, None, batch=self.options.backend != "python", slopes=False)
        tape, output, guards = transcribe(recording, {leaf: i for i, leaf in enumerate(leaves)})
        stages = [stage("trace", tape, leaves, {output: "out"})]
        inputs = [tape.source("input", i) for i in range(self._width)]
        found = gradient(tape, output, inputs)
        stages.append(stage("backward", tape, leaves, {output: "out"}, stages[-1].size))
        if self.kind == "hessian":
            found = [place for slope in found for place in gradient(tape, slope, inputs)]
        elif self.kind == "hvp":
            v = [tape.handle(tape.source("input", self._width + i)) for i in range(self._width)]
            along = Meaning(tape, expand=False).apply("dot", [tape.handle(i) for i in found], v, 0.0)
            found = gradient(tape, along.place, inputs)
        if self.kind != "value_and_grad":
            stages.append(stage("again", tape, leaves, {output: "out"}, stages[-1].size))
        return simplified(Plan(tape, leaves, output, found, guards, stages=stages))

    def eager(self, call: Call, leaves: Sequence[Value]) -> Reference:
        """The same by grad() on the function's graph."""
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
            slopes = [g._data for root in roots for g in gradient_of(root, inputs)]
        return Reference(output, roots, inputs, slopes)
