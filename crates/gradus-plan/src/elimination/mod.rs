//! Vertex elimination on the graph of arrays, for programs that are no chains.
//!
//! The vertices are the inputs, the outputs and some narrow arrays between them; a vertex has the part of the program that makes it of those before it.
//! Eliminating a vertex joins each array before it to each after it: by the product of two accumulated derivatives, by pushing the columns of the one
//! before through the part after, or by pulling the rows of the one after through the part before. Forward and reverse mode are two of the orders, so
//! are all orders over small sets of arrays through which every path goes. The search weighs forms of derivatives, never graphs; the best order is
//! built once. (A. Griewank, A. Walther, *Evaluating Derivatives*, chapters 9 and 10, for scalars.)

mod build;
mod cuts;
mod form;
mod net;
mod search;

use crate::options::SearchLimits;
use crate::price::Price;
use std::fmt;

pub(crate) use build::build;
pub(crate) use net::{Net, TooLarge};

/// How a vertex is eliminated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Columns of its derivative are pushed on as tangents.
    Push,
    /// Rows of the derivatives by it are pulled back as cotangents.
    Pull,
    /// Accumulated derivatives are multiplied.
    Product,
}

impl How {
    const ALL: [How; 3] = [How::Push, How::Pull, How::Product];

    /// What is done, for a tree.
    pub fn in_words(self) -> &'static str {
        match self {
            How::Push => "columns pushed on",
            How::Pull => "rows pulled back",
            How::Product => "products",
        }
    }
}

/// One elimination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// The vertex, from 0 in the order of the program, inputs and outputs apart.
    pub vertex: usize,
    /// What is done with its derivatives.
    pub how: How,
}

/// Which search found an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// The order of forward mode.
    Forward,
    /// The order of reverse mode.
    Reverse,
    /// All derivatives accumulated, in the order of the program.
    Products,
    /// The cheapest elimination first.
    Markowitz,
    /// Beam search.
    Beam,
}

impl Found {
    /// The name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Found::Forward => "forward",
            Found::Reverse => "reverse",
            Found::Products => "products alone",
            Found::Markowitz => "lowest cost first",
            Found::Beam => "beam search",
        }
    }
}

/// An order of elimination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elimination {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Elements of each vertex.
    pub widths: Vec<usize>,
    /// Which search found it.
    pub found_by: Found,
    /// Whether beam search was given up; see [`SearchLimits::tries`].
    pub bounded: bool,
}

/// `v2 push, v1 pull`, vertices from 1.
impl fmt::Display for Elimination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, step) in self.steps.iter().enumerate() {
            let comma = if k > 0 { ", " } else { "" };
            let how = match step.how {
                How::Push => "push",
                How::Pull => "pull",
                How::Product => "product",
            };
            write!(f, "{comma}v{} {how}", step.vertex + 1)?;
        }
        Ok(())
    }
}

/// The best order found for the graph, if it is thought to cost less than about `known`.
pub(crate) fn search(
    net: &Net,
    price: Price<'_>,
    limits: SearchLimits,
    known: f64,
) -> Option<Elimination> {
    search::search(net, price, limits, known)
}
