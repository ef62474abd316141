"""The GPT of lesson 14: its arithmetic, compared with PyTorch's layers, its baseline, and its result."""

import math
import re
from collections import Counter
from itertools import pairwise

import pytest

from .._support.notebooks import code_cells, lesson, read, text_of
from .._support.pytorch import needs_torch


def printed():
    """The printed output of the saved lesson."""
    return "\n".join(text for cell in code_cells(read(lesson("14"))) for _, text in text_of(cell))


def losses():
    rows = dict(re.findall(r"^(untrained|unigram|bigram|GPT) +(\d\.\d{4})   as if", printed(), re.M))
    assert len(rows) == 4
    return {name: float(number) for name, number in rows.items()}


@pytest.fixture(scope="module")
def defined():
    """The names that the cells of the lesson define, up to the untrained model."""
    pytest.importorskip("names")
    names = {}
    for cell in code_cells(read(lesson("14"))):
        if not re.search(r"^draw\(", cell.source, re.M):
            exec(cell.source, names)
        else:  # only the imports
            exec("\n".join(line for line in cell.source.splitlines() if line.startswith("from ")), names)
        if "class GPT" in cell.source:
            return names
    raise AssertionError("no cell of the lesson defines the GPT")


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("words", [["ann"], ["oswaldo", "jo", "magaly"]])
def test_loss_and_gradients_agree_with_pytorch(defined, words):
    import torch
    from torch.nn import functional as F

    model = defined["GPT"](seed=3)
    for parameter in model.parameters():
        parameter.data *= 8.0  # so that the softmax is far from linear
    loss = defined["loss_on"](model, words)
    model.zero_grad()
    loss.backward()

    def matrix(linear):
        rows = [[weight.data for weight in row] for row in linear.rows]
        return torch.tensor(rows, dtype=torch.float64, requires_grad=True)

    inside = model.attention
    linears = [model.tokens, model.positions, inside.query, inside.key, inside.value, inside.out]
    linears += [model.widen, model.narrow, model.head]
    tokens, positions, query, key, value, out, widen, narrow, head = matrices = [*map(matrix, linears)]

    def norm(x):
        return F.rms_norm(x, (16,), eps=2.0**-52)

    logits, following = [], []
    for word in words:
        ids = torch.tensor(defined["tokens"](word))
        x = norm(tokens[ids[:-1]] + positions[: len(ids) - 1])
        q, k, v = (F.linear(norm(x), m).view(-1, 4, 4).transpose(0, 1) for m in (query, key, value))
        read = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + F.linear(read.transpose(0, 1).reshape(-1, 16), out)
        x = x + F.linear(F.relu(F.linear(norm(x), widen)), narrow)
        logits.append(F.linear(x, head))
        following.append(ids[1:])
    torch_loss = F.cross_entropy(torch.cat(logits), torch.cat(following))
    torch_loss.backward()

    assert math.isclose(loss.data, torch_loss.item(), rel_tol=1e-12)
    count = 0
    for linear, weights in zip(linears, matrices, strict=True):
        for row, gradients in zip(linear.rows, weights.grad.tolist(), strict=True):
            for parameter, gradient in zip(row, gradients, strict=True):
                assert math.isclose(parameter.grad, gradient, rel_tol=1e-9, abs_tol=1e-12)
                count += 1
    assert count == len(model.parameters()) == 4192


def test_logits_depend_only_on_earlier_tokens(defined):
    model, end = defined["GPT"](seed=1), defined["END"]

    def last_logits(*read):
        memory = defined["Memory"]()
        return [[logit.data for logit in model(token, memory)] for token in read]

    assert last_logits(end, 3, 7)[:2] == last_logits(end, 3, 9)[:2]
    assert last_logits(end, 3, 7)[2] != last_logits(end, 4, 7)[2]


def test_bigram_loss_is_that_of_counted_pairs(defined):
    pairs, firsts = Counter(), Counter()
    for name in defined["training"]:
        pairs.update(pairwise(f"·{name}·"))
        firsts.update(f"·{name}")
    surprises = [
        -math.log((pairs[pair] + 1) / (firsts[pair[0]] + 27))
        for name in defined["held_out"]
        for pair in pairwise(f"·{name}·")
    ]
    assert losses()["bigram"] == round(sum(surprises) / len(surprises), 4)
    assert not set(defined["training"]) & set(defined["held_out"])


def test_gpt_beats_the_bigram_on_held_out_names():
    by_model = losses()
    assert abs(by_model["untrained"] - math.log(27)) < 0.1
    assert by_model["GPT"] + 0.15 < by_model["bigram"] < by_model["unigram"] < by_model["untrained"]
    assert "in all      4,192 parameters" in printed()


def test_gpt_writes_new_names_and_its_heads_differ(defined):
    count, some = re.search(r"of 200 at T = 0.6, (\d+) are on no list, such as (.+)", printed()).groups()
    assert int(count) > 100
    assert not set(some.split(", ")) & defined["known"]
    after_a_vowel = printed().partition("having read a vowel")[2].partition("having read")[0]
    *heads, alike = map(int, re.search(r"others(.+)", after_a_vowel).group(1).replace("%", "").split())
    assert (heads[3], alike) == (77, 43), "the text quotes them"
    assert max(heads) - min(heads) > 20
