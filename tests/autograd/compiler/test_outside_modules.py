"""Parameters, layers and modes of modules change between calls: each call must see it."""

from typing import Any

import pytest

import autograd
import nn
from autograd import Value

from ..._support.outside import Case, Gate, check_every_call, registry

CASES, case = registry()


@case
def parameter_that_is_swapped() -> Case:
    model = Gate()
    return Case(lambda x: model(x), lambda: [model.w], lambda i: setattr(model, "w", nn.Parameter(2.0)))


@case
def parameter_that_is_swapped_in_a_list() -> Case:
    ws = [Value(2.0), Value(3.0)]
    return Case(lambda x: ws[0] * x + ws[1], lambda: [*ws], lambda i: ws.__setitem__(i, Value(2.0)))


@case
def parameter_that_is_added() -> Case:
    ws = [Value(2.0)]
    return Case(lambda x: autograd.sum([w * x for w in ws]), lambda: [*ws], lambda i: ws.append(Value(0.0)))


@case
def parameter_that_is_shared() -> Case:
    a, b = Gate(), Gate()
    apart = b.w

    def change(i: int) -> None:
        b.w = a.w if i == 0 else apart

    return Case(lambda x: a(x) * b(x), lambda: [a.w, apart], change)


@case
def layer_that_is_added() -> Case:
    layers = [nn.MLP(1, [1], "tanh", seed=0)]

    def model(x: Any) -> Any:
        for layer in layers:
            x = layer([x])
        return x

    return Case(
        lambda x: model(x) * 1.0,
        lambda: [p for layer in layers for p in layer.parameters()],
        lambda i: layers.append(nn.MLP(1, [1], "tanh", seed=i + 1)),
    )


@case
def mode_of_a_users_own_module() -> Case:
    model = Gate()
    return Case(lambda x: model(x), lambda: [model.w], lambda i: model.train(i == 1))


@case
def mode_of_a_module_inside() -> Case:
    class Outer(nn.Module):
        def __init__(self) -> None:
            self.parts = {"gate": [Gate()]}

        def __call__(self, x: Any) -> Value:
            return self.parts["gate"][0](x)

    model = Outer()
    return Case(lambda x: model(x), model.parameters, lambda i: model.train(i == 1))


@case
def mode_of_a_module_among_the_arguments() -> Case:
    model = Gate()
    return Case(lambda x, m=model: m(x), lambda: [model.w], lambda i: model.train(i == 1))


@case
def attribute_of_a_module_of_ours() -> Case:
    model = nn.Sequential(nn.MLP(1, [1], "tanh", seed=0), nn.Dropout(0.5, seed=0)).eval()
    return Case(
        lambda x: model([[x]])[0] * 1.0,
        model.parameters,
        lambda i: setattr(model.layers[1], "p", 0.25 + i / 4),
    )


@case
def buffer_of_a_norm() -> Case:
    model = nn.Sequential(nn.MLP(1, [2], "tanh", seed=0), nn.BatchNorm1d(2)).eval()

    def change(i: int) -> None:
        model.layers[1].running_mean[i] = 0.5

    return Case(lambda x: autograd.sum(model([[x]])[0]), model.parameters, change)


@pytest.mark.parametrize("name", CASES)
def test_change_is_seen_at_the_next_call(name: str) -> None:
    check_every_call(CASES[name]())
