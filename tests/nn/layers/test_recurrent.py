"""Recurrent cells: their outputs, gradients through time, invalid arguments, and pictures."""

import math
import random
import re
from typing import Any, NamedTuple

import pytest

import autograd
from autograd import Value, check_grads, draw, gradient_flow, topological_order
from nn import Layer, LSTMCell, Module, RNNCell, detached, functional_call, mse_loss, unroll

CELLS: dict[str, Any] = {"rnn": RNNCell, "lstm": LSTMCell}
each_cell = pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)

#: What the neurons of an LSTM of width 2 are called.
GATES = ["i₁", "i₂", "f₁", "f₂", "g₁", "g₂", "o₁", "o₂"]

SEQUENCE = [[1.0, 0.5], [0.0, -1.0], [0.25, 2.0], [-1.5, 0.0], [0.5, 0.5], [1.0, -0.5], [0.0, 1.0]]


def _set(module: Module, numbers: list[float]) -> None:
    for parameter, number in zip(module.parameters(), numbers, strict=True):
        parameter.data = number


def _sum_of_squares(outputs: list[list[Value]]) -> Value:
    total: Value = autograd.sum([h * h for row in outputs for h in row])
    return total


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


class Reader(Module):
    """Reads a sequence and answers at its end."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell
        self.head = Layer(cell.nhidden, 1, "linear", seed=1)

    def __call__(self, sequence: Any) -> Any:
        outputs, _ = unroll(self.cell, sequence)
        return self.head(outputs[-1])


# Outputs ------------------------------------------------------------------------------------------


def test_rnn_cell_matches_hand_computed_numbers() -> None:
    cell = RNNCell(2, 2, "linear")
    _set(cell, [1.0, 2.0, 0.5, -1.0, 0.25, 0.5, 3.0, 0.0, 1.0, 2.0, -0.5, 0.25])
    h = cell([2.0, -1.0], [4.0, 1.0])
    assert [v.data for v in h] == [2.0 - 2.0 + 2.0 - 1.0 + 0.75, 6.0 + 0.0 + 4.0 + 2.0 - 0.25]


def test_lstm_cell_matches_hand_computed_numbers() -> None:
    cell = LSTMCell(1, 1)
    _set(cell, [0.5, 0.1, 0.2, 0.3, -0.4, 0.6, 0.7, 0.0, 0.9, -0.5, 0.1, 0.1, 0.3, 0.8, -0.2, 0.0])
    (h,), (c,) = cell([2.0], ([-1.0], [3.0]))
    i, f = _sigmoid(1.0 - 0.1 + 0.5), _sigmoid(-0.8 - 0.6 + 0.7)
    g, o = math.tanh(1.8 + 0.5 + 0.2), _sigmoid(0.6 - 0.8 - 0.2)
    assert c.data == pytest.approx(f * 3.0 + i * g, rel=1e-15)
    assert h.data == pytest.approx(o * math.tanh(c.data), rel=1e-15)


def test_gates_have_names_and_the_order_of_pytorch() -> None:
    cell = LSTMCell(1, 2, seed=0)
    names = [name for name, _ in cell.named_parameters()]
    gates = ("input_gate", "forget_gate", "cell_gate", "output_gate")
    own = ("weights_ih.0", "weights_hh.0", "weights_hh.1", "bias_ih", "bias_hh")
    assert names == [f"{gate}.{j}.{name}" for gate in gates for j in range(2) for name in own]
    assert [n.label for gate in gates for n in getattr(cell, gate)] == GATES


@each_cell
def test_omitted_state_is_zero(make: Any) -> None:
    cell = make(2, 3, seed=0)
    zeros = [0.0] * 3
    outputs, _ = unroll(cell, SEQUENCE, zeros if make is RNNCell else (zeros, zeros))
    default_outputs, _ = unroll(cell, SEQUENCE)
    assert [[h.data for h in row] for row in outputs] == [[h.data for h in row] for row in default_outputs]


@each_cell
@pytest.mark.parametrize("nhidden", [1, 4, 25])
def test_weights_are_drawn_as_in_pytorch(make: Any, nhidden: int) -> None:
    numbers = [p.data for p in make(3, nhidden, seed=7).parameters()]
    bound = 1.0 / math.sqrt(nhidden)
    assert len(numbers) == (4 if make is LSTMCell else 1) * nhidden * (3 + nhidden + 2)
    assert len(set(numbers)) == len(numbers)
    assert max(map(abs, numbers)) <= bound
    if nhidden == 25:
        assert max(numbers) > 0.95 * bound
        assert min(numbers) < -0.95 * bound
        assert abs(sum(numbers) / len(numbers)) < 0.1 * bound


@each_cell
def test_a_seed_repeats_the_weights(make: Any) -> None:
    def drawn(seed: Any) -> list[float]:
        return [p.data for p in make(2, 3, seed=seed).parameters()]

    assert drawn(3) == drawn(3) == drawn(random.Random(3)) != drawn(4)


@each_cell
def test_cell_with_one_unit_returns_a_list(make: Any) -> None:
    outputs, state = unroll(make(1, 1, seed=0), [[1.0], [2.0]])
    assert [len(row) for row in outputs] == [1, 1]
    assert (state[0] if make is LSTMCell else state) is outputs[-1]


def test_repr() -> None:
    assert repr(RNNCell(2, 3, "relu")) == "RNNCell(2, 3, 'relu')"
    assert repr(Reader(LSTMCell(2, 3))) == (
        "Reader(\n  (cell): LSTMCell(2, 3)\n  (head): Layer(3, 1, 'linear')\n)"
    )


# Gradients through time ---------------------------------------------------------------------------


@each_cell
def test_gradients_against_finite_differences(make: Any) -> None:
    cell = make(2, 2, seed=5)
    names = [name for name, _ in cell.named_parameters()]

    def loss(*numbers: Value) -> Value:
        parameters = dict(zip(names, numbers, strict=True))
        outputs: list[list[Value]] = functional_call(
            Unrolled(cell), {f"cell.{n}": v for n, v in parameters.items()}
        )
        return _sum_of_squares(outputs)

    check_grads(loss, [p.data for p in cell.parameters()], order=1)


class Unrolled(Module):
    def __init__(self, cell: Any) -> None:
        self.cell = cell

    def __call__(self) -> Any:
        return unroll(self.cell, SEQUENCE[:4])[0]


def test_state_gradient_is_the_product_over_the_steps() -> None:
    cell = RNNCell(1, 1, seed=0)
    _set(cell, [0.3, 0.9, 0.1, 0.0])
    h0 = Value(0.5)
    outputs, _ = unroll(cell, [[1.0], [-1.0], [0.5], [2.0]], [h0])
    outputs[-1][0].backward()
    assert h0.grad == pytest.approx(math.prod(0.9 * (1.0 - h.data**2) for (h,) in outputs), rel=1e-13)


@each_cell
@pytest.mark.parametrize("k", [1, 2, 3, 7, 8])
def test_truncate_cuts_the_gradient_but_changes_no_output(make: Any, k: int) -> None:
    cell = make(2, 3, seed=2)
    xs = [[Value(x) for x in row] for row in SEQUENCE]
    whole, _ = unroll(cell, SEQUENCE)
    outputs, _ = unroll(cell, xs, truncate=k)
    assert [[h.data for h in row] for row in outputs] == [[h.data for h in row] for row in whole]
    autograd.sum(outputs[-1]).backward()
    steps = [t for t, row in enumerate(xs) if row[0].grad != 0.0]
    assert steps == [*range((len(xs) - 1) // k * k, len(xs))]


@each_cell
def test_detached_pieces_agree_with_truncated_unroll(make: Any) -> None:
    cell = make(2, 3, seed=2)
    outputs, _ = unroll(cell, SEQUENCE, truncate=3)
    cell.zero_grad()
    _sum_of_squares(outputs).backward()
    at_once = [p.grad for p in cell.parameters()]
    cell.zero_grad()
    state = None
    for start in range(0, len(SEQUENCE), 3):
        outputs, state = unroll(cell, SEQUENCE[start : start + 3], detached(state))
        _sum_of_squares(outputs).backward()
    assert [p.grad for p in cell.parameters()] == pytest.approx(at_once, rel=1e-13, abs=1e-16)


def test_detached_state_has_the_same_numbers_and_no_operands() -> None:
    h, c = [Value(2.0) * 3.0], (Value(1.0) + 1.0, 5)
    state = detached((h, c))
    assert repr(state) == "([Value(6.0)], (Value(2.0), 5.0))"
    assert state[0][0].is_leaf
    assert detached(None) is None


def test_a_long_sequence_needs_no_recursion() -> None:
    outputs, _ = unroll(RNNCell(1, 1, seed=0), [[0.0]] * 5000)
    outputs[-1][0].backward()
    assert len(topological_order(outputs[-1][0])) > 15000


def test_any_cell_can_be_unrolled() -> None:
    def count(x: Any, state: Any) -> Any:
        total = 1 + (state[1] if state else 0)
        return [x[0] * total], total

    def cell(x: Any, state: Any) -> Any:
        return tuple(count(x, state))

    outputs, state = unroll(cell, [[Value(2.0)], [Value(5.0)]], truncate=1)
    assert [[h.data for h in row] for row in outputs] == [[2.0], [10.0]]
    assert state[1] == 2


# Invalid arguments --------------------------------------------------------------------------------


@each_cell
def test_invalid_inputs_and_states_raise(make: Any) -> None:
    cell = make(2, 3, seed=0)
    good, short = [0.0] * 3, [0.0] * 2
    wrap = (lambda h: h) if make is RNNCell else (lambda h: (h, good))
    with pytest.raises(
        ValueError,
        match=rf"{make.__name__}\(\) expected 2 numbers for x, got .* of length 3\. Pass 2 numbers",
    ):
        cell([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match=r"a sequence of 2 numbers for x, got float 1\.0\. Put"):
        cell(1.0)
    with pytest.raises(ValueError, match=r"expected 3 numbers for h, got .* of length 2. Pass 3 numbers"):
        cell([1.0, 2.0], wrap(short))
    with pytest.raises(TypeError, match=r"a sequence of 3 numbers for h, got float 0.5"):
        cell([1.0, 2.0], wrap(0.5))
    with pytest.raises(TypeError, match="str"):
        cell([1.0, 2.0], wrap(["a", "b", "c"]))


def test_lstm_state_that_is_not_a_pair_raises() -> None:
    cell = LSTMCell(1, 2, seed=0)
    with pytest.raises(
        TypeError, match=r"LSTMCell\(\) expected a pair \(h, c\) for state, got float 0.5\. Pass"
    ):
        cell([1.0], 0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"pair \(h, c\) for state, got list \[0.0, 0.0, 0.0\]"):
        cell([1.0], [0.0, 0.0, 0.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a sequence of 2 numbers for h, got float 0\.0"):
        cell([1.0], [0.0, 0.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected 2 numbers for c, got list \[0.0\] of length 1"):
        cell([1.0], ([0.0, 0.0], [0.0]))
    with pytest.raises(TypeError, match=r"LSTMCell\(\) expected a real number for c, got str 'a'"):
        cell([1.0], ([0.0, 0.0], ["a", "b"]))


@each_cell
@pytest.mark.parametrize(
    ("nin", "nhidden", "error"), [(0, 1, ValueError), (1, 0, ValueError), (1, 2.0, TypeError)]
)
def test_invalid_widths_raise(make: Any, nin: Any, nhidden: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Cell\(\) expected an int of 1 or more for (nin|nhidden), got"):
        make(nin, nhidden)


def test_unknown_activation_raises_value_error() -> None:
    with pytest.raises(
        ValueError, match=r"RNNCell\(\) expected the name of an activation, got str 'tan'\. Use one of"
    ):
        RNNCell(1, 1, "tan")


@each_cell
def test_invalid_sequence_raises(make: Any) -> None:
    cell = make(1, 2, seed=0)
    with pytest.raises(ValueError, match=r"at least one step in sequence, got list \[\]\. Pass"):
        unroll(cell, [])
    with pytest.raises(TypeError, match=r"a sequence of 1 number for x, got float 1\.0"):
        unroll(cell, [1.0, 0.0])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"expected 1 number for x, got .* of length 2"):
        unroll(cell, [[1.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="an int of 1 or more for truncate, got int 0"):
        unroll(cell, [[1.0]], truncate=0)
    with pytest.raises(TypeError, match=r"an int of 1 or more for truncate, got float 2\.5"):
        unroll(cell, [[1.0]], truncate=2.5)  # type: ignore[arg-type]


def test_detached_of_a_dict_raises_type_error() -> None:
    with pytest.raises(TypeError, match=r"detached\(\) expected a real number for state, got dict"):
        detached({"h": [Value(1.0)]})


# Pictures -----------------------------------------------------------------------------------------


@each_cell
def test_a_picture_has_a_card_for_each_neuron_over_all_steps(make: Any) -> None:
    model = Reader(make(2, 2, seed=0))
    loss = mse_loss([model(SEQUENCE), model(SEQUENCE[::-1])], [1.0, 0.0])
    loss.backward()
    words = draw(loss, limit=20).alt
    names = ["h₁", "h₂"] if make is RNNCell else GATES
    for name in (*names, "x₁", "x₂"):
        assert re.search(rf"{name} \([^)]*\) = ", words), (name, words)
    assert "x₃" not in words, "the zeros a state starts at are no inputs"
    assert "over 14 samples and steps" in words


@each_cell
def test_the_gradient_flow_has_a_row_for_each_step(make: Any) -> None:
    model = Reader(make(2, 2, seed=0))
    loss = mse_loss([model(SEQUENCE)], [1.0])
    loss.backward()
    rows = gradient_flow(model, loss).layers
    assert [row.name for row in rows] == [*(f"cell #{t}" for t in range(1, 8)), "head"]
    sizes = [row.activation_gradient for row in rows[:7]]
    assert None not in sizes
    assert sizes[0] < sizes[-1]  # type: ignore[operator]


def test_inputs_shared_with_another_network_are_not_a_state() -> None:
    """Inputs of a critic, samples or the output of a generator, are not a state."""
    generator, critic = Layer(1, 2, "tanh", seed=0), Layer(2, 1, "tanh", seed=1)
    loss = mse_loss([critic([0.5, 0.25]), critic(generator([1.0]))], [1.0, 0.0])
    loss.backward()
    words = draw(loss, limit=5).alt
    assert sorted(re.findall(r"x\S+ \(inputs\) = ([\d.]+)", words)) == ["0.25", "0.5", "1"]
    assert "over 2 samples" in words


def test_an_opened_neuron_shows_the_zeros_its_state_starts_at() -> None:
    cell = RNNCell(1, 2, seed=0)
    outputs, _ = unroll(cell, [[1.0], [0.5]])
    words = draw(autograd.sum(outputs[-1]), expand=cell.neurons[0]).alt
    assert "w₁₂·0 + w₁₃·0" in words


class Pair(NamedTuple):
    h: list[Value]
    c: list[Value]


def test_labeled_state_keeps_its_label() -> None:
    state = Pair([Value(1.0) * 2.0], [Value(3.0)])
    leaf_state = detached(state)
    assert isinstance(leaf_state, Pair)
    assert leaf_state.h[0].is_leaf
    assert leaf_state.h[0].data == 2.0
