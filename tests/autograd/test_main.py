"""``python -m autograd``: its output, picture and exit code."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import autograd
from autograd.__main__ import main
from autograd.view.notation.names import format_number

from .._support.pytorch import needs_torch

REPOSITORY = Path(autograd.__file__).parent.parent


posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal or shell")

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Result:
    """The result of a run of the command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def section(self, title: str) -> list[list[str]]:
        """The rows of a table, by the title above it."""
        lines = ANSI.sub("", self.out).split("\n")
        start = next(i for i, line in enumerate(lines) if line.startswith(title))
        rows = []
        for line in lines[start + 3 :]:
            if not line:
                break
            rows.append(re.split("  +", line.strip()))
        return rows


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], without_torch: None):
    """Run the command in this process, without PyTorch."""
    return _runner(capsys)


def _runner(capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str) -> Result:
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Result(code, *capsys.readouterr())

    return run


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8", **more}


def command(*missing: str) -> list[str]:
    """Return the command for a new process, in which some packages cannot be imported."""
    hide = "".join(f"sys.modules[{name!r}] = None; " for name in missing)
    code = f"import runpy, sys; {hide}runpy.run_module('autograd', run_name='__main__', alter_sys=True)"
    return [sys.executable, "-c", code]


def run_in_process(*arguments: str, missing: tuple[str, ...] = ("torch",), **variables: str) -> Result:
    result = subprocess.run(
        [*command(*missing), *arguments], capture_output=True, env=environment(**variables), timeout=60
    )
    return Result(result.returncode, result.stdout.decode(), result.stderr.decode())


# The example --------------------------------------------------------------------------------------


def test_example_of_the_help_runs() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "autograd"], capture_output=True, env=environment(), timeout=60
    )
    out = result.stdout.decode()
    assert (result.returncode, result.stderr) == (0, b"")
    assert out.startswith("p = w*x; (p - y)**2    with w = 2, x = 5, y = 12\n")
    assert "w.grad += p.grad · ∂p/∂w = (−4) · 5 = −20" in out
    assert out.endswith("The graph is drawn in loss.svg\n")
    assert ElementTree.parse("loss.svg").getroot().tag.endswith("svg")
    assert "\x1b" not in out


def test_example_prints_values_steps_and_gradients(run) -> None:
    result = run()
    assert result.code == 0
    assert result.err == ""
    assert result.section("Forward") == [
        ["w", "2"],
        ["x", "5"],
        ["p", "w·x", "10"],
        ["y", "12"],
        ["v₁", "p − y", "−2"],
        ["loss", "v₁²", "4"],
    ]
    assert result.section("Backward") == [
        ["0", "loss.grad = 1", "1"],
        ["1", "v₁.grad += loss.grad · ∂loss/∂v₁ = 1 · (−4) = −4", "−4"],
        ["2", "p.grad += v₁.grad · ∂v₁/∂p = (−4) · 1 = −4", "−4"],
        ["3", "y.grad += v₁.grad · ∂v₁/∂y = (−4) · (−1) = 4", "4"],
        ["4", "w.grad += p.grad · ∂p/∂w = (−4) · 5 = −20", "−20"],
        ["5", "x.grad += p.grad · ∂p/∂x = (−4) · 2 = −8", "−8"],
    ]
    assert result.section("Gradients") == [
        ["∂loss/∂w", "−20", "−20"],
        ["∂loss/∂x", "−8", "−8"],
        ["∂loss/∂y", "4", "4"],
    ]
    assert "finite difference" in result.out
    assert "PyTorch" not in result.out
    assert "gradient −20" in Path("loss.svg").read_text(encoding="utf-8")


SMOOTH = [
    ("(w*x - y)**2", {"w": 2.0, "x": 5.0, "y": 12.0}),
    ("a*a + a/b - b**3", {"a": -1.5, "b": 0.25}),
    ("tanh(w1*x1 + w2*x2 + b)", {"w1": -3.0, "x1": 2.0, "w2": 1.0, "x2": 0.0, "b": 6.8813735870195432}),
    ("p = sigmoid(z); -(t*log(p) + (1 - t)*log(1 - p))", {"z": 0.3, "t": 1.0}),
    ("exp(-x**2/2) * sin(3*x) + sqrt(abs(x))", {"x": 0.7}),
    ("logsumexp([a, b, a]) + dot([a, 2], [b, 3], a) + gelu(sum([a, b]))", {"a": 0.5, "b": -0.25}),
    ("2**x + x**0.5 + max(x, 1) + softplus(-x)", {"x": 3.0}),
    ("p = softmax([a, b, 0.5]); -log(p[1]) + max(a, b, 0.1)*p[0]", {"a": 0.5, "b": -0.25}),
    ("p, q = log_softmax(a, b); dot([p, q], [a, pi]) + take([a, b], 1)", {"a": 0.5, "b": -0.25}),
]


def arguments_of(inputs: dict[str, float]) -> list[str]:
    return [f"{name}={x!r}" for name, x in inputs.items()]


@pytest.mark.parametrize(("source", "inputs"), SMOOTH)
def test_printed_numbers_agree(run, source: str, inputs: dict[str, float]) -> None:
    result = run(source, *arguments_of(inputs))
    root = autograd.Value(0.0)
    leaves = {name: autograd.Value(x, label=name) for name, x in inputs.items()}
    root = autograd.expression.compute(source, leaves)
    root.backward()
    forward = {row[0]: row[-1] for row in result.section("Forward")}
    assert forward["loss"] == format_number(root.data)
    assert all(forward[name] == format_number(x) for name, x in inputs.items())
    so_far = {}
    for _, equation, gradient in result.section("Backward"):
        assert equation.endswith(f" {gradient}")
        so_far[equation.split()[0].removesuffix(".grad")] = gradient
    for row in result.section("Gradients"):
        name = row[0].removeprefix("∂loss/∂")
        grad = leaves[name].grad
        assert row[1] == format_number(grad) == so_far[name]
        by_values = float(row[2].replace("−", "-"))
        assert math.isclose(by_values, grad, rel_tol=1e-3, abs_tol=1e-6)
    assert {row[0] for row in result.section("Gradients")} == {f"∂loss/∂{name}" for name in inputs}


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize(("source", "inputs"), SMOOTH)
def test_pytorch_agrees(capsys: pytest.CaptureFixture[str], source: str, inputs: dict[str, float]) -> None:
    result = _runner(capsys)(source, *arguments_of(inputs))
    assert result.code == 0
    header = next(line for line in result.out.split("\n") if "finite difference" in line)
    assert header.split("  ")[-1].strip() == "PyTorch"
    rows = result.section("Gradients")
    assert len(rows) == len(inputs)
    assert all(len(row) == 4 and row[1] == row[3] for row in rows)


@pytest.mark.torch
@needs_torch
def test_pytorch_agrees_on_every_function(capsys: pytest.CaptureFixture[str]) -> None:
    from autograd.primitives import PRIMITIVES
    from autograd.view.compare.torch_column import torch_function

    run = _runner(capsys)
    for entry in PRIMITIVES.values():
        assert callable(torch_function(entry))
        if not entry.is_many and entry.name not in ("add", "sub", "mul", "div", "pow", "neg", "abs"):
            arguments = ["x", "y"][: len(entry.operands)]
            result = run(f"{entry.name}({', '.join(arguments)})", *(f"{a}=0.625" for a in arguments))
            assert all(row[1] == row[3] for row in result.section("Gradients")), entry.name


@pytest.mark.torch
@needs_torch
def test_pytorch_column_is_empty_for_an_unused_input(capsys: pytest.CaptureFixture[str]) -> None:
    result = _runner(capsys)("x*2", "x=3", "unused=1")
    assert result.section("Gradients") == [["∂loss/∂x", "2", "2", "2"], ["unused", "not used"]]


# Results ------------------------------------------------------------------------------------------


def test_unused_input_is_reported(run) -> None:
    result = run("x*2", "x=3", "z=4")
    assert result.code == 0
    assert ["z", "not used"] in result.section("Gradients")


def test_input_behind_a_dead_relu_has_gradient_zero(run) -> None:
    result = run("relu(x*w) + w", "x=-3", "w=4")
    assert result.section("Gradients") == [["∂loss/∂x", "0", "0"], ["∂loss/∂w", "1", "1"]]
    assert [row[1].split(" = ")[-1] for row in result.section("Backward")[1:]] == ["1", "1", "0"]


def test_numbers_alone_have_no_gradients(run) -> None:
    result = run("2 + 3*4")
    assert result.code == 0
    assert result.out.startswith("2 + 3*4\n")
    assert result.section("Forward") == [["loss", "14"]]
    assert "Gradients" not in result.out


def test_named_result_keeps_its_name(run) -> None:
    assert "x.grad += cost.grad · ∂cost/∂x" in run("cost = x**2", "x=3").out


def test_expression_of_one_input(run) -> None:
    result = run("x", "x=3")
    assert result.code == 0
    assert result.section("Gradients") == [["∂x/∂x", "1", "1"]]


@pytest.mark.parametrize(
    ("arguments", "loss"),
    [
        (["-x*w", "x=3", "w=2"], "−6"),
        (["-x", "x=3"], "−3"),
        (["--x", "x=3"], "3"),
        (["-2 + x", "x=3"], "1"),
        (["-(x)", "x=-3"], "3"),
        (["-2*3"], "−6"),
        (["--out", "g.svg", "-x", "x=3"], "−3"),
        (["--", "-x", "x=3"], "−3"),
        (["-x", "x=3", "--color=never"], "−3"),
    ],
)
def test_expression_can_begin_with_a_minus(run, arguments: list[str], loss: str) -> None:
    result = run(*arguments)
    assert result.code == 0, result.err
    assert result.section("Forward")[-1][-1] == loss


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-3", "−3"),
        ("1e-7", "1e−7"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("-0.0", "−0"),
        (" 4 ", "4"),
        ("1e999", "inf"),
    ],
)
def test_input_can_be_any_number(run, text: str, shown: str) -> None:
    result = run("x*1", f"x={text}")
    assert result.code == 0
    assert result.section("Forward")[0] == ["x", shown]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1/3", 1 / 3), ("pi", math.pi), ("sqrt(2)", math.sqrt(2.0)), ("-pi/2", -math.pi / 2), ("e", math.e),
     ("2**-3", 0.125), ("1/0", math.inf), ("-(1 + 2)*3", -9.0), ("max(1, 4, 2)", 4.0), ("1e-3", 0.001)],
)  # fmt: skip
def test_input_value_may_be_computed_from_numbers(run, text: str, number: float) -> None:
    result = run("x*1", f"x={text}")
    assert result.code == 0, result.err
    assert result.section("Forward")[0] == ["x", format_number(number)]


def test_overflow_and_division_by_zero_are_not_errors(run) -> None:
    result = run("exp(x)/y - log(z)", "x=1000", "y=0", "z=0")
    assert result.code == 0
    assert result.section("Forward")[-1][-1] == "inf"


def test_options_can_be_anywhere(run) -> None:
    assert run("w*x", "--out", "g.svg", "w=2", "x=3").code == 0


@pytest.mark.parametrize("name", ["g.svg", "g.png", "g.dot", "g.gv", "G.SVG"])
def test_out(run, name: str) -> None:
    result = run("x**2", "x=3", "--out", name)
    assert result.code == 0
    assert result.out.endswith(f"The graph is drawn in {name}\n")
    beginnings = {".svg": b"<?xml", ".png": b"\x89PNG", ".dot": b"digraph", ".gv": b"digraph"}
    assert Path(name).read_bytes().startswith(beginnings[Path(name).suffix.lower()])
    assert [path.name for path in Path().iterdir()] == [name]


def test_out_can_be_a_page_to_explore(run) -> None:
    result = run("x**2", "x=3", "--out", "g.html")
    assert result.code == 0
    assert result.out.endswith("The graph can be explored in g.html\n")
    assert Path("g.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_theme(run) -> None:
    run("x**2", "x=3", "--theme", "dark")
    assert "#111827" in Path("loss.svg").read_text(encoding="utf-8")
    run("x**2", "x=3")
    assert "#111827" not in Path("loss.svg").read_text(encoding="utf-8")


def test_help(run) -> None:
    result = run("--help")
    assert result.code == 0
    for word in (
        "python -m autograd",
        "expression",
        "name=number",
        "--out",
        "--theme",
        "--color",
        "example:",
    ):
        assert word in result.out
    assert list(Path().iterdir()) == []


def test_help_lists_the_functions_and_constants(run) -> None:
    text = " ".join(run("--help").out.split())
    listing = text.partition("functions: ")[2]
    for name in autograd.expression._CALLABLE:
        assert re.search(rf"\b{name}\(", listing), name
    assert "constants: pi, e" in listing
    assert all(len(line) <= 100 for line in run("--help").out.split("\n"))


def test_long_expression_is_cut(run) -> None:
    result = run(" + ".join(["x"] * 500), "x=1", "--out", "g.dot")
    assert result.code == 0
    first = result.out.split("\n")[0]
    assert len(first) < 300
    assert "…    with x = 1" in first


# Colors -------------------------------------------------------------------------------------------


def test_pipe_has_colors_only_with_the_option(run) -> None:
    plain = run("x**2", "x=3")
    painted = run("x**2", "x=3", "--color", "always")
    assert "\x1b" not in plain.out
    assert "\x1b" not in run("x**2", "x=3", "--color=never").out
    assert ANSI.search(painted.out)
    assert ANSI.sub("", painted.out) == plain.out


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)


@posix
@pytest.mark.parametrize(
    ("arguments", "variables", "colored"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        (["--color=never"], {}, False),
        (["--color=always"], {"NO_COLOR": "1"}, True),
    ],
)
def test_colours_in_a_terminal(
    terminal: tuple[int, int], arguments: list[str], variables: dict[str, str], colored: bool
) -> None:
    master, slave = terminal
    process = subprocess.Popen(
        [*command("torch"), "x*2", "x=3", "--out", "g.dot", *arguments],
        stdout=slave,
        env=environment(**variables),
    )
    os.close(slave)
    out = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux's end of file
            break
        if not piece:
            break
        out += piece
    assert process.wait(60) == 0
    assert "∂loss/∂x" in out.decode()
    assert (b"\x1b[" in out) is colored


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["w*x", "w=2"], "x has no value. Add one, such as x=1.5 (known: w)\n  w*x\n    ^\n"),
        (["w*", "w=2"], "this is not an expression"),
        (["x.data", "x=2"], "this is not supported"),
        (["__import__('os')"], "there is no function '__import__'"),
        ([" "], "there is nothing to compute"),
        (["x", "x"], "expected an input as name=number, such as w=2, got 'x'"),
        (
            ["x", "x=two"],
            "expected a number for x, such as 2, 1/3, pi or sqrt(2), got 'two': two is not a number",
        ),
        (["x", "x="], "expected a number for x, such as 2, 1/3, pi or sqrt(2), got '': it is not one"),
        (["x*y", "x=2", "y=x+1"], "got 'x+1': x is not a number"),
        (
            ["x", "x=2^3"],
            "got '2^3': this operator is not supported. Use + - * / ** (a power is **). Write 2**3.",
        ),
        (["x", "x=y=2"], "got 'y=2': it is not one number"),
        (["x", "x=1,5"], "got '1,5': expected a number, got a list of 2"),
        (["x", "x=1/"], "got '1/': this is not an expression"),
        (["x", "x=True"], "got 'True': this is not supported"),
        (["True", "True=2"], "an input cannot be named True, which Python reserves. Choose another name"),
        (["x", "lambda=2"], "an input cannot be named lambda, which Python reserves. Choose another name"),
        (["True"], "this is not supported. Use numbers, names"),
        (["x^2", "x=3"], "(a power is **). Write x**2."),
        (["2x+1", "x=3"], "Write 2*x+1."),
        (["(x-1)(x+1)", "x=3"], "Write (x-1)*(x+1)."),
        (
            ["softmax([x, 1])", "x=3"],
            "expected one number as the result, got a list of 2. Choose one, such as softmax([a, b])[0]",
        ),
        (["x", "=2"], "expected an input as name=number, such as w=2, got '=2'"),
        (["x", "1x=2"], "expected an input as name=number, such as w=2, got '1x=2'"),
        (["x", "x=1", "x=2"], "the input x is set twice. Remove one of them"),
        (
            ["x", "x=1", "--out", "g.pdf"],
            "--out expected a name that ends in .svg, .png, .dot or .html, got g.pdf",
        ),
        (["x", "x=1", "--out"], "expected one argument"),
        (["x", "x=1", "--theme", "blue"], "invalid choice: 'blue'"),
        (["x", "x=1", "--color", "maybe"], "invalid choice: 'maybe'"),
    ],
)
def test_invalid_command_line_exits_with_2_and_a_remedy(run, arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err
    assert result.out == ""
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("arguments", [[""], ["", "w=2"]])
def test_empty_expression_exits_with_2(run, arguments: list[str]) -> None:
    assert run(*arguments).code == 2


def test_input_name_is_normalized(run) -> None:
    assert run("µ*2", "µ=3").code == 0


@posix
def test_invalid_utf8_exits_with_2() -> None:
    """os.fsdecode returns such text if the command line is not UTF-8."""
    for arguments in (["x\udcff", "x=2"], ["x", "x\udcff=2"]):
        result = run_in_process(*arguments)
        assert result.code == 2
        assert "\\udcff" in result.err
        assert "Traceback" not in result.err


@pytest.mark.parametrize("out", ["nowhere/g.svg", "folder.svg"])
def test_unwritable_picture_exits_with_1_after_the_text(run, out: str) -> None:
    Path("folder.svg").mkdir()
    result = run("x**2", "x=3", "--out", out)
    assert result.code == 1
    assert result.section("Gradients") == [["∂loss/∂x", "6", "6"]]
    assert "the picture could not be made" in result.err
    assert out in result.err
    assert "is drawn" not in result.out


def test_missing_graphviz_exits_with_1_and_names_the_extra(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.view.render.graphviz_program.layout_program", lambda: None)
    result = run("x**2", "x=3")
    assert result.code == 1
    assert result.section("Gradients") == [["∂loss/∂x", "6", "6"]]
    assert 'pip install "glassgrad[viz]"' in result.err


def test_without_graphviz_the_text_is_complete() -> None:
    result = run_in_process("x**2", "x=3", missing=("torch", "graphviz"))
    assert result.code == 1
    assert result.section("Forward") == [["x", "3"], ["loss", "x²", "9"]]
    assert result.section("Gradients") == [["∂loss/∂x", "6", "6"]]
    assert 'pip install "glassgrad[viz]"' in result.err
    assert "Traceback" not in result.err
    assert list(Path().iterdir()) == []


def test_process_returns_the_exit_codes() -> None:
    assert run_in_process("x**2", "x=3").code == 0
    assert run_in_process("x**2", "x=3", "--out", "nowhere/g.svg").code == 1
    assert run_in_process("x**2").code == 2


@posix
@pytest.mark.parametrize("length", [1, 2000])
def test_broken_pipe_is_not_an_error(length: int) -> None:
    first = subprocess.Popen(
        [*command("torch"), "+".join(["x"] * length), "x=1", "--out", "g.dot"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert first.stdout is not None
    assert first.stderr is not None
    first.stdout.close()  # before a word is written: as | head does, only sooner
    assert first.stderr.read() == b""
    first.stderr.close()
    assert first.wait(60) == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_output_stream_of_another_encoding_is_written(encoding: str) -> None:
    """On Windows, output to a file has such an encoding."""
    result = subprocess.run(
        [*command("torch"), "x**2", "x=3"],
        capture_output=True,
        env=environment(PYTHONIOENCODING=encoding),
        timeout=60,
    )
    assert result.returncode == 0
    assert b"The graph is drawn in loss.svg" in result.stdout


def test_finite_difference_at_a_kink_gets_a_note(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["relu(x)*3", "x=0", "--out", str(tmp_path / "loss.svg")]) == 0
    assert "The finite difference" in capsys.readouterr().out
    assert main(["relu(x)*3", "x=1", "--out", str(tmp_path / "loss.svg")]) == 0
    assert "The finite difference" not in capsys.readouterr().out


def test_finite_differences_of_many_inputs_agree_with_the_expression(run) -> None:
    """The command recomputes the dependents of an input; this test recomputes the whole expression."""
    numbers = {f"x{i}": 0.3 + 0.05 * i for i in range(20)}
    names = [*numbers]
    source = (
        f"p = softmax([{', '.join(names)}]); -log(p[3]) + {'*'.join(names[:6])} + sum(p)*tanh(x0) + x19/x18"
    )
    table = run(source, *arguments_of(numbers)).section("Gradients")

    def at(point: dict[str, float]) -> float:
        values = {name: autograd.Value(x, label=name) for name, x in point.items()}
        return autograd.expression.compute(source, values).data

    for (name, x), row in zip(numbers.items(), table, strict=True):
        above, below = x + 1e-6 * x, x - 1e-6 * x
        difference = (at({**numbers, name: above}) - at({**numbers, name: below})) / (above - below)
        assert row[0] == f"∂loss/∂{name}"
        assert math.isclose(float(row[2].replace("−", "-")), difference, rel_tol=1e-3, abs_tol=1e-9)


def test_a_thousand_inputs(run) -> None:
    names = [f"x{i}" for i in range(1000)]
    result = run("+".join(f"{x}*{x}" for x in names), *(f"{x}=0.5" for x in names), "--out", "g.dot")
    assert result.section("Gradients") == [[f"∂loss/∂{x}", "1", "1"] for x in names]
    assert "finite difference is computed for" not in result.out


def test_finite_differences_above_the_limit_are_skipped_with_a_note(
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograd.__main__.MAX_READS", 30)
    names = [f"x{i}" for i in range(10)]
    result = run("+".join(names), *(f"{x}=0.5" for x in names))
    rows = result.section("Gradients")
    assert [row[1] for row in rows[:10]] == ["1"] * 10
    compared = [row[2] for row in rows[:10]]
    assert 0 < compared.count("1") < 10
    assert compared == ["1"] * compared.count("1") + ["not computed"] * compared.count("not computed")
    assert f"is computed for the first {compared.count('1')} of 10 inputs" in result.out


@pytest.mark.parametrize("x", [1e13, 1e308, -1e308, 1.7976931348623157e308, 5e-324, math.inf, math.nan])
def test_finite_difference_of_a_huge_or_tiny_number_has_a_step(run, x: float) -> None:
    result = run("x / 2", f"x={x}", "--out", "half.dot")
    assert result.code == 0
    _, gradient, difference = result.section("Gradients")[0]
    assert gradient == "0.5"
    if 5e-324 < abs(x) < 1.7e308:
        assert difference == "0.5"
