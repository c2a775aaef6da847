//! Jacobians accumulated before they are needed.
//! If a function has a narrow point, its Jacobian is cheapest as a product of two factors.
//! Many products with the Jacobian are cheapest once it is accumulated.
//!
//! JAX, "The Autodiff Cookbook": More advanced autodiff (optimizing VJPs with Jacobian pre-accumulation).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

pub fn main() -> Result<()> {
    let widths = [200, 40, 4, 40, 200];
    let layers: Vec<Tensor> = (0..4)
        .map(|i| {
            let key = random::key(i as u64);
            random::normal(&key, &[widths[i + 1], widths[i]], F64) * 0.1
        })
        .collect();
    let f = |x: &Tensor| layers.iter().fold(x.clone(), |x, w| w.matmul(&x).tanh());
    let x = random::normal(&random::key(9), &[200], F64);

    // The planner cuts the function where it is four numbers wide:
    // reverse mode before the cut, forward mode after it, one product.
    let plan = plan_jacobian(f, &x, &PlanOptions::default())?;
    println!("{}", plan.explain());
    assert!(plan.explain().contains("chosen: mixed"));
    let j = plan.evaluate(&x)?;
    assert_near(&j, &jacrev(f)(&x));

    // The two factors, accumulated: every later product with the
    // Jacobian takes 2·200·4 multiplications and does not run f again.
    let narrow = |x: &Tensor| {
        layers[..2]
            .iter()
            .fold(x.clone(), |x, w| w.matmul(&x).tanh())
    };
    let wide = |z: &Tensor| {
        layers[2..]
            .iter()
            .fold(z.clone(), |x, w| w.matmul(&x).tanh())
    };
    let (before, behind) = (jacrev(narrow)(&x), jacfwd(wide)(&narrow(&x)));
    let (_, pull) = vjp(f, &x);
    for seed in 20..25 {
        let u = random::normal(&random::key(seed), &[200], F64);
        assert_near(&u.matmul(&behind).matmul(&before), &pull(&u));
    }
    assert_composes(|x: &Tensor| f(x).square().sum(), &x)
}
