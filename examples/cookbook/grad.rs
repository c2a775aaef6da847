//! The derivative of a function is a function, which can be differentiated again.
//!
//! JAX, "The Autodiff Cookbook": Starting with `grad`.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_prints};

pub fn main() -> Result<()> {
    let x = Tensor::from(2.0f32);
    let slope = grad(Tensor::tanh);
    let second = grad(grad(Tensor::tanh));
    let third = grad(grad(grad(Tensor::tanh)));
    println!("tanh'(2)   = {}", slope(&x));
    println!("tanh''(2)  = {}", second(&x));
    println!("tanh'''(2) = {}", third(&x));
    assert_prints(&slope(&x), 0.070650816);
    assert_prints(&second(&x), -0.13621868);
    assert_prints(&third(&x), 0.25265405);
    assert_composes(Tensor::tanh, &Tensor::from(2.0))
}
