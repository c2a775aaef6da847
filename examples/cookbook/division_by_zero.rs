//! A division by zero makes a NaN of the gradient even if its result is not used:
//! the backward pass multiplies 0 by ∞.
//! The divisor must be made harmless before the division, not the result after it.
//!
//! PyTorch, "Autograd mechanics": Division by Zero in Autograd.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_prints};

pub fn main() -> Result<()> {
    let x = Tensor::from([1.0, 1.0]);
    let divisor = Tensor::from([0.0, 1.0]);
    let good = divisor.not_equal(0.0);

    let masked_after = |x: &Tensor| good.where_(x / &divisor, 0).sum();
    let slope = grad(masked_after)(&x);
    println!("masked after the division:  {slope}");
    assert_prints(&masked_after(&x), 1.0);
    assert!(slope.at(0).item::<f64>()?.is_nan());
    assert_prints(&slope.at(1), 1.0);
    // `find_nan` names the line and the operation.
    if let Some(report) = find_nan(grad(masked_after), &x)? {
        println!("{report}");
    }

    let safe = good.where_(&divisor, 1);
    let masked_before = |x: &Tensor| good.where_(x / &safe, 0).sum();
    let slope = grad(masked_before)(&x);
    println!("masked before the division: {slope}");
    assert_prints(&slope, [0.0, 1.0]);
    assert_composes(masked_before, &x)
}
