"""Record how PyTorch trains the networks of tests/_support/runs.py, for tests without PyTorch.

Run in the repository: python -m tests.golden.record_nn
"""

import json
from pathlib import Path

from .._support.runs import RUNS, Adapted, Trained, in_pytorch, maml_in_pytorch

PATH = Path(__file__).with_name("nn.json")
MAML = "maml"


def read() -> tuple[dict[str, Trained], Adapted]:
    """The recorded runs by name, and the MAML step."""
    data = json.loads(PATH.read_text())
    adapted = Adapted(**data.pop(MAML))
    return {name: Trained(**run) for name, run in data.items()}, adapted


def record() -> None:
    results = {run.name: in_pytorch(run) for run in RUNS} | {MAML: maml_in_pytorch()}
    lines = [f"{json.dumps(name)}: {json.dumps(result._asdict())}" for name, result in results.items()]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
