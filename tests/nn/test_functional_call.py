"""functional_call: a call with other parameters, after which the module is unchanged."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from autograd import Value, grad, hessian
from nn import MLP, Layer, Module, Neuron, Parameter, functional_call, mse_loss

from .._support.modules import Line, Pair


def _inside(module: Module) -> list[Any]:
    """Return every object in a module, to detect any replacement."""
    return [(id(m), name, id(x)) for m in module.modules() for name, x in vars(m).items()] + [
        (name, id(p), p.data, p.grad, id(p.owner)) for name, p in module.named_parameters()
    ]


def _others(module: Module, factor: float = 3.0) -> dict[str, float]:
    return {name: factor * p.data + 0.5 for name, p in module.named_parameters()}


# Results ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    "make", [Neuron, lambda n, **more: Layer(n, 2, **more), lambda n, **more: MLP(n, [3, 1], **more)]
)
def test_functional_call_agrees_with_a_module_of_these_parameters(
    make: Callable[..., Any], fused: bool
) -> None:
    model, clone = make(2, activation="tanh", fused=fused, seed=0), make(2, activation="tanh", fused=fused)
    numbers = _others(model)
    for name, p in clone.named_parameters():
        p.data = numbers[name]
    actual, expected = functional_call(model, numbers, [1.0, 2.0]), clone([1.0, 2.0])
    pairs = zip(actual, expected, strict=True) if isinstance(actual, list) else [(actual, expected)]
    assert all(a.data == b.data for a, b in pairs)


def test_parameters_may_be_numbers_or_values_and_some_may_be_left_out() -> None:
    line = Line()
    assert functional_call(line, {"slope": 10, "offset": Value(0.5)}, 3.0).data == 30.5
    assert functional_call(line, {"slope": 10.0}, 3.0).data == 31.0
    assert functional_call(line, {}, 3.0).data == line(3.0).data == 7.0


def test_functional_call_passes_several_inputs() -> None:
    class Plane(Line):
        def __call__(self, x: float, y: float) -> Value:  # type: ignore[override]
            return self.slope * x + self.offset * y

    assert functional_call(Plane(), {"slope": 10.0}, 3.0, 4.0).data == 34.0


def test_gradients_flow_to_the_given_parameters_only() -> None:
    line = Line()
    slope = Value(10.0)
    functional_call(line, {"slope": slope}, 3.0).backward()
    assert (slope.grad, line.slope.grad, line.offset.grad) == (3.0, 0.0, 1.0)


def test_a_gradient_flows_through_an_update_of_the_parameters() -> None:
    line = Line()
    inner = (
        line(1.0) - 5.0
    ) ** 2  # (s + o − 5)², whose derivative with respect to s and to o is 2·(s + o − 5) = −4
    gradients = grad(inner, line.parameters(), create_graph=True)
    adapted = {name: p - 0.25 * g for (name, p), g in zip(line.named_parameters(), gradients, strict=True)}
    # s' = s − (s + o − 5)/2 = 3 and o' = o − (s + o − 5)/2 = 2; out = 3·s' + o' = s + 10 − o
    out = functional_call(line, adapted, 3.0)
    out.backward()
    assert out.data == 11.0
    assert (line.slope.grad, line.offset.grad) == (1.0, -1.0)


def test_the_hessian_of_a_loss_in_the_parameters() -> None:
    def loss(slope: Value, offset: Value) -> Value:
        outputs = [functional_call(Line(), {"slope": slope, "offset": offset}, x) for x in (1.0, 2.0)]
        return mse_loss(outputs, [0.0, 0.0])

    assert hessian(loss, [0.3, -0.7]) == [[5.0, 3.0], [3.0, 2.0]]


def test_a_shared_parameter_is_replaced_wherever_it_is() -> None:
    class Tied(Module):
        def __init__(self) -> None:
            shared, line = Parameter(2.0), Line()
            self.one, self.many = shared, [shared, {"too": (shared,)}]
            self.line, self.again = line, [line]

        def __call__(self, x: float) -> Value:
            first = self.one + 10.0 * self.many[0] + 100.0 * self.many[1]["too"][0]
            return first + 1000.0 * (self.line(x) + self.again[0](x))

    tied = Tied()
    before = _inside(tied)
    assert functional_call(tied, {"one": 3.0, "line.slope": 0.0, "line.offset": 4.0}, 1.0).data == 8333.0
    assert _inside(tied) == before
    with pytest.raises(KeyError, match=r"many\.0"):  # it is listed once, under its first name
        functional_call(tied, {"many.0": 3.0}, 1.0)


def test_containers_keep_their_type() -> None:
    class Holder(Module):
        def __init__(self) -> None:
            self.pair = Pair(Parameter(2.0), "text")
            self.table = OrderedDict(a=Parameter(3.0))
            self.counts: defaultdict[str, int] = defaultdict(int)
            self.log: list[float] = []

        def __call__(self, x: float) -> Value:
            self.counts["calls"] += 1
            self.log.append(x)
            return self.pair.first * self.table["a"] * x

    holder = Holder()
    before = _inside(holder)
    assert functional_call(holder, {"pair.0": 5.0, "table.a": 7.0}, 2.0).data == 70.0
    assert holder(2.0).data == 12.0
    assert holder.counts == {"calls": 2}
    assert holder.log == [2.0, 2.0]
    assert _inside(holder) == before


def test_attributes_assigned_by_the_call_remain() -> None:
    class Counting(Line):
        calls = 0

        def __call__(self, x: Any) -> Value:
            self.calls += 1
            return super().__call__(x)

    counting = Counting()
    for _ in range(3):
        functional_call(counting, {"slope": 1.0}, 1.0)
    assert counting.calls == 3


def test_functional_call_can_be_nested() -> None:
    class Outer(Module):
        def __init__(self) -> None:
            self.line, self.factor = Line(), Parameter(2.0)

        def __call__(self, x: float) -> Value:
            return self.factor * functional_call(self.line, {"offset": 0.5}, x)

    outer = Outer()
    before = _inside(outer)
    assert functional_call(outer, {"factor": 10.0}, 3.0).data == 65.0
    assert _inside(outer) == before


# The module afterwards ----------------------------------------------------------------------------


def test_module_is_restored() -> None:
    model = MLP(2, [3, 1], "tanh", seed=0)
    before = _inside(model)
    functional_call(model, _others(model), [1.0, 2.0]).backward()
    assert _inside(model) == before
    assert all(p.grad == 0.0 for p in model.parameters())


@pytest.mark.parametrize("wrong", [[1.0], [1.0, 2.0, 3.0], 1.0, ["a", "b"], None], ids=repr)
def test_module_is_restored_when_the_call_raises(wrong: Any) -> None:
    model = MLP(2, [3, 1], "tanh", seed=0)
    before, expected = _inside(model), model([1.0, 2.0]).data
    with pytest.raises((TypeError, ValueError)):
        functional_call(model, _others(model), wrong)
    assert _inside(model) == before
    assert model([1.0, 2.0]).data == expected


def test_module_is_restored_when_the_call_is_interrupted() -> None:
    class Interrupted(Line):
        def __call__(self, x: Any) -> Value:
            assert self.slope.data == 5.0
            raise KeyboardInterrupt

    module = Interrupted()
    before = _inside(module)
    with pytest.raises(KeyboardInterrupt):
        functional_call(module, {"slope": 5.0}, 1.0)
    assert _inside(module) == before


# Invalid arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["nope", "layers", "layers.0.neurons.0", "layers.0.neurons.0.w.9", "", "Slope"]
)
def test_unknown_name_raises_key_error_with_the_names(name: str) -> None:
    model = MLP(2, [1], seed=0)
    before = _inside(model)
    with pytest.raises(KeyError) as error:
        functional_call(model, {"layers.0.neurons.0.b": 1.0, name: 1.0}, [1.0, 2.0])
    message = error.value.args[0]
    names = "'layers.0.neurons.0.w.0', 'layers.0.neurons.0.w.1', 'layers.0.neurons.0.b'"
    assert message == (
        f"functional_call() expected names of parameters of this MLP, got {name!r}. Use its names: {names}."
    )
    assert _inside(model) == before


@pytest.mark.parametrize("wrong", ["1", None, 1j, [1.0]], ids=repr)
def test_parameter_of_wrong_type_raises_type_error(wrong: Any) -> None:
    line = Line()
    before = _inside(line)
    with pytest.raises(
        TypeError, match=rf"real number for parameters\['slope'\], got {type(wrong).__name__}.*\. Pass"
    ):
        functional_call(line, {"slope": wrong}, 1.0)
    assert _inside(line) == before
