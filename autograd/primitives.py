"""The table of primitives: what each operation is worth and how it passes a gradient back.

Each entry states its value and its derivative rule once. The rule is a *vector-Jacobian product*
(VJP): given the cotangent ``g`` of the result (∂loss/∂out), the result ``out`` and the operands,
it gives the cotangent of one operand. At ``g = 1`` it is the local derivative ∂out/∂operand.

Rules are written in a small language, so that they can be *read* in several ways: arithmetic
operators, numbers, and the functions of ``m``, the meaning the reader brings: every primitive by
name, ``where(condition, a, b)``, ``lt``, ``le`` and ``eq``. On floats they compute, on Values they
record a graph (so a gradient can be differentiated again), on symbols they print. There is no
Python ``if`` and no ``math`` in a rule. A masked operation *selects* (``where``), it does not
multiply by 0 or 1, so an infinite cotangent does not turn into nan behind a dead relu.

No derivative is written anywhere else. The sources of the derivatives are the standard tables
(Abramowitz & Stegun, chapters 4 and 7); where a form was chosen for its accuracy the entry says so.
"""

# A rule is read on floats, Values and symbols alike: the operands of its lambda are of no one type.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Rule = Callable[..., Any]

#: How tightly an operation binds when it is printed; a call or a name never needs brackets.
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)


class Primitive:
    """One entry of the table.

    ``value(m, *operands)`` is the result and ``vjps[i](m, g, out, *operands)`` the cotangent of
    operand ``i``. ``operands`` names them; a trailing ``*`` marks a group of any length, which makes
    the primitive *n-ary*: its value sees whole groups, its rules see one lane, the i-th element of
    every group. After the groups one single operand may come. ``defaults`` stand in for operands left
    out at the end. ``template`` prints the operation and ``binds`` says how tightly; an n-ary one
    prints ``lane`` for each lane, joined by ``separator``. ``operator`` marks what Python spells with
    an operator or a builtin, not a name. The rules of a ``numbered`` one are given the number of their
    lane as well, after the operands: they may depend on it.

    >>> MUL
    <primitive mul: a·b>
    >>> MUL.vjps[0](None, 1.0, 10.0, 2.0, 5.0)  # ∂(a·b)/∂a at a = 2, b = 5
    5.0
    """

    __slots__ = (
        "binds", "defaults", "doc", "lane", "name", "nary", "numbered", "operands", "operator", "pull",
        "pulls", "pushes", "run", "separator", "template", "value", "vjps",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        value: Rule,
        *vjps: Rule,
        doc: str,
        operands: tuple[str, ...] = (),
        defaults: tuple[float, ...] = (),
        template: str = "",
        lane: str = "",
        separator: str = " + ",
        binds: int = ATOM,
        operator: bool = False,
        numbered: bool = False,
    ) -> None:
        self.name = name
        self.value = value
        self.vjps = vjps
        self.doc = doc
        self.operands = operands or (("x",) if len(vjps) == 1 else ("a", "b"))
        if len(self.operands) != len(vjps):
            raise ValueError(
                f"{name} has {len(self.operands)} operands but {len(vjps)} rules; give one rule each"
            )
        self.defaults = defaults
        self.nary = any(operand.endswith("*") for operand in self.operands)
        if self.nary and not all(operand.endswith("*") for operand in self.operands[:-1]):
            raise ValueError(
                f"{name} has the operands {', '.join(self.operands)}; give groups, and after them one "
                "single operand at most"
            )
        self.template = template or f"{name}({', '.join('{' + o + '}' for o in self.operands)})"
        self.lane = lane
        self.separator = separator
        self.binds = binds
        self.operator = operator
        self.numbered = numbered
        #: The readings on floats, made from the rules when first needed (arithmetic.py).
        self.run: Rule = value
        self.pulls: tuple[Rule, ...] = ()
        self.pull: Rule | None = None
        self.pushes: Mapping[Any, Rule] = {}

    def at_lane(self, groups: Sequence[Any], lane: int) -> list[Any]:
        """What the rule of a lane is given of the operands: its element of each group, and its number.

        >>> DOT.at_lane([[2.0, 3.0], [4.0, 5.0], 1.0], 1)
        [3.0, 5.0, 1.0]
        """
        seen = [x[lane] if isinstance(x, list) else x for x in groups]
        return [*seen, float(lane)] if self.numbered else seen

    @property
    def formula(self) -> str:
        """How it is written, in the names of its operands: ``a·b``."""
        shown = self.template.replace("{lanes}", self.lane + self.separator + "…")
        return shown.replace("{", "").replace("}", "")

    def __repr__(self) -> str:
        return f"<primitive {self.name}: {self.formula}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_entry_named, (self.name,))


PRIMITIVES: dict[str, Primitive] = {}


def _entry_named(name: str) -> Primitive:
    return PRIMITIVES[name]


def primitive(name: str, value: Rule, *vjps: Rule, **more: Any) -> Primitive:
    """Enter a primitive into the table; from then on it runs, draws, explains itself and is tested."""
    if name in PRIMITIVES:
        raise ValueError(f"the table already has a primitive named {name!r}; choose another name")
    entry = PRIMITIVES[name] = Primitive(name, value, *vjps, **more)
    return entry


# Arithmetic ---------------------------------------------------------------------------------------

ADD = primitive(
    "add",
    lambda m, a, b: a + b,
    lambda m, g, out, a, b: g,
    lambda m, g, out, a, b: g,
    template="{a} + {b}", binds=SUM, operator=True,
    doc="a + b",
)  # fmt: skip
SUB = primitive(
    "sub",
    lambda m, a, b: a - b,
    lambda m, g, out, a, b: g,
    lambda m, g, out, a, b: -g,
    template="{a} − {b}", binds=SUM, operator=True,
    doc="a − b",
)  # fmt: skip
MUL = primitive(
    "mul",
    lambda m, a, b: a * b,
    lambda m, g, out, a, b: g * b,
    lambda m, g, out, a, b: g * a,
    template="{a}·{b}", binds=PRODUCT, operator=True,
    doc="a · b",
)  # fmt: skip
DIV = primitive(
    "div",
    lambda m, a, b: a / b,
    lambda m, g, out, a, b: g / b,
    # −g·a/b² without forming b² or g·a, which may overflow or vanish long before the answer does.
    lambda m, g, out, a, b: -(g / b) * (a / b),
    template="{a} / {b}", binds=PRODUCT, operator=True,
    doc="a / b, rounded once",
)  # fmt: skip
NEG = primitive(
    "neg",
    lambda m, x: -x,
    lambda m, g, out, x: -g,
    template="−{x}", binds=SIGN, operator=True,
    doc="−x",
)  # fmt: skip


def _pow_base_vjp(m: Any, g: Any, out: Any, a: Any, b: Any) -> Any:
    # At b = 0 the power is 1 for every a, so the slope is 0 even where a**−1 is infinite; written out,
    # a**(b − 1) becomes a**b / a, so that what the slope does as b moves is not cut off.
    at_zero = m.where(m.lt(0.0, m.abs(a)), g * (b * a**b / a), 0.0)
    return m.where(m.eq(b, 0.0), at_zero, g * (b * a ** (b - 1.0)))


def _pow_exponent_vjp(m: Any, g: Any, out: Any, a: Any, b: Any) -> Any:
    slope = g * (a**b * m.log(a))
    return m.where(m.eq(a, 0.0), m.where(m.le(0.0, b), 0.0, slope), slope)  # 0**b is flat for b ≥ 0


POW = primitive(
    "pow",
    lambda m, a, b: a**b,
    _pow_base_vjp,
    _pow_exponent_vjp,
    template="{a}^{b}", binds=POWER, operator=True,
    doc="a ** b; 0**0 is 1, a negative base to a fraction is nan",
)  # fmt: skip
ABS = primitive(
    "abs",
    lambda m, x: m.abs(x),
    lambda m, g, out, x: m.where(m.lt(x, 0.0), -g, m.where(m.lt(0.0, x), g, 0.0)),
    template="|{x}|", operator=True,
    doc="|x|; the subgradient at 0 is 0",
)  # fmt: skip

# Exponentials and logarithms ----------------------------------------------------------------------

EXP = primitive(
    "exp",
    lambda m, x: m.exp(x),
    lambda m, g, out, x: g * out,
    doc="e to the power x",
)
EXPM1 = primitive(
    "expm1",
    lambda m, x: m.expm1(x),
    # e**x rather than out + 1, which has no digits left where e**x is tiny.
    lambda m, g, out, x: g * m.exp(x),
    doc="e to the power x, less 1: exact for small x",
)
LOG = primitive(
    "log",
    lambda m, x: m.log(x),
    lambda m, g, out, x: g / x,
    doc="the natural logarithm; −inf at 0, nan below",
)
LOG1P = primitive(
    "log1p",
    lambda m, x: m.log1p(x),
    lambda m, g, out, x: g / (1.0 + x),
    doc="log(1 + x), exact for small x; −inf at −1, nan below",
)
SQRT = primitive(
    "sqrt",
    lambda m, x: m.sqrt(x),
    lambda m, g, out, x: g / (2.0 * out),
    template="√{x}", binds=SIGN,
    doc="the square root; nan below 0",
)  # fmt: skip

# Waves and the bell curve -------------------------------------------------------------------------

SIN = primitive(
    "sin",
    lambda m, x: m.sin(x),
    lambda m, g, out, x: g * m.cos(x),
    doc="the sine of x in radians",
)
COS = primitive(
    "cos",
    lambda m, x: m.cos(x),
    lambda m, g, out, x: -(g * m.sin(x)),
    doc="the cosine of x in radians",
)
ERF = primitive(
    "erf",
    lambda m, x: m.erf(x),
    lambda m, g, out, x: g * ((2.0 / math.sqrt(math.pi)) * m.exp(-(x * x))),
    doc="the error function, 2/√π · ∫₀ˣ exp(−t²) dt",
)
ERFC = primitive(
    "erfc",
    lambda m, x: m.erfc(x),
    lambda m, g, out, x: -(g * ((2.0 / math.sqrt(math.pi)) * m.exp(-(x * x)))),
    doc="1 − erf(x), with all its digits where erf rounds to 1",
)

# Activations --------------------------------------------------------------------------------------


def _tanh_vjp(m: Any, g: Any, out: Any, x: Any) -> Any:
    # 1 − tanh² loses all its digits where tanh rounds to 1; 4·σ(2x)·σ(−2x), the same number, does not.
    # (A form in exp(−|x|) would have a kink at 0, which is wrong from the third derivative on.)
    square = out * out
    tail = 4.0 * m.sigmoid(2.0 * x) * m.sigmoid(-2.0 * x)
    return m.where(m.lt(square, 0.8), g * (1.0 - square), g * tail)


TANH = primitive(
    "tanh",
    lambda m, x: m.tanh(x),
    _tanh_vjp,
    doc="the hyperbolic tangent; its derivative keeps its digits in the saturated tails",
)


def _sigmoid(m: Any, x: Any) -> Any:
    e = m.exp(-m.abs(x))  # never above 1, so nothing overflows
    return m.where(m.lt(x, 0.0), e, 1.0) / (1.0 + e)


def _sigmoid_vjp(m: Any, g: Any, out: Any, x: Any) -> Any:
    # 1 − s loses all its digits where s rounds to 1; s(−x), the same number, does not.
    return m.where(m.lt(out, 0.75), g * (out * (1.0 - out)), g * (out * m.sigmoid(-x)))


SIGMOID = primitive(
    "sigmoid",
    _sigmoid,
    _sigmoid_vjp,
    doc="1 / (1 + exp(−x)); its derivative keeps its digits in the saturated tails",
)
RELU = primitive(
    "relu",
    lambda m, x: m.where(m.le(x, 0.0), 0.0, x),
    lambda m, g, out, x: m.where(m.le(x, 0.0), 0.0, g),
    doc="x where x > 0, else 0; the subgradient at 0 is 0",
)
LEAKY_RELU = primitive(
    "leaky_relu",
    lambda m, x: m.where(m.lt(0.0, x), x, 0.01 * x),
    lambda m, g, out, x: m.where(m.lt(0.0, x), g, 0.01 * g),
    doc="x where x > 0, else 0.01·x; the subgradient at 0 is 0.01",
)
ELU = primitive(
    "elu",
    lambda m, x: m.where(m.lt(0.0, x), x, m.expm1(x)),
    lambda m, g, out, x: m.where(m.le(x, 0.0), g * m.exp(x), g),
    doc="x where x > 0, else exp(x) − 1",
)


def _normal_cdf(m: Any, x: Any) -> Any:
    return 0.5 * m.erfc(-math.sqrt(0.5) * x)  # by erfc: 1 + erf has no digits left below −6


GELU = primitive(
    "gelu",
    lambda m, x: x * _normal_cdf(m, x),
    lambda m, g, out, x: (
        g * (_normal_cdf(m, x) + x * ((1.0 / math.sqrt(2.0 * math.pi)) * m.exp(-0.5 * (x * x))))
    ),
    doc="x·Φ(x) with the normal distribution function Φ, the exact form (by erf)",
)
SILU = primitive(
    "silu",
    lambda m, x: x * m.sigmoid(x),
    # 1 − s(x) is written s(−x): it keeps its digits where s rounds to 1.
    lambda m, g, out, x: g * (m.sigmoid(x) * (1.0 + x * m.sigmoid(-x))),
    doc="x·sigmoid(x), also called swish",
)
SOFTPLUS = primitive(
    "softplus",
    lambda m, x: m.where(m.le(x, 0.0), 0.0, x) + m.log1p(m.exp(-m.abs(x))),
    lambda m, g, out, x: g * m.sigmoid(x),
    doc="log(1 + exp(x)), a smooth relu that never overflows",
)

# Choosing -----------------------------------------------------------------------------------------

MAXIMUM = primitive(
    "maximum",
    # The sum is reached only when an operand is nan, and is then nan.
    lambda m, a, b: m.where(m.lt(a, b), b, m.where(m.le(b, a), a, a + b)),
    lambda m, g, out, a, b: m.where(m.lt(a, b), 0.0, m.where(m.eq(a, b), 0.5 * g, g)),
    lambda m, g, out, a, b: m.where(m.lt(b, a), 0.0, m.where(m.eq(a, b), 0.5 * g, g)),
    template="max({a}, {b})",
    doc="the larger of a and b; where they tie, half the gradient each; nan if either is",
)
MINIMUM = primitive(
    "minimum",
    lambda m, a, b: m.where(m.lt(b, a), b, m.where(m.le(a, b), a, a + b)),
    lambda m, g, out, a, b: m.where(m.lt(b, a), 0.0, m.where(m.eq(a, b), 0.5 * g, g)),
    lambda m, g, out, a, b: m.where(m.lt(a, b), 0.0, m.where(m.eq(a, b), 0.5 * g, g)),
    template="min({a}, {b})",
    doc="the smaller of a and b; where they tie, half the gradient each; nan if either is",
)

# Many operands at once: the value sees whole groups, a rule one lane ------------------------------

SUM_OF = primitive(
    "sum",
    lambda m, values: m.sum(values),
    lambda m, g, out, x: g,
    operands=("values*",), template="{lanes}", lane="{values}", binds=SUM,
    doc="the sum of the values, added from left to right",
)  # fmt: skip
DOT = primitive(
    "dot",
    lambda m, weights, inputs, bias: m.dot(weights, inputs, bias),
    lambda m, g, out, w, x, b: g * x,
    lambda m, g, out, w, x, b: g * w,
    lambda m, g, out, w, x, b: g,
    operands=("weights*", "inputs*", "bias"), defaults=(0.0,),
    template="{lanes} + {bias}", lane="{weights}·{inputs}", binds=SUM,
    doc="bias + w₁·x₁ + w₂·x₂ + …, added from left to right: a neuron in one node",
)  # fmt: skip


def _logsumexp(m: Any, values: Any) -> Any:
    top = m.largest(values)
    top = m.where(m.eq(m.abs(top), math.inf), 0.0, top)  # inf − inf would be nan
    return top + m.log(m.sum(m.each(values, lambda x: m.exp(x - top))))


LOGSUMEXP = primitive(
    "logsumexp",
    _logsumexp,
    lambda m, g, out, x: g * m.exp(x - out),
    operands=("values*",), template="logsumexp({lanes})", lane="{values}", separator=", ",
    doc="log(Σ exp(x)), shifted by the largest value so that nothing overflows",
)  # fmt: skip
TAKE = primitive(
    "take",
    lambda m, values, index: m.take(values, index),
    lambda m, g, out, x, index, lane: m.where(m.eq(index, lane), g, 0.0),
    lambda m, g, out, values, index: 0.0,  # it moves in steps
    operands=("values*", "index"), numbered=True,
    template="take({lanes}, {index})", lane="{values}", separator=", ",
    doc="the value at an index, counted from 0; nan where there is none",
)  # fmt: skip
