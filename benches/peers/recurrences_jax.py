"""The recurrences of single numbers and of the gated unit in JAX, of as many steps as the arguments say: a line of JSON each."""

import json
import statistics
import sys
import time

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def median(f, *args):
    jax.block_until_ready(f(*args))
    times = []
    begin = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - begin < 2 and len(times) < 200):
        start = time.perf_counter()
        jax.block_until_ready(f(*args))
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def logistic(r, s, n):
    return jax.lax.scan(lambda s, _: (r * s * (1 - s), None), s, None, length=n)[0]


def lorenz(p, n):
    def slope(s):
        x, y, z = s
        return jnp.stack([p[3] * (y - x), x * (p[4] - z) - y, x * y - p[5] * z])

    def step(s, _):
        h = 1e-3
        a = slope(s)
        b = slope(s + a * h / 2)
        c = slope(s + b * h / 2)
        d = slope(s + c * h)
        return s + h * (a + 2 * (b + c) + d) / 6, None

    return jnp.sum(jax.lax.scan(step, p[:3], None, length=n)[0] ** 2)


def gated(w, xs):
    def step(h, x):
        update = jax.nn.sigmoid(x @ w[0] + h @ w[1])
        reset = jax.nn.sigmoid(x @ w[2] + h @ w[3])
        candidate = jnp.tanh(x @ w[4] + (reset * h) @ w[5])
        return h + update * (candidate - h), None

    return jnp.sum(jax.lax.scan(step, jnp.zeros((64, 64)), xs)[0] ** 2)


def report(name, n, f, *args):
    primal, gradient = jax.jit(f), jax.jit(jax.grad(f))
    line = {"name": name, "n": n, "primal": median(primal, *args), "gradient": median(gradient, *args)}
    print(json.dumps(line), flush=True)


steps, points, length = map(int, sys.argv[1:])
report("logistic map", steps, lambda r: logistic(r, 0.4, steps), 2.9)
point = jnp.array([1.0, 1.0, 20.0, 10.0, 28.0, 8 / 3])
report("Lorenz system", points, lambda p: lorenz(p, points), point)
key = jax.random.PRNGKey(0)
weights = jax.random.uniform(key, (6, 64, 64), minval=-0.15, maxval=0.15)
items = jax.random.uniform(key, (length, 64, 64), minval=-1.0)
report("gated recurrent unit", length, lambda w: gated(w, items), weights)
