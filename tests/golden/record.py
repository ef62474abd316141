"""Record PyTorch's results, which the tests compare with where PyTorch is not installed.

Run in the repository: python -m tests.golden.record
"""

import json
import math
from pathlib import Path
from typing import Any

from .cases import CASES, Result, in_pytorch

PATH = Path(__file__).with_name("torch.json")


def _written(x: float) -> float | str:
    return x if math.isfinite(x) else str(x)  # JSON has no nan and no inf


def written(result: Result) -> list[Any]:
    return [_written(result.value), [*map(_written, result.grads)], [*map(_written, result.seconds)]]


def read() -> dict[str, Result]:
    """The recorded results, by the name of the case."""
    data = json.loads(PATH.read_text())
    return {
        name: Result(float(value), [*map(float, grads)], [*map(float, seconds)])
        for name, (value, grads, seconds) in data.items()
    }


def record() -> None:
    lines = [f"{json.dumps(case.name)}: {json.dumps(written(in_pytorch(case)))}" for case in CASES]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
