//! Compares derivatives with finite differences.

use super::{jvp, vjp};
use crate::function::{argument_at, floats};
use crate::tensor::Tensor;
use crate::tree::{Tree, leaves, paths, rebuild};
use gradus_ir::{DType, Error, ErrorKind, FloatType, Loc, Result};
use gradus_plan::Modes;

/// Options of [`check_grads_with`].
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct CheckOptions {
    /// The step of the central difference, relative to the size of the argument's elements (at least 1).
    /// `None`: the cube root of the element type's precision,
    /// which balances the errors of truncation and of rounding.
    pub step: Option<f64>,
    /// The allowed difference, relative to the larger of the two numbers and 1.
    /// `None`: 1e-6 for f64, 2e-2 for f32.
    pub tolerance: Option<f64>,
    /// The modes to check.
    /// [`Modes::Reverse`] is for functions with a [`custom_vjp`](super::custom_vjp), which have no forward mode.
    pub modes: Modes,
}

impl CheckOptions {
    /// Sets the step of the central difference, relative to the size of the argument.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let options = CheckOptions::default().step(1e-4);
    /// check_grads_with(|x: &Tensor| x.sin(), &Tensor::from([0.1, 0.7]), options)?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn step(mut self, step: impl Into<Option<f64>>) -> CheckOptions {
        self.step = step.into();
        self
    }

    /// Sets the allowed difference, relative to the larger of the two numbers and 1.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let options = CheckOptions::default().tolerance(1e-8);
    /// check_grads_with(|x: &Tensor| x.sin(), &Tensor::from([0.1, 0.7]), options)?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: impl Into<Option<f64>>) -> CheckOptions {
        self.tolerance = tolerance.into();
        self
    }

    /// Checks one mode alone.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let options = CheckOptions::default().modes(Modes::Reverse);
    /// check_grads_with(|x: &Tensor| x.sin(), &Tensor::from([0.1, 0.7]), options)?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[must_use]
    pub fn modes(mut self, modes: Modes) -> CheckOptions {
        self.modes = modes;
        self
    }
}

/// Checks the derivatives of `f` at `x`: forward mode against central differences, reverse mode against forward mode.
///
/// The check uses one fixed direction that moves every element by a different amount. `f` should be smooth at `x`.
/// With [`CheckOptions::modes`] only one mode is checked; reverse mode alone is compared with the differences
/// along each element of `x`.
///
/// ```
/// use gradus::prelude::*;
/// check_grads(|x: &Tensor| x.sin().exp(), &Tensor::from([0.1, 0.7]))?;
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Derivative`] with the worst entry, if they disagree.
#[doc(alias = "gradcheck")]
#[track_caller]
pub fn check_grads<A: Tree, B: Tree>(f: impl Fn(&A) -> B, x: &A) -> Result<()> {
    check_grads_with(f, x, CheckOptions::default())
}

/// Like [`check_grads`], with options.
///
/// ```
/// # use gradus::prelude::*;
/// let options = CheckOptions::default().tolerance(1e-8);
/// check_grads_with(|x: &Tensor| x.sin(), &Tensor::from([0.1, 0.7]), options)?;
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Derivative`] with the worst entry, if they disagree.
#[track_caller]
pub fn check_grads_with<A: Tree, B: Tree>(
    f: impl Fn(&A) -> B,
    x: &A,
    options: CheckOptions,
) -> Result<()> {
    let loc = Loc::caller();
    run(&f, x, options).map_err(|e| e.at(loc))
}

fn run<A: Tree, B: Tree>(f: &impl Fn(&A) -> B, x: &A, options: CheckOptions) -> Result<()> {
    let inputs = leaves(x);
    let narrowest = inputs.iter().filter_map(|t| t.dtype().float()).min();
    let narrowest = narrowest.unwrap_or(FloatType::F64);
    let tolerance = options.tolerance.unwrap_or(match narrowest {
        FloatType::BF16 => 0.2,
        FloatType::F32 => 2e-2,
        FloatType::F64 => 1e-6,
    });
    let mut size: f64 = 1.0;
    for k in floats(&inputs) {
        for v in numbers(&inputs[k])? {
            size = size.max(v.abs());
        }
    }
    let step = options.step.unwrap_or(narrowest.epsilon().cbrt()) * size;

    let direction: Vec<Tensor> = inputs.iter().map(|t| spread(t, 0)).collect();
    let moved = |by: f64| -> A {
        let moved = inputs
            .iter()
            .zip(&direction)
            .map(|(t, d)| {
                if t.dtype().has_derivatives() {
                    t + d * by
                } else {
                    t.clone()
                }
            })
            .collect();
        rebuild(x, moved)
    };
    if options.modes == Modes::Reverse {
        return by_reverse(f, x, &inputs, step, tolerance);
    }
    let (y, tangent) = jvp(f, x, &rebuild(x, direction.clone()));
    let (above, below) = (leaves(&f(&moved(step))), leaves(&f(&moved(-step))));
    let tangents = leaves(&tangent);
    let names = paths(&y);
    let mut worst = Worst::default();
    for (k, t) in tangents.iter().enumerate() {
        if !t.dtype().has_derivatives() {
            continue;
        }
        let (up, down) = (numbers(&above[k])?, numbers(&below[k])?);
        for (i, forward) in numbers(t)?.into_iter().enumerate() {
            let difference = (up[i] - down[i]) / (2.0 * step);
            worst.see(forward, difference, tolerance, || {
                let place = if names[k].is_empty() {
                    format!("element {i} of the result")
                } else {
                    format!("element {i} of `{}`", names[k])
                };
                format!(
                    "check_grads: {place} changes by {difference:e} along the direction, by finite differences; forward mode gives {forward:e}"
                )
            });
        }
    }
    worst.told()?;
    if options.modes == Modes::Forward {
        return Ok(());
    }
    let (y, pull) = vjp(f, x);
    let seeds: Vec<Tensor> = leaves(&y).iter().map(|t| spread(t, 1)).collect();
    let back = leaves(&pull(&rebuild(&y, seeds.clone())));
    let (by_forward, size_forward) = dot(&seeds, &tangents)?;
    let (by_reverse, size_reverse) = dot(&back, &direction)?;
    let error = (by_forward - by_reverse).abs() / size_forward.max(size_reverse).max(1.0);
    if exceeds(error, tolerance) {
        return Err(Error::new(
            ErrorKind::Derivative,
            format!(
                "check_grads: forward and reverse mode disagree: a product with the Jacobian is {by_forward:e} by forward, {by_reverse:e} by reverse mode"
            ),
        ));
    }
    Ok(())
}

/// Compares reverse mode with the differences along each element of the argument.
fn by_reverse<A: Tree, B: Tree>(
    f: &impl Fn(&A) -> B,
    x: &A,
    inputs: &[Tensor],
    step: f64,
    tolerance: f64,
) -> Result<()> {
    let (y, pull) = vjp(f, x);
    let seeds: Vec<Tensor> = leaves(&y).iter().map(|t| spread(t, 1)).collect();
    let back = leaves(&pull(&rebuild(&y, seeds.clone())));
    let names = paths(x);
    let mut worst = Worst::default();
    for k in floats(inputs) {
        let slopes = numbers(&back[k])?;
        for (i, slope) in slopes.into_iter().enumerate() {
            let moved = |by: f64| -> Result<(f64, f64)> {
                let mut changed = inputs.to_vec();
                let mut values = numbers(&inputs[k])?;
                values[i] += by;
                changed[k] = Tensor::new(values, inputs[k].shape())?.astype(inputs[k].dtype());
                dot(&seeds, &leaves(&f(&rebuild(x, changed))))
            };
            let difference = (moved(step)?.0 - moved(-step)?.0) / (2.0 * step);
            worst.see(slope, difference, tolerance, || {
                format!(
                    "check_grads: along element {i} of {} the result, weighted, changes by {difference:e}, by finite differences; reverse mode gives {slope:e}",
                    argument_at(&names[k])
                )
            });
        }
    }
    worst.told()
}

/// The largest disagreement so far, and its message.
#[derive(Default)]
struct Worst(Option<(f64, String)>);

impl Worst {
    /// Compares a derivative with a finite difference.
    fn see(
        &mut self,
        derivative: f64,
        difference: f64,
        tolerance: f64,
        message: impl FnOnce() -> String,
    ) {
        let scale = derivative.abs().max(difference.abs()).max(1.0);
        let error = (derivative - difference).abs() / scale;
        let is_worse = |(worst, _): &(f64, String)| error > *worst || error.is_nan();
        if exceeds(error, tolerance) && self.0.as_ref().is_none_or(is_worse) {
            self.0 = Some((error, message()));
        }
    }

    fn told(self) -> Result<()> {
        match self.0 {
            Some((_, message)) => Err(Error::new(ErrorKind::Derivative, message)),
            None => Ok(()),
        }
    }
}

fn numbers(t: &Tensor) -> Result<Vec<f64>> {
    t.astype(DType::F64).to_vec::<f64>()
}

/// Numbers between -1 and 1 that never repeat (multiples of the golden ratio, modulo 1), of the type of `t`.
fn spread(t: &Tensor, salt: usize) -> Tensor {
    let golden = 0.618_033_988_749_894_9;
    let n = t.ty().elements();
    let values: Vec<f64> = (0..n)
        .map(|i| 2.0 * (((i + 1 + 31 * salt) as f64 * golden) % 1.0) - 1.0)
        .collect();
    match Tensor::new(values, t.shape()) {
        Ok(values) => values.astype(t.dtype()),
        Err(e) => Tensor::fail(e, &[t], t.ty().clone()),
    }
}

/// `Σ aᵢ·bᵢ` and `Σ |aᵢ·bᵢ|` over the float leaves.
fn dot(a: &[Tensor], b: &[Tensor]) -> Result<(f64, f64)> {
    let (mut sum, mut size) = (0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        if !a.dtype().has_derivatives() {
            continue;
        }
        for (x, y) in numbers(a)?.into_iter().zip(numbers(b)?) {
            sum += x * y;
            size += (x * y).abs();
        }
    }
    Ok((sum, size))
}

/// Whether an error is too large. NaN is.
fn exceeds(error: f64, tolerance: f64) -> bool {
    error > tolerance || error.is_nan()
}
