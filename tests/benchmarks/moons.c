/* micrograd's demo by hand: MLP of 2, 16, 16, 1, hinge loss + L2, one full-batch step of SGD, float64.
   Samples lie innermost, so that every loop is over them; sums over samples are kept in PARTS parts. */
#include <stddef.h>

enum { N = 100, PARTS = 8, ROW = 104, IN = 2, H = 16 };

typedef double row[ROW] __attribute__((aligned(64)));

static row a0[IN], a1[H], a2[H], d1[H], d2[H], score, slope, target;

static void forward(const row *restrict x, int n, const double *restrict w, row *restrict out, int m, int relu)
{
    for (int i = 0; i < m; i++) { /* a neuron's weights, then its bias */
        const double *wi = w + i * (n + 1);
        double *restrict o = out[i];
        for (int s = 0; s < ROW; s++) o[s] = wi[n];
        for (int j = 0; j < n; j++) {
            const double c = wi[j], *restrict xj = x[j];
            for (int s = 0; s < ROW; s++) o[s] += c * xj[s];
        }
        if (relu)
            for (int s = 0; s < ROW; s++) o[s] = o[s] > 0 ? o[s] : 0;
    }
}

static double total(const double *restrict a, const double *restrict b)
{
    double part[PARTS] = {0}, sum = 0;
    for (int s = 0; s < ROW; s += PARTS)
        for (int k = 0; k < PARTS; k++) part[k] += a[s + k] * b[s + k];
    for (int k = 0; k < PARTS; k++) sum += part[k];
    return sum;
}

static row ones;

static void backward(const row *restrict x, int n, const double *restrict w, const row *restrict d, int m,
                     double *restrict g, row *restrict dx)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) g[i * (n + 1) + j] = total(d[i], x[j]);
        g[i * (n + 1) + n] = total(d[i], ones);
    }
    if (!dx) return;
    for (int j = 0; j < n; j++) {
        double *restrict o = dx[j];
        for (int s = 0; s < ROW; s++) o[s] = 0;
        for (int i = 0; i < m; i++) {
            const double c = w[i * (n + 1) + j], *restrict di = d[i];
            for (int s = 0; s < ROW; s++) o[s] += c * di[s];
        }
        for (int s = 0; s < ROW; s++) o[s] = x[j][s] > 0 ? o[s] : 0;
    }
}

enum { W1 = 0, W2 = W1 + H * (IN + 1), W3 = W2 + H * (H + 1), P = W3 + H + 1 };

void prepare(const double *xs, const double *ys)
{
    for (int s = 0; s < N; s++) {
        a0[0][s] = xs[2 * s], a0[1][s] = xs[2 * s + 1], target[s] = ys[s], ones[s] = 1;
    }
}

double train(int steps, double rate, double *restrict p, double *restrict g)
{
    double loss = 0;
    for (int step = 0; step < steps; step++) {
        forward(a0, IN, p + W1, a1, H, 1);
        forward(a1, H, p + W2, a2, H, 1);
        forward(a2, H, p + W3, &score, 1, 0);
        double hinge = 0, decay = 0;
        for (int s = 0; s < N; s++) {
            const double margin = 1 - target[s] * score[s];
            hinge += margin > 0 ? margin : 0;
            slope[s] = margin > 0 ? -target[s] / N : 0;
        }
        for (int k = 0; k < P; k++) decay += p[k] * p[k];
        loss = hinge / N + 1e-4 * decay;
        backward(a2, H, p + W3, &slope, 1, g + W3, d2);
        backward(a1, H, p + W2, d2, H, g + W2, d1);
        backward(a0, IN, p + W1, d1, H, g + W1, NULL);
        for (int k = 0; k < P; k++) g[k] += 2e-4 * p[k], p[k] -= rate * g[k];
    }
    return loss;
}
