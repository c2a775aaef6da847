//! One training step, as a function of its state alone.

use super::settings::Settings;
use crate::network::Network;
use crate::options::OptimizerName;
use gradus::nn::softmax_cross_entropy;
use gradus::optim::{Adam, AdamState, Momentum, Schedule, Sgd, clip_by_norm};
use gradus::prelude::*;
use gradus::random::{self, Key};

/// Everything that changes from step to step.
#[derive(Clone, Tree)]
pub struct State {
    pub net: Network,
    pub memory: Memory,
    /// Number of completed steps, i64.
    pub step: Tensor,
}

/// The optimiser's state.
#[derive(Clone, Tree)]
pub enum Memory {
    Nothing,
    Velocity(Network),
    Adam(AdamState<Network>),
}

impl State {
    /// The state before the first step.
    pub fn new(net: Network, optimizer: OptimizerName) -> State {
        let memory = match optimizer {
            OptimizerName::Sgd => Memory::Nothing,
            OptimizerName::Momentum | OptimizerName::Nesterov => {
                Memory::Velocity(Momentum::default().start(&net))
            }
            OptimizerName::Adam | OptimizerName::Adamw => Memory::Adam(Adam::default().start(&net)),
        };
        State {
            net,
            memory,
            step: Tensor::from(0i64),
        }
    }
}

/// The measurements of a step: the mean loss of its images,
/// and how many of them the network classified correctly before it.
pub type Measured = (Tensor, Tensor);

/// Computes the state after a step from the state before it and the images that `chosen` names.
pub struct Stepper {
    /// `[n, rows + 2·shift, columns + 2·shift]`: the margin leaves room to move the images.
    pub images: Tensor,
    pub labels: Tensor,
    pub schedule: Schedule,
    pub settings: Settings,
    pub shift_key: Key,
}

impl Stepper {
    pub fn step(&self, state: &State, chosen: &Tensor) -> (State, Measured) {
        let (x, y) = self.images_of(state, chosen);
        let ((loss, logits), mut grads) = value_and_grad_aux(|net: &Network| {
            let logits = net.scores(&x);
            (softmax_cross_entropy(&logits, &y), logits)
        })(&state.net);
        if let Some(limit) = self.settings.clip {
            grads = clip_by_norm(&grads, limit).0;
        }
        let rate = self.schedule.at(&state.step);
        let (net, memory) = self.update(state, &grads, &rate);
        let step = &state.step + 1;
        let right = logits.argmax_axis(-1).equal(&y).astype(I64).sum();
        (State { net, memory, step }, (loss, right))
    }

    /// The chosen images as this step sees them, and their labels.
    pub fn images_of(&self, state: &State, chosen: &Tensor) -> (Tensor, Tensor) {
        (self.batch(state, chosen), self.labels.take(chosen, 0))
    }

    /// The chosen images, each moved by a few pixels if the settings ask for that.
    fn batch(&self, state: &State, chosen: &Tensor) -> Tensor {
        let images = self.images.take(chosen, 0);
        let n = chosen.len();
        let shift = self.settings.shift;
        let (rows, columns) = (images.shape()[1] - 2 * shift, images.shape()[2] - 2 * shift);
        if shift == 0 {
            return images;
        }
        let key = self.shift_key.fold_in_tensor(&state.step);
        let places = random::uniform(&key, &[n, 2], F32) * (2 * shift + 1) as f64;
        let cut = |(image, at): &(Tensor, Tensor)| image.dynamic_slice(at, &[rows, columns]);
        vmap(cut)(&(images, places.floor().astype(I64)))
    }

    fn update(&self, state: &State, grads: &Network, rate: &Tensor) -> (Network, Memory) {
        let weight_decay = self.settings.weight_decay;
        match &state.memory {
            Memory::Nothing => {
                let net = Sgd::default()
                    .weight_decay(weight_decay)
                    .update(&state.net, grads, rate);
                (net, Memory::Nothing)
            }
            Memory::Velocity(velocity) => {
                let options = Momentum::default().weight_decay(weight_decay);
                let options = match self.settings.optimizer {
                    OptimizerName::Nesterov => options.nesterov(),
                    _ => options,
                };
                let (net, velocity) = options.update(&state.net, grads, velocity, rate);
                (net, Memory::Velocity(velocity))
            }
            Memory::Adam(adam) => {
                let options = Adam::default().weight_decay(weight_decay);
                let (net, adam) = options.update(&state.net, grads, adam, rate);
                (net, Memory::Adam(adam))
            }
        }
    }
}
