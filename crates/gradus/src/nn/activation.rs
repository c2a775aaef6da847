//! Nonlinearities by name.

use crate::tensor::Tensor;
use crate::tree::{Leaves, Structure, Tree};

/// A function applied to each element between two layers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Activation {
    /// `max(x, 0)`
    #[default]
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
    /// `x·Φ(x)` with the distribution function of the normal distribution.
    Gelu,
    /// `x·sigmoid(x)`
    Silu,
    /// `ln(1 + eˣ)`
    Softplus,
}

impl Activation {
    /// All activations.
    pub const ALL: [Activation; 6] = [
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Gelu,
        Activation::Silu,
        Activation::Softplus,
    ];

    /// The name in options and files.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(nn::Activation::Tanh.name(), "tanh");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Gelu => "gelu",
            Activation::Silu => "silu",
            Activation::Softplus => "softplus",
        }
    }

    /// The activation with the given [`name`](Self::name).
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(nn::Activation::from_name("gelu"), Some(nn::Activation::Gelu));
    /// assert_eq!(nn::Activation::from_name("step"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Activation> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Applies the function to each element of `x`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let y = nn::Activation::Relu.apply(&Tensor::from([-1.0, 2.0]));
    /// assert_eq!(y.to_vec::<f64>()?, [0.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the elements are not floats.
    #[track_caller]
    pub fn apply(self, x: &Tensor) -> Tensor {
        match self {
            Activation::Relu => x.relu(),
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => x.sigmoid(),
            Activation::Gelu => x.gelu(),
            Activation::Silu => x.silu(),
            Activation::Softplus => x.softplus(),
        }
    }
}

/// An activation holds no tensors: the variant belongs to the structure.
impl Tree for Activation {
    fn flatten<'a>(&'a self, _leaves: &mut Vec<&'a Tensor>) {}

    fn unflatten(&self, _leaves: &mut Leaves) -> Activation {
        *self
    }

    fn describe(&self, out: &mut Structure) {
        out.text(self.name());
    }
}
