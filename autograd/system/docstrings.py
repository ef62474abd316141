"""The docstrings of the functions and methods that are made from the table of primitives."""

from __future__ import annotations

from collections.abc import Sequence


def docstring(formula: str, doc: str, operands: Sequence[str], is_method: bool) -> str:
    """Return the docstring of the function, or of the method, of a primitive.

    >>> print(docstring("max(a, b)", "the larger of a and b", ["a", "b"], is_method=True))
    Compute max(a, b), where a is this Value: the larger of a and b.
    <BLANKLINE>
    Args:
        other: A Value or a real number.
    <BLANKLINE>
    Returns:
        A Value.
    <BLANKLINE>
    Raises:
        TypeError: If an operand is of another type.
    """
    summary = f"Compute {formula}"
    arguments = operands
    if is_method:
        summary += f", where {operands[0]} is this Value"
        arguments = ["other"] * (len(operands) - 1)  # as value.py names the second operand
    sections = [f"{summary}." if doc == formula else f"{summary}: {doc}."]
    if arguments:
        lines = ["Args:", *(f"    {name.rstrip('*')}: {_kind(name)}" for name in arguments)]
        sections.append("\n".join(lines))
    sections.append("Returns:\n    A Value.")
    if arguments:
        sections.append("Raises:\n    TypeError: If an operand is of another type.")
    return "\n\n".join(sections)


def _kind(operand: str) -> str:
    if operand.endswith("*"):
        return "A sequence of Values or real numbers."
    return "A Value or a real number."
