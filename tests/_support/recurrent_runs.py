"""Recurrent cells trained in glassgrad and in PyTorch, from the same weights on the same sequences."""

import random
from typing import Any, NamedTuple

STEPS = 5  # of training


class Run(NamedTuple):
    """A cell, the length of its sequences, and the options of its training."""

    kind: str  # "tanh" and "relu" are Elman's cell, "lstm" the other
    nin: int
    nhidden: int
    length: int
    truncate: int | None = None  # detach the state every so many steps
    start: bool = False  # from a state that is given, and asked for its gradient
    lr: float = 0.2

    @property
    def name(self) -> str:
        cut = f" truncate {self.truncate}" if self.truncate else ""
        return f"{self.kind} {self.nin}x{self.nhidden} T={self.length}{cut}{' start' if self.start else ''}"


class Trained(NamedTuple):
    """Result of a run. Parameters in PyTorch's order: weight_ih, weight_hh, bias_ih, bias_hh, by row."""

    outputs: list[float]  # h of every step before training, then the last state
    input_gradients: list[float]  # in the first step of training: of x, then of the initial state
    losses: list[float]  # before each step
    first_gradients: list[float]  # every one, in the first step
    last_gradients: list[float]  # and in the last
    parameters: list[float]  # after the last step


RUNS = [
    Run(kind, nin, nhidden, length, truncate, start)
    for kind in ("tanh", "relu", "lstm")
    for nin, nhidden, length, truncate, start in (
        (1, 1, 6, None, True),
        (2, 3, 7, None, False),
        (2, 3, 7, 3, False),
        (3, 2, 6, 2, True),
        (2, 2, 5, 1, False),
        (1, 2, 12, None, True),
        (2, 2, 1, None, False),
    )
]


class Numbers(NamedTuple):
    """The first numbers of a run, drawn here so that the record does not depend on nn.init."""

    rows: list[list[float]]  # of each neuron: weights of x, weights of h, two biases
    xs: list[list[float]]
    targets: list[list[float]]  # for h at every step
    state: list[list[float]]  # h and, for an LSTM, c


def numbers(run: Run) -> Numbers:
    rng = random.Random(run.name)

    def draw(rows: int, width: int) -> list[list[float]]:
        return [[round(rng.uniform(-1.0, 1.0), 6) for _ in range(width)] for _ in range(rows)]

    gates = 4 if run.kind == "lstm" else 1
    rows = draw(gates * run.nhidden, run.nin + run.nhidden + 2)
    return Numbers(
        [[*weights, abs(b_ih), abs(b_hh)] for *weights, b_ih, b_hh in rows],  # so that relus live
        draw(run.length, run.nin),
        draw(run.length, run.nhidden),
        draw(2 if run.kind == "lstm" else 1, run.nhidden),
    )


def _flat(rows: Any) -> list[Any]:
    return [x for row in rows for x in row]


# In glassgrad -------------------------------------------------------------------------------------


def neurons_of(cell: Any) -> list[Any]:
    """Return the neurons in the order of PyTorch's rows."""
    if hasattr(cell, "neurons"):
        return [*cell.neurons]
    return [*cell.input_gate, *cell.forget_gate, *cell.cell_gate, *cell.output_gate]


def parameters_of(cell: Any) -> list[Any]:
    neurons = neurons_of(cell)
    weights = _flat(n.weights_ih for n in neurons) + _flat(n.weights_hh for n in neurons)
    return [*weights, *(n.bias_ih for n in neurons), *(n.bias_hh for n in neurons)]


def in_glassgrad(run: Run) -> Trained:
    from autograd import Value
    from nn import SGD, LSTMCell, RNNCell, mse_loss, unroll

    data = numbers(run)
    cell: Any = (
        LSTMCell(run.nin, run.nhidden) if run.kind == "lstm" else RNNCell(run.nin, run.nhidden, run.kind)
    )
    for neuron, row in zip(neurons_of(cell), data.rows, strict=True):
        own = (*neuron.weights_ih, *neuron.weights_hh, neuron.bias_ih, neuron.bias_hh)
        for parameter, number in zip(own, row, strict=True):
            parameter.data = number
    xs = [[Value(x) for x in row] for row in data.xs]
    start = [[Value(x) for x in row] for row in data.state]
    state = None if not run.start else (*start,) if run.kind == "lstm" else start[0]
    optimizer = SGD(cell.parameters(), run.lr)
    values, inputs, losses, gradients = [], [], [], []
    for step in range(STEPS):
        outputs, last = unroll(cell, xs, state, truncate=run.truncate)
        loss = mse_loss(_flat(outputs), _flat(data.targets))
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.data)
        gradients.append([p.grad for p in parameters_of(cell)])
        if step == 0:
            ends = _flat(last) if isinstance(last, tuple) else last
            values = [v.data for v in _flat(outputs) + ends]
            inputs = [v.grad for v in _flat(xs) + (_flat(start) if run.start else [])]
        optimizer.step()
    return Trained(values, inputs, losses, gradients[0], gradients[-1], [p.data for p in parameters_of(cell)])


# In PyTorch: its own cells ------------------------------------------------------------------------


def in_pytorch(run: Run) -> Trained:
    import torch

    data = numbers(run)
    lstm = run.kind == "lstm"
    cell: Any = (
        torch.nn.LSTMCell(run.nin, run.nhidden, dtype=torch.float64)
        if lstm
        else torch.nn.RNNCell(run.nin, run.nhidden, nonlinearity=run.kind, dtype=torch.float64)
    )
    rows = torch.tensor(data.rows, dtype=torch.float64)
    with torch.no_grad():
        cell.weight_ih.copy_(rows[:, : run.nin])
        cell.weight_hh.copy_(rows[:, run.nin : -2])
        cell.bias_ih.copy_(rows[:, -2])
        cell.bias_hh.copy_(rows[:, -1])
    xs = torch.tensor(data.xs, dtype=torch.float64, requires_grad=True)
    start = torch.tensor(data.state, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor(data.targets, dtype=torch.float64)
    optimizer = torch.optim.SGD(cell.parameters(), lr=run.lr)
    values, inputs, losses, gradients = [], [], [], []
    for step in range(STEPS):
        state = None if not run.start else (*start,) if lstm else start[0]
        outputs = []
        for t, x in enumerate(xs):
            if run.truncate and t and t % run.truncate == 0:
                state = tuple(s.detach() for s in state) if lstm else state.detach()
            state = cell(x, state)
            outputs.append(state[0] if lstm else state)
        loss = torch.nn.functional.mse_loss(torch.stack(outputs), targets)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([p.grad.flatten() for p in cell.parameters()]).tolist())
        if step == 0:
            last = torch.cat(state) if lstm else state
            values = torch.cat([*outputs, last]).tolist()
            inputs = xs.grad.flatten().tolist() + (start.grad.flatten().tolist() if run.start else [])
        optimizer.step()
    parameters = torch.cat([p.detach().flatten() for p in cell.parameters()]).tolist()
    return Trained(values, inputs, losses, gradients[0], gradients[-1], parameters)
