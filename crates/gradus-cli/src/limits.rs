//! The limits for numbers on the command line and in files.

use std::ops::RangeInclusive;

/// The width of a layer.
pub const WIDTH: RangeInclusive<i64> = 1..=65_536;
/// Hidden layers of a network. The cost is counted on a chain of Jacobians with at most 1,001 widths.
pub const MOST_LAYERS: usize = 900;
/// Pixels of an image: 256 × 256 for example. Networks take all of them at once.
pub const MOST_PIXELS: usize = 65_536;
/// Passes over the images; a checkpoint names the results of each.
pub const EPOCHS: RangeInclusive<i64> = 1..=100_000;
/// Images per step.
pub const BATCH: RangeInclusive<i64> = 1..=1_000_000;
/// Pixels by which an image is moved.
pub const SHIFT: RangeInclusive<i64> = 0..=16;
/// Bytes of a decompressed IDX file.
pub const MOST_IDX_BYTES: u64 = 1 << 30;
