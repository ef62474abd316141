"""The page that steps through a pass: what is in it, with and without its scripts, and as a file."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from autograd import Value, dot, steps, topological_order
from autograd import sum as total_of
from autograd.view.notation.names import clean, format_number
from autograd.view.picture.cards import CONSTANTS, LIMIT
from autograd.view.render import graphviz_program as rendering
from autograd.view.steps.table import SHOWN
from autograd.view.steps.timeline import ARROWS, scene_of

from ...._support.graphs import chain, first_example, network
from ...._support.hostile import each_hostile


class Parsed(HTMLParser):
    """The tags of a page with their attributes, the text outside scripts, and the scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.text = self.script = ""
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.script += data
        else:
            self.text += data
            if self._open and self._open[-1] in ("td", "th"):
                self.cells[-1] += data

    def only(self, tag: str) -> dict[str, str | None]:
        (attributes,) = [attributes for name, attributes in self.tags if name == tag]
        return attributes

    @property
    def data(self) -> dict[str, Any]:
        """Return the argument of the script, which is JSON except for its escapes of / and <!."""
        data: dict[str, Any] = json.loads(self.script[self.script.rindex(")({") + 2 : -1])
        return data


def parse_page(root: Value, forward: bool = False) -> Parsed:
    return Parsed(steps(root, forward=forward)._repr_mimebundle_()["text/html"])


# Without scripts ----------------------------------------------------------------------------------


def test_without_scripts_there_is_a_picture_in_words_too_and_the_table() -> None:
    whole = steps(first_example()[-1])
    page = Parsed(whole._repr_mimebundle_()["text/html"])
    image = page.only("img")
    assert (image["src"] or "").startswith("data:image/png;base64,iVBOR")
    for text in ("w = 2, gradient −20", "x = 5, gradient −8", "p = w·x = 10, gradient −4"):
        assert text in (image["alt"] or "")
    assert page.cells == [*whole.HEADER, *(cell for row in whole.rows() for cell in row)]
    assert "All 6 steps as a table" in page.text
    assert "w.grad" not in page.text.replace("".join(page.cells), "")


def test_no_gradient_is_read_or_written() -> None:
    *_, loss = first_example()
    loss.backward()
    before = [value.grad for value in topological_order(loss)]
    loss.backward()  # the leaves accumulate, the steps are of one pass all the same
    page = parse_page(loss)
    assert "w = 2, gradient −20" in (page.only("img")["alt"] or "")
    loss_fresh = first_example()[-1]
    assert "w = 2, gradient −20" in (parse_page(loss_fresh).only("img")["alt"] or "")
    assert all(value.grad == 0.0 for value in topological_order(loss_fresh))
    assert [value.grad for value in topological_order(loss)] != before


def test_page_without_layout_program_has_the_reason_and_the_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rendering, "layout_program", lambda: None)
    page = parse_page(first_example()[-1])
    assert "Without a picture: No program to lay out the graph was found" in page.text
    assert len(page.data["steps"]) == 6
    assert "img" not in dict(page.tags)
    assert page.data["svg"] == ""


# What the script is given -------------------------------------------------------------------------


@pytest.mark.parametrize("forward", [False, True])
def test_every_step_has_its_sentence_equation_and_place(forward: bool) -> None:
    whole = steps(first_example()[-1], forward=forward)
    data = parse_page(whole.root, forward).data
    svg = ElementTree.fromstring(data["svg"])
    ids = {element.get("id", "").removeprefix(data["prefix"] + "-") for element in svg.iter()}
    assert data["last"] == len(whole) - 1
    assert [step[0] for step in data["steps"]] == [step.number for step in whole]
    for row, step in zip(data["steps"], whole, strict=True):
        _, sentence, equation, node, operand, arrow, _ = row
        assert sentence[1]
        mathml = re.sub("[\ue000-\uf8ff]", lambda c: data["tags"][ord(c[0]) - 0xE000], equation)
        assert mathml == step.mathml
        assert node in ids
        assert {operand, arrow} <= ids | {""}
    assert set(data["appears"]) <= ids
    assert set(data["gradients"]) <= ids


def test_gradients_and_arrows_appear_with_their_steps() -> None:
    a = Value(3.0, label="a")
    data = parse_page(a * a + a).data
    keys = {label.split(" ")[0]: key for key, label in data["cards"]}
    assert data["gradients"][keys["a"]] == [[2, "1"], [3, "4"], [4, "7"]]
    assert data["gradients"][keys["out"]] == [[0, "1"]]
    assert sorted(number for key, number in data["appears"].items() if key.endswith("backward")) == [
        1,
        2,
        3,
        4,
    ]
    assert data["steps"][4][1][-1].endswith("where gradients meet, they add up.")


def test_cards_and_their_arrows_appear_in_the_forward_pass() -> None:
    data = parse_page(first_example()[-1] + 0.5, forward=True).data
    keys = {label.split(" ")[0]: key for key, label in data["cards"]}
    appears = data["appears"]
    assert [appears[keys[name]] for name in ("p", "v₁", "loss", "out")] == [0, 1, 2, 3]
    assert not {keys["w"], keys["x"], keys["y"]} & set(appears)
    assert appears[f"{keys['out']}c1"] == 3  # the constant
    assert sorted(v for k, v in appears.items() if k.endswith("forward")) == [0, 0, 1, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("make", "ending"),
    [
        (lambda a: a.relu(), "but nothing flows: the local derivative is 0."),
        (lambda a: (a * 2.0).relu(), "but nothing flows: the local derivative is 0."),
        (lambda a: (a * 2.0) * 0.0, "but nothing flows: the gradient of v₁ is 0."),
        (lambda a: a * 2.0, ": the gradient of out times the local derivative."),
    ],
)
def test_sentence_gives_the_reason(make: Any, ending: str) -> None:
    sentence = parse_page(make(Value(-1.0, label="a"))).data["steps"][-1][1]
    assert "".join(sentence).endswith(ending)


def test_all_that_is_drawn_takes_its_colors_from_the_page() -> None:
    data = parse_page(first_example()[-1] + 0.5).data
    colors = set(re.findall('(?:fill|stroke)="([^"]*)"', data["svg"])) - {"none"}
    assert colors
    variables = set(re.findall("(--[a-z-]+):light-dark", data["css"]))
    assert {color.removeprefix("var(").removesuffix(")") for color in colors} <= variables
    names = set(re.findall(r"var\((--[a-z-]+)", data["css"]))
    assert {name for name in names if not name.startswith(("--jp-", "--vscode-", "--page"))} <= variables


def test_numbers_of_a_card_are_in_line_with_their_column_and_row() -> None:
    svg = ElementTree.fromstring(parse_page(first_example()[-1]).data["svg"])
    for group in svg.iter("g"):
        if group.get("class") == "node":
            numbers = {text.get("class"): text for text in group.iter("text") if text.get("class")}
            assert set(numbers) == {"data", "grad"}
            assert {text.get("text-anchor") for text in numbers.values()} == {"end"}
            assert len({text.get("x") for text in numbers.values()}) == 1
            heights = {text.text: text.get("y") for text in group.iter("text") if not text.get("class")}
            assert {kind: text.get("y") for kind, text in numbers.items()} == {
                kind: heights[kind] for kind in ("data", "grad")
            }


# Several, and hostile ones ------------------------------------------------------------------------


def test_ids_are_unique_on_a_page_of_several() -> None:
    *_, loss = first_example()
    pages = [parse_page(loss), parse_page(loss), parse_page(loss, forward=True)]
    ids = [attributes["id"] for page in pages for _, attributes in page.tags if "id" in attributes]
    for page in pages:
        svg = ElementTree.fromstring(page.data["svg"])
        ids += [element.get("id") for element in svg.iter() if element.get("id")]
    assert len(ids) > 3 * 15
    assert len(set(ids)) == len(ids)


@each_hostile
def test_a_hostile_label_is_shown_as_text_and_ends_nothing(label: str, tmp_path: Path) -> None:
    a = Value(2.0, label=label)
    root = a * a
    root.label = label
    whole = steps(root, forward=True)
    html = whole._repr_mimebundle_()["text/html"]
    page = Parsed(html)
    kinds = {"div", "img", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "script"}
    assert {tag for tag, _ in page.tags} == kinds
    assert html.count("</script>") == html.count("<script>") == 1
    assert page.cells == [*whole.header, *(cell for row in whole.rows() for cell in row)]
    assert clean(label) in page.cells
    assert all(
        attribute.islower() and not attribute.startswith("on") for _, a in page.tags for attribute in a
    )
    ElementTree.fromstring(page.data["svg"])
    for _, _, equation, *_ in page.data["steps"]:
        ElementTree.fromstring(
            re.sub("[\ue000-\uf8ff]", lambda c: page.data["tags"][ord(c[0]) - 0xE000], equation)
        )
    assert "<script" not in page.data["svg"]
    whole.save(tmp_path / "steps.html")


# Large graphs -------------------------------------------------------------------------------------


def test_long_pass_is_reduced_to_the_reached_values_with_a_note() -> None:
    page = parse_page(chain(3000))
    assert len(page.data["steps"]) == SHOWN
    assert page.data["last"] == 3000
    assert len(page.data["cards"]) == LIMIT
    assert "The first 1,000 of 3,001 steps: a slice such as steps(…)[1000:2000] shows others" in page.text
    assert f"the picture has the {LIMIT} of 3,001 Values that these steps reach first" in page.text
    assert "These 1,000 steps as a table" in page.text
    focus = [(node, operand) for _, _, _, node, operand, *_ in page.data["steps"]]
    assert all(node and operand for node, operand in focus[1:LIMIT])
    assert all(not node and not operand for node, operand in focus[LIMIT + 1 :])


def test_a_slice_shows_the_part_that_its_own_steps_reach() -> None:
    part = steps(chain(3000))[2000:2050]
    scene = scene_of(part)
    assert len(scene.gradients) == LIMIT or len(scene.gradients) == 51
    for step in part:
        assert scene.focus[step.number].node
        assert scene.focus[step.number].operand
        assert scene.gradient(scene.focus[step.number].operand, step.number) == format_number(step.gradient)
    before = scene.gradient(scene.focus[2000].node, 2000)
    assert before == format_number(part[0].upstream)  # what came before the slice is known in it


def test_the_steps_of_a_network_are_shown_in_part() -> None:
    page = parse_page(network())
    assert len(page.data["cards"]) <= LIMIT
    assert page.data["svg"].count('class="edge"') <= 2 * (ARROWS + LIMIT)
    assert len(page.data["steps"]) == SHOWN


@pytest.mark.parametrize(
    "root",
    [
        total_of([Value(float(i)) for i in range(20_000)]),
        total_of([Value(1.0, label="a")] * 20_000),
        dot([Value(1.0), *[2.0] * 20_000], [3.0] * 20_001),
    ],
    ids=["of many", "of one many times", "of constants"],
)
def test_an_operation_of_many_operands_is_cut(root: Value) -> None:
    page = parse_page(root)
    assert len(page.data["cards"]) <= LIMIT
    assert page.data["svg"].count('class="edge"') <= 2 * ARROWS + CONSTANTS
    assert "more operands" in page.data["svg"]
    assert len(page.data["steps"]) == min(SHOWN, len(steps(root)))


def test_cut_card_replaces_the_operands_left_out() -> None:
    scene = scene_of(steps(total_of([Value(1.0, label="a")] * 500)))
    (node, operand, arrow) = scene.focus[400]
    assert (operand, arrow) == (f"{node}cut", "")


# Files --------------------------------------------------------------------------------------------


def test_page_is_self_contained(tmp_path: Path) -> None:
    path = steps(first_example()[-1], forward=True).save(tmp_path / "steps.html")
    html = path.read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    page = Parsed(html)
    assert "Forward and backward pass of loss" in page.text
    assert not re.search(r'(?:src|href)="(?!data:)|url\(|@import|\bfetch\(|https?:', html)


@pytest.mark.parametrize("name", ["steps.png", "steps", "steps.html.txt"])
def test_save_steps_with_unknown_ending_raises_value_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"ends in \.html or \.gif, got .*{name}"):
        steps(first_example()[-1]).save(tmp_path / name)
    assert not list(tmp_path.iterdir())
