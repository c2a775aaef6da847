"""Groups `jac`, `hess`, `hvp` and `third`: derivatives of whole functions, each given by a formula in its specification."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from suite import uniform

MLP = "tanh(w2 @ tanh(w1 @ x + b1) + b2)"


def mlp(x, w1, b1, w2, b2):
    return jnp.tanh(w2 @ jnp.tanh(w1 @ x + b1) + b2)


def weights(name, sizes=(3, 4, 2)):
    a, b, c = sizes
    return [uniform(name + "/w1", (b, a), -1, 1), uniform(name + "/b1", (b,), -1, 1), uniform(name + "/w2", (c, b), -1, 1), uniform(name + "/b2", (c,), -1, 1)]


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def arm(q, l):
    angle = jnp.cumsum(q)
    return jnp.stack([jnp.sum(l * jnp.cos(angle)), jnp.sum(l * jnp.sin(angle)), angle[-1]])


def cross_entropy(z, y):
    """Mean over rows of -log_softmax(z)[y]."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z, -1), y[:, None], 1))


def vector_functions():
    """name, formula, f(x, *fixed), x, fixed"""
    yield "mlp", MLP + "; fixed w1, b1, w2, b2", mlp, uniform("f/mlp", (3,)), weights("f/mlp")
    yield "arm", "q -> [sum l cos(c), sum l sin(c), last of c], c = cumsum(q); fixed l", arm, uniform("f/arm", (4,)), [np.array([1.0, 0.7, 0.5, 0.3])]
    yield "normalize", "x / sqrt(sum(x*x))", lambda x: x / jnp.sqrt(jnp.sum(x * x)), uniform("f/normalize", (4,)), []
    yield "softmax", "softmax(x)", jax.nn.softmax, uniform("f/softmax", (5,)), []
    yield "elementwise", "sin(x) * x", lambda x: jnp.sin(x) * x, uniform("f/elementwise", (5,)), []
    yield "neighbours", "x[1:] * x[:-1]^2 (banded Jacobian)", lambda x: x[1:] * x[:-1] ** 2, uniform("f/neighbours", (5,)), []
    yield "linear", "A @ x; fixed A", lambda x, a: a @ x, uniform("f/linear", (4,)), [uniform("f/linear/a", (3, 4))]
    yield "cumsum_exp", "cumsum(exp(x))", lambda x: jnp.cumsum(jnp.exp(x)), uniform("f/cumsum_exp", (4,)), []
    yield "spherical", "[r sin t cos p, r sin t sin p, r cos t] of x = [r, t, p]", lambda x: x[0] * jnp.stack([jnp.sin(x[1]) * jnp.cos(x[2]), jnp.sin(x[1]) * jnp.sin(x[2]), jnp.cos(x[1])]), np.array([1.5, 0.8, -0.6]), []
    yield "outer_self", "x_i x_j, a matrix", lambda x: jnp.outer(x, x), uniform("f/outer_self", (3,)), []
    yield "matrix_square", "X @ X", lambda x: x @ x, uniform("f/matrix_square", (2, 2)), []
    yield "layer_norm", "(x - mean(x, -1)) / sqrt(var(x, -1) + 1e-5), rows of x [2,4]", lambda x: (x - jnp.mean(x, -1, keepdims=True)) / jnp.sqrt(jnp.var(x, -1, keepdims=True) + 1e-5), uniform("f/layer_norm", (2, 4)), []
    yield "gather_square", "x[[2,0,2]]^2 (elements picked, one twice)", lambda x: x[jnp.array([2, 0, 2])] ** 2, uniform("f/gather_square", (4,)), []
    yield "pairwise", "squared distances d_ij = sum_k (x_ik - x_jk)^2 of x [3,2]", lambda x: jnp.sum((x[:, None] - x[None]) ** 2, -1), uniform("f/pairwise", (3, 2)), []
    yield "scalar_in", "[sin t, cos t, t^3] of a scalar t", lambda t: jnp.stack([jnp.sin(t), jnp.cos(t), t**3]), np.float64(0.6), []


def scalar_functions():
    """name, formula, f(x, *fixed), x, fixed"""
    y = np.array([2, 0, 1], np.int32)
    yield "mlp_sum", f"sum(c * {MLP}); fixed c, w1, b1, w2, b2", lambda x, c, *p: jnp.sum(c * mlp(x, *p)), uniform("f/mlp_sum", (3,)), [uniform("f/mlp_sum/c", (2,)), *weights("f/mlp_sum")]
    yield "rosenbrock", "sum_i 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2", rosenbrock, uniform("f/rosenbrock", (5,), -1.5, 1.5), []
    yield "logsumexp", "logsumexp(x)", logsumexp, uniform("f/logsumexp", (5,)), []
    yield "cross_entropy", "mean over rows of -log_softmax(z)[row, y[row]], z [3,4]; fixed y", cross_entropy, uniform("f/cross_entropy", (3, 4)), [y]
    yield "quadratic", "x @ A @ x, A not symmetric; fixed A", lambda x, a: x @ a @ x, uniform("f/quadratic", (4,)), [uniform("f/quadratic/a", (4, 4))]
    yield "norm", "sqrt(sum(x*x))", lambda x: jnp.sqrt(jnp.sum(x * x)), uniform("f/norm", (4,)), []
    yield "prod", "product of the elements", jnp.prod, uniform("f/prod", (4,)), []
    yield "prod_one_zero", "product of the elements, one of them 0", jnp.prod, np.array([2.0, 0.0, -1.5, 0.5]), []
    yield "prod_two_zeros", "product of the elements, two of them 0", jnp.prod, np.array([2.0, 0.0, -1.5, 0.0]), []
    yield "arm_energy", "sum of squares of [sum l cos(c) - 1, sum l sin(c) - 0.5], c = cumsum(q); fixed l", lambda q, l: jnp.sum((arm(q, l)[:2] - jnp.array([1.0, 0.5])) ** 2), uniform("f/arm_energy", (4,)), [np.array([1.0, 0.7, 0.5, 0.3])]
    yield "separable", "sum(exp(x) * sin(x)) (diagonal Hessian)", lambda x: jnp.sum(jnp.exp(x) * jnp.sin(x)), uniform("f/separable", (5,)), []
    yield "chain", "sum(sin(x[1:] * x[:-1])) (tridiagonal Hessian)", lambda x: jnp.sum(jnp.sin(x[1:] * x[:-1])), uniform("f/chain", (5,)), []
    yield "variance", "var(x) * mean(x), ddof 0", lambda x: jnp.var(x) * jnp.mean(x), uniform("f/variance", (4,)), []
    yield "matrix", "sum((X @ X) * X), X [2,2]; the Hessian has shape [2,2,2,2]", lambda x: jnp.sum((x @ x) * x), uniform("f/matrix", (2, 2)), []
    yield "powers", "sum(x[:2]^x[2:]), x > 0", lambda x: jnp.sum(x[:2] ** x[2:]), uniform("f/powers", (4,), 0.3, 2), []
    yield "logistic", "mean(softplus(-y * (A @ x))) + 0.1 sum(x*x); fixed A, y", lambda x, a, y: jnp.mean(jax.nn.softplus(-y * (a @ x))) + 0.1 * jnp.sum(x * x), uniform("f/logistic", (3,)), [uniform("f/logistic/a", (5, 3)), np.array([1.0, -1.0, 1.0, 1.0, -1.0])]


# Second and third derivatives are sums of products of many factors; two correct orders of summation differ by more than values do.
SECOND, THIRD = 1e-11, 1e-10


def add(suite):
    for name, formula, f, x, fixed in vector_functions():
        suite.add(f"jac/{name}/f64", f"Jacobian (shape: that of f, then that of x) of f(x) = {formula}", jax.jacfwd(f), [x, *fixed])
        if np.ndim(x):
            v = uniform(f"jac2/{name}/v", x.shape)
            suite.add(
                f"jac2/{name}/f64",
                f"directional derivative of the Jacobian: d/dt J(x + t v) at t = 0, of f(x) = {formula}; last input v",
                lambda *a, f=f: jax.jvp(lambda x: jax.jacrev(f)(x, *a[1:-1]), (a[0],), (a[-1],))[1],
                [x, *fixed, v],
                tol=SECOND,
            )
    for name, formula, f, x, fixed in scalar_functions():
        suite.add(
            f"hess/{name}/f64",
            f"value, gradient and Hessian (three outputs) of f(x) = {formula}",
            lambda x, *r, f=f: (f(x, *r), jax.grad(f)(x, *r), jax.hessian(f)(x, *r)),
            [x, *fixed],
            tol=SECOND,
        )
        v = uniform(f"hvp/{name}/v", x.shape)

        def hvp(*a, f=f):
            g = lambda x: jax.grad(f)(x, *a[1:-1])
            return jax.jvp(g, (a[0],), (a[-1],))[1]

        def third(*a, f=f):
            g = lambda x: jax.grad(f)(x, *a[1:-1])
            along = lambda x: jax.jvp(g, (x,), (a[-1],))[1]
            return jax.jvp(along, (a[0],), (a[-1],))[1]

        suite.add(f"hvp_of/{name}/f64", f"H(x) v, H the Hessian of f(x) = {formula}; last input v", hvp, [x, *fixed, v], tol=SECOND)
        suite.add(f"third/{name}/f64", f"gradient of v'H(x)v with respect to x, that is D3 f(x)[v, v, .], of f(x) = {formula}; last input v", third, [x, *fixed, v], tol=THIRD)
    networks(suite)


def networks(suite):
    """Gradients with respect to all parameters: what training needs."""
    for dtype in ("f64", "f32"):
        x, y = uniform("net/x", (5, 3), dtype=dtype), np.array([1, 0, 3, 2, 1], np.int32)
        p = [uniform("net/w1", (3, 6), -1, 1, dtype), uniform("net/b1", (6,), -1, 1, dtype), uniform("net/w2", (6, 4), -1, 1, dtype), uniform("net/b2", (4,), -1, 1, dtype)]
        for act, f in [("tanh", jnp.tanh), ("relu", jax.nn.relu), ("gelu_tanh", jax.nn.gelu)]:

            def loss(w1, b1, w2, b2, x, y, f=f):
                return cross_entropy(f(x @ w1 + b1) @ w2 + b2, y)

            suite.add(
                f"net/{act}/{dtype}",
                f"loss and its gradients with respect to w1, b1, w2, b2 (five outputs): mean over rows of -log_softmax({act}(x @ w1 + b1) @ w2 + b2)[row, y[row]]; inputs w1, b1, w2, b2, x, y",
                lambda *a, loss=loss: (loss(*a), *jax.grad(loss, (0, 1, 2, 3))(*a)),
                [*p, x, y],
            )

    def square(w1, b1, w2, b2, x, y):
        return jnp.mean((jnp.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2)

    x, y = uniform("net2/x", (4, 2)), uniform("net2/y", (4, 1))
    p = [uniform("net2/w1", (2, 3), -1, 1), uniform("net2/b1", (3,), -1, 1), uniform("net2/w2", (3, 1), -1, 1), uniform("net2/b2", (1,), -1, 1)]
    v = [uniform(f"net2/v{i}", a.shape) for i, a in enumerate(p)]
    formula = "mean((tanh(x @ w1 + b1) @ w2 + b2 - y)^2)"
    suite.add(
        "net/hvp_all/f64",
        f"H v over all four parameters jointly (four outputs) of {formula}; inputs w1, b1, w2, b2, x, y, then the four parts of v",
        lambda *a: jax.jvp(lambda *q: jax.grad(square, (0, 1, 2, 3))(*q, *a[4:6]), a[:4], a[6:])[1],
        [*p, x, y, *v],
        tol=SECOND,
    )
    suite.add(
        "net/mixed/f64",
        f"mixed second derivative d/dx of (d/dw1 of {formula}): shape [2,3] of w1, then [4,2] of x; inputs w1, b1, w2, b2, x, y",
        lambda *a: jax.jacfwd(jax.grad(square, 0), 4)(*a),
        [*p, x, y],
        tol=SECOND,
    )

    def adam(*a):
        q, m, s = list(a[:4]), [jnp.zeros_like(b) for b in a[:4]], [jnp.zeros_like(b) for b in a[:4]]
        for t in range(1, 4):
            g = jax.grad(square, (0, 1, 2, 3))(*q, *a[4:])
            m = [0.9 * m_ + 0.1 * g_ for m_, g_ in zip(m, g)]
            s = [0.999 * s_ + 0.001 * g_ * g_ for s_, g_ in zip(s, g)]
            q = [q_ - 1e-2 * (m_ / (1 - 0.9**t)) / (jnp.sqrt(s_ / (1 - 0.999**t)) + 1e-8) for q_, m_, s_ in zip(q, m, s)]
        return q

    suite.add("net/adam3/f64", f"w1, b1, w2, b2 after three steps of Adam (lr 1e-2, b1 0.9, b2 0.999, eps 1e-8 added after the root, both moments bias-corrected) on {formula}; inputs w1, b1, w2, b2, x, y", adam, [*p, x, y], tol=SECOND)
