"""PyTorch, on one thread: as its documentation writes the loop, in its leanest form, and compiled."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

import torch
from problems import ADAM_RATE, RATE, Matrix, Perceptron, Problem
from torch import nn
from torch.nn import functional
from workloads import CONTEXT, HEADS, VOCABULARY, WIDTH

from . import Program, UnavailableError

torch.set_num_threads(1)


def network(problem: Perceptron) -> nn.Sequential:
    """The problem's network in PyTorch's default dtype, with its initial numbers."""
    layers: list[nn.Module] = []
    for rows in map(torch.tensor, problem.start):
        linear = nn.Linear(rows.shape[1] - 1, rows.shape[0])
        linear.load_state_dict({"weight": rows[:, :-1], "bias": rows[:, -1]})
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def loss_of(problem: Perceptron, net: nn.Module) -> Callable[[Any, Any], Any]:
    def hinge(inputs: Any, labels: Any) -> Any:
        decay = sum((p * p).sum() for p in net.parameters())
        return (1 - labels * net(inputs)[:, 0]).relu().mean() + problem.decay * decay

    squares = nn.MSELoss()
    return hinge if problem.hinge else lambda inputs, targets: squares(net(inputs), targets)


def documented(problem: Perceptron, dtype: str, wrapped: Callable[[Any], Any] = lambda loss: loss) -> Program:
    torch.set_default_dtype(getattr(torch, dtype))
    net = network(problem)
    loss_function = wrapped(loss_of(problem, net))
    return trained(problem, loss_function, torch.optim.SGD(net.parameters(), lr=RATE), net)


def trained(
    problem: Problem, loss_function: Callable[..., Any], optimizer: torch.optim.Optimizer, net: nn.Module
) -> Program:
    batches = cycle([tuple(map(torch.tensor, batch)) for batch in problem.batches])

    def train(n: int) -> float:
        for batch in islice(batches, n):
            loss = loss_function(*batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    return Program(train, lambda: numbers_of(net.parameters()))


def compiled(problem: Perceptron, dtype: str) -> Program:
    _needs_compiler()
    return documented(problem, dtype, wrapped=torch.compile)


def _needs_compiler() -> None:
    """torch.compile's default backend writes C++."""
    if shutil.which("c++") is None and shutil.which("g++") is None:
        raise UnavailableError("needs a C++ compiler: Debian's g++")


def lean_loss(tensors: Any, inputs: Any, labels: Any, decay: float) -> Any:
    """The hinge loss of three layers in as few operations as possible."""
    w1, b1, w2, b2, w3, b3 = tensors
    h = functional.linear(functional.linear(inputs, w1, b1).relu(), w2, b2).relu()
    flat = torch.cat([p.view(-1) for p in tensors])
    return (1 - labels * functional.linear(h, w3, b3)[:, 0]).relu().mean() + decay * flat.dot(flat)


def leanest(problem: Perceptron, dtype: str) -> Program:
    torch.set_default_dtype(getattr(torch, dtype))
    tensors = [p.detach().clone().requires_grad_() for p in network(problem).parameters()]
    inputs, labels = map(torch.tensor, problem.batches[0])

    def train(n: int) -> float:
        for _ in range(n):
            loss = lean_loss(tensors, inputs, labels, problem.decay)
            slopes = torch.autograd.grad(loss, tensors)
            with torch.no_grad():
                torch._foreach_add_(tensors, slopes, alpha=-RATE)
        return loss.item()

    return Program(train, lambda: numbers_of(tensors))


def compiled_step(problem: Perceptron, dtype: str) -> Program:
    """Loss, gradients and update as one function of tensors, compiled."""
    _needs_compiler()
    torch.set_default_dtype(getattr(torch, dtype))
    tensors = [p.detach() for p in network(problem).parameters()]
    inputs, labels = map(torch.tensor, problem.batches[0])

    @torch.compile
    def step(tensors: Any, inputs: Any, labels: Any) -> Any:
        slopes, loss = torch.func.grad_and_value(lean_loss)(tensors, inputs, labels, problem.decay)
        return [p - RATE * g for p, g in zip(tensors, slopes)], loss

    def train(n: int) -> float:
        nonlocal tensors
        for _ in range(n):
            tensors, loss = step(tensors, inputs, labels)
        return loss.item()

    return Program(train, lambda: numbers_of(tensors))


class GPT(nn.Module):
    """workloads.py's GPT in tensors, for a name or a batch of names."""

    def __init__(self, start: dict[str, Matrix]) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.query, self.key, self.content, self.out = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.widen = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH, bias=False)
        self.load_state_dict({f"{name}.weight": torch.tensor(matrix) for name, matrix in start.items()})

    def forward(self, name: torch.Tensor) -> torch.Tensor:
        x = normed(self.tokens(name) + self.positions(torch.arange(name.shape[-1])))
        h = normed(x)
        q, k, v = (
            part(h).view(*name.shape, HEADS, -1).transpose(-3, -2)
            for part in (self.query, self.key, self.content)
        )
        a = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(a.transpose(-3, -2).flatten(-2))
        logits: torch.Tensor = self.head(x + self.narrow(self.widen(normed(x)).relu()))
        return logits


def normed(x: torch.Tensor) -> torch.Tensor:
    return x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()


def gpt(problem: Problem, dtype: str) -> Program:
    torch.set_default_dtype(getattr(torch, dtype))
    net = GPT(problem.start)

    def loss_function(names: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(net(names[..., :-1]).flatten(0, -2), names[..., 1:].flatten())

    return trained(problem, loss_function, torch.optim.Adam(net.parameters(), lr=ADAM_RATE), net)


def lstm(problem: Problem, dtype: str) -> Program:
    """The batches packed, so that no padding is computed."""
    torch.set_default_dtype(getattr(torch, dtype))
    *own, last_row = (torch.tensor(numbers) for numbers in problem.start.values())
    units, features = own[1].shape[1], own[0].shape[1]
    recurrent, head = nn.LSTM(features, units, batch_first=True), nn.Linear(units, 1)
    recurrent.load_state_dict({f"{name}_l0": tensor for name, tensor in zip(problem.start, own)})
    head.load_state_dict({"weight": last_row[:, :-1], "bias": last_row[:, -1]})
    net = nn.ModuleList([recurrent, head])

    def loss_function(inputs: Any, last: Any, targets: Any) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(inputs, last + 1, batch_first=True, enforce_sorted=False)
        _, (h, _) = recurrent(packed)
        return functional.mse_loss(head(h[0])[:, 0], targets)

    return trained(problem, loss_function, torch.optim.Adam(net.parameters(), lr=ADAM_RATE), net)


def numbers_of(tensors: Any) -> list[float]:
    return torch.cat([p.detach().ravel() for p in tensors]).tolist()  # type: ignore[no-any-return]
