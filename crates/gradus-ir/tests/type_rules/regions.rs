//! Operations that hold programs: their counts at the ends of their ranges, on operands that mostly fit.

use super::draw::Draw;
use super::oracle::{memory, sizes};
use gradus_ir::primitives::region::{
    BackwardOnly, CotangentHook, CustomJvp, CustomVjp, Linear, Reason, Recompute, Recomputed,
    Solve, Undefined, UserCost,
};
use gradus_ir::primitives::{Body, Call, Check, Loop, Region, Switch, Trips};
use gradus_ir::{DType, Graph, Op, Type, ValueId};
use std::sync::Arc;

/// A program with inputs of these types that returns arrays of the given output types, which can be literals.
fn program(inputs: &[Type], outputs: &[Type]) -> Body {
    let mut g = Graph::new();
    for t in inputs {
        g.input(t.clone());
    }
    let outputs: Vec<ValueId> = outputs
        .iter()
        .map(|t| g.constant(gradus_ir::Literal::from_i64(t.dtype, 0), &t.shape))
        .collect();
    g.set_outputs(outputs);
    g.into()
}

fn number() -> Type {
    Type::scalar(DType::I64)
}

fn floats(types: &[Type]) -> Vec<Type> {
    let floats = types.iter().filter(|t| t.dtype.has_derivatives());
    floats.cloned().collect()
}

impl Draw {
    fn types(&mut self) -> Vec<Type> {
        (0..self.below(3)).map(|_| self.ty()).collect()
    }

    /// `n`, or a number at an end of its range.
    fn count(&mut self, n: usize) -> usize {
        self.number(&[n])
    }

    /// These types, rarely with another one among them.
    fn some(&mut self, mut types: Vec<Type>) -> Vec<Type> {
        if self.seldom(6) && !types.is_empty() {
            let k = self.below(types.len());
            types[k] = self.mostly(&types[k].clone());
        }
        types
    }
}

/// A region with this name, with operands.
pub fn draw(d: &mut Draw, name: &str) -> (Op, Vec<Type>) {
    let (region, operands) = match name {
        "scan" | "for" | "while" => loops(d, name),
        "switch" => {
            let (inputs, outputs) = (d.types(), d.types());
            let branch = |d: &mut Draw| program(&d.some(inputs.clone()), &d.some(outputs.clone()));
            let branches = (0..d.below(4)).map(|_| branch(d)).collect();
            let first = d.mostly(&number());
            let operands = [vec![first], inputs].concat();
            (Region::Switch(Switch { branches }), operands)
        }
        "check" => {
            let (condition, passed) = (d.of(DType::Bool), d.types());
            let numbers: Vec<Type> = (0..d.below(3))
                .map(|_| condition.with_dtype(d.dtype()))
                .collect();
            let reported = d.count(numbers.len());
            let message = "a \"message\" with {}".to_string();
            let given = d.some([vec![condition], numbers, passed.clone()].concat());
            let check = Check {
                message,
                reported,
                passed,
            };
            (Region::Check(check), given)
        }
        _ => calls(d, name),
    };
    (Op::Region(Arc::new(region)), operands)
}

fn loops(d: &mut Draw, name: &str) -> (Region, Vec<Type>) {
    let (consts, carried, mut items, mut kept) = (d.types(), d.types(), d.types(), d.types());
    let length = d.count(3);
    let counted = name == "for";
    if name != "scan" {
        items.clear();
    }
    items.retain(|t| t.batched(length).is_addressable());
    if d.seldom(2) {
        kept.retain(|t| t.batched(length).is_addressable());
    }
    let inputs = [vec![number()], consts.clone(), carried.clone()].concat();
    let condition = program(&d.some(inputs.clone()), &[Type::scalar(DType::Bool)]);
    let body = program(
        &d.some([inputs, items.clone()].concat()),
        &[carried.clone(), kept].concat(),
    );
    let region = Loop {
        trips: match name {
            "scan" => Trips::Fixed(length),
            "for" => Trips::Counted,
            _ => Trips::While(condition),
        },
        reverse: name != "while" && d.seldom(2),
        consts: d.count(consts.len()),
        carries: d.count(carried.len()),
        body,
    };
    let first = counted.then(number).into_iter().collect();
    let sequences = items.iter().map(|t| t.batched(length)).collect();
    let operands = [first, consts, carried, sequences].concat();
    (Region::Loop(region), d.some(operands))
}

fn calls(d: &mut Draw, name: &str) -> (Region, Vec<Type>) {
    let (fixed, free, results, residuals) = (d.types(), d.types(), d.types(), d.types());
    let all = [fixed.clone(), free.clone()].concat();
    let body = program(&d.some(all.clone()), &results);
    let call = match name {
        "checkpoint" => Recompute::checkpoint(body),
        "scoped" => Recompute::call(Recomputed::Scoped, body),
        "with_cost" => {
            let cost = UserCost {
                value: d.count(3) as u64,
                tangent: d.count(0) as u64,
                cotangent: d.count(1) as u64,
            };
            Recompute::call(Recomputed::Costed(cost), body)
        }
        "undefined_tangent" => {
            let reason = Reason::Forward;
            Call::Undefined(Undefined { body, reason })
        }
        "custom_jvp" => {
            let rule = [all.clone(), results.clone(), floats(&free)].concat();
            Call::CustomJvp(CustomJvp {
                body,
                rule: program(&rule, &floats(&results)),
                fixed: d.count(fixed.len()),
            })
        }
        "custom_vjp" => {
            let kept = [results.clone(), residuals.clone()].concat();
            let back = [residuals, floats(&results)].concat();
            Call::CustomVjp(CustomVjp {
                body,
                forward: program(&all, &d.some(kept)),
                backward: program(&back, &floats(&free)),
                fixed: d.count(fixed.len()),
            })
        }
        "custom_vjp_tangent" => {
            let back = [fixed.clone(), results].concat();
            Call::BackwardOnly(BackwardOnly {
                backward: program(&back, &free),
                residuals: d.count(fixed.len()),
            })
        }
        "with_cotangent" => Call::Hook(CotangentHook {
            backward: program(&d.some(all.clone()), &free),
            residuals: d.count(fixed.len()),
        }),
        "linear_call" => {
            let back = [fixed.clone(), results].concat();
            Call::Linear(Linear {
                body,
                transpose: program(&back, &free),
                residuals: d.count(fixed.len()),
            })
        }
        _ => Call::Solve(Solve {
            apply: program(&all, &free),
            apply_transposed: program(&all, &d.some(free.clone())),
            solve: program(&all, &free),
            solve_transposed: program(&all, &free),
            residuals: d.count(fixed.len()),
        }),
    };
    (Region::Call(call), all)
}

/// The types of the results of `region` on these operands, if it takes them.
pub fn expected(region: &Region, operands: &[Type]) -> Option<Vec<Type>> {
    let fits = match region {
        Region::Loop(r) => fits_loop(r, operands)?,
        Region::Switch(r) => {
            let first = r.branches.first()?;
            operands.first() == Some(&number())
                && r.branches.iter().all(|b| {
                    b.input_types() == operands[1..] && b.output_types() == first.output_types()
                })
        }
        Region::Check(c) => {
            let numbers = 1 + c.reported as i128;
            numbers + c.passed.len() as i128 == operands.len() as i128
                && operands[0].dtype == DType::Bool
                && (operands[1..numbers as usize].iter()).all(|t| t.shape == operands[0].shape)
                && operands[numbers as usize..] == c.passed
        }
        Region::Call(call) => fits_call(call, operands)?,
    };
    fits.then(|| results(region, operands))
}

fn results(region: &Region, operands: &[Type]) -> Vec<Type> {
    match region {
        Region::Loop(r) => {
            let mut results = r.body.output_types();
            for item in &mut results[r.carries..] {
                *item = match r.trips {
                    Trips::Fixed(n) => item.batched(n),
                    Trips::Counted | Trips::While(_) => item.listed(),
                };
            }
            results.extend(matches!(r.trips, Trips::While(_)).then(number));
            results
        }
        Region::Switch(r) => r.branches[0].output_types(),
        Region::Check(r) => r.passed.clone(),
        Region::Call(Call::BackwardOnly(call)) => {
            call.backward.input_types()[call.residuals..].to_vec()
        }
        Region::Call(Call::Hook(call)) => operands[call.residuals..].to_vec(),
        Region::Call(call) => call.body().output_types(),
    }
}

fn fits_loop(r: &Loop, operands: &[Type]) -> Option<bool> {
    let counted = r.trips == Trips::Counted;
    let (inputs, outputs) = (r.body.input_types(), r.body.output_types());
    let fixed = r.consts as i128 + r.carries as i128;
    let operands = match counted {
        true => (operands.first()? == &number()).then(|| &operands[1..])?,
        false => operands,
    };
    if operands.len() as i128 != inputs.len() as i128 - 1 || fixed > operands.len() as i128 {
        return None;
    }
    let (stay, sequences) = operands.split_at(fixed as usize);
    let of_body = inputs[0] == number() && inputs[1..=stay.len()] == *stay;
    let carried = outputs.get(..r.carries)? == &stay[r.consts..];
    let kept = &outputs[r.carries..];
    let trips = match &r.trips {
        Trips::Fixed(n) => {
            let longer = |item: &Type| [vec![*n as i128], sizes(item)].concat();
            i64::try_from(*n).is_ok()
                && (inputs[1 + stay.len()..].iter().zip(sequences))
                    .all(|(item, whole)| memory(item.dtype, &longer(item)).as_ref() == Some(whole))
                && kept
                    .iter()
                    .all(|item| memory(item.dtype, &longer(item)).is_some())
        }
        Trips::Counted => sequences.is_empty(),
        Trips::While(condition) => {
            sequences.is_empty()
                && condition.input_types() == inputs[..=stay.len()]
                && condition.output_types() == [Type::scalar(DType::Bool)]
                && !r.reverse
        }
    };
    Some(of_body && carried && trips)
}

fn fits_call(call: &Call, operands: &[Type]) -> Option<bool> {
    Some(match call {
        Call::Recompute(Recompute { body, .. }) | Call::Undefined(Undefined { body, .. }) => {
            body.input_types() == operands
        }
        Call::CustomJvp(CustomJvp { body, rule, fixed }) => {
            let (results, free) = (body.output_types(), operands.get(*fixed..)?);
            let wanted = [operands, &results, &floats(free)].concat();
            body.input_types() == operands
                && rule.input_types() == wanted
                && rule.output_types() == floats(&results)
        }
        Call::CustomVjp(CustomVjp {
            body,
            forward,
            backward,
            fixed,
        }) => {
            let (results, kept) = (body.output_types(), forward.output_types());
            let free = operands.get(*fixed..)?;
            let residuals = kept.get(results.len()..)?;
            body.input_types() == operands
                && forward.input_types() == operands
                && kept[..results.len()] == results
                && backward.input_types() == [residuals, &floats(&results)].concat()
                && backward.output_types() == floats(free)
        }
        Call::BackwardOnly(BackwardOnly {
            backward,
            residuals,
        }) => {
            let inputs = backward.input_types();
            operands == [inputs.get(..*residuals)?, &backward.output_types()].concat()
        }
        Call::Hook(CotangentHook {
            backward,
            residuals,
        }) => {
            let inputs = backward.input_types();
            inputs == operands && backward.output_types() == operands.get(*residuals..)?
        }
        Call::Linear(Linear {
            body,
            transpose,
            residuals,
        }) => {
            let linear = operands.get(*residuals..)?;
            let back = [&operands[..*residuals], &body.output_types()].concat();
            body.input_types() == operands
                && transpose.input_types() == back
                && transpose.output_types() == linear
        }
        Call::Solve(solve) => {
            let linear = operands.get(solve.residuals..)?;
            [
                &solve.apply,
                &solve.apply_transposed,
                &solve.solve,
                &solve.solve_transposed,
            ]
            .into_iter()
            .all(|body| body.input_types() == operands && body.output_types() == linear)
        }
    })
}
