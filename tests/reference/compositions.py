"""Group `comp`: transforms of transforms."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from functions import MLP, cross_entropy, mlp, rosenbrock, weights
from suite import uniform

TOL = 1e-11


def add(suite):
    def case(name, spec, fn, inputs):
        suite.add(f"comp/{name}/f64", spec, fn, inputs, tol=TOL)

    u = lambda key, *shape, lo=-2, hi=2: uniform("comp/" + key, shape, lo, hi)
    s = lambda x: jnp.sum(jnp.sin(x) * x**2)
    s_text = "s(x) = sum(sin(x) * x^2)"
    x, w, v = u("x", 4), u("w", 4), u("v", 4)
    rows, p = u("rows", 3, 4), weights("comp/mlp")

    # vmap of derivatives
    case("vmap_grad", f"vmap over the rows of x of grad(s), {s_text}", jax.vmap(jax.grad(s)), [rows])
    case("vmap_value_and_grad", f"vmap over the rows of x of value_and_grad(s) (two outputs), {s_text}", jax.vmap(jax.value_and_grad(s)), [rows])
    case("vmap_hessian", "vmap over the rows of x of hessian(r), r the Rosenbrock function sum 100 (x[i+1]-x[i]^2)^2 + (1-x[i])^2", jax.vmap(jax.hessian(rosenbrock)), [u("hrows", 2, 3)])
    case("vmap_jacobian", f"vmap over the rows of x of the Jacobian of {MLP}; fixed w1, b1, w2, b2", jax.vmap(jax.jacfwd(mlp), (0, None, None, None, None)), [u("jrows", 3, 3), *p])
    case("per_example_grad", "per-example gradients with respect to A of g(A, x_i, y_i) = sum((A @ x_i - y_i)^2): vmap over x and y, A shared; inputs A, x, y", jax.vmap(jax.grad(lambda a, x, y: jnp.sum((a @ x - y) ** 2)), (None, 0, 0)), [u("A", 2, 3), u("px", 4, 3), u("py", 4, 2)])
    case("vmap_grad_grad_grad", "vmap of the third derivative of t -> sin(t) * exp(t/2) over a vector", jax.vmap(jax.grad(jax.grad(jax.grad(lambda t: jnp.sin(t) * jnp.exp(t / 2))))), [u("t", 6)])
    case("vmap_hvp", f"vmap over rows of x and v of the Hessian-vector product of s, {s_text}", jax.vmap(lambda x, v: jax.jvp(jax.grad(s), (x,), (v,))[1]), [rows, u("vrows", 3, 4)])

    # derivatives of vmap
    row = lambda r, a: jnp.tanh(a @ r)
    case("grad_vmap", "gradients with respect to x and A of sum(w * vmap(r -> tanh(A @ r))(rows of x)); inputs x, A, w", lambda x, a, w: jax.grad(lambda x, a: jnp.sum(w * jax.vmap(row, (0, None))(x, a)), (0, 1))(x, a), [rows, u("gA", 2, 4), u("gw", 3, 2)])
    case("grad_vmap_grad", f"gradient of sum(w * vmap(grad(s))(x)) with respect to x, {s_text}; inputs x, w", jax.grad(lambda x, w: jnp.sum(w * jax.vmap(jax.grad(s))(x))), [rows, u("gg", 3, 4)])
    case("jvp_vmap", "jvp (value and tangent) of vmap(r -> tanh(A @ r)) along (dx, dA); inputs x, A, dx, dA", lambda x, a, dx, da: jax.jvp(jax.vmap(row, (0, None)), (x, a), (dx, da)), [rows, u("jA", 2, 4), u("jdx", 3, 4), u("jdA", 2, 4)])
    case("jacobian_vmap", "Jacobian (shape [2,3,2,3]) of vmap(softmax) over the rows of x [2,3]", jax.jacrev(jax.vmap(jax.nn.softmax)), [u("jv", 2, 3)])

    # axes of vmap
    case("vmap_in_axes_1", "vmap over axis 1 of x (in_axes 1) of c -> cumsum(c): the batch is the leading axis of the result", jax.vmap(jnp.cumsum, 1), [rows])
    case("vmap_out_axes_1", "vmap over axis 1 of x of c -> cumsum(c), out_axes 1", jax.vmap(jnp.cumsum, 1, 1), [rows])
    case("vmap_mixed_axes", "vmap of matmul, a over axis 0, b over axis 2 (in_axes (0, 2), out_axes 0); a [3,2,4], b [4,5,3]", jax.vmap(jnp.matmul, (0, 2)), [u("ma", 3, 2, 4), u("mb", 4, 5, 3)])
    case("vmap_none", "vmap of dot, a shared (in_axes None), b over axis 0", jax.vmap(jnp.dot, (None, 0)), [x, rows])
    case("vmap_vmap_outer", "all pairs: vmap over a (b shared) of vmap over b (a shared) of exp(-sum((a_i - b_j)^2))", jax.vmap(jax.vmap(lambda a, b: jnp.exp(-jnp.sum((a - b) ** 2)), (None, 0)), (0, None)), [u("pa", 3, 2), u("pb", 4, 2)])
    case("vmap_constant", "vmap over x of t -> (t, 7.0 * ones(2)): the second output does not depend on the batch and is repeated", jax.vmap(lambda t: (t, 7.0 * jnp.ones(2))), [u("vc", 3)])
    case("vmap_reduce", "vmap over axis 0 of x [2,3,4] of m -> max of m over its last axis minus mean of all of m", jax.vmap(lambda m: jnp.max(m, -1) - jnp.mean(m)), [u("vr", 2, 3, 4)])
    case("vmap_dynamic_slice", "vmap over rows of x and starts i of dynamic_slice(x, i, size 2); starts 0, 2, 1", jax.vmap(lambda x, i: lax.dynamic_slice(x, (i,), (2,))), [rows, np.array([0, 2, 1], np.int32)])
    case("vmap_dynamic_update_slice", "vmap over rows of x, updates u and starts i of dynamic_update_slice(x, u, i); starts 0, 2, 1", jax.vmap(lambda x, u, i: lax.dynamic_update_slice(x, u, (i,))), [rows, u("vu", 3, 2), np.array([0, 2, 1], np.int32)])
    case("vmap_take", "vmap over rows of x and rows of idx of take(x, idx)", jax.vmap(jnp.take), [rows, np.array([[0, 3], [1, 1], [2, 0]], np.int32)])
    case("vmap_take_shared", "vmap over rows of idx of take(x, idx), x shared", jax.vmap(jnp.take, (None, 0)), [x, np.array([[0, 3], [1, 1], [2, 0]], np.int32)])
    case("vmap_scatter_add", "vmap over rows of x, idx and u of x with u[k] added at idx[k]", jax.vmap(lambda x, i, u: x.at[i].add(u)), [rows, np.array([[0, 3], [1, 1], [2, 0]], np.int32), u("vs", 3, 2)])
    case("vmap_argmax", "vmap over rows of x of argmax", jax.vmap(jnp.argmax), [rows])
    case("vmap_where", "vmap over rows of x and flags c (bool [3]) of where(c, sin(x), x)", jax.vmap(lambda x, c: jnp.where(c, jnp.sin(x), x)), [rows, np.array([True, False, True])])
    case("vmap_einsum", "vmap over axis 0 of a, axis 1 of b, of einsum ij,jk->ki; a [2,3,4], b [4,2,5]", jax.vmap(lambda a, b: jnp.einsum("ij,jk->ki", a, b), (0, 1)), [u("ea", 2, 3, 4), u("eb", 4, 2, 5)])
    case("vmap_concat", "vmap of concatenate([a, b]), a over rows, b shared", jax.vmap(lambda a, b: jnp.concatenate([a, b]), (0, None)), [rows, u("cb", 2)])
    case("grad_vmap_gather", "gradient with respect to x of sum(w * vmap(take)(x, idx)^2), rows of x and idx; inputs x, idx, w", jax.grad(lambda x, i, w: jnp.sum(w * jax.vmap(jnp.take)(x, i) ** 2)), [rows, np.array([[0, 3], [1, 1], [2, 0]], np.int32), u("gt", 3, 2)])

    # jvp, vjp, linearize
    f2 = lambda a, b: (jnp.sin(a) * b, a @ b)
    f2_text = "f(a, b) = (sin(a) * b, a @ b), vectors"
    case("jvp", f"jvp of {f2_text} along (da, db): outputs the two values, then the two tangents; inputs a, b, da, db", lambda a, b, da, db: sum(jax.jvp(f2, (a, b), (da, db)), ()), [x, w, v, u("db", 4)])
    case("vjp", f"vjp of {f2_text} with cotangents (c, d), d a scalar: cotangents of a and b; inputs a, b, c, d", lambda a, b, c, d: jax.vjp(f2, a, b)[1]((c, d)), [x, w, v, np.float64(-1.25)])
    case("linearize", "tangent at x along v of x / (1 + sum(x*x)), by linearize; inputs x, v", lambda x, v: jax.linearize(lambda x: x / (1 + jnp.sum(x * x)), x)[1](v), [x, v])
    case("linear_transpose", "transpose of the linear map x -> A @ x + cumsum(x) applied to c; inputs A, c (A [4,4])", lambda a, c: jax.linear_transpose(lambda x: a @ x + jnp.cumsum(x), c)(c)[0], [u("lt", 4, 4), v])
    case("jvp_grad", f"jvp of grad(s) at x along v: gradient and H v (two outputs), {s_text}", lambda x, v: jax.jvp(jax.grad(s), (x,), (v,)), [x, v])
    case("grad_jvp", f"gradient with respect to x of the directional derivative of s along v (= H v), {s_text}", lambda x, v: jax.grad(lambda x: jax.jvp(s, (x,), (v,))[1])(x), [x, v])
    case("grad_dot_grad", f"gradient of v . grad(s)(x) with respect to x (reverse over reverse, = H v), {s_text}", lambda x, v: jax.grad(lambda x: v @ jax.grad(s)(x))(x), [x, v])
    case("vjp_jvp", "cotangents of x and v, for cotangent c of the tangent output, of (x, v) -> tangent of tanh(x)*x at x along v; inputs x, v, c", lambda x, v, c: jax.vjp(lambda x, v: jax.jvp(lambda y: jnp.tanh(y) * y, (x,), (v,))[1], x, v)[1](c), [x, v, w])
    case("jvp_jvp", "second directional derivative: d/dt at 0 of the tangent of exp(sin(x)) at x + t b along a; inputs x, a, b", lambda x, a, b: jax.jvp(lambda y: jax.jvp(lambda z: jnp.exp(jnp.sin(z)), (y,), (a,))[1], (x,), (b,))[1], [x, v, w])
    case("jacfwd_jacrev", "jacfwd(jacrev(f)), shape [3,3,3], of f(x) = x / sqrt(sum(x*x))", jax.jacfwd(jax.jacrev(lambda x: x / jnp.sqrt(jnp.sum(x * x)))), [u("jj", 3)])
    case("jacrev_jacfwd", "jacrev(jacfwd(f)), shape [3,3,3], of f(x) = softmax(x)", jax.jacrev(jax.jacfwd(jax.nn.softmax)), [u("jr", 3)])
    case("third_derivative_tensor", "jacfwd(hessian(f)), shape [3,3,3], of f(x) = exp(x0) sin(x1) x2^2 (scalar function of a vector of 3)", jax.jacfwd(jax.hessian(lambda x: jnp.exp(x[0]) * jnp.sin(x[1]) * x[2] ** 2)), [u("td", 3)])

    # nesting that confuses perturbations, and derivatives inside functions
    case("perturbation", "d/dx [ x * d/dy (x + y) at y = 1 ] = 1, at a scalar x", jax.grad(lambda x: x * jax.grad(lambda y: x + y)(1.0)), [np.float64(0.3)])
    case("perturbation_jvp", "tangent along 1 of x -> x * (tangent along 1 of y -> x * y at y = 2), = 2x, at a scalar x", lambda x: jax.jvp(lambda x: x * jax.jvp(lambda y: x * y, (2.0,), (1.0,))[1], (x,), (1.0,))[1], [np.float64(0.3)])
    case("nested_grads", "d/dx of sum(grad_y(sum(sin(x*y)))(y = cos(x)) * x), vectors", jax.grad(lambda x: jnp.sum(jax.grad(lambda y: jnp.sum(jnp.sin(x * y)))(jnp.cos(x)) * x)), [x])
    case("gradient_penalty", "gradient with respect to w of (sqrt(sum(g^2)) - 1)^2, g = gradient of sum(tanh(w * x)) with respect to x; inputs w, x", jax.grad(lambda w, x: (jnp.sqrt(jnp.sum(jax.grad(lambda x: jnp.sum(jnp.tanh(w * x)))(x) ** 2)) - 1) ** 2), [w, x])
    case("unrolled_descent", "gradient with respect to the rate a (a scalar) of s after 3 steps x <- x - a * grad(s)(x), " + s_text + "; inputs a, x", jax.grad(lambda a, x: s(inner(s, a, x))), [np.float64(0.05), x])
    case("laplacian", "vmap over rows of x of the trace of the Hessian of q(x) = tanh(sum(x*x)) * x0", jax.vmap(lambda x: jnp.trace(jax.hessian(lambda x: jnp.tanh(jnp.sum(x * x)) * x[0])(x))), [u("lap", 3, 3, lo=-0.6, hi=0.6)])
    case("divergence_vmap", "for each row of x the divergence (trace of the Jacobian) of sin(x) * sum(x)", jax.vmap(lambda x: jnp.trace(jax.jacfwd(lambda x: jnp.sin(x) * jnp.sum(x))(x))), [rows])
    case("hessian_vmap_loss", "Hessian with respect to b (vector of 3) of the mean cross-entropy of logits x + b, labels y: mean over rows of -log_softmax(x + b)[row, y[row]]; inputs b, x, y", jax.hessian(lambda b, x, y: cross_entropy(x + b, y)), [u("hb", 3), u("hx", 4, 3), np.array([0, 2, 1, 2], np.int32)])
    case("grad_loop", "gradient with respect to x of a Python loop: y = x, 5 times y = sin(y) + 0.1 * x * y, then sum(y)", jax.grad(loop), [x])
    case("grad_jit_inside", "gradient of sum(jit(tanh(x) * x)^2)", jax.grad(lambda x: jnp.sum(jax.jit(lambda y: jnp.tanh(y) * y)(x) ** 2)), [x])


def inner(s, a, x):
    for _ in range(3):
        x = x - a * jax.grad(s)(x)
    return x


def loop(x):
    y = x
    for _ in range(5):
        y = jnp.sin(y) + 0.1 * x * y
    return jnp.sum(y)
