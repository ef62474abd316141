"""Fixed attributes: the names that a layer has, and the errors that a wrong name raises."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

from autograd.system.messages import class_name, type_name


def declared_names(kind: type) -> frozenset[str]:
    """Return the names that a class and its bases annotate or define.

    >>> class Point:
    ...     x: float
    ...     def length(self): ...
    >>> {"x", "length"} <= declared_names(Point), "y" in declared_names(Point)
    (True, False)
    """
    return frozenset(name for base in kind.__mro__ for name in (*inspect.get_annotations(base), *vars(base)))


def final_names(kind: type) -> frozenset[str]:
    """Return the names that a class and its bases annotate as ``Final``: they are assigned once."""
    return frozenset(
        name
        for base in kind.__mro__
        for name, annotation in inspect.get_annotations(base).items()
        if str(annotation).startswith(("Final", "typing.Final"))
    )


def unknown_attribute(layer: object, name: str, renamed: Mapping[str, str]) -> AttributeError:
    """Return the error for an attribute that a layer does not have, with a remedy."""
    kind = type(layer)
    options = inspect.signature(kind).parameters
    if name in renamed:
        remedy = f"Use its name {renamed[name]!r}."
    elif name == "nonlin" and "activation" in options:
        remedy = _nonlin_remedy(kind)
    elif name in options:
        remedy = f"Pass {name} to {class_name(kind)}() when you build it."
    else:
        remedy = f"Use one of {_listed(kind)}, or subclass {class_name(kind)} to add others."
    return AttributeError(f"{class_name(kind)} has no attribute {name!r}. {remedy}", name=name, obj=layer)


def final_attribute(layer: object, name: str) -> AttributeError:
    """Return the error for an attribute that is fixed when the layer is built."""
    kind = type_name(layer)
    return AttributeError(f"{kind}.{name} is fixed when the layer is built. Build another {kind}.")


def unknown_option(kind: type, unknown: Iterable[str]) -> TypeError:
    """Return the error for a keyword argument that a layer does not take, with a remedy.

    Layers take ``**unknown`` for this message alone. For micrograd's ``nonlin`` it names the replacement.

    >>> from nn import Neuron
    >>> Neuron(3, sed=0)
    Traceback (most recent call last):
    TypeError: Neuron() got an unexpected keyword argument 'sed'. Use one of nin, activation, fused, seed.
    """
    name = next(iter(unknown))
    options = [option for option in inspect.signature(kind).parameters if option != "unknown"]
    remedy = _nonlin_remedy(kind) if name == "nonlin" else f"Use one of {', '.join(options)}."
    return TypeError(f"{class_name(kind)}() got an unexpected keyword argument {name!r}. {remedy}")


def _nonlin_remedy(kind: type) -> str:
    """Return the remedy for micrograd's ``nonlin``."""
    return f'Set activation, for example {class_name(kind)}(..., activation="linear").'


def _listed(kind: type) -> str:
    """Return the public attributes of a class that may be assigned, as a list in words."""
    names = sorted(
        name
        for name in declared_names(kind) - final_names(kind) - {"owner"}
        if not name.startswith("_") and not callable(getattr(kind, name, None))
    )
    return ", ".join(names)
