//! Lists: arrays that a loop keeps when its number of steps is not known.

use super::{Loop, Trips};
use crate::graph::{Graph, ValueId};
use crate::primitives::region::Region;
use crate::types::{DType, Type};

/// The sum of two lists, step by step.
pub fn add_lists(g: &mut Graph, a: ValueId, b: ValueId) -> ValueId {
    let item = g.ty(a).item();
    let mut body = Graph::new();
    body.input(Type::scalar(DType::I64));
    let (x, y) = (body.input(item.clone()), body.input(item));
    let sum = body.add_nodes(x, y);
    body.set_outputs(vec![sum]);
    let count = length(g, a);
    let region = Region::Loop(Loop {
        trips: Trips::Counted,
        reverse: false,
        consts: 0,
        carries: 0,
        body: body.into(),
    });
    g.emit_region(region, &[count, a, b])[0]
}

/// The number of steps that the list `id` has.
fn length(g: &Graph, id: ValueId) -> ValueId {
    let maker = g.maker(id);
    match maker.region().map(AsRef::as_ref) {
        Some(Region::Loop(r)) if r.trips == Trips::Counted => maker.operands[0],
        // With a condition: the last result says how many steps there were.
        Some(Region::Loop(_)) => maker
            .results()
            .next_back()
            .expect("a loop that makes lists has results"),
        _ => unreachable!("only loops make lists"),
    }
}
