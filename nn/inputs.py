"""The inputs of a network, one sample or a batch: they are read, and a wrong shape raises an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from numbers import Real
from typing import Any

from autograd import Value
from autograd.system.messages import short, type_and_value

from .kinds import is_tuple

#: The inputs of one sample: floats, ints, Values, a row of an array.
Inputs = Sequence[Any]

#: The samples of one call: a list of samples, the rows of an array.
Batch = Sequence[Inputs]


def real(x: Any) -> float:
    """Return the float nearest to a real number of any kind; raise TypeError for any other object."""
    if isinstance(x, Real):
        try:
            return float(x)
        except OverflowError:
            pass
    return Value(x).data


def is_listed(x: Any) -> bool:
    """Return True for an ordered iterable: a list, a generator, a row of an array.

    >>> is_listed([1.0]), is_listed("1.0"), is_listed({1.0}), is_listed(Value(1.0))
    (True, False, False, False)
    """
    return hasattr(x, "__iter__") and not isinstance(x, Value | str | Mapping | Set)


def read_sample(function: str, name: str, x: Any, width: int) -> Inputs:
    """Return the inputs as a sequence of length ``width``; raise an error for any other input."""
    if not is_listed(x):
        raise TypeError(
            f"{function}() expected a sequence of {_count(width)} for {name}, got {type_and_value(x)}. "
            "Put the numbers into a list."
        )
    inputs = x if is_tuple(x) else (*x,)
    if len(inputs) != width:
        remedy = "Call it once for each sample" if is_batch(inputs) else f"Pass {_count(width)}"
        raise ValueError(
            f"{function}() expected {_count(width)} for {name}, got {type_and_value(x)} of length "
            f"{len(inputs)}. {remedy}."
        )
    return inputs


def _count(width: int) -> str:
    return f"{width} number{'' if width == 1 else 's'}"


def read_values(function: str, x: Any) -> list[Value]:
    """Return the numbers of a sample as Values; raise TypeError for a single number."""
    if not is_listed(x):
        raise TypeError(
            f"{function}() expected a sample or a list of samples for x, got {type_and_value(x)}. "
            "Put the number into a list."
        )
    return [
        xi if isinstance(xi, Value) else Value(read_number(function, f"x[{i}]", xi)) for i, xi in enumerate(x)
    ]


def read_number(function: str, name: str, x: Any) -> float:
    """Return a real number of any kind as a float; raise TypeError for any other object."""
    try:
        return real(x)
    except TypeError:
        remedy = "Call it once for each sample" if is_listed(x) else "Pass a float, an int or a Value"
        raise TypeError(
            f"{function}() expected a real number for {name}, got {type_and_value(x)}. {remedy}."
        ) from None


def check_numbers(function: str, name: str, inputs: Inputs) -> None:
    """Raise TypeError if an input is neither a Value nor a real number."""
    for i, x in enumerate(inputs):
        if not isinstance(x, Value):
            read_number(function, f"{name}[{i}]", x)


def is_batch(x: Any) -> bool:
    """Return True for a list of samples, and False for a single sample."""
    if isinstance(x, str | Mapping) or not hasattr(x, "__getitem__"):
        return False
    return len(x) > 0 and hasattr(x[0], "__iter__")


def read_samples(function: str, batch: Any) -> list[Inputs]:
    """Return the samples of a batch; raise an error if it is empty or a single sample."""
    if not is_listed(batch):
        raise TypeError(
            f"{function}() expected a list of samples for batch, got {type_and_value(batch)}. "
            "For a single sample x, pass [x]."
        )
    samples: list[Inputs] = [*batch]
    if not samples:
        raise ValueError(
            f"{function}() expected at least one sample in batch, got {type_and_value(batch)}. Add a sample."
        )
    for i, sample in enumerate(samples):
        if isinstance(sample, Value | str) or not hasattr(sample, "__iter__"):
            raise TypeError(
                f"{function}() expected a list of samples for batch, got batch[{i}] = {short(sample)}. "
                "For a single sample x, pass [x]."
            )
    return samples


def unwrap_single(outputs: Inputs) -> Value | list[Value]:
    """Return the outputs of a layer: the Value itself if there is one, otherwise a list."""
    return outputs[0] if len(outputs) == 1 else [*outputs]
