//! A recurrent layer.

use super::{Init, Linear};
use crate::Tree;
use crate::control::{ScanOptions, scan_with};
use crate::random::Key;
use crate::tensor::{Tensor, concatenate};
use crate::trace;
use gradus_ir::{DType, Error, ErrorKind, Literal, Result, Type};

/// A gated recurrent unit: each item of a sequence changes the state, and gates control how much.
///
/// With the item `x`, the state `h`, the logistic function `σ` and the elementwise product `⊙`:
///
/// ```text
/// r  = σ(x·Wᵣ + aᵣ + h·Uᵣ + bᵣ)            reset: how much of the state the candidate sees
/// z  = σ(x·W_z + a_z + h·U_z + b_z)        update: how much of the state stays
/// n  = tanh(x·Wₙ + aₙ + r ⊙ (h·Uₙ + bₙ))   candidate
/// h′ = (1 − z) ⊙ n + z ⊙ h
/// ```
///
/// The source is K. Cho et al.: "Learning phrase representations using RNN encoder-decoder for statistical machine
/// translation", EMNLP 2014, in the variant of cuDNN, PyTorch (`torch.nn.GRU`) and Keras (`reset_after=True`).
/// The paper has `(r ⊙ h)·Uₙ` as the second part of the candidate, which needs `r` before the product.
/// In this variant one product with the state serves all three parts.
/// PyTorch's `weight_ih_l0` and `weight_hh_l0` are the transposes of `input.weight` and `state.weight`,
/// with the same order of parts; in Keras the update comes before the reset.
///
/// ```
/// use gradus::nn::{Gru, Init};
/// use gradus::prelude::*;
///
/// let layer = Gru::new(&random::key(0), 3, 5, Init::GlorotUniform, F32);
/// let x = Tensor::ones(&[2, 7, 3], F32); // two sequences of seven items
/// let (last, states) = layer.forward(&x, &layer.start(&[2]));
/// assert_eq!((last.shape(), states.shape()), (&[2, 5][..], &[2, 7, 5][..]));
/// let slope = grad(|layer: &Gru| layer.forward(&x, &layer.start(&[2])).0.sum())(&layer);
/// assert_eq!(slope.state.weight.shape(), [5, 15]);
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Gru {
    /// `W` and `a`: `[inputs, 3·hidden]` and `[3·hidden]`, for reset, update and candidate side by side.
    pub input: Linear,
    /// `U` and `b`: `[hidden, 3·hidden]` and `[3·hidden]`, in the same order.
    pub state: Linear,
}

impl Gru {
    /// A layer with zero biases and weights drawn from `init`, separately for each of the three parts.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Gru::new(&random::key(0), 3, 5, nn::Init::GlorotUniform, F32);
    /// assert_eq!(layer.input.weight.shape(), [3, 15]);
    /// ```
    ///
    /// # Panics
    /// If `dtype` is not a float type.
    #[track_caller]
    pub fn new(key: &Key, inputs: usize, hidden: usize, init: Init, dtype: DType) -> Gru {
        let keys = key.split::<6>();
        // Each part is drawn by itself, so that its spread fits a layer with `hidden` outputs,
        // not three times as many.
        let parts = |keys: &[Key], rows: usize| {
            let [r, z, n] = [0, 1, 2].map(|k| init.sample(&keys[k], rows, hidden, dtype));
            Linear {
                weight: concatenate(&[&r, &z, &n], 1),
                bias: Tensor::splat(Literal::from_f64(dtype, 0.0), &[3 * hidden]),
            }
        };
        Gru {
            input: parts(&keys[..3], inputs),
            state: parts(&keys[3..], hidden),
        }
    }

    /// The size of an item of the sequence.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Gru::new(&random::key(0), 3, 5, nn::Init::GlorotUniform, F32);
    /// assert_eq!(layer.inputs(), 3);
    /// ```
    pub fn inputs(&self) -> usize {
        self.input.weight.shape()[0]
    }

    /// The size of the state.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Gru::new(&random::key(0), 3, 5, nn::Init::GlorotUniform, F32);
    /// assert_eq!(layer.hidden(), 5);
    /// ```
    pub fn hidden(&self) -> usize {
        self.state.weight.shape()[0]
    }

    /// The state before the first item: zeros of shape `[batch…, hidden]`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Gru::new(&random::key(0), 3, 5, nn::Init::GlorotUniform, F32);
    /// assert_eq!(layer.start(&[7]).shape(), [7, 5]);
    /// ```
    pub fn start(&self, batch: &[usize]) -> Tensor {
        let zero = Literal::from_f64(self.state.weight.dtype(), 0.0);
        Tensor::splat(zero, &[batch, &[self.hidden()]].concat())
    }

    /// The state `[…, hidden]` after an item `x` of shape `[…, inputs]`, given the state before it.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Gru::new(&random::key(0), 3, 5, nn::Init::GlorotUniform, F32);
    /// let state = layer.step(&Tensor::ones(&[7, 3], F32), &layer.start(&[7]));
    /// assert_eq!(state.shape(), [7, 5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn step(&self, x: &Tensor, state: &Tensor) -> Tensor {
        if let Err(error) = self.fits("Gru::step", x, state, &[]) {
            return Tensor::fail(error, &[x, state], state.ty().clone());
        }
        trace::called("Gru::step", || self.next(&self.input.forward(x), state))
    }

    /// Runs through sequences `x` of shape `[batch…, time, inputs]` from `state` on, `[batch…, hidden]`.
    /// Returns the last state, and the state after each item, `[batch…, time, hidden]`.
    ///
    /// This is a [`scan`](crate::control::scan).
    /// The products with the items do not depend on the state, so they are one product before the scan.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Gru::new(&random::key(0), 3, 5, nn::Init::GlorotUniform, F32);
    /// let (last, states) = layer.forward(&Tensor::ones(&[7, 4, 3], F32), &layer.start(&[7]));
    /// assert_eq!((last.shape(), states.shape()), (&[7, 5][..], &[7, 4, 5][..]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, state: &Tensor) -> (Tensor, Tensor) {
        self.forward_with(ScanOptions::default(), x, state)
    }

    /// Like [`forward`](Self::forward), with options: which values are kept for the backward pass,
    /// and whether the scan begins with the last item.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let layer = nn::Gru::new(&random::key(0), 3, 5, nn::Init::GlorotUniform, F32);
    /// let backwards = ScanOptions::default().reverse();
    /// let (last, states) = layer.forward_with(backwards, &Tensor::ones(&[4, 3], F32), &layer.start(&[]));
    /// assert_eq!(states.at(0).to_vec::<f32>()?, last.to_vec::<f32>()?);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward_with(
        &self,
        options: ScanOptions,
        x: &Tensor,
        state: &Tensor,
    ) -> (Tensor, Tensor) {
        if let Err(error) = self.fits("Gru::forward", x, state, &["time"]) {
            let mut shape = x.shape().to_vec();
            shape.pop();
            shape.push(self.hidden());
            let states = Tensor::fail(error, &[x, state], state.ty().with_shape(&shape));
            return (state.clone(), states);
        }
        trace::called("Gru::forward", || {
            let from_input = self.input.forward(x).move_axis(-2, 0);
            let (last, states) = scan_with(
                options,
                |state: &Tensor, from_input: &Tensor| {
                    let state = self.next(from_input, state);
                    (state.clone(), state)
                },
                state,
                &from_input,
            );
            (last, states.move_axis(0, -2))
        })
    }

    /// The next state, from the item's products and biases.
    fn next(&self, from_input: &Tensor, state: &Tensor) -> Tensor {
        let from_state = self.state.forward(state);
        let (a, b) = (from_input.split(3, -1), from_state.split(3, -1));
        let reset = (&a[0] + &b[0]).sigmoid();
        let update = (&a[1] + &b[1]).sigmoid();
        let candidate = (&a[2] + reset * &b[2]).tanh();
        &candidate + update * (state - &candidate)
    }

    /// Checks that `x` is `[batch…, between…, inputs]` and `state` `[batch…, hidden]`, of the layer's type.
    fn fits(&self, name: &str, x: &Tensor, state: &Tensor, between: &[&str]) -> Result<()> {
        let dtype = self.input.weight.dtype();
        let (inputs, hidden) = (self.inputs(), self.hidden());
        let (s, t) = (x.ty(), state.ty());
        let batch = s.rank().checked_sub(between.len() + 1);
        let fits = |batch: usize| {
            let is = |ty: &Type, last: usize| ty.dtype == dtype && ty.shape.last() == Some(&last);
            let equal = t.rank() == batch + 1 && s.shape[..batch] == t.shape[..batch];
            is(s, inputs) && is(t, hidden) && equal
        };
        if batch.is_some_and(fits) {
            return Ok(());
        }
        let axes: String = between.iter().map(|axis| format!("{axis}, ")).collect();
        Err(Error::new(
            ErrorKind::Shape,
            format!(
                "{name}: {s} with the state {t}; they must be {dtype}[batch…, {axes}{inputs}] and {dtype}[batch…, {hidden}] with the same batch axes"
            ),
        ))
    }
}
