// The functions that no rule of the table is made of. Each is copied into a page if a rule calls it.

const $abs = Math.abs;
const $cos = Math.cos;
const $exp = Math.exp;
const $expm1 = Math.expm1;
const $log = Math.log;
const $log1p = Math.log1p;
const $sin = Math.sin;
const $sqrt = Math.sqrt;
const $tanh = Math.tanh;

// In C and Python, 1 to the power nan and −1 to the power ±inf are 1.
const $pow = (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b));

const $sum = (values) => {
  let total = 0;
  for (const x of values) total += x;
  return total;
};

const $dot = (weights, inputs, bias) => {
  for (let i = 0; i < weights.length; i++) bias += weights[i] * inputs[i];
  return bias;
};

const $largest = (values) => (values.length ? values.reduce((a, b) => (b > a ? b : a)) : -Infinity);

const $take = (values, i) => (Number.isInteger(i) && 0 <= i && i < values.length ? values[i] : NaN);

// exp(−x²) with the exact square: h has 24 bits, so that h·h is exact.
const $bell = (x) => {
  const h = Math.fround(x);
  return Math.exp(-h * h) * Math.exp((h - x) * (h + x));
};

// erfc by a continued fraction (Abramowitz and Stegun 7.1.14).
const $tail = (x) => {
  let f = x;
  for (let n = Math.ceil(30 + 250 / (x * x)); n > 0; n--) f = x + n / 2 / f;
  return $bell(x) / f / Math.sqrt(Math.PI);
};

// A series of positive terms (Abramowitz and Stegun 7.1.6).
const $erf = (x) => {
  const size = Math.abs(x);
  if (!(size < 2)) return size > 6 ? Math.sign(x) : Math.sign(x) * (1 - $tail(size));
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * $bell(x) * total;
};

const $erfc = (x) => (x > 28 ? 0 : x > 1.5 ? $tail(x) : x < -6 ? 2 : 1 - $erf(x));
