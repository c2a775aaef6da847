//! Compares results of a compiled program with the results of the reference engine.

#[path = "../../../../tests/near.rs"]
mod near;

use gradus_cpu::Array;
use gradus_ir::{DType, Graph};
use near::near;
use proptest::prelude::*;

/// The largest difference between two engines on `g`; it depends on whether `g` has numbers of f32.
/// Functions differ in the last place, and each engine splits sums differently.
pub fn tolerance(g: &Graph) -> f64 {
    match g.ids().any(|id| g.ty(id).dtype == DType::F32) {
        true => 2e-3,
        false => 1e-11,
    }
}

pub fn numbers(a: &Array) -> Vec<f64> {
    (0..a.ty().elements()).map(|i| a.get(i).as_f64()).collect()
}

/// The results of the reference engine.
pub fn by_definition(g: &Graph, inputs: &[Array]) -> Vec<Array> {
    gradus_reference::evaluate(g, inputs).unwrap_or_else(|e| panic!("{e} in\n{g}"))
}

/// Checks that the results of a compiled program are right for `g`.
pub fn agree(
    what: &str,
    g: &Graph,
    got: &[Array],
    wanted: &[Array],
    tolerance: f64,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(got.len(), wanted.len());
    for (k, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        prop_assert_eq!(got.ty(), wanted.ty());
        for (i, (a, b)) in numbers(got).into_iter().zip(numbers(wanted)).enumerate() {
            let right = a.is_nan() && b.is_nan() || near(a, b, tolerance);
            prop_assert!(
                right,
                "{what}: output {k}, element {i}: {a} instead of {b} in\n{g}"
            );
        }
    }
    Ok(())
}
