"""The rule of an optimizer, and whether programs may apply it in place of the optimizer's step()."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from operator import is_
from random import Random
from types import MethodType
from typing import Any

from ..system.messages import type_name
from ..value import Value
from .audit import close
from .guards.draws import Draws
from .guards.guard import Guard
from .ir.patterns import Pattern
from .ir.tape import run_instruction
from .passes.plan import Update, rule_of, shareable_state
from .record.arguments import fingerprint, kind_of

#: The methods that must be those of ``nn``, so that step() does nothing but apply the rule.
_METHODS = ("step", "zero_grad", "hyperparameters")
#: The attributes that step() reads besides the hyperparameters.
_READ = ("parameters", "state", "hyperparameter_names")
#: So many numbers are tried on a rule, to compare its instructions with it.
_TRIALS = 8


class Rule:
    """The rule of an optimizer, with all that decides whether step() applies it.

    The rule is compiled only if the optimizer's methods are those of ``nn``; if it depends on nothing but its
    arguments and what a guard compares; and if its instructions give what it gives on floats. If not,
    ``reason`` says why, and step() has to be called.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.rule = getattr(kind_of(optimizer), "rule", None)
        self.reason = _overridden(optimizer) if self.rule is not None else ""
        self._names = (*_METHODS, *_READ, "clip_rule", *getattr(optimizer, "hyperparameter_names", ()))
        self._parts = self._current_parts()
        self._guard: Guard | None = None
        if self.rule is not None and not self.reason:
            self._guard = Guard([("rule", self.rule)])
            self.reason = _unguarded(self._guard)
        #: By the fixed hyperparameters: the indices of state numbers that parameters may share.
        self._shareable: dict[Any, tuple[int, ...]] = {}

    def holds(self) -> bool:
        """Return True if the optimizer has the same class and methods, and the rule reads the same."""
        if not all(map(is_, self._current_parts(), self._parts)):
            return False
        return self._guard is None or self._guard.holds()

    def _current_parts(self) -> list[Any]:
        """Return what decides how step() works, to be compared by identity."""
        optimizer = self.optimizer
        kind, own = kind_of(optimizer), _attributes_of(optimizer)
        rule: Any = getattr(kind, "rule", None)
        owner: Any = None
        if isinstance(rule, MethodType):  # a new one at each access
            rule, owner = rule.__func__, rule.__self__
        parts = [kind, rule, owner, "step" in own, "zero_grad" in own, own.get("hyperparameter_names")]
        return parts + [getattr(kind, name, None) for name in self._names]

    def update(self, parameters: list[Value]) -> Update | None:
        """Return the update with the current hyperparameters; None if step() has to be called."""
        if self.rule is None or self.reason:
            return None
        optimizer = self.optimizer
        fixed = {**optimizer.hyperparameters}
        has_lr = fixed.pop("lr", None) is not None
        content = fingerprint((), fixed)
        if content is None:
            self.give_up("a hyperparameter is not a number or string")
            return None
        if len(optimizer.state) != len(parameters):
            return None  # step() updates as many parameters as there are states
        width = len(optimizer.state[0])
        key = content, width, has_lr
        update = Update(parameters, self.rule, width, has_lr, fixed, key)
        if key not in self._shareable:
            try:
                self._shareable[key] = self._tried(update)
            except MemoryError:
                raise
            except Exception as error:  # a rule of the user's own may raise anything
                self.give_up(f"its rule cannot be traced: {error}")
                return None
        update.shared = tuple(
            [j for j in self._shareable[key] if _are_equal([row[j] for row in optimizer.state])]
        )
        return update

    def give_up(self, reason: str) -> None:
        """Have step() called until the class or a method changes."""
        self.reason, self._guard = reason, None

    def _tried(self, update: Update) -> tuple[int, ...]:
        """Return the state numbers that parameters may share, after a trial of the rule."""
        assert self._guard is not None
        draws = Draws(self._guard.reach.generators)
        try:
            pattern = rule_of(update)
            agrees = all(_agrees(pattern, update, Random(i)) for i in range(_TRIALS))
            source = draws.find_source()
        finally:
            draws.undo()
        if source is not None:
            raise ValueError(f"it draws random numbers from {source}")
        if not self._guard.holds():
            raise ValueError(f"it changes what it reads: {self._guard.difference}")
        if not agrees:
            raise ValueError("it computes something else on floats")
        return shareable_state(pattern, update)


def _attributes_of(optimizer: Any) -> dict[str, Any]:
    return getattr(optimizer, "__dict__", {})


def _overridden(optimizer: Any) -> str:
    """Return a reason if step() may do anything else than apply the rule."""
    kind = kind_of(optimizer)
    for name in _METHODS:
        if name in _attributes_of(optimizer) or not _is_of_nn(getattr(kind, name, None)):
            return f"{type_name(optimizer)}.{name} is not that of nn.Optimizer"
    for name in (*_READ, *optimizer.hyperparameter_names):
        part = getattr(kind, name, None)
        if hasattr(part, "__get__") and not _is_of_nn(part):
            return f"{type_name(optimizer)}.{name} is computed"
    if hasattr(kind, "__getattr__") or kind.__getattribute__ is not object.__getattribute__:
        return f"the attributes of {type_name(optimizer)} are computed"
    return ""


def _is_of_nn(part: Any) -> bool:
    """Return True for a method or property that nn defines: by its code, which a wrapper does not copy."""
    code = getattr(getattr(part, "fget", part), "__code__", None)
    module = sys.modules.get("nn.optim.optimizers")
    return code is not None and module is not None and code.co_filename == module.__file__


def _unguarded(guard: Guard) -> str:
    """Return a reason if the rule reads what no guard can compare, or draws random numbers."""
    for source in guard.reach.fresh:
        return f"its rule draws random numbers from {source}"
    for _, path in guard.reach.opaque:
        return f"its rule reads {path}, which cannot be compared at each call"
    return ""


def _agrees(pattern: Pattern, update: Update, rng: Random) -> bool:
    """Compare the instructions of a rule with the rule on some floats."""
    numbers = [rng.uniform(-2.0, 2.0), rng.uniform(-2.0, 2.0)]
    numbers += [rng.random() for _ in range(pattern.count - 2)]
    settings = {"lr": numbers[-1]} if update.has_lr else {}
    try:
        expected = [*update.rule(*numbers[: 2 + update.width], **settings, **update.fixed)]
    except (ZeroDivisionError, OverflowError):  # step() applies the rule to Values instead
        return True
    for operation, operands in pattern.code:
        if operation == "const":
            numbers.append(operands[0])
        else:
            read: tuple[int, ...] = operands
            numbers.append(run_instruction(operation, [numbers[i] for i in read]))
    actual = [numbers[i] for i in pattern.results]
    return len(actual) == len(expected) and all(close(a, b, "float64", 1.0) for a, b in zip(actual, expected))


def _are_equal(numbers: Sequence[float]) -> bool:
    """Return True if all numbers are equal, with zeros of the same sign."""
    return numbers.count(numbers[0]) == len(numbers) and (
        numbers[0] != 0.0 or len({*map(repr, numbers)}) == 1
    )
