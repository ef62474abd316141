"""gradient_flow: what is a layer, how large its gradient is, what is found, and the picture of it."""

import math
import random
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest

from autograd import Value, draw, gradient_flow
from autograd import sum as total_of
from autograd.view.notation.names import format_number
from autograd.view.render.theme import THEMES, contrast
from autograd.view.training.gradient_flow import SHOWN, GradientFlow, tiles_of
from autograd.view.training.layer_stats import rms, titles_of
from nn import MLP, Layer, Module, Neuron, Parameter, mse_loss

fusing = pytest.mark.parametrize("fused", [True, False], ids=["fused", "explicit"])


def train(
    fused: bool = True, samples: int = 5, widths: tuple[int, ...] = (4, 4, 1), activation: str = "tanh"
) -> tuple[MLP, Value]:
    model = MLP(3, widths, activation, fused=fused, seed=0)
    xs = [[((7 * i + 3 * j) % 5 - 2) / 2 for j in range(3)] for i in range(samples)]
    loss = mse_loss([model(x) for x in xs], [1.0] * samples)
    loss.backward()
    return model, loss


def chain(depth: int, weight: float, activation: str = "tanh", bias: float = 0.0) -> tuple[MLP, Value]:
    """Neurons one after another, each with the same weight."""
    model = MLP(1, [1] * depth, activation, seed=0)
    for name, parameter in model.named_parameters():
        parameter.data = bias if name.endswith(".b") else weight
    loss = mse_loss([model([0.5])], [1.0])
    loss.backward()
    return model, loss


def kinds(flow: GradientFlow) -> list[str]:
    return [finding.kind for finding in flow.findings]


class Line(Module):
    """A module of one's own, which names no activation."""

    def __init__(self, slope: float = 2.0, function: str = "") -> None:
        self.slope, self.offset = Parameter(slope), Parameter(0.0)
        self._function = function

    def __call__(self, x: Value | float) -> Value:
        out = self.slope * x + self.offset
        return getattr(out, self._function)() if self._function else out


class Two(Module):
    def __init__(self) -> None:
        self.first, self.second = Line(3.0, "tanh"), Line(0.5)

    def __call__(self, x: float) -> Value:
        return self.second(self.first(x))


# The numbers --------------------------------------------------------------------------------------


def test_root_mean_square() -> None:
    assert rms([]) is None
    assert rms([-2.0]) == 2.0
    assert rms([3.0, 4.0]) == pytest.approx(math.sqrt(12.5))
    assert rms([1e200, 1e200]) == pytest.approx(1e200)
    assert rms([-math.inf, 1.0]) == math.inf
    assert math.isnan(rms([math.inf, math.nan]) or 0.0)


@fusing
def test_layers_of_a_network_with_its_loss(fused: bool) -> None:
    model, loss = train(fused)
    flow = gradient_flow(model, loss)
    assert [layer.name for layer in flow.layers] == ["layers.0", "layers.1", "layers.2"]
    assert [layer.function for layer in flow.layers] == ["tanh", "tanh", "linear"]
    assert [layer.units for layer in flow.layers] == [4, 4, 1]
    assert [layer.samples for layer in flow.layers] == [5, 5, 5]
    assert [layer.parameters for layer in flow.layers] == [16, 20, 5]
    for layer, module in zip(flow.layers, model.layers, strict=True):
        grads = [p.grad or 0.0 for p in module.parameters()]
        assert layer.parameter_gradient == pytest.approx(math.sqrt(sum(g * g for g in grads) / len(grads)))
        data = [p.data for p in module.parameters()]
        assert layer.parameter == pytest.approx(math.sqrt(sum(x * x for x in data) / len(data)))
    assert flow.findings == []


def test_activations_and_their_gradients_by_hand() -> None:
    """o = 3·h, h = tanh(2·x) at x = 0.5 and −1; loss = o₁ + 10·o₂."""
    model = MLP(1, [1, 1], "tanh", seed=0)
    for parameter, x in zip(model.parameters(), [2.0, 0.0, 3.0, 0.0]):
        parameter.data = x
    loss = model([0.5]) + 10.0 * model([-1.0])
    loss.backward()
    first, last = gradient_flow(model, loss).layers
    h = [math.tanh(1.0), math.tanh(-2.0)]
    assert first.activation == pytest.approx(math.sqrt((h[0] ** 2 + h[1] ** 2) / 2))
    assert last.activation == pytest.approx(3 * math.sqrt((h[0] ** 2 + h[1] ** 2) / 2))
    assert last.activation_gradient == pytest.approx(math.sqrt((1 + 100) / 2))
    assert first.activation_gradient == pytest.approx(3 * math.sqrt((1 + 100) / 2))


@pytest.mark.parametrize("with_loss", [True, False])
def test_fused_and_explicit_models_have_equal_flows(with_loss: bool) -> None:
    flows = []
    for fused in (True, False):
        model, loss = train(fused)
        flows.append(str(gradient_flow(model, loss if with_loss else None)))
    assert flows[0] == flows[1]


def test_the_model_alone_has_the_gradients_of_its_parameters() -> None:
    model, loss = train()
    parameters_only, closer = gradient_flow(model), gradient_flow(model, loss)
    for a, b in zip(parameters_only.layers, closer.layers, strict=True):
        assert (a.name, a.parameters, a.parameter) == (b.name, b.parameters, b.parameter)
        assert a.parameter_gradient == pytest.approx(b.parameter_gradient)
        assert a.units is a.activation is a.activation_gradient is a.closed is None


def test_gradient_flow_changes_no_gradient() -> None:
    model, loss = train()
    before = [(p.data, p.grad) for p in model.parameters()]
    flow = gradient_flow(model, loss)
    assert flow.svg
    assert [(p.data, p.grad) for p in model.parameters()] == before


def test_gradient_flow_does_not_follow_later_changes() -> None:
    model, loss = train()
    flow = gradient_flow(model, loss)
    before = str(flow)
    model.zero_grad()
    assert str(flow) == before


# What is a layer ----------------------------------------------------------------------------------


def test_user_modules_are_layers() -> None:
    model = Two()
    loss = (model(0.1) - 1.0) ** 2
    loss.backward()
    flow = gradient_flow(model, loss)
    assert [(layer.name, layer.function) for layer in flow.layers] == [
        ("first", "tanh"),
        ("second", "linear"),
    ]
    assert flow.layers[0].activation == pytest.approx(math.tanh(0.3))
    assert [layer.name for layer in gradient_flow(model).layers] == ["first", "second"]


def test_modules_in_a_list_of_the_model_are_layers() -> None:
    class Stack(Module):
        def __init__(self) -> None:
            self.cells = [Line(0.5, "tanh") for _ in range(3)]

        def __call__(self, x: float) -> Value:
            out: Value | float = x
            for cell in self.cells:
                out = cell(out)
            assert isinstance(out, Value)
            return out

    model = Stack()
    loss = model(1.0)
    loss.backward()
    names = ["cells.0", "cells.1", "cells.2"]
    assert [layer.name for layer in gradient_flow(model).layers] == names
    assert [layer.name for layer in gradient_flow(model, loss).layers] == names


def test_a_model_that_is_one_layer_or_one_neuron() -> None:
    layer = Layer(2, 3, "tanh", seed=0)
    loss = total_of(layer([1.0, 2.0]))
    loss.backward()
    (row,) = gradient_flow(layer, loss).layers
    assert (row.name, row.units) == ("Layer", 3)
    assert [row.name for row in gradient_flow(layer).layers] == ["neurons.0", "neurons.1", "neurons.2"]
    neuron = Neuron(2, "linear", seed=0)
    out = neuron([1.0, 2.0])
    out.backward()
    assert [row.name for row in gradient_flow(neuron, out).layers] == ["Neuron"]
    assert [row.name for row in gradient_flow(neuron).layers] == ["Neuron"]


def test_a_part_of_a_model() -> None:
    model, loss = train()
    (row,) = gradient_flow(model.layers[1], loss).layers
    assert row._replace(name="") == gradient_flow(model, loss).layers[1]._replace(name="", dead=row.dead)


def test_parameters_in_attributes_of_the_model() -> None:
    class Net(Module):
        def __init__(self) -> None:
            rng = random.Random(0)
            self.w1 = [Parameter(rng.uniform(-1, 1)) for _ in range(4)]
            self.w2 = [Parameter(rng.uniform(-1, 1)) for _ in range(4)]

        def __call__(self, x: float) -> Value:
            return total_of([(w * x).tanh() * v for w, v in zip(self.w1, self.w2)])

    model = Net()
    loss = model(1.0)
    loss.backward()
    for flow in (gradient_flow(model), gradient_flow(model, loss)):
        assert [(layer.name, layer.parameters) for layer in flow.layers] == [("w1", 4), ("w2", 4)]
        assert all(layer.parameter_gradient for layer in flow.layers)
        assert "∂loss/∂parameter" in flow.alt


def test_object_with_only_named_parameters_is_accepted() -> None:
    class Plain:
        def __init__(self) -> None:
            self.w, self.b = Value(2.0), Value(1.0)

        def named_parameters(self) -> Iterator[tuple[str, Value]]:
            yield from (("w", self.w), ("b", self.b))

    model = Plain()
    loss = model.w * 5.0 + model.b
    loss.backward()
    for flow in (gradient_flow(model), gradient_flow(model, loss)):
        assert [(layer.name, layer.parameter_gradient) for layer in flow.layers] == [("w", 5.0), ("b", 1.0)]


def test_a_module_used_again_is_a_layer_each_time() -> None:
    neuron = Neuron(1, "tanh", seed=0)
    h = neuron([0.5])
    for _ in range(2):
        h = neuron([h])
    h.backward()
    flow = gradient_flow(neuron, h)
    assert [layer.name for layer in flow.layers] == ["Neuron #1", "Neuron #2", "Neuron #3"]
    gradients = [layer.activation_gradient or 0.0 for layer in flow.layers]
    assert gradients[0] < gradients[1] < gradients[2] == 1.0


def test_parameters_that_are_in_no_neuron_keep_their_place() -> None:
    class Scaled(Module):
        def __init__(self) -> None:
            self.body, self.scale, self.head = Layer(1, 2, seed=0), [Parameter(2.0)], Layer(2, 1, seed=1)

        def __call__(self, x: float) -> Value:
            out: Value = self.head([h * self.scale[0] for h in self.body([x])])
            return out

    model = Scaled()
    loss = model(1.0)
    loss.backward()
    assert [layer.name for layer in gradient_flow(model, loss).layers] == ["body", "scale", "head"]


def test_other_model_in_the_graph_is_ignored() -> None:
    first, second = MLP(1, [2, 1], seed=0), MLP(1, [3, 1], seed=1)
    loss = second([first([1.0])])
    loss.backward()
    assert [layer.units for layer in gradient_flow(first, loss).layers] == [2, 1]
    assert [layer.units for layer in gradient_flow(second, loss).layers] == [3, 1]


# What is found ------------------------------------------------------------------------------------


def test_vanishing() -> None:
    """Ten tanh layers with a weight of 0.35 reduce the gradient to less than 1e−4."""
    model, loss = chain(11, 0.35)
    flow = gradient_flow(model, loss)
    sizes = [layer.activation_gradient or 0.0 for layer in flow.layers]
    assert sizes == sorted(sizes)
    (finding,) = flow.findings
    assert finding.kind == "vanishing"
    assert finding.where == tuple(
        layer.name for layer, size in zip(flow.layers, sizes) if size < 1e-4 * sizes[-1]
    )
    assert finding.where == ("layers.0", "layers.1")
    ratio, last = format_number(sizes[0] / sizes[-1]), format_number(sizes[-1])
    assert str(finding) == (
        f"the gradients of layer 1, layer 2 vanish: that of layer 1 is {ratio} times the gradient of "
        f"layer 11 ({last}), below the limit of 1e−4"
    )
    assert kinds(gradient_flow(model)) == ["vanishing"]


def test_scaled_loss_has_the_same_findings() -> None:
    model, loss = chain(11, 0.35)
    before = gradient_flow(model, loss)
    model.zero_grad()
    scaled = loss * 1e-6
    scaled.backward()
    after = gradient_flow(model, scaled)
    assert [(f.kind, f.where) for f in after.findings] == [(f.kind, f.where) for f in before.findings]


def test_exploding() -> None:
    model, loss = chain(8, 6.0, "linear")
    findings = gradient_flow(model, loss).findings
    assert findings[0].kind == "exploding"
    assert "layers.0" in findings[0].where
    assert "layers.7" not in findings[0].where
    (steep,) = gradient_flow(model).findings  # against the parameters themselves: the ratio is 1
    assert steep.kind == "exploding"
    assert "times the size of the parameters" in str(steep)


def test_thresholds_are_arguments() -> None:
    model, loss = chain(11, 0.35)
    assert kinds(gradient_flow(model, loss, vanishing=1e-6)) == []
    assert len(gradient_flow(model, loss, vanishing=0.1).findings[0].where) == 8
    network, big = chain(8, 6.0, "linear")
    assert "exploding" not in kinds(gradient_flow(network, big, exploding=1e12))
    neuron = Neuron(1, "tanh", seed=0)
    neuron.w[0].data = 1.0
    out = neuron([1.0])
    out.backward()
    assert kinds(gradient_flow(neuron, out)) == []
    assert kinds(gradient_flow(neuron, out, saturated=0.5)) == ["saturated"]


@fusing
def test_dead_units(fused: bool) -> None:
    model = MLP(2, [3, 2, 1], "relu", fused=fused, seed=0)
    for parameter in model.layers[0].neurons[1].parameters():
        parameter.data = -1.0
    loss = mse_loss([model([i + 1.0, 1.0]) for i in range(4)], [9.0] * 4)
    loss.backward()
    flow = gradient_flow(model, loss)
    assert "layers.0.neurons.1" in flow.layers[0].dead
    finding = next(f for f in flow.findings if f.kind == "dead")
    assert re.search(r"in layer 1 \(units? 2", str(finding))
    assert "the local derivative of relu is 0 on every one of 4 samples" in str(finding)
    assert "layers.0.neurons.1" in gradient_flow(model).layers[0].dead


def test_alive_on_one_sample_is_not_dead() -> None:
    neuron = Neuron(1, "relu", seed=0)
    neuron.w[0].data = 1.0
    loss = neuron([-1.0]) + neuron([-2.0]) + neuron([3.0])
    loss.backward()
    (row,) = gradient_flow(neuron, loss).layers
    assert row.dead == ()
    assert row.closed == pytest.approx(2 / 3)


@pytest.mark.parametrize(("activation", "edge"), [("tanh", 2.18), ("sigmoid", 2.89)])
def test_saturated_beyond_a_local_derivative_of_one_in_twenty(activation: str, edge: float) -> None:
    for x, expected in ((edge - 0.05, []), (edge + 0.05, ["saturated"])):
        neuron = Neuron(1, activation, seed=0)
        neuron.w[0].data = 1.0
        loss = neuron([x]) + neuron([-x])
        loss.backward()
        assert kinds(gradient_flow(neuron, loss)) == expected


def test_gradient_flow_before_backward_reports_not_computed() -> None:
    model = MLP(2, [3, 1], seed=0)
    loss = model([1.0, 2.0])
    flow = gradient_flow(model, loss)
    assert kinds(flow)[0] == "not computed"
    assert "loss.backward() first" in str(flow)
    assert "·" in str(flow.table)
    assert "gradient not computed" in flow.alt
    assert "<svg" in flow.svg


def test_parameters_alone_have_gradients_of_zero_before_backward() -> None:
    flow = gradient_flow(MLP(2, [3, 1], seed=0))
    assert [layer.parameter_gradient for layer in flow.layers] == [0.0, 0.0]
    (finding,) = flow.findings
    assert finding.kind == "zero"
    assert "or there was no backward() yet" in str(finding)
    assert "·" not in str(flow.table)


def test_an_earlier_loss_leaves_no_gradient_to_show() -> None:
    """Two losses share a network: the numbers are those of the pass from the loss that is passed."""
    model = MLP(1, [2, 1], "tanh", seed=0)
    out = model([0.5])
    assert isinstance(out, Value)
    first, second = out * 2.0, out * 3.0
    first.backward()
    model.zero_grad()
    assert [layer.activation_gradient for layer in gradient_flow(model, second).layers] == [None, None]
    second.backward()
    assert gradient_flow(model, second).layers[1].activation_gradient == 3.0


def test_units_behind_a_dead_relu_have_gradients_of_zero() -> None:
    """Not those that an earlier pass left there."""
    model = MLP(1, [1, 1], "relu", seed=0)
    for name, parameter in model.named_parameters():
        parameter.data = 1.0 if name.startswith("layers.0") else -1.0
    unit = model.layers[0]([1.0])
    assert isinstance(unit, Value)
    unit.backward()
    model.zero_grad()
    loss = (model.layers[1]([unit]) - 1.0).relu()
    loss.backward()
    assert unit.grad == 1.0
    assert [layer.activation_gradient for layer in gradient_flow(model, loss).layers] == [0.0, 0.0]


def test_a_layer_the_loss_does_not_use() -> None:
    model = Two()
    loss = model.second(1.0)
    loss.backward()
    flow = gradient_flow(model, loss)
    assert flow.layers[0].parameter_gradient == 0.0
    assert flow.findings[0] == (
        "zero",
        ("first",),
        "every gradient in first is exactly 0; does the loss use it?",
    )


def test_zero_gradients() -> None:
    model, _loss = train()
    model.zero_grad()
    (finding,) = gradient_flow(model).findings
    assert finding.kind == "zero"
    assert "zero_grad() came after backward()" in str(finding)


def test_underflowing_ratio_is_vanishing_not_zero() -> None:
    model = Two()
    loss = model.first.slope * 5e-324 + model.second.slope * 1e9
    loss.backward()
    flow = gradient_flow(model)
    assert ("vanishing", ("first",)) in [(f.kind, f.where) for f in flow.findings]
    assert "zero" not in kinds(flow)
    assert "<svg" in flow.svg


def test_layer_with_zero_gradient_is_reported() -> None:
    model = Two()
    model.second.slope.data = 0.0
    loss = model(1.0)
    loss.backward()
    assert ("zero", ("first",)) in [(f.kind, f.where) for f in gradient_flow(model, loss).findings]


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e308])
def test_nonfinite_gradients_are_reported(bad: float) -> None:
    model, _ = train()
    model.zero_grad()
    loss = model([1.0, 2.0, 3.0])
    loss.backward(bad)
    flow = gradient_flow(model, loss)
    if not math.isfinite(bad):
        assert kinds(flow)[0] == "not finite"
    assert "<svg" in flow.svg


# Invalid arguments --------------------------------------------------------------------------------


def test_invalid_model_or_loss_raises() -> None:
    model, loss = train()
    with pytest.raises(
        TypeError,
        match=r"^gradient_flow\(\) expected .*named_parameters\(\), got list \[\]. Pass an nn.Module",
    ):
        gradient_flow([])  # type: ignore[arg-type]
    with pytest.raises(
        ValueError,
        match=r"^gradient_flow\(\) expected a model with parameters, got Module.* Assign Parameters",
    ):
        gradient_flow(Module())
    with pytest.raises(
        TypeError, match=r"^gradient_flow\(\) expected a Value for loss, got float 0\.5\. Pass"
    ):
        gradient_flow(model, 0.5)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError,
        match=r"^gradient_flow\(\) expected a loss that was computed from this MLP, got .* Pass the loss",
    ):
        gradient_flow(MLP(3, [1], seed=0), loss)
    with pytest.raises(
        ValueError, match=r"^gradient_flow\(\) expected 'light' or 'dark' for theme, got str 'blue'\. Use one"
    ):
        gradient_flow(model, theme="blue")


@pytest.mark.parametrize(
    ("name", "value"), [("vanishing", 1.0), ("vanishing", 0.0), ("exploding", 0.5), ("saturated", -1.0)]
)
def test_threshold_out_of_range_raises(name: str, value: float) -> None:
    model, loss = train()
    with pytest.raises(
        ValueError, match=rf"expected a number between .* for {name}, got float {value}\. Leave it out"
    ):
        gradient_flow(model, loss, **{name: value})  # type: ignore[arg-type]


# The picture --------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES)
def test_text_contrasts_with_every_fill(theme: str) -> None:
    colors = THEMES[theme]
    for fill in (*colors.flow, colors.box[0]):
        assert contrast(colors.ink_on(fill), fill) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_drawn_text_contrasts_with_its_fill(theme: str) -> None:
    """In the SVG: each text in a card against the fill of the card, any other one against the paper."""
    model, loss = chain(11, 0.35)
    svg = ElementTree.fromstring(gradient_flow(model, loss, theme=theme).svg)
    count = 0
    for group in svg.iter("{http://www.w3.org/2000/svg}g"):
        if group.get("class") != "node":
            continue
        shapes = [e for e in group if e.get("fill") not in (None, "none") and not e.tag.endswith("text")]
        fill = shapes[0].get("fill") if shapes else THEMES[theme].paper
        for text in group.iter("{http://www.w3.org/2000/svg}text"):
            if (text.text or "").strip():
                assert contrast(text.get("fill") or "#000000", fill or "") >= 4.5, (text.text, fill)
                count += 1
    assert count > 40


def test_the_larger_the_gradient_the_stronger_the_fill() -> None:
    model, loss = chain(11, 0.35)
    flow = gradient_flow(model, loss)
    tiles = flow._tiles
    strengths = [tile.strength for tile in tiles]
    assert strengths == sorted(strengths, key=lambda x: x or 0.0)
    assert strengths[-1] == 1.0
    assert strengths[0] == 0.0
    assert [tile.dashed for tile in tiles] == [True] * 2 + [False] * 9
    assert tiles[3].ratio == "×0.35"
    assert flow.svg.count("stroke-dasharray") == 2


@pytest.mark.parametrize("theme", THEMES)
def test_ratio_is_not_in_the_color_of_local_derivatives(theme: str) -> None:
    model, loss = chain(3, 0.35)
    flow = gradient_flow(model, loss, theme=theme)
    assert "×0.35" in flow.svg
    assert THEMES[theme].local not in flow.svg


def test_arrows_point_backward_once_gradients_are_computed() -> None:
    model = MLP(1, [1] * 20, "tanh", seed=0)
    loss = mse_loss([model([0.5])], [1.0])

    def arrows() -> list[str]:
        source = gradient_flow(model, loss).graph.source
        return re.findall(r"l?\w+:e -> \w+:w \[.*dir=(\w+)", source)

    assert arrows() == ["forward"] * (SHOWN + 1)
    loss.backward()
    assert arrows() == ["back"] * (SHOWN + 1)


def test_layers_are_numbered_from_1_as_in_the_picture_of_the_network() -> None:
    model, loss = train()
    flow, network = gradient_flow(model, loss), draw(loss, limit=1)
    for i in (1, 2, 3):
        assert f"layer {i}" in flow.svg
        assert f"layer {i}" in network.svg
        assert f"layer {i}" in str(flow.table)
    assert "layers.0" not in flow.svg + flow.alt + str(flow)


def test_layers_in_a_part_of_the_model_keep_the_name_of_the_part() -> None:
    class Autoencoder(Module):
        def __init__(self) -> None:
            self.encoder, self.decoder = MLP(2, [3, 1], seed=0), MLP(1, [3, 2], seed=1)

        def __call__(self, x: list[float]) -> list[Value]:
            out: list[Value] = self.decoder([self.encoder(x)])
            return out

    model = Autoencoder()
    loss = mse_loss([model([1.0, 2.0])], [[1.0, 2.0]])
    loss.backward()
    names = ["encoder · layer 1", "encoder · layer 2", "decoder · layer 3", "decoder · layer 4"]
    assert [row[0] for row in gradient_flow(model, loss).table.rows] == names
    assert [row[0] for row in gradient_flow(model).table.rows] == names


@pytest.mark.parametrize("theme", THEMES)
def test_it_can_be_rendered_and_saved(theme: str, tmp_path: object) -> None:
    model, loss = train()
    loss.label = "cost"
    flow = gradient_flow(model, loss, theme=theme)
    svg = ElementTree.fromstring(flow.svg)
    ids = [e.get("id") for e in svg.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    text = " ".join(t.text or "" for t in svg.iter("{http://www.w3.org/2000/svg}text"))
    for title, layer in zip(titles_of(flow.layers), flow.layers, strict=True):
        assert title in text
        assert format_number(layer.activation or 0.0) in text
        assert format_number(layer.activation_gradient or 0.0) in text
        assert format_number(layer.activation or 0.0) in flow.alt
        assert format_number(layer.activation_gradient or 0.0) in flow.alt
    assert "cost" in text
    data, metadata = flow._repr_mimebundle_()
    assert set(data) == {"image/svg+xml", "image/png", "text/plain"}
    assert metadata["image/png"]["alt"] == flow.alt
    assert flow.save(f"{tmp_path}/flow.png").read_bytes().startswith(b"\x89PNG")


def test_many_layers_show_the_first_and_the_last() -> None:
    model, loss = chain(30, 0.9)
    flow = gradient_flow(model, loss)
    tiles = tiles_of(flow.layers, flow._limits)
    assert len(tiles) == SHOWN + 1
    assert tiles[SHOWN // 2].name == "… 18 more"
    assert (tiles[0].name, tiles[-1].name) == ("layer 1", "layer 30")
    assert len(flow.table.rows) == 30
    assert "<svg" in flow.svg


def test_many_findings_are_counted() -> None:
    model = MLP(1, [2] * 8 + [1], "tanh", seed=0)
    for parameter in model.parameters():
        parameter.data = 30.0
    loss = model([1.0])
    loss.backward()
    flow = gradient_flow(model, loss)
    assert len(flow.findings) > 6
    assert f"and {len(flow.findings) - 5} more: see findings" in flow.svg
    assert all(str(finding) in str(flow) for finding in flow.findings)


def test_the_table_as_text_and_html() -> None:
    model, loss = train()
    table = gradient_flow(model, loss).table
    header, _rule, *rows = repr(table).splitlines()
    columns = "layer function units activation ∂activation closed parameters size ∂parameter finding"
    assert header.split() == columns.split()
    assert [row.split("  ")[0] for row in rows] == ["layer 1", "layer 2", "layer 3"]
    assert table._repr_html_().count("<tr>") == 4
    vanishing, loss = chain(11, 0.35)
    assert gradient_flow(vanishing, loss).table.rows[0][-1] == "vanishing"


@pytest.mark.parametrize(
    "name", ["<b>&\"'", "a\\nb\\", "x" * 500, "名前" * 30, "\u202eevil\x00", "h₁", "o]{", "two\nlines"]
)
def test_hostile_names(name: str) -> None:
    class Hostile(Module):
        def __init__(self) -> None:
            self.parts = {name: Line(1e-9), f"{name}2": Line()}
            self.activation = name

        def __call__(self, x: float) -> Value:
            first, second = self.parts.values()
            return second(first(x))

    model = Hostile()
    loss = model(1.0)
    loss.label = name
    loss.backward()
    for flow in (gradient_flow(model), gradient_flow(model, loss)):
        ElementTree.fromstring(flow.svg)
        assert not re.search(r"[\x00\u202e]", flow.alt + str(flow))
        assert "<b>" not in flow.table._repr_html_()
