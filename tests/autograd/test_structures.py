"""Nested containers: copies with other leaves, and derivatives in the same containers."""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from autograd import Value, compile, hessian, hvp, jacobian
from autograd.structures import leaves_of, map_leaves, structure_of, with_leaves
from nn import Neuron

from .._support.compiled import BACKENDS


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass(frozen=True)
class Frozen:
    x: Any
    y: Any = 0.0


@dataclass
class Slotted:
    __slots__ = ("w",)
    w: Any


@dataclass
class Hidden:
    x: Any
    squared: Any = field(init=False, default=9.0)


CONTAINERS = [
    2.0,
    [2.0, 5.0],
    (2.0, (5.0,), []),
    {"w": 2.0, 1: [5.0]},
    Pair(2.0, Pair(5.0, 12.0)),
    Frozen(2.0, [5.0]),
    Slotted({"a": Frozen(1.0)}),
    Hidden(3.0),
    OrderedDict(b=2.0, a=5.0),
    defaultdict(list, {"b": 2.0}),
]


@pytest.mark.parametrize("x", CONTAINERS, ids=repr)
def test_a_copy_has_the_same_containers(x: Any) -> None:
    leaves = [*leaves_of(x)]
    assert map_leaves(x, lambda leaf: leaf) == x
    changed = with_leaves(x, [leaf + 1.0 for leaf in leaves])
    assert [*leaves_of(changed)] == [leaf + 1.0 for leaf in leaves]
    assert type(changed) is type(x)
    assert structure_of(changed) == structure_of(x)
    assert [*leaves_of(x)] == leaves
    assert hash(structure_of(x)) == hash(structure_of(changed))


def test_structures_differ_in_kinds_lengths_and_keys() -> None:
    different = [*CONTAINERS, [2.0], {"w": 2.0}, Pair(2.0, 5.0), {"w": 2.0, 2: [5.0]}]
    structures = [structure_of(x) for x in different]
    assert len({*structures}) == len(structures)


def bilinear(p: Any, q: Any) -> Any:
    """The same function of nested arguments and of a flat row of numbers."""
    return p["w"][0] * p["w"][1] * q.x + p["b"] * q.x * q.x + q.y.first * p["w"][0]


def flat(w0: Any, w1: Any, b: Any, x: Any, first: Any, second: Any) -> Any:
    return w0 * w1 * x + b * x * x + first * w0


POINT = [{"w": [2.0, 3.0], "b": 0.5}, Frozen(5.0, Pair(7.0, 1.0))]
NUMBERS = [2.0, 3.0, 0.5, 5.0, 7.0, 1.0]
VECTOR = [{"w": [1.0, 0.0], "b": 2.0}, Frozen(-1.0, Pair(0.5, 3.0))]


def test_derivatives_are_in_the_containers_of_the_point() -> None:
    row = jacobian(flat, NUMBERS)
    assert jacobian(bilinear, POINT) == with_leaves(POINT, row)
    assert jacobian(lambda p, q: [bilinear(p, q)], POINT) == [with_leaves(POINT, row)]
    rows = [with_leaves(POINT, row) for row in hessian(flat, NUMBERS)]
    assert hessian(bilinear, POINT) == with_leaves(POINT, rows)
    assert hvp(bilinear, POINT, VECTOR) == with_leaves(POINT, hvp(flat, NUMBERS, [*leaves_of(VECTOR)]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_derivatives_are_in_the_containers_of_the_point(backend: str) -> None:
    f = compile(bilinear, backend=backend)
    values = map_leaves(POINT, Value)
    for _ in range(3):
        for point in (POINT, values):
            assert f.value_and_grad(point) == (flat(*NUMBERS), jacobian(bilinear, POINT))
            assert f.hessian(point) == hessian(bilinear, POINT)
            assert f.hvp(point, VECTOR) == hvp(bilinear, POINT, VECTOR)
    assert all(leaf.grad == 0.0 for leaf in leaves_of(values))
    assert not f.fallbacks
    assert [len(other.causes) for other in f._others.values()] == [1, 1, 1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_parameters_of_a_module_are_an_argument(backend: str) -> None:
    layer = Neuron(3, activation="linear", seed=0)
    names = dict(layer.named_parameters())

    def loss(p: Any, x: Any) -> Any:
        return sum(w * y for w, y in zip(p.values(), [*x, 1.0]))

    f = compile(loss, backend=backend)
    for _ in range(3):
        value, (gradient, by_x) = f.value_and_grad([names, [1.0, 2.0, 3.0]])
        assert [*gradient] == [*names]
        assert [*gradient.values()] == [1.0, 2.0, 3.0, 1.0]
        assert by_x == [w.data for w in names.values()][:3]
        assert value == pytest.approx(loss(names, [1.0, 2.0, 3.0]).data)


@pytest.mark.parametrize("caller", [hvp, lambda f, at, v: compile(f).hvp(at, v)])
def test_a_vector_of_another_structure_raises_value_error(caller: Any) -> None:
    with pytest.raises(ValueError, match=r"hvp\(\) expected one number in v for each of the 6 in at, got 1"):
        caller(bilinear, POINT, [1.0])
    with pytest.raises(ValueError, match=r"hvp\(\) expected v to have the containers and keys of at"):
        caller(lambda p: p["a"] * p["b"], [{"a": 1.0, "b": 2.0}], [{"b": 1.0, "a": 2.0}])


def test_a_leaf_that_is_not_a_number_raises_type_error() -> None:
    with pytest.raises(TypeError, match=r"hessian\(\) expected a real number for at\[1\], got str 'w'"):
        hessian(bilinear, [POINT[0], Frozen("w")])
    with pytest.raises(TypeError, match=r"value_and_grad\(\) expected a real number for at\[0\]"):
        compile(bilinear).value_and_grad([{"w": None}, 1.0])
