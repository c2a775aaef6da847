//! `gradus diff`: the derivatives of a formula at a point, and the program that computes them.

use crate::dataset::broken;
use crate::formula::Formula;
use crate::formula::at::Variables;
use crate::options::DiffOptions;
use gradus::{Graph, Result, Tensor, dot, grad, hessian_tree, jacobian_tree, trace};
use std::fmt::Write;
use std::fs;

pub fn run(options: &DiffOptions) -> Result<()> {
    let report = Report::new(&options.formula, &options.at)?;
    if let Some(path) = &options.dot {
        fs::write(path, dot::render(&report.graph))
            .map_err(|e| broken(path, format_args!("cannot be written: {e}")))?;
    }
    for note in &report.notes {
        eprintln!("note: {note}");
    }
    print!("{}", report.text);
    Ok(())
}

struct Report {
    notes: Vec<String>,
    text: String,
    graph: Graph,
}

impl Report {
    fn new(text: &str, at: &str) -> Result<Report> {
        let Variables { names, values } = Variables::parse(at)?;
        let sizes: Vec<Option<usize>> = values.iter().map(|v| v.shape().first().copied()).collect();
        let formula = Formula::parse(text, &names).map_err(|m| m.in_text(text))?;
        let outputs = formula.check(&sizes).map_err(|m| m.in_text(text))?;
        let f = |x: &Vec<Tensor>| formula.evaluate(x);
        let mut out = format!("value  {}\n", indented(&f(&values), 7));
        let graph = match outputs {
            None => {
                let slopes = grad(f)(&values);
                out.push_str("\ngradient\n");
                let widest = names.iter().map(String::len).max().unwrap_or(0);
                for (name, slope) in names.iter().zip(&slopes) {
                    let _ = writeln!(out, "  {name:widest$}  {}", indented(slope, widest + 4));
                }
                let columns: Vec<String> = names
                    .iter()
                    .zip(&sizes)
                    .map(|(name, size)| match size {
                        None => name.clone(),
                        Some(n) => {
                            format!("{name} ({n} element{})", if *n == 1 { "" } else { "s" })
                        }
                    })
                    .collect();
                let second = hessian_tree(f)(&values).matrix();
                let _ = writeln!(
                    out,
                    "\nHessian, its rows and columns by {}\n  {}",
                    columns.join(", "),
                    indented(&second, 2)
                );
                trace(grad(f), &values)?
            }
            Some(_) => {
                let blocks = jacobian_tree(f)(&values);
                out.push_str("\nJacobian\n");
                for (k, name) in names.iter().enumerate() {
                    let block = blocks.get(&blocks.rows()[0], &blocks.columns()[k]);
                    let shown = block.map_or(String::new(), |b| indented(b, 4));
                    let _ = writeln!(out, "  by {name}\n    {shown}");
                }
                trace(jacobian_tree(f), &values)?
            }
        };
        out.push_str("\nthe derivative as a program:\n");
        let inputs: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(k, name)| format!("%{k} is {name}"))
            .collect();
        let lists = match graph.inputs().len() > names.len() {
            true => "; the other inputs are lists of numbers in the formula",
            false => "",
        };
        let _ = write!(out, "# {}{lists}\n{graph}", inputs.join(", "));
        let notes = names
            .iter()
            .enumerate()
            .filter(|(k, _)| !formula.uses(*k))
            .map(|(_, name)| format!("`{name}` does not occur in the formula"))
            .collect();
        Ok(Report {
            notes,
            text: out,
            graph,
        })
    }
}

/// The numbers of `x`, lines after the first with `columns` spaces before them.
fn indented(x: &Tensor, columns: usize) -> String {
    let text = match x.item::<f64>() {
        // As in arrays; the sign and bits of what is no number say nothing here.
        Ok(value) if value.is_nan() && x.rank() == 0 => "nan".to_string(),
        _ => x.to_string(),
    };
    text.replace('\n', &format!("\n{}", " ".repeat(columns)))
}
