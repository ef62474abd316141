"""Uses of every public name, as a user's type checker sees them: checked by mypy and pyright in strict mode.

tests/project/test_typing.py runs it too, and checks that no public name is missing.
"""

# An error that is to be reported is marked "type: ignore"; that a mark is needed, both checkers verify.
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import autograd
import nn
from autograd import Value
from autograd.compiler.program import CompiledStep
from autograd.view.compare.compare import Comparison
from autograd.view.compare.snapshot import Snapshot
from autograd.view.compare.with_torch import TorchComparison
from autograd.view.draw.graphviz import Drawing
from autograd.view.explain.explain import Explanation
from autograd.view.notation.derivation import Derivation
from autograd.view.steps.step import ForwardStep, Step
from autograd.view.steps.steps import Steps
from autograd.view.training.gradient_flow import GradientFlow
from autograd.view.training.watch import Live
from nn import data, init


def a_value() -> Value:
    w, x = Value(2), Value(5.0, label="x")
    assert_type(w, Value)
    assert_type(w * x - 12, Value)
    assert_type(1 / (1 + w) ** 2, Value)
    assert_type(2 - w + abs(-w), Value)
    assert_type(2**w * 3, Value)
    assert_type(sum([w, x], start=Value(0.0)), Value)
    assert_type(w.tanh().maximum(x), Value)
    assert_type(w < 3.0, bool)
    assert_type(w >= x, bool)
    loss = (w * x - 12.0) ** 2
    loss.backward()
    assert_type(loss.data, float)
    assert_type(loss.item(), float)
    assert_type(w.grad, float)
    assert_type(w.label, str)
    assert_type(loss.operands, tuple[Value | float, ...])
    assert_type(loss.is_leaf, bool)
    assert_type(loss.detach(), Value)
    w.data = 3
    w.grad = None
    w.grad += 1.0
    w.zero_grad()
    with autograd.no_grad():  # where the graph is not lost
        assert_type(float(w), float)
    assert issubclass(autograd.GradientLostWarning, UserWarning)
    assert_type(+w, Value)
    assert_type(autograd.topological_order(loss), list[Value])
    return loss


if TYPE_CHECKING:

    def misspelled(w: Value) -> None:
        w.tahn()  # type: ignore[attr-defined]
        w.value  # type: ignore[attr-defined]
        w.gradient = 1.0  # type: ignore[attr-defined]
        w.operands = ()  # type: ignore[misc]
        w.data = "2"  # type: ignore[assignment]
        w.tanh(1.0)  # type: ignore[call-arg]
        w.maximum()  # type: ignore[call-arg]
        w + "2"  # type: ignore[operator]
        autograd.dot([w])  # type: ignore[call-arg]


def functions() -> None:
    x, y = Value(0.5), Value(0.25)
    many = autograd.group([x, y, 1.0])
    for result in (
        autograd.exp(x), autograd.expm1(x), autograd.log(x), autograd.log1p(x), autograd.sqrt(x),
        autograd.sin(x), autograd.cos(x), autograd.erf(x), autograd.erfc(x), autograd.sech(x),
        autograd.tanh(x), autograd.sigmoid(x), autograd.relu(x), autograd.leaky_relu(x), autograd.elu(x),
        autograd.gelu(x), autograd.silu(x), autograd.softplus(x), autograd.maximum(x, y),
        autograd.minimum(x, 0.0),
        autograd.sum([x, y]), autograd.dot([x, 2.0], [1.0, y], 0.5), autograd.logsumexp(many),
    ):  # fmt: skip
        assert_type(result, Value)
    assert_type(autograd.softmax([x, 1.0]), list[Value])
    assert_type(autograd.log_softmax([x, 1.0]), list[Value])
    assert_type(autograd.log_odds([x, 1.0], 0), Value)
    element: Value = autograd.take([x, y], 1)
    assert element.data == y.data
    autograd.not_compiled("it draws random numbers")
    with autograd.scope("product") as part:
        autograd.draw(x * y, expand=[part])
    try:
        with autograd.detect_anomaly(check_nan=True):
            autograd.log(element - 1.0)
    except autograd.AnomalyError as error:
        print(error)


def own_operations() -> None:
    def value(m: Any, x: Any) -> Any:
        return x / (1.0 + m.abs(x))

    def derivative(m: Any, out: Any, x: Any) -> Any:
        return 1.0 / (1.0 + m.abs(x)) / (1.0 + m.abs(x))

    softsign = autograd.primitive("softsign", value, derivative, doc="a sigmoid that saturates slowly")
    assert_type(softsign(1.0), Value)


class Counting(autograd.Mode):
    nodes = 0

    def recorded(self, node: Value) -> None:
        self.nodes += 1


def modes() -> None:
    with Counting() as counting:
        assert_type(Value(2.0) * 3.0, Value)
    assert_type(counting, Counting)
    assert_type(counting.nodes, int)

    @autograd.no_grad()
    def double(x: Value) -> Value:
        return x * 2.0

    assert_type(double(Value(1.0)), Value)


def derivatives() -> None:
    x = Value(3.0)
    assert_type(autograd.grad(x**3, x), list[Value])
    assert_type(autograd.grad(x**3, [x], create_graph=True), list[Value])
    assert_type(autograd.grad(x**3, [x, Value(1.0)], allow_unused=True), list[Value | None])

    def f(a: Value, b: Value) -> Value:
        return a * b

    assert_type(autograd.hessian(f, [1.0, 2.0]), list[list[float]])
    assert_type(autograd.hvp(f, [1.0, 2.0], [1.0, 0.0]), list[float])
    assert_type(autograd.replaced(x * 2.0, x, 1), Value)
    slopes: list[float] = autograd.jacobian(f, [1.0, Value(2.0)])
    assert len(slopes) == 2
    try:
        autograd.check_grads(f, [1.0, 2.0], order=1)
    except autograd.GradientError as error:
        print(error)
    with autograd.no_grad():
        assert_type(autograd.is_grad_enabled(), bool)
        with autograd.enable_grad():
            assert_type(f(x, x), Value)


def views(folder: Path) -> None:
    model, w = nn.MLP(2, [2, 1], seed=0), Value(2.0, label="w")
    loss: Value = (w * model([1.0, 2.0]) - 12.0) ** 2
    assert_type(autograd.draw(loss, theme="dark"), Drawing)
    assert_type(autograd.explain(loss, w), Explanation)
    assert_type(autograd.formula(loss), Derivation)
    autograd.show(loss, width=80)
    backward = autograd.steps(loss)
    assert_type(backward, Steps[Step])
    assert_type(autograd.steps(loss, forward=True), Steps[Step | ForwardStep])
    assert_type(backward.save(folder / "steps.html"), Path)
    assert_type(autograd.explore(loss, train=[w], lr=0.1).save(folder / "page.html"), Path)
    before = autograd.snapshot(loss)
    assert_type(before, Snapshot)
    assert_type(autograd.compare(before, loss), Comparison)
    assert_type(autograd.gradient_flow(model, loss), GradientFlow)
    assert_type(autograd.watch(model), Live)


def with_torch(network: nn.MLP) -> None:
    assert_type(autograd.compare_with_torch((Value(2.0) * 5.0 - 12.0) ** 2, every=True), TorchComparison)
    module = nn.to_torch(network)
    assert_type(nn.from_torch(module), nn.MLP | nn.Sequential)


def compiled() -> None:
    w = nn.Parameter(2.0)

    def loss(x: Value, y: Value) -> Value:
        return (w * x - y) ** 2

    step = autograd.compile(loss, nn.SGD([w], lr=0.01), backend="python")
    assert_type(step, CompiledStep)
    try:
        step(5.0, 12.0)
    except autograd.TraceError as error:
        print(error, autograd.CompileWarning.__name__)


class Line(nn.Module):
    def __init__(self) -> None:
        self.slope = nn.Parameter(2.0, label="slope")

    def __call__(self, x: float) -> Value:
        return self.slope * x


def networks(folder: Path) -> None:
    rng = random.Random(0)
    assert_type(nn.Neuron(2, "tanh", seed=rng)([1.0, Value(2.0)]), Value)
    several: list[Value] = nn.Layer(2, 3, "relu", fused=False)([1.0, 2.0])
    assert len(several) == 3
    network = nn.MLP(2, [4, 1], seed=0)
    assert_type(network.parameters(), list[nn.Parameter])
    assert_type(network.state_dict(), dict[str, float])
    stack = nn.Sequential(
        nn.Layer(2, 4, "linear"), nn.LayerNorm(4), nn.RMSNorm(4), nn.BatchNorm1d(4), nn.Activation("tanh"),
        nn.Dropout(0.5, seed=0), nn.Layer(4, 1, "linear"),
    )  # fmt: skip
    assert_type(stack.train(False), nn.Sequential)
    assert_type(nn.functional_call(Line(), {"slope": 3.0}, 2.0), Any)
    nn.save(network, folder / "network.json")
    network.load_state_dict(nn.load(folder / "network.json"))
    init.kaiming_uniform_(network, seed=0)
    assert_type(init.calculate_gain("tanh"), float)

    rows: list[list[float]] = [[0.0, 1.0], [1.0, 0.0]]
    outputs, state = nn.unroll(nn.RNNCell(2, 3), rows)
    assert_type(outputs, list[list[Value]])
    h, c = nn.LSTMCell(2, 3)(rows[0])
    assert_type(h, list[Value])
    assert_type(c, list[Value])
    nn.detached(state)


def losses() -> None:
    outputs = [Value(0.5), Value(-0.5)]
    for loss in (
        nn.mse_loss(outputs, [1.0, 0.0]),
        nn.l1_loss(outputs, [1.0, 0.0]),
        nn.huber_loss(outputs, [1.0, 0.0]),
        nn.hinge_loss(outputs, [1, -1]),
        nn.binary_cross_entropy_with_logits(outputs, [1, 0]),
        nn.cross_entropy([outputs], [1]),
        nn.l1_penalty(outputs),
        nn.l2_penalty(outputs),
    ):
        assert_type(loss, Value)
    assert_type(nn.accuracy(outputs, [1, -1]), float)


def training() -> None:
    network = nn.MLP(2, [3, 1], seed=0)
    parameters = network.parameters()
    for optimizer in (nn.Adam(parameters), nn.AdamW(parameters), nn.RMSprop(parameters)):
        general: nn.Optimizer = optimizer
        general.zero_grad()
    sgd = nn.SGD(parameters, lr=0.1, momentum=0.9)

    def halved(epoch: int) -> float:
        return 0.5**epoch

    schedules: list[nn.Schedule] = [
        nn.StepLR(sgd, 2), nn.CosineAnnealingLR(sgd, 5), nn.LinearLR(sgd), nn.LambdaLR(sgd, halved),
    ]  # fmt: skip
    assert_type(schedules[0].get_last_lr(), list[float])
    samples = data.two_moons(8, seed=0)
    history = nn.fit(network, samples, nn.hinge_loss, sgd, epochs=1, progress=False)
    assert_type(history, nn.History)
    assert_type(history.loss, list[float])
    assert_type(nn.evaluate(network, samples, nn.hinge_loss), float)
    assert_type(nn.clip_grad_norm_(parameters, 1.0), float)
    nn.clip_grad_value_(parameters, 1.0)
    sgd.step()
