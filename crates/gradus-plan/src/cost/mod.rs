//! The cost of a graph: operations, bytes and an estimate of the time.

mod metric;
mod regions;
mod user_supplied;

use crate::profile::Profile;
use gradus_ir::primitives::{Contract, Cost, Region, Work};
use gradus_ir::{Graph, Node, Op, ValueId};

pub(crate) use metric::CostMetric;
pub(crate) use regions::estimate_region_vectors;
pub(crate) use user_supplied::user_supplied;

/// The cost of one evaluation of a program, estimated from its types alone.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Estimate {
    /// Operations on numbers; a multiply-add counts as two.
    pub operations: u64,
    /// Bytes that travel between kernels and memory. Neighbouring elementwise operations count as one kernel.
    pub bytes: u64,
    /// Seconds, by the rates of the machine profile.
    pub seconds: f64,
}

/// The cost of the nodes that the outputs of `g` need.
///
/// Elementwise operations and reductions run together with the elementwise operations that they read,
/// so a value travels through memory only where a product, a copy or an output needs it.
/// The time of a kernel is the larger of the time for its operations and the time for its bytes.
pub fn estimate(g: &Graph, profile: &Profile) -> Estimate {
    sum(estimates(g, profile))
}

/// The share of each node in the [estimate] of its graph; zero where the outputs do not need it.
pub fn estimates(g: &Graph, profile: &Profile) -> Vec<Estimate> {
    of_nodes(g, &vec![false; g.len()], 1, profile)
}

impl Estimate {
    /// The cost of both programs, one after the other. Counts saturate.
    pub(crate) fn and(self, other: Estimate) -> Estimate {
        Estimate {
            operations: self.operations.saturating_add(other.operations),
            bytes: self.bytes.saturating_add(other.bytes),
            seconds: self.seconds + other.seconds,
        }
    }

    /// The cost of `n` evaluations.
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

/// The cost of a linear program on `n` vectors at once: values marked in `repeated` exist once for each vector,
/// all others once.
///
/// It is the cost of the program that [`batch`](gradus_ad::batch) would make, without making it.
pub(crate) fn estimate_vectors(
    g: &Graph,
    repeated: &[bool],
    n: usize,
    profile: &Profile,
) -> Estimate {
    sum(of_nodes(g, repeated, n, profile))
}

/// The estimate of each node on `n` vectors.
fn of_nodes(g: &Graph, repeated: &[bool], n: usize, profile: &Profile) -> Vec<Estimate> {
    let fusion = Fusion::of(g, repeated, n);
    let costs = fusion.costs.iter();
    let node = |(node, cost): (&Node, &Option<Cost>)| match (cost, node.region()) {
        (None, _) => Estimate::default(),
        (Some(cost), None) => fusion.kernel(node, cost, profile),
        (Some(cost), Some(region)) => fusion.region(node, region, cost, profile),
    };
    g.nodes().iter().zip(costs).map(node).collect()
}

/// Which values stay in registers when elementwise operations run together.
struct Fusion<'a> {
    g: &'a Graph,
    /// The values that exist once for each of `n` vectors.
    repeated: &'a [bool],
    n: usize,
    is_output: Vec<bool>,
    /// The cost of each node that the outputs need.
    costs: Vec<Option<Cost>>,
    /// Whether a value stays in registers: every user is elementwise as well, or ends the kernel with a reduction.
    stays: Vec<bool>,
    /// The value whose memory a value is a view of.
    base: Vec<ValueId>,
}

impl<'a> Fusion<'a> {
    fn of(g: &'a Graph, repeated: &'a [bool], n: usize) -> Fusion<'a> {
        let mut fusion = Fusion {
            g,
            repeated,
            n,
            is_output: g.output_marks(),
            costs: vec![None; g.nodes().len()],
            stays: vec![false; g.len()],
            base: g.ids().collect(),
        };
        let live = g.live();
        for (k, node) in g.nodes().iter().enumerate() {
            if !matches!(node.op, Op::Input(_) | Op::Const(_) | Op::Iota(_)) && node.runs(&live) {
                let cost = g.cost(node);
                fusion.costs[k] = Some(cost);
                fusion.meet(node, cost);
            }
        }
        fusion
    }

    /// How often a value exists.
    fn times(&self, id: ValueId) -> u64 {
        match self.repeated[id.index()] {
            true => self.n as u64,
            false => 1,
        }
    }

    /// The number of times that a node runs.
    fn times_of(&self, node: &Node) -> u64 {
        node.results().map(|v| self.times(v)).max().unwrap_or(1)
    }

    /// Notes how a node uses its operands.
    fn meet(&mut self, node: &Node, cost: Cost) {
        // A node that holds programs or has several results does not fuse.
        if node.region().is_some() || node.types().len() != 1 {
            for o in &node.operands {
                self.stays[o.index()] = false;
            }
            return;
        }
        let fuses = |w: Work| matches!(w, Work::Arithmetic | Work::Transcendental);
        let (g, id) = (self.g, node.result());
        if let Op::Layout(_) = node.op {
            self.base[id.index()] = self.base[node.operands[0].index()];
        }
        for o in &node.operands {
            let with = match cost.work {
                Work::Reduction => true,
                w => fuses(w) && g.shape(*o) == g.shape(id) && self.times(*o) == self.times(id),
            };
            self.stays[o.index()] &= with;
        }
        self.stays[id.index()] = fuses(cost.work) && !self.is_output[id.index()];
    }

    fn region(&self, node: &Node, region: &Region, cost: &Cost, profile: &Profile) -> Estimate {
        let repeated = |o: &ValueId| self.repeated[o.index()];
        let marked: Vec<bool> = node.operands.iter().map(repeated).collect();
        let mut inside = match marked.contains(&true) && self.n > 1 {
            false => Estimate {
                operations: cost.operations,
                ..regions::estimate_region(region, profile)
            },
            true => regions::estimate_region_vectors(region, &marked, self.n, profile),
        };
        inside.seconds += profile.launch;
        inside
    }

    fn kernel(&self, node: &Node, cost: &Cost, profile: &Profile) -> Estimate {
        let bytes = self.read(node, cost) + self.written(node, cost);
        let operations = cost.operations.saturating_mul(self.times_of(node));
        let seconds = match &node.op {
            Op::Contract(c) => self.product(node, c, profile),
            _ => operations as f64 / profile.rate(cost.work),
        };
        let moving = bytes as f64 / profile.bandwidth(bytes);
        let launch = if bytes > 0 { profile.launch } else { 0.0 };
        Estimate {
            operations,
            bytes,
            seconds: seconds.max(moving) + launch,
        }
    }

    /// Bytes that a node writes to memory.
    fn written(&self, node: &Node, cost: &Cost) -> u64 {
        let times = self.times_of(node);
        match cost.work {
            // A view costs nothing until it leaves the program.
            Work::View if node.has_marked(&self.is_output) => 2 * node.ty().bytes() as u64 * times,
            Work::View => 0,
            _ if node.has_marked(&self.stays) => 0,
            _ => cost.bytes_written * times,
        }
    }

    /// Bytes that a node reads from memory.
    fn read(&self, node: &Node, cost: &Cost) -> u64 {
        if cost.work == Work::View {
            return 0;
        }
        let g = self.g;
        let of = |&o: &ValueId| {
            let base = self.base[o.index()];
            match g.maker(base).op {
                Op::Const(_) | Op::Iota(_) => 0,
                _ if self.stays[o.index()] => 0,
                // Elements that are read repeatedly come from the cache.
                _ => g.ty(base).bytes().min(g.ty(o).bytes()) as u64 * self.times(o),
            }
        };
        node.operands.iter().map(of).sum()
    }

    /// Seconds of a product. The operand that depends on the vectors holds them side by side.
    fn product(&self, node: &Node, c: &Contract, profile: &Profile) -> f64 {
        let [left, right] = [node.operands[0], node.operands[1]];
        let (b, m, k, n) = c.sizes(self.g.ty(left), self.g.ty(right));
        let (m, n) = (
            m * self.times(left) as usize,
            n * self.times(right) as usize,
        );
        match c.symmetric && self.times(node.result()) == 1 {
            true => profile.symmetric_product(node.ty().dtype, k, n),
            false => profile.product(node.ty().dtype, b, m, k, n),
        }
    }
}
