"""A warning names what no guard can compare, when the function is traced."""

import argparse
import bz2
import collections
import configparser
import contextlib
import contextvars
import copy
import ctypes
import datetime
import fnmatch
import functools
import gc
import glob
import gzip
import hashlib
import importlib
import io
import json
import logging
import lzma
import math
import multiprocessing
import operator
import os
import re
import shlex
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import types
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy
import pytest

from autograd import CompileWarning, TraceError, Value, compile

from ..._support.outside import CALLS, CHANGES, Config


def test_what_cannot_be_compared_is_named_when_it_is_traced() -> None:
    torch = pytest.importorskip("torch")
    rate = torch.tensor(0.5, dtype=torch.float64)
    w = Value(2.0)
    step = compile(lambda x: w * x * rate.item())
    with pytest.warns(CompileWarning, match=r"it reads rate, a Tensor, which cannot be compared"):
        step(1.0)
    step(2.0)  # without another warning


def test_a_model_of_pytorch_is_named() -> None:
    torch = pytest.importorskip("torch")

    class Local(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("rate", torch.tensor(0.5))

    model, w = Local(), Value(2.0)
    with pytest.warns(
        CompileWarning, match=r"it reads model\._buffers\['rate'\], a Tensor, which cannot be compared"
    ):
        assert compile(lambda x: w * x * float(model.rate))(1.0) == 1.0


def test_a_context_variable_is_named() -> None:
    variable = contextvars.ContextVar("rate", default=0.5)
    w = Value(2.0)
    with pytest.warns(CompileWarning, match="it reads variable, a ContextVar"):
        compile(lambda x: w * x * variable.get())(1.0)


def test_the_parameters_of_a_torch_module_of_the_users_own_are_named() -> None:
    torch = pytest.importorskip("torch")

    class Local(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, x: Any) -> Any:
            return self.scale * x

    model, w = Local(), Value(2.0)
    with pytest.warns(CompileWarning, match=r"it reads model\._parameters\['scale'\], a Parameter"):
        compile(lambda x: w * x * model(1.0).item())(1.0)


def test_what_is_watched_is_compared_in_full() -> None:
    torch = pytest.importorskip("torch")
    rate = torch.tensor(0.5, dtype=torch.float64)
    w = Value(2.0)
    step = compile(lambda x: w * x * rate.item(), watch=[rate])
    for call in range(1, CALLS + 1):
        if call in CHANGES:
            rate += 1.0
        assert step(1.0) == 2.0 * rate.item(), call
    assert not step.fallbacks


def test_attributes_that_no_code_names_are_watched() -> None:
    config = Config()
    read = iter(lambda: config.beta, None).__next__
    w = Value(2.0)
    step = compile(lambda x: w * x * read(), watch=[config])
    with pytest.warns(CompileWarning, match="it reads read, a callable_iterator"):
        step(1.0)
    for config.beta in (0.25, 0.75):
        assert [step(1.0) for _ in range(3)] == [2.0 * config.beta] * 3
    assert len(step.fallbacks) == 1


def test_what_cannot_be_watched() -> None:
    with pytest.raises(TypeError, match=r"watch= cannot compare generator, generator .*cannot be pickled"):
        compile(lambda x: x * 2.0, watch=[(i for i in range(3))])


@pytest.fixture
def databases() -> Iterator[list[sqlite3.Connection]]:
    """A connection, and one of a class of the user's own; Python 3.13 warns if they are not closed."""
    with (
        contextlib.closing(sqlite3.connect(":memory:")) as database,
        contextlib.closing(sqlite3.connect(":memory:", factory=Database)) as own,
    ):
        yield [database, own]


def reads(tmp_path: Path, databases: list[sqlite3.Connection]) -> dict[str, Callable[[], object]]:
    """Calls that read what no guard can compare, by the name that the warning gives."""
    path = tmp_path / "rate"
    database, own = databases
    number, shared = ctypes.c_double(0.5), multiprocessing.Value("d", 0.5)
    exists, directory, read, now = os.path.exists, tmp_path, io.open, datetime.datetime.now
    parser, lock, vectorized = argparse.ArgumentParser(), threading.Lock(), numpy.frompyfunc(float, 1, 1)
    clock, raw, digest, packer = (
        time.gmtime,
        configparser.RawConfigParser(),
        hashlib.sha256(),
        zlib.compressobj(),
    )
    document = tmp_path / "document.xml"
    document.write_text("<a/>")
    return {
        "os.path.exists()": lambda: exists(path),
        "os.listdir()": lambda: os.listdir(),
        "os.getcwd()": lambda: os.getcwd(),
        "glob.glob()": lambda: glob.glob("*"),
        "pathlib.Path.is_file()": lambda: Path("rate").is_file(),
        f"pathlib.{type(path).__name__}.iterdir()": lambda: [*directory.iterdir()],
        "io.open()": lambda: read(os.devnull).close(),
        "importlib.import_module()": lambda: importlib.import_module("this"),
        "builtins.__import__()": lambda: __import__("math"),
        "the subclasses of a class": lambda: Base.__subclasses__(),
        "subprocess.run()": lambda: subprocess.run(["true"]),
        "time.time()": lambda: time.time(),
        "datetime.datetime.now()": lambda: datetime.datetime.now(),
        "datetime.now()": lambda: now(),
        "argparse.ArgumentParser.parse_args()": lambda: parser.parse_args([]),
        "_thread.lock.locked()": lambda: lock.locked(),
        f"{numpy.random.get_state.__module__ or 'numpy.random.mtrand'}.get_state()": lambda: (
            numpy.random.get_state()
        ),
        "vectorized, a ufunc": lambda: vectorized(1.0),
        "time.localtime()": lambda: time.localtime(),
        "time.gmtime()": lambda: clock(),
        "time.strftime()": lambda: time.strftime("%Y"),
        "time.asctime()": lambda: time.asctime(),
        "time.ctime()": lambda: time.ctime(),
        "configparser.ConfigParser.read()": lambda: configparser.ConfigParser().read(path),
        "configparser.RawConfigParser.read()": lambda: raw.read(path),
        "logging.getLogger().isEnabledFor": lambda: logging.getLogger("t").isEnabledFor(10),
        "logging.getLogger().level": lambda: logging.getLogger("t").level,
        "gzip.open()": lambda: gzip.open(os.devnull).close(),
        "bz2.open()": lambda: bz2.open(os.devnull).close(),
        "lzma.open()": lambda: lzma.open(os.devnull).close(),
        "xml.etree.ElementTree.parse()": lambda: ElementTree.parse(document),
        "os.access()": lambda: os.access(path, os.R_OK),
        "os.path.lexists()": lambda: os.path.lexists(path),
        "os.open()": lambda: os.close(os.open(os.devnull, os.O_RDONLY)),
        "os.getuid()": lambda: os.getuid(),
        f"pathlib.{type(path).__name__}.resolve()": lambda: directory.resolve(),
        "digest, a HASH": lambda: digest.digest(),
        "packer, a Compress": lambda: packer.copy().flush(),
        "gc.isenabled()": lambda: gc.isenabled(),
        "sys.getrecursionlimit()": lambda: sys.getrecursionlimit(),
        "threading.active_count()": lambda: threading.active_count(),
        "numpy.loadtxt()": lambda: numpy.loadtxt([str(1.0)]),
        "database, a Connection": lambda: database.execute("select 1").fetchone(),
        "number, a c_double": lambda: number.value,
        "shared, a Synchronized": lambda: shared.value,
        "own, a Database": lambda: own.execute("select 1").fetchone(),
    }


class Base:
    pass


class Database(sqlite3.Connection):
    pass


def test_read_that_no_guard_compares_is_named(tmp_path: Path, databases: list[sqlite3.Connection]) -> None:
    w = Value(2.0)
    for what, read in reads(tmp_path, databases).items():

        def loss(x: Value, read: Callable[[], object] = read) -> Value:
            read()
            return w * x * 2.0

        step = compile(loss, backend="python")
        with pytest.warns(CompileWarning, match=f"it reads {re.escape(what)}"):
            assert step(1.0) == 4.0, what
        assert step(2.0) == 8.0  # without another warning
        with pytest.raises(TraceError, match=f"it reads {re.escape(what)}"):
            compile(loss, strict=True)(1.0)


class Folder:
    """Methods and attributes with the names of functions that read from outside."""

    load, system = 1.0, os

    def walk(self) -> float:
        return 1.0

    def resolve(self, key: str) -> float:
        return {"load": 1.0, "today": 2.0, "open": 3.0}[key]


def with_the_library(x: Value) -> Value:
    parts = [os.path.join("a", "b"), PATH.name, MOMENT.isoformat(), json.dumps([1]), str(Fraction(1, 2))]
    with contextlib.suppress(KeyError), threading.Lock():
        logging.getLogger(__name__).debug("traced")
    print(end="", file=sys.stderr)
    return x * len(copy.deepcopy(parts)) * math.sqrt(statistics.mean([4.0, 4.0]))


def with_other_modules(x: Value) -> Value:
    match = re.match("(a)", "a")
    assert match is not None
    moment = time.gmtime(0)
    text = (
        time.strftime("%Y", moment)
        + time.strftime("%Y", time.gmtime(0))
        + time.asctime(moment)
        + time.ctime(0.0)
    )
    return x * len(shlex.split(match.group(1))) * fnmatch.fnmatch("a", "a") * moment.tm_mon * len(text)


def with_numpy(x: Value) -> Value:
    return x * float(NUMPY["mean"]([1.0]) + CLIP(0.5) + numpy.sqrt(4.0) + RNG(3).random())


def with_names_of_others(x: Value) -> Value:
    return x * FOLDER.walk() * FOLDER.resolve("open") * FOLDER.load * len(os.path.join("system", PATH.name))


def with_proxies(x: Value) -> Value:
    return x * PROXY["rate"] * len(NAME) * eval("rate", NAMES) * get_rate(0)


PATH, MOMENT, FOLDER = Path("a") / "b", datetime.datetime(2000, 1, 1), Folder()
NUMPY, CLIP, RNG = (
    {"mean": numpy.mean},
    functools.partial(numpy.clip, a_min=0, a_max=1),
    numpy.random.default_rng,
)
PROXY, NAME = types.MappingProxyType({"rate": 0.5, "path": PATH}), collections.UserString("abc")
NAMES = {"rate": 0.5}
get_rate = functools.cache(lambda n: 0.5 + n)
CLEAN = [with_the_library, with_other_modules, with_numpy, with_names_of_others, with_proxies]


@pytest.mark.parametrize("loss", CLEAN)
def test_functions_that_read_nothing_outside_need_no_warning(loss: Callable[[Any], Any]) -> None:
    w = Value(2.0)
    step = compile(lambda x: w * loss(x), backend="python")
    for i in range(40):
        get_rate(i)  # its cache grows
        assert step(float(i)) == 2.0 * loss(Value(float(i))).data
    assert len(step._step.causes) == 1


def test_gradient_that_is_read_inside_raises() -> None:
    w = Value(2.0)
    for read in (lambda: w.grad, lambda: operator.attrgetter("grad")(w), lambda: getattr(w, "gr" + "ad")):
        with pytest.raises(TraceError, match=r"\.grad of Value\(2\.0.* Take the gradient by grad\(…"):
            compile(lambda x, read=read: w * x * read())(1.0)


def test_function_that_formats_a_leaf_falls_back() -> None:
    w = Value(2.0)
    step = compile(lambda x: w * x * len(repr(w)))
    with pytest.warns(CompileWarning, match="falls back to eager: it formats or prints a Value"):
        assert step(1.0) == 20.0  # Value(2.0)
    w.data = 2.5e100
    w.zero_grad()
    assert step(1.0) == 2.5e100 * 15.0


def test_attribute_that_is_only_set_is_named() -> None:
    w, config = Value(2.0), Config()

    def loss(x: Any) -> Value:
        config.last = w * x  # type: ignore[attr-defined]
        return w * x

    step = compile(loss)
    with pytest.warns(CompileWarning, match=r"it sets config\.last, which only eager execution does"):
        assert step(1.0) == 2.0
    assert step(3.0) == 6.0  # without another warning
    with pytest.raises(TraceError, match=r"it sets config\.last"):
        compile(loss, strict=True)(1.0)
