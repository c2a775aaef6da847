//! A step of Adam on a multilayer perceptron, for the benchmarks that train.

use gradus::nn::{Mlp, softmax_cross_entropy};
use gradus::optim::{Adam, AdamState};
use gradus::prelude::*;

/// What a step changes: the network, and the optimiser's state.
pub type State = (Mlp, AdamState<Mlp>);
/// The state, rows `[batch, inputs]`, and their classes `[batch]`.
pub type Arguments = (Mlp, AdamState<Mlp>, Tensor, Tensor);

/// The mean cross-entropy, and the state after a step of size 0.001 along its gradient.
pub fn step((net, state, x, y): &Arguments) -> (Tensor, State) {
    let (loss, grads) = value_and_grad(|net: &Mlp| softmax_cross_entropy(&net.forward(x), y))(net);
    let next = Adam::default().update(net, &grads, state, &Tensor::from(1e-3));
    (loss, next)
}
