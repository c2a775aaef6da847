//! A small network that learns exclusive or.
//! The step with its gradient and Adam's update is compiled once and then reuses its memory.

use gradus::nn::{Activation, Mlp, softmax_cross_entropy};
use gradus::optim::{Adam, AdamState};
use gradus::prelude::*;

fn main() -> Result<()> {
    let x = Tensor::from([[0.0f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    let y = Tensor::from([0i64, 1, 1, 0]);
    let adam = Adam::default();

    let step = jit(|(net, state): &(Mlp, AdamState<Mlp>)| {
        let loss = |net: &Mlp| softmax_cross_entropy(&net.forward(&x), &y);
        let (loss, slope) = value_and_grad(loss)(net);
        (loss, adam.update(net, &slope, state, &Tensor::from(0.02)))
    });

    let net = Mlp::new(&random::key(1), &[2, 8, 2], Activation::Tanh, F32)?;
    let mut at = (net.clone(), adam.start(&net));
    for k in 0..=400 {
        let (loss, next) = step.call_owned(at)?;
        at = next;
        if k % 100 == 0 {
            println!("step {k:3}: loss {:.5}", loss.item::<f32>()?);
        }
    }
    let guess = at.0.forward(&x).argmax_axis(-1);
    println!("guesses {guess}, wanted {y}");
    assert_eq!(guess.to_vec::<i64>()?, y.to_vec::<i64>()?);
    Ok(())
}
