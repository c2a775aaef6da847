//! What loops, choices and calls mean for a plan: what they cost, and which orders they rule out.

use crate::cost::{Estimate, estimate};
use crate::profile::Profile;
use gradus_ir::primitives::{Call, Region, Trips, Work};
use gradus_ir::{Error, ErrorKind, Graph, Loc};

/// So many steps a loop is thought to take where nobody knows: what it holds is then weighed once, as its operations are counted.
const UNKNOWN_STEPS: u64 = 1;

/// Why forward mode is left out of programs with a `custom_vjp`.
pub(crate) const ONLY_BACKWARD: &str = "a custom_vjp has no forward mode";

/// Why elimination is left out of programs with regions.
pub(crate) const WHOLE: &str = "it does not look into loops, choices and calls";

/// Whether a program holds loops, choices or calls.
pub(crate) fn has_regions(g: &Graph) -> bool {
    g.ids().any(|id| g.region(id).is_some())
}

/// How many of the operations of a program are stated by the user, and the lines where they are.
pub(crate) fn stated(g: &Graph) -> (u64, Vec<Loc>) {
    let (mut operations, mut places) = (0u64, Vec::new());
    let live = g.live();
    for id in g.ids().filter(|id| live[id.index()]) {
        let Some(region) = g.region(id).map(|region| &**region) else {
            continue;
        };
        let here = match region {
            Region::Call(Call::Stated { cost, .. }) => {
                places.push(g.node(id).loc);
                cost.value
            }
            Region::Check(_) | Region::Call(Call::Hook { .. }) => 0,
            region => {
                // The rules of a call do not run.
                let bodies = match region {
                    Region::Call(call) => vec![call.body()],
                    region => region.bodies().into_iter().map(|(_, body)| body).collect(),
                };
                let inside = bodies.into_iter().map(|body| {
                    let (operations, within) = stated(body);
                    places.extend(within);
                    operations
                });
                let inside = inside.max().unwrap_or(0);
                match region {
                    Region::Loop(l) => match l.trips {
                        Trips::Fixed(n) => inside.saturating_mul(n as u64),
                        _ => inside * UNKNOWN_STEPS,
                    },
                    _ => inside,
                }
            }
        };
        operations = operations.saturating_add(here);
    }
    places.sort_by_key(|loc| loc.file_line());
    places.dedup_by_key(|loc| loc.file_line());
    (operations, places)
}

/// The error of those who ask for forward mode where there is none, with the line of the function that has none.
pub(crate) fn no_forward_mode(tangent: &Graph) -> Error {
    let error = Error::new(ErrorKind::Derivative, Call::NO_FORWARD_MODE);
    match place(tangent) {
        Some(loc) => error.at(loc),
        None => error,
    }
}

/// Where the first function is of which only the way back is known.
fn place(g: &Graph) -> Option<Loc> {
    g.ids().find_map(|id| {
        let region = g.region(id)?;
        match **region {
            Region::Call(Call::OnlyBackward { .. }) => Some(g.node(id).loc),
            _ => region.bodies().iter().find_map(|(_, body)| place(body)),
        }
    })
}

/// What one evaluation of a region costs: its bodies, as often as they run; of a choice the dearest branch, of a function with rules of its own what it does, of one whose cost is stated that.
pub(crate) fn estimate_region(region: &Region, profile: &Profile) -> Estimate {
    match region {
        Region::Loop(l) => {
            let mut step = estimate(&l.body, profile);
            if let Trips::While(condition) = &l.trips {
                let asked = estimate(condition, profile);
                step.operations += asked.operations;
                step.bytes += asked.bytes;
                step.seconds += asked.seconds;
            }
            let steps = match l.trips {
                Trips::Fixed(n) => n as u64,
                Trips::Counted | Trips::While(_) => UNKNOWN_STEPS,
            };
            Estimate {
                operations: step.operations.saturating_mul(steps),
                bytes: step.bytes.saturating_mul(steps),
                seconds: step.seconds * steps as f64,
            }
        }
        Region::Switch(s) => (s.branches.iter().map(|b| estimate(b, profile)))
            .max_by(|a, b| a.seconds.total_cmp(&b.seconds))
            .unwrap_or_default(),
        // Of the identity nothing is left to run, and a check is one comparison.
        Region::Call(Call::Hook { .. }) | Region::Check(_) => Estimate::default(),
        Region::Call(Call::Stated { .. }) => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use gradus_ir::primitives::{Body, Loop, Unary};
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
