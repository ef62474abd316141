"""Shared by all tests: ``--no-skips`` for CI, and fixtures for Ctrl-C, the collector and the table."""

import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from autograd import user_primitives

from ._support.table import forget

# No example has a time limit: CI machines are shared.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


class OwnPrimitives:
    """A plugin, because a fixture of this file would not reach the doctests of the packages."""

    @pytest.fixture(autouse=True)
    def own_primitives(self) -> Iterator[None]:
        """Remove the primitives that a test has added from the table again."""
        before = {*user_primitives.added}
        yield
        for name in user_primitives.added.keys() - before:
            forget(name)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(OwnPrimitives())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail the run if any test was skipped")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.getoption("--no-skips") and skipped:
        reporter.write_line(f"{len(skipped)} tests were skipped, and --no-skips was given", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, here and in child processes.

    A shell that runs the tests in the background ignores Ctrl-C, and child processes inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Disable the garbage collector, so that only reference counting frees memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
