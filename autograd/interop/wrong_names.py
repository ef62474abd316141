"""Attributes of other engines that a Value does not have: an error names the replacement."""

from __future__ import annotations

from typing import NoReturn

from ..system.messages import class_name


class WrongName:
    """An attribute that raises AttributeError with a remedy when it is read or assigned."""

    def __init__(self, remedy: str) -> None:
        self.remedy = remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{class_name(owner)} has no attribute {self.name!r}. {self.remedy}")

    def __set__(self, instance: object, value: object) -> NoReturn:
        self.__get__(instance, type(instance))
