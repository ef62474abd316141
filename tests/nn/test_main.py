"""``python -m nn``: its output and picture, with and without matplotlib and tqdm."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import nn
from nn import MLP
from nn.__main__ import STEPS, main
from nn.data import two_moons

ROOT = Path(nn.__file__).parents[1]

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
needs_tqdm = pytest.mark.skipif(find_spec("tqdm") is None, reason="tqdm is not installed")


def run(*arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in which some packages cannot be imported."""
    script = (
        f"import sys, runpy; sys.modules.update(dict.fromkeys({without!r})); "
        f"sys.argv[1:] = {[*arguments]!r}; runpy.run_module('nn', run_name='__main__', alter_sys=True)"
    )
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def _is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") and path.stat().st_size > 10_000


NUMBER = r"(-?\d+\.\d{4})"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, int, Path]:
    """One full run, with whatever is installed."""
    out = tmp_path_factory.mktemp("moons") / "moons.png"
    result = run("--out", str(out))
    return result.stdout, result.stderr, result.returncode, out


def test_a_full_run_gets_every_sample_right(full: tuple[str, str, int, Path]) -> None:
    stdout, stderr, returncode, _ = full
    assert returncode == 0, stderr
    (steps, loss, right, of) = re.search(
        rf"^After (\d+) steps the loss is {NUMBER}: (\d+) of (\d+) samples are right$", stdout, re.M
    ).groups()  # type: ignore[union-attr]
    assert (right, of) == ("100", "100")
    assert int(steps) < STEPS
    assert float(loss) < 0.2


def test_first_iteration_prints_four_steps(full: tuple[str, str, int, Path]) -> None:
    stdout = full[0]
    assert stdout.startswith("MLP(\n  (layers.0): Layer(2, 16, 'relu')\n")
    assert "): 337 parameters\n" in stdout
    printed_steps = re.findall(r"^  (\d) (\w+) ", stdout, re.M)
    assert printed_steps == [("1", "forward"), ("2", "loss"), ("3", "backward"), ("4", "update")]
    samples, labels = two_moons(100, noise=0.1, seed=0)
    model = MLP(2, [16, 16, 1], seed=0)
    x1, x2 = samples[0]
    assert f"the sample ({x1:.3f}, {x2:.3f}) scores {model(samples[0]).data:.4f}\n" in stdout
    scores = [model(x).data for x in samples]
    decay = sum(p.data**2 for p in model.parameters())
    loss = sum(max(0.0, 1.0 - y * s) for s, y in zip(scores, labels, strict=True)) / 100.0 + 1e-4 * decay
    right = sum((s > 0.0) == (y > 0) for s, y in zip(scores, labels, strict=True))
    assert f"{loss:.4f} over 100 samples; {right} of them are right\n" in stdout


def test_printed_update_uses_the_printed_gradient(full: tuple[str, str, int, Path]) -> None:
    stdout = full[0]
    gradient = re.search(rf"∂loss/∂w of the first weight is {NUMBER}$", stdout, re.M)
    update = re.search(rf"w = {NUMBER} − (\S+) · \({NUMBER}\) = {NUMBER}$", stdout, re.M)
    assert gradient
    assert update
    before, lr, printed_gradient, after = map(float, update.groups())
    assert float(gradient[1]) == printed_gradient != 0.0
    assert before == round(MLP(2, [16, 16, 1], seed=0).parameters()[0].data, 4)
    assert after == pytest.approx(before - lr * printed_gradient, abs=1.01e-4)


def test_printed_gradient_agrees_with_finite_differences(full: tuple[str, str, int, Path]) -> None:
    samples, labels = two_moons(100, noise=0.1, seed=0)
    model = MLP(2, [16, 16, 1], seed=0)
    weight = model.parameters()[0]

    def loss() -> float:
        hinge = sum(max(0.0, 1.0 - y * model(x).data) for x, y in zip(samples, labels, strict=True)) / 100.0
        return hinge + 1e-4 * sum(p.data**2 for p in model.parameters())

    middle, h = weight.data, 1e-6
    weight.data = middle + h
    above = loss()
    weight.data = middle - h
    slope = (above - loss()) / (2.0 * h)
    match = re.search(rf"of the first weight is {NUMBER}$", full[0], re.M)
    assert match
    assert float(match[1]) == pytest.approx(slope, abs=1e-4)


@needs_matplotlib
def test_the_picture_of_the_boundary_is_saved(full: tuple[str, str, int, Path]) -> None:
    stdout, *_, out = full
    assert _is_png(out)
    assert f"The decision boundary is drawn in {out}\n" in stdout
    assert "pip install" not in stdout


@needs_tqdm
def test_progress_bar_is_written_to_stderr(full: tuple[str, str, int, Path]) -> None:
    stdout, stderr, *_ = full
    assert re.search(rf"training: .*\d+/{STEPS} .*right=100/100", stderr)
    assert "training:" not in stdout


def test_without_the_extra_it_prints_plain_lines_and_the_remedy(tmp_path: Path) -> None:
    out = tmp_path / "moons.png"
    result = run("--steps", "12", "--out", str(out), without=("matplotlib", "tqdm"))
    assert result.stderr == ""
    lines = re.findall(rf"^step +(\d+)  loss {NUMBER}  right (\d+)/100$", result.stdout, re.M)
    assert [int(step) for step, *_ in lines] == [0, 10]
    assert float(lines[0][1]) > float(lines[1][1])
    assert 'For the picture of the decision boundary: pip install "glassgrad[train]"\n' in result.stdout
    assert not out.exists()
    assert result.returncode == 1, "12 steps are too few"


@needs_matplotlib
@needs_tqdm
@pytest.mark.parametrize("missing", ["matplotlib", "tqdm"])
def test_either_package_alone_may_be_missing(missing: str, tmp_path: Path) -> None:
    out = tmp_path / "moons.png"
    result = run("--steps", "2", "--out", str(out), without=(missing,))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert out.exists() is (missing == "tqdm")
    assert ("glassgrad[train]" in result.stdout) is (missing == "matplotlib")
    assert ("step   0 " in result.stdout) is (missing == "tqdm")
    assert ("training:" in result.stderr) is (missing == "matplotlib")


def test_unknown_picture_format_exits_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--out", str(tmp_path / "moons.xyz")])
    printed = capsys.readouterr()
    assert "--out expected a name that ends in .png, .svg or .pdf, got " in printed.err
    assert printed.out == ""


@needs_matplotlib
def test_picture_that_cannot_be_saved_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--steps", "1", "--out", str(tmp_path / "missing" / "moons.png")]) == 1
    printed = capsys.readouterr()
    assert "python -m nn: cannot save the picture: " in printed.err
    assert "is drawn in" not in printed.out
    assert [*tmp_path.rglob("*")] == []


def test_seed_changes_data_and_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.chdir(tmp_path)
    printed = []
    for seed in ("0", "1", "1"):
        main(["--steps", "1", "--seed", seed])
        printed.append(capsys.readouterr().out)
    assert printed[0] != printed[1] == printed[2]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "wrong",
    [["--steps", "0"], ["--steps", "-3"], ["--steps", "many"], ["--seed", "x"], ["moons"], ["--lr", "1"]],
)
def test_wrong_arguments_end_with_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(wrong)
    assert error.value.code == 2
    assert "usage: python -m nn" in capsys.readouterr().err
