//! How many nodes planning visits beyond the program that will run.

use crate::options::PlanOptions;
use crate::reason::{LARGE, Reason};

/// The nodes that planning can still visit; see [`PlanOptions::node_budget`].
pub(crate) struct Budget {
    left: usize,
}

impl Budget {
    pub fn new(options: &PlanOptions) -> Budget {
        // Under a memory limit the most promising candidate can exceed it,
        // and any other can be the only one that fits.
        let left = match options.memory_limit {
            Some(_) => usize::MAX,
            None => options.node_budget,
        };
        Budget { left }
    }

    /// Takes `nodes` from the nodes that are left.
    ///
    /// # Errors
    /// If fewer are left.
    pub fn spend(&mut self, nodes: usize) -> Result<(), Reason> {
        self.left = self.left.checked_sub(nodes).ok_or(LARGE)?;
        Ok(())
    }
}
