"""The names that code loads, read from its bytecode, and whose code is looked into."""

from __future__ import annotations

import dis
import os
import re
import sysconfig
from functools import cache
from types import CodeType
from typing import Any, NamedTuple

#: Code that loads one of these may read any attribute, by a name that its bytecode does not show.
DYNAMIC = frozenset({
    "__dict__", "__getattribute__", "asdict", "astuple", "attrgetter", "dir", "eval", "exec", "getattr",
    "getattr_static", "getmembers", "globals", "hasattr", "locals", "methodcaller", "vars",
})  # fmt: skip
#: Those that read one attribute, by a name that is often a constant.
_ACCESS = frozenset({"getattr", "hasattr"})
#: Those that may read any variable of the module.
ANY_VARIABLE = frozenset({"eval", "exec", "globals"})
#: Functions that read variables by names in a string.
_BY_TEXT = frozenset({"eval", "exec", "globals", "locals", "vars"})

#: Functions that call an object's ``__repr__``, ``__str__`` or ``__format__``.
SHOWING = frozenset({
    "ascii", "format", "pformat", "pp", "pprint", "print", "repr", "safe_substitute", "str", "substitute",
})  # fmt: skip

#: Functions that compare objects by their ``__eq__``.
COMPARING = frozenset({"count", "countOf", "eq", "groupby", "index", "indexOf", "ne", "remove"})

#: Stands for a comparison with something else than a constant.
EQUAL = "=="
#: Functions that read the clock if they are called with no more than so many arguments.
CLOCKS = {"asctime": 0, "ctime": 0, "gmtime": 0, "localtime": 0, "strftime": 1}
#: Stands for a call of one of them that reads the clock, or that may.
UNTIMED = "()"
#: Instructions between those that load and call.
_NO_EFFECT = ("CACHE", "EXTENDED_ARG", "NOP", "NOT_TAKEN", "PRECALL", "PUSH_NULL", "RESUME")
#: Instructions that load something with a name that is known elsewhere too: not a local variable.
_NAMED = ("LOAD_ATTR", "LOAD_CLASSDEREF", "LOAD_DEREF", "LOAD_GLOBAL", "LOAD_METHOD", "LOAD_NAME")

#: Instructions that load an argument of a call.
_LOADING = ("LOAD_", "KW_NAMES", "PUSH_NULL")

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
    #: What it loads of DYNAMIC, and uses with a name that is not a constant.
    dynamic: frozenset[str]
    #: The attributes with the variable or attribute that they are loaded from; "" for another expression.
    pairs: frozenset[tuple[str, str]]


class _Access:
    """Follows calls of ``getattr`` and ``hasattr``, and finds whether the name is a constant."""

    def __init__(self) -> None:
        self.constants: set[str] = set()
        #: The functions that are called with another name than a constant.
        self.dynamic: set[str] = set()
        self._function = self._name = ""
        self._has_object = False
        #: How many entries of the stack lie above the constant.
        self._above = 0

    def follow(self, instruction: dis.Instruction) -> None:
        """Take the next instruction."""
        name, operation, count = instruction.argval, instruction.opname, instruction.arg or 0
        if self._name:
            if operation in ("CALL", "PRECALL") and count == self._above + 2:
                self.constants.add(self._name)
                self._function = self._name = ""
            else:
                self._take_default(instruction)
        elif operation in _NO_EFFECT:
            return
        elif self._function:
            if self._has_object and operation == "LOAD_CONST" and isinstance(name, str):
                self._name, self._above = name, 0
            elif (
                operation == "LOAD_CONST"
                or not operation.startswith("LOAD_")
                or (self._has_object and operation != "LOAD_ATTR")
            ):
                self._give_up()
            self._has_object = bool(self._function)
        if operation == "LOAD_GLOBAL" and name in _ACCESS and not self._function:
            self._function, self._has_object = name, False

    def _take_default(self, instruction: dis.Instruction) -> None:
        """Count what is pushed after the constant; an operation on the constant computes another name."""
        effect = dis.stack_effect(instruction.opcode, instruction.arg, jump=False)
        is_jump = instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs
        if is_jump or (
            effect <= 0 and self._above - (1 - effect) < 0 and instruction.opname not in _NO_EFFECT
        ):
            self._give_up()
        self._above += effect

    def _give_up(self) -> None:
        self.dynamic.add(self._function)
        self._function = self._name = ""


class _Clocks:
    """Follows calls of functions in CLOCKS, and finds those that pass no time, or may pass none."""

    def __init__(self) -> None:
        self.untimed: set[str] = set()
        #: Those that are loaded and not yet called.
        self._functions: list[str] = []

    def follow(self, instruction: dis.Instruction) -> None:
        """Take the next instruction that has an effect."""
        name, operation = instruction.argval, instruction.opname
        is_loaded = isinstance(name, str) and name in CLOCKS and operation.startswith(_NAMED)
        if self._functions and operation == "CALL":
            function = self._functions.pop()
            if instruction.arg == CLOCKS[function]:
                self.untimed.add(function)
        elif not operation.startswith(_LOADING):  # it may not be a call
            self.untimed.update(self._functions)
            self._functions.clear()
        if is_loaded:
            self._functions.append(name)


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
    dynamic: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    owner = ""
    access = _Access()
    before: list[object] = [0, 0]
    is_constant = [False, False]
    called = ""
    clocks = _Clocks()
    for instruction in dis.get_instructions(code):
        name, operation = instruction.argval, instruction.opname
        access.follow(instruction)
        if operation in _NO_EFFECT:
            continue
        if operation == "IMPORT_NAME":
            level = before[-2]
            imports.add((name, level if isinstance(level, int) else 0))
        elif operation in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            loaded.add(name)
        elif operation.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER", "IMPORT_FROM")) or (
            operation == "LOAD_CONST" and isinstance(name, str)
        ):
            attributes.add(name)
            if operation != "LOAD_CONST":
                pairs.add((owner, name))
            if name in ("format", "format_map") and not (is_constant[-1] and isinstance(before[-1], str)):
                dynamic.add("format")
        elif operation in ("STORE_ATTR", "DELETE_ATTR"):
            attributes.add("__setattr__" if operation == "STORE_ATTR" else "__delattr__")
        elif operation.startswith("FORMAT_"):
            loaded.add("format")
        elif operation == "BINARY_SUBSCR":
            attributes.add("__class_getitem__")
        elif operation == "BINARY_OP" and instruction.argrepr.startswith("%"):
            if not (is_constant[-1] and isinstance(before[-1], (int, float))):  # it may format a string
                loaded.add("format")
        elif operation == "BINARY_OP" and instruction.argrepr.startswith("["):
            attributes.add("__class_getitem__")
        elif operation == "MATCH_CLASS":
            keywords: Any = before[-1]  # of C(kind="a"): ("kind",)
            attributes |= {"__match_args__", *keywords}
            pairs |= {("", keyword) for keyword in keywords}
        elif operation == "COMPARE_OP" and str(name).rstrip(")").endswith(("==", "!=")):
            attributes |= {"__eq__"} if is_constant[-1] else {"__eq__", EQUAL}
        elif operation == "CONTAINS_OP":
            attributes |= {"__eq__"} if is_constant[-2] else {"__eq__", EQUAL}
        owner = name if operation.startswith(_NAMED) and isinstance(name, str) else ""
        before.append(name)
        is_constant.append(operation.startswith(("LOAD_CONST", "LOAD_SMALL_INT")))
        if operation == "CALL" and called and name == 0:
            fresh.add(called)
        called = name if isinstance(name, str) and name in _UNSEEDED else ""
        clocks.follow(instruction)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = names_in(constant)
            loaded |= inner.globals
            attributes |= inner.attributes
            imports |= inner.imports
            fresh |= inner.fresh
            dynamic |= inner.dynamic
            pairs |= inner.pairs
    words = {word for text in attributes for word in re.findall(r"[^\W\d]\w*", text)}
    if not attributes.isdisjoint(("format", "format_map")):  # "{0.name}" reads an attribute
        loaded.add("format")
        attributes |= words
    if not _BY_TEXT.isdisjoint(loaded):
        loaded |= words
    fresh |= _ENTROPY & (loaded | attributes)
    if not COMPARING.isdisjoint(loaded | attributes):
        attributes |= {"__eq__", EQUAL}
    if not _STORING.isdisjoint(loaded):
        attributes |= {"__setattr__", "__delattr__"}
    dynamic |= access.dynamic | ((DYNAMIC - _ACCESS) & (loaded | attributes)) | (_ACCESS & attributes)
    pairs |= {("", name) for name in access.constants} | {(UNTIMED, name) for name in clocks.untimed}
    return Names(
        frozenset(loaded), frozenset(attributes), frozenset(imports), frozenset(fresh), frozenset(dynamic),
        frozenset(pairs),
    )  # fmt: skip


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
