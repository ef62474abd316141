"""Layout of DOT sources: by the system's graphviz if it is installed, else by the graphviz-pure wheel."""

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
    'Install one: pip install "glassgrad[viz]", or in a clone pip install -e ".[viz]", or graphviz from '
    "https://graphviz.org."
)


def layout_program() -> str | None:
    """Return the path of the layout program, or None if there is none."""
    if program := shutil.which("dot"):
        return program
    # The wheel installs its program next to python, in a folder that PATH may lack.
    name = "graphviz-pure.exe" if sys.platform == "win32" else "graphviz-pure"
    script = Path(sysconfig.get_path("scripts"), name)
    return str(script) if script.is_file() else shutil.which("graphviz-pure")


def measures_bytes() -> bool:
    """Return True if the program counts bytes instead of letters, which leaves a gap after ₁, for example."""
    return "graphviz-pure" in Path(layout_program() or "").name


def render(source: str, form: str, limit: TimeLimit | None = None, dots: float = 192.0) -> bytes:
    """Render a DOT source as "svg" or "png"; ``dots`` is the resolution of a PNG in dots per inch.

    It raises RenderError if the program is missing, fails or exceeds the time limit.
    """
    limit = limit or TimeLimit(TIMEOUT)
    program = layout_program()
    if program is None:
        raise RenderError(f"No program to lay out the graph was found. {_REMEDY}")
    flags = [f"-Gdpi={dots:.4g}"] if form == "png" else []
    try:
        process = subprocess.run(
            [program, f"-T{form}", *flags], input=source.encode(), capture_output=True, timeout=limit.left
        )
    except subprocess.TimeoutExpired:
        raise limit.error() from None
    except OSError as error:
        raise RenderError(f"{replace_controls(program)} could not be run ({error}). {_REMEDY}") from error
    # Warnings are ignored, since graphviz warns about the width of letters like ∂.
    if process.returncode != 0 or not process.stdout:
        output = process.stderr.decode(errors="replace").strip()[-500:]
        output = replace_controls(output, keep="\n") or "no error output"
        raise RenderError(f"{replace_controls(program)} failed with exit code {process.returncode}: {output}")
    return process.stdout


def compact(png: bytes, exact: bool = False) -> bytes:
    """Reduce a PNG to 64 colors, a third of the bytes; without Pillow, return it unchanged.

    The fast method makes the paper slightly grayer and can give a box the color of the paper. ``exact``
    takes four times as long and keeps the colors of areas bit-identical.
    """
    try:
        from PIL import Image
    except ImportError:
        return png
    smaller = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        method = Image.Quantize.MEDIANCUT if exact else Image.Quantize.FASTOCTREE
        # Dithering would blur letters.
        image.convert("RGB").quantize(64, method, dither=Image.Dither.NONE).save(smaller, "PNG")
    return smaller.getvalue()
