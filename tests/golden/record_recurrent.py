"""Record how PyTorch trains the cells of tests/_support/recurrent_runs.py, for tests without PyTorch.

Run in the repository: python -m tests.golden.record_recurrent
"""

import json
from pathlib import Path

from .._support.recurrent_runs import RUNS, Trained, in_pytorch

PATH = Path(__file__).with_name("recurrent.json")


def read() -> dict[str, Trained]:
    """The recorded runs by name."""
    return {name: Trained(**run) for name, run in json.loads(PATH.read_text()).items()}


def record() -> None:
    lines = [f"{json.dumps(run.name)}: {json.dumps(in_pytorch(run)._asdict())}" for run in RUNS]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
