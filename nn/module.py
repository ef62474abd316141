"""Module: something with parameters. Parameter: a Value that knows its owner."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsFloat

from autograd import Value
from autograd.system.messages import replace_controls, type_and_value, type_name

from .attributes import declared_names, final_attribute, final_names, unknown_attribute
from .kinds import is_dict, is_mapping, is_sequence
from .state import Mismatch, places, taken_over


class Parameter(Value):
    """A number to be learned: a leaf that a :class:`Module` finds among its attributes.

    >>> Parameter(0.5, label="w")
    Parameter(0.5, label='w')

    ``owner`` is the module it is an attribute of, or None while it has none.
    """

    __slots__ = ("_owner",)

    def __init__(self, data: SupportsFloat, label: str = "") -> None:
        super().__init__(data, label)
        self._owner: weakref.ref[Module] | None = None

    @property
    def owner(self) -> Module | None:
        """The module it belongs to. Held weakly: a module and its parameters are no cycle."""
        return None if self._owner is None else self._owner()

    def __getstate__(self) -> object:
        state: Any = super().__getstate__()
        attributes, slots = state
        return attributes, {**slots, "_owner": None}  # the module that is copied with it becomes its owner


def rebuilt(container: Any, items: Iterable[Any]) -> Any:
    """A list or tuple of the same kind, a namedtuple too, with other items."""
    return type(container)(*items) if hasattr(container, "_fields") else type(container)(items)


def _items(prefix: str, attribute: Any) -> Iterator[tuple[str, Any]]:
    """The parameters and modules in an attribute, also within lists, tuples and dicts, with their names."""
    if isinstance(attribute, (Parameter, Module)):  # half the time of a union
        yield prefix, attribute
    elif is_sequence(attribute):
        for i, item in enumerate(attribute):
            if type(item) is Parameter:
                yield f"{prefix}.{i}", item
            else:
                yield from _items(f"{prefix}.{i}", item)
    elif is_dict(attribute):
        for key, item in attribute.items():
            yield from _items(f"{prefix}.{key}", item)


class Module:
    """Something with parameters, found among its attributes and those of the modules in them.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Parameter(2.0), Parameter(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line(3.0).data, [name for name, _ in line.named_parameters()]
    (7.0, ['slope', 'offset'])

    A module may have any attributes. Those of a class defined with ``fixed_attributes=True``, as every
    layer of ``nn`` is, are the ones that it annotates or defines; assigning another one raises
    AttributeError. Subclasses of such a class may have any attributes again.
    """

    #: Whether it is being trained; see :meth:`train` and :meth:`eval`.
    training: bool = True
    #: Attributes that belong to the state but are not learned, such as a running mean: numbers, or lists.
    _buffers: ClassVar[tuple[str, ...]] = ()
    #: Former names of attributes and the names that replace them. A state with a former name is rejected.
    _former_names: ClassVar[Mapping[str, str]] = {}
    #: The names that may be assigned, and those of them that may be assigned once. None: any name.
    _fixed_names: ClassVar[frozenset[str] | None] = None
    _final_names: ClassVar[frozenset[str]] = frozenset()
    _owner: weakref.ref[Module] | None = None

    def __init_subclass__(cls, *, fixed_attributes: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._fixed_names = declared_names(cls) if fixed_attributes else None
        cls._final_names = final_names(cls) if fixed_attributes else frozenset()

    @property
    def owner(self) -> Module | None:
        """The module it is an attribute of, as a neuron of its layer; None for the outermost."""
        return None if self._owner is None else self._owner()

    def _assign(self, name: str, attribute: Any) -> None:
        """Assign an attribute, and make this module the owner of the parameters and modules in it."""
        if self._fixed_names is not None:
            if name not in self._fixed_names:
                raise unknown_attribute(self, name, self._former_names)
            if name in self._final_names and name in self.__dict__:
                raise final_attribute(self, name)
        object.__setattr__(self, name, attribute)
        for _, item in _items(name, attribute):
            object.__setattr__(item, "_owner", weakref.ref(self))

    if not TYPE_CHECKING:  # a type checker that finds a __setattr__ accepts any attribute
        __setattr__ = _assign

    def __getstate__(self) -> dict[str, Any]:
        return {name: attribute for name, attribute in self.__dict__.items() if name != "_owner"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, attribute in state.items():
            for _, item in _items(name, attribute):
                if item.owner is None:  # what a shallow copy shares stays with the original
                    object.__setattr__(item, "_owner", weakref.ref(self))

    def modules(self) -> list[Module]:
        """Itself and every module inside it, each once, outer ones first."""
        return [module for _, module in self._named_modules("", set())]

    def _named_modules(self, prefix: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        seen.add(id(self))
        yield prefix, self
        for name, attribute in self.__dict__.items():
            for item_name, item in _items(f"{prefix}{name}", attribute):
                if isinstance(item, Module) and id(item) not in seen:
                    yield from item._named_modules(f"{item_name}.", seen)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its name, such as ``layers.0.neurons.2.b``; each once, in order."""
        seen: set[Parameter] = set()
        for module_name, module in self._named_modules(f"{prefix}." if prefix else "", set()):
            for name, attribute in module.__dict__.items():
                for item_name, item in _items(f"{module_name}{name}", attribute):
                    if isinstance(item, Parameter) and item not in seen:
                        seen.add(item)
                        yield item_name, item

    def parameters(self) -> list[Parameter]:
        """Every parameter, each once; a module's own before those of the modules in it."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, float]]:
        """Every number that is kept but not learned, with its name, such as ``norm.running_mean.0``."""
        for name, container, key in self._buffer_places(f"{prefix}." if prefix else ""):
            yield name, container[key]

    def _buffer_places(self, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
        for module_name, module in self._named_modules(prefix, set()):
            for name in module._buffers:
                yield from places(f"{module_name}{name}", module.__dict__, name)

    def state_dict(self) -> dict[str, float]:
        """The numbers of all parameters and buffers by name: all there is to keep of a model.

        >>> from nn import Neuron
        >>> sorted(Neuron(2).state_dict())
        ['b', 'w.0', 'w.1']

        They are copies: the training that goes on does not change them. What it is built of (the widths,
        the activation) is code, and not among them.
        """
        state: dict[str, float] = {}
        parameters = ((name, parameter.data) for name, parameter in self.named_parameters())
        for name, number in chain(parameters, self.named_buffers()):
            if name in state:  # as of {"a.b": p} beside {"a": {"b": q}}
                raise ValueError(f"two numbers of this {type_name(self)} are both named {name!r}")
            state[name] = number
        return state

    def load_state_dict(self, state: Mapping[str, SupportsFloat], strict: bool = True) -> Mismatch:
        """Take over the numbers of a state, as given by :meth:`state_dict`; all of them or none.

        Raises RuntimeError, as PyTorch does, if names are missing or unexpected. With ``strict=False``
        what fits is taken over; in either case the names that do not fit are given back. Gradients stay.
        """
        own, renamed = self.state_dict(), self._renamed_attributes()
        new, mismatch = taken_over(state, own, strict, type_name(self), renamed)
        try:
            self._write(new)
        except BaseException:  # interrupted: it is done all the same
            self._write(new)
            raise
        return mismatch

    def _renamed_attributes(self) -> dict[str, str]:
        """Return the former names of attributes, with their paths from this module, and the names now."""
        return {
            prefix + former: prefix + now
            for prefix, module in self._named_modules("", set())
            for former, now in module._former_names.items()
        }

    def _write(self, state: Mapping[str, float]) -> None:
        for name, parameter in self.named_parameters():
            if name in state:
                parameter.data = state[name]
        for name, container, key in self._buffer_places():
            if name in state:
                container[key] = state[name]

    def zero_grad(self) -> None:
        """Set every gradient to 0.0, before the backward pass of the next step."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Switch it and every module in it to training (or, with False, out of it); gives itself."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch it and every module in it to evaluation; gives itself."""
        return self.train(False)

    def extra_repr(self) -> str:
        """What its repr says in brackets, if it has no modules in it."""
        return ""

    def __repr__(self) -> str:
        lines: list[str] = []
        for name, attribute in self.__dict__.items():
            for item_name, item in _items(name, attribute):
                if isinstance(item, Module):
                    inner = repr(item).replace("\n", "\n  ")
                    lines.append(f"  ({replace_controls(item_name)}): {inner}")
        inside = "\n" + "\n".join(lines) + "\n" if lines else replace_controls(self.extra_repr(), keep="\n")
        return f"{type_name(self)}({inside})"


def functional_call(module: Any, parameters: Any, *inputs: Any) -> Any:
    """What ``module(*inputs)`` would be if its parameters were these; the module is left as it was.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Parameter(2.0)
    ...     def __call__(self, x):
    ...         return self.slope * x
    >>> functional_call(Line(), {"slope": Value(10.0)}, 3.0).data
    30.0

    ``parameters`` maps names, as in ``named_parameters()``, to Values or numbers; one that is left
    out keeps its own. Raises KeyError for a name the module does not have. The Values may be
    computed, so that a gradient flows through an update of the parameters. The parameters are
    exchanged for the time of the call, so not for several threads on one module.
    """
    if not isinstance(module, Module):
        raise TypeError(f"functional_call() takes a Module, not {type_and_value(module)}")
    if not is_mapping(parameters):
        raise TypeError(
            "parameters map names to Values, as dict(model.named_parameters()) does, not "
            f"{type_name(parameters)}"
        )
    own = dict(module.named_parameters())
    unknown = [name for name in parameters if name not in own]
    if unknown:
        raise KeyError(
            f"{type_name(module)} has no parameter {unknown[0]!r}; it has {replace_controls(', '.join(own))}"
        )
    replaced = {
        own[name]: value if isinstance(value, Value) else Value(value) for name, value in parameters.items()
    }
    kept: list[tuple[dict[str, Any], str, Any]] = []
    try:
        _exchange(module, replaced, kept)
        call: Any = module
        return call(*inputs)
    finally:
        for attributes, name, attribute in kept:
            attributes[name] = attribute


def _exchange(
    module: Module, replaced: dict[Any, Value], kept: list[tuple[dict[str, Any], str, Any]]
) -> None:
    """Put other parameters into a module, and note in ``kept`` what was there."""
    for inner in module.modules():
        for name, attribute in list(inner.__dict__.items()):
            if (other := _replaced(attribute, replaced)) is not attribute:
                kept.append((inner.__dict__, name, attribute))
                inner.__dict__[name] = other


def _replaced(attribute: Any, replaced: dict[Any, Value]) -> Any:
    """The attribute with other parameters; what holds none, and every module, stays the object it is."""
    if isinstance(attribute, Parameter):
        return replaced.get(attribute, attribute)
    if is_sequence(attribute):
        items = [_replaced(item, replaced) for item in attribute]
        same = all(item is kept for item, kept in zip(items, attribute))
        return attribute if same else rebuilt(attribute, items)
    if is_dict(attribute):
        values = {key: _replaced(item, replaced) for key, item in attribute.items()}
        return attribute if all(values[key] is item for key, item in attribute.items()) else values
    return attribute
