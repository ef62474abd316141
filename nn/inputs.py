"""What a network is given, read: one sample, or a batch of them; a wrong shape is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from numbers import Real
from typing import Any

from autograd import Value
from autograd.system.messages import short, type_and_value

from .kinds import is_tuple

#: The inputs of one sample: floats, ints, Values, a row of an array.
Inputs = Sequence[Any]

#: What a network is given at once: a list of samples, the rows of an array.
Batch = Sequence[Inputs]


def real(x: Any) -> float:
    """The float nearest to a real number of any kind; TypeError for what is none."""
    if isinstance(x, Real):
        try:
            return float(x)
        except OverflowError:
            pass
    return Value(x).data


def is_listed(x: Any) -> bool:
    """Whether it is something to go through in order: a list, a generator, a row of an array.

    >>> is_listed([1.0]), is_listed("1.0"), is_listed({1.0}), is_listed(Value(1.0))
    (True, False, False, False)
    """
    return hasattr(x, "__iter__") and not isinstance(x, Value | str | Mapping | Set)


def sample_of(x: Any, width: int, what: str, of: str = "inputs") -> Inputs:
    """The inputs as a sequence of the right length; a single number is refused."""
    if not is_listed(x):
        raise TypeError(f"{what} takes a sequence of {width} {of}, not {type_and_value(x)}")
    inputs = x if is_tuple(x) else (*x,)
    if len(inputs) != width:
        raise ValueError(f"{what} takes {width} {of}, but was given {len(inputs)}")
    return inputs


def values_of(x: Any, what: str) -> list[Value]:
    """The numbers of a sample, as Values; a single number is refused."""
    if not is_listed(x):
        raise TypeError(f"{what} takes a sample, a list of numbers, not {type_and_value(x)}")
    return [xi if isinstance(xi, Value) else Value(xi) for xi in x]


def is_batch(x: Any) -> bool:
    """Whether it is a list of samples, and not a sample itself."""
    if isinstance(x, str | Mapping) or not hasattr(x, "__getitem__"):
        return False
    return len(x) > 0 and hasattr(x[0], "__iter__")


def samples_of(batch: Any, what: str) -> list[Inputs]:
    """The samples of a batch; none at all, or a single sample in place of a batch, is refused."""
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
    """The outputs of a layer as it gives them: a single one by itself, several as a list."""
    return outputs[0] if len(outputs) == 1 else [*outputs]
