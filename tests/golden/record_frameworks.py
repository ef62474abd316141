"""Record the output of PyTorch, TensorFlow and JAX for the first example of docs/guide/frameworks.md.

Run in the repository, in an environment of its own (pip install torch tensorflow-cpu jax):
python -m tests.golden.record_frameworks
"""

import io
import json
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

PATH = Path(__file__).with_name("frameworks.json")

NAMES = {"torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX"}

#: The first example, by the import name of the framework: loss = (w·x − y)² and its three gradients.
PROGRAMS = {
    "torch": """\
import torch

w, x, y = (torch.tensor(number, requires_grad=True) for number in (2.0, 5.0, 12.0))
loss = (w * x - y) ** 2
loss.backward()
print(loss.item(), w.grad.item(), x.grad.item(), y.grad.item())
""",
    "tensorflow": """\
import tensorflow as tf

w, x, y = tf.Variable(2.0), tf.Variable(5.0), tf.Variable(12.0)
with tf.GradientTape() as tape:
    loss = (w * x - y) ** 2
gradients = tape.gradient(loss, [w, x, y])
print(*(float(number) for number in (loss, *gradients)))
""",
    "jax": """\
import jax


def loss(w, x, y):
    return (w * x - y) ** 2


gradients = jax.grad(loss, argnums=(0, 1, 2))(2.0, 5.0, 12.0)
print(loss(2.0, 5.0, 12.0), *gradients)
""",
}


def read() -> dict[str, dict[str, str]]:
    """The version and the printed output of each framework."""
    data: dict[str, dict[str, str]] = json.loads(PATH.read_text())
    return data


def printed(name: str) -> str:
    """Run the program of a framework and return its output."""
    output = io.StringIO()
    with redirect_stdout(output):
        exec(PROGRAMS[name], {})
    return output.getvalue().strip()


def record() -> None:
    lines = [
        f'"{name}": {json.dumps({"version": import_module(name).__version__, "printed": printed(name)})}'
        for name in PROGRAMS
    ]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
