"""Module and Parameter: the parameters of a module, their owners, copies, memory and threads."""

import copy
import gc
import pickle
import sys
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, Thread
from typing import Any

import pytest

from autograd import Value, grad
from nn import MLP, SGD, Layer, Module, Neuron, Parameter, functional_call, hinge_loss, mse_loss
from nn.data import xor

from .._support.modules import Line, Pair, Tied, Tree

# Parameter ----------------------------------------------------------------------------------------


def test_a_parameter_is_a_leaf_value() -> None:
    p = Parameter(0.5, label="w")
    assert isinstance(p, Value)
    assert p.is_leaf
    assert (p.data, p.grad, p.label) == (0.5, 0.0, "w")
    (p * p).backward()
    assert p.grad == 1.0


def test_result_of_an_operation_is_not_a_parameter() -> None:
    p = Parameter(2.0)
    for result in (p + 1.0, p * p, -p, p.tanh(), p.detach()):
        assert type(result) is Value


@pytest.mark.parametrize("wrong", ["1", None, 1j, [1.0], Value(1.0), Parameter(1.0)])
def test_parameter_of_wrong_type_raises_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match=type(wrong).__name__):
        Parameter(wrong)


def test_repr_of_a_parameter() -> None:
    p = Parameter(0.5)
    assert repr(p) == "Parameter(0.5)"
    p.grad, p.label = 2.0, "w"
    assert repr(p) == "Parameter(0.5, grad=2.0, label='w')"


def test_owner_of_a_parameter_is_its_module() -> None:
    p = Parameter(1.0)
    assert p.owner is None
    line = Line()
    assert line.slope.owner is line
    line.slope = p
    assert p.owner is line


def test_owner_of_a_parameter_in_a_container_is_the_module() -> None:
    tree = Tree()
    own = [p for name, p in tree.named_parameters() if "slope" not in name and "offset" not in name]
    assert len(own) == 7
    assert all(p.owner is tree for p in own)
    assert tree.pair.second.owner is tree
    assert tree.pair.second.slope.owner is tree.pair.second


def test_the_owner_of_a_neuron_is_its_layer() -> None:
    model = MLP(2, [3, 1], seed=0)
    assert model.owner is None
    for layer in model.layers:
        assert layer.owner is model
        for neuron in layer.neurons:
            assert neuron.owner is layer
            assert all(p.owner is neuron for p in neuron.parameters())


def test_the_owner_of_a_parameter_that_outlives_its_module_is_none() -> None:
    line = Line()
    slope = line.slope
    del line
    assert slope.owner is None
    assert slope.data == 2.0


def test_an_owner_cannot_be_assigned() -> None:
    with pytest.raises(AttributeError):
        Parameter(1.0).owner = Line()  # type: ignore[misc]


# Parameters of a module ---------------------------------------------------------------------------


def test_names_and_order_of_the_parameters() -> None:
    parameters = {name: p.data for name, p in Tree().named_parameters()}
    assert [*parameters.items()] == [
        ("first", 1.0),
        ("rows.0.0", 2.0),
        ("rows.1.0", 3.0),
        ("rows.1.1.0", 4.0),
        ("named.b", 5.0),
        ("named.a.7", 6.0),
        ("pair.0", 7.0),
        ("pair.1.slope", 2.0),
        ("pair.1.offset", 1.0),
        ("lines.x.0.slope", 2.0),
        ("lines.x.0.offset", 1.0),
    ]


def test_parameters_and_named_parameters_have_the_same_order() -> None:
    tree = Tree()
    assert tree.parameters() == [p for _, p in tree.named_parameters()]
    assert tree.parameters() == tree.parameters()


def test_the_names_of_a_network() -> None:
    assert [name for name, _ in MLP(1, [2, 1], seed=0).named_parameters()] == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
        "layers.0.neurons.1.b",
        "layers.1.neurons.0.w.0",
        "layers.1.neurons.0.w.1",
        "layers.1.neurons.0.b",
    ]


def test_a_shared_parameter_is_listed_once_under_its_first_name() -> None:
    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == [
        "left.0",
        "left.1.slope",
        "left.1.offset",
        "inner.own",
    ]
    assert len(set(tied.parameters())) == len(tied.parameters()) == 4


def test_parameters_of_equal_numbers_are_different_parameters() -> None:
    module = Module()
    module.both = [Parameter(1.0), Parameter(1.0)]
    assert len(module.parameters()) == 2


def test_modules_lists_each_once_outer_ones_first() -> None:
    tied = Tied()
    assert tied.modules() == [tied, tied.line, tied.inner]
    model = MLP(2, [2, 1], seed=0)
    first, last = model.layers
    assert model.modules() == [model, first, *first.neurons, last, *last.neurons]


def test_appended_parameter_is_found() -> None:
    tree = Tree()
    tree.rows[2].append(Parameter(11.0))
    tree.named["c"] = Parameter(12.0)
    names = dict(tree.named_parameters())
    assert (names["rows.2.0"].data, names["named.c"].data) == (11.0, 12.0)


def test_replaced_or_deleted_parameter_is_not_found() -> None:
    line = Line()
    line.slope = None
    assert [name for name, _ in line.named_parameters()] == ["offset"]
    del line.offset
    assert line.parameters() == []


def test_a_module_needs_no_call_of_its_base_class() -> None:
    assert Module().parameters() == []
    assert Module().modules()[1:] == []
    assert Line().training is True


def test_zero_grad_sets_every_gradient_to_zero() -> None:
    tied = Tied()
    for p in tied.parameters():
        p.grad = 5.0
    tied.zero_grad()
    assert [p.grad for p in tied.parameters()] == [0.0] * 4


def test_train_and_eval_set_every_module_and_return_the_module() -> None:
    tree = Tree()
    assert tree.training
    assert tree.eval() is tree
    assert [m.training for m in tree.modules()] == [False] * 3
    tree.pair.second.train()
    assert [m.training for m in tree.modules()] == [False, True, False]
    assert tree.train() is tree
    assert [m.training for m in tree.modules()] == [True] * 3
    tree.train(False)
    assert not tree.training
    assert Line().training, "the class itself is left alone"


# repr ---------------------------------------------------------------------------------------------


def test_repr_of_a_network_shows_its_layers() -> None:
    assert repr(MLP(2, [16, 1], "tanh")) == (
        "MLP(\n  (layers.0): Layer(2, 16, 'tanh')\n  (layers.1): Layer(16, 1, 'linear')\n)"
    )


def test_repr_of_a_layer_and_a_neuron() -> None:
    assert repr(Layer(3, 2)) == "Layer(3, 2, 'relu')"
    assert repr(Layer(3, 2, "gelu", fused=False)) == "Layer(3, 2, 'gelu', fused=False)"
    assert repr(Neuron(3)) == "Neuron(3, 'relu')"
    assert repr(Neuron(3, "linear", fused=False)) == "Neuron(3, 'linear', fused=False)"


def test_repr_of_modules_in_modules_is_indented() -> None:
    class Pair(Module):
        def __init__(self) -> None:
            self.parts = {"net": MLP(1, [1]), "line": Line()}

    assert repr(Pair()) == (
        "Pair(\n  (parts.net): MLP(\n    (layers.0): Layer(1, 1, 'linear')\n  )\n  (parts.line): Line()\n)"
    )


def test_repr_includes_extra_repr() -> None:
    class Scale(Module):
        def extra_repr(self) -> str:
            return "by 3"

    assert repr(Scale()) == "Scale(by 3)"


# Copies -------------------------------------------------------------------------------------------

in_full = pytest.mark.parametrize(
    "duplicate",
    [
        copy.deepcopy,
        lambda m: pickle.loads(pickle.dumps(m)),
        lambda m: pickle.loads(pickle.dumps(m, protocol=2)),
    ],
    ids=["deepcopy", "pickle", "pickle protocol 2"],
)


@in_full
@pytest.mark.parametrize(
    "make", [lambda: MLP(2, [3, 1], seed=0), Tree, Tied, Line, lambda: Neuron(2, fused=False)]
)
def test_a_copy_has_the_same_numbers_and_none_of_the_same_values(
    make: Callable[[], Module], duplicate: Callable[[Module], Module]
) -> None:
    model = make()
    model.eval()
    for i, p in enumerate(model.parameters()):
        p.grad = float(i)
        p.label = f"p{i}"
    clone = duplicate(model)
    parameters, clone_parameters = dict(model.named_parameters()), dict(clone.named_parameters())
    assert [*parameters] == [*clone_parameters]
    for p, q in zip(parameters.values(), clone_parameters.values(), strict=True):
        assert p is not q
        assert type(q) is Parameter
        assert (p.data, p.grad, p.label) == (q.data, q.grad, q.label)
    assert repr(model) == repr(clone)
    assert [m.training for m in clone.modules()] == [False] * len(model.modules())


@in_full
def test_a_copy_owns_its_own_parts(duplicate: Callable[[Module], Module]) -> None:
    model = MLP(2, [3, 1], seed=0)
    clone = duplicate(model)
    for original, copied in zip(model.modules()[1:], clone.modules()[1:], strict=True):
        assert copied is not original
        assert original.owner in model.modules()
        assert copied.owner in clone.modules()
    for neuron in (n for layer in clone.layers for n in layer.neurons):
        assert all(p.owner is neuron for p in neuron.parameters())
    assert clone.owner is None


@in_full
def test_a_copied_part_has_no_owner(duplicate: Callable[[Any], Any]) -> None:
    model = MLP(2, [3, 1], seed=0)
    assert duplicate(model.layers[0]).owner is None
    assert duplicate(model.parameters()[0]).owner is None
    assert model.layers[0].owner is model


@in_full
def test_copy_keeps_shared_parameters_shared(duplicate: Callable[[Any], Any]) -> None:
    clone = duplicate(Tied())
    assert clone.left[0] is clone.right["again"] is clone.inner.shared
    assert clone.left[1] is clone.right["line"] is clone.line
    assert all(p.owner in clone.modules() for p in clone.parameters())


@in_full
def test_copy_computes_the_same_and_trains_independently(duplicate: Callable[[Any], Any]) -> None:
    model = MLP(2, [3, 1], "tanh", seed=0)
    before = model([0.5, -1.0]).data
    clone = duplicate(model)
    assert clone([0.5, -1.0]).data == before
    clone([0.5, -1.0]).backward()
    assert all(p.grad == 0.0 for p in model.parameters())
    SGD(clone.parameters(), 0.1).step()
    assert clone([0.5, -1.0]).data != before
    assert model([0.5, -1.0]).data == before


def test_shallow_copy_does_not_become_the_owner() -> None:
    model = MLP(2, [3, 1], seed=0)
    clone = copy.copy(model)
    assert clone is not model
    assert clone.parameters() == model.parameters()
    assert clone([1.0, 2.0]).data == model([1.0, 2.0]).data
    assert all(layer.owner is model for layer in model.layers)
    neuron = model.layers[0].neurons[0]
    copied = copy.copy(neuron)
    assert copied.b is neuron.b
    assert (neuron.b.owner, neuron.owner, copied.owner) == (neuron, model.layers[0], None)
    del clone, copied
    assert all(layer.owner is model for layer in model.layers)
    assert neuron.b.owner is neuron


def test_copying_a_model_with_a_computed_value_raises_type_error() -> None:
    line = Line()
    line.last = line(3.0)
    for duplicate in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Only a leaf"):
            duplicate(line)
    assert line.slope.owner is line


# Memory -------------------------------------------------------------------------------------------


@contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _trained(model: Any) -> None:
    loss = hinge_loss([model(x) for x in xor()[0]], xor()[1])
    model.zero_grad()
    loss.backward()
    SGD(model.parameters(), 0.1).step()


@pytest.mark.parametrize(
    "use",
    [
        lambda model: None,
        _trained,
        repr,
        lambda model: [p.owner for p in model.parameters()],
        lambda model: model.eval().modules(),
        lambda model: functional_call(model, {"layers.0.neurons.0.b": 1.0}, [1.0, 2.0]),
        lambda model: grad(model([1.0, 2.0]), model.parameters(), create_graph=True),
        copy.deepcopy,
        copy.copy,
        pickle.dumps,
    ],
    ids=[
        "made",
        "trained",
        "repr",
        "owners",
        "eval",
        "functional_call",
        "grad",
        "deepcopy",
        "copy",
        "pickle",
    ],
)
def test_a_dropped_model_is_freed_at_once(use: Callable[[Any], Any]) -> None:
    with no_collector():
        model = MLP(2, [4, 1], seed=0)
        use(model)
        parts = [weakref.ref(m) for m in model.modules()]
        del model
        assert [part() for part in parts] == [None] * len(parts)


def test_a_dropped_copy_is_freed_at_once() -> None:
    model = MLP(2, [4, 1], seed=0)
    with no_collector():
        for clone in (copy.deepcopy(model), copy.copy(model), pickle.loads(pickle.dumps(model))):
            reference = weakref.ref(clone)
            inner_reference = weakref.ref(clone.layers[0])
        del clone
        assert reference() is None
        assert inner_reference() is None


def test_model_is_freed_after_a_call_raised() -> None:
    with no_collector():
        model = MLP(2, [4, 1], seed=0)
        reference = weakref.ref(model)
        try:
            model([1.0])
        except ValueError:
            pass
        else:
            pytest.fail("one input was taken for two")
        del model
        assert reference() is None


# Threads ------------------------------------------------------------------------------------------


def _train(seed: int, steps: int = 25) -> list[float]:
    model = MLP(2, [4, 1], "tanh", seed=seed)
    optimizer = SGD(model.parameters(), 0.5)
    inputs, labels = xor()
    losses = []
    for _ in range(steps):
        loss = mse_loss([model(x) for x in inputs], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    return losses + [p.data for p in model.parameters()]


def test_models_in_two_threads_train_independently() -> None:
    expected = [_train(0), _train(1)]
    actual: list[list[list[float]]] = [[], []]
    ready = Barrier(2)

    def work(seed: int) -> None:
        ready.wait(timeout=10)
        actual[seed] += [_train(seed) for _ in range(4)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [Thread(target=work, args=(seed,)) for seed in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    finally:
        sys.setswitchinterval(interval)
    assert actual == [[expected[0]] * 4, [expected[1]] * 4]


def test_one_model_can_be_evaluated_in_two_threads() -> None:
    model = MLP(2, [4, 1], "tanh", seed=0)
    points = [(x / 10.0, -x / 7.0) for x in range(100)]
    expected = [model(x).data for x in points]
    results: list[list[float]] = []
    threads = [Thread(target=lambda: results.append([model(x).data for x in points])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert results == [expected, expected]


def test_ordered_dicts_and_named_tuples_keep_their_kind() -> None:
    module = Module()
    module.pair = Pair(Parameter(1.0), 2.0)
    module.table = OrderedDict(a=Parameter(3.0))
    clone = copy.deepcopy(module)
    assert type(clone.pair) is Pair
    assert type(clone.table) is OrderedDict
    assert [p.data for p in clone.parameters()] == [1.0, 3.0]
    assert all(p.owner is clone for p in clone.parameters())
