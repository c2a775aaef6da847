//! A derivative by convention: x/(1 + √x), defined for x ≥ 0,
//! has the one-sided slope 1 at 0, where the chain rule meets ∞.
//!
//! JAX, "Custom derivative rules": Enforcing a differentiation convention.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near, assert_prints};

pub fn main() -> Result<()> {
    let plain = |x: &Tensor| x / (x.sqrt() + 1);
    let f = custom_jvp(plain, |x: &Tensor, _, dx: &Tensor| {
        let root = x.sqrt();
        (&root + 2) / (2 * (root + 1).square()) * dx
    });
    let zero = Tensor::from(0f32);
    println!("{} and {}", grad(plain)(&zero), grad(&f)(&zero));
    assert!(grad(plain)(&zero).item::<f32>()?.is_nan());
    assert_prints(&grad(&f)(&zero), 1.0);
    assert_near(
        &grad(&f)(&Tensor::from(2.0)),
        &grad(plain)(&Tensor::from(2.0)),
    );
    assert_composes(&f, &Tensor::from(2.0))
}
