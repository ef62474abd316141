"""``python -m autograd``: an expression explained step by step, and its picture.

python -m autograd "p = w*x; (p - y)**2" w=2 x=5 y=12
"""

from __future__ import annotations

import argparse
import math
import sys
import unicodedata
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from .backward import topological_order
from .expression import ExpressionError, compute
from .system.shell import FAILED, USAGE, run, write_any_letter
from .value import Value
from .view.draw.graphviz import draw
from .view.notation.names import Names, format_number, operation
from .view.render.graphviz_program import RenderError
from .view.render.tables import text_table
from .view.render.terminal import DATA, GRADIENT, Colours, has_colours
from .view.steps.steps import steps

COMMAND = "python -m autograd"
EXAMPLE = ("p = w*x; (p - y)**2", ["w=2", "x=5", "y=12"])

#: Said where a finite difference is far from the gradient.
DOUBT = """The finite difference, (f(x + h) − f(x − h)) / 2h, differs. It can't be trusted beside a kink or a
pole, where f is undefined, or where f changes much within h; the gradient is that of the rules."""

#: How much of an expression is repeated.
LONGEST = 200


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Explain an expression: values, each step of the backward pass, gradients, a picture.",
        epilog="example: python -m autograd 'p = w*x; (p - y)**2' w=2 x=5 y=12",
    )
    parser.add_argument("expression", nargs="?", help="what to compute; name a part of it with p = ...;")
    parser.add_argument("inputs", nargs="*", metavar="name=number", help="the inputs of the expression")
    parser.add_argument("--out", default="loss.svg", metavar="FILE", help=".svg, .png or .dot (loss.svg)")
    parser.add_argument("--theme", choices=["light", "dark"], default="light", help="of the picture")
    parser.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="in the terminal"
    )
    return parser


def _is_option(parser: argparse.ArgumentParser, argument: str) -> bool:
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
        if name in inputs:
            raise ValueError(f"{name} is given twice")
        try:
            inputs[name] = Value(float(text), label=name)
        except ValueError:
            raise ValueError(f"the value of {name} must be a number, not {text!r}") from None
    return inputs


def _finite_difference(source: str, point: dict[str, float], name: str) -> float:
    """The slope by values alone: (f(x + h) − f(x − h)) / 2h."""
    h = min(1e-4, 1e-6 * abs(point[name])) or 1e-6
    h = max(h, 1024 * math.ulp(point[name]))  # a smaller one is lost beside a large number

    def at(x: float) -> float:
        moved = {**point, name: x}
        return compute(source, {n: Value(v, label=n) for n, v in moved.items()}).data

    above, below = point[name] + h, point[name] - h
    return (at(above) - at(below)) / (above - below)


def _torch_gradients(source: str, point: dict[str, float]) -> dict[str, float] | None:
    """PyTorch's gradients of the same graph, rebuilt operation by operation; None without PyTorch."""
    if find_spec("torch") is None:
        return None
    from .view.compare.torch_column import torch_gradients

    inputs = {name: Value(x, label=name) for name, x in point.items()}
    return torch_gradients(compute(source, inputs), inputs)


def explain(source: str, inputs: dict[str, Value], colours: Colours) -> Value:
    """Print the forward values, the steps and the gradients; give back the root."""
    root = compute(source, inputs)
    if not root.label:
        root.label = "loss"
    order = topological_order(root)
    names = Names(order)
    forward = [[names[v], operation(v, names), format_number(v.data)] for v in order]
    given = ", ".join(f"{n} = {format_number(v.data)}" for n, v in inputs.items())
    shown = source.strip() if len(source) <= LONGEST else source.strip()[:LONGEST] + "…"
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
        print(_gradient_table(source, inputs, names, colours))
    return root


def _gradient_table(source: str, inputs: dict[str, Value], names: Names, colours: Colours) -> str:
    point = {name: value.data for name, value in inputs.items()}
    theirs = _torch_gradients(source, point)
    header = ["", "gradient", "finite difference", *(["PyTorch"] if theirs is not None else [])]
    rows: list[list[str]] = []
    doubtful = False
    for name, value in inputs.items():
        if value not in names:
            rows.append([name, "not used", "", *([""] if theirs is not None else [])])
            continue
        difference = _finite_difference(source, point, name)
        doubtful |= not math.isclose(value.grad, difference, rel_tol=1e-4, abs_tol=1e-6)
        row = [
            f"∂{names.root}/∂{names[value]}",
            format_number(value.grad),
            format_number(difference),
        ]
        rows.append(row if theirs is None else [*row, format_number(theirs[name])])
    table = text_table(header, rows, right=(1, 2, 3), paint=colours.columns(_1=GRADIENT))
    return f"{table}\n{DOUBT}" if doubtful else table


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
    colours = Colours(options.color == "always" or (options.color == "auto" and has_colours(sys.stdout)))
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
        print(f"\n{COMMAND}: the picture could not be made: {error}", file=sys.stderr)
        return FAILED
    print(f"\nThe graph is drawn in {path}")
    return 0


def command() -> int:
    """main() for a shell."""
    return run(main, COMMAND)


if __name__ == "__main__":
    sys.exit(command())
