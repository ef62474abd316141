"""The course as a whole: its first page, the index of questions, and exercises whose checks run."""

import contextlib
import io
import re

import pytest

from .._support.notebooks import LESSONS, START, lessons, read, text_of

#: A word of each question in the index, and a word of the section that answers it.
QUESTIONS = {
    "What is a leaf": "is_leaf",
    "`grad` 0": "unused",
    "`math.exp(v)`": "autograd.exp",
    "a + a": "two contributions",
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
    """Each heading of a notebook, in the form of a link in Jupyter, with the text below it."""
    sections, heading = {}, ""
    for cell in read(path).cells:
        in_code = cell.cell_type == "code"
        for line in cell.source.splitlines():
            in_code ^= line.startswith("```")
            if not in_code and (match := re.match(r"#+ (.+)", line)):
                heading = match[1].replace("`", "").replace(" ", "-")
                assert heading not in sections, f"{path.name} has two headings {match[1]!r}"
                sections[heading] = ""
            sections[heading] += line + "\n"
    return sections


def links(text):
    """The links of a text to notebooks, as (file, heading)."""
    return re.findall(r"\]\(([^)#\s]+\.ipynb)(?:#((?:[^()\s]|\([^()\s]*\))+))?\)", text)


def prose(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def rows(heading):
    """The rows of the table below a heading of the first page, without the header."""
    table = [line for line in headings(START)[heading].splitlines() if line.startswith("|")]
    return [[entry.strip() for entry in line.strip("|").split("|")] for line in table[2:]]


def exercises(path):
    """The shared check, and for each exercise its answer cell, check, solution and saved output."""
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
    pieces = []
    for number, cell, (_, solution) in zip(numbers, answers, solved, strict=True):
        answer, checking = cell.source.split("\n\n# the check\n")
        assert answer.startswith(f"# Exercise {number}\n")
        assert "# change me" in answer
        ((_, output),) = text_of(cell)
        pieces.append((answer, checking, solution, output))
    return check.source, pieces


def printed_by(*sources):
    """Run cells in this order, in an empty namespace, and return what they print."""
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for source in sources:
            exec(compile(source, "exercise", "exec"), names)
    return printed.getvalue()


@lessons
def test_lesson_opens_with_a_learners_question(path):
    opening = read(path).cells[0].source
    assert opening.startswith(f"# {path.stem[:2]} · ")
    (question,) = re.findall(r'^> \*"(.+)(?:"\*|\*")$', opening, re.M)
    assert "?" in question


@lessons
def test_lesson_ends_with_exercises_and_checks(path):
    cells = read(path).cells
    (first,) = (i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises\n"))
    assert not any(re.search("^## ", cell.source, re.M) for cell in cells[first + 1 :])
    tasks = re.findall(r"^\d\. ", cells[first].source, re.M)
    printed = "".join(text for cell in cells[first:] if cell.cell_type == "code" for _, text in text_of(cell))
    assert 2 <= len(tasks) <= 4
    assert len(re.findall(r"\bright\b|\byour turn\b|\bnot yet\b", printed)) >= len(tasks)


@lessons
def test_exercise_checks_accept_the_solution_only(path):
    check, pieces = exercises(path)
    for answer, checking, solution, output in pieces:
        unsolved = printed_by(check, answer, checking)
        assert unsolved.startswith(("your turn", "not yet"))
        assert unsolved == output
        assert printed_by(check, solution, checking).startswith("right"), solution


@lessons
def test_exercise_check_rejects_a_wrong_number(path):
    check, pieces = exercises(path)
    numbers = 0
    for _, checking, solution, _ in pieces:
        if answered := re.fullmatch(r"(\w+) = (-?[\d.]+)", solution):
            assert printed_by(check, f"{answered[1]} = {answered[2]} + 1", checking).startswith("not yet")
            numbers += 1
    assert numbers, "one of the exercises is to predict a number"


def test_all_lessons_have_the_same_check():
    assert len({exercises(path)[0].split("\n\n\n")[-1] for path in LESSONS}) == 1


def test_first_page_lists_every_lesson_in_order():
    table = rows("In-what-order")
    assert [links(lesson) for lesson, _, _ in table] == [[(path.name, "")] for path in LESSONS]
    for _, question, minutes in table:
        assert question.endswith("?")
        assert 10 <= int(minutes) <= 60


@pytest.mark.parametrize("path", [START, *LESSONS], ids=lambda path: path.stem)
def test_links_lead_to_existing_headings(path):
    for file, heading in links(prose(path)):
        assert (path.parent / file).is_file(), file
        assert not heading or heading in headings(path.parent / file), f"{file} has no heading {heading}"


@pytest.mark.parametrize("question", QUESTIONS)
def test_question_is_in_the_index_and_answered(question):
    matches = [row for row in rows("Questions,-and-where-they-are-answered") if question in row[0]]
    assert matches, "the question is not in the index"
    for text, answer, where in matches:
        assert text.endswith("?")
        assert answer
        ((file, heading),) = links(where)
        assert QUESTIONS[question] in headings(START.parent / file)[heading]


def test_first_page_explains_how_to_begin():
    text = prose(START)
    for word in ('pip install -e ".[notebook]"', "jupyter lab notebooks", "**Predict.**", "## Who it is for"):
        assert word in text
