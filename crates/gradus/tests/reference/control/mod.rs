//! Functions written with control flow: `tests/reference/control.py`.

mod branches;
mod loops;
mod scans;

use crate::Case;
use gradus::prelude::*;

/// A function of the vector `x` of 4 numbers.
fn function(name: &str, x: &Tensor) -> Option<Tensor> {
    branches::function(name, x)
        .or_else(|| loops::function(name, x))
        .or_else(|| scans::function(name, x))
}

fn whole(x: &Tensor) -> Tensor {
    x.floor().astype(I64)
}

fn scalar(x: f64) -> Tensor {
    Tensor::from(x)
}

pub fn evaluate(case: &Case) -> Option<Vec<Tensor>> {
    let (kind, name) = case.subject().split_once('/')?;
    let x = &case.inputs;
    function(name, &scalar(0.5).broadcast_to(&[4]))?;
    let f = |x: &Tensor| function(name, x).unwrap();
    let loss = |x: &Tensor, w: &Tensor| (f(x).sin() * w).sum();
    let slope = |r: &Tensor| grad(|r: &Tensor| loss(r, &x[1]))(r);
    // All ways to compute the result must agree: each is one of the outputs that are compared.
    let same = |results: Vec<Tensor>| -> Option<Vec<Tensor>> {
        for other in &results[1..] {
            if let Some(why) = crate::difference(case, std::slice::from_ref(other)) {
                panic!("another way: {why}");
            }
        }
        Some(results[..1].to_vec())
    };
    match kind {
        "value" => same(vec![f(&x[0]), jit(f).call(&x[0]).unwrap()]),
        "jac" => same(vec![
            jacfwd(f)(&x[0]),
            jacrev(f)(&x[0]),
            jit(jacrev(f)).call(&x[0]).unwrap(),
        ]),
        "grad" => same(vec![slope(&x[0]), jit(slope).call(&x[0]).unwrap()]),
        "hess" => same(vec![
            jacfwd(slope)(&x[0]),
            jacrev(slope)(&x[0]),
            hessian(|r: &Tensor| loss(r, &x[1]))(&x[0]),
        ]),
        "vmap" => same(vec![vmap(f)(&x[0]), map(f, &x[0])]),
        "vmap_jvp" => {
            let each = |r: &Tensor| jvp(f, r, &x[1]).1;
            let v = x[1].broadcast_to(&[3, 4]);
            same(vec![
                vmap(each)(&x[0]),
                jvp(vmap(f), &x[0], &v).1,
                map(each, &x[0]),
            ])
        }
        "vmap_grad" => {
            let all = grad(|rows: &Tensor| vmap(|r: &Tensor| loss(r, &x[1]))(rows).sum());
            same(vec![vmap(slope)(&x[0]), all(&x[0]), map(slope, &x[0])])
        }
        "hvp" => {
            let product = |r: &Tensor| jvp(slope, r, &x[2]).1;
            let back = |r: &Tensor| grad(|r: &Tensor| (slope(r) * &x[2]).sum())(r);
            same(vec![vmap(product)(&x[0]), vmap(back)(&x[0])])
        }
        _ => None,
    }
}
