//! A kernel's work on a tile: loops over the tile, or loop nests of vector instructions where there are any.

use super::kernel::Kernel;
#[cfg(all(feature = "native", target_arch = "x86_64"))]
use super::vector::{self, Nest};
#[cfg(all(feature = "native", target_arch = "x86_64"))]
use crate::native::Changeover;
use std::fmt;

/// A part of a kernel's work on a tile.
#[cfg_attr(
    not(all(feature = "native", target_arch = "x86_64")),
    expect(dead_code, reason = "there are no nests, so kernels have loops alone")
)]
pub(super) enum Stage {
    /// The loop with this number.
    Loop(usize),
    #[cfg(all(feature = "native", target_arch = "x86_64"))]
    Nest(Box<Nest>),
}

/// The work of a kernel on a tile with nests in it, once they are made.
#[derive(Default)]
pub(super) struct Stages {
    #[cfg(all(feature = "native", target_arch = "x86_64"))]
    changeover: Changeover<Vec<Stage>>,
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stages")
    }
}

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
        None
    }
}
