"""Text of any origin in messages and names: control characters become symbols, long values are cut."""

from __future__ import annotations

import re
import unicodedata

#: Characters that reverse the text around them: the Trojan Source attack (CVE-2021-42574).
_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: The symbol for a character that has none.
_UNKNOWN = "�"


def replace_controls(text: str, keep: str = "") -> str:
    """Replace each control character by a symbol, so that a terminal shows it and does not execute it.

    >>> replace_controls("red" + chr(27) + "[31m"), replace_controls("a" + chr(0x202E) + "b")
    ('red␛[31m', 'a�b')

    The result has as many characters as the text. Line separators, surrogates, characters that Unicode
    does not define and those that reverse text count as control characters; other spaces do not.

    Args:
        text: Any text.
        keep: Control characters that stay, such as a line feed.

    Returns:
        The text without other control characters.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _symbol(c) for c in text)


def _symbol(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs" or (category == "Cf" and character not in _BIDIRECTIONAL):
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else _UNKNOWN


def class_name(kind: type) -> str:
    """Return the name of a class, for a message."""
    return replace_controls(kind.__name__)


def type_name(x: object) -> str:
    """Return the name of the class of an object, for a message."""
    return class_name(type(x))


def short(x: object) -> str:
    """Return the repr of an object on one line, cut to 60 characters."""
    text = replace_controls(re.sub(r"\s*\n\s*", " ", repr(x)))
    return text if len(text) <= 60 else text[:59] + "…"


def type_and_value(x: object) -> str:
    """Return the type of an object and its value, for an error message; the type only once.

    >>> type_and_value("2"), type_and_value([1.0]), type_and_value(range(3))
    ("str '2'", 'list [1.0]', 'range(0, 3)')
    """
    name, text = type_name(x), short(x)
    return text if text.startswith(f"{name}(") else f"{name} {text}"
