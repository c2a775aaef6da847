//! Which operations of the graph a step is made of, for messages and profiles.

use gradus_ir::primitives::{Cost, Work};
use gradus_ir::{Graph, Loc, NodeId, Type};

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
