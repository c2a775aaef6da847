//! What a graph costs: operations, bytes and an estimate of the time.

use crate::profile::Profile;
use crate::regions::{estimate_region, estimate_region_vectors};
use gradus_ir::primitives::{Cost, Work};
use gradus_ir::{Graph, Op, ValueId};

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
    sum(estimates(g, profile))
}

/// What each node adds to the [estimate] of its graph; nothing where the outputs do not need it.
pub fn estimates(g: &Graph, profile: &Profile) -> Vec<Estimate> {
    of_nodes(g, &vec![false; g.len()], 1, profile)
}

impl Estimate {
    /// Both, one after the other. What is more than can be counted stays the largest number.
    pub(crate) fn and(self, other: Estimate) -> Estimate {
        Estimate {
            operations: self.operations.saturating_add(other.operations),
            bytes: self.bytes.saturating_add(other.bytes),
            seconds: self.seconds + other.seconds,
        }
    }

    /// So many times the same.
    pub(crate) fn times(self, n: u64) -> Estimate {
        Estimate {
            operations: self.operations.saturating_mul(n),
            bytes: self.bytes.saturating_mul(n),
            seconds: self.seconds * n as f64,
        }
    }
}

pub(crate) fn sum(all: impl IntoIterator<Item = Estimate>) -> Estimate {
    all.into_iter().fold(Estimate::default(), Estimate::and)
}

/// The cost of a linear program on `n` vectors at once: the nodes marked in `repeated` are there once for each vector, the others once.
///
/// It is what the program that [`batch`](gradus_ad::batch) makes would cost, without making it.
pub(crate) fn estimate_vectors(
    g: &Graph,
    repeated: &[bool],
    n: usize,
    profile: &Profile,
) -> Estimate {
    sum(of_nodes(g, repeated, n, profile))
}

fn of_nodes(g: &Graph, repeated: &[bool], n: usize, profile: &Profile) -> Vec<Estimate> {
    let live = g.live();
    let times = |id: ValueId| if repeated[id.index()] { n as u64 } else { 1 };
    let is_output = g.output_marks();
    let fuses = |w: Work| matches!(w, Work::Arithmetic | Work::Transcendental);
    let mut costs: Vec<Option<Cost>> = vec![None; g.nodes().len()];
    // Whether the value of an elementwise node stays in registers: every user is one as well, or ends the kernel with a reduction.
    let mut stays = vec![false; g.len()];
    // The value whose memory a value is a view of.
    let mut base: Vec<ValueId> = g.ids().collect();
    for (node, own_cost) in g.nodes().iter().zip(&mut costs) {
        if matches!(node.op, Op::Input(_) | Op::Const(_) | Op::Iota(_)) || !node.runs(&live) {
            continue;
        }
        let cost = g.cost(node);
        *own_cost = Some(cost);
        if node.region().is_some() {
            node.operands.iter().for_each(|o| stays[o.index()] = false);
            continue;
        }
        let id = node.result();
        if let Op::Layout(_) = node.op {
            base[id.index()] = base[node.operands[0].index()];
        }
        for o in &node.operands {
            let with = match cost.work {
                Work::Reduction => true,
                w => fuses(w) && g.shape(*o) == g.shape(id) && times(*o) == times(id),
            };
            stays[o.index()] &= with;
        }
        stays[id.index()] = fuses(cost.work) && !is_output[id.index()];
    }
    let mut all = vec![Estimate::default(); g.nodes().len()];
    for ((node, cost), estimate) in g.nodes().iter().zip(costs).zip(&mut all) {
        let Some(cost) = cost else {
            continue;
        };
        if let Some(region) = node.region() {
            let marked: Vec<bool> = node.operands.iter().map(|o| repeated[o.index()]).collect();
            let mut inside = match marked.contains(&true) && n > 1 {
                false => Estimate {
                    operations: cost.operations,
                    ..estimate_region(region, profile)
                },
                true => estimate_region_vectors(region, &marked, n, profile),
            };
            inside.seconds += profile.launch;
            *estimate = inside;
            continue;
        }
        let id = node.result();
        let written = match cost.work {
            // A view costs nothing until it leaves the program.
            Work::View if is_output[id.index()] => 2 * node.ty().bytes() as u64 * times(id),
            Work::View => 0,
            _ if stays[id.index()] => 0,
            _ => cost.bytes_written * times(id),
        };
        let read: u64 = match cost.work {
            Work::View => 0,
            _ => node
                .operands
                .iter()
                .map(|&o| match g.maker(base[o.index()]).op {
                    Op::Const(_) | Op::Iota(_) => 0,
                    _ if stays[o.index()] => 0,
                    // Repeated elements come from the cache.
                    _ => g.ty(base[o.index()]).bytes().min(g.ty(o).bytes()) as u64 * times(o),
                })
                .sum(),
        };
        let bytes = read + written;
        let operations = cost.operations.saturating_mul(times(id));
        let seconds = match &node.op {
            Op::Contract(c) => {
                let [left, right] = [node.operands[0], node.operands[1]];
                let (b, m, k, n) = c.sizes(g.ty(left), g.ty(right));
                // Vectors stand side by side in the operand that has them.
                let (m, n) = (m * times(left) as usize, n * times(right) as usize);
                match c.symmetric && times(id) == 1 {
                    true => profile.symmetric_product(node.ty().dtype, k, n),
                    false => profile.product(node.ty().dtype, b, m, k, n),
                }
            }
            _ => operations as f64 / profile.rate(cost.work),
        };
        let moving = bytes as f64 / profile.bandwidth(bytes);
        let launch = if bytes > 0 { profile.launch } else { 0.0 };
        *estimate = Estimate {
            operations,
            bytes,
            seconds: seconds.max(moving) + launch,
        };
    }
    all
}
