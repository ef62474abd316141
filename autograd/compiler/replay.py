"""When to record, replay, check against eager, or fall back to it."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from time import perf_counter
from typing import Any

from ..modes import active, enable_grad, open_modes
from ..system.messages import replace_controls, type_name
from ..tracing import report_escape, resident
from ..user_primitives import added
from ..value import Value
from .audit import Disagreement, Reference
from .backends.choose import ready
from .backends.python import Numbers, Outcome, Row, Runner
from .collector import gc_paused
from .passes.batch_size import SMALL, Batch, General, general, key_of
from .passes.plan import Plan, Traced, completed
from .pickling import FORMAT, by_identity, check_portable
from .progress import Progress
from .record.arguments import Flat, as_floats, described, fingerprint, flatten, surroundings
from .record.trace import Recording, TraceError, Untraceable, drawing_nothing, live_leaves, observes, record

#: Programs of one shape of arguments, for the several ways its comparisons may go.
MOST_VARIANTS = 4
#: After so many recordings a warning says that the arguments keep changing shape.
MANY_RECORDINGS = 32
#: So many programs were dropped for disagreeing with eager, and no more are made.
MOST_DROPPED = 3
#: A program runs for about so many seconds at a time. Ctrl-C takes effect between two stretches, and the
#: steps of those before are kept.
STRETCH = 0.05

#: Reports at level INFO that a function is retraced, and why.
LOG = logging.getLogger("autograd.compiler")

NONE = array("d")

#: What a pickle of a Replay does not include.
_LEFT_BEHIND = {
    "programs", "_eager_reasons", "_outside", "_lock", "_last", "_general", "_done", "_added",
}  # fmt: skip

_CUT = "multiplies 0 by inf behind a branch that is not taken, where eager stops"
_WAY = {"float64": "sums in another order", "float32": "float32"}

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class CompileWarning(RuntimeWarning):
    """A function that was to be compiled runs as it is, or is compiled anew, and why."""


class Program:
    """A plan, the runner of it, and how often it was called."""

    def __init__(
        self,
        plan: Plan,
        runner: Runner,
        read: set[Value],
        indices: set[int],
        call: Call,
        general: Any = None,
    ) -> None:
        self.plan = plan
        self.runner: Runner | None = runner  # None where it was loaded and has not run yet
        self.calls = 0
        self.read = read  # the leaves the result depends on, not only a guard
        self.indices = indices  # the arguments that select something
        self.general = general  # what any size of batch is known by, if it was made of that
        self.key = call.key
        # What the shape knows by its identity must not be freed and another made there.
        self.kept: Any = [call.args, call.kwargs]
        #: What the last step left of the leaves, and what is in ``resident`` while that is what they are.
        self.left: tuple[Row, object] | None = None
        #: The seconds that a step took the last time.
        self.seconds = STRETCH

    def __getstate__(self) -> dict[str, Any]:
        kept = self.kept if by_identity(self.key) else None  # and the next call is an audit
        return self.__dict__ | {"runner": None, "calls": 0, "kept": kept, "left": None}

    def known_again(self) -> None:
        """Give the key the identities that things have after loading."""
        if self.kept is not None:
            args, kwargs = self.kept
            shape = Arguments(args, kwargs, fingerprint=None).shape
            self.key = (*shape, *self.key[len(shape) :])

    def in_a_stretch(self, steps: int) -> int:
        """Return how many of the steps to take before Ctrl-C is looked for."""
        return max(1, min(steps, int(STRETCH / self.seconds)))

    def takes(self, numbers: Sequence[float]) -> bool:
        """Whether what selects is an int."""
        return not self.indices or all(type(numbers[i]) is int for i in self.indices)

    def leaves(self) -> Row:
        """Their numbers, now: read anew if somebody else may have written one since the last step."""
        if self.left is not None and self.left[1] in resident:
            return self.left[0]
        return numbers_of(self.plan.leaves)


def numbers_of(leaves: Iterable[Value]) -> array[float]:
    """The numbers of leaves, now."""
    return as_floats([leaf._data for leaf in leaves])


class Arguments:
    """The arguments of a call as numbers, and their shape; kept for the calls that have the same."""

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any], fingerprint: bytes | None) -> None:
        given = Flat()
        shape = [flatten(a, given) for a in args]
        named = [(name, flatten(a, given)) for name, a in kwargs.items()]
        self.shape: tuple[Any, ...] = (*shape, None, *named)
        self.given: list[float] = given
        self.numbers = as_floats(given)
        self.fingerprint = fingerprint if given.plain else None


class Call:
    """The arguments of a call, as they are and as numbers; ``key`` distinguishes their programs."""

    def __init__(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], read: Arguments, around: tuple[Any, ...]
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.given = read.given
        self.numbers = read.numbers
        self.key: Any = (*read.shape, around)


class Replay(ABC):
    """A function, its programs for each shape of arguments, and why some run as they are.

    What is computed (a step, a Hessian) and what becomes of it a subclass says.
    """

    #: What it is called.
    what = ""

    def __init__(
        self, function: Callable[..., Any], name: str, backend: str, dtype: str, messages: list[str]
    ) -> None:
        self.function = function
        self.name = name
        self.backend = backend
        self.dtype = dtype
        self.messages = messages
        self.programs: dict[Any, list[Program]] = {}
        #: The programs there are, in order, and why each was made.
        self.made: list[tuple[Program, str]] = []
        self._eager_reasons: dict[Any, str] = {}
        self._dropped = 0
        self._recorded = 0
        self._outside = surroundings(function)
        self._lock = Lock()
        self._last: Arguments | None = None
        #: The program that took the last step, with its numbers.
        self._done: tuple[Program, Numbers] | None = None
        #: The primitives that users have added, by their functions.
        self._added = {**added}
        #: Tapes for any size of batch, by the shapes of the arguments but for that; None where there is none.
        self._general: dict[Any, General | None] = {}

    def __getstate__(self) -> dict[str, Any]:
        """With its programs, which are lowered again where they are loaded; see pickling.py."""
        programs = [program for program, _ in self.made]
        given = [program.kept for program in programs if by_identity(program.key)]
        check_portable(self.name, self.function, given, {x for p in programs for x in p.plan.leaves})
        return {k: x for k, x in self.__dict__.items() if k not in _LEFT_BEHIND} | {"format": FORMAT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        current = state.pop("format") == FORMAT
        vars(self).update(state)
        self.programs, self._eager_reasons, self._lock, self._last = {}, {}, Lock(), None
        self._general, self._done, self._added = {}, None, {**added}
        self._outside = surroundings(self.function)
        self.made = self.made if current else []
        for program, _ in self.made:
            program.known_again()

    def move_to(self, backend: str) -> None:
        """Run by this backend what it can run of the programs that were loaded."""
        self.backend = backend
        self.made = [(p, cause) for p, cause in self.made if p.plan.lanes is None or backend != "python"]
        for program, _ in self.made:
            self.programs.setdefault(program.key, []).append(program)

    # What a subclass says -------------------------------------------------------------------------

    @abstractmethod
    def plan(self, recording: Recording, leaves: list[Value]) -> Plan:
        """The recording as instructions for what is wanted."""

    @abstractmethod
    def eager(self, call: Call, leaves: Sequence[Value]) -> Reference:
        """The same by the function itself, for such leaves of a program; nothing is moved."""

    def settle(self, call: Call) -> None:  # noqa: B027
        """Add to the key of the call what else distinguishes programs."""

    def traced(self, recording: Recording, leaves: list[Value]) -> Traced | None:
        """The recording as a tape of which any size of batch may be made, if that is wanted."""
        return None

    def completed(self, found: Traced) -> Plan:
        """Such a tape as instructions for what is wanted."""
        return completed(found, None)

    def numbers(self, plan: Plan, call: Call, leaves: Row) -> Numbers:
        """What the plan reads, now, with those of its leaves."""
        return Numbers(leaves, NONE, NONE, call.numbers)

    def resides(self, plan: Plan) -> bool:
        """Whether the numbers may stay in the program from one call to the next."""
        return False

    def numbers_of_settings(self, plan: Plan) -> array[float]:
        """The settings the plan reads, now."""
        return NONE

    def at_once(self, steps: int, plan: Plan) -> int:
        """How many steps the program may take without coming back."""
        return steps

    def commit(self, outcome: Outcome, numbers: Numbers, program: Program) -> None:  # noqa: B027
        """What is to be done once a program has its numbers."""

    def finish(self) -> None:  # noqa: B027
        """What is to be done once the function itself was run."""

    # One call -------------------------------------------------------------------------------------

    def called(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """A call with these arguments."""
        if active:
            report_escape(None, "a compiled step")
        read, found = self._last, fingerprint(args, kwargs)
        if read is None or found is None or found != read.fingerprint:
            self._last = read = Arguments(args, kwargs, found)
        return Call(args, kwargs, read, self._outside())

    def _is_replaced(self) -> bool:
        """Return True if ``primitive()`` has replaced one of the primitives there were before."""
        return any(added.get(name, function) is not function for name, function in self._added.items())

    def _drop_replaced(self) -> None:
        """Drop all programs if they may contain a primitive that has been replaced."""
        if self._is_replaced():
            for found in (self.programs, self._general, self._eager_reasons):
                found.clear()
            self.made.clear()
        self._added |= added

    def take(self, steps: int, call: Call) -> list[Outcome]:
        """Steps, in one or several goes."""
        with self._lock:
            return self._taken(steps, call)

    def _taken(self, steps: int, call: Call) -> list[Outcome]:
        if added:
            self._drop_replaced()
        self.settle(call)
        outcomes: list[Outcome] = []
        left = steps
        current: Program | None = None
        while left > 0:
            self._done = None
            go = self._run_eager(call) if self._is_eager(call) else self._advance(left, call, current)
            outcomes.append(go)
            left -= len(go.losses)
            done: tuple[Program, Numbers] | None = vars(self)["_done"]  # set on the way
            current = done[0] if done is not None else None
        return outcomes

    def take_each(self, calls: Iterable[Call]) -> list[Outcome]:
        """A step for each call. What moves stays in a program as long as the next call is one of it."""
        outcomes: list[Outcome] = []
        current: tuple[Program, Any, Outcome, Numbers] | None = None
        with self._lock:
            try:
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
                        self._done = None
                        outcome = self._run_eager(call) if self._is_eager(call) else self._advance(1, call)
                        done: tuple[Program, Numbers] | None = vars(self)["_done"]  # set on the way
                        if done is not None and self.resides(done[0].plan):
                            program, numbers = done
                            current = program, shape, outcome, numbers
                    else:
                        current = (*current[:2], outcome, current[3])
                    outcomes.append(outcome)
            finally:
                if current is not None:
                    self.commit(current[2], current[3], current[0])
        return outcomes

    def _is_eager(self, call: Call) -> bool:
        """Return True if the call falls back: detect_anomaly() and its like see the numbers of Values."""
        return call.key in self._eager_reasons or bool(active and any(map(observes, open_modes())))

    def _go_on(self, current: tuple[Program, Any, Outcome, Numbers], call: Call) -> Outcome | None:
        """A step from where the last one left the numbers; None where that is not enough."""
        program, shape, _, numbers = current
        calls = program.calls + 1
        if call.key != shape or calls & (calls - 1) == 0 or not program.takes(call.given):
            return None
        if added and self._is_replaced():
            return None
        numbers.inputs = call.numbers
        numbers.settings = self.numbers_of_settings(program.plan)
        outcome = self._run(1, program, numbers)
        if not outcome.losses:
            return None
        program.calls = calls
        return outcome

    def _advance(self, steps: int, call: Call, current: Program | None = None) -> Outcome:
        """At least one step, and at most ``steps``; fewer where a guard fails or an audit is due.

        ``current`` is the program that took the last stretch of the same call, which is not counted again.
        """
        variants = self.programs.setdefault(call.key, [])
        for program in variants:
            if not program.takes(call.given):
                continue
            calls = program.calls + (program is not current)
            audited = program is not current and calls & (calls - 1) == 0  # call 1, 2, 4, 8, …
            numbers = self.numbers(program.plan, call, program.leaves())
            most = 1 if audited else program.in_a_stretch(self.at_once(steps, program.plan))
            outcome = self._run(most, program, numbers)
            if not outcome.losses:
                continue
            program.calls = calls
            if audited:
                return self._audited(outcome, numbers, program, call)
            self.commit(outcome, numbers, program)
            self._done = program, numbers
            return outcome
        if len(variants) == MOST_VARIANTS:
            self.warn(
                f"its comparisons go other ways than in {MOST_VARIANTS} programs; such calls run as they are"
            )
            return self._run_eager(call)
        try:
            cause = self._cause(call)
            with Progress(self.name) as progress, gc_paused():
                variants.append(self._make(call, progress))
            self.made.append((variants[-1], cause))
            if len(self.made) > 1:
                LOG.info("compile(%s): recorded anew: %s", self.name, cause)
        except Untraceable as reason:
            outcome = self._run_eager(call)  # first: what the function itself raises is the user's
            self._eager_reasons[call.key] = str(reason)
            self.warn(f"runs as it is: {reason}")
            return outcome
        return self._advance(steps, call)

    def _run(self, steps: int, program: Program, numbers: Numbers) -> Outcome:
        program.left = None  # until what it moves is written
        if program.calls and program.runner is not None:
            start = perf_counter()
            outcome = program.runner.run(steps, numbers)
            taken = max(1, len(outcome.losses))  # fewer than the steps where a guard failed
            program.seconds = (perf_counter() - start) / taken or program.seconds
            return outcome
        with Progress(self.name) as progress:  # numba may have to compile its interpreter
            progress.at(f"{self.backend} gets ready")
            if program.runner is None:
                program.runner = ready(program.plan, self.backend, numbers, self.dtype)
            return program.runner.run(steps, numbers)

    def _run_eager(self, call: Call) -> Outcome:
        reference = self.eager(call, ())
        self.finish()
        return Outcome([reference.output._data], [*reference.gradients])

    def _audited(self, outcome: Outcome, numbers: Numbers, program: Program, call: Call) -> Outcome:
        """Take a step that the program has worked out, if eager says the same; else eager's."""
        reference = self.eager(call, program.plan.leaves)
        try:
            reference.check(outcome, program.read, self.dtype)
        except Disagreement as difference:
            if program.general is not None and program.calls == 1:
                # The samples are not alike after all: they are recorded as they are, the next time.
                self._general[program.general] = None
                self.programs[call.key].remove(program)
                self.made = [pair for pair in self.made if pair[0] is not program]
                self.finish()
                return Outcome([reference.output._data], [*reference.gradients])
            self._general.clear()
            self.programs.clear()  # what changed outside may be a constant of every program
            self.made.clear()
            self._dropped += 1
            last = program.calls // 2
            since = f"; calls since number {last} may have been wrong" if last else ""
            again = self._dropped < MOST_DROPPED and program.calls > 1
            then = "it is compiled anew" if again else "such calls run as they are from now on"
            cause = _CUT if difference.is_cut else f"is too ill-conditioned for {_WAY[self.dtype]}"
            self.warn(
                f"in call {program.calls} {difference}: it depends on something outside that changed, "
                f"or {cause}{since}; {then}"
            )
            if not again:
                self._eager_reasons[call.key] = str(difference)
            self.finish()
            return Outcome([reference.output._data], [*reference.gradients])
        self.commit(outcome, numbers, program)
        return outcome

    # Making programs ------------------------------------------------------------------------------

    def _recordings(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], progress: Progress
    ) -> tuple[Recording, list[Value]]:
        """The function recorded twice, so that what is not the same is noticed, and the leaves it uses."""

        def recording() -> Recording:
            progress.at("recording")
            with enable_grad():
                return record(self.function, args, kwargs)

        first, second = (drawing_nothing(recording) for _ in range(2))
        return first, live_leaves(first, second)

    def _for_any_size(self, call: Call, progress: Progress) -> Program | None:
        """A program for a batch of this size, made of two small ones."""
        arguments = [*call.args, *call.kwargs.values()]
        batch = Batch.of(arguments)
        if batch is None or self.programs[call.key]:
            return None
        split = len(call.args)
        shapes = [*call.key[:split], *[shape for _, shape in call.key[split + 1 : len(arguments) + 1]]]
        key = (*key_of(shapes, batch), None, *call.kwargs, *call.key[len(arguments) + 1 :])
        if key not in self._general:
            self._general[key] = self._generalised(batch, call, progress)
        if (found := self._general[key]) is None:
            return None
        made = self.completed(found.traced_for(batch))
        progress.at(f"{made.passes[-1][1]:,} instructions are made ready for {self.backend}")
        runner = ready(made, self.backend, self.numbers(made, call, numbers_of(made.leaves)), self.dtype)
        return Program(made, runner, found.read, found.indices_for(batch), call, key)

    def _generalised(self, batch: Batch, call: Call, progress: Progress) -> General | None:
        recordings: list[Recording] = []
        traces: list[Traced] = []
        for size in SMALL:
            few = batch.first(size)
            named = dict(zip(call.kwargs, few[len(call.args) :]))
            try:
                recording, leaves = self._recordings(few[: len(call.args)], named, progress)
            except Exception:  # whatever it is: with all samples it is raised again, and reported
                return None
            if (found := self.traced(recording, leaves)) is None:
                return None
            recordings.append(recording)
            traces.append(found)
        return general(batch, recordings, traces)

    def _make(self, call: Call, progress: Progress) -> Program:
        if self.backend != "python" and (program := self._for_any_size(call, progress)) is not None:
            return program
        try:
            first, leaves = self._recordings(call.args, call.kwargs, progress)
        except (TraceError, Untraceable, MemoryError):
            raise
        except Exception as error:
            raise Untraceable(f"run on Values it raises {type_name(error)}: {error}") from error
        progress.at(f"{len(first.nodes):,} Values recorded, the backward pass is emitted")
        made = self.plan(first, leaves)
        self._recorded += 1
        if self._recorded == MANY_RECORDINGS:
            self.warn(
                f"it was recorded {MANY_RECORDINGS} times, because lengths of the arguments, the Values or "
                "objects among them, or numbers outside of it keep changing; each time takes long"
            )
        live = set(leaves)
        read = {value for value in first.reached if value in live}
        progress.at(f"{made.passes[-1][1]:,} instructions are made ready for {self.backend}")
        runner = ready(made, self.backend, self.numbers(made, call, numbers_of(made.leaves)), self.dtype)
        return Program(made, runner, read, first.indices, call)

    def _cause(self, call: Call) -> str:
        """Why there is no program yet for such a call."""
        if self._recorded == 0:
            return "for the first call"
        if not self.made:
            return "for something outside changed"
        if self.programs[call.key]:
            return "for a comparison went the other way"
        before = self.made[-1][0].key
        for i, (now, then) in enumerate(zip(call.key, before)):
            if now != then and i < len(call.args):
                return f"for argument {i + 1} is {described(now)}, not {described(then)}"
        return "for other arguments, or something outside changed"

    def warn(self, what: str) -> None:
        """Warn once."""
        message = f"compile({self.name}): {replace_controls(what)}"
        if message not in self.messages:
            self.messages.append(message)
            warnings.warn(message, CompileWarning, stacklevel=_outside())


def _outside() -> int:
    """How many frames up, counted as warnings are, somebody called this package."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level
