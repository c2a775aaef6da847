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
//!
//! # Weights in f32, arithmetic in bf16
//!
//! Weights of [`BF16`](crate::DType::BF16) and the values computed with them take half the memory of f32.
//! A weight of 8 binary digits does not change by a small step, so the optimiser updates weights of f32,
//! and the loss takes a copy in bf16. The cast is differentiated too: its gradients have the type f32 again.
//!
//! ```
//! use gradus::nn::{self, Activation, Mlp};
//! use gradus::prelude::*;
//! use gradus::tree;
//!
//! let net = Mlp::new(&random::key(0), &[2, 16, 1], Activation::Tanh, F32)?;
//! let x = random::normal(&random::key(1), &[64, 2], F32);
//! let y = x.sum_axis_keep(-1).tanh();
//! let loss = |net: &Mlp| {
//!     let net = tree::map(net, |weight| weight.astype(BF16));
//!     let scores = net.forward(&x.astype(BF16));
//!     nn::mean_squared_error(&scores.astype(F32), &y)
//! };
//! let adam = optim::Adam::default();
//! let step = jit(|(net, state): &(Mlp, optim::AdamState<Mlp>)| {
//!     let (loss, slope) = value_and_grad(loss)(net);
//!     (adam.update(net, &slope, state, &Tensor::from(0.02_f32)), loss)
//! });
//! let mut at = (net.clone(), adam.start(&net));
//! let mut losses = Vec::new();
//! for _ in 0..100 {
//!     let (next, loss) = step.call(&at)?;
//!     losses.push(loss.item::<f32>()?);
//!     at = next;
//! }
//! assert_eq!(at.0.layers[0].weight.dtype(), F32);
//! assert!(losses[99] < 0.1 * losses[0]);
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
