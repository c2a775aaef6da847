//! Differential equations that several families solve, in Rust and in Python.

use gradus::prelude::*;

const STEP: f64 = 0.01;

/// Parameters of the Lorenz system near the well-known ones, from numbers between -2 and 2.
pub fn parameters(a: &Tensor) -> Tensor {
    a * 0.01 + Tensor::from([10.0, 28.0, 8.0 / 3.0])
}

/// The state of the Lorenz system after `steps` steps by the classical method of Runge and Kutta,
/// from (1, 1, 20), on single numbers.
pub fn lorenz(parameters: &Tensor, steps: usize) -> [Tensor; 3] {
    let [s, r, b] = [0, 1, 2].map(|i| parameters.at(i));
    let slope = |[x, y, z]: &[Tensor; 3]| [&s * (y - x), x * (&r - z) - y, x * y - &b * z];
    let along = |u: &[Tensor; 3], k: &[Tensor; 3], h: f64| [0, 1, 2].map(|i| &u[i] + &k[i] * h);
    let step = |_: &Tensor, u: &[Tensor; 3]| {
        let k1 = slope(u);
        let k2 = slope(&along(u, &k1, STEP / 2.0));
        let k3 = slope(&along(u, &k2, STEP / 2.0));
        let k4 = slope(&along(u, &k3, STEP));
        [0, 1, 2].map(|i| &u[i] + (&k1[i] + (&k2[i] + &k3[i]) * 2.0 + &k4[i]) * (STEP / 6.0))
    };
    fori_loop(0..steps, step, &[1.0, 1.0, 20.0].map(Tensor::from))
}

/// The same in Rust.
pub fn lorenz_by_hand([s, r, b]: [f64; 3], steps: usize) -> [f64; 3] {
    let slope = |x: f64, y: f64, z: f64| (s * (y - x), x * (r - z) - y, x * y - b * z);
    let [mut x, mut y, mut z] = [1.0, 1.0, 20.0];
    let (half, sixth) = (STEP / 2.0, STEP / 6.0);
    for _ in 0..steps {
        let k1 = slope(x, y, z);
        let k2 = slope(x + half * k1.0, y + half * k1.1, z + half * k1.2);
        let k3 = slope(x + half * k2.0, y + half * k2.1, z + half * k2.2);
        let k4 = slope(x + STEP * k3.0, y + STEP * k3.1, z + STEP * k3.2);
        x += (k1.0 + 2.0 * (k2.0 + k3.0) + k4.0) * sixth;
        y += (k1.1 + 2.0 * (k2.1 + k3.1) + k4.1) * sixth;
        z += (k1.2 + 2.0 * (k2.2 + k3.2) + k4.2) * sixth;
    }
    [x, y, z]
}

/// Defines `parameters`, and `lorenz`, the same as above.
pub const LORENZ: &str = "
def parameters(a):
    return a * 0.01 + jnp.array([10.0, 28.0, 8.0 / 3.0])
def slope(p, u):
    s, r, b = p
    x, y, z = u
    return s * (y - x), x * (r - z) - y, x * y - b * z
def along(u, k, h):
    return tuple(a + h * b for a, b in zip(u, k))
def lorenz(p, n):
    h = 0.01
    p = (p[0], p[1], p[2])
    def step(_, u):
        k1 = slope(p, u)
        k2 = slope(p, along(u, k1, h / 2))
        k3 = slope(p, along(u, k2, h / 2))
        k4 = slope(p, along(u, k3, h))
        return tuple(a + (b + 2 * (c + d) + e) * (h / 6) for a, b, c, d, e in zip(u, k1, k2, k3, k4))
    return lax.fori_loop(0, n, step, (jnp.float64(1), jnp.float64(1), jnp.float64(20)))
";

/// The 1000 states `[1000, 2]` of prey and predators by a scan, from (10, 5), with four parameters near
/// (1.1, 0.4, 0.1, 0.4), from numbers between -2 and 2.
pub fn lotka_volterra(a: &Tensor) -> Tensor {
    let p = a * 0.05 + Tensor::from([1.1, 0.4, 0.1, 0.4]);
    let slope = |u: &Tensor| {
        let (x, y) = (u.at(0), u.at(1));
        let prey = p.at(0) * &x - p.at(1) * &x * &y;
        let predators = p.at(2) * &x * &y - p.at(3) * &y;
        stack(&[&prey, &predators], 0)
    };
    let step = |u: &Tensor, (): &()| {
        let k1 = slope(u);
        let k2 = slope(&(u + &k1 * (STEP / 2.0)));
        let k3 = slope(&(u + &k2 * (STEP / 2.0)));
        let k4 = slope(&(u + &k3 * STEP));
        let next = u + (k1 + (k2 + k3) * 2.0 + k4) * (STEP / 6.0);
        (next.clone(), next)
    };
    let options = ScanOptions::default().length(1000);
    scan_with(options, step, &Tensor::from([10.0, 5.0]), &()).1
}

/// Defines `lotka_volterra`, the same.
pub const LOTKA_VOLTERRA: &str = "
def lotka_volterra(a):
    p = a * 0.05 + jnp.array([1.1, 0.4, 0.1, 0.4])
    h = 0.01
    def slope(u):
        x, y = u[0], u[1]
        return jnp.stack([p[0] * x - p[1] * x * y, p[2] * x * y - p[3] * y])
    def step(u, _):
        k1 = slope(u)
        k2 = slope(u + k1 * (h / 2))
        k3 = slope(u + k2 * (h / 2))
        k4 = slope(u + k3 * h)
        u = u + (k1 + (k2 + k3) * 2 + k4) * (h / 6)
        return u, u
    return lax.scan(step, jnp.array([10.0, 5.0]), None, length=1000)[1]
";

/// The mean cost of a cart with a hanging pole that the forces `controls` push: squared place, angle and force.
/// One Euler step for each force. The equations are those of A. Barto, R. Sutton, C. Anderson: "Neuronlike adaptive
/// elements that can solve difficult learning control problems", 1983, without friction.
pub fn cart_and_pole(controls: &Tensor) -> Tensor {
    let (pole, total, length) = (0.1, 1.1, 0.5);
    let step = |[x, v, angle, spin]: &[Tensor; 4], force: &Tensor| {
        let (sin, cos) = (angle.sin(), angle.cos());
        let push = (force + spin.square() * &sin * (pole * length)) / total;
        let below = (4.0 / 3.0 - cos.square() * (pole / total)) * length;
        let turn = (&sin * 9.8 - &cos * &push) / below;
        let pull = push - &turn * &cos * (pole * length / total);
        let next = [
            x + v * STEP,
            v + pull * STEP,
            angle + spin * STEP,
            spin + turn * STEP,
        ];
        let cost = next[0].square() + (&next[2] - 3.0).square() + force.square() * 0.001;
        (next, cost)
    };
    let start = [0.0, 0.0, 3.0, 0.0].map(Tensor::from);
    scan(step, &start, controls).1.mean()
}

/// Defines `cart_and_pole`, the same.
pub const CART_AND_POLE: &str = "
def cart_and_pole(controls):
    pole, total, length, h = 0.1, 1.1, 0.5, 0.01
    def step(u, force):
        x, v, angle, spin = u
        s, c = jnp.sin(angle), jnp.cos(angle)
        push = (force + pole * length * spin * spin * s) / total
        turn = (9.8 * s - c * push) / (length * (4 / 3 - pole / total * c * c))
        pull = push - pole * length / total * turn * c
        x, v, angle, spin = x + h * v, v + h * pull, angle + h * spin, spin + h * turn
        return (x, v, angle, spin), x * x + (angle - 3.0) ** 2 + 0.001 * force * force
    start = (jnp.float64(0), jnp.float64(0), jnp.float64(3), jnp.float64(0))
    return lax.scan(step, start, controls)[1].mean()
";
