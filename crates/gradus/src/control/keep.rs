//! The values of a loop's steps that the backward pass keeps, and those that it computes again.

use crate::function::as_call;
use crate::tree::Tree;
use gradus_ir::primitives::region::Recompute;
use gradus_ir::primitives::{Body, Loop, Region, Trips};
use gradus_ir::{DType, Graph, Literal, Loc, Result, Type, ValueId};
use std::collections::HashMap;

/// `f`, but its backward pass keeps only the argument and computes the rest again: less memory for more time.
///
/// ```
/// use gradus::prelude::*;
/// let layer = |x: &Tensor| x.sin().exp().tanh();
/// let plain = grad(move |x: &Tensor| layer(&layer(x)).sum());
/// let lean = grad(move |x: &Tensor| layer(&checkpoint(layer)(x)).sum());
/// let x = Tensor::from([0.1, 0.2]);
/// assert_eq!(plain(&x).to_vec::<f64>()?, lean(&x).to_vec::<f64>()?);
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "remat")]
#[doc(alias = "rematerialize")]
#[doc(alias = "recompute")]
#[track_caller]
pub fn checkpoint<A: Tree, B: Tree>(f: impl Fn(&A) -> B) -> impl Fn(&A) -> B {
    let loc = Loc::caller();
    move |x| as_call("checkpoint", &f, x, loc, Recompute::checkpoint)
}

/// The values that the backward pass of a [`scan_with`](crate::control::scan_with)
/// or a [`fori_loop_with`](crate::control::fori_loop_with) keeps.
///
/// For `n` steps, a carried state of `c` bytes, and `r` bytes that the derivative of a step needs:
///
/// | | memory | steps computed |
/// |---|---|---|
/// | [`All`](Keep::All) | `n·r` | `n` |
/// | [`Sqrt`](Keep::Sqrt) | about `√n·(c + r)` | `2n` |
/// | [`Snapshots(k)`](Keep::Snapshots) | at most `(k+t)·c + r` | `t·n` and some, for the smallest `t` with `(k+t choose t) ≥ n` |
///
/// A loop of unknown length keeps everything or, with `Sqrt`, about `√(2n)·(c + r)`.
///
/// [`Snapshots`](Keep::Snapshots) also holds copies of parts of the kept sequences,
/// and of the derivatives with respect to sequences. So does `Sqrt` if no divisor of `n` is near `√n`.
///
/// `r` counts only values that a few operations cannot compute again.
/// Items of sequences, constants and values that depend on these alone are not kept.
/// Outside of sequences, arrays take multiples of 64 bytes.
/// The gradient of 100 000 steps of the logistic map in f64, where `c` and `r` are 8 bytes,
/// holds 0.8 MB with `All`, and some ten kilobytes with `Sqrt` and `Snapshots(30)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Keep {
    /// Everything that the derivative needs, for each step.
    #[default]
    All,
    /// The state at the beginning of every `√n`-th step. The steps between are run again, one stretch at a time.
    Sqrt,
    /// This number of states at once, and a few more while a stretch is differentiated.
    /// They are placed so that as few steps as possible run again: binomial checkpointing (Griewank and Walther,
    /// "Algorithm 799: revolve", ACM Transactions on Mathematical Software 26, 2000).
    Snapshots(usize),
}

/// A loop with a fixed number of steps, written as loops within loops or calls within calls,
/// so that its backward pass keeps the requested values.
pub(super) struct Steps<'a> {
    /// `step number, constants, carried, items ↦ carried, items`
    pub body: &'a Body,
    pub consts: usize,
    pub carries: usize,
    pub reverse: bool,
}

impl Steps<'_> {
    /// The program of constants, initial carried values, and sequences of `n` items.
    pub fn program(&self, n: usize, keep: Keep, loc: Loc) -> Result<Graph> {
        let mut g = Graph::new();
        g.set_loc(loc);
        let inputs = self.inputs(&mut g, n);
        let zero = g.constant(Literal::from_i64(DType::I64, 0), &[]);
        let outputs = match keep {
            Keep::All => self.all(&mut g, n, zero, &inputs, false)?,
            Keep::Sqrt => self.stretches(&mut g, n, stretch(n), zero, &inputs)?,
            Keep::Snapshots(k) => {
                let mut known = HashMap::new();
                self.snapshots(&mut g, n, k.max(2), zero, &inputs, &mut known)?
            }
        };
        g.set_outputs(outputs);
        Ok(g)
    }

    /// The [`Keep`] with which the backward pass keeps at most `limit` bytes, but at least two states.
    pub fn within(&self, n: usize, limit: u64) -> Keep {
        let types = self.body.input_types();
        let floats: Vec<usize> = (0..types.len())
            .filter(|&k| types[k].dtype.has_derivatives())
            .collect();
        let split = gradus_ad::linearize(self.body, &floats);
        let own = split.primal.inputs();
        let varying = split
            .primal
            .dependents_of(&[&own[..1], &own[1 + self.consts..]].concat());
        let items = &own[1 + self.consts + self.carries..];
        let kept = split.primal.outputs()[self.body.outputs().len()..].iter();
        let kept = kept.filter(|r| varying[r.index()] && !items.contains(r));
        let step: u64 = kept.map(|&r| split.primal.ty(r).bytes() as u64).sum();
        let carried = &types[1 + self.consts..1 + self.consts + self.carries];
        let state: u64 = carried.iter().map(|t| t.bytes() as u64).sum();
        let root = (n as f64).sqrt().ceil() as u64;
        if step.saturating_mul(n as u64) <= limit {
            Keep::All
        } else if root.saturating_mul(step.saturating_add(state)) <= limit {
            Keep::Sqrt
        } else {
            Keep::Snapshots((limit.saturating_sub(step) / state.max(1)).max(2) as usize)
        }
    }

    fn inputs(&self, g: &mut Graph, n: usize) -> Vec<ValueId> {
        let first = self.consts + self.carries;
        let types = self.body.input_types();
        types[1..]
            .iter()
            .enumerate()
            .map(|(k, ty)| g.input(if k < first { ty.clone() } else { ty.batched(n) }))
            .collect()
    }

    /// One loop, whose steps are numbered from `start`.
    fn all(
        &self,
        g: &mut Graph,
        n: usize,
        start: ValueId,
        args: &[ValueId],
        checkpoints: bool,
    ) -> Result<Vec<ValueId>> {
        let mut step = Graph::new();
        let index = step.input(Type::scalar(DType::I64));
        let start_inside = step.input(Type::scalar(DType::I64));
        let types = self.body.input_types();
        let rest: Vec<ValueId> = types[1..].iter().map(|t| step.input(t.clone())).collect();
        let number = step.add_nodes(index, start_inside);
        let all: Vec<ValueId> = [number].into_iter().chain(rest).collect();
        let outputs = if checkpoints {
            step.add_region(Region::Call(Recompute::checkpoint(self.body.clone())), &all)?
        } else {
            step.inline(self.body, &all)?
        };
        step.set_outputs(outputs);
        let region = Region::Loop(Loop {
            trips: Trips::Fixed(n),
            reverse: self.reverse,
            consts: self.consts + 1,
            carries: self.carries,
            body: step.into(),
        });
        let operands: Vec<ValueId> = [start].iter().chain(args).copied().collect();
        g.add_region(region, &operands)
    }

    /// A loop over stretches of `length` steps, each computed again as a whole.
    /// The remaining steps form a stretch of their own.
    fn stretches(
        &self,
        g: &mut Graph,
        n: usize,
        length: usize,
        start: ValueId,
        args: &[ValueId],
    ) -> Result<Vec<ValueId>> {
        let full = n / length;
        let stretch = self.called(length, |steps, g, start, args| {
            steps.all(g, length, start, args, false)
        })?;
        let mut outer = Graph::new();
        let number = outer.input(Type::scalar(DType::I64));
        let rest = self.inputs(&mut outer, length);
        let factor = outer.constant(Literal::from_i64(DType::I64, length as i64), &[]);
        let at = outer.mul(number, factor);
        let all: Vec<ValueId> = [at].into_iter().chain(rest).collect();
        let outputs = outer.add_region(Region::Call(Recompute::checkpoint(stretch)), &all)?;
        outer.set_outputs(outputs);
        let region = Region::Loop(Loop {
            trips: Trips::Fixed(full),
            reverse: self.reverse,
            consts: self.consts,
            carries: self.carries,
            body: outer.into(),
        });
        let whole = |steps: &Self, g: &mut Graph, args: &[ValueId]| -> Result<Vec<ValueId>> {
            let mut args = args.to_vec();
            for x in &mut args[steps.consts + steps.carries..] {
                let shape = [&[full, length], &g.shape(*x)[1..]].concat();
                *x = g.reshape(*x, &shape);
            }
            let mut results = g.add_region(region, &args)?;
            for y in &mut results[steps.carries..] {
                let shape = [&[full * length], &g.shape(*y)[2..]].concat();
                *y = g.reshape(*y, &shape);
            }
            Ok(results)
        };
        let left = n - full * length;
        if left == 0 {
            return whole(self, g, args);
        }
        self.in_two(g, full * length, n, args, whole, |steps, g, args| {
            let at = g.constant(Literal::from_i64(DType::I64, (full * length) as i64), &[]);
            let at = g.add_nodes(start, at);
            steps.all(g, left, at, args, false)
        })
    }

    /// As many stretches as there are snapshots left.
    /// Each is computed again as a whole, with the snapshots that are free by then.
    fn snapshots(
        &self,
        g: &mut Graph,
        n: usize,
        k: usize,
        start: ValueId,
        args: &[ValueId],
        known: &mut HashMap<(usize, usize), Body>,
    ) -> Result<Vec<ValueId>> {
        // With t repetitions and k snapshots, (k+t choose t) steps can be reversed.
        let t = (1..).find(|&t| reach(k, t) >= n).unwrap_or(1);
        if n <= 1 || t == 1 || k == 1 {
            return self.all(g, n, start, args, true);
        }
        let first = reach(k, t - 1).min(n - 1);
        let early = match known.get(&(first, k)) {
            Some(body) => body.clone(),
            None => {
                let body = self.called(first, |steps, g, start, args| {
                    steps.snapshots(g, first, k, start, args, known)
                })?;
                known.insert((first, k), body.clone());
                body
            }
        };
        // The backward pass runs through the later steps first, while the state at their beginning is still held.
        self.in_two(
            g,
            first,
            n,
            args,
            |_, g, args| {
                let all: Vec<ValueId> = [start].iter().chain(args).copied().collect();
                g.add_region(Region::Call(Recompute::checkpoint(early.clone())), &all)
            },
            |steps, g, args| {
                let at = g.constant(Literal::from_i64(DType::I64, first as i64), &[]);
                let at = g.add_nodes(start, at);
                steps.snapshots(g, n - first, k - 1, at, args, known)
            },
        )
    }

    /// The program that `write` makes for `n` steps.
    /// Its inputs are the number of the first step, the constants, the carried values and the sequences.
    fn called(
        &self,
        n: usize,
        write: impl FnOnce(&Self, &mut Graph, ValueId, &[ValueId]) -> Result<Vec<ValueId>>,
    ) -> Result<Body> {
        let mut g = Graph::new();
        let start = g.input(Type::scalar(DType::I64));
        let args = self.inputs(&mut g, n);
        let outputs = write(self, &mut g, start, &args)?;
        g.set_outputs(outputs);
        Ok(g.into())
    }

    /// The steps up to `middle` and the steps from there to `n`, in the order of the loop.
    fn in_two(
        &self,
        g: &mut Graph,
        middle: usize,
        n: usize,
        args: &[ValueId],
        early: impl FnOnce(&Self, &mut Graph, &[ValueId]) -> Result<Vec<ValueId>>,
        late: impl FnOnce(&Self, &mut Graph, &[ValueId]) -> Result<Vec<ValueId>>,
    ) -> Result<Vec<ValueId>> {
        let fixed = self.consts + self.carries;
        let part = |g: &mut Graph, carried: &[ValueId], from: usize, to: usize| {
            let mut part = [&args[..self.consts], carried].concat();
            for &x in &args[fixed..] {
                let mut start = vec![0; g.shape(x).len()];
                let mut limit = g.shape(x).to_vec();
                let stride = vec![1; start.len()];
                (start[0], limit[0]) = (from, to);
                part.push(g.slice(x, &start, &limit, &stride));
            }
            part
        };
        let carried = &args[self.consts..fixed];
        let (a, b) = if self.reverse {
            let part_b = part(g, carried, middle, n);
            let b = late(self, g, &part_b)?;
            let part_a = part(g, &b[..self.carries], 0, middle);
            (early(self, g, &part_a)?, b)
        } else {
            let part_a = part(g, carried, 0, middle);
            let a = early(self, g, &part_a)?;
            let part_b = part(g, &a[..self.carries], middle, n);
            let b = late(self, g, &part_b)?;
            (a, b)
        };
        let last = if self.reverse { &a } else { &b };
        let mut results = last[..self.carries].to_vec();
        for (&x, &y) in a[self.carries..].iter().zip(&b[self.carries..]) {
            results.push(g.concat(&[x, y], 0));
        }
        Ok(results)
    }
}

/// The number of steps in a stretch of a loop of `n` steps: a divisor of `n` within a factor of 2 of `√n` if there
/// is one, otherwise `√n`. With a divisor, sequences are cut without copies and no steps are left over.
fn stretch(n: usize) -> usize {
    let root = (n as f64).sqrt().ceil().max(1.0) as usize;
    // The square of the factor between the length and `√n`.
    let off = |length: usize| {
        let square = length * length;
        square.max(n) as f64 / square.min(n) as f64
    };
    // Of two equally distant lengths, the longer one has fewer states.
    (1..=2 * root)
        .rev()
        .filter(|&length| n.is_multiple_of(length) && off(length) <= 4.0)
        .min_by(|&a, &b| off(a).total_cmp(&off(b)))
        .unwrap_or(root)
}

/// `(k+t choose t)`, or `usize::MAX` if it exceeds that.
fn reach(k: usize, t: usize) -> usize {
    (1..=t as u128)
        .try_fold(1u128, |c, i| c.checked_mul(k as u128 + i).map(|c| c / i))
        .and_then(|c| usize::try_from(c).ok())
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::stretch;

    #[test]
    fn stretches_divide_the_loop_where_they_can() {
        let cases = [
            (0, 1),
            (1, 1),
            (2, 2),
            (12, 4),
            (32, 8),
            (100, 10),
            (4_000, 80),
            (10_007, 101),
        ];
        for (n, length) in cases {
            assert_eq!(stretch(n), length, "of {n}");
        }
    }
}
