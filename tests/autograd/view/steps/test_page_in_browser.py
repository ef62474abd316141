"""The stepper driven as a person drives it, in a browser: keys, slider, buttons, what it then shows.

CI has Chromium; elsewhere these tests run where playwright and a Chromium are installed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograd import Value, steps
from autograd.view.draw.graphviz import Drawing
from autograd.view.notation.names import format_number
from autograd.view.render.theme import DARK, LIGHT
from autograd.view.steps.step import ForwardStep
from autograd.view.steps.steps import Steps
from autograd.view.steps.timeline import scene_of

from ...._support.browser import chromium, needs_chromium
from ...._support.graphs import chain, first_example, network
from ...._support.hostile import HOSTILE

pytestmark = needs_chromium

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from chromium()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """A function that opens steps, or a page's HTML, and fails the test if a script did."""
    contexts, wrong = [], []

    def show(content: Steps[Any] | str, **settings: Any) -> Any:
        path = tmp_path / f"{len(contexts)}.html"
        if isinstance(content, str):
            path.write_text(f'<!DOCTYPE html><meta charset="utf-8">{content}', encoding="utf-8")
        else:
            content.save(path)
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: wrong.append(request.url) if "://" in request.url[5:] else None)
        page.goto(path.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert not [message for message in wrong if not message.startswith("file:")]


def widget(root: Value) -> str:
    html: str = steps(root)._repr_mimebundle_()["text/html"]
    return html


def state(page: Any, at: int = 0) -> dict[str, Any]:
    """Content of one stepper of a page."""
    result: dict[str, Any] = page.evaluate(
        """at => {
          const page = document.querySelectorAll(".glassgrad-stepper")[at].shadowRoot;
          const key = (element) => element.id.split("-").slice(3).join("-");
          const keys = (selector) => [...page.querySelectorAll(selector)].map(key);
          return {
            count: page.querySelector("output").textContent,
            sentence: page.querySelector(".sentence").textContent,
            equation: page.querySelector("math").textContent,
            grads: Object.fromEntries(
              [...page.querySelectorAll(".node")].filter((card) => card.querySelector(".grad"))
                .map((card) => [key(card), card.querySelector(".grad").textContent])),
            node: keys(".node-now"), operand: keys(".operand-now"), arrow: keys(".arrow-now"),
            faint: keys(".faint"), alt: page.querySelector("svg").getAttribute("aria-label"),
            aside: page.querySelector(".aside").hidden ? "" : page.querySelector(".aside").textContent,
          };
        }""",
        at,
    )
    return result


@pytest.mark.parametrize("forward", [False, True])
def test_the_right_arrow_steps_through_the_pass(show: Open, forward: bool) -> None:
    whole = steps(first_example()[-1], forward=forward)
    scene = scene_of(whole)
    page = show(whole)
    page.get_by_role("slider").focus()
    for step in whole:
        current = state(page)
        focus = scene.focus[step.number]
        assert current["count"] == f"{step.number} / {len(whole) - 1}"
        assert current["grads"] == {key: scene.gradient(key, step.number) for key in scene.gradients}
        assert current["node"] == [focus.node]
        assert current["operand"] == ([focus.operand] if focus.operand else [])
        assert current["arrow"] == ([focus.arrow] if focus.arrow else [])
        assert set(current["faint"]) == {key for key, number in scene.appears.items() if number > step.number}
        last = step.node.data if isinstance(step, ForwardStep) else step.gradient
        assert current["equation"].endswith(f"= {format_number(last)}")
        page.keyboard.press("ArrowRight")
    assert state(page)["count"] == f"{len(whole) - 1} / {len(whole) - 1}"  # and no further
    assert not state(page)["faint"]


def test_before_its_step_a_gradient_is_not_computed_rather_than_zero(show: Open) -> None:
    page = show(steps(first_example()[-1]))
    assert sorted(state(page)["grads"].values()) == ["1", "·", "·", "·", "·", "·"]
    page.get_by_role("slider").press("End")
    assert "·" not in state(page)["grads"].values()


def test_where_gradients_meet_the_sum_so_far_is_shown(show: Open) -> None:
    a = Value(3.0, label="a")
    page = show(steps(a * a + a))
    slider = page.get_by_role("slider")
    (key,) = [key for key, grad in state(page)["grads"].items() if key == "v0"]
    texts = []
    for _ in range(4):
        slider.press("ArrowRight")
        texts.append((state(page)["grads"][key], state(page)["equation"]))
    assert [grad for grad, _ in texts] == ["·", "1", "4", "7"]
    assert [equation.count("total") for _, equation in texts] == [0, 0, 1, 1]
    assert texts[3][1].endswith("total\xa07")


def test_keys_buttons_and_slider_agree(show: Open) -> None:
    page = show(steps(first_example()[-1]))
    slider = page.get_by_role("slider", name="Step")
    back, forward = (page.get_by_role("button", name=f"{name} step") for name in ("Previous", "Next"))
    forward.click()
    forward.press("ArrowRight")
    assert state(page)["count"] == "2 / 5"
    assert slider.input_value() == "2"
    slider.fill("4")
    assert state(page)["sentence"].startswith("w receives from p = w·x")
    back.click()
    assert state(page)["count"] == "3 / 5"
    page.locator(".picture").click()
    page.keyboard.press("ArrowLeft")
    assert state(page)["count"] == "2 / 5"
    slider.press("Home")
    back.click(force=True)  # which playwright takes for disabled
    assert state(page)["count"] == "0 / 5"
    assert back.get_attribute("aria-disabled") == "true"
    assert forward.get_attribute("aria-disabled") == "false"
    page.keyboard.press("Control+ArrowRight")  # the browser's
    assert state(page)["count"] == "0 / 5"


def test_the_keyboard_alone_reaches_everything(show: Open) -> None:
    page = show(steps(first_example()[-1]))
    tags = []
    for _ in range(5):
        page.keyboard.press("Tab")
        tags.append(
            page.evaluate(
                """() => { const inside = document.activeElement.shadowRoot?.activeElement;
                return (inside ?? document.activeElement).tagName }"""
            )
        )
    assert tags == ["BUTTON", "INPUT", "BUTTON", "DIV", "SUMMARY"]
    page.keyboard.press("Enter")
    assert page.locator("table").is_visible()


def test_screen_reader_gets_the_sentence_of_a_step(show: Open) -> None:
    page = show(steps(first_example()[-1]))
    slider = page.get_by_role("slider")
    slider.fill("4")
    assert page.get_by_role("group", name="Backward pass of loss").count() == 1
    assert (slider.get_attribute("aria-valuetext") or "").startswith("step 4 of 5: w receives from p")
    live = page.locator("[aria-live=polite]")
    assert "w receives from p" in live.inner_text()
    assert live.locator("math").count() == 1
    alt = page.get_by_role("img").get_attribute("aria-label")
    assert "w = 2, gradient −20" in alt
    assert "x = 5;" in alt  # not computed yet


def test_several_on_one_page_do_not_disturb_each_other(show: Open) -> None:
    *_, loss = first_example()
    one = widget(loss)
    page = show(one + widget(loss) + one)  # a notebook may show one output in two places
    assert page.locator(".glassgrad-stepper").count() == 3
    page.get_by_role("slider").nth(1).fill("4")
    page.get_by_role("slider").nth(2).fill("5")
    assert [state(page, at)["count"] for at in range(3)] == ["0 / 5", "4 / 5", "5 / 5"]
    assert page.locator("img").count() == 0


def test_without_scripts_the_picture_and_the_table_are_there(show: Open) -> None:
    page = show(steps(first_example()[-1]), java_script_enabled=False)
    image = page.locator("img")
    assert image.is_visible()
    assert (image.bounding_box() or {})["width"] > 500
    assert page.get_by_role("slider").count() == 0
    page.locator("summary").click()
    assert page.locator("tbody tr").count() == 6


@pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_label_is_shown_and_never_executed(show: Open, label: str) -> None:
    a = Value(2.0, label=label)
    root = a * a
    whole = steps(root, forward=True)
    page = show(whole)
    page.get_by_role("slider").press("End")
    name = whole[-1].names[a].replace("\xad", "")
    assert state(page)["sentence"].startswith(name)
    assert name in page.locator(".picture").text_content().replace("\xa0", " ")
    assert page.locator("script").count() == 1


def test_an_image_that_fails_runs_nothing(show: Open) -> None:
    page = show(steps(Value(1.0, label="<img src=x onerror=alert(1)>") * 2.0))
    page.get_by_role("slider").press("End")
    page.wait_for_timeout(100)
    assert state(page)["sentence"].startswith("<img src=x onerror=alert")
    assert page.locator("img").count() == 0


def _colors(page: Any) -> tuple[str, str]:
    colors = page.evaluate(
        """() => { const page = document.querySelector(".glassgrad-stepper").shadowRoot;
        return [".grad", ".page"].map((part) => getComputedStyle(page.querySelector(part)).fill) }"""
    )
    gradient, paper = colors
    return gradient, paper


def _rgb(color: str) -> str:
    return f"rgb({', '.join(map(str, bytes.fromhex(color[1:])))})"


@pytest.mark.parametrize(("scheme", "theme"), [("light", LIGHT), ("dark", DARK)])
def test_page_follows_the_color_scheme_of_the_reader(show: Open, scheme: str, theme: Any) -> None:
    page = show(steps(first_example()[-1]), color_scheme=scheme)
    assert _colors(page) == (_rgb(theme.gradient), _rgb(theme.paper))


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
def test_a_notebook_s_theme_comes_before_the_reader_s_and_may_change(
    show: Open, script: str, theme: Any
) -> None:
    other = "light" if theme is DARK else "dark"
    page = show(widget(first_example()[-1]), color_scheme=other)
    page.evaluate(script)
    assert _colors(page)[0] == _rgb(theme.gradient)


def test_background_is_that_of_the_notebook(show: Open) -> None:
    page = show("<style>body { --jp-layout-color0: rgb(1, 2, 3) }</style>" + widget(first_example()[-1]))
    assert _colors(page)[1] == "rgb(1, 2, 3)"


@pytest.mark.parametrize(("motion", "seconds"), [("reduce", "0s"), ("no-preference", "0.2s")])
def test_reduced_motion_setting_disables_transitions(show: Open, motion: str, seconds: str) -> None:
    page = show(steps(first_example()[-1]), reduced_motion=motion)
    duration = page.evaluate(
        """() => getComputedStyle(document.querySelector(".glassgrad-stepper").shadowRoot
        .querySelector(".edge")).transitionDuration"""
    )
    assert duration == seconds


@pytest.mark.parametrize("width", [360, 1000])
def test_a_wide_picture_follows_the_step(show: Open, width: int) -> None:
    page = show(steps(chain(150)), viewport={"width": width, "height": 800})
    slider = page.get_by_role("slider")
    for at in ("0", "1", "60", "119", "30"):
        slider.fill(at)
        inside = page.evaluate(
            """() => { const page = document.querySelector(".glassgrad-stepper").shadowRoot;
            const frame = page.querySelector(".picture").getBoundingClientRect();
            const part = page.querySelector(".operand-now") ?? page.querySelector(".node-now");
            const box = part.getBoundingClientRect();
            return box.left >= frame.left - 1 && box.right <= frame.right + 1 }"""
        )
        assert inside, at
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    slider.fill("140")
    assert state(page)["aside"] == "This step is outside the part of the graph that is shown."
    assert state(page)["node"] == []
    slider.fill("20")
    assert state(page)["aside"] == ""


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scripts", [True, False])
def test_text_of_a_wide_picture_is_at_least_11_pixels_high(show: Open, width: int, scripts: bool) -> None:
    page = show(steps(chain(40)), viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    picture = page.get_by_role("img")
    natural = Drawing(scene_of(steps(chain(40))).picture, LIGHT).size[0]
    page_width = (picture.bounding_box() or {})["width"]
    assert page_width < natural
    assert page_width / natural * 10.5 * 96 / 72 >= 11.0  # the smallest text has 10.5 points


@pytest.mark.parametrize(("scheme", "theme"), [("light", LIGHT), ("dark", DARK)])
def test_receiver_is_ringed_in_slate(show: Open, scheme: str, theme: Any) -> None:
    page = show(steps(first_example()[-1]), color_scheme=scheme)
    page.get_by_role("slider").press("End")
    stroke = page.evaluate(
        """() => getComputedStyle(document.querySelector(".glassgrad-stepper").shadowRoot
        .querySelector(".operand-now > path")).stroke"""
    )
    assert stroke == _rgb(theme.muted)


def test_a_thousand_steps_of_a_network(show: Open) -> None:
    page = show(steps(network()))
    slider = page.get_by_role("slider")
    slider.press("End")
    assert state(page)["count"].startswith("999 / ")
    slider.press("Home")
    for _ in range(50):
        page.keyboard.press("ArrowRight")
    assert state(page)["count"].startswith("50 / ")
