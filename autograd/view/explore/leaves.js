// The page of explore(), part 2 of 5: its elements, and the list of leaves and of fixed Values.

const host = document.createElement("div");
host.className = "glassgrad-explorer";
host.setAttribute("data-lm-suppress-shortcuts", "true"); // keeps JupyterLab from handling the arrow keys
const page = host.attachShadow({ mode: "open" });
const speeds = [2, 10, 60, 600];
page.innerHTML = `<style>${data.css}</style>
  <div role="group" class="all">
    <div class="picture" tabindex="0" role="group" aria-label="Graph">${data.svg}</div>
    <div class="panels">
      <section class="leaves" aria-label="Leaves"><div class="scroll"><table>
        <thead><tr><th>train</th><th>leaf</th><th></th><th>data</th><th>grad</th></tr></thead><tbody></tbody>
      </table></div><p class="filter" hidden></p>
      <div class="bar fix" hidden><label>intermediate Value <select></select></label><button type="button">Fix</button></div>
      </section>
      <section class="slope"><svg class="plot" role="img" viewBox="0 0 340 210"></svg><p></p></section>
      <section class="descent" aria-label="Gradient descent">
        <div class="bar">
          <button type="button" class="step">Step</button>
          <button type="button" class="play">Play</button>
          <select class="speed" aria-label="Steps per second">${speeds.map((s) => `<option value="${s}">${s}/s</option>`).join("")}</select>
          <button type="button" class="reset">Reset</button>
          <label>learning rate <input class="rate" type="number" min="0" step="any"></label>
        </div>
        <svg class="plot" role="img" viewBox="0 0 340 180"></svg><p class="message"></p>
      </section>
    </div>
    <p class="remark"><span hidden>Drag the card of a leaf; click the card of another Value to fix it at a number. </span>The recorded graph is computed again: a Python if, or a random mask, stays as it was.</p>
    <p class="status" aria-live="polite" aria-atomic="true"></p>
  </div>`;
const find = (selector) => page.querySelector(selector);
const part = (id) => page.getElementById(`${data.prefix}-${id}`);
find(".all").setAttribute("aria-label", data.title);
const picture = find(".picture");
const svg = picture.querySelector("svg");
const width = parseFloat(svg.getAttribute("width"));
svg.style.cssText = `width:100%;max-width:${width}pt;min-width:${data.shrink * width}pt`;
svg.setAttribute("role", "img");
svg.querySelector("polygon").setAttribute("class", "page");
const draw = (tag, attributes, parent) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
};
const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

// The next number of the form 1, 2 or 5 times a power of ten.
const round = (v) => {
  const power = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 5, 10].find((k) => k * power >= v * (1 - 1e-9)) * power;
};
const movable = (at, name, owner, isTrained) => {
  const reach = round(Math.max(Math.min(Math.abs(x[at]), 1e300) || 0, 1));
  const fine = reach / 100;
  const digits = Math.min(100, Math.max(0, -Math.floor(Math.log10(fine) + 1e-9)));
  const snap = (v) => Number((Math.round(v / fine) * fine).toFixed(digits));
  const ends = { low: snap((x[at] || 0) - reach), high: snap((x[at] || 0) + reach) };
  return { at, name, owner, isTrained, start: x[at], ends, ...ends, fine, coarse: reach / 10, snap };
};
const leaves = data.leaves.map(([at, name, train, owner]) => movable(at, name, owner, train));
let fixed = [];
const isTrainedAtStart = leaves.map((leaf) => leaf.isTrained);
const firstChosen = leaves.find((leaf) => leaf.isTrained) ?? leaves[0];
let chosen = firstChosen;
let trail = [];
let history = [];
let steps = 0;
let message = "";

const choose = (leaf) => {
  if (chosen !== leaf) trail = [];
  chosen = leaf;
  update();
};
const set = (leaf, v) => {
  if (!Number.isFinite(v)) return;
  x[leaf.at] = v;
  trail = [];
  message = "";
  choose(leaf);
};
const onKey = (leaf, isBox) => (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const v = x[leaf.at];
  const by = event.shiftKey ? leaf.coarse / 5 : leaf.coarse;
  const moves = { ArrowUp: v + by, ArrowDown: v - by };
  if (!isBox) {
    Object.assign(moves, { ArrowRight: v + by, ArrowLeft: v - by, PageUp: v + 5 * by, PageDown: v - 5 * by });
    Object.assign(moves, { Home: leaf.low, End: leaf.high });
  }
  if (!(event.key in moves)) return;
  event.preventDefault();
  set(leaf, leaf.snap(moves[event.key]));
  leaf.box.value = plain(x[leaf.at]);
};
const addRow = (leaf, first) => {
  const row = document.createElement("tr");
  row.innerHTML = `<td>${first}</td><th scope="row"></th><td><input type="range"></td>
    <td><input type="number" step="any"></td><td class="gg-grad"></td>`;
  const [range, box] = row.querySelectorAll("[type=range], [type=number]");
  const control = row.querySelector("input, button");
  Object.assign(leaf, { row, range, box, control, gradientCell: row.lastElementChild });
  row.querySelector("th").textContent = leaf.name;
  range.setAttribute("aria-label", leaf.name);
  box.setAttribute("aria-label", `data of ${leaf.name}`);
  range.step = "any";
  range.addEventListener("input", () => set(leaf, leaf.snap(range.valueAsNumber)));
  box.addEventListener("input", () => set(leaf, box.valueAsNumber));
  box.addEventListener("change", () => (box.value = plain(x[leaf.at])));
  range.addEventListener("keydown", onKey(leaf, false));
  box.addEventListener("keydown", onKey(leaf, true));
  row.addEventListener("focusin", () => choose(leaf));
  row.addEventListener("pointerdown", () => choose(leaf));
  find("tbody").append(row);
};
for (const leaf of leaves) {
  addRow(leaf, `<input type="checkbox">`);
  leaf.control.checked = leaf.isTrained;
  leaf.control.setAttribute("aria-label", `train ${leaf.name}`);
  leaf.control.addEventListener("change", () => {
    leaf.isTrained = leaf.control.checked;
    update();
  });
}
const byRow = new Map(leaves.map((leaf) => [leaf.row, leaf]));
if (leaves.length > 30) {
  // Only rows that can be seen are written.
  const onScroll = (entries) => {
    for (const entry of entries) byRow.get(entry.target).isOutside = !entry.isIntersecting;
    update();
  };
  const observer = new IntersectionObserver(onScroll, { root: find(".scroll") });
  for (const leaf of leaves) observer.observe(leaf.row);
}

// A click on a neuron lists its own parameters; a second click lists all leaves.
let listed = "";
const filter = (key, name) => {
  listed = listed === key ? "" : key;
  for (const leaf of leaves) leaf.row.hidden = listed !== "" && leaf.owner !== listed;
  find(".filter").hidden = listed === "";
  write(find(".filter"), `The parameters of ${name}. Click it again for all leaves.`);
  for (const card of cards) card.element.classList.toggle("listed", card.key === listed);
};

// A Value that is fixed becomes a row; it is released by the button in its row.
const others = new Map(data.others);
const menu = find(".fix select");
const fix = (at, v = x[at]) => {
  let item = fixed.find((other) => other.at === at);
  if (!item) {
    x[at] = v;
    item = movable(at, others.get(at), "", false);
    addRow(item, `<button type="button" class="release">×</button>`);
    item.row.classList.add("fixed");
    item.control.title = `Compute ${item.name} again`;
    item.control.setAttribute("aria-label", `release ${item.name}`);
    item.control.addEventListener("click", () => {
      release(item);
      menu.value = at;
      menu.focus();
      update();
    });
    item.box.value = plain(v);
    fixed.push(item);
    isFixed[at] = 1;
    showFixed(item);
  }
  return item;
};
const release = (item) => {
  fixed = fixed.filter((other) => other !== item);
  isFixed[item.at] = 0;
  item.row.remove();
  showFixed(item);
  trail = [];
  message = "";
  if (chosen === item) chosen = firstChosen;
};
const fixAndFocus = (at) => {
  const { name, box } = fix(at);
  message = `${name} is fixed: it is not computed, and nothing before it gets a gradient through it.`;
  box.focus();
  box.select();
  update();
};
const showFixed = (item) => {
  for (const option of menu.options) option.disabled = isFixed[option.value] === 1;
  if (menu.selectedOptions[0]?.disabled) menu.value = [...menu.options].find((one) => !one.disabled)?.value;
  const card = cards.find(({ places }) => places.length === 1 && places[0] === item.at);
  if (!card) return;
  if (isFixed[item.at]) addSlider(card, item);
  else removeSlider(card);
};
find(".fix").hidden = !others.size;
find(".fix button").addEventListener("click", () => {
  if (menu.value) fixAndFocus(Number(menu.value));
});
