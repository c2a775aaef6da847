//! Inspects a value and its cotangent in the backward pass.
//! A breakpoint can be set in the closure that receives them.
//!
//! JAX, "Custom derivative rules": Python debugging.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes_in_reverse, assert_prints};
use std::sync::{Arc, Mutex};

pub fn main() -> Result<()> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |t: &Tensor| {
        let seen = seen.clone();
        t.inspect(move |t| seen.lock().expect("no thread panicked").push(t.clone()))
    };
    // The identity. Its backward pass receives the value and its cotangent.
    let debug = custom_vjp(
        |x: &Tensor| x.clone(),
        |x: &Tensor| (x.clone(), x.clone()),
        |x: &Tensor, g: &Tensor| {
            note(x);
            note(g)
        },
    );
    let f = |x: &Tensor| debug(&x.square()).sin();
    let slope = grad(f)(&Tensor::from(3f32));
    {
        let seen = seen.lock().expect("no thread panicked");
        println!("x = {}, g = {}, slope {slope}", seen[0], seen[1]);
        assert_eq!(seen.len(), 2);
        assert_prints(&seen[0], 9.0);
        assert_prints(&seen[1], -0.91113025);
    }
    assert_prints(&slope, 6.0 * 9f64.cos());
    assert_composes_in_reverse(f, &Tensor::from(0.7))
}
