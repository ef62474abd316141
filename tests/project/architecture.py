"""Draw the picture of the architecture from the imports: ``python -m tests.project.architecture``."""

from collections.abc import Iterable
from xml.etree import ElementTree

from autograd.view.draw.graphviz import new_graph
from autograd.view.render.graphviz_program import render
from autograd.view.render.theme import THEMES, Theme

from .test_imports import LAYERS, ROOT, SHARED, UPWARD, imports_within

PICTURES = {name: ROOT.parent / "docs" / f"architecture-{name}.svg" for name in THEMES}

#: The purpose of each module, in the words of its box.
PURPOSES = {
    "system": "files, messages,\ndocstrings",
    "primitives": "every operation:\nvalue and derivatives",
    "ieee": "floats that\nnever raise",
    "mode_decorators": "modes as\ndecorators",
    "symbols": "rules evaluated\non symbols",
    "floats": "rules evaluated\non floats",
    "modes": "no_grad,\nenable_grad",
    "interop": "numbers of NumPy\nand others",
    "tracing": "reports to\nthe compiler",
    "value": "Value: a number and\nhow it was computed",
    "operations": "functions\nof Values",
    "backward": "the backward\npass",
    "nodes": "reading\na graph",
    "gradients": "grad()",
    "user_primitives": "primitive()",
    "functional": "jacobian,\nhessian, hvp",
    "replacement": "replaced()",
    "scopes": "scope(): parts\nof a graph",
    "source_lines": "source lines\nof the user",
    "anomaly": "find the first\nnan or inf",
    "checking": "check_grads",
    "structures": "nested\ncontainers",
    "composed": "softmax,\nlog_softmax",
    "expression": "an expression\nfrom its text",
    "view": "pictures, steps,\nexplanations",
    "compiler": "traced once,\nreplayed fast",
    "__init__": "the public names",
    "__main__": "the command line",
    "nn": "networks and their training",
}

Arrow = tuple[str, str]


#: The import inside a function, drawn dashed.
DASHED: set[Arrow] = {(importer.split(".")[1], imported.split(".")[1]) for importer, imported in UPWARD}


def imports() -> set[Arrow]:
    """The imports between the modules and folders of autograd, without those for type checkers alone."""
    return {
        (importer, imported)
        for importer, imported, each in imports_within("autograd")
        if not each.for_types or importer == "__init__"  # the names that it loads when they are first used
    } - DASHED


def arrows() -> set[Arrow]:
    """The imports between modules, without those that are also reached along other imports."""
    direct = imports() | {("nn", name) for name in ("__init__", *(name.split(".")[1] for name in SHARED))}
    descendants: dict[str, set[str]] = {name: set() for name in PURPOSES}
    for name in [*(name for names in LAYERS for name in names), "nn"]:
        for importer, imported in direct:
            if importer == name:
                descendants[name] |= descendants[imported] | {imported}
    return {
        (a, b)
        for a, b in direct
        if not any(b in descendants[other] for importer, other in direct if importer == a and other != b)
    }


def read_picture(svg: str) -> tuple[set[str], set[Arrow]]:
    """The modules and the arrows in a drawn picture."""
    groups = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")
    titles = {
        (group.get("class"), group.findtext("{http://www.w3.org/2000/svg}title", "")) for group in groups
    }
    names = {title for kind, title in titles if kind == "node"}
    return names, {(a, b) for kind, title in titles if kind == "edge" for a, b in [title.split("->")]}


def picture(theme: Theme) -> str:
    """The architecture as an SVG: an arrow points down, to the module that is imported."""
    graph = new_graph(theme, "architecture")
    graph.attr(rankdir="TB", ranksep=".38", nodesep=".2")
    rows = [*LAYERS[:-1], [*LAYERS[-1], "nn"]]
    for number, names in enumerate(rows):
        with graph.subgraph() as row:
            row.attr(rank="same")
            for name in names:
                fill, border = theme.cards[_kind(number, name)]
                row.node(
                    name,
                    label=_label(name, theme),
                    shape="box",
                    style="rounded,filled",
                    fillcolor=fill,
                    color=border,
                    fontcolor=theme.ink,
                    margin="0.12,0.06",
                )
    for importer, imported in sorted(arrows()):
        graph.edge(importer, imported, color=theme.muted)
    for importer, imported in sorted(DASHED):
        graph.edge(importer, imported, color=theme.muted, style="dashed", constraint="false")
    return render(graph.source, "svg").decode()


def _kind(number: int, name: str) -> str:
    if number == 0:
        return "leaf"
    return "output" if name in ("nn", "__init__", "__main__") else "operation"


def _label(name: str, theme: Theme) -> str:
    title = {"__init__": "autograd", "__main__": "python -m autograd"}.get(name, name)
    purpose = PURPOSES[name].replace("\n", "<BR/>")
    return f'<<B>{title}</B><BR/><FONT POINT-SIZE="10.5" COLOR="{theme.muted}">{purpose}</FONT>>'


def main(themes: Iterable[str] = THEMES) -> None:
    """Draw the architecture in every theme."""
    for name in themes:
        PICTURES[name].write_text(picture(THEMES[name]), encoding="utf-8")


if __name__ == "__main__":
    main()
