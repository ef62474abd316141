"""Interrupts, and errors of memory, disk or permission: no state is corrupt, and messages are clear."""

from __future__ import annotations

import gc
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value, compile, detect_anomaly, draw, explain, grad, hessian, no_grad, show, steps
from autograd.modes import active, open_modes
from nn import MLP, SGD, Adam, Module, Optimizer, RMSprop, load, mse_loss, save

from .._support import faults
from .._support.faults import lines_of, moments, stopped_at

ROOT = Path(autograd.__file__).parents[1]

#: The number of moments of each that are tried.
MOST = 60
each_seed = pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 9))]
)

INPUTS = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]]
TARGETS = [1.0, -1.0, 0.5]


def nothing_is_left_on() -> bool:
    """Return True if no mode is open, so that the thread records."""
    return not open_modes() and autograd.is_grad_enabled() and not (Value(1.0) * 2.0).is_leaf


def loss_of(model: Any) -> Value:
    return mse_loss([model(x) for x in INPUTS], TARGETS)


def gradients(model: Module) -> list[float]:
    for p in model.parameters():
        p.zero_grad()
    loss_of(model).backward()
    return [p.grad for p in model.parameters()]


@pytest.fixture(autouse=True)
def _modes_are_closed() -> Iterator[None]:
    yield
    modes = open_modes()
    for mode in modes:  # so that one failure is not that of the next tests as well
        mode.__exit__()
    gc.collect()
    assert not modes
    assert not active


# Forward and backward -----------------------------------------------------------------------------


def _hessian(model: MLP) -> Any:
    return hessian(lambda a, b: model([a, b]) ** 2, [0.5, 1.0])


def _watched(model: MLP) -> None:
    with detect_anomaly():
        loss_of(model).backward()


def _without_grad(model: MLP) -> None:
    with no_grad():
        loss_of(model)


COMPUTING: dict[str, Callable[[MLP], Any]] = {
    "forward": loss_of,
    "both passes": lambda model: loss_of(model).backward(),
    "grad": lambda model: grad(loss_of(model), model.parameters(), create_graph=True),
    "hessian": _hessian,
    "detect_anomaly": _watched,
    "no_grad": _without_grad,
    "explain": lambda model: repr(explain(loss_of(model), model.parameters()[0])),
    "draw": lambda model: str(draw(loss_of(model))),
    "show": lambda model: str(show(loss_of(model))),
    "steps": lambda model: repr(steps(loss_of(model))),
}


@each_seed
@pytest.mark.parametrize("what", COMPUTING)
def test_zero_grad_recovers_after_an_interrupt(what: str, seed: int) -> None:
    run, model = COMPUTING[what], MLP(2, [3, 1], "tanh", seed=0)
    before, expected = model.state_dict(), gradients(model)
    run(model)  # what is made when it is first needed is there
    for number, error in moments(lines_of(lambda: run(model)), MOST, seed):
        assert stopped_at(number, lambda: run(model), error)
        assert nothing_is_left_on(), faults.where
        assert model.state_dict() == before
        assert gradients(model) == expected, faults.where


# A step is atomic ---------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[[list[Any]], Optimizer]] = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1),
    "momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: Adam(parameters, lr=0.1),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=0.1),
}
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


class Training:
    """A model and its optimizer, after some steps."""

    def __init__(self, name: str, steps: int = 0, compiled: bool = False) -> None:
        self.model = MLP(2, [3, 1], "tanh", seed=0)
        self.optimizer = OPTIMIZERS[name](self.model.parameters())
        self.compiled = None
        if compiled:
            self.compiled = compile(lambda X, y: self.loss(X, y), self.optimizer, backend="python")
        for _ in range(steps):
            self.step()

    def loss(self, X: Any, y: Any) -> Value:
        return mse_loss([self.model(x) for x in X], y)

    def step(self) -> None:
        if self.compiled is not None:
            self.compiled(INPUTS, TARGETS)
            return
        loss = self.loss(INPUTS, TARGETS)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @property
    def numbers(self) -> list[float]:
        """Parameters and what the optimizer keeps of them."""
        state = [x for row in self.optimizer.state for x in row]
        return [*(p.data for p in self.model.parameters()), *state]


def close(a: list[float], b: list[float]) -> bool:
    return a == pytest.approx(b, rel=1e-9, abs=1e-12)


@each_seed
@each_optimizer
def test_interrupted_step_is_atomic(name: str, seed: int) -> None:
    before, after, later = (Training(name, n).numbers for n in (2, 3, 4))
    total = lines_of(Training(name, 2).step)
    count = 0
    for number, error in moments(total, 2 * MOST, seed):
        training = Training(name, 2)
        assert stopped_at(number, training.step, error)
        assert nothing_is_left_on(), faults.where
        assert training.numbers in (before, after), faults.where
        whole = training.numbers == after
        count += whole
        training.step()
        assert training.numbers == (later if whole else after), faults.where
    assert count < MOST


@pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="CPython 3.12 inlines comprehensions, and no handler catches what a trace function raises in one",
)
def test_update_interrupted_at_any_line_changes_nothing() -> None:
    """Interrupt every line of ``step()`` of an optimizer whose rule divides by 0, on Values."""
    for number in range(1, 10**4):
        parameters = [Value(1.0), Value(2.0), Value(3.0)]
        optimizer = Adam(parameters, lr=0.1, eps=0.0)
        for p, g in zip(parameters, (0.5, 0.0, 0.25)):
            p.grad = g
        if not stopped_at(number, optimizer.step, MemoryError):
            break
        assert [p.data for p in parameters] == [1.0, 2.0, 3.0], faults.where
        assert optimizer.state == [[0.0] * len(optimizer.state_names)] * 3
        assert nothing_is_left_on(), faults.where
    assert 100 < number < 10**4 - 1


@each_seed
@each_optimizer
@pytest.mark.parametrize("calls", [0, 1, 2])
def test_interrupted_compiled_step_is_atomic(name: str, calls: int, seed: int) -> None:
    """The first call is traced, the second is audited, the third is replayed."""
    before, after, later = (Training(name, n).numbers for n in (calls, calls + 1, calls + 2))
    Training(name, calls, compiled=True).step()
    total = lines_of(Training(name, calls, compiled=True).step)
    for number, error in moments(total, MOST // 2, seed):
        training = Training(name, calls, compiled=True)
        assert stopped_at(number, training.step, error)
        assert nothing_is_left_on(), faults.where
        whole = close(training.numbers, after)
        assert whole or close(training.numbers, before), faults.where
        training.step()
        assert close(training.numbers, later if whole else after), faults.where


@each_seed
def test_interrupted_run_of_compiled_steps_ends_after_a_whole_one(seed: int) -> None:
    path = [Training("adam", n).numbers for n in range(9)]

    def run(training: Training) -> None:
        assert training.compiled is not None
        training.compiled.run(5, INPUTS, TARGETS)

    first = Training("adam", 2, compiled=True)
    total = lines_of(lambda: run(first))
    for number, error in moments(total, MOST, seed):
        training = Training("adam", 2, compiled=True)
        assert stopped_at(number, lambda t=training: run(t), error)
        matches = [n for n, numbers in enumerate(path) if close(training.numbers, numbers)]
        assert len(matches) == 1, faults.where
        training.step()
        assert close(training.numbers, path[matches[0] + 1])


def test_interrupted_load_is_atomic() -> None:
    old, new = (MLP(2, [3, 1], seed=seed).state_dict() for seed in (0, 1))
    for number in range(1, 10**6):
        model = MLP(2, [3, 1], seed=0)
        if not stopped_at(number, lambda m=model: m.load_state_dict(new), KeyboardInterrupt):
            break
        assert model.state_dict() in (old, new), faults.where
    assert number > 20


# Saving -------------------------------------------------------------------------------------------


def _root() -> Value:
    w, x = Value(2.0, label="w"), Value(5.0, label="x")
    return (w * x - 12.0) ** 2


SAVING: dict[str, Callable[[Path], Any]] = {
    "model.json": lambda path: save(MLP(2, [2, 1], seed=0), path),
    "graph.dot": lambda path: draw(_root()).save(path),
    "graph.svg": lambda path: draw(_root()).save(path),
    "steps.html": lambda path: steps(_root()).save(path),
}
each_file = pytest.mark.parametrize("name", SAVING)


def content(path: Path) -> bytes:
    """Return the content of a file without the number that makes the ids of a drawing unique."""
    dash = rb"(?:-|&#45;)"  # as Graphviz writes it
    return re.sub(rb"(glassgrad%b[0-9a-f]{8})%b[0-9]+" % (dash, dash), rb"\1", path.read_bytes())


@each_seed
@each_file
def test_interrupted_save_is_atomic(tmp_path: Path, name: str, seed: int) -> None:
    path = tmp_path / name
    SAVING[name](path)
    new, old = content(path), b"what was there"
    for number, error in moments(lines_of(lambda: SAVING[name](path)), MOST // 2, seed):
        path.write_bytes(old)
        assert stopped_at(number, lambda: SAVING[name](path), error)
        assert content(path) in (old, new), faults.where
        assert [*tmp_path.iterdir()] == [path], faults.where
    assert content(path) in (old, new)


#: Each writes the second file it is given over and over, in turn as two different ones.
WRITING = {
    "graph.dot": "a, b = draw(Value(2.0) * 3.0), draw(sum([Value(2.0) for _ in range(300)]))",
    "steps.html": "a, b = steps(Value(2.0) * 3.0), steps(sum([Value(2.0) for _ in range(300)]))",
}
WRITES = """
import itertools, sys
from autograd import Value, draw, steps, sum
{both}
a.save(sys.argv[1]), b.save(sys.argv[2])
print("saved", flush=True)
for i in itertools.count():
    (a, b)[i % 2].save(sys.argv[3])
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="as POSIX has it")


@posix
@pytest.mark.parametrize("name", WRITING)
def test_killed_save_is_atomic(tmp_path: Path, name: str) -> None:
    """tests/nn/saving/test_saving.py does the same with nn.save."""
    rng = random.Random(name)
    files = [tmp_path / f"{n}-{name}" for n in ("first", "second", "either")]
    files[2].write_bytes(b"the old one")
    for _ in range(6):
        arguments = [sys.executable, "-c", WRITES.format(both=WRITING[name]), *files]
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"saved\n"
        time.sleep(rng.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        first, second, either = (file.read_bytes() for file in files)
        assert either.endswith((first[-4:], b"the old one"))
        assert abs(len(first) - len(second)) > 1000  # one written over the other would show
        assert all(other.name.startswith(".glassgrad-") for other in {*tmp_path.iterdir()} - {*files})
    SAVING[name](files[2])
    assert {*tmp_path.iterdir()} == {*files}


#: Writes the file it is given, and waits for a line at the moment before it is renamed.
WAITING = """
import os, sys
from nn import save
fsync = os.fsync
def wait(descriptor):
    fsync(descriptor)
    print("waiting", flush=True)
    sys.stdin.readline()
os.fsync = wait
save({"x": 3.0}, sys.argv[1])
"""


@posix
def test_save_removes_files_of_killed_saves_and_not_of_a_running_one(tmp_path: Path) -> None:
    path, other = tmp_path / "model.json", tmp_path / "other.json"
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WAITING, file],
                    cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )
            for file in (path, path, path, other)
        ]  # fmt: skip
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
        assert len([*tmp_path.iterdir()]) == 4
        for process in (processes[0], processes[1], processes[3]):
            process.kill()
            process.wait()
        save({"x": 2.0}, path)
        assert load(path) == {"x": 2.0}
        assert len({*tmp_path.iterdir()} - {path}) == 2  # of the running save, and of the other name
        processes[2].communicate("\n\n")  # it forces the folder to the disk too
        assert processes[2].returncode == 0
    assert load(path) == {"x": 3.0}
    save({"x": 1.0}, other)
    assert {*tmp_path.iterdir()} == {path, other}


def test_saves_of_one_name_in_threads_do_not_remove_each_other(tmp_path: Path) -> None:
    path = tmp_path / "model.json"

    def write(x: float) -> None:
        for _ in range(30):
            save({"x": x}, path)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(write, float(x)) for x in range(8)]:
            future.result()
    assert load(path)["x"] in range(8)
    assert [*tmp_path.iterdir()] == [path]


# Errors of the system -----------------------------------------------------------------------------


@each_file
def test_read_only_file_is_not_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("the old one")
    path.chmod(0o444)
    remedy = f"is read-only; make it writable or save under another name: .*{name}"
    with pytest.raises(PermissionError, match=remedy):
        SAVING[name](path)
    assert path.read_text() == "the old one"
    assert [*tmp_path.iterdir()] == [path]
    path.chmod(0o644)
    SAVING[name](path)
    assert path.read_text() != "the old one"


#: Root's file, in a folder that everyone may write to.
OVER_A_FILE_OF_ANOTHER = """
try:
    draw(Value(2.0)).save(f"{sys.argv[1]}/graph.dot")
except PermissionError as error:
    print(error)
"""


@posix
def test_file_of_another_user_is_not_replaced(locked: Path) -> None:
    path = locked / "graph.dot"
    path.write_text("the old one")
    path.chmod(0o644 if not os.geteuid() else 0o444)
    locked.chmod(0o777)
    result = subprocess.run(
        [sys.executable, "-c", AS_NOBODY + OVER_A_FILE_OF_ANOTHER, locked],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.stderr == ""
    assert result.stdout.startswith("[Errno 13] this file is read-only; make it writable")
    assert path.read_text() == "the old one"
    assert [*locked.iterdir()] == [path]


#: Saves what the file's name says, where no file may have more than 100 bytes.
ON_A_FULL_DISK = """
import resource, sys
from autograd import Value, draw, steps
from nn import MLP, save
path = sys.argv[1]
what = draw(Value(2.0) * 3.0) if "graph" in path else steps(Value(2.0) * 3.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    save(MLP(2, [8, 1]), path) if "model" in path else what.save(path)
except OSError as error:
    print(error)
"""


@posix
@pytest.mark.parametrize("name", [*SAVING, "graph.png", "steps.gif"])
def test_full_disk_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("the old one")
    result = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, path], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert result.stderr == ""
    assert result.stdout.startswith("[Errno 27]")
    assert path.read_text() == "the old one"
    assert [*tmp_path.iterdir()] == [path]


@pytest.fixture
def locked() -> Iterator[Path]:
    """Create a read-only folder that every user can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        yield Path(folder)
        os.chmod(folder, 0o755)


#: Once as one is, so that everything is imported: nobody may not be allowed to read it.
AS_NOBODY = """
import contextlib, io, os, sys, tempfile
from autograd import Value, draw, steps
from autograd.__main__ import main
with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
    main(["x*x", "x=2", "--out", f"{folder}/g.dot"])
    steps(Value(2.0)).save(f"{folder}/steps.html")
if not os.geteuid():
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
"""
IN_A_LOCKED_FOLDER = """
for what, name in ((draw(Value(2.0)), "graph.dot"), (steps(Value(2.0)), "steps.html")):
    try:
        what.save(f"{sys.argv[1]}/{name}")
    except PermissionError as error:
        print(error)
"""


@posix
def test_unwritable_folder_is_named(locked: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", AS_NOBODY + IN_A_LOCKED_FOLDER, locked],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stderr == ""
    assert result.stdout == "".join(
        f"[Errno 13] this folder cannot be written to; save elsewhere: '{locked}/{name}'\n"
        for name in ("graph.dot", "steps.html")
    )


@posix
def test_command_names_an_unwritable_folder(locked: Path) -> None:
    script = AS_NOBODY + "sys.exit(main(sys.argv[1:]))"
    result = subprocess.run(
        [sys.executable, "-c", script, "x*x", "x=2", "--out", locked / "g.dot"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 1
    assert "∂out/∂x" in result.stdout or "∂loss/∂x" in result.stdout
    assert result.stderr == (
        "\npython -m autograd: the picture could not be made: "
        f"[Errno 13] this folder cannot be written to; save elsewhere: '{locked}/g.dot'\n"
    )


full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")


@full
def test_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    for name in SAVING:
        (tmp_path / name).symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left"):
            SAVING[name](tmp_path / name)
    assert Path("/dev/full").is_char_device()


COMMANDS = {"autograd": ["autograd", "x*x", "x=2", "--out"], "nn": ["nn", "--steps", "1", "--out"]}
each_command = pytest.mark.parametrize("module", COMMANDS)


def shell(module: str, folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell that contains the command."""
    out = folder / ("g.dot" if module == "autograd" else "moons.png")
    command = shlex.join([sys.executable, "-m", *COMMANDS[module], str(out)])
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "dumb"}
    return subprocess.run(
        ["sh", "-c", line.format(command)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@full
@each_command
def test_full_output_is_reported_in_a_line(tmp_path: Path, module: str) -> None:
    result = shell(module, tmp_path, "{} > /dev/full")
    assert result.returncode == 1
    lines = result.stderr.replace("\r", "\n").strip().split("\n")
    assert lines[-1] == (
        f"python -m {module}: the output could not be written: [Errno 28] No space left on device"
    )
    assert "Traceback" not in result.stderr


@posix
@each_command
def test_closed_pipe_is_not_an_error(tmp_path: Path, module: str) -> None:
    result = shell(module, tmp_path, "{{ {} 2> said; echo $? > code; }} | head -n 1")
    assert len(result.stdout.splitlines()) == 1
    assert (tmp_path / "code").read_text() in (["0\n"] if module == "autograd" else ["0\n", "1\n"])
    assert "Error" not in (tmp_path / "said").read_text()


@posix
@each_command
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_stream_is_not_an_error(tmp_path: Path, module: str, closed: str) -> None:
    result = shell(module, tmp_path, f"{{}} {closed}")
    assert "Traceback" not in result.stdout + result.stderr
    assert result.returncode == (0 if module == "autograd" else 1)  # one step is not enough to be right
    if module == "autograd":
        assert (tmp_path / "g.dot").read_text().startswith("digraph")


@posix
@pytest.mark.usefixtures("interruptible")
@each_command
def test_interrupt_ends_the_command_quietly(tmp_path: Path, module: str) -> None:
    slow = {
        "autograd": "import time, autograd.__main__ as m; m.compute = lambda *_: time.sleep(60)",
        "nn": "import nn.__main__ as m; m._right = lambda *_: 0",
    }[module]
    script = f"import sys; {slow}; print('begun', flush=True); sys.exit(m.command())"
    with subprocess.Popen(
        [sys.executable, "-c", script, *(["--steps", "1000000"] if module == "nn" else [])],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors


# Real signals -------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a timer of POSIX")
def test_step_after_real_interrupts_is_atomic() -> None:
    """The interrupt comes wherever Python handles signals, not only before a line."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    gc.collect()
    gc.disable()  # whose finalisers and callbacks would swallow the interrupt
    rng = random.Random(0)
    trainings = [Training("adam"), Training("adam", compiled=True)]
    old = signal.signal(signal.SIGALRM, interrupt)
    stopped = 0
    try:
        for number in range(200):
            training = trainings[number % 2]
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 2e-3))
                for _ in range(100):
                    training.step()
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            except KeyboardInterrupt:
                stopped += 1
            assert nothing_is_left_on()
            (count,) = {row[0] for row in training.optimizer.state}  # the steps, by each parameter's count
            assert count == int(count)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, old)
        gc.enable()
    assert stopped > 20
    for training in trainings:
        reference = Training("adam", int(training.optimizer.state[0][0]))
        assert close(training.numbers, reference.numbers)
