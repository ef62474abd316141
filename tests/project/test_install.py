"""HIPS autograd has the same import name: importing a mixture of the two raises an error with the remedy."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REMEDY = "pip uninstall autograd glassgrad"


def _import(name: str, folder: Path) -> str:
    """Import a module in a Python that searches the folder first, and return the standard error."""
    source = f"import sys; sys.path.insert(0, {str(folder)!r}); import {name}"
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    return result.stderr


def test_import_with_files_of_hips_autograd_raises(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "autograd", tmp_path / "autograd")
    assert _import("autograd", tmp_path) == ""
    (tmp_path / "autograd" / "numpy").mkdir()
    assert REMEDY in _import("autograd", tmp_path)


def test_import_of_nn_with_hips_autograd_raises(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "nn", tmp_path / "nn")
    (tmp_path / "autograd").mkdir()
    (tmp_path / "autograd" / "__init__.py").write_text("def grad(function): ...\n")
    message = _import("nn", tmp_path)
    assert "HIPS autograd" in message
    assert REMEDY in message
