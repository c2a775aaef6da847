//! What the search for an order counts: seconds or operations, by the objective.

use crate::cost::Estimate;
use crate::options::{Objective, PlanOptions};
use crate::profile::Profile;
use gradus_ir::DType;

/// How much something is worth; memory is saved by what takes the least time, and weighed at the end.
#[derive(Clone, Copy)]
pub(crate) struct Price<'a> {
    pub profile: &'a Profile,
    pub objective: Objective,
}

impl<'a> Price<'a> {
    pub fn new(options: &'a PlanOptions) -> Price<'a> {
        Price {
            profile: &options.profile,
            objective: options.objective,
        }
    }

    /// A whole program.
    pub fn of(self, estimate: Estimate) -> f64 {
        match self.objective {
            Objective::Operations => estimate.operations as f64,
            Objective::Time | Objective::Memory => estimate.seconds,
        }
    }

    /// `b` products of `m × k` with `k × n` matrices, in one kernel.
    pub fn product(self, dtype: DType, b: usize, m: usize, k: usize, n: usize) -> f64 {
        match self.objective {
            Objective::Operations => 2.0 * b as f64 * m as f64 * k as f64 * n as f64,
            Objective::Time | Objective::Memory => {
                self.profile.product(dtype, b, m, k, n) + self.profile.launch
            }
        }
    }

    /// A kernel that makes so many numbers by as many sums or products.
    pub fn elementwise(self, dtype: DType, elements: f64) -> f64 {
        match self.objective {
            Objective::Operations => elements,
            Objective::Time | Objective::Memory => {
                let bytes = elements * dtype.size() as f64;
                let moving = bytes / self.profile.bandwidth(bytes as u64);
                (elements / self.profile.arithmetic).max(moving) + self.profile.launch
            }
        }
    }
}
