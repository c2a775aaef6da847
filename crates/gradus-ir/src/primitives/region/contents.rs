//! The contents of a program that decide in which orders it can be differentiated.

use super::{Call, Region};
use crate::graph::{Graph, Node};

/// The contents of a program, at any depth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// A loop, a branch, a call or a check.
    pub regions: bool,
    /// A function with a user's derivative.
    /// Such a derivative need not be the function's, and the second one need not be symmetric.
    pub custom_derivatives: bool,
    /// A cotangent hook, which forward mode ignores.
    pub hooks: bool,
    /// A backward pass that a user has written, which need not be linear: a hook or the pullback of a `custom_vjp`.
    pub custom_pullbacks: bool,
    /// A choice between a value and the same value without a derivative ([`Graph::has_gates`]).
    pub gates: bool,
}

impl Contents {
    fn or(self, other: Contents) -> Contents {
        Contents {
            regions: self.regions || other.regions,
            custom_derivatives: self.custom_derivatives || other.custom_derivatives,
            hooks: self.hooks || other.hooks,
            custom_pullbacks: self.custom_pullbacks || other.custom_pullbacks,
            gates: self.gates || other.gates,
        }
    }
}

impl Graph {
    /// The contents of the program. A [`Body`](super::Body) caches the answer.
    pub fn contents(&self) -> Contents {
        let own = Contents {
            gates: self.has_gates(),
            ..Contents::default()
        };
        let regions = self.nodes().iter().filter_map(Node::region);
        regions.fold(own, |all, region| all.or(region.contents()))
    }
}

impl Region {
    /// The contents of the region, including the region itself.
    fn contents(&self) -> Contents {
        let hooks = matches!(self, Region::Call(Call::Hook(_)));
        let custom_pullbacks = hooks || matches!(self, Region::Call(Call::BackwardOnly(_)));
        let rules = matches!(self, Region::Call(Call::CustomJvp(_) | Call::CustomVjp(_)));
        let own = Contents {
            regions: true,
            custom_derivatives: custom_pullbacks || rules,
            hooks,
            custom_pullbacks,
            gates: false,
        };
        let bodies = self.bodies();
        (bodies.iter()).fold(own, |all, (_, body)| all.or(body.contents()))
    }
}
