"""Record the results of PyTorch's norms for the cases of tests/_support/norm_runs.py.

Run in the repository: python -m tests.golden.record_norm
"""

import json
from pathlib import Path

from .._support.norm_runs import CASES, NETWORKS, Result, in_pytorch, network_in_pytorch

PATH = Path(__file__).with_name("norm.json")


def read() -> dict[str, Result]:
    """The recorded results by the name of the case, or of the norm in the network."""
    data: dict[str, Result] = json.loads(PATH.read_text())
    return data


def record() -> None:
    results = {case.name: in_pytorch(case) for case in CASES}
    results |= {kind: network_in_pytorch(kind) for kind in NETWORKS}
    lines = [f"{json.dumps(name)}: {json.dumps(result)}" for name, result in results.items()]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
