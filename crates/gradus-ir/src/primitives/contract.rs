//! The general product: batch dimensions run in parallel, contracted ones are summed over.
//!
//! `y[b, i, j] = Σ_c x[b, i, c] · z[b, j, c]`, for operand axes in any order.
//! It is bilinear: its JVP and both transposes are products of the same kind.
//! `matmul`, `einsum`, `dot` and `outer` are composed from it.

use super::layout::inverse_permutation;
use super::{Batch, Cost, Jvp, Linearity, Op, Push, Pushed, SingleResult, Transpose, Work, arity};
use crate::attributes::Attributes;
use crate::block::{Block, Label, einsum};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::types::{DType, Dims, Type};

/// The axes of the two operands that belong together.
/// The result has the batch axes (in the order given), then the other axes of the left operand,
/// then the other axes of the right one.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Contract {
    /// Batch axes of the left operand.
    pub batch_left: Dims,
    /// Their counterparts of the right operand.
    pub batch_right: Dims,
    /// Summed axes of the left operand.
    pub contract_left: Dims,
    /// Their counterparts of the right operand.
    pub contract_right: Dims,
    /// Whether the result is a symmetric matrix by construction,
    /// with the rows of the left operand and the columns of the right one. Then only half of it need be computed.
    /// Its derivatives and batches are plain products.
    pub symmetric: bool,
}

/// A label for each axis of a product. Axes that belong together have equal labels.
/// The labels number the batch axes, then the summed axes, then the free axes of the left operand,
/// then the free axes of the right one.
struct AxisLabels {
    left: Vec<Label>,
    right: Vec<Label>,
    result: Vec<Label>,
    /// The number of labels.
    count: usize,
}

impl Contract {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        if name != "contract" {
            return None;
        }
        Some(a.get_dims(name, "batch_left").and_then(|batch_left| {
            let contract = Contract {
                batch_left,
                batch_right: a.get_dims(name, "batch_right")?,
                contract_left: a.get_dims(name, "contract_left")?,
                contract_right: a.get_dims(name, "contract_right")?,
                symmetric: a.has("symmetric") && a.get_int(name, "symmetric")? != 0,
            };
            Ok(Op::Contract(contract.into()))
        }))
    }

    /// The axes of the left operand that are neither batch nor summed.
    pub fn free_left(&self, rank: usize) -> Dims {
        free(rank, &self.batch_left, &self.contract_left)
    }

    /// The axes of the right operand that are neither batch nor summed.
    pub fn free_right(&self, rank: usize) -> Dims {
        free(rank, &self.batch_right, &self.contract_right)
    }

    /// The sizes of the equivalent batched matrix product `[batch, m, k] × [batch, k, n]`: `(batch, m, k, n)`.
    pub fn sizes(&self, left: &Type, right: &Type) -> (usize, usize, usize, usize) {
        let product = |t: &Type, axes: &[usize]| axes.iter().map(|&a| t.shape[a]).product();
        (
            product(left, &self.batch_left),
            product(left, &self.free_left(left.rank())),
            product(left, &self.contract_left),
            product(right, &self.free_right(right.rank())),
        )
    }

    /// Labels for each axis of operands of these ranks, and for the axes of the result.
    fn labels(&self, left_rank: usize, right_rank: usize) -> AxisLabels {
        let (free_left, free_right) = (self.free_left(left_rank), self.free_right(right_rank));
        let batch = self.batch_left.len();
        let shared = batch + self.contract_left.len();
        let mut left = vec![0; left_rank];
        let of_left = self.batch_left.iter().chain(&self.contract_left);
        for (label, &axis) in of_left.chain(&free_left).enumerate() {
            left[axis] = label;
        }
        let mut right = vec![0; right_rank];
        let of_right = self.batch_right.iter().chain(&self.contract_right);
        for (label, &axis) in of_right.enumerate() {
            right[axis] = label;
        }
        for (k, &axis) in free_right.iter().enumerate() {
            right[axis] = shared + free_left.len() + k;
        }
        let count = shared + free_left.len() + free_right.len();
        AxisLabels {
            left,
            right,
            result: (0..batch).chain(shared..count).collect(),
            count,
        }
    }

    /// Left and right exchanged. The result's free axes are exchanged as well.
    pub fn flipped(&self) -> Contract {
        Contract {
            batch_left: self.batch_right.clone(),
            batch_right: self.batch_left.clone(),
            contract_left: self.contract_right.clone(),
            contract_right: self.contract_left.clone(),
            symmetric: self.symmetric,
        }
    }

    /// The same product for other operands, whose result need not be symmetric.
    pub fn plain(&self) -> Contract {
        Contract {
            symmetric: false,
            ..self.clone()
        }
    }

    /// The cotangent of the left operand (of rank `rank`): `ct` times the right operand,
    /// summed over the right operand's free axes. `free_at` gives their positions in `ct`.
    fn cotangent_of_left(
        &self,
        g: &mut Graph,
        ct: ValueId,
        right: ValueId,
        rank: usize,
        free_at: usize,
    ) -> ValueId {
        let right_rank = g.ty(right).rank();
        let free_right = self.free_right(right_rank);
        let batch = self.batch_left.len();
        let back = Contract {
            batch_left: (0..batch).collect(),
            batch_right: self.batch_right.clone(),
            contract_left: (free_at..free_at + free_right.len()).collect(),
            contract_right: free_right,
            symmetric: false,
        };
        let product = g.emit(Op::Contract(back.into()), &[ct, right]);
        // Its axes are the batch axes, the left operand's free axes,
        // and the summed axes in the order of the right operand.
        let mut summed: Vec<(usize, usize)> = self
            .contract_right
            .iter()
            .copied()
            .zip(self.contract_left.iter().copied())
            .collect();
        summed.sort_unstable();
        let axes: Dims = self
            .batch_left
            .iter()
            .copied()
            .chain(self.free_left(rank))
            .chain(summed.into_iter().map(|(_, left)| left))
            .collect();
        g.transpose(product, &inverse_permutation(&axes))
    }
}

fn free(rank: usize, batch: &[usize], contract: &[usize]) -> Dims {
    (0..rank)
        .filter(|a| !batch.contains(a) && !contract.contains(a))
        .collect()
}

fn distinct_below(axes: impl Iterator<Item = usize>, rank: usize) -> bool {
    let mut seen = vec![false; rank];
    for a in axes {
        if a >= rank || seen[a] {
            return false;
        }
        seen[a] = true;
    }
    true
}

impl SingleResult for Contract {
    fn name(&self) -> &'static str {
        "contract"
    }

    fn attributes(&self) -> Attributes {
        let all = Attributes::default()
            .dims("batch_left", &self.batch_left)
            .dims("batch_right", &self.batch_right)
            .dims("contract_left", &self.contract_left)
            .dims("contract_right", &self.contract_right);
        match self.symmetric {
            true => all.int("symmetric", 1),
            false => all,
        }
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        arity("contract", operands, 2)?;
        let (x, z) = (operands[0], operands[1]);
        if x.dtype != z.dtype || x.dtype == DType::Bool {
            return Err(Error::new(
                ErrorKind::DType,
                format!("contract: {x} and {z}; both must have the same numeric element type"),
            ));
        }
        let left = self.batch_left.iter().chain(&self.contract_left).copied();
        let right = self.batch_right.iter().chain(&self.contract_right).copied();
        let fits = self.batch_left.len() == self.batch_right.len()
            && self.contract_left.len() == self.contract_right.len()
            && distinct_below(left, x.rank())
            && distinct_below(right, z.rank());
        if !fits {
            return Err(Error::new(
                ErrorKind::Axis,
                format!("contract: {self:?} does not name distinct axes of {x} and {z}"),
            ));
        }
        let pairs = self
            .batch_left
            .iter()
            .zip(&self.batch_right)
            .chain(self.contract_left.iter().zip(&self.contract_right));
        for (&l, &r) in pairs {
            if x.shape[l] != z.shape[r] {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "contract: axis {l} of {x} has size {}, axis {r} of {z} has size {}; they must be equal",
                        x.shape[l], z.shape[r]
                    ),
                ));
            }
        }
        let (batch, m, _, n) = self.sizes(x, z);
        if self.symmetric && (!self.batch_left.is_empty() || m != n) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "contract: {batch} products of {m} rows and {n} columns cannot be one symmetric matrix"
                ),
            ));
        }
        let mut shape: Dims = self.batch_left.iter().map(|&a| x.shape[a]).collect();
        shape.extend(self.free_left(x.rank()).iter().map(|&a| x.shape[a]));
        shape.extend(self.free_right(z.rank()).iter().map(|&a| z.shape[a]));
        Ok(x.with_shape(&shape))
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let op = || Op::Contract(self.plain().into());
        let (x, z) = (cx.operands[0], cx.operands[1]);
        let left = cx.tangents[0].map(|t| cx.graph.emit(op(), &[t, z]));
        let right = cx.tangents[1].map(|t| cx.graph.emit(op(), &[x, t]));
        match (left, right) {
            (Some(l), Some(r)) => Some(cx.graph.add_nodes(l, r)),
            (l, r) => l.or(r),
        }
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let (x, z) = (cx.operands[0], cx.operands[1]);
        let (x_rank, z_rank) = (cx.graph.ty(x).rank(), cx.graph.ty(z).rank());
        let batch = self.batch_left.len();
        match cx.linear {
            [true, false] => {
                let at = batch + self.free_left(x_rank).len();
                let ct = self.cotangent_of_left(cx.graph, cx.cotangent(), z, x_rank, at);
                cx.give(0, ct);
            }
            [false, true] => {
                let flipped = self.flipped();
                let ct = flipped.cotangent_of_left(cx.graph, cx.cotangent(), x, z_rank, batch);
                cx.give(1, ct);
            }
            _ => return Linearity::Nonlinear,
        }
        Linearity::Linear
    }

    fn push(&self, cx: Push<'_>) -> Block {
        let (x, fixed, active_left) = match cx.operands.as_slice() {
            [Pushed::Active(x), Pushed::Fixed(w)] => (x.clone(), *w, true),
            [Pushed::Fixed(w), Pushed::Active(x)] => (x.clone(), *w, false),
            _ => return cx.block_by_rows(|batch| self.batch(batch)),
        };
        let g = cx.graph;
        let (active_rank, fixed_rank) = (x.target.len(), g.ty(fixed).rank());
        let axes = match active_left {
            true => self.labels(active_rank, fixed_rank),
            false => self.labels(fixed_rank, active_rank),
        };
        let (own, other) = match active_left {
            true => (&axes.left, &axes.right),
            false => (&axes.right, &axes.left),
        };
        // The source's axes have labels after the labels of the operation.
        let of_source = |s: usize| axes.count + s;
        let mut labels: Vec<Label> = x.free().into_iter().map(of_source).collect();
        labels.extend(own);
        let mut diagonal: Vec<(usize, usize)> = Vec::new();
        let mut out: Vec<Label> = Vec::new();
        for s in 0..x.source.len() {
            match x.diagonal.iter().find(|(t, _)| *t == s) {
                None => out.push(of_source(s)),
                Some(&(_, a)) => match axes.result.iter().position(|&l| l == own[a]) {
                    Some(p) => diagonal.push((s, p)),
                    // The diagonal selects one term of the sum, so the axis stays as an axis of the source.
                    None => out.push(own[a]),
                },
            }
        }
        out.extend(&axes.result);
        let tensor = match active_left {
            true => einsum(g, (x.tensor, &labels), (fixed, other), &out),
            false => einsum(g, (fixed, other), (x.tensor, &labels), &out),
        };
        Block {
            tensor,
            target: cx.results[0].shape.clone(),
            diagonal,
            ..x
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let up = |axes: &Dims| axes.iter().map(|a| a + 1).collect::<Dims>();
        let mut op = self.plain();
        if cx.batched[0] {
            op.batch_left = up(&op.batch_left);
            op.contract_left = up(&op.contract_left);
        }
        if cx.batched[1] {
            op.batch_right = up(&op.batch_right);
            op.contract_right = up(&op.contract_right);
        }
        if cx.batched[0] && cx.batched[1] {
            op.batch_left.insert(0, 0);
            op.batch_right.insert(0, 0);
            return cx.graph.emit(Op::Contract(op.into()), cx.operands);
        }
        // The new axis is a free axis of its operand: the first of its group.
        let mut at = self.batch_left.len();
        if cx.batched[1] {
            at += self.free_left(cx.graph.ty(cx.operands[0]).rank()).len();
        }
        let product = cx.graph.emit(Op::Contract(op.into()), cx.operands);
        let rank = cx.graph.ty(product).rank();
        let order = super::layout::prepend(at, (0..rank).filter(|&a| a != at));
        cx.graph.transpose(product, &order)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        let (b, m, k, n) = self.sizes(operands[0], operands[1]);
        let operations = match self.symmetric {
            true => [m, k, n + 1].into_iter().fold(1, usize::saturating_mul),
            false => [b, m, k, n].into_iter().fold(2, usize::saturating_mul),
        };
        Cost::new(Work::Product, operations, operands, result)
    }
}
