"""Everything a function can read from outside: whatever the names in its code lead to."""

from __future__ import annotations

import builtins
import gc
import os
import sys
from abc import ABCMeta
from array import array
from collections import ChainMap, UserDict, UserList, UserString, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from contextvars import ContextVar
from decimal import Decimal
from functools import cache, partial
from importlib.util import find_spec, resolve_name
from numbers import Number
from operator import attrgetter, methodcaller
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    UnionType,
)
from typing import Any, NamedTuple
from weakref import ProxyTypes, ReferenceType, WeakKeyDictionary

from ...primitives import Primitive
from ...user_primitives import added
from ...value import Value
from ..record.arguments import kind_of
from .content import (
    CONTAINERS,
    cached_by,
    content_of,
    has_part,
    is_a,
    is_array,
    is_closed_class,
    is_distinct,
    is_plain,
    may_hold_parameters,
    names_in_library,
    package_of,
    part_of,
    part_of_class,
)
from .draws import Generator, generator_of
from .library import is_loaded, reads_outside, settings_of, starts_threads, state_of
from .names import ANY_VARIABLE, COMPARING, DYNAMIC, EQUAL, SHOWING, is_closed, is_installed, names_in

#: More than so many objects are not looked at, and more that installed packages use.
MOST_OBJECTS, MOST_QUIET = 1_000_000, 200
#: A longer path to an item is cut off.
LONGEST_PATH = 200
#: How far to look into an object: by the names that the code loads; in full; or by names, and without a
#: warning of what cannot be compared: in installed packages (QUIET), and where the name of an attribute is
#: computed, so that it may not be read at all (MAYBE).
NAMED, FULL, QUIET, MAYBE = "named", "full", "quiet", "maybe"
_WARNED = (NAMED, FULL)

#: What never changes, so that its identity says all.
_ATOMS = (
    int, float, complex, bool, str, bytes, type(None), range, slice, type(...), CodeType, Number, UnionType,
)  # fmt: skip
#: Methods that are not called by using an object.
_NOT_USED = frozenset({
    "__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__",
    "__del__", "__setattr__", "__delattr__", "__repr__", "__str__", "__dir__",
    "__sizeof__", "__getstate__", "__setstate__", "__reduce__", "__reduce_ex__",
    "__annotate_func__",
})  # fmt: skip
#: Functions that copy objects, by these methods.
_COPYING = frozenset({"copy", "deepcopy", "dumps", "loads", "replace"})
_WHEN_COPIED = frozenset({
    "__copy__", "__deepcopy__", "__getstate__", "__reduce__", "__reduce_ex__", "__setstate__",
})  # fmt: skip
_WHEN_CONSTRUCTED = frozenset({"__init__", "__new__", "__post_init__"})
#: Functions that read annotations.
_READING_HINTS = frozenset({"get_annotations", "get_type_hints", "signature"})
#: What a class may get later, and what then is called without its name in the code, such as by ``if x:``.
_SPECIAL = frozenset(
    {"__call__", "__enter__", "__exit__", "__getattr__", "__getattribute__", "__missing__"}
).union(
    *[{name for name in vars(kind) if name.startswith("__")} - _NOT_USED for kind in (float, int, list, dict)]
)
#: What makes an object of a class that the code does not name.
_CONSTRUCTING = frozenset({"__class__", "replace", "type"})
#: The parts that wrappers of functions hold.
_PARTS = ("__wrapped__", "__func__", "__self__", "fget", "func", "args", "keywords", "dispatcher")
#: The parts of a function that describe it.
_DESCRIBING = frozenset({"__annotations__", "__doc__", "__module__", "__name__", "__qualname__"})
#: A function with a cache, as :func:`functools.lru_cache` makes it.
_Cached: Any = type(cache(len))
_BUILTINS = vars(builtins)
#: A closed class that has one of these holds data.
_DATA = (
    "__float__", "__array__", "__getitem__", "__iter__", "__next__", "compress", "decompress", "digest",
)  # fmt: skip
#: What holds functions, whose parts are looked into.
_WRAPPERS: Any = (
    MethodType, partial, property, staticmethod, classmethod, type(len), type(str.upper),
    type(object.__init__), type("".__add__),
)  # fmt: skip


class Slot(NamedTuple):
    """A place where something is read: an item or an attribute of its holder."""

    holder: Any
    key: Any
    is_item: bool
    path: str


class Instance(NamedTuple):
    """An object with a ``__dict__``, and the names of the attributes that may be read; None for all.

    If ``is_searched``, the other attributes are searched for parameters and modules.
    """

    holder: Any
    names: frozenset[str] | None
    path: str
    is_searched: bool = False

    def reads(self, name: str, *contents: Any) -> bool:
        """Return True if an attribute may be read that has, or had, such contents."""
        if self.names is None or name in self.names:
            return True
        return self.is_searched and any(map(may_hold_parameters, contents))


class Computed(NamedTuple):
    """Content that is compared as bytes."""

    read: Callable[[], Any]
    path: str
    #: The NumPy array whose content it is, if it is one.
    array: Any = None


class Reach:
    """Everything found from some roots by the names that the code found there loads.

    >>> config = {"rate": 0.5}
    >>> def loss(x):
    ...     return x * config["rate"]
    >>> [path for _, path in Reach.of([("loss", loss)]).contents]
    ['config']
    """

    def __init__(
        self, attributes: set[str], own: set[str], pairs: set[tuple[str, str]], dynamic: set[str]
    ) -> None:
        #: The names of attributes that are loaded somewhere, and those that only ``nn`` loads, of modules.
        self.attributes, self.own = attributes, own
        #: The attributes that the users' code loads, as in :class:`Names`.
        self.pairs = pairs
        #: The packages with code that may load any attribute of their own objects; "" may of any object.
        self.dynamic = dynamic
        self.slots: list[Slot] = []
        self.absent: dict[int, tuple[Mapping[str, Any], set[str]]] = {}
        self.containers: list[tuple[Any, str]] = []
        #: Objects whose class is the users', and may be replaced by another.
        self.objects: list[tuple[Any, str]] = []
        self.instances: list[Instance] = []
        self.contents: list[tuple[Any, str]] = []
        self.computed: list[Computed] = []
        self.generators: list[Generator] = []
        #: The classes by the ids of their tables of attributes, which cannot be written to.
        self.owners: dict[int, tuple[Any, type]] = {}
        #: Functions called that draw fresh random numbers.
        self.fresh: set[str] = set()
        #: What runs code in other threads.
        self.threads: set[str] = set()
        #: What holds data that cannot be compared.
        self.opaque: list[tuple[Any, str]] = []
        #: What is compared by its address, and must not be freed.
        self.references: list[Any] = []
        #: The top-level packages of what was found.
        self._packages: set[str] = set()
        self._seen: dict[int, Any] = {}
        self._quiet, self._is_late = 0, False
        self._places: set[tuple[int, Any]] = set()
        self._classes: set[tuple[type, bool]] = set()
        self._pending: list[tuple[Any, str, str]] = []

    @classmethod
    def of(cls, roots: Iterable[tuple[str, Any]], watch: Iterable[tuple[str, Any]] = ()) -> Reach:
        """Look at what the roots lead to, and at everything in ``watch``, until no name is new."""
        attributes: set[str] = set()
        own: set[str] = set()
        pairs: set[tuple[str, str]] = set()
        dynamic: set[str] = set()
        roots, watch = [*roots], [*watch]
        while True:
            known = len(attributes) + len(own) + len(pairs) + len(dynamic)
            reach = cls(attributes, own, pairs, dynamic)
            reach._pending = [(x, path, NAMED) for path, x in roots] + [(x, path, FULL) for path, x in watch]
            reach._look()
            if known == len(attributes) + len(own) + len(pairs) + len(dynamic):
                return reach

    def _look(self) -> None:
        """Visit what is pending, and in the end the primitives that are called by one of the names."""
        later: list[tuple[Any, str, str]] = []  # objects that may not be read, after all that are
        while self._pending or self._add_primitives() or later:
            if not self._pending:
                self._pending, later = later, []
                self._is_late = True
            x, path, how = self._pending.pop()
            if is_a(x, Value) and kind_of(x).__dictoffset__ == 0 and "label" not in self.attributes:
                continue  # most of what there is: parameters, which are compared by identity
            if how == MAYBE and not self._is_late:
                later.append((x, path, how))
                continue
            if is_a(x, Decimal):
                self._packages.add("decimal")
            if id(x) in self._seen or (is_a(x, *_ATOMS) and is_closed_class(kind_of(x))):
                continue
            if is_a(x, Value):
                self._visit_value(x, path, how)
                continue
            self._seen[id(x)] = x
            if len(self._seen) > MOST_OBJECTS:
                self.opaque.append((x, path))
                return
            self._quiet += how == QUIET
            if how == QUIET and self._quiet > MOST_QUIET:
                continue
            self._visit(x, path, how)
        for package in sorted(self._packages):
            if (settings := settings_of(package, self.attributes)) is not None:
                self.computed.append(
                    Computed(
                        settings, "registered classes" if package == "abc" else f"the settings of {package}"
                    )
                )

    def _add_primitives(self) -> bool:
        new = {name: f for name, f in added.items() if name in self.attributes and id(f) not in self._seen}
        self._pending += [(function, name, NAMED) for name, function in new.items()]
        return bool(new)

    def _visit_value(self, x: Any, path: str, how: str) -> None:
        if "label" in self.attributes:
            self._compare(x, "label", False, f"{path}.label")
        if part_of(x, "__dict__") is not None:
            self._seen[id(x)] = x
            self._visit_object(x, path, how)

    def _visit(self, x: Any, path: str, how: str) -> None:
        if is_a(x, FunctionType, BuiltinFunctionType):
            self._note({x.__name__}, how)  # it may go by another name in the code that calls it
        if is_a(x, BuiltinFunctionType, FunctionType, type):
            self._note_library(x, path, how)
        if (generator := generator_of(x, path)) is not None:
            self.generators.append(generator)
        elif is_a(x, FunctionType):
            self._visit_function(x, path, how)
        elif is_a(x, type):
            self._visit_class(x, path, True, how)
        elif is_a(x, ModuleType):
            self._visit_module(x, path, how)
        elif is_a(x, list, tuple, dict, set, frozenset, deque, bytearray, array) or is_array(x):
            self._visit_container(x, path, how)
        elif is_a(x, Primitive):
            for rule in (x.value, *x.derivatives):
                self._pending.append((rule, path, how))
        elif is_a(x, attrgetter, methodcaller):
            self.attributes.update(*[name.split(".") for name in x.__reduce__()[1] if isinstance(name, str)])
        elif is_a(x, ReferenceType):
            self._pending.append((x(), path, how))
        elif is_a(x, *ProxyTypes):
            with suppress(ReferenceError):  # its object may be gone
                self._pending.append((x.__init__.__self__, path, how))
        elif type(x).__module__ in ("types", "typing") and is_a(getattr(x, "__origin__", None), type):
            self._pending.append((x.__origin__, path, how))
        elif is_a(x, classmethod):  # it may call the class
            self.attributes |= _WHEN_CONSTRUCTED
            self._pending.append((x.__func__, path, how))
        else:
            self._visit_object(x, path, how)

    def _compare(self, holder: Any, key: Any, is_item: bool, path: str) -> None:
        """Add a slot, unless there is one for the same place."""
        if (id(holder), key) not in self._places:
            self._places.add((id(holder), key))
            self.slots.append(Slot(holder, key, is_item, path))

    def _read(self, holder: Any, key: Any, is_item: bool, path: str, how: str = NAMED) -> None:
        """Compare what is in a place, and look into it."""
        self._compare(holder, key, is_item, path)
        self._pending.append((holder[key] if is_item else getattr(holder, key), path, how))

    # Code ---------------------------------------------------------------------------------------------------

    def _visit_function(self, function: FunctionType, path: str, how: str) -> None:
        closed = is_closed(function.__code__.co_filename)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            if _is_filled(cell):
                if closed and is_a(cell.cell_contents, WeakKeyDictionary):
                    continue  # the cache of a singledispatch, of which the registry says all
                if not closed:
                    self._compare(cell, "cell_contents", False, name)
                self._pending.append((cell.cell_contents, name, how))
            elif not closed:
                self.computed.append(Computed(partial(_is_filled, cell), name))
        if (wrapped := getattr(function, "__wrapped__", None)) is not None:
            self._pending.append((wrapped, path, how))
        if closed:
            return
        names = names_in(function.__code__)
        is_of_nn = package_of(function) == "nn" and function.__module__ != "nn.optim.updates"
        if is_of_nn:  # whose functions are not replaced, and read only their own objects
            self.own |= names.attributes
            if "__dict__" in names.attributes:
                self.dynamic.add("nn")
            self._pending += [(function.__globals__.get(name), name, how) for name in sorted(names.globals)]
            return
        self.attributes |= names.attributes
        installed = is_installed(function.__code__.co_filename)
        how = QUIET if installed else how
        if names.dynamic:
            self.dynamic.add(package_of(function) if installed else "")
        if how in _WARNED:
            self.fresh |= names.fresh
            self.pairs |= names.pairs
            self._note((names.globals | names.attributes) - DYNAMIC, how)
        self._compare(function, "__code__", False, path)
        for part in sorted(_DESCRIBING & self.attributes):
            self._read(function, part, False, f"{path}.{part}", how)
        for part in ("__defaults__", "__kwdefaults__"):
            if getattr(function, part):
                self._read(function, part, False, f"{path}.{part}", how)
        for name in sorted(self.attributes & function.__dict__.keys()):
            self._read(function.__dict__, name, True, f"{path}.{name}", how)
        self._add_absent(function, function.__dict__, self.attributes)
        self._visit_globals(function.__globals__, names.globals, how)
        if not installed and not ANY_VARIABLE.isdisjoint(names.dynamic):
            for name in sorted(name for name in function.__globals__ if not name.startswith("_")):
                self._read(function.__globals__, name, True, name, MAYBE)
        for name, level in sorted(names.imports):
            if level:
                name = resolve_name("." * level + name, function.__globals__.get("__package__") or "")
            if name in sys.modules:
                self._read(sys.modules, name, True, name, how)
            elif not installed and not _can_import(name):
                self._add_absent(sys.modules, sys.modules, [name])

    def _note(self, names: Set[str], how: str) -> None:
        """Note what functions of the library read, from their names."""
        if how not in _WARNED:
            return
        if not DYNAMIC.isdisjoint(names):
            self.dynamic.add("")
        if not SHOWING.isdisjoint(names):
            self.attributes |= {"__format__", "__repr__", "__str__"}
        if not COMPARING.isdisjoint(names):
            self.attributes |= {"__eq__", EQUAL}
        if not _READING_HINTS.isdisjoint(names):
            self.attributes.add("__annotations__")
        if not _CONSTRUCTING.isdisjoint(names):
            self.attributes |= _WHEN_CONSTRUCTED
        if not _COPYING.isdisjoint(names):
            self.attributes |= _WHEN_COPIED
        if not names.isdisjoint(("__match_args__", "isinstance", "issubclass")):
            self.attributes.add("isinstance")
        if "getenv" in names:
            self._pending.append((os.environ, "os.environ", how))
        if "__subclasses__" in names:
            self._cannot_compare(type.__subclasses__, "the subclasses of a class")

    def _note_library(self, x: Any, path: str, how: str) -> None:
        """Note the package of something in a library, and what it reads that cannot be compared."""
        kind = x if is_a(x, type) else kind_of(x)
        if is_a(x, FunctionType):
            closed = is_closed(x.__code__.co_filename)
        else:
            closed = is_a(x, BuiltinFunctionType) or is_closed_class(kind)
        self._note_threads(x, how)
        if closed:
            package = package_of(x if is_a(x, FunctionType, BuiltinFunctionType) else kind)
            self._packages.add(package)
            if package in ("_pickle", "pickle") and how in _WARNED:  # it may write all attributes
                self.dynamic.add("")
            if how in _WARNED and (what := reads_outside(x, last_name(path), self.pairs)):
                self._cannot_compare(x, what)

    def _note_threads(self, x: Any, how: str) -> None:
        if how in _WARNED and (what := starts_threads(x)):
            self.threads.add(what)

    def _cannot_compare(self, x: Any, path: str) -> None:
        if all(path != known for _, known in self.opaque):
            self.opaque.append((x, path))

    def _visit_globals(self, variables: dict[str, Any], names: Set[str], how: str) -> None:
        for name in sorted(names):
            if name in variables:
                self._read(variables, name, True, name, how)
            elif name in _BUILTINS:
                x = _BUILTINS[name]
                self._compare(_BUILTINS, name, True, name)
                if is_a(x, BuiltinFunctionType, type) and is_closed_class(kind_of(x)):
                    self._note_library(x, name, how)
                else:
                    self._pending.append((x, name, how))
        self._add_absent(variables, variables, names)
        self._add_absent(_BUILTINS, _BUILTINS, names - variables.keys())

    def _add_absent(self, holder: Any, variables: Mapping[str, Any], names: Iterable[str]) -> None:
        """Notice when one of the names is added to the variables of a module, class or function."""
        _, absent = self.absent.setdefault(id(holder), (variables, set()))
        absent.update(name for name in names if name not in variables)

    def _visit_class(self, kind: type, path: str, constructed: bool, how: str) -> None:
        if (kind, constructed) in self._classes:
            return
        self._classes.add((kind, constructed))
        if "__name__" in self.attributes and not is_closed_class(kind):
            self._compare(kind, "__name__", False, f"{path}.__name__")
        if is_a(kind, ABCMeta) and package_of(kind) not in ("autograd", "nn"):
            self._packages.add("abc")  # a class may be registered
        if not is_closed_class(kind):
            self._compare(kind, "__mro__", False, f"{path}.__mro__")
        if not is_closed_class(type(kind)):
            self._visit_class(type(kind), f"type({path})", False, how)
        if "isinstance" in self.attributes and vars(kind).get("_is_runtime_protocol"):
            self.attributes |= _members_of_protocol(kind)
        for base in kind.__mro__:
            if is_closed_class(base):
                continue
            table, everything, fixed = vars(base), self._reads_all_of(base), package_of(base) == "nn"
            self.owners[id(table)] = table, base
            loaded = self._names_for(kind)
            if not fixed:
                self._add_absent(base, table, loaded | _SPECIAL)
            if "__match_args__" in loaded:
                self.attributes.update(table.get("__match_args__", ()))
            if EQUAL not in loaded and _is_generated(
                table.get("__eq__")
            ):  # it compares only with its own kind
                loaded -= {"__eq__"}
            not_used = _NOT_USED | {"__eq__"} if _is_generated(table.get("__eq__")) else _NOT_USED
            for name, entry in [*table.items()]:
                is_read = (
                    name in loaded
                    or (name.startswith("__") and name not in not_used and callable(entry))
                    or (constructed and name in _WHEN_CONSTRUCTED)
                )
                if not is_read and (not everything or name.startswith("__")):
                    continue
                if fixed and callable(entry):
                    self._pending.append((entry, name, how))
                else:
                    self._read(table, name, True, f"{path}.{name}", how if is_read else MAYBE)

    def _visit_module(self, module: ModuleType, path: str, how: str) -> None:
        file = vars(module).get("__file__")
        closed = is_closed(file) if file else module.__name__ in sys.stdlib_module_names
        closed = closed and module.__name__ != "__main__"
        named = (self.attributes | {"__getattr__"}) & vars(module).keys()
        if "" in self.dynamic and not closed and not (file and is_installed(file)):
            for name in sorted(name for name in vars(module).keys() - named if not name.startswith("__")):
                self._read(vars(module), name, True, f"{path}.{name}", MAYBE)
        for name in sorted(named):
            entry = vars(module)[name]
            if closed and callable(entry):
                if is_loaded({name}, last_name(path), self.pairs):
                    self._note_library(entry, f"{path}.{name}", how)
                    if is_a(entry, MethodType):  # of an object that has a state, such as calendar.month
                        self._pending.append((entry, f"{path}.{name}", how))
                continue
            if closed and isinstance(entry, ModuleType):
                self._pending.append((entry, f"{path}.{name}", how))
                continue
            if not name.startswith("__") or name in ("__getattr__", "__version__"):
                quiet = file and is_installed(file)
                self._read(vars(module), name, True, f"{path}.{name}", QUIET if quiet else how)
        if not closed:
            self._add_absent(module, vars(module), self.attributes)

    # Data ---------------------------------------------------------------------------------------------------

    def _visit_container(self, x: Any, path: str, how: str) -> None:
        if len(path) > LONGEST_PATH:  # nested thousands deep
            path = path[:LONGEST_PATH] + "…"
        if is_array(x):
            self._packages.add("numpy")
            self.computed.append(Computed(partial(content_of, x), path, x))
            if x.dtype.hasobject:
                self._pending += [(item, f"{path}[…]", how) for item in x.ravel().tolist()]
            if not is_closed_class(kind_of(x)):
                self._visit_object(x, path, how)
            return
        if is_plain(x):
            self.contents.append((x, path))
            if not is_a(x, list, tuple, dict, set, frozenset, deque) or type(x).__module__ == "builtins":
                return
        if not is_a(x, tuple, frozenset):
            self.containers.append((x, path))
        if is_a(x, dict, set, frozenset) and any(
            is_a(part_of_class(kind_of(key), "__eq__"), FunctionType) for key in x
        ):
            self.computed.append(Computed(lambda: [*map(id, x)], path))
        if is_a(x, defaultdict):
            self._read(x, "default_factory", False, f"{path}.default_factory", how)
        if is_a(x, dict):
            self._pending += [(key, path, how) for key in x]
            for key, item in x.items():
                if key == "__builtins__":  # of the variables of evaluated code
                    continue
                self._entry(x, key, item, f"{path}[{key!r}]" if isinstance(key, (str, int)) else path, how)
        elif is_a(x, list, tuple, deque):
            for i, item in enumerate(x):
                self._entry(x, i, item, f"{path}[{i}]", how)
        else:
            self._pending += [(item, path, how) for item in x]
        if not is_closed_class(kind_of(x)):
            self._visit_object(x, path, how)

    def _entry(self, holder: Any, key: Any, item: Any, path: str, how: str) -> None:
        if not isinstance(holder, tuple) and not is_distinct(item):
            self._compare(holder, key, True, path)
        self._pending.append((item, path, how))

    def _visit_object(self, x: Any, path: str, how: str) -> None:
        kind = kind_of(x)
        closed = is_closed_class(kind)
        self._packages.add(package_of(kind))
        self._note_threads(x, how)
        if not closed:
            self.objects.append((x, path))
            self._visit_class(kind, kind.__name__, False, how)
            bases: tuple[type, ...] = kind.__mro__
            if how in _WARNED and any(is_closed_class(base) and reads_outside(base) for base in bases):
                self.opaque.append((x, path))
        elif package_of(kind) in ("autograd", "typing") or x is sys.stdout or x is sys.stderr:
            return
        if (state := state_of(x)) is not None:
            self.computed.append(Computed(state, path))
        for part in _PARTS:
            if closed and (inner := part_of(x, part)) is not None and not is_a(inner, ModuleType):
                self._pending.append((inner, path, how))
        if is_a(part_of(x, "__dict__"), dict):
            names: frozenset[str] | None = self._names_for(kind)
            is_compared = not self.attributes.isdisjoint((EQUAL, "__repr__")) and _is_namespace(kind)
            if how == FULL or self._reads_all_of(kind) or is_compared:
                names = None
            elif closed:
                public = {name for name in self.attributes if not name.startswith("_")}
                inside = set[str]() if state or _is_namespace(kind) else _read_by_library(x, kind)
                names = frozenset(public | inside)
            instance = Instance(x, names, path, self._is_searched(kind))
            self.instances.append(instance)
            for name, item in x.__dict__.items():
                if instance.reads(name, item):
                    self._entry(x.__dict__, name, item, f"{path}.{name}", how)
                elif instance.is_searched and is_a(item, *CONTAINERS):
                    self.computed.append(Computed(partial(may_hold_parameters, item), f"{path}.{name}"))
        self._visit_slots(x, path, how)
        if closed:
            self._visit_data(x, path, how)

    def _visit_slots(self, x: Any, path: str, how: str) -> None:
        """Visit the attributes of an object whose class has ``__slots__``."""
        bases: tuple[type, ...] = kind_of(x).__mro__
        for base in bases:
            if not is_closed_class(base):
                for name, descriptor in vars(base).items():
                    if isinstance(descriptor, MemberDescriptorType):
                        if not has_part(x, name):
                            self.computed.append(Computed(partial(has_part, x, name), f"{path}.{name}"))
                        elif how == FULL or name in self.attributes:
                            self._read(x, name, False, f"{path}.{name}", how)

    def _visit_data(self, x: Any, path: str, how: str) -> None:
        kind = kind_of(x)
        if is_a(x, *_WRAPPERS):
            return
        if is_a(x, MappingProxyType):
            self._pending += [(part, path, how) for part in gc.get_referents(x)]
        elif is_a(x, ChainMap, UserDict, UserList, UserString):
            self._read(x, "maps" if is_a(x, ChainMap) else "data", False, path, how)
        elif is_a(x, _Cached):
            results = cached_by(x)
            self.references.append(results)
            known = {*map(id, results)}  # more results may be added
            self.computed.append(Computed(lambda: sorted(known.intersection(map(id, cached_by(x)))), path))
            self._pending += [(result, path, how) for result in results]
        elif is_a(x, Mapping) and is_plain({**x}):
            self.computed.append(Computed(lambda: {**x}, path))
        elif how == FULL:
            self.computed.append(Computed(lambda: x, path))
        elif how not in _WARNED:
            return
        elif what := reads_outside(x, last_name(path), self.pairs):
            if what.endswith("()"):
                self._cannot_compare(kind, what)
            else:
                self.opaque.append((x, path))
        elif (
            is_a(x, ContextVar)
            or any(part_of_class(kind, name) is not None for name in _DATA)
            or "(vectorized)" in str(part_of(x, "__name__"))  # NumPy's frompyfunc of a function
        ):
            self.opaque.append((x, path))

    def _names_for(self, kind: type) -> frozenset[str]:
        """Return the names of attributes that may be loaded of objects of a class."""
        return self._names_loaded(kind) | names_in_library(kind)

    def _names_loaded(self, kind: type) -> frozenset[str]:
        if any(package_of(base) == "nn" for base in kind.__mro__):
            return frozenset(self.attributes | self.own | {*getattr(kind, "_buffers", ())})
        return frozenset(self.attributes)

    def _reads_all_of(self, kind: type) -> bool:
        """Return True if code may load any attribute of objects of a class."""
        if not self.dynamic:
            return False
        packages = self.dynamic - {"nn"}
        return "" in packages or any(package_of(base) in packages for base in kind.__mro__)

    def _is_searched(self, kind: type) -> bool:
        """Return True if ``nn`` may look for parameters among the attributes of objects of a class."""
        is_module = hasattr(kind, "named_parameters") and any(package_of(b) == "nn" for b in kind.__mro__)
        return "nn" in self.dynamic and is_module


def last_name(path: str) -> str:
    """Return the last name in a path; "" for an item.

    >>> last_name("config.path"), last_name("paths[0]")
    ('path', '')
    """
    return "" if path.endswith("]") else path.rpartition(".")[2]


def _members_of_protocol(kind: type) -> set[str]:
    """Return the names of the attributes for which ``isinstance()`` looks."""
    bases = [
        base for base in kind.__mro__ if getattr(base, "_is_protocol", False) and not is_closed_class(base)
    ]
    return {name for base in bases for name in {*vars(base), *vars(base).get("__annotations__", ())}}


def _can_import(name: str) -> bool:
    """Return True if a module is found, or may be after another one is imported."""
    above = name.rpartition(".")[0]
    if above and above not in sys.modules:
        return _can_import(above)
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _is_namespace(kind: type) -> bool:
    """Return True for classes of the library whose ``==`` and ``repr()`` read all attributes."""
    return any(base.__name__ in ("SimpleNamespace", "Namespace") for base in kind.__mro__)


def _read_by_library(x: Any, kind: type) -> set[str]:
    """Return the attributes that the methods of a closed class may read: functions even by other code."""
    loaded = names_in_library(kind)
    known = _ATOMS if package_of(kind) == "numpy" else (*_ATOMS, *CONTAINERS)  # in NumPy they are caches
    return {
        name
        for name, part in x.__dict__.items()
        if is_a(part, FunctionType, Value) or (name in loaded and is_a(part, *known))
    }


def _is_generated(method: Any) -> bool:
    """Return True for a method that a dataclass has generated."""
    return is_a(method, FunctionType) and method.__code__.co_filename == "<string>"


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
