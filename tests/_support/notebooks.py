"""The lessons in notebooks/, as notebooks, code and text."""

import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")


ROOT = Path(__file__).parents[2]


START, *LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


#: The progress line of compile() on standard error if it takes longer than a second, on a slow machine.
COMPILING = re.compile(r"^compile\(.*\): \d+\.\d s: .*\n", re.M)


lessons = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


notebooks = pytest.mark.parametrize("path", [START, *LESSONS], ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(cell):
    """Return the output of a cell as plain text."""
    pairs = []
    for output in cell.outputs:
        if output.output_type == "stream":
            if text := COMPILING.sub("", output.text):
                pairs.append((output.name, text))
        elif output.output_type in ("display_data", "execute_result"):
            pairs.append(("shown", output.data.get("text/plain", "")))
        else:
            pairs.append((output.output_type, ""))
    # A stream may be split into several outputs at random.
    merged = []
    for kind, text in pairs:
        if merged and kind != "shown" and merged[-1][0] == kind:
            merged[-1] = (kind, merged[-1][1] + text)
        else:
            merged.append((kind, text))
    return merged


def lesson(number):
    (path,) = (path for path in LESSONS if path.stem.startswith(number))
    return path


def varies(cell):
    return "varies" in cell.metadata.get("tags", [])
