"""Drawings: rendered, shown and saved, with and without what they need."""

import base64
import io
import math
import re
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from autograd import Value, draw, topological_order
from autograd.view.draw.graphviz import HEAVY, PAGE, ROW, Drawing
from autograd.view.notation.names import clean, format_number, names_of
from autograd.view.picture.page import SMALLEST
from autograd.view.render.graphviz_program import layout_program, render
from autograd.view.render.theme import LIGHT
from autograd.view.render.time_limit import RenderError
from nn import MLP, hinge_loss

from ...._support.hostile import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
each_hostile = pytest.mark.parametrize(
    "label",
    [pytest.param(v, id=k) for k, v in HOSTILE.items()],
)
posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in programs are scripts with a #! line")


def example(backward: bool = True) -> Value:
    w, x, y = Value(2.0, label="w"), Value(5.0, label="x"), Value(12.0, label="y")
    p = w * x
    p.label = "p"
    loss = (p - y) ** 2 + 0.5
    loss.label = "loss"
    if backward:
        loss.backward()
    return loss


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def text_of_svg(svg: str) -> str:
    return "\n".join("".join(text.itertext()) for text in parse(svg).iter(f"{SVG}text")).replace(
        "\u00a0", " "
    )


def groups(svg: str, kind: str) -> list[ElementTree.Element]:
    return [g for g in parse(svg).iter(f"{SVG}g") if g.get("class") == kind]


# The picture --------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("backward", [False, True])
def test_the_svg_shows_every_card_and_arrow(theme: str, backward: bool) -> None:
    root = example(backward)
    drawing = draw(root, theme=theme)
    assert parse(drawing.svg).tag == f"{SVG}svg"
    text = text_of_svg(drawing.svg).split("\n")
    assert {"w", "x", "y", "p", "loss", "data", "grad"} <= set(text)
    for value in topological_order(root):
        assert format_number(value.data) in text
        assert (format_number(value.grad) if backward else "·") in text
    assert text.count("×5") == 1
    assert len(groups(drawing.svg, "node")) == 7 + 1  # the Values and the constant 0.5
    assert len(groups(drawing.svg, "edge")) == (7 + 6 if backward else 7)


def test_gradient_before_backward_is_shown_as_not_computed() -> None:
    text = text_of_svg(draw(example(backward=False)).svg).split("\n")
    assert text.count("·") == 7
    assert "0" not in text
    assert "·" not in text_of_svg(draw(example()).svg).split("\n")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_paper_is_opaque(theme: str) -> None:
    drawing = draw(example(), theme=theme)
    paper = drawing._theme.paper
    (whole,) = groups(drawing.svg, "graph")
    background = whole.find(f"{SVG}polygon")
    assert background is not None
    assert background.get("fill") == paper


def test_the_colors_of_the_language() -> None:
    drawing = draw(example())
    colors = {"".join(t.itertext()): t.get("fill") for t in parse(drawing.svg).iter(f"{SVG}text")}
    theme = drawing._theme
    assert (colors["12"], colors["−20"], colors["×5"]) == (theme.data, theme.gradient, theme.local)


def test_arrows_backward_have_their_width_and_are_dashed_where_nothing_flows() -> None:
    a, b = Value(-1.0), Value(100.0)
    root = a.relu() * b
    root.backward()
    edges = {e.get("id", "").split("-", 3)[-1]: e.find(f"{SVG}path") for e in groups(draw(root).svg, "edge")}
    keys = {key for key, path in edges.items() if path is not None and path.get("stroke-dasharray")}
    assert keys == {"e0-backward", "e2-backward"}
    widest = edges["e1-backward"]
    assert widest is not None
    assert float(widest.get("stroke-width", "1")) == 4.0


def test_ids_are_unique_within_and_across_drawings() -> None:
    root = example()
    svgs = [draw(root).svg, draw(root).svg, draw(root, theme="dark").svg]
    ids = [element.get("id") for svg in svgs for element in parse(svg).iter() if element.get("id")]
    assert len(ids) > 3 * 15
    assert len(set(ids)) == len(ids)


def test_card_tooltip_is_its_name() -> None:
    svg = draw(example()).svg
    titles = [title.text for title in parse(svg).iter(f"{SVG}title")]
    assert sorted(title or "" for title in titles) == sorted(["w", "x", "y", "p", "v₁", "v₂", "0.5", "loss"])


def test_card_of_a_neuron_has_a_tooltip() -> None:
    model = MLP(2, [3, 1], seed=0)
    svg = draw(hinge_loss([model([1.0, 2.0]), model([2.0, 1.0])], [1.0, -1.0])).svg
    titles = [group.findtext(f"{SVG}title") or "" for group in groups(svg, "node")]
    assert sorted(titles) == sorted(["x₁", "x₂", "h₁", "h₂", "h₃", "ŷ", "out"])


def test_the_alternative_text_states_every_value_and_gradient() -> None:
    root = example()
    drawing = draw(root)
    assert parse(drawing.svg).get("aria-label") == drawing.alt
    assert parse(drawing.svg).get("role") == "img"
    for value in topological_order(root):
        assert f"= {format_number(value.data)}, gradient {format_number(value.grad)}" in drawing.alt
    assert "w = 2, not computed" in draw(example(backward=False)).alt


@each_hostile
def test_a_hostile_label_is_shown_as_text(label: str) -> None:
    a = Value(2.0, label=label)
    root = a * 3.0
    root.label = label
    root.backward()
    drawing = draw(root)
    svg = drawing.svg
    tags = {element.tag.removeprefix(SVG) for element in parse(svg).iter()}
    assert tags <= {"svg", "g", "title", "polygon", "path", "text"}
    attributes = {name for element in parse(svg).iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}
    assert len(groups(svg, "node")) == 3
    assert len(groups(svg, "edge")) == 3
    lines = text_of_svg(svg).split("\n")
    assert clean(label) in lines
    assert {f"{clean(label)}₂", f"({clean(label)})₂"} & {*lines}
    assert clean(label) in [title.text for title in parse(svg).iter(f"{SVG}title")]
    assert clean(label) in drawing.alt
    assert clean(label) in str(drawing)


@pytest.mark.parametrize("label", ["a & b <i>", ']; a -> b [label="x"'])
def test_a_hostile_label_in_the_note_is_shown_as_text(label: str) -> None:
    root = Value(2.0) * 3.0 * 4.0
    root.label = label
    assert f"nearest {label}, of 3" in text_of_svg(draw(root, limit=2).svg)


@pytest.mark.parametrize("label", ["&lt;b&gt;", "\\G", "C:\\new"])
def test_an_escape_in_the_note_is_shown_as_text(label: str) -> None:
    root = Value(2.0) * 3.0 * 4.0
    root.label = label
    assert f"nearest {label}, of 3" in text_of_svg(draw(root, limit=2).svg)


def test_special_numbers_are_drawn() -> None:
    root = Value(math.inf, label="a") * Value(math.nan, label="b") + -0.0
    root.backward()
    assert {"inf", "nan", "−0", "×nan", "×inf"} <= set(text_of_svg(draw(root).svg).split("\n"))


def test_drawing_does_not_follow_later_changes() -> None:
    root = example(backward=False)
    drawing = draw(root)
    root.backward()
    root.label = "changed"
    root.operands[0].data = 99.0  # type: ignore[union-attr]
    assert "−20" not in str(drawing) + drawing.alt + text_of_svg(drawing.svg)
    assert "changed" not in str(drawing) + drawing.alt + text_of_svg(drawing.svg)
    assert "99" not in str(drawing) + drawing.alt


def test_drawing_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    drawing = draw(example())
    drawing._repr_mimebundle_()
    assert capfd.readouterr() == ("", "")


# Shown and saved ----------------------------------------------------------------------------------


def test_the_bundle_has_svg_png_and_text() -> None:
    drawing = draw(Value(2.0, label="w") * 5.0)
    data, metadata = drawing._repr_mimebundle_()
    assert set(data) == {"image/svg+xml", "image/png", "text/plain"}
    assert data["image/svg+xml"] == drawing.svg
    assert data["text/plain"] == str(drawing) == repr(drawing)
    png = base64.b64decode(data["image/png"])
    assert png == drawing.png
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert metadata["image/png"]["alt"] == drawing.alt


def network() -> Drawing:
    """A picture of neurons, arrows and boxes that is heavy as a PNG."""
    model = MLP(2, [6, 6, 1], "tanh", seed=0)
    loss = hinge_loss([model([0.5, 1.0]), model([1.0, -0.5])], [1, -1])
    loss.backward()
    return draw(loss)


def test_large_png_is_compressed_and_keeps_the_colors_of_areas() -> None:
    image = pytest.importorskip("PIL.Image")
    drawing = network()
    data, metadata = drawing._repr_mimebundle_()
    png = base64.b64decode(data["image/png"])
    assert len(drawing.png) > HEAVY
    assert len(png) < len(drawing.png) / 2
    whole, small = (image.open(io.BytesIO(item)).convert("RGB") for item in (drawing.png, png))
    assert small.size == whole.size
    # Two pixels of the PNG are one CSS pixel, to which the width is rounded; graphviz rounds up.
    assert abs(metadata["image/png"]["width"] * 2 - small.width) <= 2
    before, after = ({color: n for n, color in item.getcolors(2**24)} for item in (whole, small))
    for area in (LIGHT.paper, LIGHT.box[0], LIGHT.cards["leaf"][0], LIGHT.cards["output"][0]):
        color = tuple(bytes.fromhex(area[1:]))
        assert before[color] > 10_000
        assert 0.99 * before[color] <= after[color] <= 1.02 * before[color]


def test_large_png_without_pillow_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    drawing = network()
    data, _ = drawing._repr_mimebundle_()
    assert len(drawing.png) > HEAVY
    assert base64.b64decode(data["image/png"]) == drawing.png


def test_the_png_is_shown_at_the_size_of_the_svg() -> None:
    drawing = draw(example())
    _, metadata = drawing._repr_mimebundle_()
    size = metadata["image/png"]
    width, height = struct.unpack(">II", drawing.png[16:24])
    assert abs(size["width"] * 2 - width) <= 1
    assert abs(size["height"] * 2 - height) <= 1
    svg = parse(drawing.svg)
    points = [float(svg.get(side, "").removesuffix("pt")) for side in ("width", "height")]
    for at_96_dpi, pt in zip((size["width"], size["height"]), points, strict=True):
        assert abs(at_96_dpi - pt * 96 / 72) <= 3


def row_of(length: int) -> Drawing:
    """Draw a chain in which no two links are equal."""
    wide = Value(1.0)
    for i in range(length):
        wide = wide.tanh() if i % 2 else wide + float(i)
    return draw(wide, limit=None)


def test_a_picture_wider_than_a_page_is_scaled_down_to_it() -> None:
    drawing = row_of(4)
    width = str(parse(drawing.svg).get("width"))
    assert PAGE < float(width.removesuffix("pt")) < PAGE / SMALLEST
    page_svg = parse(drawing._repr_mimebundle_()[0]["image/svg+xml"])
    assert page_svg.get("width") == "100%"
    assert page_svg.get("height") is None
    assert page_svg.get("viewBox") == parse(drawing.svg).get("viewBox")
    assert f"max-width:{width};" in str(page_svg.get("style"))


def test_a_very_wide_picture_keeps_letters_of_11_pixels_and_scrolls() -> None:
    drawing = row_of(12)
    whole, page_svg = (parse(svg) for svg in (drawing.svg, drawing._repr_mimebundle_()[0]["image/svg+xml"]))
    widths = [float(str(svg.get("width")).removesuffix("pt")) for svg in (whole, page_svg)]
    assert widths[1] > PAGE
    assert "max-width:none" in str(page_svg.get("style"))
    letters = [float(text.get("font-size", "0")) for text in page_svg.iter() if text.tag.endswith("text")]
    smallest = min(size for size in letters if size > 1.0) * 96 / 72 * widths[1] / widths[0]
    assert smallest >= 10.99


def test_a_very_wide_png_is_cut_into_rows() -> None:
    drawing = row_of(12)
    width, height = drawing.size
    with Image.open(io.BytesIO(drawing.png)) as rows, Image.open(io.BytesIO(drawing.png_in_one_row)) as row:
        scale = row.width / width
        assert rows.width <= ROW * scale + 1 < row.width
        assert rows.height > 2 * 0.6 * height * scale
    size = drawing._repr_mimebundle_()[1]["image/png"]
    assert size["width"] <= ROW + 1 < width


def test_the_text_is_the_table() -> None:
    _, _, *rows = str(draw(example())).splitlines()
    assert [re.split("  +", row.strip()) for row in rows] == [
        ["w", "2", "−20"],
        ["x", "5", "−8"],
        ["p", "w·x", "10", "−4"],
        ["y", "12", "4"],
        ["v₁", "p − y", "−2", "−4"],
        ["v₂", "v₁²", "4", "1"],
        ["loss", "v₂ + 0.5", "4.5", "1"],
    ]


@pytest.mark.parametrize("name", ["g.svg", "G.SVG", "a.b.svg"])
def test_save_svg(tmp_path: Path, name: str) -> None:
    drawing = draw(example())
    path = drawing.save(tmp_path / name)
    assert path == tmp_path / name
    assert path.read_bytes().startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    assert ElementTree.parse(path).getroot().tag == f"{SVG}svg"


def test_save_png(tmp_path: Path) -> None:
    drawing = draw(example())
    assert drawing.save(str(tmp_path / "g.png")).read_bytes() == drawing.png


@pytest.mark.parametrize("ending", [".dot", ".gv"])
def test_save_dot_that_can_be_laid_out(tmp_path: Path, ending: str) -> None:
    source = draw(example()).save(tmp_path / f"g{ending}").read_text(encoding="utf-8")
    assert source.startswith("digraph")
    assert "−20" in text_of_svg(render(source, "svg").decode())


@pytest.mark.parametrize("name", ["g.pdf", "g", ".svg", "svg", "g.svg.gz"])
def test_save_with_unknown_ending_raises_value_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ValueError,
        match=r"save\(\) expected a path that ends in \.svg, \.png, .*, got '.*'\. Rename the file\.$",
    ):
        draw(example()).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_save_to_a_number_raises_type_error() -> None:
    message = r"^save\(\) expected a str or a Path for path, got int 3\. Pass the name of a file\.$"
    with pytest.raises(TypeError, match=message):
        draw(example()).save(3)  # type: ignore[arg-type]


def test_save_into_missing_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        draw(example()).save(tmp_path / "nowhere" / "g.dot")


def test_the_graph_is_a_digraph_to_edit_and_render() -> None:
    graphviz = pytest.importorskip("graphviz")
    drawing = draw(example())
    assert isinstance(drawing.graph, graphviz.Digraph)
    assert drawing.graph is drawing.graph
    drawing.graph.attr(label="a title of my own")
    drawing.graph.node("mine", label="a card of my own")
    assert {"a title of my own", "a card of my own"} <= set(text_of_svg(drawing.svg).split("\n"))


# Size ---------------------------------------------------------------------------------------------


def test_a_graph_of_a_thousand_values_is_drawn() -> None:
    y = Value(1.0)
    for _ in range(500):
        y = y + Value(1.0)
    y.backward()
    svg = draw(y, limit=None).svg
    assert len(groups(svg, "node")) == 1001


def test_huge_graph_is_reduced_and_drawn() -> None:
    y = Value(1.0)
    for _ in range(100_000):
        y = y * 1.00001
    drawing = draw(y)
    assert "of 100,001" in text_of_svg(drawing.svg)
    assert "of 100,001" in str(drawing)


# Without what it needs ----------------------------------------------------------------------------


def script(folder: Path, name: str, body: str) -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def use(monkeypatch: pytest.MonkeyPatch, program: Path | None) -> None:
    path = None if program is None else str(program)
    monkeypatch.setattr("autograd.view.render.graphviz_program.layout_program", lambda: path)


@posix
def test_hanging_layout_raises_render_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, script(tmp_path, "dot", "import time\ntime.sleep(60)"))
    with pytest.raises(RenderError, match=r"took more than 0\.2 seconds .*limit=.*timeout="):
        draw(example(), timeout=0.2).save(tmp_path / "g.svg")
    assert not (tmp_path / "g.svg").exists()


@posix
def test_hanging_layout_is_displayed_as_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, script(tmp_path, "dot", "import time\ntime.sleep(60)"))
    drawing = draw(example(), timeout=0.2)
    data, _ = drawing._repr_mimebundle_()
    assert set(data) == {"text/plain"}
    assert "took more than 0.2 seconds" in data["text/plain"]
    assert str(drawing) in data["text/plain"]


CRASHES = {
    "an exit code": ("import sys\nsys.exit('out of pencils')", "exit code 1: out of pencils"),
    "silence": ("", "exit code 0: no error output"),
    "a signal": ("import os\nos.kill(os.getpid(), 9)", "exit code -9: no error output"),
    "no UTF-8": ("import sys\nsys.stderr.buffer.write(b'caf\\xe9')\nsys.exit(3)", "exit code 3: caf\ufffd"),
    "a flood": ("import sys\nsys.exit('x' * 10**6)", "exit code 1: x"),
}


@posix
@pytest.mark.parametrize(("body", "message"), CRASHES.values(), ids=CRASHES.keys())
def test_a_program_that_fails_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, message: str
) -> None:
    program = script(tmp_path, "dot", body)
    use(monkeypatch, program)
    with pytest.raises(RenderError, match=re.escape(f"{program} failed with {message}")) as error:
        draw(example()).save(tmp_path / "g.svg")
    assert len(str(error.value)) < 1000


@posix
def test_layout_program_that_cannot_run_raises_with_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dot").write_text("not a program")
    use(monkeypatch, tmp_path / "dot")
    with pytest.raises(RenderError, match=r"could not be run .*glassgrad\[viz\]"):
        draw(example()).save(tmp_path / "g.svg")


@posix
def test_layout_warnings_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    body = "import sys\nprint('Warning: no font', file=sys.stderr)\nprint('<svg ></svg>')"
    use(monkeypatch, script(tmp_path, "dot", body))
    assert draw(example()).svg.endswith("</svg>\n")
    assert capfd.readouterr() == ("", "")


def test_drawing_without_layout_program_is_text_and_save_raises(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, None)
    drawing = draw(example())
    data, metadata = drawing._repr_mimebundle_()
    assert set(data) == {"text/plain"}
    assert metadata == {}
    assert "glassgrad[viz]" in data["text/plain"]
    assert "https://graphviz.org" in data["text/plain"]
    assert data["text/plain"].endswith(str(drawing))
    (tmp_path / "g.svg").write_text("what was there")
    with pytest.raises(RenderError, match=r"No program to lay out the graph .*glassgrad\[viz\]"):
        drawing.save(tmp_path / "g.svg")
    assert (tmp_path / "g.svg").read_text() == "what was there"


def test_without_a_program_dot_can_still_be_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, None)
    assert draw(example()).save(tmp_path / "g.dot").read_text(encoding="utf-8").startswith("digraph")


def test_without_the_graphviz_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    drawing = draw(example())
    for use_it in (
        lambda: drawing.svg,
        lambda: drawing.png,
        lambda: drawing.graph,
        lambda: drawing.save(tmp_path / "g.dot"),
    ):
        with pytest.raises(ImportError, match=r"pip install \"glassgrad\[viz\]\""):
            use_it()
    data, _ = drawing._repr_mimebundle_()
    assert set(data) == {"text/plain"}
    assert "glassgrad[viz]" in data["text/plain"]
    assert data["text/plain"].endswith(str(drawing))
    assert list(tmp_path.iterdir()) == []


@posix
def test_system_graphviz_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dot = script(tmp_path, "dot", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert layout_program() == str(dot)


def test_wheel_next_to_python_is_found_without_dot_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = layout_program()
    assert program is not None
    assert Path(program).stem == "graphviz-pure"
    assert "loss" in text_of_svg(draw(example()).svg)


@posix
def test_the_wheel_is_found_on_the_path_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert layout_program() is None
    wheel = script(tmp_path, "graphviz-pure", "")
    assert layout_program() == str(wheel)


def test_drawing_that_is_never_shown_needs_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    use(monkeypatch, None)
    drawing = draw(example())
    assert isinstance(drawing, Drawing)
    assert "−20" in str(drawing)
    assert "gradient −20" in drawing.alt


@pytest.mark.parametrize(
    "make", [lambda a, b, c: a * b - c, lambda a, b, c: c - a * b, lambda a, b, c: b * a - c]
)
def test_operands_are_placed_in_the_order_in_which_they_were_written(
    make: Callable[[Value, Value, Value], Value],
) -> None:
    root = make(*(Value(1.0, label=label) for label in "abc"))
    tops = {
        name: float(y)
        for y, name in re.findall(r'y="([-.\d]+)" [^>]*font-weight="bold"[^>]*>([^<]+)<', draw(root).svg)
    }
    names = names_of(root)
    for node in topological_order(root):
        operand_names = [names.of(operand) for operand in node.operands]
        assert sorted(operand_names, key=tops.__getitem__) == operand_names
