//! The interface of rules for [`Block`]s, which push derivatives through
//! an operation without their structural zeros.

use super::{Batch, Op, PerResult, Transforms};
use crate::block::Block;
use crate::graph::{Graph, ValueId};
use crate::types::{Dims, Literal, Type};
use smallvec::SmallVec;

/// The derivative of an operand or a result.
#[derive(Clone, Debug)]
pub enum Pushed {
    /// Its derivative by the source.
    Active(Block),
    /// An array of this type with zero derivative: it depends only on linear inputs that are not pushed.
    Zero(Type),
    /// An array that does not depend on any linear input.
    Fixed(ValueId),
}

impl Pushed {
    /// The operands as arrays; active operands have one row for each source element.
    /// Also returns which operands are active, and the number of rows.
    pub fn rows(
        g: &mut Graph,
        operands: Vec<Pushed>,
    ) -> (Vec<ValueId>, SmallVec<[bool; 3]>, usize) {
        let flags = operands
            .iter()
            .map(|o| matches!(o, Pushed::Active(_)))
            .collect();
        let mut n = 0;
        let ids: Vec<ValueId> = operands
            .into_iter()
            .map(|o| match o {
                Pushed::Active(x) => {
                    let flat = x.flat(g);
                    n = flat.source[0];
                    flat.tensor
                }
                Pushed::Fixed(x) => x,
                Pushed::Zero(ty) => g.constant(Literal::from_f64(ty.dtype, 0.0), &ty.shape),
            })
            .collect();
        (ids, flags, n)
    }
}

/// The input of a rule for blocks.
pub struct Push<'a> {
    /// The graph to which the rule appends nodes.
    pub graph: &'a mut Graph,
    /// The transforms of programs, for operations that hold some.
    pub transforms: &'a mut dyn Transforms,
    /// The operands; at least one is active. The operation can be nonlinear in them, because a backward rule written
    /// by a user can, for example, square a cotangent. A rule that relies on linearity checks [first](Self::is_fixed).
    pub operands: Vec<Pushed>,
    /// The types of the results.
    pub results: &'a [Type],
}

impl<'a> Push<'a> {
    /// Whether operand `k` does not depend on any linear input.
    pub fn is_fixed(&self, k: usize) -> bool {
        matches!(self.operands[k], Pushed::Fixed(_))
    }

    /// Whether operand `k` is zero wherever its derivative is zero. A fixed operand must be the number 0.
    pub fn is_zero(&self, k: usize) -> bool {
        match self.operands[k] {
            Pushed::Fixed(x) => self.graph.literal(x).is_some_and(|v| v.as_f64() == 0.0),
            _ => true,
        }
    }

    /// The shape of operand `k`.
    pub fn shape(&self, k: usize) -> Dims {
        match &self.operands[k] {
            Pushed::Active(x) => x.target.clone(),
            Pushed::Fixed(x) => self.graph.ty(*x).shape.clone(),
            Pushed::Zero(ty) => ty.shape.clone(),
        }
    }

    /// The operand of an operation with one operand.
    pub fn only(self) -> (&'a mut Graph, Block, &'a Type) {
        match self.operands.into_iter().next() {
            Some(Pushed::Active(block)) => (self.graph, block, &self.results[0]),
            _ => unreachable!("the only operand is active"),
        }
    }

    /// Applies `op` to the tensors. Correct only if `op` is elementwise, linear in all active operands together, and
    /// zero where all of them are zero.
    pub fn elementwise(mut self, op: Op) -> Block {
        let common = self.aligned();
        let g = self.graph;
        let ids: Vec<ValueId> = self
            .operands
            .into_iter()
            .map(|o| match o {
                Pushed::Active(block) => block.tensor,
                Pushed::Zero(_) => g.constant_like(0.0, common.tensor),
                Pushed::Fixed(x) => beside(g, x, &common),
            })
            .collect();
        let tensor = g.emit(op, &ids);
        Block { tensor, ..common }
    }

    /// Brings all active operands to one layout and returns one of them. If their sources differ, the source becomes
    /// one axis. Zeros of diagonal axes that some operand lacks are written out.
    pub fn aligned(&mut self) -> Block {
        let blocks: Vec<&Block> = self
            .operands
            .iter()
            .filter_map(|o| match o {
                Pushed::Active(b) => Some(b),
                _ => None,
            })
            .collect();
        let same_source = blocks.windows(2).all(|w| w[0].source == w[1].source);
        let diagonal: Vec<(usize, usize)> = blocks[0]
            .diagonal
            .iter()
            .copied()
            .filter(|t| same_source && blocks.iter().all(|b| b.diagonal.contains(t)))
            .collect();
        let mut common = None;
        for operand in &mut self.operands {
            if let Pushed::Active(block) = operand {
                let b = block.clone();
                let b = if same_source { b } else { b.flat(self.graph) };
                *block = b.expanded(self.graph, |s, a| diagonal.contains(&(s, a)));
                common = Some(block.clone());
            }
        }
        common.expect("an operand is active")
    }

    /// Writes out all zeros, one row for each source element, and applies the operation's batching rule.
    pub fn by_rows(
        self,
        batch: impl FnOnce(&mut Batch<'_>) -> PerResult<(ValueId, bool)>,
    ) -> PerResult<Pushed> {
        let (ids, flags, n) = Pushed::rows(self.graph, self.operands);
        let results = batch(&mut Batch {
            graph: self.graph,
            transforms: self.transforms,
            operands: &ids,
            batched: &flags,
            size: n,
        });
        let results = results.into_iter().zip(self.results);
        let pushed = results.map(|((tensor, has_rows), ty)| match has_rows {
            true => Pushed::Active(Block::of_rows(tensor, n, &ty.shape)),
            false => Pushed::Fixed(tensor),
        });
        pushed.collect()
    }

    /// Like [`by_rows`](Self::by_rows), for operations with one result.
    pub fn block_by_rows(self, batch: impl FnOnce(&mut Batch<'_>) -> ValueId) -> Block {
        let (ids, flags, n) = Pushed::rows(self.graph, self.operands);
        let tensor = batch(&mut Batch {
            graph: self.graph,
            transforms: self.transforms,
            operands: &ids,
            batched: &flags,
            size: n,
        });
        Block::of_rows(tensor, n, &self.results[0].shape)
    }
}

/// `x`, which has the target's shape, with the layout of a block's tensor: repeated along the free source axes.
fn beside(g: &mut Graph, x: ValueId, like: &Block) -> ValueId {
    let mut shape = like.lead_shape();
    let lead = shape.len();
    shape.extend_from_slice(g.shape(x).to_vec().as_slice());
    let axes: Vec<usize> = (lead..shape.len()).collect();
    g.broadcast(x, &shape, &axes)
}
