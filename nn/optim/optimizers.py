"""Optimizers: they store the state of an update rule and update every parameter by it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from autograd import Value, no_grad
from autograd.system.messages import replace_controls, short, type_and_value, type_name

from ..checks import check_number, check_parameters, check_range, check_unique
from ..inputs import is_listed
from ..kinds import is_mapping
from ..state import convert_number
from .updates import adam_update, adamw_update, clip_by_norm, momentum_update, rmsprop_update, sgd_update


class _Setting:
    """A hyperparameter, which is checked whenever it is assigned. It is read as an ordinary attribute."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, optimizer: Optimizer, x: float) -> None:
        number = check_range(type_name(optimizer), self.name, x, self.low, self.high)
        vars(optimizer)[self.name] = number


def _setting(low: float = 0.0, high: float = math.inf) -> Any:
    """Declare a hyperparameter from ``low`` to below ``high``."""
    return _Setting(low, high)


class Optimizer:
    """Base class of the optimizers, with the parameters, the learning rate and a state for each parameter.

    A subclass sets ``rule``, a pure function of :mod:`nn.optim.updates`; ``state_names``, which the rule
    stores for each parameter (all start at 0.0); and ``hyperparameter_names``, which are attributes:

    >>> class Sign(Optimizer):
    ...     '''Steps of lr, whatever the size of the gradient.'''
    ...     rule = staticmethod(lambda parameter, gradient, lr: (parameter - lr * gradient / abs(gradient),))
    >>> w = Value(2.0)
    >>> optimizer = Sign([w], lr=0.5)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.data
    1.5

    A gradient of 0.0 is an ordinary gradient, also if no backward pass has reached the parameter: momentum
    and weight decay still update it, as in PyTorch after ``zero_grad(set_to_none=False)``. If a rule divides
    by 0 or overflows, the result is that of IEEE 754, as in every operation on Values. ``state`` has one
    list of floats for each parameter, in the order of ``parameters``.

    Args:
        parameters: An iterable of leaf Values, such as ``model.parameters()``.
        lr: The learning rate, 0 or more and finite.

    Raises:
        ValueError: If there are no parameters, a parameter is listed twice, or a setting is out of its range.
        TypeError: If a parameter is not a leaf Value, or a setting is not a number.
    """

    #: ``(parameter, gradient, *state, **hyperparameters) -> (parameter, *state)``
    rule: ClassVar[Callable[..., tuple[Any, ...]]]
    state_names: ClassVar[tuple[str, ...]] = ()
    hyperparameter_names: ClassVar[tuple[str, ...]] = ("lr",)
    #: ``(m, gradients, max_norm) -> gradients``, by which ``compile(…, clip_grad_norm=…)`` clips them.
    clip_rule: ClassVar[Callable[..., list[Any]]] = staticmethod(clip_by_norm)

    def __init__(self, parameters: Iterable[Value], lr: float) -> None:
        function = type_name(self)
        self.parameters = check_parameters(function, parameters)
        if not self.parameters:
            raise ValueError(
                f"{function}() expected at least one parameter, got {type_and_value(parameters)}. "
                "Pass model.parameters()."
            )
        for i, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Value) or not parameter.is_leaf:
                kind = "the result of an operation" if isinstance(parameter, Value) else type_name(parameter)
                raise TypeError(
                    f"{function}() expected leaf Values, got parameters[{i}] = {short(parameter)}, {kind}. "
                    "Pass leaf Values, such as model.parameters()."
                )
        check_unique(function, self.parameters)
        self.lr = lr
        self.state: list[list[float]] = [[0.0] * len(self.state_names) for _ in self.parameters]

    @property
    def lr(self) -> float:
        """The learning rate. It may be assigned between steps."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = check_range(type_name(self), "lr", lr)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The hyperparameters of the next step, by the names of the arguments of the rule."""
        return {name: getattr(self, name) for name in self.hyperparameter_names}

    def zero_grad(self) -> None:
        """Set every gradient to 0.0, before the next backward pass."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def step(self) -> None:
        """Update every parameter. If the rule raises or is interrupted, no parameter changes."""
        rule, hyperparameters = type(self).rule, self.hyperparameters
        before: list[tuple[Value, list[float], tuple[float, ...]]] = []
        try:
            for parameter, state in zip(self.parameters, self.state):
                numbers = parameter.data, parameter.grad, *state
                before.append((parameter, state, numbers))
                try:
                    parameter.data, *state[:] = rule(*numbers, **hyperparameters)
                except (ZeroDivisionError, OverflowError):  # on Values the rule returns inf or nan instead
                    with no_grad():
                        results = rule(*map(Value, numbers), **hyperparameters)
                    parameter.data, *state[:] = [
                        check_number(f"{type_name(self)}.rule", "each result", x) for x in results
                    ]
        except BaseException:
            for parameter, state, (data, _, *old_state) in before:
                parameter.data, state[:] = data, old_state
            raise

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each parameter and the hyperparameters, for :func:`nn.save`.

        >>> Adam([Value(2.0)], lr=0.1).state_dict()["state"]
        {'step': [0.0], 'exp_avg': [0.0], 'exp_avg_sq': [0.0]}
        """
        columns = zip(*self.state) if self.state_names else ()
        state = {name: [*column] for name, column in zip(self.state_names, columns)}
        return {"state": state, "hyperparameters": self.hyperparameters}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Replace the state and the hyperparameters by those of an optimizer of the same class.

        Args:
            state_dict: The ``state_dict()`` of an optimizer of the same class with as many parameters.

        Raises:
            ValueError: If a key or the number of parameters does not fit, or a hyperparameter is out of its
                range. Nothing changes.
            TypeError: If a number is not a real number. Nothing changes.
        """
        function = f"{type_name(self)}.load_state_dict"
        if not isinstance(state_dict, Mapping) or {*state_dict} != {"state", "hyperparameters"}:
            raise ValueError(
                f"{function}() expected a dict with the keys 'state' and 'hyperparameters', got "
                f"{type_and_value(state_dict)}. Pass the state_dict() of an optimizer."
            )
        state, settings = state_dict["state"], state_dict["hyperparameters"]
        for key, expected in (("state", self.state_names), ("hyperparameters", self.hyperparameter_names)):
            part = state_dict[key]
            if not is_mapping(part) or {*part} != {*expected}:
                keys = replace_controls(", ".join(map(str, part))) if is_mapping(part) else short(part)
                raise ValueError(
                    f"{function}() expected the keys {', '.join(expected) or '(none)'} in "
                    f"state_dict[{key!r}], got {keys or '(none)'}. "
                    f"Pass the state_dict() of another {type_name(self)}."
                )
        for name, column in state.items():
            if len(column) != len(self.parameters):
                raise ValueError(
                    f"{function}() expected one number for each of the {len(self.parameters)} parameters in "
                    f"state_dict['state'][{name!r}], got {len(column)}. "
                    "Pass the state of an optimizer with as many parameters."
                )
        rows = [
            [convert_number(function, name, state[name][i]) for name in self.state_names]
            for i in range(len(self.parameters))
        ]
        loaded = type(self)(self.parameters, **settings)
        loaded.state = rows
        vars(self).update(vars(loaded))

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={x!r}" for name, x in self.hyperparameters.items())
        return f"{type_name(self)}({len(self.parameters)} parameters, {settings})"


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    >>> w = Value(2.0)
    >>> optimizer = SGD([w], lr=0.01)
    >>> ((w * 5.0 - 12.0) ** 2).backward()
    >>> optimizer.step()
    >>> w.data
    2.2

    Args:
        parameters: An iterable of leaf Values, such as ``model.parameters()``.
        lr: The learning rate, 0 or more and finite.
        momentum: The factor of the momentum buffer in each step, 0 or more.
        dampening: The share of the gradient that is not added to the momentum buffer. The first step is not
            dampened, as in PyTorch.
        weight_decay: A factor; weight_decay · parameter is added to the gradient.
        nesterov: Update by gradient + momentum · buffer instead of the buffer.

    Raises:
        ValueError: If a setting is out of its range, or ``nesterov`` is set without momentum or with
            dampening. See also :class:`Optimizer`.

    Reference: Sutskever et al. (2013), for ``nesterov``.
    """

    rule = staticmethod(momentum_update)
    state_names = ("step", "momentum_buffer")
    hyperparameter_names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
    momentum: float = _setting()
    dampening: float = _setting(-math.inf)
    weight_decay: float = _setting()

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum, self.dampening, self.weight_decay = momentum, dampening, weight_decay
        self.nesterov = bool(nesterov)
        if nesterov and (not momentum or dampening):
            raise ValueError(
                "SGD() expected momentum above 0 and dampening 0 for nesterov=True, got "
                f"momentum={short(momentum)} "
                f"and dampening={short(dampening)}. Set momentum, for example to 0.9, or nesterov=False."
            )

    def step(self) -> None:
        """Update every parameter. If it is interrupted, no parameter changes."""
        if type(self) is not SGD or SGD.rule is not momentum_update or self.momentum or self.weight_decay:
            super().step()
            return
        lr = self._lr
        before = [parameter.data for parameter in self.parameters]
        try:
            for parameter, data in zip(self.parameters, before):  # without state, four times as fast
                parameter.data = sgd_update(data, parameter.grad, lr)
        except BaseException:
            for parameter, data in zip(self.parameters, before):
                parameter.data = data
            raise


class RMSprop(Optimizer):
    """Gradient descent with each gradient divided by its recent root mean square.

    >>> w = Value(2.0)
    >>> optimizer = RMSprop([w], lr=0.01, alpha=0.75)
    >>> ((w * 5.0 - 12.0) ** 2).backward()
    >>> optimizer.step()
    >>> round(w.data, 6)  # 2 + 0.01 · 20 / √(¼ · 20²)
    2.02

    Args:
        parameters: An iterable of leaf Values, such as ``model.parameters()``.
        lr: The learning rate, 0 or more and finite.
        alpha: The decay rate of the mean square, from 0 to below 1.
        eps: A number that is added to the root mean square, 0 or more.
        weight_decay: A factor; weight_decay · parameter is added to the gradient.
        momentum: The factor of the momentum buffer in each step, 0 or more.

    Raises:
        ValueError: If a setting is out of its range. See also :class:`Optimizer`.

    Reference: Hinton (2012).
    """

    rule = staticmethod(rmsprop_update)
    state_names = ("square_avg", "momentum_buffer")
    hyperparameter_names = ("lr", "alpha", "eps", "weight_decay", "momentum")
    alpha: float = _setting(high=1.0)
    eps: float = _setting()
    weight_decay: float = _setting()
    momentum: float = _setting()

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.alpha, self.eps, self.weight_decay, self.momentum = alpha, eps, weight_decay, momentum


class Adam(Optimizer):
    """Adam: momentum combined with RMSprop, both corrected for their start at 0.

    >>> w = Value(2.0)
    >>> optimizer = Adam([w], lr=0.01)
    >>> ((w * 5.0 - 12.0) ** 2).backward()
    >>> optimizer.step()
    >>> round(w.data, 6)  # a first step of lr, for a gradient of any size
    2.01

    Args:
        parameters: An iterable of leaf Values, such as ``model.parameters()``.
        lr: The learning rate, 0 or more and finite.
        betas: The decay rates of the mean and of the mean square, each from 0 to below 1.
        eps: A number that is added to the root mean square, 0 or more.
        weight_decay: A factor; weight_decay · parameter is added to the gradient.

    Raises:
        ValueError: If a setting is out of its range, or ``betas`` are not two numbers. See also
            :class:`Optimizer`.
        TypeError: If ``betas`` is not a sequence.

    Reference: Kingma and Ba (2015).
    """

    rule = staticmethod(adam_update)
    state_names = ("step", "exp_avg", "exp_avg_sq")
    hyperparameter_names = ("lr", "betas", "eps", "weight_decay")
    eps: float = _setting()
    weight_decay: float = _setting()

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.betas = betas
        self.eps, self.weight_decay = eps, weight_decay

    @property
    def betas(self) -> tuple[float, float]:
        """The decay rates of the mean and of the mean square. They may be assigned between steps."""
        return self._betas

    @betas.setter
    def betas(self, betas: tuple[float, float]) -> None:
        if not is_listed(betas) or len(betas) != 2:
            kind = ValueError if is_listed(betas) else TypeError
            raise kind(
                f"{type_name(self)}() expected two numbers for betas, got {type_and_value(betas)}. "
                "Pass the decay rates of the mean and of the mean square, such as (0.9, 0.999)."
            )
        beta1, beta2 = betas
        self._betas = (
            check_range(type_name(self), "betas[0]", beta1, high=1.0),
            check_range(type_name(self), "betas[1]", beta2, high=1.0),
        )


class AdamW(Adam):
    """Adam with decoupled weight decay, which is not divided by the root mean square.

    Each step first multiplies the parameter by 1 − lr · weight_decay, then makes a step of :class:`Adam`.

    Args:
        parameters: An iterable of leaf Values, such as ``model.parameters()``.
        lr: The learning rate, 0 or more and finite.
        betas: The decay rates of the mean and of the mean square, each from 0 to below 1.
        eps: A number that is added to the root mean square, 0 or more.
        weight_decay: The weight decay, 0 or more.

    Raises:
        ValueError: If a setting is out of its range. See also :class:`Adam`.

    Reference: Loshchilov and Hutter (2019).
    """

    rule = staticmethod(adamw_update)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)
