"""``python -m nn``: train a small network on two moons and print the four steps of training in numbers."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import autograd
from autograd import Value, no_grad
from autograd.system.files import write_atomic
from autograd.system.messages import replace_controls
from autograd.system.shell import FAILED, Parser, run, write_any_letter

from . import MLP, SGD, hinge_loss
from .data import DataSet, two_moons
from .training.progress import Progress

COMMAND = "python -m nn"
STEPS = 200


def _score(model: MLP, x: Sequence[float]) -> Value:
    """Return the one output of the network."""
    score: Value = model(x)
    return score


def _loss(model: MLP, samples: DataSet) -> tuple[Value, list[float]]:
    """Return the hinge loss plus a small weight decay, and the scores."""
    inputs, labels = samples
    scores = [_score(model, x) for x in inputs]
    decay = 1e-4 * autograd.sum([p * p for p in model.parameters()])
    return hinge_loss(scores, labels) + decay, [score.data for score in scores]


def _right(scores: Iterable[float], labels: Iterable[int]) -> int:
    return sum((score > 0.0) == (label > 0) for score, label in zip(scores, labels))


def _first_iteration(model: MLP, samples: DataSet, lr: float) -> None:
    """Print forward, loss, backward and update of the first iteration with their numbers."""
    inputs, labels = samples
    weight = model.parameters()[0]
    print("The first iteration, in four steps")
    score = _score(model, inputs[0])
    print(f"  1 forward    the sample ({inputs[0][0]:.3f}, {inputs[0][1]:.3f}) scores {score.data:.4f}")
    loss, scores = _loss(model, samples)
    right = _right(scores, labels)
    print(f"  2 loss       {loss.data:.4f} over {len(labels)} samples; {right} of them are right")
    model.zero_grad()
    loss.backward()
    count = len(model.parameters())
    print(f"  3 backward   {count} gradients; ∂loss/∂w of the first weight is {weight.grad:.4f}")
    before = weight.data
    SGD(model.parameters(), lr).step()
    print(f"  4 update     w = {before:.4f} − {lr:g} · ({weight.grad:.4f}) = {weight.data:.4f}\n")


def train(model: MLP, samples: DataSet, steps: int) -> list[float]:
    """Train on all samples at once until every sample is right; return the losses."""
    optimizer = SGD(model.parameters(), lr=1.0)
    losses: list[float] = []
    progress = Progress(steps, "training", "step")
    for step in range(steps):
        loss, scores = _loss(model, samples)
        losses.append(loss.data)
        right = _right(scores, samples[1])
        of = len(samples[1])
        progress.advance(loss=f"{loss.data:.4f}", right=f"{right}/{of}")
        if step % 10 == 0 or right == of:
            progress.say(f"step {step:3}  loss {loss.data:.4f}  right {right}/{of}")
        if right == of:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 1.0 - 0.9 * step / steps
        optimizer.step()
    progress.close()
    return losses


def save_boundary(model: MLP, samples: DataSet, path: Path) -> None:
    """Save a picture of the score over the plane, with the samples; this requires matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    inputs, labels = samples
    low_x, high_x = min(x for x, _ in inputs) - 0.5, max(x for x, _ in inputs) + 0.5
    low_y, high_y = min(y for _, y in inputs) - 0.5, max(y for _, y in inputs) + 0.5
    grid_x = [low_x + (high_x - low_x) * i / 60 for i in range(61)]
    grid_y = [low_y + (high_y - low_y) * i / 60 for i in range(61)]
    with no_grad():
        scores = [[_score(model, (x, y)).data for x in grid_x] for y in grid_y]
    figure: Any = Figure(figsize=(6, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    limit = max(abs(score) for row in scores for score in row)
    # Not blue and orange, which stand for data and gradient in the other pictures.
    colors = LinearSegmentedColormap.from_list("score", ["#64748b", "#f8fafc", "#8b5cf6"])
    shades = axes.contourf(grid_x, grid_y, scores, levels=20, cmap=colors, vmin=-limit, vmax=limit)
    axes.contour(grid_x, grid_y, scores, levels=[0.0], colors="#0f172a", linewidths=1.5)
    for label, marker, color in ((-1, "o", "#475569"), (1, "s", "#6d28d9")):
        of_label = [x for x, y in zip(inputs, labels) if y == label]
        axes.scatter(
            [x for x, _ in of_label], [y for _, y in of_label], marker=marker, s=24, c=color,
            edgecolors="white", linewidths=0.6, label=f"label {label:+d}",
        )  # fmt: skip
    axes.set(title="Two moons: the score of each point", xlabel="x₁", ylabel="x₂")
    axes.legend(loc="upper right")
    figure.colorbar(shades, ax=axes, label="score")
    picture = io.BytesIO()
    figure.savefig(picture, format=path.suffix[1:].lower(), dpi=150)
    write_atomic(path, picture.getvalue())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, which is 0 if every sample is right in the end."""
    parser = Parser(
        prog=COMMAND,
        description="Train MLP(2, [16, 16, 1]) on two moons and draw its decision boundary.",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the data and the weights (default 0)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"largest number of steps (default {STEPS})")
    parser.add_argument(
        "--out", type=Path, default=Path("moons.png"), help="file for the picture (default moons.png)"
    )
    options = parser.parse_args(arguments)
    write_any_letter()
    if options.out.suffix.lower() not in (".png", ".svg", ".pdf"):
        parser.error(f"--out expected a name that ends in .png, .svg or .pdf, got {options.out}")
    if options.steps < 1:
        parser.error(f"--steps expected an int of 1 or more, got {options.steps}")
    samples = two_moons(100, noise=0.1, seed=options.seed)
    model = MLP(2, [16, 16, 1], seed=options.seed)
    print(f"{model!r}: {len(model.parameters())} parameters\n")
    _first_iteration(model, samples, lr=1.0)
    losses = train(model, samples, options.steps)
    with no_grad():
        loss, scores = _loss(model, samples)
    right, of = _right(scores, samples[1]), len(samples[1])
    print(f"After {len(losses)} steps the loss is {loss.data:.4f}: {right} of {of} samples are right")
    if find_spec("matplotlib") is None:
        print('For the picture of the decision boundary: pip install "glassgrad[train]"')
        print('(in a clone: pip install -e ".[train]")')
    else:
        try:
            save_boundary(model, samples, options.out)
        except (OSError, ValueError) as error:
            print(f"{COMMAND}: cannot save the picture: {replace_controls(str(error))}", file=sys.stderr)
            return FAILED
        print(f"The decision boundary is drawn in {replace_controls(str(options.out))}")
    return 0 if right == of else FAILED


def command() -> int:
    """Run main() for a shell."""
    return run(main, COMMAND)


if __name__ == "__main__":
    sys.exit(command())
