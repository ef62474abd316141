"""Modes as decorators: each call of a function, and each step of a generator, runs inside a mode."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, TypeAlias, TypeVar, cast

from .system.messages import class_name

F = TypeVar("F", bound=Callable[..., Any])
MakeMode: TypeAlias = Callable[[], AbstractContextManager[Any]]


def decorate(function: F, mode: MakeMode) -> F:
    """Wrap a function, generator function, coroutine or asynchronous generator so that it runs in a mode.

    ``mode`` makes a new mode for each call and each step of a generator, so that the code between two steps
    does not run inside a mode.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        with mode():
            return function(*args, **kwargs)

    async def call_coroutine(*args: Any, **kwargs: Any) -> Any:
        with mode():
            return await function(*args, **kwargs)

    def call_generator(*args: Any, **kwargs: Any) -> Any:
        return (yield from _Steps(function(*args, **kwargs), mode))

    def call_async_generator(*args: Any, **kwargs: Any) -> Any:
        return _AsyncSteps(function(*args, **kwargs), mode)

    if isinstance(function, type):
        raise TypeError(f"A mode cannot decorate the class {class_name(function)}. Decorate its methods.")
    wrapper: Callable[..., Any] = call
    if isgeneratorfunction(function):
        wrapper = call_generator
    elif isasyncgenfunction(function):
        wrapper = call_async_generator
    elif iscoroutinefunction(function):
        wrapper = call_coroutine
    return cast(F, wraps(function)(wrapper))


class _Steps(Generator[Any, Any, Any]):
    """A generator, each step of which runs inside a mode."""

    def __init__(self, generator: Generator[Any, Any, Any], mode: MakeMode) -> None:
        self.generator, self.mode = generator, mode

    def send(self, value: Any) -> Any:
        with self.mode():
            return self.generator.send(value)

    def throw(self, *error: Any) -> Any:
        with self.mode():
            return self.generator.throw(*error)


class _AsyncSteps(AsyncGenerator[Any, Any]):
    """An asynchronous generator, each step of which runs inside a mode."""

    def __init__(self, generator: AsyncGenerator[Any, Any], mode: MakeMode) -> None:
        self.generator, self.mode = generator, mode

    async def asend(self, value: Any) -> Any:
        with self.mode():
            return await self.generator.asend(value)

    async def athrow(self, *error: Any) -> Any:
        with self.mode():
            return await self.generator.athrow(*error)
