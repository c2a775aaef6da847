//! Reverse mode: cotangents pulled through the whole program.

use super::{Generator, Planning};
use crate::addressing::Carried;
use crate::candidate::{Mode, Proposal};
use crate::order::Order;
use crate::problem::Strategy;

pub(super) const REVERSE: Generator = Generator {
    name: "reverse",
    propose,
};

fn propose(planning: &mut Planning<'_>) -> Proposal {
    let problem = &planning.space.problem;
    // The same visits as forward mode, and one more of all nodes to transpose them.
    let nodes = problem.tangent().len() * (2 * problem.outputs().len() + 1);
    planning.admit(REVERSE.name, Carried::Outputs, nodes)?;
    let strategy = Strategy::Chain(&planning.space.whole, &Order::reverse(1));
    Ok(planning.candidate(Mode::Reverse, strategy))
}
