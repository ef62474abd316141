"""Control characters in labels, names, files and arguments: every output shows them as symbols."""

from __future__ import annotations

import ast
import io
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import nn
from autograd import (
    Value,
    compare,
    compare_with_torch,
    compile,
    detect_anomaly,
    draw,
    explain,
    formula,
    gradient_flow,
    no_grad,
    show,
    snapshot,
    steps,
    watch,
)
from autograd.__main__ import main
from autograd.compiler import progress as compiler_progress
from autograd.system.messages import replace_controls, short
from nn import MLP, SGD, History, Module, Parameter, StepLR, fit, load, mse_loss, save
from nn.__main__ import main as nn_main

#: Colors, a link (OSC 8), the bell, C1's CSI, a null, a delete, and text that is reversed.
HOSTILE = "w\x1b[31m\x1b]8;;mailto:x\x07y\x9b31m\x00\x7f\u202ez"
#: The same without a null, which names of classes and files cannot contain.
CLASS = FILE = HOSTILE.replace("\x00", "")
#: Characters that no output may contain; line feeds and tabs are allowed.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: The beginning of a hostile text in an output: as symbols, as a repr, or as JSON.
SHOWN = re.compile(r"w(␛|\\+x1b|\\+u001b)")


def check(text: str, shown: bool = True) -> None:
    """Check that an output has no control characters and shows the hostile text."""
    match = CONTROL.search(text)
    assert match is None, (match, text[max(0, match.start() - 80) : match.start() + 20])
    assert SHOWN.search(text) or not shown, text


# replace_controls() --------------------------------------------------------------------------------


def test_control_characters_become_symbols() -> None:
    assert replace_controls(HOSTILE) == "w␛[31m␛]8;;mailto:x␇y�31m␀␡�z"
    assert replace_controls("a\nb\tc") == "a␊b␉c"
    assert replace_controls("a\nb\tc", keep="\n\t") == "a\nb\tc"
    assert replace_controls("Ünï · 損失 👩‍👩‍👧 وزن\u00a0") == "Ünï · 損失 👩‍👩‍👧 وزن\u00a0"


@given(st.text())
def test_any_text_keeps_its_length_and_loses_its_control_characters(text: str) -> None:
    result = replace_controls(text)
    assert len(result) == len(text)
    assert not CONTROL.search(result)
    assert not {"\n", "\t"} & {*result}
    assert replace_controls(result) == result
    result.encode()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"])))
def test_text_without_control_characters_stays(text: str) -> None:
    assert replace_controls(text) == text


def test_value_in_a_message_is_on_one_line() -> None:
    class Loud:
        def __repr__(self) -> str:
            return f"one\n  two {HOSTILE}"

    check(short(Loud()), shown=False)
    assert short(Loud()).startswith("one two w␛[31m")


# The outputs of a graph ---------------------------------------------------------------------------


def graph() -> tuple[Value, Value]:
    """A loss and one of its leaves, every Value labeled."""
    w, x = Value(2.0, label=HOSTILE), Value(5.0, label=HOSTILE)
    p = w * x
    p.label = HOSTILE
    loss = (p - 12.0) ** 2
    loss.label = HOSTILE
    loss.backward()
    return loss, w


def texts(output: Any) -> Iterator[str]:
    """Every text form of an output."""
    yield str(output)
    yield repr(output)
    for name in ("_repr_html_", "_repr_latex_", "_repr_mimebundle_"):
        content = getattr(output, name, lambda: None)()
        content = content[0] if isinstance(content, tuple) else content
        for text in content.values() if isinstance(content, dict) else [content]:
            if isinstance(text, str):
                yield text
    for name in ("alt", "svg", "summary", "notes", "html", "latex", "mathml"):
        if isinstance(text := getattr(output, name, None), str):
            yield text
    if hasattr(output, "graph"):
        yield output.graph.source


VIEWS: dict[str, Callable[[], Any]] = {
    "Value": lambda: graph()[0],
    "draw": lambda: draw(graph()[0]),
    "draw, cut": lambda: draw(graph()[0], limit=2),
    "steps": lambda: steps(graph()[0]),
    "explain": lambda: explain(*graph()),
    "formula": lambda: formula(graph()[0]),
    "snapshot": lambda: snapshot(graph()[0]),
    "compare": lambda: compare(graph()[0], graph()[1] * 3.0),
    "compare, drawn": lambda: compare(graph()[0], graph()[1] * 3.0).draw(),
    "compare_with_torch": lambda: compare_with_torch(graph()[0]),
    "gradient_flow": lambda: gradient_flow(*trained()),
    "gradient_flow, by name": lambda: gradient_flow(trained()[0]),
    "layers": lambda: gradient_flow(*trained()).table,
    "draw, a network": lambda: draw(trained()[1], limit=3),
}


@pytest.mark.parametrize("name", VIEWS)
def test_view_shows_symbols(name: str) -> None:
    if name == "compare_with_torch":
        pytest.importorskip("torch")
    outputs = [*texts(VIEWS[name]())]
    for text in outputs:
        check(text, shown=False)
    check("\n".join(outputs))


@pytest.mark.parametrize("name", [name for name in VIEWS if name.startswith(("draw", "gradient"))])
def test_picture_is_valid_xml(name: str) -> None:
    ElementTree.fromstring(VIEWS[name]().svg)


def test_tree_shows_symbols() -> None:
    stream = io.StringIO()
    show(graph()[0], file=stream)
    check(stream.getvalue())


def test_page_shows_symbols(tmp_path: Path) -> None:
    check(steps(graph()[0]).save(tmp_path / "steps.html").read_text())


def test_anomaly_shows_symbols_of_labels_files_and_lines() -> None:
    scope = {"log": autograd.log, "x": Value(-2.0, label=HOSTILE)}
    code = __builtins__["compile"](f"y = log(x)  # {CLASS}", FILE, "exec")
    with pytest.raises(autograd.AnomalyError) as info, detect_anomaly():
        exec(code, scope)
    check(str(info.value))


# A model ------------------------------------------------------------------------------------------


class Line(Module):
    """A line whose parameters have hostile names and labels."""

    def __init__(self) -> None:
        self.parts = {HOSTILE: Parameter(2.0, label=HOSTILE)}
        setattr(self, HOSTILE, [Parameter(0.5, label=HOSTILE), Parameter(0.25)])
        self.activation = HOSTILE

    def extra_repr(self) -> str:
        return HOSTILE

    def __call__(self, x: float) -> Value:
        (slope,) = self.parts.values()
        return slope * x + getattr(self, HOSTILE)[0] * getattr(self, HOSTILE)[1]


#: Classes with hostile names, which type() allows.
HostileLine: Any = type(CLASS, (Line,), {})
HostileSGD: Any = type(CLASS, (SGD,), {})
HostileError: Any = type(CLASS, (RuntimeError,), {})
HostileValue: Any = type(CLASS, (Value,), {})
HostileObject: Any = type(CLASS, (), {})
HostileIterable: Any = type(CLASS, (), {"__iter__": lambda self: iter(())})


class Outer(Module):
    """Two modules in a dict with a hostile key."""

    def __init__(self) -> None:
        self.inner = {HOSTILE: HostileLine(), "second": HostileLine()}

    def __call__(self, x: Any) -> Value:
        first, second = self.inner.values()
        result: Value = second(first(x[0]))
        return result


HostileOuter: Any = type(CLASS, (Outer,), {})


def trained() -> tuple[Any, Value]:
    model = HostileOuter()
    loss = (model([5.0]) - 1.0) ** 2
    loss.label = HOSTILE
    loss.backward()
    return model, loss


def message(call: Callable[[], Any], *kinds: type[BaseException]) -> str:
    """The message, arguments and notes of the error that a call raises."""
    with pytest.raises(kinds or Exception) as info:
        call()
    error: BaseException | None = info.value
    assert error is not None
    return "\n".join([str(error), *map(str, error.args), *getattr(error, "__notes__", ())])


def test_repr_of_a_model_and_its_optimizer_shows_symbols() -> None:
    model, _ = trained()
    check(repr(model))
    assert repr(model).count("\n") > 2
    check(repr(HostileLine()).partition("(")[2])
    optimizer = HostileSGD(model.parameters(), lr=0.1)
    check(repr(optimizer))
    check(repr(type(CLASS, (StepLR,), {})(optimizer, 2)))
    check(repr(HostileValue(2.0)))


ERRORS: dict[str, Callable[[], Any]] = {
    "missing and unexpected names": lambda: HostileLine().load_state_dict({HOSTILE: 1.0}),
    "no state dict": lambda: HostileLine().load_state_dict(HostileObject()),
    "no numbers in a state dict": lambda: HostileLine().load_state_dict(
        dict.fromkeys(HostileLine().state_dict(), HOSTILE)
    ),
    "functional_call": lambda: nn.functional_call(HostileLine(), {HOSTILE: 1.0}),
    "the state of another optimizer": lambda: HostileSGD([Value(1.0)], lr=0.1).load_state_dict(
        {"state": {HOSTILE: [1.0]}, "hyperparameters": {HOSTILE: 1}}
    ),
    "the state of another history": lambda: History().load_state_dict({HOSTILE: 1}),
    "to_torch": lambda: nn.to_torch(HostileLine()),
    "an unknown attribute": lambda: setattr(MLP(1, [1]), HOSTILE, 1),
    "an unknown keyword": lambda: MLP(1, [1], **{HOSTILE: 1}),
    "a label of another type": lambda: setattr(Value(1.0), "label", HostileObject()),
    "an activation": lambda: MLP(1, [1], activation=HOSTILE),
    "a theme": lambda: draw(Value(1.0), theme=HOSTILE),
    "a backend": lambda: compile(abs, backend=HOSTILE),
    "a name of a primitive": lambda: autograd.primitive(HOSTILE, lambda m, x: x),
    "gradient_flow of no model": lambda: gradient_flow(HostileObject()),
    "gradient_flow without parameters": lambda: gradient_flow(type(CLASS, (Module,), {})()),
    "gradient_flow of another loss": lambda: gradient_flow(HostileLine(), Value(2.0) * 3.0),
    "expand": lambda: draw(Value(2.0) * 3.0, expand=HostileObject()),
    "explain of another graph": lambda: explain(graph()[0], Value(1.0, label=HOSTILE)),
    "a graph that changed": lambda: changed(),
    "names that cannot be saved": lambda: save({HOSTILE + "/": 1.0}, "model.json"),
    "objects that cannot be saved": lambda: save({HOSTILE: HostileObject()}, "model.json"),
    "keys that cannot be saved": lambda: save({HOSTILE: [{1: 1}]}, "model.json"),
    "a suffix": lambda: save({"x": 1.0}, FILE),
    "a picture's suffix": lambda: draw(Value(1.0)).save(FILE),
}


def changed() -> None:
    loss, w = graph()
    w.data = 3.0
    autograd.grad(loss, [w], create_graph=True)


@pytest.mark.parametrize("name", ERRORS)
def test_error_shows_symbols(name: str) -> None:
    if name == "to_torch":
        pytest.importorskip("torch")
    check(message(ERRORS[name]))


def test_from_torch_shows_symbols() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential()
    net.add_module(HOSTILE, type(CLASS, (torch.nn.Module,), {})())
    check(message(lambda: nn.from_torch(net)))


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_file_names_and_names_in_files_show_symbols(tmp_path: Path, suffix: str) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"{FILE}{suffix}"
    check(message(lambda: load(path), FileNotFoundError))
    check(message(lambda: save({"x": 1.0}, tmp_path / FILE / f"x{suffix}"), FileNotFoundError))
    path.write_bytes(b"not a file of glassgrad")
    check(message(lambda: load(path), ValueError))
    path.chmod(0o444)
    check(message(lambda: save({"x": 1.0}, path), PermissionError))
    path.unlink()
    save({HOSTILE: 1.0}, path)
    check(message(lambda: HostileLine().load_state_dict(load(path)), RuntimeError))
    save({"history": History(stopped=HOSTILE)}, path)
    history = History()
    history.load_state_dict(load(path)["history"])
    check(repr(history))


def test_training_shows_symbols(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(history: History) -> None:
        raise HostileError(HOSTILE)

    model, history = HostileOuter(), History()
    optimizer = HostileSGD(model.parameters(), lr=1e-3)
    data = [[1.0], [2.0]], [1.0, 2.0]
    with suppress(HostileError):
        fit(model, data, mse_loss, optimizer, epochs=2, epoch_callbacks=[fails], resume=history)
    check(repr(history))
    for text in (
        message(lambda: fit(HostileObject(), data, mse_loss, optimizer, epochs=1), TypeError),
        message(lambda: fit(model, HostileObject(), mse_loss, optimizer, epochs=1), TypeError),
        message(lambda: fit(model, data, lambda p, y: HostileObject(), optimizer, epochs=1), TypeError),
        message(lambda: fit(model, data, mse_loss, HostileObject(), epochs=1), TypeError),
        message(lambda: fit(model, data, mse_loss, optimizer, epochs=HostileObject()), TypeError),
    ):
        check(text)

    def explodes(loss: Value) -> None:
        model.parameters()[0].grad = math.inf

    check(
        message(
            lambda: fit(model, data, mse_loss, optimizer, epochs=1, callbacks=[explodes]), ArithmeticError
        )
    )
    out, err = capsys.readouterr()
    check(out + err.replace("\r", ""), shown=False)


def test_watching_shows_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    monkeypatch.setenv("COLUMNS", "1000")
    model, loss = trained()
    live = watch(model, interval=0.0)
    check(repr(live))
    with suppress(HostileError), live:
        live(loss)
        raise HostileError
    check(stream.getvalue().replace("\r\x1b[K", ""))
    check(repr(live))
    check("\n".join(texts(live)))


# Compiled functions -------------------------------------------------------------------------------


def named(function: Any) -> Any:
    function.__qualname__ = function.__name__ = CLASS
    return function


def step(backend: str) -> tuple[Any, Value]:
    w = Value(2.0, label=HOSTILE)
    other = Value(3.0, label=HOSTILE)
    return compile(named(lambda x: (w * x - other) ** 2), SGD([w], lr=0.1), backend=backend), w


@pytest.mark.parametrize("backend", ["python", "auto"])
def test_compiled_step_shows_symbols(backend: str) -> None:
    compiled, _ = step(backend)
    check(message(lambda: draw(compiled), ValueError))
    compiled(5.0)
    compiled.hessian([5.0])
    compiled.value(5.0)
    check(compiled.explain())
    check(repr(compiled))
    drawing = draw(compiled)
    for text in texts(drawing):
        check(text, shown=False)
    check(drawing.svg)
    ElementTree.fromstring(drawing.svg)


def test_warnings_of_compile_show_symbols() -> None:
    def raises(x: Any) -> Value:
        if isinstance(x, Value):
            raise HostileError(HOSTILE)
        return Value(x)

    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        compiled = compile(named(raises), backend="python")
        compiled(5.0)
        outside = Value(2.0, label=HOSTILE) * 3.0
        compile(named(lambda x: outside * x), backend="python")(5.0)
    assert len(records) == 2
    for warning in records:
        check(str(warning.message))
    check(compiled.explain())


def test_causes_of_compile_show_symbols() -> None:
    compiled = compile(named(lambda x, how: Value(2.0) * x), backend="python")
    for how in (HOSTILE, {HOSTILE: 1.0}, HostileObject(), [HostileObject()], [[CLASS], [1.0]]):
        compiled(5.0, how)
        check(compiled.explain())


def test_errors_of_compile_show_symbols() -> None:
    scope: dict[str, Any] = {"no_grad": no_grad}
    exec(__builtins__["compile"]("def f(x):\n  with no_grad():\n    return x * 2.0", FILE, "exec"), scope)
    for text in (
        message(lambda: compile(scope["f"], backend="python")(5.0)),
        message(lambda: compile(named(lambda x: HostileObject()), backend="python")(5.0)),
        message(lambda: compile(HostileObject())),
        message(lambda: compile(named(lambda x: Value(1.0)), backend="python")(HostileIterable())),
    ):
        check(text)


def test_progress_of_compile_shows_symbols(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiler_progress, "PATIENCE", 0.0)
    compiled, _ = step("python")
    with compiler_progress.Progress(compiled._name) as progress:
        progress._report()
    check(capsys.readouterr().err)


# Commands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [HOSTILE],
        ["w\x1b[31m"],
        ["w \x0c* 2.0  ", "w=2", f"{HOSTILE}=3"],
        ["w", f"w={HOSTILE}"],
        ["w", "--out", HOSTILE],
        ["w*w", "w=2", "--out", f"none/{FILE}.svg"],
        ["w", f"--theme={HOSTILE}"],
        ["w", f"--colour={HOSTILE}", f"--{HOSTILE}"],
        [f"'{HOSTILE}'(w)"],
        ["w.\x1b[31m()"],
    ],
)
def test_command_shows_symbols(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):
        assert main(arguments)
    out, err = capsys.readouterr()
    check(out, shown=False)
    check(err, shown=False)
    assert "w" in err


def test_command_shows_the_expression_and_the_file_as_symbols(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["w \x0c* 3.0", "w=2", "--out", f"{FILE}.dot"]) == 0
    out = capsys.readouterr().out
    check(out)
    assert out.startswith("w ␌* 3.0    with w = 2\n")
    assert (tmp_path / f"{FILE}.dot").exists()


def test_command_of_nn_shows_symbols(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    for arguments in (
        ["--out", FILE],
        [f"--{FILE}"],
        ["--seed", FILE],
        ["--steps", "1", "--out", f"none/{FILE}.svg"],
    ):
        with suppress(SystemExit):
            assert nn_main(arguments)
        out, err = capsys.readouterr()
        check(out.replace("\r", ""), shown=False)
        check(err.replace("\r", ""))


# Everything public ------------------------------------------------------------------------------


class Loud:
    """An object with a hostile repr. Its class name is plain, because Python's own messages quote it."""

    def __repr__(self) -> str:
        return HOSTILE


def callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    for package in (autograd, nn, nn.data, nn.init):
        for name in getattr(package, "__all__", vars(package)):
            member = getattr(package, name)
            if not callable(member):
                continue
            is_own = getattr(member, "__module__", "").startswith(("autograd", "nn"))
            is_imported = (
                package in (nn.data, nn.init) and getattr(member, "__module__", "") != package.__name__
            )
            is_error = isinstance(member, type) and issubclass(member, BaseException)
            if is_own and not (name.startswith("_") or is_error or is_imported):
                yield f"{package.__name__}.{name}", member


@pytest.mark.parametrize(("name", "function"), [*callables()])
def test_error_of_any_public_function_shows_symbols(
    name: str, function: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pass a hostile object, text or module as each argument in turn."""
    monkeypatch.chdir(tmp_path)
    labeled = Value(1.0, label=HOSTILE)
    for hostile in (Loud(), HOSTILE, [HOSTILE], [Loud()], {HOSTILE: Loud()}, Line(), labeled):
        for count in range(1, 5):
            for place in range(count):
                for other in (Value(1.0), [Value(1.0)], MLP(1, [1]), 1, abs):
                    arguments = [hostile if i == place else other for i in range(count)]
                    try:
                        output = function(*arguments)
                        is_own = type(output).__module__.startswith(("autograd", "nn"))
                        outputs = [*texts(output)] if is_own else []
                    except NameError:  # a bug for any arguments
                        raise
                    except Exception as error:
                        outputs = [str(error)]
                    for text in outputs:
                        check(text, shown=False)


def test_f_strings_contain_no_raw_class_names() -> None:
    """Names of classes and functions in an f-string go through replace_controls()."""
    lines: list[str] = []
    for package in (autograd, nn):
        for path in Path(package.__file__ or "").parent.rglob("*.py"):
            for string in ast.walk(ast.parse(path.read_text())):
                if isinstance(string, ast.JoinedStr):
                    lines += [
                        f"{path.name}:{string.lineno}"
                        for part in string.values
                        if isinstance(part, ast.FormattedValue)
                        and isinstance(part.value, ast.Attribute)
                        and part.value.attr in ("__name__", "__qualname__", "label", "co_filename")
                        and ast.unparse(part.value) not in ("ufunc.__name__", "group.label")
                    ]
    assert not lines
