"""Parameters whose numbers stay in one array between the calls of a compiled step.

If each call wrote data and gradient to every parameter, that would take several times as long as the step
of a wide network itself. Therefore a resident parameter has a class in which ``_data`` and ``_grad`` are
properties. The first access, in any thread, gives the parameter its numbers and its own class back. The next
step reads the number again, and the parameter is resident again after it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property
from threading import RLock
from typing import Any

from ..value import Value
from .backends.python import Row
from .record.arguments import as_floats

#: The slots themselves, which a resident class hides behind properties.
_DATA, _GRAD = vars(Value)["_data"], vars(Value)["_grad"]
#: The class of an object, which is set without a ``__setattr__`` that a subclass may define.
_CLASS: Any = vars(object)["__class__"]


def numbers_of(leaves: Iterable[Value]) -> array[float]:
    """Return the current numbers of leaves; resident parameters stay resident."""
    listed = [*leaves]
    homes = {kind: home for kind in {*map(type, listed)} if (home := _residence_of(kind)) is not None}
    if not homes:
        return as_floats([leaf._data for leaf in listed])
    return as_floats(
        [home.number(leaf) if (home := homes.get(type(leaf))) else leaf._data for leaf in listed]
    )


class Residence:
    """The numbers of the parameters of a step: one array for all its programs."""

    def __init__(self, parameters: list[Value]) -> None:
        self.parameters = parameters
        self._numbers = array("d")
        self._gradients: Sequence[float] | Row = ()
        #: The indices of the parameters that have their own numbers; none has been resident so far.
        self._released: list[int] = [*range(len(parameters))]
        self._classes: dict[type, type | None] = {}
        self._lock = RLock()

    @cached_property
    def _places(self) -> dict[Value, int]:
        return {parameter: i for i, parameter in enumerate(self.parameters)}

    def read(self) -> array[float]:
        """Return the numbers of all parameters, for a program that must not change the array."""
        if len(self._released) == len(self.parameters):
            self._numbers = numbers_of(self.parameters)
        else:
            for i in self._released:
                self._numbers[i] = self.parameters[i]._data
        return self._numbers

    def store(self, data: Row, gradients: Sequence[float] | Row) -> None:
        """Store what a program returned. All parameters become resident, except those that cannot."""
        # A copy: an interrupted run leaves other numbers in the memory of its program.
        memoryview(self._numbers)[:] = memoryview(data)
        self._gradients = gradients
        # Ctrl-C may interrupt the loop, and a thread may release parameters meanwhile: the list stays as it
        # is until all are resident, and then keeps what was added.
        released, count, others = self._released, len(self._released), list[int]()
        for i in released[:count]:
            parameter = self.parameters[i]
            kind = type(parameter)
            if (home := _residence_of(kind)) is self:
                continue  # before Ctrl-C interrupted it
            if home is not None:
                parameter._grad = 0.0  # the other step releases it
                kind = type(parameter)
            if kind not in self._classes:
                self._classes[kind] = _resident_class(kind, self)
            if (inside := self._classes[kind]) is None:
                others.append(i)
                parameter._data, parameter._grad = self._numbers[i], gradients[i]
            else:
                _CLASS.__set__(parameter, inside)
        released[:count] = others

    def number(self, parameter: Value) -> float:
        """Return the data of a resident parameter, which stays resident."""
        with self._lock:
            return self._numbers[self._places[parameter]] if _is_in(parameter, self) else parameter._data

    def release(self, parameter: Value) -> None:
        """Give a parameter its numbers and its class, if it is resident."""
        with self._lock:
            if not _is_in(parameter, self):
                return  # another thread was first
            i = self._places.get(parameter)
            if i is not None:  # else it is a new Value, made by type(parameter)(…)
                self._released.append(i)
                _DATA.__set__(parameter, self._numbers[i])
                _GRAD.__set__(parameter, self._gradients[i])
            _CLASS.__set__(parameter, type(parameter).__mro__[1])

    def release_all(self) -> None:
        """Release every parameter."""
        for parameter in self.parameters:
            self.release(parameter)


def _residence_of(kind: type) -> Residence | None:
    """Return the residence to which a class belongs, or None for the class of a parameter elsewhere."""
    return getattr(kind, "_residence", None)


def _is_in(parameter: Value, residence: Residence) -> bool:
    return _residence_of(type(parameter)) is residence


def _resident_class(kind: type, residence: Residence) -> type | None:
    """Return a class for resident parameters of a class; None for one that notices its subclasses.

    Parameters with a ``__dict__`` have none either: a guard compares their class.
    """
    notices = type(kind) is not type or any("__init_subclass__" in vars(c) for c in kind.__mro__[:-1])
    if notices or kind.__dictoffset__ != 0:
        return None

    def released(name: str) -> property:
        def read(self: Value) -> Any:
            residence.release(self)
            return getattr(self, name)

        def write(self: Value, number: float) -> None:
            residence.release(self)
            setattr(self, name, number)

        return property(read, write)

    def reduce(self: Value, protocol: Any) -> Any:
        residence.release(self)
        return self.__reduce_ex__(protocol)

    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    members = {"_data": released("_data"), "_grad": released("_grad"), "__reduce_ex__": reduce}
    return type(kind.__name__, (kind,), {**names, **members, "__slots__": (), "_residence": residence})
