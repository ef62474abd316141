"""The tape: which instructions are folded or simplified, and which are not."""

import math
from collections.abc import Callable
from operator import neg
from typing import Any

import pytest

from autograd.compiler.ir.tape import Handle, Meaning, Tape, needed, run_instruction
from autograd.compiler.passes.differentiate import vjp
from autograd.compiler.passes.expand import expand

from ...._support.table import bits


def emitted(make: Callable[[Handle], Any]) -> str:
    """Return the instruction that ``make`` emits for the handle of a leaf, which is %0."""
    tape = Tape()
    result: Handle = make(tape.handle(tape.source("leaf", 0)))
    return tape.lines([result.place])[0].partition(" = ")[2]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x * 1.0, "leaf 0"),
        (lambda x: 1.0 * x, "leaf 0"),
        (lambda x: x * -1.0, "neg %0"),
        (lambda x: -1.0 * x, "neg %0"),
        (lambda x: x / 1.0, "leaf 0"),
        (lambda x: x**1.0, "leaf 0"),
        (lambda x: x - 0.0, "leaf 0"),
        (lambda x: x + -0.0, "leaf 0"),
        (lambda x: -0.0 + x, "leaf 0"),
        (lambda x: neg(neg(x)), "leaf 0"),
        (lambda x: x**2.0, "mul %0 %0"),
        (lambda x: x**-1.0, "div %2 %0"),
        # −0 + 0 is 0, 0 − x is not −x for x = 0, and inf · 0 and nan / nan are nan.
        (lambda x: x + 0.0, "add %0 %1"),
        (lambda x: 0.0 + x, "add %1 %0"),
        (lambda x: x - -0.0, "sub %0 %1"),
        (lambda x: 0.0 - x, "sub %1 %0"),
        (lambda x: x * 0.0, "mul %0 %1"),
        (lambda x: x / x, "div %0 %0"),
        (lambda x: 1.0 / x, "div %1 %0"),
        (lambda x: x**3.0, "pow %0 %1"),
        (lambda x: 2.0**x, "pow %1 %0"),
        (lambda x: abs(x), "abs %0"),
        (lambda x: -x, "neg %0"),
    ],
)
def test_only_exact_simplifications_are_applied(make: Callable[[Handle], Any], expected: str) -> None:
    assert emitted(make) == expected


def test_where_with_constant_condition_is_folded() -> None:
    tape = Tape()
    m = Meaning(tape, expand=False)
    a, b = (tape.handle(tape.source("leaf", i)) for i in range(2))
    one, two = (tape.handle(tape.source("const", x)) for x in (1.0, 2.0))
    assert m.where(one < two, a, b).place == m.where(True, a, b).place == a.place
    assert m.where(two < one, a, b).place == m.where(False, a, b).place == b.place
    assert m.where(a < b, a, a).place == a.place
    assert tape.code[m.where(a < b, a, b).place][0] == "where"
    assert m.where(one < two, None, b) is None


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x < 1.0, "lt %0 %1"),
        (lambda x: x <= 1.0, "le %0 %1"),
        (lambda x: x > 1.0, "lt %1 %0"),
        (lambda x: x >= 1.0, "le %1 %0"),
        (lambda x: 1.0 < x, "lt %1 %0"),  # noqa: SIM300
    ],
)
def test_a_comparison_is_a_condition(make: Callable[[Handle], Any], expected: str) -> None:
    assert emitted(make) == expected


def test_vjp_selects_zero_where_derivative_is_none() -> None:
    """The gradient is multiplied in each branch, so that an infinite one is never multiplied by 0."""
    tape = Tape()
    m = Meaning(tape, expand=False)
    g, x, d = (tape.handle(tape.source("leaf", i)) for i in range(3))
    inner = m.where(x < 0.0, None, d)
    cotangent = vjp(m, g, m.where(d < x, 1.0, inner))
    assert tape.lines()[3:] == [
        "%3 = const 0.0",
        "%4 = lt %1 %3",
        "%5 = lt %2 %1",
        "%6 = const 1.0",
        "%7 = mul %0 %2",
        "%8 = where %4 %3 %7",
        "%9 = where %5 %0 %8",
    ]
    assert cotangent.place == 9
    assert vjp(m, g, None) == 0.0


@pytest.mark.parametrize(
    ("operation", "numbers", "expected"),
    [
        ("div", [1.0, 0.0], math.inf),
        ("pow", [-8.0, 1.0 / 3.0], math.nan),
        ("neg", [0.0], -0.0),
        ("largest", [1.0, 3.0, 2.0], 3.0),
        ("sum", [1.0, 2.0, 4.0], 7.0),
        ("dot", [1.0, 2.0, 3.0, 4.0, 5.0], 16.0),
        ("exp", [1000.0], math.inf),
        ("le", [2.0, 2.0], 1.0),
        ("eq", [math.nan, math.nan], 0.0),
    ],
)
def test_constant_folding_matches_the_table(operation: str, numbers: list[float], expected: float) -> None:
    assert bits(run_instruction(operation, numbers)) == bits(expected)
    tape = Tape()
    place = tape.apply(operation, tuple([tape.source("const", x) for x in numbers]))
    constant = tape.constant(place)
    assert constant is not None
    assert bits(constant) == bits(expected)


def test_equal_instructions_are_entered_once_unless_appended() -> None:
    tape = Tape(batch_size=3)
    x = tape.source("row", 0)
    assert tape.constant(x) is None
    assert tape.source("const", 0.0) != tape.source("const", -0.0)
    product = tape.apply("mul", (x, x))
    assert tape.apply("mul", (x, x)) == product
    copy = tape.append("mul", (x, x), is_batched=True)
    assert copy == len(tape.code) - 1 != product
    total = tape.apply("batch_sum", (copy,))
    assert [tape.is_batched[i] for i in (product, copy, total)] == [True, True, False]
    assert tape.lines([copy, total]) == [f"%{copy}[] = mul %0 %0", f"%{total} = batch_sum %{copy}"]
    assert needed(tape, [total]) == [x, copy, total]


def test_batch_sum_of_unbatched_value_becomes_product() -> None:
    old = Tape(batch_size=3)
    x, row = old.source("leaf", 0), old.source("row", 0)
    shared, own = old.apply("batch_sum", (x,)), old.apply("batch_sum", (row,))
    log = old.apply("logsumexp", (x, shared))
    softplus = old.apply("softplus", (x,))
    new, places = expand(old, [shared, own, log, softplus])
    assert (
        new.lines([places[shared]])[0].partition(" = ")[2] == f"mul %{places[x]} %{new.source('const', 3.0)}"
    )
    assert new.code[places[own]] == ("batch_sum", (places[row],))
    names = {name for name, _ in new.code}
    assert not names & {"logsumexp", "softplus"}  # expanded
    assert {"largest", "exp", "log1p"} <= names


def test_batch_sum_of_constant_is_not_folded() -> None:
    """The expansion multiplies it by the batch size."""
    tape = Tape(batch_size=3)
    one = tape.source("const", 1.0)
    total = tape.apply("batch_sum", (one,))
    assert tape.code[total] == ("batch_sum", (one,))
    new, places = expand(tape, [total])
    assert new.constant(places[total]) == 3.0


def test_logsumexp_of_no_operands_is_a_constant() -> None:
    tape = Tape()
    assert tape.constant(Meaning(tape, expand=True).apply("logsumexp", []).place) == -math.inf


def test_handle_has_repr_and_raises_in_conditions() -> None:
    tape = Tape()
    x = tape.handle(tape.source("leaf", 7))
    assert repr(x) == "<handle %0 = leaf 7>"
    with pytest.raises(TypeError, match=r"write where\(c, a, b\)"):
        bool(x)
    with pytest.raises(TypeError, match=r"write m\.eq\(a, b\)"):
        _ = x == 7.0


def test_unknown_function_in_rule_raises() -> None:
    m: Any = Meaning(Tape(), expand=False)
    with pytest.raises(AttributeError, match="the rule language has no function 'sinh'"):
        m.sinh(1.0)
