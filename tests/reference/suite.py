"""What a reference case is, how it is evaluated, checked and written.

A case is a name, a one-line specification, a function from arrays to arrays, and concrete inputs. The function is
evaluated by JAX operation by operation (not under `jit`), so that no algebraic simplification of the compiler hides what
an operation does with NaN, ties or zeros.
"""

import json
import math
import zlib

import jax
import jax.numpy as jnp
import numpy as np

DTYPES = {"f64": np.float64, "f32": np.float32, "i32": np.int32, "i64": np.int64, "u32": np.uint32, "bool": np.bool_}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}

# |got - want| <= tol * max(1, |want|), element by element. A case carries its own bound where these do not fit.
DEFAULT_TOL = {"f64": 1e-12, "f32": 4e-6}


def rng_of(name):
    """A generator that depends on the name alone: adding a case never changes the inputs of another one."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def uniform(name, shape, lo=-2.0, hi=2.0, dtype="f64"):
    """Inputs with four decimals: short to store, exact to read back, and never on a tie by accident."""
    return np.round(rng_of(name).uniform(lo, hi, shape), 4).astype(DTYPES[dtype])


def number(value, dtype):
    if dtype == "bool":
        return bool(value)
    if dtype[0] in "iu":
        return int(value)
    value = DTYPES[dtype](value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    # The shortest decimal that identifies the value. It must survive being read as f64 and narrowed afterwards.
    short = float(str(value))
    assert DTYPES[dtype](short) == value, (value, short)
    return short


def encode(array):
    array = np.asarray(array)
    dtype = NAMES[array.dtype]
    return {"dtype": dtype, "shape": list(array.shape), "data": [number(v, dtype) for v in array.reshape(-1)]}


def within(got, want, tol):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    both_nan = np.isnan(got) & np.isnan(want)
    with np.errstate(invalid="ignore"):
        near = np.abs(got - want) <= tol * np.maximum(1.0, np.abs(want))
    return bool(np.all(both_nan | (got == want) | near))


def widen(array):
    return array.astype(np.float64) if array.dtype == np.float32 else array


class Suite:
    def __init__(self):
        self.cases = []
        self.seen = set()

    def add(self, name, spec, fn, inputs, tol=None, convention=None):
        """Evaluates `fn(*inputs)` and stores the case.

        `convention` says in words which choice the result depends on where calculus is silent (a tie, a kink, NaN in a
        branch not taken); such cases compare conventions, not correctness.
        """
        assert name not in self.seen, name
        self.seen.add(name)
        inputs = [np.asarray(x) for x in inputs]
        outputs = self.evaluate(fn, inputs)
        floats = {NAMES[a.dtype] for a in outputs if a.dtype.kind == "f"}
        bound = None
        if floats:
            bound = max(DEFAULT_TOL[d] for d in floats) if tol is None else tol
        if "f32" in floats and all(a.dtype != np.float64 for a in inputs):
            # The same computation in f64 must agree to half the bound: what remains is the room another f32
            # implementation has.
            wide = self.evaluate(fn, [widen(a) for a in inputs])
            for f32, f64 in zip(outputs, wide):
                if f32.dtype == np.float32 and f64.dtype == np.float64:
                    assert within(f32, f64, bound / 2), (name, f32, f64)
        case = {"name": name, "spec": spec, "inputs": [encode(x) for x in inputs], "outputs": [encode(x) for x in outputs]}
        if bound is not None:
            case["tol"] = bound
        if convention:
            case["convention"] = convention
        self.cases.append(case)

    @staticmethod
    def evaluate(fn, inputs):
        out = fn(*[jnp.asarray(x) for x in inputs])
        return [np.asarray(x) for x in (out if isinstance(out, (tuple, list)) else (out,))]

    def write(self, header, json_path, list_path):
        with open(json_path, "w") as file:
            # One case a line, so that a changed case is a changed line.
            file.write("{" + json.dumps("header") + ":" + json.dumps(header) + ',\n"cases":[\n')
            file.write(",\n".join(json.dumps(c, separators=(",", ":"), allow_nan=False) for c in self.cases))
            file.write("\n]}\n")
        with open(list_path, "w") as file:
            for case in self.cases:
                def show(arrays):
                    return ", ".join(f"{a['dtype']}{a['shape']}".replace(" ", "") for a in arrays)

                mark = f"   [convention: {case['convention']}]" if "convention" in case else ""
                file.write(f"{case['name']}   ({show(case['inputs'])}) -> ({show(case['outputs'])})   {case['spec']}{mark}\n")


def weighted_grad(f, n):
    """`(x_1 .. x_n, rest .., w) -> d/dx_i sum(w * f(x_1 .. x_n, rest ..))` for i = 1..n."""

    def of(*args):
        *xs, w = args
        fixed = xs[n:]
        g = jax.grad(lambda *p: jnp.sum(w * f(*p, *fixed)), argnums=tuple(range(n)))
        return g(*xs[:n])

    return of


def weighted_hvp(f, n):
    """`(x_1 .. x_n, rest .., w, v_1 .. v_n) -> H v` with H the Hessian of sum(w * sin(f(x ..))) over all of x_1 .. x_n."""

    def of(*args):
        xs, w, vs = args[: -n - 1], args[-n - 1], args[-n:]
        fixed = xs[n:]
        g = jax.grad(lambda *p: jnp.sum(w * jnp.sin(f(*p, *fixed))), argnums=tuple(range(n)))
        return jax.jvp(g, xs[:n], vs)[1]

    return of
