"""Update rules of the optimizers, each stated once as a pure function of numbers.

A rule takes a parameter, its gradient, the state that the optimizer stores for it, and the
hyperparameters. It returns the new parameter and the new state. Rules use operators only, no ``math``, and
have no ``if`` except on hyperparameters. They therefore run on floats, on Values (so that a gradient flows
through a step, as MAML requires) and on any object with the operators of a number. On floats a rule may
raise only ZeroDivisionError or OverflowError, where IEEE 754 has inf or nan; :class:`nn.Optimizer` handles
these. :func:`clip_by_norm` needs a condition and takes the functions of numbers as ``m``, as the rules of a
primitive do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

#: A number, or an object with its operators. Not a type variable: a step may turn a float into a Value.
Number = Any


def sgd_update(parameter: Number, gradient: Number, lr: Number) -> Number:
    """Make one step of gradient descent: parameter − lr · gradient.

    >>> sgd_update(2.0, -20.0, 0.01)
    2.2

    Args:
        parameter, gradient: The parameter before the step, and its gradient.
        lr: The learning rate.

    Returns:
        The parameter after the step.
    """
    return parameter - lr * gradient


def momentum_update(
    parameter: Number,
    gradient: Number,
    step: Number,
    momentum_buffer: Number,
    *,
    lr: Number,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
) -> tuple[Number, Number, Number]:
    """Make one step of gradient descent with momentum: buffer ← momentum · buffer + gradient.

    >>> how = dict(lr=0.25, momentum=0.5, dampening=0.0, weight_decay=0.0, nesterov=False)
    >>> momentum_update(3.0, 4.0, 0.0, 0.0, **how)  # the first: buffer = 4
    (2.0, 1.0, 4.0)
    >>> momentum_update(2.0, 4.0, 1.0, 4.0, **how)  # buffer = ½·4 + 4, moved by ¼·6
    (0.5, 2.0, 6.0)

    ``nesterov`` updates by gradient + momentum · buffer, which looks one step ahead (Sutskever et al.,
    2013). The first step is not dampened, as in PyTorch.

    Args:
        parameter, gradient: The parameter before the step, and its gradient.
        step, momentum_buffer: The state before the step, both 0 before the first.
        lr, momentum, dampening, weight_decay, nesterov: The options of :class:`SGD`.

    Returns:
        The parameter and the state after the step.
    """
    step = step + 1.0
    if weight_decay:
        gradient = gradient + weight_decay * parameter
    direction = gradient
    if momentum:
        share: Number = 1.0
        if dampening:
            share = 1.0 - dampening * (1.0 - 0.0 ** (step - 1.0))  # 0⁰ = 1: in the first step all of it
        momentum_buffer = momentum * momentum_buffer + share * gradient
        direction = gradient + momentum * momentum_buffer if nesterov else momentum_buffer
    return sgd_update(parameter, direction, lr), step, momentum_buffer


def rmsprop_update(
    parameter: Number,
    gradient: Number,
    square_avg: Number,
    momentum_buffer: Number,
    *,
    lr: Number,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
) -> tuple[Number, Number, Number]:
    """Make one step of RMSprop: the gradient divided by its recent root mean square (Hinton, 2012).

    >>> how = dict(lr=0.1, alpha=0.75, eps=0.0, weight_decay=0.0, momentum=0.0)
    >>> rmsprop_update(1.0, 8.0, 0.0, 0.0, **how)  # square_avg = ¼·8² = 16, moved by 0.1·8/√16
    (0.8, 16.0, 0.0)

    Args:
        parameter, gradient: The parameter before the step, and its gradient.
        square_avg, momentum_buffer: The state before the step, both 0 before the first.
        lr, alpha, eps, weight_decay, momentum: The options of :class:`RMSprop`.

    Returns:
        The parameter and the state after the step.
    """
    if weight_decay:
        gradient = gradient + weight_decay * parameter
    square_avg = alpha * square_avg + (1.0 - alpha) * (gradient * gradient)
    direction = gradient / (square_avg**0.5 + eps)
    if momentum:
        momentum_buffer = direction = momentum * momentum_buffer + direction
    return sgd_update(parameter, direction, lr), square_avg, momentum_buffer


def adam_update(
    parameter: Number,
    gradient: Number,
    step: Number,
    exp_avg: Number,
    exp_avg_sq: Number,
    *,
    lr: Number,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Number, Number, Number, Number]:
    """Make one step of Adam: the recent mean gradient over its root mean square (Kingma and Ba, 2015).

    >>> how = dict(lr=0.1, betas=(0.5, 0.75), eps=0.0, weight_decay=0.0)
    >>> adam_update(1.0, 8.0, 0.0, 0.0, 0.0, **how)  # m = ½·8, v = ¼·8²; unbiased 8 and 64
    (0.9, 1.0, 4.0, 16.0)

    Both means start at 0, so they are too small at first; dividing by 1 − βᵗ corrects this. The first step
    therefore has the size lr, for a gradient of any size.

    Args:
        parameter, gradient: The parameter before the step, and its gradient.
        step, exp_avg, exp_avg_sq: The state before the step, all 0 before the first.
        lr, betas, eps, weight_decay: The options of :class:`Adam`.

    Returns:
        The parameter and the state after the step.
    """
    beta1, beta2 = betas
    step = step + 1.0
    if weight_decay:
        gradient = gradient + weight_decay * parameter
    exp_avg = beta1 * exp_avg + (1.0 - beta1) * gradient
    exp_avg_sq = beta2 * exp_avg_sq + (1.0 - beta2) * (gradient * gradient)
    mean = exp_avg / (1.0 - beta1**step)
    mean_sq = exp_avg_sq / (1.0 - beta2**step)
    return sgd_update(parameter, mean / (mean_sq**0.5 + eps), lr), step, exp_avg, exp_avg_sq


def adamw_update(
    parameter: Number,
    gradient: Number,
    step: Number,
    exp_avg: Number,
    exp_avg_sq: Number,
    *,
    lr: Number,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Number, Number, Number, Number]:
    """Make one step of Adam after multiplying the parameter by 1 − lr · weight_decay.

    >>> how = dict(lr=0.5, betas=(0.5, 0.75), eps=0.0, weight_decay=0.5)
    >>> adamw_update(1.0, 8.0, 0.0, 0.0, 0.0, **how)  # 1 − ½·½·1 = ¾, moved by ½
    (0.25, 1.0, 4.0, 16.0)

    In Adam the decay is divided by the root mean square, so that weights with large gradients decay less.
    Here all weights decay at the same rate (Loshchilov and Hutter, 2019).

    Args:
        parameter, gradient: The parameter before the step, and its gradient.
        step, exp_avg, exp_avg_sq: The state before the step, all 0 before the first.
        lr, betas, eps, weight_decay: The options of :class:`AdamW`.

    Returns:
        The parameter and the state after the step.
    """
    parameter = parameter * (1.0 - lr * weight_decay)
    return adam_update(
        parameter, gradient, step, exp_avg, exp_avg_sq, lr=lr, betas=betas, eps=eps, weight_decay=0.0
    )


def norm_of(m: Any, gradients: Sequence[Number]) -> Number:
    """Return the Euclidean norm of the gradients, which neither overflows nor underflows on the way.

    Args:
        m: The functions ``dot``, ``sqrt`` and ``where`` on the numbers.
        gradients: The gradients, as one vector.
    """
    squares = m.dot(gradients, gradients, 0.0)
    # A power of 2 is exact. It keeps the squares of large gradients finite, and digits of tiny ones.
    scale = m.where(squares < 1e-270, 2.0**600, m.where(squares < math.inf, 1.0, 2.0**-600))
    scaled = [gradient * scale for gradient in gradients]
    return m.sqrt(m.dot(scaled, scaled, 0.0)) / scale


def clip_to_norm(m: Any, gradients: Sequence[Number], norm: Number, max_norm: float) -> list[Number]:
    """Return the gradients times max_norm / (norm + 1e-6), but at most times 1, as in PyTorch.

    Args:
        m: The function ``where`` on the numbers.
        gradients, norm: The gradients, and their norm of any order.
        max_norm: The largest norm.
    """
    factor = max_norm / (norm + 1e-6)
    factor = m.where(factor >= 1.0, 1.0, factor)  # nan stays nan
    return [gradient * factor for gradient in gradients]


def clip_by_norm(m: Any, gradients: Sequence[Number], max_norm: float) -> list[Number]:
    """Clip the gradients by their Euclidean norm: the rule of :func:`nn.clip_grad_norm_`.

    ``compile(…, clip_grad_norm=…)`` compiles it between the backward pass and the update.

    Args:
        m: The functions ``dot``, ``sqrt`` and ``where`` on the numbers.
        gradients: The gradients, as one vector.
        max_norm: The largest norm.

    Returns:
        The gradients after clipping.
    """
    return clip_to_norm(m, gradients, norm_of(m, gradients), max_norm)
