//! Initial weights.

use crate::random::{self, Key};
use crate::tensor::Tensor;
use gradus_ir::{DType, Literal};

/// A distribution for the weights of a layer with `n` inputs and `m` outputs.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[non_exhaustive]
pub enum Init {
    /// Zeros.
    Zeros,
    /// Normal with variance `2/n`, for layers before a ReLU.
    /// K. He, X. Zhang, S. Ren, J. Sun: "Delving deep into rectifiers", ICCV 2015.
    #[default]
    HeNormal,
    /// Normal with variance `2/(n+m)`.
    /// X. Glorot, Y. Bengio: "Understanding the difficulty of training deep
    /// feedforward neural networks", AISTATS 2010.
    GlorotNormal,
    /// Uniform with variance `2/(n+m)`, from the same paper.
    GlorotUniform,
    /// Normal with variance `1/n`. Y. LeCun, L. Bottou, G. Orr, K.-R. Müller: "Efficient BackProp", 1998.
    LecunNormal,
}

impl Init {
    /// Draws weights of shape `[n, m]`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let w = nn::Init::LecunNormal.sample(&random::key(0), 400, 100, F64);
    /// assert!((w.std().item::<f64>()? - 1.0 / 20.0).abs() < 1e-3);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `dtype` is not a float type.
    #[track_caller]
    pub fn sample(self, key: &Key, n: usize, m: usize, dtype: DType) -> Tensor {
        let shape = [n, m];
        let (inputs, both) = (n.max(1) as f64, (n + m).max(1) as f64);
        let normal = |variance: f64| random::normal(key, &shape, dtype) * variance.sqrt();
        match self {
            Init::Zeros => Tensor::splat(Literal::from_f64(dtype, 0.0), &shape),
            Init::HeNormal => normal(2.0 / inputs),
            Init::GlorotNormal => normal(2.0 / both),
            Init::LecunNormal => normal(1.0 / inputs),
            Init::GlorotUniform => {
                let bound = (6.0 / both).sqrt();
                random::uniform_in(key, &shape, dtype, -bound, bound)
            }
        }
    }
}
