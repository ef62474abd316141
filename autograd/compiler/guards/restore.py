"""Give objects the content that they had before a function was traced that changes them."""

from __future__ import annotations

import marshal
from collections import deque
from itertools import chain, zip_longest
from operator import is_
from typing import Any

from ..record.arguments import kind_of
from .content import CONTAINERS, is_a, is_array

_ABSENT: Any = object()


def content_at(holder: Any, key: Any, is_item: bool) -> Any:
    """Return an item or an attribute, or an object of this module if it is absent."""
    try:
        return holder[key] if is_item else getattr(holder, key)
    except (LookupError, AttributeError, ValueError):
        return _ABSENT


def refill(container: Any, copy: Any) -> None:
    """Give a container the elements of its copy, unless it has the same ones in the same order.

    >>> x = [1, 2]
    >>> refill(x, [3])
    >>> x
    [3]
    """
    if is_a(container, dict):
        after, before = [*chain.from_iterable(container.items())], [*chain.from_iterable(copy.items())]
    else:
        after, before = [*container], [*copy]
    if len(after) == len(before) and all(map(is_, after, before)):
        return
    if is_a(container, dict, set):
        container.clear()
        container.update(copy)
    elif is_a(container, deque):
        container.clear()
        container.extend(copy)
    else:
        container[:] = copy


def with_content(x: Any, before: Any) -> Any:
    """Return x with the content that ``marshal`` wrote, changed in place if that is possible.

    >>> inner = [1.0]
    >>> with_content([inner, 2.0, 3.0], [[4.0], 5.0]), inner
    ([[4.0], 5.0], [4.0])

    Raises:
        TypeError: If it is not known what there was, because ``marshal`` writes an array as bytes.
    """
    kind = kind_of(x)
    if x is not _ABSENT and _is_same(x, before):
        return x
    if is_array(x) and type(before) is bytes:
        x.flat[:] = memoryview(before).cast(x.dtype.char)
    elif kind is bytearray and type(before) is bytes:
        x[:] = before
    elif kind is not type(before):
        return _known(before)
    elif kind is list:
        x[:] = [with_content(a, b) for a, b in zip_longest(x[: len(before)], before, fillvalue=_ABSENT)]
    elif kind is dict:
        entries = {key: with_content(x.get(key, _ABSENT), item) for key, item in before.items()}
        x.clear()
        x.update(entries)
    elif kind is tuple:
        pairs = zip_longest(x[: len(before)], before, fillvalue=_ABSENT)
        items = tuple([with_content(a, b) for a, b in pairs])
        return x if len(items) == len(x) and all(map(is_, items, x)) else items
    elif kind is set:
        x.clear()
        x.update(_known(before))
    else:
        return _known(before)
    return x


def _is_same(x: Any, before: Any) -> bool:
    try:
        return marshal.dumps(x, 2) == marshal.dumps(before, 2)
    except ValueError:  # it has other content now, such as a Value
        return False


def _known(before: Any) -> Any:
    """Return what there was; raise TypeError if a part of it may have been an array."""
    if is_a(before, bytes):
        raise TypeError("an array cannot be restored")
    for part in before.values() if is_a(before, dict) else before if is_a(before, *CONTAINERS) else ():
        _known(part)
    return before
