//! Derivatives of programs over few numbers, and of loops over them.

use crate::argument::floats;
use crate::case::{Case, Measured};
use crate::functions::{
    ARM_BY_MATRICES, ROSENBROCK, arm_by_matrices, rosenbrock, rosenbrock_on_numbers,
};
use crate::systems::{
    CART_AND_POLE, LORENZ, LOTKA_VOLTERRA, cart_and_pole, lorenz, lotka_volterra, parameters,
};
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    let mut all = lorenz_by_parameters();
    all.push(lorenz_of_trajectories());
    all.extend([states_by_parameters(), cost_by_controls()]);
    all.extend([arm(), rosenbrock_of_numbers(10), rosenbrock_of_numbers(100)]);
    all
}

/// The last state after 1000 steps.
fn last(p: &Tensor) -> Tensor {
    let [x, y, z] = lorenz(p, 1000);
    stack(&[&x, &y, &z], 0)
}

const LAST: &str = "last = lambda p: jnp.stack(lorenz(p, 1000))\n";

fn lorenz_by_parameters() -> Vec<Case> {
    let case = |what: &str, derivative: fn(&Tensor) -> Tensor, source: &str, most: f64| {
        let name = format!("{what} of Lorenz by 3 parameters, 1000 steps, f64");
        let f = move |a: &Vec<Tensor>| vec![derivative(&parameters(&a[0]))];
        let source = format!("{LORENZ}{LAST}f = lambda a: {source}(parameters(a))");
        Case::new(name, vec![floats(&[3], F64)], f)
            .jax(source, 1.0)
            .at_most(most)
    };
    vec![
        case(
            "grad",
            |p| grad(|p: &Tensor| last(p).sum())(p),
            "jax.grad(lambda p: last(p).sum())",
            120e3,
        ),
        case("jacfwd", |p| jacfwd(last)(p), "jax.jacfwd(last)", 85e3),
        case("jacobian", |p| jacobian(last)(p), "jax.jacfwd(last)", 85e3),
    ]
}

fn lorenz_of_trajectories() -> Case {
    let arguments = || vec![floats(&[256, 3], F64)];
    let f = |a: &Vec<Tensor>| vec![vmap(last)(&parameters(&a[0]))];
    let function = Case::new("Lorenz of 256 trajectories", arguments(), f);
    let f = |a: &Vec<Tensor>| vec![vmap(jacfwd(last))(&parameters(&a[0]))];
    let name = "vmap(jacfwd) of Lorenz, 256 × 1000 steps / vmap";
    let source = "f = lambda a: jax.vmap(jax.jacfwd(last))(parameters(a))";
    Case::new(name, arguments(), f)
        .jax(format!("{LORENZ}{LAST}{source}"), 1.0)
        .beside(function, 4.0)
}

fn states_by_parameters() -> Case {
    let f = |a: &Vec<Tensor>| {
        let states = |p: &Tensor| lotka_volterra(p).reshape(&[2000]);
        vec![jacobian(states)(&a[0])]
    };
    let name = "Jacobian 2000 × 4 of Lotka-Volterra, scan of 1000, f64";
    let source = "f = jax.jacfwd(lambda a: lotka_volterra(a).reshape(2000))";
    Case::new(name, vec![floats(&[4], F64)], f).jax(format!("{LOTKA_VOLTERRA}{source}"), 1.0 / 0.7)
}

fn cost_by_controls() -> Case {
    let f = |a: &Vec<Tensor>| {
        let (cost, slope) = value_and_grad(cart_and_pole)(&a[0]);
        vec![cost, slope]
    };
    let name = "cart and pole, scan of 1000, value and gradient, f64";
    let source = "f = jax.value_and_grad(cart_and_pole)";
    Case::new(name, vec![floats(&[1000], F64)], f)
        .jax(format!("{CART_AND_POLE}{source}"), 1.0 / 0.8)
}

fn arm() -> Case {
    let f = |a: &Vec<Tensor>| vec![jacobian(arm_by_matrices)(&a[0])];
    let name = "call_into of an arm's Jacobian 3 × 6 by matrices, f64";
    Case::new(name, vec![floats(&[6], F64)], f)
        .jax(format!("{ARM_BY_MATRICES}f = jax.jacfwd(arm)"), 1.0)
        .measured(Measured::CallInto)
        .at_most(700.0)
}

/// The gradient of the function written on numbers, beside the gradient of the one written on arrays.
fn rosenbrock_of_numbers(n: usize) -> Case {
    let arguments = || vec![floats(&[n], F64)];
    let f = |a: &Vec<Tensor>| vec![grad(rosenbrock)(&a[0])];
    let on_arrays = Case::new("on arrays", arguments(), f).measured(Measured::CallInto);
    let f = |a: &Vec<Tensor>| vec![grad(rosenbrock_on_numbers)(&a[0])];
    let name = format!("call_into of a gradient of {n}, on numbers / on arrays");
    Case::new(name, arguments(), f)
        .jax(format!("{ROSENBROCK}f = jax.grad(rosenbrock)"), 1.0)
        .measured(Measured::CallInto)
        .beside(on_arrays, 1.2)
}
