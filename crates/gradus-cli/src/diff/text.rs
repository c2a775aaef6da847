//! The output of `diff` for people.

use super::Told;
use super::plans::Plans;
use super::subject::{First, Subject};
use gradus::{Graph, Tensor};
use std::fmt::Write;

pub fn report(told: &Told<'_>) -> String {
    let (subject, found) = (told.subject, told.found);
    let mut out = format!("value  {}\n", indented(&found.value, 7));
    match &found.first {
        First::Gradient(slopes) => {
            out.push_str("\ngradient\n");
            let widest = subject.names.iter().map(|n| n.chars().count()).max();
            let widest = widest.unwrap_or(0);
            for (name, slope) in subject.names.iter().zip(slopes) {
                let _ = writeln!(out, "  {name:widest$}  {}", indented(slope, widest + 4));
            }
        }
        First::Jacobian(blocks) => {
            out.push_str("\nJacobian\n");
            for (name, block) in subject.names.iter().zip(blocks) {
                let _ = writeln!(out, "  by {name}\n    {}", indented(block, 4));
            }
        }
    }
    if let Some(second) = &found.hessian {
        let _ = writeln!(
            out,
            "\nHessian, its rows and columns by {}\n  {}",
            subject.columns().join(", "),
            indented(second, 2)
        );
    }
    if let Some(graph) = &told.program {
        program(subject, graph, &mut out);
    }
    if let Some(all) = &told.plans {
        out.push_str(&plans(all));
    }
    out
}

fn program(subject: &Subject, graph: &Graph, out: &mut String) {
    out.push_str("\nthe derivative as a program:\n");
    let names = subject.names.iter().enumerate();
    let inputs: Vec<String> = names.map(|(k, name)| format!("%{k} is {name}")).collect();
    let lists = match graph.inputs().len() > subject.names.len() {
        true => "; the other inputs are lists of numbers in the formula",
        false => "",
    };
    let _ = write!(out, "# {}{lists}\n{graph}", inputs.join(", "));
}

pub fn plans(plans: &Plans) -> String {
    let mut out = format!(
        "\nthe plan of the derivative:\n{}",
        plans.derivative.explain()
    );
    if let Some(hessian) = &plans.hessian {
        let _ = write!(out, "\nthe plan of the Hessian:\n{}", hessian.explain());
    }
    out
}

/// The numbers of `x`; each line after the first begins with `columns` spaces.
fn indented(x: &Tensor, columns: usize) -> String {
    let text = match x.item::<f64>() {
        // As in arrays. The sign and bits of a NaN do not matter here.
        Ok(value) if value.is_nan() && x.rank() == 0 => "nan".to_string(),
        _ => x.to_string(),
    };
    text.replace('\n', &format!("\n{}", " ".repeat(columns)))
}
