"""Code that a function runs changes between calls: each call must run what is there."""

import abc
import builtins
import contextlib
import copy
import dataclasses
import functools
import graphlib
import itertools
import json
import math
import operator
import pickle
import pprint
import string
import sys
import types
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar, get_type_hints, runtime_checkable

import pytest

import autograd
import nn
from autograd import Value

from ..._support.outside import (
    RATES,
    Case,
    Config,
    Settings,
    Slots,
    Trainer,
    check_every_call,
    on,
    registry,
)

CASES, case = registry()


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


@case
def global_by_its_name() -> Case:
    globals()["RATE"] = 0.5
    return on(Value(2.0), lambda v: v * globals()["RATE"], lambda i: globals().update(RATE=RATES[i]))


@case
def global_in_evaluated_text() -> Case:
    globals()["RATE"] = 0.5
    return on(Value(2.0), lambda v: v * eval("RATE + 1.0"), lambda i: globals().update(RATE=RATES[i]))


@case
def default_that_is_changed() -> Case:
    scaled.__defaults__ = ([0.5],)
    return on(Value(2.0), lambda v: scaled(v), lambda i: scaled.__defaults__[0].__setitem__(0, RATES[i]))  # type: ignore[index]


@case
def default_that_is_replaced() -> Case:
    with_keyword.__kwdefaults__ = {"by": 0.5}
    return on(
        Value(2.0),
        lambda v: with_keyword(v),
        lambda i: setattr(with_keyword, "__kwdefaults__", {"by": RATES[i]}),
    )


@case
def attribute_of_a_function() -> Case:
    def scale(v: Value) -> Value:
        return v * scale.beta  # type: ignore[attr-defined]

    scale.beta = 0.5  # type: ignore[attr-defined]
    return on(Value(2.0), lambda v: scale(v), lambda i: setattr(scale, "beta", RATES[i]))


@case
def global_of_a_helper() -> Case:
    globals()["RATE"] = 0.5
    return on(Value(2.0), helper, lambda i: globals().update(RATE=RATES[i]))


@case
def global_of_a_helper_of_a_helper() -> Case:
    globals()["RATE"] = 0.5
    return on(Value(2.0), lambda v: helped(v), lambda i: globals().update(RATE=RATES[i]))


@case
def global_tuple() -> Case:
    globals()["PAIR"] = (0.5, 2.0)
    return on(Value(2.0), lambda v: with_pair(v), lambda i: globals().update(PAIR=(RATES[i], 2.0)))


@case
def helper_that_is_redefined() -> Case:
    box = {"helper": lambda v: v * 0.5}
    helpers = [lambda v: v * 2.0, lambda v: v * -3.0]
    return on(Value(2.0), lambda v: box["helper"](v), lambda i: box.update(helper=helpers[i]))


@case
def code_that_is_replaced() -> Case:
    def scale(v: Value) -> Value:
        return v * 0.5

    def other(v: Value) -> Value:
        return v * v

    codes = [other.__code__, scale.__code__]
    return on(Value(2.0), lambda v: scale(v), lambda i: setattr(scale, "__code__", codes[i]))


@case
def method_that_is_replaced() -> Case:
    class Local:
        def scale(self, v: Value) -> Value:
            return v * 0.5

    local = Local()
    methods = [lambda self, v: v * 2.0, lambda self, v: v * v]
    return on(Value(2.0), lambda v: local.scale(v), lambda i: setattr(Local, "scale", methods[i]))


@case
def closure_of_a_closure() -> Case:
    def outer() -> tuple[Callable[[Value], Value], Callable[[int], None]]:
        rate = 0.5

        def scale(v: Value) -> Value:
            return (lambda u: u * rate)(v)

        def change(i: int) -> None:
            nonlocal rate
            rate = RATES[i]

        return scale, change

    scale, change = outer()
    return on(Value(2.0), lambda v: scale(v), change)


@case
def keyword_of_a_partial() -> Case:
    config = {"by": 0.5}
    scale = functools.partial(lambda v, config: v * config["by"], config=config)
    return on(Value(2.0), lambda v: scale(v), lambda i: config.update(by=RATES[i]))


@case
def function_behind_a_decorator() -> Case:
    config = {"by": 0.5}

    @functools.wraps(helper)
    def scale(v: Value) -> Value:
        return v * config["by"]

    @autograd.enable_grad()
    def decorated(v: Value) -> Value:
        return scale(v)

    return on(Value(2.0), decorated, lambda i: config.update(by=RATES[i]))


@case
def module_that_is_imported_inside() -> Case:
    module = types.ModuleType("glassgrad_test_config")
    module.beta = 0.5  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module

    def scale(v: Value) -> Value:
        from glassgrad_test_config import beta  # type: ignore[import-not-found]

        return v * beta  # type: ignore[no-any-return]

    return on(Value(2.0), scale, lambda i: setattr(module, "beta", RATES[i]))


@case
def attribute_of_a_module() -> Case:
    module = types.ModuleType("glassgrad_test_config")
    module.beta = 0.5  # type: ignore[attr-defined]
    return on(Value(2.0), lambda v: v * module.beta, lambda i: setattr(module, "beta", RATES[i]))


@case
def bound_method() -> Case:
    trainer = Trainer()
    return Case(trainer.loss, lambda: [trainer.w], lambda i: setattr(trainer, "beta", RATES[i]))


@case
def callable_object() -> Case:
    trainer = Trainer()
    return Case(trainer, lambda: [trainer.w], lambda i: setattr(trainer, "beta", RATES[i]))


@case
def rule_of_a_primitive() -> Case:
    config = {"by": 0.5}
    scale = autograd.primitive(
        "scale_by_config", lambda m, x: x * config["by"], lambda m, out, x: config["by"] + 0.0 * x
    )
    return on(Value(2.0), lambda v: scale(v), lambda i: config.update(by=RATES[i]))


@case
def iterator_made_of_a_list() -> Case:
    rates = [0.5, 1.0]
    return on(
        Value(2.0),
        lambda v: autograd.sum([v * r for r in itertools.chain(rates, [1.0])]),
        lambda i: rates.__setitem__(0, RATES[i]),
    )


@case
def column_of_an_array() -> Case:
    np = pytest.importorskip("numpy")
    table = np.arange(12.0).reshape(3, 4)
    columns = [table[:, 1], table.T]

    def change(i: int) -> None:
        table[0, 1] = RATES[i]

    return on(Value(2.0), lambda v: v * (columns[0][0] + columns[1][1, 0]), change)


@case
def array_of_objects() -> Case:
    np = pytest.importorskip("numpy")
    config = Config()
    configs = np.array([config], dtype=object)
    return on(Value(2.0), lambda v: v * configs[0].beta, lambda i: setattr(config, "beta", RATES[i]))


@case
def array_of_objects_in_a_list() -> Case:
    np = pytest.importorskip("numpy")
    config = Config()
    configs = [np.array([config], dtype=object)]
    return on(Value(2.0), lambda v: v * configs[0][0].beta, lambda i: setattr(config, "beta", RATES[i]))


@case
def array_of_records() -> Case:
    np = pytest.importorskip("numpy")
    records = np.rec.array([(0.5, 1)], dtype=[("beta", "f8"), ("count", "i4")])
    return on(Value(2.0), lambda v: v * records.beta[0], lambda i: records.beta.__setitem__(0, RATES[i]))


@case
def type_of_an_array() -> Case:
    np = pytest.importorskip("numpy")
    numbers = [np.array([1, 2]), np.array([1.0, 2.0])]
    box = {"x": numbers[0]}
    return on(
        Value(2.0),
        lambda v: v * (0.5 if box["x"].dtype == float else 2.0),
        lambda i: box.update(x=numbers[1 - i]),
    )


@case
def attribute_that_is_added_to_a_class() -> Case:
    class Local(Settings):
        pass

    Settings.beta = 0.5
    local = Local()
    return on(Value(2.0), lambda v: v * local.beta, lambda i: setattr(Local, "beta", RATES[i]))


@case
def attribute_that_is_added_to_a_module() -> Case:
    module = types.ModuleType("glassgrad_test_config")
    return on(
        Value(2.0),
        lambda v: v * getattr(module, "beta", 0.5),
        lambda i: setattr(module, "beta", RATES[i]),
    )


@case
def attribute_that_is_added_to_a_function() -> Case:
    def scale(v: Value) -> Value:
        return v * getattr(scale, "beta", 0.5)

    return on(Value(2.0), lambda v: scale(v), lambda i: setattr(scale, "beta", RATES[i]))


@case
def slot_that_is_filled() -> Case:
    config = Slots()
    del config.beta
    return on(
        Value(2.0),
        lambda v: v * getattr(config, "beta", 0.5),
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def variable_that_is_bound() -> Case:
    rate = 0.0

    def scale(v: Value) -> Value:
        try:
            return v * rate
        except NameError:
            return v * 0.5

    def change(i: int) -> None:
        nonlocal rate
        rate = RATES[i]

    del rate
    return on(Value(2.0), scale, change)


@case
def attribute_of_a_metaclass() -> Case:
    class Meta(type):
        _half = 0.25

        @property
        def beta(cls) -> float:
            return 2.0 * cls._half

    class Local(metaclass=Meta):
        pass

    return on(Value(2.0), lambda v: v * Local.beta, lambda i: setattr(Meta, "_half", RATES[i]))


@case
def attributes_that_a_module_computes() -> Case:
    module = types.ModuleType("glassgrad_test_config")
    exec("known = {'beta': 0.5}\ndef __getattr__(name):\n return known[name]", vars(module))
    return on(Value(2.0), lambda v: v * module.beta, lambda i: module.known.update(beta=RATES[i]))


def _classes() -> tuple[Any, list[Any]]:
    class First:
        __slots__ = ("any",)
        beta = 0.5

    class Second:
        __slots__ = ("any",)
        beta = 2.0

    return First(), [Second, First]


@case
def class_of_an_object() -> Case:
    local, kinds = _classes()
    return on(Value(2.0), lambda v: v * local.beta, lambda i: setattr(local, "__class__", kinds[i]))


@case
def bases_of_a_class() -> Case:
    _, (second, first) = _classes()
    local: Any = type("Local", (first,), {})
    return on(
        Value(2.0), lambda v: v * local.beta, lambda i: setattr(local, "__bases__", ((second,), (first,))[i])
    )


@case
def fields_that_a_pattern_reads() -> Case:
    config = Config()

    def scale(v: Value) -> Value:
        match config:
            case Config(beta):
                return v * beta

    return on(Value(2.0), scale, lambda i: setattr(config, "beta", RATES[i]))


@case
def buffer_of_a_users_own_module() -> Case:
    class Local(nn.Module):
        _buffers = ("mean",)

        def __init__(self) -> None:
            self.mean = 0.5

    model = Local()
    return on(
        Value(2.0),
        lambda v: v * math.fsum(number for _, number in model.named_buffers()),
        lambda i: setattr(model, "mean", RATES[i]),
    )


@case
def assignment_to_an_attribute() -> Case:
    class Scaling:
        scale: float

        def __setattr__(self, name: str, x: Any) -> None:
            object.__setattr__(self, name, x * Settings.beta)

    def scaled_by(v: Value) -> Value:
        scaling = Scaling()
        scaling.scale = 2.0
        return v * scaling.scale

    Settings.beta = 0.5
    return on(Value(2.0), scaled_by, lambda i: setattr(Settings, "beta", RATES[i]))


@case
def assignment_by_setattr() -> Case:
    class Scaling:
        scale: float

        def __setattr__(self, name: str, x: Any) -> None:
            object.__setattr__(self, name, x * Settings.beta)

    def scaled_by(v: Value) -> Value:
        scaling = Scaling()
        setattr(scaling, "scale", 2.0)  # noqa: B010
        return v * scaling.scale

    Settings.beta = 0.5
    return on(Value(2.0), scaled_by, lambda i: setattr(Settings, "beta", RATES[i]))


@case
def replacement_of_a_dataclass_by_another_name() -> Case:
    @dataclasses.dataclass
    class Pair:
        a: float
        b: float = 0.0

        def __post_init__(self) -> None:
            self.b = self.a * Settings.beta

    pair, make = Pair(1.0), dataclasses.replace
    Settings.beta = 0.5
    return on(
        Value(2.0),
        lambda v: v * make(pair, a=2.0).b,
        lambda i: setattr(Settings, "beta", RATES[i]),
    )


@case
def builtin_function_that_is_replaced() -> Case:
    def change(i: int) -> None:
        if i:
            vars(builtins)["max"] = original
        else:
            vars(builtins)["max"] = lambda *args, **kwargs: (
                7.0 if args == (1, 2) else original(*args, **kwargs)
            )

    original = max
    return on(Value(2.0), lambda v: v * max(1, 2), change)


@case
def variable_that_is_added_to_the_builtins() -> Case:
    name = "a_variable_of_the_tests"
    vars(builtins)[name] = 0.5
    scale = eval(f"lambda v: v * {name}", {})
    return on(Value(2.0), scale, lambda i: vars(builtins).update({name: RATES[i]}))


@case
def class_that_is_registered() -> Case:
    class Base(abc.ABC):  # noqa: B024
        pass

    class First:
        pass

    class Second:
        pass

    parts = [First(), Second()]

    def change(i: int) -> None:
        Base.register((First, Second)[i])

    return on(Value(2.0), lambda v: v * (1 + sum(isinstance(part, Base) for part in parts)), change)


@case
def items_of_a_class() -> Case:
    class Rates:
        items: ClassVar[dict[str, float]] = {"a": 0.5}

        def __class_getitem__(cls, key: str) -> float:
            return cls.items[key]

    return on(Value(2.0), lambda v: v * Rates["a"], lambda i: Rates.items.update(a=RATES[i]))  # type: ignore[operator]


T = TypeVar("T")


@case
def attribute_of_a_generic_class() -> Case:
    class Box(Generic[T]):
        rate = 0.5

        def __init__(self, v: Value) -> None:
            self.v = v * self.rate

    make = Box[float]
    return on(Value(2.0), lambda v: make(v).v, lambda i: setattr(Box, "rate", RATES[i]))


@case
def module_that_is_replaced() -> Case:
    name, modules = "glassgrad_test_replaced", []
    for rate in (0.5, *RATES):
        modules.append(types.ModuleType(name))
        modules[-1].rate = rate  # type: ignore[attr-defined]
    sys.modules[name] = modules[0]

    def scale(v: Value) -> Value:
        from glassgrad_test_replaced import rate  # type: ignore[import-not-found]

        return v * rate  # type: ignore[no-any-return]

    return on(Value(2.0), scale, lambda i: sys.modules.update({name: modules[i + 1]}))


@case
def state_of_a_copy() -> Case:
    class Local:
        beta: float

        def __getstate__(self) -> dict[str, float]:
            return {"beta": Settings.beta}

    Settings.beta = 0.5
    original = Local()
    return on(
        Value(2.0), lambda v: v * copy.copy(original).beta, lambda i: setattr(Settings, "beta", RATES[i])
    )


def scaled_number(x: Any) -> float:
    return float(x) * RATE


def set_scale(i: int) -> None:
    global RATE
    RATE = RATES[i]


@case
def function_in_a_decoder() -> Case:
    decoder = json.JSONDecoder(parse_float=scaled_number)
    set_scale(0)
    return on(Value(2.0), lambda v: v * decoder.decode("1.0"), lambda i: set_scale(1 - i))


@case
def function_in_an_encoder() -> Case:
    encoder = json.JSONEncoder(default=lambda x: 0.5 * scaled_number(1.0))
    set_scale(0)
    return on(Value(2.0), lambda v: v * float(encoder.encode({1}.__iter__)), lambda i: set_scale(1 - i))


@case
def function_that_numpy_vectorizes() -> Case:
    numpy = pytest.importorskip("numpy")
    function = numpy.vectorize(scaled_number, otypes=[float])
    set_scale(0)
    return on(Value(2.0), lambda v: v * float(function(numpy.ones(1))[0]), lambda i: set_scale(1 - i))


@case
def value_in_a_context_of_the_library() -> Case:
    ws = [Value(2.0), Value(3.0)]
    context = contextlib.nullcontext(ws[0])

    def loss(x: Any) -> Value:
        with context as w:
            return w * x

    return Case(loss, lambda: ws, lambda i: setattr(context, "enter_result", ws[1 - i]))


@case
def nodes_of_a_graph() -> Case:
    sorter = graphlib.TopologicalSorter({1: [2]})
    return on(
        Value(2.0),
        lambda v: v * len([*copy.deepcopy(sorter).static_order()]),
        lambda i: sorter.add(3 + i),
    )


@case
def module_that_appears() -> Case:
    sys.modules.pop("glassgrad_test_later", None)

    def rate() -> float:
        try:
            import glassgrad_test_later  # type: ignore[import-not-found]
        except ImportError:
            return 0.5
        rate: float = glassgrad_test_later.rate
        return rate

    def change(i: int) -> None:
        module = types.ModuleType("glassgrad_test_later")
        module.rate = RATES[i]  # type: ignore[attr-defined]
        sys.modules["glassgrad_test_later"] = module

    return on(Value(2.0), lambda v: v * rate(), change)


@runtime_checkable
class Quantized(Protocol):
    quantized: bool


@case
def attribute_of_which_a_protocol_asks() -> Case:
    config = types.SimpleNamespace()
    return on(
        Value(2.0),
        lambda v: v if isinstance(config, Quantized) else v * 2.0,
        lambda i: delattr(config, "quantized") if i else setattr(config, "quantized", True),
    )


@case
def annotations_of_a_class() -> Case:
    class Local:
        a: int

    return on(
        Value(2.0),
        lambda v: v * len(get_type_hints(Local)),
        lambda i: Local.__annotations__.update({f"b{i}": int}),
    )


@case
def documentation_of_a_function() -> Case:
    def function() -> None:
        """Text."""

    return on(
        Value(2.0),
        lambda v: v * len(function.__doc__ or ""),
        lambda i: setattr(function, "__doc__", "text" * (i + 2)),
    )


def special(name: str, method: Callable[..., Any], by: Callable[[Any], bool]) -> Case:
    kind = type("Local", (), {"__module__": __name__})
    x = kind()
    return on(
        Value(2.0),
        lambda v: v if by(x) else v * 2.0,
        lambda i: delattr(kind, name) if i else setattr(kind, name, method),
    )


@case
def call_that_a_class_gets() -> Case:
    return special("__call__", lambda self: 1.0, callable)


@case
def truth_that_a_class_gets() -> Case:
    return special("__bool__", lambda self: False, lambda x: bool(x))


@case
def length_that_a_class_gets() -> Case:
    return special("__len__", lambda self: 0, lambda x: not x)


@dataclasses.dataclass
class Known:
    beta: float = 0.5


SAME = operator.eq


def read_by_the_library(read: Callable[[Any], Any]) -> Case:
    x, y = Known(), Known()
    return on(Value(2.0), lambda v: v * (1.0 + read([x, y])), lambda i: setattr(x, "beta", RATES[i]))


@case
def comparison_by_another_name() -> Case:
    return read_by_the_library(lambda xs: SAME(*xs))


@case
def groups_of_equal_objects() -> Case:
    return read_by_the_library(lambda xs: len([*itertools.groupby(xs)]))


@case
def pickle_of_an_object() -> Case:
    return read_by_the_library(lambda xs: sum(pickle.dumps(xs[0])))


@case
def text_by_pprint() -> Case:
    return read_by_the_library(
        lambda xs: len(pprint.pformat(xs[0])) + (pprint.pformat(xs[0]) > "Known(beta=1")
    )


@case
def text_in_a_template() -> Case:
    return read_by_the_library(lambda xs: string.Template("$x").substitute(x=xs[0]) > "Known(beta=1")


@pytest.mark.parametrize("name", CASES)
def test_change_is_seen_at_the_next_call(name: str) -> None:
    check_every_call(CASES[name]())
