//! The cheapest program of a derivative, planned once for equal functions.

use super::profile::machine_profile;
use crate::context::Context;
use gradus_engine::Key;
use gradus_ir::{Graph, Op, Result};
use gradus_plan::{Modes, Plan, PlanOptions};
use std::sync::Arc;

/// The derivative that is planned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Jacobian(Modes),
    Hessian,
    HessianProduct,
}

/// The key of the planned program of a derivative by the first inputs.
#[derive(Clone, PartialEq)]
struct Planned {
    /// The number of these inputs.
    n: usize,
    wanted: Wanted,
}

impl Key for Planned {
    type Value = Arc<Graph>;

    fn shares(kept: &Graph, asked: &Graph) -> bool {
        same_places(kept, asked)
    }
}

/// The program that computes a derivative of `graph` by its first `n` inputs,
/// in the cheapest order by this machine's rates.
/// A Jacobian has a block for each output and each input, a Hessian for every two inputs,
/// and a Hessian-vector product an array for each input.
pub(super) fn planned(graph: &Graph, n: usize, wanted: Wanted) -> Result<Arc<Graph>> {
    let key = Planned { n, wanted };
    Context::current().find_or_make(graph, &key, || {
        let options = PlanOptions::default()
            .modes(match wanted {
                Wanted::Jacobian(modes) => modes,
                Wanted::Hessian | Wanted::HessianProduct => Modes::Any,
            })
            .profile(machine_profile());
        let of = |plan: &Plan| plan.chosen().program.clone();
        let program = match wanted {
            Wanted::Jacobian(_) => of(gradus_plan::jacobian(graph, n, &options, None)?.plan()),
            Wanted::Hessian => of(gradus_plan::hessian(graph, n, &options, None)?.plan()),
            Wanted::HessianProduct => of(&gradus_plan::hvp(graph, n, &options, None)?),
        };
        Ok(Arc::new(program))
    })
}

/// Whether two equal programs have the same source lines, which errors and profiles name.
fn same_places(a: &Graph, b: &Graph) -> bool {
    let mut pairs = a.nodes().iter().zip(b.nodes());
    pairs.all(|(a, b)| {
        a.loc == b.loc
            && match (&a.op, &b.op) {
                (Op::Region(x), Op::Region(y)) => {
                    let (x, y) = (x.bodies(), y.bodies());
                    let mut bodies = x.iter().zip(&y);
                    bodies.all(|((_, x), (_, y))| x.identity() == y.identity() || same_places(x, y))
                }
                _ => true,
            }
    })
}
