//! Steps of Adam: value, gradients and updates of all parameters.

use crate::argument::{Argument, between, floats, indices};
use crate::case::{Case, Measured};
use gradus::nn::{Activation, Linear, Mlp};
use gradus::optim::{Adam, AdamState};
use gradus::prelude::*;
use gradus::tree::leaves;
use gradus_benches::training::step;

/// A network and its batch.
pub struct Training {
    widths: &'static [usize],
    batch: usize,
}

pub const SMALL: Training = Training {
    widths: &[64, 128, 10],
    batch: 64,
};
pub const LARGE: Training = Training {
    widths: &[784, 512, 512, 10],
    batch: 128,
};

pub fn cases() -> Vec<Case> {
    let timed = |training: Training, bar| {
        let given = training.given();
        (training.case("step of Adam", bar)).measured(Measured::Step(given))
    };
    vec![timed(SMALL, 3.5), timed(LARGE, 1.15), adam()]
}

impl Training {
    /// The number of arrays that are parameters.
    fn parameters(&self) -> usize {
        2 * (self.widths.len() - 1)
    }

    /// The number of arguments that a step gives away: parameters, both moments, the number of the step.
    pub fn given(&self) -> usize {
        3 * self.parameters() + 1
    }

    /// One step.
    pub fn case(&self, what: &str, bar: f64) -> Case {
        let widths: Vec<String> = self.widths.iter().map(usize::to_string).collect();
        let name = format!("{what}, {}, batch {} f32", widths.join("-"), self.batch);
        let n = self.parameters();
        let f = move |a: &Vec<Tensor>| {
            let (net, rest) = a.split_at(n);
            let state = AdamState {
                step: rest[0].clone(),
                mean: network(&rest[1..=n]),
                square: network(&rest[n + 1..=2 * n]),
            };
            let [x, y] = [1, 2].map(|k| rest[2 * n + k].clone());
            let (loss, next) = step(&(network(net), state, x, y));
            let mut results = leaves(&next);
            results.push(loss);
            results
        };
        Case::new(name, self.arguments(), f).jax(STEP, bar)
    }

    /// The parameters, the number of steps, both moments, the rows and their classes.
    fn arguments(&self) -> Vec<Argument> {
        let parameters = |random: bool| {
            let pairs = self.widths.windows(2).map(move |w| {
                let most = if random {
                    (6.0 / w[0] as f64).sqrt()
                } else {
                    0.0
                };
                let weight = between(&[w[0], w[1]], F32, -most, most);
                [weight, between(&[w[1]], F32, 0.0, 0.0)]
            });
            pairs.flatten().collect::<Vec<_>>()
        };
        let mut all = parameters(true);
        all.push(indices(&[], 1));
        all.extend([parameters(false), parameters(false)].concat());
        let classes = self.widths[self.widths.len() - 1];
        all.push(floats(&[self.batch, self.widths[0]], F32));
        all.push(indices(&[self.batch], classes));
        all
    }
}

/// A network of these weights and biases.
fn network(parameters: &[Tensor]) -> Mlp {
    let layers = parameters.chunks(2).map(|pair| Linear {
        weight: pair[0].clone(),
        bias: pair[1].clone(),
    });
    Mlp {
        layers: layers.collect(),
        activation: Activation::Relu,
    }
}

const STEP: &str = "
from train_step_jax import step
def f(*a):
    n = (len(a) - 3) // 3
    pairs = lambda numbers: list(zip(numbers[::2], numbers[1::2]))
    t, x, y = a[n].astype(jnp.float32), a[-2], a[-1].astype(jnp.int32)
    state = pairs(a[:n]), pairs(a[n + 1 : 2 * n + 1]), pairs(a[2 * n + 1 : 3 * n + 1]), t
    value, (params, m, v, _) = step(state, x, y)
    leaves = jax.tree.leaves
    return [*leaves(params), a[n] + 1, *leaves(m), *leaves(v), value]
";

/// The update alone.
fn adam() -> Case {
    const N: [usize; 1] = [1_000_000];
    let arguments = vec![
        floats(&N, F32),
        indices(&[], 1),
        floats(&N, F32),
        between(&N, F32, 0.0, 1.0),
        floats(&N, F32),
    ];
    let f = |a: &Vec<Tensor>| {
        let [weights, step, mean, square, slope] = [0, 1, 2, 3, 4].map(|k| a[k].clone());
        let state = AdamState { step, mean, square };
        leaves(&Adam::default().update(&weights, &slope, &state, &Tensor::from(1e-3)))
    };
    Case::new("Adam's update of 1,000,000 weights, f32", arguments, f)
        .measured(Measured::Step(4))
        .jax(
            "
from train_step_jax import update
def f(w, t, m, v, g):
    w, m, v = update(w, m, v, t.astype(jnp.float32) + 1, g)
    return w, t + 1, m, v",
            1.8,
        )
}
