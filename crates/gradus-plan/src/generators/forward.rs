//! Forward mode: tangents pushed through the whole program.

use super::{Generator, Planning};
use crate::addressing::Carried;
use crate::candidate::{Mode, Proposal};
use crate::order::Order;
use crate::problem::Strategy;
use crate::reason::ONLY_BACKWARD;

pub(super) const FORWARD: Generator = Generator {
    name: "forward",
    propose,
};

fn propose(planning: &mut Planning<'_>) -> Proposal {
    let problem = &planning.space.problem;
    if problem.only_backward {
        return Err(ONLY_BACKWARD);
    }
    // Each array that is pushed visits all nodes, and the emitted nodes are visited once more.
    let nodes = 2 * problem.tangent().len() * problem.inputs().len();
    planning.admit(FORWARD.name, Carried::Inputs, nodes)?;
    let strategy = Strategy::Chain(&planning.space.whole, &Order::forward(1));
    Ok(planning.candidate(Mode::Forward, strategy))
}
