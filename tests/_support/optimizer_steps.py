"""Optimizers, schedules and losses on the same tasks in glassgrad and in PyTorch."""

import random
from typing import Any, NamedTuple

STEPS = 100
#: The number of first steps in which no backward pass reaches the last parameter.
UNREACHED = 10


class Case(NamedTuple):
    """A class or function of nn and of PyTorch, with its options, which its name shows."""

    kind: str
    options: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={x!r}' for name, x in self.options.items())})"


OPTIMIZERS = [
    Case("SGD", {}),
    Case("SGD", {"lr": 0.02, "weight_decay": 0.1}),
    Case("SGD", {"lr": 0.02, "momentum": 0.9}),
    Case("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.5}),
    Case("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05}),
    Case("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True}),
    Case("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    Case("RMSprop", {}),
    Case("RMSprop", {"lr": 0.05, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    Case("RMSprop", {"lr": 0.02, "momentum": 0.7}),
    Case("Adam", {}),
    Case("Adam", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-4}),
    Case("Adam", {"lr": 0.1, "betas": (0.0, 0.0)}),
    Case("Adam", {"lr": 0.05, "weight_decay": 0.2}),
    Case("AdamW", {}),
    Case("AdamW", {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.3}),
    Case("AdamW", {"lr": 0.1, "weight_decay": 0.0}),
]
SCHEDULES = [
    Case("StepLR", {"step_size": 1}),
    Case("StepLR", {"step_size": 7, "gamma": 0.5}),
    Case("CosineAnnealingLR", {"T_max": 10}),
    Case("CosineAnnealingLR", {"T_max": 37, "eta_min": 0.01}),
    Case("LinearLR", {}),
    Case("LinearLR", {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 17}),
    Case("LambdaLR", {"lr_lambda": "0.95 ** step"}),
    Case("LambdaLR", {"lr_lambda": "min((step + 1) / 8, (step + 1) ** -0.5)"}),
]
#: With the numbers of samples and outputs; 0 outputs means a bare number for each sample.
LOSSES = [
    Case(kind, {**options, "samples": samples, "outputs": outputs})
    for kind, options in [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 0.3}),
        ("binary_cross_entropy_with_logits", {}),
    ]
    for samples, outputs in [(5, 0), (4, 3)]
] + [
    Case("cross_entropy", {"samples": samples, "outputs": outputs})
    for samples, outputs in [(5, 2), (1, 4), (6, 7), (3, 1)]
]


# Optimizers: a narrow valley with noisy gradients ------------------------------------------------


def _start(case: Case) -> list[float]:
    rng = random.Random(case.name)
    return [rng.uniform(-3.0, 3.0) for _ in range(3)]


def _noisy_gradient(point: list[float], step: int, noise: random.Random) -> list[float]:
    """Return the gradient of ½·(20x² + 2y² + z²/10 + xy) plus noise.

    That of z is 0 in the first UNREACHED steps, and close to 0 in every fifth step after them.
    """
    x, y, z = point
    shaken = [noise.gauss(0.0, 1.0) for _ in point]
    z_gradient = 1e-9 * shaken[2] if noise.random() < 0.2 else 0.1 * z + 0.1 * shaken[2]
    z_gradient = 0.0 if step < UNREACHED else z_gradient
    return [20.0 * x + 0.5 * y + shaken[0], 2.0 * y + 0.5 * x + 5.0 * shaken[1], z_gradient]


def path_in_glassgrad(case: Case) -> list[list[float]]:
    import nn
    from autograd import Value

    point = [Value(x) for x in _start(case)]
    optimizer = getattr(nn, case.kind)(point, **case.options)
    noise = random.Random(case.name)
    path = []
    for step in range(STEPS):
        gradients = _noisy_gradient([v.data for v in point], step, noise)
        for value, gradient in zip(point, gradients[:-1] if step < UNREACHED else gradients):
            value.grad = gradient
        optimizer.step()
        path.append([v.data for v in point])
    return path


def path_in_pytorch(case: Case) -> list[list[float]]:
    import torch

    point = torch.tensor(_start(case), dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, case.kind)([point], **case.options)
    noise = random.Random(case.name)
    path = []
    for step in range(STEPS):
        point.grad = torch.tensor(_noisy_gradient(point.tolist(), step, noise), dtype=torch.float64)
        optimizer.step()
        path.append(point.tolist())
    return path


# Schedules ----------------------------------------------------------------------------------------


def _options(case: Case) -> dict[str, Any]:
    return {name: eval(f"lambda step: {x}") if name == "lr_lambda" else x for name, x in case.options.items()}


def rates_in_glassgrad(case: Case) -> list[float]:
    import nn
    from autograd import Value

    optimizer = nn.SGD([Value(0.0)], lr=0.2)
    schedule = getattr(nn, case.kind)(optimizer, **_options(case))
    rates = [optimizer.lr]
    for _ in range(STEPS):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.lr)
    return rates


def rates_in_pytorch(case: Case) -> list[float]:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    schedule = getattr(torch.optim.lr_scheduler, case.kind)(optimizer, **_options(case))
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(STEPS):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


# Losses -------------------------------------------------------------------------------------------


def _batch(case: Case) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Return predictions, targets and the options of the loss."""
    options = dict(case.options)
    samples, outputs = options.pop("samples"), options.pop("outputs")
    rng = random.Random(case.name)
    draw = rng.random if case.kind.startswith("binary") else lambda: rng.gauss(0.0, 1.0)
    if outputs == 0:
        return [rng.gauss(0.0, 2.0) for _ in range(samples)], [draw() for _ in range(samples)], options
    rows = [[rng.gauss(0.0, 2.0) for _ in range(outputs)] for _ in range(samples)]
    if case.kind == "cross_entropy":
        return rows, [rng.randrange(outputs) for _ in rows], options
    return rows, [[draw() for _ in row] for row in rows], options


def loss_in_glassgrad(case: Case) -> list[float]:
    """Return the loss, followed by every gradient."""
    import nn
    from autograd import Value

    predictions, targets, options = _batch(case)
    leaves = [[Value(x) for x in row] if isinstance(row, list) else Value(row) for row in predictions]
    loss = getattr(nn, case.kind)(leaves, targets, **options)
    loss.backward()
    flat = [x for row in leaves for x in (row if isinstance(row, list) else [row])]
    return [loss.data, *[x.grad for x in flat]]


def loss_in_pytorch(case: Case) -> list[float]:
    import torch

    predictions, targets, options = _batch(case)
    leaves = torch.tensor(predictions, dtype=torch.float64, requires_grad=True)
    expected = torch.tensor(targets, dtype=torch.int64 if case.kind == "cross_entropy" else torch.float64)
    loss = getattr(torch.nn.functional, case.kind)(leaves, expected, **options)
    loss.backward()
    return [loss.item(), *leaves.grad.flatten().tolist()]
