"""The names that code loads, read from its bytecode, and whose code is looked into."""

from __future__ import annotations

import dis
import os
import re
import sysconfig
from functools import cache
from types import CodeType
from typing import NamedTuple

#: Code that loads one of these may read any attribute, by a name that its bytecode does not show.
DYNAMIC = frozenset({
    "__dict__", "__getattribute__", "asdict", "astuple", "attrgetter", "eval", "exec", "getattr",
    "getattr_static", "getmembers", "globals", "locals", "vars",
})  # fmt: skip
#: Functions that read variables by names in a string.
_BY_TEXT = frozenset({"eval", "exec", "globals", "locals", "vars"})

#: Functions that call an object's ``__repr__``, ``__str__`` or ``__format__``.
SHOWING = frozenset({"ascii", "format", "print", "repr", "str"})

#: Functions that compare objects by their ``__eq__``.
_COMPARING = frozenset({"count", "eq", "index", "ne", "remove"})

#: Functions that store or delete an attribute.
_STORING = frozenset({"delattr", "setattr"})

#: Functions that draw from the entropy of the system, and those that do if they are called without a seed.
_ENTROPY = frozenset({
    "SystemRandom", "getrandom", "randbelow", "randbits", "token_bytes", "token_hex", "urandom", "uuid1",
    "uuid4",
})  # fmt: skip
_UNSEEDED = frozenset(
    {"MT19937", "PCG64", "Philox", "Random", "RandomState", "SFC64", "SeedSequence", "default_rng"}
)

#: Installed packages whose functions are not looked into, as those of the standard library.
_LARGE = (
    "IPython", "jax", "jaxlib", "matplotlib", "numba", "numpy", "pandas", "scipy", "sklearn", "sympy",
    "torch",
)  # fmt: skip
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_STDLIB = tuple({os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib")})
_SITE = tuple({os.path.join(sysconfig.get_path(name), "") for name in ("purelib", "platlib")})
_CLOSED = (
    "<frozen ",
    os.path.join(_PACKAGE, ""),
    *(os.path.join(site, name, "") for site in _SITE for name in _LARGE),
)


class Names(NamedTuple):
    """The names that code loads, with those of the functions and comprehensions inside it."""

    globals: frozenset[str]
    attributes: frozenset[str]
    #: The modules it imports when it runs, with the level of a relative import.
    imports: frozenset[tuple[str, int]]
    #: Functions that draw fresh random numbers, or make a random generator without a seed.
    fresh: frozenset[str]


@cache
def names_in(code: CodeType) -> Names:
    """Return the names that code loads; a string may be the name of an attribute.

    >>> def f(x):
    ...     return x.scale * rate + getattr(x, "bias")
    >>> names = names_in(f.__code__)
    >>> sorted(names.globals), sorted(names.attributes)
    (['getattr', 'rate'], ['bias', 'scale'])
    """
    loaded: set[str] = set()
    attributes: set[str] = set()
    imports: set[tuple[str, int]] = set()
    fresh: set[str] = set()
    before: list[object] = [0, 0]
    is_constant = [False, False]
    called = ""
    for instruction in dis.get_instructions(code):
        name, operation = instruction.argval, instruction.opname
        if operation == "IMPORT_NAME":
            level = before[-2]
            imports.add((name, level if isinstance(level, int) else 0))
        elif operation in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            loaded.add(name)
        elif operation.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER", "IMPORT_FROM")) or (
            operation == "LOAD_CONST" and isinstance(name, str)
        ):
            attributes.add(name)
        elif operation in ("STORE_ATTR", "DELETE_ATTR"):
            attributes.add("__setattr__" if operation == "STORE_ATTR" else "__delattr__")
        elif operation.startswith("FORMAT_"):
            loaded.add("format")
        elif operation == "BINARY_OP" and instruction.argrepr.startswith("%"):
            if not (is_constant[-1] and isinstance(before[-1], (int, float))):  # it may format a string
                loaded.add("format")
        elif operation == "MATCH_CLASS":
            attributes.add("__match_args__")
        elif operation == "COMPARE_OP" and str(name).rstrip(")").endswith(("==", "!=")):
            if not is_constant[-1]:
                attributes.add("__eq__")
        elif operation == "CONTAINS_OP" and not is_constant[-2]:
            attributes.add("__eq__")
        before.append(name)
        is_constant.append(operation.startswith(("LOAD_CONST", "LOAD_SMALL_INT")))
        if operation == "CALL" and called and name == 0:
            fresh.add(called)
        if operation not in ("CACHE", "PRECALL", "PUSH_NULL"):
            called = name if name in _UNSEEDED else ""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = names_in(constant)
            loaded |= inner.globals
            attributes |= inner.attributes
            imports |= inner.imports
            fresh |= inner.fresh
    words = {word for text in attributes for word in re.findall(r"[^\W\d]\w*", text)}
    if not attributes.isdisjoint(("format", "format_map")):  # "{0.name}" reads an attribute
        loaded.add("format")
        attributes |= words
    if not _BY_TEXT.isdisjoint(loaded):
        loaded |= words
    fresh |= _ENTROPY & (loaded | attributes)
    if not _COMPARING.isdisjoint(loaded | attributes):
        attributes.add("__eq__")
    if not _STORING.isdisjoint(loaded):
        attributes |= {"__setattr__", "__delattr__"}
    return Names(frozenset(loaded), frozenset(attributes), frozenset(imports), frozenset(fresh))


@cache
def is_closed(path: str) -> bool:
    """Return True if the code of a file is not looked into: the library's, ours, a large package's.

    >>> is_closed(os.__file__), is_closed("<stdin>")
    (True, False)
    """
    path = os.path.abspath(path) if not path.startswith("<") else path
    return path.startswith(_CLOSED) or (path.startswith(_STDLIB) and not path.startswith(_SITE))


@cache
def is_installed(path: str) -> bool:
    """Return True if a file is part of an installed package."""
    return os.path.abspath(path).startswith(_SITE)
