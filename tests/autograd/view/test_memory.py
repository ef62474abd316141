"""No view keeps a graph alive: when the last name of it goes so does the graph, without a collector."""

import weakref
from collections.abc import Callable

import pytest

from autograd import Value, compare, draw, explain, formula, logsumexp, show, snapshot, steps


class Leaf(Value):
    """A Value that can be watched."""

    __slots__ = ("__weakref__",)


VIEWS: dict[str, Callable[[Value, Value], object]] = {
    "formula": lambda root, leaf: formula(root)._repr_mimebundle_(),
    "formula, cut": lambda root, leaf: repr(formula(root, limit=2)),
    "explain": lambda root, leaf: explain(root, leaf)._repr_mimebundle_(),
    "explain, cut": lambda root, leaf: repr(explain(root, leaf, paths=1)),
    "steps": lambda root, leaf: steps(root)._repr_mimebundle_(),
    "steps, forward": lambda root, leaf: steps(root, forward=True)._repr_mimebundle_(),
    "show": lambda root, leaf: repr(show(root)),
    "snapshot": lambda root, leaf: snapshot(root)._repr_mimebundle_(),
    "compare": lambda root, leaf: repr(compare(snapshot(root), snapshot(root))),
    "draw": lambda root, leaf: str(draw(root).svg),
}


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("view", VIEWS)
def test_view_keeps_no_value_alive(view: str) -> None:
    if view == "draw":
        pytest.importorskip("graphviz")
    leaf = Leaf(2.0, label="w")
    reference = weakref.ref(leaf)
    h = leaf * 5.0 - 12.0
    root = logsumexp([h**2, h.tanh(), abs(h)]) / leaf
    VIEWS[view](root, leaf)
    assert reference() is leaf
    del leaf, h, root
    assert reference() is None
