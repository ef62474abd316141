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


def sample_of(x: Any, width: int, what: str, of: str = "inputs") -> Inputs:
    """Return the inputs as a sequence of length ``width``; raise an error for any other input."""
    if not is_listed(x):
        raise TypeError(f"{what} takes a sequence of {width} {of}, not {type_and_value(x)}")
    inputs = x if is_tuple(x) else (*x,)
    if len(inputs) != width:
        raise ValueError(f"{what} takes {width} {of}, but was given {len(inputs)}")
    return inputs


def values_of(x: Any, what: str) -> list[Value]:
    """Return the numbers of a sample as Values; raise TypeError for a single number."""
    if not is_listed(x):
        raise TypeError(f"{what} takes a sample, a list of numbers, not {type_and_value(x)}")
    return [xi if isinstance(xi, Value) else Value(xi) for xi in x]


def is_batch(x: Any) -> bool:
    """Return True for a list of samples, and False for a single sample."""
    if isinstance(x, str | Mapping) or not hasattr(x, "__getitem__"):
        return False
    return len(x) > 0 and hasattr(x[0], "__iter__")


def samples_of(batch: Any, what: str) -> list[Inputs]:
    """Return the samples of a batch; raise an error if it is empty or a single sample."""
    if not is_listed(batch):
        raise TypeError(f"{what} takes a batch, a list of samples, not {type_and_value(batch)}")
    samples: list[Inputs] = [*batch]
    if not samples:
        raise ValueError(f"{what} was given an empty batch: give it at least one sample")
    for sample in samples:
        if isinstance(sample, Value | str) or not hasattr(sample, "__iter__"):
            raise TypeError(
                f"{what} takes a batch, a list of samples, but {short(sample)} is no sample; "
                "of a single sample x make the batch [x]"
            )
    return samples


def bare(outputs: Inputs) -> Value | list[Value]:
    """Return the outputs of a layer: the Value itself if there is one, otherwise a list."""
    return outputs[0] if len(outputs) == 1 else [*outputs]
