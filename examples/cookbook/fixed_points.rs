//! The derivative of a fixed point follows from the equation that it solves, and not from the steps that found it.
//!
//! JAX, "Custom derivative rules": Implicit function differentiation of iterative implementations.
//! "The Autodiff Cookbook": More advanced autodiff (efficient derivatives at fixed points).

use gradus::prelude::*;
use gradus::solve::{FixedPoint, fixed_point};
use gradus_examples::shared::{assert_composes, assert_near, assert_prints};
use std::f64::consts::SQRT_2;

/// Newton's square root, with addition, multiplication and division alone.
fn root(a: &Tensor) -> Tensor {
    fixed_point(|x: &Tensor| (x + a / x) * 0.5, a, FixedPoint::default())
}

/// The same with a custom rule: it keeps the solution, and its backward pass solves another fixed point.
fn root_by_rule(a: &Tensor) -> Tensor {
    let update = |a: &Tensor, x: &Tensor| 0.5 * (x + a / x);
    let solve = move |a: &Tensor| iterate(|x| update(a, x), a);
    let rule = custom_vjp(
        solve,
        move |a: &Tensor| {
            let x = solve(a);
            (x.clone(), (a.clone(), x))
        },
        move |(a, x): &(Tensor, Tensor), g: &Tensor| {
            let (_, back_to_x) = vjp(|x: &Tensor| update(a, x), x);
            let (_, back_to_a) = vjp(|a: &Tensor| update(a, x), a);
            back_to_a(&iterate(|u| g + back_to_x(u), g))
        },
    );
    rule(a)
}

/// Repeats `f` until its result changes little.
fn iterate(f: impl Fn(&Tensor) -> Tensor, init: &Tensor) -> Tensor {
    let moves = |(x, y): &(Tensor, Tensor)| (x - y).abs().greater(1e-6);
    let step = |(_, y): &(Tensor, Tensor)| (y.clone(), f(y));
    while_loop(moves, step, &(init.clone(), f(init))).1
}

pub fn main() -> Result<()> {
    let two = Tensor::from(2f32);
    for f in [root, root_by_rule, Tensor::sqrt] {
        let (slope, second) = (grad(f)(&two), grad(grad(f))(&two));
        println!("{} {slope} {second}", f(&two));
        assert_prints(&f(&two), SQRT_2);
        assert_prints(&slope, 0.35355335);
        assert_prints(&second, -0.088388346);
    }
    let at = Tensor::from([1f32, 2.0, 3.0, 4.0]);
    let roots = jit(vmap(root)).call(&at)?;
    assert_prints(&roots, [1.0, SQRT_2, 1.7320508, 2.0]);

    // Parameters can come from anywhere. Here the closure captures them, which JAX's custom rule does not allow.
    let slopes = jit(vmap(grad(root))).call(&at)?;
    assert_near(&slopes, &(0.5 / at.sqrt()));
    // A loop of unknown length has a derivative even without a rule. It is the same number, but needs more memory.
    let unrolled = |a: &Tensor| iterate(|x| 0.5 * (x + a / x), a);
    assert_near(&grad(unrolled)(&two), &Tensor::from(0.35355335f32));
    assert_composes(root, &Tensor::from(2.0))
}
