"""Tables for the terminal and for a notebook."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.view.tables import html_table, text_table


def test_columns_are_aligned_under_a_rule() -> None:
    assert text_table(["name", "how", "data"], [["w", "", "−2"], ["loss", "w·x", "10000"]], right=[2]).split(
        "\n"
    ) == [
        "name  how   data",
        "────  ───  ─────",
        "w             −2",
        "loss  w·x  10000",
    ]


def test_a_table_without_rows_is_its_header() -> None:
    assert text_table(["a", "bc"], []) == "a  bc\n─  ──"


cells = st.text(st.sampled_from("ab·−₁ "), max_size=8)


@given(st.lists(st.tuples(cells, cells, cells), max_size=5), st.sets(st.integers(0, 2)))
def test_every_cell_stands_in_its_column(rows: list[tuple[str, str, str]], right: set[int]) -> None:
    lines = text_table(["one", "two", "three"], rows, right=right).split("\n")
    assert len(lines) == 2 + len(rows)
    assert all(line == line.rstrip() for line in lines)
    widths = [max(len(row[i]) for row in [("one", "two", "three"), *rows]) for i in range(3)]
    for line, row in zip(lines[2:], rows, strict=True):
        at = 0
        for i, cell in enumerate(row):
            place = line[at : at + widths[i]].ljust(widths[i])
            assert place == (cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]))
            at += widths[i] + 2


def test_paint_colours_cells_and_leaves_the_header_and_the_alignment() -> None:
    plain = text_table(["a", "b"], [["x", "1"], ["yy", "22"]], right=[1])
    painted = text_table(
        ["a", "b"], [["x", "1"], ["yy", "22"]], right=[1], paint=lambda i, text: f"<{i}>{text}</{i}>"
    )
    assert painted.split("\n")[2:] == ["<0>x </0>  <1> 1</1>", "<0>yy</0>  <1>22</1>"]
    assert painted.split("\n")[:2] == plain.split("\n")[:2]


def test_a_row_of_the_wrong_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="argument"):
        text_table(["a", "b"], [["1"]])


def test_html_is_escaped_and_aligned() -> None:
    html = html_table(["a", "<b>"], [["<script>", '"&']], right=[1])
    assert html == (
        '<table><thead><tr><th style="text-align:left">a</th><th style="text-align:right">&lt;b&gt;</th></tr>'
        '</thead><tbody><tr><td style="text-align:left">&lt;script&gt;</td>'
        '<td style="text-align:right">&quot;&amp;</td></tr></tbody></table>'
    )
