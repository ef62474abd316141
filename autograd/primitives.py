"""The table of primitives: the value of each operation, and its local derivatives.

``value(m, *operands)`` is the result. ``derivatives[i](m, out, *operands)`` is ∂out/∂operand i. Both are
written once, as plain arithmetic, and evaluated in several ways. On floats they compute (floats.py). On
Values they record a graph, so that a gradient can be differentiated again (gradients.py). On symbols they
print, and on instructions they compile.

``m`` is the namespace that a rule computes with: ``FLOATS`` or ``IEEE`` (floats.py), ``VALUES``
(operations.py), ``Symbols``, or that of the compiler. A rule uses numbers, ``+ - * /``, ``< <= > >=`` and
what ``m`` offers. It has no Python ``if``, and no function of ``math`` for an operand. The rule of exp is
``m.exp(x)``, which is not recursive: on floats that is ``math.exp`` (``KERNELS`` in floats.py). Every ``m``
offers

====================  ================================================================================
``m.exp(x)``, ...     every function of the table by its name: abs, pow, exp, log, tanh, sigmoid, ...
``m.where(c, a, b)``  a if the condition c holds, else b; both are evaluated
``m.eq(a, b)``        the condition a == b, because ``==`` of two Values compares identities
``m.each(xs, rule)``  the list of ``rule(x)`` for each element of a group
``m.positions(xs)``   the positions 0.0, 1.0, 2.0, ... of the elements of a group
``m.sum(xs)``         the sum of a group, from left to right
``m.dot(ws, xs, b)``  b + w₁·x₁ + w₂·x₂ + …, from left to right
``m.largest(xs)``     the largest element of a group, as a constant; −inf if the group is empty
====================  ================================================================================

A local derivative of None means that no gradient flows to the operand, as for a dead relu, whose operand is
negative. It receives no product, not even 0·∞ = nan, and ``backward()`` does not visit it. 0.0 is an ordinary
number.

An operand whose name ends in ``*`` is a *group*, any number of operands. Its derivative is a list.

A new entry also needs a method in value.py, ``f = unary(table.F)``, a function in operations.py, ``f =
function_of_one(table.F)``, and its name in ``__init__.py``, twice. With two operands these are
``binary(table.F, is_operator=False)`` and ``function_of_two(table.F)``. If its value is a function of
``math``, it needs its name in ``KERNELS`` (floats.py). An entry that a user adds with ``primitive()`` needs
none of this.

The derivatives are those of the standard tables (Abramowitz and Stegun, chapters 4 and 7). If a form was
chosen for its accuracy, a comment gives the reason.
"""

# The operands of a rule are floats, Values, symbols or instructions, which have no common type.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

#: The function of a value or of a local derivative.
Rule = Callable[..., Any]

#: Every primitive by its name.
PRIMITIVES: dict[str, Primitive] = {}


class Primitive:
    """One entry of the table. Creating it adds it to ``PRIMITIVES``.

    >>> MUL
    <primitive mul: a·b>
    >>> MUL.derivatives[0](None, 10.0, 2.0, 5.0)  # ∂(a·b)/∂a at a = 2, b = 5
    5.0

    Args:
        name: The name of its function and of its method.
        value: ``value(m, *operands)``.
        derivatives: ``derivative(m, out, *operands)`` for each operand.
        doc: A description in a few words, by default the formula.
        operands: The names of the operands, separated by spaces; by default "x", or "a b" for two.
        template: The printed form, by default a call. With a group, the part before ``…`` is printed once
            for each element: "{weights}·{inputs} + … + {bias}".
        defaults: The numbers for operands that are omitted at the end of a printed or parsed call.

    Raises:
        ValueError: If there is not one derivative for each operand.
    """

    def __init__(
        self,
        name: str,
        value: Rule,
        *derivatives: Rule,
        doc: str = "",
        operands: str = "",
        template: str = "",
        defaults: tuple[float, ...] = (),
    ) -> None:
        self.name, self.value, self.derivatives, self.defaults = name, value, derivatives, defaults
        self.operands = tuple((operands or ("x" if len(derivatives) == 1 else "a b")).split())
        if len(derivatives) != len(self.operands):
            raise ValueError(
                f"{name}() expected one derivative for each of the operands {', '.join(self.operands)}, "
                f"got {len(derivatives)}. Pass one function for each, or name the operands: operands='a b c'."
            )
        #: True if it has a group of operands, or more than two operands.
        self.is_many = "*" in operands or len(self.operands) > 2
        listed = [f"{{{o[:-1]}}}, …" if o.endswith("*") else f"{{{o}}}" for o in self.operands]
        self.template = template or f"{name}({', '.join(listed)})"
        #: The printed form with the names of the operands: ``a·b``.
        self.formula = self.template.replace("{", "").replace("}", "")
        self.doc = doc or self.formula
        PRIMITIVES[name] = self

    def __repr__(self) -> str:
        return f"<primitive {self.name}: {self.formula}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return primitive_named, (self.name,)  # a pickle includes the name, because rules cannot be pickled


def primitive_named(name: str) -> Primitive:
    """Return the entry of that name, for unpickling."""
    return PRIMITIVES[name]


# Arithmetic ---------------------------------------------------------------------------------------

# Value.__add__ and Value.__mul__ are written out, for speed (value.py). Their entries here have every other
# use; a test compares them with the written-out code.
ADD = Primitive(
    "add", lambda m, a, b: a + b, lambda m, out, a, b: 1.0, lambda m, out, a, b: 1.0, template="{a} + {b}"
)
SUB = Primitive(
    "sub", lambda m, a, b: a - b, lambda m, out, a, b: 1.0, lambda m, out, a, b: -1.0, template="{a} − {b}"
)
MUL = Primitive(
    "mul", lambda m, a, b: a * b, lambda m, out, a, b: b, lambda m, out, a, b: a, template="{a}·{b}"
)
DIV = Primitive(
    "div",
    lambda m, a, b: a / b,
    lambda m, out, a, b: 1.0 / b,
    lambda m, out, a, b: -out / b,  # not −a/b²: b² may overflow or vanish
    doc="a / b, rounded once",
    template="{a} / {b}",
)
NEG = Primitive("neg", lambda m, x: -x, lambda m, out, x: -1.0, template="−{x}")


def _pow_base(m: Any, out: Any, a: Any, b: Any) -> Any:
    size, exponent, product = m.abs(a), m.abs(b), b * m.pow(a, b - 1.0)
    # b·out / a is equal to it. It is used where a**(b − 1), or its derivative, overflows although the product
    # with a small b does not, and where b − 1 rounds to an even number. The factor keeps 1/a finite.
    factor = m.where(size < 1e-140, 2.0**600, 1.0)
    quotient = (b * factor) * (out / (m.where(size > 0.0, a, 1.0) * factor))
    # At b = 0 the power is 1 for every a, so the derivative is 0 even where a**−1 is infinite.
    at_a_zero = m.where(m.eq(b, 0.0), None, product)
    small = m.where(size > 0.0, m.where(size < 1e-140, quotient, product), at_a_zero)
    large = m.where(exponent < 2.0**53, product, m.where(a < -0.5, quotient, product))
    return m.where(exponent < 0.5, small, large)


def _pow_exponent(m: Any, out: Any, a: Any, b: Any) -> Any:
    # If 1/a, the derivative of log(a), overflows, a is scaled.
    scaled = out * (m.log(2.0**600 * a) - 600.0 * math.log(2.0))
    derivative = m.where(a < 2.0**-1022, scaled, out * m.log(a))
    return m.where(m.eq(a, 0.0), m.where(b >= 0.0, None, derivative), derivative)  # 0**b is flat for b ≥ 0


POW = Primitive(
    "pow",
    lambda m, a, b: m.pow(a, b),
    _pow_base,
    _pow_exponent,
    doc="a ** b; 0**0 is 1, a negative base to a fraction is nan",
    template="{a}^{b}",
)
ABS = Primitive(
    "abs",
    lambda m, x: m.abs(x),
    lambda m, out, x: m.where(x < 0.0, -1.0, m.where(x > 0.0, 1.0, None)),
    doc="|x|; the derivative at 0 is 0",
    template="|{x}|",
)

# Exponentials, logarithms, roots ------------------------------------------------------------------

EXP = Primitive("exp", lambda m, x: m.exp(x), lambda m, out, x: out, doc="e to the power x")
# The derivative is not written out + 1, which has no digits left where exp(x) is tiny.
EXPM1 = Primitive(
    "expm1", lambda m, x: m.expm1(x), lambda m, out, x: m.exp(x), doc="exp(x) − 1, precise for small x"
)
LOG = Primitive("log", lambda m, x: m.log(x), lambda m, out, x: 1.0 / x, doc="natural logarithm")
LOG1P = Primitive(
    "log1p", lambda m, x: m.log1p(x), lambda m, out, x: 1.0 / (1.0 + x), doc="log(1 + x), precise for small x"
)
SQRT = Primitive(
    "sqrt", lambda m, x: m.sqrt(x), lambda m, out, x: 0.5 / out, doc="square root", template="√{x}"
)

# Waves and the bell curve -------------------------------------------------------------------------

SIN = Primitive("sin", lambda m, x: m.sin(x), lambda m, out, x: m.cos(x), doc="sine of x in radians")
COS = Primitive("cos", lambda m, x: m.cos(x), lambda m, out, x: -m.sin(x), doc="cosine of x in radians")
ERF = Primitive(
    "erf",
    lambda m, x: m.erf(x),
    lambda m, out, x: 2.0 / math.sqrt(math.pi) * m.exp(-(x * x)),
    doc="error function, 2/√π · ∫₀ˣ exp(−t²) dt",
)
ERFC = Primitive(
    "erfc",
    lambda m, x: m.erfc(x),
    lambda m, out, x: -2.0 / math.sqrt(math.pi) * m.exp(-(x * x)),
    doc="1 − erf(x), with all its digits where erf rounds to 1",
)

# Activations --------------------------------------------------------------------------------------


def _sech(m: Any, x: Any) -> Any:
    e = m.exp(-m.abs(x))  # at most 1, so nothing overflows
    return 2.0 * e / (1.0 + e * e)


SECH = Primitive("sech", _sech, lambda m, out, x: -out * m.tanh(x), doc="1 / cosh(x), hyperbolic secant")


def _tanh_derivative(m: Any, out: Any, x: Any) -> Any:
    sech = m.sech(x)
    return sech * sech  # 1 − out² has no digits left where out rounds to 1


TANH = Primitive("tanh", lambda m, x: m.tanh(x), _tanh_derivative, doc="hyperbolic tangent")


def _sigmoid(m: Any, x: Any) -> Any:
    e = m.exp(-m.abs(x))  # at most 1, so nothing overflows
    return m.where(x < 0.0, e, 1.0) / (1.0 + e)


def _sigmoid_derivative(m: Any, out: Any, x: Any) -> Any:
    # In out · (1 − out), 1 − out has no digits left where out rounds to 1, nor has its derivative at 0.
    half = 0.5 * m.sech(0.5 * x)
    return half * half


SIGMOID = Primitive("sigmoid", _sigmoid, _sigmoid_derivative, doc="1 / (1 + exp(−x))")
RELU = Primitive(
    "relu",
    lambda m, x: m.where(x <= 0.0, 0.0, x),
    lambda m, out, x: m.where(x <= 0.0, None, 1.0),
    doc="x where x > 0, else 0; the derivative at 0 is 0",
)
LEAKY_RELU = Primitive(
    "leaky_relu",
    lambda m, x: m.where(x > 0.0, x, 0.01 * x),
    lambda m, out, x: m.where(x > 0.0, 1.0, 0.01),
    doc="x where x > 0, else 0.01·x; the derivative at 0 is 0.01",
)
ELU = Primitive(
    "elu",
    lambda m, x: m.where(x > 0.0, x, m.expm1(x)),
    lambda m, out, x: m.where(x <= 0.0, m.exp(x), 1.0),
    doc="x where x > 0, else exp(x) − 1",
)


def _normal_cdf(m: Any, x: Any) -> Any:
    return 0.5 * m.erfc(-math.sqrt(0.5) * x)  # 1 + erf has no digits left below −6


GELU = Primitive(
    "gelu",
    lambda m, x: x * _normal_cdf(m, x),
    lambda m, out, x: _normal_cdf(m, x) + x * (1.0 / math.sqrt(2.0 * math.pi) * m.exp(-0.5 * (x * x))),
    doc="x·Φ(x) with the normal distribution function Φ, the exact form (by erf)",
)
SILU = Primitive(
    "silu",
    lambda m, x: x * m.sigmoid(x),
    lambda m, out, x: m.sigmoid(x) * (1.0 + x * m.sigmoid(-x)),
    doc="x·sigmoid(x), also called swish",
)
SOFTPLUS = Primitive(
    "softplus",
    lambda m, x: m.where(x <= 0.0, 0.0, x) + m.log1p(m.exp(-m.abs(x))),
    lambda m, out, x: m.sigmoid(x),
    doc="log(1 + exp(x)), a smooth relu that never overflows",
)

# Choosing -----------------------------------------------------------------------------------------


def _larger(m: Any, a: Any, b: Any) -> Any:
    """Return 1 where a is larger, ½ where they tie, None where b is larger."""
    return m.where(a < b, None, m.where(m.eq(a, b), 0.5, 1.0))


MAXIMUM = Primitive(
    "maximum",
    lambda m, a, b: m.where(a < b, b, m.where(b <= a, a, a + b)),  # a + b is reached, and nan, if one is nan
    lambda m, out, a, b: _larger(m, a, b),
    lambda m, out, a, b: _larger(m, b, a),
    doc="the larger of a and b; where they tie, half the gradient each; nan if either is",
    template="max({a}, {b})",
)
MINIMUM = Primitive(
    "minimum",
    lambda m, a, b: m.where(b < a, b, m.where(a <= b, a, a + b)),
    lambda m, out, a, b: _larger(m, b, a),
    lambda m, out, a, b: _larger(m, a, b),
    doc="the smaller of a and b; where they tie, half the gradient each; nan if either is",
    template="min({a}, {b})",
)

# Many operands ------------------------------------------------------------------------------------

SUM_OF = Primitive(
    "sum",
    lambda m, values: m.sum(values),
    lambda m, out, values: m.each(values, lambda x: 1.0),
    doc="the sum of the values, added from left to right",
    operands="values*",
    template="{values} + …",
)
# dot() is written out too (operations.py), and compared with this entry by a test.
DOT = Primitive(
    "dot",
    lambda m, weights, inputs, bias: m.dot(weights, inputs, bias),
    lambda m, out, weights, inputs, bias: inputs,
    lambda m, out, weights, inputs, bias: weights,
    lambda m, out, weights, inputs, bias: 1.0,
    doc="bias + w₁·x₁ + w₂·x₂ + …, added from left to right: a neuron in one node",
    operands="weights* inputs* bias",
    template="{weights}·{inputs} + … + {bias}",
    defaults=(0.0,),
)


def _logsumexp(m: Any, values: Any) -> Any:
    top = m.largest(values)
    top = m.where(m.eq(m.abs(top), math.inf), 0.0, top)  # inf − inf would be nan
    # exp(x − top) is 1 for the largest element; with log1p, the terms added to it keep their digits.
    ties = m.sum(m.each(values, lambda x: m.where(m.eq(x, top), 1.0, 0.0)))
    rest = m.sum(m.each(values, lambda x: m.where(m.eq(x, top), 0.0, m.exp(x - top))))
    return top + m.log1p((ties - 1.0) + rest)


def _softmax(m: Any, out: Any, values: Any) -> Any:
    parts = m.each(values, lambda x: m.exp(x - out))
    total = m.sum(parts)  # 1, except for the rounding of out, which is coarse if out is large
    return m.each(parts, lambda x: m.where(x > 0.0, x / total, x))


LOGSUMEXP = Primitive(
    "logsumexp", _logsumexp, _softmax, doc="log(Σ exp(x)) without overflow on the way", operands="values*"
)
TAKE = Primitive(
    "take",
    lambda m, values, index: m.take(values, index),
    lambda m, out, values, index: m.each(m.positions(values), lambda i: m.where(m.eq(i, index), 1.0, None)),
    lambda m, out, values, index: None,  # the index moves in steps
    doc="the value at an index, counted from 0; nan where there is none",
    operands="values* index",
)
