"""Tables for the terminal and for a notebook."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.view.render.tables import display_width, fit, html_table, pad, text_table, wrap


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


def test_paint_colors_cells_and_leaves_the_header_and_the_alignment() -> None:
    plain = text_table(["a", "b"], [["x", "1"], ["yy", "22"]], right=[1])
    table = text_table(
        ["a", "b"], [["x", "1"], ["yy", "22"]], right=[1], paint=lambda i, text: f"<{i}>{text}</{i}>"
    )
    assert table.split("\n")[2:] == ["<0>x </0>  <1> 1</1>", "<0>yy</0>  <1>22</1>"]
    assert table.split("\n")[:2] == plain.split("\n")[:2]


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


def test_a_marked_cell_stands_out_and_no_other() -> None:
    html = html_table(["a", "b"], [["1", "2"], ["3", "4"]], bold={(1, 0)})
    assert [cell.split(">")[1] for cell in html.split("<td")[1:] if "font-weight:bold" in cell] == ["3</td"]


# How wide a text is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("loss", 4), ("v₁²", 3), ("损失", 4), ("ｌ", 2), ("e\u0301", 1), ("한", 2),
     ("\u1112\u1161\u11ab", 2),
     ("🙂", 2), ("\u200d", 0), ("├─·−", 4)],
)  # fmt: skip
def test_the_width_in_a_terminal(text: str, width: int) -> None:
    assert display_width(text) == width


def test_wide_letters_do_not_shift_the_columns() -> None:
    lines = text_table(["名", "data"], [["损失", "1"], ["w", "2"], ["e\u0301", "3"]], right=[1]).split("\n")
    assert lines == [
        "名    data",
        "────  ────",
        "损失     1",
        "w        2",
        "e\u0301        3",
    ]
    assert {display_width(line) for line in lines} == {10}


texts = st.text(st.sampled_from("ab·失한é\u0301🙂 "), max_size=12)


@given(texts, st.integers(0, 14))
def test_fit_returns_the_longest_text_that_fits(text: str, width: int) -> None:
    result = fit(text, width)
    assert display_width(result) <= width
    if result == text:
        return
    assert display_width(text) > width
    if width:
        prefix = result.removesuffix("…")
        assert text.startswith(prefix)
        assert display_width(text[: len(prefix) + 1]) > width - 1


@given(texts, st.integers(0, 20), st.booleans())
def test_pad_returns_the_width(text: str, width: int, right: bool) -> None:
    result = pad(text, width, right)
    assert display_width(result) == max(width, display_width(text))
    assert result.endswith(text) if right else result.startswith(text)


@given(st.lists(texts.map(str.split).map("".join).filter(bool)), st.integers(1, 20))
def test_wrapped_lines_fit_and_keep_every_word(words: list[str], width: int) -> None:
    lines = wrap(" ".join(words), width)
    assert all(display_width(line) <= width for line in lines)
    assert [word for line in lines for word in line.split()] == [
        fit(word, width) for word in words if fit(word, width)
    ]


def test_wide_table_is_split_into_parts() -> None:
    table = text_table(
        ["name", "first", "second", "third"], [["w", "1", "2", "3"]], right=[1, 2, 3], width=20
    )
    assert table.split("\n") == [
        "name  first  second",
        "────  ─────  ──────",
        "w         1       2",
        "",
        "name  third",
        "────  ─────",
        "w         3",
    ]
    assert text_table(["name", "first"], [["w", "1"]], width=5) == text_table(["name", "first"], [["w", "1"]])


@given(st.integers(13, 60), st.integers(0, 2))
def test_table_parts_repeat_the_first_columns_only(width: int, keep: int) -> None:
    header = [f"c{i}" for i in range(6)]
    parts = text_table(header, [["x" * i for i in range(6)]], width=width, keep=keep).split("\n\n")
    headers = [part.split("\n")[0].split() for part in parts]
    assert all(columns[:keep] == header[:keep] for columns in headers)
    assert [name for columns in headers for name in columns[keep:]] == header[keep:]
    assert all(display_width(line) <= width for part in parts for line in part.split("\n"))
