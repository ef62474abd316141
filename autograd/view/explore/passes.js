// The page of explore(), part 1 of 5: the graph, computed forward and backward, and how numbers are written.
//
// explore.py joins the parts to one function of ``data`` and ``rules``, the rules of the table. It needs no
// library, no network and no kernel.

const place =
  document.currentScript?.closest(".glassgrad-explore") ?? document.getElementById(data.prefix + "-explore");
if (!place || place.querySelector(".glassgrad-explorer")) return;

const count = data.nodes.length;
const root = count - 1;
const x = Float64Array.from([...data.start, ...data.constants], Number);
const grads = new Float64Array(count);
// A Value that is fixed is not computed, and no gradient flows from it to its operands.
const isFixed = new Uint8Array(count);
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
    if (isFixed[at]) return flat.map(() => null);
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
  for (const node of computed) if (!isFixed[node.at]) x[node.at] = node.run();
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
