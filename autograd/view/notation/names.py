"""Notation of numbers, names and operations, the same in every view."""

from __future__ import annotations

import math
import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, count

from ...backward import topological_order
from ...nodes import recompute, regroup
from ...symbols import is_group
from ...system.messages import replace_controls
from ...value import Value
from ..render.time_limit import in_time
from .parameters import roles_of, subscript
from .syntax import SIGN, Formula, Name, Number
from .template import many_formula, op_formula
from .writers import text

#: The number of characters of a label that are shown; the rest is an ellipsis.
LABEL_LENGTH = 24
#: The number of elements of a group that are written out.
ELEMENTS = 3


def format_number(x: float, digits: int = 4) -> str:
    """Format a number: ``digits`` significant digits, a real minus sign, scientific outside 1e-3 … 1e5.

    >>> [format_number(x) for x in (-20.0, 1 / 3, 12345.678, 2.5e-7)]
    ['−20', '0.3333', '12346', '2.5e−7']
    """
    if not math.isfinite(x) or x == 0.0:
        text = f"{x:g}"
    elif 1e-3 <= abs(x) < 1e5:
        text = f"{x:.0f}" if abs(x) >= 1e3 and digits <= 5 else f"{x:.{digits}g}"
    else:
        mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
        text = f"{float(mantissa):.{digits}g}e{int(exponent)}"
    return text.replace("-", "−")


#: The text of a gradient that no backward pass has computed: never 0.
UNKNOWN = "·"


def format_gradient(x: float | None) -> str:
    """Format a gradient, which can be None; −0 is shown as 0.

    >>> format_gradient(-20.0), format_gradient(-0.0), format_gradient(None)
    ('−20', '0', '·')
    """
    return UNKNOWN if x is None else format_number(x + 0.0)


def format_factor(local: float) -> str:
    """Format a local derivative as the factor on an edge.

    >>> format_factor(5.0), format_factor(-0.0)
    ('×5', '×0')
    """
    return f"×{format_gradient(local)}"


def format_exact(x: float) -> str:
    """Format a number with all digits that distinguish it from other floats, and a real minus sign.

    >>> [format_exact(x) for x in (2.0, -1.00001, 1e-07, 1e300)]
    ['2', '−1.00001', '1e−7', '1e300']
    """
    mantissa, _, exponent = repr(x).partition("e")
    text = f"{mantissa}e{int(exponent)}" if exponent else mantissa.removesuffix(".0")
    return text.replace("-", "−")


def format_constant(x: float, digits: int = 4) -> str:
    """Format a constant of a formula like data, with more digits if it would read as a whole number.

    A constant is part of the function: x^1.99999 differs from x².

    >>> [format_constant(x) for x in (1.41421356, 3.0, 1.99999)]
    ['1.414', '3', '1.99999']
    """
    return format_number(x, _constant_digits(x, digits))


def _constant_digits(x: float, digits: int) -> int:
    if x.is_integer() or abs(x) >= 1e3:
        return digits
    return next((n for n in range(digits, 13) if not round_number(x, n).is_integer()), digits)


def format_pair(a: float, b: float) -> tuple[str, str]:
    """Format two numbers with four digits, or with as many as distinguish them.

    >>> format_pair(2.0, 2.5), format_pair(1.0, 1.0 + 2.0**-52), format_pair(1 / 3, 1 / 3)
    (('2', '2.5'), ('1', '1.0000000000000002'), ('0.3333', '0.3333'))
    """
    for digits in range(4, 17):
        texts = format_number(a, digits), format_number(b, digits)
        if texts[0] != texts[1] or a == b:
            return texts
    return format_number(a, 17), format_number(b, 17)


def round_number(x: float, digits: int = 4) -> float:
    """Return the number that :func:`format_number` shows."""
    return float(format_number(x, digits).replace("−", "-"))


def round_constant(x: float, digits: int = 4) -> float:
    """Return the number that :func:`format_constant` shows."""
    return round_number(x, _constant_digits(x, digits))


def quantity(x: float, role: str = "", digits: int = 4) -> Number:
    """Return a number as a part of a formula, rounded to ``digits`` significant digits.

    The ``role`` is "data", "gradient" or "local"; only data can be −0.
    """
    if role in ("gradient", "local"):
        x += 0.0
    return Number(format_number(x, digits), role, rounded=round_number(x, digits) != x)


def digits_needed(result: float, compute: Callable[[int], float]) -> int:
    """Return the number of digits, four or more, from which the result can be recomputed.

    ``compute`` recomputes the result from numbers with so many digits: with four, ``1 − tanh(8.8)²`` would
    be shown as ``1 − 1² = 9e−8``.

    >>> digits_needed(1e-6, lambda digits: round_number(1.000001, digits) - 1.0)
    7
    """
    for digits in range(4, 17):
        value = compute(digits)
        if math.isclose(value, result, rel_tol=0.02) or (math.isnan(value) and math.isnan(result)):
            return digits
    return 17


def constant(x: float, digits: int = 4) -> Number:
    """Return a constant of a formula, as :func:`format_constant` writes it."""
    return Number(format_constant(float(x), digits), rounded=round_constant(float(x), digits) != x)


def factor(x: float) -> str:
    """Format a number as a factor of a product, with brackets if it is negative.

    >>> factor(-4.0), factor(5.0)
    ('(−4)', '5')
    """
    text = format_number(x)
    return f"({text})" if text.startswith("−") else text


def clean(label: str) -> str:
    """Return a label on one line, with control characters as symbols, cut to a displayable length.

    >>> clean("two" + chr(10) + "lines"), clean("red" + chr(27) + "[31m")
    ('two lines', 'red␛[31m')
    """
    text = replace_controls(" ".join(label[: 4 * LABEL_LENGTH].split()))
    text = " ".join("".join(filter(str.isprintable, text)).split())  # remove characters without a width
    if not label.strip():
        return ""
    return text if len(text) <= LABEL_LENGTH and len(label) <= 4 * LABEL_LENGTH else text[:LABEL_LENGTH] + "…"


def skeleton(name: str) -> str:
    """Return the letters and digits of a name, without the form of the digits; similar names share it.

    >>> [skeleton(name) for name in ("h₁", "h_1", "h1", "h⁽¹⁾", "h′")]
    ['h1', 'h1', 'h1', 'h1', 'h']
    """
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name)))


#: The stems of generated names, in the order in which they are tried; none is in two lines.
STEMS = {
    "root": ("out", "result", "root"),
    "weight": ("w", "θ", "k", "g"),
    "bias": ("b", "β", "e", "f"),
    "input": ("x", "a", "c", "d"),
    "intermediate": ("v", "u", "z", "r"),
}


class Names:
    """Names of the Values of a graph: their labels, or generated names.

    >>> w = Value(2.0, label="w")
    >>> out = (w * 3.0) + w
    >>> names = Names(topological_order(out))
    >>> [names[v] for v in topological_order(out)]
    ['w', 'v₁', 'out']

    Without a label, weights are named w₁, w₂, …, a bias b, other leaves x₁, x₂, …, intermediate Values v₁,
    v₂, … and the root ``out``. Weights and biases are the parameters of modules, and leaves that are in
    these places of a ``dot``. In a layer of neurons w₂₁ is the first weight of the second neuron, and w₂₁⁽³⁾
    that of layer 3. If a label has the same letter, with or without a number, another letter is used. A
    repeated label gets a number, and brackets if it reads as a formula: ``(a + b)₂``.
    """

    def __init__(self, order: Sequence[Value]) -> None:
        self._names: dict[Value, str] = {}
        self._next: dict[str, int] = {}
        labels = {value: label for value in in_time(order) if (label := clean(value.label))}
        self._skeletons = {skeleton(label) for label in {*labels.values()}}
        self._stems = {label.rstrip(string.digits) for label in self._skeletons}
        visited: set[str] = set()
        for value, label in in_time(labels.items()):
            self._names[value] = self._number_label(label) if label in visited else label
            visited.add(label)
        if order[-1] not in self._names:
            self._names[order[-1]] = self._stem("root")
        #: The name of the root.
        self.root = self._names[order[-1]]
        self._name_rest(order)

    def _name_rest(self, order: Sequence[Value]) -> None:
        """Name the Values without a label, except the root."""
        roles = {value: role for value, role in roles_of(order).items() if value not in self._names}
        stems = {role: self._stem(role) for role in STEMS if role != "root"}
        others: set[str] = set()
        for value, role in in_time(roles.items()):
            if role.place is not None:
                self._names[value] = stems[role.kind] + role.place
                others.add(self._names[value])
        single = [role.place for role in roles.values() if role.kind == "bias"] == [None]
        numbers = {kind: count(1) for kind in stems}
        for value in in_time(order):
            if value in self._names:
                continue
            kind = roles[value].kind if value in roles else "input" if value.is_leaf else "intermediate"
            stem = stems[kind]
            names = (stem + subscript(n) for n in numbers[kind])
            is_only_bias = single and kind == "bias"
            self._names[value] = stem if is_only_bias else next(name for name in names if name not in others)

    def _stem(self, role: str) -> str:
        """Return the first stem for a role that no label has."""
        first = STEMS[role][0]
        repeats = (first * n for n in count(2))
        return next(stem for stem in chain(STEMS[role], repeats) if stem not in self._stems)

    def _number_label(self, label: str) -> str:
        """Return a repeated label with the next number that does not make it similar to another name."""
        stem = f"({label})" if Name(label).binds < SIGN else label
        while True:
            self._next[label] = self._next.get(label, 1) + 1
            name = stem + subscript(self._next[label])
            if (similar := skeleton(name)) not in self._skeletons:
                self._skeletons.add(similar)
                return name

    def __getitem__(self, value: Value) -> str:
        return self._names[value]

    def __contains__(self, value: Value) -> bool:
        return value in self._names

    def of(self, operand: Value | float) -> str:
        """Return the name of an operand, or the number of a constant."""
        return self._names[operand] if isinstance(operand, Value) else format_constant(operand)


def names_of(root: Value) -> Names:
    """Return the names of ``root`` and every Value it was computed from."""
    return Names(topological_order(root))


def is_exponent(value: Value, operand: Value | float) -> bool:
    """Return True if the operand is a constant integer exponent, which is written as a superscript."""
    op = value.primitive
    return (
        op is not None
        and op.name == "pow"
        and not isinstance(operand, Value)
        and operand is value.operands[1]
        and float(operand).is_integer()
        and abs(operand) < 1000
    )


def visible_constants(value: Value) -> list[int]:
    """Return the indices of constants with a card: all but integer exponents and default values."""
    op, operands = value.primitive, value.operands
    if op is None:
        return []
    first = len(operands) - len(op.defaults)
    return [
        i
        for i, x in enumerate(operands)
        if not isinstance(x, Value)
        and not (i >= first and x == op.defaults[i - first])
        and not is_exponent(value, x)
    ]


def operation(value: Value, names: Names) -> str:
    """Return the operation of a Value with the names of its operands; empty for a leaf.

    >>> w, x = Value(2.0, label="w"), Value(5.0, label="x")
    >>> square = (w * x) ** 2
    >>> names = names_of(square)
    >>> [operation(v, names) for v in topological_order(square)]
    ['', '', 'w·x', 'v₁²']
    """
    return "" if value.is_leaf else text(operation_formula(value, partial(operand_formula, names)))


def operand_formula(names: Names, operand: Value | float) -> Formula:
    """Return the name of an operand, or the number of a constant, as a formula."""
    return Name(names.of(operand)) if isinstance(operand, Value) else constant(operand)


def computed_from(value: Value) -> tuple[float, dict[Value, float]]:
    """Return the result of a non-leaf Value and the data of its operands.

    The data is empty if a Value was overwritten after the forward pass, so that it does not give the result.
    """
    numbers = {x: x.data for x in value.operands if isinstance(x, Value)}
    return value.data, numbers if repr(computed_on(value, numbers)) == repr(value.data) else {}


def computed_on(value: Value, numbers: Mapping[Value, float], digits: int | None = None) -> float:
    """Recompute the operation of a non-leaf Value on other numbers; ``digits`` rounds its constants."""
    operands = [numbers[x] if isinstance(x, Value) else x for x in value.operands]
    if digits is not None:
        pairs = zip(value.operands, operands)
        operands = [x if isinstance(y, Value) else round_constant(x, digits) for y, x in pairs]
    return recompute(value, operands)


def operation_formula(
    value: Value, convert: Callable[[Value | float], Formula], elements: int = ELEMENTS
) -> Formula:
    """Return the operation of a non-leaf Value as a formula; ``convert`` converts each operand.

    Of groups with more than ``elements`` elements, the first and the last are written out, unless a single
    one would be left out. Constants equal to their default are left out.
    """
    op = value.primitive
    if op is None:
        raise ValueError(f"operation_formula() expected a non-leaf Value, got the leaf {value!r}.")
    if not op.is_many:
        return op_formula(op, [convert(operand) for operand in value.operands])
    columns = dict(zip(op.operands, regroup(value, value.operands)))
    width = max([len(column) for column in columns.values() if is_group(column)], default=0)
    cut = width > elements + 1
    indices = [*range(elements - 1), width - 1] if cut else [*range(width)]
    defaults = zip(reversed(op.operands), reversed(op.defaults))
    default_names = {
        name for name, default in defaults if type(columns[name]) is float and columns[name] == default
    }
    groups: dict[str, Formula | list[Formula]] = {
        name.rstrip("*"): [convert(column[i]) for i in indices] if is_group(column) else convert(column)
        for name, column in columns.items()
        if name not in default_names
    }
    return many_formula(op, groups, cut=cut)
