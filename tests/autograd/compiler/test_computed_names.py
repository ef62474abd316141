"""Attributes and variables that a function reads by a computed name, which its bytecode does not show."""

import collections
import operator
import types
from collections.abc import Callable
from typing import Any

import pytest

from autograd import Value
from autograd.compiler.guards.names import names_in

from ..._support.outside import RATES, Case, Config, check_every_call, on, registry

CASES, case = registry()

rate_a = 0.5
KEY = "a"


def scaled_a(v: Value) -> Value:
    return v * rate_a


def set_rate(i: int) -> None:
    globals()["rate_a"] = RATES[i]


class Losses:
    kind = "l2"

    def __init__(self) -> None:
        self.config = Config()

    def loss_l2(self, v: Value) -> Value:
        return v * self.config.beta

    def __call__(self, v: Value) -> Value:
        loss: Value = getattr(self, f"loss_{self.kind}")(v)
        return loss


@case
def attribute_that_a_method_reads() -> Case:
    losses = Losses()
    return on(Value(2.0), losses, lambda i: setattr(losses.config, "beta", RATES[i]))


@case
def method_that_is_replaced() -> Case:
    class Local(Losses):
        def loss_l2(self, v: Value) -> Value:
            return v * 0.5

    return on(Value(2.0), Local(), lambda i: setattr(Local, "loss_l2", lambda self, v: v * RATES[i]))


@case
def attribute_of_a_module() -> Case:
    module = types.ModuleType("glassgrad_test_rates")
    module.rate_a = 0.5  # type: ignore[attr-defined]
    return on(
        Value(2.0),
        lambda v: v * getattr(module, "rate_" + KEY),
        lambda i: setattr(module, "rate_a", RATES[i]),
    )


@case
def attribute_of_a_module_among_its_variables() -> Case:
    module = types.ModuleType("glassgrad_test_rates")
    module.rate_a = 0.5  # type: ignore[attr-defined]
    return on(
        Value(2.0), lambda v: v * vars(module)["rate_" + KEY], lambda i: setattr(module, "rate_a", RATES[i])
    )


@case
def variable() -> Case:
    globals()["rate_a"] = 0.5
    return on(Value(2.0), lambda v: v * globals()["rate_" + KEY], set_rate)


@case
def variable_that_a_function_reads() -> Case:
    globals()["rate_a"] = 0.5
    return on(Value(2.0), lambda v: globals()["scaled_" + KEY](v), set_rate)


@case
def variable_in_text() -> Case:
    globals()["rate_a"] = 0.5
    texts = {"rate": "rate_a * 2"}
    return on(Value(2.0), lambda v: v * eval(texts["rate"]), set_rate)


@case
def attribute_that_is_added() -> Case:
    config = types.SimpleNamespace()
    return on(
        Value(2.0),
        lambda v: v * (2.0 if hasattr(config, "rate_" + KEY) else 1.0),
        lambda i: (setattr, delattr)[i](config, "rate_a", *[1.0][i:]),  # type: ignore[operator]
    )


@case
def method_by_a_caller() -> Case:
    class Local:
        def scale(self, v: Value) -> Value:
            return v * table["rate"]

    table, names, losses = {"rate": 0.5}, {"method": "scale"}, Local()
    return on(
        Value(2.0),
        lambda v: operator.methodcaller(names["method"], v)(losses),
        lambda i: table.update(rate=RATES[i]),
    )


@case
def attribute_in_a_format() -> Case:
    config, texts = Config(), {"beta": "{0.beta}"}
    return on(
        Value(2.0),
        lambda v: v * float(texts["beta"].format(config)),
        lambda i: setattr(config, "beta", RATES[i]),
    )


@pytest.mark.parametrize("name", CASES)
def test_change_is_seen_at_the_next_call(name: str) -> None:
    check_every_call(CASES[name]())


KNOWN: list[Callable[..., Any]] = [
    lambda x: getattr(x, "a"),  # noqa: B009
    lambda x: getattr(x.b, "a", None),
    lambda x, f: getattr(x, "a", f(1, 2)),
    lambda x: getattr(x, "a", x.k) + getattr(x.c, "b", 0.0),
    lambda x: x.f(hasattr(x, "a"), 2),
    lambda x: "{} {}".format(x, x),  # noqa: UP032
]
COMPUTED: list[Callable[..., Any]] = [
    lambda x: getattr(x, f"a{x.k}"),
    lambda x: getattr(x, f"{x.k}_a", None),
    lambda x, name: getattr(x, name),
    lambda x, k: getattr(x, "a" + k),
    lambda x, k: hasattr(x, "a%s" % k),  # noqa: UP031
    lambda x: getattr(x, "a" if x.c else "b"),
    lambda x: getattr(x, "a".upper()),
    lambda x, text: text.format(x),
]


def test_constant_names_differ_from_computed_names() -> None:
    assert [*map(bool, (names_in(f.__code__).dynamic for f in KNOWN))] == [False] * len(KNOWN)
    assert [*map(bool, (names_in(f.__code__).dynamic for f in COMPUTED))] == [True] * len(COMPUTED)


def test_attributes_are_known_by_their_owner() -> None:
    def f(x: Any) -> Any:
        return x.walk() + collections.deque(getattr(collections, "abc"))  # noqa: B009

    assert {("", "walk"), ("collections", "deque"), ("", "abc")} <= names_in(f.__code__).pairs
    assert ("collections", "walk") not in names_in(f.__code__).pairs
