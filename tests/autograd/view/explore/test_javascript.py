"""The table as JavaScript, compared with Python's rules in a browser's engine."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from autograd.primitives import PRIMITIVES, Primitive
from autograd.view.explore.javascript import rules

from ...._support.browser import chromium, firefox, needs_chromium, needs_firefox
from ...._support.table import (
    Operands,
    ordinary_operands,
    safely_evaluated,
    special_operands,
    temporary_primitive,
)

#: Numbers that JSON lacks.
TEXTS = {math.inf: "Infinity", -math.inf: "-Infinity"}

EVALUATE = """([source, name, points]) => {
  const { value, derivatives } = eval(source)[name];
  const read = (x) => (Array.isArray(x) ? x.map(read) : typeof x === "string" ? Number(x) : x);
  const write = (x) => (x === null ? null : Object.is(x, -0) ? "-0" : String(x));
  return points.map((point) => {
    const operands = point.map(read);
    const out = value(...operands);
    const of = (rule, i) => {
      const derivative = rule(out, ...operands);
      if (!Array.isArray(operands[i])) return [derivative];
      return derivative === null ? operands[i].map(() => null) : derivative;
    };
    return [write(out), derivatives.flatMap(of).map(write)];
  });
}"""


@pytest.fixture(
    scope="module",
    params=[pytest.param("Chromium", marks=needs_chromium), pytest.param("Firefox", marks=needs_firefox)],
)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page of each browser, because their exp and pow may differ in the last place."""
    if request.param == "Chromium":
        for browser in chromium():
            yield browser.new_page()
    else:
        yield from firefox(tmp_path_factory.mktemp("profile"))


def text_of(x: Any) -> Any:
    if isinstance(x, list):
        return [*map(text_of, x)]
    return "NaN" if math.isnan(x) else TEXTS.get(x, "-0" if x == 0.0 and math.copysign(1.0, x) < 0 else x)


def in_browser(page: Any, name: str, points: list[Operands]) -> list[tuple[float, list[float | None]]]:
    numbers = json.loads(json.dumps([[text_of(x) for x in point] for point in points]))
    results = page.evaluate(EVALUATE, [rules([name]), name, numbers])
    return [(float(out), [None if d is None else float(d) for d in local]) for out, local in results]


def agrees(actual: float | None, expected: float | None, terms: float = 0.0) -> bool:
    if actual is None or expected is None:
        return actual is expected
    if math.isnan(expected) or math.isinf(expected) or expected == 0.0:
        return repr(actual) == repr(expected) or (expected == 0.0 and abs(actual) < 1e-300)
    return abs(actual - expected) <= 1e-12 * max(abs(expected), terms) + 5e-324


@pytest.mark.parametrize("entry", PRIMITIVES.values(), ids=lambda entry: entry.name)
def test_rule_in_javascript_agrees_with_python(entry: Primitive, page: Any) -> None:
    points: list[Operands] = [*ordinary_operands(entry), *special_operands(entry)]
    for point, (out, local) in zip(points, in_browser(page, entry.name, points), strict=True):
        expected, expected_local = safely_evaluated(entry, point)
        assert agrees(out, expected), (point, out, expected)
        assert len(local) == len(expected_local)
        for actual, derivative in zip(local, expected_local, strict=True):
            assert agrees(actual, derivative), (point, local, expected_local)


def test_primitive_of_the_users_own_in_javascript(page: Any) -> None:
    def value(m: Any, x: Any) -> Any:
        return x / (1.0 + m.abs(x))

    def derivative(m: Any, out: Any, x: Any) -> Any:
        root = 1.0 + m.abs(x)
        return 1.0 / (root * root)

    with temporary_primitive("softsign", value, derivative, operands="new") as entry:
        points: list[Operands] = [[x] for x in (-2.0, 0.0, 0.5, 3.0)]
        for point, result in zip(points, in_browser(page, "softsign", points), strict=True):
            assert result == safely_evaluated(entry, point)


def test_rules_are_printed_once_with_what_they_call() -> None:
    source = rules(["gelu", "sigmoid"])
    assert source.count("const $erfc =") == source.count("const $exp =") == 1
    assert "tanh" not in source
    assert "sum" not in source
