"""A strict parser of the expressions that the views write, independent of the code that writes them.

A sum or product is read from the left, and a sign is allowed only at the beginning of a sum. A product may
not continue after a quotient, because that can be read in two ways. The result is a tree of tuples.
"""

import math
import re
from typing import Any

from autograd.operations import FUNCTIONS

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
TOKEN = re.compile(r"\s*(⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|\d+\.?\d*(?:e−?\d+)?|[^\W⁰¹²³⁴⁵⁶⁷⁸⁹]+|\S)")
CALLED = {"max": "maximum", "min": "minimum"}

Tree = Any


class Misread(ValueError):
    """An expression does not follow the notation."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = TOKEN.findall(text)

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, *expected: str) -> str:
        if not self.tokens or (expected and self.tokens[0] not in expected):
            raise Misread(f"expected {expected}, got {self.tokens[:3]}")
        return self.tokens.pop(0)

    def sum(self) -> Tree:
        tree = self.product(may_be_signed=True)
        while self.peek() in ("+", "−"):
            op = "add" if self.take() == "+" else "sub"
            tree = (op, tree, self.product(may_be_signed=False))
        return tree

    def product(self, may_be_signed: bool) -> Tree:
        tree = self.signed() if may_be_signed else self.unsigned()
        while self.peek() == "·":
            self.take()
            tree = ("mul", tree, self.unsigned())
        if self.peek() == "/":
            self.take()
            tree = ("div", tree, self.unsigned())
            if self.peek() in ("·", "/"):
                raise Misread("a product continues after a quotient")
        return tree

    def signed(self) -> Tree:
        if self.peek() != "−":
            return self.unsigned()
        self.take()
        operand = self.unsigned()
        return -operand if isinstance(operand, float) else ("neg", operand)

    def unsigned(self) -> Tree:
        if self.peek() == "√":
            self.take()
            return ("sqrt", self.unsigned())
        token = self.peek()
        base = self.atom()
        has_power = self.peek() == "^" or self.peek()[:1] in tuple("⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
        if has_power and token[:1].isdigit() and "e" in token:
            raise Misread(f"the power of {token} is read in two ways")
        if has_power and self.peek() != "^":
            return ("pow", base, float(self.take().translate(SUPERSCRIPTS)))
        if has_power:
            self.take()
            if self.peek()[:1].isdigit() and "e" in self.peek():
                raise Misread(f"the power {self.peek()} is read in two ways")
            return ("pow", base, self.unsigned())
        return base

    def atom(self) -> Tree:
        token = self.take()
        if token == "(":
            inside = self.sum()
            self.take(")")
            return inside
        if token == "|":
            inside = self.sum()
            self.take("|")
            return ("abs", inside)
        if token[0].isdigit():
            return float(token.replace("−", "-"))
        if not token[0].isalpha():
            raise Misread(f"{token} is neither name nor number")
        if self.peek() != "(":
            return token
        self.take()
        operands = [self.sum()]
        while self.peek() == ",":
            self.take()
            operands.append(self.sum())
        self.take(")")
        return (CALLED.get(token, token), *operands)


def read(text: str) -> Tree:
    """Return the tree of an expression; raise Misread if it is malformed."""
    reader = _Reader(text)
    tree = reader.sum()
    if reader.tokens:
        raise Misread(f"{reader.tokens} is left over")
    return tree


def worth(tree: Tree) -> float | None:
    """Compute the number of a tree; return None if it contains a name."""
    if isinstance(tree, float):
        return tree
    if isinstance(tree, str):
        return {"inf": math.inf, "nan": math.nan}.get(tree)
    operands = [worth(operand) for operand in tree[1:]]
    if None in operands:
        return None
    return (FUNCTIONS[tree[0]](operands) if tree[0] == "logsumexp" else FUNCTIONS[tree[0]](*operands)).data


def sides(equation: str) -> list[float]:
    """Compute the sides of an equation that contain no name, such as 2 · 5 and 10."""
    texts = equation.partition(", since")[0].partition(", total")[0].split(" = ")
    numeric = [text for text in texts if not any(part in text for part in ("∂", ".grad", "…"))]
    numbers = [worth(read(text.replace(" · ", "·"))) for text in numeric]
    return [x for x in numbers if x is not None]


def without_a_pair(text: str) -> list[str]:
    """Return the text without one pair of brackets, for each pair that does not belong to a call."""
    shorter = []
    for start, letter in enumerate(text):
        if letter != "(" or (start and (text[start - 1].isalnum() or text[start - 1] == "_")):
            continue
        depth = 0
        for end in range(start, len(text)):
            depth += (text[end] == "(") - (text[end] == ")")
            if not depth:
                shorter.append(text[:start] + text[start + 1 : end] + text[end + 1 :])
                break
    return shorter
