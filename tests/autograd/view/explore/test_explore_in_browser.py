"""The page of explore() used as a person uses it: every number is compared with Python's."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, explore, gelu, relu, replaced, tanh, topological_order
from autograd.nodes import all_gradients
from autograd.view.notation.names import format_gradient, format_number
from autograd.view.render.theme import DARK, LIGHT, Theme
from nn import MLP, mse_loss

from ...._support.browser import chromium, needs_chromium

pytestmark = needs_chromium
Build = Callable[..., Value]

STATE = """() => [...document.querySelectorAll(".glassgrad-explorer")].map((host) => {
  const page = host.shadowRoot;
  const text = (selector) => page.querySelector(selector)?.textContent;
  return {
    leaves: Object.fromEntries([...page.querySelectorAll("tbody tr")].map((row) => [
      row.querySelector("th").textContent,
      { data: Number(row.dataset.data), grad: Number(row.dataset.grad),
        shown: row.lastElementChild.textContent,
        box: row.querySelector("input[type=number]").value,
        trained: row.querySelector("input").checked,
        isHidden: row.hidden },
    ])),
    cards: Object.fromEntries([...page.querySelectorAll(".picture g.node")].map((card) => {
      const texts = [...card.querySelectorAll("text")].map((text) => text.textContent.trim());
      return [card.querySelector("title")?.textContent, texts];
    })),
    label: page.querySelector(".picture svg").getAttribute("aria-label"),
    message: text(".message"),
    slope: text(".slope p"),
    status: text(".status"),
    background: getComputedStyle(host).backgroundColor,
  };
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from chromium()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A function that opens pages, and fails the test if a script did or asked the network."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_page(root: Value, fragment: str = "", setting: Any = None, **options: Any) -> Any:
        path = explore(root, **options).save(tmp_path / f"{len(contexts)}.html")
        context = browser.new_context(**(setting or {}))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.append(request.url) if "://" in request.url[5:] else None)
        page.goto(path.as_uri() + fragment)
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [error for error in errors if not error.startswith("file:")]


def settle(page: Any) -> None:
    """Wait until the page is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def state(page: Any, which: int = 0) -> dict[str, Any]:
    settle(page)
    states: list[dict[str, Any]] = page.evaluate(STATE)
    return states[which]


def line(w: float = 2.0, x: float = 5.0, y: float = 12.0) -> Value:
    a, b, c = (Value(v, label=name) for v, name in ((w, "w"), (x, "x"), (y, "y")))
    loss = (a * b - c) ** 2
    loss.label = "loss"
    return loss


def leaves_of(root: Value) -> list[Value]:
    return [value for value in topological_order(root) if value.is_leaf]


def check(page: Any, root: Value, which: int = 0, fixed: str = "") -> dict[str, Any]:
    """Compare every leaf with a graph that Python computed from the same numbers.

    A Value that is fixed is a leaf of that graph. A leaf that is not in it gets no gradient.
    """
    page_state = state(page, which)
    gradients = all_gradients(root)
    for leaf in leaves_of(root):
        row = page_state["leaves"][leaf.label or fixed]
        expected = gradients.get(leaf, 0.0)
        assert row["data"] == leaf.data
        assert math.isclose(row["grad"], expected, rel_tol=1e-12), (leaf, row, expected)
        assert row["shown"] == format_gradient(row["grad"])
    others = page_state["leaves"].keys() - {leaf.label or fixed for leaf in leaves_of(root)}
    assert {page_state["leaves"][name]["grad"] for name in others} <= {0.0}
    assert f"{root.label} = " in page_state["label"]
    assert f"= {format_number(root.data)}, gradient 1" in page_state["label"]
    return page_state


def test_page_shows_the_recorded_graph(open_page: Callable[..., Any]) -> None:
    page_state = check(open_page(line()), line())
    assert page_state["cards"]["w"][-3:] == ["2", "grad", "−20"]
    assert "∂loss/∂w = −20: raise w by 0.02, and loss falls by about 0.4." in page_state["slope"]


def test_keys_and_number_box_move_a_leaf(open_page: Callable[..., Any]) -> None:
    page = open_page(line())
    slider = page.get_by_label("w", exact=True)
    slider.focus()
    moves = {"ArrowRight": 2.2, "Shift+ArrowLeft": 2.16, "PageUp": 3.16, "Home": 0.0, "End": 4.0}
    for key, w in moves.items():
        page.keyboard.press(key)
        check(page, line(w))
    box = page.get_by_label("data of x")
    box.fill("-1.5")
    page_state = check(page, line(4.0, -1.5))
    assert page_state["leaves"]["x"]["box"] == "-1.5"
    box.fill("123456")  # the range grows
    check(page, line(4.0, 123456.0))


def test_card_can_be_dragged(open_page: Callable[..., Any]) -> None:
    page = open_page(line())
    box = page.locator(".picture g.node", has=page.locator("title", has_text="w")).first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30.0, y, steps=5)
    page.mouse.up()
    w = state(page)["leaves"]["w"]["data"]
    assert 2.1 < w <= 4.0
    check(page, line(w))


def test_twenty_steps_and_reset(open_page: Callable[..., Any]) -> None:
    page = open_page(line())
    page.get_by_label("train w").check()
    w = 2.0
    for number in range(1, 21):
        page.locator(".step").click()
        root = line(w)
        w -= 0.01 * all_gradients(root)[leaves_of(root)[0]]
        page_state = check(page, line(w))
        assert page_state["message"].startswith(f"step {number}: w ← ")
    page.locator(".reset").click()
    page_state = check(page, line())
    assert (page_state["message"], page_state["leaves"]["w"]["trained"]) == ("", False)


def test_step_without_a_leaf_to_train_says_so(open_page: Callable[..., Any]) -> None:
    page = open_page(line())
    page.locator(".step").click()
    assert state(page)["message"] == "Choose a leaf to train."


def test_diverging_run_pauses(open_page: Callable[..., Any]) -> None:
    root = line()
    page = open_page(root, train=leaves_of(root), lr=1.0)
    page.locator(".play").click()
    page.get_by_role("button", name="Play").wait_for()
    message = state(page)["message"]
    assert "more than 1e6 times its first value: the steps are too long." in message


def test_run_that_ends_in_nan_pauses(open_page: Callable[..., Any]) -> None:
    w = Value(1e-3, label="w")
    root = w.log() * w
    root.label = "loss"
    page = open_page(root, train=w, lr=1e3, fragment="#leaf0=1")
    page.locator(".play").click()
    page.get_by_role("button", name="Play").wait_for()
    assert "loss nan is not a number: the steps are too long." in state(page)["message"]


def test_dead_relu_lives_again(open_page: Callable[..., Any]) -> None:
    def build(w: float) -> Value:
        leaf = Value(w, label="w")
        out = relu(leaf * 2.0) + gelu(leaf)
        out.label = "out"
        return out

    page = open_page(build(-1.0))
    check(page, build(-1.0))
    page.get_by_label("data of w").fill("0.75")
    check(page, build(0.75))


def test_network_is_its_neurons_and_a_click_lists_parameters(open_page: Callable[..., Any]) -> None:
    inputs, targets = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
    model = MLP(2, [3, 1], activation="tanh", seed=1)

    def loss_of() -> Value:
        loss = mse_loss([model(x) for x in inputs], targets)
        loss.label = "loss"
        return loss

    root = loss_of()
    page = open_page(root, lr=0.1)
    for _ in range(5):
        page.locator(".step").click()
        loss = loss_of()
        gradients = all_gradients(loss)
        for p in model.parameters():
            p.data -= 0.1 * gradients[p]
    loss = loss_of()
    gradients = all_gradients(loss)
    page_state = state(page)
    assert len(page_state["leaves"]) == len(model.parameters())
    rows = [*page_state["leaves"].values()]
    for row, p in zip(rows, model.parameters(), strict=True):
        assert math.isclose(row["data"], p.data, rel_tol=1e-9)
        assert math.isclose(row["grad"], gradients[p], rel_tol=1e-9)
    assert f"loss = {format_number(loss.data)}" in page_state["label"]
    neuron = page.locator(".picture g.node[id$=n0-2]")  # h₂
    neuron.click()
    hidden = [row["isHidden"] for row in state(page)["leaves"].values()]
    assert hidden == [True] * 3 + [False] * 3 + [True] * 7
    neuron.click()
    assert not any(row["isHidden"] for row in state(page)["leaves"].values())


def test_address_leads_to_a_moment(open_page: Callable[..., Any]) -> None:
    page = open_page(line())
    page.get_by_label("data of w").fill("3")
    page.wait_for_function("() => location.hash.includes('leaf0=3')")
    fragment = page.evaluate("() => location.hash")
    other = open_page(line(), fragment=fragment)
    check(other, line(3.0))
    check(open_page(line(), fragment="#leaf0=x&lr=-1&steps=nan"), line())


def test_follows_the_theme_and_announces_the_change(open_page: Callable[..., Any]) -> None:
    light = state(open_page(line(), setting={"color_scheme": "light"}))["background"]
    page = open_page(line(), setting={"color_scheme": "dark"})
    assert state(page)["background"] != light
    page.get_by_label("data of w").fill("2.5")
    page.wait_for_function(
        "() => document.querySelector('.glassgrad-explorer').shadowRoot.querySelector('.status').textContent"
        ".startsWith('loss = 0.25; w = 2.5, gradient 5')"
    )


def widget(root: Value) -> str:
    html: str = explore(root)._repr_mimebundle_()["text/html"]
    return html


@pytest.mark.parametrize(
    ("script", "theme"),
    [
        ("document.body.dataset.jpThemeLight = 'false'", DARK),
        ("document.body.dataset.jpThemeLight = 'true'", LIGHT),
        ("document.body.className = 'vscode-dark'", DARK),
        ("document.body.className = 'vscode-high-contrast'", DARK),
        ("document.body.className = 'vscode-light'", LIGHT),
        ("document.body.className = 'vscode-high-contrast vscode-high-contrast-light'", LIGHT),
        ("document.documentElement.setAttribute('theme', 'dark')", DARK),
    ],
)
def test_theme_of_a_notebook_comes_before_that_of_the_reader(
    browser: Any, tmp_path: Path, script: str, theme: Theme
) -> None:
    """The output is in a container, and its background is that of the editor, as in VS Code."""
    style = "body { --vscode-editor-background: rgb(1, 2, 3) }"
    path = tmp_path / "notebook.html"
    body = f'<style>{style}</style><div class="output_container"><div>{widget(line())}</div></div>'
    path.write_text(f'<!DOCTYPE html><meta charset="utf-8">{body}', encoding="utf-8")
    page = browser.new_page(color_scheme="light" if theme is DARK else "dark")
    page.goto(path.as_uri())
    page.evaluate(script)
    color = page.locator(".picture text.data").first.evaluate("(text) => getComputedStyle(text).fill")
    assert color == f"rgb({', '.join(map(str, bytes.fromhex(theme.data[1:])))})"
    assert state(page)["background"] == "rgb(1, 2, 3)"
    page.close()


def test_nothing_moves_by_itself(open_page: Callable[..., Any]) -> None:
    """Readers who prefer reduced motion need no setting: no style has a transition or an animation."""
    page = open_page(line())
    moving = page.evaluate(
        """() => [...document.querySelector(".glassgrad-explorer").shadowRoot.querySelectorAll("*")]
        .filter((e) => getComputedStyle(e).transitionDuration !== "0s" || e.getAnimations().length).length"""
    )
    assert moving == 0


def test_one_announcement_after_the_last_change(open_page: Callable[..., Any]) -> None:
    page = open_page(line())
    page.wait_for_timeout(500)
    page.evaluate(
        """() => { window.announced = [];
        const status = document.querySelector(".glassgrad-explorer").shadowRoot.querySelector(".status");
        new MutationObserver(() => window.announced.push(status.textContent))
          .observe(status, { childList: true, characterData: true, subtree: true }) }"""
    )
    page.get_by_label("w", exact=True).focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
        settle(page)
    page.wait_for_function("() => window.announced.length")
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.announced") == ["loss = 16; w = 3.2, gradient 40. "]


def test_range_grows_when_it_is_left(open_page: Callable[..., Any]) -> None:
    page = open_page(line())
    slider = page.get_by_label("w", exact=True)
    assert (slider.get_attribute("min"), slider.get_attribute("max")) == ("0", "4")
    slider.press("End")
    for _ in range(3):
        slider.press("ArrowRight")
    assert state(page)["leaves"]["w"]["data"] == 4.6
    assert (slider.get_attribute("min"), slider.get_attribute("max")) == ("0", "5.3")


def test_contribution_of_zero_is_dashed(open_page: Callable[..., Any]) -> None:
    page = open_page(line(w=2.4))
    dashes = page.locator(".picture g[id$=backward] path")
    arrows = dashes.evaluate_all("(paths) => paths.map((path) => path.style.strokeDasharray)")
    assert {*arrows} == {"5, 2"}
    page.get_by_label("data of w").fill("2")
    settle(page)
    arrows = dashes.evaluate_all("(paths) => paths.map((path) => path.style.strokeDasharray)")
    assert {*arrows} == {"none"}


def test_two_pages_in_one_document(browser: Any, tmp_path: Path) -> None:
    widgets = [*map(widget, (line(), line(3.0)))]
    path = tmp_path / "two.html"
    path.write_text(f'<!DOCTYPE html><meta charset="utf-8">{"".join(widgets)}', encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.get_by_label("data of w").nth(1).fill("4")
    check(page, line(), 0)
    check(page, line(4.0), 1)
    page.close()


@pytest.mark.parametrize("special", [math.inf, -math.inf, math.nan, -0.0, 1e300, 5e-324])
def test_special_numbers_agree(special: float, open_page: Callable[..., Any]) -> None:
    def build() -> Value:
        leaf, other = Value(special, label="w"), Value(2.0, label="x")
        out = tanh(leaf * other) + leaf
        out.label = "out"
        return out

    row = state(open_page(build()))["leaves"]["w"]
    (leaf, *_) = leaves_of(build())
    gradient = all_gradients(build())
    expected = next(g for v, g in gradient.items() if v.label == "w")
    assert row["data"] == leaf.data or math.isnan(leaf.data)
    assert row["shown"] == format_gradient(expected)


# A Value that is fixed ----------------------------------------------------------------------------


def example() -> tuple[Value, Value, Value]:
    """Leaves w, x and y, p = w·x, h = tanh(p + y), and the root."""
    w, x, y = (Value(v, label=name) for v, name in ((0.5, "w"), (-1.5, "x"), (0.25, "y")))
    p = w * x
    p.label = "p"
    h = tanh(p + y)
    h.label = "h"
    loss = (h * w - y) ** 2
    loss.label = "loss"
    return loss, p, h


def card(page: Any, name: str) -> Any:
    titles = page.locator("title", has_text=name)
    return page.locator(".picture g.node", has=titles).first


def test_clicked_card_is_fixed_at_the_number_typed(open_page: Callable[..., Any]) -> None:
    loss, p, h = example()
    page = open_page(loss)
    card(page, "p").click()
    page_state = check(page, replaced(loss, p, p.data), fixed="p")
    assert page_state["leaves"]["p"]["box"] == "-0.75"
    assert page_state["message"].startswith("p is fixed: it is not computed")
    page.keyboard.type("2")  # the number is selected
    check(page, replaced(loss, p, 2.0))
    assert page_state["cards"]["p"][-1] == "fixed"
    assert "p fixed at 2, gradient" in state(page)["label"]
    page.keyboard.press("ArrowUp")
    check(page, replaced(loss, p, 2.1))
    card(page, "h").click()  # its operand p gets no gradient
    page.keyboard.type("-.5")
    page_state = check(page, replaced(loss, h, -0.5))
    assert page_state["leaves"]["p"] == {**page_state["leaves"]["p"], "data": 2.1, "grad": 0.0}
    page.get_by_label("release h").click()
    check(page, replaced(loss, p, 2.1))
    page.get_by_label("data of w").fill("3")
    new = replaced(loss, p, 2.1)
    (w,) = [leaf for leaf in leaves_of(new) if leaf.label == "w"]
    check(page, replaced(new, w, 3.0))
    page.get_by_label("release p").click()
    check(page, replaced(loss, w, 3.0))


def test_fixed_value_can_be_dragged_and_is_not_trained(open_page: Callable[..., Any]) -> None:
    loss, _, h = example()
    (w, *_) = leaves_of(loss)
    page = open_page(loss, train=w, lr=0.1)
    card(page, "h").click()
    page.keyboard.press("Tab")
    box = card(page, "h").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 25.0, y, steps=4)
    page.mouse.up()
    number = state(page)["leaves"]["h"]["data"]
    assert -0.4 < number <= 0.6
    check(page, replaced(loss, h, number))
    new = replaced(loss, h, number)
    page.locator(".step").click()
    check(page, replaced(new, w, 0.5 - 0.1 * all_gradients(new)[w]))


def test_value_is_fixed_by_the_keyboard_alone(open_page: Callable[..., Any]) -> None:
    loss, _, h = example()
    page = open_page(loss)
    menu = page.get_by_label("intermediate Value")
    assert menu.locator("option").all_inner_texts()[:2] == ["p = w·x", "v₁ = p + y"]
    menu.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")  # h
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.type("0.125")
    check(page, replaced(loss, h, 0.125))
    assert menu.locator("option", has_text="h = tanh").is_disabled()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")  # the button that releases it
    page.keyboard.press("Enter")
    check(page, loss)
    assert menu.evaluate("(menu) => menu.getRootNode().activeElement === menu && menu.value") == "5"


def test_reset_releases_every_value(open_page: Callable[..., Any]) -> None:
    loss, _, _ = example()
    page = open_page(loss)
    for name in ("p", "h"):
        card(page, name).click()
        page.keyboard.type("7")
    page.locator(".reset").click()
    page_state = check(page, loss)
    assert page_state["leaves"].keys() == {"w", "x", "y"}
    assert page.locator(".fixed, .mark").count() == 0


def test_address_contains_fixed_values(open_page: Callable[..., Any]) -> None:
    loss, _, h = example()
    page = open_page(loss)
    card(page, "h").click()
    page.keyboard.type("0.75")
    page.wait_for_function("() => location.hash.includes('=0.75')")
    other = open_page(example()[0], fragment=page.evaluate("() => location.hash"))
    check(other, replaced(loss, h, 0.75))
    check(open_page(loss, fragment="#fixed4=x&fixed0=2&fixed99=1"), loss)


def test_neuron_of_one_sample_is_fixed_from_the_menu(open_page: Callable[..., Any]) -> None:
    model = MLP(2, [3, 2, 1], activation="tanh", seed=1)
    out = (model([1.0, 2.0]) - 1.0) ** 2
    page = open_page(out)
    menu = page.get_by_label("intermediate Value")
    names = ["h⁽¹⁾₁", "h⁽¹⁾₂", "h⁽¹⁾₃", "h⁽²⁾₁", "h⁽²⁾₂", "ŷ"]
    assert menu.locator("option").all_inner_texts() == names
    neuron = page.locator(".picture g.node[id$=n0-2]")
    neuron.click()  # lists its parameters, and fixes nothing
    assert page.locator("tbody tr:visible").count() == 3
    assert page.locator(".fixed").count() == 0
    neuron.click()
    menu.select_option("h⁽¹⁾₂")
    page.locator(".fix button").click()
    page.keyboard.type("0.5")
    scene = explore(out)._scene
    (output,) = [value for value, name in scene.others.items() if name == "h⁽¹⁾₂"]
    gradients = all_gradients(replaced(out, output, 0.5))
    page_state = state(page)
    rows = [*page_state["leaves"].values()]
    for row, p in zip(rows, model.parameters(), strict=False):
        assert math.isclose(row["grad"], gradients.get(p, 0.0), rel_tol=1e-12)
    assert page_state["leaves"]["h⁽¹⁾₂"]["data"] == 0.5
    assert page.locator(".picture g.fixed[id$=n0-2] circle").count() == 1


def test_neuron_of_several_samples_cannot_be_fixed(open_page: Callable[..., Any]) -> None:
    model = MLP(2, [3, 1], seed=1)
    page = open_page(mse_loss([model([0.0, 1.0]), model([1.0, 0.0])], [0.0, 1.0]))
    assert not page.locator(".fix").is_visible()


def numbers() -> Sequence[float]:
    return [0.5, 1e5, 12345.5, 12346.5, 999.95, 1e-3, 9.9995e-4, 0.1 + 0.2, -2.5, 1e-7, 123456.0, 0.00012345]


def test_numbers_are_written_as_in_python(open_page: Callable[..., Any]) -> None:
    page = open_page(line())
    for v in numbers():
        page.get_by_label("data of w").fill(repr(v))
        assert state(page)["cards"]["w"][-3] == format_number(v)
