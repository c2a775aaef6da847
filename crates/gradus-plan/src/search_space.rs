//! The orders that can be accumulated for one function.

use crate::elimination::EliminationGraph;
use crate::order::Order;
use crate::problem::{Problem, Strategy};
use crate::segments::Segments;
use gradus_ir::Graph;

/// A function with the decompositions made for the search of orders.
pub(crate) struct SearchSpace {
    pub problem: Problem,
    /// The linear program as one segment.
    pub whole: Segments,
    /// The segments between the cuts, if there are any and they were searched.
    pub cut: Option<Segments>,
    /// The graph of arrays to eliminate, if it was searched.
    pub graph: Option<EliminationGraph>,
    /// For a Hessian: the gradient by forward mode.
    pub by_forward: Option<Pushed>,
}

/// The gradient by forward mode as a function of its own.
pub(crate) struct Pushed {
    pub problem: Problem,
    pub whole: Segments,
}

impl Pushed {
    /// The Jacobian of this gradient by reverse mode.
    pub fn pulled(&self) -> Graph {
        let reverse = Order::reverse(1);
        self.problem.emit(Strategy::Chain(&self.whole, &reverse))
    }
}

impl SearchSpace {
    /// The chain that explanations show.
    pub fn segments(&self) -> &Segments {
        self.cut.as_ref().unwrap_or(&self.whole)
    }
}
