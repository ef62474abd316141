"""The graph in a terminal: a tree with its numbers, whatever the width, the depth and the labels."""

import io
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, show, topological_order
from autograd import sum as total_of
from autograd.view.notation.names import Names, format_number
from autograd.view.picture.cards import reservations
from autograd.view.picture.last_pass import factors, last_pass
from autograd.view.render.tables import display_width, wrap

from ...._support.graphs import first_example, labeled_graphs

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def show_text(root: Value, **options: Any) -> str:
    stream = io.StringIO()
    show(root, file=stream, **options)
    return stream.getvalue().removesuffix("\n")


def test_the_example_before_and_after_backward() -> None:
    loss = first_example()[-1]
    assert show_text(loss, width=80).split("\n") == [
        "               data  grad  local",
        "loss = v₁²        4     ·",
        "└─ v₁ = p − y    −2     ·    ×−4",
        "   ├─ p = w·x    10     ·     ×1",
        "   │  ├─ w        2     ·     ×5",
        "   │  └─ x        5     ·     ×2",
        "   └─ y          12     ·    ×−1",
    ]
    loss.backward()
    assert [line.split()[-2] for line in show_text(loss, width=80).split("\n")[2:]] == [
        "−4",
        "−4",
        "−20",
        "−8",
        "4",
    ]


def test_behind_a_dead_relu_gradients_are_zero() -> None:
    a = Value(2.0, label="a")
    h = a * -3.0
    h.backward()  # which leaves a gradient of 1 in h
    a.zero_grad()
    out = h.relu()
    assert [line.split()[-2] for line in show_text(out, width=80).split("\n")[2:]] == ["·", "·"]
    out.backward()
    assert show_text(out, width=80).split("\n") == [
        "                data  grad  local",
        "out = relu(v₁)     0     1",
        "└─ v₁ = a·(−3)    −6     0     ×0",
        "   └─ a            2     0    ×−3",
    ]


def test_in_a_narrow_terminal_the_numbers_stand_below_the_names() -> None:
    loss = first_example()[-1]
    loss.backward()
    assert show_text(loss, width=24).split("\n") == [
        "loss = v₁²",
        "│ data 4  grad 1",
        "└─ v₁ = p − y",
        "   │ data −2  grad −4",
        "   │ ×−4",
        "   ├─ p  ↓ below  ×1",
        "   └─ y",
        "        data 12  grad 4",
        "        ×−1",
        "p = w·x",
        "│ data 10  grad −4",
        "├─ w",
        "│    data 2  grad −20",
        "│    ×5",
        "└─ x",
        "     data 5  grad −8  ×2",
    ]


def test_operand_used_twice_is_shown_once_with_two_edges() -> None:
    a = Value(3.0, label="a")
    assert show_text(a + a, width=60).split("\n") == [
        "               data  grad  local",
        "out = a + a       6     ·",
        "├─ a              3     ·     ×1",
        "└─ a  ↑ above                 ×1",
    ]


def test_a_leaf_is_a_tree_of_one_line() -> None:
    assert show_text(Value(3.0, label="w"), width=60).split("\n") == [
        "   data  grad  local",
        "w     3     ·",
    ]


def test_constant_appears_in_the_expression() -> None:
    assert "out = x₁·3" in show_text(Value(2.0) * 3.0)
    assert len(show_text(Value(2.0) * 3.0).split("\n")) == 3


@settings(deadline=None)
@given(labeled_graphs(), st.integers(24, 120))
def test_every_value_is_shown_once_and_every_edge_has_a_line(root: Value, width: int) -> None:
    text = show_text(root, width=width, limit=None)
    order = topological_order(root)
    edges = sum(isinstance(x, Value) for node in order for x in node.operands)
    below = text.count("↓ below")
    trees = re.findall(r"^[├└│ ]*[├└]─ ", text, re.MULTILINE)
    assert len(trees) == edges
    references = text.count("↑ above") + below
    remarks = reservations(order, Names(order), last_pass(root))
    notes = [part for note in remarks for part in wrap(f"({note})", width)]
    page = text.split("\n")[: -len(notes) or None]
    # Each edge leads to a Value or to a mark; a Value marked ↓ is the root of another tree.
    heads = [line for line in page if not line.startswith(("├", "└", "│", " "))]
    assert len(heads) - 1 <= below <= references
    assert edges - references + len(heads) == len(order)


@settings(deadline=None)
@given(labeled_graphs(), st.integers(24, 120), st.integers(1, 8))
def test_no_line_is_wider_than_asked_for(root: Value, width: int, limit: int) -> None:
    for text in (show_text(root, width=width), show_text(root, width=width, limit=limit)):
        assert max(map(display_width, text.split("\n"))) <= width
        assert all(c.isprintable() for line in text.split("\n") for c in line)


def test_each_edge_shows_its_local_derivative() -> None:
    a, b = Value(3.0, label="a"), Value(2.0, label="b")
    root = total_of([a * b, a, b.tanh(), a])
    names = Names(order := topological_order(root))
    expected = sorted(
        (names[x], f"×{format_number(local)}")
        for node in order
        for x, local in zip(node.operands, factors(node), strict=True)
        if isinstance(x, Value)
    )
    lines = re.findall(r"─ (\S+).*(×\S+)$", show_text(root, width=80), re.MULTILINE)
    assert sorted(lines) == expected


def test_deep_subtree_follows_as_its_own_tree() -> None:
    x = Value(1.0, label="x")
    y = x
    for _ in range(30):
        y = y.sin()
    lines = show_text(y, width=60).split("\n")
    assert [line for line in lines if "↓ below" in line]
    starts = [line.split()[0] for line in lines[1:] if line[0] not in "└├│ "]
    names = [line.split("─ ")[1].split()[0] for line in lines if "↓ below" in line]
    assert starts == ["out", *names]
    assert lines[-1].split()[-4:-2] == ["x", "1"]


def test_show_beyond_the_limit_has_a_note() -> None:
    root = total_of([Value(float(i)) for i in range(500)])
    lines = show_text(root, width=80).split("\n")
    assert lines[-2] == "└─ … 381 more operands"
    assert lines[-1] == "(the 120 lines nearest out, of 501 Values: show(…, limit=None) shows them all)"
    assert len(lines) == 1 + 120 + 2
    assert len(show_text(root, limit=None).split("\n")) == 502
    assert "1 more operand\n" in show_text(Value(2.0) * Value(3.0), limit=2)


@pytest.mark.parametrize("width", [40, 80])
def test_a_deep_graph_is_shown_without_recursion(width: int) -> None:
    x = y = Value(1.0)
    for _ in range(20_000):
        y = y * x
    assert "of 20,001 Values" in " ".join(show_text(y, width=width).split())
    assert len(show_text(y, width=width, limit=None).split("\n")) > 40_000


def test_inconsistent_numbers_are_noted() -> None:
    w = Value(2.0, label="w")
    out = w * 3.0
    w.data = 5.0
    assert "overwritten after the forward pass" in " ".join(show_text(out).split())


# Where it is printed ------------------------------------------------------------------------------


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "color", "is_painted"),
    [
        ({}, None, True),
        ({"NO_COLOR": "1"}, None, False),
        ({"TERM": "dumb"}, None, False),
        ({"NO_COLOR": "1"}, True, True),
        ({}, False, False),
    ],
)
def test_colors_in_a_terminal(
    environment: dict[str, str], color: bool | None, is_painted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = _Terminal()
    show(first_example()[-1], file=stream, color=color)
    assert ("\x1b[" in stream.getvalue()) is is_painted


@pytest.mark.parametrize("width", [80, 30])
def test_colors_change_nothing_else(width: int) -> None:
    root = first_example()[-1]
    output = show_text(root, width=width, color=True)
    assert "\x1b[38;5;33m" in output
    plain = [line.rstrip() for line in ESCAPE.sub("", output).split("\n")]
    assert plain == show_text(root, width=width, color=False).split("\n")


def test_show_accepts_any_text_stream() -> None:
    class Writer:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

    show(first_example()[-1], file=(writer := Writer()))  # type: ignore[arg-type]
    assert writer.text == show_text(first_example()[-1]) + "\n"


def test_it_prints_plainly_and_returns_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(first_example()[-1]) is None  # type: ignore[func-returns-value]
    output = capsys.readouterr().out
    assert output == show_text(first_example()[-1]) + "\n"
    assert "\x1b" not in output


def test_the_width_is_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (30, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert show_text(first_example()[-1]) == show_text(first_example()[-1], width=columns)
    monkeypatch.setenv("COLUMNS", "7")
    assert show_text(first_example()[-1]) == show_text(first_example()[-1], width=24)


def test_a_stream_without_box_drawing_gets_question_marks() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    show(first_example()[-1], file=stream)
    stream.flush()
    assert b"loss = v??" in raw.getvalue()


def test_show_with_invalid_arguments_raises() -> None:
    with pytest.raises(TypeError, match=r"show\(\) expected a Value for root, got float 3.0. Pass the root"):
        show(3.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"an int of 24 or more for width, got int 23. Pass None"):
        show(Value(1.0), width=23)
    with pytest.raises(ValueError, match=r"an int of 1 or more for limit, got int 0\. Pass None"):
        show(Value(1.0), limit=0)
    message = r"^show\(\) expected an open file for file, got str 'a\.txt'\. Leave it out for the"
    with pytest.raises(TypeError, match=message):
        show(Value(1.0), file="a.txt")  # type: ignore[arg-type]


def test_show_is_public() -> None:
    assert autograd.show is show
