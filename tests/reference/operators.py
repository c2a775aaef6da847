"""Group `op` (values of operators), and what follows from each of them: `deriv`, `grad`, `hvp`.

    op/<operator>/<dtype>     the operator on random inputs
    deriv/<operator>/f64      f', f'', f''' of a function of one number, by nested `grad`
    grad/<operator>/<dtype>   gradient of sum(w * f(..)) with random weights w
    hvp/<operator>/f64        Hessian of sum(w * sin(f(..))) times a vector, forward over reverse
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import erf, erfc, logsumexp

from suite import DTYPES, uniform, weighted_grad, weighted_hvp

# name, formula, function, range of the random inputs, extra inputs, order to which it is differentiated
UNARY = [
    ("neg", "-x", jnp.negative, (-2, 2), [], 3),
    ("abs", "|x|", jnp.abs, (-2, 2), [], 3),
    ("sign", "sign(x); sign(0)=0", jnp.sign, (-2, 2), [0.0], 1),
    ("sqrt", "sqrt(x)", jnp.sqrt, (0.01, 9), [1e-4, 1e6], 3),
    ("rsqrt", "1/sqrt(x)", lax.rsqrt, (0.1, 9), [0.01, 1e6], 3),
    ("cbrt", "cube root of x, negative x allowed", jnp.cbrt, (-9, 9), [-27.0, 1000.0], 3),
    ("exp", "e^x", jnp.exp, (-4, 4), [0.0, -30.0, 12.0], 3),
    ("expm1", "e^x - 1", jnp.expm1, (-3, 3), [1e-6, -1e-6, -30.0], 3),
    ("log", "natural logarithm of x", jnp.log, (0.05, 9), [1.0, 1e-6, 1e6], 3),
    ("log1p", "log(1 + x)", jnp.log1p, (-0.8, 5), [1e-6, -1e-6, 1e5], 3),
    ("sin", "sin(x)", jnp.sin, (-7, 7), [0.0, 100.0, -1000.0], 3),
    ("cos", "cos(x)", jnp.cos, (-7, 7), [0.0, 100.0, -1000.0], 3),
    ("tan", "tan(x)", jnp.tan, (-1.3, 1.3), [0.0, 3.0, 10.0], 3),
    ("asin", "arcsin(x)", jnp.arcsin, (-0.95, 0.95), [0.0], 3),
    ("acos", "arccos(x)", jnp.arccos, (-0.95, 0.95), [0.0], 3),
    ("atan", "arctan(x)", jnp.arctan, (-4, 4), [0.0, 1000.0], 3),
    ("sinh", "sinh(x)", jnp.sinh, (-4, 4), [0.0, 1e-4], 3),
    ("cosh", "cosh(x)", jnp.cosh, (-4, 4), [0.0], 3),
    ("tanh", "tanh(x)", jnp.tanh, (-4, 4), [0.0, 1e-4, 30.0], 3),
    ("asinh", "arsinh(x)", jnp.arcsinh, (-6, 6), [0.0, 1e-4, 1e5], 3),
    ("acosh", "arcosh(x)", jnp.arccosh, (1.1, 9), [1e5], 3),
    ("atanh", "artanh(x)", jnp.arctanh, (-0.9, 0.9), [0.0, 1e-4], 3),
    ("sigmoid", "1/(1+e^-x)", jax.nn.sigmoid, (-6, 6), [0.0, -40.0, 40.0], 3),
    ("erf", "error function", erf, (-3, 3), [0.0, 1e-4], 3),
    ("erfc", "1 - erf(x)", erfc, (-3, 3), [0.0], 3),
    ("erf_inv", "inverse of erf", lax.erf_inv, (-0.95, 0.95), [0.0], 3),
    ("floor", "largest integer <= x", jnp.floor, (-4, 4), [2.0, -2.0], 1),
    ("ceil", "smallest integer >= x", jnp.ceil, (-4, 4), [2.0, -2.0], 1),
    ("round", "nearest integer, ties to even", jnp.round, (-4, 4), [0.5, 1.5, 2.5, -0.5, -1.5], 1),
    ("trunc", "integer part, towards zero", jnp.trunc, (-4, 4), [2.0, -2.0], 1),
    ("powi3", "x^3 (integer power)", lambda x: lax.integer_pow(x, 3), (-2, 2), [0.0], 3),
    ("powi_neg2", "x^-2 (integer power)", lambda x: lax.integer_pow(x, -2), (0.4, 2), [-1.5], 3),
    ("powi0", "x^0 (integer power), 1 everywhere", lambda x: lax.integer_pow(x, 0), (-2, 2), [0.0], 1),
    ("square", "x*x", jnp.square, (-2, 2), [0.0], 3),
    ("reciprocal", "1/x", jnp.reciprocal, (0.3, 3), [-0.5], 3),
    ("softplus", "log(1+e^x)", jax.nn.softplus, (-5, 5), [0.5, 40.0, -40.0], 3),
    ("silu", "x*sigmoid(x)", jax.nn.silu, (-5, 5), [0.0], 3),
    ("gelu", "exact: x * (1+erf(x/sqrt 2))/2", lambda x: jax.nn.gelu(x, approximate=False), (-4, 4), [0.0], 3),
    ("gelu_tanh", "x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))", lambda x: jax.nn.gelu(x, approximate=True), (-4, 4), [0.0], 3),
    ("relu", "max(x, 0)", jax.nn.relu, (-2, 2), [], 3),
    ("relu6", "min(max(x, 0), 6)", jax.nn.relu6, (-2, 9), [], 3),
    ("elu", "x if x > 0 else e^x - 1 (alpha = 1)", jax.nn.elu, (-3, 3), [], 3),
    ("selu", "1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (e^x - 1))", jax.nn.selu, (-3, 3), [], 3),
    ("leaky_relu", "x if x >= 0 else 0.01 x", jax.nn.leaky_relu, (-3, 3), [], 3),
    ("log_sigmoid", "log(sigmoid(x)) = -softplus(-x)", jax.nn.log_sigmoid, (-5, 5), [0.5, 40.0, -40.0], 3),
    ("logit", "log(x/(1-x))", lambda x: jnp.log(x / (1 - x)), (0.1, 0.9), [], 3),
    ("is_nan", "is x NaN? (bool)", jnp.isnan, (-1, 1), [np.nan, np.inf], 0),
    ("is_finite", "is x finite? (bool)", jnp.isfinite, (-1, 1), [np.nan, np.inf, -np.inf], 0),
]


def chain(f, order):
    out = []
    for _ in range(order):
        f = jax.grad(f)
        out.append(f)
    return lambda x: tuple(jax.vmap(g)(x) for g in out)


def unary(suite):
    for name, formula, f, (lo, hi), extra, order in UNARY:
        for dtype in ("f64", "f32"):
            x = np.concatenate([uniform("op/" + name, (10,), lo, hi, dtype), np.array(extra).astype(DTYPES[dtype])])
            suite.add(f"op/{name}/{dtype}", f"elementwise: {formula}", f, [x])
        if order:
            # Away from kinks and steps; what happens on them is in the group `edge`.
            x = uniform("deriv/" + name, (8,), lo, hi)
            marks = ", ".join("f'" + "'" * k for k in range(order))
            # Third derivatives divide by powers of small arguments: up to a few hundred units in the last place.
            suite.add(f"deriv/{name}/f64", f"elementwise derivatives ({marks}) of f(x) = {formula}, one output each", chain(f, order), [x], tol=1e-10)


F = ("f64", "f32")


def rows():
    """name, specification, function, differentiable inputs as (shape, lo, hi), fixed inputs, dtypes, differentiable?"""
    any_ = (-2, 2)
    pos = (0.3, 3)

    def r(*shape, range=any_):
        return (shape, *range)

    # binary, with broadcasting
    yield "add", "a + b, broadcast", jnp.add, [r(3, 4), r(4)], [], F, True
    yield "sub", "a - b, broadcast", jnp.subtract, [r(3, 1), r(1, 4)], [], F, True
    yield "mul", "a * b, broadcast", jnp.multiply, [r(2, 3, 4), r(3, 1)], [], F, True
    yield "div", "a / b, broadcast", jnp.divide, [r(3, 4), r(3, 4, range=pos)], [], F, True
    yield "pow", "a^b elementwise, a > 0", jnp.power, [r(3, 4, range=pos), r(3, 4)], [], F, True
    yield "atan2", "atan2(a, b): angle of the point (x=b, y=a)", jnp.arctan2, [r(3, 4), r(3, 4)], [], F, True
    yield "maximum", "elementwise larger one", jnp.maximum, [r(3, 4), r(3, 4)], [], F, True
    yield "minimum", "elementwise smaller one", jnp.minimum, [r(3, 4), r(1, 4)], [], F, True
    yield "rem", "a - b*trunc(a/b): sign of the dividend a, as Rust's %", lax.rem, [r(3, 4, range=(-9, 9)), r(3, 4, range=pos)], [], F, True
    yield "remainder", "a - b*floor(a/b): sign of the divisor b, as Python's %", jnp.remainder, [r(3, 4, range=(-9, 9)), r(3, 4, range=(-3, -0.3))], [], ("f64",), False
    yield "logaddexp", "log(e^a + e^b)", jnp.logaddexp, [r(3, 4, range=(-5, 5)), r(4, range=(-5, 5))], [], F, True
    yield "hypot", "sqrt(a^2 + b^2)", jnp.hypot, [r(3, 4), r(3, 4)], [], F, True
    yield "scalar_mix", "2.0*a - 1.0/(a+3.0) + (1.0-a)/2.0 (scalar literals on both sides)", lambda a: 2.0 * a - 1.0 / (a + 3.0) + (1.0 - a) / 2.0, [r(3, 4)], [], F, True
    # selection
    yield "where", "where(c, a, b): a where c, else b; fixed input c (bool)", lambda a, b, c: jnp.where(c, a, b), [r(3, 4), r(4)], [np.arange(12).reshape(3, 4) % 3 == 0], F, True
    yield "clip", "clip(x, -0.5, 1.25)", lambda x: jnp.clip(x, -0.5, 1.25), [r(3, 4)], [], F, True
    # reductions
    s = (2, 3, 4)
    yield "sum_all", "sum over all axes", jnp.sum, [r(*s)], [], F, True
    yield "sum_axis1", "sum over axis 1", lambda x: jnp.sum(x, 1), [r(*s)], [], ("f64",), True
    yield "sum_axis_m1_keep", "sum over axis -1, keepdims", lambda x: jnp.sum(x, -1, keepdims=True), [r(*s)], [], ("f64",), True
    yield "sum_axes02", "sum over axes (0, 2)", lambda x: jnp.sum(x, (0, 2)), [r(*s)], [], F, True
    yield "sum_axes_m1_m3_keep", "sum over axes (-1, -3), keepdims", lambda x: jnp.sum(x, (-1, -3), keepdims=True), [r(*s)], [], ("f64",), True
    yield "mean_all", "mean over all axes", jnp.mean, [r(*s)], [], F, True
    yield "mean_axis0", "mean over axis 0", lambda x: jnp.mean(x, 0), [r(*s)], [], ("f64",), True
    yield "prod_all", "product of all elements", jnp.prod, [r(2, 4, range=pos)], [], F, True
    yield "prod_axis_m2", "product over axis -2", lambda x: jnp.prod(x, -2), [r(*s)], [], ("f64",), True
    yield "max_all", "maximum of all elements", jnp.max, [r(*s)], [], ("f64",), True
    yield "max_axis1", "maximum over axis 1", lambda x: jnp.max(x, 1), [r(*s)], [], F, True
    yield "min_axis_m1_keep", "minimum over axis -1, keepdims", lambda x: jnp.min(x, -1, keepdims=True), [r(*s)], [], F, True
    yield "min_axes01", "minimum over axes (0, 1)", lambda x: jnp.min(x, (0, 1)), [r(*s)], [], ("f64",), True
    yield "var_axis1", "variance over axis 1, divided by n (ddof 0)", lambda x: jnp.var(x, 1), [r(*s)], [], F, True
    yield "std_axis_m1", "standard deviation over axis -1, ddof 0", lambda x: jnp.std(x, -1), [r(*s)], [], F, True
    yield "var_all", "variance of all elements, ddof 0", jnp.var, [r(*s)], [], ("f64",), True
    yield "logsumexp_axis_m1", "log(sum(exp(x), axis -1))", lambda x: logsumexp(x, -1), [r(*s, range=(-5, 5))], [], F, True
    yield "logsumexp_all", "log(sum(exp(x))) over all axes", logsumexp, [r(*s, range=(-5, 5))], [], ("f64",), True
    yield "cumsum_axis0", "running sum along axis 0", lambda x: jnp.cumsum(x, 0), [r(*s)], [], ("f64",), True
    yield "cumsum_axis_m1", "running sum along axis -1", lambda x: jnp.cumsum(x, -1), [r(*s)], [], F, True
    yield "norm", "sqrt(sum(x*x)) over all elements", lambda x: jnp.sqrt(jnp.sum(x * x)), [r(3, 4)], [], ("f64",), True
    yield "argmax_all", "index of the largest element of the flattened array", jnp.argmax, [r(*s)], [], ("f64",), False
    yield "argmax_axis1", "index of the largest along axis 1", lambda x: jnp.argmax(x, 1), [r(*s)], [], F, False
    yield "argmin_axis_m1", "index of the smallest along axis -1", lambda x: jnp.argmin(x, -1), [r(*s)], [], F, False
    yield "argmin_axis0_keep", "index of the smallest along axis 0, keepdims", lambda x: jnp.argmin(x, 0, keepdims=True), [r(*s)], [], ("f64",), False
    yield "softmax_axis_m1", "exp(x)/sum(exp(x)) along axis -1", lambda x: jax.nn.softmax(x, -1), [r(3, 5, range=(-5, 5))], [], F, True
    yield "softmax_axis0", "softmax along axis 0", lambda x: jax.nn.softmax(x, 0), [r(3, 5, range=(-5, 5))], [], ("f64",), True
    yield "log_softmax_axis_m1", "x - logsumexp(x) along axis -1", lambda x: jax.nn.log_softmax(x, -1), [r(3, 5, range=(-5, 5))], [], F, True
    yield "log_softmax_axis1_rank3", "log_softmax along axis 1", lambda x: jax.nn.log_softmax(x, 1), [r(2, 3, 4, range=(-5, 5))], [], ("f64",), True
    # products
    for name, a, b in [
        ("1x1", (5,), (5,)), ("1x2", (4,), (4, 3)), ("2x1", (3, 4), (4,)), ("2x2", (3, 4), (4, 5)), ("1x3", (4,), (2, 4, 3)),
        ("3x1", (2, 3, 4), (4,)), ("2x3", (3, 4), (2, 4, 5)), ("3x2", (2, 3, 4), (4, 5)), ("3x3", (2, 3, 4), (2, 4, 5)),
        ("3x3_bcast", (2, 3, 4), (1, 4, 2)), ("4x3", (2, 1, 3, 4), (3, 4, 2)), ("4x4_bcast", (2, 1, 2, 3), (1, 3, 3, 2)),
    ]:
        yield f"matmul_{name}", "NumPy matmul (leading axes are batch axes and broadcast)", jnp.matmul, [r(*a), r(*b)], [], F if name in ("2x2", "3x3", "2x1") else ("f64",), True
    yield "dot", "inner product of two vectors", jnp.dot, [r(6), r(6)], [], F, True
    yield "outer", "outer product of two vectors: a_i b_j", jnp.outer, [r(3), r(4)], [], F, True
    yield "tensordot2", "contract the last two axes of a with the first two of b", lambda a, b: jnp.tensordot(a, b, 2), [r(2, 3, 4), r(3, 4, 5)], [], ("f64",), True
    for i, (text, *shapes) in enumerate([
        ("ij,jk->ik", (3, 4), (4, 2)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)), ("ij,kj->ik", (3, 4), (2, 4)), ("ji,jk->ki", (4, 3), (4, 2)),
        ("i,j->ij", (3,), (4,)), ("i,i->", (5,), (5,)), ("ij->ji", (3, 4)), ("ijk->j", (2, 3, 4)), ("ijk,ijk->", (2, 3, 2), (2, 3, 2)),
        ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 2, 4)), ("abc,cd,db->a", (2, 3, 4), (4, 2), (2, 3)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
        ("ij,ij->i", (3, 4), (3, 4)), ("bi,ijk,bk->bj", (2, 3), (3, 2, 4), (2, 4)), ("i,jk->kij", (2,), (3, 4)), ("ij,k->j", (2, 3), (4,)),
    ]):
        yield f"einsum_{i:02}", f"einsum: {text}", lambda *a, text=text: jnp.einsum(text, *a), [r(*q) for q in shapes], [], ("f64",), True
    # shape
    yield "reshape", "reshape [2,3,4] to [4,6], row-major", lambda x: x.reshape(4, 6), [r(*s)], [], ("f64",), True
    yield "reshape_infer", "reshape [2,3,4] to [3,-1]", lambda x: x.reshape(3, -1), [r(*s)], [], ("f64",), True
    yield "transpose", "reverse all axes", jnp.transpose, [r(*s)], [], ("f64",), True
    yield "transpose_perm", "permute axes: result axis k is input axis [1,2,0][k]", lambda x: jnp.transpose(x, (1, 2, 0)), [r(*s)], [], ("f64",), True
    yield "swapaxes", "swap axes 0 and -1", lambda x: jnp.swapaxes(x, 0, -1), [r(*s)], [], ("f64",), True
    yield "moveaxis", "move axis 0 to position -1", lambda x: jnp.moveaxis(x, 0, -1), [r(*s)], [], ("f64",), True
    yield "expand_squeeze", "expand_dims at 1 of [3,1,4] gives [3,1,1,4], then squeeze axis 2 gives [3,1,4]", lambda x: jnp.squeeze(jnp.expand_dims(x, 1), 2), [r(3, 1, 4)], [], ("f64",), True
    yield "broadcast_to", "broadcast [3,1] to [2,3,4]", lambda x: jnp.broadcast_to(x, (2, 3, 4)), [r(3, 1)], [], ("f64",), True
    yield "concatenate_axis0", "concatenate along axis 0", lambda *a: jnp.concatenate(a, 0), [r(2, 3), r(1, 3), r(2, 3)], [], ("f64",), True
    yield "concatenate_axis_m1", "concatenate along axis -1", lambda *a: jnp.concatenate(a, -1), [r(2, 3), r(2, 1)], [], ("f64",), True
    yield "stack_axis0", "stack along a new axis 0", lambda *a: jnp.stack(a, 0), [r(2, 3), r(2, 3)], [], ("f64",), True
    yield "stack_axis_m1", "stack along a new last axis", lambda *a: jnp.stack(a, -1), [r(2, 3), r(2, 3), r(2, 3)], [], ("f64",), True
    yield "flip_axis1", "reverse along axis 1", lambda x: jnp.flip(x, 1), [r(*s)], [], ("f64",), True
    yield "flip_all", "reverse along every axis", jnp.flip, [r(2, 3)], [], ("f64",), True
    yield "roll_axis1", "roll by 2 along axis 1: out[i, (j+2) mod 5] = x[i, j]", lambda x: jnp.roll(x, 2, 1), [r(3, 5)], [], ("f64",), True
    yield "roll_neg", "roll by -1 along axis 0", lambda x: jnp.roll(x, -1, 0), [r(3, 5)], [], ("f64",), True
    yield "pad", "constant pad with 0.5: axis 0 by (1 before, 2 after), axis 1 by (0, 3)", lambda x: jnp.pad(x, ((1, 2), (0, 3)), constant_values=0.5), [r(2, 3)], [], ("f64",), True
    yield "slice", "x[1:4, 0:2]", lambda x: x[1:4, 0:2], [r(5, 4)], [], ("f64",), True
    yield "slice_step", "x[0:7:3, 1:6:2]", lambda x: x[0:7:3, 1:6:2], [r(7, 6)], [], ("f64",), True
    yield "slice_reverse", "x[::-2] of a vector of 7: elements 6, 4, 2, 0", lambda x: x[::-2], [r(7)], [], ("f64",), True
    yield "index", "x[1, :, 2]: index axes 0 and 2 with constants", lambda x: x[1, :, 2], [r(*s)], [], ("f64",), True
    yield "tile", "tile [2,3] by (2,2) to [4,6]", lambda x: jnp.tile(x, (2, 2)), [r(2, 3)], [], ("f64",), True
    yield "repeat_axis1", "repeat each element 2 times along axis 1: [2,3] to [2,6]", lambda x: jnp.repeat(x, 2, 1), [r(2, 3)], [], ("f64",), True
    yield "tril", "lower triangle (k = 0) of the last two axes", jnp.tril, [r(2, 3, 4)], [], ("f64",), True
    yield "triu_k1", "upper triangle strictly above the diagonal (k = 1)", lambda x: jnp.triu(x, 1), [r(4, 4)], [], ("f64",), True
    yield "diag_of_vector", "square matrix with the vector on its diagonal", jnp.diag, [r(4)], [], ("f64",), True
    yield "diag_of_matrix", "diagonal of a [3,4] matrix", jnp.diag, [r(3, 4)], [], ("f64",), True
    # indexing; index arrays are fixed inputs
    i = np.array([2, 0, 2, 1], np.int32)
    yield "take_axis0", "rows of x by index: out[k] = x[idx[k]]; fixed input idx", lambda x, i: jnp.take(x, i, axis=0), [r(3, 4)], [i], F, True
    yield "take_axis1_2d", "out[a, k, l] = x[a, idx[k, l]]; fixed input idx", lambda x, i: jnp.take(x, i, axis=1), [r(3, 4)], [np.array([[3, 0], [1, 1]], np.int32)], ("f64",), True
    yield "take_along_axis1", "out[i, k] = x[i, idx[i, k]]; fixed input idx", lambda x, i: jnp.take_along_axis(x, i, axis=1), [r(3, 4)], [np.array([[0, 3], [1, 1], [2, 0]], np.int32)], ("f64",), True
    yield "gather_pairs", "out[k] = x[rows[k], cols[k]]; fixed inputs rows, cols", lambda x, i, j: x[i, j], [r(3, 4)], [i, np.array([3, 1, 3, 0], np.int32)], ("f64",), True
    yield "dynamic_slice", "x[i:i+2, j:j+3]; fixed inputs i, j = 1, 2", lambda x, i, j: lax.dynamic_slice(x, (i, j), (2, 3)), [r(5, 6)], [np.int32(1), np.int32(2)], ("f64",), True
    yield "dynamic_slice_clamped", "dynamic_slice of size [2,3] at starts (4, 9); each start is clamped to at most dim - size, here (3, 3)", lambda x, i, j: lax.dynamic_slice(x, (i, j), (2, 3)), [r(5, 6)], [np.int32(4), np.int32(9)], ("f64",), True
    yield "dynamic_update_slice", "x with x[i:i+2, j:j+2] replaced by u; fixed inputs i, j = 1, 3", lambda x, u, i, j: lax.dynamic_update_slice(x, u, (i, j)), [r(4, 5), r(2, 2)], [np.int32(1), np.int32(3)], ("f64",), True
    yield "scatter_add_rows", "x with u[k] added to row idx[k], indices repeat; fixed input idx", lambda x, u, i: x.at[i].add(u), [r(3, 4), r(4, 4)], [i], F, True
    yield "scatter_add_pairs", "x with u[k] added to x[rows[k], cols[k]], pairs repeat; fixed inputs rows, cols", lambda x, u, i, j: x.at[i, j].add(u), [r(3, 4), r(4)], [i, np.array([3, 1, 3, 0], np.int32)], ("f64",), True
    yield "scatter_set_rows", "x with row idx[k] replaced by u[k], indices distinct; fixed input idx", lambda x, u, i: x.at[i].set(u), [r(4, 3), r(2, 3)], [np.array([3, 1], np.int32)], ("f64",), True
    yield "segment_sum", "out[s] = sum of rows k with ids[k] = s, 4 segments (one empty); fixed input ids", lambda x, i: jax.ops.segment_sum(x, i, num_segments=4), [r(5, 2)], [np.array([0, 3, 0, 1, 3], np.int32)], ("f64",), True


def structured(suite):
    for name, spec, f, shapes, fixed, dtypes, differentiable in rows():
        for dtype in dtypes:
            xs = [uniform(f"op/{name}/{k}", *shape, dtype) for k, shape in enumerate(shapes)]
            suite.add(f"op/{name}/{dtype}", spec, f, [*xs, *fixed])
            if not differentiable:
                continue
            n = len(xs)
            out = jax.eval_shape(f, *xs, *fixed).shape
            w = uniform(f"grad/{name}/w", out, dtype=dtype)
            wrt = "the first input" if n == 1 else f"each of the first {n} inputs"
            suite.add(f"grad/{name}/{dtype}", f"gradient of sum(w * f) with respect to {wrt}, f = [{spec}]; last input w", weighted_grad(f, n), [*xs, *fixed, w])
            if dtype == "f64":
                vs = [uniform(f"hvp/{name}/{k}", x.shape) for k, x in enumerate(xs)]
                suite.add(f"hvp/{name}/f64", f"H v, H the Hessian of sum(w * sin(f)) over {wrt} jointly, f = [{spec}]; after w come the parts of v, one a differentiated input", weighted_hvp(f, n), [*xs, *fixed, w, *vs], tol=1e-11)


def discrete(suite):
    """Comparisons, casts, integers and bits."""
    a = np.array([1.0, -2.0, 0.5, 3.0, np.nan, 0.0, np.inf])
    b = np.array([1.0, 2.0, -0.5, np.nan, np.nan, -0.0, np.inf])
    for name, f in [("eq", jnp.equal), ("ne", jnp.not_equal), ("lt", jnp.less), ("le", jnp.less_equal), ("gt", jnp.greater), ("ge", jnp.greater_equal)]:
        suite.add(f"op/{name}/f64", f"a {name} b elementwise, IEEE (NaN compares false except ne); bool", f, [a, b])
        x, y = uniform(f"op/{name}/x", (3, 4), -3, 3).astype(np.int32), uniform(f"op/{name}/y", (4,), -3, 3).astype(np.int32)
        suite.add(f"op/{name}/i32", f"a {name} b elementwise, broadcast; bool", f, [x, y])
    p, q = np.arange(4) % 2 == 1, np.arange(4) // 2 == 1
    for name, f in [("and", jnp.logical_and), ("or", jnp.logical_or), ("xor", jnp.logical_xor)]:
        suite.add(f"op/{name}/bool", f"logical {name}", f, [p, q])
    suite.add("op/not/bool", "logical not", jnp.logical_not, [p])
    suite.add("op/any_axis0/bool", "any along axis 0", lambda x: jnp.any(x, 0), [np.array([[True, False], [False, False]])])
    suite.add("op/all_axis1/bool", "all along axis 1", lambda x: jnp.all(x, 1), [np.array([[True, True], [True, False]])])

    i = np.array([7, -7, 7, -7, 0, 2147483647, -2147483648, 123456789], np.int32)
    j = np.array([2, 2, -2, -2, 5, 3, 10, -1000], np.int32)
    u = np.array([7, 0, 1, 4294967295, 2147483648, 3000000000, 255, 123456789], np.uint32)
    v = np.array([2, 5, 3, 1, 7, 2000000000, 16, 1000], np.uint32)
    k = np.array([0, 1, 2, 31, 4, 5, 8, 16])
    for dtype, x, y in [("i32", i, j), ("u32", u, v)]:
        for name, spec, f in [
            ("add", "a + b, wrapping", jnp.add), ("sub", "a - b, wrapping", jnp.subtract), ("mul", "a * b, wrapping", jnp.multiply),
            ("div", "a / b truncated towards zero", lax.div), ("rem", "a - b*trunc(a/b): sign of the dividend", lax.rem),
            ("maximum", "larger one", jnp.maximum), ("minimum", "smaller one", jnp.minimum),
            ("bit_and", "a & b", jnp.bitwise_and), ("bit_or", "a | b", jnp.bitwise_or), ("bit_xor", "a ^ b", jnp.bitwise_xor),
        ]:
            suite.add(f"op/{name}/{dtype}", f"{spec}, elementwise", f, [x, y])
        s = k.astype(x.dtype)
        suite.add(f"op/shift_left/{dtype}", "a << b", lax.shift_left, [x, s])
        suite.add(f"op/shift_right_logical/{dtype}", "a >> b, zeros shifted in", lax.shift_right_logical, [x, s])
        suite.add(f"op/bit_not/{dtype}", "every bit of x flipped", jnp.bitwise_not, [x])
        suite.add(f"op/sum_all/{dtype}", "sum, wrapping, of the same dtype", lambda a: jnp.sum(a, dtype=a.dtype), [x])
        suite.add(f"op/cumsum/{dtype}", "running sum of a vector, wrapping, of the same dtype", lambda a: jnp.cumsum(a, dtype=a.dtype), [x])
    suite.add("op/shift_right_arithmetic/i32", "a >> b, sign bit shifted in", lax.shift_right_arithmetic, [i, k.astype(np.int32)])
    suite.add("op/neg/i32", "-x, wrapping", jnp.negative, [i])
    suite.add("op/abs/i32", "|x|, wrapping (the least integer stays)", jnp.abs, [i])
    suite.add("op/sign/i32", "sign of x", jnp.sign, [i])
    suite.add("op/max_axis1/i32", "maximum over axis 1", lambda a: jnp.max(a, 1), [i.reshape(2, 4)])
    suite.add("op/prod_all/i32", "product, of the same dtype", lambda a: jnp.prod(a, dtype=a.dtype), [j[:5]])
    suite.add("op/matmul/i32", "product of two integer matrices", jnp.matmul, [np.arange(6, dtype=np.int32).reshape(2, 3), np.arange(-3, 9, dtype=np.int32).reshape(3, 4)])
    x = np.array([0.0, 1.9, -1.9, 2.5, -0.5, 100.25])
    suite.add("op/cast/f64_i32", "f64 to i32, towards zero", lambda a: a.astype(jnp.int32), [x])
    suite.add("op/cast/f64_f32", "f64 to f32, nearest", lambda a: a.astype(jnp.float32), [np.array([0.1, 1e-3, 1 / 3, 16777217.0])])
    suite.add("op/cast/i32_f32", "i32 to f32, nearest", lambda a: a.astype(jnp.float32), [i])
    suite.add("op/cast/i32_f64", "i32 to f64, exact", lambda a: a.astype(jnp.float64), [i])
    suite.add("op/cast/bool_f64", "bool to f64: 0 or 1", lambda a: a.astype(jnp.float64), [p])
    suite.add("op/cast/f64_bool", "f64 to bool: is it different from 0", lambda a: a.astype(jnp.bool_), [x])
    suite.add("op/cast/i32_u32", "i32 to u32, same bits", lambda a: a.astype(jnp.uint32), [i])
    suite.add("op/one_hot/f64", "one_hot of indices over 4 classes, f64", lambda a: jax.nn.one_hot(a, 4, dtype=jnp.float64), [np.array([[2, 0], [3, 1]], np.int32)])
    suite.add("op/one_hot/f32", "one_hot of indices over 4 classes, f32", lambda a: jax.nn.one_hot(a, 4, dtype=jnp.float32), [np.array([2, 0, 3], np.int32)])
    suite.add("op/arange/f64", "arange(0.5, 3.0, 0.5); no input", lambda: jnp.arange(0.5, 3.0, 0.5), [])
    suite.add("op/linspace/f64", "linspace(-1, 2, 7), both ends included; no input", lambda: jnp.linspace(-1.0, 2.0, 7), [])
    suite.add("op/eye/f64", "identity of size 3; no input", lambda: jnp.eye(3), [])
