//! The order in which the parts of a chain are joined, and the cheapest one.
//!
//! Dynamic programming over ranges of parts: the derivative of a range is the product of those of two shorter ones, or one of them pushed (as
//! tangents) or pulled (as cotangents) through the parts of the other without their Jacobians (matrix-free Jacobian chain bracketing; U. Naumann,
//! "Matrix-Free Jacobian Chaining", 2024).

use crate::cost::{estimate, estimate_vectors};
use crate::matrix::Matrix;
use crate::price::Price;
use crate::segments::{Segment, Segments};
use gradus_ir::{DType, Graph, Type, ValueId};
use std::fmt;

/// How the derivative of a range of parts is made. Parts count from 0 at the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// One part, its columns pushed from the unit vectors.
    Forward(usize),
    /// One part, its rows pulled from the unit vectors.
    Reverse(usize),
    /// The product of two accumulated derivatives, the one at the output's side first.
    Product(Box<Order>, Box<Order>),
    /// The columns of an accumulated derivative pushed through a part.
    Push(usize, Box<Order>),
    /// The rows of an accumulated derivative pulled through a part.
    Pull(Box<Order>, usize),
}

impl Order {
    /// Columns pushed from the inputs to the outputs.
    pub fn forward(parts: usize) -> Order {
        (1..parts).fold(Order::Forward(0), |so_far, l| {
            Order::Push(l, Box::new(so_far))
        })
    }

    /// Rows pulled from the outputs to the inputs.
    pub fn reverse(parts: usize) -> Order {
        let last = parts - 1;
        (0..last).rev().fold(Order::Reverse(last), |so_far, l| {
            Order::Pull(Box::new(so_far), l)
        })
    }

    /// The first and the last part of the range, if it has no gaps: whatever is joined are neighbours.
    pub fn span(&self) -> Option<(usize, usize)> {
        let (inner, outer) = match self {
            Order::Forward(l) | Order::Reverse(l) => return Some((*l, *l)),
            Order::Product(outer, inner) => (inner.span()?, outer.span()?),
            Order::Push(l, inner) => (inner.span()?, (*l, *l)),
            Order::Pull(outer, l) => ((*l, *l), outer.span()?),
        };
        (inner.1.checked_add(1) == Some(outer.0)).then_some((inner.0, outer.1))
    }

    /// The [span](Self::span) of an order that was made or checked here.
    pub(crate) fn range(&self) -> (usize, usize) {
        self.span().expect("an order of neighbouring parts")
    }

    /// Appends the derivative to `g`.
    pub(crate) fn build(
        &self,
        g: &mut Graph,
        segments: &Segments,
        residuals: &[ValueId],
    ) -> Matrix {
        let part = |l: usize| &segments.parts[l];
        match self {
            Order::Forward(l) => pushed_unit(g, part(*l), &part(*l).own(residuals)),
            Order::Reverse(l) => pulled_unit(g, part(*l), &part(*l).own(residuals)),
            Order::Product(outer, inner) => {
                let inner = inner.build(g, segments, residuals);
                let outer = outer.build(g, segments, residuals);
                Matrix::product(g, &outer, &inner)
            }
            Order::Push(l, inner) => {
                let inner = inner.build(g, segments, residuals);
                inner.pushed(g, part(*l), &part(*l).own(residuals))
            }
            Order::Pull(outer, l) => {
                let outer = outer.build(g, segments, residuals);
                outer.pulled(g, part(*l), &part(*l).own(residuals))
            }
        }
    }
}

/// `(3 ↞ 2) · (1 ↠ 0)`: columns pushed `↠`, rows pulled `↞`, products `·`.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = |o: &Order| match o {
            Order::Forward(_) | Order::Reverse(_) => o.to_string(),
            _ => format!("({o})"),
        };
        match self {
            Order::Forward(l) => write!(f, "fwd J{}", l + 1),
            Order::Reverse(l) => write!(f, "rev J{}", l + 1),
            Order::Product(outer, inner) => write!(f, "{}·{}", bracketed(outer), bracketed(inner)),
            Order::Push(l, inner) => write!(f, "J{} ← {}", l + 1, bracketed(inner)),
            Order::Pull(outer, l) => write!(f, "{} → J{}", bracketed(outer), l + 1),
        }
    }
}

/// The derivative of a part, its columns pushed from the unit vectors.
fn pushed_unit(g: &mut Graph, part: &Segment, residuals: &[ValueId]) -> Matrix {
    Matrix::identity(g, &part.input_types()).pushed(g, part, residuals)
}

/// The derivative of a part, its rows pulled from the unit vectors.
fn pulled_unit(g: &mut Graph, part: &Segment, residuals: &[ValueId]) -> Matrix {
    Matrix::identity(g, &part.forward.output_types()).pulled(g, part, residuals)
}

/// What is known of a range's derivative without making it.
#[derive(Clone, Default)]
struct Shape {
    /// Pairs of a source axis and the target axis that follows it, with their size.
    ties: Vec<(usize, usize, usize)>,
}

impl Shape {
    fn of(matrix: &Matrix, start: &[Type], end: &[Type]) -> Shape {
        let ([u], [v]) = (start, end) else {
            return Shape::default();
        };
        match matrix.get(0, 0) {
            Some(b) if b.source == u.shape && b.target == v.shape => Shape {
                ties: b.ties.iter().map(|&(s, a)| (s, a, u.shape[s])).collect(),
            },
            _ => Shape::default(),
        }
    }

    /// The ties of `outer·self`.
    fn then(&self, outer: &Shape) -> Shape {
        let ties = self.ties.iter().filter_map(|&(s, i, n)| {
            let found = outer.ties.iter().find(|(t, _, _)| *t == i)?;
            Some((s, found.1, n))
        });
        Shape {
            ties: ties.collect(),
        }
    }

    fn tied(&self) -> f64 {
        self.ties.iter().map(|t| t.2 as f64).product()
    }
}

/// What it takes to push or pull a number of vectors, from a few samples.
struct Curve([(f64, f64); 3]);

impl Curve {
    fn at(&self, n: f64) -> f64 {
        let [a, b, c] = self.0;
        let (from, to) = if n <= b.0 { (a, b) } else { (b, c) };
        let slope = (to.1 - from.1) / (to.0 - from.0);
        (from.1 + slope * (n - from.0)).max(0.0)
    }
}

const SAMPLES: [usize; 3] = [1, 16, 256];

/// The order of a chain that is thought to take the least.
pub(crate) fn cheapest(segments: &Segments, residuals: &[Type], price: Price<'_>) -> Order {
    let n = segments.parts.len();
    let seconds = |part: &Segment, make: fn(&mut Graph, &Segment, &[ValueId]) -> Matrix| {
        let mut g = Graph::new();
        let own = part.own(residuals);
        let own: Vec<ValueId> = own.into_iter().map(|ty| g.input(ty)).collect();
        let matrix = make(&mut g, part, &own);
        g.set_outputs(matrix.tensors());
        (price.of(estimate(&g, price.profile)), matrix)
    };
    let starts: Vec<Vec<Type>> = segments.parts.iter().map(Segment::input_types).collect();
    let ends: Vec<Vec<Type>> = segments
        .parts
        .iter()
        .map(|p| p.forward.output_types())
        .collect();
    let curve = |program: &Graph| {
        // Cuts are single nodes: one array is pushed, and it is the last input.
        let vector = &program.inputs()[program.inputs().len() - 1..];
        let repeated = program.dependents_of(vector);
        Curve(SAMPLES.map(|n| {
            let cost = estimate_vectors(program, &repeated, n, price.profile);
            (n as f64, price.of(cost))
        }))
    };
    let mut best: Vec<Vec<(f64, Order)>> = Vec::new();
    let mut shapes: Vec<Vec<Shape>> = vec![vec![Shape::default(); n]; n];
    let mut pushes: Vec<Option<Curve>> = Vec::new();
    let mut pulls: Vec<Option<Curve>> = Vec::new();
    for l in 0..n {
        let part = &segments.parts[l];
        let (forward, matrix) = seconds(part, pushed_unit);
        let (reverse, _) = seconds(part, pulled_unit);
        shapes[l][l] = Shape::of(&matrix, &starts[l], &ends[l]);
        let leaf = match forward <= reverse {
            true => (forward, Order::Forward(l)),
            false => (reverse, Order::Reverse(l)),
        };
        // Ranges that are not made yet cost more than anything.
        best.push(vec![(f64::INFINITY, Order::Forward(l)); n]);
        best[l][l] = leaf;
        pushes.push((l > 0).then(|| curve(&part.forward)));
        pulls.push((l + 1 < n).then(|| curve(part.reverse())));
    }
    let w = &segments.widths;
    let dtype = ends[n - 1].first().map_or(DType::F64, |t| t.dtype);
    for length in 2..=n {
        for i in 0..=n - length {
            let j = i + length - 1;
            let mut found = (f64::INFINITY, Order::Forward(i));
            for k in i..j {
                let (inner, outer) = (&shapes[i][k], &shapes[k + 1][j]);
                let shape = inner.then(outer);
                // Sizes of the batched product, ties counted once.
                let columns = w[i] as f64 / inner.tied();
                let rows = w[j + 1] as f64 / outer.tied();
                let all =
                    w[i] as f64 * w[k + 1] as f64 * w[j + 1] as f64 / inner.tied() / outer.tied();
                let summed =
                    (w[k + 1] as f64 / inner.tied() / outer.tied() * shape.tied()).max(1.0);
                let batch = (all / (columns * rows * summed)).max(1.0);
                let product = price.product(
                    dtype,
                    batch as usize,
                    rows as usize,
                    summed as usize,
                    columns as usize,
                );
                let (a, b) = (best[i][k].clone(), best[k + 1][j].clone());
                let mut offer = |time: f64, order: Order| {
                    if time < found.0 {
                        found = (time, order);
                    }
                };
                offer(
                    a.0 + b.0 + product,
                    Order::Product(Box::new(b.1.clone()), Box::new(a.1.clone())),
                );
                let pushed: f64 = (k + 1..=j)
                    .map(|v| {
                        let columns = w[i] as f64 / shapes_to(&shapes, i, k, v).tied();
                        pushes[v].as_ref().map_or(0.0, |c| c.at(columns))
                    })
                    .sum();
                let order = (k + 1..=j).fold(a.1, |o, v| Order::Push(v, Box::new(o)));
                offer(a.0 + pushed, order);
                let pulled: f64 = (i..=k)
                    .map(|v| {
                        let rows = w[j + 1] as f64 / shapes_from(&shapes, v, k, j).tied();
                        pulls[v].as_ref().map_or(0.0, |c| c.at(rows))
                    })
                    .sum();
                let order = (i..=k).rev().fold(b.1, |o, v| Order::Pull(Box::new(o), v));
                offer(b.0 + pulled, order);
                shapes[i][j] = shape;
            }
            best[i][j] = found;
        }
    }
    best[0][n - 1].1.clone()
}

/// The shape of parts `i..=v`, of which those after `k` are joined one by one.
fn shapes_to(shapes: &[Vec<Shape>], i: usize, k: usize, v: usize) -> Shape {
    (k + 1..=v).fold(shapes[i][k].clone(), |s, l| s.then(&shapes[l][l]))
}

/// The shape of parts `v..=j`, of which those up to `k` are joined one by one.
fn shapes_from(shapes: &[Vec<Shape>], v: usize, k: usize, j: usize) -> Shape {
    (v..=k)
        .rev()
        .fold(shapes[k + 1][j].clone(), |s, l| shapes[l][l].then(&s))
}
