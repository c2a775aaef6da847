//! The derivative of one array with respect to another, without its structural zeros.
//!
//! The derivative can be zero except where an axis of the target and an axis of the source have equal indices:
//! for elementwise functions, or functions of independent rows.
//! Such a pair of axes is *diagonal*; the tensor holds it once.
//! An identity is the number 1 with all axes diagonal.
//! The Jacobian of a function applied row by row is a tensor of blocks with diagonal rows.
//! The compressed Jacobians of J. Lohoff and E. Neftci ("Optimizing Automatic Differentiation with Deep
//! Reinforcement Learning", NeurIPS 2024) have the same idea.

use crate::graph::{Graph, ValueId};
use crate::primitives::{Contract, Op, Padding, Resize};
use crate::types::{DType, Dims, Literal};

/// The derivative `∂target/∂source`.
/// The axes of the tensor are the source axes that are not diagonal, then the axes of the target.
#[derive(Clone, Debug)]
pub struct Block {
    /// The elements that are not structural zeros.
    pub tensor: ValueId,
    /// The shape of the source; it can merge or split neighbouring axes of the array's own shape.
    pub source: Dims,
    /// The shape of the target.
    pub target: Dims,
    /// The diagonal axes: pairs of a source axis and the target axis that follows it, by source axis.
    pub diagonal: Vec<(usize, usize)>,
}

/// A label of an axis in [`einsum`].
pub type Label = usize;

impl Block {
    /// The derivative of an array with respect to itself.
    pub fn identity(g: &mut Graph, dtype: DType, shape: &[usize]) -> Block {
        let diagonal: Vec<(usize, usize)> = (0..shape.len())
            .filter(|&a| shape[a] != 1)
            .map(|a| (a, a))
            .collect();
        let ones = shape.len() - diagonal.len();
        let mut full = Dims::from_elem(1, ones);
        full.extend_from_slice(shape);
        let tensor = g.constant(Literal::from_f64(dtype, 1.0), &full);
        Block {
            tensor,
            source: Dims::from_slice(shape),
            target: Dims::from_slice(shape),
            diagonal,
        }
    }

    /// The source axes that are not diagonal, in order.
    pub fn free(&self) -> Vec<usize> {
        (0..self.source.len())
            .filter(|s| self.diagonal.iter().all(|(t, _)| t != s))
            .collect()
    }

    /// The number of source axes that are not diagonal: where the target's axes begin in the tensor.
    pub fn lead(&self) -> usize {
        self.source.len() - self.diagonal.len()
    }

    /// The sizes of the free source axes.
    pub fn lead_shape(&self) -> Dims {
        self.free().iter().map(|&s| self.source[s]).collect()
    }

    /// The source axis that target axis `a` follows.
    pub fn source_axis_of(&self, a: usize) -> Option<usize> {
        self.diagonal.iter().find(|(_, t)| *t == a).map(|(s, _)| *s)
    }

    /// The same derivative without the diagonal axes that `keep` refuses: their zeros are written out.
    pub fn expanded(self, g: &mut Graph, keep: impl Fn(usize, usize) -> bool) -> Block {
        let (kept, dropped): (Vec<_>, Vec<_>) = self
            .diagonal
            .iter()
            .copied()
            .partition(|&(s, a)| keep(s, a));
        if dropped.is_empty() {
            return self;
        }
        let lead = self.lead();
        let shape = g.ty(self.tensor).shape.clone();
        let at: Vec<usize> = dropped.iter().map(|&(_, a)| lead + a).collect();
        let rest: Vec<usize> = (0..shape.len()).filter(|p| !at.contains(p)).collect();
        let sizes: Vec<usize> = at.iter().map(|&p| shape[p]).collect();
        let n: usize = sizes.iter().product();
        let new = Block {
            diagonal: kept,
            ..self.clone()
        };
        let free = new.free();
        let mut full: Dims = free.iter().map(|&s| self.source[s]).collect();
        full.extend_from_slice(&self.target);
        if n == 0 {
            let zero = Literal::from_f64(g.ty(self.tensor).dtype, 0.0);
            let tensor = g.constant(zero, &full);
            return Block { tensor, ..new };
        }
        // With the diagonal axes in front as one axis of size n, writing n zeros between neighbours puts element i
        // at index i·(n+1) of n². This is (i, i) of n × n.
        let order: Vec<usize> = at.iter().chain(&rest).copied().collect();
        let front = g.transpose(self.tensor, &order);
        let mut flat = vec![n];
        flat.extend(rest.iter().map(|&p| shape[p]));
        let flat_node = g.reshape(front, &flat);
        let zero = g.constant(Literal::from_f64(g.ty(self.tensor).dtype, 0.0), &[]);
        let none = Dims::from_elem(0, flat.len());
        let mut interior = none.clone();
        interior[0] = n;
        let pad = Resize::from(Padding {
            low: none.clone(),
            high: none,
            interior,
        });
        let square = if n == 1 {
            flat_node
        } else {
            g.emit(Op::Resize(pad), &[flat_node, zero])
        };
        let mut both: Vec<usize> = sizes.iter().chain(&sizes).copied().collect();
        both.extend(rest.iter().map(|&p| shape[p]));
        let both = g.reshape(square, &both);
        // The position of each axis of the new tensor in the current one:
        // sources of the dropped pairs, their targets, the rest.
        let d = dropped.len();
        let old_free = self.free();
        let mut order: Vec<usize> = Vec::new();
        for s in &free {
            order.push(match dropped.iter().position(|(t, _)| t == s) {
                Some(k) => k,
                None => {
                    let p = position(&old_free, *s);
                    2 * d + position(&rest, p)
                }
            });
        }
        for a in 0..self.target.len() {
            order.push(match dropped.iter().position(|&(_, t)| t == a) {
                Some(k) => d + k,
                None => 2 * d + position(&rest, lead + a),
            });
        }
        let tensor = g.transpose(both, &order);
        Block { tensor, ..new }
    }

    /// The derivative with all zeros written out: the shape of the target, then `source`, the source's own shape.
    pub fn dense(self, g: &mut Graph, source: &[usize]) -> ValueId {
        // Flipped first, so that zeros are written between elements that stay neighbours.
        let full = self.flipped(g).expanded(g, |_, _| false);
        let mut shape = full.source.clone();
        shape.extend_from_slice(source);
        g.reshape(full.tensor, &shape)
    }

    /// The transposed derivative: `∂source` by `∂target`, for cotangents.
    pub fn flipped(self, g: &mut Graph) -> Block {
        let lead = self.lead();
        let free = self.free();
        let mut order: Vec<usize> = (0..self.target.len())
            .filter(|&a| self.source_axis_of(a).is_none())
            .map(|a| lead + a)
            .collect();
        for s in 0..self.source.len() {
            order.push(match self.diagonal.iter().find(|(t, _)| *t == s) {
                Some(&(_, a)) => lead + a,
                None => position(&free, s),
            });
        }
        let tensor = g.transpose(self.tensor, &order);
        let mut diagonal: Vec<(usize, usize)> =
            self.diagonal.iter().map(|&(s, a)| (a, s)).collect();
        diagonal.sort_unstable();
        Block {
            tensor,
            source: self.target,
            target: self.source,
            diagonal,
        }
    }

    /// Brings both to the same source axes and diagonal axes, so that their tensors have the same layout in front.
    pub fn alike(g: &mut Graph, x: Block, y: Block) -> (Block, Block) {
        let (mut x, mut y) = (x, y);
        if x.source != y.source {
            x = x.flat(g);
            y = y.flat(g);
        }
        let (tx, ty) = (x.diagonal.clone(), y.diagonal.clone());
        let x = x.expanded(g, |s, a| ty.contains(&(s, a)));
        let y = y.expanded(g, |s, a| tx.contains(&(s, a)));
        (x, y)
    }

    /// The same derivative without diagonal axes, and with the source as one axis.
    pub fn flat(self, g: &mut Graph) -> Block {
        let full = self.expanded(g, |_, _| false);
        let n: usize = full.source.iter().product();
        let mut shape = Dims::from_slice(&[n]);
        shape.extend_from_slice(&full.target);
        let tensor = g.reshape(full.tensor, &shape);
        Block {
            tensor,
            source: Dims::from_slice(&[n]),
            target: full.target,
            diagonal: Vec::new(),
        }
    }

    /// `n` rows, one for each element of a source that has one axis, each an array of the target's shape.
    pub fn of_rows(tensor: ValueId, n: usize, target: &[usize]) -> Block {
        Block {
            tensor,
            source: Dims::from_slice(&[n]),
            target: Dims::from_slice(target),
            diagonal: Vec::new(),
        }
    }

    /// The same array `x` for each of `n` source elements.
    pub fn repeated(g: &mut Graph, x: ValueId, n: usize) -> Block {
        let target = Dims::from_slice(g.shape(x));
        let tensor = g.repeat_front(x, n);
        Block::of_rows(tensor, n, &target)
    }

    /// `x + y`
    pub fn sum(g: &mut Graph, x: Block, y: Block) -> Block {
        let (x, y) = Block::alike(g, x, y);
        let tensor = g.add_nodes(x.tensor, y.tensor);
        Block { tensor, ..x }
    }

    /// The chain rule: `∂v/∂w · ∂w/∂u`, summed over the axes of `w` that neither follows.
    pub fn product(g: &mut Graph, outer: Block, inner: Block) -> Block {
        let inner = if inner.target == outer.source {
            inner
        } else {
            inner.retargeted(g, &outer.source)
        };
        let inner = inner.cast(g, g.ty(outer.tensor).dtype);
        let w = outer.source.len();
        // Labels: axes of w, then of u, then of v.
        let of_u = |s: usize| w + s;
        let of_v = |a: usize| w + inner.source.len() + a;
        let w_in_v = |a: usize| outer.source_axis_of(a);
        let label_v = |a: usize| w_in_v(a).unwrap_or_else(|| of_v(a));
        let outer_labels: Vec<Label> = outer
            .free()
            .into_iter()
            .chain((0..outer.target.len()).map(label_v))
            .collect();
        let inner_labels: Vec<Label> = inner.free().into_iter().map(of_u).chain(0..w).collect();
        let mut diagonal = Vec::new();
        for &(s, i) in &inner.diagonal {
            if let Some(&(_, a)) = outer.diagonal.iter().find(|(t, _)| *t == i) {
                diagonal.push((s, a));
            }
        }
        let label_u = |s: usize| match inner.diagonal.iter().find(|(t, _)| *t == s) {
            Some(&(_, i)) => i,
            None => of_u(s),
        };
        let out: Vec<Label> = (0..inner.source.len())
            .filter(|s| diagonal.iter().all(|(t, _)| t != s))
            .map(label_u)
            .chain((0..outer.target.len()).map(label_v))
            .collect();
        let tensor = einsum(
            g,
            (outer.tensor, &outer_labels),
            (inner.tensor, &inner_labels),
            &out,
        );
        Block {
            tensor,
            source: inner.source,
            target: outer.target,
            diagonal,
        }
    }

    fn cast(self, g: &mut Graph, to: DType) -> Block {
        let tensor = g.emit(Op::Cast(to), &[self.tensor]);
        Block { tensor, ..self }
    }

    /// The same derivative with another shape of the target.
    /// Diagonal axes that the reshape merges or splits stay diagonal if the source's
    /// axes can be merged or split in the same way.
    pub fn retargeted(self, g: &mut Graph, shape: &[usize]) -> Block {
        if self.target.as_slice() == shape {
            return self;
        }
        let carried = Carried::over(&self.source, &self.target, &self.diagonal, shape);
        let block = self.expanded(g, |_, a| carried.keep.contains(&a));
        let mut full = block.lead_shape();
        full.extend_from_slice(shape);
        let tensor = g.reshape(block.tensor, &full);
        Block {
            tensor,
            source: carried.source,
            target: Dims::from_slice(shape),
            diagonal: carried.diagonal,
        }
    }
}

/// The diagonal axes of a derivative after its target gets another shape.
pub struct Carried {
    /// The target axes that stay diagonal; the other pairs are expanded first.
    pub keep: Vec<usize>,
    /// The shape of the source after its diagonal axes are merged and split like the target's.
    pub source: Dims,
    /// The diagonal axes in the new shapes.
    pub diagonal: Vec<(usize, usize)>,
}

impl Carried {
    /// For a derivative of `target` by `source` with these diagonal axes, whose target gets the shape `shape`.
    pub fn over(
        source: &Dims,
        target: &Dims,
        diagonal: &[(usize, usize)],
        shape: &[usize],
    ) -> Carried {
        let source_axis_of = |a: usize| diagonal.iter().find(|(_, t)| *t == a).map(|(s, _)| *s);
        let mut source: Vec<usize> = source.to_vec();
        let mut keep = Vec::new();
        let mut runs: Vec<(usize, usize, Vec<usize>)> = Vec::new();
        if !target.contains(&0) && !shape.contains(&0) {
            for (from, to) in reshape_groups(target, shape) {
                // All axes of the group follow neighbouring source axes.
                let followed: Option<Vec<usize>> =
                    from.iter().map(|&a| source_axis_of(a)).collect();
                let Some(followed) = followed.filter(|t| !t.is_empty() && !to.is_empty()) else {
                    continue;
                };
                if followed.windows(2).all(|w| w[1] == w[0] + 1) {
                    runs.push((followed[0], followed.len(), to));
                    keep.extend(from);
                }
            }
        }
        // Source axes are replaced from the last to the first, so that earlier positions stay valid.
        let mut diagonal: Vec<(usize, usize)> = Vec::new();
        runs.sort_unstable_by_key(|r| std::cmp::Reverse(r.0));
        for (first, n, to) in runs {
            let grown = to.len() as isize - n as isize;
            for (s, _) in &mut diagonal {
                *s = (*s as isize + grown) as usize;
            }
            source.splice(first..first + n, to.iter().map(|&b| shape[b]));
            diagonal.extend(to.iter().enumerate().map(|(k, &b)| (first + k, b)));
        }
        diagonal.sort_unstable();
        Carried {
            keep,
            source: Dims::from_slice(&source),
            diagonal,
        }
    }
}

fn position(list: &[usize], x: usize) -> usize {
    list.iter()
        .position(|&y| y == x)
        .expect("the axis is in the list")
}

/// The smallest groups of axes of both shapes with equal numbers of elements, without axes of size 1.
fn reshape_groups(from: &[usize], to: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut groups = Vec::new();
    let real = |shape: &[usize]| {
        (0..shape.len())
            .filter(|&a| shape[a] != 1)
            .collect::<Vec<_>>()
    };
    let (a, b) = (real(from), real(to));
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let (mut x, mut y) = (from[a[i]], to[b[j]]);
        let (i0, j0) = (i, j);
        (i, j) = (i + 1, j + 1);
        while x != y {
            if x < y && i < a.len() {
                x *= from[a[i]];
                i += 1;
            } else if j < b.len() {
                y *= to[b[j]];
                j += 1;
            } else {
                break;
            }
        }
        groups.push((a[i0..i].to_vec(), b[j0..j].to_vec()));
    }
    groups
}

/// The product of two labelled tensors with the axes `out`.
/// Labels that both tensors have and `out` does not have are summed over.
pub fn einsum(
    g: &mut Graph,
    (x, xl): (ValueId, &[Label]),
    (y, yl): (ValueId, &[Label]),
    out: &[Label],
) -> ValueId {
    let summed: Vec<Label> = xl
        .iter()
        .copied()
        .filter(|l| yl.contains(l) && !out.contains(l))
        .collect();
    if summed.is_empty() {
        let shape: Vec<usize> = out
            .iter()
            .map(|l| match xl.iter().position(|m| m == l) {
                Some(p) => g.shape(x)[p],
                None => g.shape(y)[position(yl, *l)],
            })
            .collect();
        let x = spread(g, x, xl, out, &shape);
        let y = spread(g, y, yl, out, &shape);
        return g.mul(x, y);
    }
    let batch: Vec<Label> = xl
        .iter()
        .copied()
        .filter(|l| yl.contains(l) && out.contains(l))
        .collect();
    let axes = |of: &[Label], labels: &[Label]| -> Dims {
        labels.iter().map(|&l| position(of, l)).collect()
    };
    let op = Contract {
        batch_left: axes(xl, &batch),
        batch_right: axes(yl, &batch),
        contract_left: axes(xl, &summed),
        contract_right: axes(yl, &summed),
        symmetric: false,
    };
    let product = g.emit(Op::Contract(op.into()), &[x, y]);
    let alone = |of: &[Label]| -> Vec<Label> {
        of.iter()
            .copied()
            .filter(|l| !batch.contains(l) && !summed.contains(l))
            .collect()
    };
    let got: Vec<Label> = batch
        .iter()
        .copied()
        .chain(alone(xl))
        .chain(alone(yl))
        .collect();
    let order: Vec<usize> = out.iter().map(|&l| position(&got, l)).collect();
    g.transpose(product, &order)
}

/// `x` with the axes `out`, repeated along the axes that it does not have.
fn spread(g: &mut Graph, x: ValueId, labels: &[Label], out: &[Label], shape: &[usize]) -> ValueId {
    let at: Vec<usize> = labels.iter().map(|&l| position(out, l)).collect();
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by_key(|&k| at[k]);
    let x = g.transpose(x, &order);
    let axes: Vec<usize> = order.iter().map(|&k| at[k]).collect();
    g.broadcast(x, shape, &axes)
}
