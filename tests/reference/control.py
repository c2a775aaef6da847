"""Groups `ctl/..`: functions written with control flow, and their derivatives; each function is a formula in its specification.

JAX has no reverse mode through `while_loop`, so all derivatives here are taken forwards; where reverse mode exists, both must agree.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from suite import uniform, within

TOL = 1e-11

# Functions of x [4]; name, what it does in JAX's names, the function, whether JAX can take it backwards.


def whole(x):
    return jnp.floor(x).astype(jnp.int64)


def branches():
    yield "cond", "cond(sum(x) > 0, sin(x) x, exp(x/2), x)", lambda x: lax.cond(jnp.sum(x) > 0, lambda x: jnp.sin(x) * x, lambda x: jnp.exp(x / 2), x), True

    def cond_captured(x):
        c = 2 * x + 1
        return lax.cond(x[0] > 0.2, lambda t: t * c, lambda t: t + c * c, jnp.sin(x))

    yield "cond_captured", "c = 2x+1; cond(x0 > 0.2, t -> t c, t -> t + c c, sin(x))", cond_captured, True
    yield "cond_constant", "cond(x1 > 0, [3,3,3,3], x^3)", lambda x: lax.cond(x[1] > 0, lambda x: 3 * jnp.ones(4), lambda x: x**3, x), True

    def cond_nested(x):
        inner = lambda p, f, g: lambda x: lax.cond(p, f, g, x)
        return lax.cond(x[0] > 0, inner(x[1] > 0, jnp.sin, jnp.cos), inner(x[2] > 0, jnp.exp, jnp.tanh), x)

    yield "cond_nested", "cond(x0 > 0, cond(x1 > 0, sin, cos), cond(x2 > 0, exp, tanh), x)", cond_nested, True

    def cond_tree(x):
        a, b = lax.cond(x[3] > x[0], lambda x: (x * 2, jnp.sum(x * x)), lambda x: (x.at[0].set(1.0), x[1]), x)
        return a * b

    yield "cond_tree", "(a, b) = cond(x3 > x0, (2x, sum(x x)), (x with 1 at 0, x1)); a b", cond_tree, True
    yield "cond_root", "cond(x0 > 0, sqrt(x0) x, x x): the root of a negative number is never taken", lambda x: lax.cond(x[0] > 0, lambda x: jnp.sqrt(jnp.where(x[0] > 0, x[0], 1.0)) * x, lambda x: x * x, x), True
    three = [jnp.sin, lambda x: x * x, lambda x: x * jnp.sum(x)]
    yield "switch", "switch(floor(sum(x)), [sin, x x, x sum(x)], x); out of range is the nearest", lambda x: lax.switch(whole(jnp.sum(x)), three, x), True
    yield "switch_far", "switch(floor(4 x0), the same): mostly out of range", lambda x: lax.switch(whole(4 * x[0]), three, x), True

    def switch_captured(x):
        a, b = jnp.exp(x * 0.3), jnp.cos(x)
        return lax.switch(whole(x[1] + 2), [lambda t: t * a, lambda t: t + b, lambda t: a * b * t, lambda t: b], x)

    yield "switch_captured", "a = exp(0.3x), b = cos(x); switch(floor(x1 + 2), [t a, t + b, a b t, b], x)", switch_captured, True
    yield "switch_constants", "switch(floor(sum(x)), [1, 2, 3, x^3] each of shape [4])", lambda x: lax.switch(whole(jnp.sum(x)), [lambda x: jnp.ones(4), lambda x: 2 * jnp.ones(4), lambda x: 3 * jnp.ones(4), lambda x: x**3], x), True
    yield "switch_of_one", "switch(5, [sin], x)", lambda x: lax.switch(5, [jnp.sin], x), True
    yield "cond_of_loop", "cond(x0 > 0, fori_loop(0, 3, s -> sin(s) + x/2, x), scan of s -> s x_t + 1 from 0.5 (its rows))", lambda x: lax.cond(x[0] > 0, lambda x: lax.fori_loop(0, 3, lambda i, s: jnp.sin(s) + x / 2, x), lambda x: lax.scan(lambda s, t: (s * t + 1, s * t), 0.5, x)[1], x), True


def counted():
    yield "fori", "fori_loop(0, 5, s -> 0.7 s x + 0.1 i, x)", lambda x: lax.fori_loop(0, 5, lambda i, s: 0.7 * s * x + 0.1 * i, x), True
    yield "fori_lower", "fori_loop(2, 6, s -> s + sin(i x) / i, x)", lambda x: lax.fori_loop(2, 6, lambda i, s: s + jnp.sin(i * x) / i, x), True
    yield "fori_traced", "fori_loop(0, floor(2 |sum x|) + 1, s -> sin(s x) + 0.1 i, x)", lambda x: lax.fori_loop(0, whole(2 * jnp.abs(jnp.sum(x))) + 1, lambda i, s: jnp.sin(s * x) + 0.1 * i, x), False
    yield "fori_traced_both", "fori_loop(floor(x0) - 1, floor(x1) + 3, s -> s cos(x) + i, x)", lambda x: lax.fori_loop(whole(x[0]) - 1, whole(x[1]) + 3, lambda i, s: s * jnp.cos(x) + i, x), False
    yield "fori_maybe_none", "fori_loop(0, floor(2 x0), s -> exp(-s) x, x): no step where x0 < 0.5", lambda x: lax.fori_loop(0, whole(2 * x[0]), lambda i, s: jnp.exp(-s) * x, x), False
    yield "fori_none", "fori_loop(3, 3, s -> exp(s), x x)", lambda x: lax.fori_loop(3, 3, lambda i, s: jnp.exp(s), x * x), True
    yield "fori_negative", "fori_loop(5, 2, s -> exp(s), x x)", lambda x: lax.fori_loop(5, 2, lambda i, s: jnp.exp(s), x * x), True
    yield "fori_one", "fori_loop(0, 1, s -> exp(s) x, x x)", lambda x: lax.fori_loop(0, 1, lambda i, s: jnp.exp(s) * x, x * x), True

    def fori_matrix(x):
        w = 0.3 * jnp.outer(x, jnp.cos(x))
        return lax.fori_loop(0, 4, lambda i, s: jnp.tanh(w @ s + x), x)

    yield "fori_matrix", "W = 0.3 x cos(x)'; fori_loop(0, 4, s -> tanh(W s + x), x)", fori_matrix, True
    yield "fori_take", "fori_loop(0, 4, s -> s + x_i sin(s), x)", lambda x: lax.fori_loop(0, 4, lambda i, s: s + x[i] * jnp.sin(s), x), True
    yield "fori_update", "fori_loop(1, 4, s -> s with sin(s_(i-1) x_i) at i, x)", lambda x: lax.fori_loop(1, 4, lambda i, s: s.at[i].set(jnp.sin(s[i - 1] * x[i])), x), True
    yield "fori_tree", "(a, b, k) from (x, sum x, 0), 4 times (sin(a) + b/4, b - a0, k + 2); a + b k", lambda x: (lambda a, b, k: a + b * k)(*lax.fori_loop(0, 4, lambda i, c: (jnp.sin(c[0]) + c[1] / 4, c[1] - c[0][0], c[2] + 2), (x, jnp.sum(x), 0))), True
    yield "fori_fori", "fori_loop(0, 3, s -> fori_loop(0, 2, t -> cos(t x) + 0.1 i j, s), x), i outside, j inside", lambda x: lax.fori_loop(0, 3, lambda i, s: lax.fori_loop(0, 2, lambda j, t: jnp.cos(t * x) + 0.1 * i * j, s), x), True
    yield "fori_triangle", "fori_loop(0, 3, s -> fori_loop(0, i, t -> sin(t) + x, s), x)", lambda x: lax.fori_loop(0, 3, lambda i, s: lax.fori_loop(0, i, lambda j, t: jnp.sin(t) + x, s), x), False
    inner = lambda s, x: jnp.sum(jnp.sin(s * x)) + jnp.sum(s**4) / 4
    yield "fori_grad", "3 steps s -> s - 0.1 grad_s(sum sin(s x) + sum s^4 / 4), from x", lambda x: lax.fori_loop(0, 3, lambda i, s: s - 0.1 * jax.grad(inner)(s, x), x), True

    def rk4(x):
        f = lambda s: jnp.stack([s[1], -jnp.sin(s[0]) - 0.1 * s[1], s[3] * s[0], -s[2]])
        h = 0.2

        def step(i, s):
            a = f(s)
            b = f(s + h / 2 * a)
            c = f(s + h / 2 * b)
            return s + h / 6 * (a + 2 * b + 2 * c + f(s + h * c))

        return lax.fori_loop(0, 5, step, x)

    yield "fori_rk4", "5 steps of 0.2 of the classical Runge-Kutta method, s' = [s1, -sin s0 - 0.1 s1, s3 s0, -s2], from x", rk4, True


def conditional():
    yield "while", "while sum(s s) < 50: s -> 1.5 s + sin(s) x, from x", lambda x: lax.while_loop(lambda s: jnp.sum(s * s) < 50, lambda s: 1.5 * s + jnp.sin(s) * x, x), False

    def newton(x):
        a = 1 + x * x
        return lax.while_loop(lambda r: jnp.any(jnp.abs(r * r - a) > 1e-6), lambda r: (r + a / r) / 2, a)

    yield "while_newton", "a = 1 + x x; while any |r r - a| > 1e-6: r -> (r + a/r)/2, from a", newton, False
    yield "while_none", "while sum(s) < -100: s -> exp(s), from x x", lambda x: lax.while_loop(lambda s: jnp.sum(s) < -100, jnp.exp, x * x), False
    yield "while_count", "(k, s) from (0, x), while k < 4: (k + 1, s sin(x) + k); s", lambda x: lax.while_loop(lambda c: c[0] < 4, lambda c: (c[0] + 1, c[1] * jnp.sin(x) + c[0]), (0, x))[1], False

    def captured(x):
        limit = 3 + jnp.sum(x * x)
        return lax.while_loop(lambda s: jnp.sum(s) < limit, lambda s: s + jnp.exp(x / 2), x)

    yield "while_captured", "while sum(s) < 3 + sum(x x): s -> s + exp(x/2), from x", captured, False

    def nested(x):
        step = lambda s: 1.2 * s + 0.3 + jnp.sin(lax.while_loop(lambda t: jnp.sum(jnp.abs(t)) < 4, lambda t: 1.4 * t + 0.2 * x, s / 5 + 0.1))
        return lax.while_loop(lambda s: jnp.sum(s) < 12, step, x)

    yield "while_while", "while sum(s) < 12: s -> 1.2 s + 0.3 + sin(t), t from s/5 + 0.1, while sum|t| < 4: t -> 1.4 t + 0.2 x", nested, False

    def collatz(x):
        def step(c):
            n, s = c
            return jnp.where(n % 2 == 0, n // 2, 3 * n + 1), s * 0.9 + x * (n % 2)

        return lax.while_loop(lambda c: c[0] > 1, step, (whole(jnp.abs(x[0]) * 3) + 3, x))[1]

    yield "while_collatz", "(n, s) from (floor(3|x0|) + 3, x), while n > 1: (n/2 or 3n + 1, 0.9 s + x (n mod 2)); s", collatz, False

    def reset(x):
        def step(c):
            k, s, kept = c
            return k + 1, lax.cond(k % 2 == 0, lambda s: s * x + kept, lambda s: jnp.sin(s), s), kept

        return lax.while_loop(lambda c: (c[0] < 6) & (jnp.sum(c[1]) < 8), step, (0, x, jnp.cos(x)))[1]

    yield "while_cond", "(k, s, c) from (0, x, cos x), while k < 6 and sum(s) < 8: (k + 1, s x + c if k is even, else sin(s), c); s", reset, False


def scans():
    def rnn(x):
        a = jnp.array([[0.5, -0.3], [0.2, 0.7]])

        def step(s, t):
            s = jnp.tanh(a @ s + t)
            return s, s[0] * t

        s, y = lax.scan(step, jnp.array([0.1, -0.2]), x)
        return y + jnp.sum(s)

    yield "scan", "s -> tanh(A s + x_t), row s0 x_t; rows + sum of the last s", rnn, True
    yield "scan_sum", "rows s + x_t of s -> s + x_t, from 0", lambda x: lax.scan(lambda s, t: (s + t, s + t), 0.0, x)[1], True
    yield "scan_reverse", "reverse: s -> sin(s) + x_t, row s x_t, from 0.3; rows + last", lambda x: (lambda s, y: y + s)(*lax.scan(lambda s, t: (jnp.sin(s) + t, s * t), 0.3, x, reverse=True)), True
    yield "scan_length", "length 5, no sequence: s -> cos(s) x", lambda x: lax.scan(lambda s, _: (jnp.cos(s) * x, None), x, None, length=5)[0], True

    def tree(x):
        def step(c, t):
            a, b = c
            u, v = t
            return (a * u + b, jnp.sin(b) - v), (a - b, u * v * a)

        (a, b), (p, q) = lax.scan(step, (0.5, -0.4), (x, jnp.cos(x)))
        return p * a + q * b

    yield "scan_tree", "(a, b), rows (u, v) of (x, cos x): (a u + b, sin(b) - v), rows (a - b, u v a); p a + q b", tree, True
    yield "scan_unchanged", "(s, c) from (0.2, sum x): (sin(s c + x_t), c), row s c", lambda x: lax.scan(lambda c, t: ((jnp.sin(c[0] * c[1] + t), c[1]), c[0] * c[1]), (0.2, jnp.sum(x)), x)[1], True
    yield "scan_integers", "(k, s) from (0, 0.5): (k + 3, s k/5 + x_t), row s k", lambda x: lax.scan(lambda c, t: ((c[0] + 3, c[1] * c[0] / 5 + t), c[1] * c[0]), (0, 0.5), x)[1], True
    yield "scan_captured", "s -> sin(s x + x_t) of vectors s from x; last + sum of the rows s x_t", lambda x: (lambda s, y: s + jnp.sum(y, 0))(*lax.scan(lambda s, t: (jnp.sin(s * x + t), s * t), x, x)), True
    yield "scan_scan", "s -> scan(t -> cos(t + x_u), row t x_u), row the sum of its rows, from 0.1; rows", lambda x: lax.scan(lambda s, t: (lambda s, y: (s * t, jnp.sum(y)))(*lax.scan(lambda s, u: (jnp.cos(s + u), s * u), s, x)), 0.1, x)[1], True
    yield "scan_cond", "s -> cond(x_t > 0, sin(s) x_t, s + x_t x_t), row s, from 0.7", lambda x: lax.scan(lambda s, t: (lax.cond(t > 0, lambda s: jnp.sin(s) * t, lambda s: s + t * t, s), s), 0.7, x)[1], True
    yield "scan_while", "s -> while u < 2: u -> 1.5 u + |x_t| + 0.1, from |s|/2; row sin(s), from 0.7", lambda x: lax.scan(lambda s, t: (lambda s: (s / 3, jnp.sin(s)))(lax.while_loop(lambda u: u < 2, lambda u: 1.5 * u + jnp.abs(t) + 0.1, jnp.abs(s) / 2)), 0.7, x)[1], False
    yield "scan_fori", "s -> fori_loop(0, 3, u -> sin(u) + x_t j, s), row s", lambda x: lax.scan(lambda s, t: (lax.fori_loop(0, 3, lambda j, u: jnp.sin(u) + t * j, s), s), 0.7, x)[1], True
    yield "scan_empty", "of x[:0]: (s -> exp(s x_t), row s), from x; last", lambda x: lax.scan(lambda s, t: (jnp.exp(s * t), s), x, x[:0])[0], True
    yield "scan_one", "of x[:1]: (s -> exp(s x_t / 4), row s sin(s)), from x; last + sum of the rows", lambda x: (lambda s, y: s + jnp.sum(y, 0))(*lax.scan(lambda s, t: (jnp.exp(s * t / 4), s * jnp.sin(s)), x, x[:1])), True

    def matrices(x):
        def step(m, t):
            m = m @ jnp.stack([jnp.stack([jnp.cos(t), t]), jnp.stack([-t, jnp.cos(t)])])
            return m, m[0, 1]

        return lax.scan(step, jnp.eye(2), x)[1]

    yield "scan_matrices", "M -> M [[cos x_t, x_t], [-x_t, cos x_t]], row M01, from the identity", matrices, True

    def online(x):
        def step(c, t):
            m, s = c
            new = jnp.maximum(m, t)
            return (new, s * jnp.exp(m - new) + jnp.exp(t - new)), new + s

        (m, s), y = lax.scan(step, (x[0] - 1, 1.0), x)
        return y * (m + jnp.log(s))

    yield "scan_logsumexp", "(m, s) from (x0 - 1, 1): n = max(m, x_t), (n, s exp(m - n) + exp(x_t - n)), row n + s; rows (m + log s)", online, True

    def filtered(x):
        def step(c, z):
            m, p = c
            p = p + 0.1
            k = p / (p + 0.5)
            return (m + k * (z - jnp.sin(m)), (1 - k) * p * (1 + m * m / 10)), m * k

        return lax.scan(step, (x[3] / 2, 1.0), x)[1]

    yield "scan_filter", "(m, p) from (x3/2, 1): p += 0.1, k = p/(p + 0.5), (m + k (x_t - sin m), (1 - k) p (1 + m m/10)), row m_old k", filtered, True
    yield "scan_vmap", "s -> mean of vmap(u -> sin(u s + x_t))(x), row s", lambda x: lax.scan(lambda s, t: (jnp.mean(jax.vmap(lambda u: jnp.sin(u * s + t))(x)), s), 0.7, x)[1], True
    yield "scan_jvp", "s -> tangent at s along x_t of u -> exp(sin u), row s, from 0.7", lambda x: lax.scan(lambda s, t: (jax.jvp(lambda u: jnp.exp(jnp.sin(u)), (s,), (t,))[1], s), 0.7, x)[1], True
    yield "scan_no_carry", "rows t sin(t) x0", lambda x: lax.scan(lambda c, t: (c, t * jnp.sin(t) * x[0]), None, x)[1], True
    yield "scan_index", "k from 0: k + 1; row sum(x_k x) at the counter", lambda x: lax.scan(lambda k, t: (k + 1, jnp.sum(x[k] * x) * t), 0, x)[1], True


def rest():
    yield "map", "map(t -> exp(-t t) sum(x))", lambda x: lax.map(lambda t: jnp.exp(-t * t) * jnp.sum(x), x), True
    yield "map_cond", "map(t -> cond(t > 0, sin, t^3))", lambda x: lax.map(lambda t: lax.cond(t > 0, jnp.sin, lambda t: t**3, t), x), True
    yield "map_rows", "map over rows r of x as [2,2] of cumsum(r) r0, flattened", lambda x: lax.map(lambda r: jnp.cumsum(r) * r[0], x.reshape(2, 2)).reshape(4), True
    yield "map_while", "map(t -> while u < 3: u -> 1.5 u + 0.1 + t t, from |t|)", lambda x: lax.map(lambda t: lax.while_loop(lambda u: u < 3, lambda u: 1.5 * u + 0.1 + t * t, jnp.abs(t)), x), False
    yield "assoc_sum", "associative_scan(+)", lambda x: lax.associative_scan(jnp.add, x), True
    yield "assoc_product", "associative_scan(*)", lambda x: lax.associative_scan(jnp.multiply, x), True
    affine = lambda p, q: (p[0] * q[0], p[1] * q[0] + q[1])
    yield "assoc_affine", "associative_scan((a, b), (c, d) -> (a c, b c + d)) of (cos x, sin x), the second", lambda x: lax.associative_scan(affine, (jnp.cos(x), jnp.sin(x)))[1], True
    yield "assoc_reverse", "the same with reverse", lambda x: lax.associative_scan(affine, (jnp.cos(x), jnp.sin(x)), reverse=True)[1], True
    yield "assoc_matrices", "associative_scan(matmul) of [[cos x, x], [-x, cos x]], entry 01", lambda x: lax.associative_scan(jnp.matmul, jnp.stack([jnp.stack([jnp.cos(x), x], -1), jnp.stack([-x, jnp.cos(x)], -1)], -2))[:, 0, 1], True
    yield "assoc_five", "associative_scan(logaddexp) of [x, sum x]: five rows; the last four", lambda x: lax.associative_scan(jnp.logaddexp, jnp.concatenate([x, jnp.sum(x)[None]]))[1:], True
    layer = lambda x: jnp.exp(jnp.sin(x) * x)
    yield "checkpoint", "checkpoint(x -> exp(x sin x)) of itself", lambda x: jax.checkpoint(layer)(layer(x) / 4), True
    yield "checkpoint_nested", "checkpoint(x -> tanh(checkpoint(layer)(layer(x)/4))), layer(x) = exp(x sin x)", lambda x: jax.checkpoint(lambda x: jnp.tanh(jax.checkpoint(layer)(layer(x) / 4)))(x), True
    yield "checkpoint_step", "scan of checkpoint((s, t) -> (sin(s t) + x0, s))", lambda x: lax.scan(jax.checkpoint(lambda s, t: (jnp.sin(s * t) + x[0], s)), 0.7, x)[1], True
    yield "checkpoint_scan", "checkpoint(x -> rows s of scan(s -> sin(s + x_t)))", lambda x: jax.checkpoint(lambda x: lax.scan(lambda s, t: (jnp.sin(s + t), s * t), 0.7, x)[1])(x), True
    yield "checkpoint_cond", "checkpoint(x -> cond(x0 > 0, sin, exp))", lambda x: jax.checkpoint(lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.exp, x))(x), True


def functions():
    for group in (branches, counted, conditional, scans, rest):
        yield from group()


def add(suite):
    for name, text, f, both in functions():
        x, v, w = (uniform(f"ctl/{name}/{k}", (4,), -1.5, 1.5) for k in "xvw")
        rows = uniform(f"ctl/{name}/rows", (3, 4), -1.5, 1.5)
        case = lambda group, what, of, inputs: suite.add(f"ctl/{group}/{name}/f64", f"{what}; f(x) = {text}", of, inputs, tol=TOL)
        loss = lambda x, w: jnp.sum(w * jnp.sin(f(x)))
        slope = jax.jacfwd(loss)
        if both:
            assert within(slope(x, w), jax.grad(loss)(x, w), TOL), name
        case("value", "f(x)", f, [x])
        case("jac", "Jacobian of f at x", jax.jacfwd(f), [x])
        case("grad", "gradient of l(x) = sum(w sin(f(x))); inputs x, w", slope, [x, w])
        case("hess", "Hessian of l(x) = sum(w sin(f(x))); inputs x, w", jax.jacfwd(slope), [x, w])
        case("vmap", "vmap(f) over the rows of x", jax.vmap(f), [rows])
        case("vmap_jvp", "tangents of vmap(f) at the rows of x along v in each; inputs x, v", lambda x, v: jax.vmap(lambda r: jax.jvp(f, (r,), (v,))[1])(x), [rows, v])
        case("vmap_grad", "vmap over the rows of x of the gradient of l(x) = sum(w sin(f(x))); inputs x, w", jax.vmap(slope, (0, None)), [rows, w])
        case("hvp", "Hessian of l(x) = sum(w sin(f(x))) times v, at the rows of x; inputs x, w, v", jax.vmap(lambda x, w, v: jax.jvp(lambda x: slope(x, w), (x,), (v,))[1], (0, None, None)), [rows, w, v])
