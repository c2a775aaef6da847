//! The cost of loops, branches and calls.

use super::user_supplied::users_cost;
use super::{Estimate, estimate, estimate_vectors};
use crate::profile::Profile;
use gradus_ir::primitives::{Call, Loop, Region, Trips, Work};
use gradus_ir::{Graph, ValueId};

/// The number of steps assumed for a loop of unknown length. Its operations are counted in the same way.
const UNKNOWN_STEPS: u64 = 1;

/// The cost of one evaluation of a region: its bodies, as often as they run.
///
/// For a switch, the most expensive branch; for a call, its body; for a call with a user-supplied cost, that cost.
pub(crate) fn estimate_region(region: &Region, profile: &Profile) -> Estimate {
    match region {
        Region::Loop(l) => {
            let mut step = estimate(&l.body, profile);
            if let Trips::While(condition) = &l.trips {
                step = step.and(estimate(condition, profile));
            }
            let steps = match l.trips {
                Trips::Fixed(n) => n as u64,
                Trips::Counted | Trips::While(_) => UNKNOWN_STEPS,
            };
            step.times(steps)
        }
        Region::Switch(s) => (s.branches.iter().map(|b| estimate(b, profile)))
            .max_by(|a, b| a.seconds.total_cmp(&b.seconds))
            .unwrap_or_default(),
        // A hook is the identity, and a check is one comparison.
        Region::Call(Call::Hook(_)) | Region::Check(_) => Estimate::default(),
        Region::Call(_) if users_cost(region).is_some() => {
            let cost = region.total_cost();
            let bytes = cost.bytes_read + cost.bytes_written;
            let computing = cost.operations as f64 / profile.rate(Work::Arithmetic);
            Estimate {
                operations: cost.operations,
                bytes,
                seconds: computing.max(bytes as f64 / profile.bandwidth(bytes)),
            }
        }
        Region::Call(call) => estimate(call.body(), profile),
    }
}

/// The cost of a region on `n` vectors at once: the marked operands exist once for each vector, all others once.
pub(crate) fn estimate_region_vectors(
    region: &Region,
    marked: &[bool],
    n: usize,
    profile: &Profile,
) -> Estimate {
    match region {
        Region::Loop(l) => {
            let steps = match l.trips {
                Trips::Fixed(steps) => steps as u64,
                Trips::Counted | Trips::While(_) => UNKNOWN_STEPS,
            };
            let repeated = repeated_in_steps(l, marked);
            estimate_vectors(&l.body, &repeated, n, profile).times(steps)
        }
        Region::Switch(s) => {
            let branches = s.branches.iter().map(|b| {
                let repeated = dependents(b, &marked[1..]);
                estimate_vectors(b, &repeated, n, profile)
            });
            branches
                .max_by(|a, b| a.seconds.total_cmp(&b.seconds))
                .unwrap_or_default()
        }
        Region::Call(Call::Hook(_)) | Region::Check(_) => Estimate::default(),
        Region::Call(call) => {
            let repeated = dependents(call.body(), marked);
            estimate_vectors(call.body(), &repeated, n, profile)
        }
    }
}

/// The values of a loop's body that exist once for each vector if the marked operands do.
/// A carried value exists once for each vector as soon as one step makes it so.
fn repeated_in_steps(l: &Loop, marked: &[bool]) -> Vec<bool> {
    let mut inputs = vec![false];
    inputs.extend(&marked[l.operands().consts.start..]);
    loop {
        let repeated = dependents(&l.body, &inputs);
        let mut more = false;
        for (carried, output) in inputs[l.inputs().carries].iter_mut().zip(l.body.outputs()) {
            if repeated[output.index()] && !*carried {
                (*carried, more) = (true, true);
            }
        }
        if !more {
            return repeated;
        }
    }
}

fn dependents(g: &Graph, marked: &[bool]) -> Vec<bool> {
    let inputs = g.inputs().iter().zip(marked);
    let sources: Vec<ValueId> = inputs.filter(|(_, m)| **m).map(|(&x, _)| x).collect();
    g.dependents_of(&sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_ir::primitives::{Body, Unary};
    use gradus_ir::{DType, Type};

    #[test]
    fn a_loop_costs_its_steps() {
        let profile = Profile::default();
        let ty = Type::new(DType::F64, &[1000]);
        let mut body = Graph::new();
        body.input(Type::scalar(DType::I64));
        let s = body.input(ty.clone());
        let next = body.unary(Unary::Sin, s);
        body.set_outputs(vec![next]);
        let of = |trips: Trips| {
            let mut g = Graph::new();
            let x = g.input(ty.clone());
            let count = g.input(Type::scalar(DType::I64));
            let operands = match trips {
                Trips::Counted => vec![count, x],
                _ => vec![x],
            };
            let region = Region::Loop(Loop {
                trips,
                reverse: false,
                consts: 0,
                carries: 1,
                body: Body::from(body.clone()),
            });
            let results = g.emit_region(region, &operands);
            g.set_outputs(results);
            estimate(&g, &profile)
        };
        let step = estimate(&body, &profile);
        let (eight, unknown) = (of(Trips::Fixed(8)), of(Trips::Counted));
        assert_eq!(eight.operations, 8 * step.operations);
        assert!(eight.seconds >= 8.0 * step.seconds && eight.seconds < 12.0 * step.seconds);
        assert_eq!(unknown.operations, step.operations);
        assert!(unknown.seconds >= step.seconds && unknown.seconds < 4.0 * step.seconds);
    }
}
