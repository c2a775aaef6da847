//! Loops, choices, calls and checks.

use crate::array::{Tensor, Value};
use crate::run::Run;
use gradus_ir::primitives::{Call, Check, Loop, Region, Switch, Trips};
use gradus_ir::{DType, Error, ErrorKind, Kind, Literal, Result, Type};

/// Runs a region and gives its results, which have these types.
pub fn region(
    run: &mut Run,
    region: &Region,
    types: &[Type],
    operands: &[Value],
) -> Result<Vec<Value>> {
    match region {
        Region::Loop(r) => steps(run, r, types, operands),
        Region::Switch(r) => branch(run, r, operands),
        Region::Call(r) => call(run, r, operands),
        Region::Check(r) => check(r, operands),
    }
}

/// Runs a loop step by step.
fn steps(run: &mut Run, r: &Loop, types: &[Type], operands: &[Value]) -> Result<Vec<Value>> {
    let (places, leaving) = (r.operands(), r.outputs());
    let total = match r.trips {
        Trips::Fixed(n) => Some(n),
        Trips::Counted => Some(number(&operands[0]).max(0) as usize),
        Trips::While(_) => None,
    };
    let mut carried = operands[places.carries.clone()].to_vec();
    let mut kept: Vec<Vec<(usize, Tensor)>> = vec![Vec::new(); leaving.kept.len()];
    let mut done = 0;
    while total.is_none_or(|n| done < n) {
        let step = match total {
            Some(n) if r.reverse => n - 1 - done,
            _ => done,
        };
        let mut inputs = vec![whole(step)?];
        inputs.extend_from_slice(&operands[places.consts.clone()]);
        inputs.append(&mut carried);
        if let Trips::While(condition) = &r.trips {
            let goes_on = run.graph(condition, &inputs)?;
            if number(&goes_on[0]) == 0 {
                carried = inputs.split_off(r.inputs().carries.start);
                break;
            }
        }
        for sequence in &operands[places.sequences.clone()] {
            inputs.push(Value::Array(item(sequence, step, total.unwrap_or(0))?));
        }
        let mut outputs = run.graph(&r.body, &inputs)?;
        for (kept, item) in kept.iter_mut().zip(outputs.split_off(leaving.kept.start)) {
            kept.push((step, item.array().clone()));
        }
        carried = outputs;
        done += 1;
    }
    let mut results = carried;
    for (mut items, ty) in kept.into_iter().zip(&types[leaving.kept]) {
        items.sort_by_key(|(step, _)| *step);
        let items = items.into_iter().map(|(_, item)| item).collect();
        results.push(match ty.is_list() {
            true => Value::List(items),
            false => Value::Array(Tensor::stacked(ty, items)),
        });
    }
    if r.steps().is_some() {
        results.push(whole(done)?);
    }
    Ok(results)
}

/// The item of a sequence for this step of a loop of `n` steps.
fn item(sequence: &Value, step: usize, n: usize) -> Result<Tensor> {
    match sequence {
        Value::Array(array) => Ok(array.item(step)),
        Value::List(items) => items.get(step).cloned().ok_or_else(|| {
            let has = items.len();
            let message = format!("a loop of {n} steps reads a list of {has} items");
            Error::new(ErrorKind::Graph, message)
        }),
    }
}

/// An index below 0 takes the first branch, an index beyond the last takes the last.
fn branch(run: &mut Run, r: &Switch, operands: &[Value]) -> Result<Vec<Value>> {
    let last = r.branches.len() - 1;
    let index = usize::try_from(number(&operands[0])).unwrap_or(0);
    run.graph(&r.branches[index.min(last)], &operands[1..])
}

fn call(run: &mut Run, call: &Call, operands: &[Value]) -> Result<Vec<Value>> {
    match (call, call.cannot_run()) {
        (_, Some(error)) => Err(error),
        // The forward pass is the identity; the hook changes only the backward pass.
        (Call::Hook(hook), None) => Ok(operands[hook.residuals..].to_vec()),
        (call, None) => run.graph(call.body(), operands),
    }
}

/// If the condition does not hold somewhere, the message has the reported numbers of the first such place.
fn check(r: &Check, operands: &[Value]) -> Result<Vec<Value>> {
    let condition = &operands[0].array().elements;
    let Some(place) = condition.iter().position(|holds| holds.as_i64() == 0) else {
        return Ok(operands[1 + r.reported..].to_vec());
    };
    let mut parts = r.message.split("{}");
    let mut message = parts.next().unwrap_or_default().to_string();
    for (part, numbers) in parts.zip(&operands[1..]) {
        message += &shown(numbers.array().elements[place]);
        message += part;
    }
    Err(Error::new(ErrorKind::Convergence, message))
}

fn shown(x: Literal) -> String {
    match x.dtype().kind() {
        Kind::Float(_) => format!("{:.2e}", x.as_f64()),
        Kind::Integer(_) | Kind::Bool => x.to_string(),
    }
}

fn number(value: &Value) -> i64 {
    value.array().number().as_i64()
}

fn whole(k: usize) -> Result<Value> {
    let number = Literal::from_i64(DType::I64, k as i64);
    let ty = Type::scalar(DType::I64);
    Ok(Value::Array(Tensor::build(&ty, |_| number)?))
}
