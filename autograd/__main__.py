"""``python -m autograd``: explain an expression step by step, and draw its graph.

python -m autograd "p = w*x; (p - y)**2" w=2 x=5 y=12
"""

from __future__ import annotations

import argparse
import math
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

from .backward import topological_order
from .expression import CONSTANTS, ExpressionError, compute, constant, functions
from .nodes import recompute
from .system.messages import replace_controls
from .system.shell import FAILED, USAGE, Parser, run, write_any_letter
from .value import Value
from .view.draw.graphviz import draw
from .view.explore.explore import explore
from .view.notation.names import Names, format_gradient, format_number, operation
from .view.render.tables import text_table
from .view.render.terminal import DATA, GRADIENT, Colors, has_colors
from .view.render.time_limit import RenderError
from .view.steps.steps import steps

COMMAND = "python -m autograd"
EXAMPLE = ("p = w*x; (p - y)**2", ["w=2", "x=5", "y=12"])

#: The note if a finite difference is far from the gradient.
DIFFERENCE_NOTE = """The finite difference, (f(x + h) − f(x − h)) / 2h, differs from the gradient of the
rules. It is not reliable near a kink or a pole, where f is undefined, or where f changes much within h."""

#: A space at which no line is broken.
NO_BREAK = "\xa0"

#: The number of letters of an expression that are printed.
MAX_SHOWN = 200

#: The number of operands that all finite differences together read, in a few seconds.
MAX_READS = 5_000_000


def _parser() -> Parser:
    parser = Parser(
        prog=COMMAND,
        description="Explain an expression: values, each step of the backward pass, gradients, a picture.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("expression", nargs="?", help="what to compute; name a part of it with p = ...;")
    parser.add_argument(
        "inputs", nargs="*", metavar="name=number", help="the inputs of the expression: 2, 1/3, pi or sqrt(2)"
    )
    parser.add_argument(
        "--out", default="loss.svg", metavar="FILE", help=".svg, .png, .dot or .html (loss.svg)"
    )
    parser.add_argument("--theme", choices=["light", "dark"], default="light", help="of the picture")
    parser.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="in the terminal"
    )
    return parser


def _epilog() -> str:
    """List the functions and constants of an expression, without a line break inside a call."""
    lines = [
        "example: python -m autograd 'p = w*x; (p - y)**2' w=2 x=5 y=12",
        "",
        f"functions: {', '.join(call.replace(' ', NO_BREAK) for call in functions())}",
        f"constants: {', '.join(CONSTANTS)}",
        "",
        "The values of a list may be given one by one, as in softmax(a, b) and max(a, b, c).",
        "One value of a list is chosen by its index: p = softmax([a, b]); p[0].",
    ]
    return "\n".join(textwrap.fill(line, 79, subsequent_indent="  ") for line in lines).replace(NO_BREAK, " ")


def _is_option(parser: Parser, argument: str) -> bool:
    if argument == "--":
        return True
    name = argument.partition("=")[0]
    return any(option.startswith(name) for action in parser._actions for option in action.option_strings)


def _inputs(pairs: Sequence[str]) -> dict[str, Value]:
    inputs: dict[str, Value] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())
        if not equals or not name.isidentifier():
            raise ValueError(f"expected an input as name=number, such as w=2, got {pair!r}")
        if iskeyword(name):
            raise ValueError(f"an input cannot be named {name}, which Python reserves. Choose another name")
        if name in inputs:
            raise ValueError(f"the input {name} is set twice. Remove one of them")
        inputs[name] = Value(_number(name, text), label=name)
    return inputs


def _number(name: str, text: str) -> float:
    """Read the number of an input: a float, or an expression of numbers."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return constant(text)
    except ExpressionError as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"expected a number for {name}, such as 2, 1/3, pi or sqrt(2), got {text!r}: {reason}"
        ) from None


class _Dependents:
    """The Values of a graph that depend on an input, to recompute the graph for another number."""

    def __init__(self, order: list[Value]) -> None:
        self.order = order
        self._places = {value: i for i, value in enumerate(order)}
        self._users: dict[Value, list[Value]] = {value: [] for value in order}
        for node in order:
            for operand in node.operands:
                if isinstance(operand, Value):
                    self._users[operand].append(node)

    def of(self, leaf: Value) -> list[Value]:
        """Return the Values that depend on a leaf, operands before results."""
        dependents = {leaf}
        stack = [leaf]
        while stack:
            for user in self._users[stack.pop()]:
                if user not in dependents:
                    dependents.add(user)
                    stack.append(user)
        return sorted(dependents - {leaf}, key=self._places.__getitem__)


def _finite_difference(root: Value, leaf: Value, dependents: list[Value]) -> float:
    """Compute the derivative from values alone: (f(x + h) − f(x − h)) / 2h."""
    point = leaf.data
    h = min(1e-4, 1e-6 * abs(point)) or 1e-6
    h = max(h, 1024 * math.ulp(point))  # a smaller step is lost in the rounding of a large number

    def value_at(x: float) -> float:
        values = {leaf: x}
        for node in dependents:
            numbers = [values.get(y, y.data) if isinstance(y, Value) else y for y in node.operands]
            values[node] = recompute(node, numbers)
        return values[root]

    above, below = point + h, point - h
    return (value_at(above) - value_at(below)) / (above - below)


def _torch_gradients(root: Value, inputs: dict[str, Value]) -> dict[str, float] | None:
    """Compute the gradients with PyTorch, rebuilding the graph; return None if it is not installed."""
    if find_spec("torch") is None:
        return None
    from .view.compare.torch_column import torch_gradients

    return torch_gradients(root, inputs)


def explain(source: str, inputs: dict[str, Value], colors: Colors) -> Value:
    """Print the forward values, the steps of the backward pass and the gradients.

    Args:
        source: The expression.
        inputs: The Values of the names in it.
        colors: The colors of the terminal, or none.

    Returns:
        The root of the graph, after its backward pass.

    Raises:
        ExpressionError: If the expression cannot be computed.
    """
    root = compute(source, inputs)
    if not root.label:
        root.label = "loss"
    order = topological_order(root)
    names = Names(order)
    forward = [[names[v], operation(v, names), format_number(v.data)] for v in order]
    settings = ", ".join(f"{n} = {format_number(v.data)}" for n, v in inputs.items())
    title = source.strip() if len(source) <= MAX_SHOWN else source.strip()[:MAX_SHOWN] + "…"
    title = replace_controls(title)
    print(f"{title}    with {settings}\n" if settings else f"{title}\n")
    print(colors.title("Forward: the values"))
    print(text_table(("name", "how", "data"), forward, right=(2,), paint=colors.columns(_2=DATA)))
    print()
    print(colors.title("Backward: the chain rule, step by step"))
    rows = [row[:1] + row[3:] for row in steps(root).rows()]
    table = text_table(("step", "chain rule", "gradient so far"), rows, (0, 2), colors.columns(_2=GRADIENT))
    print(table)
    root.backward()
    if inputs:
        print()
        print(colors.title("Gradients"))
        print(_gradient_table(order, inputs, names, colors))
    return root


def _gradient_table(order: list[Value], inputs: dict[str, Value], names: Names, colors: Colors) -> str:
    root, dependents = order[-1], _Dependents(order)
    torch_gradients = _torch_gradients(root, inputs)
    has_torch = torch_gradients is not None
    header = ["", "gradient", "finite difference", *(["PyTorch"] if has_torch else [])]
    rows: list[list[str]] = []
    is_different, compared, reads = False, 0, 0
    members = [name for name, value in inputs.items() if value in names]
    for name, value in inputs.items():
        if value not in names:
            rows.append([name, "not used", "", *([""] if has_torch else [])])
            continue
        difference_text = "not computed"
        if reads <= MAX_READS:
            moving = dependents.of(value)
            difference = _finite_difference(root, value, moving)
            is_different |= not math.isclose(value.grad, difference, rel_tol=1e-4, abs_tol=1e-6)
            difference_text = format_gradient(difference)
            compared += 1
            reads += sum(2 * len(node.operands) for node in moving)
        row = [f"∂{names.root}/∂{names[value]}", format_gradient(value.grad), difference_text]
        rows.append(row if torch_gradients is None else [*row, format_gradient(torch_gradients[name])])
    notes = [DIFFERENCE_NOTE] if is_different else []
    if compared < len(members):
        notes.append(
            f"The finite difference is computed for the first {compared:,} of {len(members):,} inputs: each\n"
            "computes the expression twice, and all of them would take too long."
        )
    return "\n".join([text_table(header, rows, right=(1, 2, 3), paint=colors.columns(_1=GRADIENT)), *notes])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the program; None uses ``sys.argv``.

    Returns:
        The exit code.
    """
    parser = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    # An expression may begin with a minus, which argparse would read as an option.
    options = parser.parse_intermixed_args(
        [a if not a.startswith("-") or _is_option(parser, a) else f" {a}" for a in words]
    )
    source, pairs = (options.expression, options.inputs) if options.expression is not None else EXAMPLE
    write_any_letter()
    suffix = Path(options.out).suffix.lower()
    if suffix not in (".svg", ".png", ".dot", ".gv", ".html"):
        parser.error(f"--out expected a name that ends in .svg, .png, .dot or .html, got {options.out}")
    colors = Colors(options.color == "always" or (options.color == "auto" and has_colors(sys.stdout)))
    try:
        inputs = _inputs(pairs)
        root = explain(source, inputs, colors)
    except ExpressionError as error:
        print(f"{COMMAND}: {error}", file=sys.stderr)
        return USAGE
    except ValueError as error:
        parser.error(str(error))
    try:
        if suffix == ".html":
            path = explore(root).save(options.out)
        else:
            path = draw(root, theme=options.theme).save(options.out)
    except (RenderError, ImportError, OSError) as error:
        print(f"\n{COMMAND}: the picture could not be made: {replace_controls(str(error))}", file=sys.stderr)
        return FAILED
    how = "can be explored" if suffix == ".html" else "is drawn"
    print(f"\nThe graph {how} in {replace_controls(str(path))}")
    return 0


def command() -> int:
    """Run ``main()`` in a shell and return its exit code."""
    return run(main, COMMAND)


if __name__ == "__main__":
    sys.exit(command())
