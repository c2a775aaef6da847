//! The derivative of log(1 + eˣ) overflows if the chain rule is applied to its parts,
//! but not if it is given as a whole.
//!
//! JAX, "Custom derivative rules": Numerical stability.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_prints};

pub fn main() -> Result<()> {
    let plain = |x: &Tensor| (x.exp() + 1).log();
    let stable = custom_jvp(plain, |x: &Tensor, _, dx: &Tensor| {
        (1 - 1 / (x.exp() + 1)) * dx
    });
    let (three, hundred) = (Tensor::from(3f32), Tensor::from(100f32));
    let at = Tensor::from([0f32, 1.0, 2.0]);
    let agree = |f: &dyn Fn(&Tensor) -> Tensor| -> Result<()> {
        assert_prints(&jit(f).call(&three)?, 3.0485873);
        assert_prints(&jit(grad(f)).call(&three)?, 0.95257413);
        let each = jit(vmap(grad(f))).call(&at)?;
        assert_prints(&each, [0.5, 0.7310586, 0.8807971]);
        Ok(())
    };
    agree(&plain)?;
    agree(&stable)?;

    // 1/(1 + eˣ) · eˣ is 0·∞ for large x.
    let (bad, good) = (grad(plain)(&hundred), grad(&stable)(&hundred));
    println!("{bad} without the rule, {good} with it");
    println!("{}", trace(grad(plain), &hundred)?);
    assert!(bad.item::<f32>()?.is_nan());
    assert_prints(&good, 1.0);
    // `find_nan` names the line, and `softplus` needs no rule.
    println!("{}", find_nan(grad(plain), &hundred)?.expect("a NaN"));
    assert_prints(&grad(Tensor::softplus)(&hundred), 1.0);
    assert_composes(&stable, &Tensor::from(0.7))
}
