"""Norms, clipping and a network with a norm, run in glassgrad and in PyTorch on the same numbers."""

import math
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

STEPS = 4


class Case(NamedTuple):
    """A norm, its options, and the shape and scale of its batches."""

    kind: str
    width: int
    batch: int
    options: Mapping[str, Any] = MappingProxyType({})
    scale: float = 1.0  # of the samples
    offset: float = 0.0

    @property
    def name(self) -> str:
        options = " ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.kind} {self.width}x{self.batch} {options} {self.scale:g} {self.offset:g}".replace(
            "  ", " "
        )


CASES = [
    Case("BatchNorm1d", 3, 5),
    Case("BatchNorm1d", 1, 2),
    Case("BatchNorm1d", 4, 3, {"affine": False}),
    Case("BatchNorm1d", 2, 6, {"momentum": None}),
    Case("BatchNorm1d", 2, 6, {"momentum": 0.75, "eps": 0.1}),
    Case("BatchNorm1d", 2, 4, {}, 1e-3, 100.0),
    Case("LayerNorm", 5, 3),
    Case("LayerNorm", 4, 1, {"elementwise_affine": False}),
    Case("LayerNorm", 4, 2, {"bias": False, "eps": 0.5}),
    Case("LayerNorm", 3, 2, {}, 1e3, 5e3),
    Case("RMSNorm", 5, 3),
    Case("RMSNorm", 1, 2, {"eps": 0.5}),
    Case("RMSNorm", 4, 2, {"elementwise_affine": False}),
    Case("RMSNorm", 3, 2, {"eps": 0.3}, 0.01),
]


def numbers(case: Case) -> dict[str, Any]:
    """Return the batches, the weights of their outputs in the loss, and the parameters."""
    rng = random.Random(case.name)

    def batch() -> list[list[float]]:
        return [[rng.gauss(0.0, 1.0) for _ in range(case.width)] for _ in range(case.batch)]

    return {
        "batches": [
            [[case.offset + case.scale * x for x in row] for row in batch()] for _ in range(STEPS + 1)
        ],
        "towards": [batch() for _ in range(STEPS + 1)],
        "weight": [rng.uniform(0.5, 2.0) for _ in range(case.width)],
        "bias": [rng.uniform(-1.0, 1.0) for _ in range(case.width)],
    }


#: The results of each step, in lists. The last step is in evaluation mode.
Result = dict[str, list[list[float]]]


def in_glassgrad(case: Case) -> Result:
    import autograd
    import nn
    from autograd import Value

    inputs = numbers(case)
    norm = getattr(nn, case.kind)(case.width, **case.options)
    for name in ("weight", "bias"):
        for parameter, number in zip(getattr(norm, name) or [], inputs[name]):
            parameter.data = number
    result: Result = {"outputs": [], "inputs": [], "parameters": [], "running": []}
    for step, (batch, towards) in enumerate(zip(inputs["batches"], inputs["towards"], strict=True)):
        norm.train(step < STEPS)
        values = [[Value(x) for x in row] for row in batch]
        outputs = norm(values)
        flat = [out for row in outputs for out in row]
        terms = [(out - t) ** 2 for out, t in zip(flat, [t for row in towards for t in row], strict=True)]
        norm.zero_grad()
        autograd.sum(terms).backward()
        result["outputs"].append([out.data for out in flat])
        result["inputs"].append([x.grad for row in values for x in row])
        result["parameters"].append([p.grad for p in norm.parameters()])
        statistics = [*norm.running_mean, *norm.running_var] if case.kind == "BatchNorm1d" else []
        result["running"].append(statistics)
    return result


def in_pytorch(case: Case) -> Result:
    import torch

    inputs = numbers(case)
    norm = getattr(torch.nn, case.kind)(case.width, dtype=torch.float64, **case.options)
    with torch.no_grad():
        for name in ("weight", "bias"):
            if getattr(norm, name, None) is not None:
                getattr(norm, name).copy_(torch.tensor(inputs[name], dtype=torch.float64))
    result: Result = {"outputs": [], "inputs": [], "parameters": [], "running": []}
    for step, (batch, towards) in enumerate(zip(inputs["batches"], inputs["towards"], strict=True)):
        norm.train(step < STEPS)
        x = torch.tensor(batch, dtype=torch.float64, requires_grad=True)
        outputs = norm(x)
        norm.zero_grad()
        (outputs - torch.tensor(towards, dtype=torch.float64)).square().sum().backward()
        result["outputs"].append(outputs.flatten().tolist())
        result["inputs"].append(x.grad.flatten().tolist())
        result["parameters"].append([g for p in norm.parameters() for g in p.grad.tolist()])
        statistics = (
            norm.running_mean.tolist() + norm.running_var.tolist() if case.kind == "BatchNorm1d" else []
        )
        result["running"].append(statistics)
    return result


# A network: linear, norm, activation, linear; trained with clipped gradients ------------------------

NETWORKS = ("BatchNorm1d", "LayerNorm", "RMSNorm")
WIDTHS, TRAINING, MAX_NORM, LR = (2, 4, 1), 12, 0.5, 0.3


def _task(kind: str) -> tuple[list[list[float]], list[float], list[list[float]]]:
    """Return samples, targets, and the rows of the two layers: weights and bias of each neuron."""
    rng = random.Random(kind)
    rows = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(8)]
    weights = [[rng.uniform(-1.0, 1.0) for _ in range(n + 1)] for n in (2, 2, 2, 2, 4)]
    return rows, [math.copysign(1.0, a * b) for a, b in rows], weights


def network_in_glassgrad(kind: str) -> Result:
    import nn

    samples, targets, rows = _task(kind)
    nin, width, nout = WIDTHS
    model = nn.Sequential(
        nn.Layer(nin, width, "linear"), getattr(nn, kind)(width), nn.Activation("tanh"),
        nn.Layer(width, nout, "linear"),
    )  # fmt: skip
    neurons = [neuron for layer in (model.layers[0], model.layers[3]) for neuron in layer.neurons]
    for neuron, row in zip(neurons, rows, strict=True):
        for parameter, number in zip(neuron.parameters(), row, strict=True):
            parameter.data = number
    optimizer = nn.SGD(model.parameters(), LR)
    losses, norms = [], []
    for _ in range(TRAINING):
        loss = nn.mse_loss(model(samples), targets)
        optimizer.zero_grad()
        loss.backward()
        norms.append(nn.clip_grad_norm_(model.parameters(), MAX_NORM))
        optimizer.step()
        losses.append(loss.data)
    outputs = [out.data for out in model.eval()(samples)]
    return {"training": [losses, norms, outputs], "rows": [[p.data for p in n.parameters()] for n in neurons]}


def network_in_pytorch(kind: str) -> Result:
    import torch

    samples, targets, rows = _task(kind)
    nin, width, nout = WIDTHS
    first, last = (torch.nn.Linear(*widths, dtype=torch.float64) for widths in ((nin, width), (width, nout)))
    model = torch.nn.Sequential(
        first, getattr(torch.nn, kind)(width, dtype=torch.float64), torch.nn.Tanh(), last
    )
    with torch.no_grad():
        for linear, own in ((first, rows[:width]), (last, rows[width:])):
            linear.weight.copy_(torch.tensor([row[:-1] for row in own], dtype=torch.float64))
            linear.bias.copy_(torch.tensor([row[-1] for row in own], dtype=torch.float64))
    x, y = torch.tensor(samples, dtype=torch.float64), torch.tensor(targets, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    losses, norms = [], []
    for _ in range(TRAINING):
        loss = torch.nn.functional.mse_loss(model(x).squeeze(1), y)
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM).item())
        optimizer.step()
        losses.append(loss.item())
    outputs = model.eval()(x).squeeze(1).tolist()
    after = [
        [*w, b] for linear in (first, last) for w, b in zip(linear.weight.tolist(), linear.bias.tolist())
    ]
    return {"training": [losses, norms, outputs], "rows": after}
