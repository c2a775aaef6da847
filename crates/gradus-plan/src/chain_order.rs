//! The cheapest order in which the segments of a chain are joined.
//!
//! Dynamic programming over ranges of segments.
//! The derivative of a range is the product of the derivatives of two shorter ranges,
//! or the derivative of one of them pushed (as tangents) or pulled (as cotangents) through the segments of the
//! other, without their Jacobians (matrix-free Jacobian chain bracketing;
//! U. Naumann, "Matrix-Free Jacobian Chaining", 2024).

use crate::cost::{CostMetric, estimate, estimate_vectors};
use crate::matrix::Matrix;
use crate::order::Order;
use crate::segments::{Segment, Segments};
use gradus_ir::{DType, Graph, Type, ValueId};

/// The order of a chain with the least estimated cost.
pub(crate) fn cheapest(segments: &Segments, residuals: &[Type], metric: CostMetric<'_>) -> Order {
    let mut table = Table::new(segments, residuals, metric);
    let n = segments.list.len();
    for length in 2..=n {
        for first in 0..=n - length {
            table.fill(first, first + length - 1);
        }
    }
    let (_, order) = table.best[0].swap_remove(n - 1);
    order
}

/// The diagonal axes of a range's derivative. They follow without computing it.
#[derive(Clone, Default)]
struct Diagonal {
    /// A source axis, the target axis that follows it, and their size.
    axes: Vec<(usize, usize, usize)>,
}

impl Diagonal {
    fn of(matrix: &Matrix, start: &[Type], end: &[Type]) -> Diagonal {
        let ([u], [v]) = (start, end) else {
            return Diagonal::default();
        };
        match matrix.get(0, 0) {
            Some(b) if b.source == u.shape && b.target == v.shape => Diagonal {
                axes: b
                    .diagonal
                    .iter()
                    .map(|&(s, a)| (s, a, u.shape[s]))
                    .collect(),
            },
            _ => Diagonal::default(),
        }
    }

    /// The diagonal axes of `outer·self`.
    fn then(&self, outer: &Diagonal) -> Diagonal {
        let axes = self.axes.iter().filter_map(|&(s, i, n)| {
            let found = outer.axes.iter().find(|(t, _, _)| *t == i)?;
            Some((s, found.1, n))
        });
        Diagonal {
            axes: axes.collect(),
        }
    }

    fn size(&self) -> f64 {
        self.axes.iter().map(|t| t.2 as f64).product()
    }
}

/// The numbers of vectors whose cost is estimated. The cost for other numbers is interpolated.
const SAMPLES: [usize; 3] = [1, 16, 256];

/// The cost of carrying vectors through a segment, by their number.
struct Curve([(f64, f64); 3]);

impl Curve {
    /// The cost of a linear program on several vectors.
    /// Cuts are single values, so the program carries one array. It is the last input.
    fn of(program: &Graph, metric: CostMetric<'_>) -> Curve {
        let vector = &program.inputs()[program.inputs().len() - 1..];
        let repeated = program.dependents_of(vector);
        Curve(SAMPLES.map(|n| {
            let cost = estimate_vectors(program, &repeated, n, metric.profile);
            (n as f64, metric.of(cost))
        }))
    }

    fn at(&self, n: f64) -> f64 {
        let [a, b, c] = self.0;
        let (from, to) = if n <= b.0 { (a, b) } else { (b, c) };
        let slope = (to.1 - from.1) / (to.0 - from.0);
        (from.1 + slope * (n - from.0)).max(0.0)
    }
}

/// The best orders found so far.
struct Table<'a> {
    metric: CostMetric<'a>,
    /// Elements at the ends of all segments.
    widths: &'a [usize],
    dtype: DType,
    /// The cheapest order of the segments `i..=j`, at `[i][j]`.
    best: Vec<Vec<(f64, Order)>>,
    /// The diagonal axes of the same ranges.
    diagonals: Vec<Vec<Diagonal>>,
    /// The cost of pushing through a segment; none for the first.
    pushes: Vec<Option<Curve>>,
    /// The cost of pulling through a segment; none for the last.
    pulls: Vec<Option<Curve>>,
}

impl<'a> Table<'a> {
    /// A table of single segments, each by the cheaper pure mode.
    fn new(segments: &'a Segments, residuals: &[Type], metric: CostMetric<'a>) -> Table<'a> {
        let n = segments.list.len();
        let last = segments.list[n - 1].forward.output_types();
        let mut table = Table {
            metric,
            widths: &segments.widths,
            dtype: last.first().map_or(DType::F64, |t| t.dtype),
            best: Vec::new(),
            diagonals: vec![vec![Diagonal::default(); n]; n],
            pushes: Vec::new(),
            pulls: Vec::new(),
        };
        for (l, segment) in segments.list.iter().enumerate() {
            let (forward, matrix) = table.one_mode(segment, residuals, Matrix::pushed_unit);
            let (reverse, _) = table.one_mode(segment, residuals, Matrix::pulled_unit);
            let end = segment.forward.output_types();
            table.diagonals[l][l] = Diagonal::of(&matrix, &segment.input_types(), &end);
            // Ranges that are not filled yet cost more than anything.
            let mut row = vec![(f64::INFINITY, Order::Forward(l)); n];
            row[l] = match forward <= reverse {
                true => (forward, Order::Forward(l)),
                false => (reverse, Order::Reverse(l)),
            };
            table.best.push(row);
            let push = (l > 0).then(|| Curve::of(&segment.forward, metric));
            table.pushes.push(push);
            let pull = (l + 1 < n).then(|| Curve::of(segment.reverse(), metric));
            table.pulls.push(pull);
        }
        table
    }

    /// The derivative of one segment, and its cost.
    fn one_mode(
        &self,
        segment: &Segment,
        residuals: &[Type],
        accumulate: fn(&mut Graph, &Segment, &[ValueId]) -> Matrix,
    ) -> (f64, Matrix) {
        let mut g = Graph::new();
        let own = segment.own(residuals);
        let own: Vec<ValueId> = own.into_iter().map(|ty| g.input(ty)).collect();
        let matrix = accumulate(&mut g, segment, &own);
        g.set_outputs(matrix.tensors());
        let cost = self.metric.of(estimate(&g, self.metric.profile));
        (cost, matrix)
    }

    /// Finds the cheapest order of the segments `i..=j` from the orders of all shorter ranges.
    fn fill(&mut self, i: usize, j: usize) {
        let mut found = (f64::INFINITY, Order::Forward(i));
        for k in i..j {
            let (inner, outer) = (&self.best[i][k], &self.best[k + 1][j]);
            let product = inner.0 + outer.0 + self.product(i, k, j);
            let pushed = inner.0 + self.pushed(i, k, j);
            let pulled = outer.0 + self.pulled(i, k, j);
            // Among equal costs the first is taken, so that a plan is the same on every run.
            if product < found.0 {
                let (outer, inner) = (Box::new(outer.1.clone()), Box::new(inner.1.clone()));
                found = (product, Order::Product(outer, inner));
            }
            if pushed < found.0 {
                let inner = self.best[i][k].1.clone();
                let push = |order, v| Order::Push(v, Box::new(order));
                found = (pushed, (k + 1..=j).fold(inner, push));
            }
            if pulled < found.0 {
                let outer = self.best[k + 1][j].1.clone();
                let pull = |order, v| Order::Pull(Box::new(order), v);
                found = (pulled, (i..=k).rev().fold(outer, pull));
            }
        }
        // The axes are the same wherever the range is split.
        self.diagonals[i][j] = self.diagonals[i][j - 1].then(&self.diagonals[j][j]);
        self.best[i][j] = found;
    }

    /// The cost of the product of the derivatives of `k + 1..=j` and `i..=k`:
    /// one batched product, in which diagonal axes count once.
    fn product(&self, i: usize, k: usize, j: usize) -> f64 {
        let (inner, outer) = (&self.diagonals[i][k], &self.diagonals[k + 1][j]);
        let [from, middle, to] = [i, k + 1, j + 1].map(|at| self.widths[at] as f64);
        let columns = from / inner.size();
        let rows = to / outer.size();
        let all = from * middle * to / inner.size() / outer.size();
        let both = inner.then(outer).size();
        let summed = (middle / inner.size() / outer.size() * both).max(1.0);
        let batch = (all / (columns * rows * summed)).max(1.0);
        let [batch, rows, summed, columns] = [batch, rows, summed, columns].map(|n| n as usize);
        self.metric
            .product(self.dtype, batch, rows, summed, columns)
    }

    /// The cost of pushing the derivative of `i..=k` through each of the segments `k + 1..=j`.
    fn pushed(&self, i: usize, k: usize, j: usize) -> f64 {
        let mut diagonal = self.diagonals[i][k].clone();
        let mut cost = 0.0;
        for v in k + 1..=j {
            diagonal = diagonal.then(&self.diagonals[v][v]);
            let columns = self.widths[i] as f64 / diagonal.size();
            cost += self.pushes[v].as_ref().map_or(0.0, |c| c.at(columns));
        }
        cost
    }

    /// The cost of pulling the derivative of `k + 1..=j` through each of the segments `i..=k`.
    fn pulled(&self, i: usize, k: usize, j: usize) -> f64 {
        let mut diagonals = vec![self.diagonals[k + 1][j].clone()];
        for v in (i..=k).rev() {
            let before = self.diagonals[v][v].then(&diagonals[diagonals.len() - 1]);
            diagonals.push(before);
        }
        let costs = (i..=k).zip(diagonals.iter().rev()).map(|(v, diagonal)| {
            let rows = self.widths[j + 1] as f64 / diagonal.size();
            self.pulls[v].as_ref().map_or(0.0, |c| c.at(rows))
        });
        costs.sum()
    }
}
