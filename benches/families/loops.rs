//! Loops over few numbers: differential equations.

use crate::argument::floats;
use crate::case::Case;
use crate::systems::{LORENZ, LOTKA_VOLTERRA, lorenz, lorenz_by_hand, lotka_volterra, parameters};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    vec![short_lorenz(), short_lorenz_gradient(), squares_of_states()]
}

fn short_lorenz() -> Case {
    let f = |a: &Vec<Tensor>| lorenz(&parameters(&a[0]), 300).to_vec();
    let by_hand = || {
        let p = std::hint::black_box([10.0, 28.0, 8.0 / 3.0]);
        std::hint::black_box(lorenz_by_hand(p, 300));
    };
    Case::new("Lorenz, RK4, 300 steps, f64", vec![floats(&[3], F64)], f)
        .by_hand(by_hand, 1.15)
        .jax(
            format!("{LORENZ}f = lambda a: lorenz(parameters(a), 300)"),
            1.0,
        )
}

fn short_lorenz_gradient() -> Case {
    let f = |a: &Vec<Tensor>| {
        let last = |p: &Tensor| {
            let [x, y, z] = lorenz(p, 300);
            x + y + z
        };
        vec![grad(last)(&parameters(&a[0]))]
    };
    let name = "gradient of Lorenz by 3 parameters, 300 steps, f64";
    let source = "f = lambda a: jax.grad(lambda p: sum(lorenz(p, 300)))(parameters(a))";
    Case::new(name, vec![floats(&[3], F64)], f).jax(format!("{LORENZ}{source}"), 1.0)
}

/// The squared distance of all states from zero, by a scan.
fn squares_of_states() -> Case {
    let f = |a: &Vec<Tensor>| vec![lotka_volterra(&a[0]).square().sum()];
    let name = "Lotka-Volterra, RK4, scan of 1000, f64";
    let source = "f = lambda a: jnp.square(lotka_volterra(a)).sum()";
    Case::new(name, vec![floats(&[4], F64)], f).jax(format!("{LOTKA_VOLTERRA}{source}"), 1.0 / 0.7)
}
