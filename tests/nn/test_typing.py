"""Types of nn: complete annotations, the file py.typed, and a user's program under mypy."""

import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import nn
from nn import MLP, SGD, Layer, Neuron

ROOT = Path(nn.__file__).parents[1]


def _public() -> Iterator[tuple[str, Any]]:
    for name in nn.__all__:
        thing = getattr(nn, name)
        members = vars(thing) if inspect.ismodule(thing) or inspect.isclass(thing) else {"": thing}
        for member, function in members.items():
            if (
                inspect.isfunction(function)
                and function.__module__.startswith("nn.")
                and (not member.startswith("_") or member in ("__init__", "__call__"))
            ):
                yield f"{name}.{member}".rstrip("."), function


@pytest.mark.parametrize(("name", "function"), [*_public()], ids=[name for name, _ in _public()])
def test_a_public_function_is_annotated_in_full(name: str, function: Any) -> None:
    hints = typing.get_type_hints(function)
    parameters = [p for p in inspect.signature(function).parameters if p != "self"]
    assert set(hints) == {*parameters, "return"}


def test_py_typed_file_exists() -> None:
    assert (Path(nn.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("kind", [Neuron, Layer, MLP])
def test_options_are_given_by_name(kind: Any) -> None:
    by_name = {p.name for p in inspect.signature(kind).parameters.values() if p.kind is p.KEYWORD_ONLY}
    assert by_name == {"fused", "seed"}
    assert [*inspect.signature(MLP).parameters][:3] == ["nin", "nouts", "activation"]
    assert [*inspect.signature(SGD).parameters][:3] == ["parameters", "lr", "momentum"]


PROGRAM = """
import random
from autograd import Value
from nn import MLP, SGD, Module, Neuron, Parameter, functional_call, mse_loss
from nn.data import two_moons

class Line(Module):
    def __init__(self) -> None:
        self.slope = Parameter(2.0)

    def __call__(self, x: float) -> Value:
        return self.slope * x

samples, labels = two_moons(10, seed=random.Random(0))
neuron = Neuron(2, activation="tanh", fused=False, seed=0)
loss: Value = mse_loss([neuron(x) for x in samples], labels)
loss.backward()
SGD(neuron.parameters(), lr=0.1).step()
names: dict[str, Parameter] = dict(MLP(2, (4, 1)).named_parameters())
owner: Module | None = neuron.b.owner
slope: float = functional_call(Line(), {"slope": 3}, 2.0).data
"""
MISTAKES = """
from nn import MLP, SGD, Neuron
MLP(2, 3)
Neuron("2")
SGD([1.0], lr=0.1)
MLP(2, [1], seed="0")
Neuron(2, nonlin=False)
Neuron(2).nonlin = False
Neuron(2).activation = False
"""


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_accepts_a_program_and_finds_the_mistakes_of_another(tmp_path: Path) -> None:
    program, mistakes = tmp_path / "program.py", tmp_path / "mistakes.py"
    program.write_text(PROGRAM)
    mistakes.write_text(MISTAKES)
    mypy = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(program), str(mistakes)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    errors = [line for line in mypy.stdout.splitlines() if ": error:" in line]
    own_errors = [line for line in errors if "program.py" in line or "mistakes.py" in line]
    assert [line.partition("mistakes.py:")[2].partition(":")[0] for line in own_errors] == [*"3456789"], (
        mypy.stdout
    )
