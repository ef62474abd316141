"""Module, the base class of layers and models, and Parameter, a Value with an owner."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsFloat

from autograd import Value
from autograd.system.messages import replace_controls, type_and_value, type_name

from .attributes import declared_names, final_attribute, final_names, unknown_attribute
from .checks import check_number
from .kinds import is_dict, is_mapping, is_sequence
from .state import Mismatch, buffer_places, list_names, match_state


class Parameter(Value):
    """A number to be learned: a leaf that a :class:`Module` finds among its attributes.

    >>> Parameter(0.5, label="w")
    Parameter(0.5, label='w')

    Args:
        data: A real number, stored as a float64.
        label: A name for pictures and formulas.

    Raises:
        TypeError: If ``data`` is not a real number.
    """

    __slots__ = ("_owner",)

    def __init__(self, data: SupportsFloat, label: str = "") -> None:
        super().__init__(data, label)
        self._owner: weakref.ref[Module] | None = None

    @property
    def owner(self) -> Module | None:
        """The module that stores this parameter, or None. The reference is weak, to avoid a cycle."""
        return None if self._owner is None else self._owner()

    def __getstate__(self) -> object:
        state: Any = super().__getstate__()
        attributes, slots = state
        return attributes, {**slots, "_owner": None}  # the module that is copied with it becomes its owner


def rebuilt(container: Any, items: Iterable[Any]) -> Any:
    """Return a list, tuple or namedtuple of the type of ``container`` with other items."""
    return type(container)(*items) if hasattr(container, "_fields") else type(container)(items)


def _items(prefix: str, attribute: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parameters and modules in an attribute, also within lists, tuples and dicts, by name."""
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
    """Base class for layers and models. Parameters are collected recursively from its attributes.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Parameter(2.0), Parameter(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line(3.0).data, [name for name, _ in line.named_parameters()]
    (7.0, ['slope', 'offset'])

    A module may have any attributes. If a class is defined with ``fixed_attributes=True``, as every layer of
    ``nn`` is, only the attributes that it annotates or defines can be assigned. Its subclasses may have any
    attributes again.

    Raises:
        AttributeError: If an attribute is assigned that a class with fixed attributes does not have, or if
            an attribute annotated as ``Final`` is assigned again.
    """

    #: True in training mode; see :meth:`train` and :meth:`eval`.
    training: bool = True
    #: Attributes that belong to the state but are not learned, such as a running mean: numbers, or lists.
    _buffers: ClassVar[tuple[str, ...]] = ()
    #: Former names of attributes and the names that replace them. A state with a former name is rejected.
    _former_names: ClassVar[Mapping[str, str]] = {}
    #: The names that may be assigned (None: any name), and those of them that may be assigned once.
    _fixed_names: ClassVar[frozenset[str] | None] = None
    _final_names: ClassVar[frozenset[str]] = frozenset()
    _owner: weakref.ref[Module] | None = None

    def __init_subclass__(cls, *, fixed_attributes: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._fixed_names = declared_names(cls) if fixed_attributes else None
        cls._final_names = final_names(cls) if fixed_attributes else frozenset()

    @property
    def owner(self) -> Module | None:
        """The module that stores this one, such as the layer of a neuron; None for the outermost module."""
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
                if item.owner is None:  # parts shared with a shallow copy keep their owner
                    object.__setattr__(item, "_owner", weakref.ref(self))

    def modules(self) -> list[Module]:
        """Return this module and every module inside it, each once, outer modules first."""
        return [module for _, module in self._named_modules("", set())]

    def _named_modules(self, prefix: str, visited: set[int]) -> Iterator[tuple[str, Module]]:
        visited.add(id(self))
        yield prefix, self
        for name, attribute in self.__dict__.items():
            for item_name, item in _items(f"{prefix}{name}", attribute):
                if isinstance(item, Module) and id(item) not in visited:
                    yield from item._named_modules(f"{item_name}.", visited)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield every parameter with its name, such as ``layers.0.neurons.2.b``; each once, in order.

        Args:
            prefix: A prefix for every name, separated from it by a dot.
        """
        visited: set[Parameter] = set()
        for module_name, module in self._named_modules(f"{prefix}." if prefix else "", set()):
            for name, attribute in module.__dict__.items():
                for item_name, item in _items(f"{module_name}{name}", attribute):
                    if isinstance(item, Parameter) and item not in visited:
                        visited.add(item)
                        yield item_name, item

    def parameters(self) -> list[Parameter]:
        """Return every parameter, each once; a module's own parameters precede those of the modules in it."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, float]]:
        """Yield every number that is stored but not learned, with its name, such as ``norm.running_mean.0``.

        Args:
            prefix: A prefix for every name, separated from it by a dot.
        """
        for name, container, key in self._buffer_places(f"{prefix}." if prefix else ""):
            yield name, container[key]

    def _buffer_places(self, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
        for module_name, module in self._named_modules(prefix, set()):
            for name in module._buffers:
                yield from buffer_places(f"{module_name}{name}", module.__dict__, name)

    def state_dict(self) -> dict[str, float]:
        """Return the numbers of all parameters and buffers by name, which is all that a model needs to save.

        >>> from nn import Neuron
        >>> sorted(Neuron(2).state_dict())
        ['b', 'w.0', 'w.1']

        The numbers are copies, so further training does not change them. The architecture (the widths, the
        activation) is code and is not part of the state.

        Raises:
            ValueError: If two numbers have the same name.
        """
        state: dict[str, float] = {}
        parameters = ((name, parameter.data) for name, parameter in self.named_parameters())
        for name, number in chain(parameters, self.named_buffers()):
            if name in state:  # for example, {"a.b": p} and {"a": {"b": q}} both yield a.b
                raise ValueError(
                    f"{type_name(self)}.state_dict() expected a different name for each number, got two "
                    f"named {name!r}. Rename an attribute or a key of a dict."
                )
            state[name] = number
        return state

    def load_state_dict(self, state: Mapping[str, SupportsFloat], strict: bool = True) -> Mismatch:
        """Replace the numbers of the model by those of a state, all or none. Gradients do not change.

        Args:
            state: Names mapped to numbers, as :meth:`state_dict` returns them.
            strict: Raise if names are missing or unexpected. If False, only the numbers that fit are loaded.

        Returns:
            The names that do not fit, as ``missing_keys`` and ``unexpected_keys``.

        Raises:
            RuntimeError: If ``strict`` is set and names are missing or unexpected, as in PyTorch. A former
                name of an attribute, such as ``weights`` for ``w``, raises in either case.
            TypeError: If ``state`` is not a mapping, or one of its numbers is not a real number.
            ValueError: If a buffer stores an int and the number is not a whole number.
        """
        own, renamed = self.state_dict(), self._renamed_attributes()
        new, mismatch = match_state(state, own, strict, type_name(self), renamed)
        try:
            self._write(new)
        except BaseException:  # interrupted: write all numbers, so that no half of a state remains
            self._write(new)
            raise
        return mismatch

    def _renamed_attributes(self) -> dict[str, str]:
        """Return the former names of attributes with their current names, as paths from this module."""
        return {
            prefix + former: prefix + current
            for prefix, module in self._named_modules("", set())
            for former, current in module._former_names.items()
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
        """Switch this module and every module inside it to training mode.

        Args:
            mode: If False, switch to evaluation mode instead.

        Returns:
            The module itself.
        """
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and every module inside it to evaluation mode, and return the module itself."""
        return self.train(False)

    def extra_repr(self) -> str:
        """Return the text in the parentheses of the repr of a module that has no modules inside."""
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
    """Call a module with other parameters: compute ``module(*inputs)`` and leave the module as it was.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Parameter(2.0)
    ...     def __call__(self, x):
    ...         return self.slope * x
    >>> functional_call(Line(), {"slope": Value(10.0)}, 3.0).data
    30.0

    The Values may be computed, so that a gradient flows through an update of the parameters. The parameters
    are replaced for the duration of the call, so several threads must not use one module.

    Args:
        module: A :class:`Module`.
        parameters: Names, as in ``named_parameters()``, mapped to Values or numbers. A parameter that is
            left out does not change.
        inputs: The arguments of the call.

    Returns:
        The result of the call.

    Raises:
        KeyError: If the module does not have a parameter of that name.
        TypeError: If ``module`` is not a Module, or ``parameters`` is not a mapping.
    """
    if not isinstance(module, Module):
        raise TypeError(
            f"functional_call() expected a Module for module, got {type_and_value(module)}. "
            "Pass a model such as MLP(2, [1])."
        )
    if not is_mapping(parameters):
        raise TypeError(
            f"functional_call() expected a mapping for parameters, got {type_and_value(parameters)}. "
            "Pass names mapped to Values, as in dict(model.named_parameters())."
        )
    own = dict(module.named_parameters())
    unknown = [name for name in parameters if name not in own]
    if unknown:
        raise KeyError(
            f"functional_call() expected names of parameters of this {type_name(module)}, got "
            f"{unknown[0]!r}. Use its names: {list_names([*own])}."
        )
    replaced = {
        own[name]: value
        if isinstance(value, Value)
        else Value(check_number("functional_call", f"parameters[{name!r}]", value))
        for name, value in parameters.items()
    }
    originals: list[tuple[dict[str, Any], str, Any]] = []
    try:
        _exchange(module, replaced, originals)
        call: Any = module
        return call(*inputs)
    finally:
        for attributes, name, attribute in originals:
            attributes[name] = attribute


def _exchange(
    module: Module, replaced: dict[Any, Value], originals: list[tuple[dict[str, Any], str, Any]]
) -> None:
    """Replace the parameters in a module, and add each attribute that was replaced to ``originals``."""
    for inner in module.modules():
        for name, attribute in list(inner.__dict__.items()):
            if (other := _replaced(attribute, replaced)) is not attribute:
                originals.append((inner.__dict__, name, attribute))
                inner.__dict__[name] = other


def _replaced(attribute: Any, replaced: dict[Any, Value]) -> Any:
    """Return an attribute with other parameters; return the same object if nothing in it is replaced."""
    if isinstance(attribute, Parameter):
        return replaced.get(attribute, attribute)
    if is_sequence(attribute):
        items = [_replaced(item, replaced) for item in attribute]
        same = all(item is original for item, original in zip(items, attribute))
        return attribute if same else rebuilt(attribute, items)
    if is_dict(attribute):
        values = {key: _replaced(item, replaced) for key, item in attribute.items()}
        return attribute if all(values[key] is item for key, item in attribute.items()) else values
    return attribute
