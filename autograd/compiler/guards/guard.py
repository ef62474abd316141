"""A guard: what a function reads from outside is what it was when the function was traced."""

from __future__ import annotations

import marshal
import pickle
from collections import Counter
from collections.abc import Iterable
from functools import partial
from operator import is_
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ...system.messages import class_name, short, type_and_value, type_name
from ..record.arguments import kind_of
from .content import content_of, is_distinct, is_immutable, is_plain
from .reach import Computed, Reach
from .restore import content_at, refill, with_content

_ABSENT = object()


class Guard:
    """Compares what a function reads from outside with what it was.

    Objects are compared by identity; numbers, strings and arrays are compared bit by bit.

    >>> config = {"rate": 0.5}
    >>> guard = Guard([("loss", lambda x: x * config["rate"])])
    >>> guard.holds()
    True
    >>> config["rate"] = 0.25
    >>> guard.holds(), guard.difference
    (False, "config['rate'] was 0.5 and is 0.25")

    Args:
        roots: The function and the objects among its arguments, with their names.
        watch: Objects of which everything is compared, with their names.

    Raises:
        TypeError: If an object in ``watch`` cannot be compared.
    """

    def __init__(self, roots: Iterable[tuple[str, Any]], watch: Iterable[tuple[str, Any]] = ()) -> None:
        self.reach = reach = Reach.of(roots, watch)
        #: What differed when the guard did not hold the last time.
        self.difference = ""
        self.slots = sorted(reach.slots, key=lambda slot: not slot.is_item)
        self._items = [(slot.holder, slot.key) for slot in self.slots if slot.is_item]
        self._attributes = [(slot.holder, slot.key) for slot in self.slots if not slot.is_item]
        self._before = self._read_slots()
        self._containers = [container for container, _ in reach.containers]
        self._copies = [container.copy() for container in self._containers]
        self._objects = [holder for holder, _ in reach.objects]
        self._kinds = [*map(type, self._objects)]
        self._instances = [instance.holder for instance in reach.instances]
        self._live = [holder.__dict__ for holder in self._instances]
        self._dicts = [{**attributes} for attributes in self._live]
        self._ordered: list[Any] = [
            *(container for container in self._containers if isinstance(container, (dict, set))),
            *(
                instance.holder.__dict__
                for instance in reach.instances
                if instance.names is None or instance.is_searched
            ),
        ]
        self._orders: list[list[Any]] = [*map(list, self._ordered)]
        self._contents = [content for content, _ in reach.contents]
        self._bytes = marshal.dumps(self._contents, 2)
        self._sources = [*reach.computed]
        self._computed = [*map(_bytes_of, self._sources)]
        self._absent: list[Any] = [*reach.absent.values()]

    def _read_slots(self) -> list[Any]:
        return [holder[key] for holder, key in self._items] + [
            getattr(x, name) for x, name in self._attributes
        ]

    def holds(self) -> bool:
        """Return True if all is as it was; otherwise ``difference`` says what is not."""
        try:
            after = self._read_slots()
            return (
                (all(map(is_, after, self._before)) or self._holds_in_slots(after))
                and (_are_equal(self._containers, self._copies) or self._holds_in_containers())
                and (marshal.dumps(self._contents, 2) == self._bytes or self._holds_in_contents())
                and ([*map(type, self._objects)] == self._kinds or self._holds_in_kinds())
                and (self._holds_in_dicts() or self._holds_in_instances())
                and ([*map(list, self._ordered)] == self._orders or self._holds_in_orders())
                and (not self._computed or self._holds_in_computed())
                and self._holds_in_absent()
            )
        except (LookupError, AttributeError, ValueError, TypeError, RecursionError) as error:
            return self._differs(f"what it reads has changed ({type_name(error)}: {error})")

    def set_attributes(self) -> list[str]:
        """Return the attributes that were set since, of objects that are compared, and are not read."""
        return [
            f"{instance.path}.{name}"
            for instance, before in zip(self.reach.instances, self._dicts)
            for name, x in instance.holder.__dict__.items()
            if x is not before.get(name, _ABSENT) and not instance.reads(name, x)
        ]

    def _differs(self, how: str) -> bool:
        self.difference = how
        return False

    def _holds_in_slots(self, values: list[Any]) -> bool:
        for i, (before, after) in enumerate(zip(self._before, values)):
            if before is not after:
                if not _same(before, after):
                    return self._differs(_difference(self.slots[i].path, before, after))
                if not self._takes_in_place_of(before, after, values):
                    return self._differs(f"{self.slots[i].path} is another {type_name(after)}")
                self._before[i] = after
        return True

    def _takes_in_place_of(self, before: Any, after: Any, values: list[Any]) -> bool:
        """Compare the content of ``after`` from now on; return False if ``before`` has other places."""
        contents, sources = self._contents, self._sources
        is_compared = any(x is before for x in contents) or any(x.array is before for x in sources)
        if before is None or not is_compared:
            return True
        if any(y is not after for x, y in zip(self._before, values) if x is before):
            return False
        self._contents = [after if content is before else content for content in contents]
        self._sources = [
            Computed(partial(content_of, after), source.path, after) if source.array is before else source
            for source in sources
        ]
        return True

    def _holds_in_containers(self) -> bool:
        for (container, path), copy in zip(self.reach.containers, self._copies):
            if not _has_same_places(container, copy):
                return self._differs(f"{path} has other elements")
            for key in _places(copy):
                if not _is_unchanged(copy[key], container[key]):
                    return self._differs(f"{path} has other elements")
                copy[key] = _to_compare(copy[key], container[key])
        return True

    def _holds_in_contents(self) -> bool:
        before: list[Any] = marshal.loads(self._bytes)
        for (_, path), old, new in zip(self.reach.contents, before, self._contents):
            if marshal.dumps(old, 2) != marshal.dumps(new, 2):
                return self._differs(_difference(path, old, new))
        return self._differs("an array or a list that it reads has changed")

    def _holds_in_kinds(self) -> bool:
        for (x, path), kind in zip(self.reach.objects, self._kinds):
            if type(x) is not kind:
                return self._differs(f"{path} was of class {class_name(kind)} and is of {type_name(x)}")
        return True

    def _holds_in_dicts(self) -> bool:
        after = [x.__dict__ for x in self._instances]
        return _are_equal(after, self._dicts) and all(map(is_, after, self._live))

    def _holds_in_orders(self) -> bool:
        for i, after in enumerate(self._ordered):
            before = self._orders[i]
            if [key for key in after if key in before] != [key for key in before if key in after]:
                return self._differs(f"the order of {short(before)} has changed")
            self._orders[i] = [*after]
        return True

    def _holds_in_instances(self) -> bool:
        for i, instance in enumerate(self.reach.instances):
            before, after = self._dicts[i], instance.holder.__dict__
            if after is not self._live[i]:
                return self._differs(f"{instance.path} has another __dict__")
            attributes = {**after}
            for name in before.keys() | after.keys():
                old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
                if old is not new and instance.reads(name, old, new):
                    if not _is_unchanged(old, new):
                        return self._differs(_difference(f"{instance.path}.{name}", old, new))
                    attributes[name] = _to_compare(old, new)
            self._dicts[i] = attributes
        return True

    def _holds_in_computed(self) -> bool:
        for computed, before in zip(self._sources, self._computed):
            if _bytes_of(computed) != before:
                return self._differs(f"the content of {computed.path} has changed")
        return True

    def _holds_in_absent(self) -> bool:
        for variables, names in self._absent:
            if not variables.keys().isdisjoint(names):
                return self._differs(f"{min(variables.keys() & names)} was absent")
        return True

    def restore(self) -> bool:
        """Give what is compared the content it had; return False if some of it cannot be restored."""
        try:
            self._restore()
        except (LookupError, AttributeError, ValueError, TypeError):
            return False
        return self.holds()

    def _restore(self) -> None:
        owners = self.reach.owners
        for slot, before in zip(self.slots, self._before):
            if content_at(slot.holder, slot.key, slot.is_item) is not before:
                if id(slot.holder) in owners:
                    setattr(owners[id(slot.holder)][1], slot.key, before)
                elif slot.is_item:
                    slot.holder[slot.key] = before
                else:
                    setattr(slot.holder, slot.key, before)
        for container, copy in zip(self._containers, self._copies):
            refill(container, copy)
        for holder, live, attributes in zip(self._instances, self._live, self._dicts):
            if holder.__dict__ is not live:
                holder.__dict__ = live
            refill(live, attributes)
        for content, before in zip(self._contents, marshal.loads(self._bytes)):
            with_content(content, before)
        for computed, content in zip(self._sources, self._computed):
            if computed.array is not None and _bytes_of(computed) != content:
                with_content(computed.array, marshal.loads(content)[-1])
        for variables, names in self._absent:
            for name in variables.keys() & names:
                if id(variables) in owners:
                    delattr(owners[id(variables)][1], name)
                else:
                    del variables[name]

    def described(self) -> list[str]:
        """Return the names of what is compared, with the number of entries below each."""
        counts: Counter[str] = Counter()
        functions = 0
        for slot, x in zip(self.slots, self._before):
            if isinstance(x, (CodeType, FunctionType, ModuleType, type, property, staticmethod, classmethod)):
                functions += isinstance(x, CodeType)
            elif not slot.path.endswith(("__defaults__", "__kwdefaults__", "__mro__")):
                counts[_root(slot.path)] += 1
        for _, path in (*self.reach.containers, *self.reach.contents):
            counts[_root(path)] += 1
        for instance, attributes in zip(self.reach.instances, self._dicts):
            counts[_root(instance.path)] += sum(instance.reads(name, x) for name, x in attributes.items())
        for computed in self.reach.computed:
            counts[_root(computed.path)] += 1
        lines = [
            f"{name} ({count:,} entries)" if count > 1 else name for name, count in sorted(counts.items())
        ]
        return [*lines, f"the code of {functions} function{'s' * (functions != 1)}"]


def _bytes_of(computed: Computed) -> bytes:
    content = computed.read()
    try:
        return marshal.dumps(content, 2)
    except ValueError:
        pass
    try:
        return pickle.dumps(content)
    except Exception as error:
        raise TypeError(
            f"watch= cannot compare {computed.path}, {type_and_value(content)}, because it cannot be pickled "
            f"({type_name(error)}: {error}). Watch a number, list, dict, array or object with attributes"
        ) from error


def _are_equal(x: Any, y: Any) -> bool:
    """Return True if ``==`` finds no difference; False if it raises, as that of an array in a list does."""
    try:
        return bool(x == y)
    except Exception:  # an object of the user's own may raise anything
        return False


def _places(container: Any) -> Iterable[Any]:
    """Return the keys or the indices of a container's elements; nothing for a set."""
    if isinstance(container, dict):
        return [*container]
    return () if isinstance(container, (set, frozenset)) else range(len(container))


def _has_same_places(after: Any, before: Any) -> bool:
    if isinstance(before, dict):
        return bool(after.keys() == before.keys())
    return bool(after == before) if isinstance(before, (set, frozenset)) else len(after) == len(before)


def _is_unchanged(before: Any, after: Any) -> bool:
    """Return True for the same object, a plain one with the same bits, and a list of the same objects."""
    return before is after or _same(before, after) or (is_distinct(before) and _are_equal(before, after))


def _to_compare(before: Any, after: Any) -> Any:
    """Return which of two unchanged objects to compare with: that of which the elements are known.

    What ``is_distinct`` has no slot, which would take the other one into account when it is changed.
    """
    return before if is_distinct(before) else after


def _same(x: Any, y: Any) -> bool:
    """Return True if two objects are plain or immutable, and bit-identical."""
    if type(x) is not type(y):
        return False
    if is_immutable(x):
        return repr(x) == repr(y) and getattr(x, "tzinfo", None) is getattr(y, "tzinfo", None)
    if not is_plain(x):
        return False
    if getattr(x, "dtype", None) != getattr(y, "dtype", None) or getattr(x, "shape", 0) != getattr(
        y, "shape", 0
    ):
        return False
    return is_plain(y) and marshal.dumps(x, 2) == marshal.dumps(y, 2)


def _difference(path: str, before: Any, after: Any) -> str:
    """Say in words where two things differ, as deep inside as they have the same keys."""
    kind = kind_of(before)
    if kind is kind_of(after) and kind in (dict, list, tuple) and len(before) == len(after):
        keys = before if kind is dict else range(len(before))
        if kind is not dict or before.keys() == after.keys():
            for key in keys:
                if before[key] is not after[key] and not _same(before[key], after[key]):
                    return _difference(f"{path}[{key!r}]", before[key], after[key])
    was = "absent" if before is _ABSENT else short(before)
    now = "absent" if after is _ABSENT else short(after)
    return f"{path} was {was} and is {now}" if was != now else f"{path} is another {type_name(after)}"


def _root(path: str) -> str:
    return path.partition("[")[0].partition(".")[0]
