//! Loops over few numbers: differential equations, and their derivatives.

use crate::case::{Case, floats};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    vec![lorenz(), lorenz_gradient(), lotka_volterra()]
}

const STEP: f64 = 0.01;

/// The state of the Lorenz system after `steps` steps by the classical method of Runge and Kutta,
/// from (1, 1, 20), on single numbers.
fn lorenz_by_rk4(parameters: &Tensor, steps: usize) -> [Tensor; 3] {
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
fn lorenz_by_hand([s, r, b]: [f64; 3], steps: usize) -> [f64; 3] {
    let slope = |[x, y, z]: [f64; 3]| [s * (y - x), x * (r - z) - y, x * y - b * z];
    let along = |u: [f64; 3], k: [f64; 3], h: f64| [0, 1, 2].map(|i| u[i] + h * k[i]);
    (0..steps).fold([1.0, 1.0, 20.0], |u, _| {
        let k1 = slope(u);
        let k2 = slope(along(u, k1, STEP / 2.0));
        let k3 = slope(along(u, k2, STEP / 2.0));
        let k4 = slope(along(u, k3, STEP));
        [0, 1, 2].map(|i| u[i] + (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i]) * (STEP / 6.0))
    })
}

macro_rules! lorenz_in_python {
    ($rest:literal) => {
        concat!(
            "
def slope(p, u):
    s, r, b = p
    x, y, z = u
    return s * (y - x), x * (r - z) - y, x * y - b * z
def along(u, k, h):
    return tuple(a + h * b for a, b in zip(u, k))
def run(p, n):
    h = 0.01
    p = (p[0], p[1], p[2])
    def step(_, u):
        k1 = slope(p, u)
        k2 = slope(p, along(u, k1, h / 2))
        k3 = slope(p, along(u, k2, h / 2))
        k4 = slope(p, along(u, k3, h))
        return tuple(a + (b + 2 * (c + d) + e) * (h / 6) for a, b, c, d, e in zip(u, k1, k2, k3, k4))
    return lax.fori_loop(0, n, step, (jnp.float64(1), jnp.float64(1), jnp.float64(20)))
",
            $rest
        )
    };
}

/// Parameters near the well-known ones, from the argument's numbers.
fn parameters(a: &[Tensor]) -> Tensor {
    &a[0] * 0.01 + Tensor::from([10.0, 28.0, 8.0 / 3.0])
}

fn lorenz() -> Case {
    let f = |a: &Vec<Tensor>| lorenz_by_rk4(&parameters(a), 300).to_vec();
    let case = Case::new("Lorenz, RK4, 300 steps, f64", vec![floats(&[3], F64)], f);
    let by_hand = || {
        let p = std::hint::black_box([10.0, 28.0, 8.0 / 3.0]);
        std::hint::black_box(lorenz_by_hand(p, 300));
    };
    case.by_hand(by_hand, 1.15).jax(
        lorenz_in_python!("f = lambda a: run(a * 0.01 + jnp.array([10.0, 28.0, 8.0 / 3.0]), 300)"),
        1.0,
    )
}

fn lorenz_gradient() -> Case {
    let f = |a: &Vec<Tensor>| {
        let last = |p: &Tensor| {
            let [x, y, z] = lorenz_by_rk4(p, 300);
            x + y + z
        };
        vec![grad(last)(&parameters(a))]
    };
    let name = "gradient of Lorenz by 3 parameters, 300 steps, f64";
    Case::new(name, vec![floats(&[3], F64)], f).jax(
        lorenz_in_python!(
            "
def whole(p):
    u = run(p, 300)
    return u[0] + u[1] + u[2]
f = lambda a: jax.grad(whole)(a * 0.01 + jnp.array([10.0, 28.0, 8.0 / 3.0]))"
        ),
        1.0,
    )
}

/// The squared distance of all states from zero, by a scan.
fn lotka_volterra() -> Case {
    let f = |a: &Vec<Tensor>| {
        let p = &a[0] * 0.05 + Tensor::from([1.1, 0.4, 0.1, 0.4]);
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
        let (_, all) = scan_with(options, step, &Tensor::from([10.0, 5.0]), &());
        vec![all.square().sum()]
    };
    let case = Case::new(
        "Lotka-Volterra, RK4, scan of 1000, f64",
        vec![floats(&[4], F64)],
        f,
    );
    case.jax(
        "
def f(a):
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
    _, all = lax.scan(step, jnp.array([10.0, 5.0]), None, length=1000)
    return jnp.square(all).sum()",
        1.4,
    )
}
