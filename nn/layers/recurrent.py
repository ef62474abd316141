"""Recurrent cells: networks that read a sequence step by step and pass a state from each step to the next."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any, Final

from autograd import Value, dot, group
from autograd.system.messages import type_and_value, type_name

from ..checks import check_int
from ..draws import generator
from ..inputs import Inputs, is_listed, real, sample_of
from ..kinds import is_sequence, is_tuple
from ..module import Module, Parameter, rebuilt
from .mlp import ActivatedModule

LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class RecurrentNeuron(ActivatedModule, fixed_attributes=True):
    """A neuron with inputs and a state: activation(w_ih · x + b_ih + w_hh · h + b_hh).

    One bias would suffice. There are two as in PyTorch, so that the same steps of training give the same
    numbers. ``label`` is the name of its outputs in pictures.
    """

    weights_ih: tuple[Parameter, ...]
    weights_hh: tuple[Parameter, ...]
    bias_ih: Parameter
    bias_hh: Parameter
    label: str

    def __init__(self, nin: int, nhidden: int, activation: str, rng: random.Random, label: str = "") -> None:
        self.activation = activation
        self.label = label
        bound = 1.0 / math.sqrt(nhidden)
        own = [Parameter(rng.uniform(-bound, bound)) for _ in range(nin + nhidden + 2)]
        self.weights_ih, self.weights_hh = (*own[:nin],), (*own[nin:-2],)
        self.bias_ih, self.bias_hh = own[-2:]

    def _output(self, x_and_h: Any) -> Value:
        out: Value = dot((*self.weights_ih, *self.weights_hh), x_and_h, self.bias_ih) + self.bias_hh
        if self._function is not None:
            out = self._function(out)
        if self.label:
            out.label = self.label
        return out

    def extra_repr(self) -> str:
        return f"{len(self.weights_ih)}, {len(self.weights_hh)}, {self.activation!r}"


class RNNCell(Module, fixed_attributes=True):
    """Elman's recurrent cell: h′ = tanh(W_ih · x + b_ih + W_hh · h + b_hh) for one time step of one sample.

    >>> cell = RNNCell(1, 1)
    >>> for parameter, number in zip(cell.parameters(), [1.0, 0.5, 0.0, 0.0]):
    ...     parameter.data = number
    >>> (h,) = cell([2.0], [-4.0])  # tanh(1·2 + 0.5·(−4))
    >>> h.data
    0.0

    Row j of PyTorch's ``weight_ih`` and ``weight_hh`` is ``neurons[j].weights_ih`` and ``.weights_hh``. As in
    PyTorch, the initial weights are drawn from U(−b, b) with b = 1/√nhidden.

    Args:
        nin: The number of inputs.
        nhidden: The width of the state.
        activation: The activation in place of tanh, as in :class:`Neuron`.
        seed: An int or a ``random.Random`` for the initial weights; None uses the global generator.

    Shape:
        Input ``x``: ``nin`` numbers. State ``h``: ``nhidden`` numbers or Values, zeros if omitted. The output
        is the new state, always a list of ``nhidden`` Values.

    Raises:
        ValueError: If x or h has the wrong length, a width is below 1, or the activation is unknown.
        TypeError: If x or h is not a sequence, or a width is not an int.

    Reference: Elman, Finding structure in time (1990).
    """

    #: The number of inputs.
    nin: Final[int]
    #: The width of the state.
    nhidden: Final[int]
    neurons: list[RecurrentNeuron]

    def __init__(
        self,
        nin: int,
        nhidden: int,
        activation: str = "tanh",
        *,
        seed: int | random.Random | None = None,
    ) -> None:
        rng = generator(seed)
        self.nin = check_int("the number of inputs", nin)
        self.nhidden = check_int("the width of the state", nhidden)
        self.neurons = [RecurrentNeuron(nin, nhidden, activation, rng) for _ in range(nhidden)]

    def __call__(self, x: Inputs, h: Inputs | None = None) -> list[Value]:
        x_and_h = _x_and_h(self, x, h)
        return [neuron._output(x_and_h) for neuron in self.neurons]

    def __repr__(self) -> str:
        return f"RNNCell({self.nin}, {self.nhidden}, {self.neurons[0].activation!r})"


class LSTMCell(Module, fixed_attributes=True):
    """Long short-term memory (LSTM) cell: one time step of one sample.

    The cell computes c′ = f·c + i·g and h′ = o·tanh(c′). Here i, f, o = sigmoid(…) and g = tanh(…) are
    functions of x and h as in an :class:`RNNCell`. The memory c is added to instead of overwritten.

    >>> cell = LSTMCell(1, 1)
    >>> for parameter in cell.parameters():
    ...     parameter.data = 0.0
    >>> h, c = cell([7.0], ([0.0], [4.0]))  # c′ = ½·4 + ½·0
    >>> c[0].data
    2.0

    The gates are lists of neurons. In the order ``input_gate``, ``forget_gate``, ``cell_gate``,
    ``output_gate``, they are the rows of PyTorch's ``weight_ih`` and ``weight_hh``.

    Args:
        nin: The number of inputs.
        nhidden: The width of the state.
        seed: An int or a ``random.Random`` for the initial weights; None uses the global generator.

    Shape:
        Input ``x``: ``nin`` numbers. State: the pair ``(h, c)`` of ``nhidden`` numbers or Values each, zeros
        if omitted. The output is the new pair ``(h′, c′)`` of ``nhidden`` Values each.

    Raises:
        ValueError: If x, h or c has the wrong length, or a width is below 1.
        TypeError: If the state is not a pair, x, h or c is not a sequence, or a width is not an int.

    Reference: Hochreiter and Schmidhuber, Long short-term memory (1997); for the forget gate, Gers,
    Schmidhuber and Cummins (2000).
    """

    #: The number of inputs.
    nin: Final[int]
    #: The width of the state.
    nhidden: Final[int]
    input_gate: list[RecurrentNeuron]
    forget_gate: list[RecurrentNeuron]
    cell_gate: list[RecurrentNeuron]
    output_gate: list[RecurrentNeuron]

    def __init__(self, nin: int, nhidden: int, *, seed: int | random.Random | None = None) -> None:
        rng = generator(seed)
        self.nin = check_int("the number of inputs", nin)
        self.nhidden = check_int("the width of the state", nhidden)

        def gate(letter: str, activation: str) -> list[RecurrentNeuron]:
            labels = [letter + str(j).translate(LOWERED) for j in range(1, nhidden + 1)]
            return [RecurrentNeuron(nin, nhidden, activation, rng, label) for label in labels]

        self.input_gate, self.forget_gate = gate("i", "sigmoid"), gate("f", "sigmoid")
        self.cell_gate, self.output_gate = gate("g", "tanh"), gate("o", "sigmoid")

    def __call__(
        self, x: Inputs, state: tuple[Inputs, Inputs] | None = None
    ) -> tuple[list[Value], list[Value]]:
        h, c = (None, None) if state is None else _pair(state)
        x_and_h = _x_and_h(self, x, h)
        memory = [_number(x) for x in _state(c, self.nhidden, "the memory c")]
        gates = (self.input_gate, self.forget_gate, self.cell_gate, self.output_gate)
        units = zip(*([neuron._output(x_and_h) for neuron in gate] for gate in gates), memory, strict=True)
        remembered = [(f * c + i * g, o) for i, f, g, o, c in units]
        return [o * c.tanh() for c, o in remembered], [c for c, _ in remembered]

    def __repr__(self) -> str:
        return f"LSTMCell({self.nin}, {self.nhidden})"


def _x_and_h(cell: RNNCell | LSTMCell, x: Inputs, h: Inputs | None) -> Any:
    """Return the inputs and the state as one group, which all neurons share."""
    return group((*sample_of(x, cell.nin, "the cell"), *_state(h, cell.nhidden, "the state h")))


def _state(numbers: Inputs | None, width: int, what: str) -> Inputs:
    return (0.0,) * width if numbers is None else sample_of(numbers, width, what, "numbers")


def _number(x: Any) -> Value | float:
    return x if isinstance(x, Value) else real(x)


def _pair(state: Any) -> tuple[Inputs, Inputs]:
    if is_sequence(state) and len(state) == 2:
        return state[0], state[1]
    raise TypeError(f"the state of an LSTM is a pair (h, c), not {type_and_value(state)}")


def unroll(
    cell: Any, sequence: Iterable[Inputs], state: Any = None, *, truncate: int | None = None
) -> tuple[list[list[Value]], Any]:
    """Run a cell over a sequence.

    >>> cell = RNNCell(1, 1, "linear")
    >>> for parameter, number in zip(cell.parameters(), [1.0, 0.5, 0.0, 0.0]):
    ...     parameter.data = number
    >>> outputs, state = unroll(cell, [[8.0], [0.0], [0.0]])  # h′ = x + h/2
    >>> [h.data for (h,) in outputs]
    [8.0, 4.0, 2.0]

    ``backward()`` on a loss of the outputs is *backpropagation through time*: every step uses the same
    parameters, and their gradients accumulate over the steps.

    Args:
        cell: A callable ``cell(x, state)`` that returns the next state, such as an :class:`RNNCell`. If the
            state is a tuple, its first item is the output.
        sequence: The inputs of each step.
        state: The state before the first step; None for zeros.
        truncate: A number of steps k. The state is detached before steps k + 1, 2k + 1, …, so that no
            gradient crosses these points; the numbers are the same. To update the weights at these points
            as well, unroll the pieces separately and pass ``detached(state)`` to the next one.

    Returns:
        The outputs h of every step, and the state after the last step.

    Raises:
        ValueError: If the sequence is empty or ``truncate`` is below 1.
        TypeError: If ``cell`` is not callable, ``sequence`` is not a sequence, or ``truncate`` is not an int.

    Reference: Werbos, Backpropagation through time (1990); Williams and Peng (1990).
    """
    k = None if truncate is None else check_int("truncate, the steps a gradient may go back,", truncate)
    if not callable(cell):
        raise TypeError(f"unroll() takes a cell, such as an RNNCell, not {type_and_value(cell)}")
    if not is_listed(sequence):
        raise TypeError(f"the sequence must list the inputs of each step, not {type_name(sequence)}")
    outputs: list[list[Value]] = []
    for t, x in enumerate(sequence):
        state = cell(x, detached(state) if k is not None and t > 0 and t % k == 0 else state)
        outputs.append(state[0] if is_tuple(state) else state)
    if not outputs:
        raise ValueError("the sequence is empty: give at least one step, a row of inputs")
    return outputs, state


def detached(state: Any) -> Any:
    """Return a copy of a state in which each Value is a new leaf (see ``Value.detach``).

    >>> h = [Value(2.0) * 3.0]
    >>> detached(h)
    [Value(6.0)]

    Args:
        state: A Value, a number, or lists and tuples of them. None, the state before the first step, is
            returned as None.

    Raises:
        TypeError: If the state contains anything else.
    """
    if is_sequence(state):
        return rebuilt(state, map(detached, state))
    if isinstance(state, Value):
        return state.detach()
    return None if state is None else _number(state)
