//! The cost of carrying vectors through a segment.

use crate::cost::{CostMetric, estimate_region_vectors};
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Graph, Op, Type, ValueId};

/// The number of vectors that shows the cost of each further vector in a loop, a branch or a call.
const MANY: usize = 16;

/// The cost of carrying vectors through a segment, in either direction:
/// a product is transposed to a product, every other operation to one of equal cost.
#[derive(Clone, Default)]
pub(super) struct VectorCost {
    dtype: Option<DType>,
    /// Sizes of products. The last one is multiplied by the number of vectors.
    products: Vec<(usize, usize, usize, usize)>,
    /// The cost of all other operations, for one vector and for each further one.
    rest: (f64, f64),
}

impl VectorCost {
    pub fn of(segment: &Graph, starts: &[ValueId], metric: CostMetric<'_>) -> VectorCost {
        let active = segment.dependents_of(starts);
        let live = segment.live();
        let mut cost = VectorCost::default();
        for node in segment.nodes() {
            let on_path = |v: &ValueId| active[v.index()] && live[v.index()];
            let first = node.results().find(on_path);
            if first.is_none_or(|id| starts.contains(&id)) {
                continue;
            }
            if let Op::Region(region) = &node.op {
                let marked: Vec<bool> = (node.operands.iter()).map(|o| active[o.index()]).collect();
                let of = |n| metric.of(estimate_region_vectors(region, &marked, n, metric.profile));
                let (one, many) = (of(1), of(MANY));
                cost.rest.0 += one;
                cost.rest.1 += (many - one) / (MANY - 1) as f64;
                continue;
            }
            // Of several results the first is the values.
            let ty = &node.types()[0];
            cost.dtype = Some(ty.dtype);
            let types: Vec<&Type> = node.operands.iter().map(|&o| segment.ty(o)).collect();
            if let Op::Contract(c) = &node.op {
                let (b, m, k, n) = c.sizes(types[0], types[1]);
                cost.products.push(match active[node.operands[0].index()] {
                    true => (b, n, k, m),
                    false => (b, m, k, n),
                });
                continue;
            }
            let own = segment.cost(node);
            if own.work == Work::View {
                continue;
            }
            let amount = match own.work {
                Work::Copy => ty.elements() as f64,
                _ => own.operations as f64,
            };
            let one = metric.elementwise(ty.dtype, amount);
            let two = metric.elementwise(ty.dtype, 2.0 * amount);
            cost.rest.0 += one;
            cost.rest.1 += two - one;
        }
        cost
    }

    /// The cost of `n` vectors.
    pub fn of_vectors(&self, n: usize, metric: CostMetric<'_>) -> f64 {
        let Some(dtype) = self.dtype else { return 0.0 };
        let products = self.products.iter();
        let products: f64 = products
            .map(|&(b, m, k, own)| metric.product(dtype, b, m, k, own * n))
            .sum();
        products + self.rest.0 + self.rest.1 * (n as f64 - 1.0).max(0.0)
    }
}
