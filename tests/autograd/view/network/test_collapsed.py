"""A network drawn collapsed: what counts as a neuron, and what its picture says."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest

from autograd import Value, draw, topological_order
from autograd import sum as total_of
from autograd.view.draw.graphviz import Drawing
from autograd.view.draw.text_table import text_of
from autograd.view.network.collapsed import LAYERS, network_or_graph
from autograd.view.network.neurons import find_instances
from autograd.view.notation.names import format_number
from autograd.view.picture.cards import Card, Picture, Summary, describe, picture_of
from autograd.view.picture.layout import Box, place_cards
from autograd.view.render.theme import THEMES
from nn import MLP, Layer, Module, Neuron, Parameter, hinge_loss, mse_loss

fusing = pytest.mark.parametrize("fused", [True, False], ids=["fused", "explicit"])
sampling = pytest.mark.parametrize("samples", [1, 2, 7])


def single(output: Value | list[Value]) -> Value:
    assert isinstance(output, Value)
    return output


def train(
    fused: bool, samples: int = 1, nin: int = 3, widths: tuple[int, ...] = (4, 4, 1), activation: str = "tanh"
) -> tuple[MLP, Value, list[list[Value]]]:
    model = MLP(nin, widths, activation, fused=fused, seed=0)
    xs = [[Value(((7 * i + 3 * j) % 5 - 2) / 2) for j in range(nin)] for i in range(samples)]
    loss = mse_loss([single(model(x)) for x in xs], [1.0] * samples)
    loss.label = "loss"
    loss.backward()
    return model, loss, xs


def collapse(root: Value, **more: object) -> Picture:
    return network_or_graph(root, 1, **more)  # type: ignore[arg-type]


def neurons_of(picture: Picture) -> list[Card]:
    label_of = picture.label_of()
    return [c for c in picture.cards if label_of.get(c.key, "").startswith("layer")]


def find_card(picture: Picture, name: str, layer: str = "") -> Card:
    """Return the card of that name; of several, the one in the layer."""
    label_of = picture.label_of()
    (card,) = [
        card for card in picture.cards if card.name == name and label_of.get(card.key, "").startswith(layer)
    ]
    return card


# What counts as a neuron --------------------------------------------------------------------------


@fusing
@sampling
@pytest.mark.parametrize("activation", ["relu", "tanh", "linear", "gelu"])
def test_every_sample_of_every_neuron_is_found(fused: bool, samples: int, activation: str) -> None:
    model, loss, _xs = train(fused, samples, activation=activation)
    instances = find_instances(topological_order(loss))
    neurons = [neuron for layer in model.layers for neuron in layer.neurons]
    assert sorted(id(i.owner) for i in instances) == sorted(id(n) for n in neurons for _ in range(samples))
    for instance in instances:
        weights = len(instance.owner.parameters()) - 1
        assert [entry.position for entry in sorted(instance.inputs, key=lambda e: e.position)] == [
            *range(weights)
        ]
        last = instance.owner.activation  # type: ignore[attr-defined]
        operations = 1 if fused else 2 * weights
        assert len(instance.nodes) == operations + (last != "linear")


def test_input_is_the_operand_multiplied_by_its_weight() -> None:
    neuron = Neuron(2, seed=0)
    x = Value(5.0)
    (instance,) = find_instances(topological_order(neuron([x, 7.0])))
    assert [(e.position, e.operand) for e in instance.inputs] == [(0, x), (1, 7.0)]


@fusing
def test_samples_do_not_merge_where_they_are_added(fused: bool) -> None:
    neuron = Neuron(2, "linear", fused=fused, seed=0)
    both = neuron([1.0, 2.0]) + neuron([3.0, 4.0])
    assert len(find_instances(topological_order(both))) == 2


@fusing
def test_the_activation_joins_once(fused: bool) -> None:
    neuron = Neuron(1, "relu", fused=fused, seed=0)
    inner = neuron([1.0])
    (instance,) = find_instances(topological_order(inner.relu()))
    assert instance.output is inner


def test_another_function_is_not_the_activation() -> None:
    neuron = Neuron(1, "linear", seed=0)
    out = neuron([1.0])
    (instance,) = find_instances(topological_order(out.tanh()))
    assert instance.output is out


@fusing
def test_a_recurrent_use_is_an_instance_of_its_own(fused: bool) -> None:
    neuron = Neuron(1, "tanh", fused=fused, seed=0)
    h = neuron([0.5])
    for _ in range(2):
        h = neuron([h])
    h.backward()
    instances = find_instances(topological_order(h))
    assert [i.inputs[0].operand for i in instances] == [0.5, instances[0].output, instances[1].output]
    assert [(flow.operand, flow.result) for flow in collapse(h).flows if flow.operand == flow.result]


@pytest.mark.parametrize(
    "penalty",
    [
        lambda ps: total_of([p * p for p in ps]),
        lambda ps: total_of([p**2 for p in ps]),
        lambda ps: total_of([abs(p) for p in ps]),
        lambda ps: total_of(ps),
        lambda ps: sum(p * p for p in ps) * 0.1,
    ],
)
@fusing
def test_penalty_is_not_a_neuron(penalty: object, fused: bool) -> None:
    neuron = Neuron(2, fused=fused, seed=0)
    out = neuron([1.0, 2.0])
    order = topological_order(out + penalty(neuron.parameters()))  # type: ignore[operator]
    assert [i.output for i in find_instances(order)] == [out]


def test_module_with_explicit_arithmetic_is_a_neuron() -> None:
    class Line(Module):
        def __init__(self) -> None:
            self.slope, self.offset = Parameter(2.0), Parameter(1.0)

        def __call__(self, x: Value) -> Value:
            return self.slope * x + self.offset

    line = Line()
    x = Value(3.0, label="age")
    out = line(x)
    (instance,) = find_instances(topological_order(out))
    assert (instance.output, [e.operand for e in instance.inputs]) == (out, [x])
    assert find_card(collapse(out), "age").data == "3"


def test_parameters_without_a_module_are_not_a_neuron() -> None:
    w = Parameter(2.0)
    out = w * 3.0 + w
    assert find_instances(topological_order(out)) == []
    assert collapse(out) == picture_of(out, 1)


# The picture --------------------------------------------------------------------------------------


@fusing
@sampling
def test_cards_are_in_order_in_their_boxes(fused: bool, samples: int) -> None:
    _model, loss, _xs = train(fused, samples)
    picture = collapse(loss)
    names = {card.key: card.name for card in picture.cards}
    assert [(group.label, [names[key] for key in group.keys]) for group in picture.groups] == [
        ("inputs", ["x₁", "x₂", "x₃"]),
        ("layer 1 · h⁽¹⁾ · tanh", ["h₁", "h₂", "h₃", "h₄"]),
        ("layer 2 · h⁽²⁾ · tanh", ["h₁", "h₂", "h₃", "h₄"]),
        ("layer 3 · linear", ["ŷ"]),
        ("", ["loss"]),
    ]
    assert find_card(picture, "loss").kind == "output"
    assert {card.expression for card in neurons_of(picture)} == {""}
    assert re.fullmatch(r"\d+ operations", find_card(picture, "loss").expression)


@fusing
def test_neurons_are_in_order_however_the_graph_reaches_them(fused: bool) -> None:
    layer = Layer(2, 5, fused=fused, seed=0)
    outputs = layer([1.0, 2.0])
    assert isinstance(outputs, list)
    picture = collapse(total_of(outputs[::-1]))
    assert [card.name for card in neurons_of(picture)][:5] == ["ŷ₁", "ŷ₂", "ŷ₃", "ŷ₄", "ŷ₅"]
    other = collapse(outputs[3] + outputs[1])
    assert [card.name for card in neurons_of(other)] == ["ŷ₂", "ŷ₄"]


@fusing
def test_one_sample_shows_its_numbers(fused: bool) -> None:
    model, loss, xs = train(fused)
    picture = collapse(loss)
    first = next(i for i in find_instances(topological_order(loss)) if i.owner is model.layers[0].neurons[0])
    assert first.output.grad is not None
    assert xs[0][0].grad is not None
    numbers = format_number(first.output.data), format_number(first.output.grad)
    assert find_card(picture, "h₁", "layer 1")[4:] == numbers
    assert find_card(picture, "x₁")[4:] == (format_number(xs[0][0].data), format_number(xs[0][0].grad))
    assert "samples" not in picture.note


@fusing
def test_several_samples_show_means_with_a_note(fused: bool) -> None:
    model, loss, _xs = train(fused, 7)
    picture = collapse(loss)
    neuron = model.layers[0].neurons[1]
    outputs = [i.output for i in find_instances(topological_order(loss)) if i.owner is neuron]
    card = find_card(picture, "h₂", "layer 1")
    assert card.data == format_number(sum(v.data for v in outputs) / 7)
    assert card.grad == format_number(sum(abs(v.grad or 0.0) for v in outputs) / 7)
    assert "the means of data and |grad| over 7 samples" in picture.note


@fusing
def test_fused_and_explicit_show_the_same_network(fused: bool) -> None:
    models = [train(f, 3) for f in (True, fused)]
    pictures = [collapse(loss) for _, loss, _ in models]
    cards = [{(c.name, c.data, c.grad) for c in p.cards} for p in pictures]
    assert cards[0] == cards[1]
    ends = [{(f.operand, f.result) for f in p.flows} for p in pictures]
    assert ends[0] == ends[1]
    assert len(ends[0]) == 3 * 4 + 4 * 4 + 4 + 1


def test_flows_before_backward_are_unknown() -> None:
    model = MLP(2, [3, 1], seed=0)
    out = single(model([1.0, 2.0]))
    picture = collapse(out)
    assert {flow.strength for flow in picture.flows} == {None}
    assert {card.grad for card in neurons_of(picture)} == {"·"}


@fusing
def test_neurons_behind_a_dead_relu_have_gradients_of_zero(fused: bool) -> None:
    """Not those that an earlier pass left there."""
    model = MLP(2, [3, 1], seed=0, fused=fused)
    out = single(model([Value(1.0), Value(2.0)]))
    (out * 1e3).backward()
    model.zero_grad()
    for x in topological_order(out):
        x.zero_grad() if x.is_leaf else None
    loss = (-(out * out)).relu()
    assert {card.grad for card in neurons_of(collapse(loss))} == {"·"}
    loss.backward()
    picture = collapse(loss)
    assert {card.grad for card in picture.cards} == {"0", "1"}
    assert {flow.strength for flow in picture.flows} == {0.0}


@pytest.mark.parametrize("opened", [False, True])
def test_arrows_point_as_gradients_flow(opened: bool) -> None:
    """Slate arrows point forward; orange ones, of a gradient, backward, also where it is 0."""
    model = MLP(2, [3, 1], "relu", seed=0)
    out = single(model([1.0, Value(2.0)]))
    expand = model.layers[1] if opened else None

    def directions() -> set[tuple[str, str]]:
        source = draw(out, limit=1, expand=expand).graph.source
        arrows = [line for line in source.splitlines() if " -> " in line]
        assert arrows
        matches = [(re.search(r"color=\"(#\w+)\"", line), re.search(r"dir=(\w+)", line)) for line in arrows]
        return {(color[1], way[1]) for color, way in matches if color and way and way[1] != "none"}

    slate = THEMES["light"].forward
    assert directions() == {(slate, "forward")}
    out.backward()
    after = directions()
    assert {way for color, way in after if color != slate} == {"back"}
    assert {way for color, way in after if color == slate} == {"forward"}  # from the input 1.0


@fusing
def test_arrows_by_the_gradient_that_flows_back(fused: bool) -> None:
    neuron = Neuron(3, "linear", fused=fused, seed=0)
    for p, x in zip(neuron.parameters(), [100.0, 0.0, 0.001, 0.0]):
        p.data = x
    out = neuron([Value(1.0), Value(1.0), Value(1.0)])
    out.backward()
    flows = {flow.operand: flow for flow in collapse(out).flows}
    assert [flows[f"x{i}"].strength for i in range(3)] == [1.0, 0.0, 0.0]
    assert [flows[f"x{i}"].vanished for i in range(3)] == [False, True, False]


def test_no_gradient_flows_to_a_constant() -> None:
    neuron = Neuron(2, seed=0)
    out = neuron([1.0, 2.0])
    out.backward()
    picture = collapse(out)
    assert [flow.strength for flow in picture.flows] == [None, None]
    assert [find_card(picture, f"x{i}").grad for i in "₁₂"] == [None, None]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nonfinite_gradients_are_reported(bad: float) -> None:
    model = MLP(2, [2, 1], "tanh", seed=0)
    out = single(model([Value(1.0), Value(2.0)]))
    out.backward(bad)
    strengths = [flow.strength for flow in collapse(out).flows]
    assert all(s is not None and 0.0 <= s <= 1.0 for s in strengths)
    assert "<svg" in draw(out, limit=1).svg


# Other shapes of network --------------------------------------------------------------------------


def test_operations_between_neurons() -> None:
    first, second = Layer(2, 2, seed=0), Layer(2, 1, "linear", seed=1)
    h = first([1.0, 2.0])
    assert isinstance(h, list)
    output = single(second([h[0] * 2.0, h[1]]))  # a mask, as of dropout: taken in by the neuron it follows
    mixed = single(second([h[0] * h[1], h[1]]))
    output.backward()
    mixed.backward()
    assert [c.name for c in collapse(output).cards] == ["x₁", "x₂", "h₁", "h₂", "ŷ"]
    picture = collapse(mixed)
    assert [c.name for c in picture.cards] == ["x₁", "x₂", "h₁", "h₂", "other steps", "ŷ"]
    assert {("n0-1", "b1"), ("n0-2", "b1"), ("b1", "n1-1")} <= {(f.operand, f.result) for f in picture.flows}
    assert "<svg" in draw(mixed, limit=1).svg


def test_an_input_that_the_loss_uses_too() -> None:
    x = Value(2.0)
    neuron = Neuron(1, seed=0)
    loss = (neuron([x]) - x) ** 2
    loss.backward()
    assert ("x0", "root") in {(flow.operand, flow.result) for flow in collapse(loss).flows}


def test_layers_with_the_same_inputs_share_their_cards() -> None:
    xs = [Value(1.0), Value(2.0)]
    a, b = Layer(2, 1, seed=0), Layer(2, 1, seed=1)
    picture = collapse(single(a(xs)) + single(b(xs)))
    assert [card.name for card in picture.cards if card.kind == "leaf"] == ["x₁", "x₂"]


@fusing
def test_wide_layers_show_the_first_cards_and_the_last(fused: bool) -> None:
    model = MLP(300, [40, 1], fused=fused, seed=0)
    out = single(model([1.0] * 300))
    picture = collapse(out)
    boxes = {group.label: group.keys for group in picture.groups}
    names = {card.key: card.name for card in picture.cards}
    inputs = [names[key] for key in boxes["inputs"]]
    unit_names = [names[key] for key in boxes["layer 1 · relu"]]
    assert len(inputs) <= 16
    assert len(unit_names) <= 16
    assert (inputs[0], inputs[-1], unit_names[-1]) == ("x₁", "x₃₀₀", "h₄₀")
    assert inputs[-2] == f"… {300 - len(inputs) + 1} more"
    assert "<svg" in draw(out).svg


def test_deep_network_hides_its_middle_layers() -> None:
    model = MLP(1, [2] * 99 + [1], "tanh", seed=0)
    out = single(model([1.0]))
    picture = collapse(out)
    assert f"… {100 - LAYERS} more layers" in [card.name for card in picture.cards]
    assert len(picture.groups) == LAYERS + 2
    label_of = picture.label_of()
    assert len({(label_of[card.key], card.name) for card in picture.cards}) == len(picture.cards)
    assert "<svg" in draw(out).svg


# Opening a part -----------------------------------------------------------------------------------


@fusing
@sampling
def test_an_opened_layer_shows_its_first_sample(fused: bool, samples: int) -> None:
    model, loss, _xs = train(fused, samples)
    picture = collapse(loss, expand=model.layers[1].neurons[2])
    cards = [c for c in neurons_of(picture) if not isinstance(c, Summary) and c.kind != "numbers"]
    first = next(i for i in find_instances(topological_order(loss)) if i.owner is model.layers[1].neurons[2])
    assert len(cards) == len(first.nodes) + 5
    assert find_card(picture, "h₃", "layer 2").data == format_number(first.output.data)
    assert find_card(picture, "w₃₁").data == format_number(model.layers[1].neurons[2].w[0].data)
    assert find_card(picture, "b₃").data == "0"
    assert ("those of the first sample" in picture.note) == (samples > 1)


@fusing
def test_an_opened_neuron_shows_every_number_of_the_first_sample(fused: bool) -> None:
    model = MLP(2, [3, 3, 1], "tanh", fused=fused, seed=0)
    pictures = []
    for count in (1, 3):
        model.zero_grad()
        samples = [(1.0, -2.0), (0.5, 3.0), (7.0, 0.1)][:count]
        outputs = [single(model([*map(Value, x)])) for x in samples]
        loss = total_of([output * output for output in outputs])
        loss.backward()
        pictures.append(collapse(loss, expand=model.layers[1].neurons[0]))
    one, many = pictures
    others = [[card for card in picture.cards if card.name[0] not in "wbo"] for picture in pictures]
    assert others[0] == others[1]
    assert (one.edges, one.flows) == (many.edges, many.flows)
    weight = find_card(many, "w₁₁")
    assert weight.grad == format_number(model.layers[1].neurons[0].w[0].grad or 0.0)
    assert weight != find_card(one, "w₁₁")
    assert "the numbers are those of the first sample; out and the gradients of weights" in many.note
    assert "include all 3 samples" in many.note
    assert "sample" not in one.note


def test_an_opened_step_of_a_recurrent_neuron_shows_the_first_step() -> None:
    neuron = Neuron(2, "tanh", seed=0)
    h = neuron([0.5, Value(0.0)])
    for x in (1.0, 2.0):
        h = neuron([x, h])
    h.backward()
    picture = collapse(h, expand=neuron)
    assert "the first step of the first sample" in picture.note
    first = find_instances(topological_order(h))[0]
    assert find_card(picture, "ŷ").data == format_number(first.output.data)


@fusing
def test_formula_of_an_opened_neuron_names_units_of_the_layer_before(fused: bool) -> None:
    model, loss, _xs = train(fused)
    picture = network_or_graph(loss, None, model)
    formulas = [card.expression for card in neurons_of(picture)]
    assert any("h⁽¹⁾₁" in formula for formula in formulas)
    assert any("h⁽²⁾₄" in formula for formula in formulas)
    assert any("x₁" in formula for formula in formulas)
    assert find_card(picture, "h₂", "layer 1").expression.startswith("tanh(v")
    assert find_card(picture, "w₁₁", "layer 2").data == format_number(model.layers[1].neurons[0].w[0].data)
    assert "′" not in "".join(card.name for card in picture.cards)


@pytest.mark.parametrize("label", ["h₁", "h⁽¹⁾₁", "ŷ", "w₁₁", "x₂"])
def test_automatic_name_never_repeats_a_label(label: str) -> None:
    model, loss, xs = train(True)
    xs[0][0].label = label
    picture = network_or_graph(loss, None, model)
    assert find_card(picture, label).data == format_number(xs[0][0].data)


@fusing
def test_what_can_be_opened(fused: bool) -> None:
    model, loss, _xs = train(fused)

    def summaries(expand: object) -> list[str]:
        picture = network_or_graph(loss, None, expand)  # type: ignore[arg-type]
        return [c.name for c in neurons_of(picture) if isinstance(c, Summary)]

    layers, four = model.layers, ["h₁", "h₂", "h₃", "h₄"]
    assert summaries([]) == [*four, *four, "ŷ"]
    assert summaries(layers[0]) == [*four, "ŷ"]
    assert summaries(layers[:2]) == ["ŷ"]
    assert summaries(model) == []
    assert summaries([layers[0].neurons[0], layers[2]]) == ["h₂", "h₃", "h₄", *four]


def test_expand_respects_the_limit_with_a_note() -> None:
    model, loss, _xs = train(True, widths=(16, 1))
    picture = network_or_graph(loss, 20, model.layers[0])
    assert "expand opens 2 of its 16 neurons" in picture.note
    assert "limit=None" in picture.note


def test_expand_outside_the_graph_raises() -> None:
    model, loss, _xs = train(True)
    other = Layer(9, 2, seed=0)
    with pytest.raises(
        ValueError, match=r"for expand, got Layer\(9, 2, 'relu'\). Pass one of Layer\(3, 4, 'tanh'\)"
    ):
        draw(loss, expand=other)
    with pytest.raises(ValueError, match=r"for expand, got .* no module computed .* Leave expand out"):
        draw(Value(1.0) + 2.0, expand=model)
    with pytest.raises(TypeError, match=r"a module, a scope or a list for expand, got int 3\. Pass a layer"):
        draw(loss, expand=3)  # type: ignore[arg-type]


# When it is drawn, and what it says ---------------------------------------------------------------


@fusing
def test_collapsed_unless_it_fits_on_a_page(fused: bool) -> None:
    _model, loss, _xs = train(fused)
    size = len(topological_order(loss))
    assert network_or_graph(loss, None) == picture_of(loss, None)
    small = Layer(1, 1, seed=0)([2.0])
    assert network_or_graph(small) == picture_of(small)
    picture = network_or_graph(loss, size)
    assert picture.groups
    assert f"{size:,} Values" in picture.note
    assert "expand=" in picture.note
    assert "limit=None" in picture.note


@fusing
def test_the_picture_in_words_and_in_the_terminal(fused: bool) -> None:
    _model, loss, _xs = train(fused, 2)
    picture = collapse(loss)
    words, text = describe(picture), text_of(picture)
    for card in picture.cards:
        assert card.name in words
        assert card.data in words
        assert any(card.name in line and card.data in line for line in text.splitlines())
    assert words.startswith("Network, inputs first: x₁ (inputs) = ")
    assert "layer 1 · h⁽¹⁾ · tanh" in text


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("opened", [False, True])
@fusing
def test_it_can_be_rendered(theme: str, opened: bool, fused: bool) -> None:
    model, loss, _xs = train(fused, 2)
    drawing = draw(loss, theme=theme, limit=5, expand=model.layers[0] if opened else None)
    svg = ElementTree.fromstring(drawing.svg)
    ids = [e.get("id") for e in svg.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    text = "".join(svg.itertext())
    for name in ("x₁", "h₁", "h₄", "loss", "layer 2 · h⁽²⁾ · tanh", "draw(…, "):
        assert name in text
    assert drawing.png.startswith(b"\x89PNG")
    texts = [t for t in svg.iter("{http://www.w3.org/2000/svg}text") if re.fullmatch("h[₁₂₃₄]", t.text or "")]
    assert "".join(t.text or "" for t in texts) == "h₁h₂h₃h₄" * 2
    heights = [float(t.get("y") or 0) for t in texts]
    assert heights[:4] == sorted(heights[:4])
    assert heights[4:] == sorted(heights[4:])


@pytest.mark.parametrize(
    "label", ["<b>&\"'", "a\\nb\\", "x" * 500, "名前" * 30, "\u202eevil\x00", "h₁", "ŷ]{"]
)
def test_hostile_labels(label: str) -> None:
    model, loss, xs = train(True)
    loss.label = xs[0][1].label = label
    for instance in find_instances(topological_order(loss)):
        instance.output.label = label
    for p in model.parameters():
        p.label = label
    drawing = draw(loss, limit=5, expand=model.layers[0].neurons[0])
    ElementTree.fromstring(drawing.svg)
    assert "\n" not in text_of(collapse(loss)).split("\n(")[0].splitlines()[2]
    assert not re.search(r"[\x00\u202e]", drawing.alt)


def corners(box: Box) -> tuple[float, float, float, float]:
    return (
        box.x - box.width / 2, box.y - box.height / 2, box.x + box.width / 2, box.y + box.height / 2
    )  # fmt: skip


@pytest.mark.parametrize("opened", [False, True])
@fusing
def test_nothing_overlaps_and_all_is_in_its_box(opened: bool, fused: bool) -> None:
    model, loss, xs = train(fused, 2)
    xs[0][0].label = xs[1][0].label = "a rather long label, 名前"
    picture = collapse(loss, expand=model.layers[:2] if opened else [])
    layout = place_cards(picture)
    assert layout.cards.keys() == {card.key for card in picture.cards}
    for boxes in (list(layout.cards.values()), layout.groups):
        for a, b in itertools.combinations(map(corners, boxes), 2):
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for group, box in zip(picture.groups, layout.groups, strict=True):
        left, bottom, right, top = corners(box)
        for key in group.keys:
            a = corners(layout.cards[key])
            assert left < a[0]
            assert a[2] < right
            assert bottom < a[1]
            assert a[3] < top


@fusing
def test_drawing_changes_nothing(fused: bool) -> None:
    model, loss, _xs = train(fused, 3)
    before = [(v.data, v.grad, v.label) for v in topological_order(loss)]
    drawing = draw(loss, limit=1, expand=model)
    assert isinstance(drawing, Drawing)
    assert drawing.svg
    assert [(v.data, v.grad, v.label) for v in topological_order(loss)] == before


def test_graph_of_a_batch_is_collapsed_by_default() -> None:
    model = MLP(2, [16, 16, 1], seed=0)
    loss = hinge_loss([single(model([i / 100, -i / 50])) for i in range(100)], [1, -1] * 50)
    loss.backward()
    assert "over 100 samples" in str(draw(loss))
