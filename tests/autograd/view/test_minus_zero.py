"""A gradient of −0 is shown as 0 in every view; data can be −0."""

import io
import re

from autograd import Value, compare, draw, explain, show, snapshot, steps


def example() -> tuple[Value, Value]:
    """The gradient of a is (−3) · 0 = −0."""
    a = Value(2.0, label="a")
    out = -abs(a - 2.0) * 3.0
    out.backward()
    return a, out


def test_gradients_of_minus_zero_are_shown_as_zero() -> None:
    a, out = example()
    assert str(out.data) == "-0.0"
    assert "gradient −0" not in draw(out).alt
    assert not any(edge.contribution == "−0" or edge.local == "×−0" for edge in snapshot(out).picture.edges)
    assert not any("= −0" in str(step) for step in steps(out))
    assert {step.row[-1] for step in steps(out)} == {"1", "3", "−3", "0"}
    assert repr(explain(out, a)).count("−0") == 1  # the data of −v₂
    assert [row.split()[-1] for row in repr(snapshot(out)).splitlines()[2:]] == ["0", "0", "−3", "3", "1"]
    output = io.StringIO()
    show(out, file=output)
    assert [row.split()[-1] for row in output.getvalue().splitlines()[2:]] == ["×3", "×−1", "×0", "×1"]
    assert output.getvalue().count("−0") == 2  # the data of −v₂ and of out


def test_page_of_the_steps_has_no_gradient_of_minus_zero() -> None:
    _, out = example()
    html = steps(out)._repr_mimebundle_()["text/html"]
    numbers = re.findall(r"(<[^<>]*>)−0<", html)
    assert len(numbers) == 2
    assert all("data" in element for element in numbers)


def test_sign_of_a_zero_gradient_is_not_a_difference() -> None:
    a, out = example()
    before = snapshot(out)
    a.grad = -0.0
    assert compare(before, out).changed == ()
