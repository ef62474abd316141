"""A function reads from outside what changes at calls 131 and 601 of 700, which no audit falls on.

Each call must give what eager execution gives, to 1e-12. What can be guarded changes without a warning; of
what cannot, a warning at the first call names it.
"""

import argparse
import array
import collections
import collections.abc
import contextvars
import dataclasses
import enum
import functools
import itertools
import math
import operator
import os
import random
import re
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import autograd
import nn
from autograd import CompileWarning, TraceError, Value, compile
from autograd.compiler import program

from ..._support.compiled import BACKENDS

CALLS, CHANGES = 700, (131, 601)

RATE = 0.5
PAIR = (0.5, 2.0)


def helper(v: Value) -> Value:
    return v * RATE


def helped(v: Value) -> Value:
    return helper(v) + 1.0


def with_pair(v: Value) -> Value:
    return v * PAIR[0] + PAIR[1]


def scaled(v: Value, by: list[float] = [0.5]) -> Value:  # noqa: B006
    return v * by[0]


def with_keyword(v: Value, *, by: float = 0.5) -> Value:
    return v * by


@dataclasses.dataclass
class Config:
    beta: float = 0.5
    items: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])


@dataclasses.dataclass(frozen=True)
class Frozen:
    beta: float = 0.5


class Settings:
    beta = 0.5


class Special(Settings):
    pass


class Slots:
    __slots__ = ("beta",)

    def __init__(self) -> None:
        self.beta = 0.5


class Point(NamedTuple):
    beta: float


class Kind(enum.Enum):
    SQUARE, LINE = 1, 2


class Derived:
    def __init__(self) -> None:
        self._half = 0.25

    @property
    def beta(self) -> float:
        return 2.0 * self._half

    def __getitem__(self, key: str) -> float:
        return self._half

    def scale(self, v: Value) -> Value:
        return v * self._half


class Missing:
    def __init__(self) -> None:
        self.known = {"beta": 0.5}

    def __getattr__(self, name: str) -> Any:
        return self.known[name]


class Gate(nn.Module):
    """A module of the user's own, which decides by its mode."""

    def __init__(self) -> None:
        self.w = nn.Parameter(2.0)
        self.gain = 0.5

    def __call__(self, x: Any) -> Value:
        return self.w * x if self.training else self.w * self.w * x * self.gain


class Trainer:
    def __init__(self) -> None:
        self.w, self.beta, self.steps = Value(2.0), 0.5, 0
        self.history: list[float] = []

    def loss(self, x: Any) -> Value:
        return self.w * x * self.beta

    def __call__(self, x: Any) -> Value:
        return self.loss(x)


class Made(NamedTuple):
    """A function of x, the leaves it uses, and what changes outside: ``change(i)`` for the i-th time."""

    function: Callable[..., Any]
    leaves: Callable[[], Sequence[Value]]
    change: Callable[[int], object]


CASES: dict[str, Callable[[], Made]] = {}
NEW = (2.0, -3.0)  # what takes the place of 0.5


def case(make: Callable[[], Made]) -> Callable[[], Made]:
    CASES[make.__name__] = make
    return make


def on(w: Value, by: Callable[[Any], Any], change: Callable[[int], object]) -> Made:
    return Made(lambda x: by(w * x), lambda: [w], change)


@case
def attribute() -> Made:
    config = Config()
    return on(Value(2.0), lambda v: v * config.beta, lambda i: setattr(config, "beta", NEW[i]))


@case
def attribute_of_an_attribute() -> Made:
    outer = types.SimpleNamespace(inner=Config())
    return on(Value(2.0), lambda v: v * outer.inner.beta, lambda i: setattr(outer.inner, "beta", NEW[i]))


@case
def object_that_is_exchanged() -> Made:
    outer = types.SimpleNamespace(inner=Config())
    return on(Value(2.0), lambda v: v * outer.inner.beta, lambda i: setattr(outer, "inner", Config(NEW[i])))


@case
def frozen_dataclass_that_is_replaced() -> Made:
    box = [Frozen()]
    return on(
        Value(2.0),
        lambda v: v * box[0].beta,
        lambda i: box.__setitem__(0, dataclasses.replace(box[0], beta=NEW[i])),
    )


@case
def item_of_a_dict() -> Made:
    config = {"b": 0.5, "other": 1.0}
    return on(Value(2.0), lambda v: v * config["b"], lambda i: config.update(b=NEW[i]))


@case
def item_that_is_added() -> Made:
    config: dict[str, float] = {}
    return on(Value(2.0), lambda v: v * config.get("b", 0.5), lambda i: config.update(b=NEW[i]))


@case
def nested_items() -> Made:
    config = {"a": [{"b": 0.5}, Value(1.0)]}
    inner: Any = config["a"][0]
    return on(Value(2.0), lambda v: v * config["a"][0]["b"], lambda i: inner.update(b=NEW[i]))  # type: ignore[index,operator]


@case
def item_of_a_list() -> Made:
    rates = [1.0, 0.5]
    return on(Value(2.0), lambda v: v * rates[1], lambda i: rates.__setitem__(1, NEW[i]))


@case
def list_that_grows() -> Made:
    rates = [0.5]
    return on(Value(2.0), lambda v: autograd.sum([v * r for r in rates]), lambda i: rates.append(NEW[i]))


@case
def numbers_beside_values() -> Made:
    mixed = [Value(3.0), 0.5]
    return on(Value(2.0), lambda v: v * mixed[1] + mixed[0], lambda i: mixed.__setitem__(1, NEW[i]))


@case
def sign_of_a_zero() -> Made:
    config = {"zero": 0.0, "w": Value(1.0)}
    return on(Value(2.0), lambda v: 1.0 / (v * config["zero"]), lambda i: config.update(zero=(-0.0, 0.0)[i]))


@case
def sign_of_a_zero_in_an_attribute() -> Made:
    config = Config(0.0)
    return on(
        Value(2.0), lambda v: 1.0 / (v * config.beta), lambda i: setattr(config, "beta", (-0.0, 0.0)[i])
    )


@case
def slots() -> Made:
    config = Slots()
    return on(Value(2.0), lambda v: v * config.beta, lambda i: setattr(config, "beta", NEW[i]))


@case
def class_attribute() -> Made:
    class Local:
        beta = 0.5

    return on(Value(2.0), lambda v: v * Local.beta, lambda i: setattr(Local, "beta", NEW[i]))


@case
def inherited_class_attribute() -> Made:
    special = Special()
    Settings.beta = 0.5
    return on(Value(2.0), lambda v: v * special.beta, lambda i: setattr(Settings, "beta", NEW[i]))


@case
def attribute_that_hides_a_class_attribute() -> Made:
    Settings.beta = 0.5
    special = Special()
    return on(Value(2.0), lambda v: v * special.beta, lambda i: setattr(special, "beta", NEW[i]))


@case
def attribute_behind_a_property() -> Made:
    derived = Derived()
    return on(Value(2.0), lambda v: v * derived.beta, lambda i: setattr(derived, "_half", NEW[i]))


@case
def attribute_behind_an_operator() -> Made:
    derived = Derived()
    return on(Value(2.0), lambda v: v * derived["any"], lambda i: setattr(derived, "_half", NEW[i]))


@case
def attribute_behind_getattr() -> Made:
    missing = Missing()
    return on(Value(2.0), lambda v: v * missing.beta, lambda i: missing.known.update(beta=NEW[i]))


@case
def attribute_by_a_computed_name() -> Made:
    config = Config()
    return on(
        Value(2.0), lambda v: v * getattr(config, "be" + "ta"), lambda i: setattr(config, "beta", NEW[i])
    )


@case
def all_attributes() -> Made:
    config = types.SimpleNamespace(a=0.5, b=1.0)
    return on(
        Value(2.0), lambda v: v * math.fsum(vars(config).values()), lambda i: setattr(config, "a", NEW[i])
    )


@case
def attribute_by_a_getter() -> Made:
    config, read = Config(), operator.attrgetter("beta")
    return on(Value(2.0), lambda v: v * read(config), lambda i: setattr(config, "beta", NEW[i]))


@case
def text_of_an_object() -> Made:
    class Local:
        def __init__(self) -> None:
            self.number = 0.5

        def __str__(self) -> str:
            return str(self.number)

    config = Local()
    return on(Value(2.0), lambda v: v * float(f"{config}"), lambda i: setattr(config, "number", NEW[i]))


@case
def text_made_by_percent() -> Made:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * float(("%s" % config).split("=")[1].split(",")[0]),  # noqa: UP031
        lambda i: setattr(config, "beta", NEW[i]),
    )


@case
def text_made_by_format() -> Made:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * float("{}".format(config).split("=")[1].split(",")[0]),  # noqa: UP032
        lambda i: setattr(config, "beta", NEW[i]),
    )


@case
def attribute_named_in_a_format() -> Made:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * float("{0.beta}".format(config)),  # noqa: UP030, UP032
        lambda i: setattr(config, "beta", NEW[i]),
    )


@case
def library_function_by_another_name() -> Made:
    config, as_dict = Config(), dataclasses.asdict
    return on(
        Value(2.0),
        lambda v: v * next(iter(as_dict(config).values())),
        lambda i: setattr(config, "beta", NEW[i]),
    )


@case
def builtin_function_by_another_name() -> Made:
    config, read = Config(), getattr
    return on(Value(2.0), lambda v: v * read(config, "be" + "ta"), lambda i: setattr(config, "beta", NEW[i]))


@case
def attribute_by_getattribute() -> Made:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * object.__getattribute__(config, "be" + "ta"),
        lambda i: setattr(config, "beta", NEW[i]),
    )


@case
def global_by_its_name() -> Made:
    globals()["RATE"] = 0.5
    return on(Value(2.0), lambda v: v * globals()["RATE"], lambda i: globals().update(RATE=NEW[i]))


@case
def global_in_evaluated_text() -> Made:
    globals()["RATE"] = 0.5
    return on(Value(2.0), lambda v: v * eval("RATE + 1.0"), lambda i: globals().update(RATE=NEW[i]))


@case
def environment_by_getenv() -> Made:
    os.environ["GLASSGRAD_TEST"] = "0.5"
    return on(
        Value(2.0),
        lambda v: v * float(os.getenv("GLASSGRAD_TEST") or 0.0),
        lambda i: os.environ.update(GLASSGRAD_TEST=str(NEW[i])),
    )


@case
def constructor_of_a_class_that_no_code_names() -> Made:
    config = Config()

    class Local:
        def __init__(self) -> None:
            self.number = config.beta

        def again(self) -> Any:
            return type(self)()

        @classmethod
        def new(cls) -> Any:
            return cls()

    local = Local()
    return on(
        Value(2.0),
        lambda v: v * local.again().number + local.new().number,
        lambda i: setattr(config, "beta", NEW[i]),
    )


@case
def assignment_to_an_item() -> Made:
    config = Config()

    class Local(dict[str, Value]):
        def __setitem__(self, key: str, v: Value) -> None:
            super().__setitem__(key, v * config.beta)

    def scale(v: Value) -> Value:
        found = Local()
        found["v"] = v
        return found["v"]

    return on(Value(2.0), scale, lambda i: setattr(config, "beta", NEW[i]))


@case
def namespace_of_arguments() -> Made:
    args = argparse.Namespace(beta=0.5)
    return on(Value(2.0), lambda v: v * args.beta, lambda i: setattr(args, "beta", NEW[i]))


@case
def namedtuple_that_is_replaced() -> Made:
    box = {"p": Point(0.5)}
    return on(Value(2.0), lambda v: v * box["p"].beta, lambda i: box.update(p=Point(NEW[i])))


@case
def choice_of_an_enum() -> Made:
    box = [Kind.LINE]
    return on(
        Value(2.0),
        lambda v: v * v if box[0] is Kind.SQUARE else v,
        lambda i: box.__setitem__(0, (Kind.SQUARE, Kind.LINE)[i]),
    )


@case
def choice_of_a_string() -> Made:
    config = Config()
    config.items["kind"] = "line"
    return on(
        Value(2.0),
        lambda v: v * v if config.items["kind"] == "square" else v,
        lambda i: config.items.update(kind=("square", "line")[i]),
    )


@case
def member_of_a_set() -> Made:
    flags = {"line"}
    return on(
        Value(2.0), lambda v: v * v if "square" in flags else v, lambda i: flags.add(("square", "cube")[i])
    )


@case
def item_of_a_deque() -> Made:
    rates = collections.deque([0.5, Value(1.0)])
    return on(Value(2.0), lambda v: v * rates[0], lambda i: rates.__setitem__(0, NEW[i]))


@case
def item_of_an_array() -> Made:
    rates = array.array("d", [0.5])
    return on(Value(2.0), lambda v: v * rates[0], lambda i: rates.__setitem__(0, NEW[i]))


@case
def view_of_a_dict() -> Made:
    config = {"b": 0.5}
    view = types.MappingProxyType(config)
    return on(Value(2.0), lambda v: v * view["b"], lambda i: config.update(b=NEW[i]))


@case
def mapping_of_the_users_own() -> Made:
    class Local(collections.UserDict[str, float]):
        pass

    config = Local(b=0.5)
    return on(Value(2.0), lambda v: v * config["b"], lambda i: config.update(b=NEW[i]))


@case
def sequence_of_the_users_own() -> Made:
    class Local(collections.abc.Sequence[float]):
        def __init__(self) -> None:
            self.numbers = [0.5]

        def __getitem__(self, i: Any) -> Any:
            return self.numbers[i]

        def __len__(self) -> int:
            return len(self.numbers)

    rates = Local()
    return on(
        Value(2.0), lambda v: autograd.sum([v * r for r in rates]), lambda i: rates.numbers.append(NEW[i])
    )


@case
def environment() -> Made:
    os.environ["GLASSGRAD_TEST"] = "0.5"
    return on(
        Value(2.0),
        lambda v: v * float(os.environ["GLASSGRAD_TEST"]),
        lambda i: os.environ.update(GLASSGRAD_TEST=str(NEW[i])),
    )


@case
def weakly_referenced() -> Made:
    config = Config()
    reference = weakref.ref(config)

    def scale(v: Value) -> Value:
        found = reference()
        assert found is not None
        return v * found.beta

    return on(Value(2.0), scale, lambda i: setattr(config, "beta", NEW[i]))


@case
def default_that_is_changed() -> Made:
    scaled.__defaults__ = ([0.5],)
    return on(Value(2.0), lambda v: scaled(v), lambda i: scaled.__defaults__[0].__setitem__(0, NEW[i]))  # type: ignore[index]


@case
def default_that_is_replaced() -> Made:
    with_keyword.__kwdefaults__ = {"by": 0.5}
    return on(
        Value(2.0),
        lambda v: with_keyword(v),
        lambda i: setattr(with_keyword, "__kwdefaults__", {"by": NEW[i]}),
    )


@case
def attribute_of_a_function() -> Made:
    def scale(v: Value) -> Value:
        return v * scale.beta  # type: ignore[attr-defined]

    scale.beta = 0.5  # type: ignore[attr-defined]
    return on(Value(2.0), lambda v: scale(v), lambda i: setattr(scale, "beta", NEW[i]))


@case
def global_of_a_helper() -> Made:
    globals()["RATE"] = 0.5
    return on(Value(2.0), helper, lambda i: globals().update(RATE=NEW[i]))


@case
def global_of_a_helper_of_a_helper() -> Made:
    globals()["RATE"] = 0.5
    return on(Value(2.0), lambda v: helped(v), lambda i: globals().update(RATE=NEW[i]))


@case
def global_tuple() -> Made:
    globals()["PAIR"] = (0.5, 2.0)
    return on(Value(2.0), lambda v: with_pair(v), lambda i: globals().update(PAIR=(NEW[i], 2.0)))


@case
def helper_that_is_redefined() -> Made:
    box = {"helper": lambda v: v * 0.5}
    made = [lambda v: v * 2.0, lambda v: v * -3.0]
    return on(Value(2.0), lambda v: box["helper"](v), lambda i: box.update(helper=made[i]))


@case
def code_that_is_replaced() -> Made:
    def scale(v: Value) -> Value:
        return v * 0.5

    def other(v: Value) -> Value:
        return v * v

    codes = [other.__code__, scale.__code__]
    return on(Value(2.0), lambda v: scale(v), lambda i: setattr(scale, "__code__", codes[i]))


@case
def method_that_is_replaced() -> Made:
    class Local:
        def scale(self, v: Value) -> Value:
            return v * 0.5

    local = Local()
    made = [lambda self, v: v * 2.0, lambda self, v: v * v]
    return on(Value(2.0), lambda v: local.scale(v), lambda i: setattr(Local, "scale", made[i]))


@case
def closure_of_a_closure() -> Made:
    def outer() -> tuple[Callable[[Value], Value], Callable[[int], None]]:
        rate = 0.5

        def scale(v: Value) -> Value:
            return (lambda u: u * rate)(v)

        def change(i: int) -> None:
            nonlocal rate
            rate = NEW[i]

        return scale, change

    scale, change = outer()
    return on(Value(2.0), lambda v: scale(v), change)


@case
def keyword_of_a_partial() -> Made:
    config = {"by": 0.5}
    scale = functools.partial(lambda v, config: v * config["by"], config=config)
    return on(Value(2.0), lambda v: scale(v), lambda i: config.update(by=NEW[i]))


@case
def function_behind_a_decorator() -> Made:
    config = {"by": 0.5}

    @functools.wraps(helper)
    def scale(v: Value) -> Value:
        return v * config["by"]

    @autograd.enable_grad()
    def decorated(v: Value) -> Value:
        return scale(v)

    return on(Value(2.0), decorated, lambda i: config.update(by=NEW[i]))


@case
def module_that_is_imported_inside() -> Made:
    module = types.ModuleType("glassgrad_test_config")
    module.beta = 0.5  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module

    def scale(v: Value) -> Value:
        from glassgrad_test_config import beta  # type: ignore[import-not-found]

        return v * beta  # type: ignore[no-any-return]

    return on(Value(2.0), scale, lambda i: setattr(module, "beta", NEW[i]))


@case
def attribute_of_a_module() -> Made:
    module = types.ModuleType("glassgrad_test_config")
    module.beta = 0.5  # type: ignore[attr-defined]
    return on(Value(2.0), lambda v: v * module.beta, lambda i: setattr(module, "beta", NEW[i]))


@case
def bound_method() -> Made:
    trainer = Trainer()
    return Made(trainer.loss, lambda: [trainer.w], lambda i: setattr(trainer, "beta", NEW[i]))


@case
def callable_object() -> Made:
    trainer = Trainer()
    return Made(trainer, lambda: [trainer.w], lambda i: setattr(trainer, "beta", NEW[i]))


@case
def rule_of_a_primitive() -> Made:
    config = {"by": 0.5}
    scale = autograd.primitive(
        "scale_by_config", lambda m, x: x * config["by"], lambda m, out, x: config["by"] + 0.0 * x
    )
    return on(Value(2.0), lambda v: scale(v), lambda i: config.update(by=NEW[i]))


@case
def iterator_made_of_a_list() -> Made:
    rates = [0.5, 1.0]
    return on(
        Value(2.0),
        lambda v: autograd.sum([v * r for r in itertools.chain(rates, [1.0])]),
        lambda i: rates.__setitem__(0, NEW[i]),
    )


@case
def column_of_an_array() -> Made:
    np = pytest.importorskip("numpy")
    table = np.arange(12.0).reshape(3, 4)
    columns = [table[:, 1], table.T]

    def change(i: int) -> None:
        table[0, 1] = NEW[i]

    return on(Value(2.0), lambda v: v * (columns[0][0] + columns[1][1, 0]), change)


@case
def array_of_objects() -> Made:
    np = pytest.importorskip("numpy")
    config = Config()
    configs = np.array([config], dtype=object)
    return on(Value(2.0), lambda v: v * configs[0].beta, lambda i: setattr(config, "beta", NEW[i]))


@case
def array_of_objects_in_a_list() -> Made:
    np = pytest.importorskip("numpy")
    config = Config()
    configs = [np.array([config], dtype=object)]
    return on(Value(2.0), lambda v: v * configs[0][0].beta, lambda i: setattr(config, "beta", NEW[i]))


@case
def array_of_records() -> Made:
    np = pytest.importorskip("numpy")
    records = np.rec.array([(0.5, 1)], dtype=[("beta", "f8"), ("count", "i4")])
    return on(Value(2.0), lambda v: v * records.beta[0], lambda i: records.beta.__setitem__(0, NEW[i]))


@case
def type_of_an_array() -> Made:
    np = pytest.importorskip("numpy")
    numbers = [np.array([1, 2]), np.array([1.0, 2.0])]
    box = {"x": numbers[0]}
    return on(
        Value(2.0),
        lambda v: v * (0.5 if box["x"].dtype == float else 2.0),
        lambda i: box.update(x=numbers[1 - i]),
    )


@case
def attribute_that_is_added_to_a_class() -> Made:
    class Local(Settings):
        pass

    Settings.beta = 0.5
    local = Local()
    return on(Value(2.0), lambda v: v * local.beta, lambda i: setattr(Local, "beta", NEW[i]))


@case
def attribute_that_is_added_to_a_module() -> Made:
    module = types.ModuleType("glassgrad_test_config")
    return on(
        Value(2.0), lambda v: v * getattr(module, "beta", 0.5), lambda i: setattr(module, "beta", NEW[i])
    )


@case
def attribute_that_is_added_to_a_function() -> Made:
    def scale(v: Value) -> Value:
        return v * getattr(scale, "beta", 0.5)

    return on(Value(2.0), lambda v: scale(v), lambda i: setattr(scale, "beta", NEW[i]))


@case
def slot_that_is_filled() -> Made:
    config = Slots()
    del config.beta
    return on(
        Value(2.0), lambda v: v * getattr(config, "beta", 0.5), lambda i: setattr(config, "beta", NEW[i])
    )


@case
def variable_that_is_bound() -> Made:
    rate = 0.0

    def scale(v: Value) -> Value:
        try:
            return v * rate
        except NameError:
            return v * 0.5

    def change(i: int) -> None:
        nonlocal rate
        rate = NEW[i]

    del rate
    return on(Value(2.0), scale, change)


@case
def attribute_of_a_metaclass() -> Made:
    class Meta(type):
        _half = 0.25

        @property
        def beta(cls) -> float:
            return 2.0 * cls._half

    class Local(metaclass=Meta):
        pass

    return on(Value(2.0), lambda v: v * Local.beta, lambda i: setattr(Meta, "_half", NEW[i]))


@case
def attributes_that_a_module_computes() -> Made:
    module = types.ModuleType("glassgrad_test_config")
    exec("known = {'beta': 0.5}\ndef __getattr__(name):\n return known[name]", vars(module))
    return on(Value(2.0), lambda v: v * module.beta, lambda i: module.known.update(beta=NEW[i]))


def _classes() -> tuple[Any, list[Any]]:
    class First:
        __slots__ = ("any",)
        beta = 0.5

    class Second:
        __slots__ = ("any",)
        beta = 2.0

    return First(), [Second, First]


@case
def class_of_an_object() -> Made:
    local, kinds = _classes()
    return on(Value(2.0), lambda v: v * local.beta, lambda i: setattr(local, "__class__", kinds[i]))


@case
def bases_of_a_class() -> Made:
    _, (second, first) = _classes()
    local: Any = type("Local", (first,), {})
    return on(
        Value(2.0), lambda v: v * local.beta, lambda i: setattr(local, "__bases__", ((second,), (first,))[i])
    )


@case
def fields_that_a_pattern_reads() -> Made:
    config = Config()

    def scale(v: Value) -> Value:
        match config:
            case Config(found):
                return v * found

    return on(Value(2.0), scale, lambda i: setattr(config, "beta", NEW[i]))


@case
def buffer_of_a_users_own_module() -> Made:
    class Local(nn.Module):
        _buffers = ("mean",)

        def __init__(self) -> None:
            self.mean = 0.5

    model = Local()
    return on(
        Value(2.0),
        lambda v: v * math.fsum(number for _, number in model.named_buffers()),
        lambda i: setattr(model, "mean", NEW[i]),
    )


# The order of entries, and what is equal to another -----------------------------------------------


@case
def order_of_a_dict_of_objects() -> Made:
    weights = {"a": Value(0.5), "b": Value(2.0)}
    return Made(
        lambda x: x * next(iter(weights.values())),
        lambda: [*map(weights.__getitem__, "ab")],
        lambda i: weights.update({"ab"[i]: weights.pop("ab"[i])}),
    )


@case
def order_of_the_parameters_of_a_module() -> Made:
    class Local(nn.Module):
        def __init__(self) -> None:
            self.a, self.b = nn.Parameter(0.5), nn.Parameter(2.0)

    model = Local()

    def change(i: int) -> None:
        name = "ab"[i]
        parameter = getattr(model, name)
        delattr(model, name)
        setattr(model, name, parameter)

    return Made(lambda x: x * model.parameters()[0], lambda: [model.a, model.b], change)


class Alike:
    """An object that is equal to every other."""

    def __init__(self, beta: float) -> None:
        self.beta = beta

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


@case
def key_that_is_equal_to_another() -> Made:
    table = {Alike(0.5): 1.0}

    def change(i: int) -> None:
        table.clear()
        table[Alike(NEW[i])] = 1.0

    return on(Value(2.0), lambda v: v * next(iter(table)).beta, change)


@case
def element_of_a_set_that_is_equal_to_another() -> Made:
    members = {Alike(0.5)}

    def change(i: int) -> None:
        members.clear()
        members.add(Alike(NEW[i]))

    return on(Value(2.0), lambda v: v * next(iter(members)).beta, change)


@case
def dict_of_an_object_that_is_replaced() -> Made:
    config = Config()
    vars(config)["inner"] = Alike(0.5)
    return on(
        Value(2.0),
        lambda v: v * config.inner.beta,  # type: ignore[attr-defined]
        lambda i: setattr(config, "__dict__", {**vars(config), "inner": Alike(NEW[i])}),
    )


@case
def what_a_default_dict_makes() -> Made:
    table: collections.defaultdict[str, float] = collections.defaultdict(lambda: 0.5)

    def change(i: int) -> None:
        table.default_factory = lambda: NEW[i]

    return on(Value(2.0), lambda v: v * table.default_factory(), change)  # type: ignore[misc]


# Objects of the standard library ------------------------------------------------------------------


@case
def flag_of_an_event() -> Made:
    event = threading.Event()
    return on(Value(2.0), lambda v: v * 2.0 if event.is_set() else v, lambda i: (event.set, event.clear)[i]())


@case
def dict_of_the_users_own_class() -> Made:
    class Local(collections.UserDict[str, Any]):
        pass

    table = Local(beta=0.5, w=Value(1.0))
    return on(Value(2.0), lambda v: v * table["beta"], lambda i: table.update(beta=NEW[i]))


@case
def dict_behind_another() -> Made:
    inner: dict[str, Any] = {"beta": 0.5, "w": Value(1.0)}
    table = collections.ChainMap({}, inner)
    return on(Value(2.0), lambda v: v * table["beta"], lambda i: (inner, table)[i].update(beta=NEW[i]))


@case
def content_of_an_enum() -> Made:
    Local: Any = enum.Enum("Local", {"RATES": [0.5]})
    return on(
        Value(2.0), lambda v: v * Local.RATES.value[0], lambda i: Local.RATES.value.__setitem__(0, NEW[i])
    )


@case
def function_by_the_type_of_its_argument() -> Made:
    config = Config()

    @functools.singledispatch
    def rate(x: object) -> float:
        return config.beta

    return on(
        Value(2.0),
        lambda v: v * rate(config),
        lambda i: setattr(config, "beta", NEW[0]) if i == 0 else rate.register(Config, lambda x: NEW[1]),
    )


@case
def function_with_a_cache_that_is_cleared() -> Made:
    config = Config()

    @functools.lru_cache
    def rate() -> float:
        return config.beta

    assert rate() == 0.5
    config.beta = 7.0

    def change(i: int) -> None:
        config.beta = (7.0, -3.0)[i]
        rate.cache_clear()

    return on(Value(2.0), lambda v: v * rate(), change)


@case
def content_of_a_cache() -> Made:
    @functools.cache
    def rates(n: int) -> list[float]:
        return [0.5] * n

    return on(Value(2.0), lambda v: v * rates(3)[0], lambda i: rates(3).__setitem__(0, NEW[i]))


# Parameters ---------------------------------------------------------------------------------------


@case
def parameter_that_is_swapped() -> Made:
    model = Gate()
    return Made(lambda x: model(x), lambda: [model.w], lambda i: setattr(model, "w", nn.Parameter(2.0)))


@case
def parameter_that_is_swapped_in_a_list() -> Made:
    ws = [Value(2.0), Value(3.0)]
    return Made(lambda x: ws[0] * x + ws[1], lambda: [*ws], lambda i: ws.__setitem__(i, Value(2.0)))


@case
def parameter_that_is_added() -> Made:
    ws = [Value(2.0)]
    return Made(lambda x: autograd.sum([w * x for w in ws]), lambda: [*ws], lambda i: ws.append(Value(0.0)))


@case
def parameter_that_is_shared() -> Made:
    a, b = Gate(), Gate()
    apart = b.w

    def change(i: int) -> None:
        b.w = a.w if i == 0 else apart

    return Made(lambda x: a(x) * b(x), lambda: [a.w, apart], change)


@case
def layer_that_is_added() -> Made:
    layers = [nn.MLP(1, [1], "tanh", seed=0)]

    def model(x: Any) -> Any:
        for layer in layers:
            x = layer([x])
        return x

    return Made(
        lambda x: model(x) * 1.0,
        lambda: [p for layer in layers for p in layer.parameters()],
        lambda i: layers.append(nn.MLP(1, [1], "tanh", seed=i + 1)),
    )


# Modes --------------------------------------------------------------------------------------------


@case
def mode_of_a_users_own_module() -> Made:
    model = Gate()
    return Made(lambda x: model(x), lambda: [model.w], lambda i: model.train(i == 1))


@case
def mode_of_a_module_inside() -> Made:
    class Outer(nn.Module):
        def __init__(self) -> None:
            self.parts = {"gate": [Gate()]}

        def __call__(self, x: Any) -> Value:
            return self.parts["gate"][0](x)

    model = Outer()
    return Made(lambda x: model(x), model.parameters, lambda i: model.train(i == 1))


@case
def mode_of_a_module_among_the_arguments() -> Made:
    model = Gate()
    return Made(lambda x, m=model: m(x), lambda: [model.w], lambda i: model.train(i == 1))


@case
def attribute_of_a_module_of_ours() -> Made:
    model = nn.Sequential(nn.MLP(1, [1], "tanh", seed=0), nn.Dropout(0.5, seed=0)).eval()
    return Made(
        lambda x: model([[x]])[0] * 1.0,
        model.parameters,
        lambda i: setattr(model.layers[1], "p", 0.25 + i / 4),
    )


@case
def buffer_of_a_norm() -> Made:
    model = nn.Sequential(nn.MLP(1, [2], "tanh", seed=0), nn.BatchNorm1d(2)).eval()

    def change(i: int) -> None:
        model.layers[1].running_mean[i] = 0.5

    return Made(lambda x: autograd.sum(model([[x]])[0]), model.parameters, change)


def agrees(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-12 * abs(b)


def eager(function: Callable[..., Any], leaves: Sequence[Value], *args: Any) -> list[float]:
    for leaf in leaves:
        leaf.zero_grad()
    loss = function(*args)
    loss.backward()
    return [loss.data, *[leaf.grad for leaf in leaves]]


@pytest.mark.parametrize("name", CASES)
def test_what_changes_outside_is_seen_at_the_very_call(name: str) -> None:
    """And a program with nothing to hide never warns: the test turns warnings into errors."""
    made = CASES[name]()
    step = compile(made.function, backend="python")
    for call in range(1, CALLS + 1):
        if call in CHANGES:
            made.change(CHANGES.index(call))
        x = 1.0 + call % 5
        expected = eager(made.function, made.leaves(), x)
        found = [step(x), *[leaf.grad for leaf in made.leaves()]]
        assert all(map(agrees, found, expected)), (call, found, expected)
    assert not step.fallbacks
    assert len(step._step.causes) <= 3, step._step.causes


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# Random draws -------------------------------------------------------------------------------------


def _draws() -> dict[str, Callable[[], tuple[Callable[[], float], Callable[[], object]]]]:
    """How to draw a number, and how to give the generator a seed."""

    def own() -> Any:
        rng = random.Random(0)
        return rng.random, lambda: rng.seed(0)

    def attribute() -> Any:
        holder = types.SimpleNamespace(rng=random.Random(0))
        return lambda: holder.rng.gauss(0.0, 1.0), lambda: holder.rng.seed(0)

    def coin() -> Any:
        return lambda: float(random.random() < 0.5), lambda: random.seed(0)

    def of_the_module() -> Any:
        return random.random, lambda: random.seed(0)

    def legacy() -> Any:
        np = pytest.importorskip("numpy")
        return lambda: float(np.random.rand()), lambda: np.random.seed(0)

    def generator() -> Any:
        np = pytest.importorskip("numpy")
        rng = np.random.default_rng(0)
        state = rng.bit_generator.state
        return lambda: float(rng.normal()), lambda: setattr(rng.bit_generator, "state", state)

    def random_state() -> Any:
        np = pytest.importorskip("numpy")
        rng = np.random.RandomState(0)
        return lambda: float(rng.rand()), lambda: rng.seed(0)

    def torch_global() -> Any:
        torch = pytest.importorskip("torch")
        return lambda: float(torch.rand(())), lambda: torch.manual_seed(0)

    def torch_generator() -> Any:
        torch = pytest.importorskip("torch")
        rng = torch.Generator()
        return lambda: float(torch.rand((), generator=rng)), lambda: rng.manual_seed(0)

    kinds = (
        own, attribute, coin, of_the_module, legacy, generator, random_state, torch_global, torch_generator,
    )  # fmt: skip
    return {kind.__name__: kind for kind in kinds}


DRAWS = _draws()


@pytest.mark.parametrize("name", DRAWS)
def test_random_draws_fall_back_and_are_those_of_eager_execution(name: str) -> None:
    draw, seed = DRAWS[name]()
    w = Value(2.0)

    def loss(x: Any) -> Value:
        return w * x * draw()

    seed()
    expected = [eager(loss, [w], 1.0 + call % 5) for call in range(CALLS)]
    seed()
    step = compile(loss)
    with pytest.warns(CompileWarning, match="draws random numbers from"):
        first = [step(1.0), w.grad]
    assert [first, *[[step(1.0 + call % 5), w.grad] for call in range(1, CALLS)]] == expected


@pytest.mark.parametrize(
    "draw",
    [
        lambda: float(random.SystemRandom().random() < 0.5),
        lambda: float(random.Random().random() < 0.5),
        lambda: float(os.urandom(1)[0] < 128),
        lambda: float(__import__("numpy").random.default_rng().random() < 0.5),
    ],
    ids=["SystemRandom", "Random", "urandom", "default_rng"],
)
def test_draws_from_the_entropy_of_the_system_fall_back(draw: Callable[[], float]) -> None:
    if draw.__code__.co_names[:1] == ("__import__",):
        pytest.importorskip("numpy")
    w = Value(2.0)
    step = compile(lambda x: w * x * draw())
    with pytest.warns(CompileWarning, match="draws random numbers"):
        step(1.0)
    assert {step(1.0) for _ in range(200)} == {0.0, 2.0}


def test_a_generator_with_a_seed_inside_is_no_draw() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x * random.Random(0).random())
    assert len({step(1.0) for _ in range(20)}) == 1
    assert not step.fallbacks


def test_a_modules_own_dropout_is_compiled_only_in_evaluation() -> None:
    class Noisy(Gate):
        def __call__(self, x: Any) -> Value:
            return self.w * x * (float(random.random() < 0.5) if self.training else 0.5)

    model = Noisy()
    step = compile(lambda x: model(x))
    with pytest.warns(CompileWarning, match="draws random numbers from random"):
        step(1.0)
    for _ in range(3):
        model.eval()
        assert [step(float(x)) for x in range(200)] == [float(x) for x in range(200)]
        model.train()
        assert {step(1.0) for _ in range(200)} == {0.0, 2.0}
    assert len(step._step.programs) == 1


@pytest.mark.parametrize(
    "layer", [nn.Dropout(0.5, seed=0), nn.BatchNorm1d(2)], ids=["Dropout", "BatchNorm1d"]
)
def test_the_mode_of_our_layers(layer: nn.Module) -> None:
    model = nn.Sequential(nn.MLP(2, [2], "tanh", seed=0), layer, nn.MLP(2, [1], "linear", seed=1)).eval()
    step = compile(lambda xs: autograd.sum(model(xs)))
    xs = [[0.5, -1.0], [1.0, 2.0], [0.25, 0.5]]
    for call in range(1, CALLS + 1):
        if call == CHANGES[0]:
            model.train()
            with pytest.warns(CompileWarning, match="runs as it is"):
                step(xs)
        elif call == CHANGES[1]:
            model.eval()
        state = random.getstate(), getattr(layer, "_rng", None) and layer._rng.getstate()  # type: ignore[attr-defined]
        buffers = dict(model.named_buffers())
        expected = eager(lambda xs: autograd.sum(model(xs)), model.parameters(), xs)
        if state[1] is not None:
            layer._rng.setstate(state[1])  # type: ignore[attr-defined]
        model.load_state_dict({**model.state_dict(), **buffers})
        found = [step(xs), *[p.grad for p in model.parameters()]]
        assert all(map(agrees, found, expected)), call


# What the function changes itself -----------------------------------------------------------------


def test_a_counter_of_its_own_falls_back() -> None:
    trainer = Trainer()

    def loss(x: Any) -> Value:
        trainer.steps += 1
        return trainer.w * x * (1.0 if trainer.steps < 131 else 2.0)

    step = compile(loss)
    with pytest.warns(CompileWarning, match=r"it changes what it reads, .*: trainer\.steps was 1 and is 2"):
        step(1.0)
    before = trainer.steps
    assert [step(1.0) for _ in range(200)] == [2.0 if before + i < 131 else 4.0 for i in range(1, 201)]


def test_a_cache_that_is_filled_once_is_no_change() -> None:
    cache: dict[str, float] = {}
    w = Value(2.0)

    def loss(x: Any) -> Value:
        if "rate" not in cache:
            cache["rate"] = 0.5
        return w * x * cache["rate"]

    step = compile(loss)
    assert [step(float(x)) for x in range(20)] == [float(x) for x in range(20)]
    cache["rate"] = 2.0
    assert step(1.0) == 4.0
    assert not step.fallbacks


def test_attributes_that_no_code_names_may_change_at_every_call() -> None:
    trainer = Trainer()
    step = compile(trainer.loss)
    for i in range(100):
        trainer.history.append(step(1.0))
        trainer.steps = i
    assert len(step._step.causes) == 1


class Counting(Gate):
    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.best: Any = None
        self.history: list[float] = []
        self.extra: list[Any] = []


def test_a_module_may_count_while_its_parameters_are_read() -> None:
    model = Counting()
    step = compile(lambda x: model(x) + autograd.sum([p * p for p in model.parameters()]), backend="python")
    for i in range(100):
        model.history.append(step(1.0))
        model.seen = i
        model.best = [p.data for p in model.parameters()]
    assert len(step._step.causes) == 1
    model.extra.append(nn.Parameter(3.0))
    assert (step(1.0), step(1.0)) == (15.0, 15.0)
    model.best = nn.Parameter(4.0)
    assert (step(1.0), step(1.0)) == (31.0, 31.0)


def test_fields_of_a_dataclass_that_are_not_read_may_change() -> None:
    @dataclasses.dataclass
    class Run:
        beta: float = 0.5
        epoch: int = 0

    run, other, w = Run(), Run(2.0, 50), Value(2.0)
    step = compile(lambda x: w * x * run.beta if x != 3.0 else w, backend="python")
    for run.epoch in range(100):
        assert step(1.0) == 1.0
    assert len(step._step.causes) == 1
    step = compile(lambda x: w * x if run == other else w * x * run.beta, backend="python")
    run.beta, results = 2.0, []
    for run.epoch in (0, 0, 0, 50, 50, 0):
        results.append(step(1.0))
    assert results == [4.0, 4.0, 4.0, 2.0, 2.0, 4.0]


def test_a_number_that_changes_at_every_call_falls_back_in_the_end() -> None:
    w, config = Value(2.0), {"t": 0.0}
    step = compile(lambda x: w * x * config["t"], backend="python")
    found = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for i in range(100):
            config["t"] = float(i)
            found.append(step(1.0))
    assert re.search(r"config\['t'\] was 31\.0 and is 32\.0: pass it as an argument", str(told[-1].message))
    assert found == [2.0 * i for i in range(100)]
    assert len(step.fallbacks) == 2  # after 32 recordings, too
    assert len(step._step.made) <= 16


def test_going_back_and_forth_traces_twice() -> None:
    model = Gate()
    step = compile(lambda x: model(x))
    for i in range(40):
        model.train(i % 2 == 0)
        assert step(3.0) == 6.0
        assert model.w.grad == (3.0 if i % 2 == 0 else 6.0)
    assert len(step._step.causes) == 2


# What cannot be guarded ---------------------------------------------------------------------------


def test_what_cannot_be_compared_is_named_when_it_is_traced() -> None:
    torch = pytest.importorskip("torch")
    rate = torch.tensor(0.5, dtype=torch.float64)
    w = Value(2.0)
    step = compile(lambda x: w * x * rate.item())
    with pytest.warns(CompileWarning, match=r"it reads rate, a Tensor, which cannot be compared"):
        step(1.0)
    step(2.0)  # without another warning


def test_files_are_named(tmp_path: Path) -> None:
    path, w = tmp_path / "rate", Value(2.0)
    path.write_text("0.5")

    def read_opened() -> str:
        with open(path) as file:
            return file.read()

    for read in (lambda: path.read_text(), read_opened):
        with pytest.warns(CompileWarning, match="it reads files, which cannot be compared at each call"):
            assert compile(lambda x, read=read: w * x * float(read()))(1.0) == 1.0


def test_a_model_of_pytorch_is_named() -> None:
    torch = pytest.importorskip("torch")

    class Local(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("rate", torch.tensor(0.5))

    model, w = Local(), Value(2.0)
    with pytest.warns(
        CompileWarning, match=r"it reads model\._buffers\['rate'\], a Tensor, which cannot be compared"
    ):
        assert compile(lambda x: w * x * float(model.rate))(1.0) == 1.0


def test_a_context_variable_is_named() -> None:
    variable = contextvars.ContextVar("rate", default=0.5)
    w = Value(2.0)
    with pytest.warns(CompileWarning, match="it reads variable, a ContextVar"):
        compile(lambda x: w * x * variable.get())(1.0)


def test_the_parameters_of_a_torch_module_of_the_users_own_are_named() -> None:
    torch = pytest.importorskip("torch")

    class Local(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, x: Any) -> Any:
            return self.scale * x

    model, w = Local(), Value(2.0)
    with pytest.warns(CompileWarning, match=r"it reads model\._parameters\['scale'\], a Parameter"):
        compile(lambda x: w * x * model(1.0).item())(1.0)


def test_what_is_watched_is_compared_in_full() -> None:
    torch = pytest.importorskip("torch")
    rate = torch.tensor(0.5, dtype=torch.float64)
    w = Value(2.0)
    step = compile(lambda x: w * x * rate.item(), watch=[rate])
    for call in range(1, CALLS + 1):
        if call in CHANGES:
            rate += 1.0
        assert step(1.0) == 2.0 * rate.item(), call
    assert not step.fallbacks


def test_attributes_that_no_code_names_are_watched() -> None:
    config = Config()
    read = iter(lambda: config.beta, None).__next__
    w = Value(2.0)
    step = compile(lambda x: w * x * read(), watch=[config])
    with pytest.warns(CompileWarning, match="it reads read, a callable_iterator"):
        step(1.0)
    for config.beta in (0.25, 0.75):
        assert [step(1.0) for _ in range(3)] == [2.0 * config.beta] * 3
    assert len(step.fallbacks) == 1


def test_what_cannot_be_watched() -> None:
    with pytest.raises(TypeError, match=r"watch= cannot compare generator, generator .*cannot be pickled"):
        compile(lambda x: x * 2.0, watch=[(i for i in range(3))])


# Samples of another structure ---------------------------------------------------------------------


def other_formula(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    """The k-th sample has a formula of its own, which gives the same number at 0 and at 1."""
    return lambda w: lambda xs: autograd.sum([w * x * x if i == k else w * x for i, x in enumerate(xs)])


def other_constant(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    weights = [1.0] * 40
    weights[k] = 2.0
    return lambda w: lambda xs: autograd.sum([w * x * r for x, r in zip(xs, weights)])


def other_leaf(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    own = Value(2.0)
    return lambda w: lambda xs: autograd.sum([(own if i == k else w) * x for i, x in enumerate(xs)])


def other_argument(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    """The k-th term reads the sample before it."""
    return lambda w: lambda xs: autograd.sum([w * xs[i - (i == k)] for i in range(len(xs))])


def other_from_there(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    return lambda w: lambda xs: autograd.sum([(w * x).tanh() if i >= k else w * x for i, x in enumerate(xs)])


def other_length(k: int) -> Callable[[Value], Callable[[Any], Value]]:
    """Another formula for batches of more than k samples."""
    return lambda w: lambda xs: autograd.sum([w * x * x if len(xs) > k else w * x for x in xs])


STRUCTURES = (
    other_formula, other_constant, other_leaf, other_argument, other_from_there, other_length,
)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("warm_up", [0.0, 1.0])
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda structure: structure.__name__)
@pytest.mark.parametrize("k", [0, 3, 9, 39])
def test_a_sample_of_another_structure(
    structure: Callable[[int], Any], k: int, warm_up: float, backend: str
) -> None:
    w = Value(2.0)
    loss = structure(k)(w)
    step = compile(loss, backend=backend)
    rng = random.Random(k)
    for call in range(8):
        xs = [warm_up if call < 3 else rng.gauss(0.0, 2.0) for _ in range(40)]
        expected = eager(loss, [w], xs)
        found = [step(xs), w.grad]
        terms = math.fsum(abs(x) ** p for x in xs for p in (1, 2))
        assert all(abs(a - b) <= 1e-12 * abs(b) + 4e-16 * terms for a, b in zip(found, expected)), call
    assert not step.fallbacks


# Audits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [backend for backend in BACKENDS if backend != "python"])
def test_an_audit_runs_a_handful_of_samples(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    audited = program.StepReplay.eager

    def counted(self: program.StepReplay, call: Any, leaves: Any) -> Any:
        sizes.append(len(call.args[0]))
        return audited(self, call, leaves)

    monkeypatch.setattr(program.StepReplay, "eager", counted)
    model = nn.MLP(2, [3, 1], "tanh", seed=0)
    step = compile(
        lambda xs: autograd.sum([model(x) ** 2 for x in xs]), nn.Adam(model.parameters()), backend=backend
    )
    rng = random.Random(0)
    for _ in range(40):
        step([[rng.gauss(0.0, 1.0) for _ in range(2)] for _ in range(200)])
    assert sizes == [5] * 6  # at calls 1, 2, 4, 8, 16, 32
    assert not step.fallbacks


@pytest.mark.parametrize(
    ("audit", "expected"),
    [(None, [1, 2, 4, 8, 16]), (7, [1, 8, 15]), (1, [*range(1, 21)]), (0, [])],
)
def test_how_often_it_is_audited(
    audit: int | None, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    audited = program.StepReplay.eager
    w = Value(2.0)
    step = compile(lambda x: w * x, audit=audit)

    def counted(self: program.StepReplay, *args: Any) -> Any:
        found.append(self.made[0][0].calls)
        return audited(self, *args)

    monkeypatch.setattr(program.StepReplay, "eager", counted)
    assert [step(1.0) for _ in range(20)] == [2.0] * 20
    assert found == expected


def test_a_wrong_audit_option() -> None:
    for wrong, error in ((-1, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match=r"compile\(\) expected .*audit.*, got \w+ .*\. (Use|Pass)"):
            compile(lambda x: x, audit=wrong)  # type: ignore[arg-type]


# Options ------------------------------------------------------------------------------------------


def test_static_arguments_select_a_program() -> None:
    w = Value(2.0)

    def loss(x: Any, power: int, *, kind: Any = None) -> Value:
        total = w * x
        for _ in range(power - 1):
            total = total * w
        return total if kind is None else -total

    step = compile(loss, static_argnames=["power", "kind"])
    for x in (1.0, 3.0):
        for power in (1, 2, 3):
            assert (step(x, power), w.grad) == (x * 2.0**power, x * power * 2.0 ** (power - 1))
            assert step(x, power=power, kind=Kind.LINE) == -x * 2.0**power
    assert len(step._step.causes) == 6
    with pytest.warns(CompileWarning, match="cannot be interpreted as an integer"):
        compile(loss)(1.0, 2)


def test_static_arguments_are_told_apart_to_the_bit() -> None:
    w = Value(2.0)
    step = compile(lambda x, zero: x / (w * zero), static_argnames="zero")
    assert [step(1.0, zero) for zero in (0.0, -0.0, 0.0)] == [math.inf, -math.inf, math.inf]


def test_wrong_static_arguments() -> None:
    with pytest.raises(ValueError, match=r"static_argnames, got str 'y'\. The arguments .*: x\.$"):
        compile(lambda x: x, static_argnames=["y"])
    with pytest.raises(TypeError, match=r"expected a hashable static argument x, .* got list \[.*\]\. Pass"):
        compile(lambda x: Value(1.0), static_argnames=["x"])([Value(1.0)])


def test_strict_raises_in_place_of_falling_back() -> None:
    w, box = Value(2.0), iter([])
    for function, why in (
        (lambda x: w * x * random.random(), "draws random numbers from random"),
        (lambda x: w * x if box else w, "it reads box, a list_iterator"),
    ):
        step = compile(function, strict=True)
        for _ in range(2):
            with pytest.raises(TraceError, match=why):
                step(1.0)
        assert w.grad == 0.0
    assert compile(lambda x: w * x, strict=True)(3.0) == 6.0


# A generator of batches ---------------------------------------------------------------------------


def test_the_mode_may_change_between_the_steps_of_each() -> None:
    model = Gate()
    optimizer = nn.SGD(model.parameters(), lr=0.125)
    step = compile(lambda x: model(x), optimizer)
    expected: list[float] = []

    def batches() -> Iterator[tuple[float]]:
        w = 2.0
        for i in range(40):
            model.train(i % 3 != 0)
            assert model.w.data == w
            expected.append(w if i % 3 != 0 else w * w * 0.5)
            w -= 0.125 * (1.0 if i % 3 != 0 else w)
            yield (1.0,)

    assert all(map(agrees, step.each(batches()), expected))
    assert len(expected) == 40
    assert not step.fallbacks
