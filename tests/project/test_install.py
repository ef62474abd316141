"""HIPS autograd has the same import name: a mixture of the two is refused, with the remedy."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REMEDY = "pip uninstall autograd glassgrad"


def _import(name: str, folder: Path) -> str:
    """What importing says, in a Python that sees the folder before anything else."""
    source = f"import sys; sys.path.insert(0, {str(folder)!r}); import {name}"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    return done.stderr


def test_their_folder_beside_our_files_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "autograd", tmp_path / "autograd")
    assert _import("autograd", tmp_path) == ""
    (tmp_path / "autograd" / "numpy").mkdir()
    assert REMEDY in _import("autograd", tmp_path)


def test_nn_refuses_an_autograd_that_is_not_ours(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "nn", tmp_path / "nn")
    (tmp_path / "autograd").mkdir()
    (tmp_path / "autograd" / "__init__.py").write_text("def grad(function): ...\n")
    said = _import("nn", tmp_path)
    assert "HIPS autograd" in said
    assert REMEDY in said
