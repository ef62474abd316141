"""``compile``, and the steps that it returns."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import Parameter, signature
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, overload

from ..floats import FLOATS
from ..interop.reals import real_to_float
from ..system.checks import check_int
from ..system.messages import replace_controls, short, type_and_value
from ..value import Value
from .audit import Reference, ancestors
from .backends.choose import choose_backend
from .backends.python import Numbers, Outcome, Row
from .build import CompileWarning, Options, watched
from .c_source import c_source
from .calls import Call, Program, with_grad
from .derivatives import Derivative
from .explain import describe, picture
from .passes.plan import Clip, Optimizer, Plan, Transcript, Update, complete, make_transcript, plan
from .pickling import by_identity, check_includes, check_named
from .record.arguments import as_floats, kind_of
from .record.aux import split
from .record.trace import Recording, as_value
from .replay import MOST_CHANGES, Replay
from .residence import Residence, numbers_of
from .structure import structure
from .update import Rule

if TYPE_CHECKING:
    from ..view.picture.cards import Picture

__all__ = ["CompileWarning", "CompiledStep", "compile"]


class StepReplay(Replay):
    """Replay of a step: the loss, the gradients of the leaves, and the optimizer's update."""

    what = "the step"

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        options: Options,
        messages: list[str],
        optimizer: Optimizer | None,
    ) -> None:
        super().__init__(function, name, options, messages)
        self.optimizer = optimizer
        self._residence = Residence([])
        self._parameters: list[Value] = self._residence.parameters
        #: During ``each`` the optimizer's state, and the indices of numbers that all parameters share.
        self._state: tuple[Row, tuple[int, ...]] | None = None
        self._keeps_state = False
        self._update: Update | None = None
        self._rule: Rule | None = None
        self._rule_changes = 0

    def settle(self, call: Call) -> None:
        """Add the hyperparameters to the key: they are constants of a program, except the learning rate."""
        optimizer = self.optimizer
        if optimizer is None:
            return
        if optimizer.parameters != self._parameters:
            self.drop_programs()
            self._residence.release_all()
            self._residence = Residence([*optimizer.parameters])
            self._parameters = self._residence.parameters  # last: Ctrl-C may come before
        rule = self._current_rule(optimizer)
        self._update = rule.update(self._parameters)
        if rule.reason:
            self.warn(f"the optimizer's own step() is called: {rule.reason}")
        if self._update is not None:
            call.key = (*call.key, self._update.key, self._update.shared)

    def fixed_values(self) -> Sequence[Value]:
        """Return the parameters of the optimizer, which its rule updates."""
        return () if self.optimizer is None else self.optimizer.parameters

    def _current_rule(self, optimizer: Optimizer) -> Rule:
        """Return the rule of the optimizer; drop all programs if it has changed."""
        if self._rule is None:
            self._rule = Rule(optimizer)
        elif not self._rule.holds():
            self.drop_programs()
            self._rule = Rule(optimizer)
            self._rule_changes += 1
            if self._rule_changes >= MOST_CHANGES:
                self._rule.give_up(f"what its rule reads changed {MOST_CHANGES} times")
        return self._rule

    def check_pickled(self) -> None:
        """Raise TypeError if a pickle would have copies of parameters that the function does not use."""
        programs = [program for program, _ in self.program_causes]
        references = [program.references for program in programs if by_identity(program.key)]
        leaves = {leaf for program in programs for leaf in program.read}
        check_includes(self.name, self.function, references, [p for p in self._parameters if p in leaves])

    def plan(self, recording: Recording, leaves: list[Value]) -> Plan:
        """Return the plan of the loss, its gradients and the update."""
        batch = self.options.backend != "python"
        return plan(recording, leaves, self._update, batch=batch, clip=self._clip())

    def make_transcript(self, recording: Recording, leaves: list[Value]) -> Transcript | None:
        """Return the tape of the loss, with a batch axis if possible; None for the python backend."""
        return (
            make_transcript(recording, leaves, self._update or self._clip(), True)
            if self.options.backend != "python"
            else None
        )

    def complete(self, transcript: Transcript) -> Plan:
        """Add the gradients and the update to a tape."""
        return complete(transcript, self._update, clip=self._clip())

    def _clip(self) -> Clip | None:
        """Return how the gradients of the parameters are clipped, if they are."""
        if self.options.clip_grad_norm is None:
            return None
        rule = kind_of(self.optimizer).clip_rule
        return Clip(self._parameters, rule, self.options.clip_grad_norm)

    def numbers(self, plan: Plan, call: Call, leaves: Row) -> Numbers:
        """Return the numbers of the leaves, the optimizer and the arguments."""
        optimizer: Any = self.optimizer
        result = super().numbers(plan, call, leaves)
        result.settings = self.numbers_of_settings(plan)
        if plan.state_updates and self._state is not None:
            result.state = self._state[0]
        elif plan.state_updates:
            rows = [*chain.from_iterable(optimizer.state)]
            width = len(optimizer.state[0])
            result.state = as_floats([*chain.from_iterable(rows[j::width] for j in range(width))])
        return result

    def keep_state(self) -> None:
        """Keep the optimizer's state in the programs of the next calls."""
        self._keeps_state = True

    def write_state(self) -> None:
        """Write the state that was kept to the optimizer."""
        state, self._state, self._keeps_state = self._state, None, False
        if state is not None:
            self._write_state(*state)

    def _write_state(self, state: Row, shared: tuple[int, ...]) -> None:
        optimizer: Any = self.optimizer
        numbers, height = state.tolist(), len(optimizer.state)
        columns = [numbers[k : k + height] for k in range(0, len(numbers), height)]
        for j in shared:
            columns[j] = columns[j][:1] * height
        for row, new in zip(optimizer.state, zip(*columns)):
            row[:] = new

    def resides(self, plan: Plan) -> bool:
        """Return True if the program updates the parameters."""
        return bool(plan.leaf_updates)

    def leaves(self, program: Program) -> Row:
        """Return the current numbers of the leaves: first the parameters that the program updates."""
        if not program.plan.leaf_updates:
            return super().leaves(program)
        data, others = self._residence.read(), program.current[len(program.plan.leaf_updates) :]
        return data + numbers_of(others) if others else data

    def numbers_of_settings(self, plan: Plan) -> array[float]:
        """Return the learning rate, if the optimizer has one."""
        optimizer: Any = self.optimizer
        return array("d", [optimizer.lr] if plan.leaf_updates and hasattr(optimizer, "lr") else [])

    def at_once(self, steps: int, plan: Plan) -> int:
        """Return the number of steps in one run: 1 if the optimizer's own step() follows each, else all."""
        return 1 if self.optimizer is not None and not plan.leaf_updates else steps

    def commit(self, outcome: Outcome, numbers: Numbers, program: Program) -> None:
        """Write gradients and updated parameters back, even if Ctrl-C interrupts it."""
        optimizer = None if program.plan.leaf_updates else self.optimizer
        if optimizer is not None:
            optimizer.zero_grad()
        try:
            self._write(outcome, numbers, program)
        except BaseException:
            self._write(outcome, numbers, program)
            raise
        if optimizer is not None:
            optimizer.step()

    def _write(self, outcome: Outcome, numbers: Numbers, program: Program) -> None:
        leaves, gradients = program.current, outcome.raw_gradients
        count = len(program.plan.leaf_updates)  # the parameters are the first leaves
        for leaf, g in zip(leaves[count:], gradients[count:]):
            leaf._grad = g
        if not count:
            return
        self._residence.store(numbers.leaves[:count], gradients)
        if program.plan.state_updates and self._keeps_state:
            kept = array("d")
            kept.frombytes(memoryview(numbers.state).cast("B"))
            self._state = kept, program.plan.shared
        elif program.plan.state_updates:
            self._write_state(numbers.state, program.plan.shared)

    def eager(self, call: Call, leaves: Sequence[Value]) -> Reference:
        """Run the function and backward(); the gradients stay on the leaves."""
        with with_grad():
            result, aux = split(call.run(self.function), self.options.has_aux)
        output = as_value(result)
        values = ancestors(output)
        for value in values:
            if value.is_leaf:
                value.zero_grad()
        if self.optimizer is not None:
            self.optimizer.zero_grad()
        output.backward()
        if (clip := self._clip()) is not None:
            gradients = clip.rule(FLOATS, [parameter._grad for parameter in clip.parameters], clip.max_norm)
            for parameter, gradient in zip(clip.parameters, gradients):
                parameter._grad = gradient
        reached = values.union(clip.parameters) if clip is not None else values
        gradients = [leaf._grad if leaf in reached else 0.0 for leaf in leaves]
        return Reference(output, [output], leaves, gradients, values, aux)

    def finish(self) -> None:
        """Call the step() of the optimizer."""
        self.write_state()
        if self.optimizer is not None:
            self.optimizer.step()


class CompiledStep:
    """A compiled function. A call takes one step; ``run`` and ``each`` take many.

    :func:`compile` creates it. If a call falls back to eager execution, ``fallbacks`` lists the warning.

    >>> w = Value(2.0)
    >>> step = compile(lambda x: w * x)
    >>> step(5.0), w.grad
    (10.0, 5.0)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        optimizer: Optimizer | None,
        options: Options,
    ) -> None:
        watched(options.watch)
        self._name = replace_controls(getattr(function, "__qualname__", None) or "") or short(function)
        self._start(function, optimizer, options)

    # Defined by a subclass, with has_aux.
    def _result(self, outcome: Outcome) -> Any:
        return outcome.losses[0]

    def _start(self, function: Callable[..., Any], optimizer: Optimizer | None, options: Options) -> None:
        #: The backend of the options, which may be "auto", and the one that was chosen.
        self.requested_backend, self.backend = options.backend, choose_backend(options.backend, options.dtype)
        self.options = replace(options, backend=self.backend)
        #: The warnings about calls that fell back to eager execution, or were retraced.
        self.fallbacks: list[str] = []
        self._step = StepReplay(function, self._name, self.options, self.fallbacks, optimizer)
        self._others: dict[str, Derivative] = {}

    @property
    def function(self) -> Callable[..., Any]:
        """The function that is compiled."""
        return self._step.function

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer that updates the parameters after each step."""
        return self._step.optimizer

    def __repr__(self) -> str:
        count = sum(len(variants) for r in self._replays() for variants in r.programs.values())
        return f"compile({self._name}): {count} program{'s' * (count != 1)}"

    def _replays(self) -> list[Replay]:
        return [self._step, *self._others.values()]

    def _other(self, kind: str) -> Derivative:
        if kind not in self._others:
            self._others[kind] = Derivative(self.function, self._name, self.options, self.fallbacks, kind)
        return self._others[kind]

    def __getstate__(self) -> dict[str, Any]:
        """Without programs: what they depend on may be something else where the step is loaded."""
        check_named(self._name, self.function)
        self._step.check_pickled()
        return {
            "name": self._name,
            "function": self.function,
            "optimizer": self.optimizer,
            "options": replace(self.options, backend=self.requested_backend),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a step and choose its backend again: this machine may have other packages."""
        self._name = state["name"]
        self._start(state["function"], state["optimizer"], state["options"])

    # A step ---------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        (outcome,) = self._step.take(1, self._step.make_call(args, kwargs))
        return outcome.losses[0]

    def run(self, steps: int, /, *args: Any, **kwargs: Any) -> list[float]:
        """Take ``steps`` steps on the same arguments.

        Ctrl-C takes effect within about 50 ms, or after the current step, and keeps the steps before it.

        >>> from nn import SGD
        >>> w = Value(1.0)
        >>> step = compile(lambda x, y: (w * x - y) ** 2, SGD([w], lr=0.25))
        >>> step.run(3, 1.0, 3.0), w.data  # the error is halved at each step
        ([4.0, 1.0, 0.25], 2.75)

        Args:
            steps: The number of steps, 1 or more.
            args: The positional arguments of the function.
            kwargs: The keyword arguments of the function.

        Returns:
            The loss of each step, before its update.

        Raises:
            ValueError: If ``steps`` is not an int of 1 or more.
        """
        return [loss for outcome in self._run(steps, args, kwargs) for loss in outcome.losses]

    def _run(self, steps: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Outcome]:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(
                f"run() expected an int of 1 or more for steps, got {type_and_value(steps)}. "
                "Pass the number of steps first, then the arguments of the function."
            )
        return self._step.take(steps, self._step.make_call(args, kwargs))

    def each(self, batches: Iterable[Sequence[Any]]) -> list[float]:
        """Take one step on each batch.

        If ``batches`` is a list or tuple, the optimizer's state stays in the programs between the steps. If
        it is anything else, such as a generator, the state is written back after each step, because its code
        may read and write parameters, hyperparameters and state, or call the step.

        >>> from nn import SGD
        >>> w = Value(1.0)
        >>> compile(lambda x, y: (w * x - y) ** 2, SGD([w], lr=0.5)).each([(1.0, 3.0), (1.0, 2.0)]), w.data
        ([4.0, 1.0], 2.0)

        Args:
            batches: Tuples of positional arguments of the function.

        Returns:
            The loss of each step, before its update.

        Raises:
            TypeError: If ``batches`` cannot be iterated.
        """
        losses: list[float] = self._each(batches)
        return losses

    def _each(self, batches: Iterable[Sequence[Any]]) -> list[Any]:
        _check_iterable("each", "a sequence of batches", batches, "Pass a list of tuples of arguments.")
        plain = (list, tuple)  # no subclass: its __iter__() may read and write parameters, as a generator
        if type(batches) not in plain or any(type(batch) not in plain for batch in batches):
            return [self(*batch) for batch in batches]
        calls = (self._step.make_call(tuple(batch), {}) for batch in batches)
        return [*map(self._result, self._step.take_each(calls))]

    # The function, and its derivatives with respect to its arguments ------------------------------

    def value(self, *args: Any, **kwargs: Any) -> float:
        """Return the value of the function, without a backward pass or an update.

        >>> w = Value(2.0)
        >>> compile(lambda x: w * x).value(5.0)
        10.0

        Args:
            args: The positional arguments of the function.
            kwargs: The keyword arguments of the function.
        """
        return self._value(args, kwargs).losses[0]

    def _value(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Outcome:
        other = self._other("value")
        (outcome,) = other.take(1, other.make_call(args, kwargs))
        return outcome

    def value_and_grad(self, at: Sequence[Any]) -> tuple[float, list[Any]]:
        """Return f and its gradient ∂f/∂xᵢ at the point ``at``.

        The function is called with Values, as in :func:`autograd.hessian`. No ``.grad`` changes.

        >>> compile(lambda x, y: x * x * y).value_and_grad([2.0, 5.0])  # 2xy, x²
        (20.0, [20.0, 4.0])
        >>> compile(lambda p: p["x"] * p["x"] * p["y"]).value_and_grad([{"x": 2.0, "y": 5.0}])
        (20.0, [{'x': 20.0, 'y': 4.0}])

        Args:
            at: For each argument of the function a number, a Value, or nested lists, tuples, dicts and
                dataclasses of these.

        Returns:
            The value of the function, and the derivatives for each argument, in the same containers.

        Raises:
            TypeError: If ``at`` is not a sequence of numbers and Values.
        """
        outcome, gradient = self._other("value_and_grad").at(at)
        return outcome.losses[0], gradient

    def hessian(self, at: Sequence[Any]) -> list[Any]:
        """Return the Hessian ∂²f/∂xᵢ∂xⱼ at the point ``at``: :func:`autograd.hessian`, compiled.

        >>> compile(lambda x, y: x * x * y).hessian([2.0, 5.0])  # [[2y, 2x], [2x, 0]]
        [[10.0, 4.0], [4.0, 0.0]]

        Args:
            at: The point, as in :meth:`value_and_grad`.

        Returns:
            A list of rows. With nested containers, a row takes the place of each number of ``at``.

        Raises:
            TypeError: If ``at`` is not a sequence of numbers and Values.
        """
        return self._other("hessian").at(at)[1]

    def hvp(self, at: Sequence[Any], v: Sequence[Any]) -> list[Any]:
        """Return the Hessian at ``at`` times the vector ``v``: :func:`autograd.hvp`, compiled.

        >>> compile(lambda x, y: x * x * y).hvp([2.0, 5.0], [1.0, 1.0])
        [14.0, 4.0]

        Args:
            at: The point, as in :meth:`value_and_grad`.
            v: The vector, in the same containers.

        Raises:
            TypeError: If ``at`` or ``v`` is not a sequence of numbers and Values.
            ValueError: If ``at`` and ``v`` differ in their lengths, containers or keys.
        """
        return self._other("hvp").at(at, v)[1]

    # Descriptions ---------------------------------------------------------------------------------

    def explain(self, lines: int = 12) -> str:
        """Describe the compiled programs as text.

        The text lists the result of each pass and the guards. It also says how often the function was traced,
        which calls fall back to eager execution, and the cause of each.

        >>> w = Value(2.0)
        >>> step = compile(lambda x: w * x)
        >>> step.explain()
        'no program yet: the first call traces the function'

        Args:
            lines: The number of instructions listed for each pass.
        """
        paragraphs: list[str] = []
        reason = "the fastest installed backend" if self.requested_backend == "auto" else "as requested"
        for replay in self._replays():
            for number, (program, cause) in enumerate(replay.program_causes, 1):
                runs = program.runner.name
                deep = f"faster than {self.backend} for a deep, narrow graph"
                cause_of_choice = reason if runs == self.backend else deep
                if self.options.dtype != "float64":
                    cause_of_choice += f", in {self.options.dtype}"
                title = f"{replay.what} of {self._name}, program {number} ({cause})"
                paragraphs.append(f"{title}, run by {runs} ({cause_of_choice})")
                paragraphs += describe(program, lines)
            if replay.causes:
                causes = "; ".join(f"{c} ({n} ×)" if n > 1 else c for c, n in Counter(replay.causes).items())
                times = "once" if len(replay.causes) == 1 else f"{len(replay.causes)} times"
                paragraphs.append(f"{replay.what} was traced {times}: {replace_controls(causes)}")
        return "\n".join(paragraphs + self.fallbacks) or "no program yet: the first call traces the function"

    def source(self, language: str = "c") -> str:
        """Return a program of one step in C, with the current parameters and the last arguments as data.

        It consists of the instructions of the last program: forward, backward and update. Batched
        instructions are inside a loop over the samples; the python backend has none. The ``main`` of the
        program takes steps and prints their losses.

        >>> w = Value(2.0, label="w")
        >>> step = compile(lambda x: w * x, backend="python")
        >>> step(5.0)
        10.0
        >>> print(*step.source().splitlines()[-13:-7], sep="\\n")
        static double step(void) {
            const double loss = p_w * x[0];
            const double result = loss;
            gradient[0] = x[0];
            return result;
        }

        Args:
            language: "c", the only one.

        Returns:
            The text of a file that ``cc -O2 step.c -o step -lm`` compiles. ``./step 20`` takes 20 steps.

        Raises:
            ValueError: If there is no program yet, or no such language.
        """
        if language != "c":
            raise ValueError(f"source() expected a language, got {type_and_value(language)}. Use 'c'.")
        if self._step.latest is None:
            raise ValueError(
                f"source() expected a compiled step with a program, got {self!r}. Call the step first: "
                "its first call traces the function."
            )
        program, call = self._step.latest
        leaves = numbers_of(call.bind(program.plan.leaves))
        return c_source(program.plan, self._step.numbers(program.plan, call, leaves), self._name)

    def picture(self, limit: int | None) -> Picture:
        """Return the last program, for :func:`draw`."""
        programs = [program for replay in self._replays() for program, _ in replay.program_causes]
        if not programs:
            raise ValueError(
                f"draw() expected a compiled step with a program, got {self!r}. Call the step first: "
                "its first call traces the function."
            )
        plan = programs[-1].plan
        if limit is not None and len(plan.tape.code) > limit:
            layers = structure(plan, self.optimizer)
            if layers is not None and len(layers.cards) <= limit:
                return layers
        return picture(programs[-1], limit)


class CompiledStepWithAux(CompiledStep):
    """A compiled function that returns a pair (loss, aux); :func:`compile` creates it with ``has_aux=True``.

    ``aux`` is anything made of Values: numbers, nested lists, tuples, dicts and dataclasses. Every method
    returns it in the same containers, with floats in place of the Values. No gradient flows from it.

    ===================  ===========================================================================
    ``step(…)``          (loss, aux)
    ``value(…)``         (loss, aux)
    ``run(n, …)``        (losses, the aux of the last step)
    ``each(batches)``    (losses, a list with the aux of each step)
    ``value_and_grad``   ((loss, aux), gradient), as ``jax.value_and_grad`` returns it
    ``hessian, hvp``     the derivatives alone
    ===================  ===========================================================================

    >>> w = Value(2.0)
    >>> step = compile(lambda x, y: ((w * x - y) ** 2, {"prediction": w * x}), has_aux=True)
    >>> step(5.0, 12.0), w.grad
    ((4.0, {'prediction': 10.0}), -20.0)
    """

    def _result(self, outcome: Outcome) -> tuple[float, Any]:
        return outcome.losses[0], outcome.aux

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[float, Any]:  # type: ignore[override]
        (outcome,) = self._step.take(1, self._step.make_call(args, kwargs))
        return self._result(outcome)

    def run(self, steps: int, /, *args: Any, **kwargs: Any) -> tuple[list[float], Any]:  # type: ignore[override]
        """Take steps as :meth:`CompiledStep.run` does; return the losses and the aux of the last step.

        Args:
            steps: The number of steps, 1 or more.
            args: The positional arguments of the function.
            kwargs: The keyword arguments of the function.
        """
        outcomes = self._run(steps, args, kwargs)
        return [loss for outcome in outcomes for loss in outcome.losses], outcomes[-1].aux

    def each(self, batches: Iterable[Sequence[Any]]) -> tuple[list[float], list[Any]]:  # type: ignore[override]
        """Take steps as :meth:`CompiledStep.each` does; return the losses and the aux of each step.

        Args:
            batches: Tuples of positional arguments of the function.
        """
        results = self._each(batches)
        return [loss for loss, _ in results], [aux for _, aux in results]

    def value(self, *args: Any, **kwargs: Any) -> tuple[float, Any]:  # type: ignore[override]
        """Return the value of the function and aux, without a backward pass or an update.

        Args:
            args: The positional arguments of the function.
            kwargs: The keyword arguments of the function.
        """
        return self._result(self._value(args, kwargs))

    def value_and_grad(self, at: Sequence[Any]) -> tuple[tuple[float, Any], list[Any]]:  # type: ignore[override]
        """Return ((loss, aux), gradient) at the point ``at``, as :meth:`CompiledStep.value_and_grad` does.

        Args:
            at: For each argument of the function a number, a Value, or nested containers of these.
        """
        outcome, gradient = self._other("value_and_grad").at(at)
        return self._result(outcome), gradient


@overload
def compile(
    function: Callable[..., Any],
    optimizer: Optimizer | None = None,
    *,
    backend: str = "auto",
    dtype: str = "float64",
    audit: int | None = None,
    watch: Sequence[Any] = (),
    static_argnames: str | Sequence[str] = (),
    strict: bool = False,
    has_aux: Literal[False] = False,
    clip_grad_norm: float | None = None,
) -> CompiledStep: ...


@overload
def compile(
    function: Callable[..., Any],
    optimizer: Optimizer | None = None,
    *,
    backend: str = "auto",
    dtype: str = "float64",
    audit: int | None = None,
    watch: Sequence[Any] = (),
    static_argnames: str | Sequence[str] = (),
    strict: bool = False,
    has_aux: Literal[True],
    clip_grad_norm: float | None = None,
) -> CompiledStepWithAux: ...


def compile(
    function: Callable[..., Any],
    optimizer: Optimizer | None = None,
    *,
    backend: str = "auto",
    dtype: str = "float64",
    audit: int | None = None,
    watch: Sequence[Any] = (),
    static_argnames: str | Sequence[str] = (),
    strict: bool = False,
    has_aux: bool = False,
    clip_grad_norm: float | None = None,
) -> CompiledStep:
    """Compile a function of Values into a step that computes its loss and gradients fast.

    The first call traces the function; later calls replay the program. ``step(...)`` returns the loss as a
    float and sets the gradient of every leaf Value created outside the function. With an ``optimizer`` it
    also updates the parameters.

    >>> w = Value(2.0)
    >>> step = compile(lambda x, y: (w * x - y) ** 2)
    >>> step(5.0, 12.0), w.grad
    (4.0, -20.0)

    The numbers and leaf Values among the arguments may change from call to call, and so may the data of all
    leaves. A Value among the arguments receives its gradient, as in eager mode. During tracing each number
    among the arguments is replaced by a Value, and arithmetic on it follows the rules of Values: ``1 / x`` is
    inf at 0. **Everything else that the function reads is guarded**: variables, attributes, items, defaults,
    the mode and the parameters of modules, as far as the names in its code lead to them. If one of them has
    changed at a call, or a comparison of Values has another answer, the function is retraced. If the function
    reads an object that cannot be compared, a :class:`CompileWarning` names it.

    Code that cannot be traced, such as random draws or code that changes what it reads, falls back to eager
    execution; a :class:`CompileWarning` gives the reason.

    Calls 1, 2, 4, 8, … are audited: they are compared with eager execution, for five random samples of a
    batch. If they differ, a :class:`CompileWarning` reports it and the function is retraced. Eager mode stops
    at an inactive relu. A program passes on a gradient of 0, so an infinite local derivative below it gives
    nan, as in PyTorch.

    Brackets around ``+`` and ``-`` are kept and products are rounded, as in eager mode. The order of
    additions is unspecified inside ``dot`` and ``sum``, over the batch axis and where gradients accumulate.

    A step can be pickled if its function is defined at module level and receives the model as an argument, or
    if it is an object with ``__call__`` that stores the model. A pickle or a copy has no programs: its first
    call traces the function.

    Args:
        function: Returns one Value, the loss; with ``has_aux``, a pair (loss, aux). Everything it depends on
            must be named in its code.
        optimizer: Updates the parameters after each step; the optimizers of ``nn`` are compiled too.
        backend: "numba", "numpy", "python", or "auto", the fastest one that is installed.
        dtype: "float64", or "float32" with NumPy or numba: faster for large batches, and accurate to 6 or 7
            digits. Values stay float64, and the audits allow for the difference.
        audit: Audit every n-th call; 0 turns audits off. The default, None, audits calls 1, 2, 4, 8, …
        watch: Objects to guard in full, also the parts that the code does not name.
        static_argnames: The names of arguments that are constants: each value has its own program. Numbers,
            strings and containers are compared by their bits, other objects by identity, with a guard on
            what the function reads of them.
        strict: Raise TraceError instead of falling back to eager execution.
        has_aux: The function returns a pair (loss, aux), as for ``jax.value_and_grad``. A call returns the
            loss and aux, with numbers in place of the Values; :class:`CompiledStepWithAux` has the rules.
        clip_grad_norm: Clip the gradients of the optimizer's parameters to this norm before each update, by
            the rule of :func:`nn.clip_grad_norm_`.

    Returns:
        A :class:`CompiledStep`; with ``has_aux``, a :class:`CompiledStepWithAux`.

    Raises:
        TypeError: If ``function`` is not callable, or another argument is of the wrong type.
        ValueError: If there is no such backend, dtype or argument, ``audit`` is negative, or
            ``clip_grad_norm`` is not positive or has no optimizer of ``nn``.
        TraceError: At a call, if it uses ``.data``, ``.grad``, ``float()`` or ``bool()`` of a Value,
            or an argument as an index (use ``take(values, index)``); with ``strict``, in place of a fallback.
    """
    if not callable(function):
        raise TypeError(
            f"compile() expected a function of Values, got {type_and_value(function)}. "
            "Pass the function, not its result."
        )
    if optimizer is not None and not all(hasattr(optimizer, name) for name in _OPTIMIZER):
        raise TypeError(
            f"compile() expected an optimizer with parameters, zero_grad() and step(), got "
            f"{type_and_value(optimizer)}. Pass an optimizer of nn, such as SGD(model.parameters())."
        )
    remedy = "Pass the number of calls between audits, 0 for no audit, or None for the default."
    audit = check_int("compile", "audit", audit, remedy, least=0, optional=True)
    _check_iterable("compile", "a sequence of objects for watch", watch, "Put the object into a list.")
    expected = "a name or a sequence of names for static_argnames"
    _check_iterable("compile", expected, static_argnames, "Put the name into a list.")
    names = (static_argnames,) if isinstance(static_argnames, str) else (*static_argnames,)
    static = _static_positions(function, names) if names else {}
    limit = _check_limit(clip_grad_norm, optimizer)
    options = Options(backend, dtype, audit, (*watch,), static, bool(strict), bool(has_aux), limit)
    return (CompiledStepWithAux if has_aux else CompiledStep)(function, optimizer, options)


#: The attributes of an optimizer.
_OPTIMIZER = ("parameters", "zero_grad", "step")


def _check_limit(limit: Any, optimizer: Any) -> float | None:
    """Return the norm to which gradients are clipped, as a float."""
    if limit is None:
        return None
    x = None if isinstance(limit, (bool, Value)) else real_to_float(limit)
    if x is None:
        raise TypeError(
            f"compile() expected a number for clip_grad_norm, got {type_and_value(limit)}. "
            "Pass the largest norm of the gradients, such as 1.0."
        )
    if not x > 0.0:
        raise ValueError(
            f"compile() expected a positive number for clip_grad_norm, got {type_and_value(limit)}. "
            "Pass the largest norm of the gradients, such as 1.0."
        )
    if not hasattr(optimizer, "clip_rule"):
        raise ValueError(
            f"compile() expected an optimizer of nn with clip_grad_norm, got {type_and_value(optimizer)}. "
            "Pass an optimizer such as SGD(model.parameters()), or clip the gradients after each call."
        )
    return x


def _check_iterable(function: str, expected: str, x: object, remedy: str) -> None:
    if not hasattr(x, "__iter__"):
        raise TypeError(f"{function}() expected {expected}, got {type_and_value(x)}. {remedy}")


def _static_positions(function: Callable[..., Any], names: Sequence[Any]) -> dict[int, str]:
    """Map positions to the names of static arguments; keyword-only arguments have negative positions."""
    parameters = signature(function).parameters
    places = {name: i for i, name in enumerate(parameters)}
    positions: dict[int, str] = {}
    for name in names:
        if not isinstance(name, str) or name not in parameters:
            raise ValueError(
                f"compile() expected names of arguments for static_argnames, got {type_and_value(name)}. "
                f"The arguments of the function are: {', '.join(places) or 'none'}."
            )
        is_keyword = parameters[name].kind is Parameter.KEYWORD_ONLY
        positions[-1 - places[name] if is_keyword else places[name]] = name
    return positions
