"""JAX, as the peer of the benchmark's families: compiles and times functions that it reads from its input.

A line of input is a JSON object. `{"source": ..., "arguments": [...]}` compiles a function of arrays: an expression, or
statements that define `f`. `{"time": true}` times it. A line of output answers each.
"""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

jax.config.update("jax_enable_x64", True)

DTYPES = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "bool": np.bool_}


def argument(k, description):
    """The same numbers as those of the Rust side: fractional parts of multiples of the golden ratio."""
    shape = tuple(description["shape"])
    part = np.modf((np.arange(np.prod(shape, dtype=np.int64)) + (1.0 + 17 * k)) * 0.6180339887498949)[0]
    if description["below"] is None:
        numbers = (part * 4.0 - 2.0).astype(DTYPES[description["dtype"]])
    else:
        numbers = (part * description["below"]).astype(np.int64)
    return jnp.asarray(numbers.reshape(shape))


def function(source):
    scope = {"jax": jax, "jnp": jnp, "np": np, "lax": lax}
    if source.startswith("lambda"):
        return eval(source, scope)
    exec(source, scope)
    return scope["f"]


def answer(request, state):
    if "source" in request:
        arguments = [argument(k, d) for k, d in enumerate(request["arguments"])]
        jax.clear_caches()
        begin = time.perf_counter()
        compiled = jax.jit(function(request["source"])).lower(*arguments).compile()
        compile_ms = (time.perf_counter() - begin) * 1e3
        results = jax.tree.leaves(compiled(*arguments))
        state["call"] = lambda: jax.block_until_ready(compiled(*arguments))
        return {
            "sum": float(sum(np.abs(np.asarray(r, np.float64)).sum() for r in results)),
            "compile_ms": compile_ms,
        }
    call = state["call"]
    call()
    begin = time.perf_counter()
    call()
    once = max(time.perf_counter() - begin, 1e-9)
    calls = min(max(int(2e-3 / once), 1), 100_000)
    for _ in range(2 * calls):
        call()
    samples, start = [], time.perf_counter()
    while len(samples) < 31 and (not samples or time.perf_counter() - start < 0.4):
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        samples.append((time.perf_counter() - begin) / calls * 1e9)
    return {"ns": statistics.median(samples)}


if __name__ == "__main__":
    print(json.dumps({"peer": "jax", "version": jax.__version__}), flush=True)
    state = {}
    for line in sys.stdin:
        try:
            out = answer(json.loads(line), state)
        except Exception as error:
            out = {"error": f"{type(error).__name__}: {error}".replace('"', "'").split("\n")[0]}
        print(json.dumps(out), flush=True)
