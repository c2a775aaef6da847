//! The values of a loop's steps that the backward pass keeps, and those that it computes again.

use super::operands::{Entering, Leaving};
use crate::function::as_call;
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::Tree;
use gradus_ir::primitives::region::{Handle, LoopBuilder, Recompute, Steps};
use gradus_ir::primitives::{Body, Loop, Region};
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

/// A loop with a fixed number of steps, to be written as loops within loops or calls within calls,
/// so that its backward pass keeps the requested values.
pub(super) struct Rewriting<'a> {
    pub r: &'a Loop,
}

/// The operands of a part of the loop, with the number of its first step.
#[derive(Clone)]
struct Part {
    start: ValueId,
    args: Entering<ValueId>,
}

impl Part {
    fn all(&self) -> Vec<ValueId> {
        [&[self.start][..], &self.args.all()].concat()
    }
}

/// How the backward pass treats the steps of a loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Plain,
    /// The backward pass computes each step again.
    Checkpoint,
}

/// The bodies of calls written so far, by their numbers of steps and snapshots.
type Written = HashMap<(usize, usize), Body>;

impl Rewriting<'_> {
    /// Applies the loop of `n` steps to tensors. Its backward pass keeps what `keep` says,
    /// or as much as fits into the limit beside it.
    pub fn apply(
        &self,
        n: usize,
        (keep, memory_limit): (Keep, Option<u64>),
        operands: Vec<Tensor>,
        loc: Loc,
    ) -> Result<Vec<Tensor>> {
        let keep = match memory_limit {
            Some(limit) => self.within(n, limit),
            None => keep,
        };
        let program = self.program(n, keep, trace::users_place(loc))?;
        trace::apply(&program, operands).map_err(|e| e.at(loc))
    }

    /// The program of constants, initial carried values, and sequences of `n` items.
    fn program(&self, n: usize, keep: Keep, loc: Loc) -> Result<Graph> {
        let mut g = Graph::new();
        g.set_loc(loc);
        let args = Entering::inputs(self.r, n, &mut g);
        let start = g.constant(Literal::from_i64(DType::I64, 0), &[]);
        let part = Part { start, args };
        let outputs = match keep {
            Keep::All => self.steps(&mut g, n, part, Step::Plain)?,
            Keep::Sqrt => self.stretches(&mut g, n, stretch(n), part)?,
            Keep::Snapshots(k) => self.snapshots(&mut g, n, k.max(2), part, &mut Written::new())?,
        };
        g.set_outputs(outputs.all());
        Ok(g)
    }

    /// The [`Keep`] with which the backward pass keeps at most `limit` bytes, but at least two states.
    fn within(&self, n: usize, limit: u64) -> Keep {
        let (types, places) = (self.r.body.input_types(), self.r.inputs());
        let floats: Vec<usize> = (0..types.len())
            .filter(|&k| types[k].dtype.has_derivatives())
            .collect();
        let split = gradus_ad::linearize(&self.r.body, &floats);
        let own = split.primal.inputs();
        let items = &own[places.sequences.clone()];
        let varying = [&own[..=Loop::INDEX], &own[places.carries.clone()], items].concat();
        let varying = split.primal.dependents_of(&varying);
        let kept = split.primal.outputs()[self.r.body.outputs().len()..].iter();
        let kept = kept.filter(|r| varying[r.index()] && !items.contains(r));
        let step: u64 = kept.map(|&r| split.primal.ty(r).bytes() as u64).sum();
        let carried = types[places.carries].iter();
        let state: u64 = carried.map(|t| t.bytes() as u64).sum();
        let root = (n as f64).sqrt().ceil() as u64;
        if step.saturating_mul(n as u64) <= limit {
            Keep::All
        } else if root.saturating_mul(step.saturating_add(state)) <= limit {
            Keep::Sqrt
        } else {
            Keep::Snapshots((limit.saturating_sub(step) / state.max(1)).max(2) as usize)
        }
    }

    /// A loop of `n` steps in the order of the loop.
    fn builder(&self, n: usize) -> LoopBuilder {
        let new = LoopBuilder::new(Steps::Fixed(n));
        match self.r.reverse {
            true => new.reversed(),
            false => new,
        }
    }

    /// One loop, whose steps are numbered from the start of the part.
    fn steps(&self, g: &mut Graph, n: usize, part: Part, step: Step) -> Result<Leaving> {
        let mut new = self.builder(n);
        let start = new.constant(part.start);
        let args = part.args.enter(&mut new);
        let results = new.add(g, |body, inputs| {
            let number = body.add_nodes(inputs[Handle::INDEX], inputs[start]);
            let all = args.behind(&[number], inputs);
            match step {
                Step::Plain => body.inline(&self.r.body, &all),
                Step::Checkpoint => {
                    let call = Recompute::checkpoint(self.r.body.clone());
                    body.add_region(Region::Call(call), &all)
                }
            }
        })?;
        Ok(Leaving::of(self.r, &results))
    }

    /// A loop over stretches of `length` steps, each computed again as a whole.
    /// The remaining steps form a stretch of their own.
    fn stretches(&self, g: &mut Graph, n: usize, length: usize, part: Part) -> Result<Leaving> {
        let full = n / length;
        let stretch = self.called(length, |steps, g, part| {
            steps.steps(g, length, part, Step::Plain)
        })?;
        let whole = |steps: &Self, g: &mut Graph, mut args: Entering<ValueId>| {
            for x in &mut args.sequences {
                let shape = [&[full, length], &g.shape(*x)[1..]].concat();
                *x = g.reshape(*x, &shape);
            }
            let mut new = steps.builder(full);
            let args = args.enter(&mut new);
            let results = new.add(g, |body, inputs| {
                let factor = body.constant(Literal::from_i64(DType::I64, length as i64), &[]);
                let start = body.mul(inputs[Handle::INDEX], factor);
                let call = Region::Call(Recompute::checkpoint(stretch));
                body.add_region(call, &args.behind(&[start], inputs))
            })?;
            let mut results = Leaving::of(steps.r, &results);
            for y in &mut results.kept {
                let shape = [&[full * length], &g.shape(*y)[2..]].concat();
                *y = g.reshape(*y, &shape);
            }
            Ok(results)
        };
        let done = full * length;
        if done == n {
            return whole(self, g, part.args);
        }
        let rest = |steps: &Self, g: &mut Graph, args| {
            let start = later(g, part.start, done);
            steps.steps(g, n - done, Part { start, args }, Step::Plain)
        };
        self.in_two(g, done, n, &part.args, whole, rest)
    }

    /// As many stretches as there are snapshots left.
    /// Each is computed again as a whole, with the snapshots that are free by then.
    fn snapshots(
        &self,
        g: &mut Graph,
        n: usize,
        k: usize,
        part: Part,
        written: &mut Written,
    ) -> Result<Leaving> {
        // With t repetitions and k snapshots, (k+t choose t) steps can be reversed.
        let t = (1..).find(|&t| reach(k, t) >= n).unwrap_or(1);
        if n <= 1 || t == 1 || k == 1 {
            return self.steps(g, n, part, Step::Checkpoint);
        }
        let first = reach(k, t - 1).min(n - 1);
        let early = match written.get(&(first, k)) {
            Some(body) => body.clone(),
            None => {
                let body = self.called(first, |steps, g, part| {
                    steps.snapshots(g, first, k, part, written)
                })?;
                written.insert((first, k), body.clone());
                body
            }
        };
        let start = part.start;
        // The backward pass runs through the later steps first, while the state at their beginning is still held.
        self.in_two(
            g,
            first,
            n,
            &part.args,
            |steps, g, args| {
                let call = Region::Call(Recompute::checkpoint(early));
                let results = g.add_region(call, &Part { start, args }.all())?;
                Ok(Leaving::of(steps.r, &results))
            },
            |steps, g, args| {
                let start = later(g, start, first);
                steps.snapshots(g, n - first, k - 1, Part { start, args }, written)
            },
        )
    }

    /// The program that `write` makes for `n` steps.
    /// Its inputs are the number of the first step, the constants, the carried values and the sequences.
    fn called(
        &self,
        n: usize,
        write: impl FnOnce(&Self, &mut Graph, Part) -> Result<Leaving>,
    ) -> Result<Body> {
        let mut g = Graph::new();
        let start = g.input(Type::scalar(DType::I64));
        let args = Entering::inputs(self.r, n, &mut g);
        let outputs = write(self, &mut g, Part { start, args })?;
        g.set_outputs(outputs.all());
        Ok(g.into())
    }

    /// The steps up to `middle` and the steps from there to `n`, in the order of the loop.
    fn in_two(
        &self,
        g: &mut Graph,
        middle: usize,
        n: usize,
        args: &Entering<ValueId>,
        early: impl FnOnce(&Self, &mut Graph, Entering<ValueId>) -> Result<Leaving>,
        late: impl FnOnce(&Self, &mut Graph, Entering<ValueId>) -> Result<Leaving>,
    ) -> Result<Leaving> {
        let cut = |g: &mut Graph, carries: &[ValueId], from: usize, to: usize| {
            let sequences = args.sequences.iter().map(|&x| {
                let mut start = vec![0; g.shape(x).len()];
                let mut limit = g.shape(x).to_vec();
                let stride = vec![1; start.len()];
                (start[0], limit[0]) = (from, to);
                g.slice(x, &start, &limit, &stride)
            });
            Entering {
                sequences: sequences.collect(),
                carries: carries.to_vec(),
                consts: args.consts.clone(),
            }
        };
        let (a, b) = if self.r.reverse {
            let of_b = cut(g, &args.carries, middle, n);
            let b = late(self, g, of_b)?;
            let of_a = cut(g, &b.carries, 0, middle);
            (early(self, g, of_a)?, b)
        } else {
            let of_a = cut(g, &args.carries, 0, middle);
            let a = early(self, g, of_a)?;
            let of_b = cut(g, &a.carries, middle, n);
            let b = late(self, g, of_b)?;
            (a, b)
        };
        let kept = (a.kept.iter().zip(&b.kept)).map(|(&x, &y)| g.concat(&[x, y], 0));
        Ok(Leaving {
            kept: kept.collect(),
            carries: if self.r.reverse { a.carries } else { b.carries },
        })
    }
}

/// `steps` steps behind `start`.
fn later(g: &mut Graph, start: ValueId, steps: usize) -> ValueId {
    let steps = g.constant(Literal::from_i64(DType::I64, steps as i64), &[]);
    g.add_nodes(start, steps)
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
