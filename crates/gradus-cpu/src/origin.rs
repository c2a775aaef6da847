//! The operations of the graph behind a step, for messages and profiles.

use gradus_engine::Member;
use gradus_ir::primitives::{Body, Cost, Region, Work};
use gradus_ir::{Graph, Loc, Node, NodeId, Op, Type, ValueId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// The origin of a step.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The line for errors: the line of the last operation.
    pub loc: Loc,
    own: Vec<Member>,
    /// The region that the step runs, if any, and the operations inside once they have been requested:
    /// a region lists the operations of all regions within it.
    region: Option<(Arc<Region>, OnceLock<Vec<Member>>)>,
    /// The position of the last operation in the program.
    pub last: usize,
}

impl Origin {
    /// The origin of a step that computes these values.
    pub fn of(graph: &Graph, nodes: &[ValueId]) -> Origin {
        let nodes = nodes.iter().map(|&id| graph.maker_id(id));
        Origin::of_nodes(graph, &nodes.collect::<Vec<_>>())
    }

    /// The origin of a step that runs one operation.
    pub fn of_node(graph: &Graph, id: NodeId) -> Origin {
        Origin::of_nodes(graph, &[id])
    }

    fn of_nodes(graph: &Graph, nodes: &[NodeId]) -> Origin {
        let member = |&id: &NodeId| {
            let node = graph.node(id);
            Member {
                name: node.op.name(),
                loc: node.loc,
                cost: graph.cost(node),
            }
        };
        let members: Vec<Member> = nodes.iter().map(member).collect();
        Origin {
            loc: members.last().map_or(Loc::UNKNOWN, |m| m.loc),
            own: members,
            region: None,
            last: nodes.last().map_or(0, |id| id.index()),
        }
    }

    /// The origin of a step that runs a region.
    pub fn of_region(graph: &Graph, id: NodeId) -> Origin {
        let region = graph.node(id).region();
        Origin {
            region: region.map(|r| (r.clone(), OnceLock::new())),
            ..Origin::of_node(graph, id)
        }
    }

    /// The operations.
    /// For a region, the operations inside, as often as they run, as far as that is fixed in advance.
    pub fn members(&self) -> &[Member] {
        let Some((region, found)) = &self.region else {
            return &self.own;
        };
        match found.get_or_init(|| inside(region)).as_slice() {
            [] => &self.own,
            members => members,
        }
    }

    /// The name of the last operation.
    pub fn name(&self) -> &'static str {
        self.own.last().map_or("copy", |m| m.name)
    }

    /// The origin of a step that does what several steps did.
    pub fn joined(origins: Vec<Origin>) -> Origin {
        let last = origins.iter().map(|o| o.last).max().unwrap_or(0);
        let loc = origins.last().map_or(Loc::UNKNOWN, |o| o.loc);
        let own = origins.iter().flat_map(|o| o.members().to_vec());
        Origin {
            loc,
            own: own.collect(),
            region: None,
            last,
        }
    }

    /// The origin of a step that copies a value made at `loc`.
    pub fn copy(loc: Loc, ty: &Type) -> Origin {
        let member = Member {
            name: "copy",
            loc,
            cost: Cost::new(Work::Copy, 0, &[ty], ty),
        };
        Origin {
            loc,
            own: vec![member],
            region: None,
            last: 0,
        }
    }
}

/// The operations inside a region, each once with the cost of all its evaluations: for a loop of unknown length,
/// of one step; for a switch, of the most expensive branch.
fn inside(region: &Region) -> Vec<Member> {
    let (mut seen, mut order) = (HashSet::new(), Vec::new());
    in_order(region, &mut seen, &mut order);
    let mut times: HashMap<usize, u64> = HashMap::new();
    let count = |region: &Region, outside: u64, times: &mut HashMap<usize, u64>| {
        for (body, n) in region.runs() {
            let sum = times.entry(body.identity()).or_default();
            *sum = sum.saturating_add(outside.saturating_mul(n));
        }
    };
    count(region, 1, &mut times);
    let mut members = Vec::new();
    for body in order.into_iter().rev() {
        let times_of_body = times[&body.identity()];
        for node in live(body) {
            match &node.op {
                Op::Input(_) | Op::Const(_) => {}
                Op::Region(inner) => count(inner, times_of_body, &mut times),
                op => {
                    let cost = body.cost(node);
                    members.push(Member {
                        name: op.name(),
                        loc: node.loc,
                        cost: Cost {
                            operations: cost.operations.saturating_mul(times_of_body),
                            bytes_read: cost.bytes_read.saturating_mul(times_of_body),
                            bytes_written: cost.bytes_written.saturating_mul(times_of_body),
                            ..cost
                        },
                    });
                }
            }
        }
    }
    members
}

/// Appends the programs inside a region that run with it, each once and before all programs that hold it.
fn in_order<'a>(region: &'a Region, seen: &mut HashSet<usize>, order: &mut Vec<&'a Body>) {
    for (body, _) in region.runs().into_iter().rev() {
        if !seen.insert(body.identity()) {
            continue;
        }
        for node in live(body).rev() {
            if let Some(inner) = node.region() {
                in_order(inner, seen, order);
            }
        }
        order.push(body);
    }
}

fn live(body: &Graph) -> impl DoubleEndedIterator<Item = &Node> {
    let live = body.live();
    body.nodes().iter().filter(move |node| node.runs(&live))
}
