"""watch: one picture updated in place while a loop runs, in a notebook, a terminal, or not at all."""

import io
import json
import math
import os
import sys
import types
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, watch
from autograd.view.render.tables import display_width
from autograd.view.render.theme import THEMES
from autograd.view.training import watch as live_module
from autograd.view.training.watch import Live, Progress, curve_of, sparkline
from nn import MLP, SGD, mse_loss

ROOT = Path(__file__).parents[4]
SECONDS_A_CELL = 300


class Recorder:
    """Notes what would be shown."""

    def __init__(self) -> None:
        self.calls: list[tuple[Progress, bool]] = []

    def show(self, picture: Progress, final: bool) -> None:
        self.calls.append((picture, final))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(live_module, "_screen", lambda: recorder)
    return recorder


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, in a list of one, which stands still unless it is written."""
    seconds = [100.0]
    monkeypatch.setattr(live_module, "time", types.SimpleNamespace(perf_counter=lambda: seconds[0]))
    return seconds


class Loop:
    """A model in training, one step at a time."""

    def __init__(self, activation: str = "tanh") -> None:
        self.model = MLP(2, [3, 1], activation, seed=0)
        self.optimizer = SGD(self.model.parameters(), lr=0.05)

    def forward(self) -> Value:
        return mse_loss([self.model(x) for x in ([1.0, 2.0], [-1.0, 0.5])], [1.0, -1.0])

    def backward(self, loss: Value) -> Value:
        self.optimizer.zero_grad()
        loss.backward()
        return loss

    def step(self, live: Live) -> float:
        loss = self.backward(self.forward())
        live(loss)
        self.optimizer.step()
        return loss.data


# The curve ----------------------------------------------------------------------------------------


def test_a_curve_has_no_more_points_than_asked_for() -> None:
    for n in (1, 5, 99, 100, 101, 12345):
        points = curve_of([float(i) for i in range(n)], 100)
        assert 1 <= len(points) <= 100
        assert points[-1].step == n
        assert [p.step for p in points] == sorted({p.step for p in points})
    assert curve_of([], 10) == []


def test_nonfinite_losses_leave_a_gap() -> None:
    assert [p.loss for p in curve_of([1.0, math.nan, math.inf, 4.0], 4)] == [1.0, 4.0]
    assert sparkline([math.nan]) == ""
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"


# The loop -----------------------------------------------------------------------------------------


def test_the_first_step_and_the_last_are_shown(screen: Recorder, clock: list[float]) -> None:
    loop = Loop()
    with watch(loop.model) as live:
        losses = [loop.step(live) for _ in range(10)]
    assert live.losses == losses
    assert [(len(p.losses), final) for p, final in screen.calls] == [(1, False), (10, True)]
    assert live.picture is screen.calls[-1][0]


def test_watch_updates_at_most_once_per_interval(screen: Recorder, clock: list[float]) -> None:
    loop = Loop()
    with watch(loop.model, interval=0.5) as live:
        for _ in range(100):
            loop.step(live)
            clock[0] += 0.125
    steps = [len(picture.losses) for picture, _ in screen.calls]
    assert steps[:4] == [1, 5, 9, 13]
    assert len(steps) == 26


def test_drawing_time_is_limited_to_its_share(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    spent = 0.0

    class Slow(Recorder):
        def show(self, picture: Progress, final: bool) -> None:
            nonlocal spent
            clock[0] += 1.0
            spent += 1.0

    monkeypatch.setattr(live_module, "_screen", Slow)
    loop, start = Loop(), clock[0]
    live = watch(loop.model)
    for _ in range(1000):
        loop.step(live)
        clock[0] += 0.1
    assert 2.0 <= spent <= 1.0 + live_module.DRAWING * (clock[0] - start)


def test_reading_time_is_limited_and_the_title_names_the_step_read(
    screen: Recorder, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_layers = live_module.read_layers

    def slow(*arguments: Any) -> Any:
        clock[0] += 1.0
        return read_layers(*arguments)

    monkeypatch.setattr(live_module, "read_layers", slow)
    loop = Loop()
    with watch(loop.model) as live:
        for _ in range(100):
            loop.step(live)
            clock[0] += 0.125
    pictures = [str(picture) for picture, _ in screen.calls]
    assert pictures[0].startswith("step 1,")
    assert pictures[1].startswith("step 5 (layers: step 1), loss")
    assert pictures[-1].startswith("step 100, loss")


def test_picture_has_the_gradients_of_its_step(screen: Recorder, clock: list[float]) -> None:
    """The optimizer has moved the parameters, and zero_grad() was called, before the last picture."""
    loop = Loop()
    with watch(loop.model) as live:
        loss = loop.backward(loop.forward())
        grads = [p.grad or 0.0 for p in loop.model.layers[1].parameters()]
        live(loss)
        loop.optimizer.step()
        loop.optimizer.zero_grad()
    assert live.picture is not None
    layer = live.picture.layers[1]
    assert layer.parameter_gradient == pytest.approx(math.sqrt(sum(g * g for g in grads) / len(grads)))
    assert layer.activation_gradient == pytest.approx(
        math.sqrt(sum((x.grad or 0.0) ** 2 for x in _outputs(loss)) / 2)
    )


def _outputs(loss: Value) -> list[Value]:
    """The two predictions of Loop: mean of (p − t)²."""
    total = loss.operands[0]
    assert isinstance(total, Value)
    predictions = []
    for square in total.operands:
        assert isinstance(square, Value)
        difference = square.operands[0]
        assert isinstance(difference, Value)
        prediction = difference.operands[0]
        assert isinstance(prediction, Value)
        predictions.append(prediction)
    return predictions


def test_a_loss_without_backward_has_no_gradients(screen: Recorder, clock: list[float]) -> None:
    loop = Loop()
    with watch(loop.model) as live:
        live(loop.forward())
    assert live.picture is not None
    assert [layer.parameter_gradient for layer in live.picture.layers] == [None, None]
    assert "call loss.backward() first" in str(live.picture)


def test_close_releases_the_graph(screen: Recorder) -> None:
    loop = Loop()
    with watch(loop.model) as live:
        loop.step(live)
        assert live._latest is not None
    assert live._latest is None


def test_as_a_callback_without_with(screen: Recorder, clock: list[float]) -> None:
    loop = Loop()
    live = watch(loop.model)
    for _ in range(3):
        loop.step(live)
    live.close()
    live.close()
    assert [(len(p.losses), final) for p, final in screen.calls] == [(1, False), (3, True)]
    loop.step(live)  # goes on, in a display of its own
    live.close()
    assert [(len(p.losses), final) for p, final in screen.calls[2:]] == [(4, False), (4, True)]


def test_losses_that_are_numbers(screen: Recorder, clock: list[float]) -> None:
    loop = Loop()
    with watch(loop.model) as live:
        loop.backward(loop.forward())
        live(0.5)
    assert live.losses == [0.5]
    assert live.picture is not None
    assert live.picture.layers[0].units is None
    message = r"^watch\(\) expected a real number for loss, got str 'low'\. Convert it first"
    with pytest.raises(TypeError, match=message):
        live("low")  # type: ignore[arg-type]
    assert live.losses == [0.5]


def test_a_loss_that_is_nan_is_named(screen: Recorder, clock: list[float]) -> None:
    loop = Loop()
    with watch(loop.model) as live:
        loop.step(live)
        for bad in (math.nan, math.inf):
            live(bad)
    assert live.picture is not None
    assert "the loss was nan at step 2" in str(live.picture)
    assert "<svg" in live.picture.svg


def test_watch_without_steps_shows_nothing(screen: Recorder) -> None:
    with watch(Loop().model) as live:
        pass
    assert screen.calls == []
    assert live.picture is None
    assert "no step yet" in repr(live)
    assert set(live._repr_mimebundle_()[0]) == {"text/plain"}


def test_watch_with_invalid_arguments_raises() -> None:
    with pytest.raises(TypeError, match=r"^watch\(\) expected a model with named_parameters"):
        watch([])  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"^watch\(\) expected a number of seconds of 0 or more for interval, got int -1\."
    ):
        watch(Loop().model, interval=-1)
    message = r"^watch\(\) expected 'light' or 'dark' for theme, got list \['dark'\]\. Use one of them\.$"
    with pytest.raises(ValueError, match=message):
        watch(Loop().model, theme=["dark"])  # type: ignore[arg-type]
    message = (
        r"^watch\(\) expected a loss that was computed from this MLP, got Value\(.*\), whose graph .* Pass"
    )
    with pytest.raises(ValueError, match=message), watch(Loop().model) as live:
        live(Value(1.0) * 2.0)
    with pytest.raises(ValueError, match=r"^watch\(\) expected a number between 0 and 1 for vanishing"):
        watch(Loop().model, vanishing=2.0)


# Interrupts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_error_in_the_loop_propagates_after_the_last_step_is_shown(
    error: type[BaseException], screen: Recorder, clock: list[float]
) -> None:
    loop = Loop()
    live = watch(loop.model)

    def train() -> None:
        with live:
            for _ in range(4):
                loop.step(live)
            loop.optimizer.zero_grad()  # in the middle of the fifth
            raise error

    with pytest.raises(error):
        train()
    assert len(live.losses) == 4
    picture, final = screen.calls[-1]
    assert final
    assert str(picture).startswith(
        "step 4, interrupted" if error is KeyboardInterrupt else "step 4, ended by ZeroDivisionError"
    )
    assert all(layer.parameter_gradient for layer in picture.layers)


@pytest.mark.parametrize("name", ["read_layers", "Progress"])
def test_an_interrupt_within_the_picture(
    name: str, screen: Recorder, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the picture was doing: the model, the losses and the loop are as they were."""
    loop = Loop()
    with watch(loop.model, interval=0.0) as live:
        loop.step(live)
        clock[0] += 1.0
        whole = getattr(live_module, name)

        def interrupt(*arguments: object) -> None:
            monkeypatch.setattr(live_module, name, whole)
            raise KeyboardInterrupt

        monkeypatch.setattr(live_module, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.step(live)
        assert len(live.losses) == 2
        assert len(screen.calls) == 1
        loop.step(live)
        assert len(screen.calls[-1][0].losses) == 3
    reference = Loop()
    for i in range(3):
        loss = reference.backward(reference.forward())
        assert loss.data == live.losses[i]
        if i != 1:  # the interrupt came before the optimizer's second step
            reference.optimizer.step()


# Where it is shown --------------------------------------------------------------------------------


def test_a_notebook_gets_one_output_and_updates_to_it(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    ipython = pytest.importorskip("IPython")
    display = pytest.importorskip("IPython.display")
    messages: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    class Handle:
        def update(self, data: dict[str, str], **options: Any) -> None:
            messages.append(("update", data, options))

    def show(data: dict[str, str], **options: Any) -> Handle:
        messages.append(("display", data, options))
        return Handle()

    monkeypatch.setattr(ipython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr(display, "display", show)
    loop = Loop()
    with watch(loop.model) as live:
        for _ in range(3):
            loop.step(live)
            clock[0] += 1.0
    assert [kind for kind, _, _ in messages] == ["display", "update", "update", "update"]
    assert messages[0][2]["display_id"] is True
    assert all(options["raw"] for _, _, options in messages)
    assert [set(data) for _, data, _ in messages[:3]] == [{"image/svg+xml", "text/plain"}] * 3
    assert set(messages[-1][1]) == {"image/svg+xml", "image/png", "text/plain"}
    assert "alt" in messages[-1][2]["metadata"]["image/png"]


def test_without_graphviz_it_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.view.render.graphviz_program.layout_program", lambda: None)
    loop = Loop()
    with watch(loop.model) as live:
        loop.step(live)
    assert live.picture is not None
    for final in (False, True):
        data, _ = live_module._bundle(live.picture, final)
        assert set(data) == {"text/plain"}
        assert "glassgrad[viz]" in data["text/plain"]
        assert "layer 1" in data["text/plain"]


class Stream(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_in_place(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "60")
    loop = Loop()
    with watch(loop.model) as live:
        for _ in range(3):
            loop.step(live)
            clock[0] += 1.0
    output = stream.getvalue()
    assert output.endswith("\n")
    assert output.count("\n") == 1
    lines = output.rstrip("\n").split("\r\x1b[K")
    assert [line[:6] for line in lines] == ["", "step 1", "step 2", "step 3", "step 3"]
    assert all(len(line) <= 59 for line in lines)


def test_wide_letters_count_twice_in_the_line_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "60")
    weight = Value(2.0)
    model = types.SimpleNamespace(named_parameters=lambda: [("重み" * 20, weight)])
    with watch(model) as live:
        live((weight * 5.0 - 12.0) ** 2)
    line = stream.getvalue().rstrip("\n").split("\r\x1b[K")[-1]
    assert line.endswith("…")
    assert display_width(line) in (58, 59)


def test_terminal_without_unicode_gets_question_marks(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    stream = Stream()
    stream.encoding = "ascii"
    monkeypatch.setattr(sys, "stderr", stream)
    loop = Loop()
    with watch(loop.model) as live:
        loop.step(live)
    assert stream.getvalue().isascii()


def test_watch_writes_nothing_to_a_log_file(capsys: pytest.CaptureFixture[str]) -> None:
    loop = Loop()
    with watch(loop.model) as live:
        for _ in range(3):
            loop.step(live)
    assert capsys.readouterr() == ("", "")
    assert live.picture is not None
    assert "step 3" in str(live.picture)


# The picture --------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES)
def test_the_picture_has_the_curve_and_the_layers(theme: str, screen: Recorder, clock: list[float]) -> None:
    loop = Loop()
    with watch(loop.model, theme=theme) as live:
        for _ in range(150):
            loop.step(live)
    picture = live.picture
    assert picture is not None
    svg = ElementTree.fromstring(picture.svg)
    ids = [e.get("id") for e in svg.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    text = " ".join(t.text or "" for t in svg.iter("{http://www.w3.org/2000/svg}text"))
    for name in ("loss", "step 150", "layer 1", "layer 2", "tanh"):
        assert name in text
    lines = [e for e in svg.iter("{http://www.w3.org/2000/svg}path") if e.get("stroke") == THEMES[theme].data]
    assert len(lines) >= 74  # from each of its 75 points to the next
    assert picture.png.startswith(b"\x89PNG")
    assert picture.alt.startswith("Training, step 150, loss ")
    assert "layer 1" in picture.alt
    assert live._repr_mimebundle_()[0]["image/svg+xml"] == picture.svg


# A real notebook ----------------------------------------------------------------------------------

SETUP = """
import os, signal
from autograd import watch
from nn import MLP, SGD, mse_loss
model = MLP(2, [3, 1], "tanh", seed=0)
optimizer = SGD(model.parameters(), lr=0.05)
def train(steps, stop=None):
    global live
    with watch(model, interval=0.0) as live:
        for step in range(steps):
            loss = mse_loss([model([1.0, 2.0]), model([-1.0, 0.5])], [1.0, -1.0])
            optimizer.zero_grad()
            loss.backward()
            live(loss)
            if step == stop:
                os.kill(os.getpid(), signal.SIGINT)
            optimizer.step()
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, list[str]]]:
    """A function that runs cells in a kernel of this interpreter; gives the notebook and the messages."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)

    def execute(*cells: str) -> tuple[Any, list[str]]:
        messages: list[str] = []

        class Client(nbclient.NotebookClient):  # type: ignore[misc, name-defined]
            def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
                messages.append(msg["header"]["msg_type"])
                return super().process_message(msg, cell, cell_index)

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        Client(notebook, kernel_name="python3", timeout=SECONDS_A_CELL, allow_errors=True).execute()
        return notebook, messages

    return execute


def test_in_a_notebook_one_output_is_updated(run: Callable[..., tuple[Any, list[str]]]) -> None:
    notebook, messages = run(SETUP, "train(40)")
    (output,) = notebook.cells[1].outputs
    assert output.output_type == "display_data"
    assert {"image/svg+xml", "image/png", "text/plain"} <= set(output.data)
    assert output.data["text/plain"].startswith("step 40, loss")
    assert messages.count("display_data") == 1
    assert messages.count("update_display_data") >= 1
    assert not any(message.startswith("comm") for message in messages)


def test_interrupting_the_cell_leaves_everything_usable(run: Callable[..., tuple[Any, list[str]]]) -> None:
    notebook, _ = run(SETUP, "train(1000, stop=20)", "print(len(live.losses))", "train(5)", "live")
    _, interrupt, after, second, last = (cell.outputs for cell in notebook.cells)
    picture, error = interrupt
    assert picture.output_type == "display_data"
    assert picture.data["text/plain"].startswith("step 21, interrupted, loss")
    assert "image/png" in picture.data
    assert (error.output_type, error.ename) == ("error", "KeyboardInterrupt")
    assert after[0].text == "21\n"
    (output,) = second
    assert output.data["text/plain"].startswith("step 5, loss")
    assert last[0].data["text/plain"] == output.data["text/plain"]
