"""The course as a whole: its first page, the index of questions, and exercises whose checks run."""

import contextlib
import io
import re

import pytest

from .._support.notebooks import LESSONS, START, lessons, read, text_of

#: What people ask, by a word of the question in the index, and a word of the section that answers it.
QUESTIONS = {
    "What is a leaf": "is_leaf",
    "`grad` 0": "unused",
    "`math.exp(v)`": "autograd.exp",
    "a + a": "paid twice",
    "topological": "complete",
    "`zero_grad`": "w.zero_grad()",
    "`backward()` twice": "accumulated",
    "`RecursionError`": "a walk that calls itself",
    "the seed": "backward(seed)",
    "Is my gradient right": "finite difference",
    "`relu(0)`": "a.relu()",
    "`log(0)`": "a.log()",
    "`0**0`": "a**0",
    "`nan`": "isfinite",
    "learning rate": "diverges",
    "not going down": "no zero_grad",
    "in place": "w.data -=",
    "make it fast": "do not leave the program",
    "vanish": "0.25 \\cdot 0.25",
    "explode": "nan",
    "something real": "held out",
    "autoencoder": "bottleneck",
    "random choice": "score function",
    "through an update": "second derivative",
    "attention": "query",
}


def headings(path):
    """Each heading of a notebook, as Jupyter writes it into a link, with the text that stands under it."""
    sections, under = {}, ""
    for cell in read(path).cells:
        in_code = cell.cell_type == "code"
        for line in cell.source.splitlines():
            in_code ^= line.startswith("```")
            if not in_code and (found := re.match(r"#+ (.+)", line)):
                under = found[1].replace("`", "").replace(" ", "-")
                assert under not in sections, f"{path.name} has two headings {found[1]!r}"
                sections[under] = ""
            sections[under] += line + "\n"
    return sections


def links(text):
    """The links of a text to notebooks, as (file, heading)."""
    return re.findall(r"\]\(([^)#\s]+\.ipynb)(?:#((?:[^()\s]|\([^()\s]*\))+))?\)", text)


def prose(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def rows(heading):
    """The rows of the table under a heading of the first page, without its head."""
    table = [line for line in headings(START)[heading].splitlines() if line.startswith("|")]
    return [[entry.strip() for entry in line.strip("|").split("|")] for line in table[2:]]


def exercises(path):
    """The check, and for each exercise what is to be answered, what checks it, and the solution."""
    cells = read(path).cells
    first = next(i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises\n"))
    tasks, check, *answers, solutions = cells[first:]
    assert [cell.cell_type for cell in (check, *answers)] == ["code"] * (len(answers) + 1)
    assert 2 <= len(answers) <= 4
    numbers = [str(i) for i in range(1, len(answers) + 1)]
    assert re.findall(r"^(\d)\. ", tasks.source, re.M) == numbers
    solved = re.findall(
        r"<details><summary>Exercise (\d)</summary>\n\n```python\n(.+?)\n```\n\n.+?\n\n</details>",
        solutions.source,
        re.S,
    )
    assert [number for number, _ in solved] == numbers
    found = []
    for number, cell, (_, solution) in zip(numbers, answers, solved, strict=True):
        answer, checking = cell.source.split("\n\n# the check\n")
        assert answer.startswith(f"# Exercise {number}\n")
        assert "# change me" in answer
        ((_, saved),) = text_of(cell)
        found.append((answer, checking, solution, saved))
    return check.source, found


def said(*sources):
    """What these cells print when they are run in this order, and nothing was run before."""
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for source in sources:
            exec(compile(source, "exercise", "exec"), names)
    return printed.getvalue()


@lessons
def test_a_lesson_opens_with_a_question_in_the_words_of_a_learner(path):
    opening = read(path).cells[0].source
    assert opening.startswith(f"# {path.stem[:2]} · ")
    (question,) = re.findall(r'^> \*"(.+)(?:"\*|\*")$', opening, re.M)
    assert "?" in question


@lessons
def test_a_lesson_ends_with_exercises_that_were_checked(path):
    cells = read(path).cells
    (first,) = (i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises\n"))
    assert not any(re.search("^## ", cell.source, re.M) for cell in cells[first + 1 :])
    tasks = re.findall(r"^\d\. ", cells[first].source, re.M)
    said = "".join(text for cell in cells[first:] if cell.cell_type == "code" for _, text in text_of(cell))
    assert 2 <= len(tasks) <= 4
    assert len(re.findall(r"\bright\b|\byour turn\b|\bnot yet\b", said)) >= len(tasks)


@lessons
def test_exercises_that_stand_alone_have_checks_that_run(path):
    check, found = exercises(path)
    for answer, checking, solution, saved in found:
        unsolved = said(check, answer, checking)
        assert unsolved.startswith(("your turn", "not yet"))
        assert unsolved == saved
        assert said(check, solution, checking).startswith("right"), solution


@lessons
def test_a_check_refuses_a_wrong_number(path):
    check, found = exercises(path)
    numbers = 0
    for _, checking, solution, _ in found:
        if answered := re.fullmatch(r"(\w+) = (-?[\d.]+)", solution):
            assert said(check, f"{answered[1]} = {answered[2]} + 1", checking).startswith("not yet")
            numbers += 1
    assert numbers, "one of the exercises is to predict a number"


def test_exercises_that_stand_alone_check_in_the_same_way():
    assert len({exercises(path)[0].split("\n\n\n")[-1] for path in LESSONS}) == 1


def test_the_first_page_lists_every_lesson_in_order():
    table = rows("In-what-order")
    assert [links(lesson) for lesson, _, _ in table] == [[(path.name, "")] for path in LESSONS]
    for _, question, minutes in table:
        assert question.endswith("?")
        assert 10 <= int(minutes) <= 60


@pytest.mark.parametrize("path", [START, *LESSONS], ids=lambda path: path.stem)
def test_links_lead_to_a_heading_that_is_there(path):
    for file, heading in links(prose(path)):
        assert (path.parent / file).is_file(), file
        assert not heading or heading in headings(path.parent / file), f"{file} has no heading {heading}"


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_people_ask_is_in_the_index_and_answered(question):
    found = [row for row in rows("Questions,-and-where-they-are-answered") if question in row[0]]
    assert found, "the question is not in the index"
    for asked, answer, where in found:
        assert asked.endswith("?")
        assert answer
        ((file, heading),) = links(where)
        assert QUESTIONS[question] in headings(START.parent / file)[heading]


def test_the_first_page_says_how_to_begin():
    text = prose(START)
    for word in ('pip install -e ".[notebook]"', "jupyter lab notebooks", "**Predict.**", "## Who it is for"):
        assert word in text
