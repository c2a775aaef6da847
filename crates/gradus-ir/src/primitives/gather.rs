//! Elements picked by an index array, and sums back into the indexed positions.
//!
//! With operand `[B…, P…, N, Q…]` and indices `[B…, I…]`, `take` gives `[B…, P…, I…, Q…]`:
//! along axis `N` the element with the index, for each position of the shared leading dimensions `B`.
//! `scatter_add` is its transpose. Indices must lie in `0..N`; others are an error when it runs.

use super::layout::prepend;
use super::{
    Batch, Contribution, Cost, Jvp, Linearity, Op, Push, Pushed, SingleResult, Transpose, Work,
    arity,
};
use crate::attributes::Attributes;
use crate::block::Block;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, ValueId};
use crate::types::{Dims, Literal, Type};

/// Indexing along one axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Gather {
    /// `take(x, indices)`
    Take {
        /// The number of leading dimensions that operand and indices share.
        batch: usize,
        /// The indexed axis of the operand, counted from its first axis.
        axis: usize,
    },
    /// `scatter_add(whole, indices, updates)`: `whole` with each update added at
    /// the position of its index; positions can repeat.
    ScatterAdd {
        /// The number of leading dimensions that all operands share.
        batch: usize,
        /// The indexed axis of `whole`, counted from its first axis.
        axis: usize,
    },
}

impl Gather {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Op>> {
        if !matches!(name, "take" | "scatter_add") {
            return None;
        }
        let parsed = a.get_size(name, "batch").and_then(|batch| {
            let axis = a.get_size(name, "axis")?;
            Ok(Op::Gather(match name {
                "take" => Gather::Take { batch, axis },
                _ => Gather::ScatterAdd { batch, axis },
            }))
        });
        Some(parsed)
    }

    fn batch_and_axis(&self) -> (usize, usize) {
        match self {
            Gather::Take { batch, axis } | Gather::ScatterAdd { batch, axis } => (*batch, *axis),
        }
    }

    /// The shape of the picked elements.
    fn picked(&self, x: &Type, indices: &Type) -> Result<Dims> {
        let (name, (batch, axis)) = (self.name(), self.batch_and_axis());
        if !indices.dtype.is_integer() {
            return Err(Error::new(
                ErrorKind::DType,
                format!("{name}: indices must be integers, got {indices}"),
            ));
        }
        if axis >= x.rank() || axis < batch {
            return Err(Error::new(
                ErrorKind::Axis,
                format!("{name}: axis {axis} of an array {x} with {batch} batch dimensions"),
            ));
        }
        if indices.rank() < batch || indices.shape[..batch] != x.shape[..batch] {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "{name}: {x} and indices {indices} must agree in their first {batch} sizes"
                ),
            ));
        }
        let mut shape = Dims::from_slice(&x.shape[..axis]);
        shape.extend_from_slice(&indices.shape[batch..]);
        shape.extend_from_slice(&x.shape[axis + 1..]);
        Ok(shape)
    }
}

impl Gather {
    /// The derivative `x` of the elements that are picked or put in place.
    fn move_block(&self, g: &mut Graph, x: Block, indices: ValueId, target: Dims) -> Block {
        let (batch, axis) = self.batch_and_axis();
        let picked = g.ty(indices).rank() - batch;
        // The axes that the operation replaces by others.
        let (from, to) = match self {
            Gather::Take { .. } => (1, picked),
            Gather::ScatterAdd { .. } => (picked, 1),
        };
        let x = x.expanded(g, |_, a| !(axis..axis + from).contains(&a));
        // The free axes of the source stand behind those that the indices share.
        let lead = x.lead();
        let rank = lead + x.target.len();
        let shared = lead..lead + batch;
        let order: Dims = shared.chain(0..lead).chain(lead + batch..rank).collect();
        let tensor = g.transpose(x.tensor, &order);
        let moved = match self {
            Gather::Take { .. } => {
                let axis = lead + axis;
                g.emit(Op::Gather(Gather::Take { batch, axis }), &[tensor, indices])
            }
            Gather::ScatterAdd { .. } => {
                let mut shape = Dims::from_slice(&target[..batch]);
                shape.extend_from_slice(&x.lead_shape());
                shape.extend_from_slice(&target[batch..]);
                let zero = Literal::from_f64(g.ty(tensor).dtype, 0.0);
                let whole = g.constant(zero, &shape);
                let axis = lead + axis;
                let add = Op::Gather(Gather::ScatterAdd { batch, axis });
                g.emit(add, &[whole, indices, tensor])
            }
        };
        let rank = lead + target.len();
        let free = batch..batch + lead;
        let order: Dims = free.chain(0..batch).chain(batch + lead..rank).collect();
        let behind = |a: usize| if a < axis { a } else { a + to - from };
        Block {
            tensor: g.transpose(moved, &order),
            diagonal: x.diagonal.iter().map(|&(s, a)| (s, behind(a))).collect(),
            target,
            source: x.source,
        }
    }
}

impl SingleResult for Gather {
    fn name(&self) -> &'static str {
        match self {
            Gather::Take { .. } => "take",
            Gather::ScatterAdd { .. } => "scatter_add",
        }
    }

    fn attributes(&self) -> Attributes {
        let (batch, axis) = self.batch_and_axis();
        Attributes::default()
            .int("batch", batch as i64)
            .int("axis", axis as i64)
    }

    fn result(&self, operands: &[&Type]) -> Result<Type> {
        match self {
            Gather::Take { .. } => {
                arity("take", operands, 2)?;
                let shape = self.picked(operands[0], operands[1])?;
                Ok(operands[0].with_shape(&shape))
            }
            Gather::ScatterAdd { .. } => {
                arity("scatter_add", operands, 3)?;
                let (whole, indices, updates) = (operands[0], operands[1], operands[2]);
                let picked = whole.with_shape(&self.picked(whole, indices)?);
                if *updates != picked {
                    return Err(Error::new(
                        ErrorKind::Shape,
                        format!(
                            "scatter_add: updates {updates} for indices {indices} into {whole}; they must be {picked}"
                        ),
                    ));
                }
                if whole.dtype == crate::types::DType::Bool {
                    return Err(Error::new(
                        ErrorKind::DType,
                        format!(
                            "scatter_add: takes numbers, got {whole}; convert it first with `astype`"
                        ),
                    ));
                }
                Ok(whole.clone())
            }
        }
    }

    fn jvp(&self, cx: &mut Jvp<'_>) -> Option<ValueId> {
        let indices = cx.operands[1];
        match self {
            Gather::Take { .. } => {
                let t = cx.tangents[0]?;
                Some(cx.graph.emit(Op::Gather(self.clone()), &[t, indices]))
            }
            Gather::ScatterAdd { .. } => {
                let whole = cx.tangent_or_zero(0);
                let Some(updates) = cx.tangents[2] else {
                    return Some(whole);
                };
                Some(
                    cx.graph
                        .emit(Op::Gather(self.clone()), &[whole, indices, updates]),
                )
            }
        }
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let indices = cx.operands[1];
        match self {
            Gather::Take { batch, axis } => {
                let part = Contribution::Scatter {
                    op: Gather::ScatterAdd {
                        batch: *batch,
                        axis: *axis,
                    },
                    indices,
                    part: cx.cotangent(),
                };
                cx.contributions.push((0, part));
                Linearity::Linear
            }
            Gather::ScatterAdd { batch, axis } => {
                if cx.linear[0] {
                    cx.give(0, cx.cotangent());
                }
                if cx.linear[2] {
                    let take = Gather::Take {
                        batch: *batch,
                        axis: *axis,
                    };
                    let ct = cx.graph.emit(Op::Gather(take), &[cx.cotangent(), indices]);
                    cx.give(2, ct);
                }
                Linearity::Jointly
            }
        }
    }

    fn batch(&self, cx: &mut Batch<'_>) -> ValueId {
        let (batch, axis) = self.batch_and_axis();
        if let (Gather::Take { .. }, [true, false], 0) = (self, cx.batched, batch) {
            // The indices are the same for every row: the new axis is one of the axes in front.
            let take = Gather::Take {
                batch: 0,
                axis: axis + 1,
            };
            return cx.graph.emit(Op::Gather(take), cx.operands);
        }
        if let (Gather::Take { .. }, [false, true], 0) = (self, cx.batched, batch) {
            // More indices into the same array: their new axis comes out after the axes before the indexed one.
            let picked = cx.graph.emit(Op::Gather(self.clone()), cx.operands);
            let rank = cx.graph.ty(picked).rank();
            let order = prepend(axis, (0..rank).filter(|&a| a != axis));
            return cx.graph.transpose(picked, &order);
        }
        let operands = cx.all_with_axis();
        let (batch, axis) = (batch + 1, axis + 1);
        let op = match self {
            Gather::Take { .. } => Gather::Take { batch, axis },
            Gather::ScatterAdd { .. } => Gather::ScatterAdd { batch, axis },
        };
        cx.graph.emit(Op::Gather(op), &operands)
    }

    /// Elements move only along the indexed axis, so all other diagonal axes stay diagonal.
    /// A permutation of rows then has one entry in each row of each block.
    fn push(&self, cx: Push<'_>) -> Block {
        let moved = match self {
            Gather::Take { .. } => 0,
            Gather::ScatterAdd { .. } => 2,
        };
        // A sum with something other than zeros does not have this structure.
        let is_alone = moved == 0 || !matches!(cx.operands[0], Pushed::Active(_)) && cx.is_zero(0);
        let (true, Pushed::Active(x), Pushed::Fixed(indices)) =
            (is_alone, &cx.operands[moved], &cx.operands[1])
        else {
            return cx.block_by_rows(|batch| self.batch(batch));
        };
        let (x, indices, target) = (x.clone(), *indices, cx.results[0].shape.clone());
        self.move_block(cx.graph, x, indices, target)
    }

    fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
        match self {
            Gather::Take { .. } => {
                let mut cost = Cost::new(Work::Indexing, 0, operands, result);
                cost.bytes_read = (result.bytes() + operands[1].bytes()) as u64;
                cost
            }
            Gather::ScatterAdd { .. } => {
                let updates = operands[2];
                let mut cost = Cost::new(Work::Indexing, updates.elements(), operands, result);
                // The operation works in place: each update reads and writes one element.
                let touched = updates.bytes().saturating_mul(2);
                cost.bytes_read = touched.saturating_add(operands[1].bytes()) as u64;
                cost.bytes_written = updates.bytes() as u64;
                cost
            }
        }
    }
}
