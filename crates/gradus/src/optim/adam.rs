//! Adam and AdamW.

use super::{rate_for, zip_leaves};
use crate::tensor::Tensor;
use crate::tree::{Tree, zeros_like};
use gradus_ir::{DType, FloatType, Literal};

/// Adam: steps scaled by running means of the gradient and of its square.
///
/// `m ← β₁m + (1-β₁)g`, `v ← β₂v + (1-β₂)g²`, `θ ← θ - η·(m/(1-β₁ᵗ)) / (√(v/(1-β₂ᵗ)) + ε)`.
/// D. Kingma, J. Ba: "Adam: a method for stochastic optimization", ICLR 2015.
/// With `weight_decay` it is AdamW: `θ` also shrinks by `η·λ·θ`.
/// I. Loshchilov, F. Hutter: "Decoupled weight decay regularization", ICLR 2019.
/// regularization", ICLR 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Adam {
    /// Decay of the mean of gradients, `β₁`.
    pub beta1: f64,
    /// Decay of the mean of squares, `β₂`.
    pub beta2: f64,
    /// Keeps the quotient finite, `ε`.
    pub epsilon: f64,
    /// Decoupled weight decay `λ`; 0 is plain Adam.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Adam {
        Adam {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl Adam {
    /// Sets the decay of the mean of gradients, `β₁`; 0.9 by default.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(optim::Adam::default().beta1(0.5).beta1, 0.5);
    /// ```
    #[must_use]
    pub fn beta1(mut self, beta1: f64) -> Adam {
        self.beta1 = beta1;
        self
    }

    /// Sets the decay of the mean of squares, `β₂`; 0.999 by default.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(optim::Adam::default().beta2(0.99).beta2, 0.99);
    /// ```
    #[must_use]
    pub fn beta2(mut self, beta2: f64) -> Adam {
        self.beta2 = beta2;
        self
    }

    /// Sets the number that keeps the quotient finite, `ε`; 1e-8 by default.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(optim::Adam::default().epsilon(1e-6).epsilon, 1e-6);
    /// ```
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Adam {
        self.epsilon = epsilon;
        self
    }

    /// Sets the decoupled weight decay `λ`; 0, which is plain Adam, by default.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(optim::Adam::default().weight_decay(0.01).weight_decay, 0.01);
    /// ```
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Adam {
        self.weight_decay = decay;
        self
    }
}

/// The state of Adam between steps.
#[derive(Clone, Debug, crate::Tree)]
pub struct AdamState<A> {
    /// The number of steps done, i64.
    pub step: Tensor,
    /// Running means of the gradients.
    pub mean: A,
    /// Running means of the squared gradients.
    pub square: A,
}

impl Adam {
    /// The state before the first step.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let state = optim::Adam::default().start(&Tensor::from([1.0, 2.0]));
    /// assert_eq!((state.step.item::<i64>()?, state.mean.shape()), (0, &[2][..]));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "init")]
    pub fn start<A: Tree>(&self, params: &A) -> AdamState<A> {
        AdamState {
            step: Tensor::from(0i64),
            mean: zeros_like(params),
            square: zeros_like(params),
        }
    }

    /// Parameters and state after a step of size `rate` (a scalar).
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let (adam, x) = (optim::Adam::default(), Tensor::from([1.0]));
    /// let (next, state) = adam.update(&x, &Tensor::from([5.0]), &adam.start(&x), &Tensor::from(0.1));
    /// assert!((next.at(0).item::<f64>()? - 0.9).abs() < 1e-8); // the first step has the size of the rate
    /// assert_eq!(state.step.item::<i64>()?, 1);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the structure of gradients or state differs from the parameters.
    #[doc(alias = "apply_updates")]
    #[doc(alias = "step")]
    #[track_caller]
    pub fn update<A: Tree>(
        &self,
        params: &A,
        grads: &A,
        state: &AdamState<A>,
        rate: &Tensor,
    ) -> (A, AdamState<A>) {
        let step = &state.step + 1;
        let t = step.astype(DType::F64);
        // 1 - βᵗ as -expm1(t·ln β), which keeps its digits for β near 1.
        let first = -(&t * self.beta1.ln()).expm1();
        let second = -(&t * self.beta2.ln()).expm1();
        let rate = rate.astype(DType::F64);
        let size = &rate / &first;
        let root = second.sqrt();
        let shrink = &rate * self.weight_decay;
        let Adam {
            beta1,
            beta2,
            epsilon,
            weight_decay,
        } = *self;
        let mut results = zip_leaves(
            "Adam::update",
            &[params, grads, &state.mean, &state.square],
            3,
            &mut |row| {
                let [p, g, m, v] = row else {
                    unreachable!("four trees")
                };
                let m = *m * beta1 + *g * (1.0 - beta1);
                let v = *v * beta2 + g.square() * (1.0 - beta2);
                // The value is at least the smallest normal number, which is negligible beside ε.
                // The root's slope at 0 is infinite, and would make NaN of derivatives for a gradient of 0.
                let scale = v.maximum(least_normal(p)).sqrt() / rate_for(&root, p) + epsilon;
                let mut next = *p - rate_for(&size, p) * &m / scale;
                if weight_decay != 0.0 {
                    next -= *p * rate_for(&shrink, p);
                }
                vec![next, m, v]
            },
        )
        .into_iter();
        match (results.next(), results.next(), results.next()) {
            (Some(params), Some(mean), Some(square)) => (params, AdamState { step, mean, square }),
            _ => unreachable!("three results were asked for"),
        }
    }
}

/// The smallest normal number of the element type; 0 for integers.
fn least_normal(like: &Tensor) -> Tensor {
    let least = like.dtype().float().map_or(0.0, FloatType::least_normal);
    Tensor::splat(Literal::from_f64(like.dtype(), least), &[])
}
