"""Derivations: lines of formulas and words as text, as HTML with MathML, and as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from ..render.theme import DARK, LIGHT
from .syntax import RELATION, Formula, Infix
from .writers import CLASSES, LatexPen, MathmlPen, latex, mathml, text

#: A longer relation, in characters, is broken before each of its signs.
WIDTH = 88


class Line(NamedTuple):
    """Line with words or a formula; ``mark`` precedes it, such as the number of a path."""

    content: Formula | str
    mark: str = ""
    indent: bool = False

    @property
    def broken(self) -> list[tuple[str, Formula]]:
        """Signs of a relation that is too long for a line, each with the part after it; else empty."""
        relation = self.content
        if not isinstance(relation, Infix) or relation.binds != RELATION:
            return []
        if len(relation.parts) < 3 or len(text(relation)) <= WIDTH:
            return []
        return [*zip(("", *relation.operators), relation.parts, strict=True)]


def _as_text(line: Line) -> str:
    margin = "  " * line.indent + (f"{line.mark} " if line.mark else "")
    if isinstance(line.content, str):
        return margin + line.content
    if not line.broken:
        return margin + text(line.content)
    (_, first), (sign, second), *others = line.broken
    start = f"{margin}{text(first)}"
    if len(start) > WIDTH // 3:  # too wide to align the signs after it
        rows = [start, *(f"{' ' * len(margin)}  {s} {text(part)}" for s, part in line.broken[1:])]
    else:
        rows = [f"{start} {sign} {text(second)}"]
        rows += [f"{' ' * len(start)} {s} {text(part)}" for s, part in others]
    return "\n".join(rows)


def _as_latex(line: Line) -> str:
    pen = LatexPen()
    margin = r"\quad " * line.indent + (pen.words(line.mark) + r"\quad " if line.mark else "")
    if isinstance(line.content, str):
        return f"& {margin}{pen.words(line.content)}"
    if not line.broken:
        return f"& {margin}{latex(line.content)}"
    (_, first), *others = line.broken
    rows = [rf"{pen.operator(sign, wide=True).strip()} {latex(part)}" for sign, part in others]
    inner = r" \\ & ".join(rows)
    return rf"& {margin}\begin{{aligned}}[t] {latex(first)} & {inner} \end{{aligned}}"


def _as_html(line: Line) -> str:
    kind = ' class="gg-in"' if line.indent else ""
    if isinstance(line.content, str):
        return f"<p{kind}>{escape(line.content)}</p>"
    mark = f"<span>{escape(line.mark)}</span> " if line.mark else ""
    if not line.broken:
        return f"<p{kind}>{mark}{mathml(line.content, block=False)}</p>"
    pen = MathmlPen()
    (_, first), *others = line.broken
    rows = [
        f"<mtr><mtd>{'' if i else first.write(pen)}</mtd><mtd>{pen.operator(sign, wide=True)}</mtd>"
        f"<mtd>{part.write(pen)}</mtd></mtr>"
        for i, (sign, part) in enumerate(others)
    ]
    table = f'<mtable displaystyle="true">{"".join(rows)}</mtable>'
    return f"<p{kind}>{mark}<math>{table}</math></p>"


def style(scope: str) -> str:
    """Return a style sheet that colors the formulas in ``scope``.

    The colors follow the theme of JupyterLab or VS Code, else the color-scheme of the page.
    """
    rules: list[str] = []
    for role in ("data", "gradient", "local"):
        selector = f"{scope} .{CLASSES[role]}"
        light, dark = getattr(LIGHT, role), getattr(DARK, role)
        rules.append(f"{selector}{{color:{light};color:light-dark({light},{dark})}}")
        rules.append(f'[data-jp-theme-light="true"] {selector},.vscode-light {selector}{{color:{light}}}')
        rules.append(f'[data-jp-theme-light="false"] {selector},.vscode-dark {selector}{{color:{dark}}}')
    return (
        f"{scope}{{overflow-x:auto}}{scope} p{{margin:.45em 0;display:flex;gap:.8em;align-items:center}}"
        f"{scope} .gg-in{{margin-left:1.5em}}{scope} mtd{{text-align:left;padding:.25em .15em}}"
        + "".join(rules)
    )


class Derivation:
    """Derivation in lines; it prints as text and is displayed as mathematics in a notebook."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __repr__(self) -> str:
        return "\n".join(map(_as_text, self._lines))

    def _repr_latex_(self) -> str:
        r"""Return one ``aligned`` block between dollars; a document needs the amsmath package for it."""
        rows = r" \\ ".join(map(_as_latex, self._lines))
        return rf"$\displaystyle \begin{{aligned}} {rows} \end{{aligned}}$"

    def _repr_html_(self) -> str:
        lines = "".join(map(_as_html, self._lines))
        return f'<div class="gg-derivation"><style>{style(".gg-derivation")}</style>{lines}</div>'

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {
            "text/html": self._repr_html_(),
            "text/latex": self._repr_latex_(),
            "text/plain": repr(self),
        }
