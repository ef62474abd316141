"""Recurrent cells: networks that read a sequence step by step and pass a state from each step to the next."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any, Final

from autograd import Value, dot, group
from autograd.system.messages import type_and_value

from ..checks import check_function, check_int
from ..draws import generator
from ..inputs import Inputs, check_numbers, is_listed, read_number, read_sample
from ..kinds import is_sequence, is_tuple
from ..module import Module, Parameter, rebuilt
from .mlp import ActivatedModule, get_activation

LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class RecurrentNeuron(ActivatedModule, fixed_attributes=True):
    """A neuron with inputs and a state: activation(w_ih · x + b_ih + w_hh · h + b_hh).

    One bias would suffice. There are two as in PyTorch, so that the same training steps compute the same
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
        Input ``x``: ``nin`` numbers or Values. State ``h``: ``nhidden`` numbers or Values, zeros if omitted.
        The output is the new state, always a list of ``nhidden`` Values.

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
        rng = generator("RNNCell", seed)
        self.nin = check_int("RNNCell", "nin", nin)
        self.nhidden = check_int("RNNCell", "nhidden", nhidden)
        get_activation("RNNCell", activation)
        self.neurons = [RecurrentNeuron(nin, nhidden, activation, rng) for _ in range(nhidden)]

    def __call__(self, x: Inputs, h: Inputs | None = None) -> list[Value]:
        """Return the next hidden state for one sample and one time step."""
        return _outputs("RNNCell", self, self.neurons, _x_and_h("RNNCell", self, x, h))

    def __repr__(self) -> str:
        return f"RNNCell({self.nin}, {self.nhidden}, {self.neurons[0].activation!r})"


class LSTMCell(Module, fixed_attributes=True):
    """Long short-term memory (LSTM) cell: one time step of one sample.

    The cell computes c′ = f·c + i·g and h′ = o·tanh(c′). Here i, f, o = sigmoid(…) and g = tanh(…) are
    functions of x and h as in an :class:`RNNCell`. The update adds to the memory c instead of replacing it.

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
        Input ``x``: ``nin`` numbers or Values. State: the pair ``(h, c)`` of ``nhidden`` numbers or Values
        each, zeros if omitted. The output is the new pair ``(h′, c′)`` of ``nhidden`` Values each.

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
        rng = generator("LSTMCell", seed)
        self.nin = check_int("LSTMCell", "nin", nin)
        self.nhidden = check_int("LSTMCell", "nhidden", nhidden)

        def gate(letter: str, activation: str) -> list[RecurrentNeuron]:
            labels = [letter + str(j).translate(LOWERED) for j in range(1, nhidden + 1)]
            return [RecurrentNeuron(nin, nhidden, activation, rng, label) for label in labels]

        self.input_gate, self.forget_gate = gate("i", "sigmoid"), gate("f", "sigmoid")
        self.cell_gate, self.output_gate = gate("g", "tanh"), gate("o", "sigmoid")

    def __call__(
        self, x: Inputs, state: tuple[Inputs, Inputs] | None = None
    ) -> tuple[list[Value], list[Value]]:
        """Return the next hidden state and cell state for one sample and one time step."""
        h, c = (None, None) if state is None else _pair(state)
        x_and_h = _x_and_h("LSTMCell", self, x, h)
        memory = [_number("LSTMCell", "c", x) for x in _state("LSTMCell", "c", c, self.nhidden)]
        gates = (self.input_gate, self.forget_gate, self.cell_gate, self.output_gate)
        units = zip(*(_outputs("LSTMCell", self, gate, x_and_h) for gate in gates), memory, strict=True)
        new_memory = [(f * c + i * g, o) for i, f, g, o, c in units]
        return [o * c.tanh() for c, o in new_memory], [c for c, _ in new_memory]

    def __repr__(self) -> str:
        return f"LSTMCell({self.nin}, {self.nhidden})"


def _x_and_h(function: str, cell: RNNCell | LSTMCell, x: Inputs, h: Inputs | None) -> Any:
    """Return the inputs and the state as one group, which all neurons share."""
    return group((*read_sample(function, "x", x, cell.nin), *_state(function, "h", h, cell.nhidden)))


def _outputs(
    function: str, cell: RNNCell | LSTMCell, neurons: list[RecurrentNeuron], x_and_h: Any
) -> list[Value]:
    """Return the outputs of neurons; raise TypeError if an input or a state is not a number."""
    try:
        return [neuron._output(x_and_h) for neuron in neurons]
    except TypeError:
        check_numbers(function, "x", x_and_h[: cell.nin])
        check_numbers(function, "h", x_and_h[cell.nin :])
        raise


def _state(function: str, name: str, numbers: Inputs | None, width: int) -> Inputs:
    return (0.0,) * width if numbers is None else read_sample(function, name, numbers, width)


def _number(function: str, name: str, x: Any) -> Value | float:
    return x if isinstance(x, Value) else read_number(function, name, x)


def _pair(state: Any) -> tuple[Inputs, Inputs]:
    if is_sequence(state) and len(state) == 2:
        return state[0], state[1]
    raise TypeError(
        f"LSTMCell() expected a pair (h, c) for state, got {type_and_value(state)}. "
        "Pass the pair that the previous call returned, or leave it out."
    )


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
    k = None if truncate is None else check_int("unroll", "truncate", truncate)
    check_function("unroll", "cell", cell, "Pass a cell such as RNNCell(1, 2)")
    if not is_listed(sequence):
        raise TypeError(
            f"unroll() expected a sequence of inputs for sequence, got {type_and_value(sequence)}. "
            "Pass a list with the inputs of each step."
        )
    outputs: list[list[Value]] = []
    for t, x in enumerate(sequence):
        state = cell(x, detached(state) if k is not None and t > 0 and t % k == 0 else state)
        outputs.append(state[0] if is_tuple(state) else state)
    if not outputs:
        raise ValueError(
            f"unroll() expected at least one step in sequence, got {type_and_value(sequence)}. "
            "Pass a list with the inputs of each step."
        )
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
    return None if state is None else _number("detached", "state", state)
