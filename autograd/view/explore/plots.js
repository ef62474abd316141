// The page of explore(), part 4 of 5: the root against a leaf, and its history.

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
