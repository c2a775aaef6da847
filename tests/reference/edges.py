"""Group `edge`: special values, empty arrays, and derivatives where calculus is silent.

Cases marked with `convention` record what JAX chose; another documented choice may differ from them.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import logsumexp

NAN, INF = np.nan, np.inf


def values(suite):
    special = np.array([0.0, -0.0, INF, -INF, NAN, 1000.0, -1000.0, 1e-300, 1e300])
    for name, f in [
        ("exp", jnp.exp), ("expm1", jnp.expm1), ("log", jnp.log), ("log1p", jnp.log1p), ("sqrt", jnp.sqrt), ("tanh", jnp.tanh),
        ("sigmoid", jax.nn.sigmoid), ("softplus", jax.nn.softplus), ("log_sigmoid", jax.nn.log_sigmoid), ("atan", jnp.arctan),
        ("reciprocal", jnp.reciprocal), ("abs", jnp.abs), ("relu", jax.nn.relu), ("floor", jnp.floor), ("erf", jax.scipy.special.erf), ("sign", jnp.sign),
    ]:
        suite.add(f"edge/value/{name}/f64", f"{name} of special values", f, [special])
    suite.add("edge/value/round/f64", "round, ties to even", jnp.round, [np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, 4503599627370497.5])])
    suite.add("edge/value/erf_inv/f64", "erf_inv at the ends and outside its domain", lax.erf_inv, [np.array([-1.0, 1.0, 0.0, 1.5, 0.999999, -0.999999, 1e-10])])
    suite.add("edge/value/atanh/f64", "atanh at the ends and outside its domain", jnp.arctanh, [np.array([-1.0, 1.0, 0.0, 1.5])])
    suite.add("edge/value/asin/f64", "asin at the ends and outside its domain", jnp.arcsin, [np.array([-1.0, 1.0, 1.5])])
    a = np.array([0.0, 0.0, 0.0, 1.0, NAN, -2.0, -2.0, -8.0, INF, 2.0, 2.0, -1.0])
    b = np.array([0.0, 2.0, -1.0, NAN, 0.0, 3.0, -2.0, 1 / 3, -1.0, INF, -INF, INF])
    suite.add("edge/value/pow/f64", "a^b for special values (IEEE pow)", jnp.power, [a, b])
    m = np.array([[0.0, NAN, INF, -INF, 1.0, NAN], [1.0, 1.0, 1.0, INF, NAN, NAN]])
    suite.add("edge/value/maximum/f64", "maximum(x[0], x[1]): NaN wins", lambda x: jnp.maximum(x[0], x[1]), [m])
    suite.add("edge/value/minimum/f64", "minimum(x[0], x[1]): NaN wins", lambda x: jnp.minimum(x[0], x[1]), [m])
    l = np.array([[-INF, -INF, INF, 800.0, -800.0, 0.0, NAN], [-INF, 1.0, 1.0, 801.0, -801.0, 0.0, 0.0]])
    suite.add("edge/value/logaddexp/f64", "logaddexp(x[0], x[1])", lambda x: jnp.logaddexp(x[0], x[1]), [l])
    suite.add("edge/value/atan2/f64", "atan2(x[0], x[1]) on the axes", lambda x: jnp.arctan2(x[0], x[1]), [np.array([[0.0, 0.0, -0.0, 1.0, -1.0, 0.0, INF], [1.0, -1.0, -1.0, 0.0, 0.0, 0.0, INF]])])
    rows = np.array([[1.0, NAN, 2.0], [3.0, 3.0, 1.0], [-INF, -INF, -INF]])
    suite.add("edge/value/max_axis1/f64", "max over axis 1: NaN wins", lambda x: jnp.max(x, 1), [rows])
    suite.add("edge/value/min_axis1/f64", "min over axis 1: NaN wins", lambda x: jnp.min(x, 1), [rows])
    suite.add("edge/value/argmax_axis1/f64", "argmax over axis 1: the first NaN wins, else the first of the largest", lambda x: jnp.argmax(x, 1), [rows])
    suite.add("edge/value/argmin_axis1/f64", "argmin over axis 1: the first NaN wins, else the first of the smallest", lambda x: jnp.argmin(x, 1), [rows])
    big = np.array([[1000.0, 1001.0, -1000.0], [-INF, 0.0, 0.0], [-INF, -INF, -INF]])
    suite.add("edge/value/logsumexp_axis1/f64", "logsumexp along axis 1, large and infinite arguments", lambda x: logsumexp(x, 1), [big])
    suite.add("edge/value/softmax_axis1/f64", "softmax along axis 1, large and infinite arguments (first two rows)", lambda x: jax.nn.softmax(x[:2], 1), [big])
    suite.add("edge/value/log_softmax_axis1/f64", "log_softmax along axis 1, large and infinite arguments (first two rows)", lambda x: jax.nn.log_softmax(x[:2], 1), [big])
    empty = np.zeros((2, 0))
    for name, f in [("sum", jnp.sum), ("prod", jnp.prod), ("logsumexp", logsumexp), ("cumsum", jnp.cumsum)]:
        suite.add(f"edge/empty/{name}/f64", f"{name} along axis 1 of shape [2,0]", lambda x, f=f: f(x, axis=1), [empty])
    suite.add("edge/empty/sum_axis0/f64", "sum along axis 0 of shape [2,0]: shape [0]", lambda x: jnp.sum(x, 0), [empty])
    suite.add("edge/empty/matmul/f64", "[2,0] times [0,3]: zeros of [2,3]", jnp.matmul, [empty, np.zeros((0, 3))])
    suite.add("edge/empty/concatenate/f64", "concatenate [2,0] and [2,3] along axis 1", lambda a, b: jnp.concatenate([a, b], 1), [empty, np.arange(6.0).reshape(2, 3)])
    suite.add("edge/empty/grad_matmul/f64", "gradients of sum(w * (a @ b)), a [2,0], b [0,3], with respect to a and b", lambda a, b, w: jax.grad(lambda a, b: jnp.sum(w * (a @ b)), (0, 1))(a, b), [empty, np.zeros((0, 3)), np.ones((2, 3))])
    suite.add("edge/empty/grad_sum/f64", "gradient of sum(x^2) for x of shape [0]", jax.grad(lambda x: jnp.sum(x**2)), [np.zeros(0)])
    suite.add("edge/scalar/grad/f64", "gradient of x*sin(x) for a scalar x of shape []", jax.grad(lambda x: x * jnp.sin(x)), [np.float64(0.7)])
    suite.add("edge/size1/grad_add/f64", "gradients of sum(w * (a + b)), a [1,3], b [2,1]: sums over the broadcast axes keep size 1", lambda a, b, w: jax.grad(lambda a, b: jnp.sum(w * (a + b)), (0, 1))(a, b), [np.ones((1, 3)), np.ones((2, 1)), np.arange(1.0, 7.0).reshape(2, 3)])


def silent(suite):
    """Derivatives on ties, kinks, steps and poles."""

    def grads(name, spec, f, x, convention):
        xs = x if isinstance(x, tuple) else (x,)
        out = jax.eval_shape(f, *xs).shape
        w = (np.arange(1, 1 + int(np.prod(out)), dtype=np.float64) / 2).reshape(out)
        fn = lambda *a: jax.grad(lambda *p: jnp.sum(a[-1] * f(*p)), tuple(range(len(xs))))(*a[:-1])
        which = "x" if len(xs) == 1 else "a and b"
        suite.add(f"edge/grad/{name}/f64", f"gradient of sum(w * f) with respect to {which}, f = [{spec}]; last input w", fn, [*xs, w], convention=convention)

    x0 = np.array([-1.0, 0.0, 2.0])
    grads("abs", "|x|", jnp.abs, x0, "1 at 0 (the slope of the side x >= 0); 0 is the other common choice")
    grads("relu", "relu(x)", jax.nn.relu, x0, "0 at 0")
    grads("relu6", "relu6(x)", jax.nn.relu6, np.array([-1.0, 0.0, 3.0, 6.0, 7.0]), "0 at 0 and at 6")
    grads("leaky_relu", "leaky_relu(x), slope 0.01 where x < 0", jax.nn.leaky_relu, x0, "1 at 0")
    grads("elu", "elu(x), alpha 1", jax.nn.elu, x0, None)
    grads("selu", "selu(x)", jax.nn.selu, x0, "the negative side's slope at 0")
    grads("sign", "sign(x)", jnp.sign, x0, "0 everywhere")
    grads("floor", "floor(x)", jnp.floor, x0, "0 everywhere")
    grads("round", "round(x)", jnp.round, np.array([-0.5, 0.5, 1.2]), "0 everywhere")
    grads("clip", "minimum(maximum(x, -1), 2)", lambda x: jnp.minimum(jnp.maximum(x, -1.0), 2.0), np.array([-3.0, -1.0, 0.0, 2.0, 3.0]), "half at the bounds, as a tie of maximum and minimum")
    grads("sqrt_at_0", "sqrt(x)", jnp.sqrt, np.array([0.0, 4.0]), "infinite at 0")
    grads("cbrt_at_0", "cbrt(x)", jnp.cbrt, np.array([0.0, 8.0]), "infinite at 0")
    grads("square_at_0", "x^2 by pow(x, 2.0) with a float exponent", lambda x: jnp.power(x, 2.0), x0, None)
    grads("pow0", "pow(x, 0.0) with a literal exponent", lambda x: jnp.power(x, 0.0), x0, "NaN at 0, from 0 * 0^-1; 0 is the better choice")
    grads("pow_pairs", "a^b at a = 0: b = 2, 1, 0", jnp.power, (np.array([0.0, 0.0, 0.0, 2.0]), np.array([2.0, 1.0, 0.0, 0.0])), "d/da at 0^0 is NaN, from 0 * 0^-1, where 0 is the better choice; d/db at a = 0 is 0")
    tie_a, tie_b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, -1.0])
    grads("maximum_tie", "maximum(a, b), tie in the first element", jnp.maximum, (tie_a, tie_b), "half to each side of a tie")
    grads("minimum_tie", "minimum(a, b), tie in the first element", jnp.minimum, (tie_a, tie_b), "half to each side of a tie")
    ties = np.array([[1.0, 3.0, 3.0, 3.0], [2.0, 2.0, 2.0, 2.0], [0.0, -1.0, 5.0, -1.0]])
    grads("max_ties", "max over axis 1, with ties", lambda x: jnp.max(x, 1), ties, "shared evenly among all tied elements")
    grads("min_ties", "min over axis 1, with ties", lambda x: jnp.min(x, 1), ties, "shared evenly among all tied elements")
    grads("max_all_ties", "max of all elements, with ties", jnp.max, np.array([[2.0, 1.0], [2.0, 2.0]]), "shared evenly among all tied elements")
    grads("logaddexp", "logaddexp(a, b): equal arguments, -inf on one side", jnp.logaddexp, (np.array([1.0, -INF, 0.0]), np.array([1.0, 2.0, 800.0])), None)
    grads("logsumexp_inf", "logsumexp over all elements, one of them -inf", logsumexp, np.array([0.5, -INF, 1.5]), None)
    grads("log_softmax_large", "log_softmax of large logits", jax.nn.log_softmax, np.array([1000.0, 0.0, -1000.0]), None)
    grads("norm_at_0", "sqrt(sum(x*x))", lambda x: jnp.sqrt(jnp.sum(x * x)), np.zeros(3), "NaN at 0: infinity times zero")
    grads("hypot_pole", "hypot(a, b), at (0, 0) in the second element", jnp.hypot, (np.array([3.0, 0.0]), np.array([4.0, 0.0])), "1/2 each at (0, 0)")
    grads("atan2_axes", "atan2(a, b) on the axes", jnp.arctan2, (np.array([0.0, 1.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0, -2.0])), None)
    grads("rem", "lax.rem (sign of the dividend)", lax.rem, (np.array([5.5, -5.5, 4.0]), np.array([2.0, 2.0, 2.0])), None)
    grads("where_nan_unsafe", "where(x > 0, sqrt(x), 0)", lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), np.array([-1.0, 0.0, 4.0]), "NaN where the branch not taken has no finite derivative: 0 times NaN or infinity")
    grads("where_nan_safe", "where(x > 0, sqrt(where(x > 0, x, 1)), 0)", lambda x: jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0), np.array([-1.0, 0.0, 4.0]), None)
    grads("where_log", "where(x > 1, log(x), x - 1)", lambda x: jnp.where(x > 1, jnp.log(x), x - 1), np.array([0.5, 1.0, 3.0]), None)
    grads("var_constant", "variance (ddof 0) of equal elements", jnp.var, np.full(4, 1.5), None)
    grads("tanh_large", "tanh(x)", jnp.tanh, np.array([-400.0, 0.0, 400.0]), None)
    grads("sigmoid_large", "sigmoid(x)", jax.nn.sigmoid, np.array([-800.0, -30.0, 0.0, 800.0]), None)
    grads("softplus_large", "softplus(x)", jax.nn.softplus, np.array([-800.0, 0.0, 800.0]), None)
    grads("log_sigmoid_large", "log_sigmoid(x)", jax.nn.log_sigmoid, np.array([-800.0, 0.0, 800.0]), None)
    grads("prod_one_zero", "product of all elements, one of them 0", jnp.prod, np.array([2.0, 0.0, 3.0, -1.5]), None)
    grads("prod_two_zeros", "product of all elements, two of them 0", jnp.prod, np.array([2.0, 0.0, 3.0, 0.0]), None)
    grads("prod_axis1_zeros", "product over axis 1, rows with 0, 1, 2 zeros", lambda x: jnp.prod(x, 1), np.array([[1.0, 2.0, 3.0], [0.0, 2.0, 3.0], [0.0, 2.0, 0.0]]), None)
    grads("stop_gradient", "x * stop_gradient(sin(x)): the derivative is sin(x)", lambda x: x * lax.stop_gradient(jnp.sin(x)), x0, None)
    grads("constant", "0*x + 3 (does not depend on x)", lambda x: 0 * x + 3.0, x0, None)
    grads("cast", "x to f32 and back to f64, squared (x exact in f32)", lambda x: x.astype(jnp.float32).astype(jnp.float64) ** 2, x0, None)
    grads("reused", "x*x + x*sin(x) - x/(1 + x*x): one value used many times", lambda x: x * x + x * jnp.sin(x) - x / (1 + x * x), x0, None)
