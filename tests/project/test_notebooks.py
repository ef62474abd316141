"""Every lesson in notebooks/ runs from top to bottom and produces its saved outputs."""

import ast
import json
import os
import re
import sys

import pytest

from .._support.notebooks import (
    LESSONS,
    ROOT,
    START,
    code_cells,
    lesson,
    lessons,
    notebooks,
    read,
    text_of,
    varies,
)
from ..golden.record_frameworks import NAMES
from ..golden.record_frameworks import read as read_frameworks

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

SECONDS_A_CELL = 900  # ends only a cell that hangs; the longest takes a minute, and four on a busy machine

#: The text of an absolute path on somebody's machine.
MACHINE_PATH = re.compile(
    r"/(?:home|Users|root|tmp|work|usr|opt|var)/|\b[A-Za-z]:\\\\?(?:Users|Windows)|site-packages"
)

#: The package that contains the data of a lesson. The plain test command does not install it.
NEEDS = {"07": "sklearn", "10": "sklearn", "14": "names"}


#: A lesson of more than about 15 seconds, by its number, and the source of a cell with smaller settings. By
#: default the lesson runs with that cell put after the one tagged `parameters` (papermill's convention), and
#: its own assertions must hold; the run that compares the saved outputs is slow. pytest -m "" does both.
SMALLER: dict[str, str] = {"12": "seeds = 0, 1\nupdates = 60", "14": "STEPS, HELD_OUT = 80, 300"}

#: The functions in the README's "Inspecting a graph"; the lessons show each where it answers a question.
VIEWS = (
    "draw", "steps", "explore", "explain", "formula", "show", "compare_with_torch", "snapshot", "compare",
    "gradient_flow", "watch",
)  # fmt: skip


def runs():
    """Each lesson with its own settings and, if it is long, with smaller ones."""
    parameters = []
    for path in (START, *LESSONS):
        smaller = SMALLER.get(path.stem[:2])
        parameters.append(pytest.param(path, None, id=path.stem, marks=[pytest.mark.slow] if smaller else []))
        if smaller:
            parameters.append(pytest.param(path, smaller, id=f"{path.stem}-smaller"))
    return parameters


def assigned(source):
    """The names that a cell of settings assigns."""
    return {
        name.id
        for name in ast.walk(ast.parse(source))
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }


def with_settings(notebook, source):
    """Insert a cell after the one tagged `parameters`; it may assign only the same names."""
    (at,) = (i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    unknown = assigned(source) - assigned(notebook.cells[at].source)
    assert not unknown, f"the cell tagged parameters has no {', '.join(sorted(unknown))}"
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell(source))
    return notebook


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that executes a notebook with this interpreter, in an empty folder."""
    kernel, here = tmp_path / "jupyter" / "kernels" / "python3", tmp_path / "here"
    kernel.mkdir(parents=True)
    here.mkdir()
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))  # ignore the user's startup files
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)

    def execute(notebook):
        resources = {"metadata": {"path": str(here)}}
        nbclient.NotebookClient(
            notebook, kernel_name="python3", timeout=SECONDS_A_CELL, resources=resources
        ).execute()
        assert not list(here.iterdir()), "the lesson leaves files in the reader's folder"
        return notebook

    return execute


@pytest.fixture
def without(tmp_path, monkeypatch):
    """A function that makes packages look uninstalled."""

    def hide(*names):
        missing = tmp_path / "missing"
        missing.mkdir()
        for name in names:
            (missing / f"{name}.py").write_text(f"raise ImportError('no {name}, for a test')\n")
        monkeypatch.setenv("PYTHONPATH", str(missing), prepend=os.pathsep)

    return hide


def test_course_starts_with_the_first_page_and_five_lessons():
    assert START.stem == "00-start-here"
    assert [path.stem[:2] for path in LESSONS[:5]] == ["01", "02", "03", "04", "05"]


def test_with_settings_accepts_only_names_of_the_parameters_cell(run):
    def small():
        settings, use = map(nbformat.v4.new_code_cell, ("steps, lr = 500, 0.1", "steps, lr"))
        settings.metadata["tags"] = ["parameters"]
        return nbformat.v4.new_notebook(cells=[settings, use])

    assert text_of(run(with_settings(small(), "steps = 5")).cells[-1]) == [("shown", "(5, 0.1)")]
    with pytest.raises(AssertionError, match="has no step"):
        with_settings(small(), "step = 5")
    with pytest.raises(ValueError, match="not enough values"):
        with_settings(nbformat.v4.new_notebook(), "steps = 5")


@pytest.mark.parametrize(("path", "smaller"), runs())
def test_lesson_runs_with_the_saved_outputs(path, smaller, run):
    if path.stem[:2] in NEEDS:
        pytest.importorskip(NEEDS[path.stem[:2]])
    if smaller is not None:
        run(with_settings(read(path), smaller))
        return
    old_notebook = read(path)
    new_notebook = run(read(path))
    for old, new in zip(code_cells(old_notebook), code_cells(new_notebook), strict=True):
        if not varies(old):
            assert text_of(new) == text_of(old), (
                f"run {path.name} again and save it; the cell is\n{old.source}"
            )


def test_lesson_02_without_torch_shows_recorded_numbers(run, without):
    without("torch")
    fresh = run(read(lesson("02")))
    (cell,) = (cell for cell in code_cells(fresh) if varies(cell))
    ((_, text),) = text_of(cell)
    assert "not installed" in text
    for number in ("-20.0", "-8.0", "4.0"):
        assert f"PyTorch {number:>6}   Value {number:>6}" in text


def test_lesson_04_without_torch_and_matplotlib_shows_text(run, without):
    without("torch", "matplotlib")
    old_notebook = read(lesson("04"))
    new_notebook = run(read(lesson("04")))
    plots, torch = (cell for cell in code_cells(new_notebook) if varies(cell))
    ((_, text),) = text_of(plots)
    assert 'matplotlib is not installed here (pip install "glassgrad[train]")' in text
    plane = text.split("\n\n")[1].splitlines()
    assert {len(row) for row in plane} == {61}
    assert set("".join(plane)) == {"+", "·"}
    ((_, text),) = text_of(torch)
    assert "PyTorch is not installed here" in text
    equal = re.findall(r"step \d   loss: PyTorch (\S+)   Value (\S+)", text)
    assert len(equal) == 5
    assert all(torch_value == value for torch_value, value in equal)
    for old, new in zip(code_cells(old_notebook), code_cells(new_notebook), strict=True):
        assert varies(old) or text_of(new) == text_of(old)


@pytest.mark.parametrize("number", NEEDS)
def test_lesson_without_its_data_names_the_extra(number, run, without):
    without(NEEDS[number])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match=r"pip install \"glassgrad\[train\]\""):
        run(read(lesson(number)))


@pytest.mark.slow
def test_lesson_10_without_matplotlib_names_the_misread_digits(run, without):
    pytest.importorskip("sklearn")
    without("matplotlib")
    fresh = run(read(lesson("10")))
    (text,) = (text for cell in code_cells(fresh) for _, text in text_of(cell) if "matplotlib" in text)
    assert 'matplotlib is not installed here (pip install "glassgrad[train]")' in text
    assert re.search(r"\ba \d read as \d(, a \d read as \d)+$", text.strip())


def test_lesson_10_network_beats_its_baselines():
    text = "".join(text for cell in code_cells(read(lesson("10"))) for _, text in text_of(cell))
    rows = re.findall(r"^(iris|breast cancer|digits|moons|spirals|XOR) +" + r" +(\S+)%" * 4 + "$", text, re.M)
    assert [name for name, *_ in rows] == ["iris", "breast cancer", "digits", "moons", "spirals", "XOR"]
    for name, *shares in rows:
        untrained, accuracy, linear, torch_accuracy = map(float, shares)
        assert accuracy > max(90.0, untrained + 10.0, torch_accuracy - 3.0)
        assert accuracy > linear + (-3.0 if name in ("iris", "breast cancer", "digits") else 10.0)


@pytest.mark.slow
def test_lesson_07_without_matplotlib_prints_the_losses(run, without):
    pytest.importorskip("sklearn")
    without("matplotlib")
    old_notebook = read(lesson("07"))
    new_notebook = run(read(lesson("07")))
    (cell,) = (cell for cell in code_cells(new_notebook) if varies(cell))
    ((_, text),) = text_of(cell)
    assert 'matplotlib is not installed here (pip install "glassgrad[train]")' in text
    losses = re.findall(r"training loss (\S+)   validation loss (\S+)", text)
    assert losses[0] > losses[-1]
    assert float(losses[-1][1]) > 2.0 * float(losses[0][1]), "it overfits"
    for old, new in zip(code_cells(old_notebook), code_cells(new_notebook), strict=True):
        assert varies(old) or text_of(new) == text_of(old)


def test_lessons_06_and_07_measured_the_cures():
    def printed(number):
        texts = (text for cell in code_cells(read(lesson(number))) for _, text in text_of(cell))
        return "".join(texts)

    sigmoid, cured = re.findall(r"(\d+) of 40 right", printed("06"))[:2]
    assert (int(sigmoid), int(cured)) == (20, 39)
    assert "sigmoid with batch norm: loss 1.2304 → 0.0662   40 of 40 right" in printed("06")
    shares = re.findall(
        r"^(to the end|stopped early|weight decay|L1|dropout) +(\S+)% +(\S+)%$", printed("07"), re.M
    )
    assert [name for name, _, _ in shares] == ["to the end", "stopped early", "weight decay", "L1", "dropout"]
    held_out = [float(share) for _, _, share in shares]
    assert held_out[0] < 80.0 < 85.0 <= min(held_out[1:])


def test_lesson_04_classifies_every_sample():
    (text,) = (
        text
        for cell in code_cells(read(lesson("04")))
        for kind, text in text_of(cell)
        if kind == "stdout" and "step 200" in text
    )
    assert "step   0   loss 1.0108   22 of 60 right" in text
    assert "step 200   loss 0.0000   60 of 60 right" in text


@pytest.mark.slow
def test_lesson_08_without_matplotlib_names_the_extra(run, without):
    without("matplotlib")
    old_notebook = read(lesson("08"))
    new_notebook = run(read(lesson("08")))
    (plot,) = (cell for cell in code_cells(new_notebook) if varies(cell))
    ((_, text),) = text_of(plot)
    assert 'matplotlib is not installed here (pip install "glassgrad[train]")' in text
    for old, new in zip(code_cells(old_notebook), code_cells(new_notebook), strict=True):
        assert varies(old) or text_of(new) == text_of(old)


def test_lesson_08_learns_only_where_the_gradient_reaches():
    text = "".join(text for cell in code_cells(read(lesson("08"))) for _, text in text_of(cell))
    rows = re.findall(r"(\w+), seed (\d): (\d+) of 100 right before training, +(\d+) after", text)
    assert len(rows) == 6
    for cell, seed, before, after in rows:
        assert 40 <= int(before) <= 60
        assert int(after) >= 95 if cell == "LSTM" else seed == "1" or int(after) <= 60
    assert "inputs with a gradient: [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]" in text
    assert "trained with truncate=10: 50 of 100 right" in text


def test_lesson_15_without_numba_and_numpy_prints_the_same_numbers(run, without):
    without("numba", "numpy")
    fresh = run(read(lesson("15")))
    text = "".join(text for cell in code_cells(fresh) for _, text in text_of(cell))
    for backend in ("numpy", "numba"):
        assert f"{backend} is not installed here" in text
    assert "run by python" in text
    for notebook in (read(lesson("15")), fresh):  # the numbers do not depend on the backend
        printed = "".join(text for cell in code_cells(notebook) for _, text in text_of(cell))
        assert "compiled:  4.0 -20.0" in printed
        assert "elsewhere: 1.0 -2.0" in printed
        assert printed.count("loss is called") == 1 + 9  # by hand, and in 101 steps
        assert "the loss of the first step: 0.905263, of the 30th: 0.298470" in printed


def test_lesson_15_measured_the_ratio_to_c():
    text = "".join(text for cell in code_cells(read(lesson("15"))) for _, text in text_of(cell))
    measured = {name: float(ratio) for name, ratio in re.findall(r"^(.+?)  +[\d.,]+  +([\d.]+)$", text, re.M)}
    assert measured["C, by hand"] == 1.0
    assert measured["numba, many at a time"] < 3.0


def test_lesson_09_without_frameworks_shows_recorded_numbers(run, without):
    without("torch", "tensorflow", "jax")
    old_notebook = read(lesson("09"))
    new_notebook = run(read(lesson("09")))
    speed, there, steps, frameworks = (cell for cell in code_cells(new_notebook) if varies(cell))
    for cell in (speed, there, steps):
        ((_, text),) = text_of(cell)
        assert "PyTorch is not installed here" in text
    ((_, text),) = text_of(frameworks)
    for name, record in read_frameworks().items():
        numbers = "".join(f"{float(number):7.1f}" for number in record["printed"].split())
        line = f"{NAMES[name]:10}{numbers}   not installed here; recorded with version {record['version']}"
        assert line in text.splitlines()
    for old, new in zip(code_cells(old_notebook), code_cells(new_notebook), strict=True):
        assert varies(old) or text_of(new) == text_of(old)


def test_lesson_09_pytorch_starts_at_the_last_loss_of_the_values():
    texts = [text for cell in code_cells(read(lesson("09"))) for _, text in text_of(cell)]
    here = next(text for text in texts if text.startswith("step   0"))
    there = next(text for text in texts if "step 300" in text)
    assert here.splitlines()[-1].split()[2:] == there.splitlines()[1].split()[2:]
    assert "60 of 60 right" in there.splitlines()[-1]


@pytest.mark.parametrize("number", ["11", *(pytest.param(n, marks=pytest.mark.slow) for n in ("12", "13"))])
def test_lessons_11_to_13_without_matplotlib_name_the_extra(number, run, without):
    without("matplotlib")
    smaller = SMALLER.get(number)
    old_notebook = read(lesson(number))
    new_notebook = run(with_settings(read(lesson(number)), smaller) if smaller else read(lesson(number)))
    (plot,) = (cell for cell in code_cells(new_notebook) if varies(cell))
    ((_, text),) = text_of(plot)
    assert 'matplotlib is not installed here (pip install "glassgrad[train]")' in text
    for old, new in (
        zip(code_cells(old_notebook), code_cells(new_notebook), strict=True) if not smaller else ()
    ):
        assert varies(old) or text_of(new) == text_of(old)


def test_lesson_11_autoencoder_beats_its_baselines():
    text = "".join(text for cell in code_cells(read(lesson("11"))) for _, text in text_of(cell))
    mean, straight = (
        float(re.search(rf"{name} +held-out loss (\S+)", text)[1])
        for name in ("the mean picture", "a straight line")
    )
    untrained, trained = (
        float(re.search(rf"{name}held-out loss (\S+)", text)[1]) for name in ("untrained: ", "step 1500   ")
    )
    assert trained < 0.002 < straight / 20 < mean / 20 < untrained / 20
    assert "in order, from end to end: True" in text


def test_lesson_12_policy_with_baseline_nearly_reaches_the_best_return():
    text = "".join(text for cell in code_cells(read(lesson("12"))) for _, text in text_of(cell))
    best, chance = map(float, re.search(r"best (\S+), at random (\S+)", text).groups())
    curves = re.findall(r"^(with|without) +\d   (.*)$", text, re.M)
    with_, without = (
        [[float(x) for x in row.split()] for name, row in curves if name == kind]
        for kind in ("with", "without")
    )
    assert len(with_) == len(without) == 3
    assert all(abs(row[0] - chance) < 0.1 and best - 0.1 < row[-1] <= best for row in with_)
    assert sum(row[-1] < -1.0 for row in without) == 2, "the lesson states this about the baseline"


def test_lesson_13_meta_learned_start_beats_both_others():
    text = "".join(text for cell in code_cells(read(lesson("13"))) for _, text in text_of(cell))
    rows = re.findall(r"^(untrained|joint|meta-learned) +(\S+) +(\S+) +(\S+) \(rate", text, re.M)
    after = {name: (float(same), float(own)) for name, _, same, own in rows}
    assert after["meta-learned"][1] < 0.2
    for rival in ("untrained", "joint"):
        assert after["meta-learned"][0] < after[rival][0] / 3
        assert after["meta-learned"][1] < after[rival][1] / 2


def test_lesson_05_without_torch_and_matplotlib_shows_text(run, without):
    without("torch", "matplotlib")
    old_notebook = read(lesson("05"))
    new_notebook = run(read(lesson("05")))
    paths, torch = (cell for cell in code_cells(new_notebook) if varies(cell))
    ((_, text),) = text_of(paths)
    assert 'matplotlib is not installed here (pip install "glassgrad[train]")' in text
    assert text.count("(10.00, 1.00)") == 4
    ((_, text),) = text_of(torch)
    assert "PyTorch is not installed here" in text
    equal = re.findall(r"PyTorch (\S+)   Value (\S+)", text)
    assert len(equal) == 4
    assert all(torch_value == value for torch_value, value in equal)
    for old, new in zip(code_cells(old_notebook), code_cells(new_notebook), strict=True):
        assert varies(old) or text_of(new) == text_of(old)


@pytest.mark.slow
def test_lesson_14_without_matplotlib_shows_loss_and_attention_as_text(run, without):
    pytest.importorskip("names")
    without("matplotlib")
    fresh = run(with_settings(read(lesson("14")), SMALLER["14"]))
    curve, looks = (cell for cell in code_cells(fresh) if varies(cell))
    ((_, text),) = text_of(curve)
    assert 'matplotlib is not installed here (pip install "glassgrad[train]")' in text
    losses = [float(loss) for loss in re.findall(r"^step +\d+   (\S+)  █", text, re.M)]
    assert len(losses) >= 10
    assert losses[0] > 3.2 > 2.5 > losses[-1]
    ((_, text),) = text_of(looks)
    assert 'matplotlib is not installed here (pip install "glassgrad[train]")' in text
    _, *heads = text.split("\nhead ")
    assert len(heads) == 4
    for head in heads:
        _, letters, *rows = head.rstrip("\n").splitlines()
        assert [row.split()[0] for row in rows] == letters.split()
        assert [len(row) for row in rows] == [4 + 2 * i + 1 for i in range(len(rows))], "never ahead"
        assert rows[0].endswith("█"), "the first token can only look at itself"


@notebooks
def test_notebook_is_saved_as_run_from_top_to_bottom(path):
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert not any(output.output_type == "error" for output in cell.outputs), cell.source
        assert not any(output.get("name") == "stderr" for output in cell.outputs), cell.source
        shows = re.search(rf"^(?:{'|'.join(VIEWS)}|display|print)\(", cell.source, re.M)
        assert cell.outputs or not shows, f"shows something, but no output is saved:\n{cell.source}"


@notebooks
def test_pictures_are_saved_as_svg_png_and_text(path):
    """A trusted notebook shows the SVG, an untrusted one the PNG, a terminal the text."""
    pictures = 0
    for cell in code_cells(read(path)):
        if not re.search(r"^draw\(", cell.source, re.M):
            continue
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert {"image/svg+xml", "image/png", "text/plain"} <= kinds, cell.source
        pictures += 1
    assert pictures, "a lesson has pictures"


def test_steps_are_saved_as_page_picture_and_text():
    """A trusted notebook runs the script, an untrusted one shows picture and table, a terminal the text."""
    count = 0
    for path in LESSONS:
        for cell in code_cells(read(path)):
            if re.search(r"^steps\(", cell.source, re.M):
                (outputs,) = (output.data for output in cell.outputs if "text/html" in output.get("data", {}))
                for part in ("<script>", "data:image/png;base64,", "<details>", "<table"):
                    assert part in outputs["text/html"], cell.source
                assert outputs["text/plain"].startswith("step ")
                count += 1
    assert count >= 4


def test_the_first_lessons_use_every_view():
    sources = "\n".join(cell.source for path in LESSONS[:4] for cell in code_cells(read(path)))
    for name in VIEWS:
        assert re.search(rf"\b{name}\(", sources), f"no lesson uses {name}"


@notebooks
def test_notebook_is_below_650_kb(path):
    assert path.stat().st_size < 650_000


@notebooks
def test_notebook_contains_no_machine_paths_or_metadata(path):
    notebook = read(path)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata.language_info) == {"name"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}, cell.source
        texts = [cell.source]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            texts += [output.get("text", ""), *(text for kind, text in data.items() if kind != "image/png")]
        for text in texts:
            assert not MACHINE_PATH.search(str(text)), text


@lessons
def test_lesson_is_short_and_has_predictions(path):
    cells = read(path).cells
    lesson, _ = exercises(cells)
    assert 15 <= len(lesson) <= 32
    assert cells[0].source.startswith("# ")
    assert "\n> *" in cells[0].source, "it opens with its question"
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert prose.count("**Predict") >= 3
    for heading in ("## The general rule", "## Change it"):
        assert heading in prose


def exercises(cells):
    """The cells of the lesson, and those from the heading of its exercises on."""
    starts = (i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises"))
    at = next(starts, len(cells))
    return cells[:at], cells[at:]


def test_drawings_have_unique_ids():
    for path in (START, *LESSONS):
        all_ids = set()
        for cell in code_cells(read(path)):
            for output in cell.outputs:
                data = output.get("data", {})
                text = data.get("image/svg+xml", "") + data.get("text/html", "")
                ids = re.findall(r'\bid="([^"]+)"', text)
                assert len(ids) == len(set(ids))
                assert all_ids.isdisjoint(ids)
                all_ids.update(ids)
