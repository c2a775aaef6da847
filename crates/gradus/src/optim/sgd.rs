//! Stochastic gradient descent: plain, with momentum, and Nesterov's.

use super::{rate_for, zip_leaves};
use crate::tensor::Tensor;
use crate::tree::{Tree, zeros_like};

/// Gradient descent: `θ ← θ - η·g`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Sgd {
    /// The multiple of the parameters that is added to the gradient (L2 regularisation).
    pub weight_decay: f64,
}

impl Sgd {
    /// Sets the multiple of the parameters that is added to the gradient (L2 regularisation); 0 by default.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(optim::Sgd::default().weight_decay(0.1).weight_decay, 0.1);
    /// ```
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Sgd {
        self.weight_decay = decay;
        self
    }

    /// The parameters after a step of size `rate` (a scalar) against `grads`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let next = optim::Sgd::default().update(&Tensor::from([1.0]), &Tensor::from([5.0]), &Tensor::from(0.1));
    /// assert_eq!(next.to_vec::<f64>()?, [0.5]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the structure of the gradients differs from the parameters.
    #[doc(alias = "step")]
    #[track_caller]
    pub fn update<A: Tree>(&self, params: &A, grads: &A, rate: &Tensor) -> A {
        let decay = self.weight_decay;
        zip_leaves("Sgd::update", &[params, grads], 1, &mut |row| {
            let [p, g] = row else {
                unreachable!("two trees")
            };
            let g = decayed(g, p, decay);
            vec![*p - g * rate_for(rate, p)]
        })
        .remove(0)
    }
}

/// Gradient descent with momentum: `v ← μ·v + g`, `θ ← θ - η·v`.
/// Nesterov's variant looks ahead: `θ ← θ - η·(g + μ·v)`.
///
/// I. Sutskever, J. Martens, G. Dahl, G. Hinton:
/// "On the importance of initialization and momentum in deep learning", ICML 2013.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Momentum {
    /// The fraction of the velocity that remains, `μ`.
    pub momentum: f64,
    /// Whether to step by the velocity after the next decay.
    pub nesterov: bool,
    /// The multiple of the parameters that is added to the gradient (L2 regularisation).
    pub weight_decay: f64,
}

impl Default for Momentum {
    fn default() -> Momentum {
        Momentum {
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
        }
    }
}

impl Momentum {
    /// Sets the fraction of the velocity that stays, `μ`; 0.9 by default.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(optim::Momentum::default().momentum(0.8).momentum, 0.8);
    /// ```
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Momentum {
        self.momentum = momentum;
        self
    }

    /// Steps by the velocity after the next decay, as Nesterov does.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert!(optim::Momentum::default().nesterov().nesterov);
    /// ```
    #[must_use]
    pub fn nesterov(mut self) -> Momentum {
        self.nesterov = true;
        self
    }

    /// Sets the multiple of the parameters that is added to the gradient (L2 regularisation); 0 by default.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(optim::Momentum::default().weight_decay(0.1).weight_decay, 0.1);
    /// ```
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Momentum {
        self.weight_decay = decay;
        self
    }

    /// The velocity before the first step: zeros like `params`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let velocity = optim::Momentum::default().start(&Tensor::from([1.0]));
    /// assert_eq!(velocity.to_vec::<f64>()?, [0.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "init")]
    pub fn start<A: Tree>(&self, params: &A) -> A {
        zeros_like(params)
    }

    /// Parameters and velocity after a step of size `rate` (a scalar).
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let (momentum, x, g) = (optim::Momentum::default(), Tensor::from([1.0]), Tensor::from([2.0]));
    /// let (next, velocity) = momentum.update(&x, &g, &momentum.start(&x), &Tensor::from(0.25));
    /// assert_eq!((next.to_vec::<f64>()?, velocity.to_vec::<f64>()?), (vec![0.5], vec![2.0]));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the structure of gradients or velocity differs from the parameters.
    #[doc(alias = "step")]
    #[track_caller]
    pub fn update<A: Tree>(&self, params: &A, grads: &A, velocity: &A, rate: &Tensor) -> (A, A) {
        let Momentum {
            momentum,
            nesterov,
            weight_decay,
        } = *self;
        let mut results = zip_leaves(
            "Momentum::update",
            &[params, grads, velocity],
            2,
            &mut |row| {
                let [p, g, v] = row else {
                    unreachable!("three trees")
                };
                let g = decayed(g, p, weight_decay);
                let v = *v * momentum + &g;
                let direction = if nesterov {
                    g + &v * momentum
                } else {
                    v.clone()
                };
                vec![*p - direction * rate_for(rate, p), v]
            },
        )
        .into_iter();
        match (results.next(), results.next()) {
            (Some(params), Some(velocity)) => (params, velocity),
            _ => unreachable!("two results were asked for"),
        }
    }
}

/// `g + decay·p`
fn decayed(g: &Tensor, p: &Tensor, decay: f64) -> Tensor {
    if decay == 0.0 {
        g.clone()
    } else {
        g + p * decay
    }
}
