"""A drawing function as micrograd's users write it: it reads _prev, _op, label, data and grad."""

from typing import Any

import pytest

from autograd import Value, dot

graphviz = pytest.importorskip("graphviz")


def nodes_and_edges(root: Any) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """Everything below a node, and the pairs (operand, result)."""
    nodes, edges = [root], []
    for node in nodes:
        for operand in node._prev:
            edges.append((operand, node))
            if operand not in nodes:
                nodes.append(operand)
    return nodes, edges


def draw_dot(root: Any) -> Any:
    """A record for each node, and before each result a small node for its operation."""
    nodes, edges = nodes_and_edges(root)
    graph = graphviz.Digraph(graph_attr={"rankdir": "LR"})
    for node in nodes:
        key = f"n{nodes.index(node)}"
        graph.node(key, f"{{ {node.label} | data {node.data:.4f} | grad {node.grad:.4f} }}", shape="record")
        if node._op:
            graph.node(key + node._op, node._op)
            graph.edge(key + node._op, key)
    for operand, result in edges:
        graph.edge(f"n{nodes.index(operand)}", f"n{nodes.index(result)}" + result._op)
    return graph


def test_draw_dot_of_a_neuron_runs_unchanged() -> None:
    x1, w1, b = Value(2.0, label="x1"), Value(-3.0, label="w1"), Value(6.5, label="b")
    product = x1 * w1
    product.label = "x1*w1"
    n = product + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    o.backward()
    source = draw_dot(o).source
    local = 1.0 - o.data**2
    for record in (
        f"{{ o | data {o.data:.4f} | grad 1.0000 }}",
        f"{{ n | data 0.5000 | grad {local:.4f} }}",
        f"{{ x1*w1 | data -6.0000 | grad {local:.4f} }}",
        f"{{ x1 | data 2.0000 | grad {-3.0 * local:.4f} }}",
        f"{{ w1 | data -3.0000 | grad {2.0 * local:.4f} }}",
    ):
        assert record in source
    assert source.count("shape=record") == 6
    assert source.count("->") == 3 + 5  # one for each operation, one for each operand
    assert {node._op for node in nodes_and_edges(o)[0]} == {"", "*", "+", "tanh"}


def test_draw_dot_before_backward_shows_gradients_of_zero() -> None:
    assert "grad 0.0000" in draw_dot(Value(2.0, label="a") * 3.0).source


def test_prev_is_a_set_of_values_without_constants() -> None:
    a, b = Value(2.0), Value(3.0)
    assert a._prev == set()
    assert (a * 5.0)._prev == (a * a)._prev == {a}
    assert (a - b)._prev == {a, b}
    assert dot([a, 2.0], [b, a], 1.0)._prev == {a, b}


def test_op_is_a_sign_or_a_name() -> None:
    a = Value(2.0)
    results = [a, a + 1, 1 - a, a * 2, a / 2, a**3, -a, a.relu(), a.exp(), dot([a], [a])]
    assert [x._op for x in results] == ["", "+", "-", "*", "/", "**", "neg", "relu", "exp", "dot"]
