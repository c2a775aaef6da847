//! The output of `diff` for programs.

use super::Told;
use super::subject::First;
use gradus::Tensor;

/// One object. A derivative by a vector has one more axis.
/// The rows and columns of the Hessian are the variables, one after the other.
pub fn report(told: &Told<'_>) -> String {
    let (subject, found) = (told.subject, told.found);
    let by_name = |all: &[Tensor]| {
        let names = subject.names.iter().zip(all);
        let entries: Vec<String> = names
            .map(|(name, x)| format!("{}: {}", quoted(name), numbers(x)))
            .collect();
        format!("{{{}}}", entries.join(", "))
    };
    let notes: Vec<String> = told.notes.iter().map(|n| quoted(n)).collect();
    let mut entries = vec![
        ("formula", quoted(&subject.text)),
        ("at", by_name(&subject.values)),
        ("notes", format!("[{}]", notes.join(", "))),
        ("value", numbers(&found.value)),
    ];
    entries.push(match &found.first {
        First::Gradient(slopes) => ("gradient", by_name(slopes)),
        First::Jacobian(blocks) => ("jacobian", by_name(blocks)),
    });
    if let Some(hessian) = &found.hessian {
        entries.push(("hessian", numbers(hessian)));
    }
    if let Some(program) = &told.program {
        entries.push(("program", quoted(&program.to_string())));
    }
    if let Some(plans) = &told.plans {
        entries.push((
            "plan",
            plans.derivative.plan().to_json().trim_end().to_string(),
        ));
        if let Some(hessian) = &plans.hessian {
            entries.push((
                "hessian_plan",
                hessian.plan().to_json().trim_end().to_string(),
            ));
        }
    }
    let lines: Vec<String> = entries
        .iter()
        .map(|(name, value)| format!("  \"{name}\": {value}"))
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// The elements as nested lists, one level for each axis.
fn numbers(x: &Tensor) -> String {
    let all = x.to_vec::<f64>().unwrap_or_default();
    let parts: Vec<String> = all.iter().map(|&v| number(v)).collect();
    let lists = x.shape().iter().rev().fold(parts, |parts, &n| {
        let lists = parts.chunks(n.max(1));
        lists.map(|l| format!("[{}]", l.join(", "))).collect()
    });
    lists.concat()
}

/// JSON has no infinity and no NaN, so they are written as strings.
fn number(value: f64) -> String {
    match value.is_finite() {
        true => format!("{value:?}"),
        false if value.is_nan() => quoted("nan"),
        false => quoted(&value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
