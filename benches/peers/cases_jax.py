"""JAX, as the peer of the benchmark's families: compiles and measures functions that it reads from its input.

A line of input is a JSON object. `{"source": ..., "arguments": [...], "measured": ..., "given": n}` compiles a function
of arrays: an expression, or statements that define `f`. Its first `n` arguments are donated. With `bytes` as what is
measured the answer has the memory of a call. `{"time": true}` times the others: a `call`, a `step` (a call with the
first `n` results of the call before), `trace` or `compile`. A line of output answers each.
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
STEPS = 500  # As on the Rust side: after so many steps the arguments are the first ones again.


def argument(k, description):
    """The same numbers as those of the Rust side: fractional parts of multiples of the golden ratio."""
    source, low, high = description["source"], description["low"], description["high"]
    part = np.modf((np.arange(np.prod(source, dtype=np.int64)) + (1.0 + 17 * k)) * 0.6180339887498949)[0]
    numbers = (part * (high - low) + low).astype(DTYPES[description["dtype"]])
    return jnp.asarray(np.broadcast_to(numbers.reshape(source), description["shape"]))


def function(source):
    scope = {"jax": jax, "jnp": jnp, "np": np, "lax": lax}
    if source.startswith("lambda"):
        return eval(source, scope)
    exec(source, scope)
    return scope["f"]


def steps(compiled, arguments, given):
    """A function that does the next step."""
    fixed = arguments[given:]
    state = {"left": 0}

    def step():
        if state["left"] == 0:
            state.update(left=STEPS, at=[jnp.array(a, copy=True) for a in arguments[:given]])
        results = jax.block_until_ready(compiled(*state["at"], *fixed))
        state.update(left=state["left"] - 1, at=jax.tree.leaves(results)[:given])

    return step


def prepare(request, state):
    arguments = [argument(k, d) for k, d in enumerate(request["arguments"])]
    given, measured = request["given"], request["measured"]
    jitted = jax.jit(function(request["source"]), donate_argnums=tuple(range(given)))
    state.clear()
    if measured == "trace":
        state.update(prepare=jax.clear_caches, call=lambda _: jitted.trace(*arguments))
        return {}
    jax.clear_caches()
    begin = time.perf_counter()
    compiled = jitted.lower(*arguments).compile()
    answer = {"compile_ms": (time.perf_counter() - begin) * 1e3}
    if measured == "bytes":
        memory = compiled.memory_analysis()
        answer["bytes"] = memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    elif measured == "compile":
        state.update(prepare=lambda: retraced(jitted, arguments), call=lambda traced: traced.lower().compile())
    else:
        # Donated arguments are gone after a call.
        results = jax.tree.leaves(compiled(*(jnp.array(a, copy=True) for a in arguments)))
        answer["sum"] = float(sum(np.abs(np.asarray(r, np.float64)).sum() for r in results))
        if measured == "step":
            state["call"] = steps(compiled, arguments, given)
        else:
            state["call"] = lambda: jax.block_until_ready(compiled(*arguments))
    return answer


def retraced(jitted, arguments):
    jax.clear_caches()
    return jitted.trace(*arguments)


def nanoseconds(call):
    """The time of one call: the median of samples of about two milliseconds."""
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
    return statistics.median(samples)


def nanoseconds_prepared(prepare, call):
    """The time of one call, each after a preparation that does not count."""
    samples, start = [], time.perf_counter()
    while len(samples) < 31 and (not samples or time.perf_counter() - start < 0.4):
        prepared = prepare()
        begin = time.perf_counter()
        call(prepared)
        samples.append((time.perf_counter() - begin) * 1e9)
    return statistics.median(samples)


def answer(request, state):
    if "source" in request:
        return prepare(request, state)
    if "prepare" in state:
        return {"ns": nanoseconds_prepared(**state)}
    return {"ns": nanoseconds(**state)}


if __name__ == "__main__":
    # The first compilation also starts the compiler itself; it is not a part of compiling a case.
    jax.jit(lambda a: a + 1).lower(jnp.zeros(1)).compile()
    print(json.dumps({"peer": "jax", "version": jax.__version__}), flush=True)
    state = {}
    for line in sys.stdin:
        try:
            out = answer(json.loads(line), state)
        except Exception as error:
            out = {"error": f"{type(error).__name__}: {error}".replace('"', "'").split("\n")[0]}
        print(json.dumps(out), flush=True)
