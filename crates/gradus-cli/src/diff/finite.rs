//! Finds the part of a formula that makes a result infinite or NaN.

use super::subject::{First, Found, Subject};
use gradus::debug::{NanReport, find_nan};
use gradus::{DType, Result, Tensor, grad, hessian, jacobian_tree};

/// For the first result that is not finite, a note that names the operation that made it so.
pub fn note(subject: &Subject, found: &Found) -> Result<Option<String>> {
    let (f, x) = (subject.function(), &subject.values);
    let (first, name) = match &found.first {
        First::Gradient(all) => (all, "gradient"),
        First::Jacobian(all) => (all, "Jacobian"),
    };
    let told = |name: &str, report: Option<NanReport>| {
        Ok(Some(format!(
            "the {name} is not finite: {}",
            cause(subject, report)
        )))
    };
    if !is_finite(&found.value)? {
        return told("value", find_nan(&f, x)?);
    }
    for slope in first {
        if !is_finite(slope)? {
            let report = match &found.first {
                First::Gradient(_) => find_nan(grad(&f), x)?,
                First::Jacobian(_) => find_nan(jacobian_tree(&f), x)?,
            };
            return told(name, report);
        }
    }
    match &found.hessian {
        Some(second) if !is_finite(second)? => {
            let second = hessian(subject.of_vector());
            told("Hessian", find_nan(second, &subject.point())?)
        }
        _ => Ok(None),
    }
}

fn is_finite(x: &Tensor) -> Result<bool> {
    let all = x.astype(DType::F64).to_vec::<f64>()?;
    Ok(all.iter().all(|v| v.is_finite()))
}

fn cause(subject: &Subject, report: Option<NanReport>) -> String {
    let Some(report) = report else {
        return "it is made of a number of the formula that is not finite".into();
    };
    let text = report.message();
    let head = text.lines().next().unwrap_or_default();
    if report.operation == "input" {
        // The path of a variable is its position.
        let path = report.nearest.first().map_or("", String::as_str);
        let digits: String = path.chars().filter(char::is_ascii_digit).collect();
        let name = digits
            .parse()
            .ok()
            .and_then(|k: usize| subject.names.get(k));
        return match name {
            Some(name) => format!("the variable `{name}` is not"),
            None => "a number of the formula is not".into(),
        };
    }
    match report.loc().is_known() {
        true => format!("{head} in {}", report.loc()),
        false => head.to_string(),
    }
}
