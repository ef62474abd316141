// The page of explore(), part 5 of 5: gradient descent, all that is shown, and the address.

const rate = find(".rate");
const speed = find(".speed");
rate.value = data.lr;
speed.value = data.speed;
const step = () => {
  const lr = rate.valueAsNumber;
  if (!(lr >= 0 && Number.isFinite(lr))) {
    message = "The learning rate is a number of 0 or more.";
    return false;
  }
  const trained = leaves.filter((leaf) => leaf.isTrained);
  if (!trained.length) {
    message = "Choose a leaf to train.";
    return false;
  }
  if (!history.length) history.push([steps, x[root]]);
  const [v, g] = [x[chosen.at], grads[chosen.at]];
  if (trained.length === 1 && trained[0] === chosen) trail = [...trail, [v, x[root]]].slice(-60);
  for (const leaf of trained) x[leaf.at] -= lr * grads[leaf.at];
  forward();
  backward();
  steps += 1;
  history.push([steps, x[root]]);
  const loss = `${data.root} ${number(x[root])}`;
  const change = `${chosen.name} ← ${number(v)} − ${number(lr)}·${factor(g)} = ${number(x[chosen.at])}`;
  message = `step ${steps}: ${chosen.isTrained ? `${change}; ` : ""}${loss}`;
  if (Math.abs(x[root]) <= 1e6 * Math.max(Math.abs(history[0][1]), 1e-300)) return true;
  const how = Number.isNaN(x[root]) ? "is not a number" : "is more than 1e6 times its first value";
  message = `After step ${steps}, ${loss} ${how}: the steps are too long. `;
  message += "Reset, and try a smaller learning rate.";
  return false;
};
const playButton = find(".play");
let frame = 0;
let owed = 0;
let before = 0;
const tick = (now) => {
  owed = Math.min(owed + ((now - before) * Number(speed.value)) / 1000, 50);
  before = now;
  let goesOn = true;
  const until = performance.now() + 12;
  while (goesOn && owed >= 1 && performance.now() < until) {
    owed -= 1;
    goesOn = step();
  }
  show();
  if (goesOn) frame = requestAnimationFrame(tick);
  else play(false);
};
const play = (isOn) => {
  cancelAnimationFrame(frame);
  frame = 0;
  playButton.textContent = isOn ? "Pause" : "Play";
  if (!isOn) return update();
  before = performance.now();
  owed = 1;
  frame = requestAnimationFrame(tick);
};
find(".step").addEventListener("click", () => {
  play(false);
  step();
  update();
});
playButton.addEventListener("click", () => play(!frame));
find(".reset").addEventListener("click", () => {
  play(false);
  fixed.forEach(release);
  leaves.forEach((leaf, i) => {
    x[leaf.at] = leaf.start;
    Object.assign(leaf, leaf.ends);
    leaf.box.value = plain(leaf.start);
    leaf.isTrained = leaf.control.checked = isTrainedAtStart[i];
  });
  rate.value = data.lr;
  [history, trail, steps, message] = [[], [], 0, ""];
  update();
});

const showLeaf = (leaf) => {
  const v = x[leaf.at];
  if (Number.isFinite(v) && (v < leaf.low || v > leaf.high)) {
    const reach = Math.max(leaf.high - leaf.low, 2 * Math.abs(v - (leaf.low + leaf.high) / 2));
    leaf.low = leaf.snap(Math.min(leaf.low, v - reach / 4));
    leaf.high = leaf.snap(Math.max(leaf.high, v + reach / 4));
  }
  if (leaf.isOutside && !leaf.card) return;
  const g = gradient(grads[leaf.at]);
  [leaf.range.min, leaf.range.max] = [leaf.low, leaf.high];
  if (leaf.lastData !== v) {
    leaf.range.value = leaf.lastData = v;
    if (page.activeElement !== leaf.box) leaf.box.value = plain(v);
  }
  leaf.range.setAttribute("aria-valuetext", `${number(v)}, gradient ${g}`);
  write(leaf.gradientCell, g);
  leaf.row.classList.toggle("chosen", leaf === chosen);
  [leaf.row.dataset.data, leaf.row.dataset.grad] = [v, grads[leaf.at]];
  if (!leaf.card) return;
  leaf.card.element.classList.toggle("chosen", leaf === chosen);
  leaf.card.element.classList.toggle("trained", leaf.isTrained);
  const share = Math.min(1, Math.max(0, (v - leaf.low) / (leaf.high - leaf.low))) || 0;
  leaf.card.thumb.setAttribute("cx", leaf.card.left + share * (leaf.card.right - leaf.card.left));
};
let later = 0;
const show = () => {
  forward();
  backward();
  [...leaves, ...fixed].forEach(showLeaf);
  showPicture();
  showSlope();
  showHistory();
  write(find(".message"), message);
  clearTimeout(later);
  later = setTimeout(() => {
    if (frame) return;
    const words = `${chosen.name} = ${number(x[chosen.at])}, gradient ${gradient(grads[chosen.at])}`;
    write(find(".status"), `${data.root} = ${number(x[root])}; ${words}. ${message}`);
    writeAddress();
  }, 400);
};
// The pointer moves several times between two frames.
let isDue = 0;
const update = () => {
  isDue ||= requestAnimationFrame(() => {
    isDue = 0;
    show();
  });
};

// The state is in the address of a saved page, so that a link leads to a moment.
const writeAddress = () => {
  if (!data.isFile) return;
  const state = new URLSearchParams({ lr: rate.value, steps });
  leaves.forEach((leaf, i) => {
    if (x[leaf.at] !== leaf.start) state.set(`leaf${i}`, x[leaf.at]);
  });
  for (const item of fixed) state.set(`fixed${item.at}`, x[item.at]);
  window.history.replaceState(null, "", `#${state}`);
};
if (data.isFile && location.hash.length > 1) {
  const state = new URLSearchParams(location.hash.slice(1));
  leaves.forEach((leaf, i) => {
    const v = Number(state.get(`leaf${i}`) ?? NaN);
    if (Number.isFinite(v)) x[leaf.at] = v;
  });
  for (const at of others.keys()) {
    const v = Number(state.get(`fixed${at}`) ?? NaN);
    if (Number.isFinite(v)) fix(at, v);
  }
  if (Number(state.get("lr")) >= 0 && state.get("lr")) rate.value = state.get("lr");
  steps = Math.max(0, Math.floor(Number(state.get("steps")))) || 0;
}

const theme = document.createElement("style");
theme.textContent = `
  :is([data-jp-theme-light="true"], .vscode-light) .glassgrad-explorer { color-scheme: light; }
  :is([data-jp-theme-light="false"], .vscode-dark, .vscode-high-contrast, [theme="dark"]) .glassgrad-explorer
    { color-scheme: dark; }
  .vscode-high-contrast-light .glassgrad-explorer.glassgrad-explorer { color-scheme: light; }`;
place.append(theme);
const still = place.querySelector(".glassgrad-picture");
if (still) still.replaceWith(host);
else place.prepend(host);
show();
