"""Pictures without a renderer: cards, edges, texts and colors."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, dot, draw, softmax, topological_order
from autograd import sum as total_of
from autograd.view.notation.names import format_number
from autograd.view.picture.cards import LABELED, LIMIT, Card, Picture, arrow_width, describe, picture_of
from autograd.view.render.theme import THEMES, Theme, theme_named
from nn import Layer


def leaf(x: float, label: str = "") -> Value:
    return Value(x, label=label)


def cards_of(picture: Picture, kind: str) -> list[Card]:
    return [card for card in picture.cards if card.kind == kind]


def constants_of(root: Value) -> list[str]:
    return [card.data for card in cards_of(picture_of(root), "constant")]


# Cards and edges ----------------------------------------------------------------------------------


def test_the_example_before_and_after_backward() -> None:
    w, x = leaf(2.0, "w"), leaf(5.0, "x")
    p = w * x
    p.label = "p"
    before = picture_of(p)
    assert [card[1:] for card in before.cards] == [
        ("leaf", "w", "", "2", "·"),
        ("leaf", "x", "", "5", "·"),
        ("output", "p", "w·x", "10", "·"),
    ]
    assert [(edge.local, edge.contribution) for edge in before.edges] == [("×5", None), ("×2", None)]
    p.backward()
    after = picture_of(p)
    assert [card.grad for card in after.cards] == ["5", "2", "1"]
    assert [(edge.local, edge.contribution) for edge in after.edges] == [("×5", "5"), ("×2", "2")]
    assert after.note == before.note == ""


def test_a_gradient_of_zero_is_not_a_gradient_not_computed() -> None:
    a = leaf(-1.0)
    out = a.relu()
    assert [card.grad for card in picture_of(out).cards] == ["·", "·"]
    out.backward()
    assert [card.grad for card in picture_of(out).cards] == ["0", "1"]


def test_a_single_leaf_is_the_output() -> None:
    picture = picture_of(leaf(3.0, "w"))
    assert [(card.kind, card.name) for card in picture.cards] == [("output", "w")]
    assert picture.edges == []


def test_keys_are_unique_and_edges_join_cards() -> None:
    a, b = leaf(1.0), leaf(2.0)
    picture = picture_of(dot([a, 2.0, b], [3.0, b, a], 1.5) * (a - 1.0) + 2.0)
    keys = [card.key for card in picture.cards]
    assert len(set(keys)) == len(keys)
    assert {key for edge in picture.edges for key in (edge.operand, edge.result)} == set(keys)


@pytest.mark.parametrize(
    "root",
    [
        leaf(1.0) + leaf(2.0),
        leaf(1.0) * 2.0 - 3.0,
        leaf(1.0).tanh(),
        total_of([leaf(1.0), leaf(2.0), 3.0]),
        dot([leaf(1.0), 2.0], [3.0, leaf(4.0)], leaf(1.0)),
    ],
)
def test_one_edge_per_operand(root: Value) -> None:
    expected = sum(len(value.operands) for value in topological_order(root))
    assert len(picture_of(root).edges) == expected


def test_an_operand_used_twice_has_two_edges() -> None:
    a = leaf(3.0)
    out = a * a
    out.backward()
    picture = picture_of(out)
    assert len(picture.cards) == 2
    assert [(e.operand, e.result, e.local, e.contribution) for e in picture.edges] == [
        ("v0", "v1", "×3", "3"),
        ("v0", "v1", "×3", "3"),
    ]
    assert picture.cards[0].grad == "6"


@pytest.mark.parametrize(
    "root",
    [leaf(1.0) - leaf(2.0), leaf(1.0) / leaf(2.0), -leaf(1.0), leaf(1.0).sqrt(), abs(leaf(-1.0))],
    ids=["sub", "div", "neg", "sqrt", "abs"],
)
def test_operation_without_constants_has_no_constant_card(root: Value) -> None:
    picture = picture_of(root)
    assert cards_of(picture, "constant") == []
    assert len(picture.cards) == 1 + len(root.operands)


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (leaf(1.0) - 1.0, ["1"]),
        (1.0 - leaf(1.0), ["1"]),
        (leaf(1.0) / 4.0, ["4"]),
        (leaf(1.0) * -0.5, ["−0.5"]),
        (total_of([leaf(1.0), 2.0, 3.0]), ["2", "3"]),
        (leaf(2.0) ** 2, []),
        (leaf(2.0) ** -1, []),
        (leaf(2.0) ** 0.5, ["0.5"]),
        (leaf(2.0) ** 2000, ["2000"]),
        (2.0 ** leaf(2.0), ["2"]),
        (leaf(2.0) ** leaf(2.0), []),
        (leaf(2.0) ** math.inf, ["inf"]),
        (leaf(2.0) ** math.nan, ["nan"]),
    ],
)
def test_a_constant_has_a_card_unless_it_is_written_as_a_superscript(
    root: Value, expected: list[str]
) -> None:
    assert constants_of(root) == expected


def test_a_constant_has_no_gradient_and_nothing_flows_to_it() -> None:
    out = leaf(1.0) * 2.0
    out.backward()
    picture = picture_of(out)
    (constant,) = cards_of(picture, "constant")
    assert (constant.data, constant.grad, constant.name) == ("2", None, "2")
    (edge,) = [edge for edge in picture.edges if edge.operand == constant.key]
    assert (edge.local, edge.contribution, edge.vanished) == ("", None, False)


def test_constant_is_as_short_as_data_with_all_digits_in_its_name() -> None:
    (card,) = cards_of(picture_of(leaf(2.0) * 1.41421356), "constant")
    assert (card.data, card.name) == ("1.414", "1.41421356")
    assert "<title>1.41421356</title>" in draw(leaf(2.0) * 1.41421356).svg
    assert "1.41421356" not in draw(leaf(2.0) * 1.41421356).alt


def test_shared_constant_has_one_card() -> None:
    logits = [leaf(x) for x in (1.0, 2.0, 0.5, -1.0)]
    shift = max(x.data for x in logits)
    exponentials = [(x - shift).exp() for x in logits]
    picture = picture_of(exponentials[0] / total_of(exponentials))
    (constant,) = cards_of(picture, "constant")
    assert len({edge.result for edge in picture.edges if edge.operand == constant.key}) == 4
    assert constants_of(softmax(logits)[0]) == ["2"]


def test_inputs_of_a_layer_have_one_card_each() -> None:
    assert constants_of(total_of(Layer(2, 3, seed=0)([1, 2]))) == ["1", "2"]


def test_constants_of_a_chain_have_a_card_each() -> None:
    assert constants_of((leaf(1.0) * 2.0) * 2.0) == ["2", "2"]


def test_constants_of_different_operations_have_a_card_each() -> None:
    a, b = leaf(1.0), leaf(2.0)
    assert constants_of((a * 2.0) * (b + 2.0)) == ["2", "2"]
    assert constants_of((a - 2.0) * (2.0 - b)) == ["2", "2"]
    assert constants_of((a + 0.0) * (b + -0.0)) == ["0", "−0"]


# Arrows -------------------------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite)
def test_the_width_of_an_arrow_grows_with_what_flows(a: float, b: float) -> None:
    low, high = sorted([a, b], key=abs)
    assert 0.8 <= arrow_width(low) <= arrow_width(high) <= 4.0
    assert arrow_width(a) == arrow_width(-a)


def test_the_width_of_an_arrow_goes_by_the_logarithm() -> None:
    widths = [arrow_width(10.0**n) for n in range(-4, 3)]
    assert (widths[0], widths[-1]) == (0.8, 4.0)
    steps = [b - a for a, b in itertools.pairwise(widths)]
    assert all(math.isclose(step, 3.2 / 6, abs_tol=0.011) for step in steps)  # widths have two decimals


@pytest.mark.parametrize(
    ("x", "width"), [(0.0, 0.8), (-0.0, 0.8), (5e-324, 0.8), (math.nan, 0.8), (math.inf, 4.0), (-1e308, 4.0)]
)
def test_the_width_of_an_arrow_at_the_ends(x: float, width: float) -> None:
    assert arrow_width(x) == width


@pytest.mark.parametrize(
    ("at", "is_dashed"), [(-1.0, True), (0.0, True), (1.0, False), (1e-300, False), (math.nan, False)]
)
def test_an_arrow_is_dashed_when_nothing_flows(at: float, is_dashed: bool) -> None:
    out = leaf(at).relu()
    assert picture_of(out).edges[0].vanished is False  # not computed
    out.backward()
    assert picture_of(out).edges[0].vanished is is_dashed


def test_contributions_add_up_to_the_gradient() -> None:
    a, b = leaf(2.0, "a"), leaf(-3.0, "b")
    out = (a * b - b / a) ** 2
    out.backward()
    picture = picture_of(out)
    for value, card in zip(topological_order(out), [c for c in picture.cards if c.kind != "constant"]):
        arriving = [edge.contribution for edge in picture.edges if edge.operand == card.key]
        if value is not out:
            assert value.grad is not None
            assert card.grad == format_number(value.grad)
            if len(arriving) == 1:
                assert arriving == [card.grad]


# The limit ----------------------------------------------------------------------------------------


def chain(length: int) -> Value:
    y = leaf(1.0)
    for _ in range(length - 1):
        y = y.tanh()
    return y


@pytest.mark.parametrize("limit", [None, 10, 11, 1000])
def test_graph_within_the_limit_is_complete(limit: int | None) -> None:
    picture = picture_of(chain(10), limit)
    assert len(picture.cards) == 10
    assert picture.note == ""
    assert cards_of(picture, "cut") == []


def test_graph_beyond_the_limit_is_reduced_with_a_note() -> None:
    root = chain(2000)
    picture = picture_of(root, 5)  # draw() would fold the chain
    cut = cards_of(picture, "cut")
    assert [card.name for card in cut] == ["… 1 more operand"]
    assert len(picture.cards) == 5 + 1
    assert picture.cards[-1].kind == "output"
    assert picture.note == "the 5 Values nearest out, of 2,000: draw(…, limit=None) draws them all"
    mixed = Value(0.5)
    for i in range(40):
        mixed = mixed.tanh() if i * i % 7 < 3 else mixed * 2.0
    note = "the 5 Values nearest out, of 41: draw(…, limit=None) draws them all"
    assert note in str(draw(mixed, limit=5))
    assert note in draw(mixed, limit=5).alt


def test_the_default_limit() -> None:
    assert len(picture_of(chain(LIMIT)).cards) == LIMIT
    assert picture_of(chain(LIMIT + 1)).note != ""
    text = str(draw(chain(LIMIT + 1), limit=None))
    assert text.count("tanh(") == LIMIT


def test_too_many_arrows_have_no_numbers_and_a_note() -> None:
    few, many = chain(LABELED + 1), chain(LABELED + 2)
    few.backward()
    many.backward()
    assert all(edge.local and edge.contribution for edge in picture_of(few).edges)
    assert picture_of(few).note == ""
    assert {(edge.local, edge.contribution) for edge in picture_of(many).edges} == {("", "")}
    assert f"with more than {LABELED} arrows" in picture_of(many).note


def test_nearest_values_are_kept() -> None:
    near, distant = leaf(1.0, "near"), leaf(2.0, "far")
    for _ in range(10):
        distant = distant + 1.0
    picture = picture_of(distant * near, 4)
    assert [card.name for card in picture.cards if card.kind not in ("constant", "cut")][-2:] == [
        "near",
        "out",
    ]


def test_the_operands_left_out_are_counted() -> None:
    picture = picture_of(total_of([leaf(float(i)) for i in range(50)]), 11)
    (cut,) = cards_of(picture, "cut")
    assert cut.name == "… 40 more operands"
    assert len(cards_of(picture, "leaf")) == 10


@pytest.mark.parametrize("limit", range(1, 12))
def test_every_edge_is_drawn_or_counted(limit: int) -> None:
    a, b = leaf(1.0), leaf(2.0)
    p = a * b
    root = (p + a) * (p - b) + p * p
    whole = picture_of(root, None)
    picture = picture_of(root, limit)
    cut_count = sum(int(card.name.split()[1]) for card in cards_of(picture, "cut"))
    edges = [edge for edge in picture.edges if not edge.operand.endswith("cut")]
    values = [card.key for card in picture.cards if card.kind != "cut"]
    assert len(values) == min(limit, len(whole.cards))
    assert set(edges) <= set(whole.edges)
    assert len(edges) + cut_count == sum(edge.result in values for edge in whole.edges)


@pytest.mark.parametrize("limit", [0, -1])
def test_draw_limit_below_one_raises(limit: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^draw\(\) expected an int of 1 or more for limit, got int {limit}\. Pass None"
    ):
        draw(leaf(1.0), limit=limit)


@pytest.mark.parametrize("root", [3.0, None, "loss", [Value(1.0)]])
def test_root_that_is_not_a_value_raises_type_error(root: object) -> None:
    with pytest.raises(TypeError, match=rf"draw\(\) expected a Value for root, got {type(root).__name__}"):
        draw(root)  # type: ignore[arg-type]


# Words --------------------------------------------------------------------------------------------


def test_the_picture_in_words() -> None:
    w, b = leaf(2.0, "w"), leaf(0.25, "b")
    out = w.exp() + b
    assert describe(picture_of(out)) == (
        "Computation graph, operands before results: w = 2, not computed; v₁ = exp(w) = 7.389, not computed; "
        "b = 0.25, not computed; out = v₁ + b = 7.639, not computed."
    )
    out.backward()
    assert describe(picture_of(out)) == (
        "Computation graph, operands before results: w = 2, gradient 7.389; v₁ = exp(w) = 7.389, gradient 1; "
        "b = 0.25, gradient 1; out = v₁ + b = 7.639, gradient 1."
    )


def test_alternative_text_has_constants() -> None:
    assert "; constant −3" in describe(picture_of(leaf(2.0) * -3.0))


# Colors ------------------------------------------------------------------------------------------


def _luminance(color: str) -> float:
    """Relative luminance, by the Web Content Accessibility Guidelines."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([_luminance(one), _luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_guidelines() -> None:
    assert math.isclose(contrast("#ffffff", "#000000"), 21.0)
    assert math.isclose(contrast("#777777", "#ffffff"), 4.48, abs_tol=0.005)  # their own example


#: The text colors on each kind of card, and on the paper, for edge labels and the note.
WRITTEN = {
    "leaf": ["ink", "muted", "data", "gradient"],
    "operation": ["ink", "muted", "data", "gradient"],
    "output": ["ink", "muted", "data", "gradient", "local"],  # and the equation of a step
    "constant": ["data"],
    "cut": ["muted"],
    "paper": ["local", "gradient", "muted"],
}


def _pairs(theme: Theme) -> list[tuple[str, str]]:
    backgrounds = {kind: fill for kind, (fill, _) in theme.cards.items()} | {"paper": theme.paper}
    return [(kind, text) for kind in backgrounds for text in WRITTEN[kind]]


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [(name, kind, text) for name, theme in THEMES.items() for kind, text in _pairs(theme)],
)
def test_text_is_legible(name: str, kind: str, text: str) -> None:
    theme = theme_named(name)
    background = theme.paper if kind == "paper" else theme.cards[kind][0]
    assert contrast(getattr(theme, text), background) >= 4.5


def test_the_themes_color_the_same_kinds_of_card() -> None:
    assert {frozenset(theme.cards) for theme in THEMES.values()} == {frozenset(WRITTEN) - {"paper"}}


def test_unknown_theme_raises_value_error() -> None:
    with pytest.raises(
        ValueError, match="expected 'light' or 'dark' for theme, got str 'blue'\\. Use one of"
    ):
        draw(leaf(1.0), theme="blue")


def test_overwritten_data_is_noted() -> None:
    w = leaf(2.0, "w")
    root = w * 5.0
    assert picture_of(root).note == ""
    w.data = 1.5
    assert "was overwritten after the forward pass" in picture_of(root).note


def test_gradient_of_an_earlier_pass_is_noted() -> None:
    a = leaf(2.0, "a")
    for _ in range(2):
        root = a * a
        root.backward()
    assert "the gradient of a is 8, its arrows add up to 4" in picture_of(root).note
    a.zero_grad()
    root.backward()
    assert picture_of(root).note == ""


def grads_of(picture: Picture) -> dict[str, str | None]:
    return {card.name: card.grad for card in picture.cards if card.kind != "constant"}


def contributions_of(picture: Picture) -> list[str | None]:
    return [edge.contribution for edge in picture.edges if edge.local]


def dead_relu() -> tuple[Value, Value, Value]:
    """A leaf a, h = 3·a, and out = relu(−h) with a dead relu."""
    a = leaf(2.0, "a")
    h = a * 3.0
    h.label = "h"
    return a, h, (-h).relu()


def test_before_backward_a_graph_with_a_dead_relu_has_no_gradients() -> None:
    _, _, out = dead_relu()
    assert set(grads_of(picture_of(out)).values()) == {"·"}
    assert set(contributions_of(picture_of(out))) == {None}


def test_behind_a_dead_relu_gradients_are_zero_and_not_those_of_an_earlier_pass() -> None:
    a, h, out = dead_relu()
    (h * 1e3).backward()
    a.zero_grad()
    out.backward()
    assert h.grad == 1e3  # no pass from out has reached it
    picture = picture_of(out)
    assert grads_of(picture) == {"a": "0", "h": "0", "v₁": "0", "out": "1"}
    assert contributions_of(picture) == ["0", "0", "0"]
    assert all(edge.vanished for edge in picture.edges if edge.local)
    assert picture.note == ""


def test_behind_a_dead_relu_zero_times_infinity_is_zero() -> None:
    a = leaf(0.0, "a")
    out = (-(1.0 / a)).relu()  # ∂(1/a)/∂a is −∞
    out.backward()
    assert grads_of(picture_of(out)) == {"a": "0", "v₁": "0", "v₂": "0", "out": "1"}
    assert contributions_of(picture_of(out)) == ["0", "0", "0"]


def test_leaf_behind_a_dead_relu_shows_its_gradient_with_a_note() -> None:
    a, h, out = dead_relu()
    (h * 1e3).backward()
    out.backward()
    assert grads_of(picture_of(out))["a"] == "3000" == format_number(a.grad)
    assert "the gradient of a is 3000, its arrows add up to 0" in picture_of(out).note


def test_two_losses_share_a_trunk() -> None:
    a = leaf(2.0, "a")
    h = a * 3.0
    h.label = "h"
    first, second = h * 5.0, h * 7.0
    first.backward()
    assert grads_of(picture_of(first)) == {"a": "15", "h": "5", "out": "1"}
    a.zero_grad()
    assert grads_of(picture_of(second)) == {"a": "·", "h": "·", "out": "·"}  # h.grad is of the first
    second.backward()
    assert grads_of(picture_of(second)) == {"a": "21", "h": "7", "out": "1"}
    assert picture_of(second).note == ""
    assert (
        "the gradient of h is 7, its arrows add up to 5: it is from a backward() call on another result"
        in (picture_of(first).note)
    )


def test_rounding_is_not_noted_as_an_earlier_gradient() -> None:
    x = leaf(1.0, "x")
    root = x * 0.1 + x * 0.2 + x * -0.3
    root.backward()
    assert picture_of(root).note == ""


def test_a_bias_left_out_is_not_drawn() -> None:
    w = leaf(2.0, "w")
    data = [card.data for card in picture_of(dot([w], [3.0])).cards if card.kind == "constant"]
    assert data == ["3"]
