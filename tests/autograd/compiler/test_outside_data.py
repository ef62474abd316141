"""Data that a function reads from outside changes between calls: each call must see it."""

import argparse
import array
import calendar
import collections
import collections.abc
import dataclasses
import datetime
import enum
import functools
import itertools
import logging
import math
import operator
import os
import threading
import types
import weakref
from collections.abc import Callable
from decimal import Context, Decimal, getcontext
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

import autograd
import nn
from autograd import Value, compile

from ..._support.outside import (
    RATES,
    Case,
    Config,
    Kind,
    Settings,
    Slots,
    check_every_call,
    on,
    registry,
)

CASES, case = registry()


@dataclasses.dataclass(frozen=True)
class Frozen:
    beta: float = 0.5


class Special(Settings):
    pass


class Point(NamedTuple):
    beta: float


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


@case
def text_of_a_namespace() -> Case:
    config = types.SimpleNamespace(beta=0.5)
    return on(
        Value(2.0),
        lambda v: v * float(str(config).rpartition("=")[2][:-1]),
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def number_in_nested_lists() -> Case:
    innermost = [0.5]
    config: list[Any] = innermost
    for _ in range(1500):  # deeper than Python recurses
        config = [config]

    def rate() -> Any:
        x = config
        while isinstance(x[0], list):
            x = x[0]
        return x[0]

    return on(Value(2.0), lambda v: v * rate(), lambda i: innermost.__setitem__(0, RATES[i]))


@case
def attribute() -> Case:
    config = Config()
    return on(Value(2.0), lambda v: v * config.beta, lambda i: setattr(config, "beta", RATES[i]))


@case
def attribute_of_an_attribute() -> Case:
    outer = types.SimpleNamespace(inner=Config())
    return on(Value(2.0), lambda v: v * outer.inner.beta, lambda i: setattr(outer.inner, "beta", RATES[i]))


@case
def object_that_is_exchanged() -> Case:
    outer = types.SimpleNamespace(inner=Config())
    return on(Value(2.0), lambda v: v * outer.inner.beta, lambda i: setattr(outer, "inner", Config(RATES[i])))


@case
def frozen_dataclass_that_is_replaced() -> Case:
    box = [Frozen()]
    return on(
        Value(2.0),
        lambda v: v * box[0].beta,
        lambda i: box.__setitem__(0, dataclasses.replace(box[0], beta=RATES[i])),
    )


@case
def item_of_a_dict() -> Case:
    config = {"b": 0.5, "other": 1.0}
    return on(Value(2.0), lambda v: v * config["b"], lambda i: config.update(b=RATES[i]))


@case
def item_that_is_added() -> Case:
    config: dict[str, float] = {}
    return on(Value(2.0), lambda v: v * config.get("b", 0.5), lambda i: config.update(b=RATES[i]))


@case
def nested_items() -> Case:
    config = {"a": [{"b": 0.5}, Value(1.0)]}
    inner: Any = config["a"][0]
    return on(Value(2.0), lambda v: v * config["a"][0]["b"], lambda i: inner.update(b=RATES[i]))  # type: ignore[index,operator]


@case
def item_of_a_list() -> Case:
    rates = [1.0, 0.5]
    return on(Value(2.0), lambda v: v * rates[1], lambda i: rates.__setitem__(1, RATES[i]))


@case
def list_that_grows() -> Case:
    rates = [0.5]
    return on(Value(2.0), lambda v: autograd.sum([v * r for r in rates]), lambda i: rates.append(RATES[i]))


@case
def numbers_beside_values() -> Case:
    mixed = [Value(3.0), 0.5]
    return on(Value(2.0), lambda v: v * mixed[1] + mixed[0], lambda i: mixed.__setitem__(1, RATES[i]))


@case
def sign_of_a_zero() -> Case:
    config = {"zero": 0.0, "w": Value(1.0)}
    return on(Value(2.0), lambda v: 1.0 / (v * config["zero"]), lambda i: config.update(zero=(-0.0, 0.0)[i]))


@case
def sign_of_a_zero_in_an_attribute() -> Case:
    config = Config(0.0)
    return on(
        Value(2.0), lambda v: 1.0 / (v * config.beta), lambda i: setattr(config, "beta", (-0.0, 0.0)[i])
    )


@case
def slots() -> Case:
    config = Slots()
    return on(Value(2.0), lambda v: v * config.beta, lambda i: setattr(config, "beta", RATES[i]))


@case
def class_attribute() -> Case:
    class Local:
        beta = 0.5

    return on(Value(2.0), lambda v: v * Local.beta, lambda i: setattr(Local, "beta", RATES[i]))


@case
def inherited_class_attribute() -> Case:
    special = Special()
    Settings.beta = 0.5
    return on(Value(2.0), lambda v: v * special.beta, lambda i: setattr(Settings, "beta", RATES[i]))


@case
def attribute_that_hides_a_class_attribute() -> Case:
    Settings.beta = 0.5
    special = Special()
    return on(Value(2.0), lambda v: v * special.beta, lambda i: setattr(special, "beta", RATES[i]))


@case
def attribute_behind_a_property() -> Case:
    derived = Derived()
    return on(Value(2.0), lambda v: v * derived.beta, lambda i: setattr(derived, "_half", RATES[i]))


@case
def attribute_behind_an_operator() -> Case:
    derived = Derived()
    return on(Value(2.0), lambda v: v * derived["any"], lambda i: setattr(derived, "_half", RATES[i]))


@case
def attribute_behind_getattr() -> Case:
    missing = Missing()
    return on(Value(2.0), lambda v: v * missing.beta, lambda i: missing.known.update(beta=RATES[i]))


@case
def attribute_by_a_computed_name() -> Case:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * getattr(config, "be" + "ta"),
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def all_attributes() -> Case:
    config = types.SimpleNamespace(a=0.5, b=1.0)
    return on(
        Value(2.0),
        lambda v: v * math.fsum(vars(config).values()),
        lambda i: setattr(config, "a", RATES[i]),
    )


@case
def attribute_by_a_getter() -> Case:
    config, read = Config(), operator.attrgetter("beta")
    return on(Value(2.0), lambda v: v * read(config), lambda i: setattr(config, "beta", RATES[i]))


@case
def text_of_an_object() -> Case:
    class Local:
        def __init__(self) -> None:
            self.number = 0.5

        def __str__(self) -> str:
            return str(self.number)

    config = Local()
    return on(Value(2.0), lambda v: v * float(f"{config}"), lambda i: setattr(config, "number", RATES[i]))


@case
def text_made_by_percent() -> Case:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * float(("%s" % config).split("=")[1].split(",")[0]),  # noqa: UP031
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def text_made_by_format() -> Case:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * float("{}".format(config).split("=")[1].split(",")[0]),  # noqa: UP032
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def attribute_named_in_a_format() -> Case:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * float("{0.beta}".format(config)),  # noqa: UP030, UP032
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def library_function_by_another_name() -> Case:
    config, as_dict = Config(), dataclasses.asdict
    return on(
        Value(2.0),
        lambda v: v * next(iter(as_dict(config).values())),
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def builtin_function_by_another_name() -> Case:
    config, read = Config(), getattr
    return on(
        Value(2.0),
        lambda v: v * read(config, "be" + "ta"),
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def attribute_by_getattribute() -> Case:
    config = Config()
    return on(
        Value(2.0),
        lambda v: v * object.__getattribute__(config, "be" + "ta"),
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def environment_by_getenv() -> Case:
    os.environ["GLASSGRAD_TEST"] = "0.5"
    return on(
        Value(2.0),
        lambda v: v * float(os.getenv("GLASSGRAD_TEST") or 0.0),
        lambda i: os.environ.update(GLASSGRAD_TEST=str(RATES[i])),
    )


@case
def constructor_of_a_class_that_no_code_names() -> Case:
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
        lambda i: setattr(config, "beta", RATES[i]),
    )


@case
def assignment_to_an_item() -> Case:
    config = Config()

    class Local(dict[str, Value]):
        def __setitem__(self, key: str, v: Value) -> None:
            super().__setitem__(key, v * config.beta)

    def scale(v: Value) -> Value:
        table = Local()
        table["v"] = v
        return table["v"]

    return on(Value(2.0), scale, lambda i: setattr(config, "beta", RATES[i]))


@case
def namespace_of_arguments() -> Case:
    args = argparse.Namespace(beta=0.5)
    return on(Value(2.0), lambda v: v * args.beta, lambda i: setattr(args, "beta", RATES[i]))


@case
def namedtuple_that_is_replaced() -> Case:
    box = {"p": Point(0.5)}
    return on(Value(2.0), lambda v: v * box["p"].beta, lambda i: box.update(p=Point(RATES[i])))


@case
def choice_of_an_enum() -> Case:
    box = [Kind.LINE]
    return on(
        Value(2.0),
        lambda v: v * v if box[0] is Kind.SQUARE else v,
        lambda i: box.__setitem__(0, (Kind.SQUARE, Kind.LINE)[i]),
    )


@case
def choice_of_a_string() -> Case:
    config = Config()
    config.items["kind"] = "line"
    return on(
        Value(2.0),
        lambda v: v * v if config.items["kind"] == "square" else v,
        lambda i: config.items.update(kind=("square", "line")[i]),
    )


@case
def member_of_a_set() -> Case:
    flags = {"line"}
    return on(
        Value(2.0), lambda v: v * v if "square" in flags else v, lambda i: flags.add(("square", "cube")[i])
    )


@case
def item_of_a_deque() -> Case:
    rates = collections.deque([0.5, Value(1.0)])
    return on(Value(2.0), lambda v: v * rates[0], lambda i: rates.__setitem__(0, RATES[i]))


@case
def item_of_an_array() -> Case:
    rates = array.array("d", [0.5])
    return on(Value(2.0), lambda v: v * rates[0], lambda i: rates.__setitem__(0, RATES[i]))


@case
def view_of_a_dict() -> Case:
    config = {"b": 0.5}
    view = types.MappingProxyType(config)
    return on(Value(2.0), lambda v: v * view["b"], lambda i: config.update(b=RATES[i]))


@case
def mapping_of_the_users_own() -> Case:
    class Local(collections.UserDict[str, float]):
        pass

    config = Local(b=0.5)
    return on(Value(2.0), lambda v: v * config["b"], lambda i: config.update(b=RATES[i]))


@case
def sequence_of_the_users_own() -> Case:
    class Local(collections.abc.Sequence[float]):
        def __init__(self) -> None:
            self.numbers = [0.5]

        def __getitem__(self, i: Any) -> Any:
            return self.numbers[i]

        def __len__(self) -> int:
            return len(self.numbers)

    rates = Local()
    return on(
        Value(2.0),
        lambda v: autograd.sum([v * r for r in rates]),
        lambda i: rates.numbers.append(RATES[i]),
    )


@case
def environment() -> Case:
    os.environ["GLASSGRAD_TEST"] = "0.5"
    return on(
        Value(2.0),
        lambda v: v * float(os.environ["GLASSGRAD_TEST"]),
        lambda i: os.environ.update(GLASSGRAD_TEST=str(RATES[i])),
    )


@case
def weakly_referenced() -> Case:
    config = Config()
    reference = weakref.ref(config)

    def scale(v: Value) -> Value:
        config = reference()
        assert config is not None
        return v * config.beta

    return on(Value(2.0), scale, lambda i: setattr(config, "beta", RATES[i]))


@case
def order_of_a_dict_of_objects() -> Case:
    weights = {"a": Value(0.5), "b": Value(2.0)}
    return Case(
        lambda x: x * next(iter(weights.values())),
        lambda: [*map(weights.__getitem__, "ab")],
        lambda i: weights.update({"ab"[i]: weights.pop("ab"[i])}),
    )


@case
def order_of_the_parameters_of_a_module() -> Case:
    class Local(nn.Module):
        def __init__(self) -> None:
            self.a, self.b = nn.Parameter(0.5), nn.Parameter(2.0)

    model = Local()

    def change(i: int) -> None:
        name = "ab"[i]
        parameter = getattr(model, name)
        delattr(model, name)
        setattr(model, name, parameter)

    return Case(lambda x: x * model.parameters()[0], lambda: [model.a, model.b], change)


class Alike:
    """An object that is equal to every other."""

    def __init__(self, beta: float) -> None:
        self.beta = beta

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


@case
def key_that_is_equal_to_another() -> Case:
    table = {Alike(0.5): 1.0}

    def change(i: int) -> None:
        table.clear()
        table[Alike(RATES[i])] = 1.0

    return on(Value(2.0), lambda v: v * next(iter(table)).beta, change)


@case
def element_of_a_set_that_is_equal_to_another() -> Case:
    members = {Alike(0.5)}

    def change(i: int) -> None:
        members.clear()
        members.add(Alike(RATES[i]))

    return on(Value(2.0), lambda v: v * next(iter(members)).beta, change)


@case
def dict_of_an_object_that_is_replaced() -> Case:
    config = Config()
    vars(config)["inner"] = Alike(0.5)
    return on(
        Value(2.0),
        lambda v: v * config.inner.beta,  # type: ignore[attr-defined]
        lambda i: setattr(config, "__dict__", {**vars(config), "inner": Alike(RATES[i])}),
    )


@case
def what_a_default_dict_makes() -> Case:
    table: collections.defaultdict[str, float] = collections.defaultdict(lambda: 0.5)

    def change(i: int) -> None:
        table.default_factory = lambda: RATES[i]

    return on(Value(2.0), lambda v: v * table.default_factory(), change)  # type: ignore[misc]


@case
def flag_of_an_event() -> Case:
    event = threading.Event()
    return on(Value(2.0), lambda v: v * 2.0 if event.is_set() else v, lambda i: (event.set, event.clear)[i]())


@case
def dict_of_the_users_own_class() -> Case:
    class Local(collections.UserDict[str, Any]):
        pass

    table = Local(beta=0.5, w=Value(1.0))
    return on(Value(2.0), lambda v: v * table["beta"], lambda i: table.update(beta=RATES[i]))


@case
def dict_behind_another() -> Case:
    inner: dict[str, Any] = {"beta": 0.5, "w": Value(1.0)}
    table = collections.ChainMap({}, inner)
    return on(Value(2.0), lambda v: v * table["beta"], lambda i: (inner, table)[i].update(beta=RATES[i]))


@case
def content_of_an_enum() -> Case:
    Local: Any = enum.Enum("Local", {"RATES": [0.5]})
    return on(
        Value(2.0),
        lambda v: v * Local.RATES.value[0],
        lambda i: Local.RATES.value.__setitem__(0, RATES[i]),
    )


@case
def function_by_the_type_of_its_argument() -> Case:
    config = Config()

    @functools.singledispatch
    def rate(x: object) -> float:
        return config.beta

    return on(
        Value(2.0),
        lambda v: v * rate(config),
        lambda i: setattr(config, "beta", RATES[0]) if i == 0 else rate.register(Config, lambda x: RATES[1]),
    )


@case
def function_with_a_cache_that_is_cleared() -> Case:
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
def content_of_a_cache() -> Case:
    @functools.cache
    def rates(n: int) -> list[float]:
        return [0.5] * n

    return on(Value(2.0), lambda v: v * rates(3)[0], lambda i: rates(3).__setitem__(0, RATES[i]))


@case
def label_of_a_leaf() -> Case:
    other = Value(1.0, label="a")
    return on(Value(2.0), lambda v: v * len(other.label), lambda i: setattr(other, "label", "a" * (i + 2)))


@case
def attribute_of_a_leaf_of_the_users_own_class() -> Case:
    class Scaled(Value):
        scale = 0.5

    w = Scaled(2.0)
    return on(w, lambda v: v * w.scale, lambda i: setattr(w, "scale", RATES[i]))


@case
def order_of_a_set() -> Case:
    numbers = {8, 16, 0}

    def scale(v: Value) -> Value:
        return v * sum(i * x for i, x in enumerate(numbers))

    def change(i: int) -> None:
        order = [*numbers][::-1]
        numbers.clear()
        numbers.update(order)
        assert [*numbers] == order

    return on(Value(2.0), scale, change)


@case
def set_in_a_list_that_is_replaced_by_another_order() -> Case:
    numbers = [{8, 0}]

    def change(i: int) -> None:
        order = [*numbers[0]][::-1]
        numbers[0] = {*order}
        assert [*numbers[0]] == order

    return on(Value(2.0), lambda v: v * next(iter(numbers[0])), change)


@case
def precision_of_decimals() -> Case:
    a, b, context = Decimal(1), Decimal(3), getcontext()
    context.prec = 28
    return on(Value(2.0), lambda v: v * float(a / b), lambda i: setattr(context, "prec", (3, 28)[i]))


@case
def print_options_of_numpy() -> Case:
    numpy = pytest.importorskip("numpy")
    array = numpy.array([0.12345])
    numpy.set_printoptions(precision=8)

    def change(i: int) -> None:
        numpy.set_printoptions(precision=8 if i else 2)

    return on(Value(2.0), lambda v: v * len(str(array)), change)


@case
def default_type_of_torch() -> Case:
    torch = pytest.importorskip("torch")

    def change(i: int) -> None:
        torch.set_default_dtype(torch.float32 if i else torch.float64)

    return on(Value(2.0), lambda v: v * (1.0 + 0.1 * torch.get_default_dtype().itemsize), change)


@case
def namespaces_that_are_compared() -> Case:
    first, second = types.SimpleNamespace(beta=0.5), types.SimpleNamespace(beta=0.5)
    return on(
        Value(2.0),
        lambda v: v if first == second else v * 2.0,
        lambda i: setattr(first, "beta", (1.0, 0.5)[i]),
    )


@case
def object_that_is_compared_with_a_constant() -> Case:
    class Mode:
        name = "train"

        def __eq__(self, other: object) -> bool:
            return self.name == other

        __hash__ = None  # type: ignore[assignment]

    mode = Mode()
    return on(
        Value(2.0),
        lambda v: v if mode == "train" else v * 2.0,
        lambda i: setattr(mode, "name", ("evaluate", "train")[i]),
    )


class Text(enum.StrEnum):
    A = "a"

    @property
    def rate(self) -> float:
        return TABLE[self.value]


TABLE = {"a": 0.5}


@case
def property_of_a_member_of_an_enum_of_strings() -> Case:
    config = types.SimpleNamespace(mode=Text.A)
    TABLE["a"] = 0.5
    return on(Value(2.0), lambda v: v * config.mode.rate, lambda i: TABLE.update(a=RATES[i]))


@case
def member_of_an_enum_that_becomes_an_equal_string() -> Case:
    config = types.SimpleNamespace(mode=Text.A)
    return on(
        Value(2.0),
        lambda v: v * (2.0 if isinstance(config.mode, Text) else 1.0),
        lambda i: setattr(config, "mode", ("a", Text.A)[i]),
    )


@case
def flag_that_becomes_an_equal_int() -> Case:
    config = types.SimpleNamespace(flag=True)
    return on(
        Value(2.0),
        lambda v: v * (2.0 if config.flag is True else 1.0),
        lambda i: setattr(config, "flag", (1, True)[i]),
    )


@case
def attribute_of_a_float_of_the_users_own_class() -> Case:
    class Rate(float):
        unit = 0.5

    rate = Rate(1.0)
    return on(Value(2.0), lambda v: v * rate.unit, lambda i: setattr(rate, "unit", RATES[i]))


@case
def level_of_a_logger_above() -> Case:
    above, logger = logging.getLogger("glassgrad_test"), logging.getLogger("glassgrad_test.loss")
    above.setLevel(logging.WARNING)
    return on(
        Value(2.0),
        lambda v: v * (2.0 if logger.isEnabledFor(logging.INFO) else 1.0),
        lambda i: above.setLevel((logging.INFO, logging.WARNING)[i]),
    )


@case
def precision_of_a_context() -> Case:
    context = Context(prec=28)
    return on(Value(2.0), lambda v: v * context.prec, lambda i: setattr(context, "prec", (5, 28)[i]))


@case
def name_of_a_class() -> Case:
    class Local:
        pass

    return on(
        Value(2.0),
        lambda v: v * len(Local.__name__),
        lambda i: setattr(Local, "__name__", ("A", "Longer")[i]),
    )


def unread(array: Callable[[int], Any]) -> tuple[Any, Callable[[int], object]]:
    config = types.SimpleNamespace(beta=0.5, last=None)
    return lambda v: v * config.beta, lambda i: setattr(config, "last", array(i))


def unread_value(array: Callable[[int], Any]) -> tuple[Any, Callable[[int], object]]:
    config = types.SimpleNamespace(beta=0.5, last=None)
    return lambda v: v * config.beta, lambda i: setattr(config, "last", Value(float(i)))


def equal(array: Callable[[int], Any]) -> tuple[Any, Callable[[int], object]]:
    config = types.SimpleNamespace(mask=array(2))
    return lambda v: v * float(config.mask[0]), lambda i: setattr(config, "mask", array(2))


def equal_in_a_dict(array: Callable[[int], Any]) -> tuple[Any, Callable[[int], object]]:
    masks = collections.defaultdict(list, {"a": array(2)})
    return lambda v: v * float(masks["a"][0]), lambda i: masks.update(a=array(2))


def equal_in_a_list(array: Callable[[int], Any]) -> tuple[Any, Callable[[int], object]]:
    masks = [array(2), Value(1.0)]
    return lambda v: v * float(masks[0][0]), lambda i: masks.__setitem__(0, array(2))


def equal_and_immutable(array: Callable[[int], Any]) -> tuple[Any, Callable[[int], object]]:
    config = types.SimpleNamespace()

    def replace(i: int) -> None:
        config.day, config.rate = datetime.date(2000, 1, 2), Fraction(1, 2)
        config.step, config.folder = Decimal("0.10"), Path("a/b")

    def read(v: Any) -> Any:
        return v * config.day.day * float(config.rate) * float(config.step) * len(config.folder.parts)

    replace(0)
    return read, replace


@pytest.mark.parametrize(
    "make", [equal_and_immutable, unread_value, unread, equal, equal_in_a_dict, equal_in_a_list]
)
def test_what_is_replaced_at_each_call_needs_one_trace(make: Callable[..., Any]) -> None:
    numpy = pytest.importorskip("numpy")
    read, replace = make(lambda n: numpy.ones(n % 5 + 2))
    w = Value(2.0)
    step = compile(lambda x: read(w * x), backend="python")
    for i in range(100):
        replace(i)
        assert step(float(i)) == read(Value(2.0 * i)).data
    assert len(step._step.causes) == 1, step._step.causes


def test_tensor_that_is_replaced_and_not_read() -> None:
    torch = pytest.importorskip("torch")
    read, replace = unread(torch.ones)
    w = Value(2.0)
    step = compile(lambda x: read(w * x), backend="python")
    for i in range(100):
        replace(i)
        assert step(float(i)) == 1.0 * i
    assert len(step._step.causes) == 1, step._step.causes


@case
def array_that_changes_after_an_equal_one_took_its_place() -> Case:
    numpy = pytest.importorskip("numpy")
    config = types.SimpleNamespace(mask=numpy.ones(1))

    def change(i: int) -> None:
        if i == 0:
            config.mask = numpy.ones(1)
        else:
            config.mask[0] = 5.0

    return on(Value(2.0), lambda v: v * float(config.mask[0]), change)


@case
def list_of_which_another_name_gets_a_copy() -> Case:
    first = types.SimpleNamespace(rates=[0.5], last=0)
    second = types.SimpleNamespace(rates=first.rates)

    def change(i: int) -> None:
        if i == 0:
            first.rates = [0.5]
            first.last = 1
        else:
            second.rates[0] = 5.0

    return on(Value(2.0), lambda v: v * first.rates[0] * second.rates[0], change)


@case
def empty_list_that_is_replaced_and_filled_later() -> Case:
    config = types.SimpleNamespace(extra=[], last=0)

    def change(i: int) -> None:
        if i == 0:
            config.extra = []
            config.last = 1
        else:
            config.extra.append(5.0)

    return on(Value(2.0), lambda v: v * (1.0 + len(config.extra)), change)


class Mode(nn.Module):
    def __init__(self) -> None:
        self.w, self.beta = nn.Parameter(2.0), 0.5

    def __call__(self, x: Any) -> Any:
        match self:
            case Mode(beta=0.5):
                return self.w * x
        return self.w * x * 2.0


@case
def attribute_that_a_pattern_of_a_method_names() -> Case:
    model = Mode()
    return Case(model, lambda: [model.w], lambda i: setattr(model, "beta", RATES[i]))


def matched(config: Any) -> float:
    match config:
        case Config(beta=0.5) | Slots(beta=0.5) | argparse.Namespace(beta=0.5):
            return 2.0
        case types.SimpleNamespace(inner=types.SimpleNamespace(beta=0.5)):
            return 3.0
        case Derived(beta=0.5):
            return 4.0
    return 1.0


@case
def attributes_that_a_pattern_names() -> Case:
    configs = [Config(), Slots(), argparse.Namespace(beta=0.5), inner := types.SimpleNamespace(beta=0.5)]
    configs[3] = types.SimpleNamespace(inner=inner)
    return on(
        Value(2.0),
        lambda v: v * matched(configs[0]) * matched(configs[1]) * matched(configs[2]) * matched(configs[3]),
        lambda i: [setattr(x, "beta", RATES[i]) for x in ((configs[0], inner), configs[1:3])[i]],
    )


@case
def property_that_a_pattern_names() -> Case:
    config = Derived()
    return on(Value(2.0), lambda v: v * matched(config), lambda i: setattr(config, "_half", (1.0, 0.25)[i]))


@case
def attribute_of_a_mock() -> Case:
    config = mock.Mock()
    config.beta = 0.5
    return on(Value(2.0), lambda v: v * config.beta, lambda i: setattr(config, "beta", RATES[i]))


@case
def attribute_of_a_mock_that_imitates_a_dict() -> Case:
    config = mock.Mock(spec=dict)
    config.beta = 0.5
    return on(Value(2.0), lambda v: v * config.beta, lambda i: setattr(config, "beta", RATES[i]))


@case
def mock_in_a_branch_that_is_not_taken() -> Case:
    config = types.SimpleNamespace(beta=0.5, log=mock.Mock())

    def by(v: Any) -> Any:
        if config.beta > 100.0:
            config.log(v)
        return v * config.beta

    return on(Value(2.0), by, lambda i: setattr(config, "beta", RATES[i]))


@case
def object_behind_a_weak_proxy() -> Case:
    config = Config()
    proxy = weakref.proxy(config)
    return on(Value(2.0), lambda v: v * proxy.beta, lambda i: setattr(config, "beta", RATES[i]))


@case
def number_in_a_graph_of_dicts() -> Case:
    layers: list[Any] = [[{"rate": 0.5, "in": []} for _ in range(4)] for _ in range(12)]
    for before, layer in itertools.pairwise(layers):
        for node in layer:
            node["in"] = [*before]  # 4¹¹ paths lead to the first layer
    return on(
        Value(2.0),
        lambda v: v * layers[-1][0]["in"][1]["rate"],
        lambda i: layers[-2][1].update(rate=RATES[i]),
    )


@case
def number_in_lists_that_are_shared() -> Case:
    first = [0.5]
    shared: Any = first
    for _ in range(30):
        shared = [shared, shared]
    return on(
        Value(2.0), lambda v: v * (first[0] if shared[0] else 1.0), lambda i: first.__setitem__(0, RATES[i])
    )


class Uncalled:
    """Its ``__getattr__`` must not be called for what only the guard looks for."""

    __slots__ = ("beta", "rate")

    def __getattr__(self, name: str) -> Any:
        return 0.5 if name == "rate" else Uncalled()


@case
def slot_that_is_filled_later() -> Case:
    config = Uncalled()
    return on(Value(2.0), lambda v: v * config.rate, lambda i: setattr(config, "rate", RATES[i]))


@case
def attribute_of_this_thread() -> Case:
    local = threading.local()
    local.beta = 0.5
    return on(Value(2.0), lambda v: v * local.beta, lambda i: setattr(local, "beta", RATES[i]))


@case
def first_day_of_the_week() -> Case:
    calendar.setfirstweekday(0)
    return on(
        Value(2.0),
        lambda v: v * calendar.monthcalendar(2000, 1)[1][0],
        lambda i: calendar.setfirstweekday((6, 0)[i]),
    )


@pytest.mark.parametrize("name", CASES)
def test_change_is_seen_at_the_next_call(name: str) -> None:
    check_every_call(CASES[name]())
