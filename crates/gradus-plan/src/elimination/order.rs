//! An order in which arrays are eliminated.

use std::fmt;

/// How the derivatives before and after a vertex are joined when it is eliminated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Join {
    /// Columns of its derivative are pushed on as tangents.
    Push,
    /// Rows of the derivatives by it are pulled back as cotangents.
    Pull,
    /// Accumulated derivatives are multiplied.
    Product,
}

impl Join {
    pub(super) const ALL: [Join; 3] = [Join::Push, Join::Pull, Join::Product];

    /// The name in texts.
    pub fn in_words(self) -> &'static str {
        match self {
            Join::Push => "columns pushed on",
            Join::Pull => "rows pulled back",
            Join::Product => "products",
        }
    }
}

/// The elimination of one vertex.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EliminationStep {
    /// The vertex, counted from 0 in the order of the program without inputs and outputs.
    pub vertex: usize,
    /// How its derivatives are joined.
    pub join: Join,
}

/// The search that found an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundBy {
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

impl FoundBy {
    /// The name in texts.
    pub fn name(self) -> &'static str {
        match self {
            FoundBy::Forward => "forward",
            FoundBy::Reverse => "reverse",
            FoundBy::Products => "products alone",
            FoundBy::Markowitz => "lowest cost first",
            FoundBy::Beam => "beam search",
        }
    }
}

/// An order of elimination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elimination {
    /// The vertices, in the order of their elimination.
    pub steps: Vec<EliminationStep>,
    /// Elements of each vertex.
    pub widths: Vec<usize>,
    /// Which search found it.
    pub found_by: FoundBy,
    /// Whether beam search stopped early; see [`SearchLimits::tries`](crate::SearchLimits::tries()).
    pub bounded: bool,
}

/// `v2 push, v1 pull`, vertices from 1.
impl fmt::Display for Elimination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, step) in self.steps.iter().enumerate() {
            let comma = if k > 0 { ", " } else { "" };
            let join = match step.join {
                Join::Push => "push",
                Join::Pull => "pull",
                Join::Product => "product",
            };
            write!(f, "{comma}v{} {join}", step.vertex + 1)?;
        }
        Ok(())
    }
}
