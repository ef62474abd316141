"""Small networks trained in glassgrad and in PyTorch, from the same weights on the same samples."""

import random
from itertools import product
from typing import Any, NamedTuple

#: x₁, x₂ and the label, from ``nn.data``, written out so that the record does not depend on it.
SAMPLES = {
    "moons": [
        (1.09, -0.14, -1), (0.64, 0.74, -1), (-0.1, 0.99, -1), (-0.69, 0.62, -1), (-1.13, 0.02, -1),
        (0.1, 0.44, 1), (0.26, -0.04, 1), (0.94, -0.55, 1), (1.95, -0.36, 1), (2.08, 0.3, 1),
    ],
    "xor": [(0.0, 0.0, -1), (0.0, 1.0, 1), (1.0, 0.0, 1), (1.0, 1.0, -1)],
}  # fmt: skip

ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh",
)  # fmt: skip
LOSSES = ("mse_loss", "hinge_loss", "binary_cross_entropy_with_logits")
STEPS = 20


class Run(NamedTuple):
    """One network, its data, and the options of its training."""

    samples: str
    nouts: tuple[int, ...]
    activation: str
    loss: str
    lr: float = 0.1

    @property
    def name(self) -> str:
        return f"{self.samples} {list(self.nouts)} {self.activation} {self.loss}"


class Trained(NamedTuple):
    """Result of a run. Parameters in order: layer by layer, neuron by neuron, the bias last."""

    outputs: list[float]  # before training, sample by sample
    input_gradients: list[float]  # of the mean square of the outputs of the second sample
    losses: list[float]  # before each step
    first_gradients: list[float]  # every one, in the first step
    last_gradients: list[float]  # and in the last
    parameters: list[float]  # after the last step


class Adapted(NamedTuple):
    """The outer loss of a MAML step and its gradient with respect to the parameters before it."""

    inner: float
    outer: float
    gradients: list[float]


RUNS = [
    *(Run("moons", (4, 3, 1), *how) for how in product(ACTIVATIONS, LOSSES)),
    *(Run("xor", (4, 1), *how) for how in product(("relu", "tanh"), LOSSES)),
    *(Run("moons", (3, 2), "tanh", loss) for loss in LOSSES),  # several outputs
    Run("xor", (2,), "relu", "mse_loss"),  # a single layer, so a linear one
]

#: The network of the MAML step: its inner step on the first half of the moons, its outer loss on the rest.
MAML = Run("moons", (3, 1), "tanh", "mse_loss", lr=0.3)


def weights(run: Run) -> list[float]:
    """Return the first weights of a run, drawn here so that the record does not depend on nn.init."""
    widths = (2, *run.nouts)
    count = sum((nin + 1) * nout for nin, nout in zip(widths, run.nouts))
    rng = random.Random(run.name)
    return [rng.uniform(-1.0, 1.0) for _ in range(count)]


def samples(run: Run) -> tuple[list[tuple[float, float]], list[list[float]]]:
    """Return the inputs, and a target for each output; the second target is the opposite of the first."""
    rows = SAMPLES[run.samples]
    targets = [[float(label), -float(label)][: run.nouts[-1]] for *_, label in rows]
    if run.loss == "binary_cross_entropy_with_logits":
        targets = [[(1.0 + t) / 2.0 for t in row] for row in targets]
    return [(x1, x2) for x1, x2, _ in rows], targets


# In glassgrad -------------------------------------------------------------------------------------


def _model(run: Run, **more: Any) -> Any:
    from nn import MLP

    model = MLP(2, run.nouts, run.activation, **more)
    for parameter, number in zip(model.parameters(), weights(run), strict=True):
        parameter.data = number
    return model


def _outputs(model: Any, x: Any) -> list[Any]:
    out = model(x)
    return out if isinstance(out, list) else [out]


def in_glassgrad(run: Run, **more: Any) -> Trained:
    import nn
    from autograd import Value

    model = _model(run, **more)
    inputs, targets = samples(run)
    loss_of = getattr(nn, run.loss)
    outputs = [out.data for x in inputs for out in _outputs(model, x)]
    point = [Value(x) for x in inputs[1]]
    nn.mse_loss(_outputs(model, point), [0.0] * run.nouts[-1]).backward()
    optimizer = nn.SGD(model.parameters(), run.lr)
    losses, gradients = [], []
    for _ in range(STEPS):
        predictions = [out for x in inputs for out in _outputs(model, x)]
        loss = loss_of(predictions, [t for row in targets for t in row])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
        gradients.append([p.grad for p in model.parameters()])
    parameters = [p.data for p in model.parameters()]
    return Trained(outputs, [x.grad for x in point], losses, gradients[0], gradients[-1], parameters)


def maml_in_glassgrad() -> Adapted:
    from autograd import grad
    from nn import functional_call, mse_loss

    model = _model(MAML)
    inputs, targets = samples(MAML)
    flat = [t for (t,) in targets]
    inner = mse_loss([model(x) for x in inputs[::2]], flat[::2])
    gradients = grad(inner, model.parameters(), create_graph=True)
    adapted = {
        name: p - MAML.lr * g for (name, p), g in zip(model.named_parameters(), gradients, strict=True)
    }
    outer = mse_loss([functional_call(model, adapted, x) for x in inputs[1::2]], flat[1::2])
    outer.backward()
    return Adapted(inner.data, outer.data, [p.grad for p in model.parameters()])


# In PyTorch: its own layers, losses and optimizer -------------------------------------------------


def _network(run: Run) -> Any:
    import torch

    activations = {
        "linear": torch.nn.Identity, "relu": torch.nn.ReLU, "leaky_relu": torch.nn.LeakyReLU,
        "elu": torch.nn.ELU, "gelu": torch.nn.GELU, "silu": torch.nn.SiLU, "softplus": torch.nn.Softplus,
        "sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh,
    }  # fmt: skip
    stack: list[Any] = []
    for nin, nout in zip((2, *run.nouts), run.nouts):
        stack += [torch.nn.Linear(nin, nout, dtype=torch.float64), activations[run.activation]()]
    network = torch.nn.Sequential(*stack[:-1])
    rest = iter(weights(run))
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, torch.nn.Linear):
                for i in range(layer.out_features):
                    for j in range(layer.in_features):
                        layer.weight[i, j] = next(rest)
                    layer.bias[i] = next(rest)
    return network


def _in_order(network: Any, numbers: Any) -> list[float]:
    """Return a number for each parameter, in the order of glassgrad."""
    result: list[float] = []
    pairs = [numbers(p) for p in network.parameters()]
    for weight, bias in zip(pairs[::2], pairs[1::2], strict=True):
        for row, b in zip(weight.tolist(), bias.tolist(), strict=True):
            result += [*row, b]
    return result


def in_pytorch(run: Run) -> Trained:
    import torch

    losses_of = {
        "mse_loss": torch.nn.functional.mse_loss,
        "hinge_loss": lambda scores, labels: torch.relu(1.0 - labels * scores).mean(),
        "binary_cross_entropy_with_logits": torch.nn.functional.binary_cross_entropy_with_logits,
    }
    network = _network(run)
    inputs, targets = (torch.tensor(rows, dtype=torch.float64) for rows in samples(run))
    outputs = network(inputs).flatten().tolist()
    point = inputs[1].clone().requires_grad_()
    network(point).square().mean().backward()
    optimizer = torch.optim.SGD(network.parameters(), lr=run.lr)
    losses, gradients = [], []
    for _ in range(STEPS):
        loss = losses_of[run.loss](network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        gradients.append(_in_order(network, lambda p: p.grad))
    parameters = _in_order(network, lambda p: p.detach())
    return Trained(outputs, point.grad.tolist(), losses, gradients[0], gradients[-1], parameters)


def maml_in_pytorch() -> Adapted:
    import torch

    network = _network(MAML)
    inputs, targets = (torch.tensor(rows, dtype=torch.float64) for rows in samples(MAML))
    inner = torch.nn.functional.mse_loss(network(inputs[::2]), targets[::2])
    parameters = dict(network.named_parameters())
    gradients = torch.autograd.grad(inner, [*parameters.values()], create_graph=True)
    adapted = {name: p - MAML.lr * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    predictions = torch.func.functional_call(network, adapted, (inputs[1::2],))
    outer = torch.nn.functional.mse_loss(predictions, targets[1::2])
    outer.backward()
    return Adapted(inner.item(), outer.item(), _in_order(network, lambda p: p.grad))
