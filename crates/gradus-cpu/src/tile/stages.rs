//! A kernel's work on a tile: loops over the tile, or loop nests of vector instructions where there are any.

#[cfg(all(feature = "native", target_arch = "x86_64"))]
use super::vector::nest::Nest;
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
    pub(super) changeover: Changeover<Vec<Stage>>,
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stages")
    }
}
