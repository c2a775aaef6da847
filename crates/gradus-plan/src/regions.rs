//! What loops, choices and calls mean for a plan: what they cost, and which orders they rule out.

use crate::cost::{Estimate, estimate, estimate_vectors, estimates};
use crate::format::grouped;
use crate::profile::Profile;
use gradus_ir::primitives::region::{Reason, Recompute, Recomputed, UserCost};
use gradus_ir::primitives::{Backward, Call, Loop, Region, Trips, Work};
use gradus_ir::{Error, ErrorKind, Graph, Loc, Node, ValueId};

/// So many steps a loop is thought to take where nobody knows: what it holds is then weighed once, as its operations are counted.
const UNKNOWN_STEPS: u64 = 1;

/// Why forward mode is left out of programs with a `custom_vjp`.
pub(crate) const ONLY_BACKWARD: &str = "a custom_vjp has no forward mode";

/// Why orders that mix both modes are left out of programs with a `with_cotangent`: its function would be asked about parts of a derivative.
pub(crate) const ONLY_IN_REVERSE: &str = "with_cotangent is for reverse mode alone";

/// Why a product is not taken with the Hessian from the left.
pub(crate) const TRANSPOSED: &str =
    "it multiplies by the transposed Hessian, which rules of functions can make another one";

/// Why no order mixes the modes past a branch that some rows run and others do not.
pub(crate) const ROWS_APART: &str = "it multiplies slopes of rows by those of a branch or step that they do not run, which can be infinite";

/// Whether a program holds loops, choices or calls.
pub(crate) fn has_regions(g: &Graph) -> bool {
    g.nodes().iter().any(|node| node.region().is_some())
}

/// Whether a program holds, at any depth, a function whose derivative a user has written: such derivatives need not be those of anything, nor their derivatives
/// symmetric.
pub(crate) fn has_rules(g: &Graph) -> bool {
    g.backward() > Backward::Derived || any_call(g, &|call| matches!(call, Call::CustomJvp(_)))
}

/// Whether a program holds, at any depth, a `with_cotangent`, which forward mode does not see.
pub(crate) fn has_hooks(g: &Graph) -> bool {
    any_call(g, &|call| matches!(call, Call::Hook(_)))
}

/// Whether a program holds, at any depth, a branch or a step that some rows run and others do not: what keeps the others from it keeps zeros from slopes that can be infinite there,
/// and orders that multiply local derivatives would multiply them.
pub(crate) fn has_gates(g: &Graph) -> bool {
    let within = |region: &Region| region.bodies().iter().any(|(_, body)| has_gates(body));
    g.has_gates() || g.nodes().iter().filter_map(Node::region).any(|r| within(r))
}

/// Whether the way back through a linear program may be more than linear, as users have written parts of it.
pub(crate) fn has_ways_back(g: &Graph) -> bool {
    any_call(g, &|call| {
        matches!(call, Call::Hook(_) | Call::BackwardOnly(_))
    })
}

/// Whether a program holds, at any depth, such a call.
fn any_call(g: &Graph, wanted: &dyn Fn(&Call) -> bool) -> bool {
    g.nodes().iter().filter_map(Node::region).any(|region| {
        let own = matches!(&**region, Region::Call(call) if wanted(call));
        own || (region.bodies().iter()).any(|(_, body)| any_call(body, wanted))
    })
}

/// How many of the operations of a program are stated by the user, and the lines where they are, as often as bodies [run](Region::runs).
pub(crate) fn stated(g: &Graph) -> (u64, Vec<Loc>) {
    let (mut operations, mut places) = (0u64, Vec::new());
    let live = g.live();
    for node in g.nodes().iter().filter(|node| node.runs(&live)) {
        let Some(region) = node.region() else {
            continue;
        };
        if let Some(cost) = users_cost(region) {
            places.push(node.loc);
            operations = operations.saturating_add(cost.value);
            continue;
        }
        for (body, times) in region.runs() {
            let (inside, within) = stated(body);
            places.extend(within);
            operations = operations.saturating_add(inside.saturating_mul(times));
        }
    }
    let key = |loc: &Loc| {
        (
            loc.file_line(),
            loc.piece().map(|(text, r)| (text, r.start, r.end)),
        )
    };
    places.sort_by_key(key);
    places.dedup_by_key(|loc| key(loc));
    (operations, places)
}

/// The cost that a user gives for this call.
fn users_cost(region: &Region) -> Option<UserCost> {
    match region {
        Region::Call(Call::Recompute(Recompute {
            kind: Recomputed::Costed(cost),
            ..
        })) => Some(*cost),
        _ => None,
    }
}

/// The error of those who ask for forward mode where there is none, with the line of the function that has none.
pub(crate) fn no_forward_mode(tangent: &Graph) -> Error {
    let error = Error::new(ErrorKind::Derivative, Reason::Forward.why());
    match place(tangent) {
        Some(loc) => error.at(loc),
        None => error,
    }
}

/// Where the first function is of which only the way back is known.
fn place(g: &Graph) -> Option<Loc> {
    g.nodes().iter().find_map(|node| {
        let region = node.region()?;
        match **region {
            Region::Call(Call::BackwardOnly(_)) => Some(node.loc),
            _ => region.bodies().iter().find_map(|(_, body)| place(body)),
        }
    })
}

/// A loop, choice or call of a program: what an explanation says of it.
pub(crate) struct Held {
    /// What it is, such as `scan of 8 steps`.
    pub what: String,
    pub place: Loc,
    pub cost: Estimate,
}

/// The loops, choices and calls that the outputs of `g` need; those inside of others are part of these.
pub(crate) fn held(g: &Graph, profile: &Profile) -> Vec<Held> {
    let costs = estimates(g, profile);
    let live = g.live();
    let all = g
        .nodes()
        .iter()
        .zip(costs)
        .filter(|(node, _)| node.runs(&live));
    let all = all.filter_map(|(node, cost)| {
        let region = node.region()?;
        let name = region.name();
        let what = match &**region {
            Region::Call(Call::Hook(_)) | Region::Check(_) => return None,
            Region::Loop(l) => match l.trips {
                Trips::Fixed(n) => format!("{name} of {} steps", grouped(n as u64)),
                _ => format!("{name}, one step of as many as is known only then"),
            },
            Region::Switch(s) => format!("{name}, the dearest of {} branches", s.branches.len()),
            Region::Call(_) => name.to_string(),
        };
        Some(Held {
            what,
            place: node.loc,
            cost,
        })
    });
    all.collect()
}

/// What one evaluation of a region costs: its bodies, as often as they run; of a choice the dearest branch, of a function with rules of its own what it does, of one whose cost is stated that.
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
        // Of the identity nothing is left to run, and a check is one comparison.
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

/// What a region costs on `n` vectors at once, which the marked operands are; the others are there once.
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

/// The nodes of a loop's body that are there once for each vector, if these operands are: what is carried from step to step may become so.
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
