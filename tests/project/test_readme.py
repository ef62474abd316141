"""The code of the README, the front page and the guides runs as shown, and ratios of speed are measured."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

import autograd

from .._support.pytorch import needs_torch
from ..golden.record_frameworks import NAMES, PROGRAMS, read

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
OVERVIEW, FRAMEWORKS, PERFORMANCE = (
    ROOT / "docs" / "guide" / f"{name}.md" for name in ("overview", "frameworks", "performance")
)
PAGES = [README, ROOT / "docs" / "index.md", *GUIDES]

#: Pages that docs/conf.py writes when the documentation is built.
BUILT = {"_static/explore.html"}

#: A block of Python, and a block of text directly below it.
CELL = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
LINK = re.compile(
    r"\]\((?!http)([^)#\s]+)(?:#\S*)?\)|(?:src|srcset)=\"([^\"]+)\"|^```\{image\} (\S+)", re.MULTILINE
)

#: Printed between two cells.
END = "=" * 20 + "\n"


class Cell(NamedTuple):
    """A block of Python, and the output that the page shows."""

    code: str
    output: str

    @property
    def needs_torch(self) -> bool:
        return re.search(r"^import torch|_torch\b", self.code, re.MULTILINE) is not None


def read_page(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def cells_of(page: Path) -> list[Cell]:
    """Its cells; the output is the block of text below a cell, or else the comments of its prints."""
    return [
        Cell(code, text or "".join(re.findall(r"^print\(.*\)  # (.*\n)", code, re.MULTILINE)))
        for code, text in CELL.findall(read_page(page))
    ]


#: Programs of frameworks that are not installed: their outputs were recorded.
RECORDED = {PROGRAMS["tensorflow"], PROGRAMS["jax"]}

#: The cells that run in one process: all of a page, except that each block of the README runs alone.
SCRIPTS = {page.stem: [cell for cell in cells_of(page) if cell.code not in RECORDED] for page in PAGES}
SCRIPTS |= {f"README-{i}": [cell] for i, cell in enumerate(SCRIPTS.pop("README"))}
PLAIN = [name for name, cells in SCRIPTS.items() if not all(cell.needs_torch for cell in cells)]
WITH_TORCH = [name for name, cells in SCRIPTS.items() if any(cell.needs_torch for cell in cells)]


def run_cells(cells: list[Cell], folder: Path) -> None:
    """Run cells in a process of their own, because primitive() adds to the table and save() writes files."""
    script = f"\nprint({END.strip()!r})\n".join(cell.code for cell in cells)
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-c", script],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    # numba may have to compile its interpreter first, and reports that.
    errors = [line for line in result.stderr.splitlines() if not line.startswith("compile(")]
    assert errors == []
    assert result.stdout.split(END) == [cell.output for cell in cells]


@pytest.mark.parametrize("name", PLAIN)
def test_cells_print_what_is_shown(name: str, tmp_path: Path) -> None:
    run_cells([cell for cell in SCRIPTS[name] if not cell.needs_torch], tmp_path)


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("name", WITH_TORCH)
def test_cells_with_torch_print_what_is_shown(name: str, tmp_path: Path) -> None:
    run_cells(SCRIPTS[name], tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_block_is_a_cell_or_its_output(page: Path) -> None:
    """Except the commands of the README, which .ci/newcomer runs, and the contents of the front page."""
    text = read_page(page)
    kinds = Counter(re.findall(r"^ *(?:```|~~~)[^\w\n]*(\w+)", text, re.MULTILINE))
    cells = CELL.findall(text)
    assert kinds.pop("python", 0) == len(cells)
    assert kinds.pop("text", 0) == sum(output != "" for _, output in cells)
    assert {*kinds} == {"README": {"sh"}, "index": {"image", "raw", "toctree"}}.get(page.stem, set())


@pytest.mark.parametrize("name", PROGRAMS)
def test_example_in_other_frameworks_shows_the_recorded_output(name: str) -> None:
    record = read()[name]
    assert Cell(PROGRAMS[name], record["printed"] + "\n") in cells_of(FRAMEWORKS)
    assert record["printed"] + "\n" == cells_of(README)[0].output
    assert f"{NAMES[name]} {record['version'].partition('+')[0]}" in read_page(FRAMEWORKS)


def test_primitive_in_contributing_is_in_the_table() -> None:
    (code,) = (cell.code for cell in cells_of(CONTRIBUTING) if "Primitive(" in cell.code)
    without_comments = re.sub(r"  # [^\n]*", "", code)
    assert without_comments in (ROOT / "autograd" / "primitives.py").read_text(encoding="utf-8")


def test_overview_names_every_function() -> None:
    functions = {name for name in autograd.__all__ if name.islower()}
    missing = {name for name in functions if not re.search(rf"\b{name}\b", read_page(OVERVIEW))}
    assert missing == {"not_compiled"}, "the guide page on compile() names it"


def test_readme_has_at_most_130_lines() -> None:
    assert len(read_page(README).splitlines()) <= 130


def test_readme_has_the_two_commands_and_ci_runs_the_second() -> None:
    run = 'python3 -m venv .venv && .venv/bin/pip install -e ".[viz]" && .venv/bin/python -m autograd\n'
    test = 'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/python -m pytest\n'
    readme = read_page(README)
    assert run in readme
    assert test in readme
    assert test in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [*PAGES, CONTRIBUTING], ids=lambda page: page.stem)
def test_linked_files_exist(page: Path) -> None:
    links = [link for alternatives in LINK.findall(read_page(page)) for link in alternatives if link]
    assert links
    assert [link for link in links if link not in BUILT and not (page.parent / link).exists()] == []


#: The tables of RESULTS.md, by the first words of the line above each.
EAGER_MOONS = "Moons: MLP of 2, 16, 16, 1, 100 samples, hinge loss + L2, one"
EAGER_GPT, EAGER_CHAIN = "GPT: a training step", "Chain: 10,000"
MOONS = "Moons: MLP of 2, 16, 16, 1, 100 samples, hinge loss + L2, SGD"
GPT, WIDE = "GPT: 1 layer", "Wide: MLP of 64"
STEP_RUN, STEP_EACH = "**glassgrad, step.run** | float64", "**glassgrad, step.each** | float64"
PEERS = "× PyTorch", "× leanest PyTorch", "× JAX jit", "time, C = 1"


def eager(table: str, engine: str) -> list[tuple[str, str, str]]:
    return [(table, f"{collector} | glassgrad {engine}", "× micrograd") for collector in ("on", "off")]


#: A page, the beginning of a line, and the table, row and column of each ratio in it.
QUOTED = [
    (README, "- Eager:", eager(EAGER_MOONS, "nn.MLP")),
    (README, "- Compiled,", [(MOONS, STEP_RUN, peer) for peer in PEERS[::3]]),
    (README, "- Tensors win", [(WIDE, "JAX jit | float32", "× PyTorch")]),
    (PERFORMANCE, "| micrograd's moons demo", eager(EAGER_MOONS, "explicit")),
    (PERFORMANCE, "| the same, with one `dot`", eager(EAGER_MOONS, "dot")),
    (PERFORMANCE, "| the same, with `nn.MLP`", eager(EAGER_MOONS, "nn.MLP")),
    (PERFORMANCE, "| a scalar GPT (", eager(EAGER_GPT, "dot")),
    (PERFORMANCE, "| a chain", eager(EAGER_CHAIN, "explicit")),
    *[
        (PERFORMANCE, line, [(MOONS, f"**glassgrad{row}** | float64", peer) for peer in PEERS])
        for line, row in (
            ("| `step.run(n, X, y)`, numba", ", step.run"),
            ("| `step(X, y)`, numba", ", step()"),
            ("| `step.run(n, X, y)`, NumPy", " on NumPy, step.run"),
        )
    ],
    (PERFORMANCE, "| a scalar GPT, another", [(GPT, STEP_EACH, peer) for peer in PEERS[::2]]),
    (
        PERFORMANCE,
        "| a wide network",
        [(WIDE, STEP_RUN, peer) for peer in ("× PyTorch", "× PyTorch, float64", "× JAX jit")],
    ),
]  # fmt: skip


def measured(title: str, row: str, column: str) -> float:
    """A number in a table of RESULTS.md."""
    results = read_page(ROOT / "tests" / "benchmarks" / "RESULTS.md")
    header, _, *lines = results.partition(f"\n{title}")[2].split("\n\n")[1].splitlines()
    (line,) = (line for line in lines if line.startswith(f"| {row} |"))
    columns = [name.strip() for name in header.split("|")]
    return float(line.split("|")[columns.index(column)].strip().rstrip("x×"))


@pytest.mark.parametrize(("page", "start", "sources"), QUOTED)
def test_ratio_agrees_with_the_last_measurement(
    page: Path, start: str, sources: list[tuple[str, str, str]]
) -> None:
    (line,) = (line for line in read_page(page).splitlines() if line.startswith(start))
    quoted = re.findall(r"([\d.]+)×", line)
    assert len(quoted) == len(sources)
    for number, source in zip(quoted, sources):
        places = len(number.partition(".")[2])
        assert abs(float(number) - measured(*source)) <= 0.5 * 10**-places + 0.005, (number, source)
