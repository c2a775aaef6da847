//! The order in which the parts of a chain are joined, and the cheapest one.
//!
//! Dynamic programming over ranges of parts: the derivative of a range is the product of those of two shorter ones, or one of them pushed (as
//! tangents) or pulled (as cotangents) through the parts of the other without their Jacobians (matrix-free Jacobian chain bracketing; U. Naumann,
//! "Matrix-Free Jacobian Chaining", 2024).

use crate::block::Block;
use crate::cost::estimate;
use crate::matrix::Matrix;
use crate::price::Price;
use crate::segments::{Segment, Segments};
use gradus_ir::{DType, Graph, NodeId, Type};
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

    /// The first and the last part of the range.
    pub fn range(&self) -> (usize, usize) {
        match self {
            Order::Forward(l) | Order::Reverse(l) => (*l, *l),
            Order::Product(outer, inner) => (inner.range().0, outer.range().1),
            Order::Push(l, inner) => (inner.range().0, *l),
            Order::Pull(outer, l) => (*l, outer.range().1),
        }
    }

    /// Appends the derivative to `g`.
    pub(crate) fn build(&self, g: &mut Graph, segments: &Segments, residuals: &[NodeId]) -> Matrix {
        let part = |l: usize| &segments.parts[l];
        match self {
            Order::Forward(l) => {
                let unit = Matrix::identity(g, &input_types(&part(*l).forward, residuals.len()));
                unit.pushed(g, part(*l), residuals)
            }
            Order::Reverse(l) => {
                let unit = Matrix::identity(g, &part(*l).forward.output_types());
                unit.pulled(g, part(*l), residuals)
            }
            Order::Product(outer, inner) => {
                let inner = inner.build(g, segments, residuals);
                let outer = outer.build(g, segments, residuals);
                Matrix::product(g, &outer, &inner)
            }
            Order::Push(l, inner) => {
                inner
                    .build(g, segments, residuals)
                    .pushed(g, part(*l), residuals)
            }
            Order::Pull(outer, l) => {
                outer
                    .build(g, segments, residuals)
                    .pulled(g, part(*l), residuals)
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

fn input_types(program: &Graph, residuals: usize) -> Vec<Type> {
    program.input_types().split_off(residuals)
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
    let seconds = |make: &dyn Fn(&mut Graph, &[NodeId]) -> Matrix| {
        let mut g = Graph::new();
        let known: Vec<NodeId> = residuals.iter().map(|ty| g.input(ty.clone())).collect();
        let matrix = make(&mut g, &known);
        g.set_outputs(matrix.tensors());
        (price.of(estimate(&g, price.profile)), matrix)
    };
    let starts: Vec<Vec<Type>> = segments
        .parts
        .iter()
        .map(|p| input_types(&p.forward, residuals.len()))
        .collect();
    let ends: Vec<Vec<Type>> = segments
        .parts
        .iter()
        .map(|p| p.forward.output_types())
        .collect();
    let curve = |part: &Segment, ty: &Type, pull: bool| {
        Curve(SAMPLES.map(|k| {
            let (time, _) = seconds(&|g, known| {
                let matrix = free_vectors(g, ty, k, pull);
                match pull {
                    true => matrix.pulled(g, part, known),
                    false => matrix.pushed(g, part, known),
                }
            });
            (k as f64, time)
        }))
    };
    let mut best: Vec<Vec<(f64, Order)>> = Vec::new();
    let mut shapes: Vec<Vec<Shape>> = vec![vec![Shape::default(); n]; n];
    let mut pushes: Vec<Option<Curve>> = Vec::new();
    let mut pulls: Vec<Option<Curve>> = Vec::new();
    for l in 0..n {
        let part = &segments.parts[l];
        let (forward, matrix) = seconds(&|g, known| Order::Forward(l).build(g, segments, known));
        let (reverse, _) = seconds(&|g, known| Order::Reverse(l).build(g, segments, known));
        shapes[l][l] = Shape::of(&matrix, &starts[l], &ends[l]);
        let leaf = match forward <= reverse {
            true => (forward, Order::Forward(l)),
            false => (reverse, Order::Reverse(l)),
        };
        // Ranges that are not made yet cost more than anything.
        best.push(vec![(f64::INFINITY, Order::Forward(l)); n]);
        best[l][l] = leaf;
        pushes.push((l > 0).then(|| curve(part, &starts[l][0], false)));
        pulls.push((l + 1 < n).then(|| curve(part, &ends[l][0], true)));
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

/// `n` vectors without structure at an array of type `ty`: columns of a derivative, or its rows.
fn free_vectors(g: &mut Graph, ty: &Type, n: usize, rows: bool) -> Matrix {
    let mut block = Block::identity(g, ty.dtype, &ty.shape);
    block.source = gradus_ir::Dims::from_slice(&[n]);
    block.ties.clear();
    block.tensor = g.input(ty.batched(n));
    if rows {
        block = block.flipped(g);
    }
    Matrix::single(block)
}
