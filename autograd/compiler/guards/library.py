"""Library functions and objects that read from outside: files, clocks, settings, other processes."""

from __future__ import annotations

import abc
import decimal
import sys
from collections.abc import Callable, Set
from types import BuiltinFunctionType
from typing import Any

from ...system.messages import class_name
from ..record.arguments import kind_of
from .content import package_of
from .names import CLOCKS, UNTIMED

#: Modules of the standard library that read nothing but their arguments, or what a guard compares. Functions
#: and objects of all other modules cannot be compared.
_PURE = frozenset({
    "abc", "argparse", "array", "ast", "asyncio", "base64", "binascii", "bisect", "builtins", "bz2",
    "calendar", "cmath", "codecs", "collections", "collections_abc", "colorsys", "concurrent",
    "configparser", "contextlib", "contextvars", "copy", "copyreg", "csv", "dataclasses", "datetime",
    "decimal", "difflib", "dis", "doctest", "enum", "errno", "fnmatch", "fractions", "functools", "graphlib",
    "gzip", "hashlib", "heapq", "hmac", "html", "http", "inspect", "io", "ipaddress", "itertools", "json",
    "keyword", "logging", "lzma", "marshal", "math", "numbers", "opcode", "operator", "optparse", "os",
    "pathlib", "pickle", "platform", "plistlib", "pprint", "pydatetime", "pydecimal", "queue", "random", "re",
    "reprlib", "sched", "secrets", "shlex", "sitebuiltins", "sre", "sre_compile", "sre_parse", "stat",
    "statistics", "string", "struct", "textwrap", "thread", "threading", "token", "tokenize", "tomllib",
    "traceback", "types", "typing", "unicodedata", "unittest", "urllib", "uuid", "warnings", "weakref",
    "weakrefset", "xml", "zlib", "zoneinfo",
})  # fmt: skip
#: Names that read from outside, in modules of which most do not. Methods count where their class is in use.
_READERS = {
    "argparse": {"parse_args", "parse_intermixed_args", "parse_known_args"},
    "builtins": {"__import__", "breakpoint", "input"},
    "bz2": {"BZ2File", "open"},
    "codecs": {"open"},
    "configparser": {"read"},
    "csv": {"field_size_limit", "get_dialect", "list_dialects"},
    "datetime": {"now", "today", "utcnow"},
    "gzip": {"GzipFile", "open"},
    "http": {"HTTPConnection", "HTTPSConnection"},
    "inspect": {"currentframe", "stack"},
    "io": {"FileIO", "open", "open_code"},
    "lzma": {"LZMAFile", "open"},
    "numpy": {"fromfile", "genfromtxt", "get_state", "load", "loadtxt", "memmap"},
    "optparse": {"parse_args"},
    "os": {
        "abspath", "access", "confstr", "cpu_count", "device_encoding", "eventfd_read", "exists",
        "expanduser", "expandvars", "fork", "fpathconf", "fstat", "fstatvfs", "fwalk", "get_blocking",
        "get_inheritable", "get_terminal_size", "getatime", "getctime", "getcwd", "getcwdb", "getegid",
        "geteuid", "getgid", "getgrouplist", "getgroups", "getloadavg", "getlogin", "getmtime", "getpgid",
        "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid", "getsid", "getsize",
        "getuid", "getxattr", "isatty", "isdir", "isfile", "isjunction", "islink", "ismount", "lexists",
        "listdir", "listxattr", "lseek", "lstat", "open", "pathconf", "popen", "pread", "preadv",
        "process_cpu_count", "read", "readlink", "readv", "realpath", "relpath", "samefile", "sameopenfile",
        "scandir", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "stat", "statvfs",
        "sysconf", "system", "tcgetpgrp", "times", "ttyname", "uname", "wait", "wait3", "wait4", "waitid",
        "waitpid", "walk",
    },
    "pandas": {"read_csv", "read_excel", "read_json", "read_parquet", "read_pickle", "read_sql"},
    "pathlib": {
        "absolute", "cwd", "exists", "expanduser", "glob", "group", "home", "is_block_device",
        "is_char_device", "is_dir", "is_fifo", "is_file", "is_junction", "is_mount", "is_socket",
        "is_symlink", "iterdir", "lstat", "open", "owner", "read_bytes", "read_text", "readlink", "resolve",
        "rglob", "samefile", "stat", "walk",
    },
    "random": {"getstate"},
    "thread": {"locked"},
    "threading": {"active_count", "current_thread", "enumerate", "get_ident", "get_native_id"},
    "tokenize": {"open"},
    "torch": {"get_num_threads", "load"},
    "urllib": {"getproxies", "urlopen", "urlretrieve"},
    "uuid": {"getnode"},
    "xml": {"iterparse", "parse"},
    "zoneinfo": {"available_timezones"},
}  # fmt: skip
#: What is read of the objects that a function finds in a registry.
_READ_OF_RESULT = {
    "getLogger": {
        "disabled", "filters", "getChildren", "getEffectiveLevel", "handlers", "hasHandlers", "isEnabledFor",
        "level", "parent", "propagate",
    },
}  # fmt: skip
#: Functions of the module _thread that start a thread.
_STARTERS = frozenset({"start_joinable_thread", "start_new", "start_new_thread"})
#: Names that read nothing, in modules of which most do.
_PURE_NAMES = frozenset({
    "collect", "exc_info", "exit", "getsizeof", "intern", "mktime", "sleep", "strptime",
})  # fmt: skip
#: The packages of which methods read from outside, not only functions.
_WITH_METHODS = frozenset(
    {"argparse", "configparser", "datetime", "optparse", "pathlib", "random", "thread", "xml"}
)
#: The names by which a platform calls what users call otherwise.
_KNOWN_AS = {
    "_io": "io", "genericpath": "os.path", "nt": "os", "ntpath": "os.path", "pathlib._local": "pathlib",
    "posix": "os", "posixpath": "os.path",
}  # fmt: skip


def is_loaded(names: Set[str], owner: str, pairs: Set[tuple[str, str]]) -> set[str]:
    """Return those of the names that code loads from ``owner``, or from an expression without a name.

    Args:
        pairs: As in :class:`Names`.
    """
    return {name for name in names if (owner, name) in pairs or ("", name) in pairs}


def _kind_and_name(x: Any) -> tuple[Any, str]:
    """Return a function or class with its name, or the class of another object and ""."""
    name: object = getattr(x, "__name__", None)
    return (x, name) if callable(x) and isinstance(name, str) else (kind_of(x), "")


def reads_outside(x: Any, owner: str = "", pairs: Set[tuple[str, str]] = frozenset()) -> str:
    """Return what a function, class or object of a library reads that no guard can compare; "" for nothing.

    >>> import os, time
    >>> reads_outside(time.time), reads_outside(os.path.exists), reads_outside(len)
    ('time.time()', 'os.path.exists()', '')

    Args:
        owner: The name by which the code knows it.
        pairs: The attributes that the code loads, as in :class:`Names`.
    """
    kind, name = _kind_and_name(x)
    module: object = getattr(kind, "__module__", None)
    if module is None and (holder := getattr(kind, "__self__", None)) is not None:  # such as datetime.now
        module = getattr(holder if isinstance(holder, type) else kind_of(holder), "__module__", None)
    if not isinstance(module, str):
        return ""
    known = _KNOWN_AS.get(module, module)
    package = known.partition(".")[0].lstrip("_")
    readers = _READERS.get(package, set[str]())
    if name in readers:
        return f"{known}.{name}()"
    if isinstance(kind, type) and package in _WITH_METHODS and (names := is_loaded(readers, owner, pairs)):
        return f"{known}.{class_name(kind)}.{min(names)}()"
    if name in _READ_OF_RESULT and (names := is_loaded(_READ_OF_RESULT[name], owner, pairs)):
        return f"{known}.{name}().{min(names)}"
    if package == "time" and name in CLOCKS and name == owner and (UNTIMED, name) not in pairs:
        return ""  # each call passes a time
    if not _is_impure(known) or name in _PURE_NAMES:
        return ""
    return f"{known}.{name}()" if name else f"an object of {known}.{class_name(kind)}"


def starts_threads(x: Any) -> str:
    """Return what runs functions in other threads, for an object that does; "" for any other object.

    A queue that exists may lead to another thread. A thread that exists starts only once, so two traces of a
    function that starts it differ.

    >>> import threading
    >>> starts_threads(threading.Thread), starts_threads(threading.Lock())
    ('threading.Thread', '')
    """
    if isinstance(x, BuiltinFunctionType):
        return "_thread." + x.__name__ if x.__module__ == "_thread" and x.__name__ in _STARTERS else ""
    for base in (x if isinstance(x, type) else type(x)).__mro__:
        package = package_of(base).lstrip("_")
        if (
            (package == "concurrent" and base.__name__.endswith("Executor"))
            or (package == "threading" and base.__name__ == "Thread" and isinstance(x, type))
            or (package == "queue" and not isinstance(x, type))
        ):
            return f"{package}.{class_name(base)}"
    return ""


def _is_impure(module: str) -> bool:
    package = module.partition(".")[0]
    known = not sys.stdlib_module_names.isdisjoint((package, package.lstrip("_")))
    return known and package.lstrip("_") not in _PURE


def settings_of(package: str, names: Set[str]) -> Callable[[], object] | None:
    """Return a function that reads the settings on which a package's results depend; None if it has none.

    >>> read = settings_of("decimal", set())
    >>> read()
    (28, 'ROUND_HALF_EVEN', -999999, 999999, 1, 0)
    """
    library: Any = sys.modules.get(package)
    if package in ("decimal", "_decimal"):
        return _decimal_settings
    if package == "numpy" and not names.isdisjoint(("__str__", "__format__")):
        return lambda: repr((library.geterr(), library.get_printoptions()))
    if package == "numpy":
        return lambda: library.geterr()
    if package == "torch":
        return lambda: (str(library.get_default_dtype()), library.is_grad_enabled())
    if package == "abc" and "isinstance" in names:
        return abc.get_cache_token
    return None


def _decimal_settings() -> tuple[object, ...]:
    return _settings_in(decimal.getcontext())


def _settings_in(context: decimal.Context) -> tuple[object, ...]:
    return (context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp)


def state_of(x: Any) -> Callable[[], object] | None:
    """Return a function that reads the state of a library object on which its results depend, or None."""
    logging: Any = sys.modules.get("logging")
    if logging is not None and isinstance(x, logging.Logger):
        return lambda: (x.getEffectiveLevel(), x.manager.disable)
    if isinstance(x, decimal.Context):
        return lambda: _settings_in(x)
    return None
