"""The scene of a pass: what is seen from which step on."""

from autograd import Value, steps
from autograd.view.notation.names import UNKNOWN
from autograd.view.steps.timeline import scene_of


def dead_relu() -> Value:
    """out = relu(h) + b with h = −3·a, where the relu passes nothing back."""
    a, b = Value(2.0, label="a"), Value(1.0, label="b")
    h = a * -3.0
    h.label = "h"
    return h.relu() + b


def test_behind_a_dead_relu_gradients_are_zero_at_the_end() -> None:
    whole = steps(dead_relu())
    scene = scene_of(whole)
    keys = {card.name: card.key for card in scene.picture.cards}
    last = whole[-1].number
    assert {card.name: card.grad for card in scene.picture.cards if card.grad} == {
        "a": "0", "h": "0", "v₁": "1", "b": "1", "out": "1"
    }  # fmt: skip
    assert {scene.gradient(keys[name], 0) for name in ("a", "h", "v₁", "b")} == {UNKNOWN}
    assert scene.gradient(keys["a"], last - 1) == UNKNOWN
    assert [scene.gradient(keys[name], last) for name in ("a", "h", "v₁", "b")] == ["0", "0", "1", "1"]


def test_every_arrow_back_appears_with_a_step() -> None:
    whole = steps(dead_relu())
    scene = scene_of(whole)
    arrows = {f"e{i}-backward": edge for i, edge in enumerate(scene.picture.edges) if edge.local}
    assert arrows.keys() <= scene.appears.keys()
    assert {scene.appears[arrow] for arrow in arrows} <= {step.number for step in whole}
    zero_arrow = next(edge for edge in arrows.values() if edge.local == "×−3")
    assert (zero_arrow.contribution, zero_arrow.vanished) == ("0", True)


def test_zero_times_infinity_is_zero_behind_a_dead_relu() -> None:
    a = Value(0.0, label="a")
    scene = scene_of(steps((-(1.0 / a)).relu()))
    assert [card.grad for card in scene.picture.cards if card.grad] == ["0", "0", "0", "1"]
    assert {edge.contribution for edge in scene.picture.edges if edge.local} == {"0"}


def test_shared_constant_appears_with_its_first_result() -> None:
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    scene = scene_of(steps((a - 2.0) * (b - 2.0), forward=True))
    (constant,) = (card for card in scene.picture.cards if card.kind == "constant")
    assert scene.appears[constant.key] == 0
