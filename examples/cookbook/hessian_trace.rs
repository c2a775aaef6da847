//! The trace of a Hessian estimated by random products: the mean of `vᵀ·H·v` over vectors of random signs.
//!
//! M. F. Hutchinson, "A stochastic estimator of the trace of the influence matrix",
//! Communications in Statistics 18, 1989.
//!
//! JAX, "The Autodiff Cookbook": More advanced autodiff (estimating
//! the trace of a Hessian using random Hessian-vector products).

use gradus::prelude::*;
use gradus_examples::shared::assert_composes;

fn f(x: &Tensor) -> Tensor {
    let (next, this) = (x.slice_axis(0, 1..), x.slice_axis(0, ..-1));
    ((next - this.square()).square() + (this * 0.5).cos()).sum()
}

pub fn main() -> Result<()> {
    let n = 4000;
    let x = random::normal(&random::key(1), &[50], F64);
    let heads = random::bernoulli(&random::key(2), &[n, 50], 0.5);
    let signs = heads.where_(1.0, -1.0);
    // All products in one compiled program.
    let samples = jit(vmap(|v: &Tensor| v.dot(&hvp(f)(&x, v)))).call(&signs)?;

    let estimate = samples.mean().item::<f64>()?;
    let spread = (&samples - estimate).square().mean().item::<f64>()?.sqrt();
    let error = spread / (n as f64).sqrt();
    let exact = hessian(f)(&x).trace().item::<f64>()?;
    println!("estimated {estimate:.2} ± {error:.2}, exact {exact:.2}");
    assert!((estimate - exact).abs() < 4.0 * error);
    assert!(error < 0.01 * exact.abs());
    assert_composes(f, &x)
}
