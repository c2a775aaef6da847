//! Loop nests of vector instructions: neighbouring operations of a kernel as one loop of machine code.
//!
//! On tiles each operation reads its operands from the first-level cache and writes its result there. In a nest the
//! values stay in vector registers from their first to their last use; only what the rest of the kernel needs is
//! written. Each operation is the same AVX2 instruction as in its loop over tiles, so the results have the same bits.
//! Elementary functions, and operations that have no instruction, keep their loops over tiles between the nests.
//!
//! Kernels change over as programs do, by [`Changeover`](crate::native::Changeover).

mod emit;
pub(super) mod nest;
mod plan;

use super::kernel::Kernel;
use super::stages::Stage;
use crate::kernels::Isa;
use crate::native;
use nest::{Nest, VECTOR};
use plan::{Segment, Uses};

/// Kernels with fewer elements have no nests.
const FEWEST_ELEMENTS: usize = 64;

/// Whether the kernel is long enough, and the machine has the instructions.
pub(super) fn can_have_nests(kernel: &Kernel) -> bool {
    kernel.elements >= FEWEST_ELEMENTS && kernel.loops.len() > 1 && Isa::best() != Isa::Portable
}

/// The work of the kernel on a tile with nests in it; `None` if no part of it can be a nest.
pub(super) fn stages(kernel: &Kernel) -> Option<Vec<Stage>> {
    let mut stages = Vec::new();
    let mut next = 0;
    let uses = Uses::new(kernel);
    for segment in plan::segments(kernel, &uses) {
        let Some(nest) = nest(kernel, &uses, &segment) else {
            continue;
        };
        stages.extend((next..segment.first).map(Stage::Loop));
        stages.push(Stage::Nest(Box::new(nest)));
        next = segment.first + segment.length;
    }
    if stages.is_empty() {
        return None;
    }
    stages.extend((next..kernel.loops.len()).map(Stage::Loop));
    Some(stages)
}

/// The nest of a segment; `None` if its values have no room, or the system has no executable memory.
fn nest(kernel: &Kernel, uses: &Uses, segment: &Segment) -> Option<Nest> {
    let memory = plan::memory(kernel, uses, segment);
    let written = emit::write(kernel, segment, &memory)?;
    Some(Nest {
        code: native::placed(&written.code)?,
        constants: written.constants.into(),
        lanes: VECTOR / segment.width.bytes(),
        memory,
    })
}
