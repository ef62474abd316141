"""Run a program on glassgrad and on PyTorch at once, and compare them after each statement.

After each operation the two numbers are compared, and PyTorch's number is then replaced by ours, so that
rounding errors do not accumulate: a difference comes from that operation. Both backward passes therefore run
on the same numbers, and a gradient may differ by at most 1e-12 of the sum of its terms (:func:`weights`).

Where PyTorch differs on purpose, the reference follows glassgrad's guarantees:

- After a leaf is written it is a new tensor, and its gradient is the sum over its tensors: earlier results
  keep the numbers of their forward pass, while PyTorch would mix old and new ones.
- :data:`LESS_EXACT` lists the derivatives that are less accurate in PyTorch, and by how much.
- softplus is PyTorch's logaddexp(x, 0), since F.softplus is x above 20.
- sum is a chain of ``+``: after ``torch.stack(…).sum()`` the gradients of the leaves share their memory, and
  the next pass adds to it once for each of them (torch 2.13).
- If a gradient was differentiated, only leaves are compared: exp'(x) may be written as exp(x) or as the
  result, so the gradient of the result of exp is not unique.
- At a derivative of None, as in a dead relu, glassgrad stops. PyTorch continues with a gradient of 0, which
  an infinite derivative further back turns into nan; nothing is compared there.
- A gradient is not differentiated again at a kink: that of elu, and a**b where a or b is 0. There glassgrad
  has (∂²/∂a∂b) aᵇ = 1/a at b = 0; PyTorch uses ∂/∂a of a constant 0, and at a = 0 it has nan.
- a / b for a tiny or a huge b: PyTorch's (a / b) / b overflows or underflows before it is multiplied by a
  gradient that would compensate; a subnormal quotient has few digits. And PyTorch's sigmoid(x) is 0 for x <
  -709.
- abs and the exponent of a power select, as relu does in both: operands behind |0|, |nan| or 0**b get a
  gradient of 0 even from an infinite one, while PyTorch multiplies by 0 and returns nan.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections import Counter
from contextlib import nullcontext
from typing import Any

from autograd import Value, enable_grad, grad, group, log_softmax, no_grad, softmax, topological_order
from autograd.nodes import local_derivatives, shown_gradient
from autograd.operations import FUNCTIONS, data_of
from autograd.primitives import PRIMITIVES
from nn import MLP

from ..golden.cases import pytorch
from .programs import COMPARE, OPERATORS, Program, Statement

#: The allowed error of PyTorch's local derivative, in units of 1e-12, and its formula.
LESS_EXACT = {
    "tanh": lambda x, out: 1.0,  # 1 − tanh², which has no digits in the tails
    "sigmoid": lambda x, out: 1.0,  # s·(1 − s)
    "expm1": lambda x, out: 1.0,  # out + 1
    "gelu": lambda x, out: 1.0 + abs(x),  # (1 + erf)/2
    "silu": lambda x, out: 1.0 + abs(x),  # 1 − s
    "logsumexp": lambda x, out: (abs(x) + abs(out)) / 1000.0,  # exp(x − out), where x − out is rounded
}

#: Beyond this size an intermediate number of one of the two may overflow, so nothing is compared.
LARGEST = 1e150
#: Smaller differences are ignored.
SUBNORMAL = 3e-308
#: Larger results are dropped from the pool, unless the program uses special numbers.
TAME = 1e4


class Difference(AssertionError):
    """The two disagree."""


class Cell:
    """A value of the program on both sides; for a leaf, also its tensors from before it was written."""

    __slots__ = ("before", "leaf", "order", "slack", "tensor", "value")

    def __init__(self, value: Value, tensor: Any, order: int = 0, leaf: bool = False) -> None:
        self.value, self.tensor, self.order, self.leaf = value, tensor, order, leaf
        self.before: list[Any] = []
        self.slack = 0.0  # the allowed error of the gradient; nan if it is not compared

    @property
    def tensors(self) -> list[Any]:
        return [*self.before, self.tensor]

    @property
    def their_grad(self) -> float:
        return sum((t.grad.item() for t in self.tensors if t.grad is not None), 0.0)


def weights(root: Value, start: float, order: int) -> dict[Value, float]:
    """Return for each Value the sum of |product| over all paths: the terms of its gradient.

    A derivative of None counts as 0 and is multiplied further, so that it becomes nan where PyTorch has nan.
    """
    result = {root: abs(start)}
    for node in reversed(topological_order(root)):
        if node.primitive is None:
            continue
        g = result[node]
        less_exact = LESS_EXACT.get(node.primitive.name)
        for operand, derivative in zip(node.operands, local_derivatives(node)):
            if isinstance(operand, Value):
                size = 0.0 if derivative is None else abs(g * derivative)
                if less_exact is not None:
                    factor = less_exact(operand.data, node.data)
                    size = (
                        max(size, g * factor)
                        if node.primitive.name != "logsumexp"
                        else size * max(1.0, factor)
                    )
                if node.primitive.name == "div" and not _ordinary(node):
                    size = math.nan
                if size == 0.0 and node.primitive.name in ("abs", "pow") and not g < LARGEST:
                    size = math.nan
                if order:  # PyTorch's graph of the gradient has other rounding errors than ours
                    size = max(size, g)
                result[operand] = result.get(operand, 0.0) + size
    return result


def _ordinary(quotient: Value) -> bool:
    """Return True if neither the divisor nor the result is so large or small that digits are lost."""
    divisor, result = abs(data_of(quotient.operands[1])), abs(quotient.data)
    return 1.0 / LARGEST < divisor < LARGEST and (result == 0.0 or result > 1.0 / LARGEST)


def _at_a_kink(value: Value) -> bool:
    name = value.primitive.name if value.primitive else ""
    return (name == "elu" and value.data == 0.0) or (name == "pow" and 0.0 in map(data_of, value.operands))


class Lockstep:
    """The state of both sides; ``counts`` records the number of comparisons."""

    def __init__(self, program: Program, counts: Counter[str]) -> None:
        import torch

        self.torch = torch
        self.torch_table = vars(pytorch())
        self.counts = counts
        self.tame = all(abs(x) <= TAME for x in program.leaves)
        self.pool: list[Cell] = []
        self.leaves: list[Cell] = []
        self.groups: list[tuple[Any, list[Any]]] = []
        self.models: list[tuple[MLP, list[Cell]]] = []
        self.written = False
        self.differentiated = False  # True once a gradient is part of the program
        for x in program.leaves:
            self.leaf(Value(x))
        for statement in program.statements:
            self.run(statement)
        self.check_leaves()

    def run(self, statement: Statement) -> None:
        getattr(self, statement[0])(*statement[1:])

    # Values ---------------------------------------------------------------------------------------

    def tensor(self, x: float, requires_grad: bool = False) -> Any:
        return self.torch.tensor(x, dtype=self.torch.float64, requires_grad=requires_grad)

    def leaf(self, value: Value, in_pool: bool = True) -> Cell:
        cell = Cell(value, self.tensor(value.data, True), leaf=True)
        self.leaves.append(cell)
        if in_pool:
            self.pool.append(cell)
        return cell

    def cell(self, operand: int | float) -> Cell | float:
        return operand if isinstance(operand, float) else self.pool[operand % len(self.pool)]

    def value_of(self, x: Any) -> Any:
        return x.value if isinstance(x, Cell) else x

    def tensor_of(self, x: Any) -> Any:
        return x.tensor if isinstance(x, Cell) else self.tensor(x)

    def group_of(self, operand: Any) -> tuple[Any, list[Any], list[Any]]:
        """Return the group for glassgrad, its cells and constants, and its tensors."""
        if isinstance(operand, list):
            cells = [self.cell(x) for x in operand]
            return [*map(self.value_of, cells)], cells, [*map(self.tensor_of, cells)]
        if not self.groups:
            return [], [], []
        values, cells = self.groups[operand[1] % len(self.groups)]
        return values, cells, [*map(self.tensor_of, cells)]

    def new(self, value: Value, tensor: Any, order: int, scale: float) -> Cell | None:
        """Compare the results of an operation, make them equal, and add them to the pool."""
        self.counts["values"] += 1
        x, y = value.data, tensor.item()
        if x != y and not (math.isnan(x) and math.isnan(y)):
            compared = max(abs(x), abs(y), scale) < LARGEST or not (math.isfinite(x) or math.isfinite(y))
            if compared and not abs(x - y) <= 1e-14 * max(abs(x), scale) + SUBNORMAL:
                raise Difference(f"value {x!r}, PyTorch {y!r}")
            tensor.data.fill_(x)
        if self.tame and not abs(x) <= TAME:
            return None
        if tensor.requires_grad and not tensor.is_leaf:
            tensor.retain_grad()
        cell = Cell(value, tensor, order)
        self.pool.append(cell)
        return cell

    # Computing ------------------------------------------------------------------------------------

    def op(self, name: str, way: str, operands: list[Any]) -> Cell | None:
        entry = PRIMITIVES[name]
        if entry.is_many:
            return self.many(name, operands)
        cells = [self.cell(x) for x in operands]
        values, tensors = [*map(self.value_of, cells)], [*map(self.tensor_of, cells)]
        some = any(isinstance(cell, Cell) for cell in cells)
        if some and way == "method" and name in OPERATORS:
            value = OPERATORS[name](*values)
            tensor = OPERATORS[name](*(c.tensor if isinstance(c, Cell) else c for c in cells))
        elif isinstance(cells[0], Cell) and way == "method" and len(cells) == 1:
            value, tensor = getattr(values[0], name)(), self.torch_table[name](*tensors)
        else:
            value, tensor = FUNCTIONS[name](*values), self.torch_table[name](*tensors)
        scale = abs(data_of(values[0])) if name in ("gelu", "silu") else 0.0
        return self.new(value, tensor, self.order_of(cells), scale)

    def many(self, name: str, operands: list[Any]) -> Cell | None:
        values, cells, tensors = self.group_of(operands[0])
        if name == "dot":
            # The inputs are repeated or cut to the number of weights.
            width = len(cells)
            _, inputs, input_tensors = self.group_of(operands[1])
            if isinstance(operands[0], tuple) and operands[0] == operands[1]:
                input_values = values
            else:
                inputs = [inputs[i % len(inputs)] if inputs else 1.0 for i in range(width)]
                input_tensors = [
                    input_tensors[i % len(input_tensors)] if input_tensors else self.tensor(1.0)
                    for i in range(width)
                ]
                input_values = [*map(self.value_of, inputs)]
            bias = self.cell(operands[2])
            value = FUNCTIONS["dot"](values, input_values, self.value_of(bias))
            tensor = self.tensor_of(bias).clone()
            terms = [abs(tensor.item())]
            for w, x in zip(tensors, input_tensors):
                product = w * x
                terms.append(abs(product.item()))
                tensor = tensor + product
            return self.new(value, tensor, self.order_of([*cells, *inputs, bias]), sum(terms) * len(terms))
        if name == "take":
            index = self.cell(operands[1])
            value = FUNCTIONS[name](values, self.value_of(index))
            return self.new(value, self.take(tensors, index), self.order_of([*cells, index]), 0.0)
        value = FUNCTIONS[name](values)
        sizes = [abs(t.item()) for t in tensors]
        if not tensors:
            tensor = self.tensor(0.0 if name == "sum" else -math.inf)
        else:
            tensor = sum(tensors[1:], tensors[0] + 0.0) if name == "sum" else self.torch_table[name](tensors)
        return self.new(value, tensor, self.order_of(cells), sum(sizes, 1.0) * len(sizes))

    def take(self, tensors: list[Any], index: Any) -> Any:
        """Return the tensor at an index, or nan. All others and the index have a gradient of 0."""
        tensor, nothing = self.tensor_of(index), self.torch.tensor(False)
        i = tensor.item()
        is_index = i.is_integer() and 0 <= i < len(tensors)
        selected = tensors[int(i)].clone() if is_index else self.tensor(math.nan)
        for other in (*tensors, tensor):
            selected = self.torch.where(nothing, other, selected)
        return selected

    def order_of(self, cells: list[Any]) -> int:
        return max((cell.order for cell in cells if isinstance(cell, Cell)), default=0)

    def branch(self, comparison: str, i: int, j: Any, yes: Statement, no: Statement) -> None:
        a, b = self.cell(i), self.cell(j)
        answer = COMPARE[comparison](self.value_of(a), self.value_of(b))
        if answer != bool(COMPARE[comparison](self.tensor_of(a), self.tensor_of(b))):
            raise Difference(f"{self.value_of(a)!r} {comparison} {self.value_of(b)!r} is {answer}")
        self.run(yes if answer else no)

    def loop(self, times: int, name: str, i: int, j: Any) -> None:
        self.pool.append(self.pool[i % len(self.pool)])
        at = len(self.pool) - 1
        for _ in range(times):
            if self.op(name, "method", [at, j]) is None:
                return
            at = len(self.pool) - 1

    def share(self, kind: str, operands: list[Any]) -> None:
        cells = [self.cell(x) for x in operands]
        values = tuple(map(self.value_of, cells))
        self.groups.append((values if kind == "tuple" else group(values), cells))

    def softmax(self, name: str, operands: list[Any]) -> None:
        cells = [self.cell(x) for x in operands]
        values = (softmax if name == "softmax" else log_softmax)([*map(self.value_of, cells)])
        tensors = [*map(self.tensor_of, cells)]
        scale = 10.0 + 10.0 * max(abs(t.item()) for t in tensors)
        for value, tensor in zip(values, self.torch_table[name](tensors), strict=True):
            self.new(value, tensor, self.order_of(cells), scale)

    def detach(self, i: int) -> None:
        cell = self.pool[i % len(self.pool)]
        self.pool.append(Cell(cell.value.detach(), cell.tensor.detach()))

    def constant(self, i: int, j: int) -> None:
        a, b = self.pool[i % len(self.pool)], self.pool[j % len(self.pool)]
        self.new(a.value * b.value.data, a.tensor * b.tensor.item(), a.order, 0.0)

    def no_grad(self, again: bool, statement: Statement) -> None:
        enabled = enable_grad() if again else nullcontext()
        with no_grad(), self.torch.no_grad(), enabled, self.torch.set_grad_enabled(again):
            cell = self.op(*statement[1:])
        # glassgrad also records operations on constants only.
        if cell is not None and (cell.tensor.requires_grad if cell.value.is_leaf else not again):
            raise Difference(f"{cell.value!r} is a leaf: {cell.value.is_leaf}; with grad enabled: {again}")

    # Leaves ---------------------------------------------------------------------------------------

    def write(self, i: int, number: float) -> None:
        cell = self.leaves[i % len(self.leaves)]
        cell.before.append(cell.tensor)
        cell.tensor = self.tensor(number, True)
        cell.value.data = number
        self.written = True

    def zero(self, i: int | None) -> None:
        for cell in self.leaves if i is None else [self.leaves[i % len(self.leaves)]]:
            cell.value.zero_grad()
            cell.slack = 0.0
            for tensor in cell.tensors:
                tensor.grad = None

    def copy(self, way: str, leaves: list[int], other: int) -> None:
        originals = [self.leaves[i % len(self.leaves)] for i in leaves]
        nested = {"some": [cell.value for cell in originals], "again": originals[0].value}
        copied = {"copy": copy.deepcopy, "deepcopy": copy.deepcopy, "pickle": _pickled}[way](nested)
        if copied["again"] is not copied["some"][0]:
            raise Difference("one leaf has become two in the copy")
        value = copy.copy(originals[0].value) if way == "copy" else copied["again"]
        self.copied(originals[0], value)
        node = self.pool[other % len(self.pool)].value
        if not node.is_leaf:
            try:
                COPIES[way](node)
            except TypeError:
                return
            raise Difference(f"the non-leaf Value {node!r} was copied by {way}")

    def copied(self, original: Cell, value: Value, in_pool: bool = True) -> None:
        if value is original.value or repr(value) != repr(original.value):
            raise Difference(f"the copy of {original.value!r} is {value!r}")
        cell = self.leaf(value, in_pool)
        cell.tensor.grad = self.tensor(original.their_grad)
        cell.slack = original.slack

    # Networks -------------------------------------------------------------------------------------

    def model(self, seed: int, activation: str, fused: bool) -> None:
        model = MLP(2, [2, 1], activation=activation, fused=fused, seed=seed)
        self.models.append((model, [self.leaf(p, in_pool=False) for p in model.parameters()]))

    def copy_model(self, way: str, i: int) -> None:
        if self.models:
            model, cells = self.models[i % len(self.models)]
            copied = COPIES[way](model)
            start = len(self.leaves)
            for cell, parameter in zip(cells, copied.parameters(), strict=True):
                self.copied(cell, parameter, in_pool=False)
            self.models.append((copied, self.leaves[start:]))

    def call(self, i: int, a: Any, b: Any) -> None:
        if not self.models:
            return
        model, cells = self.models[i % len(self.models)]
        inputs = [self.cell(a), self.cell(b)]
        numbers = [self.value_of(x) for x in inputs] + [cell.value for cell in cells]
        if not all(abs(data_of(x)) <= 100.0 for x in numbers):  # intermediate numbers are not compared
            return
        tensors = iter([cell.tensor for cell in cells])
        flowing = [self.tensor_of(x) for x in inputs]
        for layer in model.layers:
            outputs = []
            for neuron in layer.neurons:
                ws = [next(tensors) for _ in neuron.w]
                total = next(tensors)
                for w, x in zip(ws, flowing):
                    total = total + w * x
                outputs.append(
                    total if neuron.activation == "linear" else self.torch_table[neuron.activation](total)
                )
            flowing = outputs
        self.new(model([*map(self.value_of, inputs)]), flowing[0], self.order_of(inputs), 1e6)

    # Gradients ------------------------------------------------------------------------------------

    def backward(self, i: int, gradient: float) -> None:
        root = self.pool[i % len(self.pool)]
        if root.order and not abs(gradient) < LARGEST:  # PyTorch's masks turn it into nan
            return
        root.value.backward(gradient)
        if not root.tensor.requires_grad:  # a constant in PyTorch
            return
        for cell in self.pool:
            if not cell.leaf:
                cell.tensor.grad = None
        self._make_writable()
        root.tensor.backward(self.tensor(gradient), retain_graph=True)
        size = weights(root.value, gradient, root.order)
        unit = 1e-10 if root.order else 1e-12
        most = 1e7 if root.order else LARGEST
        for cell in self.leaves:
            if cell.value in size:
                w = size[cell.value]
                cell.slack += unit * w if w < most else math.nan
                self.check(cell, cell.value.grad, cell.their_grad, cell.slack)
            elif root.order and cell.their_grad != cell.their_grad:  # PyTorch's 0·nan
                cell.slack = math.nan
        for cell in () if root.order else self.pool:
            if not cell.leaf and not cell.value.is_leaf and cell.value in size and cell.tensor.requires_grad:
                w = size[cell.value]
                torch_gradient = cell.tensor.grad
                slack = unit * w if w < most else math.nan
                g = shown_gradient(cell.value, root.value)
                self.check(cell, g, 0.0 if torch_gradient is None else torch_gradient.item(), slack)

    def _make_writable(self) -> None:
        """Clone gradients of 0 to which PyTorch cannot add ("ZeroTensors are immutable")."""
        if self.differentiated:
            for tensor in (t for cell in self.leaves for t in cell.tensors):
                if tensor.grad is not None and tensor.grad._is_zerotensor():
                    tensor.grad = tensor.grad.clone()

    def check(self, cell: Cell, gradient: float | None, torch_gradient: float, slack: float) -> None:
        if gradient is None:
            raise Difference(f"the gradient of {cell.value!r} is not computed, PyTorch {torch_gradient!r}")
        if math.isnan(slack):
            self.counts["gradients beyond the range"] += 1
        else:
            self.counts["gradients"] += 1
            self.close("the gradient of", cell, gradient, torch_gradient, slack)

    def close(self, what: str, cell: Cell, actual: float, expected: float, slack: float) -> None:
        if not abs(actual - expected) <= slack + SUBNORMAL:
            raise Difference(
                f"{what} {cell.value!r} is {actual!r}, PyTorch {expected!r}, may differ by {slack:.2g}"
            )

    def check_leaves(self) -> None:
        for cell in self.leaves:
            self.check(cell, cell.value.grad, cell.their_grad, cell.slack)

    def grad(self, i: int, inputs: list[int], create_graph: bool) -> None:
        root = self.pool[i % len(self.pool)]
        chosen = dict.fromkeys(self.pool[k % len(self.pool)] for k in inputs)
        cells = [cell for cell in chosen if cell.tensor.requires_grad and (cell.leaf or not root.order)]
        if not root.tensor.requires_grad or not cells or (create_graph and root.order > 1):
            return
        before = [cell.value.grad for cell in self.leaves]
        try:
            results = grad(root.value, [c.value for c in cells], create_graph=create_graph, allow_unused=True)
        except RuntimeError as error:
            if not create_graph or not self.written or "has changed since" not in str(error):
                raise
            return
        kink = any(map(_at_a_kink, topological_order(root.value)))
        size = weights(root.value, 1.0, root.order)
        every = [t for c in cells for t in c.tensors]
        torch_gradients = iter(
            self.torch.autograd.grad(
                root.tensor, every, retain_graph=True, create_graph=create_graph, allow_unused=True
            )
        )
        for cell, gradient in zip(cells, results):
            parts = [t for t in (next(torch_gradients) for _ in cell.tensors) if t is not None]
            if gradient is None or not parts:
                # If a rule selects a constant, glassgrad returns None: nothing depends on the operand.
                agree = (gradient is None) == (not parts)
                if not agree and (not root.order or gradient or any(t.item() for t in parts if t == t)):
                    raise Difference(f"grad() of {cell.value!r} is {gradient!r}, PyTorch {parts!r}")
                continue
            total = parts[0]
            for more in parts[1:]:
                total = total + more
            w = size[cell.value]
            if not w < (1e7 if root.order else LARGEST):
                self.counts["gradients beyond the range"] += 1
                continue
            self.counts["gradients"] += 1
            slack = (1e-10 if root.order else 1e-12) * w
            self.close("grad() of", cell, gradient.data, total.item(), slack)
            if create_graph and total.requires_grad and w < 1e7 and abs(gradient.data) <= TAME and not kink:
                self.differentiated = True
                total = total * 1.0  # a new tensor, because the gradient may be in the pool
                total.data.fill_(gradient.data)
                total.retain_grad()
                self.counts["gradients that go on"] += 1
                self.pool.append(Cell(gradient, total, root.order + 1))
        if before != [cell.value.grad for cell in self.leaves] and not any(b != b for b in before):
            raise Difference("grad() wrote a gradient")


def _pickled(x: Any) -> Any:
    return pickle.loads(pickle.dumps(x))


COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": _pickled}


def compare(program: Program, counts: Counter[str] | None = None) -> None:
    """Run a program on both sides; raise Difference if they disagree."""
    import torch

    torch.set_num_threads(1)
    counts = Counter() if counts is None else counts
    counts["programs"] += 1
    counts["statements"] += len(program.statements)
    Lockstep(program, counts)
