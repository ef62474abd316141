"""The engine is readable: it is short and plain, and a debugger can step through every line."""

import ast
import io
import json
import linecache
import os
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd

ROOT = Path(autograd.__file__).parent

#: The files that explain the engine.
ENGINE = ["primitives", "floats", "modes", "value", "operations", "backward", "gradients"]
#: The modules that the engine calls, with the same checks.
BESIDE = [
    "ieee",
    "mode_decorators",
    "tracing",
    "nodes",
    "user_primitives",
    "interop/reals",
    "interop/wrong_names",
    "interop/ufuncs",
    "interop/groups",
    "composed",
]

each_file = pytest.mark.parametrize("name", [*ENGINE, *BESIDE])

#: Tokens that are not code.
LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and ast.get_docstring(node) is not None:
                yield first.value


def code_lines(source: str) -> set[int]:
    """Return the numbers of the lines of code, without blank lines, comments and docstrings."""
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in LAYOUT
        for line in range(token.start[0], token.end[0] + 1)
    }
    for docstring in _docstrings(ast.parse(source)):
        lines -= {*range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1)}
    return lines


def test_code_lines_are_those_that_are_neither_blank_nor_comment_nor_docstring() -> None:
    source = '''
        """A module."""
        # A comment.
        x = """A string
        of two lines."""  # and a comment

        def f():
            """A function.

            It does nothing.
            """
            return (
                x,
            )

        class C:
            "A class."
            y: int = 1
    '''
    assert len(code_lines(textwrap.dedent(source))) == 2 + 1 + 3 + 1 + 1


def _tree(name: str) -> ast.Module:
    return ast.parse((ROOT / f"{name}.py").read_text())


def test_engine_has_at_most_950_lines_of_code() -> None:
    counts = {name: len(code_lines((ROOT / f"{name}.py").read_text())) for name in ENGINE}
    assert sum(counts.values()) <= 950, counts


@each_file
def test_no_function_is_longer_than_40_lines(name: str) -> None:
    lines = code_lines((ROOT / f"{name}.py").read_text())
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            length = len(lines & {*range(node.lineno, (node.end_lineno or node.lineno) + 1)})
            assert length <= 40, getattr(node, "name", node.lineno)


@each_file
def test_nothing_is_generated_from_text(name: str) -> None:
    names = {
        node.func.id
        for node in ast.walk(_tree(name))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not names & {"exec", "eval", "compile", "__import__"}
    attributes = {node.attr for node in ast.walk(_tree(name)) if isinstance(node, ast.Attribute)}
    assert not attributes & {"exec", "eval", "FunctionType", "CodeType", "getsource"}


@each_file
def test_there_is_no_metaclass(name: str) -> None:
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.ClassDef):
            assert not [keyword for keyword in node.keywords if keyword.arg == "metaclass"], node.name
            assert "type" not in [base.id for base in node.bases if isinstance(base, ast.Name)], node.name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type":
            assert len(node.args) == 1  # type(x), not the creation of a class


def test_no_value_is_recognized_by_its_identity_as_a_float() -> None:
    """``is`` compares Values, types and constants such as None."""
    compared = {
        ast.unparse(node)
        for name in [*ENGINE, *BESIDE]
        for node in ast.walk(_tree(name))
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot)
    }
    harmless = {"None", "NotImplemented", "float", "int", "tuple", "list", "other", "operand", "r"}
    assert {text.rpartition(" ")[2] for text in compared} <= harmless


# Stepping through the first example ---------------------------------------------------------------

#: Records every line of two runs of an example, and whether it belongs to backward().
TRACING = """
import json, sys
from autograd import Value

def example():
    {example}

def lines_of(run):
    lines = []

    def is_backward(frame):
        while frame is not None and frame.f_code is not Value.backward.__code__:
            frame = frame.f_back
        return frame is not None

    def trace(frame, event, arg):
        if event == "line":
            lines.append([frame.f_code.co_filename, frame.f_lineno, is_backward(frame)])
        return trace

    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(None)
    return lines

first, second = lines_of(example), lines_of(example)
print(json.dumps([first, second]))
"""


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[tuple[str, int, bool]]]]:
    """Run the first example of the README twice in a new process, and record its lines."""
    readme = (ROOT.parent / "README.md").read_text(encoding="utf-8")
    block = readme.partition("```python\n")[2].partition("```")[0].splitlines()
    example = [line for line in block if line and not line.startswith("from autograd import")]
    assert "loss.backward()" in example
    path = tmp_path_factory.mktemp("example") / "example.py"
    path.write_text(TRACING.format(example="\n    ".join(example)), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, path], env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *printed, lines = result.stdout.splitlines()
    assert printed == ["4.0 -20.0 -8.0 4.0"] * 2
    return path, json.loads(lines)


def test_every_line_of_the_first_example_has_source_in_a_file_of_ours(stepped: Any) -> None:
    path, runs = stepped
    for run in runs:
        assert len(run) > 50
        for filename, line, _ in run:
            assert Path(filename) == path or Path(filename).is_relative_to(ROOT), filename
            assert linecache.getline(filename, line).strip(), (filename, line)


@pytest.mark.parametrize("number", [0, 1])
def test_backward_of_the_first_example_runs_at_most_100_lines(stepped: Any, number: int) -> None:
    _, runs = stepped
    files = [Path(filename) for filename, _, is_backward in runs[number] if is_backward]
    lines = [path.relative_to(ROOT).with_suffix("").as_posix() for path in files]
    assert 20 < len(lines) <= 100
    assert {*lines} <= {*ENGINE, *BESIDE}
