"""scope(): named parts of a graph, in pictures and elsewhere."""

import copy
from typing import Any

import pytest

from autograd import (
    Value,
    compile,
    detect_anomaly,
    draw,
    no_grad,
    scope,
    sin,
    tanh,
    topological_order,
)
from autograd.scopes import scopes_of
from autograd.source_lines import source_line
from autograd.view.picture.cards import Frame


def test_values_know_the_parts_that_computed_them() -> None:
    x = Value(2.0)
    with scope("outer") as outer:
        a = x * 2.0
        with scope("inner") as inner:
            b = a + 1.0
        c = sin(b)
    assert [scopes_of(v) for v in (x, a, b, c, c * 2.0)] == [(), (outer,), (outer, inner), (outer,), ()]
    c.label = "c"
    assert scopes_of(c) == (outer,)


def test_each_call_of_a_decorated_function_is_a_part() -> None:
    @scope("cell")
    def cell(x: Value) -> Value:
        return tanh(x)

    first, second = cell(Value(1.0)), cell(Value(2.0))
    (a,), (b,) = scopes_of(first), scopes_of(second)
    assert a is not b
    assert a.name == b.name == "cell"


@pytest.mark.parametrize("anomaly_first", [True, False])
def test_scope_and_detect_anomaly_both_keep_their_notes(anomaly_first: bool) -> None:
    modes: list[Any] = [detect_anomaly(), scope("part")]
    with modes[not anomaly_first], modes[anomaly_first]:
        y = Value(1.0) * 2.0
        z = Value(1.0) * 3.0
    assert scopes_of(y) == (modes[1],) == scopes_of(z)
    assert source_line(y) is not None


def test_no_grad_and_gradients() -> None:
    x = Value(3.0)
    with scope("part"):
        with no_grad():
            assert scopes_of(x * 2.0) == ()
        y = x * x
    y.backward()
    assert x.grad == 6.0
    assert scopes_of(copy.copy(y.detach())) == ()


def test_compiled_program_ignores_scopes() -> None:
    w = Value(2.0)

    def loss(x: Any) -> Value:
        with scope("product"):
            p = w * x
        return p**2

    step = compile(loss, backend="python")
    assert [step(1.0), step(3.0)] == [4.0, 36.0]
    with scope("all"):
        assert step(2.0) == 16.0
    assert not step.fallbacks


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (3, TypeError, r"scope\(\) expected a str as the name, got int 3\. Use str\(\) first"),
        (" ", ValueError, r"scope\(\) expected a name, got ' '\. Pass the title of the box"),
    ],
)
def test_name_must_be_a_text(name: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        scope(name)


# Pictures -----------------------------------------------------------------------------------------


def steps(count: int) -> tuple[Value, list[scope]]:
    w, u = Value(0.5, label="w"), Value(0.8, label="u")
    h: Value | float = 0.0
    parts: list[scope] = []
    for t in range(count):
        with scope("step") as part:
            h = tanh(w * Value(float(t)) + u * h)
        parts.append(part)
    assert isinstance(h, Value)
    return h, parts


def names_in(frame: Frame, root: Value) -> list[str]:
    names = {card.key: card.name for card in draw(root)._picture.cards}
    return [names[key] for key in frame.keys]


def test_parts_of_a_small_graph_are_framed() -> None:
    x = Value(2.0, label="x")
    with scope("outer"):
        a = x * Value(3.0, label="own")
        with scope("inner"):
            b = sin(a)
    root = b + x
    outer, *others = draw(root)._picture.frames
    assert (outer.label, others) == ("outer", [])
    assert names_in(outer, root) == ["own", "v₁"]
    assert [(inner.label, names_in(inner, root)) for inner in outer.inner] == [("inner", ["v₂"])]
    assert "outer" in draw(root).svg


def test_parts_of_a_large_graph_are_one_card_each_in_order() -> None:
    root, _ = steps(3)
    root = (root - 1.0) ** 2 * 2.0 + 3.0
    root.backward()
    picture = draw(root)._picture
    cards = [(card.name, card.expression) for card in picture.cards if card.name.startswith("step")]
    assert cards == [("step 1", "4 operations"), ("step 2", "4 operations"), ("step 3", "4 operations")]
    assert picture.note == (
        f"{len(topological_order(root))} Values; each named part is one card, draw(…, expand=part) opens it; "
        "draw(…, limit=None) draws every Value"
    )


def test_equal_parts_are_folded_and_numbered() -> None:
    root, _ = steps(20)
    names = [card.name for card in draw(root)._picture.cards]
    assert names == ["step 1", "… × 18", "step 20"]


def test_a_part_can_be_opened() -> None:
    root, parts = steps(20)
    picture = draw(root, expand=parts[3])._picture
    frame = next(frame for frame in picture.frames if frame.label == "step 4")
    assert len(frame.keys) >= 4
    names = [card.name for card in picture.cards]
    assert "step 4" not in names
    assert "step 5" in names


def test_inner_part_opens_the_parts_around_it() -> None:
    x = Value(0.5)
    for _ in range(4):
        with scope("outer"):
            for _ in range(4):
                x = sin(x) + tanh(x)
            with scope("inner") as inner:
                x = sin(x) * x
    frames = draw(x, expand=inner)._picture.frames
    assert [(f.label, [g.label for g in f.inner]) for f in frames] == [("outer 4", ["inner 4"])]


def test_other_scope_raises() -> None:
    root, parts = steps(2)
    with pytest.raises(
        ValueError, match=r"draw\(\) expected a scope of the graph for expand, got scope\('s'\)"
    ):
        draw(root, expand=scope("s"))
    with pytest.raises(TypeError, match="expected a module, a scope or a list for expand, got str 'step'"):
        draw(root, expand="step")  # type: ignore[arg-type]
    assert parts[0] in scopes_of(root.operands[0].operands[1].operands[1])  # type: ignore[union-attr]
