"""``compile``: what a step is, and what else a compiled function can be asked for."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from inspect import Parameter, signature
from itertools import chain
from typing import TYPE_CHECKING, Any, SupportsFloat

from ..system.messages import replace_controls, short, type_and_value
from ..tracing import resident
from ..value import Value
from .audit import Reference, reached
from .backends.choose import chosen
from .backends.python import Numbers, Outcome, Row
from .build import CompileWarning, Options, watched
from .calls import Call, Program, with_grad
from .derivatives import Derivative
from .explain import explained, picture
from .passes.plan import Optimizer, Plan, Traced, Update, completed, plan, steady, traced
from .pickling import check_named
from .record.arguments import as_floats, fingerprint, kind_of
from .record.trace import Recording, as_value
from .replay import Replay

if TYPE_CHECKING:
    from ..view.picture.cards import Picture

__all__ = ["CompileWarning", "CompiledStep", "compile"]


class StepReplay(Replay):
    """The loss, its gradients on the leaves, and the optimiser's update."""

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
        self._parameters = [*optimizer.parameters] if optimizer else []
        self._update: Update | None = None
        #: By the hyperparameters, the numbers of state that may be shared by all parameters.
        self._steady: dict[bytes | str, tuple[int, ...]] = {}

    def settle(self, call: Call) -> None:
        """The hyperparameters are constants of the program, but for the learning rate."""
        update = self._update = self._read_update()
        if update is None:
            call.key = (*call.key, "")
            return
        fixed: bytes | str = fingerprint((), update.fixed) or repr(sorted(update.fixed.items()))
        if fixed not in self._steady:
            self._steady[fixed] = steady(update)
        if self._steady[fixed]:
            optimizer: Any = self.optimizer
            state = optimizer.state
            update.shared = tuple([j for j in self._steady[fixed] if _all_one([row[j] for row in state])])
        call.key = (*call.key, fixed, update.shared)

    def _read_update(self) -> Update | None:
        optimizer: Any = self.optimizer
        if optimizer is None:
            return None
        if optimizer.parameters != self._parameters:
            self.programs.clear()
            self._parameters = [*optimizer.parameters]
        rule, state = getattr(kind_of(optimizer), "rule", None), getattr(optimizer, "state", None)
        hyperparameters = getattr(optimizer, "hyperparameters", None)
        if rule is None or state is None or hyperparameters is None:
            return None
        fixed = {**hyperparameters}
        lr = fixed.pop("lr", None) is not None
        return Update(self._parameters, rule, len(state[0]), lr, fixed)

    def plan(self, recording: Recording, leaves: list[Value]) -> Plan:
        """The loss, its gradients and the update."""
        return self._warned(plan(recording, leaves, self._update, batch=self.options.backend != "python"))

    def _warned(self, made: Plan) -> Plan:
        if self._update is not None and not made.moved:
            self.warn(f"the optimizer's own step() is called: {made.notes[-1]}")
        return made

    def traced(self, recording: Recording, leaves: list[Value]) -> Traced | None:
        """The loss alone, in lanes."""
        return traced(recording, leaves, self._update, True) if self.options.backend != "python" else None

    def completed(self, found: Traced) -> Plan:
        """Its gradients and the update."""
        return self._warned(completed(found, self._update))

    def numbers(self, plan: Plan, call: Call, leaves: Row) -> Numbers:
        """Those of the leaves, the optimiser and the arguments."""
        optimizer: Any = self.optimizer
        found = super().numbers(plan, call, leaves)
        found.settings = self.numbers_of_settings(plan)
        if plan.kept:
            rows = [*chain.from_iterable(optimizer.state)]
            width = len(optimizer.state[0])
            found.state = as_floats([*chain.from_iterable(rows[j::width] for j in range(width))])
        return found

    def resides(self, plan: Plan) -> bool:
        """Where the program moves the parameters."""
        return bool(plan.moved)

    def numbers_of_settings(self, plan: Plan) -> array[float]:
        """The learning rate."""
        optimizer: Any = self.optimizer
        return array("d", [optimizer.lr] if plan.moved and hasattr(optimizer, "lr") else [])

    def at_once(self, steps: int, plan: Plan) -> int:
        """All, but for an optimiser that takes its own step after each."""
        return 1 if self.optimizer is not None and not plan.moved else steps

    def commit(self, outcome: Outcome, numbers: Numbers, program: Program) -> None:
        """Write gradients and moved parameters back; interrupted, it is done all the same."""
        try:
            self._write(outcome, numbers, program)
        except BaseException:
            self._write(outcome, numbers, program)
            raise
        if self.optimizer is not None and not program.plan.moved:
            self.optimizer.step()

    def _write(self, outcome: Outcome, numbers: Numbers, program: Program) -> None:
        leaves, gradients = program.plan.leaves, outcome.raw_gradients
        optimizer: Any = self.optimizer
        moving = len(program.plan.moved)  # the parameters, which are the first leaves
        for leaf, g in zip(leaves[moving:], gradients[moving:]):
            leaf._grad = g
        if not moving:
            return
        # Before the leaves are written, so that who writes one as well takes it out.
        resident.add(token := object())
        for leaf, x, g in zip(leaves, numbers.leaves[:moving], gradients):
            leaf._data = x
            leaf._grad = g
        resident.intersection_update((token,))  # and after: another step may have had these leaves
        program.left = numbers.leaves, token
        if program.plan.kept:
            state, count = numbers.state.tolist(), len(optimizer.state)
            columns = [state[k : k + count] for k in range(0, len(state), count)]
            for j in program.plan.shared:
                columns[j] = columns[j][:1] * count
            for row, new in zip(optimizer.state, zip(*columns)):
                row[:] = new

    def eager(self, call: Call, leaves: Sequence[Value]) -> Reference:
        """The function and backward(), with the gradients left on the leaves."""
        with with_grad():
            output = as_value(call.run(self.function))
        used = reached(output)
        for value in used:
            if value.is_leaf:
                value.zero_grad()
        if self.optimizer is not None:
            self.optimizer.zero_grad()
        output.backward()
        gradients = [leaf._grad if leaf in used else 0.0 for leaf in leaves]
        return Reference(output, [output], leaves, gradients, used)

    def finish(self) -> None:
        """The step of the optimiser itself."""
        if self.optimizer is not None:
            self.optimizer.step()


def _all_one(numbers: Sequence[float]) -> bool:
    """Whether all are the same number, a zero of the same sign."""
    return numbers.count(numbers[0]) == len(numbers) and (
        numbers[0] != 0.0 or len({*map(repr, numbers)}) == 1
    )


class CompiledStep:
    """What :func:`compile` gives: call it as the function, or ``run`` many steps at once."""

    def __init__(
        self,
        function: Callable[..., Any],
        optimizer: Optimizer | None,
        options: Options,
    ) -> None:
        self.function = function
        self.optimizer = optimizer
        #: The backend as it was asked for, and as it was chosen.
        self.asked_for, self.backend = options.backend, chosen(options.backend, options.dtype)
        self.options = replace(options, backend=self.backend)
        watched(options.watch)
        #: The warnings about calls that fell back to eager execution, or were retraced.
        self.fallbacks: list[str] = []
        self._name = replace_controls(getattr(function, "__qualname__", None) or "") or short(function)
        self._step = StepReplay(function, self._name, self.options, self.fallbacks, optimizer)
        self._others: dict[str, Derivative] = {}

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
        check_named(self._name, self.function)
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The backend is chosen anew, for another machine may have other packages."""
        self.__dict__.update(state)
        self.backend = chosen(self.asked_for, self.options.dtype)
        for replay in self._replays():
            replay.move_to(self.backend)

    # A step ---------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        (outcome,) = self._step.take(1, self._step.called(args, kwargs))
        return outcome.losses[0]

    def run(self, steps: int, /, *args: Any, **kwargs: Any) -> list[float]:
        """Take ``steps`` steps on the same arguments and return their losses.

        Parameters stay in the program between steps; data and gradients are written back at the end. Ctrl-C
        takes effect within about 50 ms, or after the current step, and keeps the steps before it.
        """
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"the number of steps must be an int of 1 or more, not {short(steps)}")
        outcomes = self._step.take(steps, self._step.called(args, kwargs))
        return [loss for outcome in outcomes for loss in outcome.losses]

    def each(self, batches: Iterable[Sequence[Any]]) -> list[float]:
        """Take a step on each of the batches, tuples of arguments, and return the losses.

        >>> from nn import SGD
        >>> w = Value(1.0)
        >>> compile(lambda x, y: (w * x - y) ** 2, SGD([w], lr=0.5)).each([(1.0, 3.0), (1.0, 2.0)]), w.data
        ([4.0, 1.0], 2.0)

        Of a list or tuple of batches parameters stay in the program between steps, as by :meth:`run`: data,
        gradients and the state of the optimizer are written back at the end, or where a batch of another
        shape follows. A generator may read and write parameters and hyperparameters between the steps, and
        may call the step itself, so each of its batches is a step of its own.
        """
        if not isinstance(batches, (list, tuple)):
            return [self(*batch) for batch in batches]
        called = (self._step.called(tuple(batch), {}) for batch in batches)
        return [outcome.losses[0] for outcome in self._step.take_each(called)]

    # The function itself, and its derivatives by its arguments ------------------------------------

    def value(self, *args: Any, **kwargs: Any) -> float:
        """What the function gives, without a backward pass; no gradient is touched and nothing moves.

        >>> w = Value(2.0)
        >>> compile(lambda x: w * x).value(5.0)
        10.0
        """
        other = self._other("value")
        (outcome,) = other.take(1, other.called(args, kwargs))
        return outcome.losses[0]

    def value_and_grad(self, at: Sequence[Value | SupportsFloat]) -> tuple[float, list[float]]:
        """f and ∂f/∂xᵢ at the point ``at``, one number for each argument; no ``.grad`` is touched.

        >>> compile(lambda x, y: x * x * y).value_and_grad([2.0, 5.0])  # 2xy, x²
        (20.0, [20.0, 4.0])

        The arguments are Values, as for :func:`hessian`; leaf Values of the outside are read anew.
        """
        outcome = self._other("value_and_grad").at(at)
        return outcome.losses[0], outcome.gradients

    def hessian(self, at: Sequence[Value | SupportsFloat]) -> list[list[float]]:
        """∂²f/∂xᵢ∂xⱼ at the point ``at``: as :func:`autograd.hessian`, recorded once.

        >>> compile(lambda x, y: x * x * y).hessian([2.0, 5.0])  # [[2y, 2x], [2x, 0]]
        [[10.0, 4.0], [4.0, 0.0]]
        """
        found = self._other("hessian").at(at).gradients
        width = len(at)
        return [found[i * width : (i + 1) * width] for i in range(width)]

    def hvp(self, at: Sequence[Value | SupportsFloat], v: Sequence[Value | SupportsFloat]) -> list[float]:
        """The Hessian at ``at`` times the vector ``v``: as :func:`autograd.hvp`, recorded once.

        >>> compile(lambda x, y: x * x * y).hvp([2.0, 5.0], [1.0, 1.0])
        [14.0, 4.0]
        """
        return self._other("hvp").at(at, v).gradients

    # What it is -----------------------------------------------------------------------------------

    def explain(self, lines: int = 12) -> str:
        """Describe the programs: the first ``lines`` instructions that each pass made, and the guards.

        Also how often the function was traced, what falls back to eager execution, and the cause of each.
        """
        found: list[str] = []
        asked = "the fastest that is installed" if self.asked_for == "auto" else "as asked for"
        for replay in self._replays():
            for data_of, (program, cause) in enumerate(replay.made, 1):
                runs = self.backend if program.runner is None else program.runner.name
                why = asked if runs == self.backend else f"{self.backend} is slower on a deep and narrow one"
                if self.options.dtype != "float64":
                    why += f", in {self.options.dtype}"
                found.append(
                    f"{replay.what} of {self._name}, program {data_of} ({cause}), run by {runs} ({why})"
                )
                found += explained(program, lines)
            if replay.causes:
                causes = "; ".join(f"{c} ({n} ×)" if n > 1 else c for c, n in Counter(replay.causes).items())
                times = "once" if len(replay.causes) == 1 else f"{len(replay.causes)} times"
                found.append(f"{replay.what} was traced {times}: {replace_controls(causes)}")
        return "\n".join(found + self.fallbacks) or "nothing is recorded before the first call"

    def picture(self, limit: int | None) -> Picture:
        """The last program that was recorded, for :func:`draw`."""
        made = [program for replay in self._replays() for program, _ in replay.made]
        if not made:
            raise ValueError(f"{self!r} has nothing to draw before its first call, which records it")
        return picture(made[-1], limit)


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
) -> CompiledStep:
    """Trace a function of Values once, and replay it fast: its loss, gradients and, if wanted, updates.

    >>> w = Value(2.0)
    >>> step = compile(lambda x, y: (w * x - y) ** 2)
    >>> step(5.0, 12.0), w.grad
    (4.0, -20.0)

    ``step(...)`` returns the loss as a float and sets the gradient of every leaf that was there before;
    with an ``optimizer`` it updates the parameters too, and ``step.run(n, ...)`` takes n steps.
    ``step.value(...)`` is the function alone; ``step.value_and_grad(at)``, ``step.hessian(at)`` and
    ``step.hvp(at, v)`` are its derivatives with respect to its arguments.

    The numbers among the arguments may change from call to call, and so may the data of leaf Values.
    **Everything else that the function reads is guarded**: variables, attributes, items, defaults, the mode
    and the parameters of modules, as far as the names in its code lead to them. If one of them has changed
    at a call, the function is traced again. If the function reads an object that cannot be compared, a
    :class:`CompileWarning` names it.

    A comparison of Values is a guard too: if its answer changes, the function is traced again. Code that
    cannot be traced, such as random draws or code that changes what it reads, falls back to eager execution;
    a :class:`CompileWarning` gives the reason. ``.data``, ``float()`` and ``bool()`` of a Value inside the
    function raise :class:`TraceError`, and so does an argument used as an index: use ``take(values, index)``.

    Calls 1, 2, 4, 8, … are audited: they are compared with eager execution, for five random samples of a
    batch. Behind a dead relu, where eager execution stops, a program goes on with a gradient of 0, so an
    infinite local derivative further back gives nan, as in PyTorch.

    Brackets around ``+`` and ``-`` are kept and products are rounded, as in eager mode. The order of
    additions is unspecified inside ``dot`` and ``sum``, over the batch axis and where gradients accumulate.

    In a pickle it takes its programs along, if its function brings the Values it uses: one of a module that
    is given the model, or an object with ``__call__`` that holds it. The first call afterwards is checked.

    Args:
        function: Returns one Value, the loss. It must not depend on anything that its code does not name.
        optimizer: Updates the parameters after each step; those of ``nn`` are compiled too.
        backend: "numba", "numpy", "python", or "auto", the fastest one that is installed.
        dtype: "float64", or "float32" with NumPy or numba: faster for large batches, and right to 6 or 7
            digits. Values stay float64, and the audits allow for the difference.
        audit: The number of calls from one audit to the next; 0 for none. None audits calls 1, 2, 4, 8, …
        watch: Objects to be guarded in full, whatever names the code loads.
        static_argnames: The names of arguments that select a program: their numbers are constants of it.
        strict: Whether to raise TraceError in place of falling back to eager execution.

    Returns:
        A :class:`CompiledStep`.

    Raises:
        TypeError: If ``function`` is not callable, or ``audit`` is not an int.
        ValueError: If there is no such backend, dtype or argument.
    """
    if not callable(function):
        raise TypeError(f"compile() takes a function, not {type_and_value(function)}")
    if audit is not None and (isinstance(audit, bool) or not isinstance(audit, int)):
        raise TypeError(f"audit must be a number of calls or None, not {type_and_value(audit)}")
    if audit is not None and audit < 0:
        raise ValueError(
            f"audit must be 0 or more, not {audit}: 0 for no audit, None for calls 1, 2, 4, 8, …"
        )
    names = (static_argnames,) if isinstance(static_argnames, str) else (*static_argnames,)
    static = _static_positions(function, names) if names else {}
    return CompiledStep(
        function, optimizer, Options(backend, dtype, audit, (*watch,), static, strict=bool(strict))
    )


def _static_positions(function: Callable[..., Any], names: Sequence[str]) -> dict[int, str]:
    """Return the names of static arguments by their positions; of keyword-only ones these are negative."""
    parameters = signature(function).parameters
    places = {name: i for i, name in enumerate(parameters)}
    found: dict[int, str] = {}
    for name in names:
        if name not in parameters:
            raise ValueError(
                f"static_argnames: the function has no argument {name!r}; it has {', '.join(places)}"
            )
        keyword = parameters[name].kind is Parameter.KEYWORD_ONLY
        found[-1 - places[name] if keyword else places[name]] = name
    return found
