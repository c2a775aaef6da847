//! Which operations of the graph a step is made of, for messages and profiles.

use gradus_ir::primitives::{Call, Cost, Region, Trips, Work};
use gradus_ir::{Graph, Loc, NodeId, Op, Type, total_cost};

/// An operation of the graph within a step.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name; `copy` where a step moves what another made.
    pub name: &'static str,
    /// The line and the part of a derivative that it comes from.
    pub loc: Loc,
    /// What it costs by itself.
    pub cost: Cost,
}

/// Where a step comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The line to which a mistake belongs: that of the last operation.
    pub loc: Loc,
    pub members: Vec<Member>,
    /// The place of the last operation in the program.
    pub last: usize,
}

impl Origin {
    /// Of a step that computes these nodes.
    pub fn of(graph: &Graph, nodes: &[NodeId]) -> Origin {
        let member = |&id: &NodeId| {
            let node = graph.node(id);
            let types: Vec<&Type> = node.operands.iter().map(|&o| graph.ty(o)).collect();
            Member {
                name: node.op.name(),
                loc: node.loc,
                cost: node.op.cost(&types, &node.ty),
            }
        };
        let members: Vec<Member> = nodes.iter().map(member).collect();
        Origin {
            loc: members.last().map_or(Loc::UNKNOWN, |m| m.loc),
            members,
            last: nodes.last().map_or(0, |id| id.index()),
        }
    }

    /// Of a step that runs a region: the operations inside, as often as they run as far as that is known beforehand.
    pub fn of_region(graph: &Graph, id: NodeId) -> Origin {
        let own = Origin::of(graph, &[id]);
        let mut members = Vec::new();
        if let Some(region) = graph.region(id) {
            add_inside(region, 1, &mut members);
        }
        match members.is_empty() {
            true => own,
            false => Origin { members, ..own },
        }
    }

    /// Of a step that copies what `loc` made.
    pub fn copy(loc: Loc, ty: &Type) -> Origin {
        let member = Member {
            name: "copy",
            loc,
            cost: Cost::new(Work::Copy, 0, &[ty], ty),
        };
        Origin {
            loc,
            members: vec![member],
            last: 0,
        }
    }
}

/// Adds the operations of a region that runs so many times: of a loop of unknown length one step, of a choice the dearest branch.
fn add_inside(region: &Region, times: u64, members: &mut Vec<Member>) {
    let mut add = |body: &Graph, times: u64| {
        let live = body.live();
        for id in body.ids().filter(|id| live[id.index()]) {
            let node = body.node(id);
            match &node.op {
                Op::Input(_) | Op::Const(_) | Op::Result { .. } => {}
                Op::Region(inner) => add_inside(inner, times, members),
                op => {
                    let types: Vec<&Type> = node.operands.iter().map(|&o| body.ty(o)).collect();
                    let cost = op.cost(&types, &node.ty);
                    members.push(Member {
                        name: op.name(),
                        loc: node.loc,
                        cost: Cost {
                            operations: cost.operations.saturating_mul(times),
                            bytes_read: cost.bytes_read.saturating_mul(times),
                            bytes_written: cost.bytes_written.saturating_mul(times),
                            ..cost
                        },
                    });
                }
            }
        }
    };
    match region {
        Region::Loop(r) => {
            let steps = match &r.trips {
                Trips::Fixed(n) => *n as u64,
                Trips::Counted => 1,
                Trips::While(condition) => {
                    add(condition, times);
                    1
                }
            };
            add(&r.body, times.saturating_mul(steps));
        }
        Region::Switch(r) => {
            let dearest = r.branches.iter().max_by_key(|b| total_cost(b).operations);
            if let Some(branch) = dearest {
                add(branch, times);
            }
        }
        Region::Call(Call::Hook { .. }) | Region::Check(_) => {}
        Region::Call(call) => add(call.body(), times),
    }
}
