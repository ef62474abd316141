"""Descriptions of a compiled step: explain(), draw(), causes of retracing, and progress."""

import logging
import random
import re
from threading import Event, Timer
from typing import Any

import pytest

import autograd
import nn
from autograd import CompileWarning, Value, compile, draw
from autograd.compiler import progress
from autograd.compiler.ir.listing import KEPT

XS = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5], [1.0, 1.0], [0.0, -2.0]]


def squared() -> Any:
    w = Value(2.0, label="w")
    step = compile(lambda x, y: (w * x - y) ** 2, backend="python")
    step(5.0, 12.0)
    return step


def test_the_first_example_by_hand() -> None:
    text = squared().explain()
    lines = [line.strip() for line in text.splitlines()]
    assert "v₂ = w·x₁" in lines
    assert "v₄ = v₂ − x₂" in lines
    assert "out = v₄·v₄" in lines  # after the passes: the power is a product
    assert re.search(r"trace +7 instructions: .*\(1 mul, 1 sub, 1 pow\)", text)
    assert re.search(r"backward +32 instructions", text)
    assert re.search(r"expand +9 instructions: .*\(4 mul, 1 sub\)", text)
    assert "0 guards, 1 leaf Value, 1 call" in text
    assert "for the first call" in text
    assert "run by python (as requested)" in text


def test_each_pass_shows_what_it_added() -> None:
    text = squared().explain()
    backward = text.split("backward")[1].split("expand")[0]
    assert "w·x₁" not in backward  # listed by the trace pass


def test_only_so_many_lines_of_a_pass_are_shown() -> None:
    w = Value(2.0)
    step = compile(lambda xs: autograd.sum([(w * x).tanh() for x in xs]), backend="python")
    step([1.0] * 300)
    lines = [line for line in step.explain(lines=5).splitlines() if line.startswith("    ")]
    assert [line.strip() == "…" for line in lines] == 3 * [False, False, False, False, False, True]
    most = step.explain(lines=10**9).splitlines()
    assert [line.startswith("    ") for line in most].count(True) <= 3 * KEPT


@pytest.mark.parametrize("kind", ["value", "value_and_grad", "hessian", "hvp"])
def test_derivatives_are_explained_and_drawn(kind: str) -> None:
    f = compile(lambda x, y: x * x * y, backend="python")
    arguments = {"value": (2.0, 5.0), "hvp": ([2.0, 5.0], [1.0, 1.0])}.get(kind, ([2.0, 5.0],))
    getattr(f, kind)(*arguments)
    assert f"the {kind} of " in f.explain()
    assert ("again" in f.explain()) == (kind in ("hessian", "hvp"))
    assert "= v₁·x₂" in str(draw(f))


def test_retrace_is_logged_once_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    w = Value(2.0)
    step = compile(lambda xs, k: autograd.sum([w * x if x > k else x * 1.0 for x in xs]), backend="python")
    with caplog.at_level(logging.INFO, logger="autograd.compiler"):
        for xs in ([1.0, 2.0], [3.0, 4.0], [1.0], [5.0], [-1.0], [-2.0], [2.0, 9.0]):
            step(xs, 0.0)
    causes = [record.message.split("retraced: ")[1] for record in caplog.records]
    assert causes == [
        "for argument 1 is a list of 1, not a list of 2",
        "for a guard on a comparison failed",
    ]
    for cause in ["for the first call", *causes]:
        assert step.explain().count(cause) == 2  # by the program, and in the list of all causes


def test_explain_lists_guards_and_causes_of_retracing() -> None:
    w, scale, model = Value(2.0), [1.0], nn.MLP(1, [1], seed=0)
    step = compile(lambda x: w * model([x]) * scale[0], backend="python")
    step(1.0)
    for scale[0] in (3.0, 4.0, 3.0):
        step(1.0)
    text = step.explain()
    assert "  guarded: model (12 entries), scale (2 entries), w, the code of 1 function" in text
    assert "the step was traced 3 times: for the first call; for scale[0] was 1.0 and is 3.0; " in text
    assert "only audited" not in text
    assert not step.fallbacks


def test_explain_lists_objects_that_are_only_audited() -> None:
    numbers = iter([])
    w = Value(2.0)
    step = compile(lambda x: w * x if numbers else w, backend="python")
    with pytest.warns(
        CompileWarning, match=r"it reads numbers, a list_iterator, .* or name it in watch=\[…\]"
    ):
        step(1.0)
    assert "  only audited: numbers\n" in step.explain()


def test_fallback_warns_once_with_its_cause() -> None:
    step = compile(lambda x: x * Value(random.random()))
    with pytest.warns(CompileWarning, match="random") as seen_warnings:
        step(1.0)
    step(2.0), step(3.0)
    assert len(seen_warnings) == 1
    assert seen_warnings[0].filename == __file__
    assert step.explain().startswith("compile(")
    assert "draws random numbers" in step.explain()


# Pictures -----------------------------------------------------------------------------------------


def test_a_program_is_drawn() -> None:
    step = squared()
    drawing = draw(step)
    assert "a program of 7 instructions" in str(drawing)
    for line in ("w     leaf 1", "x₁    argument 1", "out   = v₄·v₄", "∂w "):
        assert line in str(drawing)
    assert "out" in drawing.alt


def test_a_program_is_drawn_as_svg() -> None:
    pytest.importorskip("graphviz")
    svg = draw(squared(), theme="dark").svg
    assert "v₄" in svg.replace("<", " <")
    assert svg.count('class="edge"') == 7


def test_drawing_with_limit_shows_instructions_nearest_the_result() -> None:
    model = nn.MLP(2, [4, 4, 1], seed=0)
    leaves = {name: Value(p.data) for name, p in model.named_parameters()}  # of no module
    step = compile(
        lambda xs: autograd.sum([nn.functional_call(model, leaves, x) ** 2 for x in xs]),
        nn.SGD(leaves.values()),
        backend="numpy",
    )
    pytest.importorskip("numpy")
    step(XS)
    small, whole = str(draw(step, limit=20)), str(draw(step, limit=None))
    assert len(small.splitlines()) < 30 < len(whole.splitlines())
    assert "nearest the result" in small
    assert "nearest the result" not in whole
    assert "have a batch axis of 5" in whole
    assert "p₁′" in whole
    assert "p₁′" not in small


def test_nothing_is_drawn_before_the_first_call() -> None:
    with pytest.raises(ValueError, match=r"got compile\(.*\): 0 programs\. Call the step first"):
        draw(compile(lambda x: x))
    with pytest.raises(TypeError, match=r"draw\(\) expected a Value for root, got int 3"):
        draw(3)  # type: ignore[arg-type]


# Progress -----------------------------------------------------------------------------------------


def test_long_compile_reports_its_stages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.2)
    reported = Event()
    report = progress.Progress._report

    def report_and_notify(self: progress.Progress) -> None:
        report(self)
        reported.set()

    monkeypatch.setattr(progress.Progress, "_report", report_and_notify)
    w = Value(1.0)

    def slow(xs: Any) -> Value:
        assert reported.wait(60.0)
        return w * xs[0]

    compile(slow, backend="python")([1.0])
    output = capsys.readouterr().err
    assert re.search(r"compile\(.*slow\): \d+\.\d s: \w.* … \(once for arguments of this shape\)", output)
    assert "Values traced, the backward pass is emitted" in output
    assert "instructions are made ready for python" in output
    assert output.rstrip().endswith("done")


def test_short_compile_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    squared()
    assert capsys.readouterr().err == ""


def test_compile_interrupted_at_its_start_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    timers = []

    class Stopped(Timer):
        def start(self) -> None:
            super().start()
            timers.append(self)
            raise KeyboardInterrupt

    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setattr(progress, "Timer", Stopped)
    with pytest.raises(KeyboardInterrupt):
        compile(lambda x: x * 2.0)(1.0)
    timers[0].join()
    assert capsys.readouterr().err == ""
