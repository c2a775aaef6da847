//! The quantity that searches minimise: seconds or operations, by the objective.

use super::Estimate;
use crate::options::{Objective, PlanOptions};
use crate::profile::Profile;
use gradus_ir::DType;

/// Costs programs in one number.
/// With the objective memory, searches minimise time, and candidates are compared by memory at the end.
#[derive(Clone, Copy)]
pub(crate) struct CostMetric<'a> {
    pub profile: &'a Profile,
    pub objective: Objective,
}

impl<'a> CostMetric<'a> {
    pub fn new(options: &'a PlanOptions) -> CostMetric<'a> {
        CostMetric {
            profile: &options.profile,
            objective: options.objective,
        }
    }

    /// The cost of a whole program.
    pub fn of(self, estimate: Estimate) -> f64 {
        match self.objective {
            Objective::Operations => estimate.operations as f64,
            Objective::Time | Objective::Memory => estimate.seconds,
        }
    }

    /// The cost of `b` products of `m × k` with `k × n` matrices, in one kernel.
    pub fn product(self, dtype: DType, b: usize, m: usize, k: usize, n: usize) -> f64 {
        match self.objective {
            Objective::Operations => 2.0 * b as f64 * m as f64 * k as f64 * n as f64,
            Objective::Time | Objective::Memory => {
                self.profile.product(dtype, b, m, k, n) + self.profile.launch
            }
        }
    }

    /// The cost of a kernel that makes `elements` numbers by one sum or product each.
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
