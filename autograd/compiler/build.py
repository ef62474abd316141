"""From a call to a program: trace the function twice, guard what it reads, and make the plan ready to run."""

from __future__ import annotations

import os
import sys
import warnings
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..system.messages import replace_controls, type_name
from ..value import Value
from .audit import close
from .backends.choose import make_runner
from .backends.python import Numbers, Row
from .calls import Call, Program
from .guards.draws import Draws
from .guards.guard import Guard
from .guards.reach import Reach
from .ir.patterns import value_of
from .passes.batch_size import SMALL, Batch, General, general, key_of
from .passes.plan import Plan, Transcript, complete
from .progress import Progress
from .record.aux import Aux
from .record.trace import (
    FunctionTracer,
    Recording,
    TraceError,
    Untraceable,
    live_leaves,
    run_traced,
)
from .residence import numbers_of

#: After so many traces a warning reports that the arguments keep changing shape.
MANY_RECORDINGS = 32

#: A program of more instructions falls back. It would take about 1 kB of memory for each.
MOST_INSTRUCTIONS = 5_000_000

NONE = array("d")

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class CompileWarning(RuntimeWarning):
    """A compiled function falls back to eager execution, is retraced, or reads what cannot be guarded."""


@dataclass
class Options:
    """The options of :func:`compile`."""

    backend: str
    dtype: str = "float64"
    audit: int | None = None
    watch: Sequence[Any] = ()
    #: The static arguments by their position; of keyword-only ones it is negative.
    static: Mapping[int, str] = field(default_factory=dict[int, str])
    strict: bool = False
    has_aux: bool = False
    clip_grad_norm: float | None = None

    def is_audited(self, call: int) -> bool:
        """Return True if the call of this number, from 1, is compared with eager execution."""
        if self.audit is None:
            return call & (call - 1) == 0  # 1, 2, 4, 8, …
        return self.audit > 0 and (call - 1) % self.audit == 0


def watched(watch: Sequence[Any], roots: Sequence[tuple[str, Any]] = ()) -> Guard:
    """Return a guard; raise TypeError if one of the objects to watch cannot be compared."""
    return Guard(roots, [(type_name(x), x) for x in watch])


class Builder(ABC):
    """Makes the programs of a function, and warns of what it cannot make them of."""

    def __init__(
        self, function: Callable[..., Any], name: str, options: Options, messages: list[str]
    ) -> None:
        self.function = function
        self.name = name
        self.options = options
        self.messages = messages
        #: Why the function was traced, each time.
        self.causes: list[str] = []
        #: Tapes for any size of batch, by the shapes of the arguments except that, with their guards; None
        #: where there is none.
        self._general: dict[Any, tuple[Guard, General | None]] = {}

    # Defined by a subclass ------------------------------------------------------------------------

    @abstractmethod
    def plan(self, recording: Recording, leaves: list[Value]) -> Plan:
        """Return the trace as instructions for the result."""

    def make_transcript(self, recording: Recording, leaves: list[Value]) -> Transcript | None:
        """Return the trace as a tape for any batch size, or None if there is none."""
        return None

    def complete(self, transcript: Transcript) -> Plan:
        """Return such a tape as instructions for the result."""
        return complete(transcript, None)

    def numbers(self, plan: Plan, call: Call, leaves: Row) -> Numbers:
        """Return the numbers that the plan reads, with those of its leaves."""
        return Numbers(leaves, NONE, NONE, call.numbers)

    # Tracing --------------------------------------------------------------------------------------

    def roots(self, objects: Iterable[object]) -> list[tuple[str, Any]]:
        """Return the roots of the guard: the function, and the objects among its arguments."""
        name = getattr(self.function, "__name__", type_name(self.function))
        return [(name, self.function), *((type_name(x), x) for x in objects)]

    def guard(self, objects: Iterable[object]) -> Guard:
        """Return a guard on what the function reads, now."""
        return watched(self.options.watch, self.roots(objects))

    def trace_twice(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], call: Call, progress: Progress
    ) -> tuple[Recording, list[Value], Guard]:
        """Trace the function twice, so that what differs is noticed.

        A function may change what it reads once, such as a cache that it fills. If it is not traced, what it
        has changed is restored, because the eager run that follows changes it again.

        Args:
            args: Positional arguments of the call, or a few samples of them.
            kwargs: The same for keyword arguments.
            call: The call, of which the other arguments are.
            progress: Reports how far it is.

        Returns:
            The first trace, the leaves that existed before, and a guard on what the function reads.

        Raises:
            Untraceable: If it draws random numbers, changes what it reads, or differs for another reason.
        """
        before = self.guard(call.objects)
        draws = Draws(before.reach.generators)
        try:
            self._check_reach(before.reach, call)
            first = self._record(args, kwargs, call, draws, progress)
            guard = self.guard(call.objects)
            second = self._record(args, kwargs, call, draws, progress)
            for attribute in guard.set_attributes():
                self.warn_or_raise(
                    f"it sets {attribute}, which only eager execution does at each call: call the function "
                    "itself for it"
                )
            if not guard.holds():
                raise Untraceable(
                    f"it changes what it reads, which a program would not: {guard.difference}", is_final=True
                )
            return first, live_leaves(first, second), guard
        except Exception:
            _restore(before)
            raise
        except BaseException:  # such as Ctrl-C
            before.restore()
            raise
        finally:
            draws.undo()

    def _check_reach(self, reach: Reach, call: Call) -> None:
        """Raise Untraceable for what the function reads if no trace can be right."""
        if reach.fresh:
            raise Untraceable(
                f"it draws random numbers from {min(reach.fresh)}, which a program would repeat "
                "at every call: pass them as an argument"
            )
        if reach.threads:
            raise Untraceable(
                f"it uses {min(reach.threads)}, and what other threads do cannot be traced: call it outside",
                is_final=True,
            )
        if call.has_arrays and any(name == "dtype" for _, name in reach.pairs):
            raise Untraceable(
                "it reads .dtype, and the elements of arrays are Values while it is traced: read it outside",
                is_final=True,
            )

    def _record(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], call: Call, draws: Draws, progress: Progress
    ) -> Recording:
        tracer = FunctionTracer()
        output, aux = self._trace(tracer, args, kwargs, call, draws, progress)
        return Recording(output, tracer, aux)

    def _trace(
        self,
        tracer: FunctionTracer,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        call: Call,
        draws: Draws,
        progress: Progress,
    ) -> tuple[Value, Aux | None]:
        progress.at("tracing")
        stand_ins = {id(x): stand_in for x, stand_in in zip(call.values, call.stand_ins)}
        traced = run_traced(self.function, args, kwargs, tracer, self.options.has_aux, stand_ins)
        if (generator := draws.find_source()) is not None:
            raise Untraceable(
                f"it draws random numbers from {generator}, which a program would repeat "
                "at every call: pass them as an argument"
            )
        return traced

    # Programs -------------------------------------------------------------------------------------

    def make(self, call: Call, progress: Progress) -> Program:
        """Make a program for a call.

        Raises:
            TraceError: If a number escapes from the graph.
            Untraceable: If the function has to fall back to eager execution.
        """
        if call.reason:
            raise Untraceable(call.reason, is_final=True)
        for value, stand_in in zip(call.values, call.stand_ins):
            stand_in.data, stand_in.label = value._data, value.label
        value_of.cache_clear()  # a rule of the user's own may read what has changed
        if self.options.backend != "python" and (program := self._for_a_batch(call, progress)) is not None:
            return program
        try:
            first, leaves, guard = self.trace_twice(call.args, call.kwargs, call, progress)
        except (TraceError, Untraceable, MemoryError):
            raise
        except Exception as error:
            raise Untraceable(f"run on Values it raises {type_name(error)}: {error}") from error
        progress.at(f"{len(first.nodes):,} Values traced, the backward pass is emitted")
        plan = self.plan(first, leaves)
        live = set(leaves)
        read = {value for value in first.dependencies if value in live}
        return self._ready(plan, call, read, first.indices, guard, progress)

    def _ready(
        self,
        plan: Plan,
        call: Call,
        read: set[Value],
        indices: set[int],
        guard: Guard,
        progress: Progress,
        general: Any = None,
    ) -> Program:
        progress.at(f"{plan.passes[-1][1]:,} instructions are made ready for {self.options.backend}")
        if (size := len(plan.tape.code)) > MOST_INSTRUCTIONS:
            raise Untraceable(
                f"its program has {size:,} instructions, and the limit is {MOST_INSTRUCTIONS:,}: compile a "
                "part of it, such as one link of a chain",
                is_final=True,
            )
        numbers = self.numbers(plan, call, numbers_of(plan.leaves))
        runner = make_runner(plan, self.options.backend, numbers, self.options.dtype)
        return Program(plan, runner, read, indices, call, guard, general)

    def _for_a_batch(self, call: Call, progress: Progress) -> Program | None:
        """Make a program for a large batch: a few samples are traced twice, all of them once.

        All samples are traced because a later one may have another formula than the first ones, which no
        comparison of numbers finds as long as both formulas give the same number.
        """
        arguments = [*call.args, *call.kwargs.values()]
        batch = Batch.of(arguments)
        if batch is None:
            return None
        split = len(call.args)
        shapes = [*call.key[:split], *[shape for _, shape in call.key[split + 1 : len(arguments) + 1]]]
        key = (*key_of(shapes, batch), None, *call.kwargs, *call.key[len(arguments) + 1 :])
        if key not in self._general or not self._general[key][0].holds():
            few = self._generalized(batch, call, progress)
            if few is None:
                return None
            self._general[key] = few
        guard, tape = self._general[key]
        if tape is None:
            return None
        tracer = tape.tracer(batch, batch.size)
        draws = Draws(guard.reach.generators)
        try:
            output, aux = self._trace(tracer, call.args, call.kwargs, call, draws, progress)
            is_like = aux is None or (tape.transcript.aux is not None and aux.is_like(tape.transcript.aux))
            loss = output._data if is_like and tracer.digest(output, aux) == tape.digest else None
        except Exception:  # traced twice it is raised again, and reported
            loss = None
        finally:
            draws.undo()
        if not guard.holds():
            _restore(guard)
            return None
        if loss is None:
            return None
        indices = tape.indices_for(batch)
        plan = self.complete(tape.transcript_for(batch))
        program = self._ready(plan, call, tape.read, indices, guard, progress, key)
        return program if self._gives(program, call, loss) else None

    def _gives(self, program: Program, call: Call, loss: float) -> bool:
        """Return True if the loss of a program is that of the trace."""
        numbers = self.numbers(program.plan, call, numbers_of(program.plan.leaves))
        losses = program.runner.run(1, numbers).losses
        return bool(losses) and close(losses[0], loss, self.options.dtype)

    def _generalized(
        self, batch: Batch, call: Call, progress: Progress
    ) -> tuple[Guard, General | None] | None:
        """Trace two small batches; return None if that fails, with a tape of None if they differ."""
        recordings: list[Recording] = []
        transcripts: list[Transcript] = []
        guards: list[Guard] = []
        for size in SMALL:
            few = batch.first(size)
            kwargs = dict(zip(call.kwargs, few[len(call.args) :]))
            try:
                recording, leaves, guard = self.trace_twice(few[: len(call.args)], kwargs, call, progress)
            except Exception:  # with all samples it is raised again, and reported
                return None
            if (transcript := self.make_transcript(recording, leaves)) is None:
                return None
            recordings.append(recording)
            transcripts.append(transcript)
            guards.append(guard)
        tape = general(batch, recordings, transcripts)
        if tape is not None:
            self._describe(tape, batch, call, progress)
        return guards[-1], tape if tape is not None and tape.digest else None

    def _describe(self, tape: General, batch: Batch, call: Call, progress: Progress) -> None:
        """Store the structure of a few samples, unless it cannot be described."""
        size = SMALL[-1]
        tracer = tape.tracer(batch, size)
        few = batch.first(size)
        kwargs = dict(zip(call.kwargs, few[len(call.args) :]))
        draws = Draws(())
        try:
            output, aux = self._trace(tracer, few[: len(call.args)], kwargs, call, draws, progress)
            tape.digest = tracer.digest(output, aux)
        except Exception:
            return
        finally:
            draws.undo()
        tape.structures.is_closed = True

    # Warnings -------------------------------------------------------------------------------------

    def warn(self, what: str) -> None:
        """Warn once."""
        message = f"compile({self.name}): {replace_controls(what)}"
        if message not in self.messages:
            self.messages.append(message)
            warnings.warn(message, CompileWarning, stacklevel=_outside())

    def warn_or_raise(self, what: str) -> None:
        """Warn once; raise TraceError if strict."""
        if self.options.strict:
            raise TraceError(f"compile({self.name}): {replace_controls(what)}")
        self.warn(what)

    def warn_of_opaque(self, guard: Guard) -> None:
        """Warn of what the function reads that no guard can compare; raise TraceError if strict."""
        for x, path in guard.reach.opaque:
            kind, remedy = f", a {type_name(x)}", "pass it as an argument, or name it in watch=[…]"
            if callable(x) and not path.isidentifier():
                kind, remedy = "", "call it outside of the function, and pass the result as an argument"
            self.warn_or_raise(
                f"it reads {path}{kind}, which cannot be compared at each call, so that only "
                f"an audit notices a change: {remedy}"
            )


def _restore(guard: Guard) -> None:
    """Give what the function reads the state it had before; raise Untraceable if that is not possible."""
    if not guard.holds() and not guard.restore():
        raise Untraceable(
            f"it changes what it reads, which a program would not: {guard.difference}; the runs that traced "
            "it have done so too, which cannot be undone",
            is_final=True,
        )


def _outside() -> int:
    """Return the ``stacklevel`` at which a warning points to the caller of this package."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level
