//! Parts of neural networks, as trees of tensors and plain functions.
//!
//! ```
//! use gradus::nn::{self, Activation, Mlp};
//! use gradus::prelude::*;
//!
//! let net = Mlp::new(&random::key(0), &[2, 8, 3], Activation::Relu, F32)?;
//! let x = Tensor::from([[0.5f32, -1.0]]);
//! let labels = Tensor::from([2i64]);
//! let (loss, slope) = value_and_grad(|net: &Mlp| {
//!     nn::softmax_cross_entropy(&net.forward(&x), &labels)
//! })(&net);
//! assert!(loss.item::<f32>()? > 0.0);
//! assert_eq!(slope.layers[0].weight.shape(), [2, 8]);
//! # Ok::<(), gradus::Error>(())
//! ```

mod activation;
mod gru;
mod init;
mod layers;
mod loss;

pub use activation::Activation;
pub use gru::Gru;
pub use init::Init;
pub use layers::{Linear, Mlp};
pub use loss::{accuracy, mean_squared_error, softmax_cross_entropy};
