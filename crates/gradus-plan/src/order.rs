//! The order in which the segments of a chain are joined.

use crate::matrix::Matrix;
use crate::segments::Segments;
use gradus_ir::{Graph, ValueId};
use std::fmt;

/// How the derivative of a range of segments is accumulated. Segments count from 0 at the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// One segment, its columns pushed from the unit vectors.
    Forward(usize),
    /// One segment, its rows pulled from the unit vectors.
    Reverse(usize),
    /// The product of two accumulated derivatives, the one nearer to the outputs first.
    Product(Box<Order>, Box<Order>),
    /// The columns of an accumulated derivative pushed through a segment.
    Push(usize, Box<Order>),
    /// The rows of an accumulated derivative pulled through a segment.
    Pull(Box<Order>, usize),
}

impl Order {
    /// Columns pushed from the inputs to the outputs.
    pub fn forward(segments: usize) -> Order {
        (1..segments).fold(Order::Forward(0), |so_far, l| {
            Order::Push(l, Box::new(so_far))
        })
    }

    /// Rows pulled from the outputs to the inputs.
    pub fn reverse(segments: usize) -> Order {
        let last = segments - 1;
        (0..last).rev().fold(Order::Reverse(last), |so_far, l| {
            Order::Pull(Box::new(so_far), l)
        })
    }

    /// The first and the last segment of the range, if it has no gaps.
    pub fn span(&self) -> Option<(usize, usize)> {
        let (inner, outer) = match self {
            Order::Forward(l) | Order::Reverse(l) => return Some((*l, *l)),
            Order::Product(outer, inner) => (inner.span()?, outer.span()?),
            Order::Push(l, inner) => (inner.span()?, (*l, *l)),
            Order::Pull(outer, l) => ((*l, *l), outer.span()?),
        };
        (inner.1.checked_add(1) == Some(outer.0)).then_some((inner.0, outer.1))
    }

    /// The [span](Self::span) of an order that was made or checked in this crate.
    pub(crate) fn range(&self) -> (usize, usize) {
        self.span().expect("an order of neighbouring segments")
    }

    /// Whether it is forward mode over all its segments.
    pub(crate) fn is_forward(&self) -> bool {
        *self == Order::forward(self.range().1 + 1)
    }

    /// Whether it is reverse mode over all its segments.
    pub(crate) fn is_reverse(&self) -> bool {
        *self == Order::reverse(self.range().1 + 1)
    }

    /// The accumulated derivatives that it joins.
    pub(crate) fn children(&self) -> Vec<&Order> {
        match self {
            Order::Forward(_) | Order::Reverse(_) => Vec::new(),
            Order::Product(outer, inner) => vec![outer, inner],
            Order::Push(_, joined) | Order::Pull(joined, _) => vec![joined],
        }
    }

    /// The name of the derivative that it accumulates, such as `J3…J2`.
    pub(crate) fn name(&self) -> String {
        match self.range() {
            (from, to) if from == to => format!("J{}", from + 1),
            (from, to) => format!("J{}…J{}", to + 1, from + 1),
        }
    }

    /// Appends the derivative to `g`.
    pub(crate) fn build(
        &self,
        g: &mut Graph,
        segments: &Segments,
        residuals: &[ValueId],
    ) -> Matrix {
        let at = |l: usize| {
            let segment = &segments.list[l];
            (segment, segment.own(residuals))
        };
        match self {
            Order::Forward(l) => {
                let (segment, own) = at(*l);
                Matrix::pushed_unit(g, segment, &own)
            }
            Order::Reverse(l) => {
                let (segment, own) = at(*l);
                Matrix::pulled_unit(g, segment, &own)
            }
            Order::Product(outer, inner) => {
                let inner = inner.build(g, segments, residuals);
                let outer = outer.build(g, segments, residuals);
                Matrix::product(g, &outer, &inner)
            }
            Order::Push(l, inner) => {
                let inner = inner.build(g, segments, residuals);
                let (segment, own) = at(*l);
                inner.pushed(g, segment, &own)
            }
            Order::Pull(outer, l) => {
                let outer = outer.build(g, segments, residuals);
                let (segment, own) = at(*l);
                outer.pulled(g, segment, &own)
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
