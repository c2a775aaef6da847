//! Lists: arrays that a loop keeps when its number of steps is not known.

use super::builder::{LoopBuilder, Steps};
use crate::graph::{Graph, ValueId};
use crate::primitives::region::Region;

/// The sum of two lists, step by step.
pub fn add_lists(g: &mut Graph, a: ValueId, b: ValueId) -> ValueId {
    let mut sum = LoopBuilder::new(Steps::Counted(length(g, a)));
    let (x, y) = (sum.sequence(a), sum.sequence(b));
    sum.emit(g, |body, inputs| vec![body.add_nodes(inputs[x], inputs[y])])[0]
}

/// The number of steps of the list `id`.
fn length(g: &Graph, id: ValueId) -> ValueId {
    let maker = g.maker(id);
    let Some(Region::Loop(r)) = maker.region().map(AsRef::as_ref) else {
        unreachable!("only loops make lists")
    };
    match r.count() {
        Some(count) => maker.operands[count],
        None => maker.results().next_back().expect("the number of steps"),
    }
}
