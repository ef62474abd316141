"""When to trace, replay, check against eager, or fall back to it."""

from __future__ import annotations

import logging
from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from threading import Lock
from time import perf_counter
from typing import Any

from ..modes import active, open_modes
from ..tracing import report_escape
from ..user_primitives import added
from ..value import Value
from .audit import Disagreement, Reference
from .backends.choose import make_runner
from .backends.python import Numbers, Outcome, Row
from .build import MANY_RECORDINGS, NONE, Builder, Options
from .calls import Arguments, Call, Program
from .collector import gc_paused
from .guards.guard import Guard
from .passes.batch_size import SMALL, Batch, select_samples
from .passes.plan import Plan
from .progress import Progress
from .record.arguments import Static, described, fingerprint
from .record.trace import TraceError, Untraceable, observes
from .residence import numbers_of

#: Programs of one shape of arguments, for the several ways its comparisons may go.
MOST_VARIANTS = 4
#: Programs of one shape that are kept, for what the function reads from outside.
MOST_KEPT = 16
#: So often an outside change makes a call of one shape be traced again; then such calls fall back.
MOST_CHANGES = MANY_RECORDINGS
#: So many programs were dropped for disagreeing with eager, and no more are made.
MOST_DROPPED = 3

#: A smaller batch is audited as a whole, which takes less time than a program for the samples.
FEWEST_TO_SAMPLE = 100

#: The relative size of the last bit, and how often all leaves are changed by it to see what rounding does.
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23}
NEARBY = 3

#: Reports at level INFO that a function is retraced, and why.
LOG = logging.getLogger("autograd.compiler")

_CUT = "multiplies 0 by inf behind a branch that is not taken, where eager stops"
_WAY = {"float64": "sums in another order", "float32": "float32"}


class Replay(Builder):
    """Cache of compiled programs for one function, keyed by argument shape, with eager fallback.

    A subclass defines the result (a training step, a Hessian) and how it is stored.
    """

    #: The name of the result in messages.
    what = ""

    def __init__(
        self, function: Callable[..., Any], name: str, options: Options, messages: list[str]
    ) -> None:
        super().__init__(function, name, options, messages)
        self.programs: dict[Any, list[Program]] = {}
        #: The programs there are, in order, and why each was made.
        self.program_causes: list[tuple[Program, str]] = []
        self._dropped = 0
        #: By the shape of the arguments why such calls fall back, with the guard under which they do; for
        #: good if that is None.
        self._verdicts: dict[Any, list[tuple[Guard | None, str]]] = {}
        #: By the shape how often something outside changed.
        self._changes: dict[Any, int] = {}
        self._lock = Lock()
        self._last: Arguments | None = None
        #: The program that took the last step, with its numbers.
        self._last_run: tuple[Program, Numbers] | None = None
        #: The primitives that users have added, by their functions.
        self._known_primitives = {**added}
        self._stand_ins: list[Value] = []
        #: The program of the last call that had one, and that call.
        self.latest: tuple[Program, Call] | None = None
        #: Chooses the samples of an audit.
        self._rng = Random(0)

    # Defined by a subclass ------------------------------------------------------------------------

    @abstractmethod
    def eager(self, call: Call, leaves: Sequence[Value]) -> Reference:
        """Return the result of eager execution, and derivatives for the leaves; update nothing."""

    def settle(self, call: Call) -> None:
        """Add to the key of the call what else distinguishes programs."""

    def resides(self, plan: Plan) -> bool:
        """Return True if the numbers may stay in the program from one call to the next."""
        return False

    def leaves(self, program: Program) -> Row:
        """Return the current numbers of the leaves."""
        return numbers_of(program.current)

    def numbers_of_settings(self, plan: Plan) -> array[float]:
        """Return the current settings that the plan reads."""
        return NONE

    def at_once(self, steps: int, plan: Plan) -> int:
        """Return the number of steps that the program may take in one run."""
        return steps

    def commit(self, outcome: Outcome, numbers: Numbers, program: Program) -> None:
        """Store the numbers of a program after a run."""

    def finish(self) -> None:
        """Store the result of eager execution."""

    def keep_state(self) -> None:
        """Keep the optimizer's state in the programs of the next calls."""

    def write_state(self) -> None:
        """Write the state that was kept to the optimizer."""

    # One call -------------------------------------------------------------------------------------

    def make_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """A call with these arguments."""
        if active:
            report_escape(None, "a compiled step")
        if static := self.options.static:
            args = [Static(a, name) if (name := static.get(i)) else a for i, a in enumerate(args)]
            names = {*static.values()}
            kwargs = {name: Static(a, name) if name in names else a for name, a in kwargs.items()}
        arguments, mark = self._last, fingerprint(args, kwargs)
        if arguments is None or mark is None or mark != arguments.fingerprint:
            self._last = arguments = Arguments(args, kwargs, mark, self.fixed_values())
        return self._with_stand_ins(Call(args, kwargs, arguments))

    def fixed_values(self) -> Sequence[Value]:
        """Return the Values that are no inputs, even if they are among the arguments."""
        return ()

    def _with_stand_ins(self, call: Call) -> Call:
        """Give the call a leaf for each of its Values: the same for the first, second, … of every call."""
        if call.values:
            while len(self._stand_ins) < len(call.values):
                self._stand_ins.append(Value(0.0))
            call.stand_ins = self._stand_ins[: len(call.values)]
        return call

    def _is_replaced(self) -> bool:
        """Return True if ``primitive()`` has replaced one of the primitives there were before."""
        return any(
            added.get(name, function) is not function for name, function in self._known_primitives.items()
        )

    def _drop_replaced(self) -> None:
        """Drop all programs if they may contain a primitive that has been replaced."""
        if self._is_replaced():
            self.drop_programs()
        self._known_primitives |= added

    def drop_programs(self) -> None:
        """Drop all programs, and the reasons why calls fall back."""
        for table in (self.programs, self._general, self._verdicts):
            table.clear()
        self.program_causes.clear()

    def take(self, steps: int, call: Call) -> list[Outcome]:
        """Steps, in one or several goes."""
        with self._lock:
            return self._take_steps(steps, call)

    def _take_steps(self, steps: int, call: Call) -> list[Outcome]:
        if added:
            self._drop_replaced()
        self.settle(call)
        outcomes: list[Outcome] = []
        rest = steps
        current: Program | None = None
        while rest > 0:
            self._last_run = None
            outcome = self._run_eager(call) if self._is_eager(call) else self._advance(rest, call, current)
            outcomes.append(outcome)
            rest -= len(outcome.losses)
            last_run: tuple[Program, Numbers] | None = vars(self)["_last_run"]  # set on the way
            current = last_run[0] if last_run is not None else None
        return outcomes

    def take_each(self, calls: Iterable[Call]) -> list[Outcome]:
        """Take one step for each call; numbers stay in a program while the next call has the same one."""
        outcomes: list[Outcome] = []
        current: tuple[Program, Any, Outcome, Numbers] | None = None
        with self._lock:
            try:
                self.keep_state()
                for call in calls:
                    shape, outcome = call.key, None
                    if current is not None:
                        outcome = self._go_on(current, call)
                        if outcome is None:
                            program, _, last, numbers = current
                            current = None
                            self.commit(last, numbers, program)
                    if outcome is None or current is None:
                        if added:
                            self._drop_replaced()
                        self.settle(call)
                        self._last_run = None
                        outcome = self._run_eager(call) if self._is_eager(call) else self._advance(1, call)
                        last_run: tuple[Program, Numbers] | None = vars(self)["_last_run"]  # set on the way
                        if last_run is not None and self.resides(last_run[0].plan):
                            program, numbers = last_run
                            current = program, shape, outcome, numbers
                    else:
                        current = (*current[:2], outcome, current[3])
                    outcomes.append(outcome)
            finally:
                if current is not None:
                    self.commit(current[2], current[3], current[0])
                self.write_state()
        return outcomes

    def _is_eager(self, call: Call) -> bool:
        """Return True if the call falls back: detect_anomaly() and its like see the numbers of Values."""
        verdicts = self._verdicts.get(call.key, ())
        return any(guard is None or guard.holds() for guard, _ in verdicts) or bool(
            active and any(map(observes, open_modes()))
        )

    def _go_on(self, current: tuple[Program, Any, Outcome, Numbers], call: Call) -> Outcome | None:
        """A step from where the last one left the numbers; None where that is not enough."""
        program, shape, _, numbers = current
        calls = program.calls + 1
        if call.key != shape or self.options.is_audited(calls) or not program.takes(call.flat) or call.values:
            return None
        if added and self._is_replaced():
            return None
        numbers.inputs = call.numbers
        numbers.settings = self.numbers_of_settings(program.plan)
        outcome = self._run(1, program, numbers)
        if not outcome.losses:
            return None
        program.calls = calls
        self.latest = program, call
        return outcome

    def _advance(self, steps: int, call: Call, current: Program | None = None) -> Outcome:
        """At least one step, and at most ``steps``; fewer where a guard fails or an audit is due.

        ``current`` is the program that took the last stretch of the same call, which is not counted again.
        """
        variants = self.programs.setdefault(call.key, [])
        holding = 0
        for program in variants:
            if not program.guard.holds():
                continue
            holding += 1
            if not program.takes(call.flat):
                continue
            calls = program.calls + (program is not current)
            audited = program is not current and self.options.is_audited(calls)
            program.current = call.bind(program.plan.leaves)
            numbers = self.numbers(program.plan, call, self.leaves(program))
            most = 1 if audited else program.in_a_stretch(self.at_once(steps, program.plan))
            outcome = self._run(most, program, numbers)
            if not outcome.losses:
                continue
            self.latest = program, call
            if call.values:
                _add_up(outcome, program.current)
            program.calls = calls
            if audited:
                return self._audit(outcome, numbers, program, call)
            self.commit(outcome, numbers, program)
            self._last_run = program, numbers
            return outcome
        if holding == MOST_VARIANTS:
            self._fall_back(f"its comparisons go other ways than in {MOST_VARIANTS} programs")
            return self._run_eager(call)
        if variants and not holding and self._keeps_changing(call, variants[-1]):
            return self._run_eager(call)
        try:
            cause = self._cause(call, holding)
            with Progress(self.name) as progress, gc_paused():
                program = self.make(call, progress)
        except Untraceable as reason:
            if self.options.strict:
                raise TraceError(f"compile({self.name}): {reason}") from reason
            outcome = self._run_eager(call)  # first: what the function itself raises is the user's
            if self._judge(call, reason) == 1:
                self._fall_back(str(reason))
            return outcome
        self._add(program, variants, cause)
        return self._advance(steps, call)

    def _add(self, program: Program, variants: list[Program], cause: str) -> None:
        """Add a program to those of its shape, of which only so many are kept."""
        self.warn_of_opaque(program.guard)
        variants.append(program)
        self.program_causes.append((program, cause))
        self.causes.append(cause)
        if len(self.causes) > 1:
            LOG.info("compile(%s): retraced: %s", self.name, cause)
        if len(variants) > MOST_KEPT:
            dropped = variants.pop(0)
            self.program_causes = [pair for pair in self.program_causes if pair[0] is not dropped]
        if program.general is None and len(self.causes) == MANY_RECORDINGS:
            self.warn(
                f"it was traced {MANY_RECORDINGS} times, because lengths of the arguments, the Values or "
                "objects among them, or numbers outside of it keep changing; each trace is slow"
            )

    def _judge(self, call: Call, reason: Untraceable) -> int:
        """Let such calls fall back until something that the function reads changes.

        After ``MOST_VARIANTS`` attempts they fall back permanently.

        Returns:
            The number of attempts.
        """
        verdicts = self._verdicts.setdefault(call.key, [])
        for_good = reason.is_final or len(verdicts) == MOST_VARIANTS
        verdicts.append((None if for_good else self.guard(call.objects), str(reason)))
        return len(verdicts)

    def _keeps_changing(self, call: Call, last: Program) -> bool:
        """Count a change outside; return True if there were so many that such calls fall back."""
        changes = self._changes[call.key] = self._changes.get(call.key, 0) + 1
        if changes < MOST_CHANGES:
            return False
        reason = (
            f"what it reads changed {changes} times, the last time {last.guard.difference}: pass it as an "
            "argument, which may change from call to call"
        )
        self._verdicts.setdefault(call.key, []).append((None, reason))
        self._fall_back(reason)
        return True

    def _fall_back(self, reason: str) -> None:
        """Warn that such calls fall back to eager execution; raise TraceError if strict."""
        self.warn_or_raise(f"falls back to eager: {reason}")

    def _run(self, steps: int, program: Program, numbers: Numbers) -> Outcome:
        if program.calls:
            start = perf_counter()
            outcome = _with_aux(program.runner.run(steps, numbers), program.plan)
            count = max(1, len(outcome.losses))  # fewer than the steps where a guard failed
            program.seconds = (perf_counter() - start) / count or program.seconds
            return outcome
        with Progress(self.name) as progress:  # numba may have to compile its interpreter
            progress.at(f"{self.options.backend} compiles")
            return _with_aux(program.runner.run(steps, numbers), program.plan)

    def _run_eager(self, call: Call) -> Outcome:
        reference = self.eager(call, ())
        self.finish()
        return reference.outcome()

    # Audits ---------------------------------------------------------------------------------------

    def _audit(self, outcome: Outcome, numbers: Numbers, program: Program, call: Call) -> Outcome:
        """Commit a step of a program if eager agrees, on a few of many samples; else take eager's step."""
        difference: Disagreement | None = None
        try:
            if self._agrees_on_samples(program, call):
                program.audited = program.calls
                self.commit(outcome, numbers, program)
                return outcome
        except Disagreement as disagreement:
            difference = disagreement
        reference = self.eager(call, program.current)
        if difference is None:
            try:
                self._check(reference, outcome, program, call, program.current)
            except Disagreement as disagreement:
                difference = disagreement
        if difference is None:
            program.audited = program.calls
            self.commit(outcome, numbers, program)
            return outcome
        self._drop_programs(difference, program, call)
        self.finish()
        return reference.outcome()

    def _agrees_on_samples(self, program: Program, call: Call) -> bool:
        """Compare a few samples, taken at random; return False if the program is not made for any number.

        Raises:
            Disagreement: If eager gives something else.
        """
        _, tape = self._general.get(program.general, (None, None))
        if tape is None:
            return False
        arguments = [*call.args, *call.kwargs.values()]
        size = max(len(a) for a, many in zip(arguments, tape.batched) if many)
        if size < FEWEST_TO_SAMPLE:
            return False
        chosen = sorted(self._rng.sample(range(size), SMALL[0]))
        few = select_samples(arguments, tape.batched, chosen)
        args, kwargs = few[: len(call.args)], dict(zip(call.kwargs, few[len(call.args) :]))
        small = self._with_stand_ins(Call(args, kwargs, Arguments(args, kwargs, None, self.fixed_values())))
        if program.sample is None:
            plan = self.complete(tape.transcript_for(Batch(few, len(chosen), tape.batched)))
            numbers = self.numbers(plan, small, numbers_of(plan.leaves))
            program.sample = plan, make_runner(plan, self.options.backend, numbers, self.options.dtype)
        plan, runner = program.sample
        leaves = small.bind(plan.leaves)
        outcome = _with_aux(runner.run(1, self.numbers(plan, small, numbers_of(leaves))), plan)
        if not outcome.losses:
            return False
        if small.values:
            _add_up(outcome, leaves)
        self._check(self.eager(small, leaves), outcome, program, small, leaves)
        return True

    def _check(
        self, reference: Reference, outcome: Outcome, program: Program, call: Call, leaves: Sequence[Value]
    ) -> None:
        """Raise Disagreement unless a program agrees with eager."""
        read = {*call.bind([*program.read])}
        reference.check(outcome, read, self.options.dtype, lambda: self._nearby(call, leaves))

    def _nearby(self, call: Call, leaves: Sequence[Value]) -> list[Reference]:
        """Return eager results for leaves that differ in their last bits; in the end they are as before."""
        bit = EPSILON[self.options.dtype]
        before = [leaf._data for leaf in leaves]
        results: list[Reference] = []
        try:
            for _ in range(NEARBY):
                for leaf, x in zip(leaves, before):
                    leaf.data = x * (1.0 + self._rng.choice((-bit, bit)))
                results.append(self.eager(call, leaves))
        finally:
            for leaf, x in zip(leaves, before):
                leaf.data = x
        self.eager(call, leaves)  # for the gradients on the leaves
        return results

    def _drop_programs(self, difference: Disagreement, program: Program, call: Call) -> None:
        """Drop what may be wrong, and warn; raise TraceError if strict."""
        if program.general is not None and program.calls == 1:
            # The samples are not isomorphic: the next call traces all of them, without a batch axis.
            guard, _ = self._general[program.general]
            self._general[program.general] = guard, None
            self.programs[call.key].remove(program)
            self.program_causes = [pair for pair in self.program_causes if pair[0] is not program]
            return
        self._general.clear()
        self.programs.clear()  # what changed outside may be a constant of every program
        self.program_causes.clear()
        self._dropped += 1
        last = program.audited
        since = f"; calls since number {last} may have been wrong" if last else ""
        is_retraced = self._dropped < MOST_DROPPED and program.calls > 1
        consequence = "it is recompiled" if is_retraced else "such calls fall back to eager from now on"
        cause = _CUT if difference.is_cut else f"is too ill-conditioned for {_WAY[self.options.dtype]}"
        if not is_retraced:
            self._verdicts.setdefault(call.key, []).append((None, str(difference)))
        what = (
            f"in call {program.calls} {difference}: it depends on something outside that changed, "
            f"or {cause}{since}; {consequence}"
        )
        if self.options.strict:
            raise TraceError(f"compile({self.name}): {what}")
        self.warn(what)

    def _cause(self, call: Call, holding: int) -> str:
        """Return the reason why such a call has no program yet."""
        if not self.causes:
            return "for the first call"
        if holding:
            return "for a guard on a comparison failed"
        if variants := self.programs[call.key]:
            return f"for {variants[-1].guard.difference}"
        if not self.program_causes:
            return "for something outside changed"
        former_key = self.program_causes[-1][0].key
        for i, (shape, former_shape) in enumerate(zip(call.key, former_key)):
            if shape != former_shape and i < len(call.args):
                return f"for argument {i + 1} is {described(shape)}, not {described(former_shape)}"
        return "for other arguments"


def _with_aux(outcome: Outcome, plan: Plan) -> Outcome:
    """Store the numbers of the second result of the function, which follow the gradients."""
    if plan.aux is not None and outcome.losses:
        numbers = outcome.gradients
        outcome.numbers_of_aux = plan.aux, numbers[len(numbers) - len(plan.aux.values) :]
    return outcome


def _add_up(outcome: Outcome, leaves: Sequence[Value]) -> None:
    """Add the gradients of a Value that is an argument and also read from outside."""
    gradients = outcome.gradients
    if not gradients or len({*leaves}) == len(leaves):
        return
    totals = dict.fromkeys(leaves, 0.0)
    for leaf, gradient in zip(leaves, gradients):
        totals[leaf] += gradient
    outcome.raw_gradients = [totals[leaf] for leaf in leaves] + gradients[len(leaves) :]
