"""Normalisation: each number less the mean, by the spread, over the batch or within the sample."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import autograd
from autograd import Value, dot, not_compiled
from autograd.system.messages import short, type_name

from ..checks import check_int, check_number, within
from ..inputs import Batch, Inputs, is_batch, sample_of, samples_of, values_of
from ..module import Module, Parameter


def _mean(values: Sequence[Value]) -> Value:
    total: Value = autograd.sum(values)
    return total / len(values)


def _mean_square(values: Sequence[Value]) -> Value:
    return dot(values, values) / len(values)


class _Norm(Module):
    """What the norms share: for each feature a factor (``weight``) and an offset (``bias``) to be learned."""

    #: The number of features.
    width: Final[int]
    eps: float
    weight: list[Parameter] | None
    bias: list[Parameter] | None

    def __init__(self, width: int, eps: float, weight: bool, bias: bool) -> None:
        self.width = check_int("the number of features", width)
        self.eps = within("eps", eps)
        self.weight = [Parameter(1.0) for _ in range(width)] if weight else None
        self.bias = [Parameter(0.0) for _ in range(width)] if bias else None

    def _read(self, sample: Any) -> list[Value]:
        name = type_name(self)
        return values_of(sample_of(sample, self.width, name), name)

    def _scaled(self, sample: Sequence[Value]) -> list[Value]:
        scaled = (
            [*sample] if self.weight is None else [x * w for x, w in zip(sample, self.weight, strict=True)]
        )
        return scaled if self.bias is None else [x + b for x, b in zip(scaled, self.bias, strict=True)]

    def extra_repr(self) -> str:
        return f"{self.width}, eps={self.eps:.3g}"


class LayerNorm(_Norm, fixed_attributes=True):
    """(x − mean) / √(variance + eps) · weight + bias, within each sample (Ba, Kiros and Hinton, 2016).

    >>> norm = LayerNorm(2, eps=0.0)
    >>> [x.data for x in norm([1.0, 5.0])]  # mean 3, variance ((−2)² + 2²) / 2 = 4
    [-1.0, 1.0]

    Takes a sample, or a list of samples, of which each goes by itself: training and evaluation are the
    same.
    """

    def __init__(
        self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, elementwise_affine and bias)

    def __call__(self, x: Inputs | Batch) -> list[Any]:
        if is_batch(x):
            return [self(sample) for sample in x]
        values = self._read(x)
        mean = _mean(values)
        centred = [value - mean for value in values]
        spread = (_mean_square(centred) + self.eps).sqrt()
        return self._scaled([value / spread for value in centred])


class RMSNorm(_Norm, fixed_attributes=True):
    """x / √(mean of squares + eps) · weight, within each sample (Zhang and Sennrich, 2019).

    >>> norm = RMSNorm(2)
    >>> [round(x.data, 6) for x in norm([1.0, 7.0])]  # √((1² + 7²) / 2) = 5
    [0.2, 1.4]

    Takes a sample, or a list of samples, as LayerNorm does. Without ``eps`` it is 2⁻⁵², PyTorch's
    for float64.
    """

    def __init__(
        self, normalized_shape: int, eps: float | None = None, elementwise_affine: bool = True
    ) -> None:
        eps = sys.float_info.epsilon if eps is None else eps
        super().__init__(normalized_shape, eps, elementwise_affine, False)

    def __call__(self, x: Inputs | Batch) -> list[Any]:
        if is_batch(x):
            return [self(sample) for sample in x]
        values = self._read(x)
        size = (_mean_square(values) + self.eps).sqrt()
        return self._scaled([value / size for value in values])


class BatchNorm1d(_Norm, fixed_attributes=True):
    """(x − mean) / √(variance + eps) · weight + bias, each feature over the batch (Ioffe and Szegedy, 2015).

    >>> norm = BatchNorm1d(1, eps=0.0)
    >>> [x.data for (x,) in norm([[1.0], [5.0]])]  # mean 3, variance ((−2)² + 2²) / 2 = 4
    [-1.0, 1.0]
    >>> norm.running_mean, norm.running_var  # 0.9 · 0 + 0.1 · 3, and 0.9 · 1 + 0.1 · 8
    ([0.30000000000000004], [1.7000000000000002])

    Takes a batch, a list of samples; as a part of a network, in a ``Sequential``. In training it also
    keeps running statistics, the new with weight ``momentum`` (None: the mean over all batches); their
    variance is that of n − 1. They are what it normalises by in evaluation, where a sample's output
    must not hang on who else is there. Raises ValueError in training for a batch of one, whose
    variance is 0, and if a mean or variance is not finite; the statistics then stay as they were.
    """

    takes_batch = True
    momentum: float | None
    running_mean: list[float]
    running_var: list[float]
    num_batches_tracked: int
    #: Plain numbers that are kept but not learned.
    _buffers: ClassVar[tuple[str, ...]] = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True
    ) -> None:
        super().__init__(num_features, eps, affine, affine)
        if momentum is not None and not 0.0 <= check_number("momentum", momentum) <= 1.0:
            raise ValueError(f"momentum must be between 0 and 1, or None, not {short(momentum)}")
        self.momentum = momentum
        self.running_mean = [0.0] * num_features
        self.running_var = [1.0] * num_features
        self.num_batches_tracked = 0

    def __call__(self, batch: Batch) -> list[list[Value]]:
        samples = [self._read(sample) for sample in samples_of(batch, "BatchNorm1d")]
        features = [*zip(*samples)]
        if self.training:
            columns = self._by_this_batch(features)
        else:
            spreads = [math.sqrt(variance + self.eps) for variance in self.running_var]
            kept = zip(features, self.running_mean, spreads, strict=True)
            columns = [[(x - mean) / spread for x in feature] for feature, mean, spread in kept]
        return [self._scaled(sample) for sample in zip(*columns)]

    def _by_this_batch(self, features: Sequence[Sequence[Value]]) -> list[list[Value]]:
        count = len(features[0])
        if count == 1:
            raise ValueError(
                "BatchNorm1d in training needs a batch of two samples or more, as one has no variance: "
                "give it more, or call model.eval() first"
            )
        means = [_mean(feature) for feature in features]
        centred = [[x - mean for x in feature] for feature, mean in zip(features, means)]
        variances = [_mean_square(feature) for feature in centred]
        not_compiled(
            "a batch norm in training writes its running statistics at each call: compile the model after "
            "model.eval(), or normalise by LayerNorm or RMSNorm"
        )
        self._track([mean.data for mean in means], [v.data * count / (count - 1) for v in variances])
        spreads = [(variance + self.eps).sqrt() for variance in variances]
        return [[x / spread for x in feature] for feature, spread in zip(centred, spreads)]

    def _track(self, means: list[float], variances: list[float]) -> None:
        for i, (mean, variance) in enumerate(zip(means, variances)):
            if not math.isfinite(mean) or not math.isfinite(variance):
                raise ValueError(
                    f"feature {i} of the batch has mean {mean!r} and variance {variance!r}, which would "
                    "ruin the running statistics: look for nan, inf or huge numbers in the samples"
                )
        self.num_batches_tracked += 1
        new = 1.0 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean = [(1.0 - new) * old + new * x for old, x in zip(self.running_mean, means)]
        self.running_var = [(1.0 - new) * old + new * x for old, x in zip(self.running_var, variances)]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, momentum={self.momentum}"
