"""``python -m autograd``: an expression explained step by step, and its picture.

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
from .view.notation.names import Names, format_number, operation
from .view.render.tables import text_table
from .view.render.terminal import DATA, GRADIENT, Colors, has_colors
from .view.render.time_limit import RenderError
from .view.steps.steps import steps

COMMAND = "python -m autograd"
EXAMPLE = ("p = w*x; (p - y)**2", ["w=2", "x=5", "y=12"])

#: Said where a finite difference is far from the gradient.
DOUBT = """The finite difference, (f(x + h) − f(x − h)) / 2h, differs. It can't be trusted beside a kink or a
pole, where f is undefined, or where f changes much within h; the gradient is that of the rules."""

#: A space at which no line is broken.
NO_BREAK = "\xa0"

#: How much of an expression is repeated.
LONGEST = 200

#: All finite differences together read about so many operands, in a few seconds.
MOST_READ = 5_000_000


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
    parser.add_argument("--out", default="loss.svg", metavar="FILE", help=".svg, .png or .dot (loss.svg)")
    parser.add_argument("--theme", choices=["light", "dark"], default="light", help="of the picture")
    parser.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="in the terminal"
    )
    return parser


def _epilog() -> str:
    """The functions and constants of an expression; no line ends within a call."""
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
            raise ValueError(f"an input is written name=number, like w=2, not {pair!r}")
        if iskeyword(name):
            raise ValueError(
                f"{name} can't be the name of an input, because Python reserves it. Choose another"
            )
        if name in inputs:
            raise ValueError(f"{name} is given twice")
        inputs[name] = Value(_number(name, text), label=name)
    return inputs


def _number(name: str, text: str) -> float:
    """The number that an input is given: as a float is written, or as numbers computed."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return constant(text)
    except ExpressionError as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"the value of {name} must be a number such as 2, 1/3, pi or sqrt(2), not {text!r}: {reason}"
        ) from None


class _Dependents:
    """The Values of a graph that depend on an input, to compute the graph again for another number."""

    def __init__(self, order: list[Value]) -> None:
        self.order = order
        self._places = {value: i for i, value in enumerate(order)}
        self._users: dict[Value, list[Value]] = {value: [] for value in order}
        for node in order:
            for operand in node.operands:
                if isinstance(operand, Value):
                    self._users[operand].append(node)

    def of(self, leaf: Value) -> list[Value]:
        """What depends on the leaf, operands before results."""
        found = {leaf}
        stack = [leaf]
        while stack:
            for user in self._users[stack.pop()]:
                if user not in found:
                    found.add(user)
                    stack.append(user)
        return sorted(found - {leaf}, key=self._places.__getitem__)


def _finite_difference(root: Value, leaf: Value, dependents: list[Value]) -> float:
    """The slope by values alone: (f(x + h) − f(x − h)) / 2h."""
    point = leaf.data
    h = min(1e-4, 1e-6 * abs(point)) or 1e-6
    h = max(h, 1024 * math.ulp(point))  # a smaller step is lost in the rounding of a large number

    def at(x: float) -> float:
        moved = {leaf: x}
        for node in dependents:
            numbers = [moved.get(y, y.data) if isinstance(y, Value) else y for y in node.operands]
            moved[node] = recompute(node, numbers)
        return moved[root]

    above, below = point + h, point - h
    return (at(above) - at(below)) / (above - below)


def _torch_gradients(root: Value, inputs: dict[str, Value]) -> dict[str, float] | None:
    """PyTorch's gradients of the same graph, rebuilt operation by operation; None without PyTorch."""
    if find_spec("torch") is None:
        return None
    from .view.compare.torch_column import torch_gradients

    return torch_gradients(root, inputs)


def explain(source: str, inputs: dict[str, Value], colours: Colors) -> Value:
    """Print the forward values, the steps and the gradients; give back the root."""
    root = compute(source, inputs)
    if not root.label:
        root.label = "loss"
    order = topological_order(root)
    names = Names(order)
    forward = [[names[v], operation(v, names), format_number(v.data)] for v in order]
    given = ", ".join(f"{n} = {format_number(v.data)}" for n, v in inputs.items())
    shown = source.strip() if len(source) <= LONGEST else source.strip()[:LONGEST] + "…"
    shown = replace_controls(shown)
    print(f"{shown}    with {given}\n" if given else f"{shown}\n")
    print(colours.title("Forward: the values"))
    print(text_table(("name", "how", "data"), forward, right=(2,), paint=colours.columns(_2=DATA)))
    print()
    print(colours.title("Backward: the chain rule, step by step"))
    rows = [row[:1] + row[3:] for row in steps(root).rows()]
    table = text_table(("step", "chain rule", "gradient so far"), rows, (0, 2), colours.columns(_2=GRADIENT))
    print(table)
    root.backward()
    if inputs:
        print()
        print(colours.title("Gradients"))
        print(_gradient_table(order, inputs, names, colours))
    return root


def _gradient_table(order: list[Value], inputs: dict[str, Value], names: Names, colours: Colors) -> str:
    root, dependents = order[-1], _Dependents(order)
    theirs = _torch_gradients(root, inputs)
    header = ["", "gradient", "finite difference", *(["PyTorch"] if theirs is not None else [])]
    rows: list[list[str]] = []
    doubtful, compared, read = False, 0, 0
    used = [name for name, value in inputs.items() if value in names]
    for name, value in inputs.items():
        if value not in names:
            rows.append([name, "not used", "", *([""] if theirs is not None else [])])
            continue
        shown = "not computed"
        if read <= MOST_READ:
            moving = dependents.of(value)
            difference = _finite_difference(root, value, moving)
            doubtful |= not math.isclose(value.grad, difference, rel_tol=1e-4, abs_tol=1e-6)
            shown = format_number(difference)
            compared += 1
            read += sum(2 * len(node.operands) for node in moving)
        row = [f"∂{names.root}/∂{names[value]}", format_number(value.grad), shown]
        rows.append(row if theirs is None else [*row, format_number(theirs[name])])
    notes = [DOUBT] if doubtful else []
    if compared < len(used):
        notes.append(
            f"The finite difference is computed for the first {compared:,} of {len(used):,} inputs: each\n"
            "computes the expression twice, and all of them would take too long."
        )
    return "\n".join([text_table(header, rows, right=(1, 2, 3), paint=colours.columns(_1=GRADIENT)), *notes])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit code."""
    parser = _parser()
    given = sys.argv[1:] if arguments is None else arguments
    # An expression may begin with a minus, which argparse would take for an option.
    options = parser.parse_intermixed_args(
        [a if not a.startswith("-") or _is_option(parser, a) else f" {a}" for a in given]
    )
    source, pairs = (options.expression, options.inputs) if options.expression is not None else EXAMPLE
    write_any_letter()
    if Path(options.out).suffix.lower() not in (".svg", ".png", ".dot", ".gv"):
        parser.error(f"--out {options.out}: end the name in .svg, .png or .dot")
    colours = Colors(options.color == "always" or (options.color == "auto" and has_colors(sys.stdout)))
    try:
        inputs = _inputs(pairs)
        root = explain(source, inputs, colours)
    except ExpressionError as error:
        print(f"{COMMAND}: {error}", file=sys.stderr)
        return USAGE
    except ValueError as error:
        parser.error(str(error))
    try:
        path = draw(root, theme=options.theme).save(options.out)
    except (RenderError, ImportError, OSError) as error:
        print(f"\n{COMMAND}: the picture could not be made: {replace_controls(str(error))}", file=sys.stderr)
        return FAILED
    print(f"\nThe graph is drawn in {replace_controls(str(path))}")
    return 0


def command() -> int:
    """main() for a shell."""
    return run(main, COMMAND)


if __name__ == "__main__":
    sys.exit(command())
