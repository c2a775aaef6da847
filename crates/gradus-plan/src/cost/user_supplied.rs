//! Calls whose cost a user supplies.

use gradus_ir::primitives::region::{Recompute, Recomputed, UserCost};
use gradus_ir::primitives::{Call, Region};
use gradus_ir::{Graph, Loc};

/// Operations whose number a user supplies, and the lines of their calls.
pub(crate) struct UserSupplied {
    pub operations: u64,
    pub places: Vec<Loc>,
}

/// The operations of a program that are user-supplied, as often as the bodies around them [run](Region::runs).
pub(crate) fn user_supplied(g: &Graph) -> UserSupplied {
    let (mut operations, mut places) = (0u64, Vec::new());
    let live = g.live();
    for node in g.nodes().iter().filter(|node| node.runs(&live)) {
        let Some(region) = node.region() else {
            continue;
        };
        if let Some(cost) = users_cost(region) {
            places.push(node.loc);
            operations = operations.saturating_add(cost.value);
            continue;
        }
        for (body, times) in region.runs() {
            let inside = user_supplied(body);
            places.extend(inside.places);
            let all = inside.operations.saturating_mul(times);
            operations = operations.saturating_add(all);
        }
    }
    let key = |loc: &Loc| {
        (
            loc.file_line(),
            loc.piece().map(|(text, r)| (text, r.start, r.end)),
        )
    };
    places.sort_by_key(key);
    places.dedup_by_key(|loc| key(loc));
    UserSupplied { operations, places }
}

/// The cost that a user supplies for this call.
pub(super) fn users_cost(region: &Region) -> Option<UserCost> {
    match region {
        Region::Call(Call::Recompute(Recompute {
            kind: Recomputed::Costed(cost),
            ..
        })) => Some(*cost),
        _ => None,
    }
}
