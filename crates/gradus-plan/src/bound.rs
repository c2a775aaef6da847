//! What planning may spend beyond the program that will run, and what is left out.

use crate::options::PlanOptions;

/// The names that candidates have in explanations.
pub(crate) const FORWARD: &str = "forward";
pub(crate) const REVERSE: &str = "reverse";
pub(crate) const MIXED: &str = "mixed";
pub(crate) const ELIMINATION: &str = "elimination";
pub(crate) const REVERSE_OVER_FORWARD: &str = "reverse over forward";

/// Why a candidate is left out.
pub(crate) const LARGE: &str = "the program is large";

/// A candidate that was not built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotBuilt {
    /// Its name.
    pub name: String,
    /// The reason, as a clause.
    pub why: &'static str,
}

/// What may be spent on candidates besides the most likely one; see [`PlanOptions::node_budget`].
#[derive(Clone)]
pub(crate) struct Bound {
    /// Nodes that may still be visited.
    left: usize,
    /// Nodes of the linear program, how many arrays it is differentiated by, and how many it differentiates.
    pub sizes: [usize; 3],
    /// What was left out.
    pub refused: Vec<NotBuilt>,
}

impl Bound {
    pub fn new(sizes: [usize; 3], options: &PlanOptions) -> Bound {
        Bound {
            // Under a memory limit the most likely one may be too large, and any other the only one.
            left: match options.memory_limit {
                Some(_) => usize::MAX,
                None => options.node_budget,
            },
            sizes,
            refused: Vec::new(),
        }
    }

    /// Whether there is room for this candidate, whose nodes are then taken from what is left.
    pub fn take(&mut self, name: &'static str) -> bool {
        let [n, x, y] = self.sizes;
        // Each array that is pushed visits all nodes, what it emits is visited once more, and a transposition is a visit too. The search for a mixed order
        // transposes all parts and pushes through each in both directions; so does that for an order of elimination.
        let nodes = match name {
            FORWARD => 2 * n * x,
            REVERSE => n * (2 * y + 1),
            _ => n * (x + y + 3),
        };
        self.spend(name, nodes)
    }

    /// Whether there is room for a candidate that visits so many nodes, which are then taken from what is left.
    pub fn spend(&mut self, name: &'static str, nodes: usize) -> bool {
        match self.left.checked_sub(nodes) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.refuse(name, LARGE);
                false
            }
        }
    }

    /// Leaves a candidate out.
    pub fn refuse(&mut self, name: &'static str, why: &'static str) {
        let name = name.to_string();
        self.refused.push(NotBuilt { name, why });
    }
}
