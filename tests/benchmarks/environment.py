"""The environment of the measurements: a virtual environment with the peers, created once."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from engines import BASELINE, ENGINES

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
FOLDER = CHECKOUT / ".benchmarks"


def clean_environ() -> dict[str, str]:
    """Environment variables of a measured process: one thread, and no code but this checkout."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    return variables | threads | {"PYTHONPATH": str(CHECKOUT)}


class Environment:
    """A virtual environment of this Python, under ``.benchmarks/venv``."""

    def __init__(self, folder: Path = FOLDER / "venv") -> None:
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self._stamp = folder / "peers.txt"

    def prepare(self) -> list[str]:
        """Create it if it is missing or out of date; return the engines whose package is installed.

        Only the baseline has to install. A peer that does not, offline or on a new Python, is left out.
        """
        stamp = [sys.version, *sorted(e.package for e in ENGINES.values() if e.package)]
        if not self._stamp.exists() or self._stamp.read_text().splitlines()[: len(stamp)] != stamp:
            print(f"making {self.folder.relative_to(CHECKOUT)} with the peers ...", file=sys.stderr)
            venv.create(self.folder, with_pip=True, clear=True)
            missing = [e.name for e in ENGINES.values() if e.package and not self._install(e.package)]
            self._stamp.write_text("\n".join([*stamp, *missing]) + "\n")
        missing = self._stamp.read_text().splitlines()[len(stamp) :]
        if BASELINE in missing:
            self._stamp.unlink()
            raise SystemExit(f"could not install {ENGINES[BASELINE].package}: there is nothing to compare to")
        return [name for name in ENGINES if name not in missing]

    def _install(self, package: str) -> bool:
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        result = subprocess.run([*command, "--no-deps", package], capture_output=True, text=True)
        if result.returncode != 0:
            print(f"{package} does not install here and is left out:\n{result.stderr}", file=sys.stderr)
        return result.returncode == 0

    def run(self, *arguments: str) -> str:
        """Run Python there with these arguments and return its output; only this checkout is importable."""
        result = subprocess.run(
            [str(self.python), *arguments], env=clean_environ(), cwd=HERE, capture_output=True, text=True
        )
        if result.returncode != 0:
            raise SystemExit(f"python {' '.join(arguments)} ended with {result.returncode}:\n{result.stderr}")
        return result.stdout
