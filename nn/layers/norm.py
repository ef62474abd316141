"""Normalization: subtract a mean and divide by a deviation, over the batch or within the sample."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import autograd
from autograd import Value, dot, not_compiled
from autograd.system.messages import type_name

from ..checks import check_int, check_number, check_range, out_of_range
from ..inputs import Batch, Inputs, is_batch, read_sample, read_samples, read_values
from ..module import Module, Parameter


def _mean(values: Sequence[Value]) -> Value:
    total: Value = autograd.sum(values)
    return total / len(values)


def _mean_square(values: Sequence[Value]) -> Value:
    return dot(values, values) / len(values)


class _Norm(Module):
    """Base class of the norms: for each feature a learned factor (``weight``) and offset (``bias``)."""

    #: The number of features.
    width: Final[int]
    eps: float
    weight: list[Parameter] | None
    bias: list[Parameter] | None

    def __init__(self, width_name: str, width: int, eps: float, weight: bool, bias: bool) -> None:
        self.width = check_int(type_name(self), width_name, width)
        self.eps = check_range(type_name(self), "eps", eps)
        self.weight = [Parameter(1.0) for _ in range(width)] if weight else None
        self.bias = [Parameter(0.0) for _ in range(width)] if bias else None

    def _read(self, sample: Any) -> list[Value]:
        name = type_name(self)
        return read_values(name, read_sample(name, "x", sample, self.width))

    def _scaled(self, sample: Sequence[Value]) -> list[Value]:
        scaled = (
            [*sample] if self.weight is None else [x * w for x, w in zip(sample, self.weight, strict=True)]
        )
        return scaled if self.bias is None else [x + b for x, b in zip(scaled, self.bias, strict=True)]

    def extra_repr(self) -> str:
        return f"{self.width}, eps={self.eps:.3g}"


class LayerNorm(_Norm, fixed_attributes=True):
    """Layer normalization within each sample: (x − mean) / √(variance + eps) · weight + bias.

    >>> norm = LayerNorm(2, eps=0.0)
    >>> [x.data for x in norm([1.0, 5.0])]  # mean 3, variance ((−2)² + 2²) / 2 = 4
    [-1.0, 1.0]

    In a list, every sample is normalized independently. Training and evaluation mode compute the same.

    Args:
        normalized_shape: The number of features of a sample.
        eps: A number that is added to the variance, 0 or more.
        elementwise_affine: Learn a weight for each feature.
        bias: Learn a bias for each feature; without effect if ``elementwise_affine`` is False.

    Shape:
        Input: a sample of ``normalized_shape`` numbers, or a list of samples. The output has the same shape.

    Raises:
        ValueError: If ``normalized_shape`` is below 1, ``eps`` is negative or not finite, or a sample has the
            wrong length.
        TypeError: If ``normalized_shape`` is not an int, ``eps`` is not a number, or the input is not a
            sequence.

    Reference: Ba, Kiros and Hinton (2016).
    """

    def __init__(
        self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        super().__init__(
            "normalized_shape", normalized_shape, eps, elementwise_affine, elementwise_affine and bias
        )

    def __call__(self, x: Inputs | Batch) -> list[Any]:
        """Normalize one sample, or each sample of a batch."""
        if is_batch(x):
            return [self(sample) for sample in x]
        values = self._read(x)
        mean = _mean(values)
        centered = [value - mean for value in values]
        spread = (_mean_square(centered) + self.eps).sqrt()
        return self._scaled([value / spread for value in centered])


class RMSNorm(_Norm, fixed_attributes=True):
    """Root mean square normalization within each sample: x / √(mean of squares + eps) · weight.

    >>> norm = RMSNorm(2)
    >>> [round(x.data, 6) for x in norm([1.0, 7.0])]  # √((1² + 7²) / 2) = 5
    [0.2, 1.4]

    In a list, every sample is normalized independently, as by :class:`LayerNorm`.

    Args:
        normalized_shape: The number of features of a sample.
        eps: A number that is added to the mean square; None is 2⁻⁵², PyTorch's default for float64.
        elementwise_affine: Learn a weight for each feature.

    Shape:
        Input: a sample of ``normalized_shape`` numbers, or a list of samples. The output has the same shape.

    Raises:
        ValueError: If ``normalized_shape`` is below 1, ``eps`` is negative or not finite, or a sample has the
            wrong length.
        TypeError: If ``normalized_shape`` is not an int, ``eps`` is not a number, or the input is not a
            sequence.

    Reference: Zhang and Sennrich (2019).
    """

    def __init__(
        self, normalized_shape: int, eps: float | None = None, elementwise_affine: bool = True
    ) -> None:
        eps = sys.float_info.epsilon if eps is None else eps
        super().__init__("normalized_shape", normalized_shape, eps, elementwise_affine, False)

    def __call__(self, x: Inputs | Batch) -> list[Any]:
        """Normalize one sample, or each sample of a batch."""
        if is_batch(x):
            return [self(sample) for sample in x]
        values = self._read(x)
        size = (_mean_square(values) + self.eps).sqrt()
        return self._scaled([value / size for value in values])


class BatchNorm1d(_Norm, fixed_attributes=True):
    """Batch normalization of each feature over the batch: (x − mean) / √(variance + eps) · weight + bias.

    >>> norm = BatchNorm1d(1, eps=0.0)
    >>> [x.data for (x,) in norm([[1.0], [5.0]])]  # mean 3, variance ((−2)² + 2²) / 2 = 4
    [-1.0, 1.0]
    >>> norm.running_mean, norm.running_var  # 0.9 · 0 + 0.1 · 3, and 0.9 · 1 + 0.1 · 8
    ([0.30000000000000004], [1.7000000000000002])

    As part of a network, it belongs in a :class:`Sequential`. In training mode it also updates running
    statistics; the running variance is that with n − 1 in the denominator. In evaluation mode it normalizes
    by these statistics, so that the output of a sample does not depend on the rest of the batch.

    Args:
        num_features: The number of features of a sample.
        eps: A number that is added to the variance, 0 or more.
        momentum: The weight of the new statistics in the running ones, between 0 and 1. None computes the
            mean over all batches instead.
        affine: Learn a weight and a bias for each feature.

    Shape:
        Input: a list of samples of ``num_features`` numbers each. The output has the same shape.

    Raises:
        ValueError: If a setting is out of its range, a sample has the wrong length, or the batch is empty. In
            training mode also if the batch has one sample, whose variance is 0, or if a mean or variance is
            not finite; the running statistics then do not change.
        TypeError: If a setting is of the wrong type, or the input is not a list of samples.

    Reference: Ioffe and Szegedy (2015).
    """

    takes_batch = True
    momentum: float | None
    running_mean: list[float]
    running_var: list[float]
    num_batches_tracked: int
    #: Plain numbers that are stored but not learned.
    _buffers: ClassVar[tuple[str, ...]] = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True
    ) -> None:
        super().__init__("num_features", num_features, eps, affine, affine)
        if momentum is not None and not 0.0 <= check_number("BatchNorm1d", "momentum", momentum) <= 1.0:
            raise out_of_range("BatchNorm1d", "momentum", momentum, "None or a number between 0 and 1")
        self.momentum = momentum
        self.running_mean = [0.0] * num_features
        self.running_var = [1.0] * num_features
        self.num_batches_tracked = 0

    def __call__(self, batch: Batch) -> list[list[Value]]:
        """Normalize each feature of a batch; in training mode, update the running statistics."""
        samples = [self._read(sample) for sample in read_samples("BatchNorm1d", batch)]
        features = [*zip(*samples)]
        if self.training:
            columns = self._normalize_by_batch(features)
        else:
            spreads = [math.sqrt(variance + self.eps) for variance in self.running_var]
            statistics = zip(features, self.running_mean, spreads, strict=True)
            columns = [[(x - mean) / spread for x in feature] for feature, mean, spread in statistics]
        return [self._scaled(sample) for sample in zip(*columns)]

    def _normalize_by_batch(self, features: Sequence[Sequence[Value]]) -> list[list[Value]]:
        count = len(features[0])
        if count == 1:
            raise ValueError(
                "BatchNorm1d() expected at least two samples in batch in training mode, got 1, whose "
                "variance is 0. Pass a larger batch, or call model.eval() first."
            )
        means = [_mean(feature) for feature in features]
        centered = [[x - mean for x in feature] for feature, mean in zip(features, means)]
        variances = [_mean_square(feature) for feature in centered]
        not_compiled(
            "a batch norm in training mode updates its running statistics at each call. Compile the model "
            "after model.eval(), or use LayerNorm or RMSNorm"
        )
        self._track([mean.data for mean in means], [v.data * count / (count - 1) for v in variances])
        spreads = [(variance + self.eps).sqrt() for variance in variances]
        return [[x / spread for x in feature] for feature, spread in zip(centered, spreads)]

    def _track(self, means: list[float], variances: list[float]) -> None:
        for i, (mean, variance) in enumerate(zip(means, variances)):
            if not math.isfinite(mean) or not math.isfinite(variance):
                raise ValueError(
                    f"BatchNorm1d() expected finite statistics of the batch, got mean {mean!r} and variance "
                    f"{variance!r} of feature {i}. Look for nan, inf or huge numbers in the samples."
                )
        self.num_batches_tracked += 1
        factor = 1.0 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean = [(1.0 - factor) * old + factor * x for old, x in zip(self.running_mean, means)]
        self.running_var = [(1.0 - factor) * old + factor * x for old, x in zip(self.running_var, variances)]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, momentum={self.momentum}"
