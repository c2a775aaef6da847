//! When the loops of a kernel become nests.

use super::kernel::Kernel;
use super::stages::Stage;
#[cfg(not(all(feature = "native", target_arch = "x86_64")))]
use super::stages::Stages;
#[cfg(all(feature = "native", target_arch = "x86_64"))]
use super::vector;

#[cfg(all(feature = "native", target_arch = "x86_64"))]
impl Kernel {
    /// Counts a run, and makes the nests if the runs so far have taken as long as making them does.
    pub(super) fn change_over(&self) {
        // The time of making code, in nanoseconds: twenty operations took 107 µs, sixty 296 µs.
        let price = || 20_000 + 5_000 * self.loops.len() as u64;
        if vector::can_have_nests(self) {
            let next = || self.nanoseconds() as u64;
            self.stages
                .changeover
                .code(next, price, || vector::stages(self));
        }
    }

    /// The work on a tile with nests, if they are made.
    pub(super) fn stages(&self) -> Option<&[Stage]> {
        self.stages.changeover.made().map(Vec::as_slice)
    }
}

#[cfg(not(all(feature = "native", target_arch = "x86_64")))]
impl Kernel {
    /// There are no nests for this machine.
    pub(super) fn change_over(&self) {}

    /// The work on a tile with nests: none.
    pub(super) fn stages(&self) -> Option<&[Stage]> {
        let Stages {} = self.stages;
        None
    }
}
