"""Laying out DOT: the system's graphviz where there is one, else the graphviz-pure wheel."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from ...system.messages import replace_controls
from .time_limit import TIMEOUT, RenderError, TimeLimit

_REMEDY = (
    'pip install "glassgrad[viz]" (pip install -e ".[viz]" in a clone), or install graphviz from '
    "https://graphviz.org"
)


def layout_program() -> str | None:
    """The program that lays out graphs, or None if there is none."""
    if found := shutil.which("dot"):
        return found
    # The wheel puts its program beside python, which is not always on PATH.
    name = "graphviz-pure.exe" if sys.platform == "win32" else "graphviz-pure"
    beside = Path(sysconfig.get_path("scripts"), name)
    return str(beside) if beside.is_file() else shutil.which("graphviz-pure")


def measures_bytes() -> bool:
    """Whether the program takes each byte of a letter like ₁ for a letter, and so leaves a gap after it."""
    return "graphviz-pure" in Path(layout_program() or "").name


def render(source: str, form: str, limit: TimeLimit | None = None, dots: float = 192.0) -> bytes:
    """The picture of a DOT source as "svg" or "png", this with so many dots to the inch.

    Raises RenderError, also where it takes longer than is left of the time ``limit``.
    """
    limit = limit or TimeLimit(TIMEOUT)
    program = layout_program()
    if program is None:
        raise RenderError(f"no program to lay out the graph was found: {_REMEDY}")
    flags = [f"-Gdpi={dots:.4g}"] if form == "png" else []
    try:
        done = subprocess.run(
            [program, f"-T{form}", *flags], input=source.encode(), capture_output=True, timeout=limit.left
        )
    except subprocess.TimeoutExpired:
        raise limit.error() from None
    except OSError as error:
        raise RenderError(f"{replace_controls(program)} could not be run ({error}): {_REMEDY}") from error
    # Its warnings (about the width of letters like ∂) are not for the user; its failures are.
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        said = replace_controls(said, keep="\n") or "it said nothing"
        raise RenderError(f"{replace_controls(program)} failed with exit code {done.returncode}: {said}")
    return done.stdout


def compact(png: bytes, exact: bool = False) -> bytes:
    """The picture in 64 colours, a third of the bytes; as it is where Pillow is not installed.

    The fast method makes paper a shade greyer and may fill a box like the paper. ``exact`` takes four
    times as long and keeps the colours of areas to the last bit: only the edges of letters have fewer.
    """
    try:
        from PIL import Image
    except ImportError:
        return png
    smaller = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        method = Image.Quantize.MEDIANCUT if exact else Image.Quantize.FASTOCTREE
        # Without dither, which blurs letters.
        image.convert("RGB").quantize(64, method, dither=Image.Dither.NONE).save(smaller, "PNG")
    return smaller.getvalue()
