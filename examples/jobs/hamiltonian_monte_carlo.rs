//! Hamiltonian Monte Carlo: 64 chains sample the posterior of a linear regression.
//! Its mean and variance are known in closed form.

use gradus::prelude::*;

/// The negative logarithm of the posterior of two weights: prior of variance 1, noise of variance 0.25.
fn energy(w: &Tensor, (x, y): &(Tensor, Tensor)) -> Tensor {
    let residual = x.matmul(w) - y;
    2 * residual.square().sum() + 0.5 * w.square().sum()
}

/// One step of a chain: a path of ten leapfrog steps, accepted or rejected.
fn sample(w: &Tensor, key: &random::Key, energy: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let [kick, choice] = key.split();
    let h = 0.05;
    let slope = grad(&energy);
    let start = random::normal(&kick, &[2], F64);
    let leap = |_: &Tensor, (w, p): &(Tensor, Tensor)| {
        let p = p - h / 2.0 * slope(w);
        let w = w + h * &p;
        let p = p - h / 2.0 * slope(&w);
        (w, p)
    };
    let (next, p) = fori_loop(0..10, leap, &(w.clone(), start.clone()));
    let total = |w: &Tensor, p: &Tensor| energy(w) + 0.5 * p.square().sum();
    let chance = (total(w, &start) - total(&next, &p)).exp();
    where_(&random::uniform(&choice, &[], F64).less(chance), next, w)
}

fn main() -> Result<()> {
    let (chains, steps) = (64, 300);
    let x = random::normal(&random::key(0), &[20, 2], F64);
    let data = (x.clone(), x.matmul(&Tensor::from([1.0, -0.5])));

    let chain = |number: &Tensor| {
        let key = random::key(1).fold_in_tensor(number);
        let step = |w: &Tensor, k: &Tensor| {
            let w = sample(w, &key.fold_in_tensor(k), |w| energy(w, &data));
            (w.clone(), w)
        };
        scan(
            step,
            &Tensor::zeros(&[2], F64),
            &Tensor::arange(0, steps, 1),
        )
        .1
    };
    let samples = jit(vmap(chain)).call(&Tensor::arange(0, chains, 1))?;
    let samples = samples.slice_axis(1, 50..).reshape(&[-1, 2]);

    // By completing the square: the inverse covariance is the Hessian of the energy, a 2×2 matrix.
    let h = hessian(|w: &Tensor| energy(w, &data))(&Tensor::zeros(&[2], F64));
    let [a, b, d] = [h.at(0).at(0), h.at(0).at(1), h.at(1).at(1)];
    let det = &a * &d - b.square();
    let variance = stack(&[&(&d / &det), &(&a / &det)], 0);
    let side = 4 * data.0.t().matmul(&data.1);
    let inverse = stack(&[&stack(&[&d, &-&b], 0), &stack(&[&-&b, &a], 0)], 0) / det;
    let mean = inverse.matmul(&side);

    println!(
        "mean     {} by samples, {mean} in truth",
        samples.mean_axis(0)
    );
    println!(
        "variance {} by samples, {variance} in truth",
        samples.var_axis(0)
    );
    assert!((samples.mean_axis(0) - mean).abs().max().item::<f64>()? < 0.01);
    assert!(
        (samples.var_axis(0) / variance - 1)
            .abs()
            .max()
            .item::<f64>()?
            < 0.1
    );
    Ok(())
}
