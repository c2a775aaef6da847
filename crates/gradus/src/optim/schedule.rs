//! Learning rates that change with the step.

use crate::tensor::Tensor;
use gradus_ir::DType;
use std::f64::consts::PI;

/// A learning rate as a function of the number of steps done.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// The same rate in every step.
    Constant {
        /// The rate.
        rate: f64,
    },
    /// Half a cosine from `rate` to `rate·floor` over `steps`, then constant.
    /// I. Loshchilov, F. Hutter: "SGDR", ICLR 2017.
    Cosine {
        /// The rate at the start.
        rate: f64,
        /// Steps until the end of the decay.
        steps: u64,
        /// The fraction of the rate that remains.
        floor: f64,
    },
    /// Multiplied by `factor` every `every` steps.
    Step {
        /// The rate at the start.
        rate: f64,
        /// Steps between two changes.
        every: u64,
        /// The factor of each change.
        factor: f64,
    },
    /// A linear rise from 0 to `rate` over `warmup` steps, then half a cosine down to 0 at `steps`.
    WarmupCosine {
        /// The highest rate.
        rate: f64,
        /// Steps of the rise.
        warmup: u64,
        /// Steps in total.
        steps: u64,
    },
}

impl Schedule {
    /// The rate for the step after `step` steps (a scalar of any number type), f64.
    ///
    /// ```
    /// use gradus::{optim::Schedule, Tensor};
    /// let schedule = Schedule::Step { rate: 0.1, every: 10, factor: 0.5 };
    /// assert_eq!(schedule.at(&Tensor::from(25i64)).item::<f64>()?, 0.025);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn at(&self, step: &Tensor) -> Tensor {
        let step = step.astype(DType::F64);
        match *self {
            Schedule::Constant { rate } => Tensor::from(rate),
            Schedule::Cosine { rate, steps, floor } => {
                let done = (step / steps.max(1) as f64).minimum(1.0);
                let fall = ((done * PI).cos() + 1.0) * 0.5;
                (fall * (1.0 - floor) + floor) * rate
            }
            Schedule::Step {
                rate,
                every,
                factor,
            } => {
                let times = (step / every.max(1) as f64).floor();
                // This does not use the logarithm, because a factor of 0 has none.
                Tensor::from(factor).pow(times) * rate
            }
            Schedule::WarmupCosine {
                rate,
                warmup,
                steps,
            } => {
                let rise = (&step + 1.0) / warmup.max(1) as f64;
                let rest = steps.saturating_sub(warmup).max(1) as f64;
                let done = ((step - warmup as f64) / rest).maximum(0.0).minimum(1.0);
                let fall = ((done * PI).cos() + 1.0) * 0.5;
                rise.minimum(1.0) * fall * rate
            }
        }
    }
}
