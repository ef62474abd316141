"""Record the steps of PyTorch's optimizers, schedules and losses in tests/_support/optimizer_steps.py.

Run in the repository: python -m tests.golden.record_steps
"""

import json
from pathlib import Path
from typing import Any

from .._support.optimizer_steps import (
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    loss_in_pytorch,
    path_in_pytorch,
    rates_in_pytorch,
)

PATH = Path(__file__).with_name("steps.json")


def read() -> dict[str, Any]:
    """For each case, a path of parameters, the rates of a schedule, or a loss and its gradients."""
    data: dict[str, Any] = json.loads(PATH.read_text())
    return data


def record() -> None:
    results: dict[str, Any] = {case.name: path_in_pytorch(case) for case in OPTIMIZERS}
    results |= {case.name: rates_in_pytorch(case) for case in SCHEDULES}
    results |= {case.name: loss_in_pytorch(case) for case in LOSSES}
    lines = [f"{json.dumps(name)}: {json.dumps(result)}" for name, result in results.items()]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
