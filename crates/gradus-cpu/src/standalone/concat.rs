//! Joins arrays along an axis.

use super::pad::{PIECE, WORTH_WAKING};
use super::{Arrays, InPlace, Kernel};
use crate::count::StepForecast;
use crate::kernels::{Rows, copy_rows, join_columns};
#[cfg(feature = "native")]
use crate::native::{Elements, Emitter};
use crate::pool::{self, Pieces, Shared};
#[cfg(feature = "native")]
use cranelift_codegen::ir::Value;
use gradus_ir::{DType, Result, Type};
use smallvec::SmallVec;
use std::ops::Range;

/// The bytes of the result that all parts write before the next ones: half of the first cache.
const TURN: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Concat {
    /// The number of blocks before the axis.
    outer: usize,
    parts: Vec<Part>,
    /// The parts in the order of the result.
    groups: Vec<Group>,
    /// Bytes of a block.
    block: usize,
    dtype: DType,
}

/// What an array has in each block of the result.
#[derive(Clone, Copy, Debug)]
struct Part {
    bytes: usize,
    /// The first byte.
    begin: usize,
}

/// Neighbouring parts that are written together.
#[derive(Debug)]
enum Group {
    /// Columns: each has so few bytes in a block that they are moved as one element.
    Columns(Range<usize>),
    /// One part, whose blocks are copied as rows.
    Rows(usize),
}

impl Concat {
    /// A block is as long as one block of each part together: the type rule of `concat`
    /// (`gradus_ir::primitives::Resize`) adds their sizes up, and refuses a sum that wraps.
    pub fn new(types: &[&Type], out: &Type, axis: usize) -> Concat {
        let inner: usize = out.shape[axis + 1..].iter().product::<usize>() * out.dtype.size();
        let mut begin = 0;
        let parts = types.iter().map(|t| {
            let bytes = t.shape[axis] * inner;
            begin += bytes;
            Part {
                bytes,
                begin: begin - bytes,
            }
        });
        let parts: Vec<Part> = parts.collect();
        Concat {
            outer: out.shape[..axis].iter().product(),
            groups: groups(&parts),
            parts,
            block: out.shape[axis] * inner,
            dtype: out.dtype,
        }
    }

    /// Writes some blocks of the result.
    ///
    /// # Safety
    /// The addresses are those of whole arrays.
    unsafe fn blocks(&self, parts: &[*const u8], out: *mut u8, blocks: Range<usize>) {
        // The parts take turns, so that the lines of cache of the result are complete when they leave the cache.
        let turn = (TURN / self.block.max(1)).max(1);
        for first in blocks.clone().step_by(turn) {
            let count = turn.min(blocks.end - first);
            let to = out.wrapping_add(first * self.block);
            for group in &self.groups {
                // SAFETY: each block of the result has the part's bytes from `begin` on, by `Concat::new`.
                unsafe {
                    match group {
                        Group::Columns(columns) => {
                            let Part { bytes, begin } = self.parts[columns.start];
                            let columns = &parts[columns.clone()];
                            join_columns(columns, bytes, (first, count), to.add(begin), self.block);
                        }
                        &Group::Rows(k) => {
                            let Part { bytes, begin } = self.parts[k];
                            let from = Rows {
                                start: parts[k].add(first * bytes).cast_mut(),
                                step: bytes as isize,
                            };
                            let to = Rows {
                                start: to.add(begin),
                                step: self.block as isize,
                            };
                            copy_rows(from, to, count, bytes);
                        }
                    }
                }
            }
        }
    }

    /// Writes some bytes of the result, which has few blocks.
    ///
    /// # Safety
    /// The addresses are those of whole arrays.
    unsafe fn bytes(&self, parts: &[*const u8], out: *mut u8, range: Range<usize>) {
        for block in 0..self.outer {
            for (&from, part) in parts.iter().zip(&self.parts) {
                let begin = block * self.block + part.begin;
                let first = range.start.max(begin);
                let end = range.end.min(begin + part.bytes);
                if first < end {
                    let source = block * part.bytes + (first - begin);
                    // SAFETY: the bytes lie within the part's in this block, by `Concat::new`.
                    unsafe {
                        std::ptr::copy_nonoverlapping(
                            from.add(source),
                            out.add(first),
                            end - first,
                        );
                    }
                }
            }
        }
    }
}

fn groups(parts: &[Part]) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut first = 0;
    for same in parts.chunk_by(|a, b| a.bytes == b.bytes) {
        let members = first..first + same.len();
        first = members.end;
        match (same[0].bytes, same.len()) {
            (1 | 2 | 4 | 8, 2..) => groups.push(Group::Columns(members)),
            _ => groups.extend(members.map(Group::Rows)),
        }
    }
    groups
}

impl Kernel for Concat {
    const NAME: &'static str = "concat";

    #[cfg(feature = "native")]
    fn emit(&self, e: &mut Emitter<'_>, operands: &[Elements]) -> Option<Vec<Value>> {
        let mut results = Vec::new();
        for block in 0..self.outer {
            for (array, part) in operands.iter().zip(&self.parts) {
                let n = part.bytes / self.dtype.size();
                e.spend(n)?;
                for k in block * n..(block + 1) * n {
                    results.push(e.element(array, self.dtype, k)?);
                }
            }
        }
        Some(results)
    }

    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        // Each byte of the result comes from one part.
        let bytes = self.outer * self.block;
        StepForecast::moving(self.dtype, bytes.saturating_mul(2))
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let bytes = self.outer * self.block;
        let pieces = Pieces::power_of_two(bytes / PIECE, bytes >= WORTH_WAKING);
        // SAFETY: the arrays have the types for which the kernel was made.
        let out = Shared(unsafe { arrays.result(0).at(0, bytes) });
        let parts: Vec<Shared> = (self.parts.iter().enumerate())
            .map(|(k, part)| {
                // SAFETY: as above.
                Shared(unsafe { arrays.operand(k).at(0, self.outer * part.bytes) })
            })
            .collect();
        pool::each(pieces, &|piece| {
            let parts: SmallVec<[*const u8; 16]> =
                parts.iter().map(|p| p.get().cast_const()).collect();
            let part = |n: usize| n * piece / pieces.count..n * (piece + 1) / pieces.count;
            // SAFETY: as above; pieces write different parts of the result.
            unsafe {
                match self.outer < pieces.count {
                    true => self.bytes(&parts, out.get(), part(bytes)),
                    false => self.blocks(&parts, out.get(), part(self.outer)),
                }
            }
        });
        Ok(())
    }
}
