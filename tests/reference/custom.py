"""Group `rule/..`: functions with rules of their own, solutions of linear systems and of equations, and their derivatives.

In JAX's names: `custom_jvp`, `custom_vjp`, `lax.custom_linear_solve`, `scipy.sparse.linalg.cg`, `lax.custom_root`. The rules are the
true derivatives, but for `clipped` and `doubled`, whose wrong rules must be followed.
"""

import jax
import jax.numpy as jnp
from jax import lax

from suite import uniform


def rules():
    """name, text, function of x [4], whether JAX can take it forwards."""

    @jax.custom_jvp
    def log1pexp(x):
        return jnp.log(1 + jnp.exp(x))

    @log1pexp.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        return log1pexp(x), (1 - 1 / (1 + jnp.exp(x))) * t

    yield "log1pexp", "custom_jvp: log(1 + exp x), tangent (1 - 1/(1 + exp x)) t", log1pexp, True

    @jax.custom_jvp
    def doubled(x):
        return jnp.sin(x)

    @doubled.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        return jnp.sin(x), 2 * jnp.cos(x) * t

    yield "doubled", "custom_jvp: sin x, tangent 2 cos(x) t (twice the true one)", doubled, True
    yield "doubled_scan", "rows s of s -> doubled(s + x_t), row s x_t, from 0.3", lambda x: lax.scan(lambda s, t: (doubled(s + t), s * t), 0.3, x)[1], True

    @jax.custom_vjp
    def clipped(x):
        return x * x

    clipped.defvjp(lambda x: (x * x, x), lambda x, c: (jnp.clip(2 * x * c, -0.5, 0.5),))
    yield "clipped", "custom_vjp: x x, cotangent clip(2 x c, -0.5, 0.5)", clipped, False
    yield "clipped_scan", "rows s of s -> clipped(s + x_t)/2, row s x_t, from 0.3", lambda x: lax.scan(lambda s, t: (clipped(s + t) / 2, s * t), 0.3, x)[1], False
    matrix = lambda x: 3 * jnp.eye(4) + 0.2 * jnp.outer(jnp.sin(x), jnp.cos(x))
    symmetric = lambda x: 3 * jnp.eye(4) + 0.2 * jnp.outer(x, x)

    def solve(x):
        a = matrix(x)
        inverse = lambda mv, b: jnp.linalg.solve(jax.jacfwd(mv)(b), b)
        return lax.custom_linear_solve(lambda v: a @ v, jnp.exp(x / 2), inverse, inverse)

    yield "linear_solve", "A^-1 exp(x/2), A = 3 I + 0.2 sin(x) cos(x)'", solve, True
    cg = jax.scipy.sparse.linalg.cg
    yield "cg", "cg(A, exp(x/2), tol=1e-14, atol=0): A = 3 I + 0.2 x x'", lambda x: cg(lambda v: symmetric(x) @ v, jnp.exp(x / 2), tol=1e-14, atol=0.0)[0], True

    def root(x):
        f = lambda y: y**3 + y - x
        newton = lambda f, y: lax.fori_loop(0, 40, lambda i, y: y - f(y) / (3 * y * y + 1), y)
        return lax.custom_root(f, jnp.zeros(4), newton, lambda g, b: b / g(jnp.ones(4)))

    yield "root", "custom_root: the y with y^3 + y = x, elementwise, Newton from 0", root, True


def add(suite):
    for name, text, f, forwards in rules():
        x, v, w = (uniform(f"rule/{name}/{k}", (4,), -1.5, 1.5) for k in "xvw")
        rows = uniform(f"rule/{name}/rows", (3, 4), -1.5, 1.5)
        case = lambda group, what, of, inputs: suite.add(f"rule/{group}/{name}/f64", f"{what}; f(x) = {text}", of, inputs, tol=1e-10)
        loss = lambda x, w: jnp.sum(w * jnp.sin(f(x)))
        case("value", "f(x)", f, [x])
        case("grad", "gradient of l(x) = sum(w sin(f(x))); inputs x, w", jax.grad(loss), [x, w])
        case("vmap_grad", "vmap over the rows of x of the gradient of l(x) = sum(w sin(f(x))); inputs x, w", jax.vmap(jax.grad(loss), (0, None)), [rows, w])
        if forwards:
            case("jvp", "tangent of f at x along v; inputs x, v", lambda x, v: jax.jvp(f, (x,), (v,))[1], [x, v])
            case("hvp", "Hessian of l(x) = sum(w sin(f(x))) times v; inputs x, w, v", lambda x, w, v: jax.jvp(jax.grad(lambda x: loss(x, w)), (x,), (v,))[1], [x, w, v])
