"""What the README shows is what happens."""

import doctest
import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import autograd
from autograd.primitives import PRIMITIVES

from .._support.pytorch import needs_torch
from ..golden.record_frameworks import NAMES, PROGRAMS, printed, read

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
EXAMPLE = BLOCKS[0]


def test_the_first_example_prints_what_it_says() -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(EXAMPLE, {})
    assert printed.getvalue().strip() == EXAMPLE.rsplit("# ", 1)[1].strip() == "4.0 -20.0 -8.0 4.0"


@pytest.mark.parametrize("block", [b for b in BLOCKS if ">>>" in b], ids=["steps", "tour", "networks"])
def test_the_sessions_run_as_shown(block: str) -> None:
    names: dict[str, object] = {}
    with redirect_stdout(io.StringIO()):
        exec(EXAMPLE, names)
    test = doctest.DocTestParser().get_doctest(block, names, "README", "README.md", 0)
    assert test.examples
    results = doctest.DocTestRunner(verbose=False).run(test)
    assert results.failed == 0


def test_the_primitive_shown_is_the_one_in_the_table() -> None:
    shown = next(block for block in BLOCKS if "Primitive(" in block)
    without_comments = re.sub(r"  # [^\n]*", "", shown)
    assert without_comments in (ROOT / "autograd" / "primitives.py").read_text(encoding="utf-8")


def test_a_primitive_of_ones_own_prints_what_is_shown() -> None:
    """In a process of its own, because it adds to the table."""
    shown = next(block for block in BLOCKS if " primitive(" in block)
    command = [sys.executable, "-c", shown]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == shown.rsplit("# ", 1)[1].strip() == "-0.5 0.25"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_in_other_frameworks_is_what_was_recorded(name: str) -> None:
    assert PROGRAMS[name] in BLOCKS
    recorded = read()[name]
    assert recorded["printed"] == EXAMPLE.rsplit("# ", 1)[1].strip()
    assert f"{NAMES[name]} {recorded['version'].partition('+')[0]}" in README


@pytest.mark.torch
@needs_torch
def test_the_example_in_pytorch_runs_as_recorded() -> None:
    assert printed("torch") == read()["torch"]["printed"]


@pytest.mark.torch
@needs_torch
def test_the_road_to_pytorch_and_back_runs() -> None:
    names: dict[str, object] = {}
    exec(next(block for block in BLOCKS if "to_torch" in block), names)
    assert repr(names["model"]) == repr(names["MLP"](2, [16, 16, 1], "tanh"))  # type: ignore[operator]
    assert type(names["net"]).__name__ == "Sequential"


def test_every_function_is_named() -> None:
    missing = [n for n in (*PRIMITIVES, *autograd.__all__) if hasattr(autograd, n) and n not in README]
    assert missing == ["GradientError", "is_grad_enabled"]


def test_the_two_commands_are_there_and_ci_runs_the_second() -> None:
    run = 'python3 -m venv .venv && .venv/bin/pip install -e ".[viz]" && .venv/bin/python -m autograd\n'
    test = 'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/python -m pytest\n'
    assert run in README
    assert test in README
    assert test in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_file_it_links_to_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)|(?:src|srcset)=\"([^\"]+)\"", README)
    assert links
    assert [link for pair in links for link in pair if link and not (ROOT / link).exists()] == []
