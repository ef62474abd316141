"""Findings about a model: vanishing, exploding or zero gradients, dead or saturated units."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import NamedTuple

from ...system.messages import type_and_value
from ..notation.names import format_number
from .layer_stats import LayerFlow, titles_of

#: The number of names that a sentence lists.
NAMED = 4


class Thresholds(NamedTuple):
    """Thresholds for vanishing and exploding gradients and for saturated activations.

    ``vanishing`` and ``exploding`` are ratios of a layer's gradient to that of the layer nearest the loss,
    so that a scaled loss has the same findings. ``saturated`` is a bound on the local derivative: below
    0.05 are a tanh beyond ±0.975 and a sigmoid outside 0.053 … 0.947.

    Reference: Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural
    networks"; Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks".
    """

    vanishing: float
    exploding: float
    saturated: float

    def check(self, function: str) -> None:
        """Raise ValueError for a threshold out of its range, and TypeError unless it is a number."""
        for name, value, low, high in (
            ("vanishing", self.vanishing, 0.0, 1.0),
            ("exploding", self.exploding, 1.0, math.inf),
            ("saturated", self.saturated, 0.0, 1.0),
        ):
            message = (
                f"{function}() expected a number between {low:g} and {high:g} for {name}, "
                f"got {type_and_value(value)}. Leave it out for the default."
            )
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(message)
            if not low < value < high:
                raise ValueError(message)


class Finding(NamedTuple):
    """Problem in some layers, as a sentence.

    ``kind`` is "not computed", "not finite", "exploding", "vanishing", "zero", "dead" or "saturated";
    ``where`` contains the names of the layers, or of the units that are dead or saturated, as in
    ``named_parameters()``: the layer ``layers.0`` is layer 1 in the sentence.
    """

    kind: str
    where: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return self.text


class Measure:
    """Gradients used to compare layers: of their activations if all are known, else of parameters."""

    def __init__(self, layers: Sequence[LayerFlow]) -> None:
        self.of_activations = all(layer.units is not None for layer in layers)
        self.symbol = "∂loss/∂activation" if self.of_activations else "∂loss/∂parameter"
        self.sizes = [
            layer.activation_gradient if self.of_activations else layer.parameter_gradient for layer in layers
        ]
        usable = [i for i, size in enumerate(self.sizes) if size and math.isfinite(size)]
        #: The layer nearest the loss that has a gradient to compare with.
        self.reference = usable[-1] if usable else None

    def ratio(self, index: int) -> float | None:
        """Return the gradient of a layer divided by that of the reference; None if it is not finite."""
        size = self.sizes[index]
        if self.reference is None or size is None or not math.isfinite(size):
            return None
        ratio = size / (self.sizes[self.reference] or math.nan)
        return ratio or (math.ulp(0.0) if size else 0.0)  # an underflow is not a zero


def findings_of(layers: Sequence[LayerFlow], limits: Thresholds) -> list[Finding]:
    """Return the findings about these layers, the worst first."""
    measure = Measure(layers)
    titles = dict(zip((layer.name for layer in layers), titles_of(layers)))
    findings = [*_not_numbers(layers, measure, titles)]
    if measure.reference is not None:
        findings += _sizes(layers, measure, measure.reference, limits, titles)
    return [*findings, *_units(layers, limits, titles)]


def _list_names(names: Sequence[str]) -> str:
    listing = ", ".join(names[:NAMED])
    return listing if len(names) <= NAMED else f"{listing} and {len(names) - NAMED} more"


def _gradients_of(names: Sequence[str], titles: Mapping[str, str], verb: str) -> str:
    """Return a subject and its verb, such as "the gradients of w1, w2 vanish"."""
    subject = _list_names([titles[name] for name in names])
    if len(names) > 1:
        return f"the gradients of {subject} {verb}"
    return f"the gradient of {subject} {verb}{'es' if verb.endswith('sh') else 's'}"


def _not_numbers(
    layers: Sequence[LayerFlow], measure: Measure, titles: Mapping[str, str]
) -> Iterator[Finding]:
    unknown = tuple(layer.name for layer, size in zip(layers, measure.sizes, strict=True) if size is None)
    if len(unknown) == len(layers):
        yield Finding("not computed", unknown, "no gradient is computed yet: call loss.backward() first")
        return
    if unknown:
        place = _list_names([titles[name] for name in unknown])
        text = f"no backward pass has reached {place}: does the loss use it?"
        yield Finding("not computed", unknown, text)
    infinite = tuple(layer.name for layer in layers if _overflows(layer))
    if infinite:
        place = _list_names([titles[name] for name in infinite])
        text = f"a gradient in {place} is inf or nan: a step along it would ruin the parameters"
        yield Finding("not finite", infinite, text)
    elif measure.reference is None:
        names = tuple(layer.name for layer in layers)
        text = "every gradient is exactly 0: the loss is flat here, or zero_grad() came after backward()"
        before = "" if measure.of_activations else ", or there was no backward() yet"
        yield Finding("zero", names, text + before)


def _overflows(layer: LayerFlow) -> bool:
    gradients = (layer.activation_gradient, layer.parameter_gradient)
    return any(g is not None and not math.isfinite(g) for g in gradients)


def _sizes(
    layers: Sequence[LayerFlow],
    measure: Measure,
    reference: int,
    limits: Thresholds,
    titles: Mapping[str, str],
) -> Iterator[Finding]:
    ratios = [(r, layer.name) for i, layer in enumerate(layers) if (r := measure.ratio(i)) is not None]
    base = titles[layers[reference].name], format_number(measure.sizes[reference] or 0.0)

    def compare_sizes(
        kind: str, verb: str, entries: list[tuple[float, str]], worst: float, limit: str
    ) -> Finding:
        names = tuple(name for _, name in entries)
        at = next(name for ratio, name in entries if ratio == worst)
        subject = "it" if len(names) == 1 else f"that of {titles[at]}"
        times = f"{subject} is {format_number(worst)} times the gradient of {base[0]} ({base[1]})"
        return Finding(kind, names, f"{_gradients_of(names, titles, verb)}: {times}, {limit}")

    largest = [pair for pair in ratios if pair[0] > limits.exploding]
    if largest:
        limit = f"above the limit of {format_number(limits.exploding)}"
        yield compare_sizes("exploding", "explode", largest, max(largest)[0], limit)
    large = tuple(
        layer.name
        for layer in layers
        if layer.name not in {name for _, name in largest} and layer.parameter and not _overflows(layer)
        if (layer.parameter_gradient or 0.0) / layer.parameter > limits.exploding
    )
    if large:
        are = "it is" if len(large) == 1 else "they are"
        times = f"{are} more than {format_number(limits.exploding)} times the size of the parameters"
        yield Finding("exploding", large, f"{_gradients_of(large, titles, 'explode')}: {times}")
    smallest = [pair for pair in ratios if 0.0 < pair[0] < limits.vanishing]
    if smallest:
        limit = f"below the limit of {format_number(limits.vanishing)}"
        yield compare_sizes("vanishing", "vanish", smallest, min(smallest)[0], limit)
    zero = tuple(name for ratio, name in ratios if ratio == 0.0)
    if zero:
        doubt = "" if measure.of_activations else "; does the loss use it?"
        place = _list_names([titles[name] for name in zero])
        yield Finding("zero", zero, f"every gradient in {place} is exactly 0{doubt}")


def _units(layers: Sequence[LayerFlow], limits: Thresholds, titles: Mapping[str, str]) -> Iterator[Finding]:
    for layer in layers:
        samples = "the only sample" if layer.samples == 1 else f"every one of {layer.samples:,} samples"
        for kind, units in (("dead", layer.dead), ("saturated", layer.saturated)):
            if not units:
                continue
            if not layer.units:
                reason = "every gradient is exactly 0 (for details: gradient_flow(model, loss))"
            else:
                limit = "0" if kind == "dead" else f"below {format_number(limits.saturated)}"
                reason = f"the local derivative of {layer.function} is {limit} on {samples}"
            yield Finding(kind, units, f"{_name_units(layer, units, titles)} {kind}: {reason}")


def _name_units(layer: LayerFlow, units: tuple[str, ...], titles: Mapping[str, str]) -> str:
    title = titles[layer.name]
    if layer.units == 1:
        return f"the only unit of {title} is"
    names = [unit.removeprefix(f"{layer.name}.") for unit in units]
    places = [re.fullmatch(r"neurons\.(\d+)", name) for name in names]
    numbers = [str(int(place[1]) + 1) for place in places if place]
    if len(numbers) == len(names):
        names = [f"unit{'s' if len(numbers) > 1 else ''} {_list_names(numbers)}"]
    of = f" of {layer.units} units" if layer.units else " unit" if len(units) == 1 else " units"
    return f"{len(units)}{of} in {title} ({_list_names(names)}) {'is' if len(units) == 1 else 'are'}"
