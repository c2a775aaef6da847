//! Many tangents or cotangents at once by `vmap`, and Jacobians built that way.
//!
//! JAX, "The Autodiff Cookbook": Jacobian-Matrix and Matrix-Jacobian products;
//! The implementation of `jacfwd` and `jacrev`.

use gradus::prelude::*;
use gradus_examples::shared::logistic::{parameters, predict};
use gradus_examples::shared::{assert_composes, assert_near, assert_prints};
use std::f64::consts::PI;

fn by_columns(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    move |x| {
        let basis = Tensor::eye(x.len(), x.dtype());
        let (_, push) = linearize(&f, x);
        vmap(push)(&basis).t()
    }
}

fn by_rows(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    move |x| {
        let (y, pull) = vjp(&f, x);
        vmap(pull)(&Tensor::eye(y.len(), y.dtype()))
    }
}

pub fn main() -> Result<()> {
    let (w, b, _) = parameters();
    let f = |w: &Tensor| predict(w, &b);
    let key = random::key(0);

    // 128 cotangents pulled back: one by one, and all at once.
    let (_, pull) = vjp(f, &w);
    let us = random::normal(&key, &[128, 4], F32);
    let one_by_one: Vec<Tensor> = (0..128).map(|i| pull(&us.at(i))).collect();
    let together = vmap(&pull)(&us);
    assert_near(&together, &stack(&one_by_one.iter().collect::<Vec<_>>(), 0));
    // Values by JAX 0.10.2.
    assert_prints(&together.at(0), [0.31424472, -0.17980519, 0.30623144]);

    // 128 tangents pushed forward.
    let vs = random::normal(&key, &[128, 3], F32);
    let one_by_one: Vec<Tensor> = (0..128).map(|i| jvp(f, &w, &vs.at(i)).1).collect();
    let together = vmap(|v: &Tensor| jvp(f, &w, v).1)(&vs);
    assert_near(&together, &stack(&one_by_one.iter().collect::<Vec<_>>(), 0));
    assert_prints(
        &together.at(0),
        [0.2708435, -0.13274738, 0.36986774, -0.03450222],
    );

    // A basis pushed or pulled is the Jacobian.
    assert_near(&by_columns(f)(&w), &jacfwd(f)(&w));
    assert_near(&by_rows(f)(&w), &jacrev(f)(&w));

    // Even if a function branches on values, its linear part is a program that can be compiled.
    let odd = |x: &Tensor| match x.item::<f32>() {
        Ok(value) if value < 3.0 => 2 * x.powi(3),
        _ => x * PI,
    };
    let (_, pull) = vjp(odd, &Tensor::from(4.0f32));
    let slope = jit(pull).call(&Tensor::from(1.0f32))?;
    println!("{slope}");
    assert_prints(&slope, PI);
    assert_composes(|w: &Tensor| by_rows(f)(w).square().sum(), &w)
}
