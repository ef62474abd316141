"""Any text as the command line ``python -m autograd …``: it is explained, or raises the command's own error.

:func:`check` takes the text, with one argument on each line, and raises AssertionError for any other result.
"""

from __future__ import annotations

import ast
import contextlib
import io
import sys
from pathlib import Path
from typing import Any

from autograd import Value
from autograd.__main__ import _inputs, _is_option, _parser, main
from autograd.expression import _CALLABLE, CONSTANTS, ExpressionError, compute
from autograd.floats import KERNELS
from autograd.operations import data_of

from .._support.table import bits

#: Python's audit events that reading an expression must not cause.
FORBIDDEN = (
    "exec",
    "open",
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "object.__getattr__",
    "import",
    "code.",
)

SEEDS = (
    "p = w*x; (p - y)**2\nw=2\nx=5\ny=12",
    "tanh(x)**2 / (1 + exp(-x))\nx=-0.5",
    "max(x, y) - min(x, y)\nx=1e3\ny=-inf",
    "dot([x, 2.0], [y, x], 1) + sum([x, y, x])\nx=0.1\ny=nan",
    "logsumexp([x, 1_000, 0x10]) ** -y\nx=0\ny=-0.0",
    "a = relu(x); b = leaky_relu(a); gelu(b)*silu(b)\nx=1",
    "-x/0\nx=1e308",
    "é = ω; ﬁ = é*2; ﬁ\nω=2",
    "p = softmax([x, y, 2]); -log(p[0]) + max(p)\nx=1/3\ny=sqrt(2)",
    "p, q = softmax(x, pi); take([p, q], 1)*e\nx=-pi/2",
    "2x^2 + (x - 1)(x + 1)\nx=1",
    "eval('1')",
    "x.__class__\nx=1",
    "[x for x in y]\ny=1",
    "((((((x))))))\nx=1",
    "lambda: 1",
    "x if x else y\nx=1\ny=2",
    "f'{x}'\nx=1",
    "x # no\nx=1",
)

TOKENS = (
    *_CALLABLE, *KERNELS, "pow", "take", "largest",
    "**", "*", "/", "+", "-", "(", ")", "[", "]", ",", ";", "=", "x", "y", "w", "1e308",
    "inf", "nan", "pi", "e", "^", "p[0]", "0x", "1j", "1_0", "lambda", "eval", "__import__",
    "\n", "x=1", "y=-0.0", "#", ":=", "if",
    "else", "for", "in", "not", "@", "//", "%", "{", "}", "'", '"', "\\", "b'", "f'", "...", "None", "True",
)  # fmt: skip


class _Watch:
    """An audit hook that raises for forbidden events while it is on. A hook cannot be removed."""

    on = False
    installed = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on and event.startswith(FORBIDDEN):
            self.on = False
            raise AssertionError(f"{event} {args} by an expression")

    def compute(self, source: str, inputs: dict[str, Value]) -> Value:
        if not self.installed:
            sys.addaudithook(self)
            self.installed = True
        self.on = True
        try:
            return compute(source, inputs)
        finally:
            self.on = False


_watch = _Watch()


class _Floats(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.copy_location(ast.Constant(Value(node.value).data), node)


def by_python(tree: ast.Module, inputs: dict[str, Value]) -> float | None:
    """Return Python's result for an accepted expression; None if Python's floats raise."""
    tree = _Floats().visit(tree)
    last = tree.body[-1]
    tree.body[-1] = ast.copy_location(ast.Assign([ast.Name("_result", ast.Store())], last.value), last)
    names: dict[str, Any] = {"__builtins__": {}, **CONSTANTS, **_CALLABLE, **inputs}
    try:
        exec(compile(ast.fix_missing_locations(tree), "<fuzz>", "exec"), names)
    except (ArithmeticError, TypeError):  # 1/0, and a power below 0, which is complex
        return None
    result = names["_result"]
    return None if isinstance(result, complex) else float(data_of(result))


def check(text: str, folder: Path) -> bool:
    """Run the command on the text, with one argument on each line; return True if it computed.

    The picture is a DOT file, which does not need Graphviz.
    """
    parser = _parser()
    arguments = [a for a in text.split("\n") if not (a.startswith("-") and _is_option(parser, a))]
    if not arguments:
        return False
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code: Any = main([*arguments, "--out", str(folder / "it.dot"), "--color", "never"])
    except SystemExit as exit:
        code = exit.code
    assert code in (0, 2), f"exit code {code}: {err.getvalue()}"
    assert bool(err.getvalue()) == (code == 2), err.getvalue()
    assert "Traceback" not in err.getvalue()
    if code == 2:
        with contextlib.suppress(ExpressionError):
            _watch.compute(arguments[0], {})
        return False
    inputs = _inputs(arguments[1:])
    actual = _watch.compute(arguments[0], inputs).data
    tree = _tree(arguments[0])
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and _stored(node)}
    if not _CALLABLE.keys() & (assigned | inputs.keys()):  # Python would call the number of that name
        expected = by_python(tree, inputs)
        assert expected is None or bits(actual) == bits(expected), (actual, expected)
    return True


def _tree(source: str) -> ast.Module:
    return ast.parse(" ".join(source.splitlines()).strip())


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
