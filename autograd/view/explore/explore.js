// The page of explore(): a graph that is computed again whenever a leaf is moved. The script in explore.py
// calls this function with its data and with the rules of the table; it needs no library, no network and no
// kernel.
(data, rules) => {
  const place =
    document.currentScript?.closest(".glassgrad-explore") ?? document.getElementById(data.prefix + "-explore");
  if (!place || place.querySelector(".glassgrad-explorer")) return;

  // The passes ------------------------------------------------------------------------------------

  const count = data.nodes.length;
  const root = count - 1;
  const x = Float64Array.from([...data.start, ...data.constants], Number);
  const grads = new Float64Array(count);
  const read = (at) => (Array.isArray(at) ? at.map((i) => x[i]) : x[at]);
  const nodes = data.nodes.map((node, at) => {
    if (!node) return null;
    const [name, operands] = node;
    const { value, derivatives } = rules[name];
    const flat = operands.flat();
    const isValue = flat.map((i) => i < count);
    const run = () => value(...operands.map(read));
    // The local derivative for each operand, in order; null where no gradient flows.
    const locals = () => {
      const numbers = operands.map(read);
      const found = derivatives.map((rule, i) => {
        const derivative = rule(x[at], ...numbers);
        if (!Array.isArray(operands[i])) return [derivative];
        return Array.isArray(derivative) ? derivative : operands[i].map(() => null);
      });
      return found.flat();
    };
    return { at, flat, isValue, run, locals, last: [] };
  });
  const computed = nodes.filter(Boolean);
  const backwards = [...computed].reverse();
  const forward = () => {
    for (const node of computed) x[node.at] = node.run();
    return x[root];
  };
  const reached = new Uint8Array(count);
  const backward = () => {
    grads.fill(0);
    reached.fill(0);
    grads[root] = reached[root] = 1;
    for (const node of backwards) {
      node.last = node.locals();
      if (!reached[node.at]) continue;
      node.flat.forEach((operand, i) => {
        if (!node.isValue[i] || node.last[i] === null) return;
        grads[operand] += grads[node.at] * node.last[i];
        reached[operand] = 1;
      });
    }
  };
  const contribution = (node, position) =>
    !reached[node.at] || node.last[position] === null ? 0 : grads[node.at] * node.last[position];

  // Numbers as in every view: four digits -----------------------------------------------------------

  // Python rounds a tie to the even digit.
  const rounded = (v, digits) => {
    const [head, exponent] = v.toExponential(50).split("e");
    const rest = head.replace(/^-?\d\.?/, "").slice(digits - 1);
    const up = v.toExponential(digits - 1);
    if (!/^50*$/.test(rest)) return up;
    const end = head.indexOf(".") + digits;
    const down = Number(`${head.slice(0, end)}e${exponent}`).toExponential(digits - 1);
    return /[02468]$/.test(down.split("e")[0]) ? down : up;
  };
  const number = (v) => {
    if (!Number.isFinite(v)) return Number.isNaN(v) ? "nan" : v > 0 ? "inf" : "−inf";
    if (v === 0) return Object.is(v, -0) ? "−0" : "0";
    const size = Math.abs(v);
    if (size >= 1e-3 && size < 1e5) {
      const digits = size >= 1e3 ? Math.floor(Math.log10(size)) + 1 : 4;
      return String(Number(rounded(v, digits))).replace("-", "−");
    }
    const [mantissa, exponent] = rounded(v, 4).split("e");
    return `${Number(mantissa)}e${Number(exponent)}`.replaceAll("-", "−");
  };
  const gradient = (v) => number(v + 0);
  const plain = (v) => String(Number(v.toPrecision(6)));
  const factor = (v) => (v < 0 ? `(${number(v)})` : number(v));
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

  // The page --------------------------------------------------------------------------------------

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
        </table></div><p class="filter" hidden></p></section>
        <section class="slope"><svg class="plot" role="img" viewBox="0 0 340 210"></svg><p></p></section>
        <section class="descent" aria-label="Gradient descent">
          <div class="bar">
            <button type="button" class="step">Step</button>
            <button type="button" class="play">Play</button>
            <select aria-label="Steps per second">${speeds.map((s) => `<option value="${s}">${s}/s</option>`).join("")}</select>
            <button type="button" class="reset">Reset</button>
            <label>learning rate <input class="rate" type="number" min="0" step="any"></label>
          </div>
          <svg class="plot" role="img" viewBox="0 0 340 180"></svg><p class="message"></p>
        </section>
      </div>
      <p class="remark">The recorded graph is computed again: a Python if, or a random mask, stays as it was.</p>
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

  // Leaves ----------------------------------------------------------------------------------------

  // The next number of the form 1, 2 or 5 times a power of ten.
  const round = (v) => {
    const power = 10 ** Math.floor(Math.log10(v));
    return [1, 2, 5, 10].find((k) => k * power >= v * (1 - 1e-9)) * power;
  };
  const leaves = data.leaves.map(([at, name, train, owner]) => {
    const reach = round(Math.max(Math.min(Math.abs(x[at]), 1e300) || 0, 1));
    const fine = reach / 100;
    const digits = Math.min(100, Math.max(0, -Math.floor(Math.log10(fine) + 1e-9)));
    const snap = (v) => Number((Math.round(v / fine) * fine).toFixed(digits));
    const ends = { low: snap((x[at] || 0) - reach), high: snap((x[at] || 0) + reach) };
    return { at, name, owner, isTrained: train, start: x[at], ends, ...ends, fine, coarse: reach / 20, snap };
  });
  const isTrainedAtStart = leaves.map((leaf) => leaf.isTrained);
  let chosen = leaves.find((leaf) => leaf.isTrained) ?? leaves[0];
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
    const by = event.shiftKey ? leaf.fine : leaf.coarse;
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
  for (const leaf of leaves) {
    const row = document.createElement("tr");
    row.innerHTML = `<td><input type="checkbox"></td><th scope="row"></th><td><input type="range"></td>
      <td><input type="number" step="any"></td><td class="gg-grad"></td>`;
    const [train, range, box] = row.querySelectorAll("input");
    Object.assign(leaf, { row, train, range, box, gradientCell: row.lastElementChild });
    row.querySelector("th").textContent = leaf.name;
    train.checked = leaf.isTrained;
    train.setAttribute("aria-label", `train ${leaf.name}`);
    range.setAttribute("aria-label", leaf.name);
    box.setAttribute("aria-label", `data of ${leaf.name}`);
    range.step = "any";
    train.addEventListener("change", () => {
      leaf.isTrained = train.checked;
      update();
    });
    range.addEventListener("input", () => set(leaf, leaf.snap(range.valueAsNumber)));
    box.addEventListener("input", () => set(leaf, box.valueAsNumber));
    box.addEventListener("change", () => (box.value = plain(x[leaf.at])));
    range.addEventListener("keydown", onKey(leaf, false));
    box.addEventListener("keydown", onKey(leaf, true));
    row.addEventListener("focusin", () => choose(leaf));
    row.addEventListener("pointerdown", () => choose(leaf));
    find("tbody").append(row);
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

  // Cards and arrows ------------------------------------------------------------------------------

  const cards = data.cards.map(([key, places, label]) => {
    const element = part(key);
    const texts = [...element.querySelectorAll("text")];
    const datum = element.querySelector("text.data") ?? texts.at(-2);
    const grad = element.querySelector("text.grad") ?? texts.at(-1);
    const leaf = places.length === 1 ? leaves.find((l) => l.at === places[0]) : undefined;
    const card = { key, places, label, element, datum, grad, leaf };
    const points = element.querySelector("path").getAttribute("d").match(/-?[\d.]+/g).map(Number);
    const xs = points.filter((_, i) => i % 2 === 0);
    const ys = points.filter((_, i) => i % 2 === 1);
    const [left, right, bottom] = [Math.min(...xs) + 10, Math.max(...xs) - 10, Math.max(...ys)];
    if (!element.querySelector("text.data")) {
      // The numbers of a neuron, side by side.
      for (const [text, at, anchor] of [[datum, left, "start"], [grad, right, "end"]]) {
        text.setAttribute("x", at);
        text.setAttribute("text-anchor", anchor);
      }
    }
    if (leaves.some((l) => l.owner === key)) {
      element.classList.add("opens");
      element.addEventListener("click", () => filter(key, label));
    }
    if (!leaf) return card;
    leaf.card = card;
    draw("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "track" }, element);
    card.thumb = draw("circle", { cy: bottom, r: 5, class: "thumb" }, element);
    Object.assign(card, { left, right });
    element.classList.add("drags");
    let from = null;
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      choose(leaf);
      const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      from = { at: event.clientX, v: x[leaf.at], each: (leaf.high - leaf.low) / (scale * (right - left)) };
    });
    element.addEventListener("pointermove", (event) => {
      if (!from) return;
      const v = from.v + (event.clientX - from.at) * from.each;
      set(leaf, leaf.snap(Math.min(leaf.high, Math.max(leaf.low, v))));
    });
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => (from = null));
    return card;
  });
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
    const words = cards.map(({ places, label, datum, grad }) => {
      const isOne = places.length === 1;
      const d = number(isOne ? x[places[0]] : mean(places.map((i) => x[i])));
      const g = gradient(isOne ? grads[places[0]] : mean(places.map((i) => Math.abs(grads[i]))));
      write(datum, d);
      write(grad, g);
      return `${label} = ${d}, gradient ${g}`;
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

  // Plots -----------------------------------------------------------------------------------------

  const ticks = (low, high) => {
    const step = round((high - low) / 4) || 1;
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + 1e-9 * step && found.length < 20; v += step)
      found.push(Math.abs(v) < step / 2 ? 0 : v);
    return found;
  };
  const axes = (plot, [x0, x1], [y0, y1], names) => {
    const { width: w, height: h } = plot.viewBox.baseVal;
    const [left, right, top, bottom] = [46, w - 8, 16, h - 30];
    const px = (v) => left + ((v - x0) / (x1 - x0 || 1)) * (right - left);
    const py = (v) => bottom - ((v - y0) / (y1 - y0 || 1)) * (bottom - top);
    const clip = `${data.prefix}-${plot.parentNode.className}-clip`;
    const line = (a, b, c, d) => `<line class="grid" x1="${a}" x2="${b}" y1="${c}" y2="${d}"/>`;
    const label = (a, b, anchor, text, kind = "") =>
      `<text class="${kind}" x="${a}" y="${b}" text-anchor="${anchor}">${escaped(text)}</text>`;
    const lines = [
      `<clipPath id="${clip}"><rect x="${left - 4}" y="${top - 4}" width="${right - left + 8}"
        height="${bottom - top + 8}"/></clipPath>`,
      ...ticks(x0, x1).map((v) => line(px(v), px(v), top, bottom) + label(px(v), bottom + 13, "middle", number(v))),
      ...ticks(y0, y1).map((v) => line(left, right, py(v), py(v)) + label(left - 5, py(v) + 3.5, "end", number(v))),
      label(right, h - 3, "end", names[0], "name"),
      label(4, 10, "start", names[1], "name"),
      `<g clip-path="url(#${clip})">`,
    ];
    return { px, py, start: lines.join("") };
  };
  const path = (points, px, py) => {
    const isDrawn = ([, y]) => Number.isFinite(y);
    const moves = points.map((point, i) => {
      if (!isDrawn(point)) return "";
      const y = Math.max(-1e4, Math.min(1e4, py(point[1])));
      return `${i && isDrawn(points[i - 1]) ? "L" : "M"}${px(point[0]).toFixed(1)},${y.toFixed(1)}`;
    });
    return moves.join("");
  };
  // The root for other numbers of a leaf; all other leaves stay.
  const curve = (leaf) => {
    const size = Math.max(24, Math.min(120, Math.round(3e4 / count)));
    const v = x[leaf.at];
    const points = Array.from({ length: size + 1 }, (_, i) => {
      x[leaf.at] = leaf.low + ((leaf.high - leaf.low) * i) / size;
      return [x[leaf.at], forward()];
    });
    x[leaf.at] = v;
    forward();
    return points;
  };
  const slopePlot = find(".slope svg");
  const showSlope = () => {
    const [v, loss, g] = [x[chosen.at], x[root], grads[chosen.at]];
    const points = curve(chosen);
    const ys = points.map(([, y]) => y).filter(Number.isFinite).sort((a, b) => a - b);
    let [low, high] = [ys[0] ?? 0, ys.at(-1) ?? 1];
    const middle = ys[Math.floor(ys.length / 2)] ?? 0;
    high = Math.max(Number.isFinite(loss) ? loss : low, Math.min(high, low + 6 * (middle - low) || high));
    if (!(high > low)) [low, high] = [low - 1, low + 1];
    const room = 0.06 * (high - low);
    const range = [Math.min(low, Number.isFinite(loss) ? loss : low) - room, high + room];
    const { px, py, start } = axes(slopePlot, [chosen.low, chosen.high], range, [chosen.name, data.root]);
    const slopeOnPage = (py(loss + g) - py(loss)) / (px(v + 1) - px(v));
    const half = Math.min((chosen.high - chosen.low) / 2, 80 / Math.hypot(1, slopeOnPage) / Math.abs(px(v + 1) - px(v)));
    const dot = ([a, b], i) =>
      `<circle class="trail" cx="${px(a)}" cy="${py(b)}" r="2.5" opacity="${0.25 + (0.6 * (i + 1)) / trail.length}"/>`;
    const tangent = Number.isFinite(g * half) ? path([[v - half, loss - g * half], [v + half, loss + g * half]], px, py) : "";
    const [isRight, isTop] = [px(v) > 200, py(loss) < 60];
    const now = Number.isFinite(loss)
      ? `<circle class="now" cx="${px(v)}" cy="${py(loss)}" r="4.5"/></g>
        <text class="slope-text" x="${px(v) + (isRight ? -9 : 9)}" y="${py(loss) + (isTop ? 18 : -9)}"
          text-anchor="${isRight ? "end" : "start"}">slope ${gradient(g)}</text>`
      : "</g>";
    slopePlot.innerHTML = `${start}<path class="curve" d="${path(points, px, py)}"/>${trail.map(dot).join("")}
      <path class="tangent" d="${tangent}"/>${now}`;
    const ends = `from ${number(chosen.low)} to ${number(chosen.high)}`;
    const words = `${data.root} against ${chosen.name}, ${ends}; at ${number(v)} it is ${number(loss)}`;
    slopePlot.setAttribute("aria-label", `${words} with slope ${gradient(g)}`);
    const derivative = `<b>∂${escaped(data.root)}/∂${escaped(chosen.name)} = ${gradient(g)}</b>`;
    const by = chosen.fine;
    const change = `${escaped(data.root)} ${g > 0 ? "rises" : "falls"} by about ${number(Math.abs(g) * by)}`;
    const sentence = g === 0 ? `a small change of ${escaped(chosen.name)} changes nothing`
      : `raise ${escaped(chosen.name)} by ${number(by)}, and ${change}`;
    find(".slope p").innerHTML = Number.isFinite(g) ? `${derivative}: ${sentence}.` : `${derivative}.`;
  };
  const historyPlot = find(".descent svg");
  const showHistory = () => {
    const points = history.length ? history : [[steps, x[root]]];
    const values = points.map(([, y]) => y).filter(Number.isFinite);
    const high = Math.max(...values, Number.isFinite(values[0]) ? values[0] : 0);
    const low = Math.min(...values, high > 0 ? 0 : high);
    const last = points.at(-1)[0];
    const ends = [low, high > low ? high + 0.05 * (high - low) : low + 1];
    const { px, py, start } = axes(historyPlot, [0, round(Math.max(10, last))], ends, ["step", data.root]);
    const every = Math.ceil(points.length / 400);
    const thin = points.filter((_, i) => i % every === 0 || i === points.length - 1);
    const dot = ([a, b]) => (Number.isFinite(b) ? `<circle class="now" cx="${px(a)}" cy="${py(b)}" r="2.5"/>` : "");
    const dots = points.length <= 60 ? points.map(dot).join("") : "";
    historyPlot.innerHTML = `${start}<path class="curve data" d="${path(thin, px, py)}"/>${dots}</g>`;
    const words = `from ${number(points[0][1])} to ${number(points.at(-1)[1])}`;
    historyPlot.setAttribute("aria-label", `${data.root} over ${last} steps, ${words}`);
  };

  // Gradient descent ------------------------------------------------------------------------------

  const rate = find(".rate");
  const speed = find("select");
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
    message = `After step ${steps}, ${loss} is more than 1e6 times its first value: the steps are too long. `;
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
    leaves.forEach((leaf, i) => {
      x[leaf.at] = leaf.start;
      Object.assign(leaf, leaf.ends);
      leaf.box.value = plain(leaf.start);
      leaf.isTrained = leaf.train.checked = isTrainedAtStart[i];
    });
    rate.value = data.lr;
    [history, trail, steps, message] = [[], [], 0, ""];
    update();
  });

  // Everything ------------------------------------------------------------------------------------

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
    leaves.forEach(showLeaf);
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
    window.history.replaceState(null, "", `#${state}`);
  };
  if (data.isFile && location.hash.length > 1) {
    const state = new URLSearchParams(location.hash.slice(1));
    leaves.forEach((leaf, i) => {
      const v = Number(state.get(`leaf${i}`) ?? NaN);
      if (Number.isFinite(v)) x[leaf.at] = v;
    });
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
}
