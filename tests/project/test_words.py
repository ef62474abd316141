"""Code, docs and notebook prose contain no retired phrase, and no docstring opens with a clause."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("retired_phrases.txt")
FOLDERS = ("autograd", "nn", "tests", "docs", "notebooks", ".ci")
SUFFIXES = {"", ".css", ".ipynb", ".js", ".md", ".py", ".rst", ".toml"}

#: Copies of other pages, and caches.
GENERATED = re.compile(r"__pycache__/|_build/|checkpoints/|^docs/(lessons/|contributing\.md|results\.md)")

#: A file, a phrase that it may contain, and the reason.
EXCEPTIONS = {
    ("tests/project/test_words.py", "like terms"): "an example of the pattern",
    ("tests/project/test_words.py", "runs as it is"): "an example of the pattern",
}


def read_phrases() -> dict[str, str]:
    """Return the replacement of each retired phrase."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" -> ") for line in lines if not line.startswith("#")]
    return dict(pairs)


def read_text(path: Path) -> str:
    """Return the text of a file in lower case; for a notebook, its Markdown and code without the outputs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return text.lower()


def pattern(phrase: str) -> re.Pattern[str]:
    """Match a phrase in lower case as whole words, also across line breaks, comment signs and underscores."""
    words = r"[\s_#]+".join(map(re.escape, phrase.lower().split()))
    return re.compile(rf"(?<![^\W_]){words}(?![^\W_])")


PHRASES = read_phrases()
FILES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
TEXTS = {
    path.relative_to(ROOT).as_posix(): read_text(path)
    for path in (*ROOT.glob("*.md"), ROOT / "pyproject.toml", *FILES)
    if path.suffix in SUFFIXES and not GENERATED.search(path.relative_to(ROOT).as_posix())
}


@pytest.mark.parametrize("phrase", PHRASES)
def test_retired_phrase_does_not_occur(phrase: str) -> None:
    places = [
        (name, text.count("\n", 0, match.start()) + 1)
        for name, text in TEXTS.items()
        if phrase.lower().split()[0] in text and (name, phrase) not in EXCEPTIONS
        for match in pattern(phrase).finditer(text)
    ]
    assert not places, f"write {PHRASES[phrase]!r} instead of {phrase!r}"


def test_docstring_does_not_open_with_a_clause() -> None:
    opening = re.compile(r'^\s*"""(what|whether|how|as|where|who(m|se)?)\b', re.MULTILINE)
    counts = {name: len([*opening.finditer(text)]) for name, text in TEXTS.items() if name.endswith(".py")}
    assert {name: count for name, count in counts.items() if count} == {}


def test_every_exception_is_needed() -> None:
    assert [pair for pair in EXCEPTIONS if not pattern(pair[1]).search(TEXTS[pair[0]])] == []


def test_pattern_matches_whole_words_across_line_breaks_and_underscores() -> None:
    assert pattern("like terms").search("a sum of like\n    # terms")
    assert pattern("runs as it is").search("test_code_runs_as_it_is")
    assert not pattern("like term").search("like terms")


def test_texts_include_every_kind_of_file() -> None:
    assert {Path(name).suffix for name in TEXTS} == SUFFIXES
