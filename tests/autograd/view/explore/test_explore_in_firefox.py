"""The page of explore() in Firefox: keys, pointer, steps, a fixed Value, the address and the dark theme."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, explore, replaced, topological_order
from autograd.nodes import all_gradients
from autograd.view.render.theme import DARK

from ...._support.browser import Firefox, firefox, needs_firefox
from .test_explore_in_browser import check, leaves_of, line, settle, state

pytestmark = needs_firefox

FIND = "document.querySelector('.glassgrad-explorer').shadowRoot.querySelector"

#: Waits until the address contains the number 11.
MOVED = """() => new Promise((done) => {
  const wait = () => location.hash.includes("=11") ? done(location.hash) : setTimeout(wait, 20);
  wait();
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    yield from firefox(tmp_path_factory.mktemp("profile"))


@pytest.fixture
def open_page(browser: Firefox, tmp_path: Path) -> Callable[..., Firefox]:
    def open_page(root: Value, fragment: str = "", **options: Any) -> Firefox:
        browser.goto("about:blank")  # a page with another fragment would not be loaded again
        browser.goto(explore(root, **options).save(tmp_path / "page.html").as_uri() + fragment)
        settle(browser)
        return browser

    return open_page


def focus(page: Firefox, label: str) -> None:
    page.evaluate(f"(label) => {FIND}(`[aria-label='${{label}}']`).focus()", label)


def fill(page: Firefox, label: str, text: str) -> None:
    page.evaluate(f"(label) => {FIND}(`[aria-label='${{label}}']`).select()", label)
    focus(page, label)
    page.press(*text)


def middle(page: Firefox, selector: str) -> tuple[float, float]:
    script = f"""(selector) => {{ const box = {FIND}(selector).getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2] }}"""
    x, y = page.evaluate(script, selector)
    return x, y


def test_keys_and_number_box_move_a_leaf(open_page: Callable[..., Firefox]) -> None:
    page = open_page(line())
    check(page, line())
    focus(page, "w")
    moves = {"ArrowRight": 2.2, "Shift+ArrowLeft": 2.16, "PageUp": 3.16, "Home": 0.0, "End": 4.0}
    for key, w in moves.items():
        page.press(key)
        check(page, line(w))
    fill(page, "data of x", "-1.5")
    page_state = check(page, line(4.0, -1.5))
    assert page_state["leaves"]["x"]["box"] == "-1.5"


def test_card_can_be_dragged(open_page: Callable[..., Firefox]) -> None:
    page = open_page(line())
    x, y = middle(page, ".picture g.node")
    page.drag((x, y), (x + 10.0, y), (x + 30.0, y))
    w = state(page)["leaves"]["w"]["data"]
    assert 2.1 < w <= 4.0
    check(page, line(w))


def test_steps_and_reset(open_page: Callable[..., Firefox]) -> None:
    root = line()
    page = open_page(root, train=leaves_of(root)[0])
    w = 2.0
    for _ in range(5):
        page.drag(middle(page, ".step"))
        root = line(w)
        w -= 0.01 * all_gradients(root)[leaves_of(root)[0]]
        check(page, line(w))
    page.drag(middle(page, ".reset"))
    check(page, line())


def test_fixed_value_and_address(open_page: Callable[..., Firefox]) -> None:
    root = line()
    p = next(v for v in topological_order(root) if not v.is_leaf)
    page = open_page(root)
    page.drag(middle(page, ".picture g.opens"))
    page.press("1", "1")
    check(page, replaced(root, p, 11.0), fixed="v₁")
    fragment = page.evaluate(MOVED)
    check(open_page(root, fragment=fragment), replaced(root, p, 11.0), fixed="v₁")
    page.drag(middle(page, ".release"))
    check(page, root)


def test_dark_theme(open_page: Callable[..., Firefox]) -> None:
    background = state(open_page(line()))["background"]
    assert background == f"rgb({', '.join(map(str, bytes.fromhex(DARK.paper[1:])))})"
