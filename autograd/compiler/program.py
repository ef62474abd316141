"""``compile``: when to record, replay, check against eager, or fall back to it."""

from __future__ import annotations

import math
import warnings
from array import array
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from ..backward import cotangents, topological_order
from ..value import Value, enable_grad, number, short, tell, watching, witnesses
from .arguments import flatten, surroundings
from .backends import chosen, ready
from .plan import Optimizer, Plan, Update, plan
from .python_backend import Numbers, Outcome, Runner
from .trace import TraceError, Untraceable, as_value, drawing_nothing, live_leaves, record

#: Programs of one shape of arguments, for the several ways its comparisons may go.
MOST_VARIANTS = 4
#: After so many recordings it is told that the arguments keep changing shape.
MANY_RECORDINGS = 32
#: So many programs were dropped for disagreeing with eager, and no more are made.
MOST_DROPPED = 3
#: Sums are added in another order than by eager: so far may a number be off, as a part of it, and so
#: far a gradient, as a part of the terms it is the sum of.
RELATIVE, OF_THE_TERMS = 1e-9, 1e-12


class CompileWarning(RuntimeWarning):
    """A function that was to be compiled runs as it is, or is compiled anew, and why."""


class _Disagreement(Exception):
    """What a program gave that eager did not."""


class Program:
    """A plan, the runner of it, and how often it was called."""

    def __init__(self, plan: Plan, runner: Runner, read: set[Value], kept: list[Any]) -> None:
        self.plan = plan
        self.runner = runner
        self.calls = 0
        self.read = read  # the leaves the loss depends on, not only a guard
        self.kept = kept  # what the shape knows by its identity must not be freed and another made there


class CompiledStep:
    """What :func:`compile` gives: call it as the function, or ``run`` many steps at once."""

    def __init__(
        self, function: Callable[..., Any], optimizer: Optimizer | None, backend: str, why: str
    ) -> None:
        self.function = function
        self.optimizer = optimizer
        self.backend = backend
        self.why = why
        #: Why some arguments run as they are, by what the warning said.
        self.fallbacks: list[str] = []
        self._name = getattr(function, "__qualname__", None) or short(function)
        self._programs: dict[Any, list[Program]] = {}
        self._as_is: dict[Any, str] = {}
        self._dropped = 0
        self._recorded = 0
        self._outside = surroundings(function)
        self._lock = Lock()
        self._parameters = [*optimizer.parameters] if optimizer else []

    def __repr__(self) -> str:
        count = sum(map(len, self._programs.values()))
        return f"compile({self._name}): {count} program{'s' * (count != 1)}"

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        return self._take(1, args, kwargs)[0]

    def run(self, steps: int, /, *args: Any, **kwargs: Any) -> list[float]:
        """Take ``steps`` steps on the same arguments and return their losses.

        Parameters stay in the program between steps; data and gradients are written back at the end.
        """
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"the number of steps must be an int of 1 or more, not {steps!r}")
        return self._take(steps, args, kwargs)

    def explain(self, lines: int = 24) -> str:
        """What was recorded, what each pass left of it, its first instructions, and what fell back."""
        programs = [program for variants in self._programs.values() for program in variants]
        told: list[str] = []
        for number_of, program in enumerate(programs, 1):
            made = program.plan
            runs = program.runner.name
            why = self.why if runs == self.backend else f"{self.backend} is slower on a deep and narrow one"
            told.append(f"program {number_of} of {self._name}, run by {runs} ({why})")
            told += [f"  {note}" for note in made.notes]
            told += [f"  {name:9}{count:9,} instructions" for name, count in made.passes]
            told.append(f"  {len(made.guards)} guards, {len(made.leaves)} leaves, {program.calls} calls")
            shown = range(min(lines, len(made.tape.code)))
            told += [f"    {line}" for line in made.tape.lines(shown)]
            if len(made.tape.code) > lines:
                told.append(f"    … and {len(made.tape.code) - lines:,} more")
        return "\n".join(told + self.fallbacks) or "nothing is recorded before the first call"

    # One call -------------------------------------------------------------------------------------

    def _take(self, steps: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[float]:
        if witnesses:
            tell(None, "a compiled step")
        with self._lock:
            inputs: list[float] = []
            shape = [flatten(a, inputs) for a in args]
            named = [(name, flatten(a, inputs)) for name, a in kwargs.items()]
            update = self._update()
            fixed = repr(sorted(update.fixed.items())) if update else ""
            key = (*shape, None, *named, self._outside(), fixed)
            numbers = _as_floats(inputs)
            losses: list[float] = []
            watched = watching() is not None  # whose numbers are to be looked at are those of Values
            while len(losses) < steps:
                if key in self._as_is or watched:
                    losses.append(self._eager_step(args, kwargs))
                else:
                    losses += self._advance(steps - len(losses), key, numbers, update, args, kwargs)
            return losses

    def _advance(
        self,
        steps: int,
        key: Any,
        inputs: array[float],
        update: Update | None,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> list[float]:
        """At least one step, and at most ``steps``; fewer where a guard fails or an audit is due."""
        variants = self._programs.setdefault(key, [])
        for program in variants:
            calls = program.calls + 1
            audited = calls & (calls - 1) == 0  # call 1, 2, 4, 8, …
            outcome, numbers = self._attempt(1 if audited else steps, program, inputs)
            if not outcome.losses:
                continue
            program.calls = calls
            if audited:
                return [self._audited(outcome, numbers, program, key, args, kwargs)]
            self._commit(outcome, numbers, program)
            return outcome.losses
        if len(variants) == MOST_VARIANTS:
            self._warn(
                f"its comparisons go other ways than in {MOST_VARIANTS} programs; such calls run as they are"
            )
        else:
            try:
                variants.append(self._make(update, inputs, args, kwargs))
                return self._advance(steps, key, inputs, update, args, kwargs)
            except Untraceable as reason:
                loss = self._eager_step(args, kwargs)  # first: what the function itself raises is the user's
                self._fall_back(key, str(reason))
                return [loss]
        return [self._eager_step(args, kwargs)]

    def _attempt(self, steps: int, program: Program, inputs: array[float]) -> tuple[Outcome, Numbers]:
        numbers = self._numbers(program.plan, inputs)
        if self.optimizer is not None and not program.plan.moved:
            steps = 1  # its own step comes after each
        return program.runner.run(steps, numbers), numbers

    def _numbers(self, plan: Plan, inputs: array[float]) -> Numbers:
        optimizer: Any = self.optimizer
        leaves = array("d", [leaf._datum for leaf in plan.leaves])
        settings, state = array("d"), array("d")
        if plan.moved and hasattr(optimizer, "lr"):
            settings.append(optimizer.lr)
        if plan.kept:
            state.extend([x for row in optimizer.state for x in row])
        return Numbers(leaves, state, settings, inputs)

    def _commit(self, outcome: Outcome, numbers: Numbers, program: Program) -> None:
        try:
            self._write(outcome, numbers, program)
        except BaseException:  # interrupted: a step is taken whole or not at all
            self._write(outcome, numbers, program)
            raise
        if self.optimizer is not None and not program.plan.moved:
            self.optimizer.step()

    def _write(self, outcome: Outcome, numbers: Numbers, program: Program) -> None:
        """Gradients, parameters and the optimiser's state; twice is as good as once."""
        leaves = program.plan.leaves
        for leaf, g in zip(leaves, outcome.gradients):
            leaf._grad = g
        if program.plan.moved:
            moved = numbers.leaves.tolist()
            for k, _ in program.plan.moved:
                leaves[k]._datum = moved[k]
            if program.plan.kept:
                optimizer: Any = self.optimizer
                state = iter(numbers.state)
                for row in optimizer.state:
                    row[:] = [next(state) for _ in row]

    # Eager, and what is held against it -----------------------------------------------------------

    def _eager(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Value, set[Value]]:
        """The result of the function itself, with the gradients left on the leaves; nothing is moved."""
        with enable_grad():
            output = self.function(*args, **kwargs)
        output = as_value(output)
        leaves = {value for value in topological_order(output) if value.is_leaf}
        for leaf in leaves:
            leaf.zero_grad()
        if self.optimizer is not None:
            self.optimizer.zero_grad()
        output.backward()
        return output, leaves

    def _eager_step(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> float:
        loss, _ = self._eager(args, kwargs)
        if self.optimizer is not None:
            self.optimizer.step()
        return loss._datum

    def _audited(
        self,
        outcome: Outcome,
        numbers: Numbers,
        program: Program,
        key: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> float:
        """Take a step that the program has worked out, if eager says the same; else eager's."""
        loss, reached = self._eager(args, kwargs)
        try:
            _compare(outcome, loss, reached, program)
        except _Disagreement as difference:
            self._programs.clear()  # what changed outside may be a constant of every program
            self._dropped += 1
            last = program.calls // 2
            since = f"; calls since number {last} may have been wrong" if last else ""
            again = self._dropped < MOST_DROPPED and program.calls > 1
            then = "it is compiled anew" if again else "such calls run as they are from now on"
            self._warn(
                f"in call {program.calls} {difference}: it depends on something outside that changed, "
                f"or is too ill-conditioned for sums in another order{since}; {then}"
            )
            if not again:
                self._as_is[key] = str(difference)
            if self.optimizer is not None:
                self.optimizer.step()
            return loss._datum
        self._commit(outcome, numbers, program)
        return outcome.losses[0]

    # Making programs ------------------------------------------------------------------------------

    def _update(self) -> Update | None:
        optimizer: Any = self.optimizer
        if optimizer is None:
            return None
        if optimizer.parameters != self._parameters:
            self._programs.clear()
            self._parameters = [*optimizer.parameters]
        if not all(hasattr(optimizer, name) for name in ("rule", "state", "hyperparameters")):
            return None
        fixed = dict(optimizer.hyperparameters)
        lr = fixed.pop("lr", None) is not None
        width = len(optimizer.state[0])
        return Update(self._parameters, type(optimizer).rule, width, lr, fixed)

    def _make(
        self, update: Update | None, inputs: array[float], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Program:
        def recording() -> Any:
            with enable_grad():
                return record(self.function, args, kwargs)

        try:
            first, second = (drawing_nothing(recording) for _ in range(2))
        except (TraceError, Untraceable, MemoryError):
            raise
        except Exception as error:
            raise Untraceable(f"run on Values it raises {type(error).__name__}: {error}") from error
        leaves = live_leaves(first, second)
        made = plan(first, leaves, update, batch=self.backend != "python")
        if update is not None and not made.moved:
            self._warn(f"the optimiser takes its own steps: {made.notes[-1]}")
        self._recorded += 1
        if self._recorded == MANY_RECORDINGS:
            self._warn(
                f"it was recorded {MANY_RECORDINGS} times, because lengths of the arguments, the Values or "
                "objects among them, or numbers outside of it keep changing; each time takes long"
            )
        live = set(leaves)
        read = {value for value in topological_order(first.output) if value in live}
        return Program(made, ready(made, self.backend, self._numbers(made, inputs)), read, [args, kwargs])

    def _fall_back(self, key: Any, reason: str) -> None:
        self._as_is[key] = reason
        self._warn(f"runs as it is: {reason}")

    def _warn(self, what: str) -> None:
        message = f"compile({self._name}): {what}"
        if message not in self.fallbacks:
            self.fallbacks.append(message)
            warnings.warn(message, CompileWarning, stacklevel=5)


def _as_floats(numbers: list[float]) -> array[float]:
    try:
        return array("d", numbers)
    except OverflowError:  # an int beyond the floats, which is an infinity
        return array("d", [number(x) or 0.0 for x in numbers])


def _close(a: float, b: float, margin: float = 0.0) -> bool:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    return abs(a - b) <= RELATIVE * abs(b) + margin < math.inf


def _compare(outcome: Outcome, output: Value, reached: set[Value], program: Program) -> None:
    """Raise _Disagreement unless a program gave what the function did, to rounding."""
    loss = output._datum
    if not _close(outcome.losses[0], loss) and not _close(outcome.losses[0], loss, _rounding(output)):
        raise _Disagreement(f"the program gave a loss of {outcome.losses[0]!r}, the function {loss!r}")
    slopes = [leaf.grad or 0.0 for leaf in program.plan.leaves]
    pairs = [*zip(program.plan.leaves, slopes, outcome.gradients, strict=True)]
    if not all(_close(mine, g) for _, g, mine in pairs):
        # Where terms cancel, what is left of them is rounding: it is measured by the terms.
        sizes = _sizes(output)
        for leaf, g, mine in pairs:
            if not _close(mine, g, OF_THE_TERMS * sizes.get(leaf, 0.0)):
                raise _Disagreement(
                    f"the program gave {short(leaf)} a gradient of {mine!r}, backward() {g!r}"
                )
    gone = [leaf for leaf in program.read if leaf not in reached]
    if gone:
        raise _Disagreement(f"the function no longer uses {short(gone[0])}")


def _rounding(output: Value) -> float:
    """How far the output may be off where what it is the sum of cancels."""
    sizes = _sizes(output)
    terms = [
        abs(slope * float(operand)) * size
        for node, size in sizes.items()
        for operand, slope in zip(node.operands, cotangents(node, 1.0))
    ]
    return OF_THE_TERMS * max((x for x in terms if math.isfinite(x)), default=0.0)


def _sizes(output: Value) -> dict[Value, float]:
    """For each Value the sum of |∂output/∂value| over every path to it, which bounds what cancels."""
    sizes = {output: 1.0}
    for node in reversed(topological_order(output)):
        for operand, slope in zip(node.operands, cotangents(node, 1.0)):
            if isinstance(operand, Value):
                sizes[operand] = sizes.get(operand, 0.0) + abs(slope) * sizes[node]
    return sizes


def compile(
    function: Callable[..., Any], optimizer: Optimizer | None = None, *, backend: str = "auto"
) -> CompiledStep:
    """A function of Values, recorded once and replayed fast: its loss, gradients and, if wanted, updates.

    >>> w = Value(2.0)
    >>> step = compile(lambda x, y: (w * x - y) ** 2)
    >>> step(5.0, 12.0), w.grad
    (4.0, -20.0)

    ``step(...)`` returns the loss as a float and sets the gradient of every leaf that was there before;
    with an ``optimizer`` it moves the parameters too, and ``step.run(n, ...)`` takes n steps. The numbers
    among the arguments may change from call to call. **Numbers the function makes or takes from elsewhere
    are constants**, as in JAX, but for the leaf Values it uses, which are read anew.

    The first call is checked against the function run as it is, and so are calls 2, 4, 8, …; a comparison
    of Values is a guard, and where it goes the other way the call is recorded anew or run as it is. What
    cannot be recorded (random draws, for one) runs as it is, with a :class:`CompileWarning` that says why.
    ``.data``, ``float()`` and ``bool()`` of a Value inside the function raise :class:`TraceError`.

    ``backend`` is "numba", "numpy", "python", or "auto", the fastest there is.
    """
    if not callable(function):
        raise TypeError(f"compile() takes a function, not {type(function).__name__} {short(function)}")
    why = "the fastest that is installed" if backend == "auto" else "as asked for"
    return CompiledStep(function, optimizer, chosen(backend), why)
