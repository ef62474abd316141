"""Norms compared with PyTorch, recorded and, if installed, live; running statistics; invalid input."""

import copy
import math
import pickle
import random
from typing import Any

import pytest

import autograd
from autograd import Value, check_grads, no_grad
from nn import Activation, BatchNorm1d, Layer, LayerNorm, RMSNorm, Sequential

from ..._support.norm_runs import (
    CASES,
    NETWORKS,
    STEPS,
    TRAINING,
    Case,
    Result,
    in_glassgrad,
    in_pytorch,
    network_in_glassgrad,
    network_in_pytorch,
)
from ..._support.pytorch import needs_torch
from ...golden.record_norm import read

GOLDEN = read()

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_network = pytest.mark.parametrize("kind", NETWORKS)


def _assert_agree(actual: Result, expected: Result, slack: float) -> None:
    """To 1e-12, or where terms cancel to ``slack`` times the largest of its kind."""
    assert actual.keys() == expected.keys()
    for kind in actual:
        largest = max((abs(x) for row in expected[kind] for x in row), default=0.0)
        for step, (a, b) in enumerate(zip(actual[kind], expected[kind], strict=True)):
            for i, (x, y) in enumerate(zip(a, b, strict=True)):
                assert math.isclose(x, y, rel_tol=1e-12, abs_tol=slack * largest), (kind, step, i, x, y)


def _slack(case: Case) -> float:
    """The mean of large numbers that hardly differ loses what they have in common."""
    return 1e-14 * max(1.0, case.offset / case.scale)


@each_case
def test_case_agrees_with_recorded_pytorch(case: Case) -> None:
    _assert_agree(in_glassgrad(case), GOLDEN[case.name], _slack(case))


@each_network
def test_network_agrees_with_recorded_pytorch(kind: str) -> None:
    _assert_agree(network_in_glassgrad(kind), GOLDEN[kind], 1e-13)


@pytest.mark.torch
@needs_torch
@each_case
def test_recorded_cases_agree_with_live_pytorch(case: Case) -> None:
    live = in_pytorch(case)
    _assert_agree(live, GOLDEN[case.name], _slack(case))
    _assert_agree(in_glassgrad(case), live, _slack(case))


@pytest.mark.torch
@needs_torch
@each_network
def test_recorded_networks_agree_with_live_pytorch(kind: str) -> None:
    _assert_agree(network_in_pytorch(kind), GOLDEN[kind], 1e-13)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("seed", range(20))
def test_random_case_agrees_with_pytorch(seed: int) -> None:
    rng = random.Random(seed)
    kind = rng.choice(NETWORKS)
    options: dict[str, Any] = {"eps": 10.0 ** rng.uniform(-6.0, 0.0)}
    if kind == "BatchNorm1d":
        options["momentum"] = rng.choice([None, rng.random()])
    case = Case(kind, rng.randint(1, 6), rng.randint(2, 7), options, 10.0 ** rng.uniform(-2.0, 2.0))
    _assert_agree(in_glassgrad(case), in_pytorch(case), 1e-13)


def test_record_has_all_cases_and_is_not_trivial() -> None:
    assert set(GOLDEN) == {case.name for case in CASES} | {*NETWORKS}
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        record = GOLDEN[case.name]
        assert len(record["outputs"]) == STEPS + 1
        if case.kind == "BatchNorm1d":
            statistics = record["running"]
            assert all(statistics[i] != statistics[i + 1] for i in range(STEPS - 1))
            assert statistics[STEPS - 1] == statistics[STEPS], "evaluation leaves the statistics alone"
    for kind in NETWORKS:
        losses, norms, _ = GOLDEN[kind]["training"]
        assert len(losses) == TRAINING
        assert losses[-1] < losses[0]
        assert max(norms) > 0.5, "something is clipped"


# Outputs and gradients ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [LayerNorm, RMSNorm])
def test_a_sample_or_a_list_of_samples(make: Any) -> None:
    norm = make(2)
    rows = [(1.0, 5.0), (2.0, -3.0)]
    expected = [[x.data for x in norm(row)] for row in rows]
    assert [[x.data for x in sample] for sample in norm(rows)] == expected
    numpy = pytest.importorskip("numpy")
    assert [[x.data for x in sample] for sample in norm(numpy.array(rows))] == expected


def test_in_training_each_feature_has_mean_0_and_variance_1() -> None:
    rng = random.Random(0)
    norm = BatchNorm1d(3)
    outputs = norm([[rng.gauss(5.0, 3.0) for _ in range(3)] for _ in range(50)])
    for feature in zip(*outputs, strict=True):
        assert math.fsum(x.data for x in feature) / 50 == pytest.approx(0.0, abs=1e-12)
        assert math.fsum(x.data**2 for x in feature) / 50 == pytest.approx(1.0, rel=1e-4)  # eps


def test_evaluation_output_does_not_depend_on_other_samples() -> None:
    norm = BatchNorm1d(2)
    norm([[1.0, 2.0], [3.0, 5.0], [4.0, -1.0]])
    norm.eval()
    expected = [x.data for x in norm([[1.0, 2.0]])[0]]
    actual = [x.data for x in norm([[1.0, 2.0], [30.0, 50.0]])[0]]
    assert expected == actual
    assert norm.num_batches_tracked == 1


def test_running_statistics_are_updated_under_no_grad() -> None:
    grad_norm, no_grad_norm = BatchNorm1d(1), BatchNorm1d(1)
    grad_norm([[1.0], [4.0]])
    with no_grad():
        outputs = no_grad_norm([[1.0], [4.0]])
    assert all(x.is_leaf for (x,) in outputs)
    assert (no_grad_norm.running_mean, no_grad_norm.running_var) == (
        grad_norm.running_mean,
        grad_norm.running_var,
    )


def test_derivatives_to_second_order() -> None:
    def loss(*xs: Value) -> Value:
        return autograd.sum([x**3 for row in BatchNorm1d(2)([xs[:2], xs[2:4], xs[4:]]) for x in row])

    check_grads(loss, [0.3, -1.2, 0.8, 0.4, -0.5, 2.0])
    check_grads(lambda *xs: autograd.sum([x**3 for x in LayerNorm(3)(xs)]), [0.3, -1.2, 0.8])
    check_grads(lambda *xs: autograd.sum([x**3 for x in RMSNorm(3)(xs)]), [0.3, -1.2, 0.8])


def test_gradient_of_a_normalized_batch_is_orthogonal_to_mean_and_scale() -> None:
    """Neither a shift nor a stretch of a feature changes the outputs, so neither has a slope."""
    xs = [Value(x) for x in (0.5, -1.0, 2.5, 0.25)]
    outputs = BatchNorm1d(1, eps=0.0)([[x] for x in xs])
    autograd.sum([out * t for (out,), t in zip(outputs, (1.0, -2.0, 0.5, 3.0), strict=True)]).backward()
    assert math.fsum(x.grad or 0.0 for x in xs) == pytest.approx(0.0, abs=1e-14)
    assert math.fsum((x.grad or 0.0) * x.data for x in xs) == pytest.approx(0.0, abs=1e-14)


def test_parameters_and_buffers_of_norms() -> None:
    norm = BatchNorm1d(2)
    assert [name for name, _ in norm.named_parameters()] == ["weight.0", "weight.1", "bias.0", "bias.1"]
    assert [p.data for p in norm.parameters()] == [1.0, 1.0, 0.0, 0.0]
    assert all(isinstance(x, float) for x in norm.running_mean + norm.running_var)
    assert BatchNorm1d(2, affine=False).parameters() == []
    assert LayerNorm(2, elementwise_affine=False).parameters() == []
    assert [name for name, _ in LayerNorm(1, bias=False).named_parameters()] == ["weight.0"]
    assert [name for name, _ in RMSNorm(1).named_parameters()] == ["weight.0"]


def test_copy_has_independent_statistics() -> None:
    norm = BatchNorm1d(1)
    norm([[1.0], [4.0]])
    for other in (copy.deepcopy(norm), pickle.loads(pickle.dumps(norm))):
        before = list(norm.running_mean)
        assert other.running_mean == before
        other([[7.0], [9.0]])
        assert norm.running_mean == before != other.running_mean


def test_norm_repr_shows_its_settings() -> None:
    assert repr(BatchNorm1d(3)) == "BatchNorm1d(3, eps=1e-05, momentum=0.1)"
    assert repr(LayerNorm(3)) == "LayerNorm(3, eps=1e-05)"
    assert repr(RMSNorm(3)) == "RMSNorm(3, eps=2.22e-16)"


# Invalid arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            [[1.0, 2.0]],
            ValueError,
            r"at least two samples in batch in training mode, got 1, .*\. Pass a larger batch",
        ),
        ([], ValueError, r"at least one sample in batch, got list \[\]\. Add"),
        ([1.0, 2.0], TypeError, r"got batch\[0\] = 1\.0\. For a single sample x, pass \[x\]"),
        ([Value(1.0), Value(2.0)], TypeError, r"got batch\[0\] = Value\(1\.0\)\. For"),
        (1.0, TypeError, r"a list of samples for batch, got float 1\.0\. For a single sample x, pass \[x\]"),
        (
            [[1.0, 2.0], [1.0]],
            ValueError,
            r"BatchNorm1d\(\) expected 2 numbers for x, got list \[1.0\] of length 1",
        ),
        (
            [[1.0, 2.0], [1.0, 2.0, 3.0]],
            ValueError,
            r"BatchNorm1d\(\) expected 2 numbers for x, got .* of length 3",
        ),
        (
            [[1.0, 2.0], [1.0, "2"]],
            TypeError,
            r"BatchNorm1d\(\) expected a real number for x\[1\], got str '2'",
        ),
        ([[1.0, 2.0], [1.0, math.nan]], ValueError, "got mean nan and variance nan of feature 1"),
        ([[1.0, 2.0], [math.inf, 2.0]], ValueError, "got mean inf and variance nan of feature 0"),
        ([[1.0, 1e300], [1.0, -1e300]], ValueError, "got mean 0.0 and variance inf of feature 1"),
    ],
)
def test_invalid_batch_raises_and_changes_nothing(wrong: Any, error: type[Exception], message: str) -> None:
    norm = BatchNorm1d(2)
    norm([[1.0, 2.0], [3.0, 5.0]])
    before = (norm.running_mean, norm.running_var, norm.num_batches_tracked)
    with pytest.raises(error, match=message):
        norm(wrong)
    assert (norm.running_mean, norm.running_var, norm.num_batches_tracked) == before


def test_evaluation_accepts_one_sample_and_propagates_nan() -> None:
    norm = BatchNorm1d(1).eval()
    assert norm([[2.0]])[0][0].data == pytest.approx(2.0, rel=1e-5)
    assert math.isnan(norm([[math.nan]])[0][0].data)


@pytest.mark.parametrize("make", [LayerNorm, RMSNorm])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [([1.0], ValueError), ([[1.0, 2.0], [1.0]], ValueError), ([], ValueError), (1.0, TypeError),
     ("ab", TypeError), (["ab"], TypeError), (Value(1.0), TypeError), ({"a": 1.0}, TypeError)],
)  # fmt: skip
def test_invalid_sample_raises(make: Any, wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=make.__name__):
        make(2)(wrong)


@pytest.mark.parametrize("make", [BatchNorm1d, LayerNorm, RMSNorm])
def test_invalid_setting_raises(make: Any) -> None:
    for width, error in ((0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(
            error, match=rf"of 1 or more for (num_features|normalized_shape), got \w+ {width}\."
        ):
            make(width)
    for eps in (-1e-5, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"a finite number of 0 or more for eps, got float {eps}"):
            make(2, eps=eps)
    for momentum in (-0.1, 1.1, math.nan):
        with pytest.raises(
            ValueError, match=f"None or a number between 0 and 1 for momentum, got float {momentum}"
        ):
            BatchNorm1d(2, momentum=momentum)


# In a network -------------------------------------------------------------------------------------


def _rows(count: int, width: int) -> list[list[float]]:
    rng = random.Random(1)
    return [[rng.gauss(0.0, 1.0) for _ in range(width)] for _ in range(count)]


def test_a_batch_norm_in_a_network() -> None:
    model = Sequential(Layer(3, 4, "linear", seed=0), BatchNorm1d(4), Activation("relu"), Layer(4, 2, seed=1))
    outputs = model(_rows(5, 3))
    assert [len(sample) for sample in outputs] == [2] * 5
    assert model.layers[1].num_batches_tracked == 1
    model.eval()
    assert [x.data for x in model(_rows(5, 3)[:1])[0]] == [x.data for x in model(_rows(5, 3))[0]]


def test_gradient_flow_lists_every_layer_of_a_network_with_norms() -> None:
    model = Sequential(
        Layer(3, 4, "linear", seed=0), BatchNorm1d(4), Activation("sigmoid"), Layer(4, 1, "linear", seed=1)
    )
    loss = autograd.sum([out**2 for out in model(_rows(5, 3))])
    loss.backward()
    layers = autograd.gradient_flow(model, loss).layers
    assert [layer.name for layer in layers] == ["layers.0", "layers.1", "layers.3"]
    assert [layer.parameters for layer in layers] == [16, 8, 5]
