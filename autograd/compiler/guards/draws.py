"""Random generators: whether a function draws from one, and how to undo the draw."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple


class Generator(NamedTuple):
    """A random generator: what it is called in messages, and how its state is read and written."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], None]


def generator_of(x: Any, name: str) -> Generator | None:
    """Return how to read and write the state of a generator; None for any other object.

    >>> rng = random.Random(0)
    >>> found = generator_of(rng, "rng")
    >>> before = found.read()
    >>> _ = rng.random()
    >>> found.read() == before
    False
    """
    if isinstance(x, random.Random):
        if isinstance(x, random.SystemRandom):
            return Generator(name, object, _nothing)  # it has no state: any use may be a draw
        return Generator(name, x.getstate, x.setstate)
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        if isinstance(x, numpy.random.RandomState):
            return Generator(name, x.get_state, x.set_state)
        bits = x.bit_generator if isinstance(x, numpy.random.Generator) else x
        if isinstance(bits, numpy.random.BitGenerator):
            return Generator(name, partial(getattr, bits, "state"), partial(setattr, bits, "state"))
    if torch is not None and isinstance(x, torch.Generator):
        return Generator(name, x.get_state, x.set_state)
    return None


def _nothing(state: object) -> None:
    pass


def global_generators() -> list[Generator]:
    """Return the generators of the random, NumPy and PyTorch modules, as far as they are imported."""
    generators = [Generator("random", random.getstate, random.setstate)]
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if (legacy := getattr(numpy, "random", None)) is not None:
        generators.append(Generator("numpy.random", legacy.get_state, legacy.set_state))
    if torch is not None:
        generators.append(Generator("torch", torch.get_rng_state, torch.set_rng_state))
    return generators


class Draws:
    """Notices draws from generators, and undoes them.

    >>> draws = Draws([])
    >>> _ = random.random()
    >>> draws.find_source()
    'random'
    >>> draws.undo()
    >>> draws.find_source()
    """

    def __init__(self, generators: Iterable[Generator]) -> None:
        self.generators = [*global_generators(), *generators]
        self.states = [generator.read() for generator in self.generators]
        self._before = [*map(_comparable, self.states)]

    def find_source(self) -> str | None:
        """Return the name of a generator whose state has changed; None if there is none."""
        for generator, before in zip(self.generators, self._before):
            if _comparable(generator.read()) != before:
                return generator.name
        return None

    def undo(self) -> None:
        """Give every generator the state it had."""
        for generator, state in zip(self.generators, self.states):
            generator.write(state)


def _comparable(state: Any) -> Any:
    if type(state) is object:
        return state
    return pickle.dumps(state.tolist() if hasattr(state, "tolist") else state)
