//! Layers, and the multilayer perceptron built from them.

use super::{Activation, Init};
use crate::Tree;
use crate::random::Key;
use crate::tensor::Tensor;
use crate::trace::called;
use gradus_ir::{DType, Error, ErrorKind, Literal, Result};

/// An affine map of rows: `x·W + b`.
#[derive(Clone, Debug, Tree)]
pub struct Linear {
    /// `[inputs, outputs]`
    pub weight: Tensor,
    /// `[outputs]`
    pub bias: Tensor,
}

impl Linear {
    /// A layer with weights drawn from `init` and a zero bias.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Linear::new(&random::key(0), 3, 2, nn::Init::HeNormal, F32);
    /// assert_eq!((layer.weight.shape(), layer.bias.shape()), (&[3, 2][..], &[2][..]));
    /// ```
    ///
    /// # Panics
    /// If `dtype` is not a float type.
    #[doc(alias = "Dense")]
    #[doc(alias = "fully_connected")]
    #[track_caller]
    pub fn new(key: &Key, inputs: usize, outputs: usize, init: Init, dtype: DType) -> Linear {
        Linear {
            weight: init.sample(key, inputs, outputs, dtype),
            bias: Tensor::splat(Literal::from_f64(dtype, 0.0), &[outputs]),
        }
    }

    /// `x·W + b` of shape `[…, outputs]`, for `x` of shape `[…, inputs]`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Linear { weight: Tensor::eye(2, F64), bias: Tensor::from([0.5, 0.0]) };
    /// assert_eq!(layer.forward(&Tensor::from([1.0, 2.0])).to_vec::<f64>()?, [1.5, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the last size of `x` is not the number of inputs.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        called("Linear::forward", || x.matmul(&self.weight) + &self.bias)
    }
}

/// A multilayer perceptron: linear layers with an activation between every two, and none after the last.
#[derive(Clone, Debug, Tree)]
pub struct Mlp {
    /// The layers from input to output.
    pub layers: Vec<Linear>,
    /// Applied to the output of every layer but the last.
    pub activation: Activation,
}

impl Mlp {
    /// A network whose layers have these widths, from the input's to the output's.
    /// The weights use He's initialisation for activations like ReLU, otherwise Glorot's.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let net = nn::Mlp::new(&random::key(0), &[2, 8, 3], nn::Activation::Tanh, F32)?;
    /// assert_eq!(net.layers.len(), 2);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If fewer than two widths are given, one is 0, or `dtype` is not a float type.
    pub fn new(key: &Key, widths: &[usize], activation: Activation, dtype: DType) -> Result<Mlp> {
        if widths.len() < 2 || widths.contains(&0) || dtype.float().is_none() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!(
                    "Mlp::new: widths {widths:?} of {dtype}; at least an input and an output width are needed, each positive, and floats"
                ),
            ));
        }
        let init = match activation {
            Activation::Tanh | Activation::Sigmoid => Init::GlorotUniform,
            _ => Init::HeNormal,
        };
        let keys = key.split_n(widths.len() - 1);
        let layers = widths
            .windows(2)
            .zip(&keys)
            .map(|(w, key)| Linear::new(key, w[0], w[1], init, dtype))
            .collect();
        Ok(Mlp { layers, activation })
    }

    /// The outputs for rows `x` of shape `[…, inputs]`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let net = nn::Mlp::new(&random::key(0), &[2, 8, 3], nn::Activation::Tanh, F32)?;
    /// assert_eq!(net.forward(&Tensor::ones(&[5, 2], F32)).shape(), [5, 3]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the last size of `x` is not the number of inputs.
    #[doc(alias = "apply")]
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        called("Mlp::forward", || {
            let mut h = x.clone();
            for (k, layer) in self.layers.iter().enumerate() {
                if k > 0 {
                    h = self.activation.apply(&h);
                }
                h = layer.forward(&h);
            }
            h
        })
    }

    /// The widths of the layers, from the input's to the output's.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let net = nn::Mlp::new(&random::key(0), &[2, 8, 3], nn::Activation::Tanh, F32)?;
    /// assert_eq!(net.widths(), [2, 8, 3]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self
            .layers
            .first()
            .map(|l| l.weight.shape()[0])
            .into_iter()
            .collect();
        widths.extend(self.layers.iter().map(|l| l.weight.shape()[1]));
        widths
    }
}
