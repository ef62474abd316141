"""The steps as an animation."""

import sys
from pathlib import Path

import pytest

from autograd import Value, steps
from autograd.view.render.theme import theme_named
from autograd.view.steps.gif import FRAMES, LAST, PIXELS, STEP

from ...._support.graphs import first_example
from ...._support.hostile import HOSTILE

Image = pytest.importorskip("PIL.Image")


def rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("forward", [False, True])
def test_a_frame_for_every_step_all_of_one_size(theme: str, forward: bool, tmp_path: Path) -> None:
    whole = steps(first_example()[-1], forward=forward)
    path = whole.save(tmp_path / "steps.gif", theme=theme)
    colors = theme_named(theme)
    with Image.open(path) as animation:
        assert animation.n_frames == len(whole)
        assert animation.info["loop"] == 0
        durations, orange = [], []
        for i in range(animation.n_frames):
            animation.seek(i)
            durations.append(animation.info["duration"])
            frame = animation.convert("RGB")
            assert frame.getpixel((0, 0)) == rgb(colors.paper)
            counts = {color: n for n, color in frame.getcolors(100_000)}
            orange.append(counts.get(rgb(colors.backward), 0))
        assert durations == [STEP] * (len(whole) - 1) + [LAST]
    backward = orange[-6:]
    assert backward[-1] > backward[1] > 0  # one arrow after another
    assert path.stat().st_size < 150_000


def test_nothing_moves_from_frame_to_frame(tmp_path: Path) -> None:
    a = Value(1e-7, label="a")
    root = a * 123.456 + a * -123.456  # its gradient reads 123.5, and then 0
    with Image.open(steps(root).save(tmp_path / "steps.gif")) as animation:
        blue = bytes(rgb(theme_named("light").data))  # the numbers of the forward pass, in every frame
        places = set()
        for i in range(animation.n_frames):
            animation.seek(i)
            pixels = animation.convert("RGB").tobytes()
            places.add(tuple(at for at in range(0, len(pixels), 3) if pixels[at : at + 3] == blue))
    assert len(places) == 1
    assert len(places.pop()) > 100


def test_gif_of_too_many_steps_raises_with_remedy(tmp_path: Path) -> None:
    y = Value(1.0)
    for _ in range(FRAMES):
        y = y + 1.0
    with pytest.raises(
        ValueError, match=rf"save\(\) expected 1 to {FRAMES} steps .*, got 101\. Save a slice"
    ):
        steps(y).save(tmp_path / "steps.gif")
    with Image.open(steps(y)[5:8].save(tmp_path / "part.gif")) as animation:
        assert animation.n_frames == 3


def test_gif_of_a_large_graph_shows_a_part_with_a_note(tmp_path: Path) -> None:
    y = Value(1.0)
    for _ in range(500):
        y = y * 1.01
    with (
        Image.open(steps(y)[:3].save(tmp_path / "large.gif")) as large,
        Image.open(steps(Value(1.0)).save(tmp_path / "small.gif")) as small,
    ):
        assert large.n_frames == 3
        assert large.width * large.height < 2 * PIXELS
        assert large.width > 700 > small.width  # it has a line more, which says what is left out


def test_gif_of_no_steps_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="steps for an animation, got 0"):
        steps(Value(1.0))[1:].save(tmp_path / "steps.gif")


def test_gif_with_unknown_theme_raises_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"save\(\) expected 'light' or 'dark' for theme, got str 'sepia'"):
        steps(Value(1.0)).save(tmp_path / "steps.gif", theme="sepia")


def test_import_error_without_pillow_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"glassgrad\[viz\]"):
        steps(Value(1.0)).save(tmp_path / "steps.gif")


@pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_label_is_animated(label: str, tmp_path: Path) -> None:
    root = Value(2.0, label=label) * 3.0
    root.label = label
    with Image.open(steps(root).save(tmp_path / "steps.gif")) as animation:
        assert animation.n_frames == 2
