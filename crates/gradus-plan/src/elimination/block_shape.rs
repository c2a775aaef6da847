//! The shapes of blocks, from which the cost of joining two follows.

use crate::cost::CostMetric;
use gradus_ir::block::{Block, Carried};
use gradus_ir::{DType, Dims, Graph};
use smallvec::SmallVec;
use std::collections::HashMap;

/// The shape of a [`Block`], from which the cost of a product or a sum follows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct BlockShape {
    pub dtype: DType,
    pub source: Dims,
    pub target: Dims,
    /// Pairs of a source axis and the target axis that follows it.
    pub diagonal: SmallVec<[(usize, usize); 4]>,
    /// Whether it is the derivative of an array by itself. A product with such a block costs nothing.
    pub unit: bool,
}

impl BlockShape {
    pub fn of(g: &Graph, block: &Block) -> BlockShape {
        let follows = |a: usize| block.source_axis_of(a).is_some() || block.target[a] == 1;
        let one = g.literal(block.tensor).is_some_and(|v| v.is(1.0));
        BlockShape {
            dtype: g.ty(block.tensor).dtype,
            source: block.source.clone(),
            target: block.target.clone(),
            diagonal: block.diagonal.iter().copied().collect(),
            unit: one && (0..block.target.len()).all(follows),
        }
    }

    /// How many vectors the block has: the product of the sizes of the source axes that are not diagonal.
    pub fn vectors(&self) -> usize {
        let free = |s: &usize| self.diagonal.iter().all(|(t, _)| t != s);
        (0..self.source.len())
            .filter(free)
            .map(|s| self.source[s])
            .product()
    }

    /// How many vectors the transposed block has.
    pub fn covectors(&self) -> usize {
        let free = |a: &usize| self.diagonal.iter().all(|(_, t)| t != a);
        (0..self.target.len())
            .filter(free)
            .map(|a| self.target[a])
            .product()
    }

    /// Numbers in the tensor.
    pub fn elements(&self) -> usize {
        self.vectors() * self.target.iter().product::<usize>()
    }

    fn retargeted(&self, shape: &Dims) -> BlockShape {
        if self.target == *shape {
            return self.clone();
        }
        let carried = Carried::over(&self.source, &self.target, &self.diagonal, shape);
        BlockShape {
            dtype: self.dtype,
            source: carried.source,
            target: shape.clone(),
            diagonal: carried.diagonal.into_iter().collect(),
            unit: self.unit,
        }
    }

    /// The shape of [`Block::product`], and the cost of the product.
    pub fn product(
        outer: &BlockShape,
        inner: &BlockShape,
        metric: CostMetric<'_>,
    ) -> (BlockShape, f64) {
        let inner = inner.retargeted(&outer.source);
        let through = |i: usize| {
            outer
                .diagonal
                .iter()
                .find(|(t, _)| *t == i)
                .map(|(_, a)| *a)
        };
        let mut diagonal: SmallVec<[(usize, usize); 4]> = SmallVec::new();
        for &(s, i) in &inner.diagonal {
            if let Some(a) = through(i) {
                diagonal.push((s, a));
            }
        }
        let shape = BlockShape {
            dtype: outer.dtype,
            source: inner.source.clone(),
            target: outer.target.clone(),
            diagonal,
            unit: outer.unit && inner.unit,
        };
        if outer.unit || inner.unit {
            return (shape, 0.0);
        }
        let (mut batch, mut summed) = (1, 1);
        let mut sums = false;
        for (i, &size) in outer.source.iter().enumerate() {
            match through(i).is_some() || inner.diagonal.iter().any(|(_, t)| *t == i) {
                true => batch *= size,
                false => {
                    summed *= size;
                    sums = true;
                }
            }
        }
        let cost = match sums {
            true => metric.product(
                shape.dtype,
                batch,
                outer.covectors(),
                summed,
                inner.vectors(),
            ),
            false => metric.elementwise(shape.dtype, shape.elements() as f64),
        };
        (shape, cost)
    }

    /// The shape of [`Block::sum`], and the cost of the sum.
    pub fn sum(a: &BlockShape, b: &BlockShape, metric: CostMetric<'_>) -> (BlockShape, f64) {
        let mut shape = a.clone();
        shape.unit = false;
        if a.source == b.source {
            shape.diagonal.retain(|t| b.diagonal.contains(t));
        } else {
            let n: usize = a.source.iter().product();
            shape.source = Dims::from_slice(&[n]);
            shape.diagonal.clear();
        }
        let cost = metric.elementwise(shape.dtype, shape.elements() as f64);
        (shape, cost)
    }
}

/// All shapes found in a search, by number, so that each pair is costed once.
pub(super) struct BlockShapes<'a> {
    metric: CostMetric<'a>,
    all: Vec<BlockShape>,
    numbers: HashMap<BlockShape, u32>,
    products: HashMap<(u32, u32), (u32, f64)>,
    sums: HashMap<(u32, u32), (u32, f64)>,
}

impl<'a> BlockShapes<'a> {
    pub fn new(metric: CostMetric<'a>) -> BlockShapes<'a> {
        BlockShapes {
            metric,
            all: Vec::new(),
            numbers: HashMap::new(),
            products: HashMap::new(),
            sums: HashMap::new(),
        }
    }

    pub fn get(&self, k: u32) -> &BlockShape {
        &self.all[k as usize]
    }

    pub fn number(&mut self, shape: BlockShape) -> u32 {
        let next = self.all.len() as u32;
        *self.numbers.entry(shape).or_insert_with_key(|shape| {
            self.all.push(shape.clone());
            next
        })
    }

    pub fn product(&mut self, outer: u32, inner: u32) -> (u32, f64) {
        if let Some(&known) = self.products.get(&(outer, inner)) {
            return known;
        }
        let (shape, cost) = BlockShape::product(self.get(outer), self.get(inner), self.metric);
        let found = (self.number(shape), cost);
        self.products.insert((outer, inner), found);
        found
    }

    pub fn sum(&mut self, a: u32, b: u32) -> (u32, f64) {
        if let Some(&known) = self.sums.get(&(a, b)) {
            return known;
        }
        let (shape, cost) = BlockShape::sum(self.get(a), self.get(b), self.metric);
        let found = (self.number(shape), cost);
        self.sums.insert((a, b), found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::estimate;
    use crate::options::Objective;
    use crate::profile::Profile;
    use gradus_ir::Type;

    /// The shape arithmetic of products and sums agrees with the blocks and with the operations of the graph.
    #[test]
    fn shapes_are_those_of_blocks() {
        let profile = Profile::default();
        let metric = CostMetric {
            profile: &profile,
            objective: Objective::Operations,
        };
        let shapes: [&[usize]; 5] = [&[6], &[2, 3], &[3, 2], &[4], &[2, 2]];
        let mut checked = 0;
        for (source, middle, target) in (0..125).map(|k| (k / 25, k / 5 % 5, k % 5)) {
            for (diagonal_in, diagonal_out) in (0..16).map(|k| (k / 4, k % 4)) {
                let mut g = Graph::new();
                let (u, w, v) = (shapes[source], shapes[middle], shapes[target]);
                let inner = block(&mut g, u, w, diagonal_in);
                let outer = block(&mut g, w, v, diagonal_out);
                let (shape, cost) = BlockShape::product(
                    &BlockShape::of(&g, &outer),
                    &BlockShape::of(&g, &inner),
                    metric,
                );
                let made = Block::product(&mut g, outer.clone(), inner);
                assert_eq!(shape, BlockShape::of(&g, &made));
                assert_eq!(shape.elements(), g.ty(made.tensor).elements());
                g.set_outputs(vec![made.tensor]);
                assert_eq!(cost, estimate(&g, &profile).operations as f64);
                let other = block(&mut g, w, v, diagonal_in);
                let (shape, cost) = BlockShape::sum(
                    &BlockShape::of(&g, &outer),
                    &BlockShape::of(&g, &other),
                    metric,
                );
                let made = Block::sum(&mut g, outer, other);
                assert_eq!(shape, BlockShape::of(&g, &made));
                g.set_outputs(vec![made.tensor]);
                assert_eq!(cost, estimate(&g, &profile).operations as f64);
                checked += 1;
            }
        }
        assert_eq!(checked, 2000);
    }

    /// A block without values. Its diagonal axes are equal axes of both shapes, chosen by the bits of `wanted`.
    fn block(g: &mut Graph, source: &[usize], target: &[usize], wanted: usize) -> Block {
        let diagonal: Vec<(usize, usize)> = (0..source.len().min(target.len()))
            .filter(|&a| source[a] == target[a] && wanted >> a & 1 == 1)
            .map(|a| (a, a))
            .collect();
        let mut block = Block {
            tensor: g.input(Type::scalar(DType::F64)),
            source: Dims::from_slice(source),
            target: Dims::from_slice(target),
            diagonal,
        };
        let mut shape = block.lead_shape();
        shape.extend_from_slice(target);
        block.tensor = g.input(Type::new(DType::F64, &shape));
        block
    }
}
