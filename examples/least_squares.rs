//! Fits a decaying oscillation to measurements by Gauss-Newton steps.
//! The Jacobian of the residuals comes from forward mode, because there are three parameters and many residuals.

use gradus::prelude::*;

/// `a·exp(-b·t)·cos(c·t)`
fn model(p: &Tensor, t: &Tensor) -> Tensor {
    let (a, b, c) = (p.at(0), p.at(1), p.at(2));
    a * (-b * t).exp() * (c * t).cos()
}

fn main() -> Result<()> {
    let truth = Tensor::from([2.0, 0.3, 1.5]);
    let t = Tensor::linspace(0.0, 10.0, 200);
    let noise = random::normal(&random::key(7), &[200], F64) * 0.01;
    let measured = model(&truth, &t) + noise;

    let residuals = |p: &Tensor| model(p, &t) - &measured;
    let jacobian = jacfwd(residuals);
    let mut p = Tensor::from([1.0, 0.1, 1.4]);
    for k in 0..20 {
        let (r, j) = (residuals(&p), jacobian(&p));
        println!(
            "step {k:2}: sum of squares {:.6}",
            r.square().sum().item::<f64>()?
        );
        let step = solve3(&j.t().matmul(&j), &j.t().matmul(&r))?;
        p -= step;
    }
    println!("found {p}, truth {truth}");
    assert!((&p - &truth).abs().max().item::<f64>()? < 0.02);
    Ok(())
}

/// The solution of three linear equations by Cramer's rule.
fn solve3(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a, b) = (a.to_vec::<f64>()?, b.to_vec::<f64>()?);
    let det = |m: &[f64]| {
        m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6])
            + m[2] * (m[3] * m[7] - m[4] * m[6])
    };
    let whole = det(&a);
    let x: Vec<f64> = (0..3)
        .map(|k| {
            let mut m = a.clone();
            for row in 0..3 {
                m[3 * row + k] = b[row];
            }
            det(&m) / whole
        })
        .collect();
    Ok(Tensor::from(x))
}
