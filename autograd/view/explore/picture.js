// The page of explore(), part 3 of 5: the cards and arrows of the picture.

const cards = data.cards.map(([key, places, label]) => {
  const element = part(key);
  const texts = [...element.querySelectorAll("text")];
  const datum = element.querySelector("text.data") ?? texts.at(-2);
  const grad = element.querySelector("text.grad") ?? texts.at(-1);
  const points = element.querySelector("path").getAttribute("d").match(/-?[\d.]+/g).map(Number);
  const xs = points.filter((_, i) => i % 2 === 0);
  const ys = points.filter((_, i) => i % 2 === 1);
  const [left, right, top, bottom] = [Math.min(...xs) + 10, Math.max(...xs) - 10, Math.min(...ys), Math.max(...ys)];
  const card = { key, places, label, element, datum, grad, left, right, top, bottom };
  if (!element.querySelector("text.data")) {
    // The numbers of a neuron, side by side.
    for (const [text, at, anchor] of [[datum, left, "start"], [grad, right, "end"]]) {
      text.setAttribute("x", at);
      text.setAttribute("text-anchor", anchor);
    }
  }
  const expression = texts.find((text) => /^\s*= /.test(text.textContent));
  expression?.classList.add("expression");
  let from = null;
  let isDragged = false;
  element.addEventListener("pointerdown", (event) => {
    isDragged = false;
    if (event.button || !card.leaf) return;
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    choose(card.leaf);
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const each = (card.leaf.high - card.leaf.low) / (scale * (right - left));
    from = { at: event.clientX, v: x[card.leaf.at], each };
  });
  element.addEventListener("pointermove", (event) => {
    if (!from || event.clientX === from.at) return;
    isDragged = true;
    const v = from.v + (event.clientX - from.at) * from.each;
    const { low, high, snap } = card.leaf;
    set(card.leaf, snap(Math.min(high, Math.max(low, v))));
  });
  for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => (from = null));
  const onClick = leaves.some((leaf) => leaf.owner === key) ? () => filter(key, label)
    : places.length === 1 && others.has(places[0]) ? () => fixAndFocus(places[0])
    : null;
  if (onClick) {
    element.classList.add("opens");
    element.addEventListener("click", () => isDragged || onClick());
  }
  return card;
});

// The lower edge of a card is the slider of its leaf, or of its Value while that is fixed.
const addSlider = (card, leaf) => {
  const { element, left, right, top, bottom } = card;
  const slider = draw("g", {}, element);
  draw("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "track" }, slider);
  const thumb = draw("circle", { cy: bottom, r: 5, class: "thumb" }, slider);
  Object.assign(card, { leaf, slider, thumb });
  leaf.card = card;
  element.classList.add("drags");
  if (!isFixed[leaf.at]) return;
  draw("rect", { x: right - 32, y: top - 8, width: 38, height: 15, rx: 7, class: "mark" }, slider);
  draw("text", { x: right - 13, y: top + 3.5, "text-anchor": "middle", class: "mark" }, slider).textContent = "fixed";
  element.classList.add("fixed");
};
const removeSlider = (card) => {
  card.slider.remove();
  card.leaf = undefined;
  card.element.classList.remove("drags", "fixed", "chosen", "trained");
};
for (const card of cards) {
  const leaf = card.places.length === 1 && leaves.find(({ at }) => at === card.places[0]);
  if (leaf) addSlider(card, leaf);
}
for (const [at, name] of others) {
  const card = cards.find(({ places }) => places.length === 1 && places[0] === at);
  menu.add(new Option(card && !data.flows.length ? card.label : name, at));
  if (card && !data.flows.length) find(".remark span").hidden = false;
}

const shapes = (element) => [...(element?.querySelectorAll("path,polygon") ?? [])];
const arrows = data.edges.map(([i, at, position]) => {
  const [onward, back] = [part(`e${i}-forward`), part(`e${i}-backward`)];
  const texts = { local: onward?.querySelector("text"), contribution: back?.querySelector("text") };
  return { node: nodes[at], position, ...texts, shapes: shapes(back) };
});
const flows = data.flows.map(([i, terms]) => ({
  terms: terms.map(([at, position]) => [nodes[at], position]),
  shapes: shapes(part(`f${i}`)),
}));
// 0 to 1 by the logarithm of a size, from 1e-4 to 100.
const strength = (v) => {
  if (v === 0 || Number.isNaN(v)) return 0;
  return Math.min(1, Math.max(0, ((Number.isFinite(v) ? Math.log10(Math.abs(v)) : 2) + 4) / 6));
};
const paint = (elements, share, isZero) => {
  const mix = `color-mix(in oklab, var(--backward) ${Math.round(25 + 75 * share)}%, var(--forward))`;
  const color = isZero ? "var(--forward)" : mix;
  for (const element of elements) {
    element.style.stroke = color;
    element.style.strokeWidth = 0.8 + 3.2 * share;
    if (element.tagName === "polygon") element.style.fill = color;
    else element.style.strokeDasharray = isZero ? "5 2" : "none";
  }
};
const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const showPicture = () => {
  const words = cards.map(({ places, label, datum, grad, leaf }) => {
    const isOne = places.length === 1;
    const d = number(isOne ? x[places[0]] : mean(places.map((i) => x[i])));
    const g = gradient(isOne ? grads[places[0]] : mean(places.map((i) => Math.abs(grads[i]))));
    write(datum, d);
    write(grad, g);
    const what = leaf && isFixed[leaf.at] ? `${leaf.name} fixed at` : `${label} =`;
    return `${what} ${d}, gradient ${g}`;
  });
  svg.setAttribute("aria-label", `${data.title}: ${words.join("; ")}.`);
  for (const { node, position, local, contribution: text, shapes: elements } of arrows) {
    const c = contribution(node, position);
    write(local, `×${gradient(node.last[position] ?? 0)}`);
    write(text, gradient(c));
    paint(elements, strength(c), c === 0);
  }
  const sizes = flows.map(({ terms }) => terms.reduce((sum, term) => sum + Math.abs(contribution(...term)), 0));
  const largest = Math.max(...sizes.filter(Number.isFinite), 0);
  flows.forEach(({ shapes: elements }, i) => {
    const share = sizes[i] >= largest ? 1 : Math.max(0, 1 + Math.log10(sizes[i] / largest) / 3);
    paint(elements, sizes[i] > 0 ? share ** 2 : 0, sizes[i] === 0);
  });
};
