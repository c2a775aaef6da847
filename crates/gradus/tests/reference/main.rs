//! Values, gradients, Jacobians, Hessians and their compositions against JAX:
//! see `tests/reference/README.md` at the root.
//!
//! Every case of `reference.json`, `control.json` and `custom.json` is evaluated.
//! A case that is meant to differ is listed in [`DIFFERENT`] with the reason, and must differ.

mod compositions;
mod control;
mod edges;
mod functions;
#[path = "../../../../tests/near.rs"]
mod near;
mod operators;
mod randoms;
mod rules;

use gradus::prelude::*;
use near::near;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;

/// Cases in which Gradus chooses differently, and the reason.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "rule/hvp/doubled/f64",
        "the rule, wrong on purpose, holds for the value as well: there it gives `sin x` again, without its rule, and JAX takes the true derivative of that",
    ),
    ("rule/hvp/doubled_scan/f64", "as above"),
    (
        "op/dynamic_slice_clamped/f64",
        "a start out of bounds is an error here, never another slice",
    ),
    ("grad/dynamic_slice_clamped/f64", "as above"),
    ("hvp/dynamic_slice_clamped/f64", "as above"),
    (
        "edge/grad/abs/f64",
        "0 at 0: the middle of the slopes of both sides, and what a symmetric function should have",
    ),
    (
        "edge/grad/relu6/f64",
        "composed of relu and a minimum here, whose tie at 6 is shared half and half",
    ),
    (
        "edge/grad/pow0/f64",
        "x^0 is 1 everywhere, so its slope is 0, also at 0",
    ),
    ("edge/grad/pow_pairs/f64", "as above, for 0^0"),
    (
        "edge/grad/hypot_pole/f64",
        "0 at the pole, by the slope of the absolute value",
    ),
];

/// A line of the file.
pub struct Case {
    name: String,
    inputs: Vec<Tensor>,
    outputs: Vec<Wanted>,
    tolerance: f64,
}

struct Wanted {
    dtype: DType,
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Case {
    /// The part of the name after the group and before the element type.
    fn subject(&self) -> &str {
        let (_, rest) = self.name.split_once('/').unwrap();
        rest.rsplit_once('/').map_or(rest, |(subject, _)| subject)
    }
}

fn number(v: &Value) -> f64 {
    match v {
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::String(s) => s.parse().unwrap(),
        // Integers here are below 2^53 in size.
        _ => v.as_f64().unwrap(),
    }
}

fn dtype(name: &str) -> DType {
    DType::from_name(name).unwrap_or_else(|| panic!("no element type {name}"))
}

fn wanted(v: &Value) -> Wanted {
    let dtype = dtype(v["dtype"].as_str().unwrap());
    Wanted {
        dtype,
        shape: v["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d.as_u64().unwrap() as usize)
            .collect(),
        values: v["data"]
            .as_array()
            .unwrap()
            .iter()
            // The shortest decimals of an f32 are not its exact value.
            .map(|v| {
                if dtype == F32 {
                    f64::from(number(v) as f32)
                } else {
                    number(v)
                }
            })
            .collect(),
    }
}

fn tensor(w: Wanted) -> Tensor {
    let t = match w.dtype {
        // Exact: seeds and bits.
        I64 => Tensor::new(
            w.values.iter().map(|&v| v as i64).collect::<Vec<_>>(),
            &w.shape,
        ),
        _ => Tensor::new(w.values, &w.shape),
    };
    t.unwrap().astype(w.dtype)
}

fn cases(file: &str) -> Vec<Case> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/");
    let text = std::fs::read_to_string(format!("{folder}{file}.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let default = &file["header"]["default_tol"];
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(
        cases.len() as u64,
        file["header"]["cases"].as_u64().unwrap()
    );
    cases
        .iter()
        .map(|c| {
            let outputs: Vec<Wanted> = c["outputs"]
                .as_array()
                .unwrap()
                .iter()
                .map(wanted)
                .collect();
            let float = outputs.iter().find(|o| o.dtype.has_derivatives());
            let usual = float.map_or(0.0, |o| default[o.dtype.name()].as_f64().unwrap());
            Case {
                name: c["name"].as_str().unwrap().into(),
                inputs: c["inputs"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| tensor(wanted(v)))
                    .collect(),
                outputs,
                tolerance: c["tol"].as_f64().unwrap_or(usual),
            }
        })
        .collect()
}

/// The first difference between `got` and the case, if any.
fn difference(case: &Case, got: &[Tensor]) -> Option<String> {
    if got.len() != case.outputs.len() {
        return Some(format!(
            "{} outputs instead of {}",
            got.len(),
            case.outputs.len()
        ));
    }
    for (k, (g, w)) in got.iter().zip(&case.outputs).enumerate() {
        let kinds = g.dtype() == w.dtype || g.dtype().is_integer() && w.dtype.is_integer();
        if !kinds || g.shape() != w.shape {
            return Some(format!(
                "output {k} is {}{:?} instead of {}{:?}",
                g.dtype(),
                g.shape(),
                w.dtype,
                w.shape
            ));
        }
        let values = match g.astype(F64).to_vec::<f64>() {
            Ok(values) => values,
            Err(e) => return Some(e.to_string()),
        };
        let tolerance = if w.dtype.has_derivatives() {
            case.tolerance
        } else {
            0.0
        };
        for (i, (&g, &w)) in values.iter().zip(&w.values).enumerate() {
            let right = g.is_nan() && w.is_nan() || near(g, w, tolerance);
            if !right {
                return Some(format!("output {k}, element {i}: {g:e} instead of {w:e}"));
            }
        }
    }
    None
}

/// The results of Gradus, or the reason why there are none.
fn evaluate(case: &Case) -> Result<Vec<Tensor>, String> {
    let (group, _) = case.name.split_once('/').unwrap();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match group {
        "op" | "deriv" | "grad" | "hvp" => operators::evaluate(group, case),
        "jac" | "jac2" | "hess" | "hvp_of" | "third" => functions::evaluate(group, case),
        "edge" => edges::evaluate(case),
        "net" | "comp" => compositions::evaluate(case),
        "ctl" => control::evaluate(case),
        "random" => randoms::evaluate(case),
        "rule" => rules::evaluate(case),
        _ => None,
    }));
    match outcome {
        Ok(Some(results)) => Ok(results),
        Ok(None) => Err("there is no such case here".into()),
        Err(panic) => Err(panic
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| "panic".into())),
    }
}

/// Evaluates each case of a file. There must be at least `least`.
fn compare(file: &str, least: usize) {
    compare_part(file, (0, 1), least);
}

/// Evaluates part `k` of `n` of the cases of a file. It must have at least `least`.
fn compare_part(file: &str, (k, n): (usize, usize), least: usize) {
    let (mut failures, mut checked) = (String::new(), HashMap::<String, usize>::new());
    for case in cases(file).into_iter().skip(k).step_by(n) {
        let fault = match evaluate(&case) {
            Ok(results) => difference(&case, &results),
            Err(why) => Some(why),
        };
        let meant = DIFFERENT.iter().find(|(name, _)| *name == case.name);
        match (fault, meant) {
            (Some(fault), None) => writeln!(failures, "{}: {fault}", case.name).unwrap(),
            (None, Some(_)) => {
                writeln!(failures, "{}: is said to differ and does not", case.name).unwrap()
            }
            _ => {
                *checked
                    .entry(case.name.split('/').next().unwrap().into())
                    .or_default() += 1
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert!(checked.values().sum::<usize>() >= least, "{checked:?}");
}

#[test]
fn results_are_those_of_jax() {
    compare("reference", 800);
}

/// Two tests, so that they run in parallel.
#[test]
fn results_of_control_flow_are_those_of_jax() {
    compare_part("control", (0, 2), 250);
}

#[test]
fn other_results_of_control_flow_are_those_of_jax() {
    compare_part("control", (1, 2), 250);
}

#[test]
fn results_of_rules_and_solvers_are_those_of_jax() {
    compare("custom", 36);
}

/// The nodes of an operator that the library composes belong to the line that called it.
#[test]
fn every_node_has_the_place_of_its_operator() {
    let mut elsewhere = std::collections::BTreeSet::new();
    for case in cases("reference")
        .iter()
        .filter(|c| c.name.starts_with("op/"))
    {
        let f = |x: &Vec<Tensor>| operators::operator(case.subject(), x, case).unwrap();
        let graph = trace(f, &case.inputs).unwrap();
        for id in graph.ids().filter(|id| !graph.inputs().contains(id)) {
            let loc = graph.maker(id).loc;
            if !loc.to_string().contains("operators.rs") {
                elsewhere.insert(format!("{}: {loc}", case.subject()));
            }
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}
