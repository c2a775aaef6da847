"""One training step in JAX: the peer of the `train_step` benchmark.

    python benches/peers/train_step_jax.py

A multilayer perceptron with relu hidden layers, mean softmax cross-entropy, f32; a step is the loss, the gradients of all
parameters, and Adam (lr 1e-3, b1 0.9, b2 0.999, eps 1e-8) on parameters and moments. The step is compiled once with its
state donated. Prints one JSON object a configuration.
"""

import json
import os
import statistics
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

CONFIGS = [((64, 128, 10), 64, 3000), ((784, 512, 512, 10), 128, 300)]
LR, B1, B2, EPS = 1e-3, 0.9, 0.999, 1e-8


def loss(params, x, y):
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = params[-1]
    logp = jax.nn.log_softmax(x @ w + b)
    return -jnp.mean(jnp.take_along_axis(logp, y[:, None], axis=1))


def update(params, m, v, t, grads):
    """Parameters and moments after step `t`, of which the first is 1."""
    c1, c2 = 1 - B1**t, 1 - B2**t
    m = jax.tree.map(lambda m, g: B1 * m + (1 - B1) * g, m, grads)
    v = jax.tree.map(lambda v, g: B2 * v + (1 - B2) * g * g, v, grads)
    params = jax.tree.map(lambda p, m, v: p - LR * (m / c1) / (jnp.sqrt(v / c2) + EPS), params, m, v)
    return params, m, v


def step(state, x, y):
    params, m, v, t = state
    value, grads = jax.value_and_grad(loss)(params, x, y)
    t = t + 1
    params, m, v = update(params, m, v, t, grads)
    return value, (params, m, v, t)


def run(sizes, batch, steps):
    rng = np.random.default_rng(0)

    def f32(*shape):
        return jnp.asarray(rng.standard_normal(shape).astype(np.float32))

    params = [(f32(a, b) * (2 / a) ** 0.5, jnp.zeros(b, jnp.float32)) for a, b in zip(sizes, sizes[1:])]
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    state = (params, zeros(), zeros(), jnp.float32(0))
    x, y = f32(batch, sizes[0]), jnp.asarray(rng.integers(0, sizes[-1], batch).astype(np.int32))

    start = time.perf_counter()
    compiled = jax.jit(step, donate_argnums=0).lower(state, x, y).compile()
    compile_ms = (time.perf_counter() - start) * 1e3

    times = []
    first = None
    for i in range(steps + steps // 5):
        start = time.perf_counter()
        value, state = compiled(state, x, y)
        jax.block_until_ready((value, state))
        if i >= steps // 5:
            times.append((time.perf_counter() - start) * 1e6)
        first = float(value) if first is None else first
    # The step has to learn, or it measures something else.
    assert float(value) < first, (first, float(value))
    return {
        "peer": "jax",
        "version": jax.__version__,
        "config": f"{'-'.join(map(str, sizes))} b{batch} f32",
        "median_us": round(statistics.median(times), 1),
        "min_us": round(min(times), 1),
        "compile_ms": round(compile_ms, 1),
    }


if __name__ == "__main__":
    # The first compilation also starts the compiler itself; it is not a part of compiling a step.
    jax.jit(lambda a: a + 1).lower(jnp.zeros(1)).compile()
    for config in CONFIGS:
        print(json.dumps(run(*config)), flush=True)
