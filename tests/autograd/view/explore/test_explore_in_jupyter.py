"""The page of explore() as an output of a notebook: exported, and in JupyterLab, in both themes."""

import json
import math
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest

import autograd
from autograd.view.render.theme import DARK, LIGHT, Theme

from ...._support.browser import chromium, needs_chromium
from .test_explore_in_browser import check, line, state

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
pytestmark = needs_chromium

ROOT = Path(autograd.__file__).parents[1]
SOURCE = """\
from autograd import Value, explore
w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
loss = (w * x - y) ** 2
loss.label = "loss"
explore(loss, train=w)"""

#: The color of data, as the page computes it.
COLOR = """() => getComputedStyle(document.querySelector(".glassgrad-explorer").shadowRoot
  .querySelector("text.data")).fill"""

themes = pytest.mark.parametrize(("theme", "colors"), [("light", LIGHT), ("dark", DARK)])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from chromium()


@pytest.fixture
def notebook() -> Any:
    cell = nbformat.v4.new_code_cell(SOURCE)
    kernel = {"name": "python3", "display_name": "Python 3"}
    return nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})


def use(page: Any, colors: Theme) -> None:
    """Drag a card, take a step, fix a Value, and compare the numbers and a color."""
    check(page, line())
    assert page.evaluate(COLOR) == f"rgb({', '.join(map(str, bytes.fromhex(colors.data[1:])))})"
    page.locator(".picture g.node").first.hover()
    page.mouse.down()
    box = page.locator(".picture g.node").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 + 20.0, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    w = state(page)["leaves"]["w"]["data"]
    assert 2.0 < w <= 4.0
    check(page, line(w))
    page.locator("button.step").click()
    w -= 0.01 * 10.0 * (5.0 * w - 12.0)
    assert math.isclose(state(page)["leaves"]["w"]["data"], w, rel_tol=1e-12)
    page.get_by_label("w", exact=True).press("ArrowRight")  # the arrow keys belong to the page
    assert state(page)["leaves"]["w"]["data"] > w
    page.locator(".picture g.opens").first.click()
    page.keyboard.type("11")
    assert state(page)["leaves"]["v₁"]["data"] == 11.0


@themes
def test_exported_notebook(
    notebook: Any,
    browser: Any,
    tmp_path: Path,
    theme: str,
    colors: Theme,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nbclient, nbconvert = pytest.importorskip("nbclient"), pytest.importorskip("nbconvert")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    nbclient.NotebookClient(notebook, timeout=300).execute()
    html, _ = nbconvert.HTMLExporter(template_name="lab", theme=theme).from_notebook_node(notebook)
    path = tmp_path / "notebook.html"
    path.write_text(html, encoding="utf-8")
    page = browser.new_page(offline=True)
    page.goto(path.as_uri())
    use(page, colors)
    page.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server of JupyterLab with a folder of its own: its address, and the folder."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = ["CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"]
    environment = {**os.environ, **{f"JUPYTER_{place}": str(folder / place) for place in places}}
    environment |= {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "PYTHONPATH": str(ROOT)}
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    options += [f"--ServerApp.root_dir={folder}", "--IdentityProvider.token="]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    while server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api/status").close()
            break
        except urllib.error.URLError:
            sleep(0.1)
    yield address, folder
    server.terminate()
    server.wait()


@pytest.mark.slow
@themes
def test_cell_in_jupyterlab(
    notebook: Any, browser: Any, lab: tuple[str, Path], theme: str, colors: Theme
) -> None:
    address, folder = lab
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": f"JupyterLab {theme.title()}"}))
    news = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(news))
    nbformat.write(notebook, folder / f"{theme}.ipynb")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{address}/lab/tree/{theme}.ipynb?reset")
    page.locator(".jp-Notebook .cm-content").first.click(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    page.keyboard.press("Shift+Enter")
    page.locator(".glassgrad-explorer").wait_for(timeout=60_000)
    use(page, colors)
    page.close()
