//! What a graph costs: operations, bytes and an estimate of the time.

use crate::profile::Profile;
use gradus_ir::primitives::{Call, Region, Trips, Work};
use gradus_ir::{Graph, NodeId, Op, Type};

/// What one evaluation of a program costs, by its types alone.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Estimate {
    /// Operations on numbers; a multiply-add counts as two.
    pub operations: u64,
    /// Bytes that travel between kernels and memory, with neighbouring elementwise operations taken together.
    pub bytes: u64,
    /// Seconds, by the rates of the machine profile.
    pub seconds: f64,
}

/// The cost of what the outputs of `g` need.
///
/// Elementwise operations and reductions run together with the elementwise operations that they read, so a value travels through memory only where a product, a
/// copy or an output needs it. The time of a kernel is the larger of that of its operations and that of its bytes.
pub fn estimate(g: &Graph, profile: &Profile) -> Estimate {
    let mut total = Estimate::default();
    for node in estimates(g, profile) {
        total.operations += node.operations;
        total.bytes += node.bytes;
        total.seconds += node.seconds;
    }
    total
}

/// What each node adds to the [estimate] of its graph; nothing where the outputs do not need it.
pub fn estimates(g: &Graph, profile: &Profile) -> Vec<Estimate> {
    let live = g.live();
    let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); g.len()];
    for id in g.ids().filter(|id| live[id.index()]) {
        for o in &g.node(id).operands {
            users[o.index()].push(id);
        }
    }
    let work = |id: NodeId| -> Option<Work> {
        let node = g.node(id);
        match node.op {
            Op::Input(_) | Op::Const(_) | Op::Iota(_) => None,
            _ => {
                let types: Vec<&Type> = node.operands.iter().map(|&o| g.ty(o)).collect();
                Some(node.op.cost(&types, &node.ty).work)
            }
        }
    };
    let is_output: std::collections::HashSet<NodeId> = g.outputs().iter().copied().collect();
    let fuses = |w: Work| matches!(w, Work::Arithmetic | Work::Transcendental);
    // Whether the value of an elementwise node stays in registers: every user is one as well, or ends the kernel with a reduction.
    let stays = |id: NodeId| -> bool {
        work(id).is_some_and(fuses)
            && !is_output.contains(&id)
            && users[id.index()].iter().all(|&u| match work(u) {
                Some(Work::Reduction) => true,
                Some(w) => fuses(w) && g.shape(u) == g.shape(id),
                None => false,
            })
    };
    let mut all = vec![Estimate::default(); g.len()];
    for id in g.ids() {
        let node = g.node(id);
        if !live[id.index()] || matches!(node.op, Op::Input(_) | Op::Const(_)) {
            continue;
        }
        if let Op::Region(region) = &node.op {
            all[id.index()] = of_region(region, profile);
            continue;
        }
        let types: Vec<&Type> = node.operands.iter().map(|&o| g.ty(o)).collect();
        let cost = node.op.cost(&types, &node.ty);
        let written = match cost.work {
            // A view costs nothing until it leaves the program.
            Work::View if is_output.contains(&id) => 2 * node.ty.bytes() as u64,
            Work::View => 0,
            _ if matches!(node.op, Op::Iota(_)) || stays(id) => 0,
            _ => cost.bytes_written,
        };
        let read: u64 = match cost.work {
            Work::View => 0,
            _ => node
                .operands
                .iter()
                .map(|&o| match g.node(base(g, o)).op {
                    Op::Const(_) | Op::Iota(_) => 0,
                    _ if stays(o) => 0,
                    // Repeated elements come from the cache.
                    _ => g.ty(base(g, o)).bytes().min(g.ty(o).bytes()) as u64,
                })
                .sum(),
        };
        let bytes = read + written;
        let seconds = match &node.op {
            Op::Contract(c) => {
                let (b, m, k, n) = c.sizes(types[0], types[1]);
                profile.product(node.ty.dtype, b, m, k, n)
            }
            _ => cost.operations as f64 / profile.rate(cost.work),
        };
        let moving = bytes as f64 / profile.bandwidth(bytes);
        let launch = if bytes > 0 { profile.launch } else { 0.0 };
        all[id.index()] = Estimate {
            operations: cost.operations,
            bytes,
            seconds: seconds.max(moving) + launch,
        };
    }
    all
}

/// All steps of a loop, one if their number is not known; the branch of a choice with the most operations.
fn of_region(region: &Region, profile: &Profile) -> Estimate {
    match region {
        Region::Loop(r) => {
            let mut step = estimate(&r.body, profile);
            if let Trips::While(condition) = &r.trips {
                let test = estimate(condition, profile);
                step.operations += test.operations;
                step.bytes += test.bytes;
                step.seconds += test.seconds;
            }
            let times = match r.trips {
                Trips::Fixed(n) => n as u64,
                _ => 1,
            };
            Estimate {
                operations: step.operations.saturating_mul(times),
                bytes: step.bytes.saturating_mul(times),
                seconds: step.seconds * times as f64,
            }
        }
        Region::Switch(r) => {
            let branches = r.branches.iter().map(|b| estimate(b, profile));
            branches.max_by_key(|e| e.operations).unwrap_or_default()
        }
        // Of the identity nothing is left to run, and a check is one comparison.
        Region::Call(Call::Hook { .. }) | Region::Check(_) => Estimate::default(),
        Region::Call(call) => estimate(call.body(), profile),
    }
}

/// The node whose memory `id` is a view of.
fn base(g: &Graph, mut id: NodeId) -> NodeId {
    while let Op::Layout(_) = g.node(id).op {
        id = g.node(id).operands[0];
    }
    id
}
