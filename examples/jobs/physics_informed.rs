//! A physics-informed network: it learns to satisfy `u″ = -π²·sin(πx)` with `u(0) = u(1) = 0`,
//! without seeing the solution `u = sin(πx)`.
//!
//! The loss is the equation's residual, so it has second derivatives by `x`,
//! and its gradient has third derivatives.

use gradus::prelude::*;
use std::f64::consts::PI;

/// `x·(1-x)·net(x)`: one number, zero at both ends for every network.
fn solution(net: &nn::Mlp, x: &Tensor) -> Tensor {
    x * (1 - x) * net.forward(&x.reshape(&[1])).at(0)
}

/// The mean square of the equation's residual at the points `x`.
fn loss(net: &nn::Mlp, x: &Tensor) -> Tensor {
    let curvature = vmap(grad(grad(|x: &Tensor| solution(net, x))));
    let residual = curvature(x) + PI.powi(2) * (PI * x).sin();
    residual.square().mean()
}

fn main() -> Result<()> {
    let mut net = nn::Mlp::new(&random::key(0), &[1, 16, 1], nn::Activation::Tanh, F64)?;
    let points = Tensor::linspace(0.0, 1.0, 32);

    let adam = optim::Adam::default();
    let mut memory = adam.start(&net);
    let schedule = optim::Schedule::Cosine {
        rate: 0.02,
        steps: 1500,
        floor: 0.01,
    };
    let step = jit(|(net, memory): &(nn::Mlp, optim::AdamState<nn::Mlp>)| {
        let (loss, slope) = value_and_grad(|net: &nn::Mlp| loss(net, &points))(net);
        let (net, memory) = adam.update(net, &slope, memory, &schedule.at(&memory.step));
        (net, memory, loss)
    });
    for k in 0..=1500 {
        let loss;
        (net, memory, loss) = step.call_owned((net, memory))?;
        if k % 300 == 0 {
            println!("step {k:4}: residual² {:.2e}", loss.item::<f64>()?);
        }
    }

    let x = Tensor::linspace(0.0, 1.0, 101);
    let found = vmap(|x: &Tensor| solution(&net, x))(&x);
    let error = (found - (PI * x).sin()).abs().max().item::<f64>()?;
    println!("largest error {error:.1e}");
    assert!(error < 1e-3);
    Ok(())
}
